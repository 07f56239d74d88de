//! Wording of documentation: a doc comment opens with its subject or a verb, not with a question
//! word.

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
