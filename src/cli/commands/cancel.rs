//! `ablade cancel [EXPERIMENT]`: cancels submitted jobs. Finished runs remain, and running ones
//! save a checkpoint.

use anyhow::bail;
use clap::Args;

use crate::cli::{Exit, Global, Terminal};
use crate::launch::queue::{QueueScope, SlurmQueue};
use crate::launch::slurm::Controller;
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
    let controller = Controller::patient();
    let queue = SlurmQueue::ask(&store, controller, QueueScope::All)?;
    if let Some(problem) = &queue.unknown {
        bail!("{problem}; nothing was cancelled");
    }
    let jobs = queue.alive(&store, args.experiment.as_deref());
    if jobs.is_empty() {
        terminal.remark("no job submitted from here is waiting or running");
        return Ok(Exit::Success);
    }
    controller.cancel(&jobs)?;
    writeln!(terminal.out, "cancelled {}: {}", count(jobs.len(), "job"), jobs.join(" "))?;
    terminal.remark("finished runs remain; the same sweep submits the rest again");
    Ok(Exit::Success)
}
