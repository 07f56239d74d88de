//! Sample grids as small pictures inside the page.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::document::Section;
use super::embed::png_address;
use crate::figures::samples::Picture;
use crate::figures::tiles;
use crate::figures::view::{Variant, View};

/// The samples of every variant, then real test images.
pub(super) fn samples(section: &Section, view: &View) -> Markup {
    let samples = &section.artefacts.samples;
    let drawn_by = |variant: &Variant| {
        variant.replicates.iter().find_map(|r| Some((r.seed, samples.get(&r.spec.id)?)))
    };
    let grids: Vec<_> = view.variants.iter().filter_map(|v| Some((v, drawn_by(v)?))).collect();
    let Some((_, (_, first))) = grids.first() else { return Markup::default() };
    if let Some(why) = tiles::too_large(first.shape) {
        return html! { h3 { "Samples" } p.muted { "Not drawn: " (why) "." } };
    }
    let wanted = if view.variants.len() <= 9 { 100 } else { 25 };
    let most = tiles::room(first.shape, grids.len(), wanted);
    let data: BTreeSet<&str> = view
        .variants
        .iter()
        .flat_map(|v| &v.replicates)
        .map(|r| r.spec.data.as_str())
        .collect();
    let tests = data.into_iter().filter_map(|data| section.artefacts.tests.get(data));
    html! {
        h3 { "Samples" }
        p.muted { "The first " (most) " draws; real test images last." }
        div.grids {
            @for (variant, (seed, picture)) in &grids {
                @let score = variant.score(view).map(|score| score.words()).unwrap_or_default();
                (grid(variant.label, &format!("{score} nats, seed {}", seed.0), picture, most))
            }
            @for picture in tests { (grid("test images", "real, for reference", picture, most)) }
        }
    }
}

fn grid(name: &str, note: &str, picture: &Picture, most: usize) -> Markup {
    if tiles::too_large(picture.shape).is_some() {
        return Markup::default();
    }
    let (width, height, png) = grid_png(picture, most);
    html! {
        figure {
            b { (name) }
            span.muted { (note) }
            img.pixels width=(width) height=(height) alt={ "Grid of images: " (name) }
                src=(png_address(&png));
        }
    }
}

/// A grid of images as a small PNG of three colours: gaps between tiles are clear.
fn grid_png(picture: &Picture, most: usize) -> (usize, usize, Vec<u8>) {
    let raster = tiles::grid(picture.shape, &picture.images, most);
    let (across, down) = raster.tile.expect("a grid has tiles");
    let size = |cells: usize, tile: usize| cells + (cells / tile).saturating_sub(1);
    let (width, height) = (size(raster.width, across), size(raster.height, down));
    let stride = width.div_ceil(4);
    let mut pixels = vec![0u8; stride * height];
    for (i, class) in raster.cells.iter().enumerate() {
        let (x, y) = (i % raster.width, i / raster.width);
        let (x, y) = (x + x / across, y + y / down);
        let index = match *class {
            tiles::OFF => 1,
            tiles::ON => 2,
            _ => 0u8,
        };
        pixels[y * stride + x / 4] |= index << (6 - 2 * (x % 4));
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![0xFF, 0xFF, 0xFF, 0xF1, 0xF2, 0xF4, 0x22, 0x26, 0x2B]);
    encoder.set_trns(vec![0, 255, 255]);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.expect("writing into memory does not fail");
    (width, height, out)
}
