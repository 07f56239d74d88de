//! Statistics of small samples: intervals, paired differences, exact tests, and the power of a
//! number of seeds.
//!
//! Pure functions of numbers; `docs/reference/methodology.md` gives each formula with its
//! assumptions and its source.

mod blocks;
mod describe;
mod friedman;
mod holm;
mod maxt;
mod nemenyi;
mod normal;
mod paired;
mod power;
mod signflip;
mod special;
mod student;

pub use blocks::join_blocks;
pub use describe::{Estimate, Interval, correlation, mean, sd};
pub use friedman::{Friedman, friedman, mid_ranks};
pub use holm::holm;
pub use maxt::{MaxT, max_t, smallest_p, smallest_p_max_t};
pub use nemenyi::critical_difference;
pub use paired::Paired;
pub use power::{Feasibility, WANTED_POWER, detectable};
pub use signflip::{DRAWS, EXACT_LIMIT, SignFlip, sign_flip};
pub use student::{t_cdf, t_quantile};
