//! MLflow's file store, the content of an `mlruns` directory: a folder for the experiment, in it one
//! for each run, and in that a file for each parameter, metric and tag.
//!
//! ```text
//! 123456789012345678/meta.yaml                              name of the experiment
//! 123456789012345678/tags/mlflow.note.content               its question
//! 123456789012345678/<run>/meta.yaml                        name, status, start and end of a run
//! 123456789012345678/<run>/params/train.epochs              30
//! 123456789012345678/<run>/metrics/curves/valid_nll_nats    <time [ms]> <value> <step>, a line a point
//! 123456789012345678/<run>/tags/ablade.run                  id of the run in the results
//! 123456789012345678/<run>/artifacts/settings.json          all settings
//! ```
//!
//! MLflow refuses a run without a folder of metrics or of artefacts, so each run has a file in both.

use std::collections::BTreeMap;

use super::{Export, ExportedRun, exported_runs, file_name, text};
use crate::plan::RunId;
use crate::record::RunStatus;
use crate::results::ExperimentResults;

/// Values of `mlflow.entities.RunStatus`.
const FINISHED: u64 = 3;
const FAILED: u64 = 4;

/// The file store of an experiment.
pub fn export(results: &ExperimentResults) -> Export {
    let plan = &results.plan;
    let id = experiment_id(&plan.name);
    let times: Vec<(f64, f64)> = exported_runs(results)
        .iter()
        .map(ExportedRun::times)
        .filter(|t| t.0 > 0.0)
        .collect();
    let earliest = times.iter().map(|(start, _)| *start).reduce(f64::min).unwrap_or(0.0);
    let latest = times.iter().map(|(_, end)| *end).reduce(f64::max).unwrap_or(0.0);
    let meta = yaml(&[
        ("artifact_location", Yaml::Text(&artifacts(&id))),
        ("creation_time", Yaml::Int(milliseconds(earliest))),
        ("experiment_id", Yaml::Text(&id)),
        ("last_update_time", Yaml::Int(milliseconds(latest))),
        ("lifecycle_stage", Yaml::Text("active")),
        ("name", Yaml::Text(&plan.name)),
    ]);
    let note: Vec<&str> = [plan.question.as_str(), &plan.notes]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    let files = BTreeMap::from([
        ("meta.yaml".to_owned(), meta),
        ("tags/mlflow.note.content".to_owned(), note.join("\n\n").into_bytes()),
        // Otherwise the user interface asks what kind of experiment it is.
        ("tags/mlflow.experimentKind".to_owned(), b"custom_model_development".to_vec()),
    ]);
    let folder_of = |run: &ExportedRun| run_id(&plan.name, &run.spec.id);
    let files_of = |run: &ExportedRun| run_files(run, &id);
    Export::new(results, id.clone(), files, folder_of, files_of)
}

/// Id of an experiment: 18 digits, as MLflow gives it, from the name.
fn experiment_id(name: &str) -> String {
    const LEAST: u64 = 100_000_000_000_000_000;
    let hash = blake3::hash(name.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    (LEAST + u64::from_le_bytes([a, b, c, d, e, f, g, h]) % (9 * LEAST)).to_string()
}

/// Id of a run, as MLflow gives it. Two experiments may share a run, but an id of MLflow's belongs
/// to one.
fn run_id(experiment: &str, run: &RunId) -> String {
    blake3::hash(format!("{experiment}/{run}").as_bytes()).to_hex()[..32].to_owned()
}

/// Address of artefacts below the directory that MLflow's server has for them: the same on every
/// machine.
fn artifacts(path: &str) -> String {
    format!("mlflow-artifacts:/{path}")
}

fn run_files(run: &ExportedRun, experiment: &str) -> BTreeMap<String, Vec<u8>> {
    let id = run_id(&run.results.plan.name, &run.spec.id);
    let (start, end) = run.times();
    let name = run.name();
    let is_finished = run.record.status == RunStatus::Finished;
    let meta = yaml(&[
        ("artifact_uri", Yaml::Text(&artifacts(&format!("{experiment}/{id}/artifacts")))),
        ("end_time", Yaml::Int(milliseconds(end))),
        ("entry_point_name", Yaml::Text("")),
        ("experiment_id", Yaml::Text(experiment)),
        ("lifecycle_stage", Yaml::Text("active")),
        ("run_id", Yaml::Text(&id)),
        ("run_name", Yaml::Text(&name)),
        ("run_uuid", Yaml::Text(&id)),
        ("source_name", Yaml::Text("")),
        ("source_type", Yaml::Int(4)),
        ("source_version", Yaml::Text("")),
        ("start_time", Yaml::Int(milliseconds(start))),
        ("status", Yaml::Int(if is_finished { FINISHED } else { FAILED })),
        ("tags", Yaml::Nothing),
        ("user_id", Yaml::Text("")),
    ]);
    let settings = run.spec.config.as_str().as_bytes().to_vec();
    let mut files = BTreeMap::from([
        ("meta.yaml".to_owned(), meta),
        ("artifacts/settings.json".to_owned(), settings),
    ]);
    for (name, value) in run.settings() {
        files.insert(format!("params/{}", file_name(&name)), text(&value).into_bytes());
    }
    let line = |time: f64, value: f64, step: usize| {
        format!("{} {} {step}\n", milliseconds(time), number(value))
    };
    for (name, points) in run.curves() {
        let lines: String = points.map(|(epoch, value)| line(start, value, epoch)).collect();
        if !lines.is_empty() {
            files.insert(format!("metrics/curves/{name}"), lines.into_bytes());
        }
    }
    let finals = run.finals().into_iter().map(|(name, value)| (format!("final/{name}"), value));
    // Not below `final`, where a metric of the run may have this name.
    let finished = ("finished".to_owned(), f64::from(u8::from(is_finished)));
    for (name, value) in finals.chain([finished]) {
        // Values of step 0 alone are drawn as bars.
        files.insert(format!("metrics/{name}"), line(end, value, 0).into_bytes());
    }
    let own = run.texts().into_iter().map(|(name, text)| (format!("ablade.{name}"), text));
    let tags = own.chain([
        ("ablade.run".to_owned(), run.spec.id.to_string()),
        ("ablade.study".to_owned(), run.studies()),
        ("mlflow.runName".to_owned(), name),
        ("mlflow.source.name".to_owned(), "ablade".to_owned()),
        ("mlflow.source.type".to_owned(), "LOCAL".to_owned()),
    ]);
    files.extend(tags.map(|(name, text)| (format!("tags/{name}"), text.into_bytes())));
    files
}

/// A number as Python reads it, with the shortest decimals.
fn number(value: f64) -> String {
    format!("{value:?}")
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

/// A value of a YAML file.
enum Yaml<'a> {
    Text(&'a str),
    Int(u64),
    /// An empty list.
    Nothing,
}

/// A YAML file of one table.
fn yaml(entries: &[(&str, Yaml)]) -> Vec<u8> {
    let line = |(key, value): &(&str, Yaml)| match value {
        Yaml::Text(text) => format!("{key}: {}\n", quoted(text)),
        Yaml::Int(n) => format!("{key}: {n}\n"),
        Yaml::Nothing => format!("{key}: []\n"),
    };
    entries.iter().map(line).collect::<String>().into_bytes()
}

/// A text in double quotes and in ASCII: MLflow reads these files in the encoding of the machine,
/// and YAML allows not every character.
fn quoted(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08X}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}
