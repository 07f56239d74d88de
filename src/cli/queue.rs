//! What the scheduler does for us at the moment: the jobs that submissions recorded, joined with what it says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::launch::slurm::{Controller, Entry, Problem};
use crate::plan::RunId;
use crate::store::{Job, Store, StoreError};

/// A run in the scheduler's hands, now or lately.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) entry: Entry,
    /// Where its task prints.
    pub(crate) log: PathBuf,
}

/// Which submissions are of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those with runs that are not finished.
    Unfinished,
    /// All.
    All,
}

/// What is known of submissions.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Runs by what has become of their task; those of which the scheduler knows nothing any more are not among them.
    pub(crate) runs: BTreeMap<RunId, Queued>,
    /// Jobs that have not ended as far as is known, by submission; with it the one that writes the tables.
    pub(crate) jobs: BTreeMap<String, BTreeSet<String>>,
    /// Why nothing is known, if the scheduler was asked in vain.
    pub(crate) unknown: Option<Problem>,
}

/// Asks for everything that may still wait or run.
pub(crate) fn look(store: &Store, controller: Controller, scope: Scope) -> Result<Queue, StoreError> {
    let mut queue = Queue::default();
    let mut recorded = Vec::new();
    for name in store.submissions()? {
        let mut jobs = store.jobs(&name)?;
        if jobs.is_empty() {
            continue;
        }
        let submission = store.submission(&name)?;
        if scope == Scope::Unfinished && submission.tasks.iter().flatten().all(|run| store.is_published(run)) {
            continue;
        }
        if let Err(problem) = settle(store, controller, &name, &mut jobs)? {
            queue.unknown = Some(problem);
        }
        recorded.push((submission, jobs));
    }
    let ids: Vec<&str> = recorded.iter().flat_map(|(_, jobs)| jobs).filter_map(|job| job.id.as_deref()).collect();
    let entries = match controller.queue(&ids) {
        Ok(entries) => entries,
        Err(problem) => {
            queue.unknown = Some(problem);
            for (submission, jobs) in &recorded {
                let ids = jobs.iter().filter_map(|job| job.id.clone()).collect();
                queue.jobs.insert(submission.name.clone(), ids);
            }
            return Ok(queue);
        }
    };
    let mut by_job = BTreeMap::<&str, Vec<&Entry>>::new();
    for entry in &entries {
        by_job.entry(&entry.job).or_default().push(entry);
    }
    for (submission, jobs) in &recorded {
        let logs = store.submission_dir(&submission.name)?.join("logs");
        for job in jobs {
            let Some(id) = &job.id else { continue };
            for entry in by_job.get(id.as_str()).into_iter().flatten() {
                if !entry.has_ended() {
                    queue.jobs.entry(submission.name.clone()).or_default().insert(id.clone());
                }
                let task = submission.tasks.get(job.first + entry.index.unwrap_or(0)).filter(|_| job.count > 0);
                for run in task.into_iter().flatten() {
                    let queued = Queued { entry: (*entry).clone(), log: logs.join(format!("{}.log", entry.name())) };
                    // Submitted again, it counts as what is alive.
                    if !queue.runs.get(run).is_some_and(|known| entry.has_ended() && !known.entry.has_ended()) {
                        queue.runs.insert(run.clone(), queued);
                    }
                }
            }
        }
    }
    Ok(queue)
}

/// Finds out what became of jobs whose submission was never answered, and notes it.
fn settle(
    store: &Store,
    controller: Controller,
    submission: &str,
    jobs: &mut Vec<Job>,
) -> Result<Result<(), Problem>, StoreError> {
    if jobs.iter().all(|job| job.id.is_some()) {
        return Ok(Ok(()));
    }
    for job in jobs.iter_mut().filter(|job| job.id.is_none()) {
        match controller.find(&job.name) {
            Ok(found) => job.id = found,
            Err(problem) => return Ok(Err(problem)),
        }
    }
    jobs.retain(|job| job.id.is_some());
    store.save_jobs(submission, jobs)?;
    Ok(Ok(()))
}

impl Queue {
    /// Whether a run waits, is under way, or is just ending.
    pub(crate) fn holds(&self, run: &RunId) -> bool {
        self.runs.get(run).is_some_and(|queued| !queued.entry.has_ended())
    }

    /// Whether a run waits or is under way. A task that is just ending may be one that was cancelled: it does not count, and
    /// if it is to start again, two tasks for one run do no harm.
    pub(crate) fn will_do(&self, run: &RunId) -> bool {
        self.holds(run) && self.runs.get(run).is_some_and(|queued| queued.entry.state != "COMPLETING")
    }

    /// Jobs that may not have ended, of one experiment or of all.
    pub(crate) fn alive(&self, store: &Store, experiment: Option<&str>) -> Vec<&str> {
        let meant =
            |name: &str| experiment.is_none_or(|asked| store.submission(name).is_ok_and(|s| s.experiment == asked));
        self.jobs.iter().filter(|(name, _)| meant(name)).flat_map(|(_, jobs)| jobs).map(String::as_str).collect()
    }

    /// `12 running, 30 pending (Priority)`, of the tasks of `runs`.
    pub(crate) fn summary<'a>(&self, runs: impl Iterator<Item = &'a RunId>) -> String {
        let entries: BTreeMap<String, &Entry> =
            runs.filter_map(|run| self.runs.get(run)).map(|queued| (queued.entry.name(), &queued.entry)).collect();
        let mut counts = BTreeMap::<String, usize>::new();
        for entry in entries.values().filter(|entry| !entry.has_ended()) {
            *counts.entry(entry.words()).or_default() += 1;
        }
        let parts: Vec<String> = counts.into_iter().map(|(state, n)| format!("{n} {state}")).collect();
        match &self.unknown {
            Some(problem) => format!("unknown: {problem}"),
            None if parts.is_empty() => "none".to_owned(),
            None => parts.join(", "),
        }
    }
}
