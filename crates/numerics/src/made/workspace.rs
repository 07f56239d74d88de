//! Buffers of a minibatch on its way through the network, delta-encoded.
//!
//! Most images start with a run of zero pixels: on MNIST in raster order, the first 150 of 784
//! pixels are off before one is on. Activations for the all-zero image are computed once and stored
//! in row 0 of every matrix, the *base row*; each image is stored as its difference from it, so its
//! leading entries are zero and are skipped (delta encoding). [`super::kernels`] has the equations.

use crate::data::{Example, Row};
use crate::made::kernels::matrix::batch_shape;
use crate::made::kernels::simd::{F32x16, LANES, as_scalars, as_scalars_mut, prefetch_values};
use crate::made::kernels::sparse::BinaryMatrix;
use crate::made::kernels::weight_gradient::PackedGradients;
use crate::made::layout::ParamLayout;
use crate::made::output::{Distribution, Input};
use crate::made::sorted_masks::SortedMasks;

/// Buffers of a minibatch, allocated once. Every matrix has the base row, then one row per image.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(super) dim: usize,
    classes: usize,
    pub(super) distribution: Distribution,
    input: Input,
    /// Row of each image; images are sorted by their number of leading zeros.
    rows: Vec<usize>,
    /// Inputs [1 + n_images x n_inputs], by position; the base row is zero.
    pub(super) x: Vec<F32x16>,
    /// The non-zeros of `x`, which are all 1 unless grey levels enter scaled; of real numbers only
    /// the classes.
    pub(super) ones: BinaryMatrix,
    /// Level of each pixel, or real number [1 + n_images x dim], by position; empty where `x` holds
    /// the same.
    values: Vec<F32x16>,
    /// True if the products with `ones` are faster than those with `x`.
    pub(super) is_sparse: bool,
    /// Hidden layers from the input up.
    pub(super) hidden: Vec<HiddenBuffers>,
    /// Parameters of the pixels' distributions [1 + n_images x n_outputs], which the backward pass
    /// replaces by their gradient.
    pub(super) logits: Vec<F32x16>,
    /// Pre-activations of a layer for the all-zero image.
    pub(super) base_preactivation: Vec<F32x16>,
    /// Negative log-likelihood of each row's image, nats.
    pub(super) nll: Vec<f64>,
    pub(super) packed: PackedGradients,
    /// A few columns of the first matrix, sorted out of its tiles.
    pub(super) scratch: Vec<F32x16>,
    is_training: bool,
}

/// Buffers of one hidden layer.
#[derive(Debug)]
pub(super) struct HiddenBuffers {
    pub(super) n_units: usize,
    /// Activations [1 + n_images x n_units]: of the all-zero image, then deltas of the images.
    pub(super) activations: Vec<F32x16>,
    /// Gradients [1 + n_images x n_units]: their sum over the images, then those of the images.
    pub(super) gradients: Vec<F32x16>,
    /// Number of leading units of each row whose delta is zero, rounded down to whole vectors
    /// [1 + n_images], non-decreasing.
    pub(super) leading_zeros: Vec<u32>,
    /// Number of leading units that are stored as deltas from the base row; the base row is zero
    /// beyond them.
    pub(super) n_delta_units: usize,
}

impl Workspace {
    /// Buffers to train on minibatches of up to `batch` images.
    pub(crate) fn for_training(layout: &ParamLayout, batch: usize) -> Self {
        Self { is_training: true, ..Self::for_scoring(layout, batch) }
    }

    /// Buffers to score minibatches of up to `batch` images. The result of an image does not depend
    /// on the others.
    pub(crate) fn for_scoring(layout: &ParamLayout, batch: usize) -> Self {
        let zeros = |count: usize| vec![F32x16::default(); count];
        let matrix = |cols: usize| zeros((batch + 1) * batch_shape(cols).stride());
        let widest = layout.layers.iter().map(|layer| layer.n_out).max().unwrap_or(0);
        let hidden = layout.hidden().map(|n_units| HiddenBuffers {
            n_units,
            activations: matrix(n_units),
            gradients: matrix(n_units),
            leading_zeros: Vec::new(),
            n_delta_units: 0,
        });
        let is_grey = layout.distribution.levels().is_some_and(|levels| levels > 2);
        let values_are_inputs = !is_grey && layout.classes == 0;
        Self {
            dim: layout.dim,
            classes: layout.classes,
            distribution: layout.distribution,
            input: layout.input,
            rows: Vec::new(),
            x: matrix(layout.n_inputs()),
            ones: BinaryMatrix::default(),
            values: if values_are_inputs { Vec::new() } else { matrix(layout.dim) },
            is_sparse: false,
            hidden: hidden.collect(),
            logits: matrix(layout.n_outputs()),
            base_preactivation: zeros(batch_shape(widest).stride()),
            nll: vec![0.0; batch],
            packed: PackedGradients::default(),
            scratch: Vec::new(),
            is_training: false,
        }
    }

    /// Loads images, by pixel, as a minibatch with pixels in the order of `masks`.
    pub(crate) fn load<'a>(
        &mut self,
        images: impl Iterator<Item = Example<'a>> + Clone,
        masks: &SortedMasks,
    ) {
        let levels = self.distribution.levels();
        let is_grey = levels.is_some_and(|levels| levels > 2);
        let one_hot = is_grey && self.input == Input::OneHot;
        // Factor of the values that enter as they are, not as ones.
        let scale = match levels {
            None => Some(1.0),
            Some(levels) => {
                (is_grey && self.input == Input::Scaled).then(|| 1.0 / (levels - 1) as f32)
            }
        };
        let per_pixel = self.distribution.inputs(self.input);
        let n_inputs = self.classes + self.dim * per_pixel;
        self.ones.clear();
        self.ones.push(None, &[], &[]);
        let mut prefetched = images.clone().skip(2);
        for Example { values, class } in images.clone() {
            match prefetched.next().map(|next| next.values) {
                Some(Row::Levels(next)) => prefetch_values(next),
                Some(Row::Real(next)) => prefetch_values(next),
                None => {}
            }
            let class = class.map(u32::from).filter(|_| self.classes > 0);
            match values {
                Row::Levels(pixels) if one_hot => {
                    self.ones.push_one_hot(class, pixels, &masks.first_inputs);
                }
                Row::Levels(pixels) => self.ones.push(class, pixels, &masks.first_inputs),
                Row::Real(_) => self.ones.push(class, &[], &[]),
            }
        }
        let order = self.ones.sort_rows();
        self.rows.resize(order.len() - 1, 0);
        for (row, &added) in order.iter().enumerate().skip(1) {
            self.rows[added as usize - 1] = row;
        }
        self.ones.build_csc(n_inputs);
        self.is_sparse = scale.is_none() && self.ones.is_sparse(self.rows.len() * n_inputs);
        let stride = batch_shape(n_inputs).stride();
        let n_rows = self.n_rows();
        for (row, x) in self.x.chunks_exact_mut(stride).enumerate().take(n_rows).skip(1) {
            x.fill(F32x16::default());
            let x = as_scalars_mut(x);
            self.ones.row(row).iter().for_each(|&column| x[column as usize] = 1.0);
        }
        if scale.is_some() || !self.values.is_empty() {
            self.load_values(images, masks, scale);
        }
        // The class is a pixel before all others: no image that has one begins as the base row does.
        // Real numbers are not zero.
        let zero_pixels = |row: usize| match self.ones.row(row).first() {
            _ if levels.is_none() => 0,
            None => self.dim,
            Some(&first) => (first as usize).saturating_sub(self.classes) / per_pixel,
        };
        for (buffers, degrees) in self.hidden.iter_mut().zip(&masks.degrees) {
            // A unit sees as many leading pixels as its degree says.
            let zero_units =
                |row| degrees.partition_point(|&degree| degree as usize <= zero_pixels(row));
            let zeros = &mut buffers.leading_zeros;
            zeros.clear();
            zeros.push(0);
            zeros.extend((1..n_rows).map(|row| (zero_units(row) / LANES * LANES) as u32));
            // The last image has the most leading zeros. Beyond them, no image of the minibatch
            // agrees with the all-zero one, and a delta would only add noise (see `kernels`).
            buffers.n_delta_units =
                if self.is_training { zero_units(n_rows - 1) } else { degrees.len() };
        }
    }

    /// Writes all values into `values`, unless `x` holds the same, and, `scale` times, into `x`.
    fn load_values<'a>(
        &mut self,
        images: impl Iterator<Item = Example<'a>>,
        masks: &SortedMasks,
        scale: Option<f32>,
    ) {
        let stride = batch_shape(self.dim).stride();
        let x_stride = batch_shape(self.classes + self.dim).stride();
        for (Example { values, .. }, &row) in images.zip(&self.rows) {
            if !self.values.is_empty() {
                let to = &mut self.values[row * stride..][..stride];
                write(&mut as_scalars_mut(to)[..self.dim], values, &masks.pixels, 1.0);
            }
            if let Some(scale) = scale {
                let x = as_scalars_mut(&mut self.x[row * x_stride..][..x_stride]);
                write(&mut x[self.classes..][..self.dim], values, &masks.pixels, scale);
            }
        }
    }

    /// Rows of every matrix: the base row and one per loaded image.
    pub(super) fn n_rows(&self) -> usize {
        self.rows.len() + 1
    }

    /// Number of outputs.
    pub(super) fn n_outputs(&self) -> usize {
        self.dim * self.distribution.parameters()
    }

    /// Values of every image [1 + n_images x dim], by position, the parameters of their
    /// distributions, and the negative log-likelihoods.
    pub(super) fn values_and_logits(&mut self) -> (&[F32x16], &mut [F32x16], &mut [f64]) {
        let values = if self.values.is_empty() { &self.x } else { &self.values };
        (values, &mut self.logits, &mut self.nll)
    }

    /// Parameters of the distributions of each image's pixels after a forward pass [n_images x
    /// n_outputs], by position.
    pub(crate) fn logits(&self) -> impl Iterator<Item = &[f32]> {
        self.by_image(&self.logits, self.n_outputs())
    }

    /// Values of each image [n_images x dim], by position.
    pub(crate) fn values(&self) -> impl Iterator<Item = &[f32]> {
        self.by_image(if self.values.is_empty() { &self.x } else { &self.values }, self.dim)
    }

    fn by_image<'a>(
        &'a self,
        matrix: &'a [F32x16],
        cols: usize,
    ) -> impl Iterator<Item = &'a [f32]> {
        let stride = batch_shape(cols).stride();
        self.rows
            .iter()
            .map(move |row| &as_scalars(&matrix[row * stride..][..stride])[..cols])
    }

    /// Negative log-likelihood of each image after a forward pass, nats [n_images].
    pub(crate) fn nll(&self, out: &mut [f64]) {
        for ((z, x), out) in self.logits().zip(self.values()).zip(out) {
            *out = self.distribution.nll(z, x);
        }
    }
}

/// Writes `scale` times the values of a row, in the order of `pixels`.
fn write(to: &mut [f32], row: Row, pixels: &[u32], scale: f32) {
    let places = to.iter_mut().zip(pixels);
    match row {
        Row::Levels(levels) => {
            places.for_each(|(to, &pixel)| *to = scale * f32::from(levels[pixel as usize]));
        }
        Row::Real(values) => {
            places.for_each(|(to, &pixel)| *to = scale * values[pixel as usize]);
        }
    }
}
