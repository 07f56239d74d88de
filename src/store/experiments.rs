//! What belongs to an experiment rather than to a run: its plan, its tables, and its data's first
//! test images.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::disk::create_dirs;
use super::garbage::{entries, is_dir, is_file, is_fingerprint};
use super::names::{check_file, check_name};
use super::owned::{Owned, lock};
use super::sealed::{load_plan, may_be_sealed, unseal};
use super::{Store, StoreError};
use crate::plan::{Plan, RunId, RunSpec, hashed};
use crate::regular;
use crate::text::nearest;

const PLAN: &str = "plan.json";
/// Bytes that tell a plan from another file.
const START: usize = 16;
/// The table that has the id of every run.
const RUNS_TABLE: &str = "runs.csv";
/// More bytes than any plan has.
const LONGEST: u64 = 1 << 30;
/// List of the tables that this program made.
const TABLES: &str = ".ablade-tables";
/// Folder of what others took the place of.
const REPLACED: &str = "replaced";

/// A plan on disk that another would take the place of.
#[derive(Debug)]
pub struct Replaced {
    /// Finished runs that the other does not have.
    pub finished: usize,
    /// Runs that the other does not have.
    pub dropped: BTreeSet<RunId>,
    /// True if the file goes to `replaced/`: something was done for the plan, or it is none of this
    /// program's.
    worth_keeping: bool,
    bytes: Vec<u8>,
}

/// Runs and data that plans name.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// A plan that is not what was written, or an experiment's folder whose plan is not there: what
    /// it needs is unknown.
    pub(super) unreadable: Option<PathBuf>,
    runs: BTreeSet<RunId>,
    data: BTreeSet<String>,
}

impl Named {
    pub(super) fn needs_run(&self, run: &RunId) -> bool {
        self.unreadable.is_some() || self.runs.contains(run)
    }

    /// `data` is a fingerprint.
    pub(super) fn needs_data(&self, data: &str) -> bool {
        self.unreadable.is_some() || self.data.contains(data)
    }

    /// Adds what a plan names. It is not parsed: one that is damaged, or of another version, must
    /// not lose its runs.
    fn read(&mut self, plan: &[u8]) {
        for text in plan
            .split(|&byte| byte == b'"')
            .filter_map(|text| std::str::from_utf8(text).ok())
        {
            if let Some(run) = RunId::parse(text) {
                self.runs.insert(run);
            } else if is_fingerprint(text) && !self.data.contains(text) {
                self.data.insert(text.to_owned());
            }
        }
    }

    /// Adds what the plans in a directory name, and those below it to a depth of `levels`.
    fn read_below(&mut self, dir: &Path, levels: usize) -> Result<(), StoreError> {
        let there = entries(dir)?;
        let is_replaced = dir.ends_with(REPLACED);
        let has = |wanted: &str| there.iter().any(|(_, name)| name == wanted);
        // A program that copies results here may give the plan another name until it is whole.
        let is_plan = |name: &str| name.contains(PLAN) || (is_replaced && name.ends_with(".json"));
        for (path, _) in there.iter().filter(|(_, name)| is_plan(name)) {
            // A link that leads nowhere, a directory, a pipe: the plan may be where a disk is not
            // mounted.
            let Ok(bytes) = regular::read(path, LONGEST) else {
                self.unreadable.get_or_insert_with(|| path.clone());
                continue;
            };
            // A file of somebody else's may have the name of a plan where there are no tables of
            // ours.
            if unseal(&bytes).is_none() && (has(TABLES) || may_be_sealed(&bytes)) {
                self.unreadable.get_or_insert_with(|| path.clone());
            }
            self.read(&bytes);
        }
        if has(TABLES) && !has(PLAN) {
            self.unreadable.get_or_insert_with(|| dir.join(PLAN));
        }
        if levels > 0 {
            there
                .iter()
                .filter(|(path, _)| is_dir(path))
                .try_for_each(|(path, _)| self.read_below(path, levels - 1))?;
        }
        Ok(())
    }
}

/// Folders below the results in which plans are looked for, at most: `archive/2026/masks/replaced`
/// is four deep.
const LEVELS: usize = 4;

/// Most bytes of the images kept for figures.
pub(super) const LARGEST_REFERENCE: u64 = 1 << 30;

/// Bytes of a table that are read, at most.
const LONGEST_TABLE: u64 = 4 << 30;

impl Store {
    /// Directory of an experiment's plan and tables.
    pub fn experiment_dir(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_name(name)?;
        Ok(self.root().join(name))
    }

    /// Keeps the plan beside the tables: figures and comparisons need nothing else. Refuses to take
    /// the place of one whose finished runs are not all in this one.
    pub fn save_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        self.put_plan(plan, false)
    }

    /// Keeps the plan in place of whichever there is.
    pub fn replace_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        self.put_plan(plan, true)
    }

    fn put_plan(&self, plan: &Plan, anyway: bool) -> Result<(), StoreError> {
        let dir = self.experiment_dir(&plan.name)?;
        self.own(&dir)?;
        create_dirs(&dir)?;
        // Looked at under the lock: of two that save different plans at the same moment, the second
        // sees the first one's.
        let _lock = lock(&dir);
        let path = dir.join(PLAN);
        if let Some(replaced) = self.replaced_by(plan)? {
            if replaced.finished > 0 && !anyway {
                return Err(StoreError::Replaces { path, finished: replaced.finished });
            }
            if replaced.worth_keeping && !replaced.bytes.is_empty() {
                let name = format!("plan-{}.json", &blake3::hash(&replaced.bytes).to_hex()[..16]);
                self.replace(&dir.join(REPLACED).join(name), &replaced.bytes)?;
            }
        }
        self.save_sealed(&path, plan)
    }

    /// The plan on disk that this one would take the place of, if it names runs that this one does
    /// not. It need not be sound.
    pub fn replaced_by(&self, plan: &Plan) -> Result<Option<Replaced>, StoreError> {
        let dir = self.experiment_dir(&plan.name)?;
        let path = dir.join(PLAN);
        let bytes = match regular::read(&path, LONGEST) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && !Owned::is_listed(&dir, TABLES) =>
            {
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes.map_err(StoreError::io("read", &path))?,
        };
        let mut named = Named::default();
        named.read(&bytes);
        if unseal(&bytes).is_none() {
            // What the tables show stands in them as well.
            let table = regular::read(&dir.join(RUNS_TABLE), LONGEST_TABLE).unwrap_or_default();
            let words = table.split(|byte| !byte.is_ascii_alphanumeric());
            named
                .runs
                .extend(words.filter_map(|word| RunId::parse(std::str::from_utf8(word).ok()?)));
        }
        let kept = plan.by_id();
        let dropped: BTreeSet<RunId> =
            named.runs.into_iter().filter(|run| !kept.contains_key(run)).collect();
        let is_ours = may_be_sealed(&bytes);
        if dropped.is_empty() && is_ours {
            return Ok(None);
        }
        // What this version computes again under another id is still in the plan.
        let renamed: BTreeSet<RunId> = match load_plan(&path, &**self.trainer()) {
            Ok(there) => {
                let now =
                    |run: &RunSpec| hashed(&**self.trainer(), &run.config, &run.data).run(run.seed);
                let renamed = there
                    .runs
                    .iter()
                    .filter(|run| dropped.contains(&run.id) && kept.contains_key(&now(run)));
                renamed.map(|run| run.id.clone()).collect()
            }
            Err(_) => BTreeSet::new(),
        };
        let finished = dropped
            .iter()
            .filter(|run| !renamed.contains(run) && self.is_published(run))
            .count();
        let names = self.names_in_runs()?.into_iter();
        let mut names = names.chain(entries(&self.unfinished())?.into_iter().map(|(_, name)| name));
        let begun = names.any(|name| {
            RunId::parse(name.split('.').next().unwrap_or(""))
                .is_some_and(|run| dropped.contains(&run))
        });
        Ok(Some(Replaced { finished, dropped, worth_keeping: begun || !is_ours, bytes }))
    }

    /// Every run and fingerprint that a plan in these results names: of experiments, of copies of
    /// their folders, and of those that others took the place of. Also a plan that cannot be
    /// understood keeps what it names.
    pub(super) fn named_by_plans(&self) -> Result<Named, StoreError> {
        let mut named = Named::default();
        let own = |name: &str| ["runs", "data", "unfinished", "submitted"].contains(&name);
        for (path, _) in entries(self.root())?.into_iter().filter(|(_, name)| !own(name)) {
            if path.is_dir() {
                named.read_below(&path, LEVELS - 1)?;
            } else if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink())
                && !path.exists()
            {
                // The folder of an experiment may be on a disk that is not mounted.
                named.unreadable.get_or_insert(path);
            }
        }
        Ok(named)
    }

    /// The plan of an experiment that was run here.
    pub fn load_plan(&self, name: &str) -> Result<Plan, StoreError> {
        let path = self.experiment_dir(name)?.join(PLAN);
        let again = "; `ablade sweep` with the experiment's file writes it again";
        match load_plan(&path, &**self.trainer()) {
            Err(error) if error.is_absent() && fs::symlink_metadata(&path).is_ok() => {
                Err(StoreError::Malformed {
                    path,
                    reason: "it is a link that leads nowhere".to_owned(),
                })
            }
            Err(error) if error.is_absent() => {
                let known = self.experiments()?;
                let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
                let (name, path) = (name.to_owned(), self.root().to_owned());
                Err(StoreError::NoSuchExperiment { name, path, nearest })
            }
            Err(StoreError::Malformed { path, reason }) => {
                Err(StoreError::Malformed { path, reason: format!("{reason}{again}") })
            }
            Ok(Plan { name: own, .. }) if own != name => {
                let reason = if is_file(&self.root().join(&own).join(PLAN)) {
                    format!(
                        "it is the plan of `{own}`, so its folder is a copy, which is left as it is; to work with a copy, \
                         copy the whole results directory and name it with --results"
                    )
                } else {
                    format!(
                        "it is the plan of `{own}`, so its folder has been renamed; under that name it is found again"
                    )
                };
                Err(StoreError::Malformed { path, reason })
            }
            loaded => loaded,
        }
    }

    /// Names of the experiments with a plan on disk, sorted. A plan counts that cannot be read, so
    /// that somebody hears of it; a file of that name that is nothing this program has written does
    /// not.
    pub fn experiments(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(self.root()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("read", self.root()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::io("read", self.root()))?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let (dir, plan) = (entry.path(), entry.path().join(PLAN));
            let is_plan = || match regular::open(&plan) {
                Ok(mut file) => {
                    let mut start = [0; START];
                    let read = file.read(&mut start).unwrap_or(0);
                    Owned::is_listed(&dir, TABLES) || may_be_sealed(&start[..read])
                }
                Err(_) => fs::symlink_metadata(&plan).is_ok(),
            };
            if check_name(&name).is_ok() && is_plan() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes the tables of a plan, whole, and removes those that it no longer has, unless the plan
    /// on disk is another by now. A table that is not as it was written goes to `replaced/`;
    /// returns a sentence about each.
    pub fn write_tables(
        &self,
        plan: &Plan,
        tables: BTreeMap<String, Vec<u8>>,
    ) -> Result<Vec<String>, StoreError> {
        let tables = self.owned_tables(&plan.name, tables)?;
        let is_another = || match self.replaced_by(plan)?.filter(|replaced| replaced.finished > 0) {
            Some(Replaced { finished, .. }) => Err(StoreError::Replaces {
                path: self.experiment_dir(&plan.name)?.join(PLAN),
                finished,
            }),
            None => Ok(()),
        };
        tables.write_with(&|path, bytes| self.replace(path, bytes), &is_another)
    }

    /// Refuses where a link, a directory or a pipe has the place of a table: nothing can be written
    /// there.
    pub fn check_tables(&self, experiment: &str, tables: &[&str]) -> Result<(), StoreError> {
        let tables = tables.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        self.owned_tables(experiment, tables)?.check()
    }

    /// Takes tables that hold exactly these bytes for its own, where an earlier version of this
    /// program kept no list.
    pub fn adopt_tables(
        &self,
        plan: &Plan,
        tables: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.owned_tables(&plan.name, tables)?
            .adopt(&|path, bytes| self.replace(path, bytes))
    }

    /// True if it is known which tables of an experiment this program made, or there are none.
    pub fn knows_tables(&self, name: &str) -> Result<bool, StoreError> {
        let dir = self.experiment_dir(name)?;
        Ok(Owned::is_listed(&dir, TABLES) || !is_file(&dir.join(PLAN)))
    }

    fn owned_tables(
        &self,
        name: &str,
        tables: BTreeMap<String, Vec<u8>>,
    ) -> Result<Owned, StoreError> {
        tables.keys().try_for_each(|file| check_file("a table", file))?;
        let dir = self.experiment_dir(name)?;
        self.own(&dir)?;
        Ok(Owned::new(dir, TABLES, tables).setting_aside(REPLACED))
    }

    /// The bytes of a table, if it is there.
    pub fn table(&self, experiment: &str, file: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_file("a table", file)?;
        let path = self.experiment_dir(experiment)?.join(file);
        match regular::read(&path, LONGEST_TABLE).map_err(StoreError::io("read", &path)) {
            Err(error) if error.is_absent() => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// File of the first test images of a data set.
    pub fn reference_path(&self, fingerprint: &str) -> Result<PathBuf, StoreError> {
        check_file("data", fingerprint)?;
        Ok(self.root().join("data").join(format!("{fingerprint}.npy")))
    }

    /// Keeps the first test images of a data set (`.npy` bytes, u8): figures show them beside
    /// samples.
    pub fn save_reference(&self, fingerprint: &str, npy: &[u8]) -> Result<(), StoreError> {
        self.replace(&self.reference_path(fingerprint)?, npy)
    }

    /// The `.npy` bytes that `save_reference` kept, if any.
    pub fn reference(&self, fingerprint: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.reference_path(fingerprint)?;
        match regular::read(&path, LARGEST_REFERENCE).map_err(StoreError::io("read", &path)) {
            Err(error) if error.is_absent() => Ok(None),
            bytes => bytes.map(Some),
        }
    }
}
