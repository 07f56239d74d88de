//! Output distributions: what the network says about a pixel, given those before it.
//!
//! A conditional is a distribution with P parameters. A pixel has P output units, next to each
//! other, and the mask of the pixel is the mask of all of them.
//!
//! | output | parameters of a pixel | P |
//! |---|---|---|
//! | Bernoulli | logit | 1 |
//! | categorical | logit of each level | K |
//! | logistic mixture | M logits, M means, M log scales | 3 M |
//!
//! A model may be told the class of an image. The class enters as one input for each class, of
//! degree zero: every unit sees all of them. All outputs are connected to them directly, or the
//! first pixel, which sees no hidden unit, would not depend on the class.
//!
//! The logistic mixture (Salimans et al. 2017) is discretised: levels 0..K are the points
//! 2 k / (K - 1) - 1 of [-1, 1], and the mass of a level is that of the interval halfway to its
//! neighbours; the intervals of the first and the last level reach to infinity. Log scales below
//! [`MIN_LOG_SCALE`] count as that: a narrower component would put all its mass on one level, and
//! its gradient would vanish.

use serde::{Deserialize, Serialize};

use crate::data::Shape;

/// Smallest log scale of a logistic: with 256 levels, an eighth of the distance between two of
/// them.
pub const MIN_LOG_SCALE: f32 = -7.0;

/// Maximum number of levels of a pixel, and of parameters of its distribution.
pub const MOST_PARAMETERS: usize = 256;

/// Maximum number of components of a mixture.
pub const MOST_COMPONENTS: usize = 64;

/// `model.output`: kind of the distribution of a pixel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// On or off.
    #[default]
    Bernoulli,
    /// One probability for each level.
    Categorical,
    /// Mixture of logistic distributions over the levels.
    LogisticMixture,
}

/// `model.input`: form in which pixels enter the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// One input from 0 (black) to 1 (white).
    #[default]
    Scaled,
    /// One input for each level but the lowest, which is all of them off.
    OneHot,
}

/// Numbers that describe an image and its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variables {
    /// Number of pixels D.
    pub dim: usize,
    /// Number of levels of a pixel: values 0..levels.
    pub levels: usize,
    /// Number of classes C that are given to the model; 0 = it is not told the class.
    pub classes: usize,
}

impl From<usize> for Variables {
    /// Black and white pixels.
    fn from(dim: usize) -> Self {
        Self { dim, levels: 2, classes: 0 }
    }
}

impl From<Shape> for Variables {
    /// Black and white pixels.
    fn from(shape: Shape) -> Self {
        shape.dim().into()
    }
}

impl Shape {
    /// Images of this shape, with pixels of `levels` levels.
    pub fn with_levels(self, levels: usize) -> Variables {
        Variables { dim: self.dim(), levels, classes: 0 }
    }
}

impl Variables {
    /// The same, of which the model is told one of `classes` classes.
    #[must_use]
    pub fn with_classes(self, classes: usize) -> Self {
        Self { classes, ..self }
    }
}

/// Distribution of a pixel with all that its probabilities depend on besides its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// On or off.
    Bernoulli,
    /// One probability for each of K levels.
    Categorical {
        /// K.
        levels: usize,
    },
    /// Mixture of M logistic distributions, discretised to K levels.
    LogisticMixture {
        /// K.
        levels: usize,
        /// M.
        components: usize,
    },
}

impl Distribution {
    /// The distribution of pixels with this many levels.
    ///
    /// # Panics
    /// If it cannot have them: configurations are checked before.
    pub fn new(output: OutputKind, levels: usize, components: usize) -> Self {
        assert!((2..=MOST_PARAMETERS).contains(&levels), "{levels} levels");
        match output {
            OutputKind::Bernoulli => {
                assert!(levels == 2, "a Bernoulli pixel has two levels, not {levels}");
                Self::Bernoulli
            }
            OutputKind::Categorical => Self::Categorical { levels },
            OutputKind::LogisticMixture => {
                assert!((1..=MOST_COMPONENTS).contains(&components), "{components} components");
                Self::LogisticMixture { levels, components }
            }
        }
    }

    /// Number of parameters of a pixel, P.
    pub fn parameters(self) -> usize {
        match self {
            Self::Bernoulli => 1,
            Self::Categorical { levels } => levels,
            Self::LogisticMixture { components, .. } => 3 * components,
        }
    }

    /// Number of levels of a pixel.
    pub fn levels(self) -> usize {
        match self {
            Self::Bernoulli => 2,
            Self::Categorical { levels } | Self::LogisticMixture { levels, .. } => levels,
        }
    }
}

impl Input {
    /// Number of inputs of a pixel with this many levels.
    pub fn units(self, levels: usize) -> usize {
        match self {
            Self::Scaled => 1,
            Self::OneHot => levels - 1,
        }
    }
}
