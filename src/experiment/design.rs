//! Designs: the combinations of the levels of its axes that a study runs.
//!
//! | design | runs |
//! |---|---|
//! | `grid` | every combination, the last axis moving fastest |
//! | `one-at-a-time` | the baseline, and each other level of each axis alone: 1 + (a-1) + (b-1) + ... |
//! | `leave-one-out` | the baseline is the full system; each axis in turn is switched to its other level |
//! | `add-one` | the same full system; from the minimal one, where every axis is at its other level, each axis in turn is switched back |
//!
//! The last two need axes of exactly two levels, one of which is the baseline's. With one axis they
//! are the same two runs.

use serde::{Deserialize, Serialize};

use super::axis::AxisDraft;
use super::diagnostics::Diagnostic;
use super::point::Point;
use crate::text::count;
use crate::trainer::kind::Words;

/// Design of a study: the combinations that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Every combination.
    #[default]
    Grid,
    /// The baseline, and each other level of each axis alone.
    OneAtATime,
    /// The full system, and without each component.
    LeaveOneOut,
    /// The minimal system, and with each component.
    AddOne,
}

impl Design {
    /// The words of `design`.
    pub const WORDS: Words = &[
        ("grid", "every combination"),
        ("one-at-a-time", "the baseline, and each other level of each axis alone"),
        ("leave-one-out", "the full system, and without each component"),
        ("add-one", "the minimal system, and with each component"),
    ];

    /// The design of a word.
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "grid" => Some(Self::Grid),
            "one-at-a-time" => Some(Self::OneAtATime),
            "leave-one-out" => Some(Self::LeaveOneOut),
            "add-one" => Some(Self::AddOne),
            _ => None,
        }
    }

    /// Word in the experiment file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::OneAtATime => "one-at-a-time",
            Self::LeaveOneOut => "leave-one-out",
            Self::AddOne => "add-one",
        }
    }

    /// Upper bound on the number of combinations, known before any is made.
    pub(super) fn size(self, axes: &[&AxisDraft]) -> u64 {
        let levels = axes.iter().map(|axis| axis.levels.len() as u64);
        match self {
            Self::Grid => levels.fold(1, u64::saturating_mul),
            Self::OneAtATime => levels.fold(1, u64::saturating_add),
            Self::LeaveOneOut | Self::AddOne => 2 + axes.len() as u64,
        }
    }

    /// Combinations, each a level of every axis; `None` = the baseline's value, which need not be a
    /// level.
    pub(super) fn cells(
        self,
        axes: &[&AxisDraft],
        base: &Point,
    ) -> Result<Vec<Vec<Option<u32>>>, Diagnostic> {
        let home: Vec<Option<u32>> = axes.iter().map(|axis| level_at(axis, base)).collect();
        match self {
            Self::Grid => Ok(grid(axes)),
            Self::OneAtATime => {
                let mut cells = vec![home.clone()];
                for (i, axis) in axes.iter().enumerate() {
                    let others =
                        (0..axis.levels.len() as u32).map(Some).filter(|level| *level != home[i]);
                    cells.extend(others.map(|level| with(&home, i, level)));
                }
                Ok(cells)
            }
            Self::LeaveOneOut => {
                let off = self.off(axes, base)?;
                let mut cells = vec![home.clone()];
                cells.extend((0..axes.len()).map(|i| with(&home, i, off[i])));
                Ok(cells)
            }
            Self::AddOne => {
                let off = self.off(axes, base)?;
                let mut cells = vec![off.clone()];
                cells.extend((0..axes.len()).map(|i| with(&off, i, home[i])));
                cells.push(home);
                Ok(cells)
            }
        }
    }

    /// The other level of every axis, each of which must have exactly two.
    fn off(self, axes: &[&AxisDraft], base: &Point) -> Result<Vec<Option<u32>>, Diagnostic> {
        let other = |axis: &&AxisDraft| match (axis.levels.len(), level_at(axis, base)) {
            (2, Some(home)) => Ok(Some(1 - home)),
            (1, None) => Ok(Some(0)),
            (_, home) => {
                let design = self.as_str();
                let error = Diagnostic::new(format!(
                    "`{}` cannot be switched on and off, as {design} does",
                    axis.name
                ));
                let has = match home {
                    Some(_) => {
                        format!("{} besides the baseline's", count(axis.levels.len() - 1, "level"))
                    }
                    None => {
                        format!(
                            "{}, none of them the baseline's",
                            count(axis.levels.len(), "level")
                        )
                    }
                };
                Err(error
                    .at(axis.span, has)
                    .help("one level besides the baseline's value; or design = \"one-at-a-time\""))
            }
        };
        axes.iter().map(other).collect()
    }
}

/// Level of an axis at a point, if the point is at one.
pub(super) fn level_at(axis: &AxisDraft, point: &Point) -> Option<u32> {
    axis.levels
        .iter()
        .position(|level| level.is_at(point))
        .map(|level| level as u32)
}

fn with(cell: &[Option<u32>], axis: usize, level: Option<u32>) -> Vec<Option<u32>> {
    let mut cell = cell.to_vec();
    cell[axis] = level;
    cell
}

fn grid(axes: &[&AxisDraft]) -> Vec<Vec<Option<u32>>> {
    let size = Design::Grid.size(axes) as usize;
    let mut cells = Vec::with_capacity(size);
    for index in 0..size {
        let mut rest = index;
        let mut cell = vec![None; axes.len()];
        for (slot, axis) in cell.iter_mut().zip(axes).rev() {
            *slot = Some((rest % axis.levels.len()) as u32);
            rest /= axis.levels.len();
        }
        cells.push(cell);
    }
    cells
}
