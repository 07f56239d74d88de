//! Ablation studies of MADE, the masked autoencoder for distribution estimation.
//!
//! A study is one TOML file. It is expanded into runs, the runs are trained in parallel, and what they leave on disk is
//! turned into tables and figures. Modules import only from those listed above them; `docs/ARCHITECTURE.md` says why.

pub(crate) use ablade_numerics::regular;
pub use ablade_numerics::{config, cost, data, made, npy, rng, stats, text, train};

pub mod plan;

pub mod sweep;

pub mod record;

pub mod run;
pub mod schedule;
pub mod store;

pub mod study;

pub mod figures;
pub mod launch;
pub mod runner;

pub mod cli;
