//! Training runs and showing it: what `sweep` and `verify` share.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::estimate::Estimate;
use super::progress::{End, Progress, ProgressMode, RunLine};
use super::status::labelled;
use super::terminal::{count, duration};
use super::{Terminal, interrupt};
use crate::data::Dataset;
use crate::plan::{Plan, RunId, RunSpec};
use crate::run::{self, Control};
use crate::schedule::{Event, Job, Limits, Outcome, Stop, run_all};
use crate::store::{Publication, RunStatus, Store, Summary};

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
}

impl Training<'_> {
    /// Trains and publishes `runs`; whether it was interrupted. `accept` says whether what became of a publication is
    /// what it should be, `record` keeps why a run failed.
    pub(crate) fn train(
        &self,
        runs: &[&RunSpec],
        title: &str,
        mode: ProgressMode,
        terminal: &Terminal,
        accept: impl Fn(Publication) -> Result<(), String> + Sync,
        record: impl Fn(&RunSpec, &str),
    ) -> anyhow::Result<bool> {
        let interrupt = interrupt::listen().context("cannot listen for signals")?;
        let labels: BTreeMap<&RunId, String> =
            labelled(self.plan).into_iter().map(|(label, run)| (run, label)).collect();
        let (mut jobs, mut lines) = (Vec::new(), Vec::new());
        for (i, run) in runs.iter().enumerate() {
            let cost = &self.estimate.costs[&run.id];
            jobs.push(Job { task: i, cost: cost.multiply_adds, bytes: cost.memory });
            let (label, epochs) = (labels[&run.id].clone(), run.config.train.epochs);
            lines.push(RunLine { label, epochs, cost: cost.multiply_adds });
        }
        let limits = Limits {
            threads: self.threads,
            bytes: self.memory,
            failures: self.max_failures,
            // More than the seeds of one variant, which may well fail together.
            same_failures: (self.plan.seeds.len() + 1).max(3),
            interrupt: &interrupt,
        };
        let (at_a_time, predicted) = (self.threads.get().min(runs.len()), duration(self.estimate.seconds));
        let started = Instant::now();
        let progress =
            Progress::new(mode, terminal.paint, &format!("{title}, {at_a_time} at a time, about {predicted}"), lines);
        let work = |&i: &usize, threads: NonZeroUsize| {
            let control = Control {
                interrupted: &|| interrupt.load(Ordering::Relaxed),
                on_epoch: &mut |row| progress.epoch(i, row),
                resume: None,
                save: &mut drop,
                checkpoint_every: Duration::MAX,
            };
            let output = match run::execute(runs[i], &self.datasets[&runs[i].data], threads.get(), control) {
                Ok(run::Outcome::Interrupted) => return Outcome::Abandoned,
                Ok(run::Outcome::Done(output)) => output,
                Err(error) => return Outcome::Failed(error.to_string()),
            };
            match self.store.publish(runs[i], &output).map_err(|error| error.to_string()).and_then(&accept) {
                Ok(()) => Outcome::Done(output.summary),
                Err(reason) => Outcome::Failed(reason),
            }
        };
        let stop = run_all(&jobs, &limits, work, |event| match event {
            Event::Started { job, threads } => progress.started(job, threads),
            Event::Ended { job, outcome } => {
                if let Outcome::Failed(reason) = &outcome {
                    record(runs[job], reason);
                }
                progress.ended(job, &end(outcome));
            }
        });
        progress.close();
        let interrupted = interrupt.load(Ordering::Relaxed);
        if !interrupted {
            terminal.remark(summed_up(stop, started.elapsed().as_secs_f64(), self.estimate.seconds));
        }
        Ok(interrupted)
    }
}

fn summed_up(stop: Option<Stop>, seconds: f64, predicted: f64) -> String {
    match stop {
        Some(Stop::Failures(n)) => format!("stopped after {}", count(n, "failure")),
        Some(Stop::SameFailure(reason)) => format!("stopped: every run failed with the same reason: {reason}"),
        Some(Stop::Interrupted) | None => {
            let error = 100.0 * (predicted / seconds - 1.0);
            format!("took {}, predicted {} ({error:+.0} %)", duration(seconds), duration(predicted))
        }
    }
}

fn end(outcome: Outcome<Summary>) -> End {
    match outcome {
        Outcome::Abandoned => End::Abandoned,
        Outcome::Failed(reason) => End::Bad { word: "FAILED", reason },
        Outcome::Done(summary) if summary.status == RunStatus::Diverged => {
            End::Bad { word: "DIVERGED", reason: summary.error.unwrap_or_default() }
        }
        Outcome::Done(summary) => {
            let nll = summary.test_nll_nats.map_or_else(|| "none".to_owned(), |nll| format!("{nll:.2} nats"));
            End::Done(format!("test {nll}  best epoch {}", summary.best_epoch))
        }
    }
}
