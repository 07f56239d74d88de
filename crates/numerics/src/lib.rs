//! Everything that decides a number: random streams, data sets, the masked autoencoder and its
//! kernels, training, statistics.
//!
//! It knows no experiment, no store and no terminal, and is compiled with optimisation in every
//! profile. The package `ablade` shows all of it under its own name. Modules import only from those
//! listed above them.

pub mod npy;
pub mod parallel;
pub mod regular;
pub mod rng;
pub mod stats;
pub mod text;

pub mod data;

pub mod made;

pub mod train;

pub mod config;

pub mod cost;
