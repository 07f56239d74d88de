//! Comparison of two experiments on the terminal.

use crate::cli::Terminal;
use crate::cli::show::terminal::table;
use crate::results::ExperimentResults;
use crate::results::compare::ExperimentComparison;
use crate::text::signed;

/// Prints the changes from `first` to `second`.
pub(crate) fn print(
    first: &ExperimentResults,
    second: &ExperimentResults,
    comparison: &ExperimentComparison,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let names = [first.plan.name.as_str(), &second.plan.name];
    let mut rows = table(
        &[
            "variant",
            "seeds",
            "identical",
            "changed",
            "not finished",
            "mean change",
            "largest",
        ],
        1,
    );
    let difference = |value: Option<f64>| value.map(|v| signed(v, 4)).unwrap_or_default();
    for row in &comparison.variants {
        rows.add_row([
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
    writeln!(out, "{rows}")?;
    for remark in comparison.remarks(names) {
        writeln!(out, "{remark}")?;
    }
    Ok(())
}
