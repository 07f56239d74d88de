//! Follows submitted runs until they have ended: finished runs are found on disk, waiting ones by
//! asking the scheduler.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::LaunchError;
use super::job::{CANCELLED, UNLISTED};
use super::queue::{JobQueue, QueueScope, QueuedRun};
use super::scheduler::Schedulers;
use crate::plan::{RunId, RunSpec};
use crate::runner::{Observer, Pass, RunEnd, RunLine};
use crate::session::{Interruption, LoadedExperiment};
use crate::store::{Failure, RunStatus, StoreError};
use crate::text::count;

/// RunEnd of [`follow`].
#[derive(Debug)]
pub enum FollowOutcome {
    /// No more runs are left than [`Following::until`], or no job is left for the others.
    Ended {
        /// Runs that failed meanwhile.
        failed: BTreeSet<RunId>,
        /// Present if no job is left for some run: true if it makes sense to submit it again.
        again: Option<bool>,
    },
    /// A stop was requested; the jobs continue.
    Detached,
}

/// Minimum interval of checking the results; the actual interval is also a multiple of the time
/// that a check takes.
const LOOK: Duration = Duration::from_secs(1);
const SPARSE: u32 = 20;
/// Interval of asking the scheduler, at first and at most: it doubles while nothing changes. Up
/// to the maximum, it is also a multiple of the time that an answer takes.
const ASK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// Time for runs without a job to appear on disk before they count as lost; the second, longer one
/// applies if their job reports success, because a network file system may show files a minute
/// late.
const LATE: (Duration, Duration) = (Duration::from_secs(8), Duration::from_secs(70));

/// Runs to follow.
#[derive(Debug, Clone, Copy)]
pub struct Following<'a> {
    /// Runs in the scheduler's hands.
    pub runs: &'a [&'a RunSpec],
    /// Maximum number of remaining runs at which following ends.
    pub until: usize,
    /// Failures from before they were submitted.
    pub earlier: &'a BTreeMap<RunId, Failure>,
    /// Failures after which the jobs are cancelled.
    pub max_failures: usize,
    /// Schedulers of this and other submissions.
    pub schedulers: Schedulers<'a>,
    /// Name of the scheduler in sentences.
    pub scheduler: &'a str,
}

/// Reports the progress of runs to the observer until each has ended or no job is left for it.
pub fn follow(
    loaded: &LoadedExperiment,
    following: &Following,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<FollowOutcome, LaunchError> {
    let runs = following.runs;
    let store = &loaded.store;
    let costs = loaded.estimate(runs, 1)?.costs;
    let labels = loaded.plan.labels();
    let line = |run: &&RunSpec| RunLine {
        run: run.id.clone(),
        label: labels[&run.id].clone(),
        epochs: store.trainer().epochs(&run.config).unwrap_or(0),
        cost: costs.get(&run.id).map_or(1.0, |cost| cost.work),
        examples: costs.get(&run.id).and_then(|cost| cost.examples),
    };
    let title = format!(
        "{}  following {}; Ctrl-C leaves them to {}",
        loaded.plan.name,
        count(runs.len(), "run"),
        following.scheduler
    );
    // How many tasks run at a time is up to the scheduler, and so is the time until they end.
    let pass = Pass { title, runs: runs.iter().map(line).collect(), seconds: None };
    observer.begins(pass, store.trainer().metrics());
    let outcome = until_ended(loaded, following, interruption, observer);
    observer.over(None);
    outcome
}

fn until_ended(
    loaded: &LoadedExperiment,
    following: &Following,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<FollowOutcome, LaunchError> {
    let &Following { runs, until, earlier, max_failures, schedulers, scheduler } = following;
    let store = &loaded.store;
    let schedulers = Schedulers { stop: &interruption.requested, ..schedulers };
    let mut left: BTreeMap<usize, &RunSpec> = runs.iter().copied().enumerate().collect();
    let mut failed = BTreeSet::new();
    let (mut queue, mut held) = (JobQueue::default(), String::new());
    let (mut look_at, mut ask_at, mut ask_every) = (Instant::now(), Instant::now(), ASK.0);
    let mut alone_since: Option<Instant> = None;
    let mut cancelled = false;
    loop {
        if interruption.is_requested() {
            return Ok(FollowOutcome::Detached);
        }
        let now = Instant::now();
        if now >= look_at {
            let before = left.len();
            let failures = store.failures()?;
            let mut over = Vec::new();
            for (&i, run) in &left {
                let end = if store.is_published(&run.id) {
                    published(loaded, &run.id)?
                } else {
                    let fails =
                        failures.get(&run.id).filter(|&found| earlier.get(&run.id) != Some(found));
                    failed.extend(fails.map(|_| run.id.clone()));
                    fails.map(failure)
                };
                if let Some(end) = end {
                    observer.ended(i, &end);
                    over.push(i);
                }
            }
            left.retain(|i, _| !over.contains(i));
            observer.queue(&held);
            if left.len() <= until {
                return Ok(FollowOutcome::Ended { failed, again: None });
            }
            if left.len() < before {
                alone_since = None;
            }
            look_at = Instant::now() + LOOK.max(now.elapsed() * SPARSE);
            if failed.len() >= max_failures && !cancelled {
                let done = queue.cancel(store, schedulers, Some(&loaded.plan.name))?;
                if let Some(problem) = done.problem {
                    observer.warn(&problem.to_string());
                }
                cancelled = !done.jobs.is_empty();
                if cancelled {
                    let (failures, jobs) =
                        (count(failed.len(), "failure"), count(done.jobs.len(), "job"));
                    observer.remark(&format!("{failures}: cancelled {jobs}"));
                }
            }
        }
        if now >= ask_at {
            let found = JobQueue::ask(store, schedulers, QueueScope::Unfinished)?;
            let now_held = found.summary(left.values().map(|run| &run.id));
            ask_every = if now_held == held { (ask_every * 2).min(ASK.1) } else { ASK.0 };
            held = now_held;
            observer.queue(&held);
            queue = found;
            let alone = queue.unknown.is_none() && !left.values().any(|run| queue.holds(&run.id));
            if alone {
                ask_every = ASK.0;
                let since = *alone_since.get_or_insert(now);
                if since.elapsed() >= patience(&queue, &left) {
                    observer.over(None);
                    let lost: Vec<&RunId> = left.values().map(|run| &run.id).collect();
                    tell_lost(&lost, &queue, scheduler, observer);
                    let again = Some(may_succeed(&lost, &queue));
                    return Ok(FollowOutcome::Ended { failed, again });
                }
            } else {
                alone_since = None;
            }
            ask_at = Instant::now() + ask_every.max((now.elapsed() * SPARSE).min(ASK.1));
        }
        sleep(Duration::from_millis(100));
    }
}

fn published(loaded: &LoadedExperiment, run: &RunId) -> Result<Option<RunEnd>, StoreError> {
    let record = loaded.store.record(run)?;
    // Damaged, it is outstanding again.
    Ok(record
        .summary
        .filter(|_| record.status != RunStatus::Outstanding)
        .map(RunEnd::of))
}

fn failure(failure: &Failure) -> RunEnd {
    RunEnd::Failed(failure.error.clone())
}

fn patience(queue: &JobQueue, left: &BTreeMap<usize, &RunSpec>) -> Duration {
    let state = |run: &&RunSpec| queue.runs.get(&run.id).map(|queued| queued.entry.state.as_str());
    if left.values().any(|run| state(run) == Some("COMPLETED")) {
        LATE.1
    } else {
        LATE.0
    }
}

/// True if the next attempt at the runs may succeed: their tasks were started, and were not
/// cancelled.
fn may_succeed(lost: &[&RunId], queue: &JobQueue) -> bool {
    // Some tasks of a job that was deleted may not have been started yet.
    let others_started = |queued: &QueuedRun| {
        queued.entry.state == UNLISTED && queued.log.parent().is_some_and(has_log)
    };
    let started = |queued: &QueuedRun| {
        queued.entry.state != CANCELLED && (queued.log.is_file() || others_started(queued))
    };
    lost.iter().all(|run| queue.runs.get(run).is_some_and(started))
}

/// True if a directory has the log of a task.
fn has_log(logs: &Path) -> bool {
    let is_log = |entry: io::Result<DirEntry>| {
        entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "log"))
    };
    fs::read_dir(logs).is_ok_and(|mut entries| entries.any(is_log))
}

/// Reports the reason why runs are not done although no job is left for them.
fn tell_lost(lost: &[&RunId], queue: &JobQueue, scheduler: &str, observer: &dyn Observer) {
    let mut reasons = BTreeMap::<String, (usize, String)>::new();
    for &run in lost {
        let (reason, hint) = match queue.runs.get(run) {
            None => (
                format!(
                    "their jobs are not known to {scheduler} any more: cancelled, or ended long ago"
                ),
                String::new(),
            ),
            Some(queued) => {
                let entry = &queued.entry;
                let hint = if queued.log.is_file() {
                    format!("; job {} printed to {}", entry.name(), queued.log.display())
                } else {
                    let (name, log) = (entry.name(), queued.log.display());
                    format!(
                        "; job {name} left no {log}: it never started, or its node does not see that directory"
                    )
                };
                (format!("their jobs are {}", entry.words()), hint)
            }
        };
        reasons.entry(reason).or_insert((0, hint)).0 += 1;
    }
    for (reason, (runs, hint)) in reasons {
        let runs = count(runs, "run");
        observer.warn(&format!("{runs} not done: {reason}{hint}"));
    }
}
