//! What is said of the data before anything trains on them: one line a data set, what looks like a
//! mistake, and variants that cannot differ on them.

use std::collections::BTreeMap;

use crate::data::{Cache, DataSize};
use crate::experiment::{ExpandedStudy, Experiment, effective};
use crate::plan::{Metric, Plan};
use crate::results::metric_words;

/// Data sets and groups of variants that are named one by one.
const MOST: usize = 24;

/// What is said of the data of a plan.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// One line a data set.
    pub(crate) lines: Vec<String>,
    /// What should be known before training, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// What is known of a data set.
struct Known {
    size: DataSize,
    /// Equal where the images are.
    content: String,
}

/// Looks at every data set of a plan. Files are loaded, and stay for the training.
pub(crate) fn about(plan: &Plan, experiment: &Experiment, cache: &Cache) -> anyhow::Result<Said> {
    let mut said = Said::default();
    let mut batches: BTreeMap<String, usize> = BTreeMap::new();
    let mut sets = Vec::new();
    let mut last = None;
    for run in &plan.runs {
        let batch = run.config.train.batch;
        if let Some((data, key)) = &last
            && *data == &run.config.data
        {
            batches.entry(String::clone(key)).and_modify(|most| *most = batch.max(*most));
            continue;
        }
        let key = serde_json::to_string(&run.config.data)?;
        match batches.get_mut(&key) {
            Some(most) => *most = batch.max(*most),
            None => {
                sets.push((key.clone(), &run.config.data));
                batches.insert(key.clone(), batch);
            }
        }
        last = Some((&run.config.data, key));
    }
    for (key, data) in sets.iter().take(MOST) {
        let described = cache.describe(data)?;
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
        if experiment.asks_for_size {
            size_passed_over(name, described.size, data.size).into_iter().for_each(&mut add);
        }
    }
    if sets.len() > MOST {
        said.lines.push(format!("and {} more data sets", sets.len() - MOST));
    }
    for study in &experiment.studies {
        said.warnings.extend(without_effect(study, plan.compare.metric, cache)?);
    }
    Ok(said)
}

/// The sentence on a `size` that is asked for and changes nothing.
pub(crate) fn size_passed_over(name: &str, of: DataSize, asked: usize) -> Option<String> {
    let shape = of.shape;
    let has = match shape.height {
        1 => format!("vectors of {}", shape.width),
        height => format!("images of {height} x {}", shape.width),
    };
    let is_other = (shape.width, shape.height) != (asked, asked);
    is_other.then(|| {
        format!(
            "{name}: data.size = {asked} is passed over: it holds {has}, which are used as they are"
        )
    })
}

/// Groups of variants of a study that cannot differ in the metric, a sentence each.
fn without_effect(
    study: &ExpandedStudy,
    metric: Metric,
    cache: &Cache,
) -> anyhow::Result<Vec<String>> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut groups: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    let mut vectors = false;
    for (i, variant) in study
        .variants
        .iter()
        .enumerate()
        .filter(|(_, variant)| variant.candidates.is_empty())
    {
        let data = &variant.config.data;
        let key = serde_json::to_string(data)?;
        if !known.contains_key(&key) {
            let size = cache.size(data)?;
            let content = match cache.loaded(data) {
                Some(set) => set.origin.images.clone().unwrap_or_default(),
                None => cache.fingerprint(data)?,
            };
            vectors |= size.shape.height == 1;
            known.insert(key.clone(), Known { size, content });
        }
        let Known { size, content } = &known[&key];
        let effective = serde_json::to_string(&effective(&variant.config, *size, metric))?;
        groups.entry((content.clone(), effective)).or_default().push(i);
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
            if !everywhere && !paths.contains(&change.path) {
                paths.push(change.path);
            }
        }
        let grid = if vectors && paths.contains(&"model.ordering") {
            ": vectors have no rows and columns (data.size makes images of them)"
        } else {
            ""
        };
        let (name, labels, metric) = (&study.name, labels.join("; "), metric_words(metric));
        let verb = if paths.len() == 1 { "changes" } else { "change" };
        found.push(format!(
            "{name}: {labels}: no difference in {metric} is possible, {} {verb} nothing here{grid}",
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
