//! Weights as a mask sorts them, out of weights in another order.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat, flat_mut};
use crate::made::kernels::sheet::Masked;
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::Order;

/// Lanes of a row that are summed together where rows are selected. No kernel reads a row from
/// before the group in which the first of its sixteen rows begins.
pub(super) const GROUP: usize = 8;

/// Copies weights into sorted space, as far as kernels read them; what the mask closes becomes
/// zero.
pub fn gather(level: Level, to: &mut [Lane], from: &[Lane], mask: Masked, order: Order) {
    dispatch(level, Gather { to, from, mask, order });
}

struct Gather<'a> {
    to: &'a mut [Lane],
    from: &'a [Lane],
    mask: Masked<'a>,
    order: Order<'a>,
}

impl Work for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { to, from, mask, order } = self;
        let (stride, lanes) = (mask.sheet.stride(), mask.sheet.lanes());
        let row = |k: usize| {
            let row = order.rows.map_or(k, |rows| rows[k] as usize);
            &from[row * stride..][..stride]
        };
        for (k, to) in to.chunks_exact_mut(stride).enumerate() {
            if k + 1 < mask.sheet.rows {
                row(k + 1)[..lanes].iter().for_each(L::prefetch);
            }
            let from = row(k);
            for (lane, to) in to[..lanes].iter_mut().enumerate().skip(mask.from[k] as usize / WIDTH)
            {
                let Some(cols) = order.cols else {
                    L::load(&from[lane]).store(to);
                    continue;
                };
                if let Some(cols) = cols.as_chunks::<WIDTH>().0.get(lane) {
                    L::gather(from, cols).store(to);
                } else {
                    let last = cols[lane * WIDTH..].iter().zip(&mut to.0);
                    last.for_each(|(&col, to)| *to = flat(from)[col as usize]);
                }
            }
            let read = mask.from[k - k % WIDTH] as usize / WIDTH / GROUP * GROUP;
            flat_mut(to)[read * WIDTH..mask.from[k] as usize].fill(0.0);
        }
    }
}

/// The same out of weights in tiles (see `grid`).
pub fn gather_tiles(level: Level, to: &mut [Lane], tiles: &[Lane], mask: Masked, order: Order) {
    let sorted = order.sorted_rows(mask.sheet.rows);
    let (lanes, stride) = (0..mask.sheet.lanes(), mask.sheet.stride());
    let depth = mask.sheet.rows;
    dispatch(
        level,
        Untile {
            to,
            stride,
            lanes,
            tiles,
            mask,
            columns: order.cols,
            sorted: &sorted,
            depth,
        },
    );
}

/// Some lanes of all weights out of tiles.
pub(super) struct Untile<'a> {
    /// Where they come to: rows of `stride` lanes.
    pub(super) to: &'a mut [Lane],
    pub(super) stride: usize,
    pub(super) lanes: Range<usize>,
    pub(super) tiles: &'a [Lane],
    pub(super) mask: Masked<'a>,
    /// Column of each sorted column.
    pub(super) columns: Option<&'a [u32]>,
    /// Sorted row of each row.
    pub(super) sorted: &'a [u32],
    /// Sorted rows that are needed.
    pub(super) depth: usize,
}

impl Work for Untile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { to, stride, lanes, tiles, mask, columns, sorted, depth } = self;
        let cols = mask.sheet.cols;
        let column = |n: usize| columns.map_or(n, |columns| columns[n] as usize);
        let mut rest = tiles;
        for rows in sorted.chunks(WIDTH) {
            let tile = rest.split_off(..cols).expect("a tile for every sixteen rows");
            let seen = rows.iter().filter(|&&k| (k as usize) < depth);
            let Some(first) = seen.clone().map(|&k| mask.from[k as usize] as usize / WIDTH).min()
            else {
                continue;
            };
            for lane in lanes.start.max(first)..lanes.end {
                let square = std::array::from_fn(|i| {
                    let n = lane * WIDTH + i;
                    if n >= cols {
                        return L::splat(0.0);
                    }
                    // The next tile needs the same columns, or fewer.
                    rest.get(column(n)).into_iter().for_each(L::prefetch);
                    L::load(&tile[column(n)])
                });
                for (&k, row) in rows.iter().zip(L::transpose(square)) {
                    row.store(&mut to[k as usize * stride + lane - lanes.start]);
                }
            }
            let closed =
                |k: u32| (mask.from[k as usize] as usize).saturating_sub(lanes.start * WIDTH);
            for &k in seen.filter(|&&k| closed(k) > 0) {
                flat_mut(&mut to[k as usize * stride..][..lanes.len()])[..closed(k)].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::grid::Place;
    use crate::made::kernels::lanes::flat;
    use crate::made::kernels::product::tests::Case;
    use crate::made::kernels::sheet::Sheet;
    use crate::made::kernels::{binary, product};
    use crate::rng::{Purpose, Seed};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Kernels find in weights of another order what they find in sorted ones, and use nothing
        /// that the mask closes: gathered from rows or tiles, or, but for their rows, where they
        /// stand.
        #[test]
        fn weights_of_any_order_are_sorted_ones(
            rows in 1usize..150, cols in 1usize..300, batch in 1usize..9, sort: (bool, bool), tiled: bool, seed: u64,
        ) {
            let case = Case::new(rows, cols, batch, seed);
            let mut stream = Seed(seed).stream(Purpose::Shuffle, 0);
            let (row_order, col_order) = (stream.permutation(rows), stream.permutation(cols));
            let order = Order { rows: sort.0.then_some(&*row_order), cols: sort.1.then_some(&*col_order) };
            let at = |order: Option<&[u32]>, i: usize| order.map_or(i, |order| order[i] as usize);
            let place = Place::new(0, case.sheet, tiled);
            // What the mask closes is not zero where other masks use it.
            let mut weights = vec![Lane::default(); place.lanes.len()];
            for k in 0..rows {
                for n in 0..cols {
                    let open = n >= case.from[k] as usize;
                    let number = if open { flat(&case.w[k * case.sheet.stride()..])[n] } else { 7.0 };
                    flat_mut(&mut weights)[place.at(at(order.rows, k), at(order.cols, n))] = number;
                }
            }
            let mut ones = binary::Ones::default();
            let identity: Vec<u32> = (0..rows as u32).collect();
            (0..batch).for_each(|_| ones.push(&(0..rows).map(|k| u8::from(k % 3 == 0)).collect::<Vec<_>>(), &identity));
            ones.index(rows);
            for level in Level::available() {
                let kernels = |w: &[Lane], mask: Masked| {
                    let (mut z, mut selected, mut dx) = (case.dz.clone(), case.dz.clone(), case.x.clone());
                    product::forward(level, &mut z, &case.x, w, mask, &[]);
                    if !mask.kept {
                        binary::forward(level, &mut selected, &ones, 0, w, mask);
                    }
                    product::input_gradient(level, &mut dx, &case.dz, w, mask, &[]);
                    (z, selected, dx)
                };
                let expected = kernels(&case.w, case.mask());
                let mut sorted = vec![Lane::default(); case.w.len()];
                for row in sorted.chunks_exact_mut(Sheet { rows, cols }.stride()) {
                    flat_mut(row)[..cols].fill(f32::NAN);
                }
                if tiled {
                    gather_tiles(level, &mut sorted, &weights, case.mask(), order);
                    let mut selected = case.dz.clone();
                    let mut scratch = vec![Lane([f32::NAN; WIDTH]); binary::sorted_size(case.mask())];
                    let mask = (case.mask(), order);
                    binary::forward_tiles((level, &mut scratch), &mut selected, &ones, 0, &weights, mask);
                    prop_assert!(selected == expected.1);
                } else {
                    gather(level, &mut sorted, &weights, case.mask(), order);
                    if order.cols.is_none() {
                        let mask = Masked { rows: order.rows, kept: true, ..case.mask() };
                        let (z, _, dx) = kernels(&weights, mask);
                        prop_assert!(z == expected.0 && dx == expected.2);
                    }
                }
                prop_assert!(kernels(&sorted, case.mask()) == expected);
            }
        }
    }
}
