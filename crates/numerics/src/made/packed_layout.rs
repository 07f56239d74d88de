//! Packed layout: the range of each matrix in the array of vectors that the kernels work on.
//!
//! It is a second layout next to that of the parameters (see `layout`), which files, other programs
//! and candle see. Matrices are transposed, a row per input unit, and rows are padded to whole
//! vectors with zeros, which remain zero. [`super::kernels`] has a drawing.

use std::ops::Range;

use crate::made::kernels::level::Level;
use crate::made::kernels::matrix::{MaskedMatrix, PaddedShape, PrefixMask, Storage};
use crate::made::kernels::pack::{Pack, Unpack, column_part};
use crate::made::kernels::simd::{F32x16, LANES};
use crate::made::layout::ParamLayout;

/// A matrix in the packed array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackedMatrix {
    /// Its vectors.
    pub(crate) range: Range<usize>,
    /// Its shape [n_in x n_out].
    pub(crate) shape: PaddedShape,
    /// Storage of its elements.
    pub(crate) storage: Storage,
}

impl PackedMatrix {
    /// A matrix whose first vector is `start`.
    pub(crate) fn new(start: usize, shape: PaddedShape, storage: Storage) -> Self {
        let len = match storage {
            Storage::SharedTiles => shape.rows.div_ceil(LANES) * shape.cols,
            Storage::Sorted | Storage::Shared => shape.len(),
        };
        Self { range: start..start + len, shape, storage }
    }

    /// This matrix under a mask.
    pub(crate) fn masked<'a>(&self, mask: &'a PrefixMask) -> MaskedMatrix<'a> {
        MaskedMatrix::new(self.shape, mask, self.storage)
    }

    /// Index of the element in row `k` and column `n`.
    #[cfg(test)]
    pub(crate) fn index(&self, k: usize, n: usize) -> usize {
        match self.storage {
            Storage::SharedTiles => (k / LANES * self.shape.cols + n) * LANES + k % LANES,
            Storage::Sorted | Storage::Shared => k * self.shape.stride() * LANES + n,
        }
    }

    /// Parameters in each vector of the tiles.
    fn tile_columns(&self) -> impl Iterator<Item = Range<usize>> {
        let shape = self.shape;
        let tile = move |k: usize| (0..shape.cols).map(move |n| column_part(shape, k, n));
        (0..shape.rows).step_by(LANES).flat_map(tile)
    }

    fn pack(&self, params: &[f32], packed: &mut [F32x16]) {
        if self.storage != Storage::SharedTiles {
            return Level::detect().dispatch(Pack { packed, params, shape: self.shape });
        }
        for (vector, part) in packed.iter_mut().zip(self.tile_columns()) {
            vector.0[..part.len()].copy_from_slice(&params[part]);
        }
    }

    fn unpack(&self, packed: &[F32x16], params: &mut [f32]) {
        if self.storage != Storage::SharedTiles {
            return Level::detect().dispatch(Unpack { params, packed, shape: self.shape });
        }
        for (vector, part) in packed.iter().zip(self.tile_columns()) {
            params[part.clone()].copy_from_slice(&vector.0[..part.len()]);
        }
    }
}

/// Matrices of one layer, as in [`LayerLayout`](crate::made::layout::LayerLayout).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackedLayer {
    /// Weights.
    pub(crate) weight: PackedMatrix,
    /// Biases: one row.
    pub(crate) bias: PackedMatrix,
    /// Conditioning weights, if the model has them.
    pub(crate) condition: Option<PackedMatrix>,
}

/// All matrices of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackedLayout {
    /// Hidden layers from the input up, then the output layer.
    pub(crate) layers: Vec<PackedLayer>,
    /// Direct connections, if the model has them.
    pub(crate) direct: Option<PackedMatrix>,
    /// Vectors in all.
    pub(crate) len: usize,
}

impl PackedLayout {
    /// Layout of weights in the order of one mask.
    pub(crate) fn sorted(params: &ParamLayout) -> Self {
        Self::new(params, Storage::Sorted, Storage::Sorted)
    }

    /// Layout of weights that many masks share. The first matrix is in tiles: it is the largest,
    /// and every mask permutes its columns.
    pub(crate) fn shared(params: &ParamLayout) -> Self {
        Self::new(params, Storage::SharedTiles, Storage::Shared)
    }

    fn new(params: &ParamLayout, first_matrix: Storage, others: Storage) -> Self {
        let mut len = 0;
        let mut matrix = |rows: usize, cols: usize, storage: Storage| {
            let matrix = PackedMatrix::new(len, PaddedShape { rows, cols }, storage);
            len = matrix.range.end;
            matrix
        };
        let layers = params
            .layers
            .iter()
            .enumerate()
            .map(|(l, layer)| PackedLayer {
                weight: matrix(layer.n_in, layer.n_out, if l == 0 { first_matrix } else { others }),
                bias: matrix(1, layer.n_out, others),
                condition: layer
                    .condition
                    .as_ref()
                    .map(|_| matrix(layer.n_in, layer.n_out, others)),
            })
            .collect();
        let direct = params
            .direct
            .as_ref()
            .map(|_| matrix(params.n_direct(), params.n_outputs(), others));
        Self { layers, direct, len }
    }

    /// All matrices, biases included, with their ranges in the parameters.
    fn matrices<'a>(
        &'a self,
        params: &'a ParamLayout,
    ) -> impl Iterator<Item = (Range<usize>, &'a PackedMatrix)> {
        let layers = params.layers.iter().zip(&self.layers).flat_map(|(layer, packed)| {
            let condition = layer.condition.clone().zip(packed.condition.as_ref());
            [(layer.weight.clone(), &packed.weight), (layer.bias.clone(), &packed.bias)]
                .into_iter()
                .chain(condition)
        });
        layers.chain(params.direct.clone().zip(self.direct.as_ref()))
    }

    /// Packs all parameters.
    pub(crate) fn pack(&self, layout: &ParamLayout, params: &[f32], packed: &mut [F32x16]) {
        for (range, matrix) in self.matrices(layout) {
            matrix.pack(&params[range], &mut packed[matrix.range.clone()]);
        }
    }

    /// Unpacks all parameters.
    pub(crate) fn unpack(&self, layout: &ParamLayout, packed: &[F32x16], params: &mut [f32]) {
        for (range, matrix) in self.matrices(layout) {
            matrix.unpack(&packed[matrix.range.clone()], &mut params[range]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::simd::as_scalars;

    proptest! {
        /// In rows and in tiles, every element is at its index, and unpacking restores them all.
        #[test]
        fn a_packed_matrix_holds_each_element_once(
            rows in 1usize..70, cols in 1usize..70, tiled: bool,
        ) {
            let storage = if tiled { Storage::SharedTiles } else { Storage::Sorted };
            let matrix = PackedMatrix::new(0, PaddedShape { rows, cols }, storage);
            let params: Vec<f32> = (1..=rows * cols).map(|i| i as f32).collect();
            let mut packed = vec![F32x16::default(); matrix.range.len()];
            matrix.pack(&params, &mut packed);
            for (i, &element) in params.iter().enumerate() {
                prop_assert_eq!(as_scalars(&packed)[matrix.index(i % rows, i / rows)], element);
            }
            let nonzero = as_scalars(&packed).iter().filter(|element| **element != 0.0);
            prop_assert_eq!(nonzero.count(), params.len());
            let mut back = vec![f32::NAN; params.len()];
            matrix.unpack(&packed, &mut back);
            prop_assert_eq!(back, params);
        }
    }
}
