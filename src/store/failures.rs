//! Attempts at runs that failed: a note beside the runs, until one succeeds.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::runs::to_toml;
use super::{RunRecord, RunStatus, Store, StoreError, Timing};
use crate::plan::RunId;
use crate::regular;

const FAILED: &str = ".failed.toml";
/// Most bytes of a note.
const LONGEST: u64 = 1 << 20;

/// Why an attempt at a run failed; kept until one succeeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub error: String,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub started_utc: String,
    /// Seconds that the attempt took.
    #[serde(default)]
    pub seconds: f64,
    /// Threads that it had.
    #[serde(default)]
    pub threads: usize,
    /// Name of the machine.
    pub host: String,
}

impl Failure {
    /// What the attempt took, where it is known.
    fn timing(&self) -> Option<Timing> {
        (self.seconds > 0.0).then(|| Timing {
            started_utc: self.started_utc.clone(),
            seconds: self.seconds,
            images_per_second: f64::NAN,
            threads: self.threads,
            host: self.host.clone(),
        })
    }
}

impl Store {
    pub(super) fn failed_path(&self, run: &RunId) -> PathBuf {
        self.runs().join(format!("{run}{FAILED}"))
    }

    /// Notes why an attempt failed, in place of earlier notes. The run stays outstanding.
    pub fn fail(&self, run: &RunId, failure: &Failure) -> Result<(), StoreError> {
        let path = self.failed_path(run);
        self.replace(&path, to_toml(&path, failure)?.as_bytes())
    }

    /// What is known of a run that is not published.
    pub(super) fn failed(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        Ok(match self.failure(run)? {
            None => RunRecord::outstanding(),
            Some(failure) => RunRecord {
                status: RunStatus::Failed,
                timing: failure.timing(),
                error: Some(failure.error),
                ..RunRecord::outstanding()
            },
        })
    }

    /// Every run whose last attempt failed, of whatever plan, and why.
    pub fn failures(&self) -> Result<BTreeMap<RunId, Failure>, StoreError> {
        let mut failures = BTreeMap::new();
        for name in self.names_in_runs()? {
            if let Some(run) = name.strip_suffix(FAILED).and_then(RunId::parse) {
                failures.extend(self.failure(&run)?.map(|failure| (run, failure)));
            }
        }
        Ok(failures)
    }

    fn failure(&self, run: &RunId) -> Result<Option<Failure>, StoreError> {
        let path = self.failed_path(run);
        let bytes = match regular::read(&path, LONGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if regular::is_other(&error) => Vec::new(),
            bytes => bytes.map_err(StoreError::io("read", &path))?,
        };
        let failure = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| toml::from_str::<Failure>(text).ok());
        let unreadable = || Failure {
            error: format!("{} cannot be read", path.display()),
            started_utc: String::new(),
            seconds: 0.0,
            threads: 0,
            host: String::new(),
        };
        Ok(Some(failure.unwrap_or_else(unreadable)))
    }
}
