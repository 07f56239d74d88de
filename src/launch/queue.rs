//! The jobs that submissions recorded, joined with the answers of their schedulers about them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::job::{CANCELLED, ENDING, LISTED, QueuedTask, UNLISTED};
use super::process::Problem;
use super::scheduler::{JobScheduler, Schedulers};
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
pub struct JobQueue {
    /// Runs with their task; runs that no scheduler knows any longer are omitted.
    pub runs: BTreeMap<RunId, QueuedRun>,
    /// Jobs that have not ended as far as is known, by submission, including the one that writes
    /// the tables.
    pub jobs: BTreeMap<String, Vec<SubmittedJob>>,
    /// Reason why the state is unknown, if a scheduler did not answer.
    pub unknown: Option<Problem>,
}

/// Jobs that were cancelled.
#[derive(Debug, Default)]
pub struct Cancelled {
    /// Their ids.
    pub jobs: Vec<String>,
    /// Reason why others were not.
    pub problem: Option<Problem>,
}

/// Time after which a submission without answer, of which the scheduler knows nothing, counts as
/// failed: sbatch itself gives up sooner.
const UNANSWERED: jiff::SignedDuration = jiff::SignedDuration::from_mins(4);

/// Time after which a job that is not listed and of which no task has started counts as ended:
/// some schedulers list a job seconds after it was submitted.
const LISTED_LATE: jiff::SignedDuration = jiff::SignedDuration::from_secs(20);

/// True if a submission was made at most this long ago.
fn is_recent(submission: &Submission, span: jiff::SignedDuration) -> bool {
    submission.submitted_utc > utc(jiff::Timestamp::now() - span)
}

/// Id of a job, found by its name if the submission was not answered. It is not recorded, because
/// another process may be submitting at this moment.
fn found(
    job: &SubmittedJob,
    submission: &Submission,
    scheduler: &JobScheduler,
    store: &Store,
) -> Result<Option<String>, Problem> {
    if job.id.is_some() {
        return Ok(job.id.clone());
    }
    if !scheduler.can_find() {
        let directory = store.submissions().dir(&submission.name);
        return Err(Problem::Untraceable {
            name: job.name.clone(),
            directory: directory.map_or_else(|_| String::new(), |dir| dir.display().to_string()),
        });
    }
    let found = scheduler.find(&job.name)?;
    if found.is_none() && is_recent(submission, UNANSWERED) {
        let text =
            format!("{} was submitted less than four minutes ago and is not listed yet", job.name);
        return Err(Problem::Refused { program: scheduler.name().to_owned(), text });
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

/// Jobs of one scheduler, each with the index of its submission.
type Group<'a> = (JobScheduler<'a>, Vec<(usize, SubmittedJob)>);

impl JobQueue {
    /// Asks the schedulers for everything that may be waiting or running.
    pub fn ask(
        store: &Store,
        schedulers: Schedulers,
        scope: QueueScope,
    ) -> Result<Self, StoreError> {
        let mut queue = Self::default();
        let mut submissions = Vec::new();
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
            submissions.push((submission, jobs));
        }
        // If a run was submitted several times, the last submission counts.
        submissions.sort_by(|(a, _), (b, _)| a.submitted_utc.cmp(&b.submitted_utc));
        let mut groups: Vec<Group> = Vec::new();
        for (i, (submission, jobs)) in submissions.iter().enumerate() {
            let scheduler = match schedulers.of(submission, store.root()) {
                Ok(scheduler) => scheduler,
                Err(problem) => {
                    queue.unknown = Some(problem);
                    queue.jobs.insert(submission.name.clone(), jobs.clone());
                    continue;
                }
            };
            let known = groups.iter().position(|(other, _)| other.is(&scheduler));
            let group = known.unwrap_or_else(|| {
                groups.push((scheduler, Vec::new()));
                groups.len() - 1
            });
            for job in jobs {
                match found(job, submission, &scheduler, store) {
                    Ok(None) => {}
                    Ok(id) => {
                        let left = submission.tasks.len().saturating_sub(job.first);
                        let job = SubmittedJob { id, count: job.count.min(left), ..job.clone() };
                        groups[group].1.push((i, job));
                    }
                    Err(problem) => queue.unknown = Some(problem),
                }
            }
        }
        let mut answers = Vec::new();
        for (scheduler, jobs) in &groups {
            let own: Vec<&SubmittedJob> = jobs.iter().map(|(_, job)| job).collect();
            match scheduler.queue(&own) {
                Ok(tasks) => answers.extend(
                    jobs.iter().zip(tasks).map(|((i, job), tasks)| (*i, scheduler, job, tasks)),
                ),
                Err(problem) => {
                    queue.unknown = Some(problem);
                    for (i, job) in jobs {
                        let name = submissions[*i].0.name.clone();
                        queue.jobs.entry(name).or_default().push(job.clone());
                    }
                }
            }
        }
        answers.sort_by_key(|(i, ..)| *i);
        let failures = store.failures()?;
        for (i, scheduler, job, tasks) in answers {
            let submission = &submissions[i].0;
            let logs = store.submissions().dir(&submission.name)?.join(LOGS);
            let log = |offset, entry: &QueuedTask| logs.join(scheduler.log(job, offset, entry));
            let is_listed_late = is_recent(submission, LISTED_LATE)
                && tasks.iter().all(|(offset, entry)| !log(*offset, entry).is_file());
            for (offset, mut entry) in tasks {
                let state = match (entry.state.as_str(), job.cancelled) {
                    (LISTED, true) => ENDING,
                    (UNLISTED, true) => CANCELLED,
                    (UNLISTED, false) if is_listed_late => LISTED,
                    (state, _) => state,
                };
                entry.state = state.to_owned();
                let log = log(offset, &entry);
                if !entry.has_ended() {
                    let alive = queue.jobs.entry(submission.name.clone()).or_default();
                    if alive.last() != Some(job) {
                        alive.push(job.clone());
                    }
                }
                let index = job.first.saturating_add(offset);
                let task = submission.tasks.get(index).filter(|_| job.count > 0);
                // A run that has failed in its task is not repeated by that task.
                let tried = |run: &&RunId| failures.get(run) == submission.earlier.get(run);
                for run in task.into_iter().flatten().filter(tried) {
                    let is_newer = |known: &QueuedRun| rank(&known.entry) <= rank(&entry);
                    if queue.runs.get(run).is_none_or(is_newer) {
                        let queued = QueuedRun { entry: entry.clone(), log: log.clone() };
                        queue.runs.insert(run.clone(), queued);
                    }
                }
            }
        }
        Ok(queue)
    }

    /// Cancels the jobs of one experiment or of all that may not have ended.
    pub fn cancel(
        &self,
        store: &Store,
        schedulers: Schedulers,
        experiment: Option<&str>,
    ) -> Result<Cancelled, StoreError> {
        let mut cancelled = Cancelled::default();
        for (name, jobs) in &self.jobs {
            let submission = store.submissions().load(name)?;
            if experiment.is_some_and(|asked| submission.experiment != asked) {
                continue;
            }
            let scheduler = match schedulers.of(&submission, store.root()) {
                Ok(scheduler) => scheduler,
                Err(problem) => {
                    cancelled.problem = Some(problem);
                    continue;
                }
            };
            let own: Vec<&SubmittedJob> = jobs.iter().collect();
            let (n_cancelled, problem) = scheduler.cancel(&own);
            cancelled.problem = cancelled.problem.or(problem);
            let done: BTreeSet<&str> =
                own[..n_cancelled].iter().map(|job| job.name.as_str()).collect();
            cancelled
                .jobs
                .extend(own[..n_cancelled].iter().filter_map(|job| job.id.clone()));
            if let JobScheduler::Command(_) = scheduler
                && n_cancelled > 0
            {
                let mut all = store.submissions().jobs(name)?;
                for job in &mut all {
                    job.cancelled |= done.contains(job.name.as_str());
                }
                store.submissions().save_jobs(name, &all)?;
            }
        }
        Ok(cancelled)
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
