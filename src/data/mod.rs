//! Data sets: what a run is trained, validated and tested on, always as three separate sets.
//!
//! Pixels are kept as one byte each and shared by every run of a process; models see them as 0 and 1.

pub mod nearest;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `[data]` of an experiment: which set, how much of it, and how it becomes binary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// A built-in set, a real set by name, or a path.
    pub name: String,
    /// Training images; absent = all the set has (its default size, for a built-in set).
    pub train: Option<usize>,
    /// Validation images; absent as above.
    pub valid: Option<usize>,
    /// Test images; absent as above.
    pub test: Option<usize>,
    /// Side of the square image in pixels, for sets that are drawn or resized.
    pub size: usize,
    /// Seed of drawing, splitting and fixed binarisation: the same for every run of a study.
    pub seed: u64,
    /// How grey pixels become 0 or 1.
    pub binarize: Binarize,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            name: "digits".into(),
            train: None,
            valid: None,
            test: None,
            size: 28,
            seed: 0,
            binarize: Binarize::Threshold,
        }
    }
}

/// How grey pixels become 0 or 1. The choice is part of the number: likelihoods under two of them do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binarize {
    /// On where the grey level is above half.
    Threshold,
    /// Drawn once, on with probability grey/255, from the data seed.
    Stochastic,
    /// Training images drawn anew every epoch from the run's own stream; validation and test as `Stochastic`.
    Dynamic,
}

/// How the pixels of an image lie: a grid, or a plain vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Columns; the number of variables for a plain vector.
    pub width: usize,
    /// Rows; 1 for a plain vector.
    pub height: usize,
}

impl Shape {
    /// Number of pixels D.
    pub fn dim(self) -> usize {
        self.width * self.height
    }
}

/// A set of images, `count` x D, row-major, one byte a pixel.
#[derive(Debug, Clone)]
pub struct Images {
    pixels: Arc<[u8]>,
    dim: usize,
}

impl Images {
    /// Wraps `count * dim` pixels.
    ///
    /// # Panics
    /// If the pixels are not a whole number of images.
    pub fn new(pixels: impl Into<Arc<[u8]>>, dim: usize) -> Self {
        let pixels = pixels.into();
        assert!(dim > 0 && pixels.len().is_multiple_of(dim), "{} pixels are no whole images of {dim}", pixels.len());
        Self { pixels, dim }
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.pixels.len() / self.dim
    }

    /// Pixels an image, D.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Pixels of image `i`.
    pub fn row(&self, i: usize) -> &[u8] {
        &self.pixels[i * self.dim..(i + 1) * self.dim]
    }

    /// All pixels, image after image.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// A loaded data set, ready to train on.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Name as the experiment wrote it.
    pub name: String,
    /// How pixels lie.
    pub shape: Shape,
    /// Training images: 0/1, or grey levels 0..=255 when `dynamic`.
    pub train: Images,
    /// Validation images, 0/1.
    pub valid: Images,
    /// Test images, 0/1.
    pub test: Images,
    /// Whether `train` holds grey levels to be binarised anew every epoch.
    pub dynamic: bool,
}
