//! Noise of simulated runs: mean 0, and the same distributions in every benchmark of error rates.

use ablade::rng::Stream;

/// A distribution of the value of a run.
pub(crate) type Draw = fn(&mut Stream) -> f64;

/// Standard normal.
pub(crate) fn normal(noise: &mut Stream) -> f64 {
    noise.normal()
}

/// Exponential, less its mean.
pub(crate) fn exponential(noise: &mut Stream) -> f64 {
    -(1.0 - noise.uniform()).ln() - 1.0
}

/// Student's t with three degrees of freedom.
pub(crate) fn student(noise: &mut Stream) -> f64 {
    let chi = (0..3).map(|_| noise.normal().powi(2)).sum::<f64>();
    noise.normal() / (chi / 3.0).sqrt()
}
