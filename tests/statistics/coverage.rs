//! What the statistics promise, by simulation with fixed seeds: intervals cover, no effect is seldom found, an effect is.

use ablade::plan::Compare;
use ablade::rng::{Purpose, Seed, Stream};
use ablade::stats::{Estimate, power, sign_flip};
use ablade::study::ablation::Verdict;

use crate::fixture::study;

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
        let share = (0..rounds).map(covers).filter(|covered| *covered).count() as f64 / f64::from(rounds);
        // 1.5 points are six standard errors here.
        assert!((share - 0.95).abs() < 0.015, "n = {n}: {share}");
    }
}

/// Without an effect p is uniform on its 2^(n-1) values.
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
    let chi_squared: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
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

/// Tables of four variants whose runs share what their seed does; `effect` moves the second one.
fn verdicts(seeds: usize, effect: f64, tables: u64) -> [Vec<Verdict>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    for round in 0..tables {
        let mut noise = stream(1000 + round);
        let shared: Vec<f64> = (0..seeds).map(|_| 95.0 + noise.normal()).collect();
        let mut variant =
            |shift: f64| shared.iter().map(|s| Some(s + shift + 0.3 * noise.normal())).collect::<Vec<_>>();
        let values = [variant(0.0), variant(effect), variant(0.0), variant(0.0)];
        let ablation = study(&[4], &values, Compare::default()).ablation(0);
        found[0].push(ablation.rows[1].verdict);
        let quiet = |row: &&ablade::study::ablation::AblationRow| row.verdict != Verdict::NoEvidence;
        found[1].push(ablation.rows[2..].iter().find(quiet).map_or(Verdict::NoEvidence, |row| row.verdict));
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
    // Holm: the chance that any of the unchanged variants is called different stays below 5 %.
    let wrong = others.iter().filter(|verdict| **verdict != Verdict::NoEvidence).count();
    assert!(wrong as f64 <= 0.05 * tables as f64 + 3.0 * (0.05 * 0.95 * tables as f64).sqrt(), "{wrong} of {tables}");
    let [worse, _] = verdicts(10, 1.0, 20);
    assert!(worse.iter().all(|verdict| *verdict == Verdict::Worse));
}

/// However large the effect: of three seeds no table says better or worse, and each says why.
#[test]
fn three_seeds_show_nothing_and_say_so() {
    for level in [0.5, 0.8, 0.95, 0.99] {
        let values = [90.0, 40.0, 190.0].map(|nll| vec![Some(nll), Some(nll + 1.0), Some(nll + 2.5)]);
        let ablation = study(&[3], &values, Compare { level, ..Compare::default() }).ablation(0);
        for row in &ablation.rows[1..] {
            assert_eq!(row.verdict, Verdict::TooFewSeeds);
            assert!(row.note.contains("no test could show a difference"), "{}", row.note);
        }
    }
}

#[test]
fn a_variant_that_lost_seeds_is_compared_on_the_common_ones() {
    let whole = |shift: f64| (0..8).map(|s| Some(95.0 + f64::from(s) + shift)).collect::<Vec<_>>();
    let mut lost = whole(-2.0);
    // Were the lost seeds' partners counted, the mean would be another.
    (lost[6], lost[7]) = (None, None);
    let ablation = study(&[2], &[whole(0.0), lost], Compare::default()).ablation(0);
    let row = &ablation.rows[1];
    let paired = row.delta.unwrap().paired;
    assert_eq!((row.planned, row.failed, paired.difference.n, paired.wins), (8, 2, 6, 6));
    assert!((paired.difference.mean + 2.0).abs() < 1e-12);
    assert!(row.note.contains("2 of 8 runs failed or diverged"), "{}", row.note);
    assert!(row.note.contains("compared on the 6 of 8 seeds that both sides have"), "{}", row.note);
}

/// The power that `plan` promises is the share of simulated studies whose t test finds the effect.
#[test]
fn power_is_what_a_simulation_finds() {
    for (n, dz) in [(5, 1.68), (8, 1.156), (8, 0.5)] {
        let mut noise = stream(200 + n as u64);
        let rounds = 6000;
        let finds = |_| {
            let sample: Vec<f64> = (0..n).map(|_| dz + noise.normal()).collect();
            let interval = Estimate::of(&sample, 0.95).unwrap().interval.unwrap();
            interval.low > 0.0 || interval.high < 0.0
        };
        let share = (0..rounds).map(finds).filter(|found| *found).count() as f64 / f64::from(rounds);
        let expected = power(dz, n, 0.05);
        assert!((share - expected).abs() < 0.02, "n = {n}, dz = {dz}: {share}, promised {expected}");
    }
}
