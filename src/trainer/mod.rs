//! The seam between the harness and what a run is.
//!
//! The harness (experiment files, plans, stores, runners, statistics, tables, figures) knows of a
//! run that it has settings and a seed, reports values and leaves files. A [`Trainer`] knows the
//! rest: which settings there are, what identifies a run besides them, what it costs, how it is
//! carried out, and which of its values are metrics.

pub mod kind;
mod metric;
mod setting;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::parallel::CancelToken;
use crate::record::{Checkpoint, EpochRow, RunOutput, Summary};
use crate::rng::Seed;

pub use metric::{Better, Column, Curve, Metric, MetricWords, Metrics, Source, Unit};
pub(crate) use setting::{Leaf, last};
pub use setting::{Setting, Settings};

/// Values that a run reported, by name.
pub type Facts = Map<String, Value>;

/// A resolved configuration: every setting of a trainer, as canonical JSON text. Cheap to clone;
/// two are equal where every setting is.
#[derive(Clone)]
pub struct Config(Arc<Resolved>);

struct Resolved {
    text: Box<str>,
    /// The trainer's own type, once it has asked for it: a plan holds many thousand configurations,
    /// and each is looked at several times.
    typed: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Config {
    /// The configuration with these nested tables of values, whose order is kept.
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

    /// Its canonical JSON.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Its nested tables of values.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0.text).expect("a configuration is made from JSON")
    }

    /// The value at a key path such as `train.epochs`.
    pub fn get(&self, path: &str) -> Option<Value> {
        path.split('.')
            .try_fold(self.value(), |mut value, key| Some(value.get_mut(key)?.take()))
    }

    /// Every value by its key path, in order; nulls are left out.
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
    /// Key paths of the settings, the one to point at first.
    pub settings: Vec<&'static str>,
    /// The way out.
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
    /// Replicate.
    pub seed: Seed,
}

/// The bytes whose hash, with the seed, is the id of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The bytes: version of the numerics, settings, data.
    pub bytes: Vec<u8>,
    /// What has changed since, of an identity that an earlier revision of this version gave; empty
    /// for the present one and for those of earlier versions.
    pub since: Vec<&'static str>,
}

/// A run in a comparison: its settings, what identifies its data, and its values once it has some.
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

/// Difference between what two runs were scored on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// Their numbers do not compare; the reason.
    Incomparable(String),
    /// They compare, with this in mind.
    Noted(String),
}

/// Cost of one run, by arithmetic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Work in any unit: runs start in the order of it.
    pub work: f64,
    /// Seconds on one thread at nominal speed.
    pub nominal_seconds: f64,
    /// Memory of the run besides the data that runs share, bytes.
    pub memory: u64,
    /// Size of its directory, bytes.
    pub disk: u64,
    /// Size of the model: [`Metrics::size`].
    pub size: Option<u64>,
}

/// Work of training, to compare variants by: in any unit, but the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compute {
    /// Work for each training example.
    pub per_example: f64,
    /// Training examples, where the settings say.
    pub examples: Option<usize>,
}

/// Sentences about the inputs of an experiment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// One line for each data set.
    pub lines: Vec<String>,
    /// What should be known before training.
    pub warnings: Vec<String>,
}

/// Controls a run from outside.
pub struct Control<'a> {
    /// Asks the run to stop, and soon.
    pub stop: CancelToken,
    /// Called after every epoch.
    pub on_epoch: &'a mut (dyn FnMut(&EpochRow) + Send),
    /// A checkpoint to continue from; one that does not fit is ignored and the run starts again.
    pub resume: Option<Checkpoint>,
    /// Called with a checkpoint whenever `checkpoint_every` has passed, and when stopped.
    pub save: &'a mut (dyn FnMut(Checkpoint) + Send),
    /// Least time between two checkpoints.
    pub checkpoint_every: Duration,
}

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
pub struct TrainerError(Box<dyn std::error::Error + Send + Sync>);

impl TrainerError {
    /// Wraps an error, or a text.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for TrainerError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for TrainerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Carries out the runs of an experiment. See the module for what belongs to it.
///
/// What a trainer says of settings, metrics and identities never depends on the machine or the
/// time; methods may be called from several threads.
pub trait Trainer: fmt::Debug + Send + Sync {
    /// Version of the numbers: raised whenever the same configuration may give others than before.
    fn version(&self) -> u32;

    /// The settings of a run.
    fn settings(&self) -> &Settings;

    /// The values that a run reports, and which of them are metrics.
    fn metrics(&self) -> &Metrics;

    /// Settings that are each in order but not together.
    fn clashes(&self, config: &Config) -> Vec<Clash> {
        let _ = config;
        Vec::new()
    }

    /// A configuration read from a file of results, with what the file leaves out; an error if no
    /// experiment could have asked for it.
    fn complete(&self, config: &Value) -> Result<Config, String>;

    /// Identities of a run, the present one first, then those that earlier versions gave it.
    fn identities<'a>(
        &'a self,
        config: &'a Config,
        data: &'a str,
    ) -> Box<dyn Iterator<Item = Identity> + 'a>;

    /// The configuration under the name that its data had for an earlier version of this program.
    fn renamed(&self, config: &Config, name: &str) -> Config {
        let _ = name;
        config.clone()
    }

    /// Fingerprint of the data that a run reads: equal where the content is.
    fn fingerprint(&self, config: &Config) -> Result<String, TrainerError>;

    /// Number of epochs that a run is to take at most, where that is known.
    fn epochs(&self, config: &Config) -> Option<usize> {
        let _ = config;
        None
    }

    /// Describes the inputs of runs before they start. `configs` are those of the plan, in order;
    /// `written` tells whether the experiment mentions a setting.
    fn describe(
        &self,
        configs: &[&Config],
        written: &dyn Fn(&str) -> bool,
    ) -> Result<Described, TrainerError> {
        let _ = (configs, written);
        Ok(Described::default())
    }

    /// A text that two configurations share only if they cannot differ in a metric, whatever their
    /// seeds; `None` where nothing is known of it.
    fn effective(&self, config: &Config, metric: &Metric) -> Result<Option<String>, TrainerError> {
        let _ = (config, metric);
        Ok(None)
    }

    /// A remark on settings that have no effect in a configuration: why, in a clause.
    fn no_effect(&self, config: &Config, paths: &[&str]) -> Option<&'static str> {
        let _ = (config, paths);
        None
    }

    /// Cost of a run; `None` where nothing is known of it.
    fn cost(&self, config: &Config) -> Result<Option<Cost>, TrainerError> {
        let _ = config;
        Ok(None)
    }

    /// Nominal and measured seconds, on one thread, of a finished run: what estimates learn from.
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

    /// Memory that the data of these runs take together, bytes.
    fn shared_memory(&self, configs: &[&Config]) -> u64 {
        let _ = configs;
        0
    }

    /// Loads the data of runs, and makes sure that they are those of their fingerprints.
    fn prepare(&self, runs: &[RunKey]) -> Result<(), TrainerError>;

    /// Bytes of examples that are kept once for all runs on the data of this one.
    fn examples(&self, config: &Config) -> Result<Option<Vec<u8>>, TrainerError> {
        let _ = config;
        Ok(None)
    }

    /// True if bytes can be those that `examples` gave: what is cut short or overwritten cannot.
    fn are_examples(&self, bytes: &[u8]) -> bool {
        let _ = bytes;
        true
    }

    /// Files that runs of earlier versions lack, though their numbers are the same.
    fn later_files(&self) -> &[&str] {
        &[]
    }

    /// Carries out a run on `threads` threads. Its values depend on the key alone.
    fn execute(
        &self,
        run: &RunKey,
        threads: usize,
        control: Control,
    ) -> Result<Execution, TrainerError>;

    /// Difference between what a run and a reference, called `name`, were scored on; `None` if
    /// there is none that matters.
    fn otherwise(&self, run: &Scored, reference: &Scored, name: &str) -> Option<Otherwise> {
        let _ = (run, reference, name);
        None
    }

    /// True if two runs name the same data, whose content is another now.
    fn content_differs(&self, run: &Scored, reference: &Scored) -> bool {
        run.config == reference.config && run.data != reference.data
    }

    /// The data of a run in a few words; empty where there is nothing to say.
    fn data_words(&self, run: &Scored) -> String {
        let _ = run;
        String::new()
    }

    /// True if two runs read the same data, as far as their settings tell.
    fn same_data(&self, a: &Config, b: &Config) -> bool {
        a == b
    }

    /// The data of a run as its settings name them; empty where it has none.
    fn data_name(&self, config: &Config) -> String {
        let _ = config;
        String::new()
    }

    /// True if two runs are scored on the same examples in the same order.
    fn same_examples(&self, a: &Config, b: &Config) -> bool {
        a == b
    }

    /// The setting by which two configurations are scored on other examples, if there is one.
    fn scored_by(&self, a: &Config, b: &Config) -> Option<&'static str> {
        let _ = (a, b);
        None
    }

    /// A sentence on a metric that is not what its name says in any of these runs, by the values
    /// that they reported.
    fn metric_remark(&self, metric: &Metric, runs: &[&Facts]) -> Option<&'static str> {
        let _ = (metric, runs);
        None
    }

    /// Work of a run, to compare variants by.
    fn compute(&self, config: &Config, summary: &Summary) -> Option<Compute> {
        let _ = (config, summary);
        None
    }

    /// What varies between the replicates of these runs, and what does not: whole sentences.
    fn varies(&self, configs: &[&Config]) -> String {
        let _ = configs;
        "Everything that the seed decides. Held fixed: all settings.".to_owned()
    }

    /// How the model that is scored is chosen within a run: a sentence.
    fn selection(&self) -> String {
        String::new()
    }
}
