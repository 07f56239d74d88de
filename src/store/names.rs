//! Names that come from outside are checked here before they become part of a path or of a table's cell.

use super::StoreError;

const RULE: &str = "a letter, then letters, digits, `.`, `_` or `-`, at most 100 in all";

/// Directories of the results that no experiment may take.
const RESERVED: [&str; 4] = ["runs", "data", "unfinished", "submitted"];

fn plain(name: &str) -> bool {
    let follows = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    name.len() <= 100 && name.bytes().all(follows)
}

/// Checks the name of an experiment: it becomes a directory beside `runs/` and the like.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let error = |rule| Err(StoreError::Name { what: "an experiment", name: name.to_owned(), rule });
    if !plain(name) || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return error(RULE);
    }
    // Compared without case: some file systems do not tell `Runs` from `runs`.
    if RESERVED.iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
        return error("`runs`, `data`, `unfinished` and `submitted` are directories of the results themselves");
    }
    Ok(())
}

/// Checks the name of a file inside a run or beside the tables.
pub(super) fn check_file(what: &'static str, name: &str) -> Result<(), StoreError> {
    if plain(name) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
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
        for good in ["masks", "Depth-2.b", "a"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(101);
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "-x",
            "1x",
            "ä",
            "a b",
            "a\0",
            "runs",
            "Data",
            "submitted",
            "a\n",
            &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
            assert!(
                check_file("a file", bad).is_err() || ["1x", "runs", "Data", "submitted"].contains(&bad),
                "{bad:?}"
            );
        }
    }
}
