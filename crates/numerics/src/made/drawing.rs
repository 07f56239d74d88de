//! Options of sampling, and the random numbers of each image: shared by the sampler of a batch and
//! the sampler that evaluates whole images.

use crate::data::{Images, Row};
use crate::made::output::Distribution;
use crate::rng::{Purpose, Seed};

/// Options of sampling.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    /// Seed of the uniforms. Each image has a stream of its own, so that more images never change
    /// the first ones.
    pub seed: Seed,
    /// Divisor of the logarithm of every probability or density; 0 = always the likeliest level, or
    /// the mode. The power of a mixture of densities is no mixture: its components are divided as if
    /// they did not overlap.
    pub temperature: f64,
    /// Pixels that are given; they must come first in the ordering.
    pub evidence: Option<Evidence<'a>>,
    /// Class of each image [n_images], for a model that is told the class.
    pub classes: Option<&'a [u16]>,
    /// True if the probabilities with which values are drawn are wanted, too.
    pub scored: bool,
}

impl Drawing<'_> {
    /// The model itself, with nothing given.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            temperature: 1.0,
            evidence: None,
            classes: None,
            scored: false,
        }
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

/// Uniforms that draw the image with index `image` [dim], by position; for a density, those that
/// choose the component behind them [dim + dim].
pub(super) fn uniforms(
    seed: Seed,
    image: usize,
    dim: usize,
    distribution: Distribution,
) -> Vec<f32> {
    // One uniform has 24 bits: divided among components, few would be left to a rare one.
    let per_position = if distribution.levels().is_some() { 1 } else { 2 };
    let mut uniforms = vec![0.0; per_position * dim];
    seed.stream(Purpose::Sample, image as u64).fill_uniform(&mut uniforms);
    uniforms
}

/// Type of the values that a sampler writes: levels of one byte, or real numbers.
pub(super) trait DrawnValue: Copy + Default + Send {
    /// Converts a value from the sampler's vectors.
    fn of(value: f32) -> Self;

    /// Wraps `count * dim` values.
    fn images(values: Vec<Self>, dim: usize) -> Images;
}

impl DrawnValue for u8 {
    fn of(level: f32) -> Self {
        level as Self
    }

    fn images(levels: Vec<Self>, dim: usize) -> Images {
        Images::new(levels, dim)
    }
}

impl DrawnValue for f32 {
    fn of(value: f32) -> Self {
        value
    }

    fn images(values: Vec<Self>, dim: usize) -> Images {
        Images::real(values, dim)
    }
}

impl Evidence<'_> {
    /// Value of a pixel of image `image`.
    pub(super) fn value(self, image: usize, pixel: u32) -> f32 {
        match self.images.values(image) {
            Row::Levels(levels) => f32::from(levels[pixel as usize]),
            Row::Real(values) => values[pixel as usize],
        }
    }
}
