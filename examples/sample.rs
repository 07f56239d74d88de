//! Draws a digit from a trained run and prints it: `cargo run --release --example sample -- RUN`,
//! after a sweep.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use ablade::data::Shape;
use ablade::made::sample::{Drawing, draw};
use ablade::parallel::ThreadPool;
use ablade::plan::RunId;
use ablade::store::Store;
use ablade::trainers::made::MadeTrainer;
use ablade::trainers::made::metrics::MadeFacts;
use ablade::trainers::made::run::{MadeRun, load_model};

fn main() -> anyhow::Result<()> {
    let store = Store::open("results", MadeTrainer::shared())?;
    let asked = std::env::args().nth(1).and_then(|id| RunId::parse(&id));
    let run = asked
        .or_else(|| store.published().ok()?.into_iter().next())
        .expect("a finished run in results/");
    let (spec, model) =
        (store.spec(&run)?, store.file(&run, "model.safetensors")?.expect("a model"));
    let summary = store.record(&run)?.summary.expect("a summary");
    let side = MadeFacts::of(&summary.facts).expect("a run of MADE").dim.isqrt();
    let run = MadeRun::of(&spec.key());
    let (masks, made) = load_model(&run, Shape { width: side, height: side }, &model)?;
    let drawing = Drawing::new(run.seed);
    let drawn = draw(&made, &ThreadPool::new(1), &[masks.evaluated(0)], 1, drawing)?;
    for row in drawn.images.pixels().chunks(side) {
        println!(
            "{}",
            row.iter().map(|&bit| if bit == 1 { "##" } else { "  " }).collect::<String>()
        );
    }
    Ok(())
}
