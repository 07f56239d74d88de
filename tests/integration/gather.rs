//! `ablade gather`: results of other origin are taken over by id and checksum, from directories and
//! from archives; what is wrong is refused by name, what is here stays.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ablade::config::RunConfig;
use ablade::plan::{Compare, Plan, PlannedStudy, PlannedVariant, PlotOptions, RunSpec};
use ablade::record::{EpochRow, RunOutput, RunStatus, Summary, Timing};
use ablade::rng::Seed;
use ablade::store::{GatherOptions, GatherSource, Gathered, Publication, Store, StoreError};
use ablade::trainers::made::ENGINE;
use ablade::trainers::made::metrics::MadeFacts;
use ablade::trainers::program::ProgramTrainers;
use proptest::prelude::*;

use crate::support::place::{Place, ablade};
use crate::support::{made, run_spec};

/// Four runs of a fraction of a second.
const SMALL: &str = r#"
seeds  = 2
data   = { name = "digits", train = 100, valid = 20, test = 20, size = 8 }
model  = { hidden = [8] }
train  = { epochs = 1 }
sample = { count = 4 }
[axes]
model.skip = [false, true]
"#;

/// Six runs of a program; its log differs between two executions.
const PROGRAM: &str = r#"
seeds = 3
[program]
command = ["sh", "-c", "echo $$; echo \"{\\\"score\\\": $0$ABLADE_SEED}\" > $ABLADE_RUN/scores.json", "{args}"]
args    = "{value}"
seed_key = ""
[metrics]
score = { better = "higher" }
[settings]
x = 1.5
[axes]
x = [1.5, 2.5]
"#;

fn spec(seed: u64) -> RunSpec {
    run_spec(&RunConfig::default(), "d", Seed(seed))
}

fn output(nll: f64) -> RunOutput {
    let facts = MadeFacts {
        test_nll_without_class_nats: None,
        test_accuracy: None,
        test_nll_own_units_nats: None,
        share_at_smallest_scale: None,
        test_rows_beyond_bound: None,
        classes: None,
        parameters: 10,
        connected_parameters: 9,
        train_nll_nats: Some(1.5),
        valid_nll_nats: Some(2.5),
        test_nll_nats: Some(nll),
        test_nll_mixture_nats: None,
        mixture_masks: 1,
        test_nll_averaged_nats: None,
        dim: 4,
        binarization: None,
        kernel: "none".into(),
    };
    let summary = Summary {
        status: RunStatus::Finished,
        error: None,
        epochs: 1,
        best_epoch: 1,
        facts: facts.facts(),
    };
    let timing = Timing {
        started_utc: "2026-11-25 16:00:00".into(),
        seconds: 1.0,
        images_per_second: 2.0,
        threads: 1,
        host: "host".into(),
    };
    RunOutput {
        summary,
        epochs: vec![EpochRow { epoch: 1, values: vec![3.0, 2.0, 1.0] }],
        timing,
        files: vec![
            ("model.safetensors".into(), vec![7; 300]),
            ("samples.npy".into(), vec![1; 90]),
        ],
        taken: Vec::new(),
    }
}

fn plan(name: &str, seeds: std::ops::Range<u64>) -> Plan {
    let runs: Vec<RunSpec> = seeds.clone().map(spec).collect();
    let study = PlannedStudy {
        name: name.into(),
        question: String::new(),
        notes: String::new(),
        design: "grid".into(),
        axes: Vec::new(),
        variants: vec![PlannedVariant {
            label: "baseline".into(),
            name: "baseline".into(),
            levels: Vec::new(),
            runs: runs.iter().map(|run| run.id.clone()).collect(),
            candidates: Vec::new(),
            method: None,
        }],
        baseline: Some(0),
    };
    Plan {
        name: name.into(),
        question: String::new(),
        notes: String::new(),
        command: String::new(),
        external: Vec::new(),
        studies: vec![study],
        seeds: seeds.map(Seed).collect(),
        compare: Compare::default(),
        plots: PlotOptions::default(),
        program: None,
        data: Vec::new(),
        missing: Vec::new(),
        runs,
    }
}

fn store(dir: &Path) -> Store {
    Store::open(dir, made()).unwrap().with_programs(ProgramTrainers::new(None))
}

/// Publishes runs with these seeds, and the plan `study` of them.
fn fill(dir: &Path, seeds: std::ops::Range<u64>) -> Store {
    let store = store(dir);
    // Several at a time, because publishing waits for the disk.
    std::thread::scope(|threads| {
        for part in 0..16 {
            let (store, seeds) = (&store, seeds.clone().skip(part).step_by(16));
            threads.spawn(move || {
                for seed in seeds {
                    let published = store.publish(&spec(seed), &output(3.25)).unwrap();
                    assert_eq!(published, Publication::New);
                }
            });
        }
    });
    store.save_plan(&plan("study", seeds)).unwrap();
    store
}

static NEVER: AtomicBool = AtomicBool::new(false);

fn gather(store: &Store, sources: Vec<GatherSource>) -> Result<Gathered, StoreError> {
    store.gather(sources, GatherOptions { takes: true, stop: &NEVER, told: &|_| () })
}

fn directory(dir: &Path) -> Vec<GatherSource> {
    vec![GatherSource::Directory(dir.to_owned())]
}

fn archive(bytes: Vec<u8>) -> Vec<GatherSource> {
    vec![GatherSource::Archive("archive".into(), Box::new(std::io::Cursor::new(bytes)))]
}

/// Every file below a directory, also the times.
fn bytes_below(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

/// Checks that nothing is left in a directory that was only on its way.
#[track_caller]
fn assert_clean(dir: &Path) {
    let names = fs::read_dir(dir).into_iter().flatten();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let left: Vec<_> = names
        .iter()
        .filter(|name| name.to_string_lossy().starts_with(".writing"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Archive of a results directory, as `tar c -C DIR . ` with another prefix.
fn tar_of(dir: &Path, prefix: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in bytes_below(dir) {
        append(&mut builder, &format!("{prefix}{}", path.display()), &bytes);
    }
    builder.into_inner().unwrap()
}

fn append(builder: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, path, bytes).unwrap();
}

/// An entry with a path and a kind that the writer would refuse.
fn append_raw(builder: &mut tar::Builder<Vec<u8>>, path: &str, kind: tar::EntryType, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_entry_type(kind);
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

fn sealed(text: &str) -> String {
    format!(
        "{text}# blake3 of the lines above: {}\n",
        blake3::hash(text.as_bytes()).to_hex()
    )
}

/// Changes a file of a run and makes all checksums right again.
fn tamper(dir: &Path, name: &str, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(dir.join(name)).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text, "nothing was changed in {name}");
    fs::write(dir.join(name), changed).unwrap();
    let mut manifest = "[files]\n".to_owned();
    for (path, bytes) in bytes_below(dir) {
        let name = path.to_str().unwrap();
        if name != "checksums.toml" && name != "timing.toml" {
            let hash = blake3::hash(&bytes).to_hex();
            manifest +=
                &format!("[files.\"{name}\"]\nbytes = {}\nblake3 = \"{hash}\"\n", bytes.len());
        }
    }
    fs::write(dir.join("checksums.toml"), sealed(&manifest)).unwrap();
}

/// Tables that two executions share.
fn tables(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut tables = bytes_below(dir);
    tables.retain(|path, _| {
        let name = path.to_str().unwrap();
        name.ends_with(".csv") && name != "timings.csv" && name != "history.csv"
    });
    assert!(tables.len() > 3, "{:?}", tables.keys());
    tables
}

fn pipe_into(place: &Place, arguments: &str, bytes: &[u8]) -> (Option<i32>, String) {
    let mut child = place
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn two_halves_trained_apart_give_the_tables_of_one_machine() {
    for (experiment, n) in [(SMALL, 4), (PROGRAM, 6)] {
        let place = Place::with(experiment);
        place.exits(0, "sweep small.toml --progress none --results whole");
        for half in ["1", "2"] {
            place.exits(
                0,
                &format!("sweep small.toml --progress none --shard {half}/2 --results half{half}"),
            );
        }
        // The first seeds of a program are executed in every half.
        let [first, second] = ["half1", "half2"]
            .map(|half| fs::read_dir(place.path(half).join("runs")).unwrap().count());
        let (out, err) = place.exits(0, "gather half1 --results c");
        assert!(out.contains(&format!("c: {first} runs: {first} new, 0 already here")), "{out}");
        assert!(out.contains(&format!("small: {first} of {n} runs are here")), "{out}");
        assert!(err.contains("taken as well: the plans of small; "), "{err}");
        let (out, err) = place.exits(0, "gather half1 half2 --results c");
        let (both, new) = (first + second, n - first);
        let known = both - new;
        assert!(
            out.contains(&format!("c: {both} runs: {new} new, {known} already here")),
            "{out}"
        );
        assert!(out.contains(&format!("small: all {n} runs are here")), "{out}");
        assert!(err.contains("`ablade --results c tables small` writes the tables"), "{err}");
        assert!(!err.contains("taken as well: the plans"), "{err}");
        place.exits(0, "tables small --results c");
        assert!(tables(&place.path("whole/small")) == tables(&place.path("c/small")));
        let names = |dir: &str| bytes_below(&place.path(dir)).into_keys().collect::<Vec<_>>();
        let images = |dir: &str| {
            let all = names(dir).into_iter();
            all.filter(|path| path.starts_with("data") && path.extension().is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(images("c"), images("whole"), "figures need the test images");
        assert_clean(&place.path("c"));
        // From a stream of `tar`, compressed or not.
        let plain = Command::new("tar")
            .args(["c", "half1", "./half2"])
            .current_dir(place.path(""))
            .output()
            .unwrap()
            .stdout;
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(&plain).unwrap();
        for (to, bytes) in [("d", plain), ("e", zipped.finish().unwrap())] {
            let (code, text) = pipe_into(&place, &format!("gather - --results {to}"), &bytes);
            assert_eq!(code, Some(0), "{text}");
            assert!(text.contains(&format!("{to}: {both} runs: {n} new")), "{text}");
            place.exits(0, &format!("tables small --results {to}"));
            assert!(tables(&place.path("whole/small")) == tables(&place.path(to).join("small")));
        }
        // Executed again elsewhere: the same values, other logs and times.
        let (out, _) = place.exits(0, "gather whole --results c");
        assert!(out.contains(&format!("0 new, {n} already here")), "{out}");
    }
}

#[test]
fn a_check_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (there, here) = (dir.path().join("there"), dir.path().join("here"));
    fill(&there, 0..3);
    fs::remove_file(there.join("runs").join(spec(1).id.as_str()).join("samples.npy")).unwrap();
    let check = |sources| {
        let options = GatherOptions { takes: false, stop: &NEVER, told: &|_| () };
        store(&here).gather(sources, options).unwrap()
    };
    for sources in [directory(&there), archive(tar_of(&there, ""))] {
        let found = check(sources);
        assert_eq!((found.n_new, found.refused.n), (2, 1), "{found:?}");
        assert_eq!(found.plans, ["study"]);
        assert!(!here.exists());
    }
    fill(&here, 0..1);
    let before = bytes_below(&here);
    let found = check(directory(&there));
    assert_eq!((found.n_new, found.n_known, found.refused.n), (1, 1, 2), "{found:?}");
    assert_eq!(bytes_below(&here), before);
}

/// Ways to damage a run that everybody would call damage.
#[derive(Debug, Clone)]
enum Damage {
    Flip(prop::sample::Index, prop::sample::Index),
    Cut(prop::sample::Index, prop::sample::Index),
    Gone(prop::sample::Index),
    Link(prop::sample::Index),
    Pipe(prop::sample::Index),
    Directory(prop::sample::Index),
    More(String),
    MoreLink,
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), at()).prop_map(|(file, at)| Damage::Flip(file, at)),
        2 => (at(), at()).prop_map(|(file, at)| Damage::Cut(file, at)),
        2 => at().prop_map(Damage::Gone),
        1 => at().prop_map(Damage::Link),
        1 => at().prop_map(Damage::Pipe),
        1 => at().prop_map(Damage::Directory),
        1 => "[a-z]{1,9}(/[a-z]{1,9}){0,3}".prop_map(Damage::More),
        1 => Just(Damage::MoreLink),
    ]
}

fn apply(damage: &Damage, run: &Path) {
    let files: Vec<PathBuf> = bytes_below(run).into_keys().map(|name| run.join(name)).collect();
    let file = |at: &prop::sample::Index| files[at.index(files.len())].clone();
    let replace = |at: &prop::sample::Index| {
        let file = file(at);
        fs::rename(&file, run.with_extension("kept")).unwrap();
        file
    };
    match damage {
        Damage::Flip(which, at) => {
            let mut bytes = fs::read(file(which)).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            fs::write(file(which), bytes).unwrap();
        }
        Damage::Cut(which, at) => {
            let bytes = fs::read(file(which)).unwrap();
            fs::write(file(which), &bytes[..at.index(bytes.len())]).unwrap();
        }
        Damage::Gone(which) => fs::remove_file(file(which)).unwrap(),
        Damage::Link(which) => symlink(run.with_extension("kept"), replace(which)).unwrap(),
        Damage::Pipe(which) => {
            let made = Command::new("mkfifo").arg(replace(which)).status().unwrap();
            assert!(made.success());
        }
        Damage::Directory(which) => fs::create_dir(replace(which)).unwrap(),
        Damage::More(name) => {
            let path = run.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "more").unwrap();
        }
        Damage::MoreLink => symlink(".", run.join("loop")).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// A damaged run is refused by its name, and the others are taken; what is here is sound.
    #[test]
    fn a_damaged_run_is_refused_by_name(damage in damage()) {
        static SOUND: LazyLock<BTreeMap<PathBuf, Vec<u8>>> = LazyLock::new(|| {
            let dir = tempfile::tempdir().unwrap();
            fill(dir.path(), 0..3);
            bytes_below(dir.path())
        });
        let dir = tempfile::tempdir().unwrap();
        let (there, here) = (dir.path().join("there"), dir.path().join("here"));
        for (name, bytes) in &*SOUND {
            fs::create_dir_all(there.join(name).parent().unwrap()).unwrap();
            fs::write(there.join(name), bytes).unwrap();
        }
        let run = spec(1).id;
        apply(&damage, &there.join("runs").join(run.as_str()));
        let here = store(&here);
        let found = gather(&here, directory(&there)).unwrap();
        prop_assert_eq!((found.n_new, found.refused.n), (2, 1), "{:?}", found);
        prop_assert!(found.refused.first[0].contains(run.as_str()), "{:?}", found.refused);
        prop_assert!(!here.run_dir(&run).exists());
        prop_assert!(here.check(&spec(0).id).is_ok() && here.check(&spec(2).id).is_ok());
    }

    /// An archive cut short or changed anywhere: what is taken is sound, nothing else is left.
    #[test]
    fn a_damaged_archive_gives_sound_runs_or_none(at in any::<prop::sample::Index>(), byte in any::<Option<u8>>()) {
        static SOUND: LazyLock<(Vec<u8>, BTreeMap<PathBuf, Vec<u8>>)> = LazyLock::new(|| {
            let dir = tempfile::tempdir().unwrap();
            fill(dir.path(), 0..2);
            (tar_of(dir.path(), "results/"), bytes_below(dir.path()))
        });
        let (sound, files) = &*SOUND;
        let mut bytes = sound.clone();
        let at = at.index(bytes.len() - 1024);
        match byte {
            Some(byte) => bytes[at] ^= byte.max(1),
            None => bytes.truncate(at),
        }
        let here = tempfile::tempdir().unwrap();
        let found = gather(&store(here.path()), archive(bytes));
        for (path, there) in bytes_below(here.path()) {
            prop_assert_eq!(Some(&there), files.get(&path), "{}", path.display());
        }
        if let Ok(found) = found {
            for run in &found.runs {
                prop_assert!(store(here.path()).check(run).is_ok());
            }
        }
        // Repeated with the whole archive.
        let found = gather(&store(here.path()), archive(sound.clone())).unwrap();
        prop_assert_eq!((found.n_new + found.n_known, found.refused.n), (2, 0));
        prop_assert_eq!(&bytes_below(here.path()), files);
        assert_clean(here.path());
    }
}

#[test]
fn a_run_with_right_checksums_is_what_its_id_says_or_refused() {
    let (engine, next) = (format!("engine = {ENGINE}"), format!("engine = {}", ENGINE + 1));
    let older = format!("engine = {}", ENGINE - 1);
    let (own, other) = (spec(1).id, spec(2).id);
    let cases: [(&str, &str, &str, &str); 9] = [
        ("run.toml", "seed = 1", "seed = 2", "seed or data are of another run"),
        ("run.toml", "size = 28", "size = 14", "seed or data are of another run"),
        (
            "run.toml",
            &engine,
            &next,
            "it was made by version 4 of the numerics, and this program has version 3",
        ),
        ("run.toml", &engine, &older, "it was made by version 2 of the numerics"),
        ("run.toml", own.as_str(), other.as_str(), "it is of another run"),
        ("run.toml", own.as_str(), "../../../../etc", "is not the id of a run"),
        ("run.toml", "\"d\"", "\"../d\"", "is not a name"),
        ("summary.toml", "finished", "outstanding", "the run is outstanding"),
        ("epochs.csv", "epoch", "epoche", "expected the columns"),
    ];
    for (file, from, to, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let (there, here) = (dir.path().join("there"), dir.path().join("here"));
        fill(&there, 0..2);
        tamper(&there.join("runs").join(spec(1).id.as_str()), file, |text| {
            text.replace(from, to)
        });
        for sources in [directory(&there), archive(tar_of(&there, ""))] {
            let _ = fs::remove_dir_all(&here);
            let found = gather(&store(&here), sources).unwrap();
            assert_eq!((found.n_new, found.refused.n), (1, 1), "{to}: {found:?}");
            let told = &found.refused.first[0];
            assert!(told.contains(spec(1).id.as_str()) && told.contains(expected), "{told}");
        }
    }
}

#[test]
fn a_run_that_differs_is_told_and_the_first_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (there, here) = (dir.path().join("there"), dir.path().join("here"));
    fill(&there, 0..1);
    let other = output(3.5);
    store(&there).publish(&spec(1), &other).unwrap();
    fill(&here, 0..2);
    let before = bytes_below(&here);
    for sources in [directory(&there), archive(tar_of(&there, "x/y/"))] {
        let found = gather(&store(&here), sources).unwrap();
        assert_eq!((found.n_new, found.n_known, found.differing.n), (0, 1, 1), "{found:?}");
        let told = &found.differing.first[0];
        assert!(told.contains(spec(1).id.as_str()) && told.contains("summary.toml"), "{told}");
        assert_eq!(bytes_below(&here), before);
    }
    // Two sources that contradict each other: the first counts.
    let first = dir.path().join("first");
    let both = [directory(&there), directory(&here)].into_iter().flatten().collect();
    let found = gather(&store(&first), both).unwrap();
    assert_eq!((found.n_new, found.n_known, found.differing.n), (2, 1, 1), "{found:?}");
    let summary = format!("runs/{}/summary.toml", spec(1).id);
    assert_eq!(fs::read(first.join(&summary)).unwrap(), fs::read(there.join(&summary)).unwrap());
    // The machine and the time are no difference.
    let mut elsewhere = output(3.25);
    elsewhere.summary.facts.insert("kernel".into(), "avx2".into());
    elsewhere.timing.host = "elsewhere".into();
    let third = dir.path().join("third");
    store(&third).publish(&spec(1), &elsewhere).unwrap();
    let found = gather(&store(&here), directory(&third)).unwrap();
    assert_eq!((found.n_known, found.differing.n), (1, 0), "{found:?}");
    // One that is damaged here is not touched.
    let model = here.join(format!("runs/{}/model.safetensors", spec(1).id));
    fs::write(&model, "short").unwrap();
    let found = gather(&store(&here), directory(&third)).unwrap();
    assert_eq!((found.n_known, found.refused.n), (0, 1), "{found:?}");
    assert!(found.refused.first[0].contains("move"), "{:?}", found.refused);
    assert_eq!(fs::read(&model).unwrap(), b"short");
}

#[test]
fn a_run_of_a_program_that_differs_is_told_and_is_no_error() {
    let place = Place::with(PROGRAM);
    place.exits(0, "sweep small.toml --progress none");
    let there = place.path("results");
    let run = place.published()[0].clone();
    fs::rename(&there, place.path("there")).unwrap();
    place.exits(0, "gather there");
    let runs = place.path("there/runs");
    tamper(&runs.join(&run), "scores.json", |text| text.replace(['1', '2'], "7"));
    let before = bytes_below(&there);
    let (out, err) = place.exits(0, "gather there");
    assert!(out.contains("5 already here, 1 of a program, with other bytes"), "{out}");
    assert!(
        err.contains(&run) && err.contains("scores.json: the run that is here stays"),
        "{err}"
    );
    assert_eq!(bytes_below(&there), before);
    // Its id is the hash of its content, too.
    for (from, to) in [("seed = ", "seed = 1"), ("x = ", "x = 1"), ("\"sh\"", "\"bash\"")] {
        let _ = fs::remove_dir_all(&there);
        tamper(&runs.join(&run), "run.toml", |text| text.replacen(from, to, 1));
        let (_, err) = place.exits(1, "gather there");
        assert!(err.contains(&run) && err.contains("its content has the id r"), "{err}");
        tamper(&runs.join(&run), "run.toml", |text| text.replacen(to, from, 1));
    }
}

#[test]
fn what_cannot_be_a_source_is_bad_input_and_nothing_is_written() {
    let place = Place::with(SMALL);
    let results = place.path("results");
    fill(&place.path("there"), 0..1);
    fs::write(place.path("text"), "no archive".repeat(200)).unwrap();
    fs::write(place.path("zstd"), b"\x28\xb5\x2f\xfd....").unwrap();
    fs::write(place.path("empty.tar"), tar::Builder::new(Vec::new()).into_inner().unwrap())
        .unwrap();
    fs::create_dir_all(place.path("project/results/runs")).unwrap();
    fs::create_dir(place.path("linked")).unwrap();
    symlink(place.path("there/runs"), place.path("linked/runs")).unwrap();
    symlink("loop", place.path("loop")).unwrap();
    for (source, expected) in [
        ("nowhere", "nowhere: No such file"),
        ("loop", "loop: Too many levels"),
        ("project", "did you mean project/results?"),
        ("linked", "is a link"),
        ("text", "it is no tar archive"),
        ("zstd", "`zstd -dc ARCHIVE | ablade gather -`"),
        ("empty.tar", "it holds no run"),
        ("- -", "read once"),
        ("", "required"),
        ("there nowhere", "nowhere"),
    ] {
        let (_, err) = place.exits(2, &format!("gather {source}"));
        assert!(err.contains(expected), "{source}: {err}");
        assert!(!results.exists(), "{source}");
    }
    // The results themselves, by any path.
    fs::rename(place.path("there"), &results).unwrap();
    symlink(&results, place.path("same")).unwrap();
    let before = bytes_below(&results);
    for source in ["results", "./results/../results", "same"] {
        let (_, err) = place.exits(2, &format!("gather {source}"));
        assert!(err.contains("these are the results themselves"), "{err}");
    }
    assert_eq!(bytes_below(&results), before);
}

#[test]
fn links_in_a_directory_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (there, here) = (dir.path().join("there"), dir.path().join("here"));
    fill(&there, 0..2);
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(there.join("runs").join(spec(1).id.as_str()), &elsewhere).unwrap();
    symlink(&elsewhere, there.join("runs").join(spec(1).id.as_str())).unwrap();
    fs::rename(there.join("study"), dir.path().join("study")).unwrap();
    symlink(dir.path().join("study"), there.join("study")).unwrap();
    symlink(&there, there.join("round")).unwrap();
    symlink("/dev/zero", there.join("runs").join(spec(7).id.as_str())).unwrap();
    let found = gather(&store(&here), directory(&there)).unwrap();
    assert_eq!((found.n_new, found.refused.n), (1, 3), "{found:?}");
    assert!(found.plans.is_empty());
    assert!(
        found.refused.first.iter().all(|told| told.contains("it is a link")),
        "{found:?}"
    );
}

#[test]
fn an_archive_of_any_form_is_read_and_a_hostile_one_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("there");
    fill(&there, 0..2);
    for prefix in ["", "./", "results/", "home/me/runs/results/", "a//./b/"] {
        let here = tempfile::tempdir().unwrap();
        let found = gather(&store(here.path()), archive(tar_of(&there, prefix))).unwrap();
        assert_eq!((found.n_new, found.plans.len()), (2, 1), "{prefix}: {found:?}");
        assert_eq!(bytes_below(here.path()), bytes_below(&there), "{prefix}");
    }
    for format in ["v7", "ustar", "gnu", "oldgnu", "posix"] {
        let here = tempfile::tempdir().unwrap();
        let output = Command::new("tar")
            .args(["c", "--format", format, "there"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let found = gather(&store(here.path()), archive(output.stdout)).unwrap();
        assert_eq!((found.n_new, found.plans.len()), (2, 1), "{format}: {found:?}");
        assert_eq!(bytes_below(here.path()), bytes_below(&there), "{format}");
    }
    let own = format!("runs/{}", spec(1).id);
    // macOS puts such a file next to each.
    let mut builder = tar::Builder::new(Vec::new());
    append(&mut builder, &format!("./._{own}"), b"attributes");
    for (name, bytes) in bytes_below(&there) {
        let folder = name.parent().unwrap().display();
        append(&mut builder, &format!("{folder}/._x"), b"attributes");
        append(&mut builder, name.to_str().unwrap(), &bytes);
    }
    let here = tempfile::tempdir().unwrap();
    let found = gather(&store(here.path()), archive(builder.into_inner().unwrap())).unwrap();
    assert_eq!((found.n_new, found.refused.n), (2, 0), "{found:?}");
    let file = tar::EntryType::Regular;
    let cases: [(&str, tar::EntryType, &str); 10] = [
        ("/etc/passwd", file, "its path is absolute"),
        ("results/../../x", file, "leads out of the archive"),
        (&format!("{own}/../../x"), file, "leads out of the archive"),
        (&format!("{own}/x"), tar::EntryType::Symlink, "\"x\": it is a link"),
        (&format!("{own}/x"), tar::EntryType::Link, "--hard-dereference"),
        (&format!("{own}/x"), tar::EntryType::Char, "\"x\": it is a device"),
        (&format!("{own}/x"), tar::EntryType::Fifo, "\"x\": it is a pipe"),
        (&format!("{own}/x"), tar::EntryType::GNUSparse, "\"x\": it is a sparse file"),
        (&format!("{own}/x\\y"), file, "is not the name of a file of a run"),
        (&format!("{own}/run.toml"), file, "cannot be copied next to the others"),
    ];
    for (path, kind, expected) in cases {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in bytes_below(&there) {
            append(&mut builder, name.to_str().unwrap(), &bytes);
            if name.ends_with("run.toml") && name.starts_with(&own) {
                append_raw(&mut builder, path, kind, b"");
            }
        }
        let here = tempfile::tempdir().unwrap();
        let found = gather(&store(here.path()), archive(builder.into_inner().unwrap())).unwrap();
        assert_eq!(found.refused.n, 1, "{path}: {found:?}");
        let told = &found.refused.first[0];
        assert!(told.contains(expected), "{told}");
        let others = usize::from(!path.starts_with(&own) || path.contains(".."));
        assert_eq!(found.n_new, 1 + others, "{path}: {found:?}");
        assert_clean(here.path());
    }
}

/// A stream of one file without end.
struct Endless(Vec<u8>, usize);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = into.len().min(1 << 16);
        for byte in &mut into[..n] {
            *byte = self.0.get(self.1).copied().unwrap_or(0);
            self.1 += 1;
        }
        Ok(n)
    }
}

#[test]
fn a_stream_without_end_has_an_end_and_is_not_held_in_memory() {
    // Zeros for ever, from the beginning or after a run.
    let dir = tempfile::tempdir().unwrap();
    let here = store(&dir.path().join("here"));
    let endless = |bytes| vec![GatherSource::Archive("it".into(), Box::new(Endless(bytes, 0)))];
    assert!(gather(&here, endless(Vec::new())).unwrap_err().to_string().contains("no run"));
    fill(&dir.path().join("there"), 0..1);
    let found = gather(&here, endless(tar_of(&dir.path().join("there"), ""))).unwrap();
    assert_eq!((found.n_new, found.refused.n), (1, 0));
    // A name of a gigabyte, and a file beyond the largest.
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 30);
    header.set_cksum();
    builder.append(&header, std::io::empty()).unwrap();
    let bytes = builder.into_inner().unwrap()[..512].to_vec();
    let error = gather(&here, endless(bytes)).unwrap_err().to_string();
    assert!(error.contains("longer than 1 MiB"), "{error}");
    let mut header = tar::Header::new_gnu();
    header.set_path(format!("runs/{}/model.safetensors", spec(3).id)).unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend([0; 4096]);
    let found = gather(&here, archive(bytes)).unwrap();
    assert!(found.refused.first[0].contains("it is longer than"), "{found:?}");
}

#[test]
fn an_interrupted_gather_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    let (there, here) = (dir.path().join("there"), dir.path().join("here"));
    fill(&there, 0..200);
    let stop = AtomicBool::new(false);
    let options = GatherOptions {
        takes: true,
        stop: &stop,
        told: &|_| stop.store(true, Ordering::SeqCst),
    };
    let found = store(&here).gather(directory(&there), options).unwrap();
    assert!((1..200).contains(&found.n_new), "{found:?}");
    assert_clean(&here);
    let again = gather(&store(&here), directory(&there)).unwrap();
    assert_eq!((again.n_new, again.n_known), (200 - found.n_new, found.n_new));
    assert_eq!(bytes_below(&here), bytes_below(&there));
}

#[test]
fn killed_gathers_leave_nothing_and_are_continued() {
    let place = Place::with(SMALL);
    fill(&place.path("there"), 0..300);
    let archive = tar_of(&place.path("there"), "");
    let mut n_killed = 0;
    for attempt in 0..8 {
        let mut child = place
            .command("gather there --progress none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + 30 * attempt));
        n_killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        for run in place.published() {
            let run = ablade::plan::RunId::parse(&run).unwrap();
            store(&place.path("results")).check(&run).unwrap();
        }
    }
    assert!(n_killed > 0);
    let (code, text) = pipe_into(&place, "gather -", &archive);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(bytes_below(&place.path("results")), bytes_below(&place.path("there")));
    assert_clean(&place.path("results"));
}

#[test]
fn a_signal_ends_a_gather_that_waits_for_its_stream() {
    let place = Place::with(SMALL);
    let mut child = place
        .command("gather - --progress none")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    fill(&place.path("there"), 0..1);
    let archive = tar_of(&place.path("there"), "");
    let mut stream = child.stdin.take().unwrap();
    stream.write_all(&archive[..archive.len() / 2]).unwrap();
    while !place.path("results").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let since = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(since.elapsed() < Duration::from_secs(3));
    drop(stream);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("interrupted: what was taken stays"), "{err}");
    assert_clean(&place.path("results"));
}

#[test]
fn gathers_at_once_and_next_to_a_sweep_agree() {
    let dir = tempfile::tempdir().unwrap();
    let (there, here) = (dir.path().join("there"), dir.path().join("here"));
    fill(&there, 0..100);
    let (there, here) = (&there, &here);
    std::thread::scope(|threads| {
        let gathering: Vec<_> = (0..3)
            .map(|i| {
                threads.spawn(move || {
                    let source = match i {
                        0 => archive(tar_of(there, "")),
                        _ => directory(there),
                    };
                    gather(&store(here), source).unwrap()
                })
            })
            .collect();
        // A run that is executed here meanwhile.
        let published = store(here).publish(&spec(50), &output(3.25)).unwrap();
        let mut n_new = usize::from(published == Publication::New);
        for gathering in gathering {
            let found = gathering.join().unwrap();
            assert_eq!((found.n_new + found.n_known, found.refused.n), (100, 0), "{found:?}");
            n_new += found.n_new;
        }
        assert_eq!(n_new, 100, "each run was published once");
    });
    assert_eq!(bytes_below(here), bytes_below(there));
    assert_clean(here);
}

#[test]
fn what_is_unfinished_stays_behind() {
    let place = Place::with(SMALL);
    fill(&place.path("there"), 0..2);
    for path in [
        format!("unfinished/{}.claim-1", spec(5).id),
        format!("runs/{}.damaged-1/run.toml", spec(0).id),
        format!("runs/{}.failed.toml", spec(6).id),
        ".writing-host-x/0/run.toml".to_owned(),
        "submitted/study-01234567/plan.json".to_owned(),
        "study/replaced/plan-01.json".to_owned(),
        "data/program-0123456789abcdef/train.py".to_owned(),
        "terraform/plan.json".to_owned(),
        "notes.txt".to_owned(),
    ] {
        let path = place.path("there").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }
    fs::write(place.path("there.tar"), tar_of(&place.path("there"), "")).unwrap();
    for source in ["there", "there.tar"] {
        let _ = fs::remove_dir_all(place.path("results"));
        let (_, err) = place.exits(0, &format!("gather {source}"));
        let taken: Vec<_> = bytes_below(&place.path("results")).into_keys().collect();
        let expected = |path: &&PathBuf| {
            path.starts_with("study") || path.components().count() == 3 && path.starts_with("runs")
        };
        assert!(taken.iter().all(|path| expected(&path)), "{taken:?}");
        assert_eq!(taken.len(), 2 * 7 + 1, "{taken:?} {err}");
    }
}

#[test]
fn another_plan_of_the_same_name_stays() {
    let place = Place::with(SMALL);
    fill(&place.path("there"), 0..3);
    fill(&place.path("results"), 0..2);
    let before = place.read("results/study/plan.json");
    let (out, err) = place.exits(1, "gather there");
    assert!(out.contains("3 runs: 1 new, 2 already here, 1 refused"), "{out}");
    assert!(
        err.contains("study/plan.json of there: another plan of this name is here and stays; 1 of 3 runs are not in it"),
        "{err}"
    );
    assert!(err.contains("1 run is in no plan that is here"), "{err}");
    assert_eq!(place.read("results/study/plan.json"), before);
    // A smaller one has nothing that is not here.
    fs::rename(place.path("results"), place.path("smaller")).unwrap();
    fs::rename(place.path("there"), place.path("results")).unwrap();
    place.exits(0, "gather smaller");
    // One that only capitals distinguish, one that is damaged, and one of another name.
    let other = place.path("other");
    fill(&other, 0..1);
    for (name, expected) in
        [("Study", "differs in capitals"), ("renamed", "it is the plan of study")]
    {
        if name == "Study" {
            store(&other).save_plan(&plan(name, 0..1)).unwrap();
        } else {
            fs::rename(other.join("Study"), place.path("gone")).unwrap();
            fs::rename(other.join("study"), other.join(name)).unwrap();
        }
        let (_, err) = place.exits(1, "gather other");
        assert!(err.contains(expected), "{err}");
        assert!(!place.path("results").join(name).exists());
    }
    let text = place.read("other/renamed/plan.json").replace("grid", "gird");
    fs::write(other.join("renamed/plan.json"), text).unwrap();
    let (_, err) = place.exits(1, "gather other");
    assert!(err.contains("its checksum does not match"), "{err}");
}

#[test]
fn a_plan_from_elsewhere_starts_no_program_unasked() {
    let place = Place::with(PROGRAM);
    place.exits(0, "sweep small.toml --progress none --name theirs --results there");
    // The user's own program was started for these results, and is started again unasked.
    let own = PROGRAM.replace("1.5", "3.5");
    fs::write(place.path("own.toml"), own).unwrap();
    place.exits(0, "sweep own.toml --progress none");
    place.exits(0, "gather there");
    for _ in 0..2 {
        let (_, err) = place.exits(2, "verify theirs");
        assert!(err.contains("theirs was not made here") && err.contains("sh -c"), "{err}");
        place.exits(0, "verify own --progress none");
        place.exits(0, "sweep own.toml --progress none");
    }
    place.exits(0, "tables theirs");
    place.exits(0, "verify theirs --yes --progress none");
}

#[test]
fn what_was_seen_elsewhere_counts() {
    let place = Place::with(SMALL);
    let sweep =
        |options: &str| place.exits(0, &format!("sweep small.toml --progress none {options}"));
    sweep("--results there --seeds 1");
    sweep("--results there --seeds 2 --replace");
    let (_, err) = place.exits(0, "gather there");
    assert!(err.contains("of the record of what was seen"), "{err}");
    place.exits(0, "tables small");
    let told = "seeds were added after results were seen";
    assert!(place.read("results/small/history.csv").contains(told));
    let names = |dir: &str| {
        let dir = place.path(dir).join(".ablade-history");
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("results"), names("there"));
    place.exits(0, "verify small --runs 1 --progress none");
    // A table is not entered without the earlier one that it names; nor is a damaged file.
    let record = place.path("there/.ablade-history");
    let is_first = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        path.to_string_lossy().contains("seen-") && text.contains("\"after\":[]")
    };
    let files = fs::read_dir(&record).unwrap().map(|entry| entry.unwrap().path());
    let first = files.into_iter().find(is_first).unwrap();
    let text = fs::read_to_string(&first).unwrap();
    fs::write(&first, text.replace("small", "large")).unwrap();
    let (_, err) = place.exits(1, "gather there --results again");
    assert!(err.contains("its checksum does not match"), "{err}");
    assert!(err.contains("is missing, which it names as earlier"), "{err}");
    place.exits(0, "tables small --results again");
    place.exits(0, "verify small --runs 1 --progress none --results again");
}

/// Ten thousand runs in under ten seconds. Alone, with optimisation, on a fast disk:
/// `TMPDIR=/dev/shm cargo test --release --test integration gather::ten_thousand -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn ten_thousand_runs() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("there");
    fill(&there, 0..10_000);
    let bytes = tar_of(&there, "results/");
    fs::write(dir.path().join("there.tar"), &bytes).unwrap();
    for (what, source) in [("directory", "there"), ("archive", "there.tar")] {
        for expected in ["10,000 new", "10,000 already here"] {
            let since = Instant::now();
            let output = ablade(dir.path(), &format!("gather {source} --results {what}"))
                .output()
                .unwrap();
            let seconds = since.elapsed().as_secs_f64();
            let out = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && out.contains(expected), "{out}");
            let text = format!("{what}, {expected}: {seconds:.1} s\n");
            std::io::stderr().write_all(text.as_bytes()).unwrap();
            assert!(cfg!(debug_assertions) || seconds < 10.0);
        }
    }
}
