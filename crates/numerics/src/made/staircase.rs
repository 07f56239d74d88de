//! Staircases: a mask as one prefix length a row.
//!
//! With the units of every layer sorted by degree, and inputs and outputs by position, a unit sees
//! a prefix of the layer below, and the longer the later it stands. So no mask matrix is ever
//! built, and whole blocks of zeros are skipped.

use crate::made::masks::MaskSet;
use crate::made::ordering::Ordering;

/// The mask of one matrix in sorted space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stairs {
    /// Number of leading columns that each row sees; never falls from one row to the next.
    pub prefix: Vec<u32>,
    /// First row that sees each column; never falls either.
    pub from: Vec<u32>,
    /// Model-space row of each sorted row, unless they agree.
    pub rows: Option<Vec<u32>>,
    /// Model-space column of each sorted column, unless they agree.
    pub cols: Option<Vec<u32>>,
}

impl Stairs {
    fn new(prefix: Vec<u32>, width: usize, rows: Option<Vec<u32>>, cols: Option<Vec<u32>>) -> Self {
        let mut from = Vec::with_capacity(width);
        for (row, &seen) in prefix.iter().enumerate() {
            from.resize(seen as usize, row as u32);
        }
        from.resize(width, prefix.len() as u32);
        Self { prefix, from, rows, cols }
    }
}

/// A mask set as the kernels see it, relative to the model space of a run's first mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staircase {
    /// Pixel at each position of the ordering.
    pub pixels: Vec<u32>,
    /// Position of each pixel.
    pub positions: Vec<u32>,
    /// Hidden layers from the input up, then the output.
    pub links: Vec<Stairs>,
    /// Direct connections, where the mask set has them.
    pub direct: Option<Stairs>,
    /// Degrees of the hidden layers, sorted.
    pub degrees: Vec<Vec<u32>>,
}

impl Staircase {
    /// Sorts `masks`; `first` is the ordering of the run's first mask, which numbers inputs in
    /// model space.
    pub fn new(masks: &MaskSet, first: &Ordering) -> Self {
        let dim = masks.ordering().dim();
        let positions = first.positions();
        let input = nontrivial(
            masks
                .ordering()
                .pixels()
                .iter()
                .map(|&pixel| positions[pixel as usize])
                .collect(),
        );
        let mut links = Vec::with_capacity(masks.degrees().len() + 1);
        let mut sorted_degrees = Vec::with_capacity(masks.degrees().len());
        let mut below_order = input.clone();
        let mut below: Vec<u32> = (1..=dim as u32).collect();
        for layer in masks.degrees() {
            let mut order: Vec<u32> = (0..layer.len() as u32).collect();
            order.sort_by_key(|&unit| (layer[unit as usize], unit));
            let sorted: Vec<u32> = order.iter().map(|&unit| layer[unit as usize]).collect();
            let order = nontrivial(order);
            let prefix =
                sorted.iter().map(|&m| below.partition_point(|&b| b <= m) as u32).collect();
            links.push(Stairs::new(prefix, below.len(), order.clone(), below_order));
            below_order = order;
            below.clone_from(&sorted);
            sorted_degrees.push(sorted);
        }
        let last = if masks.degrees().is_empty() { &[][..] } else { &below[..] };
        let prefix = (1..=dim as u32).map(|m| last.partition_point(|&b| b < m) as u32).collect();
        let cols = if masks.degrees().is_empty() { None } else { below_order };
        links.push(Stairs::new(prefix, last.len(), input.clone(), cols));
        let direct = masks
            .skip()
            .then(|| Stairs::new((0..dim as u32).collect(), dim, input.clone(), input));
        let (pixels, positions) =
            (masks.ordering().pixels().to_vec(), masks.ordering().positions());
        Self { pixels, positions, links, direct, degrees: sorted_degrees }
    }
}

/// `None` for the identity.
fn nontrivial(order: Vec<u32>) -> Option<Vec<u32>> {
    let identity = order.iter().enumerate().all(|(i, &o)| i as u32 == o);
    (!identity).then_some(order)
}
