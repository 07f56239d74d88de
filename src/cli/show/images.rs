//! Image files in the format of their ending: PNG, npy, idx or csv.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::cli::show::out::{write_among_plots, write_named};
use crate::data::Shape;
use crate::figures::bitmap::Bitmap;
use crate::figures::style::{Color, NOT_GIVEN, WHITE, grey};
use crate::npy;
use crate::trainers::made::figures::image_grid::{ImageGrid, enlargement, nearly_square};
use crate::trainers::made::table::TableUnits;

/// A file to write images to.
#[derive(Debug, Clone)]
pub(crate) struct ImageFile {
    pub(crate) path: PathBuf,
    format: Format,
    /// True if the user named it.
    named: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Npy,
    Idx,
    Csv,
}

/// Values of images, one image after another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PixelValues<'a> {
    /// Levels of pixels, with their number: 0 and 1 of two.
    Levels(&'a [u8], usize),
    /// Probabilities of 1; of more than two levels, expected levels as shares of the last.
    Shares(&'a [f32]),
}

impl PixelValues<'_> {
    /// Number of values.
    fn count(self) -> usize {
        match self {
            Self::Levels(levels, _) => levels.len(),
            Self::Shares(shares) => shares.len(),
        }
    }

    /// Greys from off to on.
    fn colors(self) -> Vec<Color> {
        match self {
            Self::Levels(levels, count) => {
                let highest = (count - 1) as f64;
                levels.iter().map(|&level| grey(f64::from(level) / highest)).collect()
            }
            Self::Shares(shares) => shares.iter().map(|&share| grey(f64::from(share))).collect(),
        }
    }
}

impl ImageFile {
    /// Parses a file name and takes the format from its ending, for clap.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let lower = path.to_lowercase();
        let endings = [
            (".png", Format::Png),
            (".npy", Format::Npy),
            (".idx", Format::Idx),
            ("-ubyte", Format::Idx),
            (".csv", Format::Csv),
        ];
        let format = endings
            .iter()
            .find(|(ending, _)| lower.ends_with(ending))
            .map(|(_, format)| *format);
        let format =
            format.ok_or("its ending says no format: .png, .npy, .idx, -ubyte (idx) or .csv")?;
        Ok(Self { path: path.into(), format, named: true })
    }

    /// The same path with `-word` before the ending.
    pub(crate) fn beside(&self, word: &str) -> Self {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let (stem, ending) = name.rsplit_once(['.', '-']).unwrap_or((&name, ""));
        let mark = &name[stem.len()..name.len() - ending.len()];
        Self {
            path: self.path.with_file_name(format!("{stem}-{word}{mark}{ending}")),
            ..self.clone()
        }
    }

    /// True if it holds a picture instead of values.
    pub(crate) fn is_picture(&self) -> bool {
        self.format == Format::Png
    }

    /// Writes standardised rows of a table in its own units: an array of `counts` rows, or a table
    /// whose rows begin with the cells of `lead`, below `heads`.
    pub(crate) fn write_rows(
        &self,
        units: &TableUnits,
        counts: &[usize],
        standardised: &[f32],
        (heads, lead): (&[&str], &dyn Fn(usize) -> Vec<usize>),
    ) -> anyhow::Result<()> {
        self.write(match self.format {
            Format::Npy => units.npy(counts, standardised),
            _ => units.table(heads, standardised, lead).into_bytes(),
        })
    }

    /// Writes the picture of a sheet.
    pub(crate) fn write_sheet(&self, sheet: &Sheet) -> anyhow::Result<()> {
        self.write(sheet.png()?)
    }

    fn write(&self, bytes: Vec<u8>) -> anyhow::Result<()> {
        if self.named {
            write_named(&self.path, &bytes)
        } else {
            write_among_plots(&self.path, bytes)
        }
    }

    /// Writes values; `counts` are the leading dimensions, whose product is the number of images.
    pub(crate) fn write_values(
        &self,
        shape: Shape,
        counts: &[usize],
        values: PixelValues,
    ) -> anyhow::Result<()> {
        let bytes = match self.format {
            Format::Png => Sheet::of(shape, values).png()?,
            Format::Npy => {
                let image = if shape.height == 1 {
                    vec![shape.width]
                } else {
                    vec![shape.height, shape.width]
                };
                let lengths = [counts, &image].concat();
                match values {
                    PixelValues::Levels(levels, _) => npy::encode(&lengths, levels),
                    PixelValues::Shares(shares) => npy::encode(&lengths, shares),
                }
            }
            Format::Idx => idx(shape, values),
            Format::Csv => csv(shape, values).into_bytes(),
        };
        self.write(bytes)
    }
}

/// Values in idx format as in MNIST: count x rows x columns of unsigned bytes, 255 for on; of more
/// than two levels the levels themselves.
fn idx(shape: Shape, values: PixelValues) -> Vec<u8> {
    let levels: Vec<u8> = match values {
        PixelValues::Levels(bits, 2) => bits.iter().map(|&bit| bit * 255).collect(),
        PixelValues::Levels(levels, _) => levels.to_vec(),
        PixelValues::Shares(p) => p.iter().map(|p| (255.0 * p).round() as u8).collect(),
    };
    let lengths = [levels.len() / shape.dim(), shape.height, shape.width];
    let header = [0, 0, 8, 3]
        .into_iter()
        .chain(lengths.iter().flat_map(|&length| (length as u32).to_be_bytes()));
    header.chain(levels).collect()
}

/// Values as CSV: one row per image, one column per pixel, `r0c0` row by row, or `x0` of a plain
/// vector.
fn csv(shape: Shape, values: PixelValues) -> String {
    let column = |i: usize| match shape.height {
        1 => format!("x{i}"),
        _ => format!("r{}c{}", i / shape.width, i % shape.width),
    };
    let words: Vec<String> = match values {
        PixelValues::Levels(levels, _) => levels.iter().map(u8::to_string).collect(),
        PixelValues::Shares(shares) => shares.iter().map(f32::to_string).collect(),
    };
    let mut text = (0..shape.dim()).map(column).collect::<Vec<_>>().join(",") + "\n";
    words.chunks(shape.dim()).for_each(|row| text += &(row.join(",") + "\n"));
    text
}

/// Grid of images.
pub(crate) struct Sheet {
    shape: Shape,
    /// Tiles per row.
    across: usize,
    /// Colours of each tile, row by row.
    tiles: Vec<Vec<Color>>,
}

/// White dots between tiles and around the grid.
const GAP: usize = 3;

impl Sheet {
    /// Empty sheet with `across` tiles per row.
    pub(crate) fn new(shape: Shape, across: usize) -> Self {
        Self { shape, across: across.max(1), tiles: Vec::new() }
    }

    /// All images in a grid that is nearly square; plain vectors one per row.
    fn of(shape: Shape, values: PixelValues) -> Self {
        let count = values.count() / shape.dim();
        let mut sheet = Self::new(shape, Self::square(shape, count, 1));
        sheet.hang(values);
        sheet
    }

    /// Number of groups of `tiles` tiles in a row, for `count` groups in a sheet that is nearly
    /// square.
    pub(crate) fn square(shape: Shape, count: usize, tiles: usize) -> usize {
        let group = Shape { width: shape.width * tiles, ..shape };
        if shape.height == 1 { 1 } else { nearly_square(group, count) }
    }

    /// Adds tiles.
    pub(crate) fn hang(&mut self, values: PixelValues) {
        self.tiles
            .extend(values.colors().chunks(self.shape.dim()).map(<[Color]>::to_vec));
    }

    /// Adds the tile of one image of which only some pixels are `given`.
    pub(crate) fn hang_given(&mut self, image: PixelValues, given: &[bool]) {
        let shown = |(color, &given)| if given { color } else { NOT_GIVEN };
        self.tiles.push(image.colors().into_iter().zip(given).map(shown).collect());
    }

    /// Leaves the places of this many tiles white.
    pub(crate) fn leave_out(&mut self, tiles: usize) {
        self.tiles.extend((0..tiles).map(|_| vec![WHITE; self.shape.dim()]));
    }

    fn png(&self) -> anyhow::Result<Vec<u8>> {
        let grid = ImageGrid {
            shape: self.shape,
            across: self.across,
            zoom: enlargement(self.shape),
            gap: GAP,
        };
        let (width, height) = grid.size(self.tiles.len());
        let mut picture = Bitmap::new((width + 2 * GAP, height + 2 * GAP), WHITE);
        for (n, tile) in self.tiles.iter().enumerate() {
            grid.paint(&mut picture, (GAP, GAP), n, |i| tile[i]);
        }
        Ok(picture.png()?)
    }
}

/// Refuses files whose formats hold images alone for the rows that the model `name` draws.
pub(crate) fn check_rows(files: &[ImageFile], name: &str) -> anyhow::Result<()> {
    let of_images = |file: &&ImageFile| !matches!(file.format, Format::Npy | Format::Csv);
    match files.iter().find(of_images) {
        Some(file) => bail!(
            "{} would hold images, and {name} is a model of the rows of a table: write .csv or .npy",
            file.path.display()
        ),
        None => Ok(()),
    }
}

/// Default path of a picture, or of a table of rows, for which the user named none.
pub(crate) fn default_file(plots: &Path, what: &str, run: &str, is_of_rows: bool) -> ImageFile {
    let (ending, format) = match is_of_rows {
        true => ("csv", Format::Csv),
        false => ("png", Format::Png),
    };
    let path = plots.join(format!("{what}-{run}.{ending}"));
    ImageFile { path, format, named: false }
}
