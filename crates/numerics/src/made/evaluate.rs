//! Scoring: exact negative log-likelihoods, in nats per image.
//!
//! Three different models can be meant by "K masks":
//!
//! ```text
//! single     -log p_k(x)                                            one mask
//! mixture    log K - log sum_k exp(log p_k(x))                      mean of the joint probabilities
//! averaged   -sum_d log [ (1/K) sum_k p_k(x_d | x_<d) ]             mean of the conditionals, pixel by pixel
//! ```
//!
//! The last is a distribution only if all masks share one ordering. Averaging logits is none at
//! all.

use std::ops::Range;

use crate::data::Images;
use crate::made::Activation;
use crate::made::kernels::elementwise::sigmoid;
use crate::made::kernels::lanes::Lane;
use crate::made::kernels::team::Team;
use crate::made::kernels::vectorized::vectorized;
use crate::made::masks::MaskSet;
use crate::made::model::Made;
use crate::made::network::Weights;
use crate::made::staircase::Staircase;
use crate::made::workspace::Workspace;

/// Images a pass: as many as stay in a near cache. No number depends on how many are scored
/// together.
const CHUNK: usize = 128;

/// Negative log-likelihood of each image under one mask, nats.
pub fn single(made: &Made, team: &Team, masks: &MaskSet, images: &Images) -> Vec<f64> {
    Scorer::new(made, masks).nll(team, images)
}

/// Negative log-likelihood of each image under the mixture of `K` masks, from its values under
/// each, nats: log K - logsumexp of minus those values. All of `nlls` have one length.
pub fn mixture(nlls: &[Vec<f64>]) -> Vec<f64> {
    let images = nlls.first().map_or(0, Vec::len);
    let combine = |i: usize| {
        let least = nlls.iter().map(|nll| nll[i]).fold(f64::INFINITY, f64::min);
        if !least.is_finite() {
            return least;
        }
        let sum: f64 = nlls.iter().map(|nll| (least - nll[i]).exp()).sum();
        least + (nlls.len() as f64).ln() - sum.ln()
    };
    (0..images).map(combine).collect()
}

/// Negative log-likelihood of each image when the conditionals of all `masks` are averaged at every
/// pixel, nats; `None` where the masks do not share one ordering, because then there is no common
/// next pixel.
pub fn averaged(made: &Made, team: &Team, masks: &[MaskSet], images: &Images) -> Option<Vec<f64>> {
    // So many at a time: a number a pixel takes memory.
    const PART: usize = 16 * CHUNK;
    let dim = images.dim();
    let mut nlls = Vec::with_capacity(images.count());
    for part in images.pixels().chunks(PART * dim) {
        let pixels = by_pixel(made, team, masks, &Images::new(part, dim))?;
        nlls.extend(
            pixels
                .chunks_exact(dim)
                .map(|nlls| nlls.iter().map(|&nll| f64::from(nll)).sum::<f64>()),
        );
    }
    Some(nlls)
}

/// Negative log-likelihood of every pixel given those before it, N x D by pixel, nats; of several
/// masks the mean of their conditionals. `None` where the masks do not share one ordering.
pub fn by_pixel(made: &Made, team: &Team, masks: &[MaskSet], images: &Images) -> Option<Vec<f32>> {
    let (first, rest) = masks.split_first()?;
    if rest.iter().any(|other| other.ordering() != first.ordering()) {
        return None;
    }
    let dim = images.dim();
    let mut nlls = vec![f32::INFINITY; images.count() * dim];
    for mask in masks {
        Scorer::new(made, mask).each_chunk(team, images, |space, range| {
            let rows = nlls[range.start * dim..range.end * dim].chunks_exact_mut(dim);
            for ((nlls, z), x) in rows.zip(space.logits()).zip(space.pixels()) {
                add_probability(nlls, z, x);
            }
        });
    }
    let log_count = (masks.len() as f32).ln();
    let mut by_pixel = vec![0.0; nlls.len()];
    for (by_pixel, by_position) in by_pixel.chunks_exact_mut(dim).zip(nlls.chunks_exact(dim)) {
        for (&pixel, &nll) in first.ordering().pixels().iter().zip(by_position) {
            by_pixel[pixel as usize] = nll + log_count;
        }
    }
    Some(by_pixel)
}

vectorized! {
    /// Adds to each probability, kept as its negative logarithm, that of a pixel under its logit:
    /// with `a` and `b` the negative logarithms of two numbers, that of their sum is min(a, b) -
    /// log(1 + exp(-|a - b|)).
    fn add_probability(nlls: &mut [f32], logits: &[f32], pixels: &[f32]) {
        for ((sum, &z), &x) in nlls.iter_mut().zip(logits).zip(pixels) {
            let nll = Activation::Softplus.apply(if x > 0.5 { -z } else { z });
            *sum = sum.min(nll) - Activation::Softplus.apply(-(*sum - nll).abs());
        }
    }
}

/// One-pass conditional probabilities p(x_d = 1 | x_<d) of each image, N x D by pixel: the
/// teacher-forced reconstruction.
pub fn conditionals(made: &Made, team: &Team, masks: &MaskSet, images: &Images) -> Vec<f32> {
    let dim = images.dim();
    let mut out = vec![0.0; images.count() * dim];
    Scorer::new(made, masks).each_chunk(team, images, |space, range| {
        let rows = out[range.start * dim..range.end * dim].chunks_exact_mut(dim);
        for (row, z) in rows.zip(space.logits()) {
            for (&pixel, &z) in masks.ordering().pixels().iter().zip(z) {
                row[pixel as usize] = sigmoid(z);
            }
        }
    });
    out
}

/// Mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// One mask of a model and the weights under it, to score images with: made once, and refreshed
/// when the weights have changed.
#[derive(Debug)]
pub struct Scorer<'a> {
    made: &'a Made,
    staircase: Staircase,
    weights: Vec<Lane>,
    space: Workspace,
}

impl<'a> Scorer<'a> {
    /// For a mask of `made` and its weights as they are.
    pub fn new(made: &'a Made, masks: &MaskSet) -> Self {
        let staircase = made.staircase(masks);
        let (weights, space) =
            (made.lanes(&staircase), Workspace::new(&made.network().layout, CHUNK));
        Self { made, staircase, weights, space }
    }

    /// Takes the weights anew.
    pub fn refresh(&mut self) {
        self.made.load(&self.staircase, &mut self.weights);
    }

    /// Negative log-likelihood of each image, nats.
    pub fn nll(&mut self, team: &Team, images: &Images) -> Vec<f64> {
        let mut out = vec![0.0; images.count()];
        self.each_chunk(team, images, |space, range| space.nll(&mut out[range]));
        out
    }

    /// Runs the network over all images, chunk by chunk, and hands each chunk's workspace on.
    fn each_chunk(
        &mut self,
        team: &Team,
        images: &Images,
        mut use_chunk: impl FnMut(&mut Workspace, Range<usize>),
    ) {
        let Self { made, staircase, weights, space } = self;
        for start in (0..images.count()).step_by(CHUNK).take_while(|_| !team.stopped()) {
            let range = start..images.count().min(start + CHUNK);
            space.load(range.clone().map(|i| images.row(i)), staircase);
            made.network().forward(team, Weights::Sorted(weights), staircase, space);
            use_chunk(space, range);
        }
    }
}
