//! Variants that may be the best: how often the true best is among them, by simulation, and what
//! tables say.

use ablade::plan::Compare;
use ablade::record::RunRecord;
use ablade::results::best::Best;
use ablade::rng::{Purpose, Seed, Stream};
use ablade::stats::best_set;

use super::fixture::study;

fn stream(of: u64) -> Stream {
    Seed(20_261_129).stream(Purpose::Statistics, of)
}

type Noise = fn(&mut Stream) -> f64;

/// Share of 1,000 studies in which the first variant may be the best, and the mean size of the set:
/// variants share a seed effect, and variant `v` is `shifts[v]` worse.
fn simulate(seeds: usize, shifts: &[f64], draw: Noise, of: u64) -> (f64, f64) {
    let rounds = 1000;
    let mut noise = stream(of);
    let (mut covered, mut size) = (0, 0);
    for _ in 0..rounds {
        let shared: Vec<f64> = (0..seeds).map(|_| 3.0 * noise.normal()).collect();
        let mut runs = |shift: &f64| -> Vec<Option<f64>> {
            shared.iter().map(|seed| Some(seed + shift + draw(&mut noise))).collect()
        };
        let values: Vec<_> = shifts.iter().map(&mut runs).collect();
        let set = best_set(&values, 0.05, || unreachable!("few seeds are enumerated"));
        covered += usize::from(set.may_be[0]);
        size += set.may_be.iter().filter(|may_be| **may_be).count();
    }
    (covered as f64 / f64::from(rounds), size as f64 / f64::from(rounds))
}

#[test]
fn the_true_best_is_in_the_set_as_often_as_it_says() {
    let normal: Noise = |noise| noise.normal();
    let skewed: Noise = |noise| -(1.0 - noise.uniform()).ln();
    for (name, draw) in [("normal", normal), ("exponential", skewed)] {
        for seeds in [5, 8, 10] {
            // Equal variants are the hardest case; then one that is slightly and one that is
            // clearly the best.
            for (i, shifts) in [&[0.0; 6][..], &[0.0, 0.3, 0.3, 0.3, 0.3, 0.3], &[0.0, 3.0, 3.0]]
                .into_iter()
                .enumerate()
            {
                let (covered, _) = simulate(seeds, shifts, draw, 10 * seeds as u64 + i as u64);
                // Three standard errors below the level.
                assert!(covered > 0.95 - 0.0207, "{name}, {seeds} seeds, {shifts:?}: {covered}");
            }
        }
    }
}

#[test]
fn variants_that_are_clearly_worse_leave_the_set() {
    let normal: Noise = |noise| noise.normal();
    let (covered, size) = simulate(10, &[0.0, 0.0, 3.0, 3.0, 3.0, 3.0], normal, 900);
    assert!(covered > 0.93 && size < 2.2, "{covered}, {size} variants on average");
    let (_, few) = simulate(4, &[0.0, 9.0, 9.0], normal, 901);
    assert!((few - 3.0).abs() < 1e-12, "four seeds rule out nothing: {few}");
}

fn shifted(seeds: u32, shift: f64) -> Vec<Option<f64>> {
    (0..seeds).map(|s| Some(95.0 + f64::from(s * s % 7) + shift)).collect()
}

#[test]
fn tables_say_which_variants_may_be_the_best() {
    let mut values = vec![shifted(8, 0.0), shifted(8, -2.0), shifted(8, -2.0), shifted(8, 1.0)];
    values[2][3] = values[2][3].map(|value| value + 0.5);
    let ablation = study(&[4], &values, Compare::default()).ablation(0);
    let may_be: Vec<_> = ablation.rows.iter().map(|row| row.may_be_best).collect();
    assert_eq!(may_be, [Some(false), Some(true), Some(true), Some(false)]);
    assert_eq!(
        ablation.best_in_words().unwrap(),
        "May be the best of 4 variants: l1; l2; one-sided joint sign-flip tests at level 0.05."
    );
    // A variant without a single value cannot be ruled out, and is not counted.
    values[2].fill(None);
    let ablation = study(&[4], &values, Compare::default()).ablation(0);
    assert_eq!(ablation.rows[2].may_be_best, None);
    assert!(
        ablation
            .best_in_words()
            .unwrap()
            .starts_with("May be the best of 3 variants: l1;")
    );
    let few: Vec<_> = values.iter().map(|own| own[..4].to_vec()).collect();
    assert_eq!(
        study(&[4], &few, Compare::default()).ablation(0).best_in_words().unwrap(),
        "Any of the 3 variants may be the best: 4 seeds cannot rule one out, 5 could."
    );
}

#[test]
fn an_outstanding_run_leaves_it_open() {
    let mut study = study(&[2], &[shifted(6, 0.0), shifted(6, -2.0)], Compare::default());
    let run = study.plan.studies[0].variants[1].runs[4].clone();
    study.records.insert(run, RunRecord::outstanding());
    let ablation = study.ablation(0);
    assert_eq!(ablation.best, Best::Incomplete);
    assert!(ablation.rows.iter().all(|row| row.may_be_best.is_none()));
    assert_eq!(ablation.best_in_words(), None);
}

#[test]
fn more_variants_than_are_compared_are_said_in_a_note() {
    let values: Vec<_> = (0..201).map(|v| shifted(2, f64::from(v))).collect();
    let ablation = study(&[201], &values, Compare::default()).ablation(0);
    assert_eq!(ablation.best, Best::TooMany);
    let note = "which of the 201 variants may be the best is computed for 200 at most";
    let noted: Vec<usize> = (0..201).filter(|&i| ablation.rows[i].note.contains(note)).collect();
    assert_eq!(noted, [0], "once, at the baseline");
    let fewer = study(&[200], &values[..200], Compare::default()).ablation(0);
    assert!(matches!(fewer.best, Best::Known { seeds: 2, .. }));
}
