//! A table as a sheet of a workbook: typed cells, number formats and widths by content, a head and
//! first columns that stay in sight, and a set-up for paper. Data beyond a spreadsheet's limits are
//! cut visibly.

use std::borrow::Cow;

use rust_xlsxwriter::{
    Color, ConditionalFormat3ColorScale, ConditionalFormatType, Format, FormatAlign, Worksheet,
    XlsxError,
};

use super::cell::{Table, Value};
use crate::text::decimals_for;
use crate::trainer::Better;

/// Limits of Excel: columns, rows below the header, and characters of a cell.
pub(super) const MAX_COLUMNS: usize = 16_384;
const MAX_ROWS: usize = 1_048_575;
const MAX_TEXT: usize = 32_767;

/// Maximum number of cells of a sheet: more take gigabytes to write, and to open. A table of epochs,
/// which programs read rather than people, has fewer, since every sweep writes it.
const MAX_CELLS: usize = 4_000_000;
const MAX_CELLS_OF_EPOCHS: usize = 1_000_000;

/// Maximum number of rows that decide the number formats of their columns.
const SAMPLED: usize = 1_000;

/// Limits of the width of a column [characters]; the last one may have notes.
const WIDTHS: (usize, usize) = (7, 40);
const NOTE: usize = 90;
/// Width of a printed page at the smallest legible scale [characters].
const PAGE: usize = 250;

/// Colours of the best and of the worst difference, as strong as it is large; no difference is
/// white. Blue and orange are told apart with every kind of colour vision.
const BETTER: Color = Color::RGB(0x8FC1E0);
const WORSE: Color = Color::RGB(0xF6B26B);

/// Format of p values: two digits of the smallest that occur, and powers of ten below.
const P_VALUES: &str = "[<0.0001]0E+00;0.0000";

/// A sheet to be filled.
pub(super) struct TableSheet<'a> {
    pub(super) name: &'a str,
    /// End of the names of columns in the unit of the compared metric: `_nats`; may be empty.
    pub(super) unit: &'a str,
    /// Column of differences that are coloured, and the direction of the metric.
    pub(super) coloured: Option<(&'a str, Better)>,
}

impl TableSheet<'_> {
    /// Fills a sheet; returns descriptions of what it does not hold.
    pub(super) fn fill(
        &self,
        sheet: &mut Worksheet,
        table: Table,
        head: &Format,
    ) -> Result<Vec<String>, XlsxError> {
        let (name, Table { columns, mut rows }) = (self.name, table);
        let first: Vec<Vec<Value>> = rows.by_ref().take(SAMPLED).collect();
        let decimals = self.decimals(&columns, &first);
        // The button of the filter covers three characters.
        let mut widths: Vec<usize> = columns.iter().map(|name| name.chars().count() + 3).collect();
        let mut is_number = vec![false; columns.len()];
        let (mut cuts, mut cut_texts, mut last) = (Vec::new(), 0, 0);
        let most_cells = if name == "metrics" { MAX_CELLS_OF_EPOCHS } else { MAX_CELLS };
        let most_rows = MAX_ROWS.min(most_cells / columns.len().max(1));
        let coloured = self.coloured.and_then(|(name, better)| {
            Some((columns.iter().position(|column| column == name)?, better))
        });
        let mut largest: f64 = 0.0;
        for (row, cells) in first.into_iter().chain(rows).enumerate() {
            if row == most_rows {
                cuts.push(format!("{name} holds the first {most_rows} rows: {name}.csv holds all"));
                break;
            }
            last = row as u32 + 1;
            for (column, cell) in cells.iter().enumerate() {
                cut_texts += usize::from(write(sheet, last, column as u16, cell)?);
                widths[column] = widths[column].max(width(cell, decimals[column]) + 1);
                is_number[column] |=
                    matches!(cell, Value::Number(_) | Value::Int(_) | Value::Level(_));
            }
            if let Some(Value::Number(value)) = coloured.map(|(column, _)| &cells[column]) {
                largest = largest.max(value.abs());
            }
        }
        if cut_texts > 0 {
            cuts.push(format!(
                "{name}: texts cut in {cut_texts} cells; {name}.csv holds them whole"
            ));
        }
        for (i, (width, decimals)) in widths.iter_mut().zip(decimals).enumerate() {
            let (column, is_last) = (i as u16, i + 1 == columns.len());
            *width = (*width).clamp(WIDTHS.0, if is_last { NOTE } else { WIDTHS.1 });
            sheet.set_column_width(column, *width as f64)?;
            // Text keeps away from a number on its left.
            let indent = u8::from(!is_number[i] && i > 0 && is_number[i - 1]);
            let head = match is_number[i] {
                // As far from the edge as the button of the filter is wide.
                true => head.clone().set_align(FormatAlign::Right).set_indent(2),
                false => head.clone().set_indent(indent),
            };
            if let Some(decimals) = decimals {
                sheet.set_column_format(column, &decimals.format())?;
            } else if indent > 0 {
                sheet.set_column_format(column, &Format::new().set_indent(indent))?;
            }
            sheet.write_string_with_format(0, column, fitting(&columns[i]), &head)?;
        }
        if let Some((column, better)) = coloured.filter(|_| largest > 0.0) {
            colour(sheet, (column as u16, last), better, largest)?;
        }
        let fixed = columns.iter().position(|name| name == "label").unwrap_or(0) + 1;
        sheet.autofilter(0, 0, last, columns.len() as u16 - 1)?;
        sheet.set_freeze_panes(1, fixed as u16)?;
        set_up_page(sheet, &widths, fixed)?;
        Ok(cuts)
    }

    /// Number format of each column, decided by its first rows; `None` for texts and counts.
    fn decimals(&self, columns: &[String], rows: &[Vec<Value>]) -> Vec<Option<Digits>> {
        let number = |row: &Vec<Value>, column: usize| match row[column] {
            Value::Number(value) => Some(value),
            _ => None,
        };
        let values = |column: usize| rows.iter().filter_map(move |row| number(row, column));
        // Half-width of the interval in columns `STEM_ci95_low_UNIT` and `STEM_ci95_high_UNIT`.
        let stem = |name: &str| name.find("_ci").map(|at| name[..at].to_owned());
        let lows = columns.iter().enumerate().filter(|(_, name)| name.contains("_low"));
        let halves: Vec<(String, f64)> = lows
            .filter_map(|(low, name)| {
                let high = name.replace("_low", "_high");
                let high = columns.iter().position(|name| *name == high)?;
                let half = |row| Some((number(row, high)? - number(row, low)?) / 2.0);
                Some((stem(name)?, median(rows.iter().filter_map(half).collect())?))
            })
            .collect();
        let of_interval = |name: &str| {
            let own = |of: &str| {
                let is = |middle: &str| name == format!("{of}{middle}{}", self.unit);
                stem(name).as_deref() == Some(of) || is("") || is("_mean") || is("_sd")
            };
            halves.iter().find(|(of, _)| own(of)).map(|(_, half)| *half)
        };
        let digits = |(column, name): (usize, &String)| {
            let size = median(values(column).map(f64::abs).collect())?;
            Some(match of_interval(name) {
                _ if name.split('_').any(|word| word == "p") => Digits::P,
                Some(half) => Digits::Fixed(decimals_for(size, Some(half))),
                None if size != 0.0 && !(1e-5..1e15).contains(&size) => Digits::Exponent,
                None => Digits::Fixed(decimals_for(size, None)),
            })
        };
        columns.iter().enumerate().map(digits).collect()
    }
}

/// Digits that a column of numbers shows; its cells hold all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Digits {
    /// This number of decimals.
    Fixed(usize),
    /// Four digits and a power of ten.
    Exponent,
    /// Those of p values.
    P,
}

impl Digits {
    fn format(self) -> Format {
        Format::new().set_num_format(match self {
            Self::Fixed(0) => "0".to_owned(),
            Self::Fixed(decimals) => format!("0.{}", "0".repeat(decimals)),
            Self::Exponent => "0.000E+00".to_owned(),
            Self::P => P_VALUES.to_owned(),
        })
    }
}

/// The middle of these values, of an even number the larger one.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Width of a cell as it is shown [characters].
fn width(cell: &Value, digits: Option<Digits>) -> usize {
    let whole = |value: f64| value.abs().max(1.0).log10() as usize + 1;
    match cell {
        Value::Empty => 0,
        Value::Text(text) => text.typed().chars().count(),
        Value::Level(level) => level.len(),
        Value::Int(value) => whole(*value as f64),
        Value::Number(value) => match digits {
            // The point and a sign.
            Some(Digits::Fixed(decimals)) => whole(*value) + decimals + 2,
            Some(Digits::Exponent | Digits::P) | None => 10,
        },
    }
}

/// Colours a column by its differences, of which none is larger than `largest`.
fn colour(
    sheet: &mut Worksheet,
    (column, last): (u16, u32),
    better: Better,
    largest: f64,
) -> Result<(), XlsxError> {
    let (low, high) = match better {
        Better::Lower => (BETTER, WORSE),
        Better::Higher => (WORSE, BETTER),
    };
    let scale = ConditionalFormat3ColorScale::new()
        .set_minimum(ConditionalFormatType::Number, -largest)
        .set_midpoint(ConditionalFormatType::Number, 0)
        .set_maximum(ConditionalFormatType::Number, largest)
        .set_minimum_color(low)
        .set_midpoint_color(Color::White)
        .set_maximum_color(high);
    sheet.add_conditional_format(1, column, last, column, &scale)?;
    Ok(())
}

/// Paper of A4 on its side, as many pages side by side as stay legible, each with the head and the
/// first columns.
fn set_up_page(sheet: &mut Worksheet, widths: &[usize], fixed: usize) -> Result<(), XlsxError> {
    let (first, rest) = widths.split_at(fixed.min(widths.len()));
    let first: usize = first.iter().sum();
    let rest: usize = rest.iter().sum();
    let pages = rest.div_ceil(PAGE.saturating_sub(first).max(PAGE / 4)).clamp(1, MAX_COLUMNS);
    sheet.set_paper_size(9).set_landscape().set_print_fit_to_pages(pages as u16, 0);
    sheet.set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3).set_footer("&L&A&R&P / &N");
    sheet.set_repeat_rows(0, 0)?.set_repeat_columns(0, fixed as u16 - 1)?;
    Ok(())
}

/// Text that fits into a cell: cut, with a mark at its end, if it is longer.
pub(super) fn fitting(text: &str) -> Cow<'_, str> {
    // Excel counts UTF-16 code units.
    let length: usize = text.chars().map(char::len_utf16).sum();
    if length <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let mark = format!(" [cut: {length} characters]");
    let mut room = MAX_TEXT - mark.len();
    let kept = text.chars().take_while(|c| {
        let fits = room >= c.len_utf16();
        room = room.saturating_sub(c.len_utf16());
        fits
    });
    Cow::Owned(kept.collect::<String>() + &mark)
}

/// True if a text is the only way in which levels write a number: as text `1.10` is another level
/// than `1.1`.
fn is_written_so(number: f64, text: &str) -> bool {
    text == number.to_string() || text == format!("{number:e}")
}

/// Writes a cell; returns true if its text had to be cut.
fn write(sheet: &mut Worksheet, row: u32, column: u16, cell: &Value) -> Result<bool, XlsxError> {
    match cell {
        Value::Empty => {}
        // A typed text cell needs no protection against conversion.
        Value::Text(text) => {
            let text = fitting(text.typed());
            let cut = matches!(text, Cow::Owned(_));
            sheet.write_string(row, column, text)?;
            return Ok(cut);
        }
        Value::Level(level) => {
            match level.parse::<f64>().ok().filter(|value| is_written_so(*value, level)) {
                Some(number) => drop(sheet.write_number(row, column, number)?),
                None => drop(sheet.write_string(row, column, *level)?),
            }
        }
        Value::Int(value) => drop(sheet.write_number(row, column, *value as f64)?),
        Value::Number(value) => drop(sheet.write_number(row, column, *value)?),
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::Workbook;

    use super::*;

    /// Texts of the sheet `name` of a workbook with one table, and its cuts.
    fn sheet(columns: usize, rows: Vec<Vec<Value<'_>>>) -> Vec<String> {
        let columns = (0..columns).map(|column| format!("c{column}")).collect();
        let mut book = Workbook::new();
        let table = Table { columns, rows: Box::new(rows.into_iter()) };
        let sheet = TableSheet { name: "runs", unit: "", coloured: None };
        let cuts = sheet
            .fill(book.add_worksheet(), table, &Format::new())
            .expect("within the limits");
        book.save_to_buffer().expect("within the limits");
        cuts
    }

    #[test]
    fn texts_beyond_the_limit_are_cut_with_a_mark_and_others_are_as_they_are() {
        for text in ["", "'90s", "=1", &"a".repeat(MAX_TEXT), &"\u{1F600}".repeat(MAX_TEXT / 2)] {
            assert!(matches!(fitting(text), Cow::Borrowed(same) if same == text));
        }
        for (text, length) in
            [("a".repeat(MAX_TEXT + 1), 32_768), ("\u{1F600}".repeat(40_000), 80_000)]
        {
            let cut = fitting(&text);
            assert!(cut.encode_utf16().count() <= MAX_TEXT, "{}", cut.encode_utf16().count());
            assert!(
                cut.ends_with(&format!(" [cut: {length} characters]"))
                    && cut.encode_utf16().count() > MAX_TEXT - 2
            );
        }
        let long = "word ".repeat(7_000);
        let cuts = sheet(
            2,
            vec![
                vec![Value::text(long.as_str()), Value::Int(1)],
                vec![Value::text("'90s"), Value::Empty],
            ],
        );
        assert_eq!(cuts, ["runs: texts cut in 1 cells; runs.csv holds them whole"]);
    }

    #[test]
    fn a_level_is_a_number_only_if_its_text_is_that_number() {
        for (text, number) in [("0.1", 0.1), ("1e-5", 1e-5), ("-3", -3.0), ("1000", 1000.0)] {
            assert!(is_written_so(number, text), "{text}");
        }
        for (text, number) in [("1.10", 1.1), ("1.000", 1.0), ("1E5", 1e5), ("0.00001000", 1e-5)] {
            assert!(!is_written_so(number, text), "{text}");
        }
    }

    #[test]
    fn rows_beyond_the_limit_are_left_out_and_said() {
        let columns = 16_000;
        let rows = |count: usize| vec![vec![Value::Empty; columns]; count];
        assert_eq!(sheet(columns, rows(MAX_CELLS / columns)), Vec::<String>::new());
        assert_eq!(
            sheet(columns, rows(MAX_CELLS / columns + 1)),
            ["runs holds the first 250 rows: runs.csv holds all"]
        );
    }

    #[test]
    fn columns_show_the_digits_that_their_interval_supports_and_others_four() {
        let sheet = TableSheet { name: "ablation", unit: "_nats", coloured: None };
        let columns = [
            "label",
            "n",
            "nll_mean_nats",
            "nll_ci95_low_nats",
            "nll_ci95_high_nats",
            "p_corrected",
            "lr",
            "tiny",
            "nll_nats_other",
        ];
        let number = |value: f64| Value::number(Some(value));
        let row = |half: f64| {
            vec![
                Value::text("a"),
                Value::Int(3),
                number(93.124_567),
                number(93.124_567 - half),
                number(93.124_567 + half),
                number(0.0312),
                Value::level("1e-3"),
                number(1e-9),
                number(0.123_456_7),
            ]
        };
        let rows = [row(0.31), row(0.32), row(40.0)];
        let found = sheet.decimals(&columns.map(str::to_owned), &rows);
        let fixed = |decimals| Some(Digits::Fixed(decimals));
        assert_eq!(
            found,
            [
                None,
                None,
                fixed(2),
                fixed(2),
                fixed(2),
                Some(Digits::P),
                None,
                Some(Digits::Exponent),
                fixed(4)
            ]
        );
    }
}
