//! Trainer of MADE: settings, metrics, identity, data and runs of the masked autoencoder for
//! distribution estimation, behind the trait that the harness knows.

mod clashes;
pub mod describe;
pub mod earlier;
mod effect;
pub mod figures;
mod identity;
pub mod metrics;
pub mod run;
mod scored;
mod settings;
pub mod table;
pub mod unchanged;

use std::collections::BTreeMap;
use std::path::is_separator;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use crate::config::{EvaluateConfig, RunConfig, SampleConfig};
use crate::cost;
use crate::data::{
    Binarize, Cache, DataConfig, DataError, DataSize, Dataset, Library, ValueKind, is_of_path,
};
use crate::made::instruction_set;
use crate::npy;
use crate::record::{Checkpoint, RunRecord, Summary};
use crate::trainer::{
    AbsentData, Clash, Compute, Config, Control, Cost, Described, Execution, Facts, Identity,
    Metric, Metrics, Otherwise, RunKey, Scored, Settings, Trainer, TrainerError,
};
use metrics::MadeFacts;
use run::MadeRun;
use scored::TestImages;

pub use identity::ENGINE;

/// Number of test images of a data set stored for figures.
const KEPT: usize = 100;

/// Maximum numbers of test rows of a table, and of their values, stored for figures.
const ROWS_KEPT: (usize, usize) = (2_000, 1 << 20);

/// The built-in trainer.
#[derive(Debug)]
pub struct MadeTrainer {
    settings: Settings,
    metrics: Metrics,
    /// The same for tables of real numbers.
    metrics_of_rows: Metrics,
    cache: Cache,
    known: Mutex<Known>,
}

/// Data sets requested so far.
#[derive(Debug, Default)]
struct Known {
    /// Fingerprint and size by `[data]`.
    by_config: BTreeMap<String, (String, DataSize)>,
    by_fingerprint: BTreeMap<String, DataSize>,
}

impl MadeTrainer {
    /// Trainer that finds its data sets in this library.
    pub fn new(library: Library) -> Self {
        Self {
            settings: settings::settings(),
            metrics: metrics::metrics(&metrics::IMAGES),
            metrics_of_rows: metrics::metrics(&metrics::ROWS),
            cache: Cache::new(library),
            known: Mutex::default(),
        }
    }

    /// Trainer that finds data sets in the library of the environment, for a
    /// [`Store`](crate::store::Store).
    pub fn shared() -> Arc<dyn Trainer> {
        Arc::new(Self::new(Library::from_environment(None)))
    }

    /// Cache of loaded data sets.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Fingerprint and size of the data set of a configuration. Files are loaded and remain loaded.
    fn data(&self, config: &DataConfig) -> Result<(String, DataSize), TrainerError> {
        let key = config.key();
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().by_config.get(&key) {
            return Ok(known.clone());
        }
        let fingerprint = self.cache.fingerprint(config).map_err(TrainerError::new)?;
        let size = self.cache.size(config).map_err(TrainerError::new)?;
        let mut known = lock();
        known.by_fingerprint.insert(fingerprint.clone(), size);
        known.by_config.insert(key, (fingerprint.clone(), size));
        Ok((fingerprint, size))
    }

    fn test_images<'a>(&self, run: &Scored<'a>) -> TestImages<'a> {
        TestImages::of(run, |data| Some(self.cache.loaded(data)?.binarization))
    }
}

/// Configuration of a run of MADE.
///
/// # Panics
/// If it is that of another trainer: [`Trainer::complete`] refuses those of files.
pub fn run_config(config: &Config) -> &RunConfig {
    config.typed()
}

/// Configuration in the harness's form.
pub fn config_of(config: &RunConfig) -> Config {
    Config::new(&serde_json::to_value(config).expect("plain data"))
}

/// First test images as `.npy` [count x rows x columns], which figures show next to samples; rows of
/// real numbers [count x D], in their own units.
pub fn first_test_images(data: &Dataset) -> Vec<u8> {
    if let (Some(by), Some(values)) = (&data.standardisation, data.test.real_values()) {
        let (rows, most) = ROWS_KEPT;
        let count = data.test.count().min(rows).min((most / by.dim()).max(1));
        let own = by.to_own_units(&values[..count * by.dim()]);
        return npy::encode(&[count, by.dim()], &own);
    }
    let count = data.test.count().min(KEPT);
    npy::encode(
        &[count, data.shape.height, data.shape.width],
        &data.test.pixels()[..count * data.shape.dim()],
    )
}

/// True if patience may end a training before its last epoch.
fn stops_early(config: &RunConfig) -> bool {
    (1..config.train.epochs).contains(&config.train.patience)
}

impl Trainer for MadeTrainer {
    fn version(&self) -> u32 {
        ENGINE
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn metrics_of(&self, configs: &mut dyn Iterator<Item = &Config>) -> &Metrics {
        let mut configs = configs.peekable();
        let is_of_rows = configs.peek().is_some()
            && configs.all(|config| run_config(config).data.values.is_real());
        if is_of_rows { &self.metrics_of_rows } else { &self.metrics }
    }

    fn clashes(&self, config: &Config) -> Vec<Clash> {
        clashes::clashes(run_config(config))
    }

    fn complete(&self, config: &Value) -> Result<Config, String> {
        let config = RunConfig::deserialize(config).map_err(|error| error.to_string())?;
        let complete = config_of(&config);
        self.settings.check(&complete.value())?;
        clashes::too_large(&config)
            .or_else(|| clashes::values_of_output(&config))
            .map_or(Ok(complete), |clash| Err(clash.message))
    }

    fn identities<'a>(
        &'a self,
        config: &'a Config,
        data: &'a str,
    ) -> Box<dyn Iterator<Item = Identity> + 'a> {
        Box::new(identity::identities(run_config(config), data))
    }

    fn renamed(&self, config: &Config, name: &str) -> Config {
        let mut config = run_config(config).clone();
        name.clone_into(&mut config.data.name);
        config_of(&config)
    }

    fn absent_data(&self, config: &Config) -> Option<AbsentData> {
        let data = &run_config(config).data;
        let (why, download) = match self.cache.find(data).err()? {
            DataError::Missing { bytes, .. } => ("not on this machine", Some(bytes)),
            DataError::Partial { bytes, .. } => ("of which only a part is here", Some(bytes)),
            // A name that is nearly a known one is a mistake.
            DataError::Unknown { nearest: None, .. } => ("where nothing is", None),
            DataError::Unknown { name, .. } if name.contains(is_separator) => {
                ("where nothing is", None)
            }
            _ => return None,
        };
        Some(AbsentData { name: data.name.clone(), why: why.to_owned(), download })
    }

    fn fingerprint(&self, config: &Config) -> Result<String, TrainerError> {
        let config = run_config(config);
        let fingerprint = self.data(&config.data)?.0;
        // Sets that the program draws have classes, and are not drawn for this.
        let files = self.cache.loaded(&config.data).filter(|set| set.origin.place.is_some());
        match files.filter(|_| config.model.classes) {
            None => Ok(fingerprint),
            Some(set) => match set.lacks_classes() {
                None => Ok(set.fingerprint_with_classes()),
                Some(why) => Err(TrainerError::new(format!(
                    "model.classes = true tells the model the class of an image, and {} has no classes for it: {why}",
                    config.data.name
                ))),
            },
        }
    }

    fn epochs(&self, config: &Config) -> Option<usize> {
        Some(run_config(config).train.epochs)
    }

    fn describe(
        &self,
        configs: &[&Config],
        written: &dyn Fn(&str) -> bool,
    ) -> Result<Described, TrainerError> {
        let mut said = describe::describe(configs, written("data.size"), &self.cache)?;
        if written("model.components") {
            said.warnings.extend(describe::components_passed_over(configs));
        }
        Ok(said)
    }

    fn effective(&self, config: &Config, metric: &Metric) -> Result<Option<String>, TrainerError> {
        let config = run_config(config);
        let (fingerprint, size) = self.data(&config.data)?;
        let images = self.cache.loaded(&config.data).map(|set| set.origin.images.clone());
        let content = images.map_or(fingerprint, Option::unwrap_or_default);
        let effective = effect::effective(config, size, &metric.name);
        Ok(Some(format!("{content} {}", config_of(&effective).as_str())))
    }

    fn without_idle_settings(&self, config: &Config, metric: &Metric) -> Option<Config> {
        let config = run_config(config);
        let without = effect::on_any_data(config, &metric.name);
        (without != *config).then(|| config_of(&without))
    }

    fn no_effect(&self, config: &Config, paths: &[&str]) -> Option<&'static str> {
        let data = &run_config(config).data;
        let (_, size) = self.data(data).ok()?;
        let why = match data.values {
            ValueKind::Pixels => {
                "vectors have no rows and columns (data.size makes images of them)"
            }
            ValueKind::Real => "a row of a table has no rows and columns",
        };
        (size.shape.height == 1 && paths.contains(&"model.ordering")).then_some(why)
    }

    fn cost(&self, config: &Config) -> Result<Option<Cost>, TrainerError> {
        let config = run_config(config);
        let (_, size) = self.data(&config.data)?;
        let cost = cost::MadeCost::new(config, size);
        let mut trained = config.clone();
        trained.train.epochs = 0;
        let after_training = cost::MadeCost::new(&trained, size).nominal_seconds;
        Ok(Some(Cost {
            work: cost.multiply_adds,
            nominal_seconds: cost.nominal_seconds,
            memory: cost.memory,
            disk: cost.disk,
            size: Some(cost.parameters),
            examples: Some(size.train),
            after_training: after_training / cost.nominal_seconds,
            stops_early: stops_early(config),
        }))
    }

    fn past(
        &self,
        run: &RunKey,
        summary: &Summary,
        seconds: f64,
        throughput: f64,
    ) -> Option<(f64, f64)> {
        let mut config = run_config(run.config).clone();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match known.by_fingerprint.get(run.data) {
            Some(&size) => {
                config.train.epochs = summary.epochs;
                (cost::MadeCost::new(&config, size).nominal_seconds, seconds)
            }
            // Data unknown to this plan: the throughput of training alone, over one second.
            None => {
                let dim = MadeFacts::of(&summary.facts)?.dim;
                (cost::nominal_training(&config, dim) * throughput, 1.0)
            }
        })
    }

    fn shared_memory(&self, configs: &[&Config]) -> u64 {
        let mut sizes = BTreeMap::new();
        for config in configs {
            let data = &run_config(config).data;
            let bytes_a_value = if data.values.is_real() { size_of::<f32>() } else { 1 };
            if let Ok((fingerprint, size)) = self.data(data) {
                let images = size.train + size.valid + size.test;
                sizes.insert(fingerprint, (images * size.shape.dim() * bytes_a_value) as u64);
            }
        }
        sizes.into_values().sum()
    }

    fn prepare(&self, runs: &[RunKey]) -> Result<(), TrainerError> {
        let mut seen = BTreeMap::new();
        for run in runs {
            if seen.insert(run.data, ()).is_some() {
                continue;
            }
            let data = &run_config(run.config).data;
            let set = unchanged::unchanged_at(std::slice::from_ref(data), run, &self.cache)?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.by_fingerprint.insert(run.data.to_owned(), set.size());
        }
        Ok(())
    }

    fn examples(&self, config: &Config) -> Result<Option<Vec<u8>>, TrainerError> {
        let set = self.cache.get(&run_config(config).data).map_err(TrainerError::new)?;
        Ok(Some(first_test_images(&set)))
    }

    fn are_examples(&self, config: Option<&Config>, bytes: &[u8]) -> bool {
        let data = config.map(|config| &run_config(config).data);
        let is_real = data.map(|data| data.values.is_real());
        let are_images = || figures::are_images(bytes, data.map(|data| data.levels.get()));
        is_real != Some(false) && figures::are_rows(bytes) || is_real != Some(true) && are_images()
    }

    fn training_settings(&self, config: &Config) -> Option<String> {
        // Training selects its epoch by the first of the evaluated masks, whatever their number.
        let config = RunConfig {
            evaluate: EvaluateConfig::default(),
            sample: SampleConfig::default(),
            ..run_config(config).clone()
        };
        serde_json::to_string(&config).ok()
    }

    fn end_of_training(
        &self,
        run: &RunKey,
        finished: &RunRecord,
        file: &dyn Fn(&str) -> Option<Vec<u8>>,
    ) -> Option<Checkpoint> {
        let (summary, timing) = (finished.summary.as_ref()?, finished.timing.as_ref()?);
        if self.unrepeatable(&summary.facts).is_some() {
            return None;
        }
        let run = MadeRun::of(run);
        let set = self.cache.get(&run.config.data).ok()?;
        let epochs: Option<Vec<_>> = finished.epochs.iter().map(run::epoch_of).collect();
        let model = file("model.safetensors")?;
        run::end_of_training(&run, &set, epochs?, summary.best_epoch, &model, timing).ok()?
    }

    fn execute(
        &self,
        run: &RunKey,
        threads: usize,
        control: Control,
    ) -> Result<Execution, TrainerError> {
        let run = MadeRun::of(run);
        let set = self.cache.get(&run.config.data).map_err(TrainerError::new)?;
        run::execute(&run, &set, threads, control).map_err(TrainerError::new)
    }

    fn machine_facts(&self) -> &[&str] {
        &["kernel"]
    }

    fn unrepeatable(&self, facts: &Facts) -> Option<String> {
        let then = facts.get("kernel").and_then(Value::as_str)?;
        let now = instruction_set();
        // All instruction sets with a fused multiply-add give the same bits.
        let rounds_twice = |name: &str| name == "x86_64";
        (rounds_twice(then) != rounds_twice(now))
            .then(|| format!("computed with {then} instructions, and this machine has {now}"))
    }

    fn later_files(&self) -> &[&str] {
        &["masks.npz", "masks.txt", "class_counts.npy", "conditionals.npy"]
    }

    fn otherwise(&self, run: &Scored, reference: &Scored, name: &str) -> Option<Otherwise> {
        self.test_images(run).otherwise(&self.test_images(reference), name)
    }

    fn content_differs(&self, run: &Scored, reference: &Scored) -> bool {
        self.test_images(run).content_differs(&self.test_images(reference))
    }

    fn data_words(&self, run: &Scored) -> String {
        TestImages::of(run, |_| None).words()
    }

    fn same_data(&self, a: &Config, b: &Config) -> bool {
        run_config(a).data == run_config(b).data
    }

    fn data_name(&self, config: &Config) -> String {
        run_config(config).data.name.clone()
    }

    fn same_examples(&self, a: &Config, b: &Config) -> bool {
        test_settings(a) == test_settings(b)
            && run_config(a).model.classes == run_config(b).model.classes
    }

    fn test_set(&self, config: &Config, data: &str) -> String {
        // A fingerprint of the images of a path does not tell those of the test set apart.
        if is_of_path(data) {
            return data.to_owned();
        }
        let mut test = test_settings(config);
        if matches!(test.binarize, Binarize::Dynamic) {
            // Trains on other bits, and is scored on the same ones.
            test.binarize = Binarize::Threshold;
        }
        let settings = serde_json::to_vec(&test).expect("settings are plain JSON");
        format!("{}-test-{}", test.name, &blake3::hash(&settings).to_hex()[..16])
    }

    fn scored_by(&self, a: &Config, b: &Config) -> Option<&'static str> {
        let (a, b) = (run_config(a), run_config(b));
        (a.model.classes != b.model.classes)
            .then_some("model.classes")
            .or_else(|| a.data.scores_otherwise_than(&b.data))
            .or_else(|| scored::is_standardised_otherwise(&a.data, &b.data).then_some("data.train"))
    }

    fn metric_needs(&self, config: &Config, metric: &Metric) -> Option<&'static str> {
        let is_told = run_config(config).model.classes;
        (metric.name == metrics::ACCURACY && !is_told).then_some("model.classes = true")
    }

    fn metric_remark(&self, metric: &Metric, runs: &[&Facts]) -> Option<&'static str> {
        metrics::remark(&metric.name, runs)
    }

    fn updates_per_epoch(&self, config: &Config) -> Option<usize> {
        let config = run_config(config);
        Some(config.data.train?.div_ceil(config.train.batch.max(1)))
    }

    fn ended_at_limit(&self, config: &Config, summary: &Summary) -> Option<[&'static str; 2]> {
        let config = run_config(config);
        let was_patient = summary.epochs.saturating_sub(summary.best_epoch) < config.train.patience;
        let is_cut = stops_early(config) && summary.epochs >= config.train.epochs && was_patient;
        is_cut.then_some(["train.epochs", "train.patience"])
    }

    fn compute(&self, config: &Config, summary: &Summary) -> Option<Compute> {
        let parameters = summary.facts.get("parameters")?.as_u64()?;
        Some(Compute {
            per_example: parameters as f64 * summary.epochs as f64,
            examples: run_config(config).data.train,
        })
    }

    fn varies(&self, configs: &[&Config]) -> String {
        let dynamic = configs
            .iter()
            .any(|config| run_config(config).data.binarize == Binarize::Dynamic);
        let binarized = if dynamic { ", the binarisation of training images" } else { "" };
        let is_grey = |config: &&Config| run_config(config).data.levels.is_grey();
        let is_real = |config: &&Config| run_config(config).data.values.is_real();
        let conversion = match () {
            () if configs.iter().any(is_real) => "standardisation of validation and test rows",
            () if configs.iter().any(is_grey) => "grey levels of validation and test images",
            () => "binarisation of validation and test images",
        };
        format!(
            "Everything random in training: initial weights, masks (orderings and degrees), order of minibatches\
             {binarized}. Held fixed: the data, their split and the {conversion}, all \
             settings, and, variant by variant, the seeds themselves: replicate r draws from the same streams in every \
             variant."
        )
    }

    fn selection(&self) -> String {
        "In every run the epoch with the lowest validation NLL is kept; it alone is scored.".into()
    }
}

/// Settings of `[data]` that decide the test images.
fn test_settings(config: &Config) -> DataConfig {
    DataConfig { train: None, valid: None, ..run_config(config).data.clone() }
}
