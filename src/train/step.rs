//! One training step: forward, backward and update in one go, nothing allocated.

use crate::made::kernels::lanes::Lane;
use crate::made::kernels::team::Team;
use crate::made::kernels::update::Target;
use crate::made::model::Made;
use crate::made::network::{Learning, Network, Workspace};
use crate::made::staircase::Staircase;
use crate::train::optimizer::Optimizer;

/// An optimiser at work: the weights, its state, and the buffers of a step.
#[derive(Debug)]
pub struct Stepper {
    optimizer: Optimizer,
    /// Steps taken.
    pub steps: u64,
    /// The weights in training, in the kernels' form.
    pub weights: Vec<Lane>,
    /// The optimiser's arrays, each as long as the weights or empty.
    pub state: [Vec<Lane>; 2],
    space: Workspace,
    /// Weights under the mask of the minibatch, in a run that cycles through masks.
    sorted: Option<Vec<Lane>>,
}

impl Stepper {
    /// A fresh optimiser for `made` and minibatches of up to `batch` images.
    pub fn new(optimizer: Optimizer, made: &Made, batch: usize) -> Self {
        let Network { layout, grid, .. } = made.network();
        let array = |wanted: bool| vec![Lane::default(); if wanted { grid.len } else { 0 }];
        let mut weights = array(true);
        made.read(|params| grid.load(layout, params, &mut weights));
        Self {
            optimizer,
            steps: 0,
            weights,
            state: [array(optimizer.states() > 0), array(optimizer.states() > 1)],
            space: Workspace::new(layout, batch),
            sorted: (!made.one_mask()).then(|| array(true)),
        }
    }

    /// Gives the weights back to the model.
    pub fn store(&self, made: &Made) -> candle_core::Result<()> {
        let Network { layout, grid, .. } = made.network();
        made.update(|params| grid.store(layout, &self.weights, params))
    }

    /// Trains on one minibatch of `batch` 0/1 images; the learning rate is multiplied by `factor`. Returns the sum of
    /// their negative log-likelihoods before the update, nats.
    pub fn step<'a>(
        &mut self,
        network: &Network,
        team: &Team,
        masks: &Staircase,
        rows: impl Iterator<Item = &'a [u8]>,
        batch: usize,
        factor: f64,
    ) -> f64 {
        self.steps += 1;
        let update = self.optimizer.at(self.steps, factor);
        let Self { weights, state: [s, u], space, sorted, .. } = self;
        let target = Target { p: weights, state: [s, u] };
        space.load(rows, masks);
        let sorted = sorted.as_mut().map(|sorted| {
            network.sort(masks, target.p, sorted);
            &**sorted
        });
        network.forward(team, sorted.unwrap_or(target.p), masks, batch, space);
        network.backward(team, Learning { target, update, sorted }, masks, batch, space)
    }
}
