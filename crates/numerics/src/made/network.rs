//! Forward and backward pass of a minibatch through the network.
//!
//! With W under its mask M, g the activation, h_0 = x, z the parameters of the pixels'
//! distributions, t = dloss/dz, s_l = dloss/da_l, where a_l is the argument of g:
//!
//! ```text
//! forward    h_l = g(b_l + W_l h_{l-1} + (U_l o M_l) 1)
//!            z   = c + V h_L + A x + (U_V o M_V) 1
//! backward   dV  = t h_L^T        dA       = t x^T          dc = t
//!            s_L = V^T t * g'     s_{l-1}  = W_l^T s_l * g'
//!            dW_l = s_l h_{l-1}^T      db_l = s_l           dU_l = s_l 1^T o M_l
//! ```
//!
//! Units are sorted by degree (see `sorted_masks`), weights are packed (see `packed_layout`), and
//! minibatches are delta-encoded (see `workspace`). Each gradient updates its weights at once and
//! is never stored.

use crate::made::Activation;
use crate::made::kernels::elementwise::{BaseRow, DeltaShape, add_to_rows, column_sums};
use crate::made::kernels::gemm;
use crate::made::kernels::level::Level;
use crate::made::kernels::matrix::{PrefixMask, WeightView, batch_shape};
use crate::made::kernels::simd::{F32x16, LANES, as_scalars, as_scalars_mut};
use crate::made::kernels::sparse::{self, BinaryMatrix, SparseWeightGradient};
use crate::made::kernels::update::{UpdateRule, UpdateTarget};
use crate::made::kernels::update_queue::{GradientSink, MR};
use crate::made::kernels::weight_gradient::{DenseWeightGradient, PackedGradients};
use crate::made::layout::{LayerLayout, ParamLayout};
use crate::made::packed_layout::{PackedLayout, PackedMatrix};
use crate::made::sorted_masks::{LayerMask, SortedMasks};
use crate::made::workspace::{HiddenBuffers, Workspace};
use crate::parallel::ThreadPool;

/// Shape of a network and its activation: everything that a pass needs besides weights, masks and
/// images.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Layout of the parameters.
    pub layout: ParamLayout,
    /// Nonlinearity of the hidden layers.
    pub activation: Activation,
    /// Layout of packed weights in the order of a mask.
    pub(crate) sorted: PackedLayout,
    /// Layout of packed weights in training: the same in a run with one mask, otherwise in an order
    /// that all masks share.
    pub(crate) training: PackedLayout,
}

/// Packed weights that a pass reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PassWeights<'a> {
    /// Weights in the order of the mask.
    Sorted(&'a [F32x16]),
    /// Weights of a run with many masks.
    Shared {
        /// All weights, in the order that the masks share.
        shared: &'a [F32x16],
        /// Those that the pass cannot read in place, in the order of the mask (see
        /// [`Network::gather_weights`]).
        sorted: &'a [F32x16],
    },
}

impl<'a> PassWeights<'a> {
    fn sorted(self) -> &'a [F32x16] {
        match self {
            Self::Sorted(sorted) | Self::Shared { sorted, .. } => sorted,
        }
    }
}

/// Weights and update rule of a backward pass.
#[derive(Debug)]
pub(crate) struct UpdateContext<'a> {
    /// Weights in training, and the optimiser's state.
    pub(crate) target: UpdateTarget<'a>,
    /// Update rule.
    pub(crate) rule: UpdateRule,
    /// In a run with many masks, the weights that the pass cannot read in place.
    pub(crate) sorted: Option<&'a [F32x16]>,
}

impl UpdateContext<'_> {
    /// Weights as a pass reads them.
    pub(crate) fn weights(&self) -> PassWeights<'_> {
        match self.sorted {
            Some(sorted) => PassWeights::Shared { shared: self.target.p, sorted },
            None => PassWeights::Sorted(self.target.p),
        }
    }

    /// Destination of the gradient of one matrix.
    fn sink<'a>(&'a mut self, matrix: &PackedMatrix, mask: &'a PrefixMask) -> GradientSink<'a> {
        let target = self.target.part(matrix.range.clone());
        GradientSink { target, rule: self.rule, matrix: matrix.masked(mask) }
    }
}

/// Input of a layer: it decides which kernels multiply it with the weights.
#[derive(Clone, Copy)]
enum LayerInput<'a> {
    /// Images of which few pixels are on.
    Sparse(&'a BinaryMatrix),
    /// Other images, or hidden activations.
    Dense {
        /// Rows [n_rows x n_cols], of which a layer takes the first columns, or all.
        x: &'a [F32x16],
        n_cols: usize,
        /// Number of leading zeros in each row, non-decreasing; empty if there are none.
        leading_zeros: &'a [u32],
    },
}

impl LayerInput<'_> {
    /// `z += x w`, for the rows from `first_row` on.
    fn add_product(
        self,
        level: Level,
        z: &mut [F32x16],
        first_row: usize,
        weights: WeightView,
        scratch: &mut [F32x16],
    ) {
        match self {
            Self::Sparse(x) => {
                sparse::SparseForward { z, x, first_row, weights, scratch }.run(level);
            }
            Self::Dense { x, n_cols, leading_zeros } => {
                let stride = batch_shape(n_cols).stride();
                level.dispatch(gemm::Forward {
                    z,
                    x: &x[first_row * stride..],
                    x_cols: n_cols,
                    weights,
                    leading_zeros: leading_zeros.get(first_row..).unwrap_or_default(),
                });
            }
        }
    }

    /// Updates weights by their gradient `x^T dz`.
    fn update_weights(
        self,
        pool: &ThreadPool,
        packed: &mut PackedGradients,
        sink: GradientSink,
        dz: &[F32x16],
    ) {
        let level = Level::detect();
        match self {
            Self::Sparse(x) => SparseWeightGradient { x, dz }.run(pool, level, sink),
            Self::Dense { x, n_cols, leading_zeros } => {
                let product = DenseWeightGradient { x, x_cols: n_cols, dz, leading_zeros };
                product.run(pool, level, packed, sink);
            }
        }
    }
}

impl HiddenBuffers {
    /// Activations as the input of the next layer.
    fn as_input(&self) -> LayerInput<'_> {
        LayerInput::Dense {
            x: &self.activations,
            n_cols: self.n_units,
            leading_zeros: &self.leading_zeros,
        }
    }
}

/// Images as the input of the first layer and of the direct connections.
fn image_input<'a>(
    x: &'a [F32x16],
    n_cols: usize,
    ones: &'a BinaryMatrix,
    is_sparse: bool,
) -> LayerInput<'a> {
    if is_sparse {
        LayerInput::Sparse(ones)
    } else {
        LayerInput::Dense { x, n_cols, leading_zeros: &[] }
    }
}

/// Rows of a minibatch that a thread takes: whole tiles of the micro-kernel, which are then the
/// same for any number of threads.
fn rows_per_thread(n_rows: usize, pool: &ThreadPool) -> usize {
    n_rows.div_ceil(pool.n_threads()).next_multiple_of(MR)
}

/// True if a pass reads the shared weights of layer `l` in place: those of the first layer if the
/// input is sparse, by tiles; those of the others if the mask permutes only their rows.
fn reads_in_place(l: usize, mask: &PrefixMask, is_sparse: bool) -> bool {
    if l == 0 { is_sparse } else { mask.out_order.is_none() }
}

impl Network {
    /// A network of a run with one mask, or with many.
    pub(crate) fn new(layout: ParamLayout, activation: Activation, has_many_masks: bool) -> Self {
        let sorted = PackedLayout::sorted(&layout);
        let training = if has_many_masks { PackedLayout::shared(&layout) } else { sorted.clone() };
        Self { layout, activation, sorted, training }
    }

    /// Gathers the shared weights that the passes of the loaded minibatch cannot read in place, in
    /// the order of `masks`.
    pub(crate) fn gather_weights(
        &self,
        masks: &SortedMasks,
        shared: &[F32x16],
        sorted: &mut [F32x16],
        workspace: &Workspace,
    ) {
        let level = Level::detect();
        let mut gather = |to: &PackedMatrix, from: &PackedMatrix, mask: &PrefixMask| {
            let weights = &shared[from.range.clone()];
            WeightView { weights, matrix: from.masked(mask) }
                .gather(level, &mut sorted[to.range.clone()]);
        };
        let layers = self.sorted.layers.iter().zip(&self.training.layers).zip(&masks.layers);
        for (l, ((to, from), mask)) in layers.enumerate() {
            if !reads_in_place(l, &mask.weight, workspace.is_sparse) {
                gather(&to.weight, &from.weight, &mask.weight);
            }
            if let Some((to, from)) = to.condition.as_ref().zip(from.condition.as_ref()) {
                gather(to, from, &mask.weight);
            }
            gather(&to.bias, &from.bias, &mask.bias);
        }
        let direct = self.sorted.direct.as_ref().zip(self.training.direct.as_ref());
        if let Some(((to, from), mask)) = direct.zip(masks.direct.as_ref()) {
            gather(to, from, mask);
        }
    }

    /// Weights of layer `l`, as a pass reads them.
    fn view<'a>(
        &self,
        weights: PassWeights<'a>,
        l: usize,
        mask: &'a PrefixMask,
        is_sparse: bool,
    ) -> WeightView<'a> {
        let (weights, matrix) = match weights {
            PassWeights::Shared { shared, .. } if reads_in_place(l, mask, is_sparse) => {
                (shared, &self.training.layers[l].weight)
            }
            PassWeights::Sorted(sorted) | PassWeights::Shared { sorted, .. } => {
                (sorted, &self.sorted.layers[l].weight)
            }
        };
        WeightView {
            weights: &weights[matrix.range.clone()],
            matrix: matrix.masked(mask),
        }
    }

    /// Computes the logits of the loaded images.
    pub(crate) fn forward(
        &self,
        pool: &ThreadPool,
        weights: PassWeights,
        masks: &SortedMasks,
        workspace: &mut Workspace,
    ) {
        let level = Level::detect();
        let n_rows = workspace.n_rows();
        let rows_per_thread = rows_per_thread(n_rows, pool);
        let Workspace {
            x,
            ones,
            is_sparse,
            hidden,
            logits,
            base_preactivation,
            scratch,
            ..
        } = workspace;
        let images = image_input(x, self.layout.n_inputs(), ones, *is_sparse);
        for (l, mask) in masks.layers.iter().enumerate() {
            let (lower, upper) = hidden.split_at_mut(l);
            let input = lower.last().map_or(images, HiddenBuffers::as_input);
            let (output, n_delta_units) = match upper.first_mut() {
                Some(buffers) => (&mut buffers.activations, Some(buffers.n_delta_units)),
                None => (&mut *logits, None),
            };
            let view = self.view(weights, l, &mask.weight, *is_sparse);
            let direct = self.direct_view(weights, masks).filter(|_| n_delta_units.is_none());
            let stride = view.matrix.shape.stride();
            let output = &mut output[..n_rows * stride];
            output.fill(F32x16::default());
            self.write_bias(weights.sorted(), l, mask, &mut output[..stride]);
            // Each thread sorts a few columns at a time into its part of the scratch buffer.
            let scratch_len = sparse::scratch_len(view.matrix);
            let total = scratch_len * n_rows.div_ceil(rows_per_thread);
            if scratch.len() < total {
                scratch.resize(total, F32x16::default());
            }
            let mut scratch = scratch.chunks_mut(scratch_len.max(1));
            let parts = output
                .chunks_mut(rows_per_thread * stride)
                .map(|rows| (rows, scratch.next().unwrap_or_default()));
            pool.for_each(parts.enumerate(), |(part, (rows, scratch))| {
                let first_row = part * rows_per_thread;
                input.add_product(level, rows, first_row, view, scratch);
                if let Some(direct) = direct {
                    images.add_product(level, rows, first_row, direct, &mut []);
                }
            });
            let (base, deltas) = output.split_at_mut(stride);
            let preactivation = &mut base_preactivation[..stride];
            preactivation.copy_from_slice(base);
            if let Some(n_delta_units) = n_delta_units {
                self.activation.forward(as_scalars_mut(base));
                as_scalars_mut(base)[n_delta_units..].fill(0.0);
            }
            let preactivation = as_scalars(preactivation);
            let base = BaseRow { preactivation, activation: as_scalars(base) };
            pool.for_each(deltas.chunks_mut(rows_per_thread * stride), |rows| {
                match n_delta_units {
                    Some(_) => self.activation.forward_deltas(as_scalars_mut(rows), base),
                    // Logits are needed in full, not as deltas.
                    None => add_to_rows(as_scalars_mut(rows), preactivation),
                }
            });
        }
    }

    /// After [`forward`](Self::forward): updates the weights by the gradient of the mean negative
    /// log-likelihood of the images. Returns the sum of their negative log-likelihoods, nats.
    pub(crate) fn backward(
        &self,
        pool: &ThreadPool,
        mut context: UpdateContext,
        masks: &SortedMasks,
        workspace: &mut Workspace,
    ) -> f64 {
        let loss = loss_gradient(pool, workspace);
        let level = Level::detect();
        let n_rows = workspace.n_rows();
        let rows_per_thread = rows_per_thread(n_rows, pool);
        let Workspace { x, ones, is_sparse, hidden, logits, packed, .. } = workspace;
        let images = image_input(x, self.layout.n_inputs(), ones, *is_sparse);
        let output_gradient = &logits[..n_rows * batch_shape(self.layout.n_outputs()).stride()];
        for l in (1..masks.layers.len()).rev() {
            let view = self.view(context.weights(), l, &masks.layers[l].weight, *is_sparse);
            let (lower, upper) = hidden.split_at_mut(l);
            let dz = upper.first().map_or(output_gradient, |buffers| &buffers.gradients);
            let stride = view.matrix.shape.stride();
            let HiddenBuffers { activations, gradients, leading_zeros, n_delta_units, .. } =
                &mut lower[l - 1];
            let in_stride = batch_shape(view.matrix.shape.rows).stride();
            let dx = &mut gradients[..n_rows * in_stride];
            let parts = dx.chunks_mut(rows_per_thread * in_stride).enumerate();
            pool.for_each(parts, |(part, dx)| {
                let first_row = part * rows_per_thread;
                level.dispatch(gemm::InputGradient {
                    dx,
                    dz: &dz[first_row * stride..],
                    weights: view,
                    leading_zeros: &leading_zeros[first_row..],
                });
            });
            let activations = as_scalars(&activations[..n_rows * in_stride]);
            let shape = DeltaShape { width: in_stride * LANES, n_delta_units: *n_delta_units };
            self.activation.backward_deltas(as_scalars_mut(dx), activations, shape);
        }
        for (l, (packed_layer, mask)) in self.training.layers.iter().zip(&masks.layers).enumerate()
        {
            let (lower, upper) = hidden.split_at(l);
            let input = lower.last().map_or(images, HiddenBuffers::as_input);
            let stride = packed_layer.weight.shape.stride();
            let dz = upper.first().map_or(output_gradient, |buffers| &buffers.gradients);
            let dz = &dz[..n_rows * stride];
            let sink = context.sink(&packed_layer.weight, &mask.weight);
            input.update_weights(pool, packed, sink, dz);
            // The base row holds the sum over the images: the gradient of the biases, and of every
            // open conditioning weight.
            let bias_gradient = &dz[..stride];
            if let Some(condition) = &packed_layer.condition {
                context.sink(condition, &mask.weight).apply_to_all_rows(pool, bias_gradient);
            }
            context
                .sink(&packed_layer.bias, &mask.bias)
                .apply_to_all_rows(pool, bias_gradient);
        }
        if let Some((matrix, mask)) = self.training.direct.as_ref().zip(masks.direct.as_ref()) {
            images.update_weights(pool, packed, context.sink(matrix, mask), output_gradient);
        }
        loss
    }

    /// Direct connections, if the model has them; never read in place.
    fn direct_view<'a>(
        &self,
        weights: PassWeights<'a>,
        masks: &'a SortedMasks,
    ) -> Option<WeightView<'a>> {
        let (matrix, mask) = self.sorted.direct.as_ref().zip(masks.direct.as_ref())?;
        let weights = &weights.sorted()[matrix.range.clone()];
        Some(WeightView { weights, matrix: matrix.masked(mask) })
    }

    /// Writes the biases of layer `l`, with the sums of its open conditioning weights, into `out`.
    fn write_bias(&self, sorted: &[F32x16], l: usize, mask: &LayerMask, out: &mut [F32x16]) {
        let layer = &self.sorted.layers[l];
        out.copy_from_slice(&sorted[layer.bias.range.clone()]);
        if let Some(condition) = &layer.condition {
            let rows = sorted[condition.range.clone()].chunks_exact(condition.shape.stride());
            for (row, &start) in rows.zip(&mask.weight.col_start) {
                let open = as_scalars_mut(out)[start as usize..]
                    .iter_mut()
                    .zip(&as_scalars(row)[start as usize..]);
                open.for_each(|(out, u)| *out += u);
            }
        }
    }
}

/// Replaces the logits by the gradient of the mean negative log-likelihood, with its sum over the
/// images in the base row. Returns the sum of the negative log-likelihoods, nats.
fn loss_gradient(pool: &ThreadPool, workspace: &mut Workspace) -> f64 {
    let n_rows = workspace.n_rows();
    let n_images = n_rows - 1;
    let rows_per_thread = rows_per_thread(n_rows, pool);
    let (distribution, dim, n_outputs) =
        (workspace.distribution, workspace.dim, workspace.n_outputs());
    let (x_stride, stride) = (batch_shape(dim).stride(), batch_shape(n_outputs).stride());
    let (x, logits, nll) = workspace.values_and_logits();
    let (x, logits) = (&x[x_stride..n_rows * x_stride], &mut logits[..n_rows * stride]);
    let (base, rows) = logits.split_at_mut(stride);
    let (nll, scale) = (&mut nll[..n_images], 1.0 / n_images as f32);
    pool.for_each(
        rows.chunks_mut(rows_per_thread * stride)
            .zip(x.chunks(rows_per_thread * x_stride))
            .zip(nll.chunks_mut(rows_per_thread)),
        |((z, x), nll)| {
            for ((z, x), nll) in z.chunks_exact_mut(stride).zip(x.chunks_exact(x_stride)).zip(nll) {
                let (z, x) = (&mut as_scalars_mut(z)[..n_outputs], &as_scalars(x)[..dim]);
                *nll = distribution.nll_gradient(z, x, scale);
            }
        },
    );
    column_sums(as_scalars(rows), as_scalars_mut(base));
    nll.iter().sum()
}

/// Bias of each unit of a layer, with the sum of its open conditioning weights [n_out], from
/// parameters in the order of the mask.
pub(super) fn biases(params: &[f32], layer: &LayerLayout, mask: &PrefixMask) -> Vec<f32> {
    let mut out = params[layer.bias.clone()].to_vec();
    if let Some(condition) = &layer.condition {
        let rows = params[condition.clone()].chunks_exact(layer.n_in.max(1));
        for ((out, row), &len) in out.iter_mut().zip(rows).zip(&mask.row_len) {
            *out += row[..len as usize].iter().sum::<f32>();
        }
    }
    out
}
