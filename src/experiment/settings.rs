//! The table of settings: every leaf of `RunConfig` once, with its kind, range and meaning.
//!
//! Reading a value, its error message, the JSON Schema, the reference in `docs/FORMAT.md` and the
//! labels of variants all come from this table. A test holds it against serde's view of
//! `RunConfig`, so a field without a line here fails.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::kind::Kind::{self, Choice, Count, CountOr, Counts, Flag, Number, Rising, Tag, Text};
use super::kind::{ABOVE_ZERO, Bounds, FRACTION, INSIDE_ONE, Otherwise};
use crate::config::RunConfig;
use crate::plan::names::brief;

/// One leaf of the configuration.
#[derive(Debug)]
pub struct Setting {
    /// Key path: `model.hidden`; a constant of a tagged setting lies below its word:
    /// `train.optimizer.adam.lr`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it means, in one line.
    pub doc: &'static str,
    /// Value where the tag is written without it; `None` = must be written. Only for constants of
    /// tagged settings.
    pub unless_given: Option<f64>,
}

const fn setting(path: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { path, kind, doc, unless_given: None }
}

const fn constant(
    path: &'static str,
    kind: Kind,
    doc: &'static str,
    unless_given: Option<f64>,
) -> Setting {
    Setting { path, kind, doc, unless_given }
}

/// Seeds stay below 2^53, where a spreadsheet keeps every digit.
pub(super) const SEED_MAX: u64 = (1 << 53) - 1;
const COUNT: Kind = Count { min: 1, max: 1_000_000_000 };
const IMAGES: Kind = CountOr {
    min: 1,
    max: 1_000_000_000,
    word: "all",
    json: Otherwise::Absent,
};
const AT_LEAST_ZERO: Bounds = Bounds { min: Some((0.0, true)), max: None };

/// Every setting of a run.
pub static SETTINGS: &[Setting] = &[
    setting("data.name", Text, "data set: a built-in set, a real set by name, or a path"),
    setting("data.train", IMAGES, "training images"),
    setting("data.valid", IMAGES, "validation images"),
    setting("data.test", IMAGES, "test images"),
    setting(
        "data.size",
        Count { min: 4, max: 1024 },
        "side of the square image in pixels, for sets that are drawn or resized",
    ),
    setting(
        "data.seed",
        Count { min: 0, max: SEED_MAX },
        "seed of drawing, splitting and fixed binarisation: the same for every run of a study",
    ),
    setting(
        "data.binarize",
        Choice(&[
            ("threshold", "on where the grey level is above half"),
            ("stochastic", "drawn once, on with probability grey/255"),
            ("dynamic", "training images drawn anew every epoch"),
        ]),
        "how grey pixels become 0 or 1; likelihoods under two ways do not compare",
    ),
    setting(
        "model.hidden",
        Counts { min: 1, max: 1_000_000 },
        "units of each hidden layer, one entry a layer: its length is the depth",
    ),
    setting(
        "model.activation",
        Choice(&[
            ("relu", "max(0, a)"),
            ("softplus", "log(1 + exp(a))"),
            ("tanh", "tanh(a)"),
            ("sigmoid", "1 / (1 + exp(-a))"),
            ("softsign", "a / (1 + |a|)"),
        ]),
        "nonlinearity of the hidden layers",
    ),
    setting(
        "model.ordering",
        Choice(&[
            ("raster", "row by row from the top left"),
            ("columns", "column by column from the top left"),
            ("reverse", "raster backwards"),
            ("snake", "rows in turn left to right and right to left"),
            ("spiral", "from the border inwards, clockwise"),
            ("spiral-out", "from the centre outwards"),
            ("diagonal", "anti-diagonal by anti-diagonal"),
            ("checkerboard", "white fields of a chess board first, then black"),
            ("random", "uniformly random"),
        ]),
        "order in which pixels condition on each other",
    ),
    setting(
        "model.degrees",
        Choice(&[
            ("random", "uniform, unit by unit, from the least degree of the layer below"),
            ("even", "evenly spaced: no position is left out by chance"),
        ]),
        "how hidden units get their degrees, the number of leading pixels that they may see",
    ),
    setting(
        "model.masks",
        CountOr { min: 1, max: 1_000_000, word: "fresh", json: Otherwise::Word },
        "masks that training cycles through; \"fresh\" = a new one every time",
    ),
    setting(
        "model.resample",
        Choice(&[
            ("both", "ordering and degrees (only a random ordering changes)"),
            ("ordering", "the ordering alone"),
            ("connectivity", "the degrees alone: all masks share one ordering"),
        ]),
        "what differs between two masks of the cycle",
    ),
    setting("model.skip", Flag, "direct connections from input to output"),
    setting("model.condition", Flag, "conditioning weights: a bias that depends on the mask"),
    setting(
        "model.init",
        Choice(&[
            ("glorot", "uniform within sqrt(6 / (inputs + outputs))"),
            ("fan-in", "uniform within sqrt(1 / inputs)"),
            ("orthogonal", "random orthonormal rows or columns"),
        ]),
        "distribution of the initial weights",
    ),
    setting(
        "train.optimizer",
        Tag(&[
            ("adam", "Adam (Kingma and Ba 2015)"),
            ("sgd", "stochastic gradient descent"),
            ("adagrad", "AdaGrad (Duchi et al. 2011)"),
            ("adadelta", "AdaDelta (Zeiler 2012)"),
        ]),
        "update rule and its constants",
    ),
    constant("train.optimizer.adam.lr", Number(ABOVE_ZERO), "learning rate", Some(1e-3)),
    constant(
        "train.optimizer.adam.beta1",
        Number(FRACTION),
        "decay of the first moment",
        Some(0.9),
    ),
    constant(
        "train.optimizer.adam.beta2",
        Number(FRACTION),
        "decay of the second moment",
        Some(0.999),
    ),
    constant(
        "train.optimizer.adam.eps",
        Number(ABOVE_ZERO),
        "added to the root of the second moment",
        Some(1e-8),
    ),
    constant("train.optimizer.sgd.lr", Number(ABOVE_ZERO), "learning rate", None),
    constant(
        "train.optimizer.sgd.momentum",
        Number(FRACTION),
        "momentum; 0 = none",
        Some(0.0),
    ),
    constant("train.optimizer.adagrad.lr", Number(ABOVE_ZERO), "learning rate", None),
    constant(
        "train.optimizer.adagrad.eps",
        Number(ABOVE_ZERO),
        "added to the sum of squares",
        Some(1e-6),
    ),
    constant(
        "train.optimizer.adadelta.lr",
        Number(ABOVE_ZERO),
        "factor on the update; 1 in the original",
        Some(1.0),
    ),
    constant(
        "train.optimizer.adadelta.rho",
        Number(FRACTION),
        "decay of both averages",
        Some(0.95),
    ),
    constant(
        "train.optimizer.adadelta.eps",
        Number(ABOVE_ZERO),
        "added inside both roots",
        Some(1e-6),
    ),
    setting(
        "train.schedule",
        Tag(&[
            ("constant", "factor 1 throughout"),
            ("steps", "multiplied at given fractions of the epochs"),
            ("cosine", "half a cosine from 1 to 0"),
        ]),
        "how the learning rate moves over the epochs",
    ),
    constant(
        "train.schedule.steps.at",
        Rising(INSIDE_ONE),
        "fractions of the epochs, rising",
        None,
    ),
    constant(
        "train.schedule.steps.factor",
        Number(ABOVE_ZERO),
        "what each step multiplies the rate by",
        None,
    ),
    setting("train.batch", COUNT, "images a minibatch"),
    setting("train.epochs", COUNT, "epochs at most"),
    setting("train.remask_every", COUNT, "minibatches between two masks of the cycle"),
    setting(
        "train.patience",
        Count { min: 0, max: 1_000_000_000 },
        "epochs without a better validation NLL before stopping; 0 = never",
    ),
    setting(
        "evaluate.fresh_masks",
        Count { min: 1, max: 1_000_000 },
        "masks of the scored mixture when masks are fresh",
    ),
    setting(
        "sample.count",
        Count { min: 0, max: 1_000_000 },
        "images to draw from the trained model",
    ),
    setting(
        "sample.masks",
        Count { min: 1, max: 1_000_000 },
        "masks averaged at every pixel drawn; 1 = the usual way",
    ),
    setting(
        "sample.temperature",
        Number(AT_LEAST_ZERO),
        "divides every logit: 1 = the model itself; 0 = always the likelier value",
    ),
    setting(
        "sample.order",
        Choice(&[
            ("model", "the model's own ordering"),
            ("inverse", "its inverse: a slip of published code, as a negative control"),
        ]),
        "order in which pixels are drawn",
    ),
];

/// Makes sure that a configuration from elsewhere than an experiment file is one that such a file
/// could have asked for.
pub fn check_config(config: &RunConfig) -> Result<(), String> {
    let all = serde_json::to_value(config).map_err(|error| error.to_string())?;
    for Setting { path, kind, .. } in SETTINGS {
        let found = path.split('.').try_fold(&all, |value, key| value.get(key));
        if let Some(value) = found.filter(|value| !kind.holds(value)) {
            return Err(format!(
                "{path} is {}, expected {}",
                brief(&value.to_string()),
                kind.describe()
            ));
        }
    }
    super::check::too_large(config).map_or(Ok(()), |clash| Err(clash.message))
}

/// Index of a setting in `SETTINGS`.
pub(super) type Leaf = usize;

/// What is derived from the table once.
struct Index {
    by_path: BTreeMap<&'static str, Leaf>,
    /// Of a constant below a tag: the tagged setting and the word.
    tags: Vec<Option<(Leaf, &'static str)>>,
    defaults: Vec<Value>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let by_path: BTreeMap<_, _> = SETTINGS
        .iter()
        .enumerate()
        .map(|(leaf, setting)| (setting.path, leaf))
        .collect();
    let tags: Vec<_> = SETTINGS.iter().map(|setting| tag_of(setting.path, &by_path)).collect();
    let config = serde_json::to_value(RunConfig::default()).unwrap_or_default();
    let defaults = SETTINGS.iter().map(|setting| default_of(setting, &config)).collect();
    Index { by_path, tags, defaults }
});

fn tag_of(
    path: &'static str,
    by_path: &BTreeMap<&'static str, Leaf>,
) -> Option<(Leaf, &'static str)> {
    let (tag, _) = path.rsplit_once('.')?;
    let (parent, word) = tag.rsplit_once('.')?;
    by_path.get(parent).map(|leaf| (*leaf, word))
}

fn default_of(setting: &Setting, config: &Value) -> Value {
    let found = setting.path.split('.').try_fold(config, |value, key| value.get(key));
    match (found, &setting.kind) {
        (Some(Value::Object(tagged)), Tag(_)) => {
            tagged.keys().next().cloned().map_or(Value::Null, Value::String)
        }
        (Some(value), _) => value.clone(),
        (None, _) => setting.unless_given.map_or(Value::Null, Value::from),
    }
}

/// The setting at a path.
pub(super) fn find(path: &str) -> Option<Leaf> {
    INDEX.by_path.get(path).copied()
}

/// Of a constant below a tag, such as `train.optimizer.adam.lr`: the tagged setting and the word it
/// belongs to.
pub(super) fn tag(leaf: Leaf) -> Option<(Leaf, &'static str)> {
    INDEX.tags[leaf]
}

/// The constants below a word of a tagged setting.
pub(super) fn constants(tagged: Leaf, word: &str) -> impl Iterator<Item = Leaf> {
    let below =
        move |leaf: &Leaf| tag(*leaf).is_some_and(|(parent, of)| parent == tagged && of == word);
    (tagged..SETTINGS.len()).filter(below)
}

/// Value of a setting that no file mentions; null for an absent one.
pub(super) fn default(leaf: Leaf) -> &'static Value {
    &INDEX.defaults[leaf]
}

/// Every path, for suggestions.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.path)
}

/// Whether `path` leads to settings without being one: `model`, `train.optimizer.adam`.
pub(super) fn is_group(path: &str) -> bool {
    find(path).is_none()
        && paths().any(|p| p.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// Sets one field of a configuration to a checked value; a tagged setting takes its word with all
/// constants.
pub(super) fn assign(config: &mut RunConfig, path: &str, value: Value) -> serde_json::Result<()> {
    fn put<T: serde::de::DeserializeOwned>(field: &mut T, value: Value) -> serde_json::Result<()> {
        *field = serde_json::from_value(value)?;
        Ok(())
    }
    let RunConfig { data, model, train, evaluate, sample } = config;
    match path {
        "data.name" => put(&mut data.name, value),
        "data.train" => put(&mut data.train, value),
        "data.valid" => put(&mut data.valid, value),
        "data.test" => put(&mut data.test, value),
        "data.size" => put(&mut data.size, value),
        "data.seed" => put(&mut data.seed, value),
        "data.binarize" => put(&mut data.binarize, value),
        "model.hidden" => put(&mut model.hidden, value),
        "model.activation" => put(&mut model.activation, value),
        "model.ordering" => put(&mut model.ordering, value),
        "model.degrees" => put(&mut model.degrees, value),
        "model.masks" => put(&mut model.masks, value),
        "model.resample" => put(&mut model.resample, value),
        "model.skip" => put(&mut model.skip, value),
        "model.condition" => put(&mut model.condition, value),
        "model.init" => put(&mut model.init, value),
        "train.optimizer" => put(&mut train.optimizer, value),
        "train.schedule" => put(&mut train.schedule, value),
        "train.batch" => put(&mut train.batch, value),
        "train.epochs" => put(&mut train.epochs, value),
        "train.remask_every" => put(&mut train.remask_every, value),
        "train.patience" => put(&mut train.patience, value),
        "evaluate.fresh_masks" => put(&mut evaluate.fresh_masks, value),
        "sample.count" => put(&mut sample.count, value),
        "sample.masks" => put(&mut sample.masks, value),
        "sample.temperature" => put(&mut sample.temperature, value),
        "sample.order" => put(&mut sample.order, value),
        _ => Err(serde::de::Error::custom(format!("no field at `{path}`"))),
    }
}
