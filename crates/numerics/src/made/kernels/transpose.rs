//! Matrices in lanes out of the flat array, and back: transposed square by square.
//!
//! The flat array has the number of row k and column n of a sheet, r rows in all, at n r + k.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH, Work, dispatch};
use crate::made::kernels::sheet::Sheet;
use crate::made::kernels::vectorized::Level;

/// Takes a matrix over from the flat array; zeros fill up its last lane of a row.
pub fn load(level: Level, to: &mut [Lane], from: &[f32], sheet: Sheet) {
    dispatch(level, Load { to, from, sheet });
}

/// Gives a matrix back to the flat array.
pub fn store(level: Level, to: &mut [f32], from: &[Lane], sheet: Sheet) {
    dispatch(level, Store { to, from, sheet });
}

/// Squares of a sheet: first row and first column.
fn squares(sheet: Sheet) -> impl Iterator<Item = (usize, usize)> {
    (0..sheet.rows)
        .step_by(WIDTH)
        .flat_map(move |k| (0..sheet.cols).step_by(WIDTH).map(move |n| (k, n)))
}

/// The part of column `n` in the flat array that begins in row `k` and is at most a lane.
pub fn part(sheet: Sheet, k: usize, n: usize) -> Range<usize> {
    let start = n * sheet.rows;
    start + k..start + sheet.rows.min(k + WIDTH)
}

struct Load<'a> {
    to: &'a mut [Lane],
    from: &'a [f32],
    sheet: Sheet,
}

impl Work for Load<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { to, from, sheet } = self;
        for (k, n) in squares(sheet) {
            let mut columns = [L::splat(0.0); WIDTH];
            for (column, n) in columns.iter_mut().zip(n..sheet.cols) {
                let mut lane = Lane::default();
                let part = &from[part(sheet, k, n)];
                match part.try_into() {
                    Ok(whole) => lane = Lane(whole),
                    Err(_) => lane.0[..part.len()].copy_from_slice(part),
                }
                *column = L::load(&lane);
            }
            let rows = to[k * sheet.stride()..].chunks_mut(sheet.stride());
            for (row, numbers) in rows.zip(L::transpose(columns)).take(sheet.rows - k) {
                numbers.store(&mut row[n / WIDTH]);
            }
        }
    }
}

struct Store<'a> {
    to: &'a mut [f32],
    from: &'a [Lane],
    sheet: Sheet,
}

impl Work for Store<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { to, from, sheet } = self;
        for (k, n) in squares(sheet) {
            let mut rows = [L::splat(0.0); WIDTH];
            for (row, lanes) in
                rows.iter_mut().zip(from[k * sheet.stride()..].chunks(sheet.stride()))
            {
                *row = L::load(&lanes[n / WIDTH]);
            }
            for (n, column) in (n..sheet.cols).zip(L::transpose(rows)) {
                let (mut lane, to) = (Lane::default(), &mut to[part(sheet, k, n)]);
                column.store(&mut lane);
                match to.as_chunks_mut::<WIDTH>() {
                    ([whole], _) => *whole = lane.0,
                    _ => to.copy_from_slice(&lane.0[..to.len()]),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::made::kernels::lanes::flat;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Every number comes to its row and column, on every instruction set, zeros fill up lanes,
        /// and all return.
        #[test]
        fn a_matrix_goes_into_lanes_and_back(rows in 1usize..70, cols in 1usize..70) {
            let sheet = Sheet { rows, cols };
            let numbers: Vec<f32> = (0..rows * cols).map(|i| i as f32).collect();
            for level in Level::available() {
                let mut lanes = vec![Lane([9.0; WIDTH]); sheet.size()];
                load(level, &mut lanes, &numbers, sheet);
                for (k, row) in flat(&lanes).chunks_exact(sheet.stride() * WIDTH).enumerate() {
                    for (n, &number) in row[..sheet.lanes() * WIDTH].iter().enumerate() {
                        prop_assert_eq!(number, if n < cols { numbers[n * rows + k] } else { 0.0 });
                    }
                }
                let mut back = vec![f32::NAN; numbers.len()];
                store(level, &mut back, &lanes, sheet);
                prop_assert_eq!(&back, &numbers);
            }
        }
    }
}
