//! Equivalence of two treatments within a margin, by two one-sided paired t tests (Schuirmann
//! 1987), and its power.

use super::describe::{Estimate, Interval};
use super::normal::normal_cdf;
use super::power::{WANTED_POWER, bisect};
use super::special::ln_gamma;
use super::student::{t_cdf, t_quantile};

/// Minimum number of pairs: two give an interval of one degree of freedom, which says nothing of
/// the tails that equivalence is about.
pub const EQUIVALENCE_PAIRS: usize = 3;

/// Maximum number of pairs that `equivalence_seeds` tries.
pub const EQUIVALENCE_SEEDS: usize = 1000;

/// Result of two one-sided t tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// The (1 - 2 alpha) t interval of the mean difference; p is at most alpha exactly where it is
    /// inside the margin.
    pub interval: Interval,
    /// The larger of the two one-sided p values.
    pub p: f64,
}

impl Equivalence {
    /// Tests if a mean paired difference is within `margin` of zero; `None` below
    /// `EQUIVALENCE_PAIRS` pairs and without a spread.
    pub fn of(difference: &Estimate, margin: f64, alpha: f64) -> Option<Self> {
        let sd = difference.sd.filter(|sd| *sd > 0.0)?;
        if difference.n < EQUIVALENCE_PAIRS {
            return None;
        }
        let (mean, df) = (difference.mean, (difference.n - 1) as f64);
        let error = sd / (difference.n as f64).sqrt();
        let half = t_quantile(1.0 - alpha, df) * error;
        Some(Self {
            interval: Interval { low: mean - half, high: mean + half },
            // The null hypotheses are mean <= -margin and mean >= margin; the one nearer to the
            // mean has the larger p value.
            p: t_cdf((mean.abs() - margin) / error, df),
        })
    }
}

/// Probability that two treatments without any difference are found equivalent at level `alpha`
/// within `margin` standard deviations of the paired difference, if differences are normal.
pub fn equivalence_power(seeds: usize, margin: f64, alpha: f64) -> f64 {
    /// Intervals of Simpson's rule; even.
    const STEPS: u32 = 2000;
    if seeds < EQUIVALENCE_PAIRS {
        return 0.0;
    }
    let (df, root) = ((seeds - 1) as f64, (seeds as f64).sqrt());
    let critical = t_quantile(1.0 - alpha, df);
    // With u the sample's standard deviation over the true one, the mean must be within margin -
    // critical u / root. The mean is normal, independent of u, and df u^2 follows chi squared with
    // df degrees of freedom; u is hardly ever 12 of its standard deviations away from 1.
    let spread = 12.0 / (2.0 * df).sqrt();
    let (from, to) = ((1.0 - spread).max(0.0), (root * margin / critical).min(1.0 + spread));
    if to <= from {
        return 0.0;
    }
    let scale = 2f64.ln() + 0.5 * df * (0.5 * df).ln() - ln_gamma(0.5 * df);
    let at = |u: f64| {
        if u <= 0.0 {
            return 0.0;
        }
        let density = (scale + (df - 1.0) * u.ln() - 0.5 * df * u * u).exp();
        density * (2.0 * normal_cdf(root * margin - critical * u) - 1.0)
    };
    let step = (to - from) / f64::from(STEPS);
    let weighted = |i: u32| {
        let weight = match i {
            0 | STEPS => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        weight * at(from + f64::from(i) * step)
    };
    (0..=STEPS).map(weighted).sum::<f64>() * step / 3.0
}

/// Smallest margin, in standard deviations of the paired difference, within which treatments
/// without any difference are found equivalent with power `WANTED_POWER`; `None` below
/// `EQUIVALENCE_PAIRS` seeds.
pub fn equivalence_margin(seeds: usize, alpha: f64) -> Option<f64> {
    (seeds >= EQUIVALENCE_PAIRS)
        .then(|| bisect(50, |margin| equivalence_power(seeds, margin, alpha) >= WANTED_POWER))
}

/// Number of seeds that have power `WANTED_POWER` for equivalence within `margin` standard
/// deviations of the paired difference; `None` if `EQUIVALENCE_SEEDS` have not.
pub fn equivalence_seeds(margin: f64, alpha: f64) -> Option<usize> {
    let reached = |seeds: &usize| equivalence_power(*seeds, margin, alpha) >= WANTED_POWER;
    let (mut missed, mut found) = (EQUIVALENCE_PAIRS - 1, EQUIVALENCE_PAIRS);
    while !reached(&found) {
        (missed, found) = (found, 2 * found);
        if missed >= EQUIVALENCE_SEEDS {
            return None;
        }
    }
    while found - missed > 1 {
        let middle = usize::midpoint(missed, found);
        if reached(&middle) { found = middle } else { missed = middle }
    }
    (found <= EQUIVALENCE_SEEDS).then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::noise::normals;

    const SAMPLE: [f64; 6] = [0.31, -0.12, 0.25, 0.07, -0.04, 0.18];

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }

    // The larger p of scipy.stats.ttest_1samp(d, -margin, alternative="greater") and of
    // ttest_1samp(d, margin, alternative="less"); stats.t.interval(1 - 2 alpha, n - 1, ...).
    #[test]
    fn the_tests_equal_scipy() {
        let sample = Estimate::of(&SAMPLE, 0.95).unwrap();
        for (margin, expected) in [
            (0.2, 0.11974467511671008),
            (0.5, 0.0011568486222120215),
            (0.05, 0.7827898626969284),
        ] {
            close(Equivalence::of(&sample, margin, 0.05).unwrap().p, expected);
        }
        for (alpha, low, high) in [
            (0.05, -0.030047993539986384, 0.24671466020665297),
            (0.01, -0.1227496938767845, 0.33941636054345115),
        ] {
            let found = Equivalence::of(&sample, 0.2, alpha).unwrap().interval;
            close(found.low, low);
            close(found.high, high);
        }
        let below = Estimate::of(&[-1.5, -1.1, -1.9], 0.95).unwrap();
        close(Equivalence::of(&below, 2.5, 0.05).unwrap().p, 0.02470681210664155);
    }

    #[test]
    fn two_pairs_and_equal_differences_show_no_equivalence() {
        for sample in [&[0.1, -0.1][..], &[0.1], &[0.0, 0.0, 0.0], &[0.1, 0.1, 0.1, 0.1]] {
            let estimate = Estimate::of(sample, 0.95).unwrap();
            assert_eq!(Equivalence::of(&estimate, 1e6, 0.05), None, "{sample:?}");
        }
    }

    proptest! {
        /// Both definitions agree, and neither knows a direction.
        #[test]
        fn p_is_at_most_alpha_exactly_where_the_interval_is_inside_the_margin(
            sample in prop::collection::vec(-2.0f64..2.0, 3..12),
            margin in 0.01f64..3.0,
            alpha in 0.001f64..0.05,
        ) {
            let estimate = Estimate::of(&sample, 0.95).unwrap();
            let found = Equivalence::of(&estimate, margin, alpha).unwrap();
            let Interval { low, high } = found.interval;
            prop_assume!((found.p - alpha).abs() > 1e-9);
            prop_assert_eq!(found.p < alpha, -margin < low && high < margin);
            let mirrored: Vec<f64> = sample.iter().map(|d| -d).collect();
            let mirrored = Equivalence::of(&Estimate::of(&mirrored, 0.95).unwrap(), margin, alpha);
            prop_assert!((mirrored.unwrap().p - found.p).abs() < 1e-9);
        }

        /// More seeds, a wider margin and a weaker level each make equivalence easier to show.
        #[test]
        fn power_is_monotone(seeds in 3usize..60, margin in 0.1f64..4.0, alpha in 0.001f64..0.04) {
            let power = equivalence_power(seeds, margin, alpha);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&power), "{}", power);
            let more_seeds = equivalence_power(seeds + 1, margin, alpha);
            // Of next to no power a seed more may take some: its critical value falls, and so does
            // the chance of a spread near zero.
            let more_seeds = if power > 0.1 { more_seeds } else { power };
            for easier in [
                more_seeds,
                equivalence_power(seeds, 1.1 * margin, alpha),
                equivalence_power(seeds, margin, 1.2 * alpha),
            ] {
                prop_assert!(easier >= power - 1e-9, "{} < {}", easier, power);
            }
        }
    }

    // scipy.integrate.quad of chi2.pdf(q, n - 1) (2 norm.cdf(sqrt(n) margin - t sqrt(q / (n - 1))) -
    // 1), and scipy.optimize.brentq over it.
    #[test]
    fn power_equals_scipy() {
        for (seeds, alpha, margin, expected) in [
            (3, 0.05, 2.0, 0.5580445428171025),
            (3, 0.05, 4.0, 0.9825201392308107),
            (5, 0.05, 1.0, 0.2938530722643279),
            (8, 0.05, 1.0, 0.6350479550768996),
            (8, 0.05, 1.5, 0.9682054702169577),
            (12, 0.01, 1.2, 0.8070305674209286),
            (40, 0.05, 0.5, 0.8562117624662355),
            (300, 0.05, 0.2, 0.9299202755841457),
            (8, 0.05 / 3.0, 1.0, 0.30351315957685054),
        ] {
            close(equivalence_power(seeds, margin, alpha), expected);
        }
        for (seeds, alpha, expected) in [
            (3, 0.05, 2.659941342070362),
            (6, 0.05, 1.3973473200670445),
            (8, 0.05, 1.1527141123892095),
            (20, 0.01, 0.8702333127726711),
        ] {
            close(equivalence_margin(seeds, alpha).unwrap(), expected);
        }
        for (margin, seeds) in [(1.0, Some(11)), (0.5, Some(36)), (5.0, Some(3)), (0.05, None)] {
            assert_eq!(equivalence_seeds(margin, 0.05), seeds, "{margin}");
        }
        assert_eq!(equivalence_seeds(0.1, 0.01), None);
        assert_eq!((equivalence_power(2, 9.0, 0.05), equivalence_margin(2, 0.05)), (0.0, None));
    }

    /// In 1,000 simulated studies each: at the edge of the margin no more than alpha are called
    /// equivalent, in the middle as many as the power says.
    #[test]
    fn simulated_studies_are_found_as_often_as_computed() {
        const STUDIES: u32 = 1000;
        for (seeds, margin) in [(3, 3.0), (6, 1.5), (12, 0.8)] {
            for (shift, expected) in [(margin, 0.05), (0.0, equivalence_power(seeds, margin, 0.05))]
            {
                let mut noise = normals(seeds as u64);
                let is_found = |_: &u32| {
                    let sample: Vec<f64> = (0..seeds).map(|_| shift + noise()).collect();
                    let estimate = Estimate::of(&sample, 0.95).unwrap();
                    Equivalence::of(&estimate, margin, 0.05).unwrap().p <= 0.05
                };
                let share = (0..STUDIES).filter(is_found).count() as f64 / f64::from(STUDIES);
                let error = (expected * (1.0 - expected) / f64::from(STUDIES)).sqrt();
                // At the edge the other of the two tests takes a little off alpha.
                let tolerance = 3.0 * error + if shift > 0.0 { 0.002 } else { 0.0 };
                assert!((share - expected).abs() < tolerance, "{seeds}: {share}, {expected}");
            }
        }
    }
}
