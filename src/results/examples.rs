//! Variation over test examples, the second source of error: seeds represent other trainings,
//! examples other test sets.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::ExperimentResults;
use crate::npy;
use crate::plan::RunId;
use crate::stats::{Crossed, CrossedSums, Estimate, mean};
use crate::store::{Store, StoreError};
use crate::text::{brief, count, short};
use crate::trainer::PerExample;

/// Differences over the test examples, and why some are missing.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Per study and variant: mean over the test examples of the difference to the baseline, each
    /// example's value averaged over the seeds that both sides have; its interval is over examples.
    pub(super) estimates: BTreeMap<(usize, usize), Estimate>,
    /// The same over seeds and test examples at once.
    pub(super) crossed: BTreeMap<(usize, usize), Crossed>,
    /// Runs whose values cannot be read, with the reason.
    pub(super) unread: BTreeMap<RunId, String>,
}

/// Computes the differences to the baseline over the test examples.
pub(super) fn differences(
    study: &ExperimentResults,
    store: &Store,
) -> Result<Differences, StoreError> {
    let specs = study.plan.by_id();
    let mut pairs = Vec::new();
    for (s, planned) in study.plan.studies.iter().enumerate() {
        let references = study.references(planned);
        for (v, variant) in planned.variants.iter().enumerate() {
            let Some(base) = references[v].filter(|base| *base != v) else { continue };
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
        let (difference, unread) = mean_difference(study, store, common, &controls)?;
        let (mean, crossed) = difference.unzip();
        let estimate = mean.and_then(|mean: Vec<f64>| Estimate::of(&mean, level));
        let crossed = crossed.and_then(|sums: CrossedSums| sums.estimate(level));
        let at = (*s, *v);
        Ok((estimate.map(|estimate| (at, estimate)), crossed.map(|it| (at, it)), unread))
    };
    let mut found = Differences::default();
    for (estimate, crossed, unread) in
        pairs.par_iter().map(estimate).collect::<Result<Vec<_>, StoreError>>()?
    {
        found.estimates.extend(estimate);
        found.crossed.extend(crossed);
        found.unread.extend(unread);
    }
    Ok(found)
}

/// Values of a run for each test example.
enum Values {
    Read(Vec<f64>),
    /// The run left none.
    Absent,
    /// It left some that cannot be read; the reason.
    Unreadable(String),
}

/// Values of the runs that others are compared with.
type Controls = BTreeMap<RunId, Values>;

/// A mean for each test example, and the sums of squares over seeds and examples.
type MeanAndSums = (Vec<f64>, CrossedSums);

/// Example by example, the mean over the pairs of second minus first; `None` where a run left no
/// such file, where a file cannot be read, or where their lengths disagree. With the runs whose file
/// cannot be read.
fn mean_difference(
    study: &ExperimentResults,
    store: &Store,
    pairs: &[(&RunId, &RunId)],
    controls: &Controls,
) -> Result<(Option<MeanAndSums>, BTreeMap<RunId, String>), StoreError> {
    let (mut sum, mut unread): (Option<Vec<f64>>, _) = (None, BTreeMap::new());
    let mut crossed = CrossedSums::default();
    let mut complete = true;
    for (control_run, treated_run) in pairs {
        let values = read(study, store, treated_run)?;
        for (run, values) in [(control_run, &controls[*control_run]), (treated_run, &values)] {
            if let Values::Unreadable(reason) = values {
                unread.insert((*run).clone(), reason.clone());
            }
        }
        let (Values::Read(control), Values::Read(treated)) = (&controls[*control_run], &values)
        else {
            complete = false;
            continue;
        };
        let sum = sum.get_or_insert_with(|| vec![0.0; control.len()]);
        for (run, values) in [(control_run, control), (treated_run, treated)] {
            if values.len() != sum.len() {
                let (one, other) = (count(sum.len(), "example"), values.len());
                unread
                    .insert((*run).clone(), format!("run {run} has {other} values, others {one}"));
                complete = false;
            }
        }
        if sum.len() != control.len() || sum.len() != treated.len() {
            continue;
        }
        let differences: Vec<f64> = control
            .iter()
            .zip(treated)
            .map(|(control, treated)| treated - control)
            .collect();
        sum.iter_mut()
            .zip(&differences)
            .for_each(|(sum, difference)| *sum += difference);
        if !differences.is_empty() {
            crossed.add(&differences);
        }
    }
    let n = pairs.len() as f64;
    let mean = sum.filter(|_| complete).map(|sum| sum.into_iter().map(|d| d / n).collect());
    Ok((mean.map(|mean| (mean, crossed)), unread))
}

fn read(study: &ExperimentResults, store: &Store, run: &RunId) -> Result<Values, StoreError> {
    let summary = study.records[run].summary.as_ref();
    let Some(summary) = summary else { return Ok(Values::Absent) };
    let file = match &study.metric().examples {
        PerExample::Of(name) => name(&summary.facts).map(str::to_owned),
        PerExample::Named(name) => {
            let there = store.files_of(run).unwrap_or_default();
            let names = ["npy", "txt"].map(|ending| format!("{name}.{ending}"));
            names.into_iter().find(|name| there.contains(name))
        }
    };
    let Some(file) = &file else { return Ok(Values::Absent) };
    let bytes = match store.file(run, file) {
        Err(error @ StoreError::Damaged { .. }) => {
            return Ok(Values::Unreadable(error.to_string()));
        }
        Err(StoreError::NoSuchRun { .. }) => return Ok(Values::Absent),
        bytes => bytes?,
    };
    let Some(bytes) = bytes else { return Ok(Values::Absent) };
    let unreadable = |why: &str| {
        let path = store.run_dir(run).join(file);
        Values::Unreadable(format!("run {run}: {}: {why}", path.display()))
    };
    let values = match file.strip_suffix(".txt") {
        None => npy::numbers(&bytes).map_err(|error| error.to_string()),
        Some(_) => words(&bytes),
    };
    Ok(match values {
        Err(why) => unreadable(&why),
        Ok(values) if values.iter().any(|value| !value.is_finite()) => {
            unreadable("a value in it is not finite")
        }
        Ok(values) => match other_mean(study, run, &values) {
            Some(why) => unreadable(&why),
            None => Values::Read(values),
        },
    })
}

/// Relative difference between a metric and the mean of its values that rounding may make.
const ROUNDED: f64 = 0.01;

/// Reason why values for each example, named by the user of a program, are not those of the metric:
/// their mean is another number, as that of 0 and 1 is where the metric is a percentage.
fn other_mean(study: &ExperimentResults, run: &RunId, values: &[f64]) -> Option<String> {
    let PerExample::Named(_) = study.metric().examples else { return None };
    let (metric, mean) = (study.value(run)?, mean(values)?);
    let differs = (metric - mean).abs() > ROUNDED * metric.abs().max(mean.abs());
    differs.then(|| {
        let (name, metric, mean) = (&study.metric().words.short, short(metric), short(mean));
        format!("the mean of its values is {mean}, and {name} is {metric}")
    })
}

/// Numbers between blanks or line ends.
fn words(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    text.split_whitespace()
        .map(|word| word.parse().map_err(|_| format!("{} is no number", brief(word))))
        .collect()
}
