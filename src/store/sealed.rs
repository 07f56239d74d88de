//! JSON files with a checksum: the hash of the content precedes it.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError};
use crate::plan::Plan;
use crate::regular;
use crate::trainer::Config;

/// Text before, between and after checksum and content.
const SEAL: [&str; 3] = ["{\"blake3\":\"", "\",\"plan\":", "}\n"];

/// Wraps JSON with its checksum.
pub(super) fn seal(json: &str) -> String {
    let [before, between, behind] = SEAL;
    format!("{before}{}{between}{json}{behind}", blake3::hash(json.as_bytes()).to_hex())
}

/// The wrapped JSON, if its checksum is right.
pub(super) fn unseal(bytes: &[u8]) -> Option<&str> {
    let [before, between, behind] = SEAL;
    let sealed = std::str::from_utf8(bytes).ok()?.strip_prefix(before)?.strip_suffix(behind)?;
    let (hash, json) = sealed.split_once(between)?;
    (hash == blake3::hash(json.as_bytes()).to_hex().as_str()).then_some(json)
}

/// True if bytes may be the beginning of a file with a checksum, truncated anywhere: if not, the
/// file is another one of the same name.
pub(super) fn may_be_sealed(bytes: &[u8]) -> bool {
    bytes.iter().zip(SEAL[0].as_bytes()).all(|(a, b)| a == b)
}

impl Store {
    /// Saves a value with a checksum, atomically.
    pub(super) fn save_sealed<T: Serialize>(
        &self,
        path: &Path,
        value: &T,
    ) -> Result<(), StoreError> {
        let malformed = |error: serde_json::Error| StoreError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let json = serde_json::to_string(value).map_err(malformed)?;
        self.replace(path, seal(&json).as_bytes())
    }
}

/// Maximum size of such a file [bytes]: a plan of a million runs is smaller.
const LONGEST: u64 = 2 << 30;

/// Reads a value and verifies its checksum.
pub(super) fn load_sealed<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let bytes = regular::read(path, LONGEST).map_err(StoreError::io("read", path))?;
    let malformed = |reason: String| StoreError::Malformed { path: path.to_owned(), reason };
    let json = unseal(&bytes).ok_or_else(|| malformed("its checksum does not match".to_owned()))?;
    serde_json::from_str(json).map_err(|error| malformed(error.to_string()))
}

/// Reads a plan and validates its settings and its consistency, because a right checksum proves
/// neither.
pub(super) fn load_plan(path: &Path, store: &Store) -> Result<Plan, StoreError> {
    let mut plan: Plan = load_sealed(path)?;
    let malformed = |reason: String| StoreError::Malformed { path: path.to_owned(), reason };
    let store = store.of(&plan)?;
    let trainer = &**store.trainer();
    // Runs of a variant share their configuration, as they did when the plan was made.
    let mut last: Option<(Config, Config)> = None;
    for (i, run) in plan.runs.iter_mut().enumerate() {
        let known = last.as_ref().filter(|(found, _)| *found == run.config);
        let complete = match known {
            Some((_, complete)) => complete.clone(),
            None => trainer
                .complete(&run.config.value())
                .map_err(|why| malformed(format!("runs[{i}].config: {why}")))?,
        };
        last = Some((std::mem::replace(&mut run.config, complete.clone()), complete));
    }
    plan.check(trainer).map_err(malformed)?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_plan_vouches_for_every_bit_and_is_json() {
        let sealed = seal("{\"name\":\"a\",\"plan\":[1,2]}");
        assert_eq!(unseal(sealed.as_bytes()), Some("{\"name\":\"a\",\"plan\":[1,2]}"));
        serde_json::from_str::<serde_json::Value>(&sealed).unwrap();
        for i in 0..sealed.len() {
            for bit in 0..8 {
                let mut flipped = sealed.clone().into_bytes();
                flipped[i] ^= 1 << bit;
                assert_eq!(unseal(&flipped), None, "byte {i}, bit {bit}");
            }
            assert_eq!(unseal(&sealed.as_bytes()[..i]), None, "cut at {i}");
        }
    }
}
