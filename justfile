# Every verb here is one cargo command: the program does the work, just saves typing.

# list the recipes
[private]
default:
    @just --list --unsorted

# train every outstanding run of a study and write its tables
[group('studies')]
sweep FILE *ARGS:
    cargo run --release -- sweep {{ FILE }} {{ ARGS }}

# what a study would run, how long it would take and what it could show
[group('studies')]
plan FILE *ARGS:
    cargo run --release -- plan {{ FILE }} {{ ARGS }}

# every figure of every study (or of those named), and plots/index.html
[group('studies')]
plots *ARGS:
    cargo run --release -- plots {{ ARGS }}

# every study in experiments/ as small pictures in docs/gallery/, from the results on disk
[group('studies')]
gallery DIR="docs/gallery" *ARGS:
    cargo run --release -- plots --gallery {{ DIR }} {{ ARGS }}

# the ablation table of a study, or two studies side by side
[group('studies')]
compare *ARGS:
    cargo run --release -- compare {{ ARGS }}

# list, fetch or show data sets
[group('studies')]
data *ARGS:
    cargo run --release -- data {{ ARGS }}

# every study in experiments/, then their figures; a study with failed runs does not stop the others
[group('studies')]
report *ARGS:
    #!/usr/bin/env bash
    set -uo pipefail
    cargo build --release || exit
    status=0
    for study in experiments/*.toml; do
        cargo run --release --quiet -- sweep "$study" {{ ARGS }} || { status=$?; [ "$status" -le 1 ] || exit "$status"; }
    done
    cargo run --release --quiet -- plots || exit
    exit "$status"

# all tests
[group('work on it')]
test *ARGS:
    cargo test {{ ARGS }}

# formatting and lints, warnings denied
[group('work on it')]
lint:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings

# hours of bad luck in minutes: kills, crowds, signals, damage, full disks
[group('work on it')]
torture:
    cargo test --release --test torture -- --include-ignored --nocapture --test-threads 1
    ABLADE_KILLS=100 cargo test --release --test programs

# the same study on a real cluster (SLURM_CONF), and on one that is broken meanwhile (LOCAL_SLURM: the program that made it)
[group('work on it')]
test-slurm:
    cargo test --release --test slurm -- --include-ignored --nocapture --test-threads 1

# a study on a real Grid Engine (SGE_ROOT): tests/fixtures/scheduler/local-gridengine starts one
[group('work on it')]
test-gridengine:
    cargo test --test integration -- launcher::real --include-ignored --nocapture --test-threads 1

# licences, sources and known flaws of every crate (needs cargo-deny, and the network for the advisories)
[group('work on it')]
audit:
    cargo deny --version || cargo install --locked cargo-deny
    cargo deny check

# how fast: training, evaluation, sampling, planning, what a run costs beside training
[group('work on it')]
bench:
    cargo bench --bench training --bench evaluation --bench sampling --bench planning --bench overhead --bench programs

# the same work here and in PyTorch and candle, interleaved; needs ../shared/peers
[group('work on it')]
bench-peers *ROUNDS:
    cargo bench --no-run
    cargo build --release --manifest-path benches/peers/plain-candle/Cargo.toml --target-dir target/plain-candle
    python3 benches/peers/run.py {{ ROUNDS }}

# what continuous integration runs
[group('work on it')]
ci:
    bash .ci/run

# every number of docs/RESULTS.md and docs/REPORT.md again, compared with docs/results (hours; --list says how many)
[group('studies')]
reproduce *ARGS:
    cargo build --release
    cargo run --release --example reproduce -- {{ ARGS }}
