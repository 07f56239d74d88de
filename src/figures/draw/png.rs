//! PNG of a figure: opaque, and indexed if it has few colours.

use std::collections::BTreeMap;

use png::{BitDepth, ColorType, Compression, Encoder, Filter, PixelDimensions, Unit};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg;

/// Colours that are preserved in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colors<'a> {
    /// All colours.
    All,
    /// This many colours, at most 256: the ones listed and the most frequent others; the rest are
    /// replaced by the nearest of them.
    Most(usize, &'a [Rgb]),
}

pub(super) type Rgb = [u8; 3];

/// Renders the drawing on `size` dots, `dpi` to the inch; `texts` are stored in the file by keyword.
pub(super) fn png(
    tree: &usvg::Tree,
    size: (u32, u32),
    dpi: f64,
    colors: Colors,
    texts: &[(&str, &str)],
) -> Vec<u8> {
    let data = rgb(tree, size);
    let (pixels, _) = data.as_chunks::<3>();
    let indexed = indexed(pixels, size.0 as usize, colors);

    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, size.0, size.1);
    encoder.set_compression(Compression::Balanced);
    let per_metre = (dpi / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: Unit::Meter,
    }));
    let data = match indexed {
        Some(Indexed { palette, depth, rows }) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_depth(depth);
            encoder.set_palette(palette);
            encoder.set_filter(Filter::NoFilter);
            rows
        }
        None => {
            encoder.set_color(ColorType::Rgb);
            encoder.set_depth(BitDepth::Eight);
            data
        }
    };
    let texts = texts
        .iter()
        .try_for_each(|(key, text)| encoder.add_itxt_chunk((*key).into(), (*text).into()));
    let written = texts
        .and_then(|()| encoder.write_header())
        .and_then(|mut writer| writer.write_image_data(&data));
    written.expect("writing into memory does not fail");
    out
}

/// Dots of a strip of a picture, at most: all of most pictures.
const STRIP: u32 = 1 << 23;

/// Red, green and blue of every dot of the drawing on white, stretched to `size`. It is drawn in
/// strips, which take less memory than the whole with its opacity.
pub(super) fn rgb(tree: &usvg::Tree, (width, height): (u32, u32)) -> Vec<u8> {
    let (x, y) = (width as f32 / tree.size().width(), height as f32 / tree.size().height());
    let rows = (STRIP / width).max(1);
    let mut data = Vec::with_capacity(3 * width as usize * height as usize);
    for top in (0..height).step_by(rows as usize) {
        let rows = rows.min(height - top);
        let mut strip = Pixmap::new(width, rows).expect("a drawing has a size");
        strip.fill(Color::WHITE);
        let place = Transform::from_scale(x, y).post_translate(0.0, -(top as f32));
        resvg::render(tree, place, &mut strip.as_mut());
        data.extend(strip.data().chunks_exact(4).flat_map(|rgba| [rgba[0], rgba[1], rgba[2]]));
    }
    data
}

/// A picture as indices of a palette.
struct Indexed {
    palette: Vec<u8>,
    depth: BitDepth,
    rows: Vec<u8>,
}

/// Converts to a palette; `None` if all colours are to be preserved and there are too many.
fn indexed(pixels: &[Rgb], width: usize, colors: Colors) -> Option<Indexed> {
    let mut counts: BTreeMap<Rgb, usize> = BTreeMap::new();
    // Neighbours are mostly equal, so that a colour is looked up only when it changes.
    for run in pixels.chunk_by(|a, b| a == b) {
        *counts.entry(run[0]).or_default() += run.len();
    }
    let (most, pinned): (usize, &[Rgb]) = match colors {
        Colors::All if counts.len() > 256 => return None,
        Colors::All => (256, &[]),
        Colors::Most(most, pinned) => (most.clamp(1, 256), pinned),
    };
    let others = counts.iter().filter(|(color, _)| !pinned.contains(color));
    let mut others: Vec<(usize, Rgb)> = others.map(|(color, count)| (*count, *color)).collect();
    others.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut palette = pinned.to_vec();
    palette.extend(others.into_iter().map(|(_, color)| color));
    palette.truncate(most);
    let index: BTreeMap<Rgb, u8> =
        counts.keys().map(|color| (*color, nearest(&palette, *color))).collect();

    let (depth, bits) = match palette.len() {
        ..=2 => (BitDepth::One, 1),
        3..=4 => (BitDepth::Two, 2),
        5..=16 => (BitDepth::Four, 4),
        _ => (BitDepth::Eight, 8),
    };
    let stride = (width * bits).div_ceil(8);
    let mut rows = vec![0u8; stride * pixels.len().div_ceil(width.max(1))];
    for (row, pixels) in rows.chunks_mut(stride.max(1)).zip(pixels.chunks(width.max(1))) {
        let mut x = 0;
        for run in pixels.chunk_by(|a, b| a == b) {
            let number = index[&run[0]];
            for _ in run {
                row[x * bits / 8] |= number << (8 - bits - x * bits % 8);
                x += 1;
            }
        }
    }
    Some(Indexed { palette: palette.concat(), depth, rows })
}

/// Index of the palette's colour nearest to this one.
fn nearest(palette: &[Rgb], color: Rgb) -> u8 {
    let distance = |other: &Rgb| -> u32 {
        color.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
    };
    (0..palette.len()).min_by_key(|&i| distance(&palette[i])).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(png: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    }

    /// A drawing of `across` x 3 squares of ten pixels.
    fn squares(across: usize, colors: &[Rgb]) -> usvg::Tree {
        let square = |(i, [r, g, b]): (usize, &Rgb)| {
            let (x, y) = (i % across * 10, i / across * 10);
            format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"10\" height=\"10\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>"
            )
        };
        let body: String = colors.iter().enumerate().map(square).collect();
        let size = format!("width=\"{}\" height=\"30\"", 10 * across);
        let svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {size}>{body}</svg>");
        usvg::Tree::from_str(&svg, &usvg::Options::default()).unwrap()
    }

    proptest! {
        #[test]
        fn every_palette_keeps_every_colour(
            across in 1usize..40,
            seeds in prop::collection::vec(any::<[u8; 3]>(), 1..20),
        ) {
            let colors: Vec<Rgb> = (0..3 * across).map(|i| seeds[i * 7 % seeds.len()]).collect();
            let pixels = decode(&png(&squares(across, &colors), (10 * across as u32, 30), 96.0, Colors::All, &[]));
            for (i, pixel) in pixels.chunks(3).enumerate() {
                let (x, y) = (i % (10 * across), i / (10 * across));
                prop_assert_eq!(pixel, colors[y / 10 * across + x / 10]);
            }
        }
    }

    #[test]
    fn rare_colours_become_the_nearest_frequent_one_unless_they_are_listed() {
        let colors = [[0; 3], [0; 3], [255; 3], [255; 3], [250, 255, 255], [9, 0, 0]];
        let last = |colors_kept| {
            let pixels = decode(&png(&squares(2, &colors), (20, 30), 96.0, colors_kept, &[]));
            let corner = |x: usize, y: usize| pixels[3 * (y * 20 + x)];
            (corner(0, 25), corner(15, 25))
        };
        assert_eq!(last(Colors::Most(2, &[])), (255, 0));
        assert_eq!(last(Colors::Most(3, &[[9, 0, 0]])), (255, 9));
    }
}
