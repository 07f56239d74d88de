//! Every data set that has a name, with its place on this machine.

use std::path::PathBuf;

use super::catalog::KNOWN;
use super::draw::Builtin;
use super::source::known_files;
use super::{DataConfig, Library, Shape};

/// A data set that can be named in an experiment, for `data list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// Name in an experiment file.
    pub name: &'static str,
    /// Short description of the images.
    pub about: &'static str,
    /// Shape of the images if no size is set.
    pub shape: Shape,
    /// Images of train, valid and test.
    pub sizes: [usize; 3],
    /// Licence.
    pub licence: &'static str,
    /// Location, or the way to get it.
    pub place: Place,
}

/// Location of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Drawn by the program.
    Builtin,
    /// On this machine.
    Here(PathBuf),
    /// Missing or incomplete on this machine: the reason, and the command that fetches it.
    Missing(String),
}

/// Every data set with a name: the built-in ones, then the real ones.
pub fn catalog(library: &Library) -> Vec<CatalogEntry> {
    let builtin = Builtin::ALL.into_iter().map(|builtin| CatalogEntry {
        name: builtin.name(),
        about: builtin.about(),
        shape: if builtin.is_real() {
            Shape { width: Builtin::VARIABLES.len(), height: 1 }
        } else {
            Shape { width: 28, height: 28 }
        },
        sizes: builtin.sizes(),
        licence: "none needed: drawn by this program",
        place: Place::Builtin,
    });
    let known = KNOWN.iter().map(|known| CatalogEntry {
        name: known.name,
        about: known.about,
        shape: known.shape,
        sizes: known.sizes,
        licence: known.licence,
        place: match known_files(known, &DataConfig::default(), library) {
            Ok(files) => Place::Here(files.path),
            Err(error) => Place::Missing(error.to_string()),
        },
    });
    builtin.chain(known).collect()
}
