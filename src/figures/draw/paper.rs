//! Paper that a figure is drawn on: its width, and the size at which its text is printed.
//!
//! Charts are laid out in CSS pixels. On narrow paper a layout is reduced only so far that its
//! smallest text is printed at 6 pt, the least that journals accept; below that the layout gets
//! fewer pixels and must reflow.

use crate::figures::style::{SMALL, WIDTH};
use crate::plan::{PlotOptions, TextForm, Width};

/// CSS pixels of a millimetre.
const PX: f64 = 96.0 / 25.4;
/// CSS pixels of a point.
const POINT: f64 = 96.0 / 72.0;
/// Size at which the smallest text is printed, at least [pt].
const LEAST: f64 = 6.0;
/// Pixels per inch of a PNG on paper of a width.
const PRINTED: u32 = 300;
/// Pixels per inch of a PNG without one: two for each CSS pixel.
const SCREEN: u32 = 192;

/// Paper of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Paper {
    /// Width; absent: as wide as the content.
    pub width: Option<Width>,
    /// True for neither title nor subtitle.
    pub bare: bool,
    /// Pixels per inch of PNG.
    pub dpi: Option<u32>,
    /// Form of text in SVG and PDF.
    pub text: TextForm,
}

impl Paper {
    /// The paper that options ask for.
    pub fn of(options: &PlotOptions) -> Self {
        Self {
            width: options.width,
            bare: options.bare.unwrap_or_default(),
            dpi: options.dpi,
            text: options.text.unwrap_or_default(),
        }
    }

    /// Width of the layout [CSS pixels]; absent: as wide as the content.
    pub(super) fn room(&self) -> Option<f64> {
        let px = self.width?.mm() * PX;
        let scale = (px / WIDTH).clamp(LEAST * POINT / SMALL, 1.0);
        Some((px / scale + 1e-6).floor())
    }

    /// Width of paper that has room for a layout of `width` CSS pixels, in whole millimetres.
    pub(super) fn enough_for(width: f64) -> u32 {
        (width * LEAST * POINT / SMALL / PX).ceil() as u32
    }

    /// Millimetres on paper of a CSS pixel of a layout of this width; absent: those of a CSS pixel.
    pub(super) fn mm_of_px(&self, width: f64) -> Option<f64> {
        Some(self.width?.mm() / width)
    }

    /// Points on paper of a CSS pixel of a layout of this width.
    pub(super) fn points_of_px(&self, width: f64) -> f64 {
        self.mm_of_px(width).map_or(1.0 / POINT, |mm| mm * PX / POINT)
    }

    /// Pixels per inch of PNG.
    pub(super) fn resolution(&self) -> u32 {
        self.dpi.unwrap_or(if self.width.is_some() { PRINTED } else { SCREEN })
    }

    /// Dots of a PNG for each CSS pixel of a layout of this width.
    pub(super) fn dots_of_px(&self, width: f64) -> f64 {
        let dpi = f64::from(self.resolution());
        self.mm_of_px(width).map_or(dpi / 96.0, |mm| mm * dpi / 25.4)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_smallest_text_is_printed_at_six_points(tenths in 400u32..4000) {
            let width: Width = format!("{}mm", f64::from(tenths) / 10.0).parse().unwrap();
            let paper = Paper { width: Some(width), ..Paper::default() };
            let room = paper.room().unwrap();
            prop_assert!(SMALL * paper.points_of_px(room) >= LEAST - 1e-9);
            prop_assert!(tenths > 1439 || SMALL * paper.points_of_px(room) < 6.1, "{}", room);
        }
    }

    #[test]
    fn a_page_of_180_millimetres_is_as_wide_as_the_screen() {
        let room = |mm: &str| Paper { width: Some(mm.parse().unwrap()), ..Paper::default() }.room();
        assert_eq!([room("85mm"), room("180mm")], [Some(401.0), Some(WIDTH)]);
        assert_eq!(Paper::default().room(), None);
        assert_eq!(Paper::enough_for(401.0), 85);
    }
}
