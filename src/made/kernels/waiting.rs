//! Gradients on their way into the weights.
//!
//! An update takes a root and a division, which a processor makes in a unit of their own, slowly. So rows of a gradient
//! wait in a near cache, and are applied lane by lane beside the products that make the next rows.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat_mut};
use crate::made::kernels::sheet::{Masked, share};
use crate::made::kernels::team::Team;
use crate::made::kernels::update::{Target, Update};
use crate::made::kernels::vectorized::Level;

/// Rows made together.
pub(super) const TALL: usize = 6;

/// How weights stand that are not sorted by the mask; `None` where they are all the same.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Row of each sorted row.
    pub rows: Option<&'a [u32]>,
    /// Column of each sorted column.
    pub cols: Option<&'a [u32]>,
}

/// What a gradient does: updates weights that are sorted as the mask is, or stand in an order of their own. The former
/// belong to one mask, and what it closes is zero and stays; the latter to many, and are updated all, by zero where the
/// mask is closed, because a rule with momentum goes on moving them.
#[derive(Debug)]
pub struct Sink<'a> {
    /// Weights and the rule's arrays.
    pub target: Target<'a>,
    /// The rule.
    pub update: Update,
    /// The order of the weights, if not the mask's.
    pub order: Option<Order<'a>>,
}

/// A sorted row, and the lane at which it begins in a target.
type Row = (usize, usize);

impl Sink<'_> {
    /// Hands over the rows of a gradient, as its rows and where they go, cut so that a team has enough to share.
    pub(super) fn share(self, team: &Team, mask: Masked, task: impl Fn(&[Row], Waiting) + Sync + Send) {
        let Self { target: Target { p, state: [s, u] }, update, order } = self;
        let (stride, rows) = (mask.sheet.stride(), share(mask.sheet.rows, team.threads()));
        let size = rows * stride;
        let (mut s, mut u) = (s.chunks_mut(size), u.chunks_mut(size));
        let parts = p.chunks_mut(size).enumerate().map(|(i, p)| {
            (
                i * rows..(i + 1) * rows,
                Target { p, state: [s.next().unwrap_or_default(), u.next().unwrap_or_default()] },
            )
        });
        team.share(parts, |(part, target): (Range<usize>, Target)| {
            let row = |k: usize| order.and_then(|order| order.rows).map_or(k, |rows| rows[k] as usize);
            let rows = (0..mask.sheet.rows).map(|k| (k, row(k))).filter(|(_, row)| part.contains(row));
            let rows: Vec<Row> = rows.map(|(k, row)| (k, (row - part.start) * stride)).collect();
            task(&rows, Waiting::new(target, update, order, mask));
        });
    }

    /// Applies a gradient of which every row is `g`, as far as the mask is open.
    pub fn repeat(self, team: &Team, g: &[Lane], mask: Masked) {
        self.share(team, mask, |rows, waiting| dispatch(Level::detect(), Repeat { rows, waiting, g, mask }));
    }
}

struct Repeat<'a> {
    rows: &'a [Row],
    waiting: Waiting<'a>,
    g: &'a [Lane],
    mask: Masked<'a>,
}

impl Work for Repeat<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { rows, mut waiting, g, mask } = self;
        for row in rows {
            waiting.filled[..g.len()].copy_from_slice(g);
            waiting.turn::<L>(std::slice::from_ref(row), |row| mask.from[row] as usize);
        }
        waiting.finish::<L>();
    }
}

/// Rows of a gradient: some that are being filled in, and some that wait to be applied.
pub(super) struct Waiting<'a> {
    target: Target<'a>,
    update: Update,
    order: Option<Order<'a>>,
    cols: usize,
    stride: usize,
    /// Rows to be filled.
    pub(super) filled: Vec<Lane>,
    ready: Vec<Lane>,
    /// Lanes that wait of each row of `ready`, and where it begins in the target.
    rows: [(Range<usize>, usize); TALL],
    row: usize,
    /// Where the rows that are being filled begin.
    next: [usize; TALL],
}

/// Work done beside a product, a little at a time.
pub(super) trait Beside {
    /// Does a little.
    fn little<L: Lanes>(&mut self);
}

impl Beside for Waiting<'_> {
    /// Applies one lane.
    #[inline(always)]
    fn little<L: Lanes>(&mut self) {
        let Some((lanes, to)) = self.rows.get_mut(self.row) else { return };
        if let Some(lane) = lanes.next() {
            // The row that is being filled in will be applied soon.
            self.target.prefetch::<L>(self.next[self.row] + lane);
            self.update.lane(&mut self.target, *to + lane, L::load(&self.ready[self.row * self.stride + lane]));
        } else {
            self.row += 1;
        }
    }
}

impl<'a> Waiting<'a> {
    fn new(target: Target<'a>, update: Update, order: Option<Order<'a>>, mask: Masked) -> Self {
        let stride = mask.sheet.stride();
        let rows = || vec![Lane::default(); TALL * stride];
        let (filled, ready) = (rows(), rows());
        Self {
            target,
            update,
            order,
            cols: mask.sheet.cols,
            stride,
            filled,
            ready,
            rows: Default::default(),
            row: TALL,
            next: [0; TALL],
        }
    }

    /// Rows `rows` will be filled in next.
    #[inline(always)]
    pub(super) fn expect(&mut self, rows: &[Row]) {
        self.next.iter_mut().zip(rows).for_each(|(next, row)| *next = row.1);
    }

    /// Lanes that wait.
    pub(super) fn len(&self) -> usize {
        self.rows.iter().skip(self.row).map(|(lanes, _)| lanes.len()).sum()
    }

    /// Whether rows are applied as they are made, lane by lane: nothing is to be put in order.
    #[inline(always)]
    pub(super) fn in_place(&self) -> bool {
        self.order.is_none()
    }

    /// Applies lanes `at..at + N` of the row that begins at `to`, whose numbers up to `from` count as zero.
    #[inline(always)]
    pub(super) fn apply<L: Lanes, const N: usize>(&mut self, to: usize, at: usize, mut g: [L; N], from: usize) {
        let closed = from.saturating_sub(at * WIDTH);
        if closed > 0 {
            let mut first = Lane::default();
            g[0].store(&mut first);
            first.0[..closed].fill(0.0);
            g[0] = L::load(&first);
        }
        let mut target = self.target.part(to + at..to + at + N);
        for (n, &g) in g.iter().enumerate() {
            self.update.lane(&mut target, n, g);
        }
    }

    /// Asks for lanes of the row that begins at `to`.
    #[inline(always)]
    pub(super) fn prefetch<L: Lanes>(&self, to: usize, lanes: Range<usize>) {
        lanes.for_each(|lane| self.target.prefetch::<L>(to + lane));
    }

    /// Applies all that waits.
    #[inline(always)]
    pub(super) fn finish<L: Lanes>(&mut self) {
        while self.row < TALL {
            self.little::<L>();
        }
    }

    /// Applies what still waits; then the rows that have been filled, `rows`, wait. Number `from` of a row is its first.
    #[inline(always)]
    pub(super) fn turn<L: Lanes>(&mut self, rows: &[Row], from: impl Fn(usize) -> usize) {
        self.finish::<L>();
        let scattered = self.order.and_then(|order| order.cols);
        for (i, &(k, to)) in rows.iter().enumerate() {
            let (begin, from) = (i * self.stride, from(k));
            let filled = flat_mut(&mut self.filled[begin..begin + self.stride]);
            let start = if self.order.is_some() { 0 } else { from / WIDTH };
            if let Some(cols) = scattered {
                let ready = flat_mut(&mut self.ready[begin..begin + self.stride]);
                ready.fill(0.0);
                cols.iter().zip(&*filled).skip(from).for_each(|(&col, &g)| ready[col as usize] = g);
            } else {
                filled[start * WIDTH..from].fill(0.0);
            }
            self.rows[i] = (start..self.cols.div_ceil(WIDTH), to);
        }
        if scattered.is_none() {
            std::mem::swap(&mut self.filled, &mut self.ready);
        }
        self.rows[rows.len()..].fill((0..0, 0));
        self.row = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::binary::{self, Ones};
    use crate::made::kernels::gradient;
    use crate::made::kernels::lanes::flat;
    use crate::made::kernels::product::tests::Case;
    use crate::rng::{Purpose, Seed};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Weights in another order get the gradient of sorted ones, each in its place, and zero where the mask is closed.
        #[test]
        fn any_order_gets_the_same_gradient(
            rows in 1usize..100, cols in 1usize..150, batch in 1usize..20, threads in 1usize..4, sort: (bool, bool),
            seed: u64,
        ) {
            let case = Case::new(rows, cols, batch, seed);
            let stride = case.sheet.stride();
            let mut stream = Seed(seed).stream(Purpose::Shuffle, 0);
            let (row_order, col_order) = (stream.permutation(rows), stream.permutation(cols));
            let order = Order { rows: sort.0.then_some(&*row_order), cols: sort.1.then_some(&*col_order) };
            let at = |order: Option<&[u32]>, i: usize| order.map_or(i, |order| order[i] as usize);
            let mut ones = Ones::default();
            let identity: Vec<u32> = (0..rows as u32).collect();
            for image in 0..batch {
                ones.push(&(0..rows).map(|k| u8::from((k + image) % 3 == 0)).collect::<Vec<_>>(), &identity);
            }
            ones.index(rows);
            let team = Team::new(threads);
            for level in Level::available() {
                let kernels: [&dyn Fn(Sink); 3] = [
                    &|sink| gradient::weight_gradient(&team, level, sink, &case.x, &case.dz, case.mask()),
                    &|sink| binary::weight_gradient(&team, level, sink, &ones, &case.dz, case.mask()),
                    &|sink| sink.repeat(&team, &case.dz[..stride], case.mask()),
                ];
                for kernel in kernels {
                    let sorted = case.gradient(kernel);
                    let moved = case.gradient(|sink| kernel(Sink { order: Some(order), ..sink }));
                    for k in 0..rows {
                        for n in 0..cols {
                            let open = n >= case.from[k] as usize;
                            let expected = if open { flat(&sorted[k * stride..])[n] } else { 0.0 };
                            let got = flat(&moved[at(order.rows, k) * stride..])[at(order.cols, n)];
                            prop_assert_eq!(got.to_bits(), expected.to_bits());
                        }
                    }
                }
            }
        }
    }
}
