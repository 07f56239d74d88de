//! Comparison of two experiments on the terminal.

use crate::cli::Terminal;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::terminal::{fit, stdout_width};
use crate::results::ExperimentResults;
use crate::results::compare::ExperimentComparison;
use crate::text::{decimals_for, signed};

/// Prints the changes from `first` to `second`.
pub(crate) fn print(
    first: &ExperimentResults,
    second: &ExperimentResults,
    comparison: &ExperimentComparison,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let names = [first.plan.name.as_str(), &second.plan.name];
    let head = [
        "variant",
        "seeds",
        "identical",
        "changed",
        "not finished",
        "mean change",
        "largest",
    ];
    let mut rows = FittedTable::new(&head, &[0]).dispensable(&["not finished", "identical"]);
    let difference =
        |value: Option<f64>| value.map(|v| signed(v, decimals_for(v, None))).unwrap_or_default();
    for row in &comparison.variants {
        rows.add([
            row.label.clone(),
            row.n_seeds().to_string(),
            row.n_identical.to_string(),
            row.differences.len().to_string(),
            row.n_unfinished.to_string(),
            difference(row.mean_difference()),
            difference(row.largest_difference()),
        ]);
    }
    let out = &mut terminal.out;
    let unit = match first.metric().unit.long.as_str() {
        "" => String::new(),
        unit => format!("{unit}, "),
    };
    writeln!(out, "{} against {}, {unit}by variant and seed", names[1], names[0])?;
    writeln!(out, "{}", rows.text())?;
    for remark in comparison.remarks(names) {
        writeln!(out, "{}", fit(&remark, stdout_width()))?;
    }
    Ok(())
}
