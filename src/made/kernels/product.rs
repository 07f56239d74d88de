//! Products with a masked matrix, skipping the blocks that its mask closes.
//!
//! A matrix of weights has a row for each unit below and, along it, its weights to all units above, in whole lanes. Units
//! are sorted by degree: unit n above sees the leading `seen[n]` units below, ever more; so the row of unit k is zero up
//! to `from[k]`, the first that sees it. A minibatch is a matrix with a row an image. Blocks of a few lanes share the
//! bound of their widest member; a block of the right-hand side is packed so that it stays in the nearest cache.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat};
use crate::made::kernels::sheet::{Masked, Sheet};
use crate::made::kernels::team::Team;
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Beside, Sink, TALL, Waiting};

/// Lanes a block.
const BLOCK: usize = 4;

/// Terms of a sum that are packed at once.
const DEPTH: usize = 128;

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
                // Later lanes see more: each piece ends where the sight of its first lane ends.
                let mut begin = 0;
                let x = Left { numbers: flat(x), stride: x_stride, first };
                for lane in lanes.clone() {
                    let end = count.min(mask.depth(&(lane..lane + 1)).saturating_sub(first));
                    let panel = Panel { terms: &panel[begin..end], lane: lane - lanes.start };
                    product::<L>(z, stride, lane..lanes.end, x.skip(begin), panel);
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
                // Later lanes are seen later: each piece begins where the sight of its last lane begins.
                let dz = Left { numbers: flat(dz), stride: dz_stride, first };
                for end in lanes.start + 1..=lanes.end {
                    let begin = begins(end - 1).saturating_sub(first).min(count);
                    let until = if end == lanes.end { cols } else { begins(end) }.saturating_sub(first).min(count);
                    let panel = Panel { terms: &panel[begin..until], lane: 0 };
                    product::<L>(dx, below.stride(), lanes.start..end, dz.skip(begin), panel);
                }
            }
        }
    }
}

/// Copies a few lanes, without the call that a longer copy would be worth.
#[inline(always)]
fn copy<L: Lanes>(to: &mut [Lane], from: &[Lane]) {
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
struct Panel<'a> {
    terms: &'a [[Lane; BLOCK]],
    lane: usize,
}

/// Adds to columns `lanes` of every row of `c` the product of `left` and the panel.
#[inline(always)]
fn product<L: Lanes>(c: &mut [Lane], stride: usize, lanes: Range<usize>, left: Left, panel: Panel) {
    if panel.terms.is_empty() {
        return;
    }
    for (c, numbers) in c.chunks_mut(TALL * stride).zip(left.numbers.chunks(TALL * left.stride)) {
        let left = Left { numbers, ..left };
        if L::MANY {
            match lanes.len() {
                1 => rows::<L, 1>(c, stride, lanes.start, left, panel),
                2 => rows::<L, 2>(c, stride, lanes.start, left, panel),
                3 => rows::<L, 3>(c, stride, lanes.start, left, panel),
                _ => rows::<L, 4>(c, stride, lanes.start, left, panel),
            }
        } else {
            for (i, at) in lanes.clone().enumerate() {
                rows::<L, 1>(c, stride, at, left, Panel { lane: panel.lane + i, ..panel });
            }
        }
    }
}

/// Up to `TALL` rows of a product, `N` lanes from `at` on.
#[inline(always)]
fn rows<L: Lanes, const N: usize>(c: &mut [Lane], stride: usize, at: usize, left: Left, panel: Panel) {
    match c.len() / stride {
        1 => tile::<L, 1, N>(c, stride, at, left, panel),
        2 => tile::<L, 2, N>(c, stride, at, left, panel),
        3 => tile::<L, 3, N>(c, stride, at, left, panel),
        4 => tile::<L, 4, N>(c, stride, at, left, panel),
        5 => tile::<L, 5, N>(c, stride, at, left, panel),
        _ => tile::<L, 6, N>(c, stride, at, left, panel),
    }
}

/// `M` rows of a product, `N` lanes from `at` on.
#[inline(always)]
fn tile<L: Lanes, const M: usize, const N: usize>(c: &mut [Lane], stride: usize, at: usize, left: Left, panel: Panel) {
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
    add_products(&mut sums, panel, |term, row| rows[row][term], &mut (), panel.terms.len());
    for (sums, c) in sums.iter().zip(c.chunks_exact_mut(stride)) {
        for (sum, c) in sums.iter().zip(&mut c[at..at + N]) {
            sum.store(c);
        }
    }
}

/// `sums[m][n] += left(term, m) * panel[term][n]`, term by term, and every `pace` terms a little of the work beside.
#[inline(always)]
fn add_products<L: Lanes, const M: usize, const N: usize>(
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

/// The gradient `xT dz` of the weights, handed over as it is made.
pub fn weight_gradient(team: &Team, level: Level, sink: Sink, x: &[Lane], dz: &[Lane], mask: Masked) {
    sink.share(team, mask, |rows, waiting| dispatch(level, WeightGradient { rows, waiting, x, dz, mask }));
}

struct WeightGradient<'a> {
    rows: &'a [(usize, usize)],
    waiting: Waiting<'a>,
    x: &'a [Lane],
    dz: &'a [Lane],
    mask: Masked<'a>,
}

impl Work for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { rows, mut waiting, x, dz, mask } = self;
        let stride = mask.sheet.stride();
        let x_stride = Sheet { rows: 0, cols: mask.sheet.rows }.stride() * WIDTH;
        let batch = dz.len() / stride;
        let mut panels = vec![[Lane::default(); BLOCK]; mask.sheet.blocks(BLOCK).count() * batch];
        for (lanes, panel) in mask.sheet.blocks(BLOCK).zip(panels.chunks_exact_mut(batch)) {
            for (packed, row) in panel.iter_mut().zip(dz.chunks_exact(stride)) {
                copy::<L>(packed, &row[lanes.clone()]);
            }
        }
        let from = |row: usize| mask.from[row] as usize;
        for rows in rows.chunks(TALL) {
            waiting.expect(rows);
            // The first of these rows is the longest.
            let begin = from(rows[0].0) / WIDTH;
            let mut columns = [0; TALL];
            columns.iter_mut().zip(rows).for_each(|(column, row)| *column = row.0);
            let left = Columns { numbers: flat(x), stride: x_stride, columns: &columns[..rows.len()] };
            let terms = (mask.sheet.lanes() - begin).div_ceil(BLOCK) * batch;
            let pace = (terms / waiting.len().max(1)).max(1);
            for (lanes, terms) in mask.sheet.blocks(BLOCK).zip(panels.chunks_exact(batch)).skip(begin / BLOCK) {
                let lanes = lanes.start.max(begin)..lanes.end;
                let panel = Panel { terms, lane: lanes.start % BLOCK };
                if L::MANY {
                    match lanes.len() {
                        1 => columns_of::<L, 1>(&mut waiting, stride, lanes.start, left, panel, pace),
                        2 => columns_of::<L, 2>(&mut waiting, stride, lanes.start, left, panel, pace),
                        3 => columns_of::<L, 3>(&mut waiting, stride, lanes.start, left, panel, pace),
                        _ => columns_of::<L, 4>(&mut waiting, stride, lanes.start, left, panel, pace),
                    }
                } else {
                    for (i, at) in lanes.enumerate() {
                        let panel = Panel { lane: panel.lane + i, ..panel };
                        columns_of::<L, 1>(&mut waiting, stride, at, left, panel, pace);
                    }
                }
            }
            waiting.turn::<L>(rows, from);
        }
        waiting.finish::<L>();
    }
}

/// The left-hand side of a gradient: some columns of a matrix.
#[derive(Clone, Copy)]
struct Columns<'a> {
    numbers: &'a [f32],
    stride: usize,
    columns: &'a [usize],
}

/// Up to `TALL` rows of a gradient, `N` lanes from `at` on: sums over images.
#[inline(always)]
fn columns_of<L: Lanes, const N: usize>(
    waiting: &mut Waiting,
    stride: usize,
    at: usize,
    left: Columns,
    panel: Panel,
    pace: usize,
) {
    match left.columns.len() {
        1 => column::<L, 1, N>(waiting, stride, at, left, panel, pace),
        2 => column::<L, 2, N>(waiting, stride, at, left, panel, pace),
        3 => column::<L, 3, N>(waiting, stride, at, left, panel, pace),
        4 => column::<L, 4, N>(waiting, stride, at, left, panel, pace),
        5 => column::<L, 5, N>(waiting, stride, at, left, panel, pace),
        _ => column::<L, 6, N>(waiting, stride, at, left, panel, pace),
    }
}

#[inline(always)]
fn column<L: Lanes, const M: usize, const N: usize>(
    waiting: &mut Waiting,
    stride: usize,
    at: usize,
    left: Columns,
    panel: Panel,
    pace: usize,
) {
    let mut sums = [[L::splat(0.0); N]; M];
    let columns: &[usize; M] = left.columns.try_into().expect("as many columns as rows");
    let numbers = &left.numbers[..panel.terms.len() * left.stride];
    assert!(columns.iter().all(|&column| column < left.stride), "a row holds the columns asked for");
    add_products(
        &mut sums,
        panel,
        |term, row| numbers[term * left.stride..][..left.stride][columns[row]],
        waiting,
        pace,
    );
    for (sums, row) in sums.iter().zip(waiting.filled.chunks_exact_mut(stride)) {
        for (sum, lane) in sums.iter().zip(&mut row[at..at + N]) {
            sum.store(lane);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
