//! Names that become part of a path or of a cell of a table: checked when they are read, in files
//! of any origin.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::text::brief;

/// Description of valid names, for messages.
pub(crate) const RULE: &str = "a letter, then letters, digits, `.`, `_` or `-`, at most 100 in all";

/// True if a text can name an experiment, a study or a variant.
pub(crate) fn is_name(name: &str) -> bool {
    is_file_name(name) && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// True if a text can name a file within a directory: it cannot refer to anything outside.
pub(crate) fn is_file_name(name: &str) -> bool {
    let follows = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(follows)
}

/// True if a text can be the path of a file inside a directory: with any names of its parts, it
/// stays there.
pub(crate) fn is_file_path(path: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty()
            && part.len() <= 255
            && part != "."
            && part != ".."
            && !part.contains(|c: char| c.is_control() || c == '\\')
    };
    path.len() <= 1000 && path.split('/').all(fits)
}

/// Reads a name: `#[serde(deserialize_with = "name")]`.
pub(crate) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, is_name)
}

/// Reads the name of a file.
pub(crate) fn file_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, is_file_name)
}

fn checked<'de, D: Deserializer<'de>>(from: D, fits: fn(&str) -> bool) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if fits(&text) {
        Ok(text)
    } else {
        Err(D::Error::custom(format!("{} is not a name: {RULE}", brief(&text))))
    }
}
