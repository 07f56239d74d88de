//! Submission of outstanding runs to a scheduler.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::LaunchError;
use super::frozen::{FrozenRuns, task_memory};
use super::job::JobArray;
use super::process::Problem;
use super::queue::{JobQueue, QueueScope};
use super::ready::Starter;
use super::scheduler::{JobScheduler, Schedulers};
use crate::experiment::Slurm;
use crate::plan::{RunId, RunSpec, Shard};
use crate::runner::Observer;
use crate::session::LoadedExperiment;
use crate::store::{LOGS, SCRIPT, Store, SubmittedJob};
use crate::text::{count, duration};

/// Options of [`submit`].
#[derive(Debug, Clone, Copy)]
pub struct SubmitOptions<'a> {
    /// Directory of the data sets.
    pub data_dir: &'a Path,
    /// True once something has been submitted: then a full queue and an unavailable controller are
    /// not errors.
    pub again: bool,
    /// Submits even if the estimate exceeds the budget, or a run the memory.
    pub ignores_budget: bool,
    /// Scheduler to which they are submitted.
    pub scheduler: JobScheduler<'a>,
    /// Schedulers of earlier submissions.
    pub schedulers: Schedulers<'a>,
}

/// Runs that are in the queue after submitting.
#[derive(Debug)]
pub struct Submitted<'a> {
    /// The runs.
    pub runs: Vec<&'a RunSpec>,
    /// True if the scheduler accepted everything; if not, it may accept the rest once some of it is done.
    pub all: bool,
}

/// Submits the runs that are neither finished, nor in the queue, nor among `failed`.
pub fn submit<'a>(
    loaded: &'a LoadedExperiment,
    failed: &BTreeSet<RunId>,
    options: SubmitOptions,
    observer: &dyn Observer,
) -> Result<Submitted<'a>, LaunchError> {
    let SubmitOptions { data_dir, again, ignores_budget, scheduler, schedulers } = options;
    let queue = JobQueue::ask(&loaded.store, schedulers, QueueScope::Unfinished)?;
    if let Some(problem) = &queue.unknown {
        if !again {
            return Err(LaunchError::QueueUnknown(problem.clone()));
        }
        observer.warn(&problem.to_string());
        return Ok(Submitted { runs: Vec::new(), all: false });
    }
    let finished = loaded.store.finished(&loaded.plan)?;
    let outstanding = loaded.outstanding(&finished, Shard::ALL);
    let (mut held, runs): (Vec<&RunSpec>, Vec<&RunSpec>) = outstanding
        .into_iter()
        .filter(|run| !failed.contains(&run.id))
        .partition(|run| queue.will_do(&run.id));
    if !held.is_empty() && !again {
        let text = queue.summary(held.iter().map(|run| &run.id));
        let n_held = count(held.len(), "run");
        observer.remark(&format!("{n_held} submitted before, tasks: {text}"));
    }
    if runs.is_empty() {
        return Ok(Submitted { runs: held, all: true });
    }
    // Asked before anything is written, so that nothing remains if there is no scheduler.
    let indices = scheduler.array_size()?;
    let slurm = &loaded.experiment.execution.slurm;
    let (starter, at_a_time, memory, throttle) = match scheduler {
        JobScheduler::Slurm(_) => {
            check_cluster(slurm)?;
            let tasks = slurm.throttle.unwrap_or(runs.len());
            let at_a_time = tasks.saturating_mul(slurm.cpus.unwrap_or(1));
            (Starter::Slurm(slurm), at_a_time, task_memory(slurm), slurm.throttle)
        }
        JobScheduler::Command(scheduler) => {
            (Starter::Scheduler(scheduler.commands), runs.len(), None, None)
        }
    };
    let estimate = loaded.estimate(&runs, at_a_time)?;
    if !ignores_budget && !again {
        loaded.check_budget(&estimate, &runs, memory.unwrap_or(u64::MAX))?;
    }
    let frozen = FrozenRuns::new(loaded, &runs, None, data_dir, starter)?;
    let local = ["/tmp", "/var/tmp", "/dev/shm"];
    if !again && local.iter().any(|place| frozen.dir.starts_with(place)) {
        observer.warn(&format!(
            "{} is rarely on a file system that all nodes see",
            frozen.results.display()
        ));
    }
    let mut submitting = Submitting {
        store: &loaded.store,
        scheduler,
        frozen: &frozen,
        jobs: Vec::new(),
    };
    let submitted = submitting.arrays(indices, throttle);
    let known = submitting.jobs.iter().filter(|job| job.id.is_some());
    let n_taken: usize = known.map(|job| job.count).sum();
    let problem = submitted.err();
    if n_taken == 0
        && let Some(problem) = problem
    {
        if !submitting.jobs.is_empty() {
            return Err(LaunchError::Unanswered(problem.into()));
        }
        loaded.store.submissions().withdraw(&frozen.submission.name)?;
        if !(again && is_full(&problem)) {
            return Err(LaunchError::NothingSubmitted(problem.into()));
        }
        return Ok(Submitted { runs: held, all: false });
    }
    let taken: BTreeSet<&RunId> = frozen.submission.tasks.iter().take(n_taken).flatten().collect();
    let now: Vec<&RunSpec> = runs.into_iter().filter(|run| taken.contains(&run.id)).collect();
    let tables = if problem.is_none() { submitting.tables() } else { Ok(()) };
    let jobs: Vec<&str> = submitting.jobs.iter().filter_map(|job| job.id.as_deref()).collect();
    let seconds = |run: &&RunSpec| estimate.speed.seconds(estimate.costs[&run.id].nominal_seconds);
    observer.remark(&format!(
        "{}  {} in {} submitted as {} {}, about {} of work, output in {}",
        loaded.plan.name,
        count(now.len(), "run"),
        count(n_taken, "task"),
        if jobs.len() == 1 { "job" } else { "jobs" },
        jobs.join(" "),
        duration(now.iter().map(seconds).sum()),
        frozen.dir.join(LOGS).display()
    ));
    if let Err(problem) = tables {
        observer.warn(&format!("{problem}: `ablade tables` writes the tables"));
    }
    if let Some(problem) = &problem {
        let left = count(frozen.submission.tasks.len() - n_taken, "task");
        observer.warn(&format!("{problem}: {left} not submitted yet"));
    }
    held.extend(now);
    Ok(Submitted { runs: held, all: problem.is_none() })
}

/// Refuses options of Slurm that send jobs to another cluster.
fn check_cluster(slurm: &Slurm) -> Result<(), LaunchError> {
    let sends = |line: &&String| line.starts_with("-M") || line.starts_with("--clusters");
    match slurm.lines.iter().find(sends) {
        Some(option) => Err(LaunchError::OtherCluster(option.clone())),
        None => Ok(()),
    }
}

/// A submission in progress.
struct Submitting<'a> {
    store: &'a Store,
    scheduler: JobScheduler<'a>,
    frozen: &'a FrozenRuns,
    jobs: Vec<SubmittedJob>,
}

/// Delays before repeated attempts [s], if Slurm is busy or unavailable.
const AGAIN: [u64; 3] = [2, 4, 8];

/// Slurm's messages on errors that are likely to be temporary.
const BUSY: [&str; 4] = ["timed out", "temporarily", "Unable to contact", "rate too high"];

/// Slurm's messages on an array that exceeds the limit of arrays, or of a user's jobs in the queue.
const LARGE: [&str; 3] = ["Invalid job array", "limit", "policy"];

impl Submitting<'_> {
    /// Submits all tasks in arrays with indices below `indices`; in smaller arrays if those are
    /// refused, and as single jobs if arrays are not supported.
    fn arrays(&mut self, indices: usize, throttle: Option<usize>) -> Result<(), LaunchError> {
        let (frozen, scheduler) = (self.frozen, self.scheduler);
        let (script, logs) = (frozen.dir.join(SCRIPT), frozen.dir.join(LOGS));
        let (tasks, mut most, mut first) = (frozen.submission.tasks.len(), indices.max(1), 0);
        while first < tasks {
            let count = most.min(tasks - first);
            let name = scheduler.job_name(&frozen.submission.name, first);
            // The limit of concurrent tasks is divided between arrays, because Slurm applies it to
            // each.
            let throttle = throttle.map(|most| (most * count / tasks).max(1));
            let array = JobArray {
                script: &script,
                logs: &logs,
                name: &name,
                first,
                count,
                throttle,
            };
            match self.job(&name, first, count, || scheduler.submit(&array)) {
                Ok(()) => first += count,
                Err(error) if count > 1 && scheduler.splits_arrays() && says(&error, &LARGE) => {
                    most = count / 2;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Submits the job that writes the tables at the end, where jobs can wait for others.
    fn tables(&mut self) -> Result<(), LaunchError> {
        let JobScheduler::Slurm(controller) = self.scheduler else { return Ok(()) };
        let frozen = self.frozen;
        let (script, logs) = (frozen.dir.join(SCRIPT), frozen.dir.join(LOGS));
        let jobs: Vec<String> = self.jobs.iter().filter_map(|job| job.id.clone()).collect();
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let name = format!("{}.tables", frozen.submission.name);
        self.job(&name, 0, 0, || controller.submit_tables(&script, &logs, &name, &jobs))
    }

    /// Submits a job and records its number. Its name is recorded before, so that the job is found
    /// if the answer is lost.
    fn job(
        &mut self,
        name: &str,
        first: usize,
        count: usize,
        submit: impl Fn() -> Result<String, Problem>,
    ) -> Result<(), LaunchError> {
        self.jobs.push(SubmittedJob {
            name: name.to_owned(),
            first,
            count,
            id: None,
            cancelled: false,
        });
        self.note()?;
        let mut waits = AGAIN.into_iter();
        let answer = loop {
            let problem = match submit() {
                Ok(id) => break Ok(id),
                Err(problem) => problem,
            };
            let is_refused = !problem.is_unanswered();
            if let Problem::Missing { .. } = problem {
                break Err(problem);
            }
            // The submission may still succeed.
            if let Problem::Silent(_) = problem {
                return Err(problem.into());
            }
            let busy = is_refused && BUSY.iter().any(|word| problem.to_string().contains(word));
            let wait = waits.next().filter(|_| busy);
            sleep(Duration::from_secs(wait.unwrap_or(0)));
            let found = match self.scheduler.can_find() {
                true => self.scheduler.find(name),
                false => Ok(None),
            };
            match found {
                Ok(Some(id)) => break Ok(id),
                Ok(None) if wait.is_some() => {}
                Ok(None) if is_refused => break Err(problem),
                Ok(None) | Err(_) => return Err(problem.into()),
            }
        };
        let mut job = self.jobs.pop().expect("it was put there");
        let refused = answer.map(|id| job.id = Some(id)).err();
        self.jobs.extend(job.id.is_some().then_some(job));
        self.note()?;
        refused.map_or(Ok(()), |problem| Err(problem.into()))
    }

    fn note(&self) -> Result<(), LaunchError> {
        Ok(self.store.submissions().save_jobs(&self.frozen.submission.name, &self.jobs)?)
    }
}

/// True if Slurm's error message contains one of these texts.
fn says(error: &LaunchError, any: &[&str]) -> bool {
    matches!(error, LaunchError::Scheduler(problem) if any.iter().any(|text| problem.to_string().contains(text)))
}

/// True if the same submission may be accepted once the queue is shorter, or Slurm is less busy.
fn is_full(error: &LaunchError) -> bool {
    says(error, &BUSY) || says(error, &LARGE)
}
