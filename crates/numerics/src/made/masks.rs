//! Masks: the weights that may differ from zero, for one ordering and one assignment of degrees.
//!
//! With m0(d) in 1..=D the position of pixel d in the ordering and m(k) the degree of a hidden unit
//! (Germain et al. 2015, equations 12 and 13):
//!
//! ```text
//! hidden from below    m(k') >= m(k)
//! output from hidden   m0(d) >  m(k)
//! output from input    m0(d) >  m0(d')    direct connections
//! ```
//!
//! Along every path degrees never decrease, and the last step is strict: no output depends on its
//! own pixel or a later one.

use crate::data::Shape;
use crate::made::degrees::DegreeRule;
use crate::made::ordering::{Ordering, OrderingRule};
use crate::made::{MaskCount, ModelConfig, Resample};
use crate::rng::{Purpose, Seed};

/// One ordering with one assignment of degrees: autoregressive for any weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskSet {
    ordering: Ordering,
    degrees: Vec<Vec<u32>>,
    skip: bool,
}

impl MaskSet {
    /// Joins an ordering and the degrees of each hidden layer.
    ///
    /// # Panics
    /// If a degree is zero: such a unit would be constant.
    pub fn new(ordering: Ordering, degrees: Vec<Vec<u32>>, skip: bool) -> Self {
        assert!(degrees.iter().flatten().all(|&m| m > 0), "degrees start at 1");
        Self { ordering, degrees, skip }
    }

    /// The ordering.
    pub fn ordering(&self) -> &Ordering {
        &self.ordering
    }

    /// Degrees of the units of each hidden layer.
    pub fn degrees(&self) -> &[Vec<u32>] {
        &self.degrees
    }

    /// True if inputs are connected to outputs directly.
    pub fn skip(&self) -> bool {
        self.skip
    }

    /// The same hidden units under the ordering that puts the `given` pixels first and is otherwise
    /// this one: another member of the family of models that training over orderings trains.
    #[must_use]
    pub fn with_first(&self, given: &[bool]) -> Self {
        let (first, rest): (Vec<u32>, Vec<u32>) =
            self.ordering.pixels().iter().partition(|&&p| given[p as usize]);
        let ordering =
            Ordering::from_pixels([first, rest].concat()).expect("two parts of a permutation");
        Self { ordering, ..self.clone() }
    }

    /// m0, one plus the position of each pixel [D].
    fn input_degrees(&self) -> Vec<u32> {
        self.ordering.positions().into_iter().map(|position| position + 1).collect()
    }

    /// Masks of the hidden layers and, last, of the hidden-to-output weights, each [n_out x n_in],
    /// inputs and outputs by pixel. Without a hidden layer the last one has no columns.
    pub fn layers(&self) -> Vec<Vec<Vec<bool>>> {
        let input = self.input_degrees();
        let mut below = &input;
        let mut masks = Vec::with_capacity(self.degrees.len() + 1);
        for layer in &self.degrees {
            masks.push(compare(layer, below, |to, from| to >= from));
            below = layer;
        }
        let last = self.degrees.last().map_or(&[][..], Vec::as_slice);
        masks.push(compare(&input, last, |to, from| to > from));
        masks
    }

    /// Mask of the direct connections [D x D], outputs x inputs by pixel, if the model has them.
    pub fn direct(&self) -> Option<Vec<Vec<bool>>> {
        let input = self.input_degrees();
        self.skip.then(|| compare(&input, &input, |to, from| to > from))
    }

    /// Number of leading positions that the output at each position depends on, f(t) <= t [D].
    /// They are always a prefix of the ordering, because masks compare nothing but degrees.
    pub fn visible(&self) -> Vec<usize> {
        // The highest input degree from which a path leads to a unit of degree at most m. Units are
        // sorted by degree, so that bisection finds the last of them; it depends on the most
        // inputs, because each unit sees everything that those of lower degree see.
        let seen_from = |reach: &[(u32, u32)], m: u32| match reach
            .partition_point(|(degree, _)| *degree <= m)
        {
            0 => 0,
            above => reach[above - 1].1,
        };
        let mut reach: Vec<(u32, u32)> = (1..=self.ordering.dim() as u32).map(|m| (m, m)).collect();
        for layer in &self.degrees {
            let mut above: Vec<(u32, u32)> =
                layer.iter().map(|&m| (m, seen_from(&reach, m))).collect();
            above.sort_unstable();
            above.dedup();
            reach = above;
        }
        let through_hidden = |t: u32| seen_from(&reach, t);
        (0..self.ordering.dim() as u32)
            .map(|t| match (self.skip, self.degrees.is_empty()) {
                (true, _) => t as usize,
                (false, true) => 0,
                (false, false) => through_hidden(t) as usize,
            })
            .collect()
    }
}

fn compare(to: &[u32], from: &[u32], open: impl Fn(u32, u32) -> bool) -> Vec<Vec<bool>> {
    to.iter().map(|&t| from.iter().map(|&f| open(t, f)).collect()).collect()
}

/// The masks of a run, each drawn from its index: in any order, and always the same.
///
/// There is no state that advances: training, evaluation and a resumed run that ask for mask `i`
/// get the same one.
#[derive(Debug, Clone)]
pub struct Masks {
    shape: Shape,
    widths: Vec<usize>,
    ordering: OrderingRule,
    degrees: DegreeRule,
    count: MaskCount,
    resample: Resample,
    skip: bool,
    fresh_evaluated: usize,
    seed: Seed,
}

impl Masks {
    /// The masks of a model; `fresh_evaluated` masks are evaluated if training never repeats one.
    pub fn new(model: &ModelConfig, shape: Shape, fresh_evaluated: usize, seed: Seed) -> Self {
        Self {
            shape,
            widths: model.hidden.clone(),
            ordering: model.ordering,
            degrees: model.degrees,
            count: model.masks,
            resample: model.resample,
            skip: model.skip,
            fresh_evaluated,
            seed,
        }
    }

    /// Number of pixels D.
    pub fn dim(&self) -> usize {
        self.shape.dim()
    }

    /// Number of units of each hidden layer.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Mask of training after `change` changes of the mask.
    pub fn trained(&self, change: u64) -> MaskSet {
        self.draw(self.trained_index(change))
    }

    /// Index of that mask: masks with equal indices are equal.
    pub fn trained_index(&self, change: u64) -> u64 {
        match self.count {
            MaskCount::Cycle(count) => change % count as u64,
            MaskCount::Fresh => change,
        }
    }

    /// True if training and evaluation use a single mask.
    pub fn only_one(&self) -> bool {
        self.count == MaskCount::Cycle(1)
    }

    /// Number of masks that are evaluated: the whole cycle, or `fresh_evaluated` masks.
    pub fn evaluated_count(&self) -> usize {
        match self.count {
            MaskCount::Cycle(count) => count,
            MaskCount::Fresh => self.fresh_evaluated,
        }
    }

    /// Evaluated mask `i`. A cycle evaluates the masks that it trains; otherwise these are masks
    /// whose indices training, which counts from zero, never reaches.
    pub fn evaluated(&self, i: usize) -> MaskSet {
        const FRESH: u64 = 1 << 60;
        match self.count {
            MaskCount::Cycle(_) => self.draw(i as u64),
            MaskCount::Fresh => self.draw(FRESH + i as u64),
        }
    }

    /// True if all masks share one ordering, so that their conditionals can be averaged pixel by
    /// pixel.
    pub fn share_ordering(&self) -> bool {
        self.ordering != OrderingRule::Random
            || self.resample == Resample::Connectivity
            || self.count == MaskCount::Cycle(1)
    }

    /// The mask with an index. Units are exchangeable, so the first mask of a run numbers them by
    /// degree: the units of a run with one mask are then always sorted, as the kernels need it.
    fn draw(&self, index: u64) -> MaskSet {
        let ordering_index = if self.resample == Resample::Connectivity { 0 } else { index };
        let degrees_index = if self.resample == Resample::Ordering { 0 } else { index };
        let ordering = Ordering::new(
            self.ordering,
            self.shape,
            &mut self.seed.stream(Purpose::Ordering, ordering_index),
        );
        let mut stream = self.seed.stream(Purpose::Degrees, degrees_index);
        let mut degrees = self.degrees.assign(&self.widths, self.shape.dim(), &mut stream);
        if degrees_index == 0 {
            for layer in &mut degrees {
                layer.sort_unstable();
            }
        }
        MaskSet::new(ordering, degrees, self.skip)
    }
}
