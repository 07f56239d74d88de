//! Shapley values (Shapley 1953): how much of the difference between "nothing is changed" and
//! "everything is changed" belongs to each change.

/// Shapley value of each of k changes: what it adds, averaged over all k! orders in which the
/// changes can be made. `values[s]` [2^k] is the outcome where change `i` is made if bit `i` of `s`
/// is set. The values add up to the last outcome minus the first.
///
/// # Panics
/// If the number of outcomes is no power of two.
pub fn shapley(values: &[f64]) -> Vec<f64> {
    assert!(values.len().is_power_of_two(), "one outcome for each set of changes");
    let changes = values.len().ilog2();
    // Of the k! orders, s! (k - 1 - s)! make exactly the s changes of a set before a given one:
    // their share is 1 / (k C(k - 1, s)).
    let mut share = Vec::new();
    let mut choices = 1.0;
    for made in 0..changes {
        share.push(1.0 / (f64::from(changes) * choices));
        choices *= f64::from(changes - 1 - made) / f64::from(made + 1);
    }
    let of_change = |change: u32| {
        let bit = 1usize << change;
        let without = (0..values.len()).filter(|set| set & bit == 0);
        without
            .map(|set| share[set.count_ones() as usize] * (values[set | bit] - values[set]))
            .sum()
    };
    (0..changes).map(of_change).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, as a mean over all orders.
    fn over_all_orders(values: &[f64]) -> Vec<f64> {
        fn walk(values: &[f64], made: usize, totals: &mut [f64], orders: &mut f64) -> f64 {
            let open: Vec<usize> = (0..totals.len()).filter(|i| made >> i & 1 == 0).collect();
            if open.is_empty() {
                *orders += 1.0;
                return 1.0;
            }
            let mut below = 0.0;
            for i in open {
                let next = made | 1 << i;
                let orders = walk(values, next, totals, orders);
                totals[i] += orders * (values[next] - values[made]);
                below += orders;
            }
            below
        }
        let mut totals = vec![0.0; values.len().ilog2() as usize];
        let mut orders = 0.0;
        walk(values, 0, &mut totals, &mut orders);
        totals.iter().map(|total| total / orders).collect()
    }

    fn outcomes() -> impl Strategy<Value = Vec<f64>> {
        (0u32..7).prop_flat_map(|k| prop::collection::vec(-100.0..100.0f64, 1 << k))
    }

    proptest! {
        #[test]
        fn it_is_the_mean_over_all_orders_and_adds_up(values in outcomes()) {
            let found = shapley(&values);
            let expected = over_all_orders(&values);
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                prop_assert!((found - expected).abs() < 1e-11, "{found}, expected {expected}");
            }
            let whole = values[values.len() - 1] - values[0];
            prop_assert!((found.iter().sum::<f64>() - whole).abs() < 1e-10);
        }

        #[test]
        fn changes_that_do_not_interact_keep_what_they_do(
            effects in prop::collection::vec(-10.0..10.0f64, 1..7),
        ) {
            let outcome = |set: usize| {
                effects.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, e)| e).sum()
            };
            let values: Vec<f64> = (0..1 << effects.len()).map(outcome).collect();
            for (found, effect) in shapley(&values).iter().zip(&effects) {
                prop_assert!((found - effect).abs() < 1e-12);
            }
        }
    }

    /// The glove game of Shapley and Shubik (1969): one left and two right gloves, a pair is worth
    /// 1. Its values are 2/3, 1/6 and 1/6.
    #[test]
    fn gloves() {
        let pair = |set: u32| f64::from(u8::from(set & 1 == 1 && set > 1));
        let found = shapley(&(0..8).map(pair).collect::<Vec<_>>());
        for (found, expected) in found.iter().zip([2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]) {
            assert!((found - expected).abs() < 1e-15, "{found}, expected {expected}");
        }
    }
}
