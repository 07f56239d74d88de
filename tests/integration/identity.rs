//! Stability of ids: the same bits have the same id, however their files are named, and other bits
//! have another id.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ablade::data::{DataConfig, Dataset, Library, fingerprint, is_of_images, load};
use ablade::experiment::{Experiment, Overrides, load_with};
use ablade::plan::{RunId, RunSpec, hashed};
use ablade::trainers::made::run_config;
use proptest::prelude::*;

use crate::support::place::Place;
use crate::support::{made, skipped};

/// Unpacks an archive of `tests/fixtures/identity`.
fn unpack(name: &str, into: &Path) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/identity").join(name);
    let packed = fs::File::open(path).expect("an archive");
    tar::Archive::new(flate2::read::GzDecoder::new(packed))
        .unpack(into)
        .expect("unpacked");
}

fn experiment(text: &str) -> Experiment {
    let read = |path: &Path| match path.to_str() {
        Some("e.toml") => Ok(text.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    load_with(Path::new("e.toml"), &Overrides::default(), &*made(), &read)
        .unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// Lines of a golden file: the id that engine 3 gave the run of these settings before images were
/// hashed.
fn golden(name: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/identity").join(name);
    let text = fs::read_to_string(path).expect("a golden file");
    text.lines()
        .map(|line| line.split_once('\t').expect("an id and settings"))
        .map(|(id, s)| (id.into(), s.into()))
        .collect()
}

/// The only run of some settings on data in `library`.
fn run(settings: &str, library: &Library) -> RunSpec {
    let text = settings.replace("; ", "\n");
    let text = if text.contains("seeds =") { text } else { format!("seeds = 1\n{text}") };
    let plan = experiment(&text)
        .plan_by(&*made(), |config| fingerprint(&run_config(config).data, library))
        .unwrap_or_else(|e| panic!("{settings}: {e}"));
    assert_eq!(plan.runs.len(), 1);
    assert!(plan.runs[0].is_current(&*made()), "{settings}");
    plan.runs[0].clone()
}

/// Id of the run in versions that hashed files.
fn id_by_files(run: &RunSpec, library: &Library) -> RunId {
    let origin = load(&run_config(&run.config).data, library).expect("data").origin;
    let earlier = origin.earlier.expect("data named by a path");
    hashed(&*made(), &run.config, &earlier).run(run.seed)
}

#[test]
fn golden_ids_stay() {
    let data = tempfile::tempdir().expect("a folder");
    unpack("data.tar.gz", data.path());
    let library = Library::at(data.path());
    let (mut kept, mut found) = (0, 0);
    for (id, settings) in golden("built-in-and-paths.tsv") {
        let run = run(&settings, &library);
        // The old version's identity was wrong for these: `REVISIONS` of
        // `trainers::made::identity`.
        let revised = settings.contains("dynamic") || settings.contains("fresh\"");
        let own = if is_of_images(&run.data) {
            id_by_files(&run, &library)
        } else {
            run.id.clone()
        };
        assert_eq!(own.as_str() == id, !revised, "{settings}");
        found += usize::from(is_of_images(&run.data));
        kept += usize::from(!is_of_images(&run.data) && !revised);
    }
    assert!(kept >= 47 && found >= 15, "{kept} and {found}");
}

#[test]
fn golden_ids_of_sets_known_by_name_stay() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let data = std::env::var_os("ABLADE_SHARED")
        .map_or_else(beside, PathBuf::from)
        .join("data");
    if !data.is_dir() {
        return skipped(format_args!("no data sets in {}; set ABLADE_SHARED", data.display()));
    }
    for (id, settings) in golden("known.tsv") {
        let revised = settings.contains("dynamic");
        assert_eq!(run(&settings, &Library::at(&data)).id.as_str() == id, !revised, "{settings}");
    }
}

fn nowhere() -> Library {
    Library::at("/nonexistent")
}

fn named(path: &Path, change: impl FnOnce(&mut DataConfig)) -> Dataset {
    let mut config = DataConfig { name: path.display().to_string(), ..DataConfig::default() };
    change(&mut config);
    load(&config, &nowhere()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn another_spelling_another_name_another_place_is_the_same_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    unpack("data.tar.gz", folder.path());
    let id = |path: PathBuf, size: usize| {
        let settings = format!(
            "data.name = {:?}; data.size = {size}; train.batch = 5",
            path.display().to_string()
        );
        run(&settings, &nowhere()).id
    };
    fs::create_dir(at("moved")).expect("a folder");
    fs::copy(at("rows.csv"), at("moved/renamed.txt")).expect("a copy");
    std::os::unix::fs::symlink(at("rows.csv"), at("link")).expect("a link");
    let rows = id(at("rows.csv"), 28);
    for same in ["moved/../rows.csv", "./rows.csv", "moved/renamed.txt", "link"] {
        assert_eq!(id(at(same), 28), rows, "{same}");
    }
    let pictures = id(at("folder"), 4);
    std::os::unix::fs::symlink(at("folder"), at("linked")).expect("a link");
    for same in ["folder/", "folder/.", "linked"] {
        assert_eq!(id(at(same), 4), pictures, "{same}");
    }
    fs::rename(at("folder"), at("moved/folder")).expect("moved");
    assert_eq!(id(at("moved/folder"), 4), pictures);
}

/// Data set as a run sees it: sizes, binarisation and bits.
fn bits(set: &Dataset) -> (usize, usize, bool, [Vec<u8>; 3]) {
    let pixels = [&set.train, &set.valid, &set.test].map(|images| images.pixels().to_vec());
    (set.shape.width, set.shape.height, set.dynamic(), pixels)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Two sets have the same fingerprint if and only if a run sees the same of both, for all steps
    /// between the files and the bits: division, cut, rule, levels, seed, order, rotation of known
    /// sets.
    #[test]
    fn a_fingerprint_is_what_a_run_sees(
        rows in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![0u8, 1, 90, 255]), 4), 12..20),
        first in settings(), second in settings(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let sets = [first, second].map(|(layout, seed, rule, train, grey)| {
            let rows: Vec<Vec<u8>> = rows.iter().map(|row| row.iter().map(|&l| if grey { l } else { l / 90 }).collect()).collect();
            let path = write(folder.path(), layout, &rows);
            let (rule, levels) = [
                ("threshold", 2), ("stochastic", 2), ("dynamic", 2), ("threshold", 4), ("threshold", 16), ("threshold", 256),
            ][rule];
            named(&path, |config| {
                (config.size, config.seed, config.train) = (2, seed, train.then_some(4));
                config.binarize = serde_json::from_value(rule.into()).expect("a rule");
                config.levels = levels.try_into().expect("a number of levels");
            })
        });
        let [a, b] = &sets;
        let same = bits(a) == bits(b) && a.binarization == b.binarization;
        prop_assert_eq!(a.origin.fingerprint == b.origin.fingerprint, same);
    }
}

/// A layout, a seed, a rule with a number of levels, and two flags: training images are cut, grey
/// levels are preserved.
fn settings() -> impl Strategy<Value = (usize, u64, usize, bool, bool)> {
    (0usize..5, 0u64..2, 0usize..6, any::<bool>(), any::<bool>())
}

fn as_idx(rows: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(rows.len()).expect("few");
    let sizes = [count, 2, 2].map(u32::to_be_bytes).concat();
    [&[0, 0, 8, 3], &*sizes, &rows.concat()].concat()
}

/// The same images in one of several layouts.
fn write(folder: &Path, layout: usize, rows: &[Vec<u8>]) -> PathBuf {
    let put = |name: &str, rows: &[Vec<u8>]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, as_idx(rows)).expect("written");
        path
    };
    match layout {
        0 => put("one/plain.idx", rows),
        1 => put("one/emnist-turned.idx", rows),
        2 | 3 => {
            // With a marker in the test set, so that no two parts are the same file.
            let cut = rows.len() / 2 + layout;
            put(&format!("parts{layout}/train.idx"), &rows[..cut]);
            put(&format!("parts{layout}/test.idx"), &rows[cut..]);
            folder.join(format!("parts{layout}"))
        }
        _ => put("one/reversed.idx", &rows.iter().rev().cloned().collect::<Vec<_>>()),
    }
}

/// Results of engine 3 from before images were hashed: studies of one file, of a file in the form
/// `./`, of a folder of pictures, and of pictures divided by folders, with two runs each.
fn results_of_before() -> Place {
    let place = Place::new();
    unpack("results.tar.gz", place.0.path());
    place
}

#[test]
fn runs_of_before_are_found_again_under_their_old_ids() {
    let place = results_of_before();
    let before = place.published();
    assert_eq!(before.len(), 8);
    for study in ["csv", "grey", "folder"] {
        let (plan, _) = place.exits(0, &format!("plan {study}.toml"));
        assert!(plan.contains("cached 2, to run 0"), "{plan}");
        place.exits(0, &format!("sweep {study}.toml --progress none"));
        place.exits(0, &format!("verify {study} --progress none"));
        let (why, _) = place.exits(0, &format!("why {study}.toml"));
        assert_eq!(why.lines().filter(|line| line.ends_with("cached")).count(), 2, "{why}");
    }
    assert_eq!(place.published(), before, "nothing was trained");
    let (clean, _) = place.exits(0, "clean");
    assert!(!clean.contains("runs/") && !clean.contains("data/"), "{clean}");

    // Under another spelling and at another place, nothing is trained, and every command finds the
    // data.
    fs::create_dir(place.path("elsewhere")).expect("a folder");
    fs::rename(place.path("data/rows.csv"), place.path("elsewhere/r.csv")).expect("moved");
    let text = place.read("csv.toml").replace("data/rows.csv", "./elsewhere/r.csv");
    fs::write(place.path("csv.toml"), text).expect("written");
    place.exits(0, "sweep csv.toml --progress none");
    assert_eq!(place.published(), before);
    place.exits(0, "verify csv --progress none");
    place.exits(0, "evaluate csv/baseline/1");
    place.exits(0, "plots csv");
    let (clean, _) = place.exits(0, "clean");
    assert!(!clean.contains("runs/") && !clean.contains("data/"), "{clean}");

    // A run that an old plan does not contain is new, and has its own id from then on.
    place.exits(
        0,
        "sweep csv.toml --progress none --axis model.skip=false,true --axis train.batch=3,4",
    );
    assert_eq!(place.published().len(), before.len() + 2);
}

#[test]
fn a_division_that_the_old_identity_did_not_tell_is_trained_again() {
    let place = results_of_before();
    let (why, _) = place.exits(0, "why parts.toml");
    assert_eq!(
        why.matches("did not tell which pictures train and which test").count(),
        2,
        "{why}"
    );
    let (plan, _) = place.exits(0, "plan parts.toml");
    assert!(plan.contains("cached 0, to run 2"), "{plan}");

    // The folder whose pictures were one pool in training, now divided.
    for part in ["train", "test"] {
        fs::create_dir_all(place.path("data/folder").join(part)).expect("a folder");
    }
    for i in 0..12 {
        let (class, part) = (["a", "b"][i % 2], if i < 9 { "train" } else { "test" });
        let [from, to] = [class, part]
            .map(|folder| place.path("data/folder").join(folder).join(format!("{i}.png")));
        fs::rename(from, to).expect("moved");
    }
    for class in ["a", "b"] {
        fs::remove_dir(place.path("data/folder").join(class)).expect("empty");
    }
    let (plan, _) = place.exits(0, "plan folder.toml");
    assert!(plan.contains("cached 0, to run 2"), "{plan}");
}

#[test]
fn another_division_is_another_run_and_the_same_one_is_not() {
    let place = results_of_before();
    place.exits(0, "sweep parts.toml --progress none --results new");
    let cached = |n: usize| {
        let (plan, _) = place.exits(0, "plan parts.toml --results new");
        assert!(plan.contains(&format!("cached {n}, to run {}", 2 - n)), "{plan}");
    };
    cached(2);
    let [from, to] =
        ["data/parts/train/7.png", "data/parts/test/7.png"].map(|name| place.path(name));
    fs::rename(&from, &to).expect("moved");
    cached(0);
    place.exits(2, "verify parts --progress none --results new");
    fs::rename(&to, &from).expect("back");
    cached(2);
    place.exits(0, "verify parts --progress none --results new");
}

/// After planning, the file is replaced: the run that is trained must be that of the images that
/// were read.
#[test]
fn a_file_that_is_replaced_is_never_published_under_the_identity_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    unpack("data.tar.gz", folder.path());
    let path = folder.path().join("rows.csv");
    let config = DataConfig { name: path.display().to_string(), ..DataConfig::default() };
    let cache = ablade::data::Cache::new(nowhere());
    let planned = cache.fingerprint(&config).expect("a fingerprint");
    fs::write(&path, "0,0\n1,1\n0,1\n1,0\n").expect("replaced");
    let trained = cache.get(&config).expect("a set");
    assert_eq!(trained.origin.fingerprint, planned);
    assert_eq!(trained.shape.dim(), 6, "what was planned is what is trained on");
    let now = fingerprint(&config, &nowhere()).expect("a fingerprint");
    assert_ne!(now, planned);
}

#[test]
fn the_plan_needs_no_path_to_know_a_run() {
    let one = experiment("seeds = 1\ndata.name = 'a.csv'");
    let two = experiment(
        "seeds = 1\ndata.name = '/b.csv'\ndata.seed = 3\ndata.train = 5\ntrain.batch = 5",
    );
    let plan = |experiment: &Experiment, data: &str| {
        let plan = experiment
            .plan_by(&*made(), |_| Ok::<_, Infallible>(data.to_owned()))
            .unwrap_or_else(|never| match never {});
        plan.runs[0].id.clone()
    };
    let with_batch = experiment("seeds = 1\ndata.name = 'a.csv'\ntrain.batch = 5");
    assert_eq!(plan(&with_batch, "images-0"), plan(&two, "images-0"));
    assert_ne!(plan(&one, "images-0"), plan(&two, "images-0"));
    assert_ne!(plan(&with_batch, "images-0"), plan(&with_batch, "images-1"));
    assert_ne!(plan(&with_batch, "files-0"), plan(&two, "files-0"));
}
