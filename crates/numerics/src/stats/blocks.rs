//! Differences of one comparison over several blocks (data sets), joined seed by seed.
//!
//! Blocks measure in units of their own, so that differences cannot be added before they are
//! studentised: the statistic is the sum over blocks of sum d / sqrt(sum d^2), each over the seeds
//! of the block. A sign flip changes no denominator, and one seed has one sign in all blocks, so
//! that the statistic is a sum over seeds of fixed parts: the sign-flip test of those parts is the
//! joint test.

use super::maxt::standardised;

/// Part of each seed in the joint statistic: the sum over blocks of its studentised difference.
/// `blocks[b][r]` is the difference in block `b` with seed `r`, `None` where there is no such pair;
/// a seed without a pair in any block has no part.
///
/// # Panics
/// If the blocks differ in their number of seeds.
pub fn join_blocks(blocks: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let seeds = blocks.first().map_or(0, Vec::len);
    assert!(blocks.iter().all(|block| block.len() == seeds), "every block has every seed");
    let units: Vec<Vec<f64>> = blocks.iter().map(|block| standardised(block)).collect();
    (0..seeds)
        .map(|r| {
            let there = blocks.iter().any(|block| block[r].is_some());
            there.then(|| units.iter().map(|unit| unit[r]).sum())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::signflip::tests::random_bits;
    use crate::stats::{max_t, sign_flip};

    fn p(parts: &[Option<f64>]) -> f64 {
        let parts: Vec<f64> = parts.iter().flatten().copied().collect();
        sign_flip(&parts, || unreachable!("every flip is counted")).p
    }

    fn joint(blocks: &[Vec<Option<f64>>]) -> f64 {
        p(&join_blocks(blocks))
    }

    /// The joint p value as defined: one sign a seed for all blocks, block sums divided by the root
    /// of their sum of squares, computed anew for each sign vector.
    fn enumerated(blocks: &[Vec<Option<f64>>]) -> f64 {
        let seeds = blocks[0].len();
        let there: Vec<usize> =
            (0..seeds).filter(|&r| blocks.iter().any(|block| block[r].is_some())).collect();
        let statistic = |signs: u32| -> f64 {
            let sign = |r: usize| if signs >> r & 1 == 1 { -1.0 } else { 1.0 };
            let of = |block: &Vec<Option<f64>>| {
                let own = || block.iter().enumerate().filter_map(|(r, d)| Some(sign(r) * (*d)?));
                let squares = own().map(|d| d * d).sum::<f64>();
                if squares > 0.0 { own().sum::<f64>() / squares.sqrt() } else { 0.0 }
            };
            blocks.iter().map(of).sum::<f64>().abs()
        };
        let seen = statistic(0) - 1e-9;
        let mask: u32 = there.iter().map(|r| 1 << r).sum();
        let all: Vec<u32> = (0..1u32 << seeds).filter(|signs| signs & !mask == 0).collect();
        all.iter().filter(|&&signs| statistic(signs) >= seen).count() as f64 / all.len() as f64
    }

    fn blocks() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let one = prop_oneof![9 => (-50i32..=50).prop_map(|d| Some(f64::from(d) / 10.0)), 1 => Just(None)];
        (1usize..8).prop_flat_map(move |n| {
            prop::collection::vec(prop::collection::vec(one.clone(), n), 1..6)
        })
    }

    proptest! {
        #[test]
        fn the_joint_p_is_that_of_enumeration_over_shared_signs(blocks in blocks()) {
            prop_assume!(blocks.iter().flatten().any(Option::is_some));
            let (found, expected) = (joint(&blocks), enumerated(&blocks));
            prop_assert!((found - expected).abs() < 1e-9, "{} {}", found, expected);
        }

        /// Each block counts in its own unit, and the order of blocks does not matter.
        #[test]
        fn the_unit_of_a_block_changes_nothing(blocks in blocks(), by in 0.01f64..100.0) {
            let mut other = blocks.clone();
            other[0].iter_mut().flatten().for_each(|d| *d *= by);
            other.reverse();
            let parts = |blocks: &[Vec<Option<f64>>]| join_blocks(blocks);
            for (a, b) in parts(&blocks).into_iter().zip(parts(&other)) {
                prop_assert_eq!(a.is_some(), b.is_some());
                prop_assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn one_block_is_the_test_of_that_block() {
        let block: Vec<Option<f64>> =
            [0.3, -0.1, 0.4, 0.2, 0.9, -0.2].into_iter().map(Some).collect();
        assert_eq!(joint(std::slice::from_ref(&block)), p(&block));
        // Twice the same block has the same p: its seeds are not twice as many.
        assert_eq!(joint(&[block.clone(), block.clone()]), p(&block));
    }

    /// Without an effect, the share of studies with a significant joint test is alpha, even if the
    /// blocks share what a seed does: the blocks here are the same noise but for a tenth.
    #[test]
    fn the_error_rate_is_kept_when_seeds_are_shared() {
        const ROUNDS: u32 = 1_000;
        const SEEDS: usize = 8;
        // Of 128 pairs of opposite sign vectors, 6 may be as extreme: the largest p up to 0.05.
        let expected = 6.0 / 128.0;
        let bound = 3.0 * (expected * (1.0 - expected) / f64::from(ROUNDS)).sqrt();
        // Box and Muller (1958).
        let mut bits = random_bits(20_261_129);
        let mut uniform = || (bits() >> 11) as f64 / (1u64 << 53) as f64;
        let mut normal =
            || (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        let (mut single, mut any) = (0, 0);
        for _ in 0..ROUNDS {
            // What a seed does to the baseline and to each of three variants, in all blocks alike.
            let mut draw = || -> Vec<f64> { (0..SEEDS).map(|_| normal()).collect() };
            let (baseline, variants) = (draw(), [draw(), draw(), draw()]);
            // [n_variants][n_blocks][n_seeds]
            let family = variants.map(|variant| {
                let mut block = |unit: f64| -> Vec<Option<f64>> {
                    let pairs = variant.iter().zip(&baseline);
                    pairs.map(|(v, b)| Some(unit * (v - b + 0.1 * normal()))).collect()
                };
                [block(0.01), block(1.0), block(100.0), block(1e4)]
            });
            let parts: Vec<Vec<Option<f64>>> =
                family.iter().map(|blocks| join_blocks(blocks)).collect();
            let each: Vec<f64> = parts.iter().map(|parts| p(parts)).collect();
            single += u32::from(each[0] <= 0.05);
            let corrected = max_t(&parts, &each, || unreachable!("every flip is counted"));
            any += u32::from(corrected.p.iter().flatten().any(|p| *p <= 0.05));
        }
        let share = |count: u32| f64::from(count) / f64::from(ROUNDS);
        assert!((share(single) - expected).abs() < bound, "{}", share(single));
        assert!(share(any) < expected + bound, "{}", share(any));
    }
}
