//! Grids of images as dots: one layout for all grids.
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

use std::collections::BTreeMap;

use crate::data::Shape;
use crate::figures::bitmap::Bitmap;

/// The layout of a grid of images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageGrid {
    /// Height and width of an image, in pixels.
    pub(crate) shape: Shape,
    /// Tiles in a row, at least 1.
    pub(crate) across: usize,
    /// Dots of one pixel, in both directions.
    pub(crate) zoom: usize,
    /// Dots between neighbouring tiles.
    pub(crate) gap: usize,
}

impl ImageGrid {
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
    pub(crate) fn corner(&self, tile: usize) -> (usize, usize) {
        let (step_x, step_y) = self.step();
        (tile % self.across * step_x, tile / self.across * step_y)
    }

    /// Paints one tile of the grid, which begins at the dot `at`; `value` gives each pixel of its
    /// image, by index.
    pub(crate) fn paint<T: Copy>(
        &self,
        bitmap: &mut Bitmap<T>,
        at: (usize, usize),
        tile: usize,
        value: impl Fn(usize) -> T,
    ) {
        let Self { shape, zoom, .. } = *self;
        let (left, top) = self.corner(tile);
        for i in 0..shape.dim() {
            let x = at.0 + left + i % shape.width * zoom;
            let y = at.1 + top + i / shape.width * zoom;
            let value = value(i);
            for line in y..y + zoom {
                bitmap.dots[line * bitmap.width + x..][..zoom].fill(value);
            }
        }
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

/// The number of tiles in a row, at most `most`, and the image on each tile, if there is one, where
/// the images of every class begin a row.
pub(crate) fn in_rows(classes: &[u16], most: usize) -> (usize, Vec<Option<usize>>) {
    let mut rows: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (i, &class) in classes.iter().enumerate() {
        rows.entry(class).or_default().push(i);
    }
    let longest = rows.values().map(Vec::len).max().unwrap_or(1);
    let across = longest.min(most).max(1);
    let padded = |own: Vec<usize>| {
        let count = own.len().next_multiple_of(across);
        (0..count).map(move |k| own.get(k).copied())
    };
    (across, rows.into_values().flat_map(padded).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_enlarged_and_set_apart() {
        let grid = ImageGrid {
            shape: Shape { width: 2, height: 1 },
            across: 2,
            zoom: 2,
            gap: 1,
        };
        assert_eq!(grid.size(3), (9, 5));
        assert_eq!(grid.size(0), (9, 2));
        let mut bitmap = Bitmap::new(grid.size(3), '.');
        for (tile, text) in ["ab", "cd", "ef"].iter().enumerate() {
            grid.paint(&mut bitmap, (0, 0), tile, |i| char::from(text.as_bytes()[i]));
        }
        let lines: Vec<String> =
            bitmap.dots.chunks(bitmap.width).map(|line| line.iter().collect()).collect();
        assert_eq!(lines, ["aabb.ccdd", "aabb.ccdd", ".........", "eeff.....", "eeff....."]);
    }

    #[test]
    fn every_class_begins_a_row() {
        let in_turn = [0, 1, 2, 0, 1];
        let (across, places) = in_rows(&in_turn, 50);
        assert_eq!(across, 2);
        assert_eq!(places, [Some(0), Some(3), Some(1), Some(4), Some(2), None]);
        let (across, places) = in_rows(&in_turn, 1);
        assert_eq!((across, places), (1, [0, 3, 1, 4, 2].map(Some).to_vec()));
        assert_eq!(in_rows(&[7; 3], 50), (3, [0, 1, 2].map(Some).to_vec()));
        assert_eq!(in_rows(&[7; 3], 2), (2, vec![Some(0), Some(1), Some(2), None]));
        assert_eq!(in_rows(&[], 50), (1, Vec::new()));
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
