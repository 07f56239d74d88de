//! Execution of an experiment on this machine, until every run has ended and the tables are
//! written.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use super::{Interruption, LoadedExperiment, SessionError};
use crate::plan::{RunId, RunSpec, Shard};
use crate::results::ExperimentResults;
use crate::runner::{Observer, Ready, Worker, damaged, machine};
use crate::store::{RunStatus, Store, StoreError};

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
    /// Runs were trained, and then no further one could start, or the tables cannot be written.
    Stopped(SessionError),
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
    let ignores_seed = ignores_budget;
    let (plan, store) = (&loaded.plan, &loaded.store);
    let mut worker = Worker {
        runs: loaded.outstanding(&BTreeSet::new(), shard),
        threads,
        memory: loaded.memory(),
        gpus: loaded.gpus(),
        checkpoint_every: loaded.checkpoint_every(),
        max_failures,
        ..Worker::new(plan, store)?
    };
    if worker.outstanding()?.is_empty() {
        observer.remark(&loaded.nothing_to_do());
    }
    let slots = store.trainer().slots();
    let processors = slots.threads.map_or(1, NonZeroUsize::get);
    // `--jobs` may be smaller: then the runs are executed one at a time.
    let of_machine = threads.max(machine::threads()).get();
    let (needed, there) = (slots.gpus.ceil() as usize, worker.gpus.len());
    let mut ready = |free: &[&RunSpec]| -> Result<Ready, SessionError> {
        if processors > of_machine {
            let (needed, there) = (processors, of_machine);
            return Err(SessionError::TooFewProcessors { needed, there });
        }
        if needed > there {
            return Err(SessionError::TooFewGpus { needed, there });
        }
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
    let outstanding = worker.outstanding()?;
    if let Some((variant, runs)) = first_seeds(loaded, &outstanding) {
        // The budget is for all of them.
        ready(&outstanding)?;
        observer.remark(&format!("the first two seeds of {variant} first"));
        let all = std::mem::replace(&mut worker.runs, runs);
        if !worker.train(&interruption.requested, observer, &mut ready)? {
            worker.runs = all;
            return Ok(LocalEnd::Interrupted { n_outstanding: worker.outstanding()?.len() });
        }
        if !ignores_seed && seeds_agree(&worker.runs, store)? {
            let seed_key = plan.program_identity().map_or("", |program| &program.seed_key);
            let error = SessionError::SeedHasNoEffect {
                variant: variant.to_owned(),
                seed_key: seed_key.to_owned(),
            };
            return stopped(loaded, &worker, error, observer);
        }
        if !ignores_seed && worker.runs.iter().all(|run| worker.report.failed.contains(&run.id)) {
            let failure = store.failures()?.remove(&worker.runs[0].id);
            let error = SessionError::FirstRunsFailed {
                variant: variant.to_owned(),
                reason: failure.map_or_else(String::new, |failure| failure.error),
            };
            return stopped(loaded, &worker, error, observer);
        }
        worker.runs = all;
    }
    let mut seen = BTreeSet::new();
    loop {
        match worker.train(&interruption.requested, observer, &mut ready) {
            Err(error) => return stopped(loaded, &worker, error, observer),
            Ok(true) => {}
            Ok(false) => {
                return Ok(LocalEnd::Interrupted { n_outstanding: worker.outstanding()?.len() });
            }
        }
        interruption.rest();
        let results = match loaded.write_tables(observer) {
            Err(error) if worker.report.started => return Ok(LocalEnd::Stopped(error)),
            results => results?,
        };
        if !finds_damaged(&mut worker, &results, &mut seen, interruption, observer)? {
            loaded.restore_examples(&results, observer);
            return Ok(LocalEnd::Ended { results, n_failed: worker.report.failed.len() });
        }
    }
}

/// End of a sweep that an error stops: once runs have been trained, they are in the tables.
fn stopped(
    loaded: &LoadedExperiment,
    worker: &Worker,
    error: SessionError,
    observer: &dyn Observer,
) -> Result<LocalEnd, SessionError> {
    if !worker.report.started {
        return Err(error);
    }
    if let Err(error) = loaded.write_tables(observer) {
        observer.warn(&error.to_string());
    }
    Ok(LocalEnd::Stopped(error))
}

/// The first two seeds of the baseline of a program, with its label: they are looked at before the
/// rest is spent. `None` if nothing else is outstanding.
fn first_seeds<'a>(
    loaded: &'a LoadedExperiment,
    outstanding: &[&RunSpec],
) -> Option<(&'a str, Vec<&'a RunSpec>)> {
    let plan = &loaded.plan;
    plan.program.as_ref()?;
    let study = plan.studies.iter().find(|study| study.baseline.is_some())?;
    let baseline = &study.variants[study.baseline?];
    let by_id = plan.by_id();
    let first: Vec<&RunSpec> =
        baseline.runs.iter().take(2).filter_map(|run| by_id.get(run).copied()).collect();
    let is_first = |run: &&RunSpec| first.iter().any(|first| first.id == run.id);
    let is_worth_a_look = first.len() == 2 && outstanding.iter().any(|run| !is_first(run));
    is_worth_a_look.then_some((baseline.label.as_str(), first))
}

/// True if runs finished with the same values to the last bit.
fn seeds_agree(runs: &[&RunSpec], store: &Store) -> Result<bool, StoreError> {
    let records = runs
        .iter()
        .map(|run| store.record(&run.id))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let finished = records.iter().all(|record| record.status == RunStatus::Finished);
    Ok(finished
        && records
            .windows(2)
            .all(|pair| pair[0].summary == pair[1].summary && pair[0].epochs == pair[1].epochs))
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
