//! Selection of tuned variants: of several configurations, the best on validation represents the
//! variant.
//!
//! Only the validation metric decides, and for all seeds together: the selected candidate has the
//! most finished seeds and, among those, the best mean. Its results are then reported on the test
//! set.

use std::collections::BTreeMap;

use super::ExperimentResults;
use crate::plan::{Plan, PlannedCandidate, PlannedVariant, RunId};
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
    /// Selection of a variant's configuration; `None` if nothing is tuned.
    pub fn tuning(&self, variant: &PlannedVariant) -> Option<Tuning> {
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
        })
    }
}
