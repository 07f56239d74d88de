//! Runs of earlier versions, found again: of data named by a path those hashed the path and the
//! files, where the images themselves are hashed now. A run whose old identity still tells the
//! truth is not trained again; it keeps its id.
//!
//! An old identity is believed if the test images that were kept with its results are the ones that
//! its files give today. That of pictures divided by folders is never believed: it did not tell
//! which of them train and which test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::RunConfig;
use crate::data::{Cache, DataConfig, is_of_images};
use crate::plan::{ENGINE, Earlier, Identity, Plan, PlannedVariant, RunId};
use crate::runner::first_test_images;
use crate::store::Store;

/// Runs of an earlier version that are not believed, by the id of the run that takes their place,
/// and why.
pub(crate) type Disbelieved = BTreeMap<RunId, (RunId, &'static str)>;

/// What the earlier identity of a data set is worth.
struct Found {
    earlier: String,
    /// Names under which runs were trained with it; none where there is no such run.
    names: Vec<String>,
    disbelieved: Option<&'static str>,
}

/// Gives every run of data named by a path the identity that earlier versions gave those data, and,
/// where such a version trained the run and is believed, its id.
pub(crate) fn adopt(plan: &mut Plan, store: &Store, cache: &Cache) -> anyhow::Result<Disbelieved> {
    let mut disbelieved = Disbelieved::new();
    if !plan.runs.iter().any(|run| is_of_images(&run.data)) {
        return Ok(disbelieved);
    }
    let published = store.published()?;
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut renamed: BTreeMap<RunId, RunId> = BTreeMap::new();
    let mut identities: Option<(Arc<RunConfig>, Vec<Identity>)> = None;
    for run in plan.runs.iter_mut().filter(|run| is_of_images(&run.data)) {
        let key = serde_json::to_string(&run.config.data)?;
        if !found.contains_key(&key) {
            found.insert(key.clone(), look(&run.config.data, store, cache, &published)?);
        }
        let data = &found[&key];
        if data.disbelieved.is_none() {
            run.earlier = Some(Earlier { data: data.earlier.clone(), name: None });
        }
        if data.names.is_empty() || published.contains(&run.id) {
            continue;
        }
        if identities.as_ref().is_none_or(|(config, _)| !Arc::ptr_eq(config, &run.config)) {
            let of = |name: &String| {
                let mut config = RunConfig::clone(&run.config);
                config.data.name.clone_from(name);
                Identity::new(ENGINE, &config, &data.earlier)
            };
            identities = Some((Arc::clone(&run.config), data.names.iter().map(of).collect()));
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
) -> anyhow::Result<Found> {
    let dataset = cache.get(config)?;
    let earlier = dataset.origin.earlier.clone().unwrap_or_default();
    // Kept before the first run was trained: without them there is no run.
    let Some(kept) = store.reference(&earlier)? else {
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
        .map(|spec| spec.config.data.name.clone())
        .collect();
    Ok(Found { earlier, names: names.into_iter().collect(), disbelieved })
}
