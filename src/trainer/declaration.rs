//! Declaration of a program as a trainer: `[program]`, `[metrics]` and `[settings]` of an experiment
//! file, as data. The experiment file is read into it, a plan keeps it, and `trainers::program`
//! carries it out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Better, Config, Identity, Trainer};

/// A program with its settings and the metrics that it reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Folder of the experiment file, absolute: `{here}`, and what relative paths are relative to.
    pub home: PathBuf,
    /// Everything about the program that identifies a run.
    pub program: Program,
    /// Patterns of the files whose content identifies a run, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// Everything that decides how a run is carried out, and not its numbers.
    #[serde(default)]
    pub conduct: Conduct,
    /// The metrics, in the order of the file.
    pub metrics: Vec<DeclaredMetric>,
    /// The metric that `tune` chooses by: index among `metrics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<usize>,
    /// Key path and value of every setting of the baseline, in the order of the file.
    pub settings: Vec<(String, Value)>,
}

/// A program as far as it identifies a run; `run.toml` of its runs holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Commands in their order, each as its words; the first that fails ends the run.
    pub command: Vec<Vec<String>>,
    /// Template by which `{args}` writes a setting: `--{name} {value}`.
    pub args: String,
    /// Form of truth values in `{args}`.
    pub booleans: Booleans,
    /// Form of lists in `{args}`.
    pub lists: Lists,
    /// Key of the seed in `config.json` and `{args}`; empty: only where `{seed}` is written.
    pub seed_key: String,
    /// Working directory, with placeholders.
    pub directory: String,
    /// Environment variables, with placeholders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// BLAKE3 of each input file, by its path relative to the experiment file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Number of files, bytes and a hash of names and sizes of each data path, as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
}

/// Form of truth values in `{args}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Booleans {
    /// True: `--name`; false: nothing.
    Present,
    /// True: `--name`; false: `--no-name`.
    No,
    /// A word for true and one for false.
    Words(String, String),
}

/// Form of lists in `{args}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lists {
    /// `1 2`: a word each.
    Words,
    /// `1,2`.
    Comma,
    /// `[1,2]`.
    Brackets,
    /// The whole template once for each element.
    Repeat,
}

/// Options of executing runs of a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conduct {
    /// Words appended to every command of a run that continues from its `checkpoint/`.
    pub resume: Vec<String>,
    /// Time limit of one attempt, seconds.
    pub timeout: Option<f64>,
    /// Processors that a run takes.
    pub cpus: usize,
    /// Memory that a run is expected to take, bytes.
    pub memory: u64,
    /// GPUs that a run takes; below 1, a share of one.
    pub gpus: f64,
    /// Command whose output is recorded with the runs.
    pub versions: Vec<String>,
    /// Table of steps that the program writes.
    pub steps: String,
    /// Starts runs from the copy of the inputs that the results keep.
    pub snapshot: bool,
    /// `[execution] wrap`: words in front of every command.
    pub wrap: Vec<String>,
    /// `[execution] local`: values of `{local.NAME}`, which differ from machine to machine.
    pub local: BTreeMap<String, String>,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            resume: Vec::new(),
            timeout: None,
            cpus: 1,
            memory: 0,
            gpus: 0.0,
            versions: Vec::new(),
            steps: "metrics.csv".into(),
            snapshot: false,
            wrap: Vec::new(),
            local: BTreeMap::new(),
        }
    }
}

/// A metric as the experiment file declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredMetric {
    /// Its name.
    pub name: String,
    /// Its direction.
    pub better: Better,
    /// Its unit as people write it: `%`, `ms`; empty where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Its name on axes and in sentences, where that is not its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Place from which it is read.
    pub source: MetricSource,
}

/// Place from which a metric is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MetricSource {
    /// A value of a JSON file that the run leaves.
    Json {
        /// Path of the file in the directory of the run.
        file: String,
        /// Its key; dots lead into tables.
        key: String,
    },
    /// A column of the table of steps.
    Column {
        /// Name of the column.
        column: String,
        /// The metric at whose best step the value is read; the last value without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
    },
    /// The last match of a regular expression in the standard output: its first group.
    Stdout {
        /// The expression.
        pattern: String,
    },
}

/// Error in a declaration that only a look at this machine can find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationFault {
    /// Key path in the file: `program.inputs`.
    pub key: String,
    /// Index of the faulty element, where the value is a list.
    pub index: Option<usize>,
    /// The error.
    pub message: String,
    /// Remedy.
    pub help: Option<String>,
}

/// Trainers of programs, made from their declarations.
pub trait Programs: Send + Sync + std::fmt::Debug {
    /// Looks for commands, inputs and data on this machine and fills in [`Program::inputs`] and
    /// [`Program::data`]; returns every error. Starts nothing.
    fn resolve(&self, declaration: &mut Declaration) -> Vec<DeclarationFault>;

    /// The trainer that carries out a declaration.
    fn trainer(&self, declaration: Declaration) -> Result<Arc<dyn Trainer>, String>;

    /// Identifies a run by what its directory holds, without a declaration. Starts nothing.
    fn identify(&self, program: &Program, config: &Config) -> Result<IdentifiedRun, String>;
}

/// Run of a program as far as its directory tells.
#[derive(Debug, Clone)]
pub struct IdentifiedRun {
    /// Version of the way in which this program carries such runs out.
    pub version: u32,
    /// Fingerprint of the program and its inputs: what the run has as its data.
    pub data: String,
    /// The bytes whose hash, with the seed, is its id.
    pub identity: Identity,
    /// Files that equal executions may leave with other bytes: logs.
    pub varying_files: &'static [&'static str],
    /// Facts that name the machine.
    pub machine_facts: &'static [&'static str],
}
