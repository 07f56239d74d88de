//! Masks as matrices, and as the network of open connections.
//!
//! Everything is computed from actual `MaskSet`s, of a small network under the rules of the study's
//! runs.

use super::named_mask::{NamedMask, names};
use crate::figures::chart::{Anchor, Body, Chart, Form, Mark, Panel, Plane, Raster};
use crate::figures::scale::ValueAxis;
use crate::figures::style::{ACCENT, AXIS, CONTEXT, Color, INK, SMALL, TILE, WHITE};
use crate::made::masks::MaskSet;

/// Masks of every layer as matrices, one row of panels per mask.
pub(crate) fn matrices(masks: &[NamedMask]) -> Chart {
    let columns = masks
        .iter()
        .map(|m| m.mask.degrees().len() + 2 + usize::from(m.mask.skip()))
        .max()
        .unwrap_or(1);
    let mut panels = Vec::new();
    for named in masks {
        let before = panels.len();
        panels.extend(matrix_panels(&named.mask));
        panels[before].title.clone_from(&named.name);
        let blank = || Panel {
            title: String::new(),
            note: String::new(),
            body: Body::Message(String::new()),
        };
        panels.resize_with(before + columns, blank);
    }
    Chart {
        title: "Masks of a small network under the rules of this study".into(),
        subtitle:
            "A filled cell is a weight that may differ from zero: its row's unit reads its column's. Numbers are \
                   degrees: for pixels the position in the ordering, for hidden units the most inputs they depend on. \
                   The last matrix shows which pixels each output sees over all paths."
                .into(),
        caption: format!(
            "Mask matrices of small networks, layer by layer, with the degrees of all units: {}.",
            names(masks)
        ),
        panels,
        columns,
    }
}

fn matrix_panels(mask: &MaskSet) -> Vec<Panel> {
    let inputs: Vec<String> =
        mask.ordering().positions().iter().map(|p| (p + 1).to_string()).collect();
    let mut below = inputs.clone();
    let layers = mask.layers();
    let mut panels = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let units = mask
            .degrees()
            .get(i)
            .map(|degrees| degrees.iter().map(u32::to_string).collect());
        let is_output = units.is_none();
        let above: Vec<String> = units.unwrap_or_else(|| inputs.clone());
        let note = match (i, is_output) {
            (_, true) if layers.len() == 1 => "no hidden layer".to_owned(),
            (0, _) => "pixels to hidden 1".to_owned(),
            (_, true) => format!("hidden {i} to outputs"),
            _ => format!("hidden {i} to hidden {}", i + 1),
        };
        if !(below.is_empty() || is_output && layers.len() == 1) {
            panels.push(matrix(note, layer, &above, &below, Color(0x2E, 0x7E, 0xBC)));
        }
        below = above;
    }
    if let Some(direct) = mask.direct() {
        panels.push(matrix("direct".into(), &direct, &inputs, &inputs, Color(0x00, 0x9E, 0x73)));
    }
    let sees = visibility_matrix(mask);
    panels.push(matrix("seen over all paths".into(), &sees, &inputs, &inputs, INK));
    panels
}

/// Matrix of the pixels that each output can see, `[output pixel][input pixel]`.
fn visibility_matrix(mask: &MaskSet) -> Vec<Vec<bool>> {
    let positions = mask.ordering().positions();
    let visible = mask.visible();
    let sees = |to: u32, from: u32| (from as usize) < visible[to as usize];
    positions
        .iter()
        .map(|&to| positions.iter().map(|&from| sees(to, from)).collect())
        .collect()
}

fn matrix(
    note: String,
    open: &[Vec<bool>],
    rows: &[String],
    columns: &[String],
    color: Color,
) -> Panel {
    let cells = open.iter().flatten().map(|&open| u16::from(open)).collect();
    let mut raster = Raster::new(columns.len(), rows.len(), 13, vec![TILE, color], cells);
    raster.gap = 1;
    raster.row_names = rows.to_vec();
    raster.column_names = columns.to_vec();
    Panel { title: String::new(), note, body: Body::Raster(raster) }
}

/// Open connections as a graph; the paths to one output are highlighted.
pub(crate) fn networks(masks: &[NamedMask]) -> Chart {
    let columns = masks.len().clamp(1, 3);
    Chart {
        title: "Networks that the masks leave".into(),
        subtitle:
            "From pixels (bottom) to outputs (top), numbered by degree. Coloured: every path into one output. It \
                   starts at pixels earlier in the ordering, and only there. Dashed: direct connections."
                .into(),
        caption: format!(
            "The connections of small masked autoencoders; no output has a path from its own pixel or a later one: {}.",
            names(masks)
        ),
        panels: masks.iter().map(|named| network(named, columns)).collect(),
        columns,
    }
}

fn network(named: &NamedMask, columns: usize) -> Panel {
    let mask = &named.mask;
    let dim = mask.ordering().dim();
    let pixel_degrees: Vec<u32> = mask.ordering().positions().iter().map(|p| p + 1).collect();
    let mut layers: Vec<Vec<u32>> = vec![pixel_degrees.clone()];
    layers.extend(mask.degrees().iter().cloned());
    layers.push(pixel_degrees);
    let widest = layers.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let at = |layer: usize, unit: usize| {
        let spacing = widest / layers[layer].len() as f64;
        ((unit as f64 + 0.5) * spacing - 0.5, layer as f64)
    };

    // Edges as (lower layer, lower unit, upper layer, upper unit).
    let mut edges = Vec::new();
    for (layer, weights) in mask.layers().iter().enumerate() {
        for (to, row) in weights.iter().enumerate() {
            edges.extend(
                (0..row.len())
                    .filter(|&from| row[from])
                    .map(|from| (layer, from, layer + 1, to)),
            );
        }
    }
    for (to, row) in mask.direct().unwrap_or_default().iter().enumerate() {
        edges.extend(
            (0..row.len())
                .filter(|&from| row[from])
                .map(|from| (0, from, layers.len() - 1, to)),
        );
    }
    let chosen = mask.ordering().pixels()[(2 * dim / 3).min(dim - 1)] as usize;
    let mut on_path: Vec<Vec<bool>> = layers.iter().map(|l| vec![false; l.len()]).collect();
    on_path[layers.len() - 1][chosen] = true;
    for top in (1..layers.len()).rev() {
        for &(low, from, _, to) in edges.iter().filter(|edge| edge.2 == top) {
            on_path[low][from] |= on_path[top][to];
        }
    }

    let mut marks = Vec::new();
    for lit in [false, true] {
        for &(low, from, high, to) in edges.iter().filter(|e| on_path[e.2][e.3] == lit) {
            marks.push(Mark::Line {
                points: vec![at(low, from), at(high, to)],
                color: if lit { ACCENT } else { CONTEXT },
                width: if lit { 1.4 } else { 0.8 },
                alpha: 1.0,
                dashed: high > low + 1,
            });
        }
    }
    for (layer, degrees) in layers.iter().enumerate() {
        for (unit, degree) in degrees.iter().enumerate() {
            let lit = on_path[layer][unit];
            let (at, color) = (at(layer, unit), if lit { ACCENT } else { AXIS });
            marks.push(Mark::Dot { at, form: Form::Disc, color, radius: 9.5, nudge: 0.0 });
            marks.push(Mark::Dot { at, form: Form::Disc, color: WHITE, radius: 7.2, nudge: 0.0 });
            let (text, anchor) = (degree.to_string(), Anchor::Middle);
            marks.push(Mark::Text { at, text, anchor, nudge: (0.0, 0.0), color: INK, size: SMALL });
        }
    }
    let top = layers.len() as f64 - 1.0;
    let blank =
        |lo: f64, hi: f64| ValueAxis { ticks: Vec::new(), ..ValueAxis::linear("", lo, hi, 1) };
    let width = (636.0 - 22.0 * (columns - 1) as f64) / columns as f64;
    let (x, y) = (blank(-0.5, widest - 0.5), blank(-0.25, top + 0.25));
    let plane = Plane {
        axes: false,
        width: Some(width.min(46.0 * widest)),
        ..Plane::new(x, y, marks, 62.0 * (top + 0.5))
    };
    let seen = mask.visible();
    let counts: Vec<String> = seen.iter().map(usize::to_string).collect();
    let note = format!("outputs see {} pixels", counts.join(", "));
    Panel { title: named.name.clone(), note, body: Body::Plane(plane) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::ordering::Ordering;

    fn mask(skip: bool) -> MaskSet {
        let ordering = Ordering::from_pixels(vec![1, 2, 0]).unwrap();
        MaskSet::new(ordering, vec![vec![1, 1, 2, 2], vec![1, 2, 2, 2]], skip)
    }

    #[test]
    fn the_matrix_of_paths_is_the_product_of_the_layers() {
        for skip in [false, true] {
            let mask = mask(skip);
            let mut paths: Vec<Vec<u64>> =
                (0..3).map(|i| (0..3).map(|j| u64::from(i == j)).collect()).collect();
            for layer in mask.layers() {
                let open = |row: &[bool], k: usize| u64::from(row[k]);
                paths = layer
                    .iter()
                    .map(|row| {
                        (0..3)
                            .map(|j| (0..row.len()).map(|k| open(row, k) * paths[k][j]).sum())
                            .collect()
                    })
                    .collect();
            }
            let direct = mask.direct().unwrap_or_else(|| vec![vec![false; 3]; 3]);
            let sees = visibility_matrix(&mask);
            for i in 0..3 {
                for j in 0..3 {
                    assert_eq!(
                        sees[i][j],
                        paths[i][j] > 0 || direct[i][j],
                        "output {i}, input {j}, skip {skip}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_lit_pixel_comes_at_or_after_its_output() {
        let named = NamedMask { name: "toy".into(), mask: mask(false) };
        let Body::Plane(plane) = network(&named, 1).body else {
            panic!("a graph is a plane")
        };
        let lit: Vec<(f64, f64)> = plane
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Dot { at, color: ACCENT, .. } => Some(*at),
                _ => None,
            })
            .collect();
        // Output of pixel 0 (third of the ordering) is chosen; it sees pixels 1 and 2, never
        // itself.
        let inputs = lit.iter().filter(|at| at.1 == 0.0).count();
        assert_eq!((inputs, lit.iter().filter(|at| at.1 == 3.0).count()), (2, 1));
    }
}
