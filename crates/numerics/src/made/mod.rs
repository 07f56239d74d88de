//! MADE (Germain, Gregor, Murray, Larochelle 2015): p(x) = prod_d p(x_d | x_<d) from one masked
//! autoencoder.
//!
//! `ordering`, `degrees` and `masks` need no tensor. `network` is the fast path, forward and
//! backward, on the SIMD kernels of `kernels`, whose module page explains them; `reference` is the
//! same network in candle, against which it is tested. `evaluate` scores and `sample` draws.

pub mod degrees;
mod drawing;
pub mod evaluate;
pub mod file;
mod incremental;
pub mod init;
pub(crate) mod kernels;
pub mod layout;
pub mod masks;
pub mod model;
pub mod network;
pub mod ordering;
pub mod output;
pub(crate) mod packed_layout;
pub mod reference;
mod reorder;
pub mod sample;
pub(crate) mod sorted_masks;
pub(crate) mod workspace;

pub use kernels::instruction_set;

use serde::{Deserialize, Serialize};

use degrees::DegreeRule;
use ordering::OrderingRule;
use output::{Input, OutputKind};

/// Table `[model]` of an experiment: everything that defines the network and its masks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Number of units of each hidden layer; empty = no hidden layer.
    pub hidden: Vec<usize>,
    /// Nonlinearity of the hidden layers.
    pub activation: Activation,
    /// Order in which pixels condition on each other.
    pub ordering: OrderingRule,
    /// Rule by which hidden units get their degrees.
    pub degrees: DegreeRule,
    /// Number of masks that training cycles through.
    pub masks: MaskCount,
    /// Parts of a mask that are resampled from one mask of the cycle to the next.
    pub resample: Resample,
    /// Direct connections from input to output (A).
    pub skip: bool,
    /// Conditioning weights (U): a bias that depends on the mask.
    pub condition: bool,
    /// Distribution of the initial weights.
    pub init: Init,
    /// Distribution of a pixel given those before it.
    #[serde(skip_serializing_if = "is_default")]
    pub output: OutputKind,
    /// Components of a mixture; without effect on other outputs.
    #[serde(skip_serializing_if = "is_five")]
    pub components: usize,
    /// Form in which pixels enter the network.
    #[serde(skip_serializing_if = "is_default")]
    pub input: Input,
    /// True if the model is told the class of an image.
    #[serde(skip_serializing_if = "is_default")]
    pub classes: bool,
}

/// True for a value that a serialised configuration omits: settings that are younger than the first
/// ids must not change them.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_five(components: &usize) -> bool {
    *components == 5
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            hidden: vec![500],
            activation: Activation::Relu,
            ordering: OrderingRule::Raster,
            degrees: DegreeRule::Random,
            masks: MaskCount::Cycle(1),
            resample: Resample::Both,
            skip: false,
            condition: false,
            init: Init::Glorot,
            output: OutputKind::default(),
            components: 5,
            input: Input::default(),
            classes: false,
        }
    }
}

/// Nonlinearity of a hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(0, a)
    Relu,
    /// log(1 + exp(a))
    Softplus,
    /// tanh(a)
    Tanh,
    /// 1 / (1 + exp(-a))
    Sigmoid,
    /// a / (1 + |a|)
    Softsign,
}

/// Number of masks that training cycles through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskCount {
    /// A finite cycle, at least 1.
    Cycle(usize),
    /// A new mask each time, never repeated.
    Fresh,
}

impl Serialize for MaskCount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cycle(count) => serializer.serialize_u64(*count as u64),
            Self::Fresh => serializer.serialize_str("fresh"),
        }
    }
}

impl<'de> Deserialize<'de> for MaskCount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = MaskCount;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a number of masks from 1, or \"fresh\"")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<MaskCount, E> {
                match usize::try_from(n) {
                    Ok(n) if n > 0 => Ok(MaskCount::Cycle(n)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(n), &self)),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<MaskCount, E> {
                u64::try_from(n)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(n), &self))
                    .and_then(|n| self.visit_u64(n))
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<MaskCount, E> {
                if word == "fresh" {
                    Ok(MaskCount::Fresh)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Parts of a mask that are resampled from one mask of the cycle to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resample {
    /// Ordering and degrees (the ordering changes only if it is random).
    Both,
    /// The ordering alone.
    Ordering,
    /// The degrees alone: all masks share one ordering.
    Connectivity,
}

/// Distribution of the initial weights of a layer with `i` inputs and `o` outputs; biases are
/// initially zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Uniform within sqrt(6 / (i + o)) (Glorot and Bengio 2010).
    Glorot,
    /// Uniform within sqrt(1 / i).
    FanIn,
    /// Random orthonormal rows, or columns if they are fewer (Saxe et al. 2013).
    Orthogonal,
}
