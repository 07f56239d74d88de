//! Rasters on the page: cells, annotations, and the texts around them.

use super::WIDEST_NAME;
use super::canvas::{Canvas, Position, Stroke, Type};
use super::render::text_width;
use super::words::{fit, wrap};
use crate::figures::chart::{Anchor, Raster};
use crate::figures::style::{ACCENT, MUTED, SMALL, WHITE};

/// Draws a raster with everything around it, with its top left corner at `at`.
pub(super) fn draw(canvas: &Canvas, at: Position, raster: &Raster) {
    let origin = (at.0 + row_names_width(raster), at.1 + column_names_height(raster));
    let grid = Cells { raster, origin };
    grid.fill(canvas);
    for path in &raster.paths {
        let points: Vec<Position> = path.iter().map(|&(x, y)| grid.point(x, y)).collect();
        canvas.line(&points, Stroke { color: WHITE, alpha: 0.5, width: 1.9 });
        canvas.line(&points, Stroke { color: ACCENT, alpha: 1.0, width: 0.9 });
    }
    for &(x, y) in &raster.rings {
        let radius = (0.5 * raster.cell as f64).max(3.0);
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
    for (i, name) in raster.column_names.iter().enumerate() {
        let x = grid
            .point((i as f64 + 0.5) * raster.width as f64 / raster.column_names.len() as f64, 0.0)
            .0;
        canvas.text((x, origin.1 - 8.0), name, look.anchor(Anchor::Middle));
    }
    let below = origin.1 + picture(raster).1 + 9.0;
    for (i, line) in foot(raster).iter().enumerate() {
        canvas.text((origin.0, below + 15.0 * i as f64), line, look);
    }
}

/// Width and height including the texts around it.
pub(super) fn size(raster: &Raster) -> (f64, f64) {
    let (width, height) = picture(raster);
    let words = column_names_height(raster) + 15.0 * foot(raster).len() as f64;
    (width + row_names_width(raster), height + words)
}

/// Width and height of the cells alone.
fn picture(raster: &Raster) -> (f64, f64) {
    let extent = |cells: usize, tile: Option<usize>| {
        let tiles = tile.map_or(0, |span| (cells / span.max(1)).saturating_sub(1));
        (cells * (raster.cell + raster.gap) + tiles).saturating_sub(raster.gap) as f64
    };
    (
        extent(raster.width, raster.tile.map(|t| t.0)),
        extent(raster.height, raster.tile.map(|t| t.1)),
    )
}

fn foot(raster: &Raster) -> Vec<String> {
    wrap(
        &raster.foot,
        SMALL,
        false,
        (picture(raster).0 + row_names_width(raster)).max(150.0),
    )
}

fn row_names_width(raster: &Raster) -> f64 {
    let widest = raster
        .row_names
        .iter()
        .map(|n| text_width(n, SMALL, false).min(WIDEST_NAME))
        .fold(0.0, f64::max);
    if raster.row_names.is_empty() { 0.0 } else { widest + 8.0 }
}

fn column_names_height(raster: &Raster) -> f64 {
    if raster.column_names.is_empty() { 0.0 } else { 16.0 }
}

/// The cells of a raster on the page.
struct Cells<'a> {
    raster: &'a Raster,
    origin: Position,
}

impl Cells<'_> {
    /// A point given in cells.
    fn point(&self, x: f64, y: f64) -> Position {
        let raster = self.raster;
        let pitch = (raster.cell + raster.gap) as f64;
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
        let to = (last.0 + self.raster.cell as f64, last.1 + self.raster.cell as f64);
        canvas.rectangle(from, to, self.raster.colors[usize::from(class)]);
    }

    /// Draws class 0 as background, tile by tile; the other classes follow one by one, in runs
    /// along rows.
    fn fill(&self, canvas: &Canvas) {
        let raster = self.raster;
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
