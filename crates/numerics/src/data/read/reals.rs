//! Real numbers of a table: finite, and within the range of 32-bit floats.

/// Reason why a value has no density that could be modelled; `None` if it has.
pub(super) fn refusal(value: f64) -> Option<String> {
    if value.is_nan() {
        return Some(
            "NaN is a missing value, which has no density: fill it, or leave its row out"
                .to_owned(),
        );
    }
    if value.is_infinite() {
        return Some(format!(
            "{value} has no density: leave its row out, or put a finite value in its place"
        ));
    }
    (value.abs() > f64::from(f32::MAX)).then(|| {
        format!("{value:e} is beyond the range of 32-bit floats, 3.4e38: divide its column by a constant")
    })
}

/// Reason why a column is left out because it numbers the rows: it counts from 0 or 1, or, in enough
/// rows, from any number upwards or downwards.
pub(super) fn counts_rows(mut values: impl Iterator<Item = f64> + Clone) -> bool {
    const ROWS: [usize; 2] = [3, 8];
    let rows = values.clone().count();
    let Some(first) = values.next() else { return false };
    let by = |step: f64| {
        let mut expected = first;
        values.clone().all(|value| {
            expected += step;
            value == expected
        })
    };
    first.fract() == 0.0
        && (rows >= ROWS[1] && (by(1.0) || by(-1.0))
            || rows >= ROWS[0] && (first == 0.0 || first == 1.0) && by(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_values_of_32_bits_have_a_density() {
        for (value, words) in [
            (f64::NAN, "NaN is a missing value"),
            (f64::NEG_INFINITY, "-inf has no density"),
            (1e39, "1e39 is beyond the range"),
        ] {
            let problem = refusal(value).expect("a refusal");
            assert!(problem.starts_with(words), "{problem}");
        }
        assert!([0.0, -3e38, 1e-300].iter().all(|&value| refusal(value).is_none()));
    }

    #[test]
    fn an_index_counts() {
        let counts = |values: &[f64]| counts_rows(values.iter().copied());
        assert!(counts(&[0.0, 1.0, 2.0]) && counts(&[1.0, 2.0, 3.0]));
        let from_fifty: Vec<f64> = (50..58).map(f64::from).collect();
        let down: Vec<f64> = from_fifty.iter().rev().copied().collect();
        assert!(counts(&from_fifty) && counts(&down));
        assert!(!counts(&from_fifty[1..]) && !counts(&[0.0, 1.0]) && !counts(&[0.5, 1.5, 2.5]));
        assert!(!counts(&[0.0, 1.0, 2.5]) && !counts(&[]));
    }
}
