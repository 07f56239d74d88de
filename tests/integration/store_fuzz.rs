//! Fuzzing of the readers of results with damaged files: damage is reported or has no effect, and
//! nothing panics.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::support::made;
use ablade::config::RunConfig;
use ablade::plan::{Compare, Plan, PlannedStudy, PlannedVariant, PlotOptions, RunSpec};
use ablade::trainers::made::metrics::MadeFacts;

use crate::support::run_spec;
use ablade::record::{Checkpoint, EpochRow, RunOutput, RunStatus, Summary, Timing};
use ablade::rng::Seed;
use ablade::store::{Claiming, Store, StoreError};
use proptest::prelude::*;

/// Inputs per property: 300, or the number in `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(300)
}

fn spec() -> RunSpec {
    run_spec(&RunConfig::default(), "d", Seed(1))
}

fn output() -> RunOutput {
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
        test_nll_nats: Some(3.25),
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
        epochs: 2,
        best_epoch: 2,
        facts: facts.facts(),
    };
    let row = |epoch| EpochRow { epoch, values: vec![3.0, 2.0, 1.0] };
    let timing = Timing {
        started_utc: "2026-11-25 16:00:00".into(),
        seconds: 1.0,
        images_per_second: 2.0,
        threads: 1,
        host: "host".into(),
    };
    let files =
        vec![("model.safetensors".into(), vec![7; 300]), ("samples.npy".into(), vec![1; 90])];
    RunOutput {
        summary,
        epochs: vec![row(1), row(2)],
        timing,
        files,
        taken: Vec::new(),
    }
}

fn plan() -> Plan {
    Plan {
        name: "study".into(),
        question: "why?".into(),
        notes: String::new(),
        command: String::new(),
        external: Vec::new(),
        studies: vec![PlannedStudy {
            name: "study".into(),
            question: String::new(),
            notes: String::new(),
            design: "grid".into(),
            axes: Vec::new(),
            variants: vec![PlannedVariant {
                label: "baseline".into(),
                name: "baseline".into(),
                levels: Vec::new(),
                runs: vec![spec().id],
                candidates: Vec::new(),
                method: None,
            }],
            baseline: Some(0),
        }],
        seeds: vec![Seed(1)],
        compare: Compare::default(),
        plots: PlotOptions::default(),
        program: None,
        data: Vec::new(),
        missing: Vec::new(),
        runs: vec![spec()],
    }
}

/// Every file of a results directory with a published run, a plan, a table, a failure, checkpoints
/// and a claim.
static SOUND: LazyLock<BTreeMap<PathBuf, Vec<u8>>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), made()).unwrap();
    store.publish(&spec(), &output()).unwrap();
    store.save_plan(&plan()).unwrap();
    store
        .write_tables(&plan(), [("runs.csv".to_owned(), b"a,b\n1,2\n".to_vec())].into())
        .unwrap();
    let started_utc = "2026-11-25 16:00:00".to_owned();
    for epoch in 1..=2 {
        let checkpoint = Checkpoint {
            state: vec![3; 200],
            epoch,
            step: 1,
            seconds: 1.0,
            started_utc: started_utc.clone(),
        };
        store.save_checkpoint(&spec().id, &checkpoint).unwrap();
    }
    store
        .fail(
            &spec().id,
            &ablade::store::Failure {
                error: "no".into(),
                started_utc,
                seconds: 0.0,
                threads: 1,
                host: "host".into(),
            },
        )
        .unwrap();
    let claim = store.claims().claim(&spec().id).unwrap();
    assert!(matches!(claim, Claiming::Ours(_)));
    let mut files = BTreeMap::new();
    let mut left = vec![dir.path().to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(dir.path()).unwrap().to_owned();
            if path.is_dir() {
                left.push(path);
            } else if !relative.starts_with(".")
                && !relative.to_str().unwrap().starts_with(".writing")
            {
                files.insert(relative, fs::read(path).unwrap());
            }
        }
    }
    files
});

fn put(root: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in files {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), bytes).unwrap();
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Noise(Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    Gone,
}

fn damage() -> impl Strategy<Value = Damage> {
    let noise = || prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        4 => (any::<prop::sample::Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        2 => any::<prop::sample::Index>().prop_map(Damage::Cut),
        1 => noise().prop_map(Damage::Noise),
        1 => (any::<prop::sample::Index>(), noise()).prop_map(|(at, noise)| Damage::Insert(at, noise)),
        1 => Just(Damage::Gone),
    ]
}

/// The damaged bytes; `None` if the file is removed.
fn apply(damage: &Damage, sound: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = sound.to_vec();
    match damage {
        Damage::Flip(at, bit) => bytes[at.index(sound.len())] ^= 1 << bit,
        Damage::Cut(at) => bytes.truncate(at.index(sound.len())),
        Damage::Noise(noise) => bytes.clone_from(noise),
        Damage::Insert(at, noise) => {
            let at = at.index(sound.len());
            bytes.splice(at..at, noise.iter().copied());
        }
        Damage::Gone => return None,
    }
    Some(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_named_or_takes_no_effect(file in 0..SOUND.len(), damage in damage()) {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &SOUND);
        let (path, sound) = SOUND.iter().nth(file).unwrap();
        let damaged = apply(&damage, sound);
        match &damaged {
            Some(bytes) => fs::write(dir.path().join(path), bytes).unwrap(),
            None => fs::remove_file(dir.path().join(path)).unwrap(),
        }
        let intact = damaged.as_ref() == Some(sound);
        let (store, run) = (Store::open(dir.path(), made()).unwrap(), spec().id);
        let in_run = path.starts_with(Path::new("runs").join(run.as_str()));

        let checked = store.check(&run);
        prop_assert_eq!(checked.is_ok(), intact || !in_run, "{:?}", checked);
        if let Err(StoreError::Damaged { path: named, .. }) = &checked {
            // A damaged manifest is reported, or the file with which it disagrees.
            prop_assert!(named.ends_with(path) || path.ends_with("checksums.toml"), "{}", named.display());
        }
        let _ = (store.spec(&run), store.file(&run, "samples.npy"), store.finished(&plan()), store.failures());
        let _ = (store.claims().owners(), store.progress(&run), store.garbage(std::time::Duration::ZERO), store.experiments());
        let plan_file = path.ends_with("plan.json");
        match store.load_plan("study") {
            Ok(read) => prop_assert!((intact || !plan_file) && read == plan()),
            Err(error) => prop_assert!(plan_file && (error.to_string().contains("plan.json") || damaged.is_none()), "{}", error),
        }
        let (checkpoint, problems) = store.load_checkpoint(&run);
        let newest = path.extension().is_some_and(|kind| kind == "checkpoint");
        prop_assert_eq!(checkpoint.unwrap().epoch, if intact || !newest { 2 } else { 1 });
        prop_assert_eq!(problems.len(), usize::from(newest && !intact && damaged.is_some()));
        let record = store.record(&run).unwrap();
        let sound = output();
        match record.status {
            RunStatus::Finished => prop_assert_eq!((record.summary, record.epochs), (Some(sound.summary), sound.epochs)),
            _ => prop_assert!(in_run && !intact),
        }
        prop_assert!(store.claims().claim(&run).is_ok());
    }
}
