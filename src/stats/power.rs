//! What a number of seeds can show before any of them has run.

use super::special::{incomplete_beta, ln_gamma};
use super::student::t_quantile;

/// The smallest p value that a sign-flip test of `seeds` pairs can give: 2^(1-n).
pub fn smallest_p(seeds: usize) -> f64 {
    0.5f64.powi(seeds.saturating_sub(1).min(1000) as i32)
}

/// Seeds with which the smallest p, times the number of comparisons (Holm's first step), reaches `alpha`.
pub fn seeds_needed(comparisons: usize, alpha: f64) -> usize {
    (1..1000).find(|&seeds| comparisons as f64 * smallest_p(seeds) <= alpha).unwrap_or(1000)
}

/// Chance that a two-sided paired t test at level `alpha` finds an effect of `dz` standard deviations of the difference
/// with `seeds` pairs; 0 below two. T^2 follows a noncentral F(1, n - 1) with noncentrality n dz^2, a Poisson mixture
/// of beta distributions.
pub fn power(dz: f64, seeds: usize, alpha: f64) -> f64 {
    if seeds < 2 {
        return 0.0;
    }
    let df = (seeds - 1) as f64;
    let critical = t_quantile(1.0 - alpha / 2.0, df);
    let total = df + critical * critical;
    let rate = seeds as f64 * dz * dz / 2.0;
    let missed = |j: f64| {
        let weight = if rate == 0.0 { f64::from(j == 0.0) } else { (j * rate.ln() - rate - ln_gamma(j + 1.0)).exp() };
        weight * incomplete_beta(critical * critical / total, df / total, j + 0.5, df / 2.0)
    };
    // The Poisson weights live within a few standard deviations of their rate.
    let last = (rate + 12.0 * rate.sqrt() + 40.0) as u32;
    1.0 - (0..=last).map(|j| missed(f64::from(j))).sum::<f64>()
}

/// The smallest effect dz that a paired t test finds with the given power; `None` where no outcome of the sign-flip test,
/// which decides, is significant. There `power` would have to sum over as many terms as the effect's square.
pub fn detectable(seeds: usize, alpha: f64, wanted: f64) -> Option<f64> {
    // Below the spacing of floats at 1 there is no quantile of 1 - alpha / 2 either.
    if smallest_p(seeds) > alpha || alpha < f64::EPSILON {
        return None;
    }
    let mut high = 1.0;
    while power(high, seeds, alpha) < wanted {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if power(middle, seeds, alpha) < wanted { low = middle } else { high = middle }
    }
    Some(high)
}

/// What a study of `seeds` replicates and `comparisons` with the baseline can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feasibility {
    /// Replicates.
    pub seeds: usize,
    /// Comparisons corrected for together.
    pub comparisons: usize,
    /// Level of significance.
    pub alpha: f64,
    /// Smallest p value reachable in one comparison.
    pub smallest_p: f64,
    /// The same after Holm's correction.
    pub smallest_p_corrected: f64,
    /// Seeds that would let a comparison reach `alpha`.
    pub seeds_needed: usize,
    /// Effect dz found with 80 % power in a single comparison; `None` where no comparison can reach `alpha`.
    pub detectable_dz: Option<f64>,
}

impl Feasibility {
    /// The figures for a number of seeds and comparisons.
    pub fn of(seeds: usize, comparisons: usize, alpha: f64) -> Self {
        let k = comparisons.max(1);
        Self {
            seeds,
            comparisons,
            alpha,
            smallest_p: smallest_p(seeds),
            smallest_p_corrected: (k as f64 * smallest_p(seeds)).min(1.0),
            seeds_needed: seeds_needed(k, alpha),
            detectable_dz: detectable(seeds, alpha, 0.8),
        }
    }

    /// Whether some outcome would count as evidence.
    pub fn reachable(&self) -> bool {
        self.smallest_p_corrected <= self.alpha
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_needed_under_holm() {
        let cases = [(1, 6), (2, 7), (3, 7), (4, 8), (6, 8), (7, 9), (8, 9), (12, 9), (16, 10), (32, 11)];
        for (comparisons, seeds) in cases {
            assert_eq!(seeds_needed(comparisons, 0.05), seeds, "{comparisons} comparisons");
        }
        assert_eq!(smallest_p(3), 0.25);
    }

    // n, dz from scipy: brentq(lambda d: 1 - (nct.cdf(c, n-1, d*n**.5) - nct.cdf(-c, n-1, d*n**.5)) - .8, low, high),
    // with c = t.ppf(.975, n-1).
    #[test]
    fn detectable_effects_equal_scipy() {
        for (seeds, expected) in [
            (6, 1.434544782040401),
            (8, 1.1560346779947335),
            (10, 0.9960013714554438),
            (16, 0.7494656445135547),
            (20, 0.6604416546230262),
            (30, 0.5292356151129528),
        ] {
            let found = detectable(seeds, 0.05, 0.8).unwrap();
            assert!((found - expected).abs() < 1e-8, "{seeds} seeds: {found}, expected {expected}");
        }
        assert_eq!(detectable(5, 0.05, 0.8), None);
    }

    /// Levels and families for which no number of seeds that is planned can show anything end at once.
    #[test]
    fn nothing_is_searched_for_that_cannot_be_reached() {
        for seeds in [0, 1, 2, 3, 36, 37, 38, 100, 2000] {
            for level in [0.5, 0.95, 0.99999999999, 0.999999999999999, 1.0 - f64::EPSILON / 2.0] {
                for comparisons in [1, 300, 1_000_000] {
                    let can = Feasibility::of(seeds, comparisons, (1.0 - level).min(0.05));
                    assert!(can.detectable_dz.is_none_or(|dz| dz > 0.0 && dz < 10.0), "{can:?}");
                }
            }
        }
    }

    #[test]
    fn without_an_effect_the_power_is_the_level() {
        for seeds in [2, 3, 8, 30] {
            assert!((power(0.0, seeds, 0.05) - 0.05).abs() < 1e-12);
        }
    }
}
