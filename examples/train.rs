//! Trains one model on built-in data and prints its learning curve:
//! `cargo run --release --example train`.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use ablade::config::RunConfig;
use ablade::data::{Cache, Library};
use ablade::record::EpochRow;
use ablade::rng::Seed;
use ablade::trainer::{Control, Execution};
use ablade::trainers::made::metrics::MadeFacts;
use ablade::trainers::made::run::{MadeRun, execute};

fn main() -> anyhow::Result<()> {
    let mut config = RunConfig::default();
    (config.data.size, config.model.hidden, config.train.epochs) = (14, vec![100], 5);
    let data = Cache::new(Library::from_environment(None)).get(&config.data)?;
    let run = MadeRun { id: "example".into(), config, seed: Seed(1) };
    let mut show = |row: &EpochRow| {
        println!("epoch {}: validation NLL {:.2} nats", row.epoch, row.values[1]);
    };
    let end = execute(&run, &data, 2, Control::new(&mut show, &mut drop))?;
    if let Execution::Done(output) = end {
        let facts = MadeFacts::of(&output.summary.facts).expect("a run of MADE");
        println!("test NLL {:.2} nats", facts.test_nll_nats.unwrap_or(f64::NAN));
    }
    Ok(())
}
