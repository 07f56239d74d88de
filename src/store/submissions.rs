//! Submissions: runs handed to a scheduler, frozen, so that a task needs nothing but a name and an
//! index.
//!
//! ```text
//! submitted/<submission>/plan.json        the plan as it was then
//!                        submission.json  which runs each task does, and what it may use
//!                        jobs.json        which jobs of the scheduler do the tasks; written before and after each is asked for
//!                        script.sh        what the scheduler starts
//!                        logs/            what the tasks print
//! submitted/program-<hash>                the program as it was then
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::disk::{create_dirs, remove_if_there};
use super::garbage::{entries, is_dir, is_file};
use super::names::check_file;
use super::sealed::{load_plan, load_sealed};
use super::{Failure, Store, StoreError};
use crate::plan::{Plan, RunId, names};
use crate::regular;
use crate::text::nearest;

/// What a submission freezes beside the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Its name, unique over all results: that of the experiment and eight hexadecimal digits.
    #[serde(deserialize_with = "names::file_name")]
    pub name: String,
    /// The experiment.
    #[serde(deserialize_with = "names::name")]
    pub experiment: String,
    /// Engine that the runs are meant for.
    pub engine: u32,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub submitted_utc: String,
    /// The runs of each task.
    pub tasks: Vec<Vec<RunId>>,
    /// Failures from before: those runs are tried again, the ones that fail from then on are not.
    pub earlier: BTreeMap<RunId, Failure>,
    /// Memory that the runs of a task together may take, bytes; absent = what the machine gives it.
    pub memory: Option<u64>,
    /// Seconds between two checkpoints of a run.
    pub checkpoint: f64,
    /// The program, where a copy was kept.
    pub program: Option<PathBuf>,
}

/// A job of the scheduler that does tasks of a submission, or one about to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What it is called, unique over all submissions: by that name it is found again if the answer
    /// is lost.
    #[serde(deserialize_with = "names::file_name")]
    pub name: String,
    /// Its first task.
    pub first: usize,
    /// How many tasks; 0 for the job that writes the tables.
    pub count: usize,
    /// The scheduler's own number for it; absent until it is known.
    #[serde(deserialize_with = "job_number")]
    pub id: Option<String>,
}

/// The number becomes a word of commands, where anything else could be an option.
fn job_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let id = Option::<String>::deserialize(from)?;
    match id
        .as_deref()
        .filter(|id| id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()))
    {
        None => Ok(id),
        Some(other) => {
            Err(D::Error::custom(format!("{} is no job's number", crate::text::brief(other))))
        }
    }
}

const PLAN: &str = "plan.json";
const SUBMISSION: &str = "submission.json";
const JOBS: &str = "jobs.json";
const SCRIPT: &str = "script.sh";
const PROGRAM: &str = "program-";
/// Most bytes of a program.
const LARGEST_PROGRAM: u64 = 1 << 30;

impl Store {
    pub(super) fn submitted(&self) -> PathBuf {
        self.root().join("submitted")
    }

    /// Where a submission lies.
    pub fn submission_dir(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_file("a submission", name)?;
        Ok(self.submitted().join(name))
    }

    /// Keeps a submission, the plan and the script, and makes the directory for what its tasks
    /// print.
    pub fn freeze(
        &self,
        submission: &Submission,
        plan: &Plan,
        script: &str,
    ) -> Result<(), StoreError> {
        let dir = self.submission_dir(&submission.name)?;
        self.own(&dir)?;
        create_dirs(&dir.join("logs"))?;
        self.replace(&dir.join(SCRIPT), script.as_bytes())?;
        self.save_sealed(&dir.join(PLAN), plan)?;
        self.save_sealed(&dir.join(SUBMISSION), submission)
    }

    /// A submission, without its plan.
    pub fn submission(&self, name: &str) -> Result<Submission, StoreError> {
        let found: Result<Submission, _> =
            load_sealed(&self.submission_dir(name)?.join(SUBMISSION));
        match found {
            Err(error) if error.is_absent() => {
                let known = self.submissions()?;
                // The digits at the end are nobody's to remember.
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
                    path: self.submitted(),
                    nearest,
                })
            }
            Ok(found) if found.name != name => {
                let path = self.submission_dir(name)?.join(SUBMISSION);
                Err(StoreError::Malformed {
                    path,
                    reason: format!("it is the submission {}", found.name),
                })
            }
            found => found,
        }
    }

    /// The plan that a submission froze.
    pub fn submitted_plan(&self, name: &str) -> Result<Plan, StoreError> {
        load_plan(&self.submission_dir(name)?.join(PLAN), &**self.trainer())
    }

    /// Names of all submissions that are complete, sorted.
    pub fn submissions(&self) -> Result<Vec<String>, StoreError> {
        let found = entries(&self.submitted())?;
        Ok(found
            .into_iter()
            .filter(|(path, _)| path.join(SUBMISSION).is_file())
            .map(|(_, name)| name)
            .collect())
    }

    /// Notes which jobs do the tasks of a submission.
    pub fn save_jobs(&self, name: &str, jobs: &[Job]) -> Result<(), StoreError> {
        self.save_sealed(&self.submission_dir(name)?.join(JOBS), &jobs)
    }

    /// The jobs that do the tasks of a submission; none where the tasks are started by other means.
    pub fn jobs(&self, name: &str) -> Result<Vec<Job>, StoreError> {
        match load_sealed(&self.submission_dir(name)?.join(JOBS)) {
            Err(error) if error.is_absent() => Ok(Vec::new()),
            jobs => jobs,
        }
    }

    /// Forgets a submission of which nothing was started.
    pub fn withdraw(&self, name: &str) -> Result<(), StoreError> {
        let dir = self.submission_dir(name)?;
        // Without it the directory is no submission any more, whatever happens to the rest.
        remove_if_there(&dir.join(SUBMISSION))?;
        fs::remove_dir_all(&dir).map_err(StoreError::io("remove", &dir))
    }

    /// Keeps a copy of a program, so that one built meanwhile does not take its place; returns
    /// where.
    pub fn keep_program(&self, program: &Path) -> Result<PathBuf, StoreError> {
        let bytes =
            regular::read(program, LARGEST_PROGRAM).map_err(StoreError::io("read", program))?;
        let copy = self
            .submitted()
            .join(format!("{PROGRAM}{}", &blake3::hash(&bytes).to_hex()[..16]));
        self.replace(&copy, &bytes)?;
        let permissions = |path: &Path| fs::metadata(path).map(|found| found.permissions());
        let wanted = permissions(program).map_err(StoreError::io("read", program))?;
        if permissions(&copy).ok().as_ref() != Some(&wanted) {
            fs::set_permissions(&copy, wanted).map_err(StoreError::io("write", &copy))?;
        }
        Ok(copy)
    }

    /// Directories that are no submission, because a process died while it made them. One that
    /// holds anything else than a submission does was made by someone else.
    pub(super) fn half_submissions(&self) -> Result<Vec<PathBuf>, StoreError> {
        let has_form = |(path, name): &(PathBuf, String)| {
            let unique = name
                .rsplit_once('-')
                .is_some_and(|(_, unique)| unique.len() == 8 && is_hexadecimal(unique));
            let parts = entries(path).unwrap_or_default();
            let ours = |(_, name): &(PathBuf, String)| {
                [PLAN, JOBS, SCRIPT, "logs"].contains(&name.as_str())
            };
            unique
                && is_dir(path)
                && parts.iter().all(ours)
                && entries(&path.join("logs")).is_ok_and(|logs| logs.is_empty())
        };
        Ok(entries(&self.submitted())?
            .into_iter()
            .filter(has_form)
            .map(|(path, _)| path)
            .collect())
    }

    /// Programs that no submission needs; none where a submission cannot be read.
    pub(super) fn spare_programs(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut needed = Vec::new();
        for name in self.submissions()? {
            let Ok(submission) = self.submission(&name) else { return Ok(Vec::new()) };
            needed.extend(
                submission.program.and_then(|path| path.file_name().map(ToOwned::to_owned)),
            );
        }
        let has_form = |path: &Path, name: &str| {
            name.strip_prefix(PROGRAM)
                .is_some_and(|hash| hash.len() == 16 && is_hexadecimal(hash))
                && is_file(path)
        };
        let programs = entries(&self.submitted())?
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
