//! Speed of sampling: `cargo bench --bench sampling -- HIDDEN,HIDDEN COUNT THREADS ROUNDS SKIP`.
//!
//! Prints, as JSON, the median seconds of drawing COUNT images of 28 x 28, and those of two
//! references on the same weights, measured in turn within every round: one masked forward pass of
//! as many images by the program's own kernels, and one dense pass as a tensor library does it (a
//! product, a bias and an activation per layer).

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

use std::time::Instant;

use ablade::data::Shape;
use ablade::made::evaluate::Scorer;
use ablade::made::instruction_set;
use ablade::made::masks::Masks;
use ablade::made::model::Made;
use ablade::made::ordering::OrderingRule;
use ablade::made::sample::{Drawing, draw};
use ablade::made::{MaskCount, ModelConfig};
use ablade::parallel::ThreadPool;
use ablade::rng::Seed;
use candle_core::{Device, Tensor};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    one_thread_a_kernel();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let argument =
        |i: usize, default: &str| arguments.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let hidden = argument(0, "500").split(',').map(|w| w.parse().expect("a width")).collect();
    let count: usize = argument(1, "100").parse().expect("a number of images");
    let threads: usize = argument(2, "1").parse().expect("a number of threads");
    let rounds: usize = argument(3, "30").parse().expect("a number of rounds");
    let skip = argument(4, "no") == "skip";

    let shape = Shape { width: 28, height: 28 };
    let model = ModelConfig {
        hidden,
        ordering: OrderingRule::Random,
        masks: MaskCount::Cycle(1),
        skip,
        ..ModelConfig::default()
    };
    let masks = Masks::new(&model, shape, 1, Seed(0));
    let made = Made::new(&model, shape, &masks, Seed(0)).expect("a model");
    let mask = masks.evaluated(0);
    let pool = ThreadPool::new(threads);
    let drawing = Drawing::new(Seed(1));
    let images = draw(&made, &pool, std::slice::from_ref(&mask), count, drawing)
        .expect("samples")
        .images;

    let mut scorer = Scorer::new(&made, &mask);
    let pixels = Tensor::from_iter(images.pixels().iter().map(|&x| f32::from(x)), &Device::Cpu)
        .expect("a tensor");
    let pixels = pixels.reshape((count, shape.dim())).expect("a matrix");
    let layers = dense(&made);

    let mut seconds = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        seconds[0].push(time(|| {
            draw(&made, &pool, std::slice::from_ref(&mask), count, drawing).expect("samples")
        }));
        seconds[1].push(time(|| scorer.nll(&pool, &images)));
        seconds[2].push(time(|| forward(&layers, &pixels).expect("a pass")));
    }
    let [sampling, masked, dense] = seconds.map(median);
    println!(
        r#"{{"sampling_s": {sampling:.6}, "masked_forward_s": {masked:.6}, "dense_forward_s": {dense:.6}, "count": {count}, "kernel": "{}"}}"#,
        instruction_set()
    );
}

/// Weights and biases of every layer as tensors.
fn dense(made: &Made) -> Vec<(Tensor, Tensor)> {
    let tensor = |part: &std::ops::Range<usize>, shape: (usize, usize)| {
        let part = made.parameters().narrow(0, part.start, part.len()).expect("a part");
        part.reshape(shape).expect("a matrix")
    };
    let layers = made.network().layout.layers.iter();
    layers
        .map(|l| {
            (
                tensor(&l.weight, (l.n_out, l.n_in)).t().expect("it"),
                tensor(&l.bias, (1, l.n_out)),
            )
        })
        .collect()
}

fn forward(layers: &[(Tensor, Tensor)], x: &Tensor) -> candle_core::Result<Tensor> {
    let mut h = x.clone();
    for (l, (weight, bias)) in layers.iter().enumerate() {
        h = h.matmul(weight)?.broadcast_add(bias)?;
        if l + 1 < layers.len() {
            h = h.relu()?;
        }
    }
    Ok(h)
}

fn time<R>(work: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    drop(result);
    seconds
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// As in the program's `main`: otherwise candle would divide a product between threads.
#[expect(
    unsafe_code,
    reason = "setting a variable is unsafe only while other threads run, and there are none yet"
)]
fn one_thread_a_kernel() {
    for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
        // SAFETY: first statement of the program, so no other thread can read the environment.
        unsafe { std::env::set_var(name, "1") };
    }
}
