//! The columns of `ablation.csv` as JSON: numbers as numbers, an empty cell as null.

use serde_json::{Map, Value as Json, json};

use super::Paper;
use crate::results::ExperimentResults;
use crate::results::ablation::Ablation;
use crate::results::cell::{Table, Value};

/// One object, a line for each variant.
pub(super) fn document(
    study: &ExperimentResults,
    ablations: &[Ablation],
    table: Table,
    papers: impl Iterator<Item = Paper>,
) -> Vec<u8> {
    let columns = table.columns;
    let mut rows = table.rows;
    let studies: Vec<Json> = papers
        .zip(ablations)
        .map(|(paper, ablation)| {
            let object = |(row, cells): (super::Row, Vec<Value>)| {
                let mut object: Map<String, Json> =
                    columns.iter().cloned().zip(cells.iter().map(cell)).collect();
                object.insert("may_be_best".into(), row.may_be_best.into());
                object.insert("label".into(), row.label.into());
                object.insert("sentence".into(), row.sentence.into());
                Json::Object(object)
            };
            let own = rows.by_ref().take(paper.rows.len());
            json!({
                "study": paper.study,
                "caption": paper.caption,
                "best": ablation.best_in_words(),
                "rows": paper.rows.into_iter().zip(own).map(object).collect::<Vec<_>>(),
            })
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
    let mut bytes = serde_json::to_vec_pretty(&all).expect("text and finite numbers");
    bytes.push(b'\n');
    bytes
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
