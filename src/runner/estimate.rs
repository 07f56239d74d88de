//! What is still to do of a plan, and what that will take: time from past runs, memory and disk by
//! arithmetic.

use std::collections::BTreeMap;

use crate::config::RunConfig;
use crate::cost::{Cost, Speed, makespan, nominal_training};
use crate::data::DataSize;
use crate::plan::{Plan, RunId, RunSpec};
use crate::store::{RunStatus, Store};

/// Past runs looked at, at most: the median of these is as good as that of thousands.
const PAST: usize = 60;

/// What a sweep of some runs will take.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Cost of every run of the plan.
    pub costs: BTreeMap<RunId, Cost>,
    /// How fast runs go here.
    pub speed: Speed,
    /// Until the last run ends, seconds.
    pub seconds: f64,
    /// Of the longest run, seconds.
    pub longest: f64,
    /// Memory of the runs that are under way together, at most.
    pub memory: u64,
    /// Memory of the data sets, which all runs share.
    pub data: u64,
    /// What the runs leave on disk.
    pub disk: u64,
}

impl Estimate {
    /// The estimate of doing `outstanding`, of `plan`, on `workers` threads. `sizes` are those of
    /// the plan's data sets by fingerprint.
    pub fn new(
        plan: &Plan,
        outstanding: &[&RunSpec],
        sizes: &BTreeMap<String, DataSize>,
        store: &Store,
        workers: usize,
    ) -> Self {
        let cost =
            |run: &RunSpec| Some((run.id.clone(), Cost::new(&run.config, *sizes.get(&run.data)?)));
        let costs: BTreeMap<RunId, Cost> = plan.runs.iter().filter_map(cost).collect();
        let speed = Speed::learn(&past(store, sizes));
        let to_run: Vec<&Cost> = outstanding.iter().filter_map(|run| costs.get(&run.id)).collect();
        let seconds: Vec<f64> = to_run.iter().map(|cost| speed.seconds(cost)).collect();
        let mut memory: Vec<u64> = to_run.iter().map(|cost| cost.memory).collect();
        memory.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            speed,
            seconds: makespan(&seconds, workers),
            longest: seconds.iter().copied().fold(0.0, f64::max),
            memory: memory.iter().take(workers).sum(),
            data: sizes
                .values()
                .map(|size| ((size.train + size.valid + size.test) * size.shape.dim()) as u64)
                .sum(),
            disk: to_run.iter().map(|cost| cost.disk).sum(),
            costs,
        }
    }
}

/// Nominal seconds and measured thread-seconds of past runs. One that cannot be read teaches
/// nothing, and is no error here.
fn past(store: &Store, sizes: &BTreeMap<String, DataSize>) -> Vec<(f64, f64)> {
    let published = store.published().unwrap_or_default();
    let every = published.len().div_ceil(PAST).max(1);
    let known = published.iter().step_by(every).filter_map(|run| {
        let (spec, record) = (store.spec(run).ok()?, store.record(run).ok()?);
        let (summary, timing) = (record.summary?, record.timing?);
        if record.status != RunStatus::Finished {
            return None;
        }
        let threads = timing.threads as f64;
        Some(match sizes.get(&spec.data) {
            Some(&size) => {
                let mut config = RunConfig::clone(&spec.config);
                config.train.epochs = summary.epochs;
                (Cost::new(&config, size).nominal_seconds, timing.seconds * threads)
            }
            // Data that this plan does not know: the speed of training alone, over one second.
            None => {
                (nominal_training(&spec.config, summary.dim) * timing.images_per_second, threads)
            }
        })
    });
    known.collect()
}
