//! Executes the runs of a plan on this machine, next to other processes that may do the same, and
//! reports progress to an [`Observer`]. It prints nothing, handles no signals and knows no command
//! line: `ablade sweep` uses a [`Worker`], and so can any other program.

mod estimate;
pub mod machine;
mod training;
mod worker;

use std::num::NonZeroUsize;

use crate::plan::RunId;
use crate::store::{EpochRow, RunStatus, Summary};
use crate::trainer::Metrics;

pub use estimate::{CostEstimate, time_words};
pub use training::{Elapsed, Trained, Training};
pub use worker::{Ready, Worker, WorkerReport, damaged};

/// Description of a run for an observer. Runs of a pass are numbered from 0.
#[derive(Debug, Clone)]
pub struct RunLine {
    /// Its id.
    pub run: RunId,
    /// The variant's label and the seed.
    pub label: String,
    /// Number of epochs that it will take.
    pub epochs: usize,
    /// Cost relative to the other runs, in any unit, to estimate the remaining time.
    pub cost: f64,
    /// Number of training examples of an epoch, if it is known.
    pub examples: Option<usize>,
}

/// Runs that an observer is told of.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Sentence on the pass.
    pub title: String,
    /// Its runs.
    pub runs: Vec<RunLine>,
    /// Estimated time until the last run ends [s], if it is known.
    pub seconds: Option<f64>,
}

/// End of a run in a pass.
#[derive(Debug)]
pub enum RunEnd {
    /// Finished, and published.
    Finished(Summary),
    /// Diverged, which is a result, with the reason.
    Diverged(String),
    /// Failed, with the reason.
    Failed(String),
    /// Interrupted; the next start resumes it.
    Abandoned,
    /// Not started, because another process executes it.
    Declined,
}

impl RunEnd {
    /// End of a published run.
    pub fn of(summary: Summary) -> Self {
        match summary.status {
            RunStatus::Diverged => Self::Diverged(summary.error.unwrap_or_default()),
            _ => Self::Finished(summary),
        }
    }
}

/// Receiver of progress. Methods may be called from any thread; `run` is the number of a run in the
/// pass.
pub trait Observer: Sync {
    /// A pass begins, over runs that report these metrics.
    fn begins(&self, pass: Pass, metrics: &Metrics);
    /// A run begins on this number of threads.
    fn started(&self, run: usize, threads: NonZeroUsize);
    /// A run has finished an epoch.
    fn epoch(&self, run: usize, row: &EpochRow);
    /// A remark on a run that continues.
    fn noted(&self, run: usize, text: &str);
    /// Another process executes a run, or has executed it.
    fn declined(&self, run: usize, why: &str);
    /// A run has ended.
    fn ended(&self, run: usize, end: &RunEnd);
    /// Short description of the tasks in a scheduler's queue; repeated while it does not change.
    fn queue(&self, text: &str) {
        let _ = text;
    }
    /// The pass has ended; `summary` is a sentence about it, unless it was interrupted.
    fn over(&self, summary: Option<&str>);
    /// A remark on the whole pass.
    fn remark(&self, text: &str);
    /// A problem that is not a reason to stop.
    fn warn(&self, text: &str);
}

/// Observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn begins(&self, _: Pass, _: &Metrics) {}
    fn started(&self, _: usize, _: NonZeroUsize) {}
    fn epoch(&self, _: usize, _: &EpochRow) {}
    fn noted(&self, _: usize, _: &str) {}
    fn declined(&self, _: usize, _: &str) {}
    fn ended(&self, _: usize, _: &RunEnd) {}
    fn over(&self, _: Option<&str>) {}
    fn remark(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}
