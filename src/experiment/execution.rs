//! What decides where and how fast runs happen, and what they may cost: never part of a run's
//! identity.
//!
//! The types say so: nothing here is reachable from a configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::MOST_JOBS;
use super::diagnostics::Diagnostic;
use super::reader::{Reader, join};
use super::tree::{Table, Toml};
use crate::trainer::Metrics;
use crate::trainer::kind::Kind::{Bytes, Choice, Count, CountOr, Duration, Number, Options, Text};
use crate::trainer::kind::{INSIDE_ONE, Kind, WordValue};

/// `[execution]`: how runs are carried out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Execution {
    /// Runs at a time; absent = as many as there are processors and memory for.
    pub workers: Option<usize>,
    /// Memory that all runs together may take, bytes.
    pub memory: Option<u64>,
    /// Where runs are carried out.
    pub launcher: Launcher,
    /// Failed runs after which no further run is started; absent = never.
    pub max_failures: Option<usize>,
    /// Seconds between two checkpoints of a run; absent = the program's choice.
    pub checkpoint: Option<f64>,
    /// How jobs are submitted to Slurm.
    pub slurm: Slurm,
}

/// Where runs are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launcher {
    /// In this process.
    #[default]
    Local,
    /// As an array of Slurm jobs.
    Slurm,
}

/// `[execution.slurm]`: what a job asks for, passed on as it is written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slurm {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--time`, as Slurm writes it: `02:00:00`.
    pub time: Option<String>,
    /// `--mem`, as Slurm writes it: `8G`.
    pub memory: Option<String>,
    /// `--cpus-per-task`.
    pub cpus: Option<usize>,
    /// `--account`.
    pub account: Option<String>,
    /// Jobs of the array that run at a time.
    pub throttle: Option<usize>,
    /// Seconds that a task should last: as many runs share one.
    pub task: Option<f64>,
    /// Further `#SBATCH` options, one an entry.
    pub lines: Vec<String>,
    /// Shell text before the program starts: `module load ...`.
    pub setup: Option<String>,
}

/// `[budget]`: a sweep that is estimated to need more does not start unasked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Wall time, seconds.
    pub wall: Option<f64>,
    /// Runs.
    pub runs: Option<u64>,
    /// Memory, bytes.
    pub memory: Option<u64>,
    /// Disk, bytes.
    pub disk: Option<u64>,
}

/// A key of `[compare]`, `[budget]` or `[execution]`.
#[derive(Debug)]
pub struct OptionKey {
    /// Key path.
    pub path: &'static str,
    kind: Kind,
    /// What it means.
    pub doc: &'static str,
}

const fn key(path: &'static str, kind: Kind, doc: &'static str) -> OptionKey {
    OptionKey { path, kind, doc }
}

/// A metric of the trainer: its words take the place of this kind.
const METRIC: Kind = Choice(&[]);

const MANY: Kind = Count { min: 1, max: 1_000_000_000 };

impl OptionKey {
    /// What it takes where a trainer has these metrics.
    pub fn kind(&self, metrics: &Metrics) -> Kind {
        if self.kind == METRIC { Choice(metrics.words()) } else { self.kind }
    }
}

/// Every key of `[compare]`, `[budget]` and `[execution]`.
pub static OPTIONS: &[OptionKey] = &[
    key("compare.metric", METRIC, "the number of a run that a comparison is about"),
    key("compare.level", Number(INSIDE_ONE), "confidence level of intervals"),
    key(
        "compare.correction",
        Choice(&[
            ("max-t", "step-down max-T by joint sign flips (Westfall and Young 1993)"),
            ("holm", "Holm (1979)"),
            ("none", "none"),
        ]),
        "correction over the comparisons of a study",
    ),
    key(
        "compare.baseline",
        Text,
        "label of the variant to compare with, if not the baseline",
    ),
    key("budget.wall", Duration, "wall time"),
    key("budget.runs", MANY, "runs"),
    key("budget.memory", Bytes, "memory at a time"),
    key("budget.disk", Bytes, "disk"),
    key(
        "execution.workers",
        CountOr {
            min: 1,
            max: MOST_JOBS,
            word: "auto",
            json: WordValue::Absent,
        },
        "runs at a time; \"auto\" = what processors and memory allow",
    ),
    key("execution.memory", Bytes, "memory that all runs together may take"),
    key(
        "execution.launcher",
        Choice(&[("local", "in this process"), ("slurm", "as an array of Slurm jobs")]),
        "where runs are carried out",
    ),
    key(
        "execution.max_failures",
        MANY,
        "failed runs after which no further run is started",
    ),
    key(
        "execution.checkpoint",
        Duration,
        "time between two checkpoints of a run, at least; a minute if left out",
    ),
    key("execution.slurm.partition", Text, "partition"),
    key(
        "execution.slurm.time",
        Text,
        "time limit of a job, as Slurm writes it: \"02:00:00\"",
    ),
    key("execution.slurm.memory", Text, "memory of a job, as Slurm writes it: \"8G\""),
    key("execution.slurm.cpus", Count { min: 1, max: 100_000 }, "processors a job"),
    key("execution.slurm.account", Text, "account"),
    key("execution.slurm.throttle", MANY, "jobs of the array that run at a time"),
    key(
        "execution.slurm.task",
        Duration,
        "how long a task should last, at least: as many runs share one; five minutes if left out",
    ),
    key(
        "execution.slurm.lines",
        Options,
        "further options of sbatch, one an entry; they win over those above",
    ),
    key(
        "execution.slurm.setup",
        Text,
        "shell text before the program starts: \"module load ...\"",
    ),
];

impl Reader<'_> {
    /// A section of options as its type; the default where it is absent or wrong.
    pub(super) fn options<T>(&mut self, section: &'static str, document: &Table) -> T
    where
        T: Default + serde::de::DeserializeOwned,
    {
        let Some(node) = document.get(section) else { return T::default() };
        let Some(table) = self.table(section, node) else { return T::default() };
        let json = self.option_table(section, table);
        match serde_json::from_value(json.into()) {
            Ok(options) => options,
            Err(error) => {
                self.errors
                    .push(Diagnostic::new(format!("[{section}]: {error}")).at(node.span, ""));
                T::default()
            }
        }
    }

    fn option_table(&mut self, prefix: &str, table: &Table) -> Map<String, Value> {
        let mut found = Map::new();
        for (key, node) in &table.0 {
            let path = join(prefix, &key.name);
            let below = format!("{path}.");
            if let Some(option) = OPTIONS.iter().find(|option| option.path == path) {
                found.extend(
                    option
                        .kind(self.trainer.metrics())
                        .read(option.path, node, &mut self.errors)
                        .map(|value| (key.name.clone(), value)),
                );
            } else if !OPTIONS.iter().any(|option| option.path.starts_with(&below)) {
                let error = Diagnostic::new(format!("unknown key `{path}`")).at(key.span, "");
                self.errors.push(error.suggest(&path, OPTIONS.iter().map(|option| option.path)));
            } else if let Toml::Table(inner) = &node.value {
                found.insert(key.name.clone(), self.option_table(&path, inner).into());
            } else {
                self.errors.push(
                    Diagnostic::new(format!("`{path}` is a table, not {}", node.found()))
                        .at(node.span, ""),
                );
            }
        }
        found
    }
}
