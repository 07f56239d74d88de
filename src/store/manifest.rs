//! Manifest of a run: size and BLAKE3 hash of every file that equal executions share, with a
//! checksum of its own.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::names::RUN;
use crate::plan::names::is_file_path;
use crate::regular;

/// `checksums.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) files: BTreeMap<FileName, ManifestEntry>,
}

/// Name of a file in the directory of the run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct FileName(pub(super) String);

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if is_file_path(&name) {
            Ok(Self(name))
        } else {
            Err(format!("{name:?} is not the name of a file of a run"))
        }
    }
}

impl std::borrow::Borrow<str> for FileName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestEntry {
    pub(super) bytes: u64,
    pub(super) blake3: String,
}

impl ManifestEntry {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
        }
    }

    /// The entry of a file, which may be larger than memory.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        let file = regular::open(path)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&file)?;
        Ok(Self {
            bytes: hasher.count(),
            blake3: hasher.finalize().to_hex().to_string(),
        })
    }
}

impl Manifest {
    /// True if these are the files of a published run, which may lack those that later versions
    /// add: `later`. Its specification need only exist: the id covers everything in it that decides
    /// a value, and the path of the data may differ.
    pub(super) fn repeats(&self, published: &Self, later: &[&str]) -> bool {
        let expected = |name: &str| !later.contains(&name) || published.files.contains_key(name);
        let own = self.files.iter().filter(|(name, _)| expected(&name.0));
        own.map(vouched_for).eq(published.files.iter().map(vouched_for))
    }
}

/// A file, and its manifest entry unless it is the specification.
fn vouched_for<'a>(
    (name, entry): (&'a FileName, &'a ManifestEntry),
) -> (&'a str, Option<&'a ManifestEntry>) {
    (&name.0, (name.0 != RUN).then_some(entry))
}

const SEAL: &str = "# blake3 of the lines above: ";

/// Appends a comment with the hash of the text, to detect changes.
pub(super) fn seal(text: &str) -> String {
    format!("{text}{SEAL}{}\n", blake3::hash(text.as_bytes()).to_hex())
}

/// The text, if its hash is right.
pub(super) fn unseal(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, seal) = text.rfind(SEAL).map(|at| text.split_at(at))?;
    let hash = seal.strip_prefix(SEAL)?.strip_suffix('\n')?;
    (hash == blake3::hash(body.as_bytes()).to_hex().as_str()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(run: &Manifest, published: &Manifest) -> bool {
        run.repeats(published, &["masks.npz"])
    }

    #[test]
    fn a_run_without_the_files_that_came_later_is_repeated() {
        let manifest = |files: &[(&str, &[u8])]| Manifest {
            files: files
                .iter()
                .map(|(name, bytes)| (FileName((*name).to_owned()), ManifestEntry::of(bytes)))
                .collect(),
        };
        let new = manifest(&[("masks.npz", b"m"), ("test_nll.npy", b"t")]);
        assert!(repeats(&new, &new) && repeats(&new, &manifest(&[("test_nll.npy", b"t")])));
        let moved = |path| manifest(&[("run.toml", path), ("test_nll.npy", b"t")]);
        assert!(
            repeats(&moved(b"a.csv"), &moved(b"b.csv")),
            "the id vouches for the specification"
        );
        assert!(!repeats(&new, &manifest(&[("masks.npz", b"m")])), "a file that is missing");
        assert!(
            !repeats(&new, &manifest(&[("masks.npz", b"other"), ("test_nll.npy", b"t")])),
            "other masks"
        );
        assert!(!repeats(&new, &manifest(&[("test_nll.npy", b"other")])), "other numbers");
        assert!(
            !repeats(&new, &manifest(&[("test_nll.npy", b"t"), ("samples.npy", b"s")])),
            "a file more"
        );
    }

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
