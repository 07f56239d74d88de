//! Colours, type and strokes: the same in every figure, so that a variant is recognised across all
//! of them.

/// An opaque colour, red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// Text and the strongest marks.
pub const INK: Color = Color(0x22, 0x26, 0x2B);
/// Secondary text.
pub const MUTED: Color = Color(0x5C, 0x63, 0x6B);
/// Grid lines.
pub const GRID: Color = Color(0xE6, 0xE8, 0xEB);
/// Axis lines and ticks.
pub const AXIS: Color = Color(0x9A, 0xA1, 0xA9);
/// Series drawn for comparison only.
pub const CONTEXT: Color = Color(0xC9, 0xCE, 0xD4);
/// Background of a sample tile.
pub const TILE: Color = Color(0xF1, 0xF2, 0xF4);
/// Missing or hidden pixels.
pub const HIDDEN: Color = Color(0xD5, 0xD9, 0xDE);
/// Pixels that are not given, among grey ones.
pub const NOT_GIVEN: Color = Color(0x9C, 0xC4, 0xE4);
/// Background of the page.
pub const WHITE: Color = Color(0xFF, 0xFF, 0xFF);
/// The only accent colour of pictures without variants.
pub const ACCENT: Color = Color(0xD5, 0x5E, 0x00);

/// Number of colours of variants, as many as can be told apart.
pub const VARIANTS: usize = 8;
/// Variants without a colour of their own.
pub const OTHERS: Color = Color(0x8C, 0x93, 0x9B);

/// Colours of Okabe and Ito without yellow, in order of contrast, then Tol's wine and a dark grey:
/// distinguishable with the common colour vision deficiencies. `looks` decides which variant has
/// which; every mark is also labelled with its name.
const PALETTE: [Color; VARIANTS] = [
    Color(0x00, 0x72, 0xB2),
    Color(0xD5, 0x5E, 0x00),
    Color(0x00, 0x9E, 0x73),
    Color(0xCC, 0x79, 0xA7),
    Color(0xE6, 0x9F, 0x00),
    Color(0x56, 0xB4, 0xE9),
    Color(0x88, 0x22, 0x55),
    Color(0x5B, 0x5B, 0x5B),
];

/// Colour number `i` of variants, below `VARIANTS`.
pub fn variant(i: usize) -> Color {
    PALETTE[i % PALETTE.len()]
}

/// Colours that a picture of few colours keeps: those of variants and of the page, and the shades
/// at the edges of marks and letters.
pub fn identifying() -> Vec<Color> {
    let page = [WHITE, INK, MUTED, AXIS, CONTEXT, HIDDEN, GRID, TILE];
    let letters = [0.25, 0.5, 0.75].map(|t| [INK.mix(WHITE, t), MUTED.mix(WHITE, t)]);
    let edges = PALETTE.map(|color| color.mix(WHITE, 0.5));
    [&page, &PALETTE, letters.as_flattened(), &edges].concat()
}

/// Sequential scale for `t` in 0..=1, light to dark blue with even steps of lightness.
pub fn sequential(t: f64) -> Color {
    const STOPS: [Color; 5] = [
        Color(0xF3, 0xF7, 0xFB),
        Color(0xC4, 0xDB, 0xEE),
        Color(0x7F, 0xB2, 0xDC),
        Color(0x2E, 0x7E, 0xBC),
        Color(0x08, 0x3E, 0x7A),
    ];
    let position = t.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let i = (position as usize).min(STOPS.len() - 2);
    STOPS[i].mix(STOPS[i + 1], position - i as f64)
}

/// Grey level for an intensity in 0..=1, from tile to ink.
pub fn grey(t: f64) -> Color {
    TILE.mix(INK, t.clamp(0.0, 1.0))
}

impl Color {
    /// This colour moved towards `other` by `t` in 0..=1.
    pub fn mix(self, other: Self, t: f64) -> Self {
        let blend = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
        Self(blend(self.0, other.0), blend(self.1, other.1), blend(self.2, other.2))
    }
}

/// Size of the title in CSS pixels.
pub const TITLE: f64 = 14.0;
/// Size of labels.
pub const LABEL: f64 = 11.0;
/// Smallest size used.
pub const SMALL: f64 = 10.0;
/// Width of a figure unless its content needs more.
pub const WIDTH: f64 = 680.0;
