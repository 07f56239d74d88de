//! Critical difference of mean ranks (Nemenyi 1963; Demsar 2006).

use super::normal::normal_cdf;

/// Step of the trapezoidal rule, which converges faster than any power of it: the integrand is
/// analytic and vanishes at both ends.
const STEP: f64 = 1.0 / 64.0;

/// Half the range of integration: the normal density is below 1e-17 beyond.
const REACH: f64 = 9.0;

/// Smallest difference of two mean ranks over `blocks` that is significant at level `alpha` among
/// all pairs of `methods`: q sqrt(k (k + 1) / (6 N)), where q is the quantile of the studentised
/// range with infinitely many degrees of freedom, divided by sqrt(2). `None` with fewer than two
/// methods or without a block.
pub fn critical_difference(methods: usize, blocks: usize, alpha: f64) -> Option<f64> {
    if methods < 2 || blocks == 0 {
        return None;
    }
    let (k, n) = (methods as f64, blocks as f64);
    let q = range_quantile(methods, 1.0 - alpha) / std::f64::consts::SQRT_2;
    Some(q * (k * (k + 1.0) / (6.0 * n)).sqrt())
}

/// Quantile of the range of `k` independent standard normal values.
fn range_quantile(k: usize, p: f64) -> f64 {
    // z, its density times the step, and P(Z <= z)
    let points = (2.0 * REACH / STEP) as usize;
    let grid: Vec<[f64; 3]> = (0..=points)
        .map(|i| {
            let z = i as f64 * STEP - REACH;
            let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
            [z, STEP * density, normal_cdf(z)]
        })
        .collect();
    // The largest value is z, and the other k - 1 are between z - q and z.
    let probability = |q: f64| -> f64 {
        let part = |[z, weight, below]: &[f64; 3]| {
            weight * (below - normal_cdf(z - q)).max(0.0).powf(k as f64 - 1.0)
        };
        k as f64 * grid.iter().map(part).sum::<f64>()
    };
    let (mut low, mut high) = (0.0, 2.0 * REACH);
    while high - low > 1e-12 {
        let middle = f64::midpoint(low, high);
        if probability(middle) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MPMATH: [(usize, f64, f64); 7] = [
        (2, 0.05, 1.959963984540054),
        (3, 0.05, 2.343700586378409),
        (5, 0.05, 2.727774370870376),
        (10, 0.05, 3.163683577053372),
        (10, 0.01, 3.646291548382994),
        (50, 0.05, 3.992343290009412),
        (1000, 0.05, 5.211113569560087),
    ];

    // mpmath: k * quad(pdf(z) * (cdf(z) - cdf(z - q))^(k - 1)) = 1 - alpha, solved for q / sqrt(2)
    #[test]
    fn quantiles_equal_an_independent_integration() {
        for (k, alpha, expected) in MPMATH {
            let found = range_quantile(k, 1.0 - alpha) / std::f64::consts::SQRT_2;
            assert!((found - expected).abs() < 1e-9, "{k}, {alpha}: {found}, expected {expected}");
        }
    }

    #[test]
    fn the_tables_of_demsar_are_met() {
        let table = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164];
        for (k, expected) in (2..).zip(table) {
            let found = range_quantile(k, 0.95) / std::f64::consts::SQRT_2;
            assert!((found - expected).abs() < 1.01e-3, "{k}: {found}");
        }
        let table = [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920];
        for (k, expected) in (2..).zip(table) {
            let found = range_quantile(k, 0.90) / std::f64::consts::SQRT_2;
            assert!((found - expected).abs() < 1.01e-3, "{k}: {found}");
        }
        // His example: four classifiers on fourteen sets, 5 %.
        let found = critical_difference(4, 14, 0.05).unwrap();
        assert!((found - 1.25).abs() < 0.005, "{found}");
        assert_eq!(critical_difference(1, 14, 0.05), None);
        assert_eq!(critical_difference(4, 0, 0.05), None);
    }
}
