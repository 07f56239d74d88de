//! Update rules as an experiment names them.

use serde::{Deserialize, Serialize};

use crate::made::kernels::update::UpdateRule;

/// Update rule of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent: `m = momentum m + g; p -= lr m` (Polyak 1964).
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Decay of the sum of gradients; 0 = no momentum.
        #[serde(default)]
        momentum: f64,
    },
    /// AdaGrad (Duchi et al. 2011): `s += g^2; p -= lr g / sqrt(s + eps)`, epsilon inside as in the
    /// original MADE.
    Adagrad {
        /// Learning rate.
        lr: f64,
        /// Added to the sum of squares.
        #[serde(default = "adagrad_eps")]
        eps: f64,
    },
    /// AdaDelta (Zeiler 2012): `d = g sqrt(u + eps) / sqrt(s + eps)` with u, s running means of d^2
    /// and g^2.
    Adadelta {
        /// Factor on the update; 1 in the original.
        #[serde(default = "adadelta_lr")]
        lr: f64,
        /// Decay of both means.
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

impl Optimizer {
    /// Number of state arrays (0, 1 or 2) as long as the parameters that the rule uses.
    pub fn states(self) -> usize {
        match self {
            Self::Sgd { momentum: 0.0, .. } => 0,
            Self::Sgd { .. } | Self::Adagrad { .. } => 1,
            Self::Adadelta { .. } | Self::Adam { .. } => 2,
        }
    }

    /// The rule at step `step` (from 1), its learning rate multiplied by `factor`.
    pub(crate) fn at(self, step: u64, factor: f64) -> UpdateRule {
        match self {
            Self::Sgd { lr, momentum: 0.0 } => UpdateRule::Sgd { lr: (lr * factor) as f32 },
            Self::Sgd { lr, momentum } => {
                UpdateRule::Momentum { lr: (lr * factor) as f32, momentum: momentum as f32 }
            }
            Self::Adagrad { lr, eps } => {
                UpdateRule::Adagrad { lr: (lr * factor) as f32, eps: eps as f32 }
            }
            Self::Adadelta { lr, rho, eps } => {
                UpdateRule::Adadelta { lr: (lr * factor) as f32, rho: rho as f32, eps: eps as f32 }
            }
            Self::Adam { lr, beta1, beta2, eps } => {
                let steps = step as f64;
                UpdateRule::Adam {
                    step: (lr * factor / (1.0 - beta1.powf(steps))) as f32,
                    beta1: beta1 as f32,
                    beta2: beta2 as f32,
                    root: (1.0 / (1.0 - beta2.powf(steps)).sqrt()) as f32,
                    eps: eps as f32,
                }
            }
        }
    }
}
