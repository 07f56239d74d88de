//! Products with a masked matrix, skipping the blocks that its mask closes.
//!
//! A matrix of weights has a row for each unit below and, along it, its weights to all units above,
//! in whole lanes. Units are sorted by degree: unit n above sees the leading `seen[n]` units below,
//! ever more; so the row of unit k is zero up to `from[k]`, the first that sees it. A minibatch is
//! a matrix with a row an image. Blocks of a few lanes share the bound of their widest member; a
//! block of the right-hand side is packed so that it stays in the nearest cache.

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

/// `z += x w` for a part of a minibatch, where the leading `blank[i]` numbers of row i of `x` are
/// zero: ever more of them; none, if `blank` is empty.
pub fn forward(level: Level, z: &mut [Lane], x: &[Lane], w: &[Lane], mask: Masked, blank: &[u32]) {
    dispatch(level, Forward { z, x, w, mask, blank });
}

struct Forward<'a> {
    z: &'a mut [Lane],
    x: &'a [Lane],
    w: &'a [Lane],
    mask: Masked<'a>,
    blank: &'a [u32],
}

impl Work for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { z, x, w, mask, blank } = self;
        let stride = mask.sheet.stride();
        let x_stride = Sheet { rows: 0, cols: mask.sheet.rows }.stride() * WIDTH;
        let mut panel = [[Lane::default(); BLOCK]; DEPTH];
        for lanes in mask.sheet.blocks(BLOCK) {
            let depth = mask.depth(&lanes);
            for first in (0..depth).step_by(DEPTH) {
                let count = DEPTH.min(depth - first);
                for (packed, k) in panel.iter_mut().zip(first..first + count) {
                    for (packed, lane) in packed.iter_mut().zip(lanes.clone()) {
                        mask.load::<L>(w, k, lane).store(packed);
                    }
                }
                // The next panel: further down, or at the top of the next block.
                let (rows, next) = if first + DEPTH < depth {
                    (first + DEPTH..depth.min(first + 2 * DEPTH), lanes.clone())
                } else {
                    (0..DEPTH.min(mask.sheet.rows), lanes.end..stride.min(lanes.end + BLOCK))
                };
                let mut ahead = Ahead { w, mask, rows, lanes: next };
                // Later lanes see more: each piece ends where the sight of its first lane ends.
                let mut begin = 0;
                let x = Left { numbers: flat(x), stride: x_stride, first };
                for lane in lanes.clone() {
                    let end = count.min(mask.depth(&(lane..lane + 1)).saturating_sub(first));
                    let panel = &panel[begin..end];
                    let lanes = lane..lanes.end;
                    product::<L>(z, stride, x.skip(begin), panel, &mut ahead, |tile| {
                        (lanes.clone(), leading(blank, tile).saturating_sub(first + begin))
                    });
                    begin = end;
                }
            }
        }
    }
}

/// `dx = dz wT` for a part of a minibatch, but for the leading `blank[i]` numbers of row i, whole
/// lanes and ever more of them, of which some are left at zero; none, if `blank` is empty.
pub fn input_gradient(
    level: Level,
    dx: &mut [Lane],
    dz: &[Lane],
    w: &[Lane],
    mask: Masked,
    blank: &[u32],
) {
    dispatch(level, InputGradient { dx, dz, w, mask, blank });
}

struct InputGradient<'a> {
    dx: &'a mut [Lane],
    dz: &'a [Lane],
    w: &'a [Lane],
    mask: Masked<'a>,
    blank: &'a [u32],
}

impl Work for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { dx, dz, w, mask, blank } = self;
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
                transpose::<L>(&mut panel, w, mask, units.clone(), &(first..first + count));
                let next = first + DEPTH;
                let (rows, terms) = if next < cols {
                    (units.clone(), next..cols.min(next + DEPTH))
                } else {
                    let rows = units.end..rows.min(units.end + BLOCK * WIDTH);
                    let begin = if rows.is_empty() { 0 } else { begins(lanes.end) };
                    (rows, begin..cols.min(begin + DEPTH))
                };
                let terms = terms.start / WIDTH..terms.end.div_ceil(WIDTH);
                let mut ahead = Ahead { w, mask, rows, lanes: terms };
                // Later lanes are seen later: each piece begins where the sight of its last lane
                // begins.
                let dz = Left { numbers: flat(dz), stride: dz_stride, first };
                for end in lanes.start + 1..=lanes.end {
                    let begin = begins(end - 1).saturating_sub(first).min(count);
                    let until = if end == lanes.end { cols } else { begins(end) }
                        .saturating_sub(first)
                        .min(count);
                    let panel = &panel[begin..until];
                    product::<L>(dx, below.stride(), dz.skip(begin), panel, &mut ahead, |tile| {
                        ((leading(blank, tile) / WIDTH).clamp(lanes.start, end)..end, 0)
                    });
                }
            }
        }
    }
}

/// Leading numbers that are blank in all rows of a tile: those of its first.
#[inline(always)]
fn leading(blank: &[u32], tile: usize) -> usize {
    blank.get(tile * TALL).map_or(0, |&blank| blank as usize)
}

/// Packs rows `units` of `w`, columns `terms`, as columns; the first term begins a lane.
#[inline(always)]
fn transpose<L: Lanes>(
    panel: &mut [[Lane; BLOCK]; DEPTH],
    w: &[Lane],
    mask: Masked,
    units: Range<usize>,
    terms: &Range<usize>,
) {
    for (lane, first) in units.clone().step_by(WIDTH).enumerate() {
        for at in terms.clone().step_by(WIDTH) {
            let mut rows = [L::splat(0.0); WIDTH];
            for (row, unit) in rows.iter_mut().zip(first..units.end) {
                *row = mask.load(w, unit, at / WIDTH);
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
    mask: Masked<'a>,
    rows: Range<usize>,
    lanes: Range<usize>,
}

impl Beside for Ahead<'_> {
    #[inline(always)]
    fn little<L: Lanes>(&mut self) {
        if let Some(row) = self.rows.next() {
            let row = self.mask.row(row) * self.mask.sheet.stride();
            let lanes = self.w.get(row + self.lanes.start..row + self.lanes.end);
            lanes.unwrap_or_default().iter().for_each(L::prefetch);
        }
    }
}

/// Adds to `c` the product of `left` and a panel of a block: in each tile of rows to the columns,
/// and from the term on, that `part` tells for it.
#[inline(always)]
fn product<L: Lanes>(
    c: &mut [Lane],
    stride: usize,
    left: Left,
    panel: &[[Lane; BLOCK]],
    ahead: &mut Ahead,
    part: impl Fn(usize) -> (Range<usize>, usize),
) {
    for (tile, (c, numbers)) in c
        .chunks_mut(TALL * stride)
        .zip(left.numbers.chunks(TALL * left.stride))
        .enumerate()
    {
        let (lanes, skipped) = part(tile);
        let Some(terms) = panel.get(skipped..).filter(|terms| !terms.is_empty()) else {
            continue;
        };
        let left = Left { numbers, ..left }.skip(skipped);
        let panel = Panel { terms, lane: lanes.start % BLOCK };
        if L::MANY {
            match lanes.len() {
                0 => {}
                1 => rows::<L, 1>(c, stride, lanes.start, left, panel, ahead),
                2 => rows::<L, 2>(c, stride, lanes.start, left, panel, ahead),
                3 => rows::<L, 3>(c, stride, lanes.start, left, panel, ahead),
                _ => rows::<L, 4>(c, stride, lanes.start, left, panel, ahead),
            }
        } else {
            for (i, at) in lanes.enumerate() {
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
        1 => L::apart(Tile::<1, N> { c, stride, at, left, panel, ahead }),
        2 => L::apart(Tile::<2, N> { c, stride, at, left, panel, ahead }),
        3 => L::apart(Tile::<3, N> { c, stride, at, left, panel, ahead }),
        4 => L::apart(Tile::<4, N> { c, stride, at, left, panel, ahead }),
        5 => L::apart(Tile::<5, N> { c, stride, at, left, panel, ahead }),
        _ => L::apart(Tile::<6, N> { c, stride, at, left, panel, ahead }),
    }
}

/// `M` rows of a product, `N` lanes from `at` on.
struct Tile<'a, 'b, const M: usize, const N: usize> {
    c: &'a mut [Lane],
    stride: usize,
    at: usize,
    left: Left<'a>,
    panel: Panel<'a>,
    ahead: &'a mut Ahead<'b>,
}

impl<const M: usize, const N: usize> Work for Tile<'_, '_, M, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { c, stride, at, left, panel, ahead } = self;
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
}

/// `sums[m][n] += left(term, m) * panel[term][n]`, term by term, and every `pace` terms a little of
/// the work beside.
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
