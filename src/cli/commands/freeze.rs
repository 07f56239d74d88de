//! `ablade freeze FILE`: freezes outstanding runs as tasks that any scheduler can start.

use std::num::NonZeroUsize;

use clap::Args;

use crate::cli::experiment_args::{ExperimentArgs, check_tables};
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal};
use crate::launch::FrozenRuns;
use crate::plan::Shard;
use crate::session::quoted;
use crate::text::count;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade freeze masks.toml   prints the name of the submission: masks-5f0c2a9e
  ablade freeze masks.toml --tasks 20";

#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Number of tasks, at most that of the runs [default: such that each lasts
    /// execution.slurm.task, or five minutes]
    #[arg(long, value_name = "N")]
    tasks: Option<NonZeroUsize>,
    /// Replace the tables of another plan; its runs and the plan itself remain
    #[arg(long)]
    replace: bool,
}

pub(crate) fn freeze(
    args: &FreezeArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let mut loaded = args.experiment.load(global)?;
    check_tables(&mut loaded, args.replace)?;
    let finished = loaded.store.finished(&loaded.plan)?;
    let runs = loaded.outstanding(&finished, Shard::ALL);
    if runs.is_empty() {
        terminal.remark(loaded.nothing_to_do());
        return Ok(Exit::Success);
    }
    let frozen = FrozenRuns::new(&loaded, &runs, args.tasks, &global.library().data_dir)?;
    trust::remember(&loaded.plan, &global.results);
    let tasks = frozen.submission.tasks.len();
    let name = &frozen.submission.name;
    writeln!(terminal.out, "{name}")?;
    terminal.remark(format!(
        "{} in {}: `ablade --results {} task {name} I` does task I, from 0 to {}",
        count(runs.len(), "run"),
        count(tasks, "task"),
        quoted(&frozen.results.to_string_lossy()),
        tasks - 1
    ));
    Ok(Exit::Success)
}
