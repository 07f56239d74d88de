//! Matrices in whole lanes, and the staircases that mask them.

use std::ops::Range;

use crate::made::kernels::lanes::{Lane, Lanes, WIDTH};

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

    /// Lanes from one row to the next: odd, so that the rows of a column spread over all sets of a
    /// cache.
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
    /// Where each row stands; `None` where rows are sorted.
    pub rows: Option<&'a [u32]>,
    /// Whether the weights are kept for other masks as well: what this one closes may be any
    /// number, else it is zero.
    pub kept: bool,
}

impl Masked<'_> {
    /// Leading rows that any column of these lanes sees.
    #[inline(always)]
    pub fn depth(&self, lanes: &Range<usize>) -> usize {
        self.seen[self.sheet.cols.min(lanes.end * WIDTH) - 1] as usize
    }

    /// Row in which the weights of unit `k` below stand.
    #[inline(always)]
    pub fn row(&self, k: usize) -> usize {
        self.rows.map_or(k, |rows| rows[k] as usize)
    }

    /// Lane `at` of the weights `w` of unit `k` below, the closed ones being zero.
    #[inline(always)]
    pub fn load<L: Lanes>(&self, w: &[Lane], k: usize, at: usize) -> L {
        let lane = &w[self.row(k) * self.sheet.stride() + at];
        let closed = (self.from[k] as usize).saturating_sub(at * WIDTH);
        if !self.kept || closed == 0 {
            return L::load(lane);
        }
        let mut lane = *lane;
        lane.0[..closed.min(WIDTH)].fill(0.0);
        L::load(&lane)
    }
}

/// The rows that one thread takes at a time.
pub(super) fn share(rows: usize, threads: usize) -> usize {
    // Rows near the end are short: more parts than threads even them out.
    if threads > 1 { rows.div_ceil(4 * threads).max(8) } else { rows.max(1) }
}
