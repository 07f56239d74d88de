//! Files of others, read without trust: the content decides the format, a promise of size is never believed before the
//! bytes are there, and every error names the place.

mod idx;
mod images;
mod npy;
mod text;

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::binarize::Levels;
use super::{DataError, Shape};
use crate::regular;
pub(crate) use idx::{labels, size};
pub(crate) use images::{folder, is_image_tree, picture, pictures, shrink};

/// Images as a file holds them, before anything is divided or made binary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// A row an image: of all in the file, or of those that were asked for.
    pub(crate) pixels: Vec<u8>,
    pub(crate) shape: Shape,
    /// What was asked for, if not all.
    kept: Option<Box<Kept>>,
    /// Class of every image, where the file has them.
    pub(crate) labels: Option<Vec<u16>>,
    /// Names of the classes, by label; empty where they have none.
    pub(crate) classes: Vec<String>,
}

/// Some images of a file, and what is known of all.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    /// Their numbers, ascending.
    images: Vec<u32>,
    count: usize,
    levels: Levels,
}

impl Pool {
    /// Images without classes. Pixels of nothing but 0 and 1 become 0 and 255: a pool is always grey levels.
    fn unlabelled(mut pixels: Vec<u8>, shape: Shape) -> Self {
        if pixels.iter().all(|&level| level <= 1) {
            pixels.iter_mut().for_each(|level| *level *= 255);
        }
        Self::labelled(pixels, shape, None, vec![])
    }

    /// Images with classes.
    pub(crate) fn labelled(pixels: Vec<u8>, shape: Shape, labels: Option<Vec<u16>>, classes: Vec<String>) -> Self {
        Self { pixels, shape, kept: None, labels, classes }
    }

    /// Number of images in the file.
    pub(crate) fn count(&self) -> usize {
        self.kept.as_ref().map_or(self.pixels.len() / self.shape.dim(), |kept| kept.count)
    }

    /// Levels of all images in the file.
    pub(crate) fn levels(&self) -> Levels {
        self.kept.as_ref().map_or_else(|| Levels::of(std::iter::once(self.pixels.as_slice())), |kept| kept.levels)
    }

    /// Whether both hold the same images in the same order, as far as all of them were kept.
    pub(crate) fn holds_the_same_as(&self, other: &Self) -> bool {
        self.kept.is_none() && other.kept.is_none() && self.shape == other.shape && self.pixels == other.pixels
    }

    /// Image `i` of the file, which must be one of those that were asked for.
    pub(crate) fn image(&self, i: u32) -> &[u8] {
        let row = self.kept.as_ref().map_or(Ok(i as usize), |kept| kept.images.binary_search(&i));
        let row = row.expect("an image that was asked for");
        &self.pixels[row * self.shape.dim()..][..self.shape.dim()]
    }
}

/// One pool, or a file's own train, valid and test.
#[derive(Debug)]
pub(crate) enum Contents {
    One(Pool),
    Parts([Option<Pool>; 3]),
}

/// Reads a file of any known format. `size` is the side of images that are resized. Of a file whose [`size`] is told, only
/// the images `wanted`, ascending, are kept, all being read and checked.
pub(crate) fn file(path: &Path, size: usize, wanted: Option<Vec<u32>>) -> Result<Contents, DataError> {
    contents(path, open(path)?, size, wanted)
}

/// The same, if the bytes that were read have this SHA-256, unpacked; `None` if they have another.
pub(crate) fn file_of_content(
    path: &Path,
    size: usize,
    wanted: Option<Vec<u32>>,
    sha256: &str,
) -> Result<Option<Contents>, DataError> {
    let mut source = Hashed { inner: open(path)?, hasher: Sha256::new() };
    let contents = contents(path, &mut source, size, wanted);
    io::copy(&mut source, &mut io::sink()).map_err(DataError::io(path))?;
    let found: String = source.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == sha256 { contents.map(Some) } else { Ok(None) }
}

/// A reader that hashes what is read from it.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.hasher.update(&out[..read]);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // What is consumed has been looked at by `fill_buf`, and is still there.
        if let Ok(seen) = self.inner.fill_buf() {
            self.hasher.update(&seen[..count.min(seen.len())]);
        }
        self.inner.consume(count);
    }
}

fn contents(
    path: &Path,
    mut source: impl BufRead,
    size: usize,
    wanted: Option<Vec<u32>>,
) -> Result<Contents, DataError> {
    let mut start = vec![0; 512];
    let have = fill(&mut source, &mut start).map_err(DataError::io(path))?;
    start.truncate(have);
    if start.is_empty() {
        return Err(DataError::malformed(path, "byte 0", "the file is empty"));
    }
    let is_tar = start.get(257..262) == Some(b"ustar");
    let is_idx = matches!(start[..], [0, 0, 8..=14, 1..=4, ..]);
    let magic = start.clone();
    let source = Cursor::new(start).chain(source);
    match magic {
        _ if is_tar => images::archive(path, source, size).map(Contents::One),
        _ if is_idx => idx::images(path, source, wanted).map(Contents::One),
        m if m.starts_with(b"\x93NUMPY") => npy::array(path, source).map(Contents::One),
        m if m.starts_with(b"PK\x03\x04") => npy::archive(path),
        m if m.starts_with(b"\x89PNG") => {
            Err(DataError::malformed(path, "byte 0", "one PNG is no data set: give the folder that holds the images"))
        }
        _ => text::rows(path, source).map(Contents::One),
    }
}

/// A file's bytes, unpacked if it is gzip, and at most what an honest file of its length can hold.
fn open(path: &Path) -> Result<Box<dyn BufRead>, DataError> {
    let file = regular::open(path).map_err(DataError::io(path))?;
    let length = file.metadata().map_err(DataError::io(path))?.len();
    let mut packed = BufReader::with_capacity(1 << 16, file);
    let gzip = packed.fill_buf().map_err(DataError::io(path))?.starts_with(&[0x1f, 0x8b]);
    if !gzip {
        return Ok(Box::new(packed));
    }
    let capped = Capped { inner: MultiGzDecoder::new(packed), left: unpacked_limit(length) };
    Ok(Box::new(BufReader::with_capacity(1 << 16, capped)))
}

/// Most bytes that `packed` bytes of compressed data may expand to: real sets of bits and pictures stay below 200 times.
fn unpacked_limit(packed: u64) -> u64 {
    (16 << 20) + 300 * packed
}

/// A reader that fails where its allowance ends, in place of filling the memory.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("unpacks to more than 300 times its length: refused")),
        }
        Ok(read)
    }
}

/// Reads until `out` is full or the source ends; the number of bytes read.
fn fill(source: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while have < out.len() {
        match source.read(&mut out[have..])? {
            0 => break,
            n => have += n,
        }
    }
    Ok(have)
}
