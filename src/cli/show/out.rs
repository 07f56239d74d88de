//! Files written to a path that the user named, or among the plots, with checks against overwriting
//! foreign files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Component, Path};

use anyhow::{anyhow, bail, ensure};

use crate::store::{Owned, StoreError, write_whole};

/// Writes a file that the user named, and replaces an existing file; never through a link, and
/// never replaces anything but a file.
pub(crate) fn write_named(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_named_with(path, |file| file.write_all(bytes))
}

/// The same for content that is written piece by piece.
pub(crate) fn write_named_with(
    path: &Path,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> anyhow::Result<()> {
    is_writable(path)?;
    Ok(write_whole(path, content)?)
}

/// Refuses, before any work, output files that are links, are not files, or are among the input.
pub(crate) fn check_named<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    read: &[Option<&Path>],
) -> anyhow::Result<()> {
    for path in paths {
        is_writable(path)?;
        let same = |read: &Path| matches!((read.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
        ensure!(
            !read.iter().flatten().any(|read| same(read)),
            "{} is read as well: write to another file",
            path.display()
        );
    }
    Ok(())
}

fn is_writable(path: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            bail!("{} is a link: write to the file itself", path.display())
        }
        Ok(found) if !found.is_file() => {
            bail!("{} is there and no file: write to another place", path.display())
        }
        _ => Ok(()),
    }
}

/// True if a path, which need not exist, is a directory or below it.
pub(crate) fn is_within(path: &Path, directory: &Path) -> bool {
    let Ok(directory) = directory.canonicalize() else { return false };
    let mut place = Path::new(".").canonicalize().unwrap_or_default();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            part => place.push(part),
        }
        // Follows a link before the `..` behind it is applied.
        place = place.canonicalize().unwrap_or(place);
    }
    place.starts_with(directory)
}

/// Writes a picture among the plots to a default path.
pub(crate) fn write_among_plots(path: &Path, bytes: Vec<u8>) -> anyhow::Result<()> {
    let hint = "--out FILE writes elsewhere";
    let (dir, name) = (
        path.parent().unwrap_or(Path::new(".")),
        path.file_name().unwrap_or_default().to_string_lossy(),
    );
    let picture =
        Owned::new(dir, ".ablade-pictures", BTreeMap::from([(name.into_owned(), bytes)])).keeping();
    let remarks = picture.write().map_err(|error| in_the_way(error, hint))?;
    ensure!(remarks.is_empty(), "{}; {hint}", remarks.join("; "));
    Ok(())
}

/// Adds advice on files in the way.
pub(crate) fn in_the_way(error: StoreError, hint: &str) -> anyhow::Error {
    match error {
        StoreError::InTheWay { .. } => anyhow!("{error}; {hint}"),
        error => error.into(),
    }
}
