//! Update queue: rows of a gradient wait here until the optimiser is applied to them.
//!
//! An update takes a square root and a division, which occupy a unit of their own for many cycles
//! while the FMA units are idle. So the rows of a gradient that are complete (the front buffer) are
//! applied one vector at a time, interleaved with the products that compute the next rows (into the
//! back buffer), on a CPU with registers for both; on others they are applied after these. Both
//! buffers stay in the nearest cache: no gradient is ever stored as a whole.

use std::ops::Range;

use crate::made::kernels::level::Level;
use crate::made::kernels::matrix::{MaskedMatrix, SPARSE_NR, Storage, rows_per_task};
use crate::made::kernels::simd::{F32x16, LANES, Simd, Vector, WithSimd, as_scalars_mut};
use crate::made::kernels::update::{UpdateRule, UpdateTarget};
use crate::parallel::ThreadPool;

/// Rows of a micro-kernel: `MR` x `NR` accumulators, the vectors of a row of the right-hand side and
/// one broadcast element fill the 32 registers of AVX-512.
pub(crate) const MR: usize = 6;

/// Destination of a gradient: updates the weights of one matrix.
///
/// Sorted weights belong to one mask: what it closes is zero and remains so. Shared weights belong
/// to many masks and are all updated, by a gradient of zero where this mask is closed, because a
/// rule with momentum moves them without a gradient, too.
#[derive(Debug)]
pub(crate) struct GradientSink<'a> {
    /// Weights and state.
    pub(crate) target: UpdateTarget<'a>,
    /// Update rule.
    pub(crate) rule: UpdateRule,
    /// Shape, mask and storage of the weights.
    pub(crate) matrix: MaskedMatrix<'a>,
}

/// A row of the gradient and its destination.
#[derive(Debug, Clone, Copy)]
pub(super) struct GradientRow {
    /// Sorted input unit.
    pub(super) unit: usize,
    /// First vector of its row, or of its tile, in the target.
    pub(super) target: usize,
}

impl GradientSink<'_> {
    /// Cuts the target into parts and calls `task` with each: the rows that belong to it, and a
    /// queue that updates them.
    pub(super) fn for_each_part(
        self,
        pool: &ThreadPool,
        task: impl Fn(&[GradientRow], UpdateQueue) + Sync + Send,
    ) {
        let Self { target: UpdateTarget { p, state: [s, u] }, rule, matrix } = self;
        let n_rows = matrix.shape.rows;
        let is_tiled = matrix.storage == Storage::SharedTiles;
        let rows_per_task = rows_per_task(n_rows, pool.n_threads());
        let (part_rows, part_len) = if is_tiled {
            let rows = rows_per_task.next_multiple_of(LANES);
            (rows, rows / LANES * matrix.shape.cols)
        } else {
            (rows_per_task, rows_per_task * matrix.shape.stride())
        };
        let (mut s, mut u) = (s.chunks_mut(part_len), u.chunks_mut(part_len));
        let parts = p.chunks_mut(part_len).enumerate().map(|(i, p)| {
            let state = [s.next().unwrap_or_default(), u.next().unwrap_or_default()];
            (i * part_rows..(i + 1) * part_rows, UpdateTarget { p, state })
        });
        let sorted_rows = is_tiled.then(|| matrix.sorted_rows());
        pool.for_each(parts, |(part, target): (Range<usize>, UpdateTarget)| {
            let rows: Vec<GradientRow> = if let Some(sorted_rows) = &sorted_rows {
                // The sixteen rows of a tile together.
                let row = |row: usize| GradientRow {
                    unit: sorted_rows[row] as usize,
                    target: (row - part.start) / LANES * matrix.shape.cols,
                };
                (part.start..part.end.min(n_rows)).map(row).collect()
            } else {
                (0..n_rows)
                    .map(|unit| (unit, matrix.stored_row(unit)))
                    .filter(|(_, row)| part.contains(row))
                    .map(|(unit, row)| GradientRow {
                        unit,
                        target: (row - part.start) * matrix.shape.stride(),
                    })
                    .collect()
            };
            task(&rows, UpdateQueue::new(target, rule, matrix));
        });
    }

    /// Applies a gradient whose rows are all equal to `g`, where the mask is open.
    pub(crate) fn apply_to_all_rows(self, pool: &ThreadPool, g: &[F32x16]) {
        self.for_each_part(pool, |rows, queue| {
            Level::detect().dispatch(ApplyToAllRows { rows, queue, g });
        });
    }
}

struct ApplyToAllRows<'a> {
    rows: &'a [GradientRow],
    queue: UpdateQueue<'a>,
    g: &'a [F32x16],
}

impl WithSimd for ApplyToAllRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, mut queue, g } = self;
        for row in rows {
            queue.back[..g.len()].copy_from_slice(g);
            queue.swap_buffers(simd, std::slice::from_ref(row));
        }
        queue.drain(simd);
    }
}

/// Work interleaved with a micro-kernel.
pub(super) trait Interleave {
    /// Performs one short step.
    fn step<S: Simd>(&mut self, simd: S);
}

/// Rows of a gradient on their way into the weights: the back buffer is being computed, the front
/// buffer being applied.
pub(super) struct UpdateQueue<'a> {
    target: UpdateTarget<'a>,
    rule: UpdateRule,
    pub(super) matrix: MaskedMatrix<'a>,
    /// Vectors from one row of a buffer to the next.
    stride: usize,
    /// Rows that are being computed.
    pub(super) back: Vec<F32x16>,
    /// Rows, or the columns of a tile, that wait to be applied.
    front: Vec<F32x16>,
    /// Per row of the front buffer: vectors still to be applied, and the first of the row in the
    /// target.
    pending: [(Range<usize>, usize); MR],
    /// First row of `pending` that may have vectors left.
    current: usize,
    /// First vector in the target of each row of the back buffer.
    next_targets: [usize; MR],
}

impl Interleave for UpdateQueue<'_> {
    /// Applies one vector.
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S) {
        let Some((vectors, to)) = self.pending.get_mut(self.current) else { return };
        if let Some(vector) = vectors.next() {
            // The same vector of the row that is being computed is needed soon.
            self.target.prefetch(simd, self.next_targets[self.current] + vector);
            let g = simd.load(&self.front[self.current * self.stride + vector]);
            self.rule.apply(simd, &mut self.target, *to + vector, [g]);
        } else {
            self.current += 1;
        }
    }
}

impl<'a> UpdateQueue<'a> {
    fn new(target: UpdateTarget<'a>, rule: UpdateRule, matrix: MaskedMatrix<'a>) -> Self {
        let (stride, cols) = (matrix.shape.stride(), matrix.shape.cols);
        let zeros = |count: usize| vec![F32x16::default(); count];
        let (back, front) = if matrix.storage == Storage::SharedTiles {
            (zeros(LANES * stride), zeros(cols))
        } else {
            (zeros(MR * stride), zeros(MR * stride))
        };
        Self {
            target,
            rule,
            matrix,
            stride,
            back,
            front,
            pending: Default::default(),
            current: MR,
            next_targets: [0; MR],
        }
    }

    /// Announces the rows that are computed next, whose targets are prefetched.
    #[inline(always)]
    pub(super) fn prefetch_targets(&mut self, rows: &[GradientRow]) {
        self.next_targets
            .iter_mut()
            .zip(rows)
            .for_each(|(next, row)| *next = row.target);
    }

    /// Number of rows between two swaps.
    pub(super) fn rows_per_swap(&self) -> usize {
        if self.matrix.storage == Storage::SharedTiles { LANES } else { MR }
    }

    /// Number of vectors that wait.
    pub(super) fn n_pending(&self) -> usize {
        self.pending.iter().skip(self.current).map(|(vectors, _)| vectors.len()).sum()
    }

    /// True if a computed vector can be applied at once: nothing has to be moved or set to zero
    /// beyond the vector itself.
    #[inline(always)]
    pub(super) fn bypasses_buffers(&self) -> bool {
        self.matrix.storage == Storage::Sorted
    }

    /// Applies vectors `at..at + N` of a row without queueing them; closed elements count as zero.
    #[inline(always)]
    pub(super) fn apply<S: Simd, const N: usize>(
        &mut self,
        simd: S,
        row: GradientRow,
        at: usize,
        mut g: [S::Vector; N],
    ) {
        let n_closed = self.matrix.col_start(row.unit).saturating_sub(at * LANES);
        if n_closed > 0 {
            let mut first = F32x16::default();
            g[0].store(&mut first);
            first.0[..n_closed].fill(0.0);
            g[0] = simd.load(&first);
        }
        self.rule.apply(simd, &mut self.target, row.target + at, g);
    }

    /// Prefetches some vectors of the row that begins at `target`.
    #[inline(always)]
    pub(super) fn prefetch<S: Simd>(&self, simd: S, target: usize, vectors: Range<usize>) {
        vectors.for_each(|vector| self.target.prefetch(simd, target + vector));
    }

    /// Applies everything that waits.
    #[inline(always)]
    pub(super) fn drain<S: Simd>(&mut self, simd: S) {
        let stride = self.stride;
        while let Some((vectors, to)) = self.pending.get_mut(self.current) {
            while vectors.len() >= SPARSE_NR {
                let mut g = [simd.splat(0.0); SPARSE_NR];
                let (at, next) = (vectors.start, self.next_targets[self.current]);
                vectors.start += SPARSE_NR;
                for (g, vector) in g.iter_mut().zip(at..) {
                    self.target.prefetch(simd, next + vector);
                    *g = simd.load(&self.front[self.current * stride + vector]);
                }
                self.rule.apply(simd, &mut self.target, *to + at, g);
            }
            self.step(simd);
        }
    }

    /// Applies everything that still waits; then `rows`, which the back buffer holds, wait.
    #[inline(always)]
    pub(super) fn swap_buffers<S: Simd>(&mut self, simd: S, rows: &[GradientRow]) {
        self.drain(simd);
        let Self { matrix, back, front, pending, .. } = self;
        let matrix = *matrix;
        if matrix.storage == Storage::SharedTiles {
            return self.swap_tile(simd, rows);
        }
        let stride = matrix.shape.stride();
        let columns = matrix.stored_columns();
        for (i, &GradientRow { unit, target }) in rows.iter().enumerate() {
            let (begin, open) = (i * stride, matrix.col_start(unit));
            let computed = as_scalars_mut(&mut back[begin..begin + stride]);
            let first = if matrix.storage == Storage::Sorted { open / LANES } else { 0 };
            if let Some(columns) = columns {
                let stored = as_scalars_mut(&mut front[begin..begin + stride]);
                stored.fill(0.0);
                columns
                    .iter()
                    .zip(&*computed)
                    .skip(open)
                    .for_each(|(&column, &g)| stored[column as usize] = g);
            } else {
                computed[first * LANES..open].fill(0.0);
            }
            pending[i] = (first..matrix.shape.vectors(), target);
        }
        if columns.is_none() {
            std::mem::swap(back, front);
        }
        pending[rows.len()..].fill((0..0, 0));
        self.current = 0;
    }

    /// `swap_buffers` for the rows of a tile, which is stored by columns.
    #[inline(always)]
    fn swap_tile<S: Simd>(&mut self, simd: S, rows: &[GradientRow]) {
        let Self { matrix, stride, back, front, pending, .. } = self;
        // Copies, which the stores into the buffers cannot change.
        let (matrix, stride, cols) = (*matrix, *stride, matrix.shape.cols);
        let first = rows.iter().map(|row| matrix.col_start(row.unit)).min().unwrap_or(0) / LANES;
        // Columns that the mask closes for all rows of the tile.
        (0..cols.min(first * LANES))
            .for_each(|n| front[matrix.stored_column(n)] = F32x16::default());
        for (computed, row) in back.chunks_exact_mut(stride).zip(rows) {
            as_scalars_mut(computed)[first * LANES..matrix.col_start(row.unit)].fill(0.0);
        }
        for vector in first..matrix.shape.vectors() {
            let mut block = [simd.splat(0.0); LANES];
            for (to, computed) in block.iter_mut().zip(back.chunks_exact(stride)).take(rows.len()) {
                *to = simd.load(&computed[vector]);
            }
            for (n, column) in (vector * LANES..cols).zip(simd.transpose(block)) {
                column.store(&mut front[matrix.stored_column(n)]);
            }
        }
        pending.fill((0..0, 0));
        pending[0] = (0..cols, rows[0].target);
        self.current = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::gemm::tests::Case;
    use crate::made::kernels::simd::as_scalars;
    use crate::made::kernels::sparse::{BinaryMatrix, SparseWeightGradient};
    use crate::made::packed_layout::PackedMatrix;
    use crate::rng::{Purpose, Seed};

    /// Images of which every `period`-th pixel is on.
    fn images(rows: usize, batch: usize, period: usize) -> BinaryMatrix {
        let mut ones = BinaryMatrix::default();
        let identity: Vec<u32> = (0..rows as u32).collect();
        for image in 0..batch {
            let pixels: Vec<u8> = (0..rows).map(|k| u8::from((k + image) % period == 0)).collect();
            ones.push(None, &pixels, &identity);
        }
        ones.build_csc(rows);
        ones
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Shared weights, in rows or tiles, get the gradient of sorted ones, each in its place,
        /// and zero where the mask is closed.
        #[test]
        fn shared_weights_get_the_same_gradient(
            rows in 1usize..100, cols in 1usize..150, batch in 1usize..20, threads in 1usize..4,
            sort: (bool, bool), tiled: bool, seed: u64,
        ) {
            let case = Case::new(rows, cols, batch, seed);
            let stride = case.shape.stride();
            let mut stream = Seed(seed).stream(Purpose::Shuffle, 0);
            let (in_order, out_order) = (stream.permutation(rows), stream.permutation(cols));
            let mask = case.reordered(
                sort.0.then_some(&*in_order), sort.1.then_some(&*out_order),
            );
            let ones = images(rows, batch, 3);
            let pool = ThreadPool::new(threads);
            let storage = if tiled { Storage::SharedTiles } else { Storage::Shared };
            let packed = PackedMatrix::new(0, case.shape, storage);
            let matrix = packed.masked(&mask);
            let size = packed.range.len();
            for level in Level::available() {
                let dense = case.dense_gradient(&pool, level, &[]);
                let kernels: [&dyn Fn(GradientSink); 3] = [
                    &dense,
                    &|sink| {
                        SparseWeightGradient { x: &ones, dz: &case.dz }.run(&pool, level, sink);
                    },
                    &|sink| sink.apply_to_all_rows(&pool, &case.dz[..stride]),
                ];
                // Equal rows are gradients of biases and conditioning weights, never in tiles.
                for kernel in &kernels[..if tiled { 2 } else { 3 }] {
                    let sorted = case.gradient(kernel);
                    let mut w = vec![F32x16::default(); size];
                    let mut recorded = vec![F32x16([9.0; LANES]); size];
                    let target = UpdateTarget { p: &mut w, state: [&mut recorded, &mut []] };
                    kernel(GradientSink { target, rule: UpdateRule::Record, matrix });
                    for k in 0..rows {
                        for n in 0..cols {
                            let open = n >= matrix.col_start(k);
                            let expected =
                                if open { as_scalars(&sorted[k * stride..])[n] } else { 0.0 };
                            let at = packed.index(matrix.stored_row(k), matrix.stored_column(n));
                            let got = as_scalars(&recorded)[at];
                            prop_assert_eq!(got.to_bits(), expected.to_bits());
                        }
                    }
                }
            }
        }

        /// Every rule updates weights in tiles exactly as those in rows.
        #[test]
        fn tiles_are_updated_like_rows(
            rows in 1usize..100, cols in 1usize..150, batch in 1usize..9, threads in 1usize..4,
            rule in 0usize..5, seed: u64,
        ) {
            let rules = [
                UpdateRule::Sgd { lr: 0.1 },
                UpdateRule::Momentum { lr: 0.1, momentum: 0.9 },
                UpdateRule::Adagrad { lr: 0.1, eps: 1e-6 },
                UpdateRule::Adadelta { lr: 1.0, rho: 0.95, eps: 1e-6 },
                UpdateRule::Adam { step: 0.1, beta1: 0.9, beta2: 0.999, root: 1.0, eps: 1e-8 },
            ];
            let rule = rules[rule];
            let case = Case::new(rows, cols, batch, seed);
            let mut stream = Seed(seed).stream(Purpose::Shuffle, 0);
            let (in_order, out_order) = (stream.permutation(rows), stream.permutation(cols));
            let mask = case.reordered(Some(&in_order), Some(&out_order));
            let initial: Vec<[f32; 3]> =
                (0..rows * cols).map(|_| [0; 3].map(|_| stream.uniform() as f32)).collect();
            let ones = images(rows, batch, 5);
            let pool = ThreadPool::new(threads);
            for level in Level::available() {
                for is_sparse in [false, true] {
                    let updated = [Storage::Shared, Storage::SharedTiles].map(|storage| {
                        let packed = PackedMatrix::new(0, case.shape, storage);
                        let index = |i: usize| packed.index(i / cols, i % cols);
                        let mut arrays = [0, 1, 2].map(|array| {
                            let mut vectors = vec![F32x16::default(); packed.range.len()];
                            for (i, initial) in initial.iter().enumerate() {
                                as_scalars_mut(&mut vectors)[index(i)] = initial[array];
                            }
                            vectors
                        });
                        let [p, s, u] = &mut arrays;
                        let target = UpdateTarget { p, state: [s, u] };
                        let sink = GradientSink { target, rule, matrix: packed.masked(&mask) };
                        if is_sparse {
                            let gradient = SparseWeightGradient { x: &ones, dz: &case.dz };
                            gradient.run(&pool, level, sink);
                        } else {
                            case.dense_gradient(&pool, level, &case.leading_zeros)(sink);
                        }
                        arrays.map(|vectors| {
                            (0..rows * cols)
                                .map(|i| as_scalars(&vectors)[index(i)])
                                .collect::<Vec<_>>()
                        })
                    });
                    prop_assert!(updated[0] == updated[1]);
                    // Momentum moves weights for any gradient.
                    let moved =
                        updated[0][0].iter().zip(&initial).any(|(after, before)| *after != before[0]);
                    let has_momentum =
                        matches!(rule, UpdateRule::Momentum { .. } | UpdateRule::Adam { .. });
                    prop_assert!(moved || !has_momentum);
                }
            }
        }
    }
}
