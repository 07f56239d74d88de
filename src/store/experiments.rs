//! What belongs to an experiment rather than to a run: its plan, its tables, and its data's first test images.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::disk::remove_if_there;
use super::names::{check_file, check_name};
use super::sealed::load_sealed;
use super::{Store, StoreError};
use crate::plan::Plan;
use crate::regular;

const PLAN: &str = "plan.json";

/// Bytes of a table that are read, at most.
const LONGEST_TABLE: u64 = 4 << 30;

impl Store {
    /// Directory of an experiment's plan and tables.
    pub fn experiment_dir(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_name(name)?;
        Ok(self.root().join(name))
    }

    /// Keeps the plan beside the tables: figures and comparisons need nothing else.
    pub fn save_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        self.save_sealed(&self.experiment_dir(&plan.name)?.join(PLAN), plan)
    }

    /// The plan of an experiment that was run here.
    pub fn load_plan(&self, name: &str) -> Result<Plan, StoreError> {
        let path = self.experiment_dir(name)?.join(PLAN);
        let again = "; `ablade sweep` with the experiment's file writes it again";
        match load_sealed(&path) {
            Err(error) if error.is_absent() => {
                let close = |known: &String| strsim::damerau_levenshtein(known, name) <= 1 + name.len() / 4;
                let nearest = self.experiments()?.into_iter().find(close);
                let (name, path) = (name.to_owned(), self.root().to_owned());
                Err(StoreError::NoSuchExperiment { name, path, nearest })
            }
            Err(StoreError::Malformed { path, reason }) => {
                Err(StoreError::Malformed { path, reason: format!("{reason}{again}") })
            }
            loaded => loaded,
        }
    }

    /// Names of the experiments with a plan on disk, sorted.
    pub fn experiments(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(self.root()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("read", self.root()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::io("read", self.root()))?;
            let name = entry.file_name().into_string().unwrap_or_default();
            if check_name(&name).is_ok() && entry.path().join(PLAN).is_file() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes a table of an experiment, whole.
    pub fn write_table(&self, experiment: &str, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        check_file("a table", file)?;
        self.replace(&self.experiment_dir(experiment)?.join(file), bytes)
    }

    /// Removes a table that the experiment no longer has.
    pub fn remove_table(&self, experiment: &str, file: &str) -> Result<(), StoreError> {
        check_file("a table", file)?;
        remove_if_there(&self.experiment_dir(experiment)?.join(file))
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

    fn reference_path(&self, fingerprint: &str) -> Result<PathBuf, StoreError> {
        check_file("data", fingerprint)?;
        Ok(self.root().join("data").join(format!("{fingerprint}.npy")))
    }

    /// Keeps the first test images of a data set (`.npy` bytes, u8): figures show them beside samples.
    pub fn save_reference(&self, fingerprint: &str, npy: &[u8]) -> Result<(), StoreError> {
        self.replace(&self.reference_path(fingerprint)?, npy)
    }

    /// The `.npy` bytes that `save_reference` kept, if any.
    pub fn reference(&self, fingerprint: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.reference_path(fingerprint)?;
        match fs::read(&path).map_err(StoreError::io("read", &path)) {
            Err(error) if error.is_absent() => Ok(None),
            bytes => bytes.map(Some),
        }
    }
}
