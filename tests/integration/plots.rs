//! Tests of `ablade plots` from outside, on synthetic results written through the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::made;
use ablade::data::Images;
use ablade::figures;
use ablade::npy;
use ablade::plan::PlotOptions;
use ablade::record::RunOutput;
use ablade::results::ExperimentResults;
use ablade::store::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::made_up::{Recipe, artefacts, strings};
use crate::support::place::ablade;

/// Writes a synthetic study as a sweep would: plan, reference images, and the first `runs` of its
/// runs.
fn store(results: &Path, study: &ExperimentResults, runs: usize) {
    let store = Store::open(results, made()).unwrap();
    let artefacts = artefacts(study);
    store.save_plan(&study.plan).unwrap();
    for (fingerprint, tests) in &artefacts.tests {
        let shape = [tests.images.count(), tests.shape.height, tests.shape.width];
        store
            .save_reference(fingerprint, &npy::encode(&shape, tests.images.pixels()))
            .unwrap();
    }
    let array = |images: &Images| npy::encode(&[images.count(), images.dim()], images.pixels());
    for spec in &study.plan.runs[..runs] {
        let record = &study.records[&spec.id];
        let (Some(summary), Some(timing)) = (record.summary.clone(), record.timing.clone()) else {
            continue;
        };
        let mut files = Vec::new();
        for (name, pictures) in
            [("samples.npy", &artefacts.samples), ("nearest.npy", &artefacts.nearest)]
        {
            files.extend(
                pictures.get(&spec.id).map(|picture| (name.to_owned(), array(&picture.images))),
            );
        }
        let output = RunOutput {
            summary,
            epochs: record.epochs.clone(),
            timing,
            files,
            taken: Vec::new(),
        };
        store.publish(spec, &output).unwrap();
    }
}

#[track_caller]
fn run(place: &Path, arguments: &str) -> (String, String) {
    exits(place, 0, arguments)
}

#[track_caller]
fn exits(place: &Path, code: i32, arguments: &str) -> (String, String) {
    let output = ablade(place, arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{arguments}\n{out}{err}");
    (out, err)
}

fn pictures(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The study remains next to the other test pictures, for inspection and timing: `ablade --results
/// ... plots`.
#[test]
fn sixty_runs_of_two_hundred_epochs_fit_into_two_megabytes() {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sixty");
    let _ = fs::remove_dir_all(&place);
    let axes = vec![
        ("ordering", strings(&["raster", "columns", "reverse"])),
        ("depth", strings(&["1", "2"])),
        ("skip", strings(&["off", "on"])),
    ];
    let study = Recipe {
        axes,
        seeds: 5,
        epochs: 200,
        name: "sixty".into(),
        ..Recipe::default()
    }
    .study();
    assert_eq!(study.plan.runs.len(), 60);
    store(&place.join("results"), &study, 60);
    let (out, _) = run(&place, "plots");
    assert!(out.contains("plots/sixty: 13 figures\n"), "{out}");
    let page = fs::read(place.join("plots/index.html")).unwrap();
    assert!(page.len() <= 2 << 20, "the page has {} bytes", page.len());
    assert_eq!(pictures(&place.join("plots/sixty")).len(), 3 * 13 + 1, "and the list of them");
    assert!(String::from_utf8(page).unwrap().contains("href=\"./sixty/ablation.svg\""));
}

#[test]
fn a_study_that_still_runs_shows_what_is_there() {
    let place = tempfile::tempdir().unwrap();
    let study = Recipe::default().study();
    store(&place.path().join("results"), &study, 7);
    let (out, _) = run(place.path(), "plots");
    assert!(out.contains("5 of 12 runs still to come"), "{out}");
    let page = fs::read_to_string(place.path().join("plots/index.html")).unwrap();
    assert!(page.contains("Not complete yet. Of 12 runs: 7 finished, 5 not run yet."));
    let loss = fs::read_to_string(place.path().join("plots/fixture/loss.svg")).unwrap();
    assert!(
        loss.contains("7 finished") || loss.contains("to run"),
        "the loss figure says what it lacks"
    );
}

#[test]
fn watching_draws_again_when_runs_finish_and_ends_on_ctrl_c() {
    let place = tempfile::tempdir().unwrap();
    let study = Recipe { epochs: 5, ..Recipe::default() }.study();
    let results = place.path().join("results");
    store(&results, &study, 4);
    let mut watch = ablade(place.path(), "plots --watch")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(watch.stdout.take().unwrap());
    let (send, lines) = channel();
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    let line = || lines.recv_timeout(Duration::from_secs(300)).expect("a line of the watcher");

    assert!(line().ends_with("8 of 12 runs still to come"));
    assert!(line().ends_with("index.html"));
    store(&results, &study, 12);
    // The watcher may have drawn while runs were being published; finally none may be missing.
    while line().ends_with("still to come") {
        assert!(line().ends_with("index.html"));
    }
    assert!(line().ends_with("index.html"));
    let page = fs::read_to_string(place.path().join("plots/index.html")).unwrap();
    assert!(page.contains("All 12 runs have finished."));

    kill_process(Pid::from_child(&watch), Signal::INT).unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[test]
fn a_gallery_holds_small_pictures_and_a_page_that_shows_them() {
    let place = tempfile::tempdir().unwrap();
    store(
        &place.path().join("results"),
        &Recipe { epochs: 20, ..Recipe::default() }.study(),
        12,
    );
    run(place.path(), "plots --gallery gallery");
    let names = pictures(&place.path().join("gallery"));
    let expected = [
        ".ablade-gallery",
        "README.md",
        "ablation",
        "interactions",
        "loss",
        "orderings",
        "samples",
    ];
    let expected = expected.map(|name| match name {
        "README.md" | ".ablade-gallery" => name.to_owned(),
        name => format!("fixture-{name}.png"),
    });
    assert_eq!(names, expected);
    let text = fs::read_to_string(place.path().join("gallery/README.md")).unwrap();
    assert!(text.contains("\n    ablade sweep fixture.toml\n"), "{text}");
    assert!(expected[2..].iter().all(|name| text.contains(&format!("]({name})"))), "{text}");
    for name in &expected[2..] {
        assert!(
            fs::metadata(place.path().join("gallery").join(name)).unwrap().len() < 80_000,
            "{name}"
        );
    }
}

/// Content of every picture of the fixture, by name.
fn contents(place: &Path) -> BTreeMap<String, Vec<u8>> {
    let dir = place.join("plots/fixture");
    pictures(&dir)
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .map(|name| (name.clone(), fs::read(dir.join(name)).unwrap()))
        .collect()
}

/// Names whose content differs.
fn differing(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .cloned()
        .collect()
}

/// Figures and formats that are not asked for stay as an earlier `plots` drew them, and the page has
/// every figure whatever the files are.
#[test]
fn what_is_not_asked_for_stays() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    store(&place.join("results"), &Recipe { epochs: 5, ..Recipe::default() }.study(), 12);
    run(place, "plots");
    let (all, page) = (contents(place), fs::read(place.join("plots/index.html")).unwrap());
    let (out, _) = run(
        place,
        "plots --only loss,ablation --only views --format pdf --width 85mm --bare",
    );
    assert!(out.contains("plots/fixture: 3 figures\n"), "{out}");
    let narrow = contents(place);
    assert_eq!(differing(&all, &narrow), ["ablation.pdf", "loss.pdf", "views.pdf"]);
    assert!(
        fs::read(place.join("plots/index.html")).unwrap() == page,
        "the page is the same"
    );
    // The same bytes again, and all of it again without options.
    run(place, "plots --only loss --format pdf --width 85mm --bare");
    assert!(differing(&narrow, &contents(place)).is_empty());
    run(place, "plots");
    assert!(differing(&all, &contents(place)).is_empty());
    // In an empty folder there is nothing but what was asked for, and the page refers to nothing else.
    run(place, "--plots other plots --format svg --only loss");
    assert_eq!(pictures(&place.join("other/fixture")), [".ablade-figures", "loss.svg"]);
    let page = fs::read_to_string(place.join("other/index.html")).unwrap();
    let links = page
        .split("href=\"./fixture/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    assert_eq!(links.collect::<Vec<_>>(), ["loss.svg"]);
}

/// `[plots]` of the experiment file is in its plan; the command line wins option by option.
#[test]
fn the_plan_has_options_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let mut study = Recipe { epochs: 5, ..Recipe::default() }.study();
    let options = r#"{"width":"85mm","only":["loss","los"],"format":["svg"]}"#;
    study.plan.plots = serde_json::from_str(options).unwrap();
    store(&place.join("results"), &study, 12);
    let (_, err) = run(place, "plots");
    assert!(err.contains("no figure is called `los`: did you mean `loss`?"), "{err}");
    let svg = |name: &str| fs::read_to_string(place.join("plots/fixture").join(name)).unwrap();
    assert_eq!(pictures(&place.join("plots/fixture")), [".ablade-figures", "loss.svg"]);
    assert!(svg("loss.svg").contains(" width=\"85mm\" ") && svg("loss.svg").contains("Solid:"));
    run(place, "plots --width 120mm --bare --only loss,ablation");
    assert_eq!(contents(place).into_keys().collect::<Vec<_>>(), ["ablation.svg", "loss.svg"]);
    let loss = svg("loss.svg");
    assert!(loss.contains(" width=\"120mm\" ") && !loss.contains("Solid:</text>"), "{loss}");
    // A plan without them has no trace of them.
    study.plan.plots = PlotOptions::default();
    store(&place.join("results"), &study, 0);
    let plan = fs::read_to_string(place.join("results/fixture/plan.json")).unwrap();
    assert!(!plan.contains("\"plots\""), "{plan}");
}

#[test]
fn options_that_mean_nothing_are_said_in_one_line() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    store(&place.join("results"), &Recipe { epochs: 5, ..Recipe::default() }.study(), 12);
    for (arguments, expected) in [
        ("--only los", "no figure is called `los`: did you mean `loss`?"),
        (
            "--only loss,xyzzy-12",
            "no figure is called `xyzzy-12`; there are ablation, ranks, loss",
        ),
        ("--format gif", "no format is called `gif`: svg, png and pdf are"),
        ("--width 85", "expected a width such as \"85mm\""),
        ("--width 10mm", "from 40 to 400 mm"),
        ("--dpi 7", "50..=2400"),
        ("--text paths", "[possible values: text, outlines]"),
    ] {
        let (out, err) = exits(place, 2, &format!("plots {arguments}"));
        assert!(err.contains(expected) && out.is_empty(), "{arguments}: {out}{err}");
        assert!(!place.join("plots").exists(), "{arguments} draws something");
    }
    // What is known is drawn next to what is not.
    let (out, err) = exits(place, 1, "plots --only loss --format gif,pdf");
    assert!(
        err.contains("no format is called `gif`") && out.contains("1 figure\n"),
        "{out}{err}"
    );
    let (_, err) = run(place, "plots --only shapley,loss-again,ablation --format pdf");
    for name in ["shapley", "loss-again"] {
        assert!(err.contains(&format!("fixture: has no figure {name}")), "{err}");
    }
    assert_eq!(contents(place).into_keys().collect::<Vec<_>>(), ["ablation.pdf", "loss.pdf"]);
    let before = contents(place);
    let (_, err) =
        exits(place, 1, "plots --only network,loss --width 40mm --dpi 2400 --format pdf");
    assert!(
        err.contains("fixture: loss: 40mm is too narrow for its words: --width "),
        "{err}"
    );
    assert_eq!(differing(&before, &contents(place)), ["network.pdf"]);
}

/// Every name of a figure that is drawn can be asked for.
#[test]
fn every_figure_has_a_known_name() {
    let known = [&figures::NAMES[..], &ablade::trainers::made::figures::NAMES].concat();
    let study = Recipe {
        axes: vec![
            ("depth", strings(&["1", "2"])),
            ("masks", strings(&["1", "8"])),
            ("skip", strings(&["off", "on"])),
        ],
        epochs: 5,
        ..Recipe::default()
    }
    .study();
    for (name, _) in figures::charts(&study, 0, &artefacts(&study)) {
        assert!(known.contains(&name), "{name} is not among the names");
    }
}
