//! NumPy's .npy arrays and .npz archives of them: images as `count x D`, `count x rows x columns`,
//! or these with three channels behind, of integers 0..=255, booleans, or floating-point numbers in
//! 0..=1; or tables of real numbers as `count x D`.

use std::borrow::Cow;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::greys::{Greys, REAL};
use super::images::Members;
use super::{Capped, Contents, Pool, damage, fill, foreign, luma, reals, unpacked_limit};
use crate::data::role::{is_labels, only, part_of, states_division};
use crate::data::{DataConfig, DataError, Part, Shape};
use crate::npy::Header;
use crate::regular;

/// The array of a .npy file.
pub(super) fn array(
    path: &Path,
    mut source: impl Read,
    config: &DataConfig,
) -> Result<Pool, DataError> {
    let place = |at: String| at;
    let header = header(path, &mut source, &place)?;
    let mut pool = values(path, &mut source, &header, &place, config)?;
    if fill(&mut source, &mut [0]).map_err(DataError::io(path))? > 0 {
        pool.left_out
            .push("what follows the first array of the file: a .npy file has one".into());
    }
    Ok(pool)
}

/// True if the header of a .npy file promises images; `None` if it has none that can be read.
pub(super) fn promises_images(source: &mut impl Read) -> Option<bool> {
    Header::read(source).ok().map(|header| header.shape.len() >= 2)
}

/// Number of rows and values of each that the header of a .npy file promises.
pub(super) fn size(source: &mut impl Read) -> Option<(usize, usize)> {
    let shape = Header::read(source).ok()?.shape;
    let (rows, sizes) = shape.split_first()?;
    Some((
        *rows,
        sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?,
    ))
}

/// The members of a zip archive: the arrays of a .npz file, or pictures. Names that say train,
/// valid and test make the three sets; a single array of images is a pool.
pub(super) fn archive(path: &Path, config: &DataConfig) -> Result<Contents, DataError> {
    let file = regular::open(path).map_err(DataError::io(path))?;
    let limit = unpacked_limit(file.metadata().map_err(DataError::io(path))?.len());
    let unreadable = |error| DataError::malformed(path, "zip directory", error);
    let refused = |problem: String| Err(DataError::malformed(path, "zip directory", problem));
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
    let names: Result<Vec<String>, _> =
        archive.file_names().map(|name| name.map(Cow::into_owned)).collect();
    let names = names.map_err(unreadable)?;
    if let Some(problem) = foreign::zip_refusal(&names) {
        return refused(problem);
    }
    if !names.iter().any(|name| name.ends_with(".npy")) {
        if config.values.is_real() {
            return refused(super::NO_TABLE.to_owned());
        }
        let (mut members, mut left) = (Members::default(), limit);
        for index in 0..archive.len() {
            let member = archive.by_index(index).map_err(unreadable)?;
            if member.is_file() {
                let name = PathBuf::from(member.name().map_err(unreadable)?.into_owned());
                let mut content = Capped { inner: member, left };
                members.add(path, name, &mut content)?;
                left = content.left;
            }
        }
        return members.read(path, config.size);
    }
    // Candidates for images by the headers alone; the other members are reported.
    let (mut candidates, mut others, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(unreadable)?;
        let name = member.name().map_err(unreadable)?.trim_end_matches(".npy").to_owned();
        let name = PathBuf::from(name);
        match Header::read(&mut member) {
            Ok(header) if header.shape.len() >= 2 && !is_labels(&name) => {
                candidates.push((name, index, header.shape));
            }
            Ok(header) => others.push((name, index, header.shape)),
            Err(error) => left_out.push((name, error)),
        }
    }
    if let ([], Some((name, error))) = (&candidates[..], left_out.last()) {
        let place = format!("array `{}`, byte {}", name.display(), error.at);
        return Err(DataError::malformed(path, place, &error.problem));
    }
    let mut left_out: Vec<String> = left_out
        .into_iter()
        .map(|(name, error)| format!("array `{}`: {}", name.display(), error.problem))
        .collect();
    let list = |arrays: &[(PathBuf, usize, Vec<usize>)]| {
        arrays
            .iter()
            .map(|(name, ..)| name.display().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let all = list(&candidates);
    let by_part = Part::ALL.map(|part| {
        let (of_part, rest) = std::mem::take(&mut candidates)
            .into_iter()
            .partition(|(name, ..)| part_of(name) == Some(part));
        candidates = rest;
        (part, of_part)
    });
    let (labels, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(name, ..)| is_labels(name));
    let labels: Vec<(PathBuf, Result<Vec<u16>, String>)> = labels
        .into_iter()
        .map(|(name, index, _)| {
            let found = archive.by_index(index).map_err(|error| error.to_string());
            let found = found.and_then(|member| {
                let place = format!("array `{}`", name.display());
                labels_of(path, &place, Capped { inner: member, left: limit })
                    .map_err(|error| error.to_string())
            });
            (name, found)
        })
        .collect();
    let mut left = limit;
    let mut read = |(name, index, _): &(PathBuf, usize, Vec<usize>)| {
        let mut source = Capped { inner: archive.by_index(*index).map_err(unreadable)?, left };
        let place = |at: String| format!("array `{}`, {at}", name.display());
        let header = header(path, &mut source, &place)?;
        let mut pool = values(path, &mut source, &header, &place, config)?;
        // The checksum is compared at the end of the entry, which is beyond the last value.
        let rest = io::copy(&mut source, &mut io::sink());
        if rest.map_err(|error| {
            DataError::malformed(path, format!("array `{}`", name.display()), damage(&error))
        })? > 0
        {
            pool.left_out
                .push(format!("what follows array `{}` in its entry", name.display()));
        }
        left = source.left;
        Ok(Pool { array: Some(name.display().to_string()), ..pool })
    };
    let label = |pool: &mut Pool, (name, found): &(PathBuf, Result<Vec<u16>, String>)| {
        let problem = match found {
            Ok(labels) if labels.len() == pool.count() && pool.labels.is_none() => {
                return pool.label(labels.clone(), (0, &[]));
            }
            Ok(_) if pool.labels.is_some() => "further labels".to_owned(),
            Ok(labels) => format!("{} labels for {} examples", labels.len(), pool.count()),
            Err(problem) => problem.clone(),
        };
        pool.left_out.push(format!("array `{}`: {problem}", name.display()));
    };
    let shape = |sizes: &[usize]| match sizes {
        [] => "one value".to_owned(),
        [count] => format!("{count} values"),
        sizes => sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x "),
    };
    let passed = |chosen: usize, arrays: &[(PathBuf, usize, Vec<usize>)]| {
        let others = arrays.iter().filter(|(_, index, _)| *index != chosen);
        others
            .map(|(name, _, sizes)| format!("array `{}` ({})", name.display(), shape(sizes)))
            .collect::<Vec<_>>()
    };
    left_out.extend(passed(usize::MAX, &others));
    if by_part.iter().all(|(_, arrays)| arrays.is_empty()) {
        let before = candidates.clone();
        return match only(candidates, |(name, ..)| name) {
            Ok(None) => refused(format!(
                "no array of images among {}: images have 2 or 3 sizes",
                names.join(", ")
            )),
            Ok(Some(array)) => {
                left_out.extend(passed(array.1, &before));
                let mut pool = read(&array)?;
                for found in &labels {
                    label(&mut pool, found);
                }
                pool.notes
                    .extend(states_division(others.iter().map(|(name, ..)| name.as_path())));
                Ok(Contents::One(Pool { left_out: [left_out, pool.left_out].concat(), ..pool }))
            }
            Err(_) => refused(format!(
                "{} arrays that may be images ({all}), and none is named train, valid or test: save the one that is meant, \
                 np.save(\"images.npy\", np.load(\"in.npz\")[\"KEY\"])",
                before.len()
            )),
        };
    }
    left_out.extend(passed(usize::MAX, &candidates));
    let mut parts = [None, None, None];
    for (part, arrays) in by_part {
        let before = arrays.clone();
        let Ok(array) = only(arrays, |(name, ..)| name) else {
            return refused(format!(
                "several arrays for {part} ({}) among {all}: save what is meant alone",
                list(&before)
            ));
        };
        if let Some(array) = array {
            left_out.extend(passed(array.1, &before));
            let mut pool = read(&array)?;
            for found in labels.iter().filter(|(name, _)| part_of(name) == Some(part)) {
                label(&mut pool, found);
            }
            left_out.append(&mut pool.left_out);
            parts[part as usize] = Some(pool);
        }
    }
    let is_of_none = |name: &Path| part_of(name).is_none_or(|part| parts[part as usize].is_none());
    left_out.extend(
        labels.iter().filter(|(name, _)| is_of_none(name)).map(|(name, _)| {
            format!("array `{}`: labels of none of the arrays read", name.display())
        }),
    );
    if let Some(first) = parts.iter_mut().flatten().next() {
        first.left_out = left_out;
    }
    Ok(Contents::Parts(parts))
}

fn header(
    path: &Path,
    source: &mut impl Read,
    place: &dyn Fn(String) -> String,
) -> Result<Header, DataError> {
    Header::read(source).map_err(|error| {
        DataError::malformed(path, place(format!("byte {}", error.at)), error.problem)
    })
}

/// Problem of an array without values.
fn no_values(header: &Header, noun: &str) -> String {
    format!("shape {:?}: no {noun}, or more than can be", header.shape)
}

/// Reads `count` values, and hands them over with their row-major positions. Errors are a byte and a
/// problem.
fn each_value(
    source: &mut impl Read,
    header: &Header,
    count: usize,
    mut take: impl FnMut(usize, f64) -> Result<(), String>,
) -> Result<(), (usize, String)> {
    let mut block = vec![0; 1 << 16];
    let mut left = count;
    while left > 0 {
        let bytes = block.len().min(left * header.width);
        let at = header.length + (count - left) * header.width;
        let have = fill(source, &mut block[..bytes]).map_err(|error| (at, damage(&error)))?;
        if have < bytes {
            let bytes = count * header.width;
            let problem = format!("the array ends; shape {:?} takes {bytes} bytes", header.shape);
            return Err((at + have, problem));
        }
        for (i, bytes) in block[..bytes].chunks_exact(header.width).enumerate() {
            take(in_rows(count - left + i, header), header.number(bytes))
                .map_err(|problem| (at + i * header.width, problem))?;
        }
        left -= bytes / header.width;
    }
    Ok(())
}

/// The values as rows of real numbers.
fn real_values(source: &mut impl Read, header: &Header) -> Result<Pool, (usize, String)> {
    let [_, dim] = header.shape[..] else {
        let way_out = if header.shape.len() == 1 {
            "; table.reshape(-1, 1) makes rows of one"
        } else {
            ""
        };
        let problem =
            format!("shape {:?}; a table has 2 sizes, rows and columns{way_out}", header.shape);
        return Err((0, problem));
    };
    let count = header.count().filter(|&count| count > 0);
    let count = count.ok_or_else(|| (0, no_values(header, "rows")))?;
    // In the order of the file, so that memory grows with what arrives.
    let mut values = Vec::new();
    each_value(source, header, count, |position, value| {
        if let Some(problem) = reals::refusal(value) {
            let (row, column) = (position / dim + 1, position % dim + 1);
            return Err(format!("row {row}, column {column}: {problem}"));
        }
        values.push(value);
        Ok(())
    })?;
    if header.columns_first {
        let mut rows = vec![0.0; values.len()];
        values
            .iter()
            .enumerate()
            .for_each(|(i, &value)| rows[in_rows(i, header)] = value);
        values = rows;
    }
    Ok(Pool::real(values, dim))
}

/// The values as grey levels, or as real numbers.
fn values(
    path: &Path,
    source: &mut impl Read,
    header: &Header,
    place: &dyn Fn(String) -> String,
    config: &DataConfig,
) -> Result<Pool, DataError> {
    let fail = |at: usize, problem: String| {
        DataError::malformed(path, place(format!("byte {at}")), problem)
    };
    if config.values.is_real() {
        return real_values(source, header).map_err(|(at, problem)| fail(at, problem));
    }
    let (shape, channels) = match header.shape[..] {
        [_, width] | [_, width, 1, 1] => (Shape { width, height: 1 }, 1),
        [_, height, width] | [_, height, width, 1] | [_, 1, height, width] => {
            (Shape { width, height }, 1)
        }
        [_, height, width, 3] => (Shape { width, height }, 3),
        [_, 3 | 4, _, _] => {
            let problem = format!(
                "shape {:?}: channels before rows; np.moveaxis(images, 1, -1)[..., :3]",
                header.shape
            );
            return Err(fail(0, problem));
        }
        [_, _, _, channels @ (2 | 4)] => {
            let problem = format!(
                "shape {:?}: {channels} channels, of which the last is likely opacity; np.save(\"images.npy\", \
                 images[..., {}])",
                header.shape,
                if channels == 4 { ":3" } else { "0" }
            );
            return Err(fail(0, problem));
        }
        _ => return Err(fail(0, format!("shape {:?}; images have 2 or 3 sizes", header.shape))),
    };
    let count = header.count().filter(|&count| count > 0);
    let count = count.ok_or_else(|| fail(0, no_values(header, "images")))?;
    let mut greys = Greys::default();
    each_value(source, header, count, |position, value| {
        greys.push(value).map_err(|()| {
            let (image, pixel) =
                (position / (shape.dim() * channels), position % (shape.dim() * channels));
            format!(
                "image {image}, pixel {pixel} is {value}: neither whole in 0..=255 throughout nor 0..=1 throughout{REAL}"
            )
        })
    })
    .map_err(|(at, problem)| fail(at, problem))?;
    let mut pixels = greys.pixels;
    if header.columns_first {
        let mut rows = vec![0; pixels.len()];
        pixels
            .iter()
            .enumerate()
            .for_each(|(i, &level)| rows[in_rows(i, header)] = level);
        pixels = rows;
    }
    if channels == 3 {
        let Pool { pixels: scaled, .. } = Pool::unlabelled(pixels, shape);
        pixels = scaled.chunks_exact(3).map(luma).collect();
    }
    Ok(Pool::unlabelled(pixels, shape))
}

/// Row-major position of the `i`-th stored value.
fn in_rows(i: usize, header: &Header) -> usize {
    if !header.columns_first {
        return i;
    }
    let (mut rest, mut stride) = (i, header.shape.iter().product::<usize>());
    let mut position = 0;
    for size in &header.shape {
        stride /= size;
        position += rest % size * stride;
        rest /= size;
    }
    position
}

/// Labels of a .npy file: whole numbers, one per image.
pub(super) fn labels(path: &Path, source: impl Read) -> Result<Vec<u16>, DataError> {
    labels_of(path, "array", source)
}

/// The same of an array at a place in the file.
fn labels_of(path: &Path, place: &str, mut source: impl Read) -> Result<Vec<u16>, DataError> {
    let header = header(path, &mut source, &|at| format!("{place}, {at}"))?;
    let refused = |problem: &str| DataError::malformed(path, place, problem);
    if !matches!(header.shape[..], [_] | [_, 1]) {
        return Err(refused("labels have one size"));
    }
    let count = header.count().ok_or_else(|| refused("more labels than can be"))?;
    let (mut labels, mut element) = (Vec::new(), vec![0; header.width]);
    for _ in 0..count {
        if fill(&mut source, &mut element).map_err(DataError::io(path))? < element.len() {
            return Err(refused("the array ends before its last label"));
        }
        let value = header.number(&element);
        if value.fract() != 0.0 || !(0.0..65536.0).contains(&value) {
            return Err(refused("labels are whole numbers from 0 to 65535"));
        }
        labels.push(value as u16);
    }
    Ok(labels)
}
