//! Figures of tables of real numbers: densities of two variables, distributions of single columns,
//! and the calibration of predicted distributions.

use crate::data::Images;
use crate::figures::chart::{Body, Chart, Form, Mark, Panel, Plane};
use crate::figures::scale::{ValueAxis, extent};
use crate::figures::style::{CONTEXT, Color, INK, MUTED, sequential};
use crate::text::{short, thousands};

/// Maximum number of columns of which distributions are drawn.
const MOST_COLUMNS: usize = 4;
/// Number of bins of the distribution of a column.
const BINS: usize = 20;
/// Number of shades of a density.
const SHADES: usize = 24;
/// Range of log densities below the highest that have shades of their own [nats].
const DEEPEST: f64 = 9.0;
/// Number of cells of a density in each direction in a figure of few variants, and of many.
const CELLS: [usize; 2] = [128, 64];
/// Maximum number of variants of which densities are drawn with many cells.
const FEW: usize = 4;
/// Width of the panel of a density [CSS pixels].
const SIDE: f64 = 190.0;
/// Maximum ratio of the ranges of two columns that have one scale.
const ALIKE: f64 = 2.0;
/// Number of test rows that are drawn as dots.
const DOTS: usize = 1_500;

/// Log density of two variables on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct DensityGrid {
    /// Coordinates of the columns of the grid, ascending, in the units of the table.
    pub x: Vec<f64>,
    /// Coordinates of its rows.
    pub y: Vec<f64>,
    /// Log density [y x x], nats in the units of the table.
    pub log_density: Vec<f32>,
}

/// A variant of a figure.
pub(crate) struct Of<'a, T: ?Sized> {
    pub(crate) name: &'a str,
    pub(crate) note: String,
    pub(crate) color: Color,
    /// Seed of the run.
    pub(crate) seed: u64,
    pub(crate) found: &'a T,
}

/// ` Runs of seed 1.`, or the seed of each variant where they differ.
fn seeds<T: ?Sized>(variants: &[Of<T>]) -> String {
    match variants {
        [first, rest @ ..] if rest.iter().all(|other| other.seed == first.seed) => {
            format!(" Runs of seed {}.", first.seed)
        }
        _ => {
            let each = variants.iter().map(|own| format!("{} of {}", own.seed, own.name));
            format!(" Runs of seed {}.", each.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Numbers of variants that are not drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LeftOut {
    /// Variants beyond those that a figure has room for.
    pub(crate) no_room: usize,
    /// Variants on other tables than the one that is drawn.
    pub(crate) other_data: usize,
}

/// Sentences on variants that are not drawn.
fn not_shown(left_out: LeftOut) -> String {
    let variants = |n: usize| match n {
        1 => "1 more variant is not shown".to_owned(),
        n => format!("{n} more variants are not shown"),
    };
    let mut text = String::new();
    if left_out.no_room > 0 {
        text += &format!(" {}: the first ones are.", variants(left_out.no_room));
    }
    if left_out.other_data > 0 {
        text += &format!(
            " {}: their data have axes of their own, and the first data are drawn.",
            variants(left_out.other_data)
        );
    }
    text
}

/// Log density of each variant on one scale of colours, after the test rows.
pub(crate) fn densities(
    variants: &[Of<DensityGrid>],
    tests: Option<&Images>,
    columns: &[String],
    metric: &str,
    left_out: LeftOut,
) -> Chart {
    let values = || variants.iter().flat_map(|own| &own.found.log_density).copied().map(f64::from);
    let (lowest, highest) = extent(values()).unwrap_or((0.0, 1.0));
    let scale = (lowest.max(highest - DEEPEST), highest);
    let mut panels: Vec<Panel> = Vec::new();
    let [x, y] = axes(variants, columns);
    let rows = tests.and_then(Images::real_values).unwrap_or_default();
    if !rows.is_empty() {
        let dots = rows.chunks_exact(2).take(DOTS).map(|row| (row[0].into(), row[1].into()));
        let (shown, beyond): (Vec<(f64, f64)>, Vec<_>) =
            dots.partition(|at| x.holds(at.0) && y.holds(at.1));
        let dot = |at| Mark::Dot { at, form: Form::Seed, color: INK, radius: 0.9, nudge: 0.0 };
        let beyond = match beyond.len() {
            0 => String::new(),
            n => format!(", {n} beyond the axes"),
        };
        panels.push(Panel {
            title: "test rows".into(),
            note: format!("first {}{beyond}", thousands((shown.len()) as u64)),
            body: Body::Plane(square(&x, &y, shown.into_iter().map(dot).collect())),
        });
    }
    let most = CELLS[usize::from(variants.len() > FEW)];
    for own in variants {
        panels.push(Panel {
            title: own.name.to_owned(),
            note: own.note.clone(),
            body: Body::Plane(square(&x, &y, cells(own.found, &y, scale, most))),
        });
    }
    panels.push(legend(scale));
    let cut = if scale.0 > lowest {
        format!(" Lower log densities than {} are as light as that.", short(scale.0))
    } else {
        String::new()
    };
    let (seeds, left_out) = (seeds(variants), not_shown(left_out));
    let named = variants.iter().map(|own| format!("{}: {}", own.name, own.note));
    Chart {
        title: "Densities of two variables".into(),
        subtitle: format!(
            "Dark: likely. Log density of each model in the units of the table, on one scale of colours, and the first \
             test rows.{cut} Below each name: {metric}.{seeds}{left_out}"
        ),
        caption: format!(
            "Log density of {} and {} by each model, from {} to {} nats in the units of the table, next to test rows.{seeds} \
             {metric}: {}.{left_out}",
            columns[0],
            columns[1],
            short(scale.0),
            short(scale.1),
            named.collect::<Vec<_>>().join("; ")
        ),
        columns: panels.len().clamp(1, 3),
        panels,
    }
}

fn axes(variants: &[Of<DensityGrid>], columns: &[String]) -> [ValueAxis; 2] {
    let axis = |label: &str, of: fn(&DensityGrid) -> &[f64]| {
        let edges = variants.iter().flat_map(|own| {
            let (coordinates, half) = (of(own.found), half_step(of(own.found)));
            [coordinates.first().map(|c| c - half), coordinates.last().map(|c| c + half)]
        });
        let (lo, hi) = extent(edges.flatten()).unwrap_or((0.0, 1.0));
        ValueAxis::linear(label, lo, hi, 4)
    };
    [axis(&columns[0], |grid| &grid.x), axis(&columns[1], |grid| &grid.y)]
}

/// Half the distance of two coordinates of a grid.
fn half_step(coordinates: &[f64]) -> f64 {
    match coordinates {
        [first, .., last] => 0.5 * (last - first) / (coordinates.len() - 1) as f64,
        _ => 0.5,
    }
}

/// A square panel; of columns of similar ranges one with the same scale for both.
fn square(x: &ValueAxis, y: &ValueAxis, marks: Vec<Mark>) -> Plane {
    let ratio = (y.hi - y.lo) / (x.hi - x.lo);
    let is_alike = (1.0 / ALIKE..=ALIKE).contains(&ratio);
    let height = if is_alike { ratio * SIDE } else { SIDE };
    Plane {
        width: Some(SIDE),
        ..Plane::new(x.clone(), y.clone(), marks, height)
    }
}

/// Cells of a density, at most about `most` in each direction, those of one shade in a row as one mark. Each reaches to the right and down
/// below the next ones, so that no seam shows.
fn cells(grid: &DensityGrid, y: &ValueAxis, (lo, hi): (f64, f64), most: usize) -> Vec<Mark> {
    let (n_x, n_y) = (grid.x.len(), grid.y.len());
    let (across, up) = ((n_x / most).max(1), (n_y / most).max(1));
    let (half_x, half_y) = (half_step(&grid.x), half_step(&grid.y));
    let shade = |row: usize, column: usize| {
        let rows = row..(row + up).min(n_y);
        let values = rows.flat_map(|row| {
            grid.log_density[row * n_x..][column..(column + across).min(n_x)].iter()
        });
        // The mean of the densities, not of their logarithms.
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), &log| {
            (sum + (f64::from(log) - hi).exp(), count + 1.0)
        });
        let t = ((sum / count).ln() + hi - lo) / (hi - lo).max(1e-9);
        (t.clamp(0.0, 1.0) * (SHADES - 1) as f64).round() as usize
    };
    let mut marks = Vec::new();
    for row in (0..n_y).step_by(up).rev() {
        let top = grid.y[(row + up).min(n_y) - 1] + half_y;
        let shades: Vec<usize> =
            (0..n_x).step_by(across).map(|column| shade(row, column)).collect();
        let mut start = 0;
        for run in shades.chunk_by(|a, b| a == b) {
            let left = grid.x[start * across] - half_x;
            start += run.len();
            let right = grid.x[(start * across).min(n_x) - 1] + 3.0 * half_x;
            let color = sequential(run[0] as f64 / (SHADES - 1) as f64);
            let points = vec![(left, y.lo, top), (right, y.lo, top)];
            marks.push(Mark::Band { points, color, alpha: 1.0 });
        }
    }
    marks
}

/// Scale of the colours.
fn legend((lo, hi): (f64, f64)) -> Panel {
    let step = (hi - lo) / SHADES as f64;
    let strip = |i: usize| {
        let from = lo + i as f64 * step;
        let points = [from, hi.min(from + 2.0 * step)].map(|end| (end, 0.0, 1.0)).to_vec();
        let color = sequential(i as f64 / (SHADES - 1) as f64);
        Mark::Band { points, color, alpha: 1.0 }
    };
    let x = ValueAxis::linear("Log density (nats)", lo, hi, 4);
    let y = ValueAxis { ticks: Vec::new(), ..ValueAxis::linear("", 0.0, 1.0, 2) };
    let plane = Plane::new(x, y, (0..SHADES).map(strip).collect(), 12.0);
    Panel {
        title: "scale".into(),
        note: String::new(),
        body: Body::Plane(plane),
    }
}

/// Samples of a variant, for their distributions.
pub(crate) struct SampledRows<'a> {
    pub(crate) of: Of<'a, Images>,
    pub(crate) tests: Option<&'a Images>,
    pub(crate) columns: &'a [String],
    /// Number of training rows of each class [C], if sample i was drawn of class i mod C.
    pub(crate) class_counts: Option<&'a [f64]>,
}

/// Weight of each of `count` samples, one in sum: of classes that were drawn in turn, the share of the
/// training rows of its class over the number of its samples.
fn weights(count: usize, class_counts: Option<&[f64]>) -> Vec<f64> {
    let weight = |i: usize| match class_counts {
        None => 1.0,
        Some(counts) => {
            let class = i % counts.len();
            counts[class] / (count - class).div_ceil(counts.len()) as f64
        }
    };
    let weights: Vec<f64> = (0..count).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Distributions of the first columns of samples, each over that of the test rows; one row a variant.
pub(crate) fn marginals(variants: &[SampledRows], left_out: LeftOut) -> Chart {
    let mut panels = Vec::new();
    let mut named = Vec::new();
    for SampledRows { of: own, tests, columns, class_counts } in variants {
        let count = columns.len().min(MOST_COLUMNS);
        named.push(format!("{}: {} samples", own.name, thousands(own.found.count() as u64)));
        for (column, name) in columns.iter().take(count).enumerate() {
            let title = if column == 0 { own.name.to_owned() } else { String::new() };
            let values = |rows: &Images| -> Vec<f64> {
                let all = rows.real_values().unwrap_or_default().iter();
                all.skip(column).step_by(rows.dim()).copied().map(f64::from).collect()
            };
            let tests = tests.map(values).unwrap_or_default();
            let weights = weights(own.found.count(), *class_counts);
            let body = Body::Plane(marginal(&values(own.found), &weights, &tests, own.color));
            panels.push(Panel { title, note: name.clone(), body });
        }
    }
    let heads: Vec<&Of<Images>> = variants.iter().map(|sampled| &sampled.of).collect();
    let seed = heads.first().map_or(0, |own| own.seed);
    let seeds = match heads.iter().all(|own| own.seed == seed) {
        true => format!(" Runs of seed {seed}."),
        false => " The first finished seed of each variant.".to_owned(),
    };
    let left_out = not_shown(left_out);
    let weighted = match variants.iter().any(|sampled| sampled.class_counts.is_some()) {
        true => {
            " Models that are told the class: samples of each class count by its share of the training rows."
        }
        false => "",
    };
    Chart {
        title: "Distributions of single columns".into(),
        subtitle: format!(
            "Share of the samples (line) and of the test rows (grey) in each of {BINS} equal parts of a column, for the first \
             {MOST_COLUMNS} columns at most. Samples beyond the test rows are in the outer parts.{weighted}{seeds}{left_out}"
        ),
        caption: format!(
            "Distributions of single columns of samples over those of test rows.{weighted}{seeds} {}.{left_out}",
            named.join("; ")
        ),
        columns: variants
            .iter()
            .map(|sampled| sampled.columns.len().min(MOST_COLUMNS))
            .max()
            .unwrap_or(1),
        panels,
    }
}

fn marginal(samples: &[f64], weights: &[f64], tests: &[f64], color: Color) -> Plane {
    let reference = if tests.is_empty() { samples } else { tests };
    let (lo, hi) = extent(reference.iter().copied()).unwrap_or((0.0, 1.0));
    let width = ((hi - lo) / BINS as f64).max(f64::MIN_POSITIVE);
    let shares = |values: &[f64], weights: &[f64]| -> Vec<f64> {
        let mut shares = vec![0.0; BINS];
        for (value, weight) in values.iter().zip(weights) {
            shares[(((value - lo) / width) as usize).min(BINS - 1)] += weight;
        }
        shares
    };
    let of_samples = shares(samples, weights);
    let of_tests = shares(tests, &self::weights(tests.len(), None));
    let highest = of_samples.iter().chain(&of_tests).copied().fold(0.0, f64::max);
    let ends = |bin: usize| [lo + bin as f64 * width, lo + (bin + 1) as f64 * width];
    let steps = of_tests
        .iter()
        .enumerate()
        .flat_map(|(bin, &share)| ends(bin).map(|x| (x, 0.0, share)));
    let line = of_samples
        .iter()
        .enumerate()
        .flat_map(|(bin, &share)| ends(bin).map(|x| (x, share)));
    let marks = vec![
        Mark::Band { points: steps.collect(), color: CONTEXT, alpha: 1.0 },
        Mark::Line {
            points: line.collect(),
            color,
            width: 1.6,
            alpha: 1.0,
            dashed: false,
        },
    ];
    let x = ValueAxis::linear("Value", lo, hi, 3);
    let y = ValueAxis::linear("Share", 0.0, 1.08 * highest.max(1e-3), 3);
    Plane::new(x, y, marks, 84.0)
}

/// Histograms of the integral transforms of each variant: how many test values have which predicted
/// probability of being exceeded or reached.
pub(crate) fn transforms(variants: &[Of<[f64]>], left_out: LeftOut) -> Chart {
    let share = |counts: &[f64], bin: usize| counts[bin] / counts.iter().sum::<f64>().max(1.0);
    let highest = variants
        .iter()
        .flat_map(|own| (0..own.found.len()).map(|bin| share(own.found, bin)))
        .fold(0.0, f64::max);
    let mut named = Vec::new();
    let panel = |own: &Of<[f64]>| {
        let bins = own.found.len();
        let even = 1.0 / bins as f64;
        let apart: f64 = (0..bins).map(|bin| (share(own.found, bin) - even).abs()).sum();
        let note = format!("error {} %", short(100.0 * 0.5 * apart));
        named.push(format!("{}: {note}", own.name));
        let steps = (0..bins).flat_map(|bin| {
            let share = share(own.found, bin);
            [(bin as f64 * even, 0.0, share), ((bin + 1) as f64 * even, 0.0, share)]
        });
        let marks = vec![
            Mark::Band { points: steps.collect(), color: own.color, alpha: 0.75 },
            Mark::Line {
                points: vec![(0.0, even), (1.0, even)],
                color: MUTED,
                width: 1.5,
                alpha: 1.0,
                dashed: true,
            },
        ];
        let x = ValueAxis::linear("Predicted probability of a lower value", 0.0, 1.0, 5);
        let y = ValueAxis::linear("Share of test values", 0.0, 1.08 * highest.max(even), 4);
        let body = Body::Plane(Plane::new(x, y, marks, 160.0));
        Panel { title: own.name.to_owned(), note, body }
    };
    let panels: Vec<Panel> = variants.iter().map(panel).collect();
    let (seeds, left_out) = (seeds(variants), not_shown(left_out));
    Chart {
        title: "Calibration of predicted distributions".into(),
        subtitle: format!(
            "Bars: share of the test values with a predicted probability of a lower value in each tenth (integral transform), \
             given the true values before. Dashed: as it is if the distributions are right. A hill: they are too wide; a \
             valley: too narrow. Error: share of the values that would have to move.{seeds}{left_out}"
        ),
        caption: format!(
            "Histogram of the integral transforms of test values, flat if predicted distributions are right.{seeds} {}.{left_out}",
            named.join("; ")
        ),
        columns: panels.len().clamp(1, 3),
        panels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: ?Sized>(found: &T) -> Of<'_, T> {
        Of { name: "a", note: String::new(), color: INK, seed: 1, found }
    }

    #[test]
    fn a_flat_histogram_of_transforms_has_no_error() {
        let note =
            |counts: &[f64]| transforms(&[of(counts)], LeftOut::default()).panels[0].note.clone();
        assert_eq!(note(&[7.0; 10]), "error 0 %");
        let mut all_in_one = [0.0; 10];
        all_in_one[4] = 50.0;
        assert_eq!(note(&all_in_one), "error 90 %");
    }

    /// The histogram of samples of every class in turn is that of the classes in their shares, also
    /// where the last round lacks some.
    #[test]
    fn samples_of_classes_count_by_the_share_of_their_class() {
        // Samples of class 0 are 0, those of class 1 are 1, of class 2, which has no rows, 2.
        let samples = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0];
        let counts = [6.0, 2.0, 0.0];
        let sum_of = |class: f64, weights: &[f64]| -> f64 {
            let own = samples.iter().zip(weights).filter(|(sample, _)| **sample == class);
            own.map(|(_, weight)| weight).sum()
        };
        let by_share = weights(samples.len(), Some(&counts));
        for (class, share) in [(0.0, 0.75), (1.0, 0.25), (2.0, 0.0)] {
            assert!((sum_of(class, &by_share) - share).abs() < 1e-12, "{by_share:?}");
        }
        assert!((sum_of(0.0, &weights(samples.len(), None)) - 3.0 / 7.0).abs() < 1e-12);
        // Fewer samples than classes: those that are there share the whole.
        assert_eq!(weights(1, Some(&counts)), [1.0]);
        let plane = marginal(&samples, &by_share, &[0.0, 2.0], INK);
        let Mark::Line { points, .. } = &plane.marks[1] else {
            panic!("samples are a line")
        };
        assert!((points[0].1 - 0.75).abs() < 1e-12 && points[2 * BINS - 1].1 == 0.0);
    }

    #[test]
    fn variants_that_are_not_drawn_have_a_reason() {
        assert_eq!(not_shown(LeftOut::default()), "");
        let text = not_shown(LeftOut { no_room: 1, other_data: 6 });
        assert!(text.contains("1 more variant is not shown: the first"), "{text}");
        assert!(text.contains("6 more variants are not shown: their data have axes"), "{text}");
    }

    #[test]
    fn columns_of_similar_ranges_have_one_scale() {
        let axis = |hi: f64| ValueAxis::linear("a", 0.0, hi, 4);
        let size = |x, y| {
            let plane = square(&axis(x), &axis(y), Vec::new());
            (plane.width, plane.height)
        };
        assert_eq!(size(10.0, 15.0), (Some(SIDE), 1.5 * SIDE));
        assert_eq!(size(10.0, 2000.0), (Some(SIDE), SIDE));
    }

    #[test]
    fn cells_of_a_density_cover_the_plane_and_dark_ones_are_likely() {
        let n = 128;
        let axis = |scale: f64| (0..n).map(|i| scale * (f64::from(i) - 63.5)).collect::<Vec<f64>>();
        let (x, y) = (axis(0.1), axis(2.0));
        let log_density = y
            .iter()
            .flat_map(|y| x.iter().map(move |x| (-0.5 * (x * x + y * y / 400.0) - 40.0) as f32))
            .collect();
        let grid = DensityGrid { x, y, log_density };
        let columns = ["a".to_owned(), "b".to_owned()];
        let rows = Images::real(vec![0.0, 0.0, 1e6, 0.0], 2);
        let chart = densities(&[of(&grid)], Some(&rows), &columns, "NLL", LeftOut::default());
        assert_eq!(chart.panels.len(), 3);
        assert_eq!(chart.panels[0].note, "first 1, 1 beyond the axes");
        let Body::Plane(plane) = &chart.panels[1].body else {
            panic!("a density is a plane")
        };
        let holds = |mark: &&Mark, at: (f64, f64)| match mark {
            Mark::Band { points, .. } => {
                (points[0].0..=points[1].0).contains(&at.0) && points[0].2 >= at.1
            }
            _ => false,
        };
        // The last mark over a point is the one that is seen.
        let color = |at: (f64, f64)| match plane.marks.iter().rev().find(|mark| holds(mark, at)) {
            Some(Mark::Band { color, .. }) => *color,
            _ => panic!("{at:?} is not covered"),
        };
        assert_eq!((color((0.01, 0.2)), color((6.3, 126.0))), (sequential(1.0), sequential(0.0)));
        assert!(plane.marks.len() < 6_000, "{} marks", plane.marks.len());
        assert!(chart.caption.contains("from \u{2212}49 to \u{2212}40"), "{}", chart.caption);
    }
}
