//! All images of one file, for models to score or complete: nothing is divided or left out.

use std::path::Path;

use super::binarize::{Levels, binarize};
use super::read::{self, Contents, Pool};
use super::{DataConfig, DataError, Images, Part, Shape};

/// Every image of a file in its order, and how their pixels lie: any format that sets are read from, or a single PNG. Of
/// an archive that names its sets, those of `part`. Grey levels become binary by the rule and seed of `config`.
pub fn images_in(path: &Path, part: Part, config: &DataConfig) -> Result<(Images, Shape), DataError> {
    let Pool { mut pixels, shape, .. } = match read::picture(path)? {
        Some(pool) => pool,
        None => match read::file(path, config.size, None)? {
            Contents::One(pool) => pool,
            Contents::Parts(mut parts) => parts[part as usize].take().ok_or_else(|| DataError::Incomplete {
                path: path.to_owned(),
                problem: format!("no {part} images in it"),
            })?,
        },
    };
    let levels = Levels::of(std::iter::once(pixels.as_slice()));
    for (i, image) in pixels.chunks_exact_mut(shape.dim()).enumerate() {
        // As held-out images are: drawn anew every epoch are those of training alone.
        binarize(image, levels, config.binarize, config.seed, Part::Test, i);
    }
    Ok((Images::new(pixels, shape.dim()), shape))
}
