//! The ablation table for a paper: few columns, decimals that the interval supports, a caption that
//! says what every value is, and a sentence for each variant. LaTeX, Markdown, CSV or JSON.

mod blocks;
mod comparison;
mod json;
mod latex;
mod markdown;

use blocks::BlocksPaper;
pub(super) use comparison::of_comparison;

use super::ExperimentResults;
use super::ablation::{Ablation, AblationRow, Verdict};
use super::blocks::OverBlocks;
use super::cell::Table;
use crate::plan::Correction;
use crate::stats::Estimate;
use crate::text::{capitalised, count, decimals_for, fixed, p_value, short, signed};

/// Formats of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `tabular` with booktabs, as in `tables.tex`.
    Latex,
    /// Markdown with a pipe table.
    Markdown,
    /// `ablation.csv`.
    Csv,
    /// The columns of `ablation.csv` as JSON, with captions and sentences.
    Json,
}

/// Tables of the studies of an experiment, as they are written in every format.
pub(super) struct Written<'a> {
    pub(super) study: &'a ExperimentResults,
    pub(super) ablations: &'a [Ablation],
    /// Every study over its blocks; empty without `[compare] within`.
    pub(super) over_blocks: &'a [OverBlocks],
    /// `ablation.csv` and `blocks.csv`.
    pub(super) tables: [Table<'a>; 2],
}

impl Written<'_> {
    /// The tables of all studies in a format; as CSV, that of the variants.
    pub(super) fn format(self, format: Format) -> Vec<u8> {
        let Self { study, ablations, over_blocks, tables } = self;
        let [variants, methods] = tables;
        let blocks = |i: usize| Some(BlocksPaper::of(study, &ablations[i], over_blocks.get(i)?));
        let papers = (ablations.iter().enumerate())
            .map(|(i, ablation)| (Paper::of(study, ablation), blocks(i)));
        match format {
            Format::Latex => latex::document(&study.plan.name, papers).into_bytes(),
            Format::Markdown => markdown::document(papers).into_bytes(),
            Format::Csv => variants.csv(),
            Format::Json => json::document(study, ablations, [variants, methods], papers),
        }
    }
}

/// The table of one study.
struct Paper {
    study: String,
    /// Heading of the metric's column; the caption has its full name and unit.
    metric: String,
    caption: String,
    rows: Vec<Row>,
}

struct Row {
    label: String,
    /// True if the row is in the set of variants that may be the best, and that set says something.
    is_bold: bool,
    may_be_best: Option<bool>,
    n: String,
    mean: Option<Measured>,
    difference: Option<Measured>,
    p: Option<String>,
    verdict: String,
    sentence: String,
}

/// A value and half of its interval, with the decimals that the interval supports.
struct Measured {
    value: String,
    half: Option<String>,
}

impl Measured {
    fn mean(estimate: &Estimate) -> Self {
        Self::with(estimate, fixed)
    }

    fn difference(estimate: &Estimate) -> Self {
        Self::with(estimate, signed)
    }

    fn with(estimate: &Estimate, write: fn(f64, usize) -> String) -> Self {
        let half = estimate.interval.map(|interval| interval.high - estimate.mean);
        let half = half.filter(|half| half.is_finite());
        let decimals = decimals_for(estimate.mean, half);
        Self {
            value: write(estimate.mean, decimals),
            half: half.map(|half| fixed(half, decimals)),
        }
    }

    fn words(&self) -> String {
        let half = self.half.as_ref().map(|half| format!(" \u{b1} {half}"));
        self.value.clone() + &half.unwrap_or_default()
    }
}

impl Paper {
    fn of(study: &ExperimentResults, ablation: &Ablation) -> Self {
        let metric = &ablation.metric;
        let label = |base: usize| ablation.rows[base].label.as_str();
        let reference = ablation.baseline.map(label);
        let of_blocks = ablation.blocks.iter().flat_map(|block| {
            let reference = block.baseline.map(label);
            block.variants.iter().map(move |&v| {
                let row = &ablation.rows[v];
                (row, study.label_in_block(ablation, block, v), reference, ablation.correction)
            })
        });
        let external_correction = ablation.external_correction();
        let external = (ablation.external.iter())
            .map(|row| (row, row.label.clone(), reference, external_correction));
        let is_blocked = ablation.blocks.len() > 1;
        let rows = of_blocks.chain(external).map(|(row, label, reference, correction)| Row {
            sentence: sentence(
                ablation,
                row,
                (&label, reference.unwrap_or_default()),
                correction,
                is_blocked,
            ),
            label,
            is_bold: ablation.tells_the_best() && row.may_be_best == Some(true),
            may_be_best: row.may_be_best,
            n: match row.estimate.map_or(0, |estimate| estimate.n) {
                n if n == row.planned => n.to_string(),
                n => format!("{n} of {}", row.planned),
            },
            mean: row.estimate.as_ref().map(Measured::mean),
            difference: difference(row),
            p: p(row),
            verdict: row.conclusion(),
        });
        Self {
            study: ablation.study.clone(),
            metric: metric.words.head.clone(),
            caption: caption(study, ablation, reference),
            rows: rows.collect(),
        }
    }

    fn is_compared(&self) -> bool {
        self.rows.iter().any(|row| row.difference.is_some())
    }
}

fn difference(row: &AblationRow) -> Option<Measured> {
    row.difference().as_ref().map(Measured::difference)
}

fn p(row: &AblationRow) -> Option<String> {
    row.p().map(|(p, corrected)| p_value(corrected.unwrap_or(p)))
}

/// `Lower is better. Mean over ...`: what every value of the table is.
fn caption(study: &ExperimentResults, ablation: &Ablation, reference: Option<&str>) -> String {
    let metric = &ablation.metric;
    let percent = study.plan.compare.percent();
    let mut text = format!(
        "{}{}, {} is better: mean over {} \u{b1} half of the {percent} % Student t interval.",
        metric.words.axis,
        metric.unit.in_brackets(),
        metric.better.word().to_lowercase(),
        count(study.plan.seeds.len(), "seed"),
    );
    if let Some(reference) = reference
        && ablation.rows.iter().any(|row| row.delta.is_some())
    {
        let name = match reference {
            _ if ablation.blocks.len() > 1 => {
                let axes = study.plan.compare.within.join(" and ");
                format!("the baseline at the same {axes}")
            }
            "baseline" => "the baseline".to_owned(),
            other => format!("{other}, the baseline"),
        };
        text += &format!(
            " Difference: from {name}, paired by seed, with its interval. p: two-sided {} of the paired \
             differences{}.",
            ablation.test.words(),
            corrected(ablation.correction, ablation.comparisons())
        );
    }
    if let Some(words) = ablation.equivalence_words() {
        text += &format!(" {}.", capitalised(&words));
    }
    if ablation.rows.iter().any(|row| row.tuning.is_some()) {
        let select = &study.metrics().select().words.long;
        text += &format!(" Each tuned row is the best of its configurations by {select}.");
    }
    if !ablation.external.is_empty() {
        text += " External: results of another tool, corrected on their own by Holm's method; not paired where their \
                 seeds differ (Welch's t test); they take no part in what may be the best.";
    }
    let missing = &study.plan.missing;
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|one| one.data.name.as_str()).collect();
        text += &format!(" Left out, as their data were not there: {}.", names.join(", "));
    }
    if ablation.tells_the_best() {
        let of = if ablation.blocks.len() > 1 { " at each " } else { "" };
        text += &format!(
            " Bold: may be the best{of}{} (not ruled out by one-sided joint sign-flip tests at level {}).",
            study.plan.compare.within.join(" and "),
            short(study.plan.compare.alpha())
        );
    }
    text
}

/// Clause on the correction of p values.
fn corrected(correction: Correction, comparisons: usize) -> String {
    let comparisons = count(comparisons, "comparison");
    match correction {
        Correction::MaxT => {
            format!(", corrected over {comparisons} by step-down max-T (Westfall and Young 1993)")
        }
        Correction::Holm => format!(", corrected over {comparisons} by Holm's method"),
        Correction::None => ", not corrected for the number of comparisons".to_owned(),
    }
}

/// A sentence on a row.
fn sentence(
    ablation: &Ablation,
    row: &AblationRow,
    (label, reference): (&str, &str),
    correction: Correction,
    is_blocked: bool,
) -> String {
    let unit = &ablation.metric.unit;
    let Some(estimate) = &row.estimate else {
        return format!("{label}: no seed finished; {}.", row.conclusion());
    };
    let seeds = match estimate.n {
        n if n < row.planned => format!("{n} of {}", count(row.planned, "seed")),
        n => count(n, "seed"),
    };
    let mut text = format!("{label}: {} over {seeds}", unit.of(&Measured::mean(estimate).words()));
    if let (Some(difference), Some(p), Some(delta)) = (difference(row), p(row), &row.delta) {
        let seeds = match delta.paired.difference.n {
            1 => "1 common seed".to_owned(),
            n => format!("{n} common seeds"),
        };
        text += &format!(
            ", {} from {reference} on {seeds} ({} = {p})",
            difference.words(),
            correction.heading()
        );
    } else if let (Some(difference), Some(p)) = (difference(row), p(row)) {
        let difference = difference.words();
        text += &format!(", {difference} from {reference}, not paired (Welch's t test, p = {p})");
    }
    text += &match row.verdict {
        Verdict::Baseline if is_blocked => "; the reference of its block".to_owned(),
        Verdict::Baseline => "; the reference of all comparisons".to_owned(),
        Verdict::NoBaseline => String::new(),
        _ => format!(": {}", row.conclusion()),
    };
    text += match row.may_be_best {
        Some(true) => "; may be the best",
        Some(false) => "; ruled out as the best",
        None => "",
    };
    text + "."
}
