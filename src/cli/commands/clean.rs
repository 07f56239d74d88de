//! `ablade clean`: lists garbage in the results, and removes it when told to.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use crate::cli::show::fitted::FittedTable;
use crate::cli::{Exit, Global, Terminal};
use crate::experiment::seconds;
use crate::store::Kept;
use crate::text::{bytes, count};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade clean                  a list; nothing is removed
  ablade clean --yes
  ablade clean --age 2d --yes   keep what changed within two days";

#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Remove the listed files
    #[arg(long)]
    yes: bool,
    /// Keep files that were created or changed within this time, even if no plan names them: a copy
    /// of results may be in progress, and plans are copied last
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time)]
    age: Duration,
}

fn time(text: &str) -> Result<Duration, &'static str> {
    if text == "0s" {
        return Ok(Duration::ZERO);
    }
    seconds(text)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or("expected a time like 90s, 30m or 2d")
}

/// Maximum number of kept paths that are listed for one reason.
const NAMED: usize = 5;

/// Prints kept paths and the reasons, grouped by reason.
fn say_kept(kept: &[Kept], terminal: &Terminal) {
    let mut by_reason: BTreeMap<&str, Vec<&Kept>> = BTreeMap::new();
    for item in kept {
        by_reason.entry(&item.reason).or_default().push(item);
    }
    for (reason, items) in by_reason {
        let named: Vec<_> =
            items.iter().take(NAMED).map(|item| item.path.display().to_string()).collect();
        let more = items.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        terminal.remark(format!("left alone: {}{more}: {reason}", named.join(", ")));
    }
}

pub(crate) fn clean(
    args: &CleanArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    let (garbage, kept) = store.garbage(args.age)?;
    say_kept(&kept, terminal);
    if garbage.is_empty() {
        terminal.remark(format!("nothing to remove in {}", global.results.display()));
        return Ok(Exit::Success);
    }
    let mut rows = FittedTable::new(&["what", "why", "size"], &[0, 1]);
    for item in &garbage {
        rows.add([item.path.display().to_string(), item.reason.to_owned(), bytes(item.bytes)]);
    }
    rows.print(terminal)?;
    let total = format!(
        "{}, {}",
        count(garbage.len(), "item"),
        bytes(garbage.iter().map(|item| item.bytes).sum())
    );
    if args.yes {
        // Before: a kill in between leaves runs that are counted, never removed ones that are not.
        let n_unread = store.record_removed(&garbage)?;
        if n_unread > 0 {
            terminal.warn(format!(
                "{} cannot be read and is removed without being counted among what was scored",
                count(n_unread, "run")
            ));
        }
        garbage.iter().try_for_each(|item| store.remove(item))?;
        terminal.remark(format!("removed {total}"));
    } else {
        terminal.remark(format!("{total}: nothing was removed; --yes removes it"));
    }
    Ok(Exit::Success)
}
