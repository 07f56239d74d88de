//! Root of the store, and atomic writes below it: written to a scratch path, synced, renamed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use tempfile::TempDir;

use super::StoreError;
use super::disk::{create_dirs, rename, sync_dir, write_synced};
use crate::plan::Plan;
use crate::regular;
use crate::trainer::{Programs, Trainer};

const PREFIX: &str = ".writing-";
const LOCK: &str = "lock";
/// Suffix of the name of a scratch directory that is being removed; live ones never have it.
const DEAD: &str = "-dead";

/// Results directory, as the trainer of some of its runs sees it. Opening it changes nothing on
/// disk; the first write creates what it needs.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    trainer: Arc<dyn Trainer>,
    /// The trainer of experiments that bring none along.
    built_in: Arc<dyn Trainer>,
    /// Makes the trainers of those that do.
    programs: Option<Arc<dyn Programs>>,
    pub(super) shared: Arc<Shared>,
}

/// State of this process in a results directory.
#[derive(Debug, Default)]
pub(super) struct Shared {
    scratch: Mutex<Option<Scratch>>,
    serial: AtomicU64,
    pub(super) watched: Mutex<BTreeMap<PathBuf, Watched>>,
}

/// A claim whose process is not visible, observed for heartbeats.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) text: Vec<u8>,
    /// Time stamp of its file.
    pub(super) renewed: Option<SystemTime>,
    /// First look that found this time stamp.
    pub(super) seen: Instant,
}

/// Directory in which this process prepares what it publishes, on the same file system as its
/// destination. The process holds a lock on it as long as it lives; the system releases the lock
/// however the process dies.
#[derive(Debug)]
struct Scratch {
    /// Dropped first: some file systems do not remove a directory with an open file.
    _lock: File,
    dir: TempDir,
}

impl Store {
    /// Store at `root`, which need not exist, for runs of this trainer.
    pub fn open(root: impl Into<PathBuf>, trainer: Arc<dyn Trainer>) -> Result<Self, StoreError> {
        let root = root.into();
        match fs::metadata(&root) {
            Err(_) if fs::symlink_metadata(&root).is_ok_and(|found| found.is_symlink()) => {
                Err(StoreError::Malformed {
                    path: root,
                    reason: "it is a link that leads nowhere".to_owned(),
                })
            }
            Ok(found) if !found.is_dir() => Err(StoreError::Malformed {
                path: root,
                reason: "expected a directory for results".to_owned(),
            }),
            _ => Ok(Self {
                root,
                built_in: Arc::clone(&trainer),
                trainer,
                programs: None,
                shared: Arc::default(),
            }),
        }
    }

    /// The same store, which knows how to make trainers of programs.
    pub fn with_programs(self, programs: Arc<dyn Programs>) -> Self {
        Self { programs: Some(programs), ..self }
    }

    /// The same store, seen by another trainer.
    pub fn with_trainer(self, trainer: Arc<dyn Trainer>) -> Self {
        Self { trainer, ..self }
    }

    /// The same store, seen by the trainer of a plan.
    pub fn of(&self, plan: &Plan) -> Result<Self, StoreError> {
        let Some(program) = &plan.program else {
            return Ok(self.clone().with_trainer(Arc::clone(&self.built_in)));
        };
        if self.trainer.declaration() == Some(&**program) {
            return Ok(self.clone());
        }
        let refuse = |reason: String| StoreError::Malformed {
            path: self.root.join(&plan.name),
            reason: format!("it is the experiment of a program: {reason}"),
        };
        let programs = self
            .programs
            .as_ref()
            .ok_or_else(|| refuse("no trainer of it is known".into()))?;
        let trainer = programs.trainer((**program).clone()).map_err(refuse)?;
        Ok(self.clone().with_trainer(trainer))
    }

    /// A store at another root, with the same trainers.
    pub(super) fn at(&self, root: PathBuf) -> Self {
        Self { root, shared: Arc::default(), ..self.clone() }
    }

    /// Maker of trainers of programs, if it is known.
    pub(super) fn programs(&self) -> Option<&Arc<dyn Programs>> {
        self.programs.as_ref()
    }

    /// The trainer of its runs.
    pub fn trainer(&self) -> &Arc<dyn Trainer> {
        &self.trainer
    }

    /// Directory of the results.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Checks that files can be written, before hours of work depend on it.
    pub fn probe(&self) -> Result<(), StoreError> {
        let path = self.scratch_path()?;
        write_synced(&path, &[b"probe"])?;
        fs::remove_file(&path).map_err(StoreError::io("remove", &path))
    }

    /// Checks that a directory below the root is not reached through a link: nothing is written,
    /// moved or removed through one, because results of other origin may hold links to anything.
    pub(super) fn own(&self, dir: &Path) -> Result<(), StoreError> {
        let below = dir.ancestors().take_while(|above| *above != self.root);
        match below
            .filter(|dir| fs::symlink_metadata(dir).is_ok_and(|found| found.is_symlink()))
            .last()
        {
            None => Ok(()),
            Some(link) => {
                let reason = "it is a link, and nothing is written through links; --results can name another directory";
                Err(StoreError::Malformed { path: link.to_owned(), reason: reason.to_owned() })
            }
        }
    }

    /// New path below this process's scratch directory.
    pub(super) fn scratch_path(&self) -> Result<PathBuf, StoreError> {
        for dir in [self.runs(), self.unfinished(), self.submitted(), self.root.join("data")] {
            self.own(&dir)?;
        }
        let mut scratch = self.shared.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        // Someone may have emptied the results meanwhile: creates the directory again instead of
        // failing until the end.
        if scratch.as_ref().is_none_or(|scratch| !scratch.dir.path().is_dir()) {
            create_dirs(&self.root)?;
            sweep_up(&self.root);
            *scratch = Some(Scratch::new(&self.root)?);
        }
        let dir = scratch
            .as_ref()
            .map(|scratch| scratch.dir.path().to_owned())
            .unwrap_or_default();
        Ok(dir.join(self.shared.serial.fetch_add(1, Ordering::Relaxed).to_string()))
    }

    /// Writes `bytes` to `path` atomically, and creates its directory; a file that has these bytes
    /// already is not touched.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let there = fs::symlink_metadata(path);
        let same_size =
            there.is_ok_and(|found| found.is_file() && found.len() == bytes.len() as u64);
        if same_size && regular::read(path, bytes.len() as u64).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&self.root);
        self.own(parent)?;
        create_dirs(parent)?;
        let scratch = self.scratch_path()?;
        let written = write_synced(&scratch, &[bytes])
            .and_then(|()| rename(&scratch, path).map_err(StoreError::io("write", path)))
            .and_then(|()| sync_dir(parent));
        if written.is_err() {
            let _ = fs::remove_file(&scratch);
        }
        written
    }
}

impl Scratch {
    fn new(root: &Path) -> Result<Self, StoreError> {
        let prefix = format!("{PREFIX}{}-", host());
        loop {
            let create =
                |cause| StoreError::Io { action: "write in", path: root.to_owned(), cause };
            let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in(root).map_err(create)?;
            let path = dir.path().join(LOCK);
            let lock = match File::create(&path) {
                // Another process took it for that of a dead process and removed it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                lock => lock.map_err(StoreError::io("create", &path))?,
            };
            // A file system without locks works, too: no process removes dead directories
            // there, because none can lock them.
            let _ = lock.lock();
            // Another process may have taken the directory for a dead one's between its creation
            // and its lock.
            if is_at(&lock, &path) {
                return Ok(Self { _lock: lock, dir });
            }
        }
    }
}

/// True if an open file is the one at a path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let which =
        |found: std::io::Result<fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    let ours = which(file.metadata());
    ours.is_some() && ours == which(fs::metadata(path))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Removes the scratch directories of processes of this host that are certainly dead: their lock is
/// free.
pub(super) fn sweep_up(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        if is_scratch(&entry.file_name().to_string_lossy()) && has_form_of_scratch(&entry.path()) {
            let _ = remove_if_dead(&entry.path());
        }
    }
}

/// True if a directory holds exactly what a scratch directory holds: a lock, and numbered entries.
/// A link to a directory is not one.
fn has_form_of_scratch(dir: &Path) -> bool {
    let is_ours = |name: &str| match name {
        LOCK => !dir.join(LOCK).is_dir(),
        name => name.bytes().all(|digit| digit.is_ascii_digit()),
    };
    fs::symlink_metadata(dir).is_ok_and(|found| found.is_dir())
        && fs::read_dir(dir).is_ok_and(|mut entries| {
            entries.all(|entry| {
                entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_ours))
            })
        })
}

/// Removes a scratch directory of this host if its lock is free. It is renamed first, in one step:
/// otherwise a process that has created the directory but not locked it yet could create its lock
/// while the rest is being removed.
pub(super) fn remove_if_dead(dir: &Path) -> std::io::Result<()> {
    let mut name = dir.as_os_str().to_owned();
    if name.to_string_lossy().ends_with(DEAD) {
        return fs::remove_dir_all(dir);
    }
    // A process of this program never makes a link here, and its target is not to be removed.
    if !dir.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    // A directory without a lock is just being created, or its owner died while removing it.
    let lock = regular::open_unlinked(
        &dir.join(LOCK),
        File::options().create(true).truncate(false).write(true),
    )?;
    if lock.try_lock().is_err() {
        return Ok(());
    }
    name.push(DEAD);
    fs::rename(dir, &name)?;
    drop(lock);
    fs::remove_dir_all(&name)
}

/// True if a name is that of a scratch directory of this host.
pub(super) fn is_scratch(name: &str) -> bool {
    name.starts_with(&format!("{PREFIX}{}-", host()))
}

/// True if a directory is the scratch of a dead process; `None` if it is that of another host,
/// about which nothing can be known.
pub(super) fn is_scratch_of_the_dead(dir: &Path, name: &str) -> Option<bool> {
    if !name.starts_with(PREFIX) || !has_form_of_scratch(dir) {
        return Some(false);
    }
    if !is_scratch(name) {
        return None;
    }
    Some(
        name.ends_with(DEAD)
            || match regular::open_unlinked(&dir.join(LOCK), File::options().read(true)) {
                Ok(lock) => lock.try_lock().is_ok(),
                // The process died before it created its lock, which comes first, or after it had
                // begun to remove it.
                Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            },
    )
}

/// Name of this host, reduced to characters that are valid in a path.
fn host() -> String {
    crate::record::host()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Garbage;
    use crate::trainers::made::MadeTrainer;

    #[test]
    fn opening_touches_nothing_and_a_file_is_no_store() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("results");
        Store::open(&root, MadeTrainer::shared()).unwrap();
        assert!(!root.exists());
        fs::write(&root, "").unwrap();
        let message = Store::open(&root, MadeTrainer::shared()).unwrap_err().to_string();
        assert!(message.ends_with("results: expected a directory for results"), "{message}");
    }

    #[test]
    fn the_dead_are_swept_up_and_the_living_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let prefix = format!("{PREFIX}{}-", host());
        let dead = dir.path().join(format!("{prefix}gone"));
        let nearly_removed = dir.path().join(format!("{prefix}gone2{DEAD}"));
        let elsewhere = dir.path().join(format!("{PREFIX}another_host-gone"));
        for left in [&dead, &nearly_removed, &elsewhere] {
            fs::create_dir(left).unwrap();
            fs::write(left.join(LOCK), "").unwrap();
            fs::write(left.join("0"), "half a table").unwrap();
        }
        let living = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
        let its = living.scratch_path().unwrap();
        fs::write(&its, "being written").unwrap();
        assert!(!dead.exists() && !nearly_removed.exists() && elsewhere.exists());
        let cleaning = dir.path().join(format!("{prefix}cleaning"));
        fs::create_dir_all(cleaning.join("7")).unwrap();
        sweep_up(dir.path());
        assert!(!cleaning.exists() && its.exists());

        let second = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
        second.replace(&dir.path().join("x/table.csv"), b"a,b\n").unwrap();
        // A process that took it for a dead one's just before.
        let taken = Garbage {
            path: its.parent().unwrap().to_owned(),
            bytes: 0,
            reason: "left by a process that is gone",
        };
        second.remove(&taken).unwrap();
        assert!(its.exists(), "the scratch of a living process was removed");
        drop((living, second));
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "only x and the other host's remain: {left:?}");
    }

    #[test]
    fn nobody_sweeps_up_one_that_is_just_starting() {
        let dir = tempfile::tempdir().unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        let start = || {
            (0..2000).all(|_| {
                let scratch = Scratch::new(dir.path()).unwrap();
                std::thread::yield_now();
                scratch.dir.path().join(LOCK).exists()
            })
        };
        let sweep = || {
            while !done.load(Ordering::SeqCst) {
                sweep_up(dir.path());
            }
        };
        let lived: Vec<_> = std::thread::scope(|threads| {
            (0..2).for_each(|_| drop(threads.spawn(sweep)));
            let starting = [threads.spawn(start), threads.spawn(start)];
            let lived = starting.into_iter().map(|start| start.join().ok()).collect();
            done.store(true, Ordering::SeqCst);
            lived
        });
        assert_eq!(lived, [Some(true); 2], "the scratch of a living process was removed");
    }

    #[test]
    fn nothing_is_written_locked_or_removed_through_a_link() {
        use std::os::unix::fs::symlink;
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("mine.csv"), "precious").unwrap();
        let scratch = dir.path().join(format!("{PREFIX}{}-x", host()));
        symlink(elsewhere.path(), &scratch).unwrap();
        symlink(elsewhere.path(), dir.path().join("study")).unwrap();
        let store = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
        let refused = |written: Result<(), StoreError>| written.unwrap_err().to_string();
        assert!(
            refused(store.replace(&dir.path().join("study/mine.csv"), b"1"))
                .contains("study: it is a link")
        );
        store.replace(&dir.path().join("other/mine.csv"), b"1").unwrap();
        assert!(
            store.garbage(std::time::Duration::ZERO).unwrap().0.is_empty(),
            "a link is nothing that this program has left"
        );
        for below in ["runs", "unfinished", "submitted", "data"] {
            symlink(elsewhere.path(), dir.path().join(below)).unwrap();
            assert!(
                refused(store.replace(&dir.path().join("other/a"), b"2")).contains("it is a link")
            );
            fs::remove_file(dir.path().join(below)).unwrap();
        }
        let left: Vec<_> = fs::read_dir(elsewhere.path()).unwrap().collect();
        assert!(
            left.len() == 1 && fs::read(elsewhere.path().join("mine.csv")).unwrap() == b"precious"
        );
    }

    #[test]
    fn results_that_vanish_do_not_stop_the_next_write() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("results");
        let store = Store::open(&root, MadeTrainer::shared()).unwrap();
        store.replace(&root.join("a/t.csv"), b"1").unwrap();
        fs::remove_dir_all(&root).unwrap();
        store.replace(&root.join("a/t.csv"), b"2").unwrap();
        assert_eq!(fs::read(root.join("a/t.csv")).unwrap(), b"2");
    }
}
