//! The ablation table as the terminal shows it, at the end of `sweep` and by `compare`.

use comfy_table::CellAlignment;

use super::Terminal;
use super::terminal::{count, duration, number, table};
use crate::plan::Metric;
use crate::stats::{Estimate, Interval};
use crate::study::Study;
use crate::study::ablation::{Ablation, AblationRow};

/// Prints the table of every study of an experiment.
pub(crate) fn print(study: &Study, terminal: &mut Terminal) -> anyhow::Result<()> {
    for ablation in study.ablations() {
        let mut rows = table(
            &[
                "variant",
                "n",
                &interval(metric(ablation.metric), &ablation),
                &interval("difference", &ablation),
                "p",
                "parameters",
                "a run",
                "verdict",
            ],
            1,
        );
        for row in &ablation.rows {
            rows.add_row(cells(row));
        }
        rows.column_mut(7).expect("eight columns").set_cell_alignment(CellAlignment::Left);
        writeln!(terminal.out, "{}", heading(study, &ablation))?;
        writeln!(terminal.out, "{rows}")?;
        for (note, labels) in notes(&ablation) {
            writeln!(terminal.out, "{}: {note}", labels.join("; "))?;
        }
    }
    Ok(())
}

/// What a reader of the table must know, each once, with the variants it is about.
fn notes(ablation: &Ablation) -> Vec<(&str, Vec<&str>)> {
    let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in ablation.rows.iter().filter(|row| !row.note.is_empty()) {
        match notes.iter_mut().find(|(note, _)| *note == row.note) {
            Some((_, labels)) => labels.push(&row.label),
            None => notes.push((&row.note, vec![&row.label])),
        }
    }
    notes
}

fn heading(study: &Study, ablation: &Ablation) -> String {
    let seeds = count(study.plan.seeds.len(), "paired seed");
    let name = if study.plan.name == ablation.study { String::new() } else { format!("{} / ", study.plan.name) };
    format!("\n{name}{}: {seeds}, nats per image, lower is better", ablation.study)
}

fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::TestNll => "test NLL",
        Metric::TestNllMixture => "test NLL of the mixture",
        Metric::TestNllAveraged => "test NLL, masks averaged",
        Metric::ValidNll => "validation NLL",
    }
}

fn interval(what: &str, ablation: &Ablation) -> String {
    format!("{what} [{:.0} % t interval]", 100.0 * ablation.level)
}

fn cells(row: &AblationRow) -> [String; 8] {
    let n = row.estimate.map_or(0, |estimate| estimate.n);
    let p = |delta: &crate::study::ablation::Delta| probability(delta.p_corrected.unwrap_or(delta.paired.test.p));
    [
        row.label.clone(),
        if n == row.planned { n.to_string() } else { format!("{n} of {}", row.planned) },
        row.estimate.as_ref().map(|estimate| with_interval(estimate, "")).unwrap_or_default(),
        row.delta.as_ref().map(|delta| with_interval(&delta.paired.difference, "+")).unwrap_or_default(),
        row.delta.as_ref().map(p).unwrap_or_default(),
        row.parameters.map(number).unwrap_or_default(),
        row.seconds.map(duration).unwrap_or_default(),
        row.verdict.words().to_owned(),
    ]
}

/// `93.12 [92.80, 93.44]`; `sign` is `+` where differences show theirs.
fn with_interval(estimate: &Estimate, sign: &str) -> String {
    let show = |value: f64| if sign.is_empty() { format!("{value:.2}") } else { format!("{value:+.2}") };
    let range = estimate.interval.map(|Interval { low, high }| format!(" [{}, {}]", show(low), show(high)));
    format!("{}{}", show(estimate.mean), range.unwrap_or_default())
}

/// A p value as people read it: two significant digits.
pub(crate) fn probability(p: f64) -> String {
    match p {
        _ if p >= 0.0995 => format!("{p:.2}"),
        _ if p >= 1e-4 => format!("{p:.*}", (1.0 - p.log10().floor()) as usize),
        _ => format!("{p:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::probability;

    #[test]
    fn probabilities_keep_two_digits() {
        let cases = [
            (1.0, "1.00"),
            (0.25, "0.25"),
            (0.0999, "0.10"),
            (0.03125, "0.031"),
            (0.0078125, "0.0078"),
            (1e-9, "1e-9"),
        ];
        for (p, text) in cases {
            assert_eq!(probability(p), text, "{p}");
        }
    }
}
