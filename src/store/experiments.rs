//! Files of an experiment: its plan, its tables, and the first test images of its data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::disk::create_dirs;
use super::listing::{entries, is_dir, is_file};
use super::names::{check_file, check_name, is_fingerprint};
use super::owned::{Owned, lock};
use super::sealed::{load_plan, may_be_sealed, unseal};
use super::{Store, StoreError};
use crate::plan::{Plan, RunId, RunSpec, hashed};
use crate::regular;
use crate::text::{count, nearest};

const PLAN: &str = "plan.json";
/// Number of bytes that distinguish a plan from other files.
const START: usize = 16;
/// Table that has the id of every run.
const RUNS_TABLE: &str = "runs.csv";
/// Maximum size of a plan [bytes].
const LONGEST: u64 = 1 << 30;
/// List of the tables that this program made.
const TABLES: &str = ".ablade-tables";
/// Folder of replaced plans and tables.
const REPLACED: &str = "replaced";

/// A plan on disk that another would replace.
#[derive(Debug)]
pub struct Replaced {
    /// Number of finished runs that the other does not contain.
    pub finished: usize,
    /// Runs that the other does not contain.
    pub dropped: BTreeSet<RunId>,
    /// True if the file is moved to `replaced/`: work was done for the plan, or the file is not a
    /// plan of this program.
    worth_keeping: bool,
    bytes: Vec<u8>,
}

/// Result of adding a plan of other origin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Addition {
    /// There was none of its name.
    New,
    /// All its runs are in the one that is here.
    Known,
    /// It is not added, for this reason.
    Refused(String),
}

/// Runs and data to which plans refer.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// A damaged plan, or an experiment's folder whose plan is missing: its references are unknown.
    pub(super) unreadable: Option<PathBuf>,
    runs: BTreeSet<RunId>,
    data: BTreeSet<String>,
}

impl Named {
    pub(super) fn needs_run(&self, run: &RunId) -> bool {
        self.unreadable.is_some() || self.runs.contains(run)
    }

    /// True if the plans refer to the data set with this fingerprint.
    pub(super) fn needs_data(&self, data: &str) -> bool {
        self.unreadable.is_some() || self.data.contains(data)
    }

    /// Adds the references of a plan. It is not parsed: also the runs of a plan that is damaged, or
    /// of another version, must be protected.
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

    /// Adds the references of the plans in a directory, and in those below it to a depth of
    /// `levels`.
    fn read_below(&mut self, dir: &Path, levels: usize) -> Result<(), StoreError> {
        let there = entries(dir)?;
        let is_replaced = dir.ends_with(REPLACED);
        let has = |wanted: &str| there.iter().any(|(_, name)| name == wanted);
        // A program that copies results may use another name for the plan until it is complete.
        let is_plan = |name: &str| name.contains(PLAN) || (is_replaced && name.ends_with(".json"));
        for (path, _) in there.iter().filter(|(_, name)| is_plan(name)) {
            // A dangling link, a directory or a pipe: the plan may be on a disk that is not
            // mounted.
            let Ok(bytes) = regular::read(path, LONGEST) else {
                self.unreadable.get_or_insert_with(|| path.clone());
                continue;
            };
            // In a folder without tables of this program, a file with the name of a plan may be
            // foreign.
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

/// Maximum depth of folders in which plans are searched: `archive/2026/masks/replaced` is four
/// deep.
const LEVELS: usize = 4;

/// Maximum size of the images stored for figures [bytes].
pub(super) const LARGEST_REFERENCE: u64 = 1 << 30;

/// Maximum number of bytes read from a table.
const LONGEST_TABLE: u64 = 4 << 30;

impl Store {
    /// Directory of an experiment's plan and tables.
    pub fn experiment_dir(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_name(name)?;
        Ok(self.root().join(name))
    }

    /// Saves the plan next to the tables, which figures and comparisons need. Refuses to replace a
    /// plan whose finished runs it does not all contain.
    pub fn save_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        self.put_plan(plan, false)
    }

    /// Saves the plan, and replaces any other.
    pub fn replace_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        self.put_plan(plan, true)
    }

    fn put_plan(&self, plan: &Plan, anyway: bool) -> Result<(), StoreError> {
        let dir = self.experiment_dir(&plan.name)?;
        self.own(&dir)?;
        create_dirs(&dir)?;
        // Checked under the lock: if two processes save different plans at the same moment, the
        // second sees the plan of the first.
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

    /// Adds a plan of other origin if there is none of its name; otherwise the one that is here stays.
    /// Without `writes` it only looks.
    pub(super) fn add_plan(&self, plan: &Plan, writes: bool) -> Result<Addition, StoreError> {
        let dir = self.experiment_dir(&plan.name)?;
        let stays = |reason: String| Ok(Addition::Refused(reason));
        let in_other_case =
            |known: &String| *known != plan.name && known.eq_ignore_ascii_case(&plan.name);
        if let Some(known) = self.experiments()?.into_iter().find(in_other_case) {
            return stays(format!(
                "an experiment `{known}` is here, which differs in capitals alone"
            ));
        }
        if let Err(link) = self.own(&dir) {
            return stays(link.to_string());
        }
        if writes {
            create_dirs(&dir)?;
        }
        let _lock = lock(&dir);
        let path = dir.join(PLAN);
        if fs::symlink_metadata(&path).is_err() {
            if Owned::is_listed(&dir, TABLES) {
                return stays(format!("{} has tables of a plan that is missing", dir.display()));
            }
            if writes {
                self.save_sealed(&path, plan)?;
            }
            return Ok(Addition::New);
        }
        let here = match self.load_plan(&plan.name) {
            Ok(here) => here,
            Err(error) => return stays(error.to_string()),
        };
        let known = here.by_id();
        let n_others = plan.runs.iter().filter(|run| !known.contains_key(&run.id)).count();
        match n_others {
            0 => Ok(Addition::Known),
            n => stays(format!(
                "another plan of this name is here and stays; {} of {} are not in it: `ablade sweep` with the file of the \
                 experiment writes a plan that has them",
                n,
                count(plan.runs.len(), "run")
            )),
        }
    }

    /// The plan on disk that this one would replace, if it refers to runs that this one does not
    /// contain. It may be damaged.
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
            // The runs shown in the tables are in the tables as well.
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
        // Runs that this version computes again under another id are still part of the plan.
        let renamed: BTreeSet<RunId> = match load_plan(&path, self) {
            // Another trainer's runs are none of this plan.
            Ok(there) if there.program.is_some() == plan.program.is_some() => {
                let now =
                    |run: &RunSpec| hashed(&**self.trainer(), &run.config, &run.data).run(run.seed);
                let renamed = there
                    .runs
                    .iter()
                    .filter(|run| dropped.contains(&run.id) && kept.contains_key(&now(run)));
                renamed.map(|run| run.id.clone()).collect()
            }
            _ => BTreeSet::new(),
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

    /// Runs and fingerprints to which any plan in these results refers: those of experiments, of
    /// copies of their folders, and replaced ones. The references of a plan that cannot be read
    /// count, too.
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
        match load_plan(&path, self) {
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

    /// Names of the experiments with a plan on disk, sorted. An unreadable plan counts, so that it
    /// is reported; a file of that name that this program has not written does not.
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

    /// Writes all tables of a plan atomically, and removes those that it no longer has, unless
    /// another plan is on disk by now. A table that was changed is moved to `replaced/`; returns a
    /// sentence about each.
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

    /// Refuses if a link, a directory or a pipe has the name of a table, because it could not be
    /// written.
    pub fn check_tables(&self, experiment: &str, tables: &[&str]) -> Result<(), StoreError> {
        let tables = tables.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        self.owned_tables(experiment, tables)?.check()
    }

    /// Adds tables that have exactly these bytes to the list, if an earlier version of this program
    /// wrote them without one.
    pub fn adopt_tables(
        &self,
        plan: &Plan,
        tables: BTreeMap<String, Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.owned_tables(&plan.name, tables)?
            .adopt(&|path, bytes| self.replace(path, bytes))
    }

    /// True if it is known which tables of an experiment this program made, or if there are none.
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

    /// Bytes of a table, if it exists.
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

    /// Saves the first test images of a data set (`.npy` bytes, u8): figures show them next to
    /// samples.
    pub fn save_reference(&self, fingerprint: &str, npy: &[u8]) -> Result<(), StoreError> {
        self.replace(&self.reference_path(fingerprint)?, npy)
    }

    /// Bytes (`.npy`) that `save_reference` wrote, if any.
    pub fn reference(&self, fingerprint: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.reference_path(fingerprint)?;
        match regular::read(&path, LARGEST_REFERENCE).map_err(StoreError::io("read", &path)) {
            Err(error) if error.is_absent() => Ok(None),
            bytes => bytes.map(Some),
        }
    }
}
