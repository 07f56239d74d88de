//! Catalogue of the data sets known by name: content, licence, and location or download.

use super::{Part, Shape};

/// A real data set known by name.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) licence: &'static str,
    /// Shape of its images; a plain vector is as it is under every `data.size`.
    pub(crate) shape: Shape,
    /// Images of train, valid and test.
    pub(crate) sizes: [usize; 3],
    /// The sets its files must hold; empty where one file holds all.
    pub(crate) parts: &'static [Part],
    /// Label of the first class, and the name of each class from there on.
    pub(crate) classes: (u16, &'static [&'static str]),
    /// True if the source is dark on light.
    pub(crate) invert: bool,
    /// True if images are consecutive frames, to be divided by blocks.
    pub(crate) frames: bool,
    /// SHA-256 of the unpacked images of train, valid and test, where it is known.
    pub(crate) unpacked: [Option<&'static str>; 3],
    /// SHA-256 of the values of train, valid and test, one byte 0 or 1 each, where it is known.
    pub(crate) bits: Option<&'static str>,
    /// Further names of its folder.
    pub(crate) folders: &'static [&'static str],
    /// Files to download.
    pub(crate) downloads: &'static [Download],
}

/// A file of the official source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Download {
    /// Name of the file while it is downloaded, and on a mirror.
    pub(crate) file: &'static str,
    /// Addresses, tried in order.
    pub(crate) urls: &'static [&'static str],
    /// Length, exact or approximate.
    pub(crate) bytes: Bytes,
    /// Verification of the file, and the part of it that is stored.
    pub(crate) check: Check,
}

/// Length of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bytes {
    Exactly(u64),
    About(u64),
}

/// Verification of a download, done before the file gets its final name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// Stored unchanged; SHA-256 of its bytes.
    Sha256(&'static str),
    /// A zip archive of which these gzip members are stored.
    Members(&'static [Member]),
    /// A tar.gz archive of which the PNG images of these classes are stored as `file`: their
    /// number, and the SHA-256 over `class/name`, 0, length (u64, little-endian) and bytes of each,
    /// in natural order.
    Pictures {
        file: &'static str,
        classes: &'static [&'static str],
        count: usize,
        sha256: &'static str,
    },
    /// Stored unchanged: an .npz archive whose arrays train, valid and test have these numbers of
    /// vectors of `dim` values, all 0 or 1. Reading it compares the archive's own CRC-32.
    Vectors { dim: usize, sizes: [usize; 3] },
}

/// A gzip member of a zip; the zip's own CRC-32 is checked too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// Name without folders.
    pub(crate) name: &'static str,
    /// Bytes when unpacked.
    pub(crate) unpacked: u64,
    /// A range of the unpacked bytes and its SHA-256, where one is known.
    pub(crate) sha256: Option<(u64, u64, &'static str)>,
}

const SQUARE: Shape = Shape { width: 28, height: 28 };

const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const LETTERS: &[&str] = &[
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
    "t", "u", "v", "w", "x", "y", "z",
];
const CLOTHES: &[&str] = &[
    "t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];
const SHAPES: &[&str] = &["circle", "square", "star", "triangle"];

macro_rules! mnist {
    ($file:literal, $bytes:literal, $sha256:literal) => {
        Download {
            file: $file,
            urls: &[
                concat!("https://ossci-datasets.s3.amazonaws.com/mnist/", $file),
                concat!("https://storage.googleapis.com/cvdf-datasets/mnist/", $file),
            ],
            bytes: Bytes::Exactly($bytes),
            check: Check::Sha256($sha256),
        }
    };
}

// The authors publish MD5. These SHA-256 are also in torchvision (prototype/datasets/_builtin/mnist.py),
// and lengths and SHA-256 in other published loaders of the set.
macro_rules! fashion {
    ($file:literal, $bytes:literal, $sha256:literal) => {
        Download {
            file: $file,
            urls: &[
                concat!("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", $file),
                concat!(
                    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                    $file
                ),
            ],
            bytes: Bytes::Exactly($bytes),
            check: Check::Sha256($sha256),
        }
    };
}

macro_rules! larochelle {
    ($file:literal, $bytes:literal, $sha256:literal) => {
        Download {
            file: $file,
            urls: &[
                concat!(
                    "https://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
                    $file
                ),
                concat!(
                    "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
                    $file
                ),
            ],
            bytes: Bytes::Exactly($bytes),
            check: Check::Sha256($sha256),
        }
    };
}

/// Set of the MADE paper (Germain et al. 2015) as its authors publish it: an archive with the arrays
/// `train_data`, `valid_data` and `test_data` of 4-byte floats, and no checksum.
macro_rules! made {
    ($name:literal, $about:literal, $dim:literal, $sizes:expr, $file:literal, $urls:expr) => {
        Known {
            name: $name,
            about: $about,
            licence: "none stated by the source",
            shape: Shape { width: $dim, height: 1 },
            sizes: $sizes,
            parts: &Part::ALL,
            classes: (0, &[]),
            invert: false,
            frames: false,
            unpacked: [None; 3],
            bits: None,
            folders: &[],
            downloads: &[Download {
                file: $file,
                urls: $urls,
                bytes: Bytes::About(4 * $dim * ($sizes[0] + $sizes[1] + $sizes[2])),
                check: Check::Vectors { dim: $dim, sizes: $sizes },
            }],
        }
    };
    ($name:literal, $about:literal, $dim:literal, $sizes:expr, $file:literal) => {
        made!($name, $about, $dim, $sizes, $file, in_repository!($file))
    };
}

/// Addresses of a file of the authors' repository: as it was when this was written, and as it is.
macro_rules! in_repository {
    ($file:literal) => {
        &[
            concat!(
                "https://raw.githubusercontent.com/mgermain/MADE/514849eb9451311c02049f9e2d9a17fac589996a/datasets/",
                $file
            ),
            concat!("https://raw.githubusercontent.com/mgermain/MADE/master/datasets/", $file),
        ]
    };
}

/// All data sets known by name.
pub(crate) const KNOWN: [Known; 13] = [
    Known {
        name: "mnist",
        about: "handwritten digits (LeCun, Cortes, Burges)",
        licence: "CC BY-SA 3.0",
        shape: SQUARE,
        sizes: [50_000, 10_000, 10_000],
        parts: &[Part::Train, Part::Test],
        classes: (0, DIGITS),
        invert: false,
        frames: false,
        unpacked: [
            Some("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            None,
            Some("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        ],
        bits: None,
        folders: &[],
        downloads: &[
            mnist!(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
            ),
            mnist!(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
            ),
            mnist!(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
            ),
            mnist!(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
            ),
        ],
    },
    Known {
        name: "binarized-mnist",
        about: "MNIST drawn once as bits (Salakhutdinov and Murray 2008)",
        licence: "CC BY-SA 3.0, as MNIST",
        shape: SQUARE,
        sizes: [50_000, 10_000, 10_000],
        parts: &Part::ALL,
        classes: (0, DIGITS),
        invert: false,
        frames: false,
        unpacked: [
            Some("ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
            Some("1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
            Some("e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
        ],
        bits: None,
        folders: &[],
        downloads: &[
            larochelle!(
                "binarized_mnist_train.amat",
                78_400_000,
                "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"
            ),
            larochelle!(
                "binarized_mnist_valid.amat",
                15_680_000,
                "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"
            ),
            larochelle!(
                "binarized_mnist_test.amat",
                15_680_000,
                "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"
            ),
        ],
    },
    Known {
        name: "fashion-mnist",
        about: "pictures of clothes (Xiao, Rasul, Vollgraf 2017)",
        licence: "MIT",
        shape: SQUARE,
        sizes: [50_000, 10_000, 10_000],
        parts: &[Part::Train, Part::Test],
        classes: (0, CLOTHES),
        invert: false,
        frames: false,
        unpacked: [None; 3],
        bits: None,
        folders: &[],
        downloads: &[
            fashion!(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
            ),
            fashion!(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
            ),
            fashion!(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
            ),
            fashion!(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
            ),
        ],
    },
    Known {
        name: "emnist-letters",
        about: "handwritten letters, both cases together (Cohen et al. 2017)",
        licence: "public domain (NIST Special Database 19)",
        shape: SQUARE,
        sizes: [104_000, 20_800, 20_800],
        parts: &[Part::Train, Part::Test],
        classes: (1, LETTERS),
        invert: false,
        frames: false,
        unpacked: [None; 3],
        bits: None,
        folders: &[],
        downloads: &[Download {
            file: "gzip.zip",
            urls: &[
                "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
                "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
            ],
            bytes: Bytes::About(561_753_746),
            check: Check::Members(&[
                Member {
                    name: "emnist-letters-train-images-idx3-ubyte.gz",
                    unpacked: 97_843_216,
                    sha256: None,
                },
                Member {
                    name: "emnist-letters-train-labels-idx1-ubyte.gz",
                    unpacked: 124_808,
                    sha256: Some((
                        0,
                        124_808,
                        "e8e94c3f4353d5532fd9604b939cb4c76e7847945b9b0d9ff7884d881dead6bc",
                    )),
                },
                Member {
                    name: "emnist-letters-test-images-idx3-ubyte.gz",
                    unpacked: 16_307_216,
                    sha256: Some((
                        16,
                        7_840_016,
                        "7bd393f2ff79aa1d458ae6691114374232315a21dacd14437c1bce5ebb708474",
                    )),
                },
                Member {
                    name: "emnist-letters-test-labels-idx1-ubyte.gz",
                    unpacked: 20_808,
                    sha256: Some((
                        0,
                        20_808,
                        "22dbcde0a929a7f166bdac863b9195b2994d840a1e082f8f6daaeac5606376a6",
                    )),
                },
            ]),
        }],
    },
    Known {
        name: "four-shapes",
        about: "filmed circles, squares, stars and triangles (smeschke)",
        licence: "MIT (the snapshot fetched); its author states none",
        shape: SQUARE,
        sizes: [11_655, 1_457, 1_458],
        parts: &[],
        classes: (0, SHAPES),
        invert: true,
        frames: true,
        unpacked: [None; 3],
        bits: None,
        folders: &[],
        downloads: &[Download {
            file: "four-shapes.snapshot.tar.gz",
            // Only the pictures are checked, so that a later snapshot with the same pictures is
            // accepted, too.
            urls: &[
                "https://github.com/keizerzilla/four-shapes/archive/5d61919.tar.gz",
                "https://github.com/keizerzilla/four-shapes/archive/HEAD.tar.gz",
            ],
            bytes: Bytes::About(20_000_000),
            check: Check::Pictures {
                file: "four_shapes.tar.gz",
                classes: SHAPES,
                count: 14_970,
                sha256: "a7b0a23abc5d689717b4b4e48df3363ca5fe8443f162d6e2c123af93f9fcdcdf",
            },
        }],
    },
    made!(
        "adult",
        "census records, categories as bits (Adult of UCI; a9a of LIBSVM)",
        123,
        [5_000, 1_414, 26_147],
        "adult.npz"
    ),
    made!(
        "connect4",
        "positions of Connect Four (Connect-4 of UCI)",
        126,
        [16_000, 4_000, 47_557],
        "connect4.npz"
    ),
    Known {
        bits: Some("8f65d8ffdfff0d7fbd88c69e5fb90b05e0a671fbac59900c4fe607a8be3c1b41"),
        folders: &["dna-made"],
        downloads: &[Download {
            file: "dna.npz",
            urls: in_repository!("dna.npz"),
            bytes: Bytes::Exactly(2_295_252),
            check: Check::Sha256(
                "df2d2e7ce1469edfead15e41024e108d64f1b4633cfecfc40ef7107cc22c895c",
            ),
        }],
        ..made!(
            "dna",
            "splice junctions of DNA (UCI, as in Statlog)",
            180,
            [1_400, 600, 1_186],
            "dna.npz"
        )
    },
    made!(
        "mushrooms",
        "descriptions of mushrooms, categories as bits (Mushroom of UCI)",
        112,
        [2_000, 500, 5_624],
        "mushrooms.npz"
    ),
    made!(
        "nips",
        "words of papers at NIPS 0 to 12 (Roweis)",
        500,
        [400, 100, 1_240],
        "nips.npz"
    ),
    made!(
        "ocr-letters",
        "handwritten letters of 16 x 8 pixels (Kassel)",
        128,
        [32_152, 10_000, 10_000],
        "ocr_letters.npz"
    ),
    Known {
        licence: "none stated by the source; the stories are copyright of Reuters",
        ..made!(
            "rcv1",
            "words of news stories (Reuters Corpus, Volume 1)",
            150,
            [40_000, 10_000, 150_000],
            "rcv1.npz",
            &["https://github.com/mgermain/MADE/releases/download/ICML2015/rcv1.npz"]
        )
    },
    made!(
        "web",
        "key words of web pages (Platt 1998)",
        300,
        [14_000, 3_188, 32_561],
        "web.npz"
    ),
];

impl Known {
    /// Names of the files that `fetch` stores.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'static str> {
        self.downloads.iter().flat_map(Download::files)
    }

    /// Number of pictures in a set that is stored as an archive of pictures.
    pub(crate) fn pictures(&self) -> Option<usize> {
        self.downloads.iter().find_map(|download| match download.check {
            Check::Pictures { count, .. } => Some(count),
            Check::Sha256(_) | Check::Members(_) | Check::Vectors { .. } => None,
        })
    }

    /// Content by which a download is checked.
    pub(crate) fn checked_by(&self) -> &'static str {
        match self.downloads.first().map(|download| download.check) {
            Some(Check::Vectors { .. }) => {
                "no checksum is published: checked by the archive's CRC-32, dimension, counts and values 0 and 1"
            }
            Some(Check::Members(_)) => {
                "checked by the archive's CRC-32, lengths, and SHA-256 where it is known"
            }
            _ => "checked by SHA-256",
        }
    }

    /// True if its images are plain vectors. No canonical file of such a set is known, so it is
    /// identified by its values, as a set named by a path is.
    pub(crate) fn is_vectors(&self) -> bool {
        self.shape.height == 1
    }

    /// Approximate size of the download [bytes].
    pub(crate) fn bytes(&self) -> u64 {
        self.downloads.iter().map(|download| download.bytes.about()).sum()
    }
}

impl Download {
    /// Names of the files that are stored from this download.
    pub(crate) fn files(&self) -> Vec<&'static str> {
        match self.check {
            Check::Sha256(_) | Check::Vectors { .. } => vec![self.file],
            Check::Members(members) => members.iter().map(|member| member.name).collect(),
            Check::Pictures { file, .. } => vec![file],
        }
    }
}

impl Bytes {
    /// Maximum length [bytes]: a longer file is another one.
    pub(crate) fn most(self) -> u64 {
        match self {
            Self::Exactly(bytes) => bytes,
            Self::About(bytes) => 2 * bytes,
        }
    }

    /// Length, exact or approximate [bytes].
    pub(crate) fn about(self) -> u64 {
        match self {
            Self::Exactly(bytes) | Self::About(bytes) => bytes,
        }
    }
}
