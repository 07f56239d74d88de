//! Inner part of the incremental sampler: a batch of images drawn position by position.
//!
//! A hidden unit of degree m is final as soon as the pixel at position m of the ordering is known.
//! So every unit is computed once, when its degree is reached, and every output once, just before
//! its pixel is drawn.
//!
//! Positions are processed in blocks. At the start of a block, everything that is already final is
//! added to all units that become final within it; inside the block, each unit adds the few
//! remaining terms. Activations are stored [n_units x n_images]: the values of one unit for all
//! images of the batch are contiguous, so that vectors run over images.

use std::ops::Range;

use crate::made::drawing::{Drawing, DrawnValue, Evidence, uniforms};
use crate::made::kernels::level::Level;
use crate::made::kernels::simd::{
    F32x16, LANES, Simd, Vector, WithSimd, as_scalars, as_scalars_mut,
};
use crate::made::layout::ParamLayout;
use crate::made::network::{Network, biases};
use crate::made::output::{Distribution, Input};
use crate::made::sorted_masks::SortedMasks;

/// Positions of a block.
const BLOCK: usize = 32;

/// Vectors of a batch: 3 units x 7 vectors of accumulators fit the registers.
const VECTORS: usize = 7;

/// Images drawn together.
pub(super) const BATCH: usize = VECTORS * LANES;

/// One value of every image of a batch.
type BatchRow = [F32x16; VECTORS];

const ZERO: BatchRow = [F32x16([0.0; LANES]); VECTORS];

/// Rows that stay in the nearest cache while unit after unit adds them up.
const KC: usize = 48;

/// `sums[u] += sum over k of weights[u][k] rows[k]`.
struct AddProduct<'a> {
    /// Sums [n_units].
    sums: &'a mut [BatchRow],
    /// Weights [n_units x n_rows], units `stride` elements apart.
    weights: &'a [f32],
    stride: usize,
    /// Activations below [n_rows].
    rows: &'a [BatchRow],
}

impl WithSimd for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, weights, stride, rows } = self;
        for (part, rows) in rows.chunks(KC).enumerate() {
            let weights = &weights[part * KC..];
            if S::MANY_REGISTERS {
                add_units::<S, 3, VECTORS>(simd, sums, weights, stride, rows);
            } else {
                add_units::<S, 6, 1>(simd, sums, weights, stride, rows);
            }
        }
    }
}

/// Adds rows to all units, `T` units and `N` vectors at a time.
#[inline(always)]
fn add_units<S: Simd, const T: usize, const N: usize>(
    simd: S,
    sums: &mut [BatchRow],
    weights: &[f32],
    stride: usize,
    rows: &[BatchRow],
) {
    let whole = sums.len() / T * T;
    for unit in (0..whole).step_by(T) {
        let (sums, weights) = (&mut sums[unit..unit + T], &weights[unit * stride..]);
        for first in (0..VECTORS).step_by(N) {
            micro_kernel::<S, T, N>(simd, sums, first, weights, stride, rows);
        }
    }
    for unit in whole..sums.len() {
        let (sums, weights) = (&mut sums[unit..=unit], &weights[unit * stride..]);
        for first in (0..VECTORS).step_by(N) {
            micro_kernel::<S, 1, N>(simd, sums, first, weights, stride, rows);
        }
    }
}

/// Adds rows to `T` units, vectors `first..first + N`, with all accumulators in registers.
#[inline(always)]
fn micro_kernel<S: Simd, const T: usize, const N: usize>(
    simd: S,
    sums: &mut [BatchRow],
    first: usize,
    weights: &[f32],
    stride: usize,
    rows: &[BatchRow],
) {
    let mut unit_weights = [&weights[..0]; T];
    let mut accumulators = [[simd.splat(0.0); N]; T];
    for t in 0..T {
        unit_weights[t] = &weights[t * stride..][..rows.len()];
        for n in 0..N {
            accumulators[t][n] = simd.load(&sums[t][first + n]);
        }
    }
    for (k, row) in rows.iter().enumerate() {
        let mut x = [simd.splat(0.0); N];
        for n in 0..N {
            x[n] = simd.load(&row[first + n]);
        }
        for t in 0..T {
            let weight = simd.splat(unit_weights[t][k]);
            for n in 0..N {
                accumulators[t][n] = weight.mul_add(x[n], accumulators[t][n]);
            }
        }
    }
    for t in 0..T {
        for n in 0..N {
            accumulators[t][n].store(&mut sums[t][first + n]);
        }
    }
}

/// Destination of a batch of images and the probabilities of their pixels, each [n_images x D], by
/// pixel.
pub(super) struct DrawnBatch<'a, T> {
    pub(super) images: &'a mut [T],
    pub(super) probabilities: &'a mut [f32],
}

/// Draws the images with indices `numbers`, at most `BATCH`, position by position; with several
/// passes from the mean of their conditionals.
pub(super) fn draw_batch<T: DrawnValue>(
    passes: &mut [PartialPass],
    order: &[u32],
    numbers: &[usize],
    drawing: Drawing,
    target: DrawnBatch<T>,
) {
    let dim = order.len();
    let distribution = passes[0].layout().distribution;
    let streams: Vec<Vec<f32>> = numbers
        .iter()
        .map(|&number| uniforms(drawing.seed, number, dim, distribution))
        .collect();
    let (mut uniform, mut probabilities, mut drawn) = ([ZERO; BLOCK], [ZERO; BLOCK], [ZERO; BLOCK]);
    // Uniforms that choose a component; levels are drawn by one uniform.
    let mut choosing = [ZERO; BLOCK];
    let mut mean = Vec::new();
    for pass in passes.iter_mut() {
        pass.set_classes(numbers, drawing.classes);
    }
    for (start, order) in (0..dim).step_by(BLOCK).zip(order.chunks(BLOCK)) {
        for (i, stream) in streams.iter().enumerate() {
            uniform
                .iter_mut()
                .zip(&stream[start..])
                .for_each(|(row, &u)| as_scalars_mut(row)[i] = u);
            choosing
                .iter_mut()
                .zip(stream.get(dim + start..).unwrap_or_default())
                .for_each(|(row, &u)| as_scalars_mut(row)[i] = u);
        }
        for pass in passes.iter_mut() {
            pass.enter_block(start, start + order.len());
        }
        for (s, &pixel) in order.iter().enumerate() {
            for pass in passes.iter_mut() {
                pass.finish_parameters(start + s);
            }
            let (distribution, parameters) = conditional(passes, start + s, &mut mean);
            distribution.draw(
                parameters,
                [&uniform[s], &choosing[s]],
                drawing.temperature,
                &mut drawn[s],
                &mut probabilities[s],
            );
            if let Some(evidence) = drawing.evidence {
                keep_given(&mut drawn[s], &mut probabilities[s], evidence, numbers, pixel);
            }
            for pass in passes.iter_mut() {
                pass.observe(start + s, &drawn[s]);
            }
        }
        for (i, (image, row)) in target
            .images
            .chunks_exact_mut(dim)
            .zip(target.probabilities.chunks_exact_mut(dim))
            .enumerate()
        {
            for (s, &pixel) in order.iter().enumerate() {
                image[pixel as usize] = T::of(as_scalars(&drawn[s])[i]);
                row[pixel as usize] = as_scalars(&probabilities[s])[i];
            }
        }
    }
}

/// Replaces what was drawn where a pixel is given.
fn keep_given(
    drawn: &mut BatchRow,
    probabilities: &mut BatchRow,
    evidence: Evidence,
    numbers: &[usize],
    pixel: u32,
) {
    if evidence.given[pixel as usize] {
        for (drawn, &number) in as_scalars_mut(drawn).iter_mut().zip(numbers) {
            *drawn = evidence.value(number, pixel);
        }
        as_scalars_mut(probabilities).fill(1.0);
    }
}

/// Distribution of the pixel at position `t` with its parameters; with several passes, their mean,
/// which is computed into `mean`.
fn conditional<'a>(
    passes: &'a [PartialPass],
    t: usize,
    mean: &'a mut Vec<F32x16>,
) -> (Distribution, &'a [F32x16]) {
    let distribution = passes[0].network.layout.distribution;
    let parameters: Vec<&[F32x16]> = passes.iter().map(|pass| pass.parameters(t)).collect();
    match parameters[..] {
        [parameters] => (distribution, parameters),
        _ => (distribution.mean_of(&parameters, VECTORS, mean), mean),
    }
}

/// A forward pass under one mask, with the inputs of some leading positions known.
pub(super) struct PartialPass<'a> {
    network: &'a Network,
    /// Parameters in the order of the mask.
    params: &'a [f32],
    level: Level,
    /// Per hidden layer and degree m from 0: number of its sorted units of degree m or less.
    n_final: Vec<Vec<usize>>,
    x: Vec<BatchRow>,
    hidden: Vec<Vec<BatchRow>>,
    z: Vec<BatchRow>,
    /// First position of the block.
    block: usize,
}

impl<'a> PartialPass<'a> {
    /// A pass with no input known.
    pub(super) fn new(network: &'a Network, masks: &SortedMasks, params: &'a [f32]) -> Self {
        let layout = &network.layout;
        let mut layers: Vec<Vec<BatchRow>> = layout
            .layers
            .iter()
            .zip(&masks.layers)
            .map(|(layer, mask)| {
                let biases = biases(params, layer, &mask.weight);
                biases.into_iter().map(|b| [F32x16([b; LANES]); VECTORS]).collect()
            })
            .collect();
        let z = layers.pop().unwrap_or_default();
        let n_final =
            masks.degrees.iter().map(|degrees| count_up_to(degrees, layout.dim)).collect();
        Self {
            network,
            params,
            level: Level::detect(),
            n_final,
            x: vec![ZERO; layout.n_inputs()],
            hidden: layers,
            z,
            block: 0,
        }
    }

    /// Number of leading inputs of layer `l` that are final once all positions before `t` are
    /// known.
    fn below(&self, l: usize, t: usize) -> usize {
        match l {
            0 => self.layout().classes + t * self.layout().inputs_per_pixel(),
            _ => self.n_final[l - 1][t],
        }
    }

    /// Starts block `from..to`: adds everything that is final to the units and outputs that become
    /// final within it.
    fn enter_block(&mut self, from: usize, to: usize) {
        self.block = from;
        for l in 0..self.hidden.len() {
            self.add_to_hidden(
                l,
                self.n_final[l][from]..self.n_final[l][to],
                0..self.below(l, from),
            );
        }
        self.add_to_outputs(
            self.outputs(from).start..self.outputs(to).start,
            0..self.below(self.hidden.len(), from),
            0..self.below(0, from),
        );
    }

    fn layout(&self) -> &'a ParamLayout {
        &self.network.layout
    }

    /// Outputs of the pixel at position `t`.
    fn outputs(&self, t: usize) -> Range<usize> {
        let count = self.layout().distribution.parameters();
        t * count..(t + 1) * count
    }

    /// Parameters of the distribution of the pixel at position `t`, once they are complete.
    fn parameters(&self, t: usize) -> &[F32x16] {
        self.z[self.outputs(t)].as_flattened()
    }

    /// Completes the parameters of position `t`; all positions before it are known.
    fn finish_parameters(&mut self, t: usize) {
        let depth = self.hidden.len();
        self.add_to_outputs(
            self.outputs(t),
            self.below(depth, self.block)..self.below(depth, t),
            self.below(0, self.block)..self.below(0, t),
        );
    }

    /// Sets the inputs for the classes of the images with indices `numbers`.
    fn set_classes(&mut self, numbers: &[usize], classes: Option<&[u16]>) {
        let Some(classes) = classes.filter(|_| self.layout().classes > 0) else {
            return;
        };
        for (i, &number) in numbers.iter().enumerate() {
            as_scalars_mut(&mut self.x[usize::from(classes[number])])[i] = 1.0;
        }
    }

    /// Sets the inputs of the pixels at position `t` to these values.
    fn set_inputs(&mut self, t: usize, values: &BatchRow) {
        let levels = self.layout().distribution.levels();
        let first = self.below(0, t);
        match self.layout().input {
            Input::OneHot if levels.is_some_and(|levels| levels > 2) => {
                for (i, &level) in as_scalars(values).iter().enumerate().filter(|(_, l)| **l > 0.0)
                {
                    as_scalars_mut(&mut self.x[first + level as usize - 1])[i] = 1.0;
                }
            }
            _ => {
                let scale = levels.map_or(1.0, |levels| 1.0 / (levels - 1) as f32);
                self.x[first] = values.map(|vector| F32x16(vector.0.map(|value| scale * value)));
            }
        }
    }

    /// Sets the pixels at position `t`, and computes the units that are final with them.
    fn observe(&mut self, t: usize, values: &BatchRow) {
        self.set_inputs(t, values);
        for l in 0..self.hidden.len() {
            let units = self.n_final[l][t]..self.n_final[l][t + 1];
            self.add_to_hidden(l, units.clone(), self.below(l, self.block)..self.below(l, t + 1));
            self.network
                .activation
                .forward(as_scalars_mut(self.hidden[l][units].as_flattened_mut()));
        }
    }

    /// Adds the contributions of input units `terms` to some units of hidden layer `l`.
    fn add_to_hidden(&mut self, l: usize, units: Range<usize>, terms: Range<usize>) {
        let layer = &self.network.layout.layers[l];
        let (lower, upper) = self.hidden.split_at_mut(l);
        let product = Product {
            weights: &self.params[layer.weight.clone()],
            stride: layer.n_in,
            rows: lower.last().unwrap_or(&self.x),
        };
        product.add(self.level, &mut upper[0], units, terms);
    }

    /// Adds the contributions of units `hidden` of the last layer, and of those of the inputs
    /// `direct` that are connected directly, to some outputs.
    fn add_to_outputs(
        &mut self,
        outputs: Range<usize>,
        hidden: Range<usize>,
        direct: Range<usize>,
    ) {
        let layout = &self.network.layout;
        if let Some(last) = self.hidden.last() {
            let output = layout.output();
            let weights = &self.params[output.weight.clone()];
            let product = Product { weights, stride: output.n_in, rows: last };
            product.add(self.level, &mut self.z, outputs.clone(), hidden);
        }
        if let Some(range) = &layout.direct {
            let (weights, n_direct) = (&self.params[range.clone()], layout.n_direct());
            let product = Product { weights, stride: n_direct, rows: &self.x };
            let direct = direct.start.min(n_direct)..direct.end.min(n_direct);
            product.add(self.level, &mut self.z, outputs, direct);
        }
    }
}

/// Factors of a product.
struct Product<'a> {
    /// Weights [n_units x stride].
    weights: &'a [f32],
    stride: usize,
    /// Activations below [stride].
    rows: &'a [BatchRow],
}

impl Product<'_> {
    /// `sums[units] += weights[units, terms] rows[terms]`.
    fn add(self, level: Level, sums: &mut [BatchRow], units: Range<usize>, terms: Range<usize>) {
        if units.is_empty() || terms.is_empty() {
            return;
        }
        let Self { weights, stride, rows } = self;
        let weights = &weights[units.start * stride + terms.start..];
        level.dispatch(AddProduct { sums: &mut sums[units], weights, stride, rows: &rows[terms] });
    }
}

/// Number of the sorted `degrees` that are at most m, for m from 0 to `dim`.
fn count_up_to(degrees: &[u32], dim: usize) -> Vec<usize> {
    let mut count = 0;
    let up_to = |m: usize| {
        count += degrees[count..].iter().take_while(|&&degree| degree as usize <= m).count();
        count
    };
    (0..=dim).map(up_to).collect()
}
