//! Tables of an experiment: `runs.csv`, `metrics.csv`, `ablation.csv`, `effects.csv`, `curves.csv`,
//! `timings.csv`, `history.csv`, `tables.tex`, `results.xlsx`.
//!
//! Computed from the plan and the disk alone and rewritten completely, in declared order, so that
//! their bytes do not depend on how, where or in what order the runs were executed; but for
//! `history.csv`, which says what happened in these results.
//! `docs/reference/output.md` documents every column.

use std::collections::{BTreeMap, BTreeSet};

use super::ablation::{Ablation, AblationRow};
use super::axis_columns::AxisColumns;
use super::blocks::{MethodRow, OverBlocks};
use super::cell::{Table, Value};
use super::difference::{self, Difference};
use super::effects::Effects;
use super::paper::{Format, Written};
use super::past::{self, Past};
use super::{Cell, ExperimentResults, block_table, crossed, effect_table, equivalence, xlsx};
use crate::columns::{ABLATION, BLOCKS, Columns, TIMINGS, VARIANT, words};
use crate::plan::{Correction, Plan, PlannedStudy};
use crate::store::{EpochRow, RunStatus, Store, StoreError};
use crate::trainer::{Column, Facts, Source};

/// Joins a plan with the disk, writes all its tables, and returns the results that they show, with
/// a sentence about each file that was moved aside for a table.
pub fn write_all(
    store: &Store,
    plan: &Plan,
) -> Result<(ExperimentResults, Vec<String>), StoreError> {
    let mut study = ExperimentResults::load_runs(store, plan.clone())?;
    let past = study.enter_in_history(store)?;
    let remarks = write_with_past(store, &study, &past)?;
    study.past = Some(past);
    Ok((study, remarks))
}

/// Writes all tables of a study; returns a sentence about each file that was moved aside for one.
/// The record of the past has them first: a table that is there has been seen.
pub fn write(store: &Store, study: &ExperimentResults) -> Result<Vec<String>, StoreError> {
    let past = study.enter_in_history(store)?;
    write_with_past(store, study, &past)
}

fn write_with_past(
    store: &Store,
    study: &ExperimentResults,
    past: &Past,
) -> Result<Vec<String>, StoreError> {
    store.write_tables(&study.plan, with_past(study, past)?)
}

/// Adds tables on disk to the list of this program's own if they are equal to those computed from
/// the plan's runs: an earlier version wrote no list.
pub fn adopt(store: &Store, plan: &Plan) -> Result<(), StoreError> {
    let study = ExperimentResults::load_runs(store, plan.clone())?;
    let past = study.past_on_disk(store)?;
    store.adopt_tables(plan, with_past(&study, &past)?)
}

/// All tables of a study, by file.
fn with_past(
    study: &ExperimentResults,
    past: &Past,
) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let mut tables = all(study)?;
    tables.insert(HISTORY_TABLE.to_owned(), past::history(&study.plan, past).csv());
    Ok(tables)
}

/// All tables of a study that the runs decide, by file.
fn all(study: &ExperimentResults) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let mut tables = BTreeMap::new();
    each(study, |file, bytes| {
        tables.extend(bytes.map(|bytes| (file.to_owned(), bytes)));
        Ok(())
    })?;
    Ok(tables)
}

/// Passes every table of a study to `take`, one after another; `None` for one that the study does
/// not have.
fn each(
    study: &ExperimentResults,
    mut take: impl FnMut(&'static str, Option<Vec<u8>>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let ablations = study.ablations();
    let effects = study.all_effects();
    let over_blocks = study.all_over_blocks(&ablations);
    for (file, table) in csv_tables(study, &ablations) {
        take(file, Some(table.csv()))?;
    }
    take(
        EFFECTS,
        (!effects.is_empty()).then(|| effect_table::effects(study, &effects).csv()),
    )?;
    let has_blocks = !study.plan.compare.within.is_empty();
    take(OVER_BLOCKS, has_blocks.then(|| blocks(study, &over_blocks).csv()))?;
    let paper = written(study, &ablations, &over_blocks).format(Format::Latex);
    take("tables.tex", Some(paper))?;
    let sheets = sheets(study, &ablations, &effects, &over_blocks);
    take("results.xlsx", Some(xlsx::workbook(study, sheets)?))
}

/// The ablation tables of a study in a format.
pub fn in_format(study: &ExperimentResults, format: Format) -> Vec<u8> {
    let ablations = study.ablations();
    written(study, &ablations, &study.all_over_blocks(&ablations)).format(format)
}

/// The workbook of a study.
pub fn workbook(study: &ExperimentResults) -> Result<Vec<u8>, StoreError> {
    let (ablations, effects) = (study.ablations(), study.all_effects());
    let over_blocks = study.all_over_blocks(&ablations);
    xlsx::workbook(study, sheets(study, &ablations, &effects, &over_blocks))
}

/// Sheets of the workbook, by name: the tables that equal executions share.
fn sheets<'a>(
    study: &'a ExperimentResults,
    ablations: &'a [Ablation],
    effects: &'a [Effects],
    over_blocks: &'a [OverBlocks],
) -> Vec<(&'static str, Table<'a>)> {
    let mut sheets = vec![("ablation", ablation(study, ablations))];
    if !over_blocks.is_empty() {
        sheets.push(("blocks", blocks(study, over_blocks)));
    }
    if !effects.is_empty() {
        sheets.push(("effects", effect_table::effects(study, effects)));
    }
    sheets.extend([("runs", runs(study)), ("metrics", metrics(study)), ("curves", curves(study))]);
    sheets
}

fn written<'a>(
    study: &'a ExperimentResults,
    ablations: &'a [Ablation],
    over_blocks: &'a [OverBlocks],
) -> Written<'a> {
    let tables = [ablation(study, ablations), blocks(study, over_blocks)];
    Written { study, ablations, over_blocks, tables }
}

/// Differences between the tables on disk and those computed from the runs, and the number of
/// tables compared.
pub fn differences(
    store: &Store,
    study: &ExperimentResults,
) -> Result<(Vec<Difference>, usize), StoreError> {
    let (mut found, mut tables) = (Vec::new(), 0);
    each(study, |file, expected| {
        let there = store.table(&study.plan.name, file)?;
        tables += usize::from(there.is_some() || expected.is_some());
        found.extend(difference::between(file, there.as_deref(), expected.as_deref()));
        Ok(())
    })?;
    Ok((found, tables))
}

/// Written if some study is a full grid.
const EFFECTS: &str = "effects.csv";

/// Table of what happened in these results, which the runs alone do not decide.
const HISTORY_TABLE: &str = "history.csv";

/// Written with `[compare] within`.
const OVER_BLOCKS: &str = "blocks.csv";

/// Names of all tables that an experiment may have.
pub const NAMES: [&str; 10] = [
    "runs.csv",
    "metrics.csv",
    "ablation.csv",
    EFFECTS,
    OVER_BLOCKS,
    "curves.csv",
    "timings.csv",
    HISTORY_TABLE,
    "tables.tex",
    "results.xlsx",
];

fn csv_tables<'a>(
    study: &'a ExperimentResults,
    ablations: &'a [Ablation],
) -> Vec<(&'static str, Table<'a>)> {
    vec![
        ("runs.csv", runs(study)),
        ("metrics.csv", metrics(study)),
        ("ablation.csv", ablation(study, ablations)),
        ("curves.csv", curves(study)),
        ("timings.csv", timings(study)),
    ]
}

impl ExperimentResults {
    /// True if some run has a value of a column.
    fn has(&self, column: &Column) -> bool {
        let mut summaries = self.records.values().filter_map(|record| record.summary.as_ref());
        summaries.any(|summary| column.source.number(&summary.facts).is_some())
    }

    /// Columns of the experiment's tables.
    pub(super) fn columns(&self) -> Columns<'_> {
        let compare = &self.plan.compare;
        let equivalence = compare.equivalence_level();
        Columns::new(self.metrics(), self.metric(), compare.level, equivalence)
    }
}

/// Header: `study, variant, label, <axes>` and `rest`.
fn header(axes: &AxisColumns, rest: Vec<String>) -> Vec<String> {
    let mut header = words(VARIANT);
    header.extend(axes.names());
    header.extend(rest);
    header
}

/// Cells of `study, variant, label`.
fn variant<'a>(study: &'a PlannedStudy, name: &'a str, label: &'a str) -> Vec<Value<'a>> {
    [&study.name, name, label].map(Value::text).to_vec()
}

/// First cells of a run's row: `study, variant, label, <axes>, seed, run`.
fn place<'a>(axes: &AxisColumns<'a>, cell: &Cell<'a>) -> Vec<Value<'a>> {
    let mut row = variant(cell.study, &cell.variant.name, &cell.variant.label);
    row.extend(axes.levels(cell.study, cell.levels));
    row.extend([Value::Int(cell.seed.0), Value::text(cell.run.as_str())]);
    row
}

fn runs(study: &ExperimentResults) -> Table<'_> {
    let axes = AxisColumns::of(study);
    let reported: Vec<&Column> = study
        .metrics()
        .columns
        .iter()
        .filter(|column| column.is_always_there || study.has(column))
        .collect();
    let columns = header(&axes, Columns::runs(reported.iter().copied()));
    let width = columns.len();
    let rows = study.cells().map(move |cell| {
        let mut row = place(&axes, &cell);
        row.push(Value::text(cell.record.status.word()));
        row.push(cell.record.error.as_deref().map_or(Value::Empty, Value::text));
        let Some(summary) = &cell.record.summary else {
            row.resize(width - 1, Value::Empty);
            row.push(tuning(&cell));
            return row;
        };
        // A program need not write steps, nor choose one.
        let step = |n: usize| match (n, &study.plan.program) {
            (0, Some(_)) => Value::Empty,
            (n, _) => Value::Int(n as u64),
        };
        row.extend([step(summary.epochs), step(summary.best_epoch)]);
        row.extend(reported.iter().map(|column| fact(column, &summary.facts)));
        row.push(tuning(&cell));
        row
    });
    Table { columns, rows: Box::new(rows) }
}

/// Cell of a value that a run reported.
fn fact<'a>(column: &Column, facts: &'a Facts) -> Value<'a> {
    let found = match &column.source {
        Source::Fact(name) => facts.get(name),
        Source::Derived(_) => None,
    };
    match found {
        Some(serde_json::Value::String(text)) => Value::text(text.as_str()),
        Some(serde_json::Value::Number(n)) if n.is_u64() => Value::int(n.as_u64()),
        Some(serde_json::Value::Bool(flag)) => Value::text(if *flag { "true" } else { "false" }),
        _ => Value::number(column.source.number(facts)),
    }
}

/// Cell with true if a candidate of a tuned variant is the selected one; empty if nothing is tuned.
fn tuning<'a>(cell: &Cell) -> Value<'a> {
    match cell.levels == cell.variant.levels {
        _ if cell.variant.candidates.is_empty() => Value::Empty,
        true => Value::text("chosen"),
        false => Value::text("passed over"),
    }
}

fn metrics(study: &ExperimentResults) -> Table<'_> {
    let axes = AxisColumns::of(study);
    let columns = header(&axes, study.columns().metrics());
    let rows = study.cells().flat_map(move |cell| {
        let place = place(&axes, &cell);
        cell.record.epochs.iter().map(move |epoch| {
            let mut row = place.clone();
            row.push(Value::Int(epoch.epoch as u64));
            row.extend(epoch.values.iter().map(|value| Value::number(Some(*value))));
            row
        })
    });
    Table { columns, rows: Box::new(rows) }
}

fn ablation<'a>(study: &'a ExperimentResults, ablations: &'a [Ablation]) -> Table<'a> {
    let axes = AxisColumns::of(study);
    let columns = header(&axes, study.columns().named(ABLATION));
    let sized = study.metrics().size.is_some();
    let rows = study.plan.studies.iter().zip(ablations).flat_map(move |(planned, ablation)| {
        let levels = |row: &'a AblationRow| axes.levels(planned, &row.levels).collect::<Vec<_>>();
        let variants = ablation.rows.iter().map(|row| (row, ablation.correction));
        let other = ablation.external_correction();
        let external = ablation.external.iter().map(move |row| (row, other));
        let cells = |(row, correction): (&'a AblationRow, Correction)| {
            let delta = row.delta.as_ref();
            let mut cells = ablation_row(planned, row, sized, correction, levels(row));
            cells.extend(crossed::cells(delta, study.metrics()));
            let margin = ablation.negligible.into_iter();
            cells.extend(margin.flat_map(|margin| equivalence::cells(delta, margin)));
            cells.push(Value::text(row.note.as_str()));
            cells
        };
        variants.chain(external).map(cells).collect::<Vec<_>>()
    });
    Table { columns, rows: Box::new(rows) }
}

/// Each variant over all blocks, without the axes that make them.
fn blocks<'a>(study: &'a ExperimentResults, studies: &'a [OverBlocks]) -> Table<'a> {
    let within = &study.plan.compare.within;
    let mut axes = AxisColumns::of(study);
    axes.leave_out(within);
    let columns = header(&axes, study.columns().named(BLOCKS));
    let rows = study.plan.studies.iter().zip(studies).flat_map(move |(planned, over)| {
        let of = |row: &'a MethodRow| {
            let mut cells = variant(planned, &row.method.name, &row.method.label);
            let levels = match row.variants.iter().flatten().next() {
                Some(&v) => &planned.variants[v].levels[..],
                None => &[],
            };
            cells.extend(axes.levels(planned, levels));
            cells.extend(block_table::cells(over, row, study.plan.compare.correction.word()));
            cells
        };
        over.rows.iter().map(of).collect::<Vec<_>>()
    });
    Table { columns, rows: Box::new(rows) }
}

fn ablation_row<'a>(
    study: &'a PlannedStudy,
    row: &'a AblationRow,
    sized: bool,
    correction: Correction,
    levels: Vec<Value<'a>>,
) -> Vec<Value<'a>> {
    let delta = row.delta.as_ref();
    let paired = delta.map(|delta| &delta.paired);
    let examples = delta.and_then(|delta| delta.examples);
    let ends = |estimate: Option<crate::stats::Estimate>| {
        let interval = estimate.and_then(|estimate| estimate.interval);
        [Value::number(interval.map(|i| i.low)), Value::number(interval.map(|i| i.high))]
    };
    let count = |n: Option<usize>| Value::int(n.map(|n| n as u64));
    let [low, high] = ends(row.estimate);
    let (difference, p) = (row.difference(), row.p());
    let [delta_low, delta_high] = ends(difference);
    let [examples_low, examples_high] = ends(examples);
    let mut cells = variant(study, &row.name, &row.label);
    cells.extend(levels);
    cells.extend([
        Value::Int(row.estimate.map_or(0, |estimate| estimate.n as u64)),
        Value::Int(row.failed as u64),
        Value::number(row.estimate.map(|estimate| estimate.mean)),
        Value::number(row.estimate.and_then(|estimate| estimate.sd)),
        low,
        high,
        Value::number(difference.map(|difference| difference.mean)),
        delta_low,
        delta_high,
        Value::number(paired.and_then(|paired| paired.dz)),
        Value::number(p.map(|(p, _)| p)),
        Value::number(p.and_then(|(_, corrected)| corrected)),
        count(paired.map(|paired| paired.wins)),
        count(paired.map(|paired| paired.losses)),
        Value::number(paired.and_then(|paired| paired.correlation)),
    ]);
    cells.extend(sized.then(|| Value::int(row.size)));
    cells.extend([
        Value::text(row.conclusion()),
        Value::Int(row.planned as u64),
        count(paired.map(|paired| paired.difference.n)),
        Value::number(delta.map(|delta| delta.smallest_p)),
        Value::number(
            delta
                .filter(|delta| delta.p_corrected.is_some())
                .map(|delta| delta.smallest_p_corrected),
        ),
        p.map_or(Value::Empty, |_| Value::text(correction.word())),
        Value::int(paired.and_then(|paired| paired.test.draws).map(u64::from)),
        Value::int(delta.and_then(|delta| delta.p_corrected_draws).map(u64::from)),
    ]);
    cells.extend(row.shown.iter().map(|count| Value::int(*count)));
    cells.extend([
        Value::number(row.epochs),
        Value::number(row.compute_ratio),
        count(examples.map(|examples| examples.n)),
        Value::number(examples.map(|examples| examples.mean)),
        examples_low,
        examples_high,
        count(row.tuning.as_ref().map(|tuning| tuning.configurations)),
        row.may_be_best
            .map_or(Value::Empty, |may_be| Value::text(if may_be { "yes" } else { "no" })),
    ]);
    cells
}

/// Mean curves over the seeds, in wide form: an epoch has a mean only if every finished run of the
/// variant reached it, because the mean over the runs that did not stop early would be that of
/// another population.
fn curves(study: &ExperimentResults) -> Table<'_> {
    let several = study.plan.studies.len() > 1;
    let curves = &study.metrics().curves;
    let mut columns = vec!["epoch".to_owned()];
    let mut variants: Vec<Vec<&[EpochRow]>> = Vec::new();
    for planned in &study.plan.studies {
        for variant in &planned.variants {
            let prefix = if several { format!("{}.", planned.name) } else { String::new() };
            let name = format!("{prefix}{}", variant.name);
            columns.extend(curves.iter().map(|curve| {
                format!("{name}.{}", curve.unit.column(&format!("{}_mean", curve.name)))
            }));
            let finished = study
                .replicates(variant)
                .filter(|(_, _, record)| record.status == RunStatus::Finished);
            variants.push(finished.map(|(_, _, record)| record.epochs.as_slice()).collect());
        }
    }
    // Of runs of a program the steps need not be 1, 2, ...
    let steps: BTreeSet<usize> = variants
        .iter()
        .flatten()
        .flat_map(|rows| rows.iter().map(|row| row.epoch))
        .collect();
    let rows = steps.into_iter().map(move |step| {
        let mut row = vec![Value::Int(step as u64)];
        for seeds in &variants {
            let at = |rows: &&[EpochRow]| rows.binary_search_by_key(&step, |row| row.epoch).ok();
            let here: Vec<&EpochRow> =
                seeds.iter().filter_map(|rows| Some(&rows[at(rows)?])).collect();
            let whole = !here.is_empty() && here.len() == seeds.len();
            row.extend((0..curves.len()).map(|curve| {
                let sum = || here.iter().map(|row| row.values[curve]).sum::<f64>();
                Value::number(whole.then(|| sum() / here.len() as f64))
            }));
        }
        row
    });
    Table { columns, rows: Box::new(rows) }
}

fn timings(study: &ExperimentResults) -> Table<'_> {
    let axes = AxisColumns::of(study);
    let columns = header(&axes, study.columns().named(TIMINGS));
    let width = columns.len();
    let rows = study.cells().map(move |cell| {
        let mut row = place(&axes, &cell);
        match &cell.record.timing {
            Some(timing) => row.extend([
                Value::moment(&timing.started_utc),
                Value::number(Some(timing.seconds)),
                Value::number(Some(timing.images_per_second)),
                Value::text(timing.host.as_str()),
                Value::Int(timing.threads as u64),
            ]),
            None => row.resize(width, Value::Empty),
        }
        row
    });
    Table { columns, rows: Box::new(rows) }
}
