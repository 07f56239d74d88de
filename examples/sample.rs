//! Draws a digit from a trained run and prints it: `cargo run --release --example sample -- RUN`,
//! after a sweep.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use ablade::data::Shape;
use ablade::made::sample::{Drawing, draw};
use ablade::parallel::ThreadPool;
use ablade::plan::RunId;
use ablade::run::load_model;
use ablade::store::Store;

fn main() -> anyhow::Result<()> {
    let store = Store::open("results")?;
    let asked = std::env::args().nth(1).and_then(|id| RunId::parse(&id));
    let run = asked
        .or_else(|| store.published().ok()?.into_iter().next())
        .expect("a finished run in results/");
    let (spec, model) =
        (store.spec(&run)?, store.file(&run, "model.safetensors")?.expect("a model"));
    let side = store.record(&run)?.summary.expect("a summary").dim.isqrt();
    let (masks, made) = load_model(&spec, Shape { width: side, height: side }, &model)?;
    let drawing = Drawing { seed: spec.seed, temperature: 1.0, evidence: None };
    let drawn = draw(&made, &ThreadPool::new(1), &[masks.evaluated(0)], 1, drawing)?;
    for row in drawn.images.pixels().chunks(side) {
        println!(
            "{}",
            row.iter().map(|&bit| if bit == 1 { "##" } else { "  " }).collect::<String>()
        );
    }
    Ok(())
}
