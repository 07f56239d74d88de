//! Tuned axes: the best candidate on validation represents its variant, and all output says so.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::ablade;

type Row = BTreeMap<String, String>;

const STUDY: &str = r#"
    seeds  = 3
    data   = { name = "digits", train = 120, valid = 60, test = 60, size = 8 }
    model  = { hidden = [12] }
    train  = { epochs = 3, batch = 20 }
    sample = { count = 0 }

    [axes]
    model.skip = [false, true]
    train.optimizer.adam.lr = { values = [1e-5, 1e-2, 1e-3], tune = true }
"#;

/// A group that moves two numbers together; the second one is best.
const GROUP: &str = r#"
    seeds  = 2
    data   = { name = "digits", train = 120, valid = 60, test = 60, size = 8 }
    model  = { hidden = [12] }
    train  = { epochs = 1, batch = 20 }
    sample = { count = 0 }

    [axes]
    model.skip = [false, true]

    [[zip]]
    name                    = "pace"
    tune                    = true
    train.optimizer.adam.lr = [1e-5, 1e-3]
    train.epochs            = [1, 3]
"#;

#[test]
fn each_number_of_a_tuned_group_is_told_at_the_end_of_its_range() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("group.toml"), GROUP).unwrap();
    let told = ablade(home.path(), "sweep group.toml");
    let told: Vec<&str> = told.split_whitespace().collect();
    let told = told.join(" ");
    for end in [
        "train.epochs 3 is the largest tried",
        "train.optimizer.adam.lr 0.001 is the largest tried",
    ] {
        assert!(told.contains(end), "{end}: {told}");
    }
    assert!(!told.contains("model.skip"), "{told}");
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap()
}

fn mean(rows: &[&Row], column: &str) -> f64 {
    rows.iter().map(|row| number(row, column)).sum::<f64>() / rows.len() as f64
}

#[test]
fn the_best_on_validation_stands_for_its_variant() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("tuned.toml"), STUDY).unwrap();
    let plan = ablade(home.path(), "plan tuned.toml");
    assert!(plan.contains("2 variants, 3 paired seeds, 18 runs"), "{plan}");
    assert!(
        plan.contains("max-T over 1 comparison"),
        "candidates are no comparisons: {plan}"
    );
    ablade(home.path(), "sweep tuned.toml");
    let table = |name: &str| -> Vec<Row> {
        let path = home.path().join("results/tuned").join(name);
        csv::Reader::from_path(path)
            .unwrap()
            .deserialize()
            .map(Result::unwrap)
            .collect()
    };
    let (runs, ablation) = (table("runs.csv"), table("ablation.csv"));
    assert_eq!((runs.len(), ablation.len()), (18, 2), "every candidate is in runs.csv");
    let mut at_an_end = 0;
    for row in &ablation {
        let own: Vec<&Row> = runs.iter().filter(|run| run["variant"] == row["variant"]).collect();
        let of = |lr: &str| own.iter().filter(|run| run["lr"] == lr).copied().collect::<Vec<_>>();
        let rates: BTreeSet<&str> = own.iter().map(|run| run["lr"].as_str()).collect();
        let scores: Vec<(f64, &str)> =
            rates.iter().map(|lr| (mean(&of(lr), "valid_nll_nats"), *lr)).collect();
        assert_eq!(scores.len(), 3);
        let best = scores.iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1;
        assert_eq!(row["lr"], best);
        let chosen: Vec<&Row> =
            own.iter().filter(|run| run["tuning"] == "chosen").copied().collect();
        assert_eq!(chosen, of(best));
        assert!((number(row, "test_nll_mean_nats") - mean(&chosen, "test_nll_nats")).abs() < 1e-12);
        assert_eq!((row["configurations"].as_str(), row["n"].as_str()), ("3", "3"));
        assert!(
            row["note"].contains("best on validation of 3 configurations"),
            "{}",
            row["note"]
        );
        let tried = [1e-5, 1e-3, 1e-2];
        let place = tried.iter().position(|lr| *lr == best.parse::<f64>().unwrap()).unwrap();
        let end = ["is the smallest tried", "", "is the largest tried"][place];
        let end = (!end.is_empty()).then(|| format!("lr {best} {end}"));
        at_an_end += usize::from(end.iter().any(|end| row["note"].contains(end)));
        assert_eq!(row["note"].contains(" tried"), end.is_some(), "{}", row["note"]);
    }
    assert_eq!(at_an_end, 2, "both networks learn most at the largest rate");
    let told = ablade(home.path(), "compare tuned");
    let told: Vec<&str> = told.split_whitespace().collect();
    let told = told.join(" ");
    assert!(told.contains("lr 0.01 is the largest tried"), "{told}");
    ablade(home.path(), "plots tuned");
    let page = std::fs::read_to_string(home.path().join("plots/index.html")).unwrap();
    assert!(page.contains("lr 0.01 is the largest tried"));
    let figure = std::fs::read_to_string(home.path().join("plots/tuned/tuning.svg")).unwrap();
    assert!(
        figure.contains("Chosen candidate of each variant by validation NLL"),
        "{figure}"
    );
    // Without the tuned axis, the grid of the variants is complete.
    assert!(table("effects.csv").iter().all(|row| row["axis"] == "skip"));
    let checklist = ablade(home.path(), "compare tuned --checklist");
    assert!(
        checklist
            .contains("train.optimizer.adam.lr tuned in every variant over up to 3 configurations"),
        "{checklist}"
    );
    let again = ablade(home.path(), "status tuned");
    assert!(again.contains("18"), "{again}");
}
