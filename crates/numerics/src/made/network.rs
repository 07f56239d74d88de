//! One pass through the network by the kernels: forward, loss, and the hand-derived backward pass.
//!
//! With W under its mask, g the activation, h_0 = x and t = dloss/dz:
//!
//! ```text
//! h_l = g(b_l + W_l h_{l-1} + (U_l o M_l) 1)      z = c + V h_L + A x + (U_V o M_V) 1
//! dV = t h_L^T   dA = t x^T   dc = t   dh_L = V^T t   da_l = dh_l * g'(a_l)   dW_l = da_l h_{l-1}^T   dh_{l-1} = W_l^T da_l
//! ```
//!
//! Everything here happens in sorted space (see `staircase`), on the kernels' own form of the
//! weights (see `grid`), and on differences from the blank image (see `workspace`). Weights change
//! as soon as their gradient is there, which is never stored.

use crate::made::Activation;
use crate::made::grid::{Grid, Place};
use crate::made::kernels::binary;
use crate::made::kernels::elementwise::{add_to_rows, column_sums, nll_gradient};
use crate::made::kernels::gather::{gather, gather_tiles};
use crate::made::kernels::gradient;
use crate::made::kernels::lanes::{Lane, WIDTH, flat, flat_mut};
use crate::made::kernels::product;
use crate::made::kernels::sheet::{Masked, Sheet};
use crate::made::kernels::team::Team;
use crate::made::kernels::update::{Target, Update};
use crate::made::kernels::vectorized::Level;
use crate::made::kernels::waiting::{Order, Sink, TALL};
use crate::made::layout::{Layout, Link};
use crate::made::staircase::{Staircase, Stairs};
use crate::made::workspace::Workspace;

/// The shape of a network and its activation: all that a pass needs besides weights, masks and
/// data.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Where the weights stand in the flat array.
    pub layout: Layout,
    /// Where they stand for the kernels, as a mask sorts them.
    pub grid: Grid,
    /// Where they stand in training: the same in a run with one mask.
    pub kept: Grid,
    /// Nonlinearity of the hidden layers.
    pub activation: Activation,
}

/// What a backward pass changes, and how.
#[derive(Debug)]
pub struct Learning<'a> {
    /// Weights and the rule's arrays, each as long or empty.
    pub target: Target<'a>,
    /// The rule.
    pub update: Update,
    /// In a run with many masks, weights as the mask sorts them.
    pub sorted: Option<&'a [Lane]>,
}

/// The weights of a pass.
#[derive(Debug, Clone, Copy)]
pub enum Weights<'a> {
    /// Sorted by the mask.
    Sorted(&'a [Lane]),
    /// As they are kept for many masks, and sorted by this one, as [`Network::sort`] does it.
    Kept(&'a [Lane], &'a [Lane]),
}

impl Learning<'_> {
    /// The weights, as passes take them.
    pub fn weights(&self) -> Weights<'_> {
        match self.sorted {
            Some(sorted) => Weights::Kept(self.target.p, sorted),
            None => Weights::Sorted(self.target.p),
        }
    }

    fn sink<'a>(&'a mut self, place: &Place, stairs: &'a Stairs) -> Sink<'a> {
        let target = self.target.part(place.lanes.clone());
        Sink {
            target,
            update: self.update,
            order: self.sorted.map(|_| order(stairs)),
            tiled: place.tiled,
        }
    }

    fn bias<'a>(&'a mut self, place: &Place, stairs: &'a Stairs) -> Sink<'a> {
        let sink = self.sink(place, stairs);
        Sink {
            order: sink.order.map(|order| Order { rows: None, ..order }),
            ..sink
        }
    }
}

fn order(stairs: &Stairs) -> Order<'_> {
    Order { rows: stairs.cols.as_deref(), cols: stairs.rows.as_deref() }
}

/// Whether passes take the weights of link `l` from where they are kept, since the mask sorts
/// nothing but their rows.
fn by_index(l: usize, stairs: &Stairs) -> bool {
    l > 0 && stairs.rows.is_none()
}

/// Rows that a thread takes: whole tiles of the products, so that these are the same for every
/// number of threads.
fn share(height: usize, team: &Team) -> usize {
    height.div_ceil(team.threads()).next_multiple_of(TALL)
}

/// A bias as a matrix of one row, all open.
fn open(place: &Place) -> Masked<'_> {
    Masked {
        sheet: place.sheet,
        seen: &[],
        from: &[0],
        rows: None,
        kept: false,
    }
}

fn masked<'a>(place: &Place, stairs: &'a Stairs) -> Masked<'a> {
    Masked {
        sheet: place.sheet,
        seen: &stairs.prefix,
        from: &stairs.from,
        rows: None,
        kept: false,
    }
}

impl Network {
    /// A network of this shape, in a run with many masks or one.
    pub fn new(layout: Layout, activation: Activation, many: bool) -> Self {
        Self {
            grid: Grid::new(&layout, false),
            kept: Grid::new(&layout, many),
            layout,
            activation,
        }
    }

    /// Sorts weights as `masks` does: those that the passes below do not take from where they are
    /// kept, as they do with the first layer's where few pixels are on.
    pub fn sort(&self, masks: &Staircase, kept: &[Lane], sorted: &mut [Lane], space: &Workspace) {
        let level = Level::detect();
        let mut take = |to: &Place, from: &Place, mask: Masked, order: Order| {
            let (sorted, kept) = (&mut sorted[to.lanes.clone()], &kept[from.lanes.clone()]);
            if from.tiled {
                gather_tiles(level, sorted, kept, mask, order);
            } else {
                gather(level, sorted, kept, mask, order);
            }
        };
        for (l, ((to, from), stairs)) in
            self.grid.links.iter().zip(&self.kept.links).zip(&masks.links).enumerate()
        {
            if !(l == 0 && space.few || by_index(l, stairs)) {
                take(&to.weight, &from.weight, masked(&to.weight, stairs), order(stairs));
            }
            if let Some((to, from)) = to.condition.as_ref().zip(from.condition.as_ref()) {
                take(to, from, masked(to, stairs), order(stairs));
            }
            take(&to.bias, &from.bias, open(&to.bias), Order { rows: None, ..order(stairs) });
        }
        if let Some(((to, from), stairs)) = self
            .grid
            .direct
            .as_ref()
            .zip(self.kept.direct.as_ref())
            .zip(masks.direct.as_ref())
        {
            take(to, from, masked(to, stairs), order(stairs));
        }
    }

    /// Weights of link `l`, and how their mask sorts them.
    fn weights<'a>(
        &'a self,
        weights: Weights<'a>,
        l: usize,
        stairs: &'a Stairs,
    ) -> (&'a [Lane], Masked<'a>) {
        let place = &self.grid.links[l].weight;
        match weights {
            Weights::Kept(kept, _) if by_index(l, stairs) => (
                &kept[self.kept.links[l].weight.lanes.clone()],
                Masked {
                    kept: true,
                    rows: stairs.cols.as_deref(),
                    ..masked(place, stairs)
                },
            ),
            Weights::Sorted(sorted) | Weights::Kept(_, sorted) => {
                (&sorted[place.lanes.clone()], masked(place, stairs))
            }
        }
    }

    /// Logits of the images loaded.
    pub fn forward(&self, team: &Team, weights: Weights, masks: &Staircase, space: &mut Workspace) {
        let level = Level::detect();
        let height = space.height();
        let Workspace { x, ones, few, blank, reach, hidden, z, start, near, .. } = space;
        let few = *few;
        let (Weights::Sorted(sorted) | Weights::Kept(_, sorted)) = weights;
        for (l, stairs) in masks.links.iter().enumerate() {
            let (lower, upper) = hidden.split_at_mut(l);
            let below: &[Lane] = lower.last().map_or(x, |below| below);
            let last = upper.is_empty();
            let above = upper.first_mut().unwrap_or(z);
            let (w, mask) = self.weights(weights, l, stairs);
            let (stride, below_stride) =
                (mask.sheet.stride(), Sheet { rows: 0, cols: mask.sheet.rows }.stride());
            let direct = self.direct(masks).filter(|_| last);
            let above = &mut above[..height * stride];
            above.fill(Lane::default());
            self.offset(sorted, l, stairs, &mut above[..stride]);
            let share = share(height, team);
            let tiled = matches!(weights, Weights::Kept(..)) && l == 0 && few;
            if tiled {
                near.resize(binary::sorted_size(mask) * height.div_ceil(share), Lane::default());
            }
            let mut near = near.chunks_mut(binary::sorted_size(mask).max(1));
            let parts = above
                .chunks_mut(share * stride)
                .map(|above| (above, near.next().unwrap_or_default()));
            team.share(parts.enumerate(), |(part, (above, near))| {
                let row = part * share;
                let blank = l.checked_sub(1).map_or(&[][..], |below| &blank[below][row..]);
                match weights {
                    Weights::Kept(kept, _) if tiled => {
                        let tiles = &kept[self.kept.links[0].weight.lanes.clone()];
                        binary::forward_tiles(
                            (level, near),
                            above,
                            ones,
                            row,
                            tiles,
                            (mask, order(stairs)),
                        );
                    }
                    _ if l == 0 && few => binary::forward(level, above, ones, row, w, mask),
                    _ => {
                        product::forward(level, above, &below[row * below_stride..], w, mask, blank)
                    }
                }
                if let Some((place, mask)) = direct {
                    let w = &sorted[place.lanes.clone()];
                    if few {
                        binary::forward(level, above, ones, row, w, mask);
                    } else {
                        product::forward(level, above, &x[row * stride..], w, mask, &[]);
                    }
                }
            });
            let (first, rows) = above.split_at_mut(stride);
            let start = &mut start[..stride];
            start.copy_from_slice(first);
            if !last {
                self.activation.forward(flat_mut(first));
                flat_mut(first)[reach[l]..].fill(0.0);
            }
            team.share(rows.chunks_mut(share * stride), |rows| {
                if last {
                    add_to_rows(flat_mut(rows), flat(start));
                } else {
                    self.activation.forward_difference(flat_mut(rows), flat(start), flat(first));
                }
            });
        }
    }

    /// After `forward`: updates weights by the gradient of the images' mean negative
    /// log-likelihood, and returns its sum, nats.
    pub fn backward(
        &self,
        team: &Team,
        mut learning: Learning,
        masks: &Staircase,
        space: &mut Workspace,
    ) -> f64 {
        let level = Level::detect();
        let height = space.height();
        let Workspace {
            dim,
            x,
            ones,
            few,
            blank,
            reach,
            hidden,
            gradients,
            z,
            nll,
            packed,
            ..
        } = space;
        let share = share(height, team);
        let stride = Sheet { rows: 0, cols: *dim }.stride();
        let (x, z) = (&x[..height * stride], &mut z[..height * stride]);
        let (total, rows) = z.split_at_mut(stride);
        let (part, nll, scale) =
            (share * stride, &mut nll[..height - 1], 1.0 / (height - 1) as f32);
        team.share(
            rows.chunks_mut(part).zip(x[stride..].chunks(part)).zip(nll.chunks_mut(share)),
            |((z, x), nll)| {
                for ((z, x), nll) in z.chunks_exact_mut(stride).zip(x.chunks_exact(stride)).zip(nll)
                {
                    *nll = nll_gradient(&mut flat_mut(z)[..*dim], &flat(x)[..*dim], scale);
                }
            },
        );
        let loss = nll.iter().sum();
        column_sums(flat(rows), flat_mut(total));
        let z: &[Lane] = z;
        for l in (1..self.grid.links.len()).rev() {
            let (w, mask) = self.weights(learning.weights(), l, &masks.links[l]);
            let (lower, upper) = gradients.split_at_mut(l);
            let (above, stride) = (upper.first().map_or(z, |above| above), mask.sheet.stride());
            let below_stride = Sheet { rows: 0, cols: mask.sheet.rows }.stride();
            let (d, h, blank) =
                (&mut lower[l - 1][..height * below_stride], &hidden[l - 1], &blank[l - 1]);
            team.share(d.chunks_mut(share * below_stride).enumerate(), |(part, d)| {
                let row = part * share;
                product::input_gradient(level, d, &above[row * stride..], w, mask, &blank[row..]);
            });
            let (h, width) = (flat(&h[..height * below_stride]), below_stride * WIDTH);
            self.activation.backward_difference(flat_mut(d), h, width, reach[l - 1]);
        }
        let few = *few;
        for (l, (places, stairs)) in self.kept.links.iter().zip(&masks.links).enumerate() {
            let stride = places.weight.sheet.stride();
            let above = &gradients.get(l).map_or(z, |above| above)[..height * stride];
            let mask = masked(&places.weight, stairs);
            let sink = learning.sink(&places.weight, stairs);
            match l.checked_sub(1) {
                None if few => binary::weight_gradient(team, level, sink, ones, above, mask),
                None => gradient::weight_gradient((team, level), packed, sink, x, above, mask, &[]),
                Some(l) => gradient::weight_gradient(
                    (team, level),
                    packed,
                    sink,
                    &hidden[l],
                    above,
                    mask,
                    &blank[l],
                ),
            }
            let bias = &above[..stride];
            if let Some(condition) = &places.condition {
                // Every conditioning weight that the mask lets through has the gradient of its
                // bias.
                learning.sink(condition, stairs).repeat(team, bias, mask);
            }
            learning.bias(&places.bias, stairs).repeat(team, bias, open(&places.bias));
        }
        if let Some((place, stairs)) = self.kept.direct.as_ref().zip(masks.direct.as_ref()) {
            let (sink, mask) = (learning.sink(place, stairs), masked(place, stairs));
            if few {
                binary::weight_gradient(team, level, sink, ones, z, mask);
            } else {
                gradient::weight_gradient((team, level), packed, sink, x, z, mask, &[]);
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
                let open =
                    flat_mut(out)[from as usize..].iter_mut().zip(&flat(row)[from as usize..]);
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
