//! `ablade status [STUDY]`: what finished, failed and remains, of one experiment or of all.

use clap::Args;

use super::terminal::table;
use super::{Exit, Global, Terminal};
use crate::plan::Plan;
use crate::store::{RunStatus, Store};

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only this experiment, with every run that is not finished
    study: Option<String>,
}

pub(crate) fn status(args: &StatusArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let store = Store::open(&global.results)?;
    let names = args.study.clone().map_or_else(|| store.experiments(), |name| Ok(vec![name]))?;
    if names.is_empty() {
        terminal.remark(format!("no experiment in {} yet", global.results.display()));
    }
    let mut rows = table(&["experiment", "runs", "finished", "diverged", "failed", "to run"], 1);
    let mut details = Vec::new();
    for name in &names {
        let plan = store.load_plan(name)?;
        let mut counts = [0; 4];
        for (label, run) in labelled(&plan) {
            let record = store.record(run)?;
            let column = match record.status {
                RunStatus::Finished => 0,
                RunStatus::Diverged => 1,
                RunStatus::Failed => 2,
                RunStatus::Outstanding => 3,
            };
            counts[column] += 1;
            if args.study.is_some() && column > 0 {
                let reason = record.error.map_or_else(String::new, |error| format!(": {error}"));
                details.push(format!("{run}  {label}  {}{reason}", record.status.word()));
            }
        }
        let total = counts.iter().sum::<usize>();
        rows.add_row(
            std::iter::once(name.clone()).chain([total].into_iter().chain(counts).map(|n: usize| n.to_string())),
        );
    }
    if !names.is_empty() {
        writeln!(terminal.out, "{rows}")?;
    }
    for line in details {
        writeln!(terminal.out, "{line}")?;
    }
    Ok(Exit::Success)
}

/// Every run of a plan once, under the name of the variant that first needs it.
pub(crate) fn labelled(plan: &Plan) -> Vec<(String, &crate::plan::RunId)> {
    let mut seen = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for variant in plan.studies.iter().flat_map(|study| &study.variants) {
        for (run, seed) in variant.runs.iter().zip(&plan.seeds) {
            if seen.insert(run) {
                found.push((format!("{} / seed {}", variant.label, seed.0), run));
            }
        }
    }
    found
}
