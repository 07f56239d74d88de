//! Main effects and two-way interactions of a full grid, with the seed as block.
//!
//! Every statistic is first computed within each seed, from the runs of that seed alone, and then
//! averaged over the seeds: an effect of a seed on all of its runs cancels in a contrast, and the
//! seeds are the replicates of its interval. `docs/reference/methodology.md` has the formulas.

use super::ExperimentResults;
use super::ablation::JOINT_SIGNS;
use crate::plan::{Axis, Correction, PairedTest, PlannedStudy};
use crate::rng::{Purpose, Seed};
use crate::stats::{Estimate, TestResult, holm, max_t, mean, rounding, sign_flip, t_test};
use crate::trainer::Otherwise;

/// Effects of a study whose variants are all combinations of the levels of its axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// Index of the study in the plan.
    pub study: usize,
    /// Confidence level of every interval.
    pub level: f64,
    /// Number of planned seeds.
    pub planned: usize,
    /// Axes with levels to compare, by index among the study's axes.
    pub factors: Vec<usize>,
    /// Reference level of each axis of the study: the baseline's, or the first.
    pub reference: Vec<usize>,
    /// Number of sign vectors from which corrected p values are estimated; `None` if all were
    /// enumerated.
    pub p_corrected_draws: Option<u32>,
    /// Main effects: each level of each factor, averaged over all combinations of the other
    /// factors.
    pub main: Vec<Effect>,
    /// Interactions: each pair of levels of each pair of factors, averaged over all combinations of
    /// the other factors.
    pub interactions: Vec<Effect>,
}

/// Mean and contrast at given levels of some factors.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// One axis and level for a main effect, two for an interaction, by index.
    pub at: Vec<(usize, usize)>,
    /// Mean at these levels over the rest of the grid; `None` if no seed has all of these runs.
    pub mean: Option<Estimate>,
    /// Contrast with the reference levels; `None` if one of the levels is the reference.
    pub contrast: Option<Contrast>,
}

impl Effect {
    /// Its levels with the names of their axes: `skip on x depth 2`.
    pub fn label(&self, study: &PlannedStudy) -> String {
        let name = |&(axis, level): &(usize, usize)| {
            let axis = &study.axes[axis];
            format!("{} {}", axis.column, axis.levels[level])
        };
        self.at.iter().map(name).collect::<Vec<_>>().join(" x ")
    }
}

/// A contrast of the grid's means. Main effect: the mean at a level minus that at the reference
/// level. Interaction: the effect of the first factor at the second factor's level, minus its
/// effect at the second factor's reference level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// Mean over the seeds with its t interval; `None` if no seed has all runs that the contrast
    /// needs.
    pub estimate: Option<Estimate>,
    /// Two-sided test over the seeds.
    pub test: TestResult,
    /// p value corrected over all contrasts of the study, if the plan asks for a correction.
    pub p_corrected: Option<f64>,
}

impl Effects {
    /// Main effect of an axis at a level.
    pub fn main(&self, axis: usize, level: usize) -> Option<&Effect> {
        self.main.iter().find(|effect| effect.at == [(axis, level)])
    }

    /// Interaction of two axes at two levels, in either order.
    pub fn pair(&self, a: (usize, usize), b: (usize, usize)) -> Option<&Effect> {
        self.interactions
            .iter()
            .find(|effect| effect.at == [a, b] || effect.at == [b, a])
    }

    fn contrasts(&mut self) -> impl Iterator<Item = &mut Contrast> {
        self.main
            .iter_mut()
            .chain(&mut self.interactions)
            .filter_map(|effect| effect.contrast.as_mut())
    }
}

impl ExperimentResults {
    /// Effects of every study that is a full grid, in order.
    pub fn all_effects(&self) -> Vec<Effects> {
        (0..self.plan.studies.len()).filter_map(|index| self.effects(index)).collect()
    }

    /// True if some study has effects.
    pub fn has_effects(&self) -> bool {
        self.plan.studies.iter().any(|planned| self.comparable_grid(planned).is_some())
    }

    /// Values of a study that is a full grid on comparable values: effects are means over the levels
    /// of other axes, and nothing is averaged over blocks.
    pub(super) fn comparable_grid(&self, planned: &PlannedStudy) -> Option<Grid> {
        let is_comparable = self.plan.compare.within.is_empty() && self.is_comparable(planned);
        is_comparable.then(|| Grid::of(self, planned)).flatten()
    }

    /// Effects of the study with this index in the plan; `None` unless its variants are a full grid
    /// with comparable values, in one block.
    ///
    /// # Panics
    /// If there is no such study.
    pub fn effects(&self, index: usize) -> Option<Effects> {
        let planned = &self.plan.studies[index];
        let grid = self.comparable_grid(planned)?;
        let factors = factors(planned);
        let levels =
            |axis: usize| (0..planned.axes[axis].levels.len()).map(move |level| (axis, level));
        let main = factors.iter().flat_map(|&axis| levels(axis)).map(|at| vec![at]);
        let pairs = factors
            .iter()
            .enumerate()
            .flat_map(|(i, &a)| factors[i + 1..].iter().map(move |&b| (a, b)));
        let pairs = pairs
            .flat_map(|(a, b)| levels(a).flat_map(move |x| levels(b).map(move |y| vec![x, y])));
        let mut stream = Seed(0).stream(Purpose::Statistics, index as u64);
        // Differences of each contrast by seed, in the order of `Effects::contrasts`.
        let mut differences = Vec::new();
        let mut effect = |at| {
            let (effect, by_seed) = grid.effect(at, || stream.bits());
            differences.extend(by_seed);
            effect
        };
        let mut effects = Effects {
            study: index,
            level: grid.level,
            planned: self.plan.seeds.len(),
            p_corrected_draws: None,
            main: main.map(&mut effect).collect(),
            interactions: pairs.map(&mut effect).collect(),
            reference: grid.reference,
            factors,
        };
        let p: Vec<f64> = effects.contrasts().map(|contrast| contrast.test.p).collect();
        let corrected: Vec<Option<f64>> = match self.plan.compare.correction {
            Correction::MaxT => {
                let mut stream = Seed(0).stream(Purpose::Statistics, JOINT_SIGNS);
                let corrected = max_t(&differences, &p, || stream.bits());
                effects.p_corrected_draws = corrected.draws;
                corrected.p
            }
            Correction::Holm => holm(&p).into_iter().map(Some).collect(),
            Correction::None => vec![None; p.len()],
        };
        effects
            .contrasts()
            .zip(corrected)
            .for_each(|(contrast, p)| contrast.p_corrected = p);
        Some(effects)
    }
}

impl ExperimentResults {
    /// True if all variants are scored on data with comparable values.
    pub(super) fn is_comparable(&self, planned: &PlannedStudy) -> bool {
        let specs = self.plan.by_id();
        let first = planned.variants.first().and_then(|variant| self.scored(variant, &specs));
        planned
            .variants
            .iter()
            .filter_map(|variant| self.scored(variant, &specs))
            .all(|scored| {
                let otherwise = first
                    .as_ref()
                    .and_then(|first| self.trainer.otherwise(&scored, first, "the baseline"));
                !matches!(otherwise, Some(Otherwise::Incomparable(_)))
            })
    }
}

/// Axes of a study with levels to compare, by index.
pub(super) fn factors(planned: &PlannedStudy) -> Vec<usize> {
    let is_factor = |&i: &usize| planned.axes[i].levels.len() > 1 && !planned.axes[i].tune;
    (0..planned.axes.len()).filter(is_factor).collect()
}

/// Full grid of a study's variants.
pub(super) struct Grid {
    /// Level of every axis, by variant.
    pub(super) at: Vec<Vec<usize>>,
    /// The variants at each level of each axis.
    members: Vec<Vec<Vec<usize>>>,
    /// Value of the compared metric, by variant and seed.
    pub(super) values: Vec<Vec<Option<f64>>>,
    pub(super) reference: Vec<usize>,
    level: f64,
    test: PairedTest,
}

impl Grid {
    pub(super) fn of(study: &ExperimentResults, planned: &PlannedStudy) -> Option<Self> {
        let place = |levels: &[String]| -> Option<Vec<usize>> {
            let axes = planned.axes.iter().zip(levels);
            let at = |axis: &Axis, level| {
                if axis.tune { Some(0) } else { axis.levels.iter().position(|l| l == level) }
            };
            axes.map(|(axis, level)| at(axis, level)).collect()
        };
        let at: Vec<Vec<usize>> = planned
            .variants
            .iter()
            .map(|variant| place(&variant.levels))
            .collect::<Option<_>>()?;
        let cells: usize = planned
            .axes
            .iter()
            .filter(|axis| !axis.tune)
            .map(|axis| axis.levels.len())
            .product();
        let distinct: std::collections::BTreeSet<&Vec<usize>> = at.iter().collect();
        if cells < 2 || at.len() != cells || distinct.len() != cells {
            return None;
        }
        let mut members: Vec<Vec<Vec<usize>>> =
            planned.axes.iter().map(|a| vec![Vec::new(); a.levels.len()]).collect();
        for (variant, levels) in at.iter().enumerate() {
            levels
                .iter()
                .zip(&mut members)
                .for_each(|(&level, axis)| axis[level].push(variant));
        }
        let values = planned
            .variants
            .iter()
            .map(|v| v.runs.iter().map(|run| study.value(run)).collect())
            .collect();
        let reference = study
            .baseline(planned)
            .map_or_else(|| vec![0; planned.axes.len()], |base| at[base].clone());
        Some(Self {
            at,
            members,
            values,
            reference,
            level: study.plan.compare.level,
            test: study.plan.compare.test,
        })
    }

    /// An effect, and the differences by seed of its contrast.
    fn effect(
        &self,
        at: Vec<(usize, usize)>,
        bits: impl FnMut() -> u64,
    ) -> (Effect, Option<Vec<Option<f64>>>) {
        let known =
            |by_seed: &[Option<f64>]| by_seed.iter().flatten().copied().collect::<Vec<f64>>();
        let mean = Estimate::of(&known(&self.by_seed(&[(1.0, at.clone())])), self.level);
        let changes = at.iter().all(|&(axis, level)| level != self.reference[axis]);
        let differences = changes.then(|| self.by_seed(&self.terms(&at)));
        let contrast = differences.as_deref().map(|differences| {
            let differences = known(differences);
            let estimate = Estimate::of(&differences, self.level);
            Contrast {
                estimate,
                test: match (self.test, &estimate) {
                    (PairedTest::T, Some(estimate)) => {
                        t_test(estimate, rounding(self.values.iter().flatten().flatten()))
                    }
                    _ => sign_flip(&differences, bits),
                },
                p_corrected: None,
            }
        });
        (Effect { at, mean, contrast }, differences)
    }

    /// Signs and positions of the means in a contrast: every factor is at its level or, with the
    /// opposite sign, at its reference.
    fn terms(&self, at: &[(usize, usize)]) -> Vec<(f64, Vec<(usize, usize)>)> {
        let mut terms = vec![(1.0, Vec::new())];
        for &(axis, level) in at {
            let choices = [(1.0, level), (-1.0, self.reference[axis])];
            terms = (terms.iter())
                .flat_map(|(sign, at)| {
                    choices.map(|(other, level)| {
                        (sign * other, [at.as_slice(), &[(axis, level)]].concat())
                    })
                })
                .collect();
        }
        terms
    }

    /// Signed sum of means for each seed; `None` for seeds that lack one of the runs.
    fn by_seed(&self, terms: &[(f64, Vec<(usize, usize)>)]) -> Vec<Option<f64>> {
        let seeds = self.values.iter().map(Vec::len).min().unwrap_or(0);
        let cells = |at: &[(usize, usize)]| -> Vec<usize> {
            let fits =
                |cell: &&usize| at.iter().all(|&(axis, level)| self.at[**cell][axis] == level);
            let (axis, level) = at[0];
            self.members[axis][level].iter().filter(fits).copied().collect()
        };
        let terms: Vec<(f64, Vec<usize>)> =
            terms.iter().map(|(sign, at)| (*sign, cells(at))).collect();
        let of_seed = |seed: usize| {
            let term = |(sign, cells): &(f64, Vec<usize>)| {
                let values: Option<Vec<f64>> =
                    cells.iter().map(|&cell| self.values[cell][seed]).collect();
                mean(&values?).map(|mean| sign * mean)
            };
            terms.iter().map(term).sum::<Option<f64>>()
        };
        (0..seeds).map(of_seed).collect()
    }
}
