//! The plan: which runs answer a study, each once, whatever the number of studies that need it.
//!
//! A run is a fact: its id is a hash of engine version, resolved configuration, data fingerprint
//! and seed. A variant of a study refers to runs by id. So equal runs merge, resuming is a set
//! difference, and `plan.json` beside the tables is all that figures and comparisons need.

mod check;
pub(crate) mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::{EvaluateConfig, RunConfig, SampleConfig};
use crate::data::{Binarize, is_of_images};
use crate::made::{MaskCount, ModelConfig};
use crate::rng::Seed;
use crate::stats::{smallest_p, smallest_p_max_t};
use crate::train::TrainConfig;
pub(crate) use check::unfit;

/// Raised whenever the same configuration may give other numbers than before.
pub const ENGINE: u32 = 3;

/// A correction within an engine version that changes the results of some configurations only. Its
/// tag enters the identity of those, so that their runs are trained again and all others keep their
/// id.
struct Revision {
    tag: &'static str,
    reason: &'static str,
    concerns: fn(&RunConfig) -> bool,
}

/// Every revision of this engine version, oldest first.
const REVISIONS: [Revision; 2] = [
    Revision {
        tag: "training likelihood of the bits that were trained on",
        reason: "train_nll_nats with binarize = \"dynamic\" was of thresholded images; it is of the bits that training saw",
        concerns: |config| matches!(config.data.binarize, Binarize::Dynamic),
    },
    Revision {
        tag: "model file with the scored mask",
        reason: "model.safetensors with masks = \"fresh\" held another mask than the one that the scores are of",
        concerns: |config| matches!(config.model.masks, MaskCount::Fresh),
    },
];

/// Why a text cannot be the name of an experiment, if it cannot: it names folders next to those of
/// the program itself.
pub fn experiment_name_problem(name: &str) -> Option<&'static str> {
    const OWN: [&str; 6] = ["runs", "data", "unfinished", "submitted", "index.html", "README.md"];
    // Compared without case: some file systems do not tell `Runs` from `runs`.
    let own = OWN.iter().any(|own| name.eq_ignore_ascii_case(own));
    let taken =
        own.then_some("the program uses this name itself in the folders of results and figures");
    folder_name_problem(name).or(taken)
}

/// Why a text cannot be the name of a folder on every file system, if it cannot.
pub fn folder_name_problem(name: &str) -> Option<&'static str> {
    /// Devices on Windows, whatever follows a dot.
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

/// Revisions that came before data were identified by their images: no run of such data is older.
const BEFORE_IMAGES: usize = 2;

/// The revisions that are part of the identity of a run.
fn revisions<'a>(
    config: &'a RunConfig,
    data: &str,
) -> impl Iterator<Item = &'static Revision> + 'a + use<'a> {
    let later = if is_of_images(data) { BEFORE_IMAGES } else { 0 };
    REVISIONS.iter().skip(later).filter(|revision| (revision.concerns)(config))
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
            format!("{} is no run's id: r and 16 hexadecimal digits", names::brief(&text))
        })
    }
}

impl RunId {
    /// The id of a run.
    pub fn new(engine: u32, config: &RunConfig, data: &str, seed: Seed) -> Self {
        Identity::new(engine, config, data).run(seed)
    }

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

/// What the runs of a variant share: everything that decides their numbers but the seed, hashed
/// once.
#[derive(Debug, Clone)]
pub struct Identity(blake3::Hasher);

impl Identity {
    /// Hashes engine version, configuration and data fingerprint. A fingerprint of the images says
    /// all that `[data]` decides: then the path of the set and how it was cut are no part of the
    /// identity.
    ///
    /// The text that is hashed is part of every id there is (`tests/integration/identity.rs` holds
    /// some). A setting that is added later must be left out of it at its default:
    /// `skip_serializing_if`.
    pub fn new(engine: u32, config: &RunConfig, data: &str) -> Self {
        Self::with(engine, config, data, revisions(config, data))
    }

    fn with<'a>(
        engine: u32,
        config: &RunConfig,
        data: &str,
        revisions: impl IntoIterator<Item = &'a Revision>,
    ) -> Self {
        #[derive(Serialize)]
        struct Shared<'a, C> {
            engine: u32,
            config: C,
            data: &'a str,
        }
        #[derive(Serialize)]
        struct BesidesData<'a> {
            model: &'a ModelConfig,
            train: &'a TrainConfig,
            evaluate: &'a EvaluateConfig,
            sample: &'a SampleConfig,
        }
        let mut hasher = blake3::Hasher::new();
        let text = if is_of_images(data) {
            let RunConfig { data: _, model, train, evaluate, sample } = config;
            let config = BesidesData { model, train, evaluate, sample };
            serde_json::to_vec(&Shared { engine, config, data })
        } else {
            serde_json::to_vec(&Shared { engine, config, data })
        };
        hasher.update(
            &text.expect("a configuration is plain JSON: no map with other keys than text"),
        );
        for revision in revisions {
            hasher.update(revision.tag.as_bytes());
        }
        Self(hasher)
    }

    /// The id of the run with this seed.
    pub fn run(&self, seed: Seed) -> RunId {
        let hash = self.0.clone().update(&seed.0.to_le_bytes()).finalize().to_hex();
        RunId(format!("r{}", &hash[..16]))
    }
}

/// A run to be done: all that decides its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Identity.
    pub id: RunId,
    /// Replicate.
    pub seed: Seed,
    /// Fingerprint of the data set as the run sees it: content, division, size and binarisation.
    #[serde(deserialize_with = "names::file_name")]
    pub data: String,
    /// Every setting; the runs of a variant share it.
    #[serde(with = "shared")]
    pub config: Arc<RunConfig>,
    /// Of data named by a path: how earlier versions identified them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

/// How versions that hashed files in place of images identified the data of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Fingerprint of the files and the settings of `[data]`.
    #[serde(deserialize_with = "names::file_name")]
    pub data: String,
    /// `data.name` under which an earlier version trained this very run, so that it is found again
    /// under its id of then; absent where the run has its own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl RunSpec {
    /// The configuration and the fingerprint that the id is the hash of, and that the run's
    /// directory holds: its own, or those under which an earlier version trained it.
    pub fn identified(&self) -> (Arc<RunConfig>, &str) {
        match &self.earlier {
            Some(Earlier { data, name: Some(name) }) => {
                let mut config = RunConfig::clone(&self.config);
                config.data.name.clone_from(name);
                (Arc::new(config), data)
            }
            _ => (Arc::clone(&self.config), &self.data),
        }
    }

    /// The run as versions that hashed files would have planned it, of data named by a path.
    pub fn as_before(&self) -> Option<Self> {
        let data = self.earlier.as_ref()?.data.clone();
        Some(Self { data, earlier: None, ..self.clone() })
    }

    /// Whether both runs see the same data set, as far as their fingerprints tell.
    pub fn sees_the_same_as(&self, other: &Self) -> bool {
        if is_of_images(&self.data) && is_of_images(&other.data) {
            return self.data == other.data;
        }
        self.fingerprints().any(|own| other.fingerprints().any(|theirs| own == theirs))
    }

    /// Fingerprints of the run's data, its own first: both name the same images.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.data.as_str())
            .chain(self.earlier.as_ref().map(|earlier| earlier.data.as_str()))
    }

    /// Whether this program gives its configuration this id: an older one may have named, and
    /// computed, it otherwise.
    pub fn is_current(&self) -> bool {
        let (config, data) = self.identified();
        self.id == RunId::new(ENGINE, &config, data, self.seed)
    }

    /// Whether the id is what this version of the program or an earlier one gives the run.
    pub(crate) fn explains_its_id(&self) -> bool {
        let (config, data) = self.identified();
        let concerning: Vec<&Revision> = revisions(&config, data).collect();
        (1..=ENGINE).rev().any(|engine| {
            (0..=concerning.len()).rev().any(|count| {
                let revisions = concerning[..count].iter().copied();
                Identity::with(engine, &config, data, revisions).run(self.seed) == self.id
            })
        })
    }

    /// Why a run of the same settings has a new id, if `older` is its id from before a revision of
    /// this engine version.
    pub fn revised_since(&self, older: &RunId) -> Option<String> {
        let concerning: Vec<&Revision> = revisions(&self.config, &self.data).collect();
        let known = (0..concerning.len()).find(|&count| {
            let revisions = concerning[..count].iter().copied();
            Identity::with(ENGINE, &self.config, &self.data, revisions).run(self.seed) == *older
        })?;
        let reasons: Vec<&str> =
            concerning[known..].iter().map(|revision| revision.reason).collect();
        Some(reasons.join("; "))
    }
}

/// A shared value is written as the value itself.
pub(crate) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
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
    /// Whether its levels compete on validation inside every variant instead of making variants.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tune: bool,
}

/// A variant of a study and its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedVariant {
    /// What differs from the baseline, for people: `depth 2, masks 8`; `baseline` for the baseline.
    pub label: String,
    /// The same in ASCII, `[A-Za-z][A-Za-z0-9._-]*`, unique in the study: for tables and file
    /// names.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// Level of each axis of the study, in the order of its axes.
    pub levels: Vec<String>,
    /// One run a seed, in the order of the plan's seeds. Of a tuned variant: the runs of the first
    /// candidate, or of the chosen one once results are known.
    pub runs: Vec<RunId>,
    /// Configurations that compete on validation to be this variant; empty where nothing is tuned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<PlannedCandidate>,
}

/// A configuration that competes to be its variant, and its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCandidate {
    /// Its tuned axes at their levels, for people.
    pub label: String,
    /// Level of each axis of the study.
    pub levels: Vec<String>,
    /// One run a seed.
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
    /// Name, unique in the experiment: the experiment's own where it has a single study.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// `grid`, `one-at-a-time`, `leave-one-out` or `add-one`.
    pub design: String,
    /// Axes in declared order.
    pub axes: Vec<Axis>,
    /// Variants in expansion order.
    pub variants: Vec<PlannedVariant>,
    /// Index of the baseline among the variants, where the study holds it.
    pub baseline: Option<usize>,
}

/// How variants are compared: `[compare]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compare {
    /// Column compared, a number per run: `test_nll_nats` or `test_nll_mixture_nats`.
    pub metric: Metric,
    /// Confidence level of intervals.
    pub level: f64,
    /// Correction over the comparisons of a study.
    pub correction: Correction,
    /// Label of the variant to compare with, if not the baseline tables' own.
    pub baseline: Option<String>,
}

impl Default for Compare {
    fn default() -> Self {
        Self {
            metric: Metric::TestNll,
            level: 0.95,
            correction: Correction::MaxT,
            baseline: None,
        }
    }
}

impl Compare {
    /// Level of significance: what the intervals' level leaves, and never more than 5 %, so that a
    /// narrow interval makes nothing evident.
    pub fn alpha(&self) -> f64 {
        (1.0 - self.level).min(0.05)
    }

    /// The level of intervals as people write it: `95`, `99.9`.
    pub fn percent(&self) -> String {
        ((self.level * 1e6).round() / 1e4).to_string()
    }
}

/// The number of a run that a comparison is about; lower is better for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Test NLL of the first mask, nats per image.
    TestNll,
    /// Test NLL of the mixture over the trained masks, nats per image.
    TestNllMixture,
    /// Test NLL of the masks that samples average at every pixel, nats per image.
    TestNllAveraged,
    /// Validation NLL, nats per image.
    ValidNll,
}

/// Correction for multiple comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correction {
    /// Step-down max-T by joint sign flips (Westfall and Young 1993).
    MaxT,
    /// Holm (1979).
    Holm,
    /// None.
    None,
}

impl Correction {
    /// The word of experiment files and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::MaxT => "max-t",
            Self::Holm => "holm",
            Self::None => "none",
        }
    }

    /// Heading of the p values that verdicts go by.
    pub fn heading(self) -> &'static str {
        match self {
            Self::MaxT => "p, max-T",
            Self::Holm => "p, Holm",
            Self::None => "p",
        }
    }

    /// The smallest corrected p value that `comparisons` of `seeds` pairs each can give.
    pub fn smallest_p(self, seeds: usize, comparisons: usize) -> f64 {
        match self {
            Self::MaxT => smallest_p_max_t(seeds, seeds, comparisons),
            Self::Holm => (comparisons.max(1) as f64 * smallest_p(seeds)).min(1.0),
            Self::None => smallest_p(seeds),
        }
    }
}

/// Everything an experiment file asks for, expanded and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the experiment: its file's stem, or `name`.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// The question it asks.
    pub question: String,
    /// Notes.
    pub notes: String,
    /// The command that asked for it, less what decides no number:
    /// `ablade sweep masks.toml --seeds 3`.
    #[serde(default)]
    pub command: String,
    /// Its studies.
    pub studies: Vec<PlannedStudy>,
    /// Replicates, the same in every variant.
    pub seeds: Vec<Seed>,
    /// How variants are compared.
    pub compare: Compare,
    /// Its data sets, a line each, as they were when it was planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<String>,
    /// Every run once, in the order the studies first name it.
    pub runs: Vec<RunSpec>,
}

/// One of `count` equal parts of a plan's runs: `index` from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, 1..=count.
    pub index: usize,
    /// How many parts.
    pub count: usize,
}

impl Shard {
    /// Everything.
    pub const ALL: Self = Self { index: 1, count: 1 };
}

impl Plan {
    /// Runs of this shard that are not finished yet, in plan order.
    pub fn outstanding(&self, finished: &BTreeSet<RunId>, shard: Shard) -> Vec<&RunSpec> {
        let mine = self.runs.iter().enumerate().filter(|(i, _)| i % shard.count == shard.index - 1);
        mine.map(|(_, run)| run).filter(|run| !finished.contains(&run.id)).collect()
    }

    /// The runs by id.
    pub fn by_id(&self) -> BTreeMap<&RunId, &RunSpec> {
        self.runs.iter().map(|run| (&run.id, run)).collect()
    }

    /// The label of every run, as `labelled_runs` gives it.
    pub fn labels(&self) -> BTreeMap<&RunId, String> {
        self.labelled_runs().into_iter().map(|(label, run)| (run, label)).collect()
    }

    /// Every run once, under the name of the variant that first needs it and its seed.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(change: impl FnOnce(&mut RunConfig)) -> RunSpec {
        let mut config = RunConfig::default();
        change(&mut config);
        let id = RunId::new(ENGINE, &config, "d", Seed(1));
        RunSpec {
            id,
            seed: Seed(1),
            data: "d".to_owned(),
            config: Arc::new(config),
            earlier: None,
        }
    }

    /// Its id before any revision.
    fn before(spec: &RunSpec) -> RunId {
        Identity::with(ENGINE, &spec.config, &spec.data, []).run(spec.seed)
    }

    #[test]
    fn a_revision_moves_the_ids_that_it_concerns_and_no_other() {
        let plain = spec(|config| config.model.masks = MaskCount::Cycle(3));
        assert!(plain.is_current());
        assert_eq!(plain.id, before(&plain));
        assert_eq!(plain.revised_since(&plain.id), None);
        let fresh = |config: &mut RunConfig| config.model.masks = MaskCount::Fresh;
        let dynamic = |config: &mut RunConfig| config.data.binarize = Binarize::Dynamic;
        for (concerned, words) in
            [(spec(fresh), "model.safetensors"), (spec(dynamic), "train_nll_nats")]
        {
            let old = before(&concerned);
            assert_ne!(concerned.id, old);
            assert!(concerned.revised_since(&old).unwrap().starts_with(words));
            assert_eq!(concerned.revised_since(&plain.id), None);
            assert!(!RunSpec { id: old, ..concerned }.is_current());
        }
        let both = spec(|config| {
            fresh(config);
            dynamic(config);
        });
        assert!(both.revised_since(&before(&both)).unwrap().contains("; model.safetensors"));
    }
}
