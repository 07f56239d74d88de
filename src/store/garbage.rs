//! Garbage: files in the results that nothing needs any more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::atomic::{is_scratch, is_scratch_of_the_dead, remove_if_dead};
use super::disk::{remove_tree, rename};
use super::experiments::LARGEST_REFERENCE;
use super::listing::{entries, is_dir, is_file};
use super::names::{is_fingerprint, split_claim};
use super::{LOGS, Store, StoreError};
use crate::plan::RunId;
use crate::{npy, regular};

/// A file or directory that can be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// Path.
    pub path: PathBuf,
    /// Size [bytes].
    pub bytes: u64,
    /// Reason why nothing needs it.
    pub reason: &'static str,
}

/// A file or directory that is not needed as far as is known, but is not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Path.
    pub path: PathBuf,
    /// Reason why it is not removed.
    pub reason: String,
}

/// Time without change after which garbage of another machine is removed, whose processes cannot be
/// checked.
const LONG: Duration = Duration::from_secs(24 * 3600);

impl Store {
    /// Lists what nothing needs any more: runs and data to which no plan on disk refers, and files
    /// of dead processes, failures and damage. Results may still be arriving by a copy, plans last,
    /// so files without a reference count only if they have not changed for `age`. Never lists
    /// files that a living process uses, nor anything that contains files foreign to this program:
    /// the directories may belong to someone's project.
    pub fn garbage(&self, age: Duration) -> Result<(Vec<Garbage>, Vec<Kept>), StoreError> {
        // Listed before references are collected: files that appear later are not considered.
        let in_runs = entries(&self.runs())?;
        let in_unfinished = entries(&self.unfinished())?;
        let in_data = entries(&self.root().join("data"))?;
        let alive: BTreeSet<RunId> = self.claims().owners()?.into_keys().collect();
        let published = self.published()?;
        let needed = self.named_by_plans()?;
        let is_spare = |run: &RunId| !needed.needs_run(run) && !alive.contains(run);
        let (mut found, mut kept, mut aside) = (Vec::new(), Vec::new(), Vec::new());
        let mut add = |path: PathBuf, reason: &'static str| {
            let bytes = size(&path);
            found.push(Garbage { path, bytes, reason });
        };
        let mut has_settled = |path: &Path| {
            let settled = changed(path)
                .is_none_or(|changed| changed.elapsed().is_ok_and(|since| since >= age));
            if !settled {
                let reason = "no plan names it, but it has just come or changed: results may be arriving, their plans last (--age sets how long)";
                kept.push(Kept { path: path.to_owned(), reason: reason.to_owned() });
            }
            settled
        };
        for (path, name) in in_runs {
            let (id, kind) = name.split_once('.').unwrap_or((&name, ""));
            let Some(run) = RunId::parse(id) else { continue };
            let is_aside = kind.strip_prefix("damaged-").is_some_and(is_number) && is_dir(&path);
            // Until a damaged run has been repeated, its remaining files may be all there is.
            let is_replaced = is_aside && !is_spare(&run) && published.contains(&run);
            let is_run = kind.is_empty() && is_dir(&path);
            let is_note = kind == "failed.toml" && is_file(&path);
            if is_note && !is_spare(&run) && published.contains(&run) {
                add(path, "the run has succeeded since");
            } else if is_replaced
                || ((is_run || is_aside || is_note) && is_spare(&run) && has_settled(&path))
            {
                match if is_note { None } else { self.not_of_the_run(&run, &path, is_aside) } {
                    Some(reason) => aside.push(Kept { path, reason }),
                    None if is_aside => add(path, "was damaged and moved aside"),
                    None => add(path, "no plan names this run"),
                }
            }
        }
        for (path, name) in in_unfinished {
            let Some((run, kind)) =
                name.split_once('.').and_then(|(run, kind)| Some((RunId::parse(run)?, kind)))
            else {
                continue;
            };
            let claim = split_claim(&name).is_some();
            let ours = claim || ["checkpoint", "checkpoint-before", "attempts"].contains(&kind);
            let is_files = kind == "files" || kind.starts_with("again-");
            if !((ours && is_file(&path)) || (is_files && is_dir(&path)))
                || (alive.contains(&run) && !(published.contains(&run) && is_old(&path)))
            {
                continue;
            }
            if claim {
                add(path, "claim of a process that is gone");
            } else if kind.starts_with("again-") {
                if is_old(&path) {
                    add(path, "left by a check that was interrupted");
                }
            } else if published.contains(&run) {
                add(path, "belongs to a run that is finished");
            } else if is_spare(&run) && has_settled(&path) {
                add(path, "belongs to a run that no plan names");
            }
        }
        for name in self.submissions().names()? {
            // A submission that cannot be read is not known to be done.
            let (Ok(submission), Ok(jobs)) =
                (self.submissions().load(&name), self.submissions().jobs(&name))
            else {
                continue;
            };
            let dir = self.submissions().dir(&name)?;
            // While runs are missing, its jobs may be waiting in the queue, and are found by its
            // files.
            let done = |run: &RunId| published.contains(run) || (is_spare(run) && jobs.is_empty());
            if is_old(&dir.join(LOGS)) && submission.tasks.concat().iter().all(done) {
                add(dir, "its runs were submitted more than a day ago and are finished");
            }
        }
        for path in self.submissions().incomplete()?.into_iter().filter(|path| is_old(path)) {
            add(path, "a submission that was never completed");
        }
        for path in self.submissions().spare_programs()? {
            add(path, "no submission needs this program");
        }
        for (path, name) in in_data {
            let fingerprint = name.strip_suffix(".npy").filter(|name| is_fingerprint(name));
            let is_spare =
                fingerprint.is_some_and(|data| !needed.needs_data(data)) && is_file(&path);
            if is_spare && holds_images(&path) && has_settled(&path) {
                add(path, "no plan names this data");
            } else if is_copy_of_inputs(&name)
                && is_dir(&path)
                && !needed.needs_data(&name)
                // Runs under way, and tasks that wait, may start from a copy whose plan was replaced.
                && alive.is_empty()
                && self.submissions().names()?.is_empty()
                && has_settled(&path)
            {
                add(path, "no plan names this copy of a program's inputs");
            }
        }
        for (path, name) in entries(self.root())? {
            match is_scratch_of_the_dead(&path, &name) {
                Some(true) => add(path, "left by a process that is gone"),
                None if is_old(&path) => add(path, "left by another machine more than a day ago"),
                _ => {}
            }
        }
        if let Some(path) = needed.unreadable {
            let reason = "what it needs is not known, so every run and all data stay".to_owned();
            aside.push(Kept { path, reason });
        }
        kept.append(&mut aside);
        Ok((found, kept))
    }

    /// Removes a piece of garbage: renamed in one step, then deleted.
    pub fn remove(&self, garbage: &Garbage) -> Result<(), StoreError> {
        let name = garbage.path.file_name().unwrap_or_default().to_string_lossy();
        if is_scratch(&name) {
            // Another process may be removing it at the same time.
            return match remove_if_dead(&garbage.path) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
                    ) =>
                {
                    Ok(())
                }
                removed => removed.map_err(StoreError::io("remove", &garbage.path)),
            };
        }
        let doomed = self.scratch_path()?;
        match rename(&garbage.path, &doomed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(StoreError::io("remove", &garbage.path))?,
        }
        let removed = if doomed.is_dir() { remove_tree(&doomed) } else { fs::remove_file(&doomed) };
        removed.map_err(StoreError::io("remove", &doomed))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// True if a name is that of the copy of a program's inputs.
fn is_copy_of_inputs(name: &str) -> bool {
    is_fingerprint(name) && name.starts_with("program-")
}

/// Size of a file, or of all files below a directory [bytes]; unreadable ones count as 0.
fn size(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| size(&entry.path()))
            .sum(),
        found => found.map_or(0, |found| found.len()),
    }
}

fn is_old(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|found| found.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > LONG))
}

/// Time at which a file or directory got its name or content, according to the file system (ctime):
/// a copy that preserves the times of the original (`rsync -a`, `cp -a`) does not set this one.
#[cfg(unix)]
fn changed(path: &Path) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(path).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(found.ctime()).ok()?))
}

#[cfg(not(unix))]
fn changed(path: &Path) -> Option<SystemTime> {
    let found = fs::symlink_metadata(path).ok()?;
    found.created().ok().max(found.modified().ok())
}

/// True if a file is an array of images as this program writes them.
fn holds_images(path: &Path) -> bool {
    let again = |bytes: &[u8]| {
        npy::decode::<u8>(bytes).is_ok_and(|found| npy::encode(&found.shape, &found.data) == bytes)
    };
    regular::read(path, LARGEST_REFERENCE).is_ok_and(|bytes| again(&bytes))
}
