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
const EMPTY: u16 = 3;
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

/// First images, at most `most`, in a grid that is nearly square.
pub(crate) fn grid(picture: &Picture, most: usize) -> Raster {
    let Picture { shape, levels, images } = picture;
    let count = images.count().min(most);
    let across = nearly_square(*shape, count);
    raster(*shape, count, across, |tile, i| level_class(images.row(tile)[i], *levels))
}
