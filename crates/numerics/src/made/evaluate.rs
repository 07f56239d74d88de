//! Scoring: exact negative log-likelihoods, nats per image.
//!
//! "K masks" can mean three different models:
//!
//! ```text
//! single mask             -log p_k(x)
//! mixture                 log K - log sum_k exp(log p_k(x))              mean of the joint probabilities
//! averaged conditionals   -sum_d log [ (1/K) sum_k p_k(x_d | x_<d) ]     mean of the conditionals of each pixel
//! ```
//!
//! The last is a distribution only if all masks share one ordering. An average of logits is not one
//! at all.

use std::ops::Range;

use crate::data::{Example, Images};
use crate::made::Activation;
use crate::made::kernels::level::vectorized;
use crate::made::kernels::simd::F32x16;
use crate::made::masks::MaskSet;
use crate::made::model::Made;
use crate::made::network::PassWeights;
use crate::made::output::Distribution;
use crate::made::sorted_masks::SortedMasks;
use crate::made::workspace::Workspace;
use crate::parallel::ThreadPool;

/// Images of one pass: as many as stay in the second-level cache. Results do not depend on it.
const CHUNK: usize = 128;

/// Negative log-likelihood of each image under one mask, nats [n_images].
pub fn nll_single_mask(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
) -> Vec<f64> {
    Scorer::new(made, masks).nll(pool, images)
}

/// Negative log-likelihood of each image under the mixture of K masks, nats [n_images], from those
/// under each mask, `nlls` [K x n_images]: log K - logsumexp(-nlls).
pub fn nll_mixture(nlls: &[Vec<f64>]) -> Vec<f64> {
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

/// Negative log-likelihood of each image with the conditionals of all `masks` averaged at every
/// pixel, nats [n_images]. `None` if the masks do not share one ordering: they have no common next
/// pixel.
pub fn nll_averaged_conditionals(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    images: &Images,
) -> Option<Vec<f64>> {
    // Images at a time: the values of all pixels would need much memory.
    const PART: usize = 16 * CHUNK;
    let dim = images.dim();
    let mut nlls = Vec::with_capacity(images.count());
    for start in (0..images.count()).step_by(PART) {
        let part = images.selected(start..images.count().min(start + PART));
        let pixels = nll_per_pixel(made, pool, masks, &part)?;
        nlls.extend(
            pixels
                .chunks_exact(dim)
                .map(|nlls| nlls.iter().map(|&nll| f64::from(nll)).sum::<f64>()),
        );
    }
    Some(nlls)
}

/// Negative log-likelihood of every pixel given those before it, nats [n_images x D], by pixel;
/// with several masks under the mean of their conditionals. `None` if they do not share one
/// ordering.
pub fn nll_per_pixel(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    images: &Images,
) -> Option<Vec<f32>> {
    let (first, rest) = masks.split_first()?;
    if rest.iter().any(|other| other.ordering() != first.ordering()) {
        return None;
    }
    let dim = images.dim();
    let mut nlls = vec![f32::INFINITY; images.count() * dim];
    let distribution = made.network().layout.distribution;
    let mut own = vec![0.0; dim];
    for mask in masks {
        Scorer::new(made, mask).for_each_chunk(pool, images, None, |workspace, range| {
            let rows = nlls[range.start * dim..range.end * dim].chunks_exact_mut(dim);
            for ((nlls, z), x) in rows.zip(workspace.logits()).zip(workspace.values()) {
                distribution.nll_per_pixel(z, x, &mut own);
                add_probability(nlls, &own);
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
    /// Adds probabilities to others; both are given as negative logarithms: if `a` and `b` are those
    /// of two values, that of their sum is min(a, b) - log(1 + exp(-|a - b|)).
    fn add_probability(nlls: &mut [f32], others: &[f32]) {
        for (sum, &nll) in nlls.iter_mut().zip(others) {
            *sum = sum.min(nll) - Activation::Softplus.apply(-(*sum - nll).abs());
        }
    }
}

/// Mean of each pixel given those before it, from 0 (black) to 1 (white), or of each real number, in
/// one pass [n_images x D], by pixel: the teacher-forced reconstruction. For 0/1 pixels it is the
/// probability of 1.
pub fn conditional_means(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
) -> Vec<f32> {
    of_each_value(made, pool, masks, images, 1, |distribution, z, _, means| {
        distribution.means(z, means);
    })
}

/// Probability integral transform of each real number, P(X_d <= x_d) given those before it
/// [n_images x D], by dimension: uniform on [0, 1] if the model is right. Zeros for a model of
/// levels, which has no density.
pub fn integral_transforms(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
) -> Vec<f32> {
    of_each_value(made, pool, masks, images, 1, Distribution::cdf)
}

/// Calls `work` with the distribution, parameters and values of each image, by position, and returns
/// what it writes, `width` numbers for each value [n_images x D x width], by pixel.
fn of_each_value(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
    width: usize,
    work: impl Fn(Distribution, &[f32], &[f32], &mut [f32]),
) -> Vec<f32> {
    let len = images.dim() * width;
    let mut out = vec![0.0; images.count() * len];
    let distribution = made.network().layout.distribution;
    let mut own = vec![0.0; len];
    Scorer::new(made, masks).for_each_chunk(pool, images, None, |workspace, range| {
        let rows = out[range.start * len..range.end * len].chunks_exact_mut(len);
        for ((row, z), x) in rows.zip(workspace.logits()).zip(workspace.values()) {
            work(distribution, z, x, &mut own);
            let pixels = masks.ordering().pixels().iter();
            for (&pixel, own) in pixels.zip(own.chunks_exact(width)) {
                row[pixel as usize * width..][..width].copy_from_slice(own);
            }
        }
    });
    out
}

/// Share of the densities of all numbers of some vectors, each given the numbers before it, that
/// have a component of a weight above 1 % which is as narrow as it can be: more than half of its
/// standard deviation is [`MIN_DEVIATION`](crate::made::output::MIN_DEVIATION). Such a component is
/// on a value that the data repeat, and its likelihood depends on that constant. Zero for a model of
/// levels.
pub fn share_at_smallest_scale(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
) -> f64 {
    let distribution = made.network().layout.distribution;
    let mut count = 0.0;
    Scorer::new(made, masks).for_each_chunk(pool, images, None, |workspace, _| {
        count += workspace.logits().map(|z| distribution.count_at_smallest_scale(z)).sum::<f64>();
    });
    count / (images.count() * images.dim()).max(1) as f64
}

/// Probability of every level of each pixel given those before it, in one pass [n_images x D x
/// n_levels], by pixel; `None` for a density of real numbers.
pub fn level_probabilities(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
) -> Option<Vec<f32>> {
    let levels = made.network().layout.distribution.levels()?;
    Some(of_each_value(made, pool, masks, images, levels, |distribution, z, _, own| {
        distribution.probabilities(z, own);
    }))
}

/// Predicted probabilities of an event, and how often it happened.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reliability {
    /// Sum of the predicted probabilities.
    pub predicted: f64,
    /// Number of times that it happened.
    pub happened: f64,
    /// Number of predictions.
    pub count: f64,
}

impl Reliability {
    /// Adds a prediction.
    pub fn add(&mut self, probability: f32, happens: bool) {
        self.predicted += f64::from(probability);
        self.happened += f64::from(u8::from(happens));
        self.count += 1.0;
    }

    /// Mean predicted probability and share of the times that it happened, if there are predictions.
    pub fn means(&self) -> Option<(f64, f64)> {
        (self.count > 0.0).then(|| (self.predicted / self.count, self.happened / self.count))
    }
}

/// Number of bins of predicted probabilities, of equal width.
pub const BINS: usize = 10;

/// Predicted probabilities of the levels of pixels, and which levels the pixels have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    /// By level [n_levels].
    pub levels: Vec<Reliability>,
    /// Of all levels, by predicted probability.
    pub bins: [Reliability; BINS],
}

impl Calibration {
    /// Adds a prediction to the bins.
    pub fn add_to_bin(&mut self, probability: f32, happens: bool) {
        let bin = (probability * BINS as f32) as usize;
        self.bins[bin.min(BINS - 1)].add(probability, happens);
    }
}

/// Calibration of the probabilities of every level of every pixel, given those before it; `None` for
/// a density (see [`integral_transforms`]).
pub fn calibration(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
) -> Option<Calibration> {
    let distribution = made.network().layout.distribution;
    let levels = distribution.levels()?;
    let mut found = Calibration {
        levels: vec![Reliability::default(); levels],
        ..Calibration::default()
    };
    let mut probabilities = vec![0.0; images.dim() * levels];
    Scorer::new(made, masks).for_each_chunk(pool, images, None, |workspace, _| {
        for (z, x) in workspace.logits().zip(workspace.values()) {
            distribution.probabilities(z, &mut probabilities);
            for (of_levels, &x) in probabilities.chunks_exact(levels).zip(x) {
                for (level, &probability) in of_levels.iter().enumerate() {
                    let is_own = x == level as f32;
                    found.levels[level].add(probability, is_own);
                    found.add_to_bin(probability, is_own);
                }
            }
        }
    });
    Some(found)
}

/// Likelihoods of images given each of the classes, and the classes that they make likely.
#[derive(Debug, Clone, PartialEq)]
pub struct ByClass {
    /// Negative log-likelihood of each image without its class, nats [n_images]: that of the mixture
    /// of the classes with their prior probabilities.
    pub nll_without: Vec<f64>,
    /// The likeliest class of each image, by Bayes' rule [n_images].
    pub likeliest: Vec<u16>,
}

impl ByClass {
    /// 1 for each image whose class is the likeliest, else 0 [n_images].
    pub fn is_right(&self, images: &Images) -> Vec<f64> {
        let of = |(i, &class)| f64::from(images.example(i).class == Some(class));
        self.likeliest.iter().enumerate().map(of).collect()
    }
}

/// Scores images given every class in turn, under one mask; `prior` has the probability of each
/// class.
pub fn by_class(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: &Images,
    prior: &[f64],
) -> ByClass {
    let mut scorer = Scorer::new(made, masks);
    // -log p(image, class), nats [n_classes x n_images].
    let joint: Vec<Vec<f64>> = (0..)
        .zip(prior)
        .map(|(class, prior)| {
            let nlls = scorer.nll_given(pool, images, Some(class));
            nlls.into_iter().map(|nll| nll - prior.ln()).collect()
        })
        .collect();
    let likeliest = |i: usize| {
        let classes = (0..).zip(&joint);
        classes.min_by(|a, b| a.1[i].total_cmp(&b.1[i])).map_or(0, |(class, _)| class)
    };
    let log_count = (prior.len() as f64).ln();
    ByClass {
        nll_without: nll_mixture(&joint).into_iter().map(|nll| nll - log_count).collect(),
        likeliest: (0..images.count()).map(likeliest).collect(),
    }
}

/// Mean; `None` for no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Scores images under one mask of a model. It is created once and refreshed when the weights have
/// changed.
#[derive(Debug)]
pub struct Scorer<'a> {
    made: &'a Made,
    masks: SortedMasks,
    weights: Vec<F32x16>,
    workspace: Workspace,
}

impl<'a> Scorer<'a> {
    /// A scorer for a mask of `made` and its present weights.
    pub fn new(made: &'a Made, masks: &MaskSet) -> Self {
        let masks = made.sort_masks(masks);
        let weights = made.packed_weights(&masks);
        let workspace = Workspace::for_scoring(&made.network().layout, CHUNK);
        Self { made, masks, weights, workspace }
    }

    /// Reads the weights again.
    pub fn refresh(&mut self) {
        self.made.pack_weights(&self.masks, &mut self.weights);
    }

    /// Negative log-likelihood of each image, nats [n_images]; given its class, for a model that is
    /// told the class.
    pub fn nll(&mut self, pool: &ThreadPool, images: &Images) -> Vec<f64> {
        self.nll_given(pool, images, None)
    }

    /// The same with all images in class `all_of`.
    fn nll_given(&mut self, pool: &ThreadPool, images: &Images, all_of: Option<u16>) -> Vec<f64> {
        let mut out = vec![0.0; images.count()];
        let score = |workspace: &mut Workspace, range: Range<usize>| workspace.nll(&mut out[range]);
        self.for_each_chunk(pool, images, all_of, score);
        out
    }

    /// Runs the network over all images, in class `all_of` or their own, chunk by chunk, and calls `use_chunk` with the workspace
    /// and the images of each.
    fn for_each_chunk(
        &mut self,
        pool: &ThreadPool,
        images: &Images,
        all_of: Option<u16>,
        mut use_chunk: impl FnMut(&mut Workspace, Range<usize>),
    ) {
        let Self { made, masks, weights, workspace } = self;
        for start in (0..images.count()).step_by(CHUNK).take_while(|_| !pool.is_cancelled()) {
            let range = start..images.count().min(start + CHUNK);
            let example = |i: usize| {
                let example = images.example(i);
                Example { class: all_of.or(example.class), ..example }
            };
            workspace.load(range.clone().map(example), masks);
            made.network().forward(pool, PassWeights::Sorted(weights), masks, workspace);
            use_chunk(workspace, range);
        }
    }
}
