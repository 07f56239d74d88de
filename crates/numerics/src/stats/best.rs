//! Set of variants that may be the best: multiple comparisons with the best (Hsu 1984), by joint
//! sign flips in place of normal theory.
//!
//! A variant leaves the set if the data contradict that it is the best. Under that hypothesis no
//! other variant is better than it on average, so its differences from all others, oriented so that
//! positive ones speak against it, have means of at most zero. The statistic is the largest
//! studentised sum over the others; one sign per seed is flipped in all of them at once, because
//! they share the seeds. The true best leaves the set with probability alpha at most.

use rayon::prelude::*;

use super::maxt::{Lanes, sign_flips, standardised};
use super::signflip::{LANES, TIE};

/// Number of seeds up to which every sign vector is enumerated.
const EXACT_SEEDS: usize = 13;

/// Number of random sign vectors above `EXACT_SEEDS`.
const BEST_DRAWS: u32 = 10_000;

const _: () = assert!((BEST_DRAWS as usize).is_multiple_of(LANES), "every lane has a sign vector");

/// Set of variants that may be the best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestSet {
    /// True for each variant that may be the best; never false for all.
    pub may_be: Vec<bool>,
    /// Number of sign vectors drawn; `None` if all were enumerated.
    pub draws: Option<u32>,
}

/// The smallest number of seeds with which a variant can leave the set at level `alpha`: the test is
/// one-sided, so the smallest p value of n seeds is 2^-n.
pub fn seeds_to_leave_best_set(alpha: f64) -> Option<usize> {
    (1..=EXACT_SEEDS).find(|seeds| 0.5f64.powi(*seeds as i32) <= alpha)
}

/// The variants that may have the lowest mean, at level `alpha`: `values[v][r]` is that of variant
/// `v` with seed `r`, `None` where there is none. Two variants are compared on the seeds that both
/// have. `bits` supplies random bits where sign vectors are drawn.
///
/// # Panics
/// If the variants differ in their number of seeds.
pub fn best_set(values: &[Vec<Option<f64>>], alpha: f64, bits: impl FnMut() -> u64) -> BestSet {
    let signs = Signs::new(values, bits);
    let contenders: Vec<Contender> =
        (0..values.len()).map(|own| Contender::new(values, own, &signs.seeds)).collect();
    let mut may_be: Vec<bool> =
        contenders.par_iter().map(|own| own.p(&signs, alpha) > alpha).collect();
    // With every run the variant of the best mean stays, because no sum speaks against it. Where
    // runs are missing, comparisons are made on different seeds and may contradict each other.
    if !may_be.contains(&true)
        && let Some(least) =
            (0..may_be.len()).min_by(|a, b| contenders[*a].seen.total_cmp(&contenders[*b].seen))
    {
        may_be[least] = true;
    }
    BestSet { may_be, draws: signs.draws }
}

/// Sign vectors, the same for every variant.
struct Signs {
    /// Seeds with a value, by index.
    seeds: Vec<usize>,
    /// Sign bits to flip: blocks of [n_seeds] lanes.
    blocks: Vec<Vec<Lanes<u64>>>,
    /// Number of sign vectors in the blocks.
    count: usize,
    draws: Option<u32>,
}

impl Signs {
    fn new(values: &[Vec<Option<f64>>], mut bits: impl FnMut() -> u64) -> Self {
        let all = values.first().map_or(0, Vec::len);
        assert!(values.iter().all(|own| own.len() == all), "one value or none for each seed");
        let seeds: Vec<usize> =
            (0..all).filter(|&r| values.iter().any(|own| own[r].is_some())).collect();
        let exact = seeds.len() <= EXACT_SEEDS;
        let count = if exact { 1 << seeds.len() } else { BEST_DRAWS as usize };
        let words = LANES * seeds.len().div_ceil(64).max(1);
        let block = |block: usize| {
            let drawn: Vec<u64> = if exact {
                (0..words).map(|lane| (block * LANES + lane) as u64).collect()
            } else {
                (0..words).map(|_| bits()).collect()
            };
            sign_flips(seeds.len(), &drawn)
        };
        let blocks = if seeds.is_empty() { 0 } else { count.div_ceil(LANES) };
        Self {
            blocks: (0..blocks).map(block).collect(),
            count,
            draws: (!exact).then_some(BEST_DRAWS),
            seeds,
        }
    }
}

/// A variant, as the hypothesis that it is the best.
struct Contender {
    /// Differences from each other variant over the root of their sum of squares, oriented so that
    /// positive ones speak against this variant [n_others][n_seeds].
    against: Vec<Vec<f64>>,
    /// The largest sum over the others; zero without any.
    seen: f64,
}

impl Contender {
    fn new(values: &[Vec<Option<f64>>], own: usize, seeds: &[usize]) -> Self {
        let difference = |other: usize, r: usize| Some(values[own][r]? - values[other][r]?);
        let against: Vec<Vec<f64>> = (0..values.len())
            .filter(|other| *other != own)
            .map(|other| seeds.iter().map(|&r| difference(other, r)).collect::<Vec<_>>())
            .filter(|differences| differences.iter().any(Option::is_some))
            .map(|differences| standardised(&differences))
            .collect();
        let sums = against.iter().map(|unit| unit.iter().sum::<f64>());
        let seen = sums.reduce(f64::max).unwrap_or(0.0);
        Self { against, seen }
    }

    /// p value of the hypothesis that this variant is the best; of a value above `enough` only that
    /// it is above.
    fn p(&self, signs: &Signs, enough: f64) -> f64 {
        // Statistics that are equal in exact arithmetic must count as ties.
        let from = self.seen - TIE * (signs.seeds.len() as f64).sqrt();
        if from <= 0.0 {
            // Of a sign vector and its opposite, one gives a largest sum of at least zero.
            return 1.0;
        }
        let drawn = f64::from(u8::from(signs.draws.is_some()));
        let share = |extreme: usize| (extreme as f64 + drawn) / (signs.count as f64 + drawn);
        let mut extreme = 0;
        for (block, flips) in signs.blocks.iter().enumerate() {
            let mut largest = [f64::NEG_INFINITY; LANES];
            for unit in &self.against {
                let mut sums = [0.0f64; LANES];
                for (unit, flips) in unit.iter().zip(flips) {
                    for (sum, flip) in sums.iter_mut().zip(flips) {
                        *sum += f64::from_bits(unit.to_bits() ^ flip);
                    }
                }
                for (largest, sum) in largest.iter_mut().zip(sums) {
                    if sum > *largest {
                        *largest = sum;
                    }
                }
            }
            // With fewer seeds than bits of a lane, the last lanes have no sign vector of their own.
            let lanes = LANES.min(signs.count - block * LANES);
            extreme += largest[..lanes].iter().filter(|largest| **largest >= from).count();
            if share(extreme) > enough {
                break;
            }
        }
        share(extreme)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::signflip::tests::random_bits;

    fn no_bits() -> u64 {
        unreachable!("every sign vector is enumerated")
    }

    fn p_values(values: &[Vec<Option<f64>>]) -> Vec<f64> {
        let signs = Signs::new(values, no_bits);
        (0..values.len())
            .map(|own| Contender::new(values, own, &signs.seeds).p(&signs, 1.0))
            .collect()
    }

    /// The definition over all sign vectors of whole numbers; statistics are compared as signed
    /// squares, without rounding.
    fn brute_force(values: &[Vec<Option<i64>>], own: usize) -> f64 {
        let seeds = values[0].len();
        // Numerator with its sign and denominator of the squared statistic.
        let statistic = |other: usize, signs: u32| {
            let pairs = values[own].iter().zip(&values[other]).enumerate();
            let differences: Vec<(usize, i64)> =
                pairs.filter_map(|(r, (a, b))| Some((r, (*a)? - (*b)?))).collect();
            let sum: i64 = (differences.iter())
                .map(|(r, d)| if signs >> r & 1 == 1 { -d } else { *d })
                .sum();
            let squares = differences.iter().map(|(_, d)| d * d).sum::<i64>().max(1);
            (!differences.is_empty()).then_some((sum * sum.abs(), squares))
        };
        let largest = |signs: u32| {
            let others = (0..values.len()).filter(|other| *other != own);
            others
                .filter_map(|other| statistic(other, signs))
                .max_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)))
        };
        let Some(seen) = largest(0) else { return 1.0 };
        let reaches =
            |signs: &u32| largest(*signs).is_some_and(|found| found.0 * seen.1 >= seen.0 * found.1);
        (0..1u32 << seeds).filter(reaches).count() as f64 / f64::from(1u32 << seeds)
    }

    fn table() -> impl Strategy<Value = Vec<Vec<Option<i64>>>> {
        let value = prop_oneof![9 => (-6i64..=6).prop_map(Some), 1 => Just(None)];
        (2usize..7, 1usize..8).prop_flat_map(move |(variants, seeds)| {
            prop::collection::vec(prop::collection::vec(value.clone(), seeds), variants)
        })
    }

    fn scaled(values: &[Vec<Option<i64>>], by: f64) -> Vec<Vec<Option<f64>>> {
        let one = |own: &Vec<Option<i64>>| own.iter().map(|x| x.map(|x| x as f64 * by)).collect();
        values.iter().map(one).collect()
    }

    proptest! {
        #[test]
        fn p_is_that_of_brute_force(values in table()) {
            // Seeds without any value change no share.
            for by in [1.0, 0.1, 1e-150] {
                for (own, found) in p_values(&scaled(&values, by)).into_iter().enumerate() {
                    let expected = brute_force(&values, own);
                    // Above one half only that is known.
                    let agree = if expected >= 0.5 { found >= 0.5 } else { found == expected };
                    prop_assert!(agree, "variant {own}: {found}, expected {expected}");
                }
            }
        }

        #[test]
        fn the_set_is_never_empty_and_has_the_best_mean(values in table(), alpha in 0.01..0.05f64) {
            let set = best_set(&scaled(&values, 1.0), alpha, no_bits);
            prop_assert!(set.may_be.contains(&true));
            let sums: Option<Vec<i64>> = values.iter().map(|own| own.iter().copied().sum()).collect();
            if let Some(sums) = sums {
                let best = sums.iter().min().unwrap();
                for (may_be, sum) in set.may_be.iter().zip(&sums) {
                    prop_assert!(*may_be || sum > best);
                }
            }
        }

        #[test]
        fn drawn_vectors_agree_with_enumerated_ones(state in any::<u64>()) {
            let mut noise = random_bits(state);
            let mut uniform = || (noise() >> 11) as f64 / (1u64 << 53) as f64;
            let values: Vec<Vec<Option<f64>>> =
                (0..4).map(|v| (0..12).map(|_| Some(uniform() + 0.1 * f64::from(v))).collect()).collect();
            // The same seeds and two that all variants share to the bit: they change no sum.
            let padded: Vec<Vec<Option<f64>>> =
                values.iter().map(|own| [own.as_slice(), &[Some(1.0); 2]].concat()).collect();
            let signs = Signs::new(&padded, random_bits(!state));
            prop_assert_eq!(signs.draws, Some(BEST_DRAWS));
            for (own, exact) in p_values(&values).into_iter().enumerate() {
                let drawn = Contender::new(&padded, own, &signs.seeds).p(&signs, 1.0);
                let error = (exact * (1.0 - exact) / f64::from(BEST_DRAWS)).sqrt();
                prop_assert!((drawn - exact).abs() < 5.0 * error + 2e-4, "{drawn}, exact {exact}");
            }
        }
    }

    #[test]
    fn five_seeds_can_rule_out_at_five_percent_and_four_cannot() {
        assert_eq!(seeds_to_leave_best_set(0.05), Some(5));
        for (seeds, out) in [(4, false), (5, true)] {
            let values =
                [0.0, 100.0].map(|shift| (0..seeds).map(|r| Some(shift + f64::from(r))).collect());
            assert_eq!(best_set(&values, 0.05, no_bits).may_be, [true, !out]);
        }
    }

    /// On different seeds, three variants can each be beaten by another one.
    #[test]
    fn a_circle_of_comparisons_leaves_the_least_contradicted() {
        let n = 6;
        let mut values = vec![vec![None; 3 * n]; 3];
        for pair in 0..3 {
            for r in 0..n {
                values[pair][pair * n + r] = Some(1.0 + 0.01 * r as f64);
                values[(pair + 1) % 3][pair * n + r] = Some(0.0);
            }
        }
        let mut state = random_bits(7);
        let set = best_set(&values, 0.05, &mut state);
        assert_eq!(set.may_be.iter().filter(|may_be| **may_be).count(), 1, "{set:?}");
    }
}
