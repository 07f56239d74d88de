//! One body, compiled for each instruction set, chosen when it runs.
//!
//! The compiler vectorises plain loops well once it may use wide registers. It never fuses a
//! multiplication with an addition on its own, so each number is the same on every instruction set.

/// Instruction sets that bodies are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 512-bit vectors (AVX-512 F, DQ, BW, VL).
    Avx512,
    /// 256-bit vectors (AVX2 and FMA).
    Avx2,
    /// Whatever the target guarantees.
    Baseline,
}

impl Level {
    /// The best level of this processor.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            if avx512 {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// The levels that this processor has.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::Avx512, Self::Avx2, Self::Baseline]
            .into_iter()
            .skip_while(|level| *level != Self::detect())
    }

    /// Name, as runs record it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Baseline => std::env::consts::ARCH,
        }
    }
}

/// Declares functions whose body is compiled for every [`Level`] and dispatched on the processor's.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[expect(unsafe_code, reason = "a function compiled for an instruction set runs only where it was detected")]
        $vis fn $name($($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn plain($($arg: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                use $crate::made::kernels::vectorized::Level;
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
                fn avx512($($arg: $type),*) $(-> $result)? {
                    plain($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $result)? {
                    plain($($arg),*)
                }
                match Level::detect() {
                    // SAFETY: the processor has these features: `detect` has just said so.
                    Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    Level::Avx2 => return unsafe { avx2($($arg),*) },
                    Level::Baseline => {}
                }
            }
            plain($($arg),*)
        }
    )*};
}

pub(crate) use vectorized;
