//! Planes on the page: axes, marks between them, labels to the right.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::canvas::{Canvas, Position, Stroke, Type};
use super::clip::Frame;
use super::names::{self, lines, shorten};
use super::render::text_width;
use super::words::{longest_word, spread, wrap};
use super::{Arrangement, WIDEST_NAME};
use crate::figures::chart::{Anchor, End, Form, Mark, Plane};
use crate::figures::scale::{Scale, Tick, ValueAxis};
use crate::figures::style::{AXIS, Color, GRID, INK, LABEL, MUTED, SMALL, WHITE};

/// Distance between two labels at the ends of lines.
const LABEL_GAP: f64 = 17.0;
/// Distance from the plane's right edge to a label's name.
const LEADER: f64 = 27.0;
/// Distance between the lines of a name.
const NAME_LINE: f64 = 12.0;
/// Space for the mark of a label below a plane, and for the headings there.
const KEY: f64 = 15.0;
/// Maximum length of a turned name of a level.
const TURNED: f64 = 120.0;
/// Minimum width of a plane, and of one with names or values beside it, on paper of a width.
const LEAST: f64 = 90.0;
const LEAST_LABELLED: f64 = 150.0;
/// Maximum width by which the values on the lines of names widen the margin of those beside rows.
const VERDICT: f64 = 20.0;
/// Minimum distance between the texts of two ticks.
const TICK_GAP: f64 = 6.0;
/// Half the length of an interval's cap: more than a dot's radius and its white edge.
const CAP: f64 = 6.0;

/// Space around the content of a panel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Margins {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// Axis labels that are drawn once for the whole figure instead of at every plane.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SharedLabels {
    pub(super) x: bool,
    pub(super) y: bool,
}

/// Space that a plane needs to its left and right.
pub(super) fn margins(plane: &Plane, shared: SharedLabels, form: Arrangement) -> Margins {
    if !plane.axes {
        // The dots of a legend, which has no width of its own, begin at its edge.
        let left = if plane.width.is_none() { 5.0 } else { 0.0 };
        return Margins { left, ..Margins::default() };
    }
    let is_stacked = form == Arrangement::Stacked;
    let tick = |t: &Tick| match plane.y.scale {
        Scale::Levels if is_stacked && is_rows(plane) => 0.0,
        Scale::Levels => widest(&name_lines(&t.text, form)),
        _ => text_width(&t.text, LABEL, false),
    };
    let ticks = plane.y.ticks.iter().map(tick).fold(0.0, f64::max);
    let left = ticks + if ticks == 0.0 && is_stacked { 0.0 } else { 7.0 };
    let y_label = if shared.y || plane.y.label.is_empty() { 0.0 } else { 18.0 };
    let last = plane.x.ticks.last().map_or(0.0, |t| 0.5 * text_width(&t.text, LABEL, false));
    let right = if plane.ends.is_empty() || (is_stacked && plane.spread) {
        last.max(10.0)
    } else {
        let labels = Labels::of(plane, form);
        let values: f64 = value_widths(plane).iter().take(labels.beside).map(|w| w + 14.0).sum();
        // Verdicts on the lines of names stay beside the plane if they are little wider.
        let values = values.max(labels.others(plane).min(values + VERDICT));
        end_offset(&plane.ends) + names_width(&plane.ends) + values + 4.0
    };
    Margins {
        left: (left + y_label).max(first_overhang(&plane.x)),
        right,
        bottom: 0.0,
    }
}

/// Width left of the narrowest plane that the text of the first of a horizontal axis's ticks takes.
fn first_overhang(axis: &ValueAxis) -> f64 {
    let Some(tick) = axis.ticks.first().filter(|_| axis.scale != Scale::Levels) else {
        return 0.0;
    };
    0.5 * text_width(&tick.text, LABEL, false) - axis.along(tick.at, 0.0, LEAST)
}

/// Space that a plane of this width needs below it.
pub(super) fn bottom(plane: &Plane, shared: SharedLabels, width: f64) -> f64 {
    if !plane.axes {
        return 0.0;
    }
    let ticks = if turned(&plane.x, width) {
        let widths = plane.x.ticks.iter().map(|t| text_width(&t.text, SMALL, false));
        widths.fold(0.0, f64::max).min(TURNED)
    } else {
        12.0
    };
    let label = if shared.x || plane.x.label.is_empty() { 0.0 } else { 20.0 };
    10.0 + ticks + label
}

/// Width that a plane lacks to be legible, with a frame of `width` and a margin to its right;
/// negative if it has more.
pub(super) fn lack(plane: &Plane, form: Arrangement, width: f64, right: f64) -> f64 {
    let least = match (plane.width, plane.axes) {
        // Its numbers are next to each other, one for each unit of the axis.
        (Some(_), false) => 21.0 * (plane.x.hi - plane.x.lo),
        (Some(_), true) => LEAST_LABELLED,
        (None, true)
            if is_rows(plane) || !plane.ends.is_empty() && form != Arrangement::Stacked =>
        {
            LEAST_LABELLED
        }
        (None, _) => LEAST,
    };
    let words = match form {
        Arrangement::Narrow if is_rows(plane) => {
            let room = form.widest_name();
            let is_cut = |t: &Tick| wrap(&t.text, LABEL, false, room).len() > 2;
            if plane.y.ticks.iter().any(is_cut) { f64::INFINITY } else { 0.0 }
        }
        Arrangement::Wide | Arrangement::Narrow => 0.0,
        Arrangement::Stacked => {
            let longest = if is_rows(plane) {
                let words = plane.y.ticks.iter().map(|t| longest_word(&t.text, LABEL, false));
                words.fold(0.0, f64::max)
            } else {
                let names = plane.ends.iter().map(|end| longest_word(&end.name, LABEL, true));
                names.fold(0.0, f64::max)
            };
            longest.clamp(LEAST, 2.0 * LEAST) - Labels::of(plane, form).room(plane, width + right)
        }
    };
    (least - width).max(words).max(cells(plane) - width)
}

/// Width of a plane at which the texts in its cells, one for each level of the axis, are apart.
fn cells(plane: &Plane) -> f64 {
    let texts = plane.marks.iter().filter_map(|mark| match mark {
        Mark::Text { text, size, nudge: (0.0, 0.0), .. } => Some(text_width(text, *size, false)),
        _ => None,
    });
    let widest = texts.fold(0.0, f64::max);
    let is_of_cells = plane.x.scale == Scale::Levels && widest > 0.0;
    if is_of_cells { (widest + 4.0) * (plane.x.hi - plane.x.lo) } else { 0.0 }
}

/// Height of a plane: at least that of its labels.
pub(super) fn height(plane: &Plane, form: Arrangement, span: f64) -> f64 {
    let plane = arranged(plane, form, span);
    let is_beside = plane.spread && form != Arrangement::Stacked;
    let labels = if is_beside { LABEL_GAP * plane.ends.len() as f64 + 10.0 } else { 0.0 };
    plane.height.max(labels)
}

/// True if the vertical axis of a plane has a name for each row, with labels of its own.
fn is_rows(plane: &Plane) -> bool {
    plane.axes && plane.y.scale == Scale::Levels && !plane.spread
}

/// A plane with rows high enough for names above them.
fn arranged(plane: &Plane, form: Arrangement, span: f64) -> Cow<'_, Plane> {
    if form != Arrangement::Stacked || !is_rows(plane) {
        return Cow::Borrowed(plane);
    }
    let above = above_rows(plane, span);
    let pitch = plane.height / (plane.y.hi - plane.y.lo) + above;
    let top = plane.y.ticks.last().map_or(plane.y.hi, |tick| tick.at);
    let heads = if plane.heads.is_empty() { 0.0 } else { NAME_LINE + 4.0 };
    let mut free = above + heads + 6.0;
    let mut marks = plane.marks.clone();
    for mark in &mut marks {
        // A text above the rows gets a line of its own above their headings.
        if let Mark::Text { at, nudge, .. } = mark
            && at.1 > top
        {
            (at.1, nudge.1) = (top + free / pitch, 0.0);
        }
    }
    if marks != plane.marks {
        free += NAME_LINE;
    }
    let hi = plane.y.hi.max(top + free / pitch);
    let y = ValueAxis { hi, ..plane.y.clone() };
    let height = pitch * (hi - y.lo);
    Cow::Owned(Plane { y, marks, height, ..plane.clone() })
}

/// Height of the names above rows.
fn above_rows(plane: &Plane, span: f64) -> f64 {
    let room = Labels::of(plane, Arrangement::Stacked).room(plane, span);
    let lines = plane.y.ticks.iter().map(|t| wrap(&t.text, LABEL, false, room).len());
    NAME_LINE * lines.max().unwrap_or(0) as f64 + 3.0
}

/// Division of the columns of values: the first are beside the plane, the others on the line of a
/// row's name or of a label below the plane.
#[derive(Debug, Clone, Copy)]
struct Labels {
    beside: usize,
}

impl Labels {
    fn of(plane: &Plane, form: Arrangement) -> Self {
        let beside = match form {
            Arrangement::Stacked if plane.spread => 0,
            Arrangement::Stacked => 1,
            Arrangement::Wide | Arrangement::Narrow => usize::MAX,
        };
        Self { beside }
    }

    /// Width of the other columns.
    fn others(self, plane: &Plane) -> f64 {
        let widths = value_widths(plane);
        widths.iter().skip(self.beside).map(|w| w + 14.0).sum()
    }

    /// Width of names on a line of `span` with the other columns.
    fn room(self, plane: &Plane, span: f64) -> f64 {
        let mark = if plane.spread && !plane.ends.is_empty() { KEY } else { 0.0 };
        span - mark - self.others(plane)
    }
}

/// Height of the labels below a plane.
pub(super) fn key_height(plane: &Plane, form: Arrangement, span: f64) -> f64 {
    if form != Arrangement::Stacked || !plane.spread || plane.ends.is_empty() {
        return 0.0;
    }
    let heads = if plane.heads.is_empty() { 0.0 } else { KEY };
    let room = Labels::of(plane, form).room(plane, span);
    let lines = |end: &End| wrap(&end.name, LABEL, true, room).len().max(1) as f64;
    let entries: f64 = plane.ends.iter().map(|end| NAME_LINE * lines(end) + 5.0).sum();
    12.0 + heads + entries
}

/// Draws a plane into its frame; `room` is the space around it. Returns the names that have no place.
pub(super) fn draw(
    canvas: &Canvas,
    frame: Frame,
    plane: &Plane,
    form: Arrangement,
    room: Margins,
    shared: SharedLabels,
) -> Vec<String> {
    let span = frame.right - frame.left + room.right;
    let plane = &*arranged(plane, form, span);
    if plane.axes {
        axes(canvas, frame, plane, form);
        axis_labels(canvas, frame, plane, room, shared);
    }
    let place = |x: f64, y: f64| {
        (
            plane.x.along(x, frame.left, frame.right),
            plane.y.along(y, frame.bottom, frame.top),
        )
    };
    // The white edge of an interval's dot is below the interval, which it would cut.
    let bits = |at: (f64, f64)| [at.0.to_bits(), at.1.to_bits()];
    let intervals: BTreeSet<[u64; 2]> = plane
        .marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Interval { at, .. } => Some(bits(*at)),
            _ => None,
        })
        .collect();
    for (i, mark) in plane.marks.iter().enumerate() {
        let is_of_an_interval = match mark {
            Mark::Interval { at: (x, y), .. } => {
                let dot = plane.marks[i..].iter().find_map(|mark| match mark {
                    Mark::Dot { at, form, radius, nudge: 0.0, .. } if *at == (*x, *y) => {
                        Some((*form, *radius))
                    }
                    _ => None,
                });
                if let Some((form, radius)) = dot {
                    draw_edge(canvas, place(*x, *y), form, radius);
                }
                false
            }
            Mark::Dot { at, nudge: 0.0, .. } => intervals.contains(&bits(*at)),
            _ => false,
        };
        draw_mark(canvas, frame, mark, !is_of_an_interval, &place);
    }
    let unnamed = names::draw(canvas, frame, plane, &place);
    match form {
        Arrangement::Stacked if is_rows(plane) => names_above(canvas, frame, plane, span),
        Arrangement::Stacked if plane.spread => key(canvas, frame, plane, room),
        _ if !plane.ends.is_empty() => draw_ends(canvas, frame, plane),
        _ => {}
    }
    unnamed
}

fn axes(canvas: &Canvas, frame: Frame, plane: &Plane, form: Arrangement) {
    let thin = |color| Stroke { color, alpha: 1.0, width: 0.9 };
    for tick in &plane.y.ticks {
        let y = plane.y.along(tick.at, frame.bottom, frame.top);
        canvas.line(&[(frame.left, y), (frame.right, y)], Stroke { width: 0.8, ..thin(GRID) });
        let (text, color) = match plane.y.scale {
            Scale::Levels if form == Arrangement::Stacked && is_rows(plane) => continue,
            Scale::Levels => (name_lines(&tick.text, form), INK),
            _ => (vec![tick.text.clone()], MUTED),
        };
        let look = Type::new(LABEL, color).anchor(Anchor::End);
        column_of_lines(canvas, (frame.left - 7.0, y), &text, look);
    }
    // The values of rows are read off vertical lines.
    for tick in plane
        .x
        .ticks
        .iter()
        .filter(|_| is_rows(plane) && plane.x.scale != Scale::Levels)
    {
        let x = plane.x.along(tick.at, frame.left, frame.right);
        canvas.line(&[(x, frame.top), (x, frame.bottom)], Stroke { width: 0.8, ..thin(GRID) });
    }
    canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], thin(AXIS));
    let turned = turned(&plane.x, frame.right - frame.left);
    let named = if turned {
        (0..plane.x.ticks.len()).collect()
    } else {
        named_ticks(&plane.x, frame.right - frame.left)
    };
    for (i, tick) in plane.x.ticks.iter().enumerate() {
        let x = plane.x.along(tick.at, frame.left, frame.right);
        canvas.line(&[(x, frame.bottom), (x, frame.bottom + 4.0)], thin(AXIS));
        if turned {
            let look = Type { upright: false, ..Type::new(SMALL, MUTED) };
            let text = shorten(&tick.text, SMALL, false, TURNED);
            canvas.text((x, frame.bottom + 8.0), &text, look.anchor(Anchor::End));
        } else if named.contains(&i) {
            let look = Type::new(LABEL, MUTED).anchor(Anchor::Middle);
            canvas.text((x, frame.bottom + 13.0), &tick.text, look);
        }
    }
}

/// Indices of the ticks of a horizontal axis of this width that get their texts: every one, else
/// every second, and so on, zero among them. The last of uneven ticks, as of epochs, always has
/// its text.
fn named_ticks(axis: &ValueAxis, width: f64) -> BTreeSet<usize> {
    let ends: Vec<(f64, f64)> = axis
        .ticks
        .iter()
        .map(|tick| {
            let (x, half) =
                (axis.along(tick.at, 0.0, width), 0.5 * text_width(&tick.text, LABEL, false));
            (x - half, x + half)
        })
        .collect();
    let are_apart = |a: usize, b: usize| ends[a].1 + TICK_GAP <= ends[b].0;
    let steps: Vec<f64> = axis
        .ticks
        .windows(2)
        .map(|t| axis.position(t[1].at) - axis.position(t[0].at))
        .collect();
    let is_even = steps.iter().all(|step| (step - steps[0]).abs() < 1e-6 * steps[0]);
    let zero = axis.ticks.iter().position(|tick| tick.at == 0.0).unwrap_or(0);
    let every = |stride: usize| {
        let mut named: Vec<usize> = (zero % stride..ends.len()).step_by(stride).collect();
        let last = ends.len() - 1;
        if !is_even && named.last() != Some(&last) {
            named.retain(|&i| are_apart(i, last));
            named.push(last);
        }
        named
    };
    (1..=ends.len())
        .map(every)
        .find(|named| named.windows(2).all(|pair| are_apart(pair[0], pair[1])))
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Lines of the name of a row to its left.
fn name_lines(name: &str, form: Arrangement) -> Vec<String> {
    lines(name, LABEL, false, form.widest_name())
}

fn widest(lines: &[String]) -> f64 {
    lines.iter().map(|line| text_width(line, LABEL, false)).fold(0.0, f64::max)
}

/// Draws lines with their middle at a point.
fn column_of_lines(canvas: &Canvas, at: Position, lines: &[String], look: Type) {
    let first = at.1 - 0.5 * NAME_LINE * (lines.len().max(1) - 1) as f64;
    for (i, line) in lines.iter().enumerate() {
        canvas.text((at.0, first + NAME_LINE * i as f64), line, look);
    }
}

/// Draws the names of rows above them, with the values that are not beside the plane.
fn names_above(canvas: &Canvas, frame: Frame, plane: &Plane, span: f64) {
    let labels = Labels::of(plane, Arrangement::Stacked);
    let room = labels.room(plane, span);
    let above = above_rows(plane, span);
    let right = frame.left + span - 4.0;
    let muted = Type::new(LABEL, MUTED).anchor(Anchor::End);
    let first_line = |at: f64| plane.y.along(at, frame.bottom, frame.top) - above - 1.0;
    let mut texts: Vec<(Position, String, Type)> = Vec::new();
    for tick in &plane.y.ticks {
        let top = first_line(tick.at);
        for (i, line) in wrap(&tick.text, LABEL, false, room).into_iter().enumerate() {
            let at = (frame.left, top + NAME_LINE * i as f64);
            white(
                canvas,
                (at.0 - 1.0, at.1 - 6.0),
                (at.0 + text_width(&line, LABEL, false) + 2.0, at.1 + 6.0),
            );
            texts.push((at, line, Type::new(LABEL, INK)));
        }
    }
    for end in &plane.ends {
        let y = plane.y.along(end.at, frame.bottom, frame.top);
        if let Some(value) = end.values.first() {
            canvas.text((right, y), value, muted);
        }
        let others = end.values.iter().skip(labels.beside).map(String::as_str);
        let others: Vec<&str> = others.filter(|value| !value.is_empty()).collect();
        let (y, text) = (first_line(end.at), others.join(", "));
        white(
            canvas,
            (right - text_width(&text, LABEL, false) - 2.0, y - 6.0),
            (right, y + 6.0),
        );
        texts.push(((right, y), text, muted));
    }
    // Upright lines, as that of zero, are not cut by the white behind the texts.
    for mark in &plane.marks {
        if let Mark::Line { points, color, .. } = mark
            && points.windows(2).all(|pair| pair[0].0 == pair[1].0)
        {
            let x = |value: f64| plane.x.along(value, frame.left, frame.right);
            let y = |value: f64| plane.y.along(value, frame.bottom, frame.top);
            let points: Vec<Position> = points.iter().map(|p| (x(p.0), y(p.1))).collect();
            for piece in frame.line(&points) {
                canvas.line(&piece, Stroke { color: *color, alpha: 1.0, width: 0.6 });
            }
        }
    }
    for (at, text, look) in texts {
        canvas.text(at, &text, look);
    }
    if let Some(tick) = plane.y.ticks.last().filter(|_| !plane.ends.is_empty()) {
        let y = first_line(tick.at) - NAME_LINE - 2.0;
        let heads = plane.heads.iter().rev().map(String::as_str).collect::<Vec<_>>().join(", ");
        canvas.text((right, y), &heads, Type { size: SMALL, ..muted });
    }
}

/// A white area behind a text.
fn white(canvas: &Canvas, from: Position, to: Position) {
    canvas.polygon(&[from, (to.0, from.1), to, (from.0, to.1)], WHITE, 0.85);
}

/// Draws the labels of lines below their plane, in the order of the lines' ends from the top.
fn key(canvas: &Canvas, frame: Frame, plane: &Plane, room: Margins) {
    let span = frame.right - frame.left + room.right;
    let names = Labels::of(plane, Arrangement::Stacked).room(plane, span);
    let widths = value_widths(plane);
    let muted = Type::new(LABEL, MUTED).anchor(Anchor::End);
    // Where each column of values ends.
    let ends: Vec<f64> = (0..widths.len())
        .map(|i| frame.left + span - widths[i + 1..].iter().map(|w| w + 14.0).sum::<f64>() - 4.0)
        .collect();
    let mut y = frame.bottom + room.bottom + 12.0;
    if !plane.heads.is_empty() {
        for (head, right) in plane.heads.iter().zip(&ends) {
            canvas.text((*right, y), head, Type { size: SMALL, ..muted });
        }
        y += KEY;
    }
    let mut order: Vec<&End> = plane.ends.iter().collect();
    order.sort_by(|a, b| b.at.total_cmp(&a.at));
    for end in order {
        if let Some(color) = end.color {
            canvas.disc((frame.left + 4.0, y), 3.3, color, 1.0);
        }
        for (value, right) in end.values.iter().zip(&ends) {
            canvas.text((*right, y), value, muted);
        }
        let lines = wrap(&end.name, LABEL, true, names);
        for line in &lines {
            canvas.text((frame.left + KEY - 2.0, y), line, Type::new(LABEL, INK).bold());
            y += NAME_LINE;
        }
        y += 5.0 + if lines.is_empty() { NAME_LINE } else { 0.0 };
    }
}

fn axis_labels(canvas: &Canvas, frame: Frame, plane: &Plane, room: Margins, shared: SharedLabels) {
    let look = Type::new(LABEL, INK).anchor(Anchor::Middle);
    if !shared.x && !plane.x.label.is_empty() {
        // A label that is wider than the plane moves, so that it stays on the page.
        let half = 0.5 * text_width(&plane.x.label, LABEL, false);
        let (first, last) = (frame.left - room.left + half, frame.right + room.right - half);
        let x = f64::midpoint(frame.left, frame.right).min(last).max(first);
        canvas.text((x, frame.bottom + room.bottom - 7.0), &plane.x.label, look);
    }
    if !shared.y && !plane.y.label.is_empty() {
        let at = (frame.left - room.left + 6.0, f64::midpoint(frame.top, frame.bottom));
        canvas.text(at, &plane.y.label, Type { upright: false, ..look });
    }
}

fn draw_mark(
    canvas: &Canvas,
    frame: Frame,
    mark: &Mark,
    is_edged: bool,
    place: &impl Fn(f64, f64) -> Position,
) {
    match mark {
        Mark::Line { points, color, width, alpha, dashed } => {
            let points: Vec<Position> = points.iter().map(|&(x, y)| place(x, y)).collect();
            let stroke = Stroke { color: *color, alpha: *alpha, width: *width };
            for piece in frame.line(&points) {
                if *dashed {
                    canvas.dashed(&piece, stroke);
                } else {
                    canvas.line(&piece, stroke);
                }
            }
        }
        Mark::Band { points, color, alpha } => {
            let upper = points.iter().map(|&(x, _, high)| place(x, high));
            let lower = points.iter().rev().map(|&(x, low, _)| place(x, low));
            let outline: Vec<Position> = upper.chain(lower).collect();
            canvas.polygon(&frame.polygon(&outline), *color, *alpha);
        }
        Mark::Dot { at, form, color, radius, nudge } => {
            let (x, y) = place(at.0, at.1);
            if is_edged {
                draw_edge(canvas, (x, y + nudge), *form, *radius);
            }
            draw_dot(canvas, (x, y + nudge), *form, *color, *radius);
        }
        Mark::Interval { at, ends: (from, to), across, color, width } => {
            let place = |value: f64| if *across { place(value, at.1) } else { place(at.0, value) };
            draw_interval(canvas, frame, (place(*from), place(*to)), *across, *color, *width);
        }
        Mark::Text { at, text, anchor, nudge, color, size } => {
            let (x, y) = place(at.0, at.1);
            let (x, y) = (x + nudge.0, y + nudge.1);
            if *nudge != (0.0, 0.0) {
                let width = text_width(text, *size, false);
                let left = x - match anchor {
                    Anchor::Start => 1.5,
                    Anchor::Middle => 0.5 * width,
                    Anchor::End => width - 1.5,
                };
                let (top, low) = (y - 0.6 * size, y + 0.6 * size);
                white(canvas, (left, top), (left + width, low));
            }
            canvas.text((x, y), text, Type::new(*size, *color).anchor(*anchor));
        }
    }
}

/// An end on the plane has a cap; one that was cut off an arrow head at the border.
fn draw_interval(
    canvas: &Canvas,
    frame: Frame,
    (from, to): (Position, Position),
    across: bool,
    color: Color,
    width: f64,
) {
    let stroke = Stroke { color, alpha: 1.0, width };
    for piece in frame.line(&[from, to]) {
        canvas.line(&piece, stroke);
        for end in [from, to].iter().filter(|end| piece.contains(end)) {
            let (dx, dy) = if across { (0.0, CAP) } else { (CAP, 0.0) };
            canvas.line(
                &[(end.0 - dx, end.1 - dy), (end.0 + dx, end.1 + dy)],
                Stroke { width: 1.4, ..stroke },
            );
        }
        for (end, cut) in [(from, piece[0]), (to, piece[piece.len() - 1])] {
            if end != cut {
                let (x, y) = cut;
                let (dx, dy) = (6.0 * (end.0 - x).signum(), 6.0 * (end.1 - y).signum());
                let (dx, dy) = if across { (dx, 0.0) } else { (0.0, dy) };
                let (wx, wy) = (0.6 * dy, 0.6 * dx);
                let back = (x - dx, y - dy);
                canvas.polygon(
                    &[cut, (back.0 + wx, back.1 + wy), (back.0 - wx, back.1 - wy)],
                    color,
                    1.0,
                );
            }
        }
    }
}

/// Draws the white edge of a dot.
fn draw_edge(canvas: &Canvas, at: Position, form: Form, r: f64) {
    match form {
        Form::Disc => canvas.disc(at, r + 1.0, WHITE, 1.0),
        Form::Square | Form::Diamond | Form::Up | Form::Down => {
            canvas.polygon(&corners(at, form, r + 1.2), WHITE, 1.0);
        }
        Form::Ring => canvas.disc(at, r + 0.8, WHITE, 1.0),
        Form::Cross => cross(canvas, at, r, Stroke { color: WHITE, alpha: 1.0, width: 4.0 }),
        Form::Seed | Form::Left | Form::Right => {}
    }
}

fn draw_dot(canvas: &Canvas, (x, y): Position, form: Form, color: Color, r: f64) {
    match form {
        Form::Disc => canvas.disc((x, y), r, color, 1.0),
        Form::Square | Form::Diamond | Form::Up | Form::Down => {
            canvas.polygon(&corners((x, y), form, r), color, 1.0);
        }
        Form::Seed => canvas.disc((x, y), r, color, 0.55),
        Form::Ring => canvas.ring((x, y), r, Stroke { color, alpha: 1.0, width: 1.6 }),
        Form::Cross => cross(canvas, (x, y), r, Stroke { color, alpha: 1.0, width: 1.8 }),
        Form::Left => {
            canvas.polygon(&[(x, y), (x + 1.7 * r, y - r), (x + 1.7 * r, y + r)], color, 1.0);
        }
        Form::Right => {
            canvas.polygon(&[(x, y), (x - 1.7 * r, y - r), (x - 1.7 * r, y + r)], color, 1.0);
        }
    }
}

/// Corners of a form of about the same area as the disc.
fn corners((x, y): Position, form: Form, r: f64) -> [Position; 4] {
    match form {
        Form::Square => [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        Form::Diamond => [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        Form::Up => [(0.0, -1.3), (1.2, 0.9), (-1.2, 0.9), (-1.2, 0.9)],
        _ => [(0.0, 1.3), (1.2, -0.9), (-1.2, -0.9), (-1.2, -0.9)],
    }
    .map(|(dx, dy)| (x + r * dx, y + r * dy))
}

fn cross(canvas: &Canvas, (x, y): Position, r: f64, stroke: Stroke) {
    canvas.line(&[(x - r, y - r), (x + r, y + r)], stroke);
    canvas.line(&[(x - r, y + r), (x + r, y - r)], stroke);
}

fn draw_ends(canvas: &Canvas, frame: Frame, plane: &Plane) {
    let wanted: Vec<f64> = plane
        .ends
        .iter()
        .map(|e| plane.y.along(e.at, frame.bottom, frame.top).clamp(frame.top, frame.bottom))
        .collect();
    let placed = if plane.spread {
        spread(&wanted, LABEL_GAP, frame.top + 6.0, frame.bottom - 4.0)
    } else {
        wanted.clone()
    };
    let name_room = names_width(&plane.ends);
    let widths = value_widths(plane);
    let start = frame.right + end_offset(&plane.ends) + name_room;
    let muted = Type::new(LABEL, MUTED).anchor(Anchor::End);
    let head_y = placed.iter().copied().fold(f64::INFINITY, f64::min) - 17.0;
    let mut right = start;
    for (i, width) in widths.iter().enumerate() {
        right += width + 14.0;
        if let Some(head) = plane.heads.get(i) {
            canvas.text((right, head_y), head, Type { size: SMALL, ..muted });
        }
        for (end, y) in plane.ends.iter().zip(&placed) {
            if let Some(value) = end.values.get(i) {
                canvas.text((right, *y), value, muted);
            }
        }
    }
    for ((end, from), to) in plane.ends.iter().zip(&wanted).zip(&placed) {
        if let Some(color) = end.color {
            let x = frame.right;
            let stroke = Stroke { color, alpha: 1.0, width: 1.0 };
            canvas.line(&[(x + 2.0, *from), (x + 11.0, *to), (x + 16.0, *to)], stroke);
            canvas.disc((x + 19.0, *to), 3.3, color, 1.0);
        }
        let name = shorten(&end.name, LABEL, true, WIDEST_NAME);
        canvas.text(
            (frame.right + end_offset(&plane.ends), *to),
            &name,
            Type::new(LABEL, INK).bold(),
        );
    }
}

fn end_offset(ends: &[End]) -> f64 {
    if ends.iter().any(|e| e.color.is_some()) { LEADER } else { 0.0 }
}

fn names_width(ends: &[End]) -> f64 {
    let width = |e: &End| {
        if e.name.is_empty() {
            0.0
        } else {
            text_width(&e.name, LABEL, true).min(WIDEST_NAME)
        }
    };
    ends.iter().map(width).fold(0.0, f64::max)
}

fn value_widths(plane: &Plane) -> Vec<f64> {
    let columns = plane.ends.iter().map(|e| e.values.len()).max().unwrap_or(0);
    let head = |i: usize| plane.heads.get(i).map_or(0.0, |h| text_width(h, SMALL, false));
    let widest = |i: usize| {
        let values = plane.ends.iter().filter_map(move |e| e.values.get(i));
        values.map(|v| text_width(v, LABEL, false)).fold(head(i), f64::max)
    };
    (0..columns).map(widest).collect()
}
/// True if the names of levels must be turned to fit next to each other.
fn turned(axis: &ValueAxis, width: f64) -> bool {
    let room = width / axis.ticks.len().max(1) as f64 - 6.0;
    axis.scale == Scale::Levels
        && axis.ticks.iter().any(|t| text_width(&t.text, LABEL, false) > room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_ticks_are_dropped_evenly_and_zero_stays() {
        let axis = ValueAxis::linear("", -120.0, 20.0, 8);
        let step = |width: f64| -> Vec<usize> {
            let named: Vec<usize> = named_ticks(&axis, width).into_iter().collect();
            let steps: BTreeSet<usize> = named.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(steps.len() <= 1, "{width}: {named:?}");
            let zero = axis.ticks.iter().position(|tick| tick.at == 0.0).unwrap();
            assert!(named.contains(&zero), "{width}: {named:?}");
            named
        };
        assert_eq!(step(1000.0).len(), axis.ticks.len());
        for width in 20..400 {
            step(f64::from(width));
        }
        let epochs = ValueAxis::epochs(100, 10);
        for width in 40..400 {
            assert!(named_ticks(&epochs, f64::from(width)).contains(&(epochs.ticks.len() - 1)));
        }
    }

    #[test]
    fn the_first_tick_has_room_for_its_text() {
        let x = ValueAxis::linear("Difference", -100.0, 0.0, 4);
        let y = ValueAxis::levels("", &["a".to_owned()]);
        let plane = Plane::new(x, y, Vec::new(), 30.0);
        let margins = margins(&plane, SharedLabels::default(), Arrangement::Stacked);
        assert!(margins.left >= 0.5 * text_width("\u{2212}100", LABEL, false), "{margins:?}");
    }
}
