//! Candidates of tuned variants: the metric that chooses, candidate by candidate.

use super::chart::{Body, Chart, End, Form, Mark, Panel, Plane};
use super::scale::ValueAxis;
use super::style::{Color, variant};
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
    let (names, is_ordered) = candidates(view);
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
                color: variant(i),
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
    let mut marks = Vec::new();
    let mut ends = Vec::new();
    for (i, search) in shown.iter().enumerate() {
        let dodge = (i as f64 - (shown.len() - 1) as f64 / 2.0) * (0.3 / shown.len() as f64);
        search.draw(&mut marks, dodge, is_ordered);
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
    let plane = Plane {
        x: ValueAxis::levels("Candidate", &names),
        y: ValueAxis::airy(&title, lo, hi, 6),
        marks,
        ends,
        heads: Vec::new(),
        spread: true,
        axes: true,
        width: None,
        height: 260.0,
    };
    let beyond = if is_ordered { " Of one at an end, a better one may lie beyond." } else { "" };
    let panel = Panel {
        title: String::new(),
        note: String::new(),
        body: Body::Plane(plane),
    };
    Some(Chart {
        title: format!("Candidates of every variant: {}", view.planned.name),
        subtitle: format!(
            "Mean {} by candidate; large dot: the chosen one. {} {} is better.{beyond}{left_out}{}",
            metric.words.long,
            view.bars(),
            metric.better.word(),
            view.unfinished()
        ),
        caption: format!(
            "Chosen candidate of each variant by {}: {}.",
            metric.words.long,
            spelled.join("; ")
        ),
        panels: vec![panel],
        columns: 1,
    })
}

/// Labels of all candidates: ascending where the one tuned axis with several levels has numbers,
/// otherwise as declared; and true if they are ascending.
fn candidates(view: &View) -> (Vec<String>, bool) {
    let axes = &view.planned.axes;
    let tuned: Vec<usize> =
        (0..axes.len()).filter(|&i| axes[i].tune && axes[i].levels.len() > 1).collect();
    let mut found: Vec<(Option<f64>, &str)> = Vec::new();
    for candidate in view.planned.variants.iter().flat_map(|variant| &variant.candidates) {
        if !found.iter().any(|(_, label)| *label == candidate.label) {
            let number = match tuned[..] {
                [axis] => candidate.levels[axis].parse().ok(),
                _ => None,
            };
            found.push((number, &candidate.label));
        }
    }
    let is_ordered = found.iter().all(|(number, _)| number.is_some());
    if is_ordered {
        found.sort_by(|(a, _), (b, _)| a.unwrap_or(f64::NAN).total_cmp(&b.unwrap_or(f64::NAN)));
    }
    (found.into_iter().map(|(_, label)| label.to_owned()).collect(), is_ordered)
}

impl Search {
    fn draw(&self, marks: &mut Vec<Mark>, dodge: f64, is_ordered: bool) {
        let color = self.color;
        // A line does not pass over a candidate without a value.
        for part in self.points.chunk_by(|(a, _), (b, _)| is_ordered && a + 1 == *b) {
            let points = part.iter().map(|(at, e)| (*at as f64 + dodge, e.mean)).collect();
            marks.push(Mark::Line { points, color, width: 1.4, alpha: 1.0, dashed: false });
        }
        for (place, estimate) in &self.points {
            let at = (*place as f64 + dodge, estimate.mean);
            if let Some(half) = estimate.half {
                let ends = (estimate.mean - half, estimate.mean + half);
                marks.push(Mark::Interval { at, ends, across: false, color, width: 1.6 });
            }
            let radius = if Some(*place) == self.chosen { 5.0 } else { 2.6 };
            marks.push(Mark::Dot { at, form: Form::Disc, color, radius, nudge: 0.0 });
        }
    }
}
