//! The reference engine: the same network in candle, with masks multiplied in and gradients by
//! autograd.
//!
//! It is the oracle of the kernels' tests, and runs on devices other than the CPU and in any
//! precision. Images are [n_images x D] levels or real numbers, by pixel; parameters are the flat
//! tensor of `layout`.

use candle_core::{DType, Device, Result, Tensor};

use crate::made::Activation;
use crate::made::layout::ParamLayout;
use crate::made::masks::MaskSet;
use crate::made::network::Network;
use crate::made::ordering::Ordering;
use crate::made::output::{
    Distribution, Input, MIN_DEVIATION, MIN_LOG_SCALE, MOST_DEVIATIONS, MOST_LOG_SCALE,
};

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
        let layout = &network.layout;
        let (inputs, outputs) = (layout.inputs_per_pixel(), layout.distribution.parameters());
        let pixels = first.pixels();
        let last = masks.degrees().len();
        let all = masks.layers();
        // Of a mask by pixel, `rows` and `cols` units of each pixel, in model order.
        // Columns of pixels come behind those of the classes, which are open.
        let tensor =
            |mask: &[Vec<bool>], rows: Option<usize>, cols: Option<usize>| -> Result<Tensor> {
                let classes = if cols.is_some() { layout.classes } else { 0 };
                let height = mask.len() * rows.unwrap_or(1);
                let width = classes + mask.first().map_or(0, Vec::len) * cols.unwrap_or(1);
                let by_pixel = |per_pixel: Option<usize>, i: usize| {
                    per_pixel.map_or(i, |units| pixels[i / units] as usize)
                };
                let entry = |r: usize, c: usize| match c.checked_sub(classes) {
                    None => 1.0,
                    Some(c) => f32::from(mask[by_pixel(rows, r)][by_pixel(cols, c)]),
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
                .map(|(l, m)| {
                    tensor(
                        m,
                        (l == last).then_some(outputs),
                        (l == 0 && last > 0).then_some(inputs),
                    )
                })
                .collect::<Result<_>>()?,
            direct: match masks.direct() {
                Some(mask) => Some(tensor(&mask, Some(outputs), Some(inputs))?),
                None if layout.classes > 0 => {
                    Some(Tensor::ones((layout.n_outputs(), layout.classes), dtype, device)?)
                }
                None => None,
            },
            to_model: Tensor::new(first.pixels(), device)?,
            to_pixel: {
                let outputs = outputs as u32;
                let of_pixel = |position: u32| position * outputs..(position + 1) * outputs;
                let units = first.positions().into_iter().flat_map(of_pixel);
                Tensor::new(units.collect::<Vec<u32>>(), device)?
            },
        })
    }

    /// Inputs [n_images x n_inputs] of images `x` of these classes, in model order.
    fn inputs(&self, x: &Tensor, classes: impl Iterator<Item = Option<u16>>) -> Result<Tensor> {
        let ParamLayout { input, distribution, classes: n_classes, .. } = self.network.layout;
        let x = x.index_select(&self.to_model, 1)?;
        let pixels = match (input, distribution.levels()) {
            (_, None) => x.clone(),
            (Input::Scaled, Some(levels)) => (&x / (levels - 1) as f64)?,
            (Input::OneHot, Some(n_levels)) => {
                let levels: Vec<f32> = (1..n_levels).map(|l| l as f32).collect();
                let levels = Tensor::new(levels, x.device())?.to_dtype(x.dtype())?;
                let (images, dim) = x.dims2()?;
                let lit = x.unsqueeze(2)?.broadcast_eq(&levels.reshape((1, 1, ()))?)?;
                lit.to_dtype(x.dtype())?.reshape((images, dim * (n_levels - 1)))?
            }
        };
        if n_classes == 0 {
            return Ok(pixels);
        }
        let one_hot = |class: Option<u16>| {
            (0..n_classes).map(move |c| f32::from(class.is_some_and(|own| usize::from(own) == c)))
        };
        let lit: Vec<f32> = classes.take(x.dim(0)?).flat_map(one_hot).collect();
        let lit = Tensor::from_vec(lit, (x.dim(0)?, n_classes), x.device())?;
        Tensor::cat(&[lit.to_dtype(x.dtype())?, pixels], 1)
    }

    /// Parameters [n_images x D P] of the distributions of the pixels of images `x`, by pixel;
    /// logits, for 0/1 pixels. No class is given.
    pub fn logits(&self, params: &Tensor, x: &Tensor) -> Result<Tensor> {
        self.logits_given(params, x, std::iter::repeat(None))
    }

    /// The same of images of these classes.
    fn logits_given(
        &self,
        params: &Tensor,
        x: &Tensor,
        classes: impl Iterator<Item = Option<u16>>,
    ) -> Result<Tensor> {
        let ParamLayout { layers, direct, .. } = &self.network.layout;
        let x = self.inputs(x, classes)?;
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
            let (n_outputs, n_inputs) = mask.dims2()?;
            let x = x.narrow(1, 0, n_inputs)?;
            h = (h + x.matmul(&(part(direct, n_outputs, n_inputs)? * mask)?.t()?)?)?;
        }
        h.contiguous()?.index_select(&self.to_pixel, 1)
    }

    /// Negative log-likelihood of each of images `x`, nats [n_images].
    pub fn nll(&self, params: &Tensor, x: &Tensor) -> Result<Tensor> {
        self.nll_of(&self.logits(params, x)?, x)
    }

    /// The same of images of these classes, to a model that is told the class.
    pub fn nll_given(
        &self,
        params: &Tensor,
        x: &Tensor,
        classes: impl Iterator<Item = Option<u16>>,
    ) -> Result<Tensor> {
        self.nll_of(&self.logits_given(params, x, classes)?, x)
    }

    /// The same from parameters of the pixels' distributions [n_images x D P].
    pub fn nll_of(&self, logits: &Tensor, x: &Tensor) -> Result<Tensor> {
        let ParamLayout { dim, distribution, .. } = self.network.layout;
        let of_pixels = logits.reshape((x.dim(0)?, dim, distribution.parameters()))?;
        match distribution {
            Distribution::Bernoulli => nll(logits, x),
            Distribution::Categorical { .. } => {
                let index = x.to_dtype(DType::U32)?.unsqueeze(2)?;
                let own = of_pixels.contiguous()?.gather(&index, 2)?.squeeze(2)?;
                (log_sum_exp(&of_pixels)? - own)?.sum(1)
            }
            Distribution::LogisticMixture { levels, components } => {
                let part = |i: usize| of_pixels.narrow(2, i * components, components);
                let mass = log_mass(x, &part(1)?, &part(2)?, levels)?;
                let joint = log_sum_exp(&(part(0)? + mass)?)?;
                (log_sum_exp(&part(0)?)? - joint)?.sum(1)
            }
            Distribution::Gaussian => {
                let part = |i: usize| of_pixels.narrow(2, i, 1);
                log_density(x, &part(0)?, &part(1)?)?.squeeze(2)?.sum(1)?.neg()
            }
            Distribution::GaussianMixture { components } => {
                let part = |i: usize| of_pixels.narrow(2, i * components, components);
                let density = log_density(x, &part(1)?, &part(2)?)?;
                let joint = log_sum_exp(&(part(0)? + density)?)?;
                (log_sum_exp(&part(0)?)? - joint)?.sum(1)
            }
        }
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

/// log sum exp over the last dimension.
fn log_sum_exp(x: &Tensor) -> Result<Tensor> {
    let top = x.max_keepdim(candle_core::D::Minus1)?.detach();
    let sum = x.broadcast_sub(&top)?.exp()?.sum_keepdim(candle_core::D::Minus1)?;
    (sum.log()? + top)?.squeeze(candle_core::D::Minus1)
}

/// Logarithm of the mass of levels `x` [n_images x D] under logistics with these means and log
/// scales [n_images x D x M]: log(sigmoid(u) - sigmoid(l)) for the upper and the lower end of a
/// level, as the sum of log sigmoid(u), log sigmoid(-l) and log(1 - exp(l - u)).
fn log_mass(x: &Tensor, means: &Tensor, log_scales: &Tensor, levels: usize) -> Result<Tensor> {
    let half = 1.0 / (levels - 1) as f64;
    let x = x.unsqueeze(2)?;
    let place = ((&x * (2.0 * half))? - 1.0)?;
    let log_scales = log_scales.maximum(f64::from(MIN_LOG_SCALE))?;
    let inverse = log_scales.neg()?.exp()?;
    let centred = means.neg()?.broadcast_add(&place)?;
    let upper = ((&centred + half)? * &inverse)?;
    let lower = ((&centred - half)? * &inverse)?;
    let flag = |flag: Tensor| flag.to_dtype(means.dtype())?.broadcast_as(means.shape());
    let has_upper = flag(x.lt((levels - 1) as f64)?)?;
    let has_lower = flag(x.gt(0.0)?)?;
    let width = (&inverse * (2.0 * half))?;
    let log_width = log_one_minus_exp(&width)?;
    let inside = (&has_upper * &has_lower)?;
    (log_width * inside)?
        - ((softplus(&upper.neg()?)? * has_upper)? + (softplus(&lower)? * has_lower)?)?
}

/// Logarithm of the normal density at numbers `x` [n_images x D], with these means and log scales
/// [n_images x D x M].
fn log_density(x: &Tensor, means: &Tensor, log_scales: &Tensor) -> Result<Tensor> {
    let bound = f64::from(MOST_LOG_SCALE);
    let scales = log_scales.clamp(-bound, bound)?.exp()?;
    let deviations = (scales + f64::from(MIN_DEVIATION))?;
    // Numbers further from a mean count as at this distance, whose gradient is not zero.
    let reach = (&deviations * f64::from(MOST_DEVIATIONS))?.detach();
    let centres = means.detach();
    let nearest = x.unsqueeze(2)?.broadcast_maximum(&(&centres - &reach)?)?;
    let nearest = nearest.minimum(&(&centres + &reach)?)?;
    let z = ((nearest - means)? / &deviations)?;
    (z.sqr()? * -0.5)? - (deviations.log()? + 0.5 * std::f64::consts::TAU.ln())?
}

/// log(1 - exp(-w)) for w > 0: the logarithms of w and of (1 - exp(-w)) / w, which is a series where
/// the difference would be inaccurate.
fn log_one_minus_exp(w: &Tensor) -> Result<Tensor> {
    const TERMS: u32 = 9;
    let mut series = w.ones_like()?;
    for n in (2..=TERMS).rev() {
        series = (1.0 - ((w * series)? / f64::from(n))?)?;
    }
    let exact = ((1.0 - w.neg()?.exp()?)? / w)?;
    w.log()? + w.lt(0.1)?.where_cond(&series, &exact)?.log()?
}

/// Negative log-likelihood of each 0/1 image, nats [n_images], from logits and images [n_images x D].
fn nll(logits: &Tensor, x: &Tensor) -> Result<Tensor> {
    (softplus(logits)? - (logits * x)?)?.sum(1)
}
