//! Student's t distribution.

use super::special::incomplete_beta;

/// P(T > t) for t >= 0 with `df` degrees of freedom.
fn upper_tail(t: f64, df: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    let total = df + t * t;
    0.5 * incomplete_beta(df / total, t * t / total, df / 2.0, 0.5)
}

/// P(T <= t) with `df` > 0 degrees of freedom.
pub fn t_cdf(t: f64, df: f64) -> f64 {
    let tail = upper_tail(t.abs(), df);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// Quantile: the t below which a share `p` of the distribution lies; infinite for 0 and 1.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if p < 0.5 {
        return -t_quantile(1.0 - p, df);
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let tail = 1.0 - p;
    let (mut low, mut high) = (0.0, 1.0);
    while upper_tail(high, df) > tail {
        low = high;
        high *= 2.0;
    }
    // Bisection down to two adjacent floats: slow compared with other methods, fast enough for a
    // table, and it always converges.
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        if upper_tail(middle, df) > tail { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() <= 1e-10 * expected.abs().max(1.0),
            "{found}, expected {expected}"
        );
    }

    // from scipy.stats import t; for p, df in ...: print(repr(t.ppf(p, df)))
    #[test]
    fn quantiles_equal_scipy() {
        for (p, df, expected) in [
            (0.975, 1.0, 12.706204736174694),
            (0.975, 2.0, 4.302652729749462),
            (0.975, 4.0, 2.7764451051977934),
            (0.975, 7.0, 2.364624251592784),
            (0.975, 9.0, 2.262157162798205),
            (0.975, 19.0, 2.0930240544083087),
            (0.995, 2.0, 9.924843200918287),
            (0.9, 5.0, 1.4758840488244815),
            (0.975, 9999.0, 1.960201263621357),
            (0.75, 3.5, 0.7509370293940778),
            (0.5, 6.0, 0.0),
        ] {
            close(t_quantile(p, df), expected);
            close(t_quantile(1.0 - p, df), -expected);
        }
    }

    // for x, df in ...: print(repr(t.cdf(x, df)))
    #[test]
    fn probabilities_equal_scipy() {
        for (x, df, expected) in [
            (0.0, 3.0, 0.5),
            (1.0, 1.0, 0.75),
            (-1.0, 2.0, 0.2113248654051871),
            (2.5, 4.0, 0.966616727594006),
            (-3.0, 9.0, 0.007478181955207111),
            (0.001, 7.0, 0.5003849913775006),
            (12.0, 2.0, 0.9965635331614208),
            (-40.0, 5.0, 9.205981085886477e-08),
            (1.96, 9999.0, 0.9749882384973949),
            (0.3, 0.5, 0.5775704239347546),
        ] {
            close(t_cdf(x, df), expected);
        }
    }
}
