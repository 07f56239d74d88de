//! Paired t test (Student 1908): the test of a difference where seeds are too few for sign flips.
//!
//! It assumes that the paired differences are normal, which a handful of seeds cannot show; in
//! return its p value has no smallest one.

use super::describe::Estimate;
use super::signflip::TestResult;
use super::student::t_cdf;

/// Minimum number of pairs.
const PAIRS: usize = 2;

/// Smallest p value that a paired t test of `seeds` pairs can give: any, from two pairs on.
pub fn smallest_p_t(seeds: usize) -> f64 {
    if seeds < PAIRS { 1.0 } else { 0.0 }
}

/// Two-sided test of a mean difference of zero. p is 1 for a single pair, and where differences vary
/// by no more than `rounding`: divided by such a spread, any mean would be certain.
pub fn t_test(difference: &Estimate, rounding: f64) -> TestResult {
    let n = difference.n as f64;
    let p = difference
        .sd
        .filter(|sd| *sd > rounding)
        .map_or(1.0, |sd| 2.0 * t_cdf(-(difference.mean / sd * n.sqrt()).abs(), n - 1.0));
    TestResult { p, draws: None }
}

/// Spread that differences of these values can have through rounding alone.
pub fn rounding<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    4.0 * f64::EPSILON * values.fold(0.0, |largest: f64, value| largest.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // scipy.stats.ttest_1samp(d, 0).pvalue
    #[test]
    fn p_equals_scipy() {
        for (sample, expected) in [
            (&[0.31, -0.12, 0.25, 0.07, -0.04, 0.18][..], 0.17550766863307285),
            (&[-1.5, -1.1, -1.9], 0.022892876407118415),
        ] {
            let found = t_test(&Estimate::of(sample, 0.95).unwrap(), 0.0).p;
            assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
        }
        for sample in [&[0.3, 0.3, 0.3][..], &[0.3], &[0.0, 0.0]] {
            assert_eq!(t_test(&Estimate::of(sample, 0.95).unwrap(), 0.0).p, 1.0);
        }
    }
}
