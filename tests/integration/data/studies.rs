//! Data in studies: every variant trains on its own data, and values on other data are never
//! compared without a message.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::place;

/// Sweeps an experiment file in `place`, and returns the output.
#[track_caller]
fn ablade(place: &Path, code: i32, arguments: &str) -> String {
    let output = place::ablade(place, arguments).output().expect("the program");
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
        .concat();
    assert_eq!(output.status.code(), Some(code), "`ablade {arguments}`\n{text}");
    // Long lines are broken between words.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn rows(place: &Path, study: &str, table: &str) -> Vec<BTreeMap<String, String>> {
    let path = place.join("results").join(study).join(table);
    csv::Reader::from_path(path)
        .expect("a table")
        .deserialize()
        .map(|row| row.expect("a row"))
        .collect()
}

const BASELINE: &str = "seeds = 2\n[data]\nname = 'digits'\nsize = 8\ntrain = 80\nvalid = 20\ntest = 40\n\
                        [model]\nhidden = [8]\n[train]\nepochs = 1\nbatch = 20\n[sample]\ncount = 4\n";

fn study(place: &Path, name: &str, axes: &str) {
    fs::write(place.join(format!("{name}.toml")), format!("{BASELINE}{axes}")).expect("a file");
}

#[test]
fn binarisations_are_never_mixed_in_silence() {
    let place = tempfile::tempdir().expect("a folder");
    let place = place.path();
    study(
        place,
        "bits",
        "[axes]\ndata.binarize = ['threshold', 'stochastic', 'dynamic']\n",
    );
    let warned = "scored on images binarised once at random, the baseline on images binarised at half grey: their NLL do not \
                  compare";
    let planned = ablade(place, 0, "plan bits.toml");
    assert!(planned.contains(warned), "{planned}");
    let swept = ablade(place, 0, "sweep bits.toml --progress none");
    assert!(swept.contains(warned) && swept.contains("not comparable"), "{swept}");

    let table = rows(place, "bits", "ablation.csv");
    let column = |name: &str| table.iter().map(|row| row[name].as_str()).collect::<Vec<_>>();
    assert_eq!(column("verdict"), ["baseline", "not comparable", "not comparable"]);
    assert_eq!(column("delta_nats"), ["", "", ""]);
    let scores = column("test_nll_mean_nats");
    assert!(
        scores[0] != scores[1] && scores[1] != scores[2],
        "variants share their data: {scores:?}"
    );

    let recorded = |row: &BTreeMap<String, String>| {
        let run =
            fs::read_to_string(place.join("results/runs").join(&row["run"]).join("summary.toml"));
        run.expect("a summary")
            .lines()
            .find(|line| line.starts_with("binarization"))
            .expect("a line")
            .to_owned()
    };
    let recorded: Vec<String> =
        rows(place, "bits", "runs.csv").iter().step_by(2).map(recorded).collect();
    assert_eq!(
        recorded,
        ["threshold", "stochastic", "dynamic"].map(|rule| format!("binarization = \"{rule}\""))
    );

    ablade(place, 0, "plots bits");
    for figure in ["ablation.svg", "loss.svg", "samples.svg"] {
        let svg = fs::read_to_string(place.join("plots/bits").join(figure)).expect(figure);
        assert!(svg.contains("binarised again every epoch"), "{figure}");
    }
    let page = fs::read_to_string(place.join("plots/index.html")).expect("a page");
    assert!(page.contains("not comparable"));
}

#[test]
fn the_same_test_bits_compare_and_the_table_says_what_differs() {
    let place = tempfile::tempdir().expect("a folder");
    let place = place.path();
    let axes = "[axes]\ndata.binarize = ['stochastic', 'dynamic']\ndata.train = [80, 40]\n";
    let baseline = BASELINE.replace("size = 8", "size = 8\nbinarize = 'stochastic'");
    fs::write(place.join("drawn.toml"), baseline + axes).expect("a file");
    let swept = ablade(place, 0, "sweep drawn.toml --progress none");
    assert!(swept.contains("trained on images binarised again every epoch"), "{swept}");
    assert!(!swept.contains("not comparable"), "{swept}");
    let table = rows(place, "drawn", "ablation.csv");
    let mut scores: Vec<&str> =
        table.iter().map(|row| row["test_nll_mean_nats"].as_str()).collect();
    scores.sort_unstable();
    scores.dedup();
    assert_eq!(scores.len(), 4, "variants share their data: {table:?}");
}

#[test]
fn two_studies_on_other_data_are_not_subtracted() {
    let place = tempfile::tempdir().expect("a folder");
    let place = place.path();
    study(place, "half", "[axes]\nmodel.skip = [false, true]\n");
    fs::copy(place.join("half.toml"), place.join("drawn.toml")).expect("a copy");
    ablade(place, 0, "sweep half.toml --progress none");
    ablade(place, 0, "sweep drawn.toml --progress none --set data.binarize=stochastic");
    let compared = ablade(place, 0, "compare half drawn");
    assert!(
        compared.contains(
            "not compared: baseline: scored on images binarised once at random, half on images"
        ),
        "{compared}"
    );
    assert!(compared.contains("0 runs identical, 0 changed"), "{compared}");
}

#[test]
fn paths_are_found_below_the_data_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let place = place.path();
    fs::create_dir_all(place.join("sets/mine/toy")).expect("a folder");
    for (part, rows) in
        [("train", "0,1,1\n1,0,0\n1,1,1\n"), ("valid", "0,0,1\n"), ("test", "1,0,1\n")]
    {
        fs::write(place.join(format!("sets/mine/toy/toy.{part}.data")), rows).expect("a file");
    }
    let shown = ablade(place, 0, "--data-dir sets data show mine/toy");
    assert!(
        shown
            .contains(
                "mine/toy (sets/mine/toy: toy.train.data, toy.valid.data, toy.test.data): 3 train, 1 valid and 1 test vectors \
                 of 3 variables, binary as stored"
            ),
        "{shown}"
    );
    let lost = ablade(place, 2, "--data-dir sets data show mine/toys");
    assert!(lost.contains("nothing is at that path, here or in sets"), "{lost}");
}
