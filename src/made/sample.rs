//! Exact sampling at the cost of one forward pass.
//!
//! A hidden unit of degree m is final as soon as the pixel at position m of the ordering is known. So every unit is
//! computed once, when its degree comes up, and every output once, just before its pixel is drawn: the multiply-adds of
//! one masked forward pass for a whole image, whatever the depth, where drawing with a full pass a pixel costs D of them.
//!
//! Positions are taken in blocks. At the start of a block one product adds everything that is already final to all units
//! that become final within it; inside the block each unit adds the few terms that are left. Activations are kept
//! units x batch, so that both are contiguous work over the batch.

use crate::data::Images;
use crate::made::kernels::elementwise::{add_scaled, sigmoid};
use crate::made::kernels::matmul::accumulate;
use crate::made::kernels::team::Team;
use crate::made::masks::MaskSet;
use crate::made::model::Made;
use crate::made::network::{Network, Workspace, offset};
use crate::made::staircase::Staircase;
use crate::rng::{Purpose, Seed};

/// Positions a block.
const BLOCK: usize = 32;

/// Images drawn together.
const BATCH: usize = 112;

/// Why images cannot be drawn.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SampleError {
    /// Masks of several orderings have no common next pixel.
    #[error("masks of different orderings cannot be averaged pixel by pixel: they have no common next pixel")]
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
    /// Seed of the uniforms; image i has a stream of its own, so more images never change the first ones.
    pub seed: Seed,
    /// Divides every logit; 0 = the likelier value always.
    pub temperature: f64,
    /// Known pixels, N x D by pixel: 0, 1, or [`UNKNOWN`] to be drawn. The observed ones must come first in the ordering.
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

/// Draws `count` images from the model under `masks`: one, or several of one ordering whose conditionals are averaged.
pub fn draw(made: &Made, team: &Team, masks: &[MaskSet], count: usize, drawing: Drawing) -> Result<Drawn, SampleError> {
    let ordering = masks[0].ordering();
    if masks.iter().any(|mask| mask.ordering() != ordering) {
        return Err(SampleError::Orderings);
    }
    if let Some(evidence) = drawing.evidence {
        check_evidence(evidence, ordering.pixels())?;
    }
    let dim = ordering.dim();
    let staircases: Vec<Staircase> = masks.iter().map(|mask| made.staircase(mask)).collect();
    let weights: Vec<Vec<f32>> = staircases.iter().map(|stairs| made.with_weights(stairs, <[f32]>::to_vec)).collect();
    let mut images = vec![0u8; count * dim];
    let mut logits = vec![0f32; count * dim];
    let parts = images.chunks_mut(BATCH * dim).zip(logits.chunks_mut(BATCH * dim)).enumerate();
    team.share(parts, |(chunk, (images, logits))| {
        if team.stopped() {
            return;
        }
        let mut states: Vec<State> = staircases
            .iter()
            .zip(&weights)
            .map(|(stairs, weights)| State::new(made.network(), stairs, weights))
            .collect();
        batch(&mut states, ordering.pixels(), chunk * BATCH, drawing, images, logits);
    });
    Ok(Drawn { images: Images::new(images, dim), logits })
}

/// Draws with a full forward pass a pixel, visiting pixels as `order` says. The reference of [`draw`] where `order` is the
/// mask's own ordering; with its inverse it is a slip seen in published code, kept as a negative control.
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
        network.forward(team, &weights, &staircase, count, &mut space);
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
            return Err(SampleError::Evidence { pixel: *pixel as usize, missing: *missing as usize });
        }
    }
    Ok(())
}

fn uniforms(seed: Seed, image: usize, dim: usize) -> Vec<f32> {
    let mut uniforms = vec![0.0; dim];
    seed.stream(Purpose::Sample, image as u64).fill_uniform(&mut uniforms);
    uniforms
}

/// p(x = 1) of a logit at a temperature.
fn probability(logit: f32, temperature: f64) -> f32 {
    if temperature == 0.0 { f32::from(logit > 0.0) } else { sigmoid(logit / temperature as f32) }
}

/// Draws up to `BATCH` images, the first of them number `first`, position by position.
fn batch(states: &mut [State], pixels: &[u32], first: usize, drawing: Drawing, images: &mut [u8], logits: &mut [f32]) {
    let dim = pixels.len();
    let count = images.len() / dim;
    let uniforms: Vec<Vec<f32>> = (first..first + count).map(|i| uniforms(drawing.seed, i, dim)).collect();
    let mut drawn = [0f32; BATCH];
    for (t, &pixel) in pixels.iter().enumerate() {
        let mut mean = [0f32; BATCH];
        for state in &mut *states {
            if t % BLOCK == 0 {
                state.enter_block(t, dim.min(t + BLOCK));
            }
            state.output(t);
        }
        let alone = states.len() == 1;
        for state in &*states {
            let z = state.logit(t);
            for (mean, &z) in mean.iter_mut().zip(z) {
                *mean += if alone { z } else { sigmoid(z) / states.len() as f32 };
            }
        }
        for i in 0..count {
            let logit = if alone { mean[i] } else { (mean[i] / (1.0 - mean[i])).ln() };
            let at = i * dim + pixel as usize;
            let known = drawing.evidence.map_or(UNKNOWN, |evidence| evidence.row(first + i)[pixel as usize]);
            logits[at] = logit;
            images[at] = if known == UNKNOWN {
                u8::from(uniforms[i][t] < probability(logit, drawing.temperature))
            } else {
                known
            };
            drawn[i] = f32::from(images[at]);
        }
        for state in &mut *states {
            state.know(t, &drawn);
        }
    }
}

/// One mask's network, part of its inputs known. Activations are units x `BATCH`.
struct State<'a> {
    network: &'a Network,
    stairs: &'a Staircase,
    weights: &'a [f32],
    x: Vec<f32>,
    hidden: Vec<Vec<f32>>,
    z: Vec<f32>,
    /// Start of the block in positions.
    block: usize,
}

impl<'a> State<'a> {
    fn new(network: &'a Network, stairs: &'a Staircase, weights: &'a [f32]) -> Self {
        let layout = &network.layout;
        let start = |link: &crate::made::layout::Link, stairs| {
            let mut bias = vec![0.0; link.rows];
            offset(weights, link, stairs, &mut bias);
            bias.into_iter().flat_map(|b| std::iter::repeat_n(b, BATCH)).collect::<Vec<f32>>()
        };
        let mut layers: Vec<Vec<f32>> = layout.links.iter().zip(&stairs.links).map(|(l, s)| start(l, s)).collect();
        let z = layers.pop().unwrap_or_default();
        Self { network, stairs, weights, x: vec![0.0; layout.dim * BATCH], hidden: layers, z, block: 0 }
    }

    /// Units of hidden layer `l` with degree at most `m`.
    fn up_to(&self, l: usize, m: usize) -> usize {
        self.stairs.degrees[l].partition_point(|&degree| degree as usize <= m)
    }

    /// Leading rows of what layer `l` sees that are final once positions before `t` are known.
    fn below(&self, l: usize, t: usize) -> usize {
        if l == 0 { t } else { self.up_to(l - 1, t) }
    }

    /// Adds all that is final at the start of block `from..to` to the units and outputs that become final within it.
    fn enter_block(&mut self, from: usize, to: usize) {
        self.block = from;
        let layout = &self.network.layout;
        let depth = self.hidden.len();
        for l in 0..depth {
            let (rows, known) = (self.up_to(l, from)..self.up_to(l, to), self.below(l, from));
            let weights = &self.weights[layout.links[l].weight.clone()];
            let (lower, upper) = self.hidden.split_at_mut(l);
            let below = lower.last().unwrap_or(&self.x);
            accumulate(&mut upper[0], BATCH, weights, layout.links[l].cols, rows, known, below);
        }
        if depth > 0 {
            let (output, known) = (layout.output(), self.up_to(depth - 1, from));
            let weights = &self.weights[output.weight.clone()];
            accumulate(&mut self.z, BATCH, weights, output.cols, from..to, known, &self.hidden[depth - 1]);
        }
        if let Some(direct) = &layout.direct {
            accumulate(&mut self.z, BATCH, &self.weights[direct.clone()], layout.dim, from..to, from, &self.x);
        }
    }

    /// Finishes the logit of position `t`, whose predecessors are all known.
    fn output(&mut self, t: usize) {
        let layout = &self.network.layout;
        let z = &mut self.z[t * BATCH..(t + 1) * BATCH];
        if let Some(last) = self.hidden.len().checked_sub(1) {
            let output = layout.output();
            let row = &self.weights[output.weight.start + t * output.cols..][..output.cols];
            let known = self.stairs.degrees[last].partition_point(|&degree| degree as usize <= self.block);
            let seen = self.stairs.links[last + 1].prefix[t] as usize;
            add_scaled(z, &row[known..seen], &self.hidden[last][known * BATCH..]);
        }
        if let Some(direct) = &layout.direct {
            let row = &self.weights[direct.start + t * layout.dim..][..layout.dim];
            add_scaled(z, &row[self.block..t], &self.x[self.block * BATCH..]);
        }
    }

    fn logit(&self, t: usize) -> &[f32] {
        &self.z[t * BATCH..(t + 1) * BATCH]
    }

    /// Takes in the pixels at position `t`, and computes the units that are final with them.
    fn know(&mut self, t: usize, pixels: &[f32; BATCH]) {
        self.x[t * BATCH..(t + 1) * BATCH].copy_from_slice(pixels);
        for l in 0..self.hidden.len() {
            let link = &self.network.layout.links[l];
            let known = self.below(l, self.block);
            let rows = self.up_to(l, t)..self.up_to(l, t + 1);
            let (lower, upper) = self.hidden.split_at_mut(l);
            let below = lower.last().unwrap_or(&self.x);
            for r in rows {
                let h = &mut upper[0][r * BATCH..(r + 1) * BATCH];
                let seen = self.stairs.links[l].prefix[r] as usize;
                let row = &self.weights[link.weight.start + r * link.cols..][..link.cols];
                add_scaled(h, &row[known..seen], &below[known * BATCH..]);
                self.network.activation.forward(h);
            }
        }
    }
}
