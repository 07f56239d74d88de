//! Statistics in a study's tables: compared with scipy and with theory, and read by other programs.

mod best;
mod coverage;
mod external;
mod fixture;
mod golden;
mod paper;
mod selection;
mod shapley;
mod spreadsheets;
mod told;
mod tuned;
