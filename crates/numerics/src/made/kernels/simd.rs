//! Vectors of sixteen `f32`, on any instruction set.
//!
//! A kernel is a [`WithSimd`] written once over [`Simd`] and compiled for each
//! [`Level`](super::level::Level). The token of type `S: Simd` proves that the CPU has the
//! instruction set: it is obtained by detection only, vectors are made by it, and so the intrinsics
//! behind a safe method are always available. All vectors have [`LANES`] elements, held in one
//! register, in two, or in as many as the compiler needs, so that the order of additions does not
//! depend on the width of registers. Operations are correctly rounded, and none adds two lanes: an
//! element has the same bits on every level with a fused multiply-add.

#![expect(
    unsafe_code,
    reason = "intrinsics, whose instruction set a token proves, and views of `F32x16`"
)]

use std::ops::{Add, Div, Mul, Sub};

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// Elements of a vector.
pub(crate) const LANES: usize = 16;

/// Vector in memory: sixteen `f32`, aligned to a cache line, as the widest load requires.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct F32x16(pub(crate) [f32; LANES]);

/// Elements of some vectors.
pub(crate) fn as_scalars(vectors: &[F32x16]) -> &[f32] {
    // SAFETY: an `F32x16` is sixteen `f32` and, at 64 bytes aligned to 64, has no padding.
    unsafe { std::slice::from_raw_parts(vectors.as_ptr().cast(), vectors.len() * LANES) }
}

/// Mutable elements of some vectors.
pub(crate) fn as_scalars_mut(vectors: &mut [F32x16]) -> &mut [f32] {
    let len = vectors.len() * LANES;
    // SAFETY: as above, and every `f32` is valid in an `F32x16`.
    unsafe { std::slice::from_raw_parts_mut(vectors.as_mut_ptr().cast(), len) }
}

/// Prefetches values into the nearest cache; a hint without effect on results.
pub(crate) fn prefetch_values<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    values
        .chunks(size_of::<F32x16>() / size_of::<T>())
        .for_each(|line| x86::prefetch_line(line.as_ptr().cast()));
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Token of an instruction set: proves that the CPU has it.
pub(crate) trait Simd: Copy {
    /// Vector in registers.
    type Vector: Vector;
    /// True if registers hold two dozen vectors (MR x NR accumulators), false if half a dozen.
    const MANY_REGISTERS: bool;

    /// Loads a vector.
    fn load(self, from: &F32x16) -> Self::Vector;
    /// Vector of one value in all lanes.
    fn splat(self, value: f32) -> Self::Vector;
    /// Prefetches a vector into the nearest cache; a hint without effect on results.
    fn prefetch(self, vector: &F32x16);
    /// Runs `work` in a function of its own, which is not inlined: the register allocator then sees
    /// nothing but the micro-kernel.
    fn call_outlined<W: WithSimd>(self, work: W) -> W::Output;

    /// Transposes a block of 16 x 16 elements.
    #[inline(always)]
    fn transpose(self, rows: [Self::Vector; LANES]) -> [Self::Vector; LANES] {
        let (mut block, mut columns) = ([F32x16::default(); LANES], rows);
        for (to, row) in block.iter_mut().zip(rows) {
            row.store(to);
        }
        for (i, column) in columns.iter_mut().enumerate() {
            let mut vector = F32x16::default();
            for (to, row) in vector.0.iter_mut().zip(&block) {
                *to = row.0[i];
            }
            *column = self.load(&vector);
        }
        columns
    }

    /// Gathers elements of `from` by index.
    #[inline(always)]
    fn gather(self, from: &[F32x16], indices: &[u32; LANES]) -> Self::Vector {
        let mut vector = F32x16::default();
        vector
            .0
            .iter_mut()
            .zip(indices)
            .for_each(|(to, &i)| *to = as_scalars(from)[i as usize]);
        self.load(&vector)
    }
}

/// Sixteen `f32` in registers. Operators work lane by lane and round correctly.
pub(crate) trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// `self * factor + addend`, rounded once; twice on a CPU without FMA.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Stores the vector.
    fn store(self, to: &mut F32x16);
}

/// Work that is compiled for every instruction set. `with_simd` and all that it calls must be
/// `#[inline(always)]`, or they are compiled for the target's default instruction set.
pub(crate) trait WithSimd {
    /// Result of the work.
    type Output;
    /// Does the work by the instructions of a token.
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output;
}

/// Token of the instructions that the compilation target guarantees: sixteen `f32` left to
/// autovectorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

impl Simd for Portable {
    type Vector = PortableVector;
    const MANY_REGISTERS: bool = cfg!(target_arch = "aarch64");

    #[inline(always)]
    fn load(self, from: &F32x16) -> PortableVector {
        PortableVector(from.0)
    }
    #[inline(always)]
    fn splat(self, value: f32) -> PortableVector {
        PortableVector([value; LANES])
    }
    #[inline(always)]
    fn prefetch(self, _: &F32x16) {}
    #[inline(always)]
    fn call_outlined<W: WithSimd>(self, work: W) -> W::Output {
        work.with_simd(self)
    }
}

/// Vector of [`Portable`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct PortableVector([f32; LANES]);

/// Implements an operator lane by lane.
macro_rules! lane_by_lane {
    ($($trait:ident $method:ident $assign:tt)*) => {$(
        impl $trait for PortableVector {
            type Output = Self;
            #[inline(always)]
            fn $method(mut self, other: Self) -> Self {
                for i in 0..LANES {
                    self.0[i] $assign other.0[i];
                }
                self
            }
        }
    )*};
}

lane_by_lane! { Add add += Sub sub -= Mul mul *= Div div /= }

impl Vector for PortableVector {
    #[inline(always)]
    fn mul_add(self, factor: Self, mut addend: Self) -> Self {
        for i in 0..LANES {
            // Without the instruction, `f32::mul_add` is a slow library call.
            addend.0[i] = if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
                self.0[i].mul_add(factor.0[i], addend.0[i])
            } else {
                addend.0[i] + self.0[i] * factor.0[i]
            };
        }
        addend
    }
    #[inline(always)]
    fn sqrt(mut self) -> Self {
        for i in 0..LANES {
            self.0[i] = self.0[i].sqrt();
        }
        self
    }
    #[inline(always)]
    fn store(self, to: &mut F32x16) {
        to.0 = self.0;
    }
}
