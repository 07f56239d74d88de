//! Execution of an experiment on this machine, until every run has ended and the tables are
//! written.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use super::{Interruption, LoadedExperiment, SessionError};
use crate::plan::{RunId, RunSpec, Shard};
use crate::results::ExperimentResults;
use crate::runner::{Observer, Ready, Worker, damaged, machine};
use crate::store::StoreError;

/// Options of [`run_local`].
#[derive(Debug, Clone, Copy)]
pub struct LocalOptions {
    /// Number of threads over all runs.
    pub threads: NonZeroUsize,
    /// Part of the runs that this process executes.
    pub shard: Shard,
    /// Number of failures after which no further run starts.
    pub max_failures: Option<usize>,
    /// Starts even if the estimate exceeds the budget, or a run the memory.
    pub ignores_budget: bool,
}

impl Default for LocalOptions {
    /// All runs on all of this machine, within the budget of the file.
    fn default() -> Self {
        Self {
            threads: machine::threads(),
            shard: Shard::ALL,
            max_failures: None,
            ignores_budget: false,
        }
    }
}

/// End of [`run_local`].
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each command")]
pub enum LocalEnd {
    /// Every run has ended, and the tables are written.
    Ended {
        /// The experiment with its records.
        results: ExperimentResults,
        /// Number of runs that failed in this process.
        n_failed: usize,
    },
    /// A stop was requested; the next call continues.
    Interrupted {
        /// Number of runs that are not done.
        n_outstanding: usize,
    },
    /// Runs were trained, and the tables cannot be written.
    NoTables(SessionError),
}

/// Executes the runs in this process, next to other processes that may do the same, and writes the
/// tables. Damaged runs among the results are repeated.
pub fn run_local(
    loaded: &LoadedExperiment,
    options: &LocalOptions,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<LocalEnd, SessionError> {
    let &LocalOptions { threads, shard, max_failures, mut ignores_budget } = options;
    let (plan, store) = (&loaded.plan, &loaded.store);
    let mut worker = Worker {
        runs: loaded.outstanding(&BTreeSet::new(), shard),
        threads,
        memory: loaded.memory(),
        checkpoint_every: loaded.checkpoint_every(),
        max_failures,
        ..Worker::new(plan, store)?
    };
    if worker.outstanding()?.is_empty() {
        observer.remark(&loaded.nothing_to_do());
    }
    let mut ready = |free: &[&RunSpec]| -> Result<Ready, SessionError> {
        let ready = Ready::load(plan, free, store, threads)?;
        if !ignores_budget {
            loaded.check_budget(&ready.estimate, free, loaded.memory())?;
        }
        // Only the first estimate counts: a sweep that has begun is not refused later.
        ignores_budget = true;
        store.probe()?;
        loaded.announce_plan()?;
        Ok(ready)
    };
    let mut seen = BTreeSet::new();
    loop {
        if !worker.train(&interruption.requested, observer, &mut ready)? {
            return Ok(LocalEnd::Interrupted { n_outstanding: worker.outstanding()?.len() });
        }
        interruption.rest();
        let results = match loaded.write_tables(observer) {
            Err(error) if worker.report.started => return Ok(LocalEnd::NoTables(error)),
            results => results?,
        };
        if !finds_damaged(&mut worker, &results, &mut seen, interruption, observer)? {
            loaded.restore_examples(&results, observer);
            return Ok(LocalEnd::Ended { results, n_failed: worker.report.failed.len() });
        }
    }
}

/// True if runs of this worker were found damaged for the first time: those that remain damaged are
/// to be repeated.
fn finds_damaged(
    worker: &mut Worker,
    results: &ExperimentResults,
    seen: &mut BTreeSet<RunId>,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<bool, StoreError> {
    let mine: BTreeSet<&RunId> = worker.runs.iter().map(|run| &run.id).collect();
    let found: Vec<(&RunId, &str)> = results
        .suspects()
        .filter(|(run, _)| mine.contains(run) && seen.insert((*run).clone()))
        .collect();
    let runs = found.iter().map(|(run, _)| *run);
    let damaged = damaged(runs, worker.store, &interruption.requested, observer)?;
    for (_, reason) in found.iter().filter(|(run, _)| damaged.contains(*run)) {
        observer.warn(reason);
    }
    worker.report.damaged.extend(damaged);
    Ok(!found.is_empty())
}
