//! False positive rate and power of the verdict: `cargo bench --bench significance -- ROUNDS`.
//!
//! Simulated studies without an effect: the share in which any comparison is significant at 5 %.
//! Then with one effect among comparisons without effect: the share that detects it, by max-T and
//! by Holm's correction. Then equivalence: the share called equivalent at the edge of the margin and
//! in its middle; and the coverage of the interval over seeds and test examples. Prints the tables of `docs/dev/measurements.md`; the random streams are
//! fixed, so the same number of rounds gives the same tables.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

mod noise;

use ablade::rng::{Purpose, Seed, Stream};
use ablade::stats::{
    CrossedSums, Equivalence, Estimate, detectable, equivalence_power, holm, max_t, sign_flip,
};

use noise::{Draw, exponential, normal, student};

const ALPHA: f64 = 0.05;
const SEEDS: [usize; 4] = [6, 8, 10, 12];
const COMPARISONS: [usize; 3] = [1, 6, 12];

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

/// Prints how often two one-sided t tests find equivalence at the edge of a margin, where they must
/// not, and without a difference, with the power that `plan` computes.
fn equivalence(rounds: u32) {
    println!("\n| n | margin, sd | found at the edge | found without a difference | computed |");
    println!("|---|---|---|---|---|");
    for (seeds, margin) in [(3, 3.0), (5, 1.5), (8, 1.0), (8, 1.5), (12, 0.8), (20, 0.6)] {
        let [edge, middle] = [margin, 0.0].map(|shift| {
            let mut noise = Seed(20_261_129).stream(Purpose::Statistics, seeds as u64);
            share(rounds, || {
                let sample: Vec<f64> = (0..seeds).map(|_| shift + noise.normal()).collect();
                let estimate = Estimate::of(&sample, 0.95).expect("seeds");
                Equivalence::of(&estimate, margin, ALPHA).is_some_and(|found| found.p <= ALPHA)
            })
        });
        let computed = equivalence_power(seeds, margin, ALPHA);
        println!("| {seeds} | {margin} | {edge:.3} | {middle:.3} | {computed:.3} |");
    }
}

/// Prints the coverage of the 95 % interval over seeds and test examples at once.
fn crossed(rounds: u32) {
    println!(
        "\n| variance due to | 3 seeds x 100 examples | 5 x 100 | 10 x 100 |\n|---|---|---|---|"
    );
    // Variances of the mean: from the seeds, from the examples, and from the rest.
    for (regime, parts) in [
        ("seeds, 30 : 1 : 1", [30.0, 1.0, 1.0]),
        ("examples, 1 : 30 : 1", [1.0, 30.0, 1.0]),
        ("both, 1 : 1 : 1", [1.0, 1.0, 1.0]),
        ("both, 1 : 1 : 0", [1.0, 1.0, 0.0]),
        ("neither, 0 : 0 : 1", [0.0, 0.0, 1.0]),
    ] {
        let covered = [3usize, 5, 10].map(|seeds| {
            const EXAMPLES: usize = 100;
            let mut noise = Seed(20_261_129).stream(Purpose::Statistics, 1000 + seeds as u64);
            let sizes = [seeds, EXAMPLES, seeds * EXAMPLES];
            let [of_seed, of_example, rest] =
                [0, 1, 2].map(|i: usize| (parts[i] * sizes[i] as f64).sqrt());
            let share = share(rounds, || {
                let examples: Vec<f64> =
                    (0..EXAMPLES).map(|_| of_example * noise.normal()).collect();
                let mut sums = CrossedSums::default();
                for _ in 0..seeds {
                    let own = of_seed * noise.normal();
                    let row: Vec<f64> =
                        examples.iter().map(|e| own + e + rest * noise.normal()).collect();
                    sums.add(&row);
                }
                let interval = sums.estimate(0.95).expect("several of both").interval;
                interval.low <= 0.0 && 0.0 <= interval.high
            });
            format!("{share:.3}")
        });
        println!("| {regime} | {} |", covered.join(" | "));
    }
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
    equivalence(rounds);
    crossed(rounds);
}
