//! Scoring throughput: `cargo bench --bench evaluation -- HIDDEN,HIDDEN THREADS`.
//!
//! Prints the throughput of exact likelihoods [images/s] as JSON, for images of MNIST's size and
//! density.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

use std::time::Instant;

use ablade::data::{Images, Shape};
use ablade::made::ModelConfig;
use ablade::made::evaluate::{mean, nll_single_mask};
use ablade::made::masks::Masks;
use ablade::made::model::Made;
use ablade::parallel::ThreadPool;
use ablade::rng::{Purpose, Seed};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IMAGES: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let argument =
        |i: usize, default: &str| arguments.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let hidden = argument(0, "500").split(',').map(|w| w.parse().expect("a width")).collect();
    let pool = ThreadPool::new(argument(1, "1").parse().expect("a number of threads"));
    let (model, shape, seed) = (
        ModelConfig { hidden, ..ModelConfig::default() },
        Shape { width: 28, height: 28 },
        Seed(0),
    );
    let masks = Masks::new(&model, shape, 1, seed);
    let made = Made::new(&model, shape, &masks, seed).expect("a model");
    let mut stream = Seed(1).stream(Purpose::Data, 0);
    let pixels: Vec<u8> =
        (0..IMAGES * shape.dim()).map(|_| u8::from(stream.uniform() < 0.13)).collect();
    let (images, mask) = (Images::new(pixels, shape.dim()), masks.evaluated(0));
    let mut rates: Vec<f64> = (0..10)
        .map(|_| {
            let start = Instant::now();
            assert!(
                mean(&nll_single_mask(&made, &pool, &mask, &images)).is_some_and(f64::is_finite)
            );
            IMAGES as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!(r#"{{"images_per_second": {}}}"#, rates[rates.len() / 2]);
}
