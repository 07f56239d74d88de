//! Grid: where each weight stands while the kernels work on it.
//!
//! Beside the flat array of `layout`, which other programs, files and candle see, each matrix has a
//! form of its own for the kernels: transposed, a row a unit below, in whole aligned lanes. Numbers
//! that fill up a row are zero and stay so. Where masks sort the units above anew again and again,
//! a matrix is kept in tiles: of every sixteen rows the columns, one behind the other, so that a
//! column is moved as one lane.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, WIDTH};
use crate::made::kernels::sheet::Sheet;
use crate::made::kernels::transpose;
use crate::made::kernels::vectorized::Level;
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
    #[cfg(test)]
    pub(super) fn at(&self, k: usize, n: usize) -> usize {
        if self.tiled {
            (k / WIDTH * self.sheet.cols + n) * WIDTH + k % WIDTH
        } else {
            k * self.sheet.stride() * WIDTH + n
        }
    }

    /// The part of the flat array that each lane of its tiles holds.
    fn parts(&self) -> impl Iterator<Item = Range<usize>> {
        let sheet = self.sheet;
        let tile = move |k: usize| (0..sheet.cols).map(move |n| transpose::part(sheet, k, n));
        (0..sheet.rows).step_by(WIDTH).flat_map(tile)
    }

    fn load(&self, from: &[f32], to: &mut [Lane]) {
        if !self.tiled {
            return transpose::load(Level::detect(), to, from, self.sheet);
        }
        for (lane, part) in to.iter_mut().zip(self.parts()) {
            lane.0[..part.len()].copy_from_slice(&from[part]);
        }
    }

    fn store(&self, from: &[Lane], to: &mut [f32]) {
        if !self.tiled {
            return transpose::store(Level::detect(), to, from, self.sheet);
        }
        for (lane, part) in from.iter().zip(self.parts()) {
            to[part.clone()].copy_from_slice(&lane.0[..part.len()]);
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
    /// The grid of a network: of one mask, or as it is kept for `many`, which sort the columns of
    /// the first matrix anew.
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
    fn matrices<'a>(
        &'a self,
        layout: &'a Layout,
    ) -> impl Iterator<Item = (Range<usize>, &'a Place)> {
        let links = layout.links.iter().zip(&self.links).flat_map(|(link, places)| {
            let condition = link.condition.clone().zip(places.condition.as_ref());
            [(link.weight.clone(), &places.weight), (link.bias.clone(), &places.bias)]
                .into_iter()
                .chain(condition)
        });
        links.chain(layout.direct.clone().zip(self.direct.as_ref()))
    }

    /// Takes parameters over from the flat array.
    pub fn load(&self, layout: &Layout, params: &[f32], lanes: &mut [Lane]) {
        for (range, place) in self.matrices(layout) {
            place.load(&params[range], &mut lanes[place.lanes.clone()]);
        }
    }

    /// Gives parameters back to the flat array.
    pub fn store(&self, layout: &Layout, lanes: &[Lane], params: &mut [f32]) {
        for (range, place) in self.matrices(layout) {
            place.store(&lanes[place.lanes.clone()], &mut params[range]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::lanes::flat;

    proptest! {
        /// In rows and in tiles every number comes to where it is looked for, and all return.
        #[test]
        fn a_place_holds_each_number_once(rows in 1usize..70, cols in 1usize..70, tiled: bool) {
            let place = Place::new(0, Sheet { rows, cols }, tiled);
            let numbers: Vec<f32> = (1..=rows * cols).map(|i| i as f32).collect();
            let mut lanes = vec![Lane::default(); place.lanes.len()];
            place.load(&numbers, &mut lanes);
            for (i, &number) in numbers.iter().enumerate() {
                prop_assert_eq!(flat(&lanes)[place.at(i % rows, i / rows)], number);
            }
            prop_assert_eq!(flat(&lanes).iter().filter(|number| **number != 0.0).count(), numbers.len());
            let mut back = vec![f32::NAN; numbers.len()];
            place.store(&lanes, &mut back);
            prop_assert_eq!(back, numbers);
        }
    }
}
