//! Counts, times and sizes.

use std::fmt::Display;

/// `1 run`, `2,000 runs`, `2 studies`.
pub fn count(n: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => format!("{n} {noun}"),
        Some(stem) => format!("{} {stem}ies", thousands(n)),
        None => format!("{} {noun}s", thousands(n)),
    }
}

/// A whole number, `12,345`.
pub fn thousands(n: impl Display) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as people say them: `0.4 s`, `37 s`, `6 m 12 s`, `1 h 05 m`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.01 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 1.0 => format!("{seconds:.2} s"),
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} m {:02} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {:02} m", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// Bytes in binary units: `96 MiB`, `3.1 GiB`.
pub fn bytes(count: u64) -> String {
    let (mut value, mut unit) = (count as f64, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if value < 10.0 && unit != "B" {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// The size of a download in decimal units, as servers and catalogues give it: `12 MB`.
pub fn megabytes(count: u64) -> String {
    format!("{:.0} MB", count as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_at_every_scale() {
        let cases = [
            (0.0004, "0.4 ms"),
            (0.25, "0.25 s"),
            (9.94, "9.9 s"),
            (37.2, "37 s"),
            (59.7, "1 m 00 s"),
            (372.0, "6 m 12 s"),
            (3900.0, "1 h 05 m"),
            (273_600.0, "3 d 4 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn sizes_read_well_at_every_scale() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (100 << 20, "100 MiB"),
            (3 << 30, "3.0 GiB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text, "{count}");
        }
        assert_eq!(megabytes(11_594_722), "12 MB");
    }
}
