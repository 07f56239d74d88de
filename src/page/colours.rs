//! Colours of the page in light and in dark: those of the figures (`figures::style`), of which each
//! has its counterpart on a dark ground here and nowhere else.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::figures::style::{self, Color, VARIANTS};

/// Number of steps of the sequential scale on the page. Its lightest part is left out: a line of it
/// would vanish on the ground.
const STEPS: usize = 5;
/// Ground in dark, as in the style sheet, and its lightness.
const GROUND: Color = Color(0x14, 0x17, 0x1A);
const DARK_GROUND: f64 = 0.205;
/// Lightness of text in dark.
const DARK_INK: f64 = 0.935;
/// Part of its distance to white that the colour of a series keeps in dark: a contrast of 4 with the
/// ground, and colours of one hue that differ in lightness still do.
const DARK_SERIES: f64 = 0.72;

/// Custom properties `--c0` to `--c7`, the colours of variants, `--others` of those without one, and
/// `--s0` to `--s4`, the sequential scale from light to dark; on a dark ground from dark to light.
pub(super) fn properties() -> String {
    let mut css = String::from(":root {");
    let mut put = |name: char, i: usize, colour: Color| {
        let _ = write!(css, " --{name}{i}: {};", both(colour));
    };
    (0..VARIANTS).for_each(|i| put('c', i, style::variant(i)));
    for i in 0..STEPS {
        put('s', i, style::sequential(0.4 + 0.6 * i as f64 / (STEPS - 1) as f64));
    }
    let _ = write!(css, " --others: {};", both(style::OTHERS));
    css + " }\n"
}

/// Rules that give every colour of these drawings its counterpart in dark.
pub(super) fn rules<'a>(drawings: impl Iterator<Item = &'a str>) -> String {
    let mut css = String::new();
    for [r, g, b] in drawings.flat_map(found).collect::<BTreeSet<_>>() {
        let colour = Color(r, g, b);
        let code = code(colour);
        for paint in ["fill", "stroke"] {
            let _ =
                writeln!(css, ".drawing [{paint}=\"{code}\" i] {{ {paint}: {} }}", both(colour));
        }
    }
    css
}

fn both(colour: Color) -> String {
    format!("light-dark({}, {})", code(colour), code(dark(colour)))
}

fn code(Color(r, g, b): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Colours of the attributes of a drawing.
fn found(drawing: &str) -> impl Iterator<Item = [u8; 3]> {
    drawing.split("=\"#").skip(1).filter_map(|rest| {
        let digits = rest.get(..7)?.strip_suffix('"')?;
        let value = u32::from_str_radix(digits, 16).ok()?;
        let [_, r, g, b] = value.to_be_bytes();
        Some([r, g, b])
    })
}

/// Counterpart of a colour on a dark ground. Series keep their hue and become light enough to be
/// seen; everything else is mirrored between ground and ink, so that steps remain steps.
fn dark(colour: Color) -> Color {
    if colour == style::WHITE {
        return GROUND;
    }
    let [lightness, a, b] = oklab(colour);
    let is_series = (0..VARIANTS).any(|i| style::variant(i) == colour) || colour == style::ACCENT;
    let lightness = if is_series {
        1.0 - DARK_SERIES * (1.0 - lightness)
    } else {
        let [ink, ..] = oklab(style::INK);
        DARK_GROUND + (1.0 - lightness) / (1.0 - ink) * (DARK_INK - DARK_GROUND)
    };
    from_oklab([lightness.min(1.0), a, b])
}

/// Linear light of a channel of sRGB, 0 to 1.
fn linear(channel: u8) -> f64 {
    let c = f64::from(channel) / 255.0;
    if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

/// Ottosson's OKLab, in which equal steps look equal.
fn oklab(Color(r, g, b): Color) -> [f64; 3] {
    let (r, g, b) = (linear(r), linear(g), linear(b));
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

fn from_oklab([lightness, a, b]: [f64; 3]) -> Color {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let level = |linear: f64| {
        let c = linear.clamp(0.0, 1.0);
        let c = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (255.0 * c).round() as u8
    };
    Color(
        level(4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s),
        level(-1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s),
        level(-0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(Color(r, g, b): Color) -> f64 {
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: Color, b: Color) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_series_stand_out_from_a_dark_ground() {
        let ground = dark(style::WHITE);
        assert!(luminance(ground) < 0.02, "{ground:?}");
        for (colour, least) in [(style::INK, 12.0), (style::MUTED, 5.5), (style::AXIS, 2.5)] {
            assert!(contrast(dark(colour), ground) > least, "{colour:?}");
        }
        for i in 0..VARIANTS {
            assert!(contrast(dark(style::variant(i)), ground) > 4.0, "colour {i}");
        }
        for step in 1..=10 {
            let [lighter, darker] =
                [step - 1, step].map(|i| style::sequential(f64::from(i) / 10.0));
            assert!(luminance(dark(lighter)) < luminance(dark(darker)), "step {step}");
        }
    }

    #[test]
    fn lightness_and_back_is_the_same_colour() {
        for colour in [style::INK, style::GRID, style::ACCENT, style::WHITE, style::variant(2)] {
            assert_eq!(from_oklab(oklab(colour)), colour);
        }
    }

    #[test]
    fn every_colour_of_a_drawing_has_its_rules() {
        let drawing =
            r##"<path fill="#0072b2" stroke="#22262B"/><text fill="#0072b2">="#nothing"</text>"##;
        let css = rules([drawing].into_iter());
        assert_eq!(css.lines().count(), 4, "{css}");
        assert!(
            css.contains(".drawing [fill=\"#0072b2\" i] { fill: light-dark(#0072b2, #"),
            "{css}"
        );
    }
}
