//! Sixteen numbers at a time, on whatever instruction set the processor has.
//!
//! Kernels are written once over [`Lanes`] and compiled for each [`Level`]. Every number that they make is one chain of
//! fused multiply-adds in ascending order, and lanes never meet: so neither the width of registers nor the way in which
//! work is cut changes a bit. Only a processor without a fused multiply-add rounds twice, and differently.

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
}

/// Work that is compiled for every instruction set. `run` and all that it calls must be `#[inline(always)]`.
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
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_add_ps, _mm256_div_ps, _mm256_fmadd_ps, _mm256_load_ps,
        _mm256_mul_ps, _mm256_set1_ps, _mm256_sqrt_ps, _mm256_store_ps, _mm256_sub_ps, _mm512_add_ps, _mm512_castpd_ps,
        _mm512_castps_pd, _mm512_div_ps, _mm512_fmadd_ps, _mm512_i32gather_ps, _mm512_load_ps, _mm512_loadu_si512,
        _mm512_min_epu32, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_sqrt_ps,
        _mm512_store_ps, _mm512_sub_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
    };

    use super::{Lane, Lanes, WIDTH, Work};

    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,fma")]
    pub(super) fn avx512<W: Work>(work: W) -> W::Output {
        work.run::<Wide>()
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2<W: Work>(work: W) -> W::Output {
        work.run::<Pair>()
    }

    /// One 512-bit register. Values exist only inside `avx512`.
    #[derive(Clone, Copy)]
    struct Wide(__m512);

    // SAFETY of all blocks below: the type is private, and only `avx512`, which the instruction set has been seen for,
    // runs work with it; a `Lane` is 64 bytes, aligned to 64.
    impl Lanes for Wide {
        const MANY: bool = true;

        #[inline(always)]
        fn load(from: &Lane) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_load_ps(from.0.as_ptr()) })
        }
        #[inline(always)]
        fn store(self, to: &mut Lane) {
            // SAFETY: see above.
            unsafe { _mm512_store_ps(to.0.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn splat(number: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_set1_ps(number) })
        }
        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_div_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_sqrt_ps(self.0) })
        }
        #[inline(always)]
        fn gather(from: &[Lane], indices: &[u32; WIDTH]) -> Self {
            assert!(!from.is_empty(), "there is something to gather");
            let last = (from.len() * WIDTH - 1) as i32;
            // SAFETY: see above; no index is beyond the last number.
            unsafe {
                let indices = _mm512_loadu_si512(indices.as_ptr().cast());
                let indices = _mm512_min_epu32(indices, _mm512_set1_epi32(last));
                Self(_mm512_i32gather_ps::<4>(indices, from.as_ptr().cast()))
            }
        }
        #[inline(always)]
        fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
            // Each step joins two registers so that what they hold of a column comes to stand together: first numbers,
            // then pairs of them, then fours, then eights.
            let (mut a, mut b) = (rows, rows);
            // SAFETY: see above.
            unsafe {
                for i in 0..8 {
                    a[2 * i].0 = _mm512_unpacklo_ps(rows[2 * i].0, rows[2 * i + 1].0);
                    a[2 * i + 1].0 = _mm512_unpackhi_ps(rows[2 * i].0, rows[2 * i + 1].0);
                }
                for i in 0..8 {
                    let at = i / 2 * 4 + i % 2;
                    let (low, high) = (_mm512_castps_pd(a[at].0), _mm512_castps_pd(a[at + 2].0));
                    b[i / 2 * 4 + i % 2 * 2].0 = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
                    b[i / 2 * 4 + i % 2 * 2 + 1].0 = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
                }
                // Quarter q of b[4 i + j] holds rows 4 i to 4 i + 3 of column 4 q + j.
                for i in 0..4 {
                    let (up, down) = ((b[i].0, b[4 + i].0), (b[8 + i].0, b[12 + i].0));
                    let even = (_mm512_shuffle_f32x4::<0x88>(up.0, up.1), _mm512_shuffle_f32x4::<0x88>(down.0, down.1));
                    let odd = (_mm512_shuffle_f32x4::<0xdd>(up.0, up.1), _mm512_shuffle_f32x4::<0xdd>(down.0, down.1));
                    a[i].0 = _mm512_shuffle_f32x4::<0x88>(even.0, even.1);
                    a[4 + i].0 = _mm512_shuffle_f32x4::<0x88>(odd.0, odd.1);
                    a[8 + i].0 = _mm512_shuffle_f32x4::<0xdd>(even.0, even.1);
                    a[12 + i].0 = _mm512_shuffle_f32x4::<0xdd>(odd.0, odd.1);
                }
            }
            a
        }
        #[inline(always)]
        fn prefetch(lane: &Lane) {
            // SAFETY: see above.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(lane.0.as_ptr().cast()) }
        }
    }

    /// Two 256-bit registers. Values exist only inside `avx2`.
    #[derive(Clone, Copy)]
    struct Pair(__m256, __m256);

    // SAFETY of all blocks below: as above, with `avx2` for `avx512`; both halves of a `Lane` are aligned to 32 bytes.
    impl Lanes for Pair {
        const MANY: bool = false;

        #[inline(always)]
        fn load(from: &Lane) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_load_ps(from.0.as_ptr()), _mm256_load_ps(from.0[8..].as_ptr())) }
        }
        #[inline(always)]
        fn store(self, to: &mut Lane) {
            // SAFETY: see above.
            unsafe {
                _mm256_store_ps(to.0.as_mut_ptr(), self.0);
                _mm256_store_ps(to.0[8..].as_mut_ptr(), self.1);
            }
        }
        #[inline(always)]
        fn splat(number: f32) -> Self {
            // SAFETY: see above.
            let half = unsafe { _mm256_set1_ps(number) };
            Self(half, half)
        }
        #[inline(always)]
        fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_fmadd_ps(a.0, b.0, self.0), _mm256_fmadd_ps(a.1, b.1, self.1)) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_div_ps(self.0, other.0), _mm256_div_ps(self.1, other.1)) }
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)) }
        }
        #[inline(always)]
        fn prefetch(lane: &Lane) {
            // SAFETY: see above.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(lane.0.as_ptr().cast()) }
        }
    }
}
