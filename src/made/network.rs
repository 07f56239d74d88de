//! One pass through the network by the kernels: forward, loss, and the hand-derived backward pass.
//!
//! With W under its mask, g the activation, h_0 = x and t = dloss/dz:
//!
//! ```text
//! h_l = g(b_l + W_l h_{l-1} + (U_l o M_l) 1)      z = c + V h_L + A x + (U_V o M_V) 1
//! dV = t h_L^T   dA = t x^T   dc = t   dh_L = V^T t   da_l = dh_l * g'(a_l)   dW_l = da_l h_{l-1}^T   dh_{l-1} = W_l^T da_l
//! ```
//!
//! Everything here happens in sorted space (see `staircase`), on the kernels' own form of the weights (see `grid`);
//! matrices of a minibatch are batch x units. Weights change as soon as their gradient is there, which is never stored.

use crate::made::Activation;
use crate::made::grid::{Grid, Place};
use crate::made::kernels::binary::{self, Ones};
use crate::made::kernels::elementwise::{column_sums, nll, nll_gradient};
use crate::made::kernels::gather::gather;
use crate::made::kernels::gradient;
use crate::made::kernels::lanes::{Lane, flat, flat_mut};
use crate::made::kernels::product;
use crate::made::kernels::sheet::{Masked, Sheet};
use crate::made::kernels::team::Team;
use crate::made::kernels::update::{Target, Update};
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Order, Sink};
use crate::made::layout::{Layout, Link};
use crate::made::staircase::{Staircase, Stairs};

/// The shape of a network and its activation: all that a pass needs besides weights, masks and data.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Where the weights stand in the flat array.
    pub layout: Layout,
    /// Where they stand for the kernels.
    pub grid: Grid,
    /// Nonlinearity of the hidden layers.
    pub activation: Activation,
}

/// Buffers of a minibatch, allocated once.
#[derive(Debug)]
pub struct Workspace {
    dim: usize,
    x: Vec<Lane>,
    ones: Ones,
    hidden: Vec<Vec<Lane>>,
    gradients: Vec<Vec<Lane>>,
    z: Vec<Lane>,
    offset: Vec<Lane>,
    nll: Vec<f64>,
}

impl Workspace {
    /// Buffers for minibatches of up to `batch` images.
    pub fn new(layout: &Layout, batch: usize) -> Self {
        let lanes = |cols: usize| vec![Lane::default(); Sheet { rows: batch, cols }.size()];
        let widest = layout.links.iter().map(|link| link.rows).max().unwrap_or(0);
        Self {
            dim: layout.dim,
            x: lanes(layout.dim),
            ones: Ones::default(),
            hidden: layout.hidden().map(lanes).collect(),
            gradients: layout.hidden().map(lanes).collect(),
            z: lanes(layout.dim),
            offset: vec![Lane::default(); Sheet { rows: 1, cols: widest }.size()],
            nll: vec![0.0; batch],
        }
    }

    /// Puts 0/1 images into the batch, pixels in the order of `staircase`.
    pub fn load<'a>(&mut self, rows: impl Iterator<Item = &'a [u8]>, staircase: &Staircase) {
        self.ones.clear();
        let stride = Sheet { rows: 1, cols: self.dim }.stride();
        for (i, (x, row)) in self.x.chunks_exact_mut(stride).zip(rows).enumerate() {
            self.ones.push(row, &staircase.positions);
            x.fill(Lane::default());
            let x = flat_mut(x);
            self.ones.row(i).iter().for_each(|&position| x[position as usize] = 1.0);
        }
        self.ones.index(self.dim);
    }

    /// Logits of each image of the last forward pass, by position.
    pub fn logits(&self) -> impl Iterator<Item = &[f32]> {
        self.rows(&self.z)
    }

    /// Pixels of each image of the batch, by position.
    pub fn pixels(&self) -> impl Iterator<Item = &[f32]> {
        self.rows(&self.x)
    }

    fn rows<'a>(&self, lanes: &'a [Lane]) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let dim = self.dim;
        lanes.chunks_exact(Sheet { rows: 1, cols: dim }.stride()).map(move |row| &flat(row)[..dim])
    }

    /// Negative log-likelihood of the leading `out.len()` images after a forward pass, nats.
    pub fn nll(&self, out: &mut [f64]) {
        for ((z, x), out) in self.logits().zip(self.pixels()).zip(out) {
            *out = nll(z, x);
        }
    }
}

/// What a backward pass changes, and how.
#[derive(Debug)]
pub struct Learning<'a> {
    /// Weights and the rule's arrays, each as long or empty.
    pub target: Target<'a>,
    /// The rule.
    pub update: Update,
    /// The weights as the mask sorts them, where those of the target are not.
    pub sorted: Option<&'a [Lane]>,
}

impl Learning<'_> {
    fn sink<'a>(&'a mut self, place: &Place, stairs: &'a Stairs) -> Sink<'a> {
        let target = self.target.part(place.lanes.clone());
        Sink { target, update: self.update, order: self.sorted.map(|_| order(stairs)) }
    }

    fn bias<'a>(&'a mut self, place: &Place, stairs: &'a Stairs) -> Sink<'a> {
        let sink = self.sink(place, stairs);
        Sink { order: sink.order.map(|order| Order { rows: None, ..order }), ..sink }
    }
}

fn order(stairs: &Stairs) -> Order<'_> {
    Order { rows: stairs.cols.as_deref(), cols: stairs.rows.as_deref() }
}

/// A bias as a matrix of one row, all open.
fn open(place: &Place) -> Masked<'_> {
    Masked { sheet: place.sheet, seen: &[], from: &[0] }
}

fn masked<'a>(place: &Place, stairs: &'a Stairs) -> Masked<'a> {
    Masked { sheet: place.sheet, seen: &stairs.prefix, from: &stairs.from }
}

impl Network {
    /// A network of this shape.
    pub fn new(layout: Layout, activation: Activation) -> Self {
        Self { grid: Grid::new(&layout), layout, activation }
    }

    /// Sorts weights as `masks` does, as far as the passes below read them.
    pub fn sort(&self, masks: &Staircase, weights: &[Lane], sorted: &mut [Lane]) {
        let level = Level::detect();
        let mut take = |place: &Place, mask: Masked, order: Order| {
            gather(level, &mut sorted[place.lanes.clone()], &weights[place.lanes.clone()], mask, order);
        };
        for (place, stairs) in self.grid.masked(masks) {
            take(place, masked(place, stairs), order(stairs));
        }
        for (place, stairs) in self.grid.biases(masks) {
            take(place, open(place), Order { rows: None, ..order(stairs) });
        }
    }

    /// Logits of the `batch` images loaded, from sorted weights `w`.
    pub fn forward(&self, team: &Team, w: &[Lane], masks: &Staircase, batch: usize, space: &mut Workspace) {
        let level = Level::detect();
        let Workspace { x, ones, hidden, z, offset, .. } = space;
        let few = ones.few(self.layout.dim);
        for (l, (places, stairs)) in self.grid.links.iter().zip(&masks.links).enumerate() {
            let (lower, upper) = hidden.split_at_mut(l);
            let below: &[Lane] = lower.last().map_or(x, |below| below);
            let last = upper.is_empty();
            let above = upper.first_mut().unwrap_or(z);
            let (stride, mask) = (places.weight.sheet.stride(), masked(&places.weight, stairs));
            let below_stride = Sheet { rows: 0, cols: mask.sheet.rows }.stride();
            let offset = &mut offset[..stride];
            self.offset(w, l, stairs, offset);
            let weights = &w[places.weight.lanes.clone()];
            let direct = self.direct(masks).filter(|_| last);
            let share = batch.div_ceil(team.threads());
            let parts = above[..batch * stride].chunks_mut(share * stride).enumerate();
            team.share(parts, |(part, above)| {
                above.chunks_exact_mut(stride).for_each(|row| row.copy_from_slice(offset));
                let first = part * share;
                if l == 0 && few {
                    binary::forward(level, above, ones, first, weights, mask);
                } else {
                    product::forward(level, above, &below[first * below_stride..], weights, mask);
                }
                if let Some((place, mask)) = direct {
                    let weights = &w[place.lanes.clone()];
                    if few {
                        binary::forward(level, above, ones, first, weights, mask);
                    } else {
                        product::forward(level, above, &x[first * stride..], weights, mask);
                    }
                }
                if !last {
                    self.activation.forward(flat_mut(above));
                }
            });
        }
    }

    /// After `forward`: updates weights by the gradient of the images' mean negative log-likelihood, and returns its sum,
    /// nats.
    pub fn backward(
        &self,
        team: &Team,
        mut learning: Learning,
        masks: &Staircase,
        batch: usize,
        space: &mut Workspace,
    ) -> f64 {
        let level = Level::detect();
        let Workspace { dim, x, ones, hidden, gradients, z, offset, nll } = space;
        let share = batch.div_ceil(team.threads());
        let stride = Sheet { rows: 0, cols: *dim }.stride();
        let (x, z) = (&x[..batch * stride], &mut z[..batch * stride]);
        let part = share * stride;
        team.share(z.chunks_mut(part).zip(x.chunks(part)).zip(nll[..batch].chunks_mut(share)), |((z, x), nll)| {
            for ((z, x), nll) in z.chunks_exact_mut(stride).zip(x.chunks_exact(stride)).zip(nll) {
                *nll = nll_gradient(&mut flat_mut(z)[..*dim], &flat(x)[..*dim], 1.0 / batch as f32);
            }
        });
        let loss = nll[..batch].iter().sum();
        let z: &[Lane] = z;
        for l in (1..self.grid.links.len()).rev() {
            let (place, stairs) = (&self.grid.links[l].weight, &masks.links[l]);
            let mask = masked(place, stairs);
            let (lower, upper) = gradients.split_at_mut(l);
            let (above, stride) = (upper.first().map_or(z, |above| above), place.sheet.stride());
            let below_stride = Sheet { rows: 0, cols: place.sheet.rows }.stride();
            let weights = &learning.sorted.unwrap_or(learning.target.p)[place.lanes.clone()];
            let size = batch * below_stride;
            let (d, h) = (&mut lower[l - 1][..size], &hidden[l - 1][..size]);
            let parts = d.chunks_mut(share * below_stride).zip(h.chunks(share * below_stride)).enumerate();
            team.share(parts, |(part, (d, h))| {
                product::input_gradient(level, d, &above[part * share * stride..], weights, mask);
                self.activation.backward(flat_mut(d), flat(h));
            });
        }
        let few = ones.few(*dim);
        for (l, (places, stairs)) in self.grid.links.iter().zip(&masks.links).enumerate() {
            let stride = places.weight.sheet.stride();
            let above = &gradients.get(l).map_or(z, |above| above)[..batch * stride];
            let below: &[Lane] = if l == 0 { x } else { &hidden[l - 1] };
            let mask = masked(&places.weight, stairs);
            if l == 0 && few {
                binary::weight_gradient(team, level, learning.sink(&places.weight, stairs), ones, above, mask);
            } else {
                gradient::weight_gradient(team, level, learning.sink(&places.weight, stairs), below, above, mask);
            }
            let bias = &mut offset[..stride];
            column_sums(flat(above), flat_mut(bias));
            if let Some(condition) = &places.condition {
                // Every conditioning weight that the mask lets through has the gradient of its bias.
                learning.sink(condition, stairs).repeat(team, bias, mask);
            }
            learning.bias(&places.bias, stairs).repeat(team, bias, open(&places.bias));
        }
        if let Some(((place, mask), stairs)) = self.direct(masks).zip(masks.direct.as_ref()) {
            let sink = learning.sink(place, stairs);
            if few {
                binary::weight_gradient(team, level, sink, ones, z, mask);
            } else {
                gradient::weight_gradient(team, level, sink, x, z, mask);
            }
        }
        loss
    }

    fn direct<'a>(&'a self, masks: &'a Staircase) -> Option<(&'a Place, Masked<'a>)> {
        let place = self.grid.direct.as_ref()?;
        masks.direct.as_ref().map(|stairs| (place, masked(place, stairs)))
    }

    /// Biases of link `l`, and with them the sums of its conditioning weights under the mask.
    fn offset(&self, w: &[Lane], l: usize, stairs: &Stairs, out: &mut [Lane]) {
        let places = &self.grid.links[l];
        out.copy_from_slice(&w[places.bias.lanes.clone()]);
        if let Some(condition) = &places.condition {
            let rows = w[condition.lanes.clone()].chunks_exact(condition.sheet.stride());
            for (row, &from) in rows.zip(&stairs.from) {
                let open = flat_mut(out)[from as usize..].iter_mut().zip(&flat(row)[from as usize..]);
                open.for_each(|(out, u)| *out += u);
            }
        }
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
