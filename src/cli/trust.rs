//! Plans and submissions made by this user on this machine: only of these does a command start
//! programs without being told to, because results from elsewhere may name any program. They may have
//! come into a directory in which the user's own programs were started, so the directory alone says
//! nothing. Whoever names an experiment file means to start what it says.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::launch::scheduler::CommandSource;
use crate::plan::{Plan, RunId, SchedulerCommands};
use crate::regular;
use crate::session::{quoted, quoted_command};

/// Maximum size of the list [bytes].
const LONGEST: u64 = 1 << 20;

/// The list of what was started, one per line: device and inode of the results, hash of a plan or of
/// the commands of a scheduler, and path of the results.
fn list() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("ablade/results"))
}

/// A line without its hash, which comes between the two.
fn place(results: &Path) -> Option<(String, String)> {
    let path = fs::canonicalize(results).ok()?;
    let found = fs::metadata(&path).ok()?;
    Some((format!("{} {} ", found.dev(), found.ino()), format!(" {}", path.display())))
}

/// Hash of everything that decides what a plan starts: the ids of its runs cover commands and
/// settings.
fn executed(plan: &Plan) -> Option<String> {
    let declared = plan.program.as_ref()?;
    let runs: BTreeSet<&RunId> = plan.runs.iter().map(|run| &run.id).collect();
    let text = serde_json::to_vec(&(&declared.home, &declared.conduct, runs)).ok()?;
    Some(blake3::hash(&text).to_hex().to_string())
}

/// Remembers that the user asked here for the program of a plan; nothing for the built-in model.
pub(crate) fn remember(plan: &Plan, results: &Path) {
    if let Some(hash) = executed(plan) {
        remember_hash(&hash, results);
    }
}

/// Remembers that the user submitted here with these commands.
pub(crate) fn remember_commands(commands: &SchedulerCommands, results: &Path) {
    remember_hash(&commands.hash(), results);
}

/// If the list cannot be written, the user is asked again next time.
fn remember_hash(hash: &str, results: &Path) {
    let (Some(list), Some((before, after))) = (list(), place(results)) else {
        return;
    };
    let line = format!("{before}{hash}{after}");
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

/// Hashes of what the user has started here for these results.
pub(crate) fn known(results: &Path) -> BTreeSet<String> {
    let text = list()
        .and_then(|list| regular::read_text(&list, LONGEST).ok())
        .unwrap_or_default();
    let Some((before, after)) = place(results) else { return BTreeSet::new() };
    let hash = |line: &str| Some(line.strip_prefix(&before)?.strip_suffix(&after)?.to_owned());
    text.lines().filter_map(hash).collect()
}

/// Commands that ask for the jobs of submissions: those that are known, or all if the user says so.
pub(crate) fn commands(known: &BTreeSet<String>, yes: bool) -> CommandSource<'_> {
    if yes { CommandSource::Submission } else { CommandSource::Among(known) }
}

/// Refuses to start the program of a plan from results that were not made here, unless told to.
pub(crate) fn check(plan: &Plan, results: &Path, yes: bool) -> anyhow::Result<()> {
    let Some(declared) = &plan.program else { return Ok(()) };
    if yes || executed(plan).is_some_and(|hash| known(results).contains(&hash)) {
        return Ok(());
    }
    let conduct = &declared.conduct;
    let mut commands: Vec<String> = declared
        .program
        .command
        .iter()
        .map(|command| quoted_command(&[&conduct.wrap[..], command].concat()))
        .collect();
    if !conduct.resume.is_empty() {
        commands.push(format!("{}  (appended to continue a run)", quoted_command(&conduct.resume)));
    }
    if !conduct.versions.is_empty() {
        commands.push(quoted_command(&conduct.versions));
    }
    for (name, value) in &conduct.local {
        commands.push(format!("{{local.{name}}} is {}", quoted(value)));
    }
    bail!(
        "{} was not made here, and this starts the program that it names, in {}:\n  {}\n--yes starts it",
        results.join(&plan.name).display(),
        quoted(&declared.home.to_string_lossy()),
        commands.join("\n  ")
    );
}
