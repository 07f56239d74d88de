//! Files on disk: run directories published atomically, and the plans and tables next to them.
//!
//! ```text
//! results/
//!   runs/<id>/               run.toml epochs.csv summary.toml samples.npy model.safetensors timing.toml checksums.toml
//!   runs/<id>.failed.toml    why the last attempt failed; gone once the run succeeds
//!   runs/<id>.damaged-<n>/   a run whose bytes no longer match its checksums, moved aside and repeated
//!   unfinished/<id>.claim-<n>            owner of a run; removed when the run has ended
//!   unfinished/<id>.checkpoint[-before]  latest checkpoint of a run, and the one before; removed once it is published
//!   unfinished/<id>.files/               files that the program of a run has written so far; moved when it is published
//!   unfinished/<id>.attempts             number of attempts that ended a task of a scheduler without progress
//!   submitted/               runs handed to a scheduler, frozen with their plan and program
//!   data/<fingerprint>.npy   the first test images of a data set, for figures
//!   data/<fingerprint>/      a copy of the inputs of a program
//!   <experiment>/            plan.json and the tables derived from it; .ablade-tables lists these
//!   .ablade-history/         which tables were seen, what was scored, what was registered; only ever added to
//!   <experiment>/replaced/   plans and tables that were replaced
//!   .writing-<host>-*/       files that a process is writing; removed once that process is certainly dead
//! ```
//!
//! Every file is created by a rename, so that neither a kill nor a second process can expose a
//! partial file. Only `timing.toml` may differ between two equal executions; therefore it is not in
//! the manifest.

mod arrivals;
mod atomic;
mod attempts;
mod checkpoints;
mod claims;
pub(crate) mod disk;
mod error;
mod experiments;
mod failures;
mod garbage;
mod gather;
mod history;
mod listing;
mod manifest;
mod names;
mod owned;
mod process;
mod runs;
mod sealed;
mod submissions;
mod tar;

pub use crate::record::{Checkpoint, EpochRow, RunOutput, RunRecord, RunStatus, Summary, Timing};
pub use atomic::Store;
pub use checkpoints::Progress;
pub use claims::{Claim, Claiming, Claims, Owner};
pub use error::StoreError;
pub use experiments::Replaced;
pub use failures::Failure;
pub use garbage::{Garbage, Kept};
pub use gather::{GatherOptions, GatherSource, Gathered, Sentences};
pub use history::{History, RegisteredStudy, Registration, ScoredOn, Seen};
pub use names::check_name;
pub use owned::{Owned, write_whole};
pub use runs::{ADOPTED_BECAUSE, ADOPTED_FROM, Publication, copied_name};
pub use submissions::{
    KUBERNETES_JOB, LOGS, PARALLEL_JOBS, SCRIPT, Submission, Submissions, SubmittedJob, is_job_id,
};
