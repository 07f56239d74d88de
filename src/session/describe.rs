//! Description of an experiment's inputs before anything trains on them, and of variants that cannot
//! differ on them.

use std::collections::BTreeMap;

use crate::experiment::{ExpandedStudy, Experiment};
use crate::plan::Plan;
use crate::trainer::{Config, Described, Metric, Trainer, TrainerError};

/// Maximum number of groups of variants that are listed.
const MOST: usize = 24;

/// Describes the inputs of a plan, and what should be known before training.
pub(super) fn describe(
    plan: &Plan,
    experiment: &Experiment,
    trainer: &dyn Trainer,
) -> Result<Described, TrainerError> {
    let mut configs: Vec<&Config> = plan.runs.iter().map(|run| &run.config).collect();
    configs.dedup();
    let mut said = trainer.describe(&configs, &|path| experiment.written.contains(path))?;
    if let Some(metric) = trainer.metrics().get(&plan.compare.metric) {
        for study in &experiment.studies {
            said.warnings.extend(without_effect(study, metric, trainer)?);
        }
    }
    Ok(said)
}

/// Sentences on groups of variants of a study that cannot differ in the metric, one per group.
fn without_effect(
    study: &ExpandedStudy,
    metric: &Metric,
    trainer: &dyn Trainer,
) -> Result<Vec<String>, TrainerError> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, variant) in study
        .variants
        .iter()
        .enumerate()
        .filter(|(_, variant)| variant.candidates.is_empty())
    {
        if let Some(effective) = trainer.effective(&variant.config, metric)? {
            groups.entry(effective).or_default().push(i);
        }
    }
    let mut groups: Vec<Vec<usize>> =
        groups.into_values().filter(|group| group.len() > 1).collect();
    groups.sort_unstable();
    let mut found = Vec::new();
    for group in groups.iter().take(MOST) {
        let labels: Vec<&str> = group.iter().map(|&i| study.variants[i].label.as_str()).collect();
        let mut paths: Vec<&str> = Vec::new();
        for change in group.iter().flat_map(|&i| &study.variants[i].changes) {
            let everywhere = group.iter().all(|&i| study.variants[i].changes.contains(change));
            if !everywhere && !paths.contains(&change.path.as_str()) {
                paths.push(&change.path);
            }
        }
        let why = group
            .iter()
            .find_map(|&i| trainer.no_effect(&study.variants[i].config, &paths))
            .map_or(String::new(), |why| format!(": {why}"));
        let (name, labels, metric) = (&study.name, labels.join("; "), &metric.words.short);
        let verb = if paths.len() == 1 { "changes" } else { "change" };
        found.push(format!(
            "{name}: {labels}: no difference in {metric} is possible, {} {verb} nothing here{why}",
            paths.join(" and ")
        ));
    }
    if groups.len() > MOST {
        found.push(format!(
            "{}: and {} more groups of variants that cannot differ",
            study.name,
            groups.len() - MOST
        ));
    }
    Ok(found)
}
