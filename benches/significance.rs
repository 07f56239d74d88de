//! False positive rate and power of the verdict: `cargo bench --bench significance -- ROUNDS`.
//!
//! Simulated studies without an effect: the share in which any comparison is significant at 5 %.
//! Then with one effect among comparisons without effect: the share that detects it, by max-T and
//! by Holm's correction. Prints the tables of `docs/dev/measurements.md`; the random streams are
//! fixed, so the same number of rounds gives the same tables.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

use ablade::rng::{Purpose, Seed, Stream};
use ablade::stats::{detectable, holm, max_t, sign_flip};

const ALPHA: f64 = 0.05;
const SEEDS: [usize; 4] = [6, 8, 10, 12];
const COMPARISONS: [usize; 3] = [1, 6, 12];

type Draw = fn(&mut Stream) -> f64;

fn normal(noise: &mut Stream) -> f64 {
    noise.normal()
}

fn exponential(noise: &mut Stream) -> f64 {
    -(1.0 - noise.uniform()).ln() - 1.0
}

fn student(noise: &mut Stream) -> f64 {
    let chi = (0..3).map(|_| noise.normal().powi(2)).sum::<f64>();
    noise.normal() / (chi / 3.0).sqrt()
}

fn blow_ups(noise: &mut Stream) -> f64 {
    noise.normal() + if noise.uniform() < 0.05 { 30.0 } else { 0.0 }
}

fn quiet(noise: &mut Stream) -> f64 {
    0.05 * noise.normal()
}

/// Differences of `comparisons` variants to the baseline for each seed.
fn study(
    noise: &mut Stream,
    seeds: usize,
    comparisons: usize,
    [baseline, variant]: [Draw; 2],
) -> Vec<Vec<Option<f64>>> {
    let baseline: Vec<f64> = (0..seeds).map(|_| baseline(noise)).collect();
    let mut own = || baseline.iter().map(|b| Some(variant(noise) - b)).collect();
    (0..comparisons).map(|_| own()).collect()
}

fn single(differences: &[Vec<Option<f64>>]) -> Vec<f64> {
    let p = |own: &Vec<Option<f64>>| {
        let own: Vec<f64> = own.iter().flatten().copied().collect();
        sign_flip(&own, || unreachable!("every flip is counted")).p
    };
    differences.iter().map(p).collect()
}

fn corrected(differences: &[Vec<Option<f64>>], single: &[f64]) -> Vec<f64> {
    max_t(differences, single, || unreachable!("every flip is counted"))
        .p
        .into_iter()
        .flatten()
        .collect()
}

fn share(rounds: u32, mut holds: impl FnMut() -> bool) -> f64 {
    f64::from((0..rounds).filter(|_| holds()).count() as u32) / f64::from(rounds)
}

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    println!("| runs | n | k = 1 | k = 6 | k = 12 |\n|---|---|---|---|---|");
    let exchangeable: [(&str, [Draw; 2]); 4] = [
        ("normal", [normal, normal]),
        ("exponential", [exponential, exponential]),
        ("t, 3 df", [student, student]),
        ("rare blow-ups", [blow_ups, blow_ups]),
    ];
    for (name, draws) in exchangeable
        .into_iter()
        .chain([("exponential baseline, quiet variants", [exponential, quiet])])
    {
        for seeds in SEEDS {
            let error = COMPARISONS.map(|comparisons| {
                let mut noise = Seed(20_261_128)
                    .stream(Purpose::Statistics, (seeds * 100 + comparisons) as u64);
                let share = share(rounds, || {
                    let differences = study(&mut noise, seeds, comparisons, draws);
                    corrected(&differences, &single(&differences)).iter().any(|p| *p <= ALPHA)
                });
                format!("{share:.3}")
            });
            println!("| {name} | {seeds} | {} |", error.join(" | "));
        }
    }
    println!("\n| n | k | detectable, sd | found by max-T | by Holm |\n|---|---|---|---|---|");
    for seeds in SEEDS {
        for comparisons in COMPARISONS {
            let mut normals = Seed(0).stream(Purpose::Statistics, u64::MAX);
            let dz = detectable(seeds, comparisons, ALPHA, &mut || normals.normal())
                .expect("six seeds can show something");
            let mut noise =
                Seed(20_261_128).stream(Purpose::Statistics, (seeds * 1000 + comparisons) as u64);
            let (mut joint, mut by_holm) = (0, 0);
            for _ in 0..rounds {
                let mut differences = study(&mut noise, seeds, comparisons, [normal, normal]);
                // Differences of two normals have a standard deviation of sqrt 2.
                differences[0].iter_mut().flatten().for_each(|d| *d += dz * 2f64.sqrt());
                let single = single(&differences);
                joint += u32::from(corrected(&differences, &single)[0] <= ALPHA);
                by_holm += u32::from(holm(&single)[0] <= ALPHA);
            }
            let [joint, by_holm] =
                [joint, by_holm].map(|found| f64::from(found) / f64::from(rounds));
            println!("| {seeds} | {comparisons} | {dz:.2} | {joint:.2} | {by_holm:.2} |");
        }
    }
}
