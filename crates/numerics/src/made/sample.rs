//! Exact sampling at the cost of one forward pass.
//!
//! A full pass per pixel would cost D passes per image. But the degree of a hidden unit says after
//! which pixel its activation is final, so that each unit and each output is computed once (see
//! `incremental`): a whole image takes the multiply-adds of one masked forward pass, at any depth.
//!
//! Several masks define two models to sample from, as they define two to score (see `evaluate`):
//! their conditionals averaged at every pixel, or their mixture, with one mask chosen per image.

use crate::data::{Example, Images};
pub use crate::made::drawing::{Drawing, Evidence};
use crate::made::drawing::{DrawnValue, uniforms};
use crate::made::evaluate::nll_per_pixel;
use crate::made::incremental::{BATCH, DrawnBatch, PartialPass, draw_batch};
use crate::made::kernels::simd::{F32x16, LANES};
use crate::made::masks::MaskSet;
use crate::made::model::Made;
use crate::made::network::PassWeights;
use crate::made::sorted_masks::SortedMasks;
use crate::made::workspace::Workspace;
use crate::parallel::ThreadPool;
use crate::rng::Purpose;

/// Reason why images cannot be sampled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SampleError {
    /// Masks of several orderings have no common next pixel.
    #[error(
        "masks of different orderings cannot be averaged pixel by pixel: they have no common next pixel"
    )]
    Orderings,
    /// The ordering cannot condition on the evidence.
    #[error(
        "the model cannot condition on pixel {pixel}: its ordering draws pixel {missing}, which is not given, before it"
    )]
    Evidence {
        /// An observed pixel.
        pixel: usize,
        /// A pixel before it in the ordering that is not observed.
        missing: usize,
    },
}

/// Sampled images with the probability of each pixel, or the density of each real number.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Images [n_images x D], by pixel.
    pub images: Images,
    /// Probabilities with which the levels were drawn, or densities at the real numbers [n_images x
    /// D], by pixel; 1 where they were given or, at temperature zero, not drawn. Empty unless asked
    /// for ([`Drawing::scored`]).
    pub probabilities: Vec<f32>,
}

/// The same as arrays.
struct DrawnArrays<T> {
    images: Vec<T>,
    probabilities: Vec<f32>,
}

impl<T: DrawnValue> DrawnArrays<T> {
    fn new(len: usize, drawing: Drawing) -> Self {
        let scored = if drawing.scored { len } else { 0 };
        Self {
            images: vec![T::default(); len],
            probabilities: vec![0.0; scored],
        }
    }

    fn wrapped(self, dim: usize) -> Drawn {
        Drawn {
            images: T::images(self.images, dim),
            probabilities: self.probabilities,
        }
    }
}

/// Calls a function of this module for the type of a model's values.
macro_rules! by_type {
    ($made:expr, $function:ident($($argument:expr),*)) => {
        match $made.network().layout.distribution.levels() {
            Some(_) => $function::<u8>($($argument),*),
            None => $function::<f32>($($argument),*),
        }
    };
}

/// Samples `count` images from the model under `masks`: one mask, or several of one ordering, whose
/// conditionals are averaged.
pub fn draw(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    count: usize,
    drawing: Drawing,
) -> Result<Drawn, SampleError> {
    let (dim, numbers) = (masks[0].ordering().dim(), (0..count).collect::<Vec<_>>());
    by_type!(made, draw_wrapped(made, pool, masks, &numbers, drawing, dim))
}

fn draw_wrapped<T: DrawnValue>(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    numbers: &[usize],
    drawing: Drawing,
    dim: usize,
) -> Result<Drawn, SampleError> {
    Ok(draw_numbers::<T>(made, pool, masks, numbers, drawing)?.wrapped(dim))
}

/// Samples `count` images from the mixture of `masks`: each image is drawn under one mask, chosen
/// uniformly or, given evidence, in proportion to the probability of the evidence under it.
pub fn draw_mixture(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    count: usize,
    drawing: Drawing,
) -> Result<Drawn, SampleError> {
    let picked = pick(made, pool, masks, count, drawing);
    by_type!(made, draw_picked(made, pool, masks, &picked, drawing))
}

/// Samples images, each under the mask with the index in `picked` [n_images].
fn draw_picked<T: DrawnValue>(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    picked: &[usize],
    drawing: Drawing,
) -> Result<Drawn, SampleError> {
    let dim = masks[0].ordering().dim();
    let mut all = DrawnArrays::<T>::new(picked.len() * dim, drawing);
    for (k, mask) in masks.iter().enumerate() {
        let numbers: Vec<usize> = (0..picked.len()).filter(|&i| picked[i] == k).collect();
        let part = draw_numbers::<T>(made, pool, std::slice::from_ref(mask), &numbers, drawing)?;
        for (i, image) in numbers.iter().zip(part.images.chunks(dim)) {
            all.images[i * dim..][..dim].copy_from_slice(image);
        }
        for (i, own) in numbers.iter().zip(part.probabilities.chunks(dim)) {
            all.probabilities[i * dim..][..dim].copy_from_slice(own);
        }
    }
    Ok(all.wrapped(dim))
}

/// Index of the mask that draws each image of a mixture [count].
fn pick(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    count: usize,
    drawing: Drawing,
) -> Vec<usize> {
    // -log p of the evidence, nats [n_masks x count].
    let evident: Option<Vec<Vec<f64>>> = drawing.evidence.map(|evidence| {
        masks
            .iter()
            .map(|mask| known_nll(made, pool, std::slice::from_ref(mask), evidence))
            .collect()
    });
    let choose = |i: usize| {
        let u = drawing.seed.stream(Purpose::Component, i as u64).uniform();
        let Some(nlls) = &evident else { return (u * masks.len() as f64) as usize };
        let least = nlls.iter().map(|nll| nll[i]).fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = nlls.iter().map(|nll| (least - nll[i]).exp()).collect();
        let mut left = u * weights.iter().sum::<f64>();
        let passed = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        passed.unwrap_or(masks.len() - 1)
    };
    (0..count).map(choose).collect()
}

/// -log p of the given pixels of each image, which come first in the ordering, nats [n_images];
/// with several masks under the mean of their conditionals.
pub fn known_nll(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    evidence: Evidence,
) -> Vec<f64> {
    let nlls = nll_per_pixel(made, pool, masks, evidence.images).unwrap_or_default();
    let sum = |nlls: &[f32]| {
        let given = nlls.iter().zip(evidence.given).filter(|(_, given)| **given);
        given.map(|(nll, _)| f64::from(*nll)).sum()
    };
    nlls.chunks(evidence.images.dim()).map(sum).collect()
}

/// Samples the images with these indices.
fn draw_numbers<T: DrawnValue>(
    made: &Made,
    pool: &ThreadPool,
    masks: &[MaskSet],
    numbers: &[usize],
    drawing: Drawing,
) -> Result<DrawnArrays<T>, SampleError> {
    let ordering = masks[0].ordering();
    if masks.iter().any(|mask| mask.ordering() != ordering) {
        return Err(SampleError::Orderings);
    }
    if let Some(evidence) = drawing.evidence {
        check_evidence(evidence.given, ordering.pixels())?;
    }
    let (dim, network) = (ordering.dim(), made.network());
    let sorted_masks: Vec<SortedMasks> = masks.iter().map(|mask| made.sort_masks(mask)).collect();
    let mut drawn = DrawnArrays::<T>::new(numbers.len() * dim, drawing);
    let mut draw = |params: &[&[f32]]| {
        let mut probabilities = drawn.probabilities.chunks_mut(BATCH * dim);
        let parts = (drawn.images.chunks_mut(BATCH * dim))
            .map(|images| (images, probabilities.next().unwrap_or_default()))
            .zip(numbers.chunks(BATCH));
        pool.for_each(parts, |((images, probabilities), numbers)| {
            if pool.is_cancelled() {
                return;
            }
            let passes = sorted_masks
                .iter()
                .zip(params)
                .map(|(masks, params)| PartialPass::new(network, masks, params));
            draw_batch(
                &mut passes.collect::<Vec<_>>(),
                ordering.pixels(),
                numbers,
                drawing,
                DrawnBatch { images, probabilities },
            );
        });
    };
    if let [masks] = &sorted_masks[..] {
        made.with_sorted_parameters(masks, |params| draw(&[params]));
    } else {
        let params: Vec<Vec<f32>> = sorted_masks
            .iter()
            .map(|masks| made.with_sorted_parameters(masks, <[f32]>::to_vec))
            .collect();
        draw(&params.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    Ok(drawn)
}

/// Samples with a full forward pass per pixel, visiting pixels in this order. With the ordering of
/// the mask it is the reference of [`draw`]; with the inverse permutation, a mistake seen in
/// published code, it is a negative control.
pub fn draw_one_by_one(
    made: &Made,
    pool: &ThreadPool,
    mask: &MaskSet,
    order: &[u32],
    count: usize,
    drawing: Drawing,
) -> Drawn {
    by_type!(made, draw_values_one_by_one(made, pool, mask, order, count, drawing))
}

fn draw_values_one_by_one<T: DrawnValue>(
    made: &Made,
    pool: &ThreadPool,
    mask: &MaskSet,
    order: &[u32],
    count: usize,
    drawing: Drawing,
) -> Drawn
where
    for<'a> &'a [T]: Into<Example<'a>>,
{
    let dim = order.len();
    let network = made.network();
    let sorted = made.sort_masks(mask);
    let positions = mask.ordering().positions();
    let (distribution, p) = (network.layout.distribution, network.layout.distribution.parameters());
    let uniforms: Vec<Vec<f32>> =
        (0..count).map(|i| uniforms(drawing.seed, i, dim, distribution)).collect();
    let mut drawn = DrawnArrays::<T>::new(count * dim, drawing);
    let mut workspace = Workspace::for_scoring(&network.layout, count);
    let weights = made.packed_weights(&sorted);
    for (step, &pixel) in order.iter().enumerate().take_while(|_| !pool.is_cancelled()) {
        let classes = (0..count).map(|i| drawing.classes.map(|classes| classes[i]));
        let examples = drawn.images.chunks_exact(dim).zip(classes);
        let examples = examples.map(|(values, class)| Example { class, ..values.into() });
        workspace.load(examples, &sorted);
        network.forward(pool, PassWeights::Sorted(&weights), &sorted, &mut workspace);
        let column = positions[pixel as usize] as usize * p;
        let logits: Vec<&[f32]> = workspace.logits().map(|z| &z[column..column + p]).collect();
        for (first, z) in (0..count).step_by(LANES).zip(logits.chunks(LANES)) {
            let lanes = |value: &dyn Fn(usize) -> f32| {
                let mut lanes = F32x16::default();
                (0..z.len()).for_each(|i| lanes.0[i] = value(i));
                lanes
            };
            let parameters: Vec<F32x16> = (0..p).map(|k| lanes(&|i| z[i][k])).collect();
            // The second uniform chooses a component; levels are drawn by the first.
            let [uniform, choosing] = [step, dim + step]
                .map(|at| [lanes(&|i| uniforms[first + i].get(at).copied().unwrap_or_default())]);
            let uniforms = [&uniform[..], &choosing[..]];
            let (mut values, mut own) = ([F32x16::default()], [F32x16::default()]);
            distribution.draw(
                &parameters,
                uniforms,
                drawing.temperature,
                &mut values,
                Some(&mut own),
            );
            for i in 0..z.len() {
                let at = (first + i) * dim + pixel as usize;
                drawn.images[at] = T::of(values[0].0[i]);
                drawn.probabilities.get_mut(at).into_iter().for_each(|p| *p = own[0].0[i]);
            }
        }
    }
    drawn.wrapped(dim)
}

/// Error unless the given pixels come first in the ordering.
fn check_evidence(given: &[bool], order: &[u32]) -> Result<(), SampleError> {
    let is_given = |pixel: &&u32| given[**pixel as usize];
    let mut rest = order.iter().skip_while(is_given);
    let missing = rest.next();
    match (missing, rest.find(is_given)) {
        (Some(&missing), Some(&pixel)) => {
            Err(SampleError::Evidence { pixel: pixel as usize, missing: missing as usize })
        }
        _ => Ok(()),
    }
}
