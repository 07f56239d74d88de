//! `ablade cancel [STUDY]`: cancels the jobs that were submitted. What is finished stays, what is
//! under way is saved.

use anyhow::bail;
use clap::Args;

use super::queue::Scope;
use super::{Exit, Global, Terminal, queue};
use crate::launch::slurm::Controller;
use crate::text::count;

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Only the jobs of this experiment
    study: Option<String>,
}

pub(crate) fn cancel(
    args: &CancelArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    if let Some(name) = &args.study {
        store.load_plan(name)?;
    }
    let controller = Controller::patient();
    let queue = queue::look(&store, controller, Scope::All)?;
    if let Some(problem) = &queue.unknown {
        bail!("{problem}; nothing was cancelled");
    }
    let jobs = queue.alive(&store, args.study.as_deref());
    if jobs.is_empty() {
        terminal.remark("nothing waits or runs that was submitted from here");
        return Ok(Exit::Success);
    }
    controller.cancel(&jobs)?;
    writeln!(terminal.out, "cancelled {}: {}", count(jobs.len(), "job"), jobs.join(" "))?;
    terminal.remark("what is finished stays; the same sweep submits the rest again");
    Ok(Exit::Success)
}
