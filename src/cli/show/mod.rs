//! Display on a terminal: progress of runs, tables, and files that a user asked for.

pub(crate) mod ablation;
pub(crate) mod comparison;
pub(crate) mod effects;
pub(crate) mod gallery;
pub(crate) mod images;
pub(crate) mod out;
pub(crate) mod progress;
pub(crate) mod terminal;

use crate::cli::Terminal;
use crate::text::count;

/// Warns of incomplete runs of an experiment, if there are any.
pub(crate) fn warn_of_incomplete(experiment: &str, runs: usize, terminal: &Terminal) {
    if runs > 0 {
        let runs = count(runs, "run");
        terminal.warn(format!(
            "{experiment}: {runs} damaged, not readable, or still being copied: `ablade status {experiment}` tells which"
        ));
    }
}
