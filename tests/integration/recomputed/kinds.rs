//! Tiny runs of every kind: depths, activations, orderings, mask cycles, connections, optimisers,
//! schedules, binarisation.

use std::sync::Arc;

use ablade::config::RunConfig;
use ablade::data::{Binarize, Cache, Dataset, Library};
use ablade::made::degrees::DegreeRule;
use ablade::made::ordering::OrderingRule;
use ablade::made::{Activation, Init, MaskCount, Resample};
use ablade::plan::RunSpec;
use ablade::record::RunOutput;
use ablade::rng::Seed;
use ablade::train::{Optimizer, Schedule};
use ablade::trainer::{Control, Execution};
use ablade::trainers::made::run::{MadeRun, execute};

use crate::support::run_spec;

/// Number of kinds: they include every pair of depth and optimiser, and of depth and activation.
pub(crate) const KINDS: usize = 24;

/// Settings of kind `i`.
pub(crate) fn config(i: usize) -> RunConfig {
    let mut config = RunConfig::default();
    config.data.size = 7;
    (config.data.train, config.data.valid, config.data.test) = (Some(110), Some(20), Some(30));
    config.data.binarize = [Binarize::Threshold, Binarize::Stochastic, Binarize::Dynamic][i % 3];
    let model = &mut config.model;
    let hidden: [&[usize]; 4] = [&[], &[17], &[17, 12], &[12, 17, 9]];
    model.hidden = hidden[i % 4].to_vec();
    model.activation = [
        Activation::Relu,
        Activation::Softplus,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Softsign,
    ][i % 5];
    model.ordering = OrderingRule::ALL[(i + i / 9) % 9];
    model.degrees = [DegreeRule::Random, DegreeRule::Even][i / 2 % 2];
    model.masks = [MaskCount::Cycle(1), MaskCount::Cycle(3), MaskCount::Fresh, MaskCount::Cycle(4)]
        [i / 4 % 4];
    model.resample = [Resample::Both, Resample::Ordering, Resample::Connectivity][i / 3 % 3];
    model.skip = i.is_multiple_of(3) || model.hidden.is_empty();
    model.condition = i % 5 == 1 || i % 7 == 6;
    model.init = [Init::Glorot, Init::FanIn, Init::Orthogonal][i / 5 % 3];
    let share_ordering =
        model.ordering != OrderingRule::Random || model.resample == Resample::Connectivity;
    if share_ordering && model.masks != MaskCount::Cycle(1) {
        config.sample.masks = 3;
    }
    config.sample.count = 2;
    config.evaluate.fresh_masks = 5;
    config.train.optimizer = [
        Optimizer::Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        Optimizer::Sgd { lr: 0.1, momentum: 0.0 },
        Optimizer::Sgd { lr: 0.05, momentum: 0.9 },
        Optimizer::Adagrad { lr: 0.05, eps: 1e-6 },
        Optimizer::Adadelta { lr: 1.0, rho: 0.95, eps: 1e-6 },
        Optimizer::Adam { lr: 0.01, beta1: 0.5, beta2: 0.9, eps: 1e-3 },
    ][i / 4];
    config.train.schedule = [
        Schedule::Constant,
        Schedule::Steps { at: vec![0.3, 0.7], factor: 0.5 },
        Schedule::Cosine,
    ][i % 3]
        .clone();
    (config.train.batch, config.train.epochs, config.train.remask_every) = (25, 3, 1 + i % 3);
    config
}

/// The run of a configuration.
pub(crate) fn spec(config: &RunConfig) -> RunSpec {
    run_spec(config, "data", Seed(7))
}

/// The data set of a configuration.
pub(crate) fn data(config: &RunConfig) -> Arc<Dataset> {
    let cache = Cache::new(Library::from_environment(None));
    cache.get(&config.data).unwrap()
}

/// Executes a run.
pub(crate) fn trained(spec: &RunSpec, data: &Dataset) -> RunOutput {
    match execute(&MadeRun::of(&spec.key()), data, 1, Control::new(&mut |_| {}, &mut drop)).unwrap()
    {
        Execution::Done(output) => *output,
        Execution::Interrupted => unreachable!("nothing asks it to stop"),
    }
}
