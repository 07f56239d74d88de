//! Predicted distributions of single pixels: the probability of every level given the pixels before.

use crate::data::Shape;
use crate::figures::chart::{Body, Chart, Form, Mark, Panel, Plane};
use crate::figures::scale::ValueAxis;
use crate::figures::style::{Color, INK};
use crate::text::short;

/// Predicted distribution of a pixel of a test image.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelDistribution {
    /// Index of the pixel, row by row.
    pub pixel: usize,
    /// True level.
    pub level: usize,
    /// Probability of every level given the true pixels before it [n_levels].
    pub probabilities: Vec<f32>,
}

/// A variant of the figure.
pub(crate) struct Predicted<'a> {
    pub(crate) name: &'a str,
    pub(crate) color: Color,
    /// Seed of the run.
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) pixels: &'a [PixelDistribution],
}

/// Distributions of the same pixels of the first test image, one row a variant; `left_out` variants
/// are not drawn.
pub(crate) fn chart(variants: &[Predicted], left_out: usize) -> Chart {
    let mut panels = Vec::new();
    let mut named = Vec::new();
    for variant in variants {
        let words: Vec<String> =
            variant.pixels.iter().map(|own| own.words(variant.shape)).collect();
        named.push(format!("{}, seed {}: {}", variant.name, variant.seed, words.join(", ")));
        for (i, own) in variant.pixels.iter().enumerate() {
            let title = if i == 0 { variant.name.to_owned() } else { String::new() };
            let note = format!("{}: {}", place(own.pixel, variant.shape), own.level);
            let body = Body::Plane(plane(own, variant.color, highest(variants, own)));
            panels.push(Panel { title, note, body });
        }
    }
    let left_out = match left_out {
        0 => String::new(),
        n => format!(" {n} more variants are not shown."),
    };
    let seed = variants.first().map_or(0, |variant| variant.seed);
    let seeds = match variants.iter().all(|variant| variant.seed == seed) {
        true => format!(" Runs of seed {seed}."),
        false => " The first finished seed of each variant.".to_owned(),
    };
    Chart {
        title: "Predicted distributions of four pixels".into(),
        subtitle: format!(
            "Probability of every level given the true pixels before it, for four pixels of the first test image: in each \
             quarter the one whose level differs most between test images. Dashed, with its number after the place: \
             the true level.{seeds}{left_out}"
        ),
        caption: format!(
            "Predicted probabilities of the levels of four pixels of the first test image given the true pixels before \
             them. {}.{left_out}",
            named.join(". ")
        ),
        columns: variants.iter().map(|variant| variant.pixels.len()).max().unwrap_or(1),
        panels,
    }
}

impl PixelDistribution {
    fn words(&self, shape: Shape) -> String {
        let probability = self.probabilities.get(self.level).copied().unwrap_or_default();
        let place = place(self.pixel, shape);
        format!(
            "{place} has level {} with probability {}",
            self.level,
            short(probability.into())
        )
    }
}

/// Place of a pixel, counted from 0.
fn place(pixel: usize, shape: Shape) -> String {
    match shape.height {
        1 => format!("variable {pixel}"),
        _ => format!("row {}, column {}", pixel / shape.width, pixel % shape.width),
    }
}

/// Highest probability of all distributions over as many levels.
fn highest(variants: &[Predicted], own: &PixelDistribution) -> f64 {
    let levels = own.probabilities.len();
    let all = variants.iter().flat_map(|variant| variant.pixels);
    let alike = all.filter(|other| other.probabilities.len() == levels);
    f64::from(alike.flat_map(|other| &other.probabilities).copied().fold(0.0, f32::max))
}

fn plane(own: &PixelDistribution, color: Color, highest: f64) -> Plane {
    let last = own.probabilities.len() as f64 - 1.0;
    let x = ValueAxis::linear("Level", -0.5, last + 0.5, 3);
    let y = ValueAxis::linear("Probability", 0.0, 1.05 * highest.max(1e-3), 3);
    let steps = own.probabilities.iter().enumerate().flat_map(|(level, &probability)| {
        let (level, probability) = (level as f64, f64::from(probability));
        [(level - 0.5, 0.0, probability), (level + 0.5, 0.0, probability)]
    });
    let level = own.level as f64;
    let probability = f64::from(own.probabilities.get(own.level).copied().unwrap_or_default());
    let marks = vec![
        Mark::Band { points: steps.collect(), color, alpha: 1.0 },
        Mark::Line {
            points: vec![(level, 0.0), (level, y.hi)],
            color: INK,
            width: 1.0,
            alpha: 1.0,
            dashed: true,
        },
        Mark::Dot {
            at: (level, probability),
            form: Form::Ring,
            color: INK,
            radius: 3.5,
            nudge: 0.0,
        },
    ];
    Plane::new(x, y, marks, 84.0)
}
