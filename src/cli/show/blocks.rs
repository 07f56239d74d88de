//! Studies over their blocks (`[compare] within`) on the terminal.

use crate::cli::Terminal;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::terminal::prose;
use crate::results::ExperimentResults;
use crate::results::ablation::Ablation;
use crate::results::blocks::MethodRow;
use crate::text::{count, fixed, p_value, signed};

/// Prints each study over its blocks; nothing without `[compare] within`.
pub(crate) fn print(
    study: &ExperimentResults,
    ablations: &[Ablation],
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    for (ablation, over) in ablations.iter().zip(study.all_over_blocks(ablations)) {
        let p = ablation.correction.heading();
        let head = ["variant", "better", "worse", "undecided", "mean rank", "joint", p, "verdict"];
        let mut rows = FittedTable::new(&head, &[0, 7]).dispensable(&["undecided", "joint", p]);
        for row in &over.rows {
            rows.add(cells(row));
        }
        let words = format!(
            "{} over {} of {}: in how many a variant is better than the baseline, its mean rank (1 is best), and the \
             joint sign-flip test of its differences",
            ablation.study,
            count(over.blocks.len(), "block"),
            over.axes.join(" and ")
        );
        writeln!(terminal.out, "\n{}", prose(&words))?;
        rows.print(terminal)?;
        let sentences = [over.claim(ablation.test)]
            .into_iter()
            .chain(over.ranking.words(ablation.feasibility.alpha));
        for sentence in sentences {
            writeln!(terminal.out, "{}", prose(&sentence))?;
        }
        for row in over.rows.iter().filter(|row| !row.note.is_empty()) {
            writeln!(terminal.out, "{}", prose(&format!("{}: {}", row.method.label, row.note)))?;
        }
    }
    Ok(())
}

fn cells(row: &MethodRow) -> [String; 8] {
    let outcome = |n: Option<usize>| n.map(|n| n.to_string()).unwrap_or_default();
    let joint = row.joint.as_ref();
    [
        row.method.label.clone(),
        outcome(row.outcomes.map(|outcomes| outcomes.wins)),
        outcome(row.outcomes.map(|outcomes| outcomes.losses)),
        outcome(row.outcomes.map(|outcomes| outcomes.undecided)),
        row.mean_rank.map(|rank| fixed(rank, 2)).unwrap_or_default(),
        joint.map(|joint| signed(joint.statistic, 2)).unwrap_or_default(),
        joint.map(|joint| p_value(joint.p())).unwrap_or_default(),
        row.conclusion(),
    ]
}
