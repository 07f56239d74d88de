//! The gradient of a masked matrix: a product over the images of a minibatch.

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat};
use crate::made::kernels::product::{BLOCK, Panel, add_products};
use crate::made::kernels::sheet::{Masked, Sheet};
use crate::made::kernels::team::Team;
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Sink, TALL, Waiting};

/// The gradients `dz` of a minibatch, packed block by block for all rows of weights: made once and
/// filled again and again.
#[derive(Debug, Default)]
pub struct Packed(Vec<[Lane; BLOCK]>);

/// The gradient `xT dz` of the weights, handed over as it is made, where the leading `blank[i]`
/// numbers of row i of `x` are zero: ever more of them; none, if `blank` is empty.
pub fn weight_gradient(
    (team, level): (&Team, Level),
    packed: &mut Packed,
    sink: Sink,
    x: &[Lane],
    dz: &[Lane],
    mask: Masked,
    blank: &[u32],
) {
    let batch = dz.len() / mask.sheet.stride();
    let panels = &mut packed.0;
    panels.resize(mask.sheet.blocks(BLOCK).count() * batch, [Lane::default(); BLOCK]);
    team.share(
        mask.sheet.blocks(BLOCK).zip(panels.chunks_exact_mut(batch)),
        |(lanes, panel)| {
            for (packed, row) in panel.iter_mut().zip(dz.chunks_exact(mask.sheet.stride())) {
                packed[..lanes.len()].copy_from_slice(&row[lanes.clone()]);
            }
        },
    );
    let panels = &panels[..];
    sink.share(team, mask, |rows, waiting| {
        dispatch(level, WeightGradient { rows, waiting, x, panels, mask, blank })
    });
}

struct WeightGradient<'a> {
    rows: &'a [(usize, usize)],
    waiting: Waiting<'a>,
    x: &'a [Lane],
    panels: &'a [[Lane; BLOCK]],
    mask: Masked<'a>,
    blank: &'a [u32],
}

impl Work for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { rows, mut waiting, x, panels, mask, blank } = self;
        let stride = mask.sheet.stride();
        let x_stride = Sheet { rows: 0, cols: mask.sheet.rows }.stride() * WIDTH;
        let batch = panels.len() / mask.sheet.blocks(BLOCK).count();
        let from = |row: usize| mask.from[row] as usize;
        for together in rows.chunks(waiting.tall()) {
            waiting.expect(together);
            for (filled, rows) in together.chunks(TALL).enumerate() {
                // The first of these rows is the longest, unless they are in an order of their own.
                let begin = rows.iter().map(|row| from(row.0)).min().unwrap_or(0) / WIDTH;
                let mut columns = [0; TALL];
                columns.iter_mut().zip(rows).for_each(|(column, row)| *column = row.0);
                let which = &columns[..rows.len()];
                // Images that are not blank for all of these rows.
                let last = which.iter().max().map_or(0, |&last| last as u32);
                let images = if blank.is_empty() {
                    batch
                } else {
                    blank.partition_point(|&blank| blank <= last)
                };
                let left = Columns {
                    numbers: flat(x),
                    stride: x_stride,
                    which,
                    filled: filled * TALL,
                };
                let terms = (mask.sheet.lanes() - begin).div_ceil(BLOCK) * images;
                let pace = (terms / waiting.len().max(1)).max(1);
                for (lanes, terms) in mask
                    .sheet
                    .blocks(BLOCK)
                    .zip(panels.chunks_exact(batch))
                    .filter(|(lanes, _)| begin < lanes.end)
                {
                    let lanes = lanes.start.max(begin)..lanes.end;
                    let panel = Panel { terms: &terms[..images], lane: lanes.start % BLOCK };
                    if L::MANY {
                        match lanes.len() {
                            1 => columns_of::<L, 1>(
                                &mut waiting,
                                stride,
                                lanes.start,
                                left,
                                panel,
                                pace,
                            ),
                            2 => columns_of::<L, 2>(
                                &mut waiting,
                                stride,
                                lanes.start,
                                left,
                                panel,
                                pace,
                            ),
                            3 => columns_of::<L, 3>(
                                &mut waiting,
                                stride,
                                lanes.start,
                                left,
                                panel,
                                pace,
                            ),
                            _ => columns_of::<L, 4>(
                                &mut waiting,
                                stride,
                                lanes.start,
                                left,
                                panel,
                                pace,
                            ),
                        }
                    } else {
                        for (i, at) in lanes.enumerate() {
                            let panel = Panel { lane: panel.lane + i, ..panel };
                            columns_of::<L, 1>(&mut waiting, stride, at, left, panel, pace);
                        }
                    }
                }
            }
            waiting.turn::<L>(together, from);
        }
        waiting.finish::<L>();
    }
}

/// The left-hand side of a gradient: some columns of a matrix.
#[derive(Clone, Copy)]
struct Columns<'a> {
    numbers: &'a [f32],
    stride: usize,
    which: &'a [usize],
    /// Row to be filled by the first.
    filled: usize,
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
    match left.which.len() {
        1 => L::apart(Tile::<1, N> { waiting, stride, at, left, panel, pace }),
        2 => L::apart(Tile::<2, N> { waiting, stride, at, left, panel, pace }),
        3 => L::apart(Tile::<3, N> { waiting, stride, at, left, panel, pace }),
        4 => L::apart(Tile::<4, N> { waiting, stride, at, left, panel, pace }),
        5 => L::apart(Tile::<5, N> { waiting, stride, at, left, panel, pace }),
        _ => L::apart(Tile::<6, N> { waiting, stride, at, left, panel, pace }),
    }
}

/// `M` rows of a gradient, `N` lanes from `at` on.
struct Tile<'a, 'b, const M: usize, const N: usize> {
    waiting: &'a mut Waiting<'b>,
    stride: usize,
    at: usize,
    left: Columns<'a>,
    panel: Panel<'a>,
    pace: usize,
}

impl<const M: usize, const N: usize> Work for Tile<'_, '_, M, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { waiting, stride, at, left, panel, pace } = self;
        let mut sums = [[L::splat(0.0); N]; M];
        let columns: &[usize; M] = left.which.try_into().expect("as many columns as rows");
        let numbers = &left.numbers[..panel.terms.len() * left.stride];
        assert!(
            columns.iter().all(|&column| column < left.stride),
            "a row holds the columns asked for"
        );
        let number =
            |term: usize, row: usize| numbers[term * left.stride..][..left.stride][columns[row]];
        add_products(&mut sums, panel, number, waiting, pace);
        for (sums, row) in
            sums.iter().zip(waiting.filled.chunks_exact_mut(stride).skip(left.filled))
        {
            for (sum, lane) in sums.iter().zip(&mut row[at..at + N]) {
                sum.store(lane);
            }
        }
    }
}
