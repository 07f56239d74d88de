//! The incremental sampler's inner part: one batch of images drawn position by position.
//!
//! A hidden unit of degree m is final as soon as the pixel at position m of the ordering is known. So every unit is
//! computed once, when its degree comes up, and every output once, just before its pixel is drawn.
//!
//! Positions are taken in blocks. At the start of a block one product adds everything that is already final to all units
//! that become final within it; inside the block each unit pulls the few terms that are left. Activations are kept
//! units x batch: a number of every image of the batch side by side, so that both are contiguous work.

use crate::data::Images;
use crate::made::kernels::elementwise::sigmoid;
use crate::made::kernels::matmul::accumulate;
use crate::made::kernels::vectorized::vectorized;
use crate::made::layout::Link;
use crate::made::network::{Network, offset};
use crate::made::sample::{Drawing, UNKNOWN, uniforms};
use crate::made::staircase::{Staircase, Stairs};

/// Positions a block.
const BLOCK: usize = 32;

/// Images drawn together: as many as seven registers of sixteen numbers hold.
pub(super) const BATCH: usize = 112;

/// One number of every image of a batch.
type Lanes = [f32; BATCH];

vectorized! {
    /// `out += sum over k of weights[k] rows[k]`.
    fn pull(out: &mut Lanes, weights: &[f32], rows: &[Lanes]) {
        let mut sum = *out;
        for (&weight, row) in weights.iter().zip(rows) {
            for (sum, &value) in sum.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
        *out = sum;
    }

    /// Pixels from their logits: on where the uniform lies below the probability.
    fn decide(pixels: &mut Lanes, logits: &Lanes, uniforms: &Lanes, temperature: f32) {
        for ((pixel, &logit), &u) in pixels.iter_mut().zip(logits).zip(uniforms) {
            *pixel = f32::from(u < sigmoid(logit / temperature));
        }
    }
}

/// p(x = 1) of a logit at a temperature; at zero, and at what single precision takes for zero, the likelier value.
pub(super) fn probability(logit: f32, temperature: f64) -> f32 {
    let temperature = temperature as f32;
    if temperature == 0.0 { f32::from(logit > 0.0) } else { sigmoid(logit / temperature) }
}

/// Where the images of a batch go, each N x D by pixel.
pub(super) struct Target<'a> {
    pub(super) images: &'a mut [u8],
    pub(super) logits: &'a mut [f32],
}

/// Draws images `numbers`, at most `BATCH`, position by position; with several states the mean of their conditionals.
pub(super) fn batch(states: &mut [State], order: &[u32], numbers: &[usize], drawing: Drawing, target: Target) {
    let dim = order.len();
    let streams: Vec<Vec<f32>> = numbers.iter().map(|&number| uniforms(drawing.seed, number, dim)).collect();
    let mut chance = [[0f32; BATCH]; BLOCK];
    let mut logits = [[0f32; BATCH]; BLOCK];
    let mut drawn = [[0f32; BATCH]; BLOCK];
    for (start, order) in (0..dim).step_by(BLOCK).zip(order.chunks(BLOCK)) {
        for (i, stream) in streams.iter().enumerate() {
            chance.iter_mut().zip(&stream[start..]).for_each(|(lanes, &u)| lanes[i] = u);
        }
        states.iter_mut().for_each(|state| state.enter_block(start, start + order.len()));
        for (s, &pixel) in order.iter().enumerate() {
            states.iter_mut().for_each(|state| state.output(start + s));
            logits[s] = mean_logit(states, start + s);
            if drawing.temperature as f32 == 0.0 {
                drawn[s] = logits[s].map(|logit| probability(logit, 0.0));
            } else {
                decide(&mut drawn[s], &logits[s], &chance[s], drawing.temperature as f32);
            }
            if let Some(evidence) = drawing.evidence {
                keep_known(&mut drawn[s], evidence, numbers, pixel as usize);
            }
            states.iter_mut().for_each(|state| state.know(start + s, &drawn[s]));
        }
        for (i, (image, row)) in
            target.images.chunks_exact_mut(dim).zip(target.logits.chunks_exact_mut(dim)).enumerate()
        {
            for (s, &pixel) in order.iter().enumerate() {
                image[pixel as usize] = drawn[s][i] as u8;
                row[pixel as usize] = logits[s][i];
            }
        }
    }
}

fn keep_known(drawn: &mut Lanes, evidence: &Images, numbers: &[usize], pixel: usize) {
    for (drawn, &number) in drawn.iter_mut().zip(numbers) {
        let known = evidence.row(number)[pixel];
        if known != UNKNOWN {
            *drawn = f32::from(known);
        }
    }
}

/// The logit at position `t`; of several states that of their mean probability, exact in both tails.
fn mean_logit(states: &[State], t: usize) -> Lanes {
    if let [state] = states {
        return state.z[t];
    }
    let (mut on, mut off) = ([0f32; BATCH], [0f32; BATCH]);
    for state in states {
        for ((on, off), &z) in on.iter_mut().zip(&mut off).zip(&state.z[t]) {
            *on += sigmoid(z);
            *off += sigmoid(-z);
        }
    }
    std::array::from_fn(|i| on[i].ln() - off[i].ln())
}

/// One mask's network, part of its inputs known.
pub(super) struct State<'a> {
    network: &'a Network,
    weights: &'a [f32],
    /// Per hidden layer and degree m from 0: how many of its units, sorted, have degree m or less.
    ends: Vec<Vec<usize>>,
    x: Vec<Lanes>,
    hidden: Vec<Vec<Lanes>>,
    z: Vec<Lanes>,
    /// Start of the block in positions.
    block: usize,
}

impl<'a> State<'a> {
    pub(super) fn new(network: &'a Network, stairs: &Staircase, weights: &'a [f32]) -> Self {
        let layout = &network.layout;
        let start = |link: &Link, stairs: &Stairs| {
            let mut bias = vec![0.0; link.rows];
            offset(weights, link, stairs, &mut bias);
            bias.into_iter().map(|b| [b; BATCH]).collect::<Vec<Lanes>>()
        };
        let mut layers: Vec<Vec<Lanes>> = layout.links.iter().zip(&stairs.links).map(|(l, s)| start(l, s)).collect();
        let z = layers.pop().unwrap_or_default();
        let ends = stairs.degrees.iter().map(|degrees| ends(degrees, layout.dim)).collect();
        Self { network, weights, ends, x: vec![[0.0; BATCH]; layout.dim], hidden: layers, z, block: 0 }
    }

    /// Leading rows of what layer `l` sees that are final once positions before `t` are known.
    fn below(&self, l: usize, t: usize) -> usize {
        if l == 0 { t } else { self.ends[l - 1][t] }
    }

    /// Adds all that is final at the start of block `from..to` to the units and outputs that become final within it.
    fn enter_block(&mut self, from: usize, to: usize) {
        self.block = from;
        let layout = &self.network.layout;
        let depth = self.hidden.len();
        for l in 0..depth {
            let (rows, known) = (self.ends[l][from]..self.ends[l][to], self.below(l, from));
            let weights = &self.weights[layout.links[l].weight.clone()];
            let (lower, upper) = self.hidden.split_at_mut(l);
            let below = lower.last().unwrap_or(&self.x).as_flattened();
            accumulate(upper[0].as_flattened_mut(), BATCH, weights, layout.links[l].cols, rows, known, below);
        }
        if let Some(last) = self.hidden.last() {
            let (output, known) = (layout.output(), self.below(depth, from));
            let weights = &self.weights[output.weight.clone()];
            let z = self.z.as_flattened_mut();
            accumulate(z, BATCH, weights, output.cols, from..to, known, last.as_flattened());
        }
        if let Some(direct) = &layout.direct {
            let weights = &self.weights[direct.clone()];
            let z = self.z.as_flattened_mut();
            accumulate(z, BATCH, weights, layout.dim, from..to, from, self.x.as_flattened());
        }
    }

    /// Finishes the logit of position `t`, whose predecessors are all known.
    fn output(&mut self, t: usize) {
        let layout = &self.network.layout;
        let depth = self.hidden.len();
        if depth > 0 {
            let output = layout.output();
            let row = &self.weights[output.weight.start + t * output.cols..][..output.cols];
            let open = self.below(depth, self.block)..self.below(depth, t);
            pull(&mut self.z[t], &row[open.clone()], &self.hidden[depth - 1][open]);
        }
        if let Some(direct) = &layout.direct {
            let row = &self.weights[direct.start + t * layout.dim..][..layout.dim];
            pull(&mut self.z[t], &row[self.block..t], &self.x[self.block..t]);
        }
    }

    /// Takes in the pixels at position `t`, and computes the units that are final with them.
    fn know(&mut self, t: usize, pixels: &Lanes) {
        self.x[t] = *pixels;
        for l in 0..self.hidden.len() {
            let link = &self.network.layout.links[l];
            let open = self.below(l, self.block)..self.below(l, t + 1);
            let rows = self.ends[l][t]..self.ends[l][t + 1];
            let (lower, upper) = self.hidden.split_at_mut(l);
            let below = lower.last().unwrap_or(&self.x);
            for r in rows {
                let row = &self.weights[link.weight.start + r * link.cols..][..link.cols];
                pull(&mut upper[0][r], &row[open.clone()], &below[open.clone()]);
                self.network.activation.forward(&mut upper[0][r]);
            }
        }
    }
}

/// How many of the sorted `degrees` are at most m, for m from 0 to `dim`.
fn ends(degrees: &[u32], dim: usize) -> Vec<usize> {
    let mut unit = 0;
    let mut upto = |m: usize| {
        unit += degrees[unit..].iter().take_while(|&&degree| degree as usize <= m).count();
        unit
    };
    (0..=dim).map(|m| upto(m)).collect()
}
