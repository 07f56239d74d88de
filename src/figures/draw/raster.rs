//! Rasters on the page: cells, annotations, and the texts around them.

use super::WIDEST_NAME;
use super::canvas::{Canvas, Position, Stroke, Type};
use super::render::text_width;
use super::words::{fit, longest_word, wrap};
use crate::figures::chart::{Anchor, Raster};
use crate::figures::style::{ACCENT, MUTED, SMALL, WHITE};

/// Height of a line of a name.
const LINE: f64 = 12.0;
/// Minimum side of a cell that is made smaller: a dot or two of a printer.
const LEAST: f64 = 0.6;

/// A raster with its cells at their size on the page.
#[derive(Clone, Copy)]
pub(super) struct SizedRaster<'a> {
    raster: &'a Raster,
    cell: f64,
}

impl<'a> SizedRaster<'a> {
    /// A raster whose cells are smaller by a factor: whole CSS pixels, as long as they have one.
    pub(super) fn new(raster: &'a Raster, shrink: f64) -> Self {
        let cell = raster.cell as f64 * shrink;
        let cell = if cell >= 1.0 { (cell + 1e-9).floor() } else { cell };
        Self { raster, cell }
    }

    /// True if cells are large enough to be seen, and the names of rows and columns have room.
    pub(super) fn is_legible(&self) -> bool {
        let raster = self.raster;
        let (across, down) = self.pitch();
        self.cell >= LEAST
            && (raster.row_names.is_empty() || down >= LINE)
            && (raster.column_names.is_empty() || across >= LINE)
    }

    /// Distances between the names of columns, and of rows.
    fn pitch(&self) -> (f64, f64) {
        let (width, height) = self.picture();
        let each = |extent: f64, names: &[String]| extent / names.len().max(1) as f64;
        (each(width, &self.raster.column_names), each(height, &self.raster.row_names))
    }

    /// Width and height including the texts around it, of which the foot takes at most `room`.
    pub(super) fn size(&self, room: Option<f64>) -> (f64, f64) {
        let (width, height) = self.picture();
        let words = self.heads().height + 15.0 * self.foot(room).len() as f64;
        (width + self.row_names_width(), height + words)
    }

    /// Width and height of the cells alone.
    fn picture(&self) -> (f64, f64) {
        let (raster, gap) = (self.raster, self.raster.gap as f64);
        let extent = |cells: usize, tile: Option<usize>| {
            let tiles = tile.map_or(0, |span| (cells / span.max(1)).saturating_sub(1));
            (cells as f64 * (self.cell + gap) + tiles as f64 - gap).max(0.0)
        };
        (
            extent(raster.width, raster.tile.map(|t| t.0)),
            extent(raster.height, raster.tile.map(|t| t.1)),
        )
    }

    fn foot(&self, room: Option<f64>) -> Vec<String> {
        let own = self.picture().0 + self.row_names_width();
        wrap(&self.raster.foot, SMALL, false, room.unwrap_or(own.max(150.0)))
    }

    fn row_names_width(&self) -> f64 {
        let names = &self.raster.row_names;
        let widths = names.iter().map(|n| text_width(n, SMALL, false).min(WIDEST_NAME));
        if names.is_empty() { 0.0 } else { widths.fold(0.0, f64::max) + 8.0 }
    }

    /// The names of columns: in one line, else in several, else turned.
    fn heads(&self) -> Heads {
        let names = &self.raster.column_names;
        let room = self.pitch().0 - 3.0;
        let widest = names.iter().map(|n| text_width(n, SMALL, false)).fold(0.0, f64::max);
        let longest = names.iter().map(|n| longest_word(n, SMALL, false)).fold(0.0, f64::max);
        let is_turned = longest > room;
        let lines: Vec<Vec<String>> = names
            .iter()
            .map(|name| {
                if is_turned || widest <= room {
                    vec![name.clone()]
                } else {
                    wrap(name, SMALL, false, room)
                }
            })
            .collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or(0) as f64;
        let height = match (names.is_empty(), is_turned) {
            (true, _) => 0.0,
            (_, true) => widest + 8.0,
            _ => LINE * most + 4.0,
        };
        Heads { lines, is_turned, height }
    }
}

/// Names of the columns of a raster.
struct Heads {
    /// Lines of each.
    lines: Vec<Vec<String>>,
    is_turned: bool,
    height: f64,
}

/// Draws a raster with everything around it, with its top left corner at `at`.
pub(super) fn draw(canvas: &Canvas, at: Position, sized: SizedRaster, room: Option<f64>) {
    let raster = sized.raster;
    let heads = sized.heads();
    let origin = (at.0 + sized.row_names_width(), at.1 + heads.height);
    let grid = Cells { sized, origin };
    grid.fill(canvas);
    for path in &raster.paths {
        let points: Vec<Position> = path.iter().map(|&(x, y)| grid.point(x, y)).collect();
        canvas.line(&points, Stroke { color: WHITE, alpha: 0.5, width: 1.9 });
        canvas.line(&points, Stroke { color: ACCENT, alpha: 1.0, width: 0.9 });
    }
    for &(x, y) in &raster.rings {
        let radius = (0.5 * sized.cell).max(3.0);
        let point = grid.point(x as f64 + 0.5, y as f64 + 0.5);
        canvas.ring(point, radius, Stroke { color: WHITE, alpha: 0.9, width: 3.2 });
        canvas.ring(point, radius, Stroke { color: ACCENT, alpha: 1.0, width: 1.6 });
    }
    let look = Type::new(SMALL, MUTED);
    for (i, name) in raster.row_names.iter().enumerate() {
        let y = grid
            .point(0.0, (i as f64 + 0.5) * raster.height as f64 / raster.row_names.len() as f64)
            .1;
        canvas.text(
            (origin.0 - 6.0, y),
            &fit(name, SMALL, false, WIDEST_NAME),
            look.anchor(Anchor::End),
        );
    }
    for (i, lines) in heads.lines.iter().enumerate() {
        let middle = (i as f64 + 0.5) * raster.width as f64 / heads.lines.len() as f64;
        let x = grid.point(middle, 0.0).0;
        if heads.is_turned {
            canvas.text((x, origin.1 - 4.0), &lines[0], Type { upright: false, ..look });
            continue;
        }
        for (line, up) in lines.iter().rev().zip(0u8..) {
            let y = origin.1 - 8.0 - LINE * f64::from(up);
            canvas.text((x, y), line, look.anchor(Anchor::Middle));
        }
    }
    let below = origin.1 + sized.picture().1 + 9.0;
    for (i, line) in sized.foot(room).iter().enumerate() {
        canvas.text((origin.0, below + 15.0 * i as f64), line, look);
    }
}

/// The cells of a raster on the page.
struct Cells<'a> {
    sized: SizedRaster<'a>,
    origin: Position,
}

impl Cells<'_> {
    /// A point given in cells.
    fn point(&self, x: f64, y: f64) -> Position {
        let raster = self.sized.raster;
        let pitch = self.sized.cell + raster.gap as f64;
        let (across, down) = raster.tile.unwrap_or((usize::MAX, usize::MAX));
        let tiles =
            |v: f64, span: usize| if span == usize::MAX { 0.0 } else { (v / span as f64).floor() };
        (
            self.origin.0 + x * pitch + tiles(x, across),
            self.origin.1 + y * pitch + tiles(y, down),
        )
    }

    fn rectangle(
        &self,
        canvas: &Canvas,
        (left, right): (usize, usize),
        (top, bottom): (usize, usize),
        class: u16,
    ) {
        let from = self.point(left as f64, top as f64);
        let last = self.point(right as f64 - 1.0, bottom as f64 - 1.0);
        let to = (last.0 + self.sized.cell, last.1 + self.sized.cell);
        canvas.rectangle(from, to, self.sized.raster.colors[usize::from(class)]);
    }

    /// Draws class 0 as background, tile by tile; the other classes follow one by one, in runs
    /// along rows.
    fn fill(&self, canvas: &Canvas) {
        let raster = self.sized.raster;
        let (across, down) = if raster.gap > 0 {
            (1, 1)
        } else {
            raster.tile.unwrap_or((raster.width.max(1), raster.height.max(1)))
        };
        for top in (0..raster.height).step_by(down) {
            for left in (0..raster.width).step_by(across) {
                self.rectangle(canvas, (left, left + across), (top, top + down), 0);
            }
        }
        let mut runs: Vec<(u16, usize, usize, usize)> = Vec::new();
        for (y, row) in raster.cells.chunks(raster.width.max(1)).enumerate() {
            let mut x = 0;
            while x < row.len() {
                let class = row[x];
                let tile_end = (x / across + 1) * across;
                let end = (x..row.len().min(tile_end))
                    .find(|&i| row[i] != class)
                    .unwrap_or(row.len().min(tile_end));
                if class > 0 {
                    runs.push((class, y, x, end));
                }
                x = end;
            }
        }
        runs.sort_by_key(|run| run.0);
        for (class, y, x, end) in runs {
            self.rectangle(canvas, (x, end), (y, y + 1), class);
        }
    }
}
