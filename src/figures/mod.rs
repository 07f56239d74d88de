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
pub(crate) mod looks;
mod places;
mod ranks;
mod response;
pub mod scale;
mod shapley;
pub mod style;
mod thin;
mod tuning;
pub(crate) mod view;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::plan::{PictureFormat, PlotOptions, Width};
use crate::results::ExperimentResults;

pub use chart::{Anchor, Chart};
pub use draw::Paper;

use draw::{DrawnChart, Unfit};
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
    /// Pictures for the page.
    pub pictures: RenderedChart,
    /// Its files on the paper that was asked for; empty if it was not asked for.
    pub files: BTreeMap<PictureFormat, Vec<u8>>,
    /// Reasons why files that were asked for are missing.
    pub missing: Vec<String>,
    /// Formats of its files to which the page refers.
    pub linked: Vec<PictureFormat>,
    /// PNG of few colours, if one was asked for.
    pub small: Option<Vec<u8>>,
}

/// A figure as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedChart {
    /// SVG with text as text, in the reader's fonts at the widths of ours.
    pub live_svg: String,
    /// PNG at two dots per CSS pixel, opaque.
    pub png: Vec<u8>,
    /// Width and height in CSS pixels.
    pub size: (u32, u32),
}

/// Files that are wanted of figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WantedFiles {
    /// Paper to draw on.
    pub paper: Paper,
    /// Formats.
    pub formats: Vec<PictureFormat>,
    /// Names of the figures; absent: all.
    pub only: Option<Vec<String>>,
    /// Names of the figures of which a small PNG is wanted.
    pub small: &'static [&'static str],
}

impl WantedFiles {
    /// Files that options ask for: every format of every figure where they do not say otherwise.
    pub fn of(options: &PlotOptions) -> Self {
        Self {
            paper: Paper::of(options),
            formats: options.format.clone().unwrap_or_else(|| PictureFormat::ALL.to_vec()),
            only: options.only.clone(),
            small: &[],
        }
    }

    /// True if files of a figure are wanted.
    pub fn wants(&self, figure: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == figure))
    }
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

/// Every figure of every study of a plan for the page, study by study; drawn in parallel, returned
/// in a fixed order.
pub fn draw_all(study: &ExperimentResults, own: &dyn OwnCharts) -> Vec<Figure> {
    draw_files(study, own, &WantedFiles::default())
}

/// Every figure as [`draw_all`] draws it, with the files that are wanted.
pub fn draw_files(
    study: &ExperimentResults,
    own: &dyn OwnCharts,
    wanted: &WantedFiles,
) -> Vec<Figure> {
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
        .map(|(study, name, chart)| figure(study, name, chart, wanted))
        .collect()
}

fn figure(study: String, name: String, chart: Chart, wanted: &WantedFiles) -> Figure {
    let of_the_page = Paper { text: wanted.paper.text, ..Paper::default() };
    let page = draw_or_words(&chart, &of_the_page);
    let pictures = RenderedChart {
        live_svg: page.live_svg(),
        png: page.file(PictureFormat::Png).unwrap_or_default(),
        size: page.size(),
    };
    let (mut files, mut missing) = (BTreeMap::new(), Vec::new());
    if wanted.wants(&name) && !wanted.formats.is_empty() {
        let is_same = wanted.paper == of_the_page;
        // A drawing of many marks is large: there is one at a time.
        let page = Some(page).filter(|_| is_same);
        match page.map_or_else(|| on_paper(&chart, &wanted.paper), Ok) {
            Err(why) => missing.push(why),
            Ok(drawing) => {
                for &format in &wanted.formats {
                    let file = match format {
                        PictureFormat::Png if is_same => Ok(pictures.png.clone()),
                        format => drawing.file(format),
                    };
                    match file {
                        Ok(file) => drop(files.insert(format, file)),
                        Err(why) => missing.push(why),
                    }
                }
            }
        }
    }
    let small = wanted.small.contains(&name.as_str()).then(|| small_png(&chart));
    Figure {
        study,
        name,
        title: chart.title,
        caption: chart.caption,
        pictures,
        files,
        missing,
        linked: PictureFormat::ALL.to_vec(),
        small,
    }
}

/// Maximum number of marks, points and cells of a chart.
const MOST_MARKS: usize = 10_000_000;

/// Drawing of a chart on paper.
fn draw(chart: &Chart, paper: &Paper) -> Result<DrawnChart, Unfit> {
    if chart.marks() > MOST_MARKS {
        Err(Unfit::TooLarge)
    } else {
        draw::draw(chart, paper)
    }
}

/// Drawing of a chart on paper, or the reason why it cannot be drawn there.
fn on_paper(chart: &Chart, paper: &Paper) -> Result<DrawnChart, String> {
    draw(chart, paper).or_else(|unfit| match (unfit, paper.width) {
        (Unfit::TooNarrow(enough), Some(width)) => {
            Err(format!("{width} is too narrow for its words: --width {enough}mm or more"))
        }
        _ => Ok(draw_or_words(chart, paper)),
    })
}

/// Drawing of a chart on paper, or of a text in place of one that has no room.
fn draw_or_words(chart: &Chart, paper: &Paper) -> DrawnChart {
    const WORDS: &str = "Too large to draw: the tables hold what it would show.";
    draw(chart, paper)
        .or_else(|_| draw::draw(&Chart::message(&chart.title, WORDS), paper))
        .or_else(|_| draw::draw(&Chart::message("", WORDS), paper))
        .expect("a few words fit on a page")
}

/// PNG of few colours for galleries. All have one size, so that letters are equally large next to
/// each other.
fn small_png(chart: &Chart) -> Vec<u8> {
    let paper = Paper { width: "180mm".parse::<Width>().ok(), ..Paper::default() };
    draw_or_words(chart, &paper).small_png()
}

/// Names of the figures that every trainer's studies may have; curves of further metrics are
/// `loss-NAME`.
pub const NAMES: [&str; 11] = [
    "ablation",
    "ranks",
    "loss",
    "response",
    "main-effects",
    "interactions",
    "heatmap",
    "shapley",
    "tuning",
    "cost-parameters",
    "cost-time",
];

/// Beginning of the names of curves of further metrics.
pub const FURTHER_CURVES: &str = "loss-";

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
        // The response to the only axis is its main effect, with every seed.
        let is_shown = effects.factors.len() == 1
            && charts.last().is_some_and(|(name, _)| *name == "response");
        let main = effects::main_effects(&view, &effects).filter(|_| !is_shown);
        charts.extend(main.map(|chart| ("main-effects", chart)));
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
            chart.title = format!("Curves of {}: {}", view.curve_name(), planned.name);
            chart.subtitle += &view.data();
            chart.caption += &view.data();
            charts.push((format!("{FURTHER_CURVES}{}", metric.column), chart));
        }
    }
    charts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_for_a_page_is_words_instead() {
        let drawn = |chart: Chart| {
            figure(String::new(), String::new(), chart, &WantedFiles::default())
                .pictures
                .live_svg
        };
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
        assert!(!drawn(raster(300, 300)).contains("Too large to draw"));
        for (width, height) in [(1, 2_000_000), (2_000_000, 1), (4_000, 3_000)] {
            assert!(
                drawn(raster(width, height)).contains("Too large to draw"),
                "{width} x {height}"
            );
        }
    }
}
