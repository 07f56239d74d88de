//! Equivalence of variants with their baseline within `[compare] negligible`.

use super::ablation::{Ablation, Delta};
use super::cell::Value;
use crate::plan::Correction;
use crate::text::short;

impl Ablation {
    /// Meaning of the verdicts on equivalence in a sentence; `None` without a negligible margin.
    pub fn equivalence_words(&self) -> Option<String> {
        let margin = self.metric.unit.of(&short(self.negligible?));
        let corrected = match self.correction {
            Correction::None => "",
            _ => ", corrected by Holm's method",
        };
        Some(format!(
            "negligible: a difference of less than {margin} either way; equivalent: shown to be negligible by two one-sided \
             t tests{corrected}"
        ))
    }
}

/// Cells of `ablation.csv`, for a study with this negligible margin.
pub(super) fn cells<'a>(delta: Option<&Delta>, margin: f64) -> [Value<'a>; 5] {
    let equivalence = delta.and_then(|delta| delta.equivalence);
    [
        Value::number(delta.map(|_| margin)),
        Value::number(equivalence.map(|equivalence| equivalence.interval.low)),
        Value::number(equivalence.map(|equivalence| equivalence.interval.high)),
        Value::number(equivalence.map(|equivalence| equivalence.p)),
        Value::number(delta.and_then(|delta| delta.p_equivalence_corrected)),
    ]
}
