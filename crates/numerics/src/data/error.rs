//! What can go wrong between a name and a loaded data set. Messages name file and place, and the
//! command that helps.

use std::path::{Path, PathBuf};

use crate::data::part::Part;

/// Why a data set could not be listed, fetched or loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Neither a built-in set, nor one known by name, nor something on disk.
    #[error("no data set `{name}`: nothing is at that path, here or in {}, and no set has that name{}; known are {known}", .data_dir.display(), meant(.nearest.as_ref()))]
    Unknown {
        /// Name as written.
        name: String,
        /// The data folder, where paths are looked for too.
        data_dir: PathBuf,
        /// Known name closest to it.
        nearest: Option<String>,
        /// All known names.
        known: String,
    },
    /// A set known by name that is not on this machine.
    #[error("{name} is not on this machine: looked in {}; `ablade data fetch {name}` gets it ({size})", places(.looked))]
    Missing {
        /// Name of the set.
        name: String,
        /// Folders searched.
        looked: Vec<PathBuf>,
        /// Size of the download, for people.
        size: String,
    },
    /// The files found do not make a whole set.
    #[error("{}: {problem}", .path.display())]
    Incomplete {
        /// Folder or path stem.
        path: PathBuf,
        /// What lacks, and what to do.
        problem: String,
    },
    /// The operating system refused.
    #[error("{}: {cause}", .path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Why. Not called `source`: whoever prints the chain of causes would say it twice.
        cause: std::io::Error,
    },
    /// A file does not hold what its format promises.
    #[error("{}, {place}: {problem}", .path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Where in it: byte, line and column, or member.
        place: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// More images asked for than there are.
    #[error("data.{part} = {asked}: {name} has {has} {part} images")]
    TooFew {
        /// Set as the experiment names it.
        name: String,
        /// Which of the three sets.
        part: Part,
        /// Asked for.
        asked: usize,
        /// There are.
        has: usize,
    },
    /// A setting that this data set cannot follow.
    #[error("data.{key}: {problem}")]
    Setting {
        /// Key below `[data]`.
        key: &'static str,
        /// What was asked and what is possible.
        problem: String,
    },
    /// A download failed; nothing was put under the file's real name.
    #[error("fetching {url}: {problem}")]
    Fetch {
        /// Address.
        url: String,
        /// Why, and what to do.
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

fn places(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
