//! Laws of the gradient: autograd against finite differences, the kernels against autograd, and
//! zero gradients of masked weights.

use ablade::made::masks::MaskSet;
use ablade::made::ordering::OrderingRule;
use ablade::made::reference::Reference;
use ablade::made::{Activation, MaskCount, ModelConfig};
use ablade::parallel::ThreadPool;
use ablade::rng::Purpose;
use ablade::train::{MinibatchGradient, minibatch_gradient};
use candle_core::{DType, Device, Tensor, Var};

use super::cases::{self, Case, SEED, corner_images, corners, shape};
use super::likelihood::closed_parameters;

/// The network of a case under a mask in candle's own operations, in double precision.
fn reference(case: &Case, mask: &MaskSet) -> Reference {
    let (network, first) = (case.made.network(), case.made.first_ordering());
    Reference::new(network, mask, first, DType::F64, &Device::Cpu).unwrap()
}

/// Mean NLL of some corners under mask `index`, and its gradient by autograd, in double precision.
fn autograd(case: &Case, index: usize, params: &[f64]) -> (f64, Vec<f64>) {
    let points: Vec<f64> = corners(6).into_iter().step_by(3).flatten().collect();
    autograd_at(case, index, params, &points)
}

/// The same at any points.
fn autograd_at(case: &Case, index: usize, params: &[f64], points: &[f64]) -> (f64, Vec<f64>) {
    let masks = case.masks.evaluated(index);
    let engine = reference(case, &masks);
    let dim = case.shape.dim();
    let x = Tensor::from_slice(points, (points.len() / dim, dim), &Device::Cpu).unwrap();
    let params = Var::from_slice(params, params.len(), &Device::Cpu).unwrap();
    let loss = engine.nll(&params, &x).unwrap().mean(0).unwrap();
    let gradients = loss.backward().unwrap();
    let gradient = gradients.get(&params).map(|g| g.to_vec1().unwrap());
    (loss.to_scalar().unwrap(), gradient.unwrap())
}

fn parameters(case: &Case) -> Vec<f64> {
    case.made.read(|p| p.iter().map(|&p| f64::from(p)).collect())
}

/// Sum of the NLL of images under mask `index`, and the gradient of its mean by the kernels, as in
/// training.
fn kernels<'a>(
    case: &Case,
    index: usize,
    images: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    pool: &ThreadPool,
) -> (f64, Vec<f32>) {
    let masks = case.masks.evaluated(index);
    let MinibatchGradient { nll_sum_nats, gradient } =
        minibatch_gradient(&case.made, pool, &masks, images);
    (nll_sum_nats, gradient)
}

/// The kernels' backward pass is autograd's gradient, for every model and a mask that is not the
/// first; every parameter that the mask closes has gradient exactly zero in both.
#[test]
fn kernels_agree_with_autograd() {
    let pool = ThreadPool::new(1);
    for case in cases::all(MaskCount::Cycle(2)) {
        for index in 0..2 {
            let (loss, expected) = autograd(&case, index, &parameters(&case));
            let images = corner_images(6);
            let (total, gradient) =
                kernels(&case, index, (0..64).step_by(3).map(|i| images.row(i)), &pool);
            assert!((total / 22.0 - loss).abs() < 1e-4, "{total} {loss}: {}", case.name);
            let closed = closed_parameters(&case, index);
            for (i, (got, expected)) in gradient.iter().zip(&expected).enumerate() {
                assert!(
                    (f64::from(*got) - expected).abs() < 2e-5,
                    "{i}: {got}, not {expected}: {}",
                    case.name
                );
                assert!(
                    !closed[i] || (*got == 0.0 && *expected == 0.0),
                    "closed {i} moves: {}",
                    case.name
                );
            }
        }
    }
}

/// Images with leading zeros, which products skip, also have autograd's gradient, and so do
/// all-zero and all-one images: for wide models, with one mask or with shared weights, and with
/// equal bits for any number of threads.
#[test]
fn images_that_begin_blank_have_the_gradient_of_autograd() {
    use Activation::{Relu, Sigmoid, Softplus, Softsign, Tanh};
    for (i, activation) in [Relu, Softplus, Tanh, Sigmoid, Softsign, Relu, Relu, Tanh]
        .into_iter()
        .enumerate()
    {
        let config = ModelConfig {
            ordering: [OrderingRule::Raster, OrderingRule::Random][i / 2 % 2],
            hidden: [vec![70], vec![70, 50]][i % 2].clone(),
            skip: i % 3 == 0,
            condition: i % 3 == 1,
            activation,
            masks: MaskCount::Cycle(if i == 0 { 1 } else { 3 }),
            ..ModelConfig::default()
        };
        let case = Case::new(config, shape(9, 8));
        let (dim, index) = (case.shape.dim(), if case.made.has_single_mask() { 0 } else { 2 });
        let (mask, layers) = (case.masks.evaluated(index), &case.made.network().layout.layers);
        // Low and high densities, including one all-zero image and one all-one image.
        for (density, latest, count) in [(0.15, 73, 19), (0.8, 30, 5)] {
            let mut stream = SEED.stream(Purpose::Sample, i as u64);
            let mut images = vec![0u8; count * dim];
            for image in images.chunks_exact_mut(dim).skip(1) {
                let begin = stream.below(latest) as usize;
                for &pixel in &mask.ordering().pixels()[begin..] {
                    image[pixel as usize] = u8::from(stream.uniform() < density);
                }
            }
            images[dim..2 * dim].fill(1);
            let points: Vec<f64> = images.iter().map(|&x| f64::from(x)).collect();
            let (loss, expected) = autograd_at(&case, index, &parameters(&case), &points);
            let gradients = [1, 3].map(|threads| {
                let (total, gradient) =
                    kernels(&case, index, images.chunks_exact(dim), &ThreadPool::new(threads));
                assert!(
                    (total / count as f64 / loss - 1.0).abs() < 1e-5,
                    "{total} {loss}: {}",
                    case.name
                );
                gradient
            });
            assert!(gradients[0] == gradients[1], "threads change numbers: {}", case.name);
            for (i, (&got, expected)) in gradients[0].iter().zip(&expected).enumerate() {
                let apart = (f64::from(got) - expected).abs();
                assert!(
                    apart < 1e-5 * (1.0 + expected.abs()),
                    "{i}: {got}, not {expected}: {}",
                    case.name
                );
                // Between hidden units, zero may be a sum that rounding has cancelled.
                let sum = layers[1..layers.len() - 1].iter().any(|link| link.weight.contains(&i));
                assert!(
                    *expected != 0.0 || got == 0.0 || sum,
                    "{i}: {got}, not zero: {}",
                    case.name
                );
            }
        }
    }
}

/// A unit that is on for the all-zero image and off for every image of a minibatch has a gradient
/// of exactly zero: noise instead would cause steps of an optimiser that divides by the size of
/// gradients.
#[test]
fn units_that_no_image_turns_on_have_no_gradient() {
    let config = ModelConfig {
        hidden: vec![70],
        activation: Activation::Relu,
        ..ModelConfig::default()
    };
    let case = Case::new(config, shape(9, 8));
    let layers = &case.made.network().layout.layers;
    let (incoming, unit, dim) = (&layers[0], 40, 72);
    let row = incoming.weight.start + unit * incoming.n_in
        ..incoming.weight.start + (unit + 1) * incoming.n_in;
    let bias = incoming.bias.start + unit;
    let outgoing: Vec<usize> =
        (0..dim).map(|n| layers[1].weight.start + n * layers[1].n_in + unit).collect();
    case.made
        .update(|p| {
            p[row.clone()].iter_mut().filter(|w| **w != 0.0).for_each(|w| *w = -10.0);
            p[bias] = 1.0;
        })
        .unwrap();
    let mut stream = SEED.stream(Purpose::Sample, 0);
    let mut images: Vec<u8> = (0..19 * dim).map(|_| u8::from(stream.uniform() < 0.15)).collect();
    let gradient =
        |images: &[u8]| kernels(&case, 0, images.chunks_exact(dim), &ThreadPool::new(1)).1;
    let moves = |gradient: &[f32]| {
        row.clone().chain([bias]).chain(outgoing.clone()).any(|i| gradient[i] != 0.0)
    };
    images.iter_mut().step_by(dim).for_each(|first| *first = 1);
    assert!(!moves(&gradient(&images)));
    images[..dim].fill(0);
    assert!(moves(&gradient(&images)), "control: a blank image turns it on");
}

/// Autograd's gradient is the central difference, in double precision, for every parameter of
/// smooth models.
#[test]
fn autograd_agrees_with_differences() {
    let smooth = |case: &Case| {
        !matches!(case.config.activation, Activation::Relu) && case.config.hidden.len() < 3
    };
    for case in cases::all(MaskCount::Cycle(2)).filter(smooth).step_by(7) {
        let mut params = parameters(&case);
        let (_, gradient) = autograd(&case, 1, &params);
        for i in 0..params.len() {
            let value = params[i];
            let mut at = |p: f64| {
                params[i] = p;
                autograd_loss(&case, &params)
            };
            let difference = (at(value + 1e-5) - at(value - 1e-5)) / 2e-5;
            params[i] = value;
            assert!(
                (difference - gradient[i]).abs() < 1e-7,
                "{i}: {} and {difference}: {}",
                gradient[i],
                case.name
            );
        }
    }
}

fn autograd_loss(case: &Case, params: &[f64]) -> f64 {
    let masks = case.masks.evaluated(1);
    let engine = reference(case, &masks);
    let points: Vec<f64> = corners(6).into_iter().step_by(3).flatten().collect();
    let x = Tensor::from_vec(points, (22, 6), &Device::Cpu).unwrap();
    let params = Tensor::new(params, &Device::Cpu).unwrap();
    engine.nll(&params, &x).unwrap().mean(0).unwrap().to_scalar().unwrap()
}

/// The Jacobian of the logits is zero where the ordering forbids a dependency, and non-zero where a
/// path exists (smooth activations only: inactive rectifiers would look like closed paths).
#[test]
fn the_jacobian_is_the_paths() {
    let smooth =
        |case: &Case| matches!(case.config.activation, Activation::Softplus | Activation::Tanh);
    for case in cases::all(MaskCount::Cycle(1)).filter(smooth) {
        let masks = case.first();
        let engine = reference(&case, &masks);
        let params = case.made.parameters().to_dtype(DType::F64).unwrap();
        let x = Var::from_vec(vec![0.3, 0.9, 0.1, 0.7, 0.2, 0.5], (1, 6), &Device::Cpu).unwrap();
        let (positions, visible) = (masks.ordering().positions(), masks.visible());
        for d in 0..6 {
            let logit =
                engine.logits(&params, &x).unwrap().narrow(1, d, 1).unwrap().sum_all().unwrap();
            let gradients = logit.backward().unwrap();
            let row: Vec<f64> = gradients
                .get(&x)
                .map_or(vec![0.0; 6], |g| g.flatten_all().unwrap().to_vec1().unwrap());
            for (j, slope) in row.iter().enumerate() {
                let path = (positions[j] as usize) < visible[positions[d] as usize];
                assert_eq!(
                    *slope != 0.0,
                    path,
                    "d logit {d} / d pixel {j} = {slope}: {}",
                    case.name
                );
            }
        }
    }
}
