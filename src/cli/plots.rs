//! `ablade plots [STUDY ...]`: every figure of every study, and the page, drawn from what is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::Args;

use super::gallery::write_gallery;
use super::interrupt::Interrupt;
use super::terminal::count;
use super::{Exit, Global, Terminal, on_every_processor};
use crate::figures::{Artefacts, Figure, Section, draw_all, page};
use crate::plan::{Plan, RunId};
use crate::store::{RunStatus, Store};
use crate::study::Study;

/// How often `--watch` looks at the disk.
const GLANCE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct PlotsArgs {
    /// Only these experiments
    #[arg(value_name = "STUDY")]
    studies: Vec<String>,
    /// Draw again whenever runs have finished, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Also write small PNGs of the main figures here, and a README.md that shows them
    #[arg(long, value_name = "DIR")]
    gallery: Option<PathBuf>,
}

/// An experiment as it was last drawn.
pub(crate) struct Drawn {
    pub(crate) study: Study,
    pub(crate) figures: Vec<Figure>,
    artefacts: Artefacts,
    /// What had become of its runs.
    state: BTreeMap<RunId, Option<SystemTime>>,
}

impl Drawn {
    fn section(&self) -> Section<'_> {
        Section { study: &self.study, artefacts: &self.artefacts, figures: &self.figures }
    }
}

pub(crate) fn plots(args: &PlotsArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let store = Store::open(&global.results)?;
    // An unknown name is an error before anything is drawn.
    args.studies.iter().try_for_each(|name| store.load_plan(name).map(drop))?;
    if store.experiments()?.is_empty() {
        terminal.remark(format!("no experiment in {} yet: `ablade sweep FILE` makes one", global.results.display()));
    }
    let mut drawn = BTreeMap::new();
    redraw(&mut drawn, &store, args, global, terminal)?;
    write_page(&drawn, args, global, terminal)?;
    if args.watch {
        let stop = Interrupt::listen().context("cannot listen for signals")?;
        terminal.remark(format!("watching {}: Ctrl-C ends it", global.results.display()));
        while !stop.raised() {
            sleep(GLANCE);
            if redraw(&mut drawn, &store, args, global, terminal)? {
                write_page(&drawn, args, global, terminal)?;
            }
        }
    }
    Ok(Exit::Success)
}

/// Draws the experiments that have changed since they were last drawn; whether there were any.
fn redraw(
    drawn: &mut BTreeMap<String, Drawn>,
    store: &Store,
    args: &PlotsArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<bool> {
    let names = store.experiments()?;
    let before = drawn.len();
    drawn.retain(|name, _| names.contains(name));
    let mut changed = drawn.len() < before;
    for name in names {
        let plan = store.load_plan(&name)?;
        // Looked up first: a run that finishes while its experiment is being drawn is news the next time.
        let state = store.state(&plan)?;
        if drawn.get(&name).is_some_and(|known| known.state == state && known.study.plan == plan) {
            continue;
        }
        changed = true;
        let experiment = draw(store, plan, state)?;
        if args.studies.is_empty() || args.studies.contains(&name) {
            let home = global.plots.join(&name);
            publish(&home, &name, &experiment.figures)?;
            let (figures, rest) = (count(experiment.figures.len(), "figure"), to_come(&experiment.study));
            writeln!(terminal.out, "{}: {figures}{rest}", home.display())?;
        }
        drawn.insert(name, experiment);
    }
    Ok(changed)
}

fn draw(store: &Store, plan: Plan, state: BTreeMap<RunId, Option<SystemTime>>) -> anyhow::Result<Drawn> {
    let study = on_every_processor(|| Study::load(store, plan))?;
    // What cannot be read is a figure less; the tables say why.
    let artefacts = Artefacts::gather(
        &study,
        |run, name| store.file(run, name).ok().flatten(),
        |data| store.reference(data).ok().flatten(),
    );
    let figures = on_every_processor(|| draw_all(&study, &artefacts));
    Ok(Drawn { study, figures, artefacts, state })
}

/// How much of an experiment is still missing; nothing once all is there.
fn to_come(study: &Study) -> String {
    let all = study.records.len();
    match study.records.values().filter(|record| record.status == RunStatus::Outstanding).count() {
        0 => String::new(),
        left => format!(", {left} of {} still to come", count(all, "run")),
    }
}

/// The page is about every experiment there is, whichever were asked for.
fn write_page(
    drawn: &BTreeMap<String, Drawn>,
    args: &PlotsArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let sections: Vec<Section> = drawn.values().map(Drawn::section).collect();
    let index = global.plots.join("index.html");
    replace(&index, page(&sections).as_bytes())?;
    writeln!(terminal.out, "{}", index.display())?;
    if let Some(gallery) = &args.gallery {
        let shown = drawn.iter().filter(|(name, _)| args.studies.is_empty() || args.studies.contains(name));
        let pictures = write_gallery(gallery, shown.map(|(_, experiment)| experiment))?;
        writeln!(terminal.out, "{}: {}", gallery.display(), count(pictures, "picture"))?;
    }
    Ok(terminal.out.flush()?)
}

/// Writes the figures of an experiment; those of earlier times that are no longer drawn go.
fn publish(home: &Path, experiment: &str, figures: &[Figure]) -> anyhow::Result<()> {
    let mut written = BTreeSet::new();
    for figure in figures {
        let dir = if figure.study == experiment { home.to_owned() } else { home.join(&figure.study) };
        let pictures = &figure.pictures;
        for (extension, bytes) in [("svg", pictures.svg.as_bytes()), ("png", &pictures.png), ("pdf", &pictures.pdf)] {
            let path = dir.join(format!("{}.{extension}", figure.name));
            replace(&path, bytes)?;
            written.insert(path);
        }
    }
    let directories: BTreeSet<&Path> = written.iter().filter_map(|path| path.parent()).collect();
    directories.iter().try_for_each(|dir| remove_pictures(dir, |path| !written.contains(path)))
}

/// Removes the pictures of a directory that are no longer wanted.
pub(crate) fn remove_pictures(dir: &Path, unwanted: impl Fn(&Path) -> bool) -> anyhow::Result<()> {
    let paths = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let pictures = paths.filter(|path| path.extension().is_some_and(|e| e == "svg" || e == "png" || e == "pdf"));
    for path in pictures.filter(|path| unwanted(path)) {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Puts `bytes` at `path`, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

/// The same for what is written bit by bit.
pub(crate) fn replace_with(
    path: &Path,
    content: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = tempfile::Builder::new().permissions(world_readable()).tempfile_in(dir)?;
        content(file.as_file_mut())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Figures are for others to see, as far as the user's umask allows.
fn world_readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
