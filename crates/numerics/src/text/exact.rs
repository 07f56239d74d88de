//! Values in text files: the shortest decimal that reads back as the same float.

/// `value` as text; empty unless finite, because a missing value is an empty cell and never `NaN`.
pub fn exact(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        String::new()
    } else if size == 0.0 {
        "0".to_owned()
    } else if (1e-5..1e15).contains(&size) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::exact;

    #[test]
    fn numbers_read_as_people_write_them() {
        let cases = [
            (0.1, "0.1"),
            (1.0, "1"),
            (-0.0, "0"),
            (95.625, "95.625"),
            (1e-7, "1e-7"),
            (1e300, "1e300"),
        ];
        for (value, expected) in cases {
            assert_eq!(exact(value), expected);
        }
        assert_eq!(exact(f64::NAN), "");
        assert_eq!(exact(f64::NEG_INFINITY), "");
    }

    proptest! {
        #[test]
        fn every_finite_float_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(exact(value).parse::<f64>().unwrap(), value);
        }
    }
}
