//! Ablation table on the terminal, at the end of `sweep` and by `compare`.

use crate::cli::Terminal;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::terminal::prose;
use crate::cli::show::warn_of_unreadable;
use crate::plan::Correction;
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
        let order = ablation.blocks.iter().flat_map(|block| &block.variants);
        let rows: Vec<&AblationRow> = order.map(|&v| &ablation.rows[v]).collect();
        writeln!(terminal.out, "{}", heading(study, ablation, past))?;
        print_rows(ablation, &rows, ablation.correction, terminal)?;
        if !ablation.external.is_empty() {
            let rows: Vec<&AblationRow> = ablation.external.iter().collect();
            let correction = ablation.external_correction();
            let corrected = match correction {
                Correction::None => "",
                _ => "; p values corrected on their own",
            };
            let words = format!("results of other tools, against the baseline{corrected}");
            writeln!(terminal.out, "\n{}", prose(&words))?;
            print_rows(ablation, &rows, correction, terminal)?;
        }
        if let Some(remark) = ablation.metric_remark {
            let remark = format!("{}: {remark}", ablation.metric.words.head);
            writeln!(terminal.out, "{}", prose(&remark))?;
        }
        if let Some(words) = ablation.equivalence_words() {
            writeln!(terminal.out, "{}", prose(&words))?;
        }
        if let Some(best) = ablation.best_in_words() {
            writeln!(terminal.out, "{}", prose(&best))?;
        }
        for (note, labels) in notes(ablation) {
            let rows = ablation.all_rows().map(|row| (row.is_compared(), row.note == note));
            let who = if is_of_all(rows) { "every variant".to_owned() } else { labels.join("; ") };
            writeln!(terminal.out, "{}", prose(&format!("{who}: {note}")))?;
        }
        for note in past.iter().flat_map(|past| past.notes()) {
            writeln!(terminal.out, "{}", prose(&format!("{}: {note}", ablation.study)))?;
        }
    }
    for sentence in study.plan.left_out() {
        writeln!(terminal.out, "{}", prose(&sentence))?;
    }
    warn_of_mixtures(study, terminal);
    Ok(())
}

/// Warns of a damaged record of the past, and of runs that do not have the same origin.
pub(crate) fn warn_of_mixtures(study: &ExperimentResults, terminal: &Terminal) {
    if let Some(past) = &study.past {
        warn_of_unreadable(past, terminal);
    }
    for mixture in study.mixtures() {
        terminal.warn(mixture);
    }
}

/// Prints rows whose p values have one correction.
fn print_rows(
    ablation: &Ablation,
    rows: &[&AblationRow],
    correction: Correction,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let metric = ablation.metric.words.head.as_str();
    let p = correction.heading();
    let head = ["variant", "n", metric, "difference", p, "params", "cost", "verdict"];
    let cells: Vec<[String; 8]> = rows.iter().map(|row| cells(row)).collect();
    // A trainer need not know the size of a model or its compute.
    let unknown = |column: &str, i: usize| {
        ["params", "cost"].contains(&column) && cells.iter().all(|cells| cells[i].is_empty())
    };
    let shown: Vec<usize> = (0..head.len()).filter(|&i| !unknown(head[i], i)).collect();
    let heads: Vec<&str> = shown.iter().map(|&i| head[i]).collect();
    let mut table =
        FittedTable::new(&heads, &[0, shown.len() - 1]).dispensable(&["params", "cost", p]);
    for cells in &cells {
        table.add(shown.iter().map(|&i| cells[i].clone()));
    }
    Ok(table.print(terminal)?)
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
        let head = ["variant", examples, "difference", "with seeds", "narrower with"];
        let has_both = found.iter().any(|(_, _, crossed)| crossed.is_some());
        let head = if has_both { &head[..] } else { &head[..3] };
        let mut rows = FittedTable::new(head, &[0, 4]).dispensable(&[examples, "narrower with"]);
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
            rows.add(cells);
        }
        let percent = study.plan.compare.percent();
        let both = if has_both {
            " With seeds: other seeds and another test set at once; what would narrow it."
        } else {
            ""
        };
        let words = format!(
            "{}, another test set: \u{b1} is half of a {percent} % t interval over {} test {examples} of the difference \
             averaged over the seeds. Not to be added to that over seeds.{both}",
            ablation.study, first.n
        );
        writeln!(terminal.out, "\n{}", prose(&words))?;
        rows.print(terminal)?;
    }
    Ok(())
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
    let head = format!(
        "{name}{}: {seeds}, {unit}{}{}",
        ablation.study,
        study.metric().better.word().to_lowercase() + " is better",
        past.map_or_else(String::new, |past| format!(", {}", past.word())),
    );
    let percent = study.plan.compare.percent();
    let interval = format!("\u{b1}: half of a {percent} % t interval over seeds{cost}");
    let mut lines = vec![head, interval];
    if !study.plan.compare.within.is_empty() {
        let blocks = blocks_in_words(study, ablation);
        lines.push(format!("blocks: {blocks}; each has a baseline of its own"));
    }
    lines.iter().fold(String::new(), |text, line| text + "\n" + &prose(line))
}

/// `data.name = adult, dna`; of several axes every block, `adult, data.seed 0`.
fn blocks_in_words(study: &ExperimentResults, ablation: &Ablation) -> String {
    match &study.plan.compare.within[..] {
        [axis] => {
            let names = ablation.blocks.iter().map(|block| block.name.as_str());
            format!("{axis} = {}", some_of(names))
        }
        _ => some_of(ablation.blocks.iter().map(|block| block.title.as_str())),
    }
}

fn cells(row: &AblationRow) -> [String; 8] {
    let n = row.estimate.map_or(0, |estimate| estimate.n);
    let p = |(p, corrected): (f64, Option<f64>)| p_value(corrected.unwrap_or(p));
    [
        row.label.clone(),
        if n == row.planned { n.to_string() } else { format!("{n} of {}", row.planned) },
        row.estimate
            .as_ref()
            .map(|estimate| with_half(estimate, fixed))
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
    with_half(estimate, signed)
}

/// `93.12 ±0.32`: the mean and half of its interval.
fn with_half(estimate: &Estimate, write: fn(f64, usize) -> String) -> String {
    let half = estimate.interval.map(|interval| interval.high - estimate.mean);
    let half = half.filter(|half| half.is_finite());
    let decimals = decimals_for(estimate.mean, half);
    let half = half.map(|half| format!(" \u{b1}{}", fixed(half, decimals)));
    write(estimate.mean, decimals) + &half.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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
