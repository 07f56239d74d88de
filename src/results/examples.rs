//! Variation over test examples, the second source of error: seeds represent other trainings,
//! examples other test sets.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::ExperimentResults;
use crate::npy;
use crate::plan::RunId;
use crate::stats::Estimate;
use crate::store::{Store, StoreError};

/// Mean over the test examples of each variant's difference to the baseline, where each example's
/// value is averaged over the seeds that both sides have; its interval is over examples.
pub(super) fn differences(
    study: &ExperimentResults,
    store: &Store,
) -> Result<BTreeMap<(usize, usize), Estimate>, StoreError> {
    let specs = study.plan.by_id();
    let mut pairs = Vec::new();
    for (s, planned) in study.plan.studies.iter().enumerate() {
        let Some(base) = study.baseline(planned) else { continue };
        for (v, variant) in planned.variants.iter().enumerate().filter(|(v, _)| *v != base) {
            let both = planned.variants[base].runs.iter().zip(&variant.runs);
            let common: Vec<_> = both
                .filter(|(a, b)| [a, b].iter().all(|run| study.value(run).is_some()))
                .collect();
            let spec = |run: &RunId| specs.get(run).copied();
            if common.iter().all(|(a, b)| {
                spec(a)
                    .zip(spec(b))
                    .is_some_and(|(a, b)| study.trainer.same_examples(&a.config, &b.config))
            }) {
                pairs.push(((s, v), common));
            }
        }
    }
    // Every variant is compared with the same runs, so that these are read only once.
    let controls: BTreeSet<&RunId> = pairs
        .iter()
        .flat_map(|(_, common)| common)
        .map(|(control, _)| *control)
        .collect();
    let read_one = |run: &&'_ RunId| Ok(((*run).clone(), read(study, store, run)?));
    let controls: Controls =
        controls.par_iter().map(read_one).collect::<Result<_, StoreError>>()?;
    let level = study.plan.compare.level;
    let estimate = |((s, v), common): &((usize, usize), Vec<(&RunId, &RunId)>)| {
        let difference = mean_difference(study, store, common, &controls)?;
        Ok(difference
            .and_then(|d| Estimate::of(&d, level))
            .map(|estimate| ((*s, *v), estimate)))
    };
    Ok(pairs
        .par_iter()
        .map(estimate)
        .collect::<Result<Vec<_>, StoreError>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// Values of the runs with which others are compared; `None` if a run saved none.
type Controls = BTreeMap<RunId, Option<Vec<f32>>>;

/// Mean over the pairs of second minus first, for each example; `None` if a run saved no such file,
/// if lengths differ, or if a file is damaged (which affects this interval only).
fn mean_difference(
    study: &ExperimentResults,
    store: &Store,
    pairs: &[(&RunId, &RunId)],
    controls: &Controls,
) -> Result<Option<Vec<f64>>, StoreError> {
    let mut sum: Option<Vec<f64>> = None;
    for (control, treated) in pairs {
        let Some(control) = &controls[*control] else { return Ok(None) };
        let Some(treated) = read(study, store, treated)? else { return Ok(None) };
        let sum = sum.get_or_insert_with(|| vec![0.0; control.len()]);
        if sum.len() != control.len() || sum.len() != treated.len() {
            return Ok(None);
        }
        for (sum, (control, treated)) in sum.iter_mut().zip(control.iter().zip(&treated)) {
            *sum += f64::from(*treated) - f64::from(*control);
        }
    }
    let count = pairs.len() as f64;
    Ok(sum.map(|sum| sum.into_iter().map(|d| d / count).collect()))
}

fn read(
    study: &ExperimentResults,
    store: &Store,
    run: &RunId,
) -> Result<Option<Vec<f32>>, StoreError> {
    let summary = study.records[run].summary.as_ref();
    let file = summary.and_then(|summary| (study.metric().examples)(&summary.facts));
    let Some(file) = file else { return Ok(None) };
    let bytes = match store.file(run, file) {
        Err(StoreError::Damaged { .. } | StoreError::NoSuchRun { .. }) => return Ok(None),
        bytes => bytes?,
    };
    let array = bytes.and_then(|bytes| npy::decode::<f32>(&bytes).ok());
    Ok(array
        .map(|array| array.data)
        .filter(|values| values.iter().all(|value| value.is_finite())))
}
