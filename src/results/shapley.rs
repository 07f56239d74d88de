//! Shapley values of a full grid of two levels: the share of each change in the difference that all
//! changes make together. `docs/reference/methodology.md` has the formula.

use super::ExperimentResults;
use super::effects::factors;
use crate::stats::{Estimate, shapley};

/// Number of axes from which Shapley values say more than main effects do: of two axes the two are
/// equal.
const FEWEST_AXES: usize = 3;

/// Shapley values of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Shapley {
    /// Values in the order of the study's axes.
    pub shares: Vec<ShapleyShare>,
    /// Difference by seed between every axis changed and none; `None` for a seed that lacks a run
    /// of the grid.
    pub whole_by_seed: Vec<Option<f64>>,
    /// Mean of that difference; `None` if no seed has all runs.
    pub whole: Option<Estimate>,
}

/// Shapley value of one change.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapleyShare {
    /// Changed axis, by index among the study's axes.
    pub axis: usize,
    /// Its reference level.
    pub reference: usize,
    /// Its other level.
    pub level: usize,
    /// Value by seed; `None` for a seed that lacks a run of the grid.
    pub by_seed: Vec<Option<f64>>,
    /// Mean over the seeds with its t interval; `None` if no seed has all runs.
    pub estimate: Option<Estimate>,
}

impl Shapley {
    /// Value of the change of an axis to a level; `None` for its reference level.
    pub fn of(&self, axis: usize, level: usize) -> Option<&ShapleyShare> {
        self.shares.iter().find(|share| (share.axis, share.level) == (axis, level))
    }
}

impl ExperimentResults {
    /// Shapley values of the study with this index in the plan; `None` unless its variants are a
    /// full grid of three or more axes with two levels each, on comparable values.
    ///
    /// # Panics
    /// If there is no such study.
    pub fn shapley(&self, index: usize) -> Option<Shapley> {
        let planned = &self.plan.studies[index];
        let axes = factors(planned);
        let is_two_level = axes.iter().all(|&axis| planned.axes[axis].levels.len() == 2);
        if axes.len() < FEWEST_AXES || !is_two_level {
            return None;
        }
        let grid = self.comparable_grid(planned)?;
        let changes = |levels: &[usize]| {
            let is_changed = |axis: usize| levels[axis] != grid.reference[axis];
            let bit = |(i, &axis): (usize, &usize)| usize::from(is_changed(axis)) << i;
            axes.iter().enumerate().map(bit).sum::<usize>()
        };
        let sets: Vec<usize> = grid.at.iter().map(|levels| changes(levels)).collect();
        let of_seed = |seed: usize| {
            let mut outcomes = vec![0.0; sets.len()];
            for (&set, values) in sets.iter().zip(&grid.values) {
                outcomes[set] = values[seed]?;
            }
            Some((shapley(&outcomes), outcomes[sets.len() - 1] - outcomes[0]))
        };
        let by_seed: Vec<Option<(Vec<f64>, f64)>> =
            (0..self.plan.seeds.len()).map(of_seed).collect();
        let estimate = |values: &[Option<f64>]| {
            let known: Vec<f64> = values.iter().flatten().copied().collect();
            Estimate::of(&known, self.plan.compare.level)
        };
        let share = |(i, &axis): (usize, &usize)| {
            let values = |seed: &Option<(Vec<f64>, f64)>| seed.as_ref().map(|(own, _)| own[i]);
            let by_seed: Vec<Option<f64>> = by_seed.iter().map(values).collect();
            let reference = grid.reference[axis];
            ShapleyShare {
                axis,
                reference,
                level: 1 - reference,
                estimate: estimate(&by_seed),
                by_seed,
            }
        };
        let whole = |seed: &Option<(Vec<f64>, f64)>| seed.as_ref().map(|(_, whole)| *whole);
        let whole_by_seed: Vec<Option<f64>> = by_seed.iter().map(whole).collect();
        Some(Shapley {
            shares: axes.iter().enumerate().map(share).collect(),
            whole: estimate(&whole_by_seed),
            whole_by_seed,
        })
    }
}
