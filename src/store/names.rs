//! Checks of names of other origin before they become part of a path or of a cell of a table.

use super::StoreError;
use crate::plan::names::{RULE, is_file_name};
use crate::plan::{RunId, experiment_name_problem};

/// Checks the name of an experiment: it becomes a directory next to `runs/`.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let error = |rule| StoreError::Name { what: "an experiment", name: name.to_owned(), rule };
    experiment_name_problem(name).map_or(Ok(()), |rule| Err(error(rule)))
}

/// Checks the name of a file in a run or next to the tables.
pub(super) fn check_file(what: &'static str, name: &str) -> Result<(), StoreError> {
    if is_file_name(name) {
        Ok(())
    } else {
        Err(StoreError::Name { what, name: name.to_owned(), rule: RULE })
    }
}

/// True if a name has the form of a data set's fingerprint: its kind and 16 hexadecimal digits.
pub(super) fn is_fingerprint(name: &str) -> bool {
    let hexadecimal = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    name.rsplit_once('-').is_some_and(|(kind, hash)| {
        let kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        kind && hash.len() == 16 && hash.bytes().all(hexadecimal)
    })
}

/// Run and number of a claim, by the name of its file.
pub(super) fn split_claim(name: &str) -> Option<(RunId, u64)> {
    let (run, digits) = name.split_once(".claim-")?;
    let number: u64 = digits.parse().ok()?;
    // Only the spelling of this program counts, because the file is later looked up under it; the
    // upper bound keeps `n + 1` from overflowing.
    let written = number.to_string() == digits && number < HIGHEST;
    Some((RunId::parse(run)?, number)).filter(|_| written)
}

/// File of a run with its configuration and identity.
pub(super) const RUN: &str = "run.toml";

/// Exclusive upper bound of the numbers of claims.
pub(super) const HIGHEST: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_leave_their_directory() {
        for good in [
            "masks",
            "Depth-2.b",
            "a",
            "console",
            "nullable",
            "com",
            "com10",
            "index.htm",
            "runs-2",
        ] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(101);
        let outside = ["", ".", "..", "../x", "a/b", "a\\b", "-x", "ä", "a b", "a\0", "a\n", &long];
        for bad in outside {
            assert!(check_name(bad).is_err() && check_file("a file", bad).is_err(), "{bad:?}");
        }
        let taken = ["runs", "Data", "submitted", "index.html", "Readme.md"];
        let of_windows = ["nul", "Aux.2", "lpt1", "com9.x", "a."];
        for bad in ["1x"].into_iter().chain(taken).chain(of_windows) {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
