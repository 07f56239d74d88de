//! Tokens of x86: AVX-512, with one register per vector, and AVX2, with two.
//!
//! A token has a private field and comes from `detect` alone, and a vector from a token alone.
//! Having either is the proof that the intrinsics below ask for.

use std::arch::x86_64::{
    __m256, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_add_ps, _mm256_div_ps, _mm256_fmadd_ps,
    _mm256_load_ps, _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_shuffle_ps,
    _mm256_sqrt_ps, _mm256_store_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_i32gather_ps, _mm512_load_ps, _mm512_loadu_si512, _mm512_min_epu32, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_sqrt_ps, _mm512_store_ps,
    _mm512_sub_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};
use std::ops::{Add, Div, Mul, Sub};

use super::{F32x16, LANES, Simd, Vector, WithSimd};

/// Prefetches the cache line at an address, which need not be valid.
#[inline(always)]
pub(super) fn prefetch_line(address: *const u8) {
    // SAFETY: SSE is part of x86-64, and a prefetch never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

/// Calls an intrinsic on registers. `$proof` is a token or a vector, neither of which exists
/// without the instruction set.
macro_rules! intrinsic {
    ($proof:expr, $call:expr) => {{
        require_proof($proof);
        // SAFETY: a value of a type that implements `Proof` exists.
        unsafe { $call }
    }};
}

/// Marks types of which a value exists only on a CPU that has the instruction set.
trait Proof: Copy {}

/// Accepts only a proof.
#[inline(always)]
fn require_proof(_: impl Proof) {}

/// Token of AVX-512 (F, DQ, BW, VL) and FMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(());

/// Vector in one 512-bit register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512Vector(__m512);

impl Proof for Avx512 {}
impl Proof for Avx512Vector {}

impl Avx512 {
    /// The token, on a CPU that has the instruction set.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma");
        has_all.then_some(Self(()))
    }

    /// Runs `work` in a function compiled for the instruction set.
    pub(crate) fn dispatch<W: WithSimd>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,fma")]
        fn compiled<W: WithSimd>(simd: Avx512, work: W) -> W::Output {
            work.with_simd(simd)
        }
        intrinsic!(self, compiled(self, work))
    }
}

impl Simd for Avx512 {
    type Vector = Avx512Vector;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn load(self, from: &F32x16) -> Avx512Vector {
        // SAFETY: the token is the proof; an `F32x16` is 64 bytes, aligned to 64.
        Avx512Vector(unsafe { _mm512_load_ps(from.0.as_ptr()) })
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Avx512Vector {
        Avx512Vector(intrinsic!(self, _mm512_set1_ps(value)))
    }
    #[inline(always)]
    fn prefetch(self, vector: &F32x16) {
        prefetch_line(vector.0.as_ptr().cast());
    }
    #[inline(always)]
    fn call_outlined<W: WithSimd>(self, work: W) -> W::Output {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,fma")]
        fn outlined<W: WithSimd>(simd: Avx512, work: W) -> W::Output {
            work.with_simd(simd)
        }
        intrinsic!(self, outlined(self, work))
    }
    #[inline(always)]
    fn gather(self, from: &[F32x16], indices: &[u32; LANES]) -> Avx512Vector {
        assert!(!from.is_empty(), "there is something to gather");
        let last = (from.len() * LANES - 1) as i32;
        // SAFETY: the token is the proof; indices are clamped to the last element.
        unsafe {
            let indices = _mm512_loadu_si512(indices.as_ptr().cast());
            let indices = _mm512_min_epu32(indices, _mm512_set1_epi32(last));
            Avx512Vector(_mm512_i32gather_ps::<4>(indices, from.as_ptr().cast()))
        }
    }
    #[inline(always)]
    fn transpose(self, rows: [Avx512Vector; LANES]) -> [Avx512Vector; LANES] {
        // Each of four steps interleaves pairs of registers, so that elements of one column become
        // neighbours: single elements, then pairs, then quarters of a register, twice.
        let (mut a, mut b) = (rows, rows);
        intrinsic!(self, {
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
            // Quarter q of b[4 i + j] now holds rows 4 i to 4 i + 3 of column 4 q + j.
            for i in 0..4 {
                let (up, down) = ((b[i].0, b[4 + i].0), (b[8 + i].0, b[12 + i].0));
                let even = (
                    _mm512_shuffle_f32x4::<0x88>(up.0, up.1),
                    _mm512_shuffle_f32x4::<0x88>(down.0, down.1),
                );
                let odd = (
                    _mm512_shuffle_f32x4::<0xdd>(up.0, up.1),
                    _mm512_shuffle_f32x4::<0xdd>(down.0, down.1),
                );
                a[i].0 = _mm512_shuffle_f32x4::<0x88>(even.0, even.1);
                a[4 + i].0 = _mm512_shuffle_f32x4::<0x88>(odd.0, odd.1);
                a[8 + i].0 = _mm512_shuffle_f32x4::<0xdd>(even.0, even.1);
                a[12 + i].0 = _mm512_shuffle_f32x4::<0xdd>(odd.0, odd.1);
            }
        });
        a
    }
}

/// Implements an operator by an intrinsic.
macro_rules! avx512_operators {
    ($($trait:ident $method:ident $intrinsic:ident)*) => {$(
        impl $trait for Avx512Vector {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(intrinsic!(self, $intrinsic(self.0, other.0)))
            }
        }
    )*};
}

avx512_operators! {
    Add add _mm512_add_ps
    Sub sub _mm512_sub_ps
    Mul mul _mm512_mul_ps
    Div div _mm512_div_ps
}

impl Vector for Avx512Vector {
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(intrinsic!(self, _mm512_fmadd_ps(self.0, factor.0, addend.0)))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(intrinsic!(self, _mm512_sqrt_ps(self.0)))
    }
    #[inline(always)]
    fn store(self, to: &mut F32x16) {
        // SAFETY: the vector is the proof; an `F32x16` is 64 bytes, aligned to 64.
        unsafe { _mm512_store_ps(to.0.as_mut_ptr(), self.0) }
    }
}

/// Token of AVX2 and FMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

/// Vector in two 256-bit registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2Vector(__m256, __m256);

impl Proof for Avx2 {}
impl Proof for Avx2Vector {}

impl Avx2 {
    /// The token, on a CPU that has the instruction set.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        has_all.then_some(Self(()))
    }

    /// Runs `work` in a function compiled for the instruction set.
    pub(crate) fn dispatch<W: WithSimd>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<W: WithSimd>(simd: Avx2, work: W) -> W::Output {
            work.with_simd(simd)
        }
        intrinsic!(self, compiled(self, work))
    }

    /// Transposes a block of 8 x 8 elements.
    #[inline(always)]
    fn transpose_block(self, rows: [__m256; 8]) -> [__m256; 8] {
        // Each of three steps interleaves pairs of registers, so that elements of one column become
        // neighbours: single elements, then pairs, then halves of a register.
        let (mut a, mut b) = (rows, rows);
        intrinsic!(self, {
            for i in 0..4 {
                a[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
                a[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
            }
            for i in 0..4 {
                let at = i / 2 * 4 + i % 2;
                b[i / 2 * 4 + i % 2 * 2] = _mm256_shuffle_ps::<0x44>(a[at], a[at + 2]);
                b[i / 2 * 4 + i % 2 * 2 + 1] = _mm256_shuffle_ps::<0xee>(a[at], a[at + 2]);
            }
            // Half h of b[4 i + j] now holds rows 4 i to 4 i + 3 of column 4 h + j.
            for i in 0..4 {
                a[i] = _mm256_permute2f128_ps::<0x20>(b[i], b[4 + i]);
                a[4 + i] = _mm256_permute2f128_ps::<0x31>(b[i], b[4 + i]);
            }
        });
        a
    }
}

impl Simd for Avx2 {
    type Vector = Avx2Vector;
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn load(self, from: &F32x16) -> Avx2Vector {
        // SAFETY: the token is the proof; both halves of an `F32x16` are aligned to 32 bytes.
        unsafe { Avx2Vector(_mm256_load_ps(from.0.as_ptr()), _mm256_load_ps(from.0[8..].as_ptr())) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Avx2Vector {
        let half = intrinsic!(self, _mm256_set1_ps(value));
        Avx2Vector(half, half)
    }
    #[inline(always)]
    fn prefetch(self, vector: &F32x16) {
        prefetch_line(vector.0.as_ptr().cast());
    }
    #[inline(always)]
    fn call_outlined<W: WithSimd>(self, work: W) -> W::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        fn outlined<W: WithSimd>(simd: Avx2, work: W) -> W::Output {
            work.with_simd(simd)
        }
        intrinsic!(self, outlined(self, work))
    }
    #[inline(always)]
    fn transpose(self, rows: [Avx2Vector; LANES]) -> [Avx2Vector; LANES] {
        // The left and right half of the upper eight rows, then of the lower eight.
        let mut blocks = [[rows[0].0; 8]; 4];
        for i in 0..8 {
            [blocks[0][i], blocks[1][i]] = [rows[i].0, rows[i].1];
            [blocks[2][i], blocks[3][i]] = [rows[8 + i].0, rows[8 + i].1];
        }
        for block in &mut blocks {
            *block = self.transpose_block(*block);
        }
        let mut columns = rows;
        for i in 0..8 {
            columns[i] = Avx2Vector(blocks[0][i], blocks[2][i]);
            columns[8 + i] = Avx2Vector(blocks[1][i], blocks[3][i]);
        }
        columns
    }
}

/// Implements an operator by an intrinsic on both halves.
macro_rules! avx2_operators {
    ($($trait:ident $method:ident $intrinsic:ident)*) => {$(
        impl $trait for Avx2Vector {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                intrinsic!(
                    self,
                    Self($intrinsic(self.0, other.0), $intrinsic(self.1, other.1))
                )
            }
        }
    )*};
}

avx2_operators! {
    Add add _mm256_add_ps
    Sub sub _mm256_sub_ps
    Mul mul _mm256_mul_ps
    Div div _mm256_div_ps
}

impl Vector for Avx2Vector {
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        intrinsic!(
            self,
            Self(
                _mm256_fmadd_ps(self.0, factor.0, addend.0),
                _mm256_fmadd_ps(self.1, factor.1, addend.1),
            )
        )
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        intrinsic!(self, Self(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)))
    }
    #[inline(always)]
    fn store(self, to: &mut F32x16) {
        // SAFETY: the vector is the proof; both halves of an `F32x16` are aligned to 32 bytes.
        unsafe {
            _mm256_store_ps(to.0.as_mut_ptr(), self.0);
            _mm256_store_ps(to.0[8..].as_mut_ptr(), self.1);
        }
    }
}
