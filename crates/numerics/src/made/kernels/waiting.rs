//! Gradients on their way into the weights.
//!
//! An update takes a root and a division, which a processor makes in a unit of their own, slowly.
//! So rows of a gradient wait in a near cache, and are applied lane by lane beside the products
//! that make the next rows.

use std::ops::Range;

use crate::made::kernels::gather::GROUP;
use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat_mut};
use crate::made::kernels::sheet::{Masked, Sheet, share};
use crate::made::kernels::team::Team;
use crate::made::kernels::update::{Target, Update};
use crate::made::kernels::vectorized::Level;

/// Rows made together.
pub const TALL: usize = 6;

/// How weights stand that are not sorted by the mask; `None` where they are all the same.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Row of each sorted row.
    pub rows: Option<&'a [u32]>,
    /// Column of each sorted column.
    pub cols: Option<&'a [u32]>,
}

impl Order<'_> {
    /// Sorted row of each of `rows` rows.
    pub(super) fn sorted_rows(&self, rows: usize) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0..rows as u32).collect();
        if let Some(order) = self.rows {
            order.iter().zip(0..).for_each(|(&row, k)| sorted[row as usize] = k);
        }
        sorted
    }
}

/// What a gradient does: updates weights that are sorted as the mask is, or stand in an order of
/// their own. The former belong to one mask, and what it closes is zero and stays; the latter to
/// many, and are updated all, by zero where the mask is closed, because a rule with momentum goes
/// on moving them.
#[derive(Debug)]
pub struct Sink<'a> {
    /// Weights and the rule's arrays.
    pub target: Target<'a>,
    /// The rule.
    pub update: Update,
    /// The order of the weights, if not the mask's.
    pub order: Option<Order<'a>>,
    /// Whether they are in tiles (see `grid`), which only weights in an order of their own are.
    pub tiled: bool,
}

/// A sorted row, and the lane at which it, or its tile, begins in a target.
type Row = (usize, usize);

impl Sink<'_> {
    /// Hands over the rows of a gradient, as its rows and where they go, cut so that a team has
    /// enough to share.
    pub(super) fn share(
        self,
        team: &Team,
        mask: Masked,
        task: impl Fn(&[Row], Waiting) + Sync + Send,
    ) {
        let Self { target: Target { p, state: [s, u] }, update, order, tiled } = self;
        let Sheet { rows: count, cols } = mask.sheet;
        let share = share(count, team.threads());
        let (rows, size) = if tiled {
            let rows = share.next_multiple_of(WIDTH);
            (rows, rows / WIDTH * cols)
        } else {
            (share, share * mask.sheet.stride())
        };
        let (mut s, mut u) = (s.chunks_mut(size), u.chunks_mut(size));
        let parts = p.chunks_mut(size).enumerate().map(|(i, p)| {
            (
                i * rows..(i + 1) * rows,
                Target {
                    p,
                    state: [s.next().unwrap_or_default(), u.next().unwrap_or_default()],
                },
            )
        });
        let sorted = if tiled { order.map(|order| order.sorted_rows(count)) } else { None };
        team.share(parts, |(part, target): (Range<usize>, Target)| {
            let rows: Vec<Row> = if let Some(sorted) = &sorted {
                let row = |row: usize| (sorted[row] as usize, (row - part.start) / WIDTH * cols);
                (part.start..part.end.min(count)).map(row).collect()
            } else {
                let row = |k: usize| {
                    order.and_then(|order| order.rows).map_or(k, |rows| rows[k] as usize)
                };
                let rows = (0..count).map(|k| (k, row(k))).filter(|(_, row)| part.contains(row));
                rows.map(|(k, row)| (k, (row - part.start) * mask.sheet.stride())).collect()
            };
            task(&rows, Waiting::new(target, update, order, tiled, mask));
        });
    }

    /// Applies a gradient of which every row is `g`, as far as the mask is open.
    pub fn repeat(self, team: &Team, g: &[Lane], mask: Masked) {
        self.share(team, mask, |rows, waiting| {
            dispatch(Level::detect(), Repeat { rows, waiting, g, mask })
        });
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
    tiled: bool,
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
            let g = [L::load(&self.ready[self.row * self.stride + lane])];
            self.update.lanes(&mut self.target, *to + lane, g);
        } else {
            self.row += 1;
        }
    }
}

impl<'a> Waiting<'a> {
    fn new(
        target: Target<'a>,
        update: Update,
        order: Option<Order<'a>>,
        tiled: bool,
        mask: Masked,
    ) -> Self {
        let (stride, cols) = (mask.sheet.stride(), mask.sheet.cols);
        let lanes = |count: usize| vec![Lane::default(); count];
        let (filled, ready) = if tiled {
            (lanes(WIDTH * stride), lanes(cols))
        } else {
            (lanes(TALL * stride), lanes(TALL * stride))
        };
        Self {
            target,
            update,
            order,
            tiled,
            cols,
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

    /// Rows that are applied together.
    pub(super) fn tall(&self) -> usize {
        if self.tiled { WIDTH } else { TALL }
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

    /// Applies lanes `at..at + N` of the row that begins at `to`, whose numbers up to `from` count
    /// as zero.
    #[inline(always)]
    pub(super) fn apply<L: Lanes, const N: usize>(
        &mut self,
        to: usize,
        at: usize,
        mut g: [L; N],
        from: usize,
    ) {
        let closed = from.saturating_sub(at * WIDTH);
        if closed > 0 {
            let mut first = Lane::default();
            g[0].store(&mut first);
            first.0[..closed].fill(0.0);
            g[0] = L::load(&first);
        }
        self.update.lanes(&mut self.target, to + at, g);
    }

    /// Asks for lanes of the row that begins at `to`.
    #[inline(always)]
    pub(super) fn prefetch<L: Lanes>(&self, to: usize, lanes: Range<usize>) {
        lanes.for_each(|lane| self.target.prefetch::<L>(to + lane));
    }

    /// Applies all that waits.
    #[inline(always)]
    pub(super) fn finish<L: Lanes>(&mut self) {
        while let Some((lanes, to)) = self.rows.get_mut(self.row) {
            while lanes.len() >= GROUP {
                let mut g = [L::splat(0.0); GROUP];
                let (at, next) = (lanes.start, self.next[self.row]);
                lanes.start += GROUP;
                for (g, lane) in g.iter_mut().zip(at..) {
                    self.target.prefetch::<L>(next + lane);
                    *g = L::load(&self.ready[self.row * self.stride + lane]);
                }
                self.update.lanes(&mut self.target, *to + at, g);
            }
            self.little::<L>();
        }
    }

    /// Applies what still waits; then the rows that have been filled, `rows`, wait. Number `from`
    /// of a row is its first.
    #[inline(always)]
    pub(super) fn turn<L: Lanes>(&mut self, rows: &[Row], from: impl Fn(usize) -> usize) {
        self.finish::<L>();
        if self.tiled {
            return self.turn_tile::<L>(rows, from);
        }
        let scattered = self.order.and_then(|order| order.cols);
        for (i, &(k, to)) in rows.iter().enumerate() {
            let (begin, from) = (i * self.stride, from(k));
            let filled = flat_mut(&mut self.filled[begin..begin + self.stride]);
            let start = if self.order.is_some() { 0 } else { from / WIDTH };
            if let Some(cols) = scattered {
                let ready = flat_mut(&mut self.ready[begin..begin + self.stride]);
                ready.fill(0.0);
                cols.iter()
                    .zip(&*filled)
                    .skip(from)
                    .for_each(|(&col, &g)| ready[col as usize] = g);
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

    /// The same for the rows of a tile.
    #[inline(always)]
    fn turn_tile<L: Lanes>(&mut self, rows: &[Row], from: impl Fn(usize) -> usize) {
        let column =
            |n: usize| self.order.and_then(|order| order.cols).map_or(n, |cols| cols[n] as usize);
        let first = rows.iter().map(|row| from(row.0)).min().unwrap_or(0) / WIDTH;
        (0..self.cols.min(first * WIDTH)).for_each(|n| self.ready[column(n)] = Lane::default());
        for (filled, row) in self.filled.chunks_exact_mut(self.stride).zip(rows) {
            flat_mut(filled)[first * WIDTH..from(row.0)].fill(0.0);
        }
        for lane in first..self.cols.div_ceil(WIDTH) {
            let mut square = [L::splat(0.0); WIDTH];
            for (to, filled) in
                square.iter_mut().zip(self.filled.chunks_exact(self.stride)).take(rows.len())
            {
                *to = L::load(&filled[lane]);
            }
            for (n, numbers) in (lane * WIDTH..self.cols).zip(L::transpose(square)) {
                numbers.store(&mut self.ready[column(n)]);
            }
        }
        self.rows.fill((0..0, 0));
        self.rows[0] = (0..self.cols, rows[0].1);
        self.row = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::grid::Place;
    use crate::made::kernels::binary::{self, Ones};
    use crate::made::kernels::gradient;
    use crate::made::kernels::lanes::flat;
    use crate::made::kernels::product::tests::Case;
    use crate::rng::{Purpose, Seed};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Weights in another order, in rows or tiles, get the gradient of sorted ones, each in its
        /// place, and zero where the mask is closed.
        #[test]
        fn any_order_gets_the_same_gradient(
            rows in 1usize..100, cols in 1usize..150, batch in 1usize..20, threads in 1usize..4, sort: (bool, bool),
            tiled: bool, seed: u64,
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
            let place = Place::new(0, case.sheet, tiled);
            let size = place.lanes.len();
            for level in Level::available() {
                let kernels: [&dyn Fn(Sink); 3] = [
                    &|sink| gradient::weight_gradient((&team, level), &mut gradient::Packed::default(), sink, &case.x, &case.dz, case.mask(), &[]),
                    &|sink| binary::weight_gradient(&team, level, sink, &ones, &case.dz, case.mask()),
                    &|sink| sink.repeat(&team, &case.dz[..stride], case.mask()),
                ];
                // Repeated gradients are of biases and conditioning weights, which stand in rows.
                for kernel in &kernels[..if tiled { 2 } else { 3 }] {
                    let sorted = case.gradient(kernel);
                    let (mut w, mut moved) = (vec![Lane::default(); size], vec![Lane([9.0; WIDTH]); size]);
                    let target = Target { p: &mut w, state: [&mut moved, &mut []] };
                    kernel(Sink { target, update: Update::Record, order: Some(order), tiled });
                    for k in 0..rows {
                        for n in 0..cols {
                            let open = n >= case.from[k] as usize;
                            let expected = if open { flat(&sorted[k * stride..])[n] } else { 0.0 };
                            let got = flat(&moved)[place.at(at(order.rows, k), at(order.cols, n))];
                            prop_assert_eq!(got.to_bits(), expected.to_bits());
                        }
                    }
                }
            }
        }

        /// Every rule updates weights in tiles as it does those in rows.
        #[test]
        fn tiles_are_updated_as_rows_are(
            rows in 1usize..100, cols in 1usize..150, batch in 1usize..9, threads in 1usize..4, rule in 0usize..5, seed: u64,
        ) {
            let rules = [
                Update::Sgd { lr: 0.1 },
                Update::Momentum { lr: 0.1, momentum: 0.9 },
                Update::Adagrad { lr: 0.1, eps: 1e-6 },
                Update::Adadelta { lr: 1.0, rho: 0.95, eps: 1e-6 },
                Update::Adam { step: 0.1, beta1: 0.9, beta2: 0.999, root: 1.0, eps: 1e-8 },
            ];
            let case = Case::new(rows, cols, batch, seed);
            let mut stream = Seed(seed).stream(Purpose::Shuffle, 0);
            let (row_order, col_order) = (stream.permutation(rows), stream.permutation(cols));
            let order = Some(Order { rows: Some(&*row_order), cols: Some(&*col_order) });
            let numbers: Vec<[f32; 3]> = (0..rows * cols).map(|_| [0; 3].map(|_| stream.uniform() as f32)).collect();
            let mut ones = Ones::default();
            let identity: Vec<u32> = (0..rows as u32).collect();
            (0..batch).for_each(|i| {
                ones.push(&(0..rows).map(|k| u8::from((k + i) % 5 == 0)).collect::<Vec<_>>(), &identity);
            });
            ones.index(rows);
            let team = Team::new(threads);
            for level in Level::available() {
                for few in [false, true] {
                    let updated = [false, true].map(|tiled| {
                        let place = Place::new(0, case.sheet, tiled);
                        let size = place.lanes.len();
                        let mut arrays = [0, 1, 2].map(|a| {
                            let mut lanes = vec![Lane::default(); size];
                            (0..rows * cols).for_each(|i| flat_mut(&mut lanes)[place.at(i / cols, i % cols)] = numbers[i][a]);
                            lanes
                        });
                        let [p, s, u] = &mut arrays;
                        let sink = Sink { target: Target { p, state: [s, u] }, update: rules[rule], order, tiled };
                        if few {
                            binary::weight_gradient(&team, level, sink, &ones, &case.dz, case.mask());
                        } else {
                            let packed = &mut gradient::Packed::default();
                            gradient::weight_gradient((&team, level), packed, sink, &case.x, &case.dz, case.mask(), &case.blank);
                        }
                        arrays.map(|lanes| {
                            (0..rows * cols).map(|i| flat(&lanes)[place.at(i / cols, i % cols)]).collect::<Vec<_>>()
                        })
                    });
                    prop_assert!(updated[0] == updated[1]);
                    // Momentum moves weights whatever their gradient.
                    let moved = updated[0][0].iter().zip(&numbers).any(|(after, before)| *after != before[0]);
                    let momentum = matches!(rules[rule], Update::Momentum { .. } | Update::Adam { .. });
                    prop_assert!(moved || !momentum);
                }
            }
        }
    }
}
