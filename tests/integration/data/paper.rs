//! Sets of the MADE paper by name: where they are found, and what is refused under their names. The
//! content is made up, of the right size.

use super::*;

const SIZES: [usize; 3] = [400, 100, 1_240];
const DIM: usize = 500;

/// Values 0 or 1 of each part.
fn values(dim: usize, sizes: [usize; 3]) -> [Vec<u8>; 3] {
    let mut state = 1u64;
    let mut bit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u8::from(state >> 62 == 0)
    };
    sizes.map(|count| (0..count * dim).map(|_| bit()).collect())
}

fn rows(values: &[u8], dim: usize) -> Vec<u8> {
    let row = |row: &[u8]| row.iter().flat_map(|value| [b'0' + value, b',']).collect::<Vec<_>>();
    values
        .chunks_exact(dim)
        .flat_map(|values| {
            let mut line = row(values);
            *line.last_mut().expect("a comma") = b'\n';
            line
        })
        .collect()
}

const NAMES: [&str; 3] = ["train", "valid", "test"];

/// An archive as the authors write it: floats, and numbers in arrays without a size.
fn archive(values: &[Vec<u8>; 3], dim: usize) -> Vec<u8> {
    let mut arrays = vec![("inputsize.npy".to_owned(), npy("<i4", "()", &[1, 0, 0, 0]))];
    for (name, values) in NAMES.iter().zip(values) {
        let floats: Vec<u8> = values.iter().flat_map(|&v| f32::from(v).to_le_bytes()).collect();
        let shape = format!("({}L, {dim}L)", values.len() / dim);
        arrays.push((format!("{name}_length.npy"), npy("<i4", "()", &[1, 0, 0, 0])));
        arrays.push((format!("{name}_data.npy"), npy("<f4", &shape, &floats)));
    }
    npz(&arrays
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect::<Vec<_>>())
}

fn triple(folder: &tempfile::TempDir, stem: &str, values: &[Vec<u8>; 3], dim: usize) {
    for (part, values) in NAMES.iter().zip(values) {
        let rows = rows(values, dim);
        match *part {
            "valid" => write(folder, &format!("{stem}.valid.data.gz"), &gzip(&rows)),
            part => write(folder, &format!("{stem}.{part}.data"), &rows),
        };
    }
}

#[test]
fn a_set_of_the_paper_is_found_in_every_place_and_is_the_same_set() {
    let values = values(DIM, SIZES);
    let places: [(&str, bool); 8] = [
        ("nips/nips.npz", true),
        ("nips/any.npz", true),
        ("nips.npz", true),
        ("uci/nips.npz", true),
        ("uci/nips/nips.npz", true),
        ("nips/nips", false),
        ("uci/nips/nips", false),
        ("uci/nips", false),
    ];
    let mut known = None;
    for (place, is_archive) in places {
        let folder = tempfile::tempdir().expect("a folder");
        if is_archive {
            write(&folder, place, &archive(&values, DIM));
        } else {
            triple(&folder, place, &values, DIM);
        }
        // A file of the data folder with a longer name is none of the set.
        write(&folder, "nips-notes.csv", b"0,1\n1,0\n");
        let library = Library::at(folder.path());
        let data =
            load(&config("nips"), &library).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!((counts(&data), data.shape.width, data.shape.height), (SIZES, DIM, 1));
        assert_eq!(data.test.pixels(), values[2]);
        assert_eq!(data.left_out, Vec::<String>::new(), "{place}");
        // By its path it is the same data, and so the same runs.
        let path = config(folder.path().join(place));
        let by_path = fingerprint(&path, &nowhere()).expect(place);
        assert_eq!(data.origin.fingerprint, by_path, "{place}");
        let below = fingerprint(&config(place), &library).expect("below the data folder");
        assert_eq!(below, by_path, "{place}");
        assert_eq!(known.get_or_insert_with(|| by_path.clone()), &by_path, "{place}");
        let entries = catalog(&library);
        let entry = entries.iter().find(|entry| entry.name == "nips").expect("listed");
        assert!(
            matches!(&entry.place, Place::Here(path) if path.exists() || !is_archive),
            "{place}"
        );
        assert_eq!((entry.shape.dim(), entry.sizes), (DIM, SIZES));
        if place == "nips.npz" || place == "uci/nips" {
            // The folder of an interrupted download hides no file.
            write(&folder, &format!("{}.part", place.replace(".npz", "/nips")), b"half");
            load(&config("nips"), &library).unwrap_or_else(|error| panic!("{place}: {error}"));
        }
    }
}

#[test]
fn another_set_under_the_name_is_refused_with_both_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let by_name = |folder: &tempfile::TempDir| {
        let error = load(&config("nips"), &Library::at(folder.path())).expect_err("another set");
        error.to_string()
    };
    triple(&folder, "uci/nips/nips", &values(7, SIZES), 7);
    let error = by_name(&folder);
    let place = folder.path().join("uci/nips");
    let by_path = format!("name them by their path: name = {place:?}");
    for expected in [
        "this is not nips: it has 400 / 100 / 1,240 vectors of 7 values and not 400 / 100 / 1,240 vectors of 500 values",
        by_path.as_str(),
    ] {
        assert!(error.contains(expected), "{error}\n{expected}");
    }
    let library = Library::at(folder.path());
    assert_eq!(load(&config("uci/nips"), &library).expect("by its path").shape.width, 7);

    let folder = tempfile::tempdir().expect("a folder");
    write(&folder, "nips.npz", &archive(&values(9, [30, 10, 20]), 9));
    let error = by_name(&folder);
    assert!(
        error.contains("it has 30 / 10 / 20 vectors of 9 values and not 400 / 100 / 1,240"),
        "{error}"
    );

    let folder = tempfile::tempdir().expect("a folder");
    let mut grey = values(DIM, SIZES);
    grey[1].iter_mut().step_by(11).for_each(|value| *value = 200);
    let arrays = NAMES.iter().zip(&grey).map(|(name, values)| {
        (*name, npy("|u1", &format!("({}, {DIM})", values.len() / DIM), values))
    });
    let arrays: Vec<_> = arrays.map(|(name, bytes)| (format!("{name}.npy"), bytes)).collect();
    let arrays: Vec<_> =
        arrays.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    write(&folder, "nips.npz", &npz(&arrays));
    assert!(
        by_name(&folder).contains("its values are not all 0 or 1"),
        "{}",
        by_name(&folder)
    );
}

#[test]
fn a_part_of_a_set_of_the_paper_is_not_the_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let [train, _, test] = values(DIM, SIZES);
    write(&folder, "uci/nips/nips.train.data", &rows(&train, DIM));
    write(&folder, "uci/nips/nips.test.data", &rows(&test, DIM));
    let error = load(&config("nips"), &Library::at(folder.path())).expect_err("a part");
    assert!(matches!(&error, DataError::Partial { part: Part::Valid, .. }), "{error}");
    assert!(
        error.to_string().contains("part of nips is here, its valid images are not"),
        "{error}"
    );
}

#[test]
fn the_splice_junctions_are_those_of_the_authors() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder, "dna.npz", &archive(&values(180, [1_400, 600, 1_186]), 180));
    let error = load(&config("dna"), &Library::at(folder.path())).expect_err("other values");
    let error = error.to_string();
    assert!(error.contains("this is not dna: SHA-256 of its values is "), "{error}");
}

#[test]
fn several_sets_are_fetched_by_one_command() {
    let place = crate::support::place::Place::new();
    // Nothing listens there.
    let fetch = |arguments: &str| {
        let mut command = place.command(&format!("data fetch {arguments}"));
        let output = command.env("ABLADE_MIRROR", "http://127.0.0.1:1").output().expect("it ran");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("UTF-8"))
    };
    let (code, said) = fetch("nips nisp");
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean `nips`?") && !said.contains("fetching"), "{said}");
    let (code, said) = fetch("nips ocr-letters");
    assert_eq!(code, Some(2));
    for file in ["nips.npz", "ocr_letters.npz"] {
        assert!(said.contains(&format!("fetching http://127.0.0.1:1/{file}")), "{said}");
    }
    // One that is there already is checked, and the other fails on its own.
    let arrays = archive(&values(DIM, SIZES), DIM);
    let folder = place.path(".local/share/ablade/nips");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("nips.npz"), arrays).expect("a file");
    let (code, said) = fetch("nips ocr-letters");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("nips; no checksum is published") && said.contains("ocr_letters.npz"),
        "{said}"
    );
}
