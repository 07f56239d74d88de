//! Fingerprint of a data set as a run sees it: part of every run's identity, and the key under
//! which runs share a set.
//!
//! Between the bytes on disk and the bits that a run sees there is a long list of rules: which
//! files are found, how they are decoded, which columns are labels, turning (EMNIST), inverting,
//! averaging to a size, the division into train, valid and test, cutting to a number of images, and
//! how grey becomes black and white. A hash of the files and of a list of settings would be wrong
//! as soon as one rule is missing from the list. So a set that is named by a path is identified by
//! the images that a run gets:
//!
//! | data | in the hash | not in it |
//! |---|---|---|
//! | path, vectors known by name | the pixels of the three sets as a run gets them, their shape, how they became bits | path, format, every setting of `[data]`, labels |
//! | table of real numbers | the standardised values, the means and standard deviations, and the names of the columns, which a run stores | path, format, labels |
//! | other known sets | bytes of its files, settings of `[data]`, [`RULES`] | place, labels; the files are checked to be the known ones |
//! | drawn | name, version of the drawing, settings of `[data]` | |
//!
//! Pixels are hashed after they have been read, so the bytes that are identified are the bytes that
//! are trained on: a file that is replaced meanwhile gives one identity or the other, never images
//! under the identity of others.
//!
//! Up to version 3 of the numerics (`engine`) a path was identified by its text, the bytes of its
//! files and the settings of `[data]` ([`of_files`]). That did not cover which picture of a folder
//! trains and which tests. Runs of those versions are also looked up under that identity
//! (`trainers::made::earlier`).

use std::path::Path;

use super::source::Files;
use super::{DataConfig, DataError, Dataset, Labels, Part, Standardisation, draw};
use crate::regular;

/// Version of the rules: incremented whenever the same files and settings give other images.
const RULES: u32 = 2;

/// First word of the fingerprint of a set that is identified by its images alone.
const IMAGES: &str = "images";
/// First word of the fingerprint of a set that is identified by its files, as versions up to
/// 3 of the numerics did for a path.
const FILES: &str = "files";

/// True if a fingerprint covers the images alone: no setting of `[data]` is then part of a run's
/// identity.
pub fn is_of_images(fingerprint: &str) -> bool {
    fingerprint.strip_prefix(IMAGES).is_some_and(|rest| rest.starts_with('-'))
}

/// True if a fingerprint is of a set named by a path.
pub fn is_of_path(fingerprint: &str) -> bool {
    is_of_images(fingerprint) || fingerprint.starts_with(FILES)
}

/// Fingerprint of a built-in set.
pub(super) fn of_drawn(builtin: draw::Builtin, config: &DataConfig) -> String {
    let counts = counts(builtin, config);
    let (name, version) = (builtin.name(), draw::VERSION);
    let hash = blake3::hash(format!("{name} {version} {counts:?} {}", rules(config)).as_bytes());
    short(name, &hash)
}

/// Settings of `[data]` that decide the pixels. Two levels and pixels are not written, as before
/// there were others.
fn rules(config: &DataConfig) -> String {
    let DataConfig {
        name: _,
        train: _,
        valid: _,
        test: _,
        size,
        seed,
        binarize,
        levels,
        values,
    } = config;
    let levels = if levels.is_grey() { format!(" {levels}") } else { String::new() };
    let values = if values.is_real() { " real" } else { "" };
    format!("{size} {seed} {binarize:?}{levels}{values}")
}

/// Fingerprint of files and the settings of `[data]`: for images known by name, and for all other
/// sets as versions up to 3 of the numerics computed it.
pub(super) fn of_files(files: &Files, config: &DataConfig) -> Result<String, DataError> {
    let counts = [config.train, config.valid, config.test];
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{RULES} {counts:?} {}", rules(config)).as_bytes());
    for path in files.content() {
        hasher.update(&hash_of_file(&path)?);
    }
    let images = files.known.filter(|known| !known.is_vectors());
    Ok(short(images.map_or(FILES, |known| known.name), &hasher.finalize()))
}

/// Fingerprint of the images, or of the real numbers, that a run gets.
pub(super) fn of_images(data: &Dataset) -> String {
    let Dataset { shape, binarization, standardisation, origin, .. } = data;
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{} {} {binarization:?}", shape.width, shape.height).as_bytes());
    for images in [&data.train, &data.valid, &data.test] {
        hasher.update(&(images.count() as u64).to_le_bytes());
        match images.real_values() {
            None => {
                hasher.update(images.pixels());
            }
            Some(values) => {
                for value in values {
                    hasher.update(&value.to_le_bytes());
                }
            }
        }
    }
    // Scores and samples are in the units of the table, too.
    if let Some(Standardisation { means, deviations }) = standardisation {
        for value in means.iter().chain(deviations) {
            hasher.update(&value.to_le_bytes());
        }
        // A run stores the names, and matches other tables by them.
        for name in origin.columns.iter().flatten() {
            hasher.update(name.as_bytes()).update(&[0]);
        }
    }
    short(IMAGES, &hasher.finalize())
}

/// Fingerprint of images and their labels, from that of the images.
pub(super) fn with_labels(images: &str, labels: [Option<&Labels>; 3]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(images.as_bytes());
    for labels in labels.into_iter().flatten() {
        for name in labels.names.iter() {
            hasher.update(name.as_bytes()).update(&[0]);
        }
        for class in labels.of.iter() {
            hasher.update(&class.to_le_bytes());
        }
    }
    short(IMAGES, &hasher.finalize())
}

fn short(kind: &str, hash: &blake3::Hash) -> String {
    format!("{kind}-{}", &hash.to_hex()[..16])
}

/// Hash of a file's bytes.
pub(super) fn hash_of_file(path: &Path) -> Result<[u8; 32], DataError> {
    let mut hasher = blake3::Hasher::new();
    let file = regular::open(path).map_err(DataError::io(path))?;
    hasher.update_reader(file).map_err(DataError::io(path))?;
    Ok(*hasher.finalize().as_bytes())
}

/// Images of each part of a drawn set.
pub(super) fn counts(builtin: draw::Builtin, config: &DataConfig) -> [usize; 3] {
    let asked = [config.train, config.valid, config.test];
    Part::ALL.map(|part| asked[part as usize].unwrap_or(builtin.sizes()[part as usize]))
}
