//! Comparison of a set of vectors with what is known of it: dimension, numbers of vectors, values.

use sha2::{Digest, Sha256};

use super::binarize::Levels;
use super::read::Pool;
use crate::text::thousands;

/// Difference between pools and a set of vectors of `dim` values 0 or 1, of which `sizes` train,
/// validate and test; `has` are the numbers that the pools give. `None` if they agree.
pub(super) fn difference(
    pools: &[Pool],
    has: [usize; 3],
    dim: usize,
    sizes: [usize; 3],
) -> Option<String> {
    let own = pools.iter().map(|pool| pool.shape.dim()).find(|&own| own != dim).unwrap_or(dim);
    if (own, has) != (dim, sizes) {
        let words = |counts: &[usize], dim| format!("{} vectors of {dim} values", listed(counts));
        return Some(format!("it has {} and not {}", words(&has, own), words(&sizes, dim)));
    }
    pools
        .iter()
        .any(|pool| pool.levels() != Levels::Binary)
        .then(|| "its values are not all 0 or 1".to_owned())
}

/// Difference of the values of all pools, in order, from those with this SHA-256; `None` also if
/// only a part of them has been read.
pub(super) fn other_bits(pools: &[Pool], sha256: &str) -> Option<String> {
    let is_whole = |pool: &Pool| pool.pixels.len() == pool.count() * pool.shape.dim();
    if !pools.iter().all(is_whole) {
        return None;
    }
    let mut hasher = Sha256::new();
    for pool in pools {
        hasher.update(pool.pixels.iter().map(|&level| u8::from(level > 0)).collect::<Vec<_>>());
    }
    let found: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    (found != sha256).then(|| format!("SHA-256 of its values is {found}, expected {sha256}"))
}

/// Counts as text.
pub(super) fn listed(counts: &[usize]) -> String {
    counts.iter().map(|&count| thousands(count)).collect::<Vec<_>>().join(" / ")
}
