//! A table that fits the terminal on which it is printed: names and verdicts break between words,
//! and where whole words have no room, columns are left out, the least needed first. In a pipe it is
//! Markdown with every column.

use std::io;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use crate::cli::Terminal;
use crate::cli::show::terminal::{is_ascii_locale, stdout_width, wrap};

/// Width below which the names of the first column are not squeezed while another column can go.
const NAME: usize = 16;
/// Width of the longest word that a column is widened for.
const WORD: usize = 24;
/// Spaces between two columns.
const GAP: usize = 2;

/// A table whose first column has names.
#[derive(Debug, Clone)]
pub(crate) struct FittedTable<'a> {
    head: Vec<&'a str>,
    rows: Vec<Vec<String>>,
    /// Columns of words, which are left-aligned and may break between them.
    words: Vec<usize>,
    /// Columns that a narrow terminal does without, in the order in which they go.
    dispensable: Vec<usize>,
}

impl<'a> FittedTable<'a> {
    /// A table without rows; the columns `words` have words, the others numbers.
    pub(crate) fn new(head: &[&'a str], words: &[usize]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
            words: words.to_vec(),
            dispensable: Vec::new(),
        }
    }

    /// Names the columns that a narrow terminal does without; those that go first come first.
    pub(crate) fn dispensable(mut self, names: &[&str]) -> Self {
        let at = |name: &&str| self.head.iter().position(|head| head == name);
        self.dispensable = names.iter().filter_map(at).collect();
        self
    }

    pub(crate) fn add<T: Into<String>>(&mut self, row: impl IntoIterator<Item = T>) {
        let row: Vec<String> = row.into_iter().map(Into::into).collect();
        debug_assert_eq!(row.len(), self.head.len());
        self.rows.push(row);
    }

    /// Prints the table to stdout.
    pub(crate) fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        writeln!(terminal.out, "{}", self.text())
    }

    /// The table as stdout shows it.
    pub(crate) fn text(&self) -> String {
        self.of_width(stdout_width())
    }

    /// The table for a terminal of this width; Markdown without one.
    fn of_width(&self, width: Option<usize>) -> String {
        let all: Vec<usize> = (0..self.head.len()).collect();
        let Some(width) = width else {
            return self.drawn(&all, None, ASCII_MARKDOWN);
        };
        let mut shown = all;
        let mut going = self.dispensable.iter();
        while self.least(&shown).iter().sum::<usize>() + gaps(&shown) > width
            && let Some(gone) = going.next()
        {
            shown.retain(|column| column != gone);
        }
        let text = self.drawn(&shown, Some(&self.widths(&shown, width)), open());
        let gone: Vec<&str> = (0..self.head.len())
            .filter(|column| !shown.contains(column))
            .map(|column| self.head[column])
            .collect();
        if gone.is_empty() {
            return text;
        }
        format!("{text}\n{}", wrap(&format!("{width} columns: without {}", gone.join("; ")), width))
    }

    /// Width of each shown column: where there is room, of its longest line; names come first, then
    /// other words, then heads.
    fn widths(&self, shown: &[usize], width: usize) -> Vec<usize> {
        let mut widths = self.least(shown);
        let mut room = width.saturating_sub(widths.iter().sum::<usize>() + gaps(shown));
        let mut order: Vec<usize> = (0..shown.len()).collect();
        order.sort_by_key(|&i| !self.words.contains(&shown[i]));
        for i in order {
            let wanted = self.cells(shown[i]).map(length).max().unwrap_or(0);
            let more = wanted.saturating_sub(widths[i]).min(room);
            widths[i] += more;
            room -= more;
        }
        widths
    }

    /// The least width of each shown column.
    fn least(&self, shown: &[usize]) -> Vec<usize> {
        let word = |text: &str| text.split(' ').map(length).max().unwrap_or(0);
        let least = |&column: &usize| {
            let head = word(self.head[column]);
            let own = self.rows.iter().map(|row| row[column].as_str());
            if !self.words.contains(&column) {
                return own.map(length).max().unwrap_or(0).max(head);
            }
            let longest = self.cells(column).map(length).max().unwrap_or(0);
            let floor = if column == 0 { NAME.min(longest) } else { 0 };
            own.map(word).max().unwrap_or(0).min(WORD).max(head).max(floor)
        };
        shown.iter().map(least).collect()
    }

    /// Head and cells of a column.
    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        let own = self.rows.iter().map(move |row| row[column].as_str());
        std::iter::once(self.head[column]).chain(own)
    }

    fn drawn(&self, shown: &[usize], widths: Option<&[usize]>, style: impl Into<Style>) -> String {
        let mut table = Table::new();
        match style.into() {
            Style::Preset(preset) => table.load_style(preset),
            Style::Lines(style) => table.load_style(style),
        };
        table.set_content_arrangement(ContentArrangement::Disabled);
        let line = |cell: &dyn Fn(usize) -> String| -> Vec<String> {
            let cells = shown.iter().enumerate();
            let fitted = |(i, &column): (usize, &usize)| match widths {
                Some(widths) => wrap(&cell(column), widths[i]),
                None => cell(column),
            };
            cells.map(fitted).collect()
        };
        table.set_header(line(&|column| self.head[column].to_owned()));
        for row in &self.rows {
            table.add_row(line(&|column| row[column].clone()));
        }
        let last = shown.len().saturating_sub(1);
        for (i, column) in table.column_iter_mut().enumerate() {
            if !self.words.contains(&shown[i]) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if widths.is_some() {
                column.set_padding((0, u16::from(i < last)));
            }
        }
        table.to_string()
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn gaps(shown: &[usize]) -> usize {
    GAP * shown.len().saturating_sub(1)
}
