//! Task of a submission: executes those of its runs that are not done. It depends on a scheduler in
//! one respect only: a Slurm job must itself ask to be started again when its time is over.

use std::env;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::LaunchError;
use super::slurm::Controller;
use crate::plan::{RunId, RunSpec};
use crate::record::host;
use crate::runner::{Elapsed, Observer, Ready, Worker, WorkerReport, machine};
use crate::session::Interruption;
use crate::store::{Store, StoreError};
use crate::text::count;

/// Gives up on a run after this many consecutive attempts ended the task without progress.
const ATTEMPTS: u32 = 3;

/// End of [`run_task`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnd {
    /// Every run of the task is done.
    Succeeded,
    /// Some run failed.
    Failed,
    /// A stop was requested; the same task continues.
    Interrupted,
}

/// Executes the runs of a task that are not done. A scheduler whose time limit is near raises
/// `out_of_time`, in addition to the request to stop.
pub fn run_task(
    store: &Store,
    submission: &str,
    index: usize,
    threads: NonZeroUsize,
    interruption: &Interruption,
    out_of_time: &AtomicBool,
    observer: &dyn Observer,
) -> Result<TaskEnd, LaunchError> {
    let submission = store.submissions().load(submission)?;
    let name = &submission.name;
    let Some(task) = submission.tasks.get(index) else {
        let n_tasks = submission.tasks.len();
        return Err(LaunchError::NoSuchTask { submission: name.clone(), n_tasks, index });
    };
    let plan = store.submissions().plan(name)?;
    let store = &store.of(&plan)?;
    let version = store.trainer().version();
    if submission.engine != version {
        return Err(LaunchError::OtherVersion {
            submission: name.clone(),
            made_for: submission.engine,
            version,
        });
    }
    let by_id = plan.by_id();
    let planned = |run: &RunId| {
        by_id
            .get(run)
            .copied()
            .ok_or_else(|| LaunchError::NotPlanned { run: run.clone(), submission: name.clone() })
    };
    let runs = task.iter().map(planned).collect::<Result<Vec<&RunSpec>, _>>()?;
    if let Some(run) = runs.iter().find(|run| !run.is_current(&**store.trainer())) {
        return Err(LaunchError::RunOfOtherVersion(run.id.clone()));
    }
    let n_runs = count(runs.len(), "run");
    observer.remark(&format!("task {index} of {name}: {n_runs} on {}", host()));
    let mut worker = Worker {
        plan: &plan,
        store,
        runs,
        threads,
        memory: submission.memory.unwrap_or(u64::MAX).min(machine::memory()),
        gpus: machine::gpus(),
        checkpoint_every: Duration::try_from_secs_f64(submission.checkpoint)
            .unwrap_or(Duration::MAX),
        max_failures: None,
        attempts: Some(ATTEMPTS),
        earlier: submission.earlier.clone(),
        report: WorkerReport::default(),
    };
    let ready = |free: &[&RunSpec]| -> Result<Ready, LaunchError> {
        let ready = Ready::load(&plan, free, store, threads)?;
        store.probe()?;
        Ok(ready)
    };
    if worker.train(&interruption.requested, observer, ready)? {
        return Ok(end_of(&worker));
    }
    if out_of_time.load(Ordering::SeqCst) {
        if let Err(error) = count_attempts(&worker) {
            observer.warn(&error.to_string());
        }
        let n_outstanding = worker.outstanding()?.len();
        if n_outstanding == 0 {
            return Ok(end_of(&worker));
        }
        start_again(n_outstanding, worker.report.started, observer);
    }
    Ok(TaskEnd::Interrupted)
}

fn end_of(worker: &Worker) -> TaskEnd {
    if worker.report.failed.is_empty() {
        TaskEnd::Succeeded
    } else {
        TaskEnd::Failed
    }
}

/// Counts the attempts that the time limit interrupted, and gives up on runs that make no progress.
fn count_attempts(worker: &Worker) -> Result<(), StoreError> {
    let owners = worker.store.claims().owners()?;
    for run in &worker.report.abandoned {
        if worker.store.is_published(run) || owners.contains_key(run) {
            continue;
        }
        let n_attempts = worker.store.claims().count_attempt(run)?;
        if n_attempts >= ATTEMPTS {
            let times = count(n_attempts as usize, "time");
            let reason = format!("its task ran out of time {times} in a row without progress");
            worker.fail(run, &reason, Elapsed::default())?;
        }
    }
    Ok(())
}

/// Number of the Slurm job that this process is, as Slurm's commands take it. The bare number of
/// the last task of an array would refer to all of its tasks.
fn own_job() -> Option<String> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("SLURM_ARRAY_JOB_ID"), variable("SLURM_ARRAY_TASK_ID")) {
        (Some(job), Some(index)) => Some(format!("{job}_{index}")),
        _ => variable("SLURM_JOB_ID"),
    }
}

/// Asks Slurm, if it started this process, to start its job again; not for ever if no run ever
/// begins.
fn start_again(n_outstanding: usize, began: bool, observer: &dyn Observer) {
    let left = count(n_outstanding, "run");
    let Some(job) = own_job() else {
        observer.remark(&format!("out of time with {left} to go: the same task continues"));
        return;
    };
    let restarts = env::var("SLURM_RESTART_COUNT")
        .ok()
        .and_then(|count| count.parse::<u32>().ok())
        .unwrap_or(0);
    if !began && restarts >= ATTEMPTS {
        observer.remark(&format!(
            "out of time before any run began, {restarts} times: is execution.slurm.time too short?"
        ));
        return;
    }
    let controller = Controller::patient();
    // The controller may be busy or unavailable for a moment, and there is a little time.
    for wait in [1, 2, 4, 8] {
        match controller.requeue(&job) {
            Ok(()) => {
                observer
                    .remark(&format!("out of time with {left} to go: job {job} will start again"));
                return;
            }
            Err(problem) => observer.warn(&problem.to_string()),
        }
        sleep(Duration::from_secs(wait));
    }
    observer.remark(&format!(
        "out of time with {left} to go: submitting the experiment again continues"
    ));
}
