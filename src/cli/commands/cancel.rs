//! `ablade cancel [EXPERIMENT]`: cancels submitted jobs. Finished runs remain, and running ones
//! save a checkpoint.

use anyhow::bail;
use clap::Args;

use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal};
use crate::launch::queue::{JobQueue, QueueScope};
use crate::launch::scheduler::Schedulers;
use crate::text::count;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade cancel   all jobs submitted from these results
  ablade cancel masks";

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Only the jobs of this experiment
    experiment: Option<String>,
    /// Start the commands of a scheduler even if the results were not made here
    #[arg(long)]
    yes: bool,
}

pub(crate) fn cancel(
    args: &CancelArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    if let Some(name) = &args.experiment {
        store.load_plan(name)?;
    }
    let known = trust::known(&global.results);
    let schedulers = Schedulers::patient(trust::commands(&known, args.yes));
    let queue = JobQueue::ask(&store, schedulers, QueueScope::All)?;
    if let Some(problem) = &queue.unknown {
        bail!("{problem}; nothing was cancelled");
    }
    let cancelled = queue.cancel(&store, schedulers, args.experiment.as_deref())?;
    let jobs = &cancelled.jobs;
    if jobs.is_empty() {
        if let Some(problem) = cancelled.problem {
            bail!("{problem}; nothing was cancelled");
        }
        terminal.remark("no job submitted from here is waiting or running");
        return Ok(Exit::Success);
    }
    writeln!(terminal.out, "cancelled {}: {}", count(jobs.len(), "job"), jobs.join(" "))?;
    if let Some(problem) = cancelled.problem {
        terminal.warn(format!("{problem}: the other jobs were not cancelled"));
        return Ok(Exit::Failure);
    }
    terminal.remark("finished runs remain; the same sweep submits the rest again");
    Ok(Exit::Success)
}
