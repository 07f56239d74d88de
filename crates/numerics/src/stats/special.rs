//! The log-gamma and the regularised incomplete beta function, to about 1e-13.

/// Coefficients B(2k) / (2k (2k - 1)) of Stirling's series.
const STIRLING: [f64; 6] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
];

/// ln Gamma(x), x > 0: Stirling's series, reached by Gamma(x + 1) = x Gamma(x).
pub(super) fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < 16.0 {
        product *= x;
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let series = STIRLING.iter().rev().fold(0.0, |sum, c| sum * inverse * inverse + c) * inverse;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - product.ln()
}

/// I_x(a, b), the regularised incomplete beta function, given both x and y = 1 - x so that neither
/// loses digits.
pub(super) fn incomplete_beta(x: f64, y: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    // The continued fraction converges fast below the mean; above it, the complement does, by
    // symmetry.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(y, x, b, a);
    }
    let front = (a * x.ln() + b * y.ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp() / a;
    front * fraction(x, a, b)
}

/// The continued fraction of I_x(a, b) (DLMF 8.17.22) by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..20_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            change = c * d;
            value *= change;
        }
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_gamma_meets_factorials_and_pi() {
        let mut factorial = 1.0f64;
        for n in 1..20 {
            assert!(
                (ln_gamma(f64::from(n)) - factorial.ln()).abs() < 1e-13 * factorial.ln().max(1.0),
                "{n}"
            );
            factorial *= f64::from(n);
        }
        assert!((ln_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-14);
    }

    #[test]
    fn incomplete_beta_meets_its_closed_forms() {
        for i in 0..=20 {
            let x = f64::from(i) / 20.0;
            let y = 1.0 - x;
            assert!((incomplete_beta(x, y, 1.0, 1.0) - x).abs() < 1e-14);
            assert!((incomplete_beta(x, y, 3.0, 1.0) - x.powi(3)).abs() < 1e-14);
            assert!((incomplete_beta(x, y, 1.0, 4.0) - (1.0 - y.powi(4))).abs() < 1e-14);
            let arcsine = 2.0 / std::f64::consts::PI * x.sqrt().asin();
            assert!((incomplete_beta(x, y, 0.5, 0.5) - arcsine).abs() < 1e-13, "{x}");
        }
    }
}
