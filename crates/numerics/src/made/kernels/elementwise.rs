//! Element-wise passes, written so that the compiler vectorises them for the processor found at run
//! time.
//!
//! No fused multiply-add and no library exponential: each number comes from the same additions and
//! multiplications on every instruction set.

use crate::made::Activation;
use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat_mut};
use crate::made::kernels::vectorized::{Level, vectorized};

/// exp(x) for x <= 0, within 2 units in the last place down to the smallest normal number, where it
/// stays.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) by its Taylor series to r^7 (remainder below 6e-9),
/// 2^n by its bits.
#[inline(always)]
fn exp_nonpositive(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding and subtracting it rounds to the nearest integer
    let x = x.max(-87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    // ln 2 in two parts, the first of few bits, so that n times it is exact.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let series = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0));
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * series))));
    // The last bits of `rounded` are n itself: no conversion, which compilers do number by number.
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

/// log(1 + exp(z)) and 1 / (1 + exp(-z)).
#[inline(always)]
fn softplus_sigmoid(z: f32) -> (f32, f32) {
    let e = exp_nonpositive(-z.abs());
    let small = e / (1.0 + e);
    (z.max(0.0) + ln_1p_unit(e), if z >= 0.0 { 1.0 - small } else { small })
}

/// 1 / (1 + exp(-z)).
#[inline(always)]
pub fn sigmoid(z: f32) -> f32 {
    softplus_sigmoid(z).1
}

/// Lanes added up in single precision before they join a double: few, so that the sum keeps its
/// digits.
const RUN: usize = 8;

/// The sum of a run: sixteen partial sums in single precision, a fixed order of additions that
/// still fills a register.
#[inline(always)]
fn sum<L: Lanes>(run: &[Lane; RUN]) -> f64 {
    let mut sums = Lane::default();
    run.iter()
        .fold(L::splat(0.0), |sums, lane| sums.add(L::load(lane)))
        .store(&mut sums);
    sums.0.iter().map(|&s| f64::from(s)).sum()
}

/// The loss of an image and its gradient in one pass: returns the sum over pixels of log(1 +
/// exp(z)) - z x, nats, and turns the logits into `scale` times the gradient of that sum,
/// sigmoid(z) - x.
pub fn nll_gradient(z: &mut [f32], x: &[f32], scale: f32) -> f64 {
    dispatch(Level::detect(), NllGradient { z, x, scale })
}

struct NllGradient<'a> {
    z: &'a mut [f32],
    x: &'a [f32],
    scale: f32,
}

impl Work for NllGradient<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let mut total = 0.0;
        for (z, x) in self.z.chunks_mut(RUN * WIDTH).zip(self.x.chunks(RUN * WIDTH)) {
            let mut losses = [Lane::default(); RUN];
            for ((z, &x), loss) in z.iter_mut().zip(x).zip(flat_mut(&mut losses)) {
                let (softplus, sigmoid) = softplus_sigmoid(*z);
                *loss = softplus - *z * x;
                *z = (sigmoid - x) * self.scale;
            }
            total += sum::<L>(&losses);
        }
        total
    }
}

/// Negative log-likelihood of an image, nats: the sum above.
pub fn nll(z: &[f32], x: &[f32]) -> f64 {
    dispatch(Level::detect(), Nll { z, x })
}

struct Nll<'a> {
    z: &'a [f32],
    x: &'a [f32],
}

impl Work for Nll<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let mut total = 0.0;
        for (z, x) in self.z.chunks(RUN * WIDTH).zip(self.x.chunks(RUN * WIDTH)) {
            let mut losses = [Lane::default(); RUN];
            for ((&z, &x), loss) in z.iter().zip(x).zip(flat_mut(&mut losses)) {
                *loss = softplus_sigmoid(z).0 - z * x;
            }
            total += sum::<L>(&losses);
        }
        total
    }
}

vectorized! {
    /// Adds `row` to every row of `z`.
    pub fn add_to_rows(z: &mut [f32], row: &[f32]) {
        for z in z.chunks_exact_mut(row.len()) {
            for (z, number) in z.iter_mut().zip(row) {
                *z += number;
            }
        }
    }

    /// `sums[n] = sum over rows of z[.., n]`.
    pub fn column_sums(z: &[f32], sums: &mut [f32]) {
        sums.fill(0.0);
        for row in z.chunks_exact(sums.len()) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

impl Activation {
    /// The activation itself.
    #[inline(always)]
    pub fn apply(self, a: f32) -> f32 {
        match self {
            Self::Relu => a.max(0.0),
            Self::Softplus => softplus_sigmoid(a).0,
            Self::Tanh => {
                let e = exp_nonpositive(-2.0 * a.abs());
                ((1.0 - e) / (1.0 + e)).copysign(a)
            }
            Self::Sigmoid => sigmoid(a),
            Self::Softsign => a / (1.0 + a.abs()),
        }
    }

    /// Its derivative, as a function of its value `h`.
    #[inline(always)]
    pub fn slope(self, h: f32) -> f32 {
        match self {
            Self::Relu => f32::from(h > 0.0),
            Self::Softplus => 1.0 - exp_nonpositive(-h),
            Self::Tanh => 1.0 - h * h,
            Self::Sigmoid => h * (1.0 - h),
            Self::Softsign => (1.0 - h.abs()) * (1.0 - h.abs()),
        }
    }

    /// Replaces pre-activations by activations.
    pub fn forward(self, a: &mut [f32]) {
        activate(self, a);
    }

    /// Rows of differences of pre-activations from `start` become differences of activations from
    /// `base`, those of `start`.
    pub fn forward_difference(self, rows: &mut [f32], start: &[f32], base: &[f32]) {
        activate_difference(self, rows, start, base);
    }

    /// Gradients of activations become those of pre-activations: `d` in rows of `width` numbers,
    /// the first of which is the sum over all others, and `h` the activations, as the first row and
    /// how the others differ from it. Where both are the same in a row, its gradient is neither
    /// used nor need be there. From `reach` on, where the first row is zero, the sum is made anew.
    pub fn backward_difference(self, d: &mut [f32], h: &[f32], width: usize, reach: usize) {
        multiply_slope(self, d, h, width, reach);
    }
}

/// `match`es once, outside of the loop, so that each activation has a loop of its own without a
/// branch inside.
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

    fn activate_difference(kind: Activation, rows: &mut [f32], start: &[f32], base: &[f32]) {
        each_activation!(kind, KIND, {
            for row in rows.chunks_exact_mut(base.len()) {
                for ((a, start), base) in row.iter_mut().zip(start).zip(base) {
                    *a = KIND.apply(start + *a) - base;
                }
            }
        });
    }

    fn multiply_slope(kind: Activation, d: &mut [f32], h: &[f32], width: usize, reach: usize) {
        let ((total, d), (base, h)) = (d.split_at_mut(width), h.split_at(width));
        let mut slopes = vec![0.0; width];
        each_activation!(kind, KIND, {
            slopes[..reach].iter_mut().zip(base).for_each(|(slope, &base)| *slope = KIND.slope(base));
            total[..reach].iter_mut().zip(&slopes).for_each(|(total, slope)| *total *= slope);
            total[reach..].fill(0.0);
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
            let got = f64::from(exp_nonpositive(x as f32));
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
