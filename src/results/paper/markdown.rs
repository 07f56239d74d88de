//! The table in Markdown, columns of equal width.

use super::blocks::{BlocksPaper, BlocksRow};
use super::{Measured, Paper, Row};

/// All tables, each with its caption and a sentence for every variant.
pub(super) fn document(papers: impl Iterator<Item = (Paper, Option<BlocksPaper>)>) -> String {
    let tables = papers.flat_map(|(paper, over)| {
        std::iter::once(table(&paper)).chain(over.map(|over| table_over_blocks(&over)))
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn table(paper: &Paper) -> String {
    let compared = paper.is_compared();
    let mut heads = vec!["variant".to_owned(), "n".to_owned(), escaped(&paper.metric)];
    if compared {
        heads.extend(["difference", "p", "verdict"].map(str::to_owned));
    }
    let rows: Vec<Vec<String>> = paper.rows.iter().map(|row| cells(row, compared)).collect();
    let sentences = paper.rows.iter().map(|row| &row.sentence);
    titled(&paper.study, &paper.caption) + &piped(&heads, &rows, &[0, 5]) + &listed(sentences)
}

fn table_over_blocks(over: &BlocksPaper) -> String {
    let heads = ["variant", "better", "worse", "undecided", "mean rank", "joint", "p", "verdict"]
        .map(str::to_owned);
    let cells = |row: &BlocksRow| {
        let mut cells = vec![escaped(&row.label)];
        cells.extend(row.outcomes.clone());
        cells.push(row.mean_rank.clone());
        cells.extend([&row.joint, &row.p].map(|cell| cell.clone().unwrap_or_default()));
        cells.push(escaped(&row.verdict));
        cells
    };
    let rows: Vec<Vec<String>> = over.rows.iter().map(cells).collect();
    let sentences = over.rows.iter().map(|row| &row.sentence).chain(&over.ranks);
    titled(&format!("{}, over blocks", over.study), &over.caption)
        + &piped(&heads, &rows, &[0, 7])
        + &listed(sentences)
}

/// The comparison of two experiments; the first cell of a row is text, the others are numbers.
pub(super) fn comparison(
    title: &str,
    caption: &str,
    heads: &[String],
    rows: &[Vec<String>],
    remarks: &[String],
) -> String {
    let escape = |row: &[String]| row.iter().map(|cell| escaped(cell)).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| escape(row)).collect();
    titled(title, caption) + &piped(&escape(heads), &rows, &[0]) + &listed(remarks.iter())
}

fn titled(title: &str, caption: &str) -> String {
    format!("**{}.** {}\n\n", escaped(title), escaped(caption))
}

/// Rows and their head; columns but those of `texts` are right-aligned.
fn piped(heads: &[String], rows: &[Vec<String>], texts: &[usize]) -> String {
    let width = |column: usize| {
        let cells = std::iter::once(heads).chain(rows.iter().map(Vec::as_slice));
        cells.map(|row| row[column].chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match texts.contains(&column) {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| match texts.contains(&column) {
        true => "-".repeat(*width),
        false => format!("{}:", "-".repeat(width - 1)),
    });
    let rule = line(&rule.collect::<Vec<_>>());
    line(heads) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// A list of sentences, after an empty line.
fn listed<'a>(sentences: impl Iterator<Item = &'a String>) -> String {
    let lines = sentences.map(|sentence| format!("- {}\n", escaped(sentence)));
    format!("\n{}", lines.collect::<String>())
}

fn cells(row: &Row, compared: bool) -> Vec<String> {
    let bold = |text: String| {
        if row.is_bold && !text.is_empty() { format!("**{text}**") } else { text }
    };
    let words = |value: &Option<Measured>| value.as_ref().map(Measured::words).unwrap_or_default();
    let mut cells = vec![bold(escaped(&row.label)), row.n.clone(), bold(words(&row.mean))];
    if compared {
        let p = row.p.clone().unwrap_or_default();
        cells.extend([words(&row.difference), p, escaped(&row.verdict)]);
    }
    cells
}

/// Text in which Markdown reads no markup.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '#' | '&' | '$')
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_no_markup() {
        assert_eq!(escaped("a|b *c* lr_max <i>"), "a\\|b \\*c\\* lr\\_max \\<i\\>");
    }
}
