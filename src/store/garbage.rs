//! What lies in the results that nothing needs any more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::atomic::{is_scratch, is_scratch_of_the_dead, remove_if_dead};
use super::claims::split_claim;
use super::disk::rename;
use super::experiments::LARGEST_REFERENCE;
use super::{Store, StoreError};
use crate::plan::RunId;
use crate::{npy, regular};

/// Something that could go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// A file or a directory.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Why nothing needs it.
    pub reason: &'static str,
}

/// Something that nothing needs as far as is known, and that stays all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// A file or a directory.
    pub path: PathBuf,
    /// The reason.
    pub reason: String,
}

/// Garbage of another machine, whose processes cannot be asked whether they live, counts so long
/// after its last change.
const LONG: Duration = Duration::from_secs(24 * 3600);

impl Store {
    /// Lists what nothing needs any more: runs and data that no plan on disk names, and what dead
    /// processes, failures and damage have left. Results may still be arriving, their plans last:
    /// what no plan names counts only when it has not changed for `age`. Never listed is what a
    /// living process works on, nor what is not to the last file what this program makes: the
    /// directories may be those of someone's project.
    pub fn garbage(&self, age: Duration) -> Result<(Vec<Garbage>, Vec<Kept>), StoreError> {
        // Listed before anyone is asked who needs it: what appears later is not considered.
        let in_runs = entries(&self.runs())?;
        let in_unfinished = entries(&self.unfinished())?;
        let in_data = entries(&self.root().join("data"))?;
        let alive: BTreeSet<RunId> = self.owners()?.into_keys().collect();
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
            // Until a damaged run is done again, what is left of it may be all there is.
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
            if !ours
                || !is_file(&path)
                || (alive.contains(&run) && !(published.contains(&run) && is_old(&path)))
            {
                continue;
            }
            if claim {
                add(path, "claim of a process that is gone");
            } else if published.contains(&run) {
                add(path, "belongs to a run that is finished");
            } else if is_spare(&run) && has_settled(&path) {
                add(path, "belongs to a run that no plan names");
            }
        }
        for name in self.submissions()? {
            // One that cannot be read is not known to be done.
            let (Ok(submission), Ok(jobs)) = (self.submission(&name), self.jobs(&name)) else {
                continue;
            };
            let dir = self.submission_dir(&name)?;
            // As long as runs are missing, its jobs may wait, and are found by what it says.
            let done = |run: &RunId| published.contains(run) || (is_spare(run) && jobs.is_empty());
            if is_old(&dir.join("logs")) && submission.tasks.concat().iter().all(done) {
                add(dir, "its runs were submitted more than a day ago and are finished");
            }
        }
        for path in self.half_submissions()?.into_iter().filter(|path| is_old(path)) {
            add(path, "a submission that was never completed");
        }
        for path in self.spare_programs()? {
            add(path, "no submission needs this program");
        }
        for (path, name) in in_data {
            let fingerprint = name.strip_suffix(".npy").filter(|name| is_fingerprint(name));
            let is_spare =
                fingerprint.is_some_and(|data| !needed.needs_data(data)) && is_file(&path);
            if is_spare && holds_images(&path) && has_settled(&path) {
                add(path, "no plan names this data");
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

    /// Removes a piece of garbage: out of the way in one step, then for good.
    pub fn remove(&self, garbage: &Garbage) -> Result<(), StoreError> {
        let name = garbage.path.file_name().unwrap_or_default().to_string_lossy();
        if is_scratch(&name) {
            // Another process may be removing it, too.
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
        let removed = if doomed.is_dir() {
            fs::remove_dir_all(&doomed)
        } else {
            fs::remove_file(&doomed)
        };
        removed.map_err(StoreError::io("remove", &doomed))
    }
}

/// Paths and names of what lies in a directory, sorted; nothing where there is none.
pub(super) fn entries(dir: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("read", dir))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io("read", dir))?;
        found.extend(entry.file_name().into_string().ok().map(|name| (entry.path(), name)));
    }
    found.sort_unstable();
    Ok(found)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// True if a name has the form of a data set's fingerprint: its kind and 16 hexadecimal digits.
pub(super) fn is_fingerprint(name: &str) -> bool {
    let hexadecimal = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    name.rsplit_once('-').is_some_and(|(kind, hash)| {
        let kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        kind && hash.len() == 16 && hash.bytes().all(hexadecimal)
    })
}

/// True if a path is a directory itself, and no link to one.
pub(super) fn is_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// True if a path is a file itself, and no link, pipe or device.
pub(super) fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Bytes of a file, or of all files below a directory; what cannot be read counts nothing.
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

/// Time at which a file or directory got its name or content, as the file system noted it: a copy
/// that keeps the times of the original (`rsync -a`, `cp -a`) does not set this one.
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
