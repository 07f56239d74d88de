//! Source of every random number of a run: one independent stream per purpose.
//!
//! A stream is a ChaCha8 generator whose key is derived (BLAKE3) from the run's seed, the purpose
//! and an index. Two variants of a study that share a seed therefore share their initial weights,
//! their order of minibatches, their masks and their noise wherever the shapes agree: comparisons
//! are paired by construction, and an axis cannot change the numbers of a stream that it does not
//! use.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Seed of a run (its replicate), below 2^53 so that a spreadsheet keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seed(pub u64);

/// Purpose of a stream. The name is part of the derivation: renaming one changes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights, one index per parameter array.
    Init,
    /// Degrees of the hidden units, one index per mask.
    Degrees,
    /// Random orderings, one index per mask.
    Ordering,
    /// Order of the training images, one index per epoch.
    Shuffle,
    /// Dynamic binarisation of the training images, one index per epoch.
    Binarize,
    /// Uniforms that draw samples from a trained model.
    Sample,
    /// Choice of the mask of a mixture that draws a sample.
    Component,
    /// Masks of the evaluated mixture when training never repeats one.
    Evaluate,
    /// Built-in data sets and fixed splits and binarisations; keyed by the data seed, not by the
    /// run's.
    Data,
    /// Monte-Carlo statistics.
    Statistics,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Degrees => "degrees",
            Self::Ordering => "ordering",
            Self::Shuffle => "shuffle",
            Self::Binarize => "binarize",
            Self::Sample => "sample",
            Self::Component => "component",
            Self::Evaluate => "evaluate",
            Self::Data => "data",
            Self::Statistics => "statistics",
        }
    }
}

impl Seed {
    /// Stream of `purpose` with number `index`: the same on every machine.
    pub fn stream(self, purpose: Purpose, index: u64) -> Stream {
        let mut hasher = blake3::Hasher::new_derive_key("ablade random stream 1");
        hasher.update(purpose.name().as_bytes());
        hasher.update(&self.0.to_le_bytes());
        hasher.update(&index.to_le_bytes());
        Stream(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Fills `out` with uniforms in [0, 1) of 24 bits each, one word of the stream a number.
    pub fn fill_uniform(&mut self, out: &mut [f32]) {
        let mut bytes = [0u8; 1024];
        for chunk in out.chunks_mut(bytes.len() / 4) {
            let bytes = &mut bytes[..4 * chunk.len()];
            self.0.fill_bytes(bytes);
            for (value, word) in chunk.iter_mut().zip(bytes.chunks_exact(4)) {
                let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                *value = (word >> 8) as f32 * (1.0 / (1u32 << 24) as f32);
            }
        }
    }

    /// Uniform in `0..n`, without bias (Lemire 2019).
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "an empty range has no member");
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.0.next_u64()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Shuffles `items` (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }

    /// A uniformly random permutation of `0..n`.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_differs_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| Seed(seed).stream(purpose, index).bits();
        assert_eq!(first(1, Purpose::Init, 0), first(1, Purpose::Init, 0));
        assert_ne!(first(1, Purpose::Init, 0), first(2, Purpose::Init, 0));
        assert_ne!(first(1, Purpose::Init, 0), first(1, Purpose::Shuffle, 0));
        assert_ne!(first(1, Purpose::Init, 0), first(1, Purpose::Init, 1));
    }

    #[test]
    fn uniforms_fill_the_unit_interval_evenly() {
        let mut values = vec![0f32; 100_000];
        Seed(7).stream(Purpose::Sample, 0).fill_uniform(&mut values);
        assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
        let mut bins = [0f64; 20];
        for v in &values {
            bins[(v * 20.0) as usize] += 1.0;
        }
        let expected = values.len() as f64 / 20.0;
        let chi2: f64 = bins.iter().map(|b| (b - expected).powi(2) / expected).sum();
        assert!(chi2 < 43.8, "chi-square {chi2} with 19 degrees of freedom (0.1 %)");
    }

    #[test]
    fn below_is_uniform_and_shuffle_is_a_permutation() {
        let mut stream = Seed(3).stream(Purpose::Shuffle, 0);
        let mut bins = [0f64; 6];
        for _ in 0..60_000 {
            bins[stream.below(6) as usize] += 1.0;
        }
        let chi2: f64 = bins.iter().map(|b| (b - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 20.5, "chi-square {chi2} with 5 degrees of freedom (0.1 %)");
        let mut order = stream.permutation(100);
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<u32>>());
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut stream = Seed(5).stream(Purpose::Init, 0);
        let values: Vec<f64> = (0..50_000).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03,
            "mean {mean}, variance {variance}"
        );
    }
}
