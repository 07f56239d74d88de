//! Images saved by runs: decoded here, read from disk by the caller.

use std::collections::BTreeMap;

use crate::data::{Images, Shape};
use crate::made::masks::Masks;
use crate::npy;
use crate::plan::{RunId, RunSpec};
use crate::results::ExperimentResults;
use crate::trainers::made::run_config;

use super::samples::{Completion, Picture};

/// Images that belong to the runs of a study; figures omit missing ones.
#[derive(Debug, Clone, Default)]
pub struct Artefacts {
    /// Samples of a run, 0 and 1.
    pub samples: BTreeMap<RunId, Picture>,
    /// The training images nearest to them, in their order.
    pub nearest: BTreeMap<RunId, Picture>,
    /// Test images by data fingerprint (`RunSpec::data`), 0 and 1: a hundred are enough.
    pub tests: BTreeMap<String, Picture>,
    /// Completions by a run.
    pub completions: BTreeMap<RunId, Completion>,
}

impl Artefacts {
    /// Collects the images that the finished runs of a study saved. `file` reads a file of a run
    /// directory, `reference` the test images stored for a data fingerprint (`.npy`, count x D or
    /// count x rows x columns); both return `None` if there is none. Images that cannot be decoded
    /// count as missing: a figure is omitted, which is not an error.
    pub fn gather(
        study: &ExperimentResults,
        file: impl Fn(&RunId, &str) -> Option<Vec<u8>>,
        reference: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Self {
        let mut all = Self::default();
        for spec in &study.plan.runs {
            if !all.tests.contains_key(&spec.data)
                && let Some(picture) =
                    spec.fingerprints().find_map(&reference).and_then(|bytes| picture(&bytes, None))
            {
                all.tests.insert(spec.data.clone(), picture);
            }
            let shape = all.tests.get(&spec.data).map(|tests| tests.shape);
            let read = |name: &str| file(&spec.id, name).and_then(|bytes| picture(&bytes, shape));
            if let Some(samples) = read("samples.npy") {
                let nearest = read("nearest.npy").filter(|nearest| nearest.shape == samples.shape);
                all.nearest.extend(nearest.map(|nearest| (spec.id.clone(), nearest)));
                all.samples.insert(spec.id.clone(), samples);
            }
            if let Some(tests) = all.tests.get(&spec.data)
                && let Some(completed) = read("completion.npy")
            {
                let grey =
                    file(&spec.id, "reconstruction.npy").and_then(|bytes| probabilities(&bytes));
                all.completions
                    .extend(completion(spec, tests, completed, grey).map(|c| (spec.id.clone(), c)));
            }
        }
        all
    }
}

/// Binary images; `shape` is used if the array does not have the shape of an image.
fn picture(bytes: &[u8], shape: Option<Shape>) -> Option<Picture> {
    let array = npy::decode::<u8>(bytes).ok().filter(|array| !array.data.is_empty())?;
    let (dim, own) = match array.shape[..] {
        [_, dim] => (dim, None),
        [_, height, width] => (height * width, Some(Shape { width, height })),
        _ => return None,
    };
    let shape = own.or(shape).filter(|s| s.dim() == dim).unwrap_or_else(|| shape_of(dim));
    Some(Picture { shape, images: Images::new(array.data, dim) })
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
