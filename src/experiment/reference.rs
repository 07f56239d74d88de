//! The reference of settings in `docs/FORMAT.md`, from the tables that read them.

use super::execution::OPTIONS;
use super::kind::Kind;
use super::settings::{self, SETTINGS};

/// A Markdown table of every setting, its default, what it takes and what it means, and one of
/// every other option.
pub fn reference() -> String {
    let mut out = String::from("| setting | default | takes | meaning |\n|---|---|---|---|\n");
    for (leaf, setting) in SETTINGS.iter().enumerate() {
        let default = settings::default(leaf);
        let default = match (default, &setting.kind) {
            (serde_json::Value::Null, Kind::CountOr { .. }) => {
                format!("`\"{}\"`", setting.kind.show(default))
            }
            (serde_json::Value::Null, _) => "must be given".to_owned(),
            _ => format!("`{default}`"),
        };
        out.push_str(&format!(
            "| `{}` | {default} | {} | {} |\n",
            setting.path,
            takes(&setting.kind),
            setting.doc
        ));
    }
    out.push_str("\n| key | takes | meaning |\n|---|---|---|\n");
    for option in OPTIONS {
        out.push_str(&format!(
            "| `{}` | {} | {} |\n",
            option.path,
            takes(&option.kind),
            option.doc
        ));
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
