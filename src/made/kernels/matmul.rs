//! Products with a masked matrix, skipping the blocks that its mask closes.
//!
//! Matrices are row-major. Rows of the weights are sorted, so row r sees its leading `prefix[r]` columns and prefixes
//! never fall; everything beyond a row's prefix is exactly zero, which lets whole blocks of 64 rows or columns share the
//! bound of their widest member. Blocks are multiplied by the `gemm` crate, one thread each.

#![expect(unsafe_code, reason = "gemm takes raw pointers; every product here checks its bounds before it makes them")]

use std::ops::Range;

use gemm::Parallelism;

use crate::made::kernels::team::Team;

/// Rows or columns a block: wide enough for the micro-kernel, narrow enough to skip nearly half of a mask.
const BLOCK: usize = 64;

/// A read-only matrix.
#[derive(Clone, Copy)]
struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Mat<'a> {
    fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert!(data.len() >= rows * cols, "{} numbers are no {rows} x {cols} matrix", data.len());
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    fn block(self, rows: Range<usize>, cols: Range<usize>) -> Self {
        assert!(rows.end <= self.rows && cols.end <= self.cols, "a block lies inside its matrix");
        let start = rows.start * self.row_stride + cols.start * self.col_stride;
        let data = if rows.is_empty() || cols.is_empty() { &[] } else { &self.data[start..] };
        Self { data, rows: rows.len(), cols: cols.len(), ..self }
    }

    fn transposed(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }
}

/// A row-major matrix whose blocks several threads write at once.
struct Target {
    data: *mut f32,
    rows: usize,
    cols: usize,
}

// SAFETY: a `Target` only hands out its pointer to `multiply`, whose callers give each task a block of its own.
unsafe impl Sync for Target {}

impl Target {
    fn new(data: &mut [f32], rows: usize, cols: usize) -> Self {
        assert!(data.len() >= rows * cols, "{} numbers are no {rows} x {cols} matrix", data.len());
        Self { data: data.as_mut_ptr(), rows, cols }
    }

    /// `block = keep * block + a * b`.
    ///
    /// # Safety
    /// No other thread may touch the block meanwhile.
    unsafe fn multiply(&self, rows: Range<usize>, cols: Range<usize>, keep: bool, a: Mat, b: Mat) {
        assert!(rows.end <= self.rows && cols.end <= self.cols, "a block lies inside its matrix");
        assert!(a.rows == rows.len() && b.cols == cols.len() && a.cols == b.rows, "shapes of a product agree");
        if rows.is_empty() || cols.is_empty() {
            return;
        }
        // SAFETY: the asserts above and `Mat`'s constructor keep every access inside the three buffers; `gemm` reads
        // nothing of `a` and `b` where their common dimension is zero.
        unsafe {
            gemm::gemm(
                rows.len(),
                cols.len(),
                a.cols,
                self.data.add(rows.start * self.cols + cols.start),
                1,
                self.cols as isize,
                keep,
                a.data.as_ptr(),
                a.col_stride as isize,
                a.row_stride as isize,
                b.data.as_ptr(),
                b.col_stride as isize,
                b.row_stride as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

fn block(index: usize, len: usize) -> Range<usize> {
    index * BLOCK..len.min((index + 1) * BLOCK)
}

/// `z += x wT`: z is batch x rows, x batch x cols, w rows x cols under `prefix`.
pub fn forward(team: &Team, z: &mut [f32], x: &[f32], w: &[f32], prefix: &[u32], cols: usize, batch: usize) {
    let rows = prefix.len();
    let (x, w, z) = (Mat::new(x, batch, cols), Mat::new(w, rows, cols), Target::new(z, batch, rows));
    team.each(rows.div_ceil(BLOCK), |i| {
        let rows = block(i, rows);
        let seen = prefix[rows.end - 1] as usize;
        if seen > 0 {
            let (a, b) = (x.block(0..batch, 0..seen), w.block(rows.clone(), 0..seen).transposed());
            // SAFETY: each task writes the columns of its own rows of w.
            unsafe { z.multiply(0..batch, rows, true, a, b) };
        }
    });
}

/// `dx = dz w`: dx is batch x cols.
pub fn input_gradient(team: &Team, dx: &mut [f32], dz: &[f32], w: &[f32], prefix: &[u32], cols: usize, batch: usize) {
    let rows = prefix.len();
    let (dz, w, dx) = (Mat::new(dz, batch, rows), Mat::new(w, rows, cols), Target::new(dx, batch, cols));
    team.each(cols.div_ceil(BLOCK), |i| {
        let cols = block(i, cols);
        let first = prefix.partition_point(|&seen| seen as usize <= cols.start);
        let (a, b) = (dz.block(0..batch, first..rows), w.block(first..rows, cols.clone()));
        // SAFETY: each task writes its own columns of dx.
        unsafe { dx.multiply(0..batch, cols, false, a, b) };
    });
}

/// `dw = dzT x` within the prefixes: dw is rows x cols. What lies beyond a row's prefix is unspecified.
pub fn weight_gradient(team: &Team, dw: &mut [f32], dz: &[f32], x: &[f32], prefix: &[u32], cols: usize, batch: usize) {
    let rows = prefix.len();
    let (dz, x, dw) = (Mat::new(dz, batch, rows), Mat::new(x, batch, cols), Target::new(dw, rows, cols));
    team.each(rows.div_ceil(BLOCK), |i| {
        let rows = block(i, rows);
        let seen = prefix[rows.end - 1] as usize;
        if seen > 0 {
            let (a, b) = (dz.block(0..batch, rows.clone()).transposed(), x.block(0..batch, 0..seen));
            // SAFETY: each task writes its own rows of dw.
            unsafe { dw.multiply(rows, 0..seen, false, a, b) };
        }
    });
}

/// `z[rows] += w[rows, ..known] x[..known]`: z and x are units x batch, w has `cols` columns.
pub fn accumulate(z: &mut [f32], batch: usize, w: &[f32], cols: usize, rows: Range<usize>, known: usize, x: &[f32]) {
    if known == 0 {
        return;
    }
    let (height, depth) = (z.len() / batch, x.len() / batch);
    let (w, x) = (Mat::new(w, height, cols), Mat::new(x, depth, batch));
    let (a, b) = (w.block(rows.clone(), 0..known), x.block(0..known, 0..batch));
    // SAFETY: `z` is borrowed mutably, and nothing else runs.
    unsafe { Target::new(z, height, batch).multiply(rows, 0..batch, true, a, b) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::{Purpose, Seed, Stream};

    struct Case {
        x: Vec<f32>,
        dz: Vec<f32>,
        w: Vec<f32>,
        prefix: Vec<u32>,
    }

    fn normals(stream: &mut Stream, count: usize) -> Vec<f32> {
        (0..count).map(|_| stream.normal() as f32).collect()
    }

    /// Random matrices under a random staircase, weights beyond it zero as the kernels require.
    fn case(rows: usize, cols: usize, batch: usize, seed: u64) -> Case {
        let mut stream = Seed(seed).stream(Purpose::Init, 0);
        let mut prefix: Vec<u32> = (0..rows).map(|_| stream.below(cols as u64 + 1) as u32).collect();
        prefix.sort_unstable();
        let mut w = normals(&mut stream, rows * cols);
        for (row, &seen) in w.chunks_mut(cols.max(1)).zip(&prefix) {
            row[seen as usize..].fill(0.0);
        }
        Case { x: normals(&mut stream, batch * cols), dz: normals(&mut stream, batch * rows), w, prefix }
    }

    fn close(got: f32, expected: f64) {
        assert!((f64::from(got) - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{got} is not {expected}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn products_equal_sums_written_out(
            rows in 1usize..150, cols in 1usize..150, batch in 1usize..20, seed: u64, threads in 1usize..3,
        ) {
            let Case { x, dz, w, prefix } = case(rows, cols, batch, seed);
            let team = Team::new(threads);
            let at = |m: &[f32], width: usize, r: usize, c: usize| f64::from(m[r * width + c]);

            let mut z = vec![0.5; batch * rows];
            forward(&team, &mut z, &x, &w, &prefix, cols, batch);
            let mut dx = vec![9.0; batch * cols];
            input_gradient(&team, &mut dx, &dz, &w, &prefix, cols, batch);
            let mut dw = vec![9.0; rows * cols];
            weight_gradient(&team, &mut dw, &dz, &x, &prefix, cols, batch);
            for b in 0..batch {
                for r in 0..rows {
                    let sum: f64 = (0..cols).map(|c| at(&x, cols, b, c) * at(&w, cols, r, c)).sum();
                    close(z[b * rows + r], 0.5 + sum);
                }
                for c in 0..cols {
                    let sum: f64 = (0..rows).map(|r| at(&dz, rows, b, r) * at(&w, cols, r, c)).sum();
                    close(dx[b * cols + c], sum);
                }
            }
            for (r, &seen) in prefix.iter().enumerate() {
                for c in 0..seen as usize {
                    let sum: f64 = (0..batch).map(|b| at(&dz, rows, b, r) * at(&x, cols, b, c)).sum();
                    close(dw[r * cols + c], sum);
                }
            }
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let Case { x, w, prefix, .. } = case(300, 200, 33, 1);
        let run = |threads| {
            let mut z = vec![0.0; 33 * 300];
            let team = Team::new(threads);
            team.run(|| forward(&team, &mut z, &x, &w, &prefix, 200, 33));
            z
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(3));
    }
}
