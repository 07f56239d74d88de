//! The columns of `ablation.csv` and `blocks.csv` as JSON: numbers as numbers, an empty cell as null.

use serde_json::{Map, Value as Json, json};

use super::Paper;
use super::blocks::BlocksPaper;
use crate::results::ExperimentResults;
use crate::results::ablation::Ablation;
use crate::results::cell::{Table, Value};

/// One object, a line for each variant; with blocks, another for each over all of them.
pub(super) fn document(
    study: &ExperimentResults,
    ablations: &[Ablation],
    [variants, methods]: [Table; 2],
    papers: impl Iterator<Item = (Paper, Option<BlocksPaper>)>,
) -> Vec<u8> {
    let (mut variants, mut methods) = (objects(variants), objects(methods));
    let studies: Vec<Json> = papers
        .zip(ablations)
        .map(|((paper, over), ablation)| {
            let variant = |row: super::Row| {
                let mut object = with(variants.next(), row.label, row.sentence);
                object.insert("may_be_best".into(), row.may_be_best.into());
                object
            };
            let mut study = json!({
                "study": paper.study,
                "caption": paper.caption,
                "best": ablation.best_in_words(),
                "rows": paper.rows.into_iter().map(variant).collect::<Vec<_>>(),
            });
            if let Some(over) = over {
                let method =
                    |row: super::blocks::BlocksRow| with(methods.next(), row.label, row.sentence);
                study["blocks"] = json!({
                    "caption": over.caption,
                    "ranks": over.ranks,
                    "rows": over.rows.into_iter().map(method).collect::<Vec<_>>(),
                });
            }
            study
        })
        .collect();
    let plan = &study.plan;
    let metric = study.metric();
    let all = json!({
        "experiment": plan.name,
        "metric": metric.name,
        "unit": metric.unit.short,
        "better": metric.better.word().to_lowercase(),
        "level": plan.compare.level,
        "seeds": plan.seeds.iter().map(|seed| seed.0).collect::<Vec<_>>(),
        "studies": studies,
    });
    pretty(&all)
}

/// A document with a line for each value.
pub(super) fn pretty(document: &Json) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document).expect("text and finite numbers");
    bytes.push(b'\n');
    bytes
}

/// Rows of a table as objects.
pub(super) fn objects(table: Table<'_>) -> impl Iterator<Item = Map<String, Json>> {
    let Table { columns, rows } = table;
    rows.map(move |cells| columns.iter().cloned().zip(cells.iter().map(cell)).collect())
}

/// A row with the label and the sentence of a paper.
fn with(row: Option<Map<String, Json>>, label: String, sentence: String) -> Map<String, Json> {
    let mut object = row.unwrap_or_default();
    object.insert("label".into(), label.into());
    object.insert("sentence".into(), sentence.into());
    object
}

fn cell(value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::Text(text) => text.typed().into(),
        Value::Level(level) => (*level).into(),
        Value::Int(value) => (*value).into(),
        Value::Number(value) => (*value).into(),
    }
}
