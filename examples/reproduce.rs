//! Trains the experiments behind docs/RESULTS.md and docs/REPORT.md again and compares their tables
//! with those in docs/results: `cargo run --release --example reproduce -- [--results DIR] [NAME...]`.
//!
//! On the same CPU kernel a table has the same bytes. Another kernel rounds differently, and
//! training amplifies that to about the spread between seeds; then each mean has to be inside the
//! published 95 % interval, and each verdict has to be the same. `--list` prints the experiments and
//! how long they take, `--update` replaces the published tables by the new ones.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

/// Directory of the published tables, with the list of their experiments.
const PUBLISHED: &str = "docs/results";

/// An experiment whose table is published.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    /// Arguments of `ablade sweep`.
    arguments: Vec<String>,
    /// Duration on two CPU cores [minutes].
    minutes: u32,
}

fn main() -> anyhow::Result<()> {
    let mut results = PathBuf::from("target/reproduced");
    let (mut lists, mut updates, mut names) = (false, false, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => lists = true,
            "--update" => updates = true,
            "--results" => {
                results = arguments.next().context("--results needs a directory")?.into();
            }
            option if option.starts_with('-') => {
                bail!("no option {option}: --list, --update, --results DIR")
            }
            name => names.push(name.to_owned()),
        }
    }
    let list = fs::read_to_string(Path::new(PUBLISHED).join("experiments.toml"))
        .context("run this in the root of the repository")?;
    let mut published: BTreeMap<String, Published> = toml::from_str(&list)?;
    for name in &names {
        let known: Vec<&str> = published.keys().map(String::as_str).collect();
        ensure!(published.contains_key(name), "no experiment {name}: {}", known.join(", "));
    }
    published.retain(|name, _| names.is_empty() || names.contains(name));
    let minutes: u32 = published.values().map(|experiment| experiment.minutes).sum();
    println!("{} experiments, about {minutes} minutes on two cores", published.len());
    let mut n_different = 0;
    for (name, Published { arguments, minutes }) in &published {
        let line = arguments.join(" ");
        println!("{name}: ablade sweep {line} --name {name} (about {minutes} minutes)");
        if lists {
            continue;
        }
        // Next to this example, in target/release or target/debug.
        let ablade = env::current_exe()?.with_file_name("../ablade");
        let mut sweep = Command::new(&ablade);
        sweep
            .arg("--results")
            .arg(&results)
            .arg("sweep")
            .args(arguments)
            .args(["--name", name]);
        let status = sweep
            .status()
            .with_context(|| format!("{}: `cargo build --release` first", ablade.display()))?;
        ensure!(status.success(), "{name}: the sweep ended with {status}");
        let (new, old) = (
            results.join(name).join("ablation.csv"),
            Path::new(PUBLISHED).join(format!("{name}.csv")),
        );
        if updates {
            fs::copy(&new, &old).with_context(|| old.display().to_string())?;
            continue;
        }
        let differences = differences(&Table::read(&old)?, &Table::read(&new)?);
        match (fs::read(&old)? == fs::read(&new)?, differences.is_empty()) {
            (true, _) => println!("  the same bytes"),
            (false, true) => println!(
                "  other bytes; every mean inside its published interval, the same verdicts"
            ),
            (false, false) => {
                n_different += 1;
                println!("  DIFFERENT:\n    {}", differences.join("\n    "));
            }
        }
    }
    ensure!(n_different == 0, "{n_different} of {} differ", published.len());
    Ok(())
}

/// An ablation table: cells by column, for each study and variant.
struct Table(BTreeMap<(String, String), BTreeMap<String, String>>);

impl Table {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let mut reader =
            csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
        let rows = reader.deserialize::<BTreeMap<String, String>>();
        let keyed = rows.map(|row| {
            let row = row.with_context(|| path.display().to_string())?;
            let cell = |column: &str| row.get(column).cloned().unwrap_or_default();
            Ok(((cell("study"), cell("variant")), row))
        });
        Ok(Self(keyed.collect::<anyhow::Result<_>>()?))
    }
}

/// A sentence for each mean outside its published interval, and each other verdict or row.
fn differences(published: &Table, new: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key @ (study, variant), row) in &published.0 {
        let Some(now) = new.0.get(key) else {
            found.push(format!("{study} {variant}: missing"));
            continue;
        };
        for (column, low) in row.iter().filter(|(column, _)| column.contains("_ci95_low")) {
            let high = row.get(&column.replace("_low", "_high"));
            // `x_mean_nats` is the mean of `x_ci95_low_nats`, `delta_nats` of `delta_ci95_low_nats`.
            let mean = [column.replace("_ci95_low", "_mean"), column.replace("_ci95_low", "")];
            let Some(value) = mean.iter().find_map(|column| now.get(column)) else {
                continue;
            };
            let number = |text: &str| text.parse::<f64>().ok();
            let (Some(low), Some(high)) = (number(low), high.and_then(|high| number(high))) else {
                continue;
            };
            if number(value).is_none_or(|value| value < low || value > high) {
                found.push(format!(
                    "{study} {variant}: {column} is {low} to {high}, the mean is now {value}"
                ));
            }
        }
        let verdict =
            |row: &BTreeMap<String, String>| row.get("verdict").cloned().unwrap_or_default();
        if verdict(row) != verdict(now) {
            found.push(format!("{study} {variant}: {}, now {}", verdict(row), verdict(now)));
        }
    }
    let more = new.0.keys().filter(|key| !published.0.contains_key(key));
    found.extend(more.map(|(study, variant)| format!("{study} {variant}: not published")));
    found
}
