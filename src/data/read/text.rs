//! Rows of 0 and 1 as text: csv, Larochelle's .amat, the UCI and UCLA `.data` files. One image a line; commas, semicolons,
//! tabs or spaces between values; a first line of names is skipped.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::Pool;
use crate::data::{DataError, Shape};

/// Reads all rows; every one must have as many values as the first.
pub(super) fn rows(path: &Path, source: impl Read) -> Result<Pool, DataError> {
    let mut source = BufReader::with_capacity(1 << 16, source);
    let (mut pixels, mut line) = (Vec::new(), Vec::new());
    let (mut number, mut dim) = (0, 0);
    loop {
        line.clear();
        let read = source.read_until(b'\n', &mut line);
        number += 1;
        let at = |problem: String| DataError::malformed(path, format!("line {number}"), problem);
        if read.map_err(|error| at(error.to_string()))? == 0 {
            break;
        }
        let start = pixels.len();
        if let Err((column, word)) = row(&line, &mut pixels) {
            if dim == 0 && number == 1 && is_names(&line) {
                pixels.clear();
                continue;
            }
            let place = format!("line {number}, value {column}");
            return Err(DataError::malformed(path, place, format!("`{word}` is neither 0 nor 1")));
        }
        match pixels.len() - start {
            0 => {}
            values if dim == 0 => dim = values,
            values if values != dim => return Err(at(format!("{values} values, where the first row has {dim}"))),
            _ => {}
        }
    }
    if dim == 0 {
        return Err(DataError::malformed(path, format!("line {number}"), "no rows of 0 and 1"));
    }
    Ok(Pool::unlabelled(pixels, Shape { width: dim, height: 1 }))
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b',' | b';') || byte.is_ascii_whitespace()
}

/// Appends the values of a line; or the place of a value that is neither 0 nor 1, from 1, and the value.
fn row(line: &[u8], pixels: &mut Vec<u8>) -> Result<(), (usize, String)> {
    let start = pixels.len();
    let mut rest = line;
    while let Some(skip) = rest.iter().position(|&byte| !is_separator(byte)) {
        rest = &rest[skip..];
        let end = rest.iter().position(|&byte| is_separator(byte)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        pixels.push(match word {
            b"0" => 0,
            b"1" => 1,
            word => match std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok()) {
                Some(0.0) => 0,
                Some(1.0) => 1,
                _ => return Err((pixels.len() - start + 1, excerpt(word))),
            },
        });
    }
    Ok(())
}

/// Whether a line holds names and no number at all: a header.
fn is_names(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let mut words = line.split(|c: char| c.is_ascii() && is_separator(c as u8)).filter(|word| !word.is_empty());
    words.all(|word| word.parse::<f64>().is_err() && word.chars().all(|c| !c.is_control()))
}

fn excerpt(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(20)]).escape_debug().to_string()
}
