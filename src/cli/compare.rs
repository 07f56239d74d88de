//! `ablade compare STUDY [STUDY]`: the ablation table of one experiment, or two of them matched by variant and seed.

use anyhow::ensure;
use clap::Args;

use super::terminal::{count, table};
use super::{Exit, Global, Terminal, ablation};
use crate::store::{RunStatus, Store};
use crate::study::scored::{Otherwise, Scored};
use crate::study::{Study, set_baseline};

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Experiment
    study: String,
    /// A second one: what of the first does it change?
    other: Option<String>,
    /// Compare with this variant in place of the baseline
    #[arg(long, value_name = "LABEL", conflicts_with = "other")]
    baseline: Option<String>,
    /// Results directory of the second experiment, if another
    #[arg(long, value_name = "DIR")]
    other_results: Option<std::path::PathBuf>,
}

pub(crate) fn compare(args: &CompareArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let store = Store::open(&global.results)?;
    let mut plan = store.load_plan(&args.study)?;
    if let Some(label) = &args.baseline {
        set_baseline(&mut plan, label)?;
    }
    let study = Study::load(&store, plan)?;
    if args.other.is_none() && args.other_results.is_none() {
        ablation::print(&study, terminal)?;
        return Ok(Exit::Success);
    }
    let other_store = Store::open(args.other_results.as_ref().unwrap_or(&global.results))?;
    let name = args.other.as_ref().unwrap_or(&args.study);
    let other = Study::load(&other_store, other_store.load_plan(name)?)?;
    two(&study, &other, terminal)
}

/// What became of a run from one experiment to the other.
#[derive(Default)]
struct Matched {
    identical: usize,
    differences: Vec<f64>,
    unfinished: usize,
    /// Why runs were left out: they were scored on other data.
    elsewhere: Option<String>,
}

/// Two experiments, matched by study, variant and seed: which numbers changed?
fn two(first: &Study, second: &Study, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let metric = first.plan.compare.metric;
    ensure!(metric == second.plan.compare.metric, "they compare different numbers: see [compare] metric of each");
    let single = first.plan.studies.len() == 1 && second.plan.studies.len() == 1;
    let mut rows = table(&["variant", "runs", "identical", "changed", "not finished", "mean change", "largest"], 1);
    let (mut changed, mut alone) = (0, Vec::new());
    let (ours, theirs) = (first.plan.by_id(), second.plan.by_id());
    for study in &first.plan.studies {
        let counterpart = second.plan.studies.iter().find(|other| single || other.name == study.name);
        for variant in &study.variants {
            let Some(other) = counterpart.and_then(|c| c.variants.iter().find(|v| v.label == variant.label)) else {
                alone.push(format!("only in {}: {}", first.plan.name, variant.label));
                continue;
            };
            let mut matched = Matched::default();
            for (seed, run, a) in first.replicates(variant) {
                let Some((_, other_run, b)) = second.replicates(other).find(|(there, ..)| *there == seed) else {
                    continue;
                };
                let scored = Scored::of(ours[run], a);
                if let Some(Otherwise::Incomparable(why)) =
                    Scored::of(theirs[other_run], b).otherwise(&scored, &first.plan.name)
                {
                    matched.elsewhere = Some(why);
                    continue;
                }
                let done = a.status == RunStatus::Finished && b.status == RunStatus::Finished;
                match (a.metric(metric), b.metric(metric)) {
                    _ if done && a.summary == b.summary && a.epochs == b.epochs => matched.identical += 1,
                    (Some(a), Some(b)) => matched.differences.push(b - a),
                    _ => matched.unfinished += 1,
                }
            }
            if let Some(why) = matched.elsewhere {
                alone.push(format!("not compared: {}: {}", variant.label, why));
                continue;
            }
            changed += matched.differences.len();
            let n = matched.differences.len();
            let mean = matched.differences.iter().sum::<f64>() / n as f64;
            let largest = matched.differences.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
            rows.add_row([
                variant.label.clone(),
                (matched.identical + n + matched.unfinished).to_string(),
                matched.identical.to_string(),
                n.to_string(),
                matched.unfinished.to_string(),
                if n > 0 { format!("{mean:+.4}") } else { String::new() },
                largest.map(|largest| format!("{largest:+.4}")).unwrap_or_default(),
            ]);
        }
        let known = |label: &String| study.variants.iter().any(|variant| variant.label == *label);
        let others = counterpart.into_iter().flat_map(|counterpart| &counterpart.variants);
        alone.extend(others.filter(|v| !known(&v.label)).map(|v| format!("only in {}: {}", second.plan.name, v.label)));
    }
    writeln!(terminal.out, "{} against {}, nats per image, by variant and seed", second.plan.name, first.plan.name)?;
    writeln!(terminal.out, "{rows}")?;
    for line in alone {
        writeln!(terminal.out, "{line}")?;
    }
    writeln!(terminal.out, "{} changed", count(changed, "run"))?;
    Ok(Exit::Success)
}
