//! `ablade sweep FILE`: executes outstanding runs, on this machine or on a cluster, then writes the
//! tables.

use std::num::NonZeroUsize;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::cli::experiment_args::{ExperimentArgs, check_tables, with_options};
use crate::cli::interrupt::Interrupt;
use crate::cli::show::{ablation, blocks, warn_of_past, warn_of_unread};
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal, at_least_one, jobs};
use crate::experiment::Launcher;
use crate::launch::{
    ClusterEnd, ClusterOptions, FinishedSweep, LaunchError, SubmissionState, run_on_cluster,
    start_on_finish,
};
use crate::plan::Shard;
use crate::results::ExperimentResults;
use crate::session::{LoadedExperiment, LocalEnd, LocalOptions, quoted, run_local};
use crate::store::{RunRecord, RunStatus};
use crate::text::count;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade sweep first.toml
  ablade sweep first.toml --name quick --seeds 2 --set train.epochs=3   a quick try with tables of its own
  ablade sweep masks.toml --shard 1/3                                   one of three machines
  ablade sweep masks.toml --launcher slurm --no-follow                  submit and return
  ablade sweep masks.toml --launcher command                            another scheduler, by [execution.command]";

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Number of threads, and so of runs at a time [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    /// Train only part I of N of the runs, for several machines on one results directory
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Start no further run once N have failed
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_failures: Option<NonZeroUsize>,
    /// Start even if the estimate exceeds [budget], or a run needs more memory than there is; ask for
    /// the jobs of earlier submissions that were not made here by the commands that they name
    #[arg(long)]
    yes: bool,
    /// Machine that executes the runs [default: execution.launcher of the file, else local]
    #[arg(long, value_name = "WHERE")]
    launcher: Option<Where>,
    /// Replace the tables of another plan; its runs and the plan itself remain
    #[arg(long)]
    replace: bool,
    /// Submit and return; the same command without this option follows the jobs
    #[arg(long)]
    no_follow: bool,
}

impl From<Where> for Launcher {
    fn from(chosen: Where) -> Self {
        match chosen {
            Where::Local => Self::Local,
            Where::Slurm => Self::Slurm,
            Where::Command => Self::Command,
        }
    }
}

/// `--launcher`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// In this process.
    Local,
    /// As tasks of a Slurm cluster.
    Slurm,
    /// As tasks of the scheduler of `[execution.command]`.
    Command,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
        _ => Err("expected I/N with I from 1 to N, such as 2/4".to_owned()),
    }
}

pub(crate) fn sweep(
    args: &SweepArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let mut loaded = args.experiment.load(global)?;
    let execution = &loaded.experiment.execution;
    let launcher = args.launcher.map_or(execution.launcher, Launcher::from);
    if let Some(option) = wrong_option(args, launcher) {
        bail!("{option}");
    }
    if launcher == Launcher::Command && execution.command.is_none() {
        bail!(
            "--launcher command submits with [execution.command], which {} lacks: submit = [\"qsub\", \"-N\", \"{{name}}\", \
             \"-t\", \"{{first}}-{{last}}\", \"{{script}}\"], first = 1, query = [\"qstat\", \"-r\"] and \
             cancel = [\"qdel\", \"{{id}}\"], for example",
            args.experiment.file().display()
        );
    }
    check_tables(&mut loaded, args.replace)?;
    for remark in &loaded.experiment.remarks {
        terminal.remark(remark);
    }
    let data = &loaded.description;
    let head = if loaded.plan.program.is_some() { "" } else { "data  " };
    data.lines.iter().for_each(|line| terminal.remark(format!("{head}{line}")));
    data.warnings.iter().for_each(|warning| terminal.warn(warning));
    for sentence in loaded.plan.left_out() {
        terminal.warn(sentence);
    }
    warn_of_past(&loaded.plan, &loaded.past()?, terminal);
    trust::remember(&loaded.plan, &global.results);
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let exit = match launcher {
        Launcher::Local => local(args, &loaded, &interrupt, global, terminal),
        _ => on_cluster(args, &loaded, launcher, &interrupt, global, terminal),
    };
    // The directory of the results may be new.
    trust::remember(&loaded.plan, &global.results);
    let (exit, results) = exit?;
    if let Some(results) = results {
        let words = &loaded.experiment.execution.on_finish;
        // Its failure is no failure of the sweep.
        if !words.is_empty()
            && let Err(problem) = start_on_finish(words, &FinishedSweep::of(&results))
        {
            terminal.warn(format!("execution.on_finish: {problem}"));
        }
    }
    Ok(exit)
}

/// An option that has no effect with this launcher.
fn wrong_option(args: &SweepArgs, launcher: Launcher) -> Option<&'static str> {
    match launcher {
        Launcher::Local if args.no_follow => {
            Some("--no-follow is for --launcher slurm and command: there is nothing to follow here")
        }
        Launcher::Slurm if args.jobs.is_some() => Some(
            "--jobs is for this machine: on Slurm execution.slurm.cpus says how many runs a task does at a time",
        ),
        Launcher::Command if args.jobs.is_some() => Some(
            "--jobs is for this machine: a task does as many runs at a time as the scheduler gives it processors",
        ),
        Launcher::Slurm | Launcher::Command if args.shard.is_some() => Some(
            "--shard is for this machine: on a cluster the runs are divided into tasks already",
        ),
        _ => None,
    }
}

/// Exit of a sweep, with the results if it has ended.
type SweepEnd = (Exit, Option<ExperimentResults>);

/// Trains the runs in this process, next to other processes that may do the same.
fn local(
    args: &SweepArgs,
    loaded: &LoadedExperiment,
    interrupt: &Interrupt,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<SweepEnd> {
    let options = LocalOptions {
        threads: loaded.workers(args.jobs),
        shard: args.shard.unwrap_or(Shard::ALL),
        max_failures: max_failures(args, loaded),
        ignores_budget: args.yes,
    };
    let shown = terminal.shown(global.progress);
    match run_local(loaded, &options, interrupt.interruption(), &*shown).map_err(with_options)? {
        LocalEnd::Ended { results, n_failed } => {
            let exit = conclude(&results, n_failed == 0, global, terminal)?;
            Ok((exit, Some(results)))
        }
        LocalEnd::Interrupted { n_outstanding } => {
            let left = count(n_outstanding, "run");
            terminal.remark(format!("interrupted with {left} to go: the same command continues"));
            Ok((Exit::Interrupted, None))
        }
        // Exit code 2 would mean that nothing has started.
        LocalEnd::Stopped(error) => {
            terminal.error(&with_options(error));
            Ok((Exit::Failure, None))
        }
    }
}

/// Submits the runs to a scheduler, and follows them unless told not to.
fn on_cluster(
    args: &SweepArgs,
    loaded: &LoadedExperiment,
    launcher: Launcher,
    interrupt: &Interrupt,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<SweepEnd> {
    let commands = loaded.experiment.execution.command.as_ref();
    let commands = commands.filter(|_| launcher == Launcher::Command);
    let known = trust::known(&global.results);
    let remember = || {
        trust::remember(&loaded.plan, &global.results);
        if let Some(commands) = commands {
            trust::remember_commands(commands, &global.results);
        }
    };
    let options = ClusterOptions {
        commands,
        earlier: trust::commands(&known, args.yes),
        data_dir: &global.library().data_dir,
        max_failures: max_failures(args, loaded),
        ignores_budget: args.yes,
        follows: !args.no_follow,
        // Now there are results, which `status` and `cancel` may look at meanwhile.
        submitted: &remember,
    };
    let shown = terminal.shown(global.progress);
    let end = run_on_cluster(loaded, &options, interrupt.interruption(), &*shown);
    // Also of a submission whose fate is not known.
    remember();
    match end.map_err(launch_error)? {
        ClusterEnd::Ended { results, n_not_done, n_failed } => {
            if n_not_done > 0 {
                let left = count(n_not_done, "run");
                terminal.remark(format!("{left} not done: the same command submits the rest"));
            }
            let well = n_not_done == 0 && n_failed == 0;
            let exit = conclude(&results, well, global, terminal)?;
            Ok((exit, Some(results)))
        }
        ClusterEnd::Detached(state) => {
            terminal.remark(how_to_return(args, loaded, launcher, global));
            let exit = match state {
                _ if interrupt.raised() => Exit::Interrupted,
                SubmissionState::Part => Exit::Failure,
                _ => Exit::Success,
            };
            Ok((exit, None))
        }
        // Exit code 2 would mean that nothing has started.
        ClusterEnd::Lost(error) => {
            terminal.error(&launch_error(error));
            terminal.remark(how_to_return(args, loaded, launcher, global));
            Ok((Exit::Failure, None))
        }
    }
}

fn launch_error(error: LaunchError) -> anyhow::Error {
    match error {
        LaunchError::Session(error) => with_options(error),
        error => error.into(),
    }
}

/// Sentence on the commands that show or cancel the submitted jobs.
fn how_to_return(
    args: &SweepArgs,
    loaded: &LoadedExperiment,
    launcher: Launcher,
    global: &Global,
) -> String {
    let results = results_option(global);
    let same = if args.no_follow {
        "the same command without --no-follow"
    } else {
        "the same command"
    };
    let name = &loaded.plan.name;
    // On Slurm the last job writes them.
    let tables = match launcher {
        Launcher::Command => format!(", `ablade {results}tables {name}` writes the tables"),
        _ => String::new(),
    };
    format!(
        "the jobs continue without this process: {same} follows them and submits the remaining runs, \
         `ablade {results}status {name}` shows them, `ablade {results}cancel {name}` ends them{tables}"
    )
}

fn max_failures(args: &SweepArgs, loaded: &LoadedExperiment) -> Option<usize> {
    args.max_failures
        .map(NonZeroUsize::get)
        .or(loaded.experiment.execution.max_failures)
}

/// The option that names the results, where another command needs it.
fn results_option(global: &Global) -> String {
    match global.results.to_str() {
        Some("results") => String::new(),
        _ => format!("--results {} ", quoted(&global.results.to_string_lossy())),
    }
}

/// Prints the ablation table; succeeds if no run failed and all requested output was written.
fn conclude(
    results: &ExperimentResults,
    well: bool,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    warn_of_unread(results, terminal);
    let ablations = results.ablations();
    ablation::print(results, &ablations, terminal)?;
    blocks::print(results, &ablations, terminal)?;
    let name = &results.plan.name;
    terminal.remark(format!("tables in {}", global.results.join(name).display()));
    let options = results_option(global);
    let compare = if results.has_effects() {
        format!("`ablade {options}compare {name}` shows effects too, ")
    } else {
        String::new()
    };
    terminal.remark(format!("next: {compare}`ablade {options}plots {name}` draws the figures"));
    // A finished run with an error lacks a metric that is declared now.
    let lacking =
        |record: &&RunRecord| record.status == RunStatus::Finished && record.error.is_some();
    if let Some(first) = results.records.values().find(lacking) {
        let n = results.records.values().filter(lacking).count();
        let lack =
            format!("{} {}", count(n, "finished run"), if n == 1 { "lacks" } else { "lack" });
        let why = first.error.as_deref().unwrap_or_default();
        terminal.warn(format!("{lack} a declared metric: {why}"));
    }
    let bad = |record: &RunRecord| {
        matches!(record.status, RunStatus::Failed | RunStatus::Diverged) || lacking(&record)
    };
    Ok(if well && !results.records.values().any(bad) {
        Exit::Success
    } else {
        Exit::Failure
    })
}
