//! The values that a run reports: each declared once, with name, unit and direction. Column names,
//! axis titles, `[compare] metric` and sentences come from this declaration.

use serde_json::Value;

use super::Facts;
use super::kind::Words;
use crate::record::{RunRecord, RunStatus};

/// Direction in which a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
}

impl Better {
    /// True if `a` is better than `b`.
    pub fn is_better(self, a: f64, b: f64) -> bool {
        self.order(a, b).is_lt()
    }

    /// Orders values from the best to the worst.
    pub fn order(self, a: f64, b: f64) -> std::cmp::Ordering {
        match self {
            Self::Lower => a.total_cmp(&b),
            Self::Higher => b.total_cmp(&a),
        }
    }

    /// `lowest` or `highest`.
    pub fn extreme(self) -> &'static str {
        match self {
            Self::Lower => "lowest",
            Self::Higher => "highest",
        }
    }

    /// `Lower` or `Higher`, at the start of a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lower => "Lower",
            Self::Higher => "Higher",
        }
    }
}

/// Unit of a metric; all empty where it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// In names of columns and short texts, `[a-z0-9_]*`: `nats`.
    pub short: String,
    /// On axes: `nats per image`.
    pub long: String,
    /// How it comes about: `nats per image: negative log-likelihood summed over pixels, ...`.
    pub explained: String,
}

impl Unit {
    /// A name of a column with the unit: `mean_nats`.
    pub fn column(&self, name: &str) -> String {
        if self.short.is_empty() {
            name.to_owned()
        } else {
            format!("{name}_{}", self.short)
        }
    }

    /// A quantity with the unit: `0.3 nats`.
    pub fn of(&self, quantity: &str) -> String {
        if self.short.is_empty() {
            quantity.to_owned()
        } else {
            format!("{quantity} {}", self.short)
        }
    }

    /// ` (nats per image)`, behind a name; empty where there is no unit.
    pub fn in_brackets(&self) -> String {
        if self.long.is_empty() { String::new() } else { format!(" ({})", self.long) }
    }
}

/// Where a value is read from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A fact of the run by this name.
    Fact(String),
    /// Computed from its facts.
    Derived(fn(&Facts) -> Option<f64>),
}

impl Source {
    /// The number, if the run has it and it is finite.
    pub fn number(&self, facts: &Facts) -> Option<f64> {
        match self {
            Self::Fact(name) => facts.get(name).and_then(Value::as_f64),
            Self::Derived(compute) => compute(facts),
        }
        .filter(|value| value.is_finite())
    }
}

/// A column of `runs.csv`.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Where its value is read from.
    pub source: Source,
}

/// A metric in words of several lengths.
#[derive(Debug, Clone, Default)]
pub struct MetricWords {
    /// Head of a column of the terminal: `test NLL`.
    pub head: String,
    /// In the middle of a sentence: `test NLL`.
    pub short: String,
    /// The same where there is room: `test NLL of the mixture over the trained masks`.
    pub long: String,
    /// On an axis, without its unit: `Test NLL`.
    pub axis: String,
    /// In the reference: `test NLL of the first mask`.
    pub doc: String,
    /// For reviewers, after "The", with its unit: `negative log-likelihood of ..., in nats ...`.
    pub exact: String,
}

/// A number of a run that comparisons can be about.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Name in experiment files: `test-nll`.
    pub name: String,
    /// Stem of its columns: `test_nll`.
    pub column: String,
    /// Its unit.
    pub unit: Unit,
    /// Its direction.
    pub better: Better,
    /// Where it is read from.
    pub source: Source,
    /// Its words.
    pub words: MetricWords,
    /// Its curve over the epochs: index among [`Metrics::curves`].
    pub curve: Option<usize>,
    /// Name of the run's file that has it for each example (`.npy`, `f32`), by the facts of the
    /// run.
    pub examples: fn(&Facts) -> Option<&'static str>,
    /// True if the metric is what runs or variants are chosen by, so that it is biased.
    pub selects: bool,
}

impl Metric {
    /// Its value in a run; `None` unless the run finished and has it.
    pub fn of(&self, record: &RunRecord) -> Option<f64> {
        let summary = record.summary.as_ref().filter(|_| record.status == RunStatus::Finished)?;
        self.source.number(&summary.facts)
    }
}

/// A column of a run's table of epochs.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Name without the unit: `valid_nll`.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// Head of a column, and in progress lines: `valid`.
    pub head: String,
    /// In the middle of a sentence: `validation`.
    pub words: String,
}

impl Curve {
    /// Name of its column: `valid_nll_nats`.
    pub fn column(&self) -> String {
        self.unit.column(&self.name)
    }
}

/// Everything that the runs of a trainer report.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The metrics; the first is compared where the file does not say.
    pub all: Vec<Metric>,
    /// The metric by which `tune` chooses: index among `all`.
    pub select: usize,
    /// Columns of `runs.csv` between `best_epoch` and `tuning`.
    pub columns: Vec<Column>,
    /// Columns of a run's table of epochs.
    pub curves: Vec<Curve>,
    /// The curve of training, drawn thin next to that of the metric.
    pub training: Option<usize>,
    /// A whole number that measures the size of a model, such as `parameters`.
    pub size: Option<String>,
    /// The same on an axis: `Trainable parameters`.
    pub size_axis: String,
    /// Further whole numbers that the ablation table shows, averaged over seeds.
    pub shown: Vec<String>,
    /// What all metrics are called together: `NLL`.
    pub family: String,
    /// The same on axes: `Negative log-likelihood`.
    pub family_axis: String,
    /// The epoch at which a run is scored: `best epoch on validation`.
    pub scored_at: String,
    /// How the scored model is chosen, in a clause.
    pub selection: String,
    /// What one example is called, in the plural: `images`.
    pub examples: String,
    words: Words,
}

impl Metrics {
    /// Metrics of which the first is compared by default and tuned by; nothing else is declared.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(all: Vec<Metric>) -> Self {
        assert!(!all.is_empty(), "a trainer reports a metric");
        let words: Vec<(&'static str, &'static str)> = all
            .iter()
            .map(|metric| (&*metric.name.clone().leak(), &*metric.words.doc.clone().leak()))
            .collect();
        Self {
            family: "value".into(),
            family_axis: "Value".into(),
            scored_at: "last epoch".into(),
            selection: String::new(),
            examples: "examples".into(),
            select: 0,
            columns: Vec::new(),
            curves: Vec::new(),
            training: None,
            size: None,
            size_axis: String::new(),
            shown: Vec::new(),
            words: words.leak(),
            all,
        }
    }

    /// The metric of this name; the first one for an empty name.
    pub fn get(&self, name: &str) -> Option<&Metric> {
        if name.is_empty() {
            return self.all.first();
        }
        self.all.iter().find(|metric| metric.name == name)
    }

    /// The curve of held-out examples that goes with a metric.
    pub fn held_out(&self, metric: &Metric) -> Option<usize> {
        let other = (0..self.curves.len()).find(|&curve| Some(curve) != self.training);
        metric.curve.or(self.select().curve).or(other)
    }

    /// The metric that `tune` chooses by.
    pub fn select(&self) -> &Metric {
        &self.all[self.select]
    }

    /// Names and meanings, as the words of `[compare] metric`.
    pub(crate) fn words(&self) -> Words {
        self.words
    }
}
