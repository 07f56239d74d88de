//! `RunConfig`: everything that decides a run's numbers besides its seed, and nothing else.
//!
//! Its canonical JSON is part of the run's identity. Settings that only decide where or how fast a
//! run executes are elsewhere.

use serde::{Deserialize, Serialize};

use crate::data::DataConfig;
use crate::made::ModelConfig;
use crate::train::TrainConfig;

/// One variant of a study, with every setting resolved.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Data set, its sizes and its binarisation.
    pub data: DataConfig,
    /// The network and its masks.
    pub model: ModelConfig,
    /// Optimiser, minibatches and stopping rule.
    pub train: TrainConfig,
    /// Masks of the final score.
    pub evaluate: EvaluateConfig,
    /// Images drawn from the trained model.
    pub sample: SampleConfig,
}

/// `[evaluate]` of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateConfig {
    /// Masks of the mixture when training never repeats one (`model.masks = "fresh"`); a cycle is
    /// evaluated whole.
    pub fresh_masks: usize,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self { fresh_masks: 32 }
    }
}

/// `[sample]` of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleConfig {
    /// Images to draw from the trained model.
    pub count: usize,
    /// Masks averaged at every pixel drawn; 1 = the usual way.
    pub masks: usize,
    /// Divides the logarithm of every probability or density: below 1 sharper, 1 = the model itself; 0
    /// = the likeliest value.
    pub temperature: f64,
    /// Order in which pixels are drawn.
    pub order: SampleOrder,
}

impl Default for SampleConfig {
    fn default() -> Self {
        Self {
            count: 100,
            masks: 1,
            temperature: 1.0,
            order: SampleOrder::Model,
        }
    }
}

/// Order in which the sampler draws pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleOrder {
    /// The model's own ordering: the only correct one.
    Model,
    /// The inverse of the ordering: a mistake in published code, offered as a negative control.
    Inverse,
}
