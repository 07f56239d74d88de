//! Step-down max-T by joint sign flips (Westfall and Young 1993): corrected p values of several
//! sign-flip tests that share their seeds.
//!
//! All comparisons of a study share the baseline and the seeds, so one sign per seed is flipped in
//! all comparisons at once, and a comparison is significant if its statistic exceeds the largest
//! one of most flips. This joint null distribution contains the correlation between comparisons, so
//! that the correction is less conservative than Holm's; its smallest p is that of a single test,
//! for any number of comparisons.

use rayon::prelude::*;

use super::signflip::{DRAWS, EXACT_LIMIT, LANES, TIE};

/// Product of sign vectors and comparisons below which every sign vector is enumerated; above it,
/// `DRAWS` random ones are used.
const COUNT_LIMIT: f64 = 1e8;

/// One value of each of `LANES` sign vectors.
type Lanes<T> = [T; LANES];

/// Comparisons that all blocks of a task process before the next group: 64 with 30 seeds take 15
/// KiB, which fits the first-level cache.
const GROUP: usize = 64;

/// Blocks of `LANES` sign vectors that one thread takes at a time.
const BLOCKS_OF_A_TASK: usize = 32;

/// Blocks whose bits are drawn before they are counted.
const BLOCKS_OF_A_ROUND: usize = 64 * BLOCKS_OF_A_TASK;

/// Result of the step-down max-T procedure.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxT {
    /// Corrected p value of each comparison; `None` where it has no pair.
    pub p: Vec<Option<f64>>,
    /// Sign vectors drawn; `None` where every one was counted.
    pub draws: Option<u32>,
}

/// True if every sign vector of `seeds` pairs is counted for this number of comparisons.
fn counts_all(seeds: usize, comparisons: usize) -> bool {
    (comparisons as f64) * 2f64.powi(seeds.min(1000) as i32) < COUNT_LIMIT
}

/// The smallest p value that a sign-flip test of `seeds` pairs can give: 2^(1-n) where every sign
/// vector is counted, else that of a draw in which none is as extreme as the one seen.
pub fn smallest_p(seeds: usize) -> f64 {
    if seeds <= EXACT_LIMIT {
        0.5f64.powi(seeds.saturating_sub(1) as i32)
    } else {
        1.0 / f64::from(DRAWS + 1)
    }
}

/// The smallest p value that `max_t` can give a comparison of `pairs` pairs, among `comparisons`
/// over `seeds` seeds.
pub fn smallest_p_max_t(pairs: usize, seeds: usize, comparisons: usize) -> f64 {
    let drawn = comparisons > 1 && !counts_all(seeds, comparisons);
    smallest_p(pairs).max(if drawn { 1.0 / f64::from(DRAWS + 1) } else { 0.0 })
}

/// p values corrected over comparisons: `differences[i][r]` is that of comparison `i` with seed
/// `r`, `None` where it has no such pair, and `single[i]` the p value of its own sign-flip test.
/// The statistic is |sum d| / sqrt(sum d^2) over a comparison's own pairs, which orders samples as
/// |t| does. `bits` supplies random bits where sign vectors are drawn.
///
/// # Panics
/// If the comparisons differ in their number of seeds.
pub fn max_t(differences: &[Vec<Option<f64>>], single: &[f64], bits: impl FnMut() -> u64) -> MaxT {
    let tested = |i: &usize| differences[*i].iter().any(Option::is_some);
    let mut family: Vec<(usize, Vec<f64>)> = (0..differences.len())
        .filter(tested)
        .map(|i| (i, standardised(&differences[i])))
        .collect();
    let mut p = vec![None; differences.len()];
    if let [(only, _)] = family[..] {
        p[only] = Some(single[only]);
        return MaxT { p, draws: None };
    }
    // Equal statistics get the p value of the first of them, so that their order does not matter.
    family.sort_by(|(_, a), (_, b)| {
        a.iter().sum::<f64>().abs().total_cmp(&b.iter().sum::<f64>().abs())
    });
    let seeds: Vec<usize> = (0..differences.first().map_or(0, Vec::len))
        .filter(|&r| differences.iter().any(|d| d[r].is_some()))
        .collect();
    // [n_comparisons][n_seeds], statistics ascending
    let units: Vec<Vec<f64>> = family
        .iter()
        .map(|(_, unit)| seeds.iter().map(|&r| unit[r]).collect())
        .collect();
    // Statistics that are equal in exact arithmetic must count as ties, in any order of their
    // additions. Each is a sum of n values with a sum of squares of 1, so its size is at most
    // sqrt(n).
    let slack = TIE * (seeds.len() as f64).sqrt();
    let reached_from: Vec<f64> =
        family.iter().map(|(_, unit)| unit.iter().sum::<f64>().abs() - slack).collect();
    let draws = (!counts_all(seeds.len(), family.len())).then_some(DRAWS);
    let extreme = match draws {
        Some(draws) => count_drawn(&units, &reached_from, draws, bits),
        None => count_every(&units, &reached_from),
    };
    let share = |extreme: u32| match draws {
        None => f64::from(extreme) / 0.5f64.powi(1 - seeds.len() as i32),
        // The observed sign vector counts as one of the draws, so that p is never 0 (Phipson and
        // Smyth 2010).
        Some(draws) => f64::from(extreme + 1) / f64::from(draws + 1),
    };
    let mut largest = 0.0f64;
    for ((i, _), extreme) in family.iter().zip(extreme).rev() {
        largest = largest.max(share(extreme));
        // The single test may have been random and this one exact, or the reverse; the corrected p
        // value must not be the smaller one.
        p[*i] = Some(largest.max(single[*i]));
    }
    MaxT { p, draws }
}

/// Differences divided by the root of their sum of squares: their sum is the statistic, up to its
/// sign. Zeros where there is no pair, and where all differences are zero.
pub(super) fn standardised(differences: &[Option<f64>]) -> Vec<f64> {
    // Scaled first, because squares of tiny and of huge differences leave the range of floats.
    let scale = differences.iter().flatten().fold(0.0f64, |largest, d| largest.max(d.abs()));
    let scaled = |d: &Option<f64>| d.filter(|_| scale > 0.0).map_or(0.0, |d| d / scale);
    let norm = differences.iter().map(|d| scaled(d).powi(2)).sum::<f64>().sqrt();
    differences
        .iter()
        .map(|d| if norm > 0.0 { scaled(d) / norm } else { 0.0 })
        .collect()
}

/// Number of sign vectors, counting one of each pair of opposites, under which the largest
/// statistic of the comparisons up to each one reaches its entry in `reached_from`.
fn count_every(units: &[Vec<f64>], reached_from: &[f64]) -> Vec<u32> {
    let mut extreme = vec![0u32; units.len()];
    let mut count = |sums: &[f64]| {
        let mut largest = 0.0;
        for ((sum, from), extreme) in sums.iter().zip(reached_from).zip(&mut extreme) {
            if sum.abs() > largest {
                largest = sum.abs();
            }
            *extreme += u32::from(largest >= *from);
        }
    };
    // [n_seeds][n_comparisons]
    let by_seed: Vec<Vec<f64>> = (0..units.first().map_or(0, Vec::len))
        .map(|r| units.iter().map(|unit| unit[r]).collect())
        .collect();
    if let Some((first, rest)) = by_seed.split_first() {
        // A sign vector and its opposite have the same statistics, so the first sign is fixed.
        let mut rooms = vec![vec![0.0; units.len()]; rest.len()];
        every_flip(rest, first, &mut rooms, &mut count);
    }
    extreme
}

/// Calls `count` with the sums of `units` under every choice of signs, added to `sums`; `rooms` is
/// scratch memory, one row per seed.
fn every_flip(
    units: &[Vec<f64>],
    sums: &[f64],
    rooms: &mut [Vec<f64>],
    count: &mut impl FnMut(&[f64]),
) {
    let (Some((unit, units)), Some((room, rooms))) = (units.split_first(), rooms.split_first_mut())
    else {
        return count(sums);
    };
    for sign in [1.0, -1.0] {
        room.iter_mut()
            .zip(sums)
            .zip(unit)
            .for_each(|((room, sum), unit)| *room = sum + sign * unit);
        every_flip(units, room, rooms, count);
    }
}

/// The same count over `draws` random sign vectors, a multiple of `LANES`. Bits are drawn
/// sequentially, so that the counts do not depend on the number of threads.
fn count_drawn(
    units: &[Vec<f64>],
    reached_from: &[f64],
    draws: u32,
    mut bits: impl FnMut() -> u64,
) -> Vec<u32> {
    let seeds = units.first().map_or(0, Vec::len);
    let mut extreme = vec![0u32; units.len()];
    let mut blocks = draws as usize / LANES;
    while blocks > 0 {
        let round = blocks.min(BLOCKS_OF_A_ROUND);
        blocks -= round;
        let words = LANES * seeds.div_ceil(64);
        let drawn: Vec<Vec<u64>> =
            (0..round).map(|_| (0..words).map(|_| bits()).collect()).collect();
        let of_tasks = drawn.par_chunks(BLOCKS_OF_A_TASK).map(|drawn| {
            let blocks: Vec<_> = drawn.iter().map(|bits| sign_flips(seeds, bits)).collect();
            count_blocks(units, &blocks, reached_from)
        });
        let of_round = of_tasks.reduce(Vec::new, |a, b| match (a.is_empty(), b.is_empty()) {
            (true, _) => b,
            (_, true) => a,
            _ => a.iter().zip(b).map(|(a, b)| a + b).collect(),
        });
        extreme.iter_mut().zip(of_round).for_each(|(extreme, more)| *extreme += more);
    }
    extreme
}

/// Sign bits to flip for each seed [n_seeds x LANES], from `LANES` sign vectors, each of which is a
/// row of `bits`: one bit per seed, where 1 leaves the sign unchanged.
fn sign_flips(seeds: usize, bits: &[u64]) -> Vec<Lanes<u64>> {
    let mut flips = vec![[0; LANES]; seeds];
    for (lane, bits) in bits.chunks(seeds.div_ceil(64)).enumerate() {
        for (r, flips) in flips.iter_mut().enumerate() {
            flips[lane] = (!bits[r / 64] >> (r % 64) & 1) << 63;
        }
    }
    flips
}

/// The same count over blocks of `LANES` sign vectors each. A group of comparisons stays in the
/// first-level cache while all blocks pass over it.
fn count_blocks(units: &[Vec<f64>], blocks: &[Vec<Lanes<u64>>], reached_from: &[f64]) -> Vec<u32> {
    let mut extreme = vec![0u32; units.len()];
    let mut largest = vec![[0.0f64; LANES]; blocks.len()];
    for ((units, from), extreme) in units
        .chunks(GROUP)
        .zip(reached_from.chunks(GROUP))
        .zip(extreme.chunks_mut(GROUP))
    {
        for (flips, largest) in blocks.iter().zip(&mut largest) {
            for ((unit, from), extreme) in units.iter().zip(from).zip(&mut *extreme) {
                // Every lane adds one seed after another, in the same order as for a single sign
                // vector, so that sums are equal bit for bit.
                let mut sums = [0.0f64; LANES];
                for (unit, flips) in unit.iter().zip(flips) {
                    for (sum, flip) in sums.iter_mut().zip(flips) {
                        *sum += f64::from_bits(unit.to_bits() ^ flip);
                    }
                }
                for (largest, sum) in largest.iter_mut().zip(sums) {
                    if sum.abs() > *largest {
                        *largest = sum.abs();
                    }
                    *extreme += u32::from(*largest >= *from);
                }
            }
        }
    }
    extreme
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::sign_flip;
    use crate::stats::signflip::tests::random_bits;

    fn no_bits() -> u64 {
        unreachable!("every sign vector is counted")
    }

    fn single(differences: &[Vec<Option<f64>>]) -> Vec<f64> {
        let own = |d: &Vec<Option<f64>>| {
            sign_flip(&d.iter().flatten().copied().collect::<Vec<_>>(), no_bits).p
        };
        differences.iter().map(own).collect()
    }

    fn corrected(differences: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
        max_t(differences, &single(differences), no_bits).p
    }

    /// Numerator and squared denominator of the statistic under some signs: compared as fractions,
    /// without rounding.
    fn fraction(differences: &[Option<i64>], signs: u32) -> (i64, i64) {
        let signed = |(r, d): (usize, &Option<i64>)| {
            d.map_or(0, |d| if signs >> r & 1 == 1 { -d } else { d })
        };
        let sum: i64 = differences.iter().enumerate().map(signed).sum();
        (sum * sum, differences.iter().flatten().map(|d| d * d).sum::<i64>().max(1))
    }

    /// Algorithm 4.1 of Westfall and Young as published, over all sign vectors of integer
    /// differences.
    fn brute_force(differences: &[Vec<Option<i64>>]) -> Vec<Option<f64>> {
        let seeds = differences[0].len();
        let at_least = |a: (i64, i64), b: (i64, i64)| a.0 * b.1 >= b.0 * a.1;
        let tested: Vec<usize> = (0..differences.len())
            .filter(|&i| differences[i].iter().any(Option::is_some))
            .collect();
        let share = |i: usize| {
            let seen = fraction(&differences[i], 0);
            let rivals =
                || tested.iter().filter(|&&j| at_least(seen, fraction(&differences[j], 0)));
            let reached =
                |signs: &u32| rivals().any(|&j| at_least(fraction(&differences[j], *signs), seen));
            (0..1u32 << seeds).filter(reached).count() as f64 / f64::from(1u32 << seeds)
        };
        let p = |i: usize| {
            let ahead = tested
                .iter()
                .filter(|&&j| at_least(fraction(&differences[j], 0), fraction(&differences[i], 0)));
            tested.contains(&i).then(|| ahead.map(|&j| share(j)).fold(0.0, f64::max))
        };
        (0..differences.len()).map(p).collect()
    }

    fn family() -> impl Strategy<Value = Vec<Vec<Option<i64>>>> {
        let difference = prop_oneof![8 => (-4i64..=4).prop_map(Some), 1 => Just(None), 1 => (-90i64..=90).prop_map(Some)];
        (1usize..8).prop_flat_map(move |n| {
            prop::collection::vec(prop::collection::vec(difference.clone(), n), 1..6)
        })
    }

    fn scaled(family: &[Vec<Option<i64>>], by: f64) -> Vec<Vec<Option<f64>>> {
        family
            .iter()
            .map(|own| own.iter().map(|d| d.map(|d| d as f64 * by)).collect())
            .collect()
    }

    proptest! {
        #[test]
        fn p_is_that_of_brute_force(family in family()) {
            // Tenths are not exact in binary, and squares of the last two leave the range of
            // floats: ties must be found nevertheless.
            for by in [1.0, 0.1, 1e-200, 1e300] {
                prop_assert_eq!(corrected(&scaled(&family, by)), brute_force(&family));
            }
        }

        #[test]
        fn p_never_shrinks_and_one_comparison_keeps_its_own(family in family()) {
            let family = scaled(&family, 0.1);
            let (own, all) = (single(&family), corrected(&family));
            for (i, p) in all.iter().enumerate() {
                prop_assert!(p.is_none_or(|p| p >= own[i] && p <= 1.0));
                let alone = corrected(&family[i..=i])[0];
                prop_assert_eq!(alone, p.map(|_| own[i]));
                prop_assert!(p.is_none_or(|p| p >= smallest_p_max_t(family[i].iter().flatten().count(), 8, 6)));
            }
        }

        #[test]
        fn neither_order_nor_direction_nor_scale_matters(family in family(), turn in 0usize..6, sign in any::<bool>()) {
            let mut other = scaled(&family, 1.0);
            let turn = turn % other.len();
            other.rotate_left(turn);
            let by = if sign { -3.0 } else { 7.0 };
            other[0].iter_mut().flatten().for_each(|d| *d *= by);
            let mut expected = corrected(&scaled(&family, 1.0));
            expected.rotate_left(turn);
            prop_assert_eq!(corrected(&other), expected);
        }
    }

    #[test]
    fn a_real_effect_is_found_next_to_a_hundred_times_its_spread() {
        let effect = [1.1, 0.8, 1.3, 0.9, 1.0, 1.2, 0.7, 1.4].map(Some).to_vec();
        let wild = [90.0, -120.0, 75.0, 110.0, -80.0, -95.0, 130.0, -60.0].map(Some).to_vec();
        let p = corrected(&[effect, wild.clone(), wild]);
        assert_eq!(p[0], Some(0.5f64.powi(7)));
        assert!(p[1] > Some(0.5));
        assert_eq!(p[1], p[2], "equal comparisons have equal p");
    }

    #[test]
    fn comparisons_without_a_pair_or_a_difference_show_nothing() {
        assert_eq!(corrected(&[]), []);
        assert_eq!(corrected(&[vec![], vec![]]), [None, None]);
        let p = corrected(&[vec![None, None], vec![Some(0.0), Some(0.0)], vec![Some(1.0), None]]);
        assert_eq!(p, [None, Some(1.0), Some(1.0)]);
    }

    /// `count_drawn` one sign vector after another, as it is defined.
    fn count_one_by_one(
        units: &[Vec<f64>],
        reached_from: &[f64],
        draws: u32,
        mut bits: impl FnMut() -> u64,
    ) -> Vec<u32> {
        let mut extreme = vec![0; units.len()];
        for _ in 0..draws {
            let signs: Vec<u64> = (0..units[0].len().div_ceil(64)).map(|_| bits()).collect();
            let sign = |r: usize| if signs[r / 64] >> (r % 64) & 1 == 1 { 1.0 } else { -1.0 };
            let mut largest = 0.0f64;
            for ((unit, from), extreme) in units.iter().zip(reached_from).zip(&mut extreme) {
                let sum = unit.iter().enumerate().fold(0.0, |sum, (r, unit)| sum + sign(r) * unit);
                largest = largest.max(sum.abs());
                *extreme += u32::from(largest >= *from);
            }
        }
        extreme
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Counts are exactly equal: the order of additions does not depend on the vectors
        /// processed together, nor on the thread.
        #[test]
        fn sign_vectors_side_by_side_count_as_one_by_one(
            seeds in 1usize..200,
            comparisons in 1usize..150,
            blocks in 1u32..80,
            threads in 1usize..4,
            state in any::<u64>(),
        ) {
            let mut noise = random_bits(state);
            let mut unit = || (noise() >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
            let units: Vec<Vec<f64>> = (0..comparisons).map(|_| (0..seeds).map(|_| unit()).collect()).collect();
            let mut reached_from: Vec<f64> =
                units.iter().map(|unit| unit.iter().sum::<f64>().abs()).collect();
            reached_from.sort_by(f64::total_cmp);
            let draws = blocks * LANES as u32;
            let expected = count_one_by_one(&units, &reached_from, draws, random_bits(!state));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| count_drawn(&units, &reached_from, draws, random_bits(!state)));
            prop_assert_eq!(found, expected);
        }
    }

    /// Above the limit sign vectors are drawn, one bit per seed for all comparisons together.
    #[test]
    fn drawn_sign_vectors_agree_with_counted_ones() {
        let mut bits = random_bits(7);
        let mut noise = || (bits() >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        let family: Vec<Vec<Option<f64>>> = [0.3, 0.15, 0.0]
            .map(|shift| (0..16).map(|_| Some(noise() + shift)).collect())
            .to_vec();
        let counted = corrected(&family);
        // Pairs without a difference change no sum; they only raise the number of seeds to where
        // vectors are drawn.
        let padded: Vec<Vec<Option<f64>>> = family
            .iter()
            .map(|own| own.iter().copied().chain([Some(0.0); 12]).collect())
            .collect();
        let drawn = max_t(&padded, &[0.0; 3], bits);
        assert_eq!(drawn.draws, Some(DRAWS));
        for (drawn, counted) in drawn.p.iter().zip(counted) {
            let (drawn, counted) = (drawn.unwrap(), counted.unwrap());
            assert!(
                (drawn - counted).abs() < 5.0 * (counted * (1.0 - counted) / 1e5).sqrt(),
                "{drawn}, {counted}"
            );
        }
    }
}
