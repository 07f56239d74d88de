//! Overhead of a run of a program: `cargo bench --bench programs -- RUNS [RESULTS]`.
//!
//! Sweeps of this many runs (2,000 by default) of a program that does nothing, against the time of
//! starting that program as often, as many at a time: once with the results on the disk of the
//! temporary directory, with all syncs, and once in memory (RESULTS, by default `/dev/shm`). Prints
//! for each the seconds per run and the peak memory as JSON.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use process::{ablade, ablade_with_memory};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let runs = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let memory = arguments.get(1).map_or_else(|| PathBuf::from("/dev/shm"), PathBuf::from);
    let start = plain_starts(runs);
    println!(r#"{{"runs": {runs}, "results": "none", "seconds": {start}}}"#);
    for (name, folder) in [("disk", std::env::temp_dir()), ("memory", memory)] {
        if !folder.is_dir() {
            println!(
                r#"{{"runs": {runs}, "results": "{name}", "left_out": "{}"}}"#,
                folder.display()
            );
            continue;
        }
        let place = tempfile::tempdir_in(&folder).expect("a temporary directory");
        sweep(place.path(), name, runs, start);
    }
}

/// Seconds of starting the program alone, per start, as many at a time as there are processors.
fn plain_starts(runs: usize) -> f64 {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let clock = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < runs {
                    let output = Command::new("echo").arg("1").stdin(Stdio::null()).output();
                    assert!(output.expect("the program starts").status.success());
                }
            });
        }
    });
    clock.elapsed().as_secs_f64() / runs as f64
}

fn sweep(place: &Path, name: &str, runs: usize, start: f64) {
    let study = format!(
        "question = \"What does a run cost besides its program?\"\nseeds = {runs}\n[program]\n\
         command = [\"echo\", \"{{seed}}\"]\n[metrics]\nx = {{ better = \"lower\", stdout = '([0-9]+)' }}\n"
    );
    fs::write(place.join("trivial.toml"), study).expect("a file");
    let (took, peak) = ablade_with_memory(place, &["sweep", "trivial.toml"]);
    let again = ablade(place, &["sweep", "trivial.toml"]);
    let each = |seconds: f64| seconds / runs as f64;
    println!(
        r#"{{"runs": {runs}, "results": "{name}", "seconds": {}, "overhead_seconds": {}, "cpu_seconds": {}, "peak_mib": {:.0}, "second_sweep_seconds": {}}}"#,
        each(took.wall),
        each(took.wall) - start,
        each(took.cpu),
        peak,
        again.wall
    );
}
