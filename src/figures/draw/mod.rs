//! Drawing of charts: the one painter of all figures.

mod canvas;
mod clip;
mod layout;
mod names;
mod pdf;
mod plane;
mod png;
mod raster;
mod render;
mod svg;
mod words;

pub use render::RenderedChart;

pub(crate) use layout::draw;
pub(crate) use names::is_long;
pub(crate) use render::{dots, small_png};
pub(crate) use svg::escape;

/// Maximum width of a name, which is shortened otherwise.
const WIDEST_NAME: f64 = 230.0;
