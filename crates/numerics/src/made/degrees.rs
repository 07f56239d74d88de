//! Degrees: the number of leading positions of the ordering that a hidden unit may depend on.
//!
//! Inputs have degrees 1..=D, their positions in the ordering. A unit of layer l may have any
//! degree from the smallest of the layer below (with a lower one, it would depend on nothing) to
//! D-1 (with a higher one, no output could depend on it).

use serde::{Deserialize, Serialize};

use crate::rng::Stream;

/// Rule by which hidden units get their degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DegreeRule {
    /// Uniform in {min of the layer below, .., D-1}, unit by unit.
    Random,
    /// Evenly spaced over {1, .., D-1}: all degrees equally often if the layer is wide enough.
    Even,
}

impl DegreeRule {
    /// Degrees of the units of each layer, whose numbers of units are `widths`, for `dim` inputs;
    /// in no particular order.
    pub fn assign(self, widths: &[usize], dim: usize, stream: &mut Stream) -> Vec<Vec<u32>> {
        let top = dim.saturating_sub(1).max(1) as u32;
        let mut low = 1;
        let mut layers = Vec::with_capacity(widths.len());
        for &width in widths {
            let layer: Vec<u32> = match self {
                Self::Random => (0..width)
                    .map(|_| low + stream.below(u64::from(top - low) + 1) as u32)
                    .collect(),
                Self::Even => {
                    let mut layer: Vec<u32> = (0..width)
                        .map(|k| 1 + (k as u64 * u64::from(top) / width as u64) as u32)
                        .collect();
                    stream.shuffle(&mut layer);
                    layer
                }
            };
            low = layer.iter().copied().min().unwrap_or(low);
            layers.push(layer);
        }
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    fn stream(seed: u64) -> Stream {
        Seed(seed).stream(Purpose::Degrees, 0)
    }

    #[test]
    fn random_degrees_keep_to_their_range() {
        for seed in 0..50 {
            let layers = DegreeRule::Random.assign(&[5, 3, 7], 20, &mut stream(seed));
            let mut low = 1;
            for layer in &layers {
                assert!(
                    layer.iter().all(|&m| (low..=19).contains(&m)),
                    "{layer:?} not within {low}..=19"
                );
                low = *layer.iter().min().unwrap();
            }
        }
    }

    #[test]
    fn random_degrees_are_uniform() {
        let layer = &DegreeRule::Random.assign(&[80_000], 9, &mut stream(1))[0];
        let chi2: f64 = (1..=8)
            .map(|m| {
                let seen = layer.iter().filter(|&&d| d == m).count() as f64;
                (seen - 1e4).powi(2) / 1e4
            })
            .sum();
        assert!(chi2 < 24.3, "chi-square {chi2} with 7 degrees of freedom (0.1 %)");
    }

    #[test]
    fn even_degrees_are_an_exact_multiset() {
        let sorted = |width, dim| {
            let mut layer = DegreeRule::Even.assign(&[width], dim, &mut stream(2)).remove(0);
            layer.sort_unstable();
            layer
        };
        assert_eq!(sorted(4, 5), [1, 2, 3, 4]);
        assert_eq!(sorted(8, 5), [1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(sorted(3, 10), [1, 4, 7]);
    }

    #[test]
    fn one_and_two_inputs_have_degrees() {
        assert_eq!(DegreeRule::Random.assign(&[2], 1, &mut stream(3)), [vec![1, 1]]);
        assert_eq!(DegreeRule::Even.assign(&[2], 2, &mut stream(3)), [vec![1, 1]]);
    }
}
