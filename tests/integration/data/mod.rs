//! Loading of data sets through the public interface: drawn, by name, by path; divided, cut to size
//! and made binary.

mod missing;
mod paper;
mod programs;
mod real;
mod shared;
mod studies;
mod wild;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ablade::config::RunConfig;
use ablade::data::{
    self, Binarize, Cache, DataConfig, DataError, Dataset, Images, LevelCount, Library, Part,
    Place, catalog, fingerprint, load,
};
use ablade::trainer::{Otherwise, Scored};
use ablade::trainers::made::config_of;

use crate::support::made;

fn config(name: impl AsRef<Path>) -> DataConfig {
    DataConfig {
        name: name.as_ref().to_str().expect("UTF-8").to_owned(),
        ..DataConfig::default()
    }
}

fn nowhere() -> Library {
    Library::at("/nonexistent")
}

fn failure(config: &DataConfig) -> String {
    load(config, &nowhere()).expect_err("an error").to_string()
}

fn parts(data: &Dataset) -> [&Images; 3] {
    [&data.train, &data.valid, &data.test]
}

fn counts(data: &Dataset) -> [usize; 3] {
    parts(data).map(Images::count)
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, bytes).expect("a file");
    path
}

fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        values,
    ]
    .concat()
}

fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .expect("memory");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn png(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder
        .write_header()
        .expect("memory")
        .write_image_data(pixels)
        .expect("memory");
    bytes
}

// Drawn sets.

#[test]
fn drawn_sets_have_their_sizes_shape_and_bits() {
    for (name, sizes) in [
        ("digits", [10_000, 2_000, 2_000]),
        ("letters", [10_000, 2_000, 2_000]),
        ("shapes", [1_600, 400, 400]),
    ] {
        let data = load(&config(name), &nowhere()).expect("drawn");
        assert_eq!(counts(&data), sizes);
        assert_eq!((data.shape.width, data.shape.height, data.dynamic()), (28, 28, false));
        assert!(parts(&data).iter().all(|images| images.pixels().iter().all(|&bit| bit <= 1)));
        let on = data.train.pixels().iter().map(|&bit| u64::from(bit)).sum::<u64>() as f64
            / data.train.pixels().len() as f64;
        assert!((0.05..0.3).contains(&on), "{name}: {on} of the pixels are on");
    }
}

#[test]
fn no_image_is_drawn_twice() {
    let grey = |name: &str| DataConfig { binarize: Binarize::Dynamic, ..config(name) };
    for name in ["digits", "letters", "shapes"] {
        let data = load(&grey(name), &nowhere()).expect("drawn");
        let mut images: Vec<&[u8]> = (0..data.train.count()).map(|i| data.train.row(i)).collect();
        images.sort_unstable();
        images.dedup();
        assert_eq!(images.len(), data.train.count(), "{name}");
    }
    // The three sets are drawn independently: even as bits, nearly no image is in two of them.
    let data = load(&config("digits"), &nowhere()).expect("drawn");
    let train: std::collections::BTreeSet<&[u8]> =
        (0..data.train.count()).map(|i| data.train.row(i)).collect();
    let shared = (0..data.test.count()).filter(|&i| train.contains(data.test.row(i))).count();
    assert!(shared < 10, "{shared} test images are training images");
}

#[test]
fn a_larger_drawn_set_begins_with_the_smaller_one() {
    let sized = |train| {
        load(
            &DataConfig {
                train: Some(train),
                binarize: Binarize::Stochastic,
                ..config("digits")
            },
            &nowhere(),
        )
        .expect("drawn")
    };
    let (small, large) = (sized(50), sized(80));
    assert_eq!(small.train.pixels(), &large.train.pixels()[..50 * 784]);
    let other = load(&DataConfig { train: Some(50), seed: 1, ..config("digits") }, &nowhere())
        .expect("drawn");
    assert_ne!(small.train.pixels(), other.train.pixels());
}

#[test]
fn drawings_are_the_same_bits_on_every_machine() {
    let hash = |name: &str, size| {
        let few = DataConfig {
            train: Some(200),
            valid: Some(1),
            test: Some(1),
            size,
            binarize: Binarize::Dynamic,
            ..config(name)
        };
        blake3::hash(load(&few, &nowhere()).expect("drawn").train.pixels()).to_hex()[..16]
            .to_owned()
    };
    let hashes = [hash("digits", 28), hash("letters", 28), hash("shapes", 28), hash("digits", 17)];
    assert_eq!(
        hashes,
        ["4d2b3942d9141bcc", "ffab0dd2c147536e", "70ca93293d0b24f3", "984d2519a8122c3a"],
        "drawing changed: raise draw::VERSION with these values"
    );
}

#[test]
fn every_class_is_drawn_and_any_size() {
    for (name, classes) in [("digits", 10), ("letters", 26), ("shapes", 4)] {
        let data = load(&DataConfig { size: 40, train: Some(1000), ..config(name) }, &nowhere())
            .expect("drawn");
        let labels = data.train.labels().expect("drawn sets have classes");
        assert_eq!((data.train.dim(), labels.names.len()), (1600, classes));
        assert!((0..classes as u16).all(|class| labels.of.contains(&class)), "{name}");
    }
    for size in [1, 2, 5, 7] {
        let tiny = DataConfig {
            size,
            train: Some(20),
            valid: Some(1),
            test: Some(1),
            ..config("digits")
        };
        assert_eq!(load(&tiny, &nowhere()).expect("drawn").train.dim(), size * size);
    }
}

// Grey levels.

fn levels(count: u64) -> LevelCount {
    count.try_into().expect("a number of levels")
}

#[test]
fn drawn_sets_have_soft_edges_in_grey() {
    let few = |name: &str| DataConfig {
        train: Some(50),
        valid: Some(5),
        test: Some(5),
        ..config(name)
    };
    for name in ["digits", "letters", "shapes"] {
        let greys = DataConfig { binarize: Binarize::Dynamic, ..few(name) };
        let greys = load(&greys, &nowhere()).expect("drawn").train;
        let mut fingerprints =
            vec![load(&few(name), &nowhere()).expect("drawn").origin.fingerprint];
        for count in [4, 16, 256] {
            let data = load(&DataConfig { levels: levels(count), ..few(name) }, &nowhere());
            let data = data.expect("drawn");
            assert_eq!((data.levels as u64, data.dynamic()), (count, false));
            let quantised = |&grey: &u8| (u64::from(grey) * count / 256) as u8;
            let expected: Vec<u8> = greys.pixels().iter().map(quantised).collect();
            assert_eq!(data.train.pixels(), expected, "{name}, {count}");
            assert_eq!(data.scored(Part::Train).pixels(), expected);
            let line = data.described().line();
            assert!(
                line.contains(&format!("{count} grey levels, levels up to 255 of 255, mean grey")),
                "{line}"
            );
            let mut seen = data.train.pixels().to_vec();
            seen.sort_unstable();
            seen.dedup();
            assert!(seen.len() as u64 > count / 2, "{name}, {count}: {seen:?}");
            fingerprints.push(data.origin.fingerprint);
        }
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 4, "{name}");
    }
}

#[test]
fn grey_files_are_quantised_and_levels_are_read_as_they_are_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let pixels: Vec<u8> = (0..40).flat_map(|i: u8| [0, 6 * i, 255, i.wrapping_mul(77)]).collect();
    let greys = write(&folder, "greys.npy", &npy("|u1", "(40, 4)", &pixels));
    for count in [4, 16, 256] {
        let config = |path| DataConfig { levels: levels(count), ..config(path) };
        let data = load(&config(&greys), &nowhere()).expect("greys");
        let last = (data.levels - 1) as u8;
        assert!(
            parts(&data)
                .iter()
                .all(|images| images.pixels().iter().all(|&level| level <= last))
        );
        // Stored levels, as of a run or an export, are read back as the same set.
        let out = folder.path().join(format!("levels-{count}.npz"));
        for (path, bytes) in data::export(&data, &out).expect("a format") {
            fs::write(path, bytes).expect("written");
        }
        let again = load(&config(&out), &nowhere()).expect("levels");
        for (a, b) in parts(&data).iter().zip(parts(&again)) {
            assert_eq!(a.pixels(), b.pixels(), "{count}");
        }
        assert_eq!(again.origin.fingerprint, data.origin.fingerprint);
        let line = again.described().line();
        assert!(line.contains(&format!("levels up to {last} of {last}")), "{line}");
        let scored = data::images_in(&greys, Part::Test, &config(&greys)).expect("greys");
        let quantised: Vec<u8> =
            pixels.iter().map(|&grey| (u64::from(grey) * count / 256) as u8).collect();
        assert_eq!(scored.images.pixels(), quantised);
    }
}

#[test]
fn what_has_no_greys_has_no_grey_levels() {
    let folder = tempfile::tempdir().expect("a folder");
    let bits: Vec<u8> = (0..40).map(|i| u8::from(i % 3 == 0)).collect();
    let path = write(&folder, "bits.npy", &npy("|u1", "(10, 4)", &bits));
    let grey = DataConfig { levels: levels(16), ..config(&path) };
    let expected = format!(
        "data.levels: 16 asked, {} holds only black and white: leave levels out",
        path.display()
    );
    assert_eq!(failure(&grey), expected);
    let scored = data::images_in(&path, Part::Test, &grey).expect_err("bits");
    assert_eq!(scored.to_string(), expected);
    let both = DataConfig { binarize: Binarize::Dynamic, ..grey };
    assert!(
        failure(&both)
            .contains("data.binarize: data.levels = 16 keeps greys, and it makes them 0 and 1"),
        "{}",
        failure(&both)
    );
}

#[test]
fn other_numbers_of_levels_do_not_compare() {
    let trainer = made();
    let of = |count| {
        let mut run = RunConfig::default();
        run.data.levels = levels(count);
        config_of(&run)
    };
    let (two, sixteen) = (of(2), of(16));
    assert_eq!(trainer.scored_by(&sixteen, &two), Some("data.levels"));
    assert!(!trainer.same_examples(&sixteen, &two));
    assert_ne!(trainer.test_set(&sixteen, "digits-1"), trainer.test_set(&two, "digits-1"));
    let scored = |config| Scored { config, data: "digits-1", earlier: None, facts: None };
    let Some(Otherwise::Incomparable(why)) =
        trainer.otherwise(&scored(&sixteen), &scored(&two), "the baseline")
    else {
        panic!("they compare")
    };
    assert_eq!(
        why,
        "scored on images of 16 grey levels, the baseline on images binarised at half grey: their NLL do not compare"
    );
}

// Files by path.

#[test]
fn idx_files_in_a_folder_are_the_three_sets() {
    let folder = tempfile::tempdir().expect("a folder");
    let images = |count: u32| {
        idx(&[count, 2, 3], &(0..count * 6).map(|i| (i * 37) as u8).collect::<Vec<_>>())
    };
    write(&folder, "train-images-idx3-ubyte.gz", &gzip(&images(10)));
    write(&folder, "train-labels-idx1-ubyte", &idx(&[10], &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0]));
    write(&folder, "t10k-images.idx3-ubyte", &images(3));
    let data = load(&config(folder.path()), &nowhere()).expect("idx");
    assert_eq!((counts(&data), data.shape.width, data.shape.height), ([8, 2, 3], 3, 2));
    let names = &data.train.labels().expect("labels").names;
    assert_eq!(names.to_vec(), ["0", "1", "2"]);
    // A fifth of train becomes the validation set, and every image is in one set only.
    let grey =
        load(&DataConfig { binarize: Binarize::Dynamic, ..config(folder.path()) }, &nowhere())
            .expect("idx");
    let mut rows: Vec<&[u8]> = (0..8).map(|i| grey.train.row(i)).collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), 8);
    assert!(grey.dynamic() && !data.dynamic());
}

#[test]
fn emnist_is_turned_upright() {
    let folder = tempfile::tempdir().expect("a folder");
    // An L, stored by columns.
    let stored = [255, 255, 255, 0, 0, 255, 0, 0, 255];
    let path = write(
        &folder,
        "emnist-letters-test-images-idx3-ubyte",
        &idx(&[3, 3, 3], &stored.repeat(3)),
    );
    let plain = write(&folder, "letters-idx3-ubyte", &idx(&[3, 3, 3], &stored.repeat(3)));
    let first = |path| load(&config(path), &nowhere()).expect("idx").train.row(0).to_vec();
    assert_eq!(first(path), [1, 0, 0, 1, 0, 0, 1, 1, 1]);
    assert_eq!(first(plain), [1, 1, 1, 0, 0, 1, 0, 0, 1]);
}

#[test]
fn text_triples_are_read_by_stem_and_by_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder, "toy.train.data", b"0,1,1\n1,0,0\n");
    write(&folder, "toy.valid.data.gz", &gzip(b"1,1,1\n"));
    write(&folder, "toy.test.data", b"0 0 1\r\n1.0e+00 0.0 1\r\n\r\n");
    for name in [folder.path().to_owned(), folder.path().join("toy")] {
        let data = load(&config(name), &nowhere()).expect("text");
        assert_eq!(counts(&data), [2, 1, 2]);
        assert_eq!((data.shape.width, data.shape.height), (3, 1));
        assert_eq!(data.train.pixels(), [0, 1, 1, 1, 0, 0]);
        assert_eq!(data.test.pixels(), [0, 0, 1, 1, 0, 1]);
    }
    assert!(failure(&config(folder.path().join("to"))).contains("nothing is at that path"));
}

#[test]
fn one_file_is_divided_by_the_data_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..100)
        .map(|i| {
            format!("{i:07b}\n")
                .chars()
                .map(|c| if c == '\n' { "\n".into() } else { format!("{c} ") })
                .collect::<String>()
        })
        .collect();
    let path = write(&folder, "rows.amat", format!("a b c d e f g\n{rows}").as_bytes());
    let data = load(&config(&path), &nowhere()).expect("text");
    assert_eq!(counts(&data), [80, 10, 10]);
    let mut all: Vec<&[u8]> = parts(&data)
        .iter()
        .flat_map(|images| (0..images.count()).map(|i| images.row(i)))
        .collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 100, "an image is in two sets, or lost");
    let other = load(&DataConfig { seed: 9, ..config(&path) }, &nowhere()).expect("text");
    assert_ne!(data.test.pixels(), other.test.pixels());
    let few = DataConfig { train: Some(30), ..config(&path) };
    assert_eq!(counts(&load(&few, &nowhere()).expect("text")), [30, 10, 10]);
    let many = DataConfig { valid: Some(11), ..config(&path) };
    assert!(
        failure(&many).contains("data.valid = 11")
            && failure(&many).contains("has 10 valid images")
    );
}

#[test]
fn numpy_arrays_of_any_kind_mean_the_same_bits() {
    let folder = tempfile::tempdir().expect("a folder");
    let bits = [0u8, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1];
    let wide =
        |to: &dyn Fn(u8) -> Vec<u8>| bits.iter().flat_map(|&bit| to(bit)).collect::<Vec<u8>>();
    let kinds: [(&str, Vec<u8>); 6] = [
        ("|u1", bits.to_vec()),
        ("|b1", bits.to_vec()),
        ("<f4", wide(&|bit| f32::from(bit).to_le_bytes().into())),
        (">f8", wide(&|bit| f64::from(bit).to_be_bytes().into())),
        ("<i8", wide(&|bit| i64::from(bit).to_le_bytes().into())),
        ("<u2", wide(&|bit| (u16::from(bit) * 255).to_le_bytes().into())),
    ];
    for (i, (kind, values)) in kinds.iter().enumerate() {
        // Other images: the same ones in any order would be refused.
        let mut train = values.clone();
        train.rotate_left(values.len() / 12);
        let path = write(
            &folder,
            &format!("{i}/set.npz"),
            &npz(&[
                ("train_data.npy", npy(kind, "(4L, 3L)", &train)),
                ("n.npy", npy("<i4", "()", &[4, 0, 0, 0])),
                ("test_data.npy", npy(kind, "(4, 3)", values)),
            ]),
        );
        let data = load(&config(&path), &nowhere()).expect(kind);
        assert_eq!((counts(&data), data.test.pixels()), ([3, 1, 4], &bits[..]), "{kind}");
        let path = write(&folder, &format!("{i}/set.npy"), &npy(kind, "(4, 3)", values));
        assert_eq!(counts(&load(&config(&path), &nowhere()).expect(kind)), [2, 1, 1]);
    }
    // Fractions are grey levels, also after whole numbers.
    let values: Vec<u8> = [1.0f32, 0.0, 0.5, 0.25].iter().flat_map(|v| v.to_le_bytes()).collect();
    let path = write(&folder, "grey.npy", &npy("<f4", "(4, 1)", &values));
    let data = load(&DataConfig { binarize: Binarize::Dynamic, ..config(&path) }, &nowhere())
        .expect("grey");
    assert!(
        data.dynamic() && data.train.pixels().iter().all(|level| [255, 0, 128, 64].contains(level))
    );
}

#[test]
fn folders_of_images_are_resized_and_classed() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..12 {
        write(&folder, &format!("cat/{i}.png"), &png(8, 4, &[255; 32]));
        write(&folder, &format!("dog/{i}.PNG"), &png(3, 3, &[0; 9]));
    }
    write(&folder, "README.txt.bak", b"not data");
    let data = load(&DataConfig { size: 4, ..config(folder.path()) }, &nowhere()).expect("images");
    assert_eq!((counts(&data), data.train.dim()), ([20, 2, 2], 16));
    let labels = data.train.labels().expect("classes");
    assert_eq!(labels.names.to_vec(), ["cat", "dog"]);
    for (i, &class) in labels.of.iter().enumerate() {
        assert!(data.train.row(i).iter().all(|&bit| u16::from(bit) == 1 - class));
    }
}

#[test]
fn every_misuse_of_files_names_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut count = 0;
    let mut case = |name: &str, bytes: &[u8], expected: &str| {
        count += 1;
        let path = write(&folder, &format!("{count}/{name}"), bytes);
        let message = failure(&config(&path));
        assert!(
            message.starts_with(path.to_str().expect("UTF-8")) && message.contains(expected),
            "{message}\n  lacks: {expected}"
        );
    };
    case("a.csv", b"0,1\n0,2\n", "line 2, value 2: `2` is neither 0 nor 1");
    case("a.csv", b"0,1\n0,nan\n", "line 2, value 2: `nan` is neither 0 nor 1");
    case("a.csv", b"0,1\n\n0,1,1\n", "line 3: 3 values, where the first row has 2");
    case("a.csv", b"a,b\n", "no rows of 0 and 1");
    case("a.csv", b"", "the file is empty");
    case(
        "a-ubyte",
        &idx(&[1 << 31, 28, 28], &[0; 5]),
        "byte 21: the file ends; its header promises 2147483648 images of 28 x 28",
    );
    case(
        "a-ubyte",
        &idx(&[u32::MAX, u32::MAX, u32::MAX], &[]),
        "no images, or more than can be",
    );
    case("a-ubyte", &idx(&[1, 2, 2], &[0; 5]), "byte 20: more bytes than the 4");
    case("a-ubyte", &idx(&[0, 28, 28], &[]), "no images");
    case("a-ubyte", &idx(&[4], &[0; 4]), "labels (rank 1)");
    case(
        "a-ubyte",
        &[0, 0, 13, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0],
        "values of type 0x0d",
    );
    case("a-ubyte", &idx(&[2, 28, 28], &[0; 1568]), "fewer than three images");
    case("a.gz", &gzip(&idx(&[3, 28, 28], &[0; 2352]))[..30], "byte");
    case(
        "a.npy",
        &npy("<f4", "(1, 1)", &f32::NAN.to_le_bytes()),
        "image 0, pixel 0 is NaN",
    );
    case(
        "a.npy",
        &npy("<f4", "(1, 2)", &[0, 0, 0, 63, 0, 0, 0, 64]),
        "image 0, pixel 1 is 2",
    );
    case("a.npy", &npy("|i1", "(1, 1)", &[255]), "image 0, pixel 0 is -1");
    case("a.npy", &npy("<f4", "(2147483648, 784)", &[0; 8]), "the array ends");
    case("a.npy", &npy("|O", "(1, 1)", &[0]), "values of type |O");
    case("a.npy", &npy("|u1", "(3)", &[0; 3]), "images have 2 or 3 sizes");
    case("a.npz", b"PK\x03\x04", "zip directory");
    case(
        "a.npz",
        &npz(&[("a.npy", npy("|u1", "(1, 1)", &[0])), ("b.npy", npy("|u1", "(1, 1)", &[0]))]),
        "none is named train, valid or test",
    );
    case("a.npz", &npz(&[("x.npy", vec![1; 40])]), "array `x`, byte 0: no .npy array");
    case("a.png", &png(1, 1, &[0]), "give the folder");
}

#[test]
fn names_that_climb_out_of_an_archive_lead_nowhere() {
    let outside = tempfile::tempdir().expect("a folder");
    let mut builder = tar::Builder::new(Vec::new());
    let names = ["../../out.png", "/etc/out.png", "a/../../b/out.png", "cat/1.png", "cat/2.png"];
    for (name, grey) in names.iter().zip([0, 50, 100, 150, 200]) {
        let (mut header, bytes) = (tar::Header::new_gnu(), png(2, 2, &[grey; 4]));
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).expect("memory");
    }
    let path = write(&outside, "in/set.tar", &builder.into_inner().expect("memory"));
    let values = |count: u8| npy("|u1", &format!("({count}, 2)"), &vec![1; 2 * usize::from(count)]);
    let arrays = write(
        &outside,
        "in/set.npz",
        &npz(&[("../../train.npy", values(4)), ("/etc/test.npy", values(2))]),
    );
    for (path, total) in [(path, 5), (arrays, 6)] {
        let data = load(&DataConfig { size: 28, ..config(&path) }, &nowhere())
            .expect("an archive is only read");
        assert_eq!(counts(&data).iter().sum::<usize>(), total);
    }
    let left = |folder: &Path| fs::read_dir(folder).expect("a folder").count();
    assert_eq!(
        (left(outside.path()), left(&outside.path().join("in"))),
        (1, 2),
        "something was written"
    );
}

#[test]
fn bombs_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let zeros = 100 << 20;
    let bomb = gzip(&idx(&[zeros >> 20, 1024, 1024], &vec![0; zeros as usize]));
    let path = write(&folder, "bomb-ubyte.gz", &bomb);
    assert!(failure(&config(&path)).contains("more than 300 times its length: refused"));
    let array = npy("|u1", "(100, 1048576)", &vec![0; zeros as usize]);
    let path =
        write(&folder, "bomb.npz", &npz(&[("train.npy", array.clone()), ("test.npy", array)]));
    assert!(failure(&config(&path)).contains("more than 300 times its length: refused"));
}

#[test]
fn folders_that_are_no_whole_set_say_what_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(failure(&config(folder.path())).contains("no data set in this folder"));
    write(&folder, "x.train.csv", b"0,1\n1,1\n");
    assert!(failure(&config(folder.path())).contains("no test images"));
    write(&folder, "w.test.csv", b"0,1,1\n");
    assert!(failure(&config(folder.path())).contains("its sets differ in shape: 1 x 2 and 1 x 3"));
    write(&folder, "z.test.csv", b"0,1\n");
    assert!(
        failure(&config(folder.path())).contains("several test images (w.test.csv, z.test.csv)")
    );
    let vectors = write(&folder, "z/v.csv", b"0,1\n1,1\n0,0\n");
    let message = failure(&DataConfig { size: 14, ..config(vectors) });
    assert!(
        message.contains("data.size: 14 asked") && message.contains("vectors of 2 values"),
        "{message}"
    );
    assert!(failure(&DataConfig { size: 0, ..config("digits") }).contains("data.size"));
    assert!(
        failure(&DataConfig { train: Some(0), ..config("digits") })
            .contains("data.train: at least one image")
    );
}

// Sets by name.

#[test]
fn a_missing_set_says_where_it_looked_and_what_gets_it() {
    let error = load(&config("binarized-mnist"), &Library::at("/nowhere")).expect_err("missing");
    assert!(matches!(error, DataError::Missing { .. }));
    assert_eq!(
        error.to_string(),
        "binarized-mnist is not on this machine: looked in /nowhere/binarized-mnist, /nowhere/binarized_mnist; \
         `ablade data fetch binarized-mnist` gets it (110 MB)"
    );
    assert!(failure(&config("digit")).contains("(did you mean `digits`?)"));
}

#[test]
fn a_part_of_a_named_set_is_not_the_set() {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        &folder,
        "emnist_letters/emnist-letters-test-images-idx3-ubyte",
        &idx(&[30, 28, 28], &vec![9; 30 * 784]),
    );
    let error = load(&config("emnist-letters"), &Library::at(folder.path())).expect_err("a part");
    assert!(
        error
            .to_string()
            .contains("its train images are not; `ablade data fetch emnist-letters`"),
        "{error}"
    );
}

#[test]
fn the_catalogue_knows_what_is_here() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder, "mnist/train-images-idx3-ubyte", b"");
    write(&folder, "mnist/t10k-images-idx3-ubyte", b"");
    let entries = catalog(&Library::at(folder.path()));
    let place = |name| &entries.iter().find(|entry| entry.name == name).expect("listed").place;
    assert_eq!(place("digits"), &Place::Builtin);
    assert_eq!(place("mnist"), &Place::Here(folder.path().join("mnist")));
    assert!(
        matches!(place("four-shapes"), Place::Missing(why) if why.contains("ablade data fetch four-shapes"))
    );
}

// Identity and sharing.

#[test]
fn the_fingerprint_is_the_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "a.csv", b"0,1\n1,1\n0,0\n");
    let now = || fingerprint(&config(&path), &nowhere()).expect("a fingerprint");
    let first = now();
    fs::File::options()
        .append(true)
        .open(&path)
        .expect("the file")
        .set_modified(std::time::UNIX_EPOCH)
        .expect("touched");
    assert_eq!(now(), first, "touching changes nothing");
    fs::write(&path, b"0,1\n1,1\n0,1\n").expect("written");
    assert_ne!(now(), first, "a byte changes it");
    let elsewhere = write(&folder, "b/c.csv", b"0,1\n1,1\n0,0\n");
    assert_eq!(
        fingerprint(&config(elsewhere), &nowhere()).expect("a fingerprint"),
        first,
        "the place does not"
    );

    let drawn = |change: fn(&mut DataConfig)| {
        let mut config = config("digits");
        change(&mut config);
        fingerprint(&config, &nowhere()).expect("a fingerprint")
    };
    let base = drawn(|_| {});
    assert!(base.starts_with("digits-"));
    assert_eq!(
        drawn(|config| config.train = Some(10_000)),
        base,
        "the default written out is the default"
    );
    assert_ne!(drawn(|config| config.seed = 1), base);
    assert_ne!(drawn(|config| config.train = Some(9)), base);
    assert_ne!(drawn(|config| config.size = 14), base);
    assert_ne!(drawn(|config| config.name = "shapes".into()), base);
}

#[test]
fn a_cache_loads_each_set_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "a.csv", b"0,1\n1,1\n0,0\n");
    let cache = Cache::new(nowhere());
    let loaded: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| cache.get(&config(&path)).expect("text")))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(loaded.iter().all(|data| std::sync::Arc::ptr_eq(data, &loaded[0])));
    let other = DataConfig { seed: 1, ..config(&path) };
    assert!(!std::sync::Arc::ptr_eq(&cache.get(&other).expect("text"), &loaded[0]));
    assert!(cache.get(&config("nothing")).is_err());
}

#[test]
fn contact_sheets_are_pictures_of_any_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let vectors = write(&folder, "a<&.csv", b"0,1\n1,1\n0,0\n");
    for config in [
        config("shapes"),
        DataConfig { binarize: Binarize::Dynamic, ..config("digits") },
        config(vectors),
    ] {
        let data = load(&config, &nowhere()).expect("data");
        for part in Part::ALL {
            let sheet = ablade::trainers::made::figures::contact_sheet(&data, part);
            assert!(png::Decoder::new(std::io::Cursor::new(sheet)).read_info().is_ok());
        }
    }
}
