//! Location of data sets on this machine, and the servers from which they are fetched.

use std::env::{self, consts::OS};
use std::path::{Path, PathBuf};

use super::catalog::Known;

/// Folder of real data sets, with one sub-folder per set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Path of the folder.
    pub data_dir: PathBuf,
    /// Address from which every file is fetched (by its name) instead of the official ones.
    pub mirror: Option<String>,
}

impl Library {
    /// A library in `data_dir` that fetches from the official sources.
    pub fn at(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), mirror: None }
    }

    /// The folder given by the user, else `ABLADE_DATA`, else `ablade` in the platform's folder for
    /// data; files from `ABLADE_MIRROR`, if set.
    pub fn from_environment(data_dir: Option<PathBuf>) -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let home = |rest| variable("HOME").map(|home| PathBuf::from(home).join(rest));
        let platform = || match OS {
            "windows" => variable("LOCALAPPDATA").map(PathBuf::from),
            "macos" => home("Library/Application Support"),
            _ => variable("XDG_DATA_HOME").map(PathBuf::from).or_else(|| home(".local/share")),
        };
        let data_dir = data_dir
            .or_else(|| variable("ABLADE_DATA").map(PathBuf::from))
            .unwrap_or_else(|| platform().unwrap_or_default().join("ablade"));
        Self {
            data_dir,
            mirror: env::var("ABLADE_MIRROR").ok().filter(|url| !url.is_empty()),
        }
    }

    /// Folders that may hold a known set, named with `-` or with `_`; `fetch` writes to the first.
    /// One of vectors may be below `uci`, too.
    pub(crate) fn places(&self, known: &Known) -> Vec<PathBuf> {
        let mut names = vec![known.name.to_owned(), known.name.replace('-', "_")];
        names.dedup();
        names.extend(known.folders.iter().map(ToString::to_string));
        let above: &[&str] = if known.is_vectors() { &["", "uci"] } else { &[""] };
        let above = above.iter().map(|above| self.data_dir.join(above));
        above.flat_map(|above| names.iter().map(move |name| above.join(name))).collect()
    }
}

/// Name of a file for comparisons: without folders, in lower case.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}
