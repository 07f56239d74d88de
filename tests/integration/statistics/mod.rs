//! Statistics in a study's tables: compared with scipy and with theory, and read by other programs.

mod coverage;
pub(crate) mod fixture;
mod golden;
mod selection;
mod spreadsheets;
mod stopping;
mod told;
mod tuned;
