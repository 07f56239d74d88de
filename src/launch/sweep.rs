//! Sweep on a cluster: submits the outstanding runs and follows them, and submits again until each has
//! ended or cannot be done, and writes the tables.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::LaunchError;
use super::command::CommandScheduler;
use super::follow::{FollowOutcome, Following, follow};
use super::scheduler::{CommandSource, JobScheduler, Schedulers};
use super::slurm::Controller;
use super::submit::{SubmitOptions, submit};
use crate::plan::{RunId, SchedulerCommands, Shard};
use crate::results::ExperimentResults;
use crate::runner::Observer;
use crate::session::{Interruption, LoadedExperiment};
use crate::store::StoreError;

/// Delay between two attempts at a full queue, at first and at most.
const FULL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));

/// Maximum number of consecutive submissions whose tasks end without completing any run.
const ROUNDS: u32 = 3;

/// Options of [`run_on_cluster`].
#[derive(Clone, Copy)]
pub struct ClusterOptions<'a> {
    /// Commands of the scheduler; Slurm if there are none.
    pub commands: Option<&'a SchedulerCommands>,
    /// Commands that ask for jobs of submissions to other schedulers, where `commands` are absent.
    pub earlier: CommandSource<'a>,
    /// Directory of the data sets.
    pub data_dir: &'a Path,
    /// Number of failures after which the jobs are cancelled.
    pub max_failures: Option<usize>,
    /// Submits even if the estimate exceeds the budget, or a run the memory.
    pub ignores_budget: bool,
    /// Follows the runs; otherwise returns once they are submitted.
    pub follows: bool,
    /// Called once runs are submitted.
    pub submitted: &'a dyn Fn(),
}

/// Share of the runs that the scheduler has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmissionState {
    /// None.
    Nothing,
    /// Some; it may accept the rest once some of them are done.
    Part,
    /// All.
    Everything,
}

/// End of [`run_on_cluster`].
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each command")]
pub enum ClusterEnd {
    /// Every run has ended or cannot be done, and the tables are written.
    Ended {
        /// The experiment with its records.
        results: ExperimentResults,
        /// Number of runs that have neither finished nor failed.
        n_not_done: usize,
        /// Number of runs that failed.
        n_failed: usize,
    },
    /// The jobs continue without this process.
    Detached(SubmissionState),
    /// An error, after jobs had been submitted, which continue.
    Lost(LaunchError),
}

/// Submits the outstanding runs to a scheduler and follows them unless told not to.
pub fn run_on_cluster(
    loaded: &LoadedExperiment,
    options: &ClusterOptions,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<ClusterEnd, LaunchError> {
    if not_done(loaded, &BTreeSet::new())? == 0 {
        observer.remark(&loaded.nothing_to_do());
    }
    let mut state = SubmissionState::Nothing;
    match until_ended(loaded, options, &mut state, interruption, observer) {
        Ok(Some(failed)) => {
            interruption.rest();
            let results = loaded.write_tables(observer)?;
            loaded.set_damaged_aside(&results, interruption, observer)?;
            loaded.restore_examples(&results, observer);
            let n_not_done = not_done(loaded, &failed)?;
            Ok(ClusterEnd::Ended { results, n_not_done, n_failed: failed.len() })
        }
        Ok(None) => Ok(ClusterEnd::Detached(state)),
        Err(error) if state != SubmissionState::Nothing => Ok(ClusterEnd::Lost(error)),
        Err(error) => Err(error),
    }
}

/// Number of selected runs that have neither finished nor failed.
fn not_done(loaded: &LoadedExperiment, failed: &BTreeSet<RunId>) -> Result<usize, StoreError> {
    let outstanding = loaded.outstanding(&loaded.store.finished(&loaded.plan)?, Shard::ALL);
    Ok(outstanding.into_iter().filter(|run| !failed.contains(&run.id)).count())
}

/// Submits and follows until no run is outstanding, or none that the scheduler will execute; returns the
/// runs that failed, or `None` if the jobs continue without this process. `state` is updated.
fn until_ended(
    loaded: &LoadedExperiment,
    options: &ClusterOptions,
    state: &mut SubmissionState,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<Option<BTreeSet<RunId>>, LaunchError> {
    let earlier = loaded.store.failures()?;
    let max_failures = options.max_failures.unwrap_or(usize::MAX);
    let mut failed_runs = BTreeSet::new();
    let (mut rounds, mut pause) = (0, FULL.0);
    let patient = Controller::patient();
    let scheduler = match options.commands {
        None => JobScheduler::Slurm(patient),
        Some(commands) => JobScheduler::Command(CommandScheduler { commands, stop: patient.stop }),
    };
    let commands = match options.commands {
        Some(commands) => CommandSource::File(commands),
        None => options.earlier,
    };
    let schedulers = Schedulers { stop: patient.stop, commands };
    loop {
        let before = not_done(loaded, &failed_runs)?;
        if before == 0 || failed_runs.len() >= max_failures {
            return Ok(Some(failed_runs));
        }
        let again = *state != SubmissionState::Nothing;
        let submitted = submit(
            loaded,
            &failed_runs,
            SubmitOptions {
                data_dir: options.data_dir,
                again,
                ignores_budget: options.ignores_budget,
                scheduler,
                schedulers,
            },
            observer,
        )?;
        *state = if submitted.all { SubmissionState::Everything } else { SubmissionState::Part };
        (options.submitted)();
        if !options.follows || interruption.is_requested() {
            return Ok(None);
        }
        if submitted.runs.is_empty() {
            wait(pause, interruption);
            pause = (pause * 2).min(FULL.1);
            continue;
        }
        let following = Following {
            runs: &submitted.runs,
            // Runs that did not fit into the queue may fit once some of the others have left it.
            until: if submitted.all { 0 } else { submitted.runs.len() / 2 },
            earlier: &earlier,
            max_failures: max_failures - failed_runs.len(),
            schedulers,
            scheduler: scheduler.name(),
        };
        match follow(loaded, &following, interruption, observer)? {
            FollowOutcome::Detached => return Ok(None),
            FollowOutcome::Ended { failed, again } => {
                failed_runs.extend(failed);
                let further = not_done(loaded, &failed_runs)? < before;
                rounds = if further { 0 } else { rounds + 1 };
                if again.is_some_and(|again| !again || rounds > ROUNDS) {
                    return Ok(Some(failed_runs));
                }
                pause = FULL.0;
            }
        }
    }
}

/// Sleeps, unless a stop is requested.
fn wait(time: Duration, interruption: &Interruption) {
    let until = Instant::now() + time;
    while Instant::now() < until && !interruption.is_requested() {
        sleep(Duration::from_millis(100));
    }
}
