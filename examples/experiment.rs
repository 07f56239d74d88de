//! Runs an experiment file and prints its ablation tables:
//! `cargo run --release --example experiment -- FILE`.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::path::Path;
use std::sync::Arc;

use ablade::experiment::{Overrides, load};
use ablade::results::tables;
use ablade::runner::{Ready, Silent, Worker};
use ablade::store::Store;
use ablade::trainers::made::MadeTrainer;

fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "experiments/skip.toml".to_owned());
    let trainer = MadeTrainer::shared();
    let plan = load(Path::new(&file), &Overrides::default(), &*trainer)?.plan(&*trainer)?;
    let store = Store::open("results", trainer)?;
    store.save_plan(&plan)?;
    let mut worker = Worker::new(&plan, &store)?;
    let threads = worker.threads;
    worker.train(&Arc::default(), &Silent, |runs| {
        Ok::<_, anyhow::Error>(Ready::load(&plan, runs, &store, threads)?)
    })?;
    let (study, _) = tables::write_all(&store, &plan)?;
    for row in study.ablations().iter().flat_map(|ablation| &ablation.rows) {
        println!("{:<30} {}", row.label, row.conclusion());
    }
    Ok(())
}
