//! Weights as a mask sorts them, out of weights in another order.

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch, flat, flat_mut};
use crate::made::kernels::sheet::Masked;
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::Order;

/// Lanes of a row that are summed together where rows are selected. No kernel reads a row from before the group in which
/// the first of its sixteen rows begins.
pub(super) const GROUP: usize = 8;

/// Copies weights into sorted space, as far as kernels read them; what the mask closes becomes zero.
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
            let (from, first) = (row(k), mask.from[k] as usize);
            let (read, start) = (mask.from[k - k % WIDTH] as usize / WIDTH / GROUP * GROUP, first / WIDTH);
            to[read..start].fill(Lane::default());
            for (lane, to) in to[..lanes].iter_mut().enumerate().skip(start) {
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
            if start < lanes {
                flat_mut(to)[start * WIDTH..first].fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::product::tests::Case;
    use crate::made::kernels::sheet::Sheet;
    use crate::made::kernels::{binary, product};
    use crate::rng::{Purpose, Seed};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Kernels find in gathered weights what they find in sorted ones, and read nothing that was not gathered.
        #[test]
        fn gathered_weights_are_sorted_ones(
            rows in 1usize..150, cols in 1usize..300, batch in 1usize..9, sort: (bool, bool), seed: u64,
        ) {
            let case = Case::new(rows, cols, batch, seed);
            let mut stream = Seed(seed).stream(Purpose::Shuffle, 0);
            let (row_order, col_order) = (stream.permutation(rows), stream.permutation(cols));
            let order = Order { rows: sort.0.then_some(&*row_order), cols: sort.1.then_some(&*col_order) };
            let at = |order: Option<&[u32]>, i: usize| order.map_or(i, |order| order[i] as usize);
            let stride = Sheet { rows, cols }.stride();
            // What the mask closes is not zero where other masks use it.
            let mut weights = vec![Lane::default(); case.w.len()];
            for k in 0..rows {
                let to = flat_mut(&mut weights[at(order.rows, k) * stride..][..stride]);
                for n in 0..cols {
                    let open = n >= case.from[k] as usize;
                    to[at(order.cols, n)] = if open { flat(&case.w[k * stride..])[n] } else { 7.0 };
                }
            }
            let mut ones = binary::Ones::default();
            let identity: Vec<u32> = (0..rows as u32).collect();
            (0..batch).for_each(|_| ones.push(&(0..rows).map(|k| u8::from(k % 3 == 0)).collect::<Vec<_>>(), &identity));
            ones.index(rows);
            for level in Level::available() {
                let mut sorted = vec![Lane::default(); case.w.len()];
                for row in sorted.chunks_exact_mut(stride) {
                    flat_mut(row)[..cols].fill(f32::NAN);
                }
                gather(level, &mut sorted, &weights, case.mask(), order);
                let results = [&case.w, &sorted].map(|w| {
                    let (mut z, mut selected, mut dx) = (case.dz.clone(), case.dz.clone(), case.x.clone());
                    product::forward(level, &mut z, &case.x, w, case.mask());
                    binary::forward(level, &mut selected, &ones, 0, w, case.mask());
                    product::input_gradient(level, &mut dx, &case.dz, w, case.mask());
                    (z, selected, dx)
                });
                prop_assert!(results[0] == results[1]);
            }
        }
    }
}
