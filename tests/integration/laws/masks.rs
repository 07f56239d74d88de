//! Laws of orderings, degrees and masks.

use ablade::data::Shape;
use ablade::made::degrees::DegreeRule;
use ablade::made::masks::{MaskSet, Masks};
use ablade::made::ordering::{Ordering, OrderingRule};
use ablade::made::{MaskCount, ModelConfig, Resample};
use ablade::rng::{Purpose, Seed};

use super::cases::{self, SEED, shape};

/// Paths from input pixels to output pixels: the product of the masks, and the direct connections.
fn paths(layers: &[Vec<Vec<bool>>], direct: Option<&Vec<Vec<bool>>>, dim: usize) -> Vec<Vec<bool>> {
    let mut reach: Vec<Vec<bool>> = (0..dim).map(|i| (0..dim).map(|j| i == j).collect()).collect();
    if layers.len() == 1 {
        reach.clear();
    }
    for mask in layers {
        reach = mask
            .iter()
            .map(|row| {
                (0..dim)
                    .map(|j| row.iter().zip(&reach).any(|(&open, below)| open && below[j]))
                    .collect()
            })
            .collect();
    }
    if let Some(direct) = direct {
        for (row, direct) in reach.iter_mut().zip(direct) {
            row.iter_mut().zip(direct).for_each(|(path, &open)| *path |= open);
        }
    }
    reach
}

fn autoregressive(paths: &[Vec<bool>], ordering: &Ordering) -> bool {
    let positions = ordering.positions();
    paths.iter().enumerate().all(|(to, row)| {
        row.iter()
            .enumerate()
            .all(|(from, &open)| !open || positions[from] < positions[to])
    })
}

/// Each output sees only pixels before it, and exactly the prefix that the degrees promise.
#[test]
fn paths_are_the_promised_prefixes() {
    for case in cases::all(MaskCount::Cycle(1)) {
        let masks = case.first();
        let paths = paths(&masks.layers(), masks.direct().as_ref(), case.shape.dim());
        assert!(autoregressive(&paths, masks.ordering()), "{}", case.name);
        let positions = masks.ordering().positions();
        for (position, &pixel) in masks.ordering().pixels().iter().enumerate() {
            let mut seen: Vec<u32> = (0..case.shape.dim())
                .filter(|&j| paths[pixel as usize][j])
                .map(|j| positions[j])
                .collect();
            seen.sort_unstable();
            let promised: Vec<u32> = (0..masks.visible()[position] as u32).collect();
            assert_eq!(seen, promised, "output {position} of {}", case.name);
        }
    }
}

/// Control: an output mask with >= instead of > lets outputs see themselves, and the check above
/// detects it.
#[test]
fn control_a_loose_output_mask_is_noticed() {
    let (mut noticed, mut tried) = (0, 0);
    for case in cases::all(MaskCount::Cycle(1)).filter(|case| case.config.hidden.len() == 1) {
        let masks = case.first();
        let positions = masks.ordering().positions();
        let mut layers = masks.layers();
        let last = masks.degrees().last().unwrap();
        for (pixel, row) in layers.last_mut().unwrap().iter_mut().enumerate() {
            row.iter_mut()
                .zip(last)
                .for_each(|(open, &m)| *open = positions[pixel] + 1 >= m);
        }
        tried += 1;
        noticed +=
            usize::from(!autoregressive(&paths(&layers, None, case.shape.dim()), masks.ordering()));
    }
    assert_eq!(noticed, tried);
}

/// Even degrees on a wide enough layer, or direct connections, open every connection that the
/// ordering permits.
#[test]
fn nothing_is_lost_where_nothing_must_be() {
    for case in cases::all(MaskCount::Cycle(1)) {
        let dim = case.shape.dim();
        let wide = case.config.degrees == DegreeRule::Even
            && !case.config.hidden.is_empty()
            && case.config.hidden.iter().all(|&width| width >= dim - 1);
        if wide || case.config.skip {
            assert_eq!(case.first().visible(), (0..dim).collect::<Vec<_>>(), "{}", case.name);
        }
    }
    // Control: one unit cannot show every output all it may see.
    let narrow = ModelConfig { hidden: vec![1], ..ModelConfig::default() };
    let masks = Masks::new(&narrow, shape(3, 2), 1, SEED).trained(0);
    assert_ne!(masks.visible(), (0..6).collect::<Vec<_>>());
}

/// Every ordering is a permutation, on a grid that is not square.
#[test]
fn orderings_are_permutations_with_inverses() {
    for rule in OrderingRule::ALL {
        for (width, height) in [(1, 1), (2, 1), (1, 5), (3, 2), (2, 3), (5, 4), (28, 28)] {
            let ordering =
                Ordering::new(rule, shape(width, height), &mut SEED.stream(Purpose::Ordering, 0));
            let positions = ordering.positions();
            assert!(
                Ordering::from_pixels(ordering.pixels().to_vec()).is_some(),
                "{rule:?} on {width}x{height}"
            );
            for (position, &pixel) in ordering.pixels().iter().enumerate() {
                assert_eq!(positions[pixel as usize] as usize, position);
            }
        }
    }
    assert!(Ordering::from_pixels(vec![0, 0, 1]).is_none());
    assert!(Ordering::from_pixels(vec![0, 3, 1]).is_none());
}

/// Orderings on 2 rows of 3 pixels, where exchanged rows and columns would be visible.
#[test]
fn orderings_walk_as_they_are_named() {
    let grid = |rule| {
        Ordering::new(rule, shape(3, 2), &mut SEED.stream(Purpose::Ordering, 0))
            .pixels()
            .to_vec()
    };
    assert_eq!(grid(OrderingRule::Raster), [0, 1, 2, 3, 4, 5]);
    assert_eq!(grid(OrderingRule::Columns), [0, 3, 1, 4, 2, 5]);
    assert_eq!(grid(OrderingRule::Reverse), [5, 4, 3, 2, 1, 0]);
    assert_eq!(grid(OrderingRule::Snake), [0, 1, 2, 5, 4, 3]);
    assert_eq!(grid(OrderingRule::Spiral), [0, 1, 2, 5, 4, 3]);
    assert_eq!(grid(OrderingRule::SpiralOut), [3, 4, 5, 2, 1, 0]);
    assert_eq!(grid(OrderingRule::Diagonal), [0, 1, 3, 2, 4, 5]);
    assert_eq!(grid(OrderingRule::Checkerboard), [0, 2, 4, 1, 3, 5]);
    let spiral =
        Ordering::new(OrderingRule::Spiral, shape(3, 3), &mut SEED.stream(Purpose::Ordering, 0));
    assert_eq!(spiral.pixels(), [0, 1, 2, 5, 8, 7, 6, 3, 4]);
}

fn masks_of(count: MaskCount, resample: Resample, ordering: OrderingRule) -> Masks {
    let config = ModelConfig {
        masks: count,
        resample,
        ordering,
        hidden: vec![20],
        ..ModelConfig::default()
    };
    Masks::new(&config, Shape { width: 4, height: 4 }, 3, Seed(5))
}

/// A cycle of K repeats after exactly K changes, and evaluation uses the masks of training.
#[test]
fn evaluated_masks_are_the_trained_ones() {
    let masks = masks_of(MaskCount::Cycle(4), Resample::Both, OrderingRule::Random);
    let trained: Vec<MaskSet> = (0..9).map(|change| masks.trained(change)).collect();
    for (change, mask) in trained.iter().enumerate() {
        assert_eq!(*mask, masks.evaluated(change % 4));
        for (other, another) in trained.iter().enumerate().take(change) {
            assert_eq!(mask == another, change % 4 == other % 4, "changes {change} and {other}");
        }
    }
    assert_eq!(masks.evaluated_count(), 4);
    let again = masks_of(MaskCount::Cycle(4), Resample::Both, OrderingRule::Random);
    assert_eq!(again.trained(2), trained[2]);
}

/// Without a cycle no mask occurs twice, and the evaluated masks are fixed and different from the
/// trained ones.
#[test]
fn fresh_masks_never_repeat() {
    let masks = masks_of(MaskCount::Fresh, Resample::Both, OrderingRule::Random);
    let trained: Vec<MaskSet> = (0..20).map(|change| masks.trained(change)).collect();
    for (i, mask) in trained.iter().enumerate() {
        assert!(!trained[..i].contains(mask), "mask {i} came before");
    }
    for i in 0..masks.evaluated_count() {
        assert!(!trained.contains(&masks.evaluated(i)));
        assert_eq!(masks.evaluated(i), masks.evaluated(i));
    }
}

/// Orderings and connectivity are resampled separately or together, as configured.
#[test]
fn resampling_changes_what_it_says() {
    for (resample, order_moves, degrees_move) in [
        (Resample::Both, true, true),
        (Resample::Ordering, true, false),
        (Resample::Connectivity, false, true),
    ] {
        let masks = masks_of(MaskCount::Cycle(3), resample, OrderingRule::Random);
        let (a, b) = (masks.trained(0), masks.trained(1));
        assert_eq!(a.ordering() != b.ordering(), order_moves, "{resample:?}");
        assert_eq!(a.degrees() != b.degrees(), degrees_move, "{resample:?}");
        assert_eq!(masks.share_ordering(), !order_moves);
    }
    assert!(masks_of(MaskCount::Cycle(3), Resample::Both, OrderingRule::Spiral).share_ordering());
}
