//! Statistics in a study's tables: compared with scipy and with theory, and read by other programs.

mod best;
mod blocks;
mod coverage;
mod evidence;
mod external;
pub(crate) mod fixture;
mod golden;
mod paper;
mod selection;
mod shapley;
mod spreadsheets;
mod stopping;
mod told;
mod tuned;
