//! Conversion of grey levels to 0 and 1. Test NLL under two different rules is not comparable.

use serde::{Deserialize, Serialize};

use super::Binarize;
use super::part::{Part, Use, stream};

/// Binarisation that was applied to the pixels of a data set; [`Binarize`] is the one requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binarization {
    /// No binarisation: the source holds bits, and the setting does not apply.
    NoneNeeded,
    /// On where the grey level is above half.
    Threshold,
    /// Drawn once from the data seed.
    Stochastic,
    /// Training images drawn again every epoch; validation and test images as `Stochastic`.
    Dynamic,
}

impl Binarization {
    /// Binarisation that `rule` amounts to for pixels of these levels.
    pub(crate) fn of(levels: Levels, rule: Binarize) -> Self {
        match (levels, rule) {
            (Levels::Binary, _) => Self::NoneNeeded,
            (Levels::Grey, Binarize::Threshold) => Self::Threshold,
            (Levels::Grey, Binarize::Stochastic) => Self::Stochastic,
            (Levels::Grey, Binarize::Dynamic) => Self::Dynamic,
        }
    }

    /// True if both give the same test bits, so that likelihoods under them are comparable.
    pub fn scores_as(self, other: Self) -> bool {
        let drawn = |rule| matches!(rule, Self::Stochastic | Self::Dynamic);
        self == other || drawn(self) && drawn(other)
    }

    /// Short description for captions.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoneNeeded => "binary as stored",
            Self::Threshold => "binarised at half grey",
            Self::Stochastic => "binarised once at random",
            Self::Dynamic => "binarised again every epoch",
        }
    }
}

/// Kind of pixel values of a data set, over all its files together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Levels {
    /// Only 0 and 255: binary as stored, and never binarised.
    Binary,
    /// 0..=255.
    Grey,
}

impl Levels {
    /// Levels of all the pixels of a data set.
    pub(crate) fn of<'a>(mut pools: impl Iterator<Item = &'a [u8]>) -> Self {
        let binary = pools.all(|pixels| pixels.iter().all(|&level| level == 0 || level == 255));
        if binary { Self::Binary } else { Self::Grey }
    }
}

/// Makes image `index` of `part` binary, in place. `index` is the position in the source, before
/// the set is cut to size, so that an image has the same bits in a set of any size.
pub(crate) fn binarize(
    image: &mut [u8],
    levels: Levels,
    rule: Binarize,
    seed: u64,
    part: Part,
    index: usize,
) {
    match (levels, rule) {
        (Levels::Binary, _) => image.iter_mut().for_each(|level| *level = u8::from(*level > 0)),
        (Levels::Grey, Binarize::Threshold) => {
            for level in image.iter_mut() {
                *level = u8::from(*level > 127);
            }
        }
        (Levels::Grey, Binarize::Dynamic) if part == Part::Train => {}
        (Levels::Grey, Binarize::Stochastic | Binarize::Dynamic) => {
            let mut uniforms = vec![0.0f32; image.len()];
            stream(seed, Use::Binarize, part, index).fill_uniform(&mut uniforms);
            for (level, u) in image.iter_mut().zip(uniforms) {
                *level = u8::from(u * 255.0 < f32::from(*level));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: [Binarize; 3] = [Binarize::Threshold, Binarize::Stochastic, Binarize::Dynamic];

    fn run(image: &[u8], levels: Levels, rule: Binarize, part: Part, index: usize) -> Vec<u8> {
        let mut image = image.to_vec();
        binarize(&mut image, levels, rule, 5, part, index);
        image
    }

    proptest! {
        #[test]
        fn binary_data_stays_as_it_is_under_every_rule(bits in prop::collection::vec(0u8..2, 1..50)) {
            let image: Vec<u8> = bits.iter().map(|bit| bit * 255).collect();
            let levels = Levels::of(std::iter::once(image.as_slice()));
            prop_assert_eq!(levels, Levels::Binary);
            for rule in RULES {
                prop_assert_eq!(&run(&image, levels, rule, Part::Train, 3), &bits);
            }
        }

        #[test]
        fn thresholding_is_idempotent_and_keeps_the_brighter_half(image in prop::collection::vec(any::<u8>(), 1..50)) {
            let once = run(&image, Levels::Grey, Binarize::Threshold, Part::Test, 0);
            prop_assert!(image.iter().zip(&once).all(|(grey, bit)| (*grey >= 128) == (*bit == 1)));
            prop_assert_eq!(run(&once, Levels::Binary, Binarize::Threshold, Part::Test, 0), once);
        }
    }

    #[test]
    fn stochastic_bits_have_the_grey_levels_as_mean() {
        let levels = [0u8, 1, 40, 128, 200, 254, 255];
        let draws = 20_000;
        let mut on = [0usize; 7];
        for i in 0..draws {
            for (count, bit) in
                on.iter_mut()
                    .zip(run(&levels, Levels::Grey, Binarize::Stochastic, Part::Train, i))
            {
                *count += usize::from(bit);
            }
        }
        for (level, count) in levels.iter().zip(on) {
            let p = f64::from(*level) / 255.0;
            let error = (p * (1.0 - p) / draws as f64).sqrt();
            assert!(
                (count as f64 / draws as f64 - p).abs() <= 4.0 * error,
                "level {level}: {count} of {draws}"
            );
        }
    }

    #[test]
    fn fixed_bits_repeat_and_differ_between_images_and_parts() {
        let grey = [128u8; 200];
        let draw = |part, index| run(&grey, Levels::Grey, Binarize::Stochastic, part, index);
        assert_eq!(draw(Part::Train, 1), draw(Part::Train, 1));
        assert_ne!(draw(Part::Train, 1), draw(Part::Train, 2));
        assert_ne!(draw(Part::Train, 1), draw(Part::Valid, 1));
        assert_eq!(
            run(&grey, Levels::Grey, Binarize::Dynamic, Part::Train, 1),
            grey,
            "dynamic training keeps its greys"
        );
        assert_eq!(run(&grey, Levels::Grey, Binarize::Dynamic, Part::Test, 1), draw(Part::Test, 1));
    }

    #[test]
    fn a_single_grey_pixel_makes_a_set_grey() {
        assert_eq!(Levels::of([&[0u8, 255][..], &[0, 254]].into_iter()), Levels::Grey);
        assert_eq!(Levels::of([&[0u8, 255][..], &[0, 0]].into_iter()), Levels::Binary);
    }
}
