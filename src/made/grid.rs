//! Grid: where each weight stands while the kernels work on it.
//!
//! Beside the flat array of `layout`, which other programs, files and candle see, each matrix has a form of its own for
//! the kernels: transposed, a row a unit below, in whole aligned lanes. Numbers that fill up a row are zero and stay so.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, flat, flat_mut};
use crate::made::kernels::sheet::Sheet;
use crate::made::layout::Layout;
use crate::made::staircase::{Staircase, Stairs};

/// A matrix in the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its lanes.
    pub lanes: Range<usize>,
    /// Its size: a row a unit below, a column a unit above.
    pub sheet: Sheet,
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
    /// The grid of a network.
    pub fn new(layout: &Layout) -> Self {
        let mut len = 0;
        let mut place = |rows: usize, cols: usize| {
            let sheet = Sheet { rows, cols };
            len += sheet.size();
            Place { lanes: len - sheet.size()..len, sheet }
        };
        let links = layout
            .links
            .iter()
            .map(|link| Places {
                weight: place(link.cols, link.rows),
                bias: place(1, link.rows),
                condition: link.condition.as_ref().map(|_| place(link.cols, link.rows)),
            })
            .collect();
        let direct = layout.direct.as_ref().map(|_| place(layout.dim, layout.dim));
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
        for (range, place) in self.matrices(layout).filter(|(range, _)| !range.is_empty()) {
            let (from, to) = (&params[range], &mut lanes[place.lanes.clone()]);
            let Sheet { rows, cols } = place.sheet;
            for (k, row) in to.chunks_exact_mut(place.sheet.stride()).enumerate() {
                for (n, to) in flat_mut(row)[..cols].iter_mut().enumerate() {
                    *to = from[n * rows + k];
                }
            }
        }
    }

    /// Gives parameters back to the flat array.
    pub fn store(&self, layout: &Layout, lanes: &[Lane], params: &mut [f32]) {
        for (range, place) in self.matrices(layout).filter(|(range, _)| !range.is_empty()) {
            let (from, to) = (&lanes[place.lanes.clone()], &mut params[range]);
            let Sheet { rows, cols } = place.sheet;
            for (k, row) in from.chunks_exact(place.sheet.stride()).enumerate() {
                for (n, &from) in flat(row)[..cols].iter().enumerate() {
                    to[n * rows + k] = from;
                }
            }
        }
    }

    /// Every matrix but the biases, with its staircase.
    pub fn masked<'a>(&'a self, masks: &'a Staircase) -> impl Iterator<Item = (&'a Place, &'a Stairs)> {
        let links = self
            .links
            .iter()
            .zip(&masks.links)
            .flat_map(|(places, stairs)| [Some(&places.weight), places.condition.as_ref()].map(|place| (place, stairs)))
            .filter_map(|(place, stairs)| Some((place?, stairs)));
        links.chain(self.direct.as_ref().zip(masks.direct.as_ref()))
    }

    /// Every bias, with the staircase of its matrix.
    pub fn biases<'a>(&'a self, masks: &'a Staircase) -> impl Iterator<Item = (&'a Place, &'a Stairs)> {
        self.links.iter().zip(&masks.links).map(|(places, stairs)| (&places.bias, stairs))
    }
}
