//! Images side by side as dots: one layout for every grid of images, and its PNG.
//!
//! Tiles are equal and follow row by row. A pixel of an image is a square of `zoom` x `zoom` dots,
//! and `gap` dots separate neighbouring tiles:
//!
//! ```text
//! +--------+     +--------+
//! | tile 0 | gap | tile 1 |   each of width * zoom by height * zoom dots
//! +--------+     +--------+
//!    gap
//! +--------+
//! | tile 2 |
//! +--------+
//! ```

use png::{BitDepth, ColorType, Encoder, EncodingError};

use super::style::Color;
use crate::data::Shape;

/// The layout of a grid of images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// Height and width of an image, in pixels.
    pub(crate) shape: Shape,
    /// Tiles in a row, at least 1.
    pub(crate) across: usize,
    /// Dots of one pixel, in both directions.
    pub(crate) zoom: usize,
    /// Dots between neighbouring tiles.
    pub(crate) gap: usize,
}

impl Grid {
    /// Dots from a tile to the next one in its row and in its column.
    fn step(&self) -> (usize, usize) {
        let Shape { width, height } = self.shape;
        (width * self.zoom + self.gap, height * self.zoom + self.gap)
    }

    /// Width and height of a grid of `count` tiles in dots; it has at least one row.
    pub(crate) fn size(&self, count: usize) -> (usize, usize) {
        let (step_x, step_y) = self.step();
        let rows = count.div_ceil(self.across).max(1);
        (self.across * step_x - self.gap, rows * step_y - self.gap)
    }

    /// The first dot of a tile.
    pub(super) fn corner(&self, tile: usize) -> (usize, usize) {
        let (step_x, step_y) = self.step();
        (tile % self.across * step_x, tile / self.across * step_y)
    }
}

/// A whole factor that enlarges an image to about 56 dots, or a plain vector to about the width of
/// a page.
pub(crate) fn enlargement(shape: Shape) -> usize {
    if shape.height == 1 {
        (900 / shape.width).clamp(1, 12)
    } else {
        (56 / shape.width.max(shape.height)).max(1)
    }
}

/// The number of tiles in a row with which `count` tiles make a grid that is nearly square.
pub(crate) fn nearly_square(tile: Shape, count: usize) -> usize {
    let aspect = tile.height as f64 / tile.width as f64;
    ((count as f64 * aspect).sqrt().round() as usize).clamp(1, count.max(1))
}

/// Dots in rows: colours, or indices of a palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap<T> {
    /// Dots in a row.
    pub(crate) width: usize,
    /// The dots, `[height x width]`, row-major.
    pub(crate) dots: Vec<T>,
}

impl<T: Copy> Bitmap<T> {
    /// A bitmap of one value.
    pub(crate) fn new((width, height): (usize, usize), ground: T) -> Self {
        Self { width, dots: vec![ground; width * height] }
    }

    fn height(&self) -> usize {
        self.dots.len() / self.width.max(1)
    }

    /// Paints one tile of a grid that begins at the dot `at`; `value` gives each pixel of its
    /// image, by index.
    pub(crate) fn paint(
        &mut self,
        grid: &Grid,
        at: (usize, usize),
        tile: usize,
        value: impl Fn(usize) -> T,
    ) {
        let Grid { shape, zoom, .. } = *grid;
        let (left, top) = grid.corner(tile);
        for i in 0..shape.dim() {
            let x = at.0 + left + i % shape.width * zoom;
            let y = at.1 + top + i / shape.width * zoom;
            let value = value(i);
            for line in y..y + zoom {
                self.dots[line * self.width + x..][..zoom].fill(value);
            }
        }
    }

    fn encode(
        &self,
        data: &[u8],
        set: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
    ) -> Result<Vec<u8>, EncodingError> {
        let side = |dots: usize| u32::try_from(dots).map_err(|_| EncodingError::LimitsExceeded);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, side(self.width)?, side(self.height())?);
        set(&mut encoder);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(data)?;
        writer.finish()?;
        Ok(bytes)
    }
}

impl Bitmap<Color> {
    /// The PNG of three bytes a dot.
    pub(crate) fn png(&self) -> Result<Vec<u8>, EncodingError> {
        let data: Vec<u8> = self.dots.iter().flat_map(|&Color(r, g, b)| [r, g, b]).collect();
        self.encode(&data, |encoder| encoder.set_color(ColorType::Rgb))
    }
}

/// What stays clear in a PNG of a palette.
pub(crate) const CLEAR: u8 = 0;

impl Bitmap<u8> {
    /// The PNG of two bits a dot: `CLEAR`, or the number of one of `colors`, from 1.
    pub(crate) fn palette_png(&self, colors: [Color; 2]) -> Result<Vec<u8>, EncodingError> {
        let stride = self.width.div_ceil(4);
        let mut data = vec![0u8; stride * self.height()];
        for (i, index) in self.dots.iter().enumerate() {
            let (x, y) = (i % self.width, i / self.width);
            data[y * stride + x / 4] |= index << (6 - 2 * (x % 4));
        }
        // The colour under what is clear: white, for viewers that show it.
        let palette = [Color(0xFF, 0xFF, 0xFF), colors[0], colors[1]];
        self.encode(&data, |encoder| {
            encoder.set_color(ColorType::Indexed);
            encoder.set_depth(BitDepth::Two);
            encoder.set_palette(palette.map(|Color(r, g, b)| [r, g, b]).concat());
            encoder.set_trns(vec![0, 255, 255]);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_enlarged_and_set_apart() {
        let grid = Grid {
            shape: Shape { width: 2, height: 1 },
            across: 2,
            zoom: 2,
            gap: 1,
        };
        assert_eq!(grid.size(3), (9, 5));
        assert_eq!(grid.size(0), (9, 2));
        let mut bitmap = Bitmap::new(grid.size(3), '.');
        for (tile, text) in ["ab", "cd", "ef"].iter().enumerate() {
            bitmap.paint(&grid, (0, 0), tile, |i| char::from(text.as_bytes()[i]));
        }
        let lines: Vec<String> =
            bitmap.dots.chunks(bitmap.width).map(|line| line.iter().collect()).collect();
        assert_eq!(lines, ["aabb.ccdd", "aabb.ccdd", ".........", "eeff.....", "eeff....."]);
    }

    #[test]
    fn grids_are_as_square_as_their_tiles_allow() {
        let shape = |width, height| Shape { width, height };
        for (tile, count, across) in [
            (shape(28, 28), 100, 10),
            (shape(28, 28), 0, 1),
            (shape(56, 28), 8, 2),
            (shape(900, 1), 50, 1),
        ] {
            assert_eq!(nearly_square(tile, count), across, "{count} of {tile:?}");
        }
        assert_eq!([shape(28, 28), shape(100, 9), shape(10, 1)].map(enlargement), [2, 1, 12]);
    }
}
