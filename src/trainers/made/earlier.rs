//! Runs of earlier versions for data named by a path: these versions hashed the path and the files,
//! while now the images themselves are hashed. A run whose old identity still refers to the same
//! images is not trained again; it retains its id.
//!
//! An old identity is accepted if the test images stored with its results are equal to those that
//! its files give today. That of pictures divided by folders is never accepted, because it did not
//! cover which of them train and which test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::{MadeTrainer, first_test_images, run_config};
use crate::data::{Cache, DataConfig, is_of_images};
use crate::experiment::Overrides;
use crate::plan::{Earlier, Hashed, Plan, PlannedVariant, RunId, RunSpec, hashed};
use crate::session::{LoadedExperiment, RejectedEarlierRuns, SessionError};
use crate::store::Store;
use crate::trainer::{Config, Trainer, TrainerError};

/// Loads an experiment of MADE, with the runs that earlier versions trained; writes nothing.
pub fn load_experiment(
    file: &Path,
    overrides: &Overrides,
    results: &Path,
    trainer: &Arc<MadeTrainer>,
) -> Result<LoadedExperiment, SessionError> {
    let adopt = |plan: &mut Plan, store: &Store| adopt(plan, store, trainer);
    LoadedExperiment::load(file, overrides, results, Arc::clone(trainer) as _, adopt)
}

/// Validity of the earlier identity of a data set.
struct Found {
    earlier: String,
    /// Names under which runs were trained with it; empty if there is no such run.
    names: Vec<String>,
    disbelieved: Option<&'static str>,
}

/// True if an earlier version may have trained a run under the fingerprint of its files; no earlier one
/// knew tables of real numbers.
fn may_be_earlier(run: &RunSpec) -> bool {
    is_of_images(&run.data) && !run_config(&run.config).data.values.is_real()
}

/// Gives every run of data named by a path the identity that earlier versions gave those data, and
/// its old id if such a version trained the run and its identity is accepted.
pub fn adopt(
    plan: &mut Plan,
    store: &Store,
    trainer: &MadeTrainer,
) -> Result<RejectedEarlierRuns, TrainerError> {
    let cache = trainer.cache();
    let mut disbelieved = RejectedEarlierRuns::new();
    if !plan.runs.iter().any(may_be_earlier) {
        return Ok(disbelieved);
    }
    let published = store.published().map_err(TrainerError::new)?;
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut renamed: BTreeMap<RunId, RunId> = BTreeMap::new();
    let mut identities: Option<(Config, Vec<Hashed>)> = None;
    for run in plan.runs.iter_mut().filter(|run| may_be_earlier(run)) {
        let config = &run_config(&run.config).data;
        let key = config.key();
        if !found.contains_key(&key) {
            found.insert(key.clone(), look(config, store, cache, &published)?);
        }
        let data = &found[&key];
        if data.disbelieved.is_none() {
            run.earlier = Some(Earlier { data: data.earlier.clone(), name: None });
        }
        if data.names.is_empty() || published.contains(&run.id) {
            continue;
        }
        if identities.as_ref().is_none_or(|(config, _)| *config != run.config) {
            let of =
                |name: &String| hashed(trainer, &trainer.renamed(&run.config, name), &data.earlier);
            identities = Some((run.config.clone(), data.names.iter().map(of).collect()));
        }
        let Some((_, identities)) = &identities else { continue };
        let ids = identities.iter().map(|identity| identity.run(run.seed));
        let Some((old, name)) = ids.zip(&data.names).find(|(id, _)| published.contains(id)) else {
            continue;
        };
        match data.disbelieved {
            Some(why) => drop(disbelieved.insert(run.id.clone(), (old, why))),
            None => {
                renamed.insert(std::mem::replace(&mut run.id, old.clone()), old);
                run.earlier =
                    Some(Earlier { data: data.earlier.clone(), name: Some(name.clone()) });
            }
        }
    }
    if !renamed.is_empty() {
        let variants = plan.studies.iter_mut().flat_map(|study| &mut study.variants);
        variants.flat_map(runs_of).for_each(|run| {
            if let Some(old) = renamed.get(run) {
                run.clone_from(old);
            }
        });
    }
    Ok(disbelieved)
}

fn runs_of(variant: &mut PlannedVariant) -> impl Iterator<Item = &mut RunId> {
    variant
        .runs
        .iter_mut()
        .chain(variant.candidates.iter_mut().flat_map(|candidate| &mut candidate.runs))
}

fn look(
    config: &DataConfig,
    store: &Store,
    cache: &Cache,
    published: &BTreeSet<RunId>,
) -> Result<Found, TrainerError> {
    let dataset = cache.get(config).map_err(TrainerError::new)?;
    let earlier = dataset.origin.earlier.clone().unwrap_or_default();
    // The test images are stored before the first run is trained: without them there is no run.
    let Some(kept) = store.reference(&earlier).map_err(TrainerError::new)? else {
        return Ok(Found { earlier, names: Vec::new(), disbelieved: None });
    };
    let disbelieved = if dataset.origin.folders_divided {
        Some(
            "its identity did not tell which pictures train and which test, so that it may be of another division",
        )
    } else if kept != first_test_images(&dataset) {
        Some(
            "it was tested on other images than its files give now, divided and read as they are today",
        )
    } else {
        None
    };
    let of_these = |run: &RunId| store.spec(run).ok().filter(|spec| spec.data == earlier);
    let names: BTreeSet<String> = published
        .iter()
        .filter_map(of_these)
        .map(|spec| run_config(&spec.config).data.name.clone())
        .collect();
    Ok(Found { earlier, names: names.into_iter().collect(), disbelieved })
}
