//! Differences between two runs, setting by setting.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::RunSpec;
use crate::trainer::{Program, Trainer};

/// Everything that decides the identity of a run: values as text, by key path.
pub type RunSettings = BTreeMap<String, String>;

/// Returns the settings of a run, with its seed and its data or the program that it is of. Those that
/// its configuration leaves out have the defaults of `trainer`.
pub fn run_settings(
    spec: &RunSpec,
    program: Option<&Program>,
    trainer: &dyn Trainer,
) -> RunSettings {
    let mut settings: RunSettings = spec
        .config
        .leaves()
        .into_iter()
        .map(|(path, value)| (path, value.to_string()))
        .collect();
    settings.insert("seed".to_owned(), spec.seed.0.to_string());
    let Some(program) = program else {
        for setting in trainer.settings().iter().filter(|setting| setting.implied) {
            let default = || setting.default.to_string();
            settings.entry(setting.path.clone()).or_insert_with(default);
        }
        settings.insert("images in train, valid and test".to_owned(), spec.data.clone());
        return settings;
    };
    let commands: Vec<String> = program.command.iter().map(|words| words.join(" ")).collect();
    for (name, value) in [
        ("command", commands.join("; ")),
        ("program.args", program.args.clone()),
        ("program.booleans", format!("{:?}", program.booleans)),
        ("program.lists", format!("{:?}", program.lists)),
        ("program.seed_key", program.seed_key.clone()),
        ("program.directory", program.directory.clone()),
    ] {
        settings.insert(name.to_owned(), value);
    }
    for (name, value) in &program.env {
        settings.insert(format!("variable {name}"), value.clone());
    }
    for (name, hash) in &program.inputs {
        settings.insert(format!("content of {name}"), hash.chars().take(8).collect());
    }
    for (name, known) in &program.data {
        settings.insert(format!("files of {name}"), known.clone());
    }
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
