//! Options of sampling, and the random numbers of each image: shared by the sampler of a batch and
//! the sampler that evaluates whole images.

use crate::data::Images;
use crate::rng::{Purpose, Seed};

/// Options of sampling.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    /// Seed of the uniforms. Each image has a stream of its own, so that more images never change
    /// the first ones.
    pub seed: Seed,
    /// Divisor of every logit; 0 = always the more likely value.
    pub temperature: f64,
    /// Observed pixels [n_images x D], by pixel: 0, 1, or [`UNKNOWN`] to be drawn. The observed
    /// ones must come first in the ordering.
    pub evidence: Option<&'a Images>,
}

/// Value of an unobserved pixel in the evidence.
pub const UNKNOWN: u8 = 255;

/// Uniforms that draw the image with index `image` [dim], by position.
pub(super) fn uniforms(seed: Seed, image: usize, dim: usize) -> Vec<f32> {
    let mut uniforms = vec![0.0; dim];
    seed.stream(Purpose::Sample, image as u64).fill_uniform(&mut uniforms);
    uniforms
}
