//! Plans made by this user on this machine: only of these does a command start programs without
//! being told to, because results from elsewhere may name any program. They may have come into a
//! directory in which the user's own programs were started, so the directory alone says nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::plan::{Plan, RunId};
use crate::regular;
use crate::session::quoted;

/// Maximum size of the list [bytes].
const LONGEST: u64 = 1 << 20;

/// The list of plans, one per line: device and inode of the results, hash of the plan, and path of the
/// results.
fn list() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("ablade/results"))
}

fn line(results: &Path, plan: &Plan) -> Option<String> {
    let path = fs::canonicalize(results).ok()?;
    let found = fs::metadata(&path).ok()?;
    let (dev, ino, hash) = (found.dev(), found.ino(), executed(plan)?);
    Some(format!("{dev} {ino} {hash} {}", path.display()))
}

/// Hash of everything that decides what a plan starts: the ids of its runs cover commands and
/// settings.
fn executed(plan: &Plan) -> Option<String> {
    let declared = plan.program.as_ref()?;
    let runs: BTreeSet<&RunId> = plan.runs.iter().map(|run| &run.id).collect();
    let text = serde_json::to_vec(&(&declared.home, &declared.conduct, runs)).ok()?;
    Some(blake3::hash(&text).to_hex().to_string())
}

/// Remembers that the user asked here for the program of a plan; nothing for the built-in model. If
/// the list cannot be written, the user is asked again next time.
pub(crate) fn remember(plan: &Plan, results: &Path) {
    let (Some(list), Some(line)) = (list(), line(results, plan)) else { return };
    let known = regular::read_text(&list, LONGEST).unwrap_or_default();
    if known.lines().any(|known| known == line) {
        return;
    }
    let is_there =
        |known: &&str| known.splitn(4, ' ').nth(3).is_some_and(|path| Path::new(path).exists());
    let mut text: String =
        known.lines().filter(is_there).map(|known| format!("{known}\n")).collect();
    text += &format!("{line}\n");
    let write = || {
        fs::create_dir_all(list.parent()?).ok()?;
        crate::store::write_whole(&list, |file| file.write_all(text.as_bytes())).ok()
    };
    let _ = write();
}

/// Refuses to start the program of a plan from results that were not made here, unless told to.
pub(crate) fn check(plan: &Plan, results: &Path, yes: bool) -> anyhow::Result<()> {
    let Some(declared) = &plan.program else { return Ok(()) };
    let is_known = || {
        let known = regular::read_text(&list()?, LONGEST).ok()?;
        let line = line(results, plan)?;
        Some(known.lines().any(|known| known == line))
    };
    if yes || is_known() == Some(true) {
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
