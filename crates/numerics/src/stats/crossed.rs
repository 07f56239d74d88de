//! One interval for two sources of error at once: differences of every seed at every test example,
//! both of them random (two crossed factors, one value a cell).
//!
//! With d(r, i) = mean + seed(r) + example(i) + rest(r, i), the variance components follow from the
//! mean squares of the two-way analysis of variance, and the degrees of freedom of their sum from
//! Satterthwaite (1946).

use super::describe::{Interval, mean};
use super::student::t_quantile;

/// Estimate of a mean over seeds and test examples, both taken as samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossed {
    /// Number of seeds, at least 2.
    pub seeds: usize,
    /// Number of test examples, at least 2.
    pub examples: usize,
    /// Mean over both.
    pub mean: f64,
    /// Degrees of freedom of its standard error.
    pub df: f64,
    /// Variance of the mean that is due to the seeds: their variance component over their number.
    pub from_seeds: f64,
    /// Variance of the mean that is due to the test examples.
    pub from_examples: f64,
    /// Interval of the mean, never narrower than that over the seeds alone or over the examples
    /// alone.
    pub interval: Interval,
}

/// ErrorSource of error of a mean over seeds and test examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorSource {
    /// The seeds: more of them make the interval narrower.
    Seeds,
    /// The test examples.
    Examples,
}

impl Crossed {
    /// The source that contributes more to the variance of the mean; `None` if both contribute the
    /// same, as where neither varies by more than the rest.
    pub fn dominant(&self) -> Option<ErrorSource> {
        match self.from_seeds.total_cmp(&self.from_examples) {
            std::cmp::Ordering::Greater => Some(ErrorSource::Seeds),
            std::cmp::Ordering::Less => Some(ErrorSource::Examples),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// Sums of squares of crossed differences, seed by seed, so that no more than one seed's differences
/// are in memory.
#[derive(Debug, Clone, Default)]
pub struct CrossedSums {
    /// Mean of each seed's differences.
    seeds: Vec<f64>,
    /// Of each example: mean over the seeds, of differences from the mean of their seed.
    examples: Vec<f64>,
    /// Of each example: sum of squares around that mean. They add up to the residual sum of
    /// squares, without cancellation however far apart the seeds are.
    rest: Vec<f64>,
}

impl CrossedSums {
    /// Adds a seed's differences, one for each example.
    ///
    /// # Panics
    /// If there are none, or another number than of the seeds before.
    pub fn add(&mut self, differences: &[f64]) {
        let centre = mean(differences).expect("a seed has differences");
        self.seeds.push(centre);
        if self.seeds.len() == 1 {
            self.examples = vec![0.0; differences.len()];
            self.rest = self.examples.clone();
        }
        assert_eq!(differences.len(), self.examples.len(), "every seed has every example");
        let n = self.seeds.len() as f64;
        // Welford (1962)
        for ((mean, rest), value) in self.examples.iter_mut().zip(&mut self.rest).zip(differences) {
            let deviation = value - centre - *mean;
            *mean += deviation / n;
            *rest += deviation * (value - centre - *mean);
        }
    }

    /// The estimate at a confidence level; `None` below two seeds or two examples.
    pub fn estimate(&self, level: f64) -> Option<Crossed> {
        let (seeds, examples) = (self.seeds.len(), self.examples.len());
        if seeds < 2 || examples < 2 {
            return None;
        }
        let (n, m) = (seeds as f64, examples as f64);
        let centre = mean(&self.seeds)?;
        let squares =
            |values: &[f64], centre: f64| values.iter().map(|v| (v - centre).powi(2)).sum::<f64>();
        // Mean squares: m or n times the variance of means, and the residual.
        let by_seed = m * squares(&self.seeds, centre) / (n - 1.0);
        let by_example = n * squares(&self.examples, mean(&self.examples)?) / (m - 1.0);
        let rest = self.rest.iter().sum::<f64>() / ((n - 1.0) * (m - 1.0));
        // Negative variance components are zero: then their mean square estimates the residual
        // variance only, and is not part of the sum.
        let from_seeds = (by_seed - rest).max(0.0) / (n * m);
        let from_examples = (by_example - rest).max(0.0) / (n * m);
        let counts = |by: f64| f64::from(by > rest);
        let of_rest = 1.0 - counts(by_seed) - counts(by_example);
        let terms = [
            (counts(by_seed) * by_seed, n - 1.0),
            (counts(by_example) * by_example, m - 1.0),
            (of_rest * rest, (n - 1.0) * (m - 1.0)),
        ];
        let total: f64 = terms.iter().map(|(square, _)| square).sum();
        let satterthwaite =
            total.powi(2) / terms.iter().map(|(square, df)| square.powi(2) / df).sum::<f64>();
        // `max` also replaces the 0 / 0 of differences that are all equal.
        let df = satterthwaite.max(n.min(m) - 1.0);
        let half = |square: f64, df: f64| {
            t_quantile(f64::midpoint(1.0, level), df) * (square / (n * m)).sqrt()
        };
        // Satterthwaite's degrees of freedom are too many in samples where the few seeds happen to
        // agree: alone they cover 93 % with 3 seeds that dominate.
        let half = half(total, df).max(half(by_seed, n - 1.0)).max(half(by_example, m - 1.0));
        Some(Crossed {
            seeds,
            examples,
            mean: centre,
            df,
            from_seeds,
            from_examples,
            interval: Interval { low: centre - half, high: centre + half },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::{Estimate, noise::normals};

    fn crossed(rows: &[Vec<f64>], level: f64) -> Option<Crossed> {
        let mut sums = CrossedSums::default();
        for row in rows {
            sums.add(row);
        }
        sums.estimate(level)
    }

    // Mean, degrees of freedom, variances and interval by least squares over an explicit design and
    // the definitions above, with numpy and scipy.
    #[test]
    fn the_estimate_equals_scipy() {
        let cases: [(&[&[f64]], [f64; 6]); 4] = [
            (
                &[&[0.9, 1.4, 0.2, 1.1], &[0.4, 1.2, -0.3, 0.3], &[1.6, 1.9, 0.5, 1.5]],
                [
                    0.8916666666666666,
                    4.67277973497116,
                    0.07703703703703703,
                    0.0775,
                    -0.31948316020608747,
                    2.1028164935394207,
                ],
            ),
            (
                &[&[1.0, 5.0, -3.0, 2.0, 0.5], &[1.2, 4.6, -2.9, 2.2, 0.1]],
                [1.07, 4.0, 0.0, 1.5815, -2.426998465904904, 4.566998465904904],
            ),
            (
                &[&[1.0, -1.0, 2.0, -2.0], &[-1.0, 1.0, -2.0, 2.5], &[0.5, -0.5, 0.1, 0.0]],
                [0.05, 6.0, 0.0, 0.0, -1.317003788695269, 1.417003788695269],
            ),
            (
                &[&[0.3, 0.31, 0.29], &[2.1, 2.0, 2.2], &[-1.0, -0.9, -1.2]],
                [
                    0.4555555555555556,
                    2.0,
                    0.8224222222222224,
                    0.0,
                    -3.450621726135423,
                    4.361732837246534,
                ],
            ),
        ];
        for (rows, expected) in cases {
            let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
            let it = crossed(&rows, 0.95).unwrap();
            let Interval { low, high } = it.interval;
            for (found, expected) in [it.mean, it.df, it.from_seeds, it.from_examples, low, high]
                .into_iter()
                .zip(expected)
            {
                assert!((found - expected).abs() < 1e-9, "{it:?}: {found}, expected {expected}");
            }
        }
        let dominant = |rows: &[&[f64]]| {
            crossed(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), 0.95)
                .unwrap()
                .dominant()
        };
        assert_eq!(
            cases.map(|(rows, _)| dominant(rows)),
            [
                Some(ErrorSource::Examples),
                Some(ErrorSource::Examples),
                None,
                Some(ErrorSource::Seeds),
            ]
        );
    }

    #[test]
    fn one_seed_or_one_example_has_no_crossed_interval() {
        assert_eq!(crossed(&[vec![1.0, 2.0, 3.0]], 0.95), None);
        assert_eq!(crossed(&[vec![1.0], vec![2.0]], 0.95), None);
        assert_eq!(crossed(&[], 0.95), None);
        let equal = crossed(&[vec![0.5; 4], vec![0.5; 4]], 0.95).unwrap();
        assert_eq!((equal.df, equal.interval), (1.0, Interval { low: 0.5, high: 0.5 }));
        assert_eq!(equal.dominant(), None);
    }

    proptest! {
        /// Exchanging seeds and examples changes nothing but their names, and the interval holds
        /// both single ones.
        #[test]
        fn seeds_and_examples_are_treated_alike(
            (n, m) in (2usize..6, 2usize..9),
            values in prop::collection::vec(-3.0f64..3.0, 54),
            apart in prop_oneof![Just(0.0), Just(1e6)],
        ) {
            let at = |r: usize, i: usize| values[9 * r + i] + apart * r as f64;
            let rows: Vec<Vec<f64>> = (0..n).map(|r| (0..m).map(|i| at(r, i)).collect()).collect();
            let columns: Vec<Vec<f64>> = (0..m).map(|i| (0..n).map(|r| at(r, i)).collect()).collect();
            let (own, other) = (crossed(&rows, 0.9).unwrap(), crossed(&columns, 0.9).unwrap());
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-7 * a.abs().max(b.abs()).max(1.0);
            prop_assert!(close(own.from_seeds, other.from_examples), "{:?} {:?}", own, other);
            prop_assert!(close(own.interval.low, other.interval.low), "{:?} {:?}", own, other);
            prop_assert!(close(own.interval.high, other.interval.high), "{:?} {:?}", own, other);
            prop_assert!(own.df >= (n.min(m) - 1) as f64);
            for lines in [&rows, &columns] {
                let means: Vec<f64> = lines.iter().map(|line| mean(line).unwrap()).collect();
                let single = Estimate::of(&means, 0.9).unwrap().interval.unwrap();
                prop_assert!(own.interval.low <= single.low + 1e-7 * (1.0 + apart));
                prop_assert!(own.interval.high >= single.high - 1e-7 * (1.0 + apart));
            }
        }
    }

    /// Coverage with 3 seeds and 100 examples, of which either dominates, or neither.
    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        const STUDIES: u32 = 1000;
        // Standard deviations of seeds, examples and the rest.
        for (regime, [seed, example, rest]) in [
            ("seeds dominate", [1.0, 1.0, 1.0]),
            ("examples dominate", [0.02, 3.0, 1.0]),
            ("neither dominates", [0.17, 1.0, 1.0]),
            ("the rest alone", [0.0, 0.0, 1.0]),
        ] {
            let mut noise = normals(3);
            let covers = |_: &u32| {
                let examples: Vec<f64> = (0..100).map(|_| example * noise()).collect();
                let mut row = || {
                    let own = seed * noise();
                    examples.iter().map(|e| 0.4 + own + e + rest * noise()).collect()
                };
                let rows: Vec<Vec<f64>> = (0..3).map(|_| row()).collect();
                let Interval { low, high } = crossed(&rows, 0.95).unwrap().interval;
                low <= 0.4 && 0.4 <= high
            };
            let share = (0..STUDIES).filter(covers).count() as f64 / f64::from(STUDIES);
            let error = |p: f64| 3.0 * (p * (1.0 - p) / f64::from(STUDIES)).sqrt();
            assert!(share > 0.95 - error(0.95) && share < 0.99 + error(0.99), "{regime}: {share}");
        }
    }
}
