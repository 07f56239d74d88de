//! Gathering: shared weights copied into the order of a mask.

use std::ops::Range;

use crate::made::kernels::level::Level;
use crate::made::kernels::matrix::{MaskedMatrix, SPARSE_NR, Storage, WeightView};
use crate::made::kernels::simd::{
    F32x16, LANES, Simd, Vector, WithSimd, as_scalars, as_scalars_mut,
};

impl WeightView<'_> {
    /// Copies shared weights into the order of their mask, as far as kernels read them. Weights
    /// that the mask closes become zero.
    pub(crate) fn gather(self, level: Level, to: &mut [F32x16]) {
        let Self { weights, matrix } = self;
        if matrix.storage != Storage::SharedTiles {
            return level.dispatch(GatherRows { to, from: weights, matrix });
        }
        level.dispatch(GatherTiles {
            to,
            stride: matrix.shape.stride(),
            vectors: 0..matrix.shape.vectors(),
            tiles: weights,
            matrix,
            sorted_rows: &matrix.sorted_rows(),
            depth: matrix.shape.rows,
        });
    }
}

/// Gathers weights that are stored row-major.
struct GatherRows<'a> {
    to: &'a mut [F32x16],
    from: &'a [F32x16],
    matrix: MaskedMatrix<'a>,
}

impl WithSimd for GatherRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { to, from, matrix } = self;
        let (stride, vectors) = (matrix.shape.stride(), matrix.shape.vectors());
        let columns = matrix.stored_columns();
        let row = |k: usize| &from[matrix.stored_row(k) * stride..][..stride];
        for (k, to) in to.chunks_exact_mut(stride).enumerate() {
            if k + 1 < matrix.shape.rows {
                row(k + 1)[..vectors].iter().for_each(|vector| simd.prefetch(vector));
            }
            let (from, open) = (row(k), matrix.col_start(k));
            for (at, to) in to[..vectors].iter_mut().enumerate().skip(open / LANES) {
                let Some(columns) = columns else {
                    simd.load(&from[at]).store(to);
                    continue;
                };
                if let Some(columns) = columns.as_chunks::<LANES>().0.get(at) {
                    simd.gather(from, columns).store(to);
                } else {
                    let last = columns[at * LANES..].iter().zip(&mut to.0);
                    last.for_each(|(&column, to)| *to = as_scalars(from)[column as usize]);
                }
            }
            // The first group of columns that a kernel reads for this row.
            let first_read = matrix.col_start(k - k % LANES) / LANES / SPARSE_NR * SPARSE_NR;
            as_scalars_mut(to)[first_read * LANES..open].fill(0.0);
        }
    }
}

/// Gathers some columns, in vectors, of weights that are stored in tiles.
pub(super) struct GatherTiles<'a> {
    /// Destination: rows of `stride` vectors, the first of which is the first of `vectors`.
    pub(super) to: &'a mut [F32x16],
    pub(super) stride: usize,
    pub(super) vectors: Range<usize>,
    pub(super) tiles: &'a [F32x16],
    pub(super) matrix: MaskedMatrix<'a>,
    /// Sorted input unit of each stored row.
    pub(super) sorted_rows: &'a [u32],
    /// Number of leading sorted input units that are needed.
    pub(super) depth: usize,
}

impl WithSimd for GatherTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { to, stride, vectors, tiles, matrix, sorted_rows, depth } = self;
        let cols = matrix.shape.cols;
        let columns = matrix.stored_columns();
        let column = |n: usize| columns.map_or(n, |columns| columns[n] as usize);
        let mut rest = tiles;
        for rows in sorted_rows.chunks(LANES) {
            let tile = rest.split_off(..cols).expect("a tile for every sixteen rows");
            let needed = rows.iter().filter(|&&k| (k as usize) < depth);
            let Some(first) = needed.clone().map(|&k| matrix.col_start(k as usize) / LANES).min()
            else {
                continue;
            };
            for at in vectors.start.max(first)..vectors.end {
                let block = std::array::from_fn(|i| {
                    let n = at * LANES + i;
                    if n >= cols {
                        return simd.splat(0.0);
                    }
                    // The next tile needs the same columns, or fewer.
                    rest.get(column(n)).into_iter().for_each(|vector| simd.prefetch(vector));
                    simd.load(&tile[column(n)])
                });
                for (&k, row) in rows.iter().zip(simd.transpose(block)) {
                    row.store(&mut to[k as usize * stride + at - vectors.start]);
                }
            }
            let n_closed =
                |k: u32| matrix.col_start(k as usize).saturating_sub(vectors.start * LANES);
            for &k in needed.filter(|&&k| n_closed(k) > 0) {
                let row = &mut to[k as usize * stride..][..vectors.len()];
                as_scalars_mut(row)[..n_closed(k)].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::gemm;
    use crate::made::kernels::gemm::tests::Case;
    use crate::made::kernels::sparse::{self, BinaryMatrix, scratch_len};
    use crate::made::packed_layout::PackedMatrix;
    use crate::rng::{Purpose, Seed};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Kernels compute from shared weights what they compute from sorted ones, and use nothing
        /// that the mask closes: after gathering from rows or tiles, or, if only rows are
        /// permuted, in place.
        #[test]
        fn shared_weights_equal_sorted_ones(
            rows in 1usize..150, cols in 1usize..300, batch in 1usize..9, sort: (bool, bool),
            tiled: bool, seed: u64,
        ) {
            let case = Case::new(rows, cols, batch, seed);
            let mut stream = Seed(seed).stream(Purpose::Shuffle, 0);
            let (in_order, out_order) = (stream.permutation(rows), stream.permutation(cols));
            let mask = case.reordered(
                sort.0.then_some(&*in_order), sort.1.then_some(&*out_order),
            );
            let storage = if tiled { Storage::SharedTiles } else { Storage::Shared };
            let packed = PackedMatrix::new(0, case.shape, storage);
            let matrix = packed.masked(&mask);
            // Closed weights are not zero: other masks use them.
            let mut weights = vec![F32x16::default(); packed.range.len()];
            for k in 0..rows {
                for n in 0..cols {
                    let open = n >= matrix.col_start(k);
                    let sorted = as_scalars(&case.w[k * case.shape.stride()..])[n];
                    let at = packed.index(matrix.stored_row(k), matrix.stored_column(n));
                    as_scalars_mut(&mut weights)[at] = if open { sorted } else { 7.0 };
                }
            }
            let shared = WeightView { weights: &weights, matrix };
            let mut ones = BinaryMatrix::default();
            let identity: Vec<u32> = (0..rows as u32).collect();
            let pixels: Vec<u8> = (0..rows).map(|k| u8::from(k % 3 == 0)).collect();
            (0..batch).for_each(|_| ones.push(None, &pixels, &identity));
            ones.build_csc(rows);
            for level in Level::available() {
                let dense = |weights: WeightView| {
                    let (mut z, mut dx) = (case.dz.clone(), case.x.clone());
                    level.dispatch(gemm::Forward {
                        z: &mut z, x: &case.x, x_cols: rows, weights, leading_zeros: &[],
                    });
                    level.dispatch(gemm::InputGradient {
                        dx: &mut dx, dz: &case.dz, weights, leading_zeros: &[],
                    });
                    (z, dx)
                };
                let selected = |weights: WeightView| {
                    let mut z = case.dz.clone();
                    let scratch =
                        &mut vec![F32x16([f32::NAN; LANES]); scratch_len(weights.matrix)];
                    let x = &ones;
                    sparse::SparseForward { z: &mut z, x, first_row: 0, weights, scratch }.run(level);
                    z
                };
                let mut gathered = vec![F32x16::default(); case.w.len()];
                for row in gathered.chunks_exact_mut(case.shape.stride()) {
                    as_scalars_mut(row)[..cols].fill(f32::NAN);
                }
                shared.gather(level, &mut gathered);
                let gathered = WeightView { weights: &gathered, ..case.view() };
                prop_assert!(dense(gathered) == dense(case.view()));
                prop_assert!(selected(gathered) == selected(case.view()));
                if tiled {
                    prop_assert!(selected(shared) == selected(case.view()));
                } else if mask.out_order.is_none() {
                    prop_assert!(dense(shared) == dense(case.view()));
                }
            }
        }
    }
}
