//! Data of the interactive parts, small enough to be part of the page.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, PreEscaped};
use serde::Serialize;
use serde_json::Value;

use super::section::OwnMarkup;
use crate::figures::looks::Look;
use crate::figures::view::{Replicate, Variant, View};
use crate::plan::PlannedVariant;
use crate::record::RunStatus;
use crate::trainer::{Better, Config};

/// Maximum number of epochs of a curve, and the number that it has on any page.
const EPOCHS: usize = 500;
const FEWEST_EPOCHS: usize = 60;
/// Number of points of all curves of a study [about 7 bytes each]: more runs have coarser curves.
const POINTS: usize = 150_000;

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
    /// Name of the held-out curve.
    curve: String,
    unit: String,
    lower: bool,
    /// True if the logarithm of the curve is of interest: that of an accuracy shows nothing.
    log: bool,
    /// True if the values of its variants have no common scale.
    blocks: bool,
    baseline: Option<usize>,
    seeds: Vec<u64>,
    /// Student's t quantile by number of values.
    t: &'a [f64],
    epochs: Vec<usize>,
    axes: Vec<ValueAxis<'a>>,
    /// Settings that all variants share.
    common: BTreeMap<String, String>,
    variants: Vec<VariantData<'a>>,
}

#[derive(Serialize)]
struct ValueAxis<'a> {
    name: &'a str,
    levels: &'a [String],
}

#[derive(Serialize)]
struct VariantData<'a> {
    label: &'a str,
    name: &'a str,
    levels: &'a [String],
    /// Index of its colour; absent for one that is grey.
    #[serde(skip_serializing_if = "Option::is_none")]
    hue: Option<usize>,
    /// Settings that not all variants share.
    config: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updates: Option<usize>,
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a str>,
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<usize>,
    train: Vec<Option<f64>>,
    held: Vec<Option<f64>>,
}

/// The data of one study.
pub(super) fn study<'a>(id: &'a str, view: &'a View, own: &'a dyn OwnMarkup) -> StudyData<'a> {
    let replicates = || view.variants.iter().flat_map(|v| &v.replicates);
    // Of runs of a program the steps need not be 1, 2, ..., nor the same.
    let steps: BTreeSet<usize> =
        replicates().flat_map(|r| r.record.epochs.iter().map(|row| row.epoch)).collect();
    let steps: Vec<usize> = steps.into_iter().collect();
    let most = (POINTS / (2 * replicates().count().max(1))).clamp(FEWEST_EPOCHS, EPOCHS);
    let rows = epochs(steps.len(), most);
    let epochs: Vec<usize> = rows.into_iter().map(|row| steps[row - 1]).collect();
    let has_family = !view.metrics.family.is_empty();
    let (common, own_settings) = settings(view);
    let looks = view.looks.variants.iter();
    let variants = view.variants.iter().zip(&view.planned.variants).zip(looks).zip(own_settings);
    let variant =
        |(((v, planned), look), config): (((&'a Variant, &'a PlannedVariant), &Look), _)| {
            VariantData {
                label: v.label,
                name: &planned.name,
                levels: v.levels,
                hue: look.hue,
                config,
                updates: v
                    .replicates
                    .first()
                    .and_then(|r| view.trainer.updates_per_epoch(&r.spec.config)),
                runs: v.replicates.iter().map(|r| run(view, r, &epochs, own)).collect(),
            }
        };
    StudyData {
        id,
        name: &view.planned.name,
        metric: view.metric_name(),
        family: view.family(),
        step: view.step_word(),
        axis: format!(
            "{}{}",
            if has_family { view.curve_family().to_owned() } else { view.curve_name() },
            view.curve_unit().in_brackets()
        ),
        // Values of the compared metric stand below this head.
        held: if has_family && view.family() == view.curve_family() {
            view.curve_name()
        } else {
            view.family().to_owned()
        },
        curve: view.curve_name(),
        unit: view.metric().unit.of("").trim().to_owned(),
        lower: view.metric().better == Better::Lower,
        log: has_family && view.metrics.has_ratios,
        blocks: !view.plan.compare.within.is_empty(),
        baseline: view.baseline,
        seeds: view.plan.seeds.iter().map(|seed| seed.0).collect(),
        t: view.reach(),
        axes: (view.planned.axes.iter())
            .map(|axis| ValueAxis { name: &axis.column, levels: &axis.levels })
            .collect(),
        variants: variants.map(variant).collect(),
        common,
        epochs,
    }
}

/// Data of all studies as a JSON array for a `<script>` element, where `<` is the only character
/// with which a text could end the element.
pub(super) fn json(studies: &[StudyData]) -> Markup {
    let json = serde_json::to_string(studies).expect("plain data");
    PreEscaped(json.replace('<', "\\u003c"))
}

fn run<'a>(
    view: &View,
    replicate: &'a Replicate,
    epochs: &[usize],
    own: &'a dyn OwnMarkup,
) -> Run<'a> {
    let record = replicate.record;
    let rows = &record.epochs;
    let thinned = |value: &dyn Fn(usize) -> f64| -> Vec<Option<f64>> {
        if rows.is_empty() {
            return Vec::new();
        }
        epochs
            .iter()
            .map(|epoch| {
                let at = rows.binary_search_by_key(epoch, |row| row.epoch).ok()?;
                rounded(value(at))
            })
            .collect()
    };
    let summary = record.summary.as_ref();
    Run {
        id: replicate.spec.id.as_str(),
        status: record.status.word(),
        error: record.error.as_deref(),
        log: own.log(&replicate.spec.id),
        score: replicate.score.filter(|score| score.is_finite()),
        seconds: record.timing.as_ref().and_then(|timing| rounded(timing.seconds)),
        last: rows.last().map(|row| row.epoch),
        best: summary
            .filter(|summary| record.status == RunStatus::Finished && summary.best_epoch > 0)
            .map(|summary| summary.best_epoch),
        train: if view.metrics.training.is_some() {
            thinned(&|i| view.training_of(&rows[i]))
        } else {
            Vec::new()
        },
        held: thinned(&|i| view.held_out_of(&rows[i])),
    }
}

/// Every epoch if there are few; otherwise the first ones, where curves bend, and evenly spaced
/// later ones.
fn epochs(last: usize, most: usize) -> Vec<usize> {
    if last <= most {
        return (1..=last).collect();
    }
    let first = most / 4;
    let rest = most - first;
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
    let unit = 10f64.powf((4.0 - size).clamp(0.0, 13.0));
    Some((value * unit).round() / unit)
}

/// Settings that all variants share, by their key paths, and the others of each variant.
pub(super) fn settings(view: &View) -> (BTreeMap<String, String>, Vec<BTreeMap<String, String>>) {
    let of = |variant: &Variant| {
        variant.replicates.first().map(|r| texts(&r.spec.config)).unwrap_or_default()
    };
    let mut own: Vec<BTreeMap<String, String>> = view.variants.iter().map(of).collect();
    let mut common = own.first().cloned().unwrap_or_default();
    for other in own.iter().skip(1) {
        common.retain(|path, value| other.get(path) == Some(value));
    }
    for settings in &mut own {
        settings.retain(|path, _| !common.contains_key(path));
    }
    (common, own)
}

/// Every setting of a run by its key path, as text.
fn texts(config: &Config) -> BTreeMap<String, String> {
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
            for most in [FEWEST_EPOCHS, EPOCHS] {
                let kept = epochs(last, most);
                assert!(kept.len() <= most && kept.windows(2).all(|w| w[0] < w[1]), "{last}");
                assert_eq!(
                    (kept.first().copied().unwrap_or(0), kept.last().copied().unwrap_or(0)),
                    (last.min(1), last)
                );
            }
        }
    }

    #[test]
    fn values_keep_five_digits_whatever_their_size() {
        for (value, kept) in [(123_456.7, 123_457.0), (0.000_123_456, 0.000_123_46), (0.0, 0.0)] {
            assert_eq!(rounded(value), Some(kept));
        }
        assert_eq!([f64::NAN, f64::INFINITY].map(rounded), [None, None]);
    }

    #[test]
    fn settings_are_named_by_their_key_paths() {
        let config = serde_json::json!({
            "model": { "ordering": "raster", "hidden": [500], "absent": null },
            "train": { "optimizer": { "adam": { "lr": 0.001 } } },
        });
        let all = texts(&Config::new(&config));
        assert_eq!(all["model.ordering"], "raster");
        assert_eq!(all["model.hidden"], "[500]");
        assert_eq!(all["train.optimizer.adam.lr"], "0.001");
        assert!(!all.contains_key("model.absent"));
    }
}
