//! Worker: executes runs until none is left, next to other processes that do the same.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{CostEstimate, Elapsed, Observer, Trained, Training, machine};
use crate::plan::{Plan, RunId, RunSpec};
use crate::record::{host, utc};
use crate::store::{Failure, Publication, RunOutput, Store, StoreError};
use crate::text::count;
use crate::trainer::{RunKey, TrainerError};

/// Interval of polling for the progress of other processes.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Time without any change after which an incomplete run counts as damaged.
const QUIET: Duration = Duration::from_secs(5);

/// Costs of runs that are ready to train: their data are loaded.
pub struct Ready {
    /// Cost of each run, and total time.
    pub estimate: CostEstimate,
}

/// One of possibly many processes that execute the runs of a plan.
pub struct Worker<'a> {
    /// Plan to which the runs belong.
    pub plan: &'a Plan,
    /// Store in which runs are claimed and published.
    pub store: &'a Store,
    /// Runs to execute, in plan order; some may be finished.
    pub runs: Vec<&'a RunSpec>,
    /// Number of threads over all runs.
    pub threads: NonZeroUsize,
    /// Maximum memory of all runs together [bytes].
    pub memory: u64,
    /// GPUs that all runs together may take, by name.
    pub gpus: Vec<String>,
    /// Time between two checkpoints of a run.
    pub checkpoint_every: Duration,
    /// Number of failures after which no further run starts.
    pub max_failures: Option<usize>,
    /// See [`Training::attempts`].
    pub attempts: Option<u32>,
    /// Failures from before the start: their runs are repeated.
    pub earlier: BTreeMap<RunId, Failure>,
    /// Progress so far.
    pub report: WorkerReport,
}

/// Report of a worker.
#[derive(Debug, Default)]
pub struct WorkerReport {
    /// True if any run was trained.
    pub started: bool,
    /// True if failures keep further runs from starting.
    pub stopped: bool,
    /// Runs that failed in this process.
    pub failed: BTreeSet<RunId>,
    /// Runs that were interrupted in the last pass.
    pub abandoned: BTreeSet<RunId>,
    /// Runs that were found damaged and are no longer being copied, so that they are repeated.
    pub damaged: BTreeSet<RunId>,
}

/// Damaged ones of `runs`. Waits for incomplete runs as long as any of their files changes: another
/// program may be copying them (rsync, a cloud folder), and must find them in place.
pub fn damaged<'a>(
    runs: impl IntoIterator<Item = &'a RunId>,
    store: &Store,
    stop: &AtomicBool,
    observer: &dyn Observer,
) -> Result<BTreeSet<RunId>, StoreError> {
    let runs: BTreeSet<&RunId> = runs.into_iter().collect();
    let (mut before, mut since) = (BTreeMap::new(), Instant::now());
    while !stop.load(Ordering::SeqCst) {
        let incomplete = runs.iter().copied().filter(|run| store.is_incomplete(run));
        let now: BTreeMap<&RunId, _> = incomplete.map(|run| (run, store.look_of(run))).collect();
        if now.is_empty() || (now == before && since.elapsed() >= QUIET) {
            break;
        }
        if now != before {
            if before.is_empty() {
                let text = format!(
                    "waiting as long as {} may still be copied here",
                    count(now.len(), "incomplete run")
                );
                observer.remark(&text);
            }
            (before, since) = (now, Instant::now());
        }
        sleep(LOOK_AGAIN);
    }
    let mut damaged = BTreeSet::new();
    for run in runs {
        match store.check(run) {
            Err(StoreError::Damaged { .. }) => drop(damaged.insert(run.clone())),
            // An unreadable run is not known to be damaged.
            checked => checked?,
        }
    }
    Ok(damaged)
}

impl Ready {
    /// Loads the data of `runs`, each set once, and estimates the cost of the runs on this number
    /// of threads.
    pub fn load(
        plan: &Plan,
        runs: &[&RunSpec],
        store: &Store,
        threads: NonZeroUsize,
    ) -> Result<Self, TrainerError> {
        let keys: Vec<RunKey> = runs.iter().map(|run| run.key()).collect();
        store.trainer().prepare(&keys)?;
        Ok(Self {
            estimate: CostEstimate::new(plan, runs, store, threads.get())?,
        })
    }
}

impl<'a> Worker<'a> {
    /// A worker for every run of a plan, with all resources of this machine, a checkpoint per
    /// minute, and no limit of failures.
    pub fn new(plan: &'a Plan, store: &'a Store) -> Result<Self, StoreError> {
        Ok(Self {
            plan,
            store,
            runs: plan.runs.iter().collect(),
            threads: machine::threads(),
            memory: machine::memory(),
            gpus: machine::gpus(),
            checkpoint_every: Duration::from_secs(60),
            max_failures: None,
            attempts: None,
            earlier: store.failures()?,
            report: WorkerReport::default(),
        })
    }

    /// Runs to execute or to wait for: those that are not finished and have not failed since the
    /// start.
    pub fn outstanding(&self) -> Result<Vec<&'a RunSpec>, StoreError> {
        let failures = self.store.failures()?;
        let failed = |run: &RunId| {
            self.report.failed.contains(run)
                || failures.get(run).is_some_and(|now| self.earlier.get(run) != Some(now))
        };
        let is_sound = |run: &RunId| {
            self.store.is_published(run)
                && !(self.report.damaged.contains(run) && self.store.check(run).is_err())
        };
        Ok(self
            .runs
            .iter()
            .filter(|run| !failed(&run.id) && !is_sound(&run.id))
            .copied()
            .collect())
    }

    /// Trains outstanding runs and waits for those that other processes train, until there are
    /// none. `ready` prepares the runs that are about to be trained, or refuses. Returns false if
    /// `stop` was raised.
    pub fn train<E: From<StoreError>>(
        &mut self,
        stop: &Arc<AtomicBool>,
        observer: &dyn Observer,
        mut ready: impl FnMut(&[&RunSpec]) -> Result<Ready, E>,
    ) -> Result<bool, E> {
        let mut waits = false;
        while !stop.load(Ordering::SeqCst) && !self.report.stopped {
            let owners = self.store.claims().owners()?;
            let (held, free): (Vec<_>, Vec<_>) =
                self.outstanding()?.into_iter().partition(|run| owners.contains_key(&run.id));
            let half_there = |run: &&RunId| {
                self.store.run_dir(run).is_dir() && !self.report.damaged.contains(*run)
            };
            let half_there: Vec<&RunId> =
                free.iter().map(|run| &run.id).filter(half_there).collect();
            if !half_there.is_empty() {
                self.report.damaged.extend(damaged(half_there, self.store, stop, observer)?);
            } else if !free.is_empty() {
                waits = false;
                let ready = ready(&free)?;
                self.report.stopped = self.pass(&free, &ready, stop, observer)?.stopped;
            } else if held.is_empty() {
                break;
            } else {
                if !waits {
                    let by: BTreeSet<String> = held
                        .iter()
                        .filter_map(|run| Some(owners[&run.id].as_ref()?.to_string()))
                        .collect();
                    let by: Vec<String> = by.into_iter().collect();
                    let text = format!(
                        "waiting for {}, under way in {}",
                        count(held.len(), "run"),
                        by.join(", ")
                    );
                    observer.remark(&text);
                }
                waits = true;
                sleep(LOOK_AGAIN);
            }
        }
        Ok(!stop.load(Ordering::SeqCst))
    }

    /// Trains those runs of `free` that no other process claims first.
    fn pass(
        &mut self,
        free: &[&RunSpec],
        ready: &Ready,
        stop: &Arc<AtomicBool>,
        observer: &dyn Observer,
    ) -> Result<Trained, StoreError> {
        self.report.started = true;
        let trainer = self.store.trainer();
        let mut seen = BTreeSet::new();
        for run in free.iter().filter(|run| seen.insert(run.data.as_str())) {
            self.store.keep_inputs(&run.data, &trainer.input_files())?;
            // The data are loaded, so that an error here would also occur in the run, which reports
            // it.
            if let Ok(Some(bytes)) = trainer.examples(&run.config) {
                self.store.save_reference(&run.data, &bytes)?;
            }
        }
        let training = Training {
            plan: self.plan,
            store: self.store,
            estimate: &ready.estimate,
            threads: self.threads,
            memory: self.memory,
            gpus: &self.gpus,
            max_failures: self.max_failures.unwrap_or(usize::MAX),
            damaged: &self.report.damaged,
            checkpoint_every: Some(self.checkpoint_every),
            attempts: self.attempts,
        };
        let again: BTreeSet<&RunId> = free.iter().map(|run| &run.id).collect();
        let is_cached =
            |run: &&&RunSpec| self.store.is_published(&run.id) && !again.contains(&run.id);
        let cached = self.runs.iter().filter(is_cached).count();
        let title =
            format!("{}  {} to train, {cached} cached", self.plan.name, count(free.len(), "run"));
        let publish = |run: &RunSpec, output: &RunOutput| {
            Ok(match self.store.publish(run, output)? {
                Publication::Differs => {
                    Err("another process published other numbers for this run".to_owned())
                }
                Publication::New | Publication::Identical => Ok(()),
            })
        };
        let record = |run: &RunSpec, reason: &str, elapsed: Elapsed| {
            if let Err(error) = self.fail(&run.id, reason, elapsed) {
                observer.warn(&error.to_string());
            }
        };
        let trained = training.train(free, &title, stop, observer, publish, record);
        self.report.failed.extend(trained.failed.iter().cloned());
        self.report.abandoned.clone_from(&trained.abandoned);
        Ok(trained)
    }

    /// Records the failure of a run.
    pub fn fail(&self, run: &RunId, reason: &str, elapsed: Elapsed) -> Result<(), StoreError> {
        let started = jiff::Timestamp::now() - elapsed.time;
        let failure = Failure {
            error: reason.to_owned(),
            started_utc: utc(started),
            seconds: elapsed.time.as_secs_f64(),
            threads: elapsed.threads,
            host: host(),
        };
        self.store.claims().forget_attempts(run)?;
        self.store.fail(run, &failure)
    }
}
