//! A program as a trainer, used as its documents say: from a file to tables, figures and page, after
//! edits, again on another machine. `tests/programs.rs` has the programs that misbehave.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use ablade::experiment::{Overrides, declared_trainer, load_with};
use ablade::trainers::program::ProgramTrainers;

use crate::support::place::Place;

/// The example of the documents: three regularisers, three metrics from three places.
const EXPERIMENT: &str = r#"
question = "Which of the three regularisers does this classifier need?"
seeds    = 6
design   = "leave-one-out"

[program]
command  = ["sh", "train.sh", "{args}"]
inputs   = ["train.sh", "lib/**/*.sh"]

[metrics]
test_accuracy = { better = "higher", unit = "%" }
valid_loss    = { better = "lower", column = "val/loss" }
test_at_best  = { better = "higher", column = "test/acc", at = "valid_loss" }
top1          = { better = "higher", stdout = 'Prec@1 ([0-9.]+)' }

[settings]
model.dropout = 0.2
model.norm    = true
train.decay   = 1e-4

[compare]
metric = "test_accuracy"
select = "valid_loss"

[axes]
model.dropout = [0.2, 0.0]
model.norm    = [true, false]
train.decay   = [1e-4, 0.0]
"#;

/// Accuracy 80 + seed/10, 5 more with dropout, 3 more with norm; decay has no effect.
const TRAIN: &str = r#"
. ./lib/score.sh
accuracy=80 norm=0 seed=0
while [ $# -gt 0 ]; do
    case "$1" in
        --dropout) [ "$2" = 0.0 ] || accuracy=$((accuracy + 5)); shift 2 ;;
        --norm) accuracy=$((accuracy + 3)); shift ;;
        --decay) shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        *) echo "unknown option $1" >&2; exit 2 ;;
    esac
done
printf 'step,val/loss,test/acc\n10,0.5,%d.1\n20,0.25,%d.2\n30,0.75,%d.3\n' $accuracy $accuracy $accuracy > "$ABLADE_RUN/metrics.csv"
echo "Prec@1 1.0"
echo "Prec@1 $accuracy"
score $accuracy.$seed > "$ABLADE_RUN/scores.json"
for i in 1 2 3 4; do echo "$accuracy.$((seed + i))"; done > "$ABLADE_RUN/scores/test_accuracy.txt"
printf '\211PNG\r\n\032\n' > "$ABLADE_RUN/files/picture.png"
"#;

const LIBRARY: &str = "score() { echo \"{\\\"test_accuracy\\\": $1}\"; }\n";

fn place() -> Place {
    let place = Place::with(EXPERIMENT);
    fs::create_dir(place.path("lib")).unwrap();
    fs::write(place.path("train.sh"), TRAIN).unwrap();
    fs::write(place.path("lib/score.sh"), LIBRARY).unwrap();
    place
}

fn column(table: &str, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let at = reader.headers().unwrap().iter().position(|head| head == name);
    let at = at.unwrap_or_else(|| panic!("no column {name}"));
    reader.records().map(|row| row.unwrap()[at].to_owned()).collect()
}

#[test]
fn goes_from_a_file_to_tables_verdicts_figures_and_page() {
    let place = place();
    let (plan, _) = place.exits(0, "plan small.toml");
    for line in [
        "command   sh train.sh --dropout 0.2 --norm --decay 0.0001 --seed '{seed}'",
        "dropout 0: --dropout 0.0 in place of --dropout 0.2",
        "norm off: without --norm",
        "no run of this program has been timed here yet",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    assert!(!place.path("results").exists(), "plan writes nothing");
    let (table, _) = place.exits(0, "sweep small.toml --progress none");
    assert!(table.contains("does `train.decay` reach the"), "{table}");

    let runs = place.read("results/small/runs.csv");
    let accuracies = column(&runs, "test_accuracy_percent");
    assert_eq!(accuracies[..3], ["88.1", "88.2", "88.3"]);
    assert_eq!(column(&runs, "valid_loss")[0], "0.75", "the last row");
    assert_eq!(column(&runs, "test_at_best")[0], "88.2", "the row with the lowest loss");
    assert_eq!(column(&runs, "top1")[0], "88", "the last match");
    assert_eq!(column(&runs, "best_epoch")[0], "20");
    let ablation = place.read("results/small/ablation.csv");
    assert_eq!(column(&ablation, "verdict"), ["baseline", "worse", "worse", "identical"]);
    assert_eq!(column(&ablation, "losses"), ["", "6", "6", "0"]);
    assert_eq!(column(&ablation, "delta_percent")[1], "-5");
    assert_eq!(column(&ablation, "delta_examples_percent")[1], "-5", "over four examples");
    let metrics = place.read("results/small/metrics.csv");
    assert_eq!(column(&metrics, "epoch")[..3], ["10", "20", "30"]);
    assert_eq!(column(&metrics, "val_loss")[..3], ["0.5", "0.25", "0.75"]);

    let (again, _) = place.exits(0, "plan small.toml");
    assert!(again.contains("cached 24, to run 0"), "{again}");
    place.exits(0, "plots");
    let page = place.read("plots/index.html");
    for part in ["picture.png", "better \u{2192}", "Curves of test/acc"] {
        assert!(page.contains(part), "{part}");
    }
    for word in ["NLL", "nats", "mask", "images"] {
        assert!(!page.contains(word), "the page says {word}");
    }
    let (checked, _) = place.exits(0, "verify small --progress none");
    assert!(checked.contains("3 of 3 runs the same, value for value"), "{checked}");
}

#[test]
fn the_commands_of_the_built_in_model_say_what_they_are_for() {
    let place = place();
    place.exits(0, "sweep small.toml --progress none");
    for command in ["sample", "inpaint", "evaluate", "masks --out m.npz"] {
        let (_, err) = place.exits(2, &format!("{command} small/baseline/1"));
        assert!(err.contains("is of a program, and this is for the built-in model"), "{err}");
    }
    let (_, err) = place.exits(2, "verify small --reference");
    assert!(err.contains("checks the kernels of the built-in model"), "{err}");
}

#[test]
fn an_edit_makes_new_runs_and_one_without_effect_can_be_adopted() {
    let place = place();
    place.exits(0, "sweep small.toml --progress none");
    fs::write(place.path("lib/score.sh"), format!("# A remark.\n{LIBRARY}")).unwrap();
    let (why, _) = place.exits(0, "why small.toml");
    assert!(why.contains("content of lib/score.sh"), "{why}");
    let (_, err) = place.exits(2, "sweep small.toml --progress none");
    assert!(err.contains("`ablade adopt` takes these runs over"), "{err}");
    let (table, _) = place.exits(0, "adopt small.toml --reason no-change --progress none");
    assert!(table.contains("4 of 6 runs are of an earlier version of the"), "{table}");
    let notes = column(&place.read("results/small/ablation.csv"), "note");
    assert!(notes.iter().all(|note| note.contains("no-change")), "{notes:?}");
    let (plan, _) = place.exits(0, "plan small.toml");
    assert!(plan.contains("cached 24, to run 0"), "{plan}");
    let verdicts = column(&place.read("results/small/ablation.csv"), "verdict");
    assert_eq!(verdicts, ["baseline", "worse", "worse", "identical"]);

    let changed = LIBRARY.replace("$1}", "${1}1}");
    fs::write(place.path("lib/score.sh"), changed).unwrap();
    // What the first attempt has found, the second one finds again, and the tables stay.
    let tables = place.read("results/small/runs.csv");
    for _ in 0..2 {
        let (_, err) = place.exits(1, "adopt small.toml --reason typo --progress none");
        assert!(err.contains("test_accuracy is 88.11 and was 88.1"), "{err}");
        assert!(err.contains("nothing was taken over"), "{err}");
        assert_eq!(place.read("results/small/runs.csv"), tables);
    }
}

#[test]
fn a_program_that_is_not_deterministic_is_measured() {
    let place = place();
    let text = TRAIN.replace("score $accuracy.$seed", "score $accuracy.$seed$$");
    fs::write(place.path("train.sh"), text).unwrap();
    place.exits(0, "sweep small.toml --progress none");
    let (out, err) = place.exits(1, "verify small --progress plain");
    assert!(out.contains("0 of 3 runs the same, value for value"), "{out}");
    assert!(err.contains("the same seed gives other values again: test_accuracy"), "{err}");
    assert!(err.contains("between its seeds"), "{err}");
}

#[test]
fn results_from_elsewhere_start_nothing_unasked() {
    let place = place();
    place.exits(0, "sweep small.toml --progress none");
    let (name, _) = place.exits(0, "freeze small.toml --seeds 7");
    let name = name.trim();
    assert!(
        place
            .command(&format!("task {name} 0 --progress none"))
            .status()
            .unwrap()
            .success()
    );
    place.exits(0, "tables");
    // The same files, at a place where no program was ever started.
    fs::rename(place.path("results"), place.path("elsewhere")).unwrap();
    for command in ["verify small".to_owned(), format!("task {name} 0")] {
        let (_, err) = place.exits(2, &format!("{command} --results elsewhere"));
        assert!(err.contains("was not made here") && err.contains("sh train.sh"), "{err}");
        place.exits(0, &format!("{command} --results elsewhere --yes --progress none"));
    }
}

#[test]
fn runs_start_from_the_copy_of_the_inputs_if_asked() {
    let place = place();
    let text = EXPERIMENT.replace("inputs   =", "snapshot = true\ninputs   =");
    fs::write(place.path("small.toml"), text).unwrap();
    let (name, _) = place.exits(0, "freeze small.toml --tasks 1");
    fs::write(place.path("train.sh"), "exit 1\n").unwrap();
    place.exits(0, &format!("task {} 0 --progress none", name.trim()));
    place.exits(0, "tables");
    let statuses = column(&place.read("results/small/runs.csv"), "status");
    assert!(statuses.len() == 24 && statuses.iter().all(|s| s == "finished"), "{statuses:?}");
}

#[test]
fn every_run_has_the_whole_grammar() {
    let text = r#"
seeds = 2
extends = "base.toml"
[axes]
model.depth = { from = 1, to = 3, step = 1 }
train.rate = { geom = [1e-4, 1e-2], n = 3, when = "model.depth > 1" }
[[exclude]]
where = "model.depth == 3 and train.rate < 1e-3"
[[set]]
match = { model.depth = 3 }
values = { train.warmup = 10 }
[[extra]]
label = "wide"
model.width = [64, 64]
[labels]
model.depth = ["one", "two", "three"]
"#;
    let base = r#"
[program]
command = ["sh", "-c", "true", "{args}"]
args = "{key}={value}"
lists = "comma"
booleans = ["yes", "no"]
[metrics]
loss = { better = "lower" }
[settings]
model = { depth = 1, width = [32], bias = true }
train = { rate = 1e-3, warmup = 0, name = "sgd", clip = 1.0 }
"#;
    let read = |path: &Path| {
        Ok(if path.ends_with("base.toml") { base.to_owned() } else { text.to_owned() })
    };
    let programs = ProgramTrainers::new(None);
    let path = Path::new("/study.toml");
    let trainer = declared_trainer(path, &*programs, &read)
        .unwrap_or_else(|e| panic!("{e}"))
        .expect("a program");
    let experiment =
        load_with(path, &Overrides::default(), &*trainer, &read).unwrap_or_else(|e| panic!("{e}"));
    let labels: Vec<&str> = experiment.studies[0]
        .variants
        .iter()
        .map(|variant| variant.label.as_str())
        .collect();
    assert!(
        labels.contains(&"wide") && labels.iter().any(|l| l.contains("three")),
        "{labels:?}"
    );
    let wide = experiment.studies[0].variants.iter().find(|v| v.label == "wide").unwrap();
    let words = &trainer.command_lines(&wide.config)[0][3..];
    assert_eq!(
        words,
        [
            "model.depth=1",
            "model.width=64,64",
            "model.bias=yes",
            "train.rate=0.001",
            "train.warmup=0",
            "train.name=sgd",
            "train.clip=1.0",
            "seed={seed}"
        ]
    );
    let set = Overrides { set: vec!["train.clip=none".into()], ..Overrides::default() };
    let experiment = load_with(path, &set, &*trainer, &read).unwrap_or_else(|e| panic!("{e}"));
    let words = trainer.command_lines(&experiment.baseline);
    assert!(!words[0].iter().any(|word| word.contains("clip")), "{words:?}");
}

#[test]
fn a_model_and_a_program_do_not_take_each_other_s_tables_unasked() {
    let place = place();
    place.exits(0, "sweep small.toml --seeds 6 --progress none");
    let model = "seeds = 1\nmodel.hidden = [8]\ntrain.epochs = 1\n\
                 data = { name = \"digits\", train = 100, valid = 20, test = 20, size = 8 }\n";
    fs::write(place.path("made.toml"), model).unwrap();
    let (_, err) = place.exits(2, "sweep made.toml --name small --progress none");
    assert!(err.contains("24 finished runs would leave its tables"), "{err}");
    place.exits(0, "sweep made.toml --name small --replace --progress none");
    let (_, err) = place.exits(2, "sweep small.toml --progress none");
    assert!(err.contains("1 finished run would leave its tables"), "{err}");
    place.exits(0, "sweep made.toml --name other --progress none");
    place.exits(0, "status");
    place.exits(0, "plots");
    place.exits(0, "clean");
}

#[test]
fn links_of_folders_do_not_lead_round_in_circles() {
    let place = place();
    symlink("..", place.path("lib/loop")).unwrap();
    symlink("nowhere", place.path("lib/dangling")).unwrap();
    let (plan, _) = place.exits(0, "plan small.toml");
    assert!(plan.contains("inputs    2 files: lib/score.sh, train.sh"), "{plan}");
}

#[test]
fn a_metric_that_finished_runs_lack_is_told_and_is_no_success() {
    let place = place();
    place.exits(0, "sweep small.toml --progress none");
    let text = EXPERIMENT.replace("[settings]", "f1 = { better = \"higher\" }\n[settings]");
    fs::write(place.path("small.toml"), text).unwrap();
    let (_, err) = place.exits(1, "sweep small.toml --progress none");
    assert!(
        err.contains("24 finished runs lack a declared metric: no f1: scores.json has no `f1`"),
        "{err}"
    );
}
