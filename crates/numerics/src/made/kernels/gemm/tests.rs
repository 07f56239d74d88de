//! The dense products against sums written out.

use proptest::prelude::*;

use super::*;
use crate::made::kernels::level::Level;
use crate::made::kernels::matrix::{MaskedMatrix, PrefixMask, Storage};
use crate::made::kernels::simd::as_scalars_mut;
use crate::made::kernels::update::{UpdateRule, UpdateTarget};
use crate::made::kernels::update_queue::GradientSink;
use crate::made::kernels::weight_gradient::{DenseWeightGradient, PackedGradients};
use crate::parallel::ThreadPool;
use crate::rng::{Purpose, Seed, Stream};

/// A masked matrix with minibatches below and above it.
pub(in crate::made::kernels) struct Case {
    pub(in crate::made::kernels) shape: PaddedShape,
    pub(in crate::made::kernels) mask: PrefixMask,
    /// Weights [n_in x n_out], sorted.
    pub(in crate::made::kernels) w: Vec<F32x16>,
    /// Input [batch x n_in].
    pub(in crate::made::kernels) x: Vec<F32x16>,
    /// Gradient of the pre-activations [batch x n_out].
    pub(in crate::made::kernels) dz: Vec<F32x16>,
    /// Number of leading zeros in each row of `x` [batch].
    pub(in crate::made::kernels) leading_zeros: Vec<u32>,
}

/// A matrix of drawn elements, padded with zeros.
fn matrix(shape: PaddedShape, mut draw: impl FnMut(usize, usize) -> f32) -> Vec<F32x16> {
    let mut vectors = vec![F32x16::default(); shape.len()];
    for (r, row) in vectors.chunks_exact_mut(shape.stride()).enumerate() {
        as_scalars_mut(row)[..shape.cols]
            .iter_mut()
            .enumerate()
            .for_each(|(c, element)| *element = draw(r, c));
    }
    vectors
}

impl Case {
    pub(in crate::made::kernels) fn new(rows: usize, cols: usize, batch: usize, seed: u64) -> Self {
        let mut stream = Seed(seed).stream(Purpose::Init, 0);
        let mut row_len: Vec<u32> =
            (0..cols).map(|_| stream.below(rows as u64 + 1) as u32).collect();
        row_len.sort_unstable();
        let mask = PrefixMask::new(row_len, rows, None, None);
        let shape = PaddedShape { rows, cols };
        let normal = |stream: &mut Stream| stream.normal() as f32;
        let w = matrix(
            shape,
            |k, n| {
                if (k as u32) < mask.row_len[n] { normal(&mut stream) } else { 0.0 }
            },
        );
        let n_vectors = rows / LANES + 1;
        let mut leading_zeros: Vec<u32> = (0..batch)
            .map(|_| stream.below(n_vectors as u64) as u32 * LANES as u32)
            .collect();
        leading_zeros.sort_unstable();
        let x = matrix(PaddedShape { rows: batch, cols: rows }, |b, k| {
            if (k as u32) < leading_zeros[b] { 0.0 } else { normal(&mut stream) }
        });
        let dz = matrix(PaddedShape { rows: batch, cols }, |_, _| normal(&mut stream));
        Self { shape, mask, w, x, dz, leading_zeros }
    }

    /// The weights as the products read them.
    pub(in crate::made::kernels) fn view(&self) -> WeightView<'_> {
        WeightView { weights: &self.w, matrix: self.matrix() }
    }

    pub(in crate::made::kernels) fn matrix(&self) -> MaskedMatrix<'_> {
        MaskedMatrix::new(self.shape, &self.mask, Storage::Sorted)
    }

    /// The mask with its units stored in these orders.
    pub(in crate::made::kernels) fn reordered(
        &self,
        in_order: Option<&[u32]>,
        out_order: Option<&[u32]>,
    ) -> PrefixMask {
        PrefixMask {
            in_order: in_order.map(<[u32]>::to_vec),
            out_order: out_order.map(<[u32]>::to_vec),
            ..self.mask.clone()
        }
    }

    /// Gradient of all weights by some kernel; 9 where the kernel leaves it alone.
    pub(in crate::made::kernels) fn gradient(
        &self,
        kernel: impl FnOnce(GradientSink),
    ) -> Vec<F32x16> {
        let (mut w, mut g) = (self.w.clone(), vec![F32x16([9.0; LANES]); self.w.len()]);
        let target = UpdateTarget { p: &mut w, state: [&mut g, &mut []] };
        kernel(GradientSink { target, rule: UpdateRule::Record, matrix: self.matrix() });
        assert_eq!(w, self.w, "recording changes no weight");
        g
    }

    /// The dense gradient kernel.
    pub(in crate::made::kernels) fn dense_gradient<'a>(
        &'a self,
        pool: &'a ThreadPool,
        level: Level,
        leading_zeros: &'a [u32],
    ) -> impl Fn(GradientSink) + 'a {
        move |sink| {
            DenseWeightGradient {
                x: &self.x,
                x_cols: self.shape.rows,
                dz: &self.dz,
                leading_zeros,
            }
            .run(pool, level, &mut PackedGradients::default(), sink);
        }
    }
}

fn at(vectors: &[F32x16], cols: usize, r: usize, c: usize) -> f32 {
    as_scalars(vectors)[r * batch_shape(cols).stride() * LANES + c]
}

/// A sum as the kernels of a level define it: one chain of multiply-adds.
fn chain(level: Level, start: f32, terms: impl Iterator<Item = (f32, f32)>) -> f32 {
    let fused =
        level != Level::Portable || cfg!(any(target_feature = "fma", target_arch = "aarch64"));
    terms.fold(start, |sum, (a, b)| if fused { a.mul_add(b, sum) } else { sum + a * b })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// On every instruction set and for any number of threads, each element is its sum written out,
    /// bit for bit.
    #[test]
    fn products_equal_sums_written_out(
        rows in 1usize..300, cols in 1usize..150, batch in 1usize..20, threads in 1usize..4,
        seed: u64,
    ) {
        let case = Case::new(rows, cols, batch, seed);
        let pool = ThreadPool::new(threads);
        for level in Level::available() {
            let zeros = &case.leading_zeros;
            let mut z = matrix(PaddedShape { rows: batch, cols }, |_, _| 0.5);
            level.dispatch(Forward {
                z: &mut z, x: &case.x, x_cols: rows, weights: case.view(), leading_zeros: zeros,
            });
            let mut dx = matrix(PaddedShape { rows: batch, cols: rows }, |_, _| 9.0);
            level.dispatch(InputGradient {
                dx: &mut dx, dz: &case.dz, weights: case.view(), leading_zeros: zeros,
            });
            let dw = case.gradient(case.dense_gradient(&pool, level, zeros));
            let x = |b, k| at(&case.x, rows, b, k);
            let dz = |b, n| at(&case.dz, cols, b, n);
            let w = |k, n| at(&case.w, cols, k, n);
            #[expect(clippy::needless_range_loop, reason = "the index of an image in all matrices")]
            for b in 0..batch {
                for n in 0..cols {
                    let open = 0..case.mask.row_len[n] as usize;
                    let sum = chain(level, 0.5, open.map(|k| (x(b, k), w(k, n))));
                    prop_assert_eq!(at(&z, cols, b, n), sum);
                }
                for k in 0..rows {
                    let open = case.mask.col_start[k] as usize..cols;
                    let sum = chain(level, 0.0, open.map(|n| (dz(b, n), w(k, n))));
                    let (got, is_zero) = (at(&dx, rows, b, k), (k as u32) < zeros[b]);
                    prop_assert!(got == sum || (is_zero && got == 0.0), "{} is not {}", got, sum);
                }
            }
            for k in 0..rows {
                for n in 0..cols {
                    let open = n >= case.mask.col_start[k] as usize;
                    let sum = chain(level, 0.0, (0..batch).map(|b| (x(b, k), dz(b, n))));
                    let got = at(&dw, cols, k, n);
                    prop_assert!(
                        if open { got == sum } else { got == 0.0 || got == 9.0 },
                        "{} is not {}", got, sum
                    );
                }
            }
        }
    }
}
