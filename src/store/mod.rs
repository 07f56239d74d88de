//! What lands on disk: run directories published whole, and the tables derived from them.

pub use crate::record::{EpochRow, RunOutput, RunRecord, RunStatus, Summary, Timing};
