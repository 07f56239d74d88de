//! Update rules, in place on parameters and the optimiser's own arrays.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, flat, flat_mut};
use crate::made::kernels::sheet::{Sheet, share};
use crate::made::kernels::team::Team;

/// An update rule at one step, its constants worked out.
#[derive(Debug, Clone, Copy)]
pub enum Update {
    /// `s = g`; the parameters stay. Not an optimiser: how a gradient is asked for.
    Record,
    /// `p -= lr g`
    Sgd {
        /// Learning rate.
        lr: f32,
    },
    /// `s = momentum s + g; p -= lr s`
    Momentum {
        /// Learning rate.
        lr: f32,
        /// Decay of the sum.
        momentum: f32,
    },
    /// `s += g^2; p -= lr g / sqrt(s + eps)`
    Adagrad {
        /// Learning rate.
        lr: f32,
        /// Added to the sum of squares.
        eps: f32,
    },
    /// `s = rho s + (1 - rho) g^2; d = g sqrt((u + eps) / (s + eps)); u = rho u + (1 - rho) d^2; p -= lr d`
    Adadelta {
        /// Factor on the update.
        lr: f32,
        /// Decay of both means.
        rho: f32,
        /// Added inside the roots.
        eps: f32,
    },
    /// `s = beta1 s + (1 - beta1) g; u = beta2 u + (1 - beta2) g^2; p -= step s / (root sqrt(u) + eps)`
    Adam {
        /// Learning rate over the first moment's bias.
        step: f32,
        /// Decay of the first moment.
        beta1: f32,
        /// Decay of the second moment.
        beta2: f32,
        /// One over the root of the second moment's bias.
        root: f32,
        /// Added to the root of the second moment.
        eps: f32,
    },
}

impl Update {
    /// Updates parameters `p` by gradients `g`; `s` and `u` are the rule's arrays, empty where it has none.
    #[inline(always)]
    pub fn apply(self, p: &mut [f32], g: &[f32], s: &mut [f32], u: &mut [f32]) {
        match self {
            Self::Record => s.copy_from_slice(g),
            Self::Sgd { lr } => {
                for (p, &g) in p.iter_mut().zip(g) {
                    *p -= lr * g;
                }
            }
            Self::Momentum { lr, momentum } => {
                for ((p, &g), m) in p.iter_mut().zip(g).zip(s) {
                    *m = momentum * *m + g;
                    *p -= lr * *m;
                }
            }
            Self::Adagrad { lr, eps } => {
                for ((p, &g), s) in p.iter_mut().zip(g).zip(s) {
                    *s += g * g;
                    *p -= lr * g / (*s + eps).sqrt();
                }
            }
            Self::Adadelta { lr, rho, eps } => {
                for (((p, &g), s), u) in p.iter_mut().zip(g).zip(s).zip(u) {
                    *s = rho * *s + (1.0 - rho) * (g * g);
                    let d = g * ((*u + eps) / (*s + eps)).sqrt();
                    *u = rho * *u + (1.0 - rho) * (d * d);
                    *p -= lr * d;
                }
            }
            Self::Adam { step, beta1, beta2, root, eps } => {
                for (((p, &g), m), v) in p.iter_mut().zip(g).zip(s).zip(u) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * (g * g);
                    *p -= step * *m / (v.sqrt() * root + eps);
                }
            }
        }
    }

    /// Updates `lanes` of the row that begins at `row` by the gradient `g`, from number `from` of the row on. What lies
    /// before is closed: its gradient counts as zero, and a weight that is zero so stays.
    #[inline(always)]
    pub(super) fn lanes(self, target: &mut Target, row: usize, lanes: Range<usize>, from: usize, g: &mut [Lane]) {
        let start = lanes.start.max(from / WIDTH);
        let Some(g) = g.get_mut(start - lanes.start..).filter(|g| !g.is_empty()) else { return };
        let g = flat_mut(g);
        g[..from.saturating_sub(start * WIDTH)].fill(0.0);
        let range = row + start..row + lanes.end;
        let [s, u] = &mut target.state;
        self.apply(flat_mut(&mut target.p[range.clone()]), g, flat_mut(part(s, &range)), flat_mut(part(u, &range)));
    }
}

/// A part of an array of the optimiser, empty where the rule has none.
#[inline(always)]
pub fn part<'a>(state: &'a mut [Lane], range: &Range<usize>) -> &'a mut [Lane] {
    if state.is_empty() { state } else { &mut state[range.clone()] }
}

/// Parameters, and the optimiser's arrays for them: what an update changes.
#[derive(Debug)]
pub struct Target<'a> {
    /// Parameters.
    pub p: &'a mut [Lane],
    /// Arrays as long, or empty.
    pub state: [&'a mut [Lane]; 2],
}

impl<'a> Target<'a> {
    /// A range of it.
    pub fn part(&mut self, range: Range<usize>) -> Target<'_> {
        let [s, u] = &mut self.state;
        Target { state: [part(s, &range), part(u, &range)], p: &mut self.p[range] }
    }

    /// Its rows, cut so that a team has enough to share.
    pub fn parts(self, sheet: Sheet, team: &Team) -> impl Iterator<Item = (Range<usize>, Target<'a>)> {
        let rows = share(sheet.rows, team.threads());
        let size = rows * sheet.stride();
        let [s, u] = self.state;
        let (mut s, mut u) = (s.chunks_mut(size), u.chunks_mut(size));
        self.p.chunks_mut(size).enumerate().map(move |(i, p)| {
            let state = [s.next().unwrap_or_default(), u.next().unwrap_or_default()];
            (i * rows..sheet.rows.min((i + 1) * rows), Target { p, state })
        })
    }

    /// Asks for some lanes to be at hand soon.
    #[inline(always)]
    pub(super) fn prefetch<L: Lanes>(&self, at: usize, count: usize) {
        for array in [&*self.p, &*self.state[0], &*self.state[1]] {
            array.get(at..at + count).unwrap_or_default().iter().for_each(L::prefetch);
        }
    }

    /// Updates all of it by gradients `g`.
    pub fn all(self, update: Update, g: &[Lane]) {
        let [s, u] = self.state;
        all(update, flat_mut(self.p), flat(g), flat_mut(s), flat_mut(u));
    }
}

crate::made::kernels::vectorized::vectorized! {
    fn all(update: Update, p: &mut [f32], g: &[f32], s: &mut [f32], u: &mut [f32]) {
        update.apply(p, g, s, u);
    }
}
