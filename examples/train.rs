//! Trains one model on built-in data and prints its learning curve:
//! `cargo run --release --example train`.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::time::Duration;

use ablade::config::RunConfig;
use ablade::data::{Cache, Library};
use ablade::parallel::CancelToken;
use ablade::rng::Seed;
use ablade::trainer::{Control, Execution};
use ablade::trainers::made::metrics::MadeFacts;
use ablade::trainers::made::run::{MadeRun, execute};

fn main() -> anyhow::Result<()> {
    let mut config = RunConfig::default();
    (config.data.size, config.model.hidden, config.train.epochs) = (14, vec![100], 5);
    let data = Cache::new(Library::from_environment(None)).get(&config.data)?;
    let run = MadeRun { id: "example".into(), config, seed: Seed(1) };
    let control = Control {
        stop: CancelToken::default(),
        on_epoch: &mut |row| {
            println!("epoch {}: validation NLL {:.2} nats", row.epoch, row.values[1]);
        },
        resume: None,
        save: &mut |_| {},
        checkpoint_every: Duration::MAX,
    };
    if let Execution::Done(output) = execute(&run, &data, 2, control)? {
        let facts = MadeFacts::of(&output.summary.facts).expect("a run of MADE");
        println!("test NLL {:.2} nats", facts.test_nll_nats.unwrap_or(f64::NAN));
    }
    Ok(())
}
