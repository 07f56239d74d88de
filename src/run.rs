//! A run: the one place where data, model and training meet. A specification and a data set in, numbers and files out.

use std::time::{Duration, Instant};

use crate::config::SampleOrder;
use crate::data::nearest::nearest;
use crate::data::{Dataset, Images, Shape};
use crate::made::evaluate::{averaged, conditionals, mean, mixture, single};
use crate::made::file::{self, FileError};
use crate::made::kernels::instruction_set;
use crate::made::kernels::team::{Stop, Team};
use crate::made::masks::{MaskSet, Masks};
use crate::made::model::Made;
use crate::made::sample::{Drawing, SampleError, UNKNOWN, draw, draw_one_by_one};
use crate::made::sorted::scatter;
use crate::npy;
use crate::plan::RunSpec;
use crate::record::{Checkpoint, EpochRow, RunOutput, RunStatus, Summary, Timing, host, utc};
use crate::train::checkpoint::CheckpointError;
use crate::train::trainer::{Event, Trainer};

/// Time between two checkpoints over the time that one takes.
const SPARSE: u32 = 100;

/// Training images scored at the end of a run.
const TRAIN_SCORED: usize = 10_000;

/// Test images that are reconstructed and completed.
const COMPLETED: usize = 20;

/// Why a run failed.
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
    /// A checkpoint cannot be made.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What drives a run from outside.
pub struct Control<'a> {
    /// Asks the run to stop: between two minibatches, or in the middle of scoring and drawing.
    pub stop: Stop,
    /// Told of every epoch.
    pub on_epoch: &'a mut (dyn FnMut(&EpochRow) + Send),
    /// A checkpoint to go on from; one that does not fit is passed over and the run starts anew.
    pub resume: Option<Checkpoint>,
    /// Given a checkpoint whenever `checkpoint_every` has passed, and when stopped.
    pub save: &'a mut (dyn FnMut(Checkpoint) + Send),
    /// Time between two checkpoints, at least: where one takes long they are further apart, so that they never take more
    /// than a hundredth of the run.
    pub checkpoint_every: Duration,
}

/// How a run came out.
#[derive(Debug)]
pub enum Outcome {
    /// It has numbers: finished, or diverged.
    Done(Box<RunOutput>),
    /// It was interrupted, and saved a checkpoint.
    Interrupted,
}

/// The masks of a run, and its model before training.
pub fn prepare(spec: &RunSpec, shape: Shape) -> Result<(Masks, Made), RunError> {
    let masks = Masks::new(&spec.config.model, shape, spec.config.evaluate.fresh_masks, spec.seed);
    let made = Made::new(&spec.config.model, shape, &masks, spec.seed)?;
    Ok((masks, made))
}

/// The trained model of a run from its file.
pub fn load_model(spec: &RunSpec, shape: Shape, model: &[u8]) -> Result<(Masks, Made), RunError> {
    let (masks, made) = prepare(spec, shape)?;
    let params = file::load(model, &made.network().layout, &masks.trained(0))?;
    made.update(|live| live.copy_from_slice(&params))?;
    Ok((masks, made))
}

/// Does a run with `threads` threads of its own. Its numbers depend on the specification and the data alone.
pub fn execute(spec: &RunSpec, data: &Dataset, threads: usize, control: Control) -> Result<Outcome, RunError> {
    let team = Team::new(threads).until(control.stop.clone());
    team.run(|| {
        let Control { on_epoch, resume, save, checkpoint_every, .. } = control;
        let (masks, made) = prepare(spec, data.shape)?;
        let mut trainer = Trainer::new(&made, &masks, data, &spec.config.train, spec.seed, &team);
        let clock = RunClock::start(resume.as_ref());
        if let Some(checkpoint) = resume {
            // A checkpoint only saves time: whatever is wrong with it, the run gives the same numbers from its start.
            if trainer.restore(&checkpoint.state).is_ok() {
                trainer.epochs().iter().for_each(|row| on_epoch(row));
            }
        }
        let mut save = |trainer: &Trainer| {
            save(clock.checkpoint(trainer)?);
            Ok::<_, RunError>(())
        };
        let Some((end, speed)) = train(&mut trainer, data, &team, on_epoch, &mut save, checkpoint_every)? else {
            return Ok(Outcome::Interrupted);
        };
        let epochs = trainer.epochs().to_vec();
        let best = trainer.best().map_or(0, |best| best.epoch);
        let (summary, files) = if end == Event::Diverged {
            (diverged(data, &masks, &made, &epochs, best), Vec::new())
        } else {
            let finished = finished(spec, data, &team, &masks, &made, &epochs, best)?;
            if team.stopped() {
                save(&trainer)?;
                return Ok(Outcome::Interrupted);
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
        Ok(Outcome::Done(Box::new(RunOutput { summary, epochs, timing, files })))
    })
}

/// When a run began and how long it has taken, over all its starts.
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

    fn checkpoint(&self, trainer: &Trainer) -> Result<Checkpoint, CheckpointError> {
        Ok(Checkpoint {
            state: trainer.checkpoint()?,
            epoch: trainer.epochs().len(),
            step: trainer.steps(),
            seconds: self.seconds(),
            started_utc: self.started_utc.clone(),
        })
    }
}

/// Trains to an end, and tells how many images a second went through training steps; `None` when stopped.
fn train(
    trainer: &mut Trainer,
    data: &Dataset,
    team: &Team,
    on_epoch: &mut (dyn FnMut(&EpochRow) + Send),
    save: &mut dyn FnMut(&Trainer) -> Result<(), RunError>,
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
            Event::Epoch(row) => on_epoch(&row),
            Event::Stopped => {}
            end => {
                let images = (steps * trainer.batch().min(data.train.count())) as f64;
                return Ok(Some((end, images / in_steps.as_secs_f64().max(1e-9))));
            }
        }
        let stop = team.stopped();
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

fn summary(data: &Dataset, masks: &Masks, made: &Made, epochs: &[EpochRow], best_epoch: usize) -> Summary {
    Summary {
        status: RunStatus::Finished,
        error: None,
        epochs: epochs.len(),
        best_epoch,
        parameters: made.network().layout.len as u64,
        connected_parameters: connected(masks, made),
        train_nll_nats: None,
        valid_nll_nats: None,
        test_nll_nats: None,
        test_nll_mixture_nats: None,
        mixture_masks: masks.evaluated_count(),
        test_nll_averaged_nats: None,
        dim: made.network().layout.dim,
        binarization: Some(data.binarization),
        kernel: instruction_set().into(),
    }
}

/// Parameters that some evaluated mask lets through.
fn connected(masks: &Masks, made: &Made) -> u64 {
    let layout = &made.network().layout;
    let ones = vec![1.0; layout.len];
    let (mut open, mut one) = (vec![0.0; layout.len], vec![0.0; layout.len]);
    for k in 0..masks.evaluated_count() {
        scatter(layout, &made.staircase(&masks.evaluated(k)), &ones, &mut one);
        open.iter_mut().zip(&one).for_each(|(open, &one)| *open += one);
    }
    open.iter().filter(|&&open| open > 0.0).count() as u64
}

/// A run that diverged has its epochs and no final numbers: what it would be compared by does not exist.
fn diverged(data: &Dataset, masks: &Masks, made: &Made, epochs: &[EpochRow], best_epoch: usize) -> Summary {
    let last = match epochs.last() {
        Some(row) => format!("; epoch {} ended with validation NLL {:.2} nats", row.epoch, row.valid_nll_nats),
        None => String::new(),
    };
    let error = format!("the loss stopped being finite in epoch {}{last}", epochs.len() + 1);
    Summary { status: RunStatus::Diverged, error: Some(error), ..summary(data, masks, made, epochs, best_epoch) }
}

type Files = Vec<(String, Vec<u8>)>;

fn finished(
    spec: &RunSpec,
    data: &Dataset,
    team: &Team,
    masks: &Masks,
    made: &Made,
    epochs: &[EpochRow],
    best_epoch: usize,
) -> Result<(Summary, Files), RunError> {
    let first = masks.evaluated(0);
    let score = |images: &Images| mean(&single(made, team, &first, images));
    let test: Vec<Vec<f64>> =
        (0..masks.evaluated_count()).map(|k| single(made, team, &masks.evaluated(k), &data.test)).collect();
    let sampled: Vec<MaskSet> = (0..spec.config.sample.masks).map(|k| masks.evaluated(k)).collect();
    let averaged = if sampled.len() > 1 { averaged(made, team, &sampled, &data.test) } else { None };
    let mixed = mixture(&test);
    let summary = Summary {
        train_nll_nats: score(&leading(&data.train, TRAIN_SCORED, data.dynamic())),
        valid_nll_nats: score(&data.valid),
        test_nll_nats: mean(&test[0]),
        test_nll_mixture_nats: mean(&mixed),
        test_nll_averaged_nats: averaged.as_deref().and_then(mean),
        ..summary(data, masks, made, epochs, best_epoch)
    };
    let mut files = vec![
        ("model.safetensors".to_owned(), file::save(made, &masks.trained(0))?),
        ("test_nll.npy".to_owned(), per_image(&test[0])),
    ];
    if test.len() > 1 {
        files.push(("test_nll_mixture.npy".to_owned(), per_image(&mixed)));
    }
    if let Some(averaged) = &averaged {
        files.push(("test_nll_averaged.npy".to_owned(), per_image(averaged)));
    }
    files.extend(samples(spec, data, team, made, &sampled)?);
    files.extend(completions(spec, data, team, made, &first)?);
    Ok((summary, files))
}

/// NLL image by image as a file.
fn per_image(nll: &[f64]) -> Vec<u8> {
    npy::encode(&[nll.len()], &nll.iter().map(|&nll| nll as f32).collect::<Vec<_>>())
}

/// The leading images of a set; grey ones cut at half.
fn leading(images: &Images, count: usize, grey: bool) -> Images {
    let pixels = &images.pixels()[..images.dim() * count.min(images.count())];
    if grey {
        Images::new(pixels.iter().map(|&p| u8::from(p > 127)).collect::<Vec<_>>(), images.dim())
    } else {
        Images::new(pixels, images.dim())
    }
}

/// `samples.npy` and, image by image, the training images nearest to them, `nearest.npy`.
fn samples(spec: &RunSpec, data: &Dataset, team: &Team, made: &Made, masks: &[MaskSet]) -> Result<Files, RunError> {
    let config = &spec.config.sample;
    if config.count == 0 {
        return Ok(Vec::new());
    }
    let drawing = Drawing { seed: spec.seed, temperature: config.temperature, evidence: None };
    let drawn = match config.order {
        SampleOrder::Model => draw(made, team, masks, config.count, drawing)?,
        SampleOrder::Inverse => {
            draw_one_by_one(made, team, &masks[0], &masks[0].ordering().positions(), config.count, drawing)
        }
    };
    let threshold = if data.dynamic() { 127 } else { 0 };
    let neighbours: Vec<u8> = nearest(&drawn.images, &data.train, threshold)
        .into_iter()
        .flat_map(|i| data.train.row(i).iter().map(|&p| u8::from(p > threshold)))
        .collect();
    let shape = [config.count, data.shape.dim()];
    Ok(vec![
        ("samples.npy".into(), npy::encode(&shape, drawn.images.pixels())),
        ("nearest.npy".into(), npy::encode(&shape, &neighbours)),
    ])
}

/// Of the first test images: the conditional probabilities given their own pixels, `reconstruction.npy`, and images drawn
/// on from the first half of the ordering, `completion.npy`.
fn completions(spec: &RunSpec, data: &Dataset, team: &Team, made: &Made, mask: &MaskSet) -> Result<Files, RunError> {
    let images = leading(&data.test, COMPLETED, false);
    let (count, dim) = (images.count(), images.dim());
    let mut evidence = images.pixels().to_vec();
    for row in evidence.chunks_exact_mut(dim) {
        mask.ordering().pixels()[dim / 2..].iter().for_each(|&pixel| row[pixel as usize] = UNKNOWN);
    }
    let evidence = Images::new(evidence, dim);
    let drawing = Drawing { seed: spec.seed, temperature: 1.0, evidence: Some(&evidence) };
    let completed = draw(made, team, std::slice::from_ref(mask), count, drawing)?;
    let reconstructed = conditionals(made, team, mask, &images);
    Ok(vec![
        ("completion.npy".into(), npy::encode(&[count, dim], completed.images.pixels())),
        ("reconstruction.npy".into(), npy::encode(&[count, dim], &reconstructed)),
    ])
}
