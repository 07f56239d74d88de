//! The standard normal distribution.

/// P(Z <= z), to about 1e-15: the series of Marsaglia (2004), whose terms are all of one sign.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    if z.abs() > 8.5 {
        return f64::from(z > 0.0);
    }
    let (mut term, mut sum, mut k) = (z, z, 1.0);
    loop {
        k += 2.0;
        term *= z * z / k;
        let next = sum + term;
        if next == sum {
            return 0.5 + sum * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
        }
        sum = next;
    }
}

#[cfg(test)]
mod tests {
    use super::normal_cdf;

    // scipy.stats.norm.cdf
    #[test]
    fn probabilities_equal_scipy() {
        for (z, expected) in [
            (0.0, 0.5),
            (1.0, 0.8413447460685429),
            (-1.96, 0.024997895148220435),
            (3.0, 0.9986501019683699),
            (-5.0, 2.866515718791933e-07),
        ] {
            assert!((normal_cdf(z) - expected).abs() < 1e-15, "{z}: {}", normal_cdf(z));
        }
        assert_eq!((normal_cdf(-40.0), normal_cdf(40.0)), (0.0, 1.0));
    }
}
