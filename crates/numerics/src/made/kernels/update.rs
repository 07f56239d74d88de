//! Update rules, in place on parameters and the optimiser's own arrays.

use std::ops::Range;

use crate::made::kernels::simd::{F32x16, Simd, Vector};

/// Update rule at one step, with its constants evaluated: `p` parameters, `g` their gradient, `s`
/// and `u` the state.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UpdateRule {
    /// `s = g`, and parameters do not change. Not an optimiser: the way to read a gradient.
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
    /// `s = rho s + (1 - rho) g^2; d = g sqrt((u + eps) / (s + eps)); u = rho u + (1 - rho) d^2; p
    /// -= lr d`
    Adadelta {
        /// Factor on the update.
        lr: f32,
        /// Decay of both means.
        rho: f32,
        /// Added inside the roots.
        eps: f32,
    },
    /// `s = beta1 s + (1 - beta1) g; u = beta2 u + (1 - beta2) g^2; p -= step s / (root sqrt(u) +
    /// eps)`
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

impl UpdateRule {
    /// Updates `N` vectors of the parameters from `at` on by the gradient `g`.
    ///
    /// Everything is loaded before anything is stored: a CPU compares only the low bits of
    /// addresses, takes the store for one to the same place of a page in another array, and makes
    /// the later load wait (4K aliasing).
    #[inline(always)]
    pub(super) fn apply<S: Simd, const N: usize>(
        self,
        simd: S,
        target: &mut UpdateTarget,
        at: usize,
        g: [S::Vector; N],
    ) {
        let UpdateTarget { p, state: [s, u] } = target;
        if let Self::Record = self {
            return s[at..at + N].iter_mut().zip(g).for_each(|(s, g)| g.store(s));
        }
        let p = vectors::<N>(p, at);
        match self {
            Self::Record => {}
            Self::Sgd { lr } => {
                for (p, g) in p.iter_mut().zip(g) {
                    (simd.load(p) - simd.splat(lr) * g).store(p);
                }
            }
            Self::Momentum { lr, momentum } => {
                for ((p, m), g) in p.iter_mut().zip(vectors::<N>(s, at)).zip(g) {
                    let (weight, moment) = (simd.load(p), simd.splat(momentum) * simd.load(m) + g);
                    moment.store(m);
                    (weight - simd.splat(lr) * moment).store(p);
                }
            }
            Self::Adagrad { lr, eps } => {
                for ((p, s), g) in p.iter_mut().zip(vectors::<N>(s, at)).zip(g) {
                    let (weight, squares) = (simd.load(p), simd.load(s) + g * g);
                    let root = (squares + simd.splat(eps)).sqrt();
                    squares.store(s);
                    (weight - simd.splat(lr) * g / root).store(p);
                }
            }
            Self::Adadelta { lr, rho, eps } => {
                let (decay, new) = (simd.splat(rho), simd.splat(1.0 - rho));
                let eps = simd.splat(eps);
                for (((p, s), u), g) in
                    p.iter_mut().zip(vectors::<N>(s, at)).zip(vectors::<N>(u, at)).zip(g)
                {
                    let (weight, squares, updates) = (simd.load(p), simd.load(s), simd.load(u));
                    let squares = decay * squares + new * (g * g);
                    let d = g * ((updates + eps) / (squares + eps)).sqrt();
                    squares.store(s);
                    (decay * updates + new * (d * d)).store(u);
                    (weight - simd.splat(lr) * d).store(p);
                }
            }
            Self::Adam { step, beta1, beta2, root, eps } => {
                let (decay, new) = (simd.splat(beta1), simd.splat(1.0 - beta1));
                let (decay_squares, new_squares) = (simd.splat(beta2), simd.splat(1.0 - beta2));
                for (((p, m), v), g) in
                    p.iter_mut().zip(vectors::<N>(s, at)).zip(vectors::<N>(u, at)).zip(g)
                {
                    let (weight, first, second) = (simd.load(p), simd.load(m), simd.load(v));
                    let first = decay * first + new * g;
                    let second = decay_squares * second + new_squares * (g * g);
                    let scale = second.sqrt() * simd.splat(root) + simd.splat(eps);
                    first.store(m);
                    second.store(v);
                    (weight - simd.splat(step) * first / scale).store(p);
                }
            }
        }
    }
}

/// `N` vectors from `at` on.
#[inline(always)]
fn vectors<const N: usize>(array: &mut [F32x16], at: usize) -> &mut [F32x16; N] {
    (&mut array[at..at + N]).try_into().expect("as many as the range has")
}

/// Parameters with the optimiser's state: the arrays that an update changes.
#[derive(Debug)]
pub(crate) struct UpdateTarget<'a> {
    /// Parameters.
    pub(crate) p: &'a mut [F32x16],
    /// State, two arrays as long as the parameters, or empty where the rule has no use for them.
    pub(crate) state: [&'a mut [F32x16]; 2],
}

impl UpdateTarget<'_> {
    /// The part of all arrays in a range of vectors.
    pub(crate) fn part(&mut self, range: Range<usize>) -> UpdateTarget<'_> {
        let [s, u] = &mut self.state;
        UpdateTarget {
            state: [state_part(s, &range), state_part(u, &range)],
            p: &mut self.p[range],
        }
    }

    /// Prefetches vector `at` of all arrays.
    #[inline(always)]
    pub(super) fn prefetch<S: Simd>(&self, simd: S, at: usize) {
        for array in [&*self.p, &*self.state[0], &*self.state[1]] {
            array.get(at).into_iter().for_each(|vector| simd.prefetch(vector));
        }
    }
}

/// A part of a state array, which may be empty.
fn state_part<'a>(state: &'a mut [F32x16], range: &Range<usize>) -> &'a mut [F32x16] {
    if state.is_empty() { state } else { &mut state[range.clone()] }
}
