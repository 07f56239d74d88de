//! Response to an axis of numbers: the metric against the level, at true distances.

use super::chart::{Chart, End, Form, Mark, Panel, Plane, PointName};
use super::effects::{level_color, level_marks};
use super::places::{LevelPlaces, numbers};
use super::scale::ValueAxis;
use super::style::{Color, INK, MUTED};
use super::view::{MeanInterval, View};
use crate::results::effects::Effects;
use crate::text::short;

/// Number of numbers on an axis from which its response is more than a difference.
const FEWEST_NUMBERS: usize = 3;
/// Maximum number of lines of a panel; of more, the mean is drawn.
const MOST_LINES: usize = 8;
/// Maximum number of axes that are drawn.
const MOST_AXES: usize = 4;
/// Maximum number of values of single seeds of a line.
const MOST_SEEDS: usize = 200;

/// Radius in CSS pixels of the mark of a seed beyond the axis.
const BEYOND: f64 = 3.0;

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
    let all = || drawn.iter().flat_map(|(_, lines)| lines);
    let estimates: Vec<MeanInterval> =
        all().flat_map(|line| &line.points).flatten().copied().collect();
    let seeds: Vec<f64> = all().flat_map(Line::drawn_seeds).map(|(_, value)| value).collect();
    let y = view.value_axis_with(&estimates, &seeds)?;
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
    if !seeds.is_empty() {
        subtitle += " Small dots: seeds.";
    }
    let beyond = beyond(&seeds, &y);
    let left_out = match axes.len().saturating_sub(MOST_AXES) {
        0 => String::new(),
        n => format!(" {n} more axes are not shown."),
    };
    let named: Vec<usize> = drawn.iter().map(|(axis, _)| *axis).collect();
    Some(Chart {
        title: format!("Response to {}: {}", view.axes_words(&named), view.planned.name),
        subtitle: format!(
            "{subtitle}{beyond} {}{}{left_out}{}{}",
            view.bars(),
            Chart::cut_words(&panels),
            view.lost(),
            view.unfinished()
        ),
        caption: format!(
            "Mean {}{} against the level. {}.{beyond}",
            view.metric_name(),
            view.in_unit(),
            spelled.join("; ")
        ),
        columns: if panels.len() > 1 { 2 } else { 1 },
        panels,
    })
}

/// Sentence on seeds beyond the axis, if there are any.
fn beyond(seeds: &[f64], y: &ValueAxis) -> String {
    let mut values: Vec<f64> = seeds.iter().copied().filter(|value| !y.holds(*value)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let ends = match values[..] {
        [] => return String::new(),
        [one] => short(one),
        [first, .., last] => format!("{} to {}", short(first), short(last)),
    };
    format!(" Triangle at the border: a seed beyond the axis ({ends}).")
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

    /// Level and value of each seed that is drawn.
    fn drawn_seeds(&self) -> impl Iterator<Item = (usize, f64)> {
        let several = self.seeds.iter().enumerate().filter(|(_, seeds)| seeds.len() > 1);
        several
            .filter(|_| self.has_seeds())
            .flat_map(|(level, seeds)| seeds.iter().map(move |&value| (level, value)))
    }

    /// Dots of single seeds, left of their mean; a triangle at the border for one beyond the axis.
    fn seed_marks(
        &self,
        places: &LevelPlaces,
        dodge: f64,
        color: Color,
        y: &ValueAxis,
    ) -> Vec<Mark> {
        let color = if color == INK { MUTED } else { color };
        let dot = |(level, value): (usize, f64)| {
            let (form, at, radius) = if y.holds(value) {
                (Form::Seed, value, 1.8)
            } else if value > y.hi {
                (Form::Up, y.hi, BEYOND)
            } else {
                (Form::Down, y.lo, BEYOND)
            };
            let at = (places.moved(level, dodge - 0.012), at);
            Mark::Dot { at, form, color, radius, nudge: 0.0 }
        };
        self.drawn_seeds().map(dot).collect()
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
