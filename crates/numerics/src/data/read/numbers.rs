//! Detection of columns that number the rows of a table: such an index is not a pixel.
//!
//! An index consists of distinct whole numbers. Levels of a pixel repeat, unless there are few
//! rows; so the fewer rows, the more evidence is required for an index.

use std::collections::BTreeSet;

/// Minimum number of rows for an index that: counts from 0 or 1; counts from another number, or
/// downwards; is a permutation without a gap, or is next to columns whose levels repeat; is any
/// other numbering.
const ROWS: [usize; 4] = [3, 8, 20, 64];

/// Reasons why a column is left out.
pub(super) const COUNTS: &str = "it counts the rows";
pub(super) const NUMBERS: &str =
    "it numbers the rows, in another order (whole numbers, of which no two are equal)";

/// First column, recorded while its values are distinct whole numbers.
#[derive(Debug, Default)]
pub(super) struct FirstColumn {
    pub(super) values: Vec<f64>,
    seen: BTreeSet<u64>,
    has_ended: bool,
}

impl FirstColumn {
    /// Records the value of the next row; returns true if the column may still number the rows.
    pub(super) fn take(&mut self, value: f64) -> bool {
        let is_whole = value.fract() == 0.0 && (0.0..9e15).contains(&value);
        if self.has_ended || !is_whole || !self.seen.insert(value as u64) {
            return false;
        }
        self.values.push(value);
        true
    }

    /// Ends the recording and returns the values so far, because the column is pixels after all.
    pub(super) fn end(&mut self) -> Vec<f64> {
        self.has_ended = true;
        self.seen.clear();
        std::mem::take(&mut self.values)
    }

    /// Reason why the column is left out, given `others`, the levels of the other columns [n_rows x
    /// dim]; `None` if it is a pixel.
    pub(super) fn numbers_rows(
        &self,
        others: &[u8],
        dim: usize,
        fractions: bool,
    ) -> Option<&'static str> {
        let rows = self.values.len();
        let first = *self.values.first()?;
        if rows >= ROWS[0] && first <= 1.0 && counts(&self.values, 1.0) {
            return Some(COUNTS);
        }
        let most = self.values.iter().copied().fold(0.0, f64::max);
        let why = if counts(&self.values, 1.0) || counts(&self.values, -1.0) {
            COUNTS
        } else {
            NUMBERS
        };
        if rows >= ROWS[1] && fractions && most > 1.0 {
            return Some(why);
        }
        let distinct: Vec<usize> = (1..dim).map(|column| n_distinct(others, dim, column)).collect();
        // If levels of other columns do not repeat either, this column is probably a pixel like
        // them.
        if distinct.iter().filter(|&&n| n == rows).count() > 1 && most <= 255.0 {
            return None;
        }
        let repeat = distinct.iter().all(|&n| 2 * n <= rows);
        let fewest = match why {
            COUNTS => ROWS[1],
            _ if repeat || most > 255.0 || has_no_gap(&self.values) => ROWS[2],
            _ => ROWS[3],
        };
        (rows >= fewest).then_some(why)
    }
}

/// Index of the column of `levels` [n_rows x dim] that numbers the rows, and the reason why it is
/// left out; `None` if there is none, or if levels of another column do not repeat either.
pub(super) fn numbering_column(levels: &[u8], dim: usize) -> Option<(usize, &'static str)> {
    let rows = levels.len() / dim;
    if dim < 2 || !(ROWS[1]..=256).contains(&rows) {
        return None;
    }
    let is_distinct = |&column: &usize| {
        n_distinct(&levels[..ROWS[1] * dim], dim, column) == ROWS[1]
            && n_distinct(levels, dim, column) == rows
    };
    let mut distinct = (0..dim).filter(is_distinct);
    let column = distinct.next().filter(|_| distinct.next().is_none())?;
    let values: Vec<f64> =
        levels[column..].iter().step_by(dim).map(|&level| f64::from(level)).collect();
    match () {
        () if counts(&values, 1.0) || counts(&values, -1.0) => Some((column, COUNTS)),
        () if rows >= ROWS[2] && has_no_gap(&values) => Some((column, NUMBERS)),
        () => None,
    }
}

/// True if each value is the previous one plus `step`.
fn counts(values: &[f64], step: f64) -> bool {
    values.windows(2).all(|pair| pair[1] == pair[0] + step)
}

/// True if distinct whole numbers are consecutive in some order.
fn has_no_gap(values: &[f64]) -> bool {
    let ends = values
        .iter()
        .fold((f64::MAX, 0.0), |(low, high), &value| (value.min(low), value.max(high)));
    ends.1 - ends.0 + 1.0 == values.len() as f64
}

/// Number of distinct levels in a column.
fn n_distinct(levels: &[u8], dim: usize, column: usize) -> usize {
    let mut seen = [false; 256];
    levels[column..]
        .iter()
        .step_by(dim)
        .for_each(|&level| seen[usize::from(level)] = true);
    seen.iter().filter(|&&seen| seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(
        values: impl Iterator<Item = usize>,
        other: impl Fn(usize) -> u8,
    ) -> Option<&'static str> {
        let mut column = FirstColumn::default();
        let values: Vec<usize> = values.collect();
        let all = values.iter().all(|&value| column.take(value as f64));
        let levels: Vec<u8> = (0..values.len()).flat_map(|row| [0, other(row), 7]).collect();
        if all { column.numbers_rows(&levels, 3, false) } else { None }
    }

    #[test]
    fn an_index_counts_or_never_repeats() {
        let repeating = |row: usize| (row % 5) as u8;
        assert_eq!(first(0..3, repeating), Some(COUNTS));
        assert_eq!(first(50..150, repeating), Some(COUNTS));
        assert_eq!(first((0..40).rev(), repeating), Some(COUNTS));
        assert_eq!(first((0..40).map(|i| 9 + i * 17 % 40), repeating), Some(NUMBERS));
        // Rows of the other sets are missing from the numbering.
        assert_eq!(first((0..40).map(|i| i * 7 % 100), repeating), Some(NUMBERS));
        assert_eq!(first((0..40).map(|i| 3000 + i * 7 % 100), repeating), Some(NUMBERS));
        assert_eq!(first((0..100).map(|i| i * 7 % 251), |row| (row % 90) as u8), Some(NUMBERS));
    }

    #[test]
    fn levels_that_repeat_or_are_few_are_pixels() {
        let repeating = |row: usize| (row % 5) as u8;
        assert_eq!(first([50, 51, 52, 53].into_iter(), repeating), None);
        assert_eq!(first((0..15).map(|i| i * 7 % 15), repeating), None);
        assert_eq!(first((0..40).map(|i| i % 39), repeating), None);
        // Every column is a ramp.
        assert_eq!(first(20..60, |row| (row * 2) as u8), Some(COUNTS), "one more may be chance");
        let mut column = FirstColumn::default();
        assert!((20..60).all(|value| column.take(f64::from(value))));
        let ramps: Vec<u8> = (0..40u8).flat_map(|row| [0, row, 3 * row]).collect();
        assert_eq!(column.numbers_rows(&ramps, 3, false), None);
        assert_eq!(numbering_column(&ramps, 3), None);
    }

    #[test]
    fn one_column_among_others_may_number_them() {
        let levels = |rows: u8| -> Vec<u8> {
            (0..rows).flat_map(|row| [row % 5, 100 + row, row % 3]).collect()
        };
        assert_eq!(numbering_column(&levels(40), 3), Some((1, COUNTS)));
        assert_eq!(numbering_column(&levels(6), 3), None);
        let shuffled: Vec<u8> =
            (0..40u32).flat_map(|row| [(row % 5) as u8, (row * 17 % 40) as u8]).collect();
        assert_eq!(numbering_column(&shuffled, 2), Some((1, NUMBERS)));
        assert_eq!(numbering_column(&shuffled[..30], 2), None);
    }
}
