//! Comparison of two independent samples of unequal variance.

use super::describe::{Interval, mean, sd};
use super::student::{t_cdf, t_quantile};

/// Difference of two means without pairs (Welch 1947).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// Mean of the treated minus that of the control.
    pub difference: f64,
    /// Its interval.
    pub interval: Interval,
    /// Degrees of freedom (Satterthwaite 1946).
    pub df: f64,
    /// Two-sided p value of Welch's t test.
    pub p: f64,
}

impl Welch {
    /// Compares two samples at a confidence level; `None` if one has fewer than two values, or if
    /// neither varies.
    pub fn of(treated: &[f64], control: &[f64], level: f64) -> Option<Self> {
        let difference = mean(treated)? - mean(control)?;
        let of_mean = |sample: &[f64]| sd(sample).map(|sd| sd * sd / sample.len() as f64);
        let (a, b) = (of_mean(treated)?, of_mean(control)?);
        let error = (a + b).sqrt();
        if error <= 0.0 {
            return None;
        }
        let (share_a, share_b) = (a / (a + b), b / (a + b));
        let df = 1.0
            / (share_a.powi(2) / (treated.len() - 1) as f64
                + share_b.powi(2) / (control.len() - 1) as f64);
        let half = t_quantile(f64::midpoint(1.0, level), df) * error;
        Some(Self {
            difference,
            interval: Interval { low: difference - half, high: difference + half },
            df,
            p: 2.0 * t_cdf(-(difference / error).abs(), df),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // a, b = ...; r = scipy.stats.ttest_ind(a, b, equal_var=False); c = r.confidence_interval(0.95)
    // print(a.mean() - b.mean(), c.low, c.high, r.df, r.pvalue)
    #[test]
    fn it_equals_scipy() {
        let few = [93.1, 94.7, 92.9, 95.2, 93.8];
        let more = [95.5, 94.9, 96.3, 95.1, 97.0, 95.2, 94.4];
        let found = Welch::of(&few, &more, 0.95).unwrap();
        for (found, expected) in [
            (found.difference, -1.5457142857142685),
            (found.interval.low, -2.8290314135741212),
            (found.interval.high, -0.262397157854416),
            (found.df, 8.075131049563122),
            (found.p, 0.02396787850303681),
        ] {
            assert!((found - expected).abs() < 1e-10, "{found}, expected {expected}");
        }
    }

    #[test]
    fn samples_without_spread_or_of_one_value_say_nothing() {
        assert_eq!(Welch::of(&[1.0], &[1.0, 2.0], 0.95), None);
        assert_eq!(Welch::of(&[1.0, 1.0], &[2.0, 2.0], 0.95), None);
        assert!(Welch::of(&[1.0, 1.0], &[2.0, 2.1], 0.95).is_some());
    }
}
