//! HTML report: every study in one file that can be opened from disk and requests nothing from a
//! network.
//!
//! Tables, figures and sentences are HTML, so that the page is complete without a script. The script
//! (`script/`, one file an idea) sorts, filters, draws charts and opens runs, using one block of JSON
//! (`data`). Its state is in the address, behind the anchor. The content security policy of the page
//! names the script and the style sheet by hash: nothing else on it can run, even if the names of a
//! study contain code.
//!
//! All markup is written in templates, which escape every text inserted into them.

mod anchor;
mod blocks;
mod colours;
mod controls;
mod data;
mod document;
mod embed;
mod reproduce;
mod runs;
mod section;
mod study;
mod table;

pub use document::render;
pub(crate) use embed::png_address;
pub use section::{OwnMarkup, Section};
