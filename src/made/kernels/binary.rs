//! Products with a 0/1 matrix that is mostly 0: sums of the rows that its ones select.
//!
//! They are the numbers of the dense products bit for bit: a fused multiply-add with 1 adds, with 0 does nothing.

use crate::made::kernels::gather::GROUP;
use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch};
use crate::made::kernels::sheet::Masked;
use crate::made::kernels::team::Team;
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Beside, Sink, Waiting};

/// Density above which the dense products are faster.
const DENSE: f64 = 0.25;

/// Where the ones of a 0/1 matrix are, by row and by column.
#[derive(Debug, Clone, Default)]
pub struct Ones {
    by_row: Lists,
    by_column: Lists,
}

/// Lists of ascending numbers, one behind the other.
#[derive(Debug, Clone, Default)]
struct Lists {
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    #[inline(always)]
    fn get(&self, i: usize) -> &[u32] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.items[start as usize..self.ends[i] as usize]
    }
}

impl Ones {
    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.by_row.ends.clear();
        self.by_row.items.clear();
    }

    /// Adds a row: ones where `bytes` are not zero, at the columns that `columns` tells for them.
    pub fn push(&mut self, bytes: &[u8], columns: &[u32]) {
        let items = &mut self.by_row.items;
        let start = items.len();
        // Eight at a time: most are zero.
        let (words, rest) = bytes.as_chunks::<8>();
        for (word, columns) in words.iter().zip(columns.chunks_exact(8)) {
            let mut word = u64::from_le_bytes(*word);
            while word != 0 {
                let byte = word.trailing_zeros() / 8;
                items.push(columns[byte as usize]);
                word &= !(0xff << (8 * byte));
            }
        }
        let last = rest.iter().zip(&columns[8 * words.len()..]);
        items.extend(last.filter(|(byte, _)| **byte != 0).map(|(_, &column)| column));
        if !items[start..].is_sorted() {
            items[start..].sort_unstable();
        }
        self.by_row.ends.push(items.len() as u32);
    }

    /// Finds the ones of each of the `columns` columns, all rows being there.
    pub fn index(&mut self, columns: usize) {
        let Self { by_row, by_column } = self;
        // Counts, then starts, which filling moves on to the ends.
        by_column.ends.clear();
        by_column.ends.resize(columns, 0);
        by_row.items.iter().for_each(|&column| by_column.ends[column as usize] += 1);
        let mut start = 0;
        for end in &mut by_column.ends {
            start += std::mem::replace(end, start);
        }
        by_column.items.resize(by_row.items.len(), 0);
        for row in 0..by_row.ends.len() {
            for &column in by_row.get(row) {
                let at = &mut by_column.ends[column as usize];
                by_column.items[*at as usize] = row as u32;
                *at += 1;
            }
        }
    }

    /// The row's columns that are one, ascending.
    pub fn row(&self, row: usize) -> &[u32] {
        self.by_row.get(row)
    }

    /// Whether ones are so few that listing them is worth it.
    pub fn few(&self, columns: usize) -> bool {
        (self.by_row.items.len() as f64) < DENSE * (self.by_row.ends.len() * columns) as f64
    }
}

/// `z += x w` for the images from `first` on, x being the ones.
pub fn forward(level: Level, z: &mut [Lane], ones: &Ones, first: usize, w: &[Lane], mask: Masked) {
    dispatch(level, Forward { z, ones, first, w, mask });
}

struct Forward<'a> {
    z: &'a mut [Lane],
    ones: &'a Ones,
    first: usize,
    w: &'a [Lane],
    mask: Masked<'a>,
}

impl Work for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let lanes = self.mask.sheet.lanes();
        let mut at = 0;
        while at < lanes {
            at += match lanes - at {
                left if L::MANY && left >= GROUP => self.group::<L, GROUP>(at),
                left if left >= 4 => self.group::<L, 4>(at),
                _ => self.group::<L, 1>(at),
            };
        }
    }
}

impl Forward<'_> {
    /// Lanes `at..at + N` of all images; returns their number.
    #[inline(always)]
    fn group<L: Lanes, const N: usize>(&mut self, at: usize) -> usize {
        let stride = self.mask.sheet.stride();
        let depth = self.mask.depth(&(at..at + N)) as u32;
        for (image, z) in self.z.chunks_exact_mut(stride).enumerate() {
            let z = &mut z[at..at + N];
            let mut sums = [L::splat(0.0); N];
            sums.iter_mut().zip(&*z).for_each(|(sum, z)| *sum = L::load(z));
            let seen = self.ones.row(self.first + image).iter().take_while(|&&column| column < depth);
            add_rows(&mut sums, self.w, stride, at, seen);
            sums.iter().zip(z).for_each(|(sum, z)| sum.store(z));
        }
        N
    }
}

/// Adds lanes `at..at + N` of some rows.
#[inline(always)]
fn add_rows<'a, L: Lanes, const N: usize>(
    sums: &mut [L; N],
    matrix: &[Lane],
    stride: usize,
    at: usize,
    rows: impl Iterator<Item = &'a u32>,
) {
    for &row in rows {
        let row = &matrix[row as usize * stride + at..][..N];
        for (sum, lane) in sums.iter_mut().zip(row) {
            *sum = sum.add(L::load(lane));
        }
    }
}

/// The gradient `xT dz` of the weights, x being the ones, handed over as it is made.
pub fn weight_gradient(team: &Team, level: Level, sink: Sink, ones: &Ones, dz: &[Lane], mask: Masked) {
    sink.share(team, mask, |rows, waiting| dispatch(level, WeightGradient { rows, waiting, ones, dz, mask }));
}

struct WeightGradient<'a> {
    rows: &'a [(usize, usize)],
    waiting: Waiting<'a>,
    ones: &'a Ones,
    dz: &'a [Lane],
    mask: Masked<'a>,
}

impl Work for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let lanes = self.mask.sheet.lanes();
        let from = |row: usize| self.mask.from[row] as usize;
        for row in self.rows {
            self.waiting.expect(std::slice::from_ref(row));
            let mut at = from(row.0) / WIDTH;
            while at < lanes {
                at += match lanes - at {
                    left if L::MANY && left >= GROUP => self.group::<L, GROUP>(row, at),
                    left if left >= 4 => self.group::<L, 4>(row, at),
                    _ => self.group::<L, 1>(row, at),
                };
            }
            if !self.waiting.in_place() {
                self.waiting.turn::<L>(std::slice::from_ref(row), from);
            }
        }
        self.waiting.finish::<L>();
    }
}

impl WeightGradient<'_> {
    /// Lanes `at..at + N` of a row; returns their number.
    #[inline(always)]
    fn group<L: Lanes, const N: usize>(&mut self, row: &(usize, usize), at: usize) -> usize {
        let &(k, to) = row;
        if self.waiting.in_place() {
            self.waiting.prefetch::<L>(to, at..at + N);
        }
        let mut sums = [L::splat(0.0); N];
        add_rows(&mut sums, self.dz, self.mask.sheet.stride(), at, self.ones.by_column.get(k).iter());
        if self.waiting.in_place() {
            self.waiting.apply(to, at, sums, self.mask.from[k] as usize);
        } else {
            sums.iter().zip(&mut self.waiting.filled[at..at + N]).for_each(|(sum, lane)| sum.store(lane));
            // Of the row before, twice as many wait on average.
            for _ in 0..2 * N {
                self.waiting.little::<L>();
            }
        }
        N
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::lanes::flat_mut;
    use crate::made::kernels::product::tests::Case;
    use crate::made::kernels::sheet::Sheet;
    use crate::made::kernels::{gradient, product};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Sums of selected rows are the dense products, bit for bit, on every instruction set.
        #[test]
        fn selecting_equals_multiplying(
            rows in 1usize..150, cols in 1usize..300, batch in 1usize..20, threads in 1usize..4, seed: u64,
        ) {
            let mut case = Case::new(rows, cols, batch, seed);
            let stride = Sheet { rows: 0, cols: rows }.stride();
            let mut ones = Ones::default();
            let order: Vec<u32> = (0..rows as u32).rev().collect();
            for row in case.x.chunks_exact_mut(stride) {
                let numbers = &mut flat_mut(row)[..rows];
                numbers.iter_mut().for_each(|x| *x = f32::from(*x > 1.0));
                // Pixels in another order than their columns.
                ones.push(&numbers.iter().rev().map(|&x| x as u8).collect::<Vec<_>>(), &order);
            }
            ones.index(rows);
            let team = Team::new(threads);
            for level in Level::available() {
                let (mut dense, mut few) = (case.dz.clone(), case.dz.clone());
                product::forward(level, &mut dense, &case.x, &case.w, case.mask());
                let size = Sheet { rows: 0, cols }.stride();
                forward(level, &mut few[..size], &ones, 0, &case.w, case.mask());
                forward(level, &mut few[size..], &ones, 1, &case.w, case.mask());
                prop_assert_eq!(dense, few);
                let dense = case.gradient(|sink| {
                    gradient::weight_gradient(&team, level, sink, &case.x, &case.dz, case.mask());
                });
                let few = case.gradient(|sink| {
                    weight_gradient(&team, level, sink, &ones, &case.dz, case.mask());
                });
                for k in 0..rows {
                    let open = |lanes: &[Lane]| flat_mut(&mut lanes.to_vec())[k * size * WIDTH..][case.from[k] as usize..cols].to_vec();
                    prop_assert_eq!(open(&dense), open(&few));
                }
            }
        }
    }
}
