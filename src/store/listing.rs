//! Reading directories without following links.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::StoreError;

/// Paths and names of the entries of a directory, sorted; empty if it does not exist.
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

/// Paths of everything below a directory that is no directory itself, and their names relative to
/// it, sorted.
pub(super) fn files_below(dir: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    let mut found = Vec::new();
    for (path, name) in entries(dir)? {
        if is_dir(&path) {
            let below = files_below(&path)?.into_iter();
            found.extend(below.map(|(path, rest)| (path, format!("{name}/{rest}"))));
        } else {
            found.push((path, name));
        }
    }
    Ok(found)
}

/// True if a path is a directory, and not a link to one.
pub(super) fn is_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// True if a path is a regular file, and not a link, pipe or device.
pub(super) fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// True if a directory has no entry, or there is none.
pub fn is_empty_or_absent(directory: &Path) -> bool {
    match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}
