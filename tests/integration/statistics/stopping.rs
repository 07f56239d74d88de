//! Cost of optional stopping: seeds are added until the test of a comparison without any effect is
//! significant.

use ablade::rng::{Purpose, Seed, Stream};
use ablade::stats::sign_flip;

const ALPHA: f64 = 0.05;
/// Seeds of the first table: fewer can never be significant.
const FIRST: usize = 6;

fn p(differences: &[f64]) -> f64 {
    sign_flip(differences, || unreachable!("every flip is counted")).p
}

/// Share of studies that are significant at some number of seeds from `FIRST` to `last`.
fn simulated(rounds: u32, last: usize, noise: &mut Stream, draw: fn(&mut Stream) -> f64) -> f64 {
    let stops = (0..rounds).filter(|_| {
        let all: Vec<f64> = (0..last).map(|_| draw(noise)).collect();
        (FIRST..=last).any(|n| p(&all[..n]) <= ALPHA)
    });
    f64::from(stops.count() as u32) / f64::from(rounds)
}

/// The same share for differences of 1 and -1, exactly: a random walk that ends where it is
/// significant. p of a sum is the share of all walks that are as far from zero.
fn exact(last: usize) -> f64 {
    let walks = |n: usize| {
        // Number of walks of n steps that end at -n, -n + 2, ..., n.
        (0..n).fold(vec![1.0], |row: Vec<f64>, _| {
            let mut next = vec![0.0; row.len() + 1];
            for (i, ways) in row.iter().enumerate() {
                next[i] += ways;
                next[i + 1] += ways;
            }
            next
        })
    };
    let is_significant = |n: usize, up: usize| {
        let far = |up: usize| (2 * up).abs_diff(n);
        let all = walks(n);
        let extreme: f64 =
            (0..=n).filter(|other| far(*other) >= far(up)).map(|other| all[other]).sum();
        extreme / 2f64.powi(n as i32) <= ALPHA
    };
    // Probability of each number of steps up, without having been significant.
    let (mut alive, mut stopped) = (vec![1.0], 0.0);
    for n in 1..=last {
        let mut next = vec![0.0; n + 1];
        for (up, share) in alive.iter().enumerate() {
            next[up] += share / 2.0;
            next[up + 1] += share / 2.0;
        }
        for (up, share) in next.iter_mut().enumerate() {
            if n >= FIRST && is_significant(n, up) {
                stopped += std::mem::take(share);
            }
        }
        alive = next;
    }
    stopped
}

#[test]
fn looking_after_every_seed_multiplies_the_error_rate() {
    let mut noise = Seed(20_261_129).stream(Purpose::Statistics, 6);
    let normal = |noise: &mut Stream| noise.normal();
    let sign = |noise: &mut Stream| if noise.uniform() < 0.5 { -1.0 } else { 1.0 };
    let rounds = 4000;
    let mut rows = Vec::new();
    for last in [6, 8, 10, 12, 16] {
        let normal = simulated(rounds, last, &mut noise, normal);
        let walk = simulated(rounds, last, &mut noise, sign);
        rows.push((last, normal, walk, exact(last)));
    }
    // One look keeps the level; each further one adds to the error.
    let error = |share: f64| 4.0 * (share * (1.0 - share) / f64::from(rounds)).sqrt();
    for &(last, normal, walk, exact) in &rows {
        assert!((walk - exact).abs() < error(exact), "{rows:?}");
        assert_eq!(normal <= ALPHA + error(ALPHA), last == FIRST, "{rows:?}");
    }
    assert!((rows[0].3 - 1.0 / 32.0).abs() < 1e-12, "all six differences of one sign");
    assert!(
        rows.windows(2).all(|pair| pair[0].1 <= pair[1].1 + error(pair[1].1)),
        "{rows:?}"
    );
    let shown: Vec<String> = rows
        .iter()
        .map(|(_, normal, _, _)| format!("{:.1} %", 100.0 * normal))
        .collect();
    let row = format!("| significant at 5 % at some look | {} |", shown.join(" | "));
    let document = include_str!("../../../docs/reference/methodology.md");
    assert!(document.contains(&row), "methodology.md does not have the row\n{row}");
}
