//! Heat maps of the metric over two axes of numbers of a full grid.

use super::chart::{Anchor, Body, Chart, Mark, Panel, Plane};
use super::places::numbers;
use super::scale::{ValueAxis, extent};
use super::style::{Color, INK, MUTED, SMALL, WHITE, sequential};
use super::view::{MeanInterval, View};
use crate::results::effects::Effects;
use crate::text::{decimals_for, typeset};
use crate::trainer::Better;

/// Maximum number of pairs of axes that are drawn.
const PAIRS: usize = 4;
/// Minimum number of cells: of fewer, the interactions say as much.
const FEWEST_CELLS: usize = 6;
/// Maximum number of columns with room for values.
const COLUMNS: usize = 8;
/// Maximum number of rows with room for values.
const ROWS: usize = 14;
/// Strips of the legend.
const STRIPS: usize = 64;

/// The figure; `None` without two axes of numbers whose cells have different values.
pub(super) fn chart(view: &View, effects: &Effects) -> Option<Chart> {
    let axis = |i: usize| &view.planned.axes[i];
    let is_numeric = |&i: &usize| {
        let numbers = numbers(&axis(i).levels);
        numbers > 2 || numbers == axis(i).levels.len()
    };
    let numeric: Vec<usize> = effects.factors.iter().copied().filter(is_numeric).collect();
    let pairs: Vec<(usize, usize)> = numeric
        .iter()
        .enumerate()
        .flat_map(|(i, &a)| numeric[i + 1..].iter().map(move |&b| (a, b)))
        .filter(|&(a, b)| axis(a).levels.len() * axis(b).levels.len() >= FEWEST_CELLS)
        .map(|(a, b)| if axis(a).levels.len() >= axis(b).levels.len() { (a, b) } else { (b, a) })
        .collect();
    let maps: Vec<Map> =
        pairs.iter().take(PAIRS).map(|&pair| Map::new(view, effects, pair)).collect();
    let values = || maps.iter().flat_map(|map| map.cells.iter().flatten());
    let (lo, hi) = extent(values().map(|cell| cell.mean)).filter(|(lo, hi)| lo < hi)?;
    let shade = |value: f64| match view.metric().better {
        Better::Lower => (hi - value) / (hi - lo),
        Better::Higher => (value - lo) / (hi - lo),
    };
    // One significant digit of the narrowest interval, because cells are small, and enough to tell
    // the range.
    let halves = values().filter_map(|cell| cell.half).fold(f64::INFINITY, f64::min);
    let decimals = decimals_for(hi, Some(10.0 * halves.min(0.1 * (hi - lo)))).min(3);
    let mut panels: Vec<Panel> = maps.iter().map(|map| map.panel(&shade, decimals)).collect();
    let columns = panels.len().min(2);
    if panels.len() % columns == 1 {
        panels.push(Panel {
            title: String::new(),
            note: String::new(),
            body: Body::Message(String::new()),
        });
    }
    panels.push(legend(view, (lo, hi), &shade));
    let rest = match pairs.len() - maps.len() {
        0 => String::new(),
        n => format!(" {n} more pairs of axes are not shown."),
    };
    let over = if effects.factors.len() > 2 {
        ", over all levels of the other axes"
    } else {
        ""
    };
    let spelled: Vec<String> = maps.iter().map(|map| map.words(view)).collect();
    let named: Vec<usize> = match pairs[..] {
        [(a, b)] => vec![a, b],
        _ => numeric,
    };
    Some(Chart {
        title: format!(
            "{} by {}: {}",
            capital(view.metric_name()),
            view.axes_words(&named),
            view.planned.name
        ),
        subtitle: format!(
            "Mean {} in each cell{over}. Dark: better. Framed: the best cell.{rest}{}{}",
            view.metric_name(),
            view.lost(),
            view.unfinished()
        ),
        caption: format!(
            "Mean {}{} for each pair of levels. {}.",
            view.metric_name(),
            view.in_unit(),
            spelled.join("; ")
        ),
        panels,
        columns,
    })
}

/// Words with a capital at their beginning.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// Cells of a pair of axes, with numbers in ascending order before words.
struct Map {
    columns: (String, Vec<String>),
    rows: (String, Vec<String>),
    /// Row by row.
    cells: Vec<Option<MeanInterval>>,
    best: Option<usize>,
}

impl Map {
    fn new(view: &View, effects: &Effects, (across, up): (usize, usize)) -> Self {
        let ascending = |axis: usize| {
            let levels = &view.planned.axes[axis].levels;
            let mut order: Vec<usize> = (0..levels.len()).collect();
            let value = |i: usize| levels[i].parse().unwrap_or(f64::NAN);
            order.sort_by(|&a, &b| f64::total_cmp(&value(a), &value(b)));
            order
        };
        let (columns, rows) = (ascending(across), ascending(up));
        let cell = |row: usize, column: usize| {
            let effect = effects.pair((across, column), (up, row))?;
            effect.mean.as_ref().map(MeanInterval::of)
        };
        let cells: Vec<Option<MeanInterval>> = rows
            .iter()
            .flat_map(|&row| columns.iter().map(move |&column| cell(row, column)))
            .collect();
        let known = cells.iter().enumerate().filter_map(|(i, cell)| Some((i, (*cell)?.mean)));
        let best = known.min_by(|a, b| view.metric().better.order(a.1, b.1)).map(|(i, _)| i);
        let named = |axis: usize, order: &[usize]| {
            let axis = &view.planned.axes[axis];
            let levels = order.iter().map(|&i| axis.levels[i].clone()).collect();
            (axis.column.clone(), levels)
        };
        Self {
            columns: named(across, &columns),
            rows: named(up, &rows),
            cells,
            best,
        }
    }

    fn panel(&self, shade: &impl Fn(f64) -> f64, decimals: usize) -> Panel {
        let (columns, rows) = (self.columns.1.len(), self.rows.1.len());
        let has_values = columns <= COLUMNS && rows <= ROWS;
        let place = |i: usize| ((i % columns) as f64, (i / columns) as f64);
        let mut marks = Vec::new();
        for (i, cell) in self.cells.iter().enumerate() {
            let (x, y) = place(i);
            let shade = cell.map(|cell| shade(cell.mean));
            if let Some(shade) = shade {
                marks.push(tile((x, y), sequential(shade)));
            }
            let text =
                cell.map_or_else(|| "\u{2013}".to_owned(), |cell| typeset(cell.mean, decimals));
            if has_values {
                marks.push(Mark::Text {
                    at: (x, y),
                    text,
                    anchor: Anchor::Middle,
                    nudge: (0.0, 0.0),
                    color: match shade {
                        Some(0.55..) => WHITE,
                        Some(_) => INK,
                        None => MUTED,
                    },
                    size: SMALL,
                });
            }
        }
        if let Some((x, y)) = self.best.map(place) {
            let (left, right, low, high) = (x - 0.46, x + 0.46, y - 0.44, y + 0.44);
            let corners = vec![(left, low), (right, low), (right, high), (left, high), (left, low)];
            for (color, width) in [(WHITE, 4.0), (INK, 2.0)] {
                let points = corners.clone();
                marks.push(Mark::Line { points, color, width, alpha: 1.0, dashed: false });
            }
        }
        let x = ValueAxis::levels(&self.columns.0, &self.columns.1);
        let y = ValueAxis::levels(&self.rows.0, &self.rows.1);
        let height = (34.0 * rows as f64).min(340.0);
        Panel::plane(Plane::new(x, y, marks, height))
    }

    fn words(&self, view: &View) -> String {
        let columns = self.columns.1.len();
        let best = self.best.and_then(|i| Some((i, self.cells[i]?)));
        let best = best.map_or_else(
            || "no complete seed".to_owned(),
            |(i, cell)| {
                format!(
                    "best at {} {} and {} {}: {}",
                    self.columns.0,
                    self.columns.1[i % columns],
                    self.rows.0,
                    self.rows.1[i / columns],
                    view.metric().unit.of(&cell.words())
                )
            },
        );
        format!("{} by {}: {best}", self.columns.0, self.rows.0)
    }
}

/// A cell, with a thin gap to its neighbours.
fn tile((x, y): (f64, f64), color: Color) -> Mark {
    let ends = [x - 0.49, x + 0.49];
    let points = ends.map(|end| (end, y - 0.48, y + 0.48)).to_vec();
    Mark::Band { points, color, alpha: 1.0 }
}

/// Scale of the colours.
fn legend(view: &View, (lo, hi): (f64, f64), shade: &impl Fn(f64) -> f64) -> Panel {
    let step = (hi - lo) / STRIPS as f64;
    let strip = |i: usize| {
        let from = lo + i as f64 * step;
        // Each reaches below the next, so that no seam shows.
        let points = [from, hi.min(from + 2.0 * step)].map(|end| (end, -0.5, 0.5)).to_vec();
        Mark::Band {
            points,
            color: sequential(shade(from + 0.5 * step)),
            alpha: 1.0,
        }
    };
    let x = ValueAxis::linear(&view.metric_label(), lo, hi, 6);
    let y = ValueAxis::levels("", &[view.family().to_owned()]);
    let marks = (0..STRIPS).map(strip).collect();
    Panel::plane(Plane::new(x.improving_across(view.metric().better), y, marks, 12.0))
}
