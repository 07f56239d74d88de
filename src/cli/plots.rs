//! `ablade plots [STUDY ...]`: every figure of every study, and the page, drawn from what is on disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::terminal::count;
use super::{Exit, Global, Terminal, on_every_processor};
use crate::figures::{Artefacts, Figure, draw_all};
use crate::figures::{Section, page};
use crate::store::Store;
use crate::study::Study;

#[derive(Debug, Args)]
pub(crate) struct PlotsArgs {
    /// Only these experiments
    #[arg(value_name = "STUDY")]
    studies: Vec<String>,
}

pub(crate) fn plots(args: &PlotsArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let store = Store::open(&global.results)?;
    let names = store.experiments()?;
    if names.is_empty() {
        terminal.remark(format!("no experiment in {} yet: `ablade sweep FILE` makes one", global.results.display()));
    }
    // An unknown name is an error before anything is drawn.
    args.studies.iter().try_for_each(|name| store.load_plan(name).map(drop))?;
    let mut drawn = Vec::new();
    for name in &names {
        let plan = store.load_plan(name)?;
        let study = on_every_processor(|| Study::load(&store, plan))??;
        // What cannot be read is a figure less; the tables say why.
        let artefacts = Artefacts::gather(
            &study,
            |run, name| store.file(run, name).ok().flatten(),
            |data| store.reference(data).ok().flatten(),
        );
        let figures = on_every_processor(|| draw_all(&study, &artefacts))?;
        if args.studies.is_empty() || args.studies.contains(name) {
            let home = global.plots.join(name);
            publish(&home, name, &figures)?;
            writeln!(terminal.out, "{}: {}", home.display(), count(figures.len(), "figure"))?;
        }
        drawn.push((study, artefacts, figures, format!("ablade sweep experiments/{name}.toml")));
    }
    // The page is about every study there is, whichever were asked for.
    let sections: Vec<Section> = drawn
        .iter()
        .map(|(study, artefacts, figures, command)| Section { study, artefacts, figures, command })
        .collect();
    let index = global.plots.join("index.html");
    replace(&index, page(&sections).as_bytes())?;
    writeln!(terminal.out, "{}", index.display())?;
    Ok(Exit::Success)
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
    for path in directories.iter().flat_map(|dir| pictures_in(dir)).filter(|path| !written.contains(path)) {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn pictures_in(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "svg" || e == "png" || e == "pdf")).collect()
}

/// Puts `bytes` at `path`, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = tempfile::Builder::new().permissions(world_readable()).tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Figures are for others to see, as far as the user's umask allows.
fn world_readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
