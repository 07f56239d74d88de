//! The values that a run reports: each declared once, with name, unit and direction. Column names,
//! axis titles, `[compare] metric` and sentences come from this declaration.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Facts;
use super::kind::Words;
use crate::record::{RunRecord, RunStatus};

/// Direction in which a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// Unit of a metric; all texts are empty if it has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// Text in column names and short texts, `[a-z0-9_]*`: `nats`.
    pub short: String,
    /// Text on axes: `nats per image`.
    pub long: String,
    /// Definition: `nats per image: negative log-likelihood summed over pixels, ...`.
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

    /// The unit in texts: the shorter way of writing it, `%` and not `percent`.
    fn word(&self) -> &str {
        let is_shorter = !self.long.is_empty() && self.long.len() < self.short.len();
        if is_shorter { &self.long } else { &self.short }
    }

    /// A quantity with the unit: `0.3 nats`.
    pub fn of(&self, quantity: &str) -> String {
        if self.short.is_empty() {
            quantity.to_owned()
        } else {
            format!("{quantity} {}", self.word())
        }
    }

    /// ` (nats per image)`, to follow a name; empty if there is no unit.
    pub fn in_brackets(&self) -> String {
        if self.long.is_empty() { String::new() } else { format!(" ({})", self.long) }
    }
}

/// Source of a value.
#[derive(Debug, Clone)]
pub enum Source {
    /// A fact of the run by this name.
    Fact(String),
    /// Computed from its facts.
    Derived(fn(&Facts) -> Option<f64>),
}

impl Source {
    /// The value, if the run has it and it is finite.
    pub fn number(&self, facts: &Facts) -> Option<f64> {
        match self {
            Self::Fact(name) => facts.get(name).and_then(Value::as_f64),
            Self::Derived(compute) => compute(facts),
        }
        .filter(|value| value.is_finite())
    }
}

/// File of a run that holds a metric for each example, in `.npy` format.
#[derive(Debug, Clone)]
pub enum PerExample {
    /// Named by the facts of the run.
    Of(fn(&Facts) -> Option<&'static str>),
    /// `NAME.npy`, or the same as text, `NAME.txt`, one number per line.
    Named(String),
}

/// A column of `runs.csv`.
#[derive(Debug, Clone)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Source of its value.
    pub source: Source,
    /// False if the column is left out where no run has a value.
    pub is_always_there: bool,
}

/// Names of a metric, of several lengths.
#[derive(Debug, Clone, Default)]
pub struct MetricWords {
    /// Heading of a column in the terminal: `test NLL`.
    pub head: String,
    /// Name within a sentence: `test NLL`.
    pub short: String,
    /// Long name within a sentence: `test NLL of the mixture over the trained masks`.
    pub long: String,
    /// Title of an axis, without the unit: `Test NLL`.
    pub axis: String,
    /// Name in the reference: `test NLL of the first mask`.
    pub doc: String,
    /// Definition for reviewers, to follow "The", with the unit: `negative log-likelihood of ...,
    /// in nats ...`.
    pub exact: String,
}

/// A value of a run that can be compared between variants.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Name in experiment files: `test-nll`.
    pub name: String,
    /// Stem of its columns: `test_nll`.
    pub column: String,
    /// Unit.
    pub unit: Unit,
    /// Direction.
    pub better: Better,
    /// Source of its value.
    pub source: Source,
    /// Names.
    pub words: MetricWords,
    /// Index among [`Metrics::curves`] of its curve over the epochs.
    pub curve: Option<usize>,
    /// File of a run with the metric of each example.
    pub examples: PerExample,
    /// True if runs or variants are selected by the metric, so that it is biased.
    pub selects: bool,
}

impl Metric {
    /// Value in a run; `None` unless the run finished and has it.
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
    /// Unit.
    pub unit: Unit,
    /// Heading of a column, and name in progress lines: `valid`.
    pub head: String,
    /// Name within a sentence: `validation`.
    pub words: String,
    /// Direction, where it may be another than that of the compared metric.
    pub better: Option<Better>,
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
    /// The metrics; the first one is compared by default.
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
    /// Common name of all metrics: `NLL`; empty where they have none.
    pub family: String,
    /// Common name on axes: `Negative log-likelihood`.
    pub family_axis: String,
    /// True if ratios of values mean something, as for losses above zero, whose curves are on a
    /// logarithmic axis; those of densities have no zero.
    pub has_ratios: bool,
    /// Epoch at which a run is scored: `best epoch on validation`.
    pub scored_at: String,
    /// Clause on the selection of the scored model.
    pub selection: String,
    /// Noun for several examples: `images`.
    pub examples: String,
    words: Words,
}

impl Metrics {
    /// Declares metrics of which the first is compared by default and used for tuning; nothing else
    /// is declared.
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
            family: String::new(),
            family_axis: String::new(),
            has_ratios: true,
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

    /// Curve of held-out examples that belongs to a metric.
    pub fn held_out(&self, metric: &Metric) -> Option<usize> {
        let other = (0..self.curves.len()).find(|&curve| Some(curve) != self.training);
        metric.curve.or(self.select().curve).or(other)
    }

    /// Short name of the values of a metric: the common name, or its own where there is none.
    pub(crate) fn word<'a>(&'a self, metric: &'a Metric) -> &'a str {
        let shares_unit = metric.unit == self.all[0].unit;
        if shares_unit && !self.family.is_empty() {
            &self.family
        } else {
            &metric.words.head
        }
    }

    /// Metric by which `tune` selects.
    pub fn select(&self) -> &Metric {
        &self.all[self.select]
    }

    /// Names and meanings, as the words of `[compare] metric`.
    pub(crate) fn words(&self) -> Words {
        self.words
    }
}
