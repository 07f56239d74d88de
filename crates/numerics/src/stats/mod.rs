//! Statistics of small samples: intervals, paired differences, exact tests, and the power of a
//! number of seeds.
//!
//! Pure functions of numbers; `docs/reference/methodology.md` gives each formula with its
//! assumptions and its source.

mod best;
mod blocks;
mod crossed;
mod describe;
mod equivalence;
mod friedman;
mod holm;
mod maxt;
mod nemenyi;
#[cfg(test)]
mod noise;
pub(crate) mod normal;
mod paired;
mod power;
mod shapley;
mod signflip;
mod special;
mod student;
mod ttest;
mod welch;

pub use best::{BestSet, best_set, seeds_to_leave_best_set};
pub use blocks::join_blocks;
pub use crossed::{Crossed, CrossedSums, ErrorSource};
pub use describe::{Estimate, Interval, correlation, mean, sd};
pub use equivalence::{
    EQUIVALENCE_PAIRS, EQUIVALENCE_SEEDS, Equivalence, equivalence_margin, equivalence_power,
    equivalence_seeds,
};
pub use friedman::{Friedman, friedman, mid_ranks};
pub use holm::holm;
pub use maxt::{MaxT, max_t, smallest_p, smallest_p_max_t};
pub use nemenyi::critical_difference;
pub use paired::Paired;
pub use power::{Feasibility, WANTED_POWER, detectable, detectable_t};
pub use shapley::shapley;
pub use signflip::{DRAWS, EXACT_LIMIT, TestResult, sign_flip};
pub use student::{t_cdf, t_quantile};
pub use ttest::{rounding, smallest_p_t, t_test};
pub use welch::Welch;
