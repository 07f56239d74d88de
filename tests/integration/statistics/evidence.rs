//! Equivalence, the t test and the interval over both sources of error, as files ask for them and
//! tables show them.

use std::fs;

use ablade::plan::{Compare, Correction, PairedTest};
use ablade::results::ablation::{Ablation, Verdict};
use ablade::results::tables;
use ablade::stats::{Estimate, holm, max_t, sign_flip};
use ablade::store::Store;
use proptest::prelude::*;

use super::fixture::{ablade, study};
use crate::support::made;
use crate::support::place::Place;

/// Values of a baseline and of variants with these differences from it.
fn values(differences: &[&[f64]]) -> Vec<Vec<Option<f64>>> {
    let seeds = differences[0].len();
    let baseline: Vec<f64> = (0..seeds).map(|r| 95.0 + 0.7 * r as f64).collect();
    let own = |d: &&[f64]| baseline.iter().zip(*d).map(|(b, d)| Some(b + d)).collect();
    std::iter::once(baseline.iter().copied().map(Some).collect())
        .chain(differences.iter().map(own))
        .collect()
}

fn ablation(differences: &[&[f64]], compare: Compare) -> Ablation {
    study(&[differences.len() + 1], &values(differences), compare).ablation(0)
}

fn within(margin: f64) -> Compare {
    Compare { negligible: Some(margin), ..Compare::default() }
}

fn by_t() -> Compare {
    Compare {
        test: PairedTest::T,
        correction: Correction::Holm,
        ..Compare::default()
    }
}

const NOTHING: [f64; 8] = [0.02, -0.03, 0.01, -0.01, 0.04, -0.02, 0.0, 0.01];

#[test]
fn verdicts_say_what_is_negligible() {
    let shifted = |by: f64| NOTHING.map(|d| d + by);
    let (small, large, more) = (shifted(-0.2), shifted(-2.0), shifted(0.2));
    let noisy: Vec<f64> = NOTHING.iter().map(|d| 40.0 * d).collect();
    let all: [&[f64]; 5] = [&NOTHING, &small, &large, &more, &noisy];
    let verdicts = |compare| -> Vec<Verdict> {
        ablation(&all, compare).rows[1..].iter().map(|row| row.verdict).collect()
    };
    assert_eq!(
        verdicts(within(0.5)),
        [
            Verdict::Equivalent,
            Verdict::BetterNegligible,
            Verdict::Better,
            Verdict::WorseNegligible,
            Verdict::NoEvidence,
        ]
    );
    assert_eq!(
        verdicts(Compare::default()),
        [
            Verdict::NoEvidence,
            Verdict::Better,
            Verdict::Better,
            Verdict::Worse,
            Verdict::NoEvidence,
        ]
    );
    let words = ablation(&all, within(0.5)).equivalence_words().unwrap();
    assert!(words.contains("less than 0.5 nats") && words.contains("Holm"), "{words}");
}

/// Equivalence takes no sign flips: three seeds can show it, two cannot.
#[test]
fn three_seeds_can_be_equivalent_and_two_cannot() {
    let row = ablation(&[&NOTHING[..3]], within(0.5)).rows[1].clone();
    assert_eq!(row.verdict, Verdict::Equivalent);
    assert!(row.note.contains("could not have shown a difference"), "{}", row.note);
    let row = ablation(&[&NOTHING[..2]], within(0.5)).rows[1].clone();
    assert_eq!(row.verdict, Verdict::TooFewSeeds);
    assert!(row.note.contains("equivalence takes 3 pairs"), "{}", row.note);
    assert_eq!(row.delta.unwrap().equivalence, None);
}

#[test]
fn equal_differences_have_no_t_test() {
    for compare in [within(0.5), by_t()] {
        let row = ablation(&[&[0.25; 8]], compare).rows[1].clone();
        assert!(row.note.contains("no t test without a spread"), "{}", row.note);
        assert!(
            matches!(row.verdict, Verdict::Worse | Verdict::NoEvidence),
            "{:?} is no negligible difference",
            row.verdict
        );
    }
}

/// The columns of equivalence are there only where a margin is.
#[test]
fn only_a_margin_adds_columns() {
    let header = |compare: Compare| {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), made()).unwrap();
        tables::write(&store, &study(&[2], &values(&[&NOTHING]), compare)).unwrap();
        let path = store.experiment_dir("made-up").unwrap().join("ablation.csv");
        fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned()
    };
    let plain = header(Compare::default());
    let crossed = "configurations,may_be_best,delta_crossed_ci95_low_nats,delta_crossed_ci95_high_nats,crossed_df,narrower_with";
    assert!(plain.ends_with(&format!("{crossed},note")), "{plain}");
    let equivalence = "negligible_nats,equivalence_ci90_low_nats,equivalence_ci90_high_nats,p_equivalence,\
                       p_equivalence_corrected";
    assert_eq!(header(within(0.5)), plain.replace(",note", &format!(",{equivalence},note")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// p of equivalence is corrected by Holm's method whatever corrects the differences; verdicts
    /// follow the corrected p values; without a correction neither is corrected.
    #[test]
    fn equivalence_is_corrected_by_holm(
        differences in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, 7), 1..5),
        margin in 0.1f64..2.0,
    ) {
        let all: Vec<&[f64]> = differences.iter().map(Vec::as_slice).collect();
        for correction in [Correction::MaxT, Correction::Holm, Correction::None] {
            let table = ablation(&all, Compare { correction, ..within(margin) });
            let deltas: Vec<_> = table.rows[1..].iter().map(|row| row.delta.unwrap()).collect();
            let p: Vec<f64> = deltas.iter().map(|delta| delta.equivalence.unwrap().p).collect();
            let by_holm = holm(&p);
            for (i, (row, delta)) in table.rows[1..].iter().zip(&deltas).enumerate() {
                let corrected = (correction != Correction::None).then_some(by_holm[i]);
                prop_assert_eq!(delta.p_equivalence_corrected, corrected);
                let negligible = matches!(
                    row.verdict,
                    Verdict::Equivalent | Verdict::BetterNegligible | Verdict::WorseNegligible
                );
                prop_assert_eq!(negligible, corrected.unwrap_or(p[i]) <= 0.05, "{:?}", row);
            }
        }
    }

    /// The test of a difference does not depend on the margin.
    #[test]
    fn a_margin_changes_no_p_of_a_difference(
        differences in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, 6), 1..4),
    ) {
        let all: Vec<&[f64]> = differences.iter().map(Vec::as_slice).collect();
        let (with, without) = (ablation(&all, within(0.4)), ablation(&all, Compare::default()));
        let by_seed: Vec<Vec<Option<f64>>> = values(&all)[1..].iter().map(|own| {
            own.iter().zip(&values(&all)[0]).map(|(a, b)| Some(a.unwrap() - b.unwrap())).collect()
        }).collect();
        let single = |own: &Vec<Option<f64>>| {
            let own: Vec<f64> = own.iter().flatten().copied().collect();
            sign_flip(&own, || unreachable!("every flip is counted")).p
        };
        let single: Vec<f64> = by_seed.iter().map(single).collect();
        let expected = max_t(&by_seed, &single, || unreachable!("every flip is counted")).p;
        for ((a, b), p) in with.rows[1..].iter().zip(&without.rows[1..]).zip(expected) {
            prop_assert_eq!(a.delta.unwrap().p_corrected, p);
            prop_assert_eq!(b.delta.unwrap().p_corrected, p);
        }
    }
}

/// Whatever the test, an interval that excludes zero is not hidden, and p at its floor says so.
#[test]
fn notes_tell_the_interval_and_the_smallest_p() {
    let four = [-1.0, -1.1, -0.9, -1.05];
    let excludes = "interval excludes 0; too few seeds for the test";
    let row = ablation(&[&four], Compare::default()).rows[1].clone();
    assert_eq!(row.verdict, Verdict::TooFewSeeds);
    assert!(row.note.starts_with(excludes), "{}", row.note);
    assert!(row.note.contains("(smallest p 0.125, reached here); 6 could"), "{}", row.note);
    let row = ablation(&[&[-1.0, 1.1, -0.9, 1.05]], Compare::default()).rows[1].clone();
    assert!(!row.note.contains(excludes) && !row.note.contains("reached"), "{}", row.note);

    let six = [-1.0, -1.1, -0.9, -1.05, -0.8, -1.3];
    let row = ablation(&[&six], Compare::default()).rows[1].clone();
    assert_eq!(row.note, "p is the smallest that this test of 6 paired seeds can give");
    let row =
        ablation(&[&[-1.0, -1.1, -0.9, -1.05, -0.8, 0.3]], Compare::default()).rows[1].clone();
    assert_eq!(row.note, "");

    // The t test of the same four seeds has no smallest p.
    let row = ablation(&[&four], by_t()).rows[1].clone();
    assert_eq!((row.verdict, row.note.as_str()), (Verdict::Better, ""));
    let one = ablation(&[&four[..1]], by_t());
    assert_eq!(one.rows[1].verdict, Verdict::TooFewSeeds);
    assert_eq!(one.feasibility.seeds_needed, Some(2));
}

/// Share of 1,000 studies that find something, by t test: the level without an effect, and the
/// power that `plan` says with one.
#[test]
fn the_t_test_errs_and_finds_as_often_as_it_says() {
    const STUDIES: u64 = 1000;
    let detectable = ablade::stats::detectable_t(4, 0.05).unwrap();
    for (effect, expected) in [(0.0, 0.05), (detectable, 0.8)] {
        let found = |round: &u64| {
            let mut noise =
                ablade::rng::Seed(20_261_129).stream(ablade::rng::Purpose::Statistics, *round);
            let sample: Vec<f64> = (0..4).map(|_| effect + noise.normal()).collect();
            let estimate = Estimate::of(&sample, 0.95).unwrap();
            ablade::stats::t_test(&estimate, 0.0).p <= 0.05
        };
        let share = (0..STUDIES).filter(found).count() as f64 / STUDIES as f64;
        let error = (expected * (1.0f64 - expected) / STUDIES as f64).sqrt();
        assert!((share - expected).abs() < 3.0 * error, "{share}, expected {expected}");
    }
}

const SMALL: &str = r#"
seeds  = 4
data   = { name = "digits", train = 100, valid = 20, test = 30, size = 8 }
model  = { hidden = [10] }
train  = { epochs = 1, batch = 20 }
sample = { count = 0 }
[axes]
model.skip = [false, true]
"#;

fn with(compare: &str) -> String {
    format!("compare = {{ {compare} }}\n{SMALL}")
}

#[test]
fn mistakes_in_a_file_are_told_with_their_place() {
    for (compare, said) in [
        ("negligible = 0", "negligible"),
        ("negligible = -0.5", "negligible"),
        ("negligible = nan", "negligible"),
        ("negligible = inf", "negligible"),
        ("negligible = \"small\"", "negligible"),
        ("negligable = 0.5", "did you mean `compare.negligible`?"),
        ("test = \"wilcoxon\"", "sign-flip"),
        ("test = \"t\", correction = \"max-t\"", "write correction = \"holm\""),
    ] {
        let place = Place::with(&with(compare));
        let (_, err) = place.exits(2, "plan small.toml");
        assert!(err.contains(said) && err.contains("small.toml:1:"), "{compare}: {err}");
    }
}

#[test]
fn plan_knows_the_test_and_the_margin() {
    let (out, _) = Place::with(&with("test = \"t\"")).exits(0, "plan small.toml");
    assert!(
        out.contains("4 seeds, paired t test; Holm over 1 comparison, within reach of 0.05"),
        "{out}"
    );
    assert!(out.contains("an effect of 2.13 sd") && !out.contains("smallest p"), "{out}");
    let (out, _) = Place::with(&with("negligible = 0.5")).exits(0, "plan small.toml");
    let expected = "equivalence within 0.5 nats is found 4 times in 5 where there is no difference and its sd is at most \
                    0.26 nats (a single comparison)";
    assert!(out.contains(expected), "{out}");
    let (out, _) = Place::with(&with("negligible = 0.5")).exits(0, "plan small.toml --seeds 2");
    assert!(out.contains("cannot be shown: that takes 3 seeds"), "{out}");
}

/// From a file to its tables, terminal, figure and page.
#[test]
fn a_swept_study_says_in_words_what_it_found() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("small.toml"), with("negligible = 500.0, test = \"t\"")).unwrap();
    ablade(home.path(), "sweep small.toml");
    let told = ablade(home.path(), "compare small");
    for words in ["negligible: a difference of less than 500 nats", "narrower with"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let csv = fs::read_to_string(home.path().join("results/small/ablation.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let row = reader.records().nth(1).unwrap().unwrap();
    let cell = |name: &str| &row[columns.iter().position(|column| column == name).unwrap()];
    assert_eq!(cell("correction"), "holm");
    assert_eq!(cell("negligible_nats"), "500");
    assert!(["equivalent", "better, negligible", "worse, negligible"].contains(&cell("verdict")));
    assert!(cell("narrower_with").starts_with("more "), "{csv}");
    for (both, one) in [
        ("delta_crossed_ci95_high_nats", "delta_images_ci95_high_nats"),
        ("delta_crossed_ci95_high_nats", "delta_ci95_high_nats"),
    ] {
        let [both, one] = [both, one].map(|name| cell(name).parse::<f64>().unwrap());
        assert!(both >= one - 1e-4, "{both}, {one}");
    }
    let told = ablade(home.path(), "plan small.toml");
    assert!(
        told.contains("is found in 100 % of studies without a difference; 80 % take"),
        "{told}"
    );
    let checklist = ablade(home.path(), "compare small --checklist");
    assert!(
        checklist.contains("paired t test") && checklist.contains("Equivalence"),
        "{checklist}"
    );
    ablade(home.path(), "plots small");
    let read = |path: &str| fs::read_to_string(home.path().join(path)).unwrap();
    let page = read("plots/index.html");
    for words in [
        "Negligible: a difference of less than 500 nats",
        "two-sided paired t test",
        "another test set at once",
    ] {
        assert!(page.contains(words), "{words}");
    }
}
