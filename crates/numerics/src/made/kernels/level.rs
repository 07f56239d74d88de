//! SIMD levels: the instruction sets that kernels are compiled for, chosen at run time.
//!
//! Two ways lead to a kernel. Those whose speed depends on registers are written over
//! [`Simd`](super::simd::Simd) and started by [`Level::dispatch`]. Simple loops are left to the
//! autovectoriser: `vectorized!` compiles a function once per level. The compiler never contracts a
//! multiplication and an addition into a fused one by itself, so that such a loop gives the same
//! bits on every level.

#[cfg(target_arch = "x86_64")]
use crate::made::kernels::simd::{Avx2, Avx512};
use crate::made::kernels::simd::{Portable, Simd, WithSimd};

/// An instruction set, with the proof that this CPU has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// 512-bit vectors (AVX-512 F, DQ, BW, VL) and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// 256-bit vectors (AVX2) and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// The instructions that the compilation target guarantees.
    Portable,
}

impl Level {
    /// The best level of this CPU.
    #[inline]
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(avx512) = Avx512::detect() {
                return Self::Avx512(avx512);
            }
            if let Some(avx2) = Avx2::detect() {
                return Self::Avx2(avx2);
            }
        }
        Self::Portable
    }

    /// All levels of this CPU, the best first.
    #[cfg(test)]
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let levels = [
            Avx512::detect().map(Self::Avx512),
            Avx2::detect().map(Self::Avx2),
            Some(Self::Portable),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let levels = [Some(Self::Portable)];
        levels.into_iter().flatten()
    }

    /// Name, as runs record it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            Self::Portable => std::env::consts::ARCH,
        }
    }

    /// [`Simd::MANY_REGISTERS`] of the level.
    pub(crate) fn has_many_registers(self) -> bool {
        fn of<S: Simd>(_: S) -> bool {
            S::MANY_REGISTERS
        }
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => of(simd),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => of(simd),
            Self::Portable => of(Portable),
        }
    }

    /// Runs `work` as compiled for this level.
    pub(crate) fn dispatch<W: WithSimd>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.dispatch(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.dispatch(work),
            Self::Portable => work.with_simd(Portable),
        }
    }
}

/// Declares functions whose body is compiled for every [`Level`] and called by the CPU's.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the level proves the instruction set"))]
        $vis fn $name($($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                use $crate::made::kernels::level::Level;
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
                fn avx512($($arg: $type),*) $(-> $result)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $result)? {
                    body($($arg),*)
                }
                match Level::detect() {
                    // SAFETY: the level holds the proof that the CPU has the instruction set.
                    Level::Avx512(_) => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    Level::Avx2(_) => return unsafe { avx2($($arg),*) },
                    Level::Portable => {}
                }
            }
            body($($arg),*)
        }
    )*};
}

pub(crate) use vectorized;
