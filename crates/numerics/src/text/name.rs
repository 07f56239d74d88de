//! Names: the nearest one, and the beginning of a long one.

/// The candidate of which `name` is most likely a misspelling: the one that ends in the same word,
/// or the nearest by edit distance.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = name;
    let name = &*name.to_lowercase();
    if name.len() > LONGEST_NAME {
        return None;
    }
    let limit = (last(name).chars().count() / 3).max(1) + usize::from(name.contains('.'));
    // The edit distance is at least the difference of the lengths, which rules out most candidates.
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

/// Maximum length of a name for which a similar one is searched [bytes]: the search takes time
/// proportional to the product of both lengths.
const LONGEST_NAME: usize = 200;

/// The last part of a dotted path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The names there are, for a message about one that there is not; of many the first.
pub fn some_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let mut distinct: Vec<&str> = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    let more = distinct.len().saturating_sub(SHOWN);
    let shown: Vec<String> = distinct.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}

/// The beginning of a text, quoted, for a message about it.
pub fn brief(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A sentence with its first letter as a capital.
pub fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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
