//! From a study on disk to figures.
//!
//! A figure is a [`Chart`] first, plain data that can be tested, and pictures second. Every kind
//! has its own file; `charts` lists them. Nothing here reads a file: images come in as
//! [`Artefacts`], pictures go out as bytes.

mod ablation;
mod artefacts;
pub mod chart;
mod contact_sheet;
mod cost;
mod curves;
mod draw;
mod effects;
pub(crate) mod image_grid;
mod masks;
mod model;
mod orderings;
mod samples;
pub mod scale;
pub mod style;
mod thin;
pub(crate) mod tiles;
pub(crate) mod view;
mod visibility;

use rayon::prelude::*;

use crate::results::ExperimentResults;
use crate::text;
use crate::trainers::made::run_config;

pub use artefacts::Artefacts;
pub use chart::{Anchor, Chart};
pub use contact_sheet::contact_sheet;
pub use draw::Pictures;
pub use samples::{Completion, Picture};

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

/// Every figure of every study of a plan, study by study; drawn in parallel, returned in a fixed
/// order.
pub fn draw_all(study: &ExperimentResults, artefacts: &Artefacts) -> Vec<Figure> {
    let charts: Vec<(String, &str, Chart)> = (0..study.plan.studies.len())
        .into_par_iter()
        .flat_map_iter(|index| {
            let owner = &study.plan.studies[index].name;
            charts(study, index, artefacts)
                .into_iter()
                .map(|(name, chart)| (owner.clone(), name, chart))
        })
        .collect();
    charts
        .into_par_iter()
        .map(|(study, name, chart)| {
            let pictures = draw(&chart);
            Figure {
                study,
                name: name.into(),
                title: chart.title,
                caption: chart.caption,
                pictures,
            }
        })
        .collect()
}

/// Marks, points and cells of a chart, at most.
const MOST_MARKS: usize = 10_000_000;

/// The pictures of a chart, or of words that say why there is none where it is too large for a
/// page.
pub fn draw(chart: &Chart) -> Pictures {
    let drawn = (chart.marks() <= MOST_MARKS).then(|| draw::draw(chart)).flatten();
    drawn.unwrap_or_else(|| {
        let message =
            Chart::message(&chart.title, "Too large to draw: the tables hold what it would show.");
        draw::draw(&message).expect("a few words fit on a page")
    })
}

/// A PNG of few colours, about 60 kB at most, for galleries.
pub fn small_png(figure: &Figure) -> Vec<u8> {
    draw::small_png(&figure.pictures)
}

/// Test images that a model was shown in part, and what it made of them: report figure 14.
pub fn completion(name: &str, completion: &Completion) -> Chart {
    samples::completion(name, completion)
}

/// The charts of one study with their names, in the order in which a reader wants them.
///
/// # Panics
/// If the plan has no study with this index.
pub fn charts(
    study: &ExperimentResults,
    index: usize,
    artefacts: &Artefacts,
) -> Vec<(&'static str, Chart)> {
    let view = View::new(study, &study.plan.studies[index]);
    let mut charts = vec![("ablation", ablation::chart(&view, &study.ablation(index)))];
    charts.extend(curves::chart(&view).map(|chart| ("loss", chart)));
    if let Some(effects) = study.effects(index) {
        charts.extend(effects::main_effects(&view, &effects).map(|chart| ("main-effects", chart)));
        charts.extend(effects::interactions(&view, &effects).map(|chart| ("interactions", chart)));
    }
    charts.extend(cost::chart(&view, cost::Cost::Size).map(|chart| ("cost-parameters", chart)));
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
    charts.extend(model::charts(&view, artefacts));
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
            Some(score) => view.metric().unit.of(&text::estimate(score.mean, score.half)),
            None => variant.missing(),
        };
        panels.push(Samples {
            name: variant.label.into(),
            note,
            picture: run.and_then(picture),
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
            }));
        }
    }
    let interval = match view.plan.seeds.len() {
        1 => "of 1 seed".to_owned(),
        n => format!(
            "mean of {n} seeds \u{b1} half of its {} % t interval",
            text::percent(view.plan.compare.level)
        ),
    };
    samples::chart(&panels, seed, &format!("{}{}, {interval}", view.metric_name(), view.in_unit()))
}

/// What the first run that has it left, of the best variant that has such a run; with that
/// variant's label.
fn of_the_best<'a, T>(
    view: &'a View,
    left: impl Fn(&Replicate) -> Option<T>,
) -> Option<(&'a str, T)> {
    let with = view.variants.iter().filter_map(|v| {
        let found = v.replicates.iter().find_map(&left)?;
        Some((v.score(view)?.mean, v.label, found))
    });
    with.min_by(|a, b| view.metric().better.order(a.0, b.0))
        .map(|(_, label, found)| (label, found))
}

fn completion_chart(view: &View, artefacts: &Artefacts) -> Option<Chart> {
    let (label, completion) = of_the_best(view, |r| artefacts.completions.get(&r.spec.id))?;
    Some(samples::completion(label, completion))
}

fn neighbour_chart(view: &View, artefacts: &Artefacts) -> Option<Chart> {
    let pair = |r: &Replicate| {
        Some((artefacts.samples.get(&r.spec.id)?, artefacts.nearest.get(&r.spec.id)?))
    };
    let (label, (drawn, nearest)) = of_the_best(view, pair)?;
    Some(samples::neighbours(label, drawn, nearest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Images, Shape};

    #[test]
    fn what_is_too_large_for_a_page_is_words_instead() {
        let raster = |width: usize, height: usize| {
            let cells = vec![0; width * height];
            let raster = chart::Raster::new(width, height, 1, vec![style::INK], cells);
            let panel = chart::Panel {
                title: String::new(),
                note: String::new(),
                body: chart::Body::Raster(raster),
            };
            Chart { panels: vec![panel], ..Chart::message("A picture", "") }
        };
        assert!(!draw(&raster(300, 300)).live_svg.contains("Too large to draw"));
        for (width, height) in [(1, 2_000_000), (2_000_000, 1), (4_000, 3_000)] {
            assert!(
                draw(&raster(width, height)).live_svg.contains("Too large to draw"),
                "{width} x {height}"
            );
        }
    }

    #[test]
    fn wide_images_are_words_and_many_images_are_fewer() {
        let picture = |dim: usize| Picture {
            shape: Shape { width: dim, height: 1 },
            images: Images::new(vec![1; 3 * dim], dim),
        };
        let samples = |picture: &Picture| {
            let panel = Samples {
                name: "a".into(),
                note: String::new(),
                picture: Some(picture),
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
