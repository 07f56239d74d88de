//! Standardisation of the columns of a table of real numbers by its training rows.

/// Mean and standard deviation of each column of the training rows. A standardised value is the
/// value minus the mean, divided by the standard deviation.
///
/// With p the density of standardised rows, ln p(row) - [`Standardisation::log_scale_sum`] is the log
/// density of the row in the units of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardisation {
    /// Mean of each column [D], in its own units.
    pub means: Vec<f64>,
    /// Standard deviation of each column [D], in its own units; above zero. The sum of squares is
    /// divided by the number of rows.
    pub deviations: Vec<f64>,
}

impl Standardisation {
    /// Standardisation by some rows of `dim` values. Error: the first column whose values are all
    /// equal.
    pub(super) fn of<'a>(
        rows: impl ExactSizeIterator<Item = &'a [f64]> + Clone,
        dim: usize,
    ) -> Result<Self, usize> {
        let moments = |column: usize| {
            let values = || rows.clone().map(|row| row[column]);
            let (n, first) = (rows.len() as f64, values().next().unwrap_or_default());
            // Differences from the first value, so that a large mean takes no digits from the sum.
            let mean = first + values().map(|value| (value - first) / n).sum::<f64>();
            if values().all(|value| value == first) {
                return Err(column);
            }
            // Scaled by the largest difference, so that no square is too large or too small.
            let largest = values().map(|value| (value - mean).abs()).fold(0.0, f64::max);
            let squares = values().map(|value| ((value - mean) / largest).powi(2)).sum::<f64>();
            Ok((mean, largest * (squares / n).sqrt()))
        };
        let (means, deviations) =
            (0..dim).map(moments).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        Ok(Self { means, deviations })
    }

    /// Number of columns, D.
    pub fn dim(&self) -> usize {
        self.means.len()
    }

    /// Values in the units of the table, of standardised ones [n_rows x D].
    pub fn to_own_units(&self, standardised: &[f32]) -> Vec<f64> {
        let columns = self.means.iter().zip(&self.deviations).cycle();
        let own =
            |(&value, (mean, deviation)): (&f32, (&f64, &f64))| mean + deviation * f64::from(value);
        standardised.iter().zip(columns).map(own).collect()
    }

    /// Standardised values, of those in the units of the table [n_rows x D].
    pub fn standardised(&self, own: &[f64]) -> Vec<f32> {
        let columns = self.means.iter().zip(&self.deviations).cycle();
        let standard =
            |(value, (mean, deviation)): (&f64, (&f64, &f64))| ((value - mean) / deviation) as f32;
        own.iter().zip(columns).map(standard).collect()
    }

    /// Sum of the natural logarithms of the standard deviations: the difference of the log density of
    /// a standardised row and that of the row in its own units [nats].
    pub fn log_scale_sum(&self) -> f64 {
        self.deviations.iter().map(|deviation| deviation.ln()).sum()
    }

    /// Value of a column in its own units as text, with the digits that a standardised value of 24
    /// bits has.
    pub fn text(&self, column: usize, own: f64) -> String {
        self.text_of(column, own, 7.2)
    }

    /// Value of a column in its own units as short text: to about a thousandth of the standard
    /// deviation, with an exponent where the plain digits would be many.
    pub fn short_text(&self, column: usize, own: f64) -> String {
        const DIGITS: f64 = 2.5;
        const LONGEST: usize = 12;
        let plain = self.text_of(column, own, DIGITS);
        if plain.len() <= LONGEST {
            return plain;
        }
        let digits = DIGITS + own.abs().log10() - self.deviations[column].log10();
        format!("{own:.*e}", digits.ceil().clamp(0.0, 17.0) as usize)
    }

    fn text_of(&self, column: usize, own: f64, digits: f64) -> String {
        const MOST: f64 = 330.0;
        let decimals = (digits - self.deviations[column].log10()).ceil().clamp(0.0, MOST);
        let text = format!("{own:.*}", decimals as usize);
        if text.contains('.') {
            let short = text.trim_end_matches('0').trim_end_matches('.');
            return if short == "-0" { "0".to_owned() } else { short.to_owned() };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_texts_of_any_size_are_short() {
        let by = Standardisation {
            means: vec![0.0; 4],
            deviations: vec![1.0, 1e-300, 3e36, 1e4],
        };
        let texts: Vec<String> = [(0, -0.25), (1, 2.5e-300), (2, 1.25e37), (3, 1_600_004_321.0)]
            .map(|(column, own)| by.short_text(column, own))
            .to_vec();
        assert_eq!(texts, ["-0.25", "2.500e-300", "1.2500e37", "1600004321"]);
    }

    proptest! {
        #[test]
        fn standardised_rows_have_mean_zero_and_deviation_one_and_lead_back(
            rows in prop::collection::vec((-1e3f64..1e3, -1.0f64..1.0), 3..60), shift in -1e6f64..1e6,
            exponent in -30i32..30,
        ) {
            let scale = 10f64.powi(exponent);
            let own: Vec<f64> = rows.iter().flat_map(|&(a, b)| [a + shift, b * scale]).collect();
            let Ok(by) = Standardisation::of(own.chunks_exact(2), 2) else { return Ok(()) };
            let standardised = by.standardised(&own);
            let n = rows.len() as f64;
            for column in 0..2 {
                let values = || standardised.iter().skip(column).step_by(2).map(|&value| f64::from(value));
                prop_assert!((values().sum::<f64>() / n).abs() < 1e-5);
                prop_assert!((values().map(|value| value * value).sum::<f64>() / n - 1.0).abs() < 1e-5);
            }
            for (i, (back, value)) in by.to_own_units(&standardised).iter().zip(&own).enumerate() {
                // 24 bits of at most n^0.5 standard deviations.
                let rounding = by.deviations[i % 2] * n.sqrt() * 1.2e-7 + value.abs() * 1e-15;
                prop_assert!((back - value).abs() <= rounding, "{} {}", back, value);
                let text: f64 = by.text(i % 2, *back).parse().unwrap();
                prop_assert!((text - value).abs() <= 2.0 * rounding);
            }
        }
    }

    #[test]
    fn columns_of_one_value_are_refused_and_tiny_ones_are_not() {
        let of = |values: &[f64]| Standardisation::of(values.chunks_exact(2), 2);
        assert_eq!(of(&[1.0, 0.1, 2.0, 0.1, 4.0, 0.1]), Err(1));
        let tiny = of(&[1e-300, 1e30, 3e-300, 3e30]).unwrap();
        let (means, deviations) = (tiny.means.clone(), tiny.deviations.clone());
        let ratio =
            [means[0] / 2e-300, means[1] / 2e30, deviations[0] / 1e-300, deviations[1] / 1e30];
        assert!(ratio.iter().all(|ratio| (ratio - 1.0).abs() < 1e-12), "{ratio:?}");
        let expected = 1e-300f64.ln() + 1e30f64.ln();
        assert!((tiny.log_scale_sum() - expected).abs() < 1e-9);
    }

    #[test]
    fn text_has_no_digits_of_rounding() {
        let by = Standardisation { means: vec![5.0, 1e9], deviations: vec![0.7, 250.0] };
        assert_eq!(by.text(0, 0.300_000_004), "0.3");
        assert_eq!(by.text(0, -1e-12), "0");
        assert_eq!(by.text(1, 1_000_000_012.000_000_1), "1000000012");
    }
}
