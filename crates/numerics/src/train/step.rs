//! One training step: forward, backward and update in one go, in buffers that stay.

use crate::made::kernels::lanes::Lane;
use crate::made::kernels::team::Team;
use crate::made::kernels::update::Target;
use crate::made::model::Made;
use crate::made::network::{Learning, Network};
use crate::made::staircase::Staircase;
use crate::made::workspace::Workspace;
use crate::train::optimizer::Optimizer;

/// An optimiser at work: the weights, its state, and the buffers of a step.
#[derive(Debug)]
pub struct Stepper {
    optimizer: Optimizer,
    /// Steps taken.
    pub steps: u64,
    /// The weights in training, as they are kept for the kernels.
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
        let Network { layout, grid, kept, .. } = made.network();
        let array = |wanted: bool| vec![Lane::default(); if wanted { kept.len } else { 0 }];
        let mut weights = array(true);
        made.read(|params| kept.load(layout, params, &mut weights));
        Self {
            optimizer,
            steps: 0,
            weights,
            state: [array(optimizer.states() > 0), array(optimizer.states() > 1)],
            space: Workspace::learning(layout, batch),
            sorted: (!made.one_mask()).then(|| vec![Lane::default(); grid.len]),
        }
    }

    /// Gives the weights back to the model.
    pub fn store(&self, made: &Made) -> candle_core::Result<()> {
        let Network { layout, kept, .. } = made.network();
        made.update(|params| kept.store(layout, &self.weights, params))
    }

    /// Trains on one minibatch of 0/1 images; the learning rate is multiplied by `factor`. Returns
    /// the sum of their negative log-likelihoods before the update, nats.
    pub fn step<'a>(
        &mut self,
        network: &Network,
        team: &Team,
        masks: &Staircase,
        rows: impl Iterator<Item = &'a [u8]> + Clone,
        factor: f64,
    ) -> f64 {
        self.steps += 1;
        let update = self.optimizer.at(self.steps, factor);
        let Self { weights, state: [s, u], space, sorted, .. } = self;
        let target = Target { p: weights, state: [s, u] };
        space.load(rows, masks);
        let sorted = sorted.as_mut().map(|sorted| {
            network.sort(masks, target.p, sorted, space);
            &**sorted
        });
        let learning = Learning { target, update, sorted };
        network.forward(team, learning.weights(), masks, space);
        network.backward(team, learning, masks, space)
    }
}
