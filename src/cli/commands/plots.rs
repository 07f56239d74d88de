//! `ablade plots [EXPERIMENT ...]`: the figures of every study, and the HTML report, drawn from the
//! results on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::interrupt::Interrupt;
use crate::cli::show::gallery::{SHOWN, gallery};
use crate::cli::show::out::in_the_way;
use crate::cli::show::warn_of_damage;
use crate::cli::{Exit, Global, Terminal};
use crate::figures::{self, Figure, WantedFiles, draw_files};
use crate::page::{self, Section};
use crate::plan::{DPI, PictureFormat, Plan, PlotOptions, RunId, RunSpec, TextForm, Width};
use crate::results::ExperimentResults;
use crate::runner::machine::on_every_processor;
use crate::store::{Owned, RunStatus, Store, StoreError};
use crate::text::{count, nearest};
use crate::trainers::OwnFigures;
use crate::trainers::made::figures::{self as made_figures, Artefacts};
use crate::trainers::program::RunPictures;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade plots                                every experiment
  ablade plots first --watch                  again whenever runs finish
  ablade plots first --gallery docs/gallery   small pictures, to commit
  ablade plots first --width 85mm --bare      for a column of a paper, without titles";

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
    #[command(flatten, next_help_heading = "Form of the figures")]
    form: FormArgs,
}

/// Options of `[plots]` in the experiment file, over which they win.
#[derive(Debug, Args)]
struct FormArgs {
    /// Width on paper: 85mm, 8.5cm, 3.35in, 241pt; text stays at 6 pt or more [default: as wide as
    /// the content]
    #[arg(long)]
    width: Option<Width>,
    /// Neither title nor subtitle: a paper has captions
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    bare: Option<bool>,
    /// Only these figures, by the names of their files; others stay as they are
    #[arg(long, value_delimiter = ',', value_name = "FIGURE,...")]
    only: Vec<String>,
    /// Only these formats: svg, png, pdf; files of others stay as they are
    #[arg(long, value_delimiter = ',', value_name = "FORMAT,...")]
    format: Vec<String>,
    /// Pixels per inch of PNG [default: 300 on paper of a width, else 192]
    #[arg(long, value_parser = clap::value_parser!(u32).range(*DPI.start() as i64..=*DPI.end() as i64))]
    dpi: Option<u32>,
    /// Form of text in SVG and PDF
    #[arg(long, value_parser = text_form(), value_name = "text|outlines")]
    text: Option<TextForm>,
}

fn text_form() -> impl TypedValueParser<Value = TextForm> {
    PossibleValuesParser::new(TextForm::WORDS.map(|(word, _)| word)).map(|word| {
        match word == TextForm::WORDS[1].0 {
            true => TextForm::Outlines,
            false => TextForm::Text,
        }
    })
}

/// True if a figure may have this name.
fn is_name(name: &str) -> bool {
    name.starts_with(figures::FURTHER_CURVES) || names().any(|known| known == name)
}

fn names() -> impl Iterator<Item = &'static str> {
    figures::NAMES.into_iter().chain(made_figures::NAMES)
}

/// ` (did you mean `x`?)`, or a list of the names.
fn meant(name: &str) -> String {
    match nearest(name, names()) {
        Some(known) => format!(": did you mean `{known}`?"),
        None => format!("; there are {}", names().collect::<Vec<_>>().join(", ")),
    }
}

impl FormArgs {
    /// The options, and true if some of them are unknown, which is said. An unknown figure is an
    /// error, and so are formats of which none is known.
    fn options(&self, terminal: &Terminal) -> anyhow::Result<(PlotOptions, bool)> {
        if let Some(name) = self.only.iter().find(|name| !is_name(name)) {
            bail!("no figure is called `{name}`{}", meant(name));
        }
        let find = |word: &str| PictureFormat::ALL.into_iter().find(|format| format.word() == word);
        let unknown: Vec<&String> =
            self.format.iter().filter(|word| find(word).is_none()).collect();
        for word in &unknown {
            let wrong = format!("no format is called `{word}`: svg, png and pdf are");
            if unknown.len() == self.format.len() {
                bail!("{wrong}");
            }
            terminal.warn(wrong);
        }
        let some = |given: bool| given.then_some(());
        let options = PlotOptions {
            width: self.width,
            bare: self.bare,
            only: some(!self.only.is_empty()).map(|()| self.only.clone()),
            format: some(!self.format.is_empty())
                .map(|()| self.format.iter().filter_map(|word| find(word)).collect()),
            dpi: self.dpi,
            text: self.text,
        };
        Ok((options, !unknown.is_empty()))
    }
}

/// State of an experiment when it was last drawn.
struct Drawn {
    study: ExperimentResults,
    figures: Vec<Figure>,
    /// Files of them that are wanted.
    wanted: WantedFiles,
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
    let (options, is_partly_unknown) = args.form.options(terminal)?;
    let asked = Asked { args, options };
    let mut drawn = BTreeMap::new();
    let mut unread = BTreeSet::new();
    let changed = redraw(&mut drawn, &mut unread, &store, &asked, terminal)?;
    publish(&mut drawn, &changed, args, global, terminal)?;
    let is_complete = drawn.values().all(|own| own.figures.iter().all(|f| f.missing.is_empty()));
    if args.watch {
        let stop = Interrupt::listen().context("cannot listen for signals")?;
        terminal.remark(format!("watching {}: Ctrl-C ends it", global.results.display()));
        while !stop.raised() {
            sleep(GLANCE);
            let before = drawn.len();
            let changed = redraw(&mut drawn, &mut unread, &store, &asked, terminal)?;
            if !changed.is_empty() || drawn.len() < before {
                publish(&mut drawn, &changed, args, global, terminal)?;
            }
        }
    }
    let is_done = unread.is_empty() && is_complete && !is_partly_unknown;
    Ok(if is_done { Exit::Success } else { Exit::Failure })
}

/// Arguments and options of the command.
struct Asked<'a> {
    args: &'a PlotsArgs,
    options: PlotOptions,
}

impl Asked<'_> {
    /// Files that are wanted of an experiment: none of one that is not asked for.
    fn of(&self, plan: &Plan) -> WantedFiles {
        if !self.args.asks_for(&plan.name) {
            return WantedFiles::default();
        }
        let small = if self.args.gallery.is_some() { &SHOWN[..] } else { &[] };
        WantedFiles { small, ..WantedFiles::of(&self.options.or(&plan.plots)) }
    }
}

impl PlotsArgs {
    /// True if the files of an experiment are written.
    fn asks_for(&self, experiment: &String) -> bool {
        self.experiments.is_empty() || self.experiments.contains(experiment)
    }
}

/// Draws the experiments that have changed since they were last drawn, and returns their names.
/// Forgets experiments that no longer exist. An experiment that cannot be read does not prevent the
/// others: it is reported once.
fn redraw(
    drawn: &mut BTreeMap<String, Drawn>,
    unread: &mut BTreeSet<String>,
    store: &Store,
    asked: &Asked,
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
        let wanted = asked.of(&plan);
        let experiment = draw(store, plan, state, wanted)?;
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
    wanted: WantedFiles,
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
    let figures = on_every_processor(|| draw_files(&study, &*own, &wanted));
    for figure in &figures {
        let name = address(&study.plan.name, figure);
        problems.extend(figure.missing.iter().map(|why| format!("{name}: {why}")));
    }
    for (key, is_empty) in [
        ("only", wanted.only.as_ref().is_some_and(Vec::is_empty)),
        ("format", wanted.formats.is_empty() && study.plan.plots.format.is_some()),
    ] {
        if is_empty {
            problems.push(format!("[plots] {key} is an empty list: no figure is written"));
        }
    }
    let has = |name: &String| figures.iter().any(|figure| figure.name == *name);
    for name in wanted.only.iter().flatten().filter(|name| !has(name)) {
        problems.push(match is_name(name) {
            true => format!("has no figure {name}: its design, or its trainer, gives none"),
            false => format!("[plots] only: no figure is called `{name}`{}", meant(name)),
        });
    }
    Ok(Drawn { study, figures, wanted, own, problems, state })
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
            let of_data = |run: &&RunSpec| run.fingerprints().any(|own| own == data);
            let config = study.plan.runs.iter().find(of_data).map(|run| &run.config);
            match store.reference(data) {
                Ok(Some(bytes)) if !store.trainer().are_examples(config, &bytes) => {
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
    drawn: &mut BTreeMap<String, Drawn>,
    changed: &BTreeSet<String>,
    args: &PlotsArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let is_asked = |name: &String| args.asks_for(name);
    let mut written = Vec::new();
    for (name, experiment) in drawn.iter_mut() {
        experiment.link(&global.plots.join(name));
    }
    for (name, experiment) in
        drawn.iter().filter(|(name, _)| changed.contains(*name) && is_asked(name))
    {
        let home = global.plots.join(name);
        let drawn = experiment.figures.iter().filter(|figure| !figure.files.is_empty());
        let (figures, rest) = (count(drawn.count(), "figure"), to_come(&experiment.study));
        let line = format!("{}: {figures}{rest}", home.display());
        let files = Owned::new(home, ".ablade-figures", experiment.pictures(name)).own();
        written.push((files.sparing(experiment.spared(name)), line, "--plots"));
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

/// Name of a figure below the folder of its experiment.
fn address(experiment: &str, figure: &Figure) -> String {
    if figure.study == experiment {
        figure.name.clone()
    } else {
        format!("{}/{}", figure.study, figure.name)
    }
}

impl Drawn {
    /// Files of the figures.
    fn pictures(&self, experiment: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for figure in &self.figures {
            for (format, bytes) in &figure.files {
                let name = format!("{}.{}", address(experiment, figure), format.word());
                files.insert(name, bytes.clone());
            }
        }
        files
    }

    /// Lets the page refer to the files that are there, or will be.
    fn link(&mut self, home: &Path) {
        let experiment = &self.study.plan.name;
        for figure in &mut self.figures {
            let stem = address(experiment, figure);
            let is_there = |format: &PictureFormat| {
                figure.files.contains_key(format)
                    || home.join(format!("{stem}.{}", format.word())).is_file()
            };
            figure.linked = PictureFormat::ALL.into_iter().filter(is_there).collect();
        }
    }

    /// Files of earlier times that stay: those of figures and formats that are not asked for, and
    /// those that could not be drawn this time.
    fn spared(&self, experiment: &str) -> impl Fn(&str) -> bool + 'static {
        let wanted = self.wanted.clone();
        let failed: BTreeSet<String> = self
            .figures
            .iter()
            .filter(|figure| !figure.missing.is_empty())
            .map(|figure| address(experiment, figure))
            .collect();
        move |file| {
            let (path, ending) = file.rsplit_once('.').unwrap_or((file, ""));
            let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
            let is_wanted = wanted.formats.iter().any(|format| format.word() == ending);
            !is_wanted || !wanted.wants(name) || failed.contains(path)
        }
    }
}
