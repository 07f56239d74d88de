//! Masked matrices: padded shape, mask, storage, and a view of weights that kernels read.
//!
//! A matrix of weights has a row for each input unit and, along it, the weights to all output units
//! in whole vectors. That is the transpose of the parameters' layout: a row is what one input
//! contributes, so that a sparse input selects rows. The pictures are in [`super`].

use std::ops::Range;

use crate::made::kernels::simd::{F32x16, LANES, Simd};

/// Columns of a sum of selected rows, in vectors: as many accumulators as hide the latency of an
/// addition. Kernels read the open columns of a row in groups of this size. Of sixteen consecutive
/// rows they read nothing to the left of the group in which the first of these rows begins.
pub(super) const SPARSE_NR: usize = 8;

/// Shape of a matrix whose rows are padded to whole vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PaddedShape {
    /// Number of rows.
    pub(crate) rows: usize,
    /// Number of elements in a row, without padding.
    pub(crate) cols: usize,
}

impl PaddedShape {
    /// Vectors in a row.
    #[inline(always)]
    pub(crate) fn vectors(self) -> usize {
        self.cols.div_ceil(LANES)
    }

    /// Vectors from one row to the next: an odd number, so that a column spreads over all sets of a
    /// cache.
    #[inline(always)]
    pub(crate) fn stride(self) -> usize {
        self.vectors() | 1
    }

    /// Vectors in the whole matrix.
    pub(crate) fn len(self) -> usize {
        self.rows * self.stride()
    }

    /// Blocks of up to `size` vectors, as ranges of a row.
    #[inline(always)]
    pub(crate) fn column_blocks(self, size: usize) -> impl Iterator<Item = Range<usize>> {
        let vectors = self.vectors();
        (0..vectors).step_by(size).map(move |first| first..vectors.min(first + size))
    }
}

/// Shape of a minibatch with `cols` units a row; its number of rows is in the slice.
pub(crate) fn batch_shape(cols: usize) -> PaddedShape {
    PaddedShape { rows: 0, cols }
}

/// Mask of one matrix, in the order that sorts units by degree: output unit `n` is connected to the
/// first `row_len[n]` input units, and input unit `k` to all output units from `col_start[k]` on.
/// Either of the two says everything; kernels need both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrefixMask {
    /// Number of leading input units that each output unit is connected to [n_out], non-decreasing.
    pub(crate) row_len: Vec<u32>,
    /// First output unit connected to each input unit [n_in], non-decreasing.
    pub(crate) col_start: Vec<u32>,
    /// Parameter index of each sorted input unit [n_in]; `None` for the identity.
    pub(crate) in_order: Option<Vec<u32>>,
    /// Parameter index of each sorted output unit [n_out]; `None` for the identity.
    pub(crate) out_order: Option<Vec<u32>>,
}

impl PrefixMask {
    /// The mask of `n_in` input units with these prefix lengths and orders.
    pub(crate) fn new(
        row_len: Vec<u32>,
        n_in: usize,
        in_order: Option<Vec<u32>>,
        out_order: Option<Vec<u32>>,
    ) -> Self {
        let mut col_start = Vec::with_capacity(n_in);
        for (n, &len) in row_len.iter().enumerate() {
            col_start.resize(len as usize, n as u32);
        }
        col_start.resize(n_in, row_len.len() as u32);
        Self { row_len, col_start, in_order, out_order }
    }

    /// The mask of the biases of this mask's output units: they are the weights of one input unit
    /// that is always on and connected to all of them.
    pub(crate) fn of_bias(&self) -> Self {
        Self {
            row_len: vec![1; self.row_len.len()],
            col_start: vec![0],
            in_order: None,
            out_order: self.out_order.clone(),
        }
    }
}

/// Storage of weights relative to a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Row-major, units in the order of the mask. Weights that the mask closes are zero.
    Sorted,
    /// Row-major, units in the order of the parameters, which all masks of a run share. A weight
    /// that one mask closes may be open in another and have any value.
    Shared,
    /// Like `Shared`, in tiles of 16 rows: a tile holds its columns one after the other, each one
    /// vector, so that sorting the columns moves whole vectors.
    SharedTiles,
}

/// Everything of a masked matrix but its elements. It borrows the lists of a [`PrefixMask`] one by
/// one, so that inner loops reach them without an indirection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaskedMatrix<'a> {
    /// Shape [n_in x n_out].
    pub(crate) shape: PaddedShape,
    /// Storage of the elements.
    pub(crate) storage: Storage,
    row_len: &'a [u32],
    col_start: &'a [u32],
    /// Stored row of each sorted input unit [n_in]; `None` for the identity.
    stored_rows: Option<&'a [u32]>,
    /// Stored column of each sorted output unit [n_out]; `None` for the identity.
    stored_columns: Option<&'a [u32]>,
}

impl<'a> MaskedMatrix<'a> {
    /// A matrix under a mask.
    pub(crate) fn new(shape: PaddedShape, mask: &'a PrefixMask, storage: Storage) -> Self {
        let is_sorted = storage == Storage::Sorted;
        let unless_sorted = |order: &'a Option<Vec<u32>>| order.as_deref().filter(|_| !is_sorted);
        Self {
            shape,
            storage,
            row_len: &mask.row_len,
            col_start: &mask.col_start,
            stored_rows: unless_sorted(&mask.in_order),
            stored_columns: unless_sorted(&mask.out_order),
        }
    }

    /// Number of leading input units connected to any output unit of these vectors.
    #[inline(always)]
    pub(crate) fn depth(&self, vectors: &Range<usize>) -> usize {
        self.row_len[self.shape.cols.min(vectors.end * LANES) - 1] as usize
    }

    /// First output unit connected to input unit `k`.
    #[inline(always)]
    pub(crate) fn col_start(&self, k: usize) -> usize {
        self.col_start[k] as usize
    }

    /// Stored row of sorted input unit `k`.
    #[inline(always)]
    pub(crate) fn stored_row(&self, k: usize) -> usize {
        self.stored_rows.map_or(k, |rows| rows[k] as usize)
    }

    /// Stored column of sorted output unit `n`.
    #[inline(always)]
    pub(crate) fn stored_column(&self, n: usize) -> usize {
        self.stored_columns.map_or(n, |columns| columns[n] as usize)
    }

    /// Stored column of each sorted output unit [n_out]; `None` for the identity.
    #[inline(always)]
    pub(crate) fn stored_columns(&self) -> Option<&'a [u32]> {
        self.stored_columns
    }

    /// Sorted input unit of each stored row: the inverse of `stored_row`.
    pub(crate) fn sorted_rows(&self) -> Vec<u32> {
        let mut sorted = vec![0; self.shape.rows];
        (0..self.shape.rows).for_each(|k| sorted[self.stored_row(k)] = k as u32);
        sorted
    }
}

/// Weights of a masked matrix, as the products read them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightView<'a> {
    /// Elements, stored as `matrix` says.
    pub(crate) weights: &'a [F32x16],
    /// Shape, mask and storage.
    pub(crate) matrix: MaskedMatrix<'a>,
}

impl WeightView<'_> {
    /// Vector `at` of the weights of sorted input unit `k`, closed ones as zero. Columns must be
    /// stored in the order of the mask.
    #[inline(always)]
    pub(crate) fn load<S: Simd>(&self, simd: S, k: usize, at: usize) -> S::Vector {
        let matrix = &self.matrix;
        let vector = &self.weights[matrix.stored_row(k) * matrix.shape.stride() + at];
        let n_closed = matrix.col_start(k).saturating_sub(at * LANES);
        if matrix.storage == Storage::Sorted || n_closed == 0 {
            return simd.load(vector);
        }
        let mut open = *vector;
        open.0[..n_closed.min(LANES)].fill(0.0);
        simd.load(&open)
    }
}

/// Rows of weights that one task of a thread pool takes.
pub(super) fn rows_per_task(rows: usize, n_threads: usize) -> usize {
    // The rows of late input units are short: more tasks than threads even them out.
    if n_threads > 1 { rows.div_ceil(4 * n_threads).max(8) } else { rows.max(1) }
}
