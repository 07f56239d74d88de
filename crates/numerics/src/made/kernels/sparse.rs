//! Products with a sparse 0/1 matrix: sums of the rows that its ones select.
//!
//! They equal the dense products bit for bit: a fused multiply-add with 1 is an addition, with 0 it
//! changes nothing.

use std::ops::Range;

use crate::made::kernels::gather::GatherTiles;
use crate::made::kernels::level::Level;
use crate::made::kernels::matrix::{MaskedMatrix, SPARSE_NR, Storage, WeightView};
use crate::made::kernels::simd::{F32x16, LANES, Simd, Vector, WithSimd};
use crate::made::kernels::update_queue::{GradientRow, GradientSink, UpdateQueue};
use crate::parallel::ThreadPool;

/// Density from which the dense products are faster.
const MAX_DENSITY: f64 = 0.25;

/// Sparse matrix whose non-zeros are all 1, in CSR and in CSC.
#[derive(Debug, Clone, Default)]
pub(crate) struct BinaryMatrix {
    /// Columns of the ones of each row, in the order in which rows were added.
    csr: IndexLists,
    /// Added row that each row is, after sorting.
    row_order: Vec<u32>,
    /// Rows of the ones of each column.
    csc: IndexLists,
    /// Bit set of one row, to sort its columns.
    bits: Vec<u64>,
}

/// Ascending lists of indices, as in CSR: list `i` is `indices[indptr[i]..indptr[i + 1]]`.
#[derive(Debug, Clone)]
struct IndexLists {
    indptr: Vec<u32>,
    indices: Vec<u32>,
}

impl Default for IndexLists {
    fn default() -> Self {
        Self { indptr: vec![0], indices: Vec::new() }
    }
}

impl IndexLists {
    #[inline(always)]
    fn list(&self, i: usize) -> &[u32] {
        &self.indices[self.indptr[i] as usize..self.indptr[i + 1] as usize]
    }
}

/// Bit mask of the bytes that are not zero, of up to 64.
#[inline(always)]
fn nonzero_bits(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut mask = 0;
    for (i, word) in words.iter().enumerate() {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let word = u64::from_le_bytes(*word);
        // Sets the highest bit of every byte that is not zero; the product moves the eight bits
        // together.
        let ones = (((word & LOW) + LOW) | word) & !LOW;
        mask |= ((ones >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    for (i, &byte) in rest.iter().enumerate() {
        mask |= u64::from(byte != 0) << (8 * words.len() + i);
    }
    mask
}

/// Positions of the bits of a word that are 1, ascending.
#[inline(always)]
fn set_bits(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros());
        word &= word.wrapping_sub(1);
        bit
    })
}

/// Sorts the indices from `start` on, which are all different; `bits` is a buffer of zeros.
fn sort_columns(indices: &mut Vec<u32>, start: usize, bits: &mut Vec<u64>) {
    if indices[start..].is_sorted() {
        return;
    }
    let last = indices[start..].iter().max().map_or(0, |&last| last as usize);
    bits.resize(bits.len().max(last / 64 + 1), 0);
    indices
        .drain(start..)
        .for_each(|column| bits[column as usize / 64] |= 1 << (column % 64));
    for (first, word) in (0..).step_by(64).zip(bits) {
        indices.extend(set_bits(std::mem::take(word)).map(|bit| first + bit));
    }
}

impl BinaryMatrix {
    /// Removes all rows.
    pub(crate) fn clear(&mut self) {
        self.csr.indptr.truncate(1);
        self.csr.indices.clear();
        self.row_order.clear();
    }

    /// Adds a row: ones where `bytes` are not zero, byte `i` in column `columns[i]`, and one in
    /// column `before`, which is before all of these.
    pub(crate) fn push(&mut self, before: Option<u32>, bytes: &[u8], columns: &[u32]) {
        let Self { csr: IndexLists { indptr, indices }, row_order, bits, .. } = self;
        let start = indices.len();
        indices.extend(before);
        for (bytes, columns) in bytes.chunks(64).zip(columns.chunks(64)) {
            indices.extend(set_bits(nonzero_bits(bytes)).map(|bit| columns[bit as usize]));
        }
        sort_columns(indices, start, bits);
        row_order.push(row_order.len() as u32);
        indptr.push(indices.len() as u32);
    }

    /// Adds a row: for each of `levels` that is not zero, a one in the column that many after the
    /// one before `first_columns[i]`, and one in column `before`.
    pub(crate) fn push_one_hot(
        &mut self,
        before: Option<u32>,
        levels: &[u8],
        first_columns: &[u32],
    ) {
        let Self { csr: IndexLists { indptr, indices }, row_order, bits, .. } = self;
        let start = indices.len();
        indices.extend(before);
        let lit = levels.iter().zip(first_columns).filter(|(level, _)| **level > 0);
        indices.extend(lit.map(|(&level, first)| first + u32::from(level) - 1));
        sort_columns(indices, start, bits);
        row_order.push(row_order.len() as u32);
        indptr.push(indices.len() as u32);
    }

    /// Sorts all rows but the first by the column of their first one. Returns the added row that
    /// each row now is.
    pub(crate) fn sort_rows(&mut self) -> &[u32] {
        let Self { csr, row_order, .. } = self;
        row_order[1..]
            .sort_by_key(|&row| csr.list(row as usize).first().copied().unwrap_or(u32::MAX));
        row_order
    }

    /// Builds the CSC form, of `n_columns` columns, once all rows are added and sorted.
    pub(crate) fn build_csc(&mut self, n_columns: usize) {
        let Self { csr, row_order, csc, .. } = self;
        csc.indptr.clear();
        csc.indptr.resize(n_columns + 1, 0);
        // Holds the counts of the columns, then their starts, which filling in advances to their
        // ends: to the starts of the columns after them.
        let ends = &mut csc.indptr[1..];
        csr.indices.iter().for_each(|&column| ends[column as usize] += 1);
        let mut start = 0;
        for end in &mut *ends {
            start += std::mem::replace(end, start);
        }
        csc.indices.resize(csr.indices.len(), 0);
        for (row, &added) in row_order.iter().enumerate() {
            for &column in csr.list(added as usize) {
                let at = &mut ends[column as usize];
                csc.indices[*at as usize] = row as u32;
                *at += 1;
            }
        }
    }

    /// Columns of the ones of a row, ascending.
    pub(crate) fn row(&self, row: usize) -> &[u32] {
        self.csr.list(self.row_order[row] as usize)
    }

    /// True if so few of `n_elements` are 1 that the products of this module are the faster ones.
    pub(crate) fn is_sparse(&self, n_elements: usize) -> bool {
        (self.csr.indices.len() as f64) < MAX_DENSITY * n_elements as f64
    }
}

/// `z += x w`, for the rows of `x` from `first_row` on.
pub(crate) struct SparseForward<'a> {
    /// Pre-activations [rows x n_out].
    pub(crate) z: &'a mut [F32x16],
    /// Input [n_rows x n_in].
    pub(crate) x: &'a BinaryMatrix,
    /// Row of `x` for the first row of `z`.
    pub(crate) first_row: usize,
    /// Weights [n_in x n_out], sorted or in shared tiles.
    pub(crate) weights: WeightView<'a>,
    /// Buffer of [`scratch_len`] vectors for weights in tiles; may be empty for sorted ones.
    pub(crate) scratch: &'a mut [F32x16],
}

/// Length of the buffer into which a product sorts weights that are stored in tiles.
pub(crate) fn scratch_len(matrix: MaskedMatrix) -> usize {
    if matrix.storage == Storage::SharedTiles {
        matrix.shape.rows * SPARSE_NR
    } else {
        0
    }
}

impl SparseForward<'_> {
    /// Computes the product.
    pub(crate) fn run(self, level: Level) {
        let Self {
            z,
            x,
            first_row,
            weights: WeightView { weights, matrix },
            scratch,
        } = self;
        if matrix.storage != Storage::SharedTiles {
            assert!(matrix.storage == Storage::Sorted, "rows are selected by sorted unit");
            let vectors = 0..matrix.shape.vectors();
            let stride = matrix.shape.stride();
            return level.dispatch(ForwardColumns {
                z,
                x,
                first_row,
                weights,
                stride,
                vectors,
                matrix,
            });
        }
        // Sorts a few columns of all rows at a time, so that these stay in the nearest cache.
        let sorted_rows = &*matrix.sorted_rows();
        for vectors in matrix.shape.column_blocks(SPARSE_NR) {
            let depth = matrix.depth(&vectors);
            level.dispatch(GatherTiles {
                to: scratch,
                stride: SPARSE_NR,
                vectors: vectors.clone(),
                tiles: weights,
                matrix,
                sorted_rows,
                depth,
            });
            level.dispatch(ForwardColumns {
                z,
                x,
                first_row,
                weights: scratch,
                stride: SPARSE_NR,
                vectors,
                matrix,
            });
        }
    }
}

/// Some columns of a product, in vectors.
struct ForwardColumns<'a> {
    z: &'a mut [F32x16],
    x: &'a BinaryMatrix,
    first_row: usize,
    /// Rows of `stride` vectors, the first of which is the first of `vectors`.
    weights: &'a [F32x16],
    stride: usize,
    vectors: Range<usize>,
    matrix: MaskedMatrix<'a>,
}

impl WithSimd for ForwardColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut at = self.vectors.start;
        while at < self.vectors.end {
            at += match self.vectors.end - at {
                rest if S::MANY_REGISTERS && rest >= SPARSE_NR => {
                    self.add_columns::<S, SPARSE_NR>(simd, at)
                }
                rest if rest >= 4 => self.add_columns::<S, 4>(simd, at),
                _ => self.add_columns::<S, 1>(simd, at),
            };
        }
    }
}

impl ForwardColumns<'_> {
    /// Computes vectors `at..at + N` of all rows; returns `N`.
    #[inline(always)]
    fn add_columns<S: Simd, const N: usize>(&mut self, simd: S, at: usize) -> usize {
        let depth = self.matrix.depth(&(at..at + N)) as u32;
        for (row, z) in self.z.chunks_exact_mut(self.matrix.shape.stride()).enumerate() {
            let z = &mut z[at..at + N];
            let mut sums = [simd.splat(0.0); N];
            sums.iter_mut().zip(&*z).for_each(|(sum, z)| *sum = simd.load(z));
            let ones = self.x.row(self.first_row + row);
            let open = ones.iter().take_while(|&&column| column < depth);
            add_rows(simd, &mut sums, self.weights, self.stride, at - self.vectors.start, open);
            sums.iter().zip(z).for_each(|(sum, z)| sum.store(z));
        }
        N
    }
}

/// Adds vectors `at..at + N` of some rows.
#[inline(always)]
fn add_rows<'a, S: Simd, const N: usize>(
    simd: S,
    sums: &mut [S::Vector; N],
    matrix: &[F32x16],
    stride: usize,
    at: usize,
    rows: impl Iterator<Item = &'a u32>,
) {
    for &row in rows {
        let row = &matrix[row as usize * stride + at..][..N];
        for (sum, vector) in sums.iter_mut().zip(row) {
            *sum = *sum + simd.load(vector);
        }
    }
}

/// Gradient `x^T dz` of weights with a sparse input.
pub(crate) struct SparseWeightGradient<'a> {
    /// Input [n_images x n_in].
    pub(crate) x: &'a BinaryMatrix,
    /// Gradient of the pre-activations [n_images x n_out].
    pub(crate) dz: &'a [F32x16],
}

impl SparseWeightGradient<'_> {
    /// Computes the gradient and hands its rows over to `sink`.
    pub(crate) fn run(self, pool: &ThreadPool, level: Level, sink: GradientSink) {
        let Self { x, dz } = self;
        sink.for_each_part(pool, |rows, queue| {
            level.dispatch(RowsOfGradient { rows, queue, x, dz });
        });
    }
}

/// Some rows of the gradient.
struct RowsOfGradient<'a> {
    rows: &'a [GradientRow],
    queue: UpdateQueue<'a>,
    x: &'a BinaryMatrix,
    dz: &'a [F32x16],
}

impl WithSimd for RowsOfGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let matrix = self.queue.matrix;
        let vectors = matrix.shape.vectors();
        for between_swaps in self.rows.chunks(self.queue.rows_per_swap()) {
            self.queue.prefetch_targets(between_swaps);
            for (back_row, &row) in between_swaps.iter().enumerate() {
                let mut at = matrix.col_start(row.unit) / LANES;
                while at < vectors {
                    at += match vectors - at {
                        rest if S::MANY_REGISTERS && rest >= SPARSE_NR => {
                            self.sum_columns::<S, SPARSE_NR>(simd, row, back_row, at)
                        }
                        rest if rest >= 4 => self.sum_columns::<S, 4>(simd, row, back_row, at),
                        _ => self.sum_columns::<S, 1>(simd, row, back_row, at),
                    };
                }
            }
            if !self.queue.bypasses_buffers() {
                self.queue.swap_buffers(simd, between_swaps);
            }
        }
        self.queue.drain(simd);
    }
}

impl RowsOfGradient<'_> {
    /// Computes vectors `at..at + N` of a row, which is row `back_row` of the queue's back buffer;
    /// returns `N`.
    #[inline(always)]
    fn sum_columns<S: Simd, const N: usize>(
        &mut self,
        simd: S,
        row: GradientRow,
        back_row: usize,
        at: usize,
    ) -> usize {
        let bypasses_buffers = self.queue.bypasses_buffers();
        if bypasses_buffers {
            self.queue.prefetch(simd, row.target, at..at + N);
        }
        let (mut sums, stride) = ([simd.splat(0.0); N], self.queue.matrix.shape.stride());
        add_rows(simd, &mut sums, self.dz, stride, at, self.x.csc.list(row.unit).iter());
        if bypasses_buffers {
            self.queue.apply(simd, row, at, sums);
        } else {
            let computed = &mut self.queue.back[back_row * stride + at..][..N];
            sums.iter().zip(computed).for_each(|(sum, vector)| sum.store(vector));
        }
        N
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::gemm;
    use crate::made::kernels::gemm::tests::Case;
    use crate::made::kernels::matrix::batch_shape;
    use crate::made::kernels::simd::{as_scalars, as_scalars_mut};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Sums of selected rows are the dense products, bit for bit, on every instruction set.
        #[test]
        fn selecting_rows_equals_multiplying(
            rows in 1usize..150, cols in 1usize..300, batch in 1usize..20, threads in 1usize..4,
            seed: u64,
        ) {
            let mut case = Case::new(rows, cols, batch, seed);
            let mut ones = BinaryMatrix::default();
            let order: Vec<u32> = (0..rows as u32).rev().collect();
            for row in case.x.chunks_exact_mut(batch_shape(rows).stride()) {
                let elements = &mut as_scalars_mut(row)[..rows];
                for x in elements.iter_mut() { *x = f32::from(*x > 1.0); }
                // Pixels in another order than their columns.
                let pixels: Vec<u8> = elements.iter().rev().map(|&x| x as u8).collect();
                ones.push(None, &pixels, &order);
            }
            ones.build_csc(rows);
            let pool = ThreadPool::new(threads);
            for level in Level::available() {
                let (mut dense, mut selected) = (case.dz.clone(), case.dz.clone());
                let weights = case.view();
                level.dispatch(gemm::Forward {
                    z: &mut dense, x: &case.x, x_cols: rows, weights, leading_zeros: &[],
                });
                let size = batch_shape(cols).stride();
                let (first, others) = selected.split_at_mut(size);
                for (z, first_row) in [(first, 0), (others, 1)] {
                    SparseForward { z, x: &ones, first_row, weights, scratch: &mut [] }.run(level);
                }
                prop_assert_eq!(dense, selected);
                let dense = case.gradient(case.dense_gradient(&pool, level, &[]));
                let selected = case.gradient(|sink| {
                    SparseWeightGradient { x: &ones, dz: &case.dz }.run(&pool, level, sink);
                });
                for k in 0..rows {
                    let open = |vectors: &[F32x16]| {
                        let row = &as_scalars(vectors)[k * size * LANES..];
                        row[case.mask.col_start[k] as usize..cols].to_vec()
                    };
                    prop_assert_eq!(open(&dense), open(&selected));
                }
            }
        }
    }
}
