//! Execution on a cluster: runs are frozen as tasks that a scheduler starts, submitted to Slurm or to
//! a scheduler by its commands, and followed until they end. `ablade sweep --launcher slurm` is
//! [`run_on_cluster`]; a task of any scheduler is [`run_task`].
//!
//! A scheduler gets one script and is asked for its queue. The work of a task, and whether it is
//! done, is determined from the results alone, and is the same for every scheduler.

pub mod array;
pub mod command;
mod finish;
mod follow;
mod frozen;
pub mod job;
pub mod pack;
mod process;
pub mod queue;
pub mod ready;
pub mod scheduler;
pub mod script;
pub mod slurm;
mod submit;
mod sweep;
mod task;

use std::io;
use std::path::PathBuf;

use crate::plan::RunId;
use crate::session::SessionError;
use crate::store::StoreError;
use crate::text::{count, thousands};
use crate::trainer::TrainerError;
use array::ArrayError;

pub use finish::{FinishedSweep, start_on_finish};
pub use follow::{FollowOutcome, Following, follow};
pub use frozen::FrozenRuns;
pub use process::Problem;
pub use submit::{SubmitOptions, Submitted, submit};
pub use sweep::{ClusterEnd, ClusterOptions, SubmissionState, run_on_cluster};
pub use task::{TaskEnd, run_task};

/// Reason why runs cannot be submitted, followed, or executed as a task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The experiment, its trainer or its results refuse.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A command of the scheduler failed.
    #[error(transparent)]
    Scheduler(#[from] Problem),
    /// The environment does not tell which task is meant.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// Earlier submissions may still be in the queue or running.
    #[error(
        "{0}: earlier jobs may still be waiting or running, so nothing is submitted now; the same command tries again"
    )]
    QueueUnknown(Problem),
    /// An option of the script sends jobs to another cluster.
    #[error(
        "execution.slurm.lines: {0} sends jobs to another cluster, whose queue this program does not read"
    )]
    OtherCluster(String),
    /// A submission was not answered.
    #[error("{0}: it is not known whether the job was submitted; the same command finds out")]
    Unanswered(Box<LaunchError>),
    /// The scheduler accepted no task.
    #[error("{0}; nothing was submitted")]
    NothingSubmitted(Box<LaunchError>),
    /// The path of this program is not known.
    #[error("the path of this program is not known")]
    NoProgram(#[source] io::Error),
    /// A path cannot be made absolute.
    #[error("{} has no absolute path", path.display())]
    NoAbsolutePath {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A path cannot be written into the file with which tasks are started.
    #[error("{} cannot be in the file that starts the tasks: {reason}", path.display())]
    UnfitPath {
        /// The path.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A Kubernetes Job cannot have so many tasks.
    #[error(
        "{} are more than the {} that a Kubernetes Job can have: --tasks asks for fewer",
        count(*n_tasks, "task"),
        thousands(largest)
    )]
    TooManyTasks {
        /// Number of tasks.
        n_tasks: usize,
        /// Largest number of tasks of a Job.
        largest: usize,
    },
    /// The current directory is not known.
    #[error(transparent)]
    NoCurrentDirectory(io::Error),
    /// Another version of the program made the submission.
    #[error(
        "{submission} was made for version {made_for} of the numerics, this program has {version}: submit the experiment again"
    )]
    OtherVersion {
        /// Name of the submission.
        submission: String,
        /// Version that it was made for.
        made_for: u32,
        /// Version of the trainer.
        version: u32,
    },
    /// The submission has fewer tasks.
    #[error(
        "{submission} has {}, numbered from 0: there is no task {index}",
        count(*n_tasks, "task")
    )]
    NoSuchTask {
        /// Name of the submission.
        submission: String,
        /// Number of its tasks.
        n_tasks: usize,
        /// Index of the missing task.
        index: usize,
    },
    /// A task names a run that its plan does not have.
    #[error("{run} is not in the plan of {submission}")]
    NotPlanned {
        /// The run.
        run: RunId,
        /// Name of the submission.
        submission: String,
    },
    /// A run was planned by another version of the program.
    #[error("{0} was planned for another version of the numerics: submit the experiment again")]
    RunOfOtherVersion(RunId),
}

impl From<StoreError> for LaunchError {
    fn from(error: StoreError) -> Self {
        Self::Session(error.into())
    }
}

impl From<TrainerError> for LaunchError {
    fn from(error: TrainerError) -> Self {
        Self::Session(error.into())
    }
}
