//! Images saved by runs: decoded here, read from disk by the caller.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Images, Shape};
use crate::made::evaluate::{BINS, Calibration, Reliability};
use crate::made::masks::Masks;
use crate::npy;
use crate::plan::{RunId, RunSpec};
use crate::record::RunStatus;
use crate::results::ExperimentResults;
use crate::trainers::made::metrics::MadeFacts;
use crate::trainers::made::run_config;

use super::calibration::of_bits;
use super::conditionals::PixelDistribution;
use super::samples::{Completion, Picture};
use super::table::DensityGrid;
use crate::trainers::made::table::{TRANSFORM_BINS, TableUnits, UNITS};

/// Images that belong to the runs of a study; figures omit missing ones.
#[derive(Debug, Clone, Default)]
pub struct Artefacts {
    /// Samples of a run.
    pub samples: BTreeMap<RunId, Picture>,
    /// The training images nearest to them, in their order.
    pub nearest: BTreeMap<RunId, Picture>,
    /// Test images by data fingerprint (`RunSpec::data`): a hundred are enough.
    pub tests: BTreeMap<String, Picture>,
    /// Completions by a run.
    pub completions: BTreeMap<RunId, Completion>,
    /// Calibration of a run.
    pub calibrations: BTreeMap<RunId, Calibration>,
    /// Predicted distributions of pixels of the first test image by a run.
    pub conditionals: BTreeMap<RunId, Vec<PixelDistribution>>,
    /// Files of runs on tables of real numbers.
    pub tables: TableArtefacts,
    /// Sentences about files that cannot be read, each with the figure that lacks them.
    pub problems: Vec<String>,
}

/// Files of runs on tables of real numbers.
#[derive(Debug, Clone, Default)]
pub struct TableArtefacts {
    /// Names of the columns of a run.
    pub columns: BTreeMap<RunId, Vec<String>>,
    /// Rows drawn by a run, in the units of the table.
    pub samples: BTreeMap<RunId, Images>,
    /// Number of training rows of each class, of a run on classes: its sample i is of class i mod C.
    pub class_counts: BTreeMap<RunId, Vec<f64>>,
    /// First test rows by data fingerprint, in the units of the table.
    pub tests: BTreeMap<String, Images>,
    /// Log density of two columns by a run.
    pub densities: BTreeMap<RunId, DensityGrid>,
    /// Number of test values by the integral transform of a run, in bins of equal width.
    pub transforms: BTreeMap<RunId, Vec<f64>>,
}

impl TableArtefacts {
    /// Adds what a run left; `read` reads a file for a figure.
    fn gather(&mut self, run: &RunId, mut read: impl FnMut(&str, &str) -> Option<Vec<u8>>) {
        let units = read("marginals", UNITS).and_then(|bytes| TableUnits::parse(&bytes));
        let Some(units) = units else { return };
        let samples = read("marginals", "samples.npy").and_then(|bytes| rows(&bytes));
        let samples = samples.filter(|samples| samples.dim() == units.dim());
        let counts = read("marginals", "class_counts.npy").and_then(|bytes| finite(&bytes));
        let counts = counts.map(|counts| counts.data).filter(|counts| {
            counts.iter().all(|count| *count >= 0.0) && counts.iter().any(|count| *count > 0.0)
        });
        let transforms = read("calibration", "integral_transforms.npy");
        let transforms = transforms.and_then(|bytes| finite(&bytes)).filter(|counts| {
            counts.data.len() == TRANSFORM_BINS && counts.data.iter().all(|count| *count >= 0.0)
        });
        let wanted = units.dim() == 2;
        let mut density = |name: &str| wanted.then(|| read("density", name)).flatten();
        let density = density("density.npy").zip(density("density_axes.npy"));
        let density = density.and_then(|(values, axes)| density_grid(&values, &axes));
        self.samples.extend(samples.map(|samples| (run.clone(), samples)));
        self.transforms.extend(
            transforms
                .map(|counts| (run.clone(), counts.data.into_iter().map(f64::from).collect())),
        );
        self.class_counts.extend(
            counts.map(|counts| (run.clone(), counts.into_iter().map(f64::from).collect())),
        );
        self.densities.extend(density.map(|grid| (run.clone(), grid)));
        self.columns.insert(run.clone(), units.columns());
    }
}

impl Artefacts {
    /// Collects the images that the finished runs of a study saved. `file` reads a file of a run
    /// directory, `reference` the test images stored for a data fingerprint (`.npy`, count x D or
    /// count x rows x columns); both return `None` if there is none. Images that cannot be decoded
    /// count as missing: a figure is omitted, which is not an error.
    pub fn gather(
        study: &ExperimentResults,
        file: impl Fn(&RunId, &str) -> Result<Option<Vec<u8>>, String>,
        reference: impl Fn(&str) -> Result<Option<Vec<u8>>, String>,
    ) -> Self {
        let mut all = Self::default();
        let mut lost: BTreeMap<&str, LostTests> = BTreeMap::new();
        let mut without_rows: BTreeSet<&str> = BTreeSet::new();
        for spec in &study.plan.runs {
            let data = spec.data.as_str();
            if run_config(&spec.config).data.values.is_real() {
                let is_finished = study
                    .records
                    .get(&spec.id)
                    .is_some_and(|record| record.status == RunStatus::Finished);
                let problems = &mut all.problems;
                all.tables.gather(&spec.id, |figure, name| {
                    let found = file(&spec.id, name);
                    found.unwrap_or_else(|reason| {
                        let problem = format!("the figure {figure} lacks a file: {reason}");
                        problems.extend(is_finished.then_some(problem));
                        None
                    })
                });
                let tests = || spec.fingerprints().find_map(|name| reference(name).ok().flatten());
                if !all.tables.tests.contains_key(data) && !without_rows.contains(data) {
                    match tests().and_then(|bytes| rows(&bytes)) {
                        Some(tests) => drop(all.tables.tests.insert(data.to_owned(), tests)),
                        None if is_finished => {
                            without_rows.insert(data);
                            let name = &run_config(&spec.config).data.name;
                            all.problems.push(format!(
                                "no test rows in the figures density and marginals, for the runs on {name}: none are stored for {data}"
                            ));
                        }
                        None => {}
                    }
                }
                continue;
            }
            if !all.tests.contains_key(data) && !lost.contains_key(data) {
                match tests(spec, &reference) {
                    Ok(picture) => drop(all.tests.insert(data.to_owned(), picture)),
                    Err(reason) => drop(lost.insert(data, LostTests::new(spec, reason))),
                }
            }
            // A run that is not finished is damaged as a whole, if it is there: others say so.
            let record = study.records.get(&spec.id);
            let is_finished = record.is_some_and(|record| record.status == RunStatus::Finished);
            let shape = all.tests.get(data).map(|tests| tests.shape);
            let levels = run_config(&spec.config).data.levels.get();
            let picture = |bytes: Vec<u8>| picture(&bytes, shape, Some(levels));
            let mut problems = Vec::new();
            let mut read = |figure: &str, name: &str| {
                let found = file(&spec.id, name);
                found.unwrap_or_else(|reason| {
                    problems.push(format!("the figure {figure} lacks a file: {reason}"));
                    None
                })
            };
            let calibration = read("calibration", "calibration.npy")
                .and_then(|bytes| calibration(&bytes, levels));
            all.calibrations.extend(calibration.map(|found| (spec.id.clone(), found)));
            let conditionals = read("conditionals", "conditionals.npy")
                .and_then(|bytes| conditionals(&bytes, levels));
            all.conditionals.extend(conditionals.map(|found| (spec.id.clone(), found)));
            let samples = read("samples", "samples.npy").and_then(picture);
            let nearest = read("neighbours", "nearest.npy").and_then(picture);
            let completed = read("completions", "completion.npy").and_then(picture);
            let grey =
                read("completions", "reconstruction.npy").and_then(|bytes| probabilities(&bytes));
            if is_finished {
                all.problems.append(&mut problems);
                if let Some(lost) = lost.get_mut(data) {
                    lost.lacks_samples |= samples.is_some();
                    lost.lacks_completions |= completed.is_some();
                }
            }
            if let Some(mut samples) = samples {
                samples.classes = record
                    .and_then(|record| MadeFacts::of(&record.summary.as_ref()?.facts)?.classes);
                let nearest = nearest.filter(|nearest| nearest.shape == samples.shape);
                all.nearest.extend(nearest.map(|nearest| (spec.id.clone(), nearest)));
                all.samples.insert(spec.id.clone(), samples);
            }
            if let (Some(tests), Some(completed)) = (all.tests.get(data), completed)
                && let Some(completion) = completion(spec, tests, completed, grey)
            {
                let of_bits = (levels == 2).then(|| of_bits(&completion)).flatten();
                all.calibrations.extend(of_bits.map(|found| (spec.id.clone(), found)));
                all.completions.insert(spec.id.clone(), completion);
            }
        }
        all.problems.extend(lost.values().filter_map(LostTests::sentence));
        all
    }
}

/// Test images of a data set that cannot be read, and the figures that lack them.
struct LostTests {
    /// Name of the data set.
    data: String,
    /// True if the runs save their calibration: that of bits follows from the test images.
    is_grey: bool,
    reason: String,
    lacks_samples: bool,
    lacks_completions: bool,
}

impl LostTests {
    fn new(spec: &RunSpec, reason: String) -> Self {
        let data = &run_config(&spec.config).data;
        Self {
            data: data.name.clone(),
            is_grey: data.levels.is_grey(),
            reason,
            lacks_samples: false,
            lacks_completions: false,
        }
    }

    fn sentence(&self) -> Option<String> {
        let completions = match self.is_grey {
            true => "no figure completions",
            false => "no figures completions and calibration",
        };
        let samples = "no test images in the figure samples";
        let lack = match (self.lacks_completions, self.lacks_samples) {
            (true, true) => format!("{completions}, and {samples}"),
            (true, false) => completions.to_owned(),
            (false, true) => samples.to_owned(),
            (false, false) => return None,
        };
        Some(format!("{lack}, for the runs on {}: {}", self.data, self.reason))
    }
}

/// The test images of a run's data under the first of its fingerprints that has them, or the reason
/// why there are none.
fn tests(
    spec: &RunSpec,
    reference: impl Fn(&str) -> Result<Option<Vec<u8>>, String>,
) -> Result<Picture, String> {
    let levels = run_config(&spec.config).data.levels.get();
    let mut problem = None;
    for fingerprint in spec.fingerprints() {
        let why = match reference(fingerprint) {
            Ok(Some(bytes)) => match picture(&bytes, None, Some(levels)) {
                Some(picture) => return Ok(picture),
                None => format!("the images stored for {fingerprint} are damaged"),
            },
            Ok(None) => format!("no images are stored for {fingerprint}"),
            Err(reason) => reason,
        };
        problem.get_or_insert(why);
    }
    Err(problem.unwrap_or_default())
}

/// True if bytes are images as [`Artefacts::gather`] reads them, of pixels of this many levels if
/// that is known.
pub(in crate::trainers::made) fn are_images(bytes: &[u8], levels: Option<usize>) -> bool {
    picture(bytes, None, levels).is_some()
}

/// True if bytes are rows of real numbers as [`Artefacts::gather`] reads them.
pub(in crate::trainers::made) fn are_rows(bytes: &[u8]) -> bool {
    rows(bytes).is_some()
}

/// An array of finite numbers.
fn finite(bytes: &[u8]) -> Option<npy::Array<f32>> {
    let array = npy::decode::<f32>(bytes).ok()?;
    (!array.data.is_empty() && array.data.iter().all(|value| value.is_finite())).then_some(array)
}

/// An array of finite numbers in double precision.
fn finite_wide(bytes: &[u8]) -> Option<npy::Array<f64>> {
    let array = npy::decode::<f64>(bytes).ok()?;
    (!array.data.is_empty() && array.data.iter().all(|value| value.is_finite())).then_some(array)
}

/// Rows of a table, as runs and [`super::super::first_test_images`] store them.
fn rows(bytes: &[u8]) -> Option<Images> {
    let array = finite_wide(bytes)?;
    let [_, dim] = array.shape[..] else { return None };
    Some(Images::real(array.data.iter().map(|&value| value as f32).collect(), dim))
}

fn density_grid(values: &[u8], axes: &[u8]) -> Option<DensityGrid> {
    let axes = finite_wide(axes)?;
    let (x, y) = axes.data.split_at_checked(axes.data.len() / 2)?;
    let is_ascending = |axis: &[f64]| axis.windows(2).all(|pair| pair[0] < pair[1]);
    let is_sound = |grid: &DensityGrid| {
        axes.shape == [2, grid.x.len()]
            && grid.log_density.len() == grid.x.len() * grid.y.len()
            && [&grid.x, &grid.y].into_iter().all(|axis| is_ascending(axis))
    };
    let grid = DensityGrid {
        x: x.to_vec(),
        y: y.to_vec(),
        log_density: finite(values)?.data,
    };
    Some(grid).filter(is_sound)
}

/// Images; `shape` is used if the array does not have the shape of an image. Without a number of
/// levels, all values of a byte are levels.
fn picture(bytes: &[u8], shape: Option<Shape>, levels: Option<usize>) -> Option<Picture> {
    let levels = levels.unwrap_or(256);
    let is_level = |&pixel: &u8| usize::from(pixel) < levels;
    let array = npy::decode::<u8>(bytes)
        .ok()
        .filter(|array| !array.data.is_empty() && array.data.iter().all(is_level))?;
    let (dim, own) = match array.shape[..] {
        [_, dim] => (dim, None),
        [_, height, width] => (height * width, Some(Shape { width, height })),
        _ => return None,
    };
    let shape = own.or(shape).filter(|s| s.dim() == dim).unwrap_or_else(|| shape_of(dim));
    Some(Picture {
        shape,
        levels,
        images: Images::new(array.data, dim),
        classes: None,
    })
}

/// Contents of `calibration.npy` of a run on this many levels.
fn calibration(bytes: &[u8], n_levels: usize) -> Option<Calibration> {
    let array = npy::decode::<f32>(bytes).ok()?;
    let row = |row: &[f32]| Reliability {
        predicted: row[0].into(),
        happened: row[1].into(),
        count: row[2].into(),
    };
    let is_sound = array.shape == [n_levels + BINS, 3] && array.data.iter().all(|v| v.is_finite());
    let rows: Vec<Reliability> = array.data.chunks_exact(3).map(row).collect();
    let (levels, bins) = rows.split_at_checked(n_levels).filter(|_| is_sound)?;
    Some(Calibration { levels: levels.to_vec(), bins: bins.try_into().ok()? })
}

/// Contents of `conditionals.npy` of a run on this many levels.
fn conditionals(bytes: &[u8], n_levels: usize) -> Option<Vec<PixelDistribution>> {
    let array = npy::decode::<f32>(bytes).ok()?;
    let row = |row: &[f32]| {
        let level = row[1] as usize;
        (level < n_levels).then(|| PixelDistribution {
            pixel: row[0] as usize,
            level,
            probabilities: row[2..].to_vec(),
        })
    };
    let is_share = |value: &f32| (0.0..=1.0).contains(value);
    let are_sound = array.shape.len() == 2
        && array.shape[1] == 2 + n_levels
        && array.data.chunks_exact(2 + n_levels).all(|row| row[2..].iter().all(is_share));
    are_sound.then(|| array.data.chunks_exact(2 + n_levels).map(row).collect())?
}

fn probabilities(bytes: &[u8]) -> Option<Images> {
    let array = npy::decode::<f32>(bytes).ok()?;
    let [_, dim] = array.shape[..] else { return None };
    let grey: Vec<u8> =
        array.data.iter().map(|p| (255.0 * p.clamp(0.0, 1.0)).round() as u8).collect();
    (dim > 0 && !grey.is_empty()).then(|| Images::new(grey, dim))
}

/// Completions from the first half of the ordering of the run's first mask, as saved by runs.
fn completion(
    spec: &RunSpec,
    tests: &Picture,
    completed: Picture,
    grey: Option<Images>,
) -> Option<Completion> {
    let (count, dim) = (completed.images.count().min(tests.images.count()), completed.images.dim());
    if dim != tests.images.dim() {
        return None;
    }
    let config = run_config(&spec.config);
    let fresh = config.evaluate.fresh_masks;
    let mask = Masks::new(&config.model, tests.shape, fresh, spec.seed).evaluated(0);
    let mut given = vec![false; dim];
    mask.ordering().pixels()[..dim / 2]
        .iter()
        .for_each(|&pixel| given[pixel as usize] = true);
    let first = |images: &Images| Images::new(&images.pixels()[..count * dim], dim);
    let fits = |grey: &Images| grey.dim() == dim && grey.count() >= count;
    Some(Completion {
        shape: tests.shape,
        levels: tests.levels,
        originals: first(&tests.images),
        given,
        completions: vec![first(&completed.images)],
        reconstruction: grey.filter(fits),
    })
}

/// Shape of the images of a run, guessed from its number of variables alone: a square if possible,
/// else a row.
pub(crate) fn shape_of(dim: usize) -> Shape {
    let side = dim.isqrt();
    if side * side == dim {
        Shape { width: side, height: side }
    } else {
        Shape { width: dim, height: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_levels_of_their_run() {
        let bytes = npy::encode(&[2, 2], &[0u8, 15, 3, 1]);
        let levels = |known| picture(&bytes, None, known).map(|picture| picture.levels);
        assert_eq!(
            [Some(2), Some(4), Some(16), None].map(levels),
            [None, None, Some(16), Some(256)]
        );
        assert!(are_images(&bytes, None) && !are_images(&bytes, Some(2)));
    }
}
