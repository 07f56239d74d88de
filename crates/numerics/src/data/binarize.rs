//! Conversion of grey levels to 0 and 1, or to fewer levels. Test NLL under two different rules, or
//! of two different numbers of levels, is not comparable.

use serde::{Deserialize, Serialize};

use super::part::{Part, Use, stream};
use super::{Binarize, DataConfig, DataError, LevelCount};

/// Binarisation or quantisation that was applied to the pixels of a data set; [`Binarize`] and
/// [`LevelCount`] are the ones requested.
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
    /// No binarisation: quantised to 4 levels.
    #[serde(rename = "4-grey-levels")]
    Greys4,
    /// No binarisation: quantised to 16 levels.
    #[serde(rename = "16-grey-levels")]
    Greys16,
    /// No binarisation: all 256 levels.
    #[serde(rename = "256-grey-levels")]
    Greys256,
    /// No pixels: real numbers, standardised by the training rows.
    Real,
}

impl Binarization {
    /// Conversion that a configuration asks for, of grey images or of real numbers.
    pub fn asked(config: &DataConfig) -> Self {
        if config.values.is_real() {
            return Self::Real;
        }
        match (config.levels.get(), config.binarize) {
            (4, _) => Self::Greys4,
            (16, _) => Self::Greys16,
            (256, _) => Self::Greys256,
            (_, Binarize::Threshold) => Self::Threshold,
            (_, Binarize::Stochastic) => Self::Stochastic,
            (_, Binarize::Dynamic) => Self::Dynamic,
        }
    }

    /// Conversion that a configuration amounts to for pixels of these levels.
    pub(crate) fn of(levels: Levels, config: &DataConfig) -> Self {
        if levels == Levels::Binary { Self::NoneNeeded } else { Self::asked(config) }
    }

    /// True if pixels have more levels than on and off.
    pub fn is_grey(self) -> bool {
        matches!(self, Self::Greys4 | Self::Greys16 | Self::Greys256)
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
            Self::Greys4 => "4 grey levels",
            Self::Greys16 => "16 grey levels",
            Self::Greys256 => "256 grey levels",
            Self::Real => "standardised real numbers",
        }
    }

    /// Images with this conversion: `images binarised at half grey`, `images of 16 grey levels`; or
    /// `standardised real numbers`.
    pub fn images(self) -> String {
        if self == Self::Real {
            return self.words().to_owned();
        }
        let of = if self.is_grey() { "of " } else { "" };
        format!("images {of}{}", self.words())
    }
}

/// Kind of pixel values of a data set, over all its files together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Levels {
    /// Only 0 and 255: binary as stored, and never binarised.
    Binary,
    /// Values in 0..=255, the highest of which is this one.
    Grey(u8),
}

impl Levels {
    /// Levels of some pixels.
    pub(crate) fn of(pixels: &[u8]) -> Self {
        if pixels.iter().all(|&level| level == 0 || level == 255) {
            return Self::Binary;
        }
        Self::Grey(pixels.iter().max().copied().unwrap_or_default())
    }

    /// Levels of two sets of pixels together.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Binary, Self::Binary) => Self::Binary,
            (Self::Grey(a), Self::Grey(b)) => Self::Grey(a.max(b)),
            _ => Self::Grey(255),
        }
    }

    /// Value of white: 255, or the last of `levels` if the pixels are these levels already, as runs
    /// and `data export` store them: on the scale of 0..=255 all of them would be black.
    pub(crate) fn white(self, levels: LevelCount) -> u8 {
        match self {
            Self::Grey(highest) if levels.is_grey() && usize::from(highest) < levels.get() => {
                (levels.get() - 1) as u8
            }
            _ => 255,
        }
    }

    /// Refuses grey levels of images that have none; `name` is their source.
    pub(crate) fn check(self, config: &DataConfig, name: &str) -> Result<(), DataError> {
        if self != Self::Binary || !config.levels.is_grey() {
            return Ok(());
        }
        let problem =
            format!("{} asked, {name} holds only black and white: leave levels out", config.levels);
        Err(DataError::Setting { key: "levels", problem })
    }
}

/// Makes image `index` of `part` binary, or quantises it, in place. `index` is the position in the
/// source, before the set is cut to size, so that an image has the same bits in a set of any size.
pub(crate) fn binarize(
    image: &mut [u8],
    levels: Levels,
    config: &DataConfig,
    part: Part,
    index: usize,
) {
    match (levels, config.binarize) {
        (Levels::Binary, _) => image.iter_mut().for_each(|level| *level = u8::from(*level > 0)),
        (Levels::Grey(_), _) if config.levels.is_grey() => {
            if levels.white(config.levels) == 255 {
                for level in image.iter_mut() {
                    *level = config.levels.of_grey(*level);
                }
            }
        }
        (Levels::Grey(_), Binarize::Threshold) => {
            for level in image.iter_mut() {
                *level = u8::from(*level > 127);
            }
        }
        (Levels::Grey(_), Binarize::Dynamic) if part == Part::Train => {}
        (Levels::Grey(_), Binarize::Stochastic | Binarize::Dynamic) => {
            let mut uniforms = vec![0.0f32; image.len()];
            stream(config.seed, Use::Binarize, part, index).fill_uniform(&mut uniforms);
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
        let config = DataConfig { binarize: rule, seed: 5, ..DataConfig::default() };
        let mut image = image.to_vec();
        binarize(&mut image, levels, &config, part, index);
        image
    }

    proptest! {
        #[test]
        fn binary_data_stays_as_it_is_under_every_rule(bits in prop::collection::vec(0u8..2, 1..50)) {
            let image: Vec<u8> = bits.iter().map(|bit| bit * 255).collect();
            let levels = Levels::of(&image);
            prop_assert_eq!(levels, Levels::Binary);
            for rule in RULES {
                prop_assert_eq!(&run(&image, levels, rule, Part::Train, 3), &bits);
            }
        }

        #[test]
        fn thresholding_is_idempotent_and_keeps_the_brighter_half(image in prop::collection::vec(any::<u8>(), 1..50)) {
            let once = run(&image, Levels::Grey(255), Binarize::Threshold, Part::Test, 0);
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
            for (count, bit) in on.iter_mut().zip(run(
                &levels,
                Levels::Grey(255),
                Binarize::Stochastic,
                Part::Train,
                i,
            )) {
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
        let draw = |part, index| run(&grey, Levels::Grey(255), Binarize::Stochastic, part, index);
        assert_eq!(draw(Part::Train, 1), draw(Part::Train, 1));
        assert_ne!(draw(Part::Train, 1), draw(Part::Train, 2));
        assert_ne!(draw(Part::Train, 1), draw(Part::Valid, 1));
        assert_eq!(
            run(&grey, Levels::Grey(255), Binarize::Dynamic, Part::Train, 1),
            grey,
            "dynamic training keeps its greys"
        );
        assert_eq!(
            run(&grey, Levels::Grey(255), Binarize::Dynamic, Part::Test, 1),
            draw(Part::Test, 1)
        );
    }

    #[test]
    fn a_single_grey_pixel_makes_a_set_grey() {
        let of = |a: &[u8], b: &[u8]| Levels::of(a).and(Levels::of(b));
        assert_eq!(of(&[0, 255], &[0, 254]), Levels::Grey(255));
        assert_eq!(of(&[0, 100], &[0, 254]), Levels::Grey(254));
        assert_eq!(of(&[0, 255], &[0, 0]), Levels::Binary);
    }

    proptest! {
        #[test]
        fn levels_are_those_of_the_greys_or_as_stored(
            image in prop::collection::vec(any::<u8>(), 1..50), count in 1usize..4, seed: u64, part in 0usize..3,
        ) {
            let levels = LevelCount::try_from(LevelCount::ALL[count]).unwrap();
            let config = DataConfig { seed, levels, ..DataConfig::default() };
            let quantised = |image: &[u8], found: Levels| {
                let mut image = image.to_vec();
                binarize(&mut image, found, &config, Part::ALL[part], 0);
                image
            };
            let once = quantised(&image, Levels::Grey(255));
            prop_assert!(image.iter().zip(&once).all(|(&grey, &level)| level == levels.of_grey(grey)));
            let highest = once.iter().max().copied().unwrap_or_default();
            prop_assert_eq!(&quantised(&once, Levels::Grey(highest)), &once);
        }
    }

    #[test]
    fn black_and_white_has_no_grey_levels() {
        let grey = DataConfig { levels: 16.try_into().unwrap(), ..DataConfig::default() };
        assert!(Levels::Grey(9).check(&grey, "a.npy").is_ok());
        assert!(Levels::Binary.check(&DataConfig::default(), "a.npy").is_ok());
        assert_eq!(
            Levels::Binary.check(&grey, "a.npy").unwrap_err().to_string(),
            "data.levels: 16 asked, a.npy holds only black and white: leave levels out"
        );
    }
}
