//! Layout of the parameters: the range of each matrix in the one flat array of a model.
//!
//! Parameters are numbered in *model order*: hidden units by their degree under the first mask of
//! the run, inputs and outputs by their position in its first ordering. Under that mask, units are
//! already sorted.

use std::ops::Range;

use crate::made::ModelConfig;

/// Parameters of one layer, hidden or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerLayout {
    /// Number of output units.
    pub n_out: usize,
    /// Number of input units; 0 for the output layer of a model without hidden layers.
    pub n_in: usize,
    /// Weights [n_out x n_in], row-major.
    pub weight: Range<usize>,
    /// Biases [n_out].
    pub bias: Range<usize>,
    /// Conditioning weights U [n_out x n_in], row-major, if the model has them.
    pub condition: Option<Range<usize>>,
}

/// All parameters of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamLayout {
    /// Number of inputs D.
    pub dim: usize,
    /// Hidden layers from the input up, then the output layer.
    pub layers: Vec<LayerLayout>,
    /// Direct connections A [D x D], row-major, if the model has them.
    pub direct: Option<Range<usize>>,
    /// Number of parameters.
    pub len: usize,
}

impl ParamLayout {
    /// The layout of a model with `dim` inputs.
    pub fn new(model: &ModelConfig, dim: usize) -> Self {
        let mut len = 0;
        let mut take = |count: usize| {
            len += count;
            len - count..len
        };
        let inputs = std::iter::once(dim).chain(model.hidden.iter().copied());
        let mut n_in: Vec<usize> = inputs.collect();
        if model.hidden.is_empty() {
            n_in[0] = 0;
        }
        let n_out = model.hidden.iter().copied().chain(std::iter::once(dim));
        let layers = n_in
            .into_iter()
            .zip(n_out)
            .map(|(n_in, n_out)| LayerLayout {
                n_out,
                n_in,
                weight: take(n_out * n_in),
                bias: take(n_out),
                condition: model.condition.then(|| take(n_out * n_in)),
            })
            .collect();
        let direct = model.skip.then(|| take(dim * dim));
        Self { dim, layers, direct, len }
    }

    /// Number of units of each hidden layer.
    pub fn hidden(&self) -> impl Iterator<Item = usize> + '_ {
        self.layers[..self.layers.len() - 1].iter().map(|layer| layer.n_out)
    }

    /// The output layer.
    pub fn output(&self) -> &LayerLayout {
        self.layers.last().expect("a network has an output")
    }

    /// Multiply-adds of a dense forward pass of one image.
    pub fn multiply_adds(&self) -> usize {
        self.layers.iter().map(|layer| layer.weight.len()).sum::<usize>()
            + self.direct.as_ref().map_or(0, Range::len)
    }
}
