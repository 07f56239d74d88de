//! Candidates of tuned variants: the metric that chooses, candidate by candidate.

use super::chart::{Chart, End, Form, Mark, Panel, Plane};
use super::places::LevelPlaces;
use super::scale::ValueAxis;
use super::style::Color;
use super::view::{MeanInterval, View, reach};
use crate::plan::PlannedCandidate;
use crate::results::ExperimentResults;

/// Maximum number of variants that are drawn.
const MOST_VARIANTS: usize = 16;

/// A tuned variant.
struct Search {
    label: String,
    color: Color,
    /// Estimate of each candidate, by its place on the horizontal axis.
    points: Vec<(usize, MeanInterval)>,
    /// Place of the chosen candidate.
    chosen: Option<usize>,
}

/// Figure of a study's candidates; `None` if nothing is tuned or no candidate has a value yet.
pub(super) fn chart(view: &View, study: &ExperimentResults) -> Option<Chart> {
    let (names, axis) = candidates(view);
    let places = match axis {
        Some((column, levels)) => LevelPlaces::of(column, &levels),
        None => LevelPlaces::of("Candidate", &names),
    };
    // Numbers are joined by lines, and a better one may lie beyond them.
    let is_ordered = places.is_numeric();
    let metric = view.metrics.select();
    let estimate = |candidate: &PlannedCandidate| {
        let values = candidate.runs.iter().filter_map(|run| metric.of(study.records.get(run)?));
        view.estimate(&values.collect::<Vec<_>>())
    };
    let variants = view.planned.variants.iter().enumerate();
    let searches: Vec<Search> = variants
        .filter(|(_, own)| !own.candidates.is_empty())
        .map(|(i, own)| {
            let place = |candidate: &PlannedCandidate| {
                names.iter().position(|name| *name == candidate.label)
            };
            let point =
                |candidate: &PlannedCandidate| Some((place(candidate)?, estimate(candidate)?));
            let mut points: Vec<(usize, MeanInterval)> =
                own.candidates.iter().filter_map(point).collect();
            points.sort_by_key(|(at, _)| *at);
            let chosen = own.candidates.iter().find(|candidate| candidate.runs == own.runs);
            Search {
                label: own.label.clone(),
                color: view.color(i),
                points,
                chosen: chosen.and_then(place),
            }
        })
        .collect();
    let shown = &searches[..searches.len().min(MOST_VARIANTS)];
    let estimates: Vec<MeanInterval> = shown
        .iter()
        .flat_map(|search| &search.points)
        .map(|(_, estimate)| *estimate)
        .collect();
    let (lo, hi) = reach(&estimates)?;
    let title = format!("{}{}", metric.words.axis, metric.unit.in_brackets());
    let y = ValueAxis::airy(&title, lo, hi, 6).improving_up(metric.better);
    let mut marks: Vec<Mark> = places.separators(&y).collect();
    let mut ends = Vec::new();
    for (i, search) in shown.iter().enumerate() {
        search.draw(&mut marks, places.dodge(i, shown.len()), &places);
        if let Some((_, last)) = search.points.last() {
            ends.push(End {
                at: last.mean,
                color: Some(search.color),
                name: search.label.clone(),
                values: Vec::new(),
            });
        }
    }
    let spelled = shown.iter().map(|search| {
        let chosen = search.points.iter().find(|(at, _)| Some(*at) == search.chosen);
        let chosen = chosen.map_or_else(
            || "no candidate has finished".to_owned(),
            |(at, estimate)| format!("{}, {}", names[*at], estimate.words()),
        );
        format!("{}: {chosen}", search.label)
    });
    let spelled: Vec<String> = spelled.collect();
    let left_out = match searches.len() - shown.len() {
        0 => String::new(),
        n => format!(" {n} more variants are not shown."),
    };
    let plane = Plane { ends, ..Plane::new(places.axis, y, marks, 260.0) };
    let panels = vec![Panel::plane(plane)];
    let beyond = if is_ordered { " Of one at an end, a better one may lie beyond." } else { "" };
    Some(Chart {
        title: format!("Candidates of every variant: {}", view.planned.name),
        subtitle: format!(
            "Mean {} by candidate; large dot: the chosen one. {}{}{beyond}{left_out}{}",
            metric.words.long,
            view.bars(),
            Chart::cut_words(&panels),
            view.unfinished()
        ),
        caption: format!(
            "Chosen candidate of each variant by {}: {}.",
            metric.words.long,
            spelled.join("; ")
        ),
        panels,
        columns: 1,
    })
}

/// Labels of all candidates; and where one axis with several levels is tuned, its column and the
/// level of each candidate.
fn candidates<'a>(view: &'a View) -> (Vec<String>, Option<(&'a str, Vec<String>)>) {
    let axes = &view.planned.axes;
    let tuned: Vec<usize> =
        (0..axes.len()).filter(|&i| axes[i].tune && axes[i].levels.len() > 1).collect();
    let mut found: Vec<&PlannedCandidate> = Vec::new();
    for candidate in view.planned.variants.iter().flat_map(|variant| &variant.candidates) {
        if !found.iter().any(|known| known.label == candidate.label) {
            found.push(candidate);
        }
    }
    let levels = match tuned[..] {
        [axis] => {
            let levels = found.iter().map(|candidate| candidate.levels[axis].clone()).collect();
            Some((&axes[axis].column[..], levels))
        }
        _ => None,
    };
    (found.into_iter().map(|candidate| candidate.label.clone()).collect(), levels)
}

impl Search {
    fn draw(&self, marks: &mut Vec<Mark>, dodge: f64, places: &LevelPlaces) {
        let color = self.color;
        // A line does not pass over a candidate without a value.
        let mean = |place: usize| {
            let found = self.points.iter().find(|(at, _)| *at == place);
            found.map_or(f64::NAN, |(_, estimate)| estimate.mean)
        };
        let points = places.line.iter().map(|&at| (places.moved(at, dodge), mean(at))).collect();
        marks.push(Mark::Line { points, color, width: 1.4, alpha: 1.0, dashed: false });
        for (place, estimate) in &self.points {
            let at = (places.moved(*place, dodge), estimate.mean);
            if let Some(half) = estimate.half {
                let ends = (estimate.mean - half, estimate.mean + half);
                marks.push(Mark::Interval { at, ends, across: false, color, width: 1.6 });
            }
            let radius = if Some(*place) == self.chosen { 5.0 } else { 2.6 };
            marks.push(Mark::Dot { at, form: Form::Disc, color, radius, nudge: 0.0 });
        }
    }
}
