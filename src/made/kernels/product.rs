//! Products with a masked matrix, skipping the blocks that its mask closes.
//!
//! A matrix of weights has a row for each unit below and, along it, its weights to all units above, in whole lanes. Units
//! are sorted by degree: unit n above sees the leading `seen[n]` units below, ever more; so the row of unit k is zero up
//! to `from[k]`, the first that sees it. A minibatch is a matrix with a row an image. Blocks of a few lanes share the
//! bound of their widest member; a block of the right-hand side is packed so that it stays in the nearest cache.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat};
use crate::made::kernels::sheet::{Masked, Sheet};
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Beside, TALL};

/// Lanes a block.
pub(super) const BLOCK: usize = 4;

/// Terms of a sum that are packed at once.
const DEPTH: usize = 128;

/// Terms between two rows that are asked for ahead.
const AHEAD: usize = 16;

/// `z += x w` for a part of a minibatch.
pub fn forward(level: Level, z: &mut [Lane], x: &[Lane], w: &[Lane], mask: Masked) {
    dispatch(level, Forward { z, x, w, mask });
}

struct Forward<'a> {
    z: &'a mut [Lane],
    x: &'a [Lane],
    w: &'a [Lane],
    mask: Masked<'a>,
}

impl Work for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { z, x, w, mask } = self;
        let stride = mask.sheet.stride();
        let x_stride = Sheet { rows: 0, cols: mask.sheet.rows }.stride() * WIDTH;
        let mut panel = [[Lane::default(); BLOCK]; DEPTH];
        for lanes in mask.sheet.blocks(BLOCK) {
            let depth = mask.depth(&lanes);
            for first in (0..depth).step_by(DEPTH) {
                let count = DEPTH.min(depth - first);
                for (packed, row) in panel.iter_mut().zip(w.chunks_exact(stride).skip(first)).take(count) {
                    copy::<L>(packed, &row[lanes.clone()]);
                }
                // The next panel: further down, or at the top of the next block.
                let (rows, next) = if first + DEPTH < depth {
                    (first + DEPTH..depth.min(first + 2 * DEPTH), lanes.clone())
                } else {
                    (0..DEPTH.min(mask.sheet.rows), lanes.end..stride.min(lanes.end + BLOCK))
                };
                let mut ahead = Ahead { w, stride, rows, lanes: next };
                // Later lanes see more: each piece ends where the sight of its first lane ends.
                let mut begin = 0;
                let x = Left { numbers: flat(x), stride: x_stride, first };
                for lane in lanes.clone() {
                    let end = count.min(mask.depth(&(lane..lane + 1)).saturating_sub(first));
                    let panel = Panel { terms: &panel[begin..end], lane: lane - lanes.start };
                    product::<L>(z, stride, lane..lanes.end, x.skip(begin), panel, &mut ahead);
                    begin = end;
                }
            }
        }
    }
}

/// `dx = dz wT` for a part of a minibatch.
pub fn input_gradient(level: Level, dx: &mut [Lane], dz: &[Lane], w: &[Lane], mask: Masked) {
    dispatch(level, InputGradient { dx, dz, w, mask });
}

struct InputGradient<'a> {
    dx: &'a mut [Lane],
    dz: &'a [Lane],
    w: &'a [Lane],
    mask: Masked<'a>,
}

impl Work for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { dx, dz, w, mask } = self;
        let Sheet { rows, cols } = mask.sheet;
        let below = Sheet { rows: 0, cols: rows };
        let dz_stride = mask.sheet.stride() * WIDTH;
        let mut panel = [[Lane::default(); BLOCK]; DEPTH];
        dx.fill(Lane::default());
        for lanes in below.blocks(BLOCK) {
            let units = lanes.start * WIDTH..rows.min(lanes.end * WIDTH);
            // A lane that begins before the first term holds zeros there.
            let begins = |lane: usize| mask.from[lane * WIDTH] as usize / WIDTH * WIDTH;
            for first in (begins(lanes.start)..cols).step_by(DEPTH) {
                let count = DEPTH.min(cols - first);
                transpose::<L>(&mut panel, w, mask.sheet, units.clone(), &(first..first + count));
                let next = first + DEPTH;
                let (rows, terms) = if next < cols {
                    (units.clone(), next..cols.min(next + DEPTH))
                } else {
                    let rows = units.end..rows.min(units.end + BLOCK * WIDTH);
                    let begin = if rows.is_empty() { 0 } else { begins(lanes.end) };
                    (rows, begin..cols.min(begin + DEPTH))
                };
                let terms = terms.start / WIDTH..terms.end.div_ceil(WIDTH);
                let mut ahead = Ahead { w, stride: mask.sheet.stride(), rows, lanes: terms };
                // Later lanes are seen later: each piece begins where the sight of its last lane begins.
                let dz = Left { numbers: flat(dz), stride: dz_stride, first };
                for end in lanes.start + 1..=lanes.end {
                    let begin = begins(end - 1).saturating_sub(first).min(count);
                    let until = if end == lanes.end { cols } else { begins(end) }.saturating_sub(first).min(count);
                    let panel = Panel { terms: &panel[begin..until], lane: 0 };
                    product::<L>(dx, below.stride(), lanes.start..end, dz.skip(begin), panel, &mut ahead);
                }
            }
        }
    }
}

/// Copies a few lanes, without the call that a longer copy would be worth.
#[inline(always)]
pub(super) fn copy<L: Lanes>(to: &mut [Lane], from: &[Lane]) {
    to.iter_mut().zip(from).for_each(|(to, from)| L::load(from).store(to));
}

/// Packs rows `units` of `w`, columns `terms`, as columns; the first term begins a lane.
#[inline(always)]
fn transpose<L: Lanes>(
    panel: &mut [[Lane; BLOCK]; DEPTH],
    w: &[Lane],
    sheet: Sheet,
    units: Range<usize>,
    terms: &Range<usize>,
) {
    let stride = sheet.stride();
    for (lane, first) in units.clone().step_by(WIDTH).enumerate() {
        for at in terms.clone().step_by(WIDTH) {
            let mut rows = [L::splat(0.0); WIDTH];
            for (row, unit) in rows.iter_mut().zip(first..units.end) {
                *row = L::load(&w[unit * stride + at / WIDTH]);
            }
            let packed = &mut panel[at - terms.start..][..WIDTH];
            for (packed, column) in packed.iter_mut().zip(L::transpose(rows)) {
                column.store(&mut packed[lane]);
            }
        }
    }
}

/// The left-hand side of a product: rows, of which some columns from `first` on are used.
#[derive(Clone, Copy)]
struct Left<'a> {
    numbers: &'a [f32],
    stride: usize,
    first: usize,
}

impl Left<'_> {
    #[inline(always)]
    fn skip(self, columns: usize) -> Self {
        Self { first: self.first + columns, ..self }
    }
}

/// The right-hand side: lanes from `lane` on of a packed block, one row a term of the sums.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) terms: &'a [[Lane; BLOCK]],
    pub(super) lane: usize,
}

/// What will be packed next: asked for row by row, so that it is at hand.
struct Ahead<'a> {
    w: &'a [Lane],
    stride: usize,
    rows: Range<usize>,
    lanes: Range<usize>,
}

impl Beside for Ahead<'_> {
    #[inline(always)]
    fn little<L: Lanes>(&mut self) {
        if let Some(row) = self.rows.next() {
            let lanes = self.w.get(row * self.stride + self.lanes.start..row * self.stride + self.lanes.end);
            lanes.unwrap_or_default().iter().for_each(L::prefetch);
        }
    }
}

/// Adds to columns `lanes` of every row of `c` the product of `left` and the panel.
#[inline(always)]
fn product<L: Lanes>(c: &mut [Lane], stride: usize, lanes: Range<usize>, left: Left, panel: Panel, ahead: &mut Ahead) {
    if panel.terms.is_empty() {
        return;
    }
    for (c, numbers) in c.chunks_mut(TALL * stride).zip(left.numbers.chunks(TALL * left.stride)) {
        let left = Left { numbers, ..left };
        if L::MANY {
            match lanes.len() {
                1 => rows::<L, 1>(c, stride, lanes.start, left, panel, ahead),
                2 => rows::<L, 2>(c, stride, lanes.start, left, panel, ahead),
                3 => rows::<L, 3>(c, stride, lanes.start, left, panel, ahead),
                _ => rows::<L, 4>(c, stride, lanes.start, left, panel, ahead),
            }
        } else {
            for (i, at) in lanes.clone().enumerate() {
                rows::<L, 1>(c, stride, at, left, Panel { lane: panel.lane + i, ..panel }, ahead);
            }
        }
    }
}

/// Up to `TALL` rows of a product, `N` lanes from `at` on.
#[inline(always)]
fn rows<L: Lanes, const N: usize>(
    c: &mut [Lane],
    stride: usize,
    at: usize,
    left: Left,
    panel: Panel,
    ahead: &mut Ahead,
) {
    match c.len() / stride {
        1 => tile::<L, 1, N>(c, stride, at, left, panel, ahead),
        2 => tile::<L, 2, N>(c, stride, at, left, panel, ahead),
        3 => tile::<L, 3, N>(c, stride, at, left, panel, ahead),
        4 => tile::<L, 4, N>(c, stride, at, left, panel, ahead),
        5 => tile::<L, 5, N>(c, stride, at, left, panel, ahead),
        _ => tile::<L, 6, N>(c, stride, at, left, panel, ahead),
    }
}

/// `M` rows of a product, `N` lanes from `at` on.
#[inline(always)]
fn tile<L: Lanes, const M: usize, const N: usize>(
    c: &mut [Lane],
    stride: usize,
    at: usize,
    left: Left,
    panel: Panel,
    ahead: &mut Ahead,
) {
    let mut sums = [[L::splat(0.0); N]; M];
    for (sums, c) in sums.iter_mut().zip(c.chunks_exact(stride)) {
        for (sum, c) in sums.iter_mut().zip(&c[at..at + N]) {
            *sum = L::load(c);
        }
    }
    let mut rows: [&[f32]; M] = [&[]; M];
    for (row, numbers) in rows.iter_mut().zip(left.numbers.chunks(left.stride)) {
        *row = &numbers[left.first..left.first + panel.terms.len()];
    }
    add_products(&mut sums, panel, |term, row| rows[row][term], ahead, AHEAD);
    for (sums, c) in sums.iter().zip(c.chunks_exact_mut(stride)) {
        for (sum, c) in sums.iter().zip(&mut c[at..at + N]) {
            sum.store(c);
        }
    }
}

/// `sums[m][n] += left(term, m) * panel[term][n]`, term by term, and every `pace` terms a little of the work beside.
#[inline(always)]
pub(super) fn add_products<L: Lanes, const M: usize, const N: usize>(
    sums: &mut [[L; N]; M],
    panel: Panel,
    left: impl Fn(usize, usize) -> f32,
    beside: &mut impl Beside,
    pace: usize,
) {
    let lane = panel.lane;
    assert!(lane + N <= BLOCK, "a panel has {BLOCK} lanes");
    // A copy that nothing else refers to stays in registers.
    let mut running = *sums;
    let mut term = 0;
    for terms in panel.terms.chunks(pace) {
        for right in terms {
            let mut lanes = [L::splat(0.0); N];
            for (n, to) in lanes.iter_mut().enumerate() {
                *to = L::load(&right[lane + n]);
            }
            for (m, sums) in running.iter_mut().enumerate() {
                let left = L::splat(left(term, m));
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    *sum = sum.add_product(left, lane);
                }
            }
            term += 1;
        }
        beside.little::<L>();
    }
    *sums = running;
}

#[cfg(test)]
pub(super) mod tests;
