//! Follows submitted runs until they have ended: what is done, from disk; what waits and why, from
//! the scheduler.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Terminal;
use super::asked::Asked;
use super::interrupt::Interrupt;
use super::progress::{Progress, ProgressMode};
use super::queue::{self, Queue, Queued, Scope};
use crate::launch::slurm::Controller;
use crate::plan::{RunId, RunSpec};
use crate::runner::{End, RunLine};
use crate::store::{Failure, RunStatus, StoreError};
use crate::text::count;

/// How following ended.
#[derive(Debug)]
pub(crate) enum Followed {
    /// No more than the number asked for is left. These failed meanwhile. If others are not done
    /// although no job is left for them: whether it makes sense to submit them again.
    Ended { failed: BTreeSet<RunId>, again: Option<bool> },
    /// A signal came; the jobs go on.
    Detached,
}

/// Time between two looks at the results: at least, and as a multiple of what a look takes.
const LOOK: Duration = Duration::from_secs(1);
const SPARSE: u32 = 20;
/// Time between two questions to the scheduler: it doubles while nothing changes.
const ASK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// Runs that no job will do any more are given this long to appear on disk; longer where their job
/// says that it did them: a network file system may show them a minute late.
const LATE: (Duration, Duration) = (Duration::from_secs(8), Duration::from_secs(70));

/// What is followed.
pub(crate) struct Following<'a> {
    /// Runs in the scheduler's hands.
    pub(crate) runs: &'a [&'a RunSpec],
    /// It returns once no more than so many are left.
    pub(crate) until: usize,
    /// Failures from before they were submitted.
    pub(crate) earlier: &'a BTreeMap<RunId, Failure>,
    /// Failures after which the jobs are cancelled.
    pub(crate) max_failures: usize,
}

/// Shows what becomes of runs until each has ended or no job is left for it.
pub(crate) fn follow(
    asked: &Asked,
    following: &Following,
    interrupt: &Interrupt,
    mode: ProgressMode,
    terminal: &Terminal,
) -> anyhow::Result<Followed> {
    let &Following { runs, until, earlier, max_failures } = following;
    let store = &asked.store;
    let costs = asked.estimate(runs, 1)?.costs;
    let controller = Controller { stop: interrupt.flag() };
    let labels = asked.plan.labels();
    let line = |run: &&RunSpec| RunLine {
        label: labels[&run.id].clone(),
        epochs: store.trainer().epochs(&run.config).unwrap_or(0),
        cost: costs.get(&run.id).map_or(1.0, |cost| cost.work),
    };
    let title = format!(
        "{}  following {}; Ctrl-C leaves them to Slurm",
        asked.plan.name,
        count(runs.len(), "run")
    );
    let lines = runs.iter().map(line).collect();
    let metrics = store.trainer().metrics();
    let progress = Progress::new(mode, terminal.paint, &title, lines, metrics);
    let mut left: BTreeMap<usize, &RunSpec> = runs.iter().copied().enumerate().collect();
    let mut failed = BTreeSet::new();
    let (mut queue, mut held) = (Queue::default(), String::new());
    let (mut look_at, mut ask_at, mut ask_every) = (Instant::now(), Instant::now(), ASK.0);
    let mut alone_since: Option<Instant> = None;
    let mut cancelled = false;
    let ended = loop {
        if interrupt.raised() {
            break Followed::Detached;
        }
        let now = Instant::now();
        if now >= look_at {
            let before = left.len();
            let failures = store.failures()?;
            let mut over = Vec::new();
            for (&i, run) in &left {
                let end = if store.is_published(&run.id) {
                    published(asked, &run.id)?
                } else {
                    let fails =
                        failures.get(&run.id).filter(|&found| earlier.get(&run.id) != Some(found));
                    failed.extend(fails.map(|_| run.id.clone()));
                    fails.map(failure)
                };
                if let Some(end) = end {
                    progress.ended(i, &end);
                    over.push(i);
                }
            }
            left.retain(|i, _| !over.contains(i));
            progress.queue(&held);
            if left.len() <= until {
                break Followed::Ended { failed, again: None };
            }
            if left.len() < before {
                alone_since = None;
            }
            look_at = Instant::now() + LOOK.max(now.elapsed() * SPARSE);
            if failed.len() >= max_failures && !cancelled {
                let jobs = queue.alive(store, Some(&asked.plan.name));
                let cancel = || {
                    if jobs.is_empty() {
                        Ok(false)
                    } else {
                        controller.cancel(&jobs).map(|()| true)
                    }
                };
                match cancel() {
                    Ok(done) => cancelled = done,
                    Err(problem) => terminal.warn(problem),
                }
                if cancelled {
                    let (failures, jobs) =
                        (count(failed.len(), "failure"), count(jobs.len(), "job"));
                    terminal.remark(format!("{failures}: cancelled {jobs}"));
                }
            }
        }
        if now >= ask_at {
            let found = queue::look(store, controller, Scope::Unfinished)?;
            held = found.summary(left.values().map(|run| &run.id));
            ask_every = if progress.queue(&held) { ASK.0 } else { (ask_every * 2).min(ASK.1) };
            queue = found;
            let alone = queue.unknown.is_none() && !left.values().any(|run| queue.holds(&run.id));
            if alone {
                ask_every = ASK.0;
                let since = *alone_since.get_or_insert(now);
                if since.elapsed() >= patience(&queue, &left) {
                    progress.close();
                    let lost: Vec<&RunId> = left.values().map(|run| &run.id).collect();
                    say_lost(&lost, &queue, terminal);
                    break Followed::Ended { failed, again: Some(may_succeed(&lost, &queue)) };
                }
            } else {
                alone_since = None;
            }
            ask_at = Instant::now() + ask_every;
        }
        sleep(Duration::from_millis(100));
    };
    progress.close();
    Ok(ended)
}

fn published(asked: &Asked, run: &RunId) -> Result<Option<End>, StoreError> {
    let record = asked.store.record(run)?;
    // Damaged, it is outstanding again.
    Ok(record.summary.filter(|_| record.status != RunStatus::Outstanding).map(End::of))
}

fn failure(failure: &Failure) -> End {
    End::Failed(failure.error.clone())
}

fn patience(queue: &Queue, left: &BTreeMap<usize, &RunSpec>) -> Duration {
    let state = |run: &&RunSpec| queue.runs.get(&run.id).map(|queued| queued.entry.state.as_str());
    if left.values().any(|run| state(run) == Some("COMPLETED")) {
        LATE.1
    } else {
        LATE.0
    }
}

/// Whether runs may be done at the next attempt: their tasks were started, and ended by other means
/// than by hand.
fn may_succeed(lost: &[&RunId], queue: &Queue) -> bool {
    let started = |queued: &Queued| queued.entry.state != "CANCELLED" && queued.log.is_file();
    lost.iter().all(|run| queue.runs.get(run).is_some_and(started))
}

/// Says why runs are not done although no job is left for them.
fn say_lost(lost: &[&RunId], queue: &Queue, terminal: &Terminal) {
    let mut reasons = BTreeMap::<String, (usize, String)>::new();
    for &run in lost {
        let (reason, hint) = match queue.runs.get(run) {
            None => (
                "their jobs are not known to Slurm any more: cancelled, or ended long ago"
                    .to_owned(),
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
        terminal.warn(format!("{runs} not done: {reason}{hint}"));
    }
}
