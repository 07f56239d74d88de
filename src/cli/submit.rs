//! `ablade sweep FILE --launcher slurm`: submits what is outstanding, and follows it.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{bail, ensure};

use super::asked::Asked;
use super::freeze::{self, Frozen};
use super::queue::{self, Scope};
use super::{Global, Terminal};
use crate::launch::slurm::{Array, Controller, Problem};
use crate::plan::{RunId, RunSpec, Shard};
use crate::store::{Job, Store};
use crate::text::{count, duration};

/// What is in the scheduler's hands after submitting.
pub(crate) struct Submitted<'a> {
    pub(crate) runs: Vec<&'a RunSpec>,
    /// Whether Slurm took everything; if not, it may take the rest once some of it is done.
    pub(crate) all: bool,
}

/// Submits the runs that are neither finished, nor in the queue, nor given up. Once something has
/// been submitted, `again`, a queue that is full and a controller that is away are no errors.
pub(crate) fn submit<'a>(
    asked: &'a Asked,
    given_up: &BTreeSet<RunId>,
    again: bool,
    anyway: bool,
    global: &Global,
    controller: Controller,
    terminal: &Terminal,
) -> anyhow::Result<Submitted<'a>> {
    let queue = queue::look(&asked.store, controller, Scope::Unfinished)?;
    if let Some(problem) = &queue.unknown {
        ensure!(
            again,
            "{problem}: what was submitted before may still wait or run, so nothing is submitted now; the same command \
             tries again"
        );
        terminal.warn(problem);
        return Ok(Submitted { runs: Vec::new(), all: false });
    }
    let finished = asked.store.finished(&asked.plan)?;
    let outstanding = asked.outstanding(&finished, Shard::ALL);
    let (mut held, runs): (Vec<&RunSpec>, Vec<&RunSpec>) = outstanding
        .into_iter()
        .filter(|run| !given_up.contains(&run.id))
        .partition(|run| queue.will_do(&run.id));
    if !held.is_empty() && !again {
        let text = queue.summary(held.iter().map(|run| &run.id));
        terminal.remark(format!("{} submitted before, tasks: {text}", count(held.len(), "run")));
    }
    if runs.is_empty() {
        return Ok(Submitted { runs: held, all: true });
    }
    // Asked before anything is written: where there is no Slurm, nothing is left behind.
    let indices = controller.array_size()?;
    let slurm = &asked.experiment.execution.slurm;
    if let Some(option) = slurm
        .lines
        .iter()
        .find(|line| line.starts_with("-M") || line.starts_with("--clusters"))
    {
        bail!(
            "execution.slurm.lines: {option} sends jobs to a cluster that nothing else would be asked about"
        );
    }
    let at_a_time = slurm.throttle.unwrap_or(runs.len()).saturating_mul(slurm.cpus.unwrap_or(1));
    let estimate = asked.estimate(&runs, at_a_time)?;
    asked.within_budget(
        &estimate,
        &runs,
        freeze::memory(slurm).unwrap_or(u64::MAX),
        anyway || again,
    )?;
    let frozen = Frozen::new(asked, &runs, None, global)?;
    if !again
        && ["/tmp", "/var/tmp", "/dev/shm"]
            .iter()
            .any(|place| frozen.dir.starts_with(place))
    {
        terminal.warn(format!(
            "{} is rarely on a file system that all nodes see",
            frozen.results.display()
        ));
    }
    let mut submitting = Submitting {
        store: &asked.store,
        controller,
        frozen: &frozen,
        jobs: Vec::new(),
    };
    let submitted = submitting.arrays(indices, slurm.throttle);
    let taken: usize =
        submitting.jobs.iter().filter(|job| job.id.is_some()).map(|job| job.count).sum();
    if let (Err(problem), 0) = (&submitted, taken) {
        ensure!(
            submitting.jobs.is_empty(),
            "{problem}: whether it was submitted all the same is not known, the same command finds out"
        );
        asked.store.withdraw(&frozen.submission.name)?;
        ensure!(again && is_full(problem), "{problem}; nothing was submitted");
        return Ok(Submitted { runs: held, all: false });
    }
    let there: BTreeSet<&RunId> = frozen.submission.tasks.iter().take(taken).flatten().collect();
    let now: Vec<&RunSpec> = runs.into_iter().filter(|run| there.contains(&run.id)).collect();
    let tables = if submitted.is_ok() { submitting.tables() } else { Ok(()) };
    let jobs: Vec<&str> = submitting.jobs.iter().filter_map(|job| job.id.as_deref()).collect();
    terminal.remark(format!(
        "{}  {} in {} submitted as {} {}, about {} of work, output in {}",
        asked.plan.name,
        count(now.len(), "run"),
        count(taken, "task"),
        if jobs.len() == 1 { "job" } else { "jobs" },
        jobs.join(" "),
        duration(
            now.iter()
                .map(|run| estimate.speed.seconds(estimate.costs[&run.id].nominal_seconds))
                .sum()
        ),
        frozen.dir.join("logs").display()
    ));
    if let Err(problem) = tables {
        terminal.warn(format!("{problem}: `ablade tables` writes the tables"));
    }
    if let Err(problem) = &submitted {
        let left = count(frozen.submission.tasks.len() - taken, "task");
        terminal.warn(format!("{problem}: {left} not submitted yet"));
    }
    held.extend(now);
    Ok(Submitted { runs: held, all: submitted.is_ok() })
}

/// A submission on its way to Slurm.
struct Submitting<'a> {
    store: &'a Store,
    controller: Controller<'a>,
    frozen: &'a Frozen,
    jobs: Vec<Job>,
}

/// Waits before asking again, in seconds, where Slurm is busy or away.
const AGAIN: [u64; 3] = [2, 4, 8];

/// What Slurm says when the same may well succeed a little later.
const BUSY: [&str; 4] = ["timed out", "temporarily", "Unable to contact", "rate too high"];

/// What Slurm says to an array that is larger than an array, or a user's share of the queue, may
/// be.
const LARGE: [&str; 3] = ["Invalid job array", "limit", "policy"];

impl Submitting<'_> {
    /// Submits all tasks in arrays with indices below `indices`, smaller ones where those are
    /// refused, single jobs where there are no arrays.
    fn arrays(&mut self, indices: usize, throttle: Option<usize>) -> anyhow::Result<()> {
        let (frozen, controller) = (self.frozen, self.controller);
        let (script, logs) = (frozen.dir.join("script.sh"), frozen.dir.join("logs"));
        let (tasks, mut most, mut first) = (frozen.submission.tasks.len(), indices.max(1), 0);
        while first < tasks {
            let count = most.min(tasks - first);
            let name = format!("{}.{first}", frozen.submission.name);
            // What may run at a time is shared out, since Slurm counts it array by array.
            let throttle = throttle.map(|most| (most * count / tasks).max(1));
            let array = Array {
                script: &script,
                logs: &logs,
                name: &name,
                first,
                count,
                throttle,
            };
            match self.job(&name, first, count, || controller.submit(&array)) {
                Ok(()) => first += count,
                Err(error) if count > 1 && says(&error, &LARGE) => most = count / 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Submits the job that writes the tables in the end.
    fn tables(&mut self) -> anyhow::Result<()> {
        let (frozen, controller) = (self.frozen, self.controller);
        let (script, logs) = (frozen.dir.join("script.sh"), frozen.dir.join("logs"));
        let jobs: Vec<String> = self.jobs.iter().filter_map(|job| job.id.clone()).collect();
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let name = format!("{}.tables", frozen.submission.name);
        self.job(&name, 0, 0, || controller.submit_tables(&script, &logs, &name, &jobs))
    }

    /// Submits a job and notes its number; notes first that it is about to, so that one whose
    /// answer is lost is found.
    fn job(
        &mut self,
        name: &str,
        first: usize,
        count: usize,
        submit: impl Fn() -> Result<String, Problem>,
    ) -> anyhow::Result<()> {
        self.jobs.push(Job { name: name.to_owned(), first, count, id: None });
        self.note()?;
        let mut waits = AGAIN.into_iter();
        let answer = loop {
            let problem = match submit() {
                Ok(id) => break Ok(id),
                // It may still get through.
                Err(problem @ Problem::Silent(_)) => return Err(problem.into()),
                Err(problem) => problem,
            };
            let busy = BUSY.iter().any(|word| problem.to_string().contains(word));
            let wait = waits.next().filter(|_| busy);
            sleep(Duration::from_secs(wait.unwrap_or(0)));
            match self.controller.find(name) {
                Ok(Some(id)) => break Ok(id),
                Ok(None) if wait.is_some() => {}
                Ok(None) => break Err(problem),
                Err(_) => return Err(problem.into()),
            }
        };
        let mut job = self.jobs.pop().expect("it was put there");
        let refused = answer.map(|id| job.id = Some(id)).err();
        self.jobs.extend(job.id.is_some().then_some(job));
        self.note()?;
        refused.map_or(Ok(()), |problem| Err(problem.into()))
    }

    fn note(&self) -> anyhow::Result<()> {
        Ok(self.store.save_jobs(&self.frozen.submission.name, &self.jobs)?)
    }
}

fn says(error: &anyhow::Error, any: &[&str]) -> bool {
    error
        .downcast_ref::<Problem>()
        .is_some_and(|problem| any.iter().any(|text| problem.to_string().contains(text)))
}

/// Whether a refusal may be another answer once the queue has emptied, or Slurm is less busy.
fn is_full(error: &anyhow::Error) -> bool {
    says(error, &BUSY) || says(error, &LARGE)
}
