//! Runs on tables of real numbers from outside: a sweep, its tables, figures and page, and the
//! commands on trained models.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use ablade::npy;

use crate::support::place::Place;
use crate::support::python;

/// Two outputs, and one of them told the class, on points of two interleaved half circles.
const STUDY: &str = r#"
question = "Which density?"
seeds    = 2

[data]
name   = "moons"
values = "real"
train  = 300
valid  = 100
test   = 120

[model]
hidden     = [16]
output     = "gaussian-mixture"
components = 3

[train]
epochs    = 6
batch     = 50
optimizer = { adam = { lr = 1e-2 } }

[sample]
count = 50

[axes]
model.output  = ["gaussian-mixture", "gaussian"]
model.masks   = [1, 2]
"#;

/// The study, swept and drawn once.
fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = Place::with(STUDY);
        place.exits(0, "sweep small.toml");
        place.exits(0, "plots small");
        place
    })
}

fn array<T: npy::Element>(path: &Path) -> npy::Array<T> {
    npy::decode(&fs::read(path).unwrap()).unwrap()
}

/// Rows of a CSV by column.
fn csv_rows(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .map(Result::unwrap)
        .collect()
}

/// Means and standard deviations of the columns of a run.
fn units(run: &Path) -> Vec<(f64, f64)> {
    let number = |row: &BTreeMap<String, String>, name: &str| row[name].parse().unwrap();
    let rows = csv_rows(&fs::read_to_string(run.join("standardisation.csv")).unwrap());
    assert_eq!([&rows[0]["column"], &rows[1]["column"]], ["x", "y"]);
    rows.iter()
        .map(|row| (number(row, "mean"), number(row, "standard_deviation")))
        .collect()
}

#[test]
fn a_run_has_both_units_and_its_files_are_in_those_of_the_table() {
    let place = place();
    for row in place.table("runs.csv") {
        let run = place.path("results/runs").join(&row["run"]);
        let number = |name: &str| -> f64 { row[name].parse().unwrap() };
        let scale: f64 = units(&run).iter().map(|(_, deviation)| deviation.ln()).sum();
        let apart = number("test_nll_own_units_nats") - number("test_nll_nats") - scale;
        assert!(apart.abs() < 1e-9, "{row:?}");
        assert_eq!(row["test_bits_per_dim"], "", "bits depend on the unit of each column");
        assert_eq!(number("share_at_smallest_scale"), 0.0);
        assert!(!row.contains_key("test_rows_beyond_bound"), "no value is that far");
        // Samples lie where the points are, not where standardised ones do.
        let samples = array::<f64>(&run.join("samples.npy"));
        assert_eq!(samples.shape, [50, 2]);
        for (column, (mean, deviation)) in units(&run).into_iter().enumerate() {
            let values = samples.data.iter().skip(column).step_by(2);
            let mean_of_samples = values.sum::<f64>() / 50.0;
            assert!((mean_of_samples - mean).abs() < deviation, "{mean_of_samples}, {mean}");
        }
        assert!(!run.join("nearest.npy").exists() && !run.join("calibration.npy").exists());
        let transforms = array::<f32>(&run.join("integral_transforms.npy"));
        assert_eq!((transforms.data.len(), transforms.data.iter().sum::<f32>()), (10, 240.0));
        // The density integrates to one over the range of the points, but for its tails.
        let (density, axes) = (
            array::<f32>(&run.join("density.npy")),
            array::<f64>(&run.join("density_axes.npy")),
        );
        assert_eq!((&density.shape[..], &axes.shape[..]), (&[128, 128][..], &[2, 128][..]));
        let step = |axis: &[f64]| (axis[127] - axis[0]) / 127.0;
        let cell = step(&axes.data[..128]) * step(&axes.data[128..]);
        let mass: f64 = density.data.iter().map(|log| f64::from(*log).exp() * cell).sum();
        assert!((0.7..1.02).contains(&mass), "{mass}");
    }
}

#[test]
fn figures_and_page_of_tables_leave_pixels_out() {
    let place = place();
    let names: Vec<String> = fs::read_dir(place.path("plots/small"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.strip_suffix(".svg")?.to_owned()))
        .collect();
    for there in ["ablation", "loss", "density", "marginals", "calibration", "masks", "network"] {
        assert!(names.contains(&there.to_owned()), "no {there} in {names:?}");
    }
    for pixels in ["samples", "neighbours", "completions", "conditionals", "orderings", "views"] {
        assert!(!names.contains(&pixels.to_owned()), "{pixels}");
    }
    let page = place.read("plots/index.html");
    assert!(page.contains("nats per row") && !page.contains("nats per image"));
    assert!(page.contains("standardised real numbers"), "captions say so");
    let (out, _) = place.exits(0, "compare small");
    assert!(out.contains("nats per row"), "{out}");
}

/// Variables of a vector have no places that an ordering could be drawn on.
#[test]
fn figures_of_bit_vectors_leave_places_out() {
    let row = |i: u32| [0, 1, 2, 3, 4].map(|k| ((7 * i) >> k & 1).to_string()).join(",") + "\n";
    let place = Place::with(
        &STUDY
            .replace("name   = \"moons\"\nvalues = \"real\"", "name = \"bits.csv\"")
            .replace("train  = 300\nvalid  = 100\ntest   = 120", "")
            .replace("output     = \"gaussian-mixture\"\ncomponents = 3", "")
            .replace("model.output  = [\"gaussian-mixture\", \"gaussian\"]", ""),
    );
    fs::write(place.path("bits.csv"), (0..60).map(row).collect::<String>()).unwrap();
    place.exits(0, "sweep small.toml");
    place.exits(0, "plots small");
    let drawn = |name: &str| place.path(&format!("plots/small/{name}.svg")).exists();
    for name in ["ablation", "loss", "masks", "network", "visibility"] {
        assert!(drawn(name), "no {name}");
    }
    assert!(!drawn("orderings") && !drawn("views"));
}

#[test]
fn rows_are_drawn_scored_and_completed_in_the_units_of_the_table() {
    let place = place();
    let runs = place.table("runs.csv");
    let own = runs
        .iter()
        .find(|row| row["variant"].contains("baseline") && row["seed"] == "1");
    let own = own.unwrap_or_else(|| panic!("{runs:?}"));
    let run = own["run"].as_str();
    // With the options of the run, `sample` writes the rows of its samples.npy.
    place.exits(0, &format!("sample {run} --out drawn.csv --out drawn.npy"));
    let saved = array::<f64>(&place.path("results/runs").join(run).join("samples.npy"));
    assert_eq!(array::<f64>(&place.path("drawn.npy")).data, saved.data);
    let rows = csv_rows(&place.read("drawn.csv"));
    assert_eq!(rows.len(), 50);
    let values = rows.iter().flat_map(|row| [&row["x"], &row["y"]]);
    for (text, value) in values.zip(&saved.data) {
        assert!((text.parse::<f64>().unwrap() - value).abs() < 1e-5, "{text}, {value}");
    }
    let (_, err) = place.exits(2, &format!("sample {run} --out drawn.png"));
    assert!(
        err.contains("drawn.png would hold images") && err.contains(".csv or .npy"),
        "{err}"
    );
    let (_, err) = place.exits(2, &format!("sample {run} --nearest"));
    assert!(err.contains("--nearest compares pixels"), "{err}");

    let (out, _) = place.exits(0, &format!("evaluate {run} --csv"));
    let scores = csv_rows(&out);
    let number = |name: &str| -> f64 { own[name].parse().unwrap() };
    assert_eq!(scores[0]["nll_nats"], format!("{:.3}", number("test_nll_nats")));
    let in_own_units = format!("{:.3}", number("test_nll_own_units_nats"));
    assert_eq!(scores[0]["nll_own_units_nats"], in_own_units);
    // A file in these units, whose columns have another order.
    let swapped: String = std::iter::once("y,x\n".to_owned())
        .chain(rows.iter().map(|row| format!("{},{}\n", row["y"], row["x"])))
        .collect();
    fs::write(place.path("swapped.csv"), swapped).unwrap();
    let of = |data: &str| {
        let (out, _) = place.exits(0, &format!("evaluate {run} --csv --data {data}"));
        csv_rows(&out)[0]["nll_nats"].parse::<f64>().unwrap()
    };
    assert!((of("drawn.csv") - of("swapped.csv")).abs() < 2e-3);
    // Samples are likely under their own model; points of other sets are not.
    assert!(of("drawn.csv") < of("rings"), "{} {}", of("drawn.csv"), of("rings"));

    let (out, _) =
        place.exits(0, &format!("inpaint {run} --given x --image 2,5 --draws 3 --out done.csv"));
    assert!(
        out.contains("1 of 2 columns given") && out.contains("standard deviations"),
        "{out}"
    );
    let done = csv_rows(&place.read("done.csv"));
    let numbers: Vec<_> = done.iter().map(|row| (&*row["row"], &*row["draw"])).collect();
    assert_eq!(
        numbers,
        [("2", "0"), ("2", "1"), ("2", "2"), ("5", "0"), ("5", "1"), ("5", "2")]
    );
    assert!(done[0]["x"] == done[2]["x"] && done[0]["y"] != done[2]["y"], "{done:?}");
    let (_, err) = place.exits(2, &format!("inpaint {run} --given y"));
    assert!(err.contains("draws column x, which is not given"), "{err}");
    let (_, err) = place.exits(2, &format!("inpaint {run} --given z"));
    assert!(err.contains("no column `z`") && err.contains("`x`, `y`"), "{err}");
    place.exits(0, &format!("inpaint {run} --reconstruct --out means.npy"));
    assert_eq!(array::<f64>(&place.path("means.npy")).shape, [10, 2]);
}

#[test]
fn runs_on_tables_are_verified_and_rescored() {
    let place = place();
    let (out, _) = place.exits(0, "verify small --reference");
    assert!(out.contains("runs the same, to rounding"), "{out}");
    let Some(python) = python("numpy") else { return };
    place.exits(0, "data export moons --train 300 --valid 100 --test 120 --out moons.npy");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rescore.py");
    for row in place.table("runs.csv") {
        let run = place.path("results/runs").join(&row["run"]);
        let rescored = || {
            let mut command = Command::new(python.get_program());
            command.arg(&script).arg(&run).arg("--images").arg(place.path("moons-test.npy"));
            let output = command.output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8(said).unwrap())
        };
        let (code, said) = rescored();
        assert_eq!(code, Some(0), "{row:?}\n{said}");
        // Control: other units.
        let path = run.join("standardisation.csv");
        let kept = fs::read_to_string(&path).unwrap();
        fs::write(&path, kept.replacen("y,", "y,1", 1)).unwrap();
        assert_eq!(rescored().0, Some(1), "other units pass");
        fs::write(&path, kept).unwrap();
    }
}

/// Tables with the values of pixels, or standardised by other rows, are not compared.
#[test]
fn densities_in_other_units_are_not_compared() {
    let place = Place::with(
        "seeds = 3\ndata = { name = \"grid\", values = \"real\", train = 100, valid = 30, test = 30 }\n\
         model = { hidden = [4], output = \"gaussian\" }\ntrain = { epochs = 1, batch = 50 }\n\
         [axes]\ndata.train = [100, 120]\n",
    );
    place.exits(0, "sweep small.toml");
    let notes: Vec<String> =
        place.table("ablation.csv").into_iter().map(|row| row["note"].clone()).collect();
    assert!(notes.iter().any(|note| note.contains("other training rows")), "{notes:?}");
}

/// A density that is told the class classifies rows by Bayes' rule, and its scores are found again.
#[test]
fn a_density_that_is_told_the_class_classifies() {
    let place = Place::with(
        "seeds = 1\ndata = { name = \"moons\", values = \"real\", train = 400, valid = 100, test = 100 }\n\
         model = { hidden = [20], output = \"gaussian-mixture\", classes = true }\n\
         train = { epochs = 10, batch = 50, optimizer = { adam = { lr = 1e-2 } } }\n\
         [compare]\nmetric = \"test-accuracy\"\n",
    );
    place.exits(0, "sweep small.toml");
    place.exits(0, "plots small");
    let svg = place.read("plots/small/marginals.svg");
    assert!(svg.contains("count by its share"), "{svg}");
    let svg = place.read("plots/small/density.svg");
    assert!(!svg.contains("of standardised columns"), "an accuracy has no scale: {svg}");
    let row = place.table("runs.csv").remove(0);
    assert!(row["test_accuracy"].parse::<f64>().unwrap() > 0.7, "{row:?}");
    let (out, _) = place.exits(0, "evaluate small/baseline/1 --csv");
    let scores = csv_rows(&out);
    assert_eq!(scores[1]["model"], "mask 1 without the class");
    let number = |name: &str| row[name].parse::<f64>().unwrap();
    assert_eq!(scores[1]["accuracy"], format!("{:.4}", number("test_accuracy")));
    assert_eq!(scores[1]["nll_nats"], format!("{:.3}", number("test_nll_without_class_nats")));
    // Labels next to a file, and in an archive, are those of its rows.
    place.exits(0, "data export moons --train 400 --valid 100 --test 100 --out own.npz");
    place.exits(0, "data export moons --train 400 --valid 100 --test 100 --out own.csv");
    for file in ["own.npz", "own-test.csv"] {
        let (out, _) = place.exits(0, &format!("evaluate small/baseline/1 --csv --data {file}"));
        assert_eq!(csv_rows(&out)[1]["accuracy"], scores[1]["accuracy"], "{file}");
        assert_eq!(csv_rows(&out)[0]["nll_nats"], scores[0]["nll_nats"], "{file}");
    }
    let (_, err) = place.exits(0, "evaluate small/baseline/1 --data own-test.csv --part train");
    assert!(err.contains("--part selects nothing"), "{err}");
    fs::remove_file(place.path("own-test-labels.csv")).unwrap();
    let (_, err) = place.exits(2, "evaluate small/baseline/1 --data own-test.csv");
    assert!(err.contains("no labels") && err.contains("NAME-labels.csv"), "{err}");
    // Moons are on both sides of y = 0.25, in the units of the table.
    let mean_y = |class: &str| {
        place.exits(0, &format!("sample small/baseline/1 --class {class} --out drawn.npy"));
        let drawn = array::<f64>(&place.path("drawn.npy")).data;
        drawn.iter().skip(1).step_by(2).sum::<f64>() / (drawn.len() / 2) as f64
    };
    assert!((mean_y("0") - mean_y("1")).abs() > 0.3, "{} {}", mean_y("0"), mean_y("1"));
    let Some(python) = python("numpy") else { return };
    place.exits(0, "data export moons --train 400 --valid 100 --test 100 --out moons.npy");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rescore.py");
    let mut command = Command::new(python.get_program());
    command.arg(&script).arg(place.path("results/runs").join(&row["run"]));
    for (option, file) in [("--images", "moons-test.npy"), ("--labels", "moons-test-labels.npy")] {
        command.arg(option).arg(place.path(file));
    }
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("test_correct.npy: agrees"), "{said}");
}

/// A test value far beyond what a model expects counts as at a bound: tables say so, and the reference
/// and the script find the same scores.
#[test]
fn values_beyond_the_bound_are_told_and_found_again() {
    let place = Place::with(
        "seeds = 1\ndata = { name = \"far\", values = \"real\" }\n\
         model = { hidden = [6], output = \"gaussian\", activation = \"tanh\", components = 7 }\n\
         train = { epochs = 2, batch = 20 }\n[axes]\nmodel.skip = [false, true]\n",
    );
    let part = |from: u32, count: u32| {
        let row = |i: u32| format!("{},{}\n", (i * 7 % 101) as f64 / 50.0, (i * 31 % 97) as f64);
        "a,b\n".to_owned() + &(from..from + count).map(row).collect::<String>()
    };
    fs::create_dir(place.path("far")).unwrap();
    fs::write(place.path("far/train.csv"), part(0, 80)).unwrap();
    fs::write(place.path("far/valid.csv"), part(80, 20)).unwrap();
    fs::write(place.path("far/test.csv"), part(100, 20) + "1e8,3\n").unwrap();
    let (_, said) = place.exits(0, "sweep small.toml");
    assert!(said.contains("model.components = 7 is ignored"), "{said}");
    let row = place.table("runs.csv").remove(0);
    assert_eq!(row["test_rows_beyond_bound"], "1");
    let (out, error) = place.exits(0, "compare small");
    assert!((out + &error).contains("counts as a million"));
    place.exits(0, "verify small --runs 1 --reference");
    let Some(python) = python("numpy") else { return };
    place.exits(0, "data export far --values real --out rows.npy");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rescore.py");
    let mut command = Command::new(python.get_program());
    command.arg(&script).arg(place.path("results/runs").join(&row["run"]));
    let output = command.arg("--images").arg(place.path("rows-test.npy")).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
}

/// A table of one's own: columns of any scale and name, more than two, from a file.
#[test]
fn a_table_of_a_file_is_modelled_in_its_own_units() {
    let place = Place::with(
        "seeds = 2\ndata = { name = \"own.csv\", values = \"real\" }\n\
         model = { hidden = [12], output = \"gaussian-mixture\", components = 2 }\n\
         train = { epochs = 3, batch = 20 }\nsample = { count = 20 }\n[axes]\nmodel.skip = [false, true]\n",
    );
    let row = |i: u32| {
        let [a, b, c] = [i * 7 % 101, i * 31 % 97, i * 53 % 89].map(f64::from);
        format!("{},{},{}\n", a * 1.37e-3, 1e6 + b * 12.5, (a - c) / 3.0)
    };
    let table: String = std::iter::once("\"mass, kg\",pressure,change\n".to_owned())
        .chain((0..300).map(row))
        .collect();
    fs::write(place.path("own.csv"), table).unwrap();
    place.exits(0, "sweep small.toml");
    place.exits(0, "plots small");
    assert!(place.path("plots/small/marginals.svg").exists());
    assert!(!place.path("plots/small/density.svg").exists(), "it is of two columns");
    place.exits(0, "sample small/baseline/1 --out drawn.csv");
    let rows = csv_rows(&place.read("drawn.csv"));
    assert_eq!(rows.len(), 20);
    for row in &rows {
        let [mass, pressure] =
            ["mass, kg", "pressure"].map(|name| row[name].parse::<f64>().unwrap());
        assert!(mass.abs() < 1.0 && (0.99e6..1.01e6).contains(&pressure), "{row:?}");
    }
    // Without the table itself.
    fs::rename(place.path("own.csv"), place.path("away.csv")).unwrap();
    place.exits(0, "sample small/baseline/1 --count 3 --out again.csv");
    let (out, _) = place.exits(0, "evaluate small/baseline/1 --data drawn.csv --csv");
    assert_eq!(csv_rows(&out)[0]["rows"], "20");
    let (out, _) = place.exits(
        0,
        "inpaint small/baseline/1 --from drawn.csv --given 0 --image 1 --out done.csv",
    );
    assert!(out.contains("1 of 3 columns given"), "{out}");
    assert_eq!(csv_rows(&place.read("done.csv"))[0]["mass, kg"], rows[1]["mass, kg"]);
}

/// A run that another plan trained under other names is matched by the names of its own table.
#[test]
fn names_of_columns_are_those_of_the_plan_that_is_asked_for() {
    let place = Place::with("seeds = 1\n");
    let rows = |names: &str, row: &dyn Fn(u32) -> String| {
        (0..200).fold(names.to_owned() + "\n", |text, i| text + &row(i) + "\n")
    };
    let real =
        |i: u32| format!("{},{}", f64::from(i * 71 % 211) * 0.013, f64::from(i * 97 % 199) * 3.7);
    let bits = |i: u32| {
        format!(
            "{},{},{},0",
            u8::from(i.is_multiple_of(7)),
            u8::from(i * 31 % 11 < 5),
            i / 3 % 2
        )
    };
    for (kind, names, swapped, row) in [
        ("real", "a,b", "b,a", &real as &dyn Fn(u32) -> String),
        ("pixels", "p,q,r,s", "s,r,q,p", &bits),
    ] {
        let output = if kind == "real" { "output = \"gaussian\"" } else { "" };
        for (study, names) in [("old", names), ("fixed", swapped)] {
            fs::write(place.path(&format!("{study}-{kind}.csv")), rows(names, row)).unwrap();
            let toml = format!(
                "seeds = 1\ndata = {{ name = \"{study}-{kind}.csv\", values = \"{kind}\" }}\nmodel = {{ hidden = [8], {output} }}\n\
                 train = {{ epochs = 3, batch = 10 }}\n"
            );
            fs::write(place.path(&format!("{study}-{kind}.toml")), toml).unwrap();
            place.exits(0, &format!("sweep {study}-{kind}.toml"));
        }
        fs::write(place.path("new.csv"), rows(swapped, row)).unwrap();
        let of = |study: &str, data: &str| {
            let (out, _) =
                place.exits(0, &format!("evaluate {study}-{kind}/baseline/1 --csv --data {data}"));
            csv_rows(&out)[0]["nll_nats"].clone()
        };
        fs::write(place.path("same.csv"), rows(names, row)).unwrap();
        assert_eq!(of("fixed", "new.csv"), of("old", "same.csv"), "{kind}");
        // Control: by the names of the other plan the columns are exchanged.
        assert_ne!(of("old", "new.csv"), of("old", "same.csv"), "{kind}");
    }
}

/// Columns far from 0 keep their values in the files of a run, and its density is drawn.
#[test]
fn a_column_with_a_large_offset_keeps_its_values() {
    let place = Place::with(
        "seeds = 1\ndata = { name = \"time.csv\", values = \"real\" }\n\
         model = { hidden = [8], output = \"gaussian\" }\ntrain = { epochs = 3, batch = 20 }\nsample = { count = 40 }\n",
    );
    let row = |i: u32| {
        format!("{},{}\n", 1_600_000_000 + i * 7919 % 10_007, f64::from(i * 31 % 97) * 0.1)
    };
    fs::write(
        place.path("time.csv"),
        "time,\"a \"\"b\"\"\"\n".to_owned() + &(0..300).map(row).collect::<String>(),
    )
    .unwrap();
    place.exits(0, "sweep small.toml");
    place.exits(0, "plots small");
    assert!(place.path("plots/small/density.svg").exists());
    let run = place.path("results/runs").join(&place.table("runs.csv")[0]["run"]);
    let samples = array::<f64>(&run.join("samples.npy")).data;
    let is_coarse = |value: &f64| value % 128.0 == 0.0;
    assert!(!samples.iter().step_by(2).all(is_coarse), "{samples:?}");
    let axes = array::<f64>(&run.join("density_axes.npy")).data;
    assert!(axes[..128].windows(2).all(|pair| pair[0] < pair[1]), "{axes:?}");
    // Names with quotation marks are written as they are read.
    place.exits(0, "sample small/baseline/1 --out drawn.csv");
    assert_eq!(place.read("drawn.csv").lines().next(), Some("time,\"a \"\"b\"\"\""));
    let (_, err) = place.exits(0, "evaluate small/baseline/1 --data drawn.csv");
    assert!(!err.contains("other names"), "{err}");
    place.exits(0, "data export time.csv --values real --out again.csv");
    assert_eq!(place.read("again-test.csv").lines().next(), Some("time,\"a \"\"b\"\"\""));
}

/// Tables whose labels or names cannot be used say why.
#[test]
fn labels_that_cannot_be_used_and_equal_names_are_named() {
    let place = Place::with(
        "seeds = 1\ndata = { name = \"tab.csv\", values = \"real\" }\n\
         model = { hidden = [4], output = \"gaussian\", classes = true }\ntrain = { epochs = 1, batch = 20 }\n",
    );
    let table = |head: &str| {
        (0..90).fold(head.to_owned() + "\n", |text, i| {
            text + &format!("{}.5,{}.25,{}\n", i * 7 % 89, i * 31 % 97, i % 2)
        })
    };
    fs::write(place.path("tab.csv"), table("a,b,class")).unwrap();
    let (_, err) = place.exits(2, "plan small.toml");
    for words in ["train rows have no labels", "column `class`", "NAME-labels.csv"] {
        assert!(err.contains(words), "{err}");
    }
    let labels = |n: usize| (0..n).map(|i| format!("{}\n", i % 2)).collect::<String>();
    fs::write(place.path("tab-labels.csv"), labels(89)).unwrap();
    let (_, err) = place.exits(2, "plan small.toml");
    assert!(err.contains("tab-labels.csv: 89 labels for 90 rows"), "{err}");
    fs::write(place.path("tab-labels.csv"), labels(90)).unwrap();
    place.exits(0, "plan small.toml");
    fs::write(place.path("tab.csv"), table("a,a,class")).unwrap();
    let (_, err) = place.exits(2, "plan small.toml");
    assert!(err.contains("two columns are called `a`"), "{err}");
}
