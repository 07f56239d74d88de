//! JSON for programs: every document of `--json` fits its schema in every state of an experiment and
//! has the values of tables and text; `--progress json` writes one object a line.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::json_schema::{filled, problems, properties};
use crate::support::place::{Place, files};
use crate::support::python;

/// Schemas by name, as the program prints them.
static SCHEMAS: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    let place = Place::new();
    let of = |name| {
        let (out, _) = place.exits(0, &format!("schema {name}"));
        (name, serde_json::from_str(&out).expect("a schema is JSON"))
    };
    NAMES.map(of).into()
});

/// Names of the schemas.
pub(crate) const NAMES: [&str; 9] = [
    "plan",
    "status",
    "compare",
    "changes",
    "why",
    "verify",
    "data-list",
    "data-show",
    "progress",
];

/// A place whose JSON documents are checked against their schemas.
struct Checked {
    place: Place,
    documents: RefCell<Vec<(String, Value)>>,
}

impl Checked {
    fn new(place: Place) -> Self {
        Self { place, documents: RefCell::default() }
    }

    /// The document of a command that exits with this code.
    #[track_caller]
    fn document(&self, code: i32, command: &str) -> Value {
        let (out, err) = self.place.exits(code, &format!("{command} --json"));
        let document: Value =
            serde_json::from_str(&out).unwrap_or_else(|error| panic!("{command}: {error}\n{out}"));
        let first = document.as_object().and_then(|object| object.iter().next());
        let Some((key, Value::String(id))) = first else { panic!("{command}: {out}") };
        assert_eq!(key, "schema", "{command}");
        let name = id.split('/').nth(1).expect("ablade/NAME/VERSION").to_owned();
        let found = problems(&SCHEMAS[name.as_str()], &document);
        assert!(found.is_empty(), "{command}: {found:#?}");
        for note in document["notes"].as_array().into_iter().flatten() {
            // Plan has some of them on stdout, as text.
            let is_told = err.contains(note.as_str().unwrap()) || name == "plan";
            assert!(is_told, "{command}: {note} is not on stderr\n{err}");
        }
        self.documents.borrow_mut().push((name, document.clone()));
        document
    }
}

/// Rows of a table as texts by column; the guard against spreadsheets is removed.
fn table(place: &Place, path: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(place.path(path)).unwrap();
    let rows = reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap);
    let plain = |text: String| text.strip_prefix('\'').map_or(text.clone(), str::to_owned);
    rows.map(|row| row.into_iter().map(|(k, v)| (k, plain(v))).collect()).collect()
}

/// True if a cell of a table and a value of a document are the same.
fn same(cell: &str, value: &Value) -> bool {
    match value {
        Value::Null => cell.is_empty(),
        Value::Bool(flag) => cell == if *flag { "yes" } else { "no" },
        Value::Number(number) => cell.parse::<f64>().ok() == number.as_f64(),
        Value::String(text) => {
            let words = |text: &str| text.split(char::is_control).collect::<Vec<_>>().join(" ");
            cell == words(text)
        }
        _ => false,
    }
}

/// Checks the cells of a row by the pointers of their columns; those of `others` have none.
#[track_caller]
fn assert_same_row(
    row: &BTreeMap<String, String>,
    pointers: &BTreeMap<String, &str>,
    others: &BTreeSet<String>,
    document: &Value,
) {
    for (column, cell) in row.iter().filter(|(column, _)| !others.contains(*column)) {
        let pointer = pointers.get(column).unwrap_or_else(|| panic!("no key for {column}"));
        let value = document.pointer(pointer).unwrap_or(&Value::Null);
        assert!(same(cell, value), "{column}: {cell} in the table, {value} as JSON: {document}");
    }
}

/// Checks `compare --json` against the tables and the text.
#[track_caller]
fn assert_as_tables(checked: &Checked, name: &str) -> Value {
    let place = &checked.place;
    let document = checked.document(0, &format!("compare {name}"));
    let (text, _) = place.exits(0, &format!("compare {name}"));
    let metric = document["metric"]["column"].as_str().unwrap();
    let unit = match document["metric"]["unit"].as_str().unwrap() {
        "" => String::new(),
        unit => format!("_{unit}"),
    };
    let studies = document["studies"].as_array().unwrap();
    let study_of = |row: &BTreeMap<String, String>| {
        studies.iter().find(|study| study["study"] == row["study"].as_str()).unwrap()
    };
    let axes: BTreeSet<String> = studies
        .iter()
        .flat_map(|study| study["rows"].as_array().unwrap())
        .flat_map(|row| row["levels"].as_object().unwrap().keys())
        .map(|path| path.rsplit('.').next().unwrap().to_owned())
        .collect();
    let mut others = axes;
    others.extend(["study", "variant"].map(str::to_owned));
    let named = |pairs: &[(&str, &'static str)]| -> BTreeMap<String, &'static str> {
        let name = |column: &str| column.replace("METRIC", metric).replace("_UNIT", &unit);
        pairs.iter().map(|(column, pointer)| (name(column), *pointer)).collect()
    };

    let pointers = named(&[
        ("label", "/label"),
        ("n", "/n"),
        ("n_failed", "/n_failed"),
        ("n_planned", "/n_planned"),
        ("METRIC_mean_UNIT", "/mean"),
        ("METRIC_sd_UNIT", "/sd"),
        ("METRIC_ci95_low_UNIT", "/interval/low"),
        ("METRIC_ci95_high_UNIT", "/interval/high"),
        ("delta_UNIT", "/difference"),
        ("delta_ci95_low_UNIT", "/difference_interval/low"),
        ("delta_ci95_high_UNIT", "/difference_interval/high"),
        ("effect_dz", "/effect_dz"),
        ("p", "/p"),
        ("p_corrected", "/p_corrected"),
        ("wins", "/wins"),
        ("losses", "/losses"),
        ("pair_correlation", "/pair_correlation"),
        ("verdict", "/conclusion"),
        ("n_pairs", "/n_pairs"),
        ("smallest_p", "/smallest_p"),
        ("smallest_p_corrected", "/smallest_p_corrected"),
        ("correction", "/correction"),
        ("p_draws", "/p_draws"),
        ("p_corrected_draws", "/p_corrected_draws"),
        ("parameters", "/size"),
        ("connected_parameters", "/sizes/connected_parameters"),
        ("epochs_mean", "/epochs_mean"),
        ("compute_ratio", "/compute_ratio"),
        ("images", "/over_examples/n"),
        ("delta_images_UNIT", "/over_examples/difference"),
        ("delta_images_ci95_low_UNIT", "/over_examples/interval/low"),
        ("delta_images_ci95_high_UNIT", "/over_examples/interval/high"),
        ("examples", "/over_examples/n"),
        ("delta_examples_UNIT", "/over_examples/difference"),
        ("delta_examples_ci95_low_UNIT", "/over_examples/interval/low"),
        ("delta_examples_ci95_high_UNIT", "/over_examples/interval/high"),
        ("configurations", "/configurations"),
        ("may_be_best", "/may_be_best"),
        ("delta_crossed_ci95_low_UNIT", "/crossed/interval/low"),
        ("delta_crossed_ci95_high_UNIT", "/crossed/interval/high"),
        ("crossed_df", "/crossed/df"),
        ("narrower_with", "/crossed/narrower_with"),
        ("equivalence_ci90_low_UNIT", "/equivalence/interval/low"),
        ("equivalence_ci90_high_UNIT", "/equivalence/interval/high"),
        ("p_equivalence", "/equivalence/p"),
        ("p_equivalence_corrected", "/equivalence/p_corrected"),
        ("note", "/note"),
    ]);
    others.extend(named(&[("negligible_UNIT", "")]).into_keys());
    let mut n_rows = 0;
    for row in table(place, &format!("results/{name}/ablation.csv")) {
        let study = study_of(&row);
        let rows = study["rows"].as_array().unwrap().iter();
        let mut rows = rows.chain(study["external"].as_array().unwrap());
        let found = rows.find(|found| found["variant"] == row["variant"].as_str()).unwrap();
        assert_same_row(&row, &pointers, &others, found);
        let [verdict, conclusion] = ["verdict", "conclusion"].map(|key| found[key].as_str());
        assert!(conclusion.unwrap().starts_with(verdict.unwrap()), "{found}");
        let line = text.lines().find(|line| {
            let mut cells = line.split('|').map(str::trim);
            cells.nth(1) == found["label"].as_str() && line.contains(conclusion.unwrap())
        });
        assert!(line.is_some(), "{} is not in the text:\n{text}", found["label"]);
        n_rows += 1;
    }
    assert!(n_rows > 0);

    let path = format!("results/{name}/effects.csv");
    let pointers = named(&[
        ("label", "/label"),
        ("level", "/at/0/level"),
        ("reference", "/at/0/reference"),
        ("level_2", "/at/1/level"),
        ("reference_2", "/at/1/reference"),
        ("n", "/n"),
        ("METRIC_mean_UNIT", "/mean"),
        ("METRIC_ci95_low_UNIT", "/interval/low"),
        ("METRIC_ci95_high_UNIT", "/interval/high"),
        ("n_effect", "/n_effect"),
        ("effect_UNIT", "/effect"),
        ("effect_ci95_low_UNIT", "/effect_interval/low"),
        ("effect_ci95_high_UNIT", "/effect_interval/high"),
        ("p", "/p"),
        ("p_corrected", "/p_corrected"),
    ]);
    let mut others: BTreeSet<String> = [
        "study",
        "effect",
        "axis",
        "axis_2",
        "correction",
        "p_draws",
        "p_corrected_draws",
    ]
    .into_iter()
    .chain(["n_planned"])
    .map(str::to_owned)
    .collect();
    others.extend(
        named(&[
            ("shapley_UNIT", ""),
            ("shapley_ci95_low_UNIT", ""),
            ("shapley_ci95_high_UNIT", ""),
        ])
        .into_keys(),
    );
    let effects = if place.path(&path).exists() { table(place, &path) } else { Vec::new() };
    let n_effects = |study: &Value| study["effects"].as_array().unwrap().len();
    assert_eq!(studies.iter().map(n_effects).sum::<usize>(), effects.len());
    for row in effects {
        let all = study_of(&row)["effects"].as_array().unwrap();
        let found = all.iter().find(|found| found["label"] == row["label"].as_str()).unwrap();
        assert_same_row(&row, &pointers, &others, found);
    }

    let path = format!("results/{name}/blocks.csv");
    let pointers = named(&[
        ("label", "/row/label"),
        ("n_blocks", "/row/n_blocks"),
        ("wins", "/row/wins"),
        ("losses", "/row/losses"),
        ("undecided", "/row/undecided"),
        ("mean_rank", "/row/mean_rank"),
        ("n_ranked", "/over/n_ranked"),
        ("joint_statistic", "/row/joint_statistic"),
        ("joint_blocks", "/row/joint_blocks"),
        ("joint_seeds", "/row/joint_seeds"),
        ("joint_p", "/row/joint_p"),
        ("joint_p_corrected", "/row/joint_p_corrected"),
        ("joint_smallest_p", "/row/joint_smallest_p"),
        ("verdict", "/row/conclusion"),
        ("friedman", "/over/friedman"),
        ("friedman_p", "/over/friedman_p"),
        ("critical_difference", "/over/critical_difference"),
        ("note", "/row/note"),
    ]);
    if place.path(&path).exists() {
        let others = ["study", "variant", "correction", "joint_p_draws", "joint_p_corrected_draws"]
            .into_iter()
            .chain(["friedman_draws", "smallest_p_of_two", "left_out", "a"])
            .map(str::to_owned)
            .collect();
        for row in table(place, &path) {
            let over = &study_of(&row)["over_blocks"];
            let rows = over["rows"].as_array().unwrap();
            let found = rows.iter().find(|found| found["variant"] == row["variant"].as_str());
            assert_same_row(&row, &pointers, &others, &json!({ "row": found, "over": over }));
        }
    }
    document
}

/// Checks `status`, `why` and `plan` as JSON against their text.
#[track_caller]
fn assert_as_text(checked: &Checked, name: &str) -> [Value; 3] {
    let place = &checked.place;
    let why = checked.document(0, &format!("why {name}.toml"));
    let (text, _) = place.exits(0, &format!("why {name}.toml"));
    let line = |run: &Value| {
        let [run, label, origin, reason] =
            ["run", "label", "origin", "reason"].map(|key| run[key].as_str().unwrap());
        let colon = if reason.is_empty() { "" } else { ": " };
        format!("{run}  {label}  {origin}{colon}{reason}\n")
    };
    assert_eq!(why["runs"].as_array().unwrap().iter().map(line).collect::<String>(), text);

    let plan = checked.document(0, &format!("plan {name}.toml"));
    let (text, _) = place.exits(0, &format!("plan {name}.toml"));
    let n = |key: &str| plan["runs"][key].as_u64().unwrap();
    let counts = format!(
        "cached {}, to run {}, failed before {}",
        n("cached"),
        n("to_run"),
        n("failed_before")
    );
    assert!(text.contains(&counts), "{counts} is not in the text:\n{text}");
    assert_eq!(n("total"), n("cached") + n("to_run") + n("left_out"));
    for study in plan["studies"].as_array().unwrap() {
        for variant in study["variants"].as_array().unwrap() {
            let n = |key: &str| variant[key].as_u64().unwrap();
            let label = variant["label"].as_str().unwrap();
            let size = variant["size"].as_u64();
            let row = text.lines().any(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                cells.len() > 4
                    && cells[1].trim_end_matches(" (baseline)") == label
                    && cells[2..4] == [n("n_runs").to_string(), n("n_cached").to_string()]
                    && size.is_none_or(|size| cells[4].replace(',', "") == size.to_string())
            });
            assert!(row, "{variant} is not in the text:\n{text}");
        }
    }
    let cached = why["runs"].as_array().unwrap().iter().filter(|run| run["origin"] == "cached");
    assert_eq!(n("cached"), cached.count() as u64);

    // Before the first sweep, the results do not know the experiment.
    if !place.path(&format!("results/{name}")).exists() {
        let status = checked.document(0, "status");
        assert_eq!(status["experiments"], json!([]));
        return [plan, why, status];
    }
    let status = checked.document(0, &format!("status {name}"));
    let (text, _) = place.exits(0, &format!("status {name}"));
    let counts = &status["experiments"][0]["counts"];
    let header: Vec<&str> = text.lines().next().unwrap().split('|').map(str::trim).collect();
    let cells: Vec<&str> = text.lines().nth(2).unwrap().split('|').map(str::trim).collect();
    for (head, cell) in header.iter().zip(&cells).skip(2).filter(|(head, _)| !head.is_empty()) {
        assert!(same(cell, &counts[head.replace(' ', "_")]), "{head}: {cell}, {counts}");
    }
    let runs = status["experiments"][0]["runs"].as_array().unwrap();
    for state in ["finished", "diverged", "failed", "running", "queued", "to run"] {
        let own = runs.iter().filter(|run| run["state"] == state).count();
        assert_eq!(counts[state.replace(' ', "_")], own, "{state}");
    }
    for run in runs.iter().filter(|run| run["state"] != "finished") {
        let [run, label, state] = ["run", "label", "state"].map(|key| run[key].as_str().unwrap());
        assert!(text.contains(&format!("{run}  {label}  {state}")), "{run}:\n{text}");
    }
    [plan, why, status]
}

/// 2 x 2 x 2 variants of the built-in model, results of another tool, and a margin.
const GRID: &str = r#"
question = "Which part counts?"
notes    = "No more than a try."
seeds    = 3
data     = { name = "digits", train = 60, valid = 20, test = 20, size = 6 }
model    = { hidden = [8] }
train    = { epochs = 2, batch = 20 }
sample   = { count = 1 }
compare  = { negligible = 0.5 }

[axes]
model.skip      = [false, true]
model.ordering  = ["raster", "random"]
model.condition = [false, true]

[[external]]
label  = "elsewhere"
file   = "elsewhere.csv"
metric = "test-nll"
unit   = "nats"
value  = "nll"
"#;

/// A program whose score is a sum of its settings, but for what a test makes of it.
const PROGRAM: &str = r#"
seeds = 2

[program]
command = ["sh", "train.sh", "{args}"]
inputs  = ["train.sh"]

[metrics]
score = { better = "higher" }

[settings]
a = 0
b = 0
"#;

/// Score 10 a + b, and a part that varies with the seed; `a = 2` fails, `a = 3` diverges.
const TRAIN: &str = r#"
while [ $# -gt 0 ]; do
    case "$1" in --a) a=$2 ;; --b) b=$2 ;; --seed) seed=$2 ;; esac
    shift 2
done
case $a in
    2) echo "no more memory" >&2; exit 3 ;;
    3) echo '{"score": NaN}' > "$ABLADE_RUN/scores.json"; exit ;;
esac
echo "{\"score\": $((10 * a + b)).$((100 + 100 * (seed * (a + 1) % 9)))}" > "$ABLADE_RUN/scores.json"
"#;

fn program(name: &str, rest: &str) -> Place {
    let place = Place::new();
    fs::write(place.path(&format!("{name}.toml")), format!("{PROGRAM}{rest}")).unwrap();
    fs::write(place.path("train.sh"), TRAIN).unwrap();
    place
}

/// Documents of a grid of the built-in model, from nothing to the damage of a run.
fn grid() -> Vec<(String, Value)> {
    let checked = Checked::new(Place::new());
    let place = &checked.place;
    fs::write(place.path("grid.toml"), GRID).unwrap();
    fs::write(place.path("elsewhere.csv"), "seed,nll\n0,20.5\n1,20.25\n2,21\n").unwrap();
    assert_eq!(checked.document(0, "status")["experiments"], json!([]));
    let [plan, why, _] = assert_as_text(&checked, "grid");
    assert_eq!([&plan["runs"]["total"], &plan["runs"]["to_run"]], [24, 24]);
    assert!(why["runs"].as_array().unwrap().iter().all(|run| run["origin"] == "new"));

    place.exits(0, "sweep grid.toml --shard 1/2");
    let [plan, _, status] = assert_as_text(&checked, "grid");
    assert_eq!(plan["runs"]["cached"], 12);
    let half = &status["experiments"][0];
    assert_eq!([&half["is_complete"], &half["is_active"]], [false, false]);
    let document = assert_as_tables(&checked, "grid");
    let rows = document["studies"][0]["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["verdict"] == "incomplete"), "{document}");

    place.exits(0, "sweep grid.toml");
    let [_, _, status] = assert_as_text(&checked, "grid");
    assert_eq!(status["experiments"][0]["is_complete"], true);
    let document = assert_as_tables(&checked, "grid");
    let study = &document["studies"][0];
    assert_eq!(study["shapley"].as_array().unwrap().len(), 4);
    assert_eq!(study["external"][0]["label"], "elsewhere (external)");
    let (text, _) = place.exits(0, "compare grid --checklist");
    for item in study["checklist"].as_array().unwrap() {
        assert!(text.contains(item["question"].as_str().unwrap()));
    }
    let other = checked.document(0, "compare grid --baseline skip-on");
    assert_eq!(other["studies"][0]["baseline"], "skip on");
    checked.document(0, "plan grid.toml --only skip-on --seeds 4");
    assert!(checked.document(0, "plan grid.toml --seeds 2")["replaces"].is_string());
    let tight = "seeds = 2\ndata.size = 6\naxes.data.size = [6, 8]\nbudget.runs = 1\nexecution.memory = \"1KiB\"\n";
    fs::write(place.path("tight.toml"), tight).unwrap();
    let plan = checked.document(0, "plan tight.toml");
    assert_eq!(plan["studies"][0]["comparability"][0]["is_compared"], false);

    let fewer = "--set train.epochs=1 --axis model.condition=false --axis model.skip=false,true";
    place.exits(0, &format!("sweep grid.toml --name other {fewer}"));
    checked.document(0, "compare other grid");
    let changes = checked.document(0, "compare grid other");
    place.exits(0, "compare grid other --out changes.csv");
    for row in table(place, "changes.csv") {
        let rows = changes["rows"].as_array().unwrap();
        let Some(own) = rows.iter().find(|own| own["label"] == row["label"].as_str()) else {
            continue;
        };
        for (column, key) in [
            ("n_seeds", "n_seeds"),
            ("n_changed", "n_changed"),
            ("n_unfinished", "n_unfinished"),
            ("first_test_nll_mean_nats", "first_mean"),
            ("second_test_nll_mean_nats", "second_mean"),
            ("mean_change_nats", "mean_change"),
            ("largest_change_nats", "largest_change"),
        ] {
            assert!(same(&row[column], &own[key]), "{column}: {row:?} {own}");
        }
    }

    let sound = checked.document(0, "verify grid --runs 2");
    assert_eq!([&sound["is_sound"], &sound["n_finished"]], [&json!(true), &json!(24)]);
    assert_eq!(sound["repeated"]["n_same"], 2);
    let by_reference = checked.document(0, "verify grid --runs 1 --reference");
    assert_eq!(by_reference["reference"]["n_same"], 1);
    let run = place.published()[0].clone();
    let path = place.path("results/runs").join(&run).join("epochs.csv");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace('1', "2")).unwrap();
    fs::write(place.path("results/grid/curves.csv"), "epoch\n").unwrap();
    let damaged = checked.document(1, "verify grid --runs 1");
    assert_eq!(damaged["is_sound"], false);
    assert_eq!(damaged["damaged"][0]["run"], run.as_str());
    assert!(damaged["tables"]["n_differences"].as_u64().unwrap() > 0);

    let history = fs::read_dir(place.path("results/.ablade-history")).unwrap().next().unwrap();
    fs::write(history.unwrap().path(), "no record").unwrap();
    assert!(!checked.document(0, "compare grid")["notes"].as_array().unwrap().is_empty());
    checked.document(0, "compare grid other");
    checked.document(1, "verify grid --runs 1");

    let sets = checked.document(0, "data list");
    let (text, _) = place.exits(0, "data list");
    for set in sets["sets"].as_array().unwrap() {
        assert!(text.contains(&format!("| {} ", set["name"].as_str().unwrap())), "{text}");
    }
    checked.document(0, "data show digits --size 8");
    let table = checked.document(0, "data show rings");
    assert_eq!(table["variables"][1]["name"], "y");
    checked.documents.into_inner()
}

/// Documents of a study of ten blocks, of which some are outstanding at first.
fn blocks() -> Vec<(String, Value)> {
    let levels = (0..10).map(|level| level.to_string()).collect::<Vec<_>>().join(", ");
    let rest = format!("[axes]\na = [0, 1]\nb = [{levels}]\n[compare]\nwithin = [\"b\"]\n");
    let checked = Checked::new(program("blocks", &rest));
    checked.place.exits(0, "sweep blocks.toml --shard 1/4");
    assert_as_text(&checked, "blocks");
    assert_as_tables(&checked, "blocks");
    checked.place.exits(0, "sweep blocks.toml");
    let [plan, ..] = assert_as_text(&checked, "blocks");
    assert!(!plan["studies"][0]["evidence"]["joint"].is_null());
    let document = assert_as_tables(&checked, "blocks");
    let study = &document["studies"][0];
    assert_eq!(study["over_blocks"]["blocks"].as_array().unwrap().len(), 10);
    assert_eq!(study["over_blocks"]["n_ranked"], 10);
    assert!(study["rows"][0]["block"].is_string());
    checked.documents.into_inner()
}

/// Documents of runs that fail and diverge.
fn failures() -> Vec<(String, Value)> {
    let checked = Checked::new(program("bad", "[axes]\na = [0, 1, 2, 3]\n"));
    checked.place.exits(1, "sweep bad.toml");
    let [plan, why, status] = assert_as_text(&checked, "bad");
    assert_eq!(plan["runs"]["failed_before"], 2);
    let again = why["runs"].as_array().unwrap().iter().filter(|run| run["origin"] == "again");
    assert_eq!(again.count(), 2);
    let counts = &status["experiments"][0]["counts"];
    assert_eq!([&counts["failed"], &counts["diverged"], &counts["finished"]], [2, 2, 4]);
    let document = assert_as_tables(&checked, "bad");
    assert_eq!(document["studies"][0]["rows"][2]["n_failed"], 2);
    assert_eq!(document["studies"][0]["rows"][2]["mean"], Value::Null);
    let verified = checked.document(0, "verify bad --yes");
    assert_eq!(verified["repeated"]["is_by_value"], true);
    checked.document(0, "why bad.toml --seeds 3");
    checked.document(0, "status");
    for file in files(&checked.place.path("results/data")).keys() {
        fs::write(checked.place.path("results/data").join(file), "changed").unwrap();
    }
    assert_eq!(checked.document(1, "verify bad --yes")["is_sound"], false);
    checked.documents.into_inner()
}

/// Documents of an experiment of which a data set is missing.
fn left_out() -> Vec<(String, Value)> {
    let study = "seeds = 2\n[data]\nname = \"digits\"\nsize = 6\ntrain = 40\nvalid = 10\ntest = 10\n\
                 [model]\nhidden = [4]\n[train]\nepochs = 1\nbatch = 10\n[sample]\ncount = 0\n\
                 [execution]\nmissing_data = \"skip\"\n[compare]\nwithin = [\"data.name\"]\n\
                 [axes]\nmodel.masks = [1, 2]\ndata.name = [\"digits\", \"nips\"]\n";
    let checked = Checked::new(Place::with(study));
    let plan = checked.document(0, "plan small.toml");
    let told = plan["left_out"][0].as_str().unwrap();
    assert!(told.contains("nips") && told.contains("ablade data fetch nips"), "{told}");
    assert!(checked.place.exits(0, "plan small.toml").0.contains(told));
    checked.place.exits(0, "sweep small.toml");
    for command in ["compare small", "status small"] {
        let document = checked.document(0, command);
        let own = if command == "compare small" { &document } else { &document["experiments"][0] };
        let told = own["left_out"][0].as_str().unwrap();
        assert!(checked.place.exits(0, command).0.replace('\n', " ").contains(told), "{told}");
    }
    checked.documents.into_inner()
}

/// Documents of more seeds than have all their signs enumerated, in two blocks.
fn many_seeds() -> Vec<(String, Value)> {
    let study = "[[study]]\nname = \"pairs\"\nquestion = \"Both?\"\nnotes = \"A try.\"\n\
                 axes = [\"a\", \"b\"]\n[axes]\na = [0, 1]\nb = [0, 1]\n[compare]\nwithin = [\"b\"]\n";
    let place = program("many", study);
    let text = place.read("many.toml").replace("seeds = 2", "seeds = 21");
    fs::write(place.path("many.toml"), text).unwrap();
    let checked = Checked::new(place);
    checked.place.exits(0, "sweep many.toml");
    let [plan, ..] = assert_as_text(&checked, "many");
    assert_eq!(plan["studies"][0]["evidence"]["blocks"].as_array().unwrap().len(), 2);
    let document = assert_as_tables(&checked, "many");
    assert!(document["studies"][0]["rows"][1]["p_draws"].is_u64());
    checked.documents.into_inner()
}

/// Documents of a single seed, without statistics, and of a tuned variant.
fn one_seed() -> Vec<(String, Value)> {
    let study = GRID.split("[axes]").next().unwrap().replace("seeds    = 3", "seeds = 1");
    let place = Place::new();
    let axes = "[axes]\nmodel.skip = [false, true]\n\
                train.batch = { values = [10, 20], tune = true }\n";
    fs::write(place.path("one.toml"), format!("{study}{axes}")).unwrap();
    let checked = Checked::new(place);
    assert_as_text(&checked, "one");
    checked.place.exits(0, "sweep one.toml");
    assert_as_text(&checked, "one");
    let document = assert_as_tables(&checked, "one");
    let row = &document["studies"][0]["rows"][1];
    assert_eq!([&row["sd"], &row["interval"]], [&Value::Null, &Value::Null]);
    assert_eq!([&row["n"], &row["configurations"]], [1, 2]);
    checked.documents.into_inner()
}

/// Keys that no document here fills, because that takes a cluster, a download, a long run or many
/// seeds.
const ELSEWHERE: [&str; 11] = [
    "status.experiments[].runs[].checkpoint_epoch",
    "status.experiments[].runs[].job",
    "status.experiments[].runs[].owner",
    "compare.studies[].rows[].p_corrected_draws",
    "compare.studies[].external[].p_corrected_draws",
    "changes.rows[].not_compared",
    "changes.notes",
    "why.notes",
    "data-list.sets[].path",
    "data-list.notes",
    "data-show",
];

#[test]
fn every_document_fits_its_schema_and_fills_its_keys() {
    let documents = std::thread::scope(|scope| {
        let all =
            [grid, blocks, failures, one_seed, left_out, many_seeds].map(|of| scope.spawn(of));
        all.into_iter().flat_map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, document) in &documents {
        found.entry(name).or_default().extend(filled(document));
    }
    let mut missing = Vec::new();
    for name in NAMES.into_iter().filter(|name| *name != "progress") {
        let own = found.remove(name).unwrap_or_default();
        // Results of other tools are rows of the same kind.
        let kind = |path: &str| path.replace(".external[]", ".rows[]");
        let own: BTreeSet<String> = own.iter().map(|path| kind(path)).collect();
        let keys = properties(&SCHEMAS[name]).into_iter().filter(|path| !own.contains(&kind(path)));
        missing.extend(keys.map(|path| format!("{name}{path}")));
    }
    missing.retain(|path| !ELSEWHERE.iter().any(|elsewhere| path.starts_with(elsewhere)));
    assert!(missing.is_empty(), "no document has {missing:#?}");

    let Some(mut python) = python("jsonschema") else { return };
    let place = Place::new();
    let lines: Vec<Value> = documents
        .iter()
        .map(|(name, document)| json!([SCHEMAS[name.as_str()], document]))
        .collect();
    fs::write(place.path("documents.json"), json!(lines).to_string()).unwrap();
    let program = "import json, jsonschema, sys\n\
                   for schema, document in json.load(open(sys.argv[1])):\n    \
                   jsonschema.Draft202012Validator.check_schema(schema)\n    \
                   jsonschema.Draft202012Validator(schema).validate(document)\n";
    let output = python.args(["-c", program]).arg(place.path("documents.json")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_checker_finds_every_kind_of_mistake() {
    let schema = json!({
        "type": "object",
        "properties": {
            "word": { "type": ["string", "null"], "enum": ["a", "b", null] },
            "counts": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            "map": { "type": "object", "additionalProperties": { "type": "number" } },
        },
        "required": ["word", "counts", "map"],
    });
    let good = json!({ "word": "a", "counts": [1], "map": { "x": 0.5 } });
    assert!(problems(&schema, &good).is_empty());
    for (pointer, value) in [
        ("/word", json!("c")),
        ("/word", json!(1)),
        ("/counts/0", json!(-1)),
        ("/counts/0", json!(0.5)),
        ("/map/x", json!(null)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(!problems(&schema, &bad).is_empty(), "{bad}");
    }
    for bad in [
        json!({ "word": "a", "counts": [], "map": {}, "more": 1 }),
        json!({ "word": "a", "counts": [] }),
    ] {
        assert_eq!(problems(&schema, &bad).len(), 1, "{bad}");
    }
}

#[test]
fn an_error_leaves_stdout_empty_and_a_closed_pipe_is_no_error() {
    let place = program("bad", "[axes]\na = [0, 1]\n");
    fs::write(place.path("wrong.toml"), "seed = 3\n").unwrap();
    for command in ["plan wrong.toml", "why wrong.toml", "plan none.toml", "status none"] {
        let (out, err) = place.exits(2, &format!("{command} --json"));
        assert!(out.is_empty() && err.contains("error"), "{command}: {out}{err}");
    }
    for command in ["compare none --json", "verify none --json", "schema none"] {
        let (out, _) = place.exits(2, command);
        assert!(out.is_empty(), "{command}: {out}");
    }
    place.exits(2, "compare none --json --checklist");
    let mut child = place
        .command("why bad.toml --seeds 500 --json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The rest is more than a pipe holds.
    let mut first = [0];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !err.contains("panic"), "{err}");
}

/// Characters that a terminal may act on are escapes of JSON.
#[test]
fn any_text_is_valid_json() {
    let question = "a\u{1b}[2J \u{202e}b\u{2028} \u{9b}2J \\\"c\\\"";
    let toml = question.replace('\u{1b}', "\\u001b").replace('\u{9b}', "\\u009b");
    let place = program("odd", "[axes]\na = [0, 1]\n");
    let text = place.read("odd.toml");
    fs::write(place.path("odd.toml"), format!("question = \"{toml}\"\n{text}")).unwrap();
    let (out, _) = place.exits(0, "plan odd.toml --json");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["question"], question.replace("\\\"", "\""));
    assert!(!out.contains(['\u{1b}', '\u{202e}', '\u{2028}', '\u{9b}']));
}

/// Lines of `--progress json`, each checked against the schema.
#[track_caller]
fn events(text: &str) -> Vec<Value> {
    let event = |line: &str| -> Value {
        let event = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let found = problems(&SCHEMAS["progress"], &event);
        assert!(found.is_empty(), "{line}: {found:#?}");
        event
    };
    text.lines().map(event).collect()
}

fn n_of(events: &[Value], name: &str) -> usize {
    events.iter().filter(|event| event["event"] == name).count()
}

/// Checks that a pass adds up, and returns its last event.
#[track_caller]
fn assert_adds_up(events: &[Value]) -> &Value {
    let over = events.iter().find(|event| event["event"] == "over").expect("the end of a pass");
    let n = |key: &str| over[key].as_u64().unwrap() as usize;
    let parts = ["n_finished", "n_diverged", "n_failed", "n_stopped", "n_passed", "n_left"];
    assert_eq!(parts.map(n).iter().sum::<usize>(), n("n_runs"), "{over}");
    for (key, status) in [
        ("n_finished", "finished"),
        ("n_diverged", "diverged"),
        ("n_failed", "failed"),
        ("n_stopped", "stopped"),
    ] {
        let ended = events.iter().filter(|event| event["status"] == status).count();
        assert_eq!(n(key), ended, "{key}");
    }
    over
}

#[test]
fn progress_is_an_object_a_line_to_the_end() {
    let place = Place::new();
    fs::write(place.path("grid.toml"), GRID.split("[[external]]").next().unwrap()).unwrap();
    let (out, err) = place.exits(0, "sweep grid.toml --jobs 4 --progress json");
    assert!(out.contains("| baseline "), "{out}");
    let told = events(&err);
    let over = assert_adds_up(&told);
    assert_eq!([&over["n_runs"], &over["n_finished"]], [24, 24]);
    assert_eq!(n_of(&told, "start"), 24);
    assert_eq!(n_of(&told, "epoch"), 48, "each of two epochs is more than a tenth");
    assert_eq!(told.last().unwrap()["code"], 0);
    let by_run: BTreeMap<String, f64> = table(&place, "results/grid/runs.csv")
        .into_iter()
        .map(|row| (row["run"].clone(), row["test_nll_nats"].parse().unwrap()))
        .collect();
    let ends: Vec<&Value> = told.iter().filter(|event| event["event"] == "end").collect();
    for (i, end) in ends.iter().enumerate() {
        assert_eq!(end["n_ended"], i + 1);
        let value = by_run[end["run"].as_str().unwrap()];
        assert_eq!(end["metrics"]["test_nll_nats"].as_f64(), Some(value));
    }
    let again = events(&place.exits(0, "sweep grid.toml --progress json").1);
    assert!(n_of(&again, "begin") == 0 && again.last().unwrap()["code"] == 0);

    let (_, err) = place.exits(2, "sweep none.toml --progress json");
    let told = events(&err);
    assert_eq!(n_of(&told, "error"), 1, "{err}");
    assert_eq!(told.last().unwrap()["code"], 2);
    fs::write(place.path("wrong.toml"), "seed = 3\n").unwrap();
    assert_eq!(n_of(&events(&place.exits(2, "plan wrong.toml --progress json").1), "error"), 1);
}

#[test]
fn progress_tells_failures_and_an_interruption() {
    let place = program("bad", "[axes]\na = [0, 1, 2, 3]\n");
    let told = events(&place.exits(1, "sweep bad.toml --progress json").1);
    let failed = told.iter().find(|event| event["status"] == "failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("no more memory"), "{failed}");
    assert_eq!(told.last().unwrap()["code"], 1);
    // The first two seeds are a pass of their own.
    let passes: Vec<&[Value]> = told.split_inclusive(|event| event["event"] == "over").collect();
    assert_eq!(passes.len(), 3, "{told:?}");
    assert_eq!(assert_adds_up(passes[0])["n_finished"], 2);
    let over = assert_adds_up(passes[1]);
    assert_eq!([&over["n_finished"], &over["n_diverged"], &over["n_failed"]], [2, 2, 2]);

    let place = program("slow", "[axes]\na = [0, 1]\n");
    let slow = TRAIN.replace("case $a in", "[ $seed = 2 ] && sleep 30; case $a in");
    fs::write(place.path("train.sh"), slow).unwrap();
    let mut child = place.start_with_log("sweep slow.toml --jobs 1 --progress json", "events");
    while place.read("events").matches("\"start\"").count() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "{}", place.read("events"));
        sleep(Duration::from_millis(5));
    }
    let checked = Checked::new(place);
    let status = checked.document(0, "status slow");
    assert_eq!(status["experiments"][0]["is_active"], true);
    let runs = status["experiments"][0]["runs"].as_array().unwrap();
    let running = runs.iter().find(|run| run["state"] == "running").unwrap();
    assert_eq!(running["owner"]["pid"], child.id());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let told = events(&checked.place.read("events"));
    let over = assert_adds_up(&told);
    assert_eq!([&over["n_stopped"], &over["summary"]], [&json!(1), &Value::Null]);
    assert_eq!(told.last().unwrap()["code"], 130);
}
