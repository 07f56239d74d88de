//! Settings of MADE: every leaf of [`RunConfig`] once, with its kind, range and meaning; defaults
//! are those of `RunConfig`. A test compares the table with serde's view of `RunConfig`.

use serde_json::Value;

use crate::config::RunConfig;
use crate::data::LevelCount;
use crate::made::output::MOST_COMPONENTS;
use crate::trainer::kind::Kind::{
    self, Choice, Count, CountOf, CountOr, Counts, Flag, Number, Rising, Tag, Text,
};
use crate::trainer::kind::{ABOVE_ZERO, Bounds, FRACTION, INSIDE_ONE, SEED_MAX, WordValue};
use crate::trainer::{Setting, Settings};

const COUNT: Kind = Count { min: 1, max: 1_000_000_000 };
const IMAGES: Kind = CountOr {
    min: 1,
    max: 1_000_000_000,
    word: "all",
    json: WordValue::Absent,
};
const AT_LEAST_ZERO: Bounds = Bounds { min: Some((0.0, true)), max: None };

/// Every setting of a run, in the order of [`RunConfig`].
pub(super) fn settings() -> Settings {
    let config = serde_json::to_value(RunConfig::default()).expect("plain data");
    let setting = |path: &str, kind: Kind, doc: &str| {
        let found = path.split('.').try_fold(&config, |value, key| value.get(key));
        let default = match (found, &kind) {
            (Some(Value::Object(tagged)), Tag(_)) => {
                tagged.keys().next().cloned().map_or(Value::Null, Value::String)
            }
            (found, _) => found.cloned().unwrap_or_default(),
        };
        Setting {
            path: path.into(),
            kind,
            doc: doc.into(),
            default,
            implied: false,
        }
    };
    // A constant has a default of its own only if its word is that of the default.
    let constant = |path: &str, kind: Kind, doc: &str, unless_given: Option<f64>| Setting {
        default: unless_given.map_or(Value::Null, Value::from),
        ..setting(path, kind, doc)
    };
    // Serde leaves it out at its default, which is therefore not in the configuration.
    let implied = |path: &str, kind: Kind, doc: &str, default: Value| Setting {
        default,
        implied: true,
        ..setting(path, kind, doc)
    };
    Settings::new(vec![
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
        implied(
            "data.levels",
            CountOf(&LevelCount::ALL),
            "levels of a pixel; 2 = on or off, more are greys: likelihoods of two numbers do not compare",
            LevelCount::default().get().into(),
        ),
        implied(
            "data.values",
            Choice(&[
                ("pixels", "levels of images, or vectors of bits"),
                ("real", "real numbers of a table, standardised by its training rows"),
            ]),
            "kind of the values: densities of real numbers and likelihoods of pixels do not compare",
            "pixels".into(),
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
            CountOr { min: 1, max: 1_000_000, word: "fresh", json: WordValue::Word },
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
        implied(
            "model.output",
            Choice(&[
                ("bernoulli", "on or off"),
                ("categorical", "one probability for each level"),
                ("logistic-mixture", "mixture of logistic distributions over the levels"),
                ("gaussian", "normal density of a real number"),
                ("gaussian-mixture", "mixture of normal densities"),
            ]),
            "distribution of a pixel, or a real number, given those before it",
            "bernoulli".into(),
        ),
        implied(
            "model.components",
            Count { min: 1, max: MOST_COMPONENTS as u64 },
            "components of a mixture",
            5.into(),
        ),
        implied(
            "model.input",
            Choice(&[
                ("scaled", "one input from 0 (black) to 1 (white); a real number as it is"),
                ("one-hot", "one input for each level but the lowest"),
            ]),
            "how grey pixels enter the network",
            "scaled".into(),
        ),
        implied(
            "model.classes",
            Flag,
            "the model is told the class of an image: likelihoods with and without do not compare",
            false.into(),
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
            "divides the logarithm of every probability or density: 1 = the model itself; 0 = always the likeliest value",
        ),
        setting(
            "sample.order",
            Choice(&[
                ("model", "the model's own ordering"),
                ("inverse", "its inverse: a slip of published code, as a negative control"),
            ]),
            "order in which pixels are drawn",
        ),
    ])
}
