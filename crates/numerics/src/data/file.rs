//! All images of one file, for a model to score or complete: none is divided off or left out.

use std::path::Path;

use super::binarize::{Binarization, Levels, binarize};
use super::brightness::{self, Brightness};
use super::load::label_by;
use super::origin::{Origin, content};
use super::read::{self, Contents, Pool};
use super::source::labels_next_to;
use super::{
    DataConfig, DataError, Dataset, Images, Labels, Part, Pictures, Shape, Standardisation,
    ValueKind, columns,
};
use crate::text::{count, thousands};

/// The images of a file.
#[derive(Debug)]
pub struct FileImages {
    /// Images, in the order of the file, with the labels that are in it or next to it.
    pub images: Images,
    /// True if the file is an archive that names its sets, of which these are one.
    pub is_divided: bool,
    /// Shape of each image.
    pub shape: Shape,
    /// Names of the variables, where a table has a header.
    pub columns: Option<Vec<String>>,
    /// The file in one line: `d.csv: 240 vectors of 288 variables, binary as stored, 11 % on`.
    pub line: String,
    /// Sentences that a user should know about the images.
    pub warnings: Vec<String>,
}

/// The images or rows of a file with its labels; of an archive that names its sets, those of `part`,
/// and true.
fn pool_of(path: &Path, part: Part, config: &DataConfig) -> Result<(Pool, bool), DataError> {
    match read::file(path, config, None)? {
        Contents::One(mut pool) => {
            label_by(&mut pool, path, &labels_next_to(path), None);
            Ok((pool, false))
        }
        Contents::Parts(mut parts) => {
            let nouns = if config.values.is_real() { "rows" } else { "images" };
            let pool = parts[part as usize].take().ok_or_else(|| DataError::Incomplete {
                path: path.to_owned(),
                problem: format!("no {part} {nouns} in it"),
            })?;
            Ok((pool, true))
        }
    }
}

/// Images with the labels that a pool has.
fn labelled(images: Images, labels: Option<Vec<u16>>, classes: Vec<String>) -> Images {
    match labels {
        Some(labels) => images.with_labels(Labels { of: labels.into(), names: classes.into() }),
        None => images,
    }
}

/// Every row of a table of real numbers in its order, standardised as the set `own` was by its
/// training rows, its columns in the order of that set; of an archive that names its sets, those of
/// `part`.
///
/// # Panics
/// If `own` holds images.
pub fn table_in(path: &Path, part: Part, own: &Dataset) -> Result<FileImages, DataError> {
    let by = own.standardisation.as_ref().expect("a set of real numbers");
    let config = DataConfig { values: ValueKind::Real, ..DataConfig::default() };
    let (mut pool, is_divided) = pool_of(path, part, &config)?;
    let name = path.display();
    let refused = |problem| DataError::Incomplete { path: path.to_owned(), problem };
    let note = columns::match_with(own.origin.columns.as_deref(), &mut pool).map_err(refused)?;
    let (has, dim) = (pool.shape.dim(), by.dim());
    if has != dim {
        let problem = format!("{}, where the training data have {dim}", count(has, "column"));
        return Err(refused(problem));
    }
    let images = Images::real(standardised(&pool, by).map_err(refused)?, dim);
    let images = labelled(images, pool.labels.take(), std::mem::take(&mut pool.classes));
    let rows = thousands(images.count());
    let content = content(pool.shape, Binarization::Real, &Origin::default());
    let left_out = pool.left_out.iter().map(|sentence| format!("left out: {sentence}"));
    let warnings = left_out.chain(pool.notes.iter().cloned()).chain(note);
    Ok(FileImages {
        images,
        is_divided,
        shape: pool.shape,
        columns: own.origin.columns.clone(),
        line: format!("{name}: {rows} {content}"),
        warnings: warnings.map(|note| format!("{name}: {note}")).collect(),
    })
}

/// Standardised rows of a pool [n_rows x D]; error: the first value that is too far from the training
/// rows for 32 bits.
fn standardised(pool: &Pool, by: &Standardisation) -> Result<Vec<f32>, String> {
    let mut all = Vec::new();
    for row in 0..pool.count() {
        let own = pool.real_row(row as u32);
        let values = by.standardised(own);
        if let Some(column) = values.iter().position(|value| !value.is_finite()) {
            return Err(format!(
                "row {}, column {} is {}: too far from the mean of the training rows, {}, for a 32-bit number of standard \
                 deviations of {}",
                row + 1,
                column + 1,
                own[column],
                by.means[column],
                by.deviations[column]
            ));
        }
        all.extend(values);
    }
    Ok(all)
}

/// Every image of a file in its order: any format that sets are read from, or a single PNG. Of an
/// archive that names its sets, those of `part`. Grey levels become binary by the rule and seed of
/// `config`, or are quantised to its number of levels. Real numbers are read by [`table_in`]: here a
/// file holds pixels, whatever the kind of `config`.
pub fn images_in(path: &Path, part: Part, config: &DataConfig) -> Result<FileImages, DataError> {
    let config = &DataConfig { values: ValueKind::Pixels, ..config.clone() };
    let (pool, is_divided) = match read::picture(path)? {
        Some(pool) => (pool, false),
        None => pool_of(path, part, config)?,
    };
    let Pool {
        mut pixels,
        shape,
        columns,
        notes,
        left_out,
        pictures,
        labels,
        classes,
        ..
    } = pool;
    let levels = Levels::of(&pixels);
    let name = path.display();
    levels.check(config, &name.to_string())?;
    let (mut counts, mut on) = ([0; 256], Vec::new());
    for (i, image) in pixels.chunks_exact_mut(shape.dim()).enumerate() {
        for &level in image.iter() {
            counts[usize::from(level)] += 1;
        }
        // The rule for held-out images: only training images are drawn again every epoch.
        binarize(image, levels, config, Part::Test, i);
        let sum: usize = image.iter().map(|&level| usize::from(level)).sum();
        on.push(sum as f64 / ((config.levels.get() - 1) * shape.dim()) as f64);
    }
    let binarization = match Binarization::of(levels, config) {
        Binarization::Dynamic => Binarization::Stochastic,
        other => other,
    };
    let origin = Origin {
        brightness: [Brightness::new(&counts, &on, levels.white(config.levels)); 3],
        pictures,
        ..Origin::default()
    };
    let line = format!("{name}: {} {}", thousands(on.len()), content(shape, binarization, &origin));
    let mut warnings: Vec<String> = left_out
        .into_iter()
        .map(|sentence| format!("{name}: left out: {sentence}"))
        .collect();
    let of_levels = brightness::warnings(&origin.brightness, binarization);
    let of_pictures = origin.pictures.iter().flat_map(Pictures::notes);
    warnings.extend(
        of_levels
            .into_iter()
            .chain(notes)
            .chain(of_pictures)
            .map(|note| format!("{name}: {note}")),
    );
    Ok(FileImages {
        images: labelled(Images::new(pixels, shape.dim()), labels, classes),
        is_divided,
        shape,
        columns,
        line,
        warnings,
    })
}
