//! Estimate of the outstanding part of a plan: time from past runs, memory and disk by arithmetic.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use crate::cost::{Speed, makespan};
use crate::plan::{Plan, RunId, RunSpec};
use crate::rng::Seed;
use crate::store::{RunStatus, Store};
use crate::text::duration;
use crate::trainer::{Config, Cost, Trainer, TrainerError};

/// Maximum number of past runs used: their median is as good as that of thousands.
const PAST: usize = 60;

/// Estimated cost of executing some runs.
#[derive(Debug, Clone)]
pub struct CostEstimate {
    /// Cost of every run of the plan.
    pub costs: BTreeMap<RunId, Cost>,
    /// True if times are known; otherwise the seconds below mean nothing.
    pub is_known: bool,
    /// Speed of this machine.
    pub speed: Speed,
    /// True if a run may stop early: the seconds below are then upper bounds.
    pub is_upper_bound: bool,
    /// Time until the last run ends [s].
    pub seconds: f64,
    /// Time of the longest run [s].
    pub longest: f64,
    /// Maximum memory of the runs that execute at the same time [bytes].
    pub memory: u64,
    /// Memory of the data sets, which all runs share [bytes].
    pub data: u64,
    /// Size of the runs on disk [bytes].
    pub disk: u64,
}

impl CostEstimate {
    /// Total time in words: `about 6 m 12 s`.
    pub fn words(&self) -> String {
        if self.is_known {
            time_words(self.seconds, self.is_upper_bound)
        } else {
            "for a time not known yet".to_owned()
        }
    }

    /// Estimate of executing the runs `outstanding` of `plan` on `workers` threads.
    pub fn new(
        plan: &Plan,
        outstanding: &[&RunSpec],
        store: &Store,
        workers: usize,
    ) -> Result<Self, TrainerError> {
        let trainer = store.trainer();
        let mut costs = BTreeMap::new();
        let mut configs: Vec<&Config> = Vec::new();
        let mut last: Option<(&Config, Cost)> = None;
        for run in &plan.runs {
            let cost = match last {
                Some((config, cost)) if *config == run.config => cost,
                _ => {
                    configs.push(&run.config);
                    trainer.cost(&run.config)?.unwrap_or(UNKNOWN)
                }
            };
            last = Some((&run.config, cost));
            costs.insert(run.id.clone(), cost);
        }
        // The first of several outstanding runs that train alike trains for all of them.
        let mut trained = BTreeSet::new();
        for (run, key) in outstanding.iter().zip(training_keys(&**trainer, outstanding)) {
            let is_trained = key.is_some_and(|key| !trained.insert(key));
            if let Some(cost) = costs.get_mut(&run.id).filter(|_| is_trained) {
                cost.work *= cost.after_training;
                cost.nominal_seconds *= cost.after_training;
            }
        }
        let speed = Speed::learn(&past(store));
        // A run of a trainer with a fixed number of threads takes as many of them at a time.
        let width = trainer.slots().threads.map_or(1, NonZeroUsize::get);
        let at_a_time = (workers / width).max(1);
        let to_run: Vec<&Cost> = outstanding.iter().filter_map(|run| costs.get(&run.id)).collect();
        let seconds: Vec<f64> =
            to_run.iter().map(|cost| speed.seconds(cost.nominal_seconds)).collect();
        let mut memory: Vec<u64> = to_run.iter().map(|cost| cost.memory).collect();
        memory.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Self {
            speed,
            is_known: trainer.knows_nominal_speed() || speed.runs > 0,
            seconds: makespan(&seconds, at_a_time),
            is_upper_bound: to_run.iter().any(|cost| cost.stops_early),
            longest: seconds.iter().copied().fold(0.0, f64::max),
            memory: memory.iter().take(at_a_time).sum(),
            data: trainer.shared_memory(&configs),
            disk: to_run.iter().map(|cost| cost.disk).sum(),
            costs,
        })
    }
}

/// An estimated time in words: `about 6 m 12 s`, or `at most 6 m 12 s` for an upper bound.
pub fn time_words(seconds: f64, is_upper_bound: bool) -> String {
    let relation = if is_upper_bound { "at most" } else { "about" };
    format!("{relation} {}", duration(seconds))
}

/// Seed, fingerprint of the data, and settings of a training.
pub(super) type TrainingKey<'a> = (Seed, &'a str, String);

/// Key of each run, which two runs share if they train alike: one can begin at the end of the other's
/// training. `None` for a run that has to train by itself.
pub(super) fn training_keys<'a>(
    trainer: &dyn Trainer,
    runs: &[&'a RunSpec],
) -> Vec<Option<TrainingKey<'a>>> {
    let mut last: Option<(&Config, Option<String>)> = None;
    let key = |run: &&'a RunSpec| {
        // The runs of a variant follow each other.
        let settings = match &last {
            Some((config, settings)) if **config == run.config => settings.clone(),
            _ => trainer.training_settings(&run.config),
        };
        last = Some((&run.config, settings.clone()));
        Some((run.seed, run.data.as_str(), settings?))
    };
    runs.iter().map(key).collect()
}

/// Cost of a run whose trainer cannot predict it.
const UNKNOWN: Cost = Cost {
    work: 1.0,
    nominal_seconds: 0.0,
    memory: 0,
    disk: 0,
    size: None,
    examples: None,
    after_training: 1.0,
    stops_early: false,
};

/// Nominal seconds and measured thread-seconds of past runs. A run that cannot be read is skipped,
/// which is not an error here.
fn past(store: &Store) -> Vec<(f64, f64)> {
    let published = store.published().unwrap_or_default();
    let every = published.len().div_ceil(PAST).max(1);
    let known = published.iter().step_by(every).filter_map(|run| {
        let (spec, record) = (store.spec(run).ok()?, store.record(run).ok()?);
        let (summary, timing) = (record.summary?, record.timing?);
        if record.status != RunStatus::Finished {
            return None;
        }
        let (throughput, threads) = (timing.images_per_second, timing.threads as f64);
        let (nominal, seconds) =
            store.trainer().past(&spec.key(), &summary, timing.seconds, throughput)?;
        Some((nominal, seconds * threads))
    });
    known.collect()
}
