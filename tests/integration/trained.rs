//! Commands on trained models from outside: `sample`, `inpaint` and `evaluate` on the runs of one
//! small study.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::support::made;
use ablade::npy;
use ablade::plan::{Plan, RunId};
use ablade::store::{Failure, Store};
use ablade::trainers::made::metrics::MadeFacts;
use proptest::prelude::*;

use crate::support::place::ablade;

const STUDY: &str = r#"
question = "What can be done with a trained model?"
seeds    = 2

[data]
name  = "digits"
train = 200
valid = 40
test  = 40
size  = 8

[model]
hidden = [20]

[train]
epochs = 2

[sample]
count = 6

[axes]
model.ordering = ["raster", "random"]
model.masks    = [1, 4]
model.resample = { values = ["both", "connectivity"], when = "model.masks > 1" }
sample.masks   = { values = [1, 3], when = "model.masks > 1 and model.resample == 'connectivity'" }
"#;

/// The results of the study, trained once.
fn results() -> &'static Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("small.toml"), STUDY).unwrap();
        let trained = command(dir.path(), dir.path(), "sweep small.toml").output().unwrap();
        assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
        dir
    });
    dir.path()
}

fn command(results: &Path, work: &Path, arguments: &str) -> Command {
    let mut command = ablade(work, arguments);
    command.arg("--results").arg(results.join("results"));
    command
}

/// An empty working directory, with access to the trained study.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Output {
        command(results(), self.0.path(), arguments).output().unwrap()
    }

    #[track_caller]
    fn good(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "`ablade {arguments}`\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must be refused with exit code 2 and write nothing; returns the message.
    #[track_caller]
    fn refused(&self, arguments: &str) -> String {
        let before = self.files();
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`ablade {arguments}`\n{message}");
        assert_eq!(self.files(), before, "`ablade {arguments}` left files behind");
        assert!(output.stdout.is_empty(), "`ablade {arguments}` printed a result");
        message
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn array(&self, name: &str) -> npy::Array<u8> {
        npy::decode(&fs::read(self.path(name)).unwrap()).unwrap()
    }
}

fn plan() -> Plan {
    store().load_plan("small").unwrap()
}

fn store() -> Store {
    Store::open(results().join("results"), made()).unwrap()
}

/// The run of a variant, seed 1.
fn run(variant: &str) -> RunId {
    let plan = plan();
    let of = plan.studies[0].variants.iter().find(|v| v.name == variant);
    let names = || plan.studies[0].variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>();
    of.unwrap_or_else(|| panic!("{variant} is none of {:?}", names())).runs[0].clone()
}

const AGNOSTIC: &str = "ordering-random_model.masks-4";
const CONNECTED: &str = "model.masks-4_resample-connectivity";

/// Runs that differ only in `[sample]` or `[evaluate]` share one training, and nothing but the log
/// tells: `verify` trains each by itself and finds the same bytes.
#[test]
fn runs_that_differ_only_after_training_train_once() {
    let (rest, _) = STUDY.split_once("[axes]").unwrap();
    let studies = [
        // Of 16 variants of two seeds, 6 have trainings of their own.
        (STUDY.replace("[axes]", "[axes]\nsample.temperature = [1.0, 0.5]"), 32, 20),
        (
            rest.to_owned()
                + "[axes]\nmodel.masks = [1, 'fresh']\n\
                   evaluate.fresh_masks = { values = [1, 3, 32], when = \"model.masks == 'fresh'\" }",
            8,
            4,
        ),
    ];
    for (study, runs, alike) in studies {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("small.toml"), study).unwrap();
        let run = |arguments: &str| {
            command(place.path(), place.path(), arguments)
                .output()
                .expect("the program starts")
        };
        let output = run("sweep small.toml --progress plain --jobs 1");
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
        assert_eq!((count("  start "), count("begins with its model")), (runs, alike), "{log}");
        let verify = run(&format!("verify small --runs {runs}"));
        assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    }
}

/// Without options, the samples are those that the study saved, for the id, its beginning, and the
/// address of the run.
#[test]
fn samples_are_those_of_the_study() {
    let place = Place::new();
    let baseline = run("baseline");
    let kept =
        npy::decode::<u8>(&store().file(&baseline, "samples.npy").unwrap().unwrap()).unwrap();
    for (i, name) in [baseline.as_str(), &baseline.as_str()[..12], "small/baseline/1"]
        .into_iter()
        .enumerate()
    {
        let out = place.good(&format!("sample {name} --out s{i}.npy"));
        assert_eq!(out, format!("s{i}.npy\n"));
        let drawn = place.array(&format!("s{i}.npy"));
        assert_eq!((&drawn.shape[..], &drawn.data), (&[6, 8, 8][..], &kept.data));
    }
    place.good("sample small/baseline/1 --seed 5 --count 9 --out other.npy");
    let other = place.array("other.npy");
    assert_eq!(other.shape, [9, 8, 8]);
    assert_ne!(other.data[..384], kept.data);
}

/// Every format holds the same images: `evaluate` reads each file back and gives the same scores.
#[test]
fn every_format_reads_back() {
    let place = Place::new();
    place.good("sample small/baseline/1 --nearest --out a.npy --out a.idx --out a.csv --out a-ubyte --out a.png");
    let scores = |file: &str| {
        let table = place.good(&format!("evaluate small/baseline/1 --csv --data {file}"));
        table.lines().nth(1).unwrap().to_owned()
    };
    let expected = scores("a.npy");
    assert!(expected.starts_with("mask 1,1,6,"), "{expected}");
    for file in ["a.idx", "a.csv", "a-ubyte"] {
        assert_eq!(scores(file), expected, "{file}");
    }
    let near = scores("a-nearest.npy");
    assert!(
        near != expected && near == scores("a-nearest.csv") && near == scores("a-nearest-ubyte"),
        "{near}"
    );
    assert!(fs::read(place.path("a.png")).unwrap().starts_with(b"\x89PNG"));
}

/// Messages name the scored images, and how many of them the run was trained on.
#[test]
fn what_is_scored_is_said() {
    let place = Place::new();
    place.good("data export digits --train 20 --valid 1 --test 1 --size 8 --out d.npy");
    let said = |data: &str| {
        let output =
            command(results(), place.0.path(), &format!("evaluate small/baseline/1 {data}"))
                .output()
                .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let own = said("");
    assert!(
        own.contains("data  digits (drawn): 200 train, 40 valid and 40 test images of 8 x 8"),
        "{own}"
    );
    let of_training = said("--data d-train.npy");
    assert!(
        of_training.contains("data  d-train.npy: 20 images of 8 x 8, binary as stored"),
        "{of_training}"
    );
    assert!(
        of_training.contains("20 of 20 images are training images of small/baseline/1"),
        "{of_training}"
    );
    assert!(!said("--data d-test.npy").contains("training images of small"));
}

/// Scores of the run's own test set are those in its tables, and the mean over the file of each
/// image's score.
#[test]
fn scores_are_those_of_the_tables() {
    let place = Place::new();
    for variant in [
        "baseline",
        AGNOSTIC,
        "ordering-random_model.masks-4_resample-connectivity_sample.masks-3",
    ] {
        let Some(spec) = plan().studies[0]
            .variants
            .iter()
            .find(|v| v.name == variant)
            .map(|v| v.runs[0].clone())
        else {
            panic!(
                "{variant} is no variant: {:?}",
                plan().studies[0].variants.iter().map(|v| &v.name).collect::<Vec<_>>()
            )
        };
        let summary = store().record(&spec).unwrap().summary.unwrap();
        let facts = MadeFacts::of(&summary.facts).unwrap();
        let csv = place.good(&format!("evaluate {spec} --csv --nlls n.csv"));
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let value =
            |model: &str| rows.iter().find(|row| &row[0] == model).map(|row| row[3].to_owned());
        let text = |nll: Option<f64>| nll.map(|nll| format!("{nll:.3}"));
        assert_eq!(value("mask 1"), text(facts.test_nll_nats));
        if facts.mixture_masks > 1 {
            assert_eq!(value("mixture"), text(facts.test_nll_mixture_nats));
        }
        assert_eq!(
            value("conditionals averaged").is_some(),
            variant.contains("connectivity"),
            "{variant}"
        );
        let mut each = csv::Reader::from_path(place.path("n.csv")).unwrap();
        let nlls: Vec<f64> = each.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
        let mean = nlls.iter().sum::<f64>() / nlls.len() as f64;
        assert_eq!((nlls.len(), text(Some(mean))), (40, text(facts.test_nll_nats)));
        if variant.contains("sample.masks-3") {
            let csv = place.good(&format!("evaluate {spec} --csv --masks 3"));
            assert!(csv.contains(&text(facts.test_nll_averaged_nats).unwrap()), "{csv}");
        }
    }
}

/// Given pixels are unchanged in every draw; a model with one ordering accepts only its first
/// pixels, one trained over orderings accepts any.
#[test]
fn completions_keep_what_is_given() {
    let place = Place::new();
    let originals = {
        place.good("inpaint small/baseline/1 --fraction 1 --draws 1 --image 0-4 --out whole.npy");
        place.array("whole.npy").data
    };
    let out = place.good(
        "inpaint small/baseline/1 --rows 3 --draws 2 --image 0-4 --out rows.npy --out rows.png",
    );
    assert!(out.contains("24 of 64 pixels given"), "{out}");
    let rows = place.array("rows.npy");
    assert_eq!(rows.shape, [5, 2, 8, 8]);
    for (i, draw) in rows.data.chunks(64).enumerate() {
        assert_eq!(draw[..24], originals[i / 2 * 64..][..24], "draw {i}");
    }
    assert_ne!(rows.data[..64], rows.data[64..128]);
    for masks in ["", "--mixture"] {
        place.good(&format!(
            "inpaint small/{AGNOSTIC}/1 {masks} --hide 2,2,4,4 --draws 1 --image 0-4 --out hole.npy"
        ));
        for (draw, original) in place.array("hole.npy").data.chunks(64).zip(originals.chunks(64)) {
            let inside = |i: &usize| (2..6).contains(&(i / 8)) && (2..6).contains(&(i % 8));
            assert!((0..64).filter(|i| !inside(i)).all(|i| draw[i] == original[i]));
        }
    }
    place.good("sample small/baseline/1 --count 1 --out one.csv");
    place.good(&format!("inpaint small/{AGNOSTIC}/1 --given one.csv --image 1 --out given.npy"));
    place.good("inpaint small/baseline/1 --reconstruct --out p.npy");
    let p = npy::decode::<f32>(&fs::read(place.path("p.npy")).unwrap()).unwrap();
    assert!(p.shape == [10, 8, 8] && p.data.iter().all(|p| (0.0..=1.0).contains(p)));
}

/// Impossible requests are refused with the reason, and write nothing.
#[test]
fn refusals_say_why() {
    let place = Place::new();
    fs::write(place.path("small.csv"), "0,1,0,1\n").unwrap();
    let cases = [
        ("sample nothing", "no run `nothing`"),
        (
            "sample small",
            "is a study, not a run: add variant and seed, as in small/baseline/1",
        ),
        ("sample smal/baseline/1", "no study `smal`"),
        ("sample smal/baseline/1", "did you mean `small`?"),
        ("sample small/basline/1", "did you mean `baseline`?"),
        ("sample small/baseline/7", "no seed `7` of small/baseline, which has 1, 2"),
        ("sample small/baseline", "lacks a seed: small/baseline has 1, 2"),
        ("sample r", "begins the ids of 16 runs"),
        ("sample r0123456789abcdef", "no run `r0123456789abcdef`"),
        ("sample small/baseline/1 --out x.jpg", ".png, .npy, .idx, -ubyte (idx) or .csv"),
        ("sample small/baseline/1 --masks 2", "has 1 mask, and 2 was requested"),
        (
            "sample small/ordering-random_model.masks-4/1 --masks 2",
            "they have no common next pixel",
        ),
        ("sample small/baseline/1 --masks 2 --mixture", "cannot be used with"),
        ("sample small/baseline/1 --temperature=-1", "a number from 0"),
        ("sample small/baseline/1 --temperature -1", "a number from 0"),
        ("sample small/baseline/1 --seed -1", "invalid value '-1' for '--seed <SEED>'"),
        (
            "inpaint small/baseline/1 --columns 2",
            "its one ordering (raster) draws row 0, column 2, which is not given",
        ),
        ("inpaint small/baseline/1 --rows 9", "9 rows cannot be given"),
        ("inpaint small/baseline/1 --rows 2 --columns 2", "cannot be used with"),
        ("inpaint small/baseline/1 --reconstruct --rows 2", "cannot be used with"),
        (
            "inpaint small/baseline/1 --image 40",
            "no image 40 in digits (test): it has 0 to 39",
        ),
        (
            "inpaint small/baseline/1 --given small.csv",
            "small.csv has 4 pixels, an image of small/baseline/1 has 64",
        ),
        (
            "evaluate small/baseline/1 --data small.csv",
            "was trained on 8 x 8 pixels, small.csv has vectors of 4",
        ),
        ("evaluate small/baseline/1 --data leters", "did you mean `letters`?"),
        ("evaluate small/baseline/1 --nlls x.txt", ".csv or .npy"),
    ];
    for (arguments, expected) in cases {
        let message = place.refused(arguments);
        assert!(message.contains(expected), "`ablade {arguments}`\n{message}\nlacks: {expected}");
    }
    place.good(&format!("sample small/{CONNECTED}_sample.masks-3/1 --masks 4"));
}

/// Messages distinguish a run that failed, one that is not trained yet, and one whose model was
/// damaged.
#[test]
fn runs_without_a_model_say_why() {
    let place = Place::new();
    let here = place.path("elsewhere");
    fs::create_dir_all(here.join("results")).unwrap();
    let store = Store::open(here.join("results"), made()).unwrap();
    store.save_plan(&plan()).unwrap();
    let refused = |expected: &str| {
        let output = command(&here, place.0.path(), "sample small/baseline/1").output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && message.contains(expected), "{message}");
    };
    refused("is not trained yet: `ablade sweep`");
    let baseline = run("baseline");
    let failure = Failure {
        error: "the disk is full".into(),
        started_utc: "2026-01-01 00:00:00".into(),
        seconds: 3.0,
        threads: 2,
        host: "h".into(),
    };
    store.fail(&baseline, &failure).unwrap();
    refused("failed: the disk is full");
    let (from, to) = (self::store().run_dir(&baseline), store.run_dir(&baseline));
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let path = to.join("model.safetensors");
    let mut model = fs::read(&path).unwrap();
    *model.last_mut().unwrap() ^= 1;
    fs::write(&path, model).unwrap();
    refused("model.safetensors: its checksum does not match");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Draws depend on nothing but their options: neither on threads, nor on the number of images
    /// drawn together.
    #[test]
    fn draws_repeat(count in 1usize..200, seed in 0u64..1000, jobs in 1usize..4) {
        let place = Place::new();
        place.good(&format!("sample small/baseline/2 --seed {seed} --count {count} --jobs {jobs} --out a.npy"));
        place.good(&format!("sample small/baseline/2 --seed {seed} --count 200 --jobs 1 --out b.npy"));
        prop_assert_eq!(&place.array("a.npy").data[..], &place.array("b.npy").data[..count * 64]);
    }
}

/// A model that is told the class matches the classes of other images by name, and refuses images
/// without classes or of classes that it does not know; all of its commands know the class.
#[test]
fn classes_are_matched_by_name() {
    let place = tempfile::tempdir().unwrap();
    let text = "seeds = 1\ndata = { name = \"digits\", train = 60, valid = 20, test = 20, size = 8, levels = 4 }\n\
                model = { hidden = [8], classes = true, output = \"categorical\" }\ntrain = { epochs = 1, batch = 20 }\n";
    fs::write(place.path().join("told.toml"), text).unwrap();
    let run = |arguments: &str| {
        let output = command(place.path(), place.path(), arguments).output().unwrap();
        let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
        (output.status.code(), said)
    };
    assert_eq!(run("sweep told.toml").0, Some(0));
    let (code, said) = run("evaluate told/baseline/1 --data letters");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("does not know: it was trained on 0, 1, 2, 3"), "{said}");
    let (code, said) = run("sample told/baseline/1 --class 3 --out drawn.npy");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run("evaluate told/baseline/1 --data drawn.npy");
    assert!(code == Some(2) && said.contains("drawn.npy has no labels"), "{said}");
    // One row a class, although 25 images are no whole number of rows of ten classes.
    let size = |arguments: &str| {
        let (code, said) = run(&format!("sample told/baseline/1 --out drawn.png {arguments}"));
        assert_eq!(code, Some(0), "{said}");
        let png = fs::read(place.path().join("drawn.png")).unwrap();
        [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
    };
    let [tile, gap] = [56, 3];
    let of = |across: u32, rows: u32| [across, rows].map(|tiles| tiles * (tile + gap) + gap);
    assert_eq!(size("--count 25"), of(3, 10));
    assert_eq!(size("--count 25 --nearest"), of(6, 10));
    assert_eq!(size("--count 7 --class 3"), of(7, 1));
    assert_eq!(size("--count 60 --class 3"), of(50, 2));
    let (code, said) = run("sample told/baseline/1 --class eleven");
    assert!(code == Some(2) && said.contains("no class `eleven`"), "{said}");
    for arguments in ["evaluate told/baseline/1", "inpaint told/baseline/1 --rows 3", "verify told"]
    {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(0), "{said}");
    }
    // Likelihoods are given the class, which is said, and both numbers of the run are there without it.
    let (_, said) = run("evaluate told/baseline/1 --csv");
    let facts = Store::open(place.path().join("results"), made()).unwrap();
    let id = facts.published().unwrap().into_iter().next().unwrap();
    let facts = MadeFacts::of(&facts.record(&id).unwrap().summary.unwrap().facts).unwrap();
    let expected = format!(
        "mask 1 without the class,1,20,{:.3},",
        facts.test_nll_without_class_nats.unwrap()
    );
    assert!(
        said.contains("mask 1 given the class,1,20,") && said.contains(&expected),
        "{said}"
    );
    let accuracy = format!(",{:.4}\n", facts.test_accuracy.unwrap());
    assert!(said.contains(",accuracy\n") && said.contains(&accuracy), "{said}");
}

/// The given pixels of a grey run may be black and white, greys, or its own levels.
#[test]
fn given_pixels_are_those_of_the_brighter_half_on_any_scale() {
    let place = tempfile::tempdir().unwrap();
    let text = "seeds = 1\ndata = { name = \"digits\", train = 60, valid = 20, test = 20, size = 8, levels = 16 }\n\
                model = { hidden = [8], output = \"categorical\" }\ntrain = { epochs = 1, batch = 20 }\n";
    fs::write(place.path().join("grey.toml"), text).unwrap();
    let run = |arguments: &str| {
        let output = command(place.path(), place.path(), arguments).output().unwrap();
        let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
        assert!(output.status.success(), "{said}");
        said
    };
    run("sweep grey.toml");
    let store = Store::open(place.path().join("results"), made()).unwrap();
    let id = store.published().unwrap().into_iter().next().unwrap();
    let conditionals = store.file(&id, "conditionals.npy").unwrap().unwrap();
    let conditionals = npy::decode::<f32>(&conditionals).unwrap();
    assert_eq!(conditionals.shape, [4, 18]);
    for row in conditionals.data.chunks_exact(18) {
        assert!((row[2..].iter().sum::<f32>() - 1.0).abs() < 1e-4 && row[1] < 16.0, "{row:?}");
    }
    for highest in [1, 15, 255u8] {
        // The first two rows, and a dark pixel that is not given.
        let mut mask = vec![0u8; 64];
        mask[..16].fill(highest);
        mask[40] = highest / 3;
        fs::write(place.path().join("mask.npy"), npy::encode(&[1, 8, 8], &mask)).unwrap();
        let said = run("inpaint grey/baseline/1 --given mask.npy --image 0 --out done.npy");
        assert!(said.contains("16 of 64 pixels given"), "{highest}: {said}");
    }
}

/// Exported labels are numbers, which a model of classes with names takes as their places.
#[test]
fn a_model_of_named_classes_scores_the_export_of_its_own_set() {
    let place = crate::support::place::Place::with(
        "seeds = 1\ndata = { name = \"shapes\", size = 8, train = 60, valid = 20, test = 30 }\n\
         model = { hidden = [8], classes = true }\ntrain = { epochs = 1, batch = 20 }\n",
    );
    place.exits(0, "sweep small.toml");
    place.exits(0, "data export shapes --size 8 --train 60 --valid 20 --test 30 --out own.npz");
    place.exits(0, "data export shapes --size 8 --train 60 --valid 20 --test 30 --out own.npy");
    let (own, _) = place.exits(0, "evaluate small/baseline/1 --csv");
    for file in ["own.npz", "own-test.npy"] {
        let (of_file, _) =
            place.exits(0, &format!("evaluate small/baseline/1 --csv --data {file}"));
        assert_eq!(of_file, own, "{file}");
    }
}
