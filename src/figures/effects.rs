//! Main effects and interactions of a full grid: the mean over all other axes, level by level.

use super::chart::{Body, Chart, End, Form, Mark, Panel, Plane};
use super::scale::ValueAxis;
use super::style::{Color, INK, sequential};
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
        let marks = line(&effect.points, INK, 0.0);
        panel(
            effect.axis.clone(),
            ValueAxis::levels("", &effect.levels),
            y.clone(),
            marks,
            Vec::new(),
        )
    });
    let spelled = effects.iter().map(|effect| {
        let levels = effect.levels.iter().zip(&effect.points);
        let text: Vec<String> =
            levels.map(|(level, e)| format!("{level}: {}", words(*e))).collect();
        format!("{} \u{2013} {}", effect.axis, text.join(", "))
    });
    Some(Chart {
        title: format!("Main effects: {}", view.planned.name),
        subtitle: format!(
            "Mean {} at each level of {}. {} {}{}",
            view.metric_name(),
            if effects.len() > 1 {
                "an axis, over all levels of the others"
            } else {
                "the axis"
            },
            view.bars(),
            view.direction(),
            view.unfinished()
        ),
        caption: format!(
            "Mean {} by level of each axis. {}.",
            view.metric_name(),
            spelled.collect::<Vec<_>>().join("; ")
        ),
        panels: panels.collect(),
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
    // Of a pair, the axis with more levels is horizontal, the other becomes lines.
    let pairs: Vec<(usize, usize)> = pairs
        .iter()
        .map(|&(a, b)| if axis(a).levels.len() >= axis(b).levels.len() { (a, b) } else { (b, a) })
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
    let panels = shown.iter().zip(&cells).map(|(&(along, lines), effects)| {
        let count = effects.len();
        let mut marks = Vec::new();
        let mut ends = Vec::new();
        for (i, effect) in effects.iter().enumerate() {
            let color = level_color(i, count);
            let dodge = (i as f64 - (count - 1) as f64 / 2.0) * (0.24 / count as f64);
            marks.extend(line(&effect.points, color, dodge));
            if let Some(last) = effect.points.last().copied().flatten() {
                ends.push(End {
                    at: last.mean,
                    color: Some(color),
                    name: effect.axis.clone(),
                    values: Vec::new(),
                });
            }
        }
        let title = format!("{} by {}", axis(along).column, axis(lines).column);
        let mut x = ValueAxis::levels("", &axis(along).levels);
        // The labels are close to the last level.
        x.hi -= 0.3;
        panel(title, x, y.clone(), marks, ends)
    });
    let panels: Vec<Panel> = panels.collect();
    let left_out = pairs.len() - shown.len();
    let rest = if left_out > 0 {
        format!(" {left_out} more pairs of axes are not shown.")
    } else {
        String::new()
    };
    let named: Vec<&str> = panels.iter().map(|p| p.title.as_str()).collect();
    Some(Chart {
        title: format!("Interactions: {}", view.planned.name),
        subtitle: format!(
            "Mean {} by pairs of levels; lines that do not run in parallel interact. {} {}{rest}{}",
            view.metric_name(),
            view.bars(),
            view.direction(),
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

/// Colour of level `i`: levels are ordered, so colours are a sequence from light to dark.
fn level_color(i: usize, count: usize) -> Color {
    sequential(0.62 + 0.38 * i as f64 / (count - 1).max(1) as f64)
}

fn line(points: &[Option<MeanInterval>], color: Color, dodge: f64) -> Vec<Mark> {
    let at = points.iter().enumerate().filter_map(|(i, e)| e.map(|e| (i as f64 + dodge, e)));
    let at: Vec<(f64, MeanInterval)> = at.collect();
    // The line is interrupted at a level without estimate.
    let path = points
        .iter()
        .enumerate()
        .map(|(i, e)| (i as f64 + dodge, e.map_or(f64::NAN, |e| e.mean)))
        .collect();
    let mut marks = vec![Mark::Line { points: path, color, width: 1.4, alpha: 1.0, dashed: false }];
    for (x, e) in &at {
        if let Some(half) = e.half {
            let (at, ends) = ((*x, e.mean), (e.mean - half, e.mean + half));
            marks.push(Mark::Interval { at, ends, across: false, color, width: 1.6 });
        }
    }
    marks.extend(at.iter().map(|(x, e)| Mark::Dot {
        at: (*x, e.mean),
        form: Form::Disc,
        color,
        radius: 3.2,
        nudge: 0.0,
    }));
    marks
}

fn panel(title: String, x: ValueAxis, y: ValueAxis, marks: Vec<Mark>, ends: Vec<End>) -> Panel {
    let plane = Plane {
        x,
        y,
        marks,
        ends,
        heads: Vec::new(),
        spread: true,
        axes: true,
        width: None,
        height: 190.0,
    };
    Panel { title, note: String::new(), body: Body::Plane(plane) }
}
