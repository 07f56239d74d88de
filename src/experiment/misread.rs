//! Texts that programs misread when they open a table: spreadsheets, and readers of CSV (pandas,
//! polars, R, DuckDB). Labels of an experiment must not be such texts; cells of tables that are get
//! an apostrophe.

/// Missing values of pandas, R and DuckDB, and the error values of spreadsheets, case-sensitive:
/// `none` is an ordinary word.
const MISSING: [&str; 23] = [
    "NA", "N/A", "n/a", "<NA>", "NULL", "Null", "null", "None", "#N/A", "#N/A N/A", "#NA",
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "1.#IND", "1.#QNAN", "-1.#IND",
    "-1.#QNAN", "-NaN", "-nan",
];

/// Reason why a text is not read back from a table unchanged, if there is one: the end of a
/// sentence about the text.
pub(crate) fn misread(text: &str) -> Option<&'static str> {
    if text.trim() != text {
        Some("begins or ends with a space, which is lost in tables")
    } else if MISSING.contains(&text)
        || ["nan", "inf", "infinity"].iter().any(|word| text.eq_ignore_ascii_case(word))
    {
        Some(
            "would be read as a missing value or no number by readers of tables (pandas, R, spreadsheets)",
        )
    } else if text.starts_with(['=', '+', '-', '@']) {
        Some("would be read as a formula by a spreadsheet")
    } else if names_a_month(text) || names_an_hour(text) {
        Some("would be read as a date by a spreadsheet")
    } else if text.eq_ignore_ascii_case("true")
        || text.eq_ignore_ascii_case("false")
        || ["T", "F"].contains(&text)
    {
        Some("would be read as a truth value by a spreadsheet or by R")
    } else if is_numeric(text) || is_hexadecimal(text) {
        Some("would be read as a number or a date, and changed, by a spreadsheet")
    } else {
        None
    }
}

/// True if a spreadsheet preserves a number: it has no leading zeros and at most 15 digits.
pub(crate) fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && (whole == "0" || !whole.starts_with('0'))
        && whole.len() + fraction.len() <= 15
        && digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// True for digits with only those marks that numbers, dates, times, fractions, shares, currencies
/// and groups of thousands are written with: `1,000`, `3/4`, `12:30`, `50%`, `1e5`, `1_000`, `(5)`,
/// but neither `e5` nor `(3, 4)`.
fn is_numeric(text: &str) -> bool {
    let in_brackets = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let text = in_brackets.filter(|inner| !inner.contains(' ')).unwrap_or(text);
    let is_mark = |c: char| "/:.,-+ %_eE$\u{20ac}\u{a3}\u{a5}".contains(c);
    let mut alphanumeric = text.chars().filter(char::is_ascii_alphanumeric);
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let first = alphanumeric.next();
    is_digit(first)
        && is_digit(alphanumeric.next_back().or(first))
        && text.chars().all(|c| c.is_ascii_digit() || is_mark(c))
}

/// True for `0x1f`, which R reads as a number.
fn is_hexadecimal(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// True for `mar 5`, `5-Mar`, `MARCH1`, `1.dec.2026`: a month's name, whole or its first three
/// letters, with only digits and separators. `mark 4` and `decay 0.1` do not name a month.
fn names_a_month(text: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let (Some(word), None) = (words.next(), words.next()) else { return false };
    let month = word == "sept" || MONTHS.iter().any(|month| *month == word || month[..3] == *word);
    month
        && lower.contains(|c: char| c.is_ascii_digit())
        && lower.chars().all(|c| c.is_ascii_alphanumeric() || " -./,':".contains(c))
}

/// True for `5 pm`, `5:30 AM`, `11 p`, which spreadsheets read as an hour.
fn names_an_hour(text: &str) -> bool {
    let Some((hour, half)) = text.rsplit_once(' ') else { return false };
    let is_half = ["am", "pm", "a", "p"].iter().any(|word| half.eq_ignore_ascii_case(word));
    let is_time = |part: &str| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_half && hour.split(':').all(is_time)
}

/// Reason why a text cannot be a label, if there is one.
pub(super) fn unsafe_label(label: &str) -> Option<&'static str> {
    // A number in the spelling of this program is read back from a table unchanged.
    let is_number = label
        .parse()
        .is_ok_and(|x: f64| x.is_finite() && crate::trainer::kind::number(x) == label);
    if label.trim().is_empty() {
        Some("is empty")
    } else if label.len() > 100 {
        Some("is longer than 100 bytes")
    } else if label.chars().any(char::is_control) {
        Some("holds a control character")
    } else {
        misread(label).filter(|_| !is_number || label.starts_with('-'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from the programs themselves: LibreOffice's and Excel's rules for cells, and
    /// the default missing values of pandas.
    #[test]
    fn what_a_reader_of_tables_would_change_is_known() {
        let changed = [
            "=1+1",
            "+1",
            "@sum",
            "-skip",
            "3/4",
            "1-2",
            "12:30",
            "50%",
            "1,000",
            "007",
            "1.2.3",
            "MARCH1",
            "dec-1",
            "5-mar",
            "1.May.2026",
            "may 3",
            "mar 4 12:30",
            "sept2",
            "5 pm",
            "5:30 AM",
            "9 p",
            "$5",
            "2026-11-23",
            "1e5",
            "1_000",
            "(5)",
            "0x10",
            "NA",
            "NaN",
            "nan",
            "N/A",
            "#N/A",
            "NULL",
            "null",
            "None",
            "inf",
            "-inf",
            "Infinity",
            "true",
            "FALSE",
            "T",
            " a",
            "a ",
            " ",
            "1.#IND",
            "#REF!",
            "1 1/2",
        ];
        for text in changed {
            assert!(misread(text).is_some(), "{text:?} comes back as something else");
        }
        let safe = [
            "baseline",
            "augment 2",
            "decay 0.1",
            "mark 4",
            "novel 1",
            "march",
            "marching",
            "may",
            "none",
            "na",
            "e5",
            "5e",
            "t",
            "[500, 500]",
            "(500, 500)",
            "depth-2",
            "r9e12ab",
            "h500x2",
            "10k",
            "3 layers",
            "2x",
            "junior 2",
            "5 apples",
            "a1",
            "#1",
            "yes",
            "v1.2",
            "Nancy",
            "infinite",
            "4 am pm",
        ];
        for text in safe {
            assert_eq!(misread(text), None, "{text:?}");
        }
    }
}
