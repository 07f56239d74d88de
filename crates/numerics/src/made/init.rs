//! Initial weights, drawn from the streams of the run: candle's CPU backend cannot be seeded.

use crate::made::Init;
use crate::made::kernels::density::normal_quantile;
use crate::made::layout::ParamLayout;
use crate::made::output::Distribution;
use crate::rng::{Purpose, Seed, Stream};

/// All parameters of a network before training [layout.len]. Each matrix has a stream of its own,
/// so that two models share the first draws of every matrix that both have; biases and conditioning
/// weights are zero, but for the biases of the means of a mixture of Gaussians. Of the first position
/// nothing else tells its components apart: with equal means they would have equal gradients for
/// ever. They are at quantiles of the standard normal distribution, as the data are standardised.
pub fn parameters(layout: &ParamLayout, init: Init, seed: Seed) -> Vec<f32> {
    const OUTPUT: u64 = 1 << 32;
    const DIRECT: u64 = OUTPUT + 1;
    let mut params = vec![0.0; layout.len];
    let last = layout.layers.len() - 1;
    for (l, layer) in layout.layers.iter().enumerate() {
        let index = if l == last { OUTPUT } else { l as u64 };
        init.fill(
            &mut params[layer.weight.clone()],
            layer.n_out,
            layer.n_in,
            &mut seed.stream(Purpose::Init, index),
        );
    }
    if let Some(direct) = &layout.direct {
        init.fill(
            &mut params[direct.clone()],
            layout.n_outputs(),
            layout.n_direct(),
            &mut seed.stream(Purpose::Init, DIRECT),
        );
    }
    if let Distribution::GaussianMixture { components } = layout.distribution {
        let biases = &mut params[layout.output().bias.clone()];
        for of_position in biases.chunks_exact_mut(layout.distribution.parameters()) {
            for (m, mean) in of_position[components..2 * components].iter_mut().enumerate() {
                *mean = normal_quantile((m as f32 + 0.5) / components as f32);
            }
        }
    }
    params
}

impl Init {
    /// Fills a matrix [rows x cols], row by row.
    fn fill(self, weights: &mut [f32], rows: usize, cols: usize, stream: &mut Stream) {
        let bound = match self {
            Self::Glorot => (6.0 / (rows + cols) as f64).sqrt(),
            Self::FanIn => (1.0 / cols.max(1) as f64).sqrt(),
            Self::Orthogonal => return orthogonal(weights, rows, cols, stream),
        };
        stream.fill_uniform(weights);
        for w in weights {
            *w = ((f64::from(*w) * 2.0 - 1.0) * bound) as f32;
        }
    }
}

/// Fills a matrix [rows x cols] with normal vectors, orthonormalised one after the other (modified
/// Gram-Schmidt): its rows, or its columns if they are fewer.
fn orthogonal(weights: &mut [f32], rows: usize, cols: usize, stream: &mut Stream) {
    let (count, len) = (rows.min(cols), rows.max(cols));
    let mut vectors: Vec<Vec<f32>> =
        (0..count).map(|_| (0..len).map(|_| stream.normal() as f32).collect()).collect();
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    for i in 0..count {
        let (done, rest) = vectors.split_at_mut(i);
        let vector = &mut rest[0];
        // Twice is enough (Kahan): the second pass removes the rounding errors of the first.
        for _ in 0..2 {
            for other in &*done {
                let along = dot(vector, other);
                vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
            }
        }
        let norm = dot(vector, vector).sqrt();
        for v in vector.iter_mut() {
            *v /= norm;
        }
    }
    for r in 0..rows {
        for c in 0..cols {
            weights[r * cols + c] = if rows <= cols { vectors[r][c] } else { vectors[c][r] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(init: Init, rows: usize, cols: usize) -> Vec<f32> {
        let mut weights = vec![0.0; rows * cols];
        init.fill(&mut weights, rows, cols, &mut Seed(1).stream(Purpose::Init, 0));
        weights
    }

    #[test]
    fn uniform_weights_fill_their_range() {
        for (init, bound) in
            [(Init::Glorot, (6f32 / 70.0).sqrt()), (Init::FanIn, 1.0 / 50f32.sqrt())]
        {
            let weights = filled(init, 20, 50);
            let largest = weights.iter().fold(0f32, |a, w| a.max(w.abs()));
            assert!(largest <= bound && largest > 0.98 * bound, "{init:?}: {largest} of {bound}");
        }
    }

    #[test]
    fn orthogonal_weights_are_orthonormal() {
        for (rows, cols) in [(20, 50), (50, 20)] {
            let weights = filled(Init::Orthogonal, rows, cols);
            let row = |r: usize| (0..cols).map(|c| weights[r * cols + c]).collect::<Vec<_>>();
            let column = |c: usize| (0..rows).map(|r| weights[r * cols + c]).collect::<Vec<_>>();
            let vectors: Vec<Vec<f32>> = if rows <= cols {
                (0..rows).map(row).collect()
            } else {
                (0..cols).map(column).collect()
            };
            for (i, a) in vectors.iter().enumerate() {
                for (j, b) in vectors.iter().enumerate() {
                    let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    assert!((product - f32::from(i == j)).abs() < 1e-5, "<{i}, {j}> = {product}");
                }
            }
        }
    }
}
