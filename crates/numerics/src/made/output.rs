//! Output distributions: what the network says about a pixel, given those before it. Of a vector of
//! real numbers, a pixel is one number.
//!
//! A conditional is a distribution with P parameters. A pixel has P output units, next to each
//! other, and the mask of the pixel is the mask of all of them.
//!
//! | output | parameters of a pixel | P |
//! |---|---|---|
//! | Bernoulli | logit | 1 |
//! | categorical | logit of each level | K |
//! | logistic mixture | M logits, M means, M log scales | 3 M |
//! | Gaussian | mean, log scale | 2 |
//! | Gaussian mixture | M logits, M means, M log scales | 3 M |
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
//!
//! The Gaussian and the mixture of Gaussians are densities of real numbers, in units of the standard
//! deviations of the training set. The standard deviation of a component with log scale s is exp(s) +
//! [`MIN_DEVIATION`]. Without the second term a component may collapse onto a value that the data
//! repeat, and the likelihood has no bound. It is added, not a bound that the scale is cut off at,
//! because its gradient then never is zero: a component that has collapsed can widen again.

use serde::{Deserialize, Serialize};

use crate::data::Shape;

/// Smallest log scale of a logistic: with 256 levels, an eighth of the distance between two of
/// them.
pub const MIN_LOG_SCALE: f32 = -7.0;

/// Smallest standard deviation of a Gaussian, in standard deviations of the training set: the
/// density of a number is below 399 then, its logarithm below 5.99 nats.
pub const MIN_DEVIATION: f32 = 1e-3;

/// Size of the log scales of Gaussians beyond which they count as this. A wider one would have
/// densities whose factors are subnormal numbers.
pub const MOST_LOG_SCALE: f32 = 20.0;

/// Distance from the mean, in standard deviations, beyond which it counts as this: its square, and
/// that of its gradient, which optimisers take, are finite in 32 bits.
pub const MOST_DEVIATIONS: f32 = 1e6;

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
    /// Normal density of a real number.
    Gaussian,
    /// Mixture of normal densities.
    GaussianMixture,
}

impl OutputKind {
    /// Its name in an experiment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bernoulli => "bernoulli",
            Self::Categorical => "categorical",
            Self::LogisticMixture => "logistic-mixture",
            Self::Gaussian => "gaussian",
            Self::GaussianMixture => "gaussian-mixture",
        }
    }

    /// True for a density of real numbers; the others are of levels.
    pub fn is_density(self) -> bool {
        matches!(self, Self::Gaussian | Self::GaussianMixture)
    }

    /// True if the output has components.
    pub fn is_mixture(self) -> bool {
        matches!(self, Self::LogisticMixture | Self::GaussianMixture)
    }
}

/// `model.input`: form in which pixels enter the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// One input from 0 (black) to 1 (white); real numbers as they are.
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
    /// Number of levels of a pixel: values 0..levels. Densities, of real numbers, do not use it.
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
    /// Normal density.
    Gaussian,
    /// Mixture of M normal densities.
    GaussianMixture {
        /// M.
        components: usize,
    },
}

impl Distribution {
    /// The distribution of pixels with this many levels, or of real numbers.
    ///
    /// # Panics
    /// If it cannot have them: configurations are checked before.
    pub fn new(output: OutputKind, levels: usize, components: usize) -> Self {
        let is_valid = output.is_density() || (2..=MOST_PARAMETERS).contains(&levels);
        assert!(is_valid, "{levels} levels");
        let is_valid = !output.is_mixture() || (1..=MOST_COMPONENTS).contains(&components);
        assert!(is_valid, "{components} components");
        match output {
            OutputKind::Bernoulli => {
                assert!(levels == 2, "a Bernoulli pixel has two levels, not {levels}");
                Self::Bernoulli
            }
            OutputKind::Categorical => Self::Categorical { levels },
            OutputKind::LogisticMixture => Self::LogisticMixture { levels, components },
            OutputKind::Gaussian => Self::Gaussian,
            OutputKind::GaussianMixture => Self::GaussianMixture { components },
        }
    }

    /// Number of parameters of a pixel, P.
    pub fn parameters(self) -> usize {
        match self {
            Self::Bernoulli => 1,
            Self::Categorical { levels } => levels,
            Self::LogisticMixture { components, .. } | Self::GaussianMixture { components } => {
                3 * components
            }
            Self::Gaussian => 2,
        }
    }

    /// Number of levels of a pixel; `None` for a density of real numbers.
    pub fn levels(self) -> Option<usize> {
        match self {
            Self::Bernoulli => Some(2),
            Self::Categorical { levels } | Self::LogisticMixture { levels, .. } => Some(levels),
            Self::Gaussian | Self::GaussianMixture { .. } => None,
        }
    }

    /// Number of inputs of a pixel that enters like this.
    pub fn inputs(self, input: Input) -> usize {
        match (input, self.levels()) {
            (Input::OneHot, Some(levels)) => levels - 1,
            _ => 1,
        }
    }
}
