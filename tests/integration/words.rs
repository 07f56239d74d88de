//! Words of the code: a doc comment opens with its subject or a verb, not with a question word, and
//! no two types share a name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::imports::rust_files;

/// Words with which no doc comment may open.
const QUESTION_WORDS: [&str; 6] = ["What", "Whether", "Where", "How", "When", "Why"];

/// Marker and text of a line of a doc comment.
fn doc_line(line: &str) -> Option<(&str, &str)> {
    let (marker, text) = line.trim_start().split_at_checked(3)?;
    ["///", "//!"].contains(&marker).then(|| (marker, text.trim_start()))
}

/// Numbers, from 1, of the lines at which a doc comment opens with a question word.
fn question_openings(source: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut previous_marker = None;
    for (i, line) in source.lines().enumerate() {
        let doc = doc_line(line);
        let marker = doc.map(|(marker, _)| marker);
        let first_word = doc.and_then(|(_, text)| text.split(|c: char| !c.is_alphabetic()).next());
        // Only the first line of a block counts: wrapping may put any word first in the others.
        let opens = marker != previous_marker;
        if opens && first_word.is_some_and(|word| QUESTION_WORDS.contains(&word)) {
            found.push(i + 1);
        }
        previous_marker = marker;
    }
    found
}

#[test]
fn doc_comments_open_with_their_subject() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = ["src", "crates", "tests", "benches", "examples"]
        .iter()
        .flat_map(|folder| rust_files(&root.join(folder)))
        .filter(|file| file.strip_prefix(root).unwrap().iter().all(|part| part != "target"))
        .collect();
    assert!(files.len() > 200, "only {} files found: the reader is broken", files.len());
    let mut openings = Vec::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap().display();
        let lines = question_openings(&fs::read_to_string(file).unwrap());
        openings.extend(lines.iter().map(|line| format!("{name}:{line}")));
    }
    assert!(
        openings.is_empty(),
        "doc comments that open with one of {QUESTION_WORDS:?}; name the subject first:\n{}",
        openings.join("\n")
    );
}

#[test]
fn the_reader_sees_the_first_line_of_each_block_alone() {
    let source = "//! Whether a.\n/// What: b.\n/// When c.\nfn f() {}\n    /// Howl.\n// Why d.\n/// Why e.";
    assert_eq!(question_openings(source), [1, 2, 7]);
}

/// Pairs of types with one name: an exception list, to be shortened.
const SHARED_NAMES: [&str; 0] = [];

/// Name of the type that a line declares, unless it is private to its file.
fn declared_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub")?;
    let rest = match rest.strip_prefix('(') {
        Some(restricted) => restricted.split_once(')')?.1,
        None => rest,
    };
    let (kind, name) = rest.trim_start().split_once(' ')?;
    let is_type = ["struct", "enum", "trait", "type", "union"].contains(&kind);
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .filter(|_| is_type)
}

#[test]
fn no_two_types_share_a_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut declared = BTreeMap::<String, Vec<String>>::new();
    for file in ["src", "crates/numerics/src"].iter().flat_map(|at| rust_files(&root.join(at))) {
        let place = file.strip_prefix(root).unwrap().display().to_string();
        for name in fs::read_to_string(&file).unwrap().lines().filter_map(declared_type) {
            declared.entry(name.to_owned()).or_default().push(place.clone());
        }
    }
    assert!(
        declared.len() > 200,
        "only {} types found: the reader is broken",
        declared.len()
    );
    declared.retain(|_, places| places.len() > 1);
    let shared: Vec<&String> = declared.keys().collect();
    assert_eq!(shared, SHARED_NAMES, "{declared:#?}");

    let lines = ["pub(super) enum A<'a> {", "pub trait B: C {", "pub fn f()", "struct D;"];
    assert_eq!(lines.map(declared_type), [Some("A"), Some("B"), None, None]);
}
