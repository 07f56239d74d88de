//! What a test cannot show here is said where it is read: the test runner keeps what `eprintln!`
//! prints of tests that pass.

use std::fmt::Display;
use std::io::{Write, stderr};

pub(crate) fn skipped(why: impl Display) {
    stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}
