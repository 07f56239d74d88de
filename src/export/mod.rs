//! The runs of an experiment in the formats of other programs: [`tensorboard`] has event files,
//! [`mlflow`] a file store.
//!
//! A run that has ended is exported once, under the first variant that uses it: finished, diverged
//! or failed. Names of values are those of the tables, `curves/` before the columns of
//! `metrics.csv` and `final/` before those of `runs.csv`. Times are those that the run recorded, so
//! the same results give the same bytes.

pub mod mlflow;
mod protobuf;
pub mod tensorboard;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::{RunId, RunSpec, names};
use crate::record::{RunRecord, RunStatus, moment};
use crate::results::ExperimentResults;
use crate::trainer::{Curve, Source};

/// Files of an experiment for another program.
#[derive(Debug)]
pub struct Export {
    /// Folder of the experiment in the directory that the program reads.
    pub folder: String,
    /// Content of each file in this folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Beginnings of the names of files that an earlier export may have made of runs that cannot be
    /// read now.
    pub unread: Vec<String>,
}

impl Export {
    /// An export with the files of the experiment itself; `folder_of` names the folder of a run and
    /// `files_of` its files in it.
    fn new(
        results: &ExperimentResults,
        folder: String,
        mut files: BTreeMap<String, Vec<u8>>,
        folder_of: impl Fn(&ExportedRun) -> String,
        files_of: impl Fn(&ExportedRun) -> BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let mut unread = Vec::new();
        for run in exported_runs(results) {
            let folder = folder_of(&run);
            match (run.record.status, &run.record.error) {
                (RunStatus::Outstanding, None) => {}
                (RunStatus::Outstanding, Some(_)) => unread.push(format!("{folder}/")),
                _ => {
                    let own = files_of(&run).into_iter();
                    files.extend(own.map(|(name, bytes)| (format!("{folder}/{name}"), bytes)));
                }
            }
        }
        Self { folder, files, unread }
    }
}

/// A run as other programs see it.
struct ExportedRun<'a> {
    results: &'a ExperimentResults,
    spec: &'a RunSpec,
    record: &'a RunRecord,
    /// Path of file names that is unique in the experiment: `STUDY/VARIANT/seed-1`, without the
    /// study if it has the name of the experiment.
    place: String,
    /// Label of the variant, for a tuned one with that of the candidate.
    variant: String,
    /// Names of the studies that use the run.
    studies: BTreeSet<&'a str>,
    /// `chosen` or `passed over` if its variant is tuned.
    tuning: Option<&'static str>,
}

/// Every run of a plan once, in the order in which the studies first use it.
fn exported_runs(results: &ExperimentResults) -> Vec<ExportedRun<'_>> {
    let plan = &results.plan;
    let specs = plan.by_id();
    let mut index: BTreeMap<&RunId, usize> = BTreeMap::new();
    let mut found: Vec<ExportedRun> = Vec::new();
    for study in &plan.studies {
        let of_study = match study.name == plan.name {
            true => String::new(),
            false => format!("{}/", study.name),
        };
        for variant in &study.variants {
            let path = format!("{of_study}{}", variant.name);
            let own = (path.clone(), variant.label.clone(), None, &variant.runs);
            let candidates = variant.candidates.iter().enumerate().map(|(i, candidate)| {
                let tuning = match candidate.levels == variant.levels {
                    true => "chosen",
                    false => "passed over",
                };
                (
                    format!("{path}/candidate-{}", i + 1),
                    format!("{} ({})", variant.label, candidate.label),
                    Some(tuning),
                    &candidate.runs,
                )
            });
            let own = Some(own).filter(|_| variant.candidates.is_empty());
            for (path, label, tuning, runs) in own.into_iter().chain(candidates) {
                for (run, seed) in runs.iter().zip(&plan.seeds) {
                    let (Some(spec), Some(record)) = (specs.get(run), results.records.get(run))
                    else {
                        continue;
                    };
                    let at = *index.entry(run).or_insert(found.len());
                    if at == found.len() {
                        found.push(ExportedRun {
                            results,
                            spec,
                            record,
                            place: format!("{path}/seed-{}", seed.0),
                            variant: label.clone(),
                            studies: BTreeSet::new(),
                            tuning,
                        });
                    }
                    found[at].studies.insert(&study.name);
                }
            }
        }
    }
    found
}

impl ExportedRun<'_> {
    /// Name for people: `masks 2 / seed 1`.
    fn name(&self) -> String {
        format!("{} / seed {}", self.variant, self.spec.seed.0)
    }

    /// Names of the studies that use the run.
    fn studies(&self) -> String {
        self.studies.iter().copied().collect::<Vec<_>>().join(", ")
    }

    /// Start and end of the run [s since 1970], as it recorded them; 0 if it recorded none.
    fn times(&self) -> (f64, f64) {
        let Some(timing) = &self.record.timing else { return (0.0, 0.0) };
        let start = moment(&timing.started_utc).map_or(0.0, |start| start.as_second() as f64);
        // A file of any origin may hold any number.
        let seconds = Some(timing.seconds).filter(|seconds| (0.0..1e9).contains(seconds));
        (start, start + seconds.unwrap_or(0.0))
    }

    /// Variant, seed, status and every setting; a setting that is called like one of these three
    /// has `settings.` before its name.
    fn settings(&self) -> BTreeMap<String, Value> {
        let own = BTreeMap::from([
            ("variant".to_owned(), Value::from(self.variant.as_str())),
            ("seed".to_owned(), Value::from(self.spec.seed.0)),
            ("status".to_owned(), Value::from(self.record.status.word())),
        ]);
        let settings = self.spec.config.leaves().into_iter().map(|(path, value)| {
            let is_taken = own.contains_key(&path);
            (if is_taken { format!("settings.{path}") } else { path }, value)
        });
        settings.chain(own.clone()).collect()
    }

    /// Names of the curves with their values by epoch. An epoch without a value has no point.
    fn curves(&self) -> impl Iterator<Item = (String, impl Iterator<Item = (usize, f64)>)> {
        let columns: Vec<String> =
            self.results.metrics().curves.iter().map(Curve::column).collect();
        // Columns of a program such as `val/loss` and `val_loss` have one name in tables.
        let is_shared =
            |column: &String| columns.iter().filter(|other| *other == column).count() > 1;
        let unique = |(i, column): (usize, &String)| match is_shared(column) {
            true => format!("{column}-{}", i + 1),
            false => column.clone(),
        };
        let names: Vec<String> = columns.iter().enumerate().map(unique).collect();
        names.into_iter().enumerate().map(|(i, column)| {
            let rows = self.record.epochs.iter();
            let points = rows.filter_map(move |row| Some((row.epoch, *row.values.get(i)?)));
            (file_name(&column), points.filter(|(_, value)| !value.is_nan()))
        })
    }

    /// Numbers of a row of `runs.csv`.
    fn finals(&self) -> Vec<(String, f64)> {
        let Some(summary) = &self.record.summary else { return Vec::new() };
        // A program need not write steps, nor choose one.
        let steps = [("epochs", summary.epochs), ("best_epoch", summary.best_epoch)];
        let steps = steps.into_iter().filter(|(_, n)| *n > 0);
        let steps = steps.map(|(name, n)| (name.to_owned(), n as f64));
        let columns = self.results.metrics().columns.iter();
        let values = columns.filter_map(|column| {
            Some((file_name(&column.name), column.source.number(&summary.facts)?))
        });
        steps.chain(values).collect()
    }

    /// Texts of a row of `runs.csv`.
    fn texts(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        found.extend(self.record.error.iter().map(|error| ("error".to_owned(), error.clone())));
        found.extend(self.tuning.map(|word| ("tuning".to_owned(), word.to_owned())));
        for column in &self.results.metrics().columns {
            let facts = self.record.summary.as_ref().map(|summary| &summary.facts);
            if let (Source::Fact(name), Some(facts)) = (&column.source, facts)
                && let Some(value @ (Value::String(_) | Value::Bool(_))) = facts.get(name)
            {
                found.push((file_name(&column.name), text(value)));
            }
        }
        found
    }
}

/// A value as text on one line: a string without quotes, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains(char::is_control) => text.clone(),
        value => value.to_string(),
    }
}

/// Longest part of a name that is kept in a file name that needs a hash.
const KEPT: usize = 60;

/// A name as a file name: unchanged if it is one, otherwise what can be kept of it and a hash.
fn file_name(name: &str) -> String {
    if names::is_file_name(name) {
        return name.to_owned();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let kept: String = name.chars().take(KEPT).map(plain).collect();
    let hash = &blake3::hash(name.as_bytes()).to_hex()[..8];
    format!("{}-{hash}", kept.trim_start_matches(['.', '_', '-']))
        .trim_start_matches('-')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_name_is_a_file_name_of_its_own(a in ".{0,300}", b in ".{0,300}") {
            prop_assert!(names::is_file_name(&file_name(&a)), "{}", file_name(&a));
            prop_assert_eq!(a == b, file_name(&a) == file_name(&b));
        }
    }

    #[test]
    fn names_that_lead_elsewhere_stay() {
        assert_eq!(file_name("train.epochs"), "train.epochs");
        let elsewhere = ["..", ".", "", "../x", "a/../../b", "/etc/passwd", "a\0b", "\u{e9}", "-x"];
        for name in elsewhere {
            assert!(names::is_file_name(&file_name(name)), "{name}: {}", file_name(name));
        }
        let long = "a".repeat(101);
        assert!(file_name(&long).len() < 100 && file_name(&long) != file_name(&(long + "a")));
    }
}
