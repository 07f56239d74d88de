//! Robustness of the reader: no text makes it panic, hang, or expand without bounds.

use ablade::experiment::Overrides;
use proptest::prelude::*;

use super::fixture::load_text;

const SEEDS: [&str; 8] = [
    include_str!("../../fixtures/grammar/worked-example.toml"),
    include_str!("../../fixtures/grammar/ranges.toml"),
    include_str!("../../fixtures/grammar/zip.toml"),
    include_str!("../../fixtures/grammar/when.toml"),
    include_str!("../../fixtures/grammar/optimizers.toml"),
    include_str!("../../fixtures/grammar/execution.toml"),
    include_str!("../../fixtures/grammar/extra.toml"),
    include_str!("../../fixtures/grammar/misuse/wrong-values.toml"),
];

const PIECES: [&str; 40] = [
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "=",
    "\n",
    ",",
    ".",
    "#",
    "[[study]]\n",
    "[[zip]]\n",
    "[axes]\n",
    "[[exclude]]\n",
    "when",
    "values",
    "from",
    "to",
    "step",
    "log2",
    "geom",
    "n",
    "1e308",
    "-1",
    "nan",
    "inf",
    "0",
    "9223372036854775807",
    "true",
    "\"model.masks > 1\"",
    "model.masks",
    "train.optimizer",
    "{ adam = { lr = 1 } }",
    "1979-05-27",
    "\u{e4}",
    "\\u0000",
    "((((",
    "not not ",
    " in ",
];

/// Inputs per property: 1500, or the number in `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1500)
}

/// Loads a text and, if that succeeds, names everything; only panics matter.
fn survives(text: &str) {
    match load_text(text, &Overrides::default()) {
        Ok(experiment) => {
            for study in &experiment.studies {
                for variant in &study.variants {
                    assert!(
                        variant.name.starts_with(|c: char| c.is_ascii_alphabetic()),
                        "{}",
                        variant.name
                    );
                    assert!(
                        variant
                            .name
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
                    );
                    assert_eq!(variant.levels.len(), study.axes.len());
                    for (level, axis) in variant.levels.iter().zip(&study.axes) {
                        assert!(
                            axis.levels.contains(level),
                            "{level} is no level of {}",
                            axis.path
                        );
                    }
                }
                let names: std::collections::BTreeSet<_> =
                    study.variants.iter().map(|variant| &variant.name).collect();
                assert_eq!(names.len(), study.variants.len());
            }
        }
        Err(errors) => {
            assert!(!errors.list().is_empty());
            assert!(errors.render(false).starts_with("error: "));
            assert!(errors.render(true).contains("error"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_experiments_never_panic(
        seed in 0..SEEDS.len(),
        edits in prop::collection::vec((0.0..1.0f64, 0..20usize, 0..PIECES.len(), any::<bool>()), 1..6),
    ) {
        let mut text: Vec<char> = SEEDS[seed].chars().collect();
        for (place, removed, piece, inserts) in edits {
            let at = (place * text.len() as f64) as usize;
            let end = (at + removed).min(text.len());
            let piece: Vec<char> = if inserts { PIECES[piece].chars().collect() } else { Vec::new() };
            text.splice(at..end, piece);
        }
        survives(&text.into_iter().collect::<String>());
    }

    #[test]
    fn assembled_texts_never_panic(pieces in prop::collection::vec(0..PIECES.len(), 0..40)) {
        survives(&pieces.into_iter().map(|i| PIECES[i]).collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn any_condition_is_read_or_refused(condition in "[a-z.() \\[\\]<>=!'0-9,_-]{0,60}") {
        survives(&format!("[axes]\nmodel.masks = {{ values = [1, 2], when = '''{condition}''' }}"));
    }

    #[test]
    fn any_argument_is_read_or_refused(path in 0..40usize, value in "\\PC{0,30}", axis in any::<bool>()) {
        let settings = super::fixture::settings();
        let argument = vec![format!("{}={value}", settings[path % settings.len()].path)];
        let overrides = if axis { Overrides { axis: argument, ..Overrides::default() } } else { Overrides { set: argument, ..Overrides::default() } };
        if let Err(errors) = load_text("seeds = 1", &overrides) {
            prop_assert!(errors.render(false).starts_with("error: "));
        }
    }
}

#[test]
fn deep_nesting_is_an_error() {
    survives(&format!("[axes]\nmodel.masks = {}", "[".repeat(100_000)));
    let deep = |open: &str| {
        format!("[axes]\nmodel.masks = {{ values = [1], when = \"{}\" }}", open.repeat(10_000))
    };
    for open in ["(", "not ", "[", "model.skip or ", "len("] {
        survives(&deep(open));
    }
    survives(&format!("{}a = 1", "a.".repeat(10_000)));
}
