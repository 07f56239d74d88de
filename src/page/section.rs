//! Content of the page: experiments with their figures, and what their trainers add.

use maud::Markup;

use crate::figures::Figure;
use crate::plan::RunId;
use crate::results::ExperimentResults;

/// A part that a trainer adds to the section of a study.
pub trait OwnMarkup {
    /// The part for one study; `study` is its index in the plan.
    fn markup(&self, results: &ExperimentResults, study: usize) -> Markup;

    /// End of the output of a run, if it left one.
    fn log(&self, run: &RunId) -> Option<&str> {
        let _ = run;
        None
    }
}

/// Adds nothing.
impl OwnMarkup for () {
    fn markup(&self, _: &ExperimentResults, _: usize) -> Markup {
        Markup::default()
    }
}

/// One experiment on the page.
#[derive(Clone)]
pub struct Section<'a> {
    /// Results of the experiment.
    pub study: &'a ExperimentResults,
    /// Parts that its trainer adds.
    pub own: &'a dyn OwnMarkup,
    /// Its figures, from `draw_all`.
    pub figures: &'a [Figure],
}
