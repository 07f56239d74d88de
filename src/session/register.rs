//! Registration of an experiment before its runs.

use std::collections::BTreeSet;

use super::{LoadedExperiment, SessionError};
use crate::plan::{ContentId, RunId, RunSpec, compared_content};
use crate::results::baseline_of;
use crate::results::past::own_runs;
use crate::rng::Seed;
use crate::store::{History, Registration, StoreError};
use crate::text::count;

/// End of [`register`].
#[derive(Debug)]
pub enum RegisterEnd {
    /// The design is registered now.
    Registered(Registration),
    /// The same design was registered before, at this time.
    Already(String),
}

/// Registers the design of an experiment: studies, variants, seeds and options of comparing.
/// Refuses if runs of its own are there already; those of the baselines may be, because other
/// studies share them.
pub fn register(loaded: &LoadedExperiment) -> Result<RegisterEnd, SessionError> {
    let (plan, store) = (&loaded.plan, &loaded.store);
    store.check_history()?;
    let contents = plan.contents(&**store.trainer());
    let baselines: Vec<Option<usize>> =
        plan.studies.iter().map(|study| baseline_of(plan, study)).collect();
    let registration = Registration::of(plan, &contents, &baselines).map_err(|error| {
        StoreError::Malformed { path: store.root().to_owned(), reason: error.to_string() }
    })?;
    let history = store.history()?;
    if let Some(there) = history.same_registration(&registration) {
        return Ok(RegisterEnd::Already(there.registered_utc.clone()));
    }
    if let Some(reason) = runs_before(loaded, &history)? {
        return Err(SessionError::RunsBeforeRegistration { name: plan.name.clone(), reason });
    }
    store.begin_history()?;
    store.register(&registration)?;
    Ok(RegisterEnd::Registered(registration))
}

/// Says how many of the experiment's own runs are there already, or were; `None` if none.
fn runs_before(loaded: &LoadedExperiment, history: &History) -> Result<Option<String>, StoreError> {
    let (plan, store) = (&loaded.plan, &loaded.store);
    let own: BTreeSet<&RunId> =
        plan.studies.iter().flat_map(|study| own_runs(plan, study)).collect();
    let told = |n: usize, what: &str| {
        let (verb, n) = (if n == 1 { "is" } else { "are" }, count(n, "run"));
        Some(format!("{n} of its own {verb} {what}"))
    };
    let there = store.published()?;
    let finished = own.iter().filter(|run| there.contains(**run)).count();
    if finished > 0 {
        return Ok(told(finished, "finished already"));
    }
    let scored = history.scored_runs();
    let gone = own.iter().filter(|run| scored.contains(**run)).count();
    if gone > 0 {
        return Ok(told(gone, "in the record as scored, though not there any more"));
    }
    if let Some(alike) = runs_alike(loaded, history, &own, &there) {
        return Ok(Some(alike));
    }
    let owners = store.claims().owners()?;
    let is_begun = |run: &RunId| owners.contains_key(run) || store.progress(run).is_some();
    let begun = own.iter().filter(|run| is_begun(run)).count();
    Ok((begun > 0).then(|| told(begun, "under way")).flatten())
}

/// Says how many of the experiment's own runs have been scored under other settings without effect
/// on the compared metric, so that their values are known; `None` if none.
fn runs_alike(
    loaded: &LoadedExperiment,
    history: &History,
    own: &BTreeSet<&RunId>,
    there: &BTreeSet<RunId>,
) -> Option<String> {
    let (plan, store) = (&loaded.plan, &loaded.store);
    let trainer = &**store.trainer();
    let metric = trainer.metrics().get(&plan.compare.metric)?;
    let compared =
        |spec: &RunSpec| (compared_content(trainer, &spec.config, &spec.data, metric), spec.seed);
    // The settings of an unreadable run are unknown; `verify` and `sweep` report such runs.
    let known: BTreeSet<(ContentId, Seed)> =
        there.iter().filter_map(|run| Some(compared(&store.spec(run).ok()?))).collect();
    let is_baseline: BTreeSet<(ContentId, Seed)> =
        plan.runs.iter().filter(|run| !own.contains(&run.id)).map(&compared).collect();
    let alike = plan.runs.iter().filter(|run| own.contains(&run.id)).filter(|run| {
        let key = compared(run);
        !is_baseline.contains(&key) && (known.contains(&key) || history.has_compared(&key.0, key.1))
    });
    let n = alike.count();
    (n > 0).then(|| {
        let verb = if n == 1 { "was" } else { "were" };
        format!(
            "{} of its own {verb} scored already, with other settings that have no effect on {}",
            count(n, "run"),
            metric.name
        )
    })
}
