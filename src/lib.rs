//! Ablation studies: an experiment is one TOML file; its runs are trained in parallel, and what they
//! leave on disk becomes tables, verdicts and figures.
//!
//! ```
//! use std::{error::Error, path::Path, sync::Arc};
//!
//! use ablade::experiment::{Overrides, load_with};
//! use ablade::results::tables;
//! use ablade::runner::{Ready, Silent, Worker};
//! use ablade::{store::Store, trainers::made::MadeTrainer};
//!
//! # fn main() -> Result<(), Box<dyn Error>> {
//! let text = "data = { train = 40, valid = 9, test = 9, size = 8 }\nmodel.hidden = [8]\n\
//!     train = { epochs = 1, batch = 10 }\nseeds = 2\naxes.model.skip = [false, true]\n";
//! let trainer = MadeTrainer::shared();
//! let read = |_: &Path| Ok(text.to_owned());
//! let experiment = load_with(Path::new("skip.toml"), &Overrides::default(), &*trainer, &read)?;
//! let plan = experiment.plan(&*trainer)?;
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), trainer)?;
//! store.save_plan(&plan)?;
//! let mut worker = Worker::new(&plan, &store)?;
//! let threads = worker.threads;
//! let ready = |runs: &[&_]| -> Result<Ready, Box<dyn Error>> {
//!     Ok(Ready::load(&plan, runs, &store, threads)?)
//! };
//! worker.train(&Arc::default(), &Silent, ready)?;
//! let (results, _) = tables::write_all(&store, &plan)?;
//! assert_eq!(results.ablation(0).rows[1].label, "skip on");
//! # Ok(())
//! # }
//! ```
//!
//! `examples/` has this as a program, one that trains a single model, and one that draws from a
//! trained run. [`trainer::Trainer`] is the seam between the harness and a model;
//! `docs/ARCHITECTURE.md` draws the rest.

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

pub mod export;
pub mod figures;
pub mod runner;

pub mod session;

pub mod launch;

pub mod page;

pub mod trainers;

pub mod cli;
