//! Layout: where each weight of a network stands in its one flat array of parameters.
//!
//! Parameters live in *model space*: hidden units are numbered by their degree under the run's
//! first mask, inputs and outputs by their position in its first ordering. Under the first mask
//! every mask is then a staircase as it stands.

use std::ops::Range;

use crate::made::ModelConfig;

/// One masked matrix with its bias: a hidden layer, or the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Units above.
    pub rows: usize,
    /// Units below; 0 for the output of a model without hidden layers.
    pub cols: usize,
    /// Weights, row by row.
    pub weight: Range<usize>,
    /// Biases, one a row.
    pub bias: Range<usize>,
    /// Conditioning weights U, row by row, where the model has them.
    pub condition: Option<Range<usize>>,
}

/// All parameters of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Number of inputs D.
    pub dim: usize,
    /// Hidden layers from the input up, then the output.
    pub links: Vec<Link>,
    /// Direct connections A, D x D row by row, where the model has them.
    pub direct: Option<Range<usize>>,
    /// Length of the flat array.
    pub len: usize,
}

impl Layout {
    /// The layout of a model for `dim` inputs.
    pub fn new(model: &ModelConfig, dim: usize) -> Self {
        let mut len = 0;
        let mut take = |count: usize| {
            len += count;
            len - count..len
        };
        let below = std::iter::once(dim).chain(model.hidden.iter().copied());
        let mut cols: Vec<usize> = below.collect();
        if model.hidden.is_empty() {
            cols[0] = 0;
        }
        let rows = model.hidden.iter().copied().chain(std::iter::once(dim));
        let links = cols
            .into_iter()
            .zip(rows)
            .map(|(cols, rows)| Link {
                rows,
                cols,
                weight: take(rows * cols),
                bias: take(rows),
                condition: model.condition.then(|| take(rows * cols)),
            })
            .collect();
        let direct = model.skip.then(|| take(dim * dim));
        Self { dim, links, direct, len }
    }

    /// Widths of the hidden layers.
    pub fn hidden(&self) -> impl Iterator<Item = usize> + '_ {
        self.links[..self.links.len() - 1].iter().map(|link| link.rows)
    }

    /// The output's matrix.
    pub fn output(&self) -> &Link {
        self.links.last().expect("a network has an output")
    }

    /// Multiply-adds of one dense forward pass of one image.
    pub fn multiply_adds(&self) -> usize {
        self.links.iter().map(|link| link.weight.len()).sum::<usize>()
            + self.direct.as_ref().map_or(0, Range::len)
    }
}
