//! Source of a data set and the steps of loading it, as `plan`, `sweep`, `data show` and the page
//! report them.
//!
//! Most mistakes with data are visible in one line: the number and shape of images, their
//! binarisation, and the share of pixels on.

use std::path::PathBuf;

use super::brightness::{self, Brightness};
use super::{Binarization, DataSize, Pictures, Shape};
use crate::text::{count, thousands};

/// Share of validation or test images that are also training images, above which it is reported.
const SHARED: f64 = 0.01;

/// Source of the images of a data set, and the steps of loading them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// Fingerprint of the set.
    pub fingerprint: String,
    /// Fingerprint of the images alone, of a set read from files.
    pub images: Option<String>,
    /// Fingerprint in versions that hashed files instead of images, of a set named by a path.
    pub earlier: Option<String>,
    /// True if folders of pictures are divided into train and test: the earlier fingerprint did not
    /// cover the division.
    pub folders_divided: bool,
    /// Location of its files; `None` if it is built in.
    pub place: Option<PathBuf>,
    /// Names of the files, arrays and folders that were read, if the path does not tell them.
    pub read: Vec<String>,
    /// Pictures from which the images were resized.
    pub pictures: Option<Pictures>,
    /// Names of the variables, if its tables have a header.
    pub columns: Option<Vec<String>>,
    /// Brightness of train, valid and test.
    pub brightness: [Brightness; 3],
    /// Lowest and highest level, if there are exactly two and they are not black and white.
    pub two_levels: Option<[u8; 2]>,
    /// Numbers of validation and of test images that are also training images, and of test images
    /// that are validation images.
    pub shared: [usize; 3],
    /// Sentences on settings that do not apply to these data, and on files that the name hides.
    pub notes: Vec<String>,
}

/// Description of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedImages {
    /// Name, as the experiment has it.
    pub name: String,
    /// Its size.
    pub size: DataSize,
    /// Binarisation or quantisation that was applied.
    pub binarization: Binarization,
    /// Source of the images.
    pub origin: Origin,
    /// Content of the source besides the images.
    pub left_out: Vec<String>,
}

impl DescribedImages {
    /// The set in one line:
    /// `d.csv: 240 train, 30 valid and 30 test vectors of 288 variables, binary as stored, 11 % on`.
    pub fn line(&self) -> String {
        let Self { name, size, binarization, origin, left_out: _ } = self;
        let place = match &origin.place {
            None => " (drawn)".to_owned(),
            Some(place) => {
                let place = Some(place.display().to_string()).filter(|place| place != name);
                let read = Some(origin.read.join(", ")).filter(|read| !read.is_empty());
                let words: Vec<String> = place.into_iter().chain(read).collect();
                if words.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", words.join(": "))
                }
            }
        };
        let [train, valid, test] = [size.train, size.valid, size.test].map(thousands);
        let content = content(size.shape, *binarization, origin);
        format!("{name}{place}: {train} train, {valid} valid and {test} test {content}")
    }

    /// Sentences that a user should know before training on it; content left out of the set is
    /// reported separately.
    pub fn warnings(&self) -> Vec<String> {
        let Self { name, size, binarization, origin, left_out: _ } = self;
        let mut found = Vec::new();
        if let Some([low, high]) = origin.two_levels {
            found.push(format!(
                "{name}: its pixels have two levels, {low} and {high}, and are taken for grey; bits are stored as 0 and 1, or \
                 as 0 and 255"
            ));
        }
        if *binarization != Binarization::Real {
            found.extend(
                brightness::warnings(&origin.brightness, *binarization)
                    .into_iter()
                    .map(|text| format!("{name}: {text}")),
            );
        }
        let [valid, test, held_out] = origin.shared;
        for (shared, of, part, other) in [
            (valid, size.valid, "validation", "training"),
            (test, size.test, "test", "training"),
            (held_out, size.test, "test", "validation"),
        ] {
            if shared as f64 > SHARED * of as f64 {
                let noun = if *binarization == Binarization::Real { "row" } else { "image" };
                let are = if shared == 1 {
                    format!("is a {other} {noun}")
                } else {
                    format!("are {other} {noun}s")
                };
                let (shared, of) = (thousands(shared), thousands(of));
                found.push(format!("{name}: {shared} of {of} {part} {noun}s {are} as well"));
            }
        }
        found.extend(origin.notes.iter().map(|note| format!("{name}: {note}")));
        found
    }
}

/// `vectors of 288 variables, binary as stored, 11 % on`;
/// `vectors of 2 variables, standardised real numbers`.
pub(super) fn content(shape: Shape, binarization: Binarization, origin: &Origin) -> String {
    let words = match shape.height {
        1 => format!("vectors of {}", count(shape.width, "variable")),
        height => {
            let resized = origin
                .pictures
                .as_ref()
                .map(|pictures| pictures.resized(shape))
                .unwrap_or_default();
            format!("images of {height} x {}{resized}", shape.width)
        }
    };
    if binarization == Binarization::Real {
        return format!("{words}, {}", binarization.words());
    }
    let levels = match binarization {
        Binarization::NoneNeeded => String::new(),
        _ => format!(", {}", brightness::level_words(&origin.brightness)),
    };
    format!(
        "{words}, {}{levels}, {}",
        binarization.words(),
        brightness::share_words(&origin.brightness, binarization.is_grey())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: usize, height: usize) -> DataSize {
        DataSize {
            shape: Shape { width, height },
            train: 12_400,
            valid: 30,
            test: 30,
            classes: 0,
        }
    }

    fn bright(on: f64, highest: u8) -> [Brightness; 3] {
        [Brightness {
            images: 30,
            highest,
            white: 255,
            grey: 0.1,
            on,
            deviation: 0.1,
            dim: 64,
            likeness: 1.0,
        }; 3]
    }

    fn described(
        name: &str,
        (width, height): (usize, usize),
        binarization: Binarization,
        origin: Origin,
    ) -> DescribedImages {
        DescribedImages {
            name: name.into(),
            size: size(width, height),
            binarization,
            origin,
            left_out: vec![],
        }
    }

    #[test]
    fn a_set_is_one_line() {
        let origin = Origin {
            brightness: bright(0.114, 16),
            place: Some("d.csv".into()),
            ..Origin::default()
        };
        assert_eq!(
            described("d.csv", (288, 1), Binarization::NoneNeeded, origin.clone()).line(),
            "d.csv: 12,400 train, 30 valid and 30 test vectors of 288 variables, binary as stored, 11 % on"
        );
        assert_eq!(
            described("x", (8, 9), Binarization::Threshold, origin).line(),
            "x (d.csv): 12,400 train, 30 valid and 30 test images of 9 x 8, binarised at half grey, levels up to 16 of 255, \
             11 % on"
        );
        let grey = Origin { brightness: bright(0.114, 250), ..Origin::default() };
        assert_eq!(
            described("x", (8, 9), Binarization::Greys16, grey).line(),
            "x (drawn): 12,400 train, 30 valid and 30 test images of 9 x 8, 16 grey levels, levels up to 250 of 255, mean \
             grey 11 %"
        );
        let drawn = described("digits", (8, 8), Binarization::Dynamic, Origin::default());
        assert!(drawn.line().starts_with("digits (drawn): "));
    }

    #[test]
    fn shares_are_none_or_all_only_where_they_are() {
        let texts = [0.0, 1e-9, 0.004, 0.0999, 0.5, 0.994, 1.0 - 1e-9, 1.0].map(crate::text::share);
        assert_eq!(
            texts,
            ["0 %", "under 0.1 %", "0.4 %", "10 %", "50 %", "99.4 %", "over 99.9 %", "100 %"]
        );
    }

    #[test]
    fn only_what_is_unlikely_to_be_meant_is_a_warning() {
        let warned = |on: f64, rule| {
            described(
                "x",
                (8, 8),
                rule,
                Origin { brightness: bright(on, 200), ..Origin::default() },
            )
            .warnings()
            .len()
        };
        for (on, grey, bits) in [
            (0.0, 1, 1),
            (0.0001, 1, 1),
            (0.005, 1, 0),
            (0.13, 0, 0),
            (0.997, 1, 0),
            (1.0, 1, 1),
        ] {
            assert_eq!(
                (warned(on, Binarization::Threshold), warned(on, Binarization::NoneNeeded)),
                (grey, bits),
                "{on}"
            );
        }
        let shared = |shared| {
            described(
                "x",
                (8, 8),
                Binarization::Dynamic,
                Origin { brightness: bright(0.2, 200), shared, ..Origin::default() },
            )
            .warnings()
        };
        assert!(shared([0, 0, 0]).is_empty());
        assert_eq!(shared([0, 4, 0]), ["x: 4 of 30 test images are training images as well"]);
        assert_eq!(shared([0, 0, 1]), ["x: 1 of 30 test images is a validation image as well"]);
    }
}
