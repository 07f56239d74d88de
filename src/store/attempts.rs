//! Attempts at a run that ended its task without getting the run any further: a run that does so
//! again and again would keep a scheduler busy for ever.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::disk::remove_if_there;
use super::{Store, StoreError};
use crate::plan::RunId;
use crate::regular;

/// Most bytes of a note.
const LONGEST: u64 = 4096;

/// What is kept of attempts at a run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Attempts {
    /// Minibatches that the run had learnt from, by its checkpoint, when the last of them ended.
    step: u64,
    /// Consecutive attempts that ended no further than the one before.
    count: u32,
}

impl Store {
    fn attempts_path(&self, run: &RunId) -> PathBuf {
        self.unfinished().join(format!("{run}.attempts"))
    }

    /// Counts an attempt at a run that ended its task, killed or out of time: how many have in a
    /// row and left it no further on than it was.
    pub fn count_attempt(&self, run: &RunId) -> Result<u32, StoreError> {
        let step = self.progress(run).map_or(0, |progress| progress.step);
        let before = self.attempts(run);
        let count = if step > before.step { 0 } else { before.count.saturating_add(1) };
        let text = serde_json::to_string(&Attempts { step, count }).expect("two numbers are JSON");
        self.replace(&self.attempts_path(run), text.as_bytes())?;
        Ok(count)
    }

    /// True if a run has ended its task before, and may do so again.
    pub fn is_suspect(&self, run: &RunId) -> bool {
        self.attempts(run).count > 0
    }

    /// Forgets the attempts at a run: it has ended, or is given up.
    pub fn forget_attempts(&self, run: &RunId) -> Result<(), StoreError> {
        remove_if_there(&self.attempts_path(run))
    }

    /// A note that cannot be read counts as none: at worst a run is tried more often.
    fn attempts(&self, run: &RunId) -> Attempts {
        let text = regular::read(&self.attempts_path(run), LONGEST).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Checkpoint;
    use crate::trainers::made::MadeTrainer;

    #[test]
    fn attempts_count_until_the_run_gets_further() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
        let run = RunId::parse("r0123456789abcdef").unwrap();
        assert!(!store.is_suspect(&run));
        assert_eq!([0; 3].map(|_| store.count_attempt(&run).unwrap()), [1, 2, 3]);
        assert!(store.is_suspect(&run));
        let state = |step| Checkpoint {
            state: vec![1],
            epoch: 0,
            step,
            seconds: 1.0,
            started_utc: String::new(),
        };
        store.save_checkpoint(&run, &state(5)).unwrap();
        assert_eq!([0; 2].map(|_| store.count_attempt(&run).unwrap()), [0, 1], "it was further on");
        store.save_checkpoint(&run, &state(5)).unwrap();
        assert_eq!(store.count_attempt(&run).unwrap(), 2, "it was not");
        store.forget_attempts(&run).unwrap();
        assert!(!store.is_suspect(&run));
    }
}
