//! Records: what a run leaves, and what is known of it afterwards.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The values of a finished run, at the best epoch where the trainer chooses one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `finished` or `diverged`.
    pub status: RunStatus,
    /// Why, for a run that diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Epochs trained.
    pub epochs: usize,
    /// Epoch whose parameters are kept and scored.
    pub best_epoch: usize,
    /// All else that the trainer reports, by name; what a run lacks is left out.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

/// The curves of a run at the end of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochRow {
    /// From 1.
    pub epoch: usize,
    /// A value for each curve that the trainer declares; NaN where there is none.
    pub values: Vec<f64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Trained to its end.
    Finished,
    /// A loss or a weight stopped being finite, or the loss rose beyond any sense: a result, not to
    /// be tried again.
    Diverged,
    /// An error or a panic: recorded, and tried again by the next sweep.
    Failed,
    /// Not run yet.
    Outstanding,
}

/// What may differ between two equal executions of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub started_utc: String,
    /// Wall time of training, scoring and sampling.
    pub seconds: f64,
    /// Training images a second, evaluation excluded.
    pub images_per_second: f64,
    /// Threads the run had.
    pub threads: usize,
    /// Name of the machine.
    pub host: String,
}

/// All that is known of one run of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// How it ended, or `Outstanding`.
    pub status: RunStatus,
    /// Why it failed or diverged; of an outstanding run, which damaged file made it so.
    pub error: Option<String>,
    /// Its numbers, if it finished or diverged.
    pub summary: Option<Summary>,
    /// Its epochs; empty if it failed or is outstanding.
    pub epochs: Vec<EpochRow>,
    /// Its timing, if it finished or diverged; that of its last attempt, if it failed.
    pub timing: Option<Timing>,
}

/// What a run leaves: its numbers and the files that go with them.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutput {
    /// Its numbers.
    pub summary: Summary,
    /// Its epochs, from 1.
    pub epochs: Vec<EpochRow>,
    /// Its timing.
    pub timing: Timing,
    /// Further files by name, the same in equal executions: `samples.npy`, `model.safetensors`,
    /// `scores.npy`, ...
    pub files: Vec<(String, Vec<u8>)>,
}

/// A run half-way, from which it goes on as if it had never stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The training, as its own reader wants it.
    pub state: Vec<u8>,
    /// Epochs completed.
    pub epoch: usize,
    /// Minibatches it has learnt from, over all epochs.
    pub step: u64,
    /// Seconds the run had taken, over all its starts.
    pub seconds: f64,
    /// Its first start: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub started_utc: String,
}

/// Name of this machine, as timings, claims and notes of failures give it.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A moment as they give it: `YYYY-MM-DD HH:MM:SS`, UTC.
pub fn utc(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

impl RunRecord {
    /// A run that has not been done.
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
    /// The word that tables show.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Outstanding => "outstanding",
        }
    }
}
