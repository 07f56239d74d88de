//! `ablade export`: event files and file stores of runs of any state, with any labels, read back
//! here and by TensorBoard and MLflow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;

use ablade::export::{Export, mlflow, tensorboard};
use ablade::record::RunStatus;
use ablade::results::ExperimentResults;
use serde::Deserialize;

use crate::support::made_up::Recipe;
use crate::support::place::{Place, files};
use crate::support::python;

/// One variant of each status, two seeds each, of which the last is outstanding.
fn made_up() -> ExperimentResults {
    const STATUSES: [RunStatus; 4] = [
        RunStatus::Finished,
        RunStatus::Diverged,
        RunStatus::Failed,
        RunStatus::Outstanding,
    ];
    let recipe = Recipe {
        seeds: 2,
        epochs: 9,
        status: |v, _| STATUSES[v],
        ..Recipe::default()
    };
    recipe.study()
}

/// Fields of a message of Protocol Buffers by number: integers and floats as their bits.
fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Vec<Vec<u8>>> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let length = bytes.iter().position(|byte| *byte < 0x80).unwrap() + 1;
        let (taken, rest) = bytes.split_at(length);
        *bytes = rest;
        taken.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
    }
    let mut found = BTreeMap::<u64, Vec<Vec<u8>>>::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                let value = varint(&mut bytes).to_le_bytes().to_vec();
                found.entry(key >> 3).or_default().push(value);
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        found.entry(key >> 3).or_default().push(value.to_vec());
    }
    found
}

/// Messages of a file of records. Its checksums are computed by their definition: division of
/// polynomials over GF(2), one bit at a time.
fn records(mut file: &[u8]) -> Vec<Vec<u8>> {
    fn masked_crc(bytes: &[u8]) -> u32 {
        let mut crc = !0_u32;
        for bit in bytes.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit) & 1)) {
            let is_odd = (crc ^ bit) & 1 == 1;
            crc = (crc >> 1) ^ if is_odd { 0x82f6_3b78 } else { 0 };
        }
        (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
    }
    let mut found = Vec::new();
    while !file.is_empty() {
        let mut checked = |length: usize| {
            let (part, rest) = file.split_at(length);
            let (crc, rest) = rest.split_at(4);
            file = rest;
            assert_eq!(u32::from_le_bytes(crc.try_into().unwrap()), masked_crc(part));
            part.to_vec()
        };
        let length = u64::from_le_bytes(checked(8).try_into().unwrap());
        found.push(checked(length as usize));
    }
    found
}

/// Points of the scalars of an event file: step and value by tag.
fn scalars(file: &[u8]) -> BTreeMap<String, Vec<(usize, f32)>> {
    let mut found = BTreeMap::<String, Vec<(usize, f32)>>::new();
    for event in records(file).iter().map(|event| fields(event)) {
        let step = u64::from_le_bytes(event[&2][0][..].try_into().unwrap()) as usize;
        for summary in event.get(&5).into_iter().flatten() {
            for value in fields(summary).get(&1).into_iter().flatten().map(|value| fields(value)) {
                if let Some(bits) = value.get(&2) {
                    let tag = String::from_utf8(value[&1][0].clone()).unwrap();
                    let number = f32::from_le_bytes(bits[0][..].try_into().unwrap());
                    found.entry(tag).or_default().push((step, number));
                }
            }
        }
    }
    found
}

#[test]
fn an_event_file_has_every_curve_and_every_final_value() {
    let study = made_up();
    let export = tensorboard::export(&study);
    assert_eq!(export.folder, "fixture");
    let names: Vec<&str> = export.files.keys().map(String::as_str).collect();
    let wanted: Vec<String> = (0..3)
        .flat_map(|v| (0..2).map(move |s| format!("v{v}/seed-{s}/events.out.tfevents.0.ablade")))
        .collect();
    assert_eq!(names, wanted, "a run that has not ended is not exported");
    for (name, file) in wanted.iter().zip(study.plan.runs.iter()).map(|(name, run)| (name, &run.id))
    {
        let record = &study.records[file];
        let events = &export.files[name];
        let version = fields(&records(events)[0]);
        assert_eq!(version[&3][0], b"brain.Event:2");
        let scalars = scalars(events);
        for (i, curve) in study.metrics().curves.iter().enumerate() {
            let points = scalars.get(&format!("curves/{}", curve.column()));
            let wanted = record.epochs.iter().map(|row| (row.epoch, row.values[i] as f32));
            assert_eq!(points.cloned().unwrap_or_default(), wanted.collect::<Vec<_>>(), "{name}");
        }
        let nll = study.metric().of(record).map(|value| value as f32);
        let last = scalars.get("final/test_nll_nats").map(|points| points[0].1);
        assert_eq!(last, nll, "{name}");
    }
}

#[test]
fn a_file_store_has_every_curve_and_every_final_value() {
    let study = made_up();
    let export = mlflow::export(&study);
    assert!(export.folder.len() == 18 && export.folder.bytes().all(|b| b.is_ascii_digit()));
    let text = |name: &str| String::from_utf8(export.files[name].clone()).unwrap();
    assert!(text("meta.yaml").contains("name: \"fixture\"\n"));
    assert_eq!(text("tags/mlflow.note.content"), "Does depth help once masks vary?\n\nMade up.");
    let folders: BTreeSet<&str> = (export.files.keys())
        .filter_map(|name| Some(name.split_once('/')?.0))
        .filter(|folder| *folder != "tags")
        .collect();
    assert_eq!(folders.len(), 6);
    let by_id: BTreeMap<String, &str> = folders
        .iter()
        .map(|run| (text(&format!("{run}/tags/ablade.run")), *run))
        .collect();
    for (id, record) in &study.records {
        let Some(run) = by_id.get(id.as_str()) else {
            assert_eq!(record.status, RunStatus::Outstanding);
            continue;
        };
        assert_eq!(text(&format!("{run}/params/status")), record.status.word());
        for (i, curve) in study.metrics().curves.iter().enumerate() {
            let name = format!("{run}/metrics/curves/{}", curve.column());
            let lines = export.files.get(&name).map(|_| text(&name)).unwrap_or_default();
            let points: Vec<(usize, f64)> = lines
                .lines()
                .map(|line| {
                    let [time, value, step]: [&str; 3] =
                        line.split(' ').collect::<Vec<_>>().try_into().unwrap();
                    assert_eq!(time, "1795416000000", "2026-11-23 06:40:00");
                    (step.parse().unwrap(), value.parse().unwrap())
                })
                .collect();
            let wanted = record.epochs.iter().map(|row| (row.epoch, row.values[i]));
            assert_eq!(points, wanted.collect::<Vec<_>>(), "{run}");
        }
    }
}

/// Files of both exports as one hash.
fn hash(exports: [Export; 2]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in exports.iter().flat_map(|export| &export.files) {
        hasher
            .update(name.as_bytes())
            .update(&(bytes.len() as u64).to_le_bytes())
            .update(bytes);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Golden bytes: a change is right only if both programs still read them.
#[test]
fn the_same_results_give_the_same_bytes() {
    let study = made_up();
    let found = hash([tensorboard::export(&study), mlflow::export(&study)]);
    assert_eq!(found, "dd536381e98ff5cd");
}

/// A program with levels that are dangerous as file names, one that fails and one that diverges. At
/// step 2 the loss is infinite, and the accuracy has no value.
const EXPERIMENT: &str = r#"
question = "Which mode \"is\" best, \u00e9?"
seeds    = 2
design   = "one-at-a-time"

[program]
command = ["sh", "train.sh", "{args}"]
inputs  = ["train.sh"]

[metrics]
loss     = { better = "lower", column = "val/loss", unit = "nats" }
accuracy = { better = "higher", column = "acc", unit = "%" }

[settings]
mode    = "plain"
rate    = 0.5
variant = 3

[axes]
mode = ["plain", "a/b", "..", "\u00e9 \u221e", "LONG", "fail", "diverge"]
"#;

const TRAIN: &str = r#"
while [ $# -gt 0 ]; do
    case "$1" in
        --mode) mode=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        *) shift 2 ;;
    esac
done
[ "$mode" = fail ] && { echo "no such mode" >&2; exit 3; }
last=0.25; [ "$mode" = diverge ] && last=nan
printf 'step,val/loss,acc\n1,0.5,70.%d\n2,inf,\n3,%s,80.%d\n' $seed $last $seed > "$ABLADE_RUN/metrics.csv"
"#;

fn place() -> Place {
    let place = Place::with(&EXPERIMENT.replace("LONG", &"very long ".repeat(90)));
    fs::write(place.path("train.sh"), TRAIN).unwrap();
    place.exits(1, "sweep small.toml --progress none");
    place
}

/// A run as a reader of an export sees it.
#[derive(Debug, Deserialize)]
struct ReadRun {
    run: String,
    settings: BTreeMap<String, String>,
    is_finished: bool,
    /// Start and end [s].
    times: [f64; 2],
    /// Steps and values by name.
    metrics: BTreeMap<String, Vec<(usize, String)>>,
    error: String,
}

/// The runs of an export as TensorBoard or MLflow reads them.
fn read(place: &Place, program: &str, modules: &str) -> Option<Vec<ReadRun>> {
    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/export/read.py");
    let mut python = python(modules)?;
    let output = python
        .arg(SCRIPT)
        .args([program, "out"])
        .current_dir(&place.0)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Compares what a program reads with the tables.
fn assert_read(place: &Place, runs: &[ReadRun]) {
    let rows = place.table("runs.csv");
    assert_eq!(runs.len(), 14);
    assert_eq!(rows.len(), 14);
    let epochs = place.table("metrics.csv");
    let timings = place.table("timings.csv");
    for (row, timing) in rows.iter().zip(&timings) {
        let seed = &row["seed"];
        let is_it = |run: &&ReadRun| {
            let of_seed: f64 = run.settings["seed"].parse().unwrap();
            run.settings["variant"] == row["label"].trim_start_matches('\'')
                && of_seed == seed.parse::<f64>().unwrap()
        };
        let run = runs.iter().find(is_it).unwrap_or_else(|| panic!("no {row:?} in {runs:?}"));
        assert_eq!(run.settings["status"], row["status"]);
        assert_eq!(run.settings["settings.variant"].parse::<f64>().unwrap(), 3.0);
        assert_eq!(run.is_finished, row["status"] == "finished");
        assert_eq!(run.error.is_empty(), row["error"].is_empty());
        let seconds: f64 = timing["seconds"].parse().unwrap();
        assert!((run.times[1] - run.times[0] - seconds).abs() < 0.001, "{run:?} {timing:?}");
        let value = |name: &str| run.metrics.get(name).map(|points| points[0].1.clone());
        let close = |found: Option<String>, cell: &str| match found {
            None => assert_eq!(cell, "", "{run:?}"),
            Some(found) => {
                let (found, cell): (f64, f64) = (found.parse().unwrap(), cell.parse().unwrap());
                assert!((found - cell).abs() <= 1e-6 * cell.abs(), "{found} {cell}");
            }
        };
        close(value("final/loss_nats"), &row["loss_nats"]);
        close(value("final/accuracy_percent"), &row["accuracy_percent"]);
        let points: Vec<(usize, &str)> = (run.metrics.get("curves/val_loss_nats").into_iter())
            .flatten()
            .map(|(step, value)| (*step, value.as_str()))
            .collect();
        match row["status"].as_str() {
            "finished" => assert_eq!(points, [(1, "0.5"), (2, "inf"), (3, "0.25")]),
            "diverged" => assert_eq!(points, [(1, "0.5"), (2, "inf")], "no point is not a number"),
            _ => assert_eq!(points, []),
        }
        let accuracies = run.metrics.get("curves/acc_percent").map_or(0, Vec::len);
        let of_run = epochs.iter().filter(|epoch| epoch["run"] == row["run"]);
        assert_eq!(accuracies, of_run.filter(|epoch| !epoch["acc_percent"].is_empty()).count());
    }
}

#[test]
fn tensorboard_reads_event_files() {
    let place = place();
    let (out, _) = place.exits(0, "export tensorboard small --out out");
    assert_eq!(out, "out/small: 14 runs, 2 failed, 2 diverged\n");
    let Some(runs) = read(&place, "tensorboard", "tensorboard") else { return };
    assert_read(&place, &runs);
    assert_eq!(runs[0].run, "small/baseline/seed-1");
}

#[test]
fn mlflow_reads_a_file_store() {
    let place = place();
    let (out, _) = place.exits(0, "export mlflow small --out out");
    assert!(out.ends_with(": 14 runs, 2 failed, 2 diverged\n"), "{out}");
    let Some(runs) = read(&place, "mlflow", "mlflow") else { return };
    assert_read(&place, &runs);
    assert!(runs.iter().any(|run| run.run == "baseline / seed 1"));
}

#[test]
fn an_export_updates_what_it_made_and_nothing_else() {
    let place = place();
    for (format, list) in [("tensorboard", ".ablade-tensorboard"), ("mlflow", ".ablade-mlflow")] {
        let export = |dir: &str| place.exits(0, &format!("export {format} small --out {dir}"));
        export("out");
        export("again");
        let made = files(&place.path("out"));
        assert_eq!(made, files(&place.path("again")), "the same results, the same bytes");
        export("again");
        assert_eq!(made, files(&place.path("again")));
        for name in made.keys().filter(|name| !name.ends_with(list)) {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            let parts = name.iter().map(|part| part.to_str().unwrap());
            for part in parts {
                assert!(part.bytes().all(is_plain) && part.len() <= 100 && !part.starts_with('.'));
            }
        }
        // A file of the user, and one of ours that the user has changed.
        let first = made.keys().find(|name| name.components().count() > 2).unwrap();
        let (first, own) = (place.path("again").join(first), place.path("again/small-notes.txt"));
        fs::write(&own, "mine").unwrap();
        fs::write(&first, "changed").unwrap();
        // The variant `fail` is no longer asked for: its runs go.
        let other = fs::read_to_string(place.path("small.toml")).unwrap().replace(", \"fail\"", "");
        fs::write(place.path("fewer.toml"), other).unwrap();
        place.exits(1, "sweep fewer.toml --name small --replace --progress none");
        let (_, err) = export("again");
        assert!(err.contains("it has been changed since ablade made it"), "{err}");
        assert_eq!(fs::read(&own).unwrap(), b"mine");
        assert_eq!(fs::read(&first).unwrap(), b"changed");
        let left = files(&place.path("again"));
        let runs = |files: &BTreeMap<_, _>| {
            let path = |name: &std::path::PathBuf| name.parent().unwrap().to_owned();
            files
                .keys()
                .map(path)
                .filter(|path| path.components().count() > 1)
                .collect::<BTreeSet<_>>()
        };
        assert!(runs(&left).is_subset(&runs(&made)) && runs(&left).len() < runs(&made).len());
        fs::remove_file(&first).unwrap();
        export("again");
        export("fewer");
        fs::remove_file(&own).unwrap();
        assert_eq!(files(&place.path("again")), files(&place.path("fewer")));
        for dir in ["out", "again", "fewer"] {
            fs::remove_dir_all(place.path(dir)).unwrap();
        }
        place.exits(1, "sweep small.toml --replace --progress none");
    }
}

#[test]
fn a_run_that_cannot_be_read_is_named_and_its_files_stay() {
    let place = place();
    place.exits(0, "export tensorboard small --out out");
    let made = files(&place.path("out"));
    let rows = place.table("runs.csv");
    let run = &rows.iter().find(|row| row["variant"] == "baseline").unwrap()["run"];
    fs::write(place.path("results/runs").join(run).join("summary.toml"), "damaged").unwrap();
    let (out, err) = place.exits(1, "export tensorboard small --out out");
    assert!(
        err.contains(&format!("baseline / seed 1 is not exported: run {run} is damaged")),
        "{err}"
    );
    assert!(out.contains("13 runs, 2 failed, 2 diverged, 1 still to come"), "{out}");
    assert_eq!(made, files(&place.path("out")));
}

#[test]
fn misuse_is_refused_and_nothing_is_written() {
    let place = place();
    fs::write(place.path("file"), "mine").unwrap();
    fs::create_dir(place.path("taken")).unwrap();
    fs::create_dir(place.path("elsewhere")).unwrap();
    symlink(place.path("elsewhere"), place.path("taken/small")).unwrap();
    let theirs = place.path("used/small/baseline/seed-1");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(theirs.join("events.out.tfevents.0.ablade"), "mine").unwrap();
    let before = files(place.0.path());
    for (arguments, expected) in [
        ("wandb small --out out", "[possible values: tensorboard, mlflow]"),
        ("tensorbord small --out out", "a similar value exists: 'tensorboard'"),
        ("tensorboard smal --out out", "did you mean `small`?"),
        ("tensorboard ../small --out out", "a letter, then letters"),
        ("tensorboard small", "--out <DIR>"),
        ("tensorboard small --out results", "among the results"),
        ("mlflow small --out results/small", "among the results"),
        ("mlflow small --out results/new/deep", "among the results"),
        ("mlflow small --out absent/../results", "among the results"),
        ("tensorboard small --out file", "file is there and no directory"),
        ("tensorboard small --out file/below", "file"),
        ("tensorboard small --out taken", "taken/small (no directory)"),
        ("tensorboard small --out used", "--out OTHER writes elsewhere"),
    ] {
        let (out, err) = place.exits(2, &format!("export {arguments}"));
        assert!(out.is_empty() && err.contains(expected), "{arguments}: {err}");
        assert_eq!(before, files(place.0.path()), "{arguments} wrote");
    }
    // Results called like the experiment.
    fs::rename(place.path("results"), place.path("small")).unwrap();
    let (_, err) = place.exits(2, "--results small export tensorboard small --out .");
    assert!(err.contains("among the results"), "{err}");
    place.exits(0, "plan small.toml");
    let (out, err) = place.exits(2, "export tensorboard small --out out");
    assert!(out.is_empty() && err.contains("small"), "{err}");
}
