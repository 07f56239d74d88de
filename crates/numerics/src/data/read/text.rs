//! Rows of values as text: csv, Larochelle's .amat, the `.data` files of UCI and UCLA. One image a line.
//!
//! One separator a file, the first of tab, semicolon, comma and spaces that its first line has. A comma between digits is a
//! decimal comma where another separator stands between values. Values are 0 and 1, `true` and `false`, fractions in
//! 0..=1, or grey levels 0..=255. A first line of names is a header: columns that it calls labels, and a first column that
//! counts the rows, are not pixels.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::Pool;
use super::greys::Greys;
use crate::data::{DataError, Shape};

/// Names of columns that are no pixels.
const LABELS: [&str; 17] = [
    "",
    "label",
    "labels",
    "class",
    "classes",
    "target",
    "targets",
    "y",
    "id",
    "ids",
    "index",
    "idx",
    "unnamed: 0",
    "filename",
    "file",
    "image_id",
    "rowid",
];

/// Missing values of those who write tables.
const MISSING: [&str; 12] = ["", "na", "n/a", "nan", "-nan", "null", "none", "<na>", "?", ".", "#n/a", "nil"];

/// Reads all rows; every one must have as many values as the first.
pub(super) fn rows(path: &Path, source: impl Read) -> Result<Pool, DataError> {
    let mut source = BufReader::with_capacity(1 << 16, source);
    let (mut table, mut line, mut number) = (Table::default(), Vec::new(), 0);
    loop {
        line.clear();
        let read = source.read_until(b'\n', &mut line);
        number += 1;
        let malformed = |(column, problem): Refusal| {
            let place = match column {
                Some(column) => format!("line {number}, value {column}"),
                None => format!("line {number}"),
            };
            DataError::malformed(path, place, problem)
        };
        if read.map_err(|error| malformed((None, error.to_string())))? == 0 {
            break;
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line);
        table.take(text, number).map_err(malformed)?;
    }
    table
        .pool()
        .map_err(|(place, problem)| DataError::malformed(path, place.unwrap_or(format!("line {number}")), problem))
}

/// Which value of a line is wrong, from 1, and how.
type Refusal = (Option<usize>, String);

/// A table as it is read.
#[derive(Default)]
struct Table {
    /// Between two values; a space stands for any number of spaces and tabs.
    separator: Option<u8>,
    names: Option<Vec<String>>,
    /// A comment that may be the header.
    comment: Option<Vec<u8>>,
    /// Columns that are no pixels, by the header.
    labels: Vec<usize>,
    /// Values of a line, labels included.
    width: usize,
    rows: usize,
    greys: Greys,
    /// Row, place and text of the first value that is neither 0 nor 1.
    first_grey: Option<(usize, String, String)>,
    /// The number that the first column counts from, as long as it counts.
    counts_from: Option<f64>,
}

impl Table {
    fn take(&mut self, line: &[u8], number: usize) -> Result<(), Refusal> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(first) = line.trim_ascii_start().first() else { return Ok(()) };
        if matches!(first, b'#' | b'%') {
            if self.separator.is_none() {
                self.comment = Some(line.to_vec());
            }
            return Ok(());
        }
        let separator = *self.separator.get_or_insert_with(|| separator_of(line));
        let mut fields = split(line, separator).ok_or((None, "a quotation mark that does not close".to_owned()))?;
        let is_first = self.width == 0;
        let drop_last = fields.len() > 1 && fields.last().is_some_and(|field| field.is_empty());
        if drop_last && (is_first || fields.len() == self.width + 1) {
            fields.pop();
        }
        if is_first {
            self.width = fields.len();
            if is_header(&fields) {
                self.head(&fields);
                return Ok(());
            }
            if let Some(comment) = self.comment.take() {
                let words = split(comment.trim_ascii_start()[1..].trim_ascii(), separator).unwrap_or_default();
                if words.len() == fields.len() && is_header(&words) {
                    self.head(&words);
                }
            }
        }
        if fields.len() != self.width {
            return Err((None, self.other_width(fields.len())));
        }
        self.row(&fields, number)
    }

    fn head(&mut self, names: &[Cow<[u8]>]) {
        let names: Vec<String> = names.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let is_label = |&i: &usize| LABELS.contains(&names[i].to_lowercase().as_str());
        self.labels = (0..names.len()).filter(is_label).collect();
        self.names = Some(names);
    }

    fn other_width(&self, found: usize) -> String {
        let width = self.width;
        match self.names.is_some() {
            true if found == width + 1 => format!(
                "{found} values, where the header has {width} names: if the first is the name of the row (R's write.table), \
                 write the table without row names"
            ),
            true => format!("{found} values, where the header has {width} names"),
            false => format!("{found} values, where the first row has {width}"),
        }
    }

    fn row(&mut self, fields: &[Cow<[u8]>], number: usize) -> Result<(), Refusal> {
        let separator = self.separator.unwrap_or(b' ');
        for (i, field) in fields.iter().enumerate() {
            if self.labels.binary_search(&i).is_ok() {
                continue;
            }
            let refused = |why: String| Err((Some(i + 1), why));
            let value = match &**field {
                b"0" => 0.0,
                b"1" => 1.0,
                word => match value(word, separator) {
                    Some(value) => value,
                    None => return refused(no_value(word)),
                },
            };
            if i == 0 && self.counts(value) {
                // A level that is set later, or never.
                self.greys.push(0.0).ok();
                continue;
            }
            if i == 0 {
                self.count_no_more()?;
            }
            if self.first_grey.is_none() && value != 0.0 && value != 1.0 {
                self.first_grey = Some((self.rows, format!("line {number}, value {}", i + 1), excerpt(field)));
            }
            if self.greys.push(value).is_err() {
                return refused(format!(
                    "`{}` is neither 0 nor 1, and fits neither grey levels (whole, 0..=255) nor fractions (0..=1) throughout",
                    excerpt(field)
                ));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Whether the first column still counts the rows from 0 or 1, with this value in the next row.
    fn counts(&mut self, value: f64) -> bool {
        if self.rows == 0 && self.width > 1 && (value == 0.0 || value == 1.0) {
            self.counts_from = Some(value);
        }
        self.counts_from.is_some_and(|from| value == from + self.rows as f64)
    }

    /// The first column is pixels after all: it has stopped to count. Says which count is no level.
    fn count_no_more(&mut self) -> Result<(), Refusal> {
        let Some(from) = self.counts_from.take() else { return Ok(()) };
        let dim = self.width - self.labels.len();
        for row in 0..self.rows {
            let value = from + row as f64;
            if value > 1.0 && self.first_grey.as_ref().is_none_or(|(at, ..)| *at > row) {
                self.first_grey = Some((row, format!("row {}, value 1", row + 1), value.to_string()));
            }
            let refused = |()| (Some(1), format!("`{value}` in row {} is neither 0 nor 1, nor a grey level", row + 1));
            self.greys.set(row * dim, value).map_err(refused)?;
        }
        Ok(())
    }

    /// The images, if the values can be pixels; or where they cannot, and why.
    fn pool(mut self) -> Result<Pool, (Option<String>, String)> {
        const COUNTED: usize = 3;
        let mut dim = self.width - self.labels.len();
        if self.rows == 0 {
            return Err((None, "no rows of 0 and 1, or of grey levels".into()));
        }
        if dim == 0 {
            let names = self.names.unwrap_or_default().join(", ");
            return Err((None, format!("no column is a pixel: the header names labels alone ({names})")));
        }
        let mut left_out = Vec::new();
        if let Some(names) = &self.names {
            let label = |&i: &usize| match names[i].as_str() {
                "" => format!("column {}: it has no name, as an index has none", i + 1),
                name => format!("column `{name}`: its name says that it is no pixel (another name makes it one)"),
            };
            left_out.extend(self.labels.iter().map(label));
        }
        if self.counts_from.is_some() && self.rows >= COUNTED && dim > 1 {
            left_out.push("column 1: it counts the rows".into());
            let mut kept = 0;
            for i in (0..self.greys.pixels.len()).filter(|i| i % dim != 0) {
                self.greys.pixels[kept] = self.greys.pixels[i];
                kept += 1;
            }
            self.greys.pixels.truncate(kept);
            dim -= 1;
        } else {
            self.count_no_more().map_err(|(_, problem)| (None, problem))?;
        }
        if self.greys.are_too_dark() {
            let (_, place, value) = self.first_grey.unwrap_or_default();
            return Err((
                Some(place),
                format!(
                    "`{value}` is neither 0 nor 1, and as grey levels of 0..=255 no value reaches 128: divide all by the highest"
                ),
            ));
        }
        let side = (dim - 1).isqrt();
        if self.greys.are_grey() && self.names.is_none() && side >= 4 && side * side == dim - 1 {
            return Err((
                None,
                format!(
                    "{dim} grey levels a row, {side} x {side} and one more: if that is a label, give the columns a header with \
                     `label` in it, or take it out"
                ),
            ));
        }
        let pool = Pool::unlabelled(self.greys.pixels, Shape { width: dim, height: 1 });
        Ok(Pool { left_out, ..pool })
    }
}

/// Whether the first lines of a file, of which the last may be torn, are rows of values.
pub(super) fn begins_as_table(path: &Path, start: &[u8]) -> bool {
    match start.iter().rposition(|&byte| byte == b'\n') {
        Some(end) => rows(path, &start[..=end]).is_ok(),
        None => true,
    }
}

/// The separator of a line: the first of these that it has outside of quotation marks.
fn separator_of(line: &[u8]) -> u8 {
    let mut quoted = false;
    let mut bare = line.to_vec();
    bare.retain(|&byte| {
        quoted ^= byte == b'"';
        !quoted
    });
    let has = |separator: &u8| bare.trim_ascii().contains(separator);
    [b'\t', b';', b','].into_iter().find(has).unwrap_or(b' ')
}

/// The values of a line; `None` if a quotation mark does not close.
fn split(line: &[u8], separator: u8) -> Option<Vec<Cow<'_, [u8]>>> {
    if !line.contains(&b'"') {
        return Some(if separator == b' ' {
            let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.map(Cow::Borrowed).collect()
        } else {
            line.split(|&byte| byte == separator).map(|field| Cow::Borrowed(field.trim_ascii())).collect()
        });
    }
    let ends = |byte: u8| byte == separator || separator == b' ' && byte == b'\t';
    let (mut fields, mut field, mut quoted, mut was_quoted) = (Vec::new(), Vec::new(), false, false);
    // The separator once more, as the end of the last field.
    for &byte in line.iter().chain([&separator]) {
        match byte {
            b'"' => {
                // A doubled quotation mark within quotes closes and opens: the names and values here have no need of it.
                quoted = !quoted;
                was_quoted = true;
            }
            byte if ends(byte) && !quoted => {
                let word = field.trim_ascii().to_vec();
                if separator != b' ' || !word.is_empty() || was_quoted {
                    fields.push(Cow::Owned(word));
                }
                (field, was_quoted) = (Vec::new(), false);
            }
            byte => field.push(byte),
        }
    }
    (!quoted).then_some(fields)
}

/// Whether a line is a header: names, and no value at all; or, as pandas numbers columns, 0 1 2 ... or 1 2 3 ..., behind
/// an index without a name or a label.
fn is_header(fields: &[Cow<[u8]>]) -> bool {
    let words: Vec<Cow<str>> = fields.iter().map(|field| String::from_utf8_lossy(field)).collect();
    let is_name = |word: &str| {
        let lower = word.to_lowercase();
        let is_value = word.replace(',', ".").parse::<f64>().is_ok() || lower == "true" || lower == "false";
        !is_value && !MISSING.contains(&lower.as_str()) && !word.chars().any(char::is_control)
    };
    let label = words.first().is_some_and(|word| LABELS.contains(&word.to_lowercase().as_str()));
    let rest = &words[usize::from(label)..];
    let counts =
        |from: usize| rest.len() >= 3 && rest.iter().enumerate().all(|(i, word)| *word == (from + i).to_string());
    (label || !rest.is_empty()) && rest.iter().all(|word| is_name(word)) || counts(0) || counts(1)
}

/// The number that a word is.
fn value(word: &[u8], separator: u8) -> Option<f64> {
    let word = std::str::from_utf8(word).ok()?;
    if word.eq_ignore_ascii_case("true") {
        return Some(1.0);
    }
    if word.eq_ignore_ascii_case("false") {
        return Some(0.0);
    }
    if matches!(separator, b';' | b'\t') && word.bytes().filter(|&byte| byte == b',').count() == 1 {
        return word.replace(',', ".").parse().ok();
    }
    word.parse().ok()
}

/// Why a word is no value.
fn no_value(word: &[u8]) -> String {
    let word = excerpt(word);
    if word.is_empty() {
        "an empty field: a missing value is no pixel; fill it, or leave the row out".to_owned()
    } else if MISSING.contains(&word.to_lowercase().as_str()) {
        format!("`{word}` is a missing value, and neither 0 nor 1: fill it, or leave the row out")
    } else if word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()) {
        format!(
            "`{word}` is neither 0 nor 1; with index:value pairs this is a file of LIBSVM: from sklearn.datasets import \
             load_svmlight_file; import numpy as np; np.save(\"images.npy\", load_svmlight_file(\"in\")[0].toarray())"
        )
    } else {
        format!(
            "`{word}` is neither 0 nor 1, nor another number (one separator a file: tab, semicolon, comma or spaces)"
        )
    }
}

fn excerpt(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(20)]).escape_debug().to_string()
}
