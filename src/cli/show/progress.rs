//! Live display of a sweep on stderr: bars on a terminal, otherwise a line with a time stamp per
//! event.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar};

use crate::cli::show::terminal::{Paint, escaped, is_dumb, style};
use crate::runner::{Observer, RunEnd, RunLine};
use crate::store::{EpochRow, Summary};
use crate::text::duration;
use crate::trainer::Metrics;

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars if stderr is a terminal, plain lines otherwise.
    Auto,
    /// Bars.
    Bar,
    /// One line per event.
    Plain,
    /// Nothing but errors.
    None,
}

/// Live display of a sweep. Every method may be called from any thread.
pub(crate) struct ProgressDisplay {
    mode: ProgressMode,
    paint: Paint,
    runs: Vec<RunLine>,
    metrics: Metrics,
    width: usize,
    bars: MultiProgress,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    overall: ProgressBar,
    running: BTreeMap<usize, Running>,
    ended: usize,
    cost_done: f64,
    /// Text on the scheduler's queue, and the time when it was last printed in plain mode.
    queue: String,
    said: Option<Instant>,
}

struct Running {
    bar: ProgressBar,
    started: Instant,
    fraction: f64,
    said: Instant,
}

/// Resolution of the bars.
const STEPS: u64 = 1000;
/// Fraction of a run from which the remaining time is shown; before, it is too inaccurate.
const ETA_FROM: f64 = 0.05;
/// Minimum interval between two lines on a run in plain mode, which otherwise are printed at every
/// tenth.
const QUIET: Duration = Duration::from_secs(10);

impl ProgressDisplay {
    /// Opens the display with its title line.
    pub(crate) fn new(
        mode: ProgressMode,
        paint: Paint,
        title: &str,
        runs: Vec<RunLine>,
        metrics: &Metrics,
    ) -> Self {
        let terminal = std::io::stderr().is_terminal() && !is_dumb();
        let mode = match mode {
            ProgressMode::Auto if terminal => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::Plain,
            chosen => chosen,
        };
        let bars = MultiProgress::new();
        let overall = if mode == ProgressMode::Bar {
            let bar = bars.add(ProgressBar::new(STEPS));
            bar.set_style(style("{prefix} [{bar:24}] {msg}"));
            bar
        } else {
            ProgressBar::hidden()
        };
        let width = runs.iter().map(|run| run.label.chars().count()).max().unwrap_or(0).min(48);
        let now = Instant::now();
        let state = State {
            started: now,
            overall,
            running: BTreeMap::new(),
            ended: 0,
            cost_done: 0.0,
            queue: String::new(),
            said: None,
        };
        let progress = Self {
            mode,
            paint,
            runs,
            metrics: metrics.clone(),
            width,
            bars,
            state: Mutex::new(state),
        };
        progress.say(title);
        progress.refresh(&mut progress.lock());
        progress
    }

    /// Values of the training curve and of the validation curve at an epoch.
    fn numbers(&self, row: &EpochRow) -> String {
        let curves = [self.metrics.training, self.metrics.select().curve];
        let shown = curves
            .into_iter()
            .flatten()
            .map(|curve| format!("{} {:.2}", self.metrics.curves[curve].head, row.values[curve]));
        shown.collect::<Vec<_>>().join("  ")
    }

    /// The first metric of a finished run.
    fn result(&self, summary: &Summary) -> String {
        let metric = &self.metrics.all[0];
        let head = metric
            .curve
            .map_or(&metric.words.head, |curve| &self.metrics.curves[curve].head);
        let value = metric.source.number(&summary.facts);
        let value = value.map_or("none".to_owned(), |value| metric.unit.of(&format!("{value:.2}")));
        format!("{head} {value}")
    }

    /// A run starts.
    pub(crate) fn started(&self, run: usize, threads: NonZeroUsize) {
        let mut state = self.lock();
        let bar = if self.mode == ProgressMode::Bar {
            let bar = self.bars.insert_before(&state.overall, ProgressBar::new(STEPS));
            bar.set_style(style("  {prefix} [{bar:24}] {msg}"));
            bar.set_prefix(escaped(&self.padded(run)).into_owned());
            bar.set_message("starting");
            bar
        } else {
            ProgressBar::hidden()
        };
        let now = Instant::now();
        state
            .running
            .insert(run, Running { bar, started: now, fraction: 0.0, said: now });
        if self.mode == ProgressMode::Plain {
            let threads = if threads.get() > 1 {
                format!("  on {threads} threads")
            } else {
                String::new()
            };
            self.say(&format!(
                "{:>w$} start    {}{threads}",
                "",
                self.padded(run),
                w = self.counter(0).len()
            ));
        }
    }

    /// A run finished an epoch.
    pub(crate) fn epoch(&self, run: usize, row: &EpochRow) {
        let mut state = self.lock();
        let epochs = self.runs[run].epochs.max(1);
        let Some(running) = state.running.get_mut(&run) else { return };
        let before = running.fraction;
        running.fraction = row.epoch as f64 / epochs as f64;
        let each = duration(running.started.elapsed().as_secs_f64() / row.epoch as f64);
        let numbers = self.numbers(row);
        running.bar.set_position((running.fraction * STEPS as f64) as u64);
        running
            .bar
            .set_message(format!("{}/{epochs}  {numbers}  {each} an epoch", row.epoch));
        let tenth = (before * 10.0).floor() < (running.fraction * 10.0).floor();
        if self.mode == ProgressMode::Plain
            && tenth
            && row.epoch < epochs
            && running.said.elapsed() >= QUIET
        {
            running.said = Instant::now();
            let w = self.counter(0).len();
            self.say(&format!(
                "{:>w$} epoch    {}  {}/{epochs}  {numbers}",
                "",
                self.padded(run),
                row.epoch
            ));
        }
        self.refresh(&mut state);
    }

    /// A run ended: one permanent line with its result, or its reason.
    pub(crate) fn ended(&self, run: usize, end: &RunEnd) {
        let mut state = self.lock();
        // A run that failed before it began has no bar; one that was declined has been counted
        // already.
        let running = state.running.remove(&run);
        if let Some(running) = &running {
            running.bar.finish_and_clear();
            self.bars.remove(&running.bar);
        }
        if matches!(end, RunEnd::Declined) {
            return;
        }
        state.ended += 1;
        state.cost_done += self.runs[run].cost;
        let took = running
            .map_or_else(String::new, |running| duration(running.started.elapsed().as_secs_f64()));
        let bad = |word: &str, why: &str| {
            format!("{} {}  {why}", self.paint.bad(&format!("{word:<8}")), self.padded(run))
        };
        let text = match end {
            RunEnd::Finished(summary) => {
                let mut numbers = self.result(summary);
                if summary.best_epoch > 0 {
                    numbers += &format!("  best epoch {}", summary.best_epoch);
                }
                format!("{}     {}  {numbers}  {took}", self.paint.good("done"), self.padded(run))
            }
            RunEnd::Diverged(reason) => bad("DIVERGED", reason),
            RunEnd::Failed(reason) => bad("FAILED", reason),
            RunEnd::Declined => return,
            RunEnd::Abandoned => {
                format!(
                    "{}  {}  continues with the next start",
                    self.paint.dim("stopped"),
                    self.padded(run)
                )
            }
        };
        self.say(&format!("{} {text}", self.counter(state.ended)));
        self.refresh(&mut state);
    }

    /// A run is executed by another process, or has been.
    pub(crate) fn declined(&self, run: usize, why: &str) {
        let mut state = self.lock();
        state.ended += 1;
        state.cost_done += self.runs[run].cost;
        let text = format!("{}   {}  {why}", self.paint.dim("passed"), self.padded(run));
        self.say(&format!("{} {text}", self.counter(state.ended)));
        self.refresh(&mut state);
    }

    /// A remark on a run that continues.
    pub(crate) fn note(&self, run: usize, text: &str) {
        self.say(&format!(
            "{:>w$} note     {}  {text}",
            "",
            self.padded(run),
            w = self.counter(0).len()
        ));
    }

    /// Shows the tasks in a scheduler's queue of runs that are only followed.
    pub(crate) fn queue(&self, text: &str) {
        let mut state = self.lock();
        if state.queue == text {
            self.refresh(&mut state);
            return;
        }
        text.clone_into(&mut state.queue);
        if self.mode == ProgressMode::Plain && state.said.is_none_or(|said| said.elapsed() >= QUIET)
        {
            state.said = Some(Instant::now());
            self.say(&format!("{} tasks: {text}", self.counter(state.ended)));
        }
        self.refresh(&mut state);
    }

    /// Removes the bars; permanent lines remain.
    pub(crate) fn close(&self) {
        self.lock().overall.finish_and_clear();
    }

    fn counter(&self, ended: usize) -> String {
        let total = self.runs.len().to_string();
        format!("[{ended:>w$}/{total}]", w = total.len())
    }

    fn padded(&self, run: usize) -> String {
        format!("{:<w$}", self.runs[run].label, w = self.width)
    }

    fn refresh(&self, state: &mut State) {
        let total: f64 = self.runs.iter().map(|run| run.cost).sum();
        let under_way: f64 =
            state.running.iter().map(|(&run, r)| self.runs[run].cost * r.fraction).sum();
        let fraction = if total > 0.0 { (state.cost_done + under_way) / total } else { 0.0 };
        let elapsed = state.started.elapsed().as_secs_f64();
        let left = if (ETA_FROM..1.0).contains(&fraction) {
            format!(", about {} left", duration(elapsed * (1.0 - fraction) / fraction))
        } else {
            String::new()
        };
        state.overall.set_position((fraction * STEPS as f64) as u64);
        state.overall.set_prefix(format!("{} runs", self.counter(state.ended)));
        let queue = if state.queue.is_empty() {
            String::new()
        } else {
            format!("  tasks: {}", state.queue)
        };
        let message = format!("{:.0} %  {}{left}{queue}", 100.0 * fraction, duration(elapsed));
        state.overall.set_message(escaped(&message).into_owned());
    }

    fn say(&self, line: &str) {
        let line = self.paint.printable(line);
        match self.mode {
            // A display that cannot be written is not a reason to stop training.
            ProgressMode::Bar => drop(self.bars.println(&line)),
            ProgressMode::Plain => {
                let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
                drop(writeln!(std::io::stderr(), "{now}  {}", line.trim_end()));
            }
            _ => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Observer that displays a pass as bars or lines, and prints remarks.
pub(crate) struct Shown {
    mode: ProgressMode,
    paint: Paint,
    pass: RwLock<Option<ProgressDisplay>>,
}

impl Shown {
    pub(crate) fn new(mode: ProgressMode, paint: Paint) -> Self {
        Self { mode, paint, pass: RwLock::new(None) }
    }

    fn pass(&self, show: impl FnOnce(&ProgressDisplay)) {
        let pass = self.pass.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(pass) = &*pass {
            show(pass);
        }
    }

    fn replace(&self, pass: Option<ProgressDisplay>) -> Option<ProgressDisplay> {
        let mut shown = self.pass.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::replace(&mut shown, pass)
    }
}

impl Observer for Shown {
    fn begins(&self, title: &str, runs: Vec<RunLine>, metrics: &Metrics) {
        self.replace(Some(ProgressDisplay::new(self.mode, self.paint, title, runs, metrics)));
    }

    fn started(&self, run: usize, threads: NonZeroUsize) {
        self.pass(|pass| pass.started(run, threads));
    }

    fn epoch(&self, run: usize, row: &EpochRow) {
        self.pass(|pass| pass.epoch(run, row));
    }

    fn noted(&self, run: usize, text: &str) {
        self.pass(|pass| pass.note(run, text));
    }

    fn declined(&self, run: usize, why: &str) {
        self.pass(|pass| pass.declined(run, why));
    }

    fn ended(&self, run: usize, end: &RunEnd) {
        self.pass(|pass| pass.ended(run, end));
    }

    fn queue(&self, text: &str) {
        self.pass(|pass| pass.queue(text));
    }

    fn over(&self, summary: Option<&str>) {
        self.replace(None).inspect(ProgressDisplay::close);
        if let Some(summary) = summary {
            self.paint.remark(summary);
        }
    }

    fn remark(&self, text: &str) {
        self.paint.remark(text);
    }

    fn warn(&self, text: &str) {
        self.paint.warn(text);
    }
}
