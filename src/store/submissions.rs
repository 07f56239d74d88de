//! Submissions: runs handed to a scheduler, with all that they need, so that a task needs only a
//! name and an index.
//!
//! ```text
//! submitted/<submission>/plan.json        the plan as it was then
//!                        submission.json  which runs each task does, and what it may use
//!                        jobs.json        which jobs of the scheduler do the tasks; written before and after each is submitted
//!                        script.sh        what the scheduler starts
//!                        job.yaml         the same for Kubernetes
//!                        jobs.txt         the same for GNU parallel
//!                        logs/            what the tasks print
//! submitted/program-<hash>                the program as it was then
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::disk::{create_dirs, remove_if_there};
use super::listing::{entries, is_dir, is_file};
use super::names::check_file;
use super::sealed::{load_plan, load_sealed};
use super::{Failure, Store, StoreError};
use crate::plan::{Plan, RunId, SchedulerCommands, names};
use crate::regular;
use crate::text::nearest;

/// Description of a submission, saved next to its plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Name, unique over all results: that of the experiment and eight hexadecimal digits.
    #[serde(deserialize_with = "names::file_name")]
    pub name: String,
    /// Name of the experiment.
    #[serde(deserialize_with = "names::name")]
    pub experiment: String,
    /// Engine version of the runs.
    pub engine: u32,
    /// Time of submission: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub submitted_utc: String,
    /// Runs of each task.
    pub tasks: Vec<Vec<RunId>>,
    /// Failures before the submission: those runs are repeated, while runs that fail later are not.
    pub earlier: BTreeMap<RunId, Failure>,
    /// Memory that the runs of a task together may use [bytes]; absent = what the machine gives it.
    pub memory: Option<u64>,
    /// Time between two checkpoints of a run [s].
    pub checkpoint: f64,
    /// Path of the copy of the program, if one was made.
    pub program: Option<PathBuf>,
    /// Commands of the scheduler that has its jobs; absent if that is Slurm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<SchedulerCommands>,
}

/// A job of the scheduler that executes tasks of a submission, or one about to be submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmittedJob {
    /// Name, unique over all submissions: the job is found by it if the scheduler's answer is lost.
    #[serde(deserialize_with = "names::file_name")]
    pub name: String,
    /// Index of its first task.
    pub first: usize,
    /// Number of tasks; 0 for the job that writes the tables.
    pub count: usize,
    /// Id in the scheduler; absent until it is known.
    #[serde(deserialize_with = "job_id")]
    pub id: Option<String>,
    /// True once it was cancelled from here: a scheduler that only lists its jobs does not tell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

/// True if a text can be the id of a job. It becomes an argument of commands, where other text could
/// be an option or mean something to a shell.
pub fn is_job_id(id: &str) -> bool {
    let inside = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'@' | b'[' | b']')
    };
    id.len() <= 200 && id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.bytes().all(inside)
}

/// Reads the id of a job.
fn job_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let id = Option::<String>::deserialize(from)?;
    match id.as_deref().filter(|id| !is_job_id(id)) {
        None => Ok(id),
        Some(other) => Err(D::Error::custom(format!(
            "{} is not the id of a job",
            crate::text::brief(other)
        ))),
    }
}

const PLAN: &str = "plan.json";
const SUBMISSION: &str = "submission.json";
const JOBS: &str = "jobs.json";
/// Script that the scheduler starts.
pub const SCRIPT: &str = "script.sh";
/// Job of Kubernetes that executes the tasks.
pub const KUBERNETES_JOB: &str = "job.yaml";
/// Commands of the tasks, for GNU parallel.
pub const PARALLEL_JOBS: &str = "jobs.txt";
/// Directory of the output of tasks.
pub const LOGS: &str = "logs";
const PROGRAM: &str = "program-";
/// Maximum size of a program [bytes].
const LARGEST_PROGRAM: u64 = 1 << 30;

/// Submissions below the root of a store.
#[derive(Debug)]
pub struct Submissions<'a> {
    store: &'a Store,
}

impl Store {
    /// Its submissions.
    pub fn submissions(&self) -> Submissions<'_> {
        Submissions { store: self }
    }

    pub(super) fn submitted(&self) -> PathBuf {
        self.root().join("submitted")
    }
}

impl Submissions<'_> {
    /// Directory of a submission.
    pub fn dir(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_file("a submission", name)?;
        Ok(self.store.submitted().join(name))
    }

    /// Saves a submission, the plan, the script and the file `ready`, with name and content, and
    /// makes the directory for the output of its tasks.
    pub fn freeze(
        &self,
        submission: &Submission,
        plan: &Plan,
        script: &str,
        ready: Option<(&str, String)>,
    ) -> Result<(), StoreError> {
        let dir = self.dir(&submission.name)?;
        self.store.own(&dir)?;
        create_dirs(&dir.join(LOGS))?;
        self.store.replace(&dir.join(SCRIPT), script.as_bytes())?;
        if let Some((name, text)) = ready {
            self.store.replace(&dir.join(name), text.as_bytes())?;
        }
        self.store.save_sealed(&dir.join(PLAN), plan)?;
        self.store.save_sealed(&dir.join(SUBMISSION), submission)
    }

    /// Reads a submission, without its plan.
    pub fn load(&self, name: &str) -> Result<Submission, StoreError> {
        let found: Result<Submission, _> = load_sealed(&self.dir(name)?.join(SUBMISSION));
        match found {
            Err(error) if error.is_absent() => {
                let known = self.names()?;
                // Compared without the digits at the end, which users rarely type right.
                let experiment = |name: &str| {
                    name.rsplit_once('-').map_or(name, |(experiment, _)| experiment).to_owned()
                };
                let of_it = || {
                    known
                        .iter()
                        .find(|known| experiment(known) == experiment(name))
                        .map(String::as_str)
                };
                let nearest = nearest(name, known.iter().map(String::as_str))
                    .or_else(of_it)
                    .map(str::to_owned);
                Err(StoreError::NoSuchSubmission {
                    name: name.to_owned(),
                    path: self.store.submitted(),
                    nearest,
                })
            }
            Ok(found) if found.name != name => {
                let path = self.dir(name)?.join(SUBMISSION);
                Err(StoreError::Malformed {
                    path,
                    reason: format!("it is the submission {}", found.name),
                })
            }
            found => found,
        }
    }

    /// The plan that a submission froze.
    pub fn plan(&self, name: &str) -> Result<Plan, StoreError> {
        load_plan(&self.dir(name)?.join(PLAN), self.store)
    }

    /// Names of all submissions that are complete, sorted.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let found = entries(&self.store.submitted())?;
        Ok(found
            .into_iter()
            .filter(|(path, _)| path.join(SUBMISSION).is_file())
            .map(|(_, name)| name)
            .collect())
    }

    /// Saves the list of jobs that execute the tasks of a submission.
    pub fn save_jobs(&self, name: &str, jobs: &[SubmittedJob]) -> Result<(), StoreError> {
        self.store.save_sealed(&self.dir(name)?.join(JOBS), &jobs)
    }

    /// Jobs that execute the tasks of a submission; empty if the tasks are started in another way.
    pub fn jobs(&self, name: &str) -> Result<Vec<SubmittedJob>, StoreError> {
        match load_sealed(&self.dir(name)?.join(JOBS)) {
            Err(error) if error.is_absent() => Ok(Vec::new()),
            jobs => jobs,
        }
    }

    /// Removes a submission of which nothing was started.
    pub fn withdraw(&self, name: &str) -> Result<(), StoreError> {
        let dir = self.dir(name)?;
        // Without this file the directory is not a submission, even if removing the rest fails.
        remove_if_there(&dir.join(SUBMISSION))?;
        fs::remove_dir_all(&dir).map_err(StoreError::io("remove", &dir))
    }

    /// Copies a program, so that a later build does not replace it; returns the path of the copy.
    pub fn keep_program(&self, program: &Path) -> Result<PathBuf, StoreError> {
        let bytes =
            regular::read(program, LARGEST_PROGRAM).map_err(StoreError::io("read", program))?;
        let copy = self
            .store
            .submitted()
            .join(format!("{PROGRAM}{}", &blake3::hash(&bytes).to_hex()[..16]));
        self.store.replace(&copy, &bytes)?;
        let permissions = |path: &Path| fs::metadata(path).map(|found| found.permissions());
        let wanted = permissions(program).map_err(StoreError::io("read", program))?;
        if permissions(&copy).ok().as_ref() != Some(&wanted) {
            fs::set_permissions(&copy, wanted).map_err(StoreError::io("write", &copy))?;
        }
        Ok(copy)
    }

    /// Directories that are incomplete submissions, because a process died while creating them. A
    /// directory with any other file is not one.
    pub(super) fn incomplete(&self) -> Result<Vec<PathBuf>, StoreError> {
        let has_form = |(path, name): &(PathBuf, String)| {
            let unique = name
                .rsplit_once('-')
                .is_some_and(|(_, unique)| unique.len() == 8 && is_hexadecimal(unique));
            let parts = entries(path).unwrap_or_default();
            let ours = |(_, name): &(PathBuf, String)| {
                [PLAN, JOBS, SCRIPT, KUBERNETES_JOB, PARALLEL_JOBS, LOGS].contains(&name.as_str())
            };
            unique
                && is_dir(path)
                && parts.iter().all(ours)
                && entries(&path.join(LOGS)).is_ok_and(|logs| logs.is_empty())
        };
        Ok(entries(&self.store.submitted())?
            .into_iter()
            .filter(has_form)
            .map(|(path, _)| path)
            .collect())
    }

    /// Copies of programs that no submission needs; empty if a submission cannot be read.
    pub(super) fn spare_programs(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut needed = Vec::new();
        for name in self.names()? {
            let Ok(submission) = self.load(&name) else { return Ok(Vec::new()) };
            needed.extend(
                submission.program.and_then(|path| path.file_name().map(ToOwned::to_owned)),
            );
        }
        let has_form = |path: &Path, name: &str| {
            name.strip_prefix(PROGRAM)
                .is_some_and(|hash| hash.len() == 16 && is_hexadecimal(hash))
                && is_file(path)
        };
        let programs = entries(&self.store.submitted())?
            .into_iter()
            .filter(|(path, name)| has_form(path, name));
        Ok(programs
            .map(|(path, _)| path)
            .filter(|path| !needed.iter().any(|name| path.ends_with(name)))
            .collect())
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_hexdigit())
}
