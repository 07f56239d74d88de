//! Laws of the output distributions: each is a distribution over the levels of a pixel, sees no
//! more than the mask allows, and is drawn from as it is scored.

use ablade::data::{Images, Labels};
use ablade::made::evaluate::{
    by_class, conditional_means, nll_averaged_conditionals, nll_mixture, nll_per_pixel,
    nll_single_mask,
};
use ablade::made::file;
use ablade::made::layout::ParamLayout;
use ablade::made::masks::MaskSet;
use ablade::made::model::Made;
use ablade::made::ordering::OrderingRule;
use ablade::made::output::{Input, MIN_LOG_SCALE, OutputKind};
use ablade::made::reference::Reference;
use ablade::made::sample::{Drawing, Evidence, draw, draw_mixture, draw_one_by_one};
use ablade::made::{Activation, MaskCount, ModelConfig, Resample};
use ablade::parallel::ThreadPool;
use ablade::rng::Purpose;
use ablade::train::minibatch_gradient;
use candle_core::{DType, Device, Tensor, Var};

use super::cases::{Case, SEED, shape};
use super::likelihood::closed_parameters;
use super::sampling::{disagreement, fits, plain, probabilities};

/// Levels of a pixel in most of these laws.
const K: usize = 4;

/// Outputs, numbers of components, and inputs that differ.
const KINDS: [(OutputKind, usize, Input); 5] = [
    (OutputKind::Categorical, 5, Input::Scaled),
    (OutputKind::Categorical, 5, Input::OneHot),
    (OutputKind::LogisticMixture, 1, Input::Scaled),
    (OutputKind::LogisticMixture, 3, Input::OneHot),
    (OutputKind::LogisticMixture, 5, Input::Scaled),
];

fn all_images(dim: usize, levels: usize) -> Images {
    let image = |code: usize| (0..dim).map(move |d| (code / levels.pow(d as u32) % levels) as u8);
    Images::new((0..levels.pow(dim as u32)).flat_map(image).collect::<Vec<_>>(), dim)
}

/// Each kind x {raster, random} x depth 0 to 2 x direct x U: models of three pixels of four levels.
fn cases(masks: MaskCount) -> impl Iterator<Item = Case> {
    (0..120).map(move |i| {
        let (output, components, input) = KINDS[i % 5];
        let config = ModelConfig {
            output,
            components,
            input,
            ordering: [OrderingRule::Raster, OrderingRule::Random][i / 5 % 2],
            hidden: vec![7; i / 10 % 3],
            skip: i / 30 % 2 == 1,
            condition: i / 60 == 1,
            activation: Activation::Tanh,
            masks,
            ..ModelConfig::default()
        };
        Case::with_levels(config, shape(3, 1), K)
    })
}

fn reference(case: &Case, index: usize, dtype: DType) -> Reference {
    let (network, first) = (case.made.network(), case.made.first_ordering());
    Reference::new(network, &case.masks.evaluated(index), first, dtype, &Device::Cpu).unwrap()
}

fn tensor(images: &Images) -> Tensor {
    let values: Vec<f64> = images.pixels().iter().map(|&x| f64::from(x)).collect();
    Tensor::from_vec(values, (images.count(), images.dim()), &Device::Cpu).unwrap()
}

fn reference_nlls(case: &Case, index: usize, images: &Images) -> Vec<f64> {
    let params = case.made.parameters().to_dtype(DType::F64).unwrap();
    reference(case, index, DType::F64)
        .nll(&params, &tensor(images))
        .unwrap()
        .to_vec1()
        .unwrap()
}

fn total(nlls: &[f64]) -> f64 {
    nlls.iter().map(|nll| (-nll).exp()).sum()
}

/// Probabilities of all images sum to one: for the reference engine to 1e-9, and the kernels agree
/// with it; for single masks and the mixture of two.
#[test]
fn probabilities_of_grey_images_sum_to_one() {
    let (pool, images) = (ThreadPool::new(1), all_images(3, K));
    for case in cases(MaskCount::Cycle(2)) {
        let mut all = Vec::new();
        for k in 0..2 {
            let exact = reference_nlls(&case, k, &images);
            let sum = total(&exact);
            assert!((sum - 1.0).abs() < 1e-9, "sum {sum}: {}", case.name);
            let fast = nll_single_mask(&case.made, &pool, &case.masks.evaluated(k), &images);
            for (fast, exact) in fast.iter().zip(&exact) {
                assert!(
                    (fast - exact).abs() < 1e-4 * (1.0 + exact.abs()),
                    "{fast} against {exact}: {}",
                    case.name
                );
            }
            all.push(exact);
        }
        let sum = total(&nll_mixture(&all));
        assert!((sum - 1.0).abs() < 1e-9, "mixture sums to {sum}: {}", case.name);
    }
}

/// Control: under the parameters of each image's mirror image, which its own pixels decide,
/// probabilities do not sum to one.
#[test]
fn control_outputs_that_see_their_own_pixel_do_not_sum_to_one() {
    let images = all_images(3, K);
    let (mut seen, mut noticed) = (0, 0);
    for case in cases(MaskCount::Cycle(1)).filter(|case| !case.config.hidden.is_empty()) {
        let engine = reference(&case, 0, DType::F64);
        let params = case.made.parameters().to_dtype(DType::F64).unwrap();
        let x = tensor(&images);
        let mirrored = x.index_select(&Tensor::new(&[2u32, 1, 0], &Device::Cpu).unwrap(), 1);
        let logits = engine.logits(&params, &mirrored.unwrap()).unwrap();
        let nlls: Vec<f64> = engine.nll_of(&logits, &x).unwrap().to_vec1().unwrap();
        seen += 1;
        noticed += usize::from((total(&nlls) - 1.0).abs() > 1e-3);
    }
    assert!(noticed * 10 > seen * 8, "{noticed} of {seen}");
}

/// Changing pixel j changes no bit of the probability of a pixel at or before it in the ordering
/// whose own level stays.
#[test]
fn no_distribution_sees_its_own_or_a_later_pixel() {
    let pool = ThreadPool::new(1);
    let mut moved = 0;
    for case in cases(MaskCount::Cycle(2)) {
        let masks = [case.masks.evaluated(1)];
        let positions = masks[0].ordering().positions();
        let nlls = |pixels: Vec<u8>| {
            nll_per_pixel(&case.made, &pool, &masks, &Images::new(pixels, 3)).unwrap()
        };
        let base = vec![1, 3, 2];
        let before = nlls(base.clone());
        for j in 0..3 {
            let mut changed = base.clone();
            changed[j] = (changed[j] + 1) % K as u8;
            for (d, (was, is)) in before.iter().zip(nlls(changed)).enumerate() {
                if d != j && positions[d] < positions[j] {
                    assert!(was.to_bits() == is.to_bits(), "{d} saw {j}: {}", case.name);
                } else if d != j {
                    moved += usize::from(*was != is);
                }
            }
        }
    }
    assert!(moved > 150, "later pixels hardly see anything: {moved}");
}

/// The kernels' gradient is autograd's, closed parameters have none, and autograd's is the central
/// difference.
#[test]
fn gradients_of_every_output_agree() {
    let pool = ThreadPool::new(1);
    let images = all_images(3, K);
    let few: Vec<u8> =
        (0..images.count()).step_by(5).flat_map(|i| images.row(i)).copied().collect();
    let few = Images::new(few, 3);
    for (i, case) in cases(MaskCount::Cycle(2)).enumerate() {
        let index = i % 2;
        let engine = reference(&case, index, DType::F64);
        let params: Vec<f64> = case.made.read(|p| p.iter().map(|&p| f64::from(p)).collect());
        let loss = |params: &Tensor| engine.nll(params, &tensor(&few)).unwrap().mean(0).unwrap();
        let variable = Var::from_slice(&params, params.len(), &Device::Cpu).unwrap();
        let gradients = loss(&variable).backward().unwrap();
        let expected: Vec<f64> = gradients.get(&variable).unwrap().to_vec1().unwrap();
        let rows = (0..few.count()).map(|i| few.row(i));
        let ours = minibatch_gradient(&case.made, &pool, &case.masks.evaluated(index), rows);
        let mean: f64 = loss(&variable.as_detached_tensor()).to_scalar().unwrap();
        let sum = ours.nll_sum_nats / few.count() as f64;
        assert!((sum - mean).abs() < 1e-4 * (1.0 + mean), "{sum} {mean}: {}", case.name);
        let closed = closed_parameters(&case, index);
        for (i, (&got, expected)) in ours.gradient.iter().zip(&expected).enumerate() {
            assert!(
                (f64::from(got) - expected).abs() < 1e-4 * (1.0 + expected.abs()),
                "{i}: {got}, not {expected}: {}",
                case.name
            );
            assert!(!closed[i] || got == 0.0, "closed {i} moves: {}", case.name);
        }
        let at = |i: usize, step: f64| {
            let mut moved = params.clone();
            moved[i] += step;
            let moved = Tensor::new(moved, &Device::Cpu).unwrap();
            loss(&moved).to_scalar::<f64>().unwrap()
        };
        for i in (0..params.len()).step_by(11) {
            let difference = (at(i, 1e-5) - at(i, -1e-5)) / 2e-5;
            assert!(
                (difference - expected[i]).abs() < 1e-6 * (1.0 + difference.abs()),
                "{i}: {} and {difference}: {}",
                expected[i],
                case.name
            );
        }
    }
}

/// Grey images have the same gradient on any number of threads, and where most of them begin black
/// that of autograd, too.
#[test]
fn grey_images_that_begin_black_have_the_gradient_of_autograd() {
    for (i, (output, components, input)) in KINDS.into_iter().enumerate() {
        let config = ModelConfig {
            output,
            components,
            input,
            hidden: [vec![70], vec![40, 50]][i % 2].clone(),
            skip: i % 3 == 0,
            masks: MaskCount::Cycle(if i == 0 { 1 } else { 3 }),
            ..ModelConfig::default()
        };
        let case = Case::with_levels(config, shape(9, 8), 16);
        let index = if case.made.has_single_mask() { 0 } else { 2 };
        let (mask, dim, count) = (case.masks.evaluated(index), 72, 19);
        let mut stream = SEED.stream(Purpose::Sample, i as u64);
        let mut pixels = vec![0u8; count * dim];
        for image in pixels.chunks_exact_mut(dim).skip(1) {
            let begin = stream.below(70) as usize;
            for &pixel in &mask.ordering().pixels()[begin..] {
                image[pixel as usize] = stream.below(16) as u8;
            }
        }
        let images = Images::new(pixels, dim);
        let engine = reference(&case, index, DType::F64);
        let params = case.made.parameters().to_dtype(DType::F64).unwrap();
        let variable = Var::from_tensor(&params).unwrap();
        let loss = engine.nll(&variable, &tensor(&images)).unwrap().mean(0).unwrap();
        let gradients = loss.backward().unwrap();
        let expected: Vec<f64> = gradients.get(&variable).unwrap().to_vec1().unwrap();
        let ours = [1, 3].map(|threads| {
            let rows = (0..count).map(|i| images.row(i));
            minibatch_gradient(&case.made, &ThreadPool::new(threads), &mask, rows).gradient
        });
        assert!(ours[0] == ours[1], "threads change numbers: {}", case.name);
        let scale = expected.iter().fold(0.0f64, |most, g| most.max(g.abs()));
        for (i, (&got, expected)) in ours[0].iter().zip(&expected).enumerate() {
            assert!(
                (f64::from(got) - expected).abs() < 2e-5 * (scale + expected.abs()),
                "{i}: {got}, not {expected}: {}",
                case.name
            );
        }
    }
}

fn counts(images: &Images, levels: usize) -> Vec<f64> {
    let mut counts = vec![0.0; levels.pow(images.dim() as u32)];
    for i in 0..images.count() {
        let code: usize = images
            .row(i)
            .iter()
            .enumerate()
            .map(|(d, &x)| usize::from(x) * levels.pow(d as u32))
            .sum();
        counts[code] += 1.0;
    }
    counts
}

/// Frequencies of samples agree with the exact probabilities, for one mask, averaged masks and the
/// mixture, and the test notices one in place of another; pixels are drawn with the probabilities
/// that one pass over the finished image gives them, and as by a full pass per pixel.
#[test]
fn grey_drawing_agrees_with_scoring() {
    let (pool, many, images) = (ThreadPool::new(1), 100_000, all_images(3, K));
    for (i, (output, components, input)) in KINDS.into_iter().enumerate() {
        let config = ModelConfig {
            output,
            components,
            input,
            hidden: vec![9; 1 + i % 2],
            ordering: OrderingRule::Random,
            skip: i % 2 == 0,
            masks: MaskCount::Cycle(3),
            resample: Resample::Connectivity,
            ..ModelConfig::default()
        };
        let case = Case::with_levels(config, shape(3, 1), K);
        let masks: Vec<MaskSet> = (0..3).map(|k| case.masks.evaluated(k)).collect();
        let first = &masks[..1];
        let each: Vec<Vec<f64>> = masks
            .iter()
            .map(|mask| nll_single_mask(&case.made, &pool, mask, &images))
            .collect();
        let exact = probabilities(&each[0]);
        let drawn = draw(&case.made, &pool, first, many, plain(1)).unwrap();
        assert!(fits(&counts(&drawn.images, K), &exact), "{}", case.name);
        let apart = disagreement(&case.made, &masks[0], &drawn);
        assert!(apart < 1e-4, "{apart}: {}", case.name);
        let order = masks[0].ordering().pixels();
        let slow = draw_one_by_one(&case.made, &pool, &masks[0], order, 1000, plain(1));
        let same = slow.images.pixels().iter().zip(drawn.images.pixels());
        let other = same.filter(|(a, b)| a != b).count();
        assert!(other <= 1, "{other} pixels differ: {}", case.name);

        let averaged = nll_averaged_conditionals(&case.made, &pool, &masks, &images).unwrap();
        assert!((total(&averaged) - 1.0).abs() < 1e-4, "{}", case.name);
        let drawn = draw(&case.made, &pool, &masks, many, plain(2)).unwrap();
        assert!(fits(&counts(&drawn.images, K), &probabilities(&averaged)), "{}", case.name);
        assert!(!fits(&counts(&drawn.images, K), &exact), "control: {}", case.name);

        let drawn = draw_mixture(&case.made, &pool, &masks, many, plain(4)).unwrap();
        let mixture = probabilities(&nll_mixture(&each));
        assert!(fits(&counts(&drawn.images, K), &mixture), "{}", case.name);

        let given: Vec<bool> = (0..3).map(|pixel| pixel as u32 == order[0]).collect();
        let of = Images::new([2, 2, 2].repeat(many), 3);
        let evidence = Evidence { images: &of, given: &given };
        let drawing = Drawing { evidence: Some(evidence), ..plain(5) };
        let drawn = draw(&case.made, &pool, first, many, drawing).unwrap();
        let is_two = |code: usize| code / K.pow(order[0]) % K == 2;
        let mass: f64 = (0..64).filter(|&code| is_two(code)).map(|code| exact[code]).sum();
        let conditional: Vec<f64> = (0..64)
            .map(|code| if is_two(code) { exact[code] / mass } else { 1e-12 })
            .collect();
        assert!(fits(&counts(&drawn.images, K), &conditional), "{}", case.name);
    }
}

/// A temperature divides the logarithm of every probability; at zero it is the likeliest level.
#[test]
fn temperature_is_of_probabilities() {
    let (pool, many, images) = (ThreadPool::new(1), 100_000, all_images(1, K));
    for (output, components, input) in KINDS {
        let config = ModelConfig { output, components, input, ..ModelConfig::default() };
        let case = Case::with_levels(ModelConfig { hidden: vec![], ..config }, shape(1, 1), K);
        let mask = [case.first()];
        let exact = nll_single_mask(&case.made, &pool, &mask[0], &images);
        for temperature in [0.5, 2.0] {
            let powers: Vec<f64> = exact.iter().map(|nll| (-nll / temperature).exp()).collect();
            let sum: f64 = powers.iter().sum();
            let expected: Vec<f64> = powers.iter().map(|p| p / sum).collect();
            let drawing = Drawing { temperature, ..plain(6) };
            let drawn = draw(&case.made, &pool, &mask, many, drawing).unwrap();
            assert!(fits(&counts(&drawn.images, K), &expected), "{}", case.name);
        }
        let greedy = Drawing { temperature: 0.0, ..plain(6) };
        let drawn = draw(&case.made, &pool, &mask, 20, greedy).unwrap();
        let likeliest = (0..K).min_by(|&a, &b| exact[a].total_cmp(&exact[b])).unwrap();
        assert!(drawn.images.pixels().iter().all(|&x| usize::from(x) == likeliest));
    }
}

/// A given pixel of the highest of 256 levels stays, and the pixel drawn behind it has the
/// probabilities given it, and not those given black.
#[test]
fn completions_behind_a_white_pixel() {
    let (pool, many) = (ThreadPool::new(1), 60_000);
    for (output, components, input) in KINDS {
        let config = ModelConfig {
            hidden: vec![5],
            output,
            components,
            input,
            skip: true,
            activation: Activation::Tanh,
            ordering: OrderingRule::Reverse,
            ..ModelConfig::default()
        };
        let case = Case::with_levels(config, shape(2, 1), 256);
        let mask = [case.first()];
        let [first, last] = [0, 1].map(|i| mask[0].ordering().pixels()[i] as usize);
        let given = [0, 1].map(|pixel| pixel == first);
        let probabilities = |level: u8| {
            let image = |x: u8| [0, 1].map(|pixel| if pixel == last { x } else { level });
            let images = Images::new((0..=255).flat_map(image).collect::<Vec<_>>(), 2);
            let nlls = nll_per_pixel(&case.made, &pool, &mask, &images).unwrap();
            nlls.chunks(2).map(|nlls| f64::from(-nlls[last]).exp()).collect::<Vec<_>>()
        };
        let of = Images::new([255, 255].repeat(many), 2);
        let evidence = Some(Evidence { images: &of, given: &given });
        let drawing = Drawing { evidence, ..plain(7) };
        let drawn = draw(&case.made, &pool, &mask, many, drawing).unwrap();
        let mut counts = vec![0.0; 256];
        for image in drawn.images.pixels().chunks(2) {
            assert_eq!(image[first], 255);
            counts[usize::from(image[last])] += 1.0;
        }
        assert!(fits(&counts, &probabilities(255)), "{}", case.name);
        assert!(!fits(&counts, &probabilities(0)), "control: {}", case.name);
    }
}

/// The mean of a pixel given those before it is the sum of its levels times their probabilities.
#[test]
fn means_are_expectations() {
    let pool = ThreadPool::new(1);
    for case in cases(MaskCount::Cycle(1)).step_by(3) {
        let mask = [case.first()];
        let last = mask[0].ordering().pixels()[2] as usize;
        let images = Images::new(
            (0..K as u8)
                .flat_map(|x| {
                    let mut image = [1, 2, 3];
                    image[last] = x;
                    image
                })
                .collect::<Vec<_>>(),
            3,
        );
        let nlls = nll_per_pixel(&case.made, &pool, &mask, &images).unwrap();
        let of = |x: usize| f64::from(-nlls[3 * x + last]).exp();
        let expected: f64 = (0..K).map(|x| x as f64 * of(x)).sum::<f64>() / (K - 1) as f64;
        for row in conditional_means(&case.made, &pool, &mask[0], &images).chunks(3) {
            let apart = (f64::from(row[last]) - expected).abs();
            assert!(apart < 1e-5, "{} {expected}: {}", row[last], case.name);
        }
    }
}

/// A categorical output with two levels, of which the lower has logit zero, is the Bernoulli one.
#[test]
fn two_levels_are_bernoulli() {
    let (pool, images) = (ThreadPool::new(1), all_images(6, 2));
    let config = ModelConfig {
        hidden: vec![9],
        ordering: OrderingRule::Random,
        skip: true,
        condition: true,
        ..ModelConfig::default()
    };
    let plain = Case::new(config.clone(), shape(3, 2));
    let config = ModelConfig { output: OutputKind::Categorical, ..config };
    let two = Case::new(config, shape(3, 2));
    let (from, to) = (plain.made.network().layout.clone(), two.made.network().layout.clone());
    let mut params = vec![0.0f32; to.len];
    plain.made.read(|old| {
        let mut copy = |a: std::ops::Range<usize>, b: std::ops::Range<usize>, cols: usize| {
            let doubled = b.len() == 2 * a.len();
            for (i, row) in a.clone().step_by(cols).enumerate() {
                let at = b.start + if doubled { 2 * i + 1 } else { i } * cols;
                params[at..at + cols].copy_from_slice(&old[row..row + cols]);
            }
        };
        for (a, b) in from.layers.iter().zip(&to.layers) {
            copy(a.weight.clone(), b.weight.clone(), a.n_in);
            copy(a.bias.clone(), b.bias.clone(), 1);
            copy(a.condition.clone().unwrap(), b.condition.clone().unwrap(), a.n_in);
        }
        copy(from.direct.clone().unwrap(), to.direct.clone().unwrap(), 6);
    });
    let two = Made::with_parameters(&two.config, two.shape, &two.masks, params).unwrap();
    let mask = plain.first();
    let nlls = [&plain.made, &two].map(|made| nll_single_mask(made, &pool, &mask, &images));
    for (a, b) in nlls[0].iter().zip(&nlls[1]) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

/// One pixel under one component is the difference of two logistic functions; a scale below the
/// floor counts as the floor, and has no gradient.
#[test]
fn one_component_is_the_logistic() {
    let pool = ThreadPool::new(1);
    let config = ModelConfig {
        hidden: vec![],
        output: OutputKind::LogisticMixture,
        components: 1,
        ..ModelConfig::default()
    };
    let case = Case::with_levels(config, shape(1, 1), 256);
    let (mask, images) = (case.first(), all_images(1, 256));
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let floor = f64::from(MIN_LOG_SCALE);
    for (mean, log_scale) in [
        (0.0f64, -1.0f64),
        (0.3, -4.0),
        (-0.9, 0.5),
        (2.0, -3.0),
        (0.1, 8.0),
        (0.2, -9.0),
    ] {
        case.made
            .update(|p| p.copy_from_slice(&[0.7, mean as f32, log_scale as f32]))
            .unwrap();
        let nlls = nll_single_mask(&case.made, &pool, &mask, &images);
        let sum = total(&nlls);
        assert!((sum - 1.0).abs() < 1e-5, "{mean} {log_scale}: sum {sum}");
        let scale = log_scale.max(floor).exp();
        for (level, nll) in nlls.iter().enumerate() {
            let end = |half: f64| ((2.0 * level as f64 + half) / 255.0 - 1.0 - mean) / scale;
            let upper = if level == 255 { 1.0 } else { sigmoid(end(1.0)) };
            let lower = if level == 0 { 0.0 } else { sigmoid(end(-1.0)) };
            if upper - lower > 1e-9 {
                let expected = -(upper - lower).ln();
                assert!(
                    (nll - expected).abs() < 1e-4 * (1.0 + expected),
                    "{mean} {log_scale} {level}: {nll} {expected}"
                );
            }
            assert!(nll.is_finite());
        }
        let rows = (0..256).map(|i| images.row(i));
        let gradient = minibatch_gradient(&case.made, &pool, &mask, rows).gradient;
        assert_eq!(gradient[2] == 0.0, log_scale < floor, "{mean} {log_scale}: {gradient:?}");
    }
}

/// For two levels, one input for each level but the lowest is the scaled input, bit for bit.
#[test]
fn one_hot_inputs_of_two_levels_are_the_pixels() {
    let (pool, images) = (ThreadPool::new(1), all_images(6, 2));
    let nlls = [Input::Scaled, Input::OneHot].map(|input| {
        let config = ModelConfig { hidden: vec![9], skip: true, input, ..ModelConfig::default() };
        let case = Case::new(config, shape(3, 2));
        nll_single_mask(&case.made, &pool, &case.first(), &images)
    });
    assert_eq!(nlls[0], nlls[1]);
}

/// Models of three pixels that are told one of three classes: each kind of output and Bernoulli x
/// depth 0 to 2 x direct.
fn cases_of_classes() -> impl Iterator<Item = Case> {
    let kinds = KINDS.into_iter().chain([(OutputKind::Bernoulli, 5, Input::Scaled)]);
    kinds.enumerate().flat_map(|(kind, (output, components, input))| {
        (0..6).map(move |i| {
            let config = ModelConfig {
                output,
                components,
                input,
                classes: true,
                ordering: [OrderingRule::Raster, OrderingRule::Random][(i + kind) % 2],
                hidden: vec![7; i % 3],
                skip: i / 3 == 1,
                activation: Activation::Tanh,
                masks: MaskCount::Cycle(2),
                ..ModelConfig::default()
            };
            let levels = if output == OutputKind::Bernoulli { 2 } else { K };
            Case::with_classes(config, shape(3, 1), levels, 3)
        })
    })
}

/// The same images, all in one class.
fn in_class(images: &Images, class: u16) -> Images {
    let names = ["a", "b", "c"].map(str::to_owned);
    let of = vec![class; images.count()].into();
    images.leading(images.count()).with_labels(Labels { of, names: names.into() })
}

fn n_levels(case: &Case) -> usize {
    case.made.network().layout.distribution.levels().unwrap()
}

/// Given any class, probabilities sum to one, and so they do without it; the kernels agree with the
/// reference engine, and are the same for images of one class and for the class imposed on them.
#[test]
fn probabilities_given_a_class_sum_to_one() {
    let pool = ThreadPool::new(1);
    for case in cases_of_classes() {
        let images = all_images(3, n_levels(&case));
        let mask = case.masks.evaluated(1);
        let params = case.made.parameters().to_dtype(DType::F64).unwrap();
        let engine = reference(&case, 1, DType::F64);
        for class in 0..3 {
            let classes = std::iter::repeat(Some(class));
            let exact: Vec<f64> =
                engine.nll_given(&params, &tensor(&images), classes).unwrap().to_vec1().unwrap();
            assert!((total(&exact) - 1.0).abs() < 1e-9, "{}", case.name);
            let fast = nll_single_mask(&case.made, &pool, &mask, &in_class(&images, class));
            for (fast, exact) in fast.iter().zip(&exact) {
                let apart = (fast - exact).abs();
                assert!(apart < 1e-4 * (1.0 + exact), "{fast} {exact}: {}", case.name);
            }
        }
        let found = by_class(&case.made, &pool, &mask, &images, &[0.5, 0.3, 0.2]);
        assert!((total(&found.nll_without) - 1.0).abs() < 1e-4, "{}", case.name);
    }
}

/// The class reaches every output, the first of the ordering included; control: a model that is not
/// told the class does not change with it.
#[test]
fn the_class_reaches_every_output() {
    let pool = ThreadPool::new(1);
    for case in cases_of_classes() {
        let images = Images::new([1, 0, 1], 3);
        let masks = [case.masks.evaluated(1)];
        let of =
            |class| nll_per_pixel(&case.made, &pool, &masks, &in_class(&images, class)).unwrap();
        for (pixel, (a, b)) in of(0).into_iter().zip(of(2)).enumerate() {
            assert!(a != b, "pixel {pixel}: {}", case.name);
        }
        let untold = Case::with_levels(case.config.clone(), case.shape, n_levels(&case));
        let of =
            |class| nll_per_pixel(&untold.made, &pool, &masks, &in_class(&images, class)).unwrap();
        assert_eq!(of(0), of(2), "control: {}", case.name);
    }
}

/// With classes, the kernels' gradient is autograd's.
#[test]
fn gradients_given_classes_agree() {
    let pool = ThreadPool::new(1);
    for case in cases_of_classes() {
        let all = all_images(3, n_levels(&case));
        let names = ["a", "b", "c"].map(str::to_owned);
        let of: Vec<u16> = (0..all.count()).map(|i| (i % 3) as u16).collect();
        let images = all.with_labels(Labels { of: of.clone().into(), names: names.into() });
        let params = case.made.parameters().to_dtype(DType::F64).unwrap();
        let variable = Var::from_tensor(&params).unwrap();
        let engine = reference(&case, 0, DType::F64);
        let classes = of.into_iter().map(Some);
        let loss = engine.nll_given(&variable, &tensor(&images), classes).unwrap();
        let gradients = loss.mean(0).unwrap().backward().unwrap();
        let expected: Vec<f64> = gradients.get(&variable).unwrap().to_vec1().unwrap();
        let rows = (0..images.count()).map(|i| images.example(i));
        let ours = minibatch_gradient(&case.made, &pool, &case.first(), rows).gradient;
        for (i, (&got, expected)) in ours.iter().zip(&expected).enumerate() {
            let apart = (f64::from(got) - expected).abs();
            assert!(apart < 1e-4 * (1.0 + expected.abs()), "{i}: {got} {expected}: {}", case.name);
        }
    }
}

/// Samples of a class have the probabilities given this class, and not those of another.
#[test]
fn drawing_respects_the_class() {
    let (pool, many) = (ThreadPool::new(1), 60_000);
    for case in cases_of_classes().filter(|case| case.config.skip).step_by(2) {
        let levels = n_levels(&case);
        let images = all_images(3, levels);
        let mask = case.masks.evaluated(1);
        let of = |class| {
            probabilities(&nll_single_mask(&case.made, &pool, &mask, &in_class(&images, class)))
        };
        let classes = vec![1; many];
        let drawing = Drawing { classes: Some(&classes), ..plain(3) };
        let drawn = draw(&case.made, &pool, std::slice::from_ref(&mask), many, drawing).unwrap();
        assert!(fits(&counts(&drawn.images, levels), &of(1)), "{}", case.name);
        assert!(!fits(&counts(&drawn.images, levels), &of(2)), "control: {}", case.name);
        let few = Drawing { classes: Some(&classes[..200]), ..plain(3) };
        let order = mask.ordering().pixels();
        let slow = draw_one_by_one(&case.made, &pool, &mask, order, 200, few);
        assert_eq!(slow.images.pixels(), &drawn.images.pixels()[..600], "{}", case.name);
    }
}

/// With masks averaged, the class is given, too: three masks that are one are that mask.
#[test]
fn averages_are_given_the_class() {
    let pool = ThreadPool::new(1);
    for case in cases_of_classes() {
        let images = in_class(&all_images(3, n_levels(&case)), 2);
        let mask = case.first();
        let one = nll_single_mask(&case.made, &pool, &mask, &images);
        let masks = vec![mask; 3];
        let averaged = nll_averaged_conditionals(&case.made, &pool, &masks, &images).unwrap();
        for (one, averaged) in one.iter().zip(&averaged) {
            assert!((one - averaged).abs() < 1e-4 * (1.0 + one), "{}", case.name);
        }
    }
}

/// The file of a model of any output, input and number of classes restores every score, bit for
/// bit.
#[test]
fn model_files_restore_every_score() {
    let pool = ThreadPool::new(1);
    for case in cases(MaskCount::Cycle(2)).chain(cases_of_classes()) {
        let levels = n_levels(&case);
        let (layout, first) = (&case.made.network().layout, case.first());
        let saved = file::save(&case.made, &first).unwrap();
        let variables = case.shape.with_levels(levels);
        if layout.classes > 0 {
            let untold = ParamLayout::new(&case.config, variables);
            assert_eq!(file::n_classes(&saved, &untold).unwrap(), 3, "{}", case.name);
        }
        let numbering = case.made.first_ordering();
        let params = file::load(&saved, layout, numbering, std::slice::from_ref(&first)).unwrap();
        let variables = variables.with_classes(layout.classes);
        let again = Made::with_parameters(&case.config, variables, &case.masks, params).unwrap();
        let images = in_class(&all_images(3, levels), 1);
        for k in 0..2 {
            let mask = case.masks.evaluated(k);
            let nlls =
                [&case.made, &again].map(|made| nll_single_mask(made, &pool, &mask, &images));
            assert_eq!(nlls[0], nlls[1], "{}", case.name);
        }
    }
}
