//! From a configuration to the three sets that a run uses.

use std::ops::Range;

use super::binarize::{Binarization, Levels, binarize};
use super::catalog::KNOWN;
use super::draw::Builtin;
use super::library::file_name;
use super::part::Part;
use super::read::{self, Contents, Pool};
use super::source::{Files, Item, Layout, Source, resolve};
use super::{DataConfig, DataError, DataSize, Dataset, Images, Labels, Library, Shape, split};

/// Side of the images where no size is set.
const SIZE: usize = 28;

/// Reads or draws a data set, divides it, cuts it to size and makes it binary.
pub fn load(config: &DataConfig, library: &Library) -> Result<Dataset, DataError> {
    check(config)?;
    let divided = match resolve(&config.name, library)? {
        Source::Builtin(builtin) => drawn(builtin, config),
        Source::Files(files) => from_files(&files, config)?,
    };
    finish(&divided, config)
}

/// Size of the set that `config` asks for where the program draws it, without drawing it; `None` for files, which only
/// reading tells.
pub(super) fn drawn_size(config: &DataConfig, library: &Library) -> Result<Option<DataSize>, DataError> {
    check(config)?;
    Ok(match resolve(&config.name, library)? {
        Source::Builtin(builtin) => {
            let [train, valid, test] = counts(builtin, config);
            Some(DataSize { shape: square(config), train, valid, test })
        }
        Source::Files(_) => None,
    })
}

/// Refuses what no data set can be asked for.
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
    Ok(())
}

fn square(config: &DataConfig) -> Shape {
    Shape { width: config.size, height: config.size }
}

/// Images of each part of a drawn set.
pub(super) fn counts(builtin: Builtin, config: &DataConfig) -> [usize; 3] {
    let asked = [config.train, config.valid, config.test];
    Part::ALL.map(|part| asked[part as usize].unwrap_or(builtin.sizes()[part as usize]))
}

/// Pools and, for each of the three sets, which pool and which of its images.
struct Divided {
    pools: Vec<Pool>,
    parts: [(usize, Vec<u32>); 3],
}

fn drawn(builtin: Builtin, config: &DataConfig) -> Divided {
    let shape = square(config);
    let counts = counts(builtin, config);
    let pools: Vec<Pool> = Part::ALL
        .into_iter()
        .map(|part| {
            let count = counts[part as usize];
            let (pixels, labels) = builtin.draw(config.seed, part, count, config.size);
            Pool { pixels, shape, labels: Some(labels), classes: builtin.classes() }
        })
        .collect();
    let parts = Part::ALL.map(|part| (part as usize, all(&pools[part as usize])));
    Divided { pools, parts }
}

fn all(pool: &Pool) -> Vec<u32> {
    (0..pool.count() as u32).collect()
}

fn from_files(files: &Files, config: &DataConfig) -> Result<Divided, DataError> {
    let incomplete = |problem: &str| DataError::Incomplete { path: files.path.clone(), problem: problem.into() };
    let contents = match &files.images {
        Layout::One(item) => read_item(item, files, config)?,
        Layout::Parts(items) => {
            let mut parts = [None, None, None];
            for (part, item) in parts.iter_mut().zip(items) {
                *part = match item.as_ref().map(|item| read_item(item, files, config)).transpose()? {
                    Some(Contents::One(pool)) => Some(pool),
                    Some(Contents::Parts(_)) => return Err(incomplete("an archive of three sets among files of one")),
                    None => None,
                };
            }
            Contents::Parts(parts)
        }
    };
    let (mut pools, parts) = match contents {
        Contents::One(pool) => {
            let count = pool.count();
            if count < 3 {
                return Err(incomplete("fewer than three images cannot train, validate and test"));
            }
            let frames = files.known.is_some_and(|known| known.frames);
            let parts =
                if frames { split::blocks(&classes(&pool), config.seed) } else { split::three(count, config.seed) };
            (vec![pool], parts.map(|images| (0, images)))
        }
        Contents::Parts([Some(train), valid, Some(test)]) => {
            let (train_images, valid_images) = match &valid {
                Some(valid) => (all(&train), (2, all(valid))),
                None if train.count() < 2 => return Err(incomplete("one training image cannot also validate")),
                None => {
                    let held = split::held_out(train.count(), test.count());
                    let (train, valid) = split::hold_out(train.count(), held, config.seed);
                    (train, (0, valid))
                }
            };
            let parts = [(0, train_images), valid_images, (1, all(&test))];
            (vec![train, test].into_iter().chain(valid).collect(), parts)
        }
        Contents::Parts([train, ..]) => {
            let lacking = if train.is_none() { "training" } else { "test" };
            return Err(incomplete(&format!(
                "no {lacking} images: files named train and test are expected (valid is optional)"
            )));
        }
    };
    for pool in &mut pools {
        reshape(pool, files, config.size)?;
    }
    let shape = pools[0].shape;
    if let Some(other) = pools.iter().find(|pool| pool.shape != shape) {
        let words = |s: Shape| format!("{} x {}", s.height, s.width);
        return Err(incomplete(&format!("its sets differ in shape: {} and {}", words(shape), words(other.shape))));
    }
    Ok(Divided { pools, parts })
}

fn read_item(item: &Item, files: &Files, config: &DataConfig) -> Result<Contents, DataError> {
    if item.images.is_dir() {
        return read::folder(&item.images, config.size).map(Contents::One);
    }
    let mut contents = read::file(&item.images, config.size)?;
    if let Contents::One(pool) = &mut contents
        && pool.labels.is_none()
    {
        // A file that is called like a known set has its classes too: part of EMNIST's letters are letters.
        let name = file_name(&item.images);
        let known = files.known.or_else(|| KNOWN.iter().find(|known| name.starts_with(known.name)));
        let (first, names) = known.map_or((0, &[][..]), |known| known.classes);
        for path in &item.labels {
            let labels = read::labels(path)?;
            if labels.len() == pool.count() {
                let classes = labels.iter().max().map_or(0, |&last| usize::from(last.saturating_sub(first)) + 1);
                let name = |class: usize| {
                    names.get(class).map_or_else(|| (class + usize::from(first)).to_string(), ToString::to_string)
                };
                pool.classes = (0..classes).map(name).collect();
                pool.labels = Some(labels.into_iter().map(|label| label.saturating_sub(first)).collect());
                break;
            }
        }
    }
    Ok(contents)
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
    if ranges.is_empty() { vec![0..pool.count()] } else { ranges }
}

/// Brings a pool to the size asked for, or says why it cannot be.
fn reshape(pool: &mut Pool, files: &Files, size: usize) -> Result<(), DataError> {
    let asked = Shape { width: size, height: size };
    if pool.shape.height == 1 && pool.shape.dim() == asked.dim() {
        pool.shape = asked;
    }
    if files.known.is_some_and(|known| known.invert && pool.shape == asked) && mostly_light(pool) {
        pool.pixels.iter_mut().for_each(|level| *level = 255 - *level);
    }
    if pool.shape == asked || size == SIZE && files.known.is_none() {
        return Ok(());
    }
    let binary = Levels::of(std::iter::once(pool.pixels.as_slice())) == Levels::Binary;
    if files.known.is_none() || pool.shape.height == 1 || binary {
        let Shape { width, height } = pool.shape;
        let have =
            if height == 1 { format!("vectors of {width} values") } else { format!("images of {height} x {width}") };
        let problem =
            format!("{size} asked, {} holds {have}, which are used as they are: leave size out", files.path.display());
        return Err(DataError::Setting { key: "size", problem });
    }
    let mut pixels = Vec::with_capacity(pool.count() * asked.dim());
    for image in pool.pixels.chunks_exact(pool.shape.dim()) {
        read::shrink(image, pool.shape.width, pool.shape.height, size, &mut pixels);
    }
    (pool.pixels, pool.shape) = (pixels, asked);
    Ok(())
}

fn mostly_light(pool: &Pool) -> bool {
    let sum: u64 = pool.pixels.iter().map(|&level| u64::from(level)).sum();
    sum > 127 * pool.pixels.len() as u64
}

fn finish(divided: &Divided, config: &DataConfig) -> Result<Dataset, DataError> {
    let levels = Levels::of(divided.pools.iter().map(|pool| pool.pixels.as_slice()));
    let asked = [config.train, config.valid, config.test];
    let mut parts = Vec::with_capacity(3);
    for part in Part::ALL {
        let (pool, images) = &divided.parts[part as usize];
        let (pool, has) = (&divided.pools[*pool], images.len());
        let asked = asked[part as usize].unwrap_or(has);
        if asked > has {
            return Err(DataError::TooFew { name: config.name.clone(), part, asked, has });
        }
        let images = split::subset(images.clone(), asked, config.seed, part);
        let dim = pool.shape.dim();
        let mut pixels = vec![0; images.len() * dim];
        for (&i, image) in images.iter().zip(pixels.chunks_exact_mut(dim)) {
            image.copy_from_slice(&pool.pixels[i as usize * dim..][..dim]);
            binarize(image, levels, config.binarize, config.seed, part, i as usize);
        }
        let labelled = Images::new(pixels, dim);
        parts.push(match &pool.labels {
            Some(labels) => labelled.with_labels(Labels {
                of: images.iter().map(|&i| labels[i as usize]).collect(),
                names: pool.classes.as_slice().into(),
            }),
            None => labelled,
        });
    }
    let [train, valid, test] = <[Images; 3]>::try_from(parts).expect("three parts");
    let binarization = Binarization::of(levels, config.binarize);
    Ok(Dataset { name: config.name.clone(), shape: divided.pools[0].shape, train, valid, test, binarization })
}
