//! Nearest training images of samples, the original paper's check against memorisation.

use crate::data::Images;

/// For each of `samples`, the index of the first of `among` at the smallest [`distance`]; pixels
/// have this many levels.
///
/// # Panics
/// If `among` is empty.
pub fn nearest(samples: &Images, among: &Images, levels: usize) -> Vec<usize> {
    if levels > 2 {
        let greys: Vec<&[u8]> = (0..among.count()).map(|i| among.row(i)).collect();
        return closest(samples, &greys, |i| samples.row(i), |a, b| distance(a, b));
    }
    let candidates: Vec<Vec<u64>> = (0..among.count()).map(|i| bits(among.row(i))).collect();
    let differ = |a: &Vec<u64>, b: &Vec<u64>| {
        a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones() as usize).sum()
    };
    closest(samples, &candidates, |i| bits(samples.row(i)), differ)
}

/// Index of the first of `candidates` that is closest to each sample, in the form that they have.
fn closest<T>(
    samples: &Images,
    candidates: &[T],
    sample: impl Fn(usize) -> T,
    distance: impl Fn(&T, &T) -> usize,
) -> Vec<usize> {
    let closest_to = |i: usize| {
        let sample = sample(i);
        let all = candidates.iter().enumerate();
        all.min_by_key(|(_, other)| distance(&sample, other))
            .expect("there are images to choose from")
            .0
    };
    (0..samples.count()).map(closest_to).collect()
}

/// Sum of the absolute differences of the levels of two images; of binary ones the number of pixels
/// in which they differ (Hamming distance).
pub fn distance(a: &[u8], b: &[u8]) -> usize {
    // Of 32 bits, so that it is one instruction for eight pixels on x86 (psadbw).
    a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>() as usize
}

fn bits(row: &[u8]) -> Vec<u64> {
    let word =
        |pixels: &[u8]| pixels.iter().rev().fold(0, |word, &pixel| word << 1 | u64::from(pixel));
    row.chunks(64).map(word).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_image_is_nearer(
            (levels, rows) in prop_oneof![Just(2u16), Just(4), Just(256)].prop_flat_map(|levels| {
                let pixel = (0..levels).prop_map(|level| level as u8);
                let rows = proptest::collection::vec(proptest::collection::vec(pixel, 70), 2..300);
                (Just(usize::from(levels)), rows)
            }),
        ) {
            let (among, samples) = rows.split_at(rows.len().div_ceil(3));
            let (among, samples) = (Images::new(among.concat(), 70), Images::new(samples.concat(), 70));
            for (s, chosen) in nearest(&samples, &among, levels).into_iter().enumerate() {
                let distance = |i: usize| distance(samples.row(s), among.row(i));
                for i in 0..among.count() {
                    prop_assert!(distance(chosen) < distance(i) || (distance(chosen) == distance(i) && chosen <= i));
                }
            }
        }
    }
}
