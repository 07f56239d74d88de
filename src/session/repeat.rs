//! Repetition of finished runs, whose files must be the same byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use super::{Interruption, SessionError};
use crate::plan::{Plan, RunId, RunSpec};
use crate::regular;
use crate::runner::{Observer, Ready, Training, machine};
use crate::stats::sd;
use crate::store::{Publication, RunOutput, RunStatus, Store, StoreError, Summary};
use crate::text::{count, exact, short};

/// Finished runs to repeat.
#[derive(Debug, Clone, Copy)]
pub struct Repeated<'a> {
    /// Runs whose files are damaged: these are moved aside, and the new ones are published.
    pub damaged: &'a [&'a RunSpec],
    /// Runs whose files are intact: the new ones are compared with them.
    pub sound: &'a [&'a RunSpec],
    /// Number of all finished runs of the plan.
    pub n_finished: usize,
}

/// Result of [`train_again`].
#[derive(Debug, Default)]
pub struct Repetition {
    /// Runs whose files are the same.
    pub same: BTreeSet<RunId>,
    /// Runs whose files differ, or were damaged, with the reason. The other runs could not be trained
    /// or compared.
    pub different: BTreeMap<RunId, String>,
    /// Runs that are published as finished and diverge now.
    pub diverged_since: BTreeSet<RunId>,
}

/// Repeats runs and compares their files; `None` when interrupted. The observer is told each run
/// that differs.
pub fn train_again(
    repeated: &Repeated,
    plan: &Plan,
    store: &Store,
    threads: NonZeroUsize,
    interruption: &Interruption,
    observer: &dyn Observer,
) -> Result<Option<Repetition>, SessionError> {
    let &Repeated { damaged, sound, n_finished } = repeated;
    let chosen = &[damaged, sound].concat();
    let damaged: BTreeSet<&RunId> = damaged.iter().map(|run| &run.id).collect();
    let Ready { estimate } = Ready::load(plan, chosen, store, threads)?;
    let training = Training {
        plan,
        store,
        estimate: &estimate,
        threads,
        memory: machine::memory(),
        gpus: &machine::gpus(),
        max_failures: usize::MAX,
        damaged: &BTreeSet::new(),
        checkpoint_every: None,
        attempts: None,
    };
    let repetition = Mutex::new(Repetition::default());
    let found = || repetition.lock().unwrap_or_else(PoisonError::into_inner);
    let publish = |run: &RunSpec, output: &RunOutput| {
        if plan.program.is_some() && !damaged.contains(&run.id) {
            let problem = other_values(run, output, plan, store)?;
            let mut found = found();
            return Ok(match problem {
                None => {
                    found.same.insert(run.id.clone());
                    Ok(())
                }
                Some(problem) => {
                    found.different.insert(run.id.clone(), problem.clone());
                    Err(problem)
                }
            });
        }
        let publication = if damaged.contains(&run.id) {
            store.publish(run, output)
        } else {
            store.compare(run, output)
        };
        let problem = match publication {
            Ok(Publication::Identical) => {
                found().same.insert(run.id.clone());
                return Ok(Ok(()));
            }
            Ok(Publication::Differs) => match since_diverged(run, output, store)? {
                Some(sentence) => {
                    found().diverged_since.insert(run.id.clone());
                    sentence
                }
                None => "trained again it gives other bytes".to_owned(),
            },
            Ok(Publication::New) => {
                "its files were damaged: moved aside and trained again".to_owned()
            }
            Err(error @ StoreError::Damaged { .. }) => error.to_string(),
            Err(error) => return Err(error),
        };
        found().different.insert(run.id.clone(), problem.clone());
        Ok(Err(problem))
    };
    let title =
        format!("{}  {} of {n_finished} finished again", plan.name, count(chosen.len(), "run"));
    let stop = &interruption.requested;
    let trained = training.train(chosen, &title, stop, observer, publish, |_, _, _| {});
    let repetition = repetition.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((!trained.interrupted).then_some(repetition))
}

/// Returns the reason why a run that is published as finished diverges now; `None` if it does not.
/// Earlier versions examined losses alone, and the id of a run does not tell.
fn since_diverged(
    run: &RunSpec,
    output: &RunOutput,
    store: &Store,
) -> Result<Option<String>, StoreError> {
    let diverged = output.summary.status == RunStatus::Diverged;
    if !diverged || store.record(&run.id)?.status != RunStatus::Finished {
        return Ok(None);
    }
    let why = output.summary.error.as_deref().unwrap_or("it diverged");
    Ok(Some(format!("trained again it diverges: {why}; it is there as finished")))
}

/// Compares the values of a run of a program with those of the same run executed again: `None` if
/// they are the same to the last bit, else the differences, next to the spread between seeds.
fn other_values(
    run: &RunSpec,
    output: &RunOutput,
    plan: &Plan,
    store: &Store,
) -> Result<Option<String>, StoreError> {
    let trainer = store.trainer();
    let before = store.record(&run.id)?;
    let read = |name: &str| {
        let (_, path) = output.taken.iter().find(|(known, _)| known == name)?;
        regular::read(path, u64::MAX).ok()
    };
    let Some((again, epochs)) = trainer.reread(&output.summary, &read) else {
        return Ok(None);
    };
    let Some(summary) = &before.summary else { return Ok(None) };
    let variants = plan.studies.iter().flat_map(|study| &study.variants);
    let seeds = variants.map(|v| &v.runs).find(|runs| runs.contains(&run.id));
    let mut differences = Vec::new();
    for metric in &trainer.metrics().all {
        let value = |summary: &Summary| metric.source.number(&summary.facts);
        let (Some(then), Some(now)) = (value(summary), value(&again)) else { continue };
        if then.to_bits() == now.to_bits() {
            continue;
        }
        let of_seed = |seed: &RunId| metric.of(&store.record(seed).ok()?);
        let between: Vec<f64> = seeds.into_iter().flatten().filter_map(of_seed).collect();
        let spread = sd(&between).map_or_else(String::new, |sd| {
            format!(", and {} between its seeds", metric.unit.of(&format!("sd {}", short(sd))))
        });
        differences.push(format!(
            "{} {} where it was {}: a difference of {}{spread}",
            metric.words.short,
            exact(now),
            exact(then),
            metric.unit.of(&short((now - then).abs()))
        ));
    }
    if summary.status != again.status {
        differences.push(format!("it is {} now", again.status.word()));
    }
    if differences.is_empty() && before.epochs != epochs {
        differences.push("the same metrics by other steps".to_owned());
    }
    Ok((!differences.is_empty())
        .then(|| format!("the same seed gives other values again: {}", differences.join("; "))))
}
