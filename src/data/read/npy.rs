//! NumPy's .npy arrays and .npz archives of them: images as `count x D`, `count x rows x columns`, of integers 0..=255,
//! booleans, or floating-point numbers in 0..=1.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::{Capped, Contents, Pool, fill, unpacked_limit};
use crate::data::source::part_of;
use crate::data::{DataError, Part, Shape};

/// An array as its header describes it.
struct Header {
    /// `u`, `i`, `f` or `b`.
    kind: u8,
    /// Bytes a value.
    width: usize,
    big_endian: bool,
    sizes: Vec<usize>,
    /// Bytes of the header itself.
    length: usize,
}

/// The array of a .npy file.
pub(super) fn array(path: &Path, mut source: impl Read) -> Result<Pool, DataError> {
    let place = |at: String| at;
    let header = header(path, &mut source, &place)?;
    values(path, &mut source, &header, &place)
}

/// The arrays of a .npz file. Names that say train, valid and test make the three sets; a single array of images is a pool.
pub(super) fn archive(path: &Path) -> Result<Contents, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
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
        if header.sizes.len() >= 2 {
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
    let fail = |at: usize, problem: &str| DataError::malformed(path, place(format!("byte {at}")), problem);
    let io = |error: std::io::Error| DataError::malformed(path, place("byte 0".into()), error);
    let mut start = [0; 12];
    let have = fill(source, &mut start[..10]).map_err(io)?;
    if have < 10 || !start.starts_with(b"\x93NUMPY") {
        return Err(fail(0, "no .npy array: it does not begin with \\x93NUMPY and a version"));
    }
    let (text, before) = if start[6] == 1 {
        (usize::from(u16::from_le_bytes([start[8], start[9]])), 10)
    } else {
        let more = fill(source, &mut start[10..]).map_err(io)?;
        if more < 2 {
            return Err(fail(10, "the file ends within its header"));
        }
        (u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize, 12)
    };
    if text > 1 << 16 {
        return Err(fail(8, "a header of more than 65536 bytes"));
    }
    let mut bytes = vec![0; text];
    if fill(source, &mut bytes).map_err(io)? < text {
        return Err(fail(before, "the file ends within its header"));
    }
    let bytes = String::from_utf8_lossy(&bytes);
    let field = |key: &str| bytes.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
    let kind = field("descr").and_then(|rest| rest.strip_prefix('\'')).and_then(|rest| rest.split_once('\''));
    let kind = kind.ok_or_else(|| fail(before, "no `descr` of one plain type in the header"))?.0;
    if !field("fortran_order").is_some_and(|rest| rest.starts_with("False")) {
        return Err(fail(before, "columns before rows (fortran_order): save it with numpy.ascontiguousarray"));
    }
    let sizes = field("shape").and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.split_once(')'));
    let sizes = sizes.ok_or_else(|| fail(before, "no `shape` in the header"))?.0;
    // Python 2 wrote long integers with an L.
    let sizes = sizes.split(',').map(|size| size.trim().trim_end_matches('L')).filter(|size| !size.is_empty());
    let sizes: Result<Vec<usize>, _> = sizes.map(str::parse).collect();
    let sizes = sizes.map_err(|_| fail(before, "`shape` holds something that is no number"))?;
    let known = match kind.as_bytes() {
        [order @ (b'<' | b'>' | b'|' | b'='), kind @ (b'u' | b'i'), width @ (b'1' | b'2' | b'4' | b'8')] => {
            Some((*order, *kind, *width))
        }
        [order @ (b'<' | b'>' | b'='), b'f', width @ (b'4' | b'8')] => Some((*order, b'f', *width)),
        [b'|', b'b', b'1'] => Some((b'|', b'u', b'1')),
        _ => None,
    };
    let (order, kind, width) = known.ok_or_else(|| {
        fail(before, &format!("values of type {kind}; read are integers, booleans, and floats of 4 or 8 bytes"))
    })?;
    Ok(Header { kind, width: usize::from(width - b'0'), big_endian: order == b'>', sizes, length: before + text })
}

/// The values as grey levels.
fn values(
    path: &Path,
    source: &mut impl Read,
    header: &Header,
    place: &dyn Fn(String) -> String,
) -> Result<Pool, DataError> {
    let fail = |at: usize, problem: String| DataError::malformed(path, place(format!("byte {at}")), problem);
    let shape = match header.sizes[..] {
        [_, width] | [_, width, 1, 1] => Shape { width, height: 1 },
        [_, height, width] | [_, height, width, 1] | [_, 1, height, width] => Shape { width, height },
        _ => return Err(fail(0, format!("shape {:?}; images have 2 or 3 sizes", header.sizes))),
    };
    let count = header.sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let count = count.filter(|&count| count > 0 && count.checked_mul(header.width).is_some());
    let count = count.ok_or_else(|| fail(0, format!("shape {:?}: no images, or more than can be", header.sizes)))?;
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
            return Err(fail(at + have, format!("the array ends; shape {:?} takes {bytes} bytes", header.sizes)));
        }
        for (i, bytes) in block[..take].chunks_exact(header.width).enumerate() {
            let value = number(header, bytes);
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

fn number(header: &Header, bytes: &[u8]) -> f64 {
    let mut wide = [0; 8];
    for (i, byte) in bytes.iter().enumerate() {
        wide[if header.big_endian { header.width - 1 - i } else { i }] = *byte;
    }
    let bits = u64::from_le_bytes(wide);
    match (header.kind, header.width) {
        (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
        (b'f', _) => f64::from_bits(bits),
        (b'i', width) => ((bits << (64 - 8 * width)) as i64 >> (64 - 8 * width)) as f64,
        _ => bits as f64,
    }
}
