//! `ablade task SUBMISSION INDEX`: does the runs of one task of a submission. It knows no scheduler but for the one thing
//! that a job of Slurm's must do itself: ask to be started again when its time is over.

use std::collections::BTreeMap;
use std::env;
use std::num::NonZeroUsize;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::estimate::Estimate;
use super::interrupt::Interrupt;
use super::terminal::count;
use super::trained::unchanged;
use super::training::Spent;
use super::worker::{Done, Ready, Worker};
use super::{Exit, Global, Terminal, machine};
use crate::data::{Cache, Library};
use crate::launch::slurm::Controller;
use crate::plan::{ENGINE, RunSpec};
use crate::record::host;
use crate::store::Store;

/// Attempts at a run in a row that may end its task without getting it any further.
const ATTEMPTS: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The submission, as `ablade freeze` or `ablade sweep --launcher slurm` names it
    submission: String,
    /// Which of its tasks, from 0
    index: usize,
    /// Threads, and so runs at a time [default: as many as processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

pub(crate) fn task(args: &TaskArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let out_of_time = interrupt.listen_for_notice().context("cannot listen for signals")?;
    let store = Store::open(&global.results)?;
    let submission = store.submission(&args.submission)?;
    let name = &submission.name;
    ensure!(
        submission.engine == ENGINE,
        "{name} was made for engine {}, this program has {ENGINE}: submit the experiment again",
        submission.engine
    );
    let Some(mine) = submission.tasks.get(args.index) else {
        let tasks = submission.tasks.len();
        bail!("{name} has {}, numbered from 0: there is no task {}", count(tasks, "task"), args.index);
    };
    let plan = store.submitted_plan(name)?;
    let by_id = plan.by_id();
    let runs =
        mine.iter().map(|run| by_id.get(run).copied().with_context(|| format!("{run} is not in the plan of {name}")));
    let runs = runs.collect::<anyhow::Result<Vec<&RunSpec>>>()?;
    terminal.remark(format!("task {} of {name}: {} on {}", args.index, count(runs.len(), "run"), host()));
    let threads = args.jobs.unwrap_or_else(machine::threads);
    let mut worker = Worker {
        plan: &plan,
        store: &store,
        runs,
        mode: global.progress,
        threads,
        memory: submission.memory.unwrap_or(u64::MAX).min(machine::memory()),
        checkpoint_every: Duration::try_from_secs_f64(submission.checkpoint).unwrap_or(Duration::MAX),
        max_failures: None,
        attempts: Some(ATTEMPTS),
        earlier: submission.earlier.clone(),
        done: Done::default(),
    };
    let cache = Cache::new(Library::from_environment(global.data_dir.clone()));
    let ready = |free: &[&RunSpec]| {
        let (mut datasets, mut sizes) = (BTreeMap::new(), BTreeMap::new());
        for run in free {
            if !datasets.contains_key(&run.data) {
                let dataset = unchanged(run, &cache)?;
                sizes.insert(run.data.clone(), dataset.size());
                datasets.insert(run.data.clone(), dataset);
            }
        }
        store.probe()?;
        Ok(Ready { datasets, estimate: Estimate::new(&plan, free, &sizes, &store, threads.get()) })
    };
    if worker.train(&interrupt, terminal, ready)? {
        return Ok(if worker.done.failed.is_empty() { Exit::Success } else { Exit::Failure });
    }
    if out_of_time.load(std::sync::atomic::Ordering::SeqCst) {
        for run in &worker.done.abandoned {
            let ended = store.count_attempt(run)?;
            if ended >= ATTEMPTS {
                let times = count(ended as usize, "time");
                let reason = format!("its task was out of time {times} in a row without getting it any further");
                worker.fail(run, &reason, Spent::default())?;
            }
        }
        let left = worker.outstanding()?.len();
        if left > 0 {
            start_again(left, terminal);
        }
    }
    Ok(Exit::Interrupted)
}

/// Asks Slurm, if that is what started this process, to start its job again.
fn start_again(left: usize, terminal: &Terminal) {
    let left = count(left, "run");
    let Some(job) = env::var("SLURM_JOB_ID").ok().filter(|job| !job.is_empty()) else {
        terminal.remark(format!("out of time with {left} to go: the same task continues"));
        return;
    };
    let never = std::sync::atomic::AtomicBool::new(false);
    let controller = Controller { stop: &never };
    // The controller may be busy or away for a moment, and there is a little time left.
    for wait in [1, 2, 4, 8] {
        match controller.requeue(&job) {
            Ok(()) => {
                terminal.remark(format!("out of time with {left} to go: job {job} will start again"));
                return;
            }
            Err(problem) => terminal.remark(format!("{} {problem}", terminal.paint.bad("warning:"))),
        }
        sleep(Duration::from_secs(wait));
    }
    terminal.remark(format!("out of time with {left} to go: submitting the experiment again continues"));
}
