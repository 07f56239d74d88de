//! Calibration: predicted probabilities of levels of pixels against their frequencies on test images.

use crate::figures::chart::{Body, Chart, Form, Mark, Panel, Plane};
use crate::figures::scale::ValueAxis;
use crate::figures::style::{Color, MUTED};
use crate::made::evaluate::{Calibration, Reliability};
use crate::text::short;

use super::samples::Completion;

/// A variant of the figure.
pub(crate) struct Calibrated<'a> {
    pub(crate) name: &'a str,
    pub(crate) color: Color,
    /// Seed of the run.
    pub(crate) seed: u64,
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
    for Calibrated { name, color, calibration, .. } in variants {
        let axis = |label: &str| ValueAxis::linear(label, 0.0, 1.0, 5);
        let off = match calibration.levels.is_empty() {
            true => distance(&calibration.bins),
            false => displaced(&calibration.bins),
        };
        let note = format!("error {} %", short(100.0 * off));
        panels.push(panel(name, note, *color, axis, &means(&calibration.bins), true));
        if is_grey && calibration.levels.is_empty() {
            let body = Body::Message("two levels".into());
            panels.push(Panel { title: String::new(), note: String::new(), body });
        } else if is_grey {
            let levels = means(&calibration.levels);
            let (drawn, never): (Vec<_>, Vec<_>) = levels.into_iter().partition(is_drawn);
            let never = match (drawn.len(), never.len()) {
                (n, 0) => format!("{n} levels"),
                (n, never) => format!("{} levels; {never} never occur", n + never),
            };
            let off = short(100.0 * displaced(&calibration.levels));
            let note = format!("{never}; error {off} %");
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
    let mut named: Vec<String> = Vec::new();
    for panel in &panels {
        match (panel.title.as_str(), named.last_mut()) {
            ("", Some(last)) if !panel.note.is_empty() => *last += &format!("; {}", panel.note),
            ("", _) => {}
            (title, _) => named.push(format!("{title}: {}", panel.note)),
        }
    }
    let seeds: Vec<String> = variants
        .iter()
        .map(|variant| format!("{} of {}", variant.seed, variant.name))
        .collect();
    let seeds = match variants {
        [first, rest @ ..] if rest.iter().all(|other| other.seed == first.seed) => {
            format!(" Runs of seed {}.", first.seed)
        }
        _ => format!(" Runs of seed {}.", seeds.join(", ")),
    };
    let error = match is_grey {
        true => {
            " Error: share of the predicted probability that would have to move to another tenth, or level, to be \
             as observed. It says nothing of how much a model knows: one that predicts the same for every pixel has \
             none if that is what is observed."
        }
        false => {
            " Error: mean distance of predicted and observed over all predictions (expected calibration error)."
        }
    };
    Chart {
        title: "Predicted and observed frequencies of levels".into(),
        subtitle: format!(
            "Dots: predictions of {of} from one tenth of the probabilities, against how often it is so, on test \
             images given the true earlier pixels. Dashed: predicted is observed.{levels}{seeds}{error}{left_out}"
        ),
        caption: format!(
            "Predicted probability of {of} given the true earlier pixels against its frequency on test \
             images.{seeds}{error} {}.{left_out}",
            named.join(". ")
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

/// Share of the predicted probability that is in other bins, or of other levels, than what was
/// observed: half the sum of the distances. Where bins hold the probabilities of all levels of a pixel,
/// those near 0 are many and weigh little, which a mean over all predictions would not see.
fn displaced(bins: &[Reliability]) -> f64 {
    let happened: f64 = bins.iter().map(|bin| bin.happened).sum();
    let apart: f64 = bins.iter().map(|bin| (bin.predicted - bin.happened).abs()).sum();
    0.5 * apart / happened.max(1.0)
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

    #[test]
    fn displaced_probability_does_not_vanish_among_predictions_of_many_levels() {
        let bin =
            |predicted: f64, happened: f64, count: f64| Reliability { predicted, happened, count };
        // 100 pixels of 256 levels: a model that is sure and right for half of them.
        let mut bins = [Reliability::default(); 10];
        bins[0] = bin(0.0, 50.0, 25_500.0);
        bins[9] = bin(100.0, 50.0, 100.0);
        assert!((displaced(&bins) - 0.5).abs() < 1e-12);
        assert!(distance(&bins) < 0.01);
        bins[0].happened = 0.0;
        bins[9].happened = 100.0;
        assert!(displaced(&bins) < 1e-12);
    }
}
