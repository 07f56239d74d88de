//! `ablade task SUBMISSION INDEX`: executes the runs of one task of a submission.

use std::num::NonZeroUsize;

use anyhow::Context;
use clap::Args;

use crate::cli::interrupt::Interrupt;
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal, jobs};
use crate::launch::{TaskEnd, run_task};
use crate::runner::machine;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade task masks-5f0c2a9e 0   the first task
  ablade task masks-5f0c2a9e 19 --jobs 4";

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The submission, as `ablade freeze` or `ablade sweep --launcher slurm` names it
    submission: String,
    /// Index of the task, from 0
    index: usize,
    /// Start the program even if the results were not made here
    #[arg(long)]
    yes: bool,
    /// Number of threads, and so of runs at a time [default: one per processor]
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
    let plan = store
        .submissions()
        .load(&args.submission)
        .and_then(|s| store.submissions().plan(&s.name))?;
    trust::check(&plan, &global.results, args.yes)?;
    let end = run_task(
        &store,
        &args.submission,
        args.index,
        args.jobs.unwrap_or_else(machine::threads),
        interrupt.interruption(),
        &out_of_time,
        &*terminal.shown(global.progress),
    )?;
    Ok(match end {
        TaskEnd::Succeeded => Exit::Success,
        TaskEnd::Failed => Exit::Failure,
        TaskEnd::Interrupted => Exit::Interrupted,
    })
}
