//! Outstanding runs frozen as tasks that any scheduler can start.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, path, process};

use super::ready::Starter;
use super::script::Invocation;
use super::{LaunchError, pack, slurm};
use crate::experiment::Slurm;
use crate::plan::RunSpec;
use crate::record::{host, utc};
use crate::session::LoadedExperiment;
use crate::store::Submission;

/// Default duration of a task [s]: a scheduler may need a minute to start one.
const TASK_SECONDS: f64 = 300.0;

/// Runs frozen as tasks.
#[derive(Debug)]
pub struct FrozenRuns {
    /// Tasks as stored.
    pub submission: Submission,
    /// Directory of the submission, with its script and the output of its tasks.
    pub dir: PathBuf,
    /// The results, as an absolute path.
    pub results: PathBuf,
    /// Command that starts the tasks, quoted for a shell.
    pub command: String,
}

impl FrozenRuns {
    /// Packs `runs` into `n_tasks` tasks, or into so many that each lasts as long as the file says,
    /// and writes everything that a task needs, with the files by which `starter` starts them.
    /// `data_dir` is the directory of the data sets.
    pub fn new(
        loaded: &LoadedExperiment,
        runs: &[&RunSpec],
        n_tasks: Option<NonZeroUsize>,
        data_dir: &Path,
        starter: Starter,
    ) -> Result<Self, LaunchError> {
        let (store, plan) = (&loaded.store, &loaded.plan);
        let execution = &loaded.experiment.execution;
        let estimate = loaded.estimate(runs, 1)?;
        let seconds: Vec<f64> = runs
            .iter()
            .map(|run| estimate.speed.seconds(estimate.costs[&run.id].nominal_seconds))
            .collect();
        let scheduler = starter.scheduler();
        let task_seconds = match scheduler {
            Some(commands) => commands.task.unwrap_or(TASK_SECONDS),
            None => {
                let cpus = execution.slurm.cpus.unwrap_or(1);
                execution.slurm.task.unwrap_or(TASK_SECONDS) * cpus as f64
            }
        };
        let of_task = task_memory(&execution.slurm).filter(|_| scheduler.is_none());
        let n_tasks =
            n_tasks.map_or_else(|| pack::tasks(&seconds, task_seconds), NonZeroUsize::get);
        let packed = pack::pack(&seconds, n_tasks);
        let results = absolute(store.root())?;
        let data_dir = absolute(data_dir)?;
        let directory = env::current_dir().map_err(LaunchError::NoCurrentDirectory)?;
        starter.check([&results, &data_dir, &directory], packed.len())?;
        for data in runs.iter().map(|run| &run.data).collect::<BTreeSet<_>>() {
            store.keep_inputs(data, &store.trainer().input_files())?;
        }
        loaded.announce_plan()?;
        let program = absolute(&store.submissions().keep_program(&this_program()?)?)?;
        let name = format!("{}-{}", plan.name, unique(&results));
        let submission = Submission {
            experiment: plan.name.clone(),
            engine: store.trainer().version(),
            submitted_utc: utc(jiff::Timestamp::now()),
            tasks: packed
                .iter()
                .map(|task| task.iter().map(|&i| runs[i].id.clone()).collect())
                .collect(),
            earlier: store.failures()?,
            memory: execution.memory.into_iter().chain(of_task).min(),
            checkpoint: loaded.checkpoint_every().as_secs_f64(),
            program: Some(program.clone()),
            scheduler: scheduler.cloned(),
            name: name.clone(),
        };
        let invocation = Invocation {
            program,
            results: results.clone(),
            data: data_dir,
            directory,
            submission: name.clone(),
            experiment: plan.name.clone(),
        };
        let dir = absolute(&store.submissions().dir(&name)?)?;
        let (script, ready) = starter.files(&invocation, packed.len(), &dir);
        store.submissions().freeze(&submission, plan, &script, ready)?;
        let command = starter.command(&dir);
        Ok(Self { submission, dir, results, command })
    }
}

/// Path of the running program, even if another has been built in its place meanwhile.
fn this_program() -> Result<PathBuf, LaunchError> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        Ok(running.to_owned())
    } else {
        env::current_exe().map_err(LaunchError::NoProgram)
    }
}

/// Memory that a Slurm task may use [bytes], if the file states it.
pub(super) fn task_memory(slurm: &Slurm) -> Option<u64> {
    slurm::memory(slurm.memory.as_deref()?)
}

fn absolute(path: &Path) -> Result<PathBuf, LaunchError> {
    path::absolute(path)
        .map_err(|source| LaunchError::NoAbsolutePath { path: path.to_owned(), source })
}

/// Eight digits that no other submission has, even from another directory.
fn unique(results: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let text = format!("{}\n{}\n{}\n{now}", results.display(), host(), process::id());
    blake3::hash(text.as_bytes()).to_hex()[..8].to_owned()
}
