//! Holm's correction for several comparisons.

/// p values adjusted by Holm (1979), so that the probability of any false positive remains below
/// the level: sorted ascending, p(i) becomes the largest of (k - j + 1) p(j) for j <= i, at most 1.
/// Valid under any dependence of the comparisons.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0f64;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[i]).min(1.0);
        adjusted[i] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::holm;

    #[test]
    fn worked_examples() {
        let close = |p: &[f64], expected: &[f64]| {
            for (found, expected) in holm(p).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
            }
        };
        // p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") in R
        close(&[0.01, 0.02, 0.03, 0.04], &[0.04, 0.06, 0.06, 0.06]);
        // p.adjust(c(0.04, 0.01, 0.6, 0.005), "holm"): order is kept
        close(&[0.04, 0.01, 0.6, 0.005], &[0.08, 0.03, 0.6, 0.02]);
        close(&[0.7, 0.9], &[1.0, 1.0]);
        close(&[0.03], &[0.03]);
        close(&[], &[]);
    }

    proptest! {
        #[test]
        fn adjusted_values_keep_their_order_and_never_shrink(p in prop::collection::vec(0.0f64..=1.0, 0..12)) {
            let adjusted = holm(&p);
            for i in 0..p.len() {
                prop_assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
                prop_assert!(adjusted[i] <= (p[i] * p.len() as f64).min(1.0) || p.iter().any(|q| *q < p[i]));
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}
