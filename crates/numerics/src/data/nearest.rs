//! Nearest training images of samples, the original paper's check against memorisation.

use crate::data::Images;

/// For each of `samples`, the index of the first of `among` that differs from it in the fewest
/// pixels. Pixels count as on above `threshold` (0 for binary images).
///
/// # Panics
/// If `among` is empty.
pub fn nearest(samples: &Images, among: &Images, threshold: u8) -> Vec<usize> {
    let candidates: Vec<Vec<u64>> =
        (0..among.count()).map(|i| bits(among.row(i), threshold)).collect();
    (0..samples.count())
        .map(|i| {
            let sample = bits(samples.row(i), 0);
            let distance = |other: &Vec<u64>| -> u32 {
                sample.iter().zip(other).map(|(a, b)| (a ^ b).count_ones()).sum()
            };
            let closest = candidates.iter().enumerate().min_by_key(|(_, other)| distance(other));
            closest.expect("there are images to choose from").0
        })
        .collect()
}

/// Number of pixels in which two binary images differ (Hamming distance).
pub fn distance(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a != b).count()
}

fn bits(row: &[u8], threshold: u8) -> Vec<u64> {
    let word = |pixels: &[u8]| {
        pixels
            .iter()
            .rev()
            .fold(0, |word, &pixel| word << 1 | u64::from(pixel > threshold))
    };
    row.chunks(64).map(word).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_image_is_nearer(rows in proptest::collection::vec(proptest::collection::vec(0u8..2, 70), 2..300)) {
            let (among, samples) = rows.split_at(rows.len().div_ceil(3));
            let (among, samples) = (Images::new(among.concat(), 70), Images::new(samples.concat(), 70));
            for (s, chosen) in nearest(&samples, &among, 0).into_iter().enumerate() {
                let distance = |i: usize| distance(samples.row(s), among.row(i));
                for i in 0..among.count() {
                    prop_assert!(distance(chosen) < distance(i) || (distance(chosen) == distance(i) && chosen <= i));
                }
            }
        }
    }
}
