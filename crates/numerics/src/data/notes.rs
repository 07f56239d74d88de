//! Sentences on a set that was read: its files, what their shape suggests, and settings that change
//! nothing.

use super::divided::Divided;
use super::origin::Origin;
use super::source::Files;
use super::{Binarization, Binarize, DataConfig, Pictures};

/// Adds the names of the files, arrays and folders that are read, and sentences on their images.
pub(super) fn of_path(files: &Files, divided: &Divided, origin: &mut Origin) {
    let mut pictures: Option<Pictures> = None;
    for pool in &divided.pools {
        if let Some(more) = &pool.pictures {
            pictures.get_or_insert_default().add(more);
        }
        let dim = pool.shape.dim();
        let side = (dim - 1).isqrt();
        if let Some((side, classes)) = one_hot(&pool.pixels, dim).filter(|_| pool.shape.height == 1)
        {
            origin.notes.push(format!(
                "{dim} values are {side} x {side} and {classes} more, of which exactly one is on in every row: if they are a \
                 class, one column per class, take them out (or, in a text, call them `label_0` ... in a header)"
            ));
        }
        let is_named = pool.columns.iter().flatten().any(|name| name.parse::<u32>().is_err());
        let is_image = !pool.is_real() && pool.shape.height == 1;
        if is_image && !is_named && side >= 4 && side * side == dim - 1 {
            origin.notes.push(format!(
                "{dim} values are {side} x {side} and one more: if one of them is a label, take it out (or, in a text, call \
                 its column `label` in a header)"
            ));
        }
    }
    origin.columns = divided.pools.first().and_then(|pool| pool.columns.clone());
    origin.read = files.names();
    let arrays: Vec<&str> = divided.pools.iter().filter_map(|pool| pool.array.as_deref()).collect();
    if !arrays.is_empty() {
        let word = if arrays.len() == 1 { "array" } else { "arrays" };
        origin.read.push(format!("{word} {}", arrays.join(", ")));
    }
    origin.read.extend(pictures.as_ref().map(Pictures::words));
    origin.notes.extend(divided.notes.iter().cloned());
    origin.notes.extend(pictures.iter().flat_map(Pictures::notes));
    origin.notes.dedup();
    origin.pictures = pictures;
}

/// Side of a square and number of further values, at the beginning or the end of every row, of
/// which exactly one is on.
fn one_hot(pixels: &[u8], dim: usize) -> Option<(usize, usize)> {
    const MOST_CLASSES: usize = 100;
    const FEWEST_ROWS: usize = 10;
    if pixels.len() < FEWEST_ROWS * dim || dim.isqrt().pow(2) == dim {
        return None;
    }
    let is_one_hot = |from: usize, to: usize| {
        let mut rows = pixels.chunks_exact(dim).map(|row| &row[from..to]);
        let white = pixels[from..to].iter().max();
        rows.all(|row| {
            row.iter().filter(|&&level| level > 0).count() == 1 && row.iter().max() == white
        })
    };
    let squares = (2..=MOST_CLASSES.min(dim))
        .filter(|more| (dim - more).isqrt().pow(2) == dim - more && dim - more >= 16);
    let mut squares = squares.filter(|&more| is_one_hot(dim - more, dim) || is_one_hot(0, more));
    squares.next().map(|more| ((dim - more).isqrt(), more))
}

/// Settings of `[data]` that have no effect here, though they are not at their defaults.
pub(super) fn passed_over(
    divided: &Divided,
    binarization: Binarization,
    config: &DataConfig,
) -> Vec<String> {
    let default = DataConfig::default();
    let mut notes = Vec::new();
    let bits = binarization == Binarization::NoneNeeded;
    if bits && config.binarize != default.binarize {
        let rule = serde_json::to_string(&config.binarize).unwrap_or_default();
        notes.push(format!(
            "data.binarize = {rule} is ignored: its pixels are bits as they are stored"
        ));
    }
    let draws = divided.draws || !bits && config.binarize != Binarize::Threshold;
    if !draws && config.seed != default.seed {
        let seed = config.seed;
        notes.push(format!(
            "data.seed = {seed} is ignored: its files divide it, and nothing is drawn"
        ));
    }
    notes
}
