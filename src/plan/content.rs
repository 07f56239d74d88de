//! Content of variants: what decides their values besides the seed. A study is recognised by it
//! under any name.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Hashed, Plan, PlannedVariant, RunId, RunSpec, hashed};
use crate::rng::Seed;
use crate::trainer::{Config, Metric, Trainer};

/// Identity of a variant without its seeds: `v` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ContentId(String);

impl TryFrom<String> for ContentId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('v').unwrap_or_default();
        let plain = digits.len() == 16
            && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if plain {
            Ok(Self(text))
        } else {
            let text = crate::text::brief(&text);
            Err(format!("{text} is no identity of a variant: v and 16 hexadecimal digits"))
        }
    }
}

impl ContentId {
    fn of(hash: &blake3::Hash) -> Self {
        Self(format!("v{}", &hash.to_hex()[..16]))
    }
}

impl Hashed {
    /// The identity of the variant, for all seeds.
    pub fn content(&self) -> ContentId {
        ContentId::of(&self.0.clone().update(b" for all seeds").finalize())
    }
}

/// Runs of one configuration.
#[derive(Debug, Clone)]
pub struct Configured<'a> {
    /// Identity for all seeds.
    pub content: ContentId,
    /// Identity for all seeds of everything that can change the compared metric: equal for
    /// configurations that differ only in settings without effect on it.
    pub compared: ContentId,
    /// Specification of the first run.
    pub spec: &'a RunSpec,
    /// All of them, one for each seed.
    pub runs: &'a [RunId],
}

/// Content of a plan.
#[derive(Debug, Clone)]
pub struct StudyContents<'a> {
    /// Every configuration once, candidates of tuned variants included.
    pub configured: Vec<Configured<'a>>,
    /// Content of each variant of each study, in the order of the plan.
    pub studies: Vec<Vec<ContentId>>,
    /// Seeds of the plan.
    pub seeds: BTreeSet<Seed>,
    /// Definition of the compared metric, and of the one that `tune` chooses by.
    pub metric: String,
}

/// Identity of everything in a configuration that can change a metric.
pub fn compared_content(
    trainer: &dyn Trainer,
    config: &Config,
    data: &str,
    metric: &Metric,
) -> ContentId {
    let without = trainer.without_idle_settings(config, metric);
    hashed(trainer, without.as_ref().unwrap_or(config), data).content()
}

/// Definition of a metric: its place, direction and unit.
fn defined(trainer: &dyn Trainer, metric: &Metric) -> String {
    let place = trainer.read_from(metric);
    let place = if place.is_empty() { metric.name.clone() } else { place };
    let better = metric.better.word().to_lowercase();
    let unit = match metric.unit.short.as_str() {
        "" => String::new(),
        unit => format!(", in {unit}"),
    };
    format!("{place}{unit}, {better} is better")
}

impl Plan {
    /// Content of the plan's studies. A tuned variant is known by all of its candidates.
    pub fn contents(&self, trainer: &dyn Trainer) -> StudyContents<'_> {
        let by_id = self.by_id();
        let metric = trainer.metrics().get(&self.compare.metric);
        let mut index: BTreeMap<&RunId, usize> = BTreeMap::new();
        let mut firsts: Vec<(&RunSpec, &[RunId])> = Vec::new();
        let variants = || self.studies.iter().flat_map(|study| &study.variants);
        for runs in variants().flat_map(configurations) {
            let Some((first, spec)) = runs.first().and_then(|run| by_id.get_key_value(run)) else {
                continue;
            };
            index.entry(first).or_insert_with(|| {
                firsts.push((spec, runs));
                firsts.len() - 1
            });
        }
        let configured: Vec<Configured> = firsts
            .into_par_iter()
            .map(|(spec, runs)| {
                let content = hashed(trainer, &spec.config, &spec.data).content();
                let compared = metric.map_or_else(
                    || content.clone(),
                    |metric| compared_content(trainer, &spec.config, &spec.data, metric),
                );
                Configured { content, compared, spec, runs }
            })
            .collect();
        let of_variant = |variant: &PlannedVariant| -> ContentId {
            let of_runs = |runs: &[RunId]| {
                runs.first()
                    .and_then(|run| index.get(run))
                    .map(|&at| configured[at].compared.clone())
            };
            let own: BTreeSet<ContentId> = configurations(variant).filter_map(of_runs).collect();
            match own.first() {
                Some(only) if variant.candidates.is_empty() => only.clone(),
                _ => {
                    let mut hasher = blake3::Hasher::new();
                    for candidate in &own {
                        hasher.update(candidate.0.as_bytes());
                    }
                    ContentId::of(&hasher.finalize())
                }
            }
        };
        let studies = self
            .studies
            .iter()
            .map(|study| study.variants.iter().map(of_variant).collect())
            .collect();
        let is_tuned = self.studies.iter().flat_map(|study| &study.axes).any(|axis| axis.tune);
        let mut metric = metric.map(|metric| defined(trainer, metric)).unwrap_or_default();
        if is_tuned {
            metric += "; tuned by ";
            metric += &defined(trainer, trainer.metrics().select());
        }
        StudyContents {
            metric,
            configured,
            studies,
            seeds: self.seeds.iter().copied().collect(),
        }
    }
}

/// Runs of each configuration of a variant: its own, or those of its candidates.
fn configurations(variant: &PlannedVariant) -> impl Iterator<Item = &[RunId]> {
    let own = variant.candidates.is_empty().then_some(variant.runs.as_slice());
    own.into_iter()
        .chain(variant.candidates.iter().map(|candidate| candidate.runs.as_slice()))
}
