//! Learning curves: training and held-out examples against the epoch.

use super::chart::{Body, Chart, End, Form, Mark, Panel, Plane};
use super::heatmap::capital;
use super::legend;
use super::scale::{Scale, ValueAxis, extent};
use super::style::{CONTEXT, Color};
use super::thin::thin;
use super::view::{MeanInterval, Replicate, View};
use crate::plan::Block;
use crate::text::{decimals_for, estimate, percent, short, typeset};
use crate::trainer::Better;

/// Maximum number of variants in one panel.
const ONE_PANEL: usize = 8;
/// Maximum number of panels: of more variants, the baseline and the best have one.
const MOST_PANELS: usize = 24;
/// Maximum number of points of one curve; longer ones are simplified with the same shape.
const POINTS: usize = 400;

/// A variant's curves, averaged over its seeds.
struct Curve {
    index: usize,
    name: String,
    color: Color,
    /// Epoch, training value and held-out estimate, up to the last epoch that every finished seed
    /// reached.
    rows: Vec<(f64, f64, MeanInterval)>,
    /// Horizontal offset of a dot from its epoch, in epochs.
    shift: f64,
    /// Index into `rows` of the best epoch on validation.
    best: usize,
    /// Held-out curves of single seeds: of finished ones after the first of them stopped, and of
    /// diverged ones from the start.
    loose: Vec<Vec<(f64, f64)>>,
    /// Last point of each diverged seed.
    ends_badly: Vec<(f64, f64)>,
    score: Option<MeanInterval>,
    missing: String,
}

/// Name of the curve that is drawn next to training.
fn held_out(view: &View) -> String {
    view.held_out().map_or_else(String::new, |curve| curve.words.clone())
}

/// ` at the best epoch on validation`, where every metric is read at one epoch.
fn at(view: &View) -> String {
    match view.metrics.scored_at.as_str() {
        "" => String::new(),
        at => format!(" at the {at}"),
    }
}

/// Name of the metric whose values are written next to the curves, with the place where it is read.
fn written(view: &View) -> String {
    match view.metrics.scored_at.as_str() {
        // Each metric has a place of its own, which need not be the end of the curve.
        "" => format!("{} ({})", view.metric_name(), view.metric().words.doc.replace('`', "")),
        _ => format!("{}{}", view.metric_name(), at(view)),
    }
}

/// Title of the chart; a trainer whose metrics share no name need not report losses.
fn title(view: &View) -> String {
    let what = if view.metrics.family.is_empty() { "Curves" } else { "Loss curves" };
    format!("{what}: {}", view.planned.name)
}

/// Figure of a study's curves; `None` if its runs have none.
pub(super) fn chart(view: &View) -> Option<Chart> {
    view.held_out()?;
    Some(drawn(view))
}

fn drawn(view: &View) -> Chart {
    let mut curves: Vec<Curve> = (0..view.variants.len()).map(|i| Curve::new(view, i)).collect();
    if curves.iter().all(|c| c.rows.len() < 2) {
        // Dots of the same epoch are next to each other.
        let step = 0.8 / curves.len().max(1) as f64;
        (0..)
            .zip(&mut curves)
            .for_each(|(i, c)| c.shift = (f64::from(i) + 0.5) * step - 0.4);
    }
    let drawn: Vec<&Curve> =
        curves.iter().filter(|c| !c.rows.is_empty() || !c.loose.is_empty()).collect();
    if drawn.is_empty() {
        return Chart::message(&title(view), view.progress());
    }
    let (x, y) = axes(view, &drawn);
    let cut = cut_words(view, &drawn, &y);
    let absent: Vec<String> = curves
        .iter()
        .filter(|c| c.rows.is_empty() && c.loose.is_empty())
        .map(|c| format!("{} ({})", c.name, c.missing))
        .collect();
    // In several blocks a colour is that of a method.
    let is_blocked = blocks(view).len() > 1;
    let mut chart = if drawn.len() <= ONE_PANEL && !is_blocked {
        together(view, &drawn, x, y)
    } else {
        apart(view, &drawn, x, y)
    };
    chart.subtitle += &cut;
    if drawn.iter().any(|c| !c.ends_badly.is_empty()) {
        chart.subtitle += " Cross: a run diverged here.";
    }
    if drawn.iter().any(|c| c.loose.len() > c.ends_badly.len()) {
        chart.subtitle += " Thin: seeds that trained longer.";
    }
    if !absent.is_empty() {
        chart.subtitle += &format!(" Without a curve: {}.", absent.join(", "));
    }
    chart.subtitle += &view.unfinished();
    let scores: Vec<String> = curves.iter().map(|c| format!("{}: {}", c.name, c.words())).collect();
    let (family, held, curve) = (view.curve_family(), held_out(view), view.curve_name());
    let unit = match view.curve_unit().long.as_str() {
        "" => String::new(),
        unit => format!(" in {unit}"),
    };
    chart.caption = format!(
        "{}{} against the {}. {}: {}.{cut}",
        if view.metrics.training.is_some() {
            format!("Training and {held} {family}")
        } else {
            curve
        },
        unit,
        view.step_word().to_lowercase(),
        capital(&written(view)),
        scores.join("; ")
    );
    chart
}

impl Curve {
    fn new(view: &View, index: usize) -> Self {
        let variant_view = &view.variants[index];
        let held = |r: &Replicate, i: usize| view.held_out_of(&r.record.epochs[i]);
        let finished: Vec<&Replicate> =
            variant_view.finished().filter(|r| !r.record.epochs.is_empty()).collect();
        let common = finished.iter().map(|r| r.record.epochs.len()).min().unwrap_or(0);
        let over = |value: &dyn Fn(&Replicate) -> f64| {
            view.estimate(&finished.iter().map(|r| value(r)).collect::<Vec<_>>())
        };
        let rows: Vec<(f64, f64, MeanInterval)> = (0..common)
            .filter_map(|i| {
                let epoch = finished[0].record.epochs[i].epoch as f64;
                let train = over(&|r| view.training_of(&r.record.epochs[i]));
                let train = train.map_or(f64::NAN, |train| train.mean);
                Some((epoch, train, over(&|r| held(r, i))?))
            })
            .collect();
        let (curve, better) = chosen_by(view);
        let chosen_by = |i: usize| {
            over(&|r| curve.map_or(f64::NAN, |curve| r.record.epochs[i].values[curve]))
                .map(|estimate| estimate.mean)
        };
        let best = (0..rows.len())
            .filter_map(|i| Some((i, chosen_by(i)?)))
            .min_by(|(_, a), (_, b)| better.order(*a, *b))
            .map_or(0, |(i, _)| i);

        let tail = |r: &Replicate, from: usize| -> Vec<(f64, f64)> {
            let rows = (from..r.record.epochs.len())
                .map(|i| (r.record.epochs[i].epoch as f64, held(r, i)));
            rows.filter(|row| row.1.is_finite()).collect()
        };
        let diverged: Vec<Vec<(f64, f64)>> = variant_view
            .diverged()
            .map(|r| tail(r, 0))
            .filter(|points| !points.is_empty())
            .collect();
        let ends_badly = diverged.iter().filter_map(|points| points.last().copied()).collect();
        let longer = finished
            .iter()
            .filter(|r| r.record.epochs.len() > common)
            .map(|r| tail(r, common - 1));
        Self {
            index,
            name: variant_view.label.to_owned(),
            color: view.color(index),
            rows,
            shift: 0.0,
            best,
            loose: diverged.into_iter().chain(longer).collect(),
            ends_badly,
            score: variant_view.score(view),
            missing: variant_view.missing(),
        }
    }

    fn score_text(&self) -> String {
        self.score.map(|score| estimate(score.mean, score.half)).unwrap_or_default()
    }

    /// Score of the variant as text, and the runs that it lacks.
    fn words(&self) -> String {
        [self.score_text(), self.missing.clone()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn held(&self) -> Vec<(f64, f64)> {
        let values: Vec<f64> = self.rows.iter().map(|row| row.2.mean).collect();
        thin(&values, POINTS).into_iter().map(|i| (self.rows[i].0, values[i])).collect()
    }

    fn train(&self) -> Vec<(f64, f64)> {
        let values: Vec<f64> = self.rows.iter().map(|row| row.1).collect();
        thin(&values, POINTS).into_iter().map(|i| (self.rows[i].0, values[i])).collect()
    }

    /// Marks from back to front: band, training, loose seeds, held-out.
    fn marks(&self, y: &ValueAxis) -> Vec<Mark> {
        let values: Vec<f64> = self.rows.iter().map(|row| row.2.mean).collect();
        let band = thin(&values, POINTS).into_iter().filter_map(|i| {
            let (epoch, _, held) = self.rows[i];
            held.half.map(|half| (epoch, held.mean - half, held.mean + half))
        });
        let line = |points, width, alpha, dashed| Mark::Line {
            points,
            color: self.color,
            width,
            alpha,
            dashed,
        };
        let mut marks = vec![
            Mark::Band { points: band.collect(), color: self.color, alpha: 0.18 },
            line(self.train(), 1.0, 1.0, true),
        ];
        marks.extend(self.loose.iter().map(|points| line(points.clone(), 1.0, 0.55, false)));
        marks.push(line(self.held(), 1.9, 1.0, false));
        // One epoch does not make a line: its values are dots.
        if let [(epoch, train, held)] = self.rows[..] {
            let epoch = epoch + self.shift;
            let dot = |at, form| Mark::Dot { at, form, color: self.color, radius: 3.2, nudge: 0.0 };
            marks.extend(held.half.map(|half| Mark::Interval {
                at: (epoch, held.mean),
                ends: (held.mean - half, held.mean + half),
                across: false,
                color: self.color,
                width: 1.6,
            }));
            let dots = [((epoch, train), Form::Ring), ((epoch, held.mean), Form::Disc)];
            marks.extend(
                dots.into_iter().filter(|(at, _)| y.holds(at.1)).map(|(at, form)| dot(at, form)),
            );
        }
        for points in &self.loose {
            let ended = points.last().is_some_and(|last| self.ends_badly.contains(last));
            if let Some(&at) = points.iter().rev().find(|p| y.holds(p.1)).filter(|_| ended) {
                marks.push(Mark::Dot {
                    at,
                    form: Form::Cross,
                    color: self.color,
                    radius: 4.0,
                    nudge: 0.0,
                });
            }
        }
        marks
    }
}

/// The epoch axis and the value axis, which is cut where the first epochs change too fast to leave room
/// for the others.
fn axes(view: &View, curves: &[&Curve]) -> (ValueAxis, ValueAxis) {
    let epochs = curves
        .iter()
        .flat_map(|c| c.rows.iter().map(|r| r.0).chain(c.loose.iter().flatten().map(|p| p.0)));
    let last = epochs.fold(1.0, f64::max);
    // Values that increase start low, which is not a reason to cut them.
    let from = match view.curve_better() {
        Better::Lower => 1.0 + (last / 15.0).floor(),
        Better::Higher => 1.0,
    };
    let means = |from: f64| {
        let rows = curves.iter().flat_map(|c| c.rows.iter()).filter(move |row| row.0 >= from);
        rows.flat_map(|row| [row.1, row.2.mean])
    };
    let loose = |from: f64| {
        curves
            .iter()
            .flat_map(|c| c.loose.iter().flatten())
            .filter(move |p| p.0 >= from)
            .map(|p| p.1)
    };
    let all = extent(means(1.0).chain(loose(1.0))).unwrap_or((0.0, 1.0));
    let (lo, hi) = extent(means(from)).or_else(|| extent(loose(from))).unwrap_or(all);
    // Intervals of two seeds can be many times wider than the differences: they may widen the axis,
    // but only up to a limit.
    let reach = 0.3 * (hi - lo);
    let bands = curves.iter().flat_map(|c| c.rows.iter()).filter(|row| row.0 >= from);
    let (low, high) = extent(
        bands
            .filter_map(|row| row.2.half.map(|h| (row.2.mean, h)))
            .flat_map(|(m, h)| [m - h, m + h]),
    )
    .unwrap_or((lo, hi));
    let (lo, hi) = (lo.min(low.max(lo - reach)), hi.max(high.min(hi + reach)));
    let label = match view.metrics.family_axis.as_str() {
        "" => view.curve_name(),
        axis => axis.to_owned(),
    };
    let unit = view.curve_unit().long.as_str();
    let bracket = |parts: &[&str]| {
        let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            label.clone()
        } else {
            format!("{label} ({})", parts.join(", "))
        }
    };
    let is_log = lo > 0.0 && hi / lo > 1.5 && is_loss(view);
    let (lo, hi) = if is_log {
        (lo / (hi / lo).powf(0.03), hi * (hi / lo).powf(0.02))
    } else {
        (lo - 0.04 * (hi - lo), hi + 0.03 * (hi - lo))
    };
    let y = if is_log {
        ValueAxis::log(&bracket(&[unit, "log"]), lo, hi, 6)
    } else {
        ValueAxis::linear(&bracket(&[unit]), lo, hi, 6)
    };
    let y = if all.1 > y.hi { y.up_to_a_tick() } else { y };
    let y = y.improving_up(view.curve_better());
    let mut x = ValueAxis::epochs(last as usize, 6);
    view.step_word().clone_into(&mut x.label);
    (x, y)
}

/// True if values fall by ratios: shares of a whole, values that increase and those of densities do
/// not.
fn is_loss(view: &View) -> bool {
    let unit = view.curve_unit();
    let is_share = unit.long.contains('%') || unit.short.starts_with("percent");
    view.metrics.has_ratios && view.curve_better() == Better::Lower && !is_share
}

/// Sentences on the ends of the axis at which curves or bands are cut; empty if none is.
fn cut_words(view: &View, curves: &[&Curve], y: &ValueAxis) -> String {
    let lines = curves.iter().flat_map(|c| {
        let means = c.rows.iter().flat_map(|row| [row.1, row.2.mean]);
        means.chain(c.loose.iter().flatten().map(|point| point.1))
    });
    let bands = curves.iter().flat_map(|c| &c.rows).filter_map(|(_, _, held)| {
        let half = held.half?;
        Some([held.mean - half, held.mean + half])
    });
    let (lines, bands) = (extent(lines), extent(bands.flatten()));
    let is_above = |of: Option<(f64, f64)>| of.is_some_and(|(_, hi)| hi > y.hi && !y.holds(hi));
    let is_below = |of: Option<(f64, f64)>| of.is_some_and(|(lo, _)| lo < y.lo && !y.holds(lo));
    let ends = [
        (y.hi, is_above(lines), is_above(bands), "above"),
        (y.lo, is_below(lines), is_below(bands), "below"),
    ];
    let band = if is_one_epoch(curves) { "bars" } else { "bands" };
    let sentences = ends.into_iter().filter_map(|(end, lines, bands, side)| {
        let what = match (lines, bands) {
            (true, true) => format!("curves and {band} continue"),
            (true, false) => "curves continue".to_owned(),
            (false, true) => format!("{band} continue"),
            (false, false) => return None,
        };
        Some(format!(" Axis cut at {}: {what} {side}.", view.curve_unit().of(&short(end))))
    });
    sentences.collect()
}

/// Curve by which the best epoch is chosen, and its direction: that of the metric that selects, or the
/// drawn one.
fn chosen_by(view: &View) -> (Option<usize>, Better) {
    let select = view.metrics.select();
    match select.curve {
        Some(curve) => (Some(curve), select.better),
        None => (view.metrics.held_out(view.metric()), view.curve_better()),
    }
}

/// Name of that curve.
fn chooser<'a>(view: &View<'a>) -> &'a str {
    chosen_by(view).0.map_or("", |curve| &view.metrics.curves[curve].words)
}

/// True if no curve has a second epoch, so that values are dots.
fn is_one_epoch(curves: &[&Curve]) -> bool {
    curves.iter().all(|c| c.rows.len() < 2)
}

/// Blocks of the study, each of which has its own baseline; one without `[compare] within`.
fn blocks(view: &View) -> Vec<Block> {
    view.planned.blocks(&view.plan.compare.within, view.baseline)
}

fn reading(view: &View, curves: &[&Curve]) -> String {
    let (held, train, interval) = match is_one_epoch(curves) {
        true => ("Dot", "ring", "bar"),
        false => ("Solid", "dashed", "band"),
    };
    let level = percent(view.plan.compare.level);
    let seeds = match view.plan.seeds.len() {
        1 => "1 seed".to_owned(),
        n => format!("mean of {n} seeds, {interval}: {level} % t interval of the mean"),
    };
    format!(
        "{held}: {}{}; {seeds}.",
        held_out(view),
        if view.metrics.training.is_some() {
            format!(", {train}: train (mean over the epoch)")
        } else {
            String::new()
        }
    )
}

fn together(view: &View, curves: &[&Curve], x: ValueAxis, y: ValueAxis) -> Chart {
    let per_curve: Vec<Vec<Mark>> = curves.iter().map(|c| c.marks(&y)).collect();
    // All bands behind all lines.
    let (bands, lines): (Vec<Mark>, Vec<Mark>) = per_curve
        .into_iter()
        .flatten()
        .partition(|mark| matches!(mark, Mark::Band { .. }));
    // Missing runs are in a separate column, so that the values remain aligned.
    let lacking = curves.iter().any(|c| !c.missing.is_empty());
    let end = |c: &&Curve| {
        let values = std::iter::once(c.score_text())
            .chain(lacking.then(|| c.missing.clone()))
            .collect();
        let last = c
            .rows
            .last()
            .map(|row| row.2.mean)
            .or_else(|| c.loose.iter().flatten().last().map(|p| p.1));
        End {
            at: last.unwrap_or(y.hi),
            color: Some(c.color),
            name: c.name.clone(),
            values,
        }
    };
    let ends = curves.iter().map(end).collect();
    let marks = bands.into_iter().chain(lines).collect();
    let plane = Plane {
        ends,
        heads: std::iter::once(view.metric().words.head.clone())
            .chain(lacking.then(|| "runs".to_owned()))
            .collect(),
        ..Plane::new(x, y, marks, 300.0)
    };
    Chart {
        title: title(view),
        subtitle: format!("{} Right: {}.", reading(view, curves), written(view)),
        caption: String::new(),
        panels: vec![Panel::plane(plane)],
        columns: 1,
    }
}

fn apart(view: &View, curves: &[&Curve], x: ValueAxis, y: ValueAxis) -> Chart {
    let mut with_panel = with_panel(view, curves);
    let blocks = blocks(view);
    let block =
        |i: usize| blocks.iter().position(|block| block.variants.contains(&curves[i].index));
    with_panel.sort_by_key(|&i| (block(i), i));
    let columns = if with_panel.len() <= 12 { 3 } else { 4 };
    // Forty panels each show forty curves: the grey ones share a limit on the number of points.
    let budget = (20_000 / (curves.len() * curves.len())).clamp(12, 120);
    let context: Vec<Vec<(f64, f64)>> = curves
        .iter()
        .map(|c| {
            let values: Vec<f64> = c.rows.iter().map(|row| row.2.mean).collect();
            thin(&values, budget).into_iter().map(|i| (c.rows[i].0, values[i])).collect()
        })
        .collect();
    let x = ValueAxis {
        ticks: ValueAxis::epochs(x.hi as usize, if columns > 3 { 2 } else { 3 }).ticks,
        ..x
    };
    let coarse = match y.scale {
        Scale::Log => ValueAxis::log("", y.lo, y.hi, 4),
        _ => ValueAxis::linear("", y.lo, y.hi, 4),
    };
    let y = ValueAxis { ticks: coarse.ticks, ..y };
    let panel = |&i: &usize| {
        let curve = curves[i];
        let is_other = |j: usize| j != i && block(j) == block(i);
        let others = context
            .iter()
            .enumerate()
            .filter(|(j, points)| is_other(*j) && !points.is_empty());
        let mut marks: Vec<Mark> = others
            .map(|(_, points)| Mark::Line {
                points: points.clone(),
                color: CONTEXT,
                width: 0.8,
                alpha: 1.0,
                dashed: false,
            })
            .collect();
        marks.extend(curve.marks(&y));
        let best = curve.rows.get(curve.best);
        if let Some((epoch, _, held)) = best.filter(|row| y.holds(row.2.mean)) {
            marks.push(Mark::Dot {
                at: (*epoch, held.mean),
                form: Form::Ring,
                color: curve.color,
                radius: 3.4,
                nudge: 0.0,
            });
        }
        let note = match best {
            Some((epoch, _, held)) => {
                let (value, epoch) =
                    (typeset(held.mean, decimals_for(held.mean, held.half)), typeset(*epoch, 0));
                if columns == 3 {
                    format!("best {value} @ {} {epoch}", view.step_word().to_lowercase())
                } else {
                    format!("{value} @ {epoch}")
                }
            }
            None => curve.missing.clone(),
        };
        let height = if columns == 3 { 140.0 } else { 100.0 };
        let plane = Plane::new(x.clone(), y.clone(), marks, height);
        Panel { title: curve.name.clone(), note, body: Body::Plane(plane) }
    };
    Chart {
        title: title(view),
        subtitle: format!(
            "{} Grey: {} means of the other variants{}. {} Same axes in all panels.{}{}",
            reading(view, curves),
            held_out(view),
            if blocks.len() > 1 { " of the block" } else { "" },
            match view.metrics.scored_at.as_str() {
                "" => format!("Ring and number: where the mean {} is best.", chooser(view)),
                at => format!("Ring and number: {at}."),
            },
            legend::words(view),
            match curves.len() - with_panel.len() {
                0 => String::new(),
                n => format!(" Not the best, and without a panel: {n} variants."),
            }
        ),
        caption: String::new(),
        panels: with_panel.iter().map(panel).collect(),
        columns,
    }
}

/// Indices of the curves that have a panel, in the order of the study.
fn with_panel(view: &View, curves: &[&Curve]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..curves.len()).collect();
    let mean = |i: usize| curves[i].score.map(|score| score.mean);
    order.sort_by(|&a, &b| {
        let is_other = |i: usize| Some(curves[i].index) != view.baseline;
        let by_score = match (mean(a), mean(b)) {
            (Some(a), Some(b)) => view.metric().better.order(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        is_other(a).cmp(&is_other(b)).then(by_score)
    });
    order.truncate(MOST_PANELS);
    order.sort_unstable();
    order
}
