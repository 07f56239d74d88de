//! Images next to each other as cells of one raster.

use crate::data::Shape;

use super::Picture;
use super::image_grid::{ImageGrid, nearly_square};
use crate::figures::bitmap::Bitmap;
use crate::figures::chart::Raster;
use crate::figures::style::{Color, HIDDEN, INK, NOT_GIVEN, TILE, WHITE, grey};

/// Class of a pixel that is off.
pub(crate) const OFF: u16 = 0;
/// Class of a pixel that is on.
pub(crate) const ON: u16 = 1;
/// Class of a pixel that is not given.
pub(crate) const MISSING: u16 = 2;
/// Class of a tile without an image.
pub(crate) const EMPTY: u16 = 3;
/// Class of a pixel that is not given, among grey ones.
pub(crate) const MISSING_OF_GREY: u16 = 4;
const GREYS: u16 = 5;
/// Number of shades between off and on.
const SHADES: u16 = 64;

/// Colours of the classes of a tile raster.
fn colors() -> Vec<Color> {
    [TILE, INK, HIDDEN, WHITE, NOT_GIVEN].into_iter().chain(shades()).collect()
}

/// Shades from off to on.
pub(crate) fn shades() -> impl Iterator<Item = Color> {
    (0..SHADES).map(|shade| grey(f64::from(shade) / f64::from(SHADES - 1)))
}

/// Index of the shade of a level.
pub(crate) fn shade(level: u8, levels: usize) -> u16 {
    let (highest, last) = (levels - 1, usize::from(SHADES - 1));
    ((usize::from(level) * last + highest / 2) / highest) as u16
}

/// Class of a probability given in 0..=255.
pub(crate) fn grey_class(value: u8) -> u16 {
    GREYS + shade(value, 256)
}

/// Class of a pixel of this many levels.
pub(crate) fn level_class(level: u8, levels: usize) -> u16 {
    match levels {
        0..=2 if level > 0 => ON,
        0..=2 => OFF,
        _ => GREYS + shade(level, levels),
    }
}

/// Side of a pixel: whole CSS pixels, so that a tile is about 28 wide.
pub(crate) fn cell(shape: Shape) -> usize {
    (28 / shape.width.max(shape.height).max(1)).clamp(1, 8)
}

/// Raster of `count` tiles, `across` per row; `pixel(tile, i)` is the class of pixel `i`.
pub(crate) fn raster(
    shape: Shape,
    count: usize,
    across: usize,
    pixel: impl Fn(usize, usize) -> u16,
) -> Raster {
    let grid = ImageGrid { shape, across: across.max(1), zoom: 1, gap: 0 };
    let (width, height) = grid.size(count);
    let mut cells = Bitmap::new((width, height), EMPTY);
    for tile in 0..count {
        grid.paint(&mut cells, (0, 0), tile, |i| pixel(tile, i));
    }
    let mut raster = Raster::new(width, height, cell(shape), colors(), cells.dots);
    raster.tile = Some((shape.width, shape.height));
    raster
}

/// Maximum side of an image that is drawn: each of its pixels takes at least one pixel of the page.
const LARGEST_SIDE: usize = 4_096;

/// Maximum number of cells of all images of a figure.
const MOST_CELLS: usize = 8_000_000;

/// Reason why images cannot be drawn, if there is one.
pub(crate) fn too_large(shape: Shape) -> Option<String> {
    let large =
        shape.width > LARGEST_SIDE || shape.height > LARGEST_SIDE || shape.dim() > MOST_CELLS;
    large.then(|| {
        format!("images of {} x {} pixels are too large to draw", shape.height, shape.width)
    })
}

/// Number of images of each of `panels` sets for which a figure has room, at most `wanted`.
pub(crate) fn room(shape: Shape, panels: usize, wanted: usize) -> usize {
    wanted.min(MOST_CELLS / (shape.dim() * panels).max(1)).max(1)
}

/// Number of tiles in a row, and the image on each tile of a grid of the first images, at most
/// `most`: one row a class, or nearly square.
pub(crate) fn arranged(picture: &Picture, most: usize) -> (usize, Vec<usize>) {
    let count = picture.images.count().min(most);
    let Some(classes) = picture.classes else {
        return (nearly_square(picture.shape, count), (0..count).collect());
    };
    let (rows, across) = (classes.min(count), (count / classes).max(1));
    let row = |class: usize| (0..across).map(move |column| class + column * classes);
    (across, (0..rows).flat_map(row).collect())
}

/// A sentence on the rows of [`arranged`] images.
pub(crate) fn words_of_rows(are_of_classes: bool) -> &'static str {
    if are_of_classes {
        " Models that are told the class: one row a class."
    } else {
        ""
    }
}

/// First images, at most `most`, as a raster.
pub(crate) fn grid(picture: &Picture, most: usize) -> Raster {
    let (across, shown) = arranged(picture, most);
    raster(picture.shape, shown.len(), across, |tile, i| {
        level_class(picture.images.row(shown[tile])[i], picture.levels)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;

    #[test]
    fn images_of_classes_have_one_row_a_class() {
        let arranged = |count: usize, classes, most| {
            let shape = Shape { width: 1, height: 1 };
            let images = Images::new(vec![0; count], 1);
            arranged(&Picture { shape, levels: 2, images, classes }, most)
        };
        assert_eq!(arranged(8, Some(3), 100), (2, vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(arranged(8, Some(3), 4), (1, vec![0, 1, 2]));
        assert_eq!(arranged(2, Some(3), 100), (1, vec![0, 1]));
        assert_eq!(arranged(4, None, 100), (2, vec![0, 1, 2, 3]));
    }
}
