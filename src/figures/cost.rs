//! Metric against cost, to show gains that are due to size or time.

use super::chart::{Anchor, Body, Chart, Form, Mark, Panel, Plane};
use super::draw::text_width;
use super::scale::{ValueAxis, extent};
use super::style::{CONTEXT, INK, SMALL, variant};
use super::view::{MeanInterval, Variant, View};
use crate::text::{estimate, short};

/// Size of the plane in CSS pixels.
const PLANE: (f64, f64) = (585.0, 320.0);

/// Share of the plane left empty at both ends of the axis.
const AIR: f64 = 0.08;

/// Maximum number of names that do not hide the dots.
const NAMES: usize = 8;

/// Cost of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CostMeasure {
    /// Size of the model.
    Size,
    /// Seconds of a run, median over its seeds.
    Seconds,
}

impl CostMeasure {
    fn of(self, view: &View, variant: &Variant) -> Option<f64> {
        match self {
            Self::Size => variant.size(view).map(|n| n as f64),
            Self::Seconds => {
                let timings = variant.finished().filter_map(|r| r.record.timing.as_ref());
                let mut seconds: Vec<f64> =
                    timings.map(|t| t.seconds).filter(|s| *s > 0.0).collect();
                seconds.sort_by(f64::total_cmp);
                seconds.get(seconds.len() / 2).copied()
            }
        }
    }

    fn unit<'v>(self, view: &'v View) -> &'v str {
        match self {
            Self::Size => view.metrics.size.as_deref().unwrap_or_default(),
            Self::Seconds => "s",
        }
    }

    fn label(self, view: &View) -> String {
        match self {
            Self::Size => view.metrics.size_axis.clone(),
            Self::Seconds => "Time of a run (seconds, median over seeds)".to_owned(),
        }
    }
}

struct Offer<'a> {
    index: usize,
    name: &'a str,
    cost: f64,
    /// Position along the axis: next to other variants of the same cost.
    place: f64,
    score: MeanInterval,
    frontier: bool,
}

/// The figure; `None` if fewer than two variants differ in cost.
pub(super) fn chart(view: &View, cost: CostMeasure) -> Option<Chart> {
    let offers = view.variants.iter().enumerate().filter_map(|(index, v)| {
        let (cost, score) = (cost.of(view, v)?, v.score(view)?);
        Some(Offer {
            index,
            name: v.label,
            cost,
            place: cost,
            score,
            frontier: false,
        })
    });
    let better = view.metric().better;
    let mut offers: Vec<Offer> = offers.collect();
    offers.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(better.order(a.score.mean, b.score.mean)));
    let mut best = None;
    for offer in &mut offers {
        let mean = offer.score.mean;
        offer.frontier = best.is_none_or(|best| better.is_better(mean, best));
        if offer.frontier {
            best = Some(mean);
        }
    }
    let (cheap, dear) = extent(offers.iter().map(|o| o.cost))?;
    if cheap <= 0.0 || dear / cheap < 1.001 {
        return None;
    }
    let air = (dear / cheap).powf(AIR / (1.0 - 2.0 * AIR));
    let x = ValueAxis::log(&format!("{}, log scale", cost.label(view)), cheap / air, dear * air, 5);
    let y = view.value_axis(&offers.iter().map(|o| o.score).collect::<Vec<_>>())?;
    let side_by_side = if apart(&mut offers, &x, &y) {
        " Variants of equal cost are drawn side by side."
    } else {
        ""
    };

    let is_cut = |o: &Offer| {
        let half = o.score.half.unwrap_or(0.0);
        o.score.mean - half < y.lo || o.score.mean + half > y.hi
    };
    let cut = if offers.iter().any(is_cut) {
        " A bar without a cap continues beyond the axis."
    } else {
        ""
    };

    let mut marks = Vec::new();
    let mut steps = Vec::new();
    for offer in offers.iter().filter(|o| o.frontier) {
        steps.extend(steps.last().map(|&(_, before): &(f64, f64)| (offer.place, before)));
        steps.push((offer.place, offer.score.mean));
    }
    steps.extend(steps.last().map(|&(_, last)| (x.hi, last)));
    marks.push(Mark::Line {
        points: steps,
        color: CONTEXT,
        width: 1.2,
        alpha: 1.0,
        dashed: true,
    });
    for offer in &offers {
        if let Some(half) = offer.score.half {
            let (mean, color) = (offer.score.mean, variant(offer.index));
            let (at, ends) = ((offer.place, mean), (mean - half, mean + half));
            marks.push(Mark::Interval { at, ends, across: false, color, width: 1.8 });
        }
    }
    for offer in &offers {
        let (at, color) = ((offer.place, offer.score.mean), variant(offer.index));
        marks.push(Mark::Dot { at, form: Form::Disc, color, radius: 4.0, nudge: 0.0 });
    }
    let named = name(&mut marks, &offers, &x, &y, view.baseline);
    let unnamed = if named < offers.len() {
        format!(" {} of {} variants are named; the table has all.", named, offers.len())
    } else {
        String::new()
    };
    let listed: Vec<String> = offers
        .iter()
        .map(|o| {
            format!(
                "{}: {} at {} {}",
                o.name,
                estimate(o.score.mean, o.score.half),
                short(o.cost),
                cost.unit(view)
            )
        })
        .collect();
    let plane = Plane {
        x,
        y,
        marks,
        ends: Vec::new(),
        heads: Vec::new(),
        spread: false,
        axes: true,
        width: Some(PLANE.0),
        height: PLANE.1,
    };
    let what = if cost == CostMeasure::Size { "size" } else { "time" };
    Some(Chart {
        title: format!("What a better {} costs in {what}: {}", view.family(), view.planned.name),
        subtitle: format!(
            "{} and further left is better. Dashed: the best that any variant reaches at that cost. {}{cut}{side_by_side}{unnamed}{}",
            better.word(),
            view.bars(),
            view.unfinished()
        ),
        caption: format!(
            "{} against {}. {}.",
            view.metric_label(),
            cost.label(view).to_lowercase(),
            listed.join("; ")
        ),
        panels: vec![Panel {
            title: String::new(),
            note: String::new(),
            body: Body::Plane(plane),
        }],
        columns: 1,
    })
}

/// Separates variants of equal cost with overlapping intervals by a dot's width, so that none hides
/// another; returns true if there were any.
fn apart(offers: &mut [Offer], x: &ValueAxis, y: &ValueAxis) -> bool {
    const STEP: f64 = 13.0;
    let least = 0.5 * STEP * (y.hi - y.lo) / PLANE.1;
    let reach = |o: &Offer| o.score.half.unwrap_or(0.0).max(least);
    let mut any = false;
    for equal in offers.chunk_by_mut(|a, b| b.cost / a.cost < 1.001) {
        equal.sort_by(|a, b| a.score.mean.total_cmp(&b.score.mean));
        let mut rest = equal;
        while let Some(first) = rest.first() {
            let mut top = first.score.mean + reach(first);
            let clear = rest.iter().position(|o| {
                let clear = o.score.mean - reach(o) > top;
                top = top.max(o.score.mean + reach(o));
                clear
            });
            let (crowd, others) = rest.split_at_mut(clear.unwrap_or(rest.len()));
            any |= crowd.len() > 1;
            crowd.sort_by_key(|offer| offer.index);
            let middle = (crowd.len() - 1) as f64 / 2.0;
            let step = STEP.min(AIR * PLANE.0 / (middle + 1.0));
            for (i, offer) in crowd.iter_mut().enumerate() {
                offer.place = offer.cost * (x.hi / x.lo).powf((i as f64 - middle) * step / PLANE.0);
            }
            rest = others;
        }
    }
    any
}

/// A rectangle in pixels of the plane: left, top, right, bottom.
type Area = [f64; 4];

fn overlap(a: &Area, b: &Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// Adds names to as many variants as there is room for, first to those on the Pareto frontier and
/// to the baseline; returns their number. Names avoid dots, other names and intervals, but the
/// first ones are placed over an interval rather than omitted.
fn name(
    marks: &mut Vec<Mark>,
    offers: &[Offer],
    x: &ValueAxis,
    y: &ValueAxis,
    baseline: Option<usize>,
) -> usize {
    let place = |o: &Offer| (x.along(o.place, 0.0, PLANE.0), y.along(o.score.mean, PLANE.1, 0.0));
    let around = |(px, py): (f64, f64), high: f64, low: f64| {
        [px - 6.0, high.min(py - 6.0), px + 6.0, low.max(py + 6.0)]
    };
    let reach = |o: &Offer| {
        let end = |half: f64| y.along(o.score.mean + half, PLANE.1, 0.0);
        o.score.half.map_or((place(o).1, place(o).1), |half| (end(half), end(-half)))
    };
    let intervals: Vec<Area> =
        offers.iter().map(|o| around(place(o), reach(o).0, reach(o).1)).collect();
    let mut taken: Vec<Area> =
        offers.iter().map(|o| around(place(o), place(o).1, place(o).1)).collect();
    let first = |o: &Offer| o.frontier || Some(o.index) == baseline;
    let mut order: Vec<&Offer> = offers.iter().collect();
    order.sort_by_key(|o| (!first(o), o.index));
    // Names of many variants would hide the dots.
    order.truncate(NAMES.max(order.iter().filter(|o| first(o)).count()));
    let mut named = 0;
    for offer in order {
        let (px, py) = place(offer);
        let width = text_width(offer.name, SMALL, false);
        let (high, low) = reach(offer);
        let beside = [0.0, -13.0, 13.0, -26.0, 26.0].into_iter();
        let candidates: Vec<(Anchor, f64, f64)> = beside
            .flat_map(|dy| [(Anchor::Start, 9.0, dy), (Anchor::End, -9.0, dy)])
            .chain([
                (Anchor::Middle, 0.0, high - py - 15.0),
                (Anchor::Middle, 0.0, low - py + 15.0),
            ])
            .collect();
        let area = |(anchor, dx, dy): (Anchor, f64, f64)| {
            let left = match anchor {
                Anchor::Start => px + dx,
                Anchor::Middle => px - 0.5 * width,
                Anchor::End => px + dx - width,
            };
            [left, py + dy - 6.5, left + width, py + dy + 6.5]
        };
        let free = |over_intervals: bool| {
            candidates.iter().copied().find(|&candidate| {
                let own = area(candidate);
                let inside =
                    own[0] >= 0.0 && own[2] <= PLANE.0 && own[1] >= 0.0 && own[3] <= PLANE.1;
                let clear = |others: &[Area]| !others.iter().any(|other| overlap(other, &own));
                inside && clear(&taken) && (over_intervals || clear(&intervals))
            })
        };
        if let Some((anchor, dx, dy)) = free(false).or_else(|| free(true).filter(|_| first(offer)))
        {
            taken.push(area((anchor, dx, dy)));
            named += 1;
            marks.push(Mark::Text {
                at: (offer.place, offer.score.mean),
                text: offer.name.to_owned(),
                anchor,
                nudge: (dx, dy),
                color: INK,
                size: SMALL,
            });
        }
    }
    named
}
