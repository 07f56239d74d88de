//! Ablation table on the terminal, at the end of `sweep` and by `compare`.

use comfy_table::{CellAlignment, ColumnConstraint, LineStyle, Table, TableStyle, Width};

use crate::cli::Terminal;
use crate::cli::show::terminal::{table, wrap};
use crate::cli::show::warn_of_unreadable;
use crate::results::ExperimentResults;
use crate::results::ablation::{Ablation, AblationRow};
use crate::results::crossed::narrower_with;
use crate::results::past::StudyPast;
use crate::stats::{Crossed, Estimate};
use crate::text::{count, decimals_for, fixed, p_value, short, signed, some_of};

/// Prints the table of every study of an experiment.
pub(crate) fn print(
    study: &ExperimentResults,
    ablations: &[Ablation],
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    for (index, ablation) in ablations.iter().enumerate() {
        let past = study.past.as_ref().map(|past| &past.studies[index]);
        let p = ablation.correction.heading();
        let header = [
            "variant",
            "n",
            &ablation.metric.words.head,
            "difference",
            p,
            "params",
            "cost",
            "verdict",
        ];
        let order = ablation.blocks.iter().flat_map(|block| &block.variants);
        let order = order.map(|&v| &ablation.rows[v]).chain(&ablation.external);
        let cells: Vec<[String; 8]> = order.map(cells).collect();
        // A trainer need not know the size of a model or its compute.
        let unknown = |column: &str, i: usize| {
            ["params", "cost"].contains(&column) && cells.iter().all(|cells| cells[i].is_empty())
        };
        let shown: Vec<usize> = (0..header.len()).filter(|&i| !unknown(header[i], i)).collect();
        let mut rows = table(&shown.iter().map(|&i| header[i]).collect::<Vec<_>>(), 1);
        for cells in &cells {
            rows.add_row(shown.iter().map(|&i| &cells[i]));
        }
        let last = shown.len() - 1;
        rows.column_mut(last)
            .expect("the column of verdicts")
            .set_cell_alignment(CellAlignment::Left);
        narrow(&mut rows, Some(last));
        writeln!(terminal.out, "{}", heading(study, ablation, past))?;
        writeln!(terminal.out, "{rows}")?;
        if let Some(remark) = ablation.metric_remark {
            let remark = format!("{}: {remark}", ablation.metric.words.head);
            writeln!(terminal.out, "{}", wrap(&remark, 80))?;
        }
        if let Some(words) = ablation.equivalence_words() {
            writeln!(terminal.out, "{}", wrap(&words, 80))?;
        }
        if let Some(best) = ablation.best_in_words() {
            writeln!(terminal.out, "{}", wrap(&best, 80))?;
        }
        for (note, labels) in notes(ablation) {
            let rows = ablation.all_rows().map(|row| (row.is_compared(), row.note == note));
            let who = if is_of_all(rows) { "every variant".to_owned() } else { labels.join("; ") };
            writeln!(terminal.out, "{}", wrap(&format!("{who}: {note}"), 80))?;
        }
        for note in past.iter().flat_map(|past| past.notes()) {
            writeln!(terminal.out, "{}", wrap(&format!("{}: {note}", ablation.study), 80))?;
        }
    }
    if let Some(past) = &study.past {
        warn_of_unreadable(past, terminal);
    }
    for mixture in study.mixtures() {
        terminal.warn(mixture);
    }
    Ok(())
}

/// Prints the differences over test examples, if runs saved them: the second source of error.
pub(crate) fn print_examples(
    study: &ExperimentResults,
    ablations: &[Ablation],
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    for ablation in ablations {
        let of = |row: &AblationRow| {
            let delta = row.delta?;
            Some((row.label.clone(), delta.examples?, delta.crossed))
        };
        let found: Vec<(String, Estimate, Option<Crossed>)> =
            ablation.rows.iter().filter_map(of).collect();
        let Some((_, first, _)) = found.first() else { continue };
        let examples = &study.metrics().examples;
        let header = ["variant", examples, "difference", "with seeds", "narrower with"];
        let has_both = found.iter().any(|(_, _, crossed)| crossed.is_some());
        let shown = if has_both { &header[..] } else { &header[..3] };
        let mut rows = table(shown, 1);
        for (label, images, crossed) in &found {
            let mut cells = vec![label.clone(), images.n.to_string(), change(images)];
            if has_both {
                let half = |crossed: &Crossed| {
                    let half = crossed.interval.high - crossed.mean;
                    format!("\u{b1}{}", fixed(half, decimals_for(crossed.mean, Some(half))))
                };
                cells.push(crossed.as_ref().map(half).unwrap_or_default());
                let words = |crossed: &Crossed| narrower_with(crossed, study.metrics());
                cells.push(crossed.as_ref().map(words).unwrap_or_default());
            }
            rows.add_row(cells);
        }
        narrow(&mut rows, None);
        let percent = study.plan.compare.percent();
        writeln!(
            terminal.out,
            "\n{}, another test set: \u{b1} is half of a {percent} % t interval over {} test {examples}",
            ablation.study, first.n
        )?;
        writeln!(
            terminal.out,
            "of the difference averaged over the seeds. Not to be added to that over seeds."
        )?;
        if has_both {
            writeln!(
                terminal.out,
                "With seeds: other seeds and another test set at once; what would narrow it."
            )?;
        }
        writeln!(terminal.out, "{rows}")?;
    }
    Ok(())
}

/// Lines above, below and under the header; nothing between rows and columns.
const OPEN: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('\u{2500}').junction('\u{2500}'))
    .header_separator(LineStyle::none().fill('\u{2500}').junction('\u{2500}'))
    .bottom_border(LineStyle::none().fill('\u{2500}').junction('\u{2500}'));

/// Makes a table fit 80 columns: values are never broken, words are if there is no room.
pub(crate) fn narrow(rows: &mut Table, words: Option<usize>) {
    let Some(width) = rows.width() else { return };
    // Columns are separated by two spaces.
    let content: usize = rows.column_max_content_widths().into_iter().map(usize::from).sum();
    let tight = usize::from(width) < content + 2 * (rows.column_count() - 1);
    rows.load_style(OPEN);
    let last = rows.column_count() - 1;
    for (i, column) in rows.column_iter_mut().enumerate() {
        column.set_padding((0, u16::from(i < last)));
        if Some(i) == words && tight {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(9)));
        } else if i > 0 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// Notes that a reader of the table needs, each once, with the labels of its variants.
fn notes(ablation: &Ablation) -> Vec<(&str, Vec<&str>)> {
    let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in ablation.all_rows().filter(|row| !row.note.is_empty()) {
        match notes.iter_mut().find(|(note, _)| *note == row.note) {
            Some((_, labels)) => labels.push(&row.label),
            None => notes.push((&row.note, vec![&row.label])),
        }
    }
    notes
}

/// True if the rows with a note are exactly the compared ones, and there are several; each item is
/// (is compared, has the note).
fn is_of_all(rows: impl Iterator<Item = (bool, bool)>) -> bool {
    let rows: Vec<(bool, bool)> = rows.collect();
    rows.iter().filter(|(compared, _)| *compared).count() > 1
        && rows.iter().all(|(compared, noted)| compared == noted)
}

fn heading(study: &ExperimentResults, ablation: &Ablation, past: Option<&StudyPast>) -> String {
    let seeds = count(study.plan.seeds.len(), "paired seed");
    let name = if study.plan.name == ablation.study {
        String::new()
    } else {
        format!("{} / ", study.plan.name)
    };
    let unit = match study.metric().unit.long.as_str() {
        "" => String::new(),
        unit => format!("{unit}, "),
    };
    let cost = if ablation.rows.iter().any(|row| row.compute_ratio.is_some()) {
        "; cost: training compute, baseline 1"
    } else {
        ""
    };
    let blocks = match study.plan.compare.within.join(" and ") {
        axes if axes.is_empty() => String::new(),
        axes => {
            let names = ablation.blocks.iter().map(|block| block.name.as_str());
            format!("\nblocks of {axes}: {}; each has a baseline of its own", some_of(names))
        }
    };
    format!(
        "\n{name}{}: {seeds}, {unit}{}{}\n\u{b1}: half of a {} % t interval over seeds{cost}{blocks}",
        ablation.study,
        study.metric().better.word().to_lowercase() + " is better",
        past.map_or_else(String::new, |past| format!(", {}", past.word())),
        study.plan.compare.percent()
    )
}

fn cells(row: &AblationRow) -> [String; 8] {
    let n = row.estimate.map_or(0, |estimate| estimate.n);
    let p = |(p, corrected): (f64, Option<f64>)| p_value(corrected.unwrap_or(p));
    [
        row.label.clone(),
        if n == row.planned { n.to_string() } else { format!("{n} of {}", row.planned) },
        row.estimate
            .as_ref()
            .map(|estimate| with_half(fixed, estimate))
            .unwrap_or_default(),
        row.difference().as_ref().map(change).unwrap_or_default(),
        row.p().map(p).unwrap_or_default(),
        row.size.map(|n| short(n as f64)).unwrap_or_default(),
        row.compute_ratio.map(|ratio| fixed(ratio, 2)).unwrap_or_default(),
        row.conclusion(),
    ]
}

/// `+0.52 ±0.31`: a difference with its sign.
pub(crate) fn change(estimate: &Estimate) -> String {
    with_half(signed, estimate)
}

/// `93.12 ±0.32`: the mean and half of its interval.
fn with_half(write: fn(f64, usize) -> String, estimate: &Estimate) -> String {
    let half = estimate.interval.map(|interval| interval.high - estimate.mean);
    let half = half.filter(|half| half.is_finite());
    let decimals = decimals_for(estimate.mean, half);
    let half = half.map(|half| format!(" \u{b1}{}", fixed(half, decimals)));
    write(estimate.mean, decimals) + &half.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use comfy_table::ContentArrangement;

    use super::*;

    #[test]
    fn a_terminal_of_80_columns_breaks_no_number() {
        let numbers =
            ["7 of 8", "95.62 \u{b1}0.21", "-12.95 \u{b1}0.27", "0.0078", "1.57M", "12.34"];
        // With the widest values, ten letters remain for a word of a label.
        for label in ["baseline", "diagonal, depth 2, masks 16, no skip"] {
            let mut rows = table(
                &[
                    "variant",
                    "n",
                    "mixture NLL",
                    "difference",
                    "p, max-T",
                    "params",
                    "cost",
                    "verdict",
                ],
                1,
            );
            rows.set_content_arrangement(ContentArrangement::Dynamic).set_width(80);
            rows.add_row([&[label], &numbers[..], &["too few seeds"]].concat());
            narrow(&mut rows, Some(7));
            let text = rows.to_string();
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(numbers.iter().all(|number| text.contains(number)), "{text}");
            for word in label.split(' ').chain(["seeds"]) {
                assert!(text.contains(word), "{word} is broken: {text}");
            }
        }
    }

    #[test]
    fn a_note_is_of_every_variant_only_where_all_that_are_compared_have_it() {
        let of = |rows: &[(bool, bool)]| is_of_all(rows.iter().copied());
        assert!(of(&[(false, false), (true, true), (true, true)]));
        for other in [
            &[(false, false), (true, true)][..],
            &[(true, true), (true, false)],
            &[(false, true), (false, true), (true, false), (true, false)],
        ] {
            assert!(!of(other), "{other:?}");
        }
    }
}
