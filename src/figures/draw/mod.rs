//! Drawing of charts: the one painter of all figures.

mod canvas;
mod clip;
mod font;
mod layout;
mod names;
mod paper;
mod pdf;
mod plane;
mod png;
mod raster;
mod render;
mod svg;
mod words;

pub use paper::Paper;

pub(crate) use layout::{Unfit, draw};
pub(crate) use names::is_long;
pub(crate) use render::{DrawnChart, dots};
pub(crate) use svg::escape;

/// Maximum width of a name, which is shortened otherwise.
const WIDEST_NAME: f64 = 230.0;

/// Arrangement of the names and labels of planes, from the widest to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrangement {
    /// Names to the left of rows, labels to the right of a plane.
    Wide,
    /// The same, with names in two short lines.
    Narrow,
    /// Names above rows, labels below a plane.
    Stacked,
}

impl Arrangement {
    const ALL: [Self; 3] = [Self::Wide, Self::Narrow, Self::Stacked];

    /// Maximum width of a name to the left of its row.
    fn widest_name(self) -> f64 {
        if self == Self::Narrow { 120.0 } else { WIDEST_NAME }
    }
}
