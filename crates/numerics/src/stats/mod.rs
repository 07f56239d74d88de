//! Statistics of small samples: intervals, paired differences, exact tests, and the power of a
//! number of seeds.
//!
//! Pure functions of numbers; `docs/reference/methodology.md` gives each formula with its
//! assumptions and its source.

mod describe;
mod holm;
mod maxt;
mod normal;
mod paired;
mod power;
mod signflip;
mod special;
mod student;

pub use describe::{Estimate, Interval, correlation, mean, sd};
pub use holm::holm;
pub use maxt::{MaxT, max_t, smallest_p, smallest_p_max_t};
pub use paired::Paired;
pub use power::{Feasibility, WANTED_POWER, detectable};
pub use signflip::{DRAWS, EXACT_LIMIT, SignFlip, sign_flip};
pub use student::{t_cdf, t_quantile};
