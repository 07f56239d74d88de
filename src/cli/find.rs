//! Selection of a run: the beginning of an id, or `study/variant/seed` as in `runs.csv`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, ensure};

use crate::plan::RunId;
use crate::store::{Store, StoreError};
use crate::text::{count, nearest};

/// Address of a run: a study, a variant and a seed that use it.
struct RunAddress {
    experiment: String,
    study: String,
    variant: String,
    label: String,
    seed: u64,
    run: RunId,
}

impl RunAddress {
    fn name(&self) -> String {
        format!("{}/{}/{}", self.study, self.variant, self.seed)
    }
}

/// Addresses of every run that the plans on disk name.
struct Addresses {
    found: Vec<RunAddress>,
    /// Experiments whose plan cannot be read, so that it names no run, with the reason.
    unread: BTreeMap<String, StoreError>,
}

impl Addresses {
    /// Fails with what is wrong with the plan of an experiment, where that cannot be read.
    fn check(&mut self, experiment: &str) -> Result<(), StoreError> {
        self.unread.remove(experiment).map_or(Ok(()), Err)
    }

    /// Clause for a message that something was not found: a plan that cannot be read may name it.
    fn hint(&self) -> String {
        match self.unread.len() {
            0 => String::new(),
            n => format!(
                "; {} that may name it cannot be read: `ablade status` says why",
                count(n, "plan")
            ),
        }
    }
}

fn addresses(store: &Store) -> Result<Addresses, StoreError> {
    let (mut addresses, mut unread) = (Vec::new(), BTreeMap::new());
    for name in store.experiments()? {
        let plan = match store.load_plan(&name) {
            Ok(plan) => plan,
            Err(reason) => {
                unread.insert(name, reason);
                continue;
            }
        };
        for study in &plan.studies {
            for variant in &study.variants {
                addresses.extend(variant.runs.iter().zip(&plan.seeds).map(|(run, seed)| {
                    RunAddress {
                        experiment: plan.name.clone(),
                        study: study.name.clone(),
                        variant: variant.name.clone(),
                        label: variant.label.clone(),
                        seed: seed.0,
                        run: run.clone(),
                    }
                }));
            }
        }
    }
    Ok(Addresses { found: addresses, unread })
}

/// Finds the run to which `text` refers, and its name for messages.
pub(crate) fn find(text: &str, store: &Store) -> anyhow::Result<(RunId, String)> {
    let mut addresses = addresses(store)?;
    addresses.check(text.split_once('/').map_or(text, |(experiment, _)| experiment))?;
    let hint = addresses.hint();
    let addresses = addresses.found;
    if text.contains('/') {
        let address = by_address(text, &addresses.iter().collect::<Vec<_>>(), store, &hint)?;
        return Ok((address.run.clone(), address.name()));
    }
    let run = by_prefix(text, &addresses, store, &hint)?;
    let name = addresses.iter().find(|address| address.run == run).map(RunAddress::name);
    Ok((run.clone(), name.unwrap_or_else(|| run.to_string())))
}

fn by_prefix(
    text: &str,
    addresses: &[RunAddress],
    store: &Store,
    hint: &str,
) -> anyhow::Result<RunId> {
    let names: BTreeMap<&RunId, String> =
        addresses.iter().rev().map(|address| (&address.run, address.name())).collect();
    let known: BTreeSet<RunId> = store
        .published()?
        .into_iter()
        .chain(names.keys().map(|&run| run.clone()))
        .collect();
    let root = store.root().display();
    let meant: Vec<&RunId> = known.iter().filter(|run| run.as_str().starts_with(text)).collect();
    match meant[..] {
        [run] if !text.is_empty() => Ok(run.clone()),
        [] => {
            if let Some(address) = addresses
                .iter()
                .find(|address| [&address.experiment, &address.study].contains(&&text.to_owned()))
            {
                bail!(
                    "`{text}` is a study, not a run: add variant and seed, as in {}",
                    address.name()
                );
            }
            let nearest = nearest(
                text,
                known
                    .iter()
                    .map(RunId::as_str)
                    .chain(addresses.iter().map(|p| p.study.as_str())),
            );
            bail!(
                "no run `{text}` in {root}, by its id or as study/variant/seed{}{hint}",
                meant_perhaps(nearest)
            )
        }
        _ => {
            let shown = meant.iter().take(5).map(|&run| match names.get(run) {
                Some(name) => format!("{run} ({name})"),
                None => run.to_string(),
            });
            let more = if meant.len() > 5 { ", ..." } else { "" };
            let shown = shown.collect::<Vec<_>>().join(", ");
            bail!(
                "`{text}` begins the ids of {} in {root}: {shown}{more}",
                count(meant.len(), "run")
            )
        }
    }
}

fn by_address<'a>(
    text: &str,
    addresses: &[&'a RunAddress],
    store: &Store,
    hint: &str,
) -> anyhow::Result<&'a RunAddress> {
    let (study, rest) = text.split_once('/').unwrap_or((text, ""));
    let here: Vec<&RunAddress> = addresses
        .iter()
        .filter(|p| p.study == study || p.experiment == study)
        .copied()
        .collect();
    // Several studies of one experiment may be told apart: experiment/study/variant/seed.
    if let Some((inner, of_inner)) = rest.split_once('/')
        && here.iter().any(|p| p.experiment == study && p.study == inner)
    {
        let inside: Vec<&RunAddress> = here.into_iter().filter(|p| p.experiment == study).collect();
        return by_address(&format!("{inner}/{of_inner}"), &inside, store, hint);
    }
    if here.is_empty() {
        let names = addresses
            .iter()
            .flat_map(|address| [address.study.as_str(), &address.experiment]);
        bail!(
            "no study `{study}` in {}{}{hint}",
            store.root().display(),
            meant_perhaps(nearest(study, names))
        );
    }
    // A label may contain a slash, a seed does not.
    let (variant, seed) = rest.rsplit_once('/').unwrap_or((rest, ""));
    let of_variant: Vec<&RunAddress> = here
        .iter()
        .filter(|p| p.variant == variant || p.label == variant)
        .copied()
        .collect();
    if of_variant.is_empty() {
        let nearest = nearest(variant, here.iter().map(|address| address.variant.as_str()));
        let variants = distinct(here.iter().map(|address| address.variant.clone()));
        bail!(
            "no variant `{variant}` in {study}, which has {variants}{}",
            meant_perhaps(nearest)
        );
    }
    let found: Vec<&RunAddress> = of_variant
        .iter()
        .filter(|address| address.seed.to_string() == seed)
        .copied()
        .collect();
    let seeds = distinct(of_variant.iter().map(|address| address.seed.to_string()));
    ensure!(!seed.is_empty(), "`{text}` lacks a seed: {study}/{variant} has {seeds}");
    ensure!(!found.is_empty(), "no seed `{seed}` of {study}/{variant}, which has {seeds}");
    ensure!(
        found.iter().all(|address| address.run == found[0].run),
        "`{text}` is another run in each study: {}",
        distinct(found.iter().map(|address| format!("{} ({})", address.name(), address.run)))
    );
    Ok(found[0])
}

fn distinct(names: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    names.for_each(|name| {
        if !seen.contains(&name) {
            seen.push(name);
        }
    });
    seen.join(", ")
}

fn meant_perhaps(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
