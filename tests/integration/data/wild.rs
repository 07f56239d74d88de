//! Data sets as users have them, loaded by path and checked by their messages: the line, the
//! warnings, the content left out, the error.

use std::fs;
use std::io::Write;

use ablade::data::{DataConfig, Dataset, Library, load};

/// A folder with one data set, whose messages are checked.
struct Wild(tempfile::TempDir, usize);

impl Wild {
    fn new() -> Self {
        Self::of_size(28)
    }

    /// Pictures are resized to `size`.
    fn of_size(size: usize) -> Self {
        Self(tempfile::tempdir().expect("a folder"), size)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
        self
    }

    fn try_load(&self, name: &str) -> Result<Dataset, String> {
        let path = self.0.path().join(name).display().to_string();
        load(
            &DataConfig { name: path, size: self.1, ..DataConfig::default() },
            &Library::at("/nonexistent"),
        )
        .map_err(|error| error.to_string())
    }

    #[track_caller]
    fn load(&self, name: &str) -> Dataset {
        self.try_load(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// All messages about the set, without the path of the folder.
    #[track_caller]
    fn said(&self, name: &str) -> String {
        let data = self.load(name);
        let described = data.described();
        let left_out = data.left_out.iter().map(|sentence| format!("left out: {sentence}"));
        let lines: Vec<String> = [described.line()]
            .into_iter()
            .chain(left_out)
            .chain(described.warnings())
            .collect();
        lines.join("\n").replace(&format!("{}/", self.0.path().display()), "")
    }

    #[track_caller]
    fn says(&self, name: &str, words: &[&str]) {
        let said = self.said(name);
        for words in words {
            assert!(said.contains(words), "{said}\n  lacks: {words}");
        }
    }

    #[track_caller]
    fn fails(&self, name: &str, words: &str) {
        let error = self.try_load(name).err().unwrap_or_else(|| panic!("{}", self.said(name)));
        assert!(error.contains(words), "{error}\n  lacks: {words}");
    }
}

/// Bits of image `i`; no two images are equal.
fn bits(i: usize) -> Vec<u8> {
    let mut state = 2 * i as u64 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u8::from(state >> 62 == 0)
    };
    (0..36).map(|_| next()).collect()
}

/// Grey levels up to `white` of image `i`.
fn greys(i: usize, white: u8) -> Vec<u8> {
    bits(i)
        .iter()
        .enumerate()
        .map(|(k, bit)| bit * if k % 2 == 0 { white } else { white - white / 4 })
        .collect()
}

fn npy(images: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let images: Vec<Vec<u8>> = images.into_iter().collect();
    array(&format!("({}, {})", images.len(), images[0].len()), &images.concat())
}

fn array(shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        values,
    ]
    .concat()
}

fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .expect("memory");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn png(width: usize, height: usize, i: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (i..i + 30).flat_map(|i| greys(i, 255)).take(width * height).collect();
    encoder
        .write_header()
        .expect("memory")
        .write_image_data(&pixels)
        .expect("memory");
    bytes
}

/// A table of the images, one row each, with its columns in a given order; the first line is
/// `header`.
fn table(
    header: &str,
    images: std::ops::Range<usize>,
    row: impl Fn(usize) -> Vec<String>,
) -> String {
    let rows = images.map(|i| row(i).join(",") + "\n");
    [header.to_owned()]
        .into_iter()
        .filter(|header| !header.is_empty())
        .chain(rows)
        .collect()
}

fn words(values: &[u8]) -> Vec<String> {
    values.iter().map(u8::to_string).collect()
}

fn names(columns: impl Iterator<Item = usize>) -> String {
    columns.map(|i| format!("pixel{i}")).collect::<Vec<_>>().join(",")
}

#[test]
fn parts_on_another_scale_or_inverted_are_told_apart() {
    let set = |test: Vec<Vec<u8>>| {
        let wild = Wild::new();
        wild.file("set/train.npy", npy((0..60).map(|i| greys(i, 255))))
            .file("set/test.npy", npy(test));
        wild
    };
    let alike = set((60..100).map(|i| greys(i, 255)).collect()).said("set");
    assert!(!alike.contains('\n') && alike.ends_with(" on"), "{alike}");
    let dark = [
        "levels up to 255 of 255 (test 16)",
        "(test 0 %)",
        "no pixel of its test images is ever on; levels up to 16",
    ];
    set((60..100).map(|i| greys(i, 16)).collect()).says("set", &dark);
    let inverted = (60..100)
        .map(|i| greys(i, 255).iter().map(|level| 255 - level).collect())
        .collect();
    set(inverted).says(
        "set",
        &["% on (test ", "of the pixels of its test images are on, and ", "inverted"],
    );
    set((60..100).map(bits).collect()).says(
        "set",
        &["its test images are black and white, its train images have grey levels"],
    );
    // As many pixels on as off, and each on where the training images have none.
    let wild = Wild::new();
    let half =
        |i: usize, on: usize| (0..36).map(|k| u8::from((k % 2 == on) != (k == i % 36))).collect();
    wild.file("half/train.npy", npy((0..60).map(|i| half(i, 0))))
        .file("half/test.npy", npy((60..90).map(|i| half(i, 1))));
    wild.says("half", &["its test images are like negatives of its train images"]);
    set(vec![vec![0; 36]; 40]).says("set", &["no pixel of its test images is ever on"]);
}

#[test]
fn the_files_that_are_read_are_named() {
    let wild = Wild::new();
    let mut tar = tar::Builder::new(Vec::new());
    for i in 0..9 {
        let (mut header, bytes) = (tar::Header::new_gnu(), png(6, 6, i));
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, format!("{i}.png"), bytes.as_slice())
            .expect("memory");
    }
    let tar = tar.into_inner().expect("memory");
    wild.file("set/a.npy", npy((0..20).map(bits))).file("set/a.tar", &tar);
    wild.says(
        "set",
        &["set (a.npy): 16 train", "left out: a.tar: an archive, which is not looked into"],
    );
    wild.says("set/a.npy", &["set/a.npy: 16 train"]);
    wild.file("data/set1.npy", npy((0..20).map(bits)));
    wild.says("data/set1", &["data/set1 (set1.npy): 16 train"]);
    wild.file("deep/MNIST/raw/x.npy", npy((0..20).map(bits)))
        .file("deep/MNIST/processed/training.pt", b"PK");
    wild.says(
        "deep",
        &[
            "deep (deep/MNIST/raw: x.npy): ",
            "left out: training.pt: not in the folder that is read",
        ],
    );
    let labels = array("(20,)", &[1; 20]);
    wild.file(
        "set.npz",
        zip(&[
            ("x.npy", npy((0..20).map(bits))),
            ("y.npy", labels.clone()),
            ("my_labels.npy", labels),
        ]),
    );
    wild.says("set.npz", &["set.npz (array x): ", "left out: array `y` (20 values)"]);
}

#[test]
fn columns_are_matched_by_name() {
    let wild = Wild::new();
    let turned = |i: usize| words(&bits(i).into_iter().rev().collect::<Vec<_>>());
    let train = table(&(names(0..36) + "\n"), 0..60, |i| words(&bits(i)));
    let test = table(&(names(0..36) + "\n"), 60..80, |i| words(&bits(i)));
    wild.file("one/train.csv", &train).file("one/test.csv", &test);
    wild.file("other/train.csv", &train)
        .file("other/test.csv", table(&(names((0..36).rev()) + "\n"), 60..80, turned));
    assert_eq!(wild.load("one").test.pixels(), wild.load("other").test.pixels());
    assert_eq!(wild.load("one").origin.fingerprint, wild.load("other").origin.fingerprint);
    wild.file("none/train.csv", &train)
        .file("none/test.csv", table("", 60..80, |i| words(&bits(i))));
    wild.says(
        "none",
        &["the table of train names its columns, that of test does not: they are taken to be in one order"],
    );
    wild.file("differ/train.csv", &train);
    wild.file("differ/test.csv", table(&(names(1..37) + "\n"), 60..80, |i| words(&bits(i))));
    wild.fails(
        "differ",
        "its train and test tables have other columns: `pixel0` is in the first alone",
    );
}

#[test]
fn columns_that_are_no_pixels_are_named() {
    let with_label = |i: usize| [vec![(i % 10).to_string()], words(&bits(i))].concat();
    let wild = Wild::new();
    wild.file("digit.csv", table(&format!("digit,{}\n", names(0..36)), 0..40, with_label));
    wild.says(
        "digit.csv",
        &[
            "vectors of 36 variables, binary as stored",
            "column `digit`: its name is not in the series pixel0 ... pixel35",
        ],
    );
    let counted = (0..36).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    for (i, header) in [
        format!(",{counted}\n"),
        format!("label,{counted}\n"),
        format!("Unnamed: 0.1,{counted}\n"),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("{i}.csv");
        wild.file(
            &name,
            table(header, 0..40, |i| [vec![(i * 7 % 40).to_string()], words(&bits(i))].concat()),
        );
        wild.says(&name, &["vectors of 36 variables, binary as stored", "left out: column "]);
    }
    wild.file(
        "two.csv",
        table(&format!(",Unnamed: 0,{counted},label\n"), 0..40, |i| {
            [
                vec![(i * 7 % 40).to_string(), i.to_string()],
                words(&bits(i)),
                vec!["cat".into()],
            ]
            .concat()
        }),
    );
    wild.says(
        "two.csv",
        &[
            "vectors of 36 variables, binary as stored",
            "column `Unnamed: 0`",
            "column `label`",
        ],
    );

    // One value more than a square.
    wild.file("digits.csv", table("", 0..40, with_label));
    wild.fails("digits.csv", "37 values a row are 6 x 6 and one more: if that is a label");
    wild.file("uci/adult.data", table("", 0..40, |i| words(&bits(i))));
    wild.file("uci/adult.test", table("", 40..60, |i| words(&bits(i))));
    wild.says("uci", &["uci (adult.data): 32 train", "left out: adult.test"]);
    wild.file("more.npy", npy((0..40).map(|i| [vec![(i % 2) as u8], bits(i)].concat())));
    wild.says(
        "more.npy",
        &["37 values are 6 x 6 and one more: if one of them is a label, take it out"],
    );
    wild.file(
        "grey.csv",
        table("", 0..40, |i| [words(&greys(i, 255)), vec!["3".into()]].concat()),
    );
    wild.fails("grey.csv", "grey.csv, line 1: 37 grey levels a row");
}

#[test]
fn pictures_are_counted_divided_and_resized_with_a_word() {
    let wild = Wild::of_size(6);
    for i in 0..20 {
        wild.file(&format!("masks/images/{i}.png"), png(6, 6, i))
            .file(&format!("masks/masks/{i}.png"), png(6, 6, i + 20));
        wild.file(&format!("flat/{}_{i}.png", if i < 14 { "train" } else { "test" }), png(6, 6, i));
        wild.file(&format!("half/{}_{i}.png", ["train", "test", "other"][i % 3]), png(6, 6, i));
        wild.file(&format!("class/{}/{i}.png", ["train", "bus", "ship"][i % 3]), png(6, 6, i));
        wild.file(&format!("sizes/{i}.png"), png(6 + i % 2 * 6, 6, i));
        wild.file(
            &format!("deep/{}x/{i}.png", if i < 18 { String::new() } else { "d/".repeat(18) }),
            png(6, 6, i),
        );
        wild.file(&format!("boxes/pictures/{i}.png"), png(6, 6, i));
    }
    wild.says(
        "masks",
        &[
            "masks (40 pictures: images 20, masks 20): ",
            "the pictures in masks are images as well as those in images",
        ],
    );
    wild.says(
        "flat",
        &[
            "flat (20 pictures): 12 train, 2 valid and 6 test",
            "the names of its pictures",
            "divide it",
        ],
    );
    wild.says(
        "half",
        &["14 of 20 pictures are called train, valid or test and the others are not"],
    );
    wild.fails(
        "class",
        "its folder train is taken for the train images, and of its 13 other pictures none is in a folder called",
    );
    wild.says(
        "sizes",
        &[
            "images of 6 x 6, resized from 6 x 6 to 6 x 12",
            "10 of 20 pictures are not square, and are stretched",
        ],
    );
    wild.says("deep", &["(18 pictures): ", "deeper than 16 folders"]);
    // A table about pictures is not a table of images.
    wild.file("boxes/boxes.csv", table("", 0..60, |i| words(&bits(i)[..4])));
    wild.file("boxes/attributes.csv", table("", 0..20, |i| words(&bits(i))));
    wild.says(
        "boxes",
        &[
            "boxes (20 pictures): ",
            "left out: 2 files *.csv such as attributes.csv: no PNG or JPEG picture",
        ],
    );
    wild.file("boxes/onehot.npy", npy((0..20).map(|i| bits(i)[..9].to_vec())));
    wild.says(
        "boxes",
        &["boxes (20 pictures): ", "left out: onehot.npy: no PNG or JPEG picture"],
    );
    wild.file("boxes/pixels.csv", table("", 0..60, |i| words(&bits(i))));
    wild.says(
        "boxes",
        &["boxes (pixels.csv): ", "left out: 20 pictures such as pictures/0.png"],
    );
}

#[test]
fn texts_of_spreadsheets_and_old_computers_are_read_and_errors_name_line_and_column() {
    let wild = Wild::new();
    let plain = table("", 0..40, |i| words(&bits(i)));
    wild.file("plain.csv", &plain);
    wild.file("sep.csv", format!("sep=;\r\n{}", plain.replace(',', ";").replace('\n', "\r\n")));
    wild.file("cr.csv", plain.replace('\n', "\r"))
        .file("pipe.psv", plain.replace(',', "|"));
    let expected = wild.load("plain.csv");
    for name in ["sep.csv", "cr.csv", "pipe.psv"] {
        assert_eq!(wild.load(name).train.pixels(), expected.train.pixels(), "{name}");
    }
    let named = table(&(names(0..36) + "\n"), 0..40, |i| words(&bits(i)));
    wild.file("ragged.csv", format!("{named}0,1\n"));
    let error = wild.try_load("ragged.csv").expect_err("a short row");
    assert!(error.ends_with("line 42: 2 values, where the header has 36 names"), "{error}");
    wild.file("word.csv", named.replacen("\n0,", "\ncat,", 1).replacen("\n1,", "\ncat,", 1));
    wild.fails("word.csv", "value 1 (column `pixel0`): `cat` is neither 0 nor 1");
    wild.file("rgba.npy", array("(3, 6, 6, 4)", &[0; 432]));
    wild.fails(
        "rgba.npy",
        "4 channels, of which the last is likely opacity; np.save(\"images.npy\", images[..., :3])",
    );
    wild.file("one.csv", "a\n0\n1\n0\n1\n");
    wild.says("one.csv", &["vectors of 1 variable,"]);
    let pipe = wild.0.path().join("pipe.csv");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo")
            .success()
    );
    wild.fails("pipe.csv", "it is a pipe; a regular file is expected");
}

#[test]
fn damaged_arrays_are_refused() {
    let wild = Wild::new();
    let mut bytes =
        zip(&[("train.npy", npy((0..60).map(bits))), ("test.npy", npy((60..80).map(bits)))]);
    wild.file("whole.npz", &bytes)
        .says("whole.npz", &["whole.npz (arrays train, test): 48 train, 12 valid and 20 test"]);
    // Stored, not deflated: the value of one pixel.
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("images.npy", stored).expect("memory");
    writer.write_all(&npy((0..60).map(bits))).expect("memory");
    bytes = writer.finish().expect("memory").into_inner();
    bytes[700] ^= 1;
    wild.file("set.npz", &bytes).fails(
        "set.npz",
        "set.npz, array `images`: its bytes do not have the checksum (CRC-32)",
    );
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for i in 0..9 {
        writer.start_file(format!("{i}.png"), stored).expect("memory");
        writer.write_all(&png(6, 6, i)).expect("memory");
    }
    bytes = writer.finish().expect("memory").into_inner();
    bytes[60] ^= 1;
    wild.file("set.zip", &bytes)
        .fails("set.zip", "set.zip, 0.png: its bytes do not have the checksum");
}

#[test]
fn numbers_that_are_names_of_columns_are_no_image() {
    let wild = Wild::new();
    let order: Vec<usize> = (0..36).map(|i| i * 7 % 36).collect();
    let rows = |header: &str| table(header, 0..40, |i| words(&greys(i, 250)));
    let line =
        |name: &dyn Fn(usize) -> String| (0..36).map(name).collect::<Vec<_>>().join(",") + "\n";
    wild.file("float.csv", rows(&line(&|i| format!("{i}.0"))))
        .says("float.csv", &["32 train, 4 valid and 4 test vectors of 36"]);
    wild.file("order.csv", rows(&line(&|i| order[i].to_string())))
        .says("order.csv", &["32 train", "are not in the order of their numbers"]);
    wild.file("large.csv", rows(&line(&|i| (order[i] * 11).to_string())))
        .says("large.csv", &["32 train, 4 valid"]);
    wild.file("choice.csv", rows(&line(&|i| (order[i] * 6).to_string())));
    wild.fails(
        "choice.csv",
        "choice.csv, line 1: 36 different whole numbers, as names of columns are",
    );
    let levels = line(&|i| (i / 6).to_string()) + &line(&|i| (i % 6).to_string());
    wild.file("levels.csv", rows(&levels))
        .fails("levels.csv", "line 2: this line and the one before are names of columns in two");
    let counted = line(&|i| i.to_string());
    wild.file("again.csv", rows(&counted) + &rows(&counted))
        .fails("again.csv", "again.csv, line 42: the header again");
    wild.file("appended.csv", rows("") + &rows(&counted))
        .fails("appended.csv", "line 41: this line counts 0, 1, 2 ... as names");
    let typed = names(0..36) + "\n" + &line(&|_| "bool".to_owned());
    wild.file("typed.csv", rows(&typed))
        .fails("typed.csv", "line 2: no value is a number (`bool` ...)");
    // Levels that are all different in other rows as well.
    wild.file(
        "few.csv",
        table("", 0..40, |i| (0..9).map(|k| ((i * 31 + k * 83) % 256).to_string()).collect()),
    );
    let said = wild.said("few.csv");
    assert!(
        said.starts_with("few.csv: 32 train") && !said.contains("names of columns"),
        "{said}"
    );
}

#[test]
fn columns_that_number_the_rows_are_no_pixels() {
    let wild = Wild::new();
    let numbered = |images: std::ops::Range<usize>, number: &dyn Fn(usize) -> usize| {
        table("", images, |i| [vec![number(i).to_string()], words(&greys(i, 250))].concat())
    };
    wild.file("late.csv", numbered(0..40, &|i| 50 + i));
    wild.file("back.csv", numbered(0..40, &|i| 300 - i));
    wild.file("mixed.csv", numbered(0..40, &|i| 5 + i * 17 % 40));
    for (name, why) in [
        ("late.csv", "it counts"),
        ("back.csv", "it counts"),
        ("mixed.csv", "it numbers"),
    ] {
        wild.says(
            name,
            &["vectors of 36 variables", &format!("left out: column 1: {why} the rows")],
        );
    }
    // Numbers of one table, in two.
    wild.file("two/train.csv", numbered(0..60, &|i| i * 27 % 80))
        .file("two/test.csv", numbered(60..80, &|i| i * 27 % 80));
    wild.says(
        "two",
        &[
            "48 train, 12 valid and 20 test vectors of 36 variables",
            "left out: column 1: it numbers the rows",
        ],
    );
    let names: Vec<String> = (0..36u8)
        .map(|k| format!("{}{}", (b'a' + k / 6) as char, (b'a' + k % 6) as char))
        .collect();
    let header = format!("{},sample\n", names.join(","));
    wild.file(
        "last.csv",
        table(&header, 0..40, |i| [words(&greys(i, 250)), vec![(90 + i).to_string()]].concat()),
    );
    wild.says(
        "last.csv",
        &["vectors of 36 variables", "left out: column `sample`: it counts the rows"],
    );
    // A few images are not enough evidence, and neither are ramps.
    wild.file("few.csv", numbered(0..7, &|i| 50 + i * 3 % 7)).file(
        "ramps.csv",
        table("", 0..40, |i| (0..5).map(|k| (60 + i + 20 * k).to_string()).collect()),
    );
    wild.fails("few.csv", "37 grey levels a row");
    wild.says("ramps.csv", &["vectors of 5 variables"]);
}

#[test]
fn parts_that_share_their_images_are_told() {
    let wild = Wild::new();
    let turned = |range: std::ops::Range<usize>| npy(range.rev().map(bits));
    let [train, valid] = [npy((0..60).map(bits)), npy((60..80).map(bits))];
    wild.file("same/train.npy", &train)
        .file("same/valid.npy", &valid)
        .file("same/test.npy", turned(60..80));
    wild.fails("same", "its valid images and its test images are the same ones");
    wild.file("some/train.npy", &train)
        .file("some/valid.npy", &valid)
        .file("some/test.npy", turned(70..90));
    wild.says("some", &["10 of 20 test images are validation images as well"]);
}

#[test]
fn classes_and_divisions_among_the_pixels_are_told() {
    let wild = Wild::new();
    let one_hot =
        |i: usize| -> Vec<u8> { (0..10).map(|class| u8::from(class == i % 10)).collect() };
    let row = |i: usize| words(&[bits(i), one_hot(i)].concat());
    wild.file("hot.csv", table("", 0..40, row))
        .file("hot.npy", npy((0..40).map(|i| [bits(i), one_hot(i)].concat())));
    for name in ["hot.csv", "hot.npy"] {
        wild.says(
            name,
            &["46 values are 6 x 6 and 10 more, of which exactly one is on in every row"],
        );
    }
    let classes = (0..10).map(|i| format!("class_{i}")).collect::<Vec<_>>().join(",");
    wild.file("named.csv", table(&format!("{},{classes}\n", names(0..36)), 0..40, row));
    wild.says("named.csv", &["vectors of 36 variables", "left out: column `class_9`"]);
    let others = |i: usize| [words(&bits(i)[..4]), vec!["a".into(), "7".into()]].concat();
    wild.file("split.csv", table("red,round,soft,wet,split,patient_id\n", 0..40, others));
    wild.says(
        "split.csv",
        &[
            "vectors of 4 variables",
            "left out: column `split`",
            "left out: column `patient_id`",
        ],
    );
    let numbers = |count: usize| array(&format!("({count},)"), &vec![1; count]);
    wild.file(
        "set.npz",
        zip(&[
            ("x.npy", npy((0..40).map(bits))),
            ("train_idx.npy", numbers(30)),
            ("test_idx.npy", numbers(10)),
        ]),
    );
    wild.says(
        "set.npz",
        &["train_idx and test_idx by name state a division, which is not used"],
    );
    for i in 0..9 {
        wild.file(&format!("voc/images/{i}.png"), png(6, 6, i));
    }
    wild.file("voc/ImageSets/train.txt", "0\n1\n")
        .file("voc/ImageSets/val.txt", "2\n");
    wild.says("voc", &["train.txt and val.txt by name state a division, which is not used"]);
}

#[test]
fn pictures_are_warned_about_where_they_are_not_what_they_seem() {
    let wild = Wild::of_size(12);
    // A thick bar, dark inside and lighter at its edges, on clear paper.
    let bar = |level: &dyn Fn(usize) -> u8| -> Vec<u8> {
        let pixel =
            |i: usize| if (3..9).contains(&(i / 12)) { [level(i / 12), 255] } else { [0, 0] };
        (0..144).flat_map(pixel).collect()
    };
    let encoded = |color: png::ColorType, pixels: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 12, 12);
        encoder.set_color(color);
        encoder
            .write_header()
            .expect("memory")
            .write_image_data(pixels)
            .expect("memory");
        bytes
    };
    for i in 0..9u8 {
        let dark = bar(&|y| if y == 3 || y == 8 { 240 - i } else { 30 + i });
        let light = bar(&|y| if y == 3 || y == 8 { 30 + i } else { 240 - i });
        wild.file(&format!("dark/{i}.png"), encoded(png::ColorType::GrayscaleAlpha, &dark));
        wild.file(&format!("light/{i}.png"), encoded(png::ColorType::GrayscaleAlpha, &light));
        let white = if i % 3 == 0 { 1 } else { 255 };
        let bits: Vec<u8> = (0..144)
            .map(|k| if (k + usize::from(i)) % 5 == 0 { white } else { 0 })
            .collect();
        wild.file(&format!("levels/{i}.png"), encoded(png::ColorType::Grayscale, &bits));
        // By content: no ending, or one of no picture.
        wild.file(
            &format!("unnamed/{i}{}", if i % 2 == 0 { "" } else { ".dat" }),
            png(12, 12, usize::from(i)),
        );
        wild.file(&format!("unnamed/@eaDir/{i}.png"), png(12, 12, 50));
    }
    wild.says("dark", &["9 of 9 pictures are dark on transparent paper"]);
    assert!(!wild.said("light").contains("transparent"));
    wild.says("levels", &["3 of 9 pictures have no level above 1, and others have"]);
    wild.says("unnamed", &["unnamed (9 pictures): "]);
    assert!(!wild.said("unnamed").contains("left out"));
}

#[test]
fn what_lies_there_is_known_by_its_content_and_its_name() {
    let wild = Wild::new();
    wild.file("set/data.dat", table("", 0..40, |i| words(&bits(i))))
        .file("set/LICENSE", "Do what you like.\n");
    wild.says("set", &["set (data.dat): 32 train", "left out: LICENSE"]);
    wild.file("more.npy", npy((0..40).map(bits)))
        .file("more_small.npy", npy((0..9).map(bits)));
    wild.says(
        "more",
        &[
            "more (more.npy): 32 train",
            "left out: more_small.npy: its name only begins as the one",
        ],
    );
    std::os::unix::fs::symlink("gone.npy", wild.0.path().join("link.npy")).expect("a link");
    wild.fails("link.npy", "it leads to gone.npy, which is not there");
    let indexed = |i: usize| [vec![i.to_string()], words(&bits(i))].concat().join(" ");
    let header = " ".to_owned() + &(0..36).map(|i| i.to_string()).collect::<Vec<_>>().join(" ");
    wild.file("spaces.csv", (0..40).fold(header, |text, i| text + "\n" + &indexed(i)));
    wild.says("spaces.csv", &["vectors of 36 variables", "left out: column 1: it has no name"]);
    for (name, text, is) in [
        (
            "a.arff",
            format!("% {}\n@Relation r\n@data\n0,1\n", "x".repeat(900)),
            "an ARFF file",
        ),
        (
            "a.txt",
            "%%MatrixMarket matrix coordinate\n2 2 1\n".to_owned(),
            "a MatrixMarket file",
        ),
        ("b.txt", "[[0 0 1]\n [0 1 0]]\n".to_owned(), "a NumPy array as it is printed"),
    ] {
        wild.file(name, text).fails(name, is);
    }
    let part = || array("(2,)", &[0; 2]);
    wild.file(
        "sparse.npz",
        zip(&[("indices.npy", part()), ("indptr.npy", part()), ("data.npy", part())]),
    );
    wild.fails("sparse.npz", "a sparse matrix of SciPy");
}
