//! Numbers and names as every message, table and page says them: one rule each.

use std::fmt::Display;

/// `1 run`, `2 runs`, `2 studies`.
pub fn count(n: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => format!("{n} {noun}"),
        Some(stem) => format!("{n} {stem}ies"),
        None => format!("{n} {noun}s"),
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

/// The candidate that `name` is most likely a slip of: the one that ends in the same word, or the
/// nearest in spelling.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = name;
    let name = &*name.to_lowercase();
    if name.len() > LONGEST_NAME {
        return None;
    }
    let limit = (last(name).chars().count() / 3).max(1) + usize::from(name.contains('.'));
    // Two texts are at least as far apart as their lengths; most candidates need no more than that.
    let distance = |a: &str, b: &str| {
        let possible = a.chars().count().abs_diff(b.chars().count()) <= limit;
        possible.then(|| strsim::damerau_levenshtein(a, b))
    };
    let scored =
        candidates
            .into_iter()
            .filter(|candidate| *candidate != written)
            .filter_map(|candidate| {
                let word = distance(last(name), last(candidate))
                    .map(|word| word + usize::from(candidate.contains('.')));
                let nearer = distance(name, candidate).into_iter().chain(word).min()?;
                Some((nearer, candidate))
            });
    scored
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

/// Bytes of a name for which a similar one is looked for, at most: the search takes the product of
/// both lengths.
const LONGEST_NAME: usize = 200;

/// The last part of a dotted path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The beginning of a text, quoted, for a message about it.
pub fn brief(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
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
    fn a_slip_finds_its_name_and_a_stranger_finds_none() {
        let known = ["baseline", "masks 4", "model.hidden", "train.epochs"];
        for (name, expected) in [
            ("Baseline", Some("baseline")),
            ("basline", Some("baseline")),
            ("masks 5", Some("masks 4")),
            ("model.hiden", Some("model.hidden")),
            ("zzzzqqq", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
