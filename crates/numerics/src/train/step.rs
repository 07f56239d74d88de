//! One training step: forward pass, backward pass and update in one, in buffers that are reused.

use crate::data::Example;
use crate::made::kernels::simd::F32x16;
use crate::made::kernels::update::{UpdateRule, UpdateTarget};
use crate::made::masks::MaskSet;
use crate::made::model::Made;
use crate::made::network::{Network, UpdateContext};
use crate::made::sorted_masks::SortedMasks;
use crate::made::workspace::Workspace;
use crate::parallel::ThreadPool;
use crate::train::optimizer::Optimizer;

/// An optimiser with its state, the weights in training, and the buffers of a step.
#[derive(Debug)]
pub(crate) struct Stepper {
    optimizer: Optimizer,
    /// Number of steps taken.
    pub(crate) steps: u64,
    /// Weights, packed (see `Network::training`).
    pub(crate) weights: Vec<F32x16>,
    /// State of the optimiser, arrays as long as the weights or empty.
    pub(crate) state: [Vec<F32x16>; 2],
    workspace: Workspace,
    /// Weights in the order of the minibatch's mask, in a run that cycles through masks.
    sorted: Option<Vec<F32x16>>,
}

impl Stepper {
    /// An optimiser without state for `made` and minibatches of up to `batch` images.
    pub(crate) fn new(optimizer: Optimizer, made: &Made, batch: usize) -> Self {
        let Network { layout, sorted, training, .. } = made.network();
        let zeros = |len: usize| vec![F32x16::default(); len];
        let state = |wanted: bool| zeros(if wanted { training.len } else { 0 });
        let mut weights = zeros(training.len);
        made.read(|params| training.pack(layout, params, &mut weights));
        Self {
            optimizer,
            steps: 0,
            weights,
            state: [state(optimizer.states() > 0), state(optimizer.states() > 1)],
            workspace: Workspace::for_training(layout, batch),
            sorted: (!made.has_single_mask()).then(|| zeros(sorted.len)),
        }
    }

    /// Writes the weights back to the model, unless they are released.
    pub(crate) fn store(&self, made: &Made) -> candle_core::Result<()> {
        if self.weights.is_empty() {
            return Ok(());
        }
        let Network { layout, training, .. } = made.network();
        made.update(|params| training.unpack(layout, &self.weights, params))
    }

    /// Frees the weights and the state, once training is over and the model holds its parameters.
    pub(crate) fn release(&mut self) {
        (self.weights, self.state) = (Vec::new(), [Vec::new(), Vec::new()]);
    }

    /// Trains on one minibatch of images; the learning rate is multiplied by `factor`. Returns
    /// the sum of their negative log-likelihoods before the update, nats.
    pub(crate) fn step<'a>(
        &mut self,
        network: &Network,
        pool: &ThreadPool,
        masks: &SortedMasks,
        images: impl Iterator<Item = Example<'a>> + Clone,
        factor: f64,
    ) -> f64 {
        self.steps += 1;
        let rule = self.optimizer.at(self.steps, factor);
        self.update(network, pool, masks, images, rule)
    }

    fn update<'a>(
        &mut self,
        network: &Network,
        pool: &ThreadPool,
        masks: &SortedMasks,
        images: impl Iterator<Item = Example<'a>> + Clone,
        rule: UpdateRule,
    ) -> f64 {
        let Self { weights, state: [s, u], workspace, sorted, .. } = self;
        workspace.load(images, masks);
        let sorted = sorted.as_mut().map(|sorted| {
            network.gather_weights(masks, weights, sorted, workspace);
            &**sorted
        });
        let target = UpdateTarget { p: weights, state: [s, u] };
        let context = UpdateContext { target, rule, sorted };
        network.forward(pool, context.weights(), masks, workspace);
        network.backward(pool, context, masks, workspace)
    }
}

/// Loss of a minibatch with its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct MinibatchGradient {
    /// Sum of the negative log-likelihoods, nats.
    pub nll_sum_nats: f64,
    /// Gradient of their mean [n_params], in model order.
    pub gradient: Vec<f32>,
}

/// Computes the gradient that a training step on some images would apply, by the same kernels.
pub fn minibatch_gradient<'a>(
    made: &Made,
    pool: &ThreadPool,
    masks: &MaskSet,
    images: impl ExactSizeIterator<Item: Into<Example<'a>>> + Clone,
) -> MinibatchGradient {
    // Any optimiser with one array of state, into which `Record` writes the gradient.
    let optimizer = Optimizer::Sgd { lr: 0.0, momentum: 1.0 };
    let mut stepper = Stepper::new(optimizer, made, images.len());
    let (network, sorted) = (made.network(), made.sort_masks(masks));
    let images = images.map(Into::into);
    let nll_sum_nats = stepper.update(network, pool, &sorted, images, UpdateRule::Record);
    let mut gradient = vec![0.0; network.layout.len];
    network.training.unpack(&network.layout, &stepper.state[0], &mut gradient);
    MinibatchGradient { nll_sum_nats, gradient }
}
