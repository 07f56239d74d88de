//! `ablade adopt FILE`: takes over runs of an earlier version of a program, after an edit that
//! cannot change results.

use std::num::NonZeroUsize;

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::cli::experiment_args::{ExperimentArgs, check_tables, with_options};
use crate::cli::interrupt::Interrupt;
use crate::cli::show::{ablation, blocks};
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal, jobs};
use crate::session::{AdoptEnd, AdoptOptions, adopt as adopt_runs};
use crate::text::count;

pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade adopt study.toml --reason reformatted
  ablade adopt study.toml --reason newer-compiler --close";

#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Reason why the edit cannot change results, which tables and page show
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Accept values that agree to six digits, not to the last bit
    #[arg(long)]
    close: bool,
    /// Number of threads, and so of runs at a time [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
}

pub(crate) fn adopt(
    args: &AdoptArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    ensure!(
        !args.reason.trim().is_empty(),
        "--reason is empty: tables and page will name it"
    );
    let mut loaded = args.experiment.load(global)?;
    ensure!(
        loaded.plan.program.is_some(),
        "adopt is for experiments of a program: runs of the built-in model are known by their data and settings alone"
    );
    // The runs that leave the tables come back under their new identity.
    check_tables(&mut loaded, true)?;
    trust::remember(&loaded.plan, &global.results);
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let options = AdoptOptions {
        reason: args.reason.trim(),
        close: args.close,
        threads: loaded.workers(args.jobs),
    };
    let shown = terminal.shown(global.progress);
    let end = adopt_runs(&loaded, &options, interrupt.interruption(), &*shown);
    Ok(match end.map_err(with_options)? {
        AdoptEnd::Adopted { results, n_repeated, n_adopted, n_outstanding } => {
            let ablations = results.ablations();
            ablation::print(&results, &ablations, terminal)?;
            blocks::print(&results, &ablations, terminal)?;
            terminal.remark(format!(
                "{} repeated with the same values, {} taken over",
                count(n_repeated, "run"),
                count(n_adopted, "run")
            ));
            if n_outstanding == 0 { Exit::Success } else { Exit::Failure }
        }
        AdoptEnd::Differs(differences) => {
            for difference in &differences {
                terminal.warn(difference);
            }
            terminal.remark(
                "nothing was taken over: the edit changes results, or the program does not repeat itself, which `ablade verify` measures",
            );
            Exit::Failure
        }
        AdoptEnd::Failed(n) => {
            terminal.remark(format!("{} failed: nothing was taken over", count(n, "run")));
            Exit::Failure
        }
        AdoptEnd::Interrupted => Exit::Interrupted,
        AdoptEnd::Nothing => bail!(
            "no outstanding run has an earlier one with the same settings, seed and commands under other inputs"
        ),
    })
}
