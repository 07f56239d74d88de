//! Download of real data sets: a file gets its final name only after it has been checked.
//!
//! A partial download has the suffix `.part`, and an interrupted one is resumed from there.
//! Archives are never unpacked under the names inside them: wanted members are selected by name and
//! written under names that this program chooses.

mod download;
mod unpack;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use super::catalog::{Download, KNOWN, Known};
use super::{DataError, Library, source};

/// Checks that `name` is a set that can be downloaded.
pub fn can_fetch(name: &str, library: &Library) -> Result<(), DataError> {
    known(name, library).map(drop)
}

fn known(name: &str, library: &Library) -> Result<&'static Known, DataError> {
    if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
        return Ok(known);
    }
    if super::draw::Builtin::named(name).is_some() {
        let problem = "drawn by the program: there is nothing to fetch".into();
        return Err(DataError::Fetch { url: name.into(), problem });
    }
    Err(source::unknown(name, library))
}

/// Downloads the set `name` into the library, and returns its folder and what its content was
/// checked by. Files that exist and pass the check are not downloaded again.
///
/// `progress` is called with the number of bytes downloaded so far and, if known, the total.
pub fn fetch(
    name: &str,
    library: &Library,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<(PathBuf, &'static str), DataError> {
    let known = known(name, library)?;
    let places = library.places(known);
    let folder = places.iter().find(|place| place.is_dir()).unwrap_or(&places[0]);
    fetch_into(known, folder, library.mirror.as_deref(), &mut progress)?;
    Ok((folder.clone(), known.checked_by()))
}

fn fetch_into(
    known: &Known,
    folder: &Path,
    mirror: Option<&str>,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), DataError> {
    fs::create_dir_all(folder).map_err(DataError::io(folder))?;
    let mut before = 0;
    for download in known.downloads {
        let total = known.bytes();
        one(download, folder, mirror, &mut |bytes| {
            progress(before + bytes, Some(total.max(before + bytes)));
        })?;
        before += download.bytes.about();
    }
    Ok(())
}

/// Downloads one file, checks it, and stores the wanted part of it in `folder`.
fn one(
    download: &Download,
    folder: &Path,
    mirror: Option<&str>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), DataError> {
    if download.files().iter().all(|name| folder.join(name).is_file()) {
        return unpack::already_there(download, folder);
    }
    let part = folder.join(format!("{}.part", download.file));
    let mirrored =
        mirror.map(|mirror| format!("{}/{}", mirror.trim_end_matches('/'), download.file));
    let urls: Vec<String> = mirrored
        .map_or_else(|| download.urls.iter().map(ToString::to_string).collect(), |url| vec![url]);
    let mut problems = Vec::new();
    for url in &urls {
        let fetched = download::to_file(url, &part, download.bytes, progress)
            .and_then(|()| unpack::publish(download, &part, folder, url));
        match fetched {
            Err(DataError::Fetch { problem, .. }) if url != urls.last().expect("an address") => {
                problems.push(format!("{url}: {problem}"));
            }
            Err(DataError::Fetch { url, problem }) if !problems.is_empty() => {
                return Err(DataError::Fetch {
                    url,
                    problem: format!("{problem}; before, {}", problems.join("; ")),
                });
            }
            other => return other,
        }
    }
    unreachable!("every download has an address")
}
