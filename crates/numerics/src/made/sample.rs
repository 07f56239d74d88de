//! Exact sampling at the cost of one forward pass.
//!
//! Drawing an image with a full pass a pixel costs D of them. It need not: degrees say when each
//! hidden unit is final, so each is computed once, and each output once (see `incremental`): the
//! multiply-adds of one masked forward pass for a whole image, whatever the depth.
//!
//! Of several masks two models can be drawn from, as two can be scored (see `evaluate`): their
//! conditionals averaged at every pixel, or their mixture, where a mask is picked for each image.

use crate::data::Images;
use crate::made::evaluate::by_pixel;
use crate::made::incremental::{BATCH, State, Target, batch, probability};
use crate::made::kernels::team::Team;
use crate::made::masks::MaskSet;
use crate::made::model::Made;
use crate::made::network::Weights;
use crate::made::staircase::Staircase;
use crate::made::workspace::Workspace;
use crate::rng::{Purpose, Seed};

/// Why images cannot be drawn.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SampleError {
    /// Masks of several orderings have no common next pixel.
    #[error(
        "masks of different orderings cannot be averaged pixel by pixel: they have no common next pixel"
    )]
    Orderings,
    /// Evidence that the ordering cannot condition on.
    #[error(
        "the model cannot condition on pixel {pixel}: its ordering draws pixel {missing}, which is not given, before it"
    )]
    Evidence {
        /// An observed pixel.
        pixel: usize,
        /// A pixel before it that is not observed.
        missing: usize,
    },
}

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    /// Seed of the uniforms; image i has a stream of its own, so more images never change the first
    /// ones.
    pub seed: Seed,
    /// Divides every logit; 0 = the likelier value always.
    pub temperature: f64,
    /// Known pixels, N x D by pixel: 0, 1, or [`UNKNOWN`] to be drawn. The observed ones must come
    /// first in the ordering.
    pub evidence: Option<&'a Images>,
}

/// A pixel of the evidence that is to be drawn.
pub const UNKNOWN: u8 = 255;

/// Images drawn, and the logit that each pixel was drawn by.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// N x D, 0/1 by pixel.
    pub images: Images,
    /// N x D by pixel; of several masks the logit of their mean probability.
    pub logits: Vec<f32>,
}

/// Draws `count` images from the model under `masks`: one, or several of one ordering whose
/// conditionals are averaged.
pub fn draw(
    made: &Made,
    team: &Team,
    masks: &[MaskSet],
    count: usize,
    drawing: Drawing,
) -> Result<Drawn, SampleError> {
    draw_numbers(made, team, masks, &(0..count).collect::<Vec<_>>(), drawing)
}

/// Draws `count` images from the mixture of `masks`: for each a mask is picked, and the image drawn
/// by it alone. A mask is picked as often as another; given evidence, in proportion to the
/// probability that it gives to the evidence.
pub fn draw_mixture(
    made: &Made,
    team: &Team,
    masks: &[MaskSet],
    count: usize,
    drawing: Drawing,
) -> Result<Drawn, SampleError> {
    let dim = masks[0].ordering().dim();
    let mut drawn = Drawn { images: Images::new([], dim), logits: vec![0.0; count * dim] };
    let picked = pick(made, team, masks, count, drawing);
    let mut images = vec![0; count * dim];
    for (k, mask) in masks.iter().enumerate() {
        let numbers: Vec<usize> = (0..count).filter(|&i| picked[i] == k).collect();
        let part = draw_numbers(made, team, std::slice::from_ref(mask), &numbers, drawing)?;
        for (i, (image, logits)) in numbers
            .iter()
            .zip(part.images.pixels().chunks(dim).zip(part.logits.chunks(dim)))
        {
            images[i * dim..][..dim].copy_from_slice(image);
            drawn.logits[i * dim..][..dim].copy_from_slice(logits);
        }
    }
    Ok(Drawn { images: Images::new(images, dim), ..drawn })
}

/// Which of the masks draws each image of a mixture.
fn pick(made: &Made, team: &Team, masks: &[MaskSet], count: usize, drawing: Drawing) -> Vec<usize> {
    // Per mask and image, -log p of the evidence.
    let evident: Option<Vec<Vec<f64>>> = drawing.evidence.map(|evidence| {
        masks
            .iter()
            .map(|mask| known_nll(made, team, std::slice::from_ref(mask), evidence, evidence))
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

/// -log p of each image's pixels that `evidence` knows, which come first in the ordering, nats;
/// with several masks under the mean of their conditionals.
pub fn known_nll(
    made: &Made,
    team: &Team,
    masks: &[MaskSet],
    images: &Images,
    evidence: &Images,
) -> Vec<f64> {
    let known_or_off = images
        .pixels()
        .iter()
        .map(|&x| if x == UNKNOWN { 0 } else { x })
        .collect::<Vec<_>>();
    let nlls =
        by_pixel(made, team, masks, &Images::new(known_or_off, images.dim())).unwrap_or_default();
    let sum = |(nlls, known): (&[f32], &[u8])| {
        nlls.iter()
            .zip(known)
            .filter(|(_, known)| **known != UNKNOWN)
            .map(|(nll, _)| f64::from(*nll))
            .sum()
    };
    nlls.chunks(images.dim())
        .zip(evidence.pixels().chunks(images.dim()))
        .map(sum)
        .collect()
}

/// Draws the images of these numbers.
fn draw_numbers(
    made: &Made,
    team: &Team,
    masks: &[MaskSet],
    numbers: &[usize],
    drawing: Drawing,
) -> Result<Drawn, SampleError> {
    let ordering = masks[0].ordering();
    if masks.iter().any(|mask| mask.ordering() != ordering) {
        return Err(SampleError::Orderings);
    }
    if let Some(evidence) = drawing.evidence {
        check_evidence(evidence, ordering.pixels())?;
    }
    let (dim, network) = (ordering.dim(), made.network());
    let staircases: Vec<Staircase> = masks.iter().map(|mask| made.staircase(mask)).collect();
    let mut images = vec![0u8; numbers.len() * dim];
    let mut logits = vec![0f32; numbers.len() * dim];
    let mut draw = |weights: &[&[f32]]| {
        let parts = images
            .chunks_mut(BATCH * dim)
            .zip(logits.chunks_mut(BATCH * dim))
            .zip(numbers.chunks(BATCH));
        team.share(parts, |((images, logits), numbers)| {
            if team.stopped() {
                return;
            }
            let states = staircases
                .iter()
                .zip(weights)
                .map(|(stairs, weights)| State::new(network, stairs, weights));
            batch(
                &mut states.collect::<Vec<_>>(),
                ordering.pixels(),
                numbers,
                drawing,
                Target { images, logits },
            );
        });
    };
    if let [stairs] = &staircases[..] {
        made.with_weights(stairs, |weights| draw(&[weights]));
    } else {
        let sorted: Vec<Vec<f32>> = staircases
            .iter()
            .map(|stairs| made.with_weights(stairs, <[f32]>::to_vec))
            .collect();
        draw(&sorted.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    Ok(Drawn { images: Images::new(images, dim), logits })
}

/// Draws with a full forward pass a pixel, visiting pixels as `order` says. The reference of
/// [`draw`] where `order` is the mask's own ordering; with its inverse it is a slip seen in
/// published code, kept as a negative control.
pub fn draw_one_by_one(
    made: &Made,
    team: &Team,
    mask: &MaskSet,
    order: &[u32],
    count: usize,
    drawing: Drawing,
) -> Drawn {
    let dim = order.len();
    let network = made.network();
    let staircase = made.staircase(mask);
    let positions = mask.ordering().positions();
    let uniforms: Vec<Vec<f32>> = (0..count).map(|i| uniforms(drawing.seed, i, dim)).collect();
    let mut images = vec![0u8; count * dim];
    let mut logits = vec![0f32; count * dim];
    let mut space = Workspace::new(&network.layout, count);
    let weights = made.lanes(&staircase);
    for (step, &pixel) in order.iter().enumerate().take_while(|_| !team.stopped()) {
        space.load(images.chunks_exact(dim), &staircase);
        network.forward(team, Weights::Sorted(&weights), &staircase, &mut space);
        let column = positions[pixel as usize] as usize;
        for (i, (uniforms, z)) in uniforms.iter().zip(space.logits()).enumerate() {
            let (at, z) = (i * dim + pixel as usize, z[column]);
            logits[at] = z;
            images[at] = u8::from(uniforms[step] < probability(z, drawing.temperature));
        }
    }
    Drawn { images: Images::new(images, dim), logits }
}

fn check_evidence(evidence: &Images, order: &[u32]) -> Result<(), SampleError> {
    for i in 0..evidence.count() {
        let row = evidence.row(i);
        let known = |pixel: &&u32| row[**pixel as usize] != UNKNOWN;
        let Some(missing) = order.iter().find(|pixel| !known(pixel)) else { continue };
        let after = order.iter().skip_while(|pixel| known(pixel));
        if let Some(pixel) = after.clone().find(known) {
            return Err(SampleError::Evidence {
                pixel: *pixel as usize,
                missing: *missing as usize,
            });
        }
    }
    Ok(())
}

/// The uniforms that draw image number `image`, one a position.
pub(super) fn uniforms(seed: Seed, image: usize, dim: usize) -> Vec<f32> {
    let mut uniforms = vec![0.0; dim];
    seed.stream(Purpose::Sample, image as u64).fill_uniform(&mut uniforms);
    uniforms
}
