//! Carries out the runs of a plan on this machine, beside other processes that do the same, and
//! tells an [`Observer`] how it goes. It prints nothing, listens for no signal and knows no command
//! line: a [`Worker`] is what `ablade sweep` runs, and what a program of your own can run.

mod estimate;
pub mod machine;
mod training;
mod worker;

use std::num::NonZeroUsize;

use crate::store::{EpochRow, RunStatus, Summary};
use crate::trainer::Metrics;

pub use estimate::Estimate;
pub use training::{Elapsed, Trained, Training};
pub use worker::{Ready, Worker, WorkerReport, damaged};

/// A run as an observer knows it. Runs of a pass have numbers, from 0.
#[derive(Debug, Clone)]
pub struct RunLine {
    /// The variant's label and the seed.
    pub label: String,
    /// Epochs that it is to take.
    pub epochs: usize,
    /// Share of the whole in any unit, for the time left.
    pub cost: f64,
}

/// How a run of a pass ended.
#[derive(Debug)]
pub enum End {
    /// Finished, and published.
    Finished(Summary),
    /// Diverged, which is a result; the reason.
    Diverged(String),
    /// Failed; the reason.
    Failed(String),
    /// Interrupted; the next start goes on.
    Abandoned,
    /// Left to another process; it had not begun.
    Declined,
}

impl End {
    /// The end of a run that is published.
    pub fn of(summary: Summary) -> Self {
        match summary.status {
            RunStatus::Diverged => Self::Diverged(summary.error.unwrap_or_default()),
            _ => Self::Finished(summary),
        }
    }
}

/// Hears how runs go. Methods may be called from any thread; `run` is the number of a run in the
/// pass.
pub trait Observer: Sync {
    /// A pass over runs that report these metrics begins.
    fn begins(&self, title: &str, runs: Vec<RunLine>, metrics: &Metrics);
    /// A run begins on so many threads.
    fn started(&self, run: usize, threads: NonZeroUsize);
    /// A run has finished an epoch.
    fn epoch(&self, run: usize, row: &EpochRow);
    /// Something is worth knowing of a run that goes on all the same.
    fn noted(&self, run: usize, text: &str);
    /// Another process does a run, or has done it.
    fn declined(&self, run: usize, why: &str);
    /// A run has ended.
    fn ended(&self, run: usize, end: &End);
    /// The tasks in which a scheduler holds runs, in a few words; told again while they stay the
    /// same.
    fn queue(&self, text: &str) {
        let _ = text;
    }
    /// The pass is over; a sentence sums it up unless it was interrupted.
    fn over(&self, summary: Option<&str>);
    /// A remark on the whole.
    fn remark(&self, text: &str);
    /// Something is not as it should be, and yet no reason to stop.
    fn warn(&self, text: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn begins(&self, _: &str, _: Vec<RunLine>, _: &Metrics) {}
    fn started(&self, _: usize, _: NonZeroUsize) {}
    fn epoch(&self, _: usize, _: &EpochRow) {}
    fn noted(&self, _: usize, _: &str) {}
    fn declined(&self, _: usize, _: &str) {}
    fn ended(&self, _: usize, _: &End) {}
    fn over(&self, _: Option<&str>) {}
    fn remark(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}
