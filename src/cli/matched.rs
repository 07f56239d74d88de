//! Two experiments matched by study, variant and seed: which numbers changed, and which settings.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;

use super::Terminal;
use super::leaves::{Leaves, changes, leaves};
use super::terminal::table;
use crate::plan::{PlannedVariant, RunId, RunSpec};
use crate::results::ExperimentResults;
use crate::rng::Seed;
use crate::store::{RunRecord, RunStatus};
use crate::text::{count, signed};
use crate::trainer::{Metric, Otherwise};

/// What became of a variant from one experiment to the other.
#[derive(Debug, Default, PartialEq)]
struct Matched {
    label: String,
    /// Seeds whose runs have the same numbers to the last bit, epochs included.
    identical: usize,
    /// Second minus first, of the seeds whose runs have others.
    differences: Vec<f64>,
    /// Seeds that did not finish on both sides.
    unfinished: usize,
    /// Seeds that one side alone plans.
    alone: usize,
    /// Why seeds are left out: the two sides are scored on data whose numbers do not compare.
    incomparable: Option<String>,
}

/// Two experiments side by side.
#[derive(Debug, Default, PartialEq)]
struct Matching {
    rows: Vec<Matched>,
    /// Variants that only the first and only the second has.
    only: [Vec<String>; 2],
    /// Settings that differ, `path old -> new`, with the variants they differ in.
    settings: BTreeMap<String, Vec<String>>,
    /// Data sets whose content differs under the same settings, with the variants that are scored
    /// on them.
    other_content: BTreeMap<String, BTreeSet<String>>,
}

/// Prints what changed from `first` to `second`.
pub(crate) fn print(
    first: &ExperimentResults,
    second: &ExperimentResults,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let matching = Matching::of(first, second);
    if let Some((data, variants)) = matching.other_content.iter().next() {
        let all = variants.len() == matching.rows.len();
        let which = if all {
            "every variant".to_owned()
        } else {
            variants.iter().cloned().collect::<Vec<_>>().join("; ")
        };
        let examples = &first.metrics().examples;
        bail!(
            "not compared: the {examples} of {data}, or their division, have changed between {} and {}, so that their {} are of other {examples} \
             ({which}); sweep both on the same content",
            first.plan.name,
            second.plan.name,
            first.metrics().family
        );
    }
    let names = [&first.plan.name, &second.plan.name];
    let mut rows = table(
        &[
            "variant",
            "seeds",
            "identical",
            "changed",
            "not finished",
            "mean change",
            "largest",
        ],
        1,
    );
    for row in &matching.rows {
        let n = row.differences.len();
        let mean = row.differences.iter().sum::<f64>() / n as f64;
        let largest = row.differences.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        rows.add_row([
            row.label.clone(),
            (row.identical + n + row.unfinished).to_string(),
            row.identical.to_string(),
            n.to_string(),
            row.unfinished.to_string(),
            if n > 0 { signed(mean, 4) } else { String::new() },
            largest.map(|largest| signed(largest, 4)).unwrap_or_default(),
        ]);
    }
    let out = &mut terminal.out;
    let unit = match first.metric().unit.long.as_str() {
        "" => String::new(),
        unit => format!("{unit}, "),
    };
    writeln!(out, "{} against {}, {unit}by variant and seed", names[1], names[0])?;
    writeln!(out, "{rows}")?;
    for (name, only) in names.into_iter().zip(&matching.only).filter(|(_, only)| !only.is_empty()) {
        writeln!(out, "only in {name}: {}", only.join("; "))?;
    }
    for row in &matching.rows {
        if let Some(why) = &row.incomparable {
            writeln!(out, "not compared: {}: {}", row.label, why)?;
        }
    }
    let alone: usize = matching.rows.iter().map(|row| row.alone).sum();
    if alone > 0 {
        writeln!(out, "{} planned by one of them alone", count(alone, "run"))?;
    }
    for (setting, variants) in &matching.settings {
        let all = variants.len() == matching.rows.len();
        writeln!(
            out,
            "{setting}: {}",
            if all { "every variant".to_owned() } else { variants.join("; ") }
        )?;
    }
    let sum = |of: fn(&Matched) -> usize| matching.rows.iter().map(of).sum::<usize>();
    let (identical, changed) = (sum(|row| row.identical), sum(|row| row.differences.len()));
    writeln!(out, "{} identical, {changed} changed", count(identical, "run"))?;
    Ok(())
}

impl Matching {
    fn of(first: &ExperimentResults, second: &ExperimentResults) -> Self {
        let specs = [first.plan.by_id(), second.plan.by_id()];
        let single = first.plan.studies.len() == 1 && second.plan.studies.len() == 1;
        let mut found = Self::default();
        for study in &first.plan.studies {
            let there = second.plan.studies.iter().find(|other| single || other.name == study.name);
            let there = there.map_or(&[][..], |there| &there.variants);
            for variant in &study.variants {
                match there.iter().find(|other| other.label == variant.label) {
                    Some(other) => found.variant((first, variant), (second, other), &specs),
                    None => found.only[0].push(variant.label.clone()),
                }
            }
            let ours: BTreeSet<&str> =
                study.variants.iter().map(|variant| variant.label.as_str()).collect();
            let theirs = there.iter().filter(|variant| !ours.contains(variant.label.as_str()));
            found.only[1].extend(theirs.map(|variant| variant.label.clone()));
        }
        let known =
            |name: &str| single || first.plan.studies.iter().any(|study| study.name == name);
        let unmatched = second.plan.studies.iter().filter(|study| !known(&study.name));
        found.only[1].extend(
            unmatched
                .flat_map(|s| s.variants.iter().map(move |v| format!("{}: {}", s.name, v.label))),
        );
        found
    }

    fn variant(
        &mut self,
        (first, ours): (&ExperimentResults, &PlannedVariant),
        (second, theirs): (&ExperimentResults, &PlannedVariant),
        specs: &[BTreeMap<&RunId, &RunSpec>; 2],
    ) {
        let (metric, trainer) = (first.metric(), &first.trainer);
        let mut row = Matched { label: ours.label.clone(), ..Matched::default() };
        let there: BTreeMap<Seed, (&RunId, &RunRecord)> = second
            .replicates(theirs)
            .map(|(seed, run, record)| (seed, (run, record)))
            .collect();
        let mut changed = BTreeSet::new();
        let mut common = 0;
        for (seed, run, a) in first.replicates(ours) {
            let Some((other, b)) = there.get(&seed) else {
                row.alone += 1;
                continue;
            };
            common += 1;
            let (Some(ours), Some(theirs)) = (specs[0].get(run), specs[1].get(other)) else {
                continue;
            };
            changed.extend(differing(ours, theirs));
            let (scored, reference) = (theirs.scored(Some(b)), ours.scored(Some(a)));
            if trainer.content_differs(&scored, &reference) {
                let name = trainer.data_name(&ours.config);
                self.other_content.entry(name).or_default().insert(row.label.clone());
            }
            match trainer.otherwise(&scored, &reference, &first.plan.name) {
                Some(Otherwise::Incomparable(why)) => row.incomparable = Some(why),
                _ => row.add(a, b, metric),
            }
        }
        row.alone += there.len() - common;
        for setting in changed {
            self.settings.entry(setting).or_default().push(row.label.clone());
        }
        self.rows.push(row);
    }
}

impl Matched {
    fn add(&mut self, a: &RunRecord, b: &RunRecord, metric: &Metric) {
        let finished = a.status == RunStatus::Finished && b.status == RunStatus::Finished;
        match (metric.of(a), metric.of(b)) {
            _ if finished && a.summary == b.summary && a.epochs == b.epochs => self.identical += 1,
            (Some(a), Some(b)) => self.differences.push(b - a),
            _ => self.unfinished += 1,
        }
    }
}

/// What decides two runs' numbers and differs; of runs that differ in their identity alone, the
/// version that made them.
fn differing(a: &RunSpec, b: &RunSpec) -> Vec<String> {
    if a.id == b.id {
        return Vec::new();
    }
    let without_seed = |spec: &RunSpec| -> Leaves {
        let mut leaves = leaves(spec);
        leaves.remove("seed");
        leaves
    };
    let changes = changes(&without_seed(a), &without_seed(b));
    if changes.is_empty() {
        vec!["the same settings under another engine version".to_owned()]
    } else {
        changes
    }
}
