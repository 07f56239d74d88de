//! `ablade task SUBMISSION [INDEX]`: executes the runs of one task of a submission.

use std::env;
use std::num::NonZeroUsize;

use anyhow::Context;
use clap::Args;

use crate::cli::interrupt::Interrupt;
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal, jobs};
use crate::launch::array::{array_task, scheduler_list};
use crate::launch::{TaskEnd, run_task};
use crate::runner::machine;

/// Schedulers and examples below the options of `--help`.
pub(crate) fn after_help() -> String {
    format!(
        "\
Variables of schedulers, and the number of the first task:{}

Examples:
  ablade task masks-5f0c2a9e 0           the first task
  ablade task masks-5f0c2a9e 19 --jobs 4
  ablade task masks-5f0c2a9e             the task of the array that a scheduler has started
  ablade task masks-5f0c2a9e --first 1   the same, in an array 1-20 of PBS or HyperQueue",
        scheduler_list()
    )
}

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// The submission, as `ablade freeze` or `ablade sweep --launcher slurm` names it
    submission: String,
    /// Index of the task, from 0 [default: from the variable of the scheduler, see below]
    index: Option<usize>,
    /// Number of the first task in the scheduler's array, where it is not that of the list below
    #[arg(long, value_name = "N", conflicts_with = "index", overrides_with = "first")]
    first: Option<usize>,
    /// Start the program even if the results were not made here
    #[arg(long)]
    yes: bool,
    /// Number of threads, and so of runs at a time [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs, overrides_with = "jobs")]
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
    let submission = store.submissions().load(&args.submission)?;
    let index = match args.index {
        Some(index) => index,
        None => array_task(submission.tasks.len(), args.first, |name| env::var_os(name))?,
    };
    let plan = store.submissions().plan(&submission.name)?;
    trust::check(&plan, &global.results, args.yes)?;
    let end = run_task(
        &store,
        &args.submission,
        index,
        args.jobs.unwrap_or_else(machine::threads),
        interrupt.interruption(),
        &out_of_time,
        &terminal.shown(global.progress),
    )?;
    Ok(match end {
        TaskEnd::Succeeded => Exit::Success,
        TaskEnd::Failed => Exit::Failure,
        TaskEnd::Interrupted => Exit::Interrupted,
    })
}
