//! `ablade freeze FILE`: freezes what is outstanding as tasks that any scheduler can start.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, path};

use anyhow::Context;
use clap::Args;

use super::asked::{Asked, ExperimentArgs};
use super::{Exit, Global, Terminal};
use crate::experiment::Slurm;
use crate::launch::pack;
use crate::launch::script::{Invocation, quoted, script};
use crate::plan::{RunSpec, Shard};
use crate::record::{host, utc};
use crate::store::Submission;
use crate::text::count;

/// Seconds that a task should last where the file does not say: starting one may take a scheduler a
/// minute.
const EACH: f64 = 300.0;

#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    #[command(flatten)]
    study: ExperimentArgs,
    /// Tasks, at most as many as runs [default: so many that each lasts execution.slurm.task, or
    /// five minutes]
    #[arg(long, value_name = "N")]
    tasks: Option<NonZeroUsize>,
    /// Put the tables in the place of another plan's, whose runs and plan are kept
    #[arg(long)]
    replace: bool,
}

pub(crate) fn freeze(
    args: &FreezeArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let mut asked = Asked::read(&args.study, global)?;
    asked.keep_tables(args.replace)?;
    let finished = asked.store.finished(&asked.plan)?;
    let runs = asked.outstanding(&finished, Shard::ALL);
    if runs.is_empty() {
        terminal.remark(asked.all_there());
        return Ok(Exit::Success);
    }
    let frozen = Frozen::new(&asked, &runs, args.tasks, global)?;
    let tasks = frozen.submission.tasks.len();
    let name = &frozen.submission.name;
    writeln!(terminal.out, "{name}")?;
    terminal.remark(format!(
        "{} in {}: `ablade --results {} task {name} I` does task I, from 0 to {}",
        count(runs.len(), "run"),
        count(tasks, "task"),
        quoted(&frozen.results.to_string_lossy()),
        tasks - 1
    ));
    Ok(Exit::Success)
}

/// Runs that are frozen as tasks.
pub(crate) struct Frozen {
    pub(crate) submission: Submission,
    /// Where the submission lies, and where its script and the tasks' output are.
    pub(crate) dir: PathBuf,
    pub(crate) results: PathBuf,
}

impl Frozen {
    /// Packs `runs` into tasks and writes what each needs.
    pub(crate) fn new(
        asked: &Asked,
        runs: &[&RunSpec],
        tasks: Option<NonZeroUsize>,
        global: &Global,
    ) -> anyhow::Result<Self> {
        let execution = &asked.experiment.execution;
        let estimate = asked.estimate(runs, 1)?;
        let seconds: Vec<f64> = runs
            .iter()
            .map(|run| estimate.speed.seconds(estimate.costs[&run.id].nominal_seconds))
            .collect();
        let each = execution.slurm.task.unwrap_or(EACH) * execution.slurm.cpus.unwrap_or(1) as f64;
        let tasks = tasks.map_or_else(|| pack::tasks(&seconds, each), NonZeroUsize::get);
        let packed = pack::pack(&seconds, tasks);
        let results = absolute(&global.results)?;
        asked.announce_plan()?;
        let program = absolute(&asked.store.keep_program(&this_program()?)?)?;
        let name = format!("{}-{}", asked.plan.name, unique(&results));
        let submission = Submission {
            experiment: asked.plan.name.clone(),
            engine: asked.store.trainer().version(),
            submitted_utc: utc(jiff::Timestamp::now()),
            tasks: packed
                .iter()
                .map(|task| task.iter().map(|&i| runs[i].id.clone()).collect())
                .collect(),
            earlier: asked.store.failures()?,
            memory: execution.memory.into_iter().chain(memory(&execution.slurm)).min(),
            checkpoint: asked.checkpoint_every().as_secs_f64(),
            program: Some(program.clone()),
            name: name.clone(),
        };
        let invocation = Invocation {
            program,
            results: results.clone(),
            data: absolute(asked.library().data_dir.as_path())?,
            directory: env::current_dir()?,
            submission: name.clone(),
            experiment: asked.plan.name.clone(),
        };
        asked
            .store
            .freeze(&submission, &asked.plan, &script(&execution.slurm, &invocation))?;
        let dir = absolute(&asked.store.submission_dir(&name)?)?;
        Ok(Self { submission, dir, results })
    }
}

/// The program that runs, also where another has been built in its place meanwhile.
fn this_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        Ok(running.to_owned())
    } else {
        env::current_exe().context("cannot tell where this program lies")
    }
}

/// What a task of Slurm's may take, as far as the file says.
pub(crate) fn memory(slurm: &Slurm) -> Option<u64> {
    crate::launch::slurm::memory(slurm.memory.as_deref()?)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    path::absolute(path).with_context(|| format!("{} has no absolute path", path.display()))
}

/// Eight digits that no other submission has, from whatever directory.
fn unique(results: &Path) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let text = format!("{}\n{}\n{}\n{now}", results.display(), host(), std::process::id());
    blake3::hash(text.as_bytes()).to_hex()[..8].to_owned()
}
