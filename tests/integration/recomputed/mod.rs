//! Runs recomputed without the kernels: scores from a run's directory by a script, training by
//! autograd.

mod kinds;
mod reference;
mod rescore;
