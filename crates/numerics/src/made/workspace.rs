//! A minibatch on its way through the network, as differences from the blank image.
//!
//! Images begin blank: on MNIST in raster order 150 of 784 pixels are off before the first is on.
//! What a unit sees of such a beginning is what it would see of an image without any pixel on,
//! which a pass therefore computes once, as row 0 of every matrix; the rows of the images hold how
//! they differ from it, and lead with zeros, which the products skip. With f the units of a layer,
//! 0 the blank image, t and s = g'(a) gradients and slopes, sums over the images i:
//!
//! ```text
//! f_i = f_0 + d_i     W f_i = W f_0 + W d_i     sum t_i f_iT = (sum t_i) f_0T + sum t_i d_iT
//! sum s_i u_i = s_0 (sum u_i) + sum (s_i - s_0) u_i,   u_i = WT t_i,   sum u_i = WT (sum t_i)
//! ```
//!
//! So on the way back row 0 holds the sum over all images, which is the gradient of the biases, and
//! a unit for which an image is still blank needs no number of that image. Images are sorted by
//! where they begin.
//!
//! These sums are exact but for rounding, and what was zero would be noise, which an optimiser such
//! as Adam makes steps of. So a minibatch to learn from takes f_0 and s_0 for zero from the first
//! unit on for which none of its images is blank: a unit that is off in all of them has a gradient
//! of zero. Noise is left in the weights between two hidden units of which both are on in the
//! minibatch, but never in the same image.

use crate::made::kernels::binary::Ones;
use crate::made::kernels::elementwise::nll;
use crate::made::kernels::gradient::Packed;
use crate::made::kernels::lanes::{Lane, WIDTH, flat, flat_mut, prefetch};
use crate::made::kernels::sheet::Sheet;
use crate::made::layout::Layout;
use crate::made::staircase::Staircase;

/// Buffers of a minibatch, allocated once. Matrices have a row for the blank image, and then one an
/// image.
#[derive(Debug)]
pub struct Workspace {
    pub(super) dim: usize,
    /// Row of each image.
    rows: Vec<usize>,
    pub(super) x: Vec<Lane>,
    pub(super) ones: Ones,
    /// Of each hidden layer and row, the leading units whose activation is the blank image's: whole
    /// lanes.
    pub(super) blank: Vec<Vec<u32>>,
    /// Of each hidden layer, the leading units whose activations are held as differences.
    pub(super) reach: Vec<usize>,
    pub(super) hidden: Vec<Vec<Lane>>,
    pub(super) gradients: Vec<Vec<Lane>>,
    pub(super) z: Vec<Lane>,
    /// What a layer makes of the blank image before the activation.
    pub(super) start: Vec<Lane>,
    /// Whether the minibatch is one to learn from.
    learning: bool,
    /// Whether listing the ones is worth it.
    pub(super) few: bool,
    pub(super) nll: Vec<f64>,
    pub(super) packed: Packed,
    /// A few lanes of the first layer's weights.
    pub(super) near: Vec<Lane>,
}

impl Workspace {
    /// Buffers for minibatches of up to `batch` images to learn from.
    pub fn learning(layout: &Layout, batch: usize) -> Self {
        Self { learning: true, ..Self::new(layout, batch) }
    }

    /// Buffers for minibatches of up to `batch` images to be scored, each for itself: no number
    /// depends on the others.
    pub fn new(layout: &Layout, batch: usize) -> Self {
        let lanes = |cols: usize| vec![Lane::default(); Sheet { rows: batch + 1, cols }.size()];
        let widest = layout.links.iter().map(|link| link.rows).max().unwrap_or(0);
        Self {
            dim: layout.dim,
            rows: Vec::new(),
            x: lanes(layout.dim),
            ones: Ones::default(),
            blank: layout.hidden().map(|_| Vec::new()).collect(),
            reach: vec![0; layout.hidden().count()],
            hidden: layout.hidden().map(lanes).collect(),
            gradients: layout.hidden().map(lanes).collect(),
            z: lanes(layout.dim),
            start: vec![Lane::default(); Sheet { rows: 1, cols: widest }.size()],
            learning: false,
            few: false,
            nll: vec![0.0; batch],
            packed: Packed::default(),
            near: Vec::new(),
        }
    }

    /// Puts 0/1 images into the batch, pixels in the order of `staircase`.
    pub fn load<'a>(
        &mut self,
        images: impl Iterator<Item = &'a [u8]> + Clone,
        staircase: &Staircase,
    ) {
        self.ones.clear();
        self.ones.push(&[], &[]);
        let mut ahead = images.clone().skip(2);
        for image in images {
            ahead.next().into_iter().for_each(prefetch);
            self.ones.push(image, &staircase.positions);
        }
        let order = self.ones.sort();
        self.rows.resize(order.len() - 1, 0);
        for (row, &number) in order.iter().enumerate().skip(1) {
            self.rows[number as usize - 1] = row;
        }
        self.ones.index(self.dim);
        self.few = self.ones.few(self.rows.len() * self.dim);
        let stride = Sheet { rows: 1, cols: self.dim }.stride();
        let height = self.height();
        for (row, x) in self.x.chunks_exact_mut(stride).enumerate().take(height).skip(1) {
            x.fill(Lane::default());
            let x = flat_mut(x);
            self.ones.row(row).iter().for_each(|&position| x[position as usize] = 1.0);
        }
        let begin =
            |row: usize| self.ones.row(row).first().map_or(self.dim, |&first| first as usize);
        for ((blank, reach), degrees) in
            self.blank.iter_mut().zip(&mut self.reach).zip(&staircase.degrees)
        {
            // Unit n sees as many leading pixels as its degree says.
            let units = |row| degrees.partition_point(|&degree| degree as usize <= begin(row));
            blank.clear();
            blank.push(0);
            blank.extend((1..height).map(|row| (units(row) / WIDTH * WIDTH) as u32));
            *reach = if self.learning { units(height - 1) } else { degrees.len() };
        }
    }

    /// Rows of a matrix: the blank image's, and one for each image loaded.
    pub(super) fn height(&self) -> usize {
        self.rows.len() + 1
    }

    /// Logits of each image of the last forward pass, by position.
    pub fn logits(&self) -> impl Iterator<Item = &[f32]> {
        self.by_image(&self.z)
    }

    /// Pixels of each image of the batch, by position.
    pub fn pixels(&self) -> impl Iterator<Item = &[f32]> {
        self.by_image(&self.x)
    }

    fn by_image<'a>(&'a self, lanes: &'a [Lane]) -> impl Iterator<Item = &'a [f32]> {
        let stride = Sheet { rows: 1, cols: self.dim }.stride();
        self.rows
            .iter()
            .map(move |row| &flat(&lanes[row * stride..][..stride])[..self.dim])
    }

    /// Negative log-likelihood of each image after a forward pass, nats.
    pub fn nll(&self, out: &mut [f64]) {
        for ((z, x), out) in self.logits().zip(self.pixels()).zip(out) {
            *out = nll(z, x);
        }
    }
}
