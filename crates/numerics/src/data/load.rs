//! From a configuration to the three sets that a run uses.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::binarize::Binarization;
use super::catalog::{KNOWN, Known};
use super::columns::match_by_name;
use super::divided::Divided;
use super::draw::Builtin;
use super::fingerprint::{counts, hash_of_file, of_drawn, of_files, of_images};
use super::finish::finish;
use super::library::file_name;
use super::notes;
use super::origin::Origin;
use super::part::Part;
use super::read::{self, Contents, Pool};
use super::reshape::reshape;
use super::source::{DataSource, Files, ImageFiles, Layout, resolve, shadowed};
use super::split::{self, Parts};
use super::vectors::{self, listed};
use super::{
    Binarize, DataConfig, DataError, DataSize, Dataset, DescribedImages, Library, Shape, ValueKind,
};
use crate::text;

/// Number of images drawn to estimate the share of pixels on of a built-in set.
const SAMPLE: usize = 200;

/// Reads or draws a data set, divides it, cuts it to size and makes it binary or quantises it.
pub fn load(config: &DataConfig, library: &Library) -> Result<Dataset, DataError> {
    check(config)?;
    match resolve(config, library)? {
        DataSource::Builtin(builtin) => {
            let origin = drawn_origin(builtin, config, library)?.1;
            let dataset = finish(&drawn(builtin, config, counts(builtin, config)), config)?;
            Ok(Dataset { origin, ..dataset })
        }
        DataSource::Files(files) => {
            let divided = from_files(&files, config)?;
            let mut dataset = finish(&divided, config)?;
            let images = of_images(&dataset);
            let origin = &mut dataset.origin;
            match files.known {
                Some(known) if !known.is_vectors() => {
                    origin.fingerprint = of_files(&files, config)?;
                }
                _ => {
                    origin.fingerprint.clone_from(&images);
                    // Earlier versions had no real numbers.
                    if !config.values.is_real() {
                        origin.earlier = Some(of_files(&files, config)?);
                    }
                }
            }
            origin.images = Some(images);
            origin.folders_divided = files.divides_folders();
            origin.notes.extend(shadowed(&config.name, Some(&files.path), library));
            origin.notes.extend(notes::passed_over(&divided, dataset.binarization, config));
            if files.known.is_none() {
                notes::of_path(&files, &divided, origin);
            }
            origin.place = Some(files.path);
            Ok(dataset)
        }
    }
}

/// Looks for the set that `config` asks for, without reading it.
pub fn find(config: &DataConfig, library: &Library) -> Result<(), DataError> {
    resolve(config, library).map(drop)
}

/// Size of the set that `config` asks for if it is built in, without drawing it; `None` for files,
/// whose size is known only after reading.
pub(super) fn drawn_size(
    config: &DataConfig,
    library: &Library,
) -> Result<Option<DataSize>, DataError> {
    check(config)?;
    Ok(match resolve(config, library)? {
        DataSource::Builtin(builtin) => Some(size_of_drawn(builtin, config)),
        DataSource::Files(_) => None,
    })
}

/// Description of a built-in set from a few drawn images; `None` for files.
pub(super) fn describe_drawn(
    config: &DataConfig,
    library: &Library,
) -> Result<Option<DescribedImages>, DataError> {
    check(config)?;
    Ok(match resolve(config, library)? {
        DataSource::Builtin(builtin) => {
            let (binarization, origin) = drawn_origin(builtin, config, library)?;
            let (name, size) = (config.name.clone(), size_of_drawn(builtin, config));
            Some(DescribedImages { name, size, binarization, origin, left_out: vec![] })
        }
        DataSource::Files(_) => None,
    })
}

fn size_of_drawn(builtin: Builtin, config: &DataConfig) -> DataSize {
    let [train, valid, test] = counts(builtin, config);
    let classes = builtin.classes().len();
    let shape = if builtin.is_real() {
        Shape { width: Builtin::VARIABLES.len(), height: 1 }
    } else {
        square(config)
    };
    DataSize { shape, train, valid, test, classes }
}

fn drawn_origin(
    builtin: Builtin,
    config: &DataConfig,
    library: &Library,
) -> Result<(Binarization, Origin), DataError> {
    let train = counts(builtin, config)[0].min(SAMPLE);
    let sample = finish(&drawn(builtin, config, [train, 1, 1]), config)?;
    let origin = Origin {
        fingerprint: of_drawn(builtin, config),
        notes: shadowed(&config.name, None, library).into_iter().collect(),
        brightness: [sample.origin.brightness[0]; 3],
        // Images drawn independently are not copies, though tiny ones may be equal by chance.
        shared: [0; 3],
        ..sample.origin
    };
    Ok((sample.binarization, origin))
}

/// Refuses settings that no data set can follow.
fn check(config: &DataConfig) -> Result<(), DataError> {
    let problem = |key, problem: &str| Err(DataError::Setting { key, problem: problem.into() });
    if !(1..=1024).contains(&config.size) {
        return problem("size", "a side of 1 to 1024 pixels is expected");
    }
    for (key, size) in [("train", config.train), ("valid", config.valid), ("test", config.test)] {
        if size == Some(0) {
            return problem(key, "at least one image is needed");
        }
    }
    if config.levels.is_grey() && config.binarize != Binarize::Threshold {
        let levels =
            format!("data.levels = {} keeps greys, and it makes them 0 and 1", config.levels);
        return problem("binarize", &levels);
    }
    if config.values.is_real() {
        let default = DataConfig::default();
        let is_set = [
            ("levels", config.levels != default.levels),
            ("binarize", config.binarize != default.binarize),
            ("size", config.size != default.size),
        ];
        if let Some((key, _)) = is_set.into_iter().find(|(_, is_set)| *is_set) {
            return problem(
                key,
                "it is of pixels, and data.values = \"real\" has none: leave it out",
            );
        }
    }
    Ok(())
}

fn square(config: &DataConfig) -> Shape {
    Shape { width: config.size, height: config.size }
}

fn drawn(builtin: Builtin, config: &DataConfig, counts: [usize; 3]) -> Divided {
    let pool = |part: Part| {
        let count = counts[part as usize];
        if builtin.is_real() {
            let (points, labels) = builtin.draw_points(config.seed, part, count);
            let mut pool = Pool::real(points, Builtin::VARIABLES.len());
            pool.columns = Some(Builtin::VARIABLES.map(String::from).into());
            (pool.labels, pool.classes) = (Some(labels), builtin.classes());
            return pool;
        }
        let (pixels, labels) = builtin.draw(config.seed, part, count, config.size);
        Pool::labelled(pixels, square(config), Some(labels), builtin.classes())
    };
    let pools: Vec<Pool> = Part::ALL.into_iter().map(pool).collect();
    let parts = Part::ALL.map(|part| (part as usize, split::all(counts[part as usize])));
    Divided { pools, parts, left_out: vec![], notes: vec![], draws: true }
}

fn from_files(files: &Files, config: &DataConfig) -> Result<Divided, DataError> {
    let incomplete =
        |problem: &str| DataError::Incomplete { path: files.path.clone(), problem: problem.into() };
    let contents = match &files.images {
        Layout::One(item) => read_item(item, files, config, None, None)?,
        Layout::Parts(items) => {
            let (counts, wanted) = wanted(items, files, config).unzip();
            let (mut parts, mut wanted) = ([None, None, None], wanted.into_iter().flatten());
            distinct(items, files)?;
            for (part, item) in Part::ALL.into_iter().zip(items) {
                let Some(item) = item else { continue };
                let pool = &mut parts[part as usize];
                *pool = match read_item(item, files, config, Some(part), wanted.next())? {
                    Contents::One(pool) => Some(pool),
                    Contents::Parts(_) => {
                        return Err(incomplete("an archive of three sets among files of one"));
                    }
                };
            }
            if counts.is_some_and(|counts| counts != number(&parts)) {
                return Err(incomplete("its files have changed while they were read: try again"));
            }
            Contents::Parts(parts)
        }
    };
    let mut notes = files.notes.clone();
    let (mut pools, parts, draws) = match contents {
        Contents::One(pool) => {
            let count = pool.count();
            if count < 3 {
                let nouns = if pool.is_real() { "rows" } else { "images" };
                return Err(incomplete(&format!(
                    "fewer than three {nouns} cannot train, validate and test"
                )));
            }
            let frames = files.known.is_some_and(|known| known.frames);
            let parts = if frames {
                split::blocks(&classes(&pool), config.seed)
            } else {
                split::three(count, config.seed)
            };
            (vec![pool], parts.map(|images| (0, images)), true)
        }
        Contents::Parts(mut pools) => {
            notes.extend(match_by_name(&mut pools).map_err(|problem| incomplete(&problem))?);
            name_classes_alike(&mut pools);
            let alike = |a: Part, b: Part| match [&pools[a as usize], &pools[b as usize]] {
                [Some(a), Some(b)] => a.holds_the_same_as(b),
                _ => false,
            };
            if let Some((a, b)) = PAIRS.into_iter().find(|&(a, b)| alike(a, b)) {
                return Err(same_images(files, a, b));
            }
            let parts = split::files(number(&pools), config.seed)
                .map_err(|problem| incomplete(&problem))?;
            let cut_from_train = pools[Part::Valid as usize].is_none();
            (pools.into_iter().flatten().collect(), parts, cut_from_train)
        }
    };
    official(files, &pools, parts.each_ref().map(|(_, images)| images.len()))?;
    let mut left_out = files.left_out.clone();
    for pool in &mut pools {
        // Of vectors that are the known ones nothing else in their archive is of interest.
        if !files.known.is_some_and(Known::is_vectors) {
            left_out.append(&mut pool.left_out);
        }
        notes.append(&mut pool.notes);
        if !pool.is_real() {
            reshape(pool, files, config.size)?;
        }
    }
    let shape = pools[0].shape;
    if let Some(other) = pools.iter().find(|pool| pool.shape != shape) {
        let words = |s: Shape| match config.values {
            ValueKind::Pixels => format!("{} x {}", s.height, s.width),
            ValueKind::Real => text::count(s.width, "column"),
        };
        return Err(incomplete(&format!(
            "its sets differ in shape: {} and {}",
            words(shape),
            words(other.shape)
        )));
    }
    let whole = parts.each_ref().map(|(_, images)| images.len());
    let parts = cut(parts, config)?;
    let draws = draws || whole != parts.each_ref().map(|(_, images)| images.len());
    left_out.dedup();
    notes.dedup();
    Ok(Divided { pools, parts, left_out, notes, draws })
}

/// Names of the classes of all pools, where those of one continue those of the others: labels
/// without names are numbers, of which a small set may lack the last.
fn name_classes_alike(pools: &mut [Option<Pool>; 3]) {
    let longest = pools.iter().flatten().map(|pool| &pool.classes).max_by_key(|names| names.len());
    let longest = longest.cloned().unwrap_or_default();
    for pool in pools.iter_mut().flatten().filter(|pool| pool.labels.is_some()) {
        if longest.starts_with(&pool.classes) {
            pool.classes.clone_from(&longest);
        }
    }
}

/// Pairs of sets that must not be the same file.
const PAIRS: [(Part, Part); 3] =
    [(Part::Train, Part::Test), (Part::Train, Part::Valid), (Part::Valid, Part::Test)];

/// Refuses one file under two names.
fn distinct(items: &[Option<ImageFiles>; 3], files: &Files) -> Result<(), DataError> {
    let mut hashes = [None; 3];
    for (hash, item) in hashes.iter_mut().zip(items) {
        if let Some(item) = item.as_ref().filter(|item| item.images.is_file()) {
            *hash = Some(hash_of_file(&item.images)?);
        }
    }
    let same = |&(a, b): &(Part, Part)| {
        hashes[a as usize].is_some() && hashes[a as usize] == hashes[b as usize]
    };
    PAIRS
        .into_iter()
        .find(same)
        .map_or(Ok(()), |(a, b)| Err(same_images(files, a, b)))
}

fn same_images(files: &Files, a: Part, b: Part) -> DataError {
    let problem = format!(
        "its {a} images and its {b} images are the same ones, so that a model would be judged by what it has learnt: give \
         each its own, or a single file, which is then divided in three"
    );
    DataError::Incomplete { path: files.path.clone(), problem }
}

/// Refuses files that have the name of a known set and are not that set.
fn official(files: &Files, pools: &[Pool], has: [usize; 3]) -> Result<(), DataError> {
    let Some(known) = files.known else { return Ok(()) };
    if known.is_vectors() {
        let differs = vectors::difference(pools, has, known.shape.dim(), known.sizes)
            .or_else(|| vectors::other_bits(pools, known.bits?));
        return differs.map_or(Ok(()), |how| Err(other_set(files, known, &how)));
    }
    // The number of frames of each set depends on the seed.
    let (has, expected) = match known.pictures() {
        Some(count) => (vec![pools.iter().map(Pool::count).sum()], vec![count]),
        None => (has.to_vec(), known.sizes.to_vec()),
    };
    if has == expected {
        return Ok(());
    }
    let how = format!("it has {} images and not {}", listed(&has), listed(&expected));
    Err(other_set(files, known, &how))
}

fn other_set(files: &Files, known: &Known, how: &str) -> DataError {
    let (path, name) = (files.path.clone(), known.name);
    let problem = format!(
        "this is not {name}: {how}. `ablade data fetch {name}` gets {name} once these files are moved away; to train on them, \
         name them by their path: name = {:?}",
        path.display().to_string()
    );
    DataError::Incomplete { path, problem }
}

/// Images in each file.
type Counts = [Option<usize>; 3];

fn number(pools: &[Option<Pool>; 3]) -> Counts {
    pools.each_ref().map(|pool| pool.as_ref().map(Pool::count))
}

/// Number of images in each file, and the indices of those that `config` asks for, ascending, if
/// that is known before reading: part of a large set then takes the memory of that part only.
fn wanted(
    items: &[Option<ImageFiles>; 3],
    files: &Files,
    config: &DataConfig,
) -> Option<(Counts, Vec<Vec<u32>>)> {
    // All images are needed to detect whether a set is inverted.
    if config.values.is_real() || files.known.is_some_and(|known| known.invert) {
        return None;
    }
    let mut counts = [None; 3];
    for (count, item) in counts.iter_mut().zip(items) {
        if let Some(item) = item {
            let (images, shape) = read::size(&item.images)?;
            // Other shapes may be resized, and all images are needed to detect whether they can be.
            *count = (shape == square(config)).then_some(images);
            (*count)?;
        }
    }
    let parts = cut(split::files(counts, config.seed).ok()?, config).ok()?;
    let mut wanted = vec![Vec::new(); items.iter().flatten().count()];
    for (file, images) in parts {
        wanted[file].extend(images);
    }
    for images in &mut wanted {
        images.sort_unstable();
    }
    Some((counts, wanted))
}

/// Cuts the three sets to the sizes requested.
fn cut(mut parts: Parts, config: &DataConfig) -> Result<Parts, DataError> {
    for (part, asked) in Part::ALL.into_iter().zip([config.train, config.valid, config.test]) {
        let images = &mut parts[part as usize].1;
        let (has, asked) = (images.len(), asked.unwrap_or(images.len()));
        if asked > has {
            let nouns = if config.values.is_real() { "rows" } else { "images" };
            return Err(DataError::TooFew { name: config.name.clone(), part, asked, has, nouns });
        }
        *images = split::subset(std::mem::take(images), asked, config.seed, part);
    }
    Ok(parts)
}

fn read_item(
    item: &ImageFiles,
    files: &Files,
    config: &DataConfig,
    part: Option<Part>,
    wanted: Option<Vec<u32>>,
) -> Result<Contents, DataError> {
    if !item.pictures.is_empty() {
        if config.values.is_real() {
            return Err(DataError::Incomplete {
                path: item.images.clone(),
                problem: read::NO_TABLE.to_owned(),
            });
        }
        return read::folder(&item.images, &item.pictures, config.size).map(Contents::One);
    }
    let known = files.known.and_then(|known| Some((known, known.unpacked[part? as usize]?)));
    let mut contents = match known {
        None => read::file(&item.images, config, wanted)?,
        Some((known, sha256)) => {
            let other = || {
                other_set(files, known, &format!("{} has other content", file_name(&item.images)))
            };
            read::file_of_content(&item.images, config, wanted, sha256)?.ok_or_else(other)?
        }
    };
    if let Contents::One(pool) = &mut contents {
        label_by(pool, &item.images, &item.labels, files.known);
    }
    Ok(contents)
}

/// Gives a pool the labels of the first of these files that has as many, unless it has its own.
pub(super) fn label_by(
    pool: &mut Pool,
    images: &Path,
    labels: &[PathBuf],
    known: Option<&'static Known>,
) {
    if pool.labels.is_none() {
        // A file that is called like a known set has its classes too: part of EMNIST's letters are
        // letters.
        let name = file_name(images);
        let known = known.or_else(|| KNOWN.iter().find(|known| name.starts_with(known.name)));
        let classes = known.map_or((0, &[][..]), |known| known.classes);
        for path in labels {
            // Labels are used for pictures of the data only: unreadable ones are reported and are
            // not an error.
            let labels = match read::labels(path) {
                Ok(labels) => labels,
                Err(error) => {
                    pool.left_out.push(format!("labels: {error}"));
                    continue;
                }
            };
            if labels.len() == pool.count() {
                pool.label(labels, classes);
                break;
            }
            let (n, count) = (labels.len(), pool.count());
            let nouns = if pool.is_real() { "rows" } else { "images" };
            pool.left_out
                .push(format!("{}: {n} labels for {count} {nouns}", file_name(path)));
        }
    }
}

/// Images of each class of a pool that is sorted by class.
fn classes(pool: &Pool) -> Vec<Range<usize>> {
    let labels = pool.labels.as_deref().unwrap_or_default();
    let mut start = 0;
    let ranges = labels.chunk_by(|a, b| a == b).map(|class| {
        start += class.len();
        start - class.len()..start
    });
    let ranges: Vec<_> = ranges.collect();
    if ranges.is_empty() {
        std::iter::once(0..pool.count()).collect()
    } else {
        ranges
    }
}

/// Fingerprint of the data that `config` asks for. Files are read for it; built-in sets are not
/// drawn.
pub fn fingerprint(config: &DataConfig, library: &Library) -> Result<String, DataError> {
    match resolve(config, library)? {
        DataSource::Builtin(builtin) => Ok(of_drawn(builtin, config)),
        DataSource::Files(_) => Ok(load(config, library)?.origin.fingerprint),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::data::LevelCount;

    /// Images of one file.
    type Pixels = Vec<Vec<u8>>;

    fn as_idx(images: &Pixels, side: usize) -> Vec<u8> {
        let sizes = [images.len(), side, side]
            .map(|size| u32::try_from(size).unwrap().to_be_bytes())
            .concat();
        [&[0, 0, 8, 3], &*sizes, &images.concat()].concat()
    }

    fn as_npy(images: &Pixels, side: usize) -> Vec<u8> {
        let shape = format!("({}, {side}, {side})", images.len());
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &images.concat()].concat()
    }

    fn transposed(images: &Pixels, side: usize) -> Pixels {
        let turn =
            |image: &Vec<u8>| (0..side * side).map(|i| image[i % side * side + i / side]).collect();
        images.iter().map(turn).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A side and the images of train, valid and test.
    fn files() -> impl Strategy<Value = (usize, [Option<Pixels>; 3])> {
        let level = prop_oneof![
            Just(vec![0, 1]),
            Just(vec![0, 255]),
            Just(vec![0, 1, 255]),
            Just(vec![0, 1, 9]),
            Just(vec![0, 100, 200])
        ];
        let side = prop_oneof![1usize..4, 8usize..14];
        (side, level).prop_flat_map(|(side, levels)| {
            let image = prop::collection::vec(prop::sample::select(levels), side * side);
            let images = |count| prop::collection::vec(image.clone(), count);
            let parts = (images(2..30), prop::option::of(images(1..9)), images(1..9));
            let parts = parts.prop_map(|(train, valid, test)| [Some(train), valid, Some(test)]);
            // Equal files are refused, and images of one pixel are often equal.
            let sorted = |images: &Option<Pixels>| {
                let mut images = images.clone()?;
                let is_bits = images.iter().flatten().all(|&level| level <= 1);
                images
                    .iter_mut()
                    .flatten()
                    .for_each(|level| *level *= if is_bits { 255 } else { 1 });
                images.sort();
                Some(images)
            };
            let distinct = parts.prop_filter("equal parts", move |parts| {
                let [train, valid, test] = parts.each_ref().map(sorted);
                train != test && train != valid && valid != test
            });
            (Just(side), distinct)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Of files whose sizes are known in advance only a part is stored: with the same images,
        /// bits and labels as of any other file.
        #[test]
        fn a_part_of_a_set_is_the_same_in_every_format(
            (side, files) in files(), asked in any::<[prop::sample::Index; 3]>(), all: [bool; 3], seed in 0u64..9,
            rule in 0usize..4, packed: bool, emnist: bool,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let write = |folder: &str, name: String, bytes: &[u8]| {
                std::fs::create_dir_all(dir.path().join(folder)).unwrap();
                std::fs::write(dir.path().join(folder).join(name), bytes).unwrap();
            };
            let set = if emnist { "emnist" } else { "mine" };
            for (part, images) in ["train", "valid", "test"].into_iter().zip(&files) {
                let Some(images) = images else { continue };
                let idx = as_idx(images, side);
                let upright = if emnist { transposed(images, side) } else { images.clone() };
                let count = u32::try_from(images.len()).unwrap();
                let labels: Vec<u8> = [0, 0, 8, 1].into_iter().chain(count.to_be_bytes()).chain((0..count).map(|i| i as u8 % 5)).collect();
                write("idx", format!("{set}-{part}-images-ubyte"), &if packed { gzip(&idx) } else { idx });
                write("npy", format!("{set}-{part}-images-ubyte"), &as_npy(&upright, side));
                write("idx", format!("{set}-{part}-labels-ubyte"), &labels);
                write("npy", format!("{set}-{part}-labels-ubyte"), &labels);
            }
            let data = |folder: &str, config: &DataConfig| {
                let config = DataConfig { name: dir.path().join(folder).display().to_string(), ..config.clone() };
                load(&config, &Library::at("/nonexistent"))
            };
            let (rule, levels) =
                [(Binarize::Threshold, 2), (Binarize::Stochastic, 2), (Binarize::Dynamic, 2), (Binarize::Threshold, 16)][rule];
            let levels = LevelCount::try_from(levels).unwrap();
            let whole = DataConfig { size: side, seed, binarize: rule, levels, ..DataConfig::default() };
            let has = match data("npy", &whole) {
                Ok(data) => data.size(),
                // Black and white has no grey levels.
                Err(_) => {
                    prop_assert!(data("idx", &whole).is_err());
                    return Ok(());
                }
            };
            let sizes = [has.train, has.valid, has.test];
            let [train, valid, test] = [0, 1, 2].map(|part| (!all[part]).then(|| asked[part].index(sizes[part]) + 1));
            let config = DataConfig { train, valid, test, ..whole };
            let (idx, npy) = (data("idx", &config).unwrap(), data("npy", &config).unwrap());
            prop_assert_eq!(idx.shape, npy.shape);
            prop_assert_eq!(idx.binarization, npy.binarization);
            for (idx, npy) in [(idx.train, npy.train), (idx.valid, npy.valid), (idx.test, npy.test)] {
                prop_assert_eq!(idx.pixels(), npy.pixels());
                prop_assert_eq!(idx.labels().map(|labels| &labels.of), npy.labels().map(|labels| &labels.of));
                prop_assert!(idx.labels().is_some());
            }
        }
    }
}
