//! One pass through the network by the kernels: forward, loss, and the hand-derived backward pass.
//!
//! With W under its mask, g the activation, h_0 = x and t = dloss/dz:
//!
//! ```text
//! h_l = g(b_l + W_l h_{l-1} + (U_l o M_l) 1)      z = c + V h_L + A x + (U_V o M_V) 1
//! dV = t h_L^T   dA = t x^T   dc = t   dh_L = V^T t   da_l = dh_l * g'(a_l)   dW_l = da_l h_{l-1}^T   dh_{l-1} = W_l^T da_l
//! ```
//!
//! Everything here happens in sorted space (see `staircase`); matrices of a minibatch are batch x units.

use std::ops::Range;

use crate::made::Activation;
use crate::made::kernels::elementwise::{broadcast, column_sums, nll, nll_gradient};
use crate::made::kernels::matmul;
use crate::made::kernels::team::Team;
use crate::made::layout::{Layout, Link};
use crate::made::staircase::{Staircase, Stairs};

/// The shape of a network and its activation: all that a pass needs besides weights, masks and data.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Where the weights stand.
    pub layout: Layout,
    /// Nonlinearity of the hidden layers.
    pub activation: Activation,
}

/// Buffers of a minibatch, allocated once.
#[derive(Debug)]
pub struct Workspace {
    x: Vec<f32>,
    hidden: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    z: Vec<f32>,
    bias: Vec<f32>,
}

impl Workspace {
    /// Buffers for minibatches of up to `batch` images.
    pub fn new(layout: &Layout, batch: usize) -> Self {
        let hidden = || layout.hidden().map(|width| vec![0.0; batch * width]).collect();
        let widest = layout.links.iter().map(|link| link.rows).max().unwrap_or(0);
        Self {
            x: vec![0.0; batch * layout.dim],
            hidden: hidden(),
            gradients: hidden(),
            z: vec![0.0; batch * layout.dim],
            bias: vec![0.0; widest],
        }
    }

    /// Puts 0/1 images into the batch, pixels in the order of `staircase`; beyond the last image stays what was there.
    pub fn load<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>, staircase: &Staircase) {
        for (x, row) in self.x.chunks_exact_mut(staircase.pixels.len()).zip(rows) {
            for (x, &pixel) in x.iter_mut().zip(&staircase.pixels) {
                *x = f32::from(row[pixel as usize]);
            }
        }
    }

    /// Logits of the last forward pass, batch x D by position.
    pub fn logits(&self) -> &[f32] {
        &self.z
    }

    /// Pixels of the batch, batch x D by position.
    pub fn pixels(&self) -> &[f32] {
        &self.x
    }

    /// Negative log-likelihood of the leading `out.len()` images after a forward pass, nats.
    pub fn nll(&mut self, dim: usize, out: &mut [f64]) {
        let used = out.len() * dim;
        nll(&mut self.z[..used], &self.x[..used], dim, out);
    }
}

impl Network {
    /// Logits of the `batch` images loaded, from sorted weights `w`.
    pub fn forward(&self, team: &Team, w: &[f32], masks: &Staircase, batch: usize, space: &mut Workspace) {
        let Workspace { x, hidden, z, bias, .. } = space;
        let (inner, output) = self.layout.links.split_at(self.layout.links.len() - 1);
        let mut below: &[f32] = x;
        for ((link, stairs), h) in inner.iter().zip(&masks.links).zip(hidden.iter_mut()) {
            let h = &mut h[..batch * link.rows];
            offset(w, link, stairs, &mut bias[..link.rows]);
            broadcast(h, &bias[..link.rows]);
            matmul::forward(team, h, below, &w[link.weight.clone()], &stairs.prefix, link.cols, batch);
            self.activation.forward(h);
            below = h;
        }
        let (link, stairs) = (&output[0], &masks.links[inner.len()]);
        let z = &mut z[..batch * link.rows];
        offset(w, link, stairs, &mut bias[..link.rows]);
        broadcast(z, &bias[..link.rows]);
        matmul::forward(team, z, below, &w[link.weight.clone()], &stairs.prefix, link.cols, batch);
        if let Some((direct, stairs)) = self.direct(masks) {
            matmul::forward(team, z, x, &w[direct], &stairs.prefix, self.layout.dim, batch);
        }
    }

    /// After `forward`: the sum of the images' negative log-likelihoods, nats; `grad` becomes the gradient of their mean
    /// within the prefixes, unspecified beyond them.
    pub fn backward(
        &self,
        team: &Team,
        w: &[f32],
        masks: &Staircase,
        batch: usize,
        space: &mut Workspace,
        grad: &mut [f32],
    ) -> f64 {
        let dim = self.layout.dim;
        let Workspace { x, hidden, gradients, z, .. } = space;
        let (x, z) = (&x[..batch * dim], &mut z[..batch * dim]);
        let loss = nll_gradient(z, x, dim, 1.0 / batch as f32);
        if let Some((direct, stairs)) = self.direct(masks) {
            matmul::weight_gradient(team, &mut grad[direct], z, x, &stairs.prefix, dim, batch);
        }
        for l in (0..self.layout.links.len()).rev() {
            let (link, stairs) = (&self.layout.links[l], &masks.links[l]);
            let (lower, upper) = gradients.split_at_mut(l);
            let above: &[f32] = upper.first().map_or(z, |upper| &upper[..batch * link.rows]);
            let below: &[f32] = if l == 0 { x } else { &hidden[l - 1] };
            let dw = &mut grad[link.weight.clone()];
            matmul::weight_gradient(team, dw, above, below, &stairs.prefix, link.cols, batch);
            column_sums(above, &mut grad[link.bias.clone()]);
            condition_gradient(grad, link);
            if let Some(d) = lower.last_mut() {
                let (d, weights) = (&mut d[..batch * link.cols], &w[link.weight.clone()]);
                matmul::input_gradient(team, d, above, weights, &stairs.prefix, link.cols, batch);
                self.activation.backward(d, &hidden[l - 1][..batch * link.cols]);
            }
        }
        loss
    }

    fn direct<'a>(&self, masks: &'a Staircase) -> Option<(Range<usize>, &'a Stairs)> {
        self.layout.direct.clone().zip(masks.direct.as_ref())
    }
}

/// Bias of each row, and with it the sum of its conditioning weights under the mask.
pub(super) fn offset(w: &[f32], link: &Link, stairs: &Stairs, out: &mut [f32]) {
    out.copy_from_slice(&w[link.bias.clone()]);
    if let Some(condition) = &link.condition {
        let rows = w[condition.clone()].chunks_exact(link.cols.max(1));
        for ((out, row), &seen) in out.iter_mut().zip(rows).zip(&stairs.prefix) {
            *out += row[..seen as usize].iter().sum::<f32>();
        }
    }
}

/// Every conditioning weight that the mask lets through has the gradient of its row's bias.
fn condition_gradient(grad: &mut [f32], link: &Link) {
    if let Some(condition) = &link.condition
        && link.cols > 0
    {
        let (bias, rows) = grad[link.bias.start..].split_at_mut(link.rows);
        for (row, &g) in rows[condition.start - link.bias.end..].chunks_exact_mut(link.cols).zip(&*bias) {
            row.fill(g);
        }
    }
}
