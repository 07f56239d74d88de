//! Axes: range, scale, and a few round ticks.

use crate::text::{short, typeset};
use crate::trainer::Better;

/// Axis as data: independent of where it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueAxis {
    /// Name of the quantity, with its unit.
    pub label: String,
    /// Smallest value drawn.
    pub lo: f64,
    /// Largest value drawn; above `lo`.
    pub hi: f64,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Ticks, ascending.
    pub ticks: Vec<Tick>,
}

/// Mapping of values to positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Proportional.
    Linear,
    /// Proportional to the logarithm; values are positive.
    Log,
    /// Names at 0, 1, 2, ...
    Levels,
}

/// A tick and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Value.
    pub at: f64,
    /// Text.
    pub text: String,
}

impl ValueAxis {
    /// Linear axis over exactly `lo..hi` (widened if empty) with about `target` ticks.
    pub fn linear(label: &str, lo: f64, hi: f64, target: usize) -> Self {
        let (lo, hi) = widen(lo, hi);
        let ticks = number_ticks(lo, hi, target);
        Self { label: label.into(), lo, hi, scale: Scale::Linear, ticks }
    }

    /// Linear axis around `lo..hi` with a margin of 4 % on both sides.
    pub fn airy(label: &str, lo: f64, hi: f64, target: usize) -> Self {
        let (lo, hi) = widen(lo, hi);
        let air = 0.04 * (hi - lo);
        Self::linear(label, lo - air, hi + air, target)
    }

    /// Logarithmic axis over positive values; linear if a value is not positive.
    pub fn log(label: &str, lo: f64, hi: f64, target: usize) -> Self {
        let (lo, hi) = widen(lo, hi);
        if lo <= 0.0 {
            return Self::linear(label, lo, hi, target);
        }
        Self {
            label: label.into(),
            lo,
            hi,
            scale: Scale::Log,
            ticks: log_ticks(lo, hi, target),
        }
    }

    /// Axis that ends at the next of its ticks.
    pub fn up_to_a_tick(mut self) -> Self {
        let [.., before, last] = &self.ticks[..] else { return self };
        let (step, last) = (last.at - before.at, last.at);
        // Ticks at 1, 2 and 5 times powers of ten are not even.
        let first = self.ticks[1].at - self.ticks[0].at;
        let is_even = (step - first).abs() < 1e-6 * step;
        let next = if is_even { last + step } else { round_step(last * 1.01) };
        if self.hi > last + 1e-9 * step {
            let text = if is_even { tick_text(next, step) } else { short(next) };
            self.hi = next;
            self.ticks.push(Tick { at: next, text });
        }
        self
    }

    /// Horizontal axis whose label says in which direction values improve.
    pub fn improving_across(mut self, better: Better) -> Self {
        let (left, right) = match better {
            Better::Lower => ("better", "worse"),
            Better::Higher => ("worse", "better"),
        };
        self.label = format!("\u{2190} {left}\u{2003}{}\u{2003}{right} \u{2192}", self.label);
        self
    }

    /// Vertical axis whose label, which is read upwards, says in which direction values improve.
    pub fn improving_up(mut self, better: Better) -> Self {
        self.label = match better {
            Better::Lower => format!("\u{2190} better\u{2003}{}", self.label),
            Better::Higher => format!("{}\u{2003}better \u{2192}", self.label),
        };
        self
    }

    /// A value moved by a share of the length of the axis.
    pub fn moved(&self, value: f64, share: f64) -> f64 {
        match self.scale {
            Scale::Linear | Scale::Levels => value + share * (self.hi - self.lo),
            Scale::Log => value * (self.hi / self.lo).powf(share),
        }
    }

    /// Axis of epochs from 1: whole numbers, the first and the last always among the ticks.
    pub fn epochs(last: usize, target: usize) -> Self {
        let last_value = last.max(1) as f64;
        let step = round_step((last_value / target.max(1) as f64).max(1.0)).max(1.0).round();
        let mut at = vec![1.0];
        let mut next = step;
        while next <= last_value - 0.5 * step {
            if next > 1.0 + 0.4 * step {
                at.push(next);
            }
            next += step;
        }
        if last > 1 {
            at.push(last_value);
        }
        let ticks = at.into_iter().map(|at| Tick { at, text: typeset(at, 0) }).collect();
        let (lo, hi) = if last > 1 { (1.0, last_value) } else { (0.5, 1.5) };
        Self { label: "Epoch".into(), lo, hi, scale: Scale::Linear, ticks }
    }

    /// Named levels at 0, 1, 2, ...
    pub fn levels(label: &str, names: &[String]) -> Self {
        let ticks = names
            .iter()
            .enumerate()
            .map(|(i, text)| Tick { at: i as f64, text: text.clone() })
            .collect();
        let hi = names.len().max(1) as f64 - 0.5;
        Self {
            label: label.into(),
            lo: -0.5,
            hi,
            scale: Scale::Levels,
            ticks,
        }
    }

    /// Position of a value on the axis, linear in pixels.
    pub fn position(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear | Scale::Levels => value,
            // `max` would turn NaN into a number.
            Scale::Log if value.is_nan() => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).ln(),
        }
    }

    /// Position in pixels of a value between two ends of the drawn axis; values outside the axis
    /// are beyond the ends.
    pub fn along(&self, value: f64, from: f64, to: f64) -> f64 {
        let (lo, hi) = (self.position(self.lo), self.position(self.hi));
        let t = (self.position(value) - lo) / (hi - lo);
        from + t.clamp(-1e5, 1e5) * (to - from)
    }

    /// True if a value is on the axis.
    pub fn holds(&self, value: f64) -> bool {
        let slack = 1e-9 * (self.hi - self.lo);
        (self.lo - slack..=self.hi + slack).contains(&value)
    }
}

/// Minimum and maximum of the finite values; `None` if there are none.
pub fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
    })
}

/// Range that is finite, ordered, and wide enough for distinct ticks.
fn widen(lo: f64, hi: f64) -> (f64, f64) {
    let (lo, hi) = match (lo.is_finite(), hi.is_finite()) {
        (true, true) => (lo.min(hi), lo.max(hi)),
        (true, false) => (lo, lo),
        (false, true) => (hi, hi),
        (false, false) => (0.0, 1.0),
    };
    let (lo, hi) = (lo.clamp(-1e300, 1e300), hi.clamp(-1e300, 1e300));
    let least = 1e-9 * lo.abs().max(hi.abs());
    if hi - lo > least {
        return (lo, hi);
    }
    let half = if lo == 0.0 { 0.5 } else { 0.05 * lo.abs().max(hi.abs()) };
    (lo - half, hi + half)
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= raw * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Ticks at steps of 1, 2 or 5 times a power of ten: of those that give at least two ticks, the
/// step nearest to `target` ticks.
pub(super) fn number_ticks(lo: f64, hi: f64, target: usize) -> Vec<Tick> {
    let most = round_step((hi - lo) / target.max(1) as f64);
    let finer = round_step(most * 0.4);
    let count = |step: f64| ((hi / step + 1e-9).floor() - (lo / step - 1e-9).ceil() + 1.0).max(0.0);
    let off = |step: f64| (count(step) - target as f64).abs();
    let step = if count(most) < 2.0 || off(finer) < off(most) { finer } else { most };
    let first = (lo / step - 1e-9).ceil();
    let count = ((hi / step + 1e-9).floor() - first).max(0.0) as usize;
    let ticks = (0..=count)
        .map(|i| (first + i as f64) * step)
        .filter(|at| (lo..=hi).contains(at));
    ticks.map(|at| Tick { at, text: tick_text(at, step) }).collect()
}

/// Ticks at 1, 2 and 5 times powers of ten, at powers of ten alone if those are enough; of less than
/// a decade linear ticks on the logarithmic axis.
pub(super) fn log_ticks(lo: f64, hi: f64, target: usize) -> Vec<Tick> {
    let decades = lo.log10().floor() as i32..=hi.log10().ceil() as i32;
    let at = |mantissas: &[f64]| -> Vec<f64> {
        let all = decades.clone().flat_map(|d| {
            mantissas.iter().map(move |m| {
                // Powers below one are not exact: a quotient of exact numbers is nearest.
                if d < 0 { m / 10f64.powi(-d) } else { m * 10f64.powi(d) }
            })
        });
        all.filter(|v| (lo..=hi).contains(v)).collect()
    };
    let (powers, all) = (at(&[1.0]), at(&[1.0, 2.0, 5.0]));
    let values = if all.len() <= target + 2 { all } else { powers };
    if values.len() < 3 {
        let mut ticks = number_ticks(lo, hi, target);
        if ticks.iter().all(|tick| tick.at >= 1e4 && has_three_digits(tick.at)) {
            for tick in &mut ticks {
                tick.text = short(tick.at);
            }
        }
        return ticks;
    }
    let stride = values.len().div_ceil(target.max(1) + 2).max(1);
    let ticks = values.into_iter().step_by(stride);
    ticks.map(|at| Tick { at, text: short(at) }).collect()
}

/// True if a positive number has three significant digits at most, which `short` writes exactly.
fn has_three_digits(at: f64) -> bool {
    let digits = at / 10f64.powf(at.log10().floor() - 2.0);
    (digits - digits.round()).abs() < 1e-6
}

fn tick_text(at: f64, step: f64) -> String {
    if at == 0.0 {
        return "0".to_owned();
    }
    let size = at.abs().max(step);
    if !(1e-6..1e9).contains(&size) || step < 1e-9 {
        return format!("{at:e}").replace('-', "\u{2212}");
    }
    typeset(at, (-(step * 1.000_001).log10().floor()).max(0.0) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(axis: &ValueAxis) -> Result<(), TestCaseError> {
        prop_assert!(!axis.ticks.is_empty() && axis.ticks.len() < 20, "{axis:?}");
        prop_assert!(axis.ticks.iter().all(|tick| axis.holds(tick.at)), "{axis:?}");
        prop_assert!(axis.ticks.windows(2).all(|pair| pair[0].at < pair[1].at), "{axis:?}");
        let mut texts: Vec<&str> = axis.ticks.iter().map(|tick| &tick.text[..]).collect();
        texts.sort_unstable();
        texts.dedup();
        prop_assert_eq!(texts.len(), axis.ticks.len(), "a text twice: {:?}", axis.ticks);
        Ok(())
    }

    /// True if the first digit of a number is 1, 2 or 5 and all others are zero.
    fn is_round(step: f64) -> bool {
        let digit = step / 10f64.powf((step * (1.0 + 1e-9)).log10().floor());
        [1.0, 2.0, 5.0].iter().any(|round| (digit - round).abs() < 1e-3)
    }

    proptest! {
        #[test]
        fn ticks_are_round_and_none_repeats(
            power in -6.0..9.0f64, width in -4.0..6.0f64, target in 2usize..8,
        ) {
            let lo = 10f64.powf(power);
            let hi = lo * (1.0 + 10f64.powf(width));
            for axis in [
                ValueAxis::linear("", lo, hi, target),
                ValueAxis::linear("", -hi, lo, target),
                ValueAxis::airy("", lo, hi, target),
                ValueAxis::log("", lo, hi, target),
                ValueAxis::log("", lo, hi, target).up_to_a_tick(),
            ] {
                check(&axis)?;
                let steps: Vec<f64> =
                    axis.ticks.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
                let is_even = steps.iter().all(|step| (step - steps[0]).abs() < 1e-6 * steps[0]);
                let are_round = if is_even {
                    steps.first().is_none_or(|step| is_round(*step))
                } else {
                    axis.ticks.iter().all(|tick| is_round(tick.at))
                };
                prop_assert!(are_round, "{:?}", axis.ticks);
            }
        }
    }

    #[test]
    fn directions_are_read_along_the_axis() {
        let axis = || ValueAxis::linear("NLL", 0.0, 1.0, 4);
        let label = |axis: ValueAxis| axis.label;
        assert_eq!(
            label(axis().improving_across(Better::Lower)),
            "\u{2190} better\u{2003}NLL\u{2003}worse \u{2192}"
        );
        assert_eq!(
            label(axis().improving_across(Better::Higher)),
            "\u{2190} worse\u{2003}NLL\u{2003}better \u{2192}"
        );
        assert_eq!(label(axis().improving_up(Better::Lower)), "\u{2190} better\u{2003}NLL");
        assert_eq!(label(axis().improving_up(Better::Higher)), "NLL\u{2003}better \u{2192}");
    }
}
