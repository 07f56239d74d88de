//! Figures of a study, drawn from the results on disk.
//!
//! A figure is first a [`Chart`], plain data that can be tested, and then pictures. Every kind has
//! its own file; `charts` lists them, and a trainer adds its own ([`OwnCharts`]). This module reads
//! and writes no files; pictures are returned as bytes.

mod ablation;
pub(crate) mod bitmap;
pub mod chart;
mod cost;
mod curves;
pub(crate) mod draw;
mod effects;
mod heatmap;
mod legend;
mod looks;
mod places;
mod ranks;
mod response;
pub mod scale;
mod shapley;
pub mod style;
mod thin;
mod tuning;
pub(crate) mod view;

use rayon::prelude::*;

use crate::results::ExperimentResults;

pub use chart::{Anchor, Chart};
pub use draw::RenderedChart;

use view::View;

/// A finished figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Study to which it belongs: the directory below `plots/`.
    pub study: String,
    /// Kind of the figure, `[a-z-]+`: the file's stem.
    pub name: String,
    /// Title.
    pub title: String,
    /// Content as text.
    pub caption: String,
    /// Pictures in all formats.
    pub pictures: RenderedChart,
}

/// Charts that a trainer adds to those of every study.
pub trait OwnCharts: Sync {
    /// Charts of one study with their names; `study` is its index in the plan.
    fn charts(&self, results: &ExperimentResults, study: usize) -> Vec<(&'static str, Chart)>;
}

/// No charts.
impl OwnCharts for () {
    fn charts(&self, _: &ExperimentResults, _: usize) -> Vec<(&'static str, Chart)> {
        Vec::new()
    }
}

/// Every figure of every study of a plan, study by study; drawn in parallel, returned in a fixed
/// order.
pub fn draw_all(study: &ExperimentResults, own: &dyn OwnCharts) -> Vec<Figure> {
    let charts: Vec<(String, String, Chart)> = (0..study.plan.studies.len())
        .into_par_iter()
        .flat_map_iter(|index| {
            let owner = &study.plan.studies[index].name;
            charts(study, index, own)
                .into_iter()
                .map(|(name, chart)| (name.to_owned(), chart))
                .chain(further_curves(study, index))
                .map(|(name, chart)| (owner.clone(), name, chart))
        })
        .collect();
    charts
        .into_par_iter()
        .map(|(study, name, chart)| {
            let pictures = draw(&chart);
            Figure {
                study,
                name,
                title: chart.title,
                caption: chart.caption,
                pictures,
            }
        })
        .collect()
}

/// Maximum number of marks, points and cells of a chart.
const MOST_MARKS: usize = 10_000_000;

/// Pictures of a chart or, if it is too large for a page, of a text that says so.
pub fn draw(chart: &Chart) -> RenderedChart {
    let drawn = (chart.marks() <= MOST_MARKS).then(|| draw::draw(chart)).flatten();
    drawn.unwrap_or_else(|| {
        let message =
            Chart::message(&chart.title, "Too large to draw: the tables hold what it would show.");
        draw::draw(&message).expect("a few words fit on a page")
    })
}

/// PNG of few colours for galleries, about 60 kB at most.
pub fn small_png(figure: &Figure) -> Vec<u8> {
    draw::small_png(&figure.pictures)
}

/// Charts of one study with their names, in reading order.
///
/// # Panics
/// If the plan has no study with this index.
pub fn charts(
    study: &ExperimentResults,
    index: usize,
    own: &dyn OwnCharts,
) -> Vec<(&'static str, Chart)> {
    let view = View::new(study, &study.plan.studies[index]);
    let table = study.ablation(index);
    let over = study.over_blocks(index, &table);
    let mut charts = vec![("ablation", ablation::chart(&view, &table, over.as_ref()))];
    charts.extend(
        over.as_ref()
            .and_then(|over| ranks::chart(&view, over))
            .map(|chart| ("ranks", chart)),
    );
    charts.extend(curves::chart(&view).map(|chart| ("loss", chart)));
    let effects = study.effects(index);
    // Values of several blocks have no common axis.
    if over.is_none() {
        let response = response::chart(&view, effects.as_ref());
        charts.extend(response.map(|chart| ("response", chart)));
    }
    if let Some(effects) = effects {
        charts.extend(effects::main_effects(&view, &effects).map(|chart| ("main-effects", chart)));
        charts.extend(effects::interactions(&view, &effects).map(|chart| ("interactions", chart)));
        charts.extend(heatmap::chart(&view, &effects).map(|chart| ("heatmap", chart)));
    }
    if let Some(shapley) = study.shapley(index) {
        charts.extend(shapley::chart(&view, &shapley).map(|chart| ("shapley", chart)));
    }
    charts.extend(tuning::chart(&view, study).map(|chart| ("tuning", chart)));
    if over.is_none() {
        charts.extend(cost::by_size(&view).map(|chart| ("cost-parameters", chart)));
        charts.extend(cost::by_time(&view, &table).map(|chart| ("cost-time", chart)));
    }
    let data = view.data();
    for (_, chart) in &mut charts {
        chart.subtitle += &data;
        chart.caption += &data;
    }
    charts.extend(own.charts(study, index));
    charts
}

/// Curves of the metrics that are not compared, as a program may declare several: each with its
/// name.
fn further_curves(study: &ExperimentResults, index: usize) -> Vec<(String, Chart)> {
    if study.plan.program.is_none() {
        return Vec::new();
    }
    let planned = &study.plan.studies[index];
    let mut drawn: Vec<usize> = study.metrics().held_out(study.metric()).into_iter().collect();
    let mut charts = Vec::new();
    for metric in &study.metrics().all {
        let Some(curve) = metric.curve.filter(|curve| !drawn.contains(curve)) else {
            continue;
        };
        drawn.push(curve);
        let view = View::by(study, planned, metric);
        if let Some(mut chart) = curves::chart(&view) {
            chart.title = format!("Curves of {}: {}", metric.words.head, planned.name);
            chart.subtitle += &view.data();
            chart.caption += &view.data();
            charts.push((format!("loss-{}", metric.column), chart));
        }
    }
    charts
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
