//! Session with an experiment file: loaded, planned, joined with its results, and executed on this
//! machine. `ablade sweep` is [`LoadedExperiment::load`], then [`run_local`].
//!
//! Nothing here prints or knows a command line: progress goes to an [`Observer`], errors are typed.
//!
//! [`Observer`]: crate::runner::Observer

mod adopt;
mod command;
mod copies;
mod describe;
mod loaded;
mod local;
mod register;
mod repeat;
mod tables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::experiment::Diagnostics;
use crate::plan::RunId;
use crate::store::StoreError;
use crate::text::count;
use crate::trainer::TrainerError;

pub use adopt::{AdoptEnd, AdoptOptions, adopt};
pub(crate) use command::one_line;
pub use command::{quoted, quoted_command, sweep_command};
pub use copies::changed_copies;
pub use loaded::LoadedExperiment;
pub use local::{LocalEnd, LocalOptions, run_local};
pub use register::{RegisterEnd, register};
pub use repeat::{Repeated, Repetition, train_again};
pub use tables::write_tables;

/// Runs of earlier versions of this program that are not used, with the reason, by the id of the
/// run that replaces them.
pub type RejectedEarlierRuns = BTreeMap<RunId, (RunId, &'static str)>;

/// Requests to stop, shared with the code that listens for signals.
#[derive(Debug, Clone, Default)]
pub struct Interruption {
    /// Raised to ask for a clean stop.
    pub requested: Arc<AtomicBool>,
    /// Raised once no run is executing: the process may end at any moment without losing anything.
    pub at_rest: Arc<AtomicBool>,
}

impl Interruption {
    /// True once a stop has been requested.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Declares that no run is under way.
    pub fn rest(&self) {
        self.at_rest.store(true, Ordering::SeqCst);
    }
}

/// Reason why an experiment cannot be loaded, or must not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The file has errors.
    #[error(transparent)]
    Experiment(#[from] Diagnostics),
    /// The results cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The trainer refuses, usually because of its data.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
    /// Data are missing, and what could be run without them answers nothing.
    #[error("{0}")]
    MissingData(String),
    /// The results hold an experiment whose name differs only in case.
    #[error(
        "the results hold an experiment `{known}`, which differs from `{name}` in capitals alone: some file systems keep \
         both in one folder; name = \"...\" in the file gives it another name"
    )]
    SameNameInOtherCase {
        /// Name of the experiment.
        name: String,
        /// Name of the one in the results.
        known: String,
    },
    /// Finished runs of another plan would leave the tables of this name.
    #[error("{loss}")]
    ReplacesTables {
        /// Description of the loss and of both plans.
        loss: String,
        /// Directory that would keep the plan that is replaced.
        kept_in: PathBuf,
    },
    /// The first two seeds of a program failed.
    #[error("the first two seeds of {variant} failed, and no further run was started: {reason}")]
    FirstRunsFailed {
        /// Label of the variant.
        variant: String,
        /// Reason of the first failure.
        reason: String,
    },
    /// Two seeds of a program gave the same values to the last bit.
    #[error(
        "the first two seeds of {variant} gave the same values to the last bit: does the seed reach the program? It is in \
         config.json, in {{args}} as `{seed_key}` and in ABLADE_SEED"
    )]
    SeedHasNoEffect {
        /// Label of the variant.
        variant: String,
        /// Key of the seed.
        seed_key: String,
    },
    /// A run does not fit into memory, even if it is executed alone.
    #[error("{0}")]
    TooLarge(String),
    /// A run takes more processors than there are.
    #[error("a run takes {}, and this machine has {there}: program.cpus of the file says how many", count(*needed, "processor"))]
    TooFewProcessors {
        /// Number of processors of a run: `program.cpus`.
        needed: usize,
        /// Number of processors that all runs together may take.
        there: usize,
    },
    /// A run takes more GPUs than there are.
    #[error(
        "a run takes {}, and this machine has {there}: execution.gpus of the file or CUDA_VISIBLE_DEVICES says which there are",
        count(*needed, "GPU")
    )]
    TooFewGpus {
        /// Number of GPUs of a run: `program.gpus`.
        needed: usize,
        /// Number of GPUs that all runs together may take.
        there: usize,
    },
    /// Runs of the study itself were there before it was registered.
    #[error(
        "{name}: {reason}: a design that is registered after results could be seen confirms nothing; with new seeds, \
         seeds = {{ list = [...] }} in the file, it can be registered"
    )]
    RunsBeforeRegistration {
        /// Name of the experiment.
        name: String,
        /// Number of runs, and what is there of them.
        reason: String,
    },
    /// The estimate exceeds the `[budget]` of the file.
    #[error("the estimate exceeds [budget]: {}", .0.join(", "))]
    OverBudget(Vec<String>),
}
