//! Two treatments measured on the same seeds.

use super::describe::{Estimate, correlation};
use super::signflip::{SignFlip, sign_flip};

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
    /// Two-sided sign-flip test.
    pub test: SignFlip,
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
        assert_eq!(treated.len(), control.len(), "pairs come in pairs");
        let differences: Vec<f64> = treated.iter().zip(control).map(|(t, c)| t - c).collect();
        let difference = Estimate::of(&differences, level)?;
        Some(Self {
            difference,
            dz: difference.sd.filter(|sd| *sd > 0.0).map(|sd| difference.mean / sd),
            wins: differences.iter().filter(|d| **d < 0.0).count(),
            losses: differences.iter().filter(|d| **d > 0.0).count(),
            test: sign_flip(&differences, bits),
            correlation: correlation(treated, control),
        })
    }
}
