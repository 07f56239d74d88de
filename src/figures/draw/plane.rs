//! Planes on the page: axes, marks between them, labels to the right.

use super::WIDEST_NAME;
use super::canvas::{Canvas, Position, Stroke, Type};
use super::clip::Frame;
use super::names::{self, lines, shorten};
use super::render::text_width;
use super::words::{fit, spread};
use crate::figures::chart::{Anchor, End, Form, Mark, Plane};
use crate::figures::scale::{Scale, Tick, ValueAxis};
use crate::figures::style::{AXIS, Color, GRID, INK, LABEL, MUTED, SMALL, WHITE};

/// Distance between two labels at the ends of lines.
const LABEL_GAP: f64 = 17.0;
/// Distance from the plane's right edge to a label's name.
const LEADER: f64 = 27.0;
/// Distance between the lines of a name.
const NAME_LINE: f64 = 12.0;
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

/// Space that a plane needs around it.
pub(super) fn margins(plane: &Plane, shared: SharedLabels) -> Margins {
    if !plane.axes {
        return Margins::default();
    }
    let tick = |t: &Tick| text_width(&t.text, LABEL, false).min(WIDEST_NAME);
    let left = plane.y.ticks.iter().map(tick).fold(0.0, f64::max) + 7.0;
    let y_label = if shared.y || plane.y.label.is_empty() { 0.0 } else { 18.0 };
    let last = plane.x.ticks.last().map_or(0.0, |t| 0.5 * text_width(&t.text, LABEL, false));
    let right = if plane.ends.is_empty() {
        last.max(10.0)
    } else {
        let values: f64 = value_widths(plane).iter().map(|w| w + 14.0).sum();
        end_offset(&plane.ends) + names_width(&plane.ends) + values + 4.0
    };
    // The width assumed is that of the narrowest plane in any layout, because margins must not
    // depend on themselves.
    let turned_room = if turned(&plane.x, plane.width.unwrap_or(160.0)) {
        plane
            .x
            .ticks
            .iter()
            .map(|t| text_width(&t.text, SMALL, false).min(90.0))
            .fold(0.0, f64::max)
    } else {
        12.0
    };
    let x_label = if shared.x || plane.x.label.is_empty() { 0.0 } else { 20.0 };
    Margins {
        left: left + y_label,
        right,
        bottom: 10.0 + turned_room + x_label,
    }
}

/// Height of a plane: at least that of its labels.
pub(super) fn height(plane: &Plane) -> f64 {
    let labels = if plane.spread { LABEL_GAP * plane.ends.len() as f64 + 10.0 } else { 0.0 };
    plane.height.max(labels)
}

/// Draws a plane into its frame; `room` is the space around it.
pub(super) fn draw(
    canvas: &Canvas,
    frame: Frame,
    plane: &Plane,
    room: Margins,
    shared: SharedLabels,
) {
    if plane.axes {
        axes(canvas, frame, plane);
        axis_labels(canvas, frame, plane, room, shared);
    }
    let place = |x: f64, y: f64| {
        (
            plane.x.along(x, frame.left, frame.right),
            plane.y.along(y, frame.bottom, frame.top),
        )
    };
    for mark in &plane.marks {
        draw_mark(canvas, frame, mark, &place);
    }
    names::draw(canvas, frame, plane, &place);
    if !plane.ends.is_empty() {
        draw_ends(canvas, frame, plane);
    }
}

fn axes(canvas: &Canvas, frame: Frame, plane: &Plane) {
    let thin = |color| Stroke { color, alpha: 1.0, width: 0.9 };
    let is_rows = plane.y.scale == Scale::Levels;
    for tick in &plane.y.ticks {
        let y = plane.y.along(tick.at, frame.bottom, frame.top);
        canvas.line(&[(frame.left, y), (frame.right, y)], Stroke { width: 0.8, ..thin(GRID) });
        let color = if is_rows { INK } else { MUTED };
        let text = lines(&tick.text, LABEL, false, WIDEST_NAME);
        let top = y - 0.5 * NAME_LINE * (text.len() - 1) as f64;
        for (i, line) in text.iter().enumerate() {
            let at = (frame.left - 7.0, top + NAME_LINE * i as f64);
            canvas.text(at, line, Type::new(LABEL, color).anchor(Anchor::End));
        }
    }
    // The values of rows are read off vertical lines.
    for tick in plane.x.ticks.iter().filter(|_| is_rows && plane.x.scale != Scale::Levels) {
        let x = plane.x.along(tick.at, frame.left, frame.right);
        canvas.line(&[(x, frame.top), (x, frame.bottom)], Stroke { width: 0.8, ..thin(GRID) });
    }
    canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], thin(AXIS));
    let turned = turned(&plane.x, frame.right - frame.left);
    let mut free = f64::NEG_INFINITY;
    let last = plane.x.ticks.last().map(|t| plane.x.along(t.at, frame.left, frame.right));
    for (i, tick) in plane.x.ticks.iter().enumerate() {
        let x = plane.x.along(tick.at, frame.left, frame.right);
        canvas.line(&[(x, frame.bottom), (x, frame.bottom + 4.0)], thin(AXIS));
        if turned {
            let look = Type { upright: false, ..Type::new(SMALL, MUTED) };
            let text = shorten(&tick.text, SMALL, false, 90.0);
            canvas.text((x, frame.bottom + 8.0), &text, look.anchor(Anchor::End));
            continue;
        }
        let half = 0.5 * text_width(&tick.text, LABEL, false);
        let is_last = i + 1 == plane.x.ticks.len();
        let blocks_last = !is_last && last.is_some_and(|l| x + half + 6.0 > l - half);
        if x - half >= free && !blocks_last {
            let look = Type::new(LABEL, MUTED).anchor(Anchor::Middle);
            canvas.text((x, frame.bottom + 13.0), &tick.text, look);
            free = x + half + 6.0;
        }
    }
}

fn axis_labels(canvas: &Canvas, frame: Frame, plane: &Plane, room: Margins, shared: SharedLabels) {
    let look = Type::new(LABEL, INK).anchor(Anchor::Middle);
    if !shared.x && !plane.x.label.is_empty() {
        let at = (f64::midpoint(frame.left, frame.right), frame.bottom + room.bottom - 7.0);
        canvas.text(at, &plane.x.label, look);
    }
    if !shared.y && !plane.y.label.is_empty() {
        let at = (frame.left - room.left + 6.0, f64::midpoint(frame.top, frame.bottom));
        canvas.text(at, &plane.y.label, Type { upright: false, ..look });
    }
}

fn draw_mark(canvas: &Canvas, frame: Frame, mark: &Mark, place: &impl Fn(f64, f64) -> Position) {
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
                canvas.polygon(
                    &[(left, top), (left + width, top), (left + width, low), (left, low)],
                    WHITE,
                    0.85,
                );
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

fn draw_dot(canvas: &Canvas, (x, y): Position, form: Form, color: Color, r: f64) {
    match form {
        Form::Disc => {
            canvas.disc((x, y), r + 1.0, WHITE, 1.0);
            canvas.disc((x, y), r, color, 1.0);
        }
        Form::Square | Form::Diamond | Form::Up | Form::Down => {
            // Of about the same area as the disc.
            let corners = |r: f64| {
                match form {
                    Form::Square => [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
                    Form::Diamond => [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
                    Form::Up => [(0.0, -1.3), (1.2, 0.9), (-1.2, 0.9), (-1.2, 0.9)],
                    _ => [(0.0, 1.3), (1.2, -0.9), (-1.2, -0.9), (-1.2, -0.9)],
                }
                .map(|(dx, dy)| (x + r * dx, y + r * dy))
            };
            canvas.polygon(&corners(r + 1.2), WHITE, 1.0);
            canvas.polygon(&corners(r), color, 1.0);
        }
        Form::Seed => canvas.disc((x, y), r, color, 0.55),
        Form::Ring => {
            canvas.disc((x, y), r + 0.8, WHITE, 1.0);
            canvas.ring((x, y), r, Stroke { color, alpha: 1.0, width: 1.6 });
        }
        Form::Cross => {
            for stroke in [
                Stroke { color: WHITE, alpha: 1.0, width: 4.0 },
                Stroke { color, alpha: 1.0, width: 1.8 },
            ] {
                canvas.line(&[(x - r, y - r), (x + r, y + r)], stroke);
                canvas.line(&[(x - r, y + r), (x + r, y - r)], stroke);
            }
        }
        Form::Left => {
            canvas.polygon(&[(x, y), (x + 1.7 * r, y - r), (x + 1.7 * r, y + r)], color, 1.0);
        }
        Form::Right => {
            canvas.polygon(&[(x, y), (x - 1.7 * r, y - r), (x - 1.7 * r, y + r)], color, 1.0);
        }
    }
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
        let name = fit(&end.name, LABEL, true, WIDEST_NAME);
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
