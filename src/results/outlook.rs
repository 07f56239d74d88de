//! Evidence that more seeds would bring: the differences that a number of seeds can detect, given
//! how much the paired differences vary so far. `plan` prints it before a sweep, the page after one.

use super::ExperimentResults;
use super::ablation::{Ablation, AblationRow, Verdict};
use crate::plan::{Compare, Correction, PairedTest, PlannedStudy, RunId};
use crate::rng::{Purpose, Seed};
use crate::stats::{Feasibility, detectable, detectable_t, sd};
use crate::text::{count, short};

/// Number of seeds above which none is suggested.
const MOST_SEEDS: usize = 10_000;

/// Variation of the paired differences of finished runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Standard deviation, pooled over the comparisons.
    pub sd: f64,
    /// Number of paired differences.
    pub pairs: usize,
}

impl Spread {
    /// Pooled over these comparisons with the baseline of a study; `value` returns the compared
    /// metric of a finished run. `None` if no difference varies.
    pub fn of(
        study: &PlannedStudy,
        baseline: usize,
        compared: impl IntoIterator<Item = usize>,
        value: impl Fn(&RunId) -> Option<f64>,
    ) -> Option<Self> {
        let control: Vec<Option<f64>> = study.variants[baseline].runs.iter().map(&value).collect();
        let (mut squares, mut freedom, mut pairs) = (0.0, 0, 0);
        for variant in compared.into_iter().map(|i| &study.variants[i]) {
            let both = variant.runs.iter().zip(&control);
            let differences: Vec<f64> =
                both.filter_map(|(run, control)| Some(value(run)? - (*control)?)).collect();
            if let Some(sd) = sd(&differences) {
                squares += sd * sd * (differences.len() - 1) as f64;
                freedom += differences.len() - 1;
                pairs += differences.len();
            }
        }
        (squares > 0.0).then(|| Self { sd: (squares / freedom as f64).sqrt(), pairs })
    }
}

/// Effects detected in 4 studies of 5, in standard deviations of the paired difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Powers {
    /// Effect in a single comparison.
    pub one: Option<f64>,
    /// Effect after correction; `None` without one.
    pub corrected: Option<f64>,
    /// True if signs are flipped jointly, so that the correlation of comparisons matters.
    pub joint: bool,
}

impl Powers {
    /// Effects that a number of seeds detects among `comparisons`.
    pub fn of(seeds: usize, comparisons: usize, compare: &Compare) -> Self {
        Self {
            one: effect(seeds, 1, compare.alpha(), compare.test),
            corrected: corrected_effect(seeds, comparisons, compare),
            joint: compare.correction == Correction::MaxT,
        }
    }
}

fn effect(seeds: usize, comparisons: usize, alpha: f64, test: PairedTest) -> Option<f64> {
    if test == PairedTest::T {
        return detectable_t(seeds, alpha);
    }
    let mut stream = Seed(0).stream(Purpose::Statistics, u64::MAX);
    detectable(seeds, comparisons, alpha, &mut || stream.normal())
}

fn corrected_effect(seeds: usize, comparisons: usize, compare: &Compare) -> Option<f64> {
    let alpha = compare.alpha();
    match compare.correction {
        _ if comparisons < 2 => None,
        Correction::MaxT => effect(seeds, comparisons, alpha, compare.test),
        Correction::Holm => effect(seeds, 1, alpha / comparisons as f64, compare.test),
        Correction::None => None,
    }
}

/// A value with two significant digits, but with all digits of its whole part.
pub fn significant(value: f64) -> String {
    let decimals = (1.0 - value.abs().max(1e-9).log10().floor()).clamp(0.0, 9.0);
    format!("{value:.*}", decimals as usize)
}

impl ExperimentResults {
    /// Sentence on what it would take to know more than the study with this index in the plan
    /// shows; `None` before there is a value, and where values are of several blocks, whose units
    /// differ.
    pub fn outlook(&self, index: usize, ablation: &Ablation) -> Option<String> {
        let compare = &self.plan.compare;
        let comparisons = ablation.comparisons();
        if comparisons == 0 || !compare.within.is_empty() {
            return None;
        }
        // A variant that changes nothing has no spread of its own.
        let rows = ablation.rows.iter().enumerate();
        let compared = rows.filter(|(_, row)| row.is_compared() && !row.identical).map(|(i, _)| i);
        let study = &self.plan.studies[index];
        let spread = Spread::of(study, ablation.baseline?, compared, |run| self.value(run));
        let can = &ablation.feasibility;
        let has_values = ablation.rows.iter().any(|row| row.estimate.is_some());
        let is_powerless = has_values && !can.reachable();
        let mut sentences: Vec<String> = is_powerless.then(|| powerless(can)).into_iter().collect();
        let Some(spread) = spread else { return in_one(&sentences) };
        let unit = &ablation.metric.unit;
        let quantity = |value: f64| unit.of(&significant(value));
        if can.reachable() {
            let found = corrected_effect(can.seeds, comparisons, compare)
                .or_else(|| effect(can.seeds, 1, compare.alpha(), compare.test))?;
            let mut sentence = format!(
                "{} show a difference of {} in 4 studies of 5, as paired differences vary so far (sd {})",
                count(can.seeds, "seed"),
                quantity(found * spread.sd),
                quantity(spread.sd)
            );
            if let Some(more) = seeds_for(found / 2.0, comparisons, compare, can.seeds) {
                sentence += &format!("; half of that takes about {}", count(more, "seed"));
            }
            sentences.push(sentence);
        } else if can.seeds_needed.is_none() {
            return in_one(&sentences);
        }
        let undecided =
            |row: &&AblationRow| matches!(row.verdict, Verdict::NoEvidence | Verdict::TooFewSeeds);
        let size = |row: &AblationRow| row.delta.map(|delta| delta.paired.difference.mean.abs());
        let open = ablation.rows.iter().filter(undecided);
        let open = open.filter_map(|row| Some((row, size(row)?)));
        let largest = open.max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((row, size)) = largest.filter(|(_, size)| *size > 0.0) {
            // A variant may vary more than the others: its own spread decides, where it has one.
            let own = row.delta.and_then(|delta| delta.paired.difference.sd);
            let sd = own.filter(|sd| *sd > 0.0).unwrap_or(spread.sd);
            let fewest = can.seeds.max(can.seeds_needed.unwrap_or(0).saturating_sub(1));
            let takes = seeds_for(size / sd, comparisons, compare, fewest).map_or_else(
                || format!("more than {}", count(MOST_SEEDS, "seed")),
                |seeds| format!("about {}", count(seeds, "seed")),
            );
            sentences.push(format!(
                "the largest difference that is undecided, {} of {}, would take {takes}",
                quantity(size),
                row.label
            ));
        }
        in_one(&sentences)
    }
}

fn in_one(sentences: &[String]) -> Option<String> {
    (!sentences.is_empty()).then(|| format!("To know more: {}.", sentences.join("; ")))
}

/// Clause on a number of seeds with which no outcome is significant.
fn powerless(can: &Feasibility) -> String {
    let needed = can.seeds_needed.map_or_else(
        || "with no number of seeds could this test".to_owned(),
        |needed| format!("{needed} could"),
    );
    format!(
        "{} can show no difference at {}, however large; {needed}",
        count(can.seeds, "seed"),
        short(can.alpha)
    )
}

/// Number of seeds above `fewest` that detects an effect of `dz` standard deviations, by the power
/// of the t test, to which that of the sign-flip test converges.
fn seeds_for(dz: f64, comparisons: usize, compare: &Compare, fewest: usize) -> Option<usize> {
    let among = if compare.correction == Correction::None { 1 } else { comparisons };
    let alpha = compare.alpha() / among as f64;
    let is_enough = |seeds: usize| detectable_t(seeds, alpha).is_some_and(|found| found <= dz);
    let (mut low, mut high) = (fewest, fewest + 1);
    while !is_enough(high) {
        (low, high) = (high, 2 * high);
        if low > MOST_SEEDS {
            return None;
        }
    }
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if is_enough(middle) { high = middle } else { low = middle }
    }
    (high <= MOST_SEEDS).then_some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_effects_take_more_seeds() {
        let compare = Compare::default();
        let seeds: Vec<Option<usize>> =
            [2.0, 1.0, 0.5, 0.1].map(|dz| seeds_for(dz, 3, &compare, 3)).to_vec();
        assert!(seeds.windows(2).all(|pair| pair[0] < pair[1]), "{seeds:?}");
        assert_eq!(seeds_for(1e-6, 3, &compare, 3), None);
        assert_eq!(seeds_for(50.0, 3, &compare, 8), Some(9));
    }
}
