//! Shapley values: the share of each change in the difference that all changes make together.

use super::chart::{Chart, End, Form, Mark, Panel, Plane};
use super::scale::{Tick, ValueAxis};
use super::style::{AXIS, INK, MUTED};
use super::view::{MeanInterval, View, reach};
use crate::results::shapley::{Shapley, ShapleyShare};
use crate::text::difference;

/// Figure of a study's Shapley values; `None` before any seed has all runs of the grid.
pub(super) fn chart(view: &View, shapley: &Shapley) -> Option<Chart> {
    let whole = MeanInterval::of(&shapley.whole?);
    let name = |share: &ShapleyShare| {
        let axis = &view.planned.axes[share.axis];
        let (from, to) = (&axis.levels[share.reference], &axis.levels[share.level]);
        format!("{}: {from} to {to}", axis.column)
    };
    let shares = shapley.shares.iter();
    let mut rows: Vec<(String, MeanInterval)> = shares
        .filter_map(|share| Some((name(share), MeanInterval::of(&share.estimate?))))
        .collect();
    rows.push(("all together".to_owned(), whole));
    let estimates: Vec<MeanInterval> = rows.iter().map(|(_, estimate)| *estimate).collect();
    let zero = MeanInterval { mean: 0.0, half: None };
    let (lo, hi) = reach(&[&estimates[..], &[zero]].concat())?;
    let label = format!("Share of the difference{}", view.metric().unit.in_brackets());
    let x = ValueAxis::airy(&label, lo, hi, 6).improving_across(view.metric().better);
    let count = rows.len() as f64;
    let at = |i: usize| count - 1.0 - i as f64;
    let ticks = rows.iter().enumerate().rev();
    let ticks = ticks.map(|(i, (name, _))| Tick { at: at(i), text: name.clone() }).collect();
    let y = ValueAxis { hi: count - 0.5, ticks, ..ValueAxis::levels("", &[]) };
    let line = |points, color| Mark::Line { points, color, width: 1.2, alpha: 1.0, dashed: false };
    let mut marks = vec![line(vec![(0.0, -0.5), (0.0, count - 0.5)], AXIS)];
    let mut ends = Vec::new();
    for (i, estimate) in estimates.iter().enumerate() {
        let color = if i + 1 < rows.len() { INK } else { MUTED };
        let middle = (estimate.mean, at(i));
        if let Some(half) = estimate.half {
            let ends = (estimate.mean - half, estimate.mean + half);
            marks.push(Mark::Interval { at: middle, ends, across: true, color, width: 2.2 });
        }
        marks.push(Mark::Dot { at: middle, form: Form::Disc, color, radius: 3.6, nudge: 0.0 });
        let values = vec![difference(estimate.mean, estimate.half)];
        ends.push(End { at: at(i), color: None, name: String::new(), values });
    }
    let spelled: Vec<String> = rows
        .iter()
        .map(|(name, e)| format!("{name} {}", difference(e.mean, e.half)))
        .collect();
    let height = 26.0 * (count + 0.5);
    let plane = Plane { ends, spread: false, ..Plane::new(x, y, marks, height) };
    let panels = vec![Panel::plane(plane)];
    Some(Chart {
        title: format!("Share of each change in {}: {}", view.metric_name(), view.planned.name),
        subtitle: format!(
            "What a change adds to the {}, averaged over every order of making the changes, seed by seed (Shapley \
             value). The shares add up. {}{}{}",
            view.metric_name(),
            view.bars(),
            Chart::cut_words(&panels),
            view.unfinished()
        ),
        caption: format!(
            "Shapley values of the changes in {}{}: {}.",
            view.metric_name(),
            view.in_unit(),
            spelled.join("; ")
        ),
        panels,
        columns: 1,
    })
}
