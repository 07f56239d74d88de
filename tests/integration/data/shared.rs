//! Real data sets, if a copy is available: counts, shapes and values known from their sources.
//! Otherwise skipped with a message.

use std::path::PathBuf;

use ablade::data::{Binarize, DataConfig, Dataset, Images, Library, Part, load};
use ablade::trainers::made::figures::contact_sheet;

use crate::support::skipped;

/// The folder with the data sets.
fn shared() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let data = std::env::var_os("ABLADE_SHARED")
        .map_or_else(beside, PathBuf::from)
        .join("data");
    if data.is_dir() {
        return Some(data);
    }
    skipped(format_args!("no data sets in {}; set ABLADE_SHARED", data.display()));
    None
}

fn named(name: &str, shared: &PathBuf, binarize: Binarize) -> Dataset {
    let config = DataConfig { name: name.into(), binarize, ..DataConfig::default() };
    load(&config, &Library::at(shared)).expect(name)
}

fn counts(data: &Dataset) -> [usize; 3] {
    [&data.train, &data.valid, &data.test].map(Images::count)
}

/// Test NLL in nats of independent Bernoulli variables with the training marginals, with one added
/// to each count.
fn bernoulli(data: &Dataset) -> f64 {
    let dim = data.shape.dim();
    let mut on = vec![1.0; dim];
    for i in 0..data.train.count() {
        on.iter_mut()
            .zip(data.train.row(i))
            .for_each(|(sum, &bit)| *sum += f64::from(bit));
    }
    let total = data.train.count() as f64 + 2.0;
    let nll = |image: &[u8]| -> f64 {
        image
            .iter()
            .zip(&on)
            .map(|(&bit, on)| -(if bit == 1 { on / total } else { 1.0 - on / total }).ln())
            .sum()
    };
    (0..data.test.count()).map(|i| nll(data.test.row(i))).sum::<f64>() / data.test.count() as f64
}

fn mean(images: &[&Images]) -> f64 {
    let sum: u64 = images
        .iter()
        .flat_map(|images| images.pixels())
        .map(|&bit| u64::from(bit))
        .sum();
    sum as f64 / images.iter().map(|images| images.pixels().len()).sum::<usize>() as f64
}

#[test]
fn mnist_is_mnist() {
    let Some(shared) = shared() else { return };
    let data = named("mnist", &shared, Binarize::Stochastic);
    assert_eq!(
        (counts(&data), data.shape.width, data.shape.height),
        ([50_000, 10_000, 10_000], 28, 28)
    );
    let on = mean(&[&data.train, &data.valid]);
    assert!((on - 0.130_66).abs() < 2e-4, "mean {on} of 60000 images");
    let labels = data.test.labels().expect("labels");
    let zeros = labels.of.iter().filter(|&&label| label == 0).count();
    assert_eq!((zeros, labels.names.len()), (980, 10));
    assert!((bernoulli(&data) - 205.65).abs() < 0.3);
    let threshold = bernoulli(&named("mnist", &shared, Binarize::Threshold));
    assert!((threshold - 205.85).abs() < 0.3, "{threshold}");
    let small = DataConfig {
        name: "mnist".into(),
        size: 14,
        test: Some(100),
        ..DataConfig::default()
    };
    assert_eq!(load(&small, &Library::at(&shared)).expect("resized").shape.dim(), 196);
}

#[test]
fn the_fixed_binarisation_is_the_one_of_the_papers() {
    let Some(shared) = shared() else { return };
    for rule in [Binarize::Threshold, Binarize::Dynamic] {
        let data = named("binarized-mnist", &shared, rule);
        assert_eq!(
            (counts(&data), data.shape.height, data.dynamic()),
            ([50_000, 10_000, 10_000], 28, false)
        );
        assert!((bernoulli(&data) - 205.79).abs() < 0.005);
        // The file is sorted by class; a part of it must not be.
        let few = DataConfig {
            name: "binarized-mnist".into(),
            test: Some(1000),
            ..DataConfig::default()
        };
        let few = load(&few, &Library::at(&shared)).expect("a part");
        let labels = few.test.labels().expect("labels").of.clone();
        assert!((0..10).all(|class| labels.contains(&class)));
    }
}

#[test]
fn uci_sets_have_their_sizes_and_baselines() {
    let Some(shared) = shared() else { return };
    let sets = [
        ("adult", 123, [5000, 1414, 26147], 25.77),
        ("dna-made", 180, [1400, 600, 1186], 100.39),
        ("mushrooms", 112, [2000, 500, 5624], 34.23),
        ("nltcs", 16, [16181, 2157, 3236], 9.23),
        ("plants", 69, [17412, 2321, 3482], 31.27),
    ];
    for (name, dim, sizes, baseline) in sets {
        let path = shared.join("uci").join(name);
        let data = named(path.to_str().expect("UTF-8"), &shared, Binarize::Threshold);
        assert_eq!((counts(&data), data.shape.width, data.shape.height), (sizes, dim, 1), "{name}");
        assert!((bernoulli(&data) - baseline).abs() < 0.0051, "{name}: {}", bernoulli(&data));
    }
    for (name, path) in
        [("adult", "uci/adult"), ("dna", "uci/dna-made"), ("mushrooms", "uci/mushrooms")]
    {
        let [known, by_path] = [name, path].map(|name| named(name, &shared, Binarize::Threshold));
        assert_eq!(known.origin.fingerprint, by_path.origin.fingerprint, "{name}");
    }
    let path = shared.join("uci/dna-made/dna.npz");
    let (archive, text) = (path.to_str().expect("UTF-8"), shared.join("uci/dna-made"));
    let archive = named(archive, &shared, Binarize::Threshold);
    let text = named(text.to_str().expect("UTF-8"), &shared, Binarize::Threshold);
    assert_eq!(archive.test.pixels(), text.test.pixels());
    assert_eq!(archive.train.pixels(), text.train.pixels());
}

#[test]
fn emnist_letters_stand_upright() {
    let Some(shared) = shared() else { return };
    let error = load(
        &DataConfig { name: "emnist-letters".into(), ..DataConfig::default() },
        &Library::at(&shared),
    );
    assert!(
        error
            .expect_err("no training images")
            .to_string()
            .contains("its train images are not")
    );
    let path = shared.join("emnist-letters/emnist-letters-test-first10000-images-idx3-ubyte.gz");
    let data = named(path.to_str().expect("UTF-8"), &shared, Binarize::Threshold);
    assert_eq!(counts(&data), [8000, 1000, 1000]);
    let labels = data.train.labels().expect("the labels beside it");
    // Upright, an i or an l (class 9, 12) is taller than wide; as stored, it is rotated.
    let (mut tall, mut all) = (0, 0);
    for i in (0..data.train.count()).filter(|&i| labels.names[usize::from(labels.of[i])] == "i") {
        let on: Vec<usize> = (0..784).filter(|&p| data.train.row(i)[p] == 1).collect();
        let span = |coordinate: fn(usize) -> usize| {
            let all = on.iter().map(|&p| coordinate(p));
            all.clone().max().unwrap_or(0) - all.min().unwrap_or(0)
        };
        tall += usize::from(span(|p| p / 28) > span(|p| p % 28));
        all += 1;
    }
    assert!(tall * 10 > all * 8, "{tall} of {all} letters i are taller than wide");
}

#[test]
fn four_shapes_are_light_on_dark_and_films_stay_together() {
    let Some(shared) = shared() else { return };
    let data = named("four-shapes", &shared, Binarize::Threshold);
    assert_eq!(counts(&data), [11_655, 1_457, 1_458]);
    let on = mean(&[&data.train]);
    assert!(on < 0.4, "{on} of the pixels are on");
    let labels = data.train.labels().expect("classes");
    assert_eq!(labels.names.to_vec(), ["circle", "square", "star", "triangle"]);
    assert!(!contact_sheet(&data, Part::Test).is_empty());
    // The set derived from it elsewhere: resized to 28 x 28 by another program, as idx files with
    // labels.
    let path = shared.join("four_shapes/four_shapes_28x28-images-idx3-ubyte.gz");
    let derived = named(path.to_str().expect("UTF-8"), &shared, Binarize::Threshold);
    assert_eq!((counts(&derived), derived.shape.height), ([11_976, 1_497, 1_497], 28));
    assert_eq!(derived.train.labels().expect("the labels beside it").names.len(), 4);
    let whole = |data: &Dataset| mean(&[&data.train, &data.valid, &data.test]);
    assert!(
        (whole(&data) - whole(&derived)).abs() < 0.005,
        "{} and {}",
        whole(&data),
        whole(&derived)
    );
}
