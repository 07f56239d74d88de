//! Training of a list of runs in parallel, with claims, checkpoints and failure records.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::estimate::{TrainingKey, training_keys};
use super::{CostEstimate, Observer, Pass, RunEnd, RunLine};
use crate::parallel::CancelToken;
use crate::plan::{Plan, RunId, RunSpec};
use crate::schedule::{Job, JobEvent, Limits, Outcome, Share, Stop, run_all};
use crate::store::disk::remove_tree;
use crate::store::{Checkpoint, Claim, Claiming, RunOutput, RunStatus, Store, StoreError, Summary};
use crate::text::{count, duration, factor};
use crate::trainer::{Control, Execution};

/// Parameters of training a list of runs.
pub struct Training<'a> {
    /// Plan to which the runs belong.
    pub plan: &'a Plan,
    /// Store of claims, checkpoints and attempts.
    pub store: &'a Store,
    /// Cost of each run, and total time.
    pub estimate: &'a CostEstimate,
    /// Number of threads over all runs.
    pub threads: NonZeroUsize,
    /// Maximum memory of all runs together [bytes].
    pub memory: u64,
    /// GPUs that all runs together may take, by name.
    pub gpus: &'a [String],
    /// Number of failures after which no further run starts.
    pub max_failures: usize,
    /// Damaged runs that no program is still copying: they may be moved aside and repeated.
    pub damaged: &'a BTreeSet<RunId>,
    /// Time between two checkpoints of a run that no other process may execute at the same time;
    /// `None` for published runs that are only repeated for a check.
    pub checkpoint_every: Option<Duration>,
    /// Gives up on a run after this many consecutive attempts killed the process without progress.
    /// A suspect run is scheduled alone, so that it takes no other with it.
    pub attempts: Option<u32>,
}

/// Result of one pass over runs.
#[derive(Debug, Default)]
pub struct Trained {
    /// Runs that failed; diverged runs are not among them.
    pub failed: BTreeSet<RunId>,
    /// Runs that were interrupted.
    pub abandoned: BTreeSet<RunId>,
    /// True if the stop flag was raised.
    pub interrupted: bool,
    /// True if no further run was started because of failures.
    pub stopped: bool,
}

/// A run that this process has claimed; another attempt may have begun it.
#[derive(Default)]
struct ClaimedRun {
    claim: Option<Claim>,
    resume: Option<Checkpoint>,
    /// Reason to give it up immediately, if there is one.
    given_up: Option<String>,
}

/// Time and threads of one attempt at a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Elapsed {
    /// Wall time.
    pub time: Duration,
    /// Number of threads of the run.
    pub threads: usize,
}

impl Training<'_> {
    /// Trains `runs` until `stop` is raised. `publish` takes the output of each, or returns the
    /// reason why it is wrong; `record` stores the reason of a failure.
    pub fn train(
        &self,
        runs: &[&RunSpec],
        title: &str,
        stop: &Arc<AtomicBool>,
        observer: &dyn Observer,
        publish: impl Fn(&RunSpec, &RunOutput) -> Result<Result<(), String>, StoreError> + Sync,
        record: impl Fn(&RunSpec, &str, Elapsed),
    ) -> Trained {
        let labels = self.plan.labels();
        let slots = self.store.trainer().slots();
        let (mut jobs, mut lines) = (Vec::new(), Vec::new());
        for (i, run) in runs.iter().enumerate() {
            let cost = &self.estimate.costs[&run.id];
            let alone = self.attempts.is_some()
                && (self.store.claims().is_suspect(&run.id)
                    || self.store.claims().is_claimed(&run.id));
            jobs.push(Job {
                task: i,
                cost: cost.work,
                bytes: if alone { u64::MAX } else { cost.memory },
                threads: slots.threads,
                gpus: slots.gpus,
            });
            let epochs = self.store.trainer().epochs(&run.config).unwrap_or(0);
            let label = labels[&run.id].clone();
            lines.push(RunLine {
                run: run.id.clone(),
                label,
                epochs,
                cost: cost.work,
                examples: cost.examples,
            });
        }
        let limits = Limits {
            threads: self.threads,
            bytes: self.memory,
            gpus: self.gpus,
            failures: self.max_failures,
            // More than the seeds of one variant, which may well all fail for the same reason.
            same_failures: (self.plan.seeds.len() + 1).max(3),
            interrupt: stop,
        };
        let width = slots.threads.map_or(1, NonZeroUsize::get);
        let at_a_time = (self.threads.get() / width).max(1).min(runs.len());
        let started = Instant::now();
        let title = format!("{title}, {at_a_time} at a time, {}", self.estimate.words());
        let seconds = self.estimate.is_known.then_some(self.estimate.seconds);
        observer.begins(Pass { title, runs: lines, seconds }, self.store.trainer().metrics());
        // A claim is held until the failure of its run is recorded; otherwise another process could
        // start the run that has just failed.
        let claims = Mutex::new(BTreeMap::new());
        let claims = || claims.lock().unwrap_or_else(PoisonError::into_inner);
        let begun_at = Mutex::new(BTreeMap::new());
        let begun_at = || begun_at.lock().unwrap_or_else(PoisonError::into_inner);
        let trained_alike = self.trained_alike();
        let work = |&i: &usize, share: &Share| {
            let threads = share.threads;
            let note = |text: String| observer.noted(i, &text);
            let begun = match self.begin(runs[i], &trained_alike, &note) {
                Ok(Ok(begun)) => begun,
                Ok(Err(reason)) => {
                    observer.declined(i, &reason);
                    return Outcome::Declined;
                }
                Err(error) => return failed(&error),
            };
            observer.started(i, threads);
            begun_at().insert(i, (Instant::now(), threads));
            let mut flags = vec![Arc::clone(stop)];
            if let Some(claim) = begun.claim {
                flags.push(Arc::clone(claim.lost()));
                claims().insert(i, claim);
            }
            if let Some(reason) = begun.given_up {
                return Outcome::Failed(reason);
            }
            let control = Control {
                stop: CancelToken::any_of(flags),
                on_epoch: &mut |row| observer.epoch(i, row),
                resume: begun.resume,
                save: &mut |checkpoint| self.save(runs[i], &checkpoint, &note),
                checkpoint_every: self.checkpoint_every.unwrap_or(Duration::MAX),
                directory: self.run_files(&runs[i].id),
                inputs: self.store.inputs_dir(&runs[i].data).ok(),
                gpus: share.gpus.clone(),
                note: &note,
            };
            let trainer = self.store.trainer();
            let output = match trainer.execute(&runs[i].key(), threads.get(), control) {
                Ok(Execution::Interrupted) => return Outcome::Abandoned,
                Ok(Execution::Done(output)) => output,
                Err(error) if error.is_everywhere() => return Outcome::Hopeless(error.to_string()),
                Err(error) => return Outcome::Failed(error.to_string()),
            };
            let published = publish(runs[i], &output);
            if self.checkpoint_every.is_none() {
                let _ = remove_tree(&self.run_files(&runs[i].id));
            }
            match published {
                Ok(Ok(())) => Outcome::Done(self.summary(runs[i], output.summary)),
                Ok(Err(reason)) => Outcome::Failed(reason),
                Err(error) => failed(&error),
            }
        };
        let mut trained = Trained::default();
        let stopped = run_all(&jobs, &limits, work, |event| {
            if let JobEvent::Ended { job, outcome } = event {
                let elapsed =
                    begun_at().remove(&job).map_or_else(Elapsed::default, |(begun, threads)| {
                        Elapsed { time: begun.elapsed(), threads: threads.get() }
                    });
                if let Outcome::Failed(reason) | Outcome::Hopeless(reason) = &outcome {
                    record(runs[job], reason, elapsed);
                    trained.failed.insert(runs[job].id.clone());
                }
                if outcome == Outcome::Abandoned {
                    trained.abandoned.insert(runs[job].id.clone());
                }
                claims().remove(&job);
                observer.ended(job, &end(outcome));
            }
        });
        trained.interrupted = stop.load(Ordering::SeqCst);
        trained.stopped = stopped.is_some();
        let summary = summed_up(stopped, started.elapsed().as_secs_f64(), self.estimate);
        observer.over((!trained.interrupted).then_some(&summary));
        trained
    }

    /// The directory for files of a run: that of an earlier attempt, or one of its own for a run
    /// that is published already and only done again.
    fn run_files(&self, run: &RunId) -> PathBuf {
        let files = self.store.run_files(run);
        match self.checkpoint_every {
            Some(_) => files,
            None => files.with_extension(format!("again-{}", std::process::id())),
        }
    }

    /// The values of a run as its trainer reads them from what was published.
    fn summary(&self, run: &RunSpec, summary: Summary) -> Summary {
        if self.store.trainer().declaration().is_none() {
            return summary;
        }
        let record = self.store.record(&run.id).ok();
        record.and_then(|record| record.summary).unwrap_or(summary)
    }

    /// Claims a run, or returns the reason why it is left to another process.
    fn begin(
        &self,
        run: &RunSpec,
        trained_alike: &BTreeMap<&RunId, Arc<[&RunSpec]>>,
        note: &dyn Fn(String),
    ) -> Result<Result<ClaimedRun, String>, StoreError> {
        if self.checkpoint_every.is_none() {
            return Ok(Ok(ClaimedRun::default()));
        }
        let claim = match self.store.claims().claim(&run.id)? {
            Claiming::Ours(claim) => claim,
            Claiming::Theirs(owner) => {
                let owner =
                    owner.map_or_else(|| "another process".to_owned(), |owner| owner.to_string());
                return Ok(Err(format!("{owner} executes it")));
            }
        };
        // Checked under the claim, so that no process publishes the run meanwhile: a run that is
        // intact again must not be moved.
        match self.store.check(&run.id) {
            Ok(()) => return Ok(Err("another process has done it".to_owned())),
            Err(StoreError::Damaged { .. }) if !self.damaged.contains(&run.id) => {
                return Ok(Err(
                    "it has just appeared, and may still be being copied here".to_owned()
                ));
            }
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
                let ended = self.store.claims().count_attempt(&run.id)?;
                given_up = (ended >= most).then(|| {
                    format!(
                        "{} in a row ended its task without progress",
                        count(ended as usize, "attempt")
                    )
                });
            }
        }
        let (resume, problems) = self.store.load_checkpoint(&run.id);
        for problem in problems {
            note(format!("checkpoint ignored: {problem}"));
        }
        // A program says itself that it continues.
        if let Some(checkpoint) = resume.as_ref().filter(|resume| !resume.state.is_empty()) {
            note(format!("resumes after {}", count(checkpoint.epoch, "epoch")));
        }
        let alike = trained_alike.get(&run.id);
        let resume = resume.or_else(|| self.end_of_training(run, alike?, note));
        Ok(Ok(ClaimedRun { claim: Some(claim), resume, given_up }))
    }

    /// End of the training of a finished run among `alike`, which train like this one.
    fn end_of_training(
        &self,
        run: &RunSpec,
        alike: &[&RunSpec],
        note: &dyn Fn(String),
    ) -> Option<Checkpoint> {
        let store = self.store;
        let (other, checkpoint) = alike.iter().find_map(|other| {
            let record = store.record(&other.id).ok()?;
            let is_finished = other.id != run.id && record.status == RunStatus::Finished;
            let file = |name: &str| store.file(&other.id, name).ok().flatten();
            let end = || store.trainer().end_of_training(&run.key(), &record, &file);
            Some((&other.id, is_finished.then(end).flatten()?))
        })?;
        note(format!("differs from {other} only after training: begins with its model"));
        Some(checkpoint)
    }

    /// Runs of the plan that train alike, for each of them; nothing for runs that are only repeated,
    /// which train by themselves.
    fn trained_alike(&self) -> BTreeMap<&RunId, Arc<[&RunSpec]>> {
        let mut by_key: BTreeMap<TrainingKey, Vec<&RunSpec>> = BTreeMap::new();
        if self.checkpoint_every.is_some() {
            let runs: Vec<&RunSpec> = self.plan.runs.iter().collect();
            let keys = training_keys(&**self.store.trainer(), &runs);
            for (run, key) in runs.iter().zip(keys) {
                if let Some(key) = key {
                    by_key.entry(key).or_default().push(run);
                }
            }
        }
        let groups = by_key.into_values().filter(|runs| runs.len() > 1).map(Arc::<[_]>::from);
        groups
            .flat_map(|runs| {
                runs.iter().map(|run| (&run.id, Arc::clone(&runs))).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Saves a checkpoint. Failing to save one is no danger to the run: it continues, and the next
    /// checkpoint may succeed.
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
    if error.is_everywhere() {
        Outcome::Hopeless(reason)
    } else {
        Outcome::Failed(reason)
    }
}

fn summed_up(stop: Option<Stop>, seconds: f64, estimate: &CostEstimate) -> String {
    match stop {
        Some(Stop::Failures(n)) => format!("stopped after {}", count(n, "failure")),
        Some(Stop::Hopeless(reason)) => {
            format!("stopped: no other run would fare better: {reason}")
        }
        Some(Stop::SameFailure(reason)) => {
            format!("stopped: every run failed with the same reason: {reason}")
        }
        Some(Stop::Interrupted) | None if !estimate.is_known => {
            format!("took {}", duration(seconds))
        }
        Some(Stop::Interrupted) | None if estimate.is_upper_bound => {
            format!("took {}; the estimate was {}", duration(seconds), estimate.words())
        }
        Some(Stop::Interrupted) | None => {
            let predicted = estimate.seconds;
            let ratio = factor(seconds / predicted);
            format!(
                "took {}, {ratio} times the estimate of {}",
                duration(seconds),
                duration(predicted)
            )
        }
    }
}

fn end(outcome: Outcome<Summary>) -> RunEnd {
    match outcome {
        Outcome::Abandoned => RunEnd::Abandoned,
        Outcome::Declined => RunEnd::Declined,
        Outcome::Failed(reason) | Outcome::Hopeless(reason) => RunEnd::Failed(reason),
        Outcome::Done(summary) => RunEnd::of(summary),
    }
}
