//! Sentences on a set that was read: its files, what their shape suggests, and settings that change nothing.

use super::load::Divided;
use super::origin::Origin;
use super::source::Files;
use super::{Binarization, Binarize, DataConfig, Pictures};

/// Names of files, arrays and folders that are read, and what should be known of their images.
pub(super) fn of_path(files: &Files, divided: &Divided, origin: &mut Origin) {
    let mut pictures: Option<Pictures> = None;
    for pool in &divided.pools {
        if let Some(more) = &pool.pictures {
            pictures.get_or_insert_default().add(more);
        }
        let dim = pool.shape.dim();
        let side = (dim - 1).isqrt();
        let is_named = pool.columns.iter().flatten().any(|name| name.parse::<u32>().is_err());
        if pool.shape.height == 1 && !is_named && side >= 4 && side * side == dim - 1 {
            origin.notes.push(format!(
                "{dim} values are {side} x {side} and one more: if one of them is a label, take it out (or, in a text, call \
                 its column `label` in a header)"
            ));
        }
    }
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

/// Settings of `[data]` that change nothing here, though they are not at their defaults.
pub(super) fn passed_over(divided: &Divided, binarization: Binarization, config: &DataConfig) -> Vec<String> {
    let default = DataConfig::default();
    let mut notes = Vec::new();
    let bits = binarization == Binarization::NoneNeeded;
    if bits && config.binarize != default.binarize {
        let rule = serde_json::to_string(&config.binarize).unwrap_or_default();
        notes.push(format!("data.binarize = {rule} is passed over: its pixels are bits as they are stored"));
    }
    let draws = divided.draws || !bits && config.binarize != Binarize::Threshold;
    if !draws && config.seed != default.seed {
        let seed = config.seed;
        notes.push(format!("data.seed = {seed} is passed over: its files divide it, and nothing is drawn"));
    }
    notes
}
