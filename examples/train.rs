//! Trains one model on built-in data and prints its learning curve:
//! `cargo run --release --example train`.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::sync::Arc;
use std::time::Duration;

use ablade::config::RunConfig;
use ablade::data::{Cache, Library};
use ablade::parallel::CancelToken;
use ablade::plan::{ENGINE, RunId, RunSpec};
use ablade::rng::Seed;
use ablade::run::{Control, Outcome, execute};

fn main() -> anyhow::Result<()> {
    let mut config = RunConfig::default();
    (config.data.size, config.model.hidden, config.train.epochs) = (14, vec![100], 5);
    let cache = Cache::new(Library::from_environment(None));
    let (data, fingerprint, seed) =
        (cache.get(&config.data)?, cache.fingerprint(&config.data)?, Seed(1));
    let id = RunId::new(ENGINE, &config, &fingerprint, seed);
    let spec = RunSpec {
        id,
        seed,
        data: fingerprint,
        config: Arc::new(config),
        earlier: None,
    };
    let control = Control {
        stop: CancelToken::default(),
        on_epoch: &mut |row| {
            println!("epoch {}: validation NLL {:.2} nats", row.epoch, row.valid_nll_nats)
        },
        resume: None,
        save: &mut |_| {},
        checkpoint_every: Duration::MAX,
    };
    if let Outcome::Done(output) = execute(&spec, &data, 2, control)? {
        println!("test NLL {:.2} nats", output.summary.test_nll_nats.unwrap_or(f64::NAN));
    }
    Ok(())
}
