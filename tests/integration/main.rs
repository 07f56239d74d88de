//! Integration tests, one module for each feature: `cargo test --test integration grammar::` runs
//! those of one. They are one binary because each binary links the whole program again.
//!
//! Tests that need a process of their own are binaries next to this one: `data_fuzz` and `hostile`
//! replace the allocator, `torture` and `slurm` are started alone by `just torture` and
//! `just test-slurm`.

mod cli;
mod damage;
mod data;
mod export;
mod figures;
mod gather;
mod grammar;
mod guide;
mod history;
mod identity;
mod imports;
mod json;
mod launcher;
mod laws;
mod licences;
mod ownership;
mod page;
mod paper_figures;
mod plots;
mod program;
mod recomputed;
mod schedulers;
mod second_trainer;
mod statistics;
mod store_fuzz;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod trained;
mod words;
