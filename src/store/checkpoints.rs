//! Checkpoints of unfinished runs: with a checksum, replaced atomically, the latest two per run.
//!
//! ```text
//! <blake3 of everything below, 64 hexadecimal digits>
//! {"run":"r...","epoch":7,"step":350,"seconds":81.5,"started_utc":"2026-11-25 16:00:00"}
//! <the state, as the trainer wrote it>
//! ```

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::disk::{create_dirs, remove_if_there, rename, sync_dir, write_synced};
use super::{Checkpoint, Store, StoreError};
use crate::plan::RunId;
use crate::regular;

/// Progress of a run at its last checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Id of the run.
    pub run: RunId,
    /// Number of completed epochs.
    pub epoch: usize,
    /// Number of minibatches trained on, over all epochs.
    #[serde(default)]
    pub step: u64,
    /// Time that the run has taken [s], over all its starts.
    pub seconds: f64,
    /// Time of its first start: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub started_utc: String,
}

/// Length of the checksum in hexadecimal digits.
const HASH: usize = 64;
/// Maximum length of the description [bytes]: a reader searches no further for its end.
const DESCRIPTION: u64 = 4096;
/// Maximum size of a checkpoint [bytes].
const LARGEST: u64 = 64 << 30;

impl Store {
    /// Directory of unfinished runs: claims, checkpoints and attempts.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.root().join("unfinished")
    }

    /// Paths of the latest checkpoint of a run and of the one before it.
    pub(super) fn checkpoint_paths(&self, run: &RunId) -> [PathBuf; 2] {
        ["checkpoint", "checkpoint-before"]
            .map(|kind| self.unfinished().join(format!("{run}.{kind}")))
    }

    /// Saves a checkpoint; the latest one so far becomes the previous one, which it replaces.
    pub fn save_checkpoint(&self, run: &RunId, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let [newest, before] = self.checkpoint_paths(run);
        let Checkpoint { state, epoch, step, seconds, started_utc } = checkpoint;
        let (run, epoch, step) = (run.clone(), *epoch, *step);
        let progress = Progress {
            run,
            epoch,
            step,
            seconds: *seconds,
            started_utc: started_utc.clone(),
        };
        let malformed = |error: serde_json::Error| StoreError::Malformed {
            path: newest.clone(),
            reason: error.to_string(),
        };
        let mut description = serde_json::to_vec(&progress).map_err(malformed)?;
        description.push(b'\n');
        let hash = blake3::Hasher::new().update(&description).update(state).finalize().to_hex();
        let dir = self.unfinished();
        create_dirs(&dir)?;
        let scratch = self.scratch_path()?;
        let written = write_synced(&scratch, &[hash.as_bytes(), b"\n", &description, state])
            .and_then(|()| {
                match rename(&newest, &before) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(StoreError::io("move", &newest)(error));
                    }
                    _ => {}
                }
                rename(&scratch, &newest).map_err(StoreError::io("write", &newest))?;
                sync_dir(&dir)
            });
        if written.is_err() {
            let _ = fs::remove_file(&scratch);
        }
        written
    }

    /// Latest intact checkpoint of a run, and the errors of later ones.
    pub fn load_checkpoint(&self, run: &RunId) -> (Option<Checkpoint>, Vec<StoreError>) {
        let mut problems = Vec::new();
        for path in self.checkpoint_paths(run) {
            let malformed = |reason: &str| StoreError::Malformed {
                path: path.clone(),
                reason: reason.to_owned(),
            };
            let read = regular::read(&path, LARGEST).map_err(StoreError::io("read", &path));
            match read.and_then(|bytes| decode(run, bytes).map_err(malformed)) {
                Ok(checkpoint) => return (Some(checkpoint), problems),
                Err(error) if error.is_absent() => {}
                Err(error) => problems.push(error),
            }
        }
        (None, problems)
    }

    /// Progress of a run at its latest checkpoint. For display only: the checksum is not verified.
    pub fn progress(&self, run: &RunId) -> Option<Progress> {
        let [newest, before] = self.checkpoint_paths(run);
        let file = regular::open(&newest).or_else(|_| regular::open(&before)).ok()?;
        let mut lines = BufReader::new(file.take(DESCRIPTION)).split(b'\n');
        lines.next()?.ok()?;
        serde_json::from_slice(&lines.next()?.ok()?).ok()
    }

    /// Removes the checkpoints of a run.
    pub fn remove_checkpoints(&self, run: &RunId) -> Result<(), StoreError> {
        self.checkpoint_paths(run).iter().try_for_each(|path| remove_if_there(path))
    }
}

fn decode(run: &RunId, mut file: Vec<u8>) -> Result<Checkpoint, &'static str> {
    let (hash, content) = file.split_at_checked(HASH + 1).ok_or("it is cut short")?;
    if hash.strip_suffix(b"\n") != Some(blake3::hash(content).to_hex().as_bytes()) {
        return Err("its checksum does not match");
    }
    let end = content.iter().position(|&b| b == b'\n').ok_or("it has no description")?;
    let progress: Progress =
        serde_json::from_slice(&content[..end]).map_err(|_| "its description cannot be read")?;
    if progress.run != *run {
        return Err("it belongs to another run");
    }
    file.drain(..=HASH + 1 + end);
    let Progress { epoch, step, seconds, started_utc, .. } = progress;
    Ok(Checkpoint { state: file, epoch, step, seconds, started_utc })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trainers::made::MadeTrainer;

    fn run(digit: u8) -> RunId {
        RunId::parse(&format!("r{}", char::from(digit).to_string().repeat(16))).unwrap()
    }

    fn checkpoint(epoch: usize) -> Checkpoint {
        let started_utc = "2026-11-25 16:00:00".to_owned();
        Checkpoint {
            state: vec![epoch as u8, b'\n', 0, 255],
            epoch,
            step: 9,
            seconds: 1.5,
            started_utc,
        }
    }

    #[test]
    fn two_are_kept_and_a_damaged_one_gives_way_to_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
        assert_eq!(store.load_checkpoint(&run(b'a')).0, None);
        for epoch in 1..=3 {
            store.save_checkpoint(&run(b'a'), &checkpoint(epoch)).unwrap();
            assert_eq!(store.load_checkpoint(&run(b'a')).0, Some(checkpoint(epoch)));
            assert_eq!(store.progress(&run(b'a')).unwrap().epoch, epoch);
        }
        let [newest, before] = store.checkpoint_paths(&run(b'a'));
        for (path, left) in [(newest, Some(checkpoint(2))), (before, None)] {
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&path, bytes).unwrap();
            let (found, problems) = store.load_checkpoint(&run(b'a'));
            assert_eq!(found, left);
            assert!(
                problems.last().unwrap().to_string().contains(path.to_str().unwrap()),
                "{problems:?}"
            );
        }
        store.remove_checkpoints(&run(b'a')).unwrap();
        assert!(store.load_checkpoint(&run(b'a')).1.is_empty());
    }

    proptest! {
        #[test]
        fn every_flipped_bit_and_every_cut_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<bool>()) {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
            store.save_checkpoint(&run(b'a'), &checkpoint(7)).unwrap();
            let [newest, _] = store.checkpoint_paths(&run(b'a'));
            let mut bytes = fs::read(&newest).unwrap();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1u8 << bit }
            fs::write(&newest, bytes).unwrap();
            let (found, problems) = store.load_checkpoint(&run(b'a'));
            prop_assert_eq!((found, problems.len()), (None, 1));
            let _ = store.progress(&run(b'a'));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(noise in prop::collection::vec(any::<u8>(), 0..300), sealed in any::<bool>()) {
            let file = if sealed {
                [blake3::hash(&noise).to_hex().as_bytes(), b"\n", &noise].concat()
            } else {
                noise
            };
            prop_assert!(decode(&run(b'a'), file).is_err());
        }
    }

    #[test]
    fn a_checkpoint_of_another_run_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), MadeTrainer::shared()).unwrap();
        store.save_checkpoint(&run(b'a'), &checkpoint(1)).unwrap();
        fs::rename(&store.checkpoint_paths(&run(b'a'))[0], &store.checkpoint_paths(&run(b'b'))[0])
            .unwrap();
        assert!(store.load_checkpoint(&run(b'b')).1[0].to_string().contains("another run"));
    }
}
