//! Reference of settings in the documentation, generated from their declarations.

use std::fmt::Write as _;

use serde_json::Value;

use super::execution::OPTIONS;
use crate::trainer::Trainer;
use crate::trainer::kind::Kind;

/// Markdown tables: every setting of a trainer with its default, possible values and meaning, and
/// every other option.
pub fn reference(trainer: &dyn Trainer) -> String {
    let mut out = String::from("| setting | default | takes | meaning |\n|---|---|---|---|\n");
    for setting in trainer.settings().iter() {
        let default = match (&setting.default, &setting.kind) {
            (Value::Null, Kind::CountOr { .. }) => {
                format!("`\"{}\"`", setting.kind.show(&setting.default))
            }
            (Value::Null, _) => "must be given".to_owned(),
            (default, _) => format!("`{default}`"),
        };
        let (path, takes, doc) = (&setting.path, takes(&setting.kind), &setting.doc);
        let _ = writeln!(out, "| `{path}` | {default} | {takes} | {doc} |");
    }
    out.push_str("\n| key | takes | meaning |\n|---|---|---|\n");
    for option in OPTIONS {
        let takes = takes(&option.kind(trainer.metrics()));
        let _ = writeln!(out, "| `{}` | {takes} | {} |", option.path, option.doc);
    }
    out
}

fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Choice(words) | Kind::Tag(words) => words
            .iter()
            .map(|(word, doc)| format!("`\"{word}\"`: {doc}"))
            .collect::<Vec<_>>()
            .join("; "),
        kind => kind.describe(),
    }
}
