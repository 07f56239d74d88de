//! Grid: where each weight stands while the kernels work on it.
//!
//! Beside the flat array of `layout`, which other programs, files and candle see, each matrix has a form of its own for
//! the kernels: transposed, a row a unit below, in whole aligned lanes. Numbers that fill up a row are zero and stay so.
//! Where masks sort the units above anew again and again, a matrix is kept in tiles: of every sixteen rows the columns,
//! one behind the other, so that a column is moved as one lane.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, WIDTH, flat, flat_mut};
use crate::made::kernels::sheet::Sheet;
use crate::made::layout::Layout;

/// A matrix in the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its lanes.
    pub lanes: Range<usize>,
    /// Its size: a row a unit below, a column a unit above.
    pub sheet: Sheet,
    /// Whether it is in tiles.
    pub tiled: bool,
}

impl Place {
    /// A matrix whose first lane is `start`.
    pub(super) fn new(start: usize, sheet: Sheet, tiled: bool) -> Self {
        let size = if tiled { sheet.rows.div_ceil(WIDTH) * sheet.cols } else { sheet.size() };
        Self { lanes: start..start + size, sheet, tiled }
    }

    /// Where in its numbers that of row `k` and column `n` is.
    pub(super) fn at(&self, k: usize, n: usize) -> usize {
        if self.tiled {
            (k / WIDTH * self.sheet.cols + n) * WIDTH + k % WIDTH
        } else {
            k * self.sheet.stride() * WIDTH + n
        }
    }

    /// Every row and column, square by square, so that either order finds its numbers in a near cache.
    fn each(&self, mut work: impl FnMut(usize, usize)) {
        let Sheet { rows, cols } = self.sheet;
        for k in (0..rows).step_by(WIDTH) {
            for n in (0..cols).step_by(WIDTH) {
                for n in n..cols.min(n + WIDTH) {
                    (k..rows.min(k + WIDTH)).for_each(|k| work(k, n));
                }
            }
        }
    }
}

/// A masked matrix with its bias, as in `layout`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Weights.
    pub weight: Place,
    /// Biases: one row.
    pub bias: Place,
    /// Conditioning weights, where the model has them.
    pub condition: Option<Place>,
}

/// All parameters of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Hidden layers from the input up, then the output.
    pub links: Vec<Places>,
    /// Direct connections, where the model has them.
    pub direct: Option<Place>,
    /// Lanes in all.
    pub len: usize,
}

impl Grid {
    /// The grid of a network: of one mask, or as it is kept for `many`, which sort the columns of the first matrix anew.
    pub fn new(layout: &Layout, many: bool) -> Self {
        let mut len = 0;
        let mut place = |rows: usize, cols: usize, tiled: bool| {
            let place = Place::new(len, Sheet { rows, cols }, tiled);
            len = place.lanes.end;
            place
        };
        let links = layout
            .links
            .iter()
            .enumerate()
            .map(|(l, link)| Places {
                weight: place(link.cols, link.rows, many && l == 0),
                bias: place(1, link.rows, false),
                condition: link.condition.as_ref().map(|_| place(link.cols, link.rows, false)),
            })
            .collect();
        let direct = layout.direct.as_ref().map(|_| place(layout.dim, layout.dim, false));
        Self { links, direct, len }
    }

    /// Every matrix, biases among them: its range in the flat array, and its place here.
    fn matrices<'a>(&'a self, layout: &'a Layout) -> impl Iterator<Item = (Range<usize>, &'a Place)> {
        let links = layout.links.iter().zip(&self.links).flat_map(|(link, places)| {
            let condition = link.condition.clone().zip(places.condition.as_ref());
            [(link.weight.clone(), &places.weight), (link.bias.clone(), &places.bias)].into_iter().chain(condition)
        });
        links.chain(layout.direct.clone().zip(self.direct.as_ref()))
    }

    /// Takes parameters over from the flat array.
    pub fn load(&self, layout: &Layout, params: &[f32], lanes: &mut [Lane]) {
        for (range, place) in self.matrices(layout) {
            let (from, to) = (&params[range], flat_mut(&mut lanes[place.lanes.clone()]));
            let rows = place.sheet.rows;
            place.each(|k, n| to[place.at(k, n)] = from[n * rows + k]);
        }
    }

    /// Gives parameters back to the flat array.
    pub fn store(&self, layout: &Layout, lanes: &[Lane], params: &mut [f32]) {
        for (range, place) in self.matrices(layout) {
            let (from, to) = (flat(&lanes[place.lanes.clone()]), &mut params[range]);
            let rows = place.sheet.rows;
            place.each(|k, n| to[n * rows + k] = from[place.at(k, n)]);
        }
    }
}
