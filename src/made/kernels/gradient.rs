//! The gradient of a masked matrix: a product over the images of a minibatch.

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat};
use crate::made::kernels::product::{BLOCK, Panel, add_products, copy};
use crate::made::kernels::sheet::{Masked, Sheet};
use crate::made::kernels::team::Team;
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Sink, TALL, Waiting};

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
            let left = Columns { numbers: flat(x), stride: x_stride, which: &columns[..rows.len()] };
            let terms = (mask.sheet.lanes() - begin).div_ceil(BLOCK) * batch;
            let pace = (terms / waiting.len().max(1)).max(1);
            for (lanes, terms) in
                mask.sheet.blocks(BLOCK).zip(panels.chunks_exact(batch)).filter(|(lanes, _)| begin < lanes.end)
            {
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
    which: &'a [usize],
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
    let columns: &[usize; M] = left.which.try_into().expect("as many columns as rows");
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
