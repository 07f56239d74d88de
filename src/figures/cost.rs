//! NLL against what it costs, so that a gain bought by size or time shows as such.

use super::chart::{Anchor, Body, Chart, Form, Mark, Panel, Plane};
use super::draw::text_width;
use super::scale::{Axis, estimate, extent, short};
use super::style::{CONTEXT, INK, SMALL, variant};
use super::view::{Estimate, Variant, View, percent};

/// Size of the plane in CSS pixels.
const PLANE: (f64, f64) = (585.0, 320.0);

/// Names that still leave the dots visible.
const NAMES: usize = 8;

/// What a variant costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Trainable parameters.
    Parameters,
    /// Seconds of a run, median over its seeds.
    Seconds,
}

impl Cost {
    fn of(self, variant: &Variant) -> Option<f64> {
        match self {
            Self::Parameters => variant.parameters().map(|n| n as f64),
            Self::Seconds => {
                let timings = variant.finished().filter_map(|r| r.record.timing.as_ref());
                let mut seconds: Vec<f64> = timings.map(|t| t.seconds).filter(|s| *s > 0.0).collect();
                seconds.sort_by(f64::total_cmp);
                seconds.get(seconds.len() / 2).copied()
            }
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Parameters => "Trainable parameters",
            Self::Seconds => "Time of a run (seconds, median over seeds)",
        }
    }
}

struct Offer<'a> {
    index: usize,
    name: &'a str,
    cost: f64,
    score: Estimate,
    frontier: bool,
}

/// The figure; `None` where fewer than two variants differ in cost.
pub(super) fn chart(view: &View, cost: Cost) -> Option<Chart> {
    let offers = view.variants.iter().enumerate().filter_map(|(index, v)| {
        Some(Offer { index, name: v.label, cost: cost.of(v)?, score: v.score(view)?, frontier: false })
    });
    let mut offers: Vec<Offer> = offers.collect();
    offers.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.score.mean.total_cmp(&b.score.mean)));
    let mut best = f64::INFINITY;
    for offer in &mut offers {
        offer.frontier = offer.score.mean < best;
        best = best.min(offer.score.mean);
    }
    let (cheap, dear) = extent(offers.iter().map(|o| o.cost))?;
    if cheap <= 0.0 || dear / cheap < 1.001 {
        return None;
    }
    let air = (dear / cheap).powf(0.07);
    let x = Axis::log(&format!("{}, log scale", cost.label()), cheap / air, dear * air, 5);
    let y = value_axis(view, &offers)?;

    let mut marks = Vec::new();
    let mut steps = Vec::new();
    for offer in offers.iter().filter(|o| o.frontier) {
        steps.extend(steps.last().map(|&(_, before): &(f64, f64)| (offer.cost, before)));
        steps.push((offer.cost, offer.score.mean));
    }
    steps.extend(steps.last().map(|&(_, last)| (x.hi, last)));
    marks.push(Mark::Line { points: steps, color: CONTEXT, width: 1.2, alpha: 1.0, dashed: true });
    for offer in &offers {
        if let Some(half) = offer.score.half {
            let points = vec![(offer.cost, offer.score.mean - half), (offer.cost, offer.score.mean + half)];
            marks.push(Mark::Line { points, color: variant(offer.index), width: 1.8, alpha: 0.8, dashed: false });
        }
    }
    for offer in &offers {
        let (at, color) = ((offer.cost, offer.score.mean), variant(offer.index));
        marks.push(Mark::Dot { at, form: Form::Disc, color, radius: 4.0, nudge: 0.0 });
    }
    let named = name(&mut marks, &offers, &x, &y, view.baseline);
    let unnamed = if named < offers.len() {
        format!(" {} of {} variants are named; the table has all.", named, offers.len())
    } else {
        String::new()
    };
    let interval = match view.plan.seeds.len() {
        1 => "1 seed: no interval.".to_owned(),
        n => format!("Bars: {} % t interval over {n} seeds.", percent(view.plan.compare.level)),
    };
    let listed: Vec<String> = offers
        .iter()
        .map(|o| format!("{}: {} at {}", o.name, estimate(o.score.mean, o.score.half), short(o.cost)))
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
    let what = if cost == Cost::Parameters { "size" } else { "time" };
    Some(Chart {
        title: format!("What a better NLL costs in {what}: {}", view.planned.name),
        subtitle: format!(
            "Lower and further left is better. Dashed: the best that any variant reaches at that cost. {interval}{unnamed}{}",
            view.unfinished()
        ),
        caption: format!(
            "{} in nats per image against {}. {}.",
            view.metric_name(),
            cost.label().to_lowercase(),
            listed.join("; ")
        ),
        panels: vec![Panel { title: String::new(), note: String::new(), body: Body::Plane(plane) }],
        columns: 1,
    })
}

fn value_axis(view: &View, offers: &[Offer]) -> Option<Axis> {
    let (lo, hi) = extent(offers.iter().map(|o| o.score.mean))?;
    let reach = 0.5 * (hi - lo).max(0.01 * hi.abs());
    let bars = offers.iter().filter_map(|o| o.score.half.map(|h| [o.score.mean - h, o.score.mean + h])).flatten();
    let (low, high) = extent(bars).unwrap_or((lo, hi));
    let name = view.metric_name();
    let label = format!("{}{} (nats per image)", name[..1].to_uppercase(), &name[1..]);
    Some(Axis::airy(&label, lo.min(low.max(lo - reach)), hi.max(high.min(hi + reach)), 6))
}

/// A rectangle in pixels of the plane: left, top, right, bottom.
type Area = [f64; 4];

fn overlap(a: &Area, b: &Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// Names as many variants as there is room for, the frontier and the baseline first; returns how many.
fn name(marks: &mut Vec<Mark>, offers: &[Offer], x: &Axis, y: &Axis, baseline: Option<usize>) -> usize {
    let place = |o: &Offer| (x.along(o.cost, 0.0, PLANE.0), y.along(o.score.mean, PLANE.1, 0.0));
    let mut taken: Vec<Area> = offers
        .iter()
        .map(|o| {
            let (px, py) = place(o);
            [px - 5.0, py - 5.0, px + 5.0, py + 5.0]
        })
        .collect();
    let mut order: Vec<&Offer> = offers.iter().collect();
    order.sort_by_key(|o| (!o.frontier && Some(o.index) != baseline, o.index));
    // Names of many variants would bury the dots.
    order.truncate(NAMES.max(order.iter().filter(|o| o.frontier).count()));
    let mut named = 0;
    for offer in order {
        let (px, py) = place(offer);
        let width = text_width(offer.name, SMALL, false);
        let candidates = [0.0, -13.0, 13.0]
            .into_iter()
            .flat_map(|dy| [(Anchor::Start, 9.0, dy), (Anchor::End, -9.0, dy)])
            .chain([(Anchor::Middle, 0.0, -15.0), (Anchor::Middle, 0.0, 15.0)]);
        let fits = candidates.into_iter().find_map(|(anchor, dx, dy)| {
            let left = match anchor {
                Anchor::Start => px + dx,
                Anchor::Middle => px - 0.5 * width,
                Anchor::End => px + dx - width,
            };
            let area = [left, py + dy - 6.5, left + width, py + dy + 6.5];
            let inside = area[0] >= 0.0 && area[2] <= PLANE.0 && area[1] >= 0.0 && area[3] <= PLANE.1;
            (inside && !taken.iter().any(|t| overlap(t, &area))).then_some((anchor, dx, dy, area))
        });
        if let Some((anchor, dx, dy, area)) = fits {
            taken.push(area);
            named += 1;
            marks.push(Mark::Text {
                at: (offer.cost, offer.score.mean),
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
