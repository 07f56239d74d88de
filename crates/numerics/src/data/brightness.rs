//! Share of pixels on, or mean grey, and grey levels of each of the three sets. They reveal sets that
//! are blank, inverted or on another scale.

use super::{Binarization, Part};
use crate::text::share;

/// Share of pixels on below which (or above one minus which) grey images have most likely been
/// decoded wrongly.
const FEW_OF_GREY: f64 = 0.01;
/// The same for images that are bits as they are stored: these may be sparse.
const FEW_OF_BITS: f64 = 0.0005;
/// Odds ratio between the shares of pixels on of two sets, above which they are unlikely to be of
/// one kind.
const ODDS: f64 = 2.0;
/// Minimum difference of two such shares, in standard errors: small sets differ by chance.
const STANDARD_ERRORS: f64 = 5.0;
/// Correlation with the mean training image, and the number of its standard errors, below which a
/// set is a negative of it.
const NEGATIVE: [f64; 2] = [-0.5, -4.0];
/// Minimum number of images whose mean is used for that.
const FEWEST: usize = 10;
/// Share of grey pixels in one set, above which another set without any must have been produced in
/// another way.
const GREY: f64 = 0.01;

/// Brightness of one of the three sets.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Brightness {
    /// Number of images.
    pub images: usize,
    /// Highest level of a pixel as it was read.
    pub highest: u8,
    /// Level of white as it was read: 255, or the last of fewer levels.
    pub white: u8,
    /// Share of pixels that were neither black nor white.
    pub grey: f64,
    /// Share of pixels that are on; of more than two levels the mean, as a share of white.
    pub on: f64,
    /// Standard deviation of that share over the images.
    pub deviation: f64,
    /// Number of pixels of an image.
    pub dim: usize,
    /// Correlation of the mean image with the mean training image.
    pub likeness: f64,
}

impl Brightness {
    /// From the number of pixels of each level, the share of pixels on of every image, and the level
    /// of white.
    pub(super) fn new(counts: &[usize; 256], on: &[f64], white: u8) -> Self {
        let pixels: usize = counts.iter().sum();
        let n = on.len().max(1) as f64;
        let mean = on.iter().sum::<f64>() / n;
        let variance = on.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / n;
        Self {
            images: on.len(),
            highest: (0..=255).rev().find(|&level| counts[usize::from(level)] > 0).unwrap_or(0),
            white,
            grey: counts[1..usize::from(white)].iter().sum::<usize>() as f64 / pixels.max(1) as f64,
            on: mean,
            deviation: variance.sqrt(),
            dim: pixels / on.len().max(1),
            likeness: 1.0,
        }
    }

    /// True if nearly no pixel is on, or nearly every one.
    fn is_extreme(&self, bits: bool) -> bool {
        let few = if bits { FEW_OF_BITS } else { FEW_OF_GREY };
        self.on < few || self.on > 1.0 - few
    }

    /// True if pixels are mostly on where those of training images are off, and the reverse.
    fn is_negative(&self) -> bool {
        let errors = self.likeness * (self.dim as f64).sqrt();
        self.images >= FEWEST && self.likeness < NEGATIVE[0] && errors < NEGATIVE[1]
    }

    /// True if the share of pixels on differs from that of `train` by more than chance.
    fn differs_from(&self, train: &Self) -> bool {
        let odds = |share: f64| share / (1.0 - share);
        let ratio = odds(self.on) / odds(train.on);
        let error = train.deviation * (1.0 / self.images as f64 + 1.0 / train.images as f64).sqrt();
        (ratio >= ODDS || ratio <= 1.0 / ODDS)
            && (self.on - train.on).abs() > STANDARD_ERRORS * error
    }
}

/// Correlation of two sums of images; 1 where one of them is the same everywhere.
pub(super) fn correlation(a: &[usize], b: &[usize]) -> f64 {
    let mean = |sums: &[usize]| sums.iter().sum::<usize>() as f64 / sums.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let deviations = || a.iter().zip(b).map(|(&a, &b)| (a as f64 - mean_a, b as f64 - mean_b));
    let (aa, bb): (f64, f64) =
        deviations().fold((0.0, 0.0), |(aa, bb), (a, b)| (aa + a * a, bb + b * b));
    let ab: f64 = deviations().map(|(a, b)| a * b).sum();
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 1.0 }
}

/// Share of pixels on in all three sets.
fn on_in_all(parts: &[Brightness; 3]) -> f64 {
    let images: usize = parts.iter().map(|part| part.images).sum();
    let on: f64 = parts.iter().map(|part| part.on * part.images as f64).sum();
    on / images.max(1) as f64
}

/// Valid and test, where they differ from train by `differs`.
fn others(
    parts: &[Brightness; 3],
    differs: impl Fn(&Brightness, &Brightness) -> bool,
) -> Vec<(Part, &Brightness)> {
    let others = [Part::Valid, Part::Test].map(|part| (part, &parts[part as usize]));
    others.into_iter().filter(|(_, other)| differs(other, &parts[0])).collect()
}

/// `13 % on`, and other shares of valid and test: `13 % on (test 87 %)`. Of more than two levels
/// `mean grey 13 %`.
pub(super) fn share_words(parts: &[Brightness; 3], is_grey: bool) -> String {
    let words = |on: f64| match is_grey {
        true => format!("mean grey {}", share(on)),
        false => format!("{} on", share(on)),
    };
    let differing = others(parts, Brightness::differs_from);
    if differing.is_empty() {
        return words(on_in_all(parts));
    }
    let differing: Vec<String> = differing
        .iter()
        .map(|(part, other)| format!("{part} {}", share(other.on)))
        .collect();
    format!("{} ({})", words(parts[0].on), differing.join(", "))
}

/// `levels up to 255 of 255`, and other levels of valid and test:
/// `levels up to 255 of 255 (test 16)`.
pub(super) fn level_words(parts: &[Brightness; 3]) -> String {
    let differing = others(parts, |other, train| other.highest != train.highest);
    let words = differing
        .iter()
        .map(|(part, other)| format!("{part} {}", other.highest))
        .collect::<Vec<_>>();
    let differing = if words.is_empty() {
        String::new()
    } else {
        format!(" ({})", words.join(", "))
    };
    format!("levels up to {} of {}{differing}", parts[0].highest, parts[0].white)
}

/// Sentences on sets that are blank, on another scale, inverted or made binary in another way than
/// the training images.
pub(super) fn warnings(parts: &[Brightness; 3], binarization: Binarization) -> Vec<String> {
    let (bits, is_grey) = (binarization == Binarization::NoneNeeded, binarization.is_grey());
    let white = parts[0].white;
    let scale = |highest: u8| match bits || highest == 0 {
        true => String::new(),
        false => format!("; levels up to {highest} were found, and {white} is white"),
    };
    let extreme = |on: f64, whose: &str, scale: String| match (on, is_grey) {
        (0.0, false) => format!("no pixel{whose} is ever on{scale}"),
        (1.0, false) => format!("every pixel{whose} is always on{scale}"),
        (on, false) => format!("{} of the pixels{whose} are on{scale}", share(on)),
        (0.0, true) => format!("every pixel{whose} is black{scale}"),
        (1.0, true) => format!("every pixel{whose} is white{scale}"),
        (on, true) => format!("the mean grey of the pixels{whose} is {}{scale}", share(on)),
    };
    if parts.iter().all(|part| part.is_extreme(bits)) {
        let highest = parts.iter().map(|part| part.highest).max().unwrap_or(0);
        return vec![extreme(on_in_all(parts), "", scale(highest))];
    }
    let mut found = Vec::new();
    for part in Part::ALL {
        let own = &parts[part as usize];
        let train = &parts[0];
        if own.is_extreme(bits) {
            found.push(extreme(own.on, &format!(" of its {part} images"), scale(own.highest)));
            continue;
        }
        let (on, in_train) = (share(own.on), share(train.on));
        if own.is_negative() {
            let shares = match is_grey {
                true => format!("mean grey {on}, and {in_train}"),
                false => format!("{on} of their pixels are on, and {in_train}"),
            };
            found.push(format!(
                "its {part} images are like negatives of its train images ({shares}): one of them is inverted"
            ));
        } else if own.differs_from(train) && !train.is_extreme(bits) {
            let shares = match is_grey {
                true => format!(
                    "the mean grey of its {part} images is {on}, that of its train images {in_train}"
                ),
                false => format!(
                    "{on} of the pixels of its {part} images are on, and {in_train} of those of its train images"
                ),
            };
            found.push(format!("{shares}: one of them may be inverted, or on another scale"));
        }
        let (low, high) = (own.highest.min(train.highest), own.highest.max(train.highest));
        if !bits && 4 * u32::from(low) < 3 * u32::from(high) {
            found.push(format!(
                "its {part} images have levels up to {}, its train images up to {}: bring both to one scale",
                own.highest, train.highest
            ));
        }
        if own.grey.min(train.grey) == 0.0 && own.grey.max(train.grey) > GREY {
            let [one, other] =
                if own.grey == 0.0 { [part, Part::Train] } else { [Part::Train, part] };
            found.push(format!(
                "its {one} images are black and white, its {other} images have grey levels"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(on: f64, highest: u8) -> Brightness {
        Brightness {
            images: 100,
            highest,
            white: 255,
            grey: 0.1,
            on,
            deviation: 0.05,
            dim: 64,
            likeness: 0.9,
        }
    }

    /// Words of train 0.13 up to 255, and a test set.
    fn of_test(test: Brightness) -> (String, String, Vec<String>) {
        let parts = [part(0.13, 255), part(0.125, 255), test];
        (
            share_words(&parts, false),
            level_words(&parts),
            warnings(&parts, Binarization::Threshold),
        )
    }

    #[test]
    fn only_parts_unlike_the_training_images_are_told_apart() {
        let (share, levels, warnings) = of_test(part(0.14, 250));
        assert_eq!(
            (share.as_str(), levels.as_str()),
            ("13 % on", "levels up to 255 of 255 (test 250)")
        );
        assert!(warnings.is_empty(), "{warnings:?}");

        let (share, _, warnings) = of_test(part(0.87, 255));
        assert_eq!(share, "13 % on (test 87 %)");
        assert!(warnings.len() == 1 && warnings[0].contains("inverted"), "{warnings:?}");

        let (share, levels, warnings) = of_test(part(0.0, 16));
        assert_eq!(
            (share.as_str(), levels.as_str()),
            ("13 % on (test 0 %)", "levels up to 255 of 255 (test 16)")
        );
        assert_eq!(
            warnings,
            [
                "no pixel of its test images is ever on; levels up to 16 were found, and 255 is white"
            ]
        );

        let (.., warnings) = of_test(part(0.13, 180));
        assert_eq!(
            warnings,
            [
                "its test images have levels up to 180, its train images up to 255: bring both to one scale"
            ]
        );

        let (.., warnings) = of_test(Brightness { grey: 0.0, ..part(0.19, 255) });
        assert_eq!(
            warnings,
            ["its test images are black and white, its train images have grey levels"]
        );

        let (.., warnings) = of_test(Brightness { likeness: -0.9, ..part(0.14, 255) });
        assert!(
            warnings.len() == 1 && warnings[0].contains("like negatives of its train images"),
            "{warnings:?}"
        );

        let few = Brightness { images: 1, likeness: -0.9, ..part(0.3, 255) };
        assert!(of_test(few).2.is_empty(), "one image differs by chance");
    }

    #[test]
    fn of_grey_images_the_mean_is_told() {
        let of_test = |test: Brightness| {
            let parts = [part(0.13, 255), part(0.125, 255), test];
            (share_words(&parts, true), warnings(&parts, Binarization::Greys16))
        };
        assert_eq!(of_test(part(0.13, 255)), ("mean grey 13 %".into(), vec![]));
        let (share, warnings) = of_test(part(0.87, 255));
        assert_eq!(share, "mean grey 13 % (test 87 %)");
        assert_eq!(
            warnings,
            [
                "the mean grey of its test images is 87 %, that of its train images 13 %: one of them may be inverted, or \
              on another scale"
            ]
        );
        let (_, warnings) = of_test(part(0.0, 9));
        assert_eq!(
            warnings,
            [
                "every pixel of its test images is black; levels up to 9 were found, and 255 is white"
            ]
        );
    }

    #[test]
    fn brightness_is_of_all_images() {
        let mut counts = [0; 256];
        (counts[0], counts[16], counts[255]) = (2, 1, 1);
        let found = Brightness::new(&counts, &[0.0, 0.5], 255);
        let expected = Brightness {
            images: 2,
            highest: 255,
            white: 255,
            grey: 0.25,
            on: 0.25,
            deviation: 0.25,
            dim: 2,
            likeness: 1.0,
        };
        assert_eq!(found, expected);
        assert!((correlation(&[1, 2, 3], &[30, 20, 10]) + 1.0).abs() < 1e-12);
        assert!((correlation(&[1, 1, 1], &[30, 20, 10]) - 1.0).abs() < 1e-12);
    }
}
