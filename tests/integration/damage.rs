//! Results of which a part is damaged or missing: every command that meets it names it, and the
//! command that can restore it does so.

use std::fs;
use std::path::PathBuf;

use crate::support::place::{Place, assert_same_files, files};

/// 2 variants and 2 seeds, a moment each.
const SMALL: &str = r#"
seeds = 2

[data]
name  = "digits"
train = 200
valid = 40
test  = 40
size  = 8

[model]
hidden = [16]

[train]
epochs = 1

[sample]
count = 4

[axes]
model.skip = [false, true]
"#;

/// The trained study.
fn trained() -> Place {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    place
}

/// The run of a variant, seed 1.
fn run(place: &Place, variant: &str) -> String {
    let rows = place.table("runs.csv");
    let row = rows.iter().find(|row| row["variant"] == variant && row["seed"] == "1").unwrap();
    row["run"].clone()
}

fn file(place: &Place, run: &str, name: &str) -> PathBuf {
    place.path("results/runs").join(run).join(name)
}

/// Flips a bit of the last byte of a file, whose size stays.
fn flip(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn scores_that_cannot_be_read_are_said_and_trained_again() {
    let (place, whole) = (trained(), trained());
    let run = run(&place, "baseline");
    let scores = file(&place, &run, "test_nll.npy");
    flip(&scores);
    let said = format!(
        "warning: small: run {run} is damaged, or still being copied: results/runs/{run}/test_nll.npy: its checksum does \
         not match; no interval over images"
    );
    let (_, err) = place.exits(0, "tables");
    assert!(err.contains(&said), "{err}");
    let rows = place.table("ablation.csv");
    let note = format!("no interval over images: the scores of {run} cannot be read");
    assert!(
        !rows[0]["note"].contains("images") && rows[1]["note"].contains(&note),
        "{rows:?}"
    );
    assert!(rows[1]["delta_images_nats"].is_empty() && !rows[1]["delta_nats"].is_empty());

    let (out, err) = place.exits(0, "compare small");
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(err.contains(&said) && out.contains(&note), "{out}{err}");

    let (out, err) = place.exits(0, "sweep small.toml");
    assert!(err.contains("test_nll.npy: its checksum does not match; moved to "), "{err}");
    assert!(err.contains("[1/1] done") && !out.contains("cannot be read"), "{out}{err}");
    let aside = place.path(&format!("results/runs/{run}.damaged-1"));
    fs::remove_dir_all(aside).unwrap();
    assert_same_files(&place.path("results"), &whole.path("results"));

    fs::File::options().write(true).open(&scores).unwrap().set_len(100).unwrap();
    for command in ["tables", "compare small"] {
        let (_, err) = place.exits(0, command);
        assert!(err.contains("small: 1 run damaged"), "{command}: {err}");
    }
}

#[test]
fn a_run_without_checksums_is_not_verified() {
    let place = trained();
    let run = run(&place, "skip-on");
    fs::remove_file(file(&place, &run, "checksums.toml")).unwrap();
    place.exits(0, "tables");
    let (out, err) = place.exits(1, "verify small --runs 1");
    assert!(
        err.contains(&format!("results/runs/{run}/checksums.toml: it is missing")),
        "{err}"
    );
    assert!(out.starts_with("1 of 2 runs the same, byte for byte\n"), "{out}{err}");
    place.exits(0, "tables");
    place.exits(0, "verify small --runs 1");
}

/// Names of the pictures of the study.
fn pictures(place: &Place) -> Vec<PathBuf> {
    files(&place.path("plots/small")).into_keys().collect()
}

#[test]
fn test_images_that_are_missing_or_damaged_are_said_and_written_again() {
    let place = trained();
    place.exits(0, "plots");
    let drawn = files(&place.path("plots/small"));
    let kept = fs::read_dir(place.path("results/data"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let (bytes, shown) = (fs::read(&kept).unwrap(), kept.strip_prefix(place.path("")).unwrap());
    let damages: [(&str, &dyn Fn()); 3] = [
        ("is missing", &|| fs::remove_file(&kept).unwrap()),
        ("is damaged", &|| fs::write(&kept, &bytes[..bytes.len() / 2]).unwrap()),
        ("is damaged", &|| {
            fs::write(&kept, [&bytes[..128], &[7; 4], &bytes[132..]].concat()).unwrap();
        }),
    ];
    for (why, damage) in damages {
        damage();
        let (_, err) = place.exits(0, "plots");
        let said = format!(
            "warning: small: no figures completions and calibration, and no test images in the figure samples, for the runs on digits: {} \
             {why}: `ablade sweep`",
            shown.display()
        );
        assert!(err.contains(&said), "{said}\n{err}");
        let removed = "removed, as no longer drawn: calibration.pdf, calibration.png, calibration.svg, completions.pdf";
        assert!(err.contains(removed), "{err}");
        assert!(!pictures(&place).contains(&"completions.svg".into()));

        let (_, err) = place.exits(0, "sweep small.toml");
        assert!(err.contains("was missing or damaged: written again"), "{err}");
        assert_eq!(fs::read(&kept).unwrap(), bytes);
        let (_, err) = place.exits(0, "plots");
        assert!(!err.contains("warning") && !err.contains("removed"), "{err}");
        assert!(files(&place.path("plots/small")) == drawn);
    }
    let (_, err) = place.exits(0, "sweep small.toml");
    assert!(!err.contains("written again"), "{err}");
    // What is an array of images still, and not that of the data.
    place.exits(0, "verify small --runs 1");
    let last = bytes.len() - 1;
    fs::write(&kept, [&bytes[..last], &[1 - bytes[last].min(1)]].concat()).unwrap();
    let (_, err) = place.exits(1, "verify small --runs 1");
    let said = format!("{} holds other test images than the data", shown.display());
    assert!(err.contains(&said), "{err}");
}

#[test]
fn test_images_of_a_file_are_written_again() {
    let place = Place::with(&SMALL.replace("\"digits\"", "\"d.npz\"").replace("size  = 8", ""));
    place.exits(0, "data export digits --train 200 --valid 40 --test 40 --size 8 --out d.npz");
    place.exits(0, "sweep small.toml");
    fs::remove_dir_all(place.path("results/data")).unwrap();
    place.exits(0, "sweep small.toml");
    assert_eq!(fs::read_dir(place.path("results/data")).unwrap().count(), 1);
}

#[test]
fn a_file_that_a_figure_lacks_is_said() {
    let place = trained();
    let run = run(&place, "baseline");
    for (name, figure) in [
        ("samples.npy", "samples"),
        ("nearest.npy", "neighbours"),
        ("completion.npy", "completions"),
        ("reconstruction.npy", "completions"),
    ] {
        let path = file(&place, &run, name);
        flip(&path);
        let (_, err) = place.exits(0, "plots");
        let said =
            format!("warning: small: the figure {figure} lacks a file: run {run} is damaged");
        assert!(err.contains(&said) && err.contains(name), "{err}");
        assert!(err.contains("`ablade verify small` trains a damaged run again"), "{err}");
        flip(&path);
        let (_, err) = place.exits(0, "plots");
        assert!(!err.contains("warning"), "{err}");
    }
}

#[test]
fn a_damaged_plan_is_no_study_that_is_not_there() {
    let place = trained();
    place.exits(0, "sweep small.toml --name other --seeds 1");
    fs::write(place.path("results/small/plan.json"), "").unwrap();
    for command in [
        "sample small/skip-on/1",
        "inpaint small/skip-on/1",
        "evaluate small/skip-on/1",
        "evaluate small",
        "masks small/skip-on/1 --out m.npz",
    ] {
        let (_, err) = place.exits(2, command);
        let said = "results/small/plan.json: its checksum does not match; `ablade sweep`";
        assert!(err.contains(said) && !err.contains("no study"), "`ablade {command}`\n{err}");
    }
    let (_, err) = place.exits(2, "evaluate each/skip-on/1");
    assert!(
        err.contains(
            "no study `each` in results; 1 plan that may name it cannot be read: `ablade status`"
        ),
        "{err}"
    );
    place.exits(0, "evaluate other/skip-on/1");
    place.exits(0, &format!("evaluate {}", run(&place, "skip-on")));
}

#[test]
fn a_damaged_run_is_not_said_to_be_untrained() {
    let place = trained();
    let run = run(&place, "skip-on");
    fs::remove_file(file(&place, &run, "checksums.toml")).unwrap();
    for command in ["evaluate small/skip-on/1", "sample small/skip-on/1"] {
        let (_, err) = place.exits(2, command);
        assert!(err.contains("checksums.toml: it is missing; `ablade sweep`"), "{err}");
        assert!(!err.contains("not trained yet"), "{err}");
    }
    let (_, err) = place.exits(0, "status");
    assert!(err.contains("`ablade status small` tells which"), "{err}");
    let (out, err) = place.exits(0, "status small");
    assert!(!err.contains("tells which"), "{err}");
    assert!(
        out.contains("to run: run ") && out.contains("checksums.toml: it is missing"),
        "{out}"
    );
}
