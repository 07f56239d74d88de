//! Plan: the runs that answer each study; a run that several studies need is in it once.
//!
//! The id of a run is a hash of its seed and of its trainer's version, resolved configuration and
//! data. A variant of a study refers to runs by id. So equal runs are merged, the runs to do are a
//! set difference, and `plan.json` next to the tables is all that figures and comparisons need.

mod blocks;
mod check;
mod content;
mod external;
mod missing;
pub(crate) mod names;
mod plots;
mod scheduler;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::record::RunRecord;
use crate::rng::Seed;
use crate::stats::{Feasibility, smallest_p, smallest_p_max_t, smallest_p_t};
use crate::trainer::{Config, Declaration, Identity, Program, RunKey, Scored, Trainer};
pub use blocks::{Block, Method};
pub(crate) use check::unfit;
pub use content::{Configured, ContentId, StudyContents, compared_content};
pub use external::{External, ExternalValue};
pub use missing::{MissingData, missing_clauses};
pub use plots::{DPI, PictureFormat, PlotOptions, TextForm, Width};
pub use scheduler::{FINISH_PLACEHOLDERS, SchedulerCommands};

/// Reason why a text cannot be the name of an experiment, if there is one: an experiment's folder
/// is next to those of the program itself.
pub fn experiment_name_problem(name: &str) -> Option<&'static str> {
    const OWN: [&str; 6] = ["runs", "data", "unfinished", "submitted", "index.html", "README.md"];
    // Compared without case: some file systems do not distinguish `Runs` from `runs`.
    let own = OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
    let taken =
        own.then_some("the program uses this name itself in the folders of results and figures");
    folder_name_problem(name).or(taken)
}

/// Reason why a text cannot be the name of a folder on every file system, if there is one.
pub fn folder_name_problem(name: &str) -> Option<&'static str> {
    /// Names of devices on Windows, even if followed by a dot and more.
    const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let lower = name.to_ascii_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    let is_numbered = |rest: &str| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit());
    let is_port = ["com", "lpt"]
        .iter()
        .any(|port| stem.strip_prefix(port).is_some_and(is_numbered));
    if name.len() > 100
        || !name.starts_with(|c: char| c.is_ascii_alphabetic())
        || !name.bytes().all(plain)
    {
        Some("a letter, then letters, digits, `.`, `_` or `-`, at most 100 in all")
    } else if name.ends_with('.') || DEVICES.contains(&stem) || is_port {
        Some("Windows has no folder of this name")
    } else {
        None
    }
}

/// Identity of a run: `r` and 16 hexadecimal digits (the letter keeps spreadsheets from reading a
/// number).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct RunId(String);

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| {
            format!(
                "{} is not the id of a run: r and 16 hexadecimal digits",
                crate::text::brief(&text)
            )
        })
    }
}

impl RunId {
    /// Reads an id back; `None` unless it has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('r')?;
        let plain = digits.len() == 16
            && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        plain.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Partial hash of a run's identity: everything but the seed.
#[derive(Debug, Clone)]
pub struct Hashed(blake3::Hasher);

impl Hashed {
    /// Hashes an identity.
    pub fn new(identity: &Identity) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&identity.bytes);
        Self(hasher)
    }

    /// The id of the run with this seed.
    pub fn run(&self, seed: Seed) -> RunId {
        let hash = self.0.clone().update(&seed.0.to_le_bytes()).finalize().to_hex();
        RunId(format!("r{}", &hash[..16]))
    }
}

/// Current identity of a configuration on some data.
pub fn hashed(trainer: &dyn Trainer, config: &Config, data: &str) -> Hashed {
    let identity = trainer.identities(config, data).next();
    Hashed::new(&identity.expect("a trainer gives every configuration an identity"))
}

/// A planned run: everything that decides its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Identity.
    pub id: RunId,
    /// Seed.
    pub seed: Seed,
    /// Fingerprint of the data set as the run sees it: content, division, size and binarisation.
    #[serde(deserialize_with = "names::file_name")]
    pub data: String,
    /// Every setting; shared by the runs of a variant.
    pub config: Config,
    /// Identity of the data in earlier versions, for data named by a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

/// Identity of a run's data in versions that hashed files instead of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Fingerprint of the files and the settings of `[data]`.
    #[serde(deserialize_with = "names::file_name")]
    pub data: String,
    /// `data.name` under which an earlier version trained this very run, so that it is found under
    /// its old id; absent if the run has its own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl RunSpec {
    /// Configuration and fingerprint of which the id is the hash, and which the run's directory
    /// holds: its own, or those under which an earlier version trained it.
    pub fn identified(&self, trainer: &dyn Trainer) -> (Config, &str) {
        match &self.earlier {
            Some(Earlier { data, name: Some(name) }) => (trainer.renamed(&self.config, name), data),
            _ => (self.config.clone(), &self.data),
        }
    }

    /// The run as planned by versions that hashed files, for data named by a path.
    pub fn as_before(&self) -> Option<Self> {
        let data = self.earlier.as_ref()?.data.clone();
        Some(Self { data, earlier: None, ..self.clone() })
    }

    /// Fingerprints of the run's data, its own first: all refer to the same content.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.data.as_str())
            .chain(self.earlier.as_ref().map(|earlier| earlier.data.as_str()))
    }

    /// The run as a trainer sees it.
    pub fn key(&self) -> RunKey<'_> {
        RunKey {
            id: self.id.as_str(),
            config: &self.config,
            data: &self.data,
            seed: self.seed,
        }
    }

    /// The run as one side of a comparison, with the values that it reported.
    pub fn scored<'a>(&'a self, record: Option<&'a RunRecord>) -> Scored<'a> {
        Scored {
            config: &self.config,
            data: &self.data,
            earlier: self.earlier.as_ref().map(|earlier| earlier.data.as_str()),
            facts: record.and_then(|record| record.summary.as_ref()).map(|summary| &summary.facts),
        }
    }

    /// True if this version of the program gives its configuration this id: an earlier one may have
    /// named, and computed, it differently.
    pub fn is_current(&self, trainer: &dyn Trainer) -> bool {
        let (config, data) = self.identified(trainer);
        self.id == hashed(trainer, &config, data).run(self.seed)
    }

    /// True if this version of the program or an earlier one gives the run this id.
    pub(crate) fn explains_its_id(&self, trainer: &dyn Trainer) -> bool {
        let (config, data) = self.identified(trainer);
        trainer
            .identities(&config, data)
            .any(|identity| Hashed::new(&identity).run(self.seed) == self.id)
    }

    /// Changes because of which the run has a new id, if `older` is its id before a revision of
    /// this version.
    pub fn revised_since(&self, older: &RunId, trainer: &dyn Trainer) -> Option<String> {
        let then = trainer
            .identities(&self.config, &self.data)
            .find(|identity| Hashed::new(identity).run(self.seed) == *older)?;
        (!then.since.is_empty()).then(|| then.since.join("; "))
    }
}

/// An axis of a study, as tables show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Key path of the setting, or the name of a zipped group.
    pub path: String,
    /// Column name: the shortest unambiguous suffix of the path, with `_` for `.` and `-`.
    pub column: String,
    /// Levels in declared order, as they appear in `PlannedVariant::levels`.
    pub levels: Vec<String>,
    /// True if its levels compete on validation within every variant instead of forming variants.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tune: bool,
}

/// A variant of a study and its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedVariant {
    /// Differences from the baseline, for people: `depth 2, masks 8`; `baseline` for the baseline.
    pub label: String,
    /// Label in ASCII, `[A-Za-z][A-Za-z0-9._-]*`, unique in the study: for tables and file names.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// Level of each axis, in the order of the study's axes.
    pub levels: Vec<String>,
    /// One run per seed, in the order of the plan's seeds. Of a tuned variant: the runs of the
    /// first candidate, or of the selected one once results are known.
    pub runs: Vec<RunId>,
    /// Configurations that compete on validation to be this variant; empty if nothing is tuned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<PlannedCandidate>,
    /// The variant apart from its block; absent without `[compare] within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
}

/// A configuration that competes to be its variant, and its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCandidate {
    /// Levels of its tuned axes, for people.
    pub label: String,
    /// Level of each axis of the study.
    pub levels: Vec<String>,
    /// One run per seed.
    pub runs: Vec<RunId>,
}

impl PlannedVariant {
    /// Every run that the variant needs, those of its candidates included.
    pub fn all_runs(&self) -> impl Iterator<Item = &RunId> {
        let own = self.runs.iter().filter(|_| self.candidates.is_empty());
        own.chain(self.candidates.iter().flat_map(|candidate| &candidate.runs))
    }
}

/// One `[[study]]` of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStudy {
    /// Name, unique in the experiment: the experiment's own if it has a single study.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// Its own question; empty if it has none besides the experiment's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub question: String,
    /// Its own notes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// `grid`, `one-at-a-time`, `leave-one-out` or `add-one`.
    pub design: String,
    /// Axes in declared order.
    pub axes: Vec<Axis>,
    /// Variants in expansion order.
    pub variants: Vec<PlannedVariant>,
    /// Index of the baseline among the variants, if the study contains it.
    pub baseline: Option<usize>,
}

/// `[compare]`: options of comparing variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compare {
    /// Name of the compared metric, a value of each run; empty for the trainer's first.
    pub metric: String,
    /// Confidence level of intervals.
    pub level: f64,
    /// Correction over the comparisons of a study.
    pub correction: Correction,
    /// Label of the variant to compare with, if not the baseline.
    pub baseline: Option<String>,
    /// Name of the metric of a program by which `tune` chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
    /// Test of each paired difference.
    #[serde(skip_serializing_if = "PairedTest::is_default")]
    pub test: PairedTest,
    /// Largest difference, in the unit of the metric, that is of no interest; finite and above zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negligible: Option<f64>,
    /// Key paths of the axes whose levels are blocks; variants of different blocks are not
    /// compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<String>,
}

impl Default for Compare {
    fn default() -> Self {
        Self {
            metric: String::new(),
            level: 0.95,
            correction: Correction::MaxT,
            baseline: None,
            select: None,
            test: PairedTest::SignFlip,
            negligible: None,
            within: Vec::new(),
        }
    }
}

impl Compare {
    /// Level of significance: one minus the level of intervals, but at most 5 %, so that a low
    /// confidence level does not make every difference significant.
    pub fn alpha(&self) -> f64 {
        (1.0 - self.level).min(0.05)
    }

    /// Confidence level of the interval that is inside the negligible margin exactly where the test
    /// of equivalence is significant; `None` without such a margin.
    pub fn equivalence_level(&self) -> Option<f64> {
        self.negligible.map(|_| 1.0 - 2.0 * self.alpha())
    }

    /// Smallest corrected p value that `comparisons` of `seeds` pairs each can give.
    pub fn smallest_p(&self, seeds: usize, comparisons: usize) -> f64 {
        let one = self.test.smallest_p(seeds);
        match self.correction {
            Correction::MaxT => one.max(smallest_p_max_t(seeds, seeds, comparisons)),
            Correction::Holm => (comparisons.max(1) as f64 * one).min(1.0),
            Correction::None => one,
        }
    }

    /// Smallest p values that this number of seeds and comparisons can give.
    pub fn feasibility(&self, seeds: usize, comparisons: usize) -> Feasibility {
        let corrected = |seeds| self.smallest_p(seeds, comparisons);
        Feasibility {
            smallest_p: self.test.smallest_p(seeds),
            ..Feasibility::of(seeds, self.alpha(), corrected)
        }
    }

    /// Level of intervals as text: `95`, `99.9`.
    pub fn percent(&self) -> String {
        crate::text::percent(self.level)
    }
}

/// Test of a paired difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairedTest {
    /// Sign flips of the differences (Fisher 1935).
    #[default]
    SignFlip,
    /// Student's paired t test; not with max-T, which flips signs.
    T,
}

impl PairedTest {
    /// Words in sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::SignFlip => "sign-flip test",
            Self::T => "paired t test",
        }
    }

    /// Smallest p value that `seeds` pairs can give.
    pub fn smallest_p(self, seeds: usize) -> f64 {
        match self {
            Self::SignFlip => smallest_p(seeds),
            Self::T => smallest_p_t(seeds),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Correction for multiple comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// Step-down max-T by joint sign flips (Westfall and Young 1993).
    MaxT,
    /// Holm (1979).
    Holm,
    /// No correction.
    None,
}

impl Correction {
    /// Word in experiment files and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::MaxT => "max-t",
            Self::Holm => "holm",
            Self::None => "none",
        }
    }

    /// Heading of the p values on which verdicts are based.
    pub fn heading(self) -> &'static str {
        match self {
            Self::MaxT => "p, max-T",
            Self::Holm => "p, Holm",
            Self::None => "p",
        }
    }
}

/// An experiment file, expanded and checked, as the list of runs that it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the experiment: its file's stem, or `name`.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// The question it asks.
    pub question: String,
    /// Notes.
    pub notes: String,
    /// Command that asked for it, without options that do not affect values: `ablade sweep
    /// masks.toml --seeds 3`.
    #[serde(default)]
    pub command: String,
    /// Its studies.
    pub studies: Vec<PlannedStudy>,
    /// Values of other tools that are compared with its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<External>,
    /// Seeds, the same in every variant.
    pub seeds: Vec<Seed>,
    /// Options of comparing variants.
    pub compare: Compare,
    /// Options of drawing its figures.
    #[serde(default, skip_serializing_if = "PlotOptions::is_empty")]
    pub plots: PlotOptions,
    /// The program that its runs are of, where that is not the built-in trainer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Box<Declaration>>,
    /// Descriptions of its data sets at the time of planning, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<String>,
    /// Data sets that were not there, whose variants are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingData>,
    /// Every run once, in the order in which the studies first name it.
    pub runs: Vec<RunSpec>,
}

/// One of `count` equal parts of a plan's runs: `index` from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Index of the part, 1..=count.
    pub index: usize,
    /// Number of parts.
    pub count: usize,
}

impl Shard {
    /// The one part that contains all runs.
    pub const ALL: Self = Self { index: 1, count: 1 };
}

impl Plan {
    /// The program that its runs are of, as far as it identifies them; `None` of the built-in model.
    pub fn program_identity(&self) -> Option<&Program> {
        self.program.as_ref().map(|declared| &declared.program)
    }

    /// Runs of this shard that are not finished, in plan order.
    pub fn outstanding(&self, finished: &BTreeSet<RunId>, shard: Shard) -> Vec<&RunSpec> {
        let mine = self.runs.iter().enumerate().filter(|(i, _)| i % shard.count == shard.index - 1);
        mine.map(|(_, run)| run).filter(|run| !finished.contains(&run.id)).collect()
    }

    /// Sentences on the variants that are left out because their data were not there, without a full
    /// stop.
    pub fn left_out(&self) -> Vec<String> {
        missing_clauses(&self.missing)
            .into_iter()
            .map(|clause| format!("left out: {clause}"))
            .collect()
    }

    /// The runs by id.
    pub fn by_id(&self) -> BTreeMap<&RunId, &RunSpec> {
        self.runs.iter().map(|run| (&run.id, run)).collect()
    }

    /// The label of every run, as `labelled_runs` gives it.
    pub fn labels(&self) -> BTreeMap<&RunId, String> {
        self.labelled_runs().into_iter().map(|(label, run)| (run, label)).collect()
    }

    /// Every run once, with its seed and the name of the variant that first needs it.
    pub fn labelled_runs(&self) -> Vec<(String, &RunId)> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for variant in self.studies.iter().flat_map(|study| &study.variants) {
            let own =
                variant.candidates.is_empty().then_some((variant.label.clone(), &variant.runs));
            let candidates = variant
                .candidates
                .iter()
                .map(|c| (format!("{} ({})", variant.label, c.label), &c.runs));
            for (label, runs) in own.into_iter().chain(candidates) {
                for (run, seed) in runs.iter().zip(&self.seeds).filter(|(run, _)| seen.insert(*run))
                {
                    found.push((format!("{label} / seed {}", seed.0), run));
                }
            }
        }
        found
    }
}
