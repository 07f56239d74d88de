//! Parameters between model order and the order that sorts the units of a mask set.
//!
//! In a run with one mask the two orders agree, and closed weights are always zero. In a run that
//! cycles through masks, sampling gathers the parameters of its mask here; training and scoring use
//! the kernels' packed layout (see `packed_layout`).

use std::ops::Range;

use crate::made::kernels::matrix::PrefixMask;
use crate::made::layout::ParamLayout;
use crate::made::sorted_masks::SortedMasks;

/// A matrix of parameters with its mask.
struct MaskedParams<'a> {
    range: Range<usize>,
    n_in: usize,
    mask: &'a PrefixMask,
}

/// All matrices of a network: per layer weights, conditioning weights and biases, then the direct
/// connections. Biases are a matrix with one input unit.
fn matrices<'a>(
    layout: &'a ParamLayout,
    masks: &'a SortedMasks,
) -> impl Iterator<Item = MaskedParams<'a>> {
    let layers = layout.layers.iter().zip(&masks.layers).flat_map(|(layer, mask)| {
        let weights = [Some(layer.weight.clone()), layer.condition.clone()];
        let weights = weights.into_iter().flatten();
        weights
            .map(|range| MaskedParams { range, n_in: layer.n_in, mask: &mask.weight })
            .chain([MaskedParams { range: layer.bias.clone(), n_in: 1, mask: &mask.bias }])
    });
    let direct = layout.direct.clone().zip(masks.direct.as_ref());
    layers.chain(direct.map(|(range, mask)| MaskedParams { range, n_in: layout.n_direct(), mask }))
}

/// Model index of sorted unit `i`.
fn model_index(order: Option<&Vec<u32>>, i: usize) -> usize {
    order.map_or(i, |order| order[i] as usize)
}

/// Copies parameters in model order into the order of `masks`; closed weights become zero.
pub(crate) fn gather(layout: &ParamLayout, masks: &SortedMasks, params: &[f32], out: &mut [f32]) {
    for MaskedParams { range, n_in, mask } in matrices(layout, masks) {
        let (params, out) = (&params[range.clone()], &mut out[range]);
        for (n, (row, &len)) in out.chunks_exact_mut(n_in.max(1)).zip(&mask.row_len).enumerate() {
            let from = &params[model_index(mask.out_order.as_ref(), n) * n_in..][..n_in];
            let (open, closed) = row.split_at_mut(len as usize);
            match &mask.in_order {
                None => open.copy_from_slice(&from[..open.len()]),
                Some(order) => {
                    for (to, &k) in open.iter_mut().zip(order) {
                        *to = from[k as usize];
                    }
                }
            }
            closed.fill(0.0);
        }
    }
}

/// Flag of each parameter [n_params], in model order: true if `masks` leave it open.
pub(crate) fn open_parameters(layout: &ParamLayout, masks: &SortedMasks) -> Vec<bool> {
    let mut open = vec![false; layout.len];
    for MaskedParams { range, n_in, mask } in matrices(layout, masks) {
        let open = &mut open[range];
        for (n, &len) in mask.row_len.iter().enumerate() {
            let row = &mut open[model_index(mask.out_order.as_ref(), n) * n_in..][..n_in];
            for k in 0..len as usize {
                row[model_index(mask.in_order.as_ref(), k)] = true;
            }
        }
    }
    open
}

/// Sets closed weights to zero, for masks whose units are sorted in model order.
pub(crate) fn clear_closed(layout: &ParamLayout, masks: &SortedMasks, params: &mut [f32]) {
    for MaskedParams { range, n_in, mask } in matrices(layout, masks) {
        for (row, &len) in params[range].chunks_exact_mut(n_in.max(1)).zip(&mask.row_len) {
            row[len as usize..].fill(0.0);
        }
    }
}
