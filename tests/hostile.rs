//! Malicious results and experiment files: changed anywhere, with all checksums recomputed. For any
//! content, the readers end with an answer or an error: no panic, no long wait, no memory that the
//! file does not account for, and no change outside the results.
//!
//! `ABLADE_FUZZ_CASES` is the number of cases of each test, `ABLADE_FUZZ_SEED` the number of the
//! first.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ablade::config::RunConfig;
use ablade::data::Shape;
use ablade::experiment::{Overrides, load_with};
use ablade::figures::{charts, draw_all};
use ablade::npy;
use ablade::page::{self, Section};
use ablade::plan::{Plan, RunSpec};
use ablade::record::{Checkpoint, RunOutput};
use ablade::results::ExperimentResults;
use ablade::rng::Seed;
use ablade::store::{Failure, Store, Submission, SubmittedJob};
use ablade::trainers::made::ENGINE;
use ablade::trainers::made::figures::Artefacts;
use ablade::trainers::made::run::{MadeRun, load_model, prepare};
use serde_json::{Value, json};
use support::{made, run_spec};

use crate::support::made_up::{Recipe, artefacts, strings};
use crate::support::place;

/// The system's allocator, which counts the allocated bytes.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);
static MOST: AtomicI64 = AtomicI64::new(0);

#[expect(unsafe_code, reason = "an allocator can only be watched from inside one")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size() as i64, Ordering::Relaxed) + layout.size() as i64;
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum memory of a case [bytes].
const MOST_BYTES: i64 = 500 << 20;
/// Maximum time of a case: a second of an optimised program.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 1 });

/// Lock that executes one test at a time, because they share the byte count.
static ALONE: Mutex<()> = Mutex::new(());

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Prints a measurement; the test runner would hide the output of `println!`.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// CPU time of this process, which other processes do not lengthen; wall time if the system does
/// not tell.
fn spent(since: Instant) -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, in brackets: state, then numbers, of which the 12th and 13th are hundredths
    // of a second.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|text| text.parse::<u64>().ok());
    match (ticks(11), ticks(12)) {
        (Some(user), Some(system)) => Duration::from_millis(10 * (user + system)),
        _ => since.elapsed(),
    }
}

/// Runs the cases of a test, each from its own number; one that does not end aborts the process.
fn cases(usually: u64, mut case: impl FnMut(&mut Chance)) {
    static NOW: AtomicU64 = AtomicU64::new(0);
    static DONE: AtomicU64 = AtomicU64::new(0);
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let first = variable("ABLADE_FUZZ_SEED", 1);
    let count = variable("ABLADE_FUZZ_CASES", usually);
    let watch = std::thread::spawn(move || {
        let start = Instant::now();
        let mut last = (u64::MAX, start, spent(start));
        while NOW.load(Ordering::Relaxed) != u64::MAX {
            std::thread::sleep(Duration::from_millis(50));
            let now = DONE.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now(), spent(start));
            }
            if spent(start).saturating_sub(last.2) > 5 * LONGEST || last.1.elapsed() > 100 * LONGEST
            {
                say(&format!("case {} does not end", NOW.load(Ordering::Relaxed)));
                std::process::exit(1);
            }
        }
    });
    let (mut slowest, mut largest) = ((Duration::ZERO, 0), (0, 0));
    for number in first..first + count {
        NOW.store(number, Ordering::Relaxed);
        let before = HELD.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let (start, began) = (Instant::now(), spent(Instant::now()));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            case(&mut Chance(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }));
        let (took, bytes) =
            (spent(start).saturating_sub(began), MOST.load(Ordering::Relaxed) - before);
        DONE.fetch_add(1, Ordering::Relaxed);
        slowest = slowest.max((took, number));
        largest = largest.max((bytes, number));
        assert!(ended.is_ok(), "case {number} panics");
        assert!(took < LONGEST, "case {number} takes {took:?}");
        assert!(bytes < MOST_BYTES, "case {number} takes {bytes} bytes");
    }
    NOW.store(u64::MAX, Ordering::Relaxed);
    watch.join().unwrap();
    say(&format!("{count} cases from {first}: slowest {slowest:?}, largest {largest:?}"));
}

/// A small generator (splitmix64): the number of a case is its seed.
struct Chance(u64);

impl Chance {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn in_twenty(&mut self, n: usize) -> bool {
        self.below(20) < n
    }
}

/// A value that honest files do not contain in most places.
fn hostile(chance: &mut Chance) -> Value {
    let texts = [
        "",
        ".",
        "..",
        "../../victim",
        "/etc",
        "VICTIM",
        "a/b",
        "\u{1b}[2J",
        "\u{9b}2J",
        "\u{202e}",
        "a\nb",
        "=cmd|' /C'!A1",
        "<script>",
        "%s%n",
        "-x",
        "--help",
        "r0123456789abcdef",
        "baseline",
        "runs",
        "NaN",
        "\0",
        "ä",
        "𝄞",
    ];
    match chance.below(16) {
        0..=4 => Value::from(*chance.one(&texts)),
        5 => Value::from(chance.one(&texts).repeat(chance.below(2000))),
        6 => Value::from("x".repeat(*chance.one(&[99, 101, 1001, 100_000, 1_000_000]))),
        7..=10 => json!(*chance.one(&[
            0u64,
            1,
            2,
            7,
            99,
            1000,
            1_000_000,
            1_000_000_000,
            u64::MAX,
            i64::MAX as u64
        ])),
        11 => json!(*chance.one(&[-1i64, i64::MIN])),
        12 => json!(*chance.one(&[0.5, -0.0, 1e308, 5e-324, 2.0, 0.999_999_999_999, 1e18])),
        13 => Value::Null,
        14 => Value::Bool(chance.in_twenty(10)),
        _ if chance.in_twenty(10) => json!([]),
        _ => json!({}),
    }
}

/// Changes a place in a value: another value there, one from elsewhere, one less, one twice, many.
fn mutate(chance: &mut Chance, value: &mut Value) {
    let mut places = Vec::new();
    walk(value, &mut String::new(), &mut places);
    let place = chance.one(&places).clone();
    let donor = value.pointer(chance.one(&places).as_str()).cloned().unwrap_or(Value::Null);
    let Some(target) = value.pointer_mut(&place) else { return };
    match (chance.below(8), target) {
        (0, Value::Array(list)) if !list.is_empty() => drop(list.remove(chance.below(list.len()))),
        (1, Value::Array(list)) if !list.is_empty() => {
            let item = chance.one(list).clone();
            let copies = *chance.one(&[1, 1, 1, 2, 50, 500]);
            // Copies of a large part are a large file, which explains its memory.
            if item.to_string().len() * copies < 1 << 20 {
                list.extend(std::iter::repeat_n(item, copies));
            }
        }
        (2, Value::Array(list)) if list.len() > 1 => list.swap(0, 1),
        (3, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(chance.below(map.len())).cloned().unwrap_or_default();
            map.remove(&key);
        }
        (4, Value::Object(map)) => drop(map.insert(hostile(chance).to_string(), hostile(chance))),
        (5, target) => *target = donor,
        (_, target) => *target = hostile(chance),
    }
}

/// Changes a place slightly: a number by a step, a text to another one of the same file. The result
/// passes more checks than that of `mutate`, which the first check usually refuses.
fn vary(chance: &mut Chance, value: &mut Value) {
    let mut places = Vec::new();
    walk(value, &mut String::new(), &mut places);
    let texts: Vec<Value> = places
        .iter()
        .filter_map(|place| value.pointer(place))
        .filter(|found| found.is_string())
        .cloned()
        .collect();
    let leaf = |place: &&String| {
        value
            .pointer(place)
            .is_some_and(|found| !found.is_object() && !found.is_array())
    };
    let leaves: Vec<String> = places.iter().filter(leaf).cloned().collect();
    let Some(target) = (!leaves.is_empty())
        .then(|| chance.one(&leaves))
        .and_then(|leaf| value.pointer_mut(leaf))
    else {
        return;
    };
    *target = match &*target {
        Value::Bool(flag) => Value::Bool(!flag),
        Value::String(_) => chance.one(&texts).clone(),
        Value::Number(number) if number.is_u64() => {
            let n = number.as_u64().unwrap_or_default();
            json!(*chance.one(&[
                0,
                1,
                n.saturating_add(1),
                n.saturating_sub(1),
                n / 2,
                n.saturating_mul(3)
            ]))
        }
        Value::Number(number) => {
            let x = number.as_f64().unwrap_or_default();
            json!(*chance.one(&[0.0, 1.0, x / 2.0, x * 2.0, -x, x + 1e-9]))
        }
        _ => Value::from(1),
    };
}

fn walk(value: &Value, at: &mut String, places: &mut Vec<String>) {
    places.push(at.clone());
    let mut below = |key: String, value: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        walk(value, at, places);
        at.truncate(length);
    };
    match value {
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, item)| below(i.to_string(), item));
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| below(key.clone(), item)),
        _ => {}
    }
}

/// Changes, cuts or duplicates bytes.
fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
    for _ in 0..=chance.below(4) {
        let (at, any) = (chance.below(bytes.len()), chance.bits() as u8);
        match chance.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, bytes[at..bytes.len().min(at + 20)].to_vec()).count()),
            _ if !bytes.is_empty() => {
                bytes[at] = *chance.one(&[0, 0xff, 0x1b, b'9', b'"', b'-', any]);
            }
            _ => {}
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn sealed_json(json: &str) -> Vec<u8> {
    format!("{{\"blake3\":\"{}\",\"plan\":{json}}}\n", hash(json.as_bytes())).into_bytes()
}

fn sealed_toml(text: &str) -> Vec<u8> {
    format!("{text}# blake3 of the lines above: {}\n", hash(text.as_bytes())).into_bytes()
}

/// Content of a file with a checksum.
fn inside(bytes: &[u8]) -> Value {
    serde_json::from_slice::<Value>(bytes).unwrap()["plan"].clone()
}

/// Recomputes the ids of the changed runs of a plan, and replaces them everywhere.
fn rehash(plan: &Value) -> Value {
    let mut text = plan.to_string();
    for run in plan["runs"].as_array().into_iter().flatten() {
        let (Ok(config), Some(data), Some(seed), Some(id)) = (
            serde_json::from_value::<RunConfig>(run["config"].clone()),
            run["data"].as_str(),
            run["seed"].as_u64(),
            run["id"].as_str(),
        ) else {
            continue;
        };
        if id.len() == 17 {
            text = text.replace(id, run_spec(&config, data, Seed(seed)).id.as_str());
        }
    }
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Results with every kind of file, next to a directory that does not belong to them.
struct Scene {
    dir: tempfile::TempDir,
    plan: Plan,
    sound: BTreeMap<PathBuf, Vec<u8>>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("victim")).unwrap();
        fs::write(dir.path().join("victim/precious.txt"), "precious").unwrap();
        let root = dir.path().join("results");
        let axes = vec![("depth", strings(&["1", "2"])), ("skip", strings(&["off", "on"]))];
        let study = Recipe { axes, seeds: 2, epochs: 5, ..Recipe::default() }.study();
        let store = Store::open(&root, made()).unwrap();
        let made = artefacts(&study);
        store.save_plan(&study.plan).unwrap();
        for (fingerprint, tests) in &made.tests {
            let shape = [10, tests.shape.height, tests.shape.width];
            store
                .save_reference(fingerprint, &npy::encode(&shape, &tests.images.pixels()[..1960]))
                .unwrap();
        }
        let runs = &study.plan.runs;
        for spec in &runs[..runs.len() - 1] {
            let record = &study.records[&spec.id];
            let few = |name: &str| {
                (
                    name.to_owned(),
                    npy::encode(&[4, 196], &made.samples[&spec.id].images.pixels()[..784]),
                )
            };
            let mut files = vec![few("samples.npy"), few("nearest.npy"), few("completion.npy")];
            files.push(("reconstruction.npy".to_owned(), npy::encode(&[4, 196], &[0.5f32; 784])));
            files.push(("test_nll.npy".to_owned(), npy::encode(&[30], &[2.5f32; 30])));
            if spec.id == runs[0].id {
                files.push(("model.safetensors".to_owned(), model(spec)));
            }
            let (summary, timing) =
                (record.summary.clone().unwrap(), record.timing.clone().unwrap());
            store
                .publish(
                    spec,
                    &RunOutput {
                        summary,
                        epochs: record.epochs.clone(),
                        timing,
                        files,
                        taken: Vec::new(),
                    },
                )
                .unwrap();
        }
        let last = &runs[runs.len() - 1].id;
        let state = Checkpoint {
            state: vec![1; 90],
            epoch: 2,
            step: 9,
            seconds: 1.0,
            started_utc: String::new(),
        };
        store.save_checkpoint(last, &state).unwrap();
        store.claims().count_attempt(last).unwrap();
        let failure = Failure {
            error: "no memory".into(),
            started_utc: "2026-11-25 16:00:00".into(),
            seconds: 1.0,
            threads: 1,
            host: "host".into(),
        };
        store.fail(last, &failure).unwrap();
        let submission = Submission {
            name: "fixture-01234567".into(),
            experiment: "fixture".into(),
            engine: ENGINE,
            submitted_utc: "2026-11-25 16:00:00".into(),
            tasks: vec![vec![last.clone()]],
            earlier: [(last.clone(), failure)].into(),
            memory: None,
            checkpoint: 60.0,
            program: Some(root.join("submitted/program-0123456789abcdef")),
            scheduler: None,
        };
        store
            .submissions()
            .freeze(&submission, &study.plan, "#!/bin/sh\n", None)
            .unwrap();
        let job = SubmittedJob {
            name: "fixture-01234567.0".into(),
            first: 0,
            count: 1,
            id: Some("12".into()),
            cancelled: false,
        };
        store.submissions().save_jobs(&submission.name, &[job]).unwrap();
        let claim = "host = \"h\"\npid = 1\nsince_utc = \"x\"\nplace = \"x\"\nprocess_start = \"1\"\nnonce = \"n\"\n";
        fs::write(root.join(format!("unfinished/{last}.claim-1")), claim).unwrap();
        drop(store);
        let sound = files(&root)
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        Self { dir, plan: study.plan, sound }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("results")
    }

    fn run_dir(&self, i: usize) -> PathBuf {
        self.root().join("runs").join(self.plan.runs[i].id.as_str())
    }

    /// Replaces the placeholder of a victim in a hostile value by a path in this place.
    fn aimed(&self, value: &Value) -> Value {
        let victim = self.dir.path().join("victim");
        serde_json::from_str(&value.to_string().replace("VICTIM", victim.to_str().unwrap()))
            .unwrap()
    }

    /// Restores everything, and checks that nothing outside the results has changed.
    fn restore(&self) {
        let names = |dir: &Path| {
            let mut names: Vec<_> =
                fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(
            names(self.dir.path()),
            ["results", "victim"],
            "something was made next to the results"
        );
        assert_eq!(names(&self.dir.path().join("victim")), ["precious.txt"]);
        assert_eq!(fs::read(self.dir.path().join("victim/precious.txt")).unwrap(), b"precious");
        for path in files(&self.root()) {
            if !self.sound.contains_key(&path) {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, bytes) in &self.sound {
            let size = fs::metadata(path).map(|found| found.len()).ok();
            if size != Some(bytes.len() as u64) || fs::read(path).unwrap() != *bytes {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
    }

    /// Recomputes the checksums of a run.
    fn seal_run(&self, i: usize, change: impl FnOnce(&mut Value)) {
        let dir = self.run_dir(i);
        let mut entries = json!({});
        for path in files(&dir) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name != "checksums.toml" && name != "timing.toml" {
                let bytes = fs::read(&path).unwrap();
                entries[name] = json!({ "bytes": bytes.len(), "blake3": hash(&bytes) });
            }
        }
        let mut manifest = json!({ "files": entries });
        change(&mut manifest);
        if let Ok(text) = toml::to_string(&manifest) {
            fs::write(dir.join("checksums.toml"), sealed_toml(&text)).unwrap();
        }
    }
}

/// An untrained model file of a run.
fn model(spec: &RunSpec) -> Vec<u8> {
    let (masks, made) =
        prepare(&MadeRun::of(&spec.key()), Shape { width: 14, height: 14 }, 0).unwrap();
    ablade::made::file::save(&made, &masks.evaluated(0)).unwrap()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Executes all read-only commands on the results.
fn look(scene: &Scene, chance: &mut Chance) {
    let store = Store::open(scene.root(), made()).unwrap();
    let _ = (
        store.claims().owners(),
        store.failures(),
        store.garbage(std::time::Duration::ZERO),
        store.published(),
    );
    for name in store.submissions().names().unwrap_or_default() {
        let _ = (
            store.submissions().load(&name),
            store.submissions().plan(&name),
            store.submissions().jobs(&name),
        );
    }
    for spec in [&scene.plan.runs[0], &scene.plan.runs[scene.plan.runs.len() - 1]] {
        let _ = (
            store.progress(&spec.id),
            store.load_checkpoint(&spec.id),
            store.claims().is_suspect(&spec.id),
        );
        if let (Ok(spec), Ok(Some(model))) =
            (store.spec(&spec.id), store.file(&spec.id, "model.safetensors"))
        {
            let _ = load_model(&MadeRun::of(&spec.key()), Shape { width: 14, height: 14 }, &model);
        }
    }
    for name in store.experiments().unwrap_or_default() {
        let Ok(plan) = store.load_plan(&name) else { continue };
        let _ = store.state(&plan);
        let Ok(study) = ExperimentResults::load(&store, plan) else { continue };
        study.ablations();
        if !chance.in_twenty(2) {
            continue;
        }
        let made = Artefacts::gather(
            &study,
            |run, name| store.file(run, name).map_err(|error| error.to_string()),
            |data| store.reference(data).map_err(|error| error.to_string()),
        );
        (0..study.plan.studies.len()).for_each(|index| drop(charts(&study, index, &made)));
        if chance.in_twenty(1) {
            let figures = draw_all(&study, &made);
            page::render(&[Section { study: &study, own: &made, figures: &figures }]);
            let _ = ablade::results::tables::write_all(&store, &study.plan);
        }
    }
}

#[test]
fn plans_with_right_checksums() {
    let scene = Scene::new();
    let path = scene.root().join("fixture/plan.json");
    let sound = inside(&scene.sound[&path]);
    let mut read = 0;
    cases(60, |chance| {
        let mut plan = sound.clone();
        // Half of the changes are to parts that need not agree with any other part once the ids are
        // right.
        let runs = plan["runs"].as_array().map_or(0, Vec::len);
        let part = [
            format!("/runs/{}/config", chance.below(runs)),
            "/compare".to_owned(),
            "/studies/0".to_owned(),
        ];
        let (part, whole) = (chance.one(&part).clone(), chance.in_twenty(10));
        let change = if chance.in_twenty(10) { mutate } else { vary };
        for _ in 0..=chance.below(3) {
            change(chance, if whole { &mut plan } else { plan.pointer_mut(&part).unwrap() });
        }
        plan = scene.aimed(&plan);
        if !whole || chance.in_twenty(12) {
            plan = rehash(&plan);
        }
        fs::write(&path, sealed_json(&plan.to_string())).unwrap();
        read += u32::from(Store::open(scene.root(), made()).unwrap().load_plan("fixture").is_ok());
        look(&scene, chance);
        scene.restore();
    });
    say(&format!("{read} of these plans are plans"));
}

#[test]
fn runs_with_right_checksums() {
    let scene = Scene::new();
    cases(60, |chance| {
        let dir = scene.run_dir(0);
        let all = files(&dir);
        let path = chance.one(&all).clone();
        let mut bytes = scene.sound[&path].clone();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.extension().is_some_and(|extension| extension == "toml") && chance.in_twenty(16) {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let mut value =
                serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap();
            let change = if chance.in_twenty(10) { mutate } else { vary };
            (0..=chance.below(2)).for_each(|_| change(chance, &mut value));
            // A value that TOML cannot represent cannot be in a file.
            bytes = toml::to_string(&scene.aimed(&value)).unwrap_or(text).into_bytes();
        } else {
            damage(chance, &mut bytes);
        }
        if matches!(name, "timing.toml" | "checksums.toml") {
            let text = String::from_utf8_lossy(&bytes);
            bytes = sealed_toml(text.split("# blake3").next().unwrap_or_default());
        }
        fs::write(&path, bytes).unwrap();
        if name != "checksums.toml" {
            scene.seal_run(0, |manifest| {
                if chance.in_twenty(4) {
                    mutate(chance, manifest);
                }
            });
        }
        look(&scene, chance);
        scene.restore();
    });
}

#[test]
fn submissions_claims_and_notes() {
    let scene = Scene::new();
    let below = |part: &str| {
        let inside =
            |path: &&PathBuf| path.components().any(|component| component.as_os_str() == part);
        scene.sound.keys().filter(inside).cloned().collect::<Vec<_>>()
    };
    let mut paths = [below("submitted"), below("unfinished"), below("data")].concat();
    paths.extend(
        scene
            .sound
            .keys()
            .filter(|path| path.to_string_lossy().ends_with(".failed.toml"))
            .cloned(),
    );
    cases(100, |chance| {
        let path = chance.one(&paths);
        let mut bytes = scene.sound[path].clone();
        let kind = path.extension().and_then(|extension| extension.to_str());
        if kind == Some("json") && chance.in_twenty(18) {
            let mut value = inside(&bytes);
            (0..=chance.below(2)).for_each(|_| mutate(chance, &mut value));
            bytes = sealed_json(&scene.aimed(&value).to_string());
        } else if let Some(mut value) = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| toml::from_str::<Value>(text).ok())
        {
            mutate(chance, &mut value);
            bytes = toml::to_string(&scene.aimed(&value)).unwrap_or_default().into_bytes();
        } else {
            let lines =
                bytes.iter().position(|&b| b == b'\n').filter(|_| kind == Some("checkpoint"));
            damage(chance, &mut bytes);
            if let Some(content) = lines.and_then(|end| bytes.get(end + 1..)) {
                bytes = [hash(content).as_bytes(), b"\n", content].concat();
            }
        }
        fs::write(path, bytes).unwrap();
        look(&scene, chance);
        scene.restore();
    });
}

#[test]
fn experiment_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut paths = files(&folder);
    // Sorted, so that the number of a case means the same on every machine.
    paths.sort();
    let texts: Vec<String> = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    cases(200, |chance| {
        let mut text = chance.one(&texts).clone();
        for _ in 0..=chance.below(3) {
            if let Ok(mut value) = toml::from_str::<Value>(&text)
                && chance.in_twenty(12)
            {
                (if chance.in_twenty(10) { mutate } else { vary })(chance, &mut value);
                text = toml::to_string(&value).unwrap_or(text);
            } else {
                let mut bytes = text.into_bytes();
                damage(chance, &mut bytes);
                text = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        if text.len() > 2 << 20 {
            return;
        }
        match load_with(Path::new("e.toml"), &Overrides::default(), &*made(), &|_| Ok(text.clone()))
        {
            Ok(experiment) => {
                // A plan may hold whatever a file may ask for.
                let plan = experiment
                    .plan_by(&*made(), |_| Ok::<_, ()>("files-0123456789abcdef".to_owned()))
                    .unwrap();
                plan.check(&*made()).unwrap();
            }
            Err(diagnostics) => drop(diagnostics.render(false)),
        }
    });
}

/// The program itself: with any arguments, it ends with a documented exit code and prints no
/// control character.
#[test]
fn arguments() {
    let scene = Scene::new();
    let words = [
        "status",
        "plan",
        "tables",
        "compare",
        "plots",
        "why",
        "verify",
        "clean",
        "sample",
        "inpaint",
        "evaluate",
        "data",
        "show",
        "list",
        "task",
        "freeze",
        "cancel",
        "schema",
        "fixture",
        "fixture/baseline/0",
        "fixture-01234567",
        "0",
        "--results",
        "results",
        "--plots",
        "victim/plots",
        "--count",
        "--csv",
        "--yes",
        "--progress",
        "none",
        "--json",
        "--help",
        "../results/fixture/plan.json",
        "e.toml",
        "\u{1b}[2J",
        "\u{9b}",
        "-",
        "--",
        "",
        "99999999999999999999",
        "--seed",
        "-1",
    ];
    cases(20, |chance| {
        let work = tempfile::tempdir_in(scene.dir.path().join("results")).unwrap();
        fs::write(
            work.path().join("e.toml"),
            "seeds = 1\ndata = { size = 14 }\n[axes]\nmodel.masks = [1, 2]\n",
        )
        .unwrap();
        let mut command = place::ablade(work.path(), "");
        let chosen: Vec<&str> = (0..=chance.below(5)).map(|_| *chance.one(&words)).collect();
        // Options that write elsewhere are not among the arguments.
        let output = command.args(&chosen).stdin(std::process::Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(
            matches!(output.status.code(), Some(0..=2)),
            "{chosen:?}: {}",
            String::from_utf8_lossy(&text)
        );
        assert!(
            !text.contains(&0x1b) && !text.windows(2).any(|two| two == [0xc2, 0x9b]),
            "{chosen:?}"
        );
        drop(work);
        scene.restore();
    });
}
