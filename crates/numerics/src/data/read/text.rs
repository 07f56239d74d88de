//! Rows of values as text: csv, Larochelle's .amat, the `.data` files of UCI and UCLA. One image
//! per line.
//!
//! One separator per file, the first of tab, semicolon, comma, | and spaces that its first line
//! has. A comma between digits is a decimal comma where values have another separator. Values are 0
//! and 1, `true` and `false`, fractions in 0..=1, or grey levels 0..=255. A first line of names is
//! a header ([`TableHeader`]); a first column that counts the rows is no pixel. Lines end with LF,
//! CRLF, or CR alone; a first line `sep=;` (Excel) names the separator.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::greys::{Greys, REAL};
use super::header::{MISSING, TableHeader, blocks, is_row_as_names, may_be_numbers_as_names};
use super::numbers::{COUNTS, FirstColumn, numbering_column};
use super::{Pool, foreign, reals};
use crate::data::{DataConfig, DataError, Shape, ValueKind};

/// Reads all rows; every one must have as many values as the first.
pub(super) fn rows(path: &Path, source: impl Read, config: &DataConfig) -> Result<Pool, DataError> {
    let mut table = Table::of(config);
    table.read(source).map_err(|(number, (column, problem))| {
        DataError::malformed(path, format!("line {number}{}", table.place(column)), problem)
    })?;
    table
        .pool()
        .map_err(|(place, problem)| DataError::malformed(path, place, problem))
}

/// Labels of a text: one whole number per line, below a line with a name or not.
pub(super) fn labels(path: &Path, source: impl BufRead) -> Result<Vec<u16>, DataError> {
    let mut labels = Vec::new();
    for (i, line) in source.lines().enumerate() {
        let line = line.map_err(DataError::io(path))?;
        let word = line.trim();
        match word.parse() {
            Ok(label) => labels.push(label),
            Err(_) if word.is_empty() || i == 0 => {}
            Err(_) => {
                let problem = format!(
                    "`{}`: labels are whole numbers from 0 to 65535, one per line",
                    excerpt(word.as_bytes())
                );
                return Err(DataError::malformed(path, format!("line {}", i + 1), problem));
            }
        }
    }
    Ok(labels)
}

/// Index of the wrong value in a line, from 1, and the problem.
type Refusal = (Option<usize>, String);

impl Table {
    fn of(config: &DataConfig) -> Self {
        Self {
            reals: config.values.is_real().then(Vec::new),
            levels: config.levels.get(),
            ..Self::default()
        }
    }

    /// Reads all lines. Error: the number of the line, and the problem.
    fn read(&mut self, source: impl Read) -> Result<(), (usize, Refusal)> {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            let read = source.read_until(b'\n', &mut line);
            if read.map_err(|error| (number + 1, (None, error.to_string())))? == 0 {
                return Ok(());
            }
            let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 0).unwrap_or(&line);
            let end = text
                .iter()
                .rposition(|byte| !matches!(byte, b'\r' | b'\n'))
                .map_or(0, |last| last + 1);
            for text in text[..end].split(|&byte| byte == b'\r') {
                number += 1;
                self.take(text, number).map_err(|refusal| (number, refusal))?;
            }
        }
    }
}
/// A table during reading.
#[derive(Default)]
struct Table {
    /// Separator between two values; a space means any number of spaces and tabs.
    separator: Option<u8>,
    header: Option<TableHeader>,
    /// Comment line that may be the header.
    comment: Option<Vec<u8>>,
    /// Values per line, labels included.
    width: usize,
    /// Line number of the first row, or of the header.
    first_line: usize,
    rows: usize,
    greys: Greys,
    /// Values of a table of real numbers, in place of the levels.
    reals: Option<Vec<f64>>,
    /// Levels of a pixel that are asked for.
    levels: usize,
    /// Row, place and text of the first value that is neither 0 nor 1.
    first_grey: Option<(usize, String, String)>,
    /// First column, while it may number the rows.
    first_column: FirstColumn,
    /// True if the first row may be column names that are numbers; and the number of other rows
    /// that could be.
    first_may_be_names: bool,
    others_may_be_names: usize,
    /// Length of the blocks of equal numbers in the first row, which may be the upper of two header
    /// lines.
    blocks: Option<usize>,
    /// First line that counts from 0 or 1, as column names do, and the number of such lines.
    counting: Option<(usize, usize)>,
    /// Header line.
    header_line: Vec<u8>,
}

/// Message about a header of two lines.
const TWO_LEVELS: &str = "names of columns in two lines, as pandas writes a MultiIndex: name them in one, df.columns = \
                          [f\"{a}x{b}\" for a, b in df.columns]";

impl Table {
    fn kind(&self) -> ValueKind {
        if self.reals.is_some() { ValueKind::Real } else { ValueKind::Pixels }
    }

    fn take(&mut self, line: &[u8], number: usize) -> Result<(), Refusal> {
        if let (1, [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator]) = (number, line) {
            self.separator = Some(*separator);
            return Ok(());
        }
        let Some(first) = line.trim_ascii_start().first() else { return Ok(()) };
        if matches!(first, b'#' | b'%') {
            if self.separator.is_none() {
                self.comment = Some(line.to_vec());
            }
            return Ok(());
        }
        if self.width == 0 && line.len() > 8 && line[..9].eq_ignore_ascii_case(b"@relation") {
            return Err((None, foreign::arff()));
        }
        if !self.header_line.is_empty() && line == self.header_line {
            return Err((None, "the header again: take this line out".to_owned()));
        }
        let separator = *self.separator.get_or_insert_with(|| separator_of(line));
        let open = "a quotation mark that does not close: a value of several lines is not read; leave its column out";
        let mut fields = split(line, separator).ok_or((None, open.to_owned()))?;
        let is_first = self.width == 0;
        let drop_last = fields.len() > 1 && fields.last().is_some_and(|field| field.is_empty());
        if drop_last && (is_first || fields.len() == self.width + 1) {
            fields.pop();
        }
        if is_first {
            (self.width, self.first_line) = (fields.len(), number);
            self.header = TableHeader::of(&fields, self.kind());
            if self.reals.is_none() && is_row_as_names(&fields) {
                let problem = "the first row has become names, which pandas numbers where they are equal (0, 0.1, 0.2 ...): \
                               read the original with pd.read_csv(..., header=None), or take this line out";
                return Err((None, problem.to_owned()));
            }
            if self.header.is_some() {
                self.header_line = line.to_vec();
                return Ok(());
            }
            // Of real numbers any row may look like numbered names.
            if self.reals.is_none() {
                self.first_may_be_names = may_be_numbers_as_names(&fields);
                self.blocks = blocks(&fields);
            }
            if self.blocks.is_some() && fields[0].is_empty() {
                return Err((None, TWO_LEVELS.to_owned()));
            }
            if let Some(comment) = self.comment.take() {
                let words = split(comment.trim_ascii_start()[1..].trim_ascii(), separator)
                    .unwrap_or_default();
                self.header = TableHeader::of(&words, self.kind())
                    .filter(|header| header.names.len() == fields.len());
            }
        }
        if fields.len() == self.width + 1 && self.rows == 0 && separator == b' ' {
            // R and pandas leave the name of the first column (the row names) out of the header.
            let names = self
                .header
                .iter()
                .flat_map(|header| &header.names)
                .map(|name| Cow::Owned(name.clone().into_bytes()));
            let names: Vec<Cow<[u8]>> =
                [Cow::Borrowed(&b""[..])].into_iter().chain(names).collect();
            if let Some(header) =
                TableHeader::of(&names, self.kind()).filter(|_| self.header.is_some())
            {
                (self.header, self.width) = (Some(header), names.len());
            }
        }
        if fields.len() != self.width {
            return Err((None, self.other_width(fields.len())));
        }
        if self.rows == 0 && self.header.is_some() && fields.iter().all(|field| is_no_number(field))
        {
            let problem = format!(
                "no value is a number (`{}` ...): one line of names is read, and no second one of names, types or units; words for \
                 no and yes are to be 0 and 1",
                excerpt(&fields[0])
            );
            return Err((None, problem));
        }
        if self.reals.is_some() {
            return self.row_of_reals(&fields);
        }
        self.row(&fields, number)?;
        self.compare_with_names(&fields, number)
    }

    fn row_of_reals(&mut self, fields: &[Cow<[u8]>]) -> Result<(), Refusal> {
        let separator = self.separator.unwrap_or(b' ');
        let has_header = self.header.is_some();
        let labels = self.header.as_ref().map_or(&[][..], |header| &header.labels);
        let values = self.reals.get_or_insert_default();
        for (i, field) in fields.iter().enumerate() {
            if labels.binary_search(&i).is_ok() {
                continue;
            }
            let refused = |problem: String| (Some(i + 1), problem);
            let value =
                value(field, separator).ok_or_else(|| refused(no_number(field, has_header)))?;
            if let Some(problem) = reals::refusal(value) {
                return Err(refused(problem));
            }
            values.push(value);
        }
        self.rows += 1;
        Ok(())
    }

    /// Compares a row with what column names would look like.
    fn compare_with_names(&mut self, fields: &[Cow<[u8]>], number: usize) -> Result<(), Refusal> {
        const FEWEST: usize = 16;
        if self.rows == 2
            && self.blocks.is_some_and(|block| {
                fields.iter().enumerate().all(|(i, field)| {
                    [i % block, i % block + 1]
                        .iter()
                        .any(|name| name.to_string().as_bytes() == &**field)
                })
            })
        {
            return Err((None, format!("this line and the one before are {TWO_LEVELS}")));
        }
        if self.rows > 1 && self.first_may_be_names {
            self.others_may_be_names += usize::from(may_be_numbers_as_names(fields));
        }
        let dim = self.width - self.labels().len();
        let levels = &self.greys.pixels[self.greys.pixels.len() - dim..];
        if !self.greys.fractions && dim >= FEWEST && levels[1] <= 2 {
            let start = levels[1].wrapping_sub(1);
            if start <= 1
                && levels
                    .iter()
                    .enumerate()
                    .skip(1)
                    .all(|(i, &level)| usize::from(level) == i + usize::from(start))
            {
                self.counting.get_or_insert((number, 0)).1 += 1;
            }
        }
        Ok(())
    }

    /// Error if the first row is most likely column names, or a note if it may be.
    fn first_row_as_names(&self) -> Option<Result<String, String>> {
        const ENOUGH: usize = 20;
        let (others, alike) = (self.rows - 1, self.others_may_be_names);
        if !self.first_may_be_names || 5 * alike > others || others == 0 {
            return None;
        }
        let problem = format!(
            "{} different whole numbers, as names of columns are, and all values are different in {alike} of the other {others} rows",
            self.width
        );
        Some(match alike == 0 && others >= ENOUGH {
            true => Err(format!(
                "{problem}: if they are names, begin each with a letter; if pixels, put a line of such names above"
            )),
            false => Ok(format!("its first row holds {problem}; it is taken for an image")),
        })
    }

    /// Indices of the columns that the header says are not pixels.
    fn labels(&self) -> &[usize] {
        self.header.as_ref().map_or(&[], |header| &header.labels)
    }

    /// `, value 3 (column `pixel2`)`.
    fn place(&self, column: Option<usize>) -> String {
        let name = |column: usize| self.header.as_ref()?.names.get(column - 1);
        match column.map(|column| (column, name(column))) {
            None => String::new(),
            Some((column, None)) => format!(", value {column}"),
            Some((column, Some(name))) => {
                format!(", value {column} (column `{}`)", excerpt(name.as_bytes()))
            }
        }
    }

    fn other_width(&self, found: usize) -> String {
        let width = self.width;
        match self.header.is_some() {
            true if found == width + 1 && self.rows == 0 => format!(
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
            if self.labels().binary_search(&i).is_ok() {
                continue;
            }
            let refused = |why: String| Err((Some(i + 1), why));
            let value = match &**field {
                b"0" => 0.0,
                b"1" => 1.0,
                word => match value(word, separator) {
                    Some(value) => value,
                    None => return refused(no_value(word, self.header.is_some())),
                },
            };
            if i == 0 && self.width > 1 && self.first_column.take(value) {
                // A placeholder, replaced by the true level later or never.
                self.greys.push(0.0).ok();
                continue;
            }
            if i == 0 {
                self.first_column_is_pixels()?;
            }
            if self.first_grey.is_none() && value != 0.0 && value != 1.0 {
                let place = format!("line {number}{}", self.place(Some(i + 1)));
                self.first_grey = Some((self.rows, place, excerpt(field)));
            }
            if self.greys.push(value).is_err() {
                return refused(format!(
                    "`{}` is neither 0 nor 1, and fits neither grey levels (whole, 0..=255) nor fractions (0..=1) throughout{REAL}",
                    excerpt(field)
                ));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Treats the first column as pixels after all. Error: one of its values is not a level.
    fn first_column_is_pixels(&mut self) -> Result<(), Refusal> {
        let dim = self.width - self.labels().len();
        for (row, value) in self.first_column.end().into_iter().enumerate() {
            if value > 1.0 && self.first_grey.as_ref().is_none_or(|(at, ..)| *at > row) {
                self.first_grey =
                    Some((row, format!("row {}, value 1", row + 1), value.to_string()));
            }
            let refused = |()| {
                let row = row + 1;
                let problem = format!(
                    "`{value}` in row {row} is neither 0 nor 1, nor a grey level: if the first column numbers the rows, take it out"
                );
                (Some(1), problem)
            };
            self.greys.set(row * dim, value).map_err(refused)?;
        }
        Ok(())
    }

    /// Removes a column that numbers the rows from the pixels.
    fn take_out(&mut self, column: usize, why: &str) -> String {
        let dim = self.width - self.labels().len();
        retain_others(&mut self.greys.pixels, dim, column);
        self.reals.iter_mut().for_each(|values| retain_others(values, dim, column));
        let place = (0..self.width)
            .filter(|i| self.labels().binary_search(i).is_err())
            .nth(column)
            .unwrap_or(column);
        let header = self.header.get_or_insert_default();
        header.labels.push(place);
        header.labels.sort_unstable();
        match header.names.get(place).filter(|name| !name.is_empty()) {
            Some(name) => format!("column `{name}`: {why}"),
            None => format!("column {}: {why}", place + 1),
        }
    }

    /// Converts to images if the values can be pixels; error: the place, and the reason why not.
    fn pool(mut self) -> Result<Pool, (String, String)> {
        if self.reals.is_some() {
            return self.pool_of_reals();
        }
        let mut dim = self.width - self.labels().len();
        let first_line = format!("line {}", self.first_line.max(1));
        if self.rows == 0 {
            return Err((first_line, "no rows of 0 and 1, or of grey levels".into()));
        }
        if dim == 0 {
            let names = self.header.unwrap_or_default().names.join(", ");
            return Err((
                first_line,
                format!("no column is a pixel: the header names labels alone ({names})"),
            ));
        }
        if let Some((line, count)) =
            self.counting.filter(|&(_, count)| count <= 1 + self.rows / 100)
        {
            let lines = if count == 1 {
                "this line counts".to_owned()
            } else {
                format!("this line and {} more count", count - 1)
            };
            return Err((
                format!("line {line}"),
                format!(
                    "{lines} 0, 1, 2 ... as names of columns do: take such lines out (if they are images, save all as .npy)"
                ),
            ));
        }
        let has_names = self.header.is_some();
        let mut left_out = self.header.as_ref().map_or(vec![], |header| header.left_out.clone());
        let mut notes: Vec<String> = self
            .header
            .as_ref()
            .and_then(|header| header.note.clone())
            .into_iter()
            .collect();
        if let Some(problem) = self.first_row_as_names().filter(|_| !has_names) {
            notes.push(problem.map_err(|problem| (first_line.clone(), problem))?);
        }
        let index = self.first_column.numbers_rows(&self.greys.pixels, dim, self.greys.fractions);
        if let Some(why) = index.filter(|_| dim > 1) {
            left_out.push(self.take_out(0, why));
            dim -= 1;
        } else {
            self.first_column_is_pixels()
                .map_err(|(_, problem)| (first_line.clone(), problem))?;
            if let Some((column, why)) =
                numbering_column(&self.greys.pixels, dim).filter(|_| !self.greys.fractions)
            {
                left_out.push(self.take_out(column, why));
                dim -= 1;
            }
        }
        let columns = self.header.as_ref().filter(|_| has_names).map(TableHeader::pixels);
        let side = (dim - 1).isqrt();
        let one_more = !has_names && side >= 4 && side * side == dim - 1;
        let too_dark = self.greys.are_too_dark(self.levels);
        if too_dark && one_more {
            let (_, place, value) = self.first_grey.unwrap_or_default();
            return Err((
                place,
                format!(
                    "`{value}` is neither 0 nor 1, and {dim} values a row are {side} x {side} and one more: if that is a \
                     label, give the columns a header with `label` in it, or take it out"
                ),
            ));
        }
        if too_dark {
            let (_, place, value) = self.first_grey.unwrap_or_default();
            return Err((
                place,
                format!(
                    "`{value}` is neither 0 nor 1, and as grey levels of 0..=255 no value reaches 128: divide all by the highest"
                ),
            ));
        }
        if self.greys.are_grey() && one_more {
            return Err((
                first_line,
                format!(
                    "{dim} grey levels a row, {side} x {side} and one more: if that is a label, give the columns a header with \
                     `label` in it, or take it out"
                ),
            ));
        }
        let pool = Pool::unlabelled(self.greys.pixels, Shape { width: dim, height: 1 });
        Ok(Pool { left_out, notes, columns, ..pool })
    }
}

impl Table {
    /// Converts to rows of real numbers; error: the place, and the reason why not.
    fn pool_of_reals(mut self) -> Result<Pool, (String, String)> {
        let mut dim = self.width - self.labels().len();
        let first_line = format!("line {}", self.first_line.max(1));
        if self.rows == 0 {
            return Err((first_line, "no rows of numbers".into()));
        }
        if dim == 0 {
            let names = self.header.unwrap_or_default().names.join(", ");
            let problem =
                format!("no column is a variable: the header names labels alone ({names})");
            return Err((first_line, problem));
        }
        let has_names = self.header.is_some();
        let mut left_out = self.header.as_ref().map_or(vec![], |header| header.left_out.clone());
        let values = self.reals.as_deref().unwrap_or_default();
        let is_index =
            |&column: &usize| reals::counts_rows(values[column..].iter().step_by(dim).copied());
        if let Some(column) = (0..dim).find(is_index).filter(|_| dim > 1) {
            left_out.push(self.take_out(column, COUNTS));
            dim -= 1;
        }
        let columns = self.header.as_ref().filter(|_| has_names).map(TableHeader::pixels);
        let mut seen = BTreeSet::new();
        if let Some(twice) = columns.iter().flatten().find(|name| !seen.insert(name.as_str())) {
            let problem = format!("two columns are called `{twice}`: names tell which is which");
            return Err((first_line, problem));
        }
        let values = self.reals.unwrap_or_default();
        Ok(Pool { left_out, columns, ..Pool::real(values, dim) })
    }
}

/// Removes a column of a table [n_rows x dim].
fn retain_others<T>(values: &mut Vec<T>, dim: usize, column: usize) {
    let mut at = 0;
    values.retain(|_| {
        at += 1;
        (at - 1) % dim != column
    });
}

/// True if the first lines of a file, of which the last may be incomplete, are rows of values.
pub(super) fn begins_as_table(path: &Path, start: &[u8], config: &DataConfig) -> bool {
    let Some(end) = start.iter().rposition(|&byte| byte == b'\n') else {
        return true;
    };
    if !config.values.is_real() {
        return rows(path, &start[..=end], config).is_ok();
    }
    // A value that is no number makes no other text of a table: reading it gives a precise error.
    let mut table = Table::of(config);
    match table.read(&start[..=end]) {
        Ok(()) => table.rows > 0,
        Err((_, (column, _))) => table.rows > 0 || column.is_some() && table.header.is_some(),
    }
}

/// Number of values per row of the table whose first bytes are `start`; its last line may be
/// incomplete.
pub(super) fn width(path: &Path, start: &[u8], config: &DataConfig) -> Option<usize> {
    let end = start.iter().rposition(|&byte| byte == b'\n').map_or(start.len(), |end| end + 1);
    rows(path, &start[..end], config).ok().map(|pool| pool.shape.width)
}

/// Separator of a line: the first candidate that occurs outside quotation marks.
fn separator_of(line: &[u8]) -> u8 {
    let mut quoted = false;
    let mut bare = line.to_vec();
    bare.retain(|&byte| {
        quoted ^= byte == b'"';
        !quoted
    });
    let has = |separator: &u8| bare.trim_ascii().contains(separator);
    [b'\t', b';', b',', b'|'].into_iter().find(has).unwrap_or(b' ')
}

/// Values of a line; `None` if a quotation mark is not closed.
fn split(line: &[u8], separator: u8) -> Option<Vec<Cow<'_, [u8]>>> {
    if !line.contains(&b'"') {
        return Some(if separator == b' ' {
            let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.map(Cow::Borrowed).collect()
        } else {
            line.split(|&byte| byte == separator)
                .map(|field| Cow::Borrowed(field.trim_ascii()))
                .collect()
        });
    }
    let ends = |byte: u8| byte == separator || separator == b' ' && byte == b'\t';
    let (mut fields, mut field, mut quoted, mut was_quoted) =
        (Vec::new(), Vec::new(), false, false);
    // A final separator ends the last field.
    let mut bytes = line.iter().chain([&separator]).copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                // A doubled quotation mark inside quotes is one of the value.
                if quoted && bytes.next_if_eq(&b'"').is_some() {
                    field.push(byte);
                    continue;
                }
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

/// True for a word that is neither a number nor true or false, such as a column name, a type or a
/// unit.
fn is_no_number(word: &[u8]) -> bool {
    !word.is_empty()
        && value(word, b';').is_none()
        && !MISSING.contains(&String::from_utf8_lossy(word).to_lowercase().as_str())
}

/// Number that a word spells.
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

/// Reason why a word is not a real number.
fn no_number(word: &[u8], has_header: bool) -> String {
    const WAY_OUT: &str = "fill it, or leave its row or its column out";
    let word = excerpt(word);
    if word.is_empty() {
        return format!("an empty field: a missing value has no density; {WAY_OUT}");
    }
    if MISSING.contains(&word.to_lowercase().as_str()) {
        return format!("`{word}` is a missing value, which has no density: {WAY_OUT}");
    }
    match has_header {
        true => format!(
            "`{word}` is not a number: a column that is not a variable is left out if the header calls it `label`"
        ),
        false => format!(
            "`{word}` is not a number (one separator per file: tab, semicolon, comma, | or spaces): leave its column out"
        ),
    }
}

/// Reason why a word is not a value.
fn no_value(word: &[u8], has_header: bool) -> String {
    let word = excerpt(word);
    if word.is_empty() {
        "an empty field: a missing value is not a pixel; fill it, or leave the row out".to_owned()
    } else if MISSING.contains(&word.to_lowercase().as_str()) {
        format!("`{word}` is a missing value, and neither 0 nor 1: fill it, or leave the row out")
    } else if word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()) {
        format!(
            "`{word}` is neither 0 nor 1; with index:value pairs this is a file of LIBSVM: from sklearn.datasets import \
             load_svmlight_file; import numpy as np; np.save(\"images.npy\", load_svmlight_file(\"in\")[0].toarray())"
        )
    } else if has_header {
        format!(
            "`{word}` is neither 0 nor 1, nor another number: a column that is not a pixel is left out if the header calls it \
             `label`"
        )
    } else {
        format!(
            "`{word}` is neither 0 nor 1, nor another number (one separator per file: tab, semicolon, comma, | or spaces)"
        )
    }
}

fn excerpt(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(20)]).escape_debug().to_string()
}
