//! Cost of a run of MADE by arithmetic (parameters, multiply-adds, memory and disk), and seconds
//! from the times of past runs.
//!
//! With P weights, of which P1 in the first layer, an image costs P multiply-adds to score and
//! (3 P - P1) to learn from: a forward pass, the gradient of every weight, and the gradient of the
//! input of every layer but the first. Masks are counted as if they were full: their savings are
//! part of the measured speed. Conditioning weights are added up once for each minibatch, not for
//! each image. In small runs fixed costs exceed the products: those of a run, of a minibatch, and
//! of each unit and pixel of an image.

use std::ops::Range;

use crate::config::{RunConfig, SampleOrder};
use crate::data::DataSize;
use crate::made::MaskCount;
use crate::made::instruction_set;
use crate::made::layout::ParamLayout;
use crate::made::output::Variables;

/// Predicted cost of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MadeCost {
    /// Trainable parameters, masked ones included.
    pub parameters: u64,
    /// Multiply-adds of training, scoring and sampling, to the last epoch.
    pub multiply_adds: f64,
    /// Seconds on one thread at nominal speed.
    pub nominal_seconds: f64,
    /// Memory of the run [bytes], without the data set, which runs share.
    pub memory: u64,
    /// Size of its directory on disk [bytes].
    pub disk: u64,
}

/// Maximum number of training images in the final score of a run.
pub const SCORED_TRAIN: usize = 10_000;
/// Memory of a run that does not depend on its configuration or data [bytes].
const FIXED_MEMORY: u64 = 16 << 20;

impl MadeCost {
    /// The cost of one run.
    pub fn new(config: &RunConfig, size: DataSize) -> Self {
        let layout = layout(config, size.shape.dim(), size.classes);
        let epochs = config.train.epochs as f64;
        let scored_masks = match config.model.masks {
            MaskCount::Cycle(masks) => masks,
            MaskCount::Fresh => config.evaluate.fresh_masks,
        };
        let scored = size.train.min(SCORED_TRAIN) + size.valid + scored_masks * size.test;
        // The sampler computes every hidden unit once: one forward pass per image. Its negative
        // control takes one per pixel.
        let passes = match config.sample.order {
            SampleOrder::Model => config.sample.masks,
            SampleOrder::Inverse => size.shape.dim(),
        };
        let learned = epochs * size.train as f64;
        let passed = epochs * (size.valid + size.test) as f64
            + (scored + config.sample.count * passes) as f64;
        let multiply_adds = learned * learning(&layout) + passed * layout.multiply_adds() as f64;
        let steps = epochs * size.train.div_ceil(config.train.batch) as f64;
        let parameters = layout.len as u64;
        let moments = config.train.optimizer.states() as u64;
        // Parameters, the best parameters so far, a packed copy for the kernels, one in the order
        // of each mask where there are many, and one for scoring; then a checkpoint while it is
        // written: parameters, best parameters, moments, and one of these arrays as bytes.
        let many = u64::from(config.model.masks != MaskCount::Cycle(1));
        let copies = 4 + many + moments + 3 + moments;
        let units = layout.hidden().sum::<usize>();
        let values = units + layout.n_inputs() + layout.n_outputs();
        let activations = 3 * (config.train.batch * values) as u64;
        Self {
            parameters,
            multiply_adds,
            nominal_seconds: PER_RUN
                + steps * per_step(&layout)
                + (learned + passed) * per_image(&layout)
                + multiply_adds / nominal_speed(),
            memory: FIXED_MEMORY + 4 * (copies * parameters + activations),
            disk: 4 * parameters
                + 100 * config.train.epochs as u64
                + drawn_bytes(config, size.shape.dim())
                + 4096,
        }
    }
}

/// Size of the images drawn from the model on disk [bytes]: a quarter of a byte a pixel, or two
/// arrays of real numbers.
fn drawn_bytes(config: &RunConfig, dim: usize) -> u64 {
    let values = (config.sample.count * dim) as u64;
    if config.model.output.is_density() { 8 * values } else { values / 4 }
}

/// Nominal seconds, on one thread, of training on one image.
pub fn nominal_training(config: &RunConfig, dim: usize) -> f64 {
    let layout = layout(config, dim, 0);
    learning(&layout) / nominal_speed()
        + per_image(&layout)
        + per_step(&layout) / config.train.batch as f64
}

/// Layout of a model of images of `dim` pixels, of so many classes.
fn layout(config: &RunConfig, dim: usize, classes: usize) -> ParamLayout {
    ParamLayout::new(
        &config.model,
        Variables {
            dim,
            levels: config.data.levels.get(),
            classes: if config.model.classes { classes } else { 0 },
        },
    )
}

/// Multiply-adds of training on one image.
fn learning(layout: &ParamLayout) -> f64 {
    let first = layout.layers[0].weight.len() + layout.direct.as_ref().map_or(0, Range::len);
    (3 * layout.multiply_adds() - first) as f64
}

/// Seconds of a run of any size: making the model, writing and publishing its files.
const PER_RUN: f64 = 5e-3;

/// Seconds of a minibatch of any number of images: its fixed cost, and the update of every
/// parameter.
fn per_step(layout: &ParamLayout) -> f64 {
    1e-5 + 1.5e-9 * layout.len as f64
}

/// Seconds of one pass of an image, apart from the matrix products: activations, loss and
/// binarisation, per unit and pixel.
fn per_image(layout: &ParamLayout) -> f64 {
    8e-9 * (layout.hidden().sum::<usize>() + layout.n_outputs()) as f64
}

/// Multiply-adds per second and thread, used until runs have been measured: about what runs of the
/// studies in `experiments/` reached on a server of 2023 with each of these instruction sets.
fn nominal_speed() -> f64 {
    match instruction_set() {
        "avx512" => 8e10,
        "avx2" => 6e10,
        _ => 2e10,
    }
}

/// Speed of this machine, learnt from past runs, with the error of that prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Measured time over nominal time.
    pub factor: f64,
    /// Number of past runs of which `factor` is the median; 0 = nominal speed.
    pub runs: usize,
    /// Median prediction error of the past runs as a ratio >= 1 (the larger of prediction and
    /// measurement over the smaller), each run predicted from all others.
    pub error: Option<f64>,
}

impl Speed {
    /// The median of past runs, each given by its nominal seconds and its measured seconds times
    /// threads.
    pub fn learn(past: &[(f64, f64)]) -> Self {
        let known = past.iter().filter(|(nominal, seconds)| *nominal > 0.0 && *seconds > 0.0);
        let mut factors: Vec<f64> = known.map(|(nominal, seconds)| seconds / nominal).collect();
        factors.sort_by(f64::total_cmp);
        let Some(factor) = median(&factors) else {
            return Self { factor: 1.0, runs: 0, error: None };
        };
        let mut errors: Vec<f64> = (0..factors.len())
            .filter_map(|i| {
                let others: Vec<f64> = [&factors[..i], &factors[i + 1..]].concat();
                median(&others)
                    .map(|predicted| (factors[i] / predicted).max(predicted / factors[i]))
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        Self { factor, runs: factors.len(), error: median(&errors) }
    }

    /// Seconds of one run on one thread.
    pub fn seconds(&self, nominal: f64) -> f64 {
        nominal * self.factor
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

/// Seconds until the last of `seconds` ends if each run, longest first, is given to the worker that
/// is free first (LPT scheduling).
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
    use crate::made::output::OutputKind;

    const SIZE: DataSize = DataSize {
        shape: Shape { width: 28, height: 28 },
        train: 1000,
        valid: 100,
        test: 200,
        classes: 10,
    };

    fn config(change: impl FnOnce(&mut RunConfig)) -> RunConfig {
        let mut config = RunConfig::default();
        config.train.epochs = 1;
        config.sample.count = 0;
        change(&mut config);
        config
    }

    #[test]
    fn one_hidden_layer_by_hand() {
        let cost = MadeCost::new(&config(|_| {}), SIZE);
        let first = 784 * 500;
        assert_eq!(cost.parameters, 2 * first + 500 + 784);
        let learning = 1000 * (3 * 2 * first - first);
        let watching = 300 * 2 * first;
        let scored = (1000 + 100 + 200) * 2 * first;
        assert_eq!(cost.multiply_adds, (learning + watching + scored) as f64);
    }

    #[test]
    fn depth_connections_and_conditioning_count() {
        let parameters =
            |change: fn(&mut RunConfig)| MadeCost::new(&config(change), SIZE).parameters;
        let plain = parameters(|_| {});
        assert_eq!(parameters(|c| c.model.hidden = vec![]), 784);
        assert_eq!(parameters(|c| c.model.hidden = vec![500, 500]), plain + 500 * 500 + 500);
        assert_eq!(parameters(|c| c.model.skip = true), plain + 784 * 784);
        assert_eq!(parameters(|c| c.model.condition = true), plain + 2 * 784 * 500);
        let both = |c: &mut RunConfig| (c.model.skip, c.model.condition) = (true, true);
        assert_eq!(parameters(both), plain + 784 * 784 + 2 * 784 * 500);
    }

    #[test]
    fn densities_have_the_parameters_of_their_components() {
        let mixture = |c: &mut RunConfig| {
            (c.model.output, c.model.components) = (OutputKind::GaussianMixture, 3);
            c.sample.count = 10;
        };
        let cost = MadeCost::new(&config(mixture), SIZE);
        assert_eq!(cost.parameters, 784 * 500 + 500 + 9 * (500 * 784 + 784));
        assert_eq!(cost.disk - 4 * cost.parameters, 100 + 8 * 10 * 784 + 4096);
    }

    #[test]
    fn small_runs_take_the_time_of_their_minibatches() {
        let seconds = |batch: usize| {
            let small = config(|c| (c.model.hidden, c.train.batch) = (vec![4], batch));
            MadeCost::new(&small, SIZE).nominal_seconds
        };
        let (one, all) = (seconds(1), seconds(1000));
        assert!(all > PER_RUN && one > all + 999.0 * 1e-5, "{one} {all}");
    }

    #[test]
    fn speed_is_the_median_and_knows_its_error() {
        assert_eq!(Speed::learn(&[]), Speed { factor: 1.0, runs: 0, error: None });
        assert_eq!(Speed::learn(&[(2.0, 10.0)]), Speed { factor: 5.0, runs: 1, error: None });
        let speed = Speed::learn(&[(2.0, 10.0), (2.0, 10.0), (1.0, 10.0)]);
        assert_eq!((speed.factor, speed.runs), (5.0, 3));
        // 5, 5, 10 from the others' medians 7.5, 7.5, 5.
        assert!((speed.error.unwrap() - 1.5).abs() < 1e-12, "{speed:?}");
    }

    #[test]
    fn makespan_is_bounded_by_the_work_and_the_longest() {
        assert_eq!(makespan(&[], 2), 0.0);
        assert_eq!(makespan(&[3.0, 1.0, 2.0], 1), 6.0);
        assert_eq!(makespan(&[3.0, 1.0, 2.0], 2), 3.0);
        assert_eq!(makespan(&[3.0, 1.0, 2.0], 9), 3.0);
    }
}
