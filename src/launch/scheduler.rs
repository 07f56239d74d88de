//! Scheduler of a submission: Slurm, or one that is known by its command lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::command::CommandScheduler;
use super::job::{JobArray, QueuedTask};
use super::process::Problem;
use super::slurm::Controller;
use crate::plan::SchedulerCommands;
use crate::session::quoted_command;
use crate::store::{Submission, SubmittedJob};

/// Scheduler that has jobs of a submission.
#[derive(Debug, Clone, Copy)]
pub enum JobScheduler<'a> {
    /// Slurm.
    Slurm(Controller<'a>),
    /// A scheduler by its commands.
    Command(CommandScheduler<'a>),
}

/// Tasks of a job with their offset in it.
pub(super) type JobTasks = Vec<(usize, QueuedTask)>;

impl JobScheduler<'_> {
    /// Name in sentences.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Slurm(_) => "Slurm",
            Self::Command(_) => "the scheduler",
        }
    }

    /// True if both ask the same scheduler in the same way.
    pub(super) fn is(&self, other: &JobScheduler) -> bool {
        match (self, other) {
            (Self::Slurm(_), JobScheduler::Slurm(_)) => true,
            (Self::Command(own), JobScheduler::Command(other)) => own.commands == other.commands,
            _ => false,
        }
    }

    /// Maximum number of tasks of an array; 1 or less if each task is a job. An error if there is no
    /// such scheduler.
    pub(super) fn array_size(&self) -> Result<usize, Problem> {
        match self {
            Self::Slurm(controller) => controller.array_size(),
            Self::Command(scheduler) => {
                scheduler.check()?;
                Ok(if scheduler.has_arrays() { usize::MAX } else { 1 })
            }
        }
    }

    /// True if an array may begin with any task of a submission.
    pub(super) fn splits_arrays(&self) -> bool {
        match self {
            Self::Slurm(_) => true,
            Self::Command(scheduler) => scheduler.splits_arrays(),
        }
    }

    /// Name of the job that begins with the task `first` of a submission. AWS Batch has names of
    /// letters, digits, `-` and `_`.
    pub(super) fn job_name(&self, submission: &str, first: usize) -> String {
        match self {
            Self::Slurm(_) => format!("{submission}.{first}"),
            Self::Command(_) => format!("{submission}-{first}"),
        }
    }

    /// Submits tasks; returns the id of the job.
    pub(super) fn submit(&self, array: &JobArray) -> Result<String, Problem> {
        match self {
            Self::Slurm(controller) => controller.submit(array),
            Self::Command(scheduler) => scheduler.submit(array),
        }
    }

    /// True if a job can be found by its name.
    pub(super) fn can_find(&self) -> bool {
        match self {
            Self::Slurm(_) => true,
            Self::Command(scheduler) => scheduler.can_find(),
        }
    }

    /// Id of the job with this name, if there is one. Only where it can be found by its name.
    pub(super) fn find(&self, name: &str) -> Result<Option<String>, Problem> {
        match self {
            Self::Slurm(controller) => controller.find(name),
            Self::Command(scheduler) => scheduler.find(name),
        }
    }

    /// Tasks of each of `jobs` that are waiting, running, or have ended; of Slurm, not those that
    /// ended long ago.
    pub(super) fn queue(&self, jobs: &[&SubmittedJob]) -> Result<Vec<JobTasks>, Problem> {
        let controller = match self {
            Self::Slurm(controller) => controller,
            Self::Command(scheduler) => return scheduler.queue(jobs),
        };
        let ids: Vec<&str> = jobs.iter().filter_map(|job| job.id.as_deref()).collect();
        let mut by_job = BTreeMap::<(String, String), JobTasks>::new();
        for entry in controller.queue(&ids)? {
            // Numbers may be reused, names are not: a job with another name is not ours.
            let job = (entry.job.clone(), entry.label.clone());
            by_job.entry(job).or_default().push((entry.index.unwrap_or(0), entry));
        }
        let tasks = |job: &&SubmittedJob| {
            by_job
                .get(&(job.id.clone().unwrap_or_default(), job.name.clone()))
                .cloned()
                .unwrap_or_default()
        };
        Ok(jobs.iter().map(tasks).collect())
    }

    /// Name of the file with the output of a task.
    pub(super) fn log(&self, job: &SubmittedJob, offset: usize, entry: &QueuedTask) -> String {
        match self {
            Self::Slurm(_) => format!("{}.log", entry.name()),
            Self::Command(scheduler) => format!("{}.log", scheduler.number(job, offset)),
        }
    }

    /// Cancels jobs, of which those that have ended are ignored; returns how many were, and the
    /// problem that kept the others.
    pub(super) fn cancel(&self, jobs: &[&SubmittedJob]) -> (usize, Option<Problem>) {
        let id = |job: &SubmittedJob| job.id.clone().unwrap_or_default();
        match self {
            Self::Slurm(controller) => {
                let ids: Vec<String> = jobs.iter().map(|job| id(job)).collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                match controller.cancel(&ids) {
                    Ok(()) => (jobs.len(), None),
                    Err(problem) => (0, Some(problem)),
                }
            }
            Self::Command(scheduler) => {
                for (n_cancelled, job) in jobs.iter().enumerate() {
                    if let Err(problem) = scheduler.cancel(&id(job), &job.name) {
                        return (n_cancelled, Some(problem));
                    }
                }
                (jobs.len(), None)
            }
        }
    }
}

/// Schedulers of the submissions in a results directory.
#[derive(Debug, Clone, Copy)]
pub struct Schedulers<'a> {
    /// Raised when the caller no longer waits for answers.
    pub stop: &'a AtomicBool,
    /// Commands that ask for jobs which were not submitted to Slurm.
    pub commands: CommandSource<'a>,
}

/// Origin of the commands that ask for jobs.
#[derive(Debug, Clone, Copy)]
pub enum CommandSource<'a> {
    /// An experiment file, whose commands may be corrected ones.
    File(&'a SchedulerCommands),
    /// Each submission.
    Submission,
    /// Each submission whose commands have one of these hashes; others were not made here.
    Among(&'a BTreeSet<String>),
}

impl<'a> Schedulers<'a> {
    /// Schedulers whose answers are always waited for.
    pub fn patient(commands: CommandSource<'a>) -> Self {
        Self { stop: Controller::patient().stop, commands }
    }

    /// Scheduler that has the jobs of a submission in `results`.
    pub(super) fn of(
        &self,
        submission: &'a Submission,
        results: &Path,
    ) -> Result<JobScheduler<'a>, Problem> {
        let Some(own) = &submission.scheduler else {
            return Ok(JobScheduler::Slurm(Controller { stop: self.stop }));
        };
        let commands = match self.commands {
            CommandSource::File(commands) => commands,
            CommandSource::Submission => own,
            CommandSource::Among(known) if known.contains(&own.hash()) => own,
            CommandSource::Among(_) => {
                return Err(Problem::Untrusted {
                    results: results.display().to_string(),
                    commands: [&own.query, &own.cancel]
                        .map(|words| quoted_command(words))
                        .join(", "),
                });
            }
        };
        Ok(JobScheduler::Command(CommandScheduler { commands, stop: self.stop }))
    }
}
