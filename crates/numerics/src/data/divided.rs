//! A data set after its images are assigned to the three sets, before it is cut and made binary.

use super::read::Pool;
use super::split::Parts;

/// Pools and, for each of the three sets, the index of its pool and the indices of its images.
pub(super) struct Divided {
    pub(super) pools: Vec<Pool>,
    pub(super) parts: Parts,
    /// As in [`super::Dataset`].
    pub(super) left_out: Vec<String>,
    /// As in [`super::Origin`].
    pub(super) notes: Vec<String>,
    /// True if the data seed decided the assignment of images to sets.
    pub(super) draws: bool,
}
