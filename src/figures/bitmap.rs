//! Bitmap, and its encoding as PNG.

use png::{BitDepth, ColorType, Encoder, EncodingError};

use super::style::Color;

/// Bitmap: colours, or indices of a palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap<T> {
    /// Dots in a row.
    pub(crate) width: usize,
    /// The dots, `[height x width]`, row-major.
    pub(crate) dots: Vec<T>,
}

impl<T: Copy> Bitmap<T> {
    /// Bitmap filled with one value.
    pub(crate) fn new((width, height): (usize, usize), ground: T) -> Self {
        Self { width, dots: vec![ground; width * height] }
    }

    fn height(&self) -> usize {
        self.dots.len() / self.width.max(1)
    }

    fn encode(
        &self,
        data: &[u8],
        set: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
    ) -> Result<Vec<u8>, EncodingError> {
        let side = |dots: usize| u32::try_from(dots).map_err(|_| EncodingError::LimitsExceeded);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, side(self.width)?, side(self.height())?);
        set(&mut encoder);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(data)?;
        writer.finish()?;
        Ok(bytes)
    }
}

impl Bitmap<Color> {
    /// PNG with three bytes per dot.
    pub(crate) fn png(&self) -> Result<Vec<u8>, EncodingError> {
        let data: Vec<u8> = self.dots.iter().flat_map(|&Color(r, g, b)| [r, g, b]).collect();
        self.encode(&data, |encoder| encoder.set_color(ColorType::Rgb))
    }
}

/// Palette index of transparent dots.
pub(crate) const CLEAR: u8 = 0;

impl Bitmap<u8> {
    /// PNG of dots that are `CLEAR` or the index of one of at most 255 `colors`, from 1: with two
    /// bits per dot for up to three of them, else with eight.
    pub(crate) fn palette_png(&self, colors: &[Color]) -> Result<Vec<u8>, EncodingError> {
        let (depth, bits) = match colors.len() {
            0..=3 => (BitDepth::Two, 2),
            _ => (BitDepth::Eight, 8),
        };
        let in_a_byte = 8 / bits;
        let stride = self.width.div_ceil(in_a_byte);
        let mut data = vec![0u8; stride * self.height()];
        for (i, index) in self.dots.iter().enumerate() {
            let (x, y) = (i % self.width, i / self.width);
            data[y * stride + x / in_a_byte] |= index << (8 - bits * (x % in_a_byte + 1));
        }
        // The colour of transparent dots: white, for viewers that ignore transparency.
        let palette = [&[Color(0xFF, 0xFF, 0xFF)], colors].concat();
        self.encode(&data, |encoder| {
            encoder.set_color(ColorType::Indexed);
            encoder.set_depth(depth);
            encoder.set_palette(
                palette.iter().flat_map(|&Color(r, g, b)| [r, g, b]).collect::<Vec<u8>>(),
            );
            encoder.set_trns([&[0][..], &vec![255; colors.len()]].concat());
        })
    }
}
