//! The three sets of every data set, and the random streams of the data seed.

use crate::rng::{Purpose, Seed, Stream};

/// One of the three sets of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Training set: the model learns from it.
    Train,
    /// Validation set: epochs are selected on it.
    Valid,
    /// Test set: results are reported on it.
    Test,
}

impl Part {
    /// All three sets, in this order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// `train`, `valid` or `test`.
    pub fn name(self) -> &'static str {
        ["train", "valid", "test"][self as usize]
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Purpose of a random number within `Purpose::Data`. The value is part of the derivation: changing
/// one changes images.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    Digits = 1,
    Letters = 2,
    Shapes = 3,
    /// Assignment of the images of a common pool to the three sets.
    Split = 4,
    /// Selection of the images of a set that a smaller size retains.
    Subset = 5,
    Binarize = 6,
    Moons = 7,
    Rings = 8,
    Spirals = 9,
    Grid = 10,
}

/// Random stream of image `i` of `part`, or of the whole part for purposes that draw once for all
/// of it.
pub(crate) fn stream(seed: u64, purpose: Use, part: Part, i: usize) -> Stream {
    Seed(seed).stream(Purpose::Data, (purpose as u64) << 48 | (part as u64) << 40 | i as u64)
}
