//! Densities of two variables: known examples on which a model of real numbers can be looked at.
//!
//! As in all drawing, no operation but those that IEEE 754 rounds exactly: points of a circle come
//! from a square root, normal numbers from comparisons alone.

use std::f64::consts::TAU;

use crate::rng::Stream;

/// Standard deviation of the noise of every set, in the units of the coordinates.
const NOISE: f64 = 0.1;
/// Radii of the rings.
const RADII: [f64; 3] = [1.0, 2.0, 3.0];
/// Rows and columns of the grid, one apart, centred at the origin.
const SIDE: usize = 5;
/// Quarter turns of an arm of the spirals, and the growth of its radius in each.
const QUARTERS: (f64, f64) = (6.0, 0.5);

/// Names of the two moons.
pub(super) const MOONS: [&str; 2] = ["upper", "lower"];
/// Names of the rings.
pub(super) const RINGS: [&str; 3] = ["inner", "middle", "outer"];
/// Names of the arms of the spirals.
pub(super) const ARMS: [&str; 2] = ["first", "second"];

/// Names of the cells of the grid, row by row from the lowest.
pub(super) fn cells() -> Vec<String> {
    (0..SIDE * SIDE)
        .map(|i| format!("r{}c{}", i / SIDE + 1, i % SIDE + 1))
        .collect()
}

/// A point of one of two interleaved half circles.
pub(super) fn moon(stream: &mut Stream, label: usize) -> [f64; 2] {
    let [x, y] = direction(stream);
    let y = y.abs();
    noisy(stream, if label == 0 { [x, y] } else { [1.0 - x, 0.5 - y] })
}

/// A point of one of the concentric rings.
pub(super) fn ring(stream: &mut Stream, label: usize) -> [f64; 2] {
    let radius = RADII[label] + NOISE * normal(stream);
    direction(stream).map(|coordinate| radius * coordinate)
}

/// A point of one of two arms, opposite to each other.
pub(super) fn spiral(stream: &mut Stream, label: usize) -> [f64; 2] {
    // The root gives all parts of an arm nearly the same density.
    let turned = QUARTERS.0 * stream.uniform().sqrt();
    let (quarters, tangent) = (turned as u64, turned.fract());
    // The tangent of half the angle gives sine and cosine by division alone.
    let unit = 1.0 + tangent * tangent;
    let mut point = [(1.0 - tangent * tangent) / unit, 2.0 * tangent / unit];
    for _ in 0..quarters {
        point = [-point[1], point[0]];
    }
    let radius = QUARTERS.1 * turned * if label == 0 { 1.0 } else { -1.0 };
    noisy(stream, point.map(|coordinate| radius * coordinate))
}

/// A point of one of the normal distributions of the grid.
pub(super) fn cell(stream: &mut Stream, label: usize) -> [f64; 2] {
    noisy(stream, [centre(label % SIDE), centre(label / SIDE)])
}

fn centre(place: usize) -> f64 {
    place as f64 - (SIDE - 1) as f64 / 2.0
}

fn noisy(stream: &mut Stream, point: [f64; 2]) -> [f64; 2] {
    point.map(|coordinate| coordinate + NOISE * normal(stream))
}

/// A unit vector at any angle, equally likely.
fn direction(stream: &mut Stream) -> [f64; 2] {
    loop {
        let [x, y] = [2.0 * stream.uniform() - 1.0, 2.0 * stream.uniform() - 1.0];
        let square = x * x + y * y;
        if (1e-4..=1.0).contains(&square) {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
}

/// Standard normal, by comparisons of uniform numbers alone (Karney 2016, algorithm N).
fn normal(stream: &mut Stream) -> f64 {
    loop {
        // The whole part k has probability proportional to exp(-k / 2), then to exp(-k^2 / 2).
        let mut k = 0u32;
        while is_decayed(stream, 0.5) {
            k += 1;
        }
        if !(0..k * k.saturating_sub(1)).all(|_| is_decayed(stream, 0.5)) {
            continue;
        }
        let (x, k) = (stream.uniform(), f64::from(k));
        let share = x * (2.0 * k + x) / (2.0 * k + 2.0);
        if (0..=k as u32).all(|_| is_decayed(stream, share)) {
            return if stream.bits() & 1 == 0 { k + x } else { -(k + x) };
        }
    }
}

/// True with probability exp(-`rate`), of a rate in 0..=1 (von Neumann 1951): if a run of falling
/// numbers below the rate has an even length.
fn is_decayed(stream: &mut Stream, rate: f64) -> bool {
    let (mut last, mut is_even) = (rate, true);
    loop {
        let next = stream.uniform();
        if next >= last {
            return is_even;
        }
        (last, is_even) = (next, !is_even);
    }
}

/// Density of a normal distribution.
fn bell(value: f64, mean: f64) -> f64 {
    let z = (value - mean) / NOISE;
    (-0.5 * z * z).exp() / (NOISE * TAU.sqrt())
}

/// Density of one coordinate of the grid.
fn coordinate_of_grid(value: f64) -> f64 {
    (0..SIDE).map(|place| bell(value, centre(place))).sum::<f64>() / SIDE as f64
}

/// Density of the distance of a point of the rings from the origin.
fn radius_of_rings(radius: f64) -> f64 {
    // A negative radius is a positive one in the opposite direction.
    let of_ring = |ring: &f64| bell(radius, *ring) + bell(-radius, *ring);
    RADII.iter().map(of_ring).sum::<f64>() / RADII.len() as f64
}

/// Log density of the grid at a point [nats].
pub(super) fn log_density_of_grid([x, y]: [f64; 2]) -> f64 {
    coordinate_of_grid(x).ln() + coordinate_of_grid(y).ln()
}

/// Log density of the rings at a point [nats].
pub(super) fn log_density_of_rings([x, y]: [f64; 2]) -> f64 {
    let radius = x.hypot(y);
    radius_of_rings(radius).ln() - (TAU * radius).ln()
}

/// Entropy of the grid [nats]: its coordinates are independent.
pub(super) fn entropy_of_grid() -> f64 {
    2.0 * mean_over(-3.0, coordinate_of_grid, |x| -coordinate_of_grid(x).ln())
}

/// Entropy of the rings [nats].
pub(super) fn entropy_of_rings() -> f64 {
    mean_over(0.0, radius_of_rings, |radius| {
        (TAU * radius).ln() - radius_of_rings(radius).ln()
    })
}

/// Mean of `f` under a density that is negligible below `from` and above `from` + 6, by the trapezoid
/// rule, which is exact to rounding for such functions.
fn mean_over(from: f64, density: impl Fn(f64) -> f64, f: impl Fn(f64) -> f64) -> f64 {
    const STEPS: u32 = 6000;
    let step = 6.0 / f64::from(STEPS);
    let at = |i: u32| {
        let x = from + step * f64::from(i);
        let p = density(x);
        if p > 0.0 { p * f(x) } else { 0.0 }
    };
    (1..STEPS).map(at).sum::<f64>() * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn normals_have_the_moments_and_tails_of_the_normal_distribution() {
        let stream = &mut Seed(3).stream(Purpose::Data, 0);
        let n = 200_000;
        let values: Vec<f64> = (0..n).map(|_| normal(stream)).collect();
        let moment = |power: i32| values.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(n);
        // Four standard errors each: variances 1, 2, 15 and 96.
        for (power, expected, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0f64)]
        {
            let error = 4.0 * (variance / f64::from(n)).sqrt();
            assert!((moment(power) - expected).abs() < error, "{power}: {}", moment(power));
        }
        for (beyond, share) in
            [(0.5, 0.617_075), (1.0, 0.317_311), (2.0, 0.045_500), (3.0, 0.002_700)]
        {
            let found = values.iter().filter(|x| x.abs() > beyond).count() as f64 / f64::from(n);
            let error = 4.0 * (share * (1.0 - share) / f64::from(n)).sqrt();
            assert!((found - share).abs() < error, "{beyond}: {found}");
        }
    }

    #[test]
    fn densities_integrate_to_one_and_their_mean_log_is_the_entropy() {
        for (name, log_density, entropy, draw) in [
            (
                "grid",
                log_density_of_grid as fn([f64; 2]) -> f64,
                entropy_of_grid(),
                cell as fn(&mut Stream, usize) -> [f64; 2],
            ),
            ("rings", log_density_of_rings, entropy_of_rings(), ring),
        ] {
            let classes = if name == "grid" { SIDE * SIDE } else { RADII.len() };
            let step = 0.02;
            let cells = 400;
            let place = |i: i32| (f64::from(i) - f64::from(cells) / 2.0 + 0.5) * step;
            let sum: f64 = (0..cells)
                .flat_map(|i| (0..cells).map(move |j| [place(i), place(j)]))
                .map(|point| log_density(point).exp() * step * step)
                .sum();
            assert!((sum - 1.0).abs() < 1e-6, "{name}: {sum}");
            let stream = &mut Seed(1).stream(Purpose::Data, 1);
            let n = 20_000;
            let logs: Vec<f64> = (0..n).map(|i| -log_density(draw(stream, i % classes))).collect();
            let mean = logs.iter().sum::<f64>() / n as f64;
            let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / n as f64;
            let error = 4.0 * (variance / n as f64).sqrt();
            assert!((mean - entropy).abs() < error, "{name}: {mean} and {entropy} +- {error}");
            // Points of another density have another mean.
            let others = (0..n).map(|i| -log_density(moon(stream, i % 2))).sum::<f64>() / n as f64;
            assert!((others - entropy).abs() > 10.0 * error, "{name}: {others}");
        }
        // Cells that hardly overlap.
        let separate = 2.0 * ((SIDE as f64).ln() + 0.5 * (TAU * 1f64.exp()).ln() + NOISE.ln());
        assert!((entropy_of_grid() - separate).abs() < 1e-4, "{}", entropy_of_grid());
    }
}
