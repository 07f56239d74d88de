//! From a study on disk to what a reader looks at: figures and one page.

mod canvas;
mod chart;
mod clip;
mod layout;
mod render;
mod scale;
mod style;
mod svg;
mod words;
