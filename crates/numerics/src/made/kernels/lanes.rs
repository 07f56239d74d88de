//! Sixteen numbers at a time, on whatever instruction set the processor has.
//!
//! Kernels are written once over [`Lanes`] and compiled for each [`Level`]. Every number that they
//! make is one chain of fused multiply-adds in ascending order, and lanes never meet: so neither
//! the width of registers nor the way in which work is cut changes a bit. Only a processor without
//! a fused multiply-add rounds twice, and differently.

#![expect(
    unsafe_code,
    reason = "intrinsics need their instruction set, which `dispatch` has seen; and whole lanes are plain numbers"
)]

use crate::made::kernels::vectorized::Level;

/// Numbers a lane.
pub const WIDTH: usize = 16;

/// Sixteen numbers, aligned as the widest register wants them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub struct Lane(pub [f32; WIDTH]);

/// The numbers of some lanes.
pub fn flat(lanes: &[Lane]) -> &[f32] {
    // SAFETY: a `Lane` is sixteen `f32` and, at 64 bytes aligned to 64, nothing else.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * WIDTH) }
}

/// The numbers of some lanes, to be changed.
pub fn flat_mut(lanes: &mut [Lane]) -> &mut [f32] {
    // SAFETY: as above, and any `f32` is valid in a `Lane`.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * WIDTH) }
}

/// Asks for bytes to be at hand soon; changes nothing.
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(size_of::<Lane>()) {
        // SAFETY: the instruction is part of every processor of this kind, and its address is that
        // of a slice.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                line.as_ptr().cast(),
            )
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// A lane in registers.
pub trait Lanes: Copy {
    /// Whether there are registers for two dozen of them, else for half a dozen.
    const MANY: bool;
    /// From memory.
    fn load(from: &Lane) -> Self;
    /// To memory.
    fn store(self, to: &mut Lane);
    /// One number in all places.
    fn splat(number: f32) -> Self;
    /// `self + a * b`, rounded once.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// `self + other`.
    fn add(self, other: Self) -> Self;
    /// `self - other`.
    fn sub(self, other: Self) -> Self;
    /// `self * other`.
    fn mul(self, other: Self) -> Self;
    /// `self / other`.
    fn div(self, other: Self) -> Self;
    /// The root, correctly rounded as all the others.
    fn sqrt(self) -> Self;
    /// The columns of a square whose rows these are.
    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let (mut square, mut columns) = ([Lane::default(); WIDTH], rows);
        for (lane, row) in square.iter_mut().zip(rows) {
            row.store(lane);
        }
        for (i, column) in columns.iter_mut().enumerate() {
            let mut lane = Lane::default();
            for (to, row) in lane.0.iter_mut().zip(&square) {
                *to = row.0[i];
            }
            *column = Self::load(&lane);
        }
        columns
    }
    /// The numbers of `from` at `indices`.
    #[inline(always)]
    fn gather(from: &[Lane], indices: &[u32; WIDTH]) -> Self {
        let mut lane = Lane::default();
        lane.0.iter_mut().zip(indices).for_each(|(to, &i)| *to = flat(from)[i as usize]);
        Self::load(&lane)
    }
    /// Asks for a lane to be at hand soon; changes nothing.
    fn prefetch(lane: &Lane);
    /// Does `work` with these lanes in a function of its own, whose registers hold nothing else.
    fn apart<W: Work>(work: W) -> W::Output;
}

/// Work that is compiled for every instruction set. `run` and all that it calls must be
/// `#[inline(always)]`.
pub trait Work {
    /// What it results in.
    type Output;
    /// Does the work with lanes of one kind.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// Does `work` by the instruction set `level`, which the processor must have.
pub fn dispatch<W: Work>(level: Level, work: W) -> W::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => {
            assert!(Level::detect() == Level::Avx512, "this processor has no AVX-512");
            // SAFETY: it has, as the line above makes sure.
            unsafe { x86::avx512(work) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            assert!(Level::detect() != Level::Baseline, "this processor has no AVX2");
            // SAFETY: it has, as the line above makes sure; AVX-512 comes with it.
            unsafe { x86::avx2(work) }
        }
        _ => work.run::<Plain>(),
    }
}

/// Sixteen numbers that the compiler does with what it may.
#[derive(Clone, Copy)]
struct Plain([f32; WIDTH]);

impl Lanes for Plain {
    const MANY: bool = cfg!(target_arch = "aarch64");

    #[inline(always)]
    fn load(from: &Lane) -> Self {
        Self(from.0)
    }
    #[inline(always)]
    fn store(self, to: &mut Lane) {
        to.0 = self.0;
    }
    #[inline(always)]
    fn splat(number: f32) -> Self {
        Self([number; WIDTH])
    }
    #[inline(always)]
    fn add_product(mut self, a: Self, b: Self) -> Self {
        for i in 0..WIDTH {
            // Where it is no instruction, `mul_add` is a slow function.
            self.0[i] = if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
                a.0[i].mul_add(b.0[i], self.0[i])
            } else {
                self.0[i] + a.0[i] * b.0[i]
            };
        }
        self
    }
    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] += other.0[i];
        }
        self
    }
    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] -= other.0[i];
        }
        self
    }
    #[inline(always)]
    fn mul(mut self, other: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] *= other.0[i];
        }
        self
    }
    #[inline(always)]
    fn div(mut self, other: Self) -> Self {
        for i in 0..WIDTH {
            self.0[i] /= other.0[i];
        }
        self
    }
    #[inline(always)]
    fn sqrt(mut self) -> Self {
        for i in 0..WIDTH {
            self.0[i] = self.0[i].sqrt();
        }
        self
    }
    #[inline(always)]
    fn prefetch(_: &Lane) {}
    #[inline(always)]
    fn apart<W: Work>(work: W) -> W::Output {
        work.run::<Self>()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86;
