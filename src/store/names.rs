//! Checks of names of other origin before they become part of a path or of a cell of a table.

use super::StoreError;
use crate::plan::experiment_name_problem;
use crate::plan::names::{RULE, is_file_name};

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
