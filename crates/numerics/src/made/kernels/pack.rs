//! Packing: matrices between the flat array of parameters and padded rows of vectors, transposed in
//! blocks of 16 x 16.
//!
//! The parameters hold element (k, n) of a matrix of `rows` rows at `n * rows + k`.

use std::ops::Range;

use crate::made::kernels::matrix::PaddedShape;
use crate::made::kernels::simd::{F32x16, LANES, Simd, Vector, WithSimd};

/// Blocks of 16 x 16 of a matrix: first row and first column.
fn blocks(shape: PaddedShape) -> impl Iterator<Item = (usize, usize)> {
    (0..shape.rows)
        .step_by(LANES)
        .flat_map(move |k| (0..shape.cols).step_by(LANES).map(move |n| (k, n)))
}

/// Parameters of column `n` from row `k` on, at most a vector of them.
pub(crate) fn column_part(shape: PaddedShape, k: usize, n: usize) -> Range<usize> {
    let start = n * shape.rows;
    start + k..start + shape.rows.min(k + LANES)
}

/// Packs parameters into padded rows; padding inside the last vector of a row becomes zero.
pub(crate) struct Pack<'a> {
    /// Destination [rows x cols], padded.
    pub(crate) packed: &'a mut [F32x16],
    /// Source [cols x rows], row-major.
    pub(crate) params: &'a [f32],
    /// Shape of the destination.
    pub(crate) shape: PaddedShape,
}

impl WithSimd for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { packed, params, shape } = self;
        for (k, n) in blocks(shape) {
            let mut columns = [simd.splat(0.0); LANES];
            for (column, n) in columns.iter_mut().zip(n..shape.cols) {
                let mut vector = F32x16::default();
                let part = &params[column_part(shape, k, n)];
                match part.try_into() {
                    Ok(whole) => vector = F32x16(whole),
                    Err(_) => vector.0[..part.len()].copy_from_slice(part),
                }
                *column = simd.load(&vector);
            }
            let rows = packed[k * shape.stride()..].chunks_mut(shape.stride());
            for (row, elements) in rows.zip(simd.transpose(columns)).take(shape.rows - k) {
                elements.store(&mut row[n / LANES]);
            }
        }
    }
}

/// Unpacks padded rows into parameters.
pub(crate) struct Unpack<'a> {
    /// Destination [cols x rows], row-major.
    pub(crate) params: &'a mut [f32],
    /// Source [rows x cols], padded.
    pub(crate) packed: &'a [F32x16],
    /// Shape of the source.
    pub(crate) shape: PaddedShape,
}

impl WithSimd for Unpack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { params, packed, shape } = self;
        for (k, n) in blocks(shape) {
            let mut rows = [simd.splat(0.0); LANES];
            for (row, vectors) in
                rows.iter_mut().zip(packed[k * shape.stride()..].chunks(shape.stride()))
            {
                *row = simd.load(&vectors[n / LANES]);
            }
            for (n, column) in (n..shape.cols).zip(simd.transpose(rows)) {
                let (mut vector, to) = (F32x16::default(), &mut params[column_part(shape, k, n)]);
                column.store(&mut vector);
                match to.as_chunks_mut::<LANES>() {
                    ([whole], _) => *whole = vector.0,
                    _ => to.copy_from_slice(&vector.0[..to.len()]),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::level::Level;
    use crate::made::kernels::simd::as_scalars;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Every element is packed into its row and column on every instruction set, padding is
        /// zero, and unpacking restores all elements.
        #[test]
        fn unpacking_inverts_packing(rows in 1usize..70, cols in 1usize..70) {
            let shape = PaddedShape { rows, cols };
            let params: Vec<f32> = (0..rows * cols).map(|i| i as f32).collect();
            for level in Level::available() {
                let mut packed = vec![F32x16([9.0; LANES]); shape.len()];
                level.dispatch(Pack { packed: &mut packed, params: &params, shape });
                for (k, row) in as_scalars(&packed).chunks_exact(shape.stride() * LANES).enumerate() {
                    for (n, &element) in row[..shape.vectors() * LANES].iter().enumerate() {
                        prop_assert_eq!(element, if n < cols { params[n * rows + k] } else { 0.0 });
                    }
                }
                let mut back = vec![f32::NAN; params.len()];
                level.dispatch(Unpack { params: &mut back, packed: &packed, shape });
                prop_assert_eq!(&back, &params);
            }
        }
    }
}
