//! Values that a run of MADE reports, and its metrics. All likelihoods are negative log-likelihoods
//! in nats per image at the best epoch on validation.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::Binarization;
use crate::trainer::{
    Better, Column, Curve, Facts, Metric, MetricWords, Metrics, PerExample, Source, Unit,
};

/// Test NLL of the first mask.
pub const TEST: &str = "test-nll";
/// Test NLL of the mixture over the trained masks.
pub const MIXTURE: &str = "test-nll-mixture";
/// Test NLL of the masks that sampling averages at every pixel.
pub const AVERAGED: &str = "test-nll-averaged";
/// Accuracy of the classes that follow by Bayes' rule.
pub const ACCURACY: &str = "test-accuracy";
/// Validation NLL.
pub const VALID: &str = "valid-nll";

/// Values that a run reports besides its status and epochs. NLL in nats per image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MadeFacts {
    /// Trainable parameters, masked ones included.
    pub parameters: u64,
    /// Parameters that at least one mask of the cycle leaves open.
    pub connected_parameters: u64,
    /// NLL of the training set (up to 10,000 images of it) under the first mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_nll_nats: Option<f64>,
    /// NLL of the validation set under the first mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_nll_nats: Option<f64>,
    /// NLL of the test set under the first mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_nll_nats: Option<f64>,
    /// NLL of the test set under the mixture of all masks of the cycle: log-mean-exp of the joint
    /// log-likelihoods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_nll_mixture_nats: Option<f64>,
    /// Number of masks in that mixture.
    pub mixture_masks: usize,
    /// Exact test NLL of the model that averages masks at every pixel (`sample.masks`), if it is
    /// defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_nll_averaged_nats: Option<f64>,
    /// NLL of the test set without the classes: of the mixture over them, for a model that is told the
    /// class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_nll_without_class_nats: Option<f64>,
    /// Share of the test images whose class is the likeliest by Bayes' rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// NLL of the test rows in the units of the table, for a density of real numbers: with the sum of
    /// the logarithms of the standard deviations of its columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_nll_own_units_nats: Option<f64>,
    /// Share of the predicted densities of the test values that have a component about as narrow as it
    /// can be: the likelihood depends on that bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_at_smallest_scale: Option<f64>,
    /// Number of test rows with a number further from its mean than counts
    /// ([`MOST_DEVIATIONS`](crate::made::output::MOST_DEVIATIONS)), if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_rows_beyond_bound: Option<usize>,
    /// Number of classes that the model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Number of pixels of an image.
    pub dim: usize,
    /// Binarisation of the pixels; absent from runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binarization: Option<Binarization>,
    /// Instruction set of the kernels. Results are bit-identical where it agrees, and between all
    /// instruction sets with a fused multiply-add.
    pub kernel: String,
}

impl MadeFacts {
    /// The facts of a run; `None` unless they are those of MADE.
    pub fn of(facts: &Facts) -> Option<Self> {
        serde_json::from_value(Value::Object(facts.clone())).ok()
    }

    /// Values by name.
    pub fn facts(&self) -> Facts {
        match serde_json::to_value(self) {
            Ok(Value::Object(facts)) => facts.into_iter().filter(|(_, v)| !v.is_null()).collect(),
            _ => Facts::new(),
        }
    }
}

fn number(facts: &Facts, name: &str) -> Option<f64> {
    facts.get(name).and_then(Value::as_f64)
}

/// NLL of averaged masks; the average of one mask is that mask.
fn averaged(facts: &Facts) -> Option<f64> {
    number(facts, "test_nll_averaged_nats").or_else(|| number(facts, "test_nll_nats"))
}

/// Share of densities at the smallest scale from which tables say so.
const NARROW: f64 = 1e-3;

/// A sentence on a metric of several masks where every run had one alone, or on densities that a bound
/// decides, such as those of numbers very far from what a model expects.
pub(super) fn remark(metric: &str, runs: &[&Facts]) -> Option<&'static str> {
    let all = |is_of_one: fn(&Facts) -> bool| {
        !runs.is_empty() && runs.iter().all(|facts| is_of_one(facts))
    };
    match metric {
        AVERAGED if all(|facts| !facts.contains_key("test_nll_averaged_nats")) => Some(
            "nothing is averaged, as sample.masks is 1 in every variant: this is the test NLL of the first mask",
        ),
        ACCURACY if all(|facts| !facts.contains_key("test_accuracy")) => Some(
            "no run has it: a model has an accuracy if it is told the class (model.classes = true)",
        ),
        MIXTURE if all(|facts| number(facts, "mixture_masks") == Some(1.0)) => Some(
            "nothing is mixed, as every variant has one mask: this is the test NLL of the first mask",
        ),
        _ if runs.iter().any(|facts| facts.contains_key("test_rows_beyond_bound")) => Some(
            "some test rows have a value about a million predicted standard deviations from its mean or further              (test_rows_beyond_bound in runs.csv), which counts as a million: their NLL is that of the bound",
        ),
        _ if runs.iter().any(|facts| number(facts, "share_at_smallest_scale") > Some(NARROW)) => {
            Some(
                "some densities are about as narrow as a model may make them (share_at_smallest_scale in runs.csv is above \
             0.1 %), which repeated values cause: there the NLL depends on that bound, and differences are not evidence",
            )
        }
        _ => None,
    }
}

/// Bits per dimension; those of a density would depend on the unit of each column.
fn bits_per_dim(facts: &Facts) -> Option<f64> {
    let dim = number(facts, "dim").filter(|_| !facts.contains_key("test_nll_own_units_nats"))?;
    Some(number(facts, "test_nll_nats")? / (dim * std::f64::consts::LN_2))
}

/// Words for the examples of a run.
pub(super) struct ExampleWords {
    /// `image`, with its plural.
    example: [&'static str; 2],
    /// Plural of its variables.
    variables: &'static str,
    /// Scale of the likelihoods, behind the unit.
    pub(super) scale: &'static str,
    /// True if the likelihoods are probabilities, so that every NLL is above zero.
    has_ratios: bool,
}

/// Words for images.
pub(super) const IMAGES: ExampleWords = ExampleWords {
    example: ["image", "images"],
    variables: "pixels",
    scale: "",
    has_ratios: true,
};

/// Words for the rows of a table of real numbers.
pub(super) const ROWS: ExampleWords = ExampleWords {
    example: ["row", "rows"],
    variables: "columns",
    scale: " of standardised columns",
    has_ratios: false,
};

/// Declarations of all values that runs report, in these words.
pub(super) fn metrics(of: &ExampleWords) -> Metrics {
    let ExampleWords { example: [example, examples], variables, scale, has_ratios } = of;
    let unit = Unit {
        short: "nats".into(),
        long: format!("nats per {example}"),
        explained: format!(
            "nats per {example}: negative log-likelihood{scale} summed over {variables}, averaged over {examples}"
        ),
    };
    let in_words = |text: &str| match *example {
        "image" => text.to_owned(),
        _ => text
            .replace("images", examples)
            .replace("image", example)
            .replace("every pixel", "every column"),
    };
    let metric = |name: &str, source: Source, curve: usize, words: [&str; 6]| Metric {
        name: name.into(),
        column: name.replace('-', "_"),
        unit: unit.clone(),
        better: Better::Lower,
        source,
        words: {
            let [head, short, long, axis, doc, exact] = words.map(in_words);
            let exact = format!(
                "{exact}, in nats per {example}{scale}: summed over {variables}, averaged over {examples}"
            );
            MetricWords { head, short, long, axis, doc, exact }
        },
        curve: Some(curve),
        examples: PerExample::Of(|_| None),
        selects: false,
    };
    let fact = |name: &str| Source::Fact(name.to_owned());
    let test = Metric {
        examples: PerExample::Of(|_| Some("test_nll.npy")),
        ..metric(
            TEST,
            fact("test_nll_nats"),
            2,
            [
                "test NLL",
                "test NLL",
                "test NLL",
                "Test NLL",
                "test NLL of the first mask",
                "negative log-likelihood of the test images under the first mask",
            ],
        )
    };
    let mixture = Metric {
        // The mixture of one mask is that mask.
        examples: PerExample::Of(|facts| match number(facts, "mixture_masks") {
            Some(1.0) => Some("test_nll.npy"),
            _ => Some("test_nll_mixture.npy"),
        }),
        ..metric(
            MIXTURE,
            fact("test_nll_mixture_nats"),
            2,
            [
                "mixture NLL",
                "mixture NLL",
                "test NLL of the mixture over the trained masks",
                "Test NLL, mixture of masks",
                "test NLL of the mixture over the trained masks",
                "negative log-likelihood of the test images under the mixture of the trained masks",
            ],
        )
    };
    let averaged = Metric {
        examples: PerExample::Of(|facts| match facts.get("test_nll_averaged_nats") {
            None => Some("test_nll.npy"),
            Some(_) => Some("test_nll_averaged.npy"),
        }),
        ..metric(
            AVERAGED,
            Source::Derived(averaged),
            2,
            [
                "averaged NLL",
                "averaged NLL",
                "test NLL of the masks averaged at every pixel",
                "Test NLL, averaged masks",
                "test NLL with the conditionals of `sample.masks` masks averaged at every pixel",
                "negative log-likelihood of the test images under the average of the masks' conditionals",
            ],
        )
    };
    let valid = Metric {
        selects: true,
        ..metric(
            VALID,
            fact("valid_nll_nats"),
            1,
            [
                "valid NLL",
                "validation NLL",
                "validation NLL",
                "Validation NLL",
                "validation NLL of the first mask",
                "negative log-likelihood of the validation images under the first mask",
            ],
        )
    };
    let accuracy = Metric {
        name: ACCURACY.into(),
        column: "test_accuracy".into(),
        unit: Unit::default(),
        better: Better::Higher,
        source: fact("test_accuracy"),
        words: MetricWords {
            head: "accuracy".into(),
            short: "test accuracy".into(),
            long: "test accuracy by Bayes' rule".into(),
            axis: "Test accuracy".into(),
            doc: in_words(
                "share of test images whose class is the likeliest by Bayes' rule (`model.classes`)",
            ),
            exact: in_words(
                "share of the test images whose class has the largest p(image | class) p(class), with the classes' shares of \
                 the training images as p(class)",
            ),
        },
        curve: Some(2),
        examples: PerExample::Of(|_| Some("test_correct.npy")),
        selects: false,
    };
    let column = |name: &str| match name {
        "test_bits_per_dim" => Column {
            name: name.into(),
            source: Source::Derived(bits_per_dim),
            is_always_there: true,
        },
        name => Column { name: name.into(), source: fact(name), is_always_there: true },
    };
    let of_some = |name: &str| Column {
        name: name.into(),
        source: fact(name),
        is_always_there: false,
    };
    let curve = |head: &str, words: &str| Curve {
        name: format!("{head}_nll"),
        unit: unit.clone(),
        head: head.into(),
        words: words.into(),
        better: Some(Better::Lower),
    };
    let mut metrics = Metrics::new(vec![test, mixture, averaged, valid, accuracy]);
    metrics.select = 3;
    metrics.columns = [
        "parameters",
        "train_nll_nats",
        "valid_nll_nats",
        "test_nll_nats",
        "test_nll_mixture_nats",
        "test_bits_per_dim",
        "connected_parameters",
        "mixture_masks",
        "test_nll_averaged_nats",
        "kernel",
    ]
    .map(column)
    .to_vec();
    metrics.columns.extend(
        [
            "test_nll_without_class_nats",
            "test_accuracy",
            "test_nll_own_units_nats",
            "share_at_smallest_scale",
            "test_rows_beyond_bound",
        ]
        .map(of_some),
    );
    metrics.curves =
        vec![curve("train", "training"), curve("valid", "validation"), curve("test", "test")];
    metrics.training = Some(0);
    metrics.size = Some("parameters".into());
    metrics.size_axis = "Trainable parameters".into();
    metrics.shown = vec!["connected_parameters".into()];
    metrics.family = "NLL".into();
    metrics.family_axis = "Negative log-likelihood".into();
    metrics.scored_at = "best epoch on validation".into();
    metrics.selection =
        "the epoch is chosen on the validation set, the number reported is of the test set".into();
    metrics.has_ratios = *has_ratios;
    metrics.examples = (*examples).into();
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_that_a_bound_decides_are_remarked() {
        let of = |share: f64| {
            let facts: Facts =
                [("share_at_smallest_scale".to_owned(), share.into())].into_iter().collect();
            remark(TEST, &[&Facts::new(), &facts])
        };
        assert!(of(0.002).is_some_and(|remark| remark.contains("about as narrow")));
        assert_eq!(of(0.0005), None);
        let facts: Facts = [("test_rows_beyond_bound".to_owned(), 1.into())].into_iter().collect();
        let remark = remark(TEST, &[&Facts::new(), &facts]);
        assert!(remark.is_some_and(|remark| remark.contains("a million")), "{remark:?}");
    }

    #[test]
    fn rows_are_no_images_and_both_have_the_same_metrics() {
        let [images, rows] = [metrics(&IMAGES), metrics(&ROWS)];
        let names = |metrics: &Metrics| {
            metrics
                .all
                .iter()
                .map(|metric| (metric.name.clone(), metric.column.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&images), names(&rows));
        let text = format!("{:?}", rows.all);
        assert!(!text.contains("image") && !text.contains("pixel"), "{text}");
        assert!(images.has_ratios && !rows.has_ratios);
    }
}
