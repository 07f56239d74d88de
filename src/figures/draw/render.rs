//! Output formats of a drawing, from an SVG with text as text.
//!
//! Everything is a function of that SVG and of the paper alone, so that the bytes are reproducible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use resvg::usvg::{self, fontdb};

use super::font::Face;
use super::paper::Paper;
use super::pdf::pdf;
use super::png;
use super::svg::escape;
use crate::figures::bitmap::Bitmap;
use crate::figures::style::{Color, identifying};
use crate::plan::{PictureFormat, TextForm};

/// Colours of a small PNG.
const FEW: usize = 96;
/// Dots of a PNG, at most: each takes four bytes of memory.
const MOST_DOTS: f64 = 64e6;

/// A drawn figure, from which its files are made.
pub(crate) struct DrawnChart {
    /// SVG with text as text, in CSS pixels.
    source: String,
    tree: usvg::Tree,
    paper: Paper,
    title: String,
    alt: String,
}

impl DrawnChart {
    /// The drawing of an SVG; `title` and `alt` describe it to those who cannot see it.
    pub(super) fn new(source: String, paper: Paper, title: &str, alt: &str) -> Self {
        let tree = tree(&source);
        Self {
            source,
            tree,
            paper,
            title: title.to_owned(),
            alt: alt.to_owned(),
        }
    }

    /// Width and height in CSS pixels.
    pub(crate) fn size(&self) -> (u32, u32) {
        let size = self.tree.size();
        (size.width().ceil() as u32, size.height().ceil() as u32)
    }

    /// The drawing for a page, with text in the reader's fonts at the widths of ours.
    pub(crate) fn live_svg(&self) -> String {
        described(&measured(&self.source, &self.tree), &self.title, &self.alt)
    }

    /// File of a format; an error is the reason why there is none.
    pub(crate) fn file(&self, format: PictureFormat) -> Result<Vec<u8>, String> {
        let width = f64::from(self.tree.size().width());
        Ok(match format {
            PictureFormat::Svg => self.svg().into_bytes(),
            PictureFormat::Pdf => {
                let points = self.paper.points_of_px(width) as f32;
                pdf(&self.tree, &self.title, points, self.paper.text)
            }
            PictureFormat::Png => {
                let texts = [("Title", self.title.as_str()), ("Description", self.alt.as_str())];
                let dpi = f64::from(self.paper.resolution());
                png::png(&self.tree, self.dots()?, dpi, png::Colors::All, &texts)
            }
        })
    }

    /// Width and height of a PNG.
    fn dots(&self) -> Result<(u32, u32), String> {
        let size = self.tree.size();
        let ratio = self.paper.dots_of_px(f64::from(size.width()));
        let [width, height] =
            [size.width(), size.height()].map(|side| (f64::from(side) * ratio).round().max(1.0));
        if width * height > MOST_DOTS {
            let dpi = self.paper.resolution();
            return Err(format!(
                "at {dpi} pixels per inch its PNG is {width} x {height} pixels, more than {} million: lower --dpi",
                MOST_DOTS / 1e6
            ));
        }
        Ok((width as u32, height as u32))
    }

    fn svg(&self) -> String {
        let svg = match self.paper.text {
            TextForm::Outlines => self.tree.to_string(&usvg::WriteOptions {
                preserve_text: false,
                coordinates_precision: 2,
                transforms_precision: 4,
                ..usvg::WriteOptions::default()
            }),
            TextForm::Text => with_fonts(&measured(&self.source, &self.tree), &self.tree),
        };
        let size = self.tree.size();
        let (width, height) = (f64::from(size.width()), f64::from(size.height()));
        let svg = match self.paper.mm_of_px(width) {
            None => svg,
            Some(mm) => {
                let px = format!("width=\"{width}\" height=\"{height}\"");
                let on_paper =
                    format!("width=\"{}mm\" height=\"{:.4}mm\"", mm * width, mm * height);
                let view = format!(" viewBox=\"0 0 {width} {height}\"");
                let view = if svg.contains(&view) { "" } else { &view };
                svg.replacen(&px, &(on_paper + view), 1)
            }
        };
        described(&svg, &self.title, &self.alt)
    }

    /// PNG of few colours for pages that load many, at two dots per CSS pixel.
    pub(crate) fn small_png(&self) -> Vec<u8> {
        let pinned: Vec<png::Rgb> =
            identifying().into_iter().map(|Color(r, g, b)| [r, g, b]).collect();
        let (width, height) = self.size();
        png::png(&self.tree, (2 * width, 2 * height), 192.0, png::Colors::Most(FEW, &pinned), &[])
    }
}

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

/// Bitmap of an SVG drawing on white, one dot per CSS pixel.
pub(crate) fn dots(svg: &str) -> Bitmap<Color> {
    let tree = tree(svg);
    let size = tree.size().to_int_size();
    let data = png::rgb(&tree, (size.width(), size.height()));
    let dots = data.chunks_exact(3).map(|rgb| Color(rgb[0], rgb[1], rgb[2]));
    Bitmap { width: size.width() as usize, dots: dots.collect() }
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

/// The drawing with the letters of its texts as fonts.
fn with_fonts(svg: &str, tree: &usvg::Tree) -> String {
    fn letters(group: &usvg::Group, out: &mut [BTreeSet<char>; 2]) {
        for node in group.children() {
            match node {
                usvg::Node::Group(inner) => letters(inner, out),
                usvg::Node::Text(text) => {
                    for chunk in text.chunks() {
                        let bold = chunk.spans().iter().any(|span| span.font().weight() > 500);
                        out[usize::from(bold)].extend(chunk.text().chars());
                    }
                }
                usvg::Node::Path(_) | usvg::Node::Image(_) => {}
            }
        }
    }
    let mut used = [BTreeSet::new(), BTreeSet::new()];
    letters(tree.root(), &mut used);
    let mut style = String::new();
    for (face, letters) in Face::ALL.into_iter().zip(&used).filter(|(_, used)| !used.is_empty()) {
        style += &format!(
            "@font-face{{font-family:'Noto Sans';font-weight:{};src:url(data:font/ttf;base64,{})}}",
            face.weight(),
            BASE64.encode(face.letters(letters))
        );
    }
    let body = svg.find("<svg").and_then(|at| Some(at + svg[at..].find('>')? + 1));
    let (head, body) = svg.split_at(body.expect("an SVG document"));
    format!("{head}\n<style>{style}</style>{body}")
}

/// Width of `text` in the pictures, in CSS pixels.
pub(crate) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
    static KNOWN: [Mutex<BTreeMap<String, f64>>; 2] = [const { Mutex::new(BTreeMap::new()) }; 2];
    /// Texts whose widths are remembered, at most: those of one experiment.
    const MOST: usize = 20_000;
    let known = || KNOWN[usize::from(bold)].lock().unwrap_or_else(PoisonError::into_inner);
    let remembered = known().get(text).copied();
    let width = remembered.unwrap_or_else(|| {
        let width = measure(text, bold);
        let mut known = known();
        if known.len() < MOST {
            known.insert(text.to_owned(), width);
        }
        width
    });
    width * size / 100.0
}

/// Width of a text of 100 CSS pixels.
fn measure(text: &str, bold: bool) -> f64 {
    let weight = if bold { 700 } else { 400 };
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text font-family=\"Noto Sans\" \
         xml:space=\"preserve\" font-weight=\"{weight}\" font-size=\"100\">{}</text></svg>",
        escape(text)
    );
    f64::from(tree(&svg).root().abs_bounding_box().width())
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
