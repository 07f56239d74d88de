//! Products with a 0/1 matrix that is mostly 0: sums of the rows that its ones select.
//!
//! They are the numbers of the dense products bit for bit: a fused multiply-add with 1 adds, with 0
//! does nothing.

use std::ops::Range;

use crate::made::kernels::gather::{GROUP, Untile};
use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch};
use crate::made::kernels::sheet::Masked;
use crate::made::kernels::team::Team;
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Order, Sink, Waiting};

/// Density above which the dense products are faster.
const DENSE: f64 = 0.25;

/// Where the ones of a 0/1 matrix are, by row and by column.
#[derive(Debug, Clone, Default)]
pub struct Ones {
    by_row: Lists,
    /// Which of `by_row` each row is.
    order: Vec<u32>,
    by_column: Lists,
    /// A row as bits, to be put in order.
    bits: Vec<u64>,
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

/// Which of up to 64 bytes are not zero, as bits.
#[inline(always)]
fn mask(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut mask = 0;
    for (i, word) in words.iter().enumerate() {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let word = u64::from_le_bytes(*word);
        // The highest bit of a byte tells whether it is zero; the product brings the eight
        // together.
        let ones = (((word & LOW) + LOW) | word) & !LOW;
        mask |= ((ones >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    for (i, &byte) in rest.iter().enumerate() {
        mask |= u64::from(byte != 0) << (8 * words.len() + i);
    }
    mask
}

/// The bits of a word that are one, ascending.
#[inline(always)]
fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let one = (word != 0).then(|| word.trailing_zeros());
        word &= word.wrapping_sub(1);
        one
    })
}

impl Ones {
    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.by_row.ends.clear();
        self.by_row.items.clear();
        self.order.clear();
    }

    /// Adds a row: ones where `bytes` are not zero, at the columns that `columns` tells for them.
    pub fn push(&mut self, bytes: &[u8], columns: &[u32]) {
        let Self { by_row: Lists { items, .. }, bits, .. } = self;
        let start = items.len();
        // As bits of a word, of which only those that are one are visited.
        for (bytes, columns) in bytes.chunks(64).zip(columns.chunks(64)) {
            items.extend(ones(mask(bytes)).map(|bit| columns[bit as usize]));
        }
        if !items[start..].is_sorted() {
            bits.resize(columns.len().div_ceil(64), 0);
            items
                .drain(start..)
                .for_each(|column| bits[column as usize / 64] |= 1 << (column % 64));
            for (first, word) in (0..).step_by(64).zip(bits) {
                items.extend(ones(std::mem::take(word)).map(|bit| first + bit));
            }
        }
        self.order.push(self.by_row.ends.len() as u32);
        self.by_row.ends.push(items.len() as u32);
    }

    /// Sorts rows but the first by where their ones begin; tells which of the rows, as they were
    /// added, each now is.
    pub fn sort(&mut self) -> &[u32] {
        let Self { by_row, order, .. } = self;
        order[1..]
            .sort_by_key(|&row| by_row.get(row as usize).first().copied().unwrap_or(u32::MAX));
        order
    }

    /// Finds the ones of each of the `columns` columns, all rows being there.
    pub fn index(&mut self, columns: usize) {
        let Self { by_row, order, by_column, .. } = self;
        // Counts, then starts, which filling moves on to the ends.
        by_column.ends.clear();
        by_column.ends.resize(columns, 0);
        by_row.items.iter().for_each(|&column| by_column.ends[column as usize] += 1);
        let mut start = 0;
        for end in &mut by_column.ends {
            start += std::mem::replace(end, start);
        }
        by_column.items.resize(by_row.items.len(), 0);
        for (row, &number) in order.iter().enumerate() {
            for &column in by_row.get(number as usize) {
                let at = &mut by_column.ends[column as usize];
                by_column.items[*at as usize] = row as u32;
                *at += 1;
            }
        }
    }

    /// The row's columns that are one, ascending.
    pub fn row(&self, row: usize) -> &[u32] {
        self.by_row.get(self.order[row] as usize)
    }

    /// Whether ones are so few, of this many numbers, that listing them is worth it.
    pub fn few(&self, numbers: usize) -> bool {
        (self.by_row.items.len() as f64) < DENSE * numbers as f64
    }
}

/// `z += x w` for the images from `first` on, x being the ones.
pub fn forward(level: Level, z: &mut [Lane], ones: &Ones, first: usize, w: &[Lane], mask: Masked) {
    let (lanes, stride) = (0..mask.sheet.lanes(), mask.sheet.stride());
    dispatch(level, Forward { z, ones, first, w, stride, lanes, mask });
}

/// Lanes that [`forward_tiles`] sorts into.
pub fn sorted_size(mask: Masked) -> usize {
    mask.sheet.rows * GROUP
}

/// The same with weights in tiles (see `grid`), which are sorted into `w` a few lanes at a time, so
/// that these stay in a near cache.
pub fn forward_tiles(
    (level, w): (Level, &mut [Lane]),
    z: &mut [Lane],
    ones: &Ones,
    first: usize,
    tiles: &[Lane],
    (mask, order): (Masked, Order),
) {
    let (columns, sorted) = (order.cols, &*order.sorted_rows(mask.sheet.rows));
    for lanes in mask.sheet.blocks(GROUP) {
        let (to, stride, depth) = (&mut *w, GROUP, mask.depth(&lanes));
        dispatch(
            level,
            Untile {
                to,
                stride,
                lanes: lanes.clone(),
                tiles,
                mask,
                columns,
                sorted,
                depth,
            },
        );
        dispatch(level, Forward { z, ones, first, w, stride, lanes, mask });
    }
}

struct Forward<'a> {
    z: &'a mut [Lane],
    ones: &'a Ones,
    first: usize,
    /// Rows of `stride` lanes, the first of which is the first of `lanes`.
    w: &'a [Lane],
    stride: usize,
    lanes: Range<usize>,
    mask: Masked<'a>,
}

impl Work for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let mut at = self.lanes.start;
        while at < self.lanes.end {
            at += match self.lanes.end - at {
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
        let depth = self.mask.depth(&(at..at + N)) as u32;
        for (image, z) in self.z.chunks_exact_mut(self.mask.sheet.stride()).enumerate() {
            let z = &mut z[at..at + N];
            let mut sums = [L::splat(0.0); N];
            sums.iter_mut().zip(&*z).for_each(|(sum, z)| *sum = L::load(z));
            let seen =
                self.ones.row(self.first + image).iter().take_while(|&&column| column < depth);
            add_rows(&mut sums, self.w, self.stride, at - self.lanes.start, seen);
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
pub fn weight_gradient(
    team: &Team,
    level: Level,
    sink: Sink,
    ones: &Ones,
    dz: &[Lane],
    mask: Masked,
) {
    sink.share(team, mask, |rows, waiting| {
        dispatch(level, WeightGradient { rows, waiting, ones, dz, mask })
    });
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
        for together in self.rows.chunks(self.waiting.tall()) {
            self.waiting.expect(together);
            let begin = |row: &(usize, usize)| from(row.0) / WIDTH;
            for (i, row) in together.iter().enumerate() {
                let mut at = begin(row);
                while at < lanes {
                    at += match lanes - at {
                        left if L::MANY && left >= GROUP => self.group::<L, GROUP>(row, i, at),
                        left if left >= 4 => self.group::<L, 4>(row, i, at),
                        _ => self.group::<L, 1>(row, i, at),
                    };
                }
            }
            if !self.waiting.in_place() {
                self.waiting.turn::<L>(together, from);
            }
        }
        self.waiting.finish::<L>();
    }
}

impl WeightGradient<'_> {
    /// Lanes `at..at + N` of a row, which is number `i` of those that are filled in; returns their
    /// number.
    #[inline(always)]
    fn group<L: Lanes, const N: usize>(
        &mut self,
        row: &(usize, usize),
        i: usize,
        at: usize,
    ) -> usize {
        let &(k, to) = row;
        if self.waiting.in_place() {
            self.waiting.prefetch::<L>(to, at..at + N);
        }
        let (mut sums, stride) = ([L::splat(0.0); N], self.mask.sheet.stride());
        add_rows(&mut sums, self.dz, stride, at, self.ones.by_column.get(k).iter());
        if self.waiting.in_place() {
            self.waiting.apply(to, at, sums, self.mask.from[k] as usize);
        } else {
            let filled = &mut self.waiting.filled[i * stride + at..][..N];
            sums.iter().zip(filled).for_each(|(sum, lane)| sum.store(lane));
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
                product::forward(level, &mut dense, &case.x, &case.w, case.mask(), &[]);
                let size = Sheet { rows: 0, cols }.stride();
                forward(level, &mut few[..size], &ones, 0, &case.w, case.mask());
                forward(level, &mut few[size..], &ones, 1, &case.w, case.mask());
                prop_assert_eq!(dense, few);
                let dense = case.gradient(|sink| {
                    gradient::weight_gradient((&team, level), &mut gradient::Packed::default(), sink, &case.x, &case.dz, case.mask(), &[]);
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
