//! Files of others, read without trust: the content decides the format, a promise of size is never believed before the
//! bytes are there, and every error names the place.

mod idx;
mod images;
mod npy;
mod text;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{DataError, Shape};
pub(crate) use idx::labels;
pub(crate) use images::{folder, is_image_tree, picture, pictures, shrink};

/// Images as a file holds them, before anything is divided or made binary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// `count` x D, row-major.
    pub(crate) pixels: Vec<u8>,
    pub(crate) shape: Shape,
    /// Class of every image, where the file has them.
    pub(crate) labels: Option<Vec<u16>>,
    /// Names of the classes, by label; empty where they have none.
    pub(crate) classes: Vec<String>,
}

impl Pool {
    /// Images without classes. Pixels of nothing but 0 and 1 become 0 and 255: a pool is always grey levels.
    fn unlabelled(mut pixels: Vec<u8>, shape: Shape) -> Self {
        if pixels.iter().all(|&level| level <= 1) {
            pixels.iter_mut().for_each(|level| *level *= 255);
        }
        Self { pixels, shape, labels: None, classes: vec![] }
    }

    /// Number of images.
    pub(crate) fn count(&self) -> usize {
        self.pixels.len() / self.shape.dim()
    }
}

/// One pool, or a file's own train, valid and test.
#[derive(Debug)]
pub(crate) enum Contents {
    One(Pool),
    Parts([Option<Pool>; 3]),
}

/// Reads a file of any known format. `size` is the side of images that are resized.
pub(crate) fn file(path: &Path, size: usize) -> Result<Contents, DataError> {
    let mut source = open(path)?;
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
        _ if is_idx => idx::images(path, source).map(Contents::One),
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
    let file = File::open(path).map_err(DataError::io(path))?;
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

/// Reads exactly `count` bytes after `header` bytes of a file and demands that it ends there. Memory grows with what
/// arrives, never with what a header promises.
fn body(path: &Path, mut source: impl Read, header: usize, count: usize, what: &str) -> Result<Vec<u8>, DataError> {
    let packed = path.metadata().map_or(0, |data| data.len());
    let mut bytes = Vec::with_capacity(count.min(usize::try_from(8 * packed).unwrap_or(0) + 1));
    let limit = (count as u64).saturating_add(1);
    let read = source.by_ref().take(limit).read_to_end(&mut bytes);
    read.map_err(|error| DataError::malformed(path, format!("byte {}", header + bytes.len()), error))?;
    match bytes.len() {
        n if n == count => Ok(bytes),
        n if n < count => {
            let problem = format!("the file ends; its header promises {what}, {count} bytes after the first {header}");
            Err(DataError::malformed(path, format!("byte {}", header + n), problem))
        }
        _ => {
            let problem = format!("more bytes than the {count} of {what} that its header promises");
            Err(DataError::malformed(path, format!("byte {}", header + count), problem))
        }
    }
}
