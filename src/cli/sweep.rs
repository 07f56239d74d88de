//! `ablade sweep FILE`: runs what is outstanding, then writes the tables.

use std::num::NonZeroUsize;

use clap::Args;

use super::asked::{Asked, StudyArgs};
use super::estimate::Estimate;
use super::terminal::count;
use super::training::Training;
use super::{Exit, Global, Terminal, ablation, on_every_processor};
use crate::data::Dataset;
use crate::npy;
use crate::plan::{RunSpec, Shard};
use crate::store::{Failure, Publication, RunRecord, RunStatus};
use crate::study::tables;

/// Test images kept for figures.
const REFERENCES: usize = 100;

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
    /// Start even if the estimate exceeds the file's [budget]
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
    let threads = asked.workers(args.jobs);
    let finished = asked.store.finished(&asked.plan)?;
    let outstanding = asked.outstanding(&finished, args.shard.unwrap_or(Shard { index: 1, count: 1 }));
    let mut interrupted = false;
    if outstanding.is_empty() {
        terminal.remark(format!("{}: all {} are there", asked.plan.name, count(asked.plan.runs.len(), "run")));
    } else {
        let datasets = asked.datasets(&outstanding)?;
        let estimate = Estimate::new(&asked.plan, &outstanding, &asked.sizes()?, &asked.store, threads.get());
        asked.within_budget(&estimate, outstanding.len(), args.yes)?;
        asked.store.save_plan(&asked.plan)?;
        for (fingerprint, data) in &datasets {
            asked.store.save_reference(fingerprint, &reference(data))?;
        }
        let max_failures = args.max_failures.map(NonZeroUsize::get).or(asked.experiment.execution.max_failures);
        let training = Training {
            plan: &asked.plan,
            store: &asked.store,
            datasets: &datasets,
            estimate: &estimate,
            threads,
            memory: asked.memory(),
            max_failures: max_failures.unwrap_or(usize::MAX),
        };
        let cached = asked.plan.runs.len() - outstanding.len();
        let title = format!("{}  {} to train, {cached} cached", asked.plan.name, count(outstanding.len(), "run"));
        let accept = |publication| match publication {
            Publication::Differs => Err("another process published other numbers for this run".to_owned()),
            Publication::New | Publication::Identical => Ok(()),
        };
        let record = |run: &RunSpec, reason: &str| {
            let started_utc = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
            let failure = Failure { error: reason.to_owned(), started_utc, host: host() };
            if let Err(error) = asked.store.fail(&run.id, &failure) {
                terminal.remark(format!("{} {error}", terminal.paint.bad("warning:")));
            }
        };
        interrupted = training.train(&outstanding, &title, global.progress, terminal, accept, record)?;
    }
    let study = on_every_processor(|| tables::write_all(&asked.store, &asked.plan))??;
    if interrupted {
        let left = study.records.values().filter(|record| record.status == RunStatus::Outstanding).count();
        terminal.remark(format!("interrupted with {} to go: the same command continues", count(left, "run")));
        return Ok(Exit::Interrupted);
    }
    ablation::print(&study, terminal)?;
    terminal.remark(format!("tables in {}", global.results.join(&asked.plan.name).display()));
    let bad = |record: &RunRecord| matches!(record.status, RunStatus::Failed | RunStatus::Diverged);
    Ok(if study.records.values().any(bad) { Exit::Failure } else { Exit::Success })
}

/// The first test images as `.npy`, rows and columns apart: what figures show beside samples.
fn reference(data: &Dataset) -> Vec<u8> {
    let count = data.test.count().min(REFERENCES);
    npy::encode(&[count, data.shape.height, data.shape.width], &data.test.pixels()[..count * data.shape.dim()])
}

/// Name of this machine.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
