//! Axes: range, scale, and a few round ticks.

use crate::text::{short, typeset};

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

    /// Axis with its upper end rounded up, to a value that becomes a tick.
    pub fn up_to_a_round_value(self) -> Self {
        let step = round_step(0.04 * (self.hi - self.lo));
        let hi = (self.hi / step).ceil() * step;
        let target = self.ticks.len().max(4);
        let mut wider = match self.scale {
            Scale::Log => Self::log(&self.label, self.lo, hi, target),
            Scale::Linear | Scale::Levels => Self::linear(&self.label, self.lo, hi, target),
        };
        let near = |at: f64| wider.along(at, 0.0, 1.0) > 0.93;
        wider.ticks = wider.ticks.iter().filter(|tick| !near(tick.at)).cloned().collect();
        wider.ticks.push(Tick { at: hi, text: tick_text(hi, step) });
        wider
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
fn number_ticks(lo: f64, hi: f64, target: usize) -> Vec<Tick> {
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

/// Ticks at powers of ten if there are enough of them, else at finer mantissas, else linear ticks
/// on the logarithmic axis.
fn log_ticks(lo: f64, hi: f64, target: usize) -> Vec<Tick> {
    const MANTISSAS: [&[f64]; 4] = [
        &[1.0],
        &[1.0, 3.0],
        &[1.0, 2.0, 5.0],
        &[1.0, 1.2, 1.4, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
    ];
    let decades = lo.log10().floor() as i32..=hi.log10().ceil() as i32;
    for mantissas in MANTISSAS {
        let values = decades.clone().flat_map(|d| mantissas.iter().map(move |m| m * 10f64.powi(d)));
        let values: Vec<f64> = values.filter(|v| (lo..=hi).contains(v)).collect();
        if values.len() >= target.min(4) {
            let stride = values.len().div_ceil(target.max(1) + 2).max(1);
            return values
                .into_iter()
                .step_by(stride)
                .map(|at| Tick { at, text: short(at) })
                .collect();
        }
    }
    let mut ticks = number_ticks(lo, hi, target);
    if lo >= 1e4 {
        for tick in &mut ticks {
            tick.text = short(tick.at);
        }
    }
    ticks
}

fn tick_text(at: f64, step: f64) -> String {
    let size = at.abs().max(step);
    if !(1e-6..1e9).contains(&size) || step < 1e-9 {
        return format!("{at:e}").replace('-', "\u{2212}");
    }
    typeset(at, (-(step * 1.000_001).log10().floor()).max(0.0) as usize)
}
