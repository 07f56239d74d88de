//! A plotters backend that writes SVG with coordinates of a twentieth of a pixel.
//!
//! plotters places everything at whole backend units. Twenty units per CSS pixel make curves smooth
//! and positions of text exact; neighbouring filled rectangles of one colour become one path, and so
//! do neighbouring opaque lines of one style, so that grids of images and of curves are small files.

use std::convert::Infallible;
use std::fmt::Write;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle, FontTransform,
};

/// Backend units per CSS pixel.
pub(crate) const UNIT: f64 = 20.0;

type Outcome = Result<(), DrawingErrorKind<Infallible>>;

/// Writer of an SVG document into a string.
pub(crate) struct Svg<'a> {
    out: &'a mut String,
    width: f64,
    height: f64,
    open: Option<Open>,
}

/// A path that further pieces of the same look are added to.
struct Open {
    attributes: String,
    path: String,
    /// True if it is a single line, which is written as such.
    is_line: bool,
}

impl<'a> Svg<'a> {
    /// A document of `width` x `height` CSS pixels.
    pub(crate) fn new(out: &'a mut String, width: f64, height: f64) -> Self {
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"'Noto Sans', 'DejaVu Sans', system-ui, sans-serif\" stroke-linejoin=\"round\" fill=\"none\">"
        );
        Self { out, width, height, open: None }
    }

    fn flush(&mut self) {
        let Some(Open { attributes, path, is_line }) = self.open.take() else { return };
        let _ = match path.strip_prefix('M').filter(|_| is_line) {
            Some(points) => writeln!(self.out, "<polyline points=\"{points}\" {attributes}/>"),
            None => writeln!(self.out, "<path d=\"{path}\" {attributes}/>"),
        };
    }

    /// Path to which a piece of this look is added.
    fn piece(&mut self, attributes: String, is_line: bool) -> &mut String {
        match &mut self.open {
            Some(open) if open.attributes == attributes => open.is_line = false,
            _ => {
                self.flush();
                self.open = Some(Open { attributes, path: String::new(), is_line });
            }
        }
        &mut self.open.as_mut().expect("just opened").path
    }

    fn points(&mut self, tag: &str, path: impl IntoIterator<Item = BackendCoord>, paint: &str) {
        self.flush();
        let _ = write!(self.out, "<{tag} points=\"");
        for (i, (x, y)) in path.into_iter().enumerate() {
            let _ = write!(self.out, "{}{},{}", if i > 0 { " " } else { "" }, Px(x), Px(y));
        }
        let _ = writeln!(self.out, "\" {paint}/>");
    }
}

impl Drop for Svg<'_> {
    fn drop(&mut self) {
        self.flush();
        self.out.push_str("</svg>\n");
    }
}

/// Backend units formatted as CSS pixels, without trailing zeros.
struct Px(i32);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let hundredths = i64::from(self.0) * 5;
        let (sign, size) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
        match (size / 100, size % 100) {
            (whole, 0) => write!(f, "{sign}{whole}"),
            (whole, part) if part % 10 == 0 => write!(f, "{sign}{whole}.{}", part / 10),
            (whole, part) => write!(f, "{sign}{whole}.{part:02}"),
        }
    }
}

fn paint(kind: &str, color: BackendColor) -> String {
    let (r, g, b) = color.rgb;
    let mut text = format!("{kind}=\"#{r:02x}{g:02x}{b:02x}\"");
    if color.alpha < 1.0 {
        let _ = write!(text, " {kind}-opacity=\"{}\"", (color.alpha * 100.0).round() / 100.0);
    }
    text
}

fn stroke(style: &impl BackendStyle) -> String {
    format!(
        "{} stroke-width=\"{}\"",
        paint("stroke", style.color()),
        Px(style.stroke_width() as i32)
    )
}

/// Text as XML character data; characters that XML does not allow become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\0'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl DrawingBackend for Svg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        ((self.width * UNIT) as u32, (self.height * UNIT) as u32)
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Outcome {
        self.draw_rect(at, (at.0 + 1, at.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Outcome {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        a: BackendCoord,
        b: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Outcome {
        if !fill {
            return self.draw_path([a, (b.0, a.1), b, (a.0, b.1), a], style);
        }
        let fill = paint("fill", style.color());
        let path = self.piece(format!("{fill} shape-rendering=\"crispEdges\""), false);
        let (width, height) = (b.0 - a.0, b.1 - a.1);
        let _ =
            write!(path, "M{} {}h{}v{}h{}z", Px(a.0), Px(a.1), Px(width), Px(height), Px(-width));
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Outcome {
        if style.color().alpha < 1.0 {
            // Parts of one path do not shine through each other.
            self.points("polyline", path, &stroke(style));
            return Ok(());
        }
        let out = self.piece(stroke(style), true);
        for (i, (x, y)) in path.into_iter().enumerate() {
            let _ = write!(out, "{}{},{}", if i > 0 { " " } else { "M" }, Px(x), Px(y));
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Outcome {
        self.points("polygon", path, &paint("fill", style.color()));
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        at: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Outcome {
        self.flush();
        let look = if fill { paint("fill", style.color()) } else { stroke(style) };
        let _ = writeln!(
            self.out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {look}/>",
            Px(at.0),
            Px(at.1),
            Px(radius as i32)
        );
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        at: BackendCoord,
    ) -> Outcome {
        self.flush();
        if text.trim().is_empty() {
            return Ok(());
        }
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        // Offsets derived from the cap height of Noto Sans (0.714 em), so that digits and capitals
        // are optically centred.
        let shift = match style.anchor().v_pos {
            VPos::Top => 0.814,
            VPos::Center => 0.357,
            VPos::Bottom => -0.1,
        };
        let turn = match style.transform() {
            FontTransform::None => String::new(),
            FontTransform::Rotate90 => {
                format!(" transform=\"rotate(90 {} {})\"", Px(at.0), Px(at.1))
            }
            FontTransform::Rotate180 => {
                format!(" transform=\"rotate(180 {} {})\"", Px(at.0), Px(at.1))
            }
            FontTransform::Rotate270 => {
                format!(" transform=\"rotate(270 {} {})\"", Px(at.0), Px(at.1))
            }
        };
        let weight = if matches!(style.style(), FontStyle::Bold) {
            " font-weight=\"700\""
        } else {
            ""
        };
        let baseline = at.1 + (style.size() * shift).round() as i32;
        let _ = writeln!(
            self.out,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{anchor}{weight}{turn} {}>{}</text>",
            Px(at.0),
            Px(baseline),
            Px(style.size().round() as i32),
            paint("fill", style.color()),
            escape(text)
        );
        Ok(())
    }
}
