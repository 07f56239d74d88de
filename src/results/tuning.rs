//! Selection of tuned variants: of several configurations, the best on validation represents the
//! variant.
//!
//! Only the validation metric decides, and for all seeds together: the selected candidate has the
//! most finished seeds and, among those, the best mean. Its results are then reported on the test
//! set.

use std::collections::BTreeMap;

use super::ExperimentResults;
use crate::plan::{Plan, PlannedCandidate, PlannedStudy, PlannedVariant, RunId};
use crate::record::{RunRecord, RunStatus};
use crate::stats::mean;
use crate::trainer::Metric;

/// Selection of a tuned variant's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// Selected levels of the tuned axes, for people.
    pub chosen: String,
    /// Number of candidate configurations.
    pub configurations: usize,
    /// Number of candidates with outstanding runs, which may still change the selection.
    pub incomplete: usize,
    /// Sentences on selected numbers that no candidate exceeds or none falls below: `lr 0.01 is the
    /// largest tried`. A better one may lie beyond.
    pub at_the_end: Vec<String>,
}

/// Replaces every tuned variant by its best candidate.
pub(super) fn choose(plan: &mut Plan, records: &BTreeMap<RunId, RunRecord>, metric: &Metric) {
    for variant in plan.studies.iter_mut().flat_map(|study| &mut study.variants) {
        let scores = variant
            .candidates
            .iter()
            .enumerate()
            .filter_map(|(i, candidate)| Some((score(candidate, records, metric)?, i)));
        let best = scores.min_by(|((lost_a, a), _), ((lost_b, b), _)| {
            lost_a.cmp(lost_b).then(metric.better.order(*a, *b))
        });
        if let Some((_, best)) = best {
            let best = &variant.candidates[best];
            (variant.runs, variant.levels) = (best.runs.clone(), best.levels.clone());
        }
    }
}

/// Number of seeds without a finished run, and the mean of the metric over the others; `None` if
/// there are none.
fn score(
    candidate: &PlannedCandidate,
    records: &BTreeMap<RunId, RunRecord>,
    metric: &Metric,
) -> Option<(usize, f64)> {
    let valid = candidate
        .runs
        .iter()
        .filter_map(|run| metric.of(records.get(run)?))
        .collect::<Vec<_>>();
    Some((candidate.runs.len() - valid.len(), mean(&valid)?))
}

impl ExperimentResults {
    /// Selection of the configuration of a study's variant; `None` if nothing is tuned.
    pub fn tuning(&self, study: &PlannedStudy, variant: &PlannedVariant) -> Option<Tuning> {
        let chosen = variant.candidates.iter().find(|candidate| candidate.runs == variant.runs)?;
        let lacks = |candidate: &&PlannedCandidate| {
            candidate
                .runs
                .iter()
                .any(|run| self.records[run].status == RunStatus::Outstanding)
        };
        let incomplete = variant.candidates.iter().filter(lacks).count();
        Some(Tuning {
            chosen: chosen.label.clone(),
            configurations: variant.candidates.len(),
            incomplete,
            at_the_end: (0..study.axes.len())
                .filter(|&axis| study.axes[axis].tune)
                .filter_map(|axis| end_of_range(study, variant, chosen, axis))
                .collect(),
        })
    }
}

/// Sentence on the selected level of a tuned axis if it is an end of the variant's range; `None` if
/// it is not, or if the levels are no numbers and so have no ends.
fn end_of_range(
    study: &PlannedStudy,
    variant: &PlannedVariant,
    chosen: &PlannedCandidate,
    axis: usize,
) -> Option<String> {
    let tried: Vec<f64> = variant
        .candidates
        .iter()
        .map(|candidate| candidate.levels[axis].parse().ok())
        .collect::<Option<_>>()?;
    let level = chosen.levels[axis].as_str();
    let own: f64 = level.parse().ok()?;
    let (is_smallest, is_largest) =
        (tried.iter().all(|other| own <= *other), tried.iter().all(|other| own >= *other));
    let end = match (is_smallest, is_largest) {
        (true, false) => "smallest",
        (false, true) => "largest",
        // All are equal, or the selected one is between others.
        _ => return None,
    };
    Some(format!("{} {level} is the {end} tried", study.axes[axis].column))
}
