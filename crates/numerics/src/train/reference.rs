//! Training by candle alone, to check the kernels against: autograd over `made::reference`, update
//! rules as tensor operations.
//!
//! Initial weights, masks, order and bits of the images are those of a run; everything computed
//! from them is computed another way, slowly. In double precision it has no rounding to speak of;
//! next to that, single precision shows how far rounding alone drives a training apart.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::data::{Dataset, Images};
use crate::made::masks::Masks;
use crate::made::model::Made;
use crate::made::reference::{Reference, nll};
use crate::rng::Seed;
use crate::train::trainer::{binarized, order_of};
use crate::train::{EpochRow, Optimizer, TrainConfig};

/// Masks kept as tensors at most.
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
    /// The optimiser's arrays; both are there for every rule.
    state: [Tensor; 2],
    /// How far rounding the gradients to single precision may have moved each weight by itself.
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

    /// How far the rounding of gradients alone may have moved each weight. An adaptive rule divides
    /// a gradient by the size of those before it, and so divides its rounding: a weight whose
    /// gradients are tiny moves by as much as the others, but in a direction that rounding decides.
    fn slack(&self) -> Result<Vec<f64>> {
        self.slack.to_dtype(DType::F64)?.to_vec1()
    }

    /// Trains for an epoch and scores it.
    pub fn epoch(&mut self) -> Result<EpochRow> {
        let order = order_of(self.seed, self.epochs, self.data.train.count());
        let mut loss = 0.0;
        for indices in order.chunks(self.config.batch) {
            loss += self.step(indices)?;
        }
        self.epochs += 1;
        Ok(EpochRow {
            epoch: self.epochs,
            train_nll_nats: loss / order.len() as f64,
            valid_nll_nats: self.score(&self.data.valid)?,
            test_nll_nats: self.score(&self.data.test)?,
        })
    }

    /// Trains on one minibatch, and returns the sum of its losses before the update, nats.
    pub fn step(&mut self, indices: &[u32]) -> Result<f64> {
        let train = &self.data.train;
        let pixels: Vec<u8> = if self.data.dynamic() {
            indices
                .iter()
                .flat_map(|&i| binarized(train.row(i as usize), self.seed, self.epochs, i))
                .collect()
        } else {
            indices.iter().flat_map(|&i| train.row(i as usize)).copied().collect()
        };
        let x = self.images(pixels, train.dim())?;
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
        let losses = nll(&self.engines[&mask].logits(&self.params, &x)?, &x)?;
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
        // The step, and what a unit of gradient adds to it where that differs from weight to
        // weight.
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
        for part in images.pixels().chunks(PART * images.dim()) {
            let x = self.images(part.to_vec(), images.dim())?;
            let losses = nll(&self.scored.logits(&self.params.as_detached_tensor(), &x)?, &x)?;
            total += losses.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
        }
        Ok(total / images.count() as f64)
    }

    fn images(&self, pixels: Vec<u8>, dim: usize) -> Result<Tensor> {
        let count = pixels.len() / dim;
        Tensor::from_vec(pixels, (count, dim), &Device::Cpu)?.to_dtype(self.dtype)
    }
}

/// How far the numbers of a run are from the same training in double precision.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Distance {
    /// Of the run, at most; where some of it is explained by itself, of the number that is the
    /// furthest beyond that.
    pub run: f64,
    /// How much of `run` is explained by itself.
    pub slack: f64,
    /// Of candle in single precision, at most: what rounding alone does to this training.
    pub rounding: f64,
    /// Size of the largest of these numbers.
    pub scale: f64,
}

impl Distance {
    /// Takes in one number of a run; `slack` of its distance is explained by itself.
    fn see(&mut self, run: f64, single: f64, double: f64, slack: f64) {
        let distance = (run - double).abs();
        let (beyond, before) = (distance - slack, self.run - self.slack);
        // What is no number is beyond every bound, and stays.
        if beyond > before || beyond.is_nan() || (self.run == 0.0 && self.slack == 0.0) {
            (self.run, self.slack) = (distance, slack);
        }
        self.rounding = larger(self.rounding, (single - double).abs());
        self.scale = larger(self.scale, double.abs());
    }

    /// The most that rounding explains. Kernels and candle round in other places, so their
    /// distances from double precision are of one order but not equal; the second term is what
    /// storing and a few roundings of the largest number make, the third what an adaptive rule
    /// makes of a rounded gradient.
    pub fn bound(&self) -> f64 {
        20.0 * self.rounding + 1e-6 * (1.0 + self.scale) + self.slack
    }

    /// True if rounding explains it.
    pub fn is_explained(&self) -> bool {
        self.run <= self.bound()
    }
}

/// The larger of two; NaN is larger than any.
fn larger(a: f64, b: f64) -> f64 {
    if a >= b || a.is_nan() { a } else { b }
}

/// A run held against the same training by candle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Comparison {
    /// Over training, validation and test NLL of every epoch, nats.
    pub nll: Distance,
    /// Over the weights of the best epoch.
    pub weights: Distance,
}

/// Trains in both precisions as long as the run that left these epochs did, and compares; `trained`
/// is its model.
pub fn compare(
    mut single: ReferenceTrainer,
    mut double: ReferenceTrainer,
    epochs: &[EpochRow],
    best_epoch: usize,
    trained: &Made,
) -> Result<Comparison> {
    let numbers = |row: &EpochRow| [row.train_nll_nats, row.valid_nll_nats, row.test_nll_nats];
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
