//! Response to an axis of numbers: the metric against the level, at true distances.

use super::chart::{Chart, End, Form, Mark, Panel, Plane, PointName};
use super::effects::{level_color, level_marks};
use super::places::{LevelPlaces, numbers};
use super::scale::ValueAxis;
use super::style::{Color, INK, MUTED};
use super::view::{MeanInterval, View};
use crate::results::effects::Effects;

/// Number of numbers on an axis from which its response is more than a difference.
const FEWEST_NUMBERS: usize = 3;
/// Maximum number of lines of a panel; of more, the mean is drawn.
const MOST_LINES: usize = 8;
/// Maximum number of axes that are drawn.
const MOST_AXES: usize = 4;
/// Maximum number of values of single seeds of a line.
const MOST_SEEDS: usize = 200;

/// Estimates along one axis at fixed levels of the others.
struct Line {
    name: String,
    /// Estimate at each level.
    points: Vec<Option<MeanInterval>>,
    /// Values of single seeds by level.
    seeds: Vec<Vec<f64>>,
    /// Level of the baseline, if it is on the line.
    baseline: Option<usize>,
}

/// The figure; `None` if no axis has enough numbers with values.
pub(super) fn chart(view: &View, effects: Option<&Effects>) -> Option<Chart> {
    let varied = view.varied();
    let axes: Vec<usize> = varied
        .iter()
        .copied()
        .filter(|&axis| numbers(&view.planned.axes[axis].levels) >= FEWEST_NUMBERS)
        .collect();
    let drawn: Vec<(usize, Vec<Line>)> = axes
        .iter()
        .map(|&axis| (axis, lines(view, &varied, axis, effects)))
        .filter(|(_, lines)| !lines.is_empty())
        .take(MOST_AXES)
        .collect();
    let estimates = drawn.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.points);
    let y = view.value_axis(&estimates.flatten().copied().collect::<Vec<_>>())?;
    let mut spelled = Vec::new();
    let mut is_mean = false;
    let mut has_gaps = false;
    let panels = drawn.iter().map(|(axis, lines)| {
        let places =
            LevelPlaces::of(&view.planned.axes[*axis].column, &view.planned.axes[*axis].levels);
        has_gaps |= places.has_gaps();
        let mut marks: Vec<Mark> = places.separators(&y).collect();
        let (mut ends, mut names) = (Vec::new(), Vec::new());
        let count = lines.len();
        for (i, line) in lines.iter().enumerate() {
            let color = if count == 1 { INK } else { level_color(i, count, is_ordered(lines)) };
            let dodge = places.dodge(i, count);
            marks.extend(line.seed_marks(&places, dodge, color, &y));
            if let Some((level, e)) = line.baseline.and_then(|i| Some((i, line.points[i]?))) {
                let at = (places.moved(level, dodge), e.mean);
                marks.push(Mark::Dot { at, form: Form::Ring, color, radius: 6.0, nudge: 0.0 });
                names.push(PointName { at, text: "baseline".to_owned() });
            }
            marks.extend(level_marks(&line.points, &places, &places.line, color, dodge));
            if count > 1 {
                ends.extend(line.last(&places).map(|last| End {
                    at: last.mean,
                    color: Some(color),
                    name: line.name.clone(),
                    values: Vec::new(),
                }));
            }
            is_mean |= line.seeds.is_empty() && count == 1;
            spelled.push(line.words(view, *axis));
        }
        let plane = Plane {
            ends,
            names,
            ..Plane::new(places.axis, y.clone(), marks, 260.0)
        };
        Panel::plane(plane)
    });
    let panels: Vec<Panel> = panels.collect();
    let mut subtitle = format!("Mean {} at each level, at true distances.", view.metric_name());
    if is_mean {
        subtitle += " One line is the mean over all levels of the other axes.";
    }
    if has_gaps {
        subtitle += " Beyond the dashed line: levels that have no place on the axis.";
    }
    if drawn.iter().flat_map(|(_, lines)| lines).any(Line::has_seeds) {
        subtitle += " Small dots: seeds.";
    }
    let left_out = match axes.len().saturating_sub(MOST_AXES) {
        0 => String::new(),
        n => format!(" {n} more axes are not shown."),
    };
    let named: Vec<usize> = drawn.iter().map(|(axis, _)| *axis).collect();
    Some(Chart {
        title: format!("Response to {}: {}", view.axes_words(&named), view.planned.name),
        subtitle: format!(
            "{subtitle} {}{}{left_out}{}{}",
            view.bars(),
            Chart::cut_words(&panels),
            view.lost(),
            view.unfinished()
        ),
        caption: format!(
            "Mean {}{} against the level. {}.",
            view.metric_name(),
            view.in_unit(),
            spelled.join("; ")
        ),
        columns: if panels.len() > 1 { 2 } else { 1 },
        panels,
    })
}

/// Lines along an axis: one for each combination of levels of the others that has several numbers,
/// or of too many, their mean in a full grid.
fn lines(view: &View, varied: &[usize], axis: usize, effects: Option<&Effects>) -> Vec<Line> {
    let levels = &view.planned.axes[axis].levels;
    let others: Vec<usize> = varied.iter().copied().filter(|&other| other != axis).collect();
    let mut found: Vec<(Vec<&str>, Line)> = Vec::new();
    for (i, variant) in view.variants.iter().enumerate() {
        let Some(level) = levels.iter().position(|level| *level == variant.levels[axis]) else {
            continue;
        };
        let key: Vec<&str> = others.iter().map(|&other| &variant.levels[other][..]).collect();
        let at = found.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            let words: Vec<String> = others
                .iter()
                .map(|&o| format!("{} {}", view.planned.axes[o].column, variant.levels[o]))
                .collect();
            found.push((key, Line::new(words.join(", "), levels.len())));
            found.len() - 1
        });
        let line = &mut found[at].1;
        line.points[level] = variant.score(view);
        line.seeds[level] = variant.replicates.iter().filter_map(|r| r.score).collect();
        if view.baseline == Some(i) {
            line.baseline = Some(level);
        }
    }
    let places = LevelPlaces::of("", levels);
    let count = |line: &Line| places.line.iter().filter(|&&i| line.points[i].is_some()).count();
    let mut lines: Vec<Line> = found.into_iter().map(|(_, line)| line).collect();
    lines.retain(|line| count(line) >= 2);
    if lines.len() <= MOST_LINES {
        return lines;
    }
    let Some(effects) = effects else { return Vec::new() };
    let mut mean = Line { seeds: Vec::new(), ..Line::new(String::new(), levels.len()) };
    for (level, point) in mean.points.iter_mut().enumerate() {
        let effect = effects.main(axis, level).and_then(|effect| effect.mean);
        *point = effect.as_ref().map(MeanInterval::of);
    }
    vec![mean]
}

/// True if lines are levels of an axis of numbers, in order.
fn is_ordered(lines: &[Line]) -> bool {
    let last = |line: &Line| line.name.rsplit(' ').next().unwrap_or_default().to_owned();
    let levels: Vec<String> = lines.iter().map(last).collect();
    let is_one_axis = lines.iter().all(|line| !line.name.contains(", "));
    is_one_axis && numbers(&levels) == lines.len()
}

impl Line {
    fn new(name: String, levels: usize) -> Self {
        Self {
            name,
            points: vec![None; levels],
            seeds: vec![Vec::new(); levels],
            baseline: None,
        }
    }

    /// Estimate furthest to the right.
    fn last(&self, places: &LevelPlaces) -> Option<MeanInterval> {
        let known = self.points.iter().enumerate().filter_map(|(i, e)| Some((i, (*e)?)));
        known
            .max_by(|(a, _), (b, _)| places.at[*a].total_cmp(&places.at[*b]))
            .map(|(_, e)| e)
    }

    /// True if single seeds are drawn.
    fn has_seeds(&self) -> bool {
        let several = self.seeds.iter().any(|seeds| seeds.len() > 1);
        several && self.seeds.iter().map(Vec::len).sum::<usize>() <= MOST_SEEDS
    }

    /// Dots of single seeds, left of their mean.
    fn seed_marks(
        &self,
        places: &LevelPlaces,
        dodge: f64,
        color: Color,
        y: &ValueAxis,
    ) -> Vec<Mark> {
        if !self.has_seeds() {
            return Vec::new();
        }
        let color = if color == INK { MUTED } else { color };
        let several = self.seeds.iter().enumerate().filter(|(_, seeds)| seeds.len() > 1);
        let dot = |level: usize, value: f64| Mark::Dot {
            at: (places.moved(level, dodge - 0.012), value),
            form: Form::Seed,
            color,
            radius: 1.8,
            nudge: 0.0,
        };
        several
            .flat_map(|(level, seeds)| seeds.iter().map(move |&value| (level, value)))
            .filter(|(_, value)| y.holds(*value))
            .map(|(level, value)| dot(level, value))
            .collect()
    }

    fn words(&self, view: &View, axis: usize) -> String {
        let axis = &view.planned.axes[axis];
        let at = axis.levels.iter().zip(&self.points);
        let at: Vec<String> = at
            .filter_map(|(level, e)| Some(format!("{level}: {}", (*e)?.words())))
            .collect();
        let name = if self.name.is_empty() { String::new() } else { format!(" ({})", self.name) };
        format!("{}{name} \u{2013} {}", axis.column, at.join(", "))
    }
}
