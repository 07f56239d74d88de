//! Description of data sets before training: one line per data set, and likely mistakes.

use std::collections::{BTreeMap, BTreeSet};

use super::run_config;
use crate::data::{Cache, DataConfig, DataSize};
use crate::made::ModelConfig;
use crate::trainer::{Config, Described, TrainerError};

/// Maximum number of data sets that are described individually.
const MOST: usize = 24;

/// Training images for each class, below which a class may have none: of more, built-in sets, whose
/// classes are equally likely, are not drawn to see it.
const FEW_A_CLASS: usize = 50;

/// Describes every data set of some runs. Files are loaded, and remain loaded for training.
pub(super) fn describe(
    configs: &[&Config],
    asks_for_size: bool,
    cache: &Cache,
) -> Result<Described, TrainerError> {
    let mut said = Described::default();
    let mut batches: BTreeMap<String, usize> = BTreeMap::new();
    let mut told_classes: BTreeSet<String> = BTreeSet::new();
    let mut sets: Vec<(String, DataConfig)> = Vec::new();
    for config in configs {
        let config = run_config(config);
        let (key, batch) = (config.data.key(), config.train.batch);
        if config.model.classes {
            told_classes.insert(key.clone());
        }
        if let Some(most) = batches.get_mut(&key) {
            *most = batch.max(*most);
            continue;
        }
        batches.insert(key.clone(), batch);
        sets.push((key, config.data.clone()));
    }
    for (key, data) in sets.iter().take(MOST) {
        let described = cache.describe(data).map_err(TrainerError::new)?;
        said.lines.push(described.line());
        let mut add = |warning: String| {
            if !said.warnings.contains(&warning) {
                said.warnings.push(warning);
            }
        };
        let (name, size) = (&data.name, described.size);
        described
            .left_out
            .iter()
            .for_each(|sentence| add(format!("{name}: left out: {sentence}")));
        described.warnings().into_iter().for_each(&mut add);
        let (train, batch) = (size.train, batches[key]);
        if batch > train {
            add(format!(
                "{name}: train.batch = {batch} is more than its {train} training images: each step takes all"
            ));
        }
        let is_file = cache.loaded(data).is_some();
        if told_classes.contains(key) && (is_file || train < FEW_A_CLASS * size.classes) {
            let unseen = cache.get(data).map_err(TrainerError::new)?.unseen_classes();
            if !unseen.is_empty() {
                add(format!(
                    "{name}: no training image has the class {}, of which model.classes = true then learns nothing",
                    unseen.join(", ")
                ));
            }
        }
        if asks_for_size {
            size_passed_over(name, described.size, data.size).into_iter().for_each(&mut add);
        }
    }
    if sets.len() > MOST {
        said.lines.push(format!("and {} more data sets", sets.len() - MOST));
    }
    Ok(said)
}

/// Sentence on a `model.components` that is set for all configurations but has no effect in any.
pub(super) fn components_passed_over(configs: &[&Config]) -> Option<String> {
    let mut models = configs.iter().map(|config| &run_config(config).model);
    let first = models.next()?;
    let is_passed_over =
        |model: &ModelConfig| !model.output.is_mixture() && model.components == first.components;
    (is_passed_over(first) && models.all(is_passed_over)).then(|| {
        format!(
            "model.components = {} is ignored: model.output is no mixture in any variant",
            first.components
        )
    })
}

/// Sentence on a `size` that is set but has no effect.
pub fn size_passed_over(name: &str, of: DataSize, asked: usize) -> Option<String> {
    let shape = of.shape;
    let has = match shape.height {
        1 => format!("vectors of {}", shape.width),
        height => format!("images of {height} x {}", shape.width),
    };
    let is_other = (shape.width, shape.height) != (asked, asked);
    is_other.then(|| {
        format!(
            "{name}: data.size = {asked} is ignored: it holds {has}, which are used as they are"
        )
    })
}
