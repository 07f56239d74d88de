//! Folders and tar archives of PNG images: a sub-folder a class, or flat; any size, averaged down to a square.

use std::cmp::Ordering;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use super::Pool;
use crate::data::library::file_name;
use crate::data::{DataError, Shape};
use crate::regular;

/// Largest image that is read, in pixels, and in bytes within an archive.
const LARGEST: u64 = 1 << 26;

/// Whether a folder holds PNG images, itself or in sub-folders.
pub(crate) fn is_image_tree(root: &Path) -> bool {
    pictures(root).is_ok_and(|pictures| !pictures.is_empty())
}

/// The PNG files of a folder and its sub-folders, one level deep, in natural order: 9 before 10.
pub(crate) fn pictures(root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    for entry in entries(root)? {
        if entry.is_dir() {
            found.extend(entries(&entry)?.into_iter().filter(|path| is_picture(path)));
        } else if is_picture(&entry) {
            found.push(entry);
        }
    }
    found.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let paths = entries.map_err(DataError::io(folder))?.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| !file_name(path).starts_with('.')).collect())
}

fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
}

/// Reads a folder of images as squares of `size`.
pub(crate) fn folder(root: &Path, size: usize) -> Result<Pool, DataError> {
    let paths = pictures(root)?;
    if paths.is_empty() {
        let problem = "no PNG images there or one folder deeper (PNG is the format that is read)".into();
        return Err(DataError::Incomplete { path: root.to_owned(), problem });
    }
    let mut gallery = Gallery::default();
    for path in &paths {
        let bytes = regular::read(path, LARGEST).map_err(DataError::io(path))?;
        let class = path.strip_prefix(root).ok().and_then(Path::parent).map(file_name).unwrap_or_default();
        gallery.hang(path, "image".into(), class, &bytes, size)?;
    }
    Ok(gallery.pool(size))
}

/// Reads one PNG in its own size; `None` if the file is of another format.
pub(crate) fn picture(path: &Path) -> Result<Option<Pool>, DataError> {
    let mut bytes = Vec::new();
    regular::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(DataError::io(path))?;
    if !bytes.starts_with(b"\x89PNG") {
        return Ok(None);
    }
    let (pixels, width, height) = decode(&bytes).map_err(|problem| DataError::malformed(path, "image", problem))?;
    Ok(Some(Pool::unlabelled(pixels, Shape { width, height })))
}

/// Reads a tar archive of images as squares of `size`. Nothing is unpacked to disk: names in it only sort and classify.
pub(super) fn archive(path: &Path, source: impl Read, size: usize) -> Result<Pool, DataError> {
    let mut archive = tar::Archive::new(source);
    let broken = |error: std::io::Error| DataError::malformed(path, "tar entry", error);
    let mut pictures = Vec::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = PathBuf::from(String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        if entry.header().entry_type().is_file() && is_picture(&name) && !file_name(&name).starts_with('.') {
            let mut bytes = Vec::new();
            let place = |error| DataError::malformed(path, name.display(), error);
            entry.by_ref().take(LARGEST).read_to_end(&mut bytes).map_err(place)?;
            pictures.push((name, bytes));
        }
    }
    if pictures.is_empty() {
        return Err(DataError::malformed(path, "tar entries", "no PNG image among them"));
    }
    pictures.sort_by(|(a, _), (b, _)| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    let mut gallery = Gallery::default();
    for (name, bytes) in pictures {
        let class = name.parent().map(file_name).unwrap_or_default();
        gallery.hang(path, name.display().to_string(), class, &bytes, size)?;
    }
    Ok(gallery.pool(size))
}

/// Images as they are read, sorted by class.
#[derive(Default)]
struct Gallery {
    pixels: Vec<u8>,
    labels: Vec<u16>,
    classes: Vec<String>,
}

impl Gallery {
    fn hang(&mut self, path: &Path, place: String, class: String, bytes: &[u8], size: usize) -> Result<(), DataError> {
        let fail = |problem: String| DataError::malformed(path, &place, problem);
        let (grey, width, height) = decode(bytes).map_err(fail)?;
        shrink(&grey, width, height, size, &mut self.pixels);
        if self.classes.last() != Some(&class) {
            self.classes.push(class);
        }
        let label = u16::try_from(self.classes.len() - 1).map_err(|_| fail("more than 65536 classes".into()))?;
        self.labels.push(label);
        Ok(())
    }

    fn pool(self, size: usize) -> Pool {
        let labels = (self.classes.len() > 1).then_some(self.labels);
        Pool { labels, classes: self.classes, ..Pool::unlabelled(self.pixels, Shape { width: size, height: size }) }
    }
}

/// Grey levels (Rec. 601 luma; what is transparent is black), width and height of a PNG.
fn decode(bytes: &[u8]) -> Result<(Vec<u8>, usize, usize), String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = (reader.info().width, reader.info().height);
    let area = u64::from(width) * u64::from(height);
    if area == 0 || area > LARGEST || area > (1 << 22) + 8256 * bytes.len() as u64 {
        return Err(format!("{width} x {height} pixels in {} bytes: refused", bytes.len()));
    }
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
    let luma = |c: &[u8]| (299 * u32::from(c[0]) + 587 * u32::from(c[1]) + 114 * u32::from(c[2]) + 500) / 1000;
    let veil = |level: u32, alpha: u8| ((level * u32::from(alpha) + 127) / 255) as u8;
    let pixels = &pixels[..frame.buffer_size()];
    let grey = match frame.color_type {
        png::ColorType::Grayscale => pixels.to_vec(),
        png::ColorType::GrayscaleAlpha => pixels.chunks_exact(2).map(|c| veil(u32::from(c[0]), c[1])).collect(),
        png::ColorType::Rgb => pixels.chunks_exact(3).map(|c| luma(c) as u8).collect(),
        png::ColorType::Rgba => pixels.chunks_exact(4).map(|c| veil(luma(c), c[3])).collect(),
        png::ColorType::Indexed => return Err("a palette that cannot be expanded".into()),
    };
    Ok((grey, width as usize, height as usize))
}

/// Appends an image of any size as `size` x `size`: each new pixel is the exact mean over the area it covers, rounded.
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

/// Compares names with runs of digits as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
        let digits = |s: &[u8]| s.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (m, n) = (digits(a), digits(b));
        if m > 0 && n > 0 {
            let value = |s: &[u8]| s.iter().skip_while(|&&byte| byte == b'0').copied().collect::<Vec<_>>();
            let (p, q) = (value(&a[..m]), value(&b[..n]));
            match p.len().cmp(&q.len()).then(p.cmp(&q)) {
                Ordering::Equal => (a, b) = (&a[m..], &b[n..]),
                different => return different,
            }
        } else if x == y {
            (a, b) = (&a[1..], &b[1..]);
        } else {
            return x.cmp(&y);
        }
    }
    a.len().cmp(&b.len())
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
    fn names_sort_as_people_count() {
        let mut names = ["b/1.png", "a/10.png", "a/9.png", "a/010.png", "a/1.png"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a/1.png", "a/9.png", "a/10.png", "a/010.png", "b/1.png"]);
    }
}
