//! `ablade status [EXPERIMENT]`: run counts by state, of one experiment or of all.

use clap::Args;
use rayon::prelude::*;

use crate::cli::commands::tables::plans;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::terminal::{fit, one_line, stdout_width};
use crate::cli::show::warn_of_incomplete;
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal};
use crate::launch::queue::{JobQueue, QueueScope};
use crate::launch::scheduler::Schedulers;
use crate::plan::RunId;
use crate::runner::machine::on_every_processor;
use crate::store::{RunStatus, StoreError};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade status         every experiment
  ablade status first   with each run that is not finished, and the reason";

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only this experiment, with every run that is not finished
    experiment: Option<String>,
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
    let schedulers = Schedulers::patient(trust::commands(&global.results, args.yes));
    let queue = JobQueue::ask(&store, schedulers, QueueScope::Unfinished)?;
    if let Some(problem) = &queue.unknown {
        terminal.remark(format!("{problem}: waiting runs are not known"));
    }
    let submitted = !queue.jobs.is_empty();
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
    header.retain(|&column| submitted || column != "queued");
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut details = Vec::new();
    let owners = store.claims().owners()?;
    for plan in &plans {
        let name = &plan.name;
        let store = store.of(plan)?;
        let mut incomplete = 0;
        let by_id = plan.by_id();
        let mut counts = [0; 6];
        let labelled = plan.labelled_runs();
        let state = |run: &RunId| store.record(run).map(|record| (record.status, record.error));
        let states: Vec<(RunStatus, Option<String>)> = on_every_processor(|| {
            labelled
                .par_iter()
                .map(|(_, run)| state(run))
                .collect::<Result<_, StoreError>>()
        })?;
        for ((label, run), (status, error)) in labelled.into_iter().zip(states) {
            let owner = owners.get(run);
            let task = queue.runs.get(run).map(|queued| &queued.entry);
            let (column, word) = match status {
                RunStatus::Finished => (0, "finished"),
                RunStatus::Diverged => (1, "diverged"),
                _ if owner.is_some() => (3, "running"),
                _ if queue.holds(run) => (4, "queued"),
                RunStatus::Failed => (2, "failed"),
                RunStatus::Outstanding => (5, "to run"),
            };
            counts[column] += 1;
            incomplete += usize::from(status == RunStatus::Outstanding && error.is_some());
            if args.experiment.is_some() && column > 0 {
                let who = owner.and_then(Option::as_ref).filter(|_| column == 3);
                let far = store.progress(run).filter(|_| column > 2);
                let epochs = store.trainer().epochs(&by_id[run].config);
                let of = epochs.map_or_else(String::new, |epochs| format!(" of {epochs}"));
                let facts = [
                    far.map(|far| format!("checkpoint at epoch {}{of}", far.epoch)),
                    who.map(|owner| format!("{owner} since {}", owner.since_utc)),
                    task.filter(|_| column > 2).map(|task| {
                        format!("job {} {}{}", task.name(), task.words(), on(&task.nodes))
                    }),
                    error,
                ];
                let facts: Vec<String> = facts.into_iter().flatten().collect();
                let colon = if facts.is_empty() { "" } else { ": " };
                details
                    .push(one_line(&format!("{run}  {label}  {word}{colon}{}", facts.join("; "))));
            }
        }
        if args.experiment.is_none() {
            warn_of_incomplete(name, incomplete, terminal);
        }
        let total = counts.iter().sum::<usize>();
        let counts = counts
            .into_iter()
            .enumerate()
            .filter(|&(column, _)| submitted || column != 4)
            .map(|(_, n)| n);
        let counts = [total].into_iter().chain(counts).map(|n| n.to_string());
        rows.push(std::iter::once(name.clone()).chain(counts).collect());
    }
    if !plans.is_empty() {
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
    for line in details {
        writeln!(terminal.out, "{}", fit(&line, stdout_width()))?;
    }
    Ok(exit)
}

fn on(nodes: &str) -> String {
    if nodes.is_empty() { String::new() } else { format!(" on {nodes}") }
}
