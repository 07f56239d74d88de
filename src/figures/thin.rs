//! Simplification of curves by largest-triangle-three-buckets (Steinarsson 2013).

/// Indices of at most `limit` of the values, ascending, including the first and the last; all of
/// them if there are not more.
pub(crate) fn thin(values: &[f64], limit: usize) -> Vec<usize> {
    let count = values.len();
    if count <= limit || limit < 3 {
        return if count <= limit { (0..count).collect() } else { vec![0, count - 1] };
    }
    let buckets = limit - 2;
    let edge = |bucket: usize| 1 + bucket * (count - 2) / buckets;
    let mut kept = vec![0];
    for bucket in 0..buckets {
        let next = edge(bucket + 1)..if bucket + 1 == buckets { count } else { edge(bucket + 2) };
        let length = next.len() as f64;
        let middle = next.clone().sum::<usize>() as f64 / length;
        let mean = values[next].iter().sum::<f64>() / length;
        let last = kept[kept.len() - 1];
        let area = |i: usize| {
            let (dx, dy) = (i as f64 - last as f64, values[i] - values[last]);
            (dx * (mean - values[last]) - (middle - last as f64) * dy).abs()
        };
        let chosen = (edge(bucket)..edge(bucket + 1)).max_by(|&a, &b| area(a).total_cmp(&area(b)));
        kept.extend(chosen);
    }
    kept.push(count - 1);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn indices_rise_from_the_first_to_the_last(count in 1usize..3000, limit in 3usize..500) {
            let values: Vec<f64> = (0..count).map(|i| (i as f64 * 0.37).sin()).collect();
            let kept = thin(&values, limit);
            prop_assert!(kept.len() <= limit.max(count.min(limit)));
            prop_assert!(kept.windows(2).all(|w| w[0] < w[1]));
            prop_assert_eq!((kept[0], kept[kept.len() - 1]), (0, count - 1));
        }
    }

    #[test]
    fn a_spike_of_one_epoch_survives() {
        let mut values: Vec<f64> = (0..10_000).map(|i| 100.0 + 50.0 / (1.0 + i as f64)).collect();
        values[6_123] = 180.0;
        assert!(thin(&values, 400).contains(&6_123));
    }
}
