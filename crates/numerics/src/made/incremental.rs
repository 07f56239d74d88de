//! The incremental sampler's inner part: one batch of images drawn position by position.
//!
//! A hidden unit of degree m is final as soon as the pixel at position m of the ordering is known.
//! So every unit is computed once, when its degree comes up, and every output once, just before its
//! pixel is drawn.
//!
//! Positions are taken in blocks. At the start of a block everything that is already final is added
//! to all units that become final within it; inside the block each unit adds the few terms that are
//! left. Activations are kept units x batch: a number of every image of the batch side by side, so
//! that both are contiguous work.

use std::ops::Range;

use crate::data::Images;
use crate::made::kernels::elementwise::sigmoid;
use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat, flat_mut};
use crate::made::kernels::vectorized::{Level, vectorized};
use crate::made::layout::Link;
use crate::made::network::{Network, offset};
use crate::made::sample::{Drawing, UNKNOWN, uniforms};
use crate::made::staircase::{Staircase, Stairs};

/// Positions a block.
const BLOCK: usize = 32;

/// Lanes of a batch: as many sums of a unit as stand in registers beside those of two others.
const LANES: usize = 7;

/// Images drawn together.
pub(super) const BATCH: usize = LANES * WIDTH;

/// One number of every image of a batch.
type Row = [Lane; LANES];

const ZERO: Row = [Lane([0.0; WIDTH]); LANES];

/// Rows that stay in the nearest cache while unit after unit adds them up.
const DEPTH: usize = 48;

/// `sums[u] += sum over k of weights[u][k] rows[k]`, the weights of two units `stride` apart.
struct Pull<'a> {
    sums: &'a mut [Row],
    weights: &'a [f32],
    stride: usize,
    rows: &'a [Row],
}

impl Work for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { sums, weights, stride, rows } = self;
        for (part, rows) in rows.chunks(DEPTH).enumerate() {
            let weights = &weights[part * DEPTH..];
            if L::MANY {
                units::<L, 3, LANES>(sums, weights, stride, rows);
            } else {
                units::<L, 6, 1>(sums, weights, stride, rows);
            }
        }
    }
}

/// Adds rows up, `T` units and `N` lanes at a time.
#[inline(always)]
fn units<L: Lanes, const T: usize, const N: usize>(
    sums: &mut [Row],
    weights: &[f32],
    stride: usize,
    rows: &[Row],
) {
    let many = sums.len() / T * T;
    for unit in (0..many).step_by(T) {
        for lane in (0..LANES).step_by(N) {
            add_up::<L, T, N>(
                &mut sums[unit..unit + T],
                lane,
                &weights[unit * stride..],
                stride,
                rows,
            );
        }
    }
    for unit in many..sums.len() {
        for lane in (0..LANES).step_by(N) {
            add_up::<L, 1, N>(
                &mut sums[unit..=unit],
                lane,
                &weights[unit * stride..],
                stride,
                rows,
            );
        }
    }
}

#[inline(always)]
fn add_up<L: Lanes, const T: usize, const N: usize>(
    sums: &mut [Row],
    lane: usize,
    weights: &[f32],
    stride: usize,
    rows: &[Row],
) {
    let mut weights_of = [&weights[..0]; T];
    let mut kept = [[L::splat(0.0); N]; T];
    for t in 0..T {
        weights_of[t] = &weights[t * stride..][..rows.len()];
        for n in 0..N {
            kept[t][n] = L::load(&sums[t][lane + n]);
        }
    }
    for (k, row) in rows.iter().enumerate() {
        let mut x = [L::splat(0.0); N];
        for n in 0..N {
            x[n] = L::load(&row[lane + n]);
        }
        for t in 0..T {
            let weight = L::splat(weights_of[t][k]);
            for n in 0..N {
                kept[t][n] = kept[t][n].add_product(weight, x[n]);
            }
        }
    }
    for t in 0..T {
        for n in 0..N {
            kept[t][n].store(&mut sums[t][lane + n]);
        }
    }
}

vectorized! {
    /// Pixels from their logits: on where the uniform lies below the probability.
    fn decide(pixels: &mut Row, logits: &Row, uniforms: &Row, temperature: f32) {
        for ((pixel, &logit), &u) in flat_mut(pixels).iter_mut().zip(flat(logits)).zip(flat(uniforms)) {
            *pixel = f32::from(u < sigmoid(logit / temperature));
        }
    }
}

/// p(x = 1) of a logit at a temperature; at zero, and at what single precision takes for zero, the
/// likelier value.
pub(super) fn probability(logit: f32, temperature: f64) -> f32 {
    let temperature = temperature as f32;
    if temperature == 0.0 {
        f32::from(logit > 0.0)
    } else {
        sigmoid(logit / temperature)
    }
}

/// Where the images of a batch go, each N x D by pixel.
pub(super) struct Target<'a> {
    pub(super) images: &'a mut [u8],
    pub(super) logits: &'a mut [f32],
}

/// Draws images `numbers`, at most `BATCH`, position by position; with several states the mean of
/// their conditionals.
pub(super) fn batch(
    states: &mut [State],
    order: &[u32],
    numbers: &[usize],
    drawing: Drawing,
    target: Target,
) {
    let dim = order.len();
    let streams: Vec<Vec<f32>> =
        numbers.iter().map(|&number| uniforms(drawing.seed, number, dim)).collect();
    let (mut chance, mut logits, mut drawn) = ([ZERO; BLOCK], [ZERO; BLOCK], [ZERO; BLOCK]);
    for (start, order) in (0..dim).step_by(BLOCK).zip(order.chunks(BLOCK)) {
        for (i, stream) in streams.iter().enumerate() {
            chance
                .iter_mut()
                .zip(&stream[start..])
                .for_each(|(row, &u)| flat_mut(row)[i] = u);
        }
        states
            .iter_mut()
            .for_each(|state| state.enter_block(start, start + order.len()));
        for (s, &pixel) in order.iter().enumerate() {
            states.iter_mut().for_each(|state| state.output(start + s));
            logits[s] = mean_logit(states, start + s);
            if drawing.temperature as f32 == 0.0 {
                drawn[s] = logits[s].map(|lane| Lane(lane.0.map(|logit| probability(logit, 0.0))));
            } else {
                decide(&mut drawn[s], &logits[s], &chance[s], drawing.temperature as f32);
            }
            if let Some(evidence) = drawing.evidence {
                keep_known(&mut drawn[s], evidence, numbers, pixel as usize);
            }
            states.iter_mut().for_each(|state| state.know(start + s, &drawn[s]));
        }
        for (i, (image, row)) in target
            .images
            .chunks_exact_mut(dim)
            .zip(target.logits.chunks_exact_mut(dim))
            .enumerate()
        {
            for (s, &pixel) in order.iter().enumerate() {
                image[pixel as usize] = flat(&drawn[s])[i] as u8;
                row[pixel as usize] = flat(&logits[s])[i];
            }
        }
    }
}

fn keep_known(drawn: &mut Row, evidence: &Images, numbers: &[usize], pixel: usize) {
    for (drawn, &number) in flat_mut(drawn).iter_mut().zip(numbers) {
        let known = evidence.row(number)[pixel];
        if known != UNKNOWN {
            *drawn = f32::from(known);
        }
    }
}

/// The logit at position `t`; of several states that of their mean probability, exact in both
/// tails.
fn mean_logit(states: &[State], t: usize) -> Row {
    if let [state] = states {
        return state.z[t];
    }
    let (mut on, mut off) = (ZERO, ZERO);
    for state in states {
        for ((on, off), &z) in
            flat_mut(&mut on).iter_mut().zip(flat_mut(&mut off)).zip(flat(&state.z[t]))
        {
            *on += sigmoid(z);
            *off += sigmoid(-z);
        }
    }
    flat_mut(&mut on)
        .iter_mut()
        .zip(flat(&off))
        .for_each(|(on, off)| *on = on.ln() - off.ln());
    on
}

/// One mask's network, part of its inputs known.
pub(super) struct State<'a> {
    network: &'a Network,
    weights: &'a [f32],
    level: Level,
    /// Per hidden layer and degree m from 0: how many of its units, sorted, have degree m or less.
    ends: Vec<Vec<usize>>,
    x: Vec<Row>,
    hidden: Vec<Vec<Row>>,
    z: Vec<Row>,
    /// Start of the block in positions.
    block: usize,
}

impl<'a> State<'a> {
    pub(super) fn new(network: &'a Network, stairs: &Staircase, weights: &'a [f32]) -> Self {
        let layout = &network.layout;
        let start = |link: &Link, stairs: &Stairs| {
            let mut bias = vec![0.0; link.rows];
            offset(weights, link, stairs, &mut bias);
            bias.into_iter().map(|b| [Lane([b; WIDTH]); LANES]).collect::<Vec<Row>>()
        };
        let mut layers: Vec<Vec<Row>> =
            layout.links.iter().zip(&stairs.links).map(|(l, s)| start(l, s)).collect();
        let z = layers.pop().unwrap_or_default();
        let ends = stairs.degrees.iter().map(|degrees| ends(degrees, layout.dim)).collect();
        Self {
            network,
            weights,
            level: Level::detect(),
            ends,
            x: vec![ZERO; layout.dim],
            hidden: layers,
            z,
            block: 0,
        }
    }

    /// Leading rows of what layer `l` sees that are final once positions before `t` are known.
    fn below(&self, l: usize, t: usize) -> usize {
        if l == 0 { t } else { self.ends[l - 1][t] }
    }

    /// Adds all that is final at the start of block `from..to` to the units and outputs that become
    /// final within it.
    fn enter_block(&mut self, from: usize, to: usize) {
        self.block = from;
        for l in 0..self.hidden.len() {
            self.add_to_hidden(l, self.ends[l][from]..self.ends[l][to], 0..self.below(l, from));
        }
        self.add_to_outputs(from..to, 0..self.below(self.hidden.len(), from), 0..from);
    }

    /// Finishes the logit of position `t`, whose predecessors are all known.
    fn output(&mut self, t: usize) {
        let depth = self.hidden.len();
        self.add_to_outputs(
            t..t + 1,
            self.below(depth, self.block)..self.below(depth, t),
            self.block..t,
        );
    }

    /// Takes in the pixels at position `t`, and computes the units that are final with them.
    fn know(&mut self, t: usize, pixels: &Row) {
        self.x[t] = *pixels;
        for l in 0..self.hidden.len() {
            let units = self.ends[l][t]..self.ends[l][t + 1];
            self.add_to_hidden(l, units.clone(), self.below(l, self.block)..self.below(l, t + 1));
            self.network
                .activation
                .forward(flat_mut(self.hidden[l][units].as_flattened_mut()));
        }
    }

    /// Adds what units `terms` below give to some units of hidden layer `l`.
    fn add_to_hidden(&mut self, l: usize, units: Range<usize>, terms: Range<usize>) {
        let link = &self.network.layout.links[l];
        let (lower, upper) = self.hidden.split_at_mut(l);
        let below = lower.last().unwrap_or(&self.x);
        pull(
            self.level,
            &mut upper[0],
            units,
            &self.weights[link.weight.clone()],
            link.cols,
            below,
            terms,
        );
    }

    /// Adds what units `hidden` of the last layer, and `direct` inputs where the model has such
    /// connections, give to some outputs.
    fn add_to_outputs(
        &mut self,
        outputs: Range<usize>,
        hidden: Range<usize>,
        direct: Range<usize>,
    ) {
        let layout = &self.network.layout;
        if let Some(last) = self.hidden.last() {
            let output = layout.output();
            let weights = &self.weights[output.weight.clone()];
            pull(self.level, &mut self.z, outputs.clone(), weights, output.cols, last, hidden);
        }
        if let Some(weights) = &layout.direct {
            let weights = &self.weights[weights.clone()];
            pull(self.level, &mut self.z, outputs, weights, layout.dim, &self.x, direct);
        }
    }
}

/// `sums[units] += weights[units, terms] rows[terms]`; weights have `stride` columns.
fn pull(
    level: Level,
    sums: &mut [Row],
    units: Range<usize>,
    weights: &[f32],
    stride: usize,
    rows: &[Row],
    terms: Range<usize>,
) {
    if units.is_empty() || terms.is_empty() {
        return;
    }
    let weights = &weights[units.start * stride + terms.start..];
    dispatch(level, Pull { sums: &mut sums[units], weights, stride, rows: &rows[terms] });
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
