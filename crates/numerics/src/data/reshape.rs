//! Resizing of images to the configured size: plain vectors become squares, images known by name are
//! resized.

use super::binarize::Levels;
use super::read::{self, Pool};
use super::source::Files;
use super::{DataError, Shape};

/// Default side of the images [pixels].
const SIZE: usize = 28;

/// Brings a pool to the requested size. Error: the reason why that is impossible.
pub(super) fn reshape(pool: &mut Pool, files: &Files, size: usize) -> Result<(), DataError> {
    let asked = Shape { width: size, height: size };
    if pool.shape.height == 1 && pool.shape.dim() == asked.dim() {
        pool.shape = asked;
    }
    if files.known.is_some_and(|known| known.invert && pool.shape == asked) && mostly_light(pool) {
        pool.pixels.iter_mut().for_each(|level| *level = 255 - *level);
    }
    let is_resized = files.known.is_some_and(|known| !known.is_vectors());
    if pool.shape == asked || size == SIZE && !is_resized {
        return Ok(());
    }
    let binary = pool.levels() == Levels::Binary;
    if !is_resized || pool.shape.height == 1 || binary {
        let Shape { width, height } = pool.shape;
        let have = if height == 1 {
            format!("vectors of {width} values")
        } else {
            format!("images of {height} x {width}")
        };
        let problem = format!(
            "{size} asked, {} holds {have}, which are used as they are: leave size out",
            place(files)
        );
        return Err(DataError::Setting { key: "size", problem });
    }
    let mut pixels = Vec::with_capacity(pool.count() * asked.dim());
    for image in pool.pixels.chunks_exact(pool.shape.dim()) {
        read::shrink(image, pool.shape.width, pool.shape.height, size, &mut pixels);
    }
    (pool.pixels, pool.shape) = (pixels, asked);
    Ok(())
}

/// The path of a set, with the files in it that were chosen.
fn place(files: &Files) -> String {
    let (path, names) = (files.path.display(), files.names());
    if names.is_empty() {
        path.to_string()
    } else {
        format!("{path} ({})", names.join(", "))
    }
}

fn mostly_light(pool: &Pool) -> bool {
    let sum: u64 = pool.pixels.iter().map(|&level| u64::from(level)).sum();
    sum > 127 * pool.pixels.len() as u64
}
