//! `ablade sweep FILE`: runs what is outstanding, then writes the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::asked::{Asked, StudyArgs};
use super::estimate::Estimate;
use super::interrupt::Interrupt;
use super::progress::ProgressMode;
use super::terminal::count;
use super::training::{Spent, Trained, Training};
use super::{Exit, Global, Terminal, ablation, on_every_processor};
use crate::data::Dataset;
use crate::npy;
use crate::plan::{RunId, RunSpec, Shard};
use crate::record::{host, utc};
use crate::store::{Failure, Publication, RunRecord, RunStatus};
use crate::study::{Study, tables};
use crate::sweep::Launcher;

/// Test images kept for figures.
const REFERENCES: usize = 100;

/// Time between two looks at what other processes do.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Threads, and so runs at a time [default: as many as processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Train only part I of N of the runs, for several machines on one results directory
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Start no run any more once N have failed
    #[arg(long, value_name = "N")]
    max_failures: Option<NonZeroUsize>,
    /// Start even if the estimate exceeds the file's [budget], or a run the memory
    #[arg(long)]
    yes: bool,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
        _ => Err("expected I/N with I from 1 to N, such as 2/4".to_owned()),
    }
}

pub(crate) fn sweep(args: &SweepArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let asked = Asked::read(&args.study, global)?;
    if asked.experiment.execution.launcher == Launcher::Slurm {
        bail!(
            "execution.launcher = \"slurm\" is not built yet: start `ablade sweep FILE --shard I/N` in each job of an \
             array, all on one results directory"
        );
    }
    for remark in &asked.experiment.remarks {
        terminal.remark(remark);
    }
    let mut sweep = Sweep {
        asked: &asked,
        terminal,
        mode: global.progress,
        shard: args.shard.unwrap_or(Shard { index: 1, count: 1 }),
        threads: asked.workers(args.jobs),
        max_failures: args.max_failures.map(NonZeroUsize::get).or(asked.experiment.execution.max_failures),
        anyway: args.yes,
        earlier: asked.store.failures()?,
        given_up: BTreeSet::new(),
        damaged: BTreeSet::new(),
        started: false,
        failed: false,
    };
    if sweep.outstanding()?.is_empty() {
        sweep.terminal.remark(format!("{}: all {} are there", asked.plan.name, count(asked.plan.runs.len(), "run")));
    }
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let study = loop {
        if !sweep.train(&interrupt)? {
            let left = count(sweep.outstanding()?.len(), "run");
            sweep.terminal.remark(format!("interrupted with {left} to go: the same command continues"));
            return Ok(Exit::Interrupted);
        }
        interrupt.at_once();
        let study = match write_tables(&asked) {
            // Exit code 2 would say that nothing has started.
            Err(error) if sweep.started => {
                sweep.terminal.remark(format!("{} {error:#}", sweep.terminal.paint.bad("error:")));
                return Ok(Exit::Failure);
            }
            study => study?,
        };
        if !sweep.redoes_damaged(&study)? {
            break study;
        }
    };
    let failed = sweep.failed;
    ablation::print(&study, terminal)?;
    terminal.remark(format!("tables in {}", global.results.join(&asked.plan.name).display()));
    let bad = |record: &RunRecord| matches!(record.status, RunStatus::Failed | RunStatus::Diverged);
    Ok(if failed || study.records.values().any(bad) { Exit::Failure } else { Exit::Success })
}

/// Writes the plan and its tables. Where another process publishes a run meanwhile, once more: of several that end
/// together the last one writes last, and sees everything.
fn write_tables(asked: &Asked) -> anyhow::Result<Study> {
    asked.store.tidy()?;
    asked.store.save_plan(&asked.plan)?;
    loop {
        let before = asked.store.finished(&asked.plan)?;
        let study = on_every_processor(|| tables::write_all(&asked.store, &asked.plan))??;
        if asked.store.finished(&asked.plan)?.is_subset(&before) {
            return Ok(study);
        }
    }
}

/// A sweep in progress.
struct Sweep<'a, 't> {
    asked: &'a Asked,
    terminal: &'a mut Terminal<'t>,
    mode: ProgressMode,
    shard: Shard,
    threads: NonZeroUsize,
    max_failures: Option<usize>,
    /// Whether `[budget]` and memory have been looked at, or are not to be.
    anyway: bool,
    /// Failures from before this sweep: their runs are tried again.
    earlier: BTreeMap<RunId, Failure>,
    /// Runs that failed meanwhile, here or in another process: not tried again.
    given_up: BTreeSet<RunId>,
    /// Runs that were found damaged: done again once.
    damaged: BTreeSet<RunId>,
    /// Whether it trained anything.
    started: bool,
    failed: bool,
}

impl<'a> Sweep<'a, '_> {
    /// What this sweep has to do or to wait for.
    fn outstanding(&self) -> anyhow::Result<Vec<&'a RunSpec>> {
        let finished = self.asked.store.finished(&self.asked.plan)?;
        let failures = self.asked.store.failures()?;
        let failed_meanwhile = |run: &RunId| failures.get(run).is_some_and(|now| self.earlier.get(run) != Some(now));
        let outstanding = self.asked.outstanding(&finished, self.shard);
        let left = outstanding.into_iter();
        Ok(left.filter(|run| !self.given_up.contains(&run.id) && !failed_meanwhile(&run.id)).collect())
    }

    /// Trains what is outstanding and waits for what other processes train, until nothing is left of either. False if a
    /// signal came.
    fn train(&mut self, interrupt: &Interrupt) -> anyhow::Result<bool> {
        let mut waits = false;
        while !interrupt.raised() {
            let owners = self.asked.store.owners()?;
            let (held, free): (Vec<_>, Vec<_>) =
                self.outstanding()?.into_iter().partition(|run| owners.contains_key(&run.id));
            if !free.is_empty() {
                waits = false;
                if self.pass(&free)?.stopped {
                    break;
                }
            } else if held.is_empty() {
                break;
            } else {
                if !waits {
                    let by: BTreeSet<String> =
                        held.iter().filter_map(|run| Some(owners[&run.id].as_ref()?.to_string())).collect();
                    let by: Vec<String> = by.into_iter().collect();
                    let text = format!("waiting for {}, under way in {}", count(held.len(), "run"), by.join(", "));
                    self.terminal.remark(text);
                }
                waits = true;
                sleep(LOOK_AGAIN);
            }
        }
        Ok(!interrupt.raised())
    }

    /// Trains `free` as far as no other process comes first.
    fn pass(&mut self, free: &[&RunSpec]) -> anyhow::Result<Trained> {
        let asked = self.asked;
        let datasets = asked.datasets(free)?;
        let estimate = Estimate::new(&asked.plan, free, &asked.sizes()?, &asked.store, self.threads.get());
        asked.within_budget(&estimate, free, self.anyway)?;
        self.anyway = true;
        self.started = true;
        asked.store.probe()?;
        asked.store.save_plan(&asked.plan)?;
        for (fingerprint, data) in &datasets {
            asked.store.save_reference(fingerprint, &reference(data))?;
        }
        let training = Training {
            plan: &asked.plan,
            store: &asked.store,
            datasets: &datasets,
            estimate: &estimate,
            threads: self.threads,
            memory: asked.memory(),
            max_failures: self.max_failures.unwrap_or(usize::MAX),
            checkpoint_every: Some(asked.checkpoint_every()),
        };
        let cached = asked.store.finished(&asked.plan)?.len();
        let title = format!("{}  {} to train, {cached} cached", asked.plan.name, count(free.len(), "run"));
        let accept = |publication| match publication {
            Publication::Differs => Err("another process published other numbers for this run".to_owned()),
            Publication::New | Publication::Identical => Ok(()),
        };
        let record = |run: &RunSpec, reason: &str, spent: Spent| {
            let started = jiff::Timestamp::now() - spent.time;
            let failure = Failure {
                error: reason.to_owned(),
                started_utc: utc(started),
                seconds: spent.time.as_secs_f64(),
                threads: spent.threads,
                host: host(),
            };
            if let Err(error) = asked.store.fail(&run.id, &failure) {
                self.terminal.remark(format!("{} {error}", self.terminal.paint.bad("warning:")));
            }
        };
        let trained = training.train(free, &title, self.mode, self.terminal, accept, record)?;
        self.failed |= !trained.failed.is_empty();
        self.given_up.extend(trained.failed.iter().cloned());
        Ok(trained)
    }

    /// Whether runs of this sweep were found damaged, and are outstanding for that reason: once each.
    fn redoes_damaged(&mut self, study: &Study) -> anyhow::Result<bool> {
        let mine: BTreeSet<&RunId> = self.outstanding()?.into_iter().map(|run| &run.id).collect();
        let mut found = false;
        for (run, reason) in study.damaged().filter(|(run, _)| mine.contains(run)) {
            self.terminal.remark(format!("{} {reason}", self.terminal.paint.bad("warning:")));
            found |= self.damaged.insert(run.clone());
        }
        Ok(found)
    }
}

/// The first test images as `.npy`, rows and columns apart: what figures show beside samples.
fn reference(data: &Dataset) -> Vec<u8> {
    let count = data.test.count().min(REFERENCES);
    npy::encode(&[count, data.shape.height, data.shape.width], &data.test.pixels()[..count * data.shape.dim()])
}
