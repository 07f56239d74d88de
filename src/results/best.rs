//! Variants of a study that may be the best of it: all but those that a test rules out.
//! `docs/reference/methodology.md` has the definition.

use super::ExperimentResults;
use super::study_runs::StudyRuns;
use crate::rng::{Purpose, Seed};
use crate::stats::{best_set, seeds_to_leave_best_set};
use crate::text::{count, short};
use crate::trainer::Better;

/// Index of the random stream for its sign vectors.
const BEST_SIGNS: u64 = u64::MAX - 1;

/// Number of variants up to which the set is computed: its work grows with the square.
pub(super) const MOST_VARIANTS: usize = 200;

/// Number of labels that a sentence lists.
const MOST_LABELS: usize = 12;

/// State of the set of variants that may be the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Best {
    /// It is known, and each compared variant is in it or not.
    Known {
        /// Level of the tests that rule variants out.
        alpha: f64,
        /// Number of seeds with a value.
        seeds: usize,
        /// Number of sign vectors drawn for each test; `None` if all were enumerated.
        draws: Option<u32>,
    },
    /// Fewer than two variants have comparable values.
    NothingToCompare,
    /// Each of several blocks has a set of its own.
    OfBlocks,
    /// Runs are outstanding that may change it.
    Incomplete,
    /// There are more variants than it is computed for.
    TooMany,
}

impl ExperimentResults {
    /// Tests each of these variants of a study against all others; true for those that may be the
    /// best.
    pub(super) fn best(&self, runs: &StudyRuns, contenders: &[usize]) -> (Best, Vec<bool>) {
        if contenders.len() < 2 {
            return (Best::NothingToCompare, Vec::new());
        }
        if contenders.len() > MOST_VARIANTS {
            return (Best::TooMany, Vec::new());
        }
        let sign = match self.metric().better {
            Better::Lower => 1.0,
            Better::Higher => -1.0,
        };
        let values = |&i: &usize| -> Vec<Option<f64>> {
            runs.values(i).iter().map(|value| value.map(|value| sign * value)).collect()
        };
        let values: Vec<Vec<Option<f64>>> = contenders.iter().map(values).collect();
        let alpha = self.plan.compare.alpha();
        let mut stream = Seed(0).stream(Purpose::Statistics, BEST_SIGNS);
        let set = best_set(&values, alpha, || stream.bits());
        let has_value = |r: &usize| values.iter().any(|own| own[*r].is_some());
        let seeds = (0..self.plan.seeds.len()).filter(has_value).count();
        (Best::Known { alpha, seeds, draws: set.draws }, set.may_be)
    }
}

impl Best {
    /// Sentence on the set; `None` where it is not computed. Of each variant its label, and whether
    /// it may be the best if it was compared.
    pub(super) fn in_words<'a>(
        self,
        variants: impl Iterator<Item = (&'a str, Option<bool>)>,
    ) -> Option<String> {
        let Self::Known { alpha, seeds, draws } = self else { return None };
        let compared: Vec<(&str, bool)> =
            variants.filter_map(|(label, may_be)| Some((label, may_be?))).collect();
        let n = compared.len();
        let may_be: Vec<&str> =
            compared.iter().filter(|(_, may_be)| *may_be).map(|(label, _)| *label).collect();
        let needed = seeds_to_leave_best_set(alpha);
        if needed.is_none_or(|needed| seeds < needed) {
            let needed = needed.map_or_else(
                || "more do not help at this level".to_owned(),
                |needed| format!("{needed} could"),
            );
            return Some(format!(
                "Any of the {n} variants may be the best: {} cannot rule one out, {needed}.",
                count(seeds, "seed")
            ));
        }
        if may_be.len() == n {
            return Some(format!("Any of the {n} variants may be the best: none is ruled out."));
        }
        let drawn = draws.map_or_else(String::new, |draws| format!(", {draws} sign vectors drawn"));
        let how = format!("one-sided joint sign-flip tests at level {}{drawn}", short(alpha));
        Some(if may_be.len() > MOST_LABELS {
            format!("{} of {n} variants may be the best; {how}.", may_be.len())
        } else {
            format!("May be the best of {n} variants: {}; {how}.", may_be.join("; "))
        })
    }
}
