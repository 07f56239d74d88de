//! Ablation studies of MADE, the masked autoencoder for distribution estimation.
//!
//! An experiment is one TOML file. It is expanded into runs, the runs are trained in parallel, and
//! what they leave on disk is turned into tables and figures:
//!
//! ```text
//! experiment::load -> Experiment::plan -> runner::Worker::train -> results::tables::write_all
//! ```
//!
//! `examples/` has this as a program of thirty lines, one that trains a single model, and one that
//! draws from a trained run. Modules import only from those listed above them;
//! `docs/ARCHITECTURE.md` says why.

pub(crate) use ablade_numerics::regular;
pub use ablade_numerics::{config, cost, data, made, npy, parallel, rng, stats, text, train};

pub mod record;
pub mod trainer;

mod columns;
pub mod plan;

pub mod experiment;
pub mod schedule;
pub mod store;

pub mod results;

pub mod figures;
pub mod runner;

pub mod session;

pub mod launch;

pub mod page;

pub mod trainers;

pub mod cli;
