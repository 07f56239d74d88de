//! One training step: forward, backward and update in one go, nothing allocated.

use crate::made::grid::Grid;
use crate::made::kernels::lanes::{Lane, flat, flat_mut};
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
            gather(&network.grid, masks, target.p, sorted);
            &**sorted
        });
        network.forward(team, sorted.unwrap_or(target.p), masks, batch, space);
        network.backward(team, Learning { target, update, sorted }, masks, batch, space)
    }
}

fn at(order: Option<&Vec<u32>>, i: usize) -> usize {
    order.map_or(i, |order| order[i] as usize)
}

/// Copies weights into sorted space; what the masks close becomes zero.
fn gather(grid: &Grid, masks: &Staircase, weights: &[Lane], sorted: &mut [Lane]) {
    for (place, stairs) in grid.masked(masks) {
        let (from, to) = (&weights[place.lanes.clone()], &mut sorted[place.lanes.clone()]);
        let stride = place.sheet.stride();
        for (k, (to, &first)) in to.chunks_exact_mut(stride).zip(&stairs.from).enumerate() {
            let from = &from[at(stairs.cols.as_ref(), k) * stride..][..stride];
            permute(flat_mut(to), flat(from), stairs.rows.as_ref(), first as usize, place.sheet.cols);
        }
    }
    for (place, stairs) in grid.biases(masks) {
        let (from, to) = (flat(&weights[place.lanes.clone()]), flat_mut(&mut sorted[place.lanes.clone()]));
        permute(to, from, stairs.rows.as_ref(), 0, place.sheet.cols);
    }
}

/// `to[i] = from[order[i]]` for i from `first` on, zero before.
fn permute(to: &mut [f32], from: &[f32], order: Option<&Vec<u32>>, first: usize, len: usize) {
    to[..first].fill(0.0);
    match order {
        None => to[first..len].copy_from_slice(&from[first..len]),
        Some(order) => to[first..len].iter_mut().zip(&order[first..]).for_each(|(to, &i)| *to = from[i as usize]),
    }
}
