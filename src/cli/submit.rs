//! `ablade sweep FILE --launcher slurm`: submits what is outstanding, and follows it.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::bail;

use super::asked::Asked;
use super::estimate::Estimate;
use super::freeze::Frozen;
use super::queue::{self, Scope};
use super::terminal::{count, duration};
use super::{Global, Terminal};
use crate::launch::slurm::{Array, Controller, Problem};
use crate::plan::{RunId, RunSpec, Shard};
use crate::store::{Job, Store};

/// Submits the runs that are neither finished, nor in the queue, nor given up. Returns all that are in the queue now, and
/// whether Slurm took everything: if not, it may take the rest once some of that is done, and then, `again`, it is no error
/// if it takes nothing yet.
pub(crate) fn submit<'a>(
    asked: &'a Asked,
    given_up: &BTreeSet<RunId>,
    anyway: bool,
    again: bool,
    global: &Global,
    controller: Controller,
    terminal: &Terminal,
) -> anyhow::Result<(Vec<&'a RunSpec>, bool)> {
    let queue = queue::look(&asked.store, controller, Scope::Unfinished)?;
    if let Some(problem) = &queue.unknown {
        bail!("{problem}: what was submitted before may still wait or run, so nothing is submitted now");
    }
    let finished = asked.store.finished(&asked.plan)?;
    let outstanding = asked.outstanding(&finished, Shard { index: 1, count: 1 });
    let (mut held, runs): (Vec<&RunSpec>, Vec<&RunSpec>) =
        outstanding.into_iter().filter(|run| !given_up.contains(&run.id)).partition(|run| queue.will_do(&run.id));
    if !held.is_empty() {
        let text = queue.summary(held.iter().map(|run| &run.id));
        terminal.remark(format!("{} submitted before: {text}", count(held.len(), "run")));
    }
    if runs.is_empty() {
        return Ok((held, true));
    }
    // Asked before anything is written: where there is no Slurm, nothing is left behind.
    let indices = controller.array_size()?;
    let slurm = &asked.experiment.execution.slurm;
    let at_a_time = slurm.throttle.unwrap_or(runs.len()).saturating_mul(slurm.cpus.unwrap_or(1));
    let estimate = Estimate::new(&asked.plan, &runs, &asked.sizes()?, &asked.store, at_a_time);
    let excess = asked.over_budget(&estimate, runs.len());
    if !excess.is_empty() && !anyway {
        bail!("the estimate exceeds [budget]: {}; --yes starts it all the same", excess.join(", "));
    }
    let frozen = Frozen::new(asked, &runs, None, global)?;
    let mut submitting = Submitting { store: &asked.store, controller, frozen: &frozen, jobs: Vec::new() };
    let submitted = submitting.arrays(indices, slurm.throttle);
    let taken: usize = submitting.jobs.iter().filter(|job| job.id.is_some()).map(|job| job.count).sum();
    if let (Err(problem), 0) = (&submitted, taken) {
        if !submitting.jobs.is_empty() {
            bail!(
                "{problem}: whether {} was submitted is not known, the same command finds out",
                submitting.jobs[0].name
            );
        }
        asked.store.withdraw(&frozen.submission.name)?;
        if !again {
            bail!("{problem}; nothing was submitted");
        }
        terminal.remark(format!("{} {problem}", terminal.paint.bad("warning:")));
        return Ok((held, false));
    }
    let there: BTreeSet<&RunId> = frozen.submission.tasks.iter().take(taken).flatten().collect();
    let tables = submitting.tables();
    let jobs: Vec<&str> = submitting.jobs.iter().filter_map(|job| job.id.as_deref()).collect();
    let tasks = frozen.submission.tasks.len();
    terminal.remark(format!(
        "{}  {} in {} submitted as {} {}, about {} of work, output in {}",
        asked.plan.name,
        count(there.len(), "run"),
        count(taken, "task"),
        if jobs.len() == 1 { "job" } else { "jobs" },
        jobs.join(" "),
        duration(
            runs.iter()
                .filter(|run| there.contains(&run.id))
                .map(|run| estimate.speed.seconds(&estimate.costs[&run.id]))
                .sum()
        ),
        frozen.dir.join("logs").display()
    ));
    if let Err(problem) = tables {
        terminal.remark(format!("{} {problem}: `ablade tables` writes the tables", terminal.paint.bad("warning:")));
    }
    if let Err(problem) = &submitted {
        let left = tasks - taken;
        terminal.remark(format!(
            "{} {problem}: {} not submitted yet",
            terminal.paint.bad("warning:"),
            count(left, "task")
        ));
    }
    held.extend(runs.into_iter().filter(|run| there.contains(&run.id)));
    Ok((held, submitted.is_ok()))
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
const BUSY: [&str; 4] = ["timed out", "temporarily", "Unable to contact", "rate"];

impl Submitting<'_> {
    /// Submits all tasks in arrays with indices below `indices`, smaller ones where those are refused, single jobs where
    /// there are no arrays.
    fn arrays(&mut self, indices: usize, throttle: Option<usize>) -> anyhow::Result<()> {
        let (frozen, controller) = (self.frozen, self.controller);
        let (script, logs) = (frozen.dir.join("script.sh"), frozen.dir.join("logs"));
        let (tasks, mut most, mut first) = (frozen.submission.tasks.len(), indices.max(1), 0);
        while first < tasks {
            let count = most.min(tasks - first);
            let name = format!("{}.{first}", frozen.submission.name);
            let array = Array { script: &script, logs: &logs, name: &name, first, count, throttle };
            match self.job(&name, first, count, || controller.submit(&array)) {
                Ok(()) => first += count,
                Err(error) if count > 1 && says(&error, "Invalid job array") => most = count / 2,
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

    /// Submits a job and notes its number; notes first that it is about to, so that one whose answer is lost is found.
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
                Err(problem) => problem,
            };
            match self.controller.find(name) {
                Ok(Some(id)) => break Ok(id),
                Ok(None) => {}
                // It may be there or not.
                Err(_) => return Err(problem.into()),
            }
            match waits.next() {
                Some(wait) if BUSY.iter().any(|word| problem.to_string().contains(word)) => {
                    sleep(Duration::from_secs(wait));
                }
                _ => break Err(problem),
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

fn says(error: &anyhow::Error, text: &str) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.to_string().contains(text))
}
