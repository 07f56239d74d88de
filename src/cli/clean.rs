//! `ablade clean`: shows what nothing needs any more, and removes it when told to.

use clap::Args;

use super::terminal::{bytes, count, table};
use super::{Exit, Global, Terminal};
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Remove what is shown
    #[arg(long)]
    yes: bool,
}

pub(crate) fn clean(args: &CleanArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let store = Store::open(&global.results)?;
    let garbage = store.garbage()?;
    if garbage.is_empty() {
        terminal.remark(format!("nothing to remove in {}", global.results.display()));
        return Ok(Exit::Success);
    }
    let mut rows = table(&["what", "why", "size"], 2);
    for item in &garbage {
        rows.add_row([item.path.display().to_string(), item.reason.to_owned(), bytes(item.bytes)]);
    }
    writeln!(terminal.out, "{rows}")?;
    let total = format!("{}, {}", count(garbage.len(), "item"), bytes(garbage.iter().map(|item| item.bytes).sum()));
    if args.yes {
        garbage.iter().try_for_each(|item| store.remove(item))?;
        terminal.remark(format!("removed {total}"));
    } else {
        terminal.remark(format!("{total}: nothing was removed, --yes does it"));
    }
    Ok(Exit::Success)
}
