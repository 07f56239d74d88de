//! Contact sheet: images from all over a data set on one page, in one row for each class if classes
//! are known; of a table of two variables, its rows as dots.

use super::image_grid::{ImageGrid, enlargement};
use crate::data::{self, Dataset, Images, Part, Shape};
use crate::figures::draw::{dots, escape};
use crate::figures::scale::extent;
use crate::figures::style::{Color, INK, VARIANTS, variant};
use crate::text::short;

const COLUMNS: usize = 16;
/// Rows of a sheet without classes.
const ROWS: usize = 12;
/// Rows of a sheet of plain vectors: one vector per row.
const VECTORS: usize = 120;
/// Standard deviations above the mean that are white in rows of real numbers; as many below are black.
const WHITE: f32 = 3.0;
/// Rows of a table of two variables that are dots.
const MOST_DOTS: usize = 2_000;
const MARGIN: usize = 12;
const HEADER: usize = 34;

/// Draws images of one part as a PNG: light on dark, as the model sees them (grey if training
/// images are binarised again in every epoch, or have more than two levels), with the name, the number of variables and the sizes
/// at the top, and the classes at the left.
///
/// # Panics
/// If the sheet has 2^32 or more dots in a row or a column.
pub fn contact_sheet(data: &Dataset, part: Part) -> Vec<u8> {
    let images = match part {
        Part::Train => &data.train,
        Part::Valid => &data.valid,
        Part::Test => &data.test,
    };
    if let (Some(by), Some(values), 2) =
        (&data.standardisation, images.real_values(), data.shape.dim())
    {
        return scatter(data, images, part, &by.to_own_units(values));
    }
    let shape = data.shape;
    let is_vector = shape.height == 1;
    let grid = ImageGrid {
        shape,
        across: if is_vector { 1 } else { (1600 / shape.width).clamp(1, COLUMNS) },
        zoom: enlargement(shape),
        gap: if is_vector { 0 } else { 4 },
    };
    let rows = rows(images, grid.across, is_vector);
    let (width, height) = grid.size(rows.len() * grid.across);
    let gutter =
        rows.iter().map(|row| 9 * row.label.chars().count() + 5).max().unwrap_or(0) + MARGIN;
    let title = title(data, images, part);
    let page_width = (gutter + width + grid.gap).max(8 * title.chars().count()) + MARGIN;
    let page_height = HEADER + height + grid.gap + MARGIN;

    let mut texts = label(MARGIN, 23, "start", &title);
    for (i, row) in rows.iter().enumerate() {
        let middle = HEADER + grid.corner(i * grid.across).1 + shape.height * grid.zoom / 2;
        texts += &label(gutter - 7, middle + 5, "end", &row.label);
    }
    let mut page = dots(&format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{page_width}' height='{page_height}'>{texts}</svg>"
    ));
    let white = match part {
        Part::Train if data.dynamic() => 255,
        _ => data.levels - 1,
    };
    for (i, row) in rows.iter().enumerate() {
        for (j, &image) in row.images.iter().enumerate() {
            let values = images.values(image);
            grid.paint(&mut page, (gutter, HEADER), i * grid.across + j, |k| {
                let level = match values {
                    data::Row::Levels(levels) => (255 * usize::from(levels[k]) / white) as u8,
                    data::Row::Real(values) => (127.5 + 127.5 * values[k] / WHITE) as u8,
                };
                Color(level, level, level)
            });
        }
    }
    page.png().expect("a page in memory encodes")
}

/// Dots of a table of two variables, coloured by class; `own` are its rows in their units.
fn scatter(data: &Dataset, images: &Images, part: Part, own: &[f64]) -> Vec<u8> {
    const SIDE: f64 = 480.0;
    const LEFT: f64 = 90.0;
    let title = title(data, images, part);
    let bottom = HEADER as f64 + SIDE;
    let range = |column: usize| extent(own.iter().skip(column).step_by(2).copied());
    let ranges = [0, 1].map(|column| range(column).unwrap_or((0.0, 1.0)));
    // Halves, as the difference of two numbers may be infinite.
    let share = |column: usize, value: f64| {
        let (lo, hi) = ranges[column];
        let span = 0.5 * hi - 0.5 * lo;
        if span > 0.0 { (0.5 * value - 0.5 * lo) / span } else { 0.5 }
    };
    let rows: Vec<usize> = (0..images.count()).collect();
    let shown = spread(&rows, MOST_DOTS);
    let mut content = format!(
        "<rect x='{LEFT}' y='{HEADER}' width='{SIDE}' height='{SIDE}' fill='none' stroke='#999'/>"
    );
    for &row in &shown {
        let (x, y) = (share(0, own[2 * row]), share(1, own[2 * row + 1]));
        let Color(r, g, b) = match images.labels() {
            Some(labels) => variant(usize::from(labels.of[row]) % VARIANTS),
            None => INK,
        };
        content += &format!(
            "<circle cx='{:.1}' cy='{:.1}' r='1.8' fill='rgb({r},{g},{b})' fill-opacity='0.7'/>",
            LEFT + SIDE * x,
            bottom - SIDE * y
        );
    }
    let names = data.variables().into_iter().map(|variable| variable.name);
    let mut texts = label(MARGIN, 23, "start", &title);
    let (left, right, bottom) = (LEFT as usize, (LEFT + SIDE) as usize, bottom as usize);
    for (column, name) in names.enumerate() {
        let ((lo, hi), middle) = (ranges[column], SIDE as usize / 2);
        let places = match column {
            0 => [
                (left, bottom + 20, "start"),
                (left + middle, bottom + 20, "middle"),
                (right, bottom + 20, "end"),
            ],
            _ => [
                (left - 7, bottom, "end"),
                (left - 7, HEADER + middle, "end"),
                (left - 7, HEADER + 12, "end"),
            ],
        };
        for ((x, y, anchor), text) in places.into_iter().zip([short(lo), name, short(hi)]) {
            texts += &label(x, y, anchor, &text);
        }
    }
    let width = (right + 2 * MARGIN).max(8 * title.chars().count() + MARGIN);
    let height = bottom + 20 + 2 * MARGIN;
    let page = dots(&format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>{content}{texts}</svg>"
    ));
    page.png().expect("a page in memory encodes")
}

struct Row {
    label: String,
    images: Vec<usize>,
}

fn rows(images: &Images, columns: usize, vectors: bool) -> Vec<Row> {
    let plain = |images: &[usize]| Row { label: String::new(), images: images.to_vec() };
    let all: Vec<usize> = (0..images.count()).collect();
    if vectors {
        return spread(&all, VECTORS).chunks(1).map(plain).collect();
    }
    let Some(labels) = images.labels() else {
        return spread(&all, ROWS * columns).chunks(columns).map(plain).collect();
    };
    let class = |(class, name): (usize, &String)| {
        let members: Vec<usize> =
            all.iter().copied().filter(|&i| usize::from(labels.of[i]) == class).collect();
        Row { label: name.clone(), images: spread(&members, columns) }
    };
    labels
        .names
        .iter()
        .enumerate()
        .map(class)
        .filter(|row| !row.images.is_empty())
        .collect()
}

/// At most `count` items of `all`, evenly spaced: neighbouring frames of a film are similar.
fn spread(all: &[usize], count: usize) -> Vec<usize> {
    let count = count.min(all.len());
    (0..count).map(|k| all[k * all.len() / count]).collect()
}

fn title(data: &Dataset, images: &Images, part: Part) -> String {
    let Shape { width, height } = data.shape;
    let dim = data.shape.dim();
    let shape = if height == 1 {
        format!("{dim} variables")
    } else {
        format!("{height} x {width} = {dim} pixels")
    };
    let name = data.name.rsplit('/').next().unwrap_or(&data.name);
    let has_labels = images.labels().is_some();
    let drawn = match (data.standardisation.is_some(), dim, height) {
        (true, 2, _) if has_labels => format!(", at most {MOST_DOTS} rows, coloured by class"),
        (true, 2, _) => format!(", at most {MOST_DOTS} rows"),
        (true, ..) => format!(
            ", at most {VECTORS} rows, a variable each column, from \u{2212}{WHITE} (black) to {WHITE} (white) standard deviations"
        ),
        (false, _, 1) => format!(", at most {VECTORS} vectors, one a row"),
        _ if has_labels => ", one row per class".to_owned(),
        _ => String::new(),
    };
    format!(
        "{name}: {shape}, {}; train {}, valid {}, test {}; here {part}{drawn}",
        data.binarization.words(),
        data.train.count(),
        data.valid.count(),
        data.test.count()
    )
}

fn label(x: usize, y: usize, anchor: &str, text: &str) -> String {
    format!(
        "<text x='{x}' y='{y}' text-anchor='{anchor}' font-family='Noto Sans' font-size='15' fill='#222'>{}</text>",
        escape(text)
    )
}
