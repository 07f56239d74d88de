//! Pictures of any size as squares of one size, and the sizes and folders that they come from.

use std::collections::BTreeMap;
use std::path::Path;

use super::Pool;
use super::decode::{Decoded, decode, shrink};
use crate::data::{DataError, Shape};
use crate::text;

/// Maximum number of classes whose counts of pictures are listed.
const MOST: usize = 12;

/// Names of folders that hold annotations of pictures, such as masks, instead of pictures.
const ANSWERS: [&str; 10] = [
    "mask",
    "masks",
    "segmentation",
    "segmentations",
    "annotation",
    "annotations",
    "labels",
    "groundtruth",
    "ground_truth",
    "gt",
];

/// Sizes and folders of the pictures that images were resized from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pictures {
    /// Number of pictures of every size.
    sizes: BTreeMap<Shape, usize>,
    /// Number of pictures of every class folder.
    classes: BTreeMap<String, usize>,
    /// Number of pictures that are dark ink on transparent paper.
    dark_on_clear: usize,
    /// Number of pictures whose metadata ask for a rotation or reflection.
    to_be_turned: usize,
    /// Number of pictures whose highest level is 1, while others have higher ones.
    barely_lit: usize,
}

impl Pictures {
    /// Adds the pictures of another part.
    pub(crate) fn add(&mut self, other: &Self) {
        other
            .sizes
            .iter()
            .for_each(|(size, count)| *self.sizes.entry(*size).or_default() += count);
        other
            .classes
            .iter()
            .for_each(|(class, count)| *self.classes.entry(class.clone()).or_default() += count);
        self.dark_on_clear += other.dark_on_clear;
        self.to_be_turned += other.to_be_turned;
        self.barely_lit += other.barely_lit;
    }

    /// `60 pictures: a 30, b 30`.
    pub(crate) fn words(&self) -> String {
        let count: usize = self.sizes.values().sum();
        let counts = || self.classes.values();
        match self.classes.len() {
            0 | 1 => text::count(count, "picture"),
            classes if classes > MOST => {
                let (least, most) = (counts().min().unwrap_or(&0), counts().max().unwrap_or(&0));
                format!("{count} pictures in {classes} folders of {least} to {most}")
            }
            _ => {
                let class = |(name, count): (&String, &usize)| match name.as_str() {
                    "" => format!("in no sub-folder {count}"),
                    name => format!("{name} {count}"),
                };
                format!(
                    "{count} pictures: {}",
                    self.classes.iter().map(class).collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    /// `, resized from 8 x 8 to 640 x 480`, if pictures have another size than their images.
    pub(crate) fn resized(&self, shape: Shape) -> String {
        let words = |size: &Shape| format!("{} x {}", size.height, size.width);
        let mut sizes: Vec<&Shape> = self.sizes.keys().collect();
        sizes.sort_by_key(|size| size.dim());
        match sizes[..] {
            [] => String::new(),
            [only] if *only == shape => String::new(),
            [only] => format!(", resized from {}", words(only)),
            [smallest, .., largest] => {
                format!(", resized from {} to {}", words(smallest), words(largest))
            }
        }
    }

    /// Sentences on pictures that are stretched, or unlikely to be meant as images of one set.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let count: usize = self.sizes.values().sum();
        let stretched: usize = self
            .sizes
            .iter()
            .filter(|(size, _)| size.width != size.height)
            .map(|(_, n)| n)
            .sum();
        if stretched > 0 {
            notes.push(format!(
                "{stretched} of {count} pictures are not square, and are stretched to squares"
            ));
        }
        if self.dark_on_clear > 0 {
            notes.push(format!(
                "{} of {count} pictures are dark on transparent paper, which counts as black, so that little but their outlines \
                 is on: put them on white, or make their opacity the picture (Pillow: getchannel(\"A\"))",
                self.dark_on_clear
            ));
        }
        if self.to_be_turned > 0 {
            notes.push(format!(
                "{} of {count} pictures have an Exif orientation, and are taken as they are stored: turn them with Pillow's \
                 ImageOps.exif_transpose",
                self.to_be_turned
            ));
        }
        if self.barely_lit > 0 {
            notes.push(format!(
                "{} of {count} pictures have no level above 1, and others have: bring all to one scale (0 and 1 become 0 and 255)",
                self.barely_lit
            ));
        }
        let says =
            |part: &str| self.classes.keys().find(|class| class.to_lowercase().contains(part));
        if let (Some(train), Some(test)) = (says("train"), says("test").or_else(|| says("val"))) {
            notes.push(format!(
                "folders {train} and {test} do not divide: only the words train, valid and test do, as in train_2017"
            ));
        }
        let is_answer = |class: &&String| ANSWERS.contains(&class.to_lowercase().as_str());
        if let Some(answers) =
            self.classes.keys().find(is_answer).filter(|_| self.classes.len() > 1)
        {
            let others = self.classes.keys().filter(|class| !is_answer(class)).map(String::as_str);
            let others = others.collect::<Vec<_>>().join(", ");
            notes.push(format!(
                "the pictures in {answers} are images as well as those in {others}: name one folder by its path to take it alone"
            ));
        }
        notes
    }
}

/// Pictures during reading, sorted by class.
#[derive(Default)]
pub(super) struct Gallery {
    pixels: Vec<u8>,
    labels: Vec<u16>,
    classes: Vec<String>,
    pictures: Pictures,
    /// True if a picture has a level above 1.
    has_higher: bool,
}

impl Gallery {
    pub(super) fn hang(
        &mut self,
        path: &Path,
        place: &str,
        class: String,
        bytes: &[u8],
        size: usize,
    ) -> Result<(), DataError> {
        let fail = |problem: String| DataError::malformed(path, place, problem);
        let Decoded { grey, width, height, is_dark_on_clear, is_to_be_turned } =
            decode(bytes).map_err(fail)?;
        self.pictures.dark_on_clear += usize::from(is_dark_on_clear);
        self.pictures.to_be_turned += usize::from(is_to_be_turned);
        match grey.iter().max() {
            Some(1) => self.pictures.barely_lit += 1,
            Some(2..) => self.has_higher = true,
            _ => {}
        }
        shrink(&grey, width, height, size, &mut self.pixels);
        *self.pictures.sizes.entry(Shape { width, height }).or_default() += 1;
        *self.pictures.classes.entry(class.clone()).or_default() += 1;
        let label = match self.classes.last() == Some(&class) {
            true => self.classes.len() - 1,
            false => self.classes.iter().position(|known| *known == class).unwrap_or_else(|| {
                self.classes.push(class);
                self.classes.len() - 1
            }),
        };
        self.labels
            .push(u16::try_from(label).map_err(|_| fail("more than 65536 classes".into()))?);
        Ok(())
    }

    pub(super) fn pool(mut self, size: usize) -> Pool {
        if !self.has_higher {
            // Black and white, all of them.
            self.pictures.barely_lit = 0;
        }
        let labels = (self.classes.len() > 1).then_some(self.labels);
        let pool = Pool::unlabelled(self.pixels, Shape { width: size, height: size });
        Pool {
            labels,
            classes: self.classes,
            pictures: Some(self.pictures),
            ..pool
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(sizes: &[(usize, usize, usize)], classes: &[(&str, usize)]) -> Pictures {
        Pictures {
            sizes: sizes
                .iter()
                .map(|&(height, width, count)| (Shape { width, height }, count))
                .collect(),
            classes: classes.iter().map(|&(name, count)| (name.to_owned(), count)).collect(),
            ..Pictures::default()
        }
    }

    #[test]
    fn sizes_and_folders_are_told_in_a_few_words() {
        let shape = Shape { width: 28, height: 28 };
        let same = pictures(&[(28, 28, 60)], &[("", 60)]);
        assert_eq!((same.words().as_str(), same.resized(shape).as_str()), ("60 pictures", ""));
        assert!(same.notes().is_empty());

        let mixed = pictures(&[(8, 8, 10), (90, 40, 20)], &[("cat", 12), ("dog", 18)]);
        assert_eq!(mixed.words(), "30 pictures: cat 12, dog 18");
        assert_eq!(mixed.resized(shape), ", resized from 8 x 8 to 90 x 40");
        assert_eq!(
            mixed.notes(),
            ["20 of 30 pictures are not square, and are stretched to squares"]
        );

        let years = pictures(&[(28, 28, 20)], &[("train2017", 10), ("val2017", 10)]);
        assert!(years.notes()[0].starts_with("folders train2017 and val2017 do not divide"));
        assert!(pictures(&[(28, 28, 20)], &[("trains", 10), ("cars", 10)]).notes().is_empty());

        let masks = pictures(&[(28, 28, 20)], &[("images", 10), ("masks", 10)]);
        assert!(
            masks.notes()[0]
                .starts_with("the pictures in masks are images as well as those in images")
        );
    }
}
