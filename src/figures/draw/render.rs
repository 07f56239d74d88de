//! Output formats of a drawing, from an SVG with text as text: SVG and PDF with text as outlines,
//! and PNG at twice the size.
//!
//! Outlines look the same in every viewer with any fonts. Everything is a function of the SVG
//! alone, so that the bytes are reproducible.

use std::sync::{Arc, LazyLock};

use resvg::usvg::{self, fontdb};

use super::pdf::pdf;
use super::png;
use super::svg::escape;
use crate::figures::bitmap::Bitmap;
use crate::figures::style::Color;

/// One figure in the three formats that papers, pages and slides need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedChart {
    /// SVG, text as outlines, with title and description.
    pub svg: String,
    /// The same drawing with text as text: smaller, searchable, in the reader's fonts at the widths
    /// of ours.
    pub live_svg: String,
    /// PNG at two device pixels per CSS pixel, opaque.
    pub png: Vec<u8>,
    /// PDF of one page in the figure's size.
    pub pdf: Vec<u8>,
    /// Width and height in CSS pixels.
    pub size: (u32, u32),
}

/// Size above which a small PNG is rendered at one device pixel per CSS pixel [bytes].
const SMALL: usize = 60_000;

static OPTIONS: LazyLock<usvg::Options<'static>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    fonts.load_font_data(notosans::BOLD_TTF.to_vec());
    fonts.set_sans_serif_family("Noto Sans");
    usvg::Options {
        fontdb: Arc::new(fonts),
        font_family: "Noto Sans".into(),
        ..usvg::Options::default()
    }
});

/// The pictures of an SVG drawing; `title` and `alt` describe it to those who cannot see it.
pub(crate) fn pictures(svg: &str, title: &str, alt: &str) -> RenderedChart {
    let tree = tree(svg);
    let options = usvg::WriteOptions {
        preserve_text: false,
        coordinates_precision: 2,
        transforms_precision: 4,
        ..usvg::WriteOptions::default()
    };
    RenderedChart {
        svg: described(&tree.to_string(&options), title, alt),
        live_svg: described(&measured(svg, &tree), title, alt),
        png: png::png(&tree, 2.0, png::Colors::All, &[("Title", title), ("Description", alt)]),
        pdf: pdf(&tree, title),
        size: (tree.size().width().ceil() as u32, tree.size().height().ceil() as u32),
    }
}

/// PNG of few colours for pages that load many, at twice the size if that is small enough.
pub(crate) fn small_png(pictures: &RenderedChart) -> Vec<u8> {
    let tree = tree(&pictures.svg);
    let png = |ratio| png::png(&tree, ratio, png::Colors::Most(64), &[]);
    let double = png(2.0);
    if double.len() <= SMALL { double } else { png(1.0) }
}

/// Bitmap of an SVG drawing on white, one dot per CSS pixel.
pub(crate) fn dots(svg: &str) -> Bitmap<Color> {
    let drawn = png::pixmap(&tree(svg), 1.0);
    let dots = drawn.data().chunks_exact(4).map(|rgba| Color(rgba[0], rgba[1], rgba[2]));
    Bitmap { width: drawn.width() as usize, dots: dots.collect() }
}

/// The drawing with the width of every text as an attribute, so that a reader's font does not move
/// or cut anything.
fn measured(svg: &str, tree: &usvg::Tree) -> String {
    fn widths(group: &usvg::Group, out: &mut Vec<f32>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(inner) => widths(inner, out),
                usvg::Node::Text(text) => out.push(text.bounding_box().width()),
                usvg::Node::Path(_) | usvg::Node::Image(_) => {}
            }
        }
    }
    let mut all = Vec::new();
    widths(tree.root(), &mut all);
    let texts: Vec<&str> = svg.split("<text ").collect();
    if texts.len() != all.len() + 1 {
        // A text without drawable glyphs has no width.
        return svg.to_owned();
    }
    let mut out = texts[0].to_owned();
    for (text, width) in texts[1..].iter().zip(all) {
        out += &format!("<text textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" {text}");
    }
    out
}

/// Width of `text` in the pictures, in CSS pixels.
pub(crate) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    let weight = if bold { 700 } else { 400 };
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text font-family=\"Noto Sans\" \
         xml:space=\"preserve\" font-weight=\"{weight}\" font-size=\"100\">{}</text></svg>",
        escape(text)
    );
    f64::from(tree(&svg).root().abs_bounding_box().width()) * size / 100.0
}

fn tree(svg: &str) -> usvg::Tree {
    usvg::Tree::from_str(svg, &OPTIONS).expect("our own backend writes SVG that parses")
}

fn described(svg: &str, title: &str, alt: &str) -> String {
    let head = svg.find("<svg").expect("an SVG document") + "<svg".len();
    let body = head + svg[head..].find('>').expect("a closed tag") + 1;
    format!(
        "{} role=\"img\"{}\n<title>{}</title>\n<desc>{}</desc>{}",
        &svg[..head],
        &svg[head..body],
        escape(title),
        escape(alt),
        &svg[body..]
    )
}
