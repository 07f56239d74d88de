//! Between model space, where parameters live, and sorted space, where a mask is a staircase.
//!
//! A run with one mask needs none of this: its two spaces agree and what the mask closes stays
//! zero. In a run that cycles through masks, scoring and sampling gather the weights of theirs;
//! training does it in the kernels' own way (see `grid`).

use std::ops::Range;

use crate::made::layout::Layout;
use crate::made::staircase::{Staircase, Stairs};

/// The masked matrices of a network, each with its staircase: hidden layers and output (and their
/// conditioning weights), then the direct connections.
pub fn matrices<'a>(
    layout: &'a Layout,
    masks: &'a Staircase,
) -> impl Iterator<Item = (Range<usize>, usize, &'a Stairs)> + 'a {
    let links = layout.links.iter().zip(&masks.links).flat_map(|(link, stairs)| {
        let weight = (link.weight.clone(), link.cols, stairs);
        std::iter::once(weight)
            .chain(link.condition.clone().map(|condition| (condition, link.cols, stairs)))
    });
    links.chain(
        layout
            .direct
            .clone()
            .zip(masks.direct.as_ref())
            .map(|(range, stairs)| (range, layout.dim, stairs)),
    )
}

/// The biases of a network, each with the staircase of its matrix.
pub fn biases<'a>(
    layout: &'a Layout,
    masks: &'a Staircase,
) -> impl Iterator<Item = (Range<usize>, &'a Stairs)> + 'a {
    layout
        .links
        .iter()
        .zip(&masks.links)
        .map(|(link, stairs)| (link.bias.clone(), stairs))
}

fn at(order: Option<&Vec<u32>>, i: usize) -> usize {
    order.map_or(i, |order| order[i] as usize)
}

/// Copies parameters into sorted space under `masks`; what the masks close becomes zero.
pub fn gather(layout: &Layout, masks: &Staircase, params: &[f32], out: &mut [f32]) {
    for (range, cols, stairs) in matrices(layout, masks) {
        let (params, out) = (&params[range.clone()], &mut out[range]);
        for (r, (row, &seen)) in out.chunks_exact_mut(cols.max(1)).zip(&stairs.prefix).enumerate() {
            let from = &params[at(stairs.rows.as_ref(), r) * cols..][..cols];
            let (open, closed) = row.split_at_mut(seen as usize);
            match &stairs.cols {
                None => open.copy_from_slice(&from[..open.len()]),
                Some(order) => {
                    for (to, &c) in open.iter_mut().zip(order) {
                        *to = from[c as usize];
                    }
                }
            }
            closed.fill(0.0);
        }
    }
    for (range, stairs) in biases(layout, masks) {
        let (params, out) = (&params[range.clone()], &mut out[range]);
        for (r, to) in out.iter_mut().enumerate() {
            *to = params[at(stairs.rows.as_ref(), r)];
        }
    }
}

/// Copies a gradient from sorted space back into model space; what the masks close becomes zero.
pub fn scatter(layout: &Layout, masks: &Staircase, grad: &[f32], out: &mut [f32]) {
    for (range, cols, stairs) in matrices(layout, masks) {
        let (grad, out) = (&grad[range.clone()], &mut out[range]);
        for (r, (row, &seen)) in grad.chunks_exact(cols.max(1)).zip(&stairs.prefix).enumerate() {
            let to = &mut out[at(stairs.rows.as_ref(), r) * cols..][..cols];
            to.fill(0.0);
            match &stairs.cols {
                None => to[..seen as usize].copy_from_slice(&row[..seen as usize]),
                Some(order) => {
                    for (&g, &c) in row[..seen as usize].iter().zip(order) {
                        to[c as usize] = g;
                    }
                }
            }
        }
    }
    for (range, stairs) in biases(layout, masks) {
        let (grad, out) = (&grad[range.clone()], &mut out[range]);
        for (r, &g) in grad.iter().enumerate() {
            out[at(stairs.rows.as_ref(), r)] = g;
        }
    }
}

/// Sets to zero what a mask that needs no sorting closes.
pub fn clear_masked(layout: &Layout, masks: &Staircase, params: &mut [f32]) {
    for (range, cols, stairs) in matrices(layout, masks) {
        for (row, &seen) in params[range].chunks_exact_mut(cols.max(1)).zip(&stairs.prefix) {
            row[seen as usize..].fill(0.0);
        }
    }
}
