//! Records of failed attempts at runs, next to the runs, until an attempt succeeds.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::runs::to_toml;
use super::{RunRecord, RunStatus, Store, StoreError, Timing};
use crate::plan::RunId;
use crate::regular;

const FAILED: &str = ".failed.toml";
/// Maximum size of a record [bytes].
const LONGEST: u64 = 1 << 20;

/// Record of a failed attempt at a run; removed once an attempt succeeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Error message.
    pub error: String,
    /// Start of the attempt: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub started_utc: String,
    /// Duration of the attempt [s].
    #[serde(default)]
    pub seconds: f64,
    /// Number of threads of the run.
    #[serde(default)]
    pub threads: usize,
    /// Name of the machine.
    pub host: String,
}

impl Failure {
    /// Timing of the attempt, if it is known.
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

    /// Records the failure of an attempt, and replaces earlier records. The run remains
    /// outstanding.
    pub fn fail(&self, run: &RunId, failure: &Failure) -> Result<(), StoreError> {
        let path = self.failed_path(run);
        self.replace(&path, to_toml(&path, failure)?.as_bytes())
    }

    /// Record of a run that is not published.
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

    /// Every run of any plan whose last attempt failed, with the failure.
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
