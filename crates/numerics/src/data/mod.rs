//! Data sets: what a run is trained, validated and tested on, always as three separate sets.
//!
//! A pixel is stored as one byte, and images are shared by all runs of a process; models read them
//! as 0 and 1, or as grey levels from 0 to `data.levels` - 1. With `data.values = "real"` a set is a
//! table of real numbers in place of images, standardised by its training rows.
//!
//! A name is resolved to a source (drawn by the program, known by name, or a path), the source is
//! read into pools of grey images, the pools are divided into train, valid and test, and each of
//! these is cut to size and made binary or quantised.

mod binarize;
mod brightness;
mod cache;
mod catalog;
mod columns;
mod divided;
pub mod draw;
mod error;
mod export;
mod fetch;
mod file;
mod fingerprint;
mod finish;
mod images;
mod kind;
mod levels;
mod library;
mod listing;
mod load;
mod notes;
mod origin;
mod part;
mod read;
mod reshape;
mod role;
mod source;
mod split;
mod standardisation;
mod variables;
mod vectors;

pub mod nearest;

use serde::{Deserialize, Serialize};

pub use binarize::Binarization;
pub use brightness::Brightness;
pub use cache::Cache;
pub use columns::in_order_of;
pub use error::DataError;
pub use export::export;
pub use fetch::{can_fetch, fetch};
pub use file::{FileImages, images_in, table_in};
pub use fingerprint::{is_of_images, is_of_path};
pub use images::{Example, Images, Labels, Row};
pub use kind::ValueKind;
pub use levels::LevelCount;
pub use library::Library;
pub use listing::{CatalogEntry, Place, catalog};
pub use load::{find, fingerprint, load};
pub use origin::{DescribedImages, Origin};
pub use part::Part;
pub use read::Pictures;
pub use standardisation::Standardisation;
pub use variables::{Variable, unnamed};

/// `[data]` of an experiment: which set, how much of it, and how it becomes binary or quantised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// A built-in set, a real set by name, or a path, relative to the working directory or to the
    /// data folder.
    pub name: String,
    /// Training images; absent = all the set has (its default size, for a built-in set).
    pub train: Option<usize>,
    /// Validation images; absent as above.
    pub valid: Option<usize>,
    /// Test images; absent as above.
    pub test: Option<usize>,
    /// Side of the square image in pixels, for sets that are drawn or resized; plain vectors of its
    /// square are images.
    pub size: usize,
    /// Seed of drawing, splitting and fixed binarisation: the same for every run of a study.
    pub seed: u64,
    /// Rule by which grey pixels become 0 or 1.
    pub binarize: Binarize,
    /// Levels of a pixel: with more than 2, grey pixels are quantised and not made binary.
    #[serde(skip_serializing_if = "LevelCount::is_default")]
    pub levels: LevelCount,
    /// Kind of the values: pixels, or real numbers of a table.
    #[serde(skip_serializing_if = "ValueKind::is_default")]
    pub values: ValueKind,
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
            levels: LevelCount::default(),
            values: ValueKind::default(),
        }
    }
}

impl DataConfig {
    /// Text that is equal for two configurations only if they are equal: the key of caches.
    pub fn key(&self) -> String {
        serde_json::to_string(self).expect("a configuration is plain data")
    }

    /// Name of the setting in which `self` and `other` produce different validation or test images,
    /// so that NLL on them is not comparable.
    pub fn scores_otherwise_than(&self, other: &Self) -> Option<&'static str> {
        let drawn = |rule| rule != Binarize::Threshold;
        match () {
            () if self.name != other.name => Some("data.name"),
            () if self.size != other.size => Some("data.size"),
            () if self.values != other.values => Some("data.values"),
            () if self.levels != other.levels => Some("data.levels"),
            () if drawn(self.binarize) != drawn(other.binarize) => Some("data.binarize"),
            () if self.seed != other.seed => Some("data.seed"),
            () if self.valid != other.valid => Some("data.valid"),
            () if self.test != other.test => Some("data.test"),
            () => None,
        }
    }
}

/// Rule by which grey pixels become 0 or 1. Likelihoods under two different rules are not
/// comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binarize {
    /// On if the grey level is above half.
    Threshold,
    /// Drawn once, on with probability grey/255, from the data seed.
    Stochastic,
    /// Training images drawn again every epoch from the run's own stream; validation and test
    /// images as `Stochastic`.
    Dynamic,
}

/// Arrangement of the pixels of an image: a grid, or a plain vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// A loaded data set, ready to train on.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Name as the experiment wrote it.
    pub name: String,
    /// Shape of each image.
    pub shape: Shape,
    /// Training images: 0..levels, or grey levels 0..=255 if they are binarised again every epoch; or
    /// standardised real numbers.
    pub train: Images,
    /// Validation images, 0..levels.
    pub valid: Images,
    /// Test images, 0..levels.
    pub test: Images,
    /// Number of levels of a pixel as a model is scored on it: 2 for 0/1.
    pub levels: usize,
    /// Binarisation or quantisation that was applied.
    pub binarization: Binarization,
    /// Standardisation of real numbers; `None` for images.
    pub standardisation: Option<Standardisation>,
    /// Content of the source besides these images, with the reason why it is not used: one sentence
    /// per kind, without a full stop.
    pub left_out: Vec<String>,
    /// Source of the images, and the steps of loading them.
    pub origin: Origin,
}

impl Dataset {
    /// True if `train` holds grey levels that are binarised again every epoch.
    pub fn dynamic(&self) -> bool {
        self.binarization == Binarization::Dynamic
    }

    /// One of the three sets with the levels that a model is scored on; training images that are
    /// binarised again every epoch are thresholded at half.
    pub fn scored(&self, part: Part) -> Images {
        match part {
            Part::Train if self.dynamic() => Images::new(
                self.train.pixels().iter().map(|&p| u8::from(p > 127)).collect::<Vec<_>>(),
                self.train.dim(),
            ),
            Part::Train => self.train.clone(),
            Part::Valid => self.valid.clone(),
            Part::Test => self.test.clone(),
        }
    }
}

impl Dataset {
    /// Reason why a model cannot be told the classes of these images, if there is one.
    pub fn lacks_classes(&self) -> Option<String> {
        let parts =
            [(Part::Train, &self.train), (Part::Valid, &self.valid), (Part::Test, &self.test)];
        let nouns = self.nouns();
        let mut known: Option<&Labels> = None;
        for (part, images) in parts {
            let Some(labels) = images.labels() else {
                return Some(self.lacks_labels(part));
            };
            if known.is_some_and(|train| train.names != labels.names) {
                return Some(format!(
                    "its {part} {nouns} have the classes {}, its train {nouns} {}",
                    labels.names.join(", "),
                    known.map_or_else(String::new, |train| train.names.join(", "))
                ));
            }
            known.get_or_insert(labels);
        }
        let labels = known?;
        let seen = labels.of.iter().collect::<std::collections::BTreeSet<_>>().len();
        (seen < 2).then(|| format!("all of its train {nouns} have one class"))
    }

    /// Word for its examples.
    fn nouns(&self) -> &'static str {
        if self.standardisation.is_some() { "rows" } else { "images" }
    }

    /// Sentence on a part without labels: what was found that may be meant as labels, or how labels
    /// are given.
    fn lacks_labels(&self, part: Part) -> String {
        let nouns = self.nouns();
        let may_be_labels = |sentence: &&String| {
            ["label", "column `", "array `"].iter().any(|word| sentence.contains(word))
        };
        let found: Vec<&str> =
            self.left_out.iter().filter(may_be_labels).map(String::as_str).collect();
        let found = if found.is_empty() {
            String::new()
        } else {
            format!(" (left out: {})", found.join("; "))
        };
        format!(
            "its {part} {nouns} have no labels{found}. Labels are whole numbers, one for each of its {nouns}: in a file next to \
             it, NAME-labels.csv or .npy, or in an array of its .npz, `{part}_labels`"
        )
    }

    /// Names of the classes that no training image has.
    pub fn unseen_classes(&self) -> Vec<String> {
        let Some(Labels { of, names }) = self.train.labels() else { return vec![] };
        let mut is_seen = vec![false; names.len()];
        of.iter().for_each(|&class| is_seen[usize::from(class)] = true);
        let unseen = names.iter().zip(is_seen).filter(|(_, is_seen)| !is_seen);
        unseen.map(|(name, _)| name.clone()).collect()
    }

    /// Columns of a set of real numbers over the training rows; none for images.
    pub fn variables(&self) -> Vec<Variable> {
        variables::of(self)
    }

    /// Fingerprint for a model that is told the classes: that of the images and their labels, where
    /// the one of the images covers no labels.
    pub fn fingerprint_with_classes(&self) -> String {
        let own = &self.origin.fingerprint;
        let labels = [&self.train, &self.valid, &self.test].map(Images::labels);
        if is_of_images(own) {
            fingerprint::with_labels(own, labels)
        } else {
            own.clone()
        }
    }

    /// Its size.
    pub fn size(&self) -> DataSize {
        let [train, valid, test] = [&self.train, &self.valid, &self.test].map(Images::count);
        let classes = self.train.labels().map_or(0, |labels| labels.names.len());
        DataSize { shape: self.shape, train, valid, test, classes }
    }

    /// Description of the data set.
    pub fn described(&self) -> DescribedImages {
        DescribedImages {
            name: self.name.clone(),
            size: self.size(),
            binarization: self.binarization,
            origin: self.origin.clone(),
            left_out: self.left_out.clone(),
        }
    }
}

/// Size of a data set: besides the configuration, the only thing on which the cost of a run
/// depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSize {
    /// Shape of each image.
    pub shape: Shape,
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub valid: usize,
    /// Test images.
    pub test: usize,
    /// Classes; 0 if the images have none.
    pub classes: usize,
}
