//! Errors of the store; each message names the file.

use std::io;
use std::path::{Path, PathBuf};

use crate::plan::RunId;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system reported an error.
    #[error("{action} {}: {cause}", path.display())]
    Io {
        /// Operation: `read`, `write`, ...
        action: &'static str,
        /// File.
        path: PathBuf,
        /// Error of the system.
        cause: io::Error,
    },
    /// A file of a published run is not as it was published.
    #[error("run {run} is damaged, or still being copied: {}: {reason}", path.display())]
    Damaged {
        /// Id of the run.
        run: RunId,
        /// The damaged file.
        path: PathBuf,
        /// Problem.
        reason: String,
    },
    /// A file outside runs cannot be read.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// Problem.
        reason: String,
    },
    /// A name that is not valid as part of a path.
    #[error("`{name}` cannot name {what}: {rule}")]
    Name {
        /// Kind of the named thing.
        what: &'static str,
        /// The name.
        name: String,
        /// Description of valid names.
        rule: &'static str,
    },
    /// A run of a program where one of the built-in model was requested, or the other way round.
    #[error("run {run} is of {}", if *of_program { "a program, and this is for the built-in model" } else { "the built-in model" })]
    OtherTrainer {
        /// Id of the run.
        run: RunId,
        /// True if it is of a program.
        of_program: bool,
    },
    /// A run that is not on disk.
    #[error("run {run} is not in {}", path.display())]
    NoSuchRun {
        /// Id of the run.
        run: RunId,
        /// Path at which it was expected.
        path: PathBuf,
    },
    /// An experiment that was never run here.
    #[error("no experiment `{name}` in {}{}", path.display(), hint(nearest.as_deref()))]
    NoSuchExperiment {
        /// Its name.
        name: String,
        /// Path at which it was expected.
        path: PathBuf,
        /// An experiment with a similar name.
        nearest: Option<String>,
    },
    /// A directory to be written to holds files that this program did not make, or that have been
    /// changed since.
    #[error(
        "{} in {} {} not ablade's own and {} in the way of what it would write: {}{}",
        if *count == 1 { "a file" } else { "files" },
        dir.display(),
        if *count == 1 { "is" } else { "are" },
        if *count == 1 { "is" } else { "are" },
        files.join(", "),
        if *count > files.len() { format!(" and {} more", count - files.len()) } else { String::new() }
    )]
    InTheWay {
        /// The directory.
        dir: PathBuf,
        /// The first few of the files.
        files: Vec<String>,
        /// Number of such files.
        count: usize,
    },
    /// A plan whose tables contain results that this one would drop.
    #[error(
        "{} is another plan, {finished} of whose finished runs are not in this one: --name OTHER keeps both, --replace puts \
         this one in its place",
        path.display()
    )]
    Replaces {
        /// The plan on disk.
        path: PathBuf,
        /// Number of finished runs that would leave the tables.
        finished: usize,
    },
    /// A submission that is not on disk.
    #[error("no submission `{name}` in {}{}", path.display(), hint(nearest.as_deref()))]
    NoSuchSubmission {
        /// Its name.
        name: String,
        /// Path at which it was expected.
        path: PathBuf,
        /// A submission with a similar name.
        nearest: Option<String>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl StoreError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { action, path, cause }
    }

    /// True if no file can be written at all, so that other runs would fail, too.
    pub fn is_everywhere(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let everywhere = [PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        matches!(self, Self::Io { cause, .. } if everywhere.contains(&cause.kind()))
    }

    /// True if the file does not exist.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}
