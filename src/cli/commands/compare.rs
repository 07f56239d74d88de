//! `ablade compare EXPERIMENT [EXPERIMENT]`: the results of an experiment, or two experiments
//! matched by variant and seed.

use clap::Args;

use crate::cli::show::terminal::wrap;
use crate::cli::show::{self, ablation, blocks, effects, warn_of_damage};
use crate::cli::{Exit, Global, Terminal};
use crate::results::{self, ExperimentResults, set_baseline};
use crate::runner::machine::on_every_processor;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade compare first
  ablade compare first --baseline skip-on
  ablade compare first second                        both matched by variant and seed
  ablade compare first --other-results old/results   the same experiment in other results
  ablade compare first --checklist";

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Experiment
    experiment: String,
    /// A second one: what of the first does it change?
    other: Option<String>,
    /// Compare with this variant in place of the baseline
    #[arg(long, value_name = "LABEL", conflicts_with = "other")]
    baseline: Option<String>,
    /// Print what reviewers ask of error bars and compute, instead of the tables
    #[arg(long, conflicts_with_all = ["other", "other_results"])]
    checklist: bool,
    /// Results directory of the second experiment, if another
    #[arg(long, value_name = "DIR")]
    other_results: Option<std::path::PathBuf>,
}

pub(crate) fn compare(
    args: &CompareArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    let mut plan = store.load_plan(&args.experiment)?;
    if let Some(label) = &args.baseline {
        set_baseline(&mut plan, label)?;
    }
    let study = on_every_processor(|| ExperimentResults::load(&store, plan))?;
    warn_of_damage(&study, terminal);
    if args.checklist {
        print_checklist(&study, terminal)?;
    } else if args.other.is_none() && args.other_results.is_none() {
        let ablations = study.ablations();
        ablation::print(&study, &ablations, terminal)?;
        blocks::print(&study, &ablations, terminal)?;
        ablation::print_examples(&study, &ablations, terminal)?;
        effects::print(&study, terminal)?;
    } else {
        let other_store =
            global.store_in(args.other_results.as_ref().unwrap_or(&global.results))?;
        let name = args.other.as_ref().unwrap_or(&args.experiment);
        let other_plan = other_store.load_plan(name)?;
        let other = on_every_processor(|| ExperimentResults::load(&other_store, other_plan))?;
        warn_of_damage(&other, terminal);
        let comparison = results::compare::compare(&study, &other)?;
        show::comparison::print(&study, &other, &comparison, terminal)?;
    }
    Ok(Exit::Success)
}

fn print_checklist(study: &ExperimentResults, terminal: &mut Terminal) -> anyhow::Result<()> {
    for (index, planned) in study.plan.studies.iter().enumerate() {
        writeln!(terminal.out, "{}{}", if index > 0 { "\n" } else { "" }, planned.name)?;
        for item in study.checklist(index) {
            writeln!(terminal.out, "\n{}\n{}", item.question, wrap(&item.answer, 80))?;
        }
    }
    Ok(())
}
