//! Results made by this user on this machine: only of these does a command start programs without
//! being told to, because results from elsewhere may name any program.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::launch::scheduler::CommandSource;
use crate::plan::Plan;
use crate::regular;
use crate::session::quoted;
use crate::store::is_empty_or_absent;

/// Maximum size of the list [bytes].
const LONGEST: u64 = 1 << 20;

/// The list of results directories, one per line: device, inode and path.
fn list() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("ablade/results"))
}

fn line(results: &Path) -> Option<String> {
    let path = fs::canonicalize(results).ok()?;
    let found = fs::metadata(&path).ok()?;
    Some(format!("{} {} {}", found.dev(), found.ino(), path.display()))
}

/// Remembers that programs were started here for these results. If the list cannot be written, the
/// user is asked again next time.
pub(crate) fn remember(results: &Path) {
    let (Some(list), Some(line)) = (list(), line(results)) else { return };
    let known = regular::read_text(&list, LONGEST).unwrap_or_default();
    if known.lines().any(|known| known == line) {
        return;
    }
    let is_there =
        |known: &&str| known.splitn(3, ' ').nth(2).is_some_and(|path| Path::new(path).exists());
    let mut text: String =
        known.lines().filter(is_there).map(|known| format!("{known}\n")).collect();
    text += &format!("{line}\n");
    let write = || {
        fs::create_dir_all(list.parent()?).ok()?;
        crate::store::write_whole(&list, |file| file.write_all(text.as_bytes())).ok()
    };
    let _ = write();
}

/// True if this user made the results on this machine, or makes them now: there are none yet.
pub(crate) fn is_made_here(results: &Path) -> bool {
    let is_known = || {
        let known = regular::read_text(&list()?, LONGEST).ok()?;
        let line = line(results)?;
        Some(known.lines().any(|known| known == line))
    };
    is_known() == Some(true) || is_empty_or_absent(results)
}

/// Commands by which `status` and `cancel` ask for jobs: those of each submission, if the results
/// were made here or the user says so.
pub(crate) fn commands(results: &Path, yes: bool) -> CommandSource<'static> {
    if yes || is_made_here(results) {
        CommandSource::Submission
    } else {
        CommandSource::Nowhere
    }
}

/// Refuses to start the program of a plan from results that were not made here, unless told to.
pub(crate) fn check(plan: &Plan, results: &Path, yes: bool) -> anyhow::Result<()> {
    let Some(declared) = &plan.program else { return Ok(()) };
    if yes || is_made_here(results) {
        return Ok(());
    }
    let commands = declared.program.command.iter();
    let commands: Vec<String> = commands
        .map(|words| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
        .collect();
    bail!(
        "{} was not made here, and this starts the program that it names:\n  {}\n--yes starts it",
        results.join(&plan.name).display(),
        commands.join("\n  ")
    );
}
