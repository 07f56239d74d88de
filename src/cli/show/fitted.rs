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
            return self.drawn(&all, None);
        };
        let mut shown = all;
        let mut going = self.dispensable.iter();
        while self.least(&shown).iter().sum::<usize>() + gaps(&shown) > width
            && let Some(gone) = going.next()
        {
            shown.retain(|column| column != gone);
        }
        let text = self.drawn(&shown, Some(&self.widths(&shown, width)));
        let gone: Vec<&str> = (0..self.head.len())
            .filter(|column| !shown.contains(column))
            .map(|column| self.head[column])
            .collect();
        if gone.is_empty() {
            return text;
        }
        format!(
            "{text}\n{}",
            wrap(&format!("{width} columns: without {}", gone.join("; ")), width)
        )
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

    /// Draws columns, of given widths on a terminal.
    fn drawn(&self, shown: &[usize], widths: Option<&[usize]>) -> String {
        let mut table = Table::new();
        let style = widths.map_or(ASCII_MARKDOWN, |_| rules());
        table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
        let line = |cell: &dyn Fn(usize) -> String| -> Vec<String> {
            let cells = shown.iter().enumerate();
            let fitted = |(i, &column): (usize, &usize)| match widths {
                Some(widths) => wrap(&cut(&cell(column), widths[i]), widths[i]),
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

/// Lines above, below and under the header; nothing between rows and columns.
fn rules() -> TableStyle {
    let line = if is_ascii_locale() { '-' } else { '\u{2500}' };
    let rule = || LineStyle::none().fill(line).junction(line);
    TableStyle::new()
        .top_border(rule())
        .header_separator(rule())
        .bottom_border(rule())
}

/// A text whose words are no longer than a line.
fn cut(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        for (i, c) in word.chars().enumerate() {
            if i % width.max(1) == 0 && !out.is_empty() {
                out.push(' ');
            }
            out.push(c);
        }
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn gaps(shown: &[usize]) -> usize {
    GAP * shown.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An ablation table with one variant of this label.
    fn table(label: &str) -> FittedTable<'static> {
        let head = [
            "variant",
            "n",
            "mixture NLL",
            "difference",
            "p, max-T",
            "params",
            "cost",
            "verdict",
        ];
        let mut table =
            FittedTable::new(&head, &[0, 7]).dispensable(&["params", "cost", "p, max-T"]);
        let numbers =
            ["7 of 8", "95.62 \u{b1}0.21", "-12.95 \u{b1}0.27", "0.0078", "1.57M", "12.34"];
        table.add([&[label], &numbers[..], &["too few seeds"]].concat());
        table
    }

    proptest! {
        /// From 60 columns on, lines fit, and no word and no number of a column is broken.
        #[test]
        fn columns_go_before_words_break(
            label in "[a-z]{1,12}( [a-z0-9]{1,12}){0,6}",
            width in 60usize..160,
        ) {
            let table = table(&label);
            let text = table.of_width(Some(width));
            prop_assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            let whole = |word: &str| text.split_whitespace().any(|shown| shown == word);
            for word in label.split(' ').chain(["too", "few", "seeds", "difference"]) {
                prop_assert!(whole(word), "{word} is broken: {text}");
            }
            // Columns go in their order, and those that stay are whole.
            let stays = ["1.57M", "12.34", "0.0078"].map(|cell| text.contains(cell));
            prop_assert!(stays.is_sorted(), "{text}");
            prop_assert!(text.contains("95.62 \u{b1}0.21") && text.contains("-12.95 \u{b1}0.27"), "{text}");
            prop_assert_eq!(stays.contains(&false), text.contains("columns: without "), "{}", text);
        }
    }

    #[test]
    fn a_wide_terminal_and_a_pipe_show_every_column() {
        let label = "diagonal, depth 2, masks 16, no skip";
        for text in [table(label).of_width(Some(120)), table(label).of_width(None)] {
            assert_eq!(text.lines().filter(|line| line.contains(label)).count(), 1, "{text}");
            assert!(text.contains("12.34") && text.contains("too few seeds"), "{text}");
        }
        let narrow = table("baseline").of_width(Some(60));
        assert!(narrow.ends_with("60 columns: without params; cost"), "{narrow}");
    }
}
