//! `--progress json`: one JSON object a line on stderr for each event, with everything else that a
//! command says there.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::{HasSchema, number, with_header};
use crate::cli::show::terminal::escaped_json;
use crate::runner::{Observer, Pass, RunEnd, RunLine};
use crate::store::{EpochRow, Summary};
use crate::trainer::Metrics;

/// Name of the schema.
pub(crate) const NAME: &str = "progress";

/// Name and version of the schema, in every line.
const ID: &str = "ablade/progress/1";

/// Least time between two events of one run on its epochs; a tenth of its epochs is an event anyway.
const EPOCHS_APART: Duration = Duration::from_secs(1);

macro_rules! events {
    ($( $(#[doc = $doc:literal])+ $variant:ident($facts:ty) = $name:literal, )+) => {
        /// An event.
        #[derive(Debug, Serialize)]
        #[serde(tag = "event")]
        pub(crate) enum ProgressEvent {
            $( $(#[doc = $doc])+ #[serde(rename = $name)] $variant($facts), )+
        }

        /// JSON Schema of a line.
        pub(crate) fn schema() -> Value {
            let events: Vec<Value> =
                vec![$( event_schema($name, &[$($doc),+], <$facts as HasSchema>::schema()) ),+];
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": ID,
                "description": "A line of `--progress json`.",
                "oneOf": events,
            })
        }
    };
}

events! {
    /// Runs of a pass begin. A sweep may have several passes, one after another.
    Begin(PassBeginFacts) = "begin",
    /// A run begins.
    Start(RunStartFacts) = "start",
    /// A run has finished an epoch: at every tenth of its epochs, and at most once a second
    /// otherwise.
    Epoch(RunEpochFacts) = "epoch",
    /// A remark on a run that continues.
    Note(RunNoteFacts) = "note",
    /// Another process executes a run, or has executed it.
    Passed(RunPassedFacts) = "passed",
    /// A run has ended.
    End(RunEndFacts) = "end",
    /// Tasks in the queue of a scheduler.
    Queue(TextFacts) = "queue",
    /// A pass has ended: the numbers of its runs add up to `n_runs`.
    Over(PassOverFacts) = "over",
    /// A remark that plain output has on stderr.
    Remark(TextFacts) = "remark",
    /// A warning.
    Warning(TextFacts) = "warning",
    /// An error.
    Error(TextFacts) = "error",
    /// The command has ended: always the last line.
    Exit(ExitFacts) = "exit",
}

/// Schema of one kind of line.
fn event_schema(name: &str, about: &[&str], facts: Value) -> Value {
    let mut schema = facts;
    schema["description"] = super::sentence(about).into();
    let mut properties = json!({
        "time_utc": { "type": "string", "description": "Time, UTC, to the millisecond." },
        "event": { "const": name, "description": "Kind of the event." },
    });
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        properties[key] = value.clone();
    }
    schema["properties"] = properties;
    if let Some(required) = schema["required"].as_array_mut() {
        required.splice(0..0, [json!("time_utc"), json!("event")]);
    }
    let mut whole = with_header(ID, schema);
    whole.as_object_mut().map(|whole| whole.shift_remove("$schema"));
    whole["title"] = name.into();
    whole
}

facts! {
    /// Beginning of a pass.
    pub(crate) struct PassBeginFacts {
        /// Sentence on the pass.
        title: String,
        /// Number of its runs.
        n_runs: usize,
        /// Estimated time until the last run ends; null if it is not known.
        estimated_seconds: Option<f64>,
    }
}

facts! {
    /// Beginning of a run.
    pub(crate) struct RunStartFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// Number of its threads.
        threads: usize,
    }
}

facts! {
    /// Epoch of a run.
    pub(crate) struct RunEpochFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// Number of the epoch, or of the step of a program.
        epoch: usize,
        /// Epochs that the run will take; null if that is not known.
        epochs: Option<usize>,
        /// Values of the epoch by their columns in `metrics.csv`; null where one is not finite.
        values: BTreeMap<String, Option<f64>>,
    }
}

facts! {
    /// Remark on a run.
    pub(crate) struct RunNoteFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// The remark.
        text: String,
    }
}

facts! {
    /// Run that another process executes.
    pub(crate) struct RunPassedFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// Reason.
        reason: String,
        /// Runs of the pass that have ended or are passed.
        n_ended: usize,
        /// Runs of the pass.
        n_runs: usize,
    }
}

words! {
    /// End of a run.
    pub(crate) enum EndWord {
        /// Finished.
        Finished = "finished",
        /// Diverged.
        Diverged = "diverged",
        /// Failed.
        Failed = "failed",
        /// Interrupted.
        Stopped = "stopped",
    }
}

facts! {
    /// End of a run.
    pub(crate) struct RunEndFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// `finished`; `diverged`, which is a result; `failed`; `stopped`: the next start resumes it.
        status: EndWord,
        /// Reason of a failure or divergence; otherwise null.
        reason: Option<String>,
        /// Time since its start; null if it did not start here.
        seconds: Option<f64>,
        /// Epochs of a finished run.
        epochs: Option<usize>,
        /// Epoch whose values count; null if none was selected.
        best_epoch: Option<usize>,
        /// Metrics of a finished run by their columns in `runs.csv`.
        metrics: BTreeMap<String, Option<f64>>,
        /// Runs of the pass that have ended or are passed.
        n_ended: usize,
        /// Runs of the pass.
        n_runs: usize,
    }
}

facts! {
    /// End of a pass.
    pub(crate) struct PassOverFacts {
        /// Runs of the pass.
        n_runs: usize,
        /// Runs that finished.
        n_finished: usize,
        /// Runs that diverged.
        n_diverged: usize,
        /// Runs that failed.
        n_failed: usize,
        /// Runs that were interrupted.
        n_stopped: usize,
        /// Runs that another process executes, or has executed.
        n_passed: usize,
        /// Runs without an end in this pass.
        n_left: usize,
        /// Sentence on the pass; null if it was interrupted.
        summary: Option<String>,
    }
}

facts! {
    /// Text.
    pub(crate) struct TextFacts {
        /// The text.
        text: String,
    }
}

facts! {
    /// End of a command.
    pub(crate) struct ExitFacts {
        /// Exit code.
        code: u8,
    }
}

impl TextFacts {
    pub(crate) fn of(text: impl std::fmt::Display) -> Self {
        Self { text: text.to_string() }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    time_utc: String,
    #[serde(flatten)]
    event: &'a ProgressEvent,
}

/// Writes an event to stderr, as one line by one call: those of several threads never mix.
pub(crate) fn say(event: &ProgressEvent) {
    let time_utc = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    // Keys are texts, so that this cannot fail.
    let Ok(text) = serde_json::to_string(&Line { schema: ID, time_utc, event }) else {
        return;
    };
    // A display that cannot be written is not a reason to stop training.
    drop(
        std::io::stderr()
            .lock()
            .write_all(format!("{}\n", escaped_json(&text)).as_bytes()),
    );
}

/// Observer that writes events.
#[derive(Default)]
pub(crate) struct EventObserver {
    pass: Mutex<Option<EventPass>>,
}

/// A pass in progress.
struct EventPass {
    runs: Vec<RunLine>,
    metrics: Metrics,
    running: BTreeMap<usize, RunningEpochs>,
    over: PassOverFacts,
    /// Text on the scheduler's queue.
    queue: String,
}

/// Progress of a run that has been told.
struct RunningEpochs {
    started: Instant,
    told: Instant,
    /// Tenths of its epochs.
    tenths: usize,
}

impl EventObserver {
    fn pass(&self, tell: impl FnOnce(&mut EventPass)) {
        let mut pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pass) = &mut *pass {
            tell(pass);
        }
    }
}

impl EventPass {
    /// Id and label of a run.
    fn names(&self, run: usize) -> (String, String) {
        (self.runs[run].run.to_string(), self.runs[run].label.clone())
    }

    /// Number of runs that have ended or are passed.
    fn n_ended(&self) -> usize {
        let over = &self.over;
        over.n_finished + over.n_diverged + over.n_failed + over.n_stopped + over.n_passed
    }

    fn metrics(&self, summary: &Summary) -> BTreeMap<String, Option<f64>> {
        let value = |metric: &crate::trainer::Metric| {
            let value = metric.source.number(&summary.facts).and_then(number);
            (metric.unit.column(&metric.column), value)
        };
        self.metrics.all.iter().map(value).collect()
    }

    fn end(&mut self, run: usize, end: &RunEnd) {
        let (status, reason, summary) = match end {
            RunEnd::Finished(summary) => (EndWord::Finished, None, Some(summary)),
            RunEnd::Diverged(reason) => (EndWord::Diverged, Some(reason), None),
            RunEnd::Failed(reason) => (EndWord::Failed, Some(reason), None),
            RunEnd::Abandoned => (EndWord::Stopped, None, None),
            // It is passed, which has been told.
            RunEnd::Declined => return,
        };
        let over = &mut self.over;
        *match status {
            EndWord::Finished => &mut over.n_finished,
            EndWord::Diverged => &mut over.n_diverged,
            EndWord::Failed => &mut over.n_failed,
            EndWord::Stopped => &mut over.n_stopped,
        } += 1;
        let (id, label) = self.names(run);
        let started = self.running.remove(&run).map(|running| running.started);
        let at_least_one = |n: usize| (n > 0).then_some(n);
        say(&ProgressEvent::End(RunEndFacts {
            run: id,
            label,
            status,
            reason: reason.cloned(),
            seconds: started.map(|started| started.elapsed().as_secs_f64()),
            epochs: summary.and_then(|summary| at_least_one(summary.epochs)),
            best_epoch: summary.and_then(|summary| at_least_one(summary.best_epoch)),
            metrics: summary.map_or_else(BTreeMap::new, |summary| self.metrics(summary)),
            n_ended: self.n_ended(),
            n_runs: self.over.n_runs,
        }));
    }

    fn epoch(&mut self, run: usize, row: &EpochRow) {
        let epochs = Some(self.runs[run].epochs).filter(|epochs| *epochs > 0);
        let Some(running) = self.running.get_mut(&run) else { return };
        let tenths = epochs.map_or(0, |epochs| 10 * row.epoch / epochs);
        if tenths == running.tenths && running.told.elapsed() < EPOCHS_APART {
            return;
        }
        (running.tenths, running.told) = (tenths, Instant::now());
        let (run, label) = self.names(run);
        let values = self.metrics.curves.iter().zip(&row.values);
        say(&ProgressEvent::Epoch(RunEpochFacts {
            run,
            label,
            epoch: row.epoch,
            epochs,
            values: values.map(|(curve, value)| (curve.column(), number(*value))).collect(),
        }));
    }
}

impl Observer for EventObserver {
    fn begins(&self, pass: Pass, metrics: &Metrics) {
        let Pass { title, runs, seconds } = pass;
        let n_runs = runs.len();
        let over = PassOverFacts {
            n_runs,
            n_finished: 0,
            n_diverged: 0,
            n_failed: 0,
            n_stopped: 0,
            n_passed: 0,
            n_left: 0,
            summary: None,
        };
        say(&ProgressEvent::Begin(PassBeginFacts {
            title,
            n_runs,
            estimated_seconds: seconds.and_then(number),
        }));
        let pass = EventPass {
            runs,
            metrics: metrics.clone(),
            running: BTreeMap::new(),
            over,
            queue: String::new(),
        };
        *self.pass.lock().unwrap_or_else(PoisonError::into_inner) = Some(pass);
    }

    fn started(&self, run: usize, threads: NonZeroUsize) {
        self.pass(|pass| {
            let now = Instant::now();
            pass.running.insert(run, RunningEpochs { started: now, told: now, tenths: 0 });
            let (run, label) = pass.names(run);
            say(&ProgressEvent::Start(RunStartFacts { run, label, threads: threads.get() }));
        });
    }

    fn epoch(&self, run: usize, row: &EpochRow) {
        self.pass(|pass| pass.epoch(run, row));
    }

    fn noted(&self, run: usize, text: &str) {
        self.pass(|pass| {
            let (run, label) = pass.names(run);
            say(&ProgressEvent::Note(RunNoteFacts { run, label, text: text.to_owned() }));
        });
    }

    fn declined(&self, run: usize, why: &str) {
        self.pass(|pass| {
            pass.over.n_passed += 1;
            let (run, label) = pass.names(run);
            say(&ProgressEvent::Passed(RunPassedFacts {
                run,
                label,
                reason: why.to_owned(),
                n_ended: pass.n_ended(),
                n_runs: pass.over.n_runs,
            }));
        });
    }

    fn ended(&self, run: usize, end: &RunEnd) {
        self.pass(|pass| pass.end(run, end));
    }

    fn queue(&self, text: &str) {
        self.pass(|pass| {
            if pass.queue != text {
                text.clone_into(&mut pass.queue);
                say(&ProgressEvent::Queue(TextFacts::of(text)));
            }
        });
    }

    fn over(&self, summary: Option<&str>) {
        let pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pass) = pass {
            let summary = summary.map(str::to_owned);
            let n_left = pass.over.n_runs.saturating_sub(pass.n_ended());
            say(&ProgressEvent::Over(PassOverFacts { n_left, summary, ..pass.over }));
        }
    }

    fn remark(&self, text: &str) {
        say(&ProgressEvent::Remark(TextFacts::of(text)));
    }

    fn warn(&self, text: &str) {
        say(&ProgressEvent::Warning(TextFacts::of(text)));
    }
}
