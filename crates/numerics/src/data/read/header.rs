//! The first line of a table: names of columns or values, and columns that are no pixels by their
//! names.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::data::ValueKind;

/// Names of columns that are no pixels.
const LABELS: [&str; 22] = [
    "", "label", "labels", "class", "classes", "target", "targets", "y", "y_true", "y_pred", "id",
    "ids", "index", "idx", "filename", "file", "rowid", "split", "fold", "is_train", "is_valid",
    "is_test",
];

/// Beginnings of the names of columns that are classes, one column per class, where most other names
/// begin otherwise.
const ONE_HOT: [&str; 3] = ["label", "class", "target"];

/// Words that mean a missing value in a table.
pub(super) const MISSING: [&str; 12] =
    ["", "na", "n/a", "nan", "-nan", "null", "none", "<na>", "?", ".", "#n/a", "nil"];

/// Fewest columns of a series such as pixel0, pixel1 ..., and columns of it to one other column.
const SERIES: usize = 4;

/// Fewest numbers in a header: alone or next to names of labels, and next to other names.
const NUMBERS: [usize; 2] = [3, 8];

/// Names of the columns of a table.
#[derive(Debug, Default)]
pub(super) struct TableHeader {
    pub(super) names: Vec<String>,
    /// Columns that are no pixels, ascending.
    pub(super) labels: Vec<usize>,
    /// Sentences on these.
    pub(super) left_out: Vec<String>,
    /// Sentence on pixels whose numbers are not in order, or that are of several series.
    pub(super) note: Option<String>,
}

impl TableHeader {
    /// The header that a line is; `None` if the line holds values.
    ///
    /// A header has names, or counts its columns as pandas does (0 1 2 ...), next to an index
    /// without a name and labels.
    ///
    /// Of a table of real numbers a header counts all columns from 0 or 1 or has no numbers: others
    /// may be values.
    pub(super) fn of(fields: &[Cow<[u8]>], kind: ValueKind) -> Option<Self> {
        let names: Vec<String> = fields
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        let numbers: Vec<u32> = names.iter().filter_map(|name| whole(name)).collect();
        let others = || names.iter().filter(|name| whole(name).is_none());
        if others().any(|name| !is_label(name) && !is_name(name))
            || others().all(String::is_empty) && numbers.is_empty()
        {
            return None;
        }
        let fewest = NUMBERS[usize::from(others().any(|name| !is_label(name)))];
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        let counts = sorted.first().is_some_and(|&first| first <= 1)
            && sorted.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let (in_order, are_many) = (sorted == numbers, numbers.len() >= NUMBERS[1]);
        let distinct = sorted.windows(2).all(|pair| pair[0] < pair[1]);
        let is_header = numbers.is_empty()
            || numbers.len() >= fewest && counts && (in_order || are_many)
            || !kind.is_real()
                && are_many
                && distinct
                && (in_order || sorted.last().is_some_and(|&last| last > 255));
        is_header.then(|| match kind {
            ValueKind::Pixels => Self::named(names),
            ValueKind::Real => Self::of_variables(names),
        })
    }

    /// Header of a table of real numbers: columns are left out by their own names alone, not next to
    /// a series of others, and `y` next to `x` is a coordinate.
    fn of_variables(names: Vec<String>) -> Self {
        let has_x = names.iter().any(|name| name.eq_ignore_ascii_case("x"));
        let mut header = Self::default();
        for (i, name) in names.iter().enumerate() {
            if !is_label(name) || has_x && name.eq_ignore_ascii_case("y") {
                continue;
            }
            header.labels.push(i);
            header.left_out.push(match name.as_str() {
                "" => format!("column {}: it has no name, as an index has none", i + 1),
                name => format!(
                    "column `{name}`: its name says that it is not a variable (another name makes it one)"
                ),
            });
        }
        Self { names, ..header }
    }

    fn named(names: Vec<String>) -> Self {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let is_one_hot = |name: &String| {
            let lower = name.to_lowercase();
            let rest = ONE_HOT.iter().find_map(|word| lower.strip_prefix(word));
            rest.is_some_and(|rest| rest.starts_with(|c: char| c == '_' || c.is_ascii_digit()))
        };
        let one_hot = names.iter().filter(|name| is_one_hot(name)).count();
        let has_classes =
            one_hot > 0 && one_hot * 2 <= names.iter().filter(|name| !is_label(name)).count();
        let is_label = |name: &str| is_label(name) || has_classes && is_one_hot(&name.to_owned());
        let pixels = || names.iter().filter(|name| !is_label(name));
        pixels()
            .filter_map(|name| series(name))
            .for_each(|kind| *kinds.entry(kind).or_default() += 1);
        kinds.retain(|_, count| *count >= SERIES);
        let in_series = |name: &&String| series(name).is_some_and(|kind| kinds.contains_key(&kind));
        let odd = pixels().filter(|name| !in_series(name)).count();
        let members: Vec<&String> = pixels().filter(in_series).collect();
        let is_series = !members.is_empty() && odd * SERIES <= members.len();
        let mut header = Self::default();
        if is_series {
            header.note = if kinds.len() == 1 { disorder(&members) } else { several(&kinds) };
        }
        for (i, name) in names.iter().enumerate() {
            let why = match name.as_str() {
                "" => format!("column {}: it has no name, as an index has none", i + 1),
                _ if is_label(name) => {
                    format!(
                        "column `{name}`: its name says that it is not a pixel (another name makes it one)"
                    )
                }
                _ if is_series && !in_series(&name) => format!(
                    "column `{name}`: its name is not in the series {} ... {} (a name of that kind makes it a pixel)",
                    members[0],
                    members[members.len() - 1]
                ),
                _ => continue,
            };
            header.labels.push(i);
            header.left_out.push(why);
        }
        Self { names, ..header }
    }

    /// Names of the pixels.
    pub(super) fn pixels(&self) -> Vec<String> {
        let names = self
            .names
            .iter()
            .enumerate()
            .filter(|(i, _)| self.labels.binary_search(i).is_err());
        names.map(|(_, name)| name.clone()).collect()
    }
}

/// True for a row of values that pandas took for names: it numbers equal names,
/// `0, 0.1, 0.2, 1, 1.1`.
pub(super) fn is_row_as_names(fields: &[Cow<[u8]>]) -> bool {
    const FEWEST: usize = 3;
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    let mut numbered = 0;
    let fits = fields.iter().skip_while(|field| field.is_empty()).all(|field| {
        let word = String::from_utf8_lossy(field);
        let (name, number) = word
            .split_once('.')
            .map_or((&*word, Some(0)), |(name, number)| (name, number.parse().ok()));
        numbered += usize::from(number.is_some_and(|number| number > 0));
        let next = next.entry(name.to_owned()).or_default();
        *next += 1;
        whole(name).is_some() && number == Some(*next - 1)
    });
    fits && numbered >= FEWEST
}

/// True if a line holds whole numbers of which no two are equal, as names of columns are: enough of
/// them to tell.
pub(super) fn may_be_numbers_as_names(fields: &[Cow<[u8]>]) -> bool {
    let mut seen = BTreeSet::new();
    fields.len() >= NUMBERS[1]
        && fields.iter().all(|field| {
            std::str::from_utf8(field)
                .ok()
                .and_then(whole)
                .is_some_and(|name| seen.insert(name))
        })
}

/// One line of names of two levels, as pandas writes a MultiIndex of columns: blocks of equal
/// numbers that count, `0,0,1,1`, after names or empty fields of an index. The length of a block.
pub(super) fn blocks(fields: &[Cow<[u8]>]) -> Option<usize> {
    let words = fields.iter().map(|field| std::str::from_utf8(field).ok().and_then(whole));
    let numbers: Vec<u32> = words.skip_while(Option::is_none).collect::<Option<_>>()?;
    let block = numbers.iter().take_while(|&&number| number == numbers[0]).count();
    let counts = || {
        numbers
            .iter()
            .enumerate()
            .all(|(i, &number)| number as usize == numbers[0] as usize + i / block)
    };
    (block > 1
        && numbers[0] <= 1
        && numbers.len() >= (2 * block).max(5)
        && numbers.len().is_multiple_of(block)
        && counts())
    .then_some(block)
}

/// The number that is a name, as pandas numbers columns: `12`, or `12.0`.
fn whole(name: &str) -> Option<u32> {
    let name = name.strip_suffix(".0").unwrap_or(name);
    let is_whole = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|_| is_whole)
}

fn is_label(name: &str) -> bool {
    let lower = name.to_lowercase();
    LABELS.contains(&lower.as_str()) || lower.starts_with("unnamed: ") || lower.ends_with("_id")
}

/// A word that is no value of a table.
fn is_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let is_value =
        name.replace(',', ".").parse::<f64>().is_ok() || lower == "true" || lower == "false";
    !is_value && !MISSING.contains(&lower.as_str()) && !name.chars().any(char::is_control)
}

/// Sentence on the first two names whose numbers are not in order, by rows or by columns.
fn disorder(names: &[&String]) -> Option<String> {
    let numbers = |name: &String| -> Vec<u64> {
        name.split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .collect()
    };
    let by_rows = |pair: &&[&String]| numbers(pair[0]) <= numbers(pair[1]);
    let by_columns =
        |pair: &&[&String]| numbers(pair[0]).iter().rev().le(numbers(pair[1]).iter().rev());
    let pairs = || names.windows(2);
    if pairs().all(|pair| by_rows(&pair)) || pairs().all(|pair| by_columns(&pair)) {
        return None;
    }
    let first = pairs().find(|pair| !by_rows(pair))?;
    Some(format!(
        "its columns are not in the order of their numbers ({} is before {}): pixels are taken in the order of the file",
        first[0], first[1]
    ))
}

/// Sentence on several series of names, of which the longest makes a square: others may be labels,
/// one column per class.
fn several(kinds: &BTreeMap<String, usize>) -> Option<String> {
    let longest = *kinds.values().max()?;
    let words = kinds
        .iter()
        .map(|(kind, count)| format!("{kind} ({count})"))
        .collect::<Vec<_>>()
        .join(", ");
    let is_square = longest.isqrt().pow(2) == longest;
    is_square.then(|| {
        format!("its columns are several series, {words} with numbers for #, and all are pixels")
    })
}

/// The series that a name with numbers in it belongs to: `r#c#` of `r12c3`.
fn series(name: &str) -> Option<String> {
    let mut kind = String::new();
    for letter in name.to_lowercase().chars() {
        match letter.is_ascii_digit() {
            true if kind.ends_with('#') => {}
            true => kind.push('#'),
            false => kind.push(letter),
        }
    }
    kind.contains('#').then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(line: &str) -> Option<TableHeader> {
        TableHeader::of(
            &line.split(',').map(|word| Cow::Borrowed(word.as_bytes())).collect::<Vec<_>>(),
            ValueKind::Pixels,
        )
    }

    #[test]
    fn variables_are_left_out_by_their_own_names_alone() {
        let left = |line: &str| {
            let words: Vec<_> =
                line.split(',').map(|word| Cow::Borrowed(word.as_bytes())).collect();
            TableHeader::of(&words, ValueKind::Real).map(|header| header.labels)
        };
        assert_eq!(left("x,y"), Some(vec![]));
        assert_eq!(left("height,y,id"), Some(vec![1, 2]));
        assert_eq!(left("x1,x2,x3,x4,speed"), Some(vec![]), "no series makes it none");
        assert_eq!(left(",0,1,2,3"), Some(vec![0]));
        assert_eq!(left("1,2,5,9,12,20,30,44"), None, "a row of values");
    }

    #[test]
    fn names_numbers_and_an_index_make_a_header_and_values_do_not() {
        for (line, pixels) in [
            ("a,b", 2),
            ("label", 0),
            (",0,1,2,label", 3),
            ("0,1,2,label", 3),
            ("label,1,2,3", 3),
            (",Unnamed: 0,0,1,2,3", 4),
            (",label,0,1,2,3", 4),
            ("Unnamed: 0.1,Unnamed: 0,p0,p1", 2),
            ("0,1,2,3,4,5,6,7,digit", 8),
            ("0,2,5,6,9,11,12,14", 8),
            ("7,6,5,4,3,2,1,0", 8),
        ] {
            assert_eq!(
                header(line).unwrap_or_else(|| panic!("{line}")).pixels().len(),
                pixels,
                "{line}"
            );
        }
        for line in [
            "0,1",
            "0,1,0,1,cat",
            "cat,0,1,1",
            "0,,1",
            ",,",
            "1.5,a",
            "0,12,40",
            "2,1,0",
            "0,2,5,6,9,11,12,12",
            "true,false",
            "nan,0,1",
        ] {
            assert!(header(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_row_that_became_names_is_known_by_its_numbers() {
        let is = |line: &str| {
            is_row_as_names(
                &line.split(',').map(|word| Cow::Borrowed(word.as_bytes())).collect::<Vec<_>>(),
            )
        };
        assert!(is("0,0.1,1,0.2,1.1") && is("0,0.1,0.2,0.3"));
        assert!(
            !is("0,0.5,1,0.25") && !is("0,1,2,3") && !is("0.1,0.2,0.3") && !is("a,a.1,a.2,a.3")
        );
    }

    #[test]
    fn a_column_that_is_in_no_series_is_no_pixel() {
        let left_out = |line: &str| header(line).expect("a header").left_out;
        assert_eq!(
            left_out("digit,pixel0,pixel1,pixel2,pixel3"),
            [
                "column `digit`: its name is not in the series pixel0 ... pixel3 (a name of that kind makes it a pixel)"
            ]
        );
        assert_eq!(left_out("1x1,1x2,2x1,2x2,weight,label").len(), 2);
        let note = |line: &str| header(line).expect("a header").note;
        assert_eq!(
            note("p0,p1,p10,p2,p3").as_deref(),
            Some(
                "its columns are not in the order of their numbers (p10 is before p2): pixels are taken in the order of the file"
            )
        );
        assert!(note("x0y0,x1y0,x0y1,x1y1").is_none() && note("1x1,1x2,2x1,2x2,label").is_none());
        let pixels_and_classes: Vec<String> = (0..16)
            .map(|i| format!("p{i}"))
            .chain((0..5).map(|i| format!("is_{i}")))
            .collect();
        assert_eq!(
            note(&pixels_and_classes.join(",")).as_deref(),
            Some(
                "its columns are several series, is_# (5), p# (16) with numbers for #, and all are pixels"
            )
        );
        // Two series, and names that make none.
        for line in
            ["a0,a1,a2,a3,b0,b1,b2,b3", "age_17,age_18,male,female,rich", "p0,p1,p2,p3,x,y1"]
        {
            assert!(left_out(line).is_empty(), "{line}");
        }
    }
}
