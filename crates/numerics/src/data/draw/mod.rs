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
mod toys;

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
    /// Points of two interleaved half circles.
    Moons,
    /// Points of three concentric rings.
    Rings,
    /// Points of two spiral arms.
    Spirals,
    /// Points of 5 x 5 normal distributions.
    Grid,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Digits,
        Self::Letters,
        Self::Shapes,
        Self::Moons,
        Self::Rings,
        Self::Spirals,
        Self::Grid,
    ];
    /// Names of the variables of a set of real numbers.
    pub const VARIABLES: [&str; 2] = ["x", "y"];

    /// The set of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.name() == name)
    }

    /// Name in an experiment file.
    pub fn name(self) -> &'static str {
        ["digits", "letters", "shapes", "moons", "rings", "spirals", "grid"][self as usize]
    }

    /// Short description of the images.
    pub fn about(self) -> &'static str {
        [
            "handwritten digits",
            "handwritten letters, both cases together",
            "circles, squares, stars and triangles",
            "real numbers: two interleaved half circles",
            "real numbers: three concentric rings",
            "real numbers: two spiral arms",
            "real numbers: 5 x 5 normal distributions",
        ][self as usize]
    }

    /// True if it holds points of two real numbers, not images.
    pub fn is_real(self) -> bool {
        matches!(self, Self::Moons | Self::Rings | Self::Spirals | Self::Grid)
    }

    /// Names of the classes, by label.
    pub fn classes(self) -> Vec<String> {
        match self {
            Self::Digits => ('0'..='9').map(String::from).collect(),
            Self::Letters => ('a'..='z').map(String::from).collect(),
            Self::Shapes => shapes::NAMES.map(String::from).into(),
            Self::Moons => toys::MOONS.map(String::from).into(),
            Self::Rings => toys::RINGS.map(String::from).into(),
            Self::Spirals => toys::ARMS.map(String::from).into(),
            Self::Grid => toys::cells(),
        }
    }

    /// Default numbers of images of the three sets.
    pub fn sizes(self) -> [usize; 3] {
        match self {
            Self::Shapes => [1_600, 400, 400],
            _ => [10_000, 2_000, 2_000],
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
            _ => &[],
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

    /// Draws the first `count` points of `part` [count x 2], and their labels.
    pub(crate) fn draw_points(self, seed: u64, part: Part, count: usize) -> (Vec<f64>, Vec<u16>) {
        let classes = self.classes().len() as u64;
        let point = |i: usize| {
            let stream = &mut stream(seed, self.purpose(), part, i);
            let label = stream.below(classes) as usize;
            let point = match self {
                Self::Moons => toys::moon(stream, label),
                Self::Rings => toys::ring(stream, label),
                Self::Spirals => toys::spiral(stream, label),
                _ => toys::cell(stream, label),
            };
            (point, label as u16)
        };
        let (points, labels): (Vec<[f64; 2]>, Vec<u16>) = (0..count).map(point).unzip();
        (points.concat(), labels)
    }

    /// Exact log density at a point [nats], of sets of real numbers where it has a simple form:
    /// `rings` and `grid`.
    pub fn log_density(self, point: [f64; 2]) -> Option<f64> {
        match self {
            Self::Rings => Some(toys::log_density_of_rings(point)),
            Self::Grid => Some(toys::log_density_of_grid(point)),
            _ => None,
        }
    }

    /// Entropy [nats], the least expected NLL of any model in the units of the coordinates; of the sets
    /// that have a [`Builtin::log_density`].
    pub fn entropy(self) -> Option<f64> {
        match self {
            Self::Rings => Some(toys::entropy_of_rings()),
            Self::Grid => Some(toys::entropy_of_grid()),
            _ => None,
        }
    }

    fn purpose(self) -> Use {
        match self {
            Self::Digits => Use::Digits,
            Self::Letters => Use::Letters,
            Self::Shapes => Use::Shapes,
            Self::Moons => Use::Moons,
            Self::Rings => Use::Rings,
            Self::Spirals => Use::Spirals,
            Self::Grid => Use::Grid,
        }
    }
}
