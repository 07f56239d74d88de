//! Laws of training: it finds known distributions, changes nothing else, and can stop and resume.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ablade::data::{Binarization, Dataset, Images, Labels, Origin};
use ablade::made::evaluate::{mean, nll_single_mask};
use ablade::made::file;
use ablade::made::layout::ParamLayout;
use ablade::made::masks::{MaskSet, Masks};
use ablade::made::model::Made;
use ablade::made::ordering::OrderingRule;
use ablade::made::output::{Input, OutputKind};
use ablade::made::{MaskCount, ModelConfig};
use ablade::parallel::{CancelToken, ThreadPool};
use ablade::rng::{Purpose, Seed};
use ablade::train::trainer::{Divergence, Event, TrainingLoop, trained_bits};
use ablade::train::{Optimizer, TrainConfig};
use proptest::prelude::*;

use super::cases::{SEED, corner_images, shape};

pub(super) fn dataset(images: Images, width: usize, height: usize) -> Dataset {
    Dataset {
        name: "known".into(),
        shape: shape(width, height),
        train: images.clone(),
        valid: images.clone(),
        test: images,
        levels: 2,
        binarization: Binarization::NoneNeeded,
        standardisation: None,
        left_out: vec![],
        origin: Origin::default(),
    }
}

/// 64 noisy copies of two patterns on 3 x 2 pixels.
fn patterns() -> Dataset {
    let mut stream = SEED.stream(Purpose::Data, 1);
    let pixels: Vec<u8> = (0..64)
        .flat_map(|i| {
            let flip: Vec<u8> = (0..6).map(|_| u8::from(stream.uniform() < 0.1)).collect();
            (0..6u8).map(move |d| ((d + i) % 2) ^ flip[d as usize]).collect::<Vec<_>>()
        })
        .collect();
    dataset(Images::new(pixels, 6), 3, 2)
}

/// 60 images of 3 x 2 pixels of four levels, of two classes: darker and brighter ones.
fn greys_of_classes() -> Dataset {
    let mut stream = SEED.stream(Purpose::Data, 3);
    let pixels: Vec<u8> = (0..360).map(|i| (2 * (i / 6 % 2) + stream.below(2)) as u8).collect();
    let labels = Labels {
        of: (0..60).map(|i| i % 2).collect(),
        names: ["dark", "bright"].map(str::to_owned).into(),
    };
    Dataset {
        levels: 4,
        ..dataset(Images::new(pixels, 6).with_labels(labels), 3, 2)
    }
}

pub(super) struct Setup {
    pub(super) data: Dataset,
    pub(super) masks: Masks,
    pub(super) made: Made,
    pub(super) train: TrainConfig,
    pub(super) pool: ThreadPool,
}

impl Setup {
    pub(super) fn new(model: &ModelConfig, data: Dataset, train: TrainConfig) -> Self {
        let masks = Masks::new(model, data.shape, 3, SEED);
        let classes = if model.classes { data.size().classes } else { 0 };
        let variables = data.shape.with_levels(data.levels).with_classes(classes);
        let made = Made::new(model, variables, &masks, SEED).unwrap();
        Self { data, masks, made, train, pool: ThreadPool::new(1) }
    }

    pub(super) fn trainer(&self) -> TrainingLoop<'_> {
        TrainingLoop::new(&self.made, &self.masks, &self.data, &self.train, SEED, &self.pool)
    }
}

pub(super) fn finish(trainer: &mut TrainingLoop) -> Event {
    loop {
        match trainer.advance().unwrap() {
            Event::Batch | Event::Epoch(_) => {}
            end => return end,
        }
    }
}

pub(super) fn adam(lr: f64) -> Optimizer {
    Optimizer::Adam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
}

/// Trained on data of a known distribution over 5 pixels, the last the parity of two others, the
/// model reaches it to 1e-3 nats in every ordering; without hidden units, which cannot represent
/// parity, it does not.
#[test]
fn training_recovers_a_known_distribution() {
    let counts: Vec<u32> = (0..32u32)
        .map(|x| {
            let bit = |d: u32| x >> d & 1;
            let parity = bit(0) ^ bit(2) == bit(4);
            (1 + 2 * bit(0) + bit(1) * bit(3)) * if parity { 9 } else { 1 }
        })
        .collect();
    let total: u32 = counts.iter().sum();
    let pixels: Vec<u8> = (0..32u32)
        .flat_map(|x| {
            (0..counts[x as usize]).flat_map(move |_| (0..5).map(move |d| (x >> d & 1) as u8))
        })
        .collect();
    let entropy: f64 = counts
        .iter()
        .map(|&c| f64::from(c) / f64::from(total))
        .map(|p| -p * p.ln())
        .sum();
    let excess = |ordering, hidden: Vec<usize>| {
        let model = ModelConfig { hidden, ordering, skip: true, ..ModelConfig::default() };
        let train = TrainConfig {
            optimizer: adam(0.01),
            schedule: ablade::train::Schedule::Cosine,
            batch: total as usize,
            epochs: 2500,
            ..TrainConfig::default()
        };
        let setup = Setup::new(&model, dataset(Images::new(pixels.clone(), 5), 5, 1), train);
        assert_eq!(finish(&mut setup.trainer()), Event::Finished);
        mean(&nll_single_mask(
            &setup.made,
            &setup.pool,
            &setup.masks.evaluated(0),
            &setup.data.test,
        ))
        .unwrap()
            - entropy
    };
    for ordering in [
        OrderingRule::Raster,
        OrderingRule::Reverse,
        OrderingRule::Random,
        OrderingRule::Checkerboard,
    ] {
        let excess = excess(ordering, vec![60]);
        assert!((-1e-4..1e-3).contains(&excess), "{ordering:?}: {excess} nats above the entropy");
    }
    assert!(
        excess(OrderingRule::Raster, vec![]) > 0.05,
        "control: parity without hidden units"
    );
}

/// Training the biases alone converges to the pixels' own entropies.
#[test]
fn biases_alone_reach_the_bernoulli_floor() {
    let model = ModelConfig { hidden: vec![], ..ModelConfig::default() };
    let train = TrainConfig {
        optimizer: adam(0.05),
        batch: 64,
        epochs: 800,
        ..TrainConfig::default()
    };
    let setup = Setup::new(&model, patterns(), train);
    finish(&mut setup.trainer());
    let floor: f64 = (0..6)
        .map(|d| (0..64).map(|i| f64::from(setup.data.train.row(i)[d])).sum::<f64>() / 64.0)
        .map(|p| -p * p.ln() - (1.0 - p) * (1.0 - p).ln())
        .sum();
    let nll = mean(&nll_single_mask(
        &setup.made,
        &setup.pool,
        &setup.masks.evaluated(0),
        &setup.data.test,
    ))
    .unwrap();
    assert!((nll - floor).abs() < 1e-4, "{nll}, floor {floor}");
}

/// After training under every rule, probabilities still sum to one, and weights that every mask
/// closes have not changed.
#[test]
fn training_keeps_the_masks() {
    let rules = [
        adam(0.01),
        Optimizer::Sgd { lr: 0.1, momentum: 0.0 },
        Optimizer::Sgd { lr: 0.05, momentum: 0.9 },
        Optimizer::Adagrad { lr: 0.05, eps: 1e-6 },
        Optimizer::Adadelta { lr: 1.0, rho: 0.95, eps: 1e-6 },
    ];
    for masks in [MaskCount::Cycle(1), MaskCount::Cycle(2), MaskCount::Fresh] {
        for optimizer in rules {
            let model = ModelConfig {
                hidden: vec![7, 5],
                ordering: OrderingRule::Random,
                skip: true,
                masks,
                ..ModelConfig::default()
            };
            let train = TrainConfig { optimizer, batch: 10, epochs: 4, ..TrainConfig::default() };
            let setup = Setup::new(&model, patterns(), train);
            let before = setup.made.read(<[f32]>::to_vec);
            finish(&mut setup.trainer());
            let total: f64 = nll_single_mask(
                &setup.made,
                &setup.pool,
                &setup.masks.evaluated(0),
                &corner_images(6),
            )
            .iter()
            .map(|nll| (-nll).exp())
            .sum();
            assert!((total - 1.0).abs() < 1e-5, "{masks:?}, {optimizer:?}: {total}");
            if let MaskCount::Cycle(count) = masks {
                let mut open = vec![false; setup.made.network().layout.len];
                for k in 0..count {
                    let by_this = setup.made.open_parameters(&setup.masks.evaluated(k));
                    open.iter_mut().zip(by_this).for_each(|(open, by_this)| *open |= by_this);
                }
                let after = setup.made.read(<[f32]>::to_vec);
                let mut moved = 0;
                for ((open, before), after) in open.iter().zip(&before).zip(&after) {
                    assert!(*open || before == after, "{masks:?}, {optimizer:?}");
                    moved += usize::from(before != after);
                }
                assert!(moved > 20, "control: open weights move ({moved})");
            }
        }
    }
}

/// The number of threads changes no bit of a training.
#[test]
fn threads_change_no_bit_of_a_training() {
    let params = |threads, density| {
        let model = ModelConfig {
            hidden: vec![130],
            masks: MaskCount::Cycle(2),
            ..ModelConfig::default()
        };
        let mut stream = Seed(3).stream(Purpose::Data, 0);
        // They start anywhere, so that products skip different parts of each; at low and high
        // density.
        let mut pixels = vec![0; 50 * 144];
        for image in pixels.chunks_exact_mut(144) {
            let begin = stream.below(60) as usize;
            image[begin..]
                .iter_mut()
                .for_each(|x| *x = u8::from(stream.uniform() < density));
        }
        let images = Images::new(pixels, 144);
        let train = TrainConfig { batch: 20, epochs: 2, ..TrainConfig::default() };
        let mut setup = Setup::new(&model, dataset(images, 12, 12), train);
        setup.pool = ThreadPool::new(threads);
        finish(&mut setup.trainer());
        setup.made.read(<[f32]>::to_vec)
    };
    for density in [0.1, 0.8] {
        assert_eq!(params(1, density), params(2, density));
        assert_eq!(params(1, density), params(3, density));
    }
}

/// Early stopping: the best epoch on validation is saved, even if it is not the last, and the test
/// set has no influence.
#[test]
fn the_best_epoch_on_validation_is_kept() {
    let mut data = patterns();
    // A validation set on which training makes the model worse: the patterns inverted at every
    // second pixel.
    data.valid = Images::new(
        data.train
            .pixels()
            .iter()
            .enumerate()
            .map(|(i, p)| p ^ (i % 2) as u8)
            .collect::<Vec<_>>(),
        6,
    );
    let run = |data: Dataset, patience| {
        let train = TrainConfig {
            optimizer: adam(0.01),
            batch: 16,
            epochs: 30,
            patience,
            ..TrainConfig::default()
        };
        let setup =
            Setup::new(&ModelConfig { hidden: vec![9], ..ModelConfig::default() }, data, train);
        let mut trainer = setup.trainer();
        assert_eq!(finish(&mut trainer), Event::Finished);
        let best = trainer.best().unwrap().clone();
        assert_eq!(setup.made.read(<[f32]>::to_vec), best.params);
        let kept = mean(&nll_single_mask(
            &setup.made,
            &setup.pool,
            &setup.masks.evaluated(0),
            &setup.data.valid,
        ))
        .unwrap();
        assert_eq!(kept, best.valid_nll_nats);
        (trainer.epochs().to_vec(), best.epoch)
    };
    let (rows, best) = run(data.clone(), 0);
    assert_eq!(rows.len(), 30);
    assert!(best < 30);
    let least = rows.iter().map(|row| row.valid_nll_nats).fold(f64::INFINITY, f64::min);
    assert_eq!(rows[best - 1].valid_nll_nats, least);
    let (stopped, same_best) = run(data.clone(), 5);
    assert_eq!((stopped.len(), same_best), (best + 5, best));
    data.test = Images::new(data.test.pixels().iter().map(|p| 1 - p).collect::<Vec<_>>(), 6);
    assert_eq!(run(data, 0).1, best);
}

/// A loss that is not finite ends the training as diverged.
#[test]
fn divergence_is_an_end_of_its_own() {
    let train = TrainConfig {
        optimizer: Optimizer::Sgd { lr: 1e30, momentum: 0.0 },
        batch: 8,
        epochs: 5,
        ..TrainConfig::default()
    };
    let setup =
        Setup::new(&ModelConfig { hidden: vec![9], ..ModelConfig::default() }, patterns(), train);
    assert!(matches!(finish(&mut setup.trainer()), Event::Diverged(_)));
}

/// Event at the end of a training whose initial weights are changed.
fn end_of_changed(change: impl FnOnce(&ParamLayout, &mut [f32])) -> Event {
    let train = TrainConfig {
        optimizer: Optimizer::Sgd { lr: 1e-9, momentum: 0.0 },
        epochs: 2,
        ..TrainConfig::default()
    };
    let setup =
        Setup::new(&ModelConfig { hidden: vec![9], ..ModelConfig::default() }, patterns(), train);
    setup
        .made
        .update(|params| change(&setup.made.network().layout, params))
        .unwrap();
    finish(&mut setup.trainer())
}

/// A NaN weight ends the training as diverged even if a rectifier turns it into zero and every loss
/// is finite.
#[test]
fn a_weight_that_is_not_finite_is_divergence() {
    let end = end_of_changed(|layout, params| params[layout.layers[0].bias.start] = f32::NAN);
    assert_eq!(end, Event::Diverged(Divergence::Weights));
}

/// A validation NLL above a thousand times that of fair coins also ends it; below that, it is a bad
/// model.
#[test]
fn a_likelihood_beyond_sense_is_divergence() {
    let end = |size: f32| {
        end_of_changed(|layout, params| params[layout.output().bias.clone()].fill(size))
    };
    assert!(
        matches!(end(3e3), Event::Diverged(Divergence::Nll(nll)) if nll > 1000.0 * 6.0 * std::f64::consts::LN_2)
    );
    assert_eq!(end(3e2), Event::Finished);
}

/// Under dynamic binarisation, the bits on which a run's training NLL is computed are those that
/// its epoch trained on: scored with constant weights they give the loss of the epoch, and other
/// epochs' bits do not.
#[test]
fn the_bits_of_an_epoch_are_those_it_trained_on() {
    let mut stream = SEED.stream(Purpose::Data, 2);
    let mut data = patterns();
    data.train = Images::new((0..300).map(|_| stream.below(256) as u8).collect::<Vec<_>>(), 6);
    data.binarization = Binarization::Dynamic;
    let train = TrainConfig {
        optimizer: Optimizer::Sgd { lr: 1e-30, momentum: 0.0 },
        batch: 7,
        epochs: 3,
        ..TrainConfig::default()
    };
    let setup = Setup::new(&ModelConfig { hidden: vec![9], ..ModelConfig::default() }, data, train);
    setup
        .made
        .update(|params| params.iter_mut().for_each(|weight| *weight *= 3.0))
        .unwrap();
    let mut trainer = setup.trainer();
    assert_eq!(finish(&mut trainer), Event::Finished);
    let score = |epoch| {
        let bits = trained_bits(&setup.data, SEED, epoch, usize::MAX);
        mean(&nll_single_mask(&setup.made, &setup.pool, &setup.masks.evaluated(0), &bits)).unwrap()
    };
    for row in trainer.epochs() {
        assert!((score(row.epoch) - row.train_nll_nats).abs() < 1e-6, "epoch {}", row.epoch);
    }
    assert!((score(1) - score(2)).abs() > 1e-3);
}

/// If a stop is requested while an epoch is scored, the training leaves it unscored; saved in this
/// state and restored, it ends with the same bits.
#[test]
fn an_epoch_whose_scoring_was_stopped_is_scored_anew() {
    let model = ModelConfig { hidden: vec![9], ..ModelConfig::default() };
    let train = TrainConfig {
        optimizer: adam(0.01),
        batch: 15,
        epochs: 3,
        ..TrainConfig::default()
    };
    let whole = Setup::new(&model, patterns(), train.clone());
    let mut straight = whole.trainer();
    finish(&mut straight);

    let asked = Arc::new(AtomicBool::new(true));
    let mut first = Setup::new(&model, patterns(), train.clone());
    first.pool = ThreadPool::new(1).with_cancel_token(CancelToken::any_of([Arc::clone(&asked)]));
    let mut trainer = first.trainer();
    while trainer.advance().unwrap() == Event::Batch {}
    assert_eq!(trainer.advance().unwrap(), Event::Stopped);
    assert!(trainer.epochs().is_empty());
    let second = Setup::new(&model, patterns(), train);
    let mut resumed = second.trainer();
    resumed.restore(&trainer.checkpoint().unwrap()).unwrap();
    finish(&mut resumed);
    asked.store(false, Ordering::Relaxed);
    finish(&mut trainer);
    for (made, ended) in [(&second.made, &resumed), (&first.made, &trainer)] {
        assert_eq!(whole.made.read(<[f32]>::to_vec), made.read(<[f32]>::to_vec));
        assert_eq!(straight.epochs(), ended.epochs());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Stopped after any minibatch, saved, and restored into a new model, a training ends with the
    /// same bits.
    #[test]
    fn resuming_equals_never_having_stopped(
        stop in 1usize..30, rule in 0usize..3, masks in 1usize..3, patience in 0usize..3,
    ) {
        let optimizer = [adam(0.01), Optimizer::Sgd { lr: 0.1, momentum: 0.9 }, Optimizer::Adadelta { lr: 1.0, rho: 0.9, eps: 1e-6 }][rule];
        let plain = ModelConfig {
            hidden: vec![9],
            ordering: OrderingRule::Random,
            masks: MaskCount::Cycle(masks),
            ..ModelConfig::default()
        };
        let told = ModelConfig {
            output: OutputKind::Categorical,
            input: Input::OneHot,
            classes: true,
            ..plain.clone()
        };
        let train = TrainConfig { optimizer, batch: 15, epochs: 6, patience, remask_every: 2, ..TrainConfig::default() };
        let mut data = patterns();
        data.binarization = Binarization::Dynamic;
        data.train = Images::new(data.train.pixels().iter().map(|p| 50 + 150 * p).collect::<Vec<_>>(), 6);
        for (model, data) in [(plain, data), (told, greys_of_classes())] {
            let whole = Setup::new(&model, data.clone(), train.clone());
            let mut straight = whole.trainer();
            finish(&mut straight);

            let first = Setup::new(&model, data.clone(), train.clone());
            let mut trainer = first.trainer();
            for _ in 0..stop {
                trainer.advance().unwrap();
            }
            let saved = trainer.checkpoint().unwrap();
            let second = Setup::new(&model, data, train.clone());
            let mut resumed = second.trainer();
            resumed.restore(&saved).unwrap();
            prop_assert_eq!(resumed.checkpoint().unwrap(), saved);
            finish(&mut resumed);
            prop_assert_eq!(whole.made.read(<[f32]>::to_vec), second.made.read(<[f32]>::to_vec));
            prop_assert_eq!(straight.epochs(), resumed.epochs());
            prop_assert_eq!(straight.best(), resumed.best());
        }
    }

}

proptest! {
    /// No bytes make the reader of checkpoints panic, and a damaged checkpoint does not change the
    /// training.
    #[test]
    fn damaged_checkpoints_are_refused(cut in 0usize..2000, flip in 0usize..2000, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        let setup = Setup::new(&ModelConfig { hidden: vec![3], ..ModelConfig::default() }, patterns(), TrainConfig::default());
        let mut trainer = setup.trainer();
        let saved = trainer.checkpoint().unwrap();
        prop_assert!(trainer.restore(&noise).is_err());
        prop_assert!(trainer.restore(&saved[..cut.min(saved.len() - 1)]).is_err());
        let mut flipped = saved.clone();
        let at = flip % flipped.len();
        flipped[at] ^= 1;
        let _ = trainer.restore(&flipped);
    }
}

/// The file of a model restores its parameters, and with them every score, bit for bit; that of
/// another model is refused.
#[test]
fn model_files_round_trip() {
    for hidden in [vec![], vec![7], vec![7, 5]] {
        for masks in [MaskCount::Cycle(1), MaskCount::Cycle(3)] {
            let model = ModelConfig {
                hidden: hidden.clone(),
                ordering: OrderingRule::Random,
                skip: true,
                condition: true,
                masks,
                ..ModelConfig::default()
            };
            let setup =
                Setup::new(&model, patterns(), TrainConfig { epochs: 2, ..TrainConfig::default() });
            finish(&mut setup.trainer());
            let bytes = file::save(&setup.made, &setup.masks.trained(0)).unwrap();
            let (layout, first) = (&setup.made.network().layout, setup.masks.trained(0));
            let load = |layout: &ParamLayout, mask: &MaskSet| {
                file::load(&bytes, layout, setup.made.first_ordering(), std::slice::from_ref(mask))
            };
            let params = load(layout, &first).unwrap();
            assert_eq!(setup.made.read(<[f32]>::to_vec), params);
            let last = first.ordering().pixels()[5];
            let others =
                first.with_first(&std::array::from_fn::<bool, 6, _>(|pixel| pixel as u32 == last));
            assert!(matches!(load(layout, &others), Err(file::FileError::Masks)));
            let other = ModelConfig { hidden: vec![8], ..model };
            assert!(load(&ParamLayout::new(&other, 6), &first).is_err());
        }
    }
}
