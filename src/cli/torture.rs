//! Fault injection: every change to the disk fails once in turn, in the store's module `disk`. No
//! run may be lost, no table wrong, and the message must name the problem and the file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::show::terminal::Paint;
use crate::cli::{Cli, Exit, Terminal};
use crate::store::Store;
use crate::store::disk::faults;

const STUDY: &str = r#"
seeds = 2
data  = { name = "digits", train = 10, valid = 5, test = 5, size = 4 }
model.hidden = [3]
train.batch = 5
train.epochs = 2
sample.count = 1
execution.checkpoint = "0.001s"
"#;

fn sweep(dir: &Path) -> anyhow::Result<Exit> {
    let (results, file) = (dir.join("results"), dir.join("small.toml"));
    fs::write(&file, STUDY)?;
    let words = [
        Path::new("ablade"),
        Path::new("--results"),
        &results,
        Path::new("--progress=none"),
    ];
    let cli = Cli::try_parse_from(words.into_iter().chain([
        Path::new("sweep"),
        &file,
        Path::new("--jobs=1"),
    ]))?;
    let mode = cli.global.progress;
    super::run(&cli, &mut Terminal::new(&mut Vec::new(), Paint(false), mode))
}

/// Collects every file that equal executions share. A claim that could not be removed exists as
/// long as its process lives: this one.
fn files(dir: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // The history names times, which differ between executions.
            if !path.ends_with(".ablade-history") {
                files(&path, found);
            }
        } else if !["timings.csv", "timing.toml", "history.csv", "results.xlsx"]
            .iter()
            .any(|name| path.ends_with(name))
            && !path.to_string_lossy().contains(".claim-")
        {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
}

fn results(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (root, mut found) = (dir.join("results"), BTreeMap::new());
    files(&root, &mut found);
    found
        .into_iter()
        .map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes))
        .collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "a figure for docs/dev/measurements.md")]
fn every_write_fails_once_in_turn() {
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(sweep(whole.path()).unwrap(), Exit::Success);
    let expected = results(whole.path());
    let (mut refused, mut failed, mut survived) = (0, 0, 0);
    for change in 0.. {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("results");
        faults::arm(&root, change);
        let outcome = sweep(place.path());
        if faults::disarm(&root) {
            println!(
                "{change} changes to the disk: {refused} refused, {failed} ended with 1, {survived} did no harm"
            );
            assert!(change > 50 && refused > 0 && failed > 0 && survived > 0);
            return;
        }
        match outcome {
            Ok(Exit::Success) => survived += 1,
            Ok(_) => failed += 1,
            Err(error) => {
                refused += 1;
                let message = format!("{error:#}");
                assert!(message.contains(root.to_str().unwrap()), "change {change}: {message}");
            }
        }
        let store = Store::open(&root, crate::trainers::made::MadeTrainer::shared()).unwrap();
        for run in store.published().unwrap() {
            store.check(&run).unwrap_or_else(|error| panic!("change {change}: {error}"));
        }
        assert_eq!(sweep(place.path()).unwrap(), Exit::Success, "change {change}");
        let found = results(place.path());
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "change {change}"
        );
        assert!(found == expected, "change {change} left other bytes");
    }
}
