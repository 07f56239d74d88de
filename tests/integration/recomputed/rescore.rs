//! Script `docs/rescore.py` computes the scores of a run from its directory and the images alone.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::made;
use ablade::config::RunConfig;
use ablade::made::output;
use ablade::npy;
use ablade::store::{Publication, Store};
use ablade::trainers::made::run_config;

use super::kinds::{self, KINDS};
use crate::support::python;

fn rescore(python: &OsStr, run: &Path, images: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rescore.py");
    Command::new(python)
        .arg(script)
        .arg(run)
        .arg("--images")
        .arg(images)
        .output()
        .unwrap()
}

#[test]
fn the_script_finds_the_scores_of_every_kind_of_run() {
    let Some(python) = python("numpy") else { return };
    let rescore = |run: &Path, images: &Path| rescore(python.get_program(), run, images);
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), made()).unwrap();
    let (mut mixtures, mut averages) = (0, 0);
    for i in 0..KINDS {
        let spec = kinds::spec(&kinds::config(i));
        let data = kinds::data(run_config(&spec.config));
        store.publish(&spec, &kinds::trained(&spec, &data)).unwrap();
        let images = place.path().join("images.npy");
        fs::write(&images, npy::encode(&[data.test.count(), data.test.dim()], data.test.pixels()))
            .unwrap();
        let run = store.run_dir(&spec.id);
        let output = rescore(&run, &images);
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(0),
            "kind {i}, {:?}\n{text}",
            run_config(&spec.config).model
        );
        for line in text.lines() {
            let apart: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
            assert!(apart < 1e-5, "kind {i}: {line}");
        }
        mixtures += usize::from(text.contains("mixture"));
        averages += usize::from(text.contains("averaged"));

        // Control: a score that is off by a thousandth of a nat.
        let scores = run.join("test_nll.npy");
        let mut stored = npy::decode::<f32>(&fs::read(&scores).unwrap()).unwrap();
        stored.data[3] += 1e-3;
        fs::write(&scores, npy::encode(&stored.shape, &stored.data)).unwrap();
        assert_eq!(
            rescore(&run, &images).status.code(),
            Some(1),
            "kind {i}: a changed score passes"
        );
    }
    assert!(mixtures >= 10 && averages >= 8, "{mixtures} mixtures, {averages} averages");
}

/// Settings of a run of grey levels or classes: changes to a kind.
fn changed(
    i: usize,
    levels: u64,
    output: output::OutputKind,
    input: output::Input,
    classes: bool,
    skip: bool,
) -> RunConfig {
    let mut config = kinds::config(i);
    config.data.levels = levels.try_into().unwrap();
    let model = &mut config.model;
    (model.output, model.input, model.components) = (output, input, 2);
    (model.classes, model.skip) = (classes, skip);
    config
}

#[test]
fn the_script_finds_the_scores_of_grey_levels_and_of_classes() {
    use output::Input::{OneHot, Scaled};
    use output::OutputKind::{Bernoulli, Categorical, LogisticMixture};
    let Some(python) = python("numpy") else { return };
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path(), made()).unwrap();
    let [images, labels] = ["images.npy", "labels.npy"].map(|name| place.path().join(name));
    for config in [
        changed(6, 4, Categorical, Scaled, false, true),
        changed(21, 16, Categorical, OneHot, false, false),
        changed(21, 16, LogisticMixture, OneHot, false, true),
        changed(6, 256, LogisticMixture, Scaled, false, false),
        changed(6, 2, Bernoulli, Scaled, true, false),
        changed(9, 4, Categorical, OneHot, true, true),
        changed(0, 16, LogisticMixture, Scaled, true, false),
    ] {
        let is_told = config.model.classes;
        let spec = kinds::spec(&config);
        let data = kinds::data(run_config(&spec.config));
        store.publish(&spec, &kinds::trained(&spec, &data)).unwrap();
        let pixels = npy::encode(&[data.test.count(), data.test.dim()], data.test.pixels());
        fs::write(&images, pixels).unwrap();
        let run = store.run_dir(&spec.id);
        let rescored = |shift: u16| {
            let of = &data.test.labels().unwrap().of;
            let classes: Vec<u8> = of.iter().map(|class| ((class + shift) % 10) as u8).collect();
            fs::write(&labels, npy::encode(&[classes.len()], &classes)).unwrap();
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rescore.py");
            let mut command = Command::new(python.get_program());
            command.arg(script).arg(&run).arg("--images").arg(&images);
            command.arg("--labels").arg(&labels).output().unwrap()
        };
        let found = rescored(0);
        let text = String::from_utf8_lossy(&found.stdout) + String::from_utf8_lossy(&found.stderr);
        assert_eq!(found.status.code(), Some(0), "{:?}\n{text}", config.model);
        assert_eq!(text.contains("averaged"), config.sample.masks > 1, "{text}");
        let agreed = ["NLL without the class: agrees", "test_correct.npy: agrees"];
        assert!(agreed.iter().all(|line| text.contains(line) == is_told), "{text}");
        // Controls: the classes of others; none.
        assert_eq!(rescored(1).status.code(), Some(i32::from(is_told)), "{:?}", config.model);
        let without = rescore(python.get_program(), &run, &images);
        assert_eq!(without.status.code(), Some(if is_told { 2 } else { 0 }));
        if !is_told {
            continue;
        }
        // Controls: an image that is counted as right or wrong by mistake; another prior.
        for (name, by) in [("test_correct.npy", 1.0), ("class_counts.npy", 40.0)] {
            let path = run.join(name);
            let kept = fs::read(&path).unwrap();
            let mut stored = npy::decode::<f32>(&kept).unwrap();
            stored.data[0] = (stored.data[0] - by).abs();
            fs::write(&path, npy::encode(&stored.shape, &stored.data)).unwrap();
            assert_eq!(rescored(0).status.code(), Some(1), "a changed {name} passes");
            fs::write(&path, kept).unwrap();
        }
    }
}

/// A run that an earlier version saved without its masks is the same run, and the command writes
/// them.
#[test]
fn masks_of_an_older_run_are_written_on_request() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(place.path().join("results"), made()).unwrap();
    let spec = kinds::spec(&kinds::config(9));
    let data = kinds::data(run_config(&spec.config));
    let output = kinds::trained(&spec, &data);
    let mut older = output.clone();
    older.files.retain(|(name, _)| name != "masks.npz");
    assert_eq!(store.publish(&spec, &older).unwrap(), Publication::New);
    assert_eq!(store.compare(&spec, &output).unwrap(), Publication::Identical);
    assert_eq!(store.publish(&spec, &output).unwrap(), Publication::Identical);
    let mut other = output.clone();
    other.summary.facts.insert("test_nll_nats".into(), 1.0.into());
    assert_eq!(store.compare(&spec, &other).unwrap(), Publication::Differs);

    let shape = [data.test.count(), data.shape.height, data.shape.width];
    store
        .save_reference(&spec.data, &npy::encode(&shape, data.test.pixels()))
        .unwrap();
    let written = Command::new(env!("CARGO_BIN_EXE_ablade"))
        .current_dir(&place)
        .args(["masks", spec.id.as_str(), "--out", "out/masks.npz"])
        .output()
        .unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let (_, kept) = output
        .files
        .iter()
        .find(|(name, _)| name == "masks.npz")
        .expect("a run keeps its masks");
    assert_eq!(fs::read(place.path().join("out/masks.npz")).unwrap(), *kept);
}
