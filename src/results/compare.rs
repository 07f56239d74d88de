//! Comparison of two experiments, matched by study, variant and seed: runs whose values changed,
//! and settings that changed.

use std::collections::{BTreeMap, BTreeSet};

use super::ExperimentResults;
use super::setting_changes::{RunSettings, run_settings, setting_changes};
use crate::plan::{PlannedStudy, PlannedVariant, RunId, RunSpec};
use crate::rng::Seed;
use crate::stats::mean;
use crate::store::{RunRecord, RunStatus};
use crate::text::count;
use crate::trainer::{Metric, Otherwise, Program, Trainer};

/// Comparison of two experiments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExperimentComparison {
    /// Variants that both experiments have.
    pub variants: Vec<VariantComparison>,
    /// Labels of variants in only the first, and in only the second experiment.
    pub only_in: [Vec<String>; 2],
    /// Number of pairs of runs with the same values to the last bit. Here and below a run that
    /// several studies share counts once.
    pub n_identical: usize,
    /// Number of pairs of runs with other values.
    pub n_changed: usize,
    /// Number of runs that only one of the experiments plans.
    pub n_unpaired: usize,
    /// Settings that differ, as `path old -> new`, with the labels of the affected variants.
    pub settings: BTreeMap<String, Vec<String>>,
}

/// Changes of a variant from the first experiment to the second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariantComparison {
    /// Label of the variant, after the name of its study where an experiment has several.
    pub label: String,
    /// Number of seeds whose runs have bit-identical values, epochs included.
    pub n_identical: usize,
    /// Differences, second minus first, of the seeds whose runs have different values.
    pub differences: Vec<f64>,
    /// Values in the first and in the second experiment, of the seeds that have both.
    pub values: Vec<[f64; 2]>,
    /// Number of seeds that did not finish in both experiments.
    pub n_unfinished: usize,
    /// Reason why seeds are left out: both are scored on data whose values do not compare.
    pub incomparable: Option<String>,
}

impl VariantComparison {
    /// Number of seeds that are compared.
    pub fn n_seeds(&self) -> usize {
        self.n_identical + self.differences.len() + self.n_unfinished
    }

    /// Mean of the values in each experiment; `None` if there are none.
    pub fn means(&self) -> Option<[f64; 2]> {
        let mean = |i: usize| mean(&self.values.iter().map(|pair| pair[i]).collect::<Vec<_>>());
        Some([mean(0)?, mean(1)?])
    }

    /// Mean of the differences; `None` if there is none.
    pub fn mean_difference(&self) -> Option<f64> {
        let n = self.differences.len();
        (n > 0).then(|| self.differences.iter().sum::<f64>() / n as f64)
    }

    /// Difference that is farthest from zero.
    pub fn largest_difference(&self) -> Option<f64> {
        self.differences.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()))
    }

    fn add(&mut self, change: Change) {
        match change {
            Change::Identical => self.n_identical += 1,
            Change::Difference(difference) => self.differences.push(difference),
            Change::Unfinished => self.n_unfinished += 1,
        }
    }
}

impl ExperimentComparison {
    /// Sentences on everything but the values: what only one of the experiments has, what is not
    /// compared, and which settings changed; `names` are those of the experiments.
    pub fn remarks(&self, names: [&str; 2]) -> Vec<String> {
        let mut remarks = Vec::new();
        let only_in = names.into_iter().zip(&self.only_in);
        for (name, labels) in only_in.filter(|(_, labels)| !labels.is_empty()) {
            remarks.push(format!("only in {name}: {}", labels.join("; ")));
        }
        for row in &self.variants {
            let why = row.incomparable.iter();
            remarks.extend(why.map(|why| format!("not compared: {}: {why}", row.label)));
        }
        if self.n_unpaired > 0 {
            remarks.push(format!("{} planned by one of them alone", count(self.n_unpaired, "run")));
        }
        for (setting, variants) in &self.settings {
            let all = variants.len() == self.variants.len();
            let which = if all { "every variant".to_owned() } else { variants.join("; ") };
            remarks.push(format!("{setting}: {which}"));
        }
        let (identical, changed) = (count(self.n_identical, "run"), self.n_changed);
        remarks.push(format!("{identical} identical, {changed} changed"));
        remarks
    }
}

/// Change of a run from the first experiment to the second.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// None, to the last bit.
    Identical,
    /// Second minus first.
    Difference(f64),
    /// The run did not finish in both.
    Unfinished,
}

impl Change {
    fn of(first: &RunRecord, second: &RunRecord, metric: &Metric) -> Self {
        let finished = first.status == RunStatus::Finished && second.status == RunStatus::Finished;
        let identical = first.summary == second.summary && first.epochs == second.epochs;
        match (metric.of(first), metric.of(second)) {
            _ if finished && identical => Self::Identical,
            (Some(first), Some(second)) => Self::Difference(second - first),
            _ => Self::Unfinished,
        }
    }
}

/// Reason why two experiments cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Their `[compare] metric` differs.
    #[error("they compare different numbers: see [compare] metric of each")]
    OtherMetric,
    /// Both use data of the same name, whose content changed between them.
    #[error(
        "not compared: the {examples} of {data}, or their division, have changed between {} and {}, so that their {family} \
         are of other {examples} ({variants}); sweep both on the same content",
        experiments[0],
        experiments[1]
    )]
    OtherContent {
        /// Name of the data set.
        data: String,
        /// The trainer's word for examples.
        examples: String,
        /// The trainer's word for its metrics.
        family: String,
        /// Names of the experiments.
        experiments: [String; 2],
        /// Variants that are scored on these data.
        variants: String,
    },
}

/// Compares two experiments, run by run.
#[expect(clippy::result_large_err, reason = "one error for each command")]
pub fn compare(
    first: &ExperimentResults,
    second: &ExperimentResults,
) -> Result<ExperimentComparison, CompareError> {
    let (ours, theirs) = (first.metric(), second.metric());
    if first.plan.compare.metric != second.plan.compare.metric
        || (&ours.unit, ours.better) != (&theirs.unit, theirs.better)
    {
        return Err(CompareError::OtherMetric);
    }
    let mut pairing = Pairing {
        specs: [first.plan.by_id(), second.plan.by_id()],
        programs: [first.plan.program_identity(), second.plan.program_identity()],
        comparison: ExperimentComparison::default(),
        other_content: BTreeMap::new(),
        changes: BTreeMap::new(),
        unpaired: [BTreeSet::new(), BTreeSet::new()],
    };
    let single = first.plan.studies.len() == 1 && second.plan.studies.len() == 1;
    let label = |study: &PlannedStudy, variant: &PlannedVariant| match single {
        true => variant.label.clone(),
        false => format!("{}: {}", study.name, variant.label),
    };
    let matches = |study: &PlannedStudy, other: &PlannedStudy| single || study.name == other.name;
    for study in &first.plan.studies {
        let there = second.plan.studies.iter().find(|other| matches(study, other));
        for variant in &study.variants {
            let of_label = |other: &&PlannedVariant| other.label == variant.label;
            match there.and_then(|there| there.variants.iter().find(of_label)) {
                Some(other) => {
                    pairing.variant(label(study, variant), (first, variant), (second, other));
                }
                None => pairing.comparison.only_in[0].push(label(study, variant)),
            }
        }
    }
    for study in &second.plan.studies {
        let there = first.plan.studies.iter().find(|other| matches(study, other));
        let is_there = |variant: &PlannedVariant| {
            there.is_some_and(|there| there.variants.iter().any(|v| v.label == variant.label))
        };
        let only = study.variants.iter().filter(|variant| !is_there(variant));
        pairing.comparison.only_in[1].extend(only.map(|variant| label(study, variant)));
    }
    pairing.count();
    match pairing.other_content.pop_first() {
        None => Ok(pairing.comparison),
        Some((data, variants)) => {
            let all = variants.len() == pairing.comparison.variants.len();
            Err(CompareError::OtherContent {
                data,
                examples: first.metrics().examples.clone(),
                family: first.metrics().word(first.metric()).to_owned(),
                experiments: [first.plan.name.clone(), second.plan.name.clone()],
                variants: if all {
                    "every variant".to_owned()
                } else {
                    variants.into_iter().collect::<Vec<_>>().join("; ")
                },
            })
        }
    }
}

/// A comparison in progress.
struct Pairing<'a> {
    /// Runs of both experiments.
    /// Programs of both experiments, if their runs are of one.
    programs: [Option<&'a Program>; 2],
    specs: [BTreeMap<&'a RunId, &'a RunSpec>; 2],
    comparison: ExperimentComparison,
    /// Data sets whose content differs under the same settings, with the labels of the variants
    /// that are scored on them.
    other_content: BTreeMap<String, BTreeSet<String>>,
    /// Pairs of runs that are compared, each once however many studies share it.
    changes: BTreeMap<(&'a RunId, &'a RunId), Change>,
    /// Runs of variants that both have, without a run of the same seed in the other.
    unpaired: [BTreeSet<&'a RunId>; 2],
}

impl<'a> Pairing<'a> {
    fn variant(
        &mut self,
        label: String,
        (first, ours): (&'a ExperimentResults, &'a PlannedVariant),
        (second, theirs): (&'a ExperimentResults, &'a PlannedVariant),
    ) {
        let (metric, trainer) = (first.metric(), &first.trainer);
        let mut found = VariantComparison { label, ..Default::default() };
        let mut there: BTreeMap<Seed, (&RunId, &RunRecord)> = second
            .replicates(theirs)
            .map(|(seed, run, record)| (seed, (run, record)))
            .collect();
        let mut changed = BTreeSet::new();
        for (seed, run, a) in first.replicates(ours) {
            let Some((other, b)) = there.remove(&seed) else {
                self.unpaired[0].insert(run);
                continue;
            };
            let (Some(ours), Some(theirs)) = (self.specs[0].get(run), self.specs[1].get(other))
            else {
                continue;
            };
            let programs = self.programs;
            let pair = [(*ours, programs[0]), (*theirs, programs[1])];
            changed.extend(differing_settings(pair, &**trainer));
            let (scored, reference) = (theirs.scored(Some(b)), ours.scored(Some(a)));
            if trainer.content_differs(&scored, &reference) {
                let name = trainer.data_name(&ours.config);
                self.other_content.entry(name).or_default().insert(found.label.clone());
            }
            match trainer.otherwise(&scored, &reference, &first.plan.name) {
                Some(Otherwise::Incomparable(why)) => found.incomparable = Some(why),
                _ => {
                    let change = Change::of(a, b, metric);
                    found.add(change);
                    found.values.extend(metric.of(a).zip(metric.of(b)).map(|(a, b)| [a, b]));
                    self.changes.insert((run, other), change);
                }
            }
        }
        self.unpaired[1].extend(there.into_values().map(|(run, _)| run));
        for setting in changed {
            self.comparison.settings.entry(setting).or_default().push(found.label.clone());
        }
        self.comparison.variants.push(found);
    }

    /// Counts pairs of runs, and runs without a partner, each once.
    fn count(&mut self) {
        let n =
            |is: fn(&Change) -> bool| self.changes.values().filter(|&change| is(change)).count();
        self.comparison.n_identical = n(|change| matches!(change, Change::Identical));
        self.comparison.n_changed = n(|change| matches!(change, Change::Difference(_)));
        self.comparison.n_unpaired = self.unpaired.iter().map(BTreeSet::len).sum();
    }
}

/// Returns the settings that differ between two runs; if only their identities differ, the versions
/// that made them.
fn differing_settings(
    runs: [(&RunSpec, Option<&Program>); 2],
    trainer: &dyn Trainer,
) -> Vec<String> {
    if runs[0].0.id == runs[1].0.id {
        return Vec::new();
    }
    let [a, b] = runs.map(|(spec, program)| -> RunSettings {
        let mut settings = run_settings(spec, program, trainer);
        settings.remove("seed");
        settings
    });
    let changes = setting_changes(&a, &b);
    if changes.is_empty() {
        vec!["the same settings under another engine version".to_owned()]
    } else {
        changes
    }
}
