//! Data sets of runs that are planned or trained: the one on disk counts only if it still is what
//! the run knows.

use std::sync::Arc;

use super::run_config;
use crate::data::{Cache, DataConfig, Dataset, is_of_path};
use crate::plan::RunSpec;
use crate::store::Store;
use crate::trainer::{RunKey, TrainerError};

/// The data set of a run, if it still is what the run was trained on; it may be at any of several
/// places.
pub(crate) fn unchanged_at(
    places: &[DataConfig],
    run: &RunKey,
    cache: &Cache,
) -> Result<Arc<Dataset>, TrainerError> {
    let mut problem = None;
    for config in places {
        // What is identified is what was loaded: a file that changes from now on changes nothing.
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
    // A run of today names its images; the earlier identity of its files would not tell them from
    // another division.
    let by_files =
        set.origin.earlier.as_deref() == Some(fingerprint) && !set.origin.folders_divided;
    set.origin.fingerprint == fingerprint || by_files
}

/// The settings of `[data]` under which a run's set may be found: where it was trained, and where
/// plans have it since.
pub(crate) fn places(spec: &RunSpec, store: &Store) -> Vec<DataConfig> {
    let mut places = vec![run_config(&spec.config).data.clone()];
    if !spec.fingerprints().any(is_of_path) {
        return places;
    }
    // A plan that cannot be read knows no place; its own commands say what is wrong with it.
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
