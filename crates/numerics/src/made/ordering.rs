//! Orderings: the order in which the pixels of an image condition on each other.

use serde::{Deserialize, Serialize};

use crate::data::Shape;
use crate::rng::Stream;

/// Path of an ordering over the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderingRule {
    /// Row by row from the top left.
    Raster,
    /// Column by column from the top left.
    Columns,
    /// Raster backwards, from the bottom right.
    Reverse,
    /// Rows in turn left to right and right to left.
    Snake,
    /// From the border inwards, clockwise from the top left.
    Spiral,
    /// From the centre outwards: the spiral backwards.
    SpiralOut,
    /// Anti-diagonal by anti-diagonal from the top left.
    Diagonal,
    /// Every second pixel first, like the white squares of a chessboard, then the others.
    Checkerboard,
    /// Uniformly random.
    Random,
}

impl OrderingRule {
    /// All rules.
    pub const ALL: [Self; 9] = [
        Self::Raster,
        Self::Columns,
        Self::Reverse,
        Self::Snake,
        Self::Spiral,
        Self::SpiralOut,
        Self::Diagonal,
        Self::Checkerboard,
        Self::Random,
    ];
}

/// A permutation of the pixels: `pixels()[t]` is the pixel at position `t` of the ordering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordering(Box<[u32]>);

impl Ordering {
    /// The ordering of a rule on a grid; only `Random` draws from `stream`.
    pub fn new(rule: OrderingRule, shape: Shape, stream: &mut Stream) -> Self {
        let (width, height) = (shape.width, shape.height);
        let pixel = |row: usize, column: usize| (row * width + column) as u32;
        let raster = || (0..height).flat_map(move |r| (0..width).map(move |c| (r, c)));
        let order: Vec<u32> = match rule {
            OrderingRule::Raster => (0..shape.dim() as u32).collect(),
            OrderingRule::Columns => {
                (0..width).flat_map(|c| (0..height).map(move |r| pixel(r, c))).collect()
            }
            OrderingRule::Reverse => (0..shape.dim() as u32).rev().collect(),
            OrderingRule::Snake => raster()
                .map(|(r, c)| pixel(r, if r % 2 == 0 { c } else { width - 1 - c }))
                .collect(),
            OrderingRule::Spiral => spiral(width, height),
            OrderingRule::SpiralOut => spiral(width, height).into_iter().rev().collect(),
            OrderingRule::Diagonal => {
                let mut cells: Vec<(usize, usize)> = raster().collect();
                cells.sort_by_key(|&(r, c)| (r + c, r));
                cells.into_iter().map(|(r, c)| pixel(r, c)).collect()
            }
            OrderingRule::Checkerboard => {
                let mut cells: Vec<(usize, usize)> = raster().collect();
                cells.sort_by_key(|&(r, c)| ((r + c) % 2, r, c));
                cells.into_iter().map(|(r, c)| pixel(r, c)).collect()
            }
            OrderingRule::Random => stream.permutation(shape.dim()),
        };
        Self(order.into())
    }

    /// An ordering from its pixels by position [D]; `None` unless they are a permutation of `0..D`.
    pub fn from_pixels(pixels: Vec<u32>) -> Option<Self> {
        let mut seen = vec![false; pixels.len()];
        for &pixel in &pixels {
            let slot = seen.get_mut(pixel as usize)?;
            if std::mem::replace(slot, true) {
                return None;
            }
        }
        Some(Self(pixels.into()))
    }

    /// Pixel at each position [D].
    pub fn pixels(&self) -> &[u32] {
        &self.0
    }

    /// Position of each pixel [D]: the inverse permutation.
    pub fn positions(&self) -> Vec<u32> {
        let mut positions = vec![0; self.0.len()];
        for (position, &pixel) in self.0.iter().enumerate() {
            positions[pixel as usize] = position as u32;
        }
        positions
    }

    /// Number of pixels D.
    pub fn dim(&self) -> usize {
        self.0.len()
    }
}

fn spiral(width: usize, height: usize) -> Vec<u32> {
    let mut order = Vec::with_capacity(width * height);
    let (mut top, mut left, mut bottom, mut right) = (0, 0, height, width);
    while top < bottom && left < right {
        order.extend((left..right).map(|c| (top, c)));
        order.extend((top + 1..bottom).map(|r| (r, right - 1)));
        if bottom - top > 1 {
            order.extend((left..right - 1).rev().map(|c| (bottom - 1, c)));
        }
        if right - left > 1 {
            order.extend((top + 1..bottom - 1).rev().map(|r| (r, left)));
        }
        (top, left, bottom, right) = (top + 1, left + 1, bottom - 1, right - 1);
    }
    order.into_iter().map(|(r, c)| (r * width + c) as u32).collect()
}
