//! What lands on disk: run directories published whole, and the plans and tables beside them.
//!
//! ```text
//! results/
//!   runs/<id>/               run.toml epochs.csv summary.toml samples.npy model.safetensors timing.toml checksums.toml
//!   runs/<id>.failed.toml    why the last attempt failed; gone once the run succeeds
//!   runs/<id>.damaged-<n>/   a run whose bytes no longer match its checksums, moved aside and done again
//!   data/<fingerprint>.npy   the first test images of a data set, for figures
//!   <experiment>/            plan.json and the tables derived from it
//!   .writing-<host>-*/       what a live process is writing; removed once that process is certainly dead
//! ```
//!
//! Every file appears by rename, whole or not at all, so that neither a kill nor a second process can show a reader half
//! of one. Only `timing.toml` may differ between two equal executions; it stays outside the manifest for that reason.

mod atomic;
mod error;
mod experiments;
mod manifest;
mod names;
pub mod number;
mod runs;

pub use crate::record::{EpochRow, RunOutput, RunRecord, RunStatus, Summary, Timing};
pub use atomic::Store;
pub use error::StoreError;
pub use names::check_name;
pub use runs::{Failure, Publication};
