//! Readers of foreign files, which are not trusted: the content decides the format, no size is
//! believed before the bytes are there, and every error names its place.

mod decode;
mod foreign;
mod gallery;
mod greys;
mod header;
mod idx;
mod images;
mod npy;
mod numbers;
mod reals;
mod text;

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use super::binarize::Levels;
use super::{DataConfig, DataError, Shape, ValueKind};
use crate::regular;
use decode::{is_picture, luma};
pub(crate) use decode::{picture, shrink};
pub use gallery::Pictures;
pub(crate) use idx::size;
pub(crate) use images::{Division, NO_PICTURE, Tree, divide, folder, outside, tree};

/// Images or rows of real numbers as a file holds them, before anything is divided, made binary or
/// standardised.
#[derive(Debug, PartialEq)]
pub(crate) struct Pool {
    /// Pixels [n_images x dim]: of all images in the file, or of those requested; empty for real
    /// numbers.
    pub(crate) pixels: Vec<u8>,
    /// Real numbers of all rows in the file [n_rows x dim]; `None` for images.
    reals: Option<Vec<f64>>,
    pub(crate) shape: Shape,
    /// Images requested, if not all.
    kept: Option<Box<Kept>>,
    /// Class of every image, if the file has them.
    pub(crate) labels: Option<Vec<u16>>,
    /// Names of the classes, by label; empty where they have none.
    pub(crate) classes: Vec<String>,
    /// Content of the file besides, as in [`super::Dataset::left_out`].
    pub(crate) left_out: Vec<String>,
    /// Sentences on the images for the user, as in [`super::Origin::notes`].
    pub(crate) notes: Vec<String>,
    /// Name of the array in an archive of arrays.
    pub(crate) array: Option<String>,
    /// Names of the columns, if a text has a header.
    pub(crate) columns: Option<Vec<String>>,
    /// Pictures from which the images were resized.
    pub(crate) pictures: Option<Pictures>,
}

/// An image or a row of real numbers for comparisons: two are equal if all their values are.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stored<'a> {
    Levels(&'a [u8]),
    /// Bits of the numbers.
    Real(Vec<u64>),
}

/// Selected images of a file, and properties of all its images.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    /// Indices of the selected images, ascending.
    images: Vec<u32>,
    count: usize,
    levels: Levels,
}

impl Pool {
    /// Makes a pool of images without classes. If all pixels are 0 or 1, they become 0 and 255,
    /// because a pool always holds grey levels.
    fn unlabelled(mut pixels: Vec<u8>, shape: Shape) -> Self {
        if pixels.iter().all(|&level| level <= 1) {
            for level in &mut pixels {
                *level *= 255;
            }
        }
        Self::labelled(pixels, shape, None, vec![])
    }

    /// Makes a pool of images with classes.
    pub(crate) fn labelled(
        pixels: Vec<u8>,
        shape: Shape,
        labels: Option<Vec<u16>>,
        classes: Vec<String>,
    ) -> Self {
        let (kept, array, columns, pictures) = (None, None, None, None);
        Self {
            pixels,
            reals: None,
            shape,
            kept,
            labels,
            classes,
            left_out: vec![],
            notes: vec![],
            array,
            columns,
            pictures,
        }
    }

    /// Makes a pool of rows of `dim` real numbers.
    pub(crate) fn real(values: Vec<f64>, dim: usize) -> Self {
        let shape = Shape { width: dim, height: 1 };
        Self {
            reals: Some(values),
            ..Self::labelled(vec![], shape, None, vec![])
        }
    }

    /// Kind of the values.
    pub(crate) fn kind(&self) -> ValueKind {
        if self.is_real() { ValueKind::Real } else { ValueKind::Pixels }
    }

    /// True for rows of real numbers.
    pub(crate) fn is_real(&self) -> bool {
        self.reals.is_some()
    }

    /// Number of images in the file.
    pub(crate) fn count(&self) -> usize {
        let values = self.reals.as_ref().map_or(self.pixels.len(), Vec::len);
        self.kept.as_ref().map_or(values / self.shape.dim(), |kept| kept.count)
    }

    /// Gives the images these classes; names of classes begin with the one of the lowest label,
    /// `first`, or 0 where a label is lower, and are numbers where `names` has none.
    pub(crate) fn label(&mut self, labels: Vec<u16>, (first, names): (u16, &[&str])) {
        let lowest = labels.iter().min();
        let first = if lowest.is_some_and(|&lowest| lowest < first) { 0 } else { first };
        let last = labels.iter().max();
        let classes = last.map_or(0, |&last| usize::from(last.saturating_sub(first)) + 1);
        let name = |class: usize| {
            names
                .get(class)
                .map_or_else(|| (class + usize::from(first)).to_string(), ToString::to_string)
        };
        self.classes = (0..classes).map(name).collect();
        self.labels = Some(labels.into_iter().map(|label| label.saturating_sub(first)).collect());
    }

    /// Levels of all images in the file.
    pub(crate) fn levels(&self) -> Levels {
        self.kept.as_ref().map_or_else(|| Levels::of(&self.pixels), |kept| kept.levels)
    }

    /// True if both hold the same images in any order, compared on the images that are in memory.
    pub(crate) fn holds_the_same_as(&self, other: &Self) -> bool {
        let is_whole =
            |pool: &Self| pool.kept.as_ref().is_none_or(|kept| kept.images.len() == kept.count);
        if !is_whole(self)
            || !is_whole(other)
            || self.shape != other.shape
            || self.count() != other.count()
        {
            return false;
        }
        let counts = |pool: &Self| {
            let mut counts = [0usize; 256];
            pool.pixels.iter().for_each(|&level| counts[usize::from(level)] += 1);
            counts
        };
        // Most pools differ in these counts already, which saves sorting.
        counts(self) == counts(other) && self.sorted() == other.sorted()
    }

    /// The images in memory, sorted by their pixels.
    fn sorted(&self) -> Vec<Stored<'_>> {
        let mut images: Vec<Stored> = match &self.reals {
            None => self.pixels.chunks_exact(self.shape.dim()).map(Stored::Levels).collect(),
            Some(_) => (0..self.count()).map(|i| self.stored(i as u32)).collect(),
        };
        images.sort_unstable();
        images
    }

    /// Reorders the values of every image: value `order[0]` becomes the first.
    pub(crate) fn reorder(&mut self, order: &[usize]) {
        reorder(&mut self.pixels, order);
        self.reals.iter_mut().for_each(|values| reorder(values, order));
    }

    /// Row `i` of a table of real numbers.
    pub(crate) fn real_row(&self, i: u32) -> &[f64] {
        let dim = self.shape.dim();
        let values = self.reals.as_deref().unwrap_or_default();
        &values[i as usize * dim..][..dim]
    }

    /// Image or row `i`, which must be one of those requested, for comparisons.
    pub(crate) fn stored(&self, i: u32) -> Stored<'_> {
        if self.is_real() {
            // Adding zero makes one of the two zeros.
            let bits = self.real_row(i).iter().map(|value| (value + 0.0).to_bits());
            return Stored::Real(bits.collect());
        }
        Stored::Levels(self.image(i))
    }

    /// Image `i` of the file, which must be one of those requested.
    pub(crate) fn image(&self, i: u32) -> &[u8] {
        let row = self.kept.as_ref().map_or(Ok(i as usize), |kept| kept.images.binary_search(&i));
        let row = row.expect("an image that was asked for");
        &self.pixels[row * self.shape.dim()..][..self.shape.dim()]
    }
}

fn reorder<T: Copy>(values: &mut [T], order: &[usize]) {
    for row in values.chunks_exact_mut(order.len()) {
        let before = row.to_vec();
        row.iter_mut().zip(order).for_each(|(value, &from)| *value = before[from]);
    }
}

/// One pool, or a file's own train, valid and test.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Debug)]
pub(crate) enum Contents {
    One(Pool),
    Parts([Option<Pool>; 3]),
}

/// Reads a file of any known format, for the settings of `config`. Of a file whose [`size`] is told, only the images `wanted`, ascending, are kept, all being read and checked.
pub(crate) fn file(
    path: &Path,
    config: &DataConfig,
    wanted: Option<Vec<u32>>,
) -> Result<Contents, DataError> {
    contents(path, open(path)?, config, wanted)
}

/// The same, if the bytes that were read have this SHA-256, unpacked; `None` if they have another.
pub(crate) fn file_of_content(
    path: &Path,
    config: &DataConfig,
    wanted: Option<Vec<u32>>,
    sha256: &str,
) -> Result<Option<Contents>, DataError> {
    let mut source = Hashed { inner: open(path)?, hasher: Sha256::new() };
    let contents = contents(path, &mut source, config, wanted);
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
        // The bytes consumed were returned by `fill_buf`, and are still in its buffer.
        if let Ok(seen) = self.inner.fill_buf() {
            self.hasher.update(&seen[..count.min(seen.len())]);
        }
        self.inner.consume(count);
    }
}

fn contents(
    path: &Path,
    mut source: impl BufRead,
    config: &DataConfig,
    wanted: Option<Vec<u32>>,
) -> Result<Contents, DataError> {
    let start = beginning(path, &mut source, 512)?;
    let magic = start.clone();
    let source = Cursor::new(start).chain(source);
    let refused = |problem: String| Err(DataError::malformed(path, "byte 0", problem));
    match &magic[..] {
        [] => refused("the file is empty".into()),
        m if config.values.is_real() && (is_tar(m) || is_idx(m) || is_picture(m)) => {
            refused(NO_TABLE.into())
        }
        m if is_tar(m) => images::tar(path, source, config.size),
        m if is_idx(m) => idx::images(path, source, wanted).map(Contents::One),
        m if m.starts_with(b"\x93NUMPY") => npy::array(path, source, config).map(Contents::One),
        m if m.starts_with(b"PK\x03\x04") => npy::archive(path, config),
        m if is_picture(m) => {
            refused("one picture is not a data set: give the folder that holds the images".into())
        }
        m => match foreign::refusal(path, m) {
            Some(problem) => refused(problem),
            None => text::rows(path, source, config).map(Contents::One),
        },
    }
}

/// Up to `length` first bytes of a source.
fn beginning(path: &Path, source: &mut impl Read, length: usize) -> Result<Vec<u8>, DataError> {
    let mut start = vec![0; length];
    let have = fill(source, &mut start).map_err(DataError::io(path))?;
    start.truncate(have);
    Ok(start)
}

/// Problem of pictures where a table is expected.
pub(crate) const NO_TABLE: &str = "images, where data.values = \"real\" expects a table of real numbers (.npy, .npz, or text): \
                                   leave values out for images";

fn is_tar(start: &[u8]) -> bool {
    start.get(257..262) == Some(b"ustar")
}

fn is_idx(start: &[u8]) -> bool {
    matches!(start, [0, 0, 8..=14, 1..=4, ..])
}

/// True if a file begins as images do: arrays with at least two dimensions, rows of values,
/// archives. Files of unknown content count, so that reading them gives a precise error.
pub(crate) fn begins_as_images(path: &Path, config: &DataConfig) -> bool {
    let start = open(path).and_then(|mut source| beginning(path, &mut source, 1 << 16));
    match start.as_deref() {
        Err(_) => true,
        Ok(m) if is_idx(m) => m[3] > 1,
        Ok(m) if m.starts_with(b"\x93NUMPY") => npy::promises_images(&mut &*m).unwrap_or(true),
        Ok(m) if is_tar(m) || m.starts_with(b"PK\x03\x04") => true,
        Ok(m) => {
            !m.is_empty()
                && foreign::refusal(path, &m[..m.len().min(512)]).is_none()
                && text::begins_as_table(path, m, config)
        }
    }
}

/// True if a file without a known ending is, by its content, an array or a table of several rows.
pub(crate) fn is_values(path: &Path, config: &DataConfig) -> bool {
    const ROWS: usize = 3;
    let start = open(path).and_then(|mut source| beginning(path, &mut source, 1 << 16));
    match start.as_deref() {
        Ok(m) if is_idx(m) || m.starts_with(b"\x93NUMPY") => begins_as_images(path, config),
        Ok(m) if is_tar(m) || m.starts_with(b"PK\x03\x04") || m.contains(&0) => false,
        Ok(m) => m.split(|&byte| byte == b'\n').count() > ROWS && begins_as_images(path, config),
        Err(_) => false,
    }
}

/// True for a table or an array among pictures that is likely about them (names, classes, bounding
/// boxes): it has few values per row and few rows per picture or, if text, at most as many rows as
/// there are pictures. Fewer than three pictures are not a set.
pub(crate) fn is_about_pictures(path: &Path, pictures: usize, config: &DataConfig) -> bool {
    const FEW_VALUES: usize = 16;
    const ROWS_A_PICTURE: usize = 10;
    let start = open(path).and_then(|mut source| beginning(path, &mut source, 1 << 16));
    let Some(start) = start.ok().filter(|_| pictures >= 3) else { return false };
    if let Some((rows, width)) = npy::size(&mut &*start) {
        return width < FEW_VALUES && rows <= ROWS_A_PICTURE * pictures;
    }
    if start.contains(&0) {
        return false;
    }
    let few = text::width(path, &start, config).is_some_and(|width| width < FEW_VALUES);
    let most = if few { ROWS_A_PICTURE * pictures } else { pictures };
    // The header is a line as well.
    open(path).is_ok_and(|source| source.split(b'\n').take(most + 2).count() <= most + 1)
}

/// Labels of a file: whole numbers, one per image.
pub(crate) fn labels(path: &Path) -> Result<Vec<u16>, DataError> {
    let mut source = open(path)?;
    match source.fill_buf().map_err(DataError::io(path))? {
        start if start.starts_with(b"\x93NUMPY") => npy::labels(path, source),
        [first, ..] if first.is_ascii_graphic() => text::labels(path, source),
        _ => idx::labels(path, source),
    }
}

/// True if a gzip file is, judged by its length alone, a packed copy of `unpacked`.
pub(crate) fn is_packed_copy(packed: &Path, unpacked: &Path) -> bool {
    // The last four bytes are the length of the content.
    let length = || -> io::Result<u32> {
        let (mut file, mut word) = (regular::open(packed)?, [0; 4]);
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut word)?;
        Ok(u32::from_le_bytes(word))
    };
    unpacked
        .metadata()
        .is_ok_and(|data| length().is_ok_and(|length| data.len() as u32 == length))
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
    let capped = Capped {
        inner: Gunzip(Some(GzDecoder::new(packed))),
        left: unpacked_limit(length),
    };
    Ok(Box::new(BufReader::with_capacity(1 << 16, capped)))
}

/// Content of a gzip file: of all its members, ignoring zeros after them, as `gzip` does.
struct Gunzip<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let mut packed = self.0.take().expect("there is a member").into_inner();
            let next = loop {
                let bytes = packed.fill_buf()?;
                let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
                let next = bytes.get(zeros).copied();
                let ended = bytes.is_empty();
                packed.consume(zeros);
                if ended || next.is_some() {
                    break next;
                }
            };
            match next {
                None => {}
                Some(0x1f) => self.0 = Some(GzDecoder::new(packed)),
                Some(_) => {
                    return Err(io::Error::other(
                        "bytes that are not gzip follow the end of the packed content",
                    ));
                }
            }
        }
        Ok(0)
    }
}

/// Maximum number of bytes to which `packed` compressed bytes may expand, against decompression
/// bombs: real sets of bits and pictures remain below a factor of 200.
fn unpacked_limit(packed: u64) -> u64 {
    (16 << 20) + 300 * packed
}

/// A reader that fails at its limit instead of filling the memory.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::other("unpacks to more than 300 times its length: refused"));
            }
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

/// Description of an error that prevents a zip entry from being read to its end.
fn damage(error: &io::Error) -> String {
    match error.to_string() {
        text if text.contains("checksum") => {
            "its bytes do not have the checksum (CRC-32) that the archive states: the file is \
                                              damaged; copy or download it again"
                .to_owned()
        }
        text => text,
    }
}
