//! Mean, spread and the t interval of a mean.

use super::student::t_quantile;

/// Confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Mean with its precision, estimated from the sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Size of the sample, at least 1.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation, divided by n - 1; `None` for a single value.
    pub sd: Option<f64>,
    /// Student's t interval of the mean; `None` for a single value.
    pub interval: Option<Interval>,
}

impl Estimate {
    /// The estimate from a sample at a confidence level such as 0.95; `None` from an empty one.
    pub fn of(sample: &[f64], level: f64) -> Option<Self> {
        let mean = mean(sample)?;
        let sd = sd(sample);
        let n = sample.len();
        let interval = sd.map(|sd| {
            let half =
                t_quantile(f64::midpoint(1.0, level), (n - 1) as f64) * sd / (n as f64).sqrt();
            Interval { low: mean - half, high: mean + half }
        });
        Some(Self { n, mean, sd, interval })
    }
}

/// Arithmetic mean; `None` of an empty sample.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// Sample standard deviation, divided by n - 1; `None` below two values.
pub fn sd(sample: &[f64]) -> Option<f64> {
    let centre = mean(sample).filter(|_| sample.len() > 1)?;
    // Equal values have no spread; computing it would give the rounding error of their mean.
    if sample.iter().all(|value| *value == sample[0]) {
        return Some(0.0);
    }
    let squares: f64 = sample.iter().map(|value| (value - centre).powi(2)).sum();
    Some((squares / (sample.len() - 1) as f64).sqrt())
}

/// Pearson correlation; `None` where one side does not vary or there are fewer than two pairs.
///
/// # Panics
/// If the samples differ in length.
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pairs come in pairs");
    let spread = sd(x)? * sd(y)? * (x.len() - 1) as f64;
    let (mean_x, mean_y) = (mean(x)?, mean(y)?);
    let joint: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (spread > 0.0).then(|| (joint / spread).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    // numpy.mean, numpy.std(ddof=1), scipy.stats.t.interval(0.95, 4, loc=mean, scale=sem) of this
    // sample.
    #[test]
    fn an_estimate_equals_scipy() {
        let estimate = Estimate::of(&[93.1, 94.7, 92.9, 95.2, 93.8], 0.95).unwrap();
        for (found, expected) in [
            (estimate.mean, 93.94000000000001),
            (estimate.sd.unwrap(), 0.9964938534682503),
            (estimate.interval.unwrap().low, 92.70268945771714),
            (estimate.interval.unwrap().high, 95.17731054228288),
        ] {
            assert!((found - expected).abs() < 1e-10, "{found}, expected {expected}");
        }
    }

    #[test]
    fn a_single_value_has_no_spread_and_none_has_no_mean() {
        let one = Estimate::of(&[3.5], 0.95).unwrap();
        assert_eq!((one.mean, one.sd, one.interval), (3.5, None, None));
        assert_eq!(Estimate::of(&[], 0.95), None);
        assert_eq!(sd(&[0.1, 0.1, 0.1]), Some(0.0));
        assert_eq!(correlation(&[1.0, 2.0], &[5.0, 5.0]), None);
    }

    #[test]
    fn correlation_sees_direction() {
        let x = [1.0, 2.0, 4.0];
        assert!((correlation(&x, &[3.0, 5.0, 9.0]).unwrap() - 1.0).abs() < 1e-15);
        assert!((correlation(&x, &[-3.0, -5.0, -9.0]).unwrap() + 1.0).abs() < 1e-15);
        // numpy.corrcoef([1, 2, 4], [2, 1, 3])[0, 1]
        assert!((correlation(&x, &[2.0, 1.0, 3.0]).unwrap() - 0.654_653_670_707_977).abs() < 1e-12);
    }
}
