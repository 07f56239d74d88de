//! `ablade task SUBMISSION INDEX`: does the runs of one task of a submission. It knows no scheduler
//! but for the one thing that a job of Slurm's must do itself: ask to be started again when its
//! time is over.

use std::env;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::interrupt::Interrupt;
use super::{Exit, Global, Terminal, jobs};
use crate::launch::slurm::Controller;
use crate::plan::RunSpec;
use crate::record::host;
use crate::runner::{Done, Ready, Spent, Worker, machine};
use crate::store::StoreError;
use crate::text::count;

/// Attempts at a run in a row that may end its task without getting it any further.
const ATTEMPTS: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The submission, as `ablade freeze` or `ablade sweep --launcher slurm` names it
    submission: String,
    /// Which of its tasks, from 0
    index: usize,
    /// Threads, and so runs at a time [default: as many as processors]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
}

pub(crate) fn task(
    args: &TaskArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let out_of_time = interrupt.listen_for_notice().context("cannot listen for signals")?;
    let store = global.store()?;
    let submission = store.submission(&args.submission)?;
    let (name, version) = (&submission.name, store.trainer().version());
    ensure!(
        submission.engine == version,
        "{name} was made for engine {}, this program has {version}: submit the experiment again",
        submission.engine
    );
    let Some(mine) = submission.tasks.get(args.index) else {
        let tasks = submission.tasks.len();
        bail!(
            "{name} has {}, numbered from 0: there is no task {}",
            count(tasks, "task"),
            args.index
        );
    };
    let plan = store.submitted_plan(name)?;
    let by_id = plan.by_id();
    let runs = mine.iter().map(|run| {
        by_id
            .get(run)
            .copied()
            .with_context(|| format!("{run} is not in the plan of {name}"))
    });
    let runs = runs.collect::<anyhow::Result<Vec<&RunSpec>>>()?;
    if let Some(run) = runs.iter().find(|run| !run.is_current(&**store.trainer())) {
        bail!("{} was planned for another engine: submit the experiment again", run.id);
    }
    terminal.remark(format!(
        "task {} of {name}: {} on {}",
        args.index,
        count(runs.len(), "run"),
        host()
    ));
    let threads = args.jobs.unwrap_or_else(machine::threads);
    let mut worker = Worker {
        plan: &plan,
        store: &store,
        runs,
        threads,
        memory: submission.memory.unwrap_or(u64::MAX).min(machine::memory()),
        checkpoint_every: Duration::try_from_secs_f64(submission.checkpoint)
            .unwrap_or(Duration::MAX),
        max_failures: None,
        attempts: Some(ATTEMPTS),
        earlier: submission.earlier.clone(),
        done: Done::default(),
    };
    let ready = |free: &[&RunSpec]| -> anyhow::Result<Ready> {
        let ready = Ready::load(&plan, free, &store, threads)?;
        store.probe()?;
        Ok(ready)
    };
    if worker.train(interrupt.flag(), &terminal.shown(global.progress), ready)? {
        return Ok(if worker.done.failed.is_empty() { Exit::Success } else { Exit::Failure });
    }
    if out_of_time.load(Ordering::SeqCst) {
        if let Err(error) = count_attempts(&worker) {
            terminal.warn(error);
        }
        let left = worker.outstanding()?.len();
        if left == 0 {
            return Ok(if worker.done.failed.is_empty() { Exit::Success } else { Exit::Failure });
        }
        start_again(left, worker.done.started, terminal);
    }
    Ok(Exit::Interrupted)
}

/// Counts what the end of the time has cut off, and gives up runs that get no further.
fn count_attempts(worker: &Worker) -> Result<(), StoreError> {
    let owners = worker.store.owners()?;
    for run in &worker.done.abandoned {
        if worker.store.is_published(run) || owners.contains_key(run) {
            continue;
        }
        let ended = worker.store.count_attempt(run)?;
        if ended >= ATTEMPTS {
            let times = count(ended as usize, "time");
            let reason =
                format!("its task was out of time {times} in a row without getting it any further");
            worker.fail(run, &reason, Spent::default())?;
        }
    }
    Ok(())
}

/// The number of the job of Slurm's that this process is, as Slurm's own commands take it. The bare
/// number of the last task of an array would mean all of its tasks.
fn own_job() -> Option<String> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("SLURM_ARRAY_JOB_ID"), variable("SLURM_ARRAY_TASK_ID")) {
        (Some(job), Some(index)) => Some(format!("{job}_{index}")),
        _ => variable("SLURM_JOB_ID"),
    }
}

/// Asks Slurm, if that is what started this process, to start its job again; not for ever if it
/// never even begins a run.
fn start_again(left: usize, began: bool, terminal: &Terminal) {
    let left = count(left, "run");
    let Some(job) = own_job() else {
        terminal.remark(format!("out of time with {left} to go: the same task continues"));
        return;
    };
    let restarts = env::var("SLURM_RESTART_COUNT")
        .ok()
        .and_then(|count| count.parse::<u32>().ok())
        .unwrap_or(0);
    if !began && restarts >= ATTEMPTS {
        terminal.remark(format!(
            "out of time before any run began, {restarts} times: is execution.slurm.time too short?"
        ));
        return;
    }
    let controller = Controller::patient();
    // The controller may be busy or away for a moment, and there is a little time left.
    for wait in [1, 2, 4, 8] {
        match controller.requeue(&job) {
            Ok(()) => {
                terminal
                    .remark(format!("out of time with {left} to go: job {job} will start again"));
                return;
            }
            Err(problem) => terminal.warn(problem),
        }
        sleep(Duration::from_secs(wait));
    }
    terminal.remark(format!(
        "out of time with {left} to go: submitting the experiment again continues"
    ));
}
