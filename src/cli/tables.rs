//! `ablade tables [STUDY ...]`: writes the tables of experiments from what is on disk, at any time.

use clap::Args;

use super::status::warn_of_incomplete;
use super::{Exit, Global, Terminal, on_every_processor};
use crate::plan::Plan;
use crate::results::{ExperimentResults, tables};
use crate::store::{RunStatus, Store};
use crate::text::count;

#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// Experiments [default: all]
    studies: Vec<String>,
}

pub(crate) fn tables(
    args: &TablesArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    let (plans, exit) = plans(&store, &args.studies, terminal)?;
    if plans.is_empty() && exit == Exit::Success {
        terminal.remark(format!("no experiment in {} yet", global.results.display()));
    }
    for plan in plans {
        let study = write(&store, &plan, terminal)?;
        warn_of_incomplete(&plan.name, study.damaged().count(), terminal);
        let ended = |status| matches!(status, RunStatus::Finished | RunStatus::Diverged);
        let there = study.records.values().filter(|record| ended(record.status)).count();
        let (of, dir) = (count(study.records.len(), "run"), global.results.join(&plan.name));
        writeln!(terminal.out, "{}: {there} of {of}, tables in {}", plan.name, dir.display())?;
    }
    Ok(exit)
}

/// The plans asked for, or of all experiments. Of all, one that cannot be read does not keep the
/// others: it is named, and the exit code tells.
pub(crate) fn plans(
    store: &Store,
    names: &[String],
    terminal: &Terminal,
) -> anyhow::Result<(Vec<Plan>, Exit)> {
    if !names.is_empty() {
        return Ok((
            names.iter().map(|name| store.load_plan(name)).collect::<Result<_, _>>()?,
            Exit::Success,
        ));
    }
    let (mut plans, mut exit) = (Vec::new(), Exit::Success);
    for name in store.experiments()? {
        match store.load_plan(&name) {
            Ok(plan) => plans.push(plan),
            Err(error) => {
                terminal.warn(error);
                exit = Exit::Failure;
            }
        }
    }
    Ok((plans, exit))
}

/// Writes the tables of a plan. Where another process publishes a run meanwhile, once more: of
/// several that end together the last one writes last, and sees everything.
pub(crate) fn write(
    store: &Store,
    plan: &Plan,
    terminal: &Terminal,
) -> anyhow::Result<ExperimentResults> {
    store.tidy()?;
    adopt(store, plan)?;
    loop {
        let before = store.finished(plan)?;
        let (study, remarks) = on_every_processor(|| tables::write_all(store, plan))?;
        for remark in &remarks {
            terminal.warn(remark);
        }
        if store.finished(plan)?.is_subset(&before) {
            return Ok(study);
        }
    }
}

/// Before the plan of an experiment is replaced, or its tables: finds out which of them an earlier
/// version of this program made, which kept no list. What cannot be read now is nobody's.
pub(crate) fn adopt(store: &Store, plan: &Plan) -> anyhow::Result<()> {
    if !store.knows_tables(&plan.name)?
        && let Ok(before) = store.load_plan(&plan.name)
    {
        on_every_processor(|| tables::adopt(store, &before))?;
    }
    Ok(())
}
