//! The tables of an experiment: `runs.csv`, `metrics.csv`, `ablation.csv`, `effects.csv`,
//! `curves.csv`, `timings.csv`, `results.xlsx`.
//!
//! Derived from the plan and the disk alone and rewritten whole, in declared order, so that their
//! bytes do not depend on how, where or in what order the runs were done. `docs/FORMAT.md`
//! documents every column.

use std::collections::{BTreeMap, BTreeSet};

use super::ablation::{Ablation, AblationRow};
use super::cell::{Table, Value};
use super::difference::{self, Difference};
use super::{Cell, ExperimentResults, effect_table, xlsx};
use crate::plan::{Correction, Metric, Plan, PlannedStudy};
use crate::store::{EpochRow, Store, StoreError};

/// Joins a plan with the disk, writes all its tables, and returns the study they show, with a
/// sentence about each file that made way for a table.
pub fn write_all(
    store: &Store,
    plan: &Plan,
) -> Result<(ExperimentResults, Vec<String>), StoreError> {
    let study = ExperimentResults::load(store, plan.clone())?;
    let remarks = write(store, &study)?;
    Ok((study, remarks))
}

/// Writes all tables of a study; returns a sentence about each file that made way for one.
pub fn write(store: &Store, study: &ExperimentResults) -> Result<Vec<String>, StoreError> {
    store.write_tables(&study.plan, all(study)?)
}

/// Takes the tables on disk for this program's own that say what the plan's runs say now: an
/// earlier version kept no list.
pub fn adopt(store: &Store, plan: &Plan) -> Result<(), StoreError> {
    store.adopt_tables(plan, all(&ExperimentResults::load(store, plan.clone())?)?)
}

/// All tables of a study, by file.
fn all(study: &ExperimentResults) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let mut tables = BTreeMap::new();
    each(study, |file, bytes| {
        tables.extend(bytes.map(|bytes| (file.to_owned(), bytes)));
        Ok(())
    })?;
    Ok(tables)
}

/// Hands on every table of a study, one after another; `None` of one that the study does not have.
fn each(
    study: &ExperimentResults,
    mut take: impl FnMut(&'static str, Option<Vec<u8>>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let ablations = study.ablations();
    let effects = study.all_effects();
    for (file, table) in csv_tables(study, &ablations) {
        take(file, Some(table.csv()))?;
    }
    take(
        EFFECTS,
        (!effects.is_empty()).then(|| effect_table::effects(study, &effects).csv()),
    )?;
    take("results.xlsx", Some(xlsx::workbook(study, &ablations, &effects)?))
}

/// Where the tables on disk are not those that the runs give, and how many tables were compared.
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

/// Present where some study is a full grid.
const EFFECTS: &str = "effects.csv";

/// Names of all tables that an experiment may have.
pub const NAMES: [&str; 7] = [
    "runs.csv",
    "metrics.csv",
    "ablation.csv",
    EFFECTS,
    "curves.csv",
    "timings.csv",
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

/// The axes of all studies: one column each, by key path.
pub(super) struct AxisColumns<'a>(Vec<(&'a str, String)>);

/// Columns after `study, variant, <axes>`; `METRIC` and `CI` stand for what `[compare]` chose.
const RUNS: &str = "seed run status error epochs best_epoch parameters train_nll_nats valid_nll_nats test_nll_nats \
    test_nll_mixture_nats test_bits_per_dim connected_parameters mixture_masks test_nll_averaged_nats kernel tuning";
const METRICS: &str = "seed run epoch train_nll_nats valid_nll_nats test_nll_nats";
const TIMINGS: &str = "seed run started_utc seconds images_per_second host threads";
const ABLATION: &str = "n n_failed METRIC_mean_nats METRIC_sd_nats METRIC_CI_low_nats METRIC_CI_high_nats delta_nats \
    delta_CI_low_nats delta_CI_high_nats effect_dz p p_corrected wins losses pair_correlation parameters verdict n_planned \
    n_pairs smallest_p smallest_p_corrected correction p_draws p_corrected_draws connected_parameters epochs_mean compute_ratio images delta_images_nats \
    delta_images_CI_low_nats delta_images_CI_high_nats configurations note";

/// Whether a table has a column of this name besides its axes.
fn is_taken(column: &str) -> bool {
    let fixed = [RUNS, METRICS, TIMINGS, ABLATION].into_iter().flat_map(str::split_whitespace);
    fixed.chain(["study", "variant"]).any(|taken| taken == column)
}

impl<'a> AxisColumns<'a> {
    /// The union over the studies. An axis whose short name is taken, by a column or by another
    /// axis, gets its whole path.
    pub(super) fn of(plan: &'a Plan) -> Self {
        let axes = || plan.studies.iter().flat_map(|study| &study.axes);
        let mut paths = BTreeMap::<&str, BTreeSet<&str>>::new();
        for axis in axes() {
            paths.entry(&axis.column).or_default().insert(&axis.path);
        }
        let mut columns: Vec<(&str, String)> = Vec::new();
        for axis in axes() {
            if columns.iter().any(|(path, _)| *path == axis.path) {
                continue;
            }
            let free = paths[axis.column.as_str()].len() == 1 && !is_taken(&axis.column);
            let whole = || format!("axis_{}", axis.path.replace(['.', '-'], "_"));
            columns.push((&axis.path, if free { axis.column.clone() } else { whole() }));
        }
        Self(columns)
    }

    /// The column of an axis.
    pub(super) fn name(&self, path: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == path).map_or("", |(_, column)| column)
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(_, column)| column.clone())
    }

    /// A variant's level of every axis; empty for axes of other studies.
    fn levels(
        &self,
        study: &'a PlannedStudy,
        levels: &'a [String],
    ) -> impl Iterator<Item = Value<'a>> {
        self.0.iter().map(move |(path, _)| {
            let at = study.axes.iter().position(|axis| axis.path == *path);
            at.and_then(|at| levels.get(at))
                .map_or(Value::Empty, |level| Value::level(level))
        })
    }
}

pub(super) fn columns<'a>(parts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    parts.into_iter().map(str::to_owned).collect()
}

/// `study, variant, <axes>` and what follows.
fn header(axes: &AxisColumns, rest: &str) -> Vec<String> {
    let mut header = columns(["study", "variant"]);
    header.extend(axes.names());
    header.extend(columns(rest.split_whitespace()));
    header
}

/// `study, variant, <axes>, seed, run` of a run.
fn place<'a>(axes: &AxisColumns<'a>, cell: &Cell<'a>) -> Vec<Value<'a>> {
    let mut row =
        vec![Value::text(cell.study.name.as_str()), Value::text(cell.variant.name.as_str())];
    row.extend(axes.levels(cell.study, cell.levels));
    row.extend([Value::Int(cell.seed.0), Value::text(cell.run.as_str())]);
    row
}

pub(super) fn runs(study: &ExperimentResults) -> Table<'_> {
    let axes = AxisColumns::of(&study.plan);
    let columns = header(&axes, RUNS);
    let width = columns.len();
    let rows = study.cells().map(move |cell| {
        let mut row = place(&axes, &cell);
        row.push(Value::text(cell.record.status.word()));
        row.push(cell.record.error.as_deref().map_or(Value::Empty, |error| Value::text(error)));
        let Some(summary) = &cell.record.summary else {
            row.resize(width - 1, Value::Empty);
            row.push(tuning(&cell));
            return row;
        };
        let bits = summary
            .test_nll_nats
            .map(|nll| nll / (summary.dim as f64 * std::f64::consts::LN_2));
        row.extend([
            Value::Int(summary.epochs as u64),
            Value::Int(summary.best_epoch as u64),
            Value::Int(summary.parameters),
            Value::number(summary.train_nll_nats),
            Value::number(summary.valid_nll_nats),
            Value::number(summary.test_nll_nats),
            Value::number(summary.test_nll_mixture_nats),
            Value::number(bits),
            Value::Int(summary.connected_parameters),
            Value::Int(summary.mixture_masks as u64),
            Value::number(summary.test_nll_averaged_nats),
            Value::text(summary.kernel.as_str()),
            tuning(&cell),
        ]);
        row
    });
    Table { columns, rows: Box::new(rows) }
}

/// Whether a candidate of a tuned variant stands for it; empty where nothing is tuned.
fn tuning<'a>(cell: &Cell) -> Value<'a> {
    match cell.levels == cell.variant.levels {
        _ if cell.variant.candidates.is_empty() => Value::Empty,
        true => Value::text("chosen"),
        false => Value::text("passed over"),
    }
}

fn metrics(study: &ExperimentResults) -> Table<'_> {
    let axes = AxisColumns::of(&study.plan);
    let columns = header(&axes, METRICS);
    let rows = study.cells().flat_map(move |cell| {
        let place = place(&axes, &cell);
        cell.record.epochs.iter().map(move |epoch| {
            let numbers = [epoch.train_nll_nats, epoch.valid_nll_nats, epoch.test_nll_nats];
            let mut row = place.clone();
            row.push(Value::Int(epoch.epoch as u64));
            row.extend(numbers.map(|number| Value::number(Some(number))));
            row
        })
    });
    Table { columns, rows: Box::new(rows) }
}

/// The metric as columns name it.
pub(super) fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::TestNll => "test_nll",
        Metric::TestNllMixture => "test_nll_mixture",
        Metric::TestNllAveraged => "test_nll_averaged",
        Metric::ValidNll => "valid_nll",
    }
}

/// `ci95` for a level of 0.95, `ci99_9` for 0.999.
pub(super) fn interval_name(level: f64) -> String {
    let percent = (level * 1e6).round() / 1e4;
    format!("ci{}", percent.to_string().replace('.', "_"))
}

pub(super) fn ablation<'a>(study: &'a ExperimentResults, ablations: &'a [Ablation]) -> Table<'a> {
    let axes = AxisColumns::of(&study.plan);
    let metric = metric_name(study.plan.compare.metric);
    let ci = interval_name(study.plan.compare.level);
    let columns = header(&axes, &ABLATION.replace("METRIC", metric).replace("CI", &ci));
    let rows = study.plan.studies.iter().zip(ablations).flat_map(move |(planned, ablation)| {
        let levels = |row: &'a AblationRow| axes.levels(planned, &row.levels).collect::<Vec<_>>();
        ablation
            .rows
            .iter()
            .map(|row| ablation_row(planned, row, ablation.correction, levels(row)))
            .collect::<Vec<_>>()
    });
    Table { columns, rows: Box::new(rows) }
}

fn ablation_row<'a>(
    study: &'a PlannedStudy,
    row: &'a AblationRow,
    correction: Correction,
    levels: Vec<Value<'a>>,
) -> Vec<Value<'a>> {
    let delta = row.delta.as_ref();
    let paired = delta.map(|delta| &delta.paired);
    let images = delta.and_then(|delta| delta.images);
    let ends = |estimate: Option<crate::stats::Estimate>| {
        let interval = estimate.and_then(|estimate| estimate.interval);
        [Value::number(interval.map(|i| i.low)), Value::number(interval.map(|i| i.high))]
    };
    let count = |n: Option<usize>| Value::int(n.map(|n| n as u64));
    let [low, high] = ends(row.estimate);
    let [delta_low, delta_high] = ends(paired.map(|paired| paired.difference));
    let [images_low, images_high] = ends(images);
    let mut cells = vec![Value::text(study.name.as_str()), Value::text(row.name.as_str())];
    cells.extend(levels);
    cells.extend([
        Value::Int(row.estimate.map_or(0, |estimate| estimate.n as u64)),
        Value::Int(row.failed as u64),
        Value::number(row.estimate.map(|estimate| estimate.mean)),
        Value::number(row.estimate.and_then(|estimate| estimate.sd)),
        low,
        high,
        Value::number(paired.map(|paired| paired.difference.mean)),
        delta_low,
        delta_high,
        Value::number(paired.and_then(|paired| paired.dz)),
        Value::number(paired.map(|paired| paired.test.p)),
        Value::number(delta.and_then(|delta| delta.p_corrected)),
        count(paired.map(|paired| paired.wins)),
        count(paired.map(|paired| paired.losses)),
        Value::number(paired.and_then(|paired| paired.correlation)),
        Value::int(row.parameters),
        Value::text(row.conclusion()),
        Value::Int(row.planned as u64),
        count(paired.map(|paired| paired.difference.n)),
        Value::number(delta.map(|delta| delta.smallest_p)),
        Value::number(
            delta
                .filter(|delta| delta.p_corrected.is_some())
                .map(|delta| delta.smallest_p_corrected),
        ),
        delta.map_or(Value::Empty, |_| Value::text(correction.word())),
        Value::int(paired.and_then(|paired| paired.test.draws).map(u64::from)),
        Value::int(delta.and_then(|delta| delta.p_corrected_draws).map(u64::from)),
        Value::int(row.connected_parameters),
        Value::number(row.epochs),
        Value::number(row.compute_ratio),
        count(images.map(|images| images.n)),
        Value::number(images.map(|images| images.mean)),
        images_low,
        images_high,
        count(row.tuning.as_ref().map(|tuning| tuning.configurations)),
        Value::text(row.note.as_str()),
    ]);
    cells
}

/// Mean curves over the seeds, wide: an epoch has a mean where every finished run of the variant
/// reached it, since the mean over those that did not stop early would be another population's.
pub(super) fn curves(study: &ExperimentResults) -> Table<'_> {
    let several = study.plan.studies.len() > 1;
    let mut columns = columns(["epoch"]);
    let mut variants: Vec<Vec<&[EpochRow]>> = Vec::new();
    for planned in &study.plan.studies {
        for variant in &planned.variants {
            let prefix = if several { format!("{}.", planned.name) } else { String::new() };
            let name = format!("{prefix}{}", variant.name);
            columns.extend(
                ["train", "valid", "test"].map(|set| format!("{name}.{set}_nll_mean_nats")),
            );
            let finished = study
                .replicates(variant)
                .filter(|(_, _, record)| record.metric(Metric::ValidNll).is_some());
            variants.push(finished.map(|(_, _, record)| record.epochs.as_slice()).collect());
        }
    }
    let last = variants.iter().flatten().map(|epochs| epochs.len()).max().unwrap_or(0);
    let rows = (0..last).map(move |epoch| {
        let mut row = vec![Value::Int(epoch as u64 + 1)];
        for seeds in &variants {
            let here: Vec<&EpochRow> =
                seeds.iter().filter_map(|epochs| epochs.get(epoch)).collect();
            let mean = |of: fn(&EpochRow) -> f64| {
                let whole = !here.is_empty() && here.len() == seeds.len();
                Value::number(
                    whole.then(|| here.iter().map(|row| of(row)).sum::<f64>() / here.len() as f64),
                )
            };
            row.extend([
                mean(|r| r.train_nll_nats),
                mean(|r| r.valid_nll_nats),
                mean(|r| r.test_nll_nats),
            ]);
        }
        row
    });
    Table { columns, rows: Box::new(rows) }
}

fn timings(study: &ExperimentResults) -> Table<'_> {
    let axes = AxisColumns::of(&study.plan);
    let columns = header(&axes, TIMINGS);
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
            None => row.resize(axes.0.len() + 9, Value::Empty),
        }
        row
    });
    Table { columns, rows: Box::new(rows) }
}
