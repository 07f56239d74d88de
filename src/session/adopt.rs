//! Runs of an earlier version of a program taken over, after an edit that cannot change results: a
//! few are executed again, and if their values are the same the others get the new identity.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use super::{Interruption, LoadedExperiment, SessionError};
use crate::plan::{RunId, RunSpec};
use crate::results::ExperimentResults;
use crate::runner::{Observer, Ready, Worker};
use crate::store::{RunStatus, Store, StoreError};
use crate::text::{count, exact};
use crate::trainer::{Metrics, Program};

/// Seeds of each variant that are executed again.
const REPEATED: usize = 2;
/// Relative difference that counts as equal with `close`: six digits.
const CLOSE: f64 = 5e-7;

/// Options of [`adopt`].
#[derive(Debug, Clone, Copy)]
pub struct AdoptOptions<'a> {
    /// Reason that tables and page name.
    pub reason: &'a str,
    /// Takes values for equal that agree to six digits, not to the last bit.
    pub close: bool,
    /// Number of threads over all runs.
    pub threads: NonZeroUsize,
}

/// End of [`adopt`].
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each command")]
pub enum AdoptEnd {
    /// Runs were taken over, and the tables are written.
    Adopted {
        /// The experiment with its records.
        results: ExperimentResults,
        /// Number of runs that were executed again.
        n_repeated: usize,
        /// Number of runs that were taken over.
        n_adopted: usize,
        /// Number of runs that had no earlier one.
        n_outstanding: usize,
    },
    /// Values differ: nothing was taken over. A sentence for each difference.
    Differs(Vec<String>),
    /// A run that was executed again failed: nothing was taken over.
    Failed(usize),
    /// A stop was requested; nothing was taken over.
    Interrupted,
    /// No outstanding run has one of an earlier version.
    Nothing,
}

/// Takes over runs of an earlier version of the program's inputs for outstanding runs with the same
/// settings and seeds.
pub fn adopt(
    loaded: &LoadedExperiment,
    options: &AdoptOptions,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<AdoptEnd, SessionError> {
    let (plan, store) = (&loaded.plan, &loaded.store);
    let finished = store.finished(plan)?;
    let earlier = earlier_runs(loaded)?;
    let key = |run: &RunSpec| (run.config.as_str().to_owned(), run.seed.0);
    let pairs: Vec<(&RunSpec, &RunId)> = plan
        .runs
        .iter()
        .filter_map(|run| Some((run, earlier.get(&key(run))?)))
        .collect();
    let is_outstanding = |run: &RunSpec| !finished.contains(&run.id);
    if !pairs.iter().any(|(run, _)| is_outstanding(run)) {
        return Ok(AdoptEnd::Nothing);
    }
    // The first seeds of each variant, also those that an attempt before this one has executed: what
    // it found stays found.
    let mut of_variant: BTreeMap<&str, usize> = BTreeMap::new();
    let mut repeated: Vec<(&RunSpec, &RunId)> = Vec::new();
    for (run, old) in &pairs {
        let n = of_variant.entry(run.config.as_str()).or_default();
        if *n < REPEATED {
            repeated.push((run, old));
        }
        *n += 1;
    }
    let mut worker = Worker {
        runs: repeated.iter().map(|(run, _)| *run).collect(),
        threads: options.threads,
        memory: loaded.memory(),
        gpus: loaded.gpus(),
        checkpoint_every: loaded.checkpoint_every(),
        ..Worker::new(plan, store)?
    };
    let ready = |free: &[&RunSpec]| -> Result<Ready, SessionError> {
        let ready = Ready::load(plan, free, store, options.threads)?;
        // The tables stay those of the earlier version until it is known that they are the same.
        store.probe()?;
        Ok(ready)
    };
    if !worker.train(&interruption.requested, observer, ready)? {
        return Ok(AdoptEnd::Interrupted);
    }
    interruption.rest();
    if !worker.report.failed.is_empty() {
        return Ok(AdoptEnd::Failed(worker.report.failed.len()));
    }
    let labels = plan.labels();
    let mut differences = Vec::new();
    for (run, old) in &repeated {
        let differs = differences_between(store, &run.id, old, options.close)?;
        differences.extend(differs.map(|differs| format!("{}: {differs}", labels[&run.id])));
    }
    if !differences.is_empty() {
        return Ok(AdoptEnd::Differs(differences));
    }
    let done: BTreeSet<&RunId> = repeated.iter().map(|(run, _)| &run.id).collect();
    let mut n_adopted = 0;
    for (run, old) in pairs.iter().filter(|(run, _)| !done.contains(&run.id) && is_outstanding(run))
    {
        store.adopt(run, old, options.reason)?;
        n_adopted += 1;
    }
    let results = loaded.write_tables(observer)?;
    let n_repeated = repeated.len();
    let n_outstanding = plan.runs.len() - store.finished(plan)?.len();
    if n_outstanding > 0 {
        let left = count(n_outstanding, "run");
        observer.remark(&format!("{left} had no earlier one: `ablade sweep` executes them"));
    }
    Ok(AdoptEnd::Adopted { results, n_repeated, n_adopted, n_outstanding })
}

/// Finished runs of the same program under other inputs, by configuration and seed: those of the
/// plan whose tables are there, else the latest.
fn earlier_runs(loaded: &LoadedExperiment) -> Result<BTreeMap<(String, u64), RunId>, SessionError> {
    let store = &loaded.store;
    let Some(program) = loaded.plan.program_identity() else {
        return Ok(BTreeMap::new());
    };
    let same = |other: &Program| {
        let without_inputs =
            |program: &Program| Program { inputs: BTreeMap::new(), ..program.clone() };
        without_inputs(other) == without_inputs(program) && other.inputs != program.inputs
    };
    let key = |spec: &RunSpec| (spec.config.as_str().to_owned(), spec.seed.0);
    let is_finished =
        |run: &RunId| store.record(run).is_ok_and(|record| record.status == RunStatus::Finished);
    if let Ok(there) = store.load_plan(&loaded.plan.name)
        && there.program_identity().is_some_and(same)
    {
        let finished = there.runs.iter().filter(|run| is_finished(&run.id));
        return Ok(finished.map(|run| (key(run), run.id.clone())).collect());
    }
    let mut found: BTreeMap<(String, u64), (String, RunId)> = BTreeMap::new();
    for run in store.published()? {
        // What cannot be read cannot be taken over either.
        let Ok(Some(other)) = store.program(&run) else { continue };
        if !same(&other) {
            continue;
        }
        let (Ok(spec), Ok(record)) = (store.spec(&run), store.record(&run)) else {
            continue;
        };
        let Some(timing) = record.timing.filter(|_| record.status == RunStatus::Finished) else {
            continue;
        };
        let started = timing.started_utc;
        let is_later = found.get(&key(&spec)).is_none_or(|(known, _)| *known < started);
        if is_later {
            found.insert(key(&spec), (started, run));
        }
    }
    Ok(found.into_iter().map(|(key, (_, run))| (key, run)).collect())
}

/// The first metric in which two runs differ; `None` if there is none.
fn differences_between(
    store: &Store,
    new: &RunId,
    old: &RunId,
    close: bool,
) -> Result<Option<String>, StoreError> {
    let metrics: &Metrics = store.trainer().metrics();
    let (new, old) = (store.record(new)?, store.record(old)?);
    let differs = metrics.all.iter().find_map(|metric| {
        let (now, then) = (metric.of(&new), metric.of(&old));
        let same = match (now, then) {
            (Some(now), Some(then)) if close => {
                (now - then).abs() <= CLOSE * now.abs().max(then.abs())
            }
            (Some(now), Some(then)) => now.to_bits() == then.to_bits(),
            (now, then) => now == then,
        };
        let text = |value: Option<f64>| value.map_or_else(|| "missing".to_owned(), exact);
        (!same).then(|| format!("{} is {} and was {}", metric.words.short, text(now), text(then)))
    });
    Ok(differs)
}
