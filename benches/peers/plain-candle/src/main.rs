//! MADE in candle as its users write it, candle as it ships:
//! `cargo run --release -- HIDDEN,HIDDEN OPTIMIZER EPOCHS IDX_FILE`.
//!
//! Masks are multiplied in at each pass, gradients are autograd's, loss and optimisers are
//! candle-nn's. One thread.

use std::io::Read;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::loss::binary_cross_entropy_with_logit;
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, VarBuilder, VarMap};

const IMAGES: usize = 10_000;
const DIM: usize = 784;

struct Layer {
    weight: Tensor,
    bias: Tensor,
    mask: Tensor,
}

impl Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&(&self.weight * &self.mask)?.t()?)?.broadcast_add(&self.bias)
    }
}

/// Trains, and prints the throughput per CPU second [images/s].
pub(crate) fn main() -> Result<()> {
    for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
        assert!(
            std::env::var(name).as_deref() == Ok("1"),
            "set {name}=1: candle is measured on one thread"
        );
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let argument =
        |i: usize, default: &str| arguments.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let hidden: Vec<usize> =
        argument(0, "500").split(',').map(|w| w.parse().expect("a width")).collect();
    let epochs: usize = argument(2, "1").parse().expect("a number of epochs");
    let pixels = arguments.get(3).map_or_else(noise, |path| idx(path));
    let (variables, device, mut random) = (VarMap::new(), Device::Cpu, Random(1));
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &device);
    let mut layers = Vec::new();
    let mut below: Vec<u64> = (1..=DIM as u64).collect();
    for l in 0..=hidden.len() {
        let last = l == hidden.len();
        let above: Vec<u64> = match hidden.get(l) {
            Some(&width) => (0..width).map(|_| 1 + random.below(DIM as u64 - 1)).collect(),
            None => (1..=DIM as u64).collect(),
        };
        let open = |a: u64, b: u64| if last { a > b } else { a >= b };
        let mask: Vec<f32> = above
            .iter()
            .flat_map(|&a| below.iter().map(move |&b| f32::from(open(a, b))))
            .collect();
        let init = candle_nn::Init::Uniform { lo: -0.05, up: 0.05 };
        layers.push(Layer {
            weight: builder.get_with_hints(
                (above.len(), below.len()),
                &format!("weight{l}"),
                init,
            )?,
            bias: builder.get_with_hints(
                above.len(),
                &format!("bias{l}"),
                candle_nn::Init::Const(0.0),
            )?,
            mask: Tensor::from_vec(mask, (above.len(), below.len()), &device)?,
        });
        below = above;
    }
    let sgd = argument(1, "adam") == "sgd";
    let mut plain = SGD::new(variables.all_vars(), 0.01)?;
    let mut adam = AdamW::new(
        variables.all_vars(),
        ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..Default::default() },
    )?;
    let mut used = 0.0;
    let mut order: Vec<u32> = (0..IMAGES as u32).collect();
    for i in (1..IMAGES).rev() {
        order.swap(i, random.below(i as u64 + 1) as usize);
    }
    let images = Tensor::from_vec(pixels, (IMAGES, DIM), &device)?;
    for epoch in 0..=epochs {
        // The first epoch warms up.
        used = if epoch == 1 { processor_seconds() } else { used };
        for batch in order.chunks(100) {
            let x = images.index_select(&Tensor::new(batch, &device)?, 0)?;
            let mut h = x.clone();
            for (l, layer) in layers.iter().enumerate() {
                h = layer.forward(&h)?;
                h = if l < hidden.len() { h.relu()? } else { h };
            }
            let loss = (binary_cross_entropy_with_logit(&h, &x)? * DIM as f64)?;
            if sgd { plain.backward_step(&loss)? } else { adam.backward_step(&loss)? }
        }
    }
    let rate = (epochs * IMAGES) as f64 / (processor_seconds() - used);
    println!(r#"{{"images_per_processor_second": {rate}}}"#);
    Ok(())
}

/// CPU time of this program [s], with a resolution of a hundredth of a second; 0 outside Linux.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn noise() -> Vec<f32> {
    let mut random = Random(2);
    (0..IMAGES * DIM).map(|_| f32::from(random.below(100) < 13)).collect()
}

/// Pseudo-random numbers from a multiplicative congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0xd129_0d3f_4d5c_8a35) | 1;
        (self.0 >> 33) % bound
    }
}

fn idx(path: &str) -> Vec<f32> {
    let file = std::fs::File::open(path).expect("an idx file");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
    bytes[16..16 + IMAGES * DIM].iter().map(|&p| f32::from(p > 127)).collect()
}
