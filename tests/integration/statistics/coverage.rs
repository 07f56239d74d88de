//! Properties of the statistics, by simulation with fixed seeds: coverage of intervals, false
//! positive rate, and power.

use ablade::plan::{Compare, Correction};
use ablade::record::RunRecord;
use ablade::results::ablation::{AblationRow, Verdict};
use ablade::rng::{Purpose, Seed, Stream};
use ablade::stats::{Estimate, detectable, max_t, sign_flip};

use super::fixture::study;

fn stream(of: u64) -> Stream {
    Seed(20_261_125).stream(Purpose::Statistics, of)
}

fn exact(differences: &[f64]) -> f64 {
    sign_flip(differences, || unreachable!("every flip is counted")).p
}

#[test]
fn the_t_interval_covers_as_often_as_it_says() {
    for n in [3, 5, 8, 10] {
        let mut noise = stream(n);
        let covers = |_| {
            let sample: Vec<f64> = (0..n).map(|_| 0.7 + 1.3 * noise.normal()).collect();
            let interval = Estimate::of(&sample, 0.95).unwrap().interval.unwrap();
            interval.low <= 0.7 && 0.7 <= interval.high
        };
        let rounds = 8000;
        let share =
            (0..rounds).map(covers).filter(|covered| *covered).count() as f64 / f64::from(rounds);
        // 1.5 points are six standard errors here.
        assert!((share - 0.95).abs() < 0.015, "n = {n}: {share}");
    }
}

/// Without an effect, p is uniform on its 2^(n-1) values.
#[test]
fn p_is_uniform_where_nothing_changes() {
    let (n, rounds) = (6, 32_000);
    let steps = 1usize << (n - 1);
    let mut noise = stream(100);
    let mut counts = vec![0u32; steps];
    for _ in 0..rounds {
        let differences: Vec<f64> = (0..n).map(|_| noise.normal()).collect();
        counts[(exact(&differences) * steps as f64).round() as usize - 1] += 1;
    }
    let expected = f64::from(rounds) / steps as f64;
    let chi_squared: f64 = counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum();
    // 31 degrees of freedom: 61.1 is passed by chance once in a thousand.
    assert!(chi_squared < 61.1, "{chi_squared}: {counts:?}");
}

#[test]
fn drawn_flips_agree_with_counted_ones() {
    let mut noise = stream(101);
    let twenty: Vec<f64> = (0..20).map(|_| 0.4 + noise.normal()).collect();
    let exact = exact(&twenty);
    // A difference of zero changes no sum, so that 21 pairs have the p of 20 of them.
    let padded: Vec<f64> = twenty.iter().copied().chain([0.0]).collect();
    let drawn = sign_flip(&padded, || noise.bits());
    assert_eq!(drawn.draws, Some(100_000));
    let error = (exact * (1.0 - exact) / 1e5).sqrt();
    assert!((drawn.p - exact).abs() < 5.0 * error, "{} drawn, {exact} counted", drawn.p);
}

/// Verdicts on four variants in tables whose runs share a seed effect; `effect` shifts the second
/// variant.
fn verdicts(seeds: usize, effect: f64, tables: u64) -> [Vec<Verdict>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    for round in 0..tables {
        let mut noise = stream(1000 + round);
        let shared: Vec<f64> = (0..seeds).map(|_| 95.0 + noise.normal()).collect();
        let mut variant = |shift: f64| {
            shared
                .iter()
                .map(|s| Some(s + shift + 0.3 * noise.normal()))
                .collect::<Vec<_>>()
        };
        let values = [variant(0.0), variant(effect), variant(0.0), variant(0.0)];
        let ablation = study(&[4], &values, Compare::default()).ablation(0);
        found[0].push(ablation.rows[1].verdict);
        let quiet =
            |row: &&ablade::results::ablation::AblationRow| row.verdict != Verdict::NoEvidence;
        found[1].push(
            ablation.rows[2..]
                .iter()
                .find(quiet)
                .map_or(Verdict::NoEvidence, |row| row.verdict),
        );
    }
    found
}

#[test]
fn a_planted_effect_is_found_and_nothing_else() {
    let tables = 300;
    let [planted, others] = verdicts(10, -1.0, tables);
    let better = planted.iter().filter(|verdict| **verdict == Verdict::Better).count();
    assert!(better as f64 > 0.98 * tables as f64, "{better} of {tables}");
    assert!(!planted.contains(&Verdict::Worse));
    // The family-wise error rate of the unchanged variants is at most 5 %.
    let wrong = others.iter().filter(|verdict| **verdict != Verdict::NoEvidence).count();
    assert!(
        wrong as f64 <= 0.05 * tables as f64 + 3.0 * (0.05 * 0.95 * tables as f64).sqrt(),
        "{wrong} of {tables}"
    );
    let [worse, _] = verdicts(10, 1.0, 20);
    assert!(worse.iter().all(|verdict| *verdict == Verdict::Worse));
}

/// With three seeds, no table says better or worse for any size of the effect, and each gives the
/// reason.
#[test]
fn three_seeds_show_nothing_and_say_so() {
    for level in [0.5, 0.8, 0.95, 0.99] {
        let values =
            [90.0, 40.0, 190.0].map(|nll| vec![Some(nll), Some(nll + 1.0), Some(nll + 2.5)]);
        let ablation = study(&[3], &values, Compare { level, ..Compare::default() }).ablation(0);
        for row in &ablation.rows[1..] {
            assert_eq!(row.verdict, Verdict::TooFewSeeds);
            assert!(
                row.note.contains("this test could not have shown a difference"),
                "{}",
                row.note
            );
        }
    }
}

#[test]
fn a_variant_that_lost_seeds_is_compared_on_the_common_ones() {
    let whole = |shift: f64| (0..8).map(|s| Some(95.0 + f64::from(s) + shift)).collect::<Vec<_>>();
    let mut lost = whole(-2.0);
    // If the partners of lost seeds were counted, the mean would be different.
    (lost[6], lost[7]) = (None, None);
    let ablation = study(&[2], &[whole(0.0), lost], Compare::default()).ablation(0);
    let row = &ablation.rows[1];
    let paired = row.delta.unwrap().paired;
    assert_eq!((row.planned, row.failed, paired.difference.n, paired.wins), (8, 2, 6, 6));
    assert!((paired.difference.mean + 2.0).abs() < 1e-12);
    assert!(row.note.contains("2 of 8 runs failed or diverged"), "{}", row.note);
    assert!(
        row.note.contains("compared on the 6 of 8 seeds that both sides have"),
        "{}",
        row.note
    );
}

/// Power stated by `plan`: 4 studies of 5 detect the effect, by the verdict itself.
#[test]
fn power_is_what_simulated_verdicts_find() {
    for (n, comparisons) in [(6, 1), (8, 1), (10, 1), (7, 4), (8, 12), (12, 3)] {
        let mut normals = stream(300);
        let dz = detectable(n, comparisons, 0.05, &mut || normals.normal()).unwrap();
        let mut noise = stream(200 + n as u64);
        let rounds = 400;
        let finds = |_| {
            let mut runs = |shift: f64| {
                (0..n).map(|_| Some(shift + noise.normal() / 2f64.sqrt())).collect::<Vec<_>>()
            };
            let values: Vec<_> =
                (0..=comparisons).map(|v| runs(if v == 1 { dz } else { 0.0 })).collect();
            study(&[comparisons + 1], &values, Compare::default()).ablation(0).rows[1].verdict
                == Verdict::Worse
        };
        let share =
            (0..rounds).map(finds).filter(|found| *found).count() as f64 / f64::from(rounds);
        // Four standard errors.
        assert!(
            (share - 0.8).abs() < 0.08,
            "n = {n}, {comparisons} comparisons, dz = {dz}: found {share}"
        );
    }
}

type Noise = fn(&mut Stream) -> f64;

/// Noise distributions of a run, by name, independent between the runs of a seed.
const NOISES: [(&str, Noise); 4] = [
    ("normal", |noise| noise.normal()),
    ("exponential", |noise| -(1.0 - noise.uniform()).ln()),
    ("t with 3 degrees of freedom", |noise| {
        let chi = (0..3).map(|_| noise.normal().powi(2)).sum::<f64>();
        noise.normal() / (chi / 3.0).sqrt()
    }),
    ("rare blow-ups", |noise| {
        noise.normal() + if noise.uniform() < 0.05 { 30.0 } else { 0.0 }
    }),
];

/// If no variant has an effect, the runs of a seed are exchangeable: the family-wise error rate is
/// the level.
#[test]
fn the_family_wise_error_is_the_level() {
    let rounds = 1000;
    for (name, draw) in NOISES {
        for n in [6, 8, 10, 12] {
            for comparisons in [1, 6, 12] {
                let mut noise = stream(10_000 + 100 * n as u64 + comparisons as u64);
                let claims = |_| {
                    let mut runs = || (0..n).map(|_| draw(&mut noise)).collect::<Vec<_>>();
                    let baseline = runs();
                    let differences: Vec<Vec<Option<f64>>> = (0..comparisons)
                        .map(|_| runs().iter().zip(&baseline).map(|(x, b)| Some(x - b)).collect())
                        .collect();
                    let single: Vec<f64> = differences
                        .iter()
                        .map(|d| exact(&d.iter().flatten().copied().collect::<Vec<_>>()))
                        .collect();
                    let p =
                        max_t(&differences, &single, || unreachable!("every flip is counted")).p;
                    p.iter().flatten().any(|p| *p <= 0.05)
                };
                let share = (0..rounds).map(claims).filter(|claim| *claim).count() as f64
                    / f64::from(rounds);
                // Three standard errors above 5 %; `benches/significance.rs` has ten times as many
                // rounds.
                assert!(
                    share < 0.05 + 0.0207,
                    "{name}, n = {n}, {comparisons} comparisons: {share}"
                );
            }
        }
    }
}

fn shifted(seeds: u32, shift: f64) -> Vec<Option<f64>> {
    (0..seeds)
        .map(|s| Some(95.0 + f64::from(s * s % 7) + shift + 0.01 * f64::from(s * s % 5)))
        .collect()
}

/// Holm's correction cannot be significant with eight seeds and eleven comparisons; joint sign
/// flips of all comparisons can.
#[test]
fn eight_seeds_show_eleven_effects() {
    let values: Vec<_> = (0..12).map(|v| shifted(8, -0.5 * f64::from(v))).collect();
    for (correction, verdict) in
        [(Correction::MaxT, Verdict::Better), (Correction::Holm, Verdict::TooFewSeeds)]
    {
        let ablation =
            study(&[12], &values, Compare { correction, ..Compare::default() }).ablation(0);
        assert!(ablation.rows[1..].iter().all(|row| row.verdict == verdict), "{correction:?}");
    }
}

/// A verdict that lost seeds to divergence says so, and a variant that lost all of them does not
/// count as missing data.
#[test]
fn a_verdict_names_the_seeds_that_it_rests_on() {
    let mut lost = shifted(12, -2.0);
    lost[7..].fill(None);
    let values = [shifted(12, 0.0), lost, vec![None; 12], shifted(12, -1.0)];
    let ablation = study(&[4], &values, Compare::default()).ablation(0);
    let conclusions: Vec<String> = ablation.rows.iter().map(AblationRow::conclusion).collect();
    assert_eq!(conclusions, ["baseline", "better on 7 of 12 seeds", "no pairs", "better"]);
    let delta = ablation.rows[1].delta.unwrap();
    assert_eq!(delta.smallest_p_corrected, 0.5f64.powi(6));
    assert!(ablation.rows[2].delta.is_none());
}

/// While a run is outstanding p may still change: that of every comparison in the same correction.
#[test]
fn a_study_that_is_not_done_has_no_verdict() {
    for correction in [Correction::MaxT, Correction::Holm, Correction::None] {
        let values = [shifted(10, 0.0), shifted(10, -2.0), shifted(10, -1.0)];
        let mut study = study(&[3], &values, Compare { correction, ..Compare::default() });
        let run = study.plan.studies[0].variants[2].runs[4].clone();
        study.records.insert(run, RunRecord::outstanding());
        let ablation = study.ablation(0);
        let other = if correction == Correction::MaxT {
            Verdict::Incomplete
        } else {
            Verdict::Better
        };
        let verdicts: Vec<Verdict> = ablation.rows.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, [Verdict::Baseline, other, Verdict::Incomplete], "{correction:?}");
        assert!(
            ablation.rows[2].note.contains("1 of 10 paired seeds incomplete"),
            "{}",
            ablation.rows[2].note
        );
    }
}

/// If one factor makes up the grid, its contrasts are the comparisons with the baseline.
#[test]
fn effects_of_one_factor_are_corrected_as_the_comparisons_are() {
    let mut noise = stream(400);
    let mut variant = |v: i32| {
        (0..9)
            .map(|_| Some(95.0 - 0.2 * f64::from(v) + noise.normal()))
            .collect::<Vec<_>>()
    };
    let mut values: Vec<_> = (0..5).map(&mut variant).collect();
    values[3][2] = None;
    let study = study(&[5], &values, Compare::default());
    let (ablation, effects) = (study.ablation(0), study.effects(0).unwrap());
    let comparisons: Vec<_> =
        ablation.rows[1..].iter().map(|row| row.delta.unwrap().p_corrected).collect();
    let contrasts: Vec<_> = effects.main[1..]
        .iter()
        .map(|effect| effect.contrast.unwrap().p_corrected)
        .collect();
    assert!(comparisons.iter().all(Option::is_some));
    assert_eq!(comparisons, contrasts);
}
