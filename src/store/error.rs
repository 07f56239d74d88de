//! What can go wrong on disk; each message names the file.

use std::io;
use std::path::{Path, PathBuf};

use crate::plan::RunId;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("{action} {}: {cause}", path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file of a published run is not what was published.
    #[error("run {run} is damaged, or still being copied: {}: {reason}", path.display())]
    Damaged {
        /// Which run.
        run: RunId,
        /// Which of its files.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that is not part of a run cannot be understood.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that must not become part of a path.
    #[error("`{name}` cannot name {what}: {rule}")]
    Name {
        /// What it would have named.
        what: &'static str,
        /// The name.
        name: String,
        /// What a name may be.
        rule: &'static str,
    },
    /// A run that is not on disk.
    #[error("run {run} is not in {}", path.display())]
    NoSuchRun {
        /// Which run.
        run: RunId,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// An experiment that was never run here.
    #[error("no experiment `{name}` in {}{}", path.display(), hint(nearest.as_deref()))]
    NoSuchExperiment {
        /// Its name.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
        /// An experiment with a similar name.
        nearest: Option<String>,
    },
    /// A directory holds what this program did not make, or what has been changed since, where it
    /// is to write.
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
        /// Number found.
        count: usize,
    },
    /// A plan whose tables hold results that this one would drop.
    #[error(
        "{} is another plan, {finished} of whose finished runs are not in this one: --name OTHER keeps both, --replace puts \
         this one in its place",
        path.display()
    )]
    Replaces {
        /// The plan on disk.
        path: PathBuf,
        /// Finished runs that would leave the tables.
        finished: usize,
    },
    /// A submission that is not on disk.
    #[error("no submission `{name}` in {}{}", path.display(), hint(nearest.as_deref()))]
    NoSuchSubmission {
        /// Its name.
        name: String,
        /// Where it was looked for.
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

    /// True if nothing at all can be written where this happened: no other run would fare better.
    pub fn is_everywhere(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let everywhere = [PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        matches!(self, Self::Io { cause, .. } if everywhere.contains(&cause.kind()))
    }

    /// True if the file was simply not there.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}
