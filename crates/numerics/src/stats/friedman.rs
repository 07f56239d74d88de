//! Ranks of several methods over blocks, and Friedman's test of them (Friedman 1937; Demsar 2006).
//!
//! The p value is that of the permutation distribution: within each block every order of its ranks
//! is equally likely. It is counted exactly where that is possible, by adding one block after
//! another to the distribution of the rank sums; rank sums that are the same but for the order of
//! the methods have the same statistic and are one state.

use std::collections::BTreeMap;

use super::signflip::DRAWS;

/// Maximum number of steps (states times orders of a block) of the exact distribution.
const MOST_STEPS: usize = 2_000_000;

/// Maximum number of ranks that are shuffled, unless that leaves less than `FEWEST_DRAWS`.
const MOST_SHUFFLED: usize = 50_000_000;

/// Smallest number of draws.
const FEWEST_DRAWS: usize = 1_000;

/// Friedman's test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Friedman {
    /// Friedman's chi-squared, corrected for ties; 0 if every block ties all methods.
    pub statistic: f64,
    /// Share of the orders within blocks whose statistic is as large, or an estimate of it.
    pub p: f64,
    /// Number of random orders; `None` if every order was counted.
    pub draws: Option<u32>,
}

/// Ranks of values, 1 for the smallest; equal values share the mean of their ranks.
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = from as f64 + f64::midpoint(1.0, tied.len() as f64);
        for &i in tied {
            ranks[i] = rank;
        }
        from += tied.len();
    }
    ranks
}

/// Tests ranks [n_blocks][n_methods] of `mid_ranks`; `None` with fewer than two methods or without
/// a block. `bits` supplies random bits if orders are drawn.
///
/// # Panics
/// If the blocks differ in their number of methods.
pub fn friedman(ranks: &[Vec<f64>], bits: impl FnMut() -> u64) -> Option<Friedman> {
    let methods = ranks.first()?.len();
    assert!(
        ranks.iter().all(|block| block.len() == methods),
        "every block ranks every method"
    );
    if methods < 2 {
        return None;
    }
    // Twice the ranks are whole, so that statistics compare exactly.
    let mut doubled: Vec<Vec<u32>> = ranks
        .iter()
        .map(|block| block.iter().map(|rank| (2.0 * rank).round() as u32).collect())
        .collect();
    let seen = statistic(&sums(&doubled));
    for block in &mut doubled {
        block.sort_unstable();
    }
    let (p, draws) = match count_every(&doubled, seen) {
        Some(p) => (p, None),
        None => {
            let (p, draws) = count_drawn(&mut doubled, seen, bits);
            (p, Some(draws))
        }
    };
    Some(Friedman { statistic: chi_squared(&doubled, seen), p, draws })
}

fn sums(doubled: &[Vec<u32>]) -> Vec<u32> {
    let methods = doubled.first().map_or(0, Vec::len);
    (0..methods).map(|j| doubled.iter().map(|block| block[j]).sum()).collect()
}

/// Sum of squares of doubled rank sums: it orders rank tables as Friedman's statistic does, whose
/// other parts no order within a block changes.
fn statistic(sums: &[u32]) -> u64 {
    sums.iter().map(|sum| u64::from(*sum).pow(2)).sum()
}

/// Friedman's chi-squared with the correction for ties, from sorted doubled ranks.
fn chi_squared(doubled: &[Vec<u32>], seen: u64) -> f64 {
    let (n, k) = (doubled.len() as f64, doubled[0].len() as f64);
    let tied = |block: &Vec<u32>| -> f64 {
        let runs = block.chunk_by(|a, b| a == b);
        runs.map(|run| (run.len() as f64).powi(3) - run.len() as f64).sum()
    };
    let ties = doubled.iter().map(tied).sum::<f64>();
    let correction = 1.0 - ties / (n * k * (k * k - 1.0));
    if correction <= 0.0 {
        return 0.0;
    }
    let plain = 12.0 / (n * k * (k + 1.0)) * (seen as f64 / 4.0) - 3.0 * n * (k + 1.0);
    (plain / correction).max(0.0)
}

/// Share of the orders within blocks whose statistic reaches `seen`; `None` if there are too many.
fn count_every(blocks: &[Vec<u32>], seen: u64) -> Option<f64> {
    let (last, rest) = blocks.split_last()?;
    let mut states = BTreeMap::from([(vec![0u32; last.len()], 1.0f64)]);
    let mut steps = 0usize;
    for (i, block) in rest.iter().enumerate() {
        // By symmetry the first block may keep its order.
        let orders = if i == 0 { vec![block.clone()] } else { orders(block)? };
        steps = steps.saturating_add(states.len().saturating_mul(orders.len()));
        if steps > MOST_STEPS {
            return None;
        }
        let mut next: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
        for (state, share) in &states {
            for order in &orders {
                let mut sums: Vec<u32> = state.iter().zip(order).map(|(a, b)| a + b).collect();
                sums.sort_unstable();
                *next.entry(sums).or_default() += share / orders.len() as f64;
            }
        }
        states = next;
    }
    let orders = orders(last)?;
    if steps.saturating_add(states.len().saturating_mul(orders.len())) > MOST_STEPS {
        return None;
    }
    let mut p = 0.0;
    for (state, share) in &states {
        let reached = |order: &&Vec<u32>| {
            let squares = state.iter().zip(*order).map(|(a, b)| u64::from(a + b).pow(2));
            squares.sum::<u64>() >= seen
        };
        p += share * orders.iter().filter(reached).count() as f64 / orders.len() as f64;
    }
    Some(p.min(1.0))
}

/// Every distinct order of sorted ranks, ascending; `None` if there are too many.
fn orders(sorted: &[u32]) -> Option<Vec<Vec<u32>>> {
    if order_count(sorted) > MOST_STEPS as f64 {
        return None;
    }
    let mut all = vec![sorted.to_vec()];
    loop {
        let mut next = all[all.len() - 1].clone();
        let Some(i) = next.windows(2).rposition(|pair| pair[0] < pair[1]) else {
            return Some(all);
        };
        let j = next.iter().rposition(|rank| *rank > next[i]).unwrap_or(i + 1);
        next.swap(i, j);
        next[i + 1..].reverse();
        all.push(next);
    }
}

/// Number of distinct orders of sorted ranks: k! over the factorials of the numbers of ties. Counted
/// before any order is made, because many methods have more than fit into memory.
fn order_count(sorted: &[u32]) -> f64 {
    let runs = sorted.chunk_by(|a, b| a == b);
    let (mut count, mut placed) = (1.0, 0.0);
    for run in runs {
        for i in 1..=run.len() {
            placed += 1.0;
            count *= placed / i as f64;
        }
    }
    count
}

/// The same share, estimated from random orders, with their number. The observed order counts as
/// one of them, so that p is never 0 (Phipson and Smyth 2010).
fn count_drawn(blocks: &mut [Vec<u32>], seen: u64, mut bits: impl FnMut() -> u64) -> (f64, u32) {
    let ranks = blocks.len() * blocks[0].len();
    let draws = (MOST_SHUFFLED / ranks).clamp(FEWEST_DRAWS, DRAWS as usize) as u32;
    let mut extreme = 0u32;
    let mut sums = vec![0u32; blocks[0].len()];
    for _ in 0..draws {
        sums.fill(0);
        for block in blocks.iter_mut() {
            for i in (1..block.len()).rev() {
                // The upper half of a product is uniform over 0..=i but for 2^-64.
                let j = (u128::from(bits()) * (i as u128 + 1)) >> 64;
                block.swap(i, j as usize);
            }
            sums.iter_mut().zip(block.iter()).for_each(|(sum, rank)| *sum += rank);
        }
        extreme += u32::from(statistic(&sums) >= seen);
    }
    for block in blocks.iter_mut() {
        block.sort_unstable();
    }
    (f64::from(extreme + 1) / f64::from(draws + 1), draws)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::signflip::tests::random_bits;

    fn exact(values: &[Vec<f64>]) -> Friedman {
        let ranks: Vec<Vec<f64>> = values.iter().map(|block| mid_ranks(block)).collect();
        friedman(&ranks, || unreachable!("every order is counted")).unwrap()
    }

    // scipy.stats.friedmanchisquare(*zip(*values)); the last, of two methods, in fractions
    #[test]
    fn statistics_equal_scipy() {
        for (values, expected) in SCIPY {
            let values: Vec<Vec<f64>> = values.iter().map(|block| block.to_vec()).collect();
            let found = exact(&values).statistic;
            assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
        }
    }

    const SCIPY: [(&[&[f64]], f64); 3] = [
        (
            &[
                &[1.0, 2.0, 3.0],
                &[2.0, 1.0, 3.5],
                &[0.5, 0.7, 0.9],
                &[4.0, 3.0, 5.0],
                &[1.0, 1.5, 0.2],
                &[7.0, 8.0, 9.0],
            ],
            4.333333333333333,
        ),
        (
            &[
                &[1.0, 1.0, 3.0, 2.0],
                &[2.0, 2.0, 2.0, 1.0],
                &[0.5, 0.7, 0.9, 0.9],
                &[4.0, 3.0, 5.0, 6.0],
                &[1.0, 1.5, 0.2, 0.2],
                &[7.0, 8.0, 9.0, 9.0],
                &[3.0, 1.0, 2.0, 5.0],
            ],
            3.483_870_967_741_935_5,
        ),
        (&[&[0.1, 0.2], &[0.3, 0.1], &[0.1, 0.4], &[0.2, 0.2], &[0.1, 0.9]], 1.0),
    ];

    #[test]
    fn agreement_of_all_blocks_has_the_smallest_p() {
        for (methods, blocks) in [(2, 6), (3, 4), (4, 3), (5, 2)] {
            let values = vec![(0..methods).map(f64::from).collect::<Vec<f64>>(); blocks];
            let orders: f64 = (1..=methods).map(f64::from).product();
            let expected = orders.powi(1 - blocks as i32);
            let found = exact(&values);
            assert!((found.p - expected).abs() < 1e-12 * expected, "{} {expected}", found.p);
            let largest = blocks as f64 * f64::from(methods - 1);
            assert!((found.statistic - largest).abs() < 1e-9);
        }
        let tied = exact(&[vec![1.0, 1.0], vec![2.0, 2.0]]);
        assert_eq!((tied.statistic, tied.p), (0.0, 1.0));
        assert_eq!(friedman(&[], || 0), None);
        assert_eq!(friedman(&[vec![1.0]], || 0), None);
    }

    #[test]
    fn ranks_of_ties_are_their_mean() {
        assert_eq!(mid_ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
        assert_eq!(mid_ranks(&[0.0, -0.0]), [1.5, 1.5]);
        assert!(mid_ranks(&[]).is_empty());
    }

    #[test]
    fn orders_are_counted_as_they_are_made() {
        for ranks in [&[2, 4, 6][..], &[3, 3, 6], &[4, 4, 4], &[2, 5, 5, 9, 9, 12], &[2]] {
            assert!((orders(ranks).unwrap().len() as f64 - order_count(ranks)).abs() < 1e-9);
        }
        assert!(orders(&(0..1250).collect::<Vec<u32>>()).is_none());
    }

    #[test]
    fn drawn_orders_estimate_the_exact_share() {
        let values: Vec<Vec<f64>> =
            [[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0], [1.0, 3.0, 2.0, 4.0]]
                .into_iter()
                .map(Vec::from)
                .collect();
        let found = exact(&values);
        let mut doubled: Vec<Vec<u32>> = values
            .iter()
            .map(|block| block.iter().map(|v| 2 * *v as u32).collect())
            .collect();
        let seen = statistic(&sums(&doubled));
        let (p, draws) = count_drawn(&mut doubled, seen, random_bits(7));
        let error = (found.p * (1.0 - found.p) / f64::from(draws)).sqrt();
        assert!((p - found.p).abs() < 4.0 * error, "{p}, exactly {}", found.p);
    }

    #[test]
    fn many_methods_are_drawn_and_repeat() {
        let mut bits = random_bits(3);
        let values: Vec<Vec<f64>> =
            (0..8).map(|_| (0..40).map(|_| (bits() >> 40) as f64).collect()).collect();
        let ranks: Vec<Vec<f64>> = values.iter().map(|block| mid_ranks(block)).collect();
        let [a, b] = [0, 0].map(|state| friedman(&ranks, random_bits(state)).unwrap());
        assert_eq!(a, b);
        assert_eq!(a.draws, Some(DRAWS));
        assert!(a.p > 0.001, "{}", a.p);
    }

    proptest! {
        /// Every order of every block, as the definition says, in integers.
        #[test]
        fn the_p_is_that_of_plain_enumeration(
            values in (2usize..4).prop_flat_map(|k| prop::collection::vec(prop::collection::vec(0u8..4, k), 1..5))
        ) {
            let values: Vec<Vec<f64>> =
                values.iter().map(|block| block.iter().map(|v| f64::from(*v)).collect()).collect();
            let ranks: Vec<Vec<f64>> = values.iter().map(|block| mid_ranks(block)).collect();
            let k = ranks[0].len();
            let spread = |table: &[Vec<f64>]| -> f64 {
                (0..k).map(|j| table.iter().map(|block| block[j]).sum::<f64>().powi(2)).sum()
            };
            let permutations: Vec<Vec<usize>> = (0..k.pow(k as u32))
                .map(|code| (0..k).map(|i| code / k.pow(i as u32) % k).collect::<Vec<_>>())
                .filter(|order| (0..k).all(|j| order.contains(&j)))
                .collect();
            let (mut all, mut extreme) = (0u64, 0u64);
            for code in 0..permutations.len().pow(ranks.len() as u32) {
                let mut rest = code;
                let table: Vec<Vec<f64>> = ranks
                    .iter()
                    .map(|block| {
                        let order = &permutations[rest % permutations.len()];
                        rest /= permutations.len();
                        order.iter().map(|j| block[*j]).collect()
                    })
                    .collect();
                all += 1;
                extreme += u64::from(spread(&table) >= spread(&ranks) - 1e-9);
            }
            let expected = extreme as f64 / all as f64;
            prop_assert!((exact(&values).p - expected).abs() < 1e-9, "{} {}", exact(&values).p, expected);
        }
    }
}
