//! Division of a source into three disjoint sets, decided by the data seed alone.
//!
//! A source's own division is used. A missing validation set is cut from the training images: as
//! many as the test set, at most a fifth. A single pool gives a tenth to each of validation and
//! test. Four Shapes is divided by blocks of frames.

use std::ops::Range;

use super::part::{Part, Use, stream};

/// Indices of a pool of `count` images that validate (`valid` of them), and of those that train.
fn hold_out(count: usize, valid: usize, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut train = shuffled(count, seed);
    let held = train.split_off(count - valid);
    (train, held)
}

/// Size of the validation set cut from `train` training images if there are `test` test images.
fn held_out(train: usize, test: usize) -> usize {
    test.min(train / 5).max(1)
}

/// Train, valid and test from one pool of `count` images.
pub(crate) fn three(count: usize, seed: u64) -> [Vec<u32>; 3] {
    let tenth = (count / 10).max(1);
    let (rest, test) = hold_out(count, tenth, seed);
    let (train, valid) = rest.split_at(rest.len() - tenth);
    [train.to_vec(), valid.to_vec(), test]
}

/// Index of the file, and indices of its images, for each of the three sets.
pub(crate) type Parts = [(usize, Vec<u32>); 3];

/// Indices of all `count` images.
pub(crate) fn all(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}

/// Train, valid and test from separate files, by the number of images in each; files are numbered
/// in this order, without missing ones. A missing validation set is cut from train. Error: which
/// other set is missing.
pub(crate) fn files(counts: [Option<usize>; 3], seed: u64) -> Result<Parts, String> {
    let [train, valid, test] = counts;
    let (Some(train), Some(test)) = (train, test) else {
        let lacking = if train.is_none() { "training" } else { "test" };
        return Err(format!(
            "no {lacking} images: files, folders or arrays named train and test are expected (valid is optional)"
        ));
    };
    match valid {
        Some(valid) => Ok([(0, all(train)), (1, all(valid)), (2, all(test))]),
        None if train < 2 => Err("one training image cannot also validate".to_owned()),
        None => {
            let (train, valid) = hold_out(train, held_out(train, test), seed);
            Ok([(0, train), (0, valid), (1, all(test))])
        }
    }
}

/// Number of blocks into which a class is cut, some of which validate and test.
const BLOCKS: usize = 20;
const HELD_BLOCKS: usize = 2;
/// Frames left out between two blocks, because they resemble both neighbours.
const GAP: usize = 5;

/// Train, valid and test from frames of a film, one range of indices a class: whole blocks of
/// consecutive frames go to one of the three, so that near-duplicates stay together.
pub(crate) fn blocks(classes: &[Range<usize>], seed: u64) -> [Vec<u32>; 3] {
    let mut parts = [vec![], vec![], vec![]];
    for (class, range) in classes.iter().enumerate() {
        let mut order: Vec<usize> = (0..BLOCKS).collect();
        stream(seed, Use::Split, Part::Train, class + 1).shuffle(&mut order);
        for (rank, block) in order.into_iter().enumerate() {
            let part = if rank < HELD_BLOCKS { Part::Test } else { part_of_rest(rank) };
            let start = range.start + block * range.len() / BLOCKS;
            let end = range.start + (block + 1) * range.len() / BLOCKS;
            parts[part as usize].extend((start..end.saturating_sub(GAP)).map(|i| i as u32));
        }
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

fn part_of_rest(rank: usize) -> Part {
    if rank < 2 * HELD_BLOCKS { Part::Valid } else { Part::Train }
}

/// The first `count` of a part's images in an order shuffled by the data seed: a smaller set is a
/// subset of a larger one.
pub(crate) fn subset(images: Vec<u32>, count: usize, seed: u64, part: Part) -> Vec<u32> {
    if count == images.len() {
        return images;
    }
    let order = stream(seed, Use::Subset, part, 0).permutation(images.len());
    order[..count].iter().map(|&i| images[i as usize]).collect()
}

fn shuffled(count: usize, seed: u64) -> Vec<u32> {
    stream(seed, Use::Split, Part::Train, 0).permutation(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn disjoint(parts: &[Vec<u32>; 3]) -> usize {
        let mut all: Vec<u32> = parts.concat();
        let total = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), total, "an image is in two sets");
        assert!(parts.iter().all(|part| !part.is_empty()));
        total
    }

    proptest! {
        #[test]
        fn a_pool_is_divided_without_loss_or_overlap(count in 3usize..500, seed in any::<u64>()) {
            let parts = three(count, seed);
            prop_assert_eq!(disjoint(&parts), count);
            prop_assert_eq!(parts[1].len(), parts[2].len());
        }

        #[test]
        fn smaller_sets_lie_within_larger_ones(count in 1usize..200, seed in any::<u64>()) {
            let all: Vec<u32> = (0..200).collect();
            let small = subset(all.clone(), count, seed, Part::Train);
            let large = subset(all, 199, seed, Part::Train);
            prop_assert_eq!(&large[..small.len().min(199)], &small[..small.len().min(199)]);
        }
    }

    #[test]
    fn blocks_keep_neighbouring_frames_together() {
        let parts = blocks(&[0..3720, 3720..7485], 0);
        disjoint(&parts);
        for part in 1..3 {
            for frame in &parts[part] {
                let near = |other: &u32| other.abs_diff(*frame) <= GAP as u32;
                assert!(
                    !parts[0].iter().any(near),
                    "frame {frame} has a neighbour in the training set"
                );
            }
        }
        assert_ne!(parts, blocks(&[0..3720, 3720..7485], 1));
    }
}
