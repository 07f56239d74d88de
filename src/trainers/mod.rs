//! Trainers of the program: each joins a model with the harness.

pub mod made;
pub mod program;

use crate::figures::OwnCharts;
use crate::page::OwnMarkup;

/// Figures and parts of the page that a trainer adds for an experiment.
pub trait OwnFigures: OwnCharts + OwnMarkup {}

impl<T: OwnCharts + OwnMarkup> OwnFigures for T {}
