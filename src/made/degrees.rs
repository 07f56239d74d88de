//! Degrees: the number of leading positions of the ordering that a hidden unit may depend on.

use serde::{Deserialize, Serialize};

/// How hidden units get their degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DegreeRule {
    /// Uniform in {min of the layer below, .., D-1}, unit by unit.
    Random,
    /// Evenly spaced over {1, .., D-1}.
    Even,
}
