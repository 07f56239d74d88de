//! The dense products against sums written out.

use proptest::prelude::*;

use super::*;
use crate::made::kernels::gradient::{Packed, weight_gradient};
use crate::made::kernels::lanes::flat_mut;
use crate::made::kernels::team::Team;
use crate::made::kernels::update::{Target, Update};
use crate::made::kernels::waiting::Sink;
use crate::rng::{Purpose, Seed, Stream};

/// A masked matrix and minibatches below and above it.
pub(in crate::made::kernels) struct Case {
    pub(in crate::made::kernels) sheet: Sheet,
    pub(in crate::made::kernels) seen: Vec<u32>,
    pub(in crate::made::kernels) from: Vec<u32>,
    pub(in crate::made::kernels) w: Vec<Lane>,
    pub(in crate::made::kernels) x: Vec<Lane>,
    pub(in crate::made::kernels) dz: Vec<Lane>,
    /// Leading zeros of each row of `x`.
    pub(in crate::made::kernels) blank: Vec<u32>,
}

/// A matrix whose numbers `draw` makes, and zeros that fill up its rows.
fn matrix(sheet: Sheet, mut draw: impl FnMut(usize, usize) -> f32) -> Vec<Lane> {
    let mut lanes = vec![Lane::default(); sheet.size()];
    for (r, row) in lanes.chunks_exact_mut(sheet.stride()).enumerate() {
        flat_mut(row)[..sheet.cols]
            .iter_mut()
            .enumerate()
            .for_each(|(c, number)| *number = draw(r, c));
    }
    lanes
}

impl Case {
    pub(in crate::made::kernels) fn new(rows: usize, cols: usize, batch: usize, seed: u64) -> Self {
        let mut stream = Seed(seed).stream(Purpose::Init, 0);
        let mut seen: Vec<u32> = (0..cols).map(|_| stream.below(rows as u64 + 1) as u32).collect();
        seen.sort_unstable();
        let from = (0..rows as u32)
            .map(|k| seen.partition_point(|&seen| seen <= k) as u32)
            .collect();
        let sheet = Sheet { rows, cols };
        let normal = |stream: &mut Stream| stream.normal() as f32;
        let w = matrix(sheet, |k, n| if (k as u32) < seen[n] { normal(&mut stream) } else { 0.0 });
        let lanes = rows / WIDTH + 1;
        let mut blank: Vec<u32> =
            (0..batch).map(|_| stream.below(lanes as u64) as u32 * WIDTH as u32).collect();
        blank.sort_unstable();
        let x = matrix(Sheet { rows: batch, cols: rows }, |b, k| {
            if (k as u32) < blank[b] { 0.0 } else { normal(&mut stream) }
        });
        let dz = matrix(Sheet { rows: batch, cols }, |_, _| normal(&mut stream));
        Self { sheet, seen, from, w, x, dz, blank }
    }

    pub(in crate::made::kernels) fn mask(&self) -> Masked<'_> {
        Masked {
            sheet: self.sheet,
            seen: &self.seen,
            from: &self.from,
            rows: None,
            kept: false,
        }
    }

    /// All weights' gradients by some kernel; 9 where it left them alone.
    pub(in crate::made::kernels) fn gradient(&self, kernel: impl FnOnce(Sink)) -> Vec<Lane> {
        let (mut w, mut g) = (self.w.clone(), vec![Lane([9.0; WIDTH]); self.w.len()]);
        let target = Target { p: &mut w, state: [&mut g, &mut []] };
        kernel(Sink { target, update: Update::Record, order: None, tiled: false });
        assert_eq!(w, self.w, "recording changes no weight");
        g
    }
}

fn at(lanes: &[Lane], cols: usize, r: usize, c: usize) -> f32 {
    flat(lanes)[r * Sheet { rows: 0, cols }.stride() * WIDTH + c]
}

/// A sum as the kernels of a level define it.
fn chain(level: Level, start: f32, terms: impl Iterator<Item = (f32, f32)>) -> f32 {
    let fused =
        level != Level::Baseline || cfg!(any(target_feature = "fma", target_arch = "aarch64"));
    terms.fold(start, |sum, (a, b)| if fused { a.mul_add(b, sum) } else { sum + a * b })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// On every instruction set, for any number of threads, each number is its sum written out, bit
    /// for bit.
    #[test]
    fn products_equal_sums_written_out(
        rows in 1usize..300, cols in 1usize..150, batch in 1usize..20, threads in 1usize..4, seed: u64,
    ) {
        let case = Case::new(rows, cols, batch, seed);
        let team = Team::new(threads);
        for level in Level::available() {
            let mut z = matrix(Sheet { rows: batch, cols }, |_, _| 0.5);
            forward(level, &mut z, &case.x, &case.w, case.mask(), &case.blank);
            let mut dx = matrix(Sheet { rows: batch, cols: rows }, |_, _| 9.0);
            input_gradient(level, &mut dx, &case.dz, &case.w, case.mask(), &case.blank);
            let dw = case.gradient(|sink| {
                weight_gradient((&team, level), &mut Packed::default(), sink, &case.x, &case.dz, case.mask(), &case.blank);
            });
            let x = |b, k| at(&case.x, rows, b, k);
            let dz = |b, n| at(&case.dz, cols, b, n);
            let w = |k, n| at(&case.w, cols, k, n);
            for b in 0..batch {
                for n in 0..cols {
                    let sum = chain(level, 0.5, (0..case.seen[n] as usize).map(|k| (x(b, k), w(k, n))));
                    prop_assert_eq!(at(&z, cols, b, n), sum);
                }
                for k in 0..rows {
                    let sum = chain(level, 0.0, (case.from[k] as usize..cols).map(|n| (dz(b, n), w(k, n))));
                    let (got, blank) = (at(&dx, rows, b, k), (k as u32) < case.blank[b]);
                    prop_assert!(got == sum || (blank && got == 0.0), "{} is not {}", got, sum);
                }
            }
            for k in 0..rows {
                for n in 0..cols {
                    let open = n >= case.from[k] as usize;
                    let sum = chain(level, 0.0, (0..batch).map(|b| (x(b, k), dz(b, n))));
                    let got = at(&dw, cols, k, n);
                    prop_assert!(if open { got == sum } else { got == 0.0 || got == 9.0 }, "{} is not {}", got, sum);
                }
            }
        }
    }
}
