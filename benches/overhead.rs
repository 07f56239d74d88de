//! Overhead of a run: `cargo bench --bench overhead -- RUNS...`.
//!
//! Studies of this many runs with almost nothing to train, so that the time is that of scheduling,
//! of the run's directory and of the tables. Prints for each the seconds per run as JSON: wall
//! time, which includes syncing to disk, and CPU time.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

mod process;

use process::ablade;

fn main() {
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for runs in if asked.is_empty() { vec![100, 1000] } else { asked } {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let study = format!(
            "question = \"What does a run cost besides training?\"\nseeds = {runs}\n[data]\nname = \"shapes\"\n\
             train = 10\nvalid = 5\ntest = 5\nsize = 4\n[model]\nhidden = [1]\n[train]\nepochs = 1\nbatch = 10\n\
             [sample]\ncount = 1\n"
        );
        std::fs::write(directory.path().join("trivial.toml"), study).expect("a file");
        let took = ablade(directory.path(), &["sweep", "trivial.toml"]);
        let again = ablade(directory.path(), &["sweep", "trivial.toml"]);
        let each = |seconds: f64| seconds / runs as f64;
        println!(
            r#"{{"runs": {runs}, "seconds": {}, "cpu_seconds": {}, "second_sweep_seconds": {}}}"#,
            each(took.wall),
            each(took.cpu),
            again.wall
        );
    }
}
