//! Data of the interactive parts, small enough to be part of the page.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, PreEscaped};
use serde::Serialize;
use serde_json::Value;

use crate::figures::view::{Replicate, View};
use crate::record::RunStatus;
use crate::trainer::Config;

/// Maximum number of epochs of a curve.
const EPOCHS: usize = 240;

/// A study, for the script.
#[derive(Serialize)]
pub(super) struct StudyData<'a> {
    id: &'a str,
    name: &'a str,
    metric: &'a str,
    /// Common name of all metrics, for the axis of curves, and the name of the held-out curve.
    family: &'a str,
    axis: String,
    /// Label of the other axis.
    step: &'static str,
    held: String,
    unit: &'a str,
    seeds: Vec<u64>,
    /// Student's t quantile by number of values.
    t: &'a [f64],
    epochs: Vec<usize>,
    axes: Vec<ValueAxis<'a>>,
    variants: Vec<Variant<'a>>,
}

#[derive(Serialize)]
struct ValueAxis<'a> {
    name: &'a str,
    levels: &'a [String],
}

#[derive(Serialize)]
struct Variant<'a> {
    label: &'a str,
    levels: &'a [String],
    config: BTreeMap<String, String>,
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    id: &'a str,
    ok: bool,
    score: Option<f64>,
    train: Vec<Option<f64>>,
    held: Vec<Option<f64>>,
}

/// The data of one study.
pub(super) fn study<'a>(id: &'a str, view: &'a View) -> StudyData<'a> {
    let replicates = view.variants.iter().flat_map(|v| &v.replicates);
    // Of runs of a program the steps need not be 1, 2, ..., nor the same.
    let steps: BTreeSet<usize> =
        replicates.flat_map(|r| r.record.epochs.iter().map(|row| row.epoch)).collect();
    let steps: Vec<usize> = steps.into_iter().collect();
    let epochs: Vec<usize> = epochs(steps.len()).into_iter().map(|row| steps[row - 1]).collect();
    let variant = |v: &'a crate::figures::view::Variant| Variant {
        label: v.label,
        levels: v.levels,
        config: v.replicates.first().map(|r| settings(&r.spec.config)).unwrap_or_default(),
        runs: v.replicates.iter().map(|r| run(view, r, &epochs)).collect(),
    };
    StudyData {
        id,
        name: &view.planned.name,
        metric: view.metric_name(),
        family: view.family(),
        step: view.step_word(),
        axis: format!(
            "{}{}",
            if view.metrics.family.is_empty() {
                view.curve_name()
            } else {
                view.family().to_owned()
            },
            view.curve_unit().in_brackets()
        ),
        // Values of the compared metric stand below this head.
        held: if view.metrics.family.is_empty() {
            view.family().to_owned()
        } else {
            view.curve_name()
        },
        unit: &view.metric().unit.short,
        seeds: view.plan.seeds.iter().map(|seed| seed.0).collect(),
        t: view.reach(),
        axes: view
            .planned
            .axes
            .iter()
            .map(|axis| ValueAxis { name: &axis.column, levels: &axis.levels })
            .collect(),
        variants: view.variants.iter().map(variant).collect(),
        epochs,
    }
}

/// Data of all studies as a JSON array for a `<script>` element, where `<` is the only character
/// with which a text could end the element.
pub(super) fn json(studies: &[StudyData]) -> Markup {
    let json = serde_json::to_string(studies).expect("plain data");
    PreEscaped(json.replace('<', "\\u003c"))
}

fn run<'a>(view: &View, replicate: &'a Replicate, epochs: &[usize]) -> Run<'a> {
    let rows = &replicate.record.epochs;
    let thinned = |value: &dyn Fn(usize) -> f64| -> Vec<Option<f64>> {
        epochs
            .iter()
            .map(|epoch| {
                let at = rows.binary_search_by_key(epoch, |row| row.epoch).ok()?;
                rounded(value(at))
            })
            .collect()
    };
    Run {
        id: replicate.spec.id.as_str(),
        ok: replicate.record.status == RunStatus::Finished,
        score: replicate.score,
        train: thinned(&|i| view.training_of(&rows[i])),
        held: thinned(&|i| view.held_out_of(&rows[i])),
    }
}

/// Every epoch if there are few; otherwise the first ones, where curves bend, and evenly spaced
/// later ones.
fn epochs(last: usize) -> Vec<usize> {
    if last <= EPOCHS {
        return (1..=last).collect();
    }
    let first = EPOCHS / 4;
    let rest = EPOCHS - first;
    (1..=first)
        .chain((1..=rest).map(|i| first + i * (last - first) / rest))
        .collect()
}

/// Value rounded to five significant digits: the error is less than a pixel.
fn rounded(value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs().max(1e-9).log10().floor();
    let unit = 10f64.powf((4.0 - size).clamp(0.0, 9.0));
    Some((value * unit).round() / unit)
}

/// Every setting of a run by its key path, as text.
fn settings(config: &Config) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    config.leaves().into_iter().map(|(path, value)| (path, text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_keep_their_ends_and_their_first_epochs() {
        for last in [0, 1, 7, EPOCHS, EPOCHS + 1, 10_000] {
            let kept = epochs(last);
            assert!(kept.len() <= EPOCHS && kept.windows(2).all(|w| w[0] < w[1]), "{last}");
            assert_eq!(
                (kept.first().copied().unwrap_or(0), kept.last().copied().unwrap_or(0)),
                (last.min(1), last)
            );
        }
    }

    #[test]
    fn settings_are_named_by_their_key_paths() {
        let config = serde_json::json!({
            "model": { "ordering": "raster", "hidden": [500], "absent": null },
            "train": { "optimizer": { "adam": { "lr": 0.001 } } },
        });
        let all = settings(&Config::new(&config));
        assert_eq!(all["model.ordering"], "raster");
        assert_eq!(all["model.hidden"], "[500]");
        assert_eq!(all["train.optimizer.adam.lr"], "0.001");
        assert!(!all.contains_key("model.absent"));
    }
}
