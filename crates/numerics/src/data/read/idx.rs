//! The idx format of MNIST (LeCun, Cortes and Burges): `0 0 type rank`, `rank` sizes as big-endian
//! u32, then the values.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::{Kept, Pool, fill, open};
use crate::data::binarize::Levels;
use crate::data::{DataError, Shape};

/// Reads the sizes; the values must be unsigned bytes.
fn header(path: &Path, source: &mut impl Read) -> Result<Vec<usize>, DataError> {
    let mut magic = [0; 4];
    let mut sizes = [0; 16];
    let have = fill(source, &mut magic).map_err(DataError::io(path))?;
    let [0, 0, kind, rank @ 1..=4] = magic else {
        return Err(DataError::malformed(
            path,
            "byte 0",
            "no idx file: it does not begin with 0, 0, type, rank",
        ));
    };
    if kind != 8 {
        let problem = format!(
            "values of type {kind:#04x}; only unsigned bytes (0x08) are images or labels: save them as .npy"
        );
        return Err(DataError::malformed(path, "byte 2", problem));
    }
    let sizes = &mut sizes[..4 * usize::from(rank)];
    if have < 4 || fill(source, sizes).map_err(DataError::io(path))? < sizes.len() {
        return Err(DataError::malformed(
            path,
            "byte 4",
            format!("the file ends within its {rank} sizes"),
        ));
    }
    Ok(sizes
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]) as usize)
        .collect())
}

/// Number and shape of the images that a file's sizes promise.
fn images_of(path: &Path, sizes: &[usize]) -> Result<(usize, Shape), DataError> {
    let refused = |at, problem: &str| Err(DataError::malformed(path, at, problem));
    match *sizes {
        [count, height, width] => Ok((count, Shape { width, height })),
        [count, width] => Ok((count, Shape { width, height: 1 })),
        [_] => refused("byte 3", "labels (rank 1), where images (rank 2 or 3) are expected"),
        _ => refused("byte 3", "rank 4; images have rank 2 or 3"),
    }
}

/// Number and shape of the images by the header of a file of this format, without reading the rest;
/// `None` if index lists of that length would take more memory than the file.
pub(crate) fn size(path: &Path) -> Option<(usize, Shape)> {
    let (count, shape) = images_of(path, &header(path, &mut open(path).ok()?).ok()?).ok()?;
    (count as u64 <= path.metadata().ok()?.len()).then_some((count, shape))
}

/// Images: `count x rows x columns`, or `count x D`; only those `wanted`, ascending, are kept.
pub(super) fn images(
    path: &Path,
    mut source: impl BufRead,
    wanted: Option<Vec<u32>>,
) -> Result<Pool, DataError> {
    let sizes = header(path, &mut source)?;
    let (count, shape) = images_of(path, &sizes)?;
    let bytes = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let bytes = bytes.filter(|&bytes| bytes > 0).ok_or_else(|| {
        DataError::malformed(
            path,
            "byte 4",
            format!("sizes {sizes:?}: no images, or more than can be"),
        )
    })?;
    let what = format!("{count} images of {} x {}", shape.height, shape.width);
    let begin = 4 + 4 * sizes.len();
    // Memory grows with what arrives, never with what a header promises.
    let likely = path.metadata().map_or(0, |data| usize::try_from(8 * data.len()).unwrap_or(0));
    let mut pool = match wanted {
        None => {
            let mut pixels = Vec::with_capacity(bytes.min(likely));
            body(path, source, begin, bytes, &what, |part| pixels.extend_from_slice(part))?;
            Pool::unlabelled(pixels, shape)
        }
        Some(images) => {
            let pixels = Vec::with_capacity((images.len() * shape.dim()).min(likely));
            let kept = Kept { images, count, levels: Levels::Binary };
            let mut picked = Picked {
                kept,
                shape,
                pixels,
                whole: 0,
                read: 0,
                most: 0,
                is_grey: false,
            };
            body(path, source, begin, bytes, &what, |part| picked.take(part))?;
            picked.pool()
        }
    };
    if crate::data::library::file_name(path).starts_with("emnist") {
        // EMNIST stores columns where MNIST stores rows.
        pool.pixels
            .chunks_exact_mut(shape.dim())
            .for_each(|image| transpose(image, shape));
        pool.shape = Shape { width: shape.height, height: shape.width };
    }
    Ok(pool)
}

/// Some images of a file as it is read, and what all of them are like.
struct Picked {
    kept: Kept,
    shape: Shape,
    pixels: Vec<u8>,
    /// Images of `kept` that are whole.
    whole: usize,
    /// Pixels of all images so far.
    read: usize,
    /// The highest level.
    most: u8,
    /// True if a level is neither black nor white.
    is_grey: bool,
}

impl Picked {
    fn take(&mut self, mut part: &[u8]) {
        let dim = self.shape.dim();
        self.most = part.iter().fold(self.most, |most, &level| most.max(level));
        if part.iter().filter(|&&level| level != 0 && level != 255).count() > 0 {
            self.is_grey = true;
        }
        while !part.is_empty() {
            let left = dim - self.read % dim;
            let (now, rest) = part.split_at(left.min(part.len()));
            if self
                .kept
                .images
                .get(self.whole)
                .is_some_and(|&next| next as usize == self.read / dim)
            {
                self.pixels.extend_from_slice(now);
                self.whole += usize::from(now.len() == left);
            }
            self.read += now.len();
            part = rest;
        }
    }

    fn pool(self) -> Pool {
        let Self { mut kept, shape, mut pixels, most, is_grey, .. } = self;
        if most <= 1 {
            for level in &mut pixels {
                *level *= 255;
            }
        } else if is_grey {
            kept.levels = Levels::Grey(most);
        }
        Pool {
            kept: Some(Box::new(kept)),
            ..Pool::labelled(pixels, shape, None, vec![])
        }
    }
}

fn transpose(image: &mut [u8], shape: Shape) {
    let stored = image.to_vec();
    for row in 0..shape.height {
        for column in 0..shape.width {
            image[column * shape.height + row] = stored[row * shape.width + column];
        }
    }
}

/// Labels of a file: one byte per image.
pub(super) fn labels(path: &Path, mut source: impl BufRead) -> Result<Vec<u16>, DataError> {
    let sizes = header(path, &mut source)?;
    let [count] = sizes[..] else {
        return Err(DataError::malformed(
            path,
            "byte 3",
            format!("rank {}; labels have rank 1", sizes.len()),
        ));
    };
    let mut labels = Vec::new();
    body(path, source, 8, count, &format!("{count} labels"), |part| {
        labels.extend(part.iter().copied().map(u16::from));
    })?;
    Ok(labels)
}

/// Reads exactly `count` bytes after `header` bytes of a file, demands that it ends there, and
/// hands them over part by part.
fn body(
    path: &Path,
    mut source: impl BufRead,
    header: usize,
    count: usize,
    what: &str,
    mut part: impl FnMut(&[u8]),
) -> Result<(), DataError> {
    let mut read = 0;
    loop {
        let failed = |error| DataError::malformed(path, format!("byte {}", header + read), error);
        let bytes = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes.map_err(failed)?,
        };
        if bytes.is_empty() && read == count {
            return Ok(());
        }
        let fit = bytes.len().min(count - read);
        if bytes.is_empty() {
            let problem = format!(
                "the file ends; its header promises {what}, {count} bytes after the first {header}"
            );
            return Err(DataError::malformed(path, format!("byte {}", header + read), problem));
        }
        if fit < bytes.len() {
            let problem = format!("more bytes than the {count} of {what} that its header promises");
            return Err(DataError::malformed(path, format!("byte {}", header + count), problem));
        }
        part(&bytes[..fit]);
        source.consume(fit);
        read += fit;
    }
}
