//! Layout of the parameters: the range of each matrix in the one flat array of a model.
//!
//! Parameters are numbered in *model order*: hidden units by their degree under the first mask of
//! the run, inputs and outputs by the position of their pixel in its first ordering. Under that
//! mask, units are already sorted. The inputs of a pixel are next to each other, and so are its
//! outputs (see `output`).

use std::ops::Range;

use crate::made::ModelConfig;
use crate::made::output::{Distribution, Input, Variables};

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
    /// Number of pixels D.
    pub dim: usize,
    /// Distribution of a pixel.
    pub distribution: Distribution,
    /// Form in which pixels enter.
    pub input: Input,
    /// Number of inputs for the classes, which come before those of the pixels.
    pub classes: usize,
    /// Hidden layers from the input up, then the output layer.
    pub layers: Vec<LayerLayout>,
    /// Direct connections A [n_outputs x n_direct], row-major, from the classes and, if the model has
    /// them, from the pixels.
    pub direct: Option<Range<usize>>,
    /// Number of parameters.
    pub len: usize,
}

impl ParamLayout {
    /// The layout of a model of these variables.
    pub fn new(model: &ModelConfig, variables: impl Into<Variables>) -> Self {
        let Variables { dim, levels, classes } = variables.into();
        let distribution = Distribution::new(model.output, levels, model.components);
        let n_inputs = classes + dim * distribution.inputs(model.input);
        let n_outputs = dim * distribution.parameters();
        let mut len = 0;
        let mut take = |count: usize| {
            len += count;
            len - count..len
        };
        let inputs = std::iter::once(n_inputs).chain(model.hidden.iter().copied());
        let mut n_in: Vec<usize> = inputs.collect();
        if model.hidden.is_empty() {
            n_in[0] = 0;
        }
        let n_out = model.hidden.iter().copied().chain(std::iter::once(n_outputs));
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
        let n_direct = if model.skip { n_inputs } else { classes };
        let direct = (model.skip || classes > 0).then(|| take(n_outputs * n_direct));
        Self {
            dim,
            distribution,
            input: model.input,
            classes,
            layers,
            direct,
            len,
        }
    }

    /// Number of inputs of a pixel.
    pub fn inputs_per_pixel(&self) -> usize {
        self.distribution.inputs(self.input)
    }

    /// Number of inputs of the network.
    pub fn n_inputs(&self) -> usize {
        self.classes + self.dim * self.inputs_per_pixel()
    }

    /// Number of inputs that are connected to outputs directly.
    pub fn n_direct(&self) -> usize {
        self.direct.as_ref().map_or(0, |direct| direct.len() / self.n_outputs())
    }

    /// Number of outputs of the network.
    pub fn n_outputs(&self) -> usize {
        self.output().n_out
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
