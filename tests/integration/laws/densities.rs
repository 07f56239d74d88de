//! Laws of the densities of real numbers: each integrates to one, sees no more than the mask allows,
//! is drawn from as it is scored, and is fitted as by hand.

use ablade::data::{Dataset, Images, Labels};
use ablade::made::evaluate::{
    by_class, conditional_means, integral_transforms, mean, nll_averaged_conditionals, nll_mixture,
    nll_per_pixel, nll_single_mask, share_at_smallest_scale,
};
use ablade::made::file;
use ablade::made::masks::MaskSet;
use ablade::made::model::Made;
use ablade::made::ordering::OrderingRule;
use ablade::made::output::{MIN_DEVIATION, OutputKind};
use ablade::made::reference::Reference;
use ablade::made::sample::{Drawing, Evidence, draw, draw_mixture, draw_one_by_one, known_nll};
use ablade::made::{Activation, MaskCount, ModelConfig, Resample};
use ablade::parallel::ThreadPool;
use ablade::rng::Purpose;
use ablade::train::reference::{Precision, ReferenceTrainer, compare};
use ablade::train::{TrainConfig, minibatch_gradient};
use candle_core::{DType, Device, Tensor, Var};

use super::cases::{Case, SEED, shape};
use super::likelihood::closed_parameters;
use super::sampling::plain;
use super::training::{Setup, adam, dataset, finish};

/// Outputs and numbers of components that differ.
const KINDS: [(OutputKind, usize); 3] = [
    (OutputKind::Gaussian, 5),
    (OutputKind::GaussianMixture, 1),
    (OutputKind::GaussianMixture, 3),
];

/// A model of `dim` numbers whose weights are small, so that densities are smooth between the points
/// of a grid.
fn gentle(config: ModelConfig, dim: usize, classes: usize) -> Case {
    let case = Case::with_classes(config, shape(dim, 1), 2, classes);
    let direct = case.made.network().layout.direct.clone().unwrap_or_default();
    let scale = |p: &mut [f32]| {
        for p in p.iter_mut() {
            *p *= 0.3;
        }
        for p in &mut p[direct] {
            *p *= 0.1;
        }
    };
    case.made.update(scale).unwrap();
    case
}

/// Each kind x depth 0 to 2 x direct x given a class, of `dim` numbers.
fn cases(dim: usize, masks: MaskCount) -> impl Iterator<Item = Case> {
    (0..36).map(move |i| {
        let (output, components) = KINDS[i % 3];
        let classes = if i / 18 == 1 { 3 } else { 0 };
        let config = ModelConfig {
            output,
            components,
            hidden: vec![7; i / 3 % 3],
            skip: i / 9 % 2 == 1,
            condition: i % 5 == 0,
            ordering: [OrderingRule::Raster, OrderingRule::Random][i % 2],
            activation: [Activation::Tanh, Activation::Softsign][i % 2],
            classes: classes > 0,
            masks,
            ..ModelConfig::default()
        };
        gentle(config, dim, classes)
    })
}

/// Vectors of standard normal numbers, times `scale`.
fn normal(count: usize, dim: usize, scale: f64) -> Images {
    let mut stream = SEED.stream(Purpose::Data, 5);
    Images::real((0..count * dim).map(|_| (scale * stream.normal()) as f32).collect(), dim)
}

/// The same vectors, of these classes in turn.
fn of_classes(images: &Images, classes: &[u16]) -> Images {
    let names = ["a", "b", "c"].map(str::to_owned);
    let of = (0..images.count()).map(|i| classes[i % classes.len()]).collect();
    images.leading(images.count()).with_labels(Labels { of, names: names.into() })
}

/// Distance between two points of the grid.
const STEP: f64 = 0.15;

/// Points from -24 to 24, in every dimension.
fn grid(dim: usize) -> Images {
    let line: Vec<f32> = (-160..=160).map(|i| (f64::from(i) * STEP) as f32).collect();
    let points = match dim {
        1 => line,
        _ => line.iter().flat_map(|&x| line.iter().flat_map(move |&y| [x, y])).collect(),
    };
    Images::real(points, dim)
}

/// Integral over the points of the grid, by the trapezoidal rule.
fn integral(nlls: &[f64], dim: usize) -> f64 {
    nlls.iter().map(|nll| (-nll).exp()).sum::<f64>() * STEP.powi(dim as i32)
}

fn reference(case: &Case, index: usize, dtype: DType) -> Reference {
    let (network, first) = (case.made.network(), case.made.first_ordering());
    Reference::new(network, &case.masks.evaluated(index), first, dtype, &Device::Cpu).unwrap()
}

fn tensor(images: &Images) -> Tensor {
    let values: Vec<f64> = images.real_values().unwrap().iter().map(|&x| f64::from(x)).collect();
    Tensor::from_vec(values, (images.count(), images.dim()), &Device::Cpu).unwrap()
}

fn reference_nlls(case: &Case, index: usize, images: &Images) -> Vec<f64> {
    let params = case.made.parameters().to_dtype(DType::F64).unwrap();
    let classes = (0..images.count()).map(|i| images.example(i).class);
    reference(case, index, DType::F64)
        .nll_given(&params, &tensor(images), classes)
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// Densities integrate to one, by the reference engine and by the kernels, which agree at every
/// point; for single masks and their mixture, given a class and without it.
#[test]
fn densities_integrate_to_one() {
    let pool = ThreadPool::new(1);
    for dim in [1, 2] {
        let points = grid(dim);
        for case in cases(dim, MaskCount::Cycle(2)).step_by(dim) {
            let points = of_classes(&points, &[1]);
            let mut all = Vec::new();
            for k in 0..2 {
                let exact = reference_nlls(&case, k, &points);
                let sum = integral(&exact, dim);
                assert!((sum - 1.0).abs() < 1e-5, "{sum}: {}", case.name);
                let fast = nll_single_mask(&case.made, &pool, &case.masks.evaluated(k), &points);
                let sum = integral(&fast, dim);
                assert!((sum - 1.0).abs() < 1e-4, "{sum}: {}", case.name);
                for (fast, exact) in fast.iter().zip(&exact) {
                    let apart = (fast - exact).abs();
                    assert!(apart < 1e-4 * (1.0 + exact.abs()), "{fast} {exact}: {}", case.name);
                }
                all.push(exact);
            }
            let sum = integral(&nll_mixture(&all), dim);
            assert!((sum - 1.0).abs() < 1e-5, "mixture: {sum}: {}", case.name);
            if case.config.classes {
                let prior = [0.5, 0.3, 0.2];
                let found = by_class(&case.made, &pool, &case.first(), &points, &prior);
                let sum = integral(&found.nll_without, dim);
                assert!((sum - 1.0).abs() < 1e-4, "without the class: {sum}: {}", case.name);
            }
        }
    }
}

/// Control: under the parameters of each point's mirror image, which its own numbers decide,
/// densities do not integrate to one.
#[test]
fn control_densities_that_see_their_own_number_do_not_integrate_to_one() {
    let (points, mut seen, mut noticed) = (grid(2), 0, 0);
    let is_told = |case: &Case| case.config.classes;
    for case in cases(2, MaskCount::Cycle(1))
        .filter(|case| !case.config.hidden.is_empty() && !is_told(case))
        .step_by(2)
    {
        let engine = reference(&case, 0, DType::F64);
        let params = case.made.parameters().to_dtype(DType::F64).unwrap();
        let x = tensor(&points);
        let mirrored = x.index_select(&Tensor::new(&[1u32, 0], &Device::Cpu).unwrap(), 1);
        let logits = engine.logits(&params, &mirrored.unwrap()).unwrap();
        let nlls: Vec<f64> = engine.nll_of(&logits, &x).unwrap().to_vec1().unwrap();
        seen += 1;
        noticed += usize::from((integral(&nlls, 2) - 1.0).abs() > 1e-3);
    }
    assert!(seen > 3 && noticed * 10 > seen * 8, "{noticed} of {seen}");
}

/// Changing number j changes no bit of the density of a number before it in the ordering.
#[test]
fn no_density_sees_its_own_or_a_later_number() {
    let pool = ThreadPool::new(1);
    let mut moved = 0;
    for case in cases(3, MaskCount::Cycle(2)) {
        let masks = [case.masks.evaluated(1)];
        let positions = masks[0].ordering().positions();
        let nlls = |values: Vec<f32>| {
            let images = of_classes(&Images::real(values, 3), &[2]);
            nll_per_pixel(&case.made, &pool, &masks, &images).unwrap()
        };
        let base = vec![0.5, -1.25, 2.0];
        let before = nlls(base.clone());
        for j in 0..3 {
            let mut changed = base.clone();
            changed[j] += 0.75;
            for (d, (was, is)) in before.iter().zip(nlls(changed)).enumerate() {
                if positions[d] < positions[j] {
                    assert!(was.to_bits() == is.to_bits(), "{d} saw {j}: {}", case.name);
                } else {
                    moved += usize::from(*was != is);
                }
            }
        }
    }
    assert!(moved > 140, "later numbers hardly see anything: {moved}");
}

/// The kernels' gradient is autograd's and the same on any number of threads, closed parameters have
/// none, and autograd's is the central difference.
#[test]
fn gradients_of_densities_agree() {
    for (i, case) in cases(3, MaskCount::Cycle(2)).enumerate() {
        let images = of_classes(&normal(13, 3, 1.0), &[0, 2, 1]);
        let index = i % 2;
        let engine = reference(&case, index, DType::F64);
        let params: Vec<f64> = case.made.read(|p| p.iter().map(|&p| f64::from(p)).collect());
        let loss = |params: &Tensor| {
            let classes = (0..images.count()).map(|i| images.example(i).class);
            engine.nll_given(params, &tensor(&images), classes).unwrap().mean(0).unwrap()
        };
        let variable = Var::from_slice(&params, params.len(), &Device::Cpu).unwrap();
        let gradients = loss(&variable).backward().unwrap();
        let expected: Vec<f64> = gradients.get(&variable).unwrap().to_vec1().unwrap();
        let [ours, same] = [1, 3].map(|threads| {
            let rows = (0..images.count()).map(|i| images.example(i));
            let mask = case.masks.evaluated(index);
            minibatch_gradient(&case.made, &ThreadPool::new(threads), &mask, rows)
        });
        assert!(ours == same, "threads change numbers: {}", case.name);
        let mean: f64 = loss(&variable.as_detached_tensor()).to_scalar().unwrap();
        let sum = ours.nll_sum_nats / images.count() as f64;
        assert!((sum - mean).abs() < 1e-4 * (1.0 + mean.abs()), "{sum} {mean}: {}", case.name);
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
            loss(&Tensor::new(moved, &Device::Cpu).unwrap()).to_scalar::<f64>().unwrap()
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

/// A model of one number without hidden units, of these parameters.
fn alone(output: OutputKind, components: usize, params: &[f32]) -> Case {
    let config = ModelConfig { hidden: vec![], output, components, ..ModelConfig::default() };
    let case = Case::new(config, shape(1, 1));
    case.made.update(|p| p.copy_from_slice(params)).unwrap();
    case
}

/// One component of any logit is the Gaussian, that of its formula: in score and gradient, in what is
/// drawn, and in the mean.
#[test]
fn one_component_is_the_gaussian() {
    let pool = ThreadPool::new(1);
    let points = normal(40, 1, 2.0);
    for (mean, log_scale) in [(0.0f32, 0.0f32), (0.7, -1.5), (-1.0, 1.0), (0.1, -8.0)] {
        let plain_one = alone(OutputKind::Gaussian, 5, &[mean, log_scale]);
        let mixed = alone(OutputKind::GaussianMixture, 1, &[3.0, mean, log_scale]);
        let cases = [&plain_one, &mixed];
        let nlls = cases.map(|case| nll_single_mask(&case.made, &pool, &case.first(), &points));
        let deviation = f64::from(log_scale).exp() + f64::from(MIN_DEVIATION);
        for (i, (a, b)) in nlls[0].iter().zip(&nlls[1]).enumerate() {
            let x = f64::from(points.real_values().unwrap()[i]);
            let z = (x - f64::from(mean)) / deviation;
            let exact = 0.5 * z * z + deviation.ln() + 0.5 * std::f64::consts::TAU.ln();
            assert!((a - exact).abs() < 1e-5 * (1.0 + exact.abs()), "{a} {exact}");
            assert!((a - b).abs() < 1e-5 * (1.0 + exact.abs()), "{a} {b}");
        }
        let [a, b] = cases.map(|case| {
            let rows = (0..points.count()).map(|i| points.example(i));
            minibatch_gradient(&case.made, &pool, &case.first(), rows).gradient
        });
        for (a, b) in a.iter().zip(&b[1..]) {
            assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{a} {b}");
        }
        assert!(b[0].abs() < 1e-6);
        let [a, b] = cases
            .map(|case| draw(&case.made, &pool, &[case.first()], 50, plain(3)).unwrap().images);
        assert_eq!(a.real_values(), b.real_values());
        for case in cases {
            assert_eq!(conditional_means(&case.made, &pool, &case.first(), &points)[0], mean);
        }
    }
}

/// True if numbers look uniform on [0, 1]: the Kolmogorov-Smirnov statistic, of which larger values
/// have a probability of 1 in 8,000.
fn is_uniform(mut values: Vec<f64>) -> bool {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let apart = values.iter().enumerate().map(|(i, x)| {
        let [below, above] = [i, i + 1].map(|i| (x - i as f64 / n).abs());
        below.max(above)
    });
    apart.fold(0.0, f64::max) * n.sqrt() < 2.2
}

/// Dimension `d` of some numbers [n_images x dim].
fn column(values: &[f32], dim: usize, d: usize) -> Vec<f64> {
    values.iter().skip(d).step_by(dim).map(|&x| f64::from(x)).collect()
}

/// Three masks of one ordering, of a model of three numbers.
fn three_masks(i: usize) -> (Case, Vec<MaskSet>) {
    let (output, components) = KINDS[i];
    let config = ModelConfig {
        output,
        components,
        hidden: vec![9; 1 + i % 2],
        ordering: OrderingRule::Random,
        skip: i.is_multiple_of(2),
        masks: MaskCount::Cycle(3),
        resample: Resample::Connectivity,
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(3, 1));
    case.made.update(|p| p.iter_mut().for_each(|p| *p *= 0.5)).unwrap();
    let masks = (0..3).map(|k| case.masks.evaluated(k)).collect();
    (case, masks)
}

/// Integral transforms of draws are uniform: for one mask, for averaged masks and the mixture, and
/// behind given numbers; not under another model. Numbers are drawn with the densities that one pass
/// over the finished vector gives them, and as by a full pass per number.
#[test]
fn drawing_densities_agrees_with_scoring() {
    let (pool, many) = (ThreadPool::new(1), 20_000);
    let mut noticed = 0;
    for i in 0..KINDS.len() {
        let (case, masks) = three_masks(i);
        let made = &case.made;
        let transforms =
            |mask: &MaskSet, images: &Images| integral_transforms(made, &pool, mask, images);
        let drawn = draw(made, &pool, &masks[..1], many, plain(1)).unwrap();
        let own = transforms(&masks[0], &drawn.images);
        let other = transforms(&masks[1], &drawn.images);
        for d in 0..3 {
            assert!(is_uniform(column(&own, 3, d)), "{d}: {}", case.name);
            noticed += usize::from(!is_uniform(column(&other, 3, d)));
        }
        let nlls = nll_per_pixel(made, &pool, &masks[..1], &drawn.images).unwrap();
        for (&p, nll) in drawn.probabilities.iter().zip(nlls) {
            let p = f64::from(p);
            assert!((p - f64::from(-nll).exp()).abs() < 1e-3 * (1.0 + p), "{p}: {}", case.name);
        }
        let order = masks[0].ordering().pixels();
        let slow = draw_one_by_one(made, &pool, &masks[0], order, 1000, plain(1));
        let pairs = slow.images.real_values().unwrap().iter();
        for (slow, fast) in pairs.zip(drawn.images.real_values().unwrap()) {
            assert!((slow - fast).abs() < 1e-3 * (1.0 + fast.abs()), "{slow} {fast}");
        }

        // A distribution function of averaged conditionals is the average of theirs.
        let drawn = draw(made, &pool, &masks, many, plain(2)).unwrap();
        let each = [0, 1, 2].map(|k| transforms(&masks[k], &drawn.images));
        for d in 0..3 {
            let of = |k: usize| column(&each[k], 3, d);
            let average = |((a, b), c): ((f64, f64), f64)| (a + b + c) / 3.0;
            let averaged: Vec<f64> = of(0).into_iter().zip(of(1)).zip(of(2)).map(average).collect();
            assert!(is_uniform(averaged), "averaged, {d}: {}", case.name);
            noticed += usize::from(!is_uniform(of(0)));
        }
        let nlls = nll_averaged_conditionals(made, &pool, &masks, &drawn.images).unwrap();
        for (nll, own) in nlls.iter().zip(drawn.probabilities.chunks(3)) {
            let drawn: f64 = own.iter().map(|&p| -f64::from(p).ln()).sum();
            assert!((nll - drawn).abs() < 1e-3 * (1.0 + nll.abs()), "{nll} {drawn}");
        }

        // Given the first numbers, those of the mixture are in proportion to their densities.
        let drawn = draw_mixture(made, &pool, &masks, many, plain(4)).unwrap();
        let each = [0, 1, 2].map(|k| {
            let mask = std::slice::from_ref(&masks[k]);
            let nlls = nll_per_pixel(made, &pool, mask, &drawn.images).unwrap();
            (transforms(&masks[k], &drawn.images), nlls)
        });
        for (position, &d) in order.iter().enumerate() {
            let transform = |i: usize| {
                let weight = |k: usize| {
                    let before = order[..position].iter();
                    let nll: f64 = before.map(|&d| f64::from(each[k].1[3 * i + d as usize])).sum();
                    (-nll).exp()
                };
                let of = |k: usize| weight(k) * f64::from(each[k].0[3 * i + d as usize]);
                (of(0) + of(1) + of(2)) / (weight(0) + weight(1) + weight(2))
            };
            assert!(is_uniform((0..many).map(transform).collect()), "{d}: {}", case.name);
        }

        let given: Vec<bool> = (0..3).map(|d| d == order[0]).collect();
        let evidence_of = Images::real([1.25; 3].repeat(many), 3);
        let evidence = Evidence { images: &evidence_of, given: &given };
        let drawing = Drawing { evidence: Some(evidence), ..plain(5) };
        let drawn = draw(made, &pool, &masks[..1], many, drawing).unwrap();
        let first = order[0] as usize;
        assert!(column(drawn.images.real_values().unwrap(), 3, first).iter().all(|&x| x == 1.25));
        let own = transforms(&masks[0], &drawn.images);
        for &d in &order[1..] {
            assert!(is_uniform(column(&own, 3, d as usize)), "given: {}", case.name);
        }
        let known = known_nll(made, &pool, &masks[..1], evidence)[0];
        let all = nll_per_pixel(made, &pool, &masks[..1], &evidence_of.leading(1)).unwrap();
        assert!((known - f64::from(all[first])).abs() < 1e-6);
        let drawn = draw_mixture(made, &pool, &masks, 10, drawing).unwrap();
        assert!(column(drawn.images.real_values().unwrap(), 3, first).iter().all(|&x| x == 1.25));
    }
    assert!(noticed > 6, "control: other models are hardly noticed, {noticed}");
}

/// The integral transform is the integral of the density, and the mean its expectation.
#[test]
fn transforms_and_means_are_integrals() {
    let (pool, points) = (ThreadPool::new(1), grid(1));
    for case in cases(1, MaskCount::Cycle(1)).filter(|case| !case.config.classes) {
        let mask = case.first();
        let nlls = nll_single_mask(&case.made, &pool, &mask, &points);
        let transforms = integral_transforms(&case.made, &pool, &mask, &points);
        let (mut below, mut expected) = (0.0, 0.0);
        for ((&x, nll), transform) in
            points.real_values().unwrap().iter().zip(&nlls).zip(transforms)
        {
            let mass = (-nll).exp() * STEP;
            // The trapezoid up to a point has half of its ordinate.
            let exact = below + 0.5 * mass;
            assert!((f64::from(transform) - exact).abs() < 6e-3, "{x}: {transform} {exact}");
            below += mass;
            expected += f64::from(x) * mass;
        }
        for mean in conditional_means(&case.made, &pool, &mask, &points) {
            assert!((f64::from(mean) - expected).abs() < 1e-4, "{mean} {expected}");
        }
    }
}

/// Samples of a class are distributed as given this class, and not as given another; the class
/// reaches every density.
#[test]
fn drawing_densities_respects_the_class() {
    let (pool, many) = (ThreadPool::new(1), 20_000);
    let mut noticed = Vec::new();
    for case in cases(3, MaskCount::Cycle(2)).filter(|case| case.config.classes) {
        // Weights from the classes that are not small.
        let direct = case.made.network().layout.direct.clone().unwrap();
        case.made.update(|p| p[direct].iter_mut().for_each(|p| *p *= 10.0)).unwrap();
        let mask = case.masks.evaluated(1);
        let classes = vec![1; many];
        let drawing = Drawing { classes: Some(&classes), ..plain(3) };
        let drawn = draw(&case.made, &pool, std::slice::from_ref(&mask), many, drawing).unwrap();
        let transforms = |class: u16| {
            let images = of_classes(&drawn.images, &[class]);
            integral_transforms(&case.made, &pool, &mask, &images)
        };
        let (own, other) = (transforms(1), transforms(2));
        for d in 0..3 {
            assert!(is_uniform(column(&own, 3, d)), "{d}: {}", case.name);
            noticed.push(!is_uniform(column(&other, 3, d)));
        }
    }
    let count = noticed.iter().filter(|&&noticed| noticed).count();
    assert!(10 * count > 8 * noticed.len(), "control: {count} of {}", noticed.len());
}

/// At temperature zero the mean of the component with the highest peak is drawn, whatever the
/// uniforms. At others the deviation of one Gaussian is multiplied by the root of the temperature,
/// and where components do not overlap, their masses are those of the power of the density.
#[test]
fn temperature_is_of_densities() {
    let (pool, many) = (ThreadPool::new(1), 20_000);
    for (i, (output, components)) in KINDS.into_iter().enumerate() {
        let (case, masks) = three_masks(i);
        let greedy = Drawing { temperature: 0.0, ..plain(6) };
        let drawn = draw(&case.made, &pool, &masks[..1], 40, greedy).unwrap();
        let values = drawn.images.real_values().unwrap();
        assert!(values.chunks(3).all(|row| row == &values[..3]) && drawn.probabilities[0] == 1.0);
        if components == 1 || output == OutputKind::Gaussian {
            let means = conditional_means(&case.made, &pool, &masks[0], &drawn.images.leading(1));
            for (value, mean) in values.iter().zip(means) {
                assert!((value - mean).abs() < 1e-5 * (1.0 + mean.abs()), "{value} {mean}");
            }
        }
    }
    for temperature in [0.25f32, 4.0] {
        let smallest = MIN_DEVIATION;
        let case = alone(OutputKind::Gaussian, 5, &[0.5, -1.0]);
        let wider = (temperature.sqrt() * ((-1f32).exp() + smallest) - smallest).ln();
        let other = alone(OutputKind::Gaussian, 5, &[0.5, wider]);
        let drawing = Drawing { temperature: f64::from(temperature), ..plain(7) };
        let drawn = draw(&case.made, &pool, &[case.first()], many, drawing).unwrap().images;
        let transforms = |case: &Case| {
            column(&integral_transforms(&case.made, &pool, &case.first(), &drawn), 1, 0)
        };
        assert!(is_uniform(transforms(&other)) && !is_uniform(transforms(&case)));

        let params = [0.5, 0.0, -9.0, 9.0, -0.5, 0.5];
        let case = alone(OutputKind::GaussianMixture, 2, &params);
        let points = grid(1);
        let nlls = nll_single_mask(&case.made, &pool, &case.first(), &points);
        let powers = nlls.iter().map(|nll| (-nll / f64::from(temperature)).exp());
        let [mut left, mut right] = [0.0; 2];
        for (power, &x) in powers.zip(points.real_values().unwrap()) {
            *if x < 0.0 { &mut left } else { &mut right } += power;
        }
        let drawn = draw(&case.made, &pool, &[case.first()], many, drawing).unwrap().images;
        let found = drawn.real_values().unwrap().iter().filter(|&&x| x < 0.0).count();
        let (share, expected) = (found as f64 / many as f64, left / (left + right));
        let error = (expected * (1.0 - expected) / many as f64).sqrt();
        assert!((share - expected).abs() < 4.0 * error + 1e-3, "{share} {expected}");
    }
}

/// The file of a model restores every score, bit for bit.
#[test]
fn files_of_densities_restore_every_score() {
    let pool = ThreadPool::new(1);
    for case in cases(3, MaskCount::Cycle(2)) {
        let (layout, first) = (&case.made.network().layout, case.first());
        let saved = file::save(&case.made, &first).unwrap();
        let numbering = case.made.first_ordering();
        let params = file::load(&saved, layout, numbering, std::slice::from_ref(&first)).unwrap();
        let variables = case.shape.with_levels(2).with_classes(layout.classes);
        let again = Made::with_parameters(&case.config, variables, &case.masks, params).unwrap();
        let images = of_classes(&normal(9, 3, 1.0), &[0, 1, 2]);
        let nlls = [&case.made, &again].map(|made| nll_single_mask(made, &pool, &first, &images));
        assert_eq!(nlls[0], nlls[1], "{}", case.name);
    }
}

/// 60 vectors of three numbers of two classes, one of which is apart from the other.
fn clusters() -> Dataset {
    let values = normal(60, 3, 0.5);
    let moved = values.real_values().unwrap().iter().enumerate();
    let moved = moved.map(|(i, x)| x + if i / 3 % 2 == 0 { 1.0 } else { -1.0 });
    let names = ["right", "left"].map(str::to_owned);
    let labels = Labels { of: (0..60).map(|i| i % 2).collect(), names: names.into() };
    dataset(Images::real(moved.collect(), 3).with_labels(labels), 3, 1)
}

fn models() -> [ModelConfig; 2] {
    let plain = ModelConfig {
        hidden: vec![9],
        ordering: OrderingRule::Random,
        masks: MaskCount::Cycle(2),
        output: OutputKind::Gaussian,
        ..ModelConfig::default()
    };
    let told = ModelConfig {
        output: OutputKind::GaussianMixture,
        components: 3,
        classes: true,
        skip: true,
        ..plain.clone()
    };
    [plain, told]
}

/// A training of densities that is stopped, saved and restored into a new model ends with the same
/// bytes, and two threads end with them, too.
#[test]
fn resuming_a_density_equals_never_having_stopped() {
    for model in models() {
        let train = TrainConfig {
            optimizer: adam(0.01),
            batch: 15,
            epochs: 5,
            ..TrainConfig::default()
        };
        let whole = Setup::new(&model, clusters(), train.clone());
        let mut straight = whole.trainer();
        finish(&mut straight);
        let first = Setup::new(&model, clusters(), train.clone());
        let mut trainer = first.trainer();
        for _ in 0..7 {
            trainer.advance().unwrap();
        }
        let mut second = Setup::new(&model, clusters(), train);
        second.pool = ThreadPool::new(2);
        let mut resumed = second.trainer();
        resumed.restore(&trainer.checkpoint().unwrap()).unwrap();
        finish(&mut resumed);
        assert_eq!(whole.made.read(<[f32]>::to_vec), second.made.read(<[f32]>::to_vec));
        assert_eq!(straight.epochs(), resumed.epochs());
    }
}

/// Training by candle's autograd is that by the kernels, up to rounding; a changed number is noticed.
#[test]
fn training_densities_by_autograd_gives_the_same_run() {
    for model in models() {
        let train = TrainConfig {
            optimizer: adam(0.01),
            batch: 15,
            epochs: 3,
            ..TrainConfig::default()
        };
        let setup = Setup::new(&model, clusters(), train.clone());
        let untrained = Setup::new(&model, clusters(), train);
        let mut trainer = setup.trainer();
        finish(&mut trainer);
        let best = trainer.best().unwrap().epoch;
        let compared = |epochs: &[_]| {
            let Setup { made, masks, data, train, .. } = &untrained;
            let [single, double] = [Precision::Single, Precision::Double].map(|precision| {
                ReferenceTrainer::new(made, masks, data, train, SEED, precision).unwrap()
            });
            compare(single, double, epochs, best, &setup.made).unwrap()
        };
        let mut epochs = trainer.epochs().to_vec();
        let found = compared(&epochs);
        assert!(found.nll.is_explained() && found.weights.is_explained(), "{found:?}");
        assert!(found.nll.bound() < 1e-2, "{found:?} sees nothing");
        epochs[1].valid_nll_nats += 1e-2;
        assert!(!compared(&epochs).nll.is_explained(), "control");
    }
}

/// Without hidden units, one number under one Gaussian has the mean and the variance of the data.
#[test]
fn one_gaussian_is_fitted_by_hand() {
    let values = normal(200, 1, 0.6);
    let values = Images::real(values.real_values().unwrap().iter().map(|x| x + 0.4).collect(), 1);
    let x: Vec<f64> = values.real_values().unwrap().iter().map(|&x| f64::from(x)).collect();
    let center = mean(&x).unwrap();
    let variance = mean(&x.iter().map(|x| (x - center).powi(2)).collect::<Vec<_>>()).unwrap();
    for (output, components) in &KINDS[..2] {
        let model = ModelConfig {
            hidden: vec![],
            output: *output,
            components: *components,
            ..ModelConfig::default()
        };
        let train = TrainConfig {
            optimizer: adam(0.02),
            batch: 200,
            epochs: 500,
            ..TrainConfig::default()
        };
        let setup = Setup::new(&model, dataset(values.clone(), 1, 1), train);
        finish(&mut setup.trainer());
        let params = setup.made.read(<[f32]>::to_vec);
        let [fitted, log_scale] = params[params.len() - 2..] else { unreachable!() };
        let deviation = f64::from(log_scale).exp() + f64::from(MIN_DEVIATION);
        assert!((f64::from(fitted) - center).abs() < 1e-3, "{fitted} {center}");
        assert!((deviation - variance.sqrt()).abs() < 1e-3, "{deviation} {variance}");
        let mask = setup.masks.evaluated(0);
        let nll = mean(&nll_single_mask(&setup.made, &setup.pool, &mask, &values)).unwrap();
        let exact = 0.5 * (1.0 + variance.ln() + std::f64::consts::TAU.ln());
        assert!((nll - exact).abs() < 1e-4, "{nll} {exact}");
    }
}

/// The components of the first number part, although nothing but their own parameters tells them
/// apart: two clusters have the likelihood of two Gaussians, which one Gaussian does not reach.
#[test]
fn components_of_the_first_number_part() {
    let values = normal(400, 1, 0.1);
    let clusters = values.real_values().unwrap().iter().enumerate();
    let clusters = clusters.map(|(i, x)| if i % 2 == 0 { x + 1.0 } else { x - 1.0 }).collect();
    let values = Images::real(clusters, 1);
    let nll = |components: usize| {
        let model = ModelConfig {
            hidden: vec![],
            output: OutputKind::GaussianMixture,
            components,
            ..ModelConfig::default()
        };
        let train = TrainConfig {
            optimizer: adam(0.03),
            batch: 400,
            epochs: 300,
            ..TrainConfig::default()
        };
        let setup = Setup::new(&model, dataset(values.clone(), 1, 1), train);
        finish(&mut setup.trainer());
        mean(&nll_single_mask(&setup.made, &setup.pool, &setup.masks.evaluated(0), &values))
            .unwrap()
    };
    // log 2 for the cluster, and a Gaussian of deviation 0.1.
    let exact = 2f64.ln() + 0.5 * (1.0 + std::f64::consts::TAU.ln()) + 0.1f64.ln();
    let (one, two) = (nll(1), nll(2));
    assert!((two - exact).abs() < 0.05, "{two} {exact}");
    assert!(one > exact + 1.0, "control: {one}");
}

/// A component that collapses onto a repeated value has a finite likelihood, and the share of such
/// densities says so; it can widen again.
#[test]
fn a_collapsed_component_is_finite_and_counted() {
    let pool = ThreadPool::new(1);
    let half = (0..100)
        .map(|i| if i % 2 == 0 { 0.25 } else { i as f32 / 50.0 - 1.0 })
        .collect();
    let values = Images::real(half, 1);
    let model = ModelConfig {
        hidden: vec![],
        output: OutputKind::GaussianMixture,
        components: 2,
        ..ModelConfig::default()
    };
    let train = TrainConfig {
        optimizer: adam(0.001),
        batch: 100,
        epochs: 6000,
        ..TrainConfig::default()
    };
    let setup = Setup::new(&model, dataset(values.clone(), 1, 1), train.clone());
    // One component is on its way to the value.
    setup
        .made
        .update(|p| p.copy_from_slice(&[0.0, 0.0, 0.24, 0.0, -4.0, -1.0]))
        .unwrap();
    finish(&mut setup.trainer());
    let mask = setup.masks.evaluated(0);
    let nlls = nll_single_mask(&setup.made, &pool, &mask, &values);
    let least = f64::from(MIN_DEVIATION).ln() + 0.5 * std::f64::consts::TAU.ln();
    assert!(nlls.iter().all(|nll| nll.is_finite() && *nll >= least - 1e-3), "{nlls:?}");
    assert_eq!(share_at_smallest_scale(&setup.made, &pool, &mask, &values), 1.0);

    let share = |logit: f32, log_scale: f32| {
        let params = [logit, 0.0, 0.0, 0.5, log_scale, 0.0];
        let case = alone(OutputKind::GaussianMixture, 2, &params);
        share_at_smallest_scale(&case.made, &pool, &case.first(), &values)
    };
    assert_eq!((share(0.0, -9.0), share(0.0, -5.0), share(-6.0, -9.0)), (1.0, 0.0, 0.0));
    let greys = Case::new(ModelConfig::default(), shape(1, 1));
    let black = Images::new([0], 1);
    assert_eq!(share_at_smallest_scale(&greys.made, &pool, &greys.first(), &black), 0.0);

    let mut narrow = Setup::new(
        &ModelConfig { output: OutputKind::Gaussian, ..model },
        dataset(normal(100, 1, 0.02), 1, 1),
        train,
    );
    narrow.train.optimizer = adam(0.01);
    narrow.made.update(|p| p.copy_from_slice(&[0.0, -12.0])).unwrap();
    finish(&mut narrow.trainer());
    let deviation = narrow.made.read(|p| p[1]).exp() + MIN_DEVIATION;
    assert!((0.015..0.025).contains(&deviation), "{deviation}");
}
