//! The reference engine: the same network in candle, with masks multiplied in and gradients by
//! autograd.
//!
//! It is the oracle of the kernels' tests, and runs on devices other than the CPU and in any
//! precision. Images and logits are [n_images x D], by pixel; parameters are the flat tensor of
//! `layout`.

use candle_core::{DType, Device, Result, Tensor};

use crate::made::Activation;
use crate::made::layout::ParamLayout;
use crate::made::masks::MaskSet;
use crate::made::network::Network;
use crate::made::ordering::Ordering;

/// A network under one mask set, with its masks as tensors.
#[derive(Debug)]
pub struct Reference {
    network: Network,
    masks: Vec<Tensor>,
    direct: Option<Tensor>,
    to_model: Tensor,
    to_pixel: Tensor,
}

impl Reference {
    /// Converts masks to tensors; `first` is the ordering that numbers inputs in model order.
    pub fn new(
        network: &Network,
        masks: &MaskSet,
        first: &Ordering,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let pixels: Vec<usize> = first.pixels().iter().map(|&p| p as usize).collect();
        let last = masks.degrees().len();
        let all = masks.layers();
        let tensor = |mask: &[Vec<bool>], rows: bool, cols: bool| -> Result<Tensor> {
            let height = mask.len();
            let width = mask.first().map_or(0, Vec::len);
            let entry = |r: usize, c: usize| {
                let (r, c) = (if rows { pixels[r] } else { r }, if cols { pixels[c] } else { c });
                f32::from(mask[r][c])
            };
            let values: Vec<f32> = (0..height)
                .flat_map(|r| (0..width).map(move |c| (r, c)))
                .map(|(r, c)| entry(r, c))
                .collect();
            Tensor::from_vec(values, (height, width), device)?.to_dtype(dtype)
        };
        Ok(Self {
            network: network.clone(),
            masks: all
                .iter()
                .enumerate()
                .map(|(l, m)| tensor(m, l == last, l == 0 && last > 0))
                .collect::<Result<_>>()?,
            direct: masks.direct().map(|m| tensor(&m, true, true)).transpose()?,
            to_model: Tensor::new(first.pixels(), device)?,
            to_pixel: Tensor::new(first.positions(), device)?,
        })
    }

    /// Logits [n_images x D] of images `x` [n_images x D], both by pixel.
    pub fn logits(&self, params: &Tensor, x: &Tensor) -> Result<Tensor> {
        let ParamLayout { dim, layers, direct, .. } = &self.network.layout;
        let x = x.index_select(&self.to_model, 1)?;
        let part = |range: &std::ops::Range<usize>, rows: usize, cols: usize| {
            params.narrow(0, range.start, range.len())?.reshape((rows, cols))
        };
        let mut h = x.clone();
        for (l, (layer, mask)) in layers.iter().zip(&self.masks).enumerate() {
            let mut a =
                params.narrow(0, layer.bias.start, layer.n_out)?.reshape((1, layer.n_out))?;
            if layer.n_in > 0 {
                if let Some(condition) = &layer.condition {
                    let offset =
                        (part(condition, layer.n_out, layer.n_in)? * mask)?.sum_keepdim(1)?.t()?;
                    a = (a + offset)?;
                }
                let w = (part(&layer.weight, layer.n_out, layer.n_in)? * mask)?;
                a = h.matmul(&w.t()?)?.broadcast_add(&a)?;
            } else {
                a = a.broadcast_as((x.dim(0)?, layer.n_out))?;
            }
            h = if l + 1 < layers.len() { activate(self.network.activation, &a)? } else { a };
        }
        if let (Some(direct), Some(mask)) = (direct, &self.direct) {
            h = (h + x.matmul(&(part(direct, *dim, *dim)? * mask)?.t()?)?)?;
        }
        h.contiguous()?.index_select(&self.to_pixel, 1)
    }
}

fn activate(activation: Activation, a: &Tensor) -> Result<Tensor> {
    match activation {
        // Not candle's own, whose slope at zero is one: units are at exactly zero if an image
        // starts with zero pixels.
        Activation::Relu => a * a.gt(0.0)?.to_dtype(a.dtype())?,
        Activation::Softplus => softplus(a),
        Activation::Tanh => a.tanh(),
        Activation::Sigmoid => (a.neg()?.exp()? + 1.0)?.recip(),
        Activation::Softsign => a / (a.abs()? + 1.0)?,
    }
}

/// max(z, 0) + log(1 + exp(-|z|)), which neither overflows nor rounds small values to zero.
fn softplus(z: &Tensor) -> Result<Tensor> {
    z.relu()? + (z.abs()?.neg()?.exp()? + 1.0)?.log()?
}

/// Negative log-likelihood of each image, nats [n_images], from logits and images [n_images x D].
pub fn nll(logits: &Tensor, x: &Tensor) -> Result<Tensor> {
    (softplus(logits)? - (logits * x)?)?.sum(1)
}
