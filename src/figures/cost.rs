//! Metric against cost, to show gains that are due to size or time.

use std::cmp::Ordering;

use super::chart::{Chart, Mark, Panel, Plane, PointName};
use super::legend;
use super::looks::LookKey;
use super::scale::{ValueAxis, extent};
use super::style::CONTEXT;
use super::view::{MeanInterval, Variant, View};
use crate::results::ablation::Ablation;
use crate::text::{estimate, short};

/// Height of the plane in CSS pixels.
const HEIGHT: f64 = 320.0;
/// Share of the plane left empty at both ends of the axis.
const AIR: f64 = 0.08;
/// Maximum number of names that do not hide the dots, next to those far from other names.
const NAMES: usize = 8;
/// Shares of the plane, across and up, within which no other dot is named if a name has room.
const ROOM: (f64, f64) = (0.25, 0.08);
/// Ratio of two costs below which they count as equal.
const EQUAL: f64 = 1.001;
/// Ratio of the computation of two variants below which their times differ by chance.
const SAME_COMPUTE: f64 = 1.01;

/// Kind of cost.
struct Measure {
    /// Label of the axis.
    label: String,
    /// Unit in texts.
    unit: String,
    /// Word in the title.
    word: &'static str,
    /// Sentence on bars along the axis of costs and on what is in them.
    remark: &'static str,
}

/// Cost of a variant, with its spread over the seeds.
struct Cost {
    middle: f64,
    /// Lower and upper quartile; `None` for a single value.
    quartiles: Option<(f64, f64)>,
}

struct Offer<'a> {
    index: usize,
    name: &'a str,
    cost: Cost,
    score: MeanInterval,
    frontier: bool,
}

/// Figure of the metric against the size of the model; `None` unless sizes differ.
pub(super) fn by_size(view: &View) -> Option<Chart> {
    let measure = Measure {
        label: view.metrics.size_axis.clone(),
        unit: view.metrics.size.clone().unwrap_or_default(),
        word: "size",
        remark: "",
    };
    let size =
        |variant: &Variant| Some(Cost { middle: variant.size(view)? as f64, quartiles: None });
    chart(view, &measure, &size)
}

/// Figure of the metric against the time of a run; `None` where times show the load of the machine:
/// every variant computes as much, or those that compute more are more often faster than slower.
pub(super) fn by_time(view: &View, table: &Ablation) -> Option<Chart> {
    let known: Vec<(f64, f64)> = (table.rows.iter().zip(&view.variants))
        .filter_map(|(row, variant)| Some((row.compute_ratio?, seconds(variant)?.middle)))
        .collect();
    let ratios = extent(known.iter().map(|(compute, _)| *compute));
    let is_equal = ratios.is_some_and(|(least, most)| most < SAME_COMPUTE * least);
    if is_equal || agreement(&known) < 0 {
        return None;
    }
    let measure = Measure {
        label: "Time of a run (seconds, median over seeds)".to_owned(),
        unit: "s".to_owned(),
        word: "time",
        remark: " Horizontal bar: the middle half of the run times, which the load of the machine is part of.",
    };
    chart(view, &measure, &seconds)
}

/// Number of pairs of which the one that computes more takes longer, less the number of those of which
/// it is faster; pairs that compute as much do not count.
fn agreement(compute_and_time: &[(f64, f64)]) -> i64 {
    let pairs = compute_and_time.iter().enumerate().flat_map(|(i, a)| {
        compute_and_time[i + 1..]
            .iter()
            .map(move |b| if a.0 <= b.0 { (a, b) } else { (b, a) })
    });
    pairs
        .filter(|(less, more)| more.0 >= SAME_COMPUTE * less.0)
        .map(|(less, more)| match more.1.total_cmp(&less.1) {
            Ordering::Greater => 1,
            Ordering::Less => -1,
            Ordering::Equal => 0,
        })
        .sum()
}

fn seconds(variant: &Variant) -> Option<Cost> {
    let timings = variant.finished().filter_map(|r| r.record.timing.as_ref());
    let mut seconds: Vec<f64> = timings.map(|t| t.seconds).filter(|s| *s > 0.0).collect();
    seconds.sort_by(f64::total_cmp);
    let several = seconds.len() > 1;
    Some(Cost {
        middle: quantile(&seconds, 0.5)?,
        quartiles: quantile(&seconds, 0.25).zip(quantile(&seconds, 0.75)).filter(|_| several),
    })
}

/// Quantile of ascending values, linear between two of them.
fn quantile(ascending: &[f64], share: f64) -> Option<f64> {
    let at = share * ascending.len().checked_sub(1)? as f64;
    let (low, high) = (ascending[at.floor() as usize], ascending[at.ceil() as usize]);
    Some(low + (high - low) * at.fract())
}

fn chart(view: &View, measure: &Measure, cost: &dyn Fn(&Variant) -> Option<Cost>) -> Option<Chart> {
    let better = view.metric().better;
    let offers = view.variants.iter().enumerate().filter_map(|(index, v)| {
        let (cost, score) = (cost(v)?, v.score(view)?);
        Some(Offer { index, name: v.label, cost, score, frontier: false })
    });
    let mut offers: Vec<Offer> = offers.collect();
    offers.sort_by(|a, b| {
        let by_score = better.order(a.score.mean, b.score.mean);
        a.cost.middle.total_cmp(&b.cost.middle).then(by_score)
    });
    let mut best = None;
    for offer in &mut offers {
        let mean = offer.score.mean;
        offer.frontier = best.is_none_or(|best| better.is_better(mean, best));
        if offer.frontier {
            best = Some(mean);
        }
    }
    let (cheap, dear) = extent(offers.iter().map(|o| o.cost.middle))?;
    if cheap <= 0.0 || dear / cheap < EQUAL {
        return None;
    }
    let spreads = offers.iter().filter_map(|o| o.cost.quartiles).flat_map(|(a, b)| [a, b]);
    let (cheap, dear) = extent(spreads.chain([cheap, dear]))?;
    let air = (dear / cheap).powf(AIR / (1.0 - 2.0 * AIR));
    let x = ValueAxis::log(&format!("{}, log scale", measure.label), cheap / air, dear * air, 5);
    let y = view.value_axis(&offers.iter().map(|o| o.score).collect::<Vec<_>>())?;
    let mut marks = vec![frontier(&offers, x.hi)];
    marks.extend(offers.iter().flat_map(|offer| offer.bars(view)));
    // The baseline, which all others are compared with, is in front.
    let (front, others): (Vec<&Offer>, Vec<&Offer>) =
        offers.iter().partition(|offer| Some(offer.index) == view.baseline);
    marks.extend(others.into_iter().chain(front).map(|offer| Mark::Dot {
        at: offer.at(),
        form: view.look(offer.index).form,
        color: view.color(offer.index),
        radius: 3.6,
        nudge: 0.0,
    }));
    let named = named(view, &offers, (&x, &y));
    let unnamed = if named.len() < offers.len() {
        format!(" {} of {} variants are named; the table has all.", named.len(), offers.len())
    } else {
        String::new()
    };
    let few = if view.looks.key == LookKey::Few { legend::words(view) } else { String::new() };
    let listed: Vec<String> = offers
        .iter()
        .map(|o| {
            let score = estimate(o.score.mean, o.score.half);
            format!("{}: {score} at {} {}", o.name, short(o.cost.middle), measure.unit)
        })
        .collect();
    let mut panels = vec![Panel::plane(Plane { names: named, ..Plane::new(x, y, marks, HEIGHT) })];
    panels.extend(legend::panel(view));
    Some(Chart {
        title: format!(
            "What a better {} costs in {}: {}",
            view.family(),
            measure.word,
            view.planned.name
        ),
        subtitle: format!(
            "Further left is cheaper. Dashed: the best that any variant reaches at that cost. {}{}{}{few}{unnamed}{}",
            view.bars(),
            measure.remark,
            Chart::cut_words(&panels),
            view.unfinished()
        ),
        caption: format!(
            "{} against {}. {}.",
            view.metric_label(),
            measure.label.to_lowercase(),
            listed.join("; ")
        ),
        panels,
        columns: 1,
    })
}

/// Steps of the best value at each cost, up to the end of the axis.
fn frontier(offers: &[Offer], end: f64) -> Mark {
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for offer in offers.iter().filter(|o| o.frontier) {
        steps.extend(steps.last().map(|&(_, before)| (offer.cost.middle, before)));
        steps.push(offer.at());
    }
    steps.extend(steps.last().map(|&(_, last)| (end, last)));
    Mark::Line {
        points: steps,
        color: CONTEXT,
        width: 1.2,
        alpha: 1.0,
        dashed: true,
    }
}

/// Names of the variants on the frontier, of the baseline and of as many others as there is room for.
fn named(view: &View, offers: &[Offer], axes: (&ValueAxis, &ValueAxis)) -> Vec<PointName> {
    let place = |o: &Offer| (axes.0.along(o.at().0, 0.0, 1.0), axes.1.along(o.at().1, 0.0, 1.0));
    let is_near =
        |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < ROOM.0 && (a.1 - b.1).abs() < ROOM.1;
    let is_first = |o: &Offer| o.frontier || Some(o.index) == view.baseline;
    let mut order: Vec<&Offer> = offers.iter().collect();
    order.sort_by_key(|o| (!is_first(o), o.index));
    let mut named: Vec<&Offer> = Vec::new();
    for offer in order {
        let has_room = || named.iter().all(|other| !is_near(place(other), place(offer)));
        if is_first(offer) || named.len() < NAMES || has_room() {
            named.push(offer);
        }
    }
    named
        .into_iter()
        .map(|offer| PointName { at: offer.at(), text: offer.name.to_owned() })
        .collect()
}

impl Offer<'_> {
    fn at(&self) -> (f64, f64) {
        (self.cost.middle, self.score.mean)
    }

    /// Interval of the mean and spread of the cost.
    fn bars(&self, view: &View) -> impl Iterator<Item = Mark> {
        let (at, color, mean) = (self.at(), view.color(self.index), self.score.mean);
        let of_mean = self.score.half.map(|half| Mark::Interval {
            at,
            ends: (mean - half, mean + half),
            across: false,
            color,
            width: 1.8,
        });
        let of_cost = self.cost.quartiles.map(|ends| Mark::Interval {
            at,
            ends,
            across: true,
            color,
            width: 1.2,
        });
        of_cost.into_iter().chain(of_mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values() {
        let of = |values: &[f64]| [0.25, 0.5, 0.75].map(|share| quantile(values, share));
        assert_eq!(of(&[]), [None; 3]);
        assert_eq!(of(&[3.0]), [Some(3.0); 3]);
        assert_eq!(of(&[1.0, 2.0, 4.0]), [Some(1.5), Some(2.0), Some(3.0)]);
        assert_eq!(of(&[1.0, 2.0]), [Some(1.25), Some(1.5), Some(1.75)]);
    }

    #[test]
    fn times_agree_where_more_computation_takes_longer() {
        assert_eq!(agreement(&[(1.0, 10.0), (2.0, 20.0), (3.0, 15.0)]), 1);
        assert_eq!(agreement(&[(2.0, 10.0), (1.0, 20.0)]), -1);
        assert_eq!(agreement(&[(1.0, 10.0), (1.001, 20.0)]), 0, "as much computation");
        assert_eq!(agreement(&[(1.0, 10.0), (2.0, 10.0)]), 0);
    }
}
