//! Cache of data sets: each is loaded once, for any number of runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::load::{describe_drawn, drawn_size};
use super::{
    DataConfig, DataError, DataSize, Dataset, DescribedImages, Library, find, fingerprint, load,
};

/// Data sets of a sweep. The first thread that asks for a set loads it, others wait for it
/// meanwhile; a set remains loaded until the cache is dropped.
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

    /// Library from which it loads.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The data set that `config` asks for. An error is not remembered: the next call tries again.
    pub fn get(&self, config: &DataConfig) -> Result<Arc<Dataset>, DataError> {
        let key = config.key();
        let slot = Arc::clone(
            self.sets.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default(),
        );
        let mut set = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = &*set {
            return Ok(Arc::clone(set));
        }
        let loaded = Arc::new(load(config, &self.library)?);
        *set = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Looks for the data set that `config` asks for, without reading it.
    pub fn find(&self, config: &DataConfig) -> Result<(), DataError> {
        find(config, &self.library)
    }

    /// Fingerprint of the data set that `config` asks for. Files are loaded for it and remain
    /// loaded, so that the set identified is the set trained on even if the files change meanwhile.
    /// Built-in sets are not drawn.
    pub fn fingerprint(&self, config: &DataConfig) -> Result<String, DataError> {
        match drawn_size(config, &self.library)? {
            Some(_) => fingerprint(config, &self.library),
            None => Ok(self.get(config)?.origin.fingerprint.clone()),
        }
    }

    /// The data set that `config` asks for, if it is loaded already.
    pub fn loaded(&self, config: &DataConfig) -> Option<Arc<Dataset>> {
        let key = config.key();
        let slot = Arc::clone(self.sets.lock().unwrap_or_else(PoisonError::into_inner).get(&key)?);
        slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Description of the data set that `config` asks for. Files are loaded for it and remain
    /// loaded; of built-in sets a few images are drawn.
    pub fn describe(&self, config: &DataConfig) -> Result<DescribedImages, DataError> {
        match describe_drawn(config, &self.library)? {
            Some(described) => Ok(described),
            None => Ok(self.get(config)?.described()),
        }
    }

    /// Size of the data set that `config` asks for. Files are loaded for it and remain loaded;
    /// built-in sets are not drawn.
    pub fn size(&self, config: &DataConfig) -> Result<DataSize, DataError> {
        match drawn_size(config, &self.library)? {
            Some(size) => Ok(size),
            None => Ok(self.get(config)?.size()),
        }
    }
}
