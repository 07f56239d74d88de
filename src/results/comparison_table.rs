//! The comparison of two experiments as a table, in every format.

use super::ExperimentResults;
use super::cell::{Table, Value};
use super::compare::{ExperimentComparison, VariantComparison};
use super::paper::{self, Format};
use super::xlsx;
use crate::columns::COMPARISON;
use crate::store::StoreError;

/// The comparison of two experiments in a format.
pub fn in_format(
    experiments: [&ExperimentResults; 2],
    comparison: &ExperimentComparison,
    format: Format,
) -> Vec<u8> {
    paper::of_comparison(experiments, comparison, table(experiments, comparison), format)
}

/// The comparison of two experiments as a workbook.
pub fn workbook(
    [first, second]: [&ExperimentResults; 2],
    comparison: &ExperimentComparison,
) -> Result<Vec<u8>, StoreError> {
    let names = [first.plan.name.as_str(), &second.plan.name];
    let mut lines = vec![
        ("first", names[0].to_owned()),
        ("second", names[1].to_owned()),
        ("unit", first.metric().unit.explained.clone()),
        (
            "change",
            "second minus first, of the seeds whose runs have other values".to_owned(),
        ),
        ("colour", xlsx::COLOUR.to_owned()),
        ("digits", xlsx::DIGITS.to_owned()),
    ];
    lines.extend(comparison.remarks(names).into_iter().map(|remark| ("remark", remark)));
    let sheets = vec![("comparison", table([first, second], comparison))];
    xlsx::book("comparison.xlsx", first, sheets, lines)
}

/// A row for each variant of either experiment.
fn table<'a>(
    [first, second]: [&'a ExperimentResults; 2],
    comparison: &'a ExperimentComparison,
) -> Table<'a> {
    let columns = first.columns().named(COMPARISON);
    let width = columns.len();
    let names = [first.plan.name.as_str(), &second.plan.name];
    let start = move |label: &'a str| [names[0], names[1], label].map(Value::text).to_vec();
    let both = comparison.variants.iter().map(move |row| {
        let mut cells = start(&row.label);
        cells.extend(changes(row));
        let settings = comparison.settings.iter();
        let own: Vec<&str> = settings
            .filter(|(_, variants)| variants.contains(&row.label))
            .map(|(setting, _)| setting.as_str())
            .collect();
        cells.push(Value::text(own.join("; ")));
        let note = row.incomparable.as_ref().map(|why| format!("not compared: {why}"));
        cells.push(Value::text(note.unwrap_or_default()));
        cells
    });
    let alone = names.into_iter().zip(&comparison.only_in).flat_map(move |(name, labels)| {
        labels.iter().map(move |label| {
            let mut cells = start(label);
            cells.resize(width - 1, Value::Empty);
            cells.push(Value::text(format!("only in {name}")));
            cells
        })
    });
    Table { columns, rows: Box::new(both.chain(alone)) }
}

/// Cells from the number of seeds to the largest change.
fn changes<'a>(row: &VariantComparison) -> Vec<Value<'a>> {
    let counts = [row.n_seeds(), row.n_identical, row.differences.len(), row.n_unfinished];
    let means = row.means();
    let numbers = [
        means.map(|means| means[0]),
        means.map(|means| means[1]),
        row.mean_difference(),
        row.largest_difference(),
    ];
    counts
        .map(|n| Value::Int(n as u64))
        .into_iter()
        .chain(numbers.map(Value::number))
        .collect()
}
