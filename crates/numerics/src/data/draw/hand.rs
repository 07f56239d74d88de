//! Handwriting: the variation between two writers of a character, and between two drawings by the
//! same writer.

use super::Point;
use super::pen::Nib;
use crate::rng::Stream;

/// Knots a side of the elastic grid.
const KNOTS: usize = 4;

/// One way of writing: slant, proportions, pen and unsteadiness, drawn again for every image.
pub(super) struct Hand {
    shear: f32,
    turn: Point,
    aspect: f32,
    /// Displacement of the middle of a character: large heads or large feet, wide left or right
    /// halves.
    balance: Point,
    tremor: f32,
    /// Tightness of curves: below 1 an angular hand, above it a round one.
    roundness: f32,
    /// Maximum length by which strokes overshoot their ends, or stop short of them.
    haste: f32,
    warp: [Point; KNOTS * KNOTS],
    /// Pressure at the start, middle and end of a stroke.
    pressure: [f32; 3],
    height: f32,
    offset: Point,
    nib: Nib,
    /// Grey level of full ink, 0..=255.
    pub(super) level: f32,
    /// Raggedness of the edges of the ink on rough paper, 0..=1.
    pub(super) grain: f32,
}

/// Uniform in [low, high).
pub(super) fn between(stream: &mut Stream, low: f32, high: f32) -> f32 {
    low + (high - low) * stream.uniform() as f32
}

/// Bell-shaped around 0 with standard deviation 1, within +-3: the sum of three uniforms.
pub(super) fn bell(stream: &mut Stream) -> f32 {
    2.0 * (stream.uniform() + stream.uniform() + stream.uniform() - 1.5) as f32
}

/// A unit vector at any angle, equally likely.
pub(super) fn direction(stream: &mut Stream) -> Point {
    loop {
        let (x, y) = (between(stream, -1.0, 1.0), between(stream, -1.0, 1.0));
        let square = x * x + y * y;
        if (0.01..=1.0).contains(&square) {
            let length = square.sqrt();
            return (x / length, y / length);
        }
    }
}

impl Hand {
    /// A hand for an image of `size` x `size` pixels.
    pub(super) fn new(stream: &mut Stream, size: usize) -> Self {
        let scale = size as f32 / 28.0;
        // The tangent of half the angle gives sine and cosine by division alone.
        let half = 0.045 * bell(stream);
        let unit = 1.0 + half * half;
        let wobble = between(stream, 1.0, 5.0);
        Self {
            shear: 0.14 + 0.18 * bell(stream),
            turn: ((1.0 - half * half) / unit, 2.0 * half / unit),
            aspect: 1.0 + 0.15 * bell(stream),
            balance: (4.0 * bell(stream), 5.0 * bell(stream)),
            tremor: between(stream, 0.7, 3.0),
            roundness: between(stream, 0.7, 1.3),
            haste: between(stream, 0.0, 8.0),
            warp: std::array::from_fn(|_| (wobble * bell(stream), wobble * bell(stream))),
            pressure: [
                between(stream, 0.75, 1.15),
                between(stream, 0.9, 1.15),
                between(stream, 0.6, 1.1),
            ],
            height: (20.0 + 0.9 * bell(stream)) * scale,
            offset: (0.9 * scale * bell(stream), 0.8 * scale * bell(stream)),
            nib: Nib {
                radius: (1.45 + 0.32 * bell(stream)).max(0.75) * scale,
                flatness: between(stream, 1.0, 1.55),
                axis: direction(stream),
                softness: between(stream, 0.9, 1.5)
                    * if scale < 1.0 { scale.max(0.5) } else { scale.sqrt() },
            },
            level: between(stream, 246.0, 256.0).min(255.0),
            grain: between(stream, 0.0, 1.0),
        }
    }

    /// Writes a glyph (strokes of points in a box of about 100 x 100) onto `ink`.
    pub(super) fn write(
        &self,
        stream: &mut Stream,
        strokes: &[Vec<(Point, bool)>],
        size: usize,
        ink: &mut [f32],
    ) {
        let mut lines: Vec<Vec<Point>> = Vec::with_capacity(strokes.len());
        for stroke in strokes {
            let shift = (0.8 * self.tremor * bell(stream), 0.8 * self.tremor * bell(stream));
            let mut shaken: Vec<(Point, bool)> = stroke
                .iter()
                .map(|&((x, y), corner)| {
                    let x = x + shift.0 + self.tremor * bell(stream);
                    let y = y + shift.1 + self.tremor * bell(stream);
                    ((x, y), corner)
                })
                .collect();
            let last = shaken.len() - 1;
            for (end, inner) in [(0, 1), (last, last - 1)] {
                let run = self.haste * between(stream, -0.4, 1.0);
                shaken[end].0 = run_on(shaken[end].0, shaken[inner].0, run);
            }
            lines.push(spline(&shaken, self.roundness).into_iter().map(|p| self.bend(p)).collect());
        }
        let (low, high) = bounds(lines.iter().flatten());
        let extent = (high.0 - low.0).max(high.1 - low.1).max(1.0);
        let scale = (self.height - 2.0 * self.nib.radius) / extent;
        let centre = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
        let middle = size as f32 / 2.0;
        for line in &lines {
            let last = (line.len() - 1).max(1) as f32;
            let points: Vec<(Point, f32)> = line
                .iter()
                .enumerate()
                .map(|(i, p)| {
                    let x = (p.0 - centre.0) * scale + middle + self.offset.0;
                    let y = (p.1 - centre.1) * scale + middle + self.offset.1;
                    ((x, y), self.press(i as f32 / last))
                })
                .collect();
            super::pen::stroke(ink, size, &self.nib, &points);
        }
    }

    /// Pressure at fraction `t` of a stroke: the parabola through start, middle and end.
    fn press(&self, t: f32) -> f32 {
        let [start, middle, end] = self.pressure;
        start * (1.0 - t) * (1.0 - 2.0 * t)
            + 4.0 * middle * t * (1.0 - t)
            + end * t * (2.0 * t - 1.0)
    }

    /// Balance and elastic wobble, then proportions, slant and turn.
    fn bend(&self, (x, y): Point) -> Point {
        let (dx, dy) = elastic(&self.warp, (x / 100.0, y / 100.0));
        // Largest in the middle of the box, nothing at its borders.
        let swell = |v: f32| 4.0 * (v / 100.0) * (1.0 - v / 100.0);
        let (dx, dy) = (dx + self.balance.0 * swell(x), dy + self.balance.1 * swell(y));
        let (x, y) = ((x + dx - 50.0) * self.aspect, y + dy - 50.0);
        let x = x - self.shear * y;
        (x * self.turn.0 - y * self.turn.1, x * self.turn.1 + y * self.turn.0)
    }
}

/// A smooth displacement field: knots of a grid over the unit square, blended by smooth steps.
pub(super) fn elastic(knots: &[Point; KNOTS * KNOTS], (x, y): Point) -> Point {
    let place = |v: f32| {
        let v = v.clamp(0.0, 0.999) * (KNOTS - 1) as f32;
        let f = v - v.floor();
        (v as usize, f * f * (3.0 - 2.0 * f))
    };
    let ((i, fx), (j, fy)) = (place(x), place(y));
    let at = |i: usize, j: usize| knots[j * KNOTS + i];
    let mix =
        |a: f32, b: f32, c: f32, d: f32| (a + fx * (b - a)) * (1.0 - fy) + (c + fx * (d - c)) * fy;
    let (a, b, c, d) = (at(i, j), at(i + 1, j), at(i, j + 1), at(i + 1, j + 1));
    (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1))
}

/// Smallest and largest coordinates.
pub(super) fn bounds<'a>(points: impl Iterator<Item = &'a Point>) -> (Point, Point) {
    points.fold(((f32::MAX, f32::MAX), (f32::MIN, f32::MIN)), |(low, high), p| {
        ((low.0.min(p.0), low.1.min(p.1)), (high.0.max(p.0), high.1.max(p.1)))
    })
}

/// The end of a stroke moved by `run` away from the point before it; the end of a short stroke, a
/// dot, is not moved.
fn run_on(end: Point, inner: Point, run: f32) -> Point {
    let (dx, dy) = (end.0 - inner.0, end.1 - inner.1);
    let length = (dx * dx + dy * dy).sqrt();
    let step = if length > 16.0 { run / length } else { 0.0 };
    (end.0 + step * dx, end.1 + step * dy)
}

/// A smooth curve through the points (Catmull and Rom 1974; `roundness` scales its tangents),
/// broken at corners.
fn spline(points: &[(Point, bool)], roundness: f32) -> Vec<Point> {
    const STEPS: usize = 7;
    let mut curve = vec![points[0].0];
    for i in 0..points.len() - 1 {
        let (b, c) = (points[i].0, points[i + 1].0);
        let a = if i == 0 || points[i].1 { b } else { points[i - 1].0 };
        let d = if i + 2 >= points.len() || points[i + 1].1 { c } else { points[i + 2].0 };
        for step in 1..=STEPS {
            let t = step as f32 / STEPS as f32;
            let blend = |a: f32, b: f32, c: f32, d: f32| {
                // Hermite's cubic with these tangents at b and c.
                let (m, n) = (0.5 * roundness * (c - a), 0.5 * roundness * (d - b));
                b + t * (m + t * (3.0 * (c - b) - 2.0 * m - n + t * (2.0 * (b - c) + m + n)))
            };
            curve.push((blend(a.0, b.0, c.0, d.0), blend(a.1, b.1, c.1, d.1)));
        }
    }
    curve
}
