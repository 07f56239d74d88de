//! Densities of real numbers: the Gaussian and mixtures of it (see [`crate::made::output`]), in the
//! form of `distribution`.

use crate::made::kernels::conditional::{
    Conditional, Draw, LogTerm, Mixture, PixelLanes, exponentiate, largest, mixture_nll, split,
};
use crate::made::kernels::elementwise::{exp, ln};
use crate::made::kernels::simd::LANES;
use crate::made::output::{MIN_DEVIATION, MOST_DEVIATIONS, MOST_LOG_SCALE};

/// log(2 pi) / 2.
const HALF_LOG_TWO_PI: f32 = 0.918_938_5;

/// Density of sixteen real numbers.
pub(super) trait Density: Conditional {
    /// Probabilities of numbers up to `x`.
    fn cdf(self, blocks: &mut [PixelLanes], x: &PixelLanes) -> PixelLanes;

    /// One where a component of a weight above 1 % is as narrow as it can be: more than half of its
    /// standard deviation is [`MIN_DEVIATION`]; zero elsewhere.
    fn at_smallest_scale(self, blocks: &mut [PixelLanes]) -> PixelLanes;
}

/// exp(log scale), and the standard deviation. The gradient of a log scale beyond
/// [`MOST_LOG_SCALE`] is that at the end, not zero, so that the parameter can come back.
#[inline(always)]
fn scale_and_deviation(log_scale: f32) -> (f32, f32) {
    let scale = exp(log_scale.clamp(-MOST_LOG_SCALE, MOST_LOG_SCALE));
    (scale, scale + MIN_DEVIATION)
}

/// Standard deviation of a component with this log scale.
#[inline(always)]
fn deviation(log_scale: f32) -> f32 {
    scale_and_deviation(log_scale).1
}

/// Distance from the mean, in standard deviations.
#[inline(always)]
fn standardised(x: f32, mean: f32, deviation: f32) -> f32 {
    ((x - mean) / deviation).clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
}

/// Logarithm of the normal density at `x`.
#[inline(always)]
fn log_density(x: f32, mean: f32, log_scale: f32) -> LogTerm {
    let (scale, deviation) = scale_and_deviation(log_scale);
    let inverse = 1.0 / deviation;
    let z = standardised(x, mean, deviation);
    LogTerm {
        value: -0.5 * z * z - ln(deviation) - HALF_LOG_TWO_PI,
        by_mean: z * inverse,
        by_log_scale: (z * z - 1.0) * (scale * inverse),
    }
}

/// Normal density, `z` standard deviations from the mean.
#[inline(always)]
fn density(z: f32, deviation: f32) -> f32 {
    exp(-0.5 * z * z - HALF_LOG_TWO_PI) / deviation
}

/// P(Z <= z) of the standard normal distribution, within 3e-7: Hastings' rational approximation of
/// the error function (Abramowitz and Stegun 1964, 7.1.26).
#[inline(always)]
fn normal_cdf(z: f32) -> f32 {
    let x = z.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = t * (-1.453_152_1 + t * 1.061_405_4);
    let series = t * (0.254_829_6 + t * (-0.284_496_72 + t * (1.421_413_8 + series)));
    let tail = 0.5 * series * exp(-x * x);
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// Half of the interval that a uniform of 24 bits stands for.
const HALF_INTERVAL: f32 = 0.5 / 16_777_216.0;

/// Quantile of the standard normal distribution for a uniform of 24 bits, which stands for the
/// middle of its interval of 2^-24: algorithm AS 241, PPND7, of Wichura (1988), within 1e-6.
#[inline(always)]
pub(crate) fn normal_quantile(uniform: f32) -> f32 {
    // Both are exact, as multiples of half an interval.
    let q = (uniform - 0.5) + HALF_INTERVAL;
    let p = if q < 0.0 { uniform + HALF_INTERVAL } else { (1.0 - uniform) - HALF_INTERVAL };
    let r = 0.180_625 - q * q;
    let above = 3.387_132_7 + r * (50.434_27 + r * (159.291_13 + r * 59.109_375));
    let below = 1.0 + r * (17.895_17 + r * (78.757_76 + r * 67.187_56));
    let middle = q * (above / below);
    // The tail is at least 2^-25, where r is 4.2; the third case of the algorithm begins at 5.
    let r = (-ln(p)).sqrt() - 1.6;
    let above = 1.423_437_3 + r * (2.756_815_4 + r * (1.306_728_5 + r * 0.170_238_21));
    let below = 1.0 + r * (0.737_001_66 + r * 0.120_211_33);
    let outside = (above / below).copysign(q);
    if q.abs() <= 0.425 { middle } else { outside }
}

#[derive(Clone, Copy)]
pub(super) struct Gaussian;

impl Conditional for Gaussian {
    #[inline(always)]
    fn parameters(self) -> usize {
        2
    }

    #[inline(always)]
    fn nll<const GRADIENT: bool>(
        self,
        blocks: &mut [PixelLanes],
        x: &PixelLanes,
        scale: f32,
    ) -> PixelLanes {
        let mut nll = [0.0; LANES];
        for i in 0..LANES {
            let density = log_density(x[i], blocks[0][i], blocks[1][i]);
            nll[i] = -density.value;
            if GRADIENT {
                blocks[0][i] = -scale * density.by_mean;
                blocks[1][i] = -scale * density.by_log_scale;
            }
        }
        nll
    }

    #[inline(always)]
    fn draw<const SCORED: bool>(
        self,
        blocks: &mut [PixelLanes],
        [uniforms, _]: [&PixelLanes; 2],
        temperature: f32,
    ) -> Draw {
        let (root, is_drawn) = (temperature.sqrt(), temperature > 0.0);
        let (mut values, mut probabilities) = ([0.0; LANES], [0.0; LANES]);
        for i in 0..LANES {
            let (deviation, z) = (root * deviation(blocks[1][i]), normal_quantile(uniforms[i]));
            values[i] = blocks[0][i] + deviation * z;
            probabilities[i] = if is_drawn { density(z, deviation) } else { 1.0 };
        }
        Draw { values, probabilities }
    }

    #[inline(always)]
    fn mean(self, blocks: &mut [PixelLanes]) -> PixelLanes {
        blocks[0]
    }
}

impl Density for Gaussian {
    #[inline(always)]
    fn cdf(self, blocks: &mut [PixelLanes], x: &PixelLanes) -> PixelLanes {
        let z = |i: usize| standardised(x[i], blocks[0][i], deviation(blocks[1][i]));
        std::array::from_fn(|i| normal_cdf(z(i)))
    }

    #[inline(always)]
    fn at_smallest_scale(self, blocks: &mut [PixelLanes]) -> PixelLanes {
        blocks[1].map(is_smallest)
    }
}

/// One for a log scale of a component that is as narrow as it can be.
#[inline(always)]
fn is_smallest(log_scale: f32) -> f32 {
    f32::from(deviation(log_scale) < 2.0 * MIN_DEVIATION)
}

#[derive(Clone, Copy)]
pub(super) struct GaussianMixture {
    pub(super) components: usize,
}

impl Conditional for GaussianMixture {
    #[inline(always)]
    fn parameters(self) -> usize {
        3 * self.components
    }

    #[inline(always)]
    fn blocks(self) -> usize {
        5 * self.components
    }

    #[inline(always)]
    fn nll<const GRADIENT: bool>(
        self,
        blocks: &mut [PixelLanes],
        x: &PixelLanes,
        scale: f32,
    ) -> PixelLanes {
        mixture_nll::<GRADIENT>(self, split(blocks, self.components), x, scale)
    }

    /// The power 1 / T of a normal density with weight w and standard deviation s is, but for a
    /// factor, one of weight w^(1/T) s^(1 - 1/T) and standard deviation s sqrt(T). The power of a
    /// mixture is the mixture of these as far as its components do not overlap. It tends to the mean
    /// of the component with the largest w / s, its peak.
    #[inline(always)]
    fn draw<const SCORED: bool>(
        self,
        blocks: &mut [PixelLanes],
        [uniforms, choosing]: [&PixelLanes; 2],
        temperature: f32,
    ) -> Draw {
        let [weights, means, deviations, log_deviations, _] = split(blocks, self.components);
        let parts = weights.iter_mut().zip(&mut *deviations).zip(&mut *log_deviations);
        for ((weights, deviations), logs) in parts {
            for i in 0..LANES {
                deviations[i] = deviation(deviations[i]);
                logs[i] = ln(deviations[i]);
                weights[i] -= logs[i];
            }
        }
        // Of the peaks, the logarithms of weight over standard deviation, to those of the weights.
        let top = largest(weights);
        if temperature == 0.0 {
            let mut values = [0.0; LANES];
            for (peaks, means) in weights.iter().zip(&*means).rev() {
                for i in 0..LANES {
                    values[i] = if peaks[i] == top[i] { means[i] } else { values[i] };
                }
            }
            return Draw { values, probabilities: [1.0; LANES] };
        }
        for (weights, logs) in weights.iter_mut().zip(&*log_deviations) {
            for i in 0..LANES {
                weights[i] = (weights[i] - top[i]) / temperature + logs[i];
            }
        }
        let (root, sums) = (temperature.sqrt(), exponentiate(weights, 1.0));
        let (mut passed, mut chosen) = ([0.0; LANES], [0.0f32; LANES]);
        for weights in &*weights {
            for i in 0..LANES {
                passed[i] += weights[i];
                // Not the lower end, zero, which would choose a first component of no weight.
                let middle = choosing[i] + HALF_INTERVAL;
                chosen[i] += f32::from(passed[i] <= middle * sums[i]);
            }
        }
        // A uniform next to one may exceed the rounded sum.
        let chosen = chosen.map(|component| component.min((self.components - 1) as f32));
        let mut values = [0.0; LANES];
        let parts = means.iter().zip(&mut *deviations);
        for (component, (means, deviations)) in parts.enumerate() {
            for i in 0..LANES {
                deviations[i] *= root;
                let value = means[i] + deviations[i] * normal_quantile(uniforms[i]);
                values[i] = if chosen[i] == component as f32 { value } else { values[i] };
            }
        }
        let mut probabilities = [0.0; LANES];
        let weights = if SCORED { &*weights } else { &[] };
        for ((weights, means), deviations) in weights.iter().zip(&*means).zip(&*deviations) {
            for i in 0..LANES {
                let z = standardised(values[i], means[i], deviations[i]);
                probabilities[i] += weights[i] * density(z, deviations[i]);
            }
        }
        (0..LANES).for_each(|i| probabilities[i] /= sums[i]);
        Draw { values, probabilities }
    }

    #[inline(always)]
    fn mean(self, blocks: &mut [PixelLanes]) -> PixelLanes {
        self.expectation(blocks, |_, mean, _| mean)
    }
}

impl Mixture for GaussianMixture {
    #[inline(always)]
    fn log_term(self, x: f32, mean: f32, log_scale: f32) -> LogTerm {
        log_density(x, mean, log_scale)
    }
}

impl GaussianMixture {
    /// Mean over the components of a function of lane, mean and log scale.
    #[inline(always)]
    fn expectation(
        self,
        blocks: &mut [PixelLanes],
        of: impl Fn(usize, f32, f32) -> f32,
    ) -> PixelLanes {
        let [weights, means, scales, ..] = split(blocks, self.components);
        let (sums, mut total) = (exponentiate(weights, 1.0), [0.0; LANES]);
        for ((weights, means), scales) in weights.iter().zip(&*means).zip(&*scales) {
            for i in 0..LANES {
                total[i] += weights[i] * of(i, means[i], scales[i]);
            }
        }
        std::array::from_fn(|i| total[i] / sums[i])
    }
}

impl Density for GaussianMixture {
    #[inline(always)]
    fn cdf(self, blocks: &mut [PixelLanes], x: &PixelLanes) -> PixelLanes {
        self.expectation(blocks, |i, mean, log_scale| {
            normal_cdf(standardised(x[i], mean, deviation(log_scale)))
        })
    }

    #[inline(always)]
    fn at_smallest_scale(self, blocks: &mut [PixelLanes]) -> PixelLanes {
        let [weights, _, scales, ..] = split(blocks, self.components);
        let (sums, mut found) = (exponentiate(weights, 1.0), [0.0f32; LANES]);
        for (weights, scales) in weights.iter().zip(&*scales) {
            for i in 0..LANES {
                let matters = f32::from(weights[i] > 0.01 * sums[i]);
                found[i] = found[i].max(matters * is_smallest(scales[i]));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::kernels::simd::F32x16;
    use crate::made::output::Distribution;
    use crate::stats::normal::normal_cdf as exact_cdf;

    #[test]
    fn the_normal_distribution_is_accurate() {
        for i in -900..=900 {
            let z = i as f32 * 0.01;
            let apart = f64::from(normal_cdf(z)) - exact_cdf(f64::from(z));
            assert!(apart.abs() < 3e-7, "{z}: {apart}");
        }
        // Uniforms of 24 bits, the outermost ones included.
        let all = 1 << 24;
        for k in (0..200).chain((0..all).step_by(9973)).chain(all - 200..all) {
            let z = f64::from(normal_quantile(k as f32 / all as f32));
            let middle = (f64::from(k) + 0.5) / f64::from(all);
            let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
            let apart = (exact_cdf(z) - middle) / density;
            assert!(apart.abs() < 3e-6, "{k}: {z}, {apart} too far");
        }
    }

    /// Derivatives of the logarithm of a density are differences, on both sides of the smallest
    /// deviation.
    #[test]
    fn derivatives_are_differences() {
        for (x, mean, log_scale) in
            [(0.3, 0.1, 0.0), (-1.0, 0.5, -2.0), (0.001, 0.0, -7.0), (0.001, 0.0, -9.0)]
        {
            let of = |mean: f32, log_scale: f32| f64::from(log_density(x, mean, log_scale).value);
            let LogTerm { by_mean, by_log_scale, .. } = log_density(x, mean, log_scale);
            let step = 1e-2 * deviation(log_scale);
            let by_difference = (of(mean + step, log_scale) - of(mean - step, log_scale))
                / f64::from((mean + step) - (mean - step));
            let scale = 1.0 / f64::from(deviation(log_scale));
            let apart = (by_difference - f64::from(by_mean)).abs();
            assert!(apart < 1e-3 * (scale + by_difference.abs()), "{log_scale}: {apart}");
            let by_difference = (of(mean, log_scale + 1e-2) - of(mean, log_scale - 1e-2)) / 2e-2;
            let apart = (by_difference - f64::from(by_log_scale)).abs();
            assert!(apart < 1e-3 * (1.0 + by_difference.abs()), "{log_scale}: {apart}");
            assert!(by_log_scale != 0.0);
        }
    }

    /// Losses and gradients of parameters of any size are finite and, where they are not zero,
    /// normal; a log scale beyond the ends has the gradient that leads back.
    #[test]
    fn extreme_parameters_have_finite_losses_and_gradients() {
        for distribution in
            [Distribution::Gaussian, Distribution::GaussianMixture { components: 2 }]
        {
            for size in [1e1f32, 1e2, 1e4, 1e8, 1e30] {
                for signs in 0..1 << distribution.parameters() {
                    let sign = |k: usize| if signs >> k & 1 == 1 { size } else { -size };
                    let z: Vec<f32> = (0..distribution.parameters()).map(sign).collect();
                    for x in [0.0, 1.0, -1e3] {
                        let mut gradient = z.clone();
                        let loss = distribution.nll_gradient(&mut gradient, &[x], 0.01);
                        assert!(loss.is_finite(), "{z:?}: {loss}");
                        assert_eq!(loss, distribution.nll(&z, &[x]));
                        for g in gradient {
                            assert!((g * g).is_finite() && !g.is_subnormal(), "{z:?}: {g}");
                        }
                    }
                }
            }
        }
        let gradient = |log_scale: f32, x: f32| {
            let mut z = [0.0, log_scale];
            Distribution::Gaussian.nll_gradient(&mut z, &[x], 1.0);
            z[1]
        };
        assert!(gradient(1e4, 0.5) > 0.5, "a scale that is too wide shrinks");
        assert!(gradient(-1e4, 0.5) < -1e-2, "a scale that is too narrow grows");
    }

    /// The density at a number that is drawn is that of the loss; at temperature T, of one Gaussian,
    /// it is the power 1 / T of it, and at zero the number is the mean of the highest component.
    #[test]
    fn draws_have_the_density_of_the_losses() {
        let mixture = Distribution::GaussianMixture { components: 3 };
        let parameters = [0.5f32, 1.0, -0.5, -1.0, 0.2, 2.0, 0.0, -1.0, -3.0];
        let rows = |z: &[f32]| z.iter().map(|&z| F32x16([z; LANES])).collect::<Vec<_>>();
        let draw = |of: Distribution, z: &[f32], temperature: f64| {
            let uniforms = [7u32, 3]
                .map(|k| F32x16(std::array::from_fn(|i| (i as u32 * k % 16) as f32 / 16.0)));
            let [first, second] = uniforms.map(|row| [row]);
            let (mut x, mut p) = ([F32x16::default()], [F32x16::default()]);
            of.draw(&rows(z), [&first, &second], temperature, &mut x, Some(&mut p));
            (x[0].0, p[0].0)
        };
        let (values, densities) = draw(mixture, &parameters, 1.0);
        for (x, p) in values.iter().zip(densities) {
            let expected = (-mixture.nll(&parameters, &[*x])).exp();
            assert!((f64::from(p) - expected).abs() < 1e-5 * (1.0 + expected), "{p} {expected}");
        }
        let (values, densities) = draw(Distribution::Gaussian, &[0.3, -1.0], 0.25);
        let power = |x: f32| (-4.0 * Distribution::Gaussian.nll(&[0.3, -1.0], &[x])).exp();
        for (x, p) in values.iter().zip(densities) {
            let ratio = f64::from(p) / power(*x);
            assert!((ratio / (f64::from(densities[0]) / power(values[0])) - 1.0).abs() < 1e-3);
        }
        assert_eq!(draw(Distribution::Gaussian, &[0.3, -1.0], 0.0), ([0.3; LANES], [1.0; LANES]));
        // The third is the lightest, but the narrowest.
        assert_eq!(draw(mixture, &parameters, 0.0).0, [2.0; LANES]);
        let (cold, _) = draw(mixture, &parameters, 1e-6);
        assert!(cold.iter().all(|x| (x - 2.0).abs() < 1e-3), "{cold:?}");
    }
}
