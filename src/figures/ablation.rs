//! Ablation plot: paired difference to the baseline for every seed, its mean and its interval, best
//! at the top; values of different data, which do not compare, are in the order of the file.

use super::chart::{Anchor, Body, Chart, End, Form, Mark, Panel, Plane};
use super::draw;
use super::legend;
use super::looks::{Look, LookKey, Looks};
use super::scale::{Tick, ValueAxis, extent};
use super::style::{AXIS, INK, MUTED, SMALL};
use super::view::{MeanInterval, View};
use crate::plan::Block;
use crate::record::RunStatus;
use crate::results::ablation::{Ablation, AblationRow, Verdict};
use crate::results::blocks::OverBlocks;
use crate::text::{count, difference, estimate, percent, short};

/// Maximum number of seeds for which each is drawn.
const SINGLE_SEEDS: usize = 30;
/// Ratio to the next row's values above which a row is an outlier and is drawn at the border.
const OUTLIER: f64 = 6.0;

struct Row {
    index: usize,
    label: String,
    look: Look,
    values: Vec<f64>,
    estimate: Option<MeanInterval>,
    missing: String,
}

impl Row {
    /// The estimate, or why there is none; a mean of its own says which runs it lacks.
    fn words(&self, is_paired: bool) -> String {
        match self.estimate {
            None => self.missing.clone(),
            Some(e) if is_paired => difference(e.mean, e.half),
            Some(e) if self.missing.is_empty() => estimate(e.mean, e.half),
            Some(e) => format!("{} ({})", estimate(e.mean, e.half), self.missing),
        }
    }
}

/// Ablation figure: differences if the study contains its baseline, otherwise the values
/// themselves; one panel a block.
pub(super) fn chart(view: &View, table: &Ablation, over: Option<&OverBlocks>) -> Chart {
    let parts: Vec<Part> = table
        .blocks
        .iter()
        .enumerate()
        .map(|(b, block)| part(view, table, block, over, b))
        .collect();
    if parts.iter().all(|part| part.rows.iter().all(|row| row.estimate.is_none())) {
        let is_alone = parts.iter().all(|part| part.rows.is_empty());
        let message = match (parts[0].paired, is_alone) {
            (Some(_), true) => {
                "The study holds its baseline alone: there is nothing to compare it with.".into()
            }
            _ => view.progress(),
        };
        return Chart::message(&title(view, parts[0].paired), message);
    }
    let paired = parts[0].paired;
    let (mut panels, mut captions, mut at_border) = (Vec::new(), Vec::new(), false);
    for (part, block) in parts.iter().zip(&table.blocks) {
        let (body, is_beyond) = plane(view, table, part, block);
        at_border |= is_beyond;
        let note = over
            .map_or_else(String::new, |_| baseline_name(view, part.paired).trim_start().to_owned());
        panels.push(Panel { title: block.title.clone(), note, body });
        let name = if over.is_some() { format!("{}. ", block.title) } else { String::new() };
        captions.push(name + &caption(view, part));
    }
    let cut = Chart::cut_words(&panels);
    // Rows are named: the legend is for readers who look for a setting.
    if over.is_none() {
        panels.extend(legend::panel(view));
    }
    Chart {
        title: title(view, paired),
        subtitle: subtitle(
            view,
            &parts,
            over,
            at_border,
            table.negligible.filter(|_| paired.is_some()),
        ) + cut,
        caption: captions.join(" "),
        panels,
        columns: 1,
    }
}

/// `Effect of masks on test NLL: masks`; without a baseline `Variants compared: masks`.
fn title(view: &View, paired: Option<usize>) -> String {
    let study = &view.planned.name;
    if paired.is_none() {
        return format!("Variants compared by {}: {study}", view.metric_name());
    }
    let what = match &view.varied()[..] {
        [] => "each change".to_owned(),
        axes => view.axes_words(axes),
    };
    format!("Effect of {what} on {}: {study}", view.metric_name())
}

/// Rows of one block, best first, or as in the file if their values do not compare.
struct Part {
    /// Baseline from which the rows are differences; `None` if they are the values themselves.
    paired: Option<usize>,
    /// True if all rows are scored on data with comparable values.
    comparable: bool,
    rows: Vec<Row>,
}

fn part(view: &View, table: &Ablation, block: &Block, over: Option<&OverBlocks>, b: usize) -> Part {
    let paired = block
        .baseline
        .filter(|&b| view.variants[b].replicates.iter().any(|r| r.score.is_some()));
    let mut own = block.variants.iter().map(|&v| &table.rows[v]);
    let paired = paired.filter(|_| block.variants.len() == 1 || own.any(AblationRow::is_compared));
    let mut rows: Vec<Row> = block
        .variants
        .iter()
        .filter(|index| Some(**index) != paired)
        .map(|&index| {
            let own = &view.variants[index];
            let comparable = table.rows[index].verdict != Verdict::NotComparable;
            let values = match paired {
                Some(_) if !comparable => Vec::new(),
                Some(baseline) => own.differences(&view.variants[baseline]),
                None => own.replicates.iter().filter_map(|r| r.score).collect(),
            };
            let missing = match paired {
                Some(_) if !comparable => "other data".to_owned(),
                _ => own.missing(),
            };
            // In all blocks a method has one name and one colour.
            let of_method = |over: &OverBlocks| {
                let at = over.rows.iter().position(|row| row.variants[b] == Some(index))?;
                Some((over.rows[at].method.label.clone(), Looks::method(at, over.rows.len())))
            };
            let (label, look) = over
                .and_then(of_method)
                .unwrap_or_else(|| (own.label.to_owned(), view.look(index)));
            Row {
                index,
                label,
                look,
                estimate: view.estimate(&values),
                values,
                missing,
            }
        })
        .collect();
    let better = view.metric().better;
    // Without the values of other data, differences compare.
    let comparable = paired.is_some() || view.are_comparable(block.variants.iter().copied());
    if !comparable {
        return Part { paired, comparable, rows };
    }
    rows.sort_by(|a, b| {
        let by_value = match (a.estimate, b.estimate) {
            (Some(a), Some(b)) => better.order(a.mean, b.mean),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        by_value.then(a.index.cmp(&b.index))
    });
    Part { paired, comparable, rows }
}

/// Panel of one block; true if a row is beyond its axis.
fn plane(view: &View, table: &Ablation, part: &Part, block: &Block) -> (Body, bool) {
    let Part { paired, comparable, rows } = part;
    let paired = *paired;
    if rows.iter().all(|row| row.estimate.is_none()) {
        return (Body::Message(nothing(view, part, block)), false);
    }
    let (lo, hi, limit) = range(rows, paired.is_some());
    let negligible = table.negligible.filter(|_| paired.is_some());
    // Both ends of a margin are shown, unless that would compress the differences.
    let shown = negligible.filter(|margin| *margin <= hi - lo).unwrap_or(0.0);
    let (lo, hi) = if shown > 0.0 { (lo.min(-shown), hi.max(shown)) } else { (lo, hi) };
    let label = match paired {
        Some(_) => {
            format!("Difference in {}{}", view.metric_name(), view.metric().unit.in_brackets())
        }
        None => view.metric_label(),
    };
    let x = ValueAxis::airy(&label, lo, hi, 6);
    let x = if *comparable { x.improving_across(view.metric().better) } else { x };
    let count = rows.len() as f64;
    let ticks = rows
        .iter()
        .enumerate()
        .map(|(i, row)| Tick { at: count - 1.0 - i as f64, text: row.label.clone() });
    // A row at the top is left empty for the headings of the columns.
    let names: Vec<Tick> = ticks.collect::<Vec<_>>().into_iter().rev().collect();
    let y = ValueAxis { hi: count, ticks: names, ..ValueAxis::levels("", &[]) };

    let mut marks = Vec::new();
    if let Some(margin) = negligible {
        let ends = [x.lo.max(-margin), x.hi.min(margin)];
        let points = ends.map(|end| (end, -0.5, count - 0.4)).to_vec();
        marks.push(Mark::Band { points, color: AXIS, alpha: 0.18 });
    }
    if let Some(baseline) = paired {
        let points = vec![(0.0, -0.5), (0.0, count - 0.55)];
        marks.push(Mark::Line { points, color: AXIS, width: 1.4, alpha: 1.0, dashed: false });
        marks.push(zero(view, baseline, count, &x));
    }
    let mut ends = Vec::new();
    let mut at_border = false;
    for (i, row) in rows.iter().enumerate() {
        let at = count - 1.0 - i as f64;
        at_border |= row_marks(&mut marks, row, at, &x, limit);
        let mut values = vec![row.words(paired.is_some())];
        if paired.is_some() {
            values.push(table.rows[row.index].conclusion());
        }
        ends.push(End { at, color: None, name: String::new(), values });
    }
    let head = if paired.is_some() { "difference" } else { &view.metric().words.head };
    let heads = std::iter::once(head)
        .chain(paired.map(|_| "verdict"))
        .map(str::to_owned)
        .collect();
    let has_lines = rows.iter().any(|row| draw::is_long(&row.label));
    let spacing = match rows.len() {
        _ if has_lines => 30.0,
        ..=20 => 26.0,
        _ => 22.0,
    };
    let plane = Plane {
        ends,
        heads,
        spread: false,
        ..Plane::new(x, y, marks, spacing * (count + 0.5))
    };
    (Body::Plane(plane), at_border)
}

/// Text at the line of zero: the baseline, with its value.
fn zero(view: &View, baseline: usize, count: f64, x: &ValueAxis) -> Mark {
    let value = view.variants[baseline].score(view).map_or_else(String::new, |score| {
        format!(" {}", view.metric().unit.of(&estimate(score.mean, score.half)))
    });
    Mark::Text {
        at: (0.0, count - 0.5),
        text: format!("baseline{value}"),
        // Near an end of the axis the text is inside the plane.
        anchor: match x.along(0.0, 0.0, 1.0) {
            ..0.25 => Anchor::Start,
            0.75.. => Anchor::End,
            _ => Anchor::Middle,
        },
        nudge: (0.0, -4.0),
        color: MUTED,
        size: SMALL,
    }
}

/// Sentence for a block without any difference, or value, to show.
fn nothing(view: &View, part: &Part, block: &Block) -> String {
    if part.rows.is_empty() {
        return "No variant besides the baseline.".to_owned();
    }
    let runs = || block.variants.iter().flat_map(|&v| &view.variants[v].replicates);
    let number = |status| runs().filter(|run| run.record.status == status).count();
    let what = if part.paired.is_some() { "difference" } else { "value" };
    if number(RunStatus::Outstanding) > 0 {
        return format!("No {what} to show yet.");
    }
    let lost = [(RunStatus::Failed, "failed"), (RunStatus::Diverged, "diverged")]
        .map(|(status, word)| (number(status), word));
    let lost: Vec<String> = lost
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{} {word}", count(*n, "run")))
        .collect();
    match lost.join(", ") {
        none if none.is_empty() => format!("No {what} to show."),
        lost => format!("No {what} to show: {lost}."),
    }
}

/// Adds the marks of one row; returns true if it is beyond the axis and drawn as a triangle.
fn row_marks(marks: &mut Vec<Mark>, row: &Row, at: f64, x: &ValueAxis, limit: f64) -> bool {
    let (color, form) = (row.look.color(), row.look.form);
    let Some(MeanInterval { mean, half }) = row.estimate else { return false };
    if mean.abs() > limit || !x.holds(mean) {
        let is_left = mean < x.lo;
        let (form, edge) = if is_left { (Form::Left, x.lo) } else { (Form::Right, x.hi) };
        marks.push(Mark::Dot { at: (edge, at), form, color, radius: 5.0, nudge: 0.0 });
        marks.push(Mark::Text {
            at: (edge, at),
            text: difference(mean, half),
            anchor: if is_left { Anchor::Start } else { Anchor::End },
            nudge: (if is_left { 12.0 } else { -12.0 }, 0.0),
            color: INK,
            size: SMALL,
        });
        return true;
    }
    if let Some(half) = half {
        let ends = (mean - half, mean + half);
        marks.push(Mark::Interval { at: (mean, at), ends, across: true, color, width: 2.2 });
    }
    if row.values.len() > 1 && row.values.len() <= SINGLE_SEEDS {
        for &value in row.values.iter().filter(|v| x.holds(**v)) {
            marks.push(Mark::Dot {
                at: (value, at),
                form: Form::Seed,
                color: INK,
                radius: 2.0,
                nudge: 8.5,
            });
        }
    }
    marks.push(Mark::Dot { at: (mean, at), form, color, radius: 3.2, nudge: 0.0 });
    false
}

/// Range of the axis, and the maximum distance from zero of a row on it: one variant that fails to
/// learn must not compress all others into a line.
fn range(rows: &[Row], around_zero: bool) -> (f64, f64, f64) {
    let mut limit = f64::INFINITY;
    if around_zero {
        let mut reach: Vec<f64> = rows
            .iter()
            .filter_map(|r| extent(r.values.iter().map(|v| v.abs())))
            .map(|e| e.1)
            .collect();
        reach.sort_by(f64::total_cmp);
        // Only the last quarter of the rows can be outliers: where most rows are, the axis must be.
        let from = (3 * reach.len()).div_ceil(4).max(1) - 1;
        let far = reach[from..].windows(2).find(|w| w[1] > OUTLIER * w[0].max(0.05) && w[1] > 1.0);
        limit = far.map_or(limit, |w| w[0]);
    }
    let near: Vec<&Row> = rows
        .iter()
        .filter(|r| r.estimate.is_some_and(|e| e.mean.abs() <= limit))
        .collect();
    let values = near.iter().flat_map(|r| r.values.iter().copied());
    let (lo, hi) = extent(values.chain(around_zero.then_some(0.0))).unwrap_or((0.0, 1.0));
    let reach = 1.5 * (hi - lo).max(1e-3);
    let intervals = near
        .iter()
        .filter_map(|r| r.estimate)
        .filter_map(|e| e.half.map(|h| (e.mean, h)));
    let (low, high) = extent(intervals.flat_map(|(m, h)| [m - h, m + h])).unwrap_or((lo, hi));
    (lo.min(low.max(lo - reach)), hi.max(high.min(hi + reach)), limit)
}

fn subtitle(
    view: &View,
    parts: &[Part],
    over: Option<&OverBlocks>,
    at_border: bool,
    negligible: Option<f64>,
) -> String {
    let level = percent(view.plan.compare.level);
    let paired = parts[0].paired;
    let most = parts
        .iter()
        .flat_map(|part| &part.rows)
        .map(|r| r.values.len())
        .max()
        .unwrap_or(0);
    let mut text = match (paired, most) {
        (_, 1) => "1 seed: no interval.".to_owned(),
        (Some(_), n) => format!(
            "Small dots: {n} seeds, each minus the baseline of its own seed. Bar: {level} % t interval of the mean."
        ),
        (None, n) => format!("Small dots: {n} seeds. Bar: {level} % t interval of the mean."),
    };
    text += &match over {
        None => baseline_name(view, paired),
        Some(over) => format!(
            " One panel a block of {}, with a baseline and an axis of its own.",
            over.axes.join(" and ")
        ),
    };
    if let Some(margin) = negligible {
        text +=
            &format!(" Shaded: negligible, less than {}.", view.metric().unit.of(&short(margin)));
    }
    if at_border {
        text += " Triangle: the value is beyond the axis.";
    }
    if over.is_none() && view.looks.key == LookKey::Few {
        text += &legend::words(view);
    }
    text + &view.lost() + &view.unfinished()
}

/// ` Baseline: depth 2.`; empty for one that has no other name.
fn baseline_name(view: &View, paired: Option<usize>) -> String {
    let label = |baseline: usize| {
        let method = view.planned.variants[baseline].method.as_ref();
        method.map_or(view.variants[baseline].label, |method| &method.label)
    };
    match paired.map(label) {
        None | Some("baseline") => String::new(),
        Some(label) => format!(" Baseline: {label}."),
    }
}

fn caption(view: &View, part: &Part) -> String {
    let what = match part.paired {
        Some(baseline) => format!(
            "Paired difference in {} to {}",
            view.metric_name(),
            view.variants[baseline].label
        ),
        None => format!("Mean {}", view.metric_name()),
    };
    let order = if part.comparable {
        "best first"
    } else {
        "in the order of the file, as values on different data do not compare"
    };
    let values: Vec<String> = part
        .rows
        .iter()
        .map(|row| format!("{}: {}", row.label, row.words(part.paired.is_some())))
        .collect();
    let level = percent(view.plan.compare.level);
    format!(
        "{what}{}, mean and half-width of the {level} percent interval, {order}. {}.",
        view.in_unit(),
        values.join("; ")
    )
}
