//! Selection of masks and orderings for the figures of the model: those of the study's own runs,
//! each kind once.

use std::collections::BTreeMap;

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
    let Some((_, first)) = runs.first() else { return Vec::new() };
    let small = small(view);
    let of_the_kinds = [
        ("masks", first_of(&small, 3, &masks::matrices)),
        ("network", first_of(&small, 6, &masks::networks)),
    ];
    // Columns of a table have no places.
    if run_config(&first.config).data.values.is_real() {
        return of_the_kinds.into();
    }
    let shape = shape(view, first, artefacts);
    let real = real(&runs[..runs.len().min(CONSIDERED)], shape);
    let of_the_first = |mut chart: Chart| {
        if runs.len() > CONSIDERED {
            chart.subtitle +=
                &format!(" Among the first {CONSIDERED} of {} kinds of rules.", runs.len());
        }
        chart
    };
    let views = |named: &[NamedMask]| visibility::views(named, shape);
    let visibility = first_of(&by_visibility(&real), 8, &visibility::gaps);
    let mut charts = Vec::from(of_the_kinds);
    charts.push(("visibility", of_the_first(visibility)));
    // Nor have the variables of a vector.
    if shape.height > 1 {
        charts.insert(0, ("orderings", orderings::chart(&orderings(&runs, shape), shape)));
        charts.push(("views", of_the_first(first_of(&by_ordering(&real), 8, &views))));
    }
    charts
}

/// Chart of the first `most` masks; if some are omitted, it names them.
fn first_of(all: &[NamedMask], most: usize, chart: &dyn Fn(&[NamedMask]) -> Chart) -> Chart {
    let (shown, omitted) = all.split_at(all.len().min(most));
    let mut chart = chart(shown);
    if !omitted.is_empty() {
        let names: Vec<&str> = omitted.iter().map(|own| own.name.as_str()).collect();
        let said = format!(" {most} of {} kinds; not shown: {}.", all.len(), together(&names));
        chart.subtitle += &said;
        chart.caption += &said;
    }
    chart
}

/// Kinds in the order in which they tell most: after the first, in turn for each of their features,
/// the kind most like the first among those with a level that no kind before has.
fn most_telling<T>(kinds: Vec<(Vec<String>, T)>) -> Vec<T> {
    let (features, mut kinds): (Vec<Vec<String>>, Vec<Option<T>>) =
        kinds.into_iter().map(|(features, kind)| (features, Some(kind))).unzip();
    let others = |i: &usize| features[*i].iter().zip(&features[0]).filter(|(a, b)| a != b).count();
    let mut alike: Vec<usize> = (0..kinds.len()).collect();
    alike.sort_by_key(others);
    let mut order: Vec<usize> = alike.first().copied().into_iter().collect();
    let new = |feature: usize, order: &[usize]| {
        let is_new = |&i: &usize| {
            order.iter().all(|&known| features[known][feature] != features[i][feature])
        };
        alike.iter().copied().find(is_new)
    };
    loop {
        let before = order.len();
        for feature in 0..features.first().map_or(0, Vec::len) {
            let next = new(feature, &order);
            order.extend(next);
        }
        if order.len() == before {
            break;
        }
    }
    let rest: Vec<usize> = (0..kinds.len()).filter(|i| !order.contains(i)).collect();
    order.into_iter().chain(rest).filter_map(|i| kinds[i].take()).collect()
}

/// Settings that tell kinds of masks apart, the most important first.
fn features(model: &ModelConfig) -> Vec<String> {
    vec![
        word(&model.ordering),
        word(&model.skip),
        word(&model.degrees),
        word(&model.hidden),
    ]
}

/// First run under each of the rules of masks, with the labels of all variants under them.
fn runs<'a>(view: &'a View) -> Vec<(Vec<&'a str>, &'a RunSpec)> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut runs: Vec<(Vec<&str>, &RunSpec)> = Vec::new();
    for variant in &view.variants {
        let Some(spec) = variant.replicates.first().map(|run| run.spec) else {
            continue;
        };
        let rules = word(&rules(&run_config(&spec.config).model));
        match known.get(&rules) {
            Some(&i) => runs[i].0.push(variant.label),
            None => {
                known.insert(rules, runs.len());
                runs.push((vec![variant.label], spec));
            }
        }
    }
    runs
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
fn orderings(runs: &[(Vec<&str>, &RunSpec)], shape: Shape) -> Vec<(String, Ordering)> {
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
    let mut groups: Vec<(String, MaskSet, Vec<&str>, Vec<String>)> = Vec::new();
    for (label, spec) in variants() {
        let model = toy(&run_config(&spec.config).model);
        let kind = word(&rules(&model));
        let mask = masks(spec).evaluated(0);
        match groups.iter_mut().find(|(rules, known, ..)| *rules == kind || *known == mask) {
            Some((_, _, labels, _)) => labels.push(label),
            None => groups.push((kind, mask, vec![label], features(&model))),
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
    let named = groups
        .into_iter()
        .map(|(_, mask, labels, features)| (features, NamedMask { name: together(&labels), mask }));
    most_telling(named.collect())
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

/// The first mask of runs under the same rules.
struct Real<'a> {
    labels: Vec<&'a str>,
    features: Vec<String>,
    mask: MaskSet,
}

/// First masks of the runs' models.
fn real<'a>(runs: &[(Vec<&'a str>, &RunSpec)], shape: Shape) -> Vec<Real<'a>> {
    let masks = runs.iter().map(|(labels, spec)| {
        let model = &run_config(&spec.config).model;
        Real {
            labels: labels.clone(),
            features: features(model),
            mask: Masks::new(model, shape, 1, spec.seed).evaluated(0),
        }
    });
    masks.collect()
}

/// Masks once of which `same` is equal, with their features, named after all variants that have it.
fn once<K: PartialEq>(real: &[Real], same: impl Fn(&Real) -> K) -> Vec<(Vec<String>, NamedMask)> {
    let mut groups: Vec<(K, Vec<&str>, &Real)> = Vec::new();
    for own in real {
        let key = same(own);
        match groups.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, labels, _)) => labels.extend(&own.labels),
            None => groups.push((key, own.labels.clone(), own)),
        }
    }
    let named = groups.into_iter().map(|(_, labels, own)| {
        let named = NamedMask { name: together(&labels), mask: own.mask.clone() };
        (own.features.clone(), named)
    });
    named.collect()
}

/// Masks through which outputs see other numbers of pixels.
fn by_visibility(real: &[Real]) -> Vec<NamedMask> {
    most_telling(once(real, |own| own.mask.visible()))
}

/// The same for each ordering; the first mask of every ordering comes before further ones.
fn by_ordering(real: &[Real]) -> Vec<NamedMask> {
    let mut masks = once(real, |own| (own.features[0].clone(), own.mask.visible()));
    for (features, _) in &mut masks {
        features.truncate(1);
    }
    most_telling(masks)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kinds_have_every_feature() {
        let kinds = ["raster off", "raster on", "random off", "random on", "spiral off"];
        let kinds = kinds.map(|kind| (kind.split(' ').map(str::to_owned).collect(), kind)).to_vec();
        assert_eq!(
            most_telling(kinds),
            ["raster off", "random off", "raster on", "spiral off", "random on"]
        );
        assert!(most_telling::<()>(Vec::new()).is_empty());
    }
}
