//! Dense products with masked weights, in the manner of BLIS: packed right-hand side, MR x NR
//! micro-kernel, blocks that the mask closes skipped. The loop nest is drawn in [`super`].

use std::ops::Range;

use crate::made::kernels::matrix::{PaddedShape, WeightView, batch_shape};
use crate::made::kernels::simd::{F32x16, LANES, Simd, Vector, WithSimd, as_scalars};
use crate::made::kernels::update_queue::{Interleave, MR};

/// Vectors of columns of a micro-kernel with many registers: 64 elements.
pub(super) const NR: usize = 4;

/// Vectors of columns of a micro-kernel with few registers: 16 elements.
pub(super) const NARROW_NR: usize = 1;

/// Terms of a sum that are packed at once: KC x NR elements, 32 KiB, stay in the nearest cache.
const KC: usize = 128;

/// As many for narrow blocks, 16 KiB: the images of a minibatch pass by the other half of the cache.
const NARROW_KC: usize = 256;

/// Terms of a sum between two steps of the prefetcher.
const PREFETCH_INTERVAL: usize = 16;

/// A block of packed rows: KC terms of NR vectors, as many as a micro-kernel computes, so that it
/// reads the block from one end to the other.
type PackedBlock<const NR: usize, const KC: usize> = [[F32x16; NR]; KC];

/// `z += x w`, for some rows of a minibatch.
pub(crate) struct Forward<'a> {
    /// Pre-activations [rows x n_out].
    pub(crate) z: &'a mut [F32x16],
    /// Input [rows x x_cols], of which the first n_in columns are taken.
    pub(crate) x: &'a [F32x16],
    /// Number of columns of `x`.
    pub(crate) x_cols: usize,
    /// Weights [n_in x n_out].
    pub(crate) weights: WeightView<'a>,
    /// Number of leading zeros in each row of `x`, non-decreasing; empty if there are none.
    pub(crate) leading_zeros: &'a [u32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::MANY_REGISTERS {
            self.run::<S, NR, KC>(simd);
        } else {
            self.run::<S, NARROW_NR, NARROW_KC>(simd);
        }
    }
}

impl Forward<'_> {
    /// Computes the product block by block, each of `NR` vectors of columns and `KC` terms.
    #[inline(always)]
    fn run<S: Simd, const NR: usize, const KC: usize>(self, simd: S) {
        let Self { z, x, x_cols, weights, leading_zeros } = self;
        let matrix = weights.matrix;
        let n_in = matrix.shape.rows;
        let n_vectors = matrix.shape.stride();
        let mut packed: PackedBlock<NR, KC> = [[F32x16::default(); NR]; KC];
        for block in matrix.shape.column_blocks(NR) {
            let depth = matrix.depth(&block);
            for first in (0..depth).step_by(KC) {
                let count = KC.min(depth - first);
                for (row, k) in packed.iter_mut().zip(first..first + count) {
                    for (to, vector) in row.iter_mut().zip(block.clone()) {
                        weights.load(simd, k, vector).store(to);
                    }
                }
                // The next block to be packed: further down, or the top of the next columns.
                let (rows, vectors) = if first + KC < depth {
                    (first + KC..depth.min(first + 2 * KC), block.clone())
                } else {
                    (0..KC.min(n_in), block.end..n_vectors.min(block.end + NR))
                };
                let mut prefetcher = Prefetcher { weights, rows, vectors };
                // Later columns have more terms: each piece of the block ends where the terms of
                // its first vector end, and leaves the rest to the later vectors.
                let mut begin = 0;
                let lhs = Lhs::new(x, x_cols, first);
                for vector in block.clone() {
                    let end = count.min(matrix.depth(&(vector..vector + 1)).saturating_sub(first));
                    let mut product = MacroKernel {
                        c: z,
                        stride: n_vectors,
                        lhs: lhs.skip(begin),
                        packed: &packed[begin..end],
                        prefetcher: &mut prefetcher,
                    };
                    product.for_each_tile(simd, |row| Tile {
                        vectors: vector..block.end,
                        skipped_terms: zeros_of(leading_zeros, row).saturating_sub(first + begin),
                    });
                    begin = end;
                }
            }
        }
    }
}

/// `dx = dz w^T`, for some rows of a minibatch.
pub(crate) struct InputGradient<'a> {
    /// Gradient of the input [rows x n_in]. The leading elements that `leading_zeros` counts are
    /// not needed: some are computed, the others are zero.
    pub(crate) dx: &'a mut [F32x16],
    /// Gradient of the pre-activations [rows x n_out].
    pub(crate) dz: &'a [F32x16],
    /// Weights [n_in x n_out].
    pub(crate) weights: WeightView<'a>,
    /// Number of leading elements of each row of `dx` that are not needed, whole vectors,
    /// non-decreasing; empty if there are none.
    pub(crate) leading_zeros: &'a [u32],
}

impl WithSimd for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::MANY_REGISTERS {
            self.run::<S, NR, KC>(simd);
        } else {
            self.run::<S, NARROW_NR, NARROW_KC>(simd);
        }
    }
}

impl InputGradient<'_> {
    /// Computes the product block by block, each of `NR` vectors of columns and `KC` terms.
    #[inline(always)]
    fn run<S: Simd, const NR: usize, const KC: usize>(self, simd: S) {
        let Self { dx, dz, weights, leading_zeros } = self;
        let matrix = weights.matrix;
        let PaddedShape { rows: n_in, cols: n_out } = matrix.shape;
        let input = batch_shape(n_in);
        let mut packed: PackedBlock<NR, KC> = [[F32x16::default(); NR]; KC];
        dx.fill(F32x16::default());
        for block in input.column_blocks(NR) {
            let units = block.start * LANES..n_in.min(block.end * LANES);
            // First output unit of a vector of input units, rounded down to a vector: weights
            // between the two are zero.
            let first_output = |vector: usize| matrix.col_start(vector * LANES) / LANES * LANES;
            for first in (first_output(block.start)..n_out).step_by(KC) {
                let count = KC.min(n_out - first);
                pack_transposed(simd, &mut packed, weights, units.clone(), first..first + count);
                let next = first + KC;
                let (rows, outputs) = if next < n_out {
                    (units.clone(), next..n_out.min(next + KC))
                } else {
                    let rows = units.end..n_in.min(units.end + NR * LANES);
                    let begin = if rows.is_empty() { 0 } else { first_output(block.end) };
                    (rows, begin..n_out.min(begin + KC))
                };
                let vectors = outputs.start / LANES..outputs.end.div_ceil(LANES);
                let mut prefetcher = Prefetcher { weights, rows, vectors };
                // Later input units have fewer terms: each piece of the block begins where the
                // terms of its last vector begin.
                let lhs = Lhs::new(dz, n_out, first);
                for end in block.start + 1..=block.end {
                    let begin = first_output(end - 1).saturating_sub(first).min(count);
                    let until = if end == block.end { n_out } else { first_output(end) }
                        .saturating_sub(first)
                        .min(count);
                    let mut product = MacroKernel {
                        c: dx,
                        stride: input.stride(),
                        lhs: lhs.skip(begin),
                        packed: &packed[begin..until],
                        prefetcher: &mut prefetcher,
                    };
                    product.for_each_tile(simd, |row| Tile {
                        vectors: (zeros_of(leading_zeros, row) / LANES).clamp(block.start, end)
                            ..end,
                        skipped_terms: 0,
                    });
                }
            }
        }
    }
}

/// Number of leading zeros that all rows of a tile have in common: that of its first row.
#[inline(always)]
fn zeros_of(leading_zeros: &[u32], first_row: usize) -> usize {
    leading_zeros.get(first_row).map_or(0, |&count| count as usize)
}

/// Packs the weights from input units `units` to output units `outputs`, transposed: a packed row
/// is an output unit. `outputs` begins with a whole vector.
#[inline(always)]
fn pack_transposed<S: Simd, const NR: usize, const KC: usize>(
    simd: S,
    packed: &mut PackedBlock<NR, KC>,
    weights: WeightView,
    units: Range<usize>,
    outputs: Range<usize>,
) {
    for (vector, first) in units.clone().step_by(LANES).enumerate() {
        for at in outputs.clone().step_by(LANES) {
            let mut rows = [simd.splat(0.0); LANES];
            for (row, unit) in rows.iter_mut().zip(first..units.end) {
                *row = weights.load(simd, unit, at / LANES);
            }
            let packed = &mut packed[at - outputs.start..][..LANES];
            for (packed, column) in packed.iter_mut().zip(simd.transpose(rows)) {
                column.store(&mut packed[vector]);
            }
        }
    }
}

/// Left-hand side of a product: rows of a minibatch, used from column `first` on.
#[derive(Clone, Copy)]
struct Lhs<'a> {
    elements: &'a [f32],
    /// Elements from one row to the next.
    stride: usize,
    first: usize,
}

impl<'a> Lhs<'a> {
    #[inline(always)]
    fn new(rows: &'a [F32x16], cols: usize, first: usize) -> Self {
        Self {
            elements: as_scalars(rows),
            stride: batch_shape(cols).stride() * LANES,
            first,
        }
    }

    #[inline(always)]
    fn skip(self, columns: usize) -> Self {
        Self { first: self.first + columns, ..self }
    }
}

/// Packed right-hand side: one row per term of the sums, used from vector `first_vector` on.
#[derive(Clone, Copy)]
pub(super) struct PackedRhs<'a, const NR: usize> {
    pub(super) terms: &'a [[F32x16; NR]],
    pub(super) first_vector: usize,
}

/// Prefetches the weights that are packed next, row by row, while the current block is multiplied.
struct Prefetcher<'a> {
    weights: WeightView<'a>,
    rows: Range<usize>,
    vectors: Range<usize>,
}

impl Interleave for Prefetcher<'_> {
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S) {
        if let Some(row) = self.rows.next() {
            let WeightView { weights, matrix } = self.weights;
            let row = matrix.stored_row(row) * matrix.shape.stride();
            let vectors = weights.get(row + self.vectors.start..row + self.vectors.end);
            vectors.unwrap_or_default().iter().for_each(|vector| simd.prefetch(vector));
        }
    }
}

/// The part of a tile of MR rows that a product computes.
struct Tile {
    /// Vectors of the result.
    vectors: Range<usize>,
    /// Leading terms that are zero in every row.
    skipped_terms: usize,
}

/// `c += lhs * packed`, tile by tile of MR rows.
struct MacroKernel<'a, 'b, const NR: usize> {
    c: &'a mut [F32x16],
    /// Vectors from one row of `c` to the next.
    stride: usize,
    lhs: Lhs<'a>,
    packed: &'a [[F32x16; NR]],
    prefetcher: &'a mut Prefetcher<'b>,
}

impl<const NR: usize> MacroKernel<'_, '_, NR> {
    /// Multiplies every tile as far as `tile`, called with its first row, asks for.
    #[inline(always)]
    fn for_each_tile<S: Simd>(&mut self, simd: S, tile: impl Fn(usize) -> Tile) {
        let Self { c, stride, lhs, packed, prefetcher } = self;
        let stride = *stride;
        let tiles = c.chunks_mut(MR * stride).zip(lhs.elements.chunks(MR * lhs.stride));
        for (i, (c, elements)) in tiles.enumerate() {
            let Tile { vectors, skipped_terms } = tile(i * MR);
            let Some(terms) = packed.get(skipped_terms..).filter(|terms| !terms.is_empty()) else {
                continue;
            };
            let lhs = Lhs { elements, ..*lhs }.skip(skipped_terms);
            let rhs = PackedRhs { terms, first_vector: vectors.start % NR };
            let at = vectors.start;
            match vectors.len() {
                0 => {}
                n if n == 1 || NR == NARROW_NR => {
                    select_rows::<S, NR, 1>(simd, c, stride, at, lhs, rhs, prefetcher);
                }
                2 => select_rows::<S, NR, 2>(simd, c, stride, at, lhs, rhs, prefetcher),
                3 => select_rows::<S, NR, 3>(simd, c, stride, at, lhs, rhs, prefetcher),
                _ => select_rows::<S, NR, 4>(simd, c, stride, at, lhs, rhs, prefetcher),
            }
        }
    }
}

/// Runs the micro-kernel with as many rows as `c` has, `N` vectors from `at` on.
#[inline(always)]
fn select_rows<S: Simd, const NR: usize, const N: usize>(
    simd: S,
    c: &mut [F32x16],
    stride: usize,
    at: usize,
    lhs: Lhs,
    rhs: PackedRhs<NR>,
    prefetcher: &mut Prefetcher,
) {
    match c.len() / stride {
        1 => simd.call_outlined(MicroKernel::<1, NR, N> { c, stride, at, lhs, rhs, prefetcher }),
        2 => simd.call_outlined(MicroKernel::<2, NR, N> { c, stride, at, lhs, rhs, prefetcher }),
        3 => simd.call_outlined(MicroKernel::<3, NR, N> { c, stride, at, lhs, rhs, prefetcher }),
        4 => simd.call_outlined(MicroKernel::<4, NR, N> { c, stride, at, lhs, rhs, prefetcher }),
        5 => simd.call_outlined(MicroKernel::<5, NR, N> { c, stride, at, lhs, rhs, prefetcher }),
        _ => simd.call_outlined(MicroKernel::<6, NR, N> { c, stride, at, lhs, rhs, prefetcher }),
    }
}

/// `c[..M][at..at + N] += lhs * rhs`, all accumulators in registers.
struct MicroKernel<'a, 'b, const M: usize, const NR: usize, const N: usize> {
    c: &'a mut [F32x16],
    stride: usize,
    at: usize,
    lhs: Lhs<'a>,
    rhs: PackedRhs<'a, NR>,
    prefetcher: &'a mut Prefetcher<'b>,
}

impl<const M: usize, const NR: usize, const N: usize> WithSimd for MicroKernel<'_, '_, M, NR, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { c, stride, at, lhs, rhs, prefetcher } = self;
        let mut sums = [[simd.splat(0.0); N]; M];
        for (sums, c) in sums.iter_mut().zip(c.chunks_exact(stride)) {
            for (sum, c) in sums.iter_mut().zip(&c[at..at + N]) {
                *sum = simd.load(c);
            }
        }
        let mut rows: [&[f32]; M] = [&[]; M];
        for (row, elements) in rows.iter_mut().zip(lhs.elements.chunks(lhs.stride)) {
            *row = &elements[lhs.first..lhs.first + rhs.terms.len()];
        }
        let (chunks, rest) = rhs.terms.as_chunks::<PREFETCH_INTERVAL>();
        for (i, terms) in chunks.iter().enumerate() {
            let lhs: [&[f32; PREFETCH_INTERVAL]; M] =
                std::array::from_fn(|row| &rows[row].as_chunks().0[i]);
            sums = add_terms(simd, sums, |term, row| lhs[row][term], rhs.first_vector, terms);
            prefetcher.step(simd);
        }
        let first = rhs.terms.len() - rest.len();
        sums = add_terms(simd, sums, |term, row| rows[row][first + term], rhs.first_vector, rest);
        prefetcher.step(simd);
        for (sums, c) in sums.iter().zip(c.chunks_exact_mut(stride)) {
            for (sum, c) in sums.iter().zip(&mut c[at..at + N]) {
                sum.store(c);
            }
        }
    }
}

/// `sums[m][n] + lhs(term, m) * terms[term][first_vector + n]`, term by term in ascending order.
#[inline(always)]
pub(super) fn add_terms<S: Simd, const M: usize, const NR: usize, const N: usize>(
    simd: S,
    mut sums: [[S::Vector; N]; M],
    lhs: impl Fn(usize, usize) -> f32,
    first_vector: usize,
    terms: &[[F32x16; NR]],
) -> [[S::Vector; N]; M] {
    assert!(first_vector + N <= NR, "a packed row has {NR} vectors");
    for (term, packed) in terms.iter().enumerate() {
        let mut vectors = [simd.splat(0.0); N];
        for (n, vector) in vectors.iter_mut().enumerate() {
            *vector = simd.load(&packed[first_vector + n]);
        }
        for (m, sums) in sums.iter_mut().enumerate() {
            let element = simd.splat(lhs(term, m));
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = element.mul_add(vector, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
pub(super) mod tests;
