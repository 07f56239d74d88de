//! Calibration: predicted probabilities of levels of pixels against their frequencies on test images.

use crate::figures::chart::{Body, Chart, Form, Mark, Panel, Plane};
use crate::figures::scale::ValueAxis;
use crate::figures::style::{Color, MUTED};
use crate::made::evaluate::{Calibration, Reliability};
use crate::text::short;

use super::samples::Completion;

/// Maximum number of variants that are drawn.
pub(crate) const MOST: usize = 8;

/// A variant of the figure.
pub(crate) struct Calibrated<'a> {
    pub(crate) name: &'a str,
    pub(crate) color: Color,
    pub(crate) calibration: &'a Calibration,
}

/// Calibration of the probabilities that pixels are on, from a one-pass reconstruction.
pub(crate) fn of_bits(completion: &Completion) -> Option<Calibration> {
    let probabilities = completion.reconstruction.as_ref()?.pixels();
    let mut found = Calibration::default();
    for (&probability, &bit) in probabilities.iter().zip(completion.originals.pixels()) {
        found.add_to_bin(f32::from(probability) / 255.0, bit > 0);
    }
    Some(found)
}

/// Reliability of each variant, and next to it that of each level of grey pixels; `left_out` variants
/// are not drawn.
pub(crate) fn chart(variants: &[Calibrated], left_out: usize) -> Chart {
    let is_grey = variants.iter().any(|variant| !variant.calibration.levels.is_empty());
    let means = |of: &[Reliability]| of.iter().filter_map(Reliability::means).collect::<Vec<_>>();
    let is_drawn = |&(predicted, observed): &(f64, f64)| predicted > 0.0 && observed > 0.0;
    let all = variants.iter().flat_map(|variant| means(&variant.calibration.levels));
    let least = all.filter(is_drawn).map(|(a, b)| a.min(b)).fold(0.1, f64::min) / 1.5;
    let mut panels = Vec::new();
    for Calibrated { name, color, calibration } in variants {
        let axis = |label: &str| ValueAxis::linear(label, 0.0, 1.0, 5);
        let note = format!("{} % from the diagonal", short(100.0 * distance(&calibration.bins)));
        panels.push(panel(name, note, *color, axis, &means(&calibration.bins), true));
        if is_grey && calibration.levels.is_empty() {
            let body = Body::Message("two levels".into());
            panels.push(Panel { title: String::new(), note: String::new(), body });
        } else if is_grey {
            let levels = means(&calibration.levels);
            let (drawn, never): (Vec<_>, Vec<_>) = levels.into_iter().partition(is_drawn);
            let note = match (drawn.len(), never.len()) {
                (n, 0) => format!("{n} levels"),
                (n, never) => format!("{} levels; {never} never occur", n + never),
            };
            let axis = |label: &str| ValueAxis::log(label, least, 1.0, 4);
            panels.push(panel("", note, *color, axis, &drawn, false));
        }
    }
    let (of, levels) = match is_grey {
        true => ("every level of every pixel", " Right: mean of all predictions of one level."),
        false => ("a pixel being on", ""),
    };
    let left_out = match left_out {
        0 => String::new(),
        n => format!(" {n} more variants are not shown."),
    };
    let named: Vec<String> = panels
        .iter()
        .filter(|panel| !panel.title.is_empty())
        .map(|panel| format!("{}: {}", panel.title, panel.note))
        .collect();
    Chart {
        title: "Predicted and observed frequencies of levels".into(),
        subtitle: format!(
            "Dots: predictions of {of} from one tenth of the probabilities, against how often it is so, on test \
             images given the true earlier pixels. Dashed: predicted is observed.{levels}{left_out}"
        ),
        caption: format!(
            "Predicted probability of {of} given the true earlier pixels against its frequency on test images; mean \
             distance over all predictions. {}.{left_out}",
            named.join("; ")
        ),
        columns: if is_grey { 2 } else { panels.len().clamp(1, 3) },
        panels,
    }
}

/// Mean over all predictions of the distance between predicted and observed frequency of their bin.
fn distance(bins: &[Reliability]) -> f64 {
    let count: f64 = bins.iter().map(|bin| bin.count).sum();
    bins.iter().map(|bin| (bin.predicted - bin.happened).abs()).sum::<f64>() / count.max(1.0)
}

fn panel(
    title: &str,
    note: String,
    color: Color,
    axis: impl Fn(&str) -> ValueAxis,
    points: &[(f64, f64)],
    are_joined: bool,
) -> Panel {
    let (x, y) = (axis("Predicted probability"), axis("Observed frequency"));
    let line = |points: Vec<(f64, f64)>, color, dashed| Mark::Line {
        points,
        color,
        width: 1.5,
        alpha: 1.0,
        dashed,
    };
    let mut marks = vec![line(vec![(x.lo, y.lo), (x.hi, y.hi)], MUTED, true)];
    if are_joined {
        marks.push(line(points.to_vec(), color, false));
    }
    let dot = |&at| Mark::Dot { at, form: Form::Disc, color, radius: 3.5, nudge: 0.0 };
    marks.extend(points.iter().map(dot));
    let body = Body::Plane(Plane::new(x, y, marks, 200.0));
    Panel { title: title.to_owned(), note, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Images, Shape};

    #[test]
    fn probabilities_of_bits_are_counted_by_tenths() {
        let completion = Completion {
            shape: Shape { width: 2, height: 2 },
            levels: 2,
            originals: Images::new(vec![0, 1, 1, 1], 4),
            given: vec![true; 4],
            completions: Vec::new(),
            reconstruction: Some(Images::new(vec![0, 51, 255, 204], 4)),
        };
        let found = of_bits(&completion).unwrap();
        let means: Vec<_> = found.bins.iter().map(Reliability::means).collect();
        for (bin, expected) in [(0, (0.0, 0.0)), (2, (0.2, 1.0)), (8, (0.8, 1.0)), (9, (1.0, 1.0))]
        {
            let (predicted, observed) = means[bin].unwrap();
            assert!((predicted - expected.0).abs() < 1e-6 && observed == expected.1, "{means:?}");
        }
        assert_eq!(means.iter().flatten().count(), 4);
        // 0, 0.8, 0 and 0.2 on average.
        assert!((distance(&found.bins) - 0.25).abs() < 1e-6);
    }
}
