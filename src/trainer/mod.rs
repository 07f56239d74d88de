//! Interface between the harness and a kind of run.
//!
//! The harness (experiment files, plans, stores, runners, statistics, tables, figures) knows of a
//! run that it has settings and a seed, reports values and leaves files. A [`Trainer`] knows
//! everything else: the settings, the identity of a run, its cost, its execution, and its metrics.

mod declaration;
pub mod kind;
mod metric;
mod setting;
pub mod template;

use std::any::Any;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::parallel::CancelToken;
use crate::record::{Checkpoint, EpochRow, RunOutput, RunRecord, Summary};
use crate::rng::Seed;

pub use declaration::{
    Booleans, Conduct, Declaration, DeclarationFault, DeclaredMetric, IdentifiedRun, Lists,
    MetricSource, Program, Programs,
};
pub use metric::{Better, Column, Curve, Metric, MetricWords, Metrics, PerExample, Source, Unit};
pub(crate) use setting::{Leaf, last};
pub use setting::{Setting, Settings};

/// Values that a run reported, by name.
pub type Facts = Map<String, Value>;

/// A resolved configuration: every setting of a trainer, as canonical JSON text. Cheap to clone;
/// two are equal if all their settings are.
#[derive(Clone)]
pub struct Config(Arc<Resolved>);

struct Resolved {
    text: Box<str>,
    /// Configuration in the trainer's own type, once it has been requested: a plan holds many
    /// thousand configurations, and each is read several times.
    typed: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Config {
    /// Makes a configuration of nested tables of values, whose order is preserved.
    pub fn new(values: &Value) -> Self {
        Self(Arc::new(Resolved { text: values.to_string().into(), typed: OnceLock::new() }))
    }

    /// The configuration as a type of its trainer, read from the text once.
    ///
    /// # Panics
    /// If it is not of this type, or has been read as another: [`Trainer::complete`] refuses what
    /// does not fit.
    pub fn typed<T: DeserializeOwned + Send + Sync + 'static>(&self) -> &T {
        let read = || -> Box<dyn Any + Send + Sync> {
            Box::new(
                serde_json::from_str::<T>(&self.0.text).expect("a configuration of its trainer"),
            )
        };
        self.0.typed.get_or_init(read).downcast_ref().expect("one trainer has one type")
    }

    /// Canonical JSON.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Nested tables of values.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0.text).expect("a configuration is made from JSON")
    }

    /// The value at a key path such as `train.epochs`.
    pub fn get(&self, path: &str) -> Option<Value> {
        path.split('.')
            .try_fold(self.value(), |mut value, key| Some(value.get_mut(key)?.take()))
    }

    /// Every value with its key path, in order, without nulls.
    pub fn leaves(&self) -> Vec<(String, Value)> {
        fn walk(path: &str, value: Value, out: &mut Vec<(String, Value)>) {
            match value {
                Value::Object(fields) => {
                    for (key, value) in fields {
                        let below = if path.is_empty() { key } else { format!("{path}.{key}") };
                        walk(&below, value, out);
                    }
                }
                Value::Null => {}
                value => out.push((path.to_owned(), value)),
            }
        }
        let mut out = Vec::new();
        walk("", self.value(), &mut out);
        out
    }
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

impl Eq for Config {}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        if !value.is_object() {
            return Err(D::Error::custom("a configuration is a table of settings"));
        }
        Ok(Self::new(&value))
    }
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clash {
    /// The contradiction.
    pub message: String,
    /// Key paths of the settings, the one to report first.
    pub settings: Vec<&'static str>,
    /// Remedy.
    pub help: &'static str,
}

/// Everything that identifies a run.
#[derive(Debug, Clone, Copy)]
pub struct RunKey<'a> {
    /// Identity, as text.
    pub id: &'a str,
    /// Every setting.
    pub config: &'a Config,
    /// Fingerprint of its data.
    pub data: &'a str,
    /// Seed.
    pub seed: Seed,
}

/// The bytes whose hash, with the seed, is the id of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Content: version of the numerics, settings, data.
    pub bytes: Vec<u8>,
    /// Changes since, for an identity that an earlier revision of this version gave; empty for the
    /// current one and for those of earlier versions.
    pub since: Vec<&'static str>,
}

/// A run in a comparison: its settings, the fingerprint of its data, and its values if it has any.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// Every setting.
    pub config: &'a Config,
    /// Fingerprint of its data.
    pub data: &'a str,
    /// Fingerprint of the same data by an earlier version of this program.
    pub earlier: Option<&'a str>,
    /// Values that it reported.
    pub facts: Option<&'a Facts>,
}

/// Difference between the examples or masks on which two runs were scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// Their values are not comparable, with the reason.
    Incomparable(String),
    /// They are comparable, with a remark.
    Noted(String),
}

/// Predicted cost of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Work in any unit: runs start in descending order of it.
    pub work: f64,
    /// Time on one thread at nominal speed [s].
    pub nominal_seconds: f64,
    /// Memory of the run [bytes], without the data that runs share.
    pub memory: u64,
    /// Size of its directory [bytes].
    pub disk: u64,
    /// Size of the model: [`Metrics::size`].
    pub size: Option<u64>,
    /// Number of training examples of an epoch, if it is known.
    pub examples: Option<usize>,
    /// Share of work and time that a run still takes if it begins at the end of another's training.
    pub after_training: f64,
    /// True if the run may stop early, after fewer epochs: work and time are then upper bounds.
    pub stops_early: bool,
}

/// Work of training, to compare variants by: in any unit that is the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compute {
    /// Work for each training example.
    pub per_example: f64,
    /// Number of training examples, if the settings state it.
    pub examples: Option<usize>,
}

/// A data set that is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbsentData {
    /// Name, as the experiment has it.
    #[serde(rename = "data")]
    pub name: String,
    /// State, to follow the name: `not on this machine`.
    pub why: String,
    /// Bytes that `ablade data fetch` downloads, if it knows the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<u64>,
}

/// Sentences about the inputs of an experiment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// One line for each data set.
    pub lines: Vec<String>,
    /// Sentences that a user should know before training.
    pub warnings: Vec<String>,
}

/// Control of a running execution.
pub struct Control<'a> {
    /// Asks the run to stop soon.
    pub stop: CancelToken,
    /// Called after every epoch.
    pub on_epoch: &'a mut (dyn FnMut(&EpochRow) + Send),
    /// A checkpoint to continue from; one that does not fit is ignored and the run starts again.
    pub resume: Option<Checkpoint>,
    /// Called with a checkpoint whenever `checkpoint_every` has passed, and when stopped.
    pub save: &'a mut (dyn FnMut(Checkpoint) + Send),
    /// Minimum time between two checkpoints [s].
    pub checkpoint_every: Duration,
    /// A directory for the run's files, which may not exist yet. What an interrupted attempt left
    /// in it is there again for the next one.
    pub directory: PathBuf,
    /// The copy of the trainer's inputs that the results keep.
    pub inputs: Option<PathBuf>,
    /// GPUs that the run may use, by the names that `CUDA_VISIBLE_DEVICES` takes.
    pub gpus: Vec<String>,
    /// Called with remarks on the run.
    pub note: &'a (dyn Fn(String) + Sync),
}

impl<'a> Control<'a> {
    /// A run from its beginning to its end: no stop, no checkpoint to continue from, files in the
    /// system's temporary directory.
    pub fn new(
        on_epoch: &'a mut (dyn FnMut(&EpochRow) + Send),
        save: &'a mut (dyn FnMut(Checkpoint) + Send),
    ) -> Self {
        Self {
            stop: CancelToken::default(),
            on_epoch,
            resume: None,
            save,
            checkpoint_every: Duration::MAX,
            directory: std::env::temp_dir().join(format!("ablade-run-{}", std::process::id())),
            inputs: None,
            gpus: Vec::new(),
            note: &|_| (),
        }
    }
}

/// Processors and GPUs that a run takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slots {
    /// Threads; `None`: as many as there are to spare.
    pub threads: Option<NonZeroUsize>,
    /// GPUs; below 1, a share of one.
    pub gpus: f64,
}

/// Values and curves of a published run.
pub type Reread = (Summary, Vec<EpochRow>);

/// Result of an execution.
#[derive(Debug)]
pub enum Execution {
    /// The run has values: it finished, or diverged.
    Done(Box<RunOutput>),
    /// The run was interrupted, and saved a checkpoint.
    Interrupted,
}

/// An error of a trainer: of its data, or of a run.
#[derive(Debug)]
pub struct TrainerError {
    cause: Box<dyn std::error::Error + Send + Sync>,
    is_everywhere: bool,
}

impl TrainerError {
    /// Wraps an error, or a text.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: error.into(), is_everywhere: false }
    }

    /// An error that every other run would meet as well: no further one is started.
    pub fn everywhere(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: error.into(), is_everywhere: true }
    }

    /// True if every other run would meet it as well.
    pub fn is_everywhere(&self) -> bool {
        self.is_everywhere
    }
}

impl fmt::Display for TrainerError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for TrainerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

/// Executes the runs of an experiment. The documentation of this module says what else belongs to a
/// trainer.
///
/// Settings, metrics and identities must not depend on the machine or the time; methods may be
/// called from several threads.
pub trait Trainer: fmt::Debug + Send + Sync {
    /// Version of the numerics: incremented whenever the same configuration may give other values.
    fn version(&self) -> u32;

    /// The settings of a run.
    fn settings(&self) -> &Settings;

    /// Values that a run reports, and the metrics among them.
    fn metrics(&self) -> &Metrics;

    /// The same metrics in words that fit the examples of these runs.
    fn metrics_of(&self, configs: &mut dyn Iterator<Item = &Config>) -> &Metrics {
        let _ = configs;
        self.metrics()
    }

    /// Declaration of this trainer in an experiment file; `None` for a built-in trainer.
    fn declaration(&self) -> Option<&Declaration> {
        None
    }

    /// Values and curves of a published run, read again from the files that it left: by a trainer
    /// whose metrics are declared by the experiment and may change after the run. `file` returns
    /// the content of one. `None` where the summary and the table of epochs hold them.
    fn reread(&self, summary: &Summary, file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Option<Reread> {
        let _ = (summary, file);
        None
    }

    /// Command lines of a run, with `{seed}` and `{run}` as they are; empty where it starts none.
    fn command_lines(&self, config: &Config) -> Vec<Vec<String>> {
        let _ = config;
        Vec::new()
    }

    /// Files whose content identifies a run, by name: the results keep a copy.
    fn input_files(&self) -> Vec<(String, PathBuf)> {
        Vec::new()
    }

    /// True if [`Cost::nominal_seconds`] are seconds before any run has been timed.
    fn knows_nominal_speed(&self) -> bool {
        true
    }

    /// Processors and GPUs that a run takes.
    fn slots(&self) -> Slots {
        Slots { threads: None, gpus: 0.0 }
    }

    /// Settings that are valid each, but contradict each other.
    fn clashes(&self, config: &Config) -> Vec<Clash> {
        let _ = config;
        Vec::new()
    }

    /// Configuration read from a file of results, completed by what the file omits; an error if no
    /// experiment could have asked for it.
    fn complete(&self, config: &Value) -> Result<Config, String>;

    /// Identities of a run, the current one first, then those that earlier versions gave it.
    fn identities<'a>(
        &'a self,
        config: &'a Config,
        data: &'a str,
    ) -> Box<dyn Iterator<Item = Identity> + 'a>;

    /// Configuration with the name that an earlier version of this program gave its data.
    fn renamed(&self, config: &Config, name: &str) -> Config {
        let _ = name;
        config.clone()
    }

    /// The data set of a configuration, if it is not on this machine; one that is there and cannot
    /// be read is not absent.
    fn absent_data(&self, config: &Config) -> Option<AbsentData> {
        let _ = config;
        None
    }

    /// Fingerprint of the data that a run reads: equal if the content is.
    fn fingerprint(&self, config: &Config) -> Result<String, TrainerError>;

    /// Number of updates in each epoch of a run, if its configuration decides it.
    fn updates_per_epoch(&self, config: &Config) -> Option<usize> {
        let _ = config;
        None
    }

    /// Maximum number of epochs of a run, if it is known.
    fn epochs(&self, config: &Config) -> Option<usize> {
        let _ = config;
        None
    }

    /// Describes the inputs of runs before they start. `configs` are those of the plan, in order;
    /// `written` returns true if the experiment file mentions a setting.
    fn describe(
        &self,
        configs: &[&Config],
        written: &dyn Fn(&str) -> bool,
    ) -> Result<Described, TrainerError> {
        let _ = (configs, written);
        Ok(Described::default())
    }

    /// Text that is equal for two configurations only if they cannot differ in a metric, for any
    /// seeds; `None` if that is not known.
    fn effective(&self, config: &Config, metric: &Metric) -> Result<Option<String>, TrainerError> {
        let _ = (config, metric);
        Ok(None)
    }

    /// Configuration in which settings that cannot change a metric, on any data and for any seed,
    /// have their defaults; `None` if there are none, or they have them already.
    fn without_idle_settings(&self, config: &Config, metric: &Metric) -> Option<Config> {
        let _ = (config, metric);
        None
    }

    /// Place from which the experiment file says a metric is read, with everything that decides the
    /// value; empty if the metric is the trainer's own.
    fn read_from(&self, metric: &Metric) -> String {
        let _ = metric;
        String::new()
    }

    /// Clause on the reason why settings have no effect in a configuration.
    fn no_effect(&self, config: &Config, paths: &[&str]) -> Option<&'static str> {
        let _ = (config, paths);
        None
    }

    /// Cost of a run; `None` if it is not known.
    fn cost(&self, config: &Config) -> Result<Option<Cost>, TrainerError> {
        let _ = config;
        Ok(None)
    }

    /// Nominal and measured time on one thread of a finished run [s], from which estimates learn.
    fn past(
        &self,
        run: &RunKey,
        summary: &Summary,
        seconds: f64,
        throughput: f64,
    ) -> Option<(f64, f64)> {
        let _ = (run, summary, seconds, throughput);
        None
    }

    /// Memory of the data of these runs together [bytes].
    fn shared_memory(&self, configs: &[&Config]) -> u64 {
        let _ = configs;
        0
    }

    /// Loads the data of runs, and checks that they match their fingerprints.
    fn prepare(&self, runs: &[RunKey]) -> Result<(), TrainerError>;

    /// Examples (as bytes of a file) that are stored once for all runs on the data of this one.
    fn examples(&self, config: &Config) -> Result<Option<Vec<u8>>, TrainerError> {
        let _ = config;
        Ok(None)
    }

    /// True if bytes can be those that `examples` gave for this configuration, or for any: what is cut
    /// short or overwritten cannot.
    fn are_examples(&self, config: Option<&Config>, bytes: &[u8]) -> bool {
        let _ = (config, bytes);
        true
    }

    /// Files that runs of earlier versions lack, although their values are the same.
    fn later_files(&self) -> &[&str] {
        &[]
    }

    /// Facts that name the machine of a run, and no value of it: equal executions may differ in them.
    fn machine_facts(&self) -> &[&str] {
        &[]
    }

    /// The reason why this machine cannot be expected to give a finished run the same bytes again;
    /// `None` if it can.
    fn unrepeatable(&self, facts: &Facts) -> Option<String> {
        let _ = facts;
        None
    }

    /// Everything in a configuration that decides the training, apart from the data: of two runs that
    /// agree in it, in seed and in data, one can begin at the end of the other's training. `None` if
    /// a run has to train by itself.
    fn training_settings(&self, config: &Config) -> Option<String> {
        let _ = config;
        None
    }

    /// State of a run at the end of its training, from a finished run with the same
    /// [`training_settings`](Self::training_settings): its record, and its files by name. `None` if it
    /// cannot be made.
    fn end_of_training(
        &self,
        run: &RunKey,
        finished: &RunRecord,
        file: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Option<Checkpoint> {
        let _ = (run, finished, file);
        None
    }

    /// Executes a run on `threads` threads. Its values depend on the key alone.
    fn execute(
        &self,
        run: &RunKey,
        threads: usize,
        control: Control,
    ) -> Result<Execution, TrainerError>;

    /// Difference between the examples or masks on which a run and a reference, called `name`, were
    /// scored; `None` if no difference matters.
    fn otherwise(&self, run: &Scored, reference: &Scored, name: &str) -> Option<Otherwise> {
        let _ = (run, reference, name);
        None
    }

    /// True if two runs name the same data, whose content has changed between them.
    fn content_differs(&self, run: &Scored, reference: &Scored) -> bool {
        run.config == reference.config && run.data != reference.data
    }

    /// Short description of the data of a run; empty if there is nothing to say.
    fn data_words(&self, run: &Scored) -> String {
        let _ = run;
        String::new()
    }

    /// True if two runs read the same data, judged by their settings.
    fn same_data(&self, a: &Config, b: &Config) -> bool {
        a == b
    }

    /// Name of the data of a run in its settings; empty if it has none.
    fn data_name(&self, config: &Config) -> String {
        let _ = config;
        String::new()
    }

    /// True if two runs are scored on the same examples in the same order.
    fn same_examples(&self, a: &Config, b: &Config) -> bool {
        a == b
    }

    /// Name of the examples on which a run with this fingerprint of its data is scored: equal for
    /// two runs only if the examples are, as far as settings and fingerprint tell.
    fn test_set(&self, config: &Config, data: &str) -> String {
        let _ = config;
        data.to_owned()
    }

    /// Setting because of which two configurations are scored on different examples, if there is
    /// one.
    fn scored_by(&self, a: &Config, b: &Config) -> Option<&'static str> {
        let _ = (a, b);
        None
    }

    /// Setting, as an experiment file writes it, without which a run of a configuration does not
    /// report a metric; `None` if it does.
    fn metric_needs(&self, config: &Config, metric: &Metric) -> Option<&'static str> {
        let _ = (config, metric);
        None
    }

    /// A sentence on a metric that is not what its name says in any of these runs, by the values
    /// that they reported.
    fn metric_remark(&self, metric: &Metric, runs: &[&Facts]) -> Option<&'static str> {
        let _ = (metric, runs);
        None
    }

    /// The limit at which a finished run ended, if its settings were to end it earlier and did not:
    /// keys of both, for a note such as "3 of 8 runs ended by A before B".
    fn ended_at_limit(&self, config: &Config, summary: &Summary) -> Option<[&'static str; 2]> {
        let _ = (config, summary);
        None
    }

    /// Work of a run, to compare variants by.
    fn compute(&self, config: &Config, summary: &Summary) -> Option<Compute> {
        let _ = (config, summary);
        None
    }

    /// Sentences on the differences between the seeds of these runs, and on what is equal for all
    /// seeds.
    fn varies(&self, configs: &[&Config]) -> String {
        let _ = configs;
        "Everything that the seed decides. Held fixed: all settings.".to_owned()
    }

    /// Sentence on the selection of the scored model within a run.
    fn selection(&self) -> String {
        String::new()
    }
}
