//! `ablade sweep FILE`: runs what is outstanding, here or on a cluster, then writes the tables.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::asked::{Asked, ExperimentArgs};
use super::follow::{Followed, Following, follow};
use super::interrupt::Interrupt;
use super::progress::ProgressMode;
use super::submit::submit;
use super::terminal::told;
use super::{Exit, Global, Terminal, ablation, jobs, tables};
use crate::experiment::Launcher;
use crate::launch::script::quoted;
use crate::launch::slurm::Controller;
use crate::plan::{RunId, RunSpec, Shard};
use crate::results::ExperimentResults;
use crate::runner::{Ready, Worker, damaged};
use crate::store::{Claiming, RunRecord, RunStatus, StoreError};
use crate::text::count;

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    study: ExperimentArgs,
    /// Threads, and so runs at a time [default: as many as processors]
    #[arg(long, value_name = "N", value_parser = jobs)]
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
    /// Where runs are carried out [default: execution.launcher of the file, else local]
    #[arg(long, value_name = "WHERE")]
    launcher: Option<Where>,
    /// Put the tables in the place of another plan's, whose runs and plan are kept
    #[arg(long)]
    replace: bool,
    /// Submit and return; the same command without it follows
    #[arg(long)]
    no_follow: bool,
}

/// `--launcher`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// In this process.
    Local,
    /// As tasks of a Slurm cluster.
    Slurm,
}

/// Time between two attempts at a queue that is full, at first and at most.
const FULL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(120));

/// Submissions in a row whose tasks may end without having done any run.
const ROUNDS: u32 = 3;

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
        _ => Err("expected I/N with I from 1 to N, such as 2/4".to_owned()),
    }
}

pub(crate) fn sweep(
    args: &SweepArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let mut asked = Asked::read(&args.study, global)?;
    let slurm = match args.launcher {
        None => asked.experiment.execution.launcher == Launcher::Slurm,
        Some(chosen) => chosen == Where::Slurm,
    };
    if let Some(option) = wrong_option(args, slurm) {
        bail!("{option}");
    }
    asked.keep_tables(args.replace)?;
    for remark in &asked.experiment.remarks {
        terminal.remark(remark);
    }
    asked.say_data(terminal);
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    if slurm {
        elsewhere(args, &asked, &interrupt, global, terminal)
    } else {
        here(args, &asked, &interrupt, global, terminal)
    }
}

/// An option that means nothing where the runs are carried out.
fn wrong_option(args: &SweepArgs, slurm: bool) -> Option<&'static str> {
    match slurm {
        true if args.jobs.is_some() => Some(
            "--jobs is for this machine: on Slurm execution.slurm.cpus says how many runs a task does at a time",
        ),
        true if args.shard.is_some() => {
            Some("--shard is for this machine: on Slurm the runs are divided into tasks already")
        }
        false if args.no_follow => {
            Some("--no-follow is for --launcher slurm: there is nothing to follow here")
        }
        _ => None,
    }
}

/// Trains the runs in this process, beside others that may do the same.
fn here(
    args: &SweepArgs,
    asked: &Asked,
    interrupt: &Interrupt,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let threads = asked.workers(args.jobs);
    let mut worker = Worker {
        runs: asked.outstanding(&BTreeSet::new(), args.shard.unwrap_or(Shard::ALL)),
        threads,
        memory: asked.memory(),
        checkpoint_every: asked.checkpoint_every(),
        max_failures: max_failures(args, asked),
        ..Worker::new(&asked.plan, &asked.store)?
    };
    if worker.outstanding()?.is_empty() {
        terminal.remark(asked.all_there());
    }
    let mut anyway = args.yes;
    let mut ready = |free: &[&RunSpec]| -> anyhow::Result<Ready> {
        let Ready { estimate } = Ready::load(&asked.plan, free, &asked.store, threads)?;
        asked.within_budget(&estimate, free, asked.memory(), anyway)?;
        anyway = true;
        asked.store.probe()?;
        asked.announce_plan()?;
        Ok(Ready { estimate })
    };
    let mut seen = BTreeSet::new();
    let shown = terminal.shown(global.progress);
    let study = loop {
        if !worker.train(interrupt.flag(), &shown, &mut ready)? {
            let left = count(worker.outstanding()?.len(), "run");
            terminal.remark(format!("interrupted with {left} to go: the same command continues"));
            return Ok(Exit::Interrupted);
        }
        interrupt.at_once();
        let study = match write_tables(asked, terminal) {
            // Exit code 2 would say that nothing has started.
            Err(error) if worker.done.started => {
                terminal.remark(format!("{} {}", terminal.paint.bad("error:"), told(&error)));
                return Ok(Exit::Failure);
            }
            study => study?,
        };
        if !finds_damaged(&mut worker, &study, &mut seen, interrupt, terminal)? {
            break study;
        }
    };
    conclude(&study, worker.done.failed.is_empty(), global, terminal)
}

/// Submits the runs to Slurm, and follows them unless told not to.
fn elsewhere(
    args: &SweepArgs,
    asked: &Asked,
    interrupt: &Interrupt,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    if not_done(asked, &BTreeSet::new())? == 0 {
        terminal.remark(asked.all_there());
    }
    let mut sent = Sent::Nothing;
    match until_ended(args, asked, interrupt, &mut sent, global, terminal) {
        Ok(Some(given_up)) => {
            interrupt.at_once();
            let study = write_tables(asked, terminal)?;
            move_damaged(&study, asked, interrupt, terminal)?;
            let left = not_done(asked, &given_up)?;
            if left > 0 {
                terminal.remark(format!(
                    "{} not done: the same command submits what is left",
                    count(left, "run")
                ));
            }
            conclude(&study, left == 0 && given_up.is_empty(), global, terminal)
        }
        Ok(None) => {
            terminal.remark(how_to_return(args, asked, global));
            Ok(match sent {
                _ if interrupt.raised() => Exit::Interrupted,
                Sent::Part => Exit::Failure,
                _ => Exit::Success,
            })
        }
        // Exit code 2 would say that nothing has started.
        Err(error) if sent != Sent::Nothing => {
            terminal.remark(format!("{} {}", terminal.paint.bad("error:"), told(&error)));
            terminal.remark(how_to_return(args, asked, global));
            Ok(Exit::Failure)
        }
        Err(error) => Err(error),
    }
}

/// Moves damaged runs aside, so that the same command submits them again.
fn move_damaged(
    study: &ExperimentResults,
    asked: &Asked,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let store = &asked.store;
    let damaged = damaged(
        study.damaged().map(|(run, _)| run),
        store,
        interrupt.flag(),
        &terminal.shown(ProgressMode::None),
    )?;
    for (run, reason) in study.damaged().filter(|(run, _)| damaged.contains(*run)) {
        // Under a claim: a run that another process has done again meanwhile must not be moved.
        let Claiming::Ours(_claim) = store.claim(run)? else { continue };
        if matches!(store.check(run), Err(StoreError::Damaged { .. }))
            && let Some(aside) = store.set_aside(run)?
        {
            terminal.warn(format!("{reason}; moved to {}", aside.display()));
        }
    }
    Ok(())
}

/// What Slurm has taken so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    Part,
    Everything,
}

/// How many of the runs asked for are neither finished nor given up.
fn not_done(asked: &Asked, given_up: &BTreeSet<RunId>) -> anyhow::Result<usize> {
    let outstanding = asked.outstanding(&asked.store.finished(&asked.plan)?, Shard::ALL);
    Ok(outstanding.into_iter().filter(|run| !given_up.contains(&run.id)).count())
}

/// Submits and follows until no run is left, or none that Slurm will do; returns those that failed,
/// or nothing where the jobs go on without this process. `sent` tells which.
fn until_ended(
    args: &SweepArgs,
    asked: &Asked,
    interrupt: &Interrupt,
    sent: &mut Sent,
    global: &Global,
    terminal: &Terminal,
) -> anyhow::Result<Option<BTreeSet<RunId>>> {
    let earlier = asked.store.failures()?;
    let most = max_failures(args, asked).unwrap_or(usize::MAX);
    let mut given_up = BTreeSet::new();
    let (mut rounds, mut pause) = (0, FULL.0);
    loop {
        let before = not_done(asked, &given_up)?;
        if before == 0 || given_up.len() >= most {
            return Ok(Some(given_up));
        }
        let again = *sent != Sent::Nothing;
        let submitted =
            submit(asked, &given_up, again, args.yes, global, Controller::patient(), terminal)?;
        *sent = if submitted.all { Sent::Everything } else { Sent::Part };
        if args.no_follow || interrupt.raised() {
            return Ok(None);
        }
        if submitted.runs.is_empty() {
            wait(pause, interrupt);
            pause = (pause * 2).min(FULL.1);
            continue;
        }
        let following = Following {
            runs: &submitted.runs,
            // What did not fit into the queue fits once some of it has left.
            until: if submitted.all { 0 } else { submitted.runs.len() / 2 },
            earlier: &earlier,
            max_failures: most - given_up.len(),
        };
        match follow(asked, &following, interrupt, global.progress, terminal)? {
            Followed::Detached => return Ok(None),
            Followed::Ended { failed, again } => {
                given_up.extend(failed);
                let further = not_done(asked, &given_up)? < before;
                rounds = if further { 0 } else { rounds + 1 };
                if again.is_some_and(|again| !again || rounds > ROUNDS) {
                    return Ok(Some(given_up));
                }
                pause = FULL.0;
            }
        }
    }
}

/// Sleeps, but for a signal.
fn wait(time: Duration, interrupt: &Interrupt) {
    let until = Instant::now() + time;
    while Instant::now() < until && !interrupt.raised() {
        sleep(Duration::from_millis(100));
    }
}

/// What to type to see or end what was submitted.
fn how_to_return(args: &SweepArgs, asked: &Asked, global: &Global) -> String {
    let results = match global.results.to_str() {
        Some("results") => String::new(),
        _ => format!("--results {} ", quoted(&global.results.to_string_lossy())),
    };
    let same = if args.no_follow {
        "the same command without --no-follow"
    } else {
        "the same command"
    };
    let name = &asked.plan.name;
    format!(
        "the jobs go on without this process: {same} follows them and submits what is not submitted, \
         `ablade {results}status {name}` shows them, `ablade {results}cancel {name}` ends them"
    )
}

fn max_failures(args: &SweepArgs, asked: &Asked) -> Option<usize> {
    args.max_failures
        .map(NonZeroUsize::get)
        .or(asked.experiment.execution.max_failures)
}

/// Writes the tables. Where a larger plan of this name has been saved meanwhile, it is that one's
/// tables that hold our runs.
fn write_tables(asked: &Asked, terminal: &Terminal) -> anyhow::Result<ExperimentResults> {
    let store = &asked.store;
    let mut larger = None;
    loop {
        let written = match &larger {
            None => asked
                .save_plan()
                .map_err(Into::into)
                .and_then(|()| tables::write(store, &asked.plan, terminal)),
            Some(plan) => tables::write(store, plan, terminal),
        };
        match written {
            Err(error) if is_another_plan(&error) && asked.is_part_of_stored()? => {
                let plan = store.load_plan(&asked.plan.name)?;
                terminal.remark(format!(
                    "{} has grown meanwhile: the tables are those of the larger plan",
                    store.root().join(&plan.name).join("plan.json").display()
                ));
                larger = Some(plan);
            }
            Err(error) => return Err(error),
            Ok(_) if larger.is_some() => {
                return Ok(ExperimentResults::load(store, asked.plan.clone())?);
            }
            Ok(study) => return Ok(study),
        }
    }
}

fn is_another_plan(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Replaces { .. }))
}

/// Prints the ablation table; all is well if every run is, and what it was asked for has succeeded.
fn conclude(
    study: &ExperimentResults,
    well: bool,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    ablation::print(study, &study.ablations(), terminal)?;
    terminal.remark(format!("tables in {}", global.results.join(&study.plan.name).display()));
    let bad = |record: &RunRecord| matches!(record.status, RunStatus::Failed | RunStatus::Diverged);
    Ok(if well && !study.records.values().any(bad) {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// Whether runs of this sweep were found damaged, once each: those that remain so are to be done
/// again.
fn finds_damaged(
    worker: &mut Worker,
    study: &ExperimentResults,
    seen: &mut BTreeSet<RunId>,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<bool, StoreError> {
    let mine: BTreeSet<&RunId> = worker.runs.iter().map(|run| &run.id).collect();
    let found: Vec<(&RunId, &str)> = study
        .damaged()
        .filter(|(run, _)| mine.contains(run) && seen.insert((*run).clone()))
        .collect();
    let damaged = damaged(
        found.iter().map(|(run, _)| *run),
        worker.store,
        interrupt.flag(),
        &terminal.shown(ProgressMode::None),
    )?;
    for (_, reason) in found.iter().filter(|(run, _)| damaged.contains(*run)) {
        terminal.warn(reason);
    }
    worker.done.damaged.extend(damaged);
    Ok(!found.is_empty())
}
