//! Lanes in the registers of x86: one of 512 bits, or two of 256.

use std::arch::x86_64::{
    __m256, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_add_ps, _mm256_div_ps, _mm256_fmadd_ps,
    _mm256_load_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_sqrt_ps, _mm256_store_ps, _mm256_sub_ps,
    _mm512_add_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_i32gather_ps, _mm512_load_ps, _mm512_loadu_si512, _mm512_min_epu32, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_shuffle_f32x4, _mm512_sqrt_ps, _mm512_store_ps,
    _mm512_sub_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
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

#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,fma")]
fn avx512_apart<W: Work>(work: W) -> W::Output {
    work.run::<Wide>()
}

#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn avx2_apart<W: Work>(work: W) -> W::Output {
    work.run::<Pair>()
}

/// One 512-bit register. Values exist only inside `avx512` and what it calls.
#[derive(Clone, Copy)]
struct Wide(__m512);

// SAFETY of all blocks below: the type is private, and only `avx512`, which the instruction set has
// been seen for, runs work with it; a `Lane` is 64 bytes, aligned to 64.
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
        // Each step joins two registers so that what they hold of a column comes to stand together:
        // first numbers, then pairs of them, then fours, then eights.
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
        }
        a
    }
    #[inline(always)]
    fn prefetch(lane: &Lane) {
        // SAFETY: see above.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(lane.0.as_ptr().cast()) }
    }
    #[inline(always)]
    fn apart<W: Work>(work: W) -> W::Output {
        // SAFETY: see above.
        unsafe { avx512_apart(work) }
    }
}

/// Two 256-bit registers. Values exist only inside `avx2` and what it calls.
#[derive(Clone, Copy)]
struct Pair(__m256, __m256);

// SAFETY of all blocks below: as above, with `avx2` for `avx512`; both halves of a `Lane` are
// aligned to 32 bytes.
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
    #[inline(always)]
    fn apart<W: Work>(work: W) -> W::Output {
        // SAFETY: see above.
        unsafe { avx2_apart(work) }
    }
}
