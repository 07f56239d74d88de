//! Laws of the likelihood: the network computes a distribution, in every engine, and its scores are
//! exact.

use ablade::data::Images;
use ablade::made::evaluate::{nll_averaged_conditionals, nll_mixture, nll_single_mask};
use ablade::made::masks::Masks;
use ablade::made::model::Made;
use ablade::made::ordering::OrderingRule;
use ablade::made::reference::Reference;
use ablade::made::{MaskCount, ModelConfig, Resample};
use ablade::parallel::ThreadPool;
use ablade::rng::Purpose;
use candle_core::{DType, Device, Tensor};

use super::cases::{self, Case, Oracle, SEED, corner_images, corners, log_probability, shape};

fn reference(case: &Case, index: usize) -> Reference {
    let first = case.made.first_ordering();
    Reference::new(
        case.made.network(),
        &case.masks.evaluated(index),
        first,
        DType::F64,
        &Device::Cpu,
    )
    .unwrap()
}

fn reference_nlls(case: &Case, index: usize, points: &[Vec<f64>]) -> Vec<f64> {
    let x = Tensor::new(points.concat(), &Device::Cpu)
        .unwrap()
        .reshape((points.len(), case.shape.dim()))
        .unwrap();
    let params = case.made.parameters().to_dtype(DType::F64).unwrap();
    reference(case, index).nll(&params, &x).unwrap().to_vec1().unwrap()
}

/// Probabilities sum to one over {0,1}^D: for the reference engine to 1e-10, for the kernels to
/// single precision; for single masks and the mixture of three. The reference agrees with the
/// network written out, and the kernels with the reference.
#[test]
fn probabilities_sum_to_one() {
    let pool = ThreadPool::new(1);
    let points = corners(6);
    let images = corner_images(6);
    for case in cases::all(MaskCount::Cycle(3)) {
        let oracle = Oracle::new(&case, &case.first());
        let mut all = Vec::new();
        for k in 0..3 {
            let exact = reference_nlls(&case, k, &points);
            let total: f64 = exact.iter().map(|nll| (-nll).exp()).sum();
            assert!((total - 1.0).abs() < 1e-10, "sum {total}: {}", case.name);
            if k == 0 {
                for (x, nll) in points.iter().zip(&exact) {
                    assert!((oracle.log_probability(x) + nll).abs() < 1e-9, "{}", case.name);
                }
            }
            let fast = nll_single_mask(&case.made, &pool, &case.masks.evaluated(k), &images);
            for (fast, exact) in fast.iter().zip(&exact) {
                assert!((fast - exact).abs() < 1e-4, "{fast} against {exact}: {}", case.name);
            }
            all.push(exact);
        }
        let total: f64 = nll_mixture(&all).iter().map(|nll| (-nll).exp()).sum();
        assert!((total - 1.0).abs() < 1e-10, "mixture sums to {total}: {}", case.name);
    }
}

/// Control: an output mask with >=, and a mask of ones, do not sum to one.
#[test]
fn control_wrong_masks_do_not_sum_to_one() {
    let points = corners(6);
    let total =
        |oracle: &Oracle| points.iter().map(|x| oracle.log_probability(x).exp()).sum::<f64>();
    for ones in [false, true] {
        let mut broken = 0;
        for case in cases::all(MaskCount::Cycle(2)).filter(|case| case.config.hidden == [9]) {
            let masks = case.first();
            let mut oracle = Oracle::new(&case, &masks);
            assert!((total(&oracle) - 1.0).abs() < 1e-10);
            let positions = masks.ordering().positions();
            for (pixel, row) in oracle.layers[1].iter_mut().enumerate() {
                row.iter_mut()
                    .zip(&masks.degrees()[0])
                    .for_each(|(open, &m)| *open = ones || positions[pixel] + 1 >= m);
            }
            broken += usize::from((total(&oracle) - 1.0).abs() > 1e-6);
        }
        assert!(broken > 6, "only {broken} broken models were noticed");
    }
}

/// With masks of one ordering, the averaged conditionals are a distribution, different from the
/// mixture. Masks of several orderings are refused; as a control, averaging logits there anyway
/// does not give a distribution.
#[test]
fn averaging_conditionals_needs_one_ordering() {
    let pool = ThreadPool::new(1);
    let images = corner_images(6);
    let case = |resample| {
        let config = ModelConfig {
            hidden: vec![9],
            ordering: OrderingRule::Random,
            masks: MaskCount::Cycle(4),
            resample,
            ..ModelConfig::default()
        };
        Case::new(config, shape(3, 2))
    };
    let shared = case(Resample::Connectivity);
    let masks: Vec<_> = (0..4).map(|k| shared.masks.evaluated(k)).collect();
    let nlls = nll_averaged_conditionals(&shared.made, &pool, &masks, &images).unwrap();
    let total: f64 = nlls.iter().map(|nll| (-nll).exp()).sum();
    assert!((total - 1.0).abs() < 1e-5, "averaged conditionals sum to {total}");
    let singles: Vec<_> = masks
        .iter()
        .map(|mask| nll_single_mask(&shared.made, &pool, mask, &images))
        .collect();
    let apart: f64 =
        nll_mixture(&singles).iter().zip(&nlls).map(|(m, a)| (m - a).abs()).sum::<f64>() / 64.0;
    assert!(apart > 0.01, "mixture and averaged conditionals differ by {apart} nats only");

    let several = case(Resample::Both);
    let masks: Vec<_> = (0..4).map(|k| several.masks.evaluated(k)).collect();
    assert!(nll_averaged_conditionals(&several.made, &pool, &masks, &images).is_none());
    let oracles: Vec<_> = masks.iter().map(|mask| Oracle::new(&several, mask)).collect();
    let mean_logits = |x: &[f64]| {
        let all: Vec<_> = oracles.iter().map(|oracle| oracle.logits(x)).collect();
        (0..6).map(|d| all.iter().map(|z| z[d]).sum::<f64>() / 4.0).collect::<Vec<_>>()
    };
    let total: f64 = corners(6).iter().map(|x| log_probability(&mean_logits(x), x).exp()).sum();
    assert!((total - 1.0).abs() > 1e-3, "averaged logits sum to {total}");
}

/// Changing pixel j does not change any bit of the logits of pixels at or before it in the
/// ordering, in the kernels.
#[test]
fn no_output_sees_its_own_or_a_later_pixel() {
    let pool = ThreadPool::new(1);
    let mut moved = 0;
    for case in cases::all(MaskCount::Cycle(2)) {
        let masks = case.masks.evaluated(1);
        let positions = masks.ordering().positions();
        let conditionals = |pixels: Vec<u8>| {
            ablade::made::evaluate::conditional_means(
                &case.made,
                &pool,
                &masks,
                &Images::new(pixels, 6),
            )
        };
        let base = vec![1, 0, 1, 1, 0, 0];
        let before = conditionals(base.clone());
        for j in 0..6 {
            let mut changed = base.clone();
            changed[j] ^= 1;
            for (d, (was, is)) in before.iter().zip(conditionals(changed)).enumerate() {
                if positions[d] <= positions[j] {
                    assert!(
                        was.to_bits() == is.to_bits(),
                        "pixel {d} saw pixel {j}: {}",
                        case.name
                    );
                } else {
                    moved += usize::from(*was != is);
                }
            }
        }
    }
    assert!(moved > 1000, "later pixels hardly see anything: {moved}");
}

/// Weights that the mask closes have no effect: with any finite value there, every bit of the
/// output is unchanged.
#[test]
fn masked_weights_are_inert() {
    let pool = ThreadPool::new(1);
    let images = corner_images(6);
    for case in cases::all(MaskCount::Cycle(2)) {
        let mask = case.masks.evaluated(1);
        let first = case.made.first_ordering();
        let network = case.made.network();
        let closed = closed_parameters(&case, 1);
        let wild: Vec<f32> = case.made.read(|p| {
            p.iter()
                .zip(&closed)
                .map(|(&p, &closed)| if closed { 1e30 } else { p })
                .collect()
        });
        let tampered = Made::with_parameters(&case.config, case.shape, &case.masks, wild).unwrap();
        assert_eq!(
            nll_single_mask(&case.made, &pool, &mask, &images),
            nll_single_mask(&tampered, &pool, &mask, &images)
        );
        let engine = Reference::new(network, &mask, first, DType::F32, &Device::Cpu).unwrap();
        let x =
            Tensor::from_iter(images.pixels().iter().map(|&p| f32::from(p)), &Device::Cpu).unwrap();
        let x = x.reshape((64, 6)).unwrap();
        let logits =
            |made: &Made| engine.logits(made.parameters(), &x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(logits(&case.made), logits(&tampered), "{}", case.name);
    }
}

/// Parameters that evaluated mask `index` closes.
pub(crate) fn closed_parameters(case: &Case, index: usize) -> Vec<bool> {
    let open = case.made.open_parameters(&case.masks.evaluated(index));
    open.into_iter().map(|open| !open).collect()
}

/// For each image, the best mask bounds the mixture from below; the mean, and log K over the best,
/// from above. K copies of a mask are equal to that mask, their order has no effect, and a
/// likelihood of 10^4 nats is finite.
#[test]
fn the_mixture_keeps_its_bounds() {
    let pool = ThreadPool::new(1);
    let config = ModelConfig {
        hidden: vec![9, 9],
        ordering: OrderingRule::Random,
        masks: MaskCount::Cycle(5),
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(3, 2));
    let mut nlls: Vec<_> = (0..5)
        .map(|k| nll_single_mask(&case.made, &pool, &case.masks.evaluated(k), &corner_images(6)))
        .collect();
    let mixed = nll_mixture(&nlls);
    for (i, mixed) in mixed.iter().enumerate() {
        let each: Vec<f64> = nlls.iter().map(|nll| nll[i]).collect();
        let least = each.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = each.iter().sum::<f64>() / 5.0;
        assert!(
            least <= mixed + 1e-12 && *mixed <= mean.min(5f64.ln() + least) + 1e-12,
            "{least} {mixed} {mean}"
        );
    }
    nlls.reverse();
    for (a, b) in nll_mixture(&nlls).iter().zip(&mixed) {
        assert!((a - b).abs() < 1e-12);
    }
    assert_eq!(
        nll_mixture(&[nlls[0].clone(), nlls[0].clone()])
            .iter()
            .map(|n| (n * 1e9).round())
            .collect::<Vec<_>>(),
        nlls[0].iter().map(|n| (n * 1e9).round()).collect::<Vec<_>>()
    );
    assert!(
        (nll_mixture(&[vec![1e4], vec![1e4 + 5.0]])[0]
            - (1e4 + 2f64.ln() - (1.0 + (-5f64).exp()).ln()))
        .abs()
            < 1e-9
    );
}

/// The averaged conditionals of copies of one mask are those of that mask, even for a nearly
/// impossible pixel: no probability underflows.
#[test]
fn averaged_copies_of_a_mask_are_the_mask() {
    let pool = ThreadPool::new(1);
    let config = ModelConfig {
        hidden: vec![9],
        ordering: OrderingRule::Random,
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(3, 2));
    let images = corner_images(6);
    let bias = case.made.network().layout.output().bias.clone();
    for extreme in [0.0, 1e4] {
        case.made.update(|p| p[bias.start] += extreme).unwrap();
        let alone = nll_single_mask(&case.made, &pool, &case.first(), &images);
        let copies = nll_averaged_conditionals(
            &case.made,
            &pool,
            &[case.first(), case.first(), case.first()],
            &images,
        )
        .unwrap();
        assert!(alone.iter().copied().fold(0.0, f64::max) > extreme as f64 * 0.9);
        for (alone, copies) in alone.iter().zip(&copies) {
            assert!((alone - copies).abs() <= 1e-5 * (1.0 + alone), "{alone} and {copies}");
        }
    }
}

/// Scores do not depend on the number of images scored together, nor on the number of threads, nor
/// on the time.
#[test]
fn scores_do_not_depend_on_company() {
    let config = ModelConfig {
        hidden: vec![70, 90],
        skip: true,
        ordering: OrderingRule::Random,
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(10, 9));
    let mut stream = SEED.stream(Purpose::Data, 0);
    let mask = case.first();
    let mut pixels = vec![0; 300 * 90];
    for image in pixels.chunks_exact_mut(90) {
        // They start anywhere in the ordering, so that products skip different parts of each.
        let begin = stream.below(91) as usize;
        for &pixel in &mask.ordering().pixels()[begin..] {
            image[pixel as usize] = u8::from(stream.uniform() < 0.3);
        }
    }
    let images = Images::new(pixels, 90);
    let all = nll_single_mask(&case.made, &ThreadPool::new(1), &mask, &images);
    assert_eq!(all, nll_single_mask(&case.made, &ThreadPool::new(3), &mask, &images));
    for size in [1, 7, 100] {
        let parts = images.pixels().chunks(size * 90).flat_map(|part| {
            nll_single_mask(&case.made, &ThreadPool::new(1), &mask, &Images::new(part.to_vec(), 90))
        });
        assert_eq!(all, parts.collect::<Vec<_>>(), "in parts of {size}");
    }
}

/// With all parameters zero, the NLL is D ln 2 nats, summed over pixels; without the sum it would
/// be ln 2.
#[test]
fn the_unit_is_nats_per_image() {
    let config = ModelConfig { hidden: vec![5], ..ModelConfig::default() };
    let masks = Masks::new(&config, shape(28, 28), 1, SEED);
    let len = ablade::made::layout::ParamLayout::new(&config, 784).len;
    let made = Made::with_parameters(&config, shape(28, 28), &masks, vec![0.0; len]).unwrap();
    let images = Images::new(vec![1u8; 3 * 784], 784);
    for nll in nll_single_mask(&made, &ThreadPool::new(1), &masks.evaluated(0), &images) {
        assert!((nll - 784.0 * 2f64.ln()).abs() < 1e-4, "{nll}");
    }
}

/// V = 0 with direct connections is the fully visible sigmoid belief network; A = 0 is the model
/// without them.
#[test]
fn direct_connections_have_their_limits() {
    let pool = ThreadPool::new(1);
    let images = corner_images(6);
    for ordering in [OrderingRule::Raster, OrderingRule::Random] {
        let config = ModelConfig {
            hidden: vec![9],
            skip: true,
            ordering,
            ..ModelConfig::default()
        };
        let case = Case::new(config.clone(), shape(3, 2));
        let layout = case.made.network().layout.clone();
        let masks = case.first();
        case.made.update(|p| p[layout.output().weight.clone()].fill(0.0)).unwrap();
        let positions = masks.ordering().positions();
        let params = case.made.read(<[f32]>::to_vec);
        let at = |range: &std::ops::Range<usize>, i: usize| f64::from(params[range.start + i]);
        for (x, nll) in corners(6).iter().zip(nll_single_mask(&case.made, &pool, &masks, &images)) {
            let logits: Vec<f64> = (0..6)
                .map(|d| {
                    let p = positions[d] as usize;
                    let before = (0..6).filter(|&e| (positions[e] as usize) < p);
                    let direct = layout.direct.as_ref().unwrap();
                    at(&layout.output().bias, p)
                        + before
                            .map(|e| at(direct, p * 6 + positions[e] as usize) * x[e])
                            .sum::<f64>()
                })
                .collect();
            assert!((log_probability(&logits, x) + nll).abs() < 1e-5);
        }

        let with = Case::new(config.clone(), shape(3, 2));
        with.made.update(|p| p[layout.direct.clone().unwrap()].fill(0.0)).unwrap();
        let without = ModelConfig { skip: false, ..config };
        let params = with.made.read(|p| p[..layout.direct.clone().unwrap().start].to_vec());
        let plain_masks = Masks::new(&without, shape(3, 2), 1, SEED);
        let plain = Made::with_parameters(&without, shape(3, 2), &plain_masks, params).unwrap();
        let plain = nll_single_mask(&plain, &pool, &plain_masks.evaluated(0), &images);
        assert_eq!(nll_single_mask(&with.made, &pool, &masks, &images), plain);
    }
}

/// With U = 0 the model is the one without U; otherwise another mask changes the logits even of the
/// all-zero image.
#[test]
fn conditioning_weights_see_the_mask() {
    let pool = ThreadPool::new(1);
    let dark = Images::new(vec![0u8; 6], 6);
    let config = ModelConfig {
        hidden: vec![9],
        condition: true,
        ordering: OrderingRule::Random,
        masks: MaskCount::Cycle(2),
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(3, 2));
    let logits = |case: &Case, k| Oracle::new(case, &case.masks.evaluated(k)).logits(&[0.0; 6]);
    assert!(logits(&case, 0).iter().zip(logits(&case, 1)).any(|(a, b)| (a - b).abs() > 1e-3));
    let before = nll_single_mask(&case.made, &pool, &case.first(), &dark);
    let layout = case.made.network().layout.clone();
    case.made
        .update(|p| {
            for link in &layout.layers {
                p[link.condition.clone().unwrap()].fill(0.0);
            }
        })
        .unwrap();
    assert_ne!(before, nll_single_mask(&case.made, &pool, &case.first(), &dark));
    // Without U, the all-zero image passes a one-layer network by its biases, so that only the
    // output's mask matters.
    let without = case.made.read(|p| {
        let kept = layout.layers.iter().flat_map(|link| [link.weight.clone(), link.bias.clone()]);
        kept.flat_map(|range| p[range].to_vec()).collect::<Vec<f32>>()
    });
    let plain_config = ModelConfig { condition: false, ..case.config.clone() };
    let plain = Made::with_parameters(&plain_config, case.shape, &case.masks, without).unwrap();
    for k in 0..2 {
        let mask = case.masks.evaluated(k);
        let images = corner_images(6);
        assert_eq!(
            nll_single_mask(&case.made, &pool, &mask, &images),
            nll_single_mask(&plain, &pool, &mask, &images)
        );
    }
}

/// Permuting the pixels of the images together with the ordering does not change any likelihood.
#[test]
fn pixels_have_no_names() {
    let pool = ThreadPool::new(1);
    let config = ModelConfig {
        hidden: vec![9],
        skip: true,
        ordering: OrderingRule::Raster,
        ..ModelConfig::default()
    };
    let raster = Case::new(config.clone(), shape(3, 2));
    let spiral = Case::new(ModelConfig { ordering: OrderingRule::Spiral, ..config }, shape(3, 2));
    // Parameters are stored by position, so equal parameters are the same network over permuted
    // pixels.
    let order = spiral.first().ordering().pixels().to_vec();
    let images = corner_images(6);
    let moved: Vec<u8> = (0..64)
        .flat_map(|i| {
            let row = images.row(i);
            let mut out = vec![0; 6];
            order
                .iter()
                .enumerate()
                .for_each(|(position, &pixel)| out[pixel as usize] = row[position]);
            out
        })
        .collect();
    let straight = nll_single_mask(&raster.made, &pool, &raster.first(), &images);
    assert_eq!(
        straight,
        nll_single_mask(&spiral.made, &pool, &spiral.first(), &Images::new(moved, 6))
    );
    assert_ne!(
        straight,
        nll_single_mask(&spiral.made, &pool, &spiral.first(), &images),
        "control: unmoved images"
    );
}

/// Edge cases: the first output is a constant, the last input has no effect; D of 1 and 2, width 1,
/// no hidden layer.
#[test]
fn edges_hold() {
    let pool = ThreadPool::new(1);
    for dim in [1, 2, 3] {
        for hidden in [vec![], vec![1], vec![1, 1], vec![4]] {
            for skip in [false, true] {
                let config = ModelConfig {
                    hidden: hidden.clone(),
                    skip,
                    condition: skip,
                    ..ModelConfig::default()
                };
                let case = Case::new(config, shape(dim, 1));
                let masks = case.first();
                let images = corner_images(dim);
                let total: f64 = nll_single_mask(&case.made, &pool, &masks, &images)
                    .iter()
                    .map(|nll| (-nll).exp())
                    .sum();
                assert!((total - 1.0).abs() < 1e-5, "{total}: {}", case.name);
                let all =
                    ablade::made::evaluate::conditional_means(&case.made, &pool, &masks, &images);
                let first = masks.ordering().pixels()[0] as usize;
                assert!(all.chunks(dim).all(|row| row[first] == all[first]), "{}", case.name);
            }
        }
    }
}
