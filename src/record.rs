//! Records: the output of a run, and everything known about it afterwards.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Values of a finished run, at the best epoch if the trainer selects one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `finished` or `diverged`.
    pub status: RunStatus,
    /// Reason, if the run diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Epochs trained.
    pub epochs: usize,
    /// Epoch whose parameters are saved and scored.
    pub best_epoch: usize,
    /// All other values that the trainer reports, by name; values that the run does not have are
    /// omitted.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

/// The curves of a run at the end of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochRow {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// One value for each curve that the trainer declares; NaN if it has none in this epoch.
    pub values: Vec<f64>,
}

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Trained to its end.
    Finished,
    /// Diverged: a loss or a weight became infinite or NaN, or the loss rose beyond a limit. That
    /// is a result, and the run is not repeated.
    Diverged,
    /// Ended by an error or a panic: recorded, and repeated by the next sweep.
    Failed,
    /// Not run yet.
    Outstanding,
}

/// Measurements of an execution, which may differ between two equal executions of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub started_utc: String,
    /// Wall time of training, scoring and sampling [s].
    pub seconds: f64,
    /// Training throughput [images/s], evaluation excluded.
    pub images_per_second: f64,
    /// Number of threads of the run.
    pub threads: usize,
    /// Name of the machine.
    pub host: String,
}

/// Everything known about one run of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// State of the run.
    pub status: RunStatus,
    /// Reason why it failed or diverged; for an outstanding run, the damaged file that made it so.
    pub error: Option<String>,
    /// Its values, if it finished or diverged.
    pub summary: Option<Summary>,
    /// Its epochs; empty if it failed or is outstanding.
    pub epochs: Vec<EpochRow>,
    /// Its timing, if it finished or diverged; that of its last attempt if it failed.
    pub timing: Option<Timing>,
}

/// Output of a run: its values and the files that belong to them.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutput {
    /// Values.
    pub summary: Summary,
    /// Epochs, from 1.
    pub epochs: Vec<EpochRow>,
    /// Timing.
    pub timing: Timing,
    /// Further files by name, the same in equal executions: `samples.npy`, `model.safetensors`,
    /// `scores.npy`, ...
    pub files: Vec<(String, Vec<u8>)>,
    /// Files on the disk of the results that are moved into its directory, by their paths there.
    pub taken: Vec<(String, PathBuf)>,
}

/// Checkpoint of a run, from which it resumes as if it had never stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// State of the training, in the trainer's own format.
    pub state: Vec<u8>,
    /// Number of completed epochs.
    pub epoch: usize,
    /// Number of minibatches trained on, over all epochs.
    pub step: u64,
    /// Time that the run has taken [s], over all its starts.
    pub seconds: f64,
    /// Time of its first start: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub started_utc: String,
}

/// Name of this machine in timings, claims and failure records.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Time in the format of timings, claims and failure records: `YYYY-MM-DD HH:MM:SS`, UTC.
pub fn utc(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Moment of a time in this format; `None` for any other text.
pub fn moment(utc: &str) -> Option<jiff::Timestamp> {
    let civil = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", utc).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
}

impl RunRecord {
    /// Record of a run that has not been executed.
    pub fn outstanding() -> Self {
        Self {
            status: RunStatus::Outstanding,
            error: None,
            summary: None,
            epochs: Vec::new(),
            timing: None,
        }
    }
}

impl RunStatus {
    /// Word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Outstanding => "outstanding",
        }
    }
}
