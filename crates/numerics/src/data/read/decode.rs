//! One picture, PNG or JPEG, as grey levels; and pictures of any size averaged down to a square.

use std::io::{Cursor, Read};
use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Pool, foreign};
use crate::data::{DataError, Shape};
use crate::regular;

/// Largest image that is read, in pixels, and in bytes within an archive.
pub(super) const LARGEST: u64 = 1 << 26;

/// True if the first bytes are those of a format that is read.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"\xff\xd8\xff")
}

/// Reads one picture in its own size; `None` if the file is of another format.
pub(crate) fn picture(path: &Path) -> Result<Option<Pool>, DataError> {
    let mut bytes = Vec::new();
    regular::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(DataError::io(path))?;
    if !is_picture(&bytes) {
        return Ok(None);
    }
    let Decoded { grey, width, height, .. } =
        decode(&bytes).map_err(|problem| DataError::malformed(path, "image", problem))?;
    Ok(Some(Pool::unlabelled(grey, Shape { width, height })))
}

/// A picture as it is stored.
pub(super) struct Decoded {
    /// Grey levels (Rec. 601 luma; what is transparent is black), row-major.
    pub(super) grey: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
    /// True if it is dark ink on transparent paper, which becomes black.
    pub(super) is_dark_on_clear: bool,
    /// True if its metadata ask for a rotation or reflection.
    pub(super) is_to_be_turned: bool,
}

/// Decodes a PNG or JPEG.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    match bytes {
        _ if bytes.starts_with(b"\x89PNG") => decode_png(bytes),
        _ if bytes.starts_with(b"\xff\xd8\xff") => decode_jpeg(bytes),
        _ if bytes.is_empty() => Err("the file is empty".into()),
        _ => Err(foreign::refusal(Path::new("picture"), bytes)
            .unwrap_or_else(|| "neither a PNG nor a JPEG".into())),
    }
}

/// Refuses sizes that the length of the file cannot account for.
fn area(width: u64, height: u64, bytes: &[u8]) -> Result<(), String> {
    let area = width * height;
    if area == 0 || area > LARGEST || area > (1 << 22) + 8256 * bytes.len() as u64 {
        return Err(format!("{width} x {height} pixels in {} bytes: refused", bytes.len()));
    }
    Ok(())
}

/// Grey level (Rec. 601) of red, green and blue.
pub(super) fn luma(c: &[u8]) -> u8 {
    ((299 * u32::from(c[0]) + 587 * u32::from(c[1]) + 114 * u32::from(c[2]) + 500) / 1000) as u8
}

fn decode_png(bytes: &[u8]) -> Result<Decoded, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = (reader.info().width, reader.info().height);
    area(u64::from(width), u64::from(height), bytes)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    let pixels = &pixels[..frame.buffer_size()];
    let columns = width as usize;
    let (grey, is_dark_on_clear) = match frame.color_type {
        png::ColorType::Grayscale => (pixels.to_vec(), false),
        png::ColorType::GrayscaleAlpha => {
            veiled(pixels.chunks_exact(2).map(|c| (c[0], c[1])), columns)?
        }
        png::ColorType::Rgb => (pixels.chunks_exact(3).map(luma).collect(), false),
        png::ColorType::Rgba => veiled(pixels.chunks_exact(4).map(|c| (luma(c), c[3])), columns)?,
        png::ColorType::Indexed => return Err("a palette that cannot be expanded".into()),
    };
    let is_to_be_turned = reader.info().exif_metadata.as_deref().is_some_and(is_to_be_turned);
    Ok(Decoded {
        grey,
        width: columns,
        height: height as usize,
        is_dark_on_clear,
        is_to_be_turned,
    })
}

/// Levels on black paper, from levels and their opacity.
fn veiled(pixels: impl Iterator<Item = (u8, u8)>, width: usize) -> Result<(Vec<u8>, bool), String> {
    let pixels: Vec<(u8, u8)> = pixels.collect();
    let over_black =
        |&(level, alpha): &(u8, u8)| ((u32::from(level) * u32::from(alpha) + 127) / 255) as u8;
    let grey: Vec<u8> = pixels.iter().map(over_black).collect();
    let opacities = || pixels.iter().map(|(_, alpha)| alpha);
    if opacities().min() < opacities().max() && grey.iter().all(|&level| level == 0) {
        return Err(
            "black ink on transparent paper: what is transparent counts as black, so nothing would be left. Put it on \
                    white, or make its opacity the picture: from PIL import Image; \
                    Image.open(\"in.png\").convert(\"RGBA\").getchannel(\"A\").save(\"out.png\")"
                .into(),
        );
    }
    Ok((grey, is_dark_on_clear(&pixels, width)))
}

/// True for dark ink on paper of which much is transparent. Pixels at the edge have levels between
/// those of the ink and of the paper that it was drawn on: where they are lighter than those
/// inside, the paper was light.
fn is_dark_on_clear(pixels: &[(u8, u8)], width: usize) -> bool {
    const MUCH: f64 = 0.2;
    const ENOUGH: f64 = 0.05;
    // Levels by which inside and edge differ where there is an edge to tell, and ink that is never
    // dark.
    const FLAT: f64 = 16.0;
    const LIGHT: f64 = 192.0;
    let is_clear = |i: usize| pixels[i].1 < 128;
    let ink: Vec<usize> = (0..pixels.len()).filter(|&i| !is_clear(i)).collect();
    let clear = pixels.len() - ink.len();
    if ink.is_empty() || (clear as f64) < MUCH * pixels.len() as f64 {
        return false;
    }
    let is_inside = |&i: &usize| {
        let beside = [(i % width > 0, i.wrapping_sub(1)), ((i + 1) % width > 0, i + 1)];
        let above = [(i >= width, i.wrapping_sub(width)), (i + width < pixels.len(), i + width)];
        beside.iter().chain(&above).all(|&(exists, other)| !exists || !is_clear(other))
    };
    let (inside, edge): (Vec<usize>, Vec<usize>) = ink.iter().copied().partition(is_inside);
    let mean =
        |of: &[usize]| of.iter().map(|&i| f64::from(pixels[i].0)).sum::<f64>() / of.len() as f64;
    if (inside.len() as f64) < ENOUGH * ink.len() as f64 || edge.is_empty() {
        return mean(&ink) < 128.0;
    }
    let (inside, edge) = (mean(&inside), mean(&edge));
    if (inside - edge).abs() > FLAT {
        inside < edge && inside < LIGHT
    } else {
        inside < 128.0
    }
}

/// True if Exif data ask for a rotation or reflection of the picture.
fn is_to_be_turned(exif: &[u8]) -> bool {
    const ORIENTATION: u16 = 0x0112;
    let little = exif.starts_with(b"II");
    let short = |at: usize| -> Option<u16> {
        let bytes = [*exif.get(at)?, *exif.get(at + 1)?];
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| -> Option<usize> {
        let [first, second] = [short(at)?, short(at + 2)?].map(usize::from);
        Some(if little { second << 16 | first } else { first << 16 | second })
    };
    let orientation = || -> Option<u16> {
        let directory = long(4)?;
        let entries = usize::from(short(directory)?);
        let places = (0..entries).map(|i| directory + 2 + 12 * i);
        places
            .into_iter()
            .find(|&at| short(at) == Some(ORIENTATION))
            .and_then(|at| short(at + 8))
    };
    orientation().is_some_and(|turn| (2..=8).contains(&turn))
}

fn decode_jpeg(bytes: &[u8]) -> Result<Decoded, String> {
    let failed = |error: zune_jpeg::errors::DecodeErrors| format!("JPEG: {error}");
    // Vector instructions could round differently from machine to machine; without them a file has
    // the same pixels everywhere.
    let options = DecoderOptions::default().set_use_unsafe(false).set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(failed)?;
    let (width, height) = decoder.dimensions().ok_or("JPEG without a size")?;
    area(width as u64, height as u64, bytes)?;
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let wanted = if is_grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let pixels = decoder.decode().map_err(failed)?;
    let grey: Vec<u8> = if is_grey { pixels } else { pixels.chunks_exact(3).map(luma).collect() };
    if grey.len() != width * height {
        return Err(format!("JPEG of {width} x {height} with {} pixels", grey.len()));
    }
    let is_to_be_turned = decoder.exif().is_some_and(|exif| is_to_be_turned(exif));
    Ok(Decoded {
        grey,
        width,
        height,
        is_dark_on_clear: false,
        is_to_be_turned,
    })
}

/// Appends an image of any size as `size` x `size`: each new pixel is the exact mean over the area
/// it covers, rounded.
pub(crate) fn shrink(image: &[u8], width: usize, height: usize, size: usize, out: &mut Vec<u8>) {
    if (width, height) == (size, size) {
        return out.extend_from_slice(image);
    }
    // Lengths in units of 1/size of a pixel, so that every overlap is a whole number.
    let (columns, rows) = (overlaps(width, size), overlaps(height, size));
    let area = (width * height) as u64;
    let mut bands = vec![0u64; width];
    for row in &rows {
        bands.fill(0);
        for &(y, weight) in row {
            for (sum, &level) in bands.iter_mut().zip(&image[y * width..(y + 1) * width]) {
                *sum += weight * u64::from(level);
            }
        }
        out.extend(columns.iter().map(|column| {
            let sum: u64 = column.iter().map(|&(x, weight)| weight * bands[x]).sum();
            ((sum + area / 2) / area) as u8
        }));
    }
}

/// For every new pixel the old ones it covers, and how much of each, in units of 1/`new`.
fn overlaps(old: usize, new: usize) -> Vec<Vec<(usize, u64)>> {
    let cover = |i: usize| {
        let (start, end) = (i * old, (i + 1) * old);
        let part = |x: usize| (x, (end.min((x + 1) * new) - start.max(x * new)) as u64);
        (start / new..end.div_ceil(new)).map(part).collect()
    };
    (0..new).map(cover).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_takes_the_mean_of_the_area() {
        let mut out = Vec::new();
        shrink(&[0, 100, 200, 60, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9], 4, 4, 2, &mut out);
        assert_eq!(out, [25, 65, 9, 9]);
        out.clear();
        // Three pixels to two: the middle one is shared.
        shrink(&[90, 30, 0, 90, 30, 0, 90, 30, 0], 3, 3, 2, &mut out);
        assert_eq!(out, [70, 10, 70, 10]);
        out.clear();
        shrink(&[7, 9], 2, 1, 3, &mut out);
        assert_eq!(out, [7, 8, 9, 7, 8, 9, 7, 8, 9]);
    }

    #[test]
    fn dark_ink_on_clear_paper_is_known_by_its_inside() {
        // A bar of five rows: the inside has one level, the edge another.
        let bar = |inside: u8, edge: u8| -> Vec<(u8, u8)> {
            let level = |y: usize| if y == 2 || y == 6 { edge } else { inside };
            (0..81)
                .map(|i| if (2..7).contains(&(i / 9)) { (level(i / 9), 255) } else { (0, 0) })
                .collect()
        };
        assert!(is_dark_on_clear(&bar(20, 250), 9) && is_dark_on_clear(&bar(90, 90), 9));
        assert!(!is_dark_on_clear(&bar(250, 20), 9) && !is_dark_on_clear(&bar(200, 200), 9));
        // Opaque throughout, or nearly.
        assert!(!is_dark_on_clear(&[(0, 255); 81], 9) && !is_dark_on_clear(&[(0, 0); 81], 9));
    }

    #[test]
    fn the_orientation_is_read_in_either_byte_order_and_never_beyond_the_end() {
        let little = |turn: u8| {
            [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[turn, 0, 0, 0]].concat()
        };
        let big = |turn: u8| {
            [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"[..], &[0, turn, 0, 0]].concat()
        };
        for bytes in [little(6), big(6)] {
            assert!(is_to_be_turned(&bytes));
            assert!((0..19).all(|length| !is_to_be_turned(&bytes[..length])));
        }
        assert!(!is_to_be_turned(&little(1)) && !is_to_be_turned(&big(1)));
        assert!(!is_to_be_turned(&[b'I', b'I', b'*', 0, 255, 255, 255, 255]));
    }
}
