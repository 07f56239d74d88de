//! Files written by pandas, NumPy, SciPy and Pillow: each gives the same images, or an error that
//! names the format. Skipped, with a message, if Python or a package is missing.

use std::fs;
use std::path::Path;

use ablade::data::{DataConfig, Dataset, Images, Library, export, load};

use crate::support::python;

fn load_path(path: &Path, size: usize) -> Result<Dataset, String> {
    let config = DataConfig {
        name: path.display().to_string(),
        size,
        ..DataConfig::default()
    };
    load(&config, &Library::at("/nonexistent")).map_err(|error| error.to_string())
}

fn pixels(data: &Dataset) -> [&[u8]; 3] {
    [&data.train, &data.valid, &data.test].map(Images::pixels)
}

#[test]
fn files_of_other_programs_are_the_same_images_or_refused_by_name() {
    let Some(mut python) = python("numpy, pandas, PIL, scipy.io") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/data/programs.py");
    let made = python.arg(script).arg(folder.path()).output().expect("Python");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let expected = load_path(&folder.path().join("read/c.npy"), 6).expect("an array");
    for entry in fs::read_dir(folder.path().join("read")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let data = load_path(&path, 6).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(pixels(&data), pixels(&expected), "{}", path.display());
        let says = [
            "label.csv",
            "species.csv",
            "mixed.csv",
            "mixed_twice.csv",
            "index.csv",
            "pictures",
            "zipped.zip",
            "tarred.tar.gz",
        ];
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(
            !says.contains(&name.as_str()) || !data.left_out.is_empty(),
            "{name}: not a word of what is left out"
        );
    }
    let words = [
        ("utf16.csv", "UTF-16"),
        ("missing.csv", "line 5, value 1 (column `0`): an empty field"),
        ("x.csv.xz", "an xz file"),
        ("x.json", "a JSON file"),
        ("x.mat", "a MATLAB file"),
        ("x.pkl", "a Python pickle"),
        ("lfs.npy", "a Git LFS pointer"),
        ("page.npy", "a web page"),
        ("pictures", "60 files *.bmp"),
    ];
    for (name, word) in words {
        let error = load_path(&folder.path().join("refused").join(name), 6).expect_err(name);
        assert!(error.contains(word), "{error}\n  lacks: {word}");
    }
}

#[test]
fn what_is_exported_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = DataConfig {
        train: Some(30),
        valid: Some(4),
        test: Some(5),
        size: 9,
        ..DataConfig::default()
    };
    let drawn = load(&config, &Library::at("/nonexistent")).expect("drawn");
    for (name, path) in [
        ("a/x.npz", "a/x.npz"),
        ("b/x.npy", "b/x"),
        ("c/x.csv.gz", "c"),
        ("d/x.idx", "d/x"),
    ] {
        for (file, bytes) in export(&drawn, &folder.path().join(name)).expect("a known ending") {
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, bytes).expect("a file");
        }
        let read =
            load_path(&folder.path().join(path), 9).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(pixels(&read), pixels(&drawn), "{name}");
        assert_eq!(read.shape, drawn.shape, "{name}");
    }
    assert!(export(&drawn, Path::new("x.mat")).expect_err("another ending").contains(".npz"));
}
