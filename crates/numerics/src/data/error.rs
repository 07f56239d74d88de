//! Errors of finding, fetching and loading a data set. Messages name the file and the place in it,
//! and the command that helps.

use std::path::{Path, PathBuf};

use crate::data::part::Part;
use crate::text::megabytes;

/// Reason why a data set could not be listed, fetched or loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Neither a built-in set, nor one known by name, nor something on disk.
    #[error("no data set `{name}`: nothing is at that path, here or in {}, and no set has that name{}; known are {known}", .data_dir.display(), meant(.nearest.as_ref()))]
    Unknown {
        /// Name as written.
        name: String,
        /// Data folder, in which paths are searched, too.
        data_dir: PathBuf,
        /// Known name closest to it.
        nearest: Option<String>,
        /// All known names.
        known: String,
    },
    /// A set known by name that is not on this machine.
    #[error("{name} is not on this machine: looked in {}; `ablade data fetch {name}` gets it ({}){}", places(.looked), megabytes(*.bytes), used_by_path(.instead.as_ref()))]
    Missing {
        /// Name of the set.
        name: String,
        /// Places searched.
        looked: Vec<PathBuf>,
        /// Size of the download [bytes].
        bytes: u64,
        /// Path in the working directory that has this name.
        instead: Option<PathBuf>,
    },
    /// A set known by name of which this machine has a part.
    #[error("{}: part of {name} is here, its {part} images are not; `ablade data fetch {name}` gets the whole ({}). A single file can be used by its own path", .path.display(), megabytes(*.bytes))]
    Partial {
        /// Name of the set.
        name: String,
        /// Its folder.
        path: PathBuf,
        /// One of the sets that the folder lacks.
        part: Part,
        /// Size of the download [bytes].
        bytes: u64,
    },
    /// The files found do not make a whole set.
    #[error("{}: {problem}", .path.display())]
    Incomplete {
        /// Folder or path stem.
        path: PathBuf,
        /// Missing part, and the remedy.
        problem: String,
    },
    /// The operating system refused.
    #[error("{}: {cause}", .path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Error of the system. Not called `source`, because a chain of causes would then print it
        /// twice.
        cause: std::io::Error,
    },
    /// A file violates its format.
    #[error("{}, {place}: {problem}", .path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Place in the file: byte, line and column, or member.
        place: String,
        /// Value found and value expected.
        problem: String,
    },
    /// More images requested than the set has.
    #[error("data.{part} = {asked}: {name} has {has} {part} {nouns}")]
    TooFew {
        /// Set as the experiment names it.
        name: String,
        /// One of the three sets.
        part: Part,
        /// Number of images requested.
        asked: usize,
        /// Number of images available.
        has: usize,
        /// Word for examples.
        nouns: &'static str,
    },
    /// A setting that does not fit this data set.
    #[error("data.{key}: {problem}")]
    Setting {
        /// Key below `[data]`.
        key: &'static str,
        /// Value requested and values possible.
        problem: String,
    },
    /// A download failed; no file got its final name.
    #[error("fetching {url}: {problem}")]
    Fetch {
        /// Address.
        url: String,
        /// Reason, and the remedy.
        problem: String,
    },
}

impl DataError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |cause| match path.read_link() {
            Ok(target) if cause.kind() == std::io::ErrorKind::NotFound => {
                let problem = format!("it leads to {}, which is not there", target.display());
                Self::malformed(&path, "link", problem)
            }
            _ => Self::Io { path, cause },
        }
    }

    pub(crate) fn malformed(path: &Path, place: impl ToString, problem: impl ToString) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            place: place.to_string(),
            problem: problem.to_string(),
        }
    }
}

fn meant(name: Option<&String>) -> String {
    name.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

fn used_by_path(path: Option<&PathBuf>) -> String {
    path.map(|path| format!("; what is at {0} is used by name = \"{0}\"", path.display()))
        .unwrap_or_default()
}

fn places(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
