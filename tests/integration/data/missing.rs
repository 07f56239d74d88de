//! `missing_data = "skip"`: an experiment over several data sets runs on those that are there, and all
//! that it writes names the others.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use ablade::data::Library;
use ablade::experiment::{Overrides, load_with};
use ablade::plan::Plan;
use ablade::trainers::made::{MadeTrainer, run_config};
use proptest::prelude::*;

use crate::support::place::Place;

const STUDY: &str = r#"
seeds = 2
data  = { name = "DATA", train = 40, valid = 20, test = 20, size = 6 }
model = { hidden = [6] }
train = { epochs = 1, batch = 20 }
sample.count = 0
compare.metric = "test-nll-mixture"
WITHIN
execution.missing_data = "skip"

[axes]
model.masks = [1, 2]
data.name   = [LEVELS]
"#;

const WITHIN: &str = "compare.within = [\"data.name\"]";

fn study(place: &Place, name: &str, data: &str, within: &str, levels: &[&str]) {
    let levels: Vec<String> = levels.iter().map(|level| format!("{level:?}")).collect();
    let text = STUDY.replace("DATA", data).replace("WITHIN", within);
    fs::write(place.path(name), text.replace("LEVELS", &levels.join(", "))).unwrap();
}

/// Output in one line of single spaces: long lines are broken between words.
fn words(text: &(String, String)) -> String {
    let text = format!("{} {}", text.0, text.1);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Plan of an experiment over data sets, of which those that this program draws are there.
fn plan(data: &str, levels: &[&str], design: &str) -> Result<Plan, String> {
    let trainer = MadeTrainer::new(Library::at("/nonexistent"));
    let quoted: Vec<String> = levels.iter().map(|level| format!("{level:?}")).collect();
    let text = STUDY.replace("DATA", data).replace("WITHIN", WITHIN);
    let text = text.replace("LEVELS", &quoted.join(", ")) + design;
    let path = Path::new("/experiment.toml");
    let experiment = load_with(path, &Overrides::default(), &trainer, &|_| Ok(text.clone()));
    let mut experiment = experiment.unwrap_or_else(|error| panic!("{error}"));
    experiment.leave_out_missing(&trainer)?;
    let name = |config: &_| Ok::<_, Infallible>(run_config(config).data.name.clone());
    let plan = experiment.plan_by(&trainer, name);
    Ok(plan.unwrap_or_else(|error| match error {}))
}

const SETS: [&str; 6] = ["digits", "nips", "letters", "web", "shapes", "no/such"];

proptest! {
    /// An experiment of which some sets are missing is the experiment over the others.
    #[test]
    fn leaving_sets_out_is_not_asking_for_them(
        levels in prop::sample::subsequence(SETS.to_vec(), 1..=6).prop_shuffle(),
        data in prop::sample::select(SETS.to_vec()),
        tuned: bool,
    ) {
        let there = |name: &&str| ["digits", "letters", "shapes"].contains(name);
        let design = match tuned {
            true => "train.optimizer.adam.lr = { values = [1e-2, 1e-3], tune = true }\n",
            false => "model.skip = [false, true]\n",
        };
        let present: Vec<&str> = levels.iter().copied().filter(there).collect();
        let whole = plan(data, &levels, design);
        prop_assert_eq!(whole.is_err(), present.is_empty());
        if let Ok(whole) = whole {
            let alone = plan(data, &present, design).expect("a plan");
            prop_assert_eq!(whole.missing.len(), levels.len() - present.len());
            prop_assert_eq!(whole.studies, alone.studies);
            prop_assert_eq!(whole.runs, alone.runs);
        }
    }
}

/// A set of images of 6 x 6 as a table.
fn set(place: &Place, name: &str) {
    let row = |i: u64| {
        let bits = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 28;
        (0..36)
            .map(|k| if bits >> k & 1 == 1 { "1 " } else { "0 " })
            .collect::<String>()
    };
    let rows: String = (1..301).map(|i| row(i).trim_end().to_owned() + "\n").collect();
    fs::create_dir_all(place.path("sets")).unwrap();
    fs::write(place.path(name), rows).unwrap();
}

#[test]
fn variants_on_missing_sets_are_left_out_and_named() {
    let place = Place::new();
    let levels = ["digits", "connect4", "shapes", "nips", "sets/mine.csv"];
    study(&place, "small.toml", "digits", WITHIN, &levels);
    let known = "4 variants on connect4, nips, not on this machine; `ablade data fetch connect4 nips` gets them (38 MB)";
    let path = "2 variants on sets/mine.csv, where nothing is";
    let planned = words(&place.exits(0, "plan small.toml"));
    for expected in [
        known,
        path,
        "10 cells - 6 without data = 4 variants",
        "data.name = digits, shapes ",
    ] {
        assert!(planned.contains(expected), "{planned}\n{expected}");
    }
    let both = [format!("left out: {known}"), format!("left out: {path}")];
    for arguments in ["sweep small.toml", "status", "tables", "compare small"] {
        let said = words(&place.exits(0, arguments));
        assert!(both.iter().all(|sentence| said.contains(sentence)), "{arguments}: {said}");
    }
    assert!(
        place
            .read("results/small/tables.tex")
            .contains("Left out, as their data were not there: connect4, nips, sets/mine.csv.")
    );
    place.exits(0, "plots small");
    let page = place.read("plots/index.html");
    assert!(
        page.contains("Left out: 4 variants on connect4, nips"),
        "the page does not say it"
    );

    // The tables are those of an experiment over the sets that are there.
    study(&place, "alone.toml", "digits", WITHIN, &["digits", "shapes"]);
    place.exits(0, "sweep alone.toml");
    for table in ["ablation.csv", "blocks.csv"] {
        let [own, alone] =
            ["small", "alone"].map(|name| place.read(&format!("results/{name}/{table}")));
        assert_eq!(own, alone.replace("alone", "small"), "{table}");
    }

    // A set that comes later extends the tables, and the runs that are there stay.
    let before = place.published();
    set(&place, "sets/mine.csv");
    let swept = words(&place.exits(0, "sweep small.toml"));
    assert!(swept.contains(&both[0]) && !swept.contains("where nothing is"), "{swept}");
    let after = place.published();
    assert!(before.iter().all(|run| after.contains(run)));
    assert_eq!((after.len(), place.table("ablation.csv").len()), (12, 6));

    // One that has gone would take its runs out of them.
    fs::remove_file(place.path("sets/mine.csv")).unwrap();
    let refused = words(&place.exits(2, "sweep small.toml"));
    assert!(refused.contains("4 finished runs would leave its tables"), "{refused}");
    assert_eq!(place.table("ablation.csv").len(), 6);
}

#[test]
fn each_block_that_is_there_has_its_baseline() {
    let place = Place::new();
    study(&place, "small.toml", "nips", WITHIN, &["nips", "digits", "shapes"]);
    place.exits(0, "sweep small.toml");
    let verdicts: Vec<String> =
        place.table("ablation.csv").iter().map(|row| row["verdict"].clone()).collect();
    assert_eq!(
        verdicts.iter().filter(|verdict| *verdict == "baseline").count(),
        2,
        "{verdicts:?}"
    );
}

#[test]
fn what_would_answer_nothing_is_refused() {
    let place = Place::new();
    study(&place, "none.toml", "nips", WITHIN, &["nips", "web", "no/such"]);
    let refused = words(&place.exits(2, "plan none.toml"));
    for expected in [
        "none: none of its data is there: 4 variants on nips, web, not on this machine",
        "`ablade data fetch nips web`",
        "2 variants on no/such, where nothing is",
    ] {
        assert!(refused.contains(expected), "{refused}\n{expected}");
    }
    study(&place, "base.toml", "nips", "", &["nips", "digits"]);
    let refused = words(&place.exits(2, "sweep base.toml"));
    for expected in [
        "base: the data of its baseline are missing",
        "`ablade data fetch nips`",
        "within",
    ] {
        assert!(refused.contains(expected), "{refused}\n{expected}");
    }
    study(&place, "only.toml", "digits", WITHIN, &["digits", "nips"]);
    let plan = words(&place.exits(0, "plan only.toml"));
    assert!(plan.contains("left out 2 variants on nips"), "{plan}");
    let refused = words(&place.exits(2, "plan only.toml --only name-nips"));
    assert!(
        refused.contains("--only name-nips: left out are 2 variants on nips"),
        "{refused}"
    );
    assert!(!place.path("results").exists(), "something was written");
}

#[test]
fn mistakes_and_damage_are_not_missing_data() {
    let place = Place::new();
    let refuses = |name: &str, expected: &str| {
        study(&place, "small.toml", "digits", WITHIN, &["digits", name]);
        let refused = words(&place.exits(2, "plan small.toml"));
        assert!(refused.contains(expected), "{refused}\n{expected}");
    };
    refuses("nisp", "did you mean `nips`?");
    fs::write(place.path("mine.csv"), "0,1\n0,2\n").unwrap();
    refuses("mine.csv", "line 2, value 2");
    fs::create_dir(place.path("empty")).unwrap();
    refuses("empty", "no data set in this folder");

    // Without the option a set that is not there is an error, with the folder that could be meant.
    fs::create_dir(place.path("web")).unwrap();
    let refused = words(&place.exits(2, "data show web"));
    for expected in ["web is not on this machine", "what is at ./web is used by name = \"./web\""] {
        assert!(refused.contains(expected), "{refused}\n{expected}");
    }

    // A part of a known set is not the set, and what gets the whole is said.
    let data = place.path(".local/share/ablade/nips");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("nips.train.data"), "0 1\n1 1\n").unwrap();
    study(&place, "small.toml", "digits", WITHIN, &["digits", "nips"]);
    let plan = words(&place.exits(0, "plan small.toml"));
    let expected =
        "2 variants on nips, of which only a part is here; `ablade data fetch nips` gets it (3 MB)";
    assert!(plan.contains(expected), "{plan}");

    fs::write(
        place.path("program.toml"),
        "[program]\ncommand = [\"true\"]\n[metrics]\nloss.better = \"lower\"\n[settings]\na = 1\n\
         [execution]\nmissing_data = \"skip\"\n",
    )
    .unwrap();
    let refused = words(&place.exits(2, "plan program.toml"));
    assert!(
        refused.contains("`execution.missing_data` goes with the built-in model"),
        "{refused}"
    );
}
