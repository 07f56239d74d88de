//! The sign-flip test of paired differences: exact, and free of any assumption on their distribution's form.
//!
//! If a variant changed nothing, each seed's difference would be as likely with the other sign. The p value is the share
//! of the 2^n ways to sign the differences whose sum is at least as far from zero as the one seen (Fisher 1935; Pitman
//! 1937). With n pairs it cannot fall below 2^(1-n).

/// Up to this many pairs every way is counted; beyond, `DRAWS` of them are drawn.
pub const EXACT_LIMIT: usize = 20;

/// Ways drawn beyond `EXACT_LIMIT`.
pub const DRAWS: u32 = 100_000;

/// Sums that differ by less than this share of the total size are equal but for rounding.
pub(super) const TIE: f64 = 1e-12;

/// Result of a sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// Two-sided p value.
    pub p: f64,
    /// Ways drawn; `None` where every one was counted.
    pub draws: Option<u32>,
}

/// The two-sided test of `differences`; `bits` supplies random bits where they are needed.
pub fn sign_flip(differences: &[f64], mut bits: impl FnMut() -> u64) -> SignFlip {
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    // Ways whose sums are equal in exact arithmetic must count as equal whatever the order of their additions.
    let slack = TIE * sizes.iter().sum::<f64>();
    let seen = differences.iter().sum::<f64>().abs() - slack;
    if sizes.len() <= EXACT_LIMIT {
        // A way and its opposite are equally far from zero: the first sign stays fixed.
        let Some((first, rest)) = sizes.split_first() else { return SignFlip { p: 1.0, draws: None } };
        let extreme = count_extreme(rest, *first, seen);
        return SignFlip { p: extreme as f64 / (1u64 << rest.len()) as f64, draws: None };
    }
    let mut extreme = 0u32;
    for _ in 0..DRAWS {
        let mut sum = 0.0;
        for chunk in sizes.chunks(64) {
            let signs = bits();
            sum += chunk.iter().enumerate().map(|(i, d)| if signs >> i & 1 == 1 { *d } else { -d }).sum::<f64>();
        }
        extreme += u32::from(sum.abs() >= seen);
    }
    // The way that was seen is one of them: the estimate is never 0 (Phipson and Smyth 2010).
    SignFlip { p: f64::from(extreme + 1) / f64::from(DRAWS + 1), draws: Some(DRAWS) }
}

fn count_extreme(rest: &[f64], sum: f64, seen: f64) -> u64 {
    match rest.split_first() {
        None => u64::from(sum.abs() >= seen),
        Some((next, rest)) => count_extreme(rest, sum + next, seen) + count_extreme(rest, sum - next, seen),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        // Of 0.1 + 0.2 - 0.3 every rounding is a tie with zero: all 8 ways are at least as far.
        assert_eq!(exact(&[0.1, 0.2, -0.3]), 1.0);
    }

    proptest! {
        #[test]
        fn the_count_equals_plain_enumeration(differences in prop::collection::vec(-5i32..=5, 1..11)) {
            let n = differences.len();
            let seen: i32 = differences.iter().sum::<i32>().abs();
            let ways = (0..1u32 << n).filter(|way| {
                let sum: i32 = differences.iter().enumerate().map(|(i, d)| if way >> i & 1 == 1 { *d } else { -d }).sum();
                sum.abs() >= seen
            });
            let expected = ways.count() as f64 / f64::from(1u32 << n);
            // Tenths are not exact in binary: the tolerance has to hold the ties together.
            let tenths: Vec<f64> = differences.iter().map(|d| f64::from(*d) * 0.1).collect();
            prop_assert_eq!(exact(&tenths), expected);
        }
    }
}
