//! Data sets of planned or trained runs: the one on disk is used only if it is unchanged since.

use std::sync::Arc;

use super::run_config;
use crate::data::{Cache, DataConfig, Dataset, is_of_path};
use crate::plan::RunSpec;
use crate::store::Store;
use crate::trainer::{RunKey, TrainerError};

/// Data set of a run, if it is unchanged since the run was trained; it may be at any of several
/// places.
pub(crate) fn unchanged_at(
    places: &[DataConfig],
    run: &RunKey,
    cache: &Cache,
) -> Result<Arc<Dataset>, TrainerError> {
    let mut problem = None;
    for config in places {
        // The set identified is the loaded one: later changes of its files have no effect.
        match cache.get(config) {
            Ok(set) if is_of(&set, run.data) => return Ok(set),
            Ok(set) if set.origin.earlier.as_deref() == Some(run.data) => {
                problem = Some(TrainerError::new(format!(
                    "{} was trained by an earlier version, whose identity did not tell which pictures of {} train and which \
                     test, so that they may be divided otherwise now: sweep it again",
                    run.id, config.name
                )));
            }
            Ok(_) => {
                let name = &config.name;
                problem = Some(TrainerError::new(format!(
                    "the data set {name} has changed since {} was trained on it",
                    run.id
                )));
            }
            Err(error) => drop(problem.get_or_insert(TrainerError::new(error))),
        }
    }
    Err(problem.unwrap_or_else(|| TrainerError::new(format!("{} has no data", run.id))))
}

/// True if a run with this fingerprint was trained on this set.
fn is_of(set: &Dataset, fingerprint: &str) -> bool {
    // Current runs are identified by their images; the earlier identity by files would not
    // distinguish another division.
    let by_files =
        set.origin.earlier.as_deref() == Some(fingerprint) && !set.origin.folders_divided;
    set.origin.fingerprint == fingerprint
        || by_files
        || set.fingerprint_with_classes() == fingerprint
}

/// Settings of `[data]` under which a run's data may be found: those of its training, and those of
/// plans since.
pub(crate) fn places(spec: &RunSpec, store: &Store) -> Vec<DataConfig> {
    let mut places = vec![run_config(&spec.config).data.clone()];
    if !spec.fingerprints().any(is_of_path) {
        return places;
    }
    // A plan that cannot be read is skipped; its own commands report the error.
    let plans = store
        .experiments()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| store.load_plan(&name).ok());
    for run in plans.flat_map(|plan| plan.runs).filter(|run| run.id == spec.id) {
        let place = &run_config(&run.config).data;
        if !places.contains(place) {
            places.push(place.clone());
        }
    }
    places
}
