//! Working directory of the program, and helpers to examine its files.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// 12 runs of a fraction of a second, with checkpoints as often as possible; on a cluster, one task
/// each.
pub(crate) const STUDY: &str = r#"
seeds = 4

[data]
name  = "digits"
train = 300
valid = 60
test  = 60
size  = 10

[model]
hidden   = [40]
ordering = "random"

[train]
epochs = 12

[sample]
count = 4

[execution]
checkpoint = "0.001s"

[execution.slurm]
task = "0.000001s"

[axes]
model.masks = [1, 2, "fresh"]
"#;

/// The program in a directory, without the developer's own environment.
pub(crate) fn ablade(dir: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ablade"));
    command.current_dir(dir).args(arguments.split_whitespace());
    command.env_remove("RUST_BACKTRACE").env_remove("ABLADE_DATA").env("HOME", dir);
    command
}

/// An empty directory to work in.
pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn with(experiment: &str) -> Self {
        let place = Self::new();
        fs::write(place.path("small.toml"), experiment).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        ablade(self.0.path(), arguments)
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command and requires an exit code; returns stdout and stderr.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32, arguments: &str) -> (String, String) {
        let output = self.run(arguments);
        let [out, err] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(output.status.code(), Some(code), "`ablade {arguments}`\n{out}\n{err}");
        (out, err)
    }

    pub(crate) fn start(&self, arguments: &str) -> Child {
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Starts it with stderr appended to a file.
    pub(crate) fn start_with_log(&self, arguments: &str, log: &str) -> Child {
        let log = fs::File::options().create(true).append(true).open(self.path(log)).unwrap();
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Starts it in a separate process namespace.
    pub(crate) fn start_apart(&self, arguments: &str, log: &str) -> Child {
        let log = fs::File::options().create(true).append(true).open(self.path(log)).unwrap();
        let mut command = Command::new("unshare");
        command.current_dir(&self.0).args([
            "--pid",
            "--fork",
            "--kill-child",
            env!("CARGO_BIN_EXE_ablade"),
        ]);
        command
            .args(arguments.split_whitespace())
            .env_remove("RUST_BACKTRACE")
            .env("HOME", self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Content of a text file, empty if there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs published so far.
    pub(crate) fn published(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("results/runs")).into_iter().flatten();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut runs: Vec<String> = names.filter(|name| name.len() == 17).collect();
        runs.sort();
        runs
    }

    /// Waits until `count` runs are published, while `child` is alive.
    pub(crate) fn wait_for(&self, child: &mut Child, count: usize) {
        while self.published().len() < count && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn table(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.path("results/small").join(name)).unwrap();
        reader.deserialize().map(Result::unwrap).collect()
    }
}

/// Every file below `dir` that equal executions share, with its bytes.
pub(crate) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".ablade-history") {
                // What happened in these results, when.
            } else if path.is_dir() {
                left.push(path);
            } else if !["timings.csv", "timing.toml", "history.csv"]
                .contains(&path.file_name().unwrap().to_str().unwrap())
            {
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), fs::read(path).unwrap());
            }
        }
    }
    found
}

fn lines_without(bytes: &[u8], end: &str) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.ends_with(end.as_bytes()))
        .flatten()
        .copied()
        .collect()
}

#[track_caller]
pub(crate) fn assert_same_files(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        // The list of tables has a hash of `history.csv`, which says when they were first written.
        let same = match name.ends_with(".ablade-tables") {
            true => {
                let [a, b] = [bytes, &b[name]].map(|list| lines_without(list, "  history.csv\n"));
                a == b
            }
            false => *bytes == b[name],
        };
        assert!(same, "{} differs", name.display());
    }
}
