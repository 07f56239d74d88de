//! Charts as data: panels, axes, marks and texts, before anything is drawn.
//!
//! Every kind of figure produces a `Chart`; one painter (`layout`) draws charts. So the content of
//! a figure can be tested without looking at pixels.

use super::scale::ValueAxis;
use super::style::Color;

/// A whole figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Subject of the figure.
    pub title: String,
    /// Explanation of lines, bands and dots, of the better direction, and of what was cut off.
    pub subtitle: String,
    /// Explanation and main values as text, for captions and for readers who cannot see the
    /// picture.
    pub caption: String,
    /// Panels, row by row.
    pub panels: Vec<Panel>,
    /// Panels per row.
    pub columns: usize,
}

/// One panel of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Title; empty for a figure of one panel.
    pub title: String,
    /// Values that belong to the panel, next to the title, or below it if there is no room.
    pub note: String,
    /// Content.
    pub body: Body,
}

/// Content of a panel.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Marks between axes.
    Plane(Plane),
    /// Coloured cells.
    Raster(Raster),
    /// Text instead of a picture that cannot be drawn.
    Message(String),
}

/// Marks over two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Horizontal axis.
    pub x: ValueAxis,
    /// Vertical axis, upwards.
    pub y: ValueAxis,
    /// Marks, from back to front. Lines and bands may leave the axes and are clipped there; dots
    /// and texts may not.
    pub marks: Vec<Mark>,
    /// Labels to the right of the plane.
    pub ends: Vec<End>,
    /// Names of points, the most important first.
    pub names: Vec<PointName>,
    /// Headings of the labels' columns; as many as the longest `End::values`, or none.
    pub heads: Vec<String>,
    /// True if labels may be moved vertically to separate them (with a leader line); false if each
    /// belongs to a row.
    pub spread: bool,
    /// True if axes and grid are drawn.
    pub axes: bool,
    /// Width of the plane in CSS pixels, without axis and labels; absent: the width left on the
    /// page.
    pub width: Option<f64>,
    /// Height of the plane in CSS pixels.
    pub height: f64,
}

/// Name of a point of a plane. It is placed next to the point where it hides no mark, or further away
/// with a line to the point.
#[derive(Debug, Clone, PartialEq)]
pub struct PointName {
    /// The point.
    pub at: (f64, f64),
    /// Its name.
    pub text: String,
}

/// A mark on a plane, at values of its axes.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// Points.
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
        /// Colour.
        color: Color,
        /// Opacity.
        alpha: f64,
    },
    /// A dot.
    Dot {
        /// Position.
        at: (f64, f64),
        /// Form.
        form: Form,
        /// Colour.
        color: Color,
        /// Radius in CSS pixels.
        radius: f64,
        /// Offset downwards in CSS pixels, to separate equal values.
        nudge: f64,
    },
    /// An interval around an estimate, with caps at both ends that remain visible next to a dot, or an
    /// arrow head where it leaves the plane.
    Interval {
        /// Position of the estimate.
        at: (f64, f64),
        /// Both ends, along one axis.
        ends: (f64, f64),
        /// True if it is horizontal.
        across: bool,
        /// Colour.
        color: Color,
        /// Line width in CSS pixels.
        width: f64,
    },
    /// A text.
    Text {
        /// Position of its anchor.
        at: (f64, f64),
        /// Text.
        text: String,
        /// Anchor.
        anchor: Anchor,
        /// Offset to the right and downwards in CSS pixels.
        nudge: (f64, f64),
        /// Colour.
        color: Color,
        /// Size in CSS pixels.
        size: f64,
    },
}

/// Anchor of a text: the point at its position; vertically always the middle of the capitals.
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
    /// A square with a white edge: an estimate, as all forms down to `Down`.
    Square,
    /// A diamond.
    Diamond,
    /// A triangle that points upwards.
    Up,
    /// A triangle that points downwards.
    Down,
    /// A circle: a highlighted point.
    Ring,
    /// A cross: a run diverged here.
    Cross,
    /// A triangle at the border: the value is further left.
    Left,
    /// A triangle at the border: the value is further right.
    Right,
}

/// A label to the right of a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Value of the vertical axis to which it belongs.
    pub at: f64,
    /// Colour of its dot, none for a label without one.
    pub color: Option<Color>,
    /// Name, in bold; may be empty.
    pub name: String,
    /// Values, right-aligned in columns.
    pub values: Vec<String>,
}

/// Cells of equal size, each with the colour of its class, and annotations on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Side of a cell in CSS pixels: whole, so that no cell is blurred.
    pub cell: usize,
    /// Gap between cells, if cells are tiles.
    pub gap: usize,
    /// Colour of each class.
    pub colors: Vec<Color>,
    /// Class of each cell, row by row.
    pub cells: Vec<u16>,
    /// Size in cells of a tile of an image grid, with a white pixel between tiles; none for a plain
    /// raster.
    pub tile: Option<(usize, usize)>,
    /// Lines on the cells, in cells from the top left: x, y.
    pub paths: Vec<Vec<(f64, f64)>>,
    /// Rings around cells: column and row.
    pub rings: Vec<(usize, usize)>,
    /// Texts to the left of rows.
    pub row_names: Vec<String>,
    /// Texts above columns.
    pub column_names: Vec<String>,
    /// Text below the picture.
    pub foot: String,
}

impl Plane {
    /// Marks between two axes, without labels, as wide as the page allows.
    pub fn new(x: ValueAxis, y: ValueAxis, marks: Vec<Mark>, height: f64) -> Self {
        Self {
            x,
            y,
            marks,
            ends: Vec::new(),
            names: Vec::new(),
            heads: Vec::new(),
            spread: true,
            axes: true,
            width: None,
            height,
        }
    }

    /// True if an interval leaves its axis.
    pub fn cuts_an_interval(&self) -> bool {
        let leaves =
            |axis: &ValueAxis, (from, to): (f64, f64)| !(axis.holds(from) && axis.holds(to));
        self.marks.iter().any(|mark| match mark {
            Mark::Interval { ends, across: true, .. } => leaves(&self.x, *ends),
            Mark::Interval { ends, across: false, .. } => leaves(&self.y, *ends),
            _ => false,
        })
    }
}

impl Panel {
    /// A plane without title.
    pub fn plane(plane: Plane) -> Self {
        Self {
            title: String::new(),
            note: String::new(),
            body: Body::Plane(plane),
        }
    }
}

impl Raster {
    /// Raster of cells without annotations.
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
    /// Sentence on intervals that leave the axis of a panel, if there are any.
    pub fn cut_words(panels: &[Panel]) -> &'static str {
        let of = panels.iter().filter_map(|panel| match &panel.body {
            Body::Plane(plane) => Some(plane),
            Body::Raster(_) | Body::Message(_) => None,
        });
        let is_cut = of.into_iter().any(Plane::cuts_an_interval);
        if is_cut { " Arrow head: the bar continues beyond the axis." } else { "" }
    }

    /// Number of marks, their points, and cells of all panels.
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

    /// Figure that states in words why there is no picture.
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
