//! Results of an experiment: its plan joined with the records on disk. Tables, figures and
//! comparisons are computed from them.

pub mod ablation;
mod axis_columns;
pub mod best;
mod block_table;
pub mod blocks;
mod cell;
pub mod checklist;
pub mod compare;
pub mod comparison_table;
pub mod crossed;
pub mod difference;
mod effect_table;
pub mod effects;
mod equivalence;
mod examples;
mod external;
pub mod outlook;
pub mod paper;
pub mod past;
pub mod setting_changes;
pub mod shapley;
mod sheet;
mod study_runs;
pub mod tables;
pub mod tuning;
mod xlsx;

use std::collections::BTreeMap;
use std::sync::Arc;

use past::Past;
use rayon::prelude::*;

use crate::plan::{Plan, PlannedStudy, PlannedVariant, RunId};
use crate::rng::Seed;
use crate::stats::{Crossed, Estimate};
use crate::store::{RunRecord, RunStatus, Store, StoreError};
use crate::text::{count, nearest, some_of};
use crate::trainer::{Metric, Metrics, Trainer};

/// A plan and the records of its runs.
#[derive(Debug, Clone)]
pub struct ExperimentResults {
    /// The trainer of its runs.
    pub trainer: Arc<dyn Trainer>,
    /// Plan of the experiment.
    pub plan: Plan,
    /// Record of every run of the plan.
    pub records: BTreeMap<RunId, RunRecord>,
    /// Difference to the baseline over the test examples, by study and variant (indices into the
    /// plan): the second source of error, present if runs saved the metric of each example.
    pub examples: BTreeMap<(usize, usize), Estimate>,
    /// The same difference over seeds and test examples at once.
    pub crossed: BTreeMap<(usize, usize), Crossed>,
    /// Runs whose values for each test example cannot be read, with the reason: the rows that need
    /// them have no interval over the examples.
    pub unread_examples: BTreeMap<RunId, String>,
    /// Past of each study, as the store knows it; absent without a store.
    pub past: Option<Past>,
}

/// A run as a study uses it.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// Study that uses it.
    pub study: &'a PlannedStudy,
    /// Variant of which it is a replicate or a candidate.
    pub variant: &'a PlannedVariant,
    /// Level of each axis of the study.
    pub levels: &'a [String],
    /// Seed.
    pub seed: Seed,
    /// Id of the run.
    pub run: &'a RunId,
    /// Record of the run.
    pub record: &'a RunRecord,
}

/// Error: no variant of the experiment has this label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no variant `{label}` to compare with{}",
    nearest.as_ref().map_or(format!(", of {known}"), |name| format!("; did you mean `{name}`?"))
)]
pub struct UnknownBaseline {
    /// The label.
    pub label: String,
    /// Names of the variants there are.
    pub known: String,
    /// Most similar existing label.
    pub nearest: Option<String>,
}

impl ExperimentResults {
    /// Joins a plan with the disk. Damaged runs count as outstanding; see
    /// [`ExperimentResults::damaged`].
    pub fn load(store: &Store, plan: Plan) -> Result<Self, StoreError> {
        let mut study = Self::load_runs(store, plan)?;
        study.past = Some(study.past_on_disk(store)?);
        Ok(study)
    }

    /// Joins a plan with the disk, but for its past.
    fn load_runs(store: &Store, plan: Plan) -> Result<Self, StoreError> {
        let store = &store.of(&plan)?;
        let mut study = Self::load_records(store, plan)?;
        let differences = examples::differences(&study, store)?;
        study.examples = differences.estimates;
        study.crossed = differences.crossed;
        study.unread_examples = differences.unread;
        Ok(study)
    }

    /// Joins a plan with the records of its runs alone: nothing is compared by test examples.
    pub fn load_records(store: &Store, plan: Plan) -> Result<Self, StoreError> {
        let store = &store.of(&plan)?;
        let read = |run: &RunId| Ok((run.clone(), store.record(run)?));
        let records = plan
            .runs
            .par_iter()
            .map(|run| read(&run.id))
            .collect::<Result<_, StoreError>>()?;
        Ok(Self::new(Arc::clone(store.trainer()), plan, records))
    }

    /// Joins a plan with given records; a run without a record is outstanding.
    pub fn new(
        trainer: Arc<dyn Trainer>,
        mut plan: Plan,
        mut records: BTreeMap<RunId, RunRecord>,
    ) -> Self {
        for run in plan
            .studies
            .iter()
            .flat_map(|study| &study.variants)
            .flat_map(PlannedVariant::all_runs)
        {
            if !records.contains_key(run) {
                records.insert(run.clone(), RunRecord::outstanding());
            }
        }
        tuning::choose(&mut plan, &records, trainer.metrics().select());
        Self {
            trainer,
            plan,
            records,
            examples: BTreeMap::new(),
            crossed: BTreeMap::new(),
            unread_examples: BTreeMap::new(),
            past: None,
        }
    }

    /// Declarations of the values that runs report.
    pub fn metrics(&self) -> &Metrics {
        self.trainer.metrics_of(&mut self.plan.runs.iter().map(|run| &run.config))
    }

    /// Compared metric; the first one if the plan names none that exists.
    pub fn metric(&self) -> &Metric {
        let metrics = self.metrics();
        metrics.get(&self.plan.compare.metric).unwrap_or(&metrics.all[0])
    }

    /// All uses of runs, ordered by study, variant, candidate and seed as declared, as in every
    /// table.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let variants = self
            .plan
            .studies
            .iter()
            .flat_map(|study| study.variants.iter().map(move |v| (study, v)));
        let configurations = variants.flat_map(|(study, variant)| {
            let own = Some((variant.levels.as_slice(), &variant.runs))
                .filter(|_| variant.candidates.is_empty());
            let candidates = variant.candidates.iter().map(|c| (c.levels.as_slice(), &c.runs));
            own.into_iter()
                .chain(candidates)
                .map(move |(levels, runs)| (study, variant, levels, runs))
        });
        configurations.flat_map(|(study, variant, levels, runs)| {
            let seeds = self.plan.seeds.iter().zip(runs);
            let record = |run| &self.records[run];
            seeds.map(move |(seed, run)| Cell {
                study,
                variant,
                levels,
                seed: *seed,
                run,
                record: record(run),
            })
        })
    }

    /// Runs of a variant by seed; of a tuned one, those of the selected configuration.
    pub fn replicates<'a>(
        &'a self,
        variant: &'a PlannedVariant,
    ) -> impl Iterator<Item = (Seed, &'a RunId, &'a RunRecord)> {
        self.plan
            .seeds
            .iter()
            .zip(&variant.runs)
            .map(|(seed, run)| (*seed, run, &self.records[run]))
    }

    /// True if all runs that finished in both of two variants, seed by seed, have bit-identical
    /// epochs and values.
    fn are_identical(&self, own: &[&RunRecord], reference: &[&RunRecord]) -> bool {
        let both = || {
            own.iter()
                .zip(reference)
                .filter(|(a, b)| a.status == RunStatus::Finished && b.status == RunStatus::Finished)
        };
        both().next().is_some() && both().all(|(a, b)| self.same_values(a, b))
    }

    /// True if two runs have bit-identical epochs and values; of runs of a program the metrics count
    /// alone, because a summary also names versions of other programs.
    fn same_values(&self, a: &RunRecord, b: &RunRecord) -> bool {
        let values = |record: &RunRecord| -> Vec<Option<u64>> {
            let metrics = self.metrics().all.iter();
            metrics.map(|metric| metric.of(record).map(f64::to_bits)).collect()
        };
        match self.plan.program {
            Some(_) => self.metric().of(a).is_some() && values(a) == values(b),
            None => a.summary == b.summary && a.epochs == b.epochs,
        }
    }

    /// Sentences on what the finished runs do not have in common, though one program is compared:
    /// the executable and the versions that were recorded.
    pub fn mixtures(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (fact, what) in [
            ("executable", "executables"),
            ("versions", "outputs of program.versions"),
            ("gpu", "GPUs"),
        ] {
            let mut values: BTreeMap<&str, usize> = BTreeMap::new();
            for summary in self.records.values().filter_map(|record| record.summary.as_ref()) {
                if let Some(value) = summary.facts.get(fact).and_then(|value| value.as_str()) {
                    *values.entry(value).or_default() += 1;
                }
            }
            if values.len() > 1 {
                let each: Vec<String> = values
                    .iter()
                    .map(|(value, n)| format!("{value} ({})", count(*n, "run")))
                    .collect();
                found.push(format!("the runs mix {what}: {}", each.join(", ")));
            }
        }
        found
    }

    /// Runs whose files are damaged, with the problem.
    pub fn damaged(&self) -> impl Iterator<Item = (&RunId, &str)> {
        let outstanding = self
            .records
            .iter()
            .filter(|(_, record)| record.status == RunStatus::Outstanding);
        outstanding.filter_map(|(run, record)| Some((run, record.error.as_deref()?)))
    }

    /// Runs that a sweep checks by checksum, with the reason: those found damaged, and those whose
    /// values for the test examples cannot be read.
    pub fn suspects(&self) -> impl Iterator<Item = (&RunId, &str)> {
        let unread = self.unread_examples.iter().map(|(run, reason)| (run, reason.as_str()));
        self.damaged().chain(unread)
    }

    /// Index of the variant with which the others of a study are compared: `[compare] baseline` if
    /// the study has a variant of that label or name, otherwise the study's own baseline.
    pub fn baseline(&self, study: &PlannedStudy) -> Option<usize> {
        baseline_of(&self.plan, study)
    }

    /// Index of the variant with which each variant of a study is compared: that of its block, or
    /// of the study.
    pub fn references(&self, study: &PlannedStudy) -> Vec<Option<usize>> {
        study.references(&study.blocks(&self.plan.compare.within, self.baseline(study)))
    }
}

/// Index of the variant with which the others of a study of the plan are compared.
pub fn baseline_of(plan: &Plan, study: &PlannedStudy) -> Option<usize> {
    let wanted = plan.compare.baseline.as_deref();
    let chosen = wanted.and_then(|label| study.variants.iter().position(|v| v.is_called(label)));
    chosen.or(study.baseline)
}

/// Sets the baseline of all comparisons to the variant of this label or name. To be called before
/// loading, which computes the intervals over examples.
pub fn set_baseline(plan: &mut Plan, label: &str) -> Result<(), UnknownBaseline> {
    let variants = || plan.studies.iter().flat_map(|study| &study.variants);
    if !variants().any(|variant| variant.is_called(label)) {
        let names = variants().flat_map(|variant| [&variant.label, &variant.name]);
        let nearest = nearest(label, names.map(String::as_str)).map(str::to_owned);
        let known = some_of(variants().map(|variant| variant.name.as_str()));
        return Err(UnknownBaseline { label: label.to_owned(), known, nearest });
    }
    plan.compare.baseline = Some(label.to_owned());
    Ok(())
}
