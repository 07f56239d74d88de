//! Models as safetensors files for other programs: inputs and outputs are numbered by pixel.
//!
//! | tensor | shape | meaning |
//! |---|---|---|
//! | `hidden.L.weight`, `.bias`, `.condition` | (units, below), (units), as weight | layer L from 0; U if the model has it |
//! | `output.weight`, `.bias`, `.condition` | (D P, units), (D P), as weight | V, c, U of the output |
//! | `direct.weight` | (D P, C + D Q) or (D P, C) | A, from the classes and, if the model has them, the pixels |
//! | `ordering` | (D) | pixel at each position of the first scored mask's ordering |
//! | `degrees.L` | (units) | degrees of hidden layer L under the first scored mask |
//!
//! A pixel has Q inputs and P outputs, next to each other (see `output`); both are 1 for 0/1 pixels.
//! Inputs for the C classes come before those of the pixels, in a model that is told the class.
//!
//! `masks.npz` next to it has the last two arrays for every scored mask, with the mask as the first
//! axis.
//!
//! In a run with one mask, the weights that it closes are zero. In a run with several masks, no
//! mask is multiplied in: a weight that one mask closes is open in another.

use std::io::{self, Seek, Write};
use std::ops::Range;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::made::layout::ParamLayout;
use crate::made::masks::{MaskSet, Masks};
use crate::made::model::Made;
use crate::made::ordering::Ordering;
use crate::npy;

/// Reason why a file cannot be loaded as a model.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not a safetensors file, or a tensor is missing.
    #[error("the model file cannot be read: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// A tensor has another shape or type.
    #[error("`{name}` in the model file is not {rows} x {cols} 32-bit floats")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// Expected number of rows.
        rows: usize,
        /// Expected number of columns.
        cols: usize,
    },
    /// The file is too short for its parameters.
    #[error(
        "the model file of {bytes} bytes does not hold the {parameters} parameters that the run's settings ask for"
    )]
    Short {
        /// Length of the file, bytes.
        bytes: usize,
        /// Number of parameters of the configuration.
        parameters: u64,
    },
    /// The weights were trained under masks other than those that this program draws for the run.
    #[error(
        "the model file was written by another version of this program: its first mask is drawn otherwise now"
    )]
    Masks,
}

/// One tensor of a model: its range of the parameters, and how many of its rows and of its columns
/// belong to a pixel, if they belong to pixels.
struct Entry {
    name: String,
    range: Range<usize>,
    rows: usize,
    cols: usize,
    rows_per_pixel: Option<usize>,
    cols_per_pixel: Option<usize>,
    /// Number of columns for the classes, before those of the pixels.
    classes: usize,
}

fn entries(layout: &ParamLayout) -> Vec<Entry> {
    let last = layout.layers.len() - 1;
    let (inputs, outputs) = (layout.inputs_per_pixel(), layout.distribution.parameters());
    let mut entries = Vec::new();
    for (l, layer) in layout.layers.iter().enumerate() {
        let prefix = if l == last { "output".to_owned() } else { format!("hidden.{l}") };
        let mut entry = |kind: &str, range: &Range<usize>, cols: usize, cols_per_pixel| {
            entries.push(Entry {
                name: format!("{prefix}.{kind}"),
                range: range.clone(),
                rows: layer.n_out,
                cols,
                rows_per_pixel: (l == last).then_some(outputs),
                cols_per_pixel,
                classes: if cols_per_pixel.is_some() { layout.classes } else { 0 },
            });
        };
        let from_pixels = (l == 0 && last > 0).then_some(inputs);
        entry("weight", &layer.weight, layer.n_in, from_pixels);
        entry("bias", &layer.bias, 1, None);
        if let Some(condition) = &layer.condition {
            entry("condition", condition, layer.n_in, from_pixels);
        }
    }
    entries.extend(layout.direct.iter().map(|direct| Entry {
        name: "direct.weight".into(),
        range: direct.clone(),
        rows: layout.n_outputs(),
        cols: layout.n_direct(),
        rows_per_pixel: Some(outputs),
        cols_per_pixel: Some(inputs),
        classes: layout.classes,
    }));
    entries
}

impl Entry {
    /// Pairs of the index of a parameter and the index of the same element in the tensor.
    fn places<'a>(&'a self, pixels: &'a [u32]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let by_pixel = |per_pixel: Option<usize>, i: usize| {
            per_pixel.map_or(i, |units| pixels[i / units] as usize * units + i % units)
        };
        (0..self.rows).flat_map(move |r| {
            let row = by_pixel(self.rows_per_pixel, r) * self.cols;
            (0..self.cols).map(move |c| {
                let col = match c.checked_sub(self.classes) {
                    None => c,
                    Some(c) => self.classes + by_pixel(self.cols_per_pixel, c),
                };
                (self.range.start + r * self.cols + c, row + col)
            })
        })
    }
}

/// Number of classes that the model in a file is told, for a model that has this layout without
/// them.
pub fn n_classes(file: &[u8], without: &ParamLayout) -> Result<usize, FileError> {
    let file = SafeTensors::deserialize(file)?;
    let n_direct = file.tensor("direct.weight")?.shape().get(1).copied().unwrap_or(0);
    Ok(n_direct.saturating_sub(without.n_direct()))
}

/// Bytes of the file of a model; `scored` is the first scored mask, which the file describes.
pub fn save(made: &Made, scored: &MaskSet) -> Result<Vec<u8>, FileError> {
    let pixels = made.first_ordering().pixels();
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = made.read(|params| {
        let tensor = |entry: &Entry| {
            let mut values = vec![0f32; entry.range.len()];
            entry.places(pixels).for_each(|(from, to)| values[to] = params[from]);
            let vector = entry.name.ends_with("bias");
            let shape = if vector { vec![entry.rows] } else { vec![entry.rows, entry.cols] };
            (
                entry.name.clone(),
                Dtype::F32,
                shape,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )
        };
        entries(&made.network().layout).iter().map(tensor).collect()
    });
    let mut integers = |name: String, values: &[u32]| {
        tensors.push((
            name,
            Dtype::U32,
            vec![values.len()],
            values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ));
    };
    integers("ordering".into(), scored.ordering().pixels());
    for (l, degrees) in scored.degrees().iter().enumerate() {
        integers(format!("degrees.{l}"), degrees);
    }
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, dtype, shape, data)| Ok((name, TensorView::new(*dtype, shape.clone(), data)?)))
        .collect::<Result<_, safetensors::SafeTensorError>>();
    Ok(safetensors::serialize(views?, None)?)
}

/// Parameters from a file, in model order, for a model of this layout; `numbering` is the first
/// ordering of the run. The file must describe one of the masks in `expected`.
pub fn load(
    file: &[u8],
    layout: &ParamLayout,
    numbering: &Ordering,
    expected: &[MaskSet],
) -> Result<Vec<f32>, FileError> {
    let file = SafeTensors::deserialize(file)?;
    let holds = |name: &str, values: &[u32]| -> Result<bool, FileError> {
        Ok(file
            .tensor(name)?
            .data()
            .iter()
            .copied()
            .eq(values.iter().flat_map(|v| v.to_le_bytes())))
    };
    let describes = |mask: &MaskSet| -> Result<bool, FileError> {
        let mut same = holds("ordering", mask.ordering().pixels())?;
        for (l, degrees) in mask.degrees().iter().enumerate() {
            same &= holds(&format!("degrees.{l}"), degrees)?;
        }
        Ok(same)
    };
    if !expected.iter().map(describes).collect::<Result<Vec<_>, _>>()?.contains(&true) {
        return Err(FileError::Masks);
    }
    let pixels = numbering.pixels();
    let mut params = vec![0.0; layout.len];
    for entry in entries(layout) {
        let view = file.tensor(&entry.name)?;
        if view.dtype() != Dtype::F32 || view.data().len() != 4 * entry.range.len() {
            return Err(FileError::Tensor { name: entry.name, rows: entry.rows, cols: entry.cols });
        }
        let data = view.data();
        let value = |i: usize| {
            f32::from_le_bytes([data[4 * i], data[4 * i + 1], data[4 * i + 2], data[4 * i + 3]])
        };
        entry.places(pixels).for_each(|(to, from)| params[to] = value(from));
    }
    Ok(params)
}

/// Largest element in an archive of masks: the last pixel, or the highest degree.
fn largest(masks: &Masks) -> u32 {
    masks.dim().saturating_sub(1).max(1) as u32
}

/// Size of the elements of the first `count` scored masks in an archive, bytes.
pub fn masks_bytes(masks: &Masks, count: usize) -> u64 {
    let elements = masks.dim() + masks.widths().iter().sum::<usize>();
    (count as u64).saturating_mul((elements * npy::integer_bytes(largest(masks))) as u64)
}

/// Writes the first `count` scored masks as an `.npz` archive: `ordering` [count x D], the pixel at
/// each position, and `degrees.L` [count x n_units] of each hidden layer. Masks are drawn while
/// they are written, since there may be many.
pub fn save_masks<W: Write + Seek>(masks: &Masks, count: usize, out: W) -> io::Result<W> {
    let mut archive = npy::Archive::new(out);
    let each = || (0..count).map(|i| masks.evaluated(i));
    let orderings = each().map(|mask| mask.ordering().pixels().to_vec());
    archive.add_integers("ordering", [count, masks.dim()], largest(masks), orderings)?;
    for (l, &width) in masks.widths().iter().enumerate() {
        let degrees = each().map(|mask| mask.degrees()[l].clone());
        archive.add_integers(&format!("degrees.{l}"), [count, width], largest(masks), degrees)?;
    }
    archive.finish()
}
