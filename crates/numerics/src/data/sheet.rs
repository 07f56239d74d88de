//! A contact sheet: some images from all over a data set on one page, a row a class where classes
//! are known.

use std::fmt::Write as _;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8, Transform};
use resvg::usvg::{self, fontdb};

use super::{Dataset, Images, Part, Shape};

const COLUMNS: usize = 16;
/// Rows of a sheet without classes.
const ROWS: usize = 12;
/// Rows of a sheet of plain vectors: one vector a row.
const VECTORS: usize = 120;
const MARGIN: usize = 12;
const HEADER: usize = 34;

/// Draws images of one part as a PNG: light on dark, as the model sees them (grey where training is
/// binarised anew every epoch), with the name, the number of variables and the sizes above, and the
/// classes at the left.
pub fn contact_sheet(data: &Dataset, part: Part) -> Vec<u8> {
    let images = match part {
        Part::Train => &data.train,
        Part::Valid => &data.valid,
        Part::Test => &data.test,
    };
    let vectors = data.shape.height == 1;
    let Shape { width, height } = data.shape;
    let columns = if vectors { 1 } else { (1600 / width).clamp(1, COLUMNS) };
    let rows = rows(images, columns, vectors);
    // Enlarged by whole factors, to some 56 pixels an image, or a page's width of vectors.
    let zoom = if vectors {
        (900 / width).clamp(1, 12)
    } else {
        (56 / width.max(height)).max(1)
    };
    let gap = if vectors { 0 } else { 4 };
    let (step_x, step_y) = (width * zoom + gap, height * zoom + gap);
    let gutter =
        rows.iter().map(|row| 9 * row.label.chars().count() + 5).max().unwrap_or(0) + MARGIN;
    let title = title(data, images, part);
    let page_width = (gutter + columns * step_x).max(8 * title.chars().count()) + MARGIN;
    let page_height = HEADER + rows.len() * step_y + MARGIN;

    let mut text = label(MARGIN, 23, "start", &title);
    for (i, row) in rows.iter().enumerate() {
        text += &label(gutter - 7, HEADER + i * step_y + height * zoom / 2 + 5, "end", &row.label);
    }
    let mut page = Pixmap::new(page_width as u32, page_height as u32).expect("a page has an area");
    page.fill(resvg::tiny_skia::Color::WHITE);
    write(&mut page, &text);

    let paper = page.width() as usize;
    let dots = page.pixels_mut();
    for (i, row) in rows.iter().enumerate() {
        for (j, &image) in row.images.iter().enumerate() {
            let top = (HEADER + i * step_y) * paper + gutter + j * step_x;
            for (k, &level) in images.row(image).iter().enumerate() {
                let level = if data.dynamic() && part == Part::Train { level } else { 255 * level };
                let dot = PremultipliedColorU8::from_rgba(level, level, level, 255)
                    .expect("an opaque colour");
                let corner = top + (k / width * zoom) * paper + k % width * zoom;
                for line in 0..zoom {
                    dots[corner + line * paper..][..zoom].fill(dot);
                }
            }
        }
    }
    page.encode_png().expect("a page in memory encodes")
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

/// At most `count` of `all`, evenly from first to last: frames of a film lie side by side, and look
/// alike.
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
    let classes = if images.labels().is_some() { ", a row a class" } else { "" };
    format!(
        "{name}: {shape}, {}; train {}, valid {}, test {}; here {part}{classes}",
        data.binarization.words(),
        data.train.count(),
        data.valid.count(),
        data.test.count()
    )
}

fn label(x: usize, y: usize, anchor: &str, text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    format!(
        "<text x='{x}' y='{y}' text-anchor='{anchor}' font-family='Noto Sans' font-size='15' fill='#222'>{safe}</text>"
    )
}

/// Puts the texts on the page.
fn write(page: &mut Pixmap, text: &str) {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        font_family: "Noto Sans".into(),
        ..usvg::Options::default()
    };
    let mut svg = String::new();
    let (width, height) = (page.width(), page.height());
    write!(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>{text}</svg>"
    )
    .expect("a string");
    let tree = usvg::Tree::from_str(&svg, &options).expect("the texts are escaped");
    resvg::render(&tree, Transform::identity(), &mut page.as_mut());
}
