//! Update rules, in place on slices of parameters and of the optimiser's own state.

use serde::{Deserialize, Serialize};

use crate::made::kernels::vectorized::vectorized;

/// Update rule of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimizer {
    /// Stochastic gradient descent: `m = momentum m + g; p -= lr m` (Polyak 1964).
    Sgd {
        /// Learning rate.
        lr: f64,
        /// 0 = none.
        #[serde(default)]
        momentum: f64,
    },
    /// AdaGrad (Duchi et al. 2011): `s += g^2; p -= lr g / sqrt(s + eps)`, epsilon inside as in the original MADE.
    Adagrad {
        /// Learning rate.
        lr: f64,
        /// Added to the sum of squares.
        #[serde(default = "adagrad_eps")]
        eps: f64,
    },
    /// AdaDelta (Zeiler 2012): `d = g sqrt(u + eps) / sqrt(s + eps)` with u, s running means of d^2 and g^2.
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

/// An update rule at one step, its constants worked out.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    rule: Rule,
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    Sgd { lr: f32 },
    Momentum { lr: f32, momentum: f32 },
    Adagrad { lr: f32, eps: f32 },
    Adadelta { lr: f32, rho: f32, eps: f32 },
    Adam { step: f32, beta1: f32, beta2: f32, root: f32, eps: f32 },
}

impl Optimizer {
    /// Arrays of state a parameter: how many of the two passed to [`Update::apply`] are used.
    pub fn states(self) -> usize {
        match self {
            Self::Sgd { momentum: 0.0, .. } => 0,
            Self::Sgd { .. } | Self::Adagrad { .. } => 1,
            Self::Adadelta { .. } | Self::Adam { .. } => 2,
        }
    }

    /// The rule at step `step` (from 1), its learning rate multiplied by `factor`.
    pub fn at(self, step: u64, factor: f64) -> Update {
        let rule = match self {
            Self::Sgd { lr, momentum: 0.0 } => Rule::Sgd { lr: (lr * factor) as f32 },
            Self::Sgd { lr, momentum } => Rule::Momentum { lr: (lr * factor) as f32, momentum: momentum as f32 },
            Self::Adagrad { lr, eps } => Rule::Adagrad { lr: (lr * factor) as f32, eps: eps as f32 },
            Self::Adadelta { lr, rho, eps } => {
                Rule::Adadelta { lr: (lr * factor) as f32, rho: rho as f32, eps: eps as f32 }
            }
            Self::Adam { lr, beta1, beta2, eps } => {
                let steps = step as f64;
                Rule::Adam {
                    step: (lr * factor / (1.0 - beta1.powf(steps))) as f32,
                    beta1: beta1 as f32,
                    beta2: beta2 as f32,
                    root: (1.0 / (1.0 - beta2.powf(steps)).sqrt()) as f32,
                    eps: eps as f32,
                }
            }
        };
        Update { rule }
    }
}

impl Update {
    /// Updates parameters `p` by gradients `g`; `s` and `u` are the rule's state, empty where it has none.
    #[inline(always)]
    fn segment(self, p: &mut [f32], g: &[f32], s: &mut [f32], u: &mut [f32]) {
        match self.rule {
            Rule::Sgd { lr } => {
                for (p, &g) in p.iter_mut().zip(g) {
                    *p -= lr * g;
                }
            }
            Rule::Momentum { lr, momentum } => {
                for ((p, &g), m) in p.iter_mut().zip(g).zip(s) {
                    *m = momentum * *m + g;
                    *p -= lr * *m;
                }
            }
            Rule::Adagrad { lr, eps } => {
                for ((p, &g), s) in p.iter_mut().zip(g).zip(s) {
                    *s += g * g;
                    *p -= lr * g / (*s + eps).sqrt();
                }
            }
            Rule::Adadelta { lr, rho, eps } => {
                for (((p, &g), s), u) in p.iter_mut().zip(g).zip(s).zip(u) {
                    *s = rho * *s + (1.0 - rho) * (g * g);
                    let d = g * ((*u + eps) / (*s + eps)).sqrt();
                    *u = rho * *u + (1.0 - rho) * (d * d);
                    *p -= lr * d;
                }
            }
            Rule::Adam { step, beta1, beta2, root, eps } => {
                for (((p, &g), m), v) in p.iter_mut().zip(g).zip(s).zip(u) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * (g * g);
                    *p -= step * *m / (v.sqrt() * root + eps);
                }
            }
        }
    }

    /// Updates the leading `prefix[r]` of each row r of matrices `cols` wide.
    pub fn rows(self, prefix: &[u32], cols: usize, p: &mut [f32], g: &[f32], state: [&mut [f32]; 2]) {
        update_rows(self, prefix, cols, p, g, state);
    }

    /// Updates all of an array.
    pub fn all(self, p: &mut [f32], g: &[f32], state: [&mut [f32]; 2]) {
        update_all(self, p, g, state);
    }
}

vectorized! {
    fn update_rows(update: Update, prefix: &[u32], cols: usize, p: &mut [f32], g: &[f32], state: [&mut [f32]; 2]) {
        let [s, u] = state;
        for (r, &seen) in prefix.iter().enumerate() {
            let row = r * cols..r * cols + seen as usize;
            let (s, u) = (part(s, &row), part(u, &row));
            update.segment(&mut p[row.clone()], &g[row], s, u);
        }
    }

    fn update_all(update: Update, p: &mut [f32], g: &[f32], state: [&mut [f32]; 2]) {
        let [s, u] = state;
        update.segment(p, g, s, u);
    }
}

/// A part of an array of state, empty where the rule has none.
#[inline(always)]
pub fn part<'a>(state: &'a mut [f32], range: &std::ops::Range<usize>) -> &'a mut [f32] {
    if state.is_empty() { state } else { &mut state[range.clone()] }
}
