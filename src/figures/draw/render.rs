//! From an SVG with live text to what is handed out: SVG and PDF with text as outlines, and PNG at twice the size.
//!
//! Outlines look the same in every viewer, whatever fonts it has. Everything is a function of the SVG alone, so the bytes
//! repeat.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, TextStr};
use resvg::tiny_skia::{Color, PathSegment, Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use super::svg::escape;

/// One figure in the three formats that papers, pages and slides ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// SVG, text as outlines, with title and description.
    pub svg: String,
    /// The same drawing with its text as text: smaller, searchable, laid out by the reader's fonts.
    pub live_svg: String,
    /// PNG at two device pixels a CSS pixel, opaque.
    pub png: Vec<u8>,
    /// PDF of one page in the figure's size.
    pub pdf: Vec<u8>,
    /// Width and height in CSS pixels.
    pub size: (u32, u32),
}

/// Device pixels a CSS pixel in a PNG.
const PIXEL_RATIO: f32 = 2.0;

static OPTIONS: LazyLock<usvg::Options<'static>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    fonts.load_font_data(notosans::BOLD_TTF.to_vec());
    fonts.set_sans_serif_family("Noto Sans");
    usvg::Options { fontdb: Arc::new(fonts), font_family: "Noto Sans".into(), ..usvg::Options::default() }
});

/// The pictures of an SVG drawing; `title` and `alt` describe it to those who cannot see it.
pub(super) fn pictures(svg: &str, title: &str, alt: &str) -> Pictures {
    let tree = tree(svg);
    let options = usvg::WriteOptions {
        preserve_text: false,
        coordinates_precision: 2,
        transforms_precision: 4,
        ..usvg::WriteOptions::default()
    };
    Pictures {
        svg: described(&tree.to_string(&options), title, alt),
        live_svg: described(svg, title, alt),
        png: png(&tree, title, alt),
        pdf: pdf(&tree, title),
        size: (tree.size().width().ceil() as u32, tree.size().height().ceil() as u32),
    }
}

/// Width of `text` in CSS pixels as the pictures will show it.
pub(in crate::figures) fn text_width(text: &str, size: f64, bold: bool) -> f64 {
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

fn png(tree: &usvg::Tree, title: &str, alt: &str) -> Vec<u8> {
    let size = tree.size().to_int_size().scale_by(PIXEL_RATIO).expect("a figure has a size");
    let mut pixmap = Pixmap::new(size.width(), size.height()).expect("a figure has a size");
    pixmap.fill(Color::WHITE);
    resvg::render(tree, Transform::from_scale(PIXEL_RATIO, PIXEL_RATIO), &mut pixmap.as_mut());
    let opaque: Vec<u8> = pixmap.data().chunks_exact(4).flat_map(|rgba| [rgba[0], rgba[1], rgba[2]]).collect();

    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, size.width(), size.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let per_metre = (96.0 * PIXEL_RATIO / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    let written = encoder
        .add_itxt_chunk("Title".into(), title.into())
        .and_then(|()| encoder.add_itxt_chunk("Description".into(), alt.into()))
        .and_then(|()| encoder.write_header())
        .and_then(|mut writer| writer.write_image_data(&opaque));
    written.expect("writing into memory does not fail");
    out
}

/// A PDF of the tree's paths: fills, strokes and opacities are all that a figure uses.
fn pdf(tree: &usvg::Tree, title: &str) -> Vec<u8> {
    const POINTS: f32 = 0.75; // a CSS pixel
    let (width, height) = (tree.size().width() * POINTS, tree.size().height() * POINTS);
    let mut page = PdfPage { content: Content::new(), opacities: Vec::new() };
    page.content.transform([POINTS, 0.0, 0.0, -POINTS, 0.0, height]);
    page.group(tree.root());

    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let stream = zlib.write_all(&page.content.finish()).and_then(|()| zlib.finish());
    let stream = stream.expect("writing into memory does not fail");

    let mut pdf = Pdf::new();
    let [catalog, pages, sheet, body, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let state = |i: usize| Ref::new(10 + i as i32);
    pdf.catalog(catalog).pages(pages).lang(TextStr("en")).viewer_preferences().display_doc_title(true);
    pdf.document_info(info).title(TextStr(title)).producer(TextStr("ablade"));
    pdf.pages(pages).kids([sheet]).count(1);
    let mut writer = pdf.page(sheet);
    writer.media_box(Rect::new(0.0, 0.0, width, height)).parent(pages).contents(body);
    let mut resources = writer.resources();
    let mut states = resources.ext_g_states();
    for i in 0..page.opacities.len() {
        states.pair(Name(PdfPage::state_name(i).as_bytes()), state(i));
    }
    states.finish();
    resources.finish();
    writer.finish();
    for (i, (fill, stroke)) in page.opacities.iter().enumerate() {
        let percent = |p: u8| f32::from(p) / 100.0;
        pdf.ext_graphics(state(i)).non_stroking_alpha(percent(*fill)).stroking_alpha(percent(*stroke));
    }
    pdf.stream(body, &stream).filter(Filter::FlateDecode);
    pdf.finish()
}

struct PdfPage {
    content: Content,
    /// Opacity of fill and stroke in percent, each pair once.
    opacities: Vec<(u8, u8)>,
}

impl PdfPage {
    fn state_name(i: usize) -> String {
        format!("G{i}")
    }

    fn group(&mut self, group: &usvg::Group) {
        for node in group.children() {
            match node {
                usvg::Node::Group(inner) => self.group(inner),
                usvg::Node::Text(text) => self.group(text.flattened()),
                usvg::Node::Path(path) => self.path(path),
                usvg::Node::Image(_) => {}
            }
        }
    }

    fn path(&mut self, path: &usvg::Path) {
        let percent = |opacity: usvg::Opacity| (opacity.get() * 100.0).round() as u8;
        let fill = path.fill().map_or(100, |f| percent(f.opacity()));
        let stroke = path.stroke().map_or(100, |s| percent(s.opacity()));
        let known = self.opacities.iter().position(|pair| *pair == (fill, stroke));
        let state = known.unwrap_or_else(|| {
            self.opacities.push((fill, stroke));
            self.opacities.len() - 1
        });
        let Some(outline) = path.data().clone().transform(path.abs_transform()) else { return };

        let content = &mut self.content;
        content.save_state();
        content.set_parameters(Name(Self::state_name(state).as_bytes()));
        if let Some(usvg::Paint::Color(c)) = path.fill().map(usvg::Fill::paint) {
            content.set_fill_rgb(channel(c.red), channel(c.green), channel(c.blue));
        }
        if let Some(stroke) = path.stroke() {
            if let usvg::Paint::Color(c) = stroke.paint() {
                content.set_stroke_rgb(channel(c.red), channel(c.green), channel(c.blue));
            }
            content.set_line_width(stroke.width().get());
            content.set_line_join(LineJoinStyle::RoundJoin);
            content.set_line_cap(LineCapStyle::ButtCap);
        }
        let mut at = (0.0, 0.0);
        for segment in outline.segments() {
            match segment {
                PathSegment::MoveTo(p) => {
                    content.move_to(p.x, p.y);
                    at = (p.x, p.y);
                }
                PathSegment::LineTo(p) => {
                    content.line_to(p.x, p.y);
                    at = (p.x, p.y);
                }
                PathSegment::QuadTo(q, p) => {
                    // A quadratic curve raised to a cubic one.
                    let third = |a: f32, b: f32| a + (b - a) * (2.0 / 3.0);
                    content.cubic_to(third(at.0, q.x), third(at.1, q.y), third(p.x, q.x), third(p.y, q.y), p.x, p.y);
                    at = (p.x, p.y);
                }
                PathSegment::CubicTo(a, b, p) => {
                    content.cubic_to(a.x, a.y, b.x, b.y, p.x, p.y);
                    at = (p.x, p.y);
                }
                PathSegment::Close => {
                    content.close_path();
                }
            }
        }
        match (path.fill().is_some(), path.stroke().is_some()) {
            (true, true) => content.fill_nonzero_and_stroke(),
            (true, false) => content.fill_nonzero(),
            (false, true) => content.stroke(),
            (false, false) => content.end_path(),
        };
        content.restore_state();
    }
}

fn channel(value: u8) -> f32 {
    f32::from(value) / 255.0
}
