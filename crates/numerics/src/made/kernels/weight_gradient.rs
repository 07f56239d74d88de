//! Gradient of dense-input weights: `dw = x^T dz`, a product over the images of a minibatch.
//!
//! The same micro-kernel as in [`super::gemm`], with the roles changed: `dz` is packed once for all
//! rows of the result, and the left-hand side is a column of `x`. The result goes into an update
//! queue, whose steps are interleaved with the product.

use crate::made::kernels::gemm::{NARROW_NR, NR, PackedRhs, add_terms};
use crate::made::kernels::level::Level;
use crate::made::kernels::matrix::batch_shape;
use crate::made::kernels::simd::{F32x16, LANES, Simd, Vector, WithSimd, as_scalars};
use crate::made::kernels::update_queue::{GradientRow, GradientSink, Interleave, MR, UpdateQueue};
use crate::parallel::ThreadPool;

/// Packed gradients `dz` of a minibatch, block by block as a micro-kernel reads them: a buffer that
/// is allocated once.
#[derive(Debug, Default)]
pub(crate) struct PackedGradients(Vec<F32x16>);

/// Gradient `x^T dz` of weights with a dense input.
pub(crate) struct DenseWeightGradient<'a> {
    /// Input [n_images x x_cols], of which the first n_in columns are taken.
    pub(crate) x: &'a [F32x16],
    /// Number of columns of `x`.
    pub(crate) x_cols: usize,
    /// Gradient of the pre-activations [n_images x n_out].
    pub(crate) dz: &'a [F32x16],
    /// Number of leading zeros in each row of `x`, non-decreasing; empty if there are none.
    pub(crate) leading_zeros: &'a [u32],
}

impl DenseWeightGradient<'_> {
    /// Computes the gradient and hands its rows over to `sink`.
    pub(crate) fn run(
        self,
        pool: &ThreadPool,
        level: Level,
        packed: &mut PackedGradients,
        sink: GradientSink,
    ) {
        let Self { x, x_cols, dz, leading_zeros } = self;
        let shape = sink.matrix.shape;
        let n_images = dz.len() / shape.stride();
        let nr = if level.has_many_registers() { NR } else { NARROW_NR };
        let n_blocks = shape.column_blocks(nr).count();
        let packed = &mut packed.0;
        packed.resize(n_blocks * n_images * nr, F32x16::default());
        pool.for_each(
            shape.column_blocks(nr).zip(packed.chunks_exact_mut(n_images * nr)),
            |(block, packed)| {
                let rows = dz.chunks_exact(shape.stride());
                for (packed, row) in packed.chunks_exact_mut(nr).zip(rows) {
                    packed[..block.len()].copy_from_slice(&row[block.clone()]);
                }
            },
        );
        let packed = &packed[..];
        sink.for_each_part(pool, |rows, queue| {
            level.dispatch(RowsOfGradient {
                rows,
                queue,
                x,
                x_cols,
                packed,
                n_images,
                leading_zeros,
            });
        });
    }
}

/// Some rows of the gradient.
struct RowsOfGradient<'a> {
    rows: &'a [GradientRow],
    queue: UpdateQueue<'a>,
    x: &'a [F32x16],
    x_cols: usize,
    /// One block of `n_images` rows of NR vectors after the other.
    packed: &'a [F32x16],
    n_images: usize,
    leading_zeros: &'a [u32],
}

impl WithSimd for RowsOfGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::MANY_REGISTERS {
            self.run::<S, NR>(simd);
        } else {
            self.run::<S, NARROW_NR>(simd);
        }
    }
}

impl RowsOfGradient<'_> {
    /// Computes the rows, `NR` vectors of columns at a time.
    #[inline(always)]
    fn run<S: Simd, const NR: usize>(self, simd: S) {
        let Self { rows, mut queue, x, x_cols, packed, n_images, leading_zeros } = self;
        let packed = packed.as_chunks::<NR>().0;
        let matrix = queue.matrix;
        let stride = matrix.shape.stride();
        for between_swaps in rows.chunks(queue.rows_per_swap()) {
            queue.prefetch_targets(between_swaps);
            for (i, rows) in between_swaps.chunks(MR).enumerate() {
                // Sorted rows have their first open column in the first row, shared ones anywhere.
                let first =
                    rows.iter().map(|row| matrix.col_start(row.unit)).min().unwrap_or(0) / LANES;
                let mut columns = [0; MR];
                columns.iter_mut().zip(rows).for_each(|(column, row)| *column = row.unit);
                let columns = &columns[..rows.len()];
                // Images are sorted by leading zeros: the later ones are zero in all these columns.
                let last = columns.iter().max().map_or(0, |&last| last as u32);
                let n_nonzero = if leading_zeros.is_empty() {
                    n_images
                } else {
                    leading_zeros.partition_point(|&zeros| zeros <= last)
                };
                let lhs = LhsColumns {
                    elements: as_scalars(x),
                    stride: batch_shape(x_cols).stride() * LANES,
                    columns,
                    back_row: i * MR,
                };
                // Spreads the updates that wait evenly over the terms of this product.
                let n_terms = (matrix.shape.vectors() - first).div_ceil(NR) * n_nonzero;
                let interval = (n_terms / queue.n_pending().max(1)).max(1);
                for (block, terms) in matrix
                    .shape
                    .column_blocks(NR)
                    .zip(packed.chunks_exact(n_images))
                    .filter(|(block, _)| first < block.end)
                {
                    let at = block.start.max(first);
                    let rhs = PackedRhs { terms: &terms[..n_nonzero], first_vector: at % NR };
                    let queue = &mut queue;
                    match block.end - at {
                        n if n == 1 || NR == NARROW_NR => {
                            select_rows::<S, NR, 1>(simd, queue, stride, at, lhs, rhs, interval);
                        }
                        2 => select_rows::<S, NR, 2>(simd, queue, stride, at, lhs, rhs, interval),
                        3 => select_rows::<S, NR, 3>(simd, queue, stride, at, lhs, rhs, interval),
                        _ => select_rows::<S, NR, 4>(simd, queue, stride, at, lhs, rhs, interval),
                    }
                }
            }
            queue.swap_buffers(simd, between_swaps);
        }
        queue.drain(simd);
    }
}

/// Left-hand side of the product: columns of the input.
#[derive(Clone, Copy)]
struct LhsColumns<'a> {
    elements: &'a [f32],
    /// Elements from one row to the next.
    stride: usize,
    columns: &'a [usize],
    /// Row of the queue's back buffer for the first column.
    back_row: usize,
}

/// Runs the micro-kernel with as many rows as `lhs` has columns, `N` vectors from `at` on.
#[inline(always)]
fn select_rows<S: Simd, const NR: usize, const N: usize>(
    simd: S,
    queue: &mut UpdateQueue,
    stride: usize,
    at: usize,
    lhs: LhsColumns,
    rhs: PackedRhs<NR>,
    interval: usize,
) {
    match lhs.columns.len() {
        1 => simd.call_outlined(MicroKernel::<1, NR, N> { queue, stride, at, lhs, rhs, interval }),
        2 => simd.call_outlined(MicroKernel::<2, NR, N> { queue, stride, at, lhs, rhs, interval }),
        3 => simd.call_outlined(MicroKernel::<3, NR, N> { queue, stride, at, lhs, rhs, interval }),
        4 => simd.call_outlined(MicroKernel::<4, NR, N> { queue, stride, at, lhs, rhs, interval }),
        5 => simd.call_outlined(MicroKernel::<5, NR, N> { queue, stride, at, lhs, rhs, interval }),
        _ => simd.call_outlined(MicroKernel::<6, NR, N> { queue, stride, at, lhs, rhs, interval }),
    }
}

/// `M` rows of the gradient, `N` vectors from `at` on, into the queue's back buffer.
struct MicroKernel<'a, 'b, const M: usize, const NR: usize, const N: usize> {
    queue: &'a mut UpdateQueue<'b>,
    stride: usize,
    at: usize,
    lhs: LhsColumns<'a>,
    rhs: PackedRhs<'a, NR>,
    interval: usize,
}

impl<const M: usize, const NR: usize, const N: usize> WithSimd for MicroKernel<'_, '_, M, NR, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { queue, stride, at, lhs, rhs, interval } = self;
        let mut sums = [[simd.splat(0.0); N]; M];
        let columns: &[usize; M] = lhs.columns.try_into().expect("as many columns as rows");
        let elements = &lhs.elements[..rhs.terms.len() * lhs.stride];
        assert!(
            columns.iter().all(|&column| column < lhs.stride),
            "a row of the input holds all columns"
        );
        // With few registers every sum would be stored and loaded again around an update, which takes
        // longer than the update: all of them wait until the rows are complete.
        let interval = if S::MANY_REGISTERS { interval } else { usize::MAX };
        let lhs_rows = elements.chunks(lhs.stride.saturating_mul(interval));
        for (terms, elements) in rhs.terms.chunks(interval).zip(lhs_rows) {
            let element =
                |term: usize, row: usize| elements[term * lhs.stride..][..lhs.stride][columns[row]];
            sums = add_terms(simd, sums, element, rhs.first_vector, terms);
            if S::MANY_REGISTERS {
                queue.step(simd);
            }
        }
        let rows = queue.back.chunks_exact_mut(stride).skip(lhs.back_row);
        for (sums, row) in sums.iter().zip(rows) {
            for (sum, vector) in sums.iter().zip(&mut row[at..at + N]) {
                sum.store(vector);
            }
        }
    }
}
