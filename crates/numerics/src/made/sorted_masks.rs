//! A mask set with its units sorted by degree, the form that the kernels read.
//!
//! Once units are sorted by degree, and inputs and outputs by position, every unit is connected to
//! a prefix of the layer below. A mask is then one length per unit (a [`PrefixMask`]) instead of a
//! matrix, and whole blocks of zeros can be skipped.

use crate::made::kernels::matrix::PrefixMask;
use crate::made::layout::ParamLayout;
use crate::made::masks::MaskSet;
use crate::made::ordering::Ordering;

/// Masks of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerMask {
    /// Mask of the weights, and of the conditioning weights.
    pub(crate) weight: PrefixMask,
    /// Mask of the biases: open, in the order of the output units.
    pub(crate) bias: PrefixMask,
}

/// All masks of a network with the orders that sort their units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortedMasks {
    /// Pixel at each position of the ordering [D].
    pub(crate) pixels: Vec<u32>,
    /// First input of each pixel [D].
    pub(crate) first_inputs: Vec<u32>,
    /// Hidden layers from the input up, then the output layer.
    pub(crate) layers: Vec<LayerMask>,
    /// Direct connections, if the mask set has them.
    pub(crate) direct: Option<PrefixMask>,
    /// Degrees of the units of each hidden layer, ascending.
    pub(crate) degrees: Vec<Vec<u32>>,
}

impl SortedMasks {
    /// Sorts the units of `masks`; `first` is the ordering of the run's first mask, which numbers
    /// inputs and outputs in model order.
    pub(crate) fn new(masks: &MaskSet, first: &Ordering, layout: &ParamLayout) -> Self {
        let dim = masks.ordering().dim();
        let (per_input, per_output, classes) = (
            layout.inputs_per_pixel() as u32,
            layout.distribution.parameters() as u32,
            layout.classes as u32,
        );
        let model_index = first.positions();
        let pixels = masks.ordering().pixels().to_vec();
        // Model index of each of the `units` units of every pixel, by position, behind `before`
        // others.
        let order = |before: u32, units: u32| {
            let of_pixel = |&pixel: &u32| {
                let first = before + model_index[pixel as usize] * units;
                first..first + units
            };
            unless_identity((0..before).chain(pixels.iter().flat_map(of_pixel)).collect())
        };
        let (input_order, output_order) = (order(classes, per_input), order(0, per_output));
        // Every position from 1, once for each of its units.
        let positions = |units: u32| {
            (1..=dim as u32).flat_map(move |position| std::iter::repeat_n(position, units as usize))
        };
        let mut layers = Vec::with_capacity(masks.degrees().len() + 1);
        let mut degrees = Vec::with_capacity(masks.degrees().len());
        let mut in_order = input_order.clone();
        let mut in_degrees: Vec<u32> =
            std::iter::repeat_n(0, layout.classes).chain(positions(per_input)).collect();
        for layer in masks.degrees() {
            let mut order: Vec<u32> = (0..layer.len() as u32).collect();
            order.sort_by_key(|&unit| (layer[unit as usize], unit));
            let sorted: Vec<u32> = order.iter().map(|&unit| layer[unit as usize]).collect();
            let out_order = unless_identity(order);
            let row_len = sorted
                .iter()
                .map(|&degree| in_degrees.partition_point(|&below| below <= degree) as u32)
                .collect();
            layers.push(LayerMask::new(PrefixMask::new(
                row_len,
                in_degrees.len(),
                in_order,
                out_order.clone(),
            )));
            in_order = out_order;
            in_degrees.clone_from(&sorted);
            degrees.push(sorted);
        }
        let has_hidden = !degrees.is_empty();
        let last = if has_hidden { &in_degrees[..] } else { &[] };
        let row_len = positions(per_output)
            .map(|position| last.partition_point(|&below| below < position) as u32)
            .collect();
        let in_order = if has_hidden { in_order } else { None };
        let output = PrefixMask::new(row_len, last.len(), in_order, output_order.clone());
        layers.push(LayerMask::new(output));
        let direct = layout.direct.as_ref().map(|_| {
            let (pixels, order) = if masks.skip() { (per_input, input_order) } else { (0, None) };
            let row_len = positions(per_output).map(|position| classes + (position - 1) * pixels);
            PrefixMask::new(row_len.collect(), layout.n_direct(), order, output_order)
        });
        Self {
            pixels,
            first_inputs: masks
                .ordering()
                .positions()
                .into_iter()
                .map(|position| classes + position * per_input)
                .collect(),
            layers,
            direct,
            degrees,
        }
    }
}

impl LayerMask {
    fn new(weight: PrefixMask) -> Self {
        Self { bias: weight.of_bias(), weight }
    }
}

/// The order, or `None` for the identity.
fn unless_identity(order: Vec<u32>) -> Option<Vec<u32>> {
    let is_identity = order.iter().zip(0..).all(|(&unit, i)| unit == i);
    (!is_identity).then_some(order)
}
