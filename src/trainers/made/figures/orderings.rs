//! Orderings on the grid: the position of each pixel, and the path through the pixels.

use crate::data::Shape;
use crate::made::ordering::Ordering;

use super::tiles;
use crate::figures::chart::{Body, Chart, Panel, Raster};
use crate::figures::style::sequential;

/// Colours of the sequential scale that a heat map uses.
const LEVELS: usize = 64;
/// Number of steps of the path that are drawn if it jumps too much to be followed completely.
const STEPS: usize = 12;

/// One named panel per ordering.
pub(crate) fn chart(orderings: &[(String, Ordering)], shape: Shape) -> Chart {
    if orderings.is_empty() {
        return Chart::message("Orderings", "No finished run says which orderings were used.");
    }
    if let Some(why) = tiles::too_large(shape) {
        return Chart::message("Orderings", format!("Not drawn: {why}."));
    }
    let panels = orderings.iter().map(|(name, ordering)| panel(name, ordering, shape)).collect();
    let names: Vec<&str> = orderings.iter().map(|(name, _)| name.as_str()).collect();
    Chart {
        title: "In which order pixels condition on each other".into(),
        subtitle: "Light: first, dark: last. Ring: the first pixel. Lines follow the ordering from neighbour to \
                   neighbour; where it only jumps, its first steps."
            .into(),
        caption: format!(
            "Heat maps of the position of every pixel in the ordering, on the {} by {} grid: {}.",
            shape.width,
            shape.height,
            names.join(", ")
        ),
        columns: panels_a_row(orderings.len()),
        panels,
    }
}

/// Pieces of a path between jumps, such as from the end of one row to the start of the next.
fn near_steps(path: &[(f64, f64)]) -> impl Iterator<Item = Vec<(f64, f64)>> {
    let near = |a: &(f64, f64), b: &(f64, f64)| (b.0 - a.0).hypot(b.1 - a.1) < 2.3;
    path.chunk_by(near).filter(|piece| piece.len() > 1).map(<[_]>::to_vec)
}

fn panels_a_row(count: usize) -> usize {
    if count <= 4 { count } else { count.div_ceil(count.div_ceil(4)) }
}

fn panel(name: &str, ordering: &Ordering, shape: Shape) -> Panel {
    let last = ordering.dim().saturating_sub(1).max(1);
    let class = |position: u32| (position as usize * (LEVELS - 1) / last) as u16;
    let cells = ordering.positions().into_iter().map(class).collect();
    let colors = (0..LEVELS)
        .map(|level| sequential(level as f64 / (LEVELS - 1) as f64))
        .collect();
    let side = (150 / shape.width.max(shape.height).max(1)).clamp(1, 24);
    let mut raster = Raster::new(shape.width, shape.height, side, colors, cells);

    let place = |pixel: u32| (pixel as usize % shape.width, pixel as usize / shape.width);
    let path: Vec<(f64, f64)> = ordering
        .pixels()
        .iter()
        .map(|&pixel| place(pixel))
        .map(|(x, y)| (x as f64 + 0.5, y as f64 + 0.5))
        .collect();
    let walked: f64 = path.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
    if walked < 2.5 * path.len() as f64 {
        raster.paths.extend(near_steps(&path));
    } else {
        raster.paths.push(path.into_iter().take(STEPS).collect());
    }
    raster.rings.extend(ordering.pixels().first().map(|&pixel| place(pixel)));
    Panel {
        title: name.into(),
        note: String::new(),
        body: Body::Raster(raster),
    }
}
