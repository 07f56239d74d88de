//! Ink on paper: anti-aliased strokes of an elliptical nib, and filled polygons, as grey levels
//! 0..=255.
//!
//! Only additions, multiplications, divisions and square roots are used here and in the rest of
//! `draw`. IEEE 754 rounds those alike on every machine, which no mathematics library promises of
//! sines, so a drawing is the same bits everywhere.

use super::Point;

/// The tip of a pen, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nib {
    /// Radius across the strokes' widest direction.
    pub(super) radius: f32,
    /// Ratio of the nib's radius across `axis` to that along it, from 1 (round).
    pub(super) flatness: f32,
    /// Unit vector of the thin direction.
    pub(super) axis: Point,
    /// Width of the edge between full ink and none.
    pub(super) softness: f32,
}

impl Nib {
    /// Coordinates in which the nib is a circle of `radius`.
    fn unflatten(&self, p: Point) -> Point {
        let along = (self.flatness - 1.0) * (p.0 * self.axis.0 + p.1 * self.axis.1);
        (p.0 + along * self.axis.0, p.1 + along * self.axis.1)
    }
}

/// Draws a stroke through `points`, each with its pressure (a factor on the nib's radius); keeps
/// the darker ink.
pub(super) fn stroke(ink: &mut [f32], size: usize, nib: &Nib, points: &[(Point, f32)]) {
    for pair in points.windows(2) {
        let ((a, press_a), (b, press_b)) = (pair[0], pair[1]);
        let reach = nib.radius * press_a.max(press_b) + nib.softness;
        let columns = span(a.0.min(b.0) - reach, a.0.max(b.0) + reach, size);
        let (ua, ub) = (nib.unflatten(a), nib.unflatten(b));
        let (dx, dy) = (ub.0 - ua.0, ub.1 - ua.1);
        let inverse = 1.0 / (dx * dx + dy * dy).max(1e-6);
        for row in span(a.1.min(b.1) - reach, a.1.max(b.1) + reach, size) {
            for column in columns.clone() {
                let p = nib.unflatten((column as f32 + 0.5, row as f32 + 0.5));
                let (px, py) = (p.0 - ua.0, p.1 - ua.1);
                let t = ((px * dx + py * dy) * inverse).clamp(0.0, 1.0);
                let (ex, ey) = (px - t * dx, py - t * dy);
                let radius = nib.radius * (press_a + t * (press_b - press_a));
                let cover =
                    (0.5 + (radius - (ex * ex + ey * ey).sqrt()) / nib.softness).clamp(0.0, 1.0);
                let cell = &mut ink[row * size + column];
                *cell = cell.max(cover);
            }
        }
    }
}

fn span(from: f32, to: f32, size: usize) -> std::ops::Range<usize> {
    (from.max(0.0) as usize).min(size)..(to.max(0.0) as usize + 1).min(size)
}

/// Fills a closed polygon (even-odd), by exact horizontal coverage of `LINES` scan lines a pixel.
pub(super) fn fill(ink: &mut [f32], size: usize, corners: &[Point]) {
    const LINES: usize = 5;
    let mut crossings = Vec::new();
    for line in 0..size * LINES {
        let y = (line as f32 + 0.5) / LINES as f32;
        crossings.clear();
        for (i, a) in corners.iter().enumerate() {
            let b = corners[(i + 1) % corners.len()];
            if (a.1 <= y) != (b.1 <= y) {
                crossings.push(a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0));
            }
        }
        crossings.sort_by(f32::total_cmp);
        let row = &mut ink[line / LINES * size..][..size];
        for inside in crossings.chunks_exact(2) {
            for column in span(inside[0], inside[1], size) {
                let left = inside[0].max(column as f32);
                let right = inside[1].min(column as f32 + 1.0);
                row[column] += (right - left).max(0.0) / LINES as f32;
            }
        }
    }
}
