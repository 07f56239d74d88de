//! Training: minibatches, update rules, early stopping on validation.

pub mod checkpoint;
pub mod optimizer;
pub mod reference;
mod step;
pub mod trainer;

use serde::{Deserialize, Serialize};

pub use optimizer::Optimizer;
pub use step::{MinibatchGradient, minibatch_gradient};

/// `[train]` of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Update rule and its constants.
    pub optimizer: Optimizer,
    /// Learning-rate schedule over the epochs.
    pub schedule: Schedule,
    /// Images per minibatch; the last minibatch of an epoch holds the rest.
    pub batch: usize,
    /// Maximum number of epochs.
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

/// Learning-rate schedule: a factor on the optimiser's rate for each epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Factor 1 throughout.
    Constant,
    /// Multiplied by `factor` at each of these fractions of the epochs.
    Steps {
        /// Fractions of `epochs`, in (0, 1), rising.
        at: Vec<f64>,
        /// Factor by which each step multiplies the rate.
        factor: f64,
    },
    /// Half a cosine from 1 to 0.
    Cosine,
}

impl Schedule {
    /// The factor in epoch `epoch` (from 0) of `epochs`.
    pub fn factor(&self, epoch: usize, epochs: usize) -> f64 {
        let done = epoch as f64 / epochs as f64;
        match self {
            Self::Constant => 1.0,
            Self::Steps { at, factor } => {
                factor.powi(at.iter().filter(|&&at| at <= done).count() as i32)
            }
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        }
    }
}

/// One epoch of a run; NLL in nats per image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochLosses {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean training loss over the epoch's minibatches, under the masks that trained them.
    pub train_nll_nats: f64,
    /// Validation NLL under the first evaluated mask.
    pub valid_nll_nats: f64,
    /// Test NLL under the first evaluated mask; never used for a choice.
    pub test_nll_nats: f64,
}
