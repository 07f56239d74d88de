//! A data set after its images are assigned to the three sets, before it is cut and made binary.

use super::read::{Pool, Stored};
use super::split::Parts;
use super::{Labels, Part};

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

impl Divided {
    /// Classes of the images of a part, if they have any.
    pub(super) fn labels(&self, part: Part) -> Option<Labels> {
        let (pool, images) = &self.parts[part as usize];
        let pool = &self.pools[*pool];
        let labels = pool.labels.as_ref()?;
        Some(Labels {
            of: images.iter().map(|&i| labels[i as usize]).collect(),
            names: pool.classes.as_slice().into(),
        })
    }

    /// Numbers of validation and of test images that are training images as well, and of test images
    /// that are validation images, before binarisation.
    pub(super) fn shared(&self) -> [usize; 3] {
        let of = |part: Part| {
            let (pool, images) = &self.parts[part as usize];
            images.iter().map(|&i| self.pools[*pool].stored(i))
        };
        let shared_with = |whole: Part, parts: &[Part]| -> Vec<usize> {
            let mut known: Vec<Stored> = of(whole).collect();
            known.sort_unstable();
            parts
                .iter()
                .map(|&part| of(part).filter(|image| known.binary_search(image).is_ok()).count())
                .collect()
        };
        let train = shared_with(Part::Train, &[Part::Valid, Part::Test]);
        [train[0], train[1], shared_with(Part::Valid, &[Part::Test])[0]]
    }
}
