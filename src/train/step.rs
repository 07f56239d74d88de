//! One training step: backward pass and update in one go, on candle's own storage, nothing allocated.

use std::ops::Range;

use crate::made::kernels::team::Team;
use crate::made::layout::Layout;
use crate::made::model::Made;
use crate::made::network::Workspace;
use crate::made::sorted::{biases, gather, matrices, scatter};
use crate::made::staircase::Staircase;
use crate::train::optimizer::{Optimizer, Update, part};

/// An optimiser at work on a model: its state, and the buffers of a step.
#[derive(Debug)]
pub struct Stepper {
    optimizer: Optimizer,
    /// Steps taken.
    pub steps: u64,
    /// The optimiser's arrays, each as long as the parameters or empty.
    pub state: [Vec<f32>; 2],
    space: Workspace,
    grad: Vec<f32>,
    weights: Vec<f32>,
    model_grad: Vec<f32>,
}

impl Stepper {
    /// A fresh optimiser for `made` and minibatches of up to `batch` images.
    pub fn new(optimizer: Optimizer, made: &Made, batch: usize) -> Self {
        let layout = &made.network().layout;
        let array = |wanted: bool| vec![0.0; if wanted { layout.len } else { 0 }];
        Self {
            optimizer,
            steps: 0,
            state: [array(optimizer.states() > 0), array(optimizer.states() > 1)],
            space: Workspace::new(layout, batch),
            grad: array(true),
            weights: array(!made.one_mask()),
            model_grad: array(!made.one_mask()),
        }
    }

    /// Trains on one minibatch of `batch` 0/1 images; the learning rate is multiplied by `factor`. Returns the sum of
    /// their negative log-likelihoods before the update, nats.
    pub fn step<'a>(
        &mut self,
        made: &Made,
        team: &Team,
        masks: &Staircase,
        rows: impl Iterator<Item = &'a [u8]>,
        batch: usize,
        factor: f64,
    ) -> candle_core::Result<f64> {
        let network = made.network();
        self.steps += 1;
        let update = self.optimizer.at(self.steps, factor);
        let Self { state, space, grad, weights, model_grad, .. } = self;
        space.load(rows, masks);
        made.update(|params| {
            if made.one_mask() {
                network.forward(team, params, masks, batch, space);
                let loss = network.backward(team, params, masks, batch, space, grad);
                update_in_place(team, &network.layout, masks, update, params, grad, state);
                loss
            } else {
                gather(&network.layout, masks, params, weights);
                network.forward(team, weights, masks, batch, space);
                let loss = network.backward(team, weights, masks, batch, space, grad);
                scatter(&network.layout, masks, grad, model_grad);
                update_all(team, update, params, model_grad, state);
                loss
            }
        })
    }
}

/// Rows that one thread updates at a time.
const ROWS: usize = 64;

/// Updates parameters where they stand, within the prefixes of a mask that needs no sorting.
fn update_in_place(
    team: &Team,
    layout: &Layout,
    masks: &Staircase,
    update: Update,
    params: &mut [f32],
    grad: &[f32],
    state: &mut [Vec<f32>; 2],
) {
    for (range, cols, stairs) in matrices(layout, masks).filter(|(range, ..)| !range.is_empty()) {
        let parts = params[range.clone()]
            .chunks_mut(ROWS * cols)
            .zip(grad[range.clone()].chunks(ROWS * cols))
            .zip(stairs.prefix.chunks(ROWS))
            .zip(state_parts(state, range, ROWS * cols));
        team.share(parts, |(((p, g), prefix), state)| update.rows(prefix, cols, p, g, state));
    }
    for (range, _) in biases(layout, masks) {
        let [s, u] = state;
        let state = [part(s, &range), part(u, &range)];
        update.all(&mut params[range.clone()], &grad[range], state);
    }
}

/// Updates all parameters by a gradient in model space. Where the mask is closed the gradient is zero, and an optimiser
/// with momentum goes on moving the weight, as it would with every mask multiplied in.
fn update_all(team: &Team, update: Update, params: &mut [f32], grad: &[f32], state: &mut [Vec<f32>; 2]) {
    const CHUNK: usize = 1 << 15;
    let all = 0..params.len();
    let parts = params.chunks_mut(CHUNK).zip(grad.chunks(CHUNK)).zip(state_parts(state, all, CHUNK));
    team.share(parts, |((p, g), state)| update.all(p, g, state));
}

/// The optimiser's two arrays in chunks of `size`; empty slices for ever where the rule has no such array.
fn state_parts(state: &mut [Vec<f32>; 2], range: Range<usize>, size: usize) -> impl Iterator<Item = [&mut [f32]; 2]> {
    let [s, u] = state;
    let mut s = part(s, &range).chunks_mut(size);
    let mut u = part(u, &range).chunks_mut(size);
    std::iter::from_fn(move || Some([s.next().unwrap_or_default(), u.next().unwrap_or_default()]))
}
