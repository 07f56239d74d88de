//! `ablade gather SOURCE...`: takes over finished runs of other results directories, or of a tar
//! archive from the standard input.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::ProgressBar;

use crate::cli::commands::tables;
use crate::cli::interrupt::Interrupt;
use crate::cli::show::progress::ProgressMode;
use crate::cli::show::terminal::{is_dumb, style};
use crate::cli::{Exit, Global, Terminal};
use crate::plan::RunId;
use crate::regular;
use crate::runner::machine::{OWN_THREAD, on_every_processor};
use crate::session::quoted;
use crate::store::{GatherOptions, GatherSource, Gathered, Sentences, Store};
use crate::text::{count, thousands};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade gather ../laptop/results /mnt/cluster/results
  ablade gather -   an archive as a stream: ssh cluster tar c results | ablade gather -
  ablade gather --check results-of-a-colleague.tar.gz   examine everything, take nothing";

#[derive(Debug, Args)]
pub(crate) struct GatherArgs {
    /// Results directory, tar archive (also compressed by gzip), or `-` for an archive from the
    /// standard input
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// Examine the sources and say what would be taken
    #[arg(long)]
    check: bool,
}

pub(crate) fn gather(
    args: &GatherArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let sources = sources(&args.sources, &store, interrupt.flag())?;
    // Hidden by itself if stderr is not a terminal.
    let is_shown = match global.progress {
        ProgressMode::Bar => true,
        ProgressMode::Auto => !is_dumb(),
        _ => false,
    };
    let bar = if is_shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_style(style("{spinner} {msg}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    let told = |found: &Gathered| bar.set_message(count(n_runs(found), "run"));
    let options = GatherOptions { takes: !args.check, stop: interrupt.flag(), told: &told };
    let found = on_every_processor(|| store.gather(sources, options));
    bar.finish_and_clear();
    let found = found?;
    tell(&found, args.check, global, terminal)?;
    if interrupt.raised() {
        terminal.remark("interrupted: what was taken stays, and the same command takes the rest");
        return Ok(Exit::Interrupted);
    }
    if !args.check {
        tell_experiments(&found, &store, global, terminal)?;
    }
    if let Some(error) = &found.stopped {
        terminal.warn(format!("{error}; the same command takes the rest"));
    }
    let is_whole = found.refused.n == 0 && found.differing.n == 0 && found.stopped.is_none();
    Ok(if is_whole { Exit::Success } else { Exit::Failure })
}

/// Opens the sources, and refuses those that cannot be any before anything is taken.
fn sources(
    paths: &[PathBuf],
    store: &Store,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Vec<GatherSource>> {
    let from_stdin = |path: &&PathBuf| **path == Path::new("-");
    ensure!(
        paths.iter().filter(from_stdin).count() < 2,
        "`-` is the standard input, which can be read once"
    );
    let open = |path: &PathBuf| {
        if from_stdin(&path) {
            let piped = Piped::new(Arc::clone(stop))?;
            return Ok(GatherSource::Archive("the standard input".to_owned(), Box::new(piped)));
        }
        if path.is_file() {
            let file = regular::open(path).with_context(|| path.display().to_string())?;
            return Ok(GatherSource::Archive(path.display().to_string(), Box::new(file)));
        }
        store.check_source(path)?;
        Ok(GatherSource::Directory(path.clone()))
    };
    paths.iter().map(open).collect()
}

fn n_runs(found: &Gathered) -> usize {
    found.n_new + found.n_known + found.varying.n + found.differing.n
}

/// Prints what was refused, what differs, and the counts.
fn tell(
    found: &Gathered,
    is_check: bool,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let all = |kind: &Sentences, before: &str, after: &str| {
        kind.first
            .iter()
            .for_each(|sentence| terminal.warn(format!("{before}{sentence}{after}")));
        if kind.n > kind.first.len() {
            let more = thousands((kind.n - kind.first.len()) as u64);
            terminal.warn(format!("{before}{more} more"));
        }
    };
    all(&found.refused, "refused: ", "");
    all(
        &found.differing,
        "",
        ": the run that is here stays, and one of the two is wrong",
    );
    all(&found.varying, "", ": the run that is here stays");
    let mut counts = vec![
        format!("{} new", thousands(found.n_new as u64)),
        format!("{} already here", thousands(found.n_known as u64)),
    ];
    for (n, what) in [
        (found.differing.n, "different from the one here"),
        (found.varying.n, "of a program, with other bytes than the one here"),
        (found.refused.n, "refused"),
    ] {
        if n > 0 {
            counts.push(format!("{} {what}", thousands(n as u64)));
        }
    }
    let dir = global.results.display();
    let total = count(n_runs(found), "run");
    let would = if is_check { "would be " } else { "" };
    writeln!(terminal.out, "{dir}: {total}: {would}{}", counts.join(", "))?;
    let mut others = Vec::new();
    if !found.plans.is_empty() {
        others.push(format!("the plans of {}", found.plans.join(", ")));
    }
    if found.n_records > 0 {
        let records = if found.n_records == 1 { "entry" } else { "entries" };
        others.push(format!(
            "{} {records} of the record of what was seen",
            thousands(found.n_records as u64)
        ));
    }
    if !others.is_empty() {
        let taken = if is_check { "would be taken" } else { "taken" };
        terminal.remark(format!("{taken} as well: {}", others.join("; ")));
    }
    Ok(())
}

/// Prints which experiments the runs belong to, and how to write their tables.
fn tell_experiments(
    found: &Gathered,
    store: &Store,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let (plans, _) = tables::plans(store, &[], terminal)?;
    let mut planless: BTreeSet<&RunId> = found.runs.iter().collect();
    let mut named = Vec::new();
    for plan in &plans {
        if !plan.runs.iter().any(|run| found.runs.contains(&run.id)) {
            continue;
        }
        for run in &plan.runs {
            planless.remove(&run.id);
        }
        let n_finished = store.finished(plan)?.len();
        let all = count(plan.runs.len(), "run");
        let state = if n_finished == plan.runs.len() {
            format!("all {all} are here")
        } else {
            format!("{} of {all} are here", thousands(n_finished as u64))
        };
        writeln!(terminal.out, "{}: {state}", plan.name)?;
        named.push(quoted(&plan.name));
    }
    if !named.is_empty() {
        let results = match global.results == Path::new("results") {
            true => String::new(),
            false => format!("--results {} ", quoted(&global.results.to_string_lossy())),
        };
        terminal.remark(format!("`ablade {results}tables {}` writes the tables", named.join(" ")));
    }
    if !planless.is_empty() {
        terminal.warn(format!(
            "{} in no plan that is here: `ablade sweep` with the file of their experiment finds them, `ablade clean` \
             would remove them",
            match planless.len() {
                1 => "1 run is".to_owned(),
                n => format!("{} runs are", thousands(n as u64)),
            }
        ));
    }
    Ok(())
}

/// Size of a piece of the standard input [bytes].
const PIECE: usize = 1 << 18;
/// Interval between two looks at the request to stop, while nothing arrives.
const LOOK: Duration = Duration::from_millis(100);

/// The standard input, read by a thread of its own: reading blocks, and a request to stop must not.
struct Piped {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    /// Number of bytes of the piece that were read.
    at: usize,
    stop: Arc<AtomicBool>,
}

impl Piped {
    fn new(stop: Arc<AtomicBool>) -> io::Result<Self> {
        let (sender, pieces) = mpsc::sync_channel(4);
        let read = move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut piece = vec![0; PIECE];
                let read = match stdin.read(&mut piece) {
                    Ok(0) => return,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let read = read.map(|n| {
                    piece.truncate(n);
                    piece
                });
                if sender.send(read).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name(format!("{OWN_THREAD} stdin")).spawn(read)?;
        Ok(Self { pieces, piece: Vec::new(), at: 0, stop })
    }
}

impl Read for Piped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => (self.piece, self.at) = (piece?, 0),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::SeqCst) => {
                    return Err(io::Error::other("interrupted"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let n = into.len().min(self.piece.len() - self.at);
        into[..n].copy_from_slice(&self.piece[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
