//! PDF of one page from a figure, with text as text in a subset of its font, or as outlines.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{
    CidFontType, FontFlags, LineCapStyle, LineJoinStyle, SystemInfo, UnicodeCmap,
};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use resvg::tiny_skia::PathSegment;
use resvg::usvg::layout::PositionedGlyph;
use resvg::usvg::{self, fontdb};
use subsetter::GlyphRemapper;

use super::font::Face;
use crate::plan::TextForm;

/// PDF of a tree, `points` to a CSS pixel. Figures use only fills, strokes, opacities and text.
pub(super) fn pdf(tree: &usvg::Tree, title: &str, points: f32, form: TextForm) -> Vec<u8> {
    let (width, height) = (tree.size().width() * points, tree.size().height() * points);
    let mut page = PdfPage {
        content: Content::new(),
        opacities: Vec::new(),
        form,
        fonts: Face::ALL.map(|face| (face, Font::default())),
        bold: tree
            .fontdb()
            .faces()
            .filter(|face| face.weight.0 > 500)
            .map(|face| face.id)
            .collect(),
    };
    page.content.transform([points, 0.0, 0.0, -points, 0.0, height]);
    page.group(tree.root());

    let stream = compressed(&page.content.finish());
    let mut pdf = Pdf::new();
    let [catalog, pages, sheet, body, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let state = |i: usize| Ref::new(10 + i as i32);
    let first = 10 + page.opacities.len() as i32;
    let fonts: Vec<(i32, &(Face, Font))> = (0..)
        .map(|i| first + i * Font::OBJECTS)
        .zip(page.fonts.iter().filter(|(_, font)| !font.glyphs.is_empty()))
        .collect();
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
    if !fonts.is_empty() {
        let mut names = resources.fonts();
        for (at, (face, _)) in &fonts {
            names.pair(Name(face.name().as_bytes()), Ref::new(*at));
        }
    }
    resources.finish();
    writer.finish();
    for (i, (fill, stroke)) in page.opacities.iter().enumerate() {
        let percent = |p: u8| f32::from(p) / 100.0;
        pdf.ext_graphics(state(i))
            .non_stroking_alpha(percent(*fill))
            .stroking_alpha(percent(*stroke));
    }
    for (at, (face, font)) in fonts {
        font.write(&mut pdf, *face, at);
    }
    pdf.stream(body, &stream).filter(Filter::FlateDecode);
    pdf.finish()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let stream = zlib.write_all(bytes).and_then(|()| zlib.finish());
    stream.expect("writing into memory does not fail")
}

/// Glyphs of a face that a page shows.
#[derive(Default)]
struct Font {
    numbers: GlyphRemapper,
    /// Text and advance of each, by its number; that of 0 stands for missing letters.
    glyphs: Vec<(String, f32)>,
}

impl Font {
    /// Objects of a font in the file.
    const OBJECTS: i32 = 5;

    /// Number of a glyph in the subset, and its advance in thousandths of an em.
    fn number(&mut self, face: Face, glyph: &PositionedGlyph) -> (u16, f32) {
        let id = glyph.id.0 as u16;
        let number = self.numbers.remap(id);
        if self.glyphs.is_empty() {
            self.glyphs.push((String::new(), face.advance(0)));
        }
        if usize::from(number) == self.glyphs.len() {
            self.glyphs.push((glyph.text.clone(), face.advance(id)));
        }
        (number, self.glyphs[usize::from(number)].1)
    }

    /// Writes the font as objects from `at`: its glyphs are addressed by their numbers, and each
    /// has its text, so that it can be searched and copied.
    fn write(&self, pdf: &mut Pdf, face: Face, at: i32) {
        const SYSTEM: SystemInfo = SystemInfo {
            registry: Str(b"Adobe"),
            ordering: Str(b"Identity"),
            supplement: 0,
        };
        let [font, glyphs, descriptor, file, texts] = [0, 1, 2, 3, 4].map(|i| Ref::new(at + i));
        let subset = face.glyphs(&self.numbers);
        // Readers recognise a subset by six letters in front of its name.
        let tag: String = blake3::hash(&subset).as_bytes()[..6]
            .iter()
            .map(|byte| char::from(b'A' + byte % 26))
            .collect();
        let name = format!("{tag}+{}", face.name());
        let name = Name(name.as_bytes());
        pdf.type0_font(font)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(glyphs)
            .to_unicode(texts);
        let mut cid = pdf.cid_font(glyphs);
        cid.subtype(CidFontType::Type2)
            .base_font(name)
            .system_info(SYSTEM)
            .font_descriptor(descriptor)
            .cid_to_gid_map_predefined(Name(b"Identity"))
            .default_width(0.0);
        cid.widths().consecutive(0, self.glyphs.iter().map(|(_, advance)| *advance));
        cid.finish();
        let measures = face.measures();
        let [left, bottom, right, top] = measures.bounds;
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::NON_SYMBOLIC)
            .bbox(Rect::new(left, bottom, right, top))
            .italic_angle(0.0)
            .ascent(measures.ascent)
            .descent(measures.descent)
            .cap_height(measures.capitals)
            .stem_v(if face == Face::Bold { 140.0 } else { 80.0 })
            .font_file2(file);
        pdf.stream(file, &compressed(&subset))
            .filter(Filter::FlateDecode)
            .pair(Name(b"Length1"), subset.len() as i32);
        let mut cmap = UnicodeCmap::new(Name(b"Custom"), SYSTEM);
        for (number, (text, _)) in (0u16..).zip(&self.glyphs).skip(1) {
            cmap.pair_with_multiple(number, text.chars());
        }
        pdf.cmap(texts, &cmap.finish());
    }
}

struct PdfPage {
    content: Content,
    /// Opacity of fill and stroke in percent, each pair once.
    opacities: Vec<(u8, u8)>,
    form: TextForm,
    fonts: [(Face, Font); 2],
    /// Bold faces of the tree.
    bold: Vec<fontdb::ID>,
}

impl PdfPage {
    fn state_name(i: usize) -> String {
        format!("G{i}")
    }

    fn group(&mut self, group: &usvg::Group) {
        for node in group.children() {
            match node {
                usvg::Node::Group(inner) => self.group(inner),
                usvg::Node::Text(text) if self.form == TextForm::Text => self.text(text),
                usvg::Node::Text(text) => self.group(text.flattened()),
                usvg::Node::Path(path) => self.path(path),
                usvg::Node::Image(_) => {}
            }
        }
    }

    fn text(&mut self, text: &usvg::Text) {
        for span in text.layouted() {
            if let Some(usvg::Paint::Color(c)) = span.fill.as_ref().map(usvg::Fill::paint) {
                self.content.set_fill_rgb(channel(c.red), channel(c.green), channel(c.blue));
            }
            let same = |a: &PositionedGlyph, b: &PositionedGlyph| a.font == b.font;
            for run in span.positioned_glyphs.chunk_by(same) {
                self.run(run, text.abs_transform());
            }
        }
    }

    /// Glyphs of one face on one line, each at its place.
    fn run(&mut self, run: &[PositionedGlyph], place: usvg::Transform) {
        let bold = self.bold.contains(&run[0].font);
        let (face, font) = &mut self.fonts[usize::from(bold)];
        let size = run[0].font_size();
        let scale = face.units() / size;
        let matrix = |glyph: &PositionedGlyph| {
            place.pre_concat(glyph.outline_transform()).pre_scale(scale, scale)
        };
        let first = matrix(&run[0]);
        let content = &mut self.content;
        content.begin_text();
        content.set_font(Name(face.name().as_bytes()), size);
        content.set_text_matrix([first.sx, first.ky, first.kx, first.sy, first.tx, first.ty]);
        let mut shown = content.show_positioned();
        let mut items = shown.items();
        let (mut codes, mut expected) = (Vec::new(), 0.0);
        for glyph in run {
            let at = matrix(glyph);
            let along = (at.tx - first.tx) * first.sx + (at.ty - first.ty) * first.ky;
            let (number, advance) = font.number(*face, glyph);
            let behind = (1000.0 * (expected - along) / size).round();
            if behind != 0.0 {
                items.show(Str(&codes));
                codes.clear();
                items.adjust(behind);
            }
            codes.extend(number.to_be_bytes());
            expected = along + advance * size / 1000.0;
        }
        items.show(Str(&codes));
        items.finish();
        shown.finish();
        content.end_text();
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
