//! Every data set is loaded once, however many runs share it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::load::drawn_size;
use super::{DataConfig, DataError, DataSize, Dataset, Library, load};

/// The data sets of a sweep. Whoever asks first loads; who asks meanwhile waits; the set stays until the cache goes.
#[derive(Debug)]
pub struct Cache {
    library: Library,
    sets: Mutex<BTreeMap<String, Slot>>,
}

type Slot = Arc<Mutex<Option<Arc<Dataset>>>>;

impl Cache {
    /// An empty cache over a library.
    pub fn new(library: Library) -> Self {
        Self { library, sets: Mutex::default() }
    }

    /// The library it loads from.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The data set that `config` asks for. An error is not remembered: the next call tries again.
    pub fn get(&self, config: &DataConfig) -> Result<Arc<Dataset>, DataError> {
        let key = serde_json::to_string(config).expect("a configuration is plain data");
        let slot = Arc::clone(self.sets.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let mut set = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = &*set {
            return Ok(Arc::clone(set));
        }
        let loaded = Arc::new(load(config, &self.library)?);
        *set = Some(Arc::clone(&loaded));
        Ok(loaded)
    }
    /// Size of the data set that `config` asks for. Files are loaded for it and stay; drawn sets are not drawn.
    pub fn size(&self, config: &DataConfig) -> Result<DataSize, DataError> {
        match drawn_size(config, &self.library)? {
            Some(size) => Ok(size),
            None => Ok(self.get(config)?.size()),
        }
    }
}
