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
        let is_chosen = |candidate: &PlannedCandidate| candidate.runs == variant.runs;
        let at = variant.candidates.iter().position(is_chosen)?;
        let lacks = |candidate: &&PlannedCandidate| {
            candidate
                .runs
                .iter()
                .any(|run| self.records[run].status == RunStatus::Outstanding)
        };
        let incomplete = variant.candidates.iter().filter(lacks).count();
        Some(Tuning {
            chosen: variant.candidates[at].label.clone(),
            configurations: variant.candidates.len(),
            incomplete,
            at_the_end: (0..study.axes.len())
                .filter(|&axis| study.axes[axis].tune)
                .flat_map(|axis| self.ends_of_range(study, variant, at, axis))
                .collect(),
        })
    }

    /// Sentences on the selected level of a tuned axis, if it is an end of the variant's range; of a
    /// zipped group on each of its settings.
    fn ends_of_range(
        &self,
        study: &PlannedStudy,
        variant: &PlannedVariant,
        selected: usize,
        index: usize,
    ) -> Vec<String> {
        let axis = &study.axes[index];
        if self.trainer.settings().find(&axis.path).is_some() {
            let levels: Vec<&str> = (variant.candidates.iter())
                .map(|candidate| candidate.levels[index].as_str())
                .collect();
            return end_of_range(&axis.column, &levels, selected).into_iter().collect();
        }
        // What the candidates' runs do not have in common, and no other axis sets, is of the group.
        let specs = self.plan.by_id();
        let settings: Vec<BTreeMap<String, String>> = (variant.candidates.iter())
            .filter_map(|candidate| {
                let spec = specs.get(candidate.runs.first()?)?;
                Some(spec.config.leaves().into_iter().map(|(k, v)| (k, v.to_string())).collect())
            })
            .collect();
        let Some(own) = settings.get(selected) else { return Vec::new() };
        let of_other_axis = |path: &str| study.axes.iter().any(|other| other.path == path);
        own.keys()
            .filter(|path| !of_other_axis(path))
            .filter_map(|path| {
                let levels: Option<Vec<&str>> =
                    settings.iter().map(|other| other.get(path).map(String::as_str)).collect();
                end_of_range(path, &levels?, selected)
            })
            .collect()
    }
}

/// Sentence on the selected one of the levels that a variant tried, if it is an end of their range;
/// `None` if it is not, or if the levels are no numbers and so have no ends.
fn end_of_range(name: &str, levels: &[&str], selected: usize) -> Option<String> {
    let tried: Vec<f64> = levels.iter().map(|level| level.parse().ok()).collect::<Option<_>>()?;
    let own = tried[selected];
    let (is_smallest, is_largest) =
        (tried.iter().all(|other| own <= *other), tried.iter().all(|other| own >= *other));
    let end = match (is_smallest, is_largest) {
        (true, false) => "smallest",
        (false, true) => "largest",
        // All are equal, or the selected one is between others.
        _ => return None,
    };
    Some(format!("{name} {} is the {end} tried", levels[selected]))
}
