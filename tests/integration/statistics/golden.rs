//! Tables compared with an independent computation by scipy and numpy, to 1e-9.

use std::collections::BTreeMap;
use std::path::Path;

use ablade::plan::{Compare, Correction, PairedTest, RunSpec};
use ablade::results::tables;
use ablade::stats::holm;
use ablade::store::{RunRecord, Store};
use serde::Deserialize;
use serde_json::Value;

use super::fixture::{ablade, study, succeeded};
use crate::support::{made, python, skipped};

const SCRIPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/statistics/recompute.py");

/// A study of `recompute.py golden`.
#[derive(Deserialize)]
struct Case {
    level: f64,
    negligible: f64,
    shape: Vec<usize>,
    values: Vec<Vec<Option<f64>>>,
    ablation: Vec<BTreeMap<String, Option<f64>>>,
    effects: Vec<BTreeMap<String, Option<f64>>>,
    best: Vec<Option<bool>>,
    /// The same by t tests and Holm's correction.
    ablation_t: Vec<BTreeMap<String, Option<f64>>>,
    effects_t: Vec<BTreeMap<String, Option<f64>>>,
}

fn table(store: &Store, file: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader =
        csv::Reader::from_path(store.experiment_dir("made-up").unwrap().join(file)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[track_caller]
fn assert_rows(
    found: &[BTreeMap<String, String>],
    expected: &[BTreeMap<String, Option<f64>>],
) -> usize {
    assert_eq!(found.len(), expected.len());
    let mut compared = 0;
    for (found, expected) in found.iter().zip(expected) {
        for (column, value) in expected {
            let cell = found.get(column).unwrap_or_else(|| panic!("no column {column}"));
            match value {
                None => assert_eq!(cell, "", "{column}"),
                Some(value) => {
                    let off = (cell.parse::<f64>().unwrap() - value).abs() / value.abs().max(1.0);
                    assert!(off <= 1e-9, "{column} is {cell}, expected {value}");
                    compared += 1;
                }
            }
        }
    }
    compared
}

#[test]
fn the_tables_hold_the_golden_numbers() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    let mut compared = 0;
    for case in cases {
        let compare = Compare {
            level: case.level,
            negligible: Some(case.negligible),
            ..Compare::default()
        };
        let by_t = Compare {
            test: PairedTest::T,
            correction: Correction::Holm,
            ..compare.clone()
        };
        for (compare, ablation, effects) in [
            (compare, &case.ablation, &case.effects),
            (by_t, &case.ablation_t, &case.effects_t),
        ] {
            let home = tempfile::tempdir().unwrap();
            let store = Store::open(home.path(), made()).unwrap();
            tables::write(&store, &study(&case.shape, &case.values, compare)).unwrap();
            compared += assert_rows(&table(&store, "ablation.csv"), ablation);
            compared += assert_rows(&table(&store, "effects.csv"), effects);
            let best: Vec<Option<bool>> = (table(&store, "ablation.csv").iter())
                .map(|row| match row["may_be_best"].as_str() {
                    "" => None,
                    word => Some(word == "yes"),
                })
                .collect();
            assert_eq!(best, case.best);
        }
    }
    assert!(compared > 2000, "{compared}");
}

#[test]
fn the_golden_numbers_are_scipys() {
    let Some(mut python) = python("scipy, numpy") else { return };
    let now: Value =
        serde_json::from_str(&succeeded(python.args([SCRIPT, "golden"]).output().unwrap()))
            .unwrap();
    let kept: Value = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_alike(&now, &kept);
}

/// Compares to a tolerance, because another version of scipy may differ in the last digits.
#[track_caller]
fn assert_alike(a: &Value, b: &Value) {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| assert_alike(a, b));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
            a.iter().for_each(|(key, a)| assert_alike(a, &b[key]));
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-11 * b.abs().max(1.0), "{a}, kept {b}");
        }
        _ => assert_eq!(a, b),
    }
}

/// A study of 2 x 3 variants and 6 seeds of a real, small model; then the effect of a lost run.
#[test]
fn a_swept_study_is_recomputed_from_its_runs() {
    let Some(mut python) = python("scipy, numpy") else { return };
    let home = tempfile::tempdir().unwrap();
    let file = r#"
        seeds = 6
        data  = { name = "digits", train = 200, valid = 50, test = 70, size = 8 }
        model = { hidden = [12], ordering = "random" }
        train = { epochs = 2 }
        sample = { count = 0 }
        [compare]
        metric = "test-nll-mixture"
        [axes]
        model.skip  = [false, true]
        model.masks = [1, 2, 4]
    "#;
    std::fs::write(home.path().join("small.toml"), file).unwrap();
    ablade(home.path(), "sweep small.toml");
    std::fs::write(home.path().join("single.toml"), file.replace("test-nll-mixture", "test-nll"))
        .unwrap();
    ablade(home.path(), "sweep single.toml");
    lose_a_run(&home.path().join("results"));
    let said = succeeded(
        python
            .args([SCRIPT, "check"])
            .arg(home.path().join("results"))
            .output()
            .unwrap(),
    );
    assert!(said.contains("numbers, largest deviation"), "{said}");
}

/// Replaces a run of the last variant by one that diverged.
fn lose_a_run(results: &Path) {
    let store = Store::open(results, made()).unwrap();
    let plan = store.load_plan("single").unwrap();
    let spec: &RunSpec = plan.runs.last().unwrap();
    let RunRecord { summary, epochs, timing, .. } = store.record(&spec.id).unwrap();
    let mut summary = summary.unwrap();
    summary.status = ablade::record::RunStatus::Diverged;
    for name in ["test_nll_nats", "test_nll_mixture_nats"] {
        summary.facts.remove(name);
    }
    let output = ablade::record::RunOutput {
        summary,
        epochs,
        timing: timing.unwrap(),
        files: Vec::new(),
        taken: Vec::new(),
    };
    store.set_aside(&spec.id).unwrap();
    store.publish(spec, &output).unwrap();
    tables::write_all(&store, &plan).unwrap();
    // The run is also part of the other experiment.
    tables::write_all(&store, &store.load_plan("small").unwrap()).unwrap();
}

/// Comparison with `p.adjust` of R, if R is installed.
#[test]
fn holm_is_rs_p_adjust() {
    let samples: [&[f64]; 4] = [
        &[0.01, 0.02, 0.03, 0.04],
        &[0.04, 0.01, 0.6, 0.005, 0.04],
        &[0.0078125; 6],
        &[0.2, 0.0001, 0.9, 0.03],
    ];
    for p in samples {
        let list: Vec<String> = p.iter().map(f64::to_string).collect();
        let code = format!("cat(format(p.adjust(c({}), 'holm'), digits = 17))", list.join(","));
        let Ok(output) = std::process::Command::new("Rscript").args(["-e", &code]).output() else {
            return skipped("it needs Rscript");
        };
        let expected: Vec<f64> =
            succeeded(output).split_whitespace().map(|x| x.parse().unwrap()).collect();
        let found = holm(p);
        assert_eq!(found.len(), expected.len());
        assert!(
            found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-15),
            "{found:?}, R has {expected:?}"
        );
    }
}
