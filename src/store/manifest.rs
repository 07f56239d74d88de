//! The manifest of a run: size and BLAKE3 of every file that equal executions share, itself sealed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `checksums.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) files: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) bytes: u64,
    pub(super) blake3: String,
}

impl Entry {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }
}

const SEAL: &str = "# blake3 of the lines above: ";

/// Appends a comment with the hash of the text, so that the text can vouch for itself.
pub(super) fn seal(text: &str) -> String {
    format!("{text}{SEAL}{}\n", blake3::hash(text.as_bytes()).to_hex())
}

/// The sealed text, if it is what was sealed.
pub(super) fn unseal(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, seal) = text.rfind(SEAL).map(|at| text.split_at(at))?;
    let hash = seal.strip_prefix(SEAL)?.strip_suffix('\n')?;
    (hash == blake3::hash(body.as_bytes()).to_hex().as_str()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_vouches_for_every_bit() {
        let sealed = seal("a = 1\nb = 2\n").into_bytes();
        assert_eq!(unseal(&sealed), Some("a = 1\nb = 2\n"));
        for i in 0..sealed.len() {
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[i] ^= 1 << bit;
                assert_eq!(unseal(&flipped), None, "byte {i}, bit {bit}");
            }
            assert_eq!(unseal(&sealed[..i]), None, "cut at {i}");
        }
    }
}
