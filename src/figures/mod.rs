//! From a study on disk to what a reader looks at: figures and one page.
//!
//! A figure is a [`Chart`] first, plain data that can be tested, and pictures second. Every kind has its own file; `charts`
//! lists them. Nothing here reads a file: images come in as [`Artefacts`], pictures go out as bytes.

mod ablation;
mod artefacts;
pub mod chart;
mod cost;
mod curves;
mod draw;
mod effects;
mod masks;
mod orderings;
mod page;
mod samples;
pub mod scale;
pub mod style;
mod thin;
mod tiles;
mod view;

use rayon::prelude::*;

use crate::data::Shape;
use crate::made::ModelConfig;
use crate::made::masks::Masks;
use crate::made::ordering::Ordering;
use crate::plan::RunSpec;
use crate::study::Study;

pub use artefacts::Artefacts;
pub use chart::{Anchor, Chart};
pub use draw::Pictures;
pub use page::{Section, page};
pub use samples::{Completion, Picture};

use masks::NamedMask;
use samples::Samples;
use view::{Replicate, View};

/// A finished figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Study it belongs to: the directory below `plots/`.
    pub study: String,
    /// What it shows, `[a-z-]+`: the file's stem.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it says, in words.
    pub caption: String,
    /// The figure itself.
    pub pictures: Pictures,
}

/// Every figure of every study of a plan, study by study; drawn in parallel, returned in a fixed order.
pub fn draw_all(study: &Study, artefacts: &Artefacts) -> Vec<Figure> {
    let charts: Vec<(String, &str, Chart)> = (0..study.plan.studies.len())
        .into_par_iter()
        .flat_map_iter(|index| {
            let owner = &study.plan.studies[index].name;
            charts(study, index, artefacts).into_iter().map(|(name, chart)| (owner.clone(), name, chart))
        })
        .collect();
    charts
        .into_par_iter()
        .map(|(study, name, chart)| {
            let pictures = draw(&chart);
            Figure { study, name: name.into(), title: chart.title, caption: chart.caption, pictures }
        })
        .collect()
}

/// The pictures of a chart.
pub fn draw(chart: &Chart) -> Pictures {
    draw::draw(chart)
}

/// Test images that a model was shown in part, and what it made of them: report figure 14.
pub fn completion(name: &str, completion: &Completion) -> Chart {
    samples::completion(name, completion)
}

/// The charts of one study with their names, in the order in which a reader wants them.
///
/// # Panics
/// If the plan has no study with this index.
pub fn charts(study: &Study, index: usize, artefacts: &Artefacts) -> Vec<(&'static str, Chart)> {
    let view = View::new(study, &study.plan.studies[index]);
    let mut charts = vec![("ablation", ablation::chart(&view, &study.ablation(index))), ("loss", curves::chart(&view))];
    charts.extend(effects::main_effects(&view).map(|chart| ("main-effects", chart)));
    charts.extend(effects::interactions(&view).map(|chart| ("interactions", chart)));
    charts.extend(cost::chart(&view, cost::Cost::Parameters).map(|chart| ("cost-parameters", chart)));
    charts.extend(cost::chart(&view, cost::Cost::Seconds).map(|chart| ("cost-time", chart)));
    if !artefacts.samples.is_empty() {
        charts.push(("samples", sample_chart(&view, artefacts)));
    }
    let data = view.data();
    for (_, chart) in &mut charts {
        chart.subtitle += &data;
        chart.caption += &data;
    }
    charts.extend(neighbour_chart(&view, artefacts).map(|chart| ("neighbours", chart)));
    charts.extend(completion_chart(&view, artefacts).map(|chart| ("completions", chart)));
    charts.extend(model_charts(&view, artefacts));
    charts
}

fn sample_chart(view: &View, artefacts: &Artefacts) -> Chart {
    let picture = |r: &Replicate| artefacts.samples.get(&r.spec.id);
    let first = view.variants.iter().flat_map(|v| &v.replicates).find(|r| picture(r).is_some());
    let seed = first.map_or(0, |r| r.seed.0);
    let mut panels = Vec::new();
    for variant in &view.variants {
        let run = variant.replicates.iter().find(|r| r.seed.0 == seed);
        let note = match variant.score(view) {
            Some(score) => format!("{} nats", scale::estimate(score.mean, score.half)),
            None => variant.missing(),
        };
        panels.push(Samples { name: variant.label.into(), note, picture: run.and_then(picture) });
    }
    let mut data: Vec<&str> = Vec::new();
    for run in view.variants.iter().flat_map(|v| &v.replicates) {
        if !data.contains(&run.spec.data.as_str()) {
            data.push(&run.spec.data);
            let name = format!("test images: {}", run.spec.config.data.name);
            let picture = artefacts.tests.get(&run.spec.data);
            panels.extend(picture.map(|p| Samples { name, note: "real, for reference".into(), picture: Some(p) }));
        }
    }
    let interval = match view.plan.seeds.len() {
        1 => "of 1 seed".to_owned(),
        n => format!("mean of {n} seeds \u{b1} half of its {} % t interval", view::percent(view.plan.compare.level)),
    };
    samples::chart(&panels, seed, &format!("{} in nats per image, {interval}", view.metric_name()))
}

/// What the first run that has it left, of the best variant that has such a run; with that variant's label.
fn of_the_best<'a, T>(view: &'a View, left: impl Fn(&Replicate) -> Option<T>) -> Option<(&'a str, T)> {
    let with = view.variants.iter().filter_map(|v| {
        let found = v.replicates.iter().find_map(&left)?;
        Some((v.score(view)?.mean, v.label, found))
    });
    with.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, label, found)| (label, found))
}

fn completion_chart(view: &View, artefacts: &Artefacts) -> Option<Chart> {
    let (label, completion) = of_the_best(view, |r| artefacts.completions.get(&r.spec.id))?;
    Some(samples::completion(label, completion))
}

fn neighbour_chart(view: &View, artefacts: &Artefacts) -> Option<Chart> {
    let pair = |r: &Replicate| Some((artefacts.samples.get(&r.spec.id)?, artefacts.nearest.get(&r.spec.id)?));
    let (label, (drawn, nearest)) = of_the_best(view, pair)?;
    Some(samples::neighbours(label, drawn, nearest))
}

/// Masks that a figure shows at most.
const MASKS: usize = 6;

/// Orderings, masks and what outputs see, from the masks of the study's own runs.
fn model_charts(view: &View, artefacts: &Artefacts) -> Vec<(&'static str, Chart)> {
    let mut runs: Vec<(&str, &RunSpec)> = Vec::new();
    for variant in &view.variants {
        let Some(run) = variant.replicates.first() else { continue };
        let same = |known: &&RunSpec| mask_rules(&known.config.model) == mask_rules(&run.spec.config.model);
        if !runs.iter().map(|(_, spec)| *spec).any(|known| same(&known)) {
            runs.push((variant.label, run.spec));
        }
    }
    let Some(&(_, first)) = runs.first() else { return Vec::new() };
    let shape = shape(view, first, artefacts);

    let mut orderings: Vec<(String, Ordering)> = Vec::new();
    for (_, spec) in &runs {
        let rule = word(&spec.config.model.ordering);
        if !orderings.iter().any(|(name, _)| *name == rule) {
            orderings.push((rule, Masks::new(&spec.config.model, shape, 1, spec.seed).evaluated(0).ordering().clone()));
        }
    }
    let named = |model: &dyn Fn(&ModelConfig) -> ModelConfig, shape: Shape, most: usize| -> Vec<NamedMask> {
        let masks = runs.iter().take(most).map(|(label, spec)| NamedMask {
            name: (*label).to_owned(),
            mask: Masks::new(&model(&spec.config.model), shape, 1, spec.seed).evaluated(0),
        });
        masks.collect()
    };
    let small = named(&toy, TOY, MASKS);
    let mut real = named(&ModelConfig::clone, shape, view.variants.len());
    let mut seen: Vec<Vec<usize>> = Vec::new();
    real.retain(|m| {
        let visible = m.mask.visible();
        let new = !seen.contains(&visible);
        seen.push(visible);
        new
    });
    real.truncate(8);
    vec![
        ("orderings", orderings::chart(&orderings, shape)),
        ("masks", masks::matrices(&small[..small.len().min(3)])),
        ("network", masks::networks(&small)),
        ("visibility", masks::visibility(&real)),
        ("views", masks::views(&real[..real.len().min(4)], shape)),
    ]
}

/// Grid of the small networks that illustrate masks.
const TOY: Shape = Shape { width: 3, height: 2 };

/// A model of few units under the same rules.
fn toy(model: &ModelConfig) -> ModelConfig {
    let hidden = model.hidden.iter().take(3).map(|&width| width.min(7)).collect();
    ModelConfig { hidden, ..model.clone() }
}

/// What decides the masks of a model.
fn mask_rules(model: &ModelConfig) -> ModelConfig {
    ModelConfig {
        hidden: model.hidden.clone(),
        ordering: model.ordering,
        degrees: model.degrees,
        skip: model.skip,
        ..ModelConfig::default()
    }
}

/// How a run's pixels lie: as its images say, else as its number of variables suggests.
fn shape(view: &View, spec: &RunSpec, artefacts: &Artefacts) -> Shape {
    let of_data = artefacts.tests.get(&spec.data).or_else(|| artefacts.samples.get(&spec.id)).map(|p| p.shape);
    let dim = || {
        let records = view.variants.iter().flat_map(|v| &v.replicates).filter(|r| r.spec.data == spec.data);
        records.filter_map(|r| r.record.summary.as_ref()).map(|s| s.dim).next()
    };
    let side = spec.config.data.size;
    of_data.or_else(|| dim().map(view::shape_of)).unwrap_or(Shape { width: side, height: side })
}

/// A setting's word in the experiment file.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
