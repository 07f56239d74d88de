//! Tables of real numbers, and the densities that the program draws: read as they are, standardised
//! by the training rows, refused where they have no density.

use std::path::PathBuf;

use ablade::data::draw::Builtin;
use ablade::data::{Standardisation, ValueKind, Variable, table_in};
use proptest::prelude::*;

use super::*;

fn real(name: impl AsRef<Path>) -> DataConfig {
    DataConfig { values: ValueKind::Real, ..config(name) }
}

fn loaded(path: impl AsRef<Path>) -> Dataset {
    load(&real(path), &nowhere()).expect("a table")
}

fn standardisation(data: &Dataset) -> &Standardisation {
    data.standardisation.as_ref().expect("real numbers")
}

fn values(images: &Images) -> &[f32] {
    images.real_values().expect("real numbers")
}

fn own(data: &Dataset, images: &Images) -> Vec<f64> {
    standardisation(data).to_own_units(values(images))
}

/// Rows that are no numbers of a simple pattern, and never equal.
fn rows(count: usize, dim: usize, seed: u64) -> Vec<Vec<f64>> {
    let value = |i: usize, j: usize| {
        let mixed = (i * dim + j + 1) as f64 * (0.754_877_666 + seed as f64 * 0.01);
        10f64.powi(j as i32) * (mixed.fract() - 0.3) + 5.0 * j as f64
    };
    (0..count).map(|i| (0..dim).map(|j| value(i, j)).collect()).collect()
}

fn csv(header: &str, rows: &[Vec<f64>]) -> Vec<u8> {
    let line = |row: &Vec<f64>| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
    let head = if header.is_empty() { String::new() } else { format!("{header}\n") };
    (head + &rows.iter().map(line).collect::<String>()).into_bytes()
}

/// Files `t-train.csv` ... of tables with these headers.
fn three(folder: &tempfile::TempDir, headers: [&str; 3], tables: [&[Vec<f64>]; 3]) -> PathBuf {
    for ((part, header), rows) in ["train", "valid", "test"].iter().zip(headers).zip(tables) {
        write(folder, &format!("t-{part}.csv"), &csv(header, rows));
    }
    folder.path().join("t")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Values of a text lead through standardisation back to themselves, up to the rounding of 32
    /// bits, and the training rows have mean 0 and standard deviation 1.
    #[test]
    fn a_table_is_read_standardised_and_leads_back(
        count in 3usize..80, dim in 1usize..6, seed in 0u64..50, headed: bool, scale in -8i32..8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let scaled = |seed| -> Vec<Vec<f64>> {
            let mut rows = rows(count, dim, seed);
            rows.iter_mut().flatten().for_each(|value| *value *= 10f64.powi(scale));
            rows
        };
        let tables = [scaled(3 * seed), scaled(3 * seed + 1), scaled(3 * seed + 2)];
        let names: Vec<String> = (0..dim).map(|j| format!("v{j}")).collect();
        let header = if headed { names.join(",") } else { String::new() };
        let path = three(&folder, [&*header; 3], [&tables[0], &tables[1], &tables[2]]);
        let data = loaded(&path);
        let by = standardisation(&data);
        for (images, table) in parts(&data).into_iter().zip(&tables) {
            let found = own(&data, images);
            for (i, (found, value)) in found.iter().zip(table.iter().flatten()).enumerate() {
                let deviation = by.deviations[i % dim];
                let rounding = (value - by.means[i % dim]).abs() * 6.1e-8 + deviation * 1e-9;
                prop_assert!((found - value).abs() <= rounding, "{} {}", found, value);
            }
        }
        for column in 0..dim {
            let train = || values(&data.train).iter().skip(column).step_by(dim).map(|&value| f64::from(value));
            let n = count as f64;
            prop_assert!((train().sum::<f64>() / n).abs() < 1e-6);
            prop_assert!((train().map(|value| value * value).sum::<f64>() / n - 1.0).abs() < 1e-5);
        }
        // Those of the test rows are another mean: they are standardised by the training rows.
        let test = values(&data.test).iter().map(|&value| f64::from(value)).sum::<f64>();
        prop_assert!(test.abs() > 1e-4 || count * dim < 20, "{}", test);
        let expected = headed.then_some(names);
        prop_assert_eq!(&data.origin.columns, &expected);
        let sum: f64 = by.deviations.iter().map(|deviation| deviation.ln()).sum();
        prop_assert_eq!(by.log_scale_sum(), sum);
    }
}

#[test]
fn every_format_of_a_table_is_the_same_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = rows(60, 3, 1);
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let columns: Vec<u8> = (0..3)
        .flat_map(|j| rows.iter().flat_map(move |row| row[j].to_le_bytes()))
        .collect();
    let mut fortran = npy("<f8", "(60, 3)", &columns);
    let at = fortran.windows(5).position(|word| word == b"False").expect("an order");
    fortran[at..at + 5].copy_from_slice(b"True ");
    let text = String::from_utf8(csv("", &rows)).expect("text");
    let files = [
        ("a.csv", text.clone().into_bytes()),
        ("b.tsv", text.replace(',', "\t").into_bytes()),
        ("c.csv", text.replace(',', ";").replace('.', ",").into_bytes()),
        ("d.csv.gz", gzip(text.as_bytes())),
        ("e.npy", npy("<f8", "(60, 3)", &bytes)),
        ("f.npz", npz(&[("table.npy", npy("<f8", "(60, 3)", &bytes))])),
        ("g.npy", fortran),
    ];
    let fingerprints: Vec<String> = files
        .iter()
        .map(|(name, bytes)| loaded(write(&folder, name, bytes)).origin.fingerprint)
        .collect();
    for (found, (name, _)) in fingerprints.iter().zip(&files) {
        assert_eq!(found, &fingerprints[0], "{name}");
        assert!(found.starts_with("images-"), "{found}");
    }
    // Negative control: one value.
    let mut changed = rows.clone();
    changed[7][1] += 1e-3;
    let other = loaded(write(&folder, "h.csv", &csv("", &changed)));
    assert_ne!(other.origin.fingerprint, fingerprints[0]);
    // The same standardised values in other units are another set: scores are in these units, too.
    let doubled: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().map(|value| 2.0 * value).collect()).collect();
    let doubled = loaded(write(&folder, "i.csv", &csv("", &doubled)));
    assert_eq!(values(&doubled.train), values(&loaded(folder.path().join("a.csv")).train));
    assert_ne!(doubled.origin.fingerprint, fingerprints[0]);
}

#[test]
fn columns_are_matched_by_name_and_rows_of_a_file_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (train, valid, test) = (rows(50, 3, 1), rows(10, 3, 2), rows(10, 3, 3));
    let turned = |table: &[Vec<f64>]| -> Vec<Vec<f64>> {
        table.iter().map(|row| vec![row[2], row[0], row[1]]).collect()
    };
    let headers = ["width,height,mass", "mass,width,height", "width,height,mass"];
    let path = three(&folder, headers, [&train, &turned(&valid), &test]);
    let data = loaded(&path);
    for (found, value) in own(&data, &data.valid).iter().zip(valid.iter().flatten()) {
        assert!((found - value).abs() < 1e-4, "{found} {value}");
    }
    let variables: Vec<String> =
        data.variables().into_iter().map(|Variable { name, .. }| name).collect();
    assert_eq!(variables, ["width", "height", "mass"]);

    let scored = write(&folder, "more.csv", &csv("mass,width,height", &turned(&test)));
    let found = table_in(&scored, Part::Test, &data).expect("a table");
    assert_eq!(values(&found.images), values(&data.test));
    assert!(
        found.line.ends_with("10 vectors of 3 variables, standardised real numbers"),
        "{}",
        found.line
    );
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let unnamed = write(&folder, "unnamed.csv", &csv("", &test));
    let found = table_in(&unnamed, Part::Test, &data).expect("a table");
    assert_eq!(values(&found.images), values(&data.test));
    assert!(found.warnings[0].contains("does not name its columns"), "{:?}", found.warnings);
    let narrow = write(&folder, "narrow.csv", &csv("", &rows(10, 2, 4)));
    let problem = table_in(&narrow, Part::Test, &data).expect_err("two columns").to_string();
    assert!(problem.ends_with("2 columns, where the training data have 3"), "{problem}");

    let other = three(
        &folder,
        ["width,height,mass", "mass,width,depth", headers[2]],
        [&train, &valid, &test],
    );
    let problem = load(&real(&other), &nowhere()).expect_err("other columns").to_string();
    assert!(
        problem.contains(
            "`height` is in the first alone. A column that is not a variable is left out"
        ),
        "{problem}"
    );
}

/// A table of `count` rows in which row 7 (from 1) has `word` as its second value.
fn with(word: &str, header: &str) -> Vec<u8> {
    let mut lines: Vec<String> = rows(20, 3, 5)
        .iter()
        .map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(","))
        .collect();
    lines[6] = format!("0.25,{word},0.75");
    (if header.is_empty() { String::new() } else { format!("{header}\n") }
        + &lines.join("\n")
        + "\n")
        .into_bytes()
}

#[test]
fn what_has_no_density_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let problem = |name: &str, bytes: &[u8]| {
        load(&real(write(&folder, name, bytes)), &nowhere())
            .expect_err(name)
            .to_string()
    };
    let names = "width,height,mass";
    for (word, header, expected) in [
        (
            "nan",
            names,
            "line 8, value 2 (column `height`): NaN is a missing value, which has no density: fill it",
        ),
        (
            "NA",
            "",
            "line 7, value 2: `NA` is a missing value, which has no density: fill it, or leave its row or its column out",
        ),
        (
            "",
            names,
            "line 8, value 2 (column `height`): an empty field: a missing value has no density",
        ),
        ("-inf", "", "line 7, value 2: -inf has no density: leave its row out"),
        ("1e39", "", "line 7, value 2: 1e39 is beyond the range of 32-bit floats, 3.4e38"),
        (
            "high",
            names,
            "line 8, value 2 (column `height`): `high` is not a number: a column that is not a variable",
        ),
        ("1.5,2", "", "line 7: 4 values, where the first row has 3"),
    ] {
        let found = problem("a.csv", &with(word, header));
        assert!(found.contains(expected), "{word}: {found}");
    }
    // Negative control.
    assert_eq!(loaded(write(&folder, "good.csv", &with("0.5", names))).size().train, 16);

    let f8 =
        |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let mut table: Vec<f64> = rows(20, 2, 1).concat();
    table[13] = f64::NAN;
    let found = problem("a.npy", &npy("<f8", "(20, 2)", &f8(&table)));
    assert!(found.contains("row 7, column 2: NaN is a missing value"), "{found}");
    let found = problem("b.npy", &npy("<f8", "(20,)", &f8(&table[..20])));
    assert!(
        found.contains("shape [20]; a table has 2 sizes, rows and columns; table.reshape(-1, 1)"),
        "{found}"
    );
    let found = problem("c.npy", &npy("<c16", "(10, 2)", &f8(&table)));
    assert!(
        found.contains("values of type <c16; read are integers, booleans, and floats"),
        "{found}"
    );
    let found = problem("d.npy", &npy("|O", "(10, 2)", b"pickle"));
    assert!(found.contains("values of type |O"), "{found}");
    let found = problem("e.npy", &npy("<f8", "(21, 2)", &f8(&table[..12])));
    assert!(found.contains("the array ends; shape [21, 2]"), "{found}");
    let found = problem("f-idx", &idx(&[20, 2, 2], &[7; 80]));
    assert!(
        found.contains("images, where data.values = \"real\" expects a table"),
        "{found}"
    );
    write(&folder, "pictures/1.png", &png(4, 4, &[7; 16]));
    let found = load(&real(folder.path().join("pictures")), &nowhere())
        .expect_err("pictures")
        .to_string();
    assert!(
        found.contains("images, where data.values = \"real\" expects a table"),
        "{found}"
    );
    let found = problem("g.csv", b"0.5,1.5\n2.5,3.5\n");
    assert!(
        found.contains("fewer than three rows cannot train, validate and test"),
        "{found}"
    );
}

#[test]
fn columns_without_a_density_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let set_of = |count: usize, third: &dyn Fn(usize) -> f64| {
        let table: Vec<Vec<f64>> = rows(count, 2, 1)
            .into_iter()
            .enumerate()
            .map(|(i, row)| [row, vec![third(i)]].concat())
            .collect();
        load(&real(write(&folder, "t.csv", &csv("width,height,age", &table))), &nowhere())
    };
    let set = |third: &dyn Fn(usize) -> f64| set_of(200, third);
    let problem = |third: &dyn Fn(usize) -> f64| set(third).expect_err("no density").to_string();
    let found = problem(&|_| 2.5);
    assert!(found.contains("column `age` is 2.5 in all of its 160 training rows"), "{found}");
    let found = problem(&|i| (i * i % 23) as f64);
    assert!(
        found.contains(
            "column `age` has whole numbers alone, 12 different ones in 160 training rows"
        ) && found.contains("Leave it out, or add uniform noise of width 1"),
        "{found}"
    );
    // Whole numbers of which most are different, and values that repeat but are not whole, are data.
    assert!(set(&|i| (i * i) as f64).expect("squares").origin.notes.is_empty());
    let notes = set(&|i| 0.5 + (i * i % 23) as f64).expect("halves").origin.notes;
    assert!(notes[0].contains("training values of column `age` are"), "{notes:?}");
    let notes = set(&|i| if i % 9 == 0 { 0.0 } else { 1.0 / i as f64 })
        .expect("zeros")
        .origin
        .notes;
    assert!(
        notes[0].contains("training values of column `age` are 0: the density at repeated values is limited only by"),
        "{notes:?}"
    );
    // An outlier of so many rows, wherever it is.
    let far = |i: usize| if i == 77 { 1e6 } else { (i as f64 * 0.618).fract() };
    let notes = set_of(2000, &far).expect("an outlier").origin.notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].starts_with("column `age` is 1000000 in a ") && notes[0].contains("dominates"),
        "{notes:?}"
    );
    let near = |i: usize| (i as f64 * 0.618).fract();
    let notes = set_of(2000, &near).expect("no outlier").origin.notes;
    assert!(notes.is_empty(), "{notes:?}");
    // A column that counts is an index.
    let indexed = set(&|i| i as f64).expect("an index");
    assert_eq!(indexed.shape.dim(), 2);
    assert!(
        indexed.left_out[0].contains("column `age`: it counts the rows"),
        "{:?}",
        indexed.left_out
    );
}

#[test]
fn settings_and_sets_of_pixels_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "t.csv", &csv("", &rows(30, 2, 1)));
    let problem = |config: DataConfig| load(&config, &nowhere()).expect_err("pixels").to_string();
    let found = problem(DataConfig { levels: levels(16), ..real(&path) });
    assert!(found.starts_with("data.levels: it is of pixels, and data.values"), "{found}");
    let found = problem(DataConfig { binarize: Binarize::Dynamic, ..real(&path) });
    assert!(found.starts_with("data.binarize: it is of pixels"), "{found}");
    let found = problem(DataConfig { size: 8, ..real(&path) });
    assert!(found.starts_with("data.size: it is of pixels"), "{found}");
    for name in ["digits", "mnist", "adult"] {
        let found = problem(real(name));
        assert!(
            found.contains(&format!("{name} holds images: leave values out"))
                && found.contains("moons, rings, spirals, grid"),
            "{found}"
        );
    }
    let found = problem(config("moons"));
    assert_eq!(
        found,
        "data.values: moons holds real numbers: data.values = \"real\" is expected"
    );
    // A table of real numbers as pixels: the error says which setting reads it.
    let found = problem(config(&path));
    assert!(found.contains("a table of real numbers has data.values = \"real\""), "{found}");
    let values: Vec<u8> = [-1.5f64, 300.0, 0.5, 7.0]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let found = problem(config(write(&folder, "t.npy", &npy("<f8", "(2, 2)", &values))));
    assert!(found.contains("a table of real numbers has data.values = \"real\""), "{found}");
}

#[test]
fn drawn_densities_have_classes_and_grow_from_the_front() {
    for builtin in Builtin::ALL.into_iter().filter(|builtin| builtin.is_real()) {
        let name = builtin.name();
        let data = loaded(name);
        assert_eq!(counts(&data), [10_000, 2_000, 2_000]);
        assert_eq!((data.shape.width, data.shape.height), (2, 1));
        assert_eq!(data.origin.columns.as_deref(), Some(&["x".to_owned(), "y".to_owned()][..]));
        assert_eq!(data.lacks_classes(), None, "{name}");
        assert!(data.unseen_classes().is_empty() && data.described().warnings().is_empty());
        assert!(
            data.described()
                .line()
                .ends_with("test vectors of 2 variables, standardised real numbers"),
            "{}",
            data.described().line()
        );
        let few = load(&DataConfig { train: Some(300), ..real(name) }, &nowhere()).expect("drawn");
        for (a, b) in own(&few, &few.train).iter().zip(own(&data, &data.train)) {
            assert!((a - b).abs() < 1e-6, "{name}");
        }
        let fingerprint = fingerprint(&real(name), &nowhere()).expect("drawn");
        assert_eq!(fingerprint, data.origin.fingerprint);
        assert!(fingerprint.starts_with(name), "{fingerprint}");
        // In its own units the mean of the exact log density is the entropy.
        let points = own(&data, &data.test);
        let logs: Vec<f64> = points
            .chunks_exact(2)
            .filter_map(|point| builtin.log_density([point[0], point[1]]))
            .collect();
        assert_eq!(logs.is_empty(), builtin.entropy().is_none());
        if let Some(entropy) = builtin.entropy() {
            let n = logs.len() as f64;
            let mean = -logs.iter().sum::<f64>() / n;
            let variance = logs.iter().map(|log| (log + mean).powi(2)).sum::<f64>() / n;
            assert!(
                (mean - entropy).abs() < 4.0 * (variance / n).sqrt(),
                "{name}: {mean} {entropy}"
            );
        }
    }
    let distinct: std::collections::BTreeSet<String> = [0, 1].map(of_seed).into_iter().collect();
    assert_eq!(distinct.len(), 2);
}

fn of_seed(seed: u64) -> String {
    fingerprint(&DataConfig { seed, ..real("moons") }, &nowhere()).expect("drawn")
}

#[test]
fn exports_of_tables_are_read_back_with_their_labels() {
    let folder = tempfile::tempdir().expect("a folder");
    let sizes = DataConfig {
        train: Some(400),
        valid: Some(50),
        test: Some(50),
        ..real("rings")
    };
    let data = load(&sizes, &nowhere()).expect("drawn");
    for (out, name) in [("a.npz", "a.npz"), ("b.npy", "b"), ("c.csv", "c"), ("d.csv.gz", "d")] {
        for (path, bytes) in data::export(&data, &folder.path().join(out)).expect("a format") {
            fs::write(path, bytes).expect("written");
        }
        let again = loaded(folder.path().join(name));
        for (a, b) in parts(&data).into_iter().zip(parts(&again)) {
            for (a, b) in own(&data, a).iter().zip(own(&again, b)) {
                assert!((a - b).abs() < 1e-6, "{out}: {a} {b}");
            }
            let of = |images: &Images| images.labels().map(|labels| labels.of.to_vec());
            assert_eq!(of(a), of(b), "{out}");
        }
        assert_eq!(again.lacks_classes(), None, "{out}");
        assert!(again.left_out.is_empty(), "{out}: {:?}", again.left_out);
    }
    let found = data::export(&data, &folder.path().join("e.idx")).expect_err("bytes");
    assert!(found.contains("idx holds bytes, and these are real numbers"), "{found}");
}

#[test]
fn exports_of_images_are_read_back_with_their_labels_and_levels() {
    let folder = tempfile::tempdir().expect("a folder");
    for count in [2, 4, 16, 256] {
        let few = DataConfig {
            train: Some(60),
            valid: Some(9),
            test: Some(9),
            size: 12,
            levels: levels(count),
            ..config("shapes")
        };
        let data = load(&few, &nowhere()).expect("drawn");
        for ending in ["npz", "npy", "csv", "idx"] {
            let stem = format!("{ending}{count}");
            for (path, bytes) in
                data::export(&data, &folder.path().join(format!("{stem}.{ending}")))
                    .expect("a format")
            {
                fs::write(path, bytes).expect("written");
            }
            let name = if ending == "npz" { format!("{stem}.npz") } else { stem };
            let read = DataConfig {
                size: 12,
                levels: levels(count),
                ..config(folder.path().join(&name))
            };
            let again = load(&read, &nowhere()).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (a, b) in parts(&data).into_iter().zip(parts(&again)) {
                assert_eq!(a.pixels(), b.pixels(), "{name}");
                let of = |images: &Images| images.labels().map(|labels| labels.of.to_vec());
                assert_eq!(of(a), of(b), "{name}");
            }
            assert_eq!(again.lacks_classes(), None, "{name}");
        }
    }
    // Levels that are not asked for are no levels: of 2 or 4, the 16 of an export are too dark.
    let dark = |count| {
        let read = DataConfig { levels: levels(count), ..config(folder.path().join("csv16")) };
        load(&read, &nowhere())
    };
    assert!(dark(4).is_err() && dark(2).is_err());
    assert!(dark(16).is_ok());
}

#[test]
fn classes_without_training_images_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (part, labels, step) in [
        ("train", [0, 1, 3, 3], 3),
        ("valid", [0, 1, 2, 2], 5),
        ("test", [0, 1, 2, 3], 7),
    ] {
        let images: Vec<u8> = (0..80).map(|i| u8::from(i % step == 0)).collect();
        write(&folder, &format!("s/{part}-images.npy"), &npy("|u1", "(4, 20)", &images));
        write(&folder, &format!("s/{part}-labels.npy"), &npy("|u1", "(4,)", &labels));
    }
    let data = load(&config(folder.path().join("s")), &nowhere()).expect("images");
    assert_eq!(data.unseen_classes(), ["2"]);
    // The last class, which the validation images lack, has its name there, too.
    assert_eq!(data.lacks_classes(), None);
    assert!(load(&config("shapes"), &nowhere()).expect("drawn").unseen_classes().is_empty());
}

#[test]
fn another_kind_of_values_scores_otherwise_and_old_configurations_are_as_they_were() {
    let pixels = config("grid");
    assert_eq!(pixels.scores_otherwise_than(&real("grid")), Some("data.values"));
    assert_eq!(real("grid").scores_otherwise_than(&real("grid")), None);
    assert!(!pixels.key().contains("values"), "{}", pixels.key());
    assert!(real("grid").key().contains("\"values\":\"real\""), "{}", real("grid").key());
    let back: DataConfig = serde_json::from_str(&pixels.key()).expect("a configuration");
    assert_eq!(back, pixels);
}
