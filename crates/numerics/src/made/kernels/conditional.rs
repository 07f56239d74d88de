//! A conditional distribution of sixteen pixels as the kernels see it, and the mixtures of
//! components, of levels or of real numbers.
//!
//! The parameters of sixteen pixels (in the sampler, of one pixel in sixteen images) are blocks, one
//! per parameter with a lane per pixel, so that every loop over lanes is one vector operation.

use crate::made::kernels::elementwise::{exp, ln};
use crate::made::kernels::simd::LANES;

/// One value of each of sixteen pixels.
pub(super) type PixelLanes = [f32; LANES];

/// Smallest logarithm of a probability that gradients and draws tell from zero. What they multiply,
/// and the squares that optimisers take, remain normal numbers: a CPU computes with subnormal ones a
/// hundred times slower. Losses are not bounded.
const LEAST_LOG: f32 = -35.0;

/// exp(x) for x <= 0 that is not less than exp([`LEAST_LOG`]).
#[inline(always)]
pub(super) fn probability(x: f32) -> f32 {
    exp(x.max(LEAST_LOG))
}

/// Distribution of sixteen pixels.
pub(super) trait Conditional: Copy {
    /// Number of parameters P.
    fn parameters(self) -> usize;

    /// Number of blocks of the parameters and of the intermediate results behind them.
    fn blocks(self) -> usize {
        self.parameters()
    }

    /// Negative log-likelihoods of values `x`, nats. With `GRADIENT` parameters are replaced by
    /// `scale` times their gradient, otherwise they may change.
    fn nll<const GRADIENT: bool>(
        self,
        blocks: &mut [PixelLanes],
        x: &PixelLanes,
        scale: f32,
    ) -> PixelLanes;

    /// Values drawn by inversion from the first of the uniforms, and their probabilities; mixtures of
    /// densities choose a component by the second. `temperature` divides the logarithm of every
    /// probability, and at zero the likeliest level, or the mode, is taken.
    fn draw(self, blocks: &mut [PixelLanes], uniforms: [&PixelLanes; 2], temperature: f32) -> Draw;

    /// Means; of levels, from 0 to 1.
    fn mean(self, blocks: &mut [PixelLanes]) -> PixelLanes;

    /// Calls `of_level` with the probabilities of each of `levels` levels; blocks may change.
    #[inline(always)]
    fn probabilities(
        self,
        levels: usize,
        blocks: &mut [PixelLanes],
        mut of_level: impl FnMut(usize, &PixelLanes),
    ) {
        let parameters = blocks.to_vec();
        for level in 0..levels {
            blocks.copy_from_slice(&parameters);
            let nll = self.nll::<false>(blocks, &[level as f32; LANES], 1.0);
            of_level(level, &nll.map(|nll| exp(-nll)));
        }
    }
}

/// Values with their probabilities or densities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    pub(super) values: PixelLanes,
    pub(super) probabilities: PixelLanes,
}

/// Lane by lane, the largest of some blocks.
#[inline(always)]
pub(super) fn largest(blocks: &[PixelLanes]) -> PixelLanes {
    let mut largest = [f32::NEG_INFINITY; LANES];
    for block in blocks {
        for (largest, &value) in largest.iter_mut().zip(block) {
            *largest = largest.max(value);
        }
    }
    largest
}

/// Replaces logits by the exponentials of their differences from the largest, divided by
/// `temperature` first, and returns the sums of these.
#[inline(always)]
pub(super) fn exponentiate(logits: &mut [PixelLanes], temperature: f32) -> PixelLanes {
    let (top, mut sums) = (largest(logits), [0.0; LANES]);
    for block in logits {
        for i in 0..LANES {
            block[i] = probability((block[i] - top[i]) / temperature);
            sums[i] += block[i];
        }
    }
    sums
}

/// Logarithm of the mass of a level, or of the density of a number, under one component, with its
/// derivatives.
pub(super) struct LogTerm {
    pub(super) value: f32,
    pub(super) by_mean: f32,
    pub(super) by_log_scale: f32,
}

/// Mixture, whose components have a mean and a log scale.
pub(super) trait Mixture: Copy {
    /// Logarithm of the mass or the density of `x` under one component.
    fn log_term(self, x: f32, mean: f32, log_scale: f32) -> LogTerm;
}

/// Splits the blocks of a mixture of `m` components into logits, means, log scales, and two of
/// intermediate results.
#[inline(always)]
pub(super) fn split(blocks: &mut [PixelLanes], m: usize) -> [&mut [PixelLanes]; 5] {
    let (logits, rest) = blocks.split_at_mut(m);
    let (means, rest) = rest.split_at_mut(m);
    let (scales, rest) = rest.split_at_mut(m);
    let (first, rest) = rest.split_at_mut(m);
    [logits, means, scales, first, &mut rest[..m]]
}

/// [`Conditional::nll`] of a mixture.
#[inline(always)]
pub(super) fn mixture_nll<const GRADIENT: bool>(
    mixture: impl Mixture,
    [logits, means, scales, joint, weights]: [&mut [PixelLanes]; 5],
    x: &PixelLanes,
    scale: f32,
) -> PixelLanes {
    weights.copy_from_slice(logits);
    let (top, sums) = (largest(logits), exponentiate(weights, 1.0));
    let parts = logits.iter().zip(&mut *means).zip(&mut *scales).zip(&mut *joint);
    for (((logits, means), scales), joint) in parts {
        for i in 0..LANES {
            let term = mixture.log_term(x[i], means[i], scales[i]);
            joint[i] = logits[i] + term.value;
            if GRADIENT {
                (means[i], scales[i]) = (term.by_mean, term.by_log_scale);
            }
        }
    }
    let joint_top = largest(joint);
    let joint_sums = exponentiate(joint, 1.0);
    if GRADIENT {
        let parts = logits.iter_mut().zip(&mut *means).zip(&mut *scales).zip(&*joint);
        for ((((logits, means), scales), joint), weights) in parts.zip(&*weights) {
            for i in 0..LANES {
                let posterior = joint[i] * (scale / joint_sums[i]);
                logits[i] = weights[i] * (scale / sums[i]) - posterior;
                means[i] *= -posterior;
                scales[i] *= -posterior;
            }
        }
    }
    std::array::from_fn(|i| (top[i] + ln(sums[i])) - (joint_top[i] + ln(joint_sums[i])))
}
