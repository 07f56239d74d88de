//! Models on which the laws are tested, and an oracle: the network written out in double precision
//! with explicit masks.

use ablade::data::Shape;
use ablade::made::degrees::DegreeRule;
use ablade::made::masks::{MaskSet, Masks};
use ablade::made::model::Made;
use ablade::made::ordering::OrderingRule;
use ablade::made::{Activation, MaskCount, ModelConfig};
use ablade::rng::{Purpose, Seed};

/// A model with random weights of unit scale everywhere, biases and conditioning weights included.
pub(crate) struct Case {
    pub(crate) config: ModelConfig,
    pub(crate) shape: Shape,
    pub(crate) masks: Masks,
    pub(crate) made: Made,
    pub(crate) name: String,
}

pub(crate) const SEED: Seed = Seed(11);

pub(crate) fn shape(width: usize, height: usize) -> Shape {
    Shape { width, height }
}

impl Case {
    pub(crate) fn new(config: ModelConfig, shape: Shape) -> Self {
        Self::with_levels(config, shape, 2)
    }

    /// A model of images with pixels of this many levels.
    pub(crate) fn with_levels(config: ModelConfig, shape: Shape, levels: usize) -> Self {
        Self::with_classes(config, shape, levels, 0)
    }

    /// The same, of a model that is told one of so many classes.
    pub(crate) fn with_classes(
        config: ModelConfig,
        shape: Shape,
        levels: usize,
        classes: usize,
    ) -> Self {
        let masks = Masks::new(&config, shape, 4, SEED);
        let variables = shape.with_levels(levels).with_classes(classes);
        let len = ablade::made::layout::ParamLayout::new(&config, variables).len;
        let mut stream = SEED.stream(Purpose::Init, 99);
        let params = (0..len).map(|_| 0.7 * stream.normal() as f32).collect();
        let made = Made::with_parameters(&config, variables, &masks, params).unwrap();
        let name = format!("{config:?} on {}x{}, {levels} levels", shape.width, shape.height);
        Self { config, shape, masks, made, name }
    }

    pub(crate) fn first(&self) -> MaskSet {
        self.masks.evaluated(0)
    }
}

/// {raster, reverse, random} x depth 0 to 3 x width {1, below D, above D} x degrees x direct x U,
/// with the activations taken in turn: 3 x 4 x 3 x 2 x 2 x 2 = 288 models of D = 6.
pub(crate) fn all(masks: MaskCount) -> impl Iterator<Item = Case> {
    use Activation::{Relu, Sigmoid, Softplus, Softsign, Tanh};
    let activations = [Relu, Softplus, Tanh, Sigmoid, Softsign];
    let orderings = [OrderingRule::Raster, OrderingRule::Reverse, OrderingRule::Random];
    let mut turn = 0;
    (0..288).map(move |i| {
        turn += 1;
        let config = ModelConfig {
            ordering: orderings[i % 3],
            hidden: vec![[1, 4, 9][i / 3 % 3]; i / 9 % 4],
            degrees: [DegreeRule::Random, DegreeRule::Even][i / 36 % 2],
            skip: i / 72 % 2 == 1,
            condition: i / 144 == 1,
            activation: activations[turn % 5],
            masks,
            ..ModelConfig::default()
        };
        Case::new(config, shape(3, 2))
    })
}

/// Network of a case in double precision, with masks that a test may change: `[to][from]`, pixels
/// by index.
pub(crate) struct Oracle {
    pub(crate) layers: Vec<Vec<Vec<bool>>>,
    pub(crate) direct: Option<Vec<Vec<bool>>>,
    params: Vec<f64>,
    positions: Vec<usize>,
    layout: ablade::made::layout::ParamLayout,
    activation: Activation,
}

impl Oracle {
    pub(crate) fn new(case: &Case, masks: &MaskSet) -> Self {
        Self {
            layers: masks.layers(),
            direct: masks.direct(),
            params: case.made.read(|p| p.iter().map(|&p| f64::from(p)).collect()),
            positions: case
                .made
                .first_ordering()
                .positions()
                .into_iter()
                .map(|p| p as usize)
                .collect(),
            layout: case.made.network().layout.clone(),
            activation: case.config.activation,
        }
    }

    pub(crate) fn logits(&self, x: &[f64]) -> Vec<f64> {
        let last = self.layout.layers.len() - 1;
        let mut h = x.to_vec();
        for (l, (link, mask)) in self.layout.layers.iter().zip(&self.layers).enumerate() {
            let row = |r: usize| if l == last { self.positions[r] } else { r };
            let col = |c: usize| if l == 0 { self.positions[c] } else { c };
            let above = (0..link.n_out).map(|r| {
                let open = (0..link.n_in).filter(|&c| mask[r][c]);
                let at = |c: usize| row(r) * link.n_in + col(c);
                let product: f64 =
                    open.clone().map(|c| self.params[link.weight.start + at(c)] * h[c]).sum();
                let offset: f64 = link
                    .condition
                    .iter()
                    .map(|u| open.clone().map(|c| self.params[u.start + at(c)]).sum::<f64>())
                    .sum();
                self.params[link.bias.start + row(r)] + product + offset
            });
            h = above
                .map(|a| if l == last { a } else { activate(self.activation, a) })
                .collect();
        }
        if let (Some(range), Some(mask)) = (&self.layout.direct, &self.direct) {
            for (d, z) in h.iter_mut().enumerate() {
                let open = (0..x.len()).filter(|&c| mask[d][c]);
                *z += open
                    .map(|c| {
                        self.params[range.start + self.positions[d] * x.len() + self.positions[c]]
                            * x[c]
                    })
                    .sum::<f64>();
            }
        }
        h
    }

    pub(crate) fn log_probability(&self, x: &[f64]) -> f64 {
        log_probability(&self.logits(x), x)
    }
}

pub(crate) fn log_probability(logits: &[f64], x: &[f64]) -> f64 {
    logits
        .iter()
        .zip(x)
        .map(|(z, x)| z * x - (z.max(0.0) + (-z.abs()).exp().ln_1p()))
        .sum()
}

fn activate(activation: Activation, a: f64) -> f64 {
    match activation {
        Activation::Relu => a.max(0.0),
        Activation::Softplus => a.max(0.0) + (-a.abs()).exp().ln_1p(),
        Activation::Tanh => a.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-a).exp()),
        Activation::Softsign => a / (1.0 + a.abs()),
    }
}

/// All of {0, 1}^D.
pub(crate) fn corners(dim: usize) -> Vec<Vec<f64>> {
    (0..1usize << dim)
        .map(|bits| (0..dim).map(|d| (bits >> d & 1) as f64).collect())
        .collect()
}

/// The same points as images.
pub(crate) fn corner_images(dim: usize) -> ablade::data::Images {
    let pixels: Vec<u8> = corners(dim).into_iter().flatten().map(|x| x as u8).collect();
    ablade::data::Images::new(pixels, dim)
}
