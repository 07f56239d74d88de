//! The grammar of the experiment file: what each feature expands to, and what each misuse is told,
//! word by word.
//!
//! `tests/grammar/NAME.toml` expands to `NAME.snap`; `tests/grammar/misuse/NAME.toml` is refused
//! with `misuse/NAME.snap`.

#[path = "grammar_fixture/command_line.rs"]
mod command_line;
#[path = "grammar_fixture/documents.rs"]
mod documents;
mod grammar_fixture;
#[path = "grammar_fixture/identity.rs"]
mod identity;
#[path = "grammar_fixture/robust.rs"]
mod robust;
#[path = "grammar_fixture/table.rs"]
mod table;

use std::path::Path;

use ablade::experiment::Overrides;
use grammar_fixture::{expansion, load, plan};

/// Stems of the experiment files of a folder below `tests`.
fn stems(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
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
    insta::with_settings!({ snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true }, {
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
