//! PDF of one page from a figure.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, TextStr};
use resvg::tiny_skia::PathSegment;
use resvg::usvg;

/// Paths of the tree: figures use only fills, strokes and opacities.
pub(super) fn pdf(tree: &usvg::Tree, title: &str) -> Vec<u8> {
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
    pdf.catalog(catalog)
        .pages(pages)
        .lang(TextStr("en"))
        .viewer_preferences()
        .display_doc_title(true);
    pdf.document_info(info).title(TextStr(title)).producer(TextStr("ablade"));
    pdf.pages(pages).kids([sheet]).count(1);
    let mut writer = pdf.page(sheet);
    writer
        .media_box(Rect::new(0.0, 0.0, width, height))
        .parent(pages)
        .contents(body);
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
        pdf.ext_graphics(state(i))
            .non_stroking_alpha(percent(*fill))
            .stroking_alpha(percent(*stroke));
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
        let Some(outline) = path.data().clone().transform(path.abs_transform()) else {
            return;
        };

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
                    // A quadratic Bézier curve raised to a cubic one.
                    let third = |a: f32, b: f32| a + (b - a) * (2.0 / 3.0);
                    content.cubic_to(
                        third(at.0, q.x),
                        third(at.1, q.y),
                        third(p.x, q.x),
                        third(p.y, q.y),
                        p.x,
                        p.y,
                    );
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
