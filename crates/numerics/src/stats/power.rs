//! Power of a number of seeds, before any of them has run: reachable p values and detectable
//! effects.

use super::maxt::smallest_p;
use super::normal::normal_cdf;
use super::signflip::{EXACT_LIMIT, TIE};
use super::special::{incomplete_beta, ln_gamma};
use super::student::t_quantile;

/// Power that defines a detectable effect: the share of studies that find it.
pub const WANTED_POWER: f64 = 0.8;

/// Maximum number of seeds for which the power of the sign-flip test itself is simulated; above it,
/// that of the t test, to which it converges, is computed.
const SIMULATED_SEEDS: usize = 10;

/// Approximate number of additions in a simulation (sign vectors times comparisons times studies):
/// a tenth of a second.
const SIMULATED_WORK: usize = 40_000_000;

/// Maximum number of comparisons that are simulated; for more, the effect is extrapolated in
/// proportion to that of the t test.
const SIMULATED_COMPARISONS: usize = 300;

/// Power of a two-sided paired t test at level `alpha` for an effect of `dz` standard deviations of
/// the difference with `seeds` pairs; 0 below two pairs. T^2 follows a noncentral F(1, n - 1) with
/// noncentrality n dz^2, a Poisson mixture of beta distributions.
fn t_power(dz: f64, seeds: usize, alpha: f64) -> f64 {
    if seeds < 2 {
        return 0.0;
    }
    let df = (seeds - 1) as f64;
    let critical = t_quantile(1.0 - alpha / 2.0, df);
    let total = df + critical * critical;
    let rate = seeds as f64 * dz * dz / 2.0;
    let missed = |j: f64| {
        let weight = if rate == 0.0 {
            f64::from(j == 0.0)
        } else {
            (j * rate.ln() - rate - ln_gamma(j + 1.0)).exp()
        };
        weight * incomplete_beta(critical * critical / total, df / total, j + 0.5, df / 2.0)
    };
    // The Poisson weights are negligible beyond a few standard deviations from their rate.
    let last = (rate + 12.0 * rate.sqrt() + 40.0) as u32;
    1.0 - (0..=last).map(|j| missed(f64::from(j))).sum::<f64>()
}

/// Bisects for the point in (0, infinity) from which `reached` is true.
pub(super) fn bisect(steps: u32, reached: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while !reached(high) && high < 1e9 {
        (low, high) = (high, 2.0 * high);
    }
    for _ in 0..steps {
        let middle = f64::midpoint(low, high);
        if reached(middle) { high = middle } else { low = middle }
    }
    high
}

/// Level at which each of `comparisons` equally correlated (1/2) normal statistics must be tested,
/// so that under the null hypothesis any of them is significant with probability `alpha`: Dunnett
/// (1955) with known variance.
fn level_of_one(comparisons: usize, alpha: f64) -> f64 {
    // Statistic i is (a_i + w) / sqrt 2 with independent normal a_i and w; w is the contribution of
    // the baseline, which all share.
    let all_below = |critical: f64| {
        const STEP: f64 = 0.02;
        let reach = critical * std::f64::consts::SQRT_2;
        let at = |w: f64| {
            let below = normal_cdf(reach - w) - normal_cdf(-reach - w);
            (-0.5 * w * w).exp() * below.powi(comparisons.min(1 << 30) as i32)
        };
        let sum: f64 = (-400..=400).map(|i| at(f64::from(i) * STEP)).sum();
        sum * STEP / std::f64::consts::TAU.sqrt()
    };
    let critical = bisect(50, |critical| all_below(critical) >= 1.0 - alpha);
    2.0 * normal_cdf(-critical)
}

/// Smallest effect, in standard deviations of the paired difference, that one of `comparisons`
/// corrected together by step-down max-T detects at level `alpha` with power `WANTED_POWER` and
/// `seeds` seeds; `None` if no outcome is significant. Assumptions: differences are normal, the
/// other comparisons have no effect, and any two correlate by 1/2, as variants do that share
/// nothing but the baseline. `noise` supplies standard normals.
pub fn detectable(
    seeds: usize,
    comparisons: usize,
    alpha: f64,
    noise: &mut dyn FnMut() -> f64,
) -> Option<f64> {
    if smallest_p(seeds) > alpha {
        return None;
    }
    let by_t = |comparisons| {
        let alpha = if comparisons > 1 { level_of_one(comparisons, alpha) } else { alpha };
        bisect(40, |dz| t_power(dz, seeds, alpha) >= WANTED_POWER)
    };
    if seeds > SIMULATED_SEEDS {
        return Some(by_t(comparisons));
    }
    if comparisons > SIMULATED_COMPARISONS {
        let simulated = detectable(seeds, SIMULATED_COMPARISONS, alpha, noise)?;
        return Some(simulated * by_t(comparisons) / by_t(SIMULATED_COMPARISONS));
    }
    let flips = 1usize << (seeds - 1);
    let most = (alpha * flips as f64 * (1.0 + TIE)) as usize;
    if comparisons <= 1 && most == 1 {
        // Only the sign vector of equal signs is significant: every seed must have the effect's
        // sign.
        return Some(bisect(50, |dz| normal_cdf(dz).powi(seeds as i32) >= WANTED_POWER));
    }
    // Drawing a normal takes about as long as eight additions.
    let studies = (SIMULATED_WORK / ((comparisons + 3) * (flips + 8 * seeds))).clamp(200, 20_000);
    let mut found_from: Vec<f64> =
        (0..studies).map(|_| found_from(seeds, comparisons, most, noise)).collect();
    found_from.sort_by(f64::total_cmp);
    Some(found_from[(WANTED_POWER * studies as f64) as usize])
}

/// Smallest effect, in standard deviations of the paired difference, that a paired t test at level
/// `alpha` detects with power `WANTED_POWER`; `None` below two pairs.
pub fn detectable_t(seeds: usize, alpha: f64) -> Option<f64> {
    (seeds > 1).then(|| bisect(50, |dz| t_power(dz, seeds, alpha) >= WANTED_POWER))
}

/// Effect above which one simulated study is significant: at most `most` sign vectors, the observed
/// one included, may be as extreme.
fn found_from(
    seeds: usize,
    comparisons: usize,
    most: usize,
    noise: &mut dyn FnMut() -> f64,
) -> f64 {
    let half = 0.5f64.sqrt();
    let baseline: Vec<f64> = (0..seeds).map(|_| half * noise()).collect();
    let mut differences = || -> Vec<f64> { baseline.iter().map(|b| half * noise() - b).collect() };
    let own = differences();
    let mut largest = vec![0.0f64; 1 << (seeds - 1)];
    let mut sums = largest.clone();
    for _ in 1..comparisons {
        let other = differences();
        let norm = other.iter().map(|d| d * d).sum::<f64>().sqrt();
        flipped_sums(&other, &mut sums);
        for (largest, sum) in largest.iter_mut().zip(&sums) {
            *largest = largest.max(sum.abs() / norm);
        }
    }
    flipped_sums(&own, &mut sums);
    let n = seeds as f64;
    let mean = sums[0] / n;
    let sd = (own.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Effect above which a sign vector is less extreme than the observed one.
    let threshold = |flip: usize| {
        // In the comparison itself, flipping must reduce the size of the sum: neither the flipped
        // seeds nor the others may sum to less than zero.
        let n_flipped = f64::from(flip.count_ones());
        let flipped = 0.5 * (sums[0] - sums[flip]);
        let own = (-flipped / n_flipped).max((flipped - sums[0]) / (n - n_flipped));
        // The statistic sqrt(n) m / sqrt(m^2 + sd^2), with m = mean + effect, must exceed the
        // largest one of the other comparisons under this sign vector.
        let other =
            largest[flip] * sd / (n - largest[flip].powi(2)).max(f64::MIN_POSITIVE).sqrt() - mean;
        own.max(other)
    };
    let mut thresholds: Vec<f64> = (1..sums.len()).map(threshold).collect();
    *thresholds.select_nth_unstable_by(most - 1, |a, b| b.total_cmp(a)).1
}

/// Sums under every choice of signs, with the first sign fixed: bit i of the index flips value i +
/// 1.
fn flipped_sums(values: &[f64], sums: &mut [f64]) {
    sums[0] = values[0];
    let mut filled = 1;
    for value in &values[1..] {
        let (kept, flipped) = sums.split_at_mut(filled);
        for (kept, flipped) in kept.iter_mut().zip(flipped) {
            (*kept, *flipped) = (*kept + value, *kept - value);
        }
        filled *= 2;
    }
}

/// Smallest p values that a number of seeds can give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feasibility {
    /// Number of seeds.
    pub seeds: usize,
    /// Level of significance.
    pub alpha: f64,
    /// Smallest p value reachable in one comparison.
    pub smallest_p: f64,
    /// Smallest p value after the correction for several comparisons.
    pub smallest_p_corrected: f64,
    /// Number of seeds with which a comparison can reach `alpha`; `None` if no number suffices.
    pub seeds_needed: Option<usize>,
}

impl Feasibility {
    /// Smallest p values for a number of seeds; `corrected` is the smallest corrected p value as a
    /// function of that number.
    pub fn of(seeds: usize, alpha: f64, corrected: impl Fn(usize) -> f64) -> Self {
        Self {
            seeds,
            alpha,
            smallest_p: smallest_p(seeds),
            smallest_p_corrected: corrected(seeds),
            // Above the limit p is random, and its smallest value does not become smaller.
            seeds_needed: (1..=EXACT_LIMIT).find(|&seeds| corrected(seeds) <= alpha),
        }
    }

    /// True if some outcome would be significant.
    pub fn reachable(&self) -> bool {
        self.smallest_p_corrected <= self.alpha
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::noise::normals;
    use crate::stats::smallest_p_max_t;

    #[test]
    fn six_seeds_do_for_any_number_of_comparisons_under_max_t_and_ever_more_under_holm() {
        for comparisons in [1, 2, 12, 300, 10_000] {
            let can = Feasibility::of(6, 0.05, |n| smallest_p_max_t(n, n, comparisons));
            assert!(can.reachable());
            assert_eq!(
                (can.seeds_needed, can.smallest_p_corrected),
                (Some(6), 0.03125),
                "{comparisons} comparisons"
            );
        }
        let cases = [
            (1, 6),
            (2, 7),
            (3, 7),
            (4, 8),
            (6, 8),
            (7, 9),
            (8, 9),
            (12, 9),
            (16, 10),
            (32, 11),
        ];
        for (comparisons, seeds) in cases {
            let can = Feasibility::of(3, 0.05, |n| comparisons as f64 * smallest_p(n));
            assert_eq!(can.seeds_needed, Some(seeds), "{comparisons} comparisons");
        }
        assert_eq!(Feasibility::of(600, 1e-7, smallest_p).seeds_needed, None);
        assert_eq!(
            (smallest_p(3), smallest_p(20), smallest_p(600)),
            (0.25, 0.5f64.powi(19), 1.0 / 100_001.0)
        );
    }

    /// Expected values by independent means: with six seeds all differences must have the effect's
    /// sign, and Phi(dz)^6 is 0.8 at Python's NormalDist().inv_cdf(0.8 ** (1 / 6)); for the t test,
    /// scipy's brentq over the noncentral t distribution.
    #[test]
    fn detectable_effects_equal_closed_forms() {
        for (seeds, expected) in [
            (6, 1.7927367205804206),
            (16, 0.7494656445135547),
            (20, 0.6604416546230262),
            (30, 0.5292356151129528),
        ] {
            let found =
                detectable(seeds, 1, 0.05, &mut || unreachable!("nothing is simulated")).unwrap();
            assert!((found - expected).abs() < 1e-8, "{seeds} seeds: {found}, expected {expected}");
        }
        assert_eq!(detectable(5, 1, 0.05, &mut || 0.0), None);
        // scipy's brentq over ncf.sf(t^2, 1, n - 1, n dz^2)
        for (seeds, alpha, expected) in [
            (2, 0.05, 11.549888435882327),
            (3, 0.05, 3.264043549699572),
            (6, 0.05, 1.4345447820404105),
            (8, 0.05 / 4.0, 1.531493257919059),
        ] {
            let found = detectable_t(seeds, alpha).unwrap();
            assert!((found - expected).abs() < 1e-9, "{seeds} seeds: {found}, expected {expected}");
        }
        assert_eq!(detectable_t(1, 0.05), None);
    }

    /// The two methods agree at the number of seeds where the t test replaces the simulation.
    #[test]
    fn the_sign_flip_test_approaches_the_t_test() {
        for comparisons in [1, 6, 40] {
            let simulated =
                detectable(SIMULATED_SEEDS, comparisons, 0.05, &mut normals(1)).unwrap();
            let level = level_of_one(comparisons, 0.05);
            let by_t = bisect(40, |dz| t_power(dz, SIMULATED_SEEDS, level) >= WANTED_POWER);
            assert!((simulated / by_t - 1.0).abs() < 0.05, "{comparisons}: {simulated}, {by_t}");
        }
    }

    // Dunnett (1964), two-sided 5 % points for infinite degrees of freedom: 1.96, 2.21, 2.35, 2.51,
    // 2.73.
    #[test]
    fn the_level_of_one_comparison_is_dunnetts() {
        for (comparisons, critical) in [(1, 1.96), (2, 2.21), (3, 2.35), (5, 2.51), (10, 2.72)] {
            let level = level_of_one(comparisons, 0.05);
            assert!((level - 2.0 * normal_cdf(-critical)).abs() < 6e-4, "{comparisons}: {level}");
        }
    }

    /// Levels and families that no planned number of seeds can resolve return at once.
    #[test]
    fn whatever_is_asked_ends() {
        for seeds in [0, 1, 2, 3, 6, 12, 36, 100, 2000] {
            for level in
                [0.5, 0.95, 0.99999, 0.99999999999, 0.999999999999999, 1.0 - f64::EPSILON / 2.0]
            {
                for comparisons in [0, 1, 300, 1_000_000] {
                    let alpha = (1.0 - level).min(0.05f64);
                    let found = detectable(seeds, comparisons, alpha, &mut normals(2));
                    assert_eq!(
                        found.is_some(),
                        smallest_p(seeds) <= alpha,
                        "{seeds} {level} {comparisons}"
                    );
                    assert!(
                        found.is_none_or(|dz| dz > 0.0 && dz < 1e3),
                        "{seeds} {level} {comparisons}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_an_effect_the_power_is_the_level() {
        for seeds in [2, 3, 8, 30] {
            assert!((t_power(0.0, seeds, 0.05) - 0.05).abs() < 1e-12);
        }
    }
}
