//! Run directories: published atomically by one rename, and verified against their checksums when
//! read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;
use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::disk::{
    create_dir, create_dirs, remove_if_there, remove_tree, rename, sync_dir, write_synced,
};
use super::listing::{files_below, is_file};
use super::manifest::{FileName, Manifest, ManifestEntry, seal, unseal};
use super::names::{RUN, check_file};
use super::{EpochRow, RunOutput, RunRecord, Store, StoreError, Summary};
use crate::plan::{Plan, RunId, RunSpec, names};
use crate::regular;
use crate::rng::Seed;
use crate::text::{brief, exact};
use crate::trainer::{Curve, Metrics, Program};

pub(super) const EPOCHS: &str = "epochs.csv";
pub(super) const SUMMARY: &str = "summary.toml";
pub(super) const TIMING: &str = "timing.toml";
/// Fact of a run that was taken over from an earlier version of its program: the id of that run.
pub const ADOPTED_FROM: &str = "adopted_from";
/// Fact of such a run: the reason.
pub const ADOPTED_BECAUSE: &str = "adopted_because";
pub(super) const MANIFEST: &str = "checksums.toml";
/// Maximum size of a file that describes a run [bytes].
pub(super) const LONGEST: u64 = 16 << 20;
/// Maximum size of its arrays and its model [bytes].
pub(super) const LARGEST: u64 = 16 << 30;

/// Result of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// The run did not exist.
    New,
    /// Another process had published the same bytes; its directory remains.
    Identical,
    /// Another process had published other values for the same identity; its directory remains.
    /// That is a fault to be reported.
    Differs,
}

/// `run.toml`: everything that decides the values of the run next to it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunFile {
    pub(super) id: RunId,
    pub(super) engine: u32,
    pub(super) seed: Seed,
    #[serde(deserialize_with = "names::file_name")]
    pub(super) data_fingerprint: String,
    pub(super) config: Value,
    /// The program, where the run is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) program: Option<Program>,
}

/// Threads that copy the inputs of a program.
const COPIERS: usize = 16;

/// Name of an input within the copy of a program's inputs, also of a file elsewhere than below the
/// folder of the experiment.
pub fn copied_name(input: &str) -> String {
    input.trim_start_matches('/').replace("..", "__")
}

impl Store {
    pub(super) fn runs(&self) -> PathBuf {
        self.root().join("runs")
    }

    /// Directory of a published run.
    pub fn run_dir(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    /// Publishes a run. If it exists already, the first one remains and this one is dropped; a
    /// damaged one is replaced.
    pub fn publish(&self, spec: &RunSpec, output: &RunOutput) -> Result<Publication, StoreError> {
        let (files, manifest) = self.encode(spec, output)?;
        let scratch = self.scratch_path()?;
        let published = self.publish_dir(
            &spec.id,
            &scratch,
            (&files, &output.taken),
            (&manifest, &output.summary),
        );
        if !matches!(published, Ok(Publication::New)) {
            let _ = fs::remove_dir_all(&scratch);
        }
        if published.is_ok() {
            // The run is safe: its other files are useless now, and harmless if they cannot be
            // removed.
            let _ = remove_if_there(&self.failed_path(&spec.id));
            let _ = self.remove_checkpoints(&spec.id);
            let _ = self.claims().forget_attempts(&spec.id);
            let _ = remove_tree(&self.run_files(&spec.id));
        }
        published
    }

    /// The directory for files of a run that is under way.
    pub fn run_files(&self, run: &RunId) -> PathBuf {
        self.unfinished().join(format!("{run}.files"))
    }

    /// The directory of the copy of a program's inputs.
    pub fn inputs_dir(&self, fingerprint: &str) -> Result<PathBuf, StoreError> {
        check_file("inputs", fingerprint)?;
        Ok(self.root().join("data").join(fingerprint))
    }

    /// Keeps a copy of the inputs of a program, once; nothing where there are none.
    pub fn keep_inputs(
        &self,
        fingerprint: &str,
        inputs: &[(String, PathBuf)],
    ) -> Result<(), StoreError> {
        let target = self.inputs_dir(fingerprint)?;
        if inputs.is_empty() || target.is_dir() {
            return Ok(());
        }
        let parent = self.root().join("data");
        self.own(&parent)?;
        create_dirs(&parent)?;
        let scratch = self.scratch_path()?;
        create_dir(&scratch)?;
        let copy = |(name, path): &(String, PathBuf)| {
            let copied = scratch.join(copied_name(name));
            if let Some(folder) = copied.parent() {
                create_dirs(folder)?;
            }
            let bytes = regular::read(path, LARGEST).map_err(StoreError::io("read", path))?;
            write_synced(&copied, &[&bytes])?;
            let permissions = fs::metadata(path).map(|found| found.permissions());
            let kept = permissions.and_then(|own| fs::set_permissions(&copied, own));
            kept.map_err(StoreError::io("write", path))
        };
        // Thousands of files: a file system writes the syncs of several threads together.
        std::thread::scope(|scope| {
            let parts = inputs.chunks(inputs.len().div_ceil(COPIERS));
            let copiers: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().try_for_each(copy))).collect();
            // All are joined before the first error is returned.
            let ends: Vec<_> = copiers.into_iter().map(ScopedJoinHandle::join).collect();
            ends.into_iter()
                .try_for_each(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        match rename(&scratch, &target) {
            Ok(()) => sync_dir(&parent),
            // Another process was first.
            Err(_) if target.is_dir() => {
                fs::remove_dir_all(&scratch).map_err(StoreError::io("remove", &scratch))
            }
            Err(error) => Err(StoreError::io("write", &target)(error)),
        }
    }

    /// Result that publishing a run would have that exists already and is intact; writes nothing.
    pub fn compare(&self, spec: &RunSpec, output: &RunOutput) -> Result<Publication, StoreError> {
        let (_, manifest) = self.encode(spec, output)?;
        let same = self.is_repeated(&spec.id, &manifest, &output.summary)?;
        Ok(if same { Publication::Identical } else { Publication::Differs })
    }

    /// True if a published run has the files and the values of this execution; of the summary those
    /// facts that name the machine may differ.
    fn is_repeated(
        &self,
        run: &RunId,
        manifest: &Manifest,
        summary: &Summary,
    ) -> Result<bool, StoreError> {
        let theirs = self.verify(run)?;
        let later = self.trainer().later_files();
        if manifest.repeats(&theirs, later) {
            return Ok(true);
        }
        let without_summary = |manifest: &Manifest| {
            let mut rest = manifest.clone();
            rest.files.remove(SUMMARY);
            rest
        };
        if !without_summary(manifest).repeats(&without_summary(&theirs), later) {
            return Ok(false);
        }
        let values = |summary: &Summary| {
            let mut values = summary.clone();
            values
                .facts
                .retain(|name, _| !self.trainer().machine_facts().contains(&name.as_str()));
            values
        };
        let path = self.run_dir(run).join(SUMMARY);
        let published: Summary = from_toml(run, &path, &self.checked(run, &theirs, SUMMARY)?)?;
        Ok(values(&published) == values(summary))
    }

    fn publish_dir(
        &self,
        run: &RunId,
        scratch: &Path,
        (files, taken): (&BTreeMap<String, Vec<u8>>, &[(String, PathBuf)]),
        (manifest, summary): (&Manifest, &Summary),
    ) -> Result<Publication, StoreError> {
        create_dir(scratch)?;
        let mut folders = BTreeSet::new();
        for (name, from) in taken {
            folders.insert(take(from, scratch, name)?);
        }
        folders.iter().try_for_each(|folder| sync_dir(folder))?;
        for (name, bytes) in files {
            write_synced(&scratch.join(name), &[bytes])?;
        }
        let text = seal(&to_toml(&scratch.join(MANIFEST), manifest)?);
        write_synced(&scratch.join(MANIFEST), &[text.as_bytes()])?;
        sync_dir(scratch)?;
        let runs = self.runs();
        create_dirs(&runs)?;
        let target = self.run_dir(run);
        // A rename never replaces a directory that is not empty: the first process wins, in one
        // step.
        while let Err(error) = rename(scratch, &target) {
            if !matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
            ) {
                return Err(StoreError::io("write", &target)(error));
            }
            match self.is_repeated(run, manifest, summary) {
                // The logs of two attempts of a program differ, and the first one counts.
                Ok(same) if same || self.trainer().declaration().is_some() => {
                    return Ok(Publication::Identical);
                }
                Ok(_) => return Ok(Publication::Differs),
                Err(StoreError::Damaged { .. }) => drop(self.set_aside(run)?),
                Err(StoreError::NoSuchRun { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        sync_dir(&runs)?;
        Ok(Publication::New)
    }

    /// Runs of the plan that are published, by their names alone; the content is verified when it
    /// is read.
    pub fn finished(&self, plan: &Plan) -> Result<BTreeSet<RunId>, StoreError> {
        let there = self.published()?;
        Ok(plan
            .runs
            .iter()
            .filter(|run| there.contains(&run.id))
            .map(|run| run.id.clone())
            .collect())
    }

    /// State of the plan's runs, to detect changes: each published run, and each failed one with
    /// the time of its last attempt. Examines names and times only.
    pub fn state(&self, plan: &Plan) -> Result<BTreeMap<RunId, Option<SystemTime>>, StoreError> {
        let there = self.published()?;
        let look = |run: &RunSpec| {
            if there.contains(&run.id) {
                return Some((run.id.clone(), None));
            }
            let note =
                fs::metadata(self.failed_path(&run.id)).and_then(|note| note.modified()).ok()?;
            Some((run.id.clone(), Some(note)))
        };
        Ok(plan.runs.iter().filter_map(look).collect())
    }

    /// Every published run, of any plan.
    pub fn published(&self) -> Result<BTreeSet<RunId>, StoreError> {
        let names = self.names_in_runs()?;
        Ok(names
            .iter()
            .filter_map(|name| RunId::parse(name))
            .filter(|run| self.is_published(run))
            .collect())
    }

    pub(super) fn names_in_runs(&self) -> Result<Vec<String>, StoreError> {
        let runs = self.runs();
        let entries = match fs::read_dir(&runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("read", &runs))?,
        };
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.map(|entry| entry.file_name().into_string().ok())
        };
        entries
            .filter_map(|entry| name(entry).transpose())
            .collect::<Result<_, _>>()
            .map_err(StoreError::io("read", &runs))
    }

    /// True if a run is published, by its name alone.
    pub fn is_published(&self, run: &RunId) -> bool {
        self.run_dir(run).join(MANIFEST).is_file()
    }

    /// Record of a run. A run whose files are unreadable or not as published counts as outstanding,
    /// with the file in its `error`, and is not touched: it may still be arriving from another
    /// machine. Large files are checked by size here, and by checksum when they are read.
    pub fn record(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        match self.read_record(run) {
            Ok(record) => Ok(record),
            Err(StoreError::NoSuchRun { .. }) => self.failed(run),
            Err(error) => {
                Ok(RunRecord { error: Some(error.to_string()), ..RunRecord::outstanding() })
            }
        }
    }

    /// True if a run is incomplete as during a copy: a file is missing or shorter than it should
    /// be, or the manifest itself is incomplete. A file of the right size with other bytes is
    /// damage.
    pub fn is_incomplete(&self, run: &RunId) -> bool {
        let dir = self.run_dir(run);
        let length = |name: &str| fs::metadata(dir.join(name)).map_or(0, |found| found.len());
        let timing = || {
            regular::read(&dir.join(TIMING), LONGEST).is_ok_and(|sealed| unseal(&sealed).is_some())
        };
        match self.manifest(run) {
            Ok(manifest) => {
                manifest.files.iter().any(|(name, entry)| length(&name.0) < entry.bytes)
                    || !timing()
            }
            Err(error) => matches!(error, StoreError::Damaged { .. }),
        }
    }

    /// Names, sizes and modification times of a run's files, to detect whether it is still being
    /// copied.
    pub fn look_of(&self, run: &RunId) -> Vec<(String, u64, Option<SystemTime>)> {
        let files = files_below(&self.run_dir(run)).unwrap_or_default().into_iter();
        let look = |(path, name): (PathBuf, String)| {
            let found = fs::symlink_metadata(path).ok()?;
            Some((name, found.len(), found.modified().ok()))
        };
        files.filter_map(look).collect()
    }

    fn read_record(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        self.record_by(run, &self.manifest(run)?)
    }

    /// Record of a run with this manifest.
    pub(super) fn record_by(
        &self,
        run: &RunId,
        manifest: &Manifest,
    ) -> Result<RunRecord, StoreError> {
        let dir = self.run_dir(run);
        for (name, entry) in &manifest.files {
            let path = dir.join(&name.0);
            let found = fs::metadata(&path).map(|found| found.len());
            if !found.as_ref().is_ok_and(|&bytes| bytes == entry.bytes) {
                let found = found.map_or("none".to_owned(), |bytes| bytes.to_string());
                return Err(damaged(
                    run,
                    path,
                    format!("expected {} bytes, found {found}", entry.bytes),
                ));
            }
        }
        self.checked(run, manifest, RUN)?;
        let summary: Summary =
            from_toml(run, &dir.join(SUMMARY), &self.checked(run, manifest, SUMMARY)?)?;
        let problem = RefCell::new(None);
        let file = |name: &str| {
            if !manifest.files.contains_key(name) {
                return None;
            }
            let read = self.checked(run, manifest, name);
            read.map_err(|error| problem.borrow_mut().get_or_insert(error).to_string()).ok()
        };
        let reread = self.trainer().reread(&summary, &file);
        if let Some(problem) = problem.into_inner() {
            return Err(problem);
        }
        let (summary, epochs) = match reread {
            Some(reread) => reread,
            None => {
                let table = self.checked(run, manifest, EPOCHS)?;
                let epochs = decode_epochs(&table, self.trainer().metrics())
                    .map_err(|error| damaged(run, dir.join(EPOCHS), error))?;
                (summary, epochs)
            }
        };
        let timing = dir.join(TIMING);
        let sealed = regular::read(&timing, LONGEST)
            .map_err(|error| damaged(run, timing.clone(), error.to_string()))?;
        let text = unseal(&sealed)
            .ok_or_else(|| damaged(run, timing.clone(), "its checksum does not match".into()))?;
        let timing = from_toml(run, &timing, text.as_bytes())?;
        Ok(RunRecord {
            status: summary.status,
            error: summary.error.clone(),
            summary: Some(summary),
            epochs,
            timing: Some(timing),
        })
    }

    fn run_file(&self, run: &RunId) -> Result<RunFile, StoreError> {
        self.run_file_by(run, &self.manifest(run)?)
    }

    /// `run.toml` of a run with this manifest.
    pub(super) fn run_file_by(
        &self,
        run: &RunId,
        manifest: &Manifest,
    ) -> Result<RunFile, StoreError> {
        let bytes = self.checked(run, manifest, RUN)?;
        from_toml(run, &self.run_dir(run).join(RUN), &bytes)
    }

    /// The program of a published run; `None` of one of the built-in model.
    pub fn program(&self, run: &RunId) -> Result<Option<Program>, StoreError> {
        Ok(self.run_file(run)?.program)
    }

    /// Settings of a published run of any trainer, and the fingerprint of its data.
    pub(super) fn settings_of(&self, run: &RunId) -> Result<(Value, String), StoreError> {
        let file = self.run_file(run)?;
        Ok((file.config, file.data_fingerprint))
    }

    /// Specification of a published run.
    pub fn spec(&self, run: &RunId) -> Result<RunSpec, StoreError> {
        self.spec_by(run, self.run_file(run)?)
    }

    /// Specification of a run with this `run.toml`.
    pub(super) fn spec_by(&self, run: &RunId, file: RunFile) -> Result<RunSpec, StoreError> {
        let path = self.run_dir(run).join(RUN);
        let trainer = self.trainer();
        if file.program.is_some() != trainer.declaration().is_some() {
            let of_program = file.program.is_some();
            return Err(StoreError::OtherTrainer { run: run.clone(), of_program });
        }
        let config =
            trainer.complete(&file.config).map_err(|why| damaged(run, path.clone(), why))?;
        let (id, seed, data) = (file.id, file.seed, file.data_fingerprint);
        let spec = RunSpec { id, seed, data, config, earlier: None };
        // The identity under a later engine cannot be computed.
        if spec.id != *run {
            return Err(damaged(run, path, format!("it is of another run: {}", spec.id)));
        }
        if file.engine <= trainer.version() && !spec.explains_its_id(&**trainer) {
            return Err(damaged(run, path, "its settings, seed or data are of another run".into()));
        }
        Ok(spec)
    }

    /// Publishes a copy of a finished run of a program under the identity that it has with other
    /// inputs; its summary names the run that it is of, what has changed, and why that is right.
    pub fn adopt(
        &self,
        spec: &RunSpec,
        old: &RunId,
        reason: &str,
    ) -> Result<Publication, StoreError> {
        let manifest = self.verify(old)?;
        let dir = self.run_dir(old);
        let path = dir.join(SUMMARY);
        let mut summary: Summary = from_toml(old, &path, &self.checked(old, &manifest, SUMMARY)?)?;
        summary.facts.insert(ADOPTED_FROM.into(), old.as_str().into());
        let because = match summary.facts.get(ADOPTED_BECAUSE).and_then(Value::as_str) {
            Some(earlier) => format!("{earlier}; {reason}"),
            None => reason.to_owned(),
        };
        summary.facts.insert(ADOPTED_BECAUSE.into(), because.into());
        let record = self.read_record(old)?;
        let own = |name: &str| name == RUN || name == SUMMARY;
        let taken = manifest.files.keys().filter(|name| !own(&name.0));
        let taken = taken.map(|name| (name.0.clone(), dir.join(&name.0))).collect();
        let timing = record
            .timing
            .ok_or_else(|| damaged(old, dir.join(TIMING), "it is missing".into()))?;
        let output = RunOutput {
            summary,
            epochs: Vec::new(),
            timing,
            files: Vec::new(),
            taken,
        };
        self.publish(spec, &output)
    }

    /// Paths of the files of a published run, in its directory.
    pub fn files_of(&self, run: &RunId) -> Result<Vec<String>, StoreError> {
        Ok(self.manifest(run)?.files.into_keys().map(|name| name.0).collect())
    }

    /// A file of a published run, verified; `None` if the run was published without it.
    pub fn file(&self, run: &RunId, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let manifest = self.manifest(run)?;
        manifest
            .files
            .contains_key(name)
            .then(|| self.checked(run, &manifest, name))
            .transpose()
    }

    /// A file that a run left which is not published, such as the output of one that failed; `None`
    /// if it cannot be read.
    pub fn unpublished_file(&self, run: &RunId, name: &str) -> Option<Vec<u8>> {
        regular::read(&self.run_files(run).join(name), LONGEST).ok()
    }

    /// Checks every file of a published run by checksum.
    pub(super) fn verify(&self, run: &RunId) -> Result<Manifest, StoreError> {
        let manifest = self.manifest(run)?;
        for name in manifest.files.keys() {
            self.checked(run, &manifest, &name.0)?;
        }
        self.read_record(run)?;
        self.spec(run)?;
        Ok(manifest)
    }

    /// Verifies every file of a published run: `Damaged` names the first that is not as published.
    pub fn check(&self, run: &RunId) -> Result<(), StoreError> {
        self.verify(run).map(drop)
    }

    /// Moves a damaged run aside, so that it is repeated. Returns the new path, or `None` if the
    /// run does not exist. Only for a process that owns the run.
    pub fn set_aside(&self, run: &RunId) -> Result<Option<PathBuf>, StoreError> {
        let from = self.run_dir(run);
        for n in 1.. {
            let to = self.runs().join(format!("{run}.damaged-{n}"));
            if to.exists() {
                continue;
            }
            match rename(&from, &to) {
                Ok(()) => return Ok(Some(to)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                Err(error) => return Err(StoreError::io("move", &from)(error)),
            }
        }
        Ok(None)
    }

    /// Names of files in the directory of a published run that were not published with it.
    pub fn added_to(&self, run: &RunId) -> Result<Vec<String>, StoreError> {
        let manifest = self.manifest(run)?;
        let names = files_below(&self.run_dir(run))?.into_iter().map(|(_, name)| name);
        Ok(names.filter(|name| !is_of_the_run(&manifest, name)).collect())
    }

    /// Reason why a directory is not exactly what was published of a run: someone has added a file,
    /// or changed one. In a directory moved aside as damaged, a changed file is the damage.
    pub(super) fn not_of_the_run(&self, run: &RunId, dir: &Path, is_aside: bool) -> Option<String> {
        let read = |dir: &Path| {
            let sealed = regular::read(&dir.join(MANIFEST), LONGEST).ok()?;
            toml::from_str::<Manifest>(unseal(&sealed)?).ok()
        };
        let Some(manifest) = read(dir).or_else(|| read(&self.run_dir(run)).filter(|_| is_aside))
        else {
            return Some(format!("it has no {MANIFEST} that says which files are the run's"));
        };
        let there = files_below(dir).unwrap_or_default();
        if let Some((_, name)) = there
            .iter()
            .find(|(path, name)| !is_of_the_run(&manifest, name) || !is_file(path))
        {
            return Some(format!("{name} in it is not the run's"));
        }
        let is_changed = |name: &str| match manifest.files.get(name) {
            Some(entry) => regular::read(&dir.join(name), LARGEST)
                .is_ok_and(|bytes| ManifestEntry::of(&bytes) != *entry),
            None => false,
        };
        let changed = there.iter().find(|(_, name)| !is_aside && is_changed(name));
        changed.map(|(_, name)| format!("{name} in it has been changed"))
    }

    pub(super) fn manifest(&self, run: &RunId) -> Result<Manifest, StoreError> {
        let path = self.run_dir(run).join(MANIFEST);
        let sealed = match regular::read(&path, LONGEST) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Err(match self.run_dir(run).is_dir() {
                    true => damaged(run, path, "it is missing".to_owned()),
                    false => StoreError::NoSuchRun { run: run.clone(), path: self.runs() },
                });
            }
            Err(error) if regular::is_other(&error) => {
                return Err(damaged(run, path, error.to_string()));
            }
            sealed => sealed.map_err(StoreError::io("read", &path))?,
        };
        let text = unseal(&sealed)
            .ok_or_else(|| damaged(run, path.clone(), "its checksum does not match".to_owned()))?;
        from_toml(run, &path, text.as_bytes())
    }

    pub(super) fn checked(
        &self,
        run: &RunId,
        manifest: &Manifest,
        name: &str,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.run_dir(run).join(name);
        let bytes =
            match regular::read(&path, if name.ends_with(".toml") { LONGEST } else { LARGEST }) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(damaged(run, path, "it is missing".to_owned()));
                }
                Err(error) if regular::is_other(&error) => {
                    return Err(damaged(run, path, error.to_string()));
                }
                bytes => bytes.map_err(StoreError::io("read", &path))?,
            };
        if manifest.files.get(name) == Some(&ManifestEntry::of(&bytes)) {
            Ok(bytes)
        } else {
            Err(damaged(run, path, "its checksum does not match".to_owned()))
        }
    }
}

impl Store {
    /// Files of a run as written to disk, and the manifest of those that equal executions share.
    fn encode(
        &self,
        spec: &RunSpec,
        output: &RunOutput,
    ) -> Result<(BTreeMap<String, Vec<u8>>, Manifest), StoreError> {
        let mut files = BTreeMap::new();
        for (name, bytes) in &output.files {
            check_file("a file of a run", name)?;
            files.insert(name.clone(), bytes.clone());
        }
        let (config, data) = spec.identified(&**self.trainer());
        let run = RunFile {
            id: spec.id.clone(),
            engine: self.trainer().version(),
            seed: spec.seed,
            data_fingerprint: data.to_owned(),
            config: without_nulls(config.value()),
            program: self.trainer().declaration().map(|declared| declared.program.clone()),
        };
        files.insert(RUN.to_owned(), to_toml(Path::new(RUN), &run)?.into_bytes());
        files
            .insert(SUMMARY.to_owned(), to_toml(Path::new(SUMMARY), &output.summary)?.into_bytes());
        // A program leaves a table of its own.
        if run.program.is_none() {
            let epochs = encode_epochs(&output.epochs, self.trainer().metrics());
            files.insert(EPOCHS.to_owned(), epochs.into_bytes());
        }
        let mut manifest = Manifest {
            files: files
                .iter()
                .map(|(name, bytes)| (FileName(name.clone()), ManifestEntry::of(bytes)))
                .collect(),
        };
        for (name, path) in &output.taken {
            let problem = |reason| StoreError::Malformed { path: path.clone(), reason };
            let file = FileName::try_from(name.clone()).map_err(problem)?;
            // Not an error of the results: other runs may be published.
            let entry = ManifestEntry::of_file(path).map_err(|error| problem(error.to_string()))?;
            manifest.files.insert(file, entry);
        }
        files.insert(
            TIMING.to_owned(),
            seal(&to_toml(Path::new(TIMING), &output.timing)?).into_bytes(),
        );
        Ok((files, manifest))
    }
}

/// Removes nulls, which TOML does not have.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => (fields.into_iter())
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        value => value,
    }
}

fn epoch_columns(metrics: &Metrics) -> Vec<String> {
    ["epoch".to_owned()]
        .into_iter()
        .chain(metrics.curves.iter().map(Curve::column))
        .collect()
}

fn encode_epochs(epochs: &[EpochRow], metrics: &Metrics) -> String {
    let mut text = epoch_columns(metrics).join(",") + "\n";
    for row in epochs {
        let numbers: Vec<String> = row.values.iter().map(|value| exact(*value)).collect();
        text += &[row.epoch.to_string()].into_iter().chain(numbers).collect::<Vec<_>>().join(",");
        text.push('\n');
    }
    text
}

/// Reads the curves of a run. A missing value, an empty cell, becomes NaN.
fn decode_epochs(bytes: &[u8], metrics: &Metrics) -> Result<Vec<EpochRow>, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?;
    let expected = epoch_columns(metrics);
    if !header.iter().eq(expected.iter().map(String::as_str)) {
        return Err(format!("expected the columns {}", expected.join(", ")));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |i: usize| record.get(i).unwrap_or_default().trim();
        let not = |text: &str| format!("{} is not a number", brief(text));
        let value = |i: usize| match cell(i) {
            "" => Ok(f64::NAN),
            text => text.parse().map_err(|_| not(text)),
        };
        rows.push(EpochRow {
            epoch: cell(0).parse().map_err(|_| not(cell(0)))?,
            values: (1..=metrics.curves.len()).map(value).collect::<Result<_, String>>()?,
        });
    }
    Ok(rows)
}

/// Puts a file of a run below `dir`, by a link where the file system has links, so that what is there
/// stays until the run is published. Returns its folder, which is to be synced.
fn take(from: &Path, dir: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let to = dir.join(name);
    let folder = to.parent().unwrap_or(dir);
    create_dirs(folder)?;
    // A file that has another name already may be changed under that name later.
    let is_alone = fs::symlink_metadata(from).is_ok_and(|found| found.nlink() == 1);
    let linked = if is_alone {
        fs::hard_link(from, &to)
    } else {
        Err(io::ErrorKind::Other.into())
    };
    linked
        .or_else(|_| fs::copy(from, &to).map(drop))
        .and_then(|()| fs::File::open(&to)?.sync_all())
        .map_err(StoreError::io("write", &to))?;
    Ok(folder.to_owned())
}

pub(super) fn is_of_the_run(manifest: &Manifest, name: &str) -> bool {
    name == MANIFEST || name == TIMING || manifest.files.contains_key(name)
}

fn damaged(run: &RunId, path: PathBuf, reason: String) -> StoreError {
    StoreError::Damaged { run: run.clone(), path, reason }
}

pub(super) fn to_toml(path: &Path, value: &impl Serialize) -> Result<String, StoreError> {
    toml::to_string(value)
        .map_err(|error| StoreError::Malformed { path: path.to_owned(), reason: error.to_string() })
}

/// Reads a file whose checksum is right: an error here means a run of another version of this
/// program.
pub(super) fn from_toml<T: DeserializeOwned>(
    run: &RunId,
    path: &Path,
    bytes: &[u8],
) -> Result<T, StoreError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| damaged(run, path.to_owned(), error.to_string()))?;
    toml::from_str(text).map_err(|error| damaged(run, path.to_owned(), error.message().to_owned()))
}
