//! Training: minibatches, optimisers, early stopping on validation.

use serde::{Deserialize, Serialize};

/// `[train]` of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Update rule and its constants.
    pub optimizer: Optimizer,
    /// How the learning rate moves over the epochs.
    pub schedule: Schedule,
    /// Images a minibatch; the last one of an epoch holds the rest.
    pub batch: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// Minibatches between two masks of the cycle.
    pub remask_every: usize,
    /// Epochs without a better validation NLL before stopping; 0 = never.
    pub patience: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
            schedule: Schedule::Constant,
            batch: 100,
            epochs: 20,
            remask_every: 1,
            patience: 0,
        }
    }
}

fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}
fn adam_eps() -> f64 {
    1e-8
}
fn adagrad_eps() -> f64 {
    1e-6
}
fn adadelta_rho() -> f64 {
    0.95
}
fn adadelta_lr() -> f64 {
    1.0
}
fn adadelta_eps() -> f64 {
    1e-6
}

/// Update rule of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Plain stochastic gradient descent, with momentum if given.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Momentum (Polyak 1964); 0 = none.
        #[serde(default)]
        momentum: f64,
    },
    /// AdaGrad (Duchi et al. 2011), epsilon inside the root as in the original MADE.
    Adagrad {
        /// Learning rate.
        lr: f64,
        /// Added to the sum of squares.
        #[serde(default = "adagrad_eps")]
        eps: f64,
    },
    /// AdaDelta (Zeiler 2012).
    Adadelta {
        /// Factor on the update; 1 in the original.
        #[serde(default = "adadelta_lr")]
        lr: f64,
        /// Decay of both averages.
        #[serde(default = "adadelta_rho")]
        rho: f64,
        /// Added inside both roots.
        #[serde(default = "adadelta_eps")]
        eps: f64,
    },
    /// Adam (Kingma and Ba 2015), with bias correction.
    Adam {
        /// Learning rate.
        lr: f64,
        /// Decay of the first moment.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the second moment.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Added to the root of the second moment.
        #[serde(default = "adam_eps")]
        eps: f64,
    },
}

/// How the learning rate moves: a factor on the optimiser's own, by epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Factor 1 throughout.
    Constant,
    /// Multiplied by `factor` at each of these fractions of the epochs.
    Steps {
        /// Fractions of `epochs`, in (0, 1), rising.
        at: Vec<f64>,
        /// What each step multiplies the rate by.
        factor: f64,
    },
    /// Half a cosine from 1 to 0.
    Cosine,
}
