//! Sign-flip test of paired differences: exact, and without assumptions on the form of their
//! distribution.
//!
//! Under the null hypothesis each seed's difference would be as likely with the opposite sign. The
//! p value is the share of the 2^n sign vectors under which the sum of differences is at least as
//! far from zero as the observed one (Fisher 1935; Pitman 1937). With n pairs it is at least
//! 2^(1-n).

/// Maximum number of pairs for which every sign vector is enumerated; above it, `DRAWS` of them are
/// drawn.
pub const EXACT_LIMIT: usize = 20;

/// Number of random sign vectors above `EXACT_LIMIT`.
pub const DRAWS: u32 = 100_000;

/// Sign vectors whose sums are computed in parallel (SIMD lanes): an addition waits for the
/// previous one of its sum, so that a single sum would leave the CPU idle.
pub(super) const LANES: usize = 16;

const _: () = assert!((DRAWS as usize).is_multiple_of(LANES), "no lane is without a way");

/// Relative tolerance of ties: sums that differ by less than this share of the total size are equal
/// but for rounding.
pub(super) const TIE: f64 = 1e-12;

/// Result of a test of paired differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// Two-sided p value.
    pub p: f64,
    /// Number of sign vectors drawn; `None` if all were enumerated, and of a t test.
    pub draws: Option<u32>,
}

/// Two-sided test of `differences`; `bits` supplies random bits if sign vectors are drawn.
pub fn sign_flip(differences: &[f64], bits: impl FnMut() -> u64) -> TestResult {
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    // Sums that are equal in exact arithmetic must count as ties, in any order of their additions.
    let slack = TIE * sizes.iter().sum::<f64>();
    let seen = differences.iter().sum::<f64>().abs() - slack;
    if sizes.len() <= EXACT_LIMIT {
        // A sign vector and its opposite give sums of equal size, so the first sign is fixed.
        let Some((first, rest)) = sizes.split_first() else {
            return TestResult { p: 1.0, draws: None };
        };
        let extreme = count_extreme(rest, *first, seen);
        return TestResult { p: extreme as f64 / (1u64 << rest.len()) as f64, draws: None };
    }
    let extreme = count_drawn(&sizes, seen, DRAWS, bits);
    // The observed sign vector counts as one of the draws, so that p is never 0 (Phipson and Smyth
    // 2010).
    TestResult {
        p: f64::from(extreme + 1) / f64::from(DRAWS + 1),
        draws: Some(DRAWS),
    }
}

fn count_extreme(rest: &[f64], sum: f64, seen: f64) -> u64 {
    match rest.split_first() {
        None => u64::from(sum.abs() >= seen),
        Some((next, rest)) => {
            count_extreme(rest, sum + next, seen) + count_extreme(rest, sum - next, seen)
        }
    }
}

/// Number of `draws` random sign vectors, a multiple of `LANES`, under which the sum is at least
/// `seen` away from zero. Bits are drawn one vector after another, and the differences are added in
/// their order, 64 at a time.
fn count_drawn(sizes: &[f64], seen: f64, draws: u32, mut bits: impl FnMut() -> u64) -> u32 {
    let mut extreme = 0;
    // A lane is one sign vector; a bit of 0 flips the sign.
    let mut turned = vec![[0u64; LANES]; sizes.len().div_ceil(64)];
    for _ in 0..draws as usize / LANES {
        for lane in 0..LANES {
            for turned in &mut turned {
                turned[lane] = !bits();
            }
        }
        let mut sums = [0.0f64; LANES];
        for (chunk, turned) in sizes.chunks(64).zip(&mut turned) {
            let mut part = [0.0f64; LANES];
            for size in chunk {
                for (part, turned) in part.iter_mut().zip(&mut *turned) {
                    *part += f64::from_bits(size.to_bits() ^ (*turned << 63));
                    *turned >>= 1;
                }
            }
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        extreme += sums.iter().filter(|sum| sum.abs() >= seen).count() as u32;
    }
    extreme
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SplitMix64.
    pub(crate) fn random_bits(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ z >> 31
        }
    }

    fn exact(differences: &[f64]) -> f64 {
        sign_flip(differences, || unreachable!("no bits are drawn up to {EXACT_LIMIT}")).p
    }

    #[test]
    fn equal_signs_reach_the_floor_and_ties_count() {
        for n in 1..=EXACT_LIMIT {
            let same: Vec<f64> = (1..=n).map(|i| i as f64 * 0.1).collect();
            assert_eq!(exact(&same), 0.5f64.powi(n as i32 - 1), "{n}");
        }
        assert_eq!(exact(&[]), 1.0);
        assert_eq!(exact(&[0.0, 0.0]), 1.0);
        // Every rounding of 0.1 + 0.2 - 0.3 is a tie with zero: all 8 sign vectors are at least as
        // far.
        assert_eq!(exact(&[0.1, 0.2, -0.3]), 1.0);
    }

    proptest! {
        /// Counts are exactly equal: a sign vector has the same sum, bit for bit, next to any
        /// others.
        #[test]
        fn ways_side_by_side_count_as_one_by_one(n in 1usize..200, blocks in 1u32..40, state in any::<u64>()) {
            let mut noise = random_bits(state);
            let sizes: Vec<f64> = (0..n).map(|_| (noise() >> 11) as f64 / (1u64 << 53) as f64).collect();
            let draws = blocks * LANES as u32;
            let sums = |mut bits: Box<dyn FnMut() -> u64>| {
                let mut sum = || {
                    sizes.chunks(64).fold(0.0, |sum, chunk| {
                        let signs = bits();
                        let signed = chunk.iter().enumerate();
                        sum + signed.map(|(i, d)| if signs >> i & 1 == 1 { *d } else { -d }).sum::<f64>()
                    })
                };
                (0..draws).map(|_| sum().abs()).collect::<Vec<f64>>()
            };
            let sums = sums(Box::new(random_bits(!state)));
            // Each of the sums itself is the strictest limit: after one rounding error it would not
            // be counted.
            for seen in sums.iter().take(20) {
                let expected = sums.iter().filter(|sum| *sum >= seen).count() as u32;
                prop_assert_eq!(count_drawn(&sizes, *seen, draws, random_bits(!state)), expected);
            }
        }

        #[test]
        fn the_count_equals_plain_enumeration(differences in prop::collection::vec(-5i32..=5, 1..11)) {
            let n = differences.len();
            let seen: i32 = differences.iter().sum::<i32>().abs();
            let ways = (0..1u32 << n).filter(|way| {
                let sum: i32 = differences.iter().enumerate().map(|(i, d)| if way >> i & 1 == 1 { *d } else { -d }).sum();
                sum.abs() >= seen
            });
            let expected = ways.count() as f64 / f64::from(1u32 << n);
            // Tenths are not exact in binary: the tolerance must still find the ties.
            let tenths: Vec<f64> = differences.iter().map(|d| f64::from(*d) * 0.1).collect();
            prop_assert_eq!(exact(&tenths), expected);
        }
    }
}
