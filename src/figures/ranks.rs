//! Mean ranks of the variants over blocks, best at the top, with the critical difference where there
//! is one (Demsar 2006).

use super::chart::{Anchor, Chart, End, Form, Mark, Panel, Plane};
use super::looks::Looks;
use super::scale::{Tick, ValueAxis};
use super::style::{AXIS, INK, MUTED, SMALL};
use super::view::View;
use crate::results::blocks::{FEWEST_CRITICAL, OverBlocks};
use crate::text::{count, typeset};
use crate::trainer::Better;

/// Maximum number of blocks for which each rank is drawn.
const SINGLE_BLOCKS: usize = 30;

/// Height of a row in CSS pixels.
const ROW: f64 = 26.0;

/// The figure; `None` with fewer than two ranked variants.
pub(super) fn chart(view: &View, over: &OverBlocks) -> Option<Chart> {
    let mut ranked: Vec<(usize, f64)> = (over.rows.iter().enumerate())
        .filter_map(|(i, row)| Some((i, row.mean_rank?)))
        .collect();
    if ranked.len() < 2 {
        return None;
    }
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let rows = ranked.len() as f64;
    let x = ValueAxis::airy("Mean rank", 1.0, rows, 6).improving_across(Better::Lower);
    let place = |i: usize| rows - 1.0 - i as f64;
    let names = ranked
        .iter()
        .enumerate()
        .rev()
        .map(|(i, (row, _))| Tick { at: place(i), text: over.rows[*row].method.label.clone() });
    // A row at the top is left empty for the critical difference and the headings.
    let y = ValueAxis {
        hi: rows,
        ticks: names.collect(),
        ..ValueAxis::levels("", &[])
    };
    let mut marks = Vec::new();
    if let Some(difference) = over.ranking.critical_difference {
        let best = ranked[0].1;
        let end = best + difference;
        let points = vec![(end, -0.5), (end, rows - 0.4)];
        marks.push(Mark::Line { points, color: AXIS, width: 1.2, alpha: 1.0, dashed: true });
        if x.holds(end) {
            let middle = f64::midpoint(best, end);
            let at = rows - 0.4;
            marks.push(Mark::Interval {
                at: (middle, at),
                ends: (best, end),
                across: true,
                color: INK,
                width: 1.6,
            });
            marks.push(Mark::Text {
                at: (middle, at),
                text: format!("critical difference {}", typeset(difference, 2)),
                anchor: Anchor::Middle,
                nudge: (0.0, -9.0),
                color: MUTED,
                size: SMALL,
            });
        }
    }
    let mut ends = Vec::new();
    for (i, (row, rank)) in ranked.iter().enumerate() {
        let own = &over.rows[*row];
        if own.ranks.len() <= SINGLE_BLOCKS {
            marks.extend(own.ranks.iter().map(|rank| Mark::Dot {
                at: (*rank, place(i)),
                form: Form::Seed,
                color: INK,
                radius: 2.0,
                nudge: 9.5,
            }));
        }
        marks.push(Mark::Dot {
            at: (*rank, place(i)),
            form: Form::Disc,
            color: Looks::method(*row, over.rows.len()).color(),
            radius: 4.0,
            nudge: 0.0,
        });
        let outcome = own.outcomes.map_or_else(String::new, |outcomes| {
            format!("{} : {} : {}", outcomes.wins, outcomes.undecided, outcomes.losses)
        });
        ends.push(End {
            at: place(i),
            color: None,
            name: String::new(),
            values: vec![typeset(*rank, 2), outcome],
        });
    }
    let blocks = count(over.ranking.blocks, "block");
    let axes = over.axes.join(" and ");
    let difference = match over.ranking.critical_difference {
        Some(difference) => format!(
            " Mean ranks that differ by less than {} do not differ significantly (Nemenyi); dashed: that far from the best.",
            typeset(difference, 2)
        ),
        None => format!(" A critical difference needs {FEWEST_CRITICAL} blocks."),
    };
    let left_out = match over.ranking.left_out.len() {
        0 => String::new(),
        n => {
            let names: Vec<&str> =
                over.ranking.left_out.iter().map(|block| block.title.as_str()).collect();
            format!(" {} left out: {}.", count(n, "block"), names.join(", "))
        }
    };
    let unranked = over
        .ranking
        .unranked_in_words()
        .map_or_else(String::new, |words| format!(" {words}"));
    let listed: Vec<String> = ranked
        .iter()
        .map(|(row, rank)| format!("{}: {}", over.rows[*row].method.label, typeset(*rank, 2)))
        .collect();
    let plane = Plane {
        ends,
        heads: vec!["mean rank".to_owned(), "better : undecided : worse".to_owned()],
        spread: false,
        ..Plane::new(x, y, marks, ROW * (rows + 0.5))
    };
    Some(Chart {
        title: format!("Ranks over {blocks} of {axes}: {}", view.planned.name),
        subtitle: format!(
            "Large dots: mean rank over {blocks}; small dots: the rank in each. Counts: blocks in which a variant is better than the \
             baseline, neither, or worse.{difference}{left_out}{unranked}"
        ),
        caption: format!(
            "Mean ranks over {blocks} of {axes}, best first. {}.{difference}{left_out}{unranked}",
            listed.join("; ")
        ),
        panels: vec![Panel::plane(plane)],
        columns: 1,
    })
}
