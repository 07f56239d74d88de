//! `ablade plots [EXPERIMENT ...]`: every figure of every study, and the HTML report, drawn from
//! the results on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Args;

use crate::cli::interrupt::Interrupt;
use crate::cli::show::gallery::gallery;
use crate::cli::show::out::in_the_way;
use crate::cli::show::warn_of_damage;
use crate::cli::{Exit, Global, Terminal};
use crate::figures::{Figure, RenderedChart, draw_all};
use crate::page::{self, Section};
use crate::plan::{Plan, RunId};
use crate::results::ExperimentResults;
use crate::runner::machine::on_every_processor;
use crate::store::{Owned, RunStatus, Store, StoreError};
use crate::text::count;
use crate::trainers::OwnFigures;
use crate::trainers::made::figures::Artefacts;
use crate::trainers::program::RunPictures;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade plots                                every experiment
  ablade plots first --watch                  again whenever runs finish
  ablade plots first --gallery docs/gallery   small pictures, to commit";

/// Interval at which `--watch` checks the disk.
const GLANCE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct PlotsArgs {
    /// Only these experiments
    #[arg(value_name = "EXPERIMENT")]
    experiments: Vec<String>,
    /// Draw again whenever runs have finished, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Also write small PNGs of the main figures here, and a README.md that shows them
    #[arg(long, value_name = "DIR")]
    gallery: Option<PathBuf>,
}

/// State of an experiment when it was last drawn.
struct Drawn {
    study: ExperimentResults,
    figures: Vec<Figure>,
    /// Figures and parts of the page that its trainer adds.
    own: Box<dyn OwnFigures>,
    /// Reasons why some of it is missing.
    problems: Vec<String>,
    /// State of its runs.
    state: BTreeMap<RunId, Option<SystemTime>>,
}

impl Drawn {
    fn section(&self) -> Section<'_> {
        Section { study: &self.study, own: &*self.own, figures: &self.figures }
    }
}

pub(crate) fn plots(
    args: &PlotsArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    // An unknown name must be an error before anything is drawn.
    args.experiments.iter().try_for_each(|name| store.load_plan(name).map(drop))?;
    if store.experiments()?.is_empty() {
        terminal.remark(format!(
            "no experiment in {} yet: `ablade sweep FILE` makes one",
            global.results.display()
        ));
    }
    let mut drawn = BTreeMap::new();
    let mut unread = BTreeSet::new();
    let changed = redraw(&mut drawn, &mut unread, &store, terminal)?;
    publish(&drawn, &changed, args, global, terminal)?;
    if args.watch {
        let stop = Interrupt::listen().context("cannot listen for signals")?;
        terminal.remark(format!("watching {}: Ctrl-C ends it", global.results.display()));
        while !stop.raised() {
            sleep(GLANCE);
            let before = drawn.len();
            let changed = redraw(&mut drawn, &mut unread, &store, terminal)?;
            if !changed.is_empty() || drawn.len() < before {
                publish(&drawn, &changed, args, global, terminal)?;
            }
        }
    }
    Ok(if unread.is_empty() { Exit::Success } else { Exit::Failure })
}

/// Draws the experiments that have changed since they were last drawn, and returns their names.
/// Forgets experiments that no longer exist. An experiment that cannot be read does not prevent the
/// others: it is reported once.
fn redraw(
    drawn: &mut BTreeMap<String, Drawn>,
    unread: &mut BTreeSet<String>,
    store: &Store,
    terminal: &Terminal,
) -> anyhow::Result<BTreeSet<String>> {
    let names = store.experiments()?;
    drawn.retain(|name, _| names.contains(name));
    let mut changed = BTreeSet::new();
    for name in names {
        let plan = match store.load_plan(&name) {
            Ok(plan) => plan,
            Err(error) => {
                drawn.remove(&name);
                if unread.insert(name) {
                    terminal.warn(error);
                }
                continue;
            }
        };
        unread.remove(&name);
        // Read first: a run that finishes while its experiment is being drawn then counts as a
        // change the next time.
        let state = store.state(&plan)?;
        if drawn
            .get(&name)
            .is_some_and(|known| known.state == state && known.study.plan == plan)
        {
            continue;
        }
        let experiment = draw(store, plan, state)?;
        warn_of_damage(&experiment.study, terminal);
        for problem in &experiment.problems {
            terminal.warn(format!("{name}: {problem}"));
        }
        drawn.insert(name.clone(), experiment);
        changed.insert(name);
    }
    Ok(changed)
}

fn draw(
    store: &Store,
    plan: Plan,
    state: BTreeMap<RunId, Option<SystemTime>>,
) -> anyhow::Result<Drawn> {
    let study = on_every_processor(|| ExperimentResults::load(store, plan))?;
    let mut problems = Vec::new();
    let own: Box<dyn OwnFigures> = if study.plan.program.is_some() {
        let file = |run: &RunId, name: &str| {
            let published = store.file(run, name).ok().flatten();
            published.or_else(|| store.unpublished_file(run, name))
        };
        let files = |run: &RunId| store.files_of(run).unwrap_or_default();
        Box::new(RunPictures::gather(&study, files, file))
    } else {
        let images = gather_images(&study, store);
        problems.clone_from(&images.problems);
        Box::new(images)
    };
    let figures = on_every_processor(|| draw_all(&study, &*own));
    Ok(Drawn { study, figures, own, problems, state })
}

/// Says what is wrong with a file of a run, and what to do.
fn damaged_file(error: &StoreError, plan: &Plan) -> String {
    let name = &plan.name;
    format!("{error}: `ablade verify {name}` trains a damaged run again")
}

/// Images that runs of the built-in model saved; what cannot be read says so where it is missing.
fn gather_images(study: &ExperimentResults, store: &Store) -> Artefacts {
    let again = "`ablade sweep` with the experiment's file writes it again";
    Artefacts::gather(
        study,
        |run, name| store.file(run, name).map_err(|error| damaged_file(&error, &study.plan)),
        |data| {
            let path = store.reference_path(data).map_err(|error| error.to_string())?;
            match store.reference(data) {
                Ok(Some(bytes)) if !store.trainer().are_examples(&bytes) => {
                    Err(format!("{} is damaged: {again}", path.display()))
                }
                Ok(None) => Err(format!("{} is missing: {again}", path.display())),
                Err(error) => Err(format!("{error}: {again}")),
                Ok(bytes) => Ok(bytes),
            }
        },
    )
}

/// Sentence on the missing runs of an experiment; empty if there are none.
fn to_come(study: &ExperimentResults) -> String {
    let all = study.records.len();
    match study
        .records
        .values()
        .filter(|record| record.status == RunStatus::Outstanding)
        .count()
    {
        0 => String::new(),
        left => format!(", {left} of {} still to come", count(all, "run")),
    }
}

/// Writes the figures of the experiments that have changed and are selected, then the report, which
/// covers all experiments, and the gallery. If a foreign file is in the way of any of it, nothing
/// is written.
fn publish(
    drawn: &BTreeMap<String, Drawn>,
    changed: &BTreeSet<String>,
    args: &PlotsArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let is_asked = |name: &String| args.experiments.is_empty() || args.experiments.contains(name);
    let mut written = Vec::new();
    for (name, experiment) in
        drawn.iter().filter(|(name, _)| changed.contains(*name) && is_asked(name))
    {
        let home = global.plots.join(name);
        let (figures, rest) =
            (count(experiment.figures.len(), "figure"), to_come(&experiment.study));
        let line = format!("{}: {figures}{rest}", home.display());
        written.push((
            Owned::new(home, ".ablade-figures", pictures(name, &experiment.figures)).own(),
            line,
            "--plots",
        ));
    }
    if drawn.is_empty() {
        terminal.remark("nothing to draw: page and gallery stay as they are");
        return Ok(());
    }
    let sections: Vec<Section> = drawn.values().map(Drawn::section).collect();
    let index = BTreeMap::from([("index.html".to_owned(), page::render(&sections).into_bytes())]);
    let line = global.plots.join("index.html").display().to_string();
    written.push((Owned::new(&global.plots, ".ablade-page", index), line, "--plots"));
    if let Some(dir) = &args.gallery {
        let (files, pictures) = gallery(
            drawn
                .iter()
                .filter(|(name, _)| is_asked(name))
                .map(|(_, drawn)| (&drawn.study, &drawn.figures[..])),
        );
        let line = format!("{}: {}", dir.display(), count(pictures, "picture"));
        written.push((Owned::new(dir, ".ablade-gallery", files), line, "--gallery"));
    }
    let hint = |option: &str| {
        format!(
            "{option} OTHER writes elsewhere; pictures that ablade drew before it had lists can be removed and are drawn again"
        )
    };
    for (files, _, option) in &written {
        files.check().map_err(|error| in_the_way(error, &hint(option)))?;
    }
    for (files, line, option) in written {
        let obsolete = files.obsolete()?;
        for remark in files.write().map_err(|error| in_the_way(error, &hint(option)))? {
            terminal.warn(remark);
        }
        if !obsolete.is_empty() {
            terminal.remark(format!("removed, as no longer drawn: {}", obsolete.join(", ")));
        }
        writeln!(terminal.out, "{line}")?;
    }
    Ok(terminal.out.flush()?)
}

/// Files of an experiment's figures.
fn pictures(experiment: &str, figures: &[Figure]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for figure in figures {
        let folder = if figure.study == experiment {
            String::new()
        } else {
            format!("{}/", figure.study)
        };
        let RenderedChart { svg, png, pdf, .. } = &figure.pictures;
        for (ending, bytes) in [("svg", svg.as_bytes()), ("png", png), ("pdf", pdf)] {
            files.insert(format!("{folder}{}.{ending}", figure.name), bytes.to_vec());
        }
    }
    files
}
