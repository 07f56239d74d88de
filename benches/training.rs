//! Training throughput:
//! `cargo bench --bench training -- HIDDEN,HIDDEN OPTIMIZER MASKS THREADS EPOCHS IDX_FILE`.
//!
//! Prints the throughput [images/s] in wall and in CPU time as JSON, for the same work as a user's
//! `PyTorch` loop: batch 100, minibatches gathered from a shuffled set, loss summed, no evaluation.
//! Without a file, images are noise of MNIST's density.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

use std::io::Read;
use std::time::Instant;

use ablade::data::{Binarization, Dataset, Images, Origin, Shape};
use ablade::made::instruction_set;
use ablade::made::masks::Masks;
use ablade::made::model::Made;
use ablade::made::ordering::OrderingRule;
use ablade::made::{MaskCount, ModelConfig};
use ablade::parallel::ThreadPool;
use ablade::rng::{Purpose, Seed};
use ablade::train::trainer::{Event, TrainingLoop};
use ablade::train::{Optimizer, TrainConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IMAGES: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let argument =
        |i: usize, default: &str| arguments.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let hidden = argument(0, "500").split(',').map(|w| w.parse().expect("a width")).collect();
    let optimizer = match argument(1, "adam").as_str() {
        "sgd" => Optimizer::Sgd { lr: 0.01, momentum: 0.0 },
        "adagrad" => Optimizer::Adagrad { lr: 0.01, eps: 1e-6 },
        _ => Optimizer::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    };
    let masks = MaskCount::Cycle(argument(2, "1").parse().expect("a number of masks"));
    let threads: usize = argument(3, "1").parse().expect("a number of threads");
    let epochs: usize = argument(4, "2").parse().expect("a number of epochs");
    let images = arguments.get(5).map_or_else(noise, |path| idx(path));
    let one = Images::new(images.row(0), 784);
    let data = Dataset {
        name: "benchmark".into(),
        shape: Shape { width: 28, height: 28 },
        train: images,
        valid: one.clone(),
        test: one,
        levels: 2,
        binarization: Binarization::NoneNeeded,
        standardisation: None,
        left_out: vec![],
        origin: Origin::default(),
    };
    let model = ModelConfig {
        hidden,
        ordering: OrderingRule::Raster,
        masks,
        ..ModelConfig::default()
    };
    let seed = Seed(0);
    let masks = Masks::new(&model, data.shape, 1, seed);
    let made = Made::new(&model, data.shape, &masks, seed).expect("a model");
    let config = TrainConfig { optimizer, epochs: epochs + 1, ..TrainConfig::default() };
    let pool = ThreadPool::new(threads);
    let (rates, used) = pool.install(|| {
        let mut trainer = TrainingLoop::new(&made, &masks, &data, &config, seed, &pool);
        let (mut rates, mut start, mut used) = (Vec::new(), Instant::now(), 0.0);
        loop {
            match trainer.advance().expect("a step") {
                Event::Batch => {}
                Event::Epoch(_) => {
                    rates.push(IMAGES as f64 / start.elapsed().as_secs_f64());
                    // The first epoch warms up.
                    used = if rates.len() == 1 { processor_seconds() } else { used };
                    start = Instant::now();
                }
                _ => return (rates, processor_seconds() - used),
            }
        }
    });
    let mut timed = rates[1..].to_vec();
    timed.sort_by(f64::total_cmp);
    println!(
        r#"{{"images_per_second": {}, "images_per_processor_second": {}, "kernel": "{}"}}"#,
        timed[timed.len() / 2],
        (epochs * IMAGES) as f64 / used,
        instruction_set()
    );
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

fn noise() -> Images {
    let mut stream = Seed(1).stream(Purpose::Data, 0);
    Images::new(
        (0..IMAGES * 784).map(|_| u8::from(stream.uniform() < 0.13)).collect::<Vec<_>>(),
        784,
    )
}

fn idx(path: &str) -> Images {
    let file = std::fs::File::open(path).expect("an idx file");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
    Images::new(
        bytes[16..16 + IMAGES * 784]
            .iter()
            .map(|&p| u8::from(p > 127))
            .collect::<Vec<_>>(),
        784,
    )
}
