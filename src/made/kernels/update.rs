//! Update rules, in place on parameters and the optimiser's own arrays.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes};

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
    /// Updates lane `at` of the parameters by the gradient `g`.
    #[inline(always)]
    pub(super) fn lane<L: Lanes>(self, target: &mut Target, at: usize, g: L) {
        let Target { p, state: [s, u] } = target;
        match self {
            Self::Record => g.store(&mut s[at]),
            Self::Sgd { lr } => {
                let p = &mut p[at];
                L::load(p).sub(L::splat(lr).mul(g)).store(p);
            }
            Self::Momentum { lr, momentum } => {
                let (p, m) = (&mut p[at], &mut s[at]);
                let moment = L::splat(momentum).mul(L::load(m)).add(g);
                moment.store(m);
                L::load(p).sub(L::splat(lr).mul(moment)).store(p);
            }
            Self::Adagrad { lr, eps } => {
                let (p, s) = (&mut p[at], &mut s[at]);
                let squares = L::load(s).add(g.mul(g));
                squares.store(s);
                let root = squares.add(L::splat(eps)).sqrt();
                L::load(p).sub(L::splat(lr).mul(g).div(root)).store(p);
            }
            Self::Adadelta { lr, rho, eps } => {
                let (p, s, u) = (&mut p[at], &mut s[at], &mut u[at]);
                let (keep, new, eps) = (L::splat(rho), L::splat(1.0 - rho), L::splat(eps));
                let squares = keep.mul(L::load(s)).add(new.mul(g.mul(g)));
                squares.store(s);
                let d = g.mul(L::load(u).add(eps).div(squares.add(eps)).sqrt());
                keep.mul(L::load(u)).add(new.mul(d.mul(d))).store(u);
                L::load(p).sub(L::splat(lr).mul(d)).store(p);
            }
            Self::Adam { step, beta1, beta2, root, eps } => {
                let (p, m, v) = (&mut p[at], &mut s[at], &mut u[at]);
                let first = L::splat(beta1).mul(L::load(m)).add(L::splat(1.0 - beta1).mul(g));
                first.store(m);
                let second = L::splat(beta2).mul(L::load(v)).add(L::splat(1.0 - beta2).mul(g.mul(g)));
                second.store(v);
                let scale = second.sqrt().mul(L::splat(root)).add(L::splat(eps));
                L::load(p).sub(L::splat(step).mul(first).div(scale)).store(p);
            }
        }
    }
}

/// A part of an array of the optimiser, empty where the rule has none.
fn part<'a>(state: &'a mut [Lane], range: &Range<usize>) -> &'a mut [Lane] {
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

impl Target<'_> {
    /// A range of it.
    pub fn part(&mut self, range: Range<usize>) -> Target<'_> {
        let [s, u] = &mut self.state;
        Target { state: [part(s, &range), part(u, &range)], p: &mut self.p[range] }
    }

    /// Asks for a lane to be at hand soon.
    #[inline(always)]
    pub(super) fn prefetch<L: Lanes>(&self, at: usize) {
        for array in [&*self.p, &*self.state[0], &*self.state[1]] {
            array.get(at).into_iter().for_each(L::prefetch);
        }
    }
}
