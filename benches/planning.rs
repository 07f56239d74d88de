//! Planning: `cargo bench --bench planning -- RUNS REPEATS`.
//!
//! A study of this many runs, 8 seeds per variant, is read, expanded, checked, estimated and
//! printed by `ablade plan`, as a whole process, with nothing executed yet. Prints the medians as
//! JSON.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

mod process;

use process::ablade;

fn main() {
    let arguments: Vec<usize> =
        std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (runs, repeats) = (
        arguments.first().copied().unwrap_or(10_000),
        arguments.get(1).copied().unwrap_or(15),
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    // 8 seeds and 10 combinations of the last two axes.
    let masks = runs.div_ceil(80);
    let study = format!(
        "question = \"How long does a plan take?\"\nseeds = 8\n[model]\nordering = \"random\"\n[axes]\n\
         model.masks = {{ from = 1, to = {masks}, step = 1 }}\nmodel.skip = [false, true]\n\
         train.batch = [10, 20, 50, 100, 200]\n"
    );
    std::fs::write(directory.path().join("large.toml"), study).expect("a file");
    let took: Vec<_> = (0..repeats)
        .map(|_| ablade(directory.path(), &["plan", "large.toml"]))
        .collect();
    let wall = median(took.iter().map(|took| took.wall));
    let cpu = took.iter().map(|took| took.cpu).sum::<f64>() / repeats as f64;
    println!(r#"{{"runs": {}, "seconds": {wall}, "cpu_seconds": {cpu}}}"#, masks * 80);
}

/// Median.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
