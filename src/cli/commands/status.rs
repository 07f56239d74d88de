//! `ablade status [EXPERIMENT]`: run counts by state, of one experiment or of all.

use std::collections::BTreeMap;

use clap::Args;
use rayon::prelude::*;

use crate::cli::commands::tables::plans;
use crate::cli::json::JsonArgs;
use crate::cli::json::status::{
    ExperimentStatusFacts, JobFacts, OwnerFacts, RunState, RunStatusFacts, StatusFacts,
};
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::terminal::{fit, one_line, stdout_width};
use crate::cli::show::warn_of_incomplete;
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal};
use crate::launch::queue::{JobQueue, QueueScope};
use crate::launch::scheduler::Schedulers;
use crate::plan::{Plan, RunId};
use crate::runner::machine::on_every_processor;
use crate::store::{Owner, RunStatus, Store, StoreError};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade status         every experiment
  ablade status first   with each run that is not finished, and the reason
  ablade status first --json";

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only this experiment, with every run that is not finished
    experiment: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
    /// Start the commands of a scheduler even if the results were not made here
    #[arg(long)]
    yes: bool,
}

pub(crate) fn status(
    args: &StatusArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    let (plans, exit) = plans(&store, args.experiment.as_slice(), terminal)?;
    if plans.is_empty() && exit == Exit::Success {
        terminal.remark(format!("no experiment in {} yet", global.results.display()));
    }
    let known = trust::known(&global.results);
    let schedulers = Schedulers::patient(trust::commands(&known, args.yes));
    let queue = JobQueue::ask(&store, schedulers, QueueScope::Unfinished)?;
    if let Some(problem) = &queue.unknown {
        terminal.remark(format!("{problem}: waiting runs are not known"));
    }
    let owners = store.claims().owners()?;
    let mut experiments = Vec::new();
    for plan in &plans {
        let has_details = args.json.json || args.experiment.is_some();
        let found = experiment(plan, &store.of(plan)?, has_details, &owners, &queue)?;
        if args.experiment.is_none() {
            let is_incomplete =
                |run: &&RunStatusFacts| run.state == RunState::ToRun && run.reason.is_some();
            let incomplete = found.runs.iter().filter(is_incomplete).count();
            warn_of_incomplete(&plan.name, incomplete, terminal);
        }
        experiments.push(found);
    }
    let facts = StatusFacts {
        experiments,
        is_submitted: !queue.jobs.is_empty(),
        notes: terminal.notes(),
    };
    if args.json.json {
        terminal.json(&facts)?;
    } else {
        print(&facts, args.experiment.is_some(), terminal)?;
    }
    Ok(exit)
}

/// The runs of an experiment with their states; without details, no checkpoint is looked at.
fn experiment(
    plan: &Plan,
    store: &Store,
    has_details: bool,
    owners: &BTreeMap<RunId, Option<Owner>>,
    queue: &JobQueue,
) -> Result<ExperimentStatusFacts, StoreError> {
    let by_id = plan.by_id();
    let labelled = plan.labelled_runs();
    let of_run = |(label, run): &(String, &RunId)| -> Result<RunStatusFacts, StoreError> {
        let record = store.record(run)?;
        let owner = owners.get(*run);
        let state = match record.status {
            RunStatus::Finished => RunState::Finished,
            RunStatus::Diverged => RunState::Diverged,
            _ if owner.is_some() => RunState::Running,
            _ if queue.holds(run) => RunState::Queued,
            RunStatus::Failed => RunState::Failed,
            RunStatus::Outstanding => RunState::ToRun,
        };
        let has_ended = matches!(state, RunState::Finished | RunState::Diverged | RunState::Failed);
        let owner = owner.and_then(Option::as_ref).filter(|_| state == RunState::Running);
        let task = queue.runs.get(*run).map(|queued| &queued.entry).filter(|_| !has_ended);
        let progress = (has_details && !has_ended).then(|| store.progress(run)).flatten();
        Ok(RunStatusFacts {
            run: run.to_string(),
            label: label.clone(),
            seed: by_id[run].seed.0,
            state,
            reason: record.error,
            checkpoint_epoch: progress.map(|progress| progress.epoch),
            epochs: store.trainer().epochs(&by_id[run].config),
            owner: owner.map(|owner| OwnerFacts {
                host: owner.host.clone(),
                pid: owner.pid,
                since_utc: owner.since_utc.clone(),
            }),
            job: task.map(|task| JobFacts {
                name: task.name(),
                state: task.words(),
                nodes: task.nodes.clone(),
            }),
        })
    };
    let runs = on_every_processor(|| {
        labelled.par_iter().map(of_run).collect::<Result<Vec<_>, StoreError>>()
    })?;
    Ok(ExperimentStatusFacts::of(plan.name.clone(), plan.left_out(), runs))
}

/// Prints a row for each experiment; with `each_run` a line for each run that is not finished.
fn print(facts: &StatusFacts, each_run: bool, terminal: &mut Terminal) -> anyhow::Result<()> {
    let mut header = vec![
        "experiment",
        "runs",
        "finished",
        "diverged",
        "failed",
        "running",
        "queued",
        "to run",
    ];
    header.retain(|&column| facts.is_submitted || column != "queued");
    let cells = |own: &ExperimentStatusFacts| -> Vec<String> {
        let counts = &own.counts;
        let mut all = vec![counts.runs, counts.finished, counts.diverged, counts.failed];
        all.push(counts.running);
        all.extend(facts.is_submitted.then_some(counts.queued));
        all.push(counts.to_run);
        let counts = all.iter().map(ToString::to_string);
        std::iter::once(own.experiment.clone()).chain(counts).collect()
    };
    let rows: Vec<Vec<String>> = facts.experiments.iter().map(cells).collect();
    if !rows.is_empty() {
        // On a narrow terminal, columns that are zero for all experiments are left out first.
        let is_zero = |column: usize| rows.iter().all(|row| row[column] == "0");
        let zero: Vec<&str> =
            (1..header.len()).filter(|&c| is_zero(c)).map(|c| header[c]).collect();
        let mut table = FittedTable::new(&header, &[0]).dispensable(&zero);
        for row in rows {
            table.add(row);
        }
        table.print(terminal)?;
    }
    for own in &facts.experiments {
        for sentence in &own.left_out {
            let line = one_line(&format!("{}: {sentence}", own.experiment));
            writeln!(terminal.out, "{}", fit(&line, stdout_width()))?;
        }
    }
    let runs = facts.experiments.iter().flat_map(|own| &own.runs).filter(|_| each_run);
    for run in runs.filter(|run| run.state != RunState::Finished) {
        let clauses = run.clauses();
        let colon = if clauses.is_empty() { "" } else { ": " };
        let RunStatusFacts { run, label, state, .. } = run;
        let line = format!("{run}  {label}  {}{colon}{}", state.word(), clauses.join("; "));
        writeln!(terminal.out, "{}", fit(&one_line(&line), stdout_width()))?;
    }
    Ok(())
}
