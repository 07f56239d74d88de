//! Differences over seeds and test examples at once, as tables and sentences show them.

use super::ablation::Delta;
use super::cell::Value;
use crate::stats::{Crossed, ErrorSource};
use crate::trainer::Metrics;

/// Way to make a crossed interval narrower: more of the source of error that dominates it.
pub fn narrower_with(crossed: &Crossed, metrics: &Metrics) -> String {
    let examples = &metrics.examples;
    match crossed.dominant() {
        Some(ErrorSource::Seeds) => "more seeds".to_owned(),
        Some(ErrorSource::Examples) => format!("more test {examples}"),
        None => format!("more seeds or test {examples}"),
    }
}

/// Cells of `ablation.csv`.
pub(super) fn cells<'a>(delta: Option<&Delta>, metrics: &Metrics) -> [Value<'a>; 4] {
    let crossed = delta.and_then(|delta| delta.crossed);
    [
        Value::number(crossed.map(|crossed| crossed.interval.low)),
        Value::number(crossed.map(|crossed| crossed.interval.high)),
        Value::number(crossed.map(|crossed| crossed.df)),
        crossed.map_or(Value::Empty, |crossed| Value::text(narrower_with(&crossed, metrics))),
    ]
}
