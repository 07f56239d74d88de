//! Laws of the gradient: autograd against differences, the kernels against autograd, and what masks close.

use ablade::made::kernels::lanes::Lane;
use ablade::made::kernels::team::Team;
use ablade::made::kernels::update::{Target, Update};
use ablade::made::network::{Learning, Workspace};
use ablade::made::reference::{Reference, nll};
use ablade::made::sorted::scatter;
use ablade::made::{Activation, MaskCount};
use candle_core::{DType, Device, Tensor, Var};

use crate::cases::{self, Case, corner_images, corners};
use crate::likelihood::closed_parameters;

/// Mean NLL of some corners under mask `index`, and its gradient by autograd, in double precision.
fn autograd(case: &Case, index: usize, params: &[f64]) -> (f64, Vec<f64>) {
    let masks = case.masks.evaluated(index);
    let engine =
        Reference::new(case.made.network(), &masks, case.made.first_ordering(), DType::F64, &Device::Cpu).unwrap();
    let points: Vec<f64> = corners(6).into_iter().step_by(3).flatten().collect();
    let x = Tensor::from_vec(points, (22, 6), &Device::Cpu).unwrap();
    let params = Var::from_slice(params, params.len(), &Device::Cpu).unwrap();
    let loss = nll(&engine.logits(&params, &x).unwrap(), &x).unwrap().mean(0).unwrap();
    let gradients = loss.backward().unwrap();
    let gradient = gradients.get(&params).map(|g| g.to_vec1().unwrap());
    (loss.to_scalar().unwrap(), gradient.unwrap())
}

fn parameters(case: &Case) -> Vec<f64> {
    case.made.read(|p| p.iter().map(|&p| f64::from(p)).collect())
}

/// The kernels' backward pass is autograd's gradient, for every model and a mask that is not the first; every parameter
/// that the mask closes has gradient exactly zero in both.
#[test]
fn kernels_agree_with_autograd() {
    let team = Team::new(1);
    for case in cases::all(MaskCount::Cycle(2)) {
        let network = case.made.network();
        let layout = &network.layout;
        for index in 0..2 {
            let (loss, expected) = autograd(&case, index, &parameters(&case));
            let staircase = case.made.staircase(&case.masks.evaluated(index));
            let mut space = Workspace::new(layout, 22);
            let images = corner_images(6);
            space.load((0..64).step_by(3).map(|i| images.row(i)), &staircase);
            let grid = &network.grid;
            let mut weights = case.made.lanes(&staircase);
            network.forward(&team, &weights, &staircase, 22, &mut space);
            let mut recorded = vec![Lane::default(); grid.len];
            let target = Target { p: &mut weights, state: [&mut recorded, &mut []] };
            let learning = Learning { target, update: Update::Record, sorted: None };
            let total = network.backward(&team, learning, &staircase, 22, &mut space);
            let (mut sorted, mut gradient) = (vec![0.0; layout.len], vec![0.0; layout.len]);
            grid.store(layout, &recorded, &mut sorted);
            scatter(layout, &staircase, &sorted, &mut gradient);
            assert!((total / 22.0 - loss).abs() < 1e-4, "{total} {loss}: {}", case.name);
            let closed = closed_parameters(&case, index);
            for (i, (got, expected)) in gradient.iter().zip(&expected).enumerate() {
                assert!((f64::from(*got) - expected).abs() < 2e-5, "{i}: {got}, not {expected}: {}", case.name);
                assert!(!closed[i] || (*got == 0.0 && *expected == 0.0), "closed {i} moves: {}", case.name);
            }
        }
    }
}

/// Autograd's gradient is the central difference, in double precision, for every parameter of smooth models.
#[test]
fn autograd_agrees_with_differences() {
    let smooth = |case: &Case| !matches!(case.config.activation, Activation::Relu) && case.config.hidden.len() < 3;
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
            assert!((difference - gradient[i]).abs() < 1e-7, "{i}: {} and {difference}: {}", gradient[i], case.name);
        }
    }
}

fn autograd_loss(case: &Case, params: &[f64]) -> f64 {
    let masks = case.masks.evaluated(1);
    let engine =
        Reference::new(case.made.network(), &masks, case.made.first_ordering(), DType::F64, &Device::Cpu).unwrap();
    let points: Vec<f64> = corners(6).into_iter().step_by(3).flatten().collect();
    let x = Tensor::from_vec(points, (22, 6), &Device::Cpu).unwrap();
    let params = Tensor::new(params, &Device::Cpu).unwrap();
    nll(&engine.logits(&params, &x).unwrap(), &x).unwrap().mean(0).unwrap().to_scalar().unwrap()
}

/// The Jacobian of the logits is zero where the ordering forbids, and not zero wherever a path exists (smooth
/// activations only: dead rectifiers would pass for closed paths).
#[test]
fn the_jacobian_is_the_paths() {
    let smooth = |case: &Case| matches!(case.config.activation, Activation::Softplus | Activation::Tanh);
    for case in cases::all(MaskCount::Cycle(1)).filter(smooth) {
        let masks = case.first();
        let engine =
            Reference::new(case.made.network(), &masks, case.made.first_ordering(), DType::F64, &Device::Cpu).unwrap();
        let params = case.made.parameters().to_dtype(DType::F64).unwrap();
        let x = Var::from_vec(vec![0.3, 0.9, 0.1, 0.7, 0.2, 0.5], (1, 6), &Device::Cpu).unwrap();
        let (positions, visible) = (masks.ordering().positions(), masks.visible());
        for d in 0..6 {
            let logit = engine.logits(&params, &x).unwrap().narrow(1, d, 1).unwrap().sum_all().unwrap();
            let gradients = logit.backward().unwrap();
            let row: Vec<f64> = gradients.get(&x).map_or(vec![0.0; 6], |g| g.flatten_all().unwrap().to_vec1().unwrap());
            for (j, slope) in row.iter().enumerate() {
                let path = (positions[j] as usize) < visible[positions[d] as usize];
                assert_eq!(*slope != 0.0, path, "d logit {d} / d pixel {j} = {slope}: {}", case.name);
            }
        }
    }
}
