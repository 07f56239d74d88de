//! Helpers that the test binaries share.
#![allow(dead_code, reason = "each binary uses its part")]

pub(crate) mod json_schema;
pub(crate) mod made_up;
pub(crate) mod place;

use std::fmt::Display;
use std::io::{Write, stderr};
use std::process::Command;
use std::sync::Arc;

use ablade::config::RunConfig;
use ablade::plan::{RunSpec, hashed};
use ablade::rng::Seed;
use ablade::trainer::Trainer;
use ablade::trainers::made::{MadeTrainer, config_of};

/// The built-in trainer.
pub(crate) fn made() -> Arc<dyn Trainer> {
    MadeTrainer::shared()
}

/// The run of a configuration of MADE on data with this fingerprint.
pub(crate) fn run_spec(config: &RunConfig, data: &str, seed: Seed) -> RunSpec {
    let config = config_of(config);
    RunSpec {
        id: hashed(&*made(), &config, data).run(seed),
        seed,
        data: data.to_owned(),
        config,
        earlier: None,
    }
}

/// Prints the reason why a test is skipped on this machine. It writes to stderr directly, because
/// the test runner captures the output of `eprintln!` and drops it if the test passes.
pub(crate) fn skipped(why: impl Display) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    stderr().write_all(format!("SKIPPED {test}: {why}\n").as_bytes()).unwrap();
}

/// The Python interpreter, `$ABLADE_PYTHON` or `python3`, if it can import `modules`; otherwise
/// prints that the test is skipped.
pub(crate) fn python(modules: &str) -> Option<Command> {
    let program = std::env::var("ABLADE_PYTHON").unwrap_or_else(|_| "python3".into());
    let imported = Command::new(&program).args(["-c", &format!("import {modules}")]).output();
    if imported.is_ok_and(|output| output.status.success()) {
        return Some(Command::new(program));
    }
    skipped(format_args!(
        "it needs {program} with {modules}; ABLADE_PYTHON names another Python"
    ));
    None
}
