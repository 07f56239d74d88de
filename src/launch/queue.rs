//! The jobs that submissions recorded, joined with the answers of the scheduler about them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::slurm::{Controller, Problem, QueuedTask};
use crate::plan::RunId;
use crate::record::utc;
use crate::store::{LOGS, Store, StoreError, Submission, SubmittedJob};

/// A run that is in the scheduler's queue, or was recently.
#[derive(Debug, Clone)]
pub struct QueuedRun {
    /// Task of the run.
    pub entry: QueuedTask,
    /// File with the output of the task.
    pub log: PathBuf,
}

/// Selection of submissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueScope {
    /// Submissions with runs that are not finished.
    Unfinished,
    /// All submissions.
    All,
}

/// State of all submissions.
#[derive(Debug, Default)]
pub struct SlurmQueue {
    /// Runs with their task; runs that the scheduler no longer knows are omitted.
    pub runs: BTreeMap<RunId, QueuedRun>,
    /// Jobs that have not ended as far as is known, by submission, including the one that writes
    /// the tables.
    pub jobs: BTreeMap<String, BTreeSet<String>>,
    /// Reason why the state is unknown, if the scheduler did not answer.
    pub unknown: Option<Problem>,
}

/// Time after which a submission without answer, of which the scheduler knows nothing, counts as
/// failed: sbatch itself gives up sooner.
const UNANSWERED: jiff::SignedDuration = jiff::SignedDuration::from_mins(4);

/// Number of a job, found by its name if the submission was not answered. It is not recorded,
/// because another process may be submitting at this moment.
fn found(
    job: &SubmittedJob,
    submission: &Submission,
    controller: Controller,
) -> Result<Option<String>, Problem> {
    if job.id.is_some() {
        return Ok(job.id.clone());
    }
    let found = controller.find(&job.name)?;
    let recent = utc(jiff::Timestamp::now() - UNANSWERED);
    if found.is_none() && submission.submitted_utc > recent {
        let text = format!("{} was submitted recently, and Slurm does not list it yet", job.name);
        return Err(Problem::Refused { program: "squeue", text });
    }
    Ok(found)
}

/// Rank of a task's state: alive before ending, and ending before ended.
fn rank(entry: &QueuedTask) -> u8 {
    match entry {
        entry if entry.has_ended() => 0,
        entry if entry.is_ending() => 1,
        _ => 2,
    }
}

impl SlurmQueue {
    /// Asks the scheduler for everything that may be waiting or running.
    pub fn ask(
        store: &Store,
        controller: Controller,
        scope: QueueScope,
    ) -> Result<Self, StoreError> {
        let mut queue = Self::default();
        let mut recorded = Vec::new();
        let failures = store.failures()?;
        for name in store.submissions().names()? {
            let jobs = store.submissions().jobs(&name)?;
            if jobs.is_empty() {
                continue;
            }
            let submission = store.submissions().load(&name)?;
            if scope == QueueScope::Unfinished
                && submission.tasks.iter().flatten().all(|run| store.is_published(run))
            {
                continue;
            }
            let mut known = Vec::new();
            for job in jobs {
                match found(&job, &submission, controller) {
                    Ok(id) => known.extend(id.map(|id| SubmittedJob { id: Some(id), ..job })),
                    Err(problem) => queue.unknown = Some(problem),
                }
            }
            recorded.push((submission, known));
        }
        // If a run was submitted several times, the last submission counts.
        recorded.sort_by(|(a, _), (b, _)| a.submitted_utc.cmp(&b.submitted_utc));
        let ids: Vec<&str> = recorded
            .iter()
            .flat_map(|(_, jobs)| jobs)
            .filter_map(|job| job.id.as_deref())
            .collect();
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
        let mut by_job = BTreeMap::<(&str, &str), Vec<&QueuedTask>>::new();
        for entry in &entries {
            // Numbers may be reused, names are not: a job with another name is not ours.
            by_job.entry((&entry.job, &entry.label)).or_default().push(entry);
        }
        for (submission, jobs) in &recorded {
            let logs = store.submissions().dir(&submission.name)?.join(LOGS);
            for job in jobs {
                let Some(id) = &job.id else { continue };
                for &entry in by_job.get(&(id.as_str(), job.name.as_str())).into_iter().flatten() {
                    if !entry.has_ended() {
                        queue.jobs.entry(submission.name.clone()).or_default().insert(id.clone());
                    }
                    let index = job.first.saturating_add(entry.index.unwrap_or(0));
                    let task = submission.tasks.get(index).filter(|_| job.count > 0);
                    // A run that has failed in its task is not repeated by that task.
                    let tried = |run: &&RunId| failures.get(run) == submission.earlier.get(run);
                    for run in task.into_iter().flatten().filter(tried) {
                        let queued = QueuedRun {
                            entry: entry.clone(),
                            log: logs.join(format!("{}.log", entry.name())),
                        };
                        if queue.runs.get(run).is_none_or(|known| rank(&known.entry) <= rank(entry))
                        {
                            queue.runs.insert(run.clone(), queued);
                        }
                    }
                }
            }
        }
        Ok(queue)
    }

    /// True if a run is waiting, running, or ending.
    pub fn holds(&self, run: &RunId) -> bool {
        self.runs.get(run).is_some_and(|queued| !queued.entry.has_ended())
    }

    /// True if a run is waiting or running. A task that is ending may have been cancelled, so it
    /// does not count; if it starts again, two tasks for one run do no harm.
    pub fn will_do(&self, run: &RunId) -> bool {
        self.holds(run) && self.runs.get(run).is_some_and(|queued| !queued.entry.is_ending())
    }

    /// Jobs of one experiment or of all that may not have ended.
    pub fn alive(&self, store: &Store, experiment: Option<&str>) -> Vec<&str> {
        let meant = |name: &str| {
            experiment.is_none_or(|asked| {
                store.submissions().load(name).is_ok_and(|s| s.experiment == asked)
            })
        };
        self.jobs
            .iter()
            .filter(|(name, _)| meant(name))
            .flat_map(|(_, jobs)| jobs)
            .map(String::as_str)
            .collect()
    }

    /// `12 running, 30 pending (Priority)`, of the tasks of `runs`.
    pub fn summary<'a>(&self, runs: impl Iterator<Item = &'a RunId>) -> String {
        let entries: BTreeMap<String, &QueuedTask> = runs
            .filter_map(|run| self.runs.get(run))
            .map(|queued| (queued.entry.name(), &queued.entry))
            .collect();
        let mut counts = BTreeMap::<String, usize>::new();
        for entry in entries.values().filter(|entry| !entry.has_ended()) {
            *counts.entry(entry.words()).or_default() += 1;
        }
        let parts: Vec<String> =
            counts.into_iter().map(|(state, n)| format!("{n} {state}")).collect();
        match &self.unknown {
            Some(problem) => format!("unknown: {problem}"),
            None if parts.is_empty() => "none".to_owned(),
            None => parts.join(", "),
        }
    }
}
