//! Command lines of a scheduler. They are part of a submission, so that its jobs can be found and
//! cancelled without the experiment file.

use serde::{Deserialize, Serialize};

/// `[execution.command]`: commands that submit, list and cancel jobs. They are lists of words with
/// placeholders, and no shell takes them apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerCommands {
    /// Submits tasks: all of them as an array, or each as a job.
    pub submit: Vec<String>,
    /// Submits a single task, where the scheduler has no arrays of one.
    pub single: Option<Vec<String>>,
    /// Lists jobs that are waiting or running.
    pub query: Vec<String>,
    /// Cancels a job.
    pub cancel: Vec<String>,
    /// Number of the first task of an array; absent = 0.
    pub first: Option<usize>,
    /// Regular expression of a job's id in the output of `submit` and `query`; absent = the first
    /// number.
    pub id: Option<String>,
    /// Regular expression of what `query` and `cancel` say about jobs that have ended.
    pub gone: Option<String>,
    /// Time limit of each command [s].
    pub timeout: Option<f64>,
    /// Target duration of a task [s]: runs are packed into tasks accordingly.
    pub task: Option<f64>,
    /// Shell commands run before the program: `module load ...`.
    pub setup: Option<String>,
}

impl SchedulerCommands {
    /// Placeholders of `submit`.
    pub const SUBMIT: [&str; 7] = ["script", "name", "logs", "first", "last", "count", "index"];
    /// Placeholders of `single`.
    pub const SINGLE: [&str; 4] = ["script", "name", "logs", "index"];
    /// Placeholders of `query` and `cancel`.
    pub const JOB: [&str; 2] = ["id", "name"];

    /// Hash of all that they start.
    pub fn hash(&self) -> String {
        let text = serde_json::to_vec(self).expect("plain data");
        blake3::hash(&text).to_hex().to_string()
    }
}

/// Placeholders of `execution.on_finish`.
pub const FINISH_PLACEHOLDERS: [&str; 5] = ["experiment", "runs", "finished", "diverged", "failed"];
