//! Limits of the size of an experiment; `bounds` checks most of them.

/// Maximum number of levels of all axes together.
pub(super) const LEVELS: usize = 100_000;

/// Maximum number of axes and groups together.
pub(super) const AXES: usize = 256;

/// Maximum number of `[[study]]` blocks.
pub(super) const STUDIES: usize = 1_000;

/// Maximum number of `[[exclude]]`, `[[set]]` and `[[extra]]` blocks, of each.
pub(super) const BLOCKS: usize = 10_000;

/// Maximum number of combinations of all studies together, including those that are excluded or
/// collapse later; and of runs.
pub(super) const COMBINATIONS: u64 = 150_000;

/// Maximum number of levels of all studies together: a study lists those of each of its axes.
pub(super) const LISTED_LEVELS: u64 = 1_000_000;

/// Maximum number of comparisons by conditions and rules, over all combinations.
pub(super) const COMPARISONS: u64 = 50_000_000;

/// Maximum size of the settings of all combinations as text [bytes].
pub(super) const SETTINGS_BYTES: u64 = 256 << 20;
