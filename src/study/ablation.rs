//! The ablation table: does a variant differ from the baseline, and could this study have told?
//!
//! One computation for `ablation.csv`, the terminal and the page. Comparisons are paired by seed, on the seeds that both
//! sides have; `docs/METHODOLOGY.md` gives the formulas.

use std::collections::BTreeMap;

use super::Study;
use super::scored::{Otherwise, Scored};
use super::tuning::Tuning;
use crate::plan::{Correction, Metric, PlannedVariant, RunId, RunSpec};
use crate::rng::{Purpose, Seed};
use crate::stats::{Estimate, Feasibility, Paired, holm, mean, seeds_needed, smallest_p};
use crate::store::{RunRecord, RunStatus};

/// The table of one study.
#[derive(Debug, Clone, PartialEq)]
pub struct Ablation {
    /// Name of the study.
    pub study: String,
    /// The number compared; lower is better.
    pub metric: Metric,
    /// Confidence level of every interval.
    pub level: f64,
    /// Correction over the comparisons.
    pub correction: Correction,
    /// Index of the baseline among the rows.
    pub baseline: Option<usize>,
    /// What this number of seeds and comparisons can show.
    pub feasibility: Feasibility,
    /// One row a variant, in expansion order.
    pub rows: Vec<AblationRow>,
}

/// A variant of a study, and how it compares.
#[derive(Debug, Clone, PartialEq)]
pub struct AblationRow {
    /// What differs from the baseline, for people.
    pub label: String,
    /// The same in ASCII.
    pub name: String,
    /// Level of each axis of the study.
    pub levels: Vec<String>,
    /// Seeds planned.
    pub planned: usize,
    /// Runs that failed or diverged.
    pub failed: usize,
    /// The metric over the finished runs, nats; `None` before the first.
    pub estimate: Option<Estimate>,
    /// The comparison with the baseline; `None` for the baseline and where no seed finished on both sides.
    pub delta: Option<Delta>,
    /// Trainable parameters.
    pub parameters: Option<u64>,
    /// Parameters that some mask lets through.
    pub connected_parameters: Option<u64>,
    /// Mean epochs trained.
    pub epochs: Option<f64>,
    /// Training compute relative to the baseline: parameters x epochs x training images.
    pub compute_ratio: Option<f64>,
    /// Mean wall time of a run; differs between executions, so it is in no table but `timings.csv`.
    pub seconds: Option<f64>,
    /// How what it was scored on differs from the baseline's.
    pub otherwise: Option<Otherwise>,
    /// How the variant came by its configuration; `None` where nothing is tuned.
    pub tuning: Option<Tuning>,
    /// The conclusion.
    pub verdict: Verdict,
    /// What a reader of the row must know; empty if nothing.
    pub note: String,
}

impl AblationRow {
    /// Whether it is one of the comparisons that a correction counts.
    pub fn is_compared(&self) -> bool {
        !matches!(self.verdict, Verdict::Baseline | Verdict::NotComparable)
    }
}

/// A variant minus the baseline, paired by seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delta {
    /// Difference, effect size, test and correlation.
    pub paired: Paired,
    /// p after the correction; `None` without one.
    pub p_corrected: Option<f64>,
    /// Smallest p that this number of pairs can give.
    pub smallest_p: f64,
    /// The same after the correction, every comparison at its smallest.
    pub smallest_p_corrected: f64,
    /// The difference over test images instead of seeds: the second source of error.
    pub images: Option<Estimate>,
}

/// The conclusion about a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is what the others are compared with.
    Baseline,
    /// Lower than the baseline, by evidence.
    Better,
    /// Higher than the baseline, by evidence.
    Worse,
    /// The test could have shown a difference and did not.
    NoEvidence,
    /// No outcome of these seeds could have shown a difference.
    TooFewSeeds,
    /// It was scored on other data than the baseline: there is no difference to speak of.
    NotComparable,
    /// No finished pair of runs yet.
    NoData,
    /// The study does not hold the baseline.
    NoBaseline,
}

impl Verdict {
    /// The words that tables show.
    pub fn words(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoEvidence => "no evidence",
            Self::TooFewSeeds => "too few seeds",
            Self::NotComparable => "not comparable",
            Self::NoData => "no data",
            Self::NoBaseline => "no baseline",
        }
    }
}

impl Study {
    /// The ablation table of every study, in order.
    pub fn ablations(&self) -> Vec<Ablation> {
        (0..self.plan.studies.len()).map(|index| self.ablation(index)).collect()
    }

    /// The metric of a run, if it finished.
    pub fn value(&self, run: &RunId) -> Option<f64> {
        self.records.get(run).and_then(|record| record.metric(self.plan.compare.metric))
    }

    /// The ablation table of the study with this index in the plan.
    ///
    /// # Panics
    /// If there is no such study.
    pub fn ablation(&self, index: usize) -> Ablation {
        let study = &self.plan.studies[index];
        let compare = &self.plan.compare;
        let baseline = self.baseline(study);
        let specs = self.plan.by_id();
        let row = |(v, variant)| self.row(index, v, variant, baseline, &specs);
        let mut rows: Vec<AblationRow> = study.variants.iter().enumerate().map(row).collect();
        let comparisons = rows.iter().filter(|row| row.is_compared()).count();
        let alpha = compare.alpha();
        let k = if compare.correction == Correction::Holm { comparisons } else { 1 };
        correct(&mut rows, compare.correction);
        for row in &mut rows {
            judge(row, alpha, k);
        }
        Ablation {
            study: study.name.clone(),
            metric: compare.metric,
            level: compare.level,
            correction: compare.correction,
            baseline,
            feasibility: Feasibility::of(self.plan.seeds.len(), k, alpha),
            rows,
        }
    }

    fn row(
        &self,
        study: usize,
        index: usize,
        variant: &PlannedVariant,
        baseline: Option<usize>,
        specs: &BTreeMap<&RunId, &RunSpec>,
    ) -> AblationRow {
        let level = self.plan.compare.level;
        let planned = &self.plan.studies[study];
        let values: Vec<f64> = variant.runs.iter().filter_map(|run| self.value(run)).collect();
        let reference = baseline.map(|base| &planned.variants[base]);
        // Without a baseline nothing is subtracted, and still no row may pass for a row of other data.
        let beside = reference.or(planned.variants.first());
        let otherwise = beside.and_then(|beside| {
            let scored = |variant| self.scored(variant, specs);
            let name = if reference.is_some() { "the baseline" } else { &beside.label };
            scored(variant)?.otherwise(&scored(beside)?, name)
        });
        let comparable = !matches!(otherwise, Some(Otherwise::Incomparable(_)));
        let delta = reference.filter(|_| baseline != Some(index) && comparable).and_then(|reference| {
            let (treated, control) = self.common(variant, reference);
            let mut stream = Seed(0).stream(Purpose::Statistics, index as u64);
            let paired = Paired::of(&treated, &control, level, || stream.bits())?;
            let floor = smallest_p(paired.difference.n);
            let images = self.images.get(&(study, index)).copied();
            Some(Delta { paired, p_corrected: None, smallest_p: floor, smallest_p_corrected: floor, images })
        });
        let compute = |variant| self.compute(variant, specs);
        let ratio = reference.and_then(|reference| ratio(compute(variant)?, compute(reference)?));
        let verdict = match baseline {
            None => Verdict::NoBaseline,
            Some(base) if base == index => Verdict::Baseline,
            Some(_) if !comparable => Verdict::NotComparable,
            Some(_) => Verdict::NoData,
        };
        let finished = || self.finished(variant);
        AblationRow {
            label: variant.label.clone(),
            name: variant.name.clone(),
            levels: variant.levels.clone(),
            planned: variant.runs.len(),
            failed: self.replicates(variant).filter(|(_, _, record)| is_lost(record)).count(),
            estimate: Estimate::of(&values, level),
            delta,
            parameters: finished().next().and_then(|record| Some(record.summary.as_ref()?.parameters)),
            connected_parameters: mean_count(finished().filter_map(|r| Some(r.summary.as_ref()?.connected_parameters))),
            epochs: mean_of(finished().filter_map(|record| Some(record.summary.as_ref()?.epochs as f64))),
            compute_ratio: ratio,
            seconds: mean_of(finished().filter_map(|record| Some(record.timing.as_ref()?.seconds))),
            otherwise,
            tuning: self.tuning(variant),
            verdict,
            note: String::new(),
        }
    }

    /// What a variant is scored on, by the first of its runs that says so.
    pub(super) fn scored<'a>(
        &'a self,
        variant: &'a PlannedVariant,
        specs: &BTreeMap<&RunId, &'a RunSpec>,
    ) -> Option<Scored<'a>> {
        let (_, run, record) = self.replicates(variant).max_by_key(|(_, _, record)| record.summary.is_some())?;
        Some(Scored::of(specs.get(run)?, record))
    }

    fn finished<'a>(&'a self, variant: &'a PlannedVariant) -> impl Iterator<Item = &'a RunRecord> {
        let records = self.replicates(variant).map(|(_, _, record)| record);
        records.filter(|record| record.status == RunStatus::Finished)
    }

    /// Values of two variants on the seeds that both finished.
    pub(super) fn common(&self, treated: &PlannedVariant, control: &PlannedVariant) -> (Vec<f64>, Vec<f64>) {
        let both = treated.runs.iter().zip(&control.runs);
        both.filter_map(|(treated, control)| Some((self.value(treated)?, self.value(control)?))).unzip()
    }

    /// Parameters x epochs of a variant's training, and its number of training images where that is stated.
    fn compute(&self, variant: &PlannedVariant, specs: &BTreeMap<&RunId, &RunSpec>) -> Option<(f64, Option<usize>)> {
        let work = |record: &RunRecord| record.summary.as_ref().map(|s| s.parameters as f64 * s.epochs as f64);
        let work = mean_of(self.finished(variant).filter_map(work))?;
        let spec = specs.get(variant.runs.first()?)?;
        Some((work, spec.config.data.train))
    }
}

fn ratio((work, images): (f64, Option<usize>), (reference, reference_images): (f64, Option<usize>)) -> Option<f64> {
    let images = match (images, reference_images) {
        (None, None) => 1.0,
        (Some(images), Some(reference)) => images as f64 / reference as f64,
        _ => return None,
    };
    Some(work / reference * images)
}

fn is_lost(record: &RunRecord) -> bool {
    matches!(record.status, RunStatus::Failed | RunStatus::Diverged)
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    mean(&values.collect::<Vec<_>>())
}

fn mean_count(values: impl Iterator<Item = u64>) -> Option<u64> {
    mean_of(values.map(|value| value as f64)).map(|mean| mean.round() as u64)
}

/// Corrects over the family as planned: a comparison that is missing counts as one that showed nothing.
fn correct(rows: &mut [AblationRow], correction: Correction) {
    if correction == Correction::None {
        return;
    }
    let family: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].is_compared()).collect();
    let over =
        |p: fn(&Delta) -> f64| holm(&family.iter().map(|&i| rows[i].delta.as_ref().map_or(1.0, p)).collect::<Vec<_>>());
    let (p, floor) = (over(|delta| delta.paired.test.p), over(|delta| delta.smallest_p));
    for (rank, &i) in family.iter().enumerate() {
        if let Some(delta) = &mut rows[i].delta {
            delta.p_corrected = Some(p[rank]);
            delta.smallest_p_corrected = floor[rank];
        }
    }
}

fn judge(row: &mut AblationRow, alpha: f64, comparisons: usize) {
    let mut notes = Vec::new();
    if let Some(Tuning { chosen, configurations, incomplete }) = &row.tuning {
        let provisional =
            if *incomplete > 0 { format!(", {incomplete} of them not complete yet") } else { String::new() };
        notes.push(format!("{chosen}: best on validation of {configurations} configurations{provisional}"));
    }
    if row.failed > 0 {
        notes.push(format!("{} of {} runs failed or diverged", row.failed, row.planned));
    }
    if let Some(Otherwise::Incomparable(note) | Otherwise::Noted(note)) = &row.otherwise {
        notes.push(note.clone());
    }
    if let Some(delta) = &row.delta {
        let pairs = delta.paired.difference.n;
        let p = delta.p_corrected.unwrap_or(delta.paired.test.p);
        row.verdict = match () {
            () if delta.smallest_p_corrected > alpha => Verdict::TooFewSeeds,
            () if p > alpha => Verdict::NoEvidence,
            () if delta.paired.difference.mean < 0.0 => Verdict::Better,
            () => Verdict::Worse,
        };
        if pairs < row.planned {
            notes.push(format!("compared on the {pairs} of {} seeds that both sides have", row.planned));
        }
        if let Some(draws) = delta.paired.test.draws {
            notes.push(format!("p from {draws} random sign flips, not all of them"));
        }
        if row.verdict == Verdict::TooFewSeeds {
            let floor = delta.smallest_p_corrected;
            let needed = seeds_needed(comparisons, alpha);
            notes.push(format!(
                "exploratory: with {pairs} paired {} no test could show a difference (smallest p {}); {needed} could",
                if pairs == 1 { "seed" } else { "seeds" },
                (floor * 1e4).round() / 1e4
            ));
        }
    }
    row.note = notes.join("; ");
}
