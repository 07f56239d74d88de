//! What lies in the results that nothing needs any more.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::atomic::{is_scratch, is_scratch_of_the_dead, remove_if_dead};
use super::claims::split_claim;
use super::disk::rename;
use super::{Store, StoreError};
use crate::plan::RunId;

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

/// What belongs to a machine that cannot be asked is left alone for so long after its last change.
const LONG: Duration = Duration::from_secs(24 * 3600);

impl Store {
    /// What nothing needs any more: runs that no experiment on disk refers to, and what dead processes, failures and
    /// damage have left. What a living process works on is never part of it, nor is what this program did not make.
    pub fn garbage(&self) -> Result<Vec<Garbage>, StoreError> {
        let (mut runs, mut data) = (BTreeSet::new(), BTreeSet::new());
        for name in self.experiments()? {
            for run in self.load_plan(&name)?.runs {
                runs.insert(run.id);
                data.insert(run.data);
            }
        }
        let alive: BTreeSet<RunId> = self.owners()?.into_keys().collect();
        let published = self.published()?;
        let spare = |run: &RunId| !runs.contains(run) && !alive.contains(run);
        let mut found = Vec::new();
        let mut add = |path: PathBuf, reason: &'static str| {
            let bytes = size(&path);
            found.push(Garbage { path, bytes, reason });
        };
        for (path, name) in entries(&self.root().join("runs"))? {
            let (run, kind) = name.split_once('.').unwrap_or((&name, ""));
            let Some(run) = RunId::parse(run) else { continue };
            match kind {
                "" if spare(&run) => add(path, "no experiment refers to this run"),
                "failed.toml" if spare(&run) => add(path, "no experiment refers to this run"),
                "failed.toml" if published.contains(&run) => add(path, "the run has succeeded since"),
                _ if kind.starts_with("damaged-") => add(path, "was damaged and moved aside"),
                _ => {}
            }
        }
        for (path, name) in entries(&self.unfinished())? {
            let run = name.split_once('.').and_then(|(run, _)| RunId::parse(run));
            let Some(run) = run.filter(|run| !alive.contains(run) || (published.contains(run) && is_old(&path))) else {
                continue;
            };
            if split_claim(&name).is_some() {
                add(path, "claim of a process that is gone");
            } else if published.contains(&run) {
                add(path, "belongs to a run that is finished");
            } else if spare(&run) {
                add(path, "belongs to a run that no experiment refers to");
            }
        }
        for name in self.submissions()? {
            let runs = self.submission(&name)?.tasks.concat();
            let dir = self.submission_dir(&name)?;
            // As long as runs are missing, its jobs may wait, and are found by what it says.
            let waits = !self.jobs(&name)?.is_empty();
            let done = |run: &RunId| published.contains(run) || (spare(run) && !waits);
            if is_old(&dir.join("logs")) && runs.iter().all(done) {
                add(dir, "its runs were submitted more than a day ago and are finished");
            }
        }
        for path in self.half_submissions()?.into_iter().filter(|path| is_old(path)) {
            add(path, "a submission that was never completed");
        }
        for path in self.spare_programs()? {
            add(path, "no submission needs this program");
        }
        for (path, name) in entries(&self.root().join("data"))? {
            if name.strip_suffix(".npy").is_some_and(|fingerprint| !data.contains(fingerprint)) {
                add(path, "no experiment refers to this data");
            }
        }
        for (path, name) in entries(self.root())? {
            match is_scratch_of_the_dead(&path, &name) {
                Some(true) => add(path, "left by a process that is gone"),
                None if is_old(&path) => add(path, "left by another machine more than a day ago"),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Removes a piece of garbage: out of the way in one step, then for good.
    pub fn remove(&self, garbage: &Garbage) -> Result<(), StoreError> {
        let name = garbage.path.file_name().unwrap_or_default().to_string_lossy();
        if is_scratch(&name) {
            // Another process may be removing it, too.
            return match remove_if_dead(&garbage.path) {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
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
        let removed = if doomed.is_dir() { fs::remove_dir_all(&doomed) } else { fs::remove_file(&doomed) };
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

/// Bytes of a file, or of all files below a directory; what cannot be read counts nothing.
fn size(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
        }
        found => found.map_or(0, |found| found.len()),
    }
}

fn is_old(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|found| found.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > LONG))
}
