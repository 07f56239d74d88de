//! Processor kernels of the training step: blocked masked products, fused element-wise passes,
//! threads of one run.
//!
//! Every number that a kernel makes is made by one thread, and in one order, however work is cut
//! into blocks and however many threads share them: results do not depend on it.

pub mod binary;
pub mod elementwise;
pub mod gather;
pub mod gradient;
pub mod lanes;
pub mod product;
pub mod sheet;
pub mod team;
pub mod transpose;
pub mod update;
pub mod vectorized;
pub mod waiting;

/// Name of the instruction set that the kernels use on this processor. Numbers are bit-identical
/// only where it agrees.
pub fn instruction_set() -> &'static str {
    vectorized::Level::detect().name()
}
