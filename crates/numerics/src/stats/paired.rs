//! Two treatments measured on the same seeds.

use super::describe::{Estimate, correlation};
use super::signflip::{TestResult, sign_flip};
use super::ttest::{rounding, t_test};

/// Paired comparison: every statistic is of the differences `treated - control`, pair by pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Mean difference with its t interval.
    pub difference: Estimate,
    /// Effect size: mean over standard deviation of the differences (Cohen 1988); `None` if they
    /// are all equal.
    pub dz: Option<f64>,
    /// Pairs in which the treated value is lower (better, for a loss).
    pub wins: usize,
    /// Pairs in which it is higher.
    pub losses: usize,
    /// Two-sided test: by sign flips, or the t test.
    pub test: TestResult,
    /// True if the differences vary by more than rounding. A t test of others would find anything:
    /// it has p = 1.
    pub varies: bool,
    /// Correlation of the two sides over the pairs: pairing increases the power if it is positive.
    pub correlation: Option<f64>,
}

impl Paired {
    /// The same comparison for a metric where higher is better: wins and losses are exchanged.
    pub fn reversed(self) -> Self {
        Self { wins: self.losses, losses: self.wins, ..self }
    }

    /// Compares pair by pair; `None` without a pair. `bits` supplies random bits to the sign-flip
    /// test if there are too many pairs to enumerate.
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn of(
        treated: &[f64],
        control: &[f64],
        level: f64,
        bits: impl FnMut() -> u64,
    ) -> Option<Self> {
        let mut paired = Self::untested(treated, control, level)?;
        let differences: Vec<f64> = treated.iter().zip(control).map(|(t, c)| t - c).collect();
        paired.test = sign_flip(&differences, bits);
        Some(paired)
    }

    /// Compares pair by pair as `of` does, but by the paired t test.
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn by_t(treated: &[f64], control: &[f64], level: f64) -> Option<Self> {
        let mut paired = Self::untested(treated, control, level)?;
        let rounding = rounding(treated.iter().chain(control));
        paired.test = t_test(&paired.difference, rounding);
        Some(paired)
    }

    /// The comparison before its test, with p = 1.
    fn untested(treated: &[f64], control: &[f64], level: f64) -> Option<Self> {
        assert_eq!(treated.len(), control.len(), "pairs come in pairs");
        let differences: Vec<f64> = treated.iter().zip(control).map(|(t, c)| t - c).collect();
        let difference = Estimate::of(&differences, level)?;
        Some(Self {
            difference,
            dz: (difference.sd)
                .filter(|sd| *sd > rounding(treated.iter().chain(control)))
                .map(|sd| difference.mean / sd),
            wins: differences.iter().filter(|d| **d < 0.0).count(),
            losses: differences.iter().filter(|d| **d > 0.0).count(),
            test: TestResult { p: 1.0, draws: None },
            varies: difference.sd.is_some_and(|sd| sd > rounding(treated.iter().chain(control))),
            correlation: correlation(treated, control),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.3 apart in every pair, but for the last bit: no t test takes that for certainty.
    #[test]
    fn rounding_is_no_spread() {
        let control = [0.7, 91.3, 12.1, 1000.2];
        let treated = control.map(|value| value + 0.3);
        let paired = Paired::by_t(&treated, &control, 0.95).unwrap();
        assert!(paired.difference.sd.unwrap() > 0.0, "the example has no rounding");
        assert!(!paired.varies);
        assert_eq!(paired.test.p, 1.0);
        let treated = [1.0, 91.6, 12.4, 1000.5001];
        let paired = Paired::by_t(&treated, &control, 0.95).unwrap();
        assert!(paired.varies && paired.test.p < 1e-9, "{paired:?}");
        assert_eq!(Paired::by_t(&[1.0], &[2.0], 0.95).unwrap().test.p, 1.0);
        assert_eq!(Paired::by_t(&[], &[], 0.95), None);
    }
}
