//! `ablade compare EXPERIMENT [EXPERIMENT]`: the results of an experiment, or two experiments
//! matched by variant and seed.

use clap::{Args, ValueEnum};

use crate::cli::show::terminal::wrap;
use crate::cli::show::{self, ablation, blocks, effects, warn_of_damage};
use crate::cli::{Exit, Global, Terminal};
use crate::results::paper::Format;
use crate::results::tables::in_format;
use crate::results::{self, ExperimentResults, set_baseline};
use crate::runner::machine::on_every_processor;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade compare first
  ablade compare first --baseline skip-on
  ablade compare first second                        both matched by variant and seed
  ablade compare first --other-results old/results   the same experiment in other results
  ablade compare first --checklist
  ablade compare first --format latex > table.tex";

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Experiment
    experiment: String,
    /// Second experiment, compared with the first by variant and seed
    other: Option<String>,
    /// Compare with this variant instead of the baseline
    #[arg(long, value_name = "LABEL", conflicts_with = "other")]
    baseline: Option<String>,
    /// Print what reviewers ask about error bars and compute, instead of the tables
    #[arg(long, conflicts_with_all = ["other", "other_results"])]
    checklist: bool,
    /// Print the ablation tables for a paper or a program
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with_all = ["other", "other_results", "checklist"])]
    format: Option<TableFormat>,
    /// Results directory of the second experiment [default: that of the first]
    #[arg(long, value_name = "DIR")]
    other_results: Option<std::path::PathBuf>,
}

/// Formats of `--format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum TableFormat {
    /// For a paper; needs the package booktabs
    Latex,
    /// For a README
    Markdown,
    /// `ablation.csv`
    Csv,
    /// Its columns, captions and sentences
    Json,
}

impl TableFormat {
    fn format(self) -> Format {
        match self {
            Self::Latex => Format::Latex,
            Self::Markdown => Format::Markdown,
            Self::Csv => Format::Csv,
            Self::Json => Format::Json,
        }
    }
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
    if let Some(format) = args.format {
        terminal.out.write_all(&in_format(&study, format.format()))?;
    } else if args.checklist {
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
