//! Element-wise passes: activations, their slopes, loss; loops that the compiler vectorises for
//! the CPU found at run time.
//!
//! They use no fused multiply-add and no exponential of a library: each element comes from the same
//! additions and multiplications on every instruction set.

use crate::made::Activation;
use crate::made::kernels::level::{Level, vectorized};
use crate::made::kernels::simd::{F32x16, LANES, Simd, Vector, WithSimd, as_scalars_mut};

/// exp(x) for x <= 87, within 2 units in the last place; not less than the smallest normal number.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) by its Taylor series to r^7 (remainder below 6e-9),
/// 2^n by its bits.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding and subtracting it rounds to the nearest integer
    let x = x.max(-87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    // ln 2 in two parts, the first of few bits, so that n times it is exact.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let series = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0));
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * series))));
    // The last bits of `rounded` are n itself: no conversion to integers, which is not vectorised.
    series * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

/// ln(1 + e) for e in [0, 1]: 2 artanh(s) with s = e / (2 + e) <= 1/3, its series to s^15
/// (remainder below 2e-9).
#[inline(always)]
fn ln_1p_unit(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    let series = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0)));
    let series = q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * series)));
    2.0 * s + 2.0 * s * series
}

/// ln(x) for normal x > 0, within 2e-7 of one plus its size: the exponent of x by its bits, and 2
/// artanh(s) of its mantissa m in [sqrt(1/2), sqrt(2)) with s = (m - 1) / (m + 1), |s| <= 0.172, its
/// series to s^9 (remainder below 2e-9).
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    let above = x.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = (above as i32) >> 23;
    let m = f32::from_bits((above & 0x007f_ffff).wrapping_add(ROOT_HALF));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0))));
    let n = exponent as f32;
    // ln 2 in two parts, the first of few bits, so that n times it is exact.
    n * 0.693_359_4 + ((2.0 * s + 2.0 * s * series) - n * 2.121_944_4e-4)
}

/// log(1 + exp(z)) and 1 / (1 + exp(-z)).
#[inline(always)]
pub(super) fn softplus_sigmoid(z: f32) -> (f32, f32) {
    let e = exp(-z.abs());
    let small = e / (1.0 + e);
    (z.max(0.0) + ln_1p_unit(e), if z >= 0.0 { 1.0 - small } else { small })
}

/// 1 / (1 + exp(-z)).
#[inline(always)]
pub(crate) fn sigmoid(z: f32) -> f32 {
    softplus_sigmoid(z).1
}

/// Vectors added up in single precision before the sum continues in double precision: few, so that
/// rounding remains small.
const RUN: usize = 8;

/// Sum of a run: sixteen partial sums in single precision, which fixes the order of additions and
/// fills a register, then their sum in double precision.
#[inline(always)]
fn sum<S: Simd>(simd: S, run: &[F32x16; RUN]) -> f64 {
    let mut sums = F32x16::default();
    run.iter()
        .fold(simd.splat(0.0), |sums, vector| sums + simd.load(vector))
        .store(&mut sums);
    sums.0.iter().map(|&s| f64::from(s)).sum()
}

/// Returns the negative log-likelihood of an image, sum over pixels of log(1 + exp(z)) - z x, nats,
/// and replaces its logits `z` [dim] by `scale` times their gradient, sigmoid(z) - x.
pub(crate) fn nll_gradient(z: &mut [f32], x: &[f32], scale: f32) -> f64 {
    Level::detect().dispatch(NllGradient { z, x, scale })
}

struct NllGradient<'a> {
    z: &'a mut [f32],
    x: &'a [f32],
    scale: f32,
}

impl WithSimd for NllGradient<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let mut total = 0.0;
        for (z, x) in self.z.chunks_mut(RUN * LANES).zip(self.x.chunks(RUN * LANES)) {
            let mut losses = [F32x16::default(); RUN];
            for ((z, &x), loss) in z.iter_mut().zip(x).zip(as_scalars_mut(&mut losses)) {
                let (softplus, sigmoid) = softplus_sigmoid(*z);
                *loss = softplus - *z * x;
                *z = (sigmoid - x) * self.scale;
            }
            total += sum(simd, &losses);
        }
        total
    }
}

/// Negative log-likelihood of an image from its logits `z` [dim], nats: the same sum, bit for bit,
/// as [`nll_gradient`] returns.
pub(crate) fn nll(z: &[f32], x: &[f32]) -> f64 {
    Level::detect().dispatch(Nll { z, x })
}

struct Nll<'a> {
    z: &'a [f32],
    x: &'a [f32],
}

impl WithSimd for Nll<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let mut total = 0.0;
        for (z, x) in self.z.chunks(RUN * LANES).zip(self.x.chunks(RUN * LANES)) {
            let mut losses = [F32x16::default(); RUN];
            for ((&z, &x), loss) in z.iter().zip(x).zip(as_scalars_mut(&mut losses)) {
                *loss = softplus_sigmoid(z).0 - z * x;
            }
            total += sum(simd, &losses);
        }
        total
    }
}

vectorized! {
    /// Adds `row` to every row of `z`.
    pub(crate) fn add_to_rows(z: &mut [f32], row: &[f32]) {
        for z in z.chunks_exact_mut(row.len()) {
            for (z, element) in z.iter_mut().zip(row) {
                *z += element;
            }
        }
    }

    /// Sums the rows of `z`: `sums[n] = sum over i of z[i][n]`.
    pub(crate) fn column_sums(z: &[f32], sums: &mut [f32]) {
        sums.fill(0.0);
        for row in z.chunks_exact(sums.len()) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

impl Activation {
    /// Value of the activation at pre-activation `a`.
    #[inline(always)]
    pub(crate) fn apply(self, a: f32) -> f32 {
        match self {
            Self::Relu => a.max(0.0),
            Self::Softplus => softplus_sigmoid(a).0,
            Self::Tanh => {
                let e = exp(-2.0 * a.abs());
                ((1.0 - e) / (1.0 + e)).copysign(a)
            }
            Self::Sigmoid => sigmoid(a),
            Self::Softsign => a / (1.0 + a.abs()),
        }
    }

    /// Derivative of the activation, as a function of its value `h`.
    #[inline(always)]
    pub(crate) fn slope(self, h: f32) -> f32 {
        match self {
            Self::Relu => f32::from(h > 0.0),
            Self::Softplus => 1.0 - exp(-h),
            Self::Tanh => 1.0 - h * h,
            Self::Sigmoid => h * (1.0 - h),
            Self::Softsign => (1.0 - h.abs()) * (1.0 - h.abs()),
        }
    }

    /// Replaces pre-activations by activations.
    pub(crate) fn forward(self, a: &mut [f32]) {
        activate(self, a);
    }

    /// Replaces deltas of pre-activations by deltas of activations.
    pub(crate) fn forward_deltas(self, deltas: &mut [f32], base: BaseRow) {
        activate_deltas(self, deltas, base.preactivation, base.activation);
    }

    /// Replaces gradients of activations by gradients of pre-activations.
    pub(crate) fn backward_deltas(self, d: &mut [f32], h: &[f32], shape: DeltaShape) {
        multiply_slope(self, d, h, shape.width, shape.n_delta_units);
    }
}

/// Row of the all-zero image, from which the rows of images differ by deltas [width].
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseRow<'a> {
    /// Pre-activations.
    pub(crate) preactivation: &'a [f32],
    /// Activations, zero from `n_delta_units` on.
    pub(crate) activation: &'a [f32],
}

/// Shape of the matrices of [`Activation::backward_deltas`].
///
/// `h` has the activations of the all-zero image in its first row, and in the others the deltas of
/// the images. `d` has the gradients of the images in the same rows, and in its first row their sum
/// over all images. Where the delta of an image is zero, its gradient is not used and may be
/// uninitialised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeltaShape {
    /// Elements in a row.
    pub(crate) width: usize,
    /// Number of leading units that are stored as deltas. Beyond them the first row of `h` is zero,
    /// and the sum in `d` is recomputed from the images.
    pub(crate) n_delta_units: usize,
}

/// Matches once, outside the loop, so that each activation has a loop of its own without branches.
macro_rules! each_activation {
    ($kind:expr, $name:ident, $loop:block) => {
        match $kind {
            Activation::Relu => {
                const $name: Activation = Activation::Relu;
                $loop
            }
            Activation::Softplus => {
                const $name: Activation = Activation::Softplus;
                $loop
            }
            Activation::Tanh => {
                const $name: Activation = Activation::Tanh;
                $loop
            }
            Activation::Sigmoid => {
                const $name: Activation = Activation::Sigmoid;
                $loop
            }
            Activation::Softsign => {
                const $name: Activation = Activation::Softsign;
                $loop
            }
        }
    };
}

vectorized! {
    fn activate(kind: Activation, a: &mut [f32]) {
        each_activation!(kind, KIND, {
            for a in a.iter_mut() {
                *a = KIND.apply(*a);
            }
        });
    }

    fn activate_deltas(kind: Activation, rows: &mut [f32], start: &[f32], base: &[f32]) {
        each_activation!(kind, KIND, {
            for row in rows.chunks_exact_mut(base.len()) {
                for ((a, start), base) in row.iter_mut().zip(start).zip(base) {
                    *a = KIND.apply(start + *a) - base;
                }
            }
        });
    }

    fn multiply_slope(kind: Activation, d: &mut [f32], h: &[f32], width: usize, n_delta_units: usize) {
        let ((total, d), (base, h)) = (d.split_at_mut(width), h.split_at(width));
        let mut slopes = vec![0.0; width];
        each_activation!(kind, KIND, {
            slopes[..n_delta_units].iter_mut().zip(base).for_each(|(slope, &base)| *slope = KIND.slope(base));
            total[..n_delta_units].iter_mut().zip(&slopes).for_each(|(total, slope)| *total *= slope);
            total[n_delta_units..].fill(0.0);
            for (d, h) in d.chunks_exact_mut(width).zip(h.chunks_exact(width)) {
                let others = base.iter().zip(&slopes).zip(total.iter_mut());
                for ((d, &h), ((&base, &at_base), total)) in d.iter_mut().zip(h).zip(others) {
                    let slope = KIND.slope(base + h);
                    *total += (slope - at_base) * *d;
                    *d *= slope;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exponential_and_logarithm_are_accurate() {
        for i in 0..=870_000 {
            let x = -f64::from(i) * 1e-4;
            let expected = f64::from(x as f32).exp();
            let got = f64::from(exp(x as f32));
            assert!((got / expected - 1.0).abs() < 3e-7, "exp({x}) = {got}, expected {expected}");
        }
        for i in 1..=100_000 {
            let e = (f64::from(i) * 1e-5) as f32;
            let (got, expected) = (f64::from(ln_1p_unit(e)), f64::from(e).ln_1p());
            assert!(
                (got / expected - 1.0).abs() < 3e-7,
                "ln(1 + {e}) = {got}, expected {expected}"
            );
        }
        for i in -870..=870 {
            let x = (f64::from(i) * 0.1).exp() as f32;
            let (got, expected) = (f64::from(ln(x)), f64::from(x).ln());
            assert!((got - expected).abs() < 2e-7 * (1.0 + expected.abs()), "ln({x}) = {got}");
        }
    }

    proptest! {
        /// Law 22: the stable loss is the naive one in double precision wherever that one works.
        #[test]
        fn loss_equals_the_naive_one(z in -30f32..30.0, on: bool) {
            let x = f32::from(on);
            let p = 1.0 / (1.0 + (-f64::from(z)).exp());
            let off = 1.0 / (1.0 + f64::from(z).exp());
            let naive = -(f64::from(x) * p.ln() + (1.0 - f64::from(x)) * off.ln());
            let mut gradient = [z];
            let loss = nll_gradient(&mut gradient, &[x], 1.0);
            prop_assert_eq!(loss, nll(&[z], &[x]));
            prop_assert!((loss - naive).abs() <= 2e-6 * (1.0 + naive), "{} against {}", loss, naive);
            prop_assert!((f64::from(gradient[0]) - (p - f64::from(x))).abs() < 1e-6);
        }
    }

    #[test]
    fn loss_is_exact_and_finite_far_out() {
        for (z, x, expected) in
            [(1e4, 0.0, 1e4), (1e4, 1.0, 0.0), (-1e4, 1.0, 1e4), (-1e4, 0.0, 0.0)]
        {
            let loss = nll_gradient(&mut [z], &[x], 1.0);
            assert!((loss - expected).abs() < 1e-30, "logit {z}, pixel {x}: {loss}");
        }
    }

    #[test]
    fn slopes_are_derivatives() {
        use Activation::{Relu, Sigmoid, Softplus, Softsign, Tanh};
        for kind in [Relu, Softplus, Tanh, Sigmoid, Softsign] {
            for i in -40..40 {
                let a = i as f32 * 0.1 + 0.05;
                let step = 1e-2;
                let difference = (kind.apply(a + step) - kind.apply(a - step)) / (2.0 * step);
                let slope = kind.slope(kind.apply(a));
                assert!(
                    (difference - slope).abs() < 2e-4,
                    "{kind:?} at {a}: {slope}, difference {difference}"
                );
            }
        }
    }
}
