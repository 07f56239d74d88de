//! Counter of attempts at a run that ended their task without progress: a run that does so again
//! and again would occupy a scheduler for ever.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::disk::remove_if_there;
use super::{Claims, StoreError};
use crate::plan::RunId;
use crate::regular;

/// Maximum size of the file [bytes].
const LONGEST: u64 = 4096;

/// File that counts attempts at a run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Attempts {
    /// Number of minibatches trained on, by the checkpoint at the end of the last attempt.
    step: u64,
    /// Number of consecutive attempts without progress.
    count: u32,
}

impl Claims<'_> {
    fn attempts_path(&self, run: &RunId) -> PathBuf {
        self.store.unfinished().join(format!("{run}.attempts"))
    }

    /// Counts an attempt at a run that ended its task by being killed or out of time. Returns the
    /// number of consecutive attempts without progress.
    pub fn count_attempt(&self, run: &RunId) -> Result<u32, StoreError> {
        let step = self.store.progress(run).map_or(0, |progress| progress.step);
        let before = self.attempts(run);
        let count = if step > before.step { 0 } else { before.count.saturating_add(1) };
        let text = serde_json::to_string(&Attempts { step, count }).expect("two numbers are JSON");
        self.store.replace(&self.attempts_path(run), text.as_bytes())?;
        Ok(count)
    }

    /// True if the last attempt at a run ended its task without progress, so that the next one may
    /// as well.
    pub fn is_suspect(&self, run: &RunId) -> bool {
        self.attempts(run).count > 0
    }

    /// Removes the counter of a run that has ended or is given up.
    pub fn forget_attempts(&self, run: &RunId) -> Result<(), StoreError> {
        remove_if_there(&self.attempts_path(run))
    }

    /// Reads the counter. An unreadable one counts as none: at worst a run is tried more often.
    fn attempts(&self, run: &RunId) -> Attempts {
        let text = regular::read(&self.attempts_path(run), LONGEST).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Checkpoint;
    use crate::store::Store;
    use crate::trainers::made::MadeTrainer;

    #[test]
    fn attempts_count_until_the_run_gets_further() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
        let run = RunId::parse("r0123456789abcdef").unwrap();
        assert!(!store.claims().is_suspect(&run));
        assert_eq!([0; 3].map(|_| store.claims().count_attempt(&run).unwrap()), [1, 2, 3]);
        assert!(store.claims().is_suspect(&run));
        let state = |step| Checkpoint {
            state: vec![1],
            epoch: 0,
            step,
            seconds: 1.0,
            started_utc: String::new(),
        };
        store.save_checkpoint(&run, &state(5)).unwrap();
        assert_eq!(
            [0; 2].map(|_| store.claims().count_attempt(&run).unwrap()),
            [0, 1],
            "it was further on"
        );
        store.save_checkpoint(&run, &state(5)).unwrap();
        assert_eq!(store.claims().count_attempt(&run).unwrap(), 2, "it was not");
        store.claims().forget_attempts(&run).unwrap();
        assert!(!store.claims().is_suspect(&run));
    }
}
