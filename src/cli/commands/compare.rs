//! `ablade compare EXPERIMENT [EXPERIMENT]`: the results of an experiment, or two experiments
//! matched by variant and seed.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};
use clap::{Args, ValueEnum};

use crate::cli::json::JsonArgs;
use crate::cli::json::compare::{ChangesFacts, CompareFacts};
use crate::cli::show::out::{check_named, is_within, write_named};
use crate::cli::show::terminal::{escaped_json, prose};
use crate::cli::show::{self, ablation, blocks, effects, warn_of_damage};
use crate::cli::{Exit, Global, Terminal};
use crate::results::paper::Format;
use crate::results::{self, ExperimentResults, comparison_table, set_baseline, tables};
use crate::runner::machine::on_every_processor;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade compare first
  ablade compare first --baseline skip-on
  ablade compare first second                        both matched by variant and seed
  ablade compare first --other-results old/results   the same experiment in other results
  ablade compare first --checklist
  ablade compare first --json                        verdicts for a program
  ablade compare first --format latex > table.tex
  ablade compare first second --out changes.xlsx     also .csv, .md, .tex, .json";

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
    #[arg(long, conflicts_with_all = ["other", "other_results", "json"])]
    checklist: bool,
    /// Print the tables for a paper, or as rows of a table
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with_all = ["checklist", "json"])]
    format: Option<TableFormat>,
    /// Write the tables to a file, in the format of its ending: .csv, .xlsx, .md, .tex or .json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "checklist", "json"])]
    out: Option<PathBuf>,
    /// Replace the file of --out
    #[arg(long, requires = "out")]
    replace: bool,
    /// Results directory of the second experiment [default: that of the first]
    #[arg(long, value_name = "DIR")]
    other_results: Option<PathBuf>,
    #[command(flatten)]
    json: JsonArgs,
}

/// Formats of `--format`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum TableFormat {
    /// For a paper; needs the package booktabs
    Latex,
    /// For a README
    Markdown,
    /// Every column, as in `ablation.csv`
    Csv,
    /// The same, with captions and sentences
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

/// Content of a file of `--out`.
#[derive(Debug, Clone, Copy)]
enum Content {
    Text(Format),
    Workbook,
}

impl Content {
    /// By the ending of the file's name.
    fn of(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        Ok(match ending.to_lowercase().as_str() {
            "csv" => Self::Text(Format::Csv),
            "json" => Self::Text(Format::Json),
            "md" => Self::Text(Format::Markdown),
            "tex" => Self::Text(Format::Latex),
            "xlsx" => Self::Workbook,
            _ => {
                return Err(anyhow!(
                    "{}: the name of the file ends in .csv, .xlsx, .md, .tex or .json",
                    path.display()
                ));
            }
        })
    }
}

/// The file of `--out`, checked before any work.
fn output<'a>(
    args: &'a CompareArgs,
    global: &Global,
) -> anyhow::Result<Option<(&'a Path, Content)>> {
    let Some(path) = args.out.as_deref() else { return Ok(None) };
    let content = Content::of(path)?;
    check_named([path], &[])?;
    for results in [Some(&global.results), args.other_results.as_ref()].into_iter().flatten() {
        ensure!(
            !is_within(path, results),
            "{} is among the results in {}, which are read: write to another place",
            path.display(),
            results.display()
        );
    }
    ensure!(
        args.replace || !path.exists(),
        "{} exists: --replace overwrites it",
        path.display()
    );
    Ok(Some((path, content)))
}

pub(crate) fn compare(
    args: &CompareArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let output = output(args, global)?;
    let format = args.format.map(TableFormat::format);
    let store = global.store()?;
    let mut plan = store.load_plan(&args.experiment)?;
    if let Some(label) = &args.baseline {
        set_baseline(&mut plan, label)?;
    }
    let mut study = on_every_processor(|| ExperimentResults::load(&store, plan))?;
    warn_of_damage(&study, terminal);
    if args.other.is_some() || args.other_results.is_some() {
        let mut other = other(args, global)?;
        warn_of_damage(&other, terminal);
        let comparison = results::compare::compare(&study, &other)?;
        if study.plan.name == other.plan.name {
            let places = [Some(&global.results), args.other_results.as_ref()];
            for (results, place) in [&mut study, &mut other].into_iter().zip(places) {
                let place = place.unwrap_or(&global.results);
                results.plan.name += &format!(" in {}", place.display());
            }
        }
        let both = [&study, &other];
        if let Some((path, content)) = output {
            let bytes = match content {
                Content::Text(format) => comparison_table::in_format(both, &comparison, format),
                Content::Workbook => comparison_table::workbook(both, &comparison)?,
            };
            write_named(path, &bytes)?;
        } else if let Some(format) = format {
            print_in(format, comparison_table::in_format(both, &comparison, format), terminal)?;
        } else if args.json.json {
            terminal.json(&ChangesFacts::of(both, &comparison, terminal.notes()))?;
        } else {
            show::comparison::print(&study, &other, &comparison, terminal)?;
        }
    } else if let Some((path, content)) = output {
        let bytes = match content {
            Content::Text(format) => tables::in_format(&study, format),
            Content::Workbook => tables::workbook(&study)?,
        };
        write_named(path, &bytes)?;
    } else if let Some(format) = format {
        print_in(format, tables::in_format(&study, format), terminal)?;
    } else if args.json.json {
        let ablations = study.ablations();
        ablation::warn_of_mixtures(&study, terminal);
        terminal.json(&CompareFacts::of(&study, &ablations, terminal.notes()))?;
    } else if args.checklist {
        print_checklist(&study, terminal)?;
    } else {
        let ablations = study.ablations();
        ablation::print(&study, &ablations, terminal)?;
        blocks::print(&study, &ablations, terminal)?;
        ablation::print_examples(&study, &ablations, terminal)?;
        effects::print(&study, terminal)?;
    }
    Ok(Exit::Success)
}

/// Prints tables in a format. JSON has escapes of its own.
fn print_in(format: Format, bytes: Vec<u8>, terminal: &mut Terminal) -> anyhow::Result<()> {
    let bytes = match format {
        Format::Json => escaped_json(&String::from_utf8(bytes)?).into_owned().into_bytes(),
        _ => bytes,
    };
    Ok(terminal.out.write_all(&bytes)?)
}

/// The second experiment.
fn other(args: &CompareArgs, global: &Global) -> anyhow::Result<ExperimentResults> {
    let store = global.store_in(args.other_results.as_ref().unwrap_or(&global.results))?;
    let plan = store.load_plan(args.other.as_ref().unwrap_or(&args.experiment))?;
    Ok(on_every_processor(|| ExperimentResults::load(&store, plan))?)
}

fn print_checklist(study: &ExperimentResults, terminal: &mut Terminal) -> anyhow::Result<()> {
    for (index, planned) in study.plan.studies.iter().enumerate() {
        writeln!(terminal.out, "{}{}", if index > 0 { "\n" } else { "" }, planned.name)?;
        for item in study.checklist(index) {
            writeln!(terminal.out, "\n{}\n{}", item.question, prose(&item.answer))?;
        }
    }
    Ok(())
}
