//! Settings that are valid each, but contradict each other. Every variant is checked before the
//! first run starts.

use crate::config::RunConfig;
use crate::data::{Binarize, DataConfig};
use crate::made::ordering::OrderingRule;
use crate::made::output::{Input, OutputKind};
use crate::made::{MaskCount, ModelConfig, Resample};
use crate::trainer::Clash;

/// All contradictions in a configuration.
pub(super) fn clashes(config: &RunConfig) -> Vec<Clash> {
    [
        masks_alike(&config.model),
        masks_averaged(config),
        orderings_averaged(config),
        batch(config),
        values_of_output(config),
        real_one_hot(config),
        greys_binarised(config),
        pixels_of_reals(&config.data),
        too_large(config),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// True if two masks of the cycle may have different orderings.
fn orderings_differ(model: &ModelConfig) -> bool {
    model.ordering == OrderingRule::Random
        && model.resample != Resample::Connectivity
        && model.masks != MaskCount::Cycle(1)
}

/// True if two masks of the cycle may have different degrees.
fn degrees_differ(model: &ModelConfig) -> bool {
    // Even degrees differ, too: their assignment to units is drawn for every mask.
    model.resample != Resample::Ordering && !model.hidden.is_empty()
}

fn masks_alike(model: &ModelConfig) -> Option<Clash> {
    if model.masks == MaskCount::Cycle(1) || orderings_differ(model) || degrees_differ(model) {
        return None;
    }
    let (settings, why) = match model.resample {
        Resample::Ordering => (
            vec!["model.resample", "model.ordering", "model.masks"],
            "only a random ordering changes",
        ),
        Resample::Connectivity | Resample::Both => (
            vec!["model.hidden", "model.ordering", "model.masks"],
            "without a hidden layer only a random ordering changes",
        ),
    };
    let masks = match model.masks {
        MaskCount::Cycle(n) => format!("all {n} masks"),
        MaskCount::Fresh => "all fresh masks".to_owned(),
    };
    Some(Clash {
        message: format!("{masks} would be the same: {why}"),
        settings,
        help: "set model.masks = 1, or let something change: ordering = \"random\" or resample = \"both\"",
    })
}

fn masks_averaged(config: &RunConfig) -> Option<Clash> {
    let MaskCount::Cycle(trained) = config.model.masks else { return None };
    (config.sample.masks > trained).then(|| Clash {
        message: format!(
            "sample.masks = {} is more than the {trained} that training cycles through",
            config.sample.masks
        ),
        settings: vec!["sample.masks", "model.masks"],
        help: "sampling averages masks that were trained",
    })
}

fn orderings_averaged(config: &RunConfig) -> Option<Clash> {
    (config.sample.masks > 1 && orderings_differ(&config.model)).then(|| Clash {
        message: format!(
            "sample.masks = {} averages masks of different orderings: they share no next pixel",
            config.sample.masks
        ),
        settings: vec!["sample.masks", "model.ordering", "model.resample"],
        help: "with resample = \"connectivity\" all masks share one ordering",
    })
}

/// Error for a network that no machine holds: 2^36 weights between hidden layers take 256 GiB
/// before the first minibatch.
pub(super) fn too_large(config: &RunConfig) -> Option<Clash> {
    const MOST_WEIGHTS: u64 = 1 << 36;
    const MOST_UNITS: u64 = 10_000_000;
    const MOST_LAYERS: usize = 1000;
    let hidden = &config.model.hidden;
    let units = hidden.iter().fold(0u64, |sum, &units| sum.saturating_add(units as u64));
    let pairs = hidden.windows(2).map(|pair| (pair[0] as u64).saturating_mul(pair[1] as u64));
    let weights = pairs.fold(0, u64::saturating_add);
    (hidden.len() > MOST_LAYERS || units > MOST_UNITS || weights > MOST_WEIGHTS).then(|| Clash {
        message: format!(
            "model.hidden asks for {} layers of {units} units in all, with {weights} weights between them",
            hidden.len()
        ),
        settings: vec!["model.hidden"],
        help: "at most 1,000 layers, 10 million units and 2^36 weights are expected",
    })
}

/// Error for an output that is no distribution of the values of the data: real numbers have densities,
/// and pixels have probabilities of as many levels as they have.
pub(super) fn values_of_output(config: &RunConfig) -> Option<Clash> {
    let (output, levels) = (config.model.output, config.data.levels.get());
    if output.is_density() != config.data.values.is_real() {
        let (message, help) = if output.is_density() {
            (
                format!(
                    "model.output = \"{}\" is a density of real numbers, and data.values is \"pixels\"",
                    output.name()
                ),
                "set data.values = \"real\" for a table of numbers; pixels have model.output = \"bernoulli\", \"categorical\" or \"logistic-mixture\"",
            )
        } else {
            (
                format!(
                    "data.values = \"real\" is of real numbers, and model.output = \"{}\" is a distribution of pixels",
                    output.name()
                ),
                "set model.output = \"gaussian\" or \"gaussian-mixture\", the densities of real numbers",
            )
        };
        return Some(Clash { message, settings: vec!["model.output", "data.values"], help });
    }
    let (message, help) = match output {
        OutputKind::Bernoulli if levels > 2 => (
            format!(
                "model.output = \"bernoulli\" is of pixels that are on or off, and data.levels is {levels}"
            ),
            "model.output = \"categorical\" or \"logistic-mixture\" has grey levels; or set data.levels = 2",
        ),
        OutputKind::LogisticMixture if levels == 2 => (
            "model.output = \"logistic-mixture\" is of grey levels, and data.levels is 2"
                .to_owned(),
            "set data.levels = 4, 16 or 256; pixels that are on or off have model.output = \"bernoulli\"",
        ),
        _ => return None,
    };
    Some(Clash { message, settings: vec!["model.output", "data.levels"], help })
}

fn real_one_hot(config: &RunConfig) -> Option<Clash> {
    let is_one_hot = config.model.input == Input::OneHot;
    (config.data.values.is_real() && is_one_hot).then(|| Clash {
        message: "model.input = \"one-hot\" has an input for each level, and data.values = \"real\" has no levels"
            .to_owned(),
        settings: vec!["model.input", "data.values"],
        help: "real numbers enter as they are: leave model.input out",
    })
}

fn greys_binarised(config: &RunConfig) -> Option<Clash> {
    let DataConfig { levels, binarize, .. } = &config.data;
    let rule = match binarize {
        Binarize::Threshold => return None,
        Binarize::Stochastic => "stochastic",
        Binarize::Dynamic => "dynamic",
    };
    levels.is_grey().then(|| Clash {
        message: format!(
            "data.levels = {levels} keeps greys, and data.binarize = \"{rule}\" makes them 0 and 1"
        ),
        settings: vec!["data.levels", "data.binarize"],
        help: "grey levels are quantised without a draw: set data.levels = 2, or leave data.binarize out",
    })
}

/// Settings of pixels on a table of real numbers.
fn pixels_of_reals(data: &DataConfig) -> Option<Clash> {
    let default = DataConfig::default();
    let set = [
        (data.levels != default.levels, "data.levels"),
        (data.binarize != default.binarize, "data.binarize"),
        (data.size != default.size, "data.size"),
    ];
    let (_, setting) = set.into_iter().find(|(is_set, _)| *is_set)?;
    data.values.is_real().then(|| Clash {
        message: format!("{setting} is of pixels, and data.values = \"real\" has none"),
        settings: vec![setting, "data.values"],
        help: "real numbers are neither quantised nor binarised nor resized: leave it out, or set data.values = \"pixels\"",
    })
}

fn batch(config: &RunConfig) -> Option<Clash> {
    let images = config.data.train.filter(|images| config.train.batch > *images)?;
    Some(Clash {
        message: format!(
            "train.batch = {} is more than the {images} training images",
            config.train.batch
        ),
        settings: vec!["train.batch", "data.train"],
        help: "a minibatch is part of the training set",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ValueKind;

    #[test]
    fn densities_are_of_real_numbers_and_only_these() {
        use OutputKind::{Bernoulli, Categorical, Gaussian, GaussianMixture};
        for (output, values, input, clash) in [
            (Bernoulli, ValueKind::Pixels, Input::Scaled, None),
            (Gaussian, ValueKind::Real, Input::Scaled, None),
            (GaussianMixture, ValueKind::Real, Input::Scaled, None),
            (
                Gaussian,
                ValueKind::Pixels,
                Input::Scaled,
                Some("model.output = \"gaussian\" is a"),
            ),
            (
                Categorical,
                ValueKind::Real,
                Input::Scaled,
                Some("model.output = \"categorical\""),
            ),
            (Gaussian, ValueKind::Real, Input::OneHot, Some("model.input = \"one-hot\"")),
        ] {
            let mut config = RunConfig::default();
            config.data.values = values;
            (config.model.output, config.model.input) = (output, input);
            let found = clashes(&config);
            assert_eq!(found.len(), usize::from(clash.is_some()), "{output:?} {values:?}");
            for (found, words) in found.iter().zip(clash) {
                assert!(found.message.contains(words), "{}", found.message);
                assert!(found.settings.iter().any(|path| path.starts_with("data.values")));
            }
        }
    }
}
