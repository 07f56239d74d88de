//! Laws of sampling: drawing agrees with scoring, for each pixel and in frequency, and given pixels
//! are respected or refused.

use ablade::data::Images;
use ablade::made::evaluate::{
    conditional_means, nll_averaged_conditionals, nll_mixture, nll_per_pixel, nll_single_mask,
};
use ablade::made::masks::{MaskSet, Masks};
use ablade::made::model::Made;
use ablade::made::ordering::{Ordering, OrderingRule};
use ablade::made::sample::{
    Drawing, Drawn, Evidence, SampleError, draw, draw_mixture, draw_one_by_one, known_nll,
};
use ablade::made::{MaskCount, ModelConfig, Resample};
use ablade::parallel::ThreadPool;
use ablade::rng::Seed;

use super::cases::{self, Case, SEED, corner_images, shape};

pub(super) fn plain(seed: u64) -> Drawing<'static> {
    Drawing { scored: true, ..Drawing::new(Seed(seed)) }
}

/// Maximum difference between the probabilities with which pixels were drawn and those of one pass
/// over the finished images.
pub(super) fn disagreement(made: &Made, mask: &MaskSet, drawn: &Drawn) -> f64 {
    let masks = std::slice::from_ref(mask);
    let nlls = nll_per_pixel(made, &ThreadPool::new(1), masks, &drawn.images).unwrap();
    let apart = |(&p, nll): (&f32, f32)| (f64::from(p) - f64::from(-nll).exp()).abs();
    drawn.probabilities.iter().zip(nlls).map(apart).fold(0.0, f64::max)
}

/// Value of a pixel that is not given.
const UNKNOWN: u8 = 255;

/// Flags of the given pixels among these.
fn is_given(known: &[u8]) -> Vec<bool> {
    known.iter().map(|&x| x != UNKNOWN).collect()
}

/// At D = 784, in every ordering and at every depth from 0 to 3, each pixel was drawn from the
/// logit that one pass over the finished image gives it; when drawing in the inverse order it was
/// not.
#[test]
fn drawing_agrees_with_scoring() {
    let pool = ThreadPool::new(1);
    let (mut slips, mut controls) = (0, 0);
    for i in 0..36 {
        let (ordering, depth) = (OrderingRule::ALL[i % 9], i / 9);
        let config = ModelConfig {
            hidden: vec![[60, 150][i % 2]; depth],
            ordering,
            skip: i % 3 != 0,
            condition: i % 5 == 0,
            masks: MaskCount::Cycle(1 + i % 2),
            ..ModelConfig::default()
        };
        let masks = Masks::new(&config, shape(28, 28), 1, SEED);
        let made = Made::new(&config, shape(28, 28), &masks, SEED).unwrap();
        let mask = masks.evaluated(i % 2 % masks.evaluated_count());
        let drawn = draw(&made, &pool, std::slice::from_ref(&mask), 20, plain(3)).unwrap();
        let apart = disagreement(&made, &mask, &drawn);
        assert!(apart < 1e-5, "{apart}: {config:?}");
        if ordering == OrderingRule::Random && config.skip {
            let slip =
                draw_one_by_one(&made, &pool, &mask, &mask.ordering().positions(), 20, plain(3));
            controls += 1;
            slips += usize::from(disagreement(&made, &mask, &slip) > 0.05);
        }
    }
    assert!(
        controls > 0 && slips == controls,
        "control: the inverse order goes unnoticed in {slips} of {controls}"
    );
}

/// For the same uniforms, the incremental sampler draws the same pixels as a full pass per pixel,
/// for every model.
#[test]
fn incremental_equals_one_by_one() {
    let pool = ThreadPool::new(1);
    let (mut pixels, mut other) = (0, 0);
    for case in cases::all(MaskCount::Cycle(2)) {
        let mask = case.masks.evaluated(1);
        let fast = draw(&case.made, &pool, std::slice::from_ref(&mask), 130, plain(5)).unwrap();
        let slow =
            draw_one_by_one(&case.made, &pool, &mask, mask.ordering().pixels(), 130, plain(5));
        for (a, b) in fast.images.pixels().iter().zip(slow.images.pixels()) {
            pixels += 1;
            other += usize::from(a != b);
        }
    }
    // A uniform may fall between two roundings of one probability; any systematic difference is far
    // larger.
    assert!(other <= 2, "{other} of {pixels} pixels differ");
}

/// Draws of image i do not depend on the number of images, the batches, or the threads.
#[test]
fn images_do_not_depend_on_company() {
    let config = ModelConfig {
        hidden: vec![30],
        ordering: OrderingRule::Random,
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(9, 8));
    let all = draw(&case.made, &ThreadPool::new(1), &[case.first()], 300, plain(1)).unwrap();
    let few = draw(&case.made, &ThreadPool::new(1), &[case.first()], 150, plain(1)).unwrap();
    let shared = draw(&case.made, &ThreadPool::new(2), &[case.first()], 300, plain(1)).unwrap();
    assert_eq!(&all.images.pixels()[..150 * 72], few.images.pixels());
    assert_eq!(all.images.pixels(), shared.images.pixels());
    assert_ne!(all.images.row(0), all.images.row(1));
}

pub(super) fn counts(images: &Images) -> Vec<f64> {
    let mut counts = vec![0.0; 1 << images.dim()];
    for i in 0..images.count() {
        let code: usize = images.row(i).iter().enumerate().map(|(d, &x)| usize::from(x) << d).sum();
        counts[code] += 1.0;
    }
    counts
}

/// The G statistic of counts against probabilities, and its degrees of freedom, cells of under five
/// expected pooled.
fn g_statistic(counts: &[f64], probabilities: &[f64]) -> (f64, f64) {
    let total: f64 = counts.iter().sum();
    let (mut g, mut cells, mut rare) = (0.0, 0.0, (0.0, 0.0));
    let mut add = |seen: f64, expected: f64| {
        if seen > 0.0 {
            g += 2.0 * seen * (seen / expected).ln();
        }
        cells += 1.0;
    };
    for (&seen, &p) in counts.iter().zip(probabilities) {
        if p * total < 5.0 {
            rare = (rare.0 + seen, rare.1 + p * total);
        } else {
            add(seen, p * total);
        }
    }
    if rare.1 > 0.0 {
        add(rare.0, rare.1);
    }
    (g, cells - 1.0)
}

pub(super) fn fits(counts: &[f64], probabilities: &[f64]) -> bool {
    let (g, freedom) = g_statistic(counts, probabilities);
    // Five standard deviations of chi-square.
    g < freedom + 5.0 * (2.0 * freedom).sqrt()
}

pub(super) fn probabilities(nlls: &[f64]) -> Vec<f64> {
    nlls.iter().map(|nll| (-nll).exp()).collect()
}

/// Frequencies of 200,000 samples agree with the exact probabilities, for one mask, for averaged
/// masks, and for the mixture; and the same test detects the inverse order, and one of these models
/// in place of another.
#[test]
fn frequencies_are_probabilities() {
    let pool = ThreadPool::new(1);
    let many = 200_000;
    let config = ModelConfig {
        hidden: vec![9, 9],
        ordering: OrderingRule::Random,
        masks: MaskCount::Cycle(3),
        resample: Resample::Connectivity,
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(3, 2));
    let mask = case.first();
    let corners = corner_images(6);
    let exact = probabilities(&nll_single_mask(&case.made, &pool, &mask, &corners));

    let drawn = draw(&case.made, &pool, std::slice::from_ref(&mask), many, plain(1)).unwrap();
    assert!(fits(&counts(&drawn.images), &exact));

    let slip =
        draw_one_by_one(&case.made, &pool, &mask, &mask.ordering().positions(), 20_000, plain(1));
    assert!(!fits(&counts(&slip.images), &exact), "control: the inverse order");

    let masks: Vec<MaskSet> = (0..3).map(|k| case.masks.evaluated(k)).collect();
    let drawn = draw(&case.made, &pool, &masks, many, plain(2)).unwrap();
    let mean =
        probabilities(&nll_averaged_conditionals(&case.made, &pool, &masks, &corners).unwrap());
    assert!(fits(&counts(&drawn.images), &mean));
    assert!(
        !fits(&counts(&drawn.images), &exact),
        "control: averaged masks are another model"
    );

    let drawn = draw_mixture(&case.made, &pool, &masks, many, plain(4)).unwrap();
    let each: Vec<Vec<f64>> = masks
        .iter()
        .map(|mask| nll_single_mask(&case.made, &pool, mask, &corners))
        .collect();
    assert!(fits(&counts(&drawn.images), &probabilities(&nll_mixture(&each))));
    assert!(
        !fits(&counts(&drawn.images), &mean),
        "control: the mixture is not the averaged model"
    );
}

/// Exact probability of each image of six pixels, given the values of some of them.
fn given(probabilities: &[f64], known: &[u8]) -> Vec<f64> {
    let fits = |code: usize| {
        known
            .iter()
            .enumerate()
            .all(|(d, &x)| x == UNKNOWN || code >> d & 1 == usize::from(x))
    };
    let evidence: f64 = probabilities
        .iter()
        .enumerate()
        .filter(|(code, _)| fits(*code))
        .map(|(_, p)| p)
        .sum();
    probabilities
        .iter()
        .enumerate()
        .map(|(code, p)| if fits(code) { p / evidence } else { 1e-12 })
        .collect()
}

/// Completions follow the enumerated conditionals: given the first pixels of the ordering; given
/// any pixels, under the ordering that puts them first; and for a mixture, whose masks are weighted
/// by their likelihood of the given pixels.
#[test]
fn completions_are_conditionals() {
    let pool = ThreadPool::new(1);
    let many = 100_000;
    let config = ModelConfig {
        hidden: vec![9, 9],
        ordering: OrderingRule::Random,
        masks: MaskCount::Cycle(3),
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(3, 2));
    let corners = corner_images(6);
    let exact = |mask: &MaskSet| probabilities(&nll_single_mask(&case.made, &pool, mask, &corners));
    let complete = |known: &[u8], mask: &MaskSet| {
        let (images, given) = (Images::new(known.repeat(many), 6), is_given(known));
        let evidence = Evidence { images: &images, given: &given };
        let drawing = Drawing { evidence: Some(evidence), ..plain(3) };
        counts(
            &draw(&case.made, &pool, std::slice::from_ref(mask), many, drawing)
                .unwrap()
                .images,
        )
    };

    let mask = case.first();
    let mut known = [UNKNOWN; 6];
    mask.ordering().pixels()[..2]
        .iter()
        .zip([1, 0])
        .for_each(|(&pixel, x)| known[pixel as usize] = x);
    let drawn = complete(&known, &mask);
    assert!(fits(&drawn, &given(&exact(&mask), &known)));
    let first = mask.ordering().pixels()[0] as usize;
    let mut less = known;
    less[first] = 1 - less[first];
    let other = given(&exact(&mask), &less);
    let moved: Vec<f64> = (0..64).map(|code: usize| other[code ^ (1 << first)]).collect();
    assert!(!fits(&drawn, &moved), "control: what other evidence makes of the rest");

    let last = mask.ordering().pixels()[5] as usize;
    let mut known = [UNKNOWN; 6];
    known[last] = 1;
    let able = mask.with_first(&is_given(&known));
    let drawn = complete(&known, &able);
    assert!(fits(&drawn, &given(&exact(&able), &known)));
    let exact_first = exact(&mask);
    let ignored: Vec<f64> = (0..64_usize)
        .map(|code| {
            if code >> last & 1 == 1 {
                exact_first[code] + exact_first[code ^ 1 << last]
            } else {
                1e-12
            }
        })
        .collect();
    assert!(
        !fits(&drawn, &ignored),
        "control: the last pixel kept, and ignored by all before it"
    );

    // Given only the first pixel all masks agree (its logit is a bias), so two pixels are given.
    known[mask.ordering().pixels()[4] as usize] = 1;
    let masks: Vec<MaskSet> =
        (0..3).map(|k| case.masks.evaluated(k).with_first(&is_given(&known))).collect();
    let (images, flags) = (Images::new(known.repeat(many), 6), is_given(&known));
    let evidence = Evidence { images: &images, given: &flags };
    let drawing = Drawing { evidence: Some(evidence), ..plain(4) };
    let drawn = counts(&draw_mixture(&case.made, &pool, &masks, many, drawing).unwrap().images);
    let mean = |parts: Vec<Vec<f64>>| {
        (0..64).map(|code| parts.iter().map(|p| p[code]).sum::<f64>() / 3.0).collect()
    };
    let joint: Vec<f64> = mean(masks.iter().map(exact).collect());
    assert!(fits(&drawn, &given(&joint, &known)));
    let even: Vec<f64> = mean(masks.iter().map(|mask| given(&exact(mask), &known)).collect());
    assert!(!fits(&drawn, &even), "control: masks picked evenly, whatever the evidence");
}

/// Conditional probabilities of the rest of an image, given some of it, sum to one over all rests.
#[test]
fn the_rest_is_a_distribution() {
    let pool = ThreadPool::new(1);
    let config = ModelConfig {
        hidden: vec![9],
        ordering: OrderingRule::Random,
        masks: MaskCount::Cycle(3),
        resample: Resample::Connectivity,
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(3, 2));
    let known = [UNKNOWN, 1, UNKNOWN, 0, UNKNOWN, UNKNOWN];
    let masks: Vec<MaskSet> =
        (0..3).map(|k| case.masks.evaluated(k).with_first(&is_given(&known))).collect();
    let fitting: Vec<u8> = corner_images(6)
        .pixels()
        .chunks(6)
        .filter(|image| image[1] == 1 && image[3] == 0)
        .flatten()
        .copied()
        .collect();
    let fitting = Images::new(fitting, 6);
    for masks in [&masks[..1], &masks] {
        let whole = nll_averaged_conditionals(&case.made, &pool, masks, &fitting).unwrap();
        let known_nll = |given: &[bool]| {
            known_nll(&case.made, &pool, masks, Evidence { images: &fitting, given })
        };
        let part = known_nll(&is_given(&known));
        let total: f64 = whole.iter().zip(&part).map(|(whole, part)| (part - whole).exp()).sum();
        assert!((total - 1.0).abs() < 1e-5, "{total}");
        let wrong = known_nll(&[true, false, false, false, false, false]);
        let total: f64 = whole.iter().zip(&wrong).map(|(whole, part)| (part - whole).exp()).sum();
        assert!((total - 1.0).abs() > 1e-2, "control: of pixels that do not come first, {total}");
    }
}

/// Over samples, the mean of -log p(x) is the mean of the summed entropies of its conditionals, at
/// D = 784.
#[test]
fn the_entropy_identity_holds() {
    let pool = ThreadPool::new(1);
    let config = ModelConfig {
        hidden: vec![100],
        ordering: OrderingRule::Random,
        skip: true,
        ..ModelConfig::default()
    };
    let masks = Masks::new(&config, shape(28, 28), 1, SEED);
    let made = Made::new(&config, shape(28, 28), &masks, SEED).unwrap();
    let mask = masks.evaluated(0);
    let identity = |images: &Images| {
        let nll = nll_single_mask(&made, &pool, &mask, images);
        let p = conditional_means(&made, &pool, &mask, images);
        let entropy = |p: &f32| {
            let p = f64::from(*p);
            -p * p.ln() - (1.0 - p) * (1.0 - p).ln()
        };
        let gaps: Vec<f64> = nll
            .iter()
            .zip(p.chunks(784))
            .map(|(nll, p)| nll - p.iter().map(entropy).sum::<f64>())
            .collect();
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let sd = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        mean / (sd / n.sqrt())
    };
    let right =
        identity(&draw(&made, &pool, std::slice::from_ref(&mask), 400, plain(8)).unwrap().images);
    assert!(right.abs() < 4.0, "{right} standard errors apart");
    let order = mask.ordering().positions();
    let wrong = identity(&draw_one_by_one(&made, &pool, &mask, &order, 400, plain(8)).images);
    assert!(
        wrong.abs() > 4.0,
        "control: the inverse order is only {wrong} standard errors apart"
    );
}

/// Given pixels are unchanged; those that the ordering does not put first are refused, with the
/// pixels in the message.
#[test]
fn evidence_is_honoured_or_refused() {
    let pool = ThreadPool::new(1);
    let case = Case::new(ModelConfig { hidden: vec![9], ..ModelConfig::default() }, shape(3, 2));
    let images = Images::new([1, 0, 1, 1, 0, 1].repeat(50), 6);
    let of = |given: &[bool], count: usize| {
        let evidence = Evidence { images: &images, given };
        let drawing = Drawing { evidence: Some(evidence), ..plain(1) };
        draw(&case.made, &pool, &[case.first()], count, drawing)
    };
    let drawn = of(&[true, true, true, false, false, false], 50).unwrap();
    assert!((0..50).all(|i| drawn.images.row(i)[..3] == [1, 0, 1]));
    assert!((0..50).any(|i| drawn.images.row(i)[3..] != drawn.images.row(0)[3..]));
    let refused = of(&[false, false, false, true, true, true], 1).unwrap_err();
    assert_eq!(refused, SampleError::Evidence { pixel: 3, missing: 0 });

    let reversed = Ordering::from_pixels(vec![5, 4, 3, 2, 1, 0]).unwrap();
    let other = MaskSet::new(reversed, case.first().degrees().to_vec(), false);
    let refused = draw(&case.made, &pool, &[case.first(), other], 1, plain(1)).unwrap_err();
    assert_eq!(refused, SampleError::Orderings);
}

/// At temperature zero every pixel has its more likely value, for any uniforms.
#[test]
fn greedy_drawing_takes_the_likelier_value() {
    let case = Case::new(
        ModelConfig { hidden: vec![9], skip: true, ..ModelConfig::default() },
        shape(3, 2),
    );
    let greedy = Drawing { temperature: 0.0, ..plain(4) };
    let (pool, mask) = (ThreadPool::new(1), case.first());
    let drawn = draw(&case.made, &pool, std::slice::from_ref(&mask), 10, greedy).unwrap();
    let likely = conditional_means(&case.made, &pool, &mask, &drawn.images);
    for (x, p) in drawn.images.pixels().iter().zip(&likely) {
        assert_eq!(*x == 1, *p > 0.5);
    }
}
