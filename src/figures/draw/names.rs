//! Names of rows and points: a long name takes two lines, a longer one is shortened in the middle,
//! and the name of a point is placed where it covers no mark.
//!
//! Names of variants often differ at their end alone, so the end is never what is cut.

use super::WIDEST_NAME;
use super::canvas::{Canvas, Position, Stroke, Type};
use super::clip::Frame;
use super::render::text_width;
use super::words::wrap;
use crate::figures::chart::{Anchor, Mark, Plane, PointName};
use crate::figures::style::{INK, LABEL, MUTED, SMALL, WHITE};

/// Text that fits into `width` CSS pixels, shortened in the middle if necessary.
pub(super) fn shorten(text: &str, size: f64, bold: bool, width: f64) -> String {
    // No letter is narrower than a sixth of an em on average, so that very long names are never
    // measured completely.
    let most = (6.0 * width / size) as usize + 2;
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most && text_width(text, size, bold) <= width {
        return text.to_owned();
    }
    let short = |n: usize| {
        let (head, tail) = (n.div_ceil(2), n / 2);
        let end = &letters[letters.len() - tail..];
        let (head, end): (String, String) =
            (letters[..head].iter().collect(), end.iter().collect());
        format!("{}\u{2026}{}", head.trim_end(), end.trim_start())
    };
    let n = largest(most.min(letters.len() - 1), |n| text_width(&short(n), size, bold) <= width);
    short(n)
}

/// A name in at most two lines of `width` CSS pixels: broken after a comma if possible, else between
/// words, else cut before the end.
pub(super) fn lines(name: &str, size: f64, bold: bool, width: f64) -> Vec<String> {
    let one = shorten(name, size, bold, width);
    if one == name {
        return vec![one];
    }
    let fits = |text: &str| text_width(text, size, bold) <= width;
    let commas = name.match_indices(", ").map(|(at, _)| at + 1);
    let halves = commas.map(|at| (&name[..at], name[at..].trim_start()));
    // Of several breaks the one with the most even lines.
    let even = halves
        .filter(|(a, b)| a.len().max(b.len()) as f64 <= 6.0 * width / size && fits(a) && fits(b))
        .min_by_key(|(a, b)| a.len().abs_diff(b.len()));
    if let Some((a, b)) = even {
        return vec![a.to_owned(), b.to_owned()];
    }
    let words = wrap(name, size, bold, width);
    if words.len() == 2 && words.concat().len() + 1 >= name.len() {
        return words;
    }
    let letters: Vec<char> = name.chars().collect();
    let most = letters.len().min((6.0 * width / size) as usize + 2);
    let start = |n: usize| letters[..n].iter().collect::<String>();
    let end =
        |n: usize| format!("\u{2026}{}", letters[letters.len() - n..].iter().collect::<String>());
    let (first, last) = (largest(most, |n| fits(&start(n))), largest(most, |n| fits(&end(n))));
    let first = first.min(letters.len() - last);
    vec![start(first), end(last)]
}

/// Largest number up to `most` that fits; smaller ones fit, too.
fn largest(most: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut lo, mut hi) = (0, most);
    while lo < hi {
        let middle = (lo + hi).div_ceil(2);
        if fits(middle) { lo = middle } else { hi = middle - 1 }
    }
    lo
}

/// True if a name in a column of names takes two lines.
pub(crate) fn is_long(name: &str) -> bool {
    lines(name, LABEL, false, WIDEST_NAME).len() > 1
}

/// Maximum width of the name of a point in CSS pixels.
const WIDEST: f64 = 150.0;
/// Height of a line of a name.
const LINE: f64 = 12.0;
/// Distance between a point and its name in CSS pixels.
const BESIDE: f64 = 8.0;

/// A rectangle in CSS pixels: left, top, right, bottom.
type Area = [f64; 4];

/// Marks that names should not hide.
#[derive(Default)]
struct Obstacles {
    names: Vec<Area>,
    dots: Vec<Area>,
    bars: Vec<Area>,
    lines: Vec<(Position, Position)>,
}

impl Obstacles {
    fn of(plane: &Plane, place: &impl Fn(f64, f64) -> Position) -> Self {
        let mut all = Self::default();
        for mark in &plane.marks {
            match mark {
                Mark::Dot { at, radius, nudge, .. } => {
                    let (x, y) = place(at.0, at.1);
                    let r = radius + 1.5;
                    all.dots.push([x - r, y + nudge - r, x + r, y + nudge + r]);
                }
                Mark::Interval { at, ends, across, .. } => {
                    let end = |value| if *across { place(value, at.1) } else { place(at.0, value) };
                    let (a, b) = (end(ends.0), end(ends.1));
                    all.bars.push([
                        a.0.min(b.0) - 2.0,
                        a.1.min(b.1) - 2.0,
                        a.0.max(b.0) + 2.0,
                        a.1.max(b.1) + 2.0,
                    ]);
                }
                Mark::Line { points, .. } => all.lines.extend(
                    points
                        .windows(2)
                        .map(|pair| (place(pair[0].0, pair[0].1), place(pair[1].0, pair[1].1))),
                ),
                Mark::Band { .. } | Mark::Text { .. } => {}
            }
        }
        all
    }

    /// Measure of what a name in an area would hide, with its line to the point.
    fn hidden_by(&self, area: &Area, leader: Option<(Position, Position)>) -> f64 {
        let count = |areas: &[Area], cost: f64| {
            cost * areas.iter().filter(|other| overlap(other, area)).count() as f64
        };
        let crossed = self.lines.iter().filter(|(a, b)| crosses(area, *a, *b)).count() as f64;
        let under = |areas: &[Area], cost: f64| {
            leader.map_or(0.0, |(a, b)| {
                cost * areas.iter().filter(|other| crosses(other, a, b)).count() as f64
            })
        };
        count(&self.dots, 400.0)
            + count(&self.bars, 90.0)
            + 150.0 * crossed
            + under(&self.names, 900.0)
            + under(&self.dots, 60.0)
    }
}

fn overlap(a: &Area, b: &Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// True if a straight line passes through an area.
fn crosses(area: &Area, from: Position, to: Position) -> bool {
    let frame = Frame { left: area[0], top: area[1], right: area[2], bottom: area[3] };
    !frame.line(&[from, to]).is_empty()
}

/// Draws the names of a plane's points, the most important first; returns those without a place
/// beside the others.
pub(super) fn draw(
    canvas: &Canvas,
    frame: Frame,
    plane: &Plane,
    place: &impl Fn(f64, f64) -> Position,
) -> Vec<String> {
    let mut unnamed = Vec::new();
    let mut obstacles = Obstacles::of(plane, place);
    let width = WIDEST.min(0.5 * (frame.right - frame.left));
    for PointName { at, text: name } in &plane.names {
        let point = place(at.0, at.1);
        let text = lines(name, SMALL, false, width);
        let width = text.iter().map(|line| text_width(line, SMALL, false)).fold(0.0, f64::max);
        let spot = spots(point, (width, LINE * text.len() as f64))
            .filter(|spot| {
                let area = &spot.area;
                area[0] >= frame.left - 2.0
                    && area[2] <= frame.right + 8.0
                    && area[1] >= frame.top - 8.0
                    && area[3] <= frame.bottom
                    && !obstacles.names.iter().any(|other| overlap(other, area))
            })
            .min_by(|a, b| {
                let cost = |s: &Spot| s.distance + obstacles.hidden_by(&s.area, s.leader(point));
                cost(a).total_cmp(&cost(b))
            });
        let Some(spot) = spot else {
            unnamed.push(name.clone());
            continue;
        };
        let [left, top, right, bottom] = spot.area;
        if let Some((from, to)) = spot.leader(point) {
            canvas.line(&[from, to], Stroke { color: MUTED, alpha: 0.8, width: 0.8 });
        }
        canvas.polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)], WHITE, 0.85);
        for (i, line) in text.iter().enumerate() {
            let x = match spot.anchor {
                Anchor::Start => left,
                Anchor::Middle => f64::midpoint(left, right),
                Anchor::End => right,
            };
            let y = top + LINE * (i as f64 + 0.5);
            canvas.text((x, y), line, Type::new(SMALL, INK).anchor(spot.anchor));
        }
        obstacles.names.push(spot.area);
    }
    unnamed
}

/// A possible place of a name.
struct Spot {
    area: Area,
    anchor: Anchor,
    /// Distance from the point to the area.
    distance: f64,
}

impl Spot {
    /// Line from the point to a name that is not beside it.
    fn leader(&self, point: Position) -> Option<(Position, Position)> {
        let near = (
            point.0.clamp(self.area[0], self.area[2]),
            point.1.clamp(self.area[1] + 2.0, self.area[3] - 2.0),
        );
        let (dx, dy) = (near.0 - point.0, near.1 - point.1);
        let length = dx.hypot(dy);
        let from = |by: f64| (point.0 + dx / length * by, point.1 + dy / length * by);
        (length > 1.6 * BESIDE).then(|| (from(5.0), from(length - 1.0)))
    }
}

/// Places for a name around a point, near and far.
fn spots(point: Position, (width, height): (f64, f64)) -> impl Iterator<Item = Spot> {
    const STEPS: [f64; 7] = [0.0, 8.0, 18.0, 32.0, 50.0, 75.0, 105.0];
    const ANGLES: usize = 16;
    STEPS.into_iter().flat_map(move |step| {
        (0..ANGLES).map(move |i| {
            let angle = std::f64::consts::TAU * i as f64 / ANGLES as f64;
            let (dx, dy) = (angle.cos(), angle.sin());
            let far = BESIDE + step;
            let anchor = match dx {
                dx if dx > 0.3 => Anchor::Start,
                dx if dx < -0.3 => Anchor::End,
                _ => Anchor::Middle,
            };
            let (x, y) = (point.0 + far * dx, point.1 + far * dy);
            let left = match anchor {
                Anchor::Start => x,
                Anchor::Middle => x - 0.5 * width,
                Anchor::End => x - width,
            };
            // Above and below, the area begins where the distance ends.
            let top = y + (0.5 * height * dy) - 0.5 * height;
            Spot {
                area: [left, top, left + width, top + height],
                anchor,
                distance: step,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_fits_and_keeps_its_end(name in "\\PC{0,300}", width in 40.0..200.0f64) {
            let short = shorten(&name, 11.0, true, width);
            prop_assert!(text_width(&short, 11.0, true) <= width, "{short}");
            for line in lines(&name, 11.0, false, width) {
                prop_assert!(text_width(&line, 11.0, false) <= width, "{line}");
            }
        }

        #[test]
        fn names_that_differ_at_their_end_stay_different(
            start in "[a-z]{4,12}( [a-z0-9]{1,8}, [a-z]{4,12}){2,6}", width in 90.0..230.0f64,
        ) {
            let two = ["on", "of"].map(|end| format!("{start} {end}"));
            prop_assert_ne!(shorten(&two[0], 11.0, false, width), shorten(&two[1], 11.0, false, width));
            prop_assert_ne!(lines(&two[0], 11.0, false, width), lines(&two[1], 11.0, false, width));
        }
    }

    #[test]
    fn lines_break_after_commas() {
        let name = "activation softplus, degrees even, skip on, init normal one";
        let two = lines(name, 11.0, false, 230.0);
        assert_eq!(two, ["activation softplus, degrees even,", "skip on, init normal one"]);
        assert_eq!(lines("depth 2", 11.0, false, 230.0), ["depth 2"]);
    }
}
