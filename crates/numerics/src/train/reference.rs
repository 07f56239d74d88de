//! Training by candle alone, to check the kernels against: autograd over `made::reference`, update
//! rules as tensor operations.
//!
//! Initial weights, masks, order and bits of the images are those of a run; everything computed
//! from them is computed independently, and slowly. Double precision serves as the exact result;
//! single precision next to it shows how far rounding alone drives two trainings apart.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::data::{Dataset, Images, Row};
use crate::made::masks::Masks;
use crate::made::model::Made;
use crate::made::reference::Reference;
use crate::rng::Seed;
use crate::train::trainer::{binarized, order_of};
use crate::train::{EpochLosses, Optimizer, TrainConfig};

/// Maximum number of masks cached as tensors.
const KEPT: usize = 64;

/// Precision of all that a training computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits, as the kernels.
    Single,
    /// 64 bits.
    Double,
}

/// A training in progress, epoch by epoch.
#[derive(Debug)]
pub struct ReferenceTrainer<'a> {
    made: &'a Made,
    masks: &'a Masks,
    data: &'a Dataset,
    config: &'a TrainConfig,
    seed: Seed,
    dtype: DType,
    params: Var,
    /// State of the optimiser; both arrays exist for every rule.
    state: [Tensor; 2],
    /// Bound on the displacement of each weight by rounding of its gradients to single precision
    /// [n_params].
    slack: Tensor,
    steps: u64,
    epochs: usize,
    engines: BTreeMap<u64, Reference>,
    scored: Reference,
}

impl<'a> ReferenceTrainer<'a> {
    /// A training at its start; `made` holds the initial weights, and is not changed.
    pub fn new(
        made: &'a Made,
        masks: &'a Masks,
        data: &'a Dataset,
        config: &'a TrainConfig,
        seed: Seed,
        precision: Precision,
    ) -> Result<Self> {
        let dtype = match precision {
            Precision::Single => DType::F32,
            Precision::Double => DType::F64,
        };
        let params = Var::from_tensor(&made.parameters().to_dtype(dtype)?)?;
        let zeros = params.zeros_like()?.detach();
        let scored = Reference::new(
            made.network(),
            &masks.evaluated(0),
            made.first_ordering(),
            dtype,
            &Device::Cpu,
        )?;
        Ok(Self {
            made,
            masks,
            data,
            config,
            seed,
            dtype,
            params,
            state: [zeros.clone(), zeros.clone()],
            slack: zeros,
            steps: 0,
            epochs: 0,
            engines: BTreeMap::new(),
            scored,
        })
    }

    /// Weights in model space.
    pub fn parameters(&self) -> Result<Vec<f64>> {
        self.params.to_dtype(DType::F64)?.to_vec1()
    }

    /// Bound on the displacement of each weight by rounding of its gradients [n_params]. An
    /// adaptive rule divides a gradient by the size of previous ones, and with it its rounding
    /// error: a weight whose gradients are tiny moves as far as the others, but in a direction that
    /// rounding decides.
    fn slack(&self) -> Result<Vec<f64>> {
        self.slack.to_dtype(DType::F64)?.to_vec1()
    }

    /// Trains for an epoch and scores it.
    pub fn epoch(&mut self) -> Result<EpochLosses> {
        let order = order_of(self.seed, self.epochs, self.data.train.count());
        let mut loss = 0.0;
        for indices in order.chunks(self.config.batch) {
            loss += self.step(indices)?;
        }
        self.epochs += 1;
        Ok(EpochLosses {
            epoch: self.epochs,
            train_nll_nats: loss / order.len() as f64,
            valid_nll_nats: self.score(&self.data.valid)?,
            test_nll_nats: self.score(&self.data.test)?,
        })
    }

    /// Trains on one minibatch, and returns the sum of its losses before the update, nats.
    pub fn step(&mut self, indices: &[u32]) -> Result<f64> {
        let train = &self.data.train;
        let x = if self.data.dynamic() {
            let bits = indices
                .iter()
                .flat_map(|&i| binarized(train.row(i as usize), self.seed, self.epochs, i));
            self.tensor(bits.map(f64::from).collect(), train.dim())?
        } else {
            self.rows(train, indices.iter().map(|&i| i as usize))?
        };
        let mask = self.masks.trained_index(self.steps / self.config.remask_every as u64);
        if !self.engines.contains_key(&mask) {
            if self.engines.len() == KEPT {
                self.engines.clear();
            }
            let (network, first) = (self.made.network(), self.made.first_ordering());
            let engine = Reference::new(
                network,
                &self.masks.trained(mask),
                first,
                self.dtype,
                &Device::Cpu,
            )?;
            self.engines.insert(mask, engine);
        }
        let classes = indices.iter().map(|&i| train.example(i as usize).class);
        let losses = self.engines[&mask].nll_given(&self.params, &x, classes)?;
        let gradients = losses.mean(0)?.backward()?;
        self.steps += 1;
        if let Some(gradient) = gradients.get(&self.params) {
            self.update(gradient)?;
        }
        losses.sum_all()?.to_dtype(DType::F64)?.to_scalar()
    }

    /// Moves the weights by a gradient. Decays are rounded to single precision first, as the
    /// kernels hold them: one minus 0.999 changes in the fifth digit.
    fn update(&mut self, g: &Tensor) -> Result<()> {
        let single = |value: f64| f64::from(value as f32);
        let factor = self.config.schedule.factor(self.epochs, self.config.epochs);
        let [s, u] = &mut self.state;
        // The step, and its derivative by the gradient where that differs between weights.
        let (step, rate) = match self.config.optimizer {
            Optimizer::Sgd { lr, momentum } => {
                *s = ((&*s * single(momentum))? + g)?;
                ((&*s * (lr * factor))?, None)
            }
            Optimizer::Adagrad { lr, eps } => {
                *s = (&*s + g.sqr()?)?;
                let rate = ((&*s + eps)?.sqrt()?.recip()? * (lr * factor))?;
                ((g * &rate)?, Some(rate))
            }
            Optimizer::Adadelta { lr, rho, eps } => {
                let rho = single(rho);
                *s = ((&*s * rho)? + (g.sqr()? * (1.0 - rho))?)?;
                let rate = ((&*u + eps)? / (&*s + eps)?)?.sqrt()?;
                let step = (g * &rate)?;
                *u = ((&*u * rho)? + (step.sqr()? * (1.0 - rho))?)?;
                ((step * (lr * factor))?, Some((rate * (lr * factor))?))
            }
            Optimizer::Adam { lr, beta1, beta2, eps } => {
                let (decay1, decay2) = (single(beta1), single(beta2));
                *s = ((&*s * decay1)? + (g * (1.0 - decay1))?)?;
                *u = ((&*u * decay2)? + (g.sqr()? * (1.0 - decay2))?)?;
                let unbiased = |beta: f64| 1.0 / (1.0 - beta.powf(self.steps as f64));
                let scale = ((&*u * unbiased(beta2))?.sqrt()? + eps)?;
                let rate = (scale.recip()? * (lr * factor))?;
                ((&*s * unbiased(beta1))?.mul(&rate)?, Some(rate))
            }
        };
        if let Some(rate) = rate {
            let largest: f64 = g.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar()?;
            self.slack = (&self.slack + (rate * (largest * f64::from(f32::EPSILON) / 2.0))?)?;
        }
        self.params.set(&(self.params.as_detached_tensor() - step)?)
    }

    /// Mean NLL under the first evaluated mask, nats.
    fn score(&self, images: &Images) -> Result<f64> {
        const PART: usize = 1000;
        let mut total = 0.0;
        for first in (0..images.count()).step_by(PART) {
            let part = first..images.count().min(first + PART);
            let x = self.rows(images, part.clone())?;
            let classes = part.map(|i| images.example(i).class);
            let losses = self.scored.nll_given(&self.params.as_detached_tensor(), &x, classes)?;
            total += losses.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
        }
        Ok(total / images.count() as f64)
    }

    /// Values of the images with these indices.
    fn rows(&self, images: &Images, indices: impl Iterator<Item = usize>) -> Result<Tensor> {
        let mut values = Vec::new();
        for i in indices {
            match images.values(i) {
                Row::Levels(levels) => values.extend(levels.iter().map(|&level| f64::from(level))),
                Row::Real(numbers) => values.extend(numbers.iter().map(|&x| f64::from(x))),
            }
        }
        self.tensor(values, images.dim())
    }

    fn tensor(&self, values: Vec<f64>, dim: usize) -> Result<Tensor> {
        let count = values.len() / dim;
        Tensor::from_vec(values, (count, dim), &Device::Cpu)?.to_dtype(self.dtype)
    }
}

/// Distance of the values of a run from those of the same training in double precision.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Distance {
    /// Largest distance of the run; if `slack` explains part of some distances, that of the value
    /// that exceeds its slack the most.
    pub run: f64,
    /// Part of `run` that is explained for this value alone (see `ReferenceTrainer::slack`).
    pub slack: f64,
    /// Largest distance of candle in single precision: the effect of rounding alone on this
    /// training.
    pub rounding: f64,
    /// Largest absolute value.
    pub scale: f64,
}

impl Distance {
    /// Takes one value of a run into account; `slack` of its distance is explained for this value
    /// alone.
    fn see(&mut self, run: f64, single: f64, double: f64, slack: f64) {
        let distance = (run - double).abs();
        let (beyond, before) = (distance - slack, self.run - self.slack);
        // NaN exceeds every bound, and remains the result.
        if beyond > before || beyond.is_nan() || (self.run == 0.0 && self.slack == 0.0) {
            (self.run, self.slack) = (distance, slack);
        }
        self.rounding = larger(self.rounding, (single - double).abs());
        self.scale = larger(self.scale, double.abs());
    }

    /// Largest distance that rounding explains. Kernels and candle round in different places, so
    /// that their distances from double precision are of one order but not equal (first term). The
    /// second term covers storing and a few roundings of the largest value, the third the effect of
    /// an adaptive rule on a rounded gradient.
    pub fn bound(&self) -> f64 {
        20.0 * self.rounding + 1e-6 * (1.0 + self.scale) + self.slack
    }

    /// True if rounding explains the distance.
    pub fn is_explained(&self) -> bool {
        self.run <= self.bound()
    }
}

/// The larger of two values; NaN counts as larger than any.
fn larger(a: f64, b: f64) -> f64 {
    if a >= b || a.is_nan() { a } else { b }
}

/// Comparison of a run with the same training by candle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Comparison {
    /// Distance over training, validation and test NLL of every epoch, nats.
    pub nll: Distance,
    /// Distance over the weights of the best epoch.
    pub weights: Distance,
}

/// Trains in both precisions for as many epochs as the run has in `epochs`, and compares; `trained`
/// is the run's model.
pub fn compare(
    mut single: ReferenceTrainer,
    mut double: ReferenceTrainer,
    epochs: &[EpochLosses],
    best_epoch: usize,
    trained: &Made,
) -> Result<Comparison> {
    let numbers = |row: &EpochLosses| [row.train_nll_nats, row.valid_nll_nats, row.test_nll_nats];
    let mut comparison = Comparison::default();
    for row in epochs {
        let by_candle = numbers(&single.epoch()?).into_iter().zip(numbers(&double.epoch()?));
        for (run, (single, double)) in numbers(row).into_iter().zip(by_candle) {
            comparison.nll.see(run, single, double, 0.0);
        }
        if row.epoch == best_epoch {
            let (single, double, slack) =
                (single.parameters()?, double.parameters()?, double.slack()?);
            trained.read(|params| {
                for (i, &run) in params.iter().enumerate() {
                    comparison.weights.see(f64::from(run), single[i], double[i], slack[i]);
                }
            });
        }
    }
    Ok(comparison)
}
