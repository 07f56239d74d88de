//! What a run takes, by arithmetic: parameters, multiply-adds, memory and disk; and how long, from what past runs took.
//!
//! With P weights, of which P1 in the first layer, one image costs P multiply-adds to score and 3 P - P1 to learn from: a
//! forward pass, the gradient of every weight, and the gradient of every layer's input but the first. Masks are counted as
//! if they were full: what they save is part of the measured speed.

use crate::config::{RunConfig, SampleOrder};
use crate::data::DataSize;
use crate::made::kernels::vectorized::Level;
use crate::made::{MaskCount, ModelConfig};
use crate::train::Optimizer;

/// What a run takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Trainable parameters, masked ones included.
    pub parameters: u64,
    /// Multiply-adds of training, scoring and sampling, to the last epoch.
    pub multiply_adds: f64,
    /// Memory of the run beside the data set, which runs share.
    pub memory: u64,
    /// What its directory takes on disk.
    pub disk: u64,
}

/// Training images that the final score of a run looks at, at most.
const SCORED_TRAIN: usize = 10_000;
/// Memory of a run that grows with nothing.
const FIXED_MEMORY: u64 = 16 << 20;

impl Cost {
    /// The cost of one run.
    pub fn new(config: &RunConfig, size: DataSize) -> Self {
        let weights = Weights::new(&config.model, size.shape.dim());
        let all = weights.all as f64;
        let epochs = config.train.epochs as f64;
        let learning = epochs * size.train as f64 * learning(&config.model, size.shape.dim());
        let watching = epochs * (size.valid + size.test) as f64 * all;
        let mixture = match config.model.masks {
            MaskCount::Cycle(masks) => masks,
            MaskCount::Fresh => config.evaluate.fresh_masks,
        };
        let scored = size.train.min(SCORED_TRAIN) + size.valid + mixture * size.test;
        // The sampler computes every hidden unit once: one forward pass an image. Its negative control takes one a pixel.
        let passes = match config.sample.order {
            SampleOrder::Model => config.sample.masks,
            SampleOrder::Inverse => size.shape.dim(),
        };
        let drawn = config.sample.count * passes;
        let parameters = weights.all + weights.biases;
        let moments = match config.train.optimizer {
            Optimizer::Adam { .. } | Optimizer::Adadelta { .. } => 2,
            Optimizer::Adagrad { .. } => 1,
            Optimizer::Sgd { momentum, .. } => u64::from(momentum != 0.0),
        };
        // The parameters, the best ones so far, a copy for the kernels, one sorted by each mask where there are many, and one
        // to score with; then a checkpoint on its way to the disk: parameters, best ones, moments, and one array of them
        // turned into bytes.
        let many = u64::from(config.model.masks != MaskCount::Cycle(1));
        let copies = 4 + many + moments + 3 + moments;
        let activations = 3 * (config.train.batch * (weights.units + 2 * size.shape.dim())) as u64;
        Self {
            parameters,
            multiply_adds: learning + watching + (scored + drawn) as f64 * all,
            memory: FIXED_MEMORY + 4 * (copies * parameters + activations),
            disk: 4 * parameters
                + 100 * config.train.epochs as u64
                + (config.sample.count * size.shape.dim()) as u64 / 4
                + 4096,
        }
    }
}

/// Multiply-adds of one update, an image, of a model with `dim` pixels.
pub fn learning(model: &ModelConfig, dim: usize) -> f64 {
    let weights = Weights::new(model, dim);
    3.0 * weights.all as f64 - weights.first as f64
}

struct Weights {
    all: u64,
    first: u64,
    biases: u64,
    units: usize,
}

impl Weights {
    fn new(model: &ModelConfig, dim: usize) -> Self {
        let widths: Vec<usize> =
            std::iter::once(dim).chain(model.hidden.iter().copied()).chain(std::iter::once(dim)).collect();
        let pairs = widths.windows(2).map(|pair| (pair[0] * pair[1]) as u64);
        let skip = if model.skip { (dim * dim) as u64 } else { 0 };
        // The weights on the mask are as many as those on the input, layer by layer.
        let twice = if model.condition { 2 } else { 1 };
        Self {
            all: twice * (pairs.clone().sum::<u64>() + skip),
            first: twice * (pairs.clone().next().unwrap_or(0) + skip),
            biases: widths[1..].iter().sum::<usize>() as u64,
            units: model.hidden.iter().sum(),
        }
    }
}

/// Multiply-adds a second and thread where nothing has been measured yet: about what runs of the studies in `experiments/`
/// reached on a server of 2023 with each of these instruction sets.
fn nominal_speed() -> f64 {
    match Level::detect() {
        Level::Avx512 => 8e10,
        Level::Avx2 => 6e10,
        Level::Baseline => 2e10,
    }
}

/// How fast runs go here, and how well that predicted the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Multiply-adds a second and thread.
    pub multiply_adds: f64,
    /// Past runs it is the median of; 0 = nominal.
    pub runs: usize,
    /// Median relative error over the past runs, each predicted from all the others.
    pub error: Option<f64>,
}

impl Speed {
    /// The median speed of past runs, each given by its multiply-adds and its seconds times threads.
    pub fn learn(past: &[(f64, f64)]) -> Self {
        let mut speeds: Vec<f64> =
            past.iter().filter(|(work, seconds)| *work > 0.0 && *seconds > 0.0).map(|(work, s)| work / s).collect();
        speeds.sort_by(f64::total_cmp);
        let Some(multiply_adds) = median(&speeds) else {
            return Self { multiply_adds: nominal_speed(), runs: 0, error: None };
        };
        let mut errors: Vec<f64> = (0..speeds.len())
            .filter_map(|i| {
                let others: Vec<f64> = [&speeds[..i], &speeds[i + 1..]].concat();
                // Seconds predicted over seconds measured, less one.
                median(&others).map(|speed| (speeds[i] / speed - 1.0).abs())
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        Self { multiply_adds, runs: speeds.len(), error: median(&errors) }
    }

    /// Seconds of one run on one thread.
    pub fn seconds(&self, cost: &Cost) -> f64 {
        cost.multiply_adds / self.multiply_adds
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Seconds until the last of `seconds` ends when each, longest first, goes to the worker that is free first.
pub fn makespan(seconds: &[f64], workers: usize) -> f64 {
    let mut longest_first = seconds.to_vec();
    longest_first.sort_by(|a, b| b.total_cmp(a));
    let mut ends = vec![0.0f64; workers.max(1)];
    for run in longest_first {
        let free = (0..ends.len()).min_by(|&a, &b| ends[a].total_cmp(&ends[b])).unwrap_or(0);
        ends[free] += run;
    }
    ends.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;

    const SIZE: DataSize = DataSize { shape: Shape { width: 28, height: 28 }, train: 1000, valid: 100, test: 200 };

    fn config(change: impl FnOnce(&mut RunConfig)) -> RunConfig {
        let mut config = RunConfig::default();
        config.train.epochs = 1;
        config.sample.count = 0;
        change(&mut config);
        config
    }

    #[test]
    fn one_hidden_layer_by_hand() {
        let cost = Cost::new(&config(|_| {}), SIZE);
        let first = 784 * 500;
        assert_eq!(cost.parameters, 2 * first + 500 + 784);
        let learning = 1000 * (3 * 2 * first - first);
        let watching = 300 * 2 * first;
        let scored = (1000 + 100 + 200) * 2 * first;
        assert_eq!(cost.multiply_adds, (learning + watching + scored) as f64);
    }

    #[test]
    fn depth_connections_and_conditioning_count() {
        let parameters = |change: fn(&mut RunConfig)| Cost::new(&config(change), SIZE).parameters;
        let plain = parameters(|_| {});
        assert_eq!(parameters(|c| c.model.hidden = vec![]), 784 * 784 + 784);
        assert_eq!(parameters(|c| c.model.hidden = vec![500, 500]), plain + 500 * 500 + 500);
        assert_eq!(parameters(|c| c.model.skip = true), plain + 784 * 784);
        assert_eq!(parameters(|c| c.model.condition = true), plain + 2 * 784 * 500);
    }

    #[test]
    fn speed_is_the_median_and_knows_its_error() {
        assert_eq!(Speed::learn(&[]), Speed { multiply_adds: nominal_speed(), runs: 0, error: None });
        assert_eq!(Speed::learn(&[(10.0, 2.0)]), Speed { multiply_adds: 5.0, runs: 1, error: None });
        let speed = Speed::learn(&[(10.0, 2.0), (10.0, 2.0), (10.0, 1.0)]);
        assert_eq!((speed.multiply_adds, speed.runs), (5.0, 3));
        // 5, 5, 10 from the others' medians 7.5, 7.5, 5.
        assert!((speed.error.unwrap() - 1.0 / 3.0).abs() < 1e-12, "{speed:?}");
    }

    #[test]
    fn makespan_is_bounded_by_the_work_and_the_longest() {
        assert_eq!(makespan(&[], 2), 0.0);
        assert_eq!(makespan(&[3.0, 1.0, 2.0], 1), 6.0);
        assert_eq!(makespan(&[3.0, 1.0, 2.0], 2), 3.0);
        assert_eq!(makespan(&[3.0, 1.0, 2.0], 9), 3.0);
    }
}
