//! `ablade tables [EXPERIMENT ...]`: writes the tables of experiments from the results on disk, at
//! any time.

use clap::Args;

use crate::cli::show::{warn_of_damage, warn_of_unreadable};
use crate::cli::{Exit, Global, Terminal};
use crate::plan::Plan;
use crate::session::write_tables;
use crate::store::{RunStatus, Store};
use crate::text::count;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade tables   every experiment
  ablade tables first masks";

#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// Experiments [default: all]
    #[arg(value_name = "EXPERIMENT")]
    experiments: Vec<String>,
}

pub(crate) fn tables(
    args: &TablesArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    let (plans, exit) = plans(&store, &args.experiments, terminal)?;
    if plans.is_empty() && exit == Exit::Success {
        terminal.remark(format!("no experiment in {} yet", global.results.display()));
    }
    for plan in plans {
        let study = write_tables(&store, &plan, &*terminal.shown(global.progress))?;
        warn_of_damage(&study, terminal);
        if let Some(past) = &study.past {
            warn_of_unreadable(past, terminal);
        }
        let ended = |status| matches!(status, RunStatus::Finished | RunStatus::Diverged);
        let there = study.records.values().filter(|record| ended(record.status)).count();
        let (of, dir) = (count(study.records.len(), "run"), global.results.join(&plan.name));
        writeln!(terminal.out, "{}: {there} of {of}, tables in {}", plan.name, dir.display())?;
        for sentence in plan.left_out() {
            writeln!(terminal.out, "{}: {sentence}", plan.name)?;
        }
    }
    Ok(exit)
}

/// Plans of the named experiments, or of all. If all are meant, one that cannot be read does not
/// prevent the others: it is reported, and the exit code shows it.
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
