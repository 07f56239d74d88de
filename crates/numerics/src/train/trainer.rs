//! A training in progress, one minibatch at a time.
//!
//! The caller decides between two minibatches whether to continue, to save a checkpoint or to stop;
//! nothing here reads a clock or a file. All randomness is derived from indices (epoch, image, mask
//! change), so that the state to save is small and resuming is exact.

use std::collections::BTreeMap;

use crate::data::{Dataset, Example, Images, Row};
use crate::made::evaluate::{Scorer, mean};
use crate::made::masks::Masks;
use crate::made::model::Made;
use crate::made::sorted_masks::SortedMasks;
use crate::parallel::ThreadPool;
use crate::rng::{Purpose, Seed};
use crate::train::step::Stepper;
use crate::train::{EpochLosses, TrainConfig};

/// Maximum number of cached mask sets.
const KEPT: usize = 64;

/// The best parameters so far, by validation.
#[derive(Debug, Clone, PartialEq)]
pub struct BestEpoch {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Validation NLL, nats per image.
    pub valid_nll_nats: f64,
    /// Parameters in model space.
    pub params: Vec<f32>,
}

/// Multiple of D ln 2 (the NLL of fair coins) above which a validation NLL counts as divergence. It
/// corresponds to wrong predictions at odds of e^693 for every pixel: no training that works passes
/// through it.
const ABSURD: f64 = 1000.0;

/// True if a validation NLL after an epoch counts as divergence, with images of `dim` pixels.
pub fn is_absurd(valid_nll_nats: f64, dim: usize) -> bool {
    valid_nll_nats > ABSURD * std::f64::consts::LN_2 * dim as f64
}

/// Reason why a training counts as diverged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divergence {
    /// The loss of a minibatch, or the NLL after an epoch, is infinite or not a number.
    Loss,
    /// A weight is infinite or not a number. The loss need not show it: the maximum with zero hides
    /// a NaN.
    Weights,
    /// The validation NLL after an epoch is this large, nats.
    Nll(f64),
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Loss => write!(f, "the loss stopped being finite"),
            Self::Weights => write!(f, "a weight stopped being finite"),
            Self::Nll(nll) => {
                write!(f, "validation NLL rose to {nll:.1e} nats, above {ABSURD} D ln 2,")
            }
        }
    }
}

/// Result of one call of [`TrainingLoop::advance`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A minibatch was trained on.
    Batch,
    /// An epoch ended.
    Epoch(EpochLosses),
    /// The pool was cancelled while the epoch was scored: the next call scores it again.
    Stopped,
    /// Training is over; the model holds its best parameters.
    Finished,
    /// Training diverged; the model holds its best parameters, if any epoch ended well.
    Diverged(Divergence),
}

/// A training in progress.
#[derive(Debug)]
pub struct TrainingLoop<'a> {
    made: &'a Made,
    masks: &'a Masks,
    data: &'a Dataset,
    config: &'a TrainConfig,
    seed: Seed,
    pool: &'a ThreadPool,
    scorer: Option<Scorer<'a>>,
    /// Masks that training is likely to use again, by index.
    sorted_masks: BTreeMap<u64, SortedMasks>,
    order: Option<(usize, Vec<u32>)>,
    pub(super) stepper: Stepper,
    pub(super) images_seen: usize,
    pub(super) loss: f64,
    pub(super) rows: Vec<EpochLosses>,
    pub(super) best: Option<BestEpoch>,
}

impl<'a> TrainingLoop<'a> {
    /// A training at its start.
    pub fn new(
        made: &'a Made,
        masks: &'a Masks,
        data: &'a Dataset,
        config: &'a TrainConfig,
        seed: Seed,
        pool: &'a ThreadPool,
    ) -> Self {
        let batch = config.batch.min(data.train.count());
        Self {
            made,
            masks,
            data,
            config,
            seed,
            pool,
            scorer: None,
            sorted_masks: BTreeMap::new(),
            order: None,
            stepper: Stepper::new(config.optimizer, made, batch),
            images_seen: 0,
            loss: 0.0,
            rows: Vec::new(),
            best: None,
        }
    }

    /// The model in training, as it was at the end of the last epoch.
    pub fn made(&self) -> &'a Made {
        self.made
    }

    /// Goes to the end of a training with these epochs, whose best parameters are those of the model;
    /// false, and nothing changes, if a training would not have ended there.
    pub fn end_with(&mut self, epochs: Vec<EpochLosses>, best_epoch: usize) -> bool {
        let Some(best) = best_epoch.checked_sub(1).and_then(|i| epochs.get(i)) else {
            return false;
        };
        let best = BestEpoch {
            epoch: best_epoch,
            valid_nll_nats: best.valid_nll_nats,
            params: self.made.read(<[f32]>::to_vec),
        };
        let (rows, before) = (std::mem::replace(&mut self.rows, epochs), self.best.replace(best));
        if !self.is_over() {
            (self.rows, self.best) = (rows, before);
            return false;
        }
        self.stepper.steps = (self.rows.len() * self.images().div_ceil(self.batch())) as u64;
        true
    }

    /// Epochs so far.
    pub fn epochs(&self) -> &[EpochLosses] {
        &self.rows
    }

    /// The best epoch so far.
    pub fn best(&self) -> Option<&BestEpoch> {
        self.best.as_ref()
    }

    /// Images per epoch.
    pub(super) fn images(&self) -> usize {
        self.data.train.count()
    }

    /// Images per minibatch.
    pub fn batch(&self) -> usize {
        self.config.batch
    }

    /// Trains on the next minibatch, if there is one.
    pub fn advance(&mut self) -> candle_core::Result<Event> {
        if self.is_over() {
            self.keep_best()?;
            return Ok(Event::Finished);
        }
        if self.images_seen < self.data.train.count() {
            let loss = self.minibatch();
            self.loss += loss;
            if !loss.is_finite() {
                return self.diverged(Divergence::Loss);
            }
        }
        if self.images_seen < self.data.train.count() {
            return Ok(Event::Batch);
        }
        self.stepper.store(self.made)?;
        let scorer = self
            .scorer
            .get_or_insert_with(|| Scorer::new(self.made, &self.masks.evaluated(0)));
        scorer.refresh();
        let mut score = |images: &Images| mean(&scorer.nll(self.pool, images)).unwrap_or(f64::NAN);
        let row = EpochLosses {
            epoch: self.rows.len() + 1,
            train_nll_nats: self.loss / self.images_seen as f64,
            valid_nll_nats: score(&self.data.valid),
            test_nll_nats: score(&self.data.test),
        };
        if self.pool.is_cancelled() {
            return Ok(Event::Stopped);
        }
        if !row.valid_nll_nats.is_finite() || !row.test_nll_nats.is_finite() {
            return self.diverged(Divergence::Loss);
        }
        if !self.made.read(|params| params.iter().all(|weight| weight.is_finite())) {
            return self.diverged(Divergence::Weights);
        }
        if is_absurd(row.valid_nll_nats, self.data.shape.dim()) {
            return self.diverged(Divergence::Nll(row.valid_nll_nats));
        }
        self.rows.push(row);
        (self.images_seen, self.loss) = (0, 0.0);
        if self.best.as_ref().is_none_or(|best| row.valid_nll_nats < best.valid_nll_nats) {
            let mut params = self.best.take().map_or_else(Vec::new, |best| best.params);
            params.clear();
            self.made.read(|new| params.extend_from_slice(new));
            self.best =
                Some(BestEpoch { epoch: row.epoch, valid_nll_nats: row.valid_nll_nats, params });
        }
        Ok(Event::Epoch(row))
    }

    fn diverged(&self, why: Divergence) -> candle_core::Result<Event> {
        self.keep_best()?;
        Ok(Event::Diverged(why))
    }

    fn is_over(&self) -> bool {
        let stale = self.best.as_ref().map_or(0, |best| self.rows.len() - best.epoch);
        let stopped_early = self.config.patience > 0 && stale >= self.config.patience;
        self.images_seen == 0 && (self.rows.len() == self.config.epochs || stopped_early)
    }

    fn keep_best(&self) -> candle_core::Result<()> {
        match &self.best {
            Some(best) => self.made.update(|params| params.copy_from_slice(&best.params)),
            None => self.stepper.store(self.made),
        }
    }

    /// Number of minibatches trained on, over all epochs.
    pub fn steps(&self) -> u64 {
        self.stepper.steps
    }

    /// One step; returns the sum of the minibatch's losses, nats.
    fn minibatch(&mut self) -> f64 {
        let epoch = self.rows.len();
        let change = self.masks.trained_index(self.stepper.steps / self.config.remask_every as u64);
        if !self.sorted_masks.contains_key(&change) {
            if self.sorted_masks.len() == KEPT {
                self.sorted_masks.clear();
            }
            self.sorted_masks
                .insert(change, self.made.sort_masks(&self.masks.trained(change)));
        }
        if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
            self.order = Some((epoch, order_of(self.seed, epoch, self.data.train.count())));
        }
        let (masks, (_, order)) = self
            .sorted_masks
            .get(&change)
            .zip(self.order.as_ref())
            .expect("both were set just above");
        let indices =
            &order[self.images_seen..order.len().min(self.images_seen + self.config.batch)];
        let factor = self.config.schedule.factor(epoch, self.config.epochs);
        let train = &self.data.train;
        let (step, network) = (&mut self.stepper, self.made.network());
        let loss = if self.data.dynamic() {
            let drawn: Vec<u8> = indices
                .iter()
                .flat_map(|&i| binarized(train.row(i as usize), self.seed, epoch, i))
                .collect();
            let rows = drawn.chunks_exact(train.dim()).zip(indices);
            let examples = rows.map(|(pixels, &i)| Example {
                values: Row::Levels(pixels),
                ..train.example(i as usize)
            });
            step.step(network, self.pool, masks, examples, factor)
        } else {
            let examples = indices.iter().map(|&i| train.example(i as usize));
            step.step(network, self.pool, masks, examples, factor)
        };
        self.images_seen += indices.len();
        loss
    }
}

/// Indices of the training images in the order of an epoch, from 0.
pub(super) fn order_of(seed: Seed, epoch: usize, images: usize) -> Vec<u32> {
    seed.stream(Purpose::Shuffle, epoch as u64).permutation(images)
}

/// A grey image drawn as 0/1 for one epoch, from 0: on with probability grey / 255.
pub(super) fn binarized(
    grey: &[u8],
    seed: Seed,
    epoch: usize,
    image: u32,
) -> impl Iterator<Item = u8> + '_ {
    let mut stream = seed.stream(Purpose::Binarize, ((epoch as u64) << 32) | u64::from(image));
    grey.iter().map(move |&level| u8::from(stream.below(255) < u64::from(level)))
}

/// The first `count` training images as the bits that epoch `epoch` (from 1) trained on.
pub fn trained_bits(data: &Dataset, seed: Seed, epoch: usize, count: usize) -> Images {
    let images = data.train.leading(count);
    if !data.dynamic() {
        return images;
    }
    let drawn =
        (0..images.count()).flat_map(|i| binarized(images.row(i), seed, epoch - 1, i as u32));
    images.with_pixels(drawn.collect::<Vec<_>>())
}
