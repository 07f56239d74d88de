//! Main effects and interactions of a full grid: the mean over all other axes, level by level.

use super::chart::{Chart, End, Form, Mark, Panel, Plane};
use super::places::{LevelPlaces, numbers};
use super::scale::ValueAxis;
use super::style::{Color, INK, VARIANTS, sequential, variant};
use super::view::{MeanInterval, View};
use crate::results::effects::Effects;
use crate::stats;
use crate::text::estimate;

/// Maximum number of pairs of axes that are drawn.
const PAIRS: usize = 6;

/// An axis of the grid and the estimates at its levels.
#[derive(Debug, Clone, PartialEq)]
struct Effect {
    axis: String,
    levels: Vec<String>,
    points: Vec<Option<MeanInterval>>,
}

/// Converts an estimate for drawing.
fn drawn(estimate: Option<stats::Estimate>) -> Option<MeanInterval> {
    estimate.as_ref().map(MeanInterval::of)
}

/// Main-effects figure; `None` before any seed has a complete row of the grid.
pub(super) fn main_effects(view: &View, effects: &Effects) -> Option<Chart> {
    let axes = effects.factors.iter().map(|&i| (i, &view.planned.axes[i]));
    let at =
        |axis: usize, level: usize| drawn(effects.main(axis, level).and_then(|effect| effect.mean));
    let factors = effects.factors.clone();
    let effects: Vec<Effect> = axes
        .map(|(i, axis)| Effect {
            axis: axis.column.clone(),
            levels: axis.levels.clone(),
            points: (0..axis.levels.len()).map(|level| at(i, level)).collect(),
        })
        .collect();
    let y = view.value_axis(&estimates(&effects))?;
    let columns = if effects.len() == 4 { 2 } else { effects.len().min(3) };
    let panels = effects.iter().map(|effect| {
        let places = LevelPlaces::of(&effect.axis, &effect.levels);
        let mut marks: Vec<Mark> = places.separators(&y).collect();
        marks.extend(level_marks(&effect.points, &places, &places.line, INK, 0.0));
        panel(places.axis, y.clone(), marks, Vec::new())
    });
    let panels: Vec<Panel> = panels.collect();
    let spelled = effects.iter().map(|effect| {
        let levels = effect.levels.iter().zip(&effect.points);
        let text: Vec<String> =
            levels.map(|(level, e)| format!("{level}: {}", words(*e))).collect();
        format!("{} \u{2013} {}", effect.axis, text.join(", "))
    });
    let cut = Chart::cut_words(&panels);
    Some(Chart {
        title: format!("Main effects of {}: {}", view.axes_words(&factors), view.planned.name),
        subtitle: format!(
            "Mean {} at each level of {}. {}{cut}{}",
            view.metric_name(),
            if effects.len() > 1 {
                "an axis, over all levels of the others"
            } else {
                "the axis"
            },
            view.bars(),
            view.unfinished()
        ),
        caption: format!(
            "Mean {} by level of each axis. {}.",
            view.metric_name(),
            spelled.collect::<Vec<_>>().join("; ")
        ),
        panels,
        columns,
    })
}

/// Interactions figure; `None` if fewer than two axes have levels to compare.
pub(super) fn interactions(view: &View, effects: &Effects) -> Option<Chart> {
    let axes = &effects.factors;
    if axes.len() < 2 {
        return None;
    }
    let pairs: Vec<(usize, usize)> = axes
        .iter()
        .enumerate()
        .flat_map(|(i, &a)| axes[i + 1..].iter().map(move |&b| (a, b)))
        .collect();
    let axis = |i: usize| &view.planned.axes[i];
    // Of a pair, the axis with more numbers or else more levels is horizontal, the other becomes
    // lines.
    let size = |i: usize| (numbers(&axis(i).levels), axis(i).levels.len());
    let pairs: Vec<(usize, usize)> = pairs
        .iter()
        .map(|&(a, b)| if size(a) >= size(b) { (a, b) } else { (b, a) })
        .collect();
    let shown = &pairs[..pairs.len().min(PAIRS)];
    let cells: Vec<Vec<Effect>> = shown
        .iter()
        .map(|&(along, lines)| {
            let at = |of: usize, level: usize| {
                effects.pair((along, level), (lines, of)).and_then(|effect| effect.mean)
            };
            let levels = axis(lines).levels.iter().enumerate();
            levels
                .map(|(i, of)| Effect {
                    axis: of.clone(),
                    levels: axis(along).levels.clone(),
                    points: (0..axis(along).levels.len())
                        .map(|level| drawn(at(i, level)))
                        .collect(),
                })
                .collect()
        })
        .collect();
    let y =
        view.value_axis(&cells.iter().flat_map(|effects| estimates(effects)).collect::<Vec<_>>())?;
    let mut named = Vec::new();
    let panels = shown.iter().zip(&cells).map(|(&(along, lines), effects)| {
        let count = effects.len();
        let mut places = LevelPlaces::of(&axis(along).column, &axis(along).levels);
        let mut marks: Vec<Mark> = places.separators(&y).collect();
        let mut ends = Vec::new();
        // Lines that are not parallel interact: words are joined, too.
        let all: Vec<usize> = (0..axis(along).levels.len()).collect();
        let joined = if places.is_numeric() { places.line.clone() } else { all };
        let is_ordered = numbers(&axis(lines).levels) == count;
        for (i, effect) in effects.iter().enumerate() {
            let color = level_color(i, count, is_ordered);
            let dodge = places.dodge(i, count);
            marks.extend(level_marks(&effect.points, &places, &joined, color, dodge));
            if let Some(last) = effect.points.last().copied().flatten() {
                ends.push(End {
                    at: last.mean,
                    color: Some(color),
                    name: format!("{} {}", axis(lines).column, effect.axis),
                    values: Vec::new(),
                });
            }
        }
        named.push(format!("{} by {}", axis(along).column, axis(lines).column));
        if !places.is_numeric() {
            // The labels are close to the last level.
            places.axis.hi -= 0.3;
        }
        panel(places.axis, y.clone(), marks, ends)
    });
    let panels: Vec<Panel> = panels.collect();
    let left_out = pairs.len() - shown.len();
    let rest = if left_out > 0 {
        format!(" {left_out} more pairs of axes are not shown.")
    } else {
        String::new()
    };
    let cut = Chart::cut_words(&panels);
    Some(Chart {
        title: format!("Interactions of {}: {}", view.axes_words(axes), view.planned.name),
        subtitle: format!(
            "Mean {} by pairs of levels; lines that do not run in parallel interact. {}{cut}{rest}{}",
            view.metric_name(),
            view.bars(),
            view.unfinished()
        ),
        caption: format!(
            "Mean {} for each pair of levels of two axes: {}.",
            view.metric_name(),
            named.join("; ")
        ),
        columns: panels.len().min(2),
        panels,
    })
}

fn estimates(effects: &[Effect]) -> Vec<MeanInterval> {
    effects
        .iter()
        .flat_map(|effect| effect.points.iter().flatten())
        .copied()
        .collect()
}

fn words(e: Option<MeanInterval>) -> String {
    e.map_or_else(|| "no complete seed".into(), |e| estimate(e.mean, e.half))
}

/// Colour of level `i`: from light to dark where levels are ordered.
pub(super) fn level_color(i: usize, count: usize, is_ordered: bool) -> Color {
    if !is_ordered && count <= VARIANTS {
        return variant(i);
    }
    sequential(0.45 + 0.55 * i as f64 / (count - 1).max(1) as f64)
}

/// Estimates at the levels of an axis, with lines between some of them.
pub(super) fn level_marks(
    points: &[Option<MeanInterval>],
    places: &LevelPlaces,
    joined: &[usize],
    color: Color,
    dodge: f64,
) -> Vec<Mark> {
    // The line is interrupted at a level without estimate.
    let mean = |i: usize| points[i].map_or(f64::NAN, |e| e.mean);
    let path = joined.iter().map(|&i| (places.moved(i, dodge), mean(i))).collect();
    let mut marks = vec![Mark::Line { points: path, color, width: 1.4, alpha: 1.0, dashed: false }];
    let known = || {
        let known = points.iter().enumerate();
        known.filter_map(|(i, e)| e.map(|e| (places.moved(i, dodge), e)))
    };
    for (x, e) in known() {
        if let Some(half) = e.half {
            let (at, ends) = ((x, e.mean), (e.mean - half, e.mean + half));
            marks.push(Mark::Interval { at, ends, across: false, color, width: 1.6 });
        }
    }
    marks.extend(known().map(|(x, e)| Mark::Dot {
        at: (x, e.mean),
        form: Form::Disc,
        color,
        radius: 3.0,
        nudge: 0.0,
    }));
    marks
}

fn panel(x: ValueAxis, y: ValueAxis, marks: Vec<Mark>, ends: Vec<End>) -> Panel {
    Panel::plane(Plane { ends, ..Plane::new(x, y, marks, 190.0) })
}
