//! Values, estimates, p values and shares.

/// A value with `decimals` decimals; one that rounds to zero has no sign.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if is_zero(&text) { text.trim_start_matches('-').to_owned() } else { text }
}

/// A difference with `decimals` decimals: `fixed` with a sign on positive values.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if value < 0.0 || is_zero(&text) { text } else { format!("+{text}") }
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'))
}

/// `fixed` as it is printed: thousands apart from five digits on, as four stay together on an axis,
/// and a true minus sign.
pub fn typeset(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let (sign, digits) = text.strip_prefix('-').map_or(("", &*text), |rest| ("\u{2212}", rest));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    if whole.len() > 4 {
        format!("{sign}{}{rest}", super::thousands(whole))
    } else {
        format!("{sign}{digits}")
    }
}

/// Number of decimals that show two significant digits of an interval's half-width, as is usual for
/// uncertainties; without one, four of the value. The same in terminal, tables, figures and page.
pub fn decimals_for(value: f64, half_width: Option<f64>) -> usize {
    let (size, digits) = match half_width {
        // Smaller ones are rounding errors.
        Some(half) if half.is_finite() && half > 1e-12 * value.abs() => (half, 2.0),
        _ if value != 0.0 && value.is_finite() => (value.abs(), 4.0),
        _ => return 1,
    };
    // A half-width of 0.0996 is rounded to 0.10, which has a digit more before its end.
    let exact = digits - 1.0 - size.log10().floor();
    let rounded = format!("{size:.*}", exact.clamp(0.0, 12.0) as usize);
    let size = rounded.parse::<f64>().ok().filter(|size| *size > 0.0).unwrap_or(size);
    (digits - 1.0 - size.log10().floor()).clamp(0.0, 12.0) as usize
}

/// `93.5 ± 1.7`, its digits chosen by the interval; the value alone without one.
pub fn estimate(value: f64, half_width: Option<f64>) -> String {
    let decimals = decimals_for(value, half_width);
    let value = typeset(value, decimals);
    match half_width {
        Some(h) if h.is_finite() => format!("{value} \u{b1} {}", typeset(h, decimals)),
        _ => value,
    }
}

/// `estimate` with a sign on positive values: for differences.
pub fn difference(value: f64, half_width: Option<f64>) -> String {
    let text = estimate(value, half_width);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// A value of three significant digits at most: `0.001`, `250`, `10k`, `1.57M`.
pub fn short(value: f64) -> String {
    // A value that rounds to 1000 of a unit is 1 of the next unit.
    let (scaled, unit) = match value.abs() {
        s if (1e12..).contains(&s) || (0.0 < s && s < 1e-4) => {
            return minus(&format!("{value:.0e}"));
        }
        s if s >= 999.5e6 => (value / 1e9, "G"),
        s if s >= 999.5e3 => (value / 1e6, "M"),
        s if s >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let decimals = if scaled.abs() >= 100.0 || scaled == 0.0 {
        0
    } else {
        (2.0 - scaled.abs().log10().floor()) as usize
    };
    let text = format!("{scaled:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{}{unit}", minus(text))
}

fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// A p value: two significant digits.
pub fn p_value(p: f64) -> String {
    match p {
        _ if p >= 0.0995 => format!("{p:.2}"),
        _ if p >= 1e-4 => format!("{p:.*}", (1.0 - p.log10().floor()) as usize),
        _ => format!("{p:.0e}"),
    }
}

/// A level of confidence in per cent, without the sign: `95`, `99.9`.
pub fn percent(level: f64) -> String {
    ((level * 1e6).round() / 1e4).to_string()
}

/// A share in per cent; only exactly none and exactly all are printed as 0 % and 100 %.
pub fn share(share: f64) -> String {
    let percent = 100.0 * share;
    let text = match percent {
        p if p == 0.0 || p == 100.0 => format!("{p:.0}"),
        p if p < 0.1 => return "under 0.1 %".to_owned(),
        p if p > 99.9 => return "over 99.9 %".to_owned(),
        p if !(9.95..=99.0).contains(&p) => format!("{p:.1}"),
        p => format!("{p:.0}"),
    };
    format!("{text} %")
}

/// A ratio: `0.5`, `7.2`, `15`.
pub fn factor(ratio: f64) -> String {
    if ratio < 9.95 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounds_to_zero_has_no_sign() {
        let cases = [
            (-0.004, "0.00", "0.00", "0.00"),
            (0.004, "0.00", "0.00", "0.00"),
            (-0.0, "0.00", "0.00", "0.00"),
            (-0.005001, "-0.01", "-0.01", "\u{2212}0.01"),
            (1.5, "1.50", "+1.50", "1.50"),
            (-20.0, "-20.00", "-20.00", "\u{2212}20.00"),
            (-1234.5, "-1234.50", "-1234.50", "\u{2212}1234.50"),
            (12345.678, "12345.68", "+12345.68", "12,345.68"),
        ];
        for (value, plain, with_sign, printed) in cases {
            let found = (fixed(value, 2), signed(value, 2), typeset(value, 2));
            assert_eq!(found, (plain.into(), with_sign.into(), printed.into()), "{value}");
        }
        assert_eq!(typeset(-1234567.0, 0), "\u{2212}1,234,567");
    }

    #[test]
    fn large_and_small_values_keep_three_digits() {
        let cases = [
            (0.0, "0"),
            (0.05, "0.05"),
            (0.001, "0.001"),
            (1e-5, "1e\u{2212}5"),
            (999.0, "999"),
            (9996.0, "9996"),
            (63_504.0, "63.5k"),
            (785_000.0, "785k"),
            (999_600.0, "1M"),
            (1_568_784.0, "1.57M"),
            (-2e9, "\u{2212}2G"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text, "{value}");
        }
    }

    #[test]
    fn p_values_keep_two_digits() {
        let cases = [
            (1.0, "1.00"),
            (0.25, "0.25"),
            (0.0999, "0.10"),
            (0.03125, "0.031"),
            (0.0078125, "0.0078"),
            (1e-9, "1e-9"),
        ];
        for (p, text) in cases {
            assert_eq!(p_value(p), text, "{p}");
        }
    }

    #[test]
    fn an_interval_chooses_the_digits() {
        assert_eq!(estimate(93.456, Some(1.23)), "93.5 \u{b1} 1.2");
        assert_eq!(estimate(93.456, Some(0.0996)), "93.46 \u{b1} 0.10");
        assert_eq!(difference(0.1234, Some(0.012)), "+0.123 \u{b1} 0.012");
        assert_eq!(difference(-3.0, None), "\u{2212}3.000");
        assert_eq!(estimate(12_345.6, Some(230.0)), "12,346 \u{b1} 230");
    }

    #[test]
    fn levels_shares_and_ratios() {
        assert_eq!([0.95, 0.999, 0.9999].map(percent), ["95", "99.9", "99.99"]);
        assert_eq!(
            [0.0, 1e-5, 0.131, 0.99999, 1.0].map(share),
            ["0 %", "under 0.1 %", "13 %", "over 99.9 %", "100 %"]
        );
        assert_eq!([0.51, 7.24, 9.96, 15.2].map(factor), ["0.5", "7.2", "10", "15"]);
    }
}
