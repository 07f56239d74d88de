//! Live display of a sweep on stderr: bars on a terminal, otherwise a line with a time stamp per
//! event.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar};

use crate::cli::show::terminal::{Paint, escaped, fit, is_dumb, stderr_width, style, wrap};
use crate::runner::{Observer, Pass, RunEnd, RunLine};
use crate::store::{EpochRow, Summary};
use crate::text::{duration, short};
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
    /// One JSON object per line, for programs.
    Json,
    /// Nothing but errors.
    None,
}

/// Live display of a sweep. Every method may be called from any thread.
pub(crate) struct ProgressDisplay {
    mode: ProgressMode,
    paint: Paint,
    runs: Vec<RunLine>,
    metrics: Metrics,
    /// Width of the labels.
    width: usize,
    /// Columns of the terminal.
    columns: usize,
    /// Estimated time until the last run ends [s], if it is known.
    expected: Option<f64>,
    bars: MultiProgress,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    overall: ProgressBar,
    running: BTreeMap<usize, Running>,
    ended: usize,
    cost_done: f64,
    /// Number of runs that finished, and of training examples that were learnt from, in this pass.
    finished: usize,
    examples: f64,
    /// Text on the scheduler's queue, and the time when it was last printed in plain mode.
    queue: String,
    said: Option<Instant>,
}

struct Running {
    bar: ProgressBar,
    started: Instant,
    fraction: f64,
    epochs: usize,
    said: Instant,
}

/// Resolution of the bars.
const STEPS: u64 = 1000;
/// Fraction of all runs from which their own pace alone tells the remaining time; before, the
/// estimate of the plan counts the rest.
const OWN_PACE_FROM: f64 = 0.1;
/// Fraction of all runs from which the remaining time is shown where the plan has no estimate.
const ETA_FROM: f64 = 0.05;
/// Minimum interval between two lines on a run in plain mode, which otherwise are printed at every
/// tenth.
const QUIET: Duration = Duration::from_secs(10);
/// Maximum width of a label.
const LABEL: usize = 48;

/// Width of a bar on a terminal.
fn bar_width(columns: usize) -> usize {
    match columns {
        0..70 => 6,
        70..100 => 10,
        _ => 24,
    }
}

impl ProgressDisplay {
    /// Opens the display with its title line.
    pub(crate) fn new(mode: ProgressMode, paint: Paint, pass: Pass, metrics: &Metrics) -> Self {
        let terminal = std::io::stderr().is_terminal() && !is_dumb();
        let mode = match mode {
            ProgressMode::Auto if terminal => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::Plain,
            chosen => chosen,
        };
        let Pass { title, runs, seconds: expected } = pass;
        let columns = stderr_width().unwrap_or(usize::from(u16::MAX));
        let bars = MultiProgress::new();
        let overall = if mode == ProgressMode::Bar {
            let bar = bars.add(ProgressBar::new(STEPS));
            bar.set_style(style(&format!(
                "{{prefix}} [{{bar:{}}}] {{wide_msg}}",
                bar_width(columns)
            )));
            bar
        } else {
            ProgressBar::hidden()
        };
        // Six spaces and brackets, a bar, and the values of two curves share a line with a label.
        let values = if columns < 70 { 31 } else { 34 };
        let room = columns.saturating_sub(bar_width(columns) + 6 + values).max(12);
        let longest = runs.iter().map(|run| run.label.chars().count()).max().unwrap_or(0);
        let width = match mode {
            ProgressMode::Bar => longest.min(LABEL).min(room),
            _ => longest.min(LABEL),
        };
        let state = State {
            started: Instant::now(),
            overall,
            running: BTreeMap::new(),
            ended: 0,
            cost_done: 0.0,
            finished: 0,
            examples: 0.0,
            queue: String::new(),
            said: None,
        };
        let progress = Self {
            mode,
            paint,
            runs,
            metrics: metrics.clone(),
            width,
            columns,
            expected,
            bars,
            state: Mutex::new(state),
        };
        progress.say(&fit(&title, Some(columns)));
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
            let width = bar_width(self.columns);
            bar.set_style(style(&format!("  {{prefix}} [{{bar:{width}}}] {{wide_msg}}")));
            bar.set_prefix(escaped(&shorten(&self.padded(run), self.width)).into_owned());
            bar.set_message("starting");
            bar
        } else {
            ProgressBar::hidden()
        };
        let now = Instant::now();
        state
            .running
            .insert(run, Running { bar, started: now, fraction: 0.0, epochs: 0, said: now });
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
        let room = self.columns.saturating_sub(self.width + bar_width(self.columns) + 6);
        let pace = format!("{each} an epoch");
        let parts = numbers.split("  ").chain([pace.as_str()]);
        running.bar.set_message(joined(format!("{}/{epochs}", row.epoch), parts, room));
        let learnt = row.epoch.saturating_sub(running.epochs);
        running.epochs = row.epoch;
        state.examples += (learnt * self.runs[run].examples.unwrap_or(0)) as f64;
        let Some(running) = state.running.get_mut(&run) else { return };
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
            [
                format!("{} {}", self.paint.bad(&format!("{word:<8}")), self.padded(run)),
                why.to_owned(),
            ]
        };
        let [head, rest] = match end {
            RunEnd::Finished(summary) => {
                state.finished += 1;
                let mut numbers = self.result(summary);
                if summary.best_epoch > 0 {
                    numbers += &format!("  best epoch {}", summary.best_epoch);
                }
                let head = format!("{}     {}", self.paint.good("done"), self.padded(run));
                [head, format!("{numbers}  {took}")]
            }
            RunEnd::Diverged(reason) => bad("DIVERGED", reason),
            RunEnd::Failed(reason) => bad("FAILED", reason),
            RunEnd::Declined => return,
            RunEnd::Abandoned => {
                let head = format!("{}  {}", self.paint.dim("stopped"), self.padded(run));
                [head, "continues with the next start".to_owned()]
            }
        };
        self.say_of(&format!("{} {head}", self.counter(state.ended)), &rest);
        self.refresh(&mut state);
    }

    /// A run is executed by another process, or has been.
    pub(crate) fn declined(&self, run: usize, why: &str) {
        let mut state = self.lock();
        state.ended += 1;
        state.cost_done += self.runs[run].cost;
        let head = format!("{}   {}", self.paint.dim("passed"), self.padded(run));
        self.say_of(&format!("{} {head}", self.counter(state.ended)), why);
        self.refresh(&mut state);
    }

    /// A remark on a run that continues.
    pub(crate) fn note(&self, run: usize, text: &str) {
        let w = self.counter(0).len();
        self.say_of(&format!("{:>w$} note     {}", "", self.padded(run)), text);
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
        let left = remaining(fraction, elapsed, self.expected)
            .map_or_else(String::new, |left| format!(", about {} left", duration(left)));
        state.overall.set_position((fraction * STEPS as f64) as u64);
        let prefix = self.counter(state.ended);
        let took = if elapsed < 1.0 { String::new() } else { format!("  {}", duration(elapsed)) };
        let message = format!("{:.0} %{took}{left}", 100.0 * fraction);
        let room = self.columns.saturating_sub(prefix.len() + bar_width(self.columns) + 4);
        let queue = (!state.queue.is_empty()).then(|| format!("tasks: {}", state.queue));
        let more = [queue, self.pace(state, elapsed)];
        let message = joined(message, more.iter().flatten().map(String::as_str), room);
        state.overall.set_prefix(prefix);
        state.overall.set_message(escaped(&message).into_owned());
    }

    /// Throughput of the pass: training examples a second where a trainer knows their number,
    /// otherwise finished runs; `None` before there is any.
    fn pace(&self, state: &State, elapsed: f64) -> Option<String> {
        if state.examples > 0.0 {
            let rate = short(state.examples / elapsed);
            return Some(format!("{rate} {}/s", self.metrics.examples));
        }
        let per_minute = 60.0 * state.finished as f64 / elapsed;
        match state.finished {
            0 => None,
            _ if per_minute >= 1.0 => Some(format!("{} runs/min", short(per_minute))),
            _ => Some(format!("{} runs/h", short(60.0 * per_minute))),
        }
    }

    /// Prints what became of a run: on a terminal without room for both, on two lines.
    fn say_of(&self, head: &str, rest: &str) {
        let line = format!("{head}  {rest}");
        if self.mode != ProgressMode::Bar || line.chars().count() <= self.columns {
            return self.say(&line);
        }
        let indent = self.counter(0).len() + 10;
        let rest = wrap(rest, self.columns.saturating_sub(indent));
        self.say(&fit(head.trim_end(), Some(self.columns)));
        for line in rest.lines() {
            self.say(&format!("{:indent$}{line}", ""));
        }
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

/// A text and those of some parts for which a line of `room` characters has room, each whole.
fn joined<'a>(text: String, parts: impl Iterator<Item = &'a str>, room: usize) -> String {
    parts.fold(text, |text, part| {
        let fits = text.chars().count() + 2 + part.chars().count() <= room;
        if fits { text + "  " + part } else { text }
    })
}

/// A label of at most `width` characters: of a longer one the middle is left out, since its last two
/// words are the seed.
fn shorten(label: &str, width: usize) -> String {
    const MARK: &str = "...";
    let letters: Vec<char> = label.chars().collect();
    if letters.len() <= width {
        return label.to_owned();
    }
    let seed = label.rsplit(' ').take(2).map(|word| word.chars().count() + 1).sum::<usize>();
    let end = seed.min(width.saturating_sub(MARK.len() + 1));
    let start = width.saturating_sub(end + MARK.len());
    let [start, end] = [&letters[..start], &letters[letters.len() - end..]];
    [start.iter().collect(), MARK.to_owned(), end.iter().collect::<String>()].concat()
}

/// Time until a pass ends [s], when this fraction of it took `elapsed`: at first by the estimate,
/// which counts less the more of the pass is done. `None` if it is not known yet, or if all is done.
fn remaining(fraction: f64, elapsed: f64, expected: Option<f64>) -> Option<f64> {
    let own = (fraction > 0.0).then(|| elapsed / fraction);
    let total = match (expected, own) {
        (Some(expected), Some(own)) => {
            let weight = (fraction / OWN_PACE_FROM).min(1.0);
            (1.0 - weight) * expected + weight * own
        }
        (Some(expected), None) => expected,
        (None, own) => own.filter(|_| fraction >= ETA_FROM)?,
    };
    Some(total - elapsed).filter(|left| *left > 0.0)
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
    fn begins(&self, pass: Pass, metrics: &Metrics) {
        self.replace(Some(ProgressDisplay::new(self.mode, self.paint, pass, metrics)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_known_from_the_start_and_soon_by_the_own_pace() {
        let left = |fraction, elapsed, expected| remaining(fraction, elapsed, expected);
        assert_eq!(left(0.0, 0.0, Some(100.0)), Some(100.0));
        assert_eq!(left(0.0, 40.0, Some(100.0)), Some(60.0));
        assert_eq!(left(0.0, 140.0, Some(100.0)), None, "longer than estimated, and nothing done");
        assert_eq!(left(0.5, 30.0, Some(100.0)), Some(30.0), "the own pace alone");
        // As estimated, the two agree.
        assert!((left(0.05, 5.0, Some(100.0)).unwrap() - 95.0).abs() < 1e-9);
        // A tenth of the speed shows before a tenth is done.
        assert!(left(0.05, 50.0, Some(100.0)).unwrap() > 450.0);
        assert_eq!(left(0.01, 1.0, None), None);
        assert_eq!(left(0.2, 10.0, None), Some(40.0));
        assert_eq!(left(1.0, 10.0, Some(100.0)), None);
    }

    #[test]
    fn what_has_no_room_on_a_line_is_left_out_whole() {
        let parts = || ["train 93.12", "valid 94.11", "0.25 s an epoch"].into_iter();
        let text = |room| joined("3/40".into(), parts(), room);
        assert_eq!(text(47), "3/40  train 93.12  valid 94.11  0.25 s an epoch");
        assert_eq!(text(46), "3/40  train 93.12  valid 94.11");
        assert_eq!(text(29), "3/40  train 93.12");
        assert_eq!(text(5), "3/40");
    }

    #[test]
    fn a_short_label_keeps_its_beginning_and_its_seed() {
        let label = "depth 2, ordering random, degrees even / seed 12";
        assert_eq!(shorten(label, 24), "depth 2, orde... seed 12");
        assert_eq!(shorten(label, 12), "d... seed 12");
        assert_eq!(shorten("skip on / seed 12", 17), "skip on / seed 12");
    }
}
