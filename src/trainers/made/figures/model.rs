//! Selection of masks and orderings for the figures of the model: those of the study's own runs,
//! each kind once.

use std::collections::{BTreeMap, BTreeSet};

use super::artefacts::Artefacts;
use super::artefacts::shape_of;
use super::named_mask::NamedMask;
use super::{masks, orderings, visibility};
use crate::data::Shape;
use crate::figures::chart::Chart;
use crate::figures::view::{Replicate, View};
use crate::made::masks::{MaskSet, Masks};
use crate::made::ordering::Ordering;
use crate::made::{MaskCount, ModelConfig};
use crate::plan::RunSpec;
use crate::trainers::made::{metrics::MadeFacts, run_config};

/// Number of masks of one cycle that are shown.
const CYCLE: usize = 3;
/// Maximum number of names of one mask that are written out.
const NAMES: usize = 6;
/// Maximum number of kinds of rules for which masks of full size are made.
const CONSIDERED: usize = 64;
/// Grid of the small networks that illustrate masks.
const TOY: Shape = Shape { width: 3, height: 2 };

/// Charts of orderings, masks and visibility.
pub(crate) fn charts(view: &View, artefacts: &Artefacts) -> Vec<(&'static str, Chart)> {
    let runs = runs(view);
    let Some(&(_, first)) = runs.first() else { return Vec::new() };
    let shape = shape(view, first, artefacts);
    let small = small(view);
    let real = real(&runs[..runs.len().min(CONSIDERED)], shape);
    let of_the_first = |mut chart: Chart| {
        if runs.len() > CONSIDERED {
            chart.subtitle +=
                &format!(" Among the first {CONSIDERED} of {} kinds of rules.", runs.len());
        }
        chart
    };
    let views = |named: &[NamedMask]| visibility::views(named, shape);
    vec![
        ("orderings", orderings::chart(&orderings(&runs, shape), shape)),
        ("masks", first_of(&small, 3, &masks::matrices)),
        ("network", first_of(&small, 6, &masks::networks)),
        (
            "visibility",
            of_the_first(first_of(&by_visibility(&real), 8, &visibility::gaps)),
        ),
        ("views", of_the_first(first_of(&by_ordering(&real), 8, &views))),
    ]
}

/// Chart of the first `most` masks; if some are omitted, it says so.
fn first_of(all: &[NamedMask], most: usize, chart: &dyn Fn(&[NamedMask]) -> Chart) -> Chart {
    let mut chart = chart(&all[..all.len().min(most)]);
    if all.len() > most {
        chart.subtitle += &format!(" The first {most} of {} kinds.", all.len());
    }
    chart
}

/// First run of each variant whose masks follow other rules than those of previous variants, with
/// the variant's label.
fn runs<'a>(view: &'a View) -> Vec<(&'a str, &'a RunSpec)> {
    let mut known = BTreeSet::new();
    let first = view
        .variants
        .iter()
        .filter_map(|variant| Some((variant.label, variant.replicates.first()?.spec)));
    first
        .filter(|(_, spec)| known.insert(word(&rules(&run_config(&spec.config).model))))
        .collect()
}

/// Settings that decide the masks of a model, with all others at fixed values.
fn rules(model: &ModelConfig) -> ModelConfig {
    ModelConfig {
        hidden: model.hidden.clone(),
        ordering: model.ordering,
        degrees: model.degrees,
        skip: model.skip,
        ..ModelConfig::default()
    }
}

/// Every ordering once, with its word in the experiment file.
fn orderings(runs: &[(&str, &RunSpec)], shape: Shape) -> Vec<(String, Ordering)> {
    let mut orderings: Vec<(String, Ordering)> = Vec::new();
    for (_, spec) in runs {
        let rule = word(&run_config(&spec.config).model.ordering);
        if !orderings.iter().any(|(name, _)| *name == rule) {
            let masks = Masks::new(&run_config(&spec.config).model, shape, 1, spec.seed);
            orderings.push((rule, masks.evaluated(0).ordering().clone()));
        }
    }
    orderings
}

/// Masks of a small network under the rules of all variants, equal ones once; if there is only one
/// and training cycles through several masks, the first masks of a cycle.
fn small(view: &View) -> Vec<NamedMask> {
    let masks =
        |spec: &RunSpec| Masks::new(&toy(&run_config(&spec.config).model), TOY, 1, spec.seed);
    let variants =
        || view.variants.iter().filter_map(|v| Some((v.label, v.replicates.first()?.spec)));
    let mut groups: Vec<(String, MaskSet, Vec<&str>)> = Vec::new();
    for (label, spec) in variants() {
        let kind = word(&rules(&toy(&run_config(&spec.config).model)));
        let mask = masks(spec).evaluated(0);
        match groups.iter_mut().find(|(rules, known, _)| *rules == kind || *known == mask) {
            Some((_, _, labels)) => labels.push(label),
            None => groups.push((kind, mask, vec![label])),
        }
    }
    let length = |spec: &RunSpec| match run_config(&spec.config).model.masks {
        MaskCount::Cycle(count) => count.min(CYCLE),
        MaskCount::Fresh => CYCLE,
    };
    let longest = variants()
        .rev()
        .max_by_key(|(_, spec)| length(spec))
        .filter(|(_, spec)| length(spec) > 1);
    if let ([_], Some((label, spec))) = (&groups[..], longest) {
        let name = |k: usize| format!("{label}: mask {}", k + 1);
        let mask = |k| NamedMask { name: name(k), mask: masks(spec).trained(k as u64) };
        return (0..length(spec)).map(mask).collect();
    }
    groups
        .into_iter()
        .map(|(_, mask, labels)| NamedMask { name: together(&labels), mask })
        .collect()
}

/// Names of variants with equal masks: `hidden 50; baseline; hidden 200`.
fn together(labels: &[&str]) -> String {
    let (shown, rest) = labels.split_at(labels.len().min(NAMES));
    let more = if rest.is_empty() {
        String::new()
    } else {
        format!("; and {} more", rest.len())
    };
    shown.join("; ") + &more
}

/// A model of few units under the same rules.
fn toy(model: &ModelConfig) -> ModelConfig {
    let hidden = model.hidden.iter().take(3).map(|&width| width.min(7)).collect();
    ModelConfig { hidden, ..model.clone() }
}

/// First masks of the runs' models, each with the word of its ordering.
fn real(runs: &[(&str, &RunSpec)], shape: Shape) -> Vec<(String, NamedMask)> {
    let masks = runs.iter().map(|(label, spec)| {
        let model = &run_config(&spec.config).model;
        let mask = Masks::new(model, shape, 1, spec.seed).evaluated(0);
        (word(&model.ordering), NamedMask { name: (*label).to_owned(), mask })
    });
    masks.collect()
}

/// Of masks through which outputs see the same numbers of pixels, the first.
fn by_visibility(real: &[(String, NamedMask)]) -> Vec<NamedMask> {
    let mut seen = BTreeSet::new();
    let masks = real.iter().filter(|(_, own)| seen.insert(own.mask.visible()));
    masks.map(|(_, own)| own.clone()).collect()
}

/// The same for each ordering; the first mask of every ordering comes before further ones.
fn by_ordering(real: &[(String, NamedMask)]) -> Vec<NamedMask> {
    let mut seen: BTreeMap<&str, BTreeSet<Vec<usize>>> = BTreeMap::new();
    let mut masks = Vec::new();
    for (ordering, own) in real {
        let known = seen.entry(ordering).or_default();
        if known.insert(own.mask.visible()) {
            masks.push((known.len(), own));
        }
    }
    masks.sort_by_key(|(further, _)| *further);
    masks.into_iter().map(|(_, own)| own.clone()).collect()
}

/// Shape of a run's images: that of its saved images, else guessed from its number of variables.
fn shape(view: &View, spec: &RunSpec, artefacts: &Artefacts) -> Shape {
    let of_data = artefacts
        .tests
        .get(&spec.data)
        .or_else(|| artefacts.samples.get(&spec.id))
        .map(|p| p.shape);
    let dim = || {
        let records = view
            .variants
            .iter()
            .flat_map(|v| &v.replicates)
            .filter(|r| r.spec.data == spec.data);
        let facts = |r: &Replicate| MadeFacts::of(&r.record.summary.as_ref()?.facts);
        records.filter_map(facts).map(|facts| facts.dim).next()
    };
    let side = run_config(&spec.config).data.size;
    of_data
        .or_else(|| dim().map(shape_of))
        .unwrap_or(Shape { width: side, height: side })
}

/// A setting's word in the experiment file.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
