//! `ablade freeze FILE`: freezes outstanding runs as tasks that any scheduler can start.

use std::num::NonZeroUsize;

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::cli::experiment_args::{ExperimentArgs, check_tables};
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal};
use crate::launch::FrozenRuns;
use crate::launch::array::SCHEDULERS;
use crate::launch::ready::{KubernetesOptions, NO_IMAGE, Starter, is_kubernetes_name};
use crate::plan::Shard;
use crate::session::quoted;
use crate::store::SCRIPT;
use crate::text::count;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade freeze masks.toml   prints the name of the submission: masks-5f0c2a9e
  ablade freeze masks.toml --tasks 20
  ablade freeze masks.toml --for command    prints the command that every task of an array is
  ablade freeze masks.toml --for parallel   prints the command of GNU parallel that executes all tasks
  ablade freeze masks.toml --for k8s --image registry.example/ablade --claim results";

#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Number of tasks, at most that of the runs [default: such that each lasts
    /// execution.slurm.task, or five minutes]
    #[arg(long, value_name = "N")]
    tasks: Option<NonZeroUsize>,
    /// Write the file that starts the tasks, and print the command instead of the name
    #[arg(long = "for", value_name = "WHAT")]
    starter: Option<ReadyFor>,
    /// Image of a Kubernetes Job, with ablade on its PATH [default: to be written into the file]
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    image: Option<String>,
    /// PersistentVolumeClaim of a Kubernetes Job, with folders `results` and `data` [default:
    /// ablade]
    #[arg(long, value_name = "NAME", value_parser = claim)]
    claim: Option<String>,
    /// Replace the tables of another plan; its runs and the plan itself remain
    #[arg(long)]
    replace: bool,
}

/// `--for`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReadyFor {
    /// A shell script that any scheduler can start.
    Command,
    /// An Indexed Job of Kubernetes.
    K8s,
    /// A list of commands for GNU parallel.
    Parallel,
}

fn image(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("expected the name of an image, without spaces".to_owned());
    }
    Ok(text.to_owned())
}

fn claim(text: &str) -> Result<String, String> {
    if is_kubernetes_name(text) {
        return Ok(text.to_owned());
    }
    Err("expected a name of Kubernetes: small letters, digits and `-`".to_owned())
}

pub(crate) fn freeze(
    args: &FreezeArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    if args.starter != Some(ReadyFor::K8s) && (args.image.is_some() || args.claim.is_some()) {
        bail!("--image and --claim are for --for k8s");
    }
    let mut loaded = args.experiment.load(global)?;
    check_tables(&mut loaded, args.replace)?;
    for sentence in loaded.plan.left_out() {
        terminal.warn(sentence);
    }
    let finished = loaded.store.finished(&loaded.plan)?;
    let runs = loaded.outstanding(&finished, Shard::ALL);
    if runs.is_empty() {
        terminal.remark(loaded.nothing_to_do());
        return Ok(Exit::Success);
    }
    let slurm = &loaded.experiment.execution.slurm;
    let starter = match args.starter {
        None | Some(ReadyFor::Command) => Starter::Command,
        Some(ReadyFor::Parallel) => Starter::Parallel,
        Some(ReadyFor::K8s) => Starter::Kubernetes(KubernetesOptions {
            image: args.image.as_deref().unwrap_or(NO_IMAGE),
            claim: args.claim.as_deref().unwrap_or("ablade"),
            resources: slurm,
        }),
    };
    let data_dir = &global.library().data_dir;
    let frozen = FrozenRuns::new(&loaded, &runs, args.tasks, data_dir, starter)?;
    trust::remember(&loaded.plan, &global.results);
    let tasks = frozen.submission.tasks.len();
    let name = &frozen.submission.name;
    let frozen_runs = format!("{} in {}", count(runs.len(), "run"), count(tasks, "task"));
    let ablade = format!("ablade --results {}", quoted(&frozen.results.to_string_lossy()));
    let Some(ready_for) = args.starter else {
        writeln!(terminal.out, "{name}")?;
        terminal.remark(format!(
            "{frozen_runs}: `{ablade} task {name} I` does task I, from 0 to {}",
            tasks - 1
        ));
        return Ok(Exit::Success);
    };
    writeln!(terminal.out, "{}", frozen.command)?;
    terminal.remark(match ready_for {
        ReadyFor::Command => {
            format!("{frozen_runs} of {name}: the command executes the task that a scheduler starts")
        }
        ReadyFor::Parallel => format!(
            "{frozen_runs} of {name}: the command executes them all, and repeated, those that are not done"
        ),
        ReadyFor::K8s => format!("{frozen_runs} of {name}: the command starts the Job"),
    });
    if ready_for == ReadyFor::Command {
        let script = quoted(&frozen.dir.join(SCRIPT).to_string_lossy());
        for scheduler in SCHEDULERS.iter().filter(|scheduler| scheduler.takes_script()) {
            let array = scheduler.array(tasks, &script);
            terminal.remark(format!("  {}: {array}", scheduler.name));
        }
    }
    if ready_for == ReadyFor::K8s && args.image.is_none() {
        terminal.remark("first write the name of an image into the file, or freeze with --image");
    }
    let experiment = &loaded.plan.name;
    terminal.remark(format!(
        "`{ablade} status {experiment}` shows the runs, `{ablade} tables {experiment}` writes the tables"
    ));
    Ok(Exit::Success)
}
