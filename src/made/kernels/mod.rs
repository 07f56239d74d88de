//! Processor kernels of the training step: blocked masked products, fused element-wise passes, threads of one run.
//!
//! Every kernel cuts its work into the same blocks however many threads share them, and a block is always computed by
//! one thread in one order: results do not depend on the number of threads.

pub mod binary;
pub mod elementwise;
pub mod gather;
pub mod gradient;
pub mod lanes;
pub mod product;
pub mod sheet;
pub mod team;
pub mod update;
pub mod vectorized;
pub mod waiting;

/// Name of the instruction set that the kernels use on this processor. Numbers are bit-identical only where it agrees.
pub fn instruction_set() -> &'static str {
    vectorized::Level::detect().name()
}
