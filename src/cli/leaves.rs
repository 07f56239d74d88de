//! Runs held against each other, setting by setting.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::plan::RunSpec;

/// Everything that decides a run's identity, leaf by leaf.
pub(crate) type Leaves = BTreeMap<String, String>;

/// The leaves of a run.
pub(crate) fn leaves(spec: &RunSpec) -> Leaves {
    let mut found = Leaves::new();
    descend("", &spec.config.value(), &mut found);
    found.insert("seed".to_owned(), spec.seed.0.to_string());
    found.insert("images in train, valid and test".to_owned(), spec.data.clone());
    found
}

fn descend(path: &str, value: &Value, found: &mut Leaves) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                descend(&path, value, found);
            }
        }
        leaf => drop(found.insert(path.to_owned(), leaf.to_string())),
    }
}

/// What differs, each as `path old -> new`.
pub(crate) fn changes(have: &Leaves, wanted: &Leaves) -> Vec<String> {
    let paths: std::collections::BTreeSet<&String> = have.keys().chain(wanted.keys()).collect();
    let show = |value: Option<&String>| value.map_or_else(|| "none".to_owned(), Clone::clone);
    let differs = paths.into_iter().filter(|path| have.get(*path) != wanted.get(*path));
    differs
        .map(|path| format!("{path} {} -> {}", show(have.get(path)), show(wanted.get(path))))
        .collect()
}
