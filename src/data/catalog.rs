//! The data sets known by name: what they are, whose they are, and where the real files come from.

use super::Part;

/// A real data set known by name.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) licence: &'static str,
    /// Images of train, valid and test.
    pub(crate) sizes: [usize; 3],
    /// The sets its files must hold; empty where one file holds all.
    pub(crate) parts: &'static [Part],
    /// First label, name of each class from there.
    pub(crate) classes: (u16, &'static [&'static str]),
    /// Whether the source is dark on light.
    pub(crate) invert: bool,
    /// Whether images are consecutive frames, to be divided by blocks.
    pub(crate) frames: bool,
    /// Bytes of the download.
    pub(crate) bytes: u64,
}

const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const LETTERS: &[&str] = &[
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w",
    "x", "y", "z",
];

/// All of them.
pub(crate) const KNOWN: [Known; 4] = [
    Known {
        name: "mnist",
        about: "handwritten digits (LeCun, Cortes, Burges)",
        licence: "CC BY-SA 3.0",
        sizes: [50_000, 10_000, 10_000],
        parts: &[Part::Train, Part::Test],
        classes: (0, DIGITS),
        invert: false,
        frames: false,
        bytes: 11_594_722,
    },
    Known {
        name: "binarized-mnist",
        about: "MNIST, drawn once as bits (Salakhutdinov and Murray 2008; files of Larochelle)",
        licence: "CC BY-SA 3.0, as MNIST",
        sizes: [50_000, 10_000, 10_000],
        parts: &Part::ALL,
        classes: (0, DIGITS),
        invert: false,
        frames: false,
        bytes: 109_760_000,
    },
    Known {
        name: "emnist-letters",
        about: "handwritten letters, both cases together (Cohen et al. 2017)",
        licence: "public domain (NIST Special Database 19)",
        sizes: [104_000, 20_800, 20_800],
        parts: &[Part::Train, Part::Test],
        classes: (1, LETTERS),
        invert: false,
        frames: false,
        bytes: 561_753_746,
    },
    Known {
        name: "four-shapes",
        about: "filmed circles, squares, stars and triangles (smeschke)",
        licence: "not stated by its author; the snapshot's repository is MIT",
        sizes: [0, 0, 0],
        parts: &[],
        classes: (0, &["circle", "square", "star", "triangle"]),
        invert: true,
        frames: true,
        bytes: 0,
    },
];

impl Known {
    /// Size of the download, for people.
    pub(crate) fn download_size(&self) -> String {
        format!("{:.0} MB", self.bytes as f64 / 1e6)
    }
}
