//! Matrices in whole lanes, and the staircases that mask them.

use std::ops::Range;

use crate::made::kernels::lanes::WIDTH;

/// The size of a matrix in whole lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet {
    /// Rows.
    pub rows: usize,
    /// Numbers a row.
    pub cols: usize,
}

impl Sheet {
    /// Lanes that a row fills.
    #[inline(always)]
    pub fn lanes(self) -> usize {
        self.cols.div_ceil(WIDTH)
    }

    /// Lanes from one row to the next: odd, so that the rows of a column spread over all sets of a cache.
    #[inline(always)]
    pub fn stride(self) -> usize {
        self.lanes() | 1
    }

    /// Lanes of the whole matrix.
    pub fn size(self) -> usize {
        self.rows * self.stride()
    }

    /// Its blocks of `size` lanes, as lanes of a row.
    #[inline(always)]
    pub fn blocks(self, size: usize) -> impl Iterator<Item = Range<usize>> {
        let lanes = self.lanes();
        (0..lanes).step_by(size).map(move |first| first..lanes.min(first + size))
    }
}

/// A masked matrix: its size and its staircase.
#[derive(Debug, Clone, Copy)]
pub struct Masked<'a> {
    /// A row a unit below, a column a unit above.
    pub sheet: Sheet,
    /// Leading units below that each unit above sees; never falls.
    pub seen: &'a [u32],
    /// First unit above that sees each unit below; never falls.
    pub from: &'a [u32],
}

impl Masked<'_> {
    /// Leading rows that any column of these lanes sees.
    #[inline(always)]
    pub fn depth(&self, lanes: &Range<usize>) -> usize {
        self.seen[self.sheet.cols.min(lanes.end * WIDTH) - 1] as usize
    }
}

/// The rows that one thread takes at a time.
pub(super) fn share(rows: usize, threads: usize) -> usize {
    // Rows near the end are short: more parts than threads even them out.
    if threads > 1 { rows.div_ceil(4 * threads).max(8) } else { rows.max(1) }
}
