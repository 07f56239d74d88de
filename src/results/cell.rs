//! Cells of tables, with protection against conversion by programs that open them.

use std::borrow::Cow;

use crate::experiment::{is_plain_number, misread};
use crate::text::exact;

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    /// A missing value.
    Empty,
    /// Text.
    Text(Text<'a>),
    /// A level of an axis that is a plain number, as the study wrote it.
    Level(&'a str),
    /// A count or a seed.
    Int(u64),
    /// A measured number.
    Number(f64),
}

/// Text that no reader of tables converts; only this module creates it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text<'a> {
    text: Cow<'a, str>,
    /// True if readers of tables would misinterpret it ([`misread`]).
    is_misread: bool,
}

impl Text<'_> {
    /// Unchanged text, for formats whose cells have a type.
    pub(super) fn typed(&self) -> &str {
        &self.text
    }

    /// Text for formats without types: an apostrophe prevents its conversion.
    fn guarded(&self) -> Cow<'_, str> {
        if self.is_misread {
            Cow::Owned(format!("'{}", self.text))
        } else {
            Cow::Borrowed(&self.text)
        }
    }
}

impl<'a> Value<'a> {
    /// Text on one line; an empty cell if it is empty.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        let mut text = text.into();
        if text.contains(char::is_control) {
            let parts: Vec<&str> =
                text.split(char::is_control).filter(|part| !part.is_empty()).collect();
            text = Cow::Owned(parts.join(" "));
        }
        let is_misread = misread(&text).is_some();
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Text(Text { text, is_misread })
        }
    }

    /// A date and time, which readers are meant to convert: the form `YYYY-MM-DD HH:MM:SS` is safe
    /// in every locale. Any other text becomes ordinary text.
    pub(super) fn moment(text: &'a str) -> Self {
        match Self::text(text) {
            Self::Text(Text { text, .. }) if is_moment(&text) => {
                Self::Text(Text { text, is_misread: false })
            }
            other => other,
        }
    }

    /// A level of an axis.
    pub(super) fn level(level: &'a str) -> Self {
        if is_plain_number(level) { Self::Level(level) } else { Self::text(level) }
    }

    pub(super) fn number(value: Option<f64>) -> Self {
        // Adding zero turns negative zero into zero, which spreadsheets would show with a sign.
        value
            .filter(|value| value.is_finite())
            .map_or(Self::Empty, |value| Self::Number(value + 0.0))
    }

    pub(super) fn int(value: Option<u64>) -> Self {
        value.map_or(Self::Empty, Self::Int)
    }

    /// The cell in a CSV file.
    pub(super) fn csv(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Text(text) => text.guarded(),
            Self::Level(level) => Cow::Borrowed(level),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Number(value) => Cow::Owned(exact(*value)),
        }
    }
}

/// A table: header and rows, which are produced while they are written.
pub(super) struct Table<'a> {
    pub(super) columns: Vec<String>,
    pub(super) rows: Box<dyn Iterator<Item = Vec<Value<'a>>> + 'a>,
}

impl Table<'_> {
    /// CSV by RFC 4180, UTF-8 without a byte order mark, one header row.
    pub(super) fn csv(self) -> Vec<u8> {
        let mut out = csv::Writer::from_writer(Vec::new());
        let header: Vec<Value> =
            self.columns.iter().map(|column| Value::text(column.as_str())).collect();
        let header = header.iter().map(Value::csv);
        let written =
            out.write_record(header.map(|column| column.as_bytes().to_vec()))
                .and_then(|()| {
                    let mut rows = self.rows;
                    rows.try_for_each(|row| {
                        debug_assert_eq!(row.len(), self.columns.len());
                        row.iter().try_for_each(|cell| out.write_field(&*cell.csv()))?;
                        out.write_record(None::<&[u8]>)
                    })
                });
        written.expect("writing to memory with rows as long as the header");
        out.into_inner().expect("writing to memory")
    }
}

/// True if a text has the form `YYYY-MM-DD HH:MM:SS`.
fn is_moment(text: &str) -> bool {
    let form = b"0000-00-00 00:00:00";
    let fits = |(found, form): (u8, &u8)| {
        if *form == b'0' { found.is_ascii_digit() } else { found == *form }
    };
    text.len() == form.len() && text.bytes().zip(form).all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_would_change_is_kept_as_text() {
        let dangerous = [
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
            "12345678901234567",
            "9e999",
            "$5",
            "2026-11-23",
        ];
        for text in dangerous {
            assert_eq!(Value::level(text).csv(), format!("'{text}"), "{text}");
        }
        let safe = [
            "baseline",
            "500",
            "-0.5",
            "1e-3",
            "0.25",
            "[500, 500]",
            "depth-2",
            "r9e12ab",
            "marching",
            "may",
            "h500x2",
        ];
        for text in safe {
            assert_eq!(Value::level(text).csv(), text, "{text}");
        }
        assert_eq!(Value::moment("2026-11-23 08:00:01").csv(), "2026-11-23 08:00:01");
        for text in [
            "=cmd|calc!A0",
            "2026-11-23",
            "2026-11-23 08:00",
            "2026-11-23 08:00:01.5",
            "+026-11-23 08:00:01",
        ] {
            assert_eq!(Value::moment(text).csv(), format!("'{text}"), "{text}");
        }
        let columns = vec!["=a".to_owned(), "b".to_owned()];
        let rows = Box::new(std::iter::empty());
        assert_eq!(Table { columns, rows }.csv(), b"'=a,b\n", "a header is a text like any other");
        assert_eq!(Value::text("two\nlines\r\n").csv(), "two lines");
        assert_eq!(Value::text("\n"), Value::Empty);
        assert_eq!(Value::number(Some(f64::NAN)), Value::Empty);
    }

    proptest! {
        #[test]
        fn a_table_reads_back(cells in prop::collection::vec(("[ -~\n\u{e9}]{0,12}", any::<f64>(), any::<u64>()), 1..20)) {
            let rows = cells.iter().map(|(text, x, n)| vec![Value::text(text.as_str()), Value::number(Some(*x)), Value::Int(*n)]);
            let columns = ["a", "b", "c"].map(str::to_owned).to_vec();
            let bytes = Table { columns, rows: Box::new(rows.collect::<Vec<_>>().into_iter()) }.csv();
            let mut reader = csv::Reader::from_reader(&*bytes);
            let back: Vec<(String, Option<f64>, u64)> = reader.deserialize().map(Result::unwrap).collect();
            prop_assert_eq!(back.len(), cells.len());
            for ((text, x, n), (text_back, x_back, n_back)) in cells.iter().zip(back) {
                let value = Value::text(text.as_str());
                prop_assert_eq!(value.csv(), text_back.as_str());
                // Spaces at the ends are preserved; the apostrophe marks the cell as text.
                let is_guarded = text_back.starts_with('\'');
                prop_assert!(!text_back.contains(['\n', '\r']) && (is_guarded || misread(&text_back).is_none()));
                prop_assert_eq!(Some(*x).filter(|x| x.is_finite()).map(|x| x + 0.0), x_back);
                prop_assert_eq!(*n, n_back);
            }
        }
    }
}
