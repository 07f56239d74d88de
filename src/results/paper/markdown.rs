//! The table in Markdown, columns of equal width.

use super::{Measured, Paper, Row};

/// All tables, each with its caption and a sentence for every variant.
pub(super) fn document(papers: impl Iterator<Item = Paper>) -> String {
    papers.map(|paper| table(&paper)).collect::<Vec<_>>().join("\n")
}

fn table(paper: &Paper) -> String {
    let compared = paper.is_compared();
    let mut heads = vec!["variant".to_owned(), "n".to_owned(), escaped(&paper.metric)];
    if compared {
        heads.extend(["difference", "p", "verdict"].map(str::to_owned));
    }
    let rows: Vec<Vec<String>> = paper.rows.iter().map(|row| cells(row, compared)).collect();
    let width = |column: usize| {
        let texts = std::iter::once(&heads).chain(&rows);
        texts.map(|row| row[column].chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let is_text = |column: usize| column == 0 || column == 5;
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| {
            if is_text(column) {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        if is_text(column) {
            "-".repeat(*width)
        } else {
            format!("{}:", "-".repeat(width - 1))
        }
    });
    let mut out =
        format!("**{}.** {}\n\n{}", escaped(&paper.study), escaped(&paper.caption), line(&heads));
    out += &line(&rule.collect::<Vec<_>>());
    for row in &rows {
        out += &line(row);
    }
    out += "\n";
    for row in &paper.rows {
        out += &format!("- {}\n", escaped(&row.sentence));
    }
    out
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
