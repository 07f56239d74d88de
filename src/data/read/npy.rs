//! NumPy's .npy arrays and .npz archives of them: images as `count x D`, `count x rows x columns`, of integers 0..=255,
//! booleans, or floating-point numbers in 0..=1.

use std::io::{BufReader, Read};
use std::path::Path;

use super::{Capped, Contents, Pool, fill, unpacked_limit};
use crate::data::source::part_of;
use crate::data::{DataError, Part, Shape};
use crate::npy::Header;
use crate::regular;

/// The array of a .npy file.
pub(super) fn array(path: &Path, mut source: impl Read) -> Result<Pool, DataError> {
    let place = |at: String| at;
    let header = header(path, &mut source, &place)?;
    values(path, &mut source, &header, &place)
}

/// The arrays of a .npz file. Names that say train, valid and test make the three sets; a single array of images is a pool.
pub(super) fn archive(path: &Path) -> Result<Contents, DataError> {
    let file = regular::open(path).map_err(DataError::io(path))?;
    let limit = unpacked_limit(file.metadata().map_err(DataError::io(path))?.len());
    let unreadable = |error| DataError::malformed(path, "zip directory", error);
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
    let mut found: Vec<(String, Pool)> = Vec::new();
    let mut left = limit;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(unreadable)?;
        let name = member.name().map_err(unreadable)?.trim_end_matches(".npy").to_owned();
        let mut source = Capped { inner: member, left };
        let place = |at: String| format!("array `{name}`, {at}");
        let header = header(path, &mut source, &place)?;
        if header.shape.len() >= 2 {
            let pool = values(path, &mut source, &header, &place)?;
            left = source.left;
            found.push((name, pool));
        }
    }
    let names = || found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    if found.len() == 1 {
        return Ok(Contents::One(found.remove(0).1));
    }
    let mut parts = [None, None, None];
    for part in Part::ALL {
        let mut of_part = (0..found.len()).filter(|&i| part_of(Path::new(&found[i].0)) == Some(part));
        let first = of_part.next();
        if of_part.next().is_some() {
            return Err(DataError::malformed(
                path,
                "zip directory",
                format!("several arrays for {part} among {}", names()),
            ));
        }
        parts[part as usize] = first;
    }
    if parts.iter().all(Option::is_none) {
        let problem = format!("{} arrays of images ({}) and none is named train, valid or test", found.len(), names());
        return Err(DataError::malformed(path, "zip directory", problem));
    }
    let mut found: Vec<Option<Pool>> = found.into_iter().map(|(_, pool)| Some(pool)).collect();
    Ok(Contents::Parts(parts.map(|index| index.and_then(|i| found[i].take()))))
}

fn header(path: &Path, source: &mut impl Read, place: &dyn Fn(String) -> String) -> Result<Header, DataError> {
    Header::read(source).map_err(|error| DataError::malformed(path, place(format!("byte {}", error.at)), error.problem))
}

/// The values as grey levels.
fn values(
    path: &Path,
    source: &mut impl Read,
    header: &Header,
    place: &dyn Fn(String) -> String,
) -> Result<Pool, DataError> {
    let fail = |at: usize, problem: String| DataError::malformed(path, place(format!("byte {at}")), problem);
    let shape = match header.shape[..] {
        [_, width] | [_, width, 1, 1] => Shape { width, height: 1 },
        [_, height, width] | [_, height, width, 1] | [_, 1, height, width] => Shape { width, height },
        _ => return Err(fail(0, format!("shape {:?}; images have 2 or 3 sizes", header.shape))),
    };
    let count = header
        .count()
        .filter(|&count| count > 0)
        .ok_or_else(|| fail(0, format!("shape {:?}: no images, or more than can be", header.shape)))?;
    let mut pixels: Vec<u8> = Vec::new();
    let mut fractions = false;
    let mut block = vec![0; 1 << 16];
    let mut left = count;
    while left > 0 {
        let take = block.len().min(left * header.width);
        let at = header.length + (count - left) * header.width;
        let have = fill(source, &mut block[..take]).map_err(|error| fail(at, error.to_string()))?;
        if have < take {
            let bytes = count * header.width;
            return Err(fail(at + have, format!("the array ends; shape {:?} takes {bytes} bytes", header.shape)));
        }
        for (i, bytes) in block[..take].chunks_exact(header.width).enumerate() {
            let value = header.number(bytes);
            // The first fraction says that 1 is white; all before it must then have been 0 or 1.
            if !fractions && value > 0.0 && value < 1.0 && pixels.iter().all(|&level| level <= 1) {
                fractions = true;
                pixels.iter_mut().for_each(|level| *level *= 255);
            }
            let scaled = if fractions { value * 255.0 } else { value };
            if !(0.0..=255.0).contains(&scaled) || !fractions && value.fract() != 0.0 {
                let (image, pixel) = (pixels.len() / shape.dim(), pixels.len() % shape.dim());
                let problem =
                    format!("image {image}, pixel {pixel} is {value}: neither 0..=255 throughout nor 0..=1 throughout");
                return Err(fail(at + i * header.width, problem));
            }
            pixels.push((scaled + 0.5) as u8);
        }
        left -= take / header.width;
    }
    Ok(Pool::unlabelled(pixels, shape))
}
