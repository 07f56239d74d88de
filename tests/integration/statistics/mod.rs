//! The statistics that a study's tables hold: against scipy, against theory, and as other programs
//! read them.

mod coverage;
mod fixture;
mod golden;
mod selection;
mod spreadsheets;
mod told;
mod tuned;
