//! All images of one file, for a model to score or complete: none is divided off or left out.

use std::path::Path;

use super::binarize::{Binarization, Levels, binarize};
use super::brightness::{self, Brightness};
use super::origin::{Origin, content};
use super::read::{self, Contents, Pool};
use super::{DataConfig, DataError, Images, Part, Pictures, Shape};
use crate::text::thousands;

/// The images of a file.
#[derive(Debug)]
pub struct FileImages {
    /// Images, in the order of the file.
    pub images: Images,
    /// Shape of each image.
    pub shape: Shape,
    /// Names of the variables, where a table has a header.
    pub columns: Option<Vec<String>>,
    /// The file in one line: `d.csv: 240 vectors of 288 variables, binary as stored, 11 % on`.
    pub line: String,
    /// Sentences that a user should know about the images.
    pub warnings: Vec<String>,
}

/// Every image of a file in its order: any format that sets are read from, or a single PNG. Of an
/// archive that names its sets, those of `part`. Grey levels become binary by the rule and seed of
/// `config`, or are quantised to its number of levels.
pub fn images_in(path: &Path, part: Part, config: &DataConfig) -> Result<FileImages, DataError> {
    let pool = match read::picture(path)? {
        Some(pool) => pool,
        None => match read::file(path, config.size, None)? {
            Contents::One(pool) => pool,
            Contents::Parts(mut parts) => {
                parts[part as usize].take().ok_or_else(|| DataError::Incomplete {
                    path: path.to_owned(),
                    problem: format!("no {part} images in it"),
                })?
            }
        },
    };
    let Pool { mut pixels, shape, columns, notes, left_out, pictures, .. } = pool;
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
        images: Images::new(pixels, shape.dim()),
        shape,
        columns,
        line,
        warnings,
    })
}
