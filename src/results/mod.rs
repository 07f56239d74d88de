//! A study as it stands: its plan joined with what is on disk. Tables, figures and comparisons
//! start here.

pub mod ablation;
mod cell;
pub mod checklist;
pub mod compare;
pub mod difference;
mod effect_table;
pub mod effects;
mod examples;
pub mod setting_changes;
pub mod tables;
pub mod tuning;
mod xlsx;

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::plan::{Plan, PlannedStudy, PlannedVariant, RunId};
use crate::rng::Seed;
use crate::stats::Estimate;
use crate::store::{RunRecord, RunStatus, Store, StoreError};
use crate::text::{nearest, some_of};
use crate::trainer::{Metric, Metrics, Trainer};

/// A plan and the records of its runs.
#[derive(Debug, Clone)]
pub struct ExperimentResults {
    /// The trainer of its runs.
    pub trainer: Arc<dyn Trainer>,
    /// What was asked.
    pub plan: Plan,
    /// What is known of every run of the plan.
    pub records: BTreeMap<RunId, RunRecord>,
    /// Difference to the baseline over the test examples, by study and variant (indices into the
    /// plan): the second source of error, present where runs left the metric for each example.
    pub examples: BTreeMap<(usize, usize), Estimate>,
    /// Runs whose values for each test example cannot be read, with the reason: the rows that need
    /// them have no interval over the examples.
    pub unread_examples: BTreeMap<RunId, String>,
}

/// One run in the place where a study uses it.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// The study that uses it.
    pub study: &'a PlannedStudy,
    /// The variant it replicates, or competes to be.
    pub variant: &'a PlannedVariant,
    /// Level of each axis of the study.
    pub levels: &'a [String],
    /// Its seed.
    pub seed: Seed,
    /// Its identity.
    pub run: &'a RunId,
    /// What is known of it.
    pub record: &'a RunRecord,
}

/// A label that no variant of the experiment has.
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
    /// The closest label there is.
    pub nearest: Option<String>,
}

impl ExperimentResults {
    /// Joins a plan with the disk. Damaged runs are moved aside and count as outstanding; see
    /// [`ExperimentResults::damaged`].
    pub fn load(store: &Store, plan: Plan) -> Result<Self, StoreError> {
        let read = |run: &RunId| Ok((run.clone(), store.record(run)?));
        let records = plan
            .runs
            .par_iter()
            .map(|run| read(&run.id))
            .collect::<Result<_, StoreError>>()?;
        let mut study = Self::new(Arc::clone(store.trainer()), plan, records);
        let differences = examples::differences(&study, store)?;
        study.examples = differences.estimates;
        study.unread_examples = differences.unread;
        Ok(study)
    }

    /// A plan with records that are known already; a run without a record is outstanding.
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
        let (examples, unread_examples) = (BTreeMap::new(), BTreeMap::new());
        Self { trainer, plan, records, examples, unread_examples }
    }

    /// What the runs report.
    pub fn metrics(&self) -> &Metrics {
        self.trainer.metrics()
    }

    /// The metric that comparisons are about; the first one if the plan names none that there is.
    pub fn metric(&self) -> &Metric {
        let metrics = self.metrics();
        metrics.get(&self.plan.compare.metric).unwrap_or(&metrics.all[0])
    }

    /// Every use of a run, by study, variant, candidate and seed as declared: the order of every
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

    /// The runs of a variant by seed; of a tuned one, those of the chosen configuration.
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

    /// True if every run of two variants that finished on both sides has the same epochs and
    /// numbers to the last bit.
    pub fn is_identical(&self, variant: &PlannedVariant, reference: &PlannedVariant) -> bool {
        let pairs = || {
            variant
                .runs
                .iter()
                .zip(&reference.runs)
                .map(|(a, b)| (&self.records[a], &self.records[b]))
        };
        let both = || {
            pairs()
                .filter(|(a, b)| a.status == RunStatus::Finished && b.status == RunStatus::Finished)
        };
        both().next().is_some()
            && both().all(|(a, b)| a.epochs == b.epochs && a.summary == b.summary)
    }

    /// Runs whose files were found damaged, with what was wrong.
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

    /// Index of the variant that the others of a study are compared with: `[compare] baseline`
    /// where the study has a variant of that label or name, the study's own otherwise.
    pub fn baseline(&self, study: &PlannedStudy) -> Option<usize> {
        let wanted = self.plan.compare.baseline.as_deref();
        let chosen = wanted.and_then(|label| {
            study.variants.iter().position(|v| v.label == label || v.name == label)
        });
        chosen.or(study.baseline)
    }
}

/// Makes every comparison of a plan one with the variant of this label or name. Before loading,
/// since the images' interval is computed then.
pub fn set_baseline(plan: &mut Plan, label: &str) -> Result<(), UnknownBaseline> {
    let variants = || plan.studies.iter().flat_map(|study| &study.variants);
    if !variants().any(|variant| variant.label == label || variant.name == label) {
        let names = variants().flat_map(|variant| [&variant.label, &variant.name]);
        let nearest = nearest(label, names.map(String::as_str)).map(str::to_owned);
        let known = some_of(variants().map(|variant| variant.name.as_str()));
        return Err(UnknownBaseline { label: label.to_owned(), known, nearest });
    }
    plan.compare.baseline = Some(label.to_owned());
    Ok(())
}
