//! Display on a terminal: progress of runs, tables, and files that a user asked for.

pub(crate) mod ablation;
pub(crate) mod blocks;
pub(crate) mod comparison;
pub(crate) mod effects;
pub(crate) mod fitted;
pub(crate) mod gallery;
pub(crate) mod images;
pub(crate) mod out;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod terminal;

use crate::cli::Terminal;
use crate::plan::Plan;
use crate::results::ExperimentResults;
use crate::results::past::Past;
use crate::text::count;

/// Warns, before anything is trained, of notes on its past that the table will show.
pub(crate) fn warn_of_past(plan: &Plan, past: &Past, terminal: &Terminal) {
    for (study, past) in plan.studies.iter().zip(&past.studies) {
        for note in past.seed_notes().into_iter().filter(|_| !past.is_recorded) {
            terminal.warn(format!("{}: {note}", study.name));
        }
        if let Some(registered) = past.registered.as_ref().filter(|r| !r.deviations.is_empty()) {
            terminal.warn(format!("{}: {}", study.name, registered.told()));
        }
    }
    warn_of_unreadable(past, terminal);
}

/// Warns of files of the record of the past that cannot be read.
pub(crate) fn warn_of_unreadable(past: &Past, terminal: &Terminal) {
    for reason in &past.unreadable {
        terminal.warn(format!(
            "{reason}; it is not known what else was seen or registered in these results"
        ));
    }
}

/// Warns of runs of an experiment that are incomplete, or whose scores cannot be read.
pub(crate) fn warn_of_damage(results: &ExperimentResults, terminal: &Terminal) {
    warn_of_incomplete(&results.plan.name, results.damaged().count(), terminal);
    warn_of_unread(results, terminal);
}

/// Warns of runs whose scores of single test examples cannot be read.
pub(crate) fn warn_of_unread(results: &ExperimentResults, terminal: &Terminal) {
    let (experiment, examples) = (&results.plan.name, &results.metrics().examples);
    for reason in results.unread_examples.values() {
        // A program may have written what cannot be read, and would do so again.
        let hint = match results.plan.program {
            Some(_) => "",
            None => ": `ablade sweep` with the experiment's file trains a damaged run again",
        };
        terminal.warn(format!(
            "{experiment}: {reason}; no interval over {examples} where it is needed{hint}"
        ));
    }
}

/// Warns of incomplete runs of an experiment, if there are any.
pub(crate) fn warn_of_incomplete(experiment: &str, runs: usize, terminal: &Terminal) {
    if runs > 0 {
        let runs = count(runs, "run");
        terminal.warn(format!(
            "{experiment}: {runs} damaged, not readable, or still being copied: `ablade status {experiment}` tells which"
        ));
    }
}
