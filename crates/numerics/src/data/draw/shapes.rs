//! Circle, square, star and triangle, filled, at any angle, size and place, cut out by an unsteady
//! hand.

use super::hand::{bell, between, direction, elastic};
use super::{Point, pen};
use crate::rng::Stream;

/// Names of the classes, by label.
pub(super) const NAMES: [&str; 4] = ["circle", "square", "star", "triangle"];

/// Unit outlines. Sines and cosines of multiples of 72 and 120 degrees are written out: they must
/// be the same everywhere.
const SQUARE: &[Point] = &[(0.72, 0.72), (-0.72, 0.72), (-0.72, -0.72), (0.72, -0.72)];
const TRIANGLE: &[Point] = &[(0.0, -1.0), (0.866_025_4, 0.5), (-0.866_025_4, 0.5)];
const PENTAGON: [Point; 5] = [
    (0.0, -1.0),
    (0.951_056_5, -0.309_017),
    (0.587_785_2, 0.809_017),
    (-0.587_785_2, 0.809_017),
    (-0.951_056_5, -0.309_017),
];

/// Draws a shape of class `label` onto `ink`.
pub(super) fn draw(stream: &mut Stream, label: usize, size: usize, ink: &mut [f32]) {
    let outline = match label {
        0 => circle(),
        1 => divide(SQUARE),
        2 => divide(&star(between(stream, 0.37, 0.46))),
        _ => divide(TRIANGLE),
    };
    let side = size as f32;
    let radius = side * between(stream, 0.2, 0.44);
    // The whole shape stays on the page: its circumscribed circle does.
    let room = (side / 2.0 - radius - side / 28.0).max(0.0);
    let (x, y) = (
        side / 2.0 + room * between(stream, -1.0, 1.0),
        side / 2.0 + room * between(stream, -1.0, 1.0),
    );
    let turn = direction(stream);
    let squash = 1.0 - 0.06 * bell(stream).abs();
    let unsteady = between(stream, 0.01, 0.045);
    let knots = std::array::from_fn(|_| (unsteady * bell(stream), unsteady * bell(stream)));
    let corners: Vec<Point> = outline
        .into_iter()
        .map(|(u, v)| {
            let (du, dv) = elastic(&knots, ((u + 1.0) / 2.0, (v + 1.0) / 2.0));
            let (u, v) = (u + du, (v + dv) * squash);
            (x + radius * (u * turn.0 - v * turn.1), y + radius * (u * turn.1 + v * turn.0))
        })
        .collect();
    pen::fill(ink, size, &corners);
}

/// 40 points of the unit circle, a quarter of them by the rational parametrisation.
fn circle() -> Vec<Point> {
    const QUARTER: usize = 10;
    let quarter = (0..QUARTER).map(|i| {
        let t = i as f32 / QUARTER as f32;
        ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t))
    });
    let quarter: Vec<Point> = quarter.collect();
    let turns: [fn(Point) -> Point; 4] =
        [|(x, y)| (x, y), |(x, y)| (-y, x), |(x, y)| (-x, -y), |(x, y)| (y, -x)];
    turns.iter().flat_map(|turn| quarter.iter().map(|&p| turn(p))).collect()
}

/// A five-pointed star whose inner corners are at `inner` times the radius.
fn star(inner: f32) -> Vec<Point> {
    let inward = |i: usize| {
        let (a, b) = (PENTAGON[i], PENTAGON[(i + 1) % 5]);
        let (x, y) = (a.0 + b.0, a.1 + b.1);
        let scale = inner / (x * x + y * y).sqrt();
        (x * scale, y * scale)
    };
    (0..5).flat_map(|i| [PENTAGON[i], inward(i)]).collect()
}

/// Cuts every side in four, so that it can bend.
fn divide(corners: &[Point]) -> Vec<Point> {
    let sides = corners.iter().zip(corners.iter().cycle().skip(1));
    sides
        .flat_map(|(a, b)| {
            [0.0, 0.25, 0.5, 0.75].map(|t| (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)))
        })
        .collect()
}
