//! Processor kernels of the training step: blocked masked products, fused element-wise passes, threads of one run.
//!
//! Every kernel cuts its work into the same blocks however many threads share them, and a block is always computed by
//! one thread in one order: results do not depend on the number of threads.

pub mod elementwise;
pub mod matmul;
pub mod team;

/// Name of the instruction set that the kernels use on this processor. Numbers are bit-identical only where it agrees.
pub fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "avx2";
        }
        "sse2"
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH
    }
}
