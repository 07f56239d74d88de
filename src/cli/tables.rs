//! `ablade tables [STUDY ...]`: writes the tables of experiments from what is on disk, at any time.

use clap::Args;

use super::terminal::count;
use super::{Exit, Global, Terminal, on_every_processor};
use crate::plan::Plan;
use crate::store::{RunStatus, Store};
use crate::study::{Study, tables};

#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// Experiments [default: all]
    studies: Vec<String>,
}

pub(crate) fn tables(args: &TablesArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let store = Store::open(&global.results)?;
    let names = if args.studies.is_empty() { store.experiments()? } else { args.studies.clone() };
    if names.is_empty() {
        terminal.remark(format!("no experiment in {} yet", global.results.display()));
    }
    for plan in names.iter().map(|name| store.load_plan(name)).collect::<Result<Vec<_>, _>>()? {
        let study = write(&store, &plan)?;
        let ended = |status| matches!(status, RunStatus::Finished | RunStatus::Diverged);
        let there = study.records.values().filter(|record| ended(record.status)).count();
        let (of, dir) = (count(study.records.len(), "run"), global.results.join(&plan.name));
        writeln!(terminal.out, "{}: {there} of {of}, tables in {}", plan.name, dir.display())?;
    }
    Ok(Exit::Success)
}

/// Writes the tables of a plan. Where another process publishes a run meanwhile, once more: of several that end together
/// the last one writes last, and sees everything.
pub(crate) fn write(store: &Store, plan: &Plan) -> anyhow::Result<Study> {
    store.tidy()?;
    loop {
        let before = store.finished(plan)?;
        let study = on_every_processor(|| tables::write_all(store, plan))?;
        if store.finished(plan)?.is_subset(&before) {
            return Ok(study);
        }
    }
}
