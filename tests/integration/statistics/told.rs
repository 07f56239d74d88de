//! Output of `compare`: the tables of one experiment, the comparison of two, and the checklist.

use std::collections::BTreeMap;
use std::path::Path;

use super::fixture::ablade;
use crate::support::place::Place;

fn write(home: &Path, name: &str, epochs: usize, seeds: usize, masks: &str) {
    let text = format!(
        r#"
        seeds  = {seeds}
        data   = {{ name = "digits", train = 100, valid = 20, test = 30, size = 8 }}
        model  = {{ hidden = [10] }}
        train  = {{ epochs = {epochs}, batch = 20 }}
        sample = {{ count = 0 }}
        [axes]
        model.masks = {masks}
        model.skip  = [false, true]
        "#
    );
    std::fs::write(home.join(format!("{name}.toml")), text).unwrap();
}

#[test]
fn a_study_shows_both_sources_of_error_and_its_effects() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "grid", 1, 6, "[1, 2]");
    ablade(home.path(), "sweep grid.toml");
    let told = ablade(home.path(), "compare grid");
    assert!(told.contains("6 paired seeds, nats per image, lower is better"), "{told}");
    assert!(told.contains("half of a 95 % t interval over 30 test images"), "{told}");
    assert!(told.contains("masks 2 x skip on"), "the interaction: {told}");
    let moved = ablade(home.path(), "compare grid --baseline masks-2");
    let line = moved.lines().find(|line| line.contains("| masks 2 ")).unwrap();
    assert!(line.contains("baseline"), "{moved}");
}

#[test]
fn two_experiments_are_matched_by_variant_and_seed() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "old", 1, 2, "[1, 2]");
    write(home.path(), "new", 2, 3, "[1, 4]");
    ablade(home.path(), "sweep old.toml");
    ablade(home.path(), "sweep new.toml");
    let told = ablade(home.path(), "compare old new");
    assert!(told.contains("new against old"), "{told}");
    assert!(
        told.contains("only in old: masks 2; skip on, masks 2")
            || told.contains("only in old: masks 2; masks 2, skip on"),
        "{told}"
    );
    assert!(told.contains("only in new: masks 4"), "{told}");
    assert!(
        told.contains("2 runs planned by one of them alone"),
        "the third seed of two variants: {told}"
    );
    assert!(told.contains("train.epochs 1 -> 2: every variant"), "{told}");
    assert!(told.contains("0 runs identical, 4 changed"), "{told}");
    let same = ablade(home.path(), "compare old old");
    assert!(same.contains("8 runs identical, 0 changed"), "{same}");
}

/// The comparison of two experiments as a file has the values of their runs, in every format; a file
/// that is there stays.
#[test]
fn a_comparison_is_written_in_every_format_and_over_no_file() {
    let place = Place::new();
    write(&place.path(""), "old", 1, 2, "[1, 2]");
    write(&place.path(""), "new", 2, 3, "[1, 4]");
    for name in ["old", "new"] {
        place.exits(0, &format!("sweep {name}.toml"));
    }
    let rows = |file: &str| -> Vec<BTreeMap<String, String>> {
        let text = place.read(file);
        csv::Reader::from_reader(text.as_bytes())
            .deserialize()
            .map(Result::unwrap)
            .collect()
    };
    place.exits(0, "compare old new --out both.csv");
    let table = rows("both.csv");
    let labels: Vec<&str> = table.iter().map(|row| row["label"].as_str()).collect();
    assert_eq!(labels.len(), 6, "{labels:?}");
    let baseline = &table[0];
    assert_eq!((baseline["first"].as_str(), baseline["second"].as_str()), ("old", "new"));
    // Means over the two seeds that both have.
    let mean = |experiment: &str| {
        let runs = rows(&format!("results/{experiment}/runs.csv"));
        let own = runs.iter().filter(|run| run["variant"] == "baseline" && run["seed"] != "3");
        let values: Vec<f64> = own.map(|run| run["test_nll_nats"].parse().unwrap()).collect();
        assert_eq!(values.len(), 2);
        values.iter().sum::<f64>() / 2.0
    };
    let cell = |column: &str| baseline[column].parse::<f64>().unwrap();
    let (first, second) = (mean("old"), mean("new"));
    assert!((cell("first_test_nll_mean_nats") - first).abs() < 1e-9);
    assert!((cell("second_test_nll_mean_nats") - second).abs() < 1e-9);
    assert!((cell("mean_change_nats") - (second - first)).abs() < 1e-9);
    assert_eq!(baseline["settings"], "train.epochs 1 -> 2");
    let note = |label: &str| &table.iter().find(|row| row["label"] == label).unwrap()["note"];
    assert_eq!(
        (note("masks 2").as_str(), note("masks 4").as_str()),
        ("only in old", "only in new")
    );

    for (file, part) in [
        ("both.md", "**new against old.** Test NLL (nats per image), lower is better"),
        ("both.tex", "\\label{tab:old-new}"),
        ("both.json", "\"first\": \"old\""),
    ] {
        place.exits(0, &format!("compare old new --out {file}"));
        let text = place.read(file);
        assert!(text.contains(part), "{file}: {text}");
        let setting = if file.ends_with("tex") { "1 -$>$ 2" } else { "1 -" };
        assert!(text.contains(&format!("train.epochs {setting}")), "{file}: {text}");
    }
    let (printed, _) = place.exits(0, "compare old new --format json");
    assert_eq!(printed, place.read("both.json"));
    for arguments in ["compare old new --out both.xlsx", "compare old --out old.xlsx"] {
        place.exits(0, arguments);
    }
    assert!(std::fs::read(place.path("both.xlsx")).unwrap().starts_with(b"PK"));
    let same = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert!(same("old.xlsx") == same("results/old/results.xlsx"));
    place.exits(0, "compare old --out old.tex");
    assert!(same("old.tex") == same("results/old/tables.tex"));

    // What is there stays, unless told otherwise.
    std::fs::write(place.path("mine.csv"), "precious").unwrap();
    let (_, err) = place.exits(2, "compare old new --out mine.csv");
    assert!(err.contains("mine.csv exists: --replace overwrites it"), "{err}");
    assert_eq!(place.read("mine.csv"), "precious");
    place.exits(0, "compare old new --out mine.csv --replace");
    assert_eq!(place.read("mine.csv"), place.read("both.csv"));
    std::os::unix::fs::symlink("both.csv", place.path("link.csv")).unwrap();
    let (_, err) = place.exits(2, "compare old new --out link.csv --replace");
    assert!(err.contains("is a link"), "{err}");
    // The results that are compared are no place for it, whatever is there.
    let plan = place.read("results/old/plan.json");
    for file in ["results/old/ablation.csv", "results/mine.csv", "results/runs/new.json"] {
        let (_, err) = place.exits(2, &format!("compare old new --out {file} --replace"));
        assert!(err.contains("is among the results in results"), "{err}");
    }
    assert_eq!(place.read("results/old/plan.json"), plan);
    for file in ["both", "both.txt", "both.ods"] {
        let (_, err) = place.exits(2, &format!("compare old new --out {file}"));
        assert!(err.contains("ends in .csv, .xlsx, .md, .tex or .json"), "{err}");
    }
}

/// Runs that studies share count once, and variants of several studies are told apart.
#[test]
fn studies_of_two_experiments_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    for (name, epochs, studies) in
        [("old", 1, &["each", "both", "gone"][..]), ("new", 2, &["each", "both"])]
    {
        write(home.path(), name, epochs, 2, "[1, 2]");
        let path = home.path().join(format!("{name}.toml"));
        let mut text = std::fs::read_to_string(&path).unwrap();
        for study in studies {
            let design = if *study == "each" { "one-at-a-time" } else { "grid" };
            text += &format!("\n[[study]]\nname = \"{study}\"\ndesign = \"{design}\"\n");
        }
        std::fs::write(&path, text).unwrap();
        ablade(home.path(), &format!("sweep {name}.toml"));
    }
    let told = ablade(home.path(), "compare old new");
    // Of 4 variants with 2 seeds each, 3 are in both studies.
    assert!(told.contains("\n0 runs identical, 8 changed"), "{told}");
    for row in ["| each: baseline ", "| both: baseline ", "| each: skip on "] {
        assert!(told.contains(row), "{row}: {told}");
    }
    let only = "gone: baseline; gone: skip on; gone: masks 2; gone: masks 2, skip on";
    assert!(told.contains(&format!("only in old: {only}\n")), "{told}");
    let told = ablade(home.path(), "compare new old");
    assert!(told.contains(&format!("only in old: {only}\n")), "{told}");
    let same = ablade(home.path(), "compare old old");
    assert!(same.contains("\n8 runs identical, 0 changed"), "{same}");
}

/// An average of one mask, or a mixture of one, is said to be none.
#[test]
fn a_metric_of_several_masks_says_where_there_is_one() {
    let home = tempfile::tempdir().unwrap();
    for (metric, masks, said) in [
        (
            "test-nll-averaged",
            "[1, 2]",
            Some("averaged NLL: nothing is averaged, as sample.masks is 1"),
        ),
        (
            "test-nll-mixture",
            "[1]",
            Some("mixture NLL: nothing is mixed, as every variant has one mask"),
        ),
        ("test-nll-mixture", "[1, 2]", None),
        ("test-nll", "[1]", None),
    ] {
        write(home.path(), "one", 1, 2, masks);
        let path = home.path().join("one.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("compare = {{ metric = \"{metric}\" }}\n{text}")).unwrap();
        ablade(home.path(), "sweep one.toml --replace");
        let told = ablade(home.path(), "compare one");
        assert_eq!(told.contains("NLL: nothing is "), said.is_some(), "{metric} {masks}: {told}");
        assert!(said.is_none_or(|said| told.contains(said)), "{metric} {masks}: {told}");
    }
}

#[test]
fn the_checklist_answers_what_reviewers_ask() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "few", 1, 3, "[1]");
    ablade(home.path(), "sweep few.toml");
    let told = ablade(home.path(), "compare few --checklist")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for answer in [
        "95 % Student t intervals",
        "Everything random in training",
        "3 seeds in each of 2 variants",
        "the 1 comparison of the study",
        "no outcome of this study could have been significant; 6 seeds could",
        "epoch with the lowest validation NLL",
        "Not tuned per variant",
        "6 finished:",
    ] {
        assert!(told.contains(answer), "{answer}: {told}");
    }
}
