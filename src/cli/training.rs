//! Training runs and showing it: what `sweep` and `verify` share.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Terminal;
use super::estimate::Estimate;
use super::interrupt::Interrupt;
use super::progress::{End, Progress, ProgressMode, RunLine};
use super::status::labelled;
use super::terminal::{count, duration};
use crate::data::Dataset;
use crate::made::kernels::team::Stop as StopFlags;
use crate::plan::{Plan, RunId, RunSpec};
use crate::run::{self, Control};
use crate::schedule::{Event, Job, Limits, Outcome, Stop, run_all};
use crate::store::{Checkpoint, Claim, Claiming, RunOutput, RunStatus, Store, StoreError, Summary};

/// What the training of runs needs besides them.
pub(crate) struct Training<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) store: &'a Store,
    /// By fingerprint.
    pub(crate) datasets: &'a BTreeMap<String, Arc<Dataset>>,
    pub(crate) estimate: &'a Estimate,
    pub(crate) threads: NonZeroUsize,
    /// Bytes that all runs together may take.
    pub(crate) memory: u64,
    pub(crate) max_failures: usize,
    /// Time between two checkpoints of runs that no other process is to do at the same time; `None` for runs that are
    /// published already and only done again.
    pub(crate) checkpoint_every: Option<Duration>,
    /// Attempts at a run in a row that may end the process without getting the run any further, where there is a limit:
    /// then the run fails. One that may have done so before runs alone, so that it takes no other with it.
    pub(crate) attempts: Option<u32>,
}

/// What became of runs.
#[derive(Debug, Default)]
pub(crate) struct Trained {
    /// Those that failed; a run that diverged is not among them.
    pub(crate) failed: BTreeSet<RunId>,
    /// Those that a signal ended half-way.
    pub(crate) abandoned: BTreeSet<RunId>,
    /// A signal came.
    pub(crate) interrupted: bool,
    /// No further run was started because of failures.
    pub(crate) stopped: bool,
}

/// A run that is ours, and perhaps begun before.
#[derive(Default)]
struct Begun {
    claim: Option<Claim>,
    resume: Option<Checkpoint>,
    /// Why it is given up at once.
    given_up: Option<String>,
}

/// What an attempt at a run took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) time: Duration,
    pub(crate) threads: usize,
}

impl Training<'_> {
    /// Trains `runs`. `publish` takes the output of each, or says why it is not what it should be; `record` keeps why a
    /// run failed.
    pub(crate) fn train(
        &self,
        runs: &[&RunSpec],
        title: &str,
        mode: ProgressMode,
        terminal: &Terminal,
        publish: impl Fn(&RunSpec, &RunOutput) -> Result<Result<(), String>, StoreError> + Sync,
        record: impl Fn(&RunSpec, &str, Spent),
    ) -> anyhow::Result<Trained> {
        let interrupt = Interrupt::listen().context("cannot listen for signals")?;
        let labels: BTreeMap<&RunId, String> =
            labelled(self.plan).into_iter().map(|(label, run)| (run, label)).collect();
        let (mut jobs, mut lines) = (Vec::new(), Vec::new());
        for (i, run) in runs.iter().enumerate() {
            let cost = &self.estimate.costs[&run.id];
            let alone = self.attempts.is_some() && (self.store.is_suspect(&run.id) || self.store.is_claimed(&run.id));
            jobs.push(Job { task: i, cost: cost.multiply_adds, bytes: if alone { u64::MAX } else { cost.memory } });
            let (label, epochs) = (labels[&run.id].clone(), run.config.train.epochs);
            lines.push(RunLine { label, epochs, cost: cost.multiply_adds });
        }
        let limits = Limits {
            threads: self.threads,
            bytes: self.memory,
            failures: self.max_failures,
            // More than the seeds of one variant, which may well fail together.
            same_failures: (self.plan.seeds.len() + 1).max(3),
            interrupt: interrupt.flag(),
        };
        let (at_a_time, predicted) = (self.threads.get().min(runs.len()), duration(self.estimate.seconds));
        let started = Instant::now();
        let progress =
            Progress::new(mode, terminal.paint, &format!("{title}, {at_a_time} at a time, about {predicted}"), lines);
        // A claim outlives its run until a failure is recorded, so that no other process takes up what has just failed.
        let claims = Mutex::new(BTreeMap::new());
        let claims = || claims.lock().unwrap_or_else(PoisonError::into_inner);
        let begun_at = Mutex::new(BTreeMap::new());
        let begun_at = || begun_at.lock().unwrap_or_else(PoisonError::into_inner);
        let work = |&i: &usize, threads: NonZeroUsize| {
            let note = |text: String| progress.note(i, &text);
            let begun = match self.begin(runs[i], &note) {
                Ok(Ok(begun)) => begun,
                Ok(Err(reason)) => {
                    progress.declined(i, &reason);
                    return Outcome::Declined;
                }
                Err(error) => return failed(&error),
            };
            progress.started(i, threads);
            begun_at().insert(i, (Instant::now(), threads));
            let mut stop = vec![Arc::clone(interrupt.flag())];
            if let Some(claim) = begun.claim {
                stop.push(Arc::clone(claim.lost()));
                claims().insert(i, claim);
            }
            if let Some(reason) = begun.given_up {
                return Outcome::Failed(reason);
            }
            let control = Control {
                stop: StopFlags::when(stop),
                on_epoch: &mut |row| progress.epoch(i, row),
                resume: begun.resume,
                save: &mut |checkpoint| self.save(runs[i], &checkpoint, &note),
                checkpoint_every: self.checkpoint_every.unwrap_or(Duration::MAX),
            };
            let output = match run::execute(runs[i], &self.datasets[&runs[i].data], threads.get(), control) {
                Ok(run::Outcome::Interrupted) => return Outcome::Abandoned,
                Ok(run::Outcome::Done(output)) => output,
                Err(error) => return Outcome::Failed(error.to_string()),
            };
            match publish(runs[i], &output) {
                Ok(Ok(())) => Outcome::Done(output.summary),
                Ok(Err(reason)) => Outcome::Failed(reason),
                Err(error) => failed(&error),
            }
        };
        let mut trained = Trained::default();
        let stop = run_all(&jobs, &limits, work, |event| {
            if let Event::Ended { job, outcome } = event {
                let spent = begun_at().remove(&job).map_or_else(Spent::default, |(begun, threads)| Spent {
                    time: begun.elapsed(),
                    threads: threads.get(),
                });
                if let Outcome::Failed(reason) | Outcome::Hopeless(reason) = &outcome {
                    record(runs[job], reason, spent);
                    trained.failed.insert(runs[job].id.clone());
                }
                if outcome == Outcome::Abandoned {
                    trained.abandoned.insert(runs[job].id.clone());
                }
                claims().remove(&job);
                progress.ended(job, &end(outcome));
            }
        });
        progress.close();
        trained.interrupted = interrupt.raised();
        trained.stopped = stop.is_some();
        if !trained.interrupted {
            terminal.remark(summed_up(stop, started.elapsed().as_secs_f64(), self.estimate.seconds));
        }
        Ok(trained)
    }

    /// Makes a run ours, or says why it is left to another process.
    fn begin(&self, run: &RunSpec, note: &dyn Fn(String)) -> Result<Result<Begun, String>, StoreError> {
        if self.checkpoint_every.is_none() {
            return Ok(Ok(Begun::default()));
        }
        let claim = match self.store.claim(&run.id)? {
            Claiming::Ours(claim) => claim,
            Claiming::Theirs(owner) => {
                let owner = owner.map_or_else(|| "another process".to_owned(), |owner| owner.to_string());
                return Ok(Err(format!("{owner} does it")));
            }
        };
        // Under the claim, since nobody else publishes the run meanwhile: one that is sound again must not be moved.
        match self.store.check(&run.id) {
            Ok(()) => return Ok(Err("another process has done it".to_owned())),
            Err(error @ StoreError::Damaged { .. }) => {
                if let Some(aside) = self.store.set_aside(&run.id)? {
                    note(format!("{error}; moved to {}", aside.display()));
                }
            }
            Err(StoreError::NoSuchRun { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut given_up = None;
        if let Some(dead) = &claim.taken_from {
            note(format!("taken over from {dead}, which is gone"));
            if let Some(most) = self.attempts {
                let ended = self.store.count_attempt(&run.id)?;
                given_up = (ended >= most).then(|| {
                    format!("{} in a row ended its task and got no further", count(ended as usize, "attempt"))
                });
            }
        }
        let (resume, problems) = self.store.load_checkpoint(&run.id);
        for problem in problems {
            note(format!("checkpoint passed over: {problem}"));
        }
        if let Some(checkpoint) = &resume {
            note(format!("goes on after {}", count(checkpoint.epoch, "epoch")));
        }
        Ok(Ok(Begun { claim: Some(claim), resume, given_up }))
    }

    /// Keeps a checkpoint. A run that cannot is in no danger: it goes on, and the next one may succeed.
    fn save(&self, run: &RunSpec, checkpoint: &Checkpoint, note: &dyn Fn(String)) {
        if self.checkpoint_every.is_some()
            && let Err(error) = self.store.save_checkpoint(&run.id, checkpoint)
        {
            note(format!("no checkpoint: {error}"));
        }
    }
}

fn failed<R>(error: &StoreError) -> Outcome<R> {
    let reason = error.to_string();
    if error.is_everywhere() { Outcome::Hopeless(reason) } else { Outcome::Failed(reason) }
}

fn summed_up(stop: Option<Stop>, seconds: f64, predicted: f64) -> String {
    match stop {
        Some(Stop::Failures(n)) => format!("stopped after {}", count(n, "failure")),
        Some(Stop::Hopeless(reason)) => format!("stopped: no other run would fare better: {reason}"),
        Some(Stop::SameFailure(reason)) => format!("stopped: every run failed with the same reason: {reason}"),
        Some(Stop::Interrupted) | None => {
            let ratio = seconds / predicted;
            let ratio = if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") };
            format!("took {}, {ratio} times the estimate of {}", duration(seconds), duration(predicted))
        }
    }
}

fn end(outcome: Outcome<Summary>) -> End {
    match outcome {
        Outcome::Abandoned => End::Abandoned,
        Outcome::Declined => End::Declined,
        Outcome::Failed(reason) | Outcome::Hopeless(reason) => End::Bad { word: "FAILED", reason },
        Outcome::Done(summary) => end_of(summary),
    }
}

/// The end of a run that is published.
pub(crate) fn end_of(summary: Summary) -> End {
    if summary.status == RunStatus::Diverged {
        return End::Bad { word: "DIVERGED", reason: summary.error.unwrap_or_default() };
    }
    let nll = summary.test_nll_nats.map_or_else(|| "none".to_owned(), |nll| format!("{nll:.2} nats"));
    End::Done(format!("test {nll}  best epoch {}", summary.best_epoch))
}
