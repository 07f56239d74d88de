//! The page: every study in one file that opens from the disk and requests nothing from a network.
//!
//! Tables, figures and sentences are HTML, so they are readable without a script. The script
//! sorts, hides, draws curves and compares, from one block of JSON (`data`). The content security
//! policy of the page names the script and the style sheet by hash: nothing else on it can run,
//! whatever the names of a study contain.
//!
//! All markup is written in templates, which escape every text that they are given.

mod data;
mod document;
mod embed;
mod reproduce;
mod study;
mod table;

pub use document::{OwnMarkup, Section, render};
pub(crate) use embed::png_address;
