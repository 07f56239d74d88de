//! All changes of the store to the disk, in one place so that tests can make each of them fail.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::StoreError;

/// Creates a directory and its parents, and waits until the entry of each new one is on disk:
/// otherwise a power failure may undo a new directory, with every file that was synced in it.
pub(super) fn create_dirs(path: &Path) -> Result<(), StoreError> {
    let is_new = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let created: Vec<&Path> = path.ancestors().take_while(is_new).collect();
    make_dirs(path)?;
    let parents = created.iter().rev().filter_map(|dir| dir.parent());
    parents
        .map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
        .try_for_each(sync_dir)
}

/// Creates a directory and its parents, which [`sync_below`] is to put on disk.
pub(super) fn make_dirs(path: &Path) -> Result<(), StoreError> {
    faults::check(path)
        .and_then(|()| fs::create_dir_all(path))
        .map_err(StoreError::io("create", path))
}

/// Creates a directory.
pub(super) fn create_dir(path: &Path) -> Result<(), StoreError> {
    faults::check(path)
        .and_then(|()| fs::create_dir(path))
        .map_err(StoreError::io("create", path))
}

/// Writes a file from its parts, one after the other, and waits until it is on disk.
pub(super) fn write_synced(path: &Path, parts: &[&[u8]]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(path)?;
        for part in parts {
            // A full disk accepts part of a file.
            faults::check(path)
                .or_else(|error| file.write_all(&part[..part.len() / 2]).and(Err(error)))?;
            file.write_all(part)?;
        }
        file.sync_all()
    };
    write().map_err(StoreError::io("write", path))
}

/// Waits until a directory's entries are on disk, if the file system supports that.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    let dir = File::open(path).map_err(StoreError::io("read", path))?;
    match faults::check(path).and_then(|()| dir.sync_all()) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) => {
            Ok(())
        }
        synced => synced.map_err(StoreError::io("write", path)),
    }
}

/// Copies a stream to a new file, which [`sync_below`] is to put on disk; an error of the stream is
/// the inner one. Returns the number of bytes: more than `limit` if the stream is longer.
pub(super) fn write_new(
    path: &Path,
    from: &mut dyn Read,
    limit: u64,
) -> Result<io::Result<u64>, StoreError> {
    let write_error = StoreError::io("write", path);
    let file = faults::check(path).and_then(|()| File::create_new(path));
    let (mut file, mut n_bytes) = match file {
        Ok(file) => (file, 0),
        Err(error) => return Err(write_error(error)),
    };
    let mut buffer = vec![0; COPIED];
    while n_bytes <= limit {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = file.write_all(&buffer[..read]) {
            return Err(write_error(error));
        }
        n_bytes += read as u64;
    }
    Ok(Ok(n_bytes))
}

/// Bytes that are copied at a time.
const COPIED: usize = 1 << 16;

/// Waits until every file and directory below `path` is on disk: with one call for the whole file
/// system where there is one, because thousands of small files take minutes one by one.
pub(super) fn sync_below(path: &Path) -> Result<(), StoreError> {
    let sync = || {
        faults::check(path)?;
        let dir = File::open(path)?;
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&dir)?;
        #[cfg(not(target_os = "linux"))]
        sync_each(path)?;
        dir.sync_all()
    };
    sync().map_err(StoreError::io("write", path))
}

#[cfg(not(target_os = "linux"))]
fn sync_each(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_each(&path)?;
        }
        File::open(&path)?.sync_all()?;
    }
    Ok(())
}

/// Removes a directory and everything in it, also what a program has protected from being changed.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unprotect(path);
            fs::remove_dir_all(path)
        }
        removed => removed,
    }
}

/// Lets the owner change a directory and those in it.
fn unprotect(path: &Path) {
    let Ok(found) = fs::symlink_metadata(path) else { return };
    if found.is_dir() {
        let all = fs::Permissions::from_mode(found.permissions().mode() | 0o700);
        let _ = fs::set_permissions(path, all);
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            unprotect(&entry.path());
        }
    }
}

/// Renames a file or a directory.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    faults::check(to)?;
    fs::rename(from, to)
}

/// Links a written file to `to`, unless that exists; returns true if it did.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<bool> {
    faults::check(to)?;
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(linked_all_the_same(from)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        // A file system without hard links: only the atomic creation matters, which works
        // everywhere.
        Err(_) => match File::create_new(to) {
            Ok(mut file) => file.write_all(&fs::read(from)?).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// A network file system may repeat a request whose answer was lost, and then report an error for
/// what it has done. Detects that by the number of links.
#[cfg(unix)]
fn linked_all_the_same(from: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(from).is_ok_and(|found| found.nlink() == 2)
}

#[cfg(not(unix))]
fn linked_all_the_same(_: &Path) -> bool {
    false
}

/// Removes a file, if it exists.
pub(super) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match faults::check(path).and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(not(test))]
mod faults {
    #[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
    pub(super) fn check(_: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

/// Injected fault: the directory, and the number of changes that succeed before.
#[cfg(test)]
pub(crate) mod faults {
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, PoisonError};

    static ARMED: Mutex<Vec<(PathBuf, u64)>> = Mutex::new(Vec::new());

    /// Makes change number `after` (from 0) below `root` fail, once, as if the disk were full.
    pub(crate) fn arm(root: &Path, after: u64) {
        ARMED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((root.to_owned(), after));
    }

    /// Removes the fault; returns true if it had not occurred.
    pub(crate) fn disarm(root: &Path) -> bool {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let before = armed.len();
        armed.retain(|(below, _)| below != root);
        armed.len() < before
    }

    pub(super) fn check(path: &Path) -> io::Result<()> {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = armed.iter().position(|(root, _)| path.starts_with(root)) else {
            return Ok(());
        };
        if armed[at].1 == 0 {
            armed.swap_remove(at);
            return Err(io::ErrorKind::StorageFull.into());
        }
        armed[at].1 -= 1;
        Ok(())
    }
}
