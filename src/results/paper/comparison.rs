//! The comparison of two experiments for a paper: means of both, and the change.

use serde_json::{Value as Json, json};

use super::{Format, json as as_json, latex, markdown};
use crate::results::ExperimentResults;
use crate::results::cell::Table;
use crate::results::compare::{ExperimentComparison, VariantComparison};
use crate::text::{decimals_for, fixed, signed};

/// The comparison in a format; `table` has all its columns.
pub(in crate::results) fn of_comparison(
    [first, second]: [&ExperimentResults; 2],
    comparison: &ExperimentComparison,
    table: Table,
    format: Format,
) -> Vec<u8> {
    let names = [first.plan.name.as_str(), &second.plan.name];
    let metric = first.metric();
    let caption = format!(
        "{}{}, {} is better: mean over the seeds that finished in both experiments, and the mean change from {} to {} over \
         those whose values changed.",
        metric.words.axis,
        metric.unit.in_brackets(),
        metric.better.word().to_lowercase(),
        names[0],
        names[1],
    );
    let rows: Vec<Vec<String>> = comparison.variants.iter().map(cells).collect();
    let remarks = comparison.remarks(names);
    match format {
        Format::Latex => latex::comparison(names, &caption, &rows, &remarks).into_bytes(),
        Format::Markdown => {
            let title = format!("{} against {}", names[1], names[0]);
            markdown::comparison(&title, &caption, &heads(names), &rows, &remarks).into_bytes()
        }
        Format::Csv => table.csv(),
        Format::Json => {
            let rows: Vec<Json> = as_json::objects(table).map(Json::Object).collect();
            as_json::pretty(&json!({
                "first": names[0],
                "second": names[1],
                "metric": metric.name,
                "unit": metric.unit.short,
                "better": metric.better.word().to_lowercase(),
                "caption": caption,
                "remarks": remarks,
                "rows": rows,
            }))
        }
    }
}

fn heads(names: [&str; 2]) -> Vec<String> {
    ["variant", "seeds", "changed", names[0], names[1], "change"]
        .map(str::to_owned)
        .to_vec()
}

fn cells(row: &VariantComparison) -> Vec<String> {
    let means = row.means();
    let value = |value: f64| fixed(value, decimals_for(value, None));
    let mean = |i: usize| means.map(|means| value(means[i])).unwrap_or_default();
    let change = row.mean_difference();
    vec![
        row.label.clone(),
        row.n_seeds().to_string(),
        row.differences.len().to_string(),
        mean(0),
        mean(1),
        change
            .map(|change| signed(change, decimals_for(change, None)))
            .unwrap_or_default(),
    ]
}
