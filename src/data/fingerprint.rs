//! A data set, as a run sees it, as a short text: part of every run's identity, and what runs share a set by.
//!
//! For files it is a hash of their bytes, so changing one makes new runs and touching one does not; for drawn sets, of the
//! generator's version. Either way with the settings that choose, cut and binarise the images: the name or the place is not
//! among them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::source::{Source, resolve};
use super::{DataConfig, DataError, Library, draw, load};
use crate::regular;

/// Raised whenever the same files and settings give other images.
const RULES: u32 = 2;

/// Fingerprint of the data that `config` asks for, without loading it. Every file is hashed once a process.
pub fn fingerprint(config: &DataConfig, library: &Library) -> Result<String, DataError> {
    let mut hasher = blake3::Hasher::new();
    let DataConfig { name: _, train, valid, test, size, seed, binarize } = config;
    let (counts, binarize) = ([*train, *valid, *test], format!("{binarize:?}"));
    let kind = match resolve(&config.name, library)? {
        Source::Builtin(builtin) => {
            let counts = load::counts(builtin, config);
            let (name, version) = (builtin.name(), draw::VERSION);
            hasher.update(format!("{name} {version} {counts:?} {size} {seed} {binarize}").as_bytes());
            name
        }
        Source::Files(files) => {
            hasher.update(format!("{RULES} {counts:?} {size} {seed} {binarize}").as_bytes());
            for path in files.content()? {
                hasher.update(&hash(&path)?);
            }
            files.known.map_or("files", |known| known.name)
        }
    };
    Ok(format!("{kind}-{}", &hasher.finalize().to_hex()[..16]))
}

/// A file as long as nobody writes to it: path, length, time of the last change.
type Version = (PathBuf, u64, Option<SystemTime>);

static HASHES: Mutex<BTreeMap<Version, [u8; 32]>> = Mutex::new(BTreeMap::new());

fn hash(path: &Path) -> Result<[u8; 32], DataError> {
    let data = path.metadata().map_err(DataError::io(path))?;
    let full = path.canonicalize().map_err(DataError::io(path))?;
    let version = (full, data.len(), data.modified().ok());
    let known = HASHES.lock().unwrap_or_else(PoisonError::into_inner).get(&version).copied();
    if let Some(hash) = known {
        return Ok(hash);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(regular::open(path).map_err(DataError::io(path))?).map_err(DataError::io(path))?;
    let hash = *hasher.finalize().as_bytes();
    HASHES.lock().unwrap_or_else(PoisonError::into_inner).insert(version, hash);
    Ok(hash)
}
