//! Jobs and their tasks, as every scheduler has them.

use std::path::Path;

/// State of the tasks of a job that a scheduler lists: some are waiting, others may be running.
pub const LISTED: &str = "IN THE QUEUE";

/// State of the tasks of a job that a scheduler no longer lists.
pub const UNLISTED: &str = "NO LONGER IN THE QUEUE";

/// State of the tasks of a job that was cancelled and is still listed.
pub const ENDING: &str = "BEING CANCELLED";

/// State of the tasks of a job that was cancelled.
pub const CANCELLED: &str = "CANCELLED";

/// A task in a scheduler's queue, or one that ended recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTask {
    /// Number of the job.
    pub job: String,
    /// Number of the task in the job's array; absent if the job is not an array.
    pub index: Option<usize>,
    /// `PENDING`, `RUNNING`, `FAILED`, ... in Slurm; [`LISTED`] or [`UNLISTED`] where a scheduler only
    /// lists its jobs.
    pub state: String,
    /// Nodes on which it runs.
    pub nodes: String,
    /// Name under which it was submitted.
    pub label: String,
    /// Reason why it is waiting, or why it ended.
    pub reason: String,
}

impl QueuedTask {
    /// True if it will not run again. An unknown state counts as alive.
    pub fn has_ended(&self) -> bool {
        let ended = [
            "BOOT_FAIL",
            CANCELLED,
            "COMPLETED",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "TIMEOUT",
            UNLISTED,
        ];
        ended.contains(&self.state.as_str())
    }

    /// True if it is ending, and may start again.
    pub fn is_ending(&self) -> bool {
        ["COMPLETING", ENDING].contains(&self.state.as_str())
    }

    /// State in words, with the reason why it is waiting or failed: `pending (Resources)`.
    pub fn words(&self) -> String {
        let state = self.state.to_lowercase();
        match self.reason.as_str() {
            // Slurm still reports the reason of waiting after a task has started.
            reason
                if !["PENDING", "FAILED"].contains(&self.state.as_str())
                    || ["None", ""].contains(&reason) =>
            {
                state
            }
            reason => format!("{state} ({reason})"),
        }
    }

    /// Name: `12_3`.
    pub fn name(&self) -> String {
        self.index
            .map_or_else(|| self.job.clone(), |index| format!("{}_{index}", self.job))
    }
}

/// Parameters of submitting an array of tasks.
#[derive(Debug, Clone)]
pub struct JobArray<'a> {
    /// The batch script.
    pub script: &'a Path,
    /// Directory of the output files, one per task.
    pub logs: &'a Path,
    /// Name of the job.
    pub name: &'a str,
    /// Index of its first task.
    pub first: usize,
    /// Number of tasks; a single task is not submitted as an array.
    pub count: usize,
    /// Maximum number of concurrent tasks.
    pub throttle: Option<usize>,
}
