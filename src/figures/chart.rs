//! A figure as data: panels, axes, marks and words, before anything is drawn.
//!
//! Every kind of figure ends as a `Chart`; one painter (`layout`) turns charts into pictures. So
//! what a figure claims can be tested without looking at pixels.

use super::scale::Axis;
use super::style::Color;

/// A whole figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What is shown.
    pub title: String,
    /// What lines, bands and dots mean, which way is better, what was cut.
    pub subtitle: String,
    /// The same and the main numbers in words, for captions and for readers who cannot see the
    /// picture.
    pub caption: String,
    /// Panels, row by row.
    pub panels: Vec<Panel>,
    /// Panels a row.
    pub columns: usize,
}

/// One panel of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Its title; empty for a figure of one panel.
    pub title: String,
    /// Beside the title, or below it where there is no room: numbers that belong to the panel.
    pub note: String,
    /// What it shows.
    pub body: Body,
}

/// Content of a panel.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Marks between axes.
    Plane(Plane),
    /// Coloured cells.
    Raster(Raster),
    /// Words in the place of a picture that cannot be drawn.
    Message(String),
}

/// Marks over two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis, upwards.
    pub y: Axis,
    /// Marks, the first drawn at the back. Lines and bands may leave the axes and are cut there;
    /// dots and words may not.
    pub marks: Vec<Mark>,
    /// Labels right of the plane.
    pub ends: Vec<End>,
    /// Heads of the labels' columns; as many as the longest `End::values`, or none.
    pub heads: Vec<String>,
    /// True if labels may move up and down to keep apart (with a leader line), or belong to a row.
    pub spread: bool,
    /// True if axes and grid are drawn.
    pub axes: bool,
    /// Width of the plane in CSS pixels, axis and labels excluded; absent: what the page leaves.
    pub width: Option<f64>,
    /// Height of the plane in CSS pixels.
    pub height: f64,
}

/// One thing drawn on a plane, at values of its axes.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// Its points.
        points: Vec<(f64, f64)>,
        /// Its colour.
        color: Color,
        /// Its width in CSS pixels.
        width: f64,
        /// Opacity.
        alpha: f64,
        /// True if it is dashed.
        dashed: bool,
    },
    /// A region between a low and a high value at each x.
    Band {
        /// x, low, high.
        points: Vec<(f64, f64, f64)>,
        /// Its colour.
        color: Color,
        /// Opacity.
        alpha: f64,
    },
    /// A dot.
    Dot {
        /// Where.
        at: (f64, f64),
        /// Its form.
        form: Form,
        /// Its colour.
        color: Color,
        /// Its radius in CSS pixels.
        radius: f64,
        /// Moved by this many CSS pixels downwards, to keep equal values apart.
        nudge: f64,
    },
    /// An interval around an estimate, with a cap at either end that stays visible beside a dot.
    Interval {
        /// The estimate: where the interval lies.
        at: (f64, f64),
        /// From where to where, along one axis.
        ends: (f64, f64),
        /// True if it runs along the horizontal axis.
        across: bool,
        /// Its colour.
        color: Color,
        /// Width of its line in CSS pixels.
        width: f64,
    },
    /// Words.
    Text {
        /// Where.
        at: (f64, f64),
        /// The words.
        text: String,
        /// Which of their points is there.
        anchor: Anchor,
        /// Moved by this many CSS pixels to the right and downwards.
        nudge: (f64, f64),
        /// Colour.
        color: Color,
        /// Size in CSS pixels.
        size: f64,
    },
}

/// Which point of a text is given; vertically always the middle of its capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// Form of a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A disc with a white edge: an estimate.
    Disc,
    /// A small half-transparent disc: one seed.
    Seed,
    /// A circle: a point of note.
    Ring,
    /// A cross: here a run stopped being finite.
    Cross,
    /// A triangle at the border: the value lies further left.
    Left,
    /// A triangle at the border: the value lies further right.
    Right,
}

/// A label right of a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Value of the vertical axis it belongs to.
    pub at: f64,
    /// Colour of its dot, none for a label without one.
    pub color: Option<Color>,
    /// Name, in bold; may be empty.
    pub name: String,
    /// Numbers, right-aligned in columns.
    pub values: Vec<String>,
}

/// Cells of equal size, each with the colour of its class, and what lies over them.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Side of a cell in CSS pixels: whole, so that no cell is blurred.
    pub cell: usize,
    /// Gap between cells: for cells that are tiles.
    pub gap: usize,
    /// Colour of each class.
    pub colors: Vec<Color>,
    /// Class of each cell, row by row.
    pub cells: Vec<u16>,
    /// A tile of an image grid spans this many cells, with a white pixel between tiles; none for a
    /// plain raster.
    pub tile: Option<(usize, usize)>,
    /// Lines over the cells, in cells from the top left: x, y.
    pub paths: Vec<Vec<(f64, f64)>>,
    /// Rings over cells: a cell's column and row.
    pub rings: Vec<(usize, usize)>,
    /// Words at the left of rows.
    pub row_names: Vec<String>,
    /// Words above columns.
    pub column_names: Vec<String>,
    /// Words below the picture.
    pub foot: String,
}

impl Raster {
    /// A raster of cells without anything over them.
    pub fn new(
        width: usize,
        height: usize,
        cell: usize,
        colors: Vec<Color>,
        cells: Vec<u16>,
    ) -> Self {
        debug_assert_eq!(cells.len(), width * height);
        Self {
            width,
            height,
            cell,
            gap: 0,
            colors,
            cells,
            tile: None,
            paths: Vec::new(),
            rings: Vec::new(),
            row_names: Vec::new(),
            column_names: Vec::new(),
            foot: String::new(),
        }
    }
}

impl Chart {
    /// Marks, their points, and cells of all panels.
    pub fn marks(&self) -> usize {
        let points = |mark: &Mark| match mark {
            Mark::Line { points, .. } => points.len(),
            Mark::Band { points, .. } => points.len(),
            _ => 1,
        };
        let of = |panel: &Panel| match &panel.body {
            Body::Plane(plane) => plane.marks.iter().map(points).sum(),
            Body::Raster(raster) => raster.cells.len(),
            Body::Message(_) => 0,
        };
        self.panels.iter().map(of).sum()
    }

    /// A figure that says in words why there is no picture.
    pub fn message(title: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let body = Body::Message(message.clone());
        Self {
            title: title.into(),
            subtitle: String::new(),
            caption: message,
            panels: vec![Panel { title: String::new(), note: String::new(), body }],
            columns: 1,
        }
    }
}
