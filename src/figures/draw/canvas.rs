//! Canvas in CSS pixels on plotters' drawing area: with the backend, the only file that uses
//! plotters.

use std::convert::Infallible;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, ShapeStyle, TextStyle,
};
use plotters_backend::BackendColor;

use super::svg::{Svg, UNIT};
use crate::figures::chart::Anchor;
use crate::figures::style::{Color, WHITE};

/// A point in CSS pixels from the top left.
pub(super) type Position = (f64, f64);

/// Style of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub(super) color: Color,
    pub(super) alpha: f64,
    pub(super) width: f64,
}

/// Style of a text: size in CSS pixels, weight, colour, and anchor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) color: Color,
    pub(super) anchor: Anchor,
    pub(super) upright: bool,
}

impl Type {
    /// Regular text anchored at its start.
    pub(super) fn new(size: f64, color: Color) -> Self {
        Self {
            size,
            bold: false,
            color,
            anchor: Anchor::Start,
            upright: true,
        }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// White canvas.
pub(super) struct Canvas<'a> {
    area: DrawingArea<Svg<'a>, Shift>,
}

/// Draws on a white canvas of `width` x `height` CSS pixels and returns the SVG, with text as text.
pub(super) fn paint(width: f64, height: f64, draw: impl FnOnce(&Canvas)) -> String {
    let mut out = String::new();
    let canvas = Canvas {
        area: Svg::new(&mut out, width.ceil(), height.ceil()).into_drawing_area(),
    };
    canvas.rectangle((0.0, 0.0), (width.ceil(), height.ceil()), WHITE);
    draw(&canvas);
    drop(canvas);
    out
}

impl<'a> Canvas<'a> {
    fn put<E>(&self, element: &E)
    where
        for<'b> &'b E: PointCollection<'b, (i32, i32)>,
        E: Drawable<Svg<'a>>,
    {
        let outcome: Result<(), plotters::drawing::DrawingAreaErrorKind<Infallible>> =
            self.area.draw(element);
        outcome.expect("writing into a string does not fail");
    }

    pub(super) fn line(&self, points: &[Position], stroke: Stroke) {
        if points.len() > 1 {
            let style = shape(stroke.color, stroke.alpha, stroke.width, false);
            self.put(&PathElement::new(units(points), style));
        }
    }

    /// A dashed line; the dash pattern continues around corners.
    pub(super) fn dashed(&self, points: &[Position], stroke: Stroke) {
        const ON: f64 = 4.0;
        const PERIOD: f64 = 6.6;
        let mut phase = 0.0;
        let mut dash: Vec<Position> = Vec::new();
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let at = |t: f64| {
                (from.0 + (to.0 - from.0) * t / length, from.1 + (to.1 - from.1) * t / length)
            };
            let mut done = 0.0;
            while length - done > 1e-6 {
                let on = phase < ON;
                let step = (if on { ON } else { PERIOD } - phase).min(length - done);
                if on {
                    if dash.is_empty() {
                        dash.push(at(done));
                    }
                    dash.push(at(done + step));
                }
                done += step;
                phase += step;
                if on && phase >= ON - 1e-9 {
                    self.line(&dash, stroke);
                    dash.clear();
                    phase = phase.max(ON);
                }
                if phase >= PERIOD - 1e-9 {
                    phase = 0.0;
                }
            }
        }
        self.line(&dash, stroke);
    }

    pub(super) fn polygon(&self, points: &[Position], color: Color, alpha: f64) {
        if points.len() > 2 {
            self.put(&Polygon::new(units(points), shape(color, alpha, 0.0, true)));
        }
    }

    pub(super) fn rectangle(&self, from: Position, to: Position, color: Color) {
        self.put(&Rectangle::new([unit(from), unit(to)], shape(color, 1.0, 0.0, true)));
    }

    pub(super) fn disc(&self, at: Position, radius: f64, color: Color, alpha: f64) {
        self.put(&Circle::new(
            unit(at),
            (radius * UNIT).round() as u32,
            shape(color, alpha, 0.0, true),
        ));
    }

    pub(super) fn ring(&self, at: Position, radius: f64, stroke: Stroke) {
        let style = shape(stroke.color, stroke.alpha, stroke.width, false);
        self.put(&Circle::new(unit(at), (radius * UNIT).round() as u32, style));
    }

    pub(super) fn text(&self, at: Position, text: &str, look: Type) {
        let h = match look.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let weight = if look.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if look.upright { FontTransform::None } else { FontTransform::Rotate270 };
        let font = FontDesc::new(FontFamily::SansSerif, look.size * UNIT, weight).transform(turn);
        let Color(r, g, b) = look.color;
        let color = BackendColor { alpha: 1.0, rgb: (r, g, b) };
        self.put(&Text::new(
            text.to_owned(),
            unit(at),
            TextStyle { font, color, pos: Pos::new(h, VPos::Center) },
        ));
    }
}

fn unit(point: Position) -> (i32, i32) {
    ((point.0 * UNIT).round() as i32, (point.1 * UNIT).round() as i32)
}

fn units(points: &[Position]) -> Vec<(i32, i32)> {
    points.iter().copied().map(unit).collect()
}

fn shape(color: Color, alpha: f64, width: f64, filled: bool) -> ShapeStyle {
    let Color(r, g, b) = color;
    ShapeStyle {
        color: RGBAColor(r, g, b, alpha),
        filled,
        stroke_width: (width * UNIT).round() as u32,
    }
}
