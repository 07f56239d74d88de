//! The idx format of MNIST (LeCun, Cortes and Burges): `0 0 type rank`, `rank` sizes as big-endian u32, then the values.

use std::io::Read;
use std::path::Path;

use super::{Pool, body, fill, open};
use crate::data::{DataError, Shape};

/// Reads the sizes; the values must be unsigned bytes.
fn header(path: &Path, source: &mut impl Read) -> Result<Vec<usize>, DataError> {
    let mut magic = [0; 4];
    let mut sizes = [0; 16];
    let have = fill(source, &mut magic).map_err(DataError::io(path))?;
    let [0, 0, kind, rank @ 1..=4] = magic else {
        return Err(DataError::malformed(path, "byte 0", "no idx file: it does not begin with 0, 0, type, rank"));
    };
    if kind != 8 {
        let problem = format!("values of type {kind:#04x}; only unsigned bytes (0x08) are images or labels");
        return Err(DataError::malformed(path, "byte 2", problem));
    }
    let sizes = &mut sizes[..4 * usize::from(rank)];
    if have < 4 || fill(source, sizes).map_err(DataError::io(path))? < sizes.len() {
        return Err(DataError::malformed(path, "byte 4", format!("the file ends within its {rank} sizes")));
    }
    Ok(sizes.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]) as usize).collect())
}

/// Images: `count x rows x columns`, or `count x D`.
pub(super) fn images(path: &Path, mut source: impl Read) -> Result<Pool, DataError> {
    let sizes = header(path, &mut source)?;
    let shape = match sizes[..] {
        [_, height, width] => Shape { width, height },
        [_, width] => Shape { width, height: 1 },
        [_] => {
            return Err(DataError::malformed(
                path,
                "byte 3",
                "labels (rank 1), where images (rank 2 or 3) are expected",
            ));
        }
        _ => return Err(DataError::malformed(path, "byte 3", "rank 4; images have rank 2 or 3")),
    };
    let bytes = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let bytes = bytes.filter(|&bytes| bytes > 0).ok_or_else(|| {
        DataError::malformed(path, "byte 4", format!("sizes {sizes:?}: no images, or more than can be"))
    })?;
    let what = format!("{} images of {} x {}", sizes[0], shape.height, shape.width);
    let mut pixels = body(path, source, 4 + 4 * sizes.len(), bytes, &what)?;
    if crate::data::library::file_name(path).starts_with("emnist") {
        // EMNIST stores columns where MNIST stores rows.
        pixels.chunks_exact_mut(shape.dim()).for_each(|image| transpose(image, shape));
        return Ok(Pool::unlabelled(pixels, Shape { width: shape.height, height: shape.width }));
    }
    Ok(Pool::unlabelled(pixels, shape))
}

fn transpose(image: &mut [u8], shape: Shape) {
    let stored = image.to_vec();
    for row in 0..shape.height {
        for column in 0..shape.width {
            image[column * shape.height + row] = stored[row * shape.width + column];
        }
    }
}

/// Labels of a file: one byte an image.
pub(crate) fn labels(path: &Path) -> Result<Vec<u16>, DataError> {
    let mut source = open(path)?;
    let sizes = header(path, &mut source)?;
    let [count] = sizes[..] else {
        return Err(DataError::malformed(path, "byte 3", format!("rank {}; labels have rank 1", sizes.len())));
    };
    Ok(body(path, source, 8, count, &format!("{count} labels"))?.into_iter().map(u16::from).collect())
}
