//! Samples of every variant next to real images, and reconstructions and completions of real
//! images. Pixels are levels from 0 on, as runs store them.

use crate::data::{Images, Shape};

use super::tiles::{self, EMPTY, MISSING, MISSING_OF_GREY};
use crate::figures::chart::{Body, Chart, Panel};

/// Images with their shape.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Shape of each image.
    pub shape: Shape,
    /// Number of levels of a pixel.
    pub levels: usize,
    /// The images, 0..levels.
    pub images: Images,
    /// Number of classes C, if the images were drawn of every class in turn: image i of class i % C.
    pub classes: Option<usize>,
}

/// Completions by a trained model of test images of which it is given a part.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Shape of each image.
    pub shape: Shape,
    /// Number of levels of a pixel.
    pub levels: usize,
    /// Complete test images [N x D], 0..levels.
    pub originals: Images,
    /// Flag of each pixel [D]: true if it was given, the same for every image.
    pub given: Vec<bool>,
    /// Completions [N x D each], 0..levels: the given pixels and draws for the others.
    pub completions: Vec<Images>,
    /// One-pass reconstruction [N x D], scaled to 0..=255, if made: p(x_d = 1 | x_<d), or the expected
    /// level of x_d given x_<d.
    pub reconstruction: Option<Images>,
}

/// A panel of the sample figure.
#[derive(Debug, Clone)]
pub(crate) struct Samples<'a> {
    pub(crate) name: String,
    /// NLL of the variant as text, or a description of the panel.
    pub(crate) note: String,
    pub(crate) picture: Option<&'a Picture>,
    /// True of test images.
    pub(crate) is_real: bool,
}

/// One panel per variant, with the real images last.
pub(crate) fn chart(panels: &[Samples], seed: u64, metric: &str) -> Chart {
    let shown = panels.iter().filter(|p| p.picture.is_some()).count();
    if shown == 0 {
        return Chart::message("Samples", "No finished run has left samples yet.");
    }
    let drawn = panels
        .iter()
        .filter_map(|panel| panel.picture)
        .filter(|p| tiles::too_large(p.shape).is_none());
    let classes = drawn.clone().filter_map(|picture| picture.classes).max();
    let wanted = if panels.len() <= 8 { 100 } else { 25 }.max(classes.unwrap_or(0));
    let most = drawn.map(|picture| tiles::room(picture.shape, shown, wanted)).min();
    let Some(most) = most else {
        let why = panels
            .iter()
            .find_map(|panel| tiles::too_large(panel.picture?.shape))
            .unwrap_or_default();
        return Chart::message("Samples", format!("Not drawn: {why}."));
    };
    let columns = match panels.len() {
        1..=3 => panels.len(),
        4 => 2,
        5..=9 => 3,
        _ => 6,
    };
    let made = panels.iter().map(|panel| {
        let body = match panel.picture {
            Some(picture) => match tiles::too_large(picture.shape) {
                None => Body::Raster(tiles::grid(picture, most)),
                Some(why) => Body::Message(why),
            },
            None => Body::Message("no samples".into()),
        };
        Panel { title: panel.name.clone(), note: panel.note.clone(), body }
    });
    let rows = tiles::words_of_rows(classes.is_some());
    let shown = panels.iter().filter(|panel| !panel.is_real).filter_map(|panel| panel.picture);
    let shown: Vec<usize> = shown.map(|picture| tiles::arranged(picture, most).1.len()).collect();
    let [least, most] = [shown.iter().min(), shown.iter().max()].map(|n| *n.unwrap_or(&0));
    let draws = match most {
        1 => "first draw".to_owned(),
        n if n == least => format!("first {n} draws"),
        // Rows of classes are whole.
        n => format!("first {least} to {n} draws"),
    };
    Chart {
        title: format!("Samples: the {draws} of seed {seed}"),
        subtitle: format!("Below each name: {metric}. Real test images come last.{rows}"),
        caption: format!(
            "Grids of samples drawn from the trained models, the {draws} of seed {seed}, next to real test images.{rows} {}.",
            panels
                .iter()
                .map(|p| format!("{}: {}", p.name, p.note))
                .collect::<Vec<_>>()
                .join("; ")
        ),
        panels: made.collect(),
        columns,
    }
}

/// Rows of test images: complete image, reconstruction, given part, completions. If one completion
/// each leaves room, there are two panels.
pub(crate) fn completion(name: &str, completion: &Completion) -> Chart {
    const ROWS: usize = 10;
    const DRAWS: usize = 5;
    if let Some(why) = tiles::too_large(completion.shape) {
        return Chart::message("Completions", format!("Not drawn: {why}."));
    }
    let draws = &completion.completions[..completion.completions.len().min(DRAWS)];
    let mut heads = vec!["test image".to_owned()];
    heads.extend(completion.reconstruction.as_ref().map(|_| "one pass".to_owned()));
    heads.push("given".to_owned());
    match draws.len() {
        1 => heads.push("completed".to_owned()),
        n => heads.extend((1..=n).map(|k| format!("draw {k}"))),
    }
    let (span, fixed) = (heads.len(), heads.len() - draws.len());
    let count = completion.originals.count();
    let blocks = if span <= 4 && count > 1 { 2 } else { 1 };
    let shown = count.min(ROWS * blocks);

    let is_grey = completion.levels > 2;
    let of = |images: &Images, row: usize, i: usize| {
        tiles::level_class(images.row(row)[i], completion.levels)
    };
    let missing = if is_grey { MISSING_OF_GREY } else { MISSING };
    let class = |tile: usize, i: usize| {
        let (image, column) = (tile / span, tile % span);
        match (column, &completion.reconstruction) {
            (0, _) => of(&completion.originals, image, i),
            (1, Some(grey)) => tiles::grey_class(grey.row(image)[i]),
            (column, _) if column + 1 == fixed && !completion.given[i] => missing,
            (column, _) if column + 1 == fixed => of(&completion.originals, image, i),
            (column, _) => of(&draws[column - fixed], image, i),
        }
    };
    let rows = shown.div_ceil(blocks);
    let panel = |block: usize| {
        let rows = rows.min(shown - block * rows);
        let class = |tile, i| class(block * rows * span + tile, i);
        let mut raster = tiles::raster(completion.shape, rows * span, span, class);
        raster.cell = (60 / completion.shape.width.max(1)).clamp(1, 8);
        raster.column_names.clone_from(&heads);
        Panel {
            title: String::new(),
            note: String::new(),
            body: Body::Raster(raster),
        }
    };
    let share = completion.given.iter().filter(|g| **g).count() as f64
        / completion.given.len().max(1) as f64;
    let (one_pass, color) = match is_grey {
        true => ("the expected grey of each pixel given the true earlier ones", "blue"),
        false => ("the probability of each pixel given the true earlier ones", "grey"),
    };
    Chart {
        title: format!("Test images, reconstructed and completed by {name}"),
        subtitle: format!(
            "One pass: {one_pass}. Given: the first half of the ordering; the {color} pixels are drawn."
        ),
        caption: format!(
            "{shown} test images, and what the model of {name} makes of them: {one_pass}, and {} drawn from {:.0} percent of \
             the pixels.",
            match draws.len() {
                1 => "a completion".to_owned(),
                n => format!("{n} completions"),
            },
            100.0 * share,
        ),
        panels: (0..blocks).map(panel).collect(),
        columns: blocks,
    }
}

/// Samples, each with the nearest training image below: a model that has memorised its training set
/// is recognised.
pub(crate) fn neighbours(name: &str, drawn: &Picture, nearest: &Picture) -> Chart {
    const ACROSS: usize = 10;
    const PAIRS: usize = 40;
    if let Some(why) = tiles::too_large(drawn.shape) {
        return Chart::message(
            "Samples and their nearest training images",
            format!("Not drawn: {why}."),
        );
    }
    let count = drawn.images.count().min(nearest.images.count()).min(PAIRS);
    let across = ACROSS.min(count.max(1));
    let rows = 2 * count.div_ceil(across);
    let class = |tile: usize, i: usize| {
        let (row, column) = (tile / across, tile % across);
        let index = row / 2 * across + column;
        let picture = if row % 2 == 0 { drawn } else { nearest };
        match index < count {
            true => tiles::level_class(picture.images.row(index)[i], picture.levels),
            false => EMPTY,
        }
    };
    let mut raster = tiles::raster(drawn.shape, rows * across, across, class);
    raster.cell = (48 / drawn.shape.width.max(1)).clamp(1, 8);
    raster.row_names = (0..rows)
        .map(|row| if row % 2 == 0 { "sample" } else { "nearest" }.to_owned())
        .collect();
    let distance = match drawn.levels {
        0..=2 => "that differs from it in the fewest pixels",
        _ => "with the smallest sum of differences of grey levels",
    };
    Chart {
        title: format!("Samples of {name} and their nearest training images"),
        subtitle: format!("Below each sample: the training image {distance}."),
        caption: format!(
            "{count} samples drawn by the model of {name}, each with the nearest training image below it: the one {distance}."
        ),
        panels: vec![Panel {
            title: String::new(),
            note: String::new(),
            body: Body::Raster(raster),
        }],
        columns: 1,
    }
}
