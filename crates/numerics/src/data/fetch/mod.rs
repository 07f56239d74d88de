//! Getting the real data sets: download, check, and only then give a file its real name.
//!
//! What is under way is called `.part`; an interrupted download continues there. Archives are never
//! unpacked by the names inside them: wanted members are picked by name and written under names of
//! our own.

mod download;
mod unpack;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use super::catalog::{Download, KNOWN, Known};
use super::{DataError, Library, source};

/// Downloads the set `name` into the library, and returns its folder. Files that are there and
/// right are not fetched again.
///
/// `progress` hears the bytes that are there of the whole, and the size of the whole where it is
/// known.
pub fn fetch(
    name: &str,
    library: &Library,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<PathBuf, DataError> {
    let Some(known) = KNOWN.iter().find(|known| known.name == name) else {
        if super::draw::Builtin::ALL.iter().any(|builtin| builtin.name() == name) {
            let problem = "drawn by the program: there is nothing to fetch".into();
            return Err(DataError::Fetch { url: name.into(), problem });
        }
        return Err(source::unknown(name, library));
    };
    let places = library.places(name);
    let folder = places.iter().find(|place| place.is_dir()).unwrap_or(&places[0]);
    fetch_into(known, folder, library.mirror.as_deref(), &mut progress)?;
    Ok(folder.clone())
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

/// Fetches one file, checks it, and puts what is kept of it into `folder`.
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
