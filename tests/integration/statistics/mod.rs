//! Statistics in a study's tables: compared with scipy and with theory, and read by other programs.

mod coverage;
mod evidence;
mod fixture;
mod golden;
mod selection;
mod spreadsheets;
mod told;
mod tuned;
