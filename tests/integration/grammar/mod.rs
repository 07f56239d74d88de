//! Grammar of the experiment file: the expansion of each feature, and the message for each misuse,
//! word by word.
//!
//! In `tests/fixtures/grammar`, `NAME.toml` expands to `NAME.snap`, and `misuse/NAME.toml` is refused
//! with the message `misuse/NAME.snap`.

mod command_line;
mod documents;
mod fixture;
mod identity;
mod robust;
mod table;

use std::path::{Path, PathBuf};

use ablade::experiment::Overrides;

use self::fixture::{expansion, load, plan};

/// A folder of `tests/fixtures`.
fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder)
}

/// Stems of the experiment files in a folder of fixtures.
fn stems(folder: &str) -> Vec<String> {
    let folder = fixtures(folder);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let toml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut stems: Vec<String> = toml
        .map(|path| path.file_stem().expect("a stem").to_string_lossy().into_owned())
        .collect();
    stems.sort();
    assert!(!stems.is_empty(), "no experiment in {}", folder.display());
    stems
}

fn matches(folder: &str, name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => fixtures(folder), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn every_feature_expands_as_written() {
    for name in stems("grammar") {
        let experiment = load(&name, &Overrides::default())
            .unwrap_or_else(|e| panic!("{name} is refused:\n{e}"));
        matches("grammar", &name, &expansion(&experiment));
    }
}

#[test]
fn every_misuse_is_told_so() {
    for name in stems("grammar/misuse") {
        let refused = load(&format!("misuse/{name}"), &Overrides::default());
        let message = refused
            .err()
            .unwrap_or_else(|| panic!("misuse/{name} is accepted"))
            .render(false);
        matches("grammar/misuse", &name, &message);
    }
}

#[test]
fn the_worked_example_is_33_variants_and_264_runs() {
    let experiment =
        load("worked-example", &Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    let plan = plan(&experiment);
    assert_eq!(plan.runs.len(), 264);
    let of = |i: usize| (experiment.studies[i].variants.len(), experiment.studies[i].shared);
    assert_eq!((of(0), of(1)), ((12, 0), (29, 8)));
    let counts = experiment.studies[1].counts;
    assert_eq!((counts.cells, counts.collapsed, counts.excluded), (36, 3, 4));
}
