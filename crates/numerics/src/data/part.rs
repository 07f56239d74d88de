//! The three sets every data set has, and the random streams that belong to data.

use crate::rng::{Purpose, Seed, Stream};

/// One of the three sets of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What a model learns from.
    Train,
    /// What epochs are chosen on.
    Valid,
    /// What is reported.
    Test,
}

impl Part {
    /// All three, in this order.
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

/// What a random number is for within `Purpose::Data`. The value is part of the derivation:
/// changing one changes images.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    Digits = 1,
    Letters = 2,
    Shapes = 3,
    /// Which images of a common pool go to which of the three sets.
    Split = 4,
    /// Which images of a set a smaller size keeps.
    Subset = 5,
    Binarize = 6,
}

/// The stream of image `i` of `part`, or of the whole part for uses that draw once for all of it.
pub(crate) fn stream(seed: u64, purpose: Use, part: Part, i: usize) -> Stream {
    Seed(seed).stream(Purpose::Data, (purpose as u64) << 48 | (part as u64) << 40 | i as u64)
}
