//! Does runs until none is left, beside other processes that do the same: what `sweep` and `task` share.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Terminal;
use super::earlier::reference;
use super::estimate::Estimate;
use super::interrupt::Interrupt;
use super::progress::ProgressMode;
use super::terminal::count;
use super::training::{Spent, Trained, Training};
use crate::data::Dataset;
use crate::plan::{Plan, RunId, RunSpec};
use crate::record::{host, utc};
use crate::store::{Failure, Publication, RunOutput, Store, StoreError};

/// Time between two looks at what other processes do.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// An incomplete run is taken for damaged once nothing in it has changed for so long.
const QUIET: Duration = Duration::from_secs(5);

/// What is needed to train some runs.
pub(crate) struct Ready {
    /// By fingerprint.
    pub(crate) datasets: BTreeMap<String, Arc<Dataset>>,
    pub(crate) estimate: Estimate,
}

/// One of perhaps many processes that do the runs of a plan.
pub(crate) struct Worker<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a Store,
    /// What it is to do, in plan order; some of it may be finished.
    pub(crate) runs: Vec<&'a RunSpec>,
    pub(crate) mode: ProgressMode,
    pub(crate) threads: NonZeroUsize,
    /// Bytes that all runs together may take.
    pub(crate) memory: u64,
    pub(crate) checkpoint_every: Duration,
    pub(crate) max_failures: Option<usize>,
    /// See [`Training::attempts`].
    pub(crate) attempts: Option<u32>,
    /// Failures from before it started: their runs are tried again.
    pub(crate) earlier: BTreeMap<RunId, Failure>,
    /// What it has done.
    pub(crate) done: Done,
}

/// What became of a worker's runs so far.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Whether it trained anything.
    pub(crate) started: bool,
    /// Runs that failed here.
    pub(crate) failed: BTreeSet<RunId>,
    /// Runs that were given up half-way in the last pass.
    pub(crate) abandoned: BTreeSet<RunId>,
    /// Runs that were found damaged, and are no longer being copied: done again.
    pub(crate) damaged: BTreeSet<RunId>,
}

/// Those of `runs` that are damaged. Waits for incomplete ones as long as something in them changes: another program may be
/// copying them here (rsync, a cloud folder), and must find them where it left them.
pub(crate) fn damaged<'a>(
    runs: impl IntoIterator<Item = &'a RunId>,
    store: &Store,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<BTreeSet<RunId>, StoreError> {
    let runs: BTreeSet<&RunId> = runs.into_iter().collect();
    let (mut before, mut since) = (BTreeMap::new(), Instant::now());
    while !interrupt.raised() {
        let incomplete = runs.iter().copied().filter(|run| store.is_incomplete(run));
        let now: BTreeMap<&RunId, _> = incomplete.map(|run| (run, store.look_of(run))).collect();
        if now.is_empty() || (now == before && since.elapsed() >= QUIET) {
            break;
        }
        if now != before {
            if before.is_empty() {
                let text =
                    format!("waiting as long as {} may still be copied here", count(now.len(), "incomplete run"));
                terminal.remark(text);
            }
            (before, since) = (now, Instant::now());
        }
        sleep(LOOK_AGAIN);
    }
    let mut damaged = BTreeSet::new();
    for run in runs {
        match store.check(run) {
            Err(StoreError::Damaged { .. }) => drop(damaged.insert(run.clone())),
            // What may not be read is not known to be damaged.
            checked => checked?,
        }
    }
    Ok(damaged)
}

impl<'a> Worker<'a> {
    /// What it has to do or to wait for: runs that are neither finished nor have failed since it started.
    pub(crate) fn outstanding(&self) -> Result<Vec<&'a RunSpec>, StoreError> {
        let failures = self.store.failures()?;
        let failed = |run: &RunId| {
            self.done.failed.contains(run) || failures.get(run).is_some_and(|now| self.earlier.get(run) != Some(now))
        };
        let is_sound = |run: &RunId| {
            self.store.is_published(run) && !(self.done.damaged.contains(run) && self.store.check(run).is_err())
        };
        Ok(self.runs.iter().filter(|run| !failed(&run.id) && !is_sound(&run.id)).copied().collect())
    }

    /// Trains what is outstanding and waits for what other processes train, until nothing is left of either. `ready`
    /// gives what the runs that it is about to train need, or refuses. False if a signal came.
    pub(crate) fn train(
        &mut self,
        interrupt: &Interrupt,
        terminal: &Terminal,
        mut ready: impl FnMut(&[&RunSpec]) -> anyhow::Result<Ready>,
    ) -> anyhow::Result<bool> {
        let mut waits = false;
        while !interrupt.raised() {
            let owners = self.store.owners()?;
            let (held, free): (Vec<_>, Vec<_>) =
                self.outstanding()?.into_iter().partition(|run| owners.contains_key(&run.id));
            let half_there = |run: &&RunId| self.store.run_dir(run).is_dir() && !self.done.damaged.contains(*run);
            let half_there: Vec<&RunId> = free.iter().map(|run| &run.id).filter(half_there).collect();
            if !half_there.is_empty() {
                self.done.damaged.extend(damaged(half_there, self.store, interrupt, terminal)?);
            } else if !free.is_empty() {
                waits = false;
                let ready = ready(&free)?;
                if self.pass(&free, &ready, terminal)?.stopped {
                    break;
                }
            } else if held.is_empty() {
                break;
            } else {
                if !waits {
                    let by: BTreeSet<String> =
                        held.iter().filter_map(|run| Some(owners[&run.id].as_ref()?.to_string())).collect();
                    let by: Vec<String> = by.into_iter().collect();
                    let text = format!("waiting for {}, under way in {}", count(held.len(), "run"), by.join(", "));
                    terminal.remark(text);
                }
                waits = true;
                sleep(LOOK_AGAIN);
            }
        }
        Ok(!interrupt.raised())
    }

    /// Trains `free` as far as no other process comes first.
    fn pass(&mut self, free: &[&RunSpec], ready: &Ready, terminal: &Terminal) -> anyhow::Result<Trained> {
        self.done.started = true;
        for (fingerprint, data) in &ready.datasets {
            self.store.save_reference(fingerprint, &reference(data))?;
        }
        let training = Training {
            plan: self.plan,
            store: self.store,
            datasets: &ready.datasets,
            estimate: &ready.estimate,
            threads: self.threads,
            memory: self.memory,
            max_failures: self.max_failures.unwrap_or(usize::MAX),
            checkpoint_every: Some(self.checkpoint_every),
            attempts: self.attempts,
        };
        let cached = self.runs.iter().filter(|run| self.store.is_published(&run.id)).count();
        let title = format!("{}  {} to train, {cached} cached", self.plan.name, count(free.len(), "run"));
        let publish = |run: &RunSpec, output: &RunOutput| {
            Ok(match self.store.publish(run, output)? {
                Publication::Differs => Err("another process published other numbers for this run".to_owned()),
                Publication::New | Publication::Identical => Ok(()),
            })
        };
        let record = |run: &RunSpec, reason: &str, spent: Spent| {
            if let Err(error) = self.fail(&run.id, reason, spent) {
                terminal.warn(error);
            }
        };
        let trained = training.train(free, &title, self.mode, terminal, publish, record)?;
        self.done.failed.extend(trained.failed.iter().cloned());
        self.done.abandoned.clone_from(&trained.abandoned);
        Ok(trained)
    }

    /// Notes that a run has failed.
    pub(crate) fn fail(&self, run: &RunId, reason: &str, spent: Spent) -> Result<(), StoreError> {
        let started = jiff::Timestamp::now() - spent.time;
        let failure = Failure {
            error: reason.to_owned(),
            started_utc: utc(started),
            seconds: spent.time.as_secs_f64(),
            threads: spent.threads,
            host: host(),
        };
        self.store.forget_attempts(run)?;
        self.store.fail(run, &failure)
    }
}
