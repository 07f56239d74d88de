//! Options that decide where and how fast runs execute, what they may cost, and how figures are
//! drawn: never part of a run's identity.
//!
//! The types guarantee it: nothing here is reachable from a configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::MOST_JOBS;
use super::diagnostics::Diagnostic;
use super::reader::{Reader, join};
use super::tree::{Node, Toml, TomlTable};
use crate::plan::{DPI, SchedulerCommands, TextForm, Width};
use crate::trainer::Metrics;
use crate::trainer::kind::Kind::{
    Bytes, Choice, Count, CountOr, Duration, Flag, Number, Options, Text,
};
use crate::trainer::kind::{ABOVE_ZERO, FreeKind, INSIDE_ONE, Kind, WordValue};

/// `[execution]`: options of executing runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutionSettings {
    /// Maximum number of concurrent runs; absent = limited by processors and memory.
    pub workers: Option<usize>,
    /// Memory that all runs together may take, bytes.
    pub memory: Option<u64>,
    /// Machine that executes the runs.
    pub launcher: Launcher,
    /// Number of failed runs after which no further run is started; absent = unlimited.
    pub max_failures: Option<usize>,
    /// Seconds between two checkpoints of a run; absent = the program's choice.
    pub checkpoint: Option<f64>,
    /// GPUs that all runs of a program together may take; absent = those of the machine.
    pub gpus: Option<usize>,
    /// Words in front of every command of a program.
    pub wrap: Vec<String>,
    /// Values of `{local.NAME}`, which differ from machine to machine.
    pub local: BTreeMap<String, String>,
    /// Variants whose data set is not on this machine.
    pub missing_data: MissingDataRule,
    /// Command that is started when a sweep has ended; empty = none.
    pub on_finish: Vec<String>,
    /// Options of Slurm jobs.
    pub slurm: Slurm,
    /// Commands of another scheduler.
    pub command: Option<SchedulerCommands>,
}

/// Treatment of variants whose data set is not on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingDataRule {
    /// An error.
    #[default]
    Refuse,
    /// They are left out, and named.
    Skip,
}

/// Machine that executes runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launcher {
    /// In this process.
    #[default]
    Local,
    /// As an array of Slurm jobs.
    Slurm,
    /// As jobs of the scheduler of `[execution.command]`.
    Command,
}

/// `[execution.slurm]`: resources of a job, passed to Slurm as written.
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
    /// Maximum number of concurrent jobs of the array.
    pub throttle: Option<usize>,
    /// Target duration of a task [s]: runs are packed into tasks accordingly.
    pub task: Option<f64>,
    /// Further `#SBATCH` options, one per entry.
    pub lines: Vec<String>,
    /// Shell commands run before the program: `module load ...`.
    pub setup: Option<String>,
}

/// `[budget]`: a sweep whose estimate exceeds it starts only if forced.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Wall time [s].
    pub wall: Option<f64>,
    /// Number of runs.
    pub runs: Option<u64>,
    /// Memory [bytes].
    pub memory: Option<u64>,
    /// Disk space [bytes].
    pub disk: Option<u64>,
}

/// A key of `[compare]`, `[plots]`, `[budget]` or `[execution]`.
#[derive(Debug)]
pub struct OptionKey {
    /// Key path.
    pub path: &'static str,
    kind: Kind,
    /// Meaning, in one line.
    pub doc: &'static str,
}

const fn key(path: &'static str, kind: Kind, doc: &'static str) -> OptionKey {
    OptionKey { path, kind, doc }
}

/// Placeholder for the metrics of the trainer.
const METRIC: Kind = Choice(&[]);

/// Texts by names of the user's choice.
const LOCAL: &str = "execution.local";

/// Option that means nothing with a program.
const MISSING_DATA: &str = "execution.missing_data";

/// Options that mean nothing without a program.
const OF_PROGRAMS: [&str; 4] = ["compare.select", "execution.gpus", "execution.wrap", LOCAL];

const MANY: Kind = Count { min: 1, max: 1_000_000_000 };

impl OptionKey {
    /// Kind of its value, for a trainer with these metrics.
    pub fn kind(&self, metrics: &Metrics) -> Kind {
        if self.kind == METRIC { Choice(metrics.words()) } else { self.kind }
    }
}

/// Every key of `[compare]`, `[plots]`, `[budget]` and `[execution]`.
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
        "compare.test",
        Choice(&[
            ("sign-flip", "exact sign flips of the paired differences"),
            ("t", "Student's paired t test, with Holm's correction in place of max-T"),
        ]),
        "test of each paired difference",
    ),
    key(
        "compare.negligible",
        Number(ABOVE_ZERO),
        "largest difference, in the unit of the metric, that is of no interest: equivalence is tested within it",
    ),
    key(
        "compare.baseline",
        Text,
        "label of the variant to compare with, if not the baseline",
    ),
    key("compare.select", METRIC, "the metric of a program by which `tune` chooses"),
    key(
        "compare.within",
        Kind::Texts,
        "axes whose levels are blocks, each with a baseline of its own",
    ),
    key(
        "plots.width",
        Kind::Width(Width::EXPECTED),
        "width of a figure; text stays legible",
    ),
    key(
        "plots.bare",
        Flag,
        "neither title nor subtitle, which are left to the paper's caption",
    ),
    key("plots.only", Kind::Texts, "names of the figures to write"),
    key(
        "plots.format",
        Kind::Choices(&[
            ("svg", "vector graphics for pages"),
            ("png", "pixels"),
            ("pdf", "vector graphics for papers"),
        ]),
        "formats to write",
    ),
    key(
        "plots.dpi",
        Count { min: *DPI.start(), max: *DPI.end() },
        "pixels per inch of PNG",
    ),
    key("plots.text", Choice(&TextForm::WORDS), "form of text in SVG and PDF"),
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
        Choice(&[
            ("local", "in this process"),
            ("slurm", "as an array of Slurm jobs"),
            ("command", "as jobs of the scheduler of `execution.command`"),
        ]),
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
    key(
        "execution.gpus",
        CountOr {
            min: 1,
            max: MOST_JOBS,
            word: "auto",
            json: WordValue::Absent,
        },
        "GPUs that runs of a program share; \"auto\" = those of the machine",
    ),
    key(
        "execution.wrap",
        Kind::Free(FreeKind::Texts),
        "words in front of every command of a program; not part of a run's identity",
    ),
    key(
        LOCAL,
        Kind::Free(FreeKind::Text),
        "a text for {local.NAME} in commands of a program; not part of a run's identity",
    ),
    key(
        MISSING_DATA,
        Choice(&[
            ("refuse", "an error"),
            ("skip", "left out, and named with what fetches the set"),
        ]),
        "variants whose data set is not on this machine",
    ),
    key(
        "execution.on_finish",
        Kind::Command,
        "command that is started when a sweep has ended",
    ),
    key(
        "execution.command.submit",
        Kind::Command,
        "submits tasks: an array, with {first} and {last} or {count}, or a job for each, with {index}; {script}, {name}, {logs}",
    ),
    key(
        "execution.command.single",
        Kind::Command,
        "submits a single task, with {index}, where the scheduler refuses an array of one",
    ),
    key(
        "execution.command.query",
        Kind::Command,
        "prints the jobs that are waiting or running: of all, or of one, with {id} or {name}",
    ),
    key("execution.command.cancel", Kind::Command, "cancels a job, with {id} or {name}"),
    key(
        "execution.command.first",
        Count { min: 0, max: 1_000_000 },
        "number of the first task of an array: 1 for Grid Engine and LSF",
    ),
    key(
        "execution.command.id",
        Text,
        "regular expression of the id in what `submit` and `query` print, its first group if it has one; the first number if left out",
    ),
    key(
        "execution.command.gone",
        Text,
        "regular expression of what `query` and `cancel` say about a job that has ended; the words of PBS, Grid Engine and LSF if left out",
    ),
    key(
        "execution.command.timeout",
        Duration,
        "time limit of each of these commands; a minute if left out",
    ),
    key(
        "execution.command.task",
        Duration,
        "how long a task should last, at least: as many runs share one; five minutes if left out",
    ),
    key(
        "execution.command.setup",
        Text,
        "shell text before the program starts: \"module load ...\"",
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
    /// Reads a section of options as its type; returns the default if it is absent or wrong.
    pub(super) fn options<T>(&mut self, section: &'static str, document: &TomlTable) -> T
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

    fn option_table(&mut self, prefix: &str, table: &TomlTable) -> Map<String, Value> {
        let mut found = Map::new();
        for (key, node) in &table.0 {
            let path = join(prefix, &key.name);
            let below = format!("{path}.");
            if OF_PROGRAMS.contains(&path.as_str()) && self.trainer.declaration().is_none() {
                let error = Diagnostic::new(format!("`{path}` goes with a program"));
                self.errors.push(error.at(key.span, "means nothing without [program]"));
            } else if path == MISSING_DATA && self.trainer.declaration().is_some() {
                let error = Diagnostic::new(format!("`{path}` goes with the built-in model"));
                self.errors.push(error.at(key.span, "means nothing with [program]"));
            } else if path == LOCAL {
                found.insert(key.name.clone(), local(node).into());
            } else if let Some(option) = OPTIONS.iter().find(|option| option.path == path) {
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

/// Texts of `[execution] local`.
fn local(node: &Node) -> Map<String, Value> {
    let entries = node.table().map_or(&[][..], |table| &table.0);
    let texts = entries.iter().filter_map(|(key, node)| match &node.value {
        Toml::Text(text) => Some((key.name.clone(), text.as_str().into())),
        // Reported where the declaration of the program is read.
        _ => None,
    });
    texts.collect()
}
