//! `ablade schema`: the JSON Schema of the experiment file, for editors.

use crate::cli::{Exit, Terminal};
use crate::experiment;
use crate::trainers::made::MadeTrainer;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade schema
  ablade schema > experiment.json   for an editor: completion and checks of experiment files";

pub(crate) fn schema(terminal: &mut Terminal) -> anyhow::Result<Exit> {
    writeln!(terminal.out, "{:#}", experiment::schema(&*MadeTrainer::shared()))?;
    Ok(Exit::Success)
}
