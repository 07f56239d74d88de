//! Tuned variants: of several configurations the best on validation stands for the variant.
//!
//! Nothing but the metric of validation decides, and it decides for all seeds together: the winner
//! has finished most seeds, and of those the best mean. What is then reported of it is of the
//! test set.

use std::collections::BTreeMap;

use super::ExperimentResults;
use crate::plan::{Plan, PlannedCandidate, PlannedVariant, RunId};
use crate::record::{RunRecord, RunStatus};
use crate::stats::mean;
use crate::trainer::Metric;

/// How a tuned variant came by its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// The tuned axes at their chosen levels, for people.
    pub chosen: String,
    /// Configurations that competed.
    pub configurations: usize,
    /// Number of them that still lack runs: with them the choice may be another.
    pub incomplete: usize,
}

/// Lets the best candidate of every tuned variant stand for it.
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

/// Seeds without a finished run, and the mean of the metric over the others; `None` where there is
/// none.
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
    /// How a variant came by its configuration; `None` where nothing is tuned.
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
