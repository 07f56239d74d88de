//! Figures of MADE: samples, completions, masks, orderings and visibility, from the arrays that its
//! runs save.

mod artefacts;
mod calibration;
mod conditionals;
mod contact_sheet;
pub(crate) mod image_grid;
mod masks;
mod model;
mod named_mask;
mod orderings;
mod page_samples;
mod samples;
mod table;
mod tiles;
mod visibility;

use std::collections::BTreeMap;

use maud::Markup;

use crate::data::Images;
use crate::figures::view::{MeanInterval, Replicate, Variant, View};
use crate::figures::{Chart, OwnCharts};
use crate::page::OwnMarkup;
use crate::plan::RunId;
use crate::results::ExperimentResults;
use crate::text::{estimate, percent};
use crate::trainers::made::metrics::ROWS;
use crate::trainers::made::run_config;
use calibration::Calibrated;
use conditionals::Predicted;
use samples::Samples;
use table::{LeftOut, SampledRows};

pub use artefacts::{Artefacts, TableArtefacts};
pub(in crate::trainers::made) use artefacts::{are_images, are_rows};
pub use conditionals::PixelDistribution;
pub use contact_sheet::contact_sheet;
pub use samples::{Completion, Picture};
pub use table::DensityGrid;

/// Names of the figures of MADE's studies.
pub const NAMES: [&str; 12] = [
    "samples",
    "neighbours",
    "completions",
    "density",
    "marginals",
    "calibration",
    "conditionals",
    "orderings",
    "masks",
    "network",
    "visibility",
    "views",
];

impl OwnCharts for Artefacts {
    fn charts(&self, results: &ExperimentResults, study: usize) -> Vec<(&'static str, Chart)> {
        let view = View::new(results, &results.plan.studies[study]);
        let mut charts = Vec::new();
        let with_data = |mut chart: Chart| {
            let data = view.data();
            chart.subtitle += &data;
            chart.caption += &data;
            chart
        };
        if !self.samples.is_empty() {
            charts.push(("samples", with_data(sample_chart(&view, self))));
        }
        charts.extend(neighbour_chart(&view, self).map(|chart| ("neighbours", chart)));
        charts.extend(completion_chart(&view, self).map(|chart| ("completions", chart)));
        let tables = &self.tables;
        charts.extend(density_chart(&view, tables).map(|chart| ("density", with_data(chart))));
        charts.extend(marginals_chart(&view, tables).map(|chart| ("marginals", with_data(chart))));
        let calibration =
            transforms_chart(&view, tables).or_else(|| calibration_chart(&view, self));
        charts.extend(calibration.map(|chart| ("calibration", with_data(chart))));
        let conditionals = conditionals_chart(&view, self);
        charts.extend(conditionals.map(|chart| ("conditionals", with_data(chart))));
        charts.extend(model::charts(&view, self));
        for (_, chart) in &mut charts {
            chart.title += &format!(": {}", view.planned.name);
        }
        charts
    }
}

impl OwnMarkup for Artefacts {
    fn markup(&self, results: &ExperimentResults, study: usize) -> Markup {
        page_samples::samples(self, &View::new(results, &results.plan.studies[study]))
    }
}

/// Chart of completions of test images of which the model was given a part.
pub fn completion(name: &str, completion: &Completion) -> Chart {
    samples::completion(name, completion)
}

fn sample_chart(view: &View, artefacts: &Artefacts) -> Chart {
    let picture = |r: &Replicate| artefacts.samples.get(&r.spec.id);
    let first = view.variants.iter().flat_map(|v| &v.replicates).find(|r| picture(r).is_some());
    let seed = first.map_or(0, |r| r.seed.0);
    let mut panels = Vec::new();
    for variant in &view.variants {
        let run = variant.replicates.iter().find(|r| r.seed.0 == seed);
        let note = match variant.score(view) {
            Some(score) => view.metric().unit.of(&estimate(score.mean, score.half)),
            None => variant.missing(),
        };
        panels.push(Samples {
            name: variant.label.into(),
            note,
            picture: run.and_then(picture),
            is_real: false,
        });
    }
    let mut data: Vec<&str> = Vec::new();
    for run in view.variants.iter().flat_map(|v| &v.replicates) {
        if !data.contains(&run.spec.data.as_str()) {
            data.push(&run.spec.data);
            let name = format!("test images: {}", run_config(&run.spec.config).data.name);
            let picture = artefacts.tests.get(&run.spec.data);
            panels.extend(picture.map(|p| Samples {
                name,
                note: "real, for reference".into(),
                picture: Some(p),
                is_real: true,
            }));
        }
    }
    let interval = match view.plan.seeds.len() {
        1 => "of 1 seed".to_owned(),
        n => format!(
            "mean of {n} seeds \u{b1} half of its {} % t interval",
            percent(view.plan.compare.level)
        ),
    };
    samples::chart(&panels, seed, &format!("{}{}, {interval}", view.metric_name(), view.in_unit()))
}

/// Data of the first run that has them, of the best variant with such a run, with words for that
/// variant. Values on different data have no best: then it is the best of the first block, or the
/// baseline of one whose values do not compare, and is named with its data.
fn of_the_best<T>(view: &View, left: impl Fn(&Replicate) -> Option<T>) -> Option<(String, T)> {
    let comparable = |variants: &[usize]| view.are_comparable(variants.iter().copied());
    let of = |v: usize| {
        let found = view.variants[v].replicates.iter().find_map(&left)?;
        Some((v, view.variants[v].score(view)?.mean, found))
    };
    let best = |variants: &[usize], baseline: Option<usize>| {
        if !comparable(variants) {
            return baseline.into_iter().chain(variants.iter().copied()).find_map(of);
        }
        let with = variants.iter().filter_map(|&v| of(v));
        with.min_by(|a, b| view.metric().better.order(a.1, b.1))
    };
    let all: Vec<usize> = (0..view.variants.len()).collect();
    if comparable(&all) {
        return best(&all, None).map(|(v, _, found)| (view.variants[v].label.to_owned(), found));
    }
    let blocks = view.planned.blocks(&view.plan.compare.within, view.baseline);
    let (variant, _, found) =
        blocks.iter().find_map(|block| best(&block.variants, block.baseline))?;
    let Variant { label, replicates, .. } = &view.variants[variant];
    let data = &run_config(&replicates.first()?.spec.config).data.name;
    let is_named = label.contains(data.as_str());
    Some((if is_named { (*label).to_owned() } else { format!("{label} on {data}") }, found))
}

fn completion_chart(view: &View, artefacts: &Artefacts) -> Option<Chart> {
    let (name, completion) = of_the_best(view, |r| artefacts.completions.get(&r.spec.id))?;
    Some(samples::completion(&name, completion))
}

/// Maximum number of variants of a figure with one row a variant.
const MOST_ROWS: usize = 8;

/// First run of each variant that left something, with the index of the variant, and the number of
/// further variants that are not drawn.
fn first_of_each<'a, T>(
    view: &'a View,
    left: &'a BTreeMap<RunId, T>,
) -> (Vec<(usize, &'a Replicate<'a>, &'a T)>, usize) {
    let mut all = first_of_all(view, left);
    let left_out = all.len().saturating_sub(MOST_ROWS);
    all.truncate(MOST_ROWS);
    (all, left_out)
}

/// First run of every variant that left something, with the index of the variant.
fn first_of_all<'a, T>(
    view: &'a View,
    left: &'a BTreeMap<RunId, T>,
) -> Vec<(usize, &'a Replicate<'a>, &'a T)> {
    let first = |(v, variant): (usize, &'a Variant<'a>)| {
        let of = |run: &'a Replicate<'a>| Some((v, run, left.get(&run.spec.id)?));
        variant.replicates.iter().find_map(of)
    };
    view.variants.iter().enumerate().filter_map(first).collect()
}

fn calibration_chart(view: &View, artefacts: &Artefacts) -> Option<Chart> {
    let (shown, left_out) = first_of_each(view, &artefacts.calibrations);
    let calibrated = |&(v, run, calibration): &(usize, &Replicate, _)| Calibrated {
        name: view.variants[v].label,
        color: view.color(v),
        seed: run.seed.0,
        calibration,
    };
    let shown: Vec<_> = shown.iter().map(calibrated).collect();
    (!shown.is_empty()).then(|| calibration::chart(&shown, left_out))
}

/// A run of the figures of tables, with the score of its variant.
fn of<'a, T: ?Sized>(
    view: &'a View<'a>,
    (v, run, found): (usize, &Replicate, &'a T),
) -> table::Of<'a, T> {
    let variant = &view.variants[v];
    let score = variant.score(view).map(MeanInterval::words).unwrap_or_default();
    table::Of {
        name: variant.label,
        note: view.metric().unit.of(&score),
        color: view.color(v),
        seed: run.seed.0,
        found,
    }
}

fn density_chart(view: &View, tables: &TableArtefacts) -> Option<Chart> {
    let all = first_of_all(view, &tables.densities);
    let (_, first, _) = *all.first()?;
    let columns = tables.columns.get(&first.spec.id)?;
    // Densities of other tables have other axes.
    let is_alike =
        |(_, run, _): &(usize, &Replicate, &DensityGrid)| run.spec.data == first.spec.data;
    let mut alike: Vec<_> = all.iter().copied().filter(is_alike).map(|own| of(view, own)).collect();
    let left_out = LeftOut {
        no_room: alike.len().saturating_sub(MOST_ROWS),
        other_data: all.len() - alike.len(),
    };
    alike.truncate(MOST_ROWS);
    let in_unit = view.in_unit();
    // A metric without a unit, such as an accuracy, is no density.
    let scale = if in_unit.is_empty() { "" } else { ROWS.scale };
    let metric = format!("{}{in_unit}{scale}", view.metric_name());
    let tests = tables.tests.get(&first.spec.data);
    Some(table::densities(&alike, tests, columns, &metric, left_out))
}

fn marginals_chart<'a>(view: &'a View<'a>, tables: &'a TableArtefacts) -> Option<Chart> {
    let (shown, no_room) = first_of_each(view, &tables.samples);
    let with_columns = |(v, run, samples): (usize, &'a Replicate<'a>, &'a Images)| {
        let columns = tables.columns.get(&run.spec.id)?;
        Some(SampledRows {
            of: of(view, (v, run, samples)),
            tests: tables.tests.get(&run.spec.data).filter(|rows| rows.dim() == columns.len()),
            columns,
            class_counts: tables.class_counts.get(&run.spec.id).map(Vec::as_slice),
        })
    };
    let shown: Vec<_> = shown.into_iter().filter_map(with_columns).collect();
    let left_out = LeftOut { no_room, ..LeftOut::default() };
    (!shown.is_empty()).then(|| table::marginals(&shown, left_out))
}

fn transforms_chart(view: &View, tables: &TableArtefacts) -> Option<Chart> {
    let (shown, no_room) = first_of_each(view, &tables.transforms);
    let left_out = LeftOut { no_room, ..LeftOut::default() };
    let shown: Vec<_> = shown
        .into_iter()
        .map(|(v, run, counts)| of(view, (v, run, &counts[..])))
        .collect();
    (!shown.is_empty()).then(|| table::transforms(&shown, left_out))
}

fn conditionals_chart<'a>(view: &'a View<'a>, artefacts: &'a Artefacts) -> Option<Chart> {
    let (shown, left_out) = first_of_each(view, &artefacts.conditionals);
    let predicted = |(v, run, pixels): (usize, &'a Replicate<'a>, &'a Vec<PixelDistribution>)| {
        let shape = artefacts.tests.get(&run.spec.data)?.shape;
        Some(Predicted {
            name: view.variants[v].label,
            color: view.color(v),
            seed: run.seed.0,
            shape,
            pixels,
        })
    };
    let shown: Vec<_> = shown.into_iter().filter_map(predicted).collect();
    (!shown.is_empty()).then(|| conditionals::chart(&shown, left_out))
}

fn neighbour_chart(view: &View, artefacts: &Artefacts) -> Option<Chart> {
    let pair = |r: &Replicate| {
        Some((artefacts.samples.get(&r.spec.id)?, artefacts.nearest.get(&r.spec.id)?))
    };
    let (name, (drawn, nearest)) = of_the_best(view, pair)?;
    Some(samples::neighbours(&name, drawn, nearest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::figures::chart::Body;

    #[test]
    fn places_without_an_image_are_empty() {
        let shape = Shape { width: 1, height: 1 };
        let images = Images::new(vec![0; 11], 1);
        let picture = Picture { shape, levels: 2, images, classes: None };
        let chart = samples::neighbours("a", &picture, &picture);
        let Body::Raster(raster) = &chart.panels[0].body else {
            panic!("tiles are a raster")
        };
        let is_empty = |cell: &&u16| **cell == tiles::EMPTY;
        // Two rows of pairs of ten, of which the second has one pair.
        assert_eq!(raster.cells.iter().filter(is_empty).count(), 2 * 9);
        assert_eq!(raster.cells.len(), 40);
    }

    #[test]
    fn wide_images_are_words_and_many_images_are_fewer() {
        let picture = |dim: usize| Picture {
            shape: Shape { width: dim, height: 1 },
            levels: 2,
            images: Images::new(vec![1; 3 * dim], dim),
            classes: None,
        };
        let samples = |picture: &Picture| {
            let panel = Samples {
                name: "a".into(),
                note: String::new(),
                picture: Some(picture),
                is_real: false,
            };
            samples::chart(&[panel], 1, "NLL")
        };
        let wide = samples(&picture(100_000));
        assert_eq!(wide.marks(), 0);
        assert!(
            wide.caption.contains("1 x 100000 pixels are too large to draw"),
            "{}",
            wide.caption
        );
        assert_eq!(samples(&picture(100)).marks(), 300);
        assert_eq!(samples(&picture(100)).title, "Samples: the first 3 draws of seed 1");
        assert_eq!(
            [1, 300, 100_000].map(|panels| tiles::room(
                Shape { width: 28, height: 28 },
                panels,
                25
            )),
            [25, 25, 1]
        );
    }
}
