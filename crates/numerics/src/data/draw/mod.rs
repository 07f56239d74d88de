//! Built-in data sets, drawn by the program: no network, no files, any number of images, and every
//! one different.
//!
//! Image `i` of a set depends on the data seed, the set (train, valid, test) and `i` alone, so a
//! larger set begins with the smaller one, and the three sets are independent draws from one
//! distribution.

mod glyphs;
mod hand;
mod pen;
mod shapes;

use crate::data::part::{Part, Use, stream};
use hand::Hand;

/// x and y, y downwards.
type Point = (f32, f32);

/// Version of the drawing: incremented whenever the same settings draw other images.
pub(crate) const VERSION: u32 = 2;

/// A set that the program draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// Handwritten digits, 10 classes.
    Digits,
    /// Handwritten letters, 26 classes, both cases together.
    Letters,
    /// Filled circles, squares, stars and triangles at any angle, size and place.
    Shapes,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Digits, Self::Letters, Self::Shapes];

    /// Name in an experiment file.
    pub fn name(self) -> &'static str {
        ["digits", "letters", "shapes"][self as usize]
    }

    /// Short description of the images.
    pub fn about(self) -> &'static str {
        [
            "handwritten digits",
            "handwritten letters, both cases together",
            "circles, squares, stars and triangles",
        ][self as usize]
    }

    /// Names of the classes, by label.
    pub fn classes(self) -> Vec<String> {
        match self {
            Self::Digits => ('0'..='9').map(String::from).collect(),
            Self::Letters => ('a'..='z').map(String::from).collect(),
            Self::Shapes => shapes::NAMES.map(String::from).into(),
        }
    }

    /// Default numbers of images of the three sets.
    pub fn sizes(self) -> [usize; 3] {
        match self {
            Self::Digits | Self::Letters => [10_000, 2_000, 2_000],
            Self::Shapes => [1_600, 400, 400],
        }
    }

    /// Draws the first `count` images of `part`, `size` x `size` grey levels each, and their
    /// labels.
    pub(crate) fn draw(
        self,
        seed: u64,
        part: Part,
        count: usize,
        size: usize,
    ) -> (Vec<u8>, Vec<u16>) {
        let characters: &[&[&str]] = match self {
            Self::Digits => &glyphs::DIGITS,
            Self::Letters => &glyphs::LETTERS,
            Self::Shapes => &[],
        };
        let glyphs: Vec<Vec<_>> = characters
            .iter()
            .map(|styles| styles.iter().map(|style| glyphs::parse(style)).collect())
            .collect();
        let classes = self.classes().len() as u64;
        let mut pixels = Vec::with_capacity(count * size * size);
        let mut labels = Vec::with_capacity(count);
        let mut ink = vec![0.0; size * size];
        let mut grain = vec![0.0; size * size];
        for i in 0..count {
            let stream = &mut stream(seed, self.purpose(), part, i);
            let label = stream.below(classes) as usize;
            labels.push(label as u16);
            ink.fill(0.0);
            let hand = Hand::new(stream, size);
            if self == Self::Shapes {
                shapes::draw(stream, label, size, &mut ink);
            } else {
                let styles = &glyphs[label];
                let style = &styles[stream.below(styles.len() as u64) as usize];
                hand.write(stream, style, size, &mut ink);
            }
            stream.fill_uniform(&mut grain);
            pixels.extend(ink.iter().zip(&grain).map(|(ink, grain)| {
                let ink = ink.min(1.0);
                // Paper texture is visible at the edges only: full ink remains full.
                let edge = ink * (1.0 - ink);
                (hand.level * (ink + hand.grain * edge * (2.0 * grain - 1.0)) + 0.5) as u8
            }));
        }
        (pixels, labels)
    }

    fn purpose(self) -> Use {
        match self {
            Self::Digits => Use::Digits,
            Self::Letters => Use::Letters,
            Self::Shapes => Use::Shapes,
        }
    }
}
