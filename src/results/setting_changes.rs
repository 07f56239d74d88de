//! Differences between two runs, setting by setting.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::RunSpec;

/// Everything that decides the identity of a run: values as text, by key path.
pub type RunSettings = BTreeMap<String, String>;

/// Returns the settings of a run, with its seed and its data.
pub fn run_settings(spec: &RunSpec) -> RunSettings {
    let mut settings: RunSettings = spec
        .config
        .leaves()
        .into_iter()
        .map(|(path, value)| (path, value.to_string()))
        .collect();
    settings.insert("seed".to_owned(), spec.seed.0.to_string());
    settings.insert("images in train, valid and test".to_owned(), spec.data.clone());
    settings
}

/// Returns the settings that differ, each as `path old -> new`.
pub fn setting_changes(old: &RunSettings, new: &RunSettings) -> Vec<String> {
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let show = |value: Option<&String>| value.map_or_else(|| "none".to_owned(), Clone::clone);
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| format!("{path} {} -> {}", show(old.get(path)), show(new.get(path))))
        .collect()
}
