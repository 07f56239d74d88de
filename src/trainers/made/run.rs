//! Execution of a run of MADE, the one place where data, model and training are joined: from a
//! specification and a data set to values and files.

use std::io::Cursor;
use std::time::{Duration, Instant};

use super::metrics::MadeFacts;
use super::run_config;
use super::table::{self, TableUnits};
use crate::config::{RunConfig, SampleOrder};
use crate::cost::{MadeCost, SCORED_TRAIN};
use crate::data::nearest::nearest;
use crate::data::{DataSize, Dataset, Images, Part, Shape};
use crate::made::evaluate::{
    Reliability, by_class, calibration, conditional_means, level_probabilities, mean,
    nll_averaged_conditionals, nll_mixture, nll_single_mask, share_at_smallest_scale,
};
use crate::made::file::{self, FileError};
use crate::made::instruction_set;
use crate::made::layout::ParamLayout;
use crate::made::masks::{MaskSet, Masks};
use crate::made::model::Made;
use crate::made::output::MOST_DEVIATIONS;
use crate::made::sample::{Drawing, Evidence, SampleError, draw, draw_one_by_one};
use crate::npy;
use crate::parallel::ThreadPool;
use crate::record::{self, Checkpoint, RunOutput, RunStatus, Summary, Timing, host, utc};
use crate::rng::Seed;
use crate::train::EpochLosses;
use crate::train::checkpoint::CheckpointError;
use crate::train::reference::{Comparison, Precision, ReferenceTrainer, compare};
use crate::train::trainer::{Divergence, Event, TrainingLoop, trained_bits};
use crate::trainer::{Control, Execution, RunKey};

/// Minimum ratio of the time between two checkpoints to the time that one takes.
const SPARSE: u32 = 100;

/// Number of test images that are reconstructed and completed.
const COMPLETED: usize = 20;

/// Maximum number of test images on which predicted probabilities are compared with frequencies.
const CALIBRATED: usize = 1_000;

/// Maximum size of the masks that a run saves [bytes]: several thousand masks of a model of the
/// paper's size.
const MASKS_KEPT: u64 = 64 << 20;

/// NLL of a row with a number as far from its mean as counts, but for rounding and for its other
/// numbers.
const NLL_AT_BOUND: f64 = 0.4999 * (MOST_DEVIATIONS as f64) * (MOST_DEVIATIONS as f64);

/// Reason why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The tensor library refused an operation.
    #[error("tensor library: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The samples cannot be drawn.
    #[error("sampling: {0}")]
    Sample(#[from] SampleError),
    /// The model cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The masks cannot be written.
    #[error("masks: {0}")]
    Masks(#[from] std::io::Error),
    /// A model is to be told classes that the data do not have.
    #[error("model.classes: {0}")]
    Classes(String),
    /// A checkpoint cannot be made.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// A run of MADE: everything that decides its values except the data.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeRun {
    /// Id of the run, as text.
    pub id: String,
    /// Every setting.
    pub config: RunConfig,
    /// Seed.
    pub seed: Seed,
}

impl MadeRun {
    /// Converts the harness's key of a run.
    pub fn of(key: &RunKey) -> Self {
        Self {
            id: key.id.to_owned(),
            config: run_config(key.config).clone(),
            seed: key.seed,
        }
    }
}

/// Masks of a run, and its model before training; the model is told one of `classes` classes.
pub fn prepare(spec: &MadeRun, shape: Shape, classes: usize) -> Result<(Masks, Made), RunError> {
    let masks = Masks::new(&spec.config.model, shape, spec.config.evaluate.fresh_masks, spec.seed);
    let variables = shape.with_levels(spec.config.data.levels.get()).with_classes(classes);
    let made = Made::new(&spec.config.model, variables, &masks, spec.seed)?;
    Ok((masks, made))
}

/// Number of classes that the model of a run is told.
fn classes_told(spec: &MadeRun, data: &Dataset) -> usize {
    if spec.config.model.classes { data.size().classes } else { 0 }
}

/// Class of each of `count` images that are drawn without a wish: every class in turn, so that any
/// number of first ones has them all.
pub fn classes_in_turn(made: &Made, count: usize) -> Option<Vec<u16>> {
    let classes = made.network().layout.classes;
    (classes > 0).then(|| (0..count).map(|i| (i % classes) as u16).collect())
}

/// Loads the trained model of a run from its file.
pub fn load_model(spec: &MadeRun, shape: Shape, model: &[u8]) -> Result<(Masks, Made), RunError> {
    let variables = shape.with_levels(spec.config.data.levels.get());
    let classes = match spec.config.model.classes {
        true => file::n_classes(model, &ParamLayout::new(&spec.config.model, variables))?,
        false => 0,
    };
    let size = DataSize { shape, train: 0, valid: 0, test: 0, classes };
    let parameters = MadeCost::new(&spec.config, size).parameters;
    // Checked before allocating memory for what a foreign configuration asks for.
    if parameters.saturating_mul(4) > model.len() as u64 {
        return Err(FileError::Short { bytes: model.len(), parameters }.into());
    }
    let (masks, made) = prepare(spec, shape, classes)?;
    // With fresh masks, older versions described the first mask of training.
    let described = [masks.evaluated(0), masks.trained(0)];
    let params = file::load(model, &made.network().layout, made.first_ordering(), &described)?;
    made.update(|live| live.copy_from_slice(&params))?;
    Ok((masks, made))
}

/// True if every weight in the model file of a run is finite.
pub fn has_finite_weights(spec: &MadeRun, shape: Shape, model: &[u8]) -> Result<bool, RunError> {
    Ok(load_model(spec, shape, model)?
        .1
        .read(|params| params.iter().all(|weight| weight.is_finite())))
}

/// Executes a run with `threads` threads. Its values depend on the specification and the data
/// alone.
pub fn execute(
    spec: &MadeRun,
    data: &Dataset,
    threads: usize,
    control: Control,
) -> Result<Execution, RunError> {
    let team = ThreadPool::new(threads).with_cancel_token(control.stop.clone());
    team.install(|| {
        let Control { on_epoch, resume, save, checkpoint_every, .. } = control;
        if let Some(why) = data.lacks_classes().filter(|_| spec.config.model.classes) {
            return Err(RunError::Classes(why));
        }
        let (masks, made) = prepare(spec, data.shape, classes_told(spec, data))?;
        let mut trainer =
            TrainingLoop::new(&made, &masks, data, &spec.config.train, spec.seed, &team);
        let clock = RunClock::start(resume.as_ref());
        if let Some(checkpoint) = resume {
            // A checkpoint only saves time: if it is unusable, the run starts again and gives the
            // same values.
            if trainer.restore(&checkpoint.state).is_ok() {
                trainer.epochs().iter().for_each(|row| on_epoch(&row_of(row)));
            }
        }
        let mut save = |trainer: &TrainingLoop| {
            save(clock.checkpoint(trainer)?);
            Ok::<_, RunError>(())
        };
        let Some((end, speed)) =
            train(&mut trainer, data, &team, on_epoch, &mut save, checkpoint_every)?
        else {
            return Ok(Execution::Interrupted);
        };
        let epochs = trainer.epochs().to_vec();
        let best = trainer.best().map_or(0, |best| best.epoch);
        let (summary, files) = if let Event::Diverged(why) = end {
            (diverged(why, data, &masks, &made, &epochs, best), Vec::new())
        } else {
            let finished = finished(spec, data, &team, &masks, &made, &epochs, best)?;
            if team.is_cancelled() {
                save(&trainer)?;
                return Ok(Execution::Interrupted);
            }
            finished
        };
        let timing = Timing {
            seconds: clock.seconds(),
            started_utc: clock.started_utc,
            images_per_second: speed,
            threads,
            host: host(),
        };
        let epochs = epochs.iter().map(row_of).collect();
        Ok(Execution::Done(Box::new(RunOutput {
            summary,
            epochs,
            timing,
            files,
            taken: Vec::new(),
        })))
    })
}

/// Checkpoint of a run at the end of its training, from the epochs, the model file and the timing of
/// a finished run that trained alike; `None` if they are not those of a whole training of this run.
pub fn end_of_training(
    spec: &MadeRun,
    data: &Dataset,
    epochs: Vec<EpochLosses>,
    best_epoch: usize,
    model: &[u8],
    timing: &Timing,
) -> Result<Option<Checkpoint>, RunError> {
    let (masks, made) = load_model(spec, data.shape, model)?;
    let pool = ThreadPool::new(1);
    let mut trainer = TrainingLoop::new(&made, &masks, data, &spec.config.train, spec.seed, &pool);
    if !trainer.end_with(epochs, best_epoch) {
        return Ok(None);
    }
    let clock = RunClock {
        started_utc: timing.started_utc.clone(),
        before: timing.seconds,
        now: Instant::now(),
    };
    Ok(Some(clock.checkpoint(&trainer)?))
}

/// Repeats a finished run with candle's own operations and compares the result with its epochs and
/// its model file.
pub fn compare_with_reference(
    spec: &MadeRun,
    data: &Dataset,
    epochs: &[EpochLosses],
    best_epoch: usize,
    model: &[u8],
) -> Result<Comparison, RunError> {
    let (masks, made) = prepare(spec, data.shape, classes_told(spec, data))?;
    let (_, trained) = load_model(spec, data.shape, model)?;
    let trainer = |precision| {
        ReferenceTrainer::new(&made, &masks, data, &spec.config.train, spec.seed, precision)
    };
    Ok(compare(
        trainer(Precision::Single)?,
        trainer(Precision::Double)?,
        epochs,
        best_epoch,
        &trained,
    )?)
}

/// Predicts the time of [`compare_with_reference`] for a run of this many epochs [s], from a trial
/// minibatch.
pub fn reference_seconds(spec: &MadeRun, data: &Dataset, epochs: usize) -> Result<f64, RunError> {
    let (masks, made) = prepare(spec, data.shape, classes_told(spec, data))?;
    let train = &spec.config.train;
    let batch: Vec<u32> = (0..train.batch.min(data.train.count()) as u32).collect();
    let mut seconds = 0.0;
    for precision in [Precision::Single, Precision::Double] {
        let mut trainer = ReferenceTrainer::new(&made, &masks, data, train, spec.seed, precision)?;
        // The first one warms up.
        trainer.step(&batch)?;
        let before = Instant::now();
        trainer.step(&batch)?;
        seconds += before.elapsed().as_secs_f64();
    }
    // Scoring an image costs a third of training on it.
    let images = data.train.count() as f64 + (data.valid.count() + data.test.count()) as f64 / 3.0;
    Ok(seconds * images / batch.len() as f64 * epochs as f64)
}

/// Start of a run, and the time that it has taken over all its starts.
struct RunClock {
    started_utc: String,
    before: f64,
    now: Instant,
}

impl RunClock {
    fn start(resume: Option<&Checkpoint>) -> Self {
        let today = || utc(jiff::Timestamp::now());
        Self {
            started_utc: resume.map_or_else(today, |checkpoint| checkpoint.started_utc.clone()),
            before: resume.map_or(0.0, |checkpoint| checkpoint.seconds),
            now: Instant::now(),
        }
    }

    fn seconds(&self) -> f64 {
        self.before + self.now.elapsed().as_secs_f64()
    }

    fn checkpoint(&self, trainer: &TrainingLoop) -> Result<Checkpoint, CheckpointError> {
        Ok(Checkpoint {
            state: trainer.checkpoint()?,
            epoch: trainer.epochs().len(),
            step: trainer.steps(),
            seconds: self.seconds(),
            started_utc: self.started_utc.clone(),
        })
    }
}

/// Trains until the end, and returns the throughput of training steps [images/s], NaN without any;
/// `None` when stopped.
fn train(
    trainer: &mut TrainingLoop,
    data: &Dataset,
    team: &ThreadPool,
    on_epoch: &mut (dyn FnMut(&record::EpochRow) + Send),
    save: &mut dyn FnMut(&TrainingLoop) -> Result<(), RunError>,
    checkpoint_every: Duration,
) -> Result<Option<(Event, f64)>, RunError> {
    let (mut steps, mut in_steps) = (0usize, Duration::ZERO);
    let (mut saved, mut every) = (Instant::now(), checkpoint_every);
    loop {
        let before = Instant::now();
        match trainer.advance()? {
            Event::Batch => {
                steps += 1;
                in_steps += before.elapsed();
            }
            Event::Epoch(row) => on_epoch(&row_of(&row)),
            Event::Stopped => {}
            end => {
                let images = (steps * trainer.batch().min(data.train.count())) as f64;
                // Nothing was measured if the run resumed at the end of its training.
                let speed =
                    if steps == 0 { f64::NAN } else { images / in_steps.as_secs_f64().max(1e-9) };
                return Ok(Some((end, speed)));
            }
        }
        let stop = team.is_cancelled();
        if stop || saved.elapsed() >= every {
            let before = Instant::now();
            save(trainer)?;
            saved = Instant::now();
            every = checkpoint_every.max(SPARSE * (saved - before));
        }
        if stop {
            return Ok(None);
        }
    }
}

/// Converts an epoch to the harness's form: the curves of [`super::metrics`].
fn row_of(row: &EpochLosses) -> record::EpochRow {
    record::EpochRow {
        epoch: row.epoch,
        values: vec![row.train_nll_nats, row.valid_nll_nats, row.test_nll_nats],
    }
}

/// Converts an epoch from the harness's form; `None` if it has other curves.
pub fn epoch_of(row: &record::EpochRow) -> Option<EpochLosses> {
    let [train_nll_nats, valid_nll_nats, test_nll_nats] = row.values[..] else {
        return None;
    };
    Some(EpochLosses {
        epoch: row.epoch,
        train_nll_nats,
        valid_nll_nats,
        test_nll_nats,
    })
}

fn summary(epochs: &[EpochLosses], best_epoch: usize, facts: &MadeFacts) -> Summary {
    Summary {
        status: RunStatus::Finished,
        error: None,
        epochs: epochs.len(),
        best_epoch,
        facts: facts.facts(),
    }
}

/// Facts of a run, without its scores.
fn unscored(data: &Dataset, masks: &Masks, made: &Made) -> MadeFacts {
    MadeFacts {
        parameters: made.network().layout.len as u64,
        connected_parameters: connected(masks, made),
        train_nll_nats: None,
        valid_nll_nats: None,
        test_nll_nats: None,
        test_nll_mixture_nats: None,
        mixture_masks: masks.evaluated_count(),
        test_nll_averaged_nats: None,
        test_nll_without_class_nats: None,
        test_accuracy: None,
        test_nll_own_units_nats: None,
        share_at_smallest_scale: None,
        test_rows_beyond_bound: None,
        classes: Some(made.network().layout.classes).filter(|&classes| classes > 0),
        dim: made.network().layout.dim,
        binarization: Some(data.binarization),
        kernel: instruction_set().into(),
    }
}

/// Number of parameters that some evaluated mask leaves open.
fn connected(masks: &Masks, made: &Made) -> u64 {
    let mut open = vec![false; made.network().layout.len];
    for k in 0..masks.evaluated_count() {
        let by_this = made.open_parameters(&masks.evaluated(k));
        open.iter_mut().zip(by_this).for_each(|(open, by_this)| *open |= by_this);
    }
    open.iter().filter(|&&open| open).count() as u64
}

/// Output of a run that diverged: its epochs, but no final values, because there is no model to
/// score.
fn diverged(
    why: Divergence,
    data: &Dataset,
    masks: &Masks,
    made: &Made,
    epochs: &[EpochLosses],
    best_epoch: usize,
) -> Summary {
    let last = match epochs.last() {
        Some(row) => format!(
            "; epoch {} ended with validation NLL {:.2} nats",
            row.epoch, row.valid_nll_nats
        ),
        None => String::new(),
    };
    let error = format!("{why} in epoch {}{last}", epochs.len() + 1);
    Summary {
        status: RunStatus::Diverged,
        error: Some(error),
        ..summary(epochs, best_epoch, &unscored(data, masks, made))
    }
}

type Files = Vec<(String, Vec<u8>)>;

fn finished(
    spec: &MadeRun,
    data: &Dataset,
    team: &ThreadPool,
    masks: &Masks,
    made: &Made,
    epochs: &[EpochLosses],
    best_epoch: usize,
) -> Result<(Summary, Files), RunError> {
    let first = masks.evaluated(0);
    let score = |images: &Images| mean(&nll_single_mask(made, team, &first, images));
    let test: Vec<Vec<f64>> = (0..masks.evaluated_count())
        .map(|k| nll_single_mask(made, team, &masks.evaluated(k), &data.test))
        .collect();
    let sampled: Vec<MaskSet> = (0..spec.config.sample.masks).map(|k| masks.evaluated(k)).collect();
    let averaged = if sampled.len() > 1 {
        nll_averaged_conditionals(made, team, &sampled, &data.test)
    } else {
        None
    };
    let mixed = nll_mixture(&test);
    let by_class = (spec.config.model.classes)
        .then(|| by_class(made, team, &first, &data.test, &shares_of_classes(&data.train)));
    let correct = by_class.as_ref().map(|found| found.is_right(&data.test));
    let units = TableUnits::of(data);
    let in_own_units = |nll: f64| Some(nll + units.as_ref()?.by.log_scale_sum());
    let facts = MadeFacts {
        train_nll_nats: score(&trained_bits(data, spec.seed, best_epoch, SCORED_TRAIN)),
        valid_nll_nats: score(&data.valid),
        test_nll_nats: mean(&test[0]),
        test_nll_mixture_nats: mean(&mixed),
        test_nll_averaged_nats: averaged.as_deref().and_then(mean),
        test_nll_without_class_nats: by_class.as_ref().and_then(|found| mean(&found.nll_without)),
        test_accuracy: correct.as_deref().and_then(mean),
        test_nll_own_units_nats: mean(&test[0]).and_then(in_own_units),
        share_at_smallest_scale: units
            .as_ref()
            .map(|_| share_at_smallest_scale(made, team, &first, &data.test)),
        test_rows_beyond_bound: units
            .as_ref()
            .map(|_| test[0].iter().filter(|nll| **nll > NLL_AT_BOUND).count())
            .filter(|&rows| rows > 0),
        ..unscored(data, masks, made)
    };
    let summary = summary(epochs, best_epoch, &facts);
    let mut files = vec![
        ("model.safetensors".to_owned(), file::save(made, &first)?),
        ("test_nll.npy".to_owned(), per_image(&test[0])),
    ];
    files.push(masks_file(spec, masks)?);
    if test.len() > 1 {
        files.push(("test_nll_mixture.npy".to_owned(), per_image(&mixed)));
    }
    if let Some(averaged) = &averaged {
        files.push(("test_nll_averaged.npy".to_owned(), per_image(averaged)));
    }
    if let Some(correct) = &correct {
        files.push(("test_correct.npy".to_owned(), per_image(correct)));
        let counts: Vec<f32> =
            counts_of_classes(&data.train).into_iter().map(|count| count as f32).collect();
        files.push(("class_counts.npy".to_owned(), npy::encode(&[counts.len()], &counts)));
    }
    files.extend(samples(spec, data, units.as_ref(), team, made, &sampled)?);
    files.extend(completions(spec, data, units.as_ref(), team, made, &first)?);
    if let Some(units) = &units {
        let prior = shares_of_classes(&data.train);
        files.extend(table::files(data, units, team, made, &first, &prior));
    }
    if data.levels > 2 {
        files.extend(calibration_file(data, team, made, &first));
        files.extend(conditionals_file(data, team, made, &first));
    }
    Ok((summary, files))
}

/// File `calibration.npy` [n_levels + 10 x 3]: for each level, then for each tenth of the predicted
/// probabilities, the sum of these, the number of pixels of that level, the number of predictions.
fn calibration_file(
    data: &Dataset,
    team: &ThreadPool,
    made: &Made,
    mask: &MaskSet,
) -> Option<(String, Vec<u8>)> {
    let found = calibration(made, team, mask, &data.test.leading(CALIBRATED))?;
    let row = |of: &Reliability| [of.predicted, of.happened, of.count].map(|value| value as f32);
    let rows: Vec<f32> = found.levels.iter().chain(&found.bins).flat_map(row).collect();
    Some(("calibration.npy".into(), npy::encode(&[rows.len() / 3, 3], &rows)))
}

/// File `conditionals.npy` [4 x (2 + n_levels)] of the first test image: one row for the most variable
/// pixel of each quarter, with its index, its level, and the probability of every level given the
/// pixels before it.
fn conditionals_file(
    data: &Dataset,
    team: &ThreadPool,
    made: &Made,
    mask: &MaskSet,
) -> Option<(String, Vec<u8>)> {
    let (image, levels) = (data.test.leading(1), data.levels);
    let probabilities = level_probabilities(made, team, mask, &image)?;
    let pixels = variable_pixels(&data.test.leading(CALIBRATED), data.shape, levels);
    let row = |&pixel: &usize| {
        let head = [pixel as f32, f32::from(image.row(0)[pixel])];
        head.into_iter()
            .chain(probabilities[pixel * levels..][..levels].iter().copied())
    };
    let rows: Vec<f32> = pixels.iter().flat_map(row).collect();
    Some(("conditionals.npy".into(), npy::encode(&[pixels.len(), 2 + levels], &rows)))
}

/// In each quarter of an image, or of a vector, the pixel at which two images differ most often.
fn variable_pixels(images: &Images, shape: Shape, levels: usize) -> Vec<usize> {
    let quarter = |pixel: usize| match shape.height {
        1 => 4 * pixel / shape.width,
        height => {
            2 * (2 * (pixel / shape.width) / height) + 2 * (pixel % shape.width) / shape.width
        }
    };
    // Whole numbers, so that every machine chooses the same.
    let equal_pairs = |pixel: usize| {
        let mut counts = vec![0u64; levels];
        (0..images.count()).for_each(|i| counts[usize::from(images.row(i)[pixel])] += 1);
        counts.into_iter().map(|count| count * count).sum::<u64>()
    };
    let of = |wanted: usize| {
        let own = (0..shape.dim()).filter(|&pixel| quarter(pixel) == wanted);
        own.min_by_key(|&pixel| equal_pairs(pixel))
    };
    (0..4).filter_map(of).collect()
}

/// Number of images of each class [n_classes].
fn counts_of_classes(images: &Images) -> Vec<usize> {
    let Some(labels) = images.labels() else { return Vec::new() };
    let mut counts = vec![0; labels.names.len()];
    labels.of.iter().for_each(|&class| counts[usize::from(class)] += 1);
    counts
}

/// Share of the images that each class has [n_classes].
pub(crate) fn shares_of_classes(images: &Images) -> Vec<f64> {
    let share = |count: usize| count as f64 / images.count() as f64;
    counts_of_classes(images).into_iter().map(share).collect()
}

/// Number of masks with which a run is scored: those of the mixture, and those that sampling
/// averages.
pub fn scored_masks(spec: &MadeRun, masks: &Masks) -> usize {
    masks.evaluated_count().max(spec.config.sample.masks)
}

/// File `masks.npz` or, if it would be too large, `masks.txt` with instructions to get it.
fn masks_file(spec: &MadeRun, masks: &Masks) -> Result<(String, Vec<u8>), RunError> {
    let count = scored_masks(spec, masks);
    let bytes = file::masks_bytes(masks, count);
    if bytes > MASKS_KEPT {
        let run = &spec.id;
        let text = format!(
            "The {count} masks of this run take {bytes} bytes, more than the {MASKS_KEPT} that a run keeps.\n\
             `ablade masks {run} --out masks.npz` writes them.\n"
        );
        return Ok(("masks.txt".into(), text.into_bytes()));
    }
    Ok((
        "masks.npz".into(),
        file::save_masks(masks, count, Cursor::new(Vec::new()))?.into_inner(),
    ))
}

/// File of the NLL of each image.
fn per_image(nll: &[f64]) -> Vec<u8> {
    npy::encode(&[nll.len()], &nll.iter().map(|&nll| nll as f32).collect::<Vec<_>>())
}

/// Files `samples.npy` and, of images, `nearest.npy`, the training image nearest to each sample.
fn samples(
    spec: &MadeRun,
    data: &Dataset,
    units: Option<&TableUnits>,
    team: &ThreadPool,
    made: &Made,
    masks: &[MaskSet],
) -> Result<Files, RunError> {
    let config = &spec.config.sample;
    if config.count == 0 {
        return Ok(Vec::new());
    }
    let classes = classes_in_turn(made, config.count);
    let drawing = Drawing {
        temperature: config.temperature,
        classes: classes.as_deref(),
        ..Drawing::new(spec.seed)
    };
    let drawn = match config.order {
        SampleOrder::Model => draw(made, team, masks, config.count, drawing)?,
        SampleOrder::Inverse => draw_one_by_one(
            made,
            team,
            &masks[0],
            &masks[0].ordering().positions(),
            config.count,
            drawing,
        ),
    };
    if let (Some(units), Some(values)) = (units, drawn.images.real_values()) {
        return Ok(vec![("samples.npy".into(), units.npy(&[config.count], values))]);
    }
    let train = data.scored(Part::Train);
    let neighbours: Vec<u8> = nearest(&drawn.images, &train, data.levels)
        .into_iter()
        .flat_map(|i| train.row(i))
        .copied()
        .collect();
    let shape = [config.count, data.shape.dim()];
    Ok(vec![
        ("samples.npy".into(), npy::encode(&shape, drawn.images.pixels())),
        ("nearest.npy".into(), npy::encode(&shape, &neighbours)),
    ])
}

/// Files on the first test images: `reconstruction.npy`, the mean of each pixel given the true ones
/// before it, and `completion.npy`, images completed from the first half of the ordering.
fn completions(
    spec: &MadeRun,
    data: &Dataset,
    units: Option<&TableUnits>,
    team: &ThreadPool,
    made: &Made,
    mask: &MaskSet,
) -> Result<Files, RunError> {
    let images = data.test.leading(COMPLETED);
    let (count, dim) = (images.count(), images.dim());
    let mut given = vec![false; dim];
    mask.ordering().pixels()[..dim / 2]
        .iter()
        .for_each(|&pixel| given[pixel as usize] = true);
    let evidence = Evidence { images: &images, given: &given };
    let drawing = Drawing {
        evidence: Some(evidence),
        classes: images.labels().map(|labels| &*labels.of),
        ..Drawing::new(spec.seed)
    };
    let completed = draw(made, team, std::slice::from_ref(mask), count, drawing)?;
    let reconstructed = conditional_means(made, team, mask, &images);
    let (completed, reconstructed) = match (units, completed.images.real_values()) {
        (Some(units), Some(values)) => {
            (units.npy(&[count], values), units.npy(&[count], &reconstructed))
        }
        _ => (
            npy::encode(&[count, dim], completed.images.pixels()),
            npy::encode(&[count, dim], &reconstructed),
        ),
    };
    Ok(vec![
        ("completion.npy".into(), completed),
        ("reconstruction.npy".into(), reconstructed),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::MaskCount;

    #[test]
    fn the_most_variable_pixel_of_each_quarter_is_chosen() {
        let shape = Shape { width: 4, height: 4 };
        // Level of pixel p in image i: constant but for four pixels, one a quarter.
        let chosen = [5, 3, 12, 14];
        let level =
            |i: usize, p: usize| if chosen.contains(&p) { (i % 4) as u8 } else { (i % 2) as u8 };
        let pixels: Vec<u8> = (0..8).flat_map(|i| (0..16).map(move |p| level(i, p))).collect();
        let images = Images::new(pixels, 16);
        assert_eq!(variable_pixels(&images, shape, 4), chosen);
        let vector = Shape { width: 16, height: 1 };
        assert_eq!(variable_pixels(&images, vector, 4), [3, 5, 8, 12]);
        let short = Images::new(vec![0, 1, 1, 0], 2);
        assert_eq!(variable_pixels(&short, Shape { width: 2, height: 1 }, 2), [0, 1]);
    }

    #[test]
    fn masks_beyond_the_limit_are_left_to_the_command() {
        let file = |count: usize| {
            let mut config = RunConfig::default();
            config.model.masks = MaskCount::Cycle(count);
            let masks = Masks::new(&config.model, Shape { width: 28, height: 28 }, 1, Seed(1));
            let spec = MadeRun { id: "r0".into(), config, seed: Seed(1) };
            (spec.id.clone(), masks_file(&spec, &masks).unwrap())
        };
        // Two bytes for each of 784 pixels and 500 units: 26,132 masks fit.
        let (_, (name, bytes)) = file(20);
        assert!(
            name == "masks.npz" && (51_360..52_400).contains(&bytes.len()),
            "{name}: {} bytes",
            bytes.len()
        );
        let (run, (name, text)) = file(26_133);
        let text = String::from_utf8(text).unwrap();
        assert!(
            name == "masks.txt" && text.contains(&format!("`ablade masks {run} --out masks.npz`")),
            "{name}: {text}"
        );
    }
}
