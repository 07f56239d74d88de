//! Runs an experiment file and prints its ablation tables:
//! `cargo run --release --example experiment -- FILE`.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::path::Path;
use std::sync::Arc;

use ablade::data::Library;
use ablade::experiment::Overrides;
use ablade::runner::Silent;
use ablade::session::{Interruption, LocalEnd, LocalOptions, run_local};
use ablade::trainers::made::MadeTrainer;
use ablade::trainers::made::earlier::load_experiment;

fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "experiments/skip.toml".to_owned());
    let trainer = Arc::new(MadeTrainer::new(Library::from_environment(None)));
    let overrides = Overrides::default();
    let mut loaded = load_experiment(Path::new(&file), &overrides, Path::new("results"), &trainer)?;
    loaded.check_tables(false)?;
    let options = LocalOptions::default();
    let end = run_local(&loaded, &options, &Interruption::default(), &Silent)?;
    let LocalEnd::Ended { results, .. } = end else {
        anyhow::bail!("the tables could not be written");
    };
    for row in results.ablations().iter().flat_map(|ablation| &ablation.rows) {
        println!("{:<30} {}", row.label, row.conclusion());
    }
    Ok(())
}
