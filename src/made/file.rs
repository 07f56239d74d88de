//! Models as safetensors files, in terms that other programs understand: inputs and outputs by pixel.
//!
//! | tensor | shape | meaning |
//! |---|---|---|
//! | `hidden.L.weight`, `.bias`, `.condition` | (units, below), (units), as weight | layer L from 0; U where the model has it |
//! | `output.weight`, `.bias`, `.condition` | (D, units), (D), as weight | V, c, U of the output |
//! | `direct.weight` | (D, D) | A, where the model has it |
//! | `ordering` | (D) | pixel at each position of the first mask's ordering |
//! | `degrees.L` | (units) | degrees of hidden layer L under the first mask |
//!
//! Masks are not multiplied in: a run with several has weights that one mask closes and another opens.

use std::ops::Range;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::made::layout::Layout;
use crate::made::masks::MaskSet;
use crate::made::model::Made;

/// Why a file is not this model's.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not a safetensors file, or a tensor is missing.
    #[error("the model file cannot be read: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// A tensor of another shape or type.
    #[error("`{name}` in the model file is not {rows} x {cols} 32-bit floats")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// Rows that the configuration asks for.
        rows: usize,
        /// Columns that the configuration asks for.
        cols: usize,
    },
    /// The masks that its weights were trained under are not those of the run as this program draws them.
    #[error("the model file was written by another version of this program: its first mask is drawn otherwise now")]
    Masks,
}

/// One tensor of a model: its place in the flat array, and whether its rows or columns are pixels.
struct Entry {
    name: String,
    range: Range<usize>,
    rows: usize,
    cols: usize,
    pixel_rows: bool,
    pixel_cols: bool,
}

fn entries(layout: &Layout) -> Vec<Entry> {
    let last = layout.links.len() - 1;
    let mut entries = Vec::new();
    for (l, link) in layout.links.iter().enumerate() {
        let prefix = if l == last { "output".to_owned() } else { format!("hidden.{l}") };
        let mut entry = |kind: &str, range: &Range<usize>, cols: usize, pixel_cols: bool| {
            entries.push(Entry {
                name: format!("{prefix}.{kind}"),
                range: range.clone(),
                rows: link.rows,
                cols,
                pixel_rows: l == last,
                pixel_cols,
            });
        };
        let from_pixels = l == 0 && last > 0;
        entry("weight", &link.weight, link.cols, from_pixels);
        entry("bias", &link.bias, 1, false);
        if let Some(condition) = &link.condition {
            entry("condition", condition, link.cols, from_pixels);
        }
    }
    entries.extend(layout.direct.iter().map(|direct| Entry {
        name: "direct.weight".into(),
        range: direct.clone(),
        rows: layout.dim,
        cols: layout.dim,
        pixel_rows: true,
        pixel_cols: true,
    }));
    entries
}

impl Entry {
    /// Pairs of an index into the flat array and the index into the tensor that holds the same number.
    fn places<'a>(&'a self, pixels: &'a [u32]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let by_pixel = |pixel: bool, i: usize| if pixel { pixels[i] as usize } else { i };
        (0..self.rows).flat_map(move |r| {
            let row = by_pixel(self.pixel_rows, r) * self.cols;
            (0..self.cols).map(move |c| (self.range.start + r * self.cols + c, row + by_pixel(self.pixel_cols, c)))
        })
    }
}

/// The file of a model; `first` is its first mask.
pub fn save(made: &Made, first: &MaskSet) -> Result<Vec<u8>, FileError> {
    let pixels = made.first_ordering().pixels();
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = made.read(|params| {
        let tensor = |entry: &Entry| {
            let mut values = vec![0f32; entry.range.len()];
            entry.places(pixels).for_each(|(from, to)| values[to] = params[from]);
            let vector = entry.name.ends_with("bias");
            let shape = if vector { vec![entry.rows] } else { vec![entry.rows, entry.cols] };
            (entry.name.clone(), Dtype::F32, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
        };
        entries(&made.network().layout).iter().map(tensor).collect()
    });
    let mut integers = |name: String, values: &[u32]| {
        tensors.push((name, Dtype::U32, vec![values.len()], values.iter().flat_map(|v| v.to_le_bytes()).collect()));
    };
    integers("ordering".into(), pixels);
    for (l, degrees) in first.degrees().iter().enumerate() {
        integers(format!("degrees.{l}"), degrees);
    }
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, dtype, shape, data)| Ok((name, TensorView::new(*dtype, shape.clone(), data)?)))
        .collect::<Result<_, safetensors::SafeTensorError>>();
    Ok(safetensors::serialize(views?, None)?)
}

/// The flat parameters in a file, for a model of this layout whose first mask is `first`.
pub fn load(file: &[u8], layout: &Layout, first: &MaskSet) -> Result<Vec<f32>, FileError> {
    let file = SafeTensors::deserialize(file)?;
    let pixels = first.ordering().pixels();
    let mut integers = vec![("ordering".to_owned(), pixels)];
    integers.extend(first.degrees().iter().enumerate().map(|(l, degrees)| (format!("degrees.{l}"), &degrees[..])));
    for (name, values) in integers {
        if !file.tensor(&name)?.data().iter().eq(values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>().iter())
        {
            return Err(FileError::Masks);
        }
    }
    let mut params = vec![0.0; layout.len];
    for entry in entries(layout) {
        let view = file.tensor(&entry.name)?;
        if view.dtype() != Dtype::F32 || view.data().len() != 4 * entry.range.len() {
            return Err(FileError::Tensor { name: entry.name, rows: entry.rows, cols: entry.cols });
        }
        let data = view.data();
        let value = |i: usize| f32::from_le_bytes([data[4 * i], data[4 * i + 1], data[4 * i + 2], data[4 * i + 3]]);
        entry.places(pixels).for_each(|(to, from)| params[to] = value(from));
    }
    Ok(params)
}
