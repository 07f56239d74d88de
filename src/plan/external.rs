//! Values of another tool that a plan compares with those of its own runs.

use serde::{Deserialize, Serialize};

use super::names;
use crate::rng::Seed;

/// An `[[external]]`: values of another tool, as they were when the experiment was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// Label, for people.
    pub label: String,
    /// Label in ASCII, for tables.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
    /// The file as the experiment names it.
    pub file: String,
    /// Study with whose variants it is compared, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study: Option<String>,
    /// Values in the order of the file, one for each seed.
    pub values: Vec<ExternalValue>,
    /// Number of examples of which each value is the mean, if the file has one row for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<usize>,
}

/// Value of another tool with one seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalValue {
    /// Seed.
    pub seed: Seed,
    /// Value of the compared metric.
    pub value: f64,
}

impl External {
    /// True if it is compared in the study of this name.
    pub fn is_in(&self, study: &str) -> bool {
        self.study.as_ref().is_none_or(|own| own == study)
    }

    /// Hash of its values.
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(&(&self.values, &self.examples)).expect("plain data");
        blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
    }

    /// Value with a seed.
    pub fn of(&self, seed: Seed) -> Option<f64> {
        self.values.iter().find(|own| own.seed == seed).map(|own| own.value)
    }
}
