//! `ablade schema [NAME]`: the JSON Schema of the experiment file, for editors, and of the documents
//! that commands print with `--json`, for programs.

use anyhow::bail;
use clap::Args;

use crate::cli::json::schemas;
use crate::cli::{Exit, Terminal};
use crate::experiment;
use crate::trainers::made::MadeTrainer;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade schema
  ablade schema > experiment.json   for an editor: completion and checks of experiment files
  ablade schema plan                what `ablade plan FILE --json` prints
  ablade schema progress            a line of --progress json";

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Schema: experiment, plan, status, compare, changes (compare with two experiments), why,
    /// verify, data-list, data-show or progress
    #[arg(value_name = "NAME", default_value = "experiment")]
    name: String,
}

pub(crate) fn schema(args: &SchemaArgs, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let documents = schemas();
    let schema = match documents.iter().find(|(name, _)| *name == args.name) {
        Some((_, schema)) => schema.clone(),
        None if args.name == "experiment" => experiment::schema(&*MadeTrainer::shared()),
        None => {
            let names: Vec<&str> = documents.iter().map(|(name, _)| *name).collect();
            bail!("no schema `{}`: there are experiment, {}", args.name, names.join(", "));
        }
    };
    writeln!(terminal.out, "{schema:#}")?;
    Ok(Exit::Success)
}
