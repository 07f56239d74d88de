//! Losses, gradients, draws and means of the output distributions (see [`crate::made::output`]);
//! `density` has those of real numbers.
//!
//! The parameters of a pixel are next to each other. Those of sixteen pixels (in the sampler, of one
//! pixel in sixteen images) are transposed into blocks, one per parameter with a lane per pixel, so
//! that every loop over lanes is one vector operation. As in `elementwise`, there is no fused
//! multiply-add and no exponential of a library: results have the same bits on every instruction
//! set.

use crate::made::kernels::conditional::{
    Conditional, Draw, LogTerm, Mixture, PixelLanes, exponentiate, largest, mixture_nll,
    probability, split,
};
use crate::made::kernels::density::{Density, Gaussian, GaussianMixture};
use crate::made::kernels::elementwise::{self, exp, ln, sigmoid, softplus_sigmoid};
use crate::made::kernels::level::vectorized;
use crate::made::kernels::simd::{F32x16, LANES};
use crate::made::output::{Distribution, MIN_LOG_SCALE, MOST_COMPONENTS, MOST_PARAMETERS};

/// Blocks that the loss of any distribution needs: parameters and intermediate results.
const MOST_BLOCKS: usize = if MOST_PARAMETERS > 5 * MOST_COMPONENTS {
    MOST_PARAMETERS
} else {
    5 * MOST_COMPONENTS
};

/// log(1 + exp(z)) and 1 / (1 + exp(-z)), without subnormal numbers in between: beyond 25 the first
/// is z, and the second is one, to 2e-11.
#[inline(always)]
fn bounded_softplus_sigmoid(z: f32) -> (f32, f32) {
    const BOUND: f32 = 25.0;
    let (softplus, sigmoid) = softplus_sigmoid(z.clamp(-BOUND, BOUND));
    (softplus + (z - BOUND).max(0.0), sigmoid)
}

#[derive(Clone, Copy)]
struct Bernoulli;

impl Conditional for Bernoulli {
    #[inline(always)]
    fn parameters(self) -> usize {
        1
    }

    #[inline(always)]
    fn nll<const GRADIENT: bool>(
        self,
        blocks: &mut [PixelLanes],
        x: &PixelLanes,
        scale: f32,
    ) -> PixelLanes {
        let mut nll = [0.0; LANES];
        for ((z, &x), nll) in blocks[0].iter_mut().zip(x).zip(&mut nll) {
            // The sign of the logit by the pixel: accurate in both tails.
            let (softplus, sigmoid) = softplus_sigmoid(if x > 0.5 { -*z } else { *z });
            *nll = softplus;
            if GRADIENT {
                *z = if x > 0.5 { -sigmoid } else { sigmoid } * scale;
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
        let (mut levels, mut probabilities) = ([0.0; LANES], [0.0; LANES]);
        for i in 0..LANES {
            let z = blocks[0][i];
            let on = if temperature == 0.0 { f32::from(z > 0.0) } else { sigmoid(z / temperature) };
            let is_on = uniforms[i] < on;
            levels[i] = f32::from(is_on);
            probabilities[i] = if is_on { on } else { 1.0 - on };
        }
        Draw { values: levels, probabilities }
    }

    #[inline(always)]
    fn mean(self, blocks: &mut [PixelLanes]) -> PixelLanes {
        blocks[0].map(sigmoid)
    }
}

#[derive(Clone, Copy)]
struct Categorical {
    levels: usize,
}

impl Conditional for Categorical {
    #[inline(always)]
    fn parameters(self) -> usize {
        self.levels
    }

    #[inline(always)]
    fn nll<const GRADIENT: bool>(
        self,
        blocks: &mut [PixelLanes],
        x: &PixelLanes,
        scale: f32,
    ) -> PixelLanes {
        let top = largest(blocks);
        let (mut sums, mut own) = ([0.0; LANES], [0.0; LANES]);
        for (level, block) in blocks.iter_mut().enumerate() {
            let level = level as f32;
            for i in 0..LANES {
                let below_top = block[i] - top[i];
                own[i] += if x[i] == level { below_top } else { 0.0 };
                let e = probability(below_top);
                sums[i] += e;
                if GRADIENT {
                    block[i] = e;
                }
            }
        }
        if GRADIENT {
            let factors = sums.map(|sum| scale / sum);
            for (level, block) in blocks.iter_mut().enumerate() {
                let level = level as f32;
                for i in 0..LANES {
                    let own = if x[i] == level { scale } else { 0.0 };
                    block[i] = block[i] * factors[i] - own;
                }
            }
        }
        std::array::from_fn(|i| ln(sums[i]) - own[i])
    }

    #[inline(always)]
    fn draw<const SCORED: bool>(
        self,
        blocks: &mut [PixelLanes],
        [uniforms, _]: [&PixelLanes; 2],
        temperature: f32,
    ) -> Draw {
        if temperature == 0.0 {
            let top = largest(blocks);
            let mut levels = [0.0; LANES];
            for (level, block) in blocks.iter().enumerate().rev() {
                for i in 0..LANES {
                    levels[i] = if block[i] == top[i] { level as f32 } else { levels[i] };
                }
            }
            return Draw { values: levels, probabilities: [1.0; LANES] };
        }
        let sums = exponentiate(blocks, temperature);
        let last = (self.levels - 1) as f32;
        let (mut passed, mut levels) = ([0.0; LANES], [0.0f32; LANES]);
        for block in &*blocks {
            for i in 0..LANES {
                passed[i] += block[i];
                levels[i] += f32::from(passed[i] <= uniforms[i] * sums[i]);
            }
        }
        // A uniform next to one may exceed the rounded sum.
        let levels = levels.map(|level| level.min(last));
        let mut probabilities = [0.0; LANES];
        let own = if SCORED { &*blocks } else { &[] };
        for (level, block) in own.iter().enumerate() {
            for i in 0..LANES {
                probabilities[i] +=
                    if levels[i] == level as f32 { block[i] / sums[i] } else { 0.0 };
            }
        }
        Draw { values: levels, probabilities }
    }

    #[inline(always)]
    fn mean(self, blocks: &mut [PixelLanes]) -> PixelLanes {
        let sums = exponentiate(blocks, 1.0);
        let mut means = [0.0; LANES];
        for (level, block) in blocks.iter().enumerate() {
            for (mean, e) in means.iter_mut().zip(block) {
                *mean += level as f32 * e;
            }
        }
        std::array::from_fn(|i| means[i] / (sums[i] * (self.levels - 1) as f32))
    }

    /// One exponential a level; its loss would take one for each of all levels.
    #[inline(always)]
    fn probabilities(
        self,
        _: usize,
        blocks: &mut [PixelLanes],
        mut of_level: impl FnMut(usize, &PixelLanes),
    ) {
        let sums = exponentiate(blocks, 1.0);
        for (level, block) in blocks.iter().enumerate() {
            of_level(level, &std::array::from_fn(|i| block[i] / sums[i]));
        }
    }
}

#[derive(Clone, Copy)]
struct LogisticMixture {
    levels: usize,
    components: usize,
}

/// One over the scale of a logistic with this log scale, which is bounded below.
#[inline(always)]
fn inverse_scale(log_scale: f32) -> f32 {
    exp((-log_scale.max(MIN_LOG_SCALE)).min(87.0))
}

/// Mass below `ends` of a mixture of logistics, by the weights, means and inverse scales of its
/// components.
#[inline(always)]
fn mass_below(
    ends: &PixelLanes,
    weights: &[PixelLanes],
    means: &[PixelLanes],
    inverses: &[PixelLanes],
) -> PixelLanes {
    let mut total = [0.0; LANES];
    for ((weights, means), inverses) in weights.iter().zip(means).zip(inverses) {
        for i in 0..LANES {
            total[i] += weights[i] * bounded_softplus_sigmoid(inverses[i] * (ends[i] - means[i])).1;
        }
    }
    total
}

impl LogisticMixture {
    /// Half of the distance between two levels.
    #[inline(always)]
    fn half(self) -> f32 {
        1.0 / (self.levels - 1) as f32
    }

    /// A level's place in [-1, 1].
    #[inline(always)]
    fn place(self, level: f32) -> f32 {
        level * (2.0 * self.half()) - 1.0
    }

    /// Upper end of a level's interval.
    #[inline(always)]
    fn upper_end(self, level: f32) -> f32 {
        self.place(level) + self.half()
    }

    /// Mass of the interval from `l` to `u`, in scales from the mean of a logistic: sigmoid(u) -
    /// sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(-(u - l))), whose logarithm is accurate in both
    /// tails and for any width. The interval of the first level has no lower end, that of the last
    /// no upper end.
    #[inline(always)]
    fn log_mass(self, level: f32, mean: f32, log_scale: f32) -> LogTerm {
        let half = self.half();
        let bounded = log_scale.max(MIN_LOG_SCALE);
        let inverse = inverse_scale(log_scale);
        let place = self.place(level) - mean;
        let (upper, lower) = (inverse * (place + half), inverse * (place - half));
        let (below_upper, from_upper) = bounded_softplus_sigmoid(-upper);
        let (above_lower, from_lower) = bounded_softplus_sigmoid(lower);
        let has_upper = f32::from(level < (self.levels - 1) as f32);
        let has_lower = f32::from(level > 0.0);
        // 1 - exp(-width) = width * ratio.
        let width = 2.0 * half * inverse;
        let e = exp(-width);
        let series = 1.0 / 120.0 - width * (1.0 / 720.0 - width * (1.0 / 5040.0));
        let series = 0.5 - width * (1.0 / 6.0 - width * (1.0 / 24.0 - width * series));
        let ratio = if width < 0.5 { 1.0 - width * series } else { (1.0 - e) / width };
        let log_width = ln(2.0 * half) - bounded + ln(ratio);
        let inside = has_upper * has_lower;
        let by_scale = from_lower * lower * has_lower - from_upper * upper * has_upper;
        LogTerm {
            value: inside * log_width - has_upper * below_upper - has_lower * above_lower,
            by_mean: inverse * (from_lower * has_lower - from_upper * has_upper),
            by_log_scale: if log_scale < MIN_LOG_SCALE {
                0.0
            } else {
                by_scale - inside * (e / ratio)
            },
        }
    }
}

impl Mixture for LogisticMixture {
    #[inline(always)]
    fn log_term(self, level: f32, mean: f32, log_scale: f32) -> LogTerm {
        self.log_mass(level, mean, log_scale)
    }
}

impl Conditional for LogisticMixture {
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

    #[inline(always)]
    fn draw<const SCORED: bool>(
        self,
        blocks: &mut [PixelLanes],
        [uniforms, _]: [&PixelLanes; 2],
        temperature: f32,
    ) -> Draw {
        if temperature != 1.0 {
            let log_probability = |level: usize| {
                let mut own = blocks.to_vec();
                self.nll::<false>(&mut own, &[level as f32; LANES], 1.0).map(|nll| -nll)
            };
            let mut of_levels: Vec<PixelLanes> = (0..self.levels).map(log_probability).collect();
            let of_levels = &mut of_levels[..];
            let categorical = Categorical { levels: self.levels };
            return categorical.draw::<SCORED>(of_levels, [uniforms; 2], temperature);
        }
        let [logits, means, scales, weights, inverses] = split(blocks, self.components);
        weights.copy_from_slice(logits);
        let sums = exponentiate(weights, 1.0);
        for (inverses, scales) in inverses.iter_mut().zip(&*scales) {
            *inverses = scales.map(inverse_scale);
        }
        // The number of levels up to which the mass does not exceed the uniform, by bisection.
        let mut levels = [0.0f32; LANES];
        let mut step = self.levels / 2;
        while step > 0 {
            let ends = levels.map(|level| self.upper_end(level + (step - 1) as f32));
            let passed = mass_below(&ends, weights, means, inverses);
            for i in 0..LANES {
                let is_passed = f32::from(passed[i] <= uniforms[i] * sums[i]);
                levels[i] += is_passed * step as f32;
            }
            step /= 2;
        }
        let probabilities = match SCORED {
            true => self.nll::<false>(blocks, &levels, 1.0).map(|nll| exp(-nll)),
            false => [0.0; LANES],
        };
        Draw { values: levels, probabilities }
    }

    #[inline(always)]
    fn mean(self, blocks: &mut [PixelLanes]) -> PixelLanes {
        let [logits, means, scales, weights, _] = split(blocks, self.components);
        weights.copy_from_slice(logits);
        let sums = exponentiate(weights, 1.0);
        // The mean of a number from 0 is the sum over k of the probability that it exceeds k.
        let mut total = [0.0; LANES];
        for ((weights, means), scales) in weights.iter().zip(&*means).zip(&*scales) {
            for i in 0..LANES {
                let inverse = inverse_scale(scales[i]);
                for level in 0..self.levels - 1 {
                    let upper = self.upper_end(level as f32);
                    total[i] +=
                        weights[i] * bounded_softplus_sigmoid(inverse * (means[i] - upper)).1;
                }
            }
        }
        std::array::from_fn(|i| total[i] * self.half() / sums[i])
    }

    /// One sigmoid for each component at the upper end of each level: differences of the cumulated
    /// probability are accurate to its rounding, which is enough for all but logarithms.
    #[inline(always)]
    fn probabilities(
        self,
        levels: usize,
        blocks: &mut [PixelLanes],
        mut of_level: impl FnMut(usize, &PixelLanes),
    ) {
        let [weights, means, inverses, ..] = split(blocks, self.components);
        let sums = exponentiate(weights, 1.0);
        for inverses in &mut *inverses {
            *inverses = inverses.map(inverse_scale);
        }
        let mut below = [0.0; LANES];
        for level in 0..levels - 1 {
            let ends = [self.upper_end(level as f32); LANES];
            let up_to = mass_below(&ends, weights, means, inverses);
            of_level(level, &std::array::from_fn(|i| (up_to[i] - below[i]).max(0.0) / sums[i]));
            below = up_to;
        }
        of_level(levels - 1, &std::array::from_fn(|i| (sums[i] - below[i]).max(0.0) / sums[i]));
    }
}

/// Transposes the parameters of up to sixteen pixels, `p` each, into blocks.
#[inline(always)]
fn gather(blocks: &mut [PixelLanes], z: &[f32], p: usize) {
    for (i, z) in z.chunks_exact(p).enumerate() {
        for (block, &z) in blocks.iter_mut().zip(z) {
            block[i] = z;
        }
    }
}

/// The inverse of [`gather`].
#[inline(always)]
fn scatter(blocks: &[PixelLanes], z: &mut [f32], p: usize) {
    for (i, z) in z.chunks_exact_mut(p).enumerate() {
        for (z, block) in z.iter_mut().zip(blocks) {
            *z = block[i];
        }
    }
}

/// Calls `work` with blocks of the parameters of up to sixteen pixels at a time, and their range.
#[inline(always)]
fn for_each_block<C: Conditional>(
    conditional: C,
    z: &[f32],
    mut work: impl FnMut(&mut [PixelLanes], std::ops::Range<usize>),
) {
    let p = conditional.parameters();
    let n_pixels = z.len() / p;
    let mut blocks = [[0.0; LANES]; MOST_BLOCKS];
    let blocks = &mut blocks[..conditional.blocks()];
    for (start, z) in (0..n_pixels).step_by(LANES).zip(z.chunks(LANES * p)) {
        gather(blocks, z, p);
        work(blocks, start..n_pixels.min(start + LANES));
    }
}

/// Values of up to sixteen pixels in the first lanes of a block.
#[inline(always)]
fn block_of(values: &[f32]) -> PixelLanes {
    let mut block = [0.0; LANES];
    block[..values.len()].copy_from_slice(values);
    block
}

/// Sum of the first values of a block.
#[inline(always)]
fn sum_of(block: &PixelLanes, count: usize) -> f64 {
    block[..count].iter().map(|&value| f64::from(value)).sum()
}

#[inline(always)]
fn row_nll<C: Conditional>(conditional: C, z: &[f32], x: &[f32]) -> f64 {
    let mut total = 0.0;
    for_each_block(conditional, z, |blocks, pixels| {
        let count = pixels.len();
        total += sum_of(&conditional.nll::<false>(blocks, &block_of(&x[pixels]), 1.0), count);
    });
    total
}

#[inline(always)]
fn row_nll_gradient<C: Conditional>(conditional: C, z: &mut [f32], x: &[f32], scale: f32) -> f64 {
    let p = conditional.parameters();
    let mut blocks = [[0.0; LANES]; MOST_BLOCKS];
    let blocks = &mut blocks[..conditional.blocks()];
    let mut total = 0.0;
    for (z, x) in z.chunks_mut(LANES * p).zip(x.chunks(LANES)) {
        gather(blocks, z, p);
        total += sum_of(&conditional.nll::<true>(blocks, &block_of(x), scale), x.len());
        scatter(blocks, z, p);
    }
    total
}

#[inline(always)]
fn row_nll_per_pixel<C: Conditional>(conditional: C, z: &[f32], x: &[f32], out: &mut [f32]) {
    for_each_block(conditional, z, |blocks, pixels| {
        let nll = conditional.nll::<false>(blocks, &block_of(&x[pixels.clone()]), 1.0);
        out[pixels.clone()].copy_from_slice(&nll[..pixels.len()]);
    });
}

#[inline(always)]
fn row_means<C: Conditional>(conditional: C, z: &[f32], out: &mut [f32]) {
    for_each_block(conditional, z, |blocks, pixels| {
        let means = conditional.mean(blocks);
        out[pixels.clone()].copy_from_slice(&means[..pixels.len()]);
    });
}

#[inline(always)]
fn row_probabilities<C: Conditional>(conditional: C, levels: usize, z: &[f32], out: &mut [f32]) {
    for_each_block(conditional, z, |blocks, pixels| {
        conditional.probabilities(levels, blocks, |level, probabilities| {
            for (pixel, &probability) in pixels.clone().zip(probabilities) {
                out[pixel * levels + level] = probability;
            }
        });
    });
}

#[inline(always)]
fn row_cdf<C: Density>(density: C, z: &[f32], x: &[f32], out: &mut [f32]) {
    for_each_block(density, z, |blocks, numbers| {
        let cdf = density.cdf(blocks, &block_of(&x[numbers.clone()]));
        out[numbers.clone()].copy_from_slice(&cdf[..numbers.len()]);
    });
}

#[inline(always)]
fn row_at_smallest_scale<C: Density>(density: C, z: &[f32], count: &mut f64) {
    for_each_block(density, z, |blocks, numbers| {
        *count += sum_of(&density.at_smallest_scale(blocks), numbers.len());
    });
}

#[inline(always)]
fn draw_vectors<C: Conditional, const SCORED: bool>(
    conditional: C,
    parameters: &[F32x16],
    [uniforms, choosing]: [&[F32x16]; 2],
    temperature: f32,
    mut out: impl FnMut(usize, Draw),
) {
    let mut blocks = vec![[0.0; LANES]; conditional.blocks()];
    for (v, (row, choosing)) in uniforms.iter().zip(choosing).enumerate() {
        let own = parameters[v..].iter().step_by(uniforms.len());
        blocks.iter_mut().zip(own).for_each(|(block, vector)| *block = vector.0);
        out(v, conditional.draw::<SCORED>(&mut blocks, [&row.0, &choosing.0], temperature));
    }
}

/// Matches once, outside the loops, so that each distribution has loops of its own.
macro_rules! each_distribution {
    ($distribution:expr, $conditional:ident => $work:expr) => {
        match $distribution {
            Distribution::Bernoulli => {
                let $conditional = Bernoulli;
                $work
            }
            Distribution::Categorical { levels } => {
                let $conditional = Categorical { levels };
                $work
            }
            Distribution::LogisticMixture { levels, components } => {
                let $conditional = LogisticMixture { levels, components };
                $work
            }
            Distribution::Gaussian => {
                let $conditional = Gaussian;
                $work
            }
            Distribution::GaussianMixture { components } => {
                let $conditional = GaussianMixture { components };
                $work
            }
        }
    };
}

/// The same for densities; nothing for the others.
macro_rules! each_density {
    ($distribution:expr, $density:ident => $work:expr) => {
        match $distribution {
            Distribution::Gaussian => {
                let $density = Gaussian;
                $work
            }
            Distribution::GaussianMixture { components } => {
                let $density = GaussianMixture { components };
                $work
            }
            _ => {}
        }
    };
}

vectorized! {
    fn nll_gradient(distribution: Distribution, z: &mut [f32], x: &[f32], scale: f32) -> f64 {
        each_distribution!(distribution, c => row_nll_gradient(c, z, x, scale))
    }

    fn nll(distribution: Distribution, z: &[f32], x: &[f32]) -> f64 {
        each_distribution!(distribution, c => row_nll(c, z, x))
    }

    fn nll_per_pixel(distribution: Distribution, z: &[f32], x: &[f32], out: &mut [f32]) {
        each_distribution!(distribution, c => row_nll_per_pixel(c, z, x, out));
    }

    fn means(distribution: Distribution, z: &[f32], out: &mut [f32]) {
        each_distribution!(distribution, c => row_means(c, z, out));
    }

    fn probabilities(distribution: Distribution, z: &[f32], out: &mut [f32]) {
        if let Some(levels) = distribution.levels() {
            each_distribution!(distribution, c => row_probabilities(c, levels, z, out));
        }
    }

    fn cdf(distribution: Distribution, z: &[f32], x: &[f32], out: &mut [f32]) {
        each_density!(distribution, c => row_cdf(c, z, x, out));
    }

    fn count_at_smallest_scale(distribution: Distribution, z: &[f32], count: &mut f64) {
        each_density!(distribution, c => row_at_smallest_scale(c, z, count));
    }

    fn draw(
        distribution: Distribution,
        parameters: &[F32x16],
        uniforms: [&[F32x16]; 2],
        temperature: f32,
        values: &mut [F32x16],
        probabilities: Option<&mut [F32x16]>,
    ) {
        match probabilities {
            Some(probabilities) => each_distribution!(distribution, c => {
                draw_vectors::<_, true>(c, parameters, uniforms, temperature, |v, draw| {
                    (values[v], probabilities[v]) = (F32x16(draw.values), F32x16(draw.probabilities));
                });
            }),
            None => each_distribution!(distribution, c => {
                draw_vectors::<_, false>(c, parameters, uniforms, temperature, |v, draw| {
                    values[v] = F32x16(draw.values);
                });
            }),
        }
    }
}

impl Distribution {
    /// Returns the negative log-likelihood of an image with these values [dim], nats, and replaces
    /// the parameters of its pixels' distributions `z` [dim x P] by `scale` times their gradient.
    pub(crate) fn nll_gradient(self, z: &mut [f32], values: &[f32], scale: f32) -> f64 {
        match self {
            Self::Bernoulli => elementwise::nll_gradient(z, values, scale),
            _ => nll_gradient(self, z, values, scale),
        }
    }

    /// Negative log-likelihood of an image, nats: the same sum, bit for bit, as
    /// [`nll_gradient`](Self::nll_gradient) returns.
    pub(crate) fn nll(self, z: &[f32], values: &[f32]) -> f64 {
        match self {
            Self::Bernoulli => elementwise::nll(z, values),
            _ => nll(self, z, values),
        }
    }

    /// Negative log-likelihood of each pixel, nats [dim].
    pub(crate) fn nll_per_pixel(self, z: &[f32], values: &[f32], out: &mut [f32]) {
        nll_per_pixel(self, z, values, out);
    }

    /// Mean of each pixel, from 0 (black) to 1 (white), or of each real number [dim].
    pub(crate) fn means(self, z: &[f32], out: &mut [f32]) {
        means(self, z, out);
    }

    /// Probability of every level of each pixel [dim x levels].
    pub(crate) fn probabilities(self, z: &[f32], out: &mut [f32]) {
        probabilities(self, z, out);
    }

    /// Probability of each real number up to its value, under a density [dim].
    pub(crate) fn cdf(self, z: &[f32], values: &[f32], out: &mut [f32]) {
        cdf(self, z, values, out);
    }

    /// Number of real numbers whose density has a component of a weight above 1 % that is as narrow
    /// as it can be.
    pub(crate) fn count_at_smallest_scale(self, z: &[f32]) -> f64 {
        let mut count = 0.0;
        count_at_smallest_scale(self, z, &mut count);
        count
    }

    /// Draws one pixel of some images: its value in each and, if asked for, the probability or density
    /// of that, by one uniform and, of a mixture of densities, another that chooses the component. `parameters`
    /// has one row of vectors per parameter, the others one row; a lane is an image.
    pub(crate) fn draw(
        self,
        parameters: &[F32x16],
        uniforms: [&[F32x16]; 2],
        temperature: f64,
        values: &mut [F32x16],
        probabilities: Option<&mut [F32x16]>,
    ) {
        draw(self, parameters, uniforms, temperature as f32, values, probabilities);
    }

    /// The distribution that is the mean of several with these parameters, each as in
    /// [`draw`](Self::draw) with rows of `n_vectors`; its parameters go into `mean`.
    pub(crate) fn mean_of(
        self,
        several: &[&[F32x16]],
        n_vectors: usize,
        mean: &mut Vec<F32x16>,
    ) -> Self {
        mean.clear();
        match self {
            Self::Bernoulli => {
                mean.resize(n_vectors, F32x16::default());
                for (v, mean) in mean.iter_mut().enumerate() {
                    for (i, mean) in mean.0.iter_mut().enumerate() {
                        let (mut on, mut off) = (0.0, 0.0);
                        for z in several {
                            on += sigmoid(z[v].0[i]);
                            off += sigmoid(-z[v].0[i]);
                        }
                        *mean = on.ln() - off.ln();
                    }
                }
                self
            }
            Self::Categorical { levels } => {
                mean.resize(levels * n_vectors, F32x16::default());
                for v in 0..n_vectors {
                    let mut total = vec![[0.0f32; LANES]; levels];
                    for z in several {
                        let mut own: Vec<PixelLanes> =
                            z[v..].iter().step_by(n_vectors).map(|vector| vector.0).collect();
                        let sums = exponentiate(&mut own, 1.0);
                        for (total, own) in total.iter_mut().zip(&own) {
                            (0..LANES).for_each(|i| total[i] += own[i] / sums[i]);
                        }
                    }
                    for (level, total) in total.into_iter().enumerate() {
                        mean[level * n_vectors + v] = F32x16(total.map(f32::ln));
                    }
                }
                self
            }
            // The mean of mixtures is a mixture of all their components.
            Self::LogisticMixture { levels, components } => {
                join_components(several, components, n_vectors, mean);
                Self::LogisticMixture { levels, components: several.len() * components }
            }
            Self::Gaussian => {
                mean.resize(several.len() * n_vectors, F32x16::default());
                for kind in 0..2 {
                    for z in several {
                        mean.extend(&z[kind * n_vectors..][..n_vectors]);
                    }
                }
                Self::GaussianMixture { components: several.len() }
            }
            Self::GaussianMixture { components } => {
                join_components(several, components, n_vectors, mean);
                Self::GaussianMixture { components: several.len() * components }
            }
        }
    }
}

/// Appends the parameters of the mixture of several mixtures to `joined`, each as in
/// [`Distribution::draw`] with rows of `n_vectors`: all logits, made comparable, all means, all log
/// scales.
fn join_components(
    several: &[&[F32x16]],
    components: usize,
    n_vectors: usize,
    joined: &mut Vec<F32x16>,
) {
    let part = components * n_vectors;
    for z in several {
        let mut normalized = z[..part].to_vec();
        for v in 0..n_vectors {
            let mut own: Vec<PixelLanes> =
                z[v..part].iter().step_by(n_vectors).map(|vector| vector.0).collect();
            let (top, sums) = (largest(&own), exponentiate(&mut own, 1.0));
            for vector in normalized[v..].iter_mut().step_by(n_vectors) {
                (0..LANES).for_each(|i| vector.0[i] -= top[i] + sums[i].ln());
            }
        }
        joined.extend(normalized);
    }
    for kind in 1..3 {
        for z in several {
            joined.extend(&z[kind * part..(kind + 1) * part]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The masses of all levels of one logistic sum to one, and their derivatives are differences.
        #[test]
        fn masses_sum_to_one(bits in 2u32..9, mean in -1.5f32..1.5, log_scale in -6.5f32..4.0) {
            let levels = 1usize << bits;
            let logistic = LogisticMixture { levels, components: 1 };
            let mass = |level: usize, mean: f32, log_scale: f32| {
                logistic.log_mass(level as f32, mean, log_scale)
            };
            let total: f64 =
                (0..levels).map(|level| f64::from(mass(level, mean, log_scale).value).exp()).sum();
            // Places in [-1, 1] are rounded before they are divided by the scale.
            let rounding = 1e-5 + 2e-7 * f64::from(-log_scale).exp();
            prop_assert!((total - 1.0).abs() < rounding, "{total}");
            let level = levels / 3;
            let LogTerm { by_mean, by_log_scale, .. } = mass(level, mean, log_scale);
            let slope = |up: LogTerm, down: LogTerm, step: f32| (up.value - down.value) / (2.0 * step);
            // A narrow logistic bends within a step that does not shrink with its scale.
            let step = 0.02 * log_scale.exp();
            let numeric =
                slope(mass(level, mean + step, log_scale), mass(level, mean - step, log_scale), step);
            prop_assert!((by_mean - numeric).abs() < 2e-2 * (1.0 + by_mean.abs()), "{by_mean} {numeric}");
            let step = 2e-3;
            let numeric =
                slope(mass(level, mean, log_scale + step), mass(level, mean, log_scale - step), step);
            prop_assert!((by_log_scale - numeric).abs() < 2e-2 * (1.0 + by_log_scale.abs()), "{by_log_scale} {numeric}");
        }

        /// A level drawn for a uniform is where the cumulated probabilities pass it.
        #[test]
        fn drawing_inverts_the_distribution(
            parameters in prop::collection::vec(-2f32..2.0, 9), u in 0f32..1.0,
        ) {
            for distribution in [
                Distribution::Categorical { levels: 9 },
                Distribution::LogisticMixture { levels: 16, components: 3 },
            ] {
                let rows: Vec<F32x16> = parameters.iter().map(|&z| F32x16([z; LANES])).collect();
                let (mut level, mut probability) = ([F32x16::default()], [F32x16::default()]);
                let uniforms = [F32x16([u; LANES])];
                distribution.draw(&rows, [&uniforms; 2], 1.0, &mut level, Some(&mut probability));
                let level = level[0].0[0] as usize;
                let of = |level: usize| (-distribution.nll(&parameters, &[level as f32])).exp();
                let below: f64 = (0..level).map(of).sum();
                prop_assert!(below <= f64::from(u) + 1e-5, "{below} {u}");
                prop_assert!(below + of(level) >= f64::from(u) - 1e-5);
                prop_assert!((f64::from(probability[0].0[5]) - of(level)).abs() < 1e-5);
            }
        }
    }

    /// Probabilities of all levels are those of the losses, whatever the number of pixels.
    #[test]
    fn probabilities_are_those_of_the_losses() {
        for distribution in [
            Distribution::Bernoulli,
            Distribution::Categorical { levels: 4 },
            Distribution::LogisticMixture { levels: 16, components: 2 },
        ] {
            let (dim, levels) = (2 * LANES + 1, distribution.levels().unwrap());
            let count = dim * distribution.parameters();
            let z: Vec<f32> = (0..count).map(|i| (i * i % 17) as f32 / 4.0 - 2.0).collect();
            let mut found = vec![0.0; dim * levels];
            distribution.probabilities(&z, &mut found);
            for level in 0..levels {
                let mut nlls = vec![0.0; dim];
                distribution.nll_per_pixel(&z, &vec![level as f32; dim], &mut nlls);
                for (pixel, nll) in nlls.into_iter().enumerate() {
                    let (found, expected) = (found[pixel * levels + level], (-nll).exp());
                    assert!((found - expected).abs() < 1e-6, "{distribution:?} {pixel} {level}");
                }
            }
        }
    }

    #[test]
    fn extreme_parameters_have_finite_losses_and_gradients() {
        for distribution in [
            Distribution::Categorical { levels: 4 },
            Distribution::LogisticMixture { levels: 256, components: 2 },
        ] {
            for size in [1e2f32, 1e4, 1e6] {
                let signs = [1.0, -1.0, -1.0, 1.0, -1.0, 1.0];
                let z = &signs.map(|sign| sign * size)[..distribution.parameters()];
                for level in [0.0, 1.0, 3.0] {
                    let mut gradient = z.to_vec();
                    let loss = distribution.nll_gradient(&mut gradient, &[level], 1.0);
                    assert!(
                        loss.is_finite() && loss >= 0.0,
                        "{distribution:?} {size} {level}: {loss}"
                    );
                    assert!(
                        gradient.iter().all(|g| g.is_finite()),
                        "{distribution:?} {size}: {gradient:?}"
                    );
                    assert_eq!(loss, distribution.nll(z, &[level]));
                }
            }
        }
    }
}
