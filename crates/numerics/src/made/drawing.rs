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
    /// Divisor of the logarithm of every probability; 0 = always the likeliest level.
    pub temperature: f64,
    /// Pixels that are given; they must come first in the ordering.
    pub evidence: Option<Evidence<'a>>,
    /// Class of each image [n_images], for a model that is told the class.
    pub classes: Option<&'a [u16]>,
}

impl Drawing<'_> {
    /// The model itself, with nothing given.
    pub fn new(seed: Seed) -> Self {
        Self { seed, temperature: 1.0, evidence: None, classes: None }
    }
}

/// Given pixels of some images, the same ones in each.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Images [n_images x D], by pixel, of which the given pixels are read.
    pub images: &'a Images,
    /// Flag of each pixel [D]: true if it is given.
    pub given: &'a [bool],
}

/// Uniforms that draw the image with index `image` [dim], by position.
pub(super) fn uniforms(seed: Seed, image: usize, dim: usize) -> Vec<f32> {
    let mut uniforms = vec![0.0; dim];
    seed.stream(Purpose::Sample, image as u64).fill_uniform(&mut uniforms);
    uniforms
}
