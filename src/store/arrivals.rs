//! Runs of other origin: copied to scratch, examined there, compared with the run that is here, and
//! published by a rename. Nothing about them is believed: a copy is what its manifest says, its
//! manifest is that of the run whose id it has, and links are not followed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::disk::{make_dirs, rename, write_new};
use super::manifest::{Manifest, ManifestEntry, unseal};
use super::names::RUN;
use super::runs::{
    EPOCHS, LARGEST, LONGEST, MANIFEST, RunFile, SUMMARY, TIMING, from_toml, is_of_the_run,
};
use super::{RunStatus, Store, StoreError, Summary, Timing};
use crate::plan::{Hashed, RunId};
use crate::regular;
use crate::text::brief;
use crate::trainer::{Config, IdentifiedRun};

/// Maximum number of files of a run: more than a manifest of its maximum size names.
pub(super) const MOST_FILES: usize = 200_000;
/// Maximum size of the table of epochs [bytes], which is read into memory.
const LONGEST_EPOCHS: u64 = 256 << 20;

/// Reason why something of other origin is not taken.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// It is wrong.
    Refused(String),
    /// Nothing else can be taken either.
    Fatal(StoreError),
}

/// State of a run in these results, next to one of other origin with its id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not here.
    Absent,
    /// It is the same here.
    Same,
    /// These files differ; `because` is a reason that makes that no surprise.
    Other {
        files: Vec<String>,
        is_program: bool,
        because: Option<String>,
    },
    /// The one here is damaged, for this reason.
    Damaged(String),
}

pub(super) fn refused<T>(reason: impl Into<String>) -> Result<T, Obstacle> {
    Err(Obstacle::Refused(reason.into()))
}

impl From<StoreError> for Obstacle {
    /// Damage of a copy is damage of what was copied.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { path, reason, .. } => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Self::Refused(format!("{name}: {reason}"))
            }
            error => Self::Fatal(error),
        }
    }
}

impl Store {
    /// Copies a run of another results directory into this store, which is scratch; returns its size
    /// [bytes].
    pub(super) fn fetch(&self, run: &RunId, from: &Path) -> Result<u64, Obstacle> {
        let manifest = foreign_manifest(from)?;
        let mut n_bytes = 0;
        for (name, bytes) in foreign_files(from, &manifest)? {
            n_bytes += bytes;
            let path = from.join(&name);
            let mut file = open_unlinked(&path, &name)?;
            if let Err(error) = self.receive(run, &name, &mut file, bytes)? {
                return refused(format!("{name}: {error}"));
            }
        }
        Ok(n_bytes)
    }

    /// Copies a file of a run of at most `limit` bytes into this store, which is scratch; an error
    /// of the stream is the inner one.
    pub(super) fn receive(
        &self,
        run: &RunId,
        name: &str,
        from: &mut dyn Read,
        limit: u64,
    ) -> Result<io::Result<()>, Obstacle> {
        let path = self.run_dir(run).join(name);
        let folder = path.parent().unwrap_or(&path);
        match make_dirs(folder).and_then(|()| write_new(&path, from, limit)) {
            Ok(Ok(bytes)) if bytes > limit => {
                refused(format!("{name}: it is longer than {limit} bytes"))
            }
            Ok(written) => Ok(written.map(drop)),
            // Two names that this file system does not distinguish, or a file and a folder of one
            // name.
            Err(StoreError::Io { cause, .. })
                if matches!(
                    cause.kind(),
                    io::ErrorKind::AlreadyExists
                        | io::ErrorKind::NotADirectory
                        | io::ErrorKind::IsADirectory
                        | io::ErrorKind::InvalidFilename
                ) =>
            {
                refused(format!("{name}: it cannot be copied next to the others: {cause}"))
            }
            Err(error) => Err(Obstacle::Fatal(error)),
        }
    }

    /// Examines a run that was copied into this store: every checksum, and that the run has the id
    /// of its content. Returns its manifest and the fingerprint of its data.
    pub(super) fn examine(&self, run: &RunId) -> Result<(Manifest, String), Obstacle> {
        let dir = self.run_dir(run);
        let manifest = self.manifest(run)?;
        foreign_files(&dir, &manifest)?;
        for (name, entry) in &manifest.files {
            let path = dir.join(&name.0);
            let found = ManifestEntry::of_file(&path).map_err(StoreError::io("read", &path))?;
            if found != *entry {
                return refused(format!("{}: its checksum does not match", name.0));
            }
        }
        if manifest.files.get(EPOCHS).is_some_and(|entry| entry.bytes > LONGEST_EPOCHS) {
            return refused(format!("{EPOCHS}: it is longer than {LONGEST_EPOCHS} bytes"));
        }
        let file = self.run_file_by(run, &manifest)?;
        let data = file.data_fingerprint.clone();
        if file.id != *run {
            return refused(format!("{RUN}: it is of another run: {}", file.id));
        }
        match self.identified(&file)? {
            None => self.examine_made(run, file, &manifest)?,
            Some(identified) => {
                check_version(&file, identified.version)?;
                let id = Hashed::new(&identified.identity).run(file.seed);
                if id != *run || identified.data != file.data_fingerprint {
                    return refused(format!("{RUN}: its content has the id {id}"));
                }
                let path = dir.join(TIMING);
                let sealed =
                    regular::read(&path, LONGEST).map_err(StoreError::io("read", &path))?;
                let Some(text) = unseal(&sealed) else {
                    return refused(format!("{TIMING}: its checksum does not match"));
                };
                from_toml::<Timing>(run, &path, text.as_bytes())?;
            }
        }
        let text = self.checked(run, &manifest, SUMMARY)?;
        let summary: Summary = from_toml(run, &dir.join(SUMMARY), &text)?;
        if !matches!(summary.status, RunStatus::Finished | RunStatus::Diverged) {
            return refused(format!("{SUMMARY}: the run is {}", summary.status.word()));
        }
        Ok((manifest, data))
    }

    fn examine_made(
        &self,
        run: &RunId,
        file: RunFile,
        manifest: &Manifest,
    ) -> Result<(), Obstacle> {
        let trainer = self.trainer();
        check_version(&file, trainer.version())?;
        let spec = self.spec_by(run, file)?;
        // Identities of earlier versions follow that of this one and its revisions.
        let mut own = trainer.identities(&spec.config, &spec.data).enumerate();
        let is_own = own.any(|(i, identity)| {
            (i == 0 || !identity.since.is_empty()) && Hashed::new(&identity).run(spec.seed) == *run
        });
        if !is_own {
            return refused(format!("{RUN}: its id is that of an earlier version of the numerics"));
        }
        self.record_by(run, manifest)?;
        Ok(())
    }

    /// Identity of a run of a program; `None` of the built-in model.
    fn identified(&self, file: &RunFile) -> Result<Option<IdentifiedRun>, Obstacle> {
        let Some(program) = &file.program else { return Ok(None) };
        let Some(programs) = self.programs() else {
            return refused("it is of a program, and no trainer of programs is known");
        };
        let identified = programs.identify(program, &Config::new(&file.config));
        identified.map(Some).map_err(Obstacle::Refused)
    }

    /// Compares a run of these results with one of other origin that has this manifest and summary.
    /// Of the run here the small files are read, and the sizes of the others looked at.
    pub(super) fn standing(
        &self,
        run: &RunId,
        theirs: &Manifest,
        their_summary: &dyn Fn() -> Result<Vec<u8>, Obstacle>,
    ) -> Result<Standing, Obstacle> {
        let dir = self.run_dir(run);
        if fs::symlink_metadata(&dir).is_err() {
            return Ok(Standing::Absent);
        }
        let read = || -> Result<_, StoreError> {
            let ours = self.manifest(run)?;
            let summary = self.checked(run, &ours, SUMMARY)?;
            let summary: Summary = from_toml(run, &dir.join(SUMMARY), &summary)?;
            Ok((self.run_file_by(run, &ours)?, summary, ours))
        };
        let (file, summary, ours) = match read() {
            Ok(read) => read,
            Err(StoreError::NoSuchRun { .. }) => return Ok(Standing::Absent),
            Err(error @ StoreError::Damaged { .. }) => {
                return Ok(Standing::Damaged(error.to_string()));
            }
            Err(error) => return Err(Obstacle::Fatal(error)),
        };
        for (name, entry) in &ours.files {
            let path = dir.join(&name.0);
            if !fs::metadata(&path).is_ok_and(|found| found.len() == entry.bytes) {
                let reason = format!("{}: expected {} bytes", path.display(), entry.bytes);
                return Ok(Standing::Damaged(reason));
            }
        }
        let identified = self.identified(&file)?;
        let (varying, facts) = match &identified {
            Some(known) => (known.varying_files, known.machine_facts),
            None => (&[][..], self.trainer().machine_facts()),
        };
        let later = self.trainer().later_files();
        let differs = |name: &&str| {
            let (here, there) = (ours.files.get(*name), theirs.files.get(*name));
            let is_later = later.contains(name) && (here.is_none() || there.is_none());
            // The id covers everything in the specification that decides a value.
            here != there && !is_later && *name != RUN && !varying.contains(name)
        };
        let mut names: Vec<&str> = (ours.files.keys().chain(theirs.files.keys()))
            .map(|name| name.0.as_str())
            .filter(differs)
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut because = None;
        if names.contains(&SUMMARY) {
            let values = |mut summary: Summary| {
                summary.facts.retain(|name, _| !facts.contains(&name.as_str()));
                summary
            };
            let theirs: Summary = from_toml(run, &dir.join(SUMMARY), &their_summary()?)?;
            because = [&theirs, &summary]
                .into_iter()
                .find_map(|summary| self.trainer().unrepeatable(&summary.facts));
            if values(theirs) == values(summary) {
                names.retain(|name| *name != SUMMARY);
            }
        }
        if names.is_empty() {
            return Ok(Standing::Same);
        }
        let files = names.into_iter().map(str::to_owned).collect();
        Ok(Standing::Other { files, is_program: identified.is_some(), because })
    }

    /// Compares a run of these results with the one in a directory of other origin by its manifest,
    /// and examines names and sizes of its files.
    pub(super) fn standing_of(&self, run: &RunId, from: &Path) -> Result<Standing, Obstacle> {
        let manifest = foreign_manifest(from)?;
        foreign_files(from, &manifest)?;
        let summary = || {
            let bytes = read_unlinked(&from.join(SUMMARY), SUMMARY)?;
            match manifest.files.get(SUMMARY) == Some(&ManifestEntry::of(&bytes)) {
                true => Ok(bytes),
                false => refused(format!("{SUMMARY}: its checksum does not match")),
            }
        };
        self.standing(run, &manifest, &summary)
    }

    /// Compares a run of these results with a copy that was examined.
    pub(super) fn standing_of_copy(
        &self,
        run: &RunId,
        copies: &Self,
        manifest: &Manifest,
    ) -> Result<Standing, Obstacle> {
        self.standing(run, manifest, &|| Ok(copies.checked(run, manifest, SUMMARY)?))
    }

    /// Publishes a copy that was examined and is on disk, unless another process was first.
    pub(super) fn admit(&self, run: &RunId, copies: &Self) -> Result<Standing, Obstacle> {
        let (copy, target) = (copies.run_dir(run), self.run_dir(run));
        match rename(&copy, &target) {
            Ok(()) => Ok(Standing::Absent),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty
                        | io::ErrorKind::AlreadyExists
                        | io::ErrorKind::NotADirectory
                ) =>
            {
                match self.standing_of_copy(run, copies, &copies.manifest(run)?)? {
                    Standing::Absent => refused(format!("{} is in its way", target.display())),
                    standing => Ok(standing),
                }
            }
            Err(error) => Err(Obstacle::Fatal(StoreError::io("write", &target)(error))),
        }
    }
}

fn check_version(file: &RunFile, version: u32) -> Result<(), Obstacle> {
    if file.engine == version {
        return Ok(());
    }
    refused(format!(
        "it was made by version {} of the numerics, and this program has version {version}",
        file.engine
    ))
}

/// Manifest of a run in a directory of other origin.
fn foreign_manifest(dir: &Path) -> Result<Manifest, Obstacle> {
    match fs::symlink_metadata(dir) {
        Ok(found) if found.is_symlink() => return refused("it is a link"),
        Ok(found) if !found.is_dir() => return refused("it is not a directory"),
        Ok(_) => {}
        Err(error) => return refused(error.to_string()),
    }
    let sealed = read_unlinked(&dir.join(MANIFEST), MANIFEST)?;
    let Some(text) = unseal(&sealed) else {
        return refused(format!("{MANIFEST}: its checksum does not match"));
    };
    toml::from_str(text).or_else(|error| refused(format!("{MANIFEST}: {}", brief(error.message()))))
}

/// Names and sizes of the files of a run in a directory of other origin, after checking that they are
/// exactly those of its manifest.
fn foreign_files(dir: &Path, manifest: &Manifest) -> Result<Vec<(String, u64)>, Obstacle> {
    let mut found = Vec::new();
    list(dir, "", manifest, &mut found)?;
    let there: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let mut named = manifest.files.keys().map(|name| name.0.as_str()).chain([MANIFEST, TIMING]);
    if let Some(name) = named.find(|name| !there.contains(name)) {
        return refused(format!("{name}: it is missing"));
    }
    Ok(found)
}

fn list(
    dir: &Path,
    prefix: &str,
    manifest: &Manifest,
    found: &mut Vec<(String, u64)>,
) -> Result<(), Obstacle> {
    let unreadable = |error: io::Error| Obstacle::Refused(format!("{prefix}: {error}"));
    let mut entries: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        entries.push((name, entry.path()));
        if entries.len() > MOST_FILES {
            return refused(format!("it has more than {MOST_FILES} files"));
        }
    }
    entries.sort_unstable();
    for (name, path) in entries {
        let kind = fs::symlink_metadata(&path)
            .or_else(|error| refused(format!("{}: {error}", brief(&name))))?;
        if kind.is_dir() {
            list(&path, &format!("{name}/"), manifest, found)?;
            continue;
        }
        if !is_of_the_run(manifest, &name) {
            return refused(format!(
                "{} is not among the files that its manifest names",
                brief(&name)
            ));
        }
        if !kind.is_file() {
            let what = if kind.is_symlink() { "a link" } else { "no regular file" };
            return refused(format!("{name}: it is {what}"));
        }
        let expected = manifest.files.get(name.as_str()).map(|entry| entry.bytes);
        let limit = if expected.is_some() { LARGEST } else { LONGEST };
        if expected.is_some_and(|bytes| bytes != kind.len()) || kind.len() > limit {
            let expected = expected.unwrap_or(limit);
            return refused(format!("{name}: expected {expected} bytes, found {}", kind.len()));
        }
        found.push((name, kind.len()));
    }
    Ok(())
}

fn open_unlinked(path: &Path, name: &str) -> Result<File, Obstacle> {
    regular::open_unlinked(path, File::options().read(true))
        .or_else(|error| refused(format!("{name}: {}", missing(&error))))
}

/// Bytes of a small file of other origin.
pub(super) fn read_unlinked(path: &Path, name: &str) -> Result<Vec<u8>, Obstacle> {
    let file = open_unlinked(path, name)?;
    regular::read_all(&file, LONGEST)
        .or_else(|error| refused(format!("{name}: {}", missing(&error))))
}

fn missing(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is missing".to_owned(),
        _ => error.to_string(),
    }
}
