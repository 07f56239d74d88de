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
    /// Updates `N` lanes of the parameters from `at` on by the gradient `g`. All of a lane is
    /// loaded before anything of it is stored: a processor takes a store for one to the same place
    /// of a page in another array, and makes a later load wait for it.
    #[inline(always)]
    pub(super) fn lanes<L: Lanes, const N: usize>(self, target: &mut Target, at: usize, g: [L; N]) {
        let Target { p, state: [s, u] } = target;
        if let Self::Record = self {
            return s[at..at + N].iter_mut().zip(g).for_each(|(s, g)| g.store(s));
        }
        let p = some::<N>(p, at);
        match self {
            Self::Record => {}
            Self::Sgd { lr } => {
                for (p, g) in p.iter_mut().zip(g) {
                    L::load(p).sub(L::splat(lr).mul(g)).store(p);
                }
            }
            Self::Momentum { lr, momentum } => {
                for ((p, m), g) in p.iter_mut().zip(some::<N>(s, at)).zip(g) {
                    let (weight, moment) = (L::load(p), L::splat(momentum).mul(L::load(m)).add(g));
                    moment.store(m);
                    weight.sub(L::splat(lr).mul(moment)).store(p);
                }
            }
            Self::Adagrad { lr, eps } => {
                for ((p, s), g) in p.iter_mut().zip(some::<N>(s, at)).zip(g) {
                    let (weight, squares) = (L::load(p), L::load(s).add(g.mul(g)));
                    let root = squares.add(L::splat(eps)).sqrt();
                    squares.store(s);
                    weight.sub(L::splat(lr).mul(g).div(root)).store(p);
                }
            }
            Self::Adadelta { lr, rho, eps } => {
                let (keep, new, eps) = (L::splat(rho), L::splat(1.0 - rho), L::splat(eps));
                for (((p, s), u), g) in
                    p.iter_mut().zip(some::<N>(s, at)).zip(some::<N>(u, at)).zip(g)
                {
                    let (weight, squares, updates) = (L::load(p), L::load(s), L::load(u));
                    let squares = keep.mul(squares).add(new.mul(g.mul(g)));
                    let d = g.mul(updates.add(eps).div(squares.add(eps)).sqrt());
                    squares.store(s);
                    keep.mul(updates).add(new.mul(d.mul(d))).store(u);
                    weight.sub(L::splat(lr).mul(d)).store(p);
                }
            }
            Self::Adam { step, beta1, beta2, root, eps } => {
                let (keep, new) = (L::splat(beta1), L::splat(1.0 - beta1));
                let (keep_squares, new_squares) = (L::splat(beta2), L::splat(1.0 - beta2));
                for (((p, m), v), g) in
                    p.iter_mut().zip(some::<N>(s, at)).zip(some::<N>(u, at)).zip(g)
                {
                    let (weight, first, second) = (L::load(p), L::load(m), L::load(v));
                    let first = keep.mul(first).add(new.mul(g));
                    let second = keep_squares.mul(second).add(new_squares.mul(g.mul(g)));
                    let scale = second.sqrt().mul(L::splat(root)).add(L::splat(eps));
                    first.store(m);
                    second.store(v);
                    weight.sub(L::splat(step).mul(first).div(scale)).store(p);
                }
            }
        }
    }
}

/// `N` lanes from `at` on.
#[inline(always)]
fn some<const N: usize>(lanes: &mut [Lane], at: usize) -> &mut [Lane; N] {
    (&mut lanes[at..at + N]).try_into().expect("as many as asked for")
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
        Target {
            state: [part(s, &range), part(u, &range)],
            p: &mut self.p[range],
        }
    }

    /// Asks for a lane to be at hand soon.
    #[inline(always)]
    pub(super) fn prefetch<L: Lanes>(&self, at: usize) {
        for array in [&*self.p, &*self.state[0], &*self.state[1]] {
            array.get(at).into_iter().for_each(L::prefetch);
        }
    }
}
