//! Sample grids as small pictures inside the page.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::Artefacts;
use super::image_grid::ImageGrid;
use super::samples::Picture;
use super::tiles;
use crate::figures::bitmap::{Bitmap, CLEAR};
use crate::figures::style::{INK, TILE};
use crate::figures::view::{Replicate, Variant, View};
use crate::page::png_address;

/// Samples of every variant, followed by real test images.
pub(crate) fn samples<'a>(artefacts: &Artefacts, view: &'a View<'a>) -> Markup {
    let samples = &artefacts.samples;
    let drawn_by = |(v, variant): (usize, &'a Variant<'a>)| {
        let run = |r: &'a Replicate<'a>| Some((v, variant, r, samples.get(&r.spec.id)?));
        variant.replicates.iter().find_map(run)
    };
    let grids: Vec<_> = view.variants.iter().enumerate().filter_map(drawn_by).collect();
    let Some((.., first)) = grids.first() else { return Markup::default() };
    if let Some(why) = tiles::too_large(first.shape) {
        return html! { h3 { "Samples" } p.muted { "Not drawn: " (why) "." } };
    }
    let classes = grids.iter().filter_map(|(.., picture)| picture.classes).max();
    let wanted = if view.variants.len() <= 9 { 100 } else { 25 }.max(classes.unwrap_or(0));
    let most = tiles::room(first.shape, grids.len(), wanted);
    let arranged = grids.iter().map(|(.., picture)| tiles::arranged(picture, most).1.len());
    let shown = arranged.max().unwrap_or(0);
    let data: BTreeSet<&str> = view
        .variants
        .iter()
        .flat_map(|v| &v.replicates)
        .map(|r| r.spec.data.as_str())
        .collect();
    let tests = data.into_iter().filter_map(|data| artefacts.tests.get(data));
    html! {
        h3 { "Samples" }
        p.muted { "The first " (shown) " draws; real test images last." (tiles::words_of_rows(classes.is_some())) }
        div.grids {
            @for (v, variant, run, picture) in &grids {
                @let score = variant.score(view).map(crate::figures::view::MeanInterval::words).unwrap_or_default();
                figure data-variant=(v) data-run=(run.spec.id) {
                    (grid(variant.label, &format!("{}, seed {}", view.metric().unit.of(&score), run.seed.0), picture, most))
                }
            }
            @for picture in tests { figure { (grid("test images", "real, for reference", picture, most)) } }
        }
    }
}

fn grid(name: &str, note: &str, picture: &Picture, most: usize) -> Markup {
    if tiles::too_large(picture.shape).is_some() {
        return Markup::default();
    }
    let (width, height, png) = grid_png(picture, most);
    html! {
        b { (name) }
        span.muted { (note) }
        img.pixels width=(width) height=(height) alt={ "Grid of images: " (name) }
            src=(png_address(&png));
    }
}

/// First images as a PNG with one dot per pixel, in which the gaps between tiles are transparent,
/// with its width and height.
fn grid_png(picture: &Picture, most: usize) -> (usize, usize, Vec<u8>) {
    let Picture { shape, levels, images, .. } = picture;
    let (across, shown) = tiles::arranged(picture, most);
    let grid = ImageGrid { shape: *shape, across, zoom: 1, gap: 1 };
    let (width, height) = grid.size(shown.len());
    let mut bitmap = Bitmap::new((width, height), CLEAR);
    let is_grey = *levels > 2;
    for (tile, &image) in shown.iter().enumerate() {
        grid.paint(&mut bitmap, (0, 0), tile, |i| match images.row(image)[i] {
            level if is_grey => 1 + tiles::shade(level, *levels) as u8,
            level => 1 + level.min(1),
        });
    }
    let colors = if is_grey { tiles::shades().collect() } else { vec![TILE, INK] };
    let png = bitmap.palette_png(&colors).expect("writing into memory does not fail");
    (width, height, png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Images, Shape};
    use crate::figures::style::{Color, grey};

    #[test]
    fn pixels_have_the_colours_of_their_levels() {
        for levels in [2usize, 4, 16, 256] {
            let pixels: Vec<u8> = (0..levels.min(64)).map(|i| (i * levels / 64) as u8).collect();
            let pixels = [&pixels[..], &[0, (levels - 1) as u8]].concat();
            let shape = Shape { width: pixels.len(), height: 1 };
            let images = Images::new(pixels.clone(), pixels.len());
            let (width, height, bytes) =
                grid_png(&Picture { shape, levels, images, classes: None }, 1);
            assert_eq!((width, height), (shape.width, 1));
            let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
            decoder.set_transformations(png::Transformations::EXPAND);
            let mut reader = decoder.read_info().unwrap();
            let mut dots = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut dots).unwrap();
            for (dot, pixel) in dots.chunks_exact(4).zip(pixels) {
                let share = f64::from(pixel) / (levels - 1) as f64;
                let shade = (63.0 * share).round() / 63.0;
                let Color(r, g, b) = grey(shade);
                assert_eq!(dot, [r, g, b, 255], "{pixel} of {levels}");
            }
        }
    }
}
