//! Products with a masked matrix, skipping the blocks that its mask closes.
//!
//! Matrices are row-major. Rows of the weights are sorted, so row r sees its leading `prefix[r]` columns and prefixes
//! never fall; everything beyond a row's prefix is exactly zero, which lets whole blocks of 64 rows or columns share the
//! bound of their widest member. Blocks are multiplied by the `gemm` crate, one thread each.

#![expect(unsafe_code, reason = "gemm takes raw pointers; every product here checks its bounds before it makes them")]

use std::ops::Range;

use gemm::Parallelism;

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
