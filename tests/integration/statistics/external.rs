//! Results of other tools: read from their files with a place for every error, paired where seeds
//! are the same, and never compared silently where they are not.

use std::fs;

use ablade::plan::{Compare, External, ExternalValue};
use ablade::results::ExperimentResults;
use ablade::results::ablation::Verdict;
use ablade::rng::Seed;
use ablade::stats::{Paired, Welch};
use proptest::prelude::*;

use super::fixture::study;
use crate::support::place::Place;

fn external(label: &str, values: impl IntoIterator<Item = (u64, f64)>) -> External {
    let value = |(seed, value)| ExternalValue { seed: Seed(seed), value };
    External {
        label: label.to_owned(),
        name: format!("external-{label}"),
        file: format!("{label}.csv"),
        study: None,
        values: values.into_iter().map(value).collect(),
        examples: None,
    }
}

/// A study of a baseline with these values for the seeds 1, 2, ...
fn against(baseline: &[f64], external: Vec<External>) -> ExperimentResults {
    let values = [baseline.iter().map(|value| Some(*value)).collect::<Vec<_>>()];
    let mut study = study(&[1], &values, Compare::default());
    study.plan.external = external;
    study
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// In whatever order its file has the seeds, the pairs are those of the seeds.
    #[test]
    fn the_same_seeds_are_paired_and_others_are_not(
        baseline in prop::collection::vec(80.0..90.0f64, 3..9),
        shift in -3.0..3.0f64,
        turn in 0usize..9,
    ) {
        let other: Vec<f64> =
            baseline.iter().enumerate().map(|(i, b)| b + shift + 0.1 * i as f64).collect();
        let mut own: Vec<(u64, f64)> = (1..).zip(other.iter().copied()).collect();
        own.rotate_left(turn % other.len());
        let ablation = against(&baseline, vec![external("same", own.clone())]).ablation(0);
        let row = &ablation.external[0];
        let expected = Paired::of(&other, &baseline, 0.95, || 0).unwrap();
        prop_assert_eq!(row.delta.unwrap().paired, expected);
        prop_assert!(row.note.contains("paired by seed") && row.note.contains("not checked"));
        prop_assert_eq!(&row.label, "same (external)");

        own[0].0 = 77;
        let ablation = against(&baseline, vec![external("other", own.clone())]).ablation(0);
        let row = &ablation.external[0];
        let values: Vec<f64> = own.iter().map(|(_, value)| *value).collect();
        let expected = Welch::of(&values, &baseline, 0.95).unwrap();
        prop_assert!(row.delta.is_none());
        prop_assert_eq!(row.unpaired.unwrap().welch, expected);
        prop_assert!(row.note.contains("not paired") && row.note.contains("77"), "{}", row.note);
    }
}

#[test]
fn verdicts_of_other_tools_are_corrected_among_themselves() {
    let baseline: Vec<f64> = (0..8).map(|i| 90.0 + 0.3 * f64::from(i * i % 5)).collect();
    let paired = |shift: f64| -> Vec<(u64, f64)> {
        let value = |(seed, b): (u64, &f64)| (seed, b + shift + 0.01 * (seed % 3) as f64);
        (1..).zip(&baseline).map(value).collect()
    };
    let study = against(
        &baseline,
        vec![
            external("better", paired(-2.0)),
            external("worse", paired(2.0).into_iter().map(|(seed, value)| (seed + 100, value))),
            external("few", [(1, 90.0), (2, 91.0)]),
        ],
    );
    let ablation = study.ablation(0);
    let verdicts: Vec<Verdict> = ablation.external.iter().map(|row| row.verdict).collect();
    assert_eq!(verdicts, [Verdict::Better, Verdict::Worse, Verdict::NoEvidence]);
    let p: Vec<(f64, Option<f64>)> = ablation.external.iter().map(|row| row.p().unwrap()).collect();
    let single: Vec<f64> = p.iter().map(|(p, _)| *p).collect();
    let corrected: Vec<f64> = p.iter().map(|(_, corrected)| corrected.unwrap()).collect();
    assert_eq!(corrected, ablade::stats::holm(&single));
    assert!(ablation.external[0].note.contains("over 3 other tools by Holm's method"));
    // The study's own comparisons do not change with them.
    let alone = against(&baseline, Vec::new()).ablation(0);
    assert_eq!(alone.rows, ablation.rows);
    let mut elsewhere = study.clone();
    elsewhere.plan.external[0].study = Some("another".into());
    assert_eq!(elsewhere.ablation(0).external.len(), 2);
}

const EXPERIMENT: &str = r#"
seeds  = 6
data   = { name = "digits", train = 100, valid = 20, test = 30, size = 8 }
model  = { hidden = [10] }
train  = { epochs = 1, batch = 20 }
sample = { count = 0 }

[axes]
model.masks = [1, 2]

[[external]]
label  = "other, tool"
file   = "others/made.csv"
metric = "test-nll"
unit   = "nats"
value  = "nll"
"#;

fn with(file: &str) -> Place {
    let place = Place::with(EXPERIMENT);
    fs::create_dir(place.path("others")).unwrap();
    fs::write(place.path("others/made.csv"), file).unwrap();
    place
}

fn file(seeds: impl IntoIterator<Item = u64>) -> String {
    let rows: Vec<String> = seeds
        .into_iter()
        .map(|seed| format!("{seed},{}\n", 30.0 + 0.5 * seed as f64))
        .collect();
    format!("seed,nll\n{}", rows.concat())
}

#[test]
fn a_file_becomes_a_marked_row_of_every_table() {
    let place = with(&file(1..=6));
    place.exits(0, "sweep small.toml");
    let table = place.table("ablation.csv");
    assert_eq!(table.len(), 3);
    assert_eq!(table[2]["variant"], "external-other_tool");
    assert_eq!((table[2]["n"].as_str(), table[2]["n_pairs"].as_str()), ("6", "6"));
    assert_eq!(table[2]["test_nll_mean_nats"], "31.75");
    assert!(table[2]["note"].contains("results of another tool: others/made.csv; paired by seed"));
    let delta: f64 = table[2]["delta_nats"].parse().unwrap();
    let baseline: f64 = table[0]["test_nll_mean_nats"].parse().unwrap();
    assert!((delta - (31.75 - baseline)).abs() < 1e-9);
    let (told, _) = place.exits(0, "compare small");
    assert!(told.contains("other, tool (external)"), "{told}");
    // Its p value, corrected on its own, has a heading of its own.
    let (own, others) = told.split_once("results of other tools, against the baseline").unwrap();
    assert!(own.contains("p, max-T") && !own.contains("| other, tool"), "{told}");
    let others = others.split("| other, tool").next().unwrap();
    assert!(others.contains("p, Holm") && !others.contains("p, max-T"), "{told}");
    let (latex, _) = place.exits(0, "compare small --format latex");
    assert!(latex.contains("External: results of another tool"), "{latex}");
    place.exits(0, "compare small --format json");
    place.exits(0, "plots small");
    assert!(place.read("plots/index.html").contains("Results of other tools"));
    // The values are those of the plan: tables do not change with the file.
    fs::remove_file(place.path("others/made.csv")).unwrap();
    place.exits(0, "tables small");
    place.exits(0, "verify small --runs 1");

    // Other seeds: not paired, and said.
    let place = with(&file([1, 2, 3, 11, 12]));
    place.exits(0, "sweep small.toml");
    let table = place.table("ablation.csv");
    assert_eq!((table[2]["n_pairs"].as_str(), table[2]["n"].as_str()), ("", "5"));
    assert!(!table[2]["delta_nats"].is_empty() && !table[2]["p"].is_empty());
    assert!(table[2]["note"].contains("it lacks the seeds 4, 5, 6 and has others, 11, 12"));
}

#[test]
fn examples_of_a_seed_are_averaged() {
    let mut text = "\u{feff}seed,example,nll\n".to_owned();
    for seed in 1..=6 {
        for example in 0..30 {
            text += &format!("{seed},e{example},{}\n", 30 + seed + example % 2);
        }
    }
    let place = with(&text);
    let experiment = format!("{EXPERIMENT}example = \"example\"\n");
    fs::write(place.path("small.toml"), experiment).unwrap();
    place.exits(0, "sweep small.toml");
    let table = place.table("ablation.csv");
    assert_eq!((table[2]["test_nll_mean_nats"].as_str(), table[2]["n"].as_str()), ("34", "6"));
    // A seed with other examples has another mean, and other examples than the runs do not compare.
    fs::write(place.path("others/made.csv"), text.replace("4,e7,", "4,e77,")).unwrap();
    let (_, err) = place.exits(2, "plan small.toml");
    assert!(err.contains("is not of both seed 1 and seed 4"), "{err}");
    let fewer: Vec<&str> = text.lines().filter(|line| !line.contains(",e29,")).collect();
    fs::write(place.path("others/made.csv"), fewer.join("\n")).unwrap();
    place.exits(0, "sweep small.toml");
    let table = place.table("ablation.csv");
    assert_eq!(table[2]["verdict"], "not comparable");
    assert!(table[2]["note"].contains("scored on 29 examples, the baseline on 30"));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    for (content, said, line) in [
        ("seed,nnl\n1,2\n", "the file has no column `nll`", "made.csv:1:"),
        ("seed,nll,nll\n1,2,3\n", "the file has 2 columns `nll`", "made.csv:1:"),
        ("run,nll\n1,2\n", "the file has no column `seed`", "made.csv:1:"),
        ("seed,nll\n", "has no row", "made.csv:1:"),
        ("seed,nll\n1,2\n2,nan\n", "\"nan\" is no finite number", "made.csv:3:"),
        ("seed,nll\n1,2\n2,\n", "the row has no value", "made.csv:3:"),
        ("seed,nll\n1,2\n-1,3\n", "\"-1\" is no seed", "made.csv:3:"),
        ("seed,nll\n1,2\n1.5,3\n", "\"1.5\" is no seed", "made.csv:3:"),
        ("seed,nll\n1,2\n2,3\n1,4\n", "seed 1 is there twice", "made.csv:4:"),
        ("seed,nll\n1,2\n2\n", "the row has 1 of 2 fields", "made.csv:3:"),
    ] {
        let place = with(content);
        let (_, err) = place.exits(2, "plan small.toml");
        assert!(err.contains(said) && err.contains(line), "{content:?}: {err}");
        assert!(!place.path("results").exists());
    }
    let place = with(&file(1..=6));
    for (from, to, said) in [
        ("\"nats\"", "\"bits\"", "has the unit \"nats\""),
        ("unit   = \"nats\"", "", "has no `unit`"),
        ("\"test-nll\"", "\"valid-nll\"", "and `test-nll` is compared"),
        ("\"test-nll\"", "\"test-nl\"", "did you mean `test-nll`?"),
        ("value  = \"nll\"", "", "an [[external]] has no `value`"),
        ("value  =", "valve  =", "did you mean `value`?"),
        ("\"others/made.csv\"", "\"others/mad.csv\"", "no such file"),
        ("\"others/made.csv\"", "\"/dev/zero\"", "cannot read /dev/zero"),
        ("\"others/made.csv\"", "\"others\"", "cannot read others"),
        ("\"other, tool\"", "\"masks 2\"", "a variant is called \"masks 2\""),
        ("\"other, tool\"", "\"baseline\"", "a variant is called \"baseline\""),
        (
            "\"other, tool\"",
            "\"baseline\"",
            "external.label is also the name of a variant",
        ),
        (
            "value  = \"nll\"",
            "value  = \"nll\"\nstudy = \"none\"",
            "no study is called \"none\"",
        ),
    ] {
        fs::write(place.path("small.toml"), EXPERIMENT.replace(from, to)).unwrap();
        let (_, err) = place.exits(2, "plan small.toml");
        assert!(err.contains(said) && err.contains("small.toml:"), "{to}: {err}");
    }
    fs::write(place.path("small.toml"), EXPERIMENT).unwrap();
    fs::write(place.path("others/made.csv"), b"seed,nll\n1,\xff\n").unwrap();
    let (_, err) = place.exits(2, "plan small.toml");
    assert!(err.contains("its line 2 is not UTF-8") && err.contains("small.toml:"), "{err}");
}
